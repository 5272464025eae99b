//! How a payment request is collected: one attempt at a time, again after a failure as its policy
//! and the reason allow.
//!
//! ```text
//! agreed ─► planned ─► due ─► the customer allows it ─► ordered ─► submitted ─► succeeded
//!              ▲        │         │ later, or waits         │          ├─► failed ─► planned │ waits │ ended
//!              └────────┴─────────┘                         │          └─► unknown (asked about, or a person)
//!                                  paid meanwhile: skipped ◄┘
//! succeeded ─► reversed ─► open again ─► as after a failure
//! ```
//!
//! Never two in flight, never more than the policy allows (INV-04). The customer says whether the
//! instrument can be used on the day (INV-05). An order is claimed before it is sent: what may have
//! left is never sent as new.

use smol_str::{SmolStr, format_smolstr};

use super::attempts::report_attempt;
use super::collection::{Collection, Stage, attempt_of};
use super::command::{AttemptAnswer, AttemptReport, AttemptResult};
use super::decide::reverse_allocation;
use super::event::Event;
use super::planning::{Plan, end, made};
use super::rejection::Rejection;
use super::state::{Attempt, AttemptStatus, PaymentRequest, Source, Status, Terms};
use super::{again, bank, inquiring, promise, refunding};
use crate::collection::{Method, Paydays, Timing, Usage};
use crate::customer;
use crate::machine::{Context, Decision, Effect, Purpose, Tell};
use crate::values::{AttemptId, Date, Money, Timestamp};

type Decided = Result<Decision<Event>, Rejection>;

/// The customer agrees that the request is collected: the first attempt is on the deadline.
pub(super) fn agree(
    state: &PaymentRequest, terms: &Terms, (usage, policy, again): (&Usage, &SmolStr, bool), context: &Context<'_>,
) -> Decision<Event> {
    if state.status != Status::Open {
        return Decision::default();
    }
    let known = state.collection.as_ref();
    let running = known.is_some_and(|known| matches!(known.stage, Stage::Running { .. }));
    let planned = known.is_some_and(|known| matches!(known.stage, Stage::Planned { .. }));
    let has_ended = known.is_some_and(|known| matches!(known.stage, Stage::Ended { .. }));
    let same = known.is_some_and(|known| known.usage == *usage && known.policy == *policy);
    if same && (running || planned || !again) || has_ended && !again {
        return Decision::default(); // The same again.
    }
    let mut decision = Decision::of(Event::CollectionAgreed { usage: usage.clone(), policy: policy.clone() });
    if running || state.in_flight().is_some() {
        return decision;
    }
    let (generation, ordered) = known.map_or((0, 0), |known| (known.generation, known.ordered));
    let (usage, policy) = (usage.clone(), policy.clone());
    let paydays = known.map(|known| known.paydays.clone()).unwrap_or_default();
    let collection = Collection { usage, policy, stage: Stage::Idle, generation, ordered, paydays };
    if let Some(plan) = Plan::of(&collection, context) {
        // Whoever agrees once more after the last attempt means one more, and not that nothing is collected any more.
        if made(state) > plan.policy.retries && !again {
            let reason = SmolStr::from("every attempt of the policy has been made");
            plan.exhausted(&mut decision, terms, &reason);
        } else {
            plan.attempt(&mut decision, collection.ordered.saturating_add(1), terms.due_on, "");
        }
    }
    decision
}

/// What the timer of the collection leads to.
pub(super) fn due(
    state: &PaymentRequest, terms: &Terms, (generation, due, bank_complete_to): (u32, Timestamp, Option<Date>),
    context: &Context<'_>,
) -> Decided {
    let Some(collection) = &state.collection else { return Ok(Decision::default()) };
    if collection.generation != generation {
        return Ok(Decision::default()); // Planned otherwise since.
    }
    crate::check!(crate::invariants::TIMER_NOT_EARLY, context.now >= due);
    match &collection.stage {
        Stage::Planned { number, collects_on, .. } if state.status == Status::Open => {
            Ok(attempt_due(state, terms, collection, (*number, *collects_on, bank_complete_to), context))
        }
        Stage::Running { attempt, .. } => match state.attempts.get(attempt) {
            // It has not come back: it counts as paid, for the time being.
            Some(Attempt { amount, status: AttemptStatus::Submitted, .. }) => {
                let report = AttemptReport { attempt: *attempt, amount: *amount, result: AttemptResult::Succeeded };
                report_attempt(state, terms, &report, context)
            }
            _ => Ok(Decision::default()),
        },
        Stage::Waits { reason, .. } if state.status == Status::Open => {
            let mut decision = Decision::default();
            let reason = format_smolstr!("nothing new came in time: {reason}");
            match Plan::of(collection, context) {
                Some(plan) => plan.exhausted(&mut decision, terms, &reason),
                None => end(&mut decision, collection, false, reason),
            }
            Ok(decision)
        }
        _ => Ok(Decision::default()),
    }
}

fn attempt_due(
    state: &PaymentRequest, terms: &Terms, collection: &Collection,
    (number, wish, bank_complete_to): (u16, Date, Option<Date>), context: &Context<'_>,
) -> Decision<Event> {
    let mut decision = Decision::default();
    let Some(plan) = Plan::of(collection, context) else {
        end(&mut decision, collection, false, "the policy is no longer configured".into());
        return decision;
    };
    if let Some(reason) = &state.rare.dispute {
        plan.waits(&mut decision, format_smolstr!("disputed: {reason}"), None);
        return decision;
    }
    if let Some(promise) = &state.rare.promise {
        // The order itself waits for the promise to end, and not only the day of collection.
        let ends = promise::ends(promise.on, context).plus_millis(60_000).max(context.now.plus_millis(60_000));
        let Timing { due, collects_on } = plan.late_timing(wish.max(ends.date_in(&context.policies.zone)));
        plan.attempt_at(&mut decision, number, due.max(ends), collects_on, "a payment is promised");
        return decision;
    }
    if let Some(reason) = bank::is_behind_for(terms, wish, bank_complete_to, context) {
        let again = context.now.plus_millis(bank::ATTEMPTS_ASK_EVERY_MS);
        plan.attempt_at(&mut decision, number, again, wish, &reason);
        return decision;
    }
    let collects_on = plan.late_timing(wish).collects_on;
    let ask = customer::Command::AllowAttempt {
        request: terms.id,
        instrument: collection.usage.instrument.clone(),
        collects_on,
    };
    decision.tell(Tell::Customer(terms.customer, ask));
    decision
}

/// What the customer says to an attempt that is due.
pub(super) fn answered(
    state: &PaymentRequest, terms: &Terms, (answer, paydays): (&AttemptAnswer, &Paydays), context: &Context<'_>,
) -> Decision<Event> {
    let mut decision = Decision::default();
    let Some(collection) = &state.collection else { return decision };
    let Stage::Planned { number, collects_on: wish, .. } = collection.stage else { return decision };
    let Some(plan) = Plan::of(collection, context) else { return decision };
    let instrument = &collection.usage.instrument;
    if plan.policy.learns_paydays() && *paydays != collection.paydays {
        decision.push(Event::PaydaysKnown { paydays: paydays.clone() });
    }
    match answer {
        AttemptAnswer::Allowed => {
            let connector = plan.policy.connector(instrument.method());
            let (Some(connector), Some(amount)) = (connector, state.outstanding()) else {
                end(&mut decision, collection, false, "nobody collects by this method any more".into());
                return decision;
            };
            crate::check!(crate::invariants::ONE_ATTEMPT_IN_FLIGHT, state.in_flight().is_none());
            decision.push(Event::AttemptOrdered {
                attempt: attempt_of(terms.id, number),
                number,
                amount,
                instrument: instrument.clone(),
                collects_on: plan.late_timing(wish).collects_on,
            });
            let (attempt, connector) = (attempt_of(terms.id, number), connector.clone());
            decision.push(Event::AttemptHandedTo { attempt, connector: connector.clone() });
            decision.effect(Effect::Collect { connector, attempt });
        }
        AttemptAnswer::Later { at, reason } => {
            let wish = at.date_in(&context.policies.zone);
            let Timing { due, collects_on } = plan.late_timing(wish);
            plan.attempt_at(&mut decision, number, due.max(*at), collects_on, reason);
        }
        AttemptAnswer::Waits { reason, for_instrument } => {
            let wait_days = for_instrument.then_some(plan.policy.wait_days);
            plan.waits(&mut decision, reason.clone(), wait_days);
        }
    }
    decision
}

/// A connector is about to send an attempt: recorded before it leaves.
pub(super) fn claim(state: &PaymentRequest, attempt: AttemptId, context: &Context<'_>) -> Decided {
    let record = state.attempts.get(&attempt).ok_or(Rejection::UnknownAttempt(attempt))?;
    let wanted = state.status == Status::Open && state.rare.dispute.is_none();
    match (record.status, &state.collection) {
        (AttemptStatus::Ordered, Some(collection)) if wanted => {
            if state.outstanding() != Some(record.amount) {
                return Ok(moved(collection, attempt, "the amount has changed", context));
            }
            if is_late(collection, record, context) {
                return Ok(moved(collection, attempt, "too late for its day", context));
            }
            let generation = collection.generation.wrapping_add(1);
            Ok(Decision::of(Event::AttemptSubmitted { attempt, presumed_at: None, generation }))
        }
        (AttemptStatus::Submitted, _) if wanted => Ok(Decision::default()), // A second try of the same.
        (status, _) => Err(Rejection::AttemptNotWanted { attempt, status }),
    }
}

/// How an attempt collects.
fn method_of(attempt: &Attempt, collection: &Collection) -> Method {
    attempt.usage.as_deref().unwrap_or(&collection.usage).instrument.method()
}

/// A connector has taken an attempt. A direct debit that does not come back counts as paid from some day
/// on; what nobody has taken never does.
pub(super) fn accepted(state: &PaymentRequest, attempt: AttemptId, context: &Context<'_>) -> Decision<Event> {
    // The same again is nothing new.
    let fresh = |known: &&Attempt| known.status == AttemptStatus::Submitted && !known.acknowledged;
    let known = state.attempts.get(&attempt).filter(fresh);
    let (Some(known), Some(collection)) = (known, &state.collection) else { return Decision::default() };
    let collects_on = match collection.stage {
        Stage::Running { attempt: running, collects_on, .. } if running == attempt => collects_on,
        _ => return Decision::default(),
    };
    let policies = context.policies;
    let policy = policies.collections.policies.get(collection.policy.as_str());
    // Whoever can be asked says what became of it: nothing is presumed.
    let presumed = method_of(known, collection) == Method::DirectDebit && !inquiring::is_asked(known, context);
    let presumed_at = policy.filter(|_| presumed).map(|policy| {
        let from = collects_on.max(context.now.date_in(&policies.zone));
        policy.presumed_at(from, &policies.calendar, &policies.zone)
    });
    let generation = collection.generation.wrapping_add(1);
    let mut decision = Decision::of(Event::AttemptPending { attempt, presumed_at, generation });
    match presumed_at {
        Some(due) => decision.effect(Effect::ArmTimer { purpose: Purpose::Collection, due, generation }),
        None => inquiring::inquire(&mut decision, (attempt, known), context),
    }
    decision
}

/// Whether the day of a direct debit can no longer be met: its connector was not there in time. A card
/// can be tried on any day.
fn is_late(collection: &Collection, attempt: &Attempt, context: &Context<'_>) -> bool {
    if method_of(attempt, collection) == Method::Card {
        return false;
    }
    match (&collection.stage, Plan::of(collection, context)) {
        (Stage::Running { collects_on, .. }, Some(plan)) => plan.late_timing(*collects_on).collects_on > *collects_on,
        _ => false,
    }
}

/// An order that has not left is made again for a day that can be met.
fn moved(collection: &Collection, attempt: AttemptId, reason: &str, context: &Context<'_>) -> Decision<Event> {
    let mut decision = Decision::default();
    let Stage::Running { number, collects_on, .. } = collection.stage else { return decision };
    let next = collection.ordered.saturating_add(1);
    let generation = collection.generation.wrapping_add(1);
    decision.push(Event::AttemptSkipped { number, attempt: Some(attempt), reason: reason.into(), generation });
    let collection = Collection { generation, ..Collection::clone(collection) };
    if let Some(plan) = Plan::of(&collection, context) {
        let Timing { due, collects_on } = plan.late_timing(collects_on);
        plan.attempt_at(&mut decision, next, due, collects_on, reason);
    }
    decision
}

/// A connector has given an attempt up. What may have left stays in flight until its connector, or a person, has
/// found out; what has not left waits.
pub(super) fn given_up(
    state: &PaymentRequest, terms: &Terms, attempt: AttemptId, reason: &SmolStr, context: &Context<'_>,
) -> Decided {
    let record = state.attempts.get(&attempt).ok_or(Rejection::UnknownAttempt(attempt))?;
    match record.status {
        AttemptStatus::Submitted => {
            let mut decision = Decision::of(Event::AttemptUnknown { attempt, reason: reason.clone() });
            inquiring::inquire(&mut decision, (attempt, record), context);
            Ok(decision)
        }
        AttemptStatus::Ordered => {
            let mut decision = Decision::default();
            pause(&mut decision, state, reason, context);
            let awaits = customer::Command::AwaitCollection { request: terms.id, at_once: true };
            decision.tell(Tell::Customer(terms.customer, awaits));
            Ok(decision)
        }
        _ => Ok(Decision::default()),
    }
}

/// A bank or a payer takes an attempt back, before or after it counted as paid.
pub(super) fn returned(
    state: &PaymentRequest, terms: &Terms, attempt: AttemptId, reason_code: &SmolStr, context: &Context<'_>,
) -> Decided {
    let record = state.attempts.get(&attempt).ok_or(Rejection::UnknownAttempt(attempt))?;
    let amount = record.amount;
    match record.status {
        AttemptStatus::Ordered | AttemptStatus::Submitted | AttemptStatus::Unknown => {
            let result = AttemptResult::Failed { reason_code: reason_code.clone(), advice: None };
            report_attempt(state, terms, &AttemptReport { attempt, amount, result }, context)
        }
        AttemptStatus::Succeeded => reversed(state, terms, attempt, amount, reason_code, context),
        AttemptStatus::Failed | AttemptStatus::Reversed | AttemptStatus::Withdrawn => Ok(Decision::default()),
    }
}

fn reversed(
    state: &PaymentRequest, terms: &Terms, attempt: AttemptId, amount: Money, reason_code: &SmolStr,
    context: &Context<'_>,
) -> Decided {
    let source = Source::Attempt(attempt);
    let reason_code = reason_code.clone();
    let mut decision = Decision::of(Event::AttemptReversed { attempt, amount, reason_code: reason_code.clone() });
    let counted = state.allocations.get(&source).map_or(0, |part| part.minor());
    if counted > 0 {
        decision.join(reverse_allocation(state, terms, source, true, context)?);
    }
    let credit = Money::from_minor(amount.minor().saturating_sub(counted), amount.currency());
    if credit.is_positive() {
        decision.tell(Tell::Customer(terms.customer, customer::Command::WithdrawCredit(credit)));
    }
    refunding::withdraw(&mut decision, state, attempt, &reason_code);
    let opens = state.status != Status::Cancelled && counted > 0;
    again::after_failure(&mut decision, state, terms, (attempt, (&reason_code, None), opens), context);
    Ok(decision)
}

/// What the collection waited for has come: the next attempt is made at once.
pub(super) fn resume(
    state: &PaymentRequest, terms: &Terms, usage: Option<&Usage>, context: &Context<'_>,
) -> Decision<Event> {
    let mut decision = Decision::default();
    let Some(collection) = &state.collection else { return decision };
    let Stage::Waits { until, .. } = collection.stage else { return decision };
    if state.status != Status::Open {
        return decision;
    }
    let mut collection = collection.clone();
    // Only what waits for an instrument takes a new one, and only one that its policy can collect from.
    if let Some(usage) = usage.filter(|usage| until.is_some() && **usage != collection.usage) {
        let method = usage.instrument.method();
        if Plan::of(&collection, context).is_none_or(|plan| plan.policy.connector(method).is_none()) {
            let awaits = customer::Command::AwaitCollection { request: terms.id, at_once: false };
            decision.tell(Tell::Customer(terms.customer, awaits));
            return decision;
        }
        decision.push(Event::CollectionAgreed { usage: usage.clone(), policy: collection.policy.clone() });
        collection.usage = usage.clone();
    }
    if let Some(plan) = Plan::of(&collection, context) {
        let number = collection.ordered.saturating_add(1);
        plan.attempt(&mut decision, number, terms.due_on.max(plan.today()), "");
    }
    decision
}

/// An order that has not left waits for a promise to end.
pub(super) fn postpone(
    decision: &mut Decision<Event>, state: &PaymentRequest, until: Timestamp, context: &Context<'_>,
) {
    let Some((number, Some(attempt), generation)) = not_left(state) else { return };
    let (reason, attempt) = ("a payment is promised", Some(attempt));
    decision.push(Event::AttemptSkipped { number, attempt, reason: reason.into(), generation });
    let Some(collection) = &state.collection else { return };
    let collection = Collection { generation, ..Collection::clone(collection) };
    if let Some(plan) = Plan::of(&collection, context) {
        let Timing { due, collects_on } = plan.late_timing(until.date_in(&context.policies.zone));
        plan.attempt_at(decision, collection.ordered.saturating_add(1), due.max(until), collects_on, reason);
    }
}

/// Nothing is to be collected any more, apart from what has left: `by` is the attempt that paid.
pub(super) fn stop(decision: &mut Decision<Event>, state: &PaymentRequest, by: Option<AttemptId>, reason: &str) {
    if let Some((number, attempt, generation)) =
        not_left(state).filter(|(_, attempt, _)| by.is_none() || *attempt != by)
    {
        decision.push(Event::AttemptSkipped { number, attempt, reason: reason.into(), generation });
    }
}

/// Somebody wants nothing collected any more. What has left may still be paid, so it is waited for.
pub(super) fn end_it(state: &PaymentRequest, reason: &SmolStr) -> Decided {
    let mut decision = Decision::default();
    let Some(collection) = state.collection.as_deref() else { return Ok(decision) };
    if let Some(attempt) = state.in_flight()
        && state.attempts.get(&attempt).is_some_and(|known| known.status.has_left())
    {
        return Err(Rejection::UnderWay(attempt));
    }
    if matches!(collection.stage, Stage::Ended { .. }) {
        return Ok(decision);
    }
    stop(&mut decision, state, None, reason);
    let generation =
        if decision.events.is_empty() { collection.generation } else { collection.generation.wrapping_add(1) };
    end(&mut decision, &Collection { generation, ..Collection::clone(collection) }, false, reason.clone());
    Ok(decision)
}

/// What has not left waits.
pub(super) fn pause(decision: &mut Decision<Event>, state: &PaymentRequest, reason: &str, context: &Context<'_>) {
    let Some((number, attempt, generation)) = not_left(state) else { return };
    decision.push(Event::AttemptSkipped { number, attempt, reason: reason.into(), generation });
    let Some(collection) = &state.collection else { return };
    let collection = Collection { generation, ..Collection::clone(collection) };
    if let Some(plan) = Plan::of(&collection, context) {
        plan.waits(decision, reason.into(), None);
    }
}

/// The attempt that is planned or ordered and has not left: number, id if it was ordered, and the
/// generation that takes its timer away.
fn not_left(state: &PaymentRequest) -> Option<(u16, Option<AttemptId>, u32)> {
    let Collection { stage, generation, .. } = state.collection.as_deref()?;
    let next = generation.wrapping_add(1);
    match stage {
        Stage::Planned { number, .. } => Some((*number, None, next)),
        Stage::Running { attempt, number, .. } => {
            let ordered = state.attempts.get(attempt).is_some_and(|known| known.status == AttemptStatus::Ordered);
            ordered.then_some((*number, Some(*attempt), next))
        }
        _ => None,
    }
}
