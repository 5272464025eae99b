//! When a step of a scenario is due: what it counts from, and how far.

use serde::{Deserialize, Serialize};

use super::scenario::Step;
use super::state::{PaymentRequest, Terms};
use crate::policies::Policies;
use crate::values::{Calendar, Date, Timestamp, Zone};

/// What an offset counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anchor {
    /// The day the request came in. A step whose time of that day has passed waits for the next.
    Created,
    /// The date of issue.
    Issued,
    /// The payment deadline.
    Due,
    /// The moment at which the step before it left, or was passed over.
    Previous,
    /// The moment at which a rule, a person or a payment taken back chose the scenario; the request's creation when it
    /// has had it from the start. So steps count from whatever event a rule is about.
    Chosen,
    /// The last day on which the payer can open the request's page.
    LinkExpiry,
}

impl Anchor {
    /// Every anchor.
    pub const ALL: [Anchor; 6] =
        [Anchor::Due, Anchor::Created, Anchor::Issued, Anchor::Previous, Anchor::Chosen, Anchor::LinkExpiry];

    /// The word in configuration and answers.
    pub fn name(self) -> &'static str {
        match self {
            Anchor::Created => "created",
            Anchor::Issued => "issued",
            Anchor::Due => "due",
            Anchor::Previous => "previous",
            Anchor::Chosen => "chosen",
            Anchor::LinkExpiry => "link_expiry",
        }
    }

    /// Whether it lies ahead when a request comes in: then something may be due before it.
    pub(super) fn is_ahead(self) -> bool {
        matches!(self, Anchor::Due | Anchor::LinkExpiry)
    }
}

/// How far a step is from its anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offset {
    /// Hours: from the moment the request came in, or from the step's time on the anchor's day.
    Hours(i32),
    /// Days.
    Days(i32),
    /// Days on which the tenant's calendar is open.
    BusinessDays(i32),
    /// Months: the same day, or the last of a month that has no such day.
    Months(i32),
}

impl Offset {
    /// Reads `-3d`, `+1bd`, `2w`, `1m` or `48h`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected a number and h, d, bd, w or m, as in -3d, +1bd or 2w, within ten years";
        let text = text.trim();
        let digits = text.trim_start_matches(['+', '-']);
        let split = digits.find(|c: char| !c.is_ascii_digit()).ok_or(EXPECTED)?;
        let (number, unit) = digits.split_at_checked(split).ok_or(EXPECTED)?;
        let number: i32 = number.parse().map_err(|_| EXPECTED)?;
        if text.len() - digits.len() > 1 {
            return Err(EXPECTED);
        }
        let number = if text.starts_with('-') { -number } else { number };
        let within = |most: i32| (-most..=most).contains(&number).then_some(number).ok_or(EXPECTED);
        match unit {
            "h" => Ok(Offset::Hours(within(87_600)?)),
            "d" => Ok(Offset::Days(within(3_650)?)),
            "bd" => Ok(Offset::BusinessDays(within(2_500)?)),
            "w" => Ok(Offset::Days(within(521)? * 7)),
            "m" => Ok(Offset::Months(within(120)?)),
            _ => Err(EXPECTED),
        }
    }

    /// Whether it counts backwards.
    pub(super) fn is_before(self) -> bool {
        let (Offset::Hours(far) | Offset::Days(far) | Offset::BusinessDays(far) | Offset::Months(far)) = self;
        far < 0
    }

    /// Whether it counts forwards.
    pub(super) fn is_after(self) -> bool {
        let (Offset::Hours(far) | Offset::Days(far) | Offset::BusinessDays(far) | Offset::Months(far)) = self;
        far > 0
    }

    /// Whether it ends before the next day does.
    pub(super) fn is_within_a_day(self) -> bool {
        matches!(self, Offset::Hours(far) if far < 24)
    }

    /// So many times as far, from `first` on.
    #[must_use]
    pub fn further(self, every: Self, times: i32) -> Option<Self> {
        match (self, every) {
            (Offset::Hours(first), Offset::Hours(every)) => Some(Offset::Hours(first + every * times)),
            (Offset::Days(first), Offset::Days(every)) => Some(Offset::Days(first + every * times)),
            (Offset::BusinessDays(first), Offset::BusinessDays(every)) => {
                Some(Offset::BusinessDays(first + every * times))
            }
            (Offset::Months(first), Offset::Months(every)) => Some(Offset::Months(first + every * times)),
            _ => None,
        }
    }
}

/// What the steps of a request count from.
#[derive(Debug, Clone, Copy)]
pub struct Moments<'a> {
    /// What was agreed.
    pub terms: &'a Terms,
    /// When the step before is over.
    pub previous: Timestamp,
    /// When its scenario was chosen.
    pub chosen: Timestamp,
    /// The last day on which its page can be opened, by the merchant's clock.
    pub closes_on: Date,
}

impl<'a> Moments<'a> {
    /// Those of a request as it stands; `terms` may name another scenario.
    pub fn of(state: &PaymentRequest, terms: &'a Terms, previous: Timestamp, policies: &Policies) -> Self {
        let chosen = state.rare.chosen_at.unwrap_or(terms.created_at);
        let closes_on = terms.created_at.date_in(&policies.zone).plus_days(i32::from(policies.link_days));
        Self { terms, previous, chosen, closes_on }
    }
}

impl Step {
    /// When the step is due for a request, by the clock of a zone.
    pub fn due(&self, moments: &Moments<'_>, zone: &Zone, calendar: &Calendar) -> Timestamp {
        let Moments { terms, previous, chosen, closes_on } = *moments;
        let (hour, minute) = self.at;
        let moment = match self.anchor {
            Anchor::Created => Some(terms.created_at),
            Anchor::Chosen => Some(chosen),
            Anchor::Previous => Some(previous),
            Anchor::Issued | Anchor::Due | Anchor::LinkExpiry => None,
        };
        if let (Some(moment), Offset::Hours(hours)) = (moment, self.offset) {
            return moment.plus_millis(i64::from(hours) * 3_600_000);
        }
        // A time of day that had passed by then is the next day's.
        let next_day = |moment: Timestamp| {
            let day = moment.date_in(zone);
            day.plus_days(i32::from(day.at(hour, minute, zone) < moment))
        };
        let anchor = match self.anchor {
            Anchor::Created => next_day(terms.created_at),
            Anchor::Chosen => next_day(chosen),
            Anchor::Issued => terms.issued_on,
            Anchor::Due => terms.due_on,
            Anchor::Previous => previous.date_in(zone),
            Anchor::LinkExpiry => closes_on,
        };
        let day = match self.offset {
            Offset::Hours(hours) => {
                return anchor.at(hour, minute, zone).plus_millis(i64::from(hours) * 3_600_000);
            }
            Offset::Days(days) => anchor.plus_days(days),
            Offset::BusinessDays(days) if days < 0 => calendar.minus_business_days(anchor, days.unsigned_abs()),
            Offset::BusinessDays(days) => calendar.plus_business_days(anchor, days.unsigned_abs()),
            Offset::Months(months) => anchor.plus_months(months),
        };
        day.at(hour, minute, zone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read_and_repeated() {
        for (text, offset) in [
            ("-3d", Offset::Days(-3)),
            ("+1bd", Offset::BusinessDays(1)),
            ("2w", Offset::Days(14)),
            ("-1m", Offset::Months(-1)),
            ("48h", Offset::Hours(48)),
        ] {
            assert_eq!(Offset::parse(text), Ok(offset), "{text}");
        }
        for wrong in ["", "3", "d", "--3d", "3y", "9999999d", "+-1d", "3 d"] {
            assert!(Offset::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Offset::Days(10).further(Offset::Days(14), 2), Some(Offset::Days(38)));
        assert_eq!(Offset::Days(10).further(Offset::Months(1), 1), None);
    }
}
