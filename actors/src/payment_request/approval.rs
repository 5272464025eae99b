//! Reminder steps that leave only when a person approves them, such as a formal notice.

use smol_str::SmolStr;

use super::event::Event;
use super::rejection::Rejection;
use super::state::{Approval, PaymentRequest, Status, Terms};
use super::{gate, reminders};
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

/// The step that a person was asked about.
fn asked<'a>(state: &'a PaymentRequest, named: &SmolStr) -> Result<&'a Approval, Rejection> {
    let armed = state.reminders.next.is_some() && state.status == Status::Open;
    let known = state.rare.approval.as_ref().filter(|known| armed && known.step == *named);
    known.ok_or_else(|| Rejection::NothingToApprove(named.clone()))
}

/// Its place as the scenario is now; none when it was taken out, or there is no such scenario any more.
fn place(state: &PaymentRequest, terms: &Terms, context: &Context<'_>) -> Option<u16> {
    reminders::scenario(terms, context).and_then(|scenario| reminders::place(state, scenario))
}

/// The place at which it was armed.
fn armed(state: &PaymentRequest) -> u16 {
    state.reminders.next.map(|(step, _)| step).unwrap_or_default()
}

/// A person has it leave: at once, through the gates as they are now.
pub(super) fn approve(
    state: &PaymentRequest, terms: &Terms, (step, by): (&SmolStr, &SmolStr), context: &Context<'_>,
) -> Decided {
    if asked(state, step)?.by.is_some() {
        return Ok(Decision::default()); // The same again.
    }
    let place = place(state, terms, context).unwrap_or_else(|| armed(state));
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
    if asked(state, step)?.by.is_some() {
        return Err(Rejection::NothingToApprove(step.clone()));
    }
    let reason = smol_str::format_smolstr!("{} {said}", gate::NOT_APPROVED);
    // The scenario may have been edited since it was armed: its place is that of its name.
    let known = place(state, terms, context);
    let at = known.unwrap_or_else(|| armed(state));
    let mut decision = Decision::of(Event::ReminderSkipped { step: at, name: step.clone(), reason });
    match known {
        Some(place) => reminders::plan(&mut decision, state, terms, place.saturating_add(1), context),
        None => reminders::go_on(&mut decision, state, terms, context),
    }
    Ok(decision)
}
