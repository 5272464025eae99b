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
}

/// What no configuration can lift (N14). Source: Visa, 20 new attempts in 30 days; Mastercard,
/// 10 declines in a day and 35 in 30 days, of one card at one merchant.
const CEILINGS: [Cap; 5] = [
    Cap { scheme: CardScheme::Visa, attempts: 20, days: 30 },
    Cap { scheme: CardScheme::Mastercard, attempts: 10, days: 1 },
    Cap { scheme: CardScheme::Mastercard, attempts: 35, days: 30 },
    Cap { scheme: CardScheme::Other, attempts: 10, days: 1 },
    Cap { scheme: CardScheme::Other, attempts: 20, days: 30 },
];

/// The caps in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caps(Vec<Cap>);

impl Default for Caps {
    fn default() -> Self {
        Self(CEILINGS.to_vec())
    }
}

impl Caps {
    /// The ceilings, and caps below them.
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
        Ok(Self(CEILINGS.iter().chain(configured).copied().collect()))
    }

    /// When the next attempt from an instrument is free again, and the cap that says so; `None`
    /// when it is free now.
    pub fn refuses(&self, ledger: &Ledger, scheme: CardScheme, now: Timestamp) -> Option<(Timestamp, SmolStr)> {
        let of_scheme = self.0.iter().filter(|cap| cap.scheme == scheme);
        of_scheme.filter_map(|cap| Some((ledger.free_at(*cap, now)?, named(*cap)))).max()
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

    #[test]
    fn the_twenty_first_attempt_within_thirty_days_is_refused_until_the_first_is_out_of_sight() {
        let mut ledger = Ledger { scheme: Some(CardScheme::Visa), ..Ledger::default() };
        for day in 0..20 {
            assert_eq!(Caps::default().refuses(&ledger, CardScheme::Visa, at(day)), None);
            ledger.count(at(day));
        }
        let (free, why) = Caps::default().refuses(&ledger, CardScheme::Visa, at(20)).unwrap();
        assert_eq!((free, why.as_str()), (at(30), "visa: 20 attempts in 30 days"));
        assert_eq!(Caps::default().refuses(&ledger, CardScheme::Visa, at(30)), None);
    }

    #[test]
    fn configured_caps_are_below_those_of_the_scheme() {
        let cap = |attempts, days| Cap { scheme: CardScheme::Visa, attempts, days };
        assert!(Caps::new(&[cap(21, 30)]).unwrap_err().to_string().contains("20 attempts in 30 days"));
        assert!(Caps::new(&[cap(3, 0)]).is_err());
        let caps = Caps::new(&[cap(2, 7)]).unwrap();
        let mut ledger = Ledger { scheme: Some(CardScheme::Visa), ..Ledger::default() };
        ledger.count(at(1));
        ledger.count(at(2));
        assert_eq!(caps.refuses(&ledger, CardScheme::Visa, at(3)).unwrap().0, at(8));
        // Another scheme has caps of its own.
        assert_eq!(caps.refuses(&ledger, CardScheme::Mastercard, at(3)), None);
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
