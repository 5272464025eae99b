//! What happened to a payment request. Stored for ever: variants are only ever added at the
//! end (N8).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::state::{Source, Terms};
use crate::values::{AttemptId, Money, Timestamp};

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// Payment was asked for.
    Issued {
        /// What was agreed.
        terms: Arc<Terms>,
    },
    /// A reminder step was planned.
    ReminderPlanned {
        /// The step's place in the scenario.
        step: u16,
        /// When it is due.
        due: Timestamp,
        /// Which arming this is.
        generation: u32,
    },
    /// A reminder step was reached; its customer decides whether and how it leaves.
    ReminderReached {
        /// The step's place in the scenario.
        step: u16,
        /// When it was due.
        due: Timestamp,
    },
    /// A reminder step was passed over.
    ReminderSkipped {
        /// The step's place in the scenario.
        step: u16,
        /// The step's name.
        name: SmolStr,
        /// Why.
        reason: SmolStr,
    },
    /// No further step follows, or none is wanted.
    RemindersStopped {
        /// Why.
        reason: SmolStr,
        /// The generation after which no timer counts.
        generation: u32,
    },
    /// A payment was counted towards it.
    AmountAllocated {
        /// Where it came from.
        source: Source,
        /// How much.
        amount: Money,
        /// What is left to pay.
        outstanding: Money,
    },
    /// The last cent came in.
    Settled {
        /// When.
        at: Timestamp,
    },
    /// The deadline passed unpaid.
    BecameOverdue {
        /// When.
        at: Timestamp,
    },
    /// A collection attempt succeeded.
    AttemptSucceeded {
        /// Its id.
        attempt: AttemptId,
        /// The amount collected.
        amount: Money,
    },
    /// A collection attempt failed.
    AttemptFailed {
        /// Its id.
        attempt: AttemptId,
        /// The amount tried.
        amount: Money,
        /// The reason code.
        reason_code: SmolStr,
        /// The how manieth failure of the request it is.
        failures: u16,
    },
    /// Money is to be given back.
    RefundInitiated {
        /// The caller's key.
        key: SmolStr,
        /// How much.
        amount: Money,
    },
    /// Nothing is asked any more.
    Cancelled {
        /// Why.
        reason: SmolStr,
        /// When.
        at: Timestamp,
    },
    /// A payment is counted no longer.
    AllocationReversed {
        /// Where it had come from.
        source: Source,
        /// How much.
        amount: Money,
        /// What is left to pay.
        outstanding: Money,
    },
    /// It was settled, and is open again.
    Reopened {
        /// When.
        at: Timestamp,
    },
}
