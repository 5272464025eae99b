//! When a request is collected next: what every step of a collection plans with.

use smol_str::{SmolStr, format_smolstr};

use super::collection::Collection;
use super::event::Event;
use super::state::{AttemptStatus, PaymentRequest, Terms};
use crate::collection::{OnExhausted, RetryPolicy, Schedule, Timing, Usage};
use crate::customer;
use crate::machine::{Context, Decision, Effect, Purpose, Tell};
use crate::values::{Date, Timestamp};

/// A payday that is further off is not waited for: one that has just failed would be a month.
const PAYDAY_WITHIN_DAYS: i32 = 21;

/// How many attempts have been made, apart from those that never left.
pub(super) fn made(state: &PaymentRequest) -> u16 {
    let left = state.attempts.values().filter(|attempt| attempt.status != AttemptStatus::Withdrawn);
    u16::try_from(left.count()).unwrap_or(u16::MAX)
}

/// A collection under way: what planning needs.
pub(super) struct Plan<'a> {
    collection: &'a Collection,
    pub policy: &'a RetryPolicy,
    context: &'a Context<'a>,
}

impl<'a> Plan<'a> {
    pub fn of(collection: &'a Collection, context: &'a Context<'a>) -> Option<Self> {
        let policy = context.policies.collections.policies.get(collection.policy.as_str())?;
        Some(Self { collection, policy, context })
    }

    pub fn today(&self) -> Date {
        self.context.now.date_in(&self.context.policies.zone)
    }

    fn timing(&self, usage: &Usage, wish: Date) -> Timing {
        let policies = self.context.policies;
        self.policy.timing(usage, wish, self.context.now, &policies.calendar, &policies.zone)
    }

    /// Plans an attempt for a day, or the next one on which it can be made.
    pub fn attempt(&self, decision: &mut Decision<Event>, number: u16, wish: Date, reason: &str) {
        let Timing { due, collects_on } = self.timing(&self.collection.usage, wish);
        self.attempt_at(decision, number, due, collects_on, reason);
    }

    /// Plans the new attempt that the schedule wants after so many, not before a day.
    pub fn again(&self, decision: &mut Decision<Event>, made: u16, not_before: Option<Date>, reason: &str) {
        let (today, number) = (self.today(), self.collection.ordered.saturating_add(1));
        // The first day on which it could be collected: of a debit that is announced, days ahead.
        let soonest = self.timing(&self.collection.usage, not_before.map_or(today, |day| day.max(today))).collects_on;
        let payday = match self.policy.schedule {
            Schedule::Paydays(_) => self.collection.paydays.after(today.max(soonest.plus_days(-1))),
            Schedule::Gaps(_) | Schedule::Even(_) | Schedule::DaysOfMonth(_) => None,
        };
        match payday.filter(|payday| payday.on.days_since(today) <= PAYDAY_WITHIN_DAYS) {
            Some(payday) => self.attempt(decision, number, payday.on, &format_smolstr!("{reason}: {payday}")),
            None => {
                let wish = self.policy.retry_on(made, today);
                self.attempt(decision, number, not_before.map_or(wish, |day| wish.max(day)), reason);
            }
        }
    }

    pub fn attempt_at(
        &self, decision: &mut Decision<Event>, number: u16, due: Timestamp, collects_on: Date, reason: &str,
    ) {
        let generation = self.collection.generation.wrapping_add(1);
        decision.push(Event::AttemptPlanned { number, due, collects_on, generation, reason: reason.into() });
        decision.effect(Effect::ArmTimer { purpose: Purpose::Collection, due, generation });
    }

    pub fn waits(&self, decision: &mut Decision<Event>, reason: SmolStr, for_instrument: bool) {
        let generation = self.collection.generation.wrapping_add(1);
        let until = for_instrument.then(|| self.context.now.plus_days(i64::from(self.policy.wait_days)));
        decision.push(Event::CollectionWaits { reason, until, generation });
        if let Some(due) = until {
            decision.effect(Effect::ArmTimer { purpose: Purpose::Collection, due, generation });
        }
    }

    pub fn exhausted(&self, decision: &mut Decision<Event>, terms: &Terms, reason: SmolStr) {
        end(decision, self.collection, true, reason.clone());
        if self.policy.on_exhausted == OnExhausted::Suspend {
            let suspend = customer::Command::SuspendRecurring { reason };
            decision.tell(Tell::Customer(terms.customer, suspend));
        }
    }
}

/// Nothing is collected any more.
pub(super) fn end(decision: &mut Decision<Event>, collection: &Collection, exhausted: bool, reason: SmolStr) {
    let generation = collection.generation.wrapping_add(1);
    decision.push(Event::CollectionEnded { exhausted, reason, generation });
}

impl Plan<'_> {
    /// The day of an attempt that is due: the one it was announced for, or the next that can still
    /// be met after an outage.
    pub fn late_timing(&self, wish: Date) -> Timing {
        self.timing(&Usage { notice_days: 0, ..self.collection.usage.clone() }, wish)
    }
}
