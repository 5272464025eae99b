//! Whether a settlement is final. A credit transfer is; a direct debit may come back for eight weeks without a reason,
//! and a card payment may be disputed for months.
//!
//! What comes back later than that, as a debit that was never authorised, opens the request all the same.

use super::event::Event;
use super::state::{PaymentRequest, Source, Status};
use crate::collection::Method;
use crate::machine::{Context, Decision, Effect, Purpose};
use crate::values::{AttemptId, Date, Timestamp};

/// The local hour at which a settlement becomes final.
const HOUR: i8 = 6;

/// How long a payment may come back, in days after the settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finality {
    /// One by card: the time in which a cardholder may dispute it.
    pub card_days: u16,
    /// One by direct debit: eight weeks, in which a SEPA Core payer has it back without a reason.
    pub debit_days: u16,
}

impl Default for Finality {
    fn default() -> Self {
        Self { card_days: 120, debit_days: 56 }
    }
}

/// From when on what is settled now is final; `None` when it is already.
fn from_when(state: &PaymentRequest, decision: &Decision<Event>, context: &Context<'_>) -> Option<Date> {
    let finality = context.policies.finality;
    let days = |attempt: &AttemptId| {
        let usage = state.attempts.get(attempt).and_then(|known| known.usage.as_ref());
        // One that was reported may be by card: the longer time.
        match usage.map(|usage| usage.instrument.method()) {
            Some(Method::DirectDebit) => finality.debit_days,
            Some(Method::Card) => finality.card_days,
            None => finality.card_days.max(finality.debit_days),
        }
    };
    let taken_back = |source: &Source| {
        let is = |event: &Event| matches!(event, Event::AllocationReversed { source: of, .. } if of == source);
        decision.events.iter().any(is)
    };
    let now = decision.events.iter().filter_map(|event| match event {
        Event::AmountAllocated { source, .. } => Some(source),
        _ => None,
    });
    let sources = state.allocations.keys().filter(|source| !taken_back(source)).chain(now);
    let attempts = sources.filter_map(|source| match source {
        Source::Attempt(attempt) => Some(days(attempt)),
        // What had become credit may have been collected, and goes with what it came from.
        Source::Credit(_) => Some(finality.card_days.max(finality.debit_days)),
        Source::Transfer(_) | Source::CreditNote(_) => None,
    });
    let days = attempts.max().filter(|days| *days > 0)?;
    Some(context.now.date_in(&context.policies.zone).plus_days(i32::from(days)))
}

/// Nothing is left to pay; when the payment may come back, the day on which it no longer can is waited for.
pub(super) fn settled(decision: &mut Decision<Event>, state: &PaymentRequest, context: &Context<'_>) {
    let final_on = from_when(state, decision, context);
    decision.push(Event::SettledUntil { at: context.now, final_on });
    if let Some(day) = final_on {
        arm(decision, day, context);
    }
}

fn arm(decision: &mut Decision<Event>, day: Date, context: &Context<'_>) {
    let due = day.at(HOUR, 0, &context.policies.zone);
    decision.effect(Effect::ArmTimer { purpose: Purpose::Finality, due, generation: 0 });
}

/// The time in which it could come back is over, if it has not.
pub(super) fn due(state: &PaymentRequest, due: Timestamp, context: &Context<'_>) -> Decision<Event> {
    let Some(on) = state.final_on.filter(|_| state.status == Status::Settled) else { return Decision::default() };
    if context.now.date_in(&context.policies.zone) < on {
        // It was settled again since, or the tenant's clocks tell another time now.
        let mut decision = Decision::default();
        arm(&mut decision, on, context);
        return decision;
    }
    crate::check!(crate::invariants::TIMER_NOT_EARLY, context.now >= due);
    Decision::of(Event::Finalised { on })
}
