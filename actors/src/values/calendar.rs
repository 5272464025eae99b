//! Business days of a named calendar. Calendars are versioned data of the configuration; this
//! module only computes with them.

use thiserror::Error;

use super::time::Date;

/// Why a calendar was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum CalendarError {
    #[error("calendar '{0}' leaves no business day in a week")]
    NoBusinessDay(String),
    #[error("calendar '{name}': {month:02}-{day:02} is not a day of the year")]
    NotADay { name: String, month: i8, day: i8 },
}

/// Which days a payment system is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    name: String,
    version: u32,
    weekend: Vec<i8>,
    fixed: Vec<(i8, i8)>,
    easter_offsets: Vec<i32>,
    dates: Vec<Date>,
}

impl Calendar {
    /// A calendar closed on the weekdays `weekend` (1 Monday to 7 Sunday), every year on the
    /// days `fixed` (month, day), on days counted from Easter Sunday, and on single `dates`.
    pub fn new(
        name: &str, version: u32, weekend: Vec<i8>, fixed: Vec<(i8, i8)>, easter_offsets: Vec<i32>, dates: Vec<Date>,
    ) -> Result<Self, CalendarError> {
        if (1..=7).all(|day| weekend.contains(&day)) {
            return Err(CalendarError::NoBusinessDay(name.to_owned()));
        }
        for (month, day) in fixed.iter().copied() {
            if Date::new(2028, month, day).is_none() {
                return Err(CalendarError::NotADay { name: name.to_owned(), month, day });
            }
        }
        Ok(Self { name: name.to_owned(), version, weekend, fixed, easter_offsets, dates })
    }

    /// The name and version, such as `TARGET@1`.
    pub fn label(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// Whether payments settle on `date`.
    pub fn is_business_day(&self, date: Date) -> bool {
        let (year, month, day) = date.parts();
        !self.weekend.contains(&date.weekday())
            && !self.fixed.contains(&(month, day))
            && !self.dates.contains(&date)
            && !easter(year).is_some_and(|sunday| self.easter_offsets.contains(&date.days_since(sunday)))
    }

    /// `date` itself if it is a business day, else the next one. A calendar without business
    /// days for a year gives `date` back.
    pub fn following(&self, date: Date) -> Date {
        (0..366).map(|days| date.plus_days(days)).find(|day| self.is_business_day(*day)).unwrap_or(date)
    }

    /// The business day `count` business days after `date`.
    pub fn plus_business_days(&self, date: Date, count: u32) -> Date {
        (0..count).fold(date, |day, _| self.following(day.plus_days(1)))
    }

    /// The business day `count` business days before `date`.
    pub fn minus_business_days(&self, date: Date, count: u32) -> Date {
        (0..count).fold(date, |day, _| self.preceding(day.plus_days(-1)))
    }

    /// `date` itself if it is a business day, else the last one before it. A calendar without
    /// business days for a year gives `date` back.
    pub fn preceding(&self, date: Date) -> Date {
        (0..366).map(|days| date.plus_days(-days)).find(|day| self.is_business_day(*day)).unwrap_or(date)
    }
}

/// Easter Sunday of a Gregorian year. Source: Meeus, "Astronomical Algorithms", chapter 8.
pub fn easter(year: i16) -> Option<Date> {
    let year_number = i32::from(year);
    let (a, b, c) = (year_number % 19, year_number / 100, year_number % 100);
    let (d, e, f) = (b / 4, b % 4, (b + 8) / 25);
    let g = (b - f + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let days = h + l - 7 * m + 114;
    Date::new(year, i8::try_from(days / 31).ok()?, i8::try_from(days % 31 + 1).ok()?)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The TARGET calendar as `config/calendars/target.toml` has it.
    pub(crate) fn target() -> Calendar {
        Calendar::new("TARGET", 1, vec![6, 7], vec![(1, 1), (5, 1), (12, 25), (12, 26)], vec![-2, 1], vec![]).unwrap()
    }

    #[test]
    fn target_closes_on_the_days_the_ecb_publishes() {
        let closed: Vec<String> = (2025..=2028)
            .flat_map(|year| {
                (0..366)
                    .map(move |day| Date::new(year, 1, 1).unwrap().plus_days(day))
                    .filter(move |d| d.parts().0 == year)
            })
            .filter(|date| date.weekday() < 6 && !target().is_business_day(*date))
            .map(|date| date.to_string())
            .collect();
        let expected = [
            "2025-01-01",
            "2025-04-18",
            "2025-04-21",
            "2025-05-01",
            "2025-12-25",
            "2025-12-26",
            "2026-01-01",
            "2026-04-03",
            "2026-04-06",
            "2026-05-01",
            "2026-12-25",
            "2027-01-01",
            "2027-03-26",
            "2027-03-29",
            "2028-04-14",
            "2028-04-17",
            "2028-05-01",
            "2028-12-25",
            "2028-12-26",
        ];
        assert_eq!(closed, expected);
    }

    #[test]
    fn business_days_are_counted_over_weekends_and_closings() {
        let thursday = Date::parse("2026-04-02").unwrap();
        assert_eq!(target().plus_business_days(thursday, 1).to_string(), "2026-04-07");
        assert_eq!(target().following(Date::parse("2026-04-04").unwrap()).to_string(), "2026-04-07");
        assert_eq!(target().following(thursday), thursday);
        assert_eq!(target().minus_business_days(Date::parse("2026-04-07").unwrap(), 1), thursday);
        assert_eq!(target().minus_business_days(thursday, 2).to_string(), "2026-03-31");
        assert!(Calendar::new("none", 1, (1..=7).collect(), vec![], vec![], vec![]).is_err());
        assert!(Calendar::new("odd", 1, vec![], vec![(2, 30)], vec![], vec![]).is_err());
    }
}
