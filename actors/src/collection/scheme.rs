//! How often schemes let one instrument be tried, and what was tried.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use thiserror::Error;

use crate::values::{Date, Timestamp};

/// The scheme of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CardScheme {
    /// Visa.
    Visa,
    /// Mastercard.
    Mastercard,
    /// Another one, or not known: the strictest cap counts.
    Other,
}

impl CardScheme {
    /// Every scheme.
    pub const ALL: [CardScheme; 3] = [CardScheme::Visa, CardScheme::Mastercard, CardScheme::Other];

    /// The word in configuration and calls.
    pub fn name(self) -> &'static str {
        match self {
            CardScheme::Visa => "visa",
            CardScheme::Mastercard => "mastercard",
            CardScheme::Other => "other",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let named = CardScheme::ALL.into_iter().find(|scheme| scheme.name() == text);
        named.ok_or("expected visa, mastercard or other")
    }
}

/// So many attempts of one instrument within so many days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cap {
    /// Of which scheme.
    pub scheme: CardScheme,
    /// Attempts.
    pub attempts: u16,
    /// Days, counted back from the attempt.
    pub days: u16,
    /// The first day on which it holds; from always when there is none. The next one of the same scheme and days ends it.
    pub from: Option<Date>,
}

/// Why a cap was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum CapError {
    #[error("{scheme} allows {ceiling} attempts in {days} days at most, and {attempts} are configured")]
    AboveScheme {
        /// The scheme.
        scheme: &'static str,
        /// What is configured.
        attempts: u16,
        /// Within.
        days: u16,
        /// What the scheme allows.
        ceiling: u16,
    },
    #[error("a cap counts 1 to 366 days")]
    Days,
    #[error("two caps of {scheme} in {days} days {}", from.map_or("have no `from`".to_owned(), |day| format!("from {day} on")))]
    Twice {
        /// The scheme.
        scheme: &'static str,
        /// Within.
        days: u16,
        /// Since when.
        from: Option<Date>,
    },
}

/// What no configuration can lift (N14). Source: Visa, 20 new attempts in 30 days; Mastercard,
/// 10 declines in a day and 35 in 30 days, of one card at one merchant.
const CEILINGS: [Cap; 5] = [
    Cap { scheme: CardScheme::Visa, attempts: 20, days: 30, from: None },
    Cap { scheme: CardScheme::Mastercard, attempts: 10, days: 1, from: None },
    Cap { scheme: CardScheme::Mastercard, attempts: 35, days: 30, from: None },
    Cap { scheme: CardScheme::Other, attempts: 10, days: 1, from: None },
    Cap { scheme: CardScheme::Other, attempts: 20, days: 30, from: None },
];

/// The caps below those of the schemes, which hold beside them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Caps(Vec<Cap>);

impl Caps {
    /// Caps below the ceilings.
    pub fn new(configured: &[Cap]) -> Result<Self, CapError> {
        for cap in configured {
            if !(1..=366).contains(&cap.days) {
                return Err(CapError::Days);
            }
            let above = |ceiling: &&Cap| {
                ceiling.scheme == cap.scheme && ceiling.days == cap.days && cap.attempts > ceiling.attempts
            };
            if let Some(ceiling) = CEILINGS.iter().find(above) {
                let (scheme, attempts, days) = (cap.scheme.name(), cap.attempts, cap.days);
                return Err(CapError::AboveScheme { scheme, attempts, days, ceiling: ceiling.attempts });
            }
        }
        let mut caps = configured.to_vec();
        caps.sort_unstable_by_key(|cap| (cap.scheme, cap.days, cap.from));
        let is_twice = |pair: &[Cap]| match pair {
            [one, other] => one.replaces(other) && one.from == other.from,
            _ => false,
        };
        match caps.windows(2).find(|pair| is_twice(pair)).and_then(<[Cap]>::first) {
            Some(cap) => Err(CapError::Twice { scheme: cap.scheme.name(), days: cap.days, from: cap.from }),
            None => Ok(Self(caps)),
        }
    }

    /// When the next attempt from an instrument is free again, and the cap that says so; `None` when it is free now. The
    /// caps are those of `today`.
    pub fn refuses(
        &self, ledger: &Ledger, scheme: CardScheme, (now, today): (Timestamp, Date),
    ) -> Option<(Timestamp, SmolStr)> {
        let holds = |cap: &&Cap| cap.from.is_none_or(|from| from <= today);
        let begun = self.0.iter().filter(holds);
        let in_force = begun.clone().filter(|cap| {
            let is_later = |other: &Cap| other.replaces(cap) && other.from > cap.from;
            !begun.clone().any(is_later)
        });
        let of_scheme = CEILINGS.iter().chain(in_force).filter(|cap| cap.scheme == scheme);
        of_scheme.filter_map(|cap| Some((ledger.free_at(*cap, now)?, named(*cap)))).max()
    }
}

impl Cap {
    /// Whether it stands in the place of another, once it holds.
    fn replaces(&self, other: &Cap) -> bool {
        (self.scheme, self.days) == (other.scheme, other.days)
    }
}

fn named(cap: Cap) -> SmolStr {
    smol_str::format_smolstr!("{}: {} attempts in {} days", cap.scheme.name(), cap.attempts, cap.days)
}

/// The longest that attempts are remembered, in days: the longest cap.
const REMEMBERED_DAYS: i64 = 366;
/// Attempts remembered of one instrument: more than any ceiling.
const REMEMBERED_MAX: usize = 64;
const DAY_MS: i64 = 86_400_000;

/// What was tried from one instrument.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// The scheme of a card; none for a mandate.
    pub scheme: Option<CardScheme>,
    /// When attempts were ordered, the oldest first.
    pub attempts: Vec<Timestamp>,
    /// Why nothing can be collected from it any more.
    pub ended: Option<SmolStr>,
    /// The day it was last collected from.
    pub last_used: Option<Date>,
    /// The request that used up an instrument for one collection.
    pub used_for: Option<crate::values::PaymentRequestId>,
}

impl Ledger {
    /// Counts an attempt.
    pub(crate) fn count(&mut self, at: Timestamp) {
        self.attempts.retain(|known| known.plus_millis(REMEMBERED_DAYS * DAY_MS) > at);
        if self.attempts.len() == REMEMBERED_MAX {
            self.attempts.remove(0);
        }
        self.attempts.push(at);
    }

    /// When an attempt fits below a cap again; `None` when it does now.
    fn free_at(&self, cap: Cap, now: Timestamp) -> Option<Timestamp> {
        let window = i64::from(cap.days) * DAY_MS;
        let within: Vec<Timestamp> =
            self.attempts.iter().copied().filter(|at| at.plus_millis(window) > now).collect();
        let first_to_leave = within.len().checked_sub(usize::from(cap.attempts))?;
        within.get(first_to_leave).map(|at| at.plus_millis(window))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> Timestamp {
        Timestamp::default().plus_millis(day * DAY_MS)
    }

    fn on(day: i64) -> (Timestamp, Date) {
        (at(day), at(day).date_in(&crate::values::Zone::utc()))
    }

    #[test]
    fn the_twenty_first_attempt_within_thirty_days_is_refused_until_the_first_is_out_of_sight() {
        let mut ledger = Ledger { scheme: Some(CardScheme::Visa), ..Ledger::default() };
        for day in 0..20 {
            assert_eq!(Caps::default().refuses(&ledger, CardScheme::Visa, on(day)), None);
            ledger.count(at(day));
        }
        let (free, why) = Caps::default().refuses(&ledger, CardScheme::Visa, on(20)).unwrap();
        assert_eq!((free, why.as_str()), (at(30), "visa: 20 attempts in 30 days"));
        assert_eq!(Caps::default().refuses(&ledger, CardScheme::Visa, on(30)), None);
    }

    #[test]
    fn configured_caps_are_below_those_of_the_scheme() {
        let cap = |attempts, days| Cap { scheme: CardScheme::Visa, attempts, days, from: None };
        assert!(Caps::new(&[cap(21, 30)]).unwrap_err().to_string().contains("20 attempts in 30 days"));
        assert!(Caps::new(&[cap(3, 0)]).is_err());
        let caps = Caps::new(&[cap(2, 7)]).unwrap();
        let mut ledger = Ledger { scheme: Some(CardScheme::Visa), ..Ledger::default() };
        ledger.count(at(1));
        ledger.count(at(2));
        assert_eq!(caps.refuses(&ledger, CardScheme::Visa, on(3)).unwrap().0, at(8));
        // Another scheme has caps of its own.
        assert_eq!(caps.refuses(&ledger, CardScheme::Mastercard, on(3)), None);
    }

    #[test]
    fn a_cap_holds_from_its_day_on_until_the_next_one() {
        let from = |attempts, day: Option<i64>| Cap {
            scheme: CardScheme::Visa,
            attempts,
            days: 30,
            from: day.map(|day| on(day).1),
        };
        let caps = Caps::new(&[from(2, None), from(4, Some(10)), from(3, Some(20))]).unwrap();
        let mut ledger = Ledger { scheme: Some(CardScheme::Visa), ..Ledger::default() };
        (5..8).for_each(|day| ledger.count(at(day)));
        assert_eq!(caps.refuses(&ledger, CardScheme::Visa, on(9)).unwrap().1, "visa: 2 attempts in 30 days");
        assert_eq!(caps.refuses(&ledger, CardScheme::Visa, on(10)), None);
        assert_eq!(caps.refuses(&ledger, CardScheme::Visa, on(20)).unwrap().1, "visa: 3 attempts in 30 days");
        let twice = Caps::new(&[from(2, Some(10)), from(4, Some(10))]).unwrap_err().to_string();
        assert_eq!(twice, "two caps of visa in 30 days from 1970-01-11 on");
    }

    #[test]
    fn a_ledger_stays_bounded() {
        let mut ledger = Ledger { scheme: Some(CardScheme::Mastercard), ..Ledger::default() };
        for day in 0..2_000 {
            ledger.count(at(day));
        }
        assert_eq!(ledger.attempts.len(), REMEMBERED_MAX);
    }
}
