//! What is asked about an attempt that a connector may have: what became of it, and to leave it.
//!
//! ```text
//! taken, no result ─┐                   ┌─► ended ─► as if it had been reported
//! no answer: unknown ┴─► asked, again ──┼─► never had it ─► withdrawn ─► planned anew
//! paid otherwise ─► asked to leave it ──┼─► left ─► withdrawn
//!                                       └─► nothing for a fortnight ─► a person
//! ```
//!
//! Nothing new is collected before an answer: what nobody knows of may have been paid (INV-04).

use smol_str::{SmolStr, format_smolstr};

use super::attempts::report_attempt;
use super::collecting::method_of;
use super::collection::{Collection, Stage};
use super::command::{AttemptNews, AttemptReport, Rejection};
use super::event::Event;
use super::planning::Plan;
use super::state::{AttemptStatus, PaymentRequest, Status, Terms};
use crate::machine::{Context, Decision, Effect};
use crate::policies::Asked;
use crate::values::AttemptId;

/// Orders of one request that a connector may lose before a person looks into it.
const LOST_MAX: usize = 3;

fn asked(connector: &str, context: &Context<'_>) -> Asked {
    context.policies.collections.asked.get(connector).copied().unwrap_or_default()
}

/// Asks the connector of an attempt what became of it, if it can be asked.
pub(super) fn inquire(
    decision: &mut Decision<Event>, (attempt, connector): (AttemptId, &SmolStr), context: &Context<'_>,
) {
    if asked(connector, context).inquires {
        decision.effect(Effect::Inquire { connector: connector.clone(), attempt });
    }
}

/// Nothing is to be paid any more: the connector of an attempt that has left is asked to leave it, if it can be. `by` is
/// the attempt that paid.
pub(super) fn call_back(
    decision: &mut Decision<Event>, state: &PaymentRequest, by: Option<AttemptId>, context: &Context<'_>,
) {
    let Some(collection) = state.collection.as_deref() else { return };
    let left = |attempt: &AttemptId| state.attempts.get(attempt).filter(|known| known.status.has_left());
    let Some(attempt) = state.in_flight().filter(|attempt| by != Some(*attempt)) else { return };
    let (Some(known), Some(plan)) = (left(&attempt), Plan::of(collection, context)) else { return };
    let Some(connector) = plan.policy.connector(method_of(known, collection)) else { return };
    if asked(connector, context).cancels {
        decision.effect(Effect::CancelAttempt { connector: connector.clone(), attempt });
    }
}

/// What a connector says of an attempt.
pub(super) fn heard(
    state: &PaymentRequest, terms: &Terms, (attempt, news): (AttemptId, &AttemptNews), context: &Context<'_>,
) -> Result<Decision<Event>, Rejection> {
    let known = state.attempts.get(&attempt).ok_or(Rejection::UnknownAttempt(attempt))?;
    Ok(match (news, known.status) {
        (AttemptNews::Ended(result), _) => {
            let report = AttemptReport { attempt, amount: known.amount, result: result.clone() };
            return report_attempt(state, terms, &report, context);
        }
        // What it has taken before it cannot lose: that is for whoever asks to go on asking.
        (AttemptNews::Missing, AttemptStatus::Unknown) => {
            withdrawn(state, attempt, "the provider never had it", context)
        }
        (AttemptNews::Cancelled, AttemptStatus::Submitted | AttemptStatus::Unknown) => {
            withdrawn(state, attempt, "the provider collects it no more", context)
        }
        (AttemptNews::Unheard { reason }, AttemptStatus::Submitted) => {
            Decision::of(Event::AttemptUnknown { attempt, reason: reason.clone() })
        }
        _ => Decision::default(),
    })
}

/// Nothing can be collected by an attempt any more. While the request is open another one is planned.
fn withdrawn(state: &PaymentRequest, attempt: AttemptId, reason: &str, context: &Context<'_>) -> Decision<Event> {
    let mut decision = Decision::default();
    let Some(collection) = state.collection.as_deref() else { return decision };
    let Stage::Running { attempt: running, number, .. } = collection.stage else { return decision };
    if running != attempt {
        return decision;
    }
    let generation = collection.generation.wrapping_add(1);
    decision.push(Event::AttemptSkipped { number, attempt: Some(attempt), reason: reason.into(), generation });
    if state.status != Status::Open {
        return decision;
    }
    let lost = state.attempts.values().filter(|known| known.status == AttemptStatus::Withdrawn).count() + 1;
    let collection = Collection { generation, ..Collection::clone(collection) };
    if let Some(plan) = Plan::of(&collection, context) {
        if lost >= LOST_MAX {
            plan.waits(&mut decision, format_smolstr!("{reason}, {lost} times"), None);
        } else {
            plan.attempt(&mut decision, collection.ordered.saturating_add(1), plan.today(), reason);
        }
    }
    decision
}
