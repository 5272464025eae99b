//! What money is collected from.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::values::{Date, Iban};

/// How money is collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// From a card, by a payment provider.
    Card,
    /// By SEPA direct debit.
    DirectDebit,
}

impl Method {
    /// The word in configuration and facts.
    pub fn name(self) -> &'static str {
        match self {
            Method::Card => "card",
            Method::DirectDebit => "direct_debit",
        }
    }
}

/// One instrument of a customer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Instrument {
    /// A card, by the provider's token.
    Card(SmolStr),
    /// A direct debit mandate, by its unique reference.
    Mandate(SmolStr),
}

impl Instrument {
    /// How money is collected from it.
    pub fn method(&self) -> Method {
        match self {
            Instrument::Card(_) => Method::Card,
            Instrument::Mandate(_) => Method::DirectDebit,
        }
    }

    /// Reads `card:TOKEN` or `mandate:REFERENCE`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let wrong = "card:TOKEN or mandate:REFERENCE of a card or mandate of the customer";
        match text.trim().split_once(':') {
            Some((_, "")) | None => Err(wrong),
            Some(("card", token)) => Ok(Instrument::Card(token.into())),
            Some(("mandate", reference)) => Ok(Instrument::Mandate(reference.into())),
            Some(_) => Err(wrong),
        }
    }
}

impl std::fmt::Display for Instrument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Instrument::Card(token) => write!(f, "card:{token}"),
            Instrument::Mandate(reference) => write!(f, "mandate:{reference}"),
        }
    }
}

/// How a mandate may be used. Source: SEPA Core and B2B rulebooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MandateKind {
    /// Core, any number of collections.
    CoreRecurrent,
    /// Core, one collection and its new attempts.
    CoreOneOff,
    /// Business to business, any number of collections.
    B2bRecurrent,
    /// Business to business, one collection and its new attempts.
    B2bOneOff,
}

impl MandateKind {
    /// Reads the word.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "core_recurrent" => Ok(MandateKind::CoreRecurrent),
            "core_one_off" => Ok(MandateKind::CoreOneOff),
            "b2b_recurrent" => Ok(MandateKind::B2bRecurrent),
            "b2b_one_off" => Ok(MandateKind::B2bOneOff),
            _ => Err("expected core_recurrent, core_one_off, b2b_recurrent or b2b_one_off"),
        }
    }
}

/// The longest notice that can be agreed, in days.
pub const NOTICE_DAYS_MAX: u16 = 60;

/// A direct debit mandate. Personal data: it stays with the customer (N10).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mandate {
    /// Scheme and number of collections.
    pub kind: MandateKind,
    /// The payer's account.
    pub iban: Iban,
    /// The payer's bank, when it must be named.
    pub bic: Option<SmolStr>,
    /// When it was signed.
    pub signed_on: Date,
    /// Days between the pre-notification and the collection; 14 unless less was agreed.
    pub notice_days: u16,
}

/// Months without a collection after which a mandate lapses. Source: SEPA Core rulebook §4.1.
const LAPSES_AFTER_MONTHS: i32 = 36;

impl Mandate {
    /// Days of notice unless less was agreed. Source: SEPA rulebooks, 14 calendar days.
    pub const NOTICE_DAYS: u16 = 14;

    /// The last day it can be used, when it was last used on `last_used`.
    pub fn usable_until(&self, last_used: Option<Date>) -> Date {
        self.signed_on.max(last_used.unwrap_or(self.signed_on)).plus_months(LAPSES_AFTER_MONTHS)
    }
}

impl std::fmt::Debug for Mandate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, signed_on, notice_days, .. } = self;
        write!(f, "Mandate({kind:?}, {}, signed {signed_on}, {notice_days} days)", self.iban.masked())
    }
}

/// What a request needs to know of its instrument to plan: no personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Which.
    pub instrument: Instrument,
    /// Days between the pre-notification and the collection; none for cards.
    pub notice_days: u16,
    /// The country of the payer's bank, when it is known.
    pub bank_country: SmolStr,
}

/// An instrument with all a connector needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstrumentDetails {
    /// A card, by the provider's token.
    Card(SmolStr),
    /// A mandate: its unique reference, what it says, and whether the bank is told that its account has changed.
    Mandate(SmolStr, Mandate, bool),
}

/// Why nothing is collected from a customer and nobody writes to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// The customer has died: it ends only by a person.
    Deceased,
    /// A court or a lawyer is at work.
    Legal,
    /// The customer needs care.
    Vulnerable,
    /// The customer is insolvent.
    Insolvency,
    /// A person asked for it.
    Manual,
}

impl Hold {
    /// Every hold.
    pub const ALL: [Hold; 5] = [Hold::Deceased, Hold::Legal, Hold::Vulnerable, Hold::Insolvency, Hold::Manual];

    /// The word in calls and facts.
    pub fn name(self) -> &'static str {
        match self {
            Hold::Deceased => "deceased",
            Hold::Legal => "legal",
            Hold::Vulnerable => "vulnerable",
            Hold::Insolvency => "insolvency",
            Hold::Manual => "manual",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let named = Hold::ALL.into_iter().find(|hold| hold.name() == text);
        named.ok_or("expected deceased, legal, vulnerable, insolvency or manual")
    }
}
