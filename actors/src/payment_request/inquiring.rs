//! What is asked about an attempt that a connector may have: what became of it, and to leave it.
//!
//! ```text
//! taken, no result ─┐                   ┌─► ended ─► as if it had been reported
//! no answer: unknown ┴─► asked, again ──┼─► never had it ─► withdrawn ─► planned anew
//! paid otherwise ─► asked to leave it ──┼─► left ─► withdrawn; a person, if it is open again
//!                                       └─► nothing for a fortnight ─► a person
//! ```
//!
//! Nothing new is collected before an answer: what nobody knows of may have been paid (INV-04).

use smol_str::{SmolStr, format_smolstr};

use super::attempts::report_attempt;
use super::collecting::{accepted, pause, returned};
use super::collection::{Collection, LOST, Stage};
use super::command::{AttemptNews, AttemptReport, AttemptResult};
use super::event::Event;
use super::planning::Plan;
use super::rejection::Rejection;
use super::state::{Attempt, AttemptStatus, PaymentRequest, Status, Terms};
use crate::collection::Method;
use crate::customer::{self, Note};
use crate::machine::{Context, Decision, Effect, Tell};
use crate::policies::Asked;
use crate::values::AttemptId;

/// Orders of one request that a connector may lose before a person looks into it.
const LOST_MAX: usize = 3;
/// The reason of a direct debit that counted as paid and was left before it was collected.
const CANCELLED: &str = "cancelled";

fn asked(attempt: &Attempt, context: &Context<'_>) -> Asked {
    let connector = attempt.connector.as_deref().unwrap_or_default();
    context.policies.collections.asked.get(connector).copied().unwrap_or_default()
}

/// Whether the connector of an attempt says what became of it.
pub(super) fn is_asked(attempt: &Attempt, context: &Context<'_>) -> bool {
    asked(attempt, context).inquires
}

/// Asks the connector of an attempt what became of it, if it can be asked.
pub(super) fn inquire(
    decision: &mut Decision<Event>, (attempt, known): (AttemptId, &Attempt), context: &Context<'_>,
) {
    if let Some(connector) = known.connector.clone().filter(|_| is_asked(known, context)) {
        decision.effect(Effect::Inquire { connector, attempt });
    }
}

/// Nothing is to be paid any more: the connector of an attempt that has left is asked to leave it, if it can be. `by` is
/// the attempt that paid.
pub(super) fn call_back(
    decision: &mut Decision<Event>, state: &PaymentRequest, by: Option<AttemptId>, context: &Context<'_>,
) {
    let Some(attempt) = state.in_flight().filter(|attempt| by != Some(*attempt)) else { return };
    let Some(known) = state.attempts.get(&attempt).filter(|known| known.status.has_left()) else { return };
    if let Some(connector) = known.connector.clone().filter(|_| asked(known, context).cancels) {
        decision.effect(Effect::CancelAttempt { connector, attempt });
    }
}

/// What a connector says of an attempt.
pub(super) fn heard(
    state: &PaymentRequest, terms: &Terms, (attempt, news): (AttemptId, &AttemptNews), context: &Context<'_>,
) -> Result<Decision<Event>, Rejection> {
    let known = state.attempts.get(&attempt).ok_or(Rejection::UnknownAttempt(attempt))?;
    let is_debit = || known.usage.as_ref().is_some_and(|usage| usage.instrument.method() == Method::DirectDebit);
    Ok(match (news, known.status) {
        // Which of the two is true a person finds out, and nothing more is collected until then.
        (AttemptNews::Ended(AttemptResult::Succeeded), AttemptStatus::Failed) => {
            let mut decision = Decision::default();
            let text = "The provider says that an attempt was paid which it had told as failed: which is true?";
            pause(&mut decision, state, "the provider contradicts itself", context);
            ask_a_person(&mut decision, terms, text.into());
            decision
        }
        (AttemptNews::Ended(result), _) => {
            let report = AttemptReport { attempt, amount: known.amount, result: result.clone() };
            return report_attempt(state, terms, &report, context);
        }
        // What it has taken before it cannot lose: that is for whoever asks to go on asking.
        (AttemptNews::Missing, AttemptStatus::Unknown) if !known.acknowledged => {
            withdrawn(state, terms, (attempt, "the provider never had it", true), context)
        }
        (AttemptNews::Cancelled, AttemptStatus::Submitted | AttemptStatus::Unknown) => {
            withdrawn(state, terms, (attempt, "the provider collects it no more", false), context)
        }
        // It only counted as paid, for the time being.
        (AttemptNews::Cancelled, AttemptStatus::Succeeded) if is_debit() => {
            return returned(state, terms, attempt, &CANCELLED.into(), context);
        }
        (AttemptNews::Cancelled, AttemptStatus::Succeeded) => return Err(Rejection::AttemptDiffers),
        (AttemptNews::UnderWay, AttemptStatus::Submitted) => accepted(state, attempt, context),
        (AttemptNews::UnderWay, AttemptStatus::Unknown) if !known.acknowledged => {
            let generation = state.collection.as_ref().map_or(0, |collection| collection.generation);
            Decision::of(Event::AttemptPending { attempt, presumed_at: None, generation })
        }
        (AttemptNews::Unheard { reason }, AttemptStatus::Submitted) => {
            Decision::of(Event::AttemptUnknown { attempt, reason: reason.clone() })
        }
        _ => Decision::default(),
    })
}

/// Nothing can be collected by an attempt any more. While the request is open, one that never arrived is made anew, as
/// seldom as that should be; that one was called back, or left by whoever collects it, is for a person.
fn withdrawn(
    state: &PaymentRequest, terms: &Terms, (attempt, reason, anew): (AttemptId, &str, bool), context: &Context<'_>,
) -> Decision<Event> {
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
    let is_lost = |known: &&Attempt| known.reason_code.as_deref() == Some(LOST);
    let lost = state.attempts.values().filter(is_lost).count() + usize::from(anew);
    let collection = Collection { generation, ..Collection::clone(collection) };
    let Some(plan) = Plan::of(&collection, context) else { return decision };
    if anew && lost < LOST_MAX {
        plan.attempt(&mut decision, collection.ordered.saturating_add(1), plan.today(), reason);
        return decision;
    }
    plan.waits(&mut decision, reason.into(), None);
    ask_a_person(&mut decision, terms, format_smolstr!("Nothing is collected any more: {reason}. Collect again?"));
    decision
}

fn ask_a_person(decision: &mut Decision<Event>, terms: &Terms, text: SmolStr) {
    let by = "collections".into();
    let task = Note::OpenTask { text, request: Some(terms.id), by, due_on: None, assigned_to: None };
    decision.tell(Tell::Customer(terms.customer, customer::Command::Note(task)));
}
