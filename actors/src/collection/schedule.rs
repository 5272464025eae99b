//! On which day a failed collection is tried again.

use std::fmt;

use super::policy::PolicyError;
use crate::values::Date;

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

impl Schedule {
    /// Whether it can be meant, of so many new attempts.
    pub fn check(&self, retries: u16) -> Result<(), PolicyError> {
        match self {
            Schedule::Gaps(gaps) | Schedule::Paydays(gaps)
                if gaps.is_empty() || !gaps.iter().all(|gap| (1..=90).contains(gap)) =>
            {
                Err(PolicyError::Gaps)
            }
            Schedule::Even(window) if !(retries.max(1)..=365).contains(window) => Err(PolicyError::Window),
            Schedule::DaysOfMonth(days) if days.is_empty() || !days.iter().all(|day| (1..=31).contains(day)) => {
                Err(PolicyError::DaysOfMonth)
            }
            Schedule::Gaps(_) | Schedule::Even(_) | Schedule::DaysOfMonth(_) | Schedule::Paydays(_) => Ok(()),
        }
    }

    /// The day wished for the new attempt `retry` of `retries`, from 1, after a failure on `today`; of a customer of
    /// whom no payday is known.
    pub fn wish(&self, retry: u16, retries: u16, today: Date) -> Date {
        match self {
            Schedule::Gaps(gaps) | Schedule::Paydays(gaps) => {
                let at = usize::from(retry.saturating_sub(1)).min(gaps.len().saturating_sub(1));
                today.plus_days(gaps.get(at).copied().map_or(1, i32::from))
            }
            Schedule::Even(window) => today.plus_days(i32::from((window / retries.max(1)).max(1))),
            Schedule::DaysOfMonth(days) => {
                let wanted = |date: &Date| {
                    let ((.., day), (.., last)) = (date.parts(), date.month_end().parts());
                    days.iter().any(|wanted| (*wanted).min(last) == day)
                };
                (1..=62).map(|days| today.plus_days(days)).find(wanted).unwrap_or(today.plus_days(31))
            }
        }
    }

    /// Whether it asks when the customer has money.
    pub fn learns_paydays(&self) -> bool {
        matches!(self, Schedule::Paydays(_))
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = |numbers: &[i64]| numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
        let days = |gaps: &[u16]| match gaps {
            [1] => "a day after each failure".to_owned(),
            gaps => format!(
                "{} days after each failure",
                listed(&gaps.iter().copied().map(i64::from).collect::<Vec<_>>())
            ),
        };
        match self {
            Schedule::Gaps(gaps) => out.write_str(&days(gaps)),
            Schedule::Even(window) => write!(out, "spread evenly over {window} days"),
            Schedule::DaysOfMonth(of) => {
                let of: Vec<i64> = of.iter().copied().map(i64::from).collect();
                write!(out, "on day {} of the month", listed(&of))
            }
            Schedule::Paydays(gaps) => {
                write!(out, "on the customer's paydays; as long as none is known {}", days(gaps))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    #[test]
    fn gaps_spread_and_days_of_the_month() {
        let gaps = Schedule::Gaps(vec![3, 5]);
        let days: Vec<String> = (1..4).map(|n| gaps.wish(n, 3, day("2026-03-02")).to_string()).collect();
        assert_eq!(days, ["2026-03-05", "2026-03-07", "2026-03-07"]);
        assert_eq!(Schedule::Even(28).wish(2, 3, day("2026-03-02")), day("2026-03-11"));
        let payday = Schedule::DaysOfMonth(vec![5, 31]);
        assert_eq!(payday.wish(1, 3, day("2026-02-05")), day("2026-02-28"));
        assert_eq!(payday.wish(1, 3, day("2026-02-28")), day("2026-03-05"));
    }
}
