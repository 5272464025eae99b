//! Retry policies: how often, when and by whom a failed collection is tried again.

use smol_str::SmolStr;
use thiserror::Error;

use super::by_reason::ByReason;
use super::{Method, Schedule, Usage};
use crate::values::{Calendar, Date, Timestamp, Zone};

/// What happens when the last attempt has failed. Rules tell the teams in any case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OnExhausted {
    /// The customer's recurring payments are suspended until a person resumes them.
    pub suspends: bool,
    /// A person is asked whether they are.
    pub asks: bool,
    /// Reminders of this scenario follow: a link to pay otherwise, for instance.
    pub scenario: Option<SmolStr>,
    /// What is open is given up when it is no more than this, in minor units.
    pub gives_up_minor_max: Option<i64>,
}

/// What becomes of a day on which nothing is collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Roll {
    /// The next business day.
    #[default]
    Following,
    /// The next business day, or the last one before when that is of another month.
    ModifiedFollowing,
    /// The last business day before.
    Preceding,
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
    #[error("what is different by reason names codes or classes, one of the two")]
    ReasonsNamed,
    #[error("never and deceased are no policy's to decide")]
    ReasonFixed,
    #[error("no reason has more new attempts than its policy, which has {0}")]
    ReasonAttempts(u16),
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
    /// What is different for some reasons: the first that names the code counts, then the first that names its class.
    pub by_reason: Vec<ByReason>,
    /// Local hour and minute at which an order leaves.
    pub at: (i8, i8),
    /// What becomes of a day on which nothing is collected.
    pub roll: Roll,
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
    /// The policy beside which it is only tried out: what it would do after each failure is told, and nothing of it is done.
    pub shadow_of: Option<SmolStr>,
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
        self.schedule.check(self.retries)?;
        self.by_reason.iter().try_for_each(|rule| rule.check(&self))?;
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

    /// The day wished for the attempt after so many, by a schedule of so many new attempts.
    pub fn wish(&self, (schedule, retries): (&Schedule, u16), made: u16, today: Date, calendar: &Calendar) -> Date {
        let day = schedule.wish(made, retries, today);
        match self.rolled(day, calendar) {
            // It is the day that was just tried ahead of it.
            tried if tried <= today => match self.rolled(schedule.wish(made, retries, day), calendar) {
                // Whatever the calendar rolls to, the next try is on a later day.
                tried if tried <= today => calendar.following(today.plus_days(1)),
                wish => wish,
            },
            wish => wish,
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

    /// The business day of the day wished for a new attempt; no first attempt is made before its deadline.
    pub fn rolled(&self, wish: Date, calendar: &Calendar) -> Date {
        let (before, following) = (calendar.preceding(wish), calendar.following(wish));
        match self.roll {
            Roll::Preceding => before,
            Roll::ModifiedFollowing if following > wish.month_end() => before,
            Roll::Following | Roll::ModifiedFollowing => following,
        }
    }

    /// When a direct debit that has not come back counts as paid.
    pub fn presumed_at(&self, collects_on: Date, calendar: &Calendar, zone: &Zone) -> Timestamp {
        calendar.plus_business_days(collects_on, u32::from(self.presumed_after_days)).at(12, 0, zone)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::Instrument;
    use super::*;

    /// TARGET in 2026 as far as these tests look.
    fn target() -> Calendar {
        Calendar::new("TARGET", 1, vec![6, 7], vec![(1, 1), (5, 1), (12, 25), (12, 26)], vec![-2, 1], vec![]).unwrap()
    }

    /// Three new attempts from cards and by direct debit.
    pub(in crate::collection) fn policy(schedule: Schedule) -> RetryPolicy {
        RetryPolicy {
            name: "standard".into(),
            retries: 3,
            schedule,
            by_reason: Vec::new(),
            at: (6, 0),
            roll: Roll::Following,
            lead_days: 2,
            presumed_after_days: 2,
            wait_days: 30,
            on_exhausted: OnExhausted::default(),
            card_connector: Some("psp".into()),
            debit_connector: Some("bank".into()),
            shadow_of: None,
        }
    }

    fn day(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    fn usage(instrument: Instrument, notice_days: u16) -> Usage {
        Usage { instrument, notice_days, bank_country: "FR".into() }
    }

    #[test]
    fn days_on_which_nothing_is_collected_roll_as_the_policy_says() {
        let calendar = target();
        let on = |roll, wish| {
            let policy = RetryPolicy { roll, ..policy(Schedule::Gaps(vec![1])) };
            policy.rolled(day(wish), &calendar).to_string()
        };
        // The thirtieth of May is a Saturday.
        let may = |roll| on(roll, "2026-05-30");
        assert_eq!(may(Roll::Following), "2026-06-01");
        assert_eq!([may(Roll::ModifiedFollowing), may(Roll::Preceding)], ["2026-05-29", "2026-05-29"]);
        assert_eq!(on(Roll::ModifiedFollowing, "2026-05-23"), "2026-05-25");
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
