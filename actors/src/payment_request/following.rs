//! Whose reminders a request follows: those that were chosen, or that follow when a payment is taken back.

use smol_str::SmolStr;

use super::event::Event;
use super::moments::Moments;
use super::rejection::Rejection;
use super::reminders::{armed, go_on, scenario, stop, there};
use super::scenario::OnReopen;
use super::state::{PaymentRequest, Status, Terms};
use crate::machine::{Context, Decision};

/// Which reminders a request has from now on, and who says so.
pub(super) struct Choice<'a> {
    pub scenario: Option<&'a SmolStr>,
    pub reason: &'a SmolStr,
    pub by_rule: bool,
}

/// Other reminders from now on, from the first step that is not over: what has left under a name does not leave again. Where
/// reminders rest, they go on by the new scenario.
pub(super) fn follow(
    state: &PaymentRequest, terms: &Terms, Choice { scenario, reason, by_rule }: Choice<'_>, context: &Context<'_>,
) -> Result<Decision<Event>, Rejection> {
    if state.status != Status::Open {
        return Err(Rejection::WrongStatus(state.status));
    }
    if let Some(unknown) = scenario.filter(|name| !context.policies.scenarios.contains_key(name.as_str())) {
        return Err(Rejection::UnknownScenario(unknown.clone()));
    }
    // What a person has taken away no rule gives back.
    if terms.scenario.as_ref() == scenario || (by_rule && terms.scenario.is_none()) {
        return Ok(Decision::default());
    }
    let mut decision = Decision::of(Event::ScenarioChosen { scenario: scenario.cloned(), reason: reason.clone() });
    // Where reminders rest, it begins when they go on.
    let rests = state.rare.dispute.is_some() || state.rare.promise.is_some();
    if scenario.is_some() && !rests {
        decision.push(Event::ScenarioBegun { at: context.now });
    }
    if scenario.is_none() {
        stop(&mut decision, state, reason);
    } else if !rests {
        from_the_first(&mut decision, state, &Terms { scenario: scenario.cloned(), ..terms.clone() }, context);
    }
    Ok(decision)
}

/// What was paid is open again: reminders go on as their scenario says. One that is only tried out changes nothing.
pub(super) fn reopened(decision: &mut Decision<Event>, state: &PaymentRequest, terms: &Terms, context: &Context<'_>) {
    let Some(of) = scenario(terms, context) else { return };
    let rests = state.rare.dispute.is_some();
    let reason = || "a payment was taken back".into();
    match &of.on_reopen {
        OnReopen::Stop if !of.shadow => {
            decision.push(Event::ScenarioChosen { scenario: None, reason: reason() });
        }
        OnReopen::Follow(other)
            if !of.shadow
                && terms.scenario.as_ref() != Some(other)
                && context.policies.scenarios.contains_key(other.as_str()) =>
        {
            decision.push(Event::ScenarioChosen { scenario: Some(other.clone()), reason: reason() });
            if !rests {
                decision.push(Event::ScenarioBegun { at: context.now });
                begin(decision, state, &Terms { scenario: Some(other.clone()), ..terms.clone() }, context);
            }
        }
        _ if rests => {}
        _ => go_on(decision, state, terms, context),
    }
}

/// Arms the first step of a scenario that is not over, at its next time of day when its own day has passed: it is not
/// late, it was not there before.
fn begin(decision: &mut Decision<Event>, state: &PaymentRequest, terms: &Terms, context: &Context<'_>) {
    let Some(scenario) = scenario(terms, context) else { return };
    let zone = context.policies.zone_of(state.rare.zone.as_deref());
    let first = (0..).map_while(|place| Some((place, scenario.step(place)?)));
    let Some((place, step)) = first.into_iter().find(|(_, step)| !state.reminders.passed.contains(&step.name)) else {
        return;
    };
    let moments = Moments { chosen: context.now, ..Moments::of(state, terms, context.now, context.policies) };
    let due = step.due(&moments, &zone, &context.policies.calendar);
    let due = match due > context.now {
        true => due,
        false => there(step, context.now.date_in(&zone), &zone, context),
    };
    armed(decision, (place, step), due, state.reminders.generation.wrapping_add(1));
}

/// Arms the first step of another scenario that is not over: places in the old one say nothing of it.
fn from_the_first(decision: &mut Decision<Event>, state: &PaymentRequest, terms: &Terms, context: &Context<'_>) {
    let mut anew = state.clone();
    (anew.reminders.unnamed, anew.reminders.reached) = (0, 0);
    anew.rare.chosen_at = Some(context.now);
    go_on(decision, &anew, terms, context);
}
