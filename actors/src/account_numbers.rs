//! Account numbers of a tenant's range that are given out: to customers, to payment requests, or to both.
//!
//! ```text
//! free ─► given ─► released: in quarantine ─► free again, for another
//! ```
//!
//! What is booked is read as of its day: until a number was released it was its owner's, after that nobody's,
//! and before it was given again somebody else's.

use crate::values::{AccountPool, Date, VirtualIban};

/// How long after its release a number is nobody's. A payer may keep a standing order for a year, and
/// its recall comes up to a month after.
const QUARANTINE_MONTHS: i32 = 13;

/// What is given out, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountNumbers {
    /// The range.
    pub pool: AccountPool,
    /// Each new customer is given one.
    pub to_customers: bool,
    /// Each new payment request is given one.
    pub to_requests: bool,
}

/// A number out of the pool, and how many are left after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The number.
    pub virtual_iban: VirtualIban,
    /// Since when it is this owner's, if it was another's before.
    pub since: Option<Date>,
    /// How many numbers of the pool were never given.
    pub left: u64,
}

/// From when on a number that is released on a day may be another's.
pub fn free_on(released_on: Date) -> Date {
    released_on.plus_months(QUARANTINE_MONTHS)
}
