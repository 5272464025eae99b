//! Collecting from a card or by direct debit: from what, when again, and when never.
//!
//! ```text
//! failure ─► reason code ─► class ─► retry by the schedule │ wait for a new instrument │ stop
//!                                       └─► the scheme's caps (per instrument) ─► order ─► result
//! ```
//!
//! What is here only computes; the request (`payment_request/collecting.rs`) holds where its
//! collection stands, the customer (`customer/collecting.rs`) its instruments, holds and ledger.
//! Sources: EPC reason code guidance, Visa and Mastercard rules on new attempts; all of it is data
//! of the configuration with a version, apart from ceilings that no configuration can lift (N14).

mod instalments;
mod instrument;
mod paydays;
mod policy;
mod reason;
mod scheme;

pub use instalments::{InstalmentError, PARTS_MAX, instalments};
pub use instrument::{Hold, Instrument, InstrumentDetails, Mandate, MandateKind, Method, NOTICE_DAYS_MAX, Usage};
pub use paydays::{PaidDays, Payday, Paydays};
pub use policy::{OnExhausted, PolicyError, RetryPolicy, Schedule, Timing};
pub use reason::{Reason, ReasonClass, ReasonError, ReasonTable};
pub use scheme::{Cap, CapError, Caps, CardScheme, Ledger};
