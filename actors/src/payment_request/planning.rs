//! When a request is collected next: what every step of a collection plans with.

use smol_str::{SmolStr, format_smolstr};

use super::collection::Collection;
use super::command::Command;
use super::event::Event;
use super::state::{AttemptStatus, PaymentRequest, Terms};
use crate::collection::{Advised, Answer, OnExhausted, RetryPolicy, Schedule, Timing, Usage};
use crate::customer::{self, Note};
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

    /// The same collection, if it were by another policy.
    pub fn by(policy: &'a RetryPolicy, collection: &'a Collection, context: &'a Context<'a>) -> Self {
        Self { collection, policy, context }
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
        self.by_schedule(decision, (&self.policy.schedule, self.policy.retries), (made, not_before), reason);
    }

    /// Plans the new attempt that follows so many after a failure: by the answer of the policy to its reason, or when
    /// the scheme says.
    pub fn after_failure(&self, decision: &mut Decision<Event>, made: u16, answer: &Answer<'_>, advised: &Advised) {
        if advised.after_hours.is_none() {
            return self.by_schedule(decision, (answer.schedule, answer.retries), (made, None), &advised.words);
        }
        let Context { now, policies, .. } = self.context;
        let by = (&policies.calendar, &policies.zone);
        let Timing { due, collects_on } = self.policy.next(&self.collection.usage, (answer, advised), made, *now, by);
        let number = self.collection.ordered.saturating_add(1);
        self.attempt_at(decision, number, due, collects_on, &advised.words);
    }

    fn by_schedule(
        &self, decision: &mut Decision<Event>, (schedule, retries): (&Schedule, u16),
        (made, not_before): (u16, Option<Date>), reason: &str,
    ) {
        let (today, number) = (self.today(), self.collection.ordered.saturating_add(1));
        // The first day on which it could be collected: of a debit that is announced, days ahead.
        let soonest = self.timing(&self.collection.usage, not_before.map_or(today, |day| day.max(today))).collects_on;
        let payday = match schedule {
            Schedule::Paydays(_) => self.collection.paydays.after(today.max(soonest.plus_days(-1))),
            Schedule::Gaps(_) | Schedule::Even(_) | Schedule::DaysOfMonth(_) => None,
        };
        match payday.filter(|payday| payday.on.days_since(today) <= PAYDAY_WITHIN_DAYS) {
            Some(payday) => self.attempt(decision, number, payday.on, &format_smolstr!("{reason}: {payday}")),
            None => {
                let wish = self.policy.wish((schedule, retries), made, today, &self.context.policies.calendar);
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

    /// Waits for something: for an instrument, so many days at most.
    pub fn waits(&self, decision: &mut Decision<Event>, reason: SmolStr, wait_days: Option<u16>) {
        let generation = self.collection.generation.wrapping_add(1);
        let until = wait_days.map(|days| self.context.now.plus_days(i64::from(days)));
        decision.push(Event::CollectionWaits { reason, until, generation });
        if let Some(due) = until {
            decision.effect(Effect::ArmTimer { purpose: Purpose::Collection, due, generation });
        }
    }

    /// The last attempt has failed.
    pub fn exhausted(&self, decision: &mut Decision<Event>, terms: &Terms, reason: &SmolStr) {
        end(decision, self.collection, true, reason.clone());
        let OnExhausted { suspends, asks, scenario, gives_up_minor_max } = &self.policy.on_exhausted;
        let name = &self.policy.name;
        if *suspends {
            let suspend = customer::Command::SuspendRecurring { reason: reason.clone() };
            decision.tell(Tell::Customer(terms.customer, suspend));
        }
        if *asks {
            let task = Note::OpenTask {
                text: format_smolstr!("Recurring payments: suspend them? {reason}"),
                request: Some(terms.id),
                by: format_smolstr!("retry policy {name}"),
                due_on: None,
                assigned_to: None,
            };
            decision.tell(Tell::Customer(terms.customer, customer::Command::Note(task)));
        }
        if gives_up_minor_max.is_some() || scenario.is_some() {
            let end = Command::EndCollection {
                gives_up_minor_max: *gives_up_minor_max,
                scenario: scenario.clone(),
                reason: format_smolstr!("retry policy {name}: every attempt has failed"),
            };
            decision.tell(Tell::PaymentRequest(terms.id, end));
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
