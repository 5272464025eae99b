//! What happened to a payout. Stored for ever: variants are only ever added at the end (N8).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::state::Details;
use crate::values::Date;

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// It was asked for.
    Requested {
        /// What.
        details: Arc<Details>,
        /// Whether another person must approve it.
        awaits_approval: bool,
    },
    /// Another person has approved it.
    Approved {
        /// Who.
        by: SmolStr,
    },
    /// It is to leave.
    Ordered {
        /// The day it is to be executed.
        on: Date,
    },
    /// A person did not approve it.
    Rejected {
        /// Who.
        by: SmolStr,
        /// Why.
        reason: SmolStr,
    },
    /// The bank has booked it.
    Executed {
        /// The day.
        on: Date,
    },
    /// The bank refused it, or it came back.
    Failed {
        /// Why.
        reason: SmolStr,
        /// Whether it had been booked before.
        was_executed: bool,
    },
    /// The bank has booked it after all, which had refused it before or was told by nobody.
    Contradicted {
        /// The day.
        on: Date,
        /// What was known before.
        before: SmolStr,
    },
}
