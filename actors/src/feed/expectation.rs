//! When files of a feed are expected.

use serde::{Deserialize, Serialize};

use crate::values::{Calendar, Timestamp, Zone};

/// When files of a feed are expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expectation {
    /// One on each business day of the tenant's calendar, by this local hour and minute.
    BusinessDaysBy(i8, i8),
    /// One within so many minutes of the last.
    Every(u32),
}

impl Expectation {
    /// Whether nothing came for a deadline that has passed.
    pub fn is_missed(
        self, due: Timestamp, last_file_at: Option<Timestamp>, calendar: &Calendar, zone: &Zone,
    ) -> bool {
        match self {
            Expectation::Every(_) => true, // A file would have set another deadline.
            Expectation::BusinessDaysBy(hour, minute) => {
                let day = due.date_in(zone);
                let before = calendar.minus_business_days(day, 1).at(hour, minute, zone);
                // A holiday may have become known since the deadline was set.
                calendar.is_business_day(day) && last_file_at.is_none_or(|at| at < before)
            }
        }
    }

    /// The first deadline after a moment.
    pub fn after(self, moment: Timestamp, calendar: &Calendar, zone: &Zone) -> Timestamp {
        match self {
            Expectation::Every(minutes) => moment.plus_millis(i64::from(minutes) * 60_000),
            Expectation::BusinessDaysBy(hour, minute) => {
                let day = calendar.following(moment.date_in(zone));
                match day.at(hour, minute, zone) {
                    due if due > moment => due,
                    _ => calendar.plus_business_days(day, 1).at(hour, minute, zone),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_on_the_next_business_day() {
        let zone = Zone::parse("Europe/Paris").unwrap();
        let calendar = Calendar::new("week", 1, vec![6, 7], vec![(5, 1)], vec![], vec![]).unwrap();
        let by_ten = |moment: &str| {
            let moment = Timestamp::parse(moment).unwrap();
            Expectation::BusinessDaysBy(10, 0).after(moment, &calendar, &zone)
        };
        let at = |text: &str| Timestamp::parse(text).unwrap();
        assert_eq!(by_ten("2026-03-02T09:59:00+01:00"), at("2026-03-02T10:00:00+01:00"));
        assert_eq!(by_ten("2026-03-02T10:00:00+01:00"), at("2026-03-03T10:00:00+01:00"));
        // A holiday on a Friday, and the night in which the clock goes forward.
        assert_eq!(by_ten("2026-04-30T10:00:00+02:00"), at("2026-05-04T10:00:00+02:00"));
        assert_eq!(by_ten("2026-03-27T11:00:00+01:00"), at("2026-03-30T10:00:00+02:00"));
        let is_missed = |due: &str, last_file_at: &str| {
            Expectation::BusinessDaysBy(10, 0).is_missed(at(due), Some(at(last_file_at)), &calendar, &zone)
        };
        assert!(is_missed("2026-05-04T10:00:00+02:00", "2026-04-30T09:59:59+02:00"));
        assert!(!is_missed("2026-05-04T10:00:00+02:00", "2026-04-30T10:00:00+02:00"));
        assert!(!is_missed("2026-05-01T10:00:00+02:00", "2026-01-01T10:00:00+02:00"), "a holiday");
        let every = Expectation::Every(90).after(at("2026-03-28T23:30:00Z"), &calendar, &zone);
        assert_eq!(every, at("2026-03-29T01:00:00Z"));
    }
}
