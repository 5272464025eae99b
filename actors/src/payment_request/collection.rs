//! Where the collection of a request stands, and how its attempts are named.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::event::Event;
use super::state::{Attempt, AttemptStatus, PaymentRequest};
use crate::collection::{Paydays, Usage};
use crate::values::{AttemptId, Date, Money, PaymentRequestId, Timestamp, stable_hash};

/// How a request is collected, and where that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// From what.
    pub usage: Usage,
    /// By which policy.
    pub policy: SmolStr,
    /// Where it stands.
    pub stage: Stage,
    /// Which arming of the timer counts.
    pub generation: u32,
    /// The highest number that was ordered: none is used twice, since its order may still wait somewhere.
    pub ordered: u16,
    /// When the customer has money, as far as its policy asks for that and it is known.
    pub paydays: Paydays,
}

/// Where a collection stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Stage {
    /// Nothing is planned.
    #[default]
    Idle,
    /// An attempt is planned.
    Planned {
        /// Its number.
        number: u16,
        /// When its order leaves.
        due: Timestamp,
        /// The day money is collected.
        collects_on: Date,
    },
    /// An attempt is under way.
    Running {
        /// Which.
        attempt: AttemptId,
        /// Its number.
        number: u16,
        /// The day money is collected.
        collects_on: Date,
    },
    /// It waits for something.
    Waits {
        /// For what.
        reason: SmolStr,
        /// Until when at most.
        until: Option<Timestamp>,
    },
    /// Nothing is collected any more.
    Ended {
        /// Why.
        reason: SmolStr,
    },
}

/// What stands as the reason of an attempt that was to leave and of which nobody knew, until it was known to collect nothing.
pub(super) const LOST: &str = "not_found";

/// The id of an attempt that is ordered here.
pub fn attempt_of(request: PaymentRequestId, number: u16) -> AttemptId {
    let hash = stable_hash(&["attempt", &request.to_string(), &number.to_string()]);
    AttemptId::new(Timestamp::default(), hash, request.partition())
}

/// The end-to-end id by which banks know an attempt: the request's id and the number, of at most 32
/// characters that banks accept.
pub fn end_to_end_id(request: PaymentRequestId, number: u16) -> String {
    let id = request.to_string();
    format!("{}-{number}", id.trim_start_matches("prq_"))
}

/// The attempt that an end-to-end id names, if it can be one of ours.
pub fn attempt_named(end_to_end_id: &str) -> Option<(PaymentRequestId, AttemptId)> {
    let (id, number) = end_to_end_id.trim().rsplit_once('-')?;
    let request = PaymentRequestId::parse(&format!("prq_{id}")).ok()?;
    let number = number.parse().ok().filter(|number| *number > 0)?;
    Some((request, attempt_of(request, number)))
}

impl PaymentRequest {
    /// Every attempt: those that were only reported, then those ordered here by their number.
    pub fn numbered_attempts(&self) -> Vec<(Option<u16>, AttemptId, &Attempt)> {
        let ordered = self.collection.as_ref().map_or(0, |collection| collection.ordered);
        let numbers: BTreeMap<AttemptId, u16> = self
            .terms
            .iter()
            .flat_map(|terms| (1..=ordered).map(|number| (attempt_of(terms.id, number), number)))
            .collect();
        let attempts = self.attempts.iter();
        let mut all: Vec<_> =
            attempts.map(|(attempt, record)| (numbers.get(attempt).copied(), *attempt, record)).collect();
        all.sort_by_key(|(number, ..)| *number);
        all
    }
}

pub(super) fn apply(state: &mut PaymentRequest, event: &Event) {
    match event {
        Event::CollectionAgreed { usage, policy } => {
            let (stage, generation, ordered, paydays) = match state.collection.take().map(|known| *known) {
                Some(Collection { stage: stage @ Stage::Running { .. }, generation, ordered, paydays, .. }) => {
                    (stage, generation, ordered, paydays)
                }
                Some(Collection { generation, ordered, paydays, .. }) => (Stage::Idle, generation, ordered, paydays),
                None => (Stage::Idle, 0, 0, Paydays::default()),
            };
            let (usage, policy) = (usage.clone(), policy.clone());
            state.collection = Some(Box::new(Collection { usage, policy, stage, generation, ordered, paydays }));
        }
        Event::AttemptPlanned { number, due, collects_on, generation, .. } => {
            let stage = Stage::Planned { number: *number, due: *due, collects_on: *collects_on };
            enter(state, stage, Some(*generation));
        }
        Event::AttemptOrdered { attempt, number, amount, collects_on, .. } => {
            let usage = state.collection.as_ref().map(|collection| Box::new(collection.usage.clone()));
            let (amount, status) = (*amount, AttemptStatus::Ordered);
            let record = Attempt { amount, status, reason_code: None, usage, connector: None, acknowledged: false };
            state.attempts.insert(*attempt, record);
            let stage = Stage::Running { attempt: *attempt, number: *number, collects_on: *collects_on };
            enter(state, stage, None);
            if let Some(collection) = &mut state.collection {
                collection.ordered = collection.ordered.max(*number);
            }
        }
        Event::AttemptHandedTo { attempt, connector } => {
            if let Some(known) = state.attempts.get_mut(attempt) {
                known.connector = Some(connector.clone());
            }
        }
        Event::AttemptPending { attempt, generation, .. } => {
            if let Some(known) = state.attempts.get_mut(attempt) {
                known.acknowledged = true;
            }
            if let Some(collection) = &mut state.collection {
                collection.generation = *generation;
            }
        }
        Event::AttemptSubmitted { attempt, generation, .. } => {
            set(state, *attempt, AttemptStatus::Submitted, None);
            if let Some(collection) = &mut state.collection {
                collection.generation = *generation;
            }
        }
        Event::AttemptSkipped { attempt, generation, .. } => {
            if let Some(attempt) = attempt {
                let lost = state.attempts.get(attempt).is_some_and(|known| known.status == AttemptStatus::Unknown);
                set(state, *attempt, AttemptStatus::Withdrawn, lost.then(|| LOST.into()));
            }
            enter(state, Stage::Idle, Some(*generation));
        }
        Event::AttemptUnknown { attempt, .. } => set(state, *attempt, AttemptStatus::Unknown, None),
        Event::AttemptReversed { attempt, reason_code, .. } => {
            set(state, *attempt, AttemptStatus::Reversed, Some(reason_code.clone()));
        }
        Event::CollectionWaits { reason, until, generation } => {
            enter(state, Stage::Waits { reason: reason.clone(), until: *until }, Some(*generation));
        }
        Event::CollectionEnded { reason, generation, .. } => {
            enter(state, Stage::Ended { reason: reason.clone() }, Some(*generation));
        }
        _ => {}
    }
}

/// Nothing is waited for any more.
pub(super) fn settled(state: &mut PaymentRequest) {
    if let Some(Collection { stage: stage @ Stage::Waits { .. }, .. }) = state.collection.as_deref_mut() {
        *stage = Stage::Idle;
    }
}

/// An attempt has ended; what follows is an event of its own.
pub(super) fn end_attempt(
    state: &mut PaymentRequest, attempt: AttemptId, amount: Money, status: AttemptStatus,
    reason_code: Option<&SmolStr>,
) {
    let known = state.attempts.remove(&attempt);
    let (usage, connector, acknowledged) =
        known.map(|known| (known.usage, known.connector, known.acknowledged)).unwrap_or_default();
    let record = Attempt { amount, status, reason_code: reason_code.cloned(), usage, connector, acknowledged };
    state.attempts.insert(attempt, record);
    if let Some(Collection { stage: stage @ Stage::Running { .. }, .. }) = state.collection.as_deref_mut()
        && matches!(stage, Stage::Running { attempt: running, .. } if *running == attempt)
    {
        *stage = Stage::Idle;
    }
}

fn enter(state: &mut PaymentRequest, stage: Stage, generation: Option<u32>) {
    if let Some(collection) = &mut state.collection {
        collection.stage = stage;
        collection.generation = generation.unwrap_or(collection.generation);
    }
}

fn set(state: &mut PaymentRequest, attempt: AttemptId, status: AttemptStatus, reason_code: Option<SmolStr>) {
    if let Some(record) = state.attempts.get_mut(&attempt) {
        record.status = status;
        record.reason_code = reason_code.or(record.reason_code.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_to_end_id_names_its_attempt_and_fits_the_field() {
        let request = PaymentRequestId::new(Timestamp::from_unix_millis(1_772_000_000_000), u64::MAX, 200);
        let text = end_to_end_id(request, 12);
        assert!(text.len() <= 35, "{text}");
        assert_eq!(attempt_named(&text), Some((request, attempt_of(request, 12))));
        assert_ne!(attempt_of(request, 1), attempt_of(request, 2));
        for other in ["NOTPROVIDED", "F-2026-12", "", "-1", "01J-1"] {
            assert_eq!(attempt_named(other), None, "{other}");
        }
    }
}
