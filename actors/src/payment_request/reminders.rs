//! Which reminder step comes next, and what a due one leads to.
//!
//! Exactly one step is armed at a time. After an outage at most one late step leaves: earlier
//! ones are collapsed into the latest that is due, and one that is too late is skipped. Steps are known by
//! name, so that a scenario may change while it runs: what is over does not come again, and what is armed
//! leaves when and if the scenario says so now.

use smol_str::SmolStr;

use super::collection::Stage;
use super::event::Event;
use super::moments::{Anchor, Moments, Offset};
use super::scenario::{Scenario, Step};
use super::state::{PaymentRequest, Status, Terms};
use super::{approval, bank, gate};
use crate::customer;
use crate::machine::{Context, Decision, Effect, Purpose, Tell};
use crate::policies::Policies;
use crate::rules::{Condition, Field, RequestFigures, Value, of_request};
use crate::values::{Date, TenantId, Timestamp, Zone};

/// Arms the first step from `from` on, and passes over those that are too late.
pub(super) fn plan(
    decision: &mut Decision<Event>, state: &PaymentRequest, terms: &Terms, from: u16, context: &Context<'_>,
) {
    let Some(scenario) = scenario(terms, context) else { return };
    let generation = state.reminders.generation.wrapping_add(1);
    let zone = context.policies.zone_of(state.rare.zone.as_deref());
    let moments = Moments::of(state, terms, context.now, context.policies);
    let mut step = from;
    while let Some(candidate) = scenario.step(step) {
        if state.reminders.passed.contains(&candidate.name) {
            step = step.saturating_add(1);
            continue;
        }
        let due = candidate.due(&moments, &zone, &context.policies.calendar);
        if let Some(reason) = passed_over(scenario, &moments, (step, due), &zone, context) {
            let name = candidate.name.clone();
            decision.push(Event::ReminderSkipped { step, name, reason });
            step = step.saturating_add(1);
            continue;
        }
        armed(decision, (step, candidate), due, generation);
        return;
    }
    let reason = "scenario completed".into();
    decision.push(Event::RemindersStopped { reason, generation });
}

pub(super) fn armed(
    decision: &mut Decision<Event>, (step, definition): (u16, &Step), due: Timestamp, generation: u32,
) {
    decision.push(Event::StepPlanned { step, name: definition.name.clone(), due, generation });
    decision.effect(Effect::ArmTimer { purpose: Purpose::Reminder, due, generation });
}

/// Arms the first step after those that are over.
pub(super) fn go_on(decision: &mut Decision<Event>, state: &PaymentRequest, terms: &Terms, context: &Context<'_>) {
    let Some(scenario) = scenario(terms, context) else { return };
    plan(decision, state, terms, after_passed(state, scenario), context);
}

/// Goes on after reminders rested. A scenario that was chosen meanwhile begins now: what counts from its choice is not late,
/// it was not there.
pub(super) fn resume(decision: &mut Decision<Event>, state: &PaymentRequest, terms: &Terms, context: &Context<'_>) {
    if !state.rare.begins {
        return go_on(decision, state, terms, context);
    }
    decision.push(Event::ScenarioBegun { at: context.now });
    let mut begun = state.clone();
    begun.rare.chosen_at = Some(context.now);
    go_on(decision, &begun, terms, context);
}

/// The place after the last step that is over.
fn after_passed(state: &PaymentRequest, scenario: &Scenario) -> u16 {
    let passed = &state.reminders.passed;
    let last = passed.iter().filter_map(|name| scenario.place_of(name)).max();
    match last {
        Some(place) => place.saturating_add(1).max(state.reminders.unnamed),
        // Nothing that is over stands in the scenario any more, or names were not kept then.
        None if passed.is_empty() => state.reminders.reached,
        None => state.reminders.unnamed,
    }
}

/// The scenario has changed: another step may be next, or the same at another time. What waits goes on waiting,
/// and a new step that would be late already is as if it had never been.
pub(super) fn review(state: &PaymentRequest, terms: &Terms, context: &Context<'_>) -> Decision<Event> {
    let mut decision = Decision::default();
    let Some((_, armed_due)) = state.reminders.next.filter(|_| state.status == Status::Open) else { return decision };
    let Some(scenario) = scenario(terms, context) else { return decision };
    let zone = context.policies.zone_of(state.rare.zone.as_deref());
    let moments = Moments::of(state, terms, context.now, context.policies);
    let now_at = place(state, scenario);
    // What counts from the step before it stays where it is.
    let due_of = |step: &Step| match now_at.and_then(|at| scenario.step(at)) {
        Some(armed) if armed.name == step.name && step.anchor == Anchor::Previous => armed_due,
        _ => step.due(&moments, &zone, &context.policies.calendar),
    };
    let from = after_passed(state, scenario);
    let next = (from..).map_while(|place| Some((place, scenario.step(place)?))).find(|(place, step)| {
        !state.reminders.passed.contains(&step.name)
            && passed_over(scenario, &moments, (*place, due_of(step)), &zone, context).is_none()
    });
    let generation = state.reminders.generation.wrapping_add(1);
    if state.rare.approval.is_some()
        && let Some((armed_at, step)) = now_at.and_then(|place| Some((place, scenario.step(place)?)))
    {
        // Nobody is asked any more: it leaves, if it is not too late by now.
        if state.awaits_approval().is_some() && !step.approval {
            armed(&mut decision, (armed_at, step), due_of(step), generation);
        }
        return decision;
    }
    match (next, now_at) {
        // It was taken away, and nothing is left.
        (None, None) => go_on(&mut decision, state, terms, context),
        (None, Some(_)) => {}
        // It is due or waits already, or stands where it stood.
        (Some((next, _)), Some(armed_at)) if next >= armed_at => {
            if let Some(step) =
                scenario.step(armed_at).filter(|step| due_of(step) > context.now && due_of(step) != armed_due)
            {
                armed(&mut decision, (armed_at, step), due_of(step), generation);
            }
        }
        (Some((next, step)), _) => armed(&mut decision, (next, step), due_of(step), generation),
    }
    decision
}

impl PaymentRequest {
    /// The step that is next once the scenarios are these, and when it is due; `None` when there is none, or nothing is
    /// armed. Nothing is decided.
    pub fn next_step(&self, tenant: &TenantId, policies: &Policies, now: Timestamp) -> Option<(SmolStr, Timestamp)> {
        let (terms, (_, due)) = (self.terms.as_deref()?, self.reminders.next?);
        let context = Context { tenant, now, policies };
        let scenario = scenario(terms, &context)?;
        let planned = review(self, terms, &context).events.into_iter().rev().find_map(|event| match event {
            Event::StepPlanned { name, due, .. } => Some(Some((name, due))),
            Event::RemindersStopped { .. } => Some(None),
            _ => None,
        });
        let stands = || Some((scenario.step(place(self, scenario)?)?.name.clone(), due));
        planned.unwrap_or_else(stands)
    }
}

/// One message of that day has told the customer of all requests: the step that is armed here for the same day is over, if it
/// is the same, or an earlier one of what is late by then: a later one says more than the message did, and what is not late
/// may not stand in it.
pub(super) fn told_together(
    state: &PaymentRequest, terms: &Terms, (scenario_name, name): (&SmolStr, &SmolStr), until: Timestamp,
    context: &Context<'_>,
) -> Decision<Event> {
    let mut decision = Decision::default();
    let Some((_, due)) = state.reminders.next.filter(|_| state.status == Status::Open) else { return decision };
    // What waits for a person is that person's.
    if terms.scenario.as_ref() != Some(scenario_name) || due >= until || state.rare.approval.is_some() {
        return decision;
    }
    let Some(scenario) = scenario(terms, context) else { return decision };
    let (Some(step), Some(told)) = (place(state, scenario), scenario.place_of(name)) else { return decision };
    // What may be on its way, or is not late by the merchant's clock, is not told of by the message.
    if state.in_flight().is_some() || state.is_unknown() {
        return decision;
    }
    let is_late = context.now.date_in(&context.policies.zone) > terms.due_on;
    // An earlier form of the scenario may write for each request.
    let covers =
        |place: u16, known: &Step| scenario.tells_of_all(known) && (place == told || place < told && is_late);
    let zone = context.policies.zone_of(state.rare.zone.as_deref());
    let moments = Moments::of(state, terms, context.now, context.policies);
    let mut over = state.clone();
    let mut next = step;
    while let Some(definition) = scenario.step(next).filter(|known| next <= told && covers(next, known)) {
        if next != step && definition.due(&moments, &zone, &context.policies.calendar) >= until {
            break;
        }
        let name = definition.name.clone();
        if !over.reminders.passed.contains(&name) {
            let reason = gate::TOLD_TOGETHER.into();
            decision.push(Event::ReminderSkipped { step: next, name: name.clone(), reason });
            over.reminders.pass(name);
        }
        next = next.saturating_add(1);
    }
    if next > step {
        plan(&mut decision, &over, terms, next, context);
    }
    decision
}

/// Where the armed step stands now; none when it was taken out of the scenario.
pub(super) fn place(state: &PaymentRequest, scenario: &Scenario) -> Option<u16> {
    match &state.reminders.name {
        Some(name) => scenario.place_of(name),
        None => state.reminders.next.map(|(step, _)| step),
    }
}

/// A firing of the reminder timer.
pub(super) struct Fired {
    /// Which arming fired.
    pub generation: u32,
    /// When it was due.
    pub due: Timestamp,
    /// The day up to which the bank's statements have been read.
    pub bank_complete_to: Option<Date>,
}

/// What a firing of the reminder timer leads to.
pub(super) fn due(state: &PaymentRequest, terms: &Terms, fired: &Fired, context: &Context<'_>) -> Decision<Event> {
    let Fired { generation, due, bank_complete_to } = *fired;
    if state.reminders.next.is_none() || state.reminders.generation != generation || state.status != Status::Open {
        return Decision::default(); // Disarmed since.
    }
    crate::check!(crate::invariants::TIMER_NOT_EARLY, context.now >= due);
    let mut decision = Decision::default();
    let Some(scenario) = scenario(terms, context) else {
        stop(&mut decision, state, "the scenario is no longer configured");
        return decision;
    };
    let known = place(state, scenario).and_then(|step| Some((step, scenario.step(step)?)));
    let Some((step, definition)) = known else {
        go_on(&mut decision, state, terms, context);
        return decision;
    };
    let name = definition.name.clone();
    let zone = context.policies.zone_of(state.rare.zone.as_deref());
    let moments = Moments::of(state, terms, context.now, context.policies);
    let its_due = match definition.anchor {
        Anchor::Previous => due,
        _ => definition.due(&moments, &zone, &context.policies.calendar),
    };
    let is_approved = approval::is_approved(state, &name);
    if its_due > context.now && !is_approved {
        // It was moved to a later time; another may be before it now.
        plan(&mut decision, state, terms, step.min(after_passed(state, scenario)), context);
        return decision;
    }
    // What a person has approved is not late.
    let late = passed_over(scenario, &moments, (step, due), &zone, context).filter(|_| !is_approved);
    if let Some(reason) = late {
        decision.push(Event::ReminderSkipped { step, name, reason });
    } else if let Some(reason) = too_little(state, context) {
        decision.push(Event::ReminderSkipped { step, name, reason });
    } else if state.is_unknown() {
        decision.push(Event::ReminderSkipped { step, name, reason: gate::ATTEMPT_UNKNOWN.into() });
    } else if let Some((until, reason)) =
        bank::is_behind(state, terms, (definition, &zone), bank_complete_to, context)
    {
        match until {
            Some(until) => return deferred(state, step, name, until, &reason),
            None => decision.push(Event::ReminderSkipped { step, name, reason }),
        }
    } else if state.in_flight().is_some() {
        // Money may be on its way: a day later more is known.
        return deferred(state, step, name, context.now.plus_days(1), gate::COLLECTION_UNDER_WAY);
    } else if let Some(until) = collected_soon(state, terms, definition, context) {
        match until {
            Some(until) => return deferred(state, step, name, until, gate::COLLECTION_PLANNED),
            None => {
                let reason = gate::COLLECTION_PLANNED.into();
                decision.push(Event::ReminderSkipped { step, name, reason });
            }
        }
    } else if definition.approval && !is_approved && !scenario.shadow {
        return approval::held(state, step, name, context);
    } else {
        decision.push(Event::ReminderReached { step, due });
        let reminder = customer::Reminder {
            request: terms.id,
            place: step,
            step: name,
            channels: definition.channels.clone(),
            template: definition.template.clone(),
            zone: state.rare.zone.clone(),
            when: definition.when.clone(),
            facts: facts(state, &definition.when, context),
            shadow: scenario.shadow,
            chases: definition.chases(),
            together: scenario.tells_of_all(definition).then(|| terms.scenario.clone()).flatten(),
        };
        decision.tell(Tell::Customer(terms.customer, customer::Command::Remind(reminder)));
        // The customer may have it wait: what comes next is planned when it has answered.
        let next = step.saturating_add(1);
        decision.tell(Tell::PaymentRequest(terms.id, super::command::Command::PlanReminder { step: next }));
        return decision;
    }
    plan(&mut decision, state, terms, step.saturating_add(1), context);
    decision
}

/// Plans a step once the one before it has left, unless that one waits.
pub(super) fn plan_next(state: &PaymentRequest, terms: &Terms, step: u16, context: &Context<'_>) -> Decision<Event> {
    let mut decision = Decision::default();
    if state.reminders.next.is_none() && state.status == Status::Open {
        plan(&mut decision, state, terms, step, context);
    }
    decision
}

/// What a condition asks for of a request, as it stands.
fn facts(state: &PaymentRequest, when: &Condition, context: &Context<'_>) -> Vec<(Field, Value)> {
    let today = context.now.date_in(&context.policies.zone_of(state.rare.zone.as_deref()));
    let Some(figures) = RequestFigures::of(state, today) else { return Vec::new() };
    let known = |field: Field| Some((field, of_request(field, Some(state), &figures)?.into_value()));
    when.fields().into_iter().filter_map(known).collect()
}

/// The customer is not to be written to before `until`: the step waits for it.
pub(super) fn defer(
    state: &PaymentRequest, terms: &Terms, step: u16, until: Timestamp, reason: &str, context: &Context<'_>,
) -> Decision<Event> {
    match scenario(terms, context).and_then(|scenario| scenario.step(step)) {
        Some(definition) if state.status == Status::Open => {
            deferred(state, step, definition.name.clone(), until, reason)
        }
        _ => Decision::default(),
    }
}

/// A part was paid: who has just shown good will is left alone for the days that the scenario says.
pub(super) fn rest(decision: &mut Decision<Event>, state: &PaymentRequest, terms: &Terms, context: &Context<'_>) {
    let Some((_, due)) = state.reminders.next.filter(|_| state.awaits_approval().is_none()) else { return };
    let Some(scenario) = scenario(terms, context).filter(|scenario| scenario.rests_after_part_days > 0) else {
        return;
    };
    let Some((at, step)) = place(state, scenario).and_then(|at| Some((at, scenario.step(at)?))) else { return };
    let zone = context.policies.zone_of(state.rare.zone.as_deref());
    let day = context.now.date_in(&zone).plus_days(i32::from(scenario.rests_after_part_days));
    let until = day.at(step.at.0, step.at.1, &zone);
    if due < until {
        decision.join(deferred(state, at, step.name.clone(), until, "a part was paid"));
    }
}

/// Where the customer lives it is another time: the step that was to leave waits for its time there, and what is
/// armed is armed anew.
pub(super) fn learn_zone(
    state: &PaymentRequest, terms: &Terms, zone: &SmolStr, step: Option<u16>, context: &Context<'_>,
) -> Decision<Event> {
    if state.rare.zone.as_ref() == Some(zone) && step.is_none() {
        return Decision::default();
    }
    let mut decision = Decision::of(Event::ZoneKnown { zone: zone.clone() });
    let Some(scenario) = scenario(terms, context).filter(|_| state.status == Status::Open) else { return decision };
    let of_customer = context.policies.zone_of(Some(zone));
    match (step, state.reminders.next) {
        (Some(step), _) => {
            let Some(definition) = scenario.step(step) else { return decision };
            let due = match definition.anchor {
                Anchor::Previous => there(definition, context.now.date_in(&of_customer), &of_customer, context),
                _ => {
                    let moments = Moments::of(state, terms, context.now, context.policies);
                    definition.due(&moments, &of_customer, &context.policies.calendar).max(context.now)
                }
            };
            decision.join(deferred(state, step, definition.name.clone(), due, gate::OTHER_CLOCK));
        }
        // What waits for a person, or has been approved, has no time of its own any more.
        (None, Some(_)) if state.rare.approval.is_some() => {}
        (None, Some(_)) => {
            let mut moved = state.clone();
            moved.rare.zone = Some(zone.clone());
            let next = place(state, scenario).and_then(|next| Some((next, scenario.step(next)?)));
            match next {
                Some((next, step)) if step.anchor == Anchor::Previous => {
                    let known = context.policies.zone_of(state.rare.zone.as_deref());
                    let day = state.reminders.next.map_or(context.now, |(_, due)| due).date_in(&known);
                    let due = there(step, day, &of_customer, context);
                    armed(&mut decision, (next, step), due, state.reminders.generation.wrapping_add(1));
                }
                Some((next, _)) => plan(&mut decision, &moved, terms, next, context),
                None => go_on(&mut decision, &moved, terms, context),
            }
        }
        (None, None) => {}
    }
    decision
}

/// The time of a step that counts from the one before it, on a day by another clock: not before now.
pub(super) fn there(step: &Step, day: Date, zone: &Zone, context: &Context<'_>) -> Timestamp {
    if matches!(step.offset, Offset::Hours(_)) {
        return context.now;
    }
    let (hour, minute) = step.at;
    let at = day.at(hour, minute, zone);
    if at < context.now { day.plus_days(1).at(hour, minute, zone).max(context.now) } else { at }
}

fn deferred(state: &PaymentRequest, step: u16, name: SmolStr, until: Timestamp, reason: &str) -> Decision<Event> {
    let generation = state.reminders.generation.wrapping_add(1);
    let reason = reason.into();
    let mut decision = Decision::of(Event::ReminderDeferred { step, name, until, generation, reason });
    decision.effect(Effect::ArmTimer { purpose: Purpose::Reminder, due: until, generation });
    decision
}

/// Days before a first collection in which nobody is asked to pay otherwise.
const COLLECTED_SOON_DAYS: i32 = 10;

/// Until when a step waits since the money is about to be collected as agreed: who pays as well pays twice. One that is
/// about the deadline says nothing after it, and is passed over. Once an attempt has failed, the payer hears of what
/// is owed.
fn collected_soon(
    state: &PaymentRequest, terms: &Terms, definition: &Step, context: &Context<'_>,
) -> Option<Option<Timestamp>> {
    let Stage::Planned { number: 1, collects_on, .. } = state.collection.as_ref()?.stage else { return None };
    let today = context.now.date_in(&context.policies.zone);
    let days = collects_on.days_since(today);
    let is_soon = definition.chases() && (0..=COLLECTED_SOON_DAYS).contains(&days);
    is_soon.then(|| (today > terms.due_on).then(|| context.now.plus_days(i64::from(days) + 1)))
}

/// Why so little is not worth a message.
fn too_little(state: &PaymentRequest, context: &Context<'_>) -> Option<SmolStr> {
    let (least, outstanding) = (context.policies.contact.open_minor_min, state.outstanding()?);
    (outstanding.minor() < least).then(|| smol_str::format_smolstr!("{} {outstanding} {}", gate::ONLY, gate::IS_OPEN))
}

/// Ends the scenario; nothing when none is running.
pub(super) fn stop(decision: &mut Decision<Event>, state: &PaymentRequest, reason: &str) {
    if state.reminders.next.is_some() {
        let generation = state.reminders.generation.wrapping_add(1);
        decision.push(Event::RemindersStopped { reason: reason.into(), generation });
    }
}

pub(super) fn scenario<'a>(terms: &Terms, context: &Context<'a>) -> Option<&'a Scenario> {
    context.policies.scenario_of(terms)
}

/// Why a step does not leave although it is due: it is too late, or a later one is due too.
fn passed_over(
    scenario: &Scenario, moments: &Moments<'_>, (step, due): (u16, Timestamp), zone: &Zone, context: &Context<'_>,
) -> Option<SmolStr> {
    if due > context.now {
        return None;
    }
    let late_ms = |due: Timestamp| context.now.unix_millis().saturating_sub(due.unix_millis());
    if late_ms(due) > scenario.late_within_ms {
        return Some(smol_str::format_smolstr!("{} {}", late_ms(due) / 3_600_000, gate::HOURS_LATE));
    }
    // A later one that is too late itself says nothing in place of this one, nor does one for somebody else.
    let for_team = scenario.step(step).is_some_and(Step::is_for_team);
    let leaves = |other: &&Step| {
        if other.is_for_team() != for_team {
            return false;
        }
        let due = other.due(moments, zone, &context.policies.calendar);
        due <= context.now && late_ms(due) <= scenario.late_within_ms
    };
    let collapsed = scenario.steps().iter().skip(usize::from(step) + 1).rfind(leaves)?;
    Some(smol_str::format_smolstr!("{} {}", gate::COLLAPSED, collapsed.name))
}
