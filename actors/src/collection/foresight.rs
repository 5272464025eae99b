//! What a policy does about a collection that keeps failing, day by day: for people who read or change it.

use super::by_reason::Answer;
use super::policy::{RetryPolicy, Timing};
use super::reason::{Advised, ReasonClass, ReasonTable};
use super::{Method, Usage};
use crate::values::{Calendar, Date, Timestamp, Zone};

/// A collection that keeps failing.
#[derive(Debug, Clone, Copy)]
pub struct Failing<'a> {
    /// From what.
    pub usage: &'a Usage,
    /// The deadline: the first attempt is wished for then.
    pub due_on: Date,
    /// The code of every failure.
    pub code: &'a str,
    /// The scheme's advice beside it.
    pub advice: Option<&'a str>,
}

/// An attempt that would be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempted {
    /// When its order leaves.
    pub due: Timestamp,
    /// The day money is collected.
    pub collects_on: Date,
}

/// What would become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foresight {
    /// The attempts, the first one included.
    pub attempts: Vec<Attempted>,
    /// What the reason allows by this policy.
    pub class: ReasonClass,
    /// New attempts at most after this reason.
    pub retries: u16,
    /// Until when a new or corrected instrument is waited for, when it is.
    pub waits_until: Option<Date>,
    /// Whether every attempt the policy has was made in vain.
    pub exhausted: bool,
}

impl RetryPolicy {
    /// What is done about a collection that fails each time, on the day on which it is collected. Nothing else comes
    /// between: no payment, promise, hold or cap.
    pub fn foresee(
        &self, failing: &Failing<'_>, reasons: &ReasonTable, calendar: &Calendar, zone: &Zone,
    ) -> Foresight {
        let Failing { usage, due_on, code, advice } = *failing;
        let advised = reasons.advised(usage.instrument.method(), code, advice, &usage.bank_country);
        let answer = self.answer_to(code, &advised);
        // A debit is agreed in time to be announced.
        let agreed = due_on.plus_days(-i32::from(usage.notice_days).max(20)).at(0, 0, zone);
        let Timing { due, collects_on } = self.timing(usage, due_on, agreed, calendar, zone);
        let mut attempts = vec![Attempted { due, collects_on }];
        let mut known = collects_on;
        while answer.class == ReasonClass::Retry && attempts.len() <= usize::from(answer.retries) {
            let failed_at = match usage.instrument.method() {
                Method::Card => attempts.last().map_or(due, |last| last.due),
                Method::DirectDebit => known.at(12, 0, zone),
            };
            let made = u16::try_from(attempts.len()).unwrap_or(u16::MAX);
            let next = self.next(usage, (&answer, &advised), made, failed_at, (calendar, zone));
            known = next.collects_on;
            attempts.push(Attempted { due: next.due, collects_on: next.collects_on });
        }
        let waits = answer.class.waits();
        Foresight {
            waits_until: waits.then(|| known.plus_days(i32::from(answer.wait_days))),
            exhausted: answer.class == ReasonClass::Retry,
            attempts,
            class: answer.class,
            retries: answer.retries,
        }
    }

    /// When the attempt after so many is made that follows a failure, of a customer of whom no payday is known.
    pub fn next(
        &self, usage: &Usage, (answer, advised): (&Answer<'_>, &Advised), made: u16, now: Timestamp,
        (calendar, zone): (&Calendar, &Zone),
    ) -> Timing {
        match advised.after_hours {
            Some(hours) => {
                let earliest = now.plus_millis(i64::from(hours) * 3_600_000);
                let Timing { due, collects_on } = self.timing(usage, earliest.date_in(zone), now, calendar, zone);
                Timing { due: due.max(earliest), collects_on }
            }
            None => {
                let wish = self.wish((answer.schedule, answer.retries), made, now.date_in(zone), calendar);
                self.timing(usage, wish, now, calendar, zone)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::policy::tests::policy as usual;
    use super::super::{ByReason, Instrument, Reason, Schedule};
    use super::*;

    #[test]
    fn a_policy_says_what_it_would_do() {
        let zone = Zone::parse("Europe/Paris").unwrap();
        let calendar = Calendar::new("TARGET", 1, vec![6, 7], vec![], vec![], vec![]).unwrap();
        let by_reason = vec![ByReason {
            codes: vec!["91".into()],
            retries: Some(1),
            schedule: Some(Schedule::Gaps(vec![1])),
            ..ByReason::default()
        }];
        let policy = RetryPolicy { by_reason, ..usual(Schedule::Gaps(vec![3, 5, 7])) };
        let mut reasons = ReasonTable::default();
        for (code, class) in [("51", ReasonClass::Retry), ("91", ReasonClass::Retry), ("54", ReasonClass::Renew)] {
            let reason = Reason { class, countries: Vec::new(), after_hours: None, text: String::new() };
            reasons.add(Method::Card, code, reason).unwrap();
        }
        let usage = Usage { instrument: Instrument::Card("tok".into()), notice_days: 0, bank_country: "".into() };
        let of = |code| {
            let failing = Failing { usage: &usage, due_on: Date::new(2026, 3, 2).unwrap(), code, advice: None };
            policy.foresee(&failing, &reasons, &calendar, &zone)
        };
        let days = |found: &Foresight| {
            found.attempts.iter().map(|attempt| attempt.collects_on.to_string()).collect::<Vec<_>>()
        };
        let short = of("51");
        assert_eq!(days(&short), ["2026-03-02", "2026-03-05", "2026-03-10", "2026-03-17"]);
        assert!(short.exhausted && short.retries == 3);
        assert_eq!(days(&of("91")), ["2026-03-02", "2026-03-03"]);
        let dead = of("54");
        assert_eq!((days(&dead).len(), dead.waits_until), (1, Date::new(2026, 4, 1)));
        assert!(!of("unheard_of").exhausted);
    }
}
