//! Which reminder step comes next, and what a due one leads to.
//!
//! Exactly one step is armed at a time. After an outage at most one late step leaves: earlier
//! ones are collapsed into the latest that is due, and one that is too late is skipped.

use smol_str::SmolStr;

use super::event::Event;
use super::scenario::Scenario;
use super::state::{PaymentRequest, Status, Terms};
use crate::customer;
use crate::machine::{Context, Decision, Effect, Purpose, Tell};
use crate::values::Timestamp;

/// Arms the first step from `from` on, and passes over those that are too late.
pub(super) fn plan(
    decision: &mut Decision<Event>, state: &PaymentRequest, terms: &Terms, from: u16, context: &Context<'_>,
) {
    let Some(scenario) = scenario(terms, context) else { return };
    let generation = state.reminders.generation.wrapping_add(1);
    let mut step = from;
    while let Some(candidate) = scenario.step(step) {
        let due = candidate.due(terms, &context.policies.zone);
        if let Some(reason) = passed_over(scenario, terms, step, due, context) {
            let name = candidate.name.clone();
            decision.push(Event::ReminderSkipped { step, name, reason });
            step = step.saturating_add(1);
            continue;
        }
        decision.push(Event::ReminderPlanned { step, due, generation });
        decision.effect(Effect::ArmTimer { purpose: Purpose::Reminder, due, generation });
        return;
    }
    let reason = "scenario completed".into();
    decision.push(Event::RemindersStopped { reason, generation });
}

/// What a firing of the reminder timer leads to.
pub(super) fn due(
    state: &PaymentRequest, terms: &Terms, generation: u32, due: Timestamp, context: &Context<'_>,
) -> Decision<Event> {
    let Some((step, _)) = state.reminders.next else { return Decision::default() };
    if state.reminders.generation != generation || state.status != Status::Open {
        return Decision::default(); // Disarmed since.
    }
    crate::check!(crate::invariants::TIMER_NOT_EARLY, context.now >= due);
    let mut decision = Decision::default();
    let Some(scenario) = scenario(terms, context) else {
        stop(&mut decision, state, "the scenario is no longer configured");
        return decision;
    };
    let Some(definition) = scenario.step(step) else {
        plan(&mut decision, state, terms, step, context);
        return decision;
    };
    if let Some(reason) = passed_over(scenario, terms, step, due, context) {
        let name = definition.name.clone();
        decision.push(Event::ReminderSkipped { step, name, reason });
    } else {
        decision.push(Event::ReminderReached { step, due });
        let reminder = customer::Reminder {
            request: terms.id,
            step: definition.name.clone(),
            channels: definition.channels.clone(),
            template: definition.template.clone(),
        };
        decision.tell(Tell::Customer(terms.customer, customer::Command::Remind(reminder)));
    }
    plan(&mut decision, state, terms, step.saturating_add(1), context);
    decision
}

/// Ends the scenario; nothing when none is running.
pub(super) fn stop(decision: &mut Decision<Event>, state: &PaymentRequest, reason: &str) {
    if state.reminders.next.is_some() {
        let generation = state.reminders.generation.wrapping_add(1);
        decision.push(Event::RemindersStopped { reason: reason.into(), generation });
    }
}

fn scenario<'a>(terms: &Terms, context: &Context<'a>) -> Option<&'a Scenario> {
    context.policies.scenarios.get(terms.scenario.as_deref()?)
}

/// Why a step does not leave although it is due: it is too late, or a later one is due too.
fn passed_over(
    scenario: &Scenario, terms: &Terms, step: u16, due: Timestamp, context: &Context<'_>,
) -> Option<SmolStr> {
    if due > context.now {
        return None;
    }
    let late_ms = context.now.unix_millis().saturating_sub(due.unix_millis());
    if late_ms > scenario.late_within_ms {
        return Some(smol_str::format_smolstr!("{} hours late", late_ms / 3_600_000));
    }
    let later = scenario.steps().iter().skip(usize::from(step) + 1);
    let collapsed = later.take_while(|other| other.due(terms, &context.policies.zone) <= context.now).last()?;
    Some(smol_str::format_smolstr!("collapsed into step {}", collapsed.name))
}
