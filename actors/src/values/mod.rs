//! The shared words of the field: money, accounts, references, dates, contacts.
//!
//! Every value is built by a constructor that refuses bad input, so a value that exists is
//! valid. `Debug` of personal data is masked (INV-12).

mod account_pool;
mod calendar;
mod contact;
mod hash;
mod iban;
mod ids;
mod invoice_number;
mod money;
mod names;
mod payment_reference;
mod references;
mod seldom;
mod sepa;
mod short_reference;
mod time;

pub use account_pool::AccountPool;
pub use calendar::{Calendar, CalendarError, easter};
pub use contact::{ContactError, EmailAddress, Language, PhoneNumber, wants_no_more};
pub use hash::stable_hash;
pub use iban::{Iban, IbanError, VirtualIban, french_iban, rib_key};
pub use ids::{
    AttemptId, CommandId, CustomerId, DeliveryId, EntityId, FeedId, IdError, PARTITIONS, PaymentRequestId, PayoutId,
    PlanId, TenantId, TransferId,
};
pub use invoice_number::{NumberText, canonical_number, is_telling_number, last_digits, tail};
pub use money::{Currency, DecimalMark, Money, MoneyError};
pub use names::{Agreement, name_key, name_words, names_agree};
pub use payment_reference::{PaymentReference, PaymentReferenceError, ReferenceScheme};
pub use references::{CreditorReference, EndToEndId, ReferenceError, RemittanceInformation, SYMBOLS_ISO_11649_MAX};
pub use seldom::{Seldom, Unsaid};
pub use sepa::{bic, sepa_identifier};
pub use short_reference::{Found, Reading, ReferenceKey, ShortReference};
pub use time::{Date, Timestamp, Zone, ZoneError};
