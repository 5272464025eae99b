//! A transfer that waits for a person: whose it is, who looks at it, and until when it should be decided.

use smol_str::SmolStr;

use super::command::Rejection;
use super::event::Event;
use super::state::{Claim, Status, Transfer};
use crate::machine::{Context, Decision, Effect, Purpose};
use crate::values::Timestamp;

type Decided = Result<Decision<Event>, Rejection>;

/// How long nobody else decides about what somebody looks at.
const CLAIM_MS: i64 = 15 * 60_000;
/// The local hour at which a task's last day ends.
const DAY_ENDS: i8 = 18;

/// Whether an event makes it a task, as it stands before it.
pub(super) fn opens(status: Status, event: &Event) -> bool {
    match event {
        Event::TaskOpened { .. } | Event::TakenBack { .. } | Event::ReturnFailed { .. } => true,
        // A part that was decided about before it came in has not been a task yet.
        Event::DecisionRefused { .. } => status == Status::Received,
        _ => false,
    }
}

/// Sets the time until which what a decision opens should be decided.
pub(super) fn arm(decision: &mut Decision<Event>, state: &Transfer, context: &Context<'_>) {
    let Some(days) = context.policies.task_business_days else { return };
    if decision.events.iter().any(|event| opens(state.status, event)) {
        let today = context.now.date_in(&context.policies.zone);
        let day = context.policies.calendar.plus_business_days(today, u32::from(days));
        let due = day.at(DAY_ENDS, 0, &context.policies.zone);
        let generation = state.tasks.saturating_add(1);
        decision.effect(Effect::ArmTimer { purpose: Purpose::Task, due, generation });
    }
}

/// It should have been decided by now.
pub(super) fn due(state: &Transfer, generation: u32, due: Timestamp, context: &Context<'_>) -> Decision<Event> {
    if state.status != Status::NeedsDecision || state.tasks != generation {
        return Decision::default();
    }
    crate::check!(crate::invariants::TIMER_NOT_EARLY, context.now >= due);
    Decision::of(Event::TaskOverdue { due })
}

/// Somebody looks at it: for a while nobody else decides.
pub(super) fn claim(state: &Transfer, by: &SmolStr, context: &Context<'_>) -> Decided {
    waits(state)?;
    free_for(state, by, context.now)?;
    let until = context.now.plus_millis(CLAIM_MS);
    Ok(Decision::of(Event::Claimed { claim: Claim { by: by.clone(), until } }))
}

/// Somebody is to decide about it, or nobody in particular.
pub(super) fn assign(state: &Transfer, to: Option<&SmolStr>, by: &SmolStr) -> Decided {
    waits(state)?;
    if state.assigned_to.as_ref() == to {
        return Ok(Decision::default());
    }
    Ok(Decision::of(Event::Assigned { to: to.cloned(), by: by.clone() }))
}

fn waits(state: &Transfer) -> Result<(), Rejection> {
    match state.status {
        Status::NeedsDecision => Ok(()),
        _ if state.details.is_none() => Err(Rejection::Unknown),
        other => Err(Rejection::NothingToDecide(other)),
    }
}

/// Whether nobody else looks at it.
pub(super) fn free_for(state: &Transfer, by: &SmolStr, now: Timestamp) -> Result<(), Rejection> {
    match &state.claim {
        Some(claim) if claim.until > now && claim.by != *by => Err(Rejection::Claimed(claim.by.clone(), claim.until)),
        _ => Ok(()),
    }
}
