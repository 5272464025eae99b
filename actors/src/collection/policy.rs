//! Retry policies: how often, when and by whom a failed collection is tried again.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use thiserror::Error;

use super::{Method, Usage};
use crate::values::{Calendar, Date, Timestamp, Zone};

/// When the next new attempt is made, counted from the day of the failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// So many days after each failure; the last gap holds for all further ones.
    Gaps(Vec<u16>),
    /// Spread evenly over so many days.
    Even(u16),
    /// On the next of these days of the month; 31 means its last day.
    DaysOfMonth(Vec<i8>),
    /// On the next day of the month on which this customer has often paid; by these gaps as long as none is known.
    Paydays(Vec<u16>),
}

/// What happens to recurring payments when the last attempt has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnExhausted {
    /// Nothing: rules tell the teams.
    #[default]
    Alert,
    /// The customer's recurring payments are suspended until a person resumes them.
    Suspend,
}

/// Why a policy was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum PolicyError {
    #[error("a policy has 0 to {0} new attempts")]
    Attempts(u16),
    #[error("a gap is 1 to 90 days, and there is at least one")]
    Gaps,
    #[error("new attempts are spread over 1 to 365 days, at least one each")]
    Window,
    #[error("days of the month are 1 to 31, and there is at least one")]
    DaysOfMonth,
    #[error("orders are given 1 to 10 business days before they are collected")]
    Lead,
    #[error("a policy names a connector for cards, for direct debits, or for both")]
    NoConnector,
}

/// New attempts of one policy, however it is configured.
const RETRIES_MAX: u16 = 15;

/// How failed collections are tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Its name.
    pub name: SmolStr,
    /// New attempts after the first.
    pub retries: u16,
    /// When.
    pub schedule: Schedule,
    /// Local hour and minute at which an order leaves.
    pub at: (i8, i8),
    /// Business days between the order of a direct debit and its collection.
    pub lead_days: u16,
    /// Business days after its collection at which a direct debit that has not come back counts as
    /// paid, for the time being.
    pub presumed_after_days: u16,
    /// Days that a new or corrected instrument is waited for.
    pub wait_days: u16,
    /// What happens when the last attempt has failed.
    pub on_exhausted: OnExhausted,
    /// Who collects from cards.
    pub card_connector: Option<SmolStr>,
    /// Who collects by direct debit.
    pub debit_connector: Option<SmolStr>,
}

/// When an attempt is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// When the order leaves.
    pub due: Timestamp,
    /// The day money is collected.
    pub collects_on: Date,
}

impl RetryPolicy {
    /// A checked policy.
    pub fn checked(self) -> Result<Self, PolicyError> {
        if self.retries > RETRIES_MAX {
            return Err(PolicyError::Attempts(RETRIES_MAX));
        }
        match &self.schedule {
            Schedule::Gaps(gaps) | Schedule::Paydays(gaps)
                if gaps.is_empty() || !gaps.iter().all(|gap| (1..=90).contains(gap)) =>
            {
                return Err(PolicyError::Gaps);
            }
            Schedule::Even(window) if !(self.retries.max(1)..=365).contains(window) => {
                return Err(PolicyError::Window);
            }
            Schedule::DaysOfMonth(days) if days.is_empty() || !days.iter().all(|day| (1..=31).contains(day)) => {
                return Err(PolicyError::DaysOfMonth);
            }
            Schedule::Gaps(_) | Schedule::Even(_) | Schedule::DaysOfMonth(_) | Schedule::Paydays(_) => {}
        }
        if !(1..=10).contains(&self.lead_days) || !(1..=10).contains(&self.presumed_after_days) {
            return Err(PolicyError::Lead);
        }
        if self.card_connector.is_none() && self.debit_connector.is_none() {
            return Err(PolicyError::NoConnector);
        }
        Ok(self)
    }

    /// Who collects by a method.
    pub fn connector(&self, method: Method) -> Option<&SmolStr> {
        match method {
            Method::Card => self.card_connector.as_ref(),
            Method::DirectDebit => self.debit_connector.as_ref(),
        }
    }

    /// The day wished for the new attempt `retry`, from 1, after a failure on `today`; of a customer of whom no payday
    /// is known.
    pub fn retry_on(&self, retry: u16, today: Date) -> Date {
        match &self.schedule {
            Schedule::Gaps(gaps) | Schedule::Paydays(gaps) => {
                let at = usize::from(retry.saturating_sub(1)).min(gaps.len().saturating_sub(1));
                today.plus_days(gaps.get(at).copied().map_or(1, i32::from))
            }
            Schedule::Even(window) => today.plus_days(i32::from((window / self.retries.max(1)).max(1))),
            Schedule::DaysOfMonth(days) => {
                let wanted = |date: &Date| {
                    let ((.., day), (.., last)) = (date.parts(), date.month_end().parts());
                    days.iter().any(|wanted| (*wanted).min(last) == day)
                };
                (1..=62).map(|days| today.plus_days(days)).find(wanted).unwrap_or(today.plus_days(31))
            }
        }
    }

    /// When an attempt is made that is wished for `wish`: a day that is open, not before the
    /// pre-notification allows it, and never in the past.
    pub fn timing(&self, usage: &Usage, wish: Date, now: Timestamp, calendar: &Calendar, zone: &Zone) -> Timing {
        let today = now.date_in(zone);
        let (hour, minute) = self.at;
        match usage.instrument.method() {
            Method::Card => {
                let day = calendar.following(wish.max(today));
                Timing { due: day.at(hour, minute, zone).max(now), collects_on: day }
            }
            Method::DirectDebit => {
                let noticed = today.plus_days(i32::from(usage.notice_days));
                let lead = u32::from(self.lead_days);
                let soonest = calendar.plus_business_days(calendar.following(today), lead);
                let collects_on = calendar.following(wish.max(noticed).max(soonest));
                let order_on = calendar.minus_business_days(collects_on, lead);
                Timing { due: order_on.at(hour, minute, zone).max(now), collects_on }
            }
        }
    }

    /// When a direct debit that has not come back counts as paid.
    pub fn presumed_at(&self, collects_on: Date, calendar: &Calendar, zone: &Zone) -> Timestamp {
        calendar.plus_business_days(collects_on, u32::from(self.presumed_after_days)).at(12, 0, zone)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Instrument;
    use super::*;

    /// TARGET in 2026 as far as these tests look.
    fn target() -> Calendar {
        Calendar::new("TARGET", 1, vec![6, 7], vec![(1, 1), (5, 1), (12, 25), (12, 26)], vec![-2, 1], vec![]).unwrap()
    }

    fn policy(schedule: Schedule) -> RetryPolicy {
        RetryPolicy {
            name: "standard".into(),
            retries: 3,
            schedule,
            at: (6, 0),
            lead_days: 2,
            presumed_after_days: 2,
            wait_days: 30,
            on_exhausted: OnExhausted::Alert,
            card_connector: Some("psp".into()),
            debit_connector: Some("bank".into()),
        }
    }

    fn day(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    fn usage(instrument: Instrument, notice_days: u16) -> Usage {
        Usage { instrument, notice_days, bank_country: "FR".into() }
    }

    #[test]
    fn gaps_spread_and_days_of_the_month() {
        let gaps = policy(Schedule::Gaps(vec![3, 5]));
        let days: Vec<String> = (1..4).map(|n| gaps.retry_on(n, day("2026-03-02")).to_string()).collect();
        assert_eq!(days, ["2026-03-05", "2026-03-07", "2026-03-07"]);
        assert_eq!(policy(Schedule::Even(28)).retry_on(2, day("2026-03-02")), day("2026-03-11"));
        let payday = policy(Schedule::DaysOfMonth(vec![5, 31]));
        assert_eq!(payday.retry_on(1, day("2026-02-05")), day("2026-02-28"));
        assert_eq!(payday.retry_on(1, day("2026-02-28")), day("2026-03-05"));
    }

    #[test]
    fn cards_are_tried_on_an_open_day_and_never_in_the_past() {
        let (zone, calendar) = (Zone::parse("Europe/Paris").unwrap(), target());
        let card = usage(Instrument::Card("tok".into()), 0);
        let now = day("2026-04-02").at(9, 0, &zone);
        let timing = policy(Schedule::Gaps(vec![1])).timing(&card, day("2026-04-03"), now, &calendar, &zone);
        // Good Friday, the weekend and Easter Monday are closed.
        assert_eq!(timing, Timing { due: day("2026-04-07").at(6, 0, &zone), collects_on: day("2026-04-07") });
        let late = policy(Schedule::Gaps(vec![1])).timing(&card, day("2026-03-01"), now, &calendar, &zone);
        assert_eq!(late, Timing { due: now, collects_on: day("2026-04-02") });
    }

    #[test]
    fn a_direct_debit_is_ordered_ahead_and_announced_in_time() {
        let (zone, calendar) = (Zone::parse("Europe/Paris").unwrap(), target());
        let now = day("2026-03-02").at(9, 0, &zone);
        let policy = policy(Schedule::Gaps(vec![3]));
        let at = |notice, wish| {
            let mandate = usage(Instrument::Mandate("M".into()), notice);
            policy.timing(&mandate, day(wish), now, &calendar, &zone)
        };
        let wished = at(1, "2026-03-31");
        assert_eq!((wished.due, wished.collects_on), (day("2026-03-27").at(6, 0, &zone), day("2026-03-31")));
        assert_eq!(at(14, "2026-03-05").collects_on, day("2026-03-16"));
        // Two business days are needed whatever was agreed; six o'clock is past, so it leaves now.
        let soonest = at(0, "2026-03-02");
        assert_eq!((soonest.due, soonest.collects_on), (now, day("2026-03-04")));
        assert_eq!(policy.presumed_at(day("2026-03-31"), &calendar, &zone), day("2026-04-02").at(12, 0, &zone));
    }

    #[test]
    fn policies_that_cannot_be_meant_are_refused() {
        assert!(policy(Schedule::Gaps(vec![])).checked().is_err());
        assert!(policy(Schedule::Gaps(vec![0])).checked().is_err());
        assert!(policy(Schedule::Even(2)).checked().is_err());
        assert!(policy(Schedule::DaysOfMonth(vec![32])).checked().is_err());
        assert!(RetryPolicy { retries: 16, ..policy(Schedule::Gaps(vec![3])) }.checked().is_err());
        let nobody = RetryPolicy { card_connector: None, debit_connector: None, ..policy(Schedule::Gaps(vec![3])) };
        assert_eq!(nobody.checked(), Err(PolicyError::NoConnector));
        assert!(policy(Schedule::Gaps(vec![3, 5, 7])).checked().is_ok());
    }
}
