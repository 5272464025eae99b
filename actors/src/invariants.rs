//! What must always hold. The same ids stand in the code, the tests and ARCHITECTURE.md.
//!
//! A broken invariant panics in a debug build and is counted in a release build, where
//! [`violations`] feeds an alarm.

use std::sync::atomic::{AtomicU64, Ordering};

/// One invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invariant {
    /// Its id, such as `INV-01`.
    pub id: &'static str,
    /// What it says.
    pub text: &'static str,
}

/// Allocations of a request never exceed its amount.
pub const ALLOCATIONS_WITHIN_AMOUNT: Invariant =
    Invariant { id: "INV-01", text: "allocations of a request are at most its amount" };
/// A transfer is placed to the cent.
pub const TRANSFER_PLACED: Invariant = Invariant {
    id: "INV-02",
    text: "allocated, credited, refunded and unallocated parts of a transfer make up its amount",
};
/// Nobody who has paid is reminded.
pub const NO_REMINDER_AFTER_SETTLEMENT: Invariant = Invariant {
    id: "INV-03",
    text: "no reminder leaves after settlement, cancellation, hold, promise or dispute was recorded",
};
/// Nobody is collected from twice at once.
pub const ONE_ATTEMPT_IN_FLIGHT: Invariant = Invariant {
    id: "INV-04",
    text: "attempts of a request are at most one more than the policy's, one at a time, below the scheme's caps",
};
/// Nothing is collected from what cannot be used.
pub const INSTRUMENT_USABLE: Invariant =
    Invariant { id: "INV-05", text: "no attempt without a usable card or mandate on the day of collection" };
/// Memory follows the log.
pub const STATE_IS_FOLD: Invariant =
    Invariant { id: "INV-08", text: "the state is the fold of the events and equals the snapshot" };
/// A timer is never early.
pub const TIMER_NOT_EARLY: Invariant =
    Invariant { id: "INV-10", text: "a timer never fires early and fires at least once" };

static VIOLATIONS: AtomicU64 = AtomicU64::new(0);

/// Reports that `invariant` does not hold.
pub fn broken(invariant: Invariant) {
    debug_assert!(false, "{} {}", invariant.id, invariant.text);
    VIOLATIONS.fetch_add(1, Ordering::Relaxed);
}

/// How many violations this process has counted.
pub fn violations() -> u64 {
    VIOLATIONS.load(Ordering::Relaxed)
}

/// Checks an invariant: panics in debug, counts in release.
#[macro_export]
macro_rules! check {
    ($invariant:expr, $condition:expr) => {
        if !$condition {
            $crate::invariants::broken($invariant);
        }
    };
}
