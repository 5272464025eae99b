//! Reminder steps that leave only when a person approves them, such as a formal notice.

use smol_str::SmolStr;

use super::command::Rejection;
use super::event::Event;
use super::gate;
use super::reminders::plan;
use super::state::{Approval, PaymentRequest, Status, Terms};
use crate::machine::{Context, Decision, Effect, Purpose};

type Decided = Result<Decision<Event>, Rejection>;

/// Whether a person has approved a step, once; it is approved until it has left or not.
pub(super) fn is_approved(state: &PaymentRequest, step: &SmolStr) -> bool {
    state.rare.approval.as_ref().is_some_and(|known| known.step == *step && known.by.is_some())
}

/// A due step waits for a person.
pub(super) fn held(state: &PaymentRequest, step: u16, name: SmolStr, context: &Context<'_>) -> Decision<Event> {
    let generation = state.reminders.generation.wrapping_add(1);
    Decision::of(Event::ReminderHeld { step, name, at: context.now, generation })
}

/// The step that waits for a person, and its place.
fn awaited<'a>(state: &'a PaymentRequest, named: &SmolStr) -> Result<(u16, &'a Approval), Rejection> {
    let step = state.reminders.next.filter(|_| state.status == Status::Open).map(|(step, _)| step);
    let known = state.rare.approval.as_ref().filter(|known| known.step == *named);
    step.zip(known).ok_or_else(|| Rejection::NothingToApprove(named.clone()))
}

/// A person has it leave: at once, through the gates as they are now.
pub(super) fn approve(state: &PaymentRequest, step: &SmolStr, by: &SmolStr, context: &Context<'_>) -> Decided {
    let (place, known) = awaited(state, step)?;
    if known.by.is_some() {
        return Ok(Decision::default()); // The same again.
    }
    let generation = state.reminders.generation.wrapping_add(1);
    let (name, by, at) = (step.clone(), by.clone(), context.now);
    let mut decision = Decision::of(Event::ReminderApproved { step: place, name, by, at, generation });
    decision.effect(Effect::ArmTimer { purpose: Purpose::Reminder, due: at, generation });
    Ok(decision)
}

/// A person does not: the step is over, and the scenario goes on with the next.
pub(super) fn reject(
    state: &PaymentRequest, terms: &Terms, (step, said): (&SmolStr, &SmolStr), context: &Context<'_>,
) -> Decided {
    let (place, known) = awaited(state, step)?;
    if known.by.is_some() {
        return Err(Rejection::NothingToApprove(step.clone()));
    }
    let reason = smol_str::format_smolstr!("{} {said}", gate::NOT_APPROVED);
    let mut decision = Decision::of(Event::ReminderSkipped { step: place, name: step.clone(), reason });
    plan(&mut decision, state, terms, place.saturating_add(1), context);
    Ok(decision)
}
