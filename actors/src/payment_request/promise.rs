//! Promises to pay and disputes: nobody is reminded or collected from while one counts.

use smol_str::SmolStr;

use super::event::Event;
use super::rejection::Rejection;
use super::state::{PaymentRequest, Promise, Status, Terms};
use super::{collecting, reminders};
use crate::customer;
use crate::limits;
use crate::machine::{Context, Decision, Effect, Purpose, Tell};
use crate::values::{Date, Timestamp};

type Decided = Result<Decision<Event>, Rejection>;

/// The payer promises to pay until `on`.
pub(super) fn make(state: &PaymentRequest, on: Date, context: &Context<'_>) -> Decided {
    if state.status != Status::Open {
        return Err(Rejection::WrongStatus(state.status));
    }
    let policies = context.policies;
    let days = on.days_since(context.now.date_in(&policies.zone));
    if !(0..=i32::from(limits::PROMISE_DAYS_MAX)).contains(&days) {
        return Err(Rejection::PromiseTooFar(limits::PROMISE_DAYS_MAX));
    }
    if state.rare.promise.as_ref().is_some_and(|known| known.on == on) {
        return Ok(Decision::default()); // The same again.
    }
    let generation = state.rare.promises.wrapping_add(1);
    let mut decision = Decision::of(Event::PromiseMade { on, generation });
    let due = ends(on, context);
    decision.effect(Effect::ArmTimer { purpose: Purpose::Promise, due, generation });
    reminders::stop(&mut decision, state, "a payment is promised");
    collecting::postpone(&mut decision, state, due.plus_millis(60_000), context);
    Ok(decision)
}

/// When a promise ends: money of its last day is booked by noon of the next business day.
pub(super) fn ends(on: Date, context: &Context<'_>) -> Timestamp {
    context.policies.calendar.plus_business_days(on, 1).at(12, 0, &context.policies.zone)
}

/// A promise has come to its end: unpaid, it is broken, and reminders go on.
pub(super) fn due(
    state: &PaymentRequest, terms: &Terms, generation: u32, due: Timestamp, context: &Context<'_>,
) -> Decision<Event> {
    let Some(Promise { on, .. }) = state.rare.promise.as_ref().filter(|known| known.generation == generation) else {
        return Decision::default();
    };
    crate::check!(crate::invariants::TIMER_NOT_EARLY, context.now >= due);
    if state.status != Status::Open {
        return Decision::default();
    }
    let mut decision = Decision::of(Event::PromiseBroken { on: *on });
    if state.rare.dispute.is_none() {
        reminders::resume(&mut decision, state, terms, context);
    }
    decision
}

/// Everything is paid while a promise counts.
pub(super) fn kept(decision: &mut Decision<Event>, state: &PaymentRequest) {
    if state.rare.promise.is_some() {
        decision.push(Event::PromiseKept);
    }
}

/// Tells the customer, which places transfers.
fn mark(decision: &mut Decision<Event>, terms: &Terms, disputed: bool) {
    let command = customer::Command::MarkDisputed { request: terms.id, disputed };
    decision.tell(Tell::Customer(terms.customer, command));
}

/// The payer disputes it: reminders stop, and what has not left is not collected.
pub(super) fn dispute(state: &PaymentRequest, terms: &Terms, reason: &SmolStr, context: &Context<'_>) -> Decided {
    if state.status != Status::Open {
        return Err(Rejection::WrongStatus(state.status));
    }
    if state.rare.dispute.as_ref() == Some(reason) {
        let mut decision = Decision::default();
        mark(&mut decision, terms, true); // It may have been disputed before customers were told.
        return Ok(decision);
    }
    let mut decision = Decision::of(Event::Disputed { reason: reason.clone() });
    mark(&mut decision, terms, true);
    reminders::stop(&mut decision, state, "disputed");
    collecting::pause(&mut decision, state, "disputed", context);
    Ok(decision)
}

/// The dispute has ended and payment is asked for again.
pub(super) fn end_dispute(
    state: &PaymentRequest, terms: &Terms, outcome: &SmolStr, context: &Context<'_>,
) -> Decided {
    if state.rare.dispute.is_none() {
        return Err(Rejection::NotDisputed);
    }
    let mut decision = Decision::of(Event::DisputeEnded { outcome: outcome.clone() });
    mark(&mut decision, terms, false);
    if state.status == Status::Open {
        if state.rare.promise.is_none() {
            reminders::resume(&mut decision, state, terms, context);
        }
        decision.join(collecting::resume(state, terms, None, context));
    }
    Ok(decision)
}
