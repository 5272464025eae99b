//! What happened to a plan. Stored for ever: variants are only ever added at the end (N8).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::state::{Standing, SuspendedBy, Terms};
use crate::values::{Date, Money, PaymentRequestId, Timestamp};

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// It was agreed.
    Created {
        /// What.
        terms: Arc<Terms>,
    },
    /// Its first cycle was asked for.
    Activated,
    /// It is known when the next cycle is asked for.
    CyclePlanned {
        /// Its number.
        number: u16,
        /// Its place in the calendar.
        slot: u32,
        /// Its payment deadline.
        due_on: Date,
        /// When it is asked for.
        at: Timestamp,
        /// Which arming of the timer counts from now on.
        generation: u32,
    },
    /// A cycle is asked for by a payment request.
    CycleAsked {
        /// Its number.
        number: u16,
        /// Its payment deadline.
        due_on: Date,
        /// How much.
        amount: Money,
        /// The request.
        request: PaymentRequestId,
    },
    /// Its payment request is there.
    CycleTaken {
        /// Its number.
        number: u16,
        /// The request.
        request: PaymentRequestId,
    },
    /// There can be no payment request of it.
    CycleRefused {
        /// Its number.
        number: u16,
        /// Why.
        reason: SmolStr,
    },
    /// A cycle stands otherwise.
    CycleStood {
        /// Its number.
        number: u16,
        /// Its request.
        request: PaymentRequestId,
        /// Where it stands.
        standing: Standing,
    },
    /// It is behind: a cycle has failed or is overdue.
    PastDue {
        /// The cycle.
        number: u16,
        /// Why.
        reason: SmolStr,
    },
    /// It is behind no more.
    Recovered {
        /// The cycle that was paid last.
        number: u16,
    },
    /// Cycles are asked for and not collected any more.
    CollectionHeld {
        /// The cycle because of which.
        number: u16,
        /// Why.
        reason: SmolStr,
    },
    /// A person is asked what becomes of it.
    Questioned {
        /// The cycle because of which.
        number: u16,
        /// Why.
        reason: SmolStr,
    },
    /// It rests.
    Paused {
        /// Why.
        reason: SmolStr,
        /// The last day of it.
        until: Option<Date>,
        /// Which arming of the timer counts from now on.
        generation: u32,
    },
    /// It goes on.
    Resumed {
        /// The place in the calendar of the next cycle.
        slot: u32,
        /// Which arming of the timer counts from now on.
        generation: u32,
    },
    /// It rests until it is resumed.
    Suspended {
        /// Why.
        reason: SmolStr,
        /// Who or what says so.
        by: SuspendedBy,
        /// Which arming of the timer counts from now on.
        generation: u32,
    },
    /// It has ended before its end.
    Cancelled {
        /// Why.
        reason: SmolStr,
        /// Which arming of the timer counts from now on.
        generation: u32,
    },
    /// Everything was asked for and paid.
    Completed,
    /// Something is agreed anew.
    Changed {
        /// What is agreed now.
        terms: Arc<Terms>,
    },
    /// A person has decided: it is collected again, and nothing is asked any more.
    Cleared,
}
