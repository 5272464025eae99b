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

mod by_reason;
mod foresight;
mod instalments;
mod instrument;
mod paydays;
mod policy;
mod reason;
mod schedule;
mod scheme;

pub use by_reason::{Answer, ByReason};
pub use foresight::{Attempted, Failing, Foresight};
pub use instalments::{InstalmentError, PARTS_MAX, instalments};
pub use instrument::{Hold, Instrument, InstrumentDetails, Mandate, MandateKind, Method, NOTICE_DAYS_MAX, Usage};
pub use paydays::{PaidDays, Payday, Paydays};
pub use policy::{OnExhausted, PolicyError, RetryPolicy, Roll, Timing};
pub use reason::{Advised, Reason, ReasonClass, ReasonError, ReasonTable};
pub use schedule::Schedule;
pub use scheme::{Cap, CapError, Caps, CardScheme, Ledger};
