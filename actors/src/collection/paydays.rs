//! The days of the month on which a customer has money, learned from when it has paid.

use std::fmt;

use litemap::LiteMap;
use serde::{Deserialize, Serialize};

use crate::values::Date;

/// Payments below which nothing is learned.
const PAYMENTS_MIN: u16 = 3;
/// Payments above which older ones weigh half: a new employer is learned of within a year.
const PAYMENTS_REMEMBERED: u16 = 24;
/// Paydays told of one customer.
const DAYS_MAX: usize = 3;
const DAYS_OF_A_MONTH: u8 = 31;

/// How often a customer has paid on each day of the month.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PaidDays(LiteMap<u8, u16>);

impl PaidDays {
    /// None.
    pub const NONE: Self = Self(LiteMap::new());

    /// Counts a payment.
    pub fn count(&mut self, day: u8) {
        if self.total() >= PAYMENTS_REMEMBERED {
            // Days seen once stay: without them the others would look like paydays.
            self.0 = self.0.iter().map(|(day, count)| (*day, count.div_ceil(2))).collect();
        }
        *self.0.entry(day).or_insert(0) += 1;
    }

    fn total(&self) -> u16 {
        self.0.values().sum()
    }

    fn on(&self, day: u8) -> u16 {
        self.0.get(&day).copied().unwrap_or(0)
    }

    /// Payments on a day and its neighbours: a weekend moves a salary by a day.
    fn about(&self, day: u8) -> u16 {
        let before = if day == 1 { DAYS_OF_A_MONTH } else { day - 1 };
        let after = if day == DAYS_OF_A_MONTH { 1 } else { day + 1 };
        self.on(before) + self.on(day) + self.on(after)
    }

    /// The days about which at least a third of the payments came, the likeliest first; nothing of few payments.
    pub fn paydays(&self) -> Paydays {
        let of = self.total();
        let mut days: Vec<(u8, u16)> = Vec::new();
        if of < PAYMENTS_MIN {
            return Paydays { days, of };
        }
        let mut known: Vec<(u8, u16)> = self.0.keys().map(|day| (*day, self.about(*day))).collect();
        known.retain(|(_, about)| about * 3 >= of && *about > 1);
        known.sort_by_key(|(day, about)| (std::cmp::Reverse((*about, self.on(*day))), *day));
        for (day, about) in known {
            let apart = |(known, _): &(u8, u16)| {
                let between = known.abs_diff(day);
                between.min(DAYS_OF_A_MONTH - between) > 1
            };
            if days.len() < DAYS_MAX && days.iter().all(apart) {
                days.push((day, about));
            }
        }
        Paydays { days, of }
    }
}

/// Days of the month on or about which a customer has paid.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Paydays {
    /// Each with how many payments came on or about it, the likeliest first.
    pub days: Vec<(u8, u16)>,
    /// Of how many payments.
    pub of: u16,
}

/// A payday that is come to, as it is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payday {
    /// The date.
    pub on: Date,
    /// How many payments came on or about that day of the month.
    pub paid: u16,
    /// Of how many.
    pub of: u16,
}

impl fmt::Display for Payday {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (.., day) = self.on.parts();
        write!(f, "paid on or about day {day} of the month {} times of {}", self.paid, self.of)
    }
}

impl Paydays {
    /// The first of these days after `day`; a month that is shorter ends with it.
    pub fn after(&self, day: Date) -> Option<Payday> {
        let is = |date: &Date| {
            let ((.., of_month), (.., last)) = (date.parts(), date.month_end().parts());
            let (of_month, last) = (u8::try_from(of_month).ok()?, u8::try_from(last).ok()?);
            let paid = self.days.iter().find(|(day, _)| (*day).min(last) == of_month)?.1;
            Some(Payday { on: *date, paid, of: self.of })
        };
        (1..=62).map(|days| day.plus_days(days)).find_map(|date| is(&date))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paid(days: &[u8]) -> PaidDays {
        let mut known = PaidDays::default();
        days.iter().for_each(|day| known.count(*day));
        known
    }

    fn days(of: &PaidDays) -> Vec<(u8, u16)> {
        of.paydays().days
    }

    #[test]
    fn days_on_which_money_came_often_are_paydays() {
        assert_eq!(days(&paid(&[28, 28])), [], "two payments say nothing");
        assert_eq!(days(&paid(&[3, 11, 19, 26])), [], "nor do payments on any day");
        assert_eq!(days(&paid(&[28, 27, 28, 5])), [(28, 3)]);
        // The last of a month and the first of the next are neighbours.
        assert_eq!(days(&paid(&[31, 1, 31])), [(31, 3)]);
        assert_eq!(days(&paid(&[15, 30, 15, 30, 15])), [(15, 3), (30, 2)]);
        // Payments on any day stay so when older ones come to weigh half.
        let scattered: Vec<u8> = (1..=17).chain([28; 7]).chain([28]).collect();
        assert_eq!(days(&paid(&scattered)), []);
        // A new employer is learned of.
        let mut changed = paid(&[28; 24]);
        (0..16).for_each(|_| changed.count(10));
        assert_eq!(days(&changed), [(10, 10), (28, 6)]);
    }

    #[test]
    fn the_next_payday_is_explained_and_fits_short_months() {
        let known = paid(&[31, 31, 31, 10]).paydays();
        let next = known.after(Date::parse("2026-02-10").unwrap()).unwrap();
        assert_eq!(next.on.to_string(), "2026-02-28");
        assert_eq!(next.to_string(), "paid on or about day 28 of the month 3 times of 4");
        assert_eq!(known.after(next.on).unwrap().on.to_string(), "2026-03-31");
        assert_eq!(Paydays::default().after(next.on), None);
    }
}
