//! What a plan decides.

use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};

use super::apply::apply;
use super::command::{Change, Command, Rejection, Reserved};
use super::event::Event;
use super::state::{Kind, OnExhausted, Phase, Plan, Standing, SuspendedBy, Terms};
use crate::collection::Instrument;
use crate::customer;
use crate::machine::{Context, Decision, Effect, Machine, Purpose, Tell};
use crate::payment_request::{self, Membership};
use crate::values::{Date, PaymentRequestId, Timestamp};

type Decided = Result<Decision<Event>, Rejection>;

/// The local hour at which a cycle is asked for.
const ASKED_AT: (i8, i8) = (6, 0);

impl Machine for Plan {
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: &Command, context: &Context<'_>) -> Decided {
        if let Command::Create { terms } = command {
            return create(self, terms, context);
        }
        let terms = self.terms.as_ref().ok_or(Rejection::Unknown)?;
        match command {
            Command::Create { .. } => Ok(Decision::default()), // Handled above.
            Command::CycleDue { generation, due, reserved } => {
                Ok(due_now(self, terms, (*generation, *due), reserved.as_ref(), context))
            }
            Command::TakeCycle { number, request } => Ok(take(self, terms, *number, *request, context)),
            Command::RefuseCycle { number, reason } => Ok(refuse(self, *number, reason)),
            Command::TakeStanding { number, request, standing, reason } => {
                Ok(stood(self, terms, (*number, *request), *standing, reason))
            }
            Command::UseInstrument { number, instrument, ahead_days } => {
                let newest = self.cycles.keys().next_back() == Some(number);
                let other = terms.collect_from.as_ref().is_some_and(|known| known != instrument);
                Ok(match newest && other && self.is_live() {
                    true => {
                        let change = Change {
                            collect_from: Some(instrument.clone()),
                            ahead_days: Some(terms.ahead_days.max(*ahead_days)),
                            ..Change::default()
                        };
                        changed(self, terms, &change, context)?
                    }
                    false => Decision::default(),
                })
            }
            Command::HoldCollection { number, reason } => Ok(match self.holds_collection {
                true => Decision::default(),
                false => Decision::of(Event::CollectionHeld { number: *number, reason: reason.clone() }),
            }),
            Command::Change(change) => changed(self, terms, change, context),
            Command::Pause { until, reason } => pause(self, *until, reason, context),
            Command::Resume { catch_up } => match self.phase {
                Phase::Cancelled | Phase::Completed => Err(Rejection::WrongStatus(self.status())),
                Phase::Running if !self.holds_collection && self.question.is_none() => Ok(Decision::default()),
                _ => {
                    let mut decision = Decision::default();
                    if self.holds_collection || self.question.is_some() {
                        decision.push(Event::Cleared);
                    }
                    decision.join(resume(self, terms, *catch_up, context));
                    Ok(decision)
                }
            },
            Command::ResumeWithCustomer => Ok(match self.phase {
                Phase::Suspended(SuspendedBy::Customer) => match &self.pause_kept {
                    Some((_, Some(until))) if *until < today(context) => resume(self, terms, false, context),
                    Some((reason, until)) => paused(self, *until, reason, context),
                    None => resume(self, terms, false, context),
                },
                _ => Decision::default(),
            }),
            Command::Suspend { reason, by } => match self.phase {
                Phase::Running | Phase::Paused => Ok(Decision::of(self.suspended(reason.clone(), *by))),
                // Who suspends it beside its customer decides when it goes on.
                Phase::Suspended(SuspendedBy::Customer) if *by != SuspendedBy::Customer => {
                    Ok(Decision::of(self.suspended(reason.clone(), *by)))
                }
                Phase::Suspended(_) => Ok(Decision::default()),
                // The customer tells every plan.
                _ if *by == SuspendedBy::Customer => Ok(Decision::default()),
                Phase::Cancelled | Phase::Completed => Err(Rejection::WrongStatus(self.status())),
            },
            Command::Cancel { reason, open_too } => match self.phase {
                Phase::Cancelled => Ok(Decision::default()),
                Phase::Completed => Err(Rejection::WrongStatus(self.status())),
                _ => {
                    let mut decision = Decision::default();
                    cancel(&mut decision, self, terms, reason, *open_too);
                    Ok(decision)
                }
            },
        }
    }

    fn apply(&mut self, event: &Event) {
        apply(self, event);
    }
}

impl Plan {
    fn suspended(&self, reason: SmolStr, by: SuspendedBy) -> Event {
        Event::Suspended { reason, by, generation: self.generation.wrapping_add(1) }
    }
}

fn today(context: &Context<'_>) -> Date {
    context.now.date_in(&context.policies.zone)
}

fn check(terms: &Terms, context: &Context<'_>) -> Result<(), Rejection> {
    let amounts = terms.deposit.iter().map(|(amount, _)| amount).chain([&terms.first, &terms.each]);
    let currency = terms.each.currency();
    if amounts.into_iter().any(|amount| !amount.is_positive() || amount.currency() != currency) {
        return Err(Rejection::Amounts);
    }
    match unknown_scenario(terms, context) {
        Some(name) => Err(Rejection::UnknownScenario(name.clone())),
        None => Ok(()),
    }
}

fn unknown_scenario<'a>(terms: &'a Terms, context: &Context<'_>) -> Option<&'a SmolStr> {
    terms.scenario.as_ref().filter(|name| !context.policies.scenarios.contains_key(name.as_str()))
}

/// The customer knows whether the plan goes on, and from which card.
fn knows(decision: &mut Decision<Event>, terms: &Terms, live: bool) {
    let card = match &terms.collect_from {
        Some(Instrument::Card(token)) if live => Some(token.clone()),
        _ => None,
    };
    let knows = customer::Command::KnowPlan { plan: terms.id, live, card };
    decision.tell(Tell::Customer(terms.customer, knows));
}

fn create(state: &Plan, terms: &Arc<Terms>, context: &Context<'_>) -> Decided {
    if let Some(known) = &state.created {
        return match difference(known, terms) {
            // The same again; the customer may have taken it for a new one.
            None if !state.is_live() => {
                let mut decision = Decision::default();
                knows(&mut decision, terms, false);
                Ok(decision)
            }
            None => Ok(Decision::default()),
            Some(field) => Err(Rejection::AlreadyCreatedWith(field)),
        };
    }
    check(terms, context)?;
    let deposit = terms.deposit.map(|(_, due_on)| due_on);
    if let Some(before) = deposit.into_iter().chain([terms.starts_on]).find(|due_on| *due_on < today(context)) {
        return Err(Rejection::StartsBefore(before));
    }
    if let Some((_, deposit)) = terms.deposit.filter(|(_, due_on)| *due_on > terms.starts_on) {
        return Err(Rejection::DepositLater { deposit, first: terms.starts_on });
    }
    let terms = Arc::new(Terms { created_at: context.now, ..(**terms).clone() });
    let mut decision = Decision::of(Event::Created { terms: Arc::clone(&terms) });
    plan(&mut decision, &terms, (terms.first_number(), 0), 0, context);
    Ok(decision)
}

/// The first field in which the same plan came with other content.
fn difference(known: &Terms, new: &Terms) -> Option<&'static str> {
    let same = |field, same: bool| (!same).then_some(field);
    same("customer", known.customer == new.customer)
        .or_else(|| same("kind", known.kind == new.kind))
        .or_else(|| same("amount", (known.first, known.each) == (new.first, new.each)))
        .or_else(|| same("deposit", known.deposit == new.deposit))
        .or_else(|| same("number of cycles", known.cycles == new.cycles))
        .or_else(|| same("interval", known.every == new.every))
        .or_else(|| same("ask_days_before", known.ahead_days == new.ahead_days))
        .or_else(|| same("first deadline", known.starts_on == new.starts_on))
        .or_else(|| same("instrument", known.collect_from == new.collect_from))
        .or_else(|| same("retry policy", known.policy == new.policy))
        .or_else(|| same("scenario", known.scenario == new.scenario))
        .or_else(|| same("on_exhausted", known.on_exhausted == new.on_exhausted))
        .or_else(|| same("description", known.description == new.description))
}

/// Plans a cycle, if there is one of this number.
fn plan(
    decision: &mut Decision<Event>, terms: &Terms, (number, slot): (u16, u32), generation: u32, context: &Context<'_>,
) {
    if !terms.has(number) {
        return;
    }
    let due_on = terms.date(number, slot);
    let (hour, minute) = ASKED_AT;
    let at = due_on.plus_days(-i32::from(terms.ahead_days)).at(hour, minute, &context.policies.zone);
    let (at, generation) = (at.max(context.now), generation.wrapping_add(1));
    decision.push(Event::CyclePlanned { number, slot, due_on, at, generation });
    decision.effect(Effect::ArmTimer { purpose: Purpose::Plan, due: at, generation });
}

/// A cycle is due, or a pause is over.
fn due_now(
    state: &Plan, terms: &Terms, (generation, due): (u32, Timestamp), reserved: Option<&Reserved>,
    context: &Context<'_>,
) -> Decision<Event> {
    if state.generation != generation {
        return Decision::default(); // Planned otherwise since.
    }
    crate::check!(crate::invariants::TIMER_NOT_EARLY, context.now >= due);
    match (&state.phase, &state.next) {
        (Phase::Paused, _) if state.paused_until.is_some_and(|until| until < today(context)) => {
            resume(state, terms, false, context)
        }
        // The day ends later than it did when the timer was set: the tenant has moved.
        (Phase::Paused, _) => match &state.reason {
            Some(reason) => paused(state, state.paused_until, reason, context),
            None => Decision::default(),
        },
        (Phase::Running, Some(next)) if unknown_scenario(terms, context).is_some() => {
            refuse(state, next.number, &format_smolstr!("{} names a scenario that is no more", terms.external_ref))
        }
        (Phase::Running, Some(next)) => match reserved.filter(|reserved| reserved.number == next.number) {
            Some(reserved) => ask(terms, next.due_on, reserved, context),
            None => Decision::default(),
        },
        _ => Decision::default(),
    }
}

/// Asks for a cycle. Its deadline does not lie in the past, however late it is: then the payer has the days that were
/// agreed.
fn ask(terms: &Terms, due_on: Date, reserved: &Reserved, context: &Context<'_>) -> Decision<Event> {
    let Reserved { number, request, .. } = *reserved;
    let today = today(context);
    let due_on = if due_on < today { today.plus_days(i32::from(terms.ahead_days)) } else { due_on };
    let amount = terms.amount(number);
    let mut decision = Decision::of(Event::CycleAsked { number, due_on, amount, request });
    let asked = payment_request::Terms {
        id: request,
        customer: terms.customer,
        external_ref: terms.number(number),
        amount,
        issued_on: today,
        created_at: context.now,
        due_on,
        description: terms.description.clone(),
        short_reference: reserved.short_reference,
        creditor_reference: reserved.creditor_reference.clone(),
        scenario: terms.scenario.clone(),
    };
    let issue = payment_request::Command::Issue { terms: asked, dated: true, number: None };
    decision.tell(Tell::PaymentRequest(request, issue));
    let join = payment_request::Command::JoinPlan(Membership { plan: terms.id, number });
    decision.tell(Tell::PaymentRequest(request, join));
    decision
}

fn take(
    state: &Plan, terms: &Terms, number: u16, request: PaymentRequestId, context: &Context<'_>,
) -> Decision<Event> {
    let mut decision = Decision::default();
    if state.asked.is_none_or(|(asked, ..)| asked != number) {
        return decision; // It is taken already.
    }
    if number == terms.first_number() {
        decision.push(Event::Activated);
    }
    decision.push(Event::CycleTaken { number, request });
    if state.phase == Phase::Running {
        let (_, slot) = state.cursor;
        let slot = slot.saturating_add(u32::from(number > 0));
        plan(&mut decision, terms, (number.saturating_add(1), slot), state.generation, context);
    }
    if let Some(instrument) = terms.collect_from.clone().filter(|_| !state.holds_collection) {
        let policy = terms.policy.clone();
        let collect = customer::Command::CollectCycle {
            request,
            instrument,
            policy,
            of: Membership { plan: terms.id, number },
        };
        decision.tell(Tell::Customer(terms.customer, collect));
    }
    decision
}

fn refuse(state: &Plan, number: u16, reason: &SmolStr) -> Decision<Event> {
    if state.phase != Phase::Running || state.next.is_none_or(|next| next.number != number) {
        return Decision::default();
    }
    let mut decision = Decision::of(Event::CycleRefused { number, reason: reason.clone() });
    decision.push(state.suspended(reason.clone(), SuspendedBy::Refused));
    decision
}

/// A cycle stands otherwise: the plan may be behind, no more, or at its end.
fn stood(
    state: &Plan, terms: &Terms, (number, request): (u16, PaymentRequestId), standing: Standing, reason: &SmolStr,
) -> Decision<Event> {
    let known = state.cycles.get(&number).map(|cycle| cycle.standing);
    // What can no longer be collected is not better off when its deadline passes.
    if known == Some(standing) || (known, standing) == (Some(Standing::Exhausted), Standing::Failing) {
        return Decision::default();
    }
    let mut decision = Decision::of(Event::CycleStood { number, request, standing });
    if state.phase == Phase::Cancelled {
        return decision; // What it had asked for is a matter of its requests.
    }
    let behind = |(other, cycle): &(&u16, &super::Cycle)| **other != number && cycle.standing.is_behind();
    let others_behind = state.cycles.iter().any(|other| behind(&other));
    let was_behind = others_behind || known.is_some_and(Standing::is_behind);
    if standing.is_behind() && !was_behind {
        decision.push(Event::PastDue { number, reason: reason.clone() });
        if state.phase == Phase::Completed {
            knows(&mut decision, terms, true);
        }
    }
    if !standing.is_behind() && was_behind && !others_behind {
        decision.push(Event::Recovered { number });
    }
    if standing == Standing::Exhausted {
        exhausted(&mut decision, state, terms, number, reason);
    }
    let open = |(other, cycle): (&u16, &super::Cycle)| *other != number && cycle.standing.is_open();
    let all_asked = !terms.has(state.cursor.0);
    if all_asked && !standing.is_open() && !state.cycles.iter().any(open) && state.is_live() {
        complete(&mut decision, terms);
    }
    decision
}

fn complete(decision: &mut Decision<Event>, terms: &Terms) {
    decision.push(Event::Completed);
    knows(decision, terms, false);
}

/// A cycle can no longer be collected.
fn exhausted(decision: &mut Decision<Event>, state: &Plan, terms: &Terms, number: u16, reason: &SmolStr) {
    let reason = reason.clone();
    match terms.on_exhausted {
        OnExhausted::KeepCharging => {}
        OnExhausted::HoldCollection if state.holds_collection => {}
        OnExhausted::HoldCollection => decision.push(Event::CollectionHeld { number, reason }),
        OnExhausted::Suspend => match state.phase {
            Phase::Suspended(SuspendedBy::Person | SuspendedBy::Exhausted | SuspendedBy::Refused) => {}
            // A pause would end by itself, and so does a rest with the customer.
            _ => decision.push(state.suspended(reason, SuspendedBy::Exhausted)),
        },
        OnExhausted::Cancel => cancel(decision, state, terms, &reason, false),
        OnExhausted::Ask if state.question.is_some() => {}
        OnExhausted::Ask => decision.push(Event::Questioned { number, reason }),
    }
}

fn cancel(decision: &mut Decision<Event>, state: &Plan, terms: &Terms, reason: &SmolStr, open_too: bool) {
    let generation = state.generation.wrapping_add(1);
    decision.push(Event::Cancelled { reason: reason.clone(), generation });
    let open = state.cycles.values().filter(|cycle| open_too && cycle.standing.is_open());
    for cycle in open {
        let cancel = payment_request::Command::Cancel { reason: reason.clone() };
        decision.tell(Tell::PaymentRequest(cycle.request, cancel));
    }
    knows(decision, terms, false);
}

fn pause(state: &Plan, until: Option<Date>, reason: &SmolStr, context: &Context<'_>) -> Decided {
    match state.phase {
        Phase::Running => {}
        Phase::Paused if state.paused_until == until => return Ok(Decision::default()),
        Phase::Paused => {}
        _ => return Err(Rejection::WrongStatus(state.status())),
    }
    if let Some(until) = until.filter(|until| *until < today(context)) {
        return Err(Rejection::PauseEnds(until));
    }
    Ok(paused(state, until, reason, context))
}

/// It rests, until the end of a day if that is said.
fn paused(state: &Plan, until: Option<Date>, reason: &SmolStr, context: &Context<'_>) -> Decision<Event> {
    let generation = state.generation.wrapping_add(1);
    let mut decision = Decision::of(Event::Paused { reason: reason.clone(), until, generation });
    if let Some(until) = until {
        let due = until.plus_days(1).at(0, 0, &context.policies.zone);
        decision.effect(Effect::ArmTimer { purpose: Purpose::Plan, due, generation });
    }
    decision
}

fn resume(state: &Plan, terms: &Terms, catch_up: bool, context: &Context<'_>) -> Decision<Event> {
    let (number, mut slot) = state.cursor;
    if !catch_up {
        let today = today(context);
        while terms.every.date(terms.starts_on, slot) < today {
            slot = slot.saturating_add(1);
        }
    }
    let generation = state.generation.wrapping_add(1);
    let mut decision = Decision::of(Event::Resumed { slot, generation });
    plan(&mut decision, terms, (number, slot), generation, context);
    if !terms.has(number) && !state.cycles.values().any(|cycle| cycle.standing.is_open()) {
        complete(&mut decision, terms);
    }
    decision
}

fn changed(state: &Plan, terms: &Terms, change: &Change, context: &Context<'_>) -> Decided {
    if !state.is_live() {
        return Err(Rejection::WrongStatus(state.status()));
    }
    let mut new = terms.clone();
    if change.amount.is_some() || change.cycles.is_some() {
        if terms.kind == Kind::Instalments {
            return Err(Rejection::Parted);
        }
        if let Some(amount) = change.amount {
            // A fee stays with the first cycle.
            let fee = terms.first.checked_sub(terms.each).map_err(|_| Rejection::Amounts)?;
            (new.first, new.each) = (amount.checked_add(fee).map_err(|_| Rejection::Amounts)?, amount);
        }
        new.cycles = change.cycles.or(new.cycles);
    }
    new.collect_from = change.collect_from.clone().or(new.collect_from);
    new.policy = change.policy.clone().or(new.policy);
    new.scenario = change.scenario.clone().or(new.scenario);
    new.ahead_days = change.ahead_days.unwrap_or(new.ahead_days);
    new.on_exhausted = change.on_exhausted.unwrap_or(new.on_exhausted);
    if new == *terms {
        return Ok(Decision::default());
    }
    if new.each.currency() != terms.each.currency() {
        return Err(Rejection::Amounts);
    }
    check(&new, context)?;
    let asked = state.cursor.0.saturating_sub(1);
    if new.cycles.is_some_and(|cycles| cycles < asked.max(1)) {
        return Err(Rejection::FewerCycles { asked });
    }
    let mut decision = Decision::of(Event::Changed { terms: Arc::new(new.clone()) });
    if state.phase == Phase::Running {
        if new.has(state.cursor.0) {
            plan(&mut decision, &new, state.cursor, state.generation, context);
        } else if !state.cycles.values().any(|cycle| cycle.standing.is_open()) {
            complete(&mut decision, &new);
        }
    }
    Ok(decision)
}
