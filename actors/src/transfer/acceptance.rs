//! Whether money that came in is taken as it is, or kept for a person first; and what a person decides however sure its
//! place is.

use smol_str::SmolStr;

use super::command::Evidence;
use super::state::{Details, Doubt};
use super::weighing::{Identification, Proposal};
use crate::policies::Matching;
use crate::rules::{Condition, Fact, Facts, Field, Truth};
use crate::values::Calendar;

/// What an acceptance rule does with a transfer that fits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceptance {
    /// It is placed like any other.
    Accept,
    /// A person looks at it before it is placed.
    Hold,
    /// A person gives it back.
    Return,
}

/// A rule of acceptance: the first that fits counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptanceRule {
    /// Its name.
    pub name: SmolStr,
    /// Which transfers it is for.
    pub when: Condition,
    /// What it does with them.
    pub then: Acceptance,
}

/// A rule of matching: what fits is for a person, however sure its place is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeverAuto {
    /// Its name.
    pub name: SmolStr,
    /// Which transfers it is for, placed how.
    pub when: Condition,
}

/// What a rule of acceptance can ask of a transfer.
struct Received<'a> {
    details: &'a Details,
    identified_by: Option<Identification>,
    blocked: bool,
    named: bool,
    calendar: &'a Calendar,
}

impl AcceptanceRule {
    /// What a rule of acceptance can ask about.
    pub const FIELDS: [Field; 9] = [
        Field::TransferAmount,
        Field::TransferBookedOn,
        Field::TransferIdentified,
        Field::TransferIdentifiedBy,
        Field::TransferCurrency,
        Field::TransferPayerBlocked,
        Field::TransferNamesRequests,
        Field::TransferPayerName,
        Field::TransferAccount,
    ];
}

impl NeverAuto {
    /// What a rule of matching can ask about, beside the facts of the transfer.
    pub const FIELDS: [Field; 12] = [
        Field::TransferAmount,
        Field::TransferBookedOn,
        Field::TransferIdentified,
        Field::TransferIdentifiedBy,
        Field::TransferCurrency,
        Field::TransferNamesRequests,
        Field::TransferPayerName,
        Field::TransferAccount,
        Field::MatchStep,
        Field::MatchRequests,
        Field::MatchExcess,
        Field::MatchScore,
    ];
}

/// A transfer, and how it would be placed.
struct Placed<'a> {
    received: Received<'a>,
    best: &'a Proposal,
}

impl Facts for Placed<'_> {
    fn calendar(&self) -> Option<&Calendar> {
        self.received.calendar()
    }

    fn fact(&self, field: Field) -> Option<Fact<'_>> {
        match field {
            Field::MatchStep => Some(Fact::text(self.best.rung.name())),
            Field::MatchRequests => Some(Fact::Number(i64::try_from(self.best.parts.len()).unwrap_or(i64::MAX))),
            Field::MatchExcess => Some(Fact::Money(self.best.credit)),
            Field::MatchScore => Some(Fact::Number(i64::from(self.best.score))),
            field => self.received.fact(field),
        }
    }
}

/// The rule that leaves the best way of placing a transfer to a person, if one does: also when it asks for what is not
/// known, or is in another currency.
pub(crate) fn left_to_person<'a>(
    (matching, calendar): (&'a Matching, &Calendar),
    (details, identified_by, named): (&Details, Identification, bool), best: &Proposal,
) -> Option<&'a SmolStr> {
    let identified_by = Some(identified_by).filter(|by| *by != Identification::Nothing);
    let placed = Placed { received: Received { details, identified_by, blocked: false, named, calendar }, best };
    let rule = matching.never_auto.iter().find(|rule| rule.when.evaluate(&placed, None) != Truth::False);
    rule.map(|rule| &rule.name)
}

impl Facts for Received<'_> {
    fn calendar(&self) -> Option<&Calendar> {
        Some(self.calendar)
    }

    fn fact(&self, field: Field) -> Option<Fact<'_>> {
        match field {
            Field::TransferAmount => Some(Fact::Money(self.details.amount)),
            Field::TransferBookedOn => Some(Fact::Date(self.details.booked_on)),
            Field::TransferIdentified => Some(Fact::Truth(self.identified_by.is_some())),
            Field::TransferIdentifiedBy => Some(Fact::text(match self.identified_by {
                Some(Identification::VirtualIban) => "virtual_iban",
                Some(Identification::Reference) => "reference",
                Some(Identification::PayerIban) => "payer_iban",
                Some(Identification::Name) => "name",
                Some(Identification::Nothing) | None => "nothing",
            })),
            Field::TransferCurrency => Some(Fact::printed(self.details.amount.currency())),
            Field::TransferPayerBlocked => Some(Fact::Truth(self.blocked)),
            Field::TransferNamesRequests => Some(Fact::Truth(self.named)),
            Field::TransferPayerName => self.details.payer_name.as_deref().map(Fact::text),
            Field::TransferAccount => self.details.account.as_ref().map(|account| Fact::text(account.electronic())),
            _ => None,
        }
    }
}

/// The rule that keeps a transfer from being placed, if one does, and the doubt it is kept with.
pub(super) fn kept<'a>(
    rules: &'a [AcceptanceRule], blocked: &[crate::values::Iban], details: &Details, evidence: &Evidence,
    (identified_by, calendar): (Option<Identification>, &Calendar),
) -> Option<(&'a SmolStr, Doubt)> {
    let payer = details.payer_iban.as_ref();
    let blocked = payer.is_some_and(|payer| blocked.contains(payer));
    let received = Received {
        details,
        identified_by,
        blocked,
        named: !evidence.hits.is_empty() || evidence.order_owner.is_some(),
        calendar,
    };
    let rule = rules.iter().find(|rule| rule.when.evaluate(&received, None) == Truth::True)?;
    match rule.then {
        Acceptance::Accept => None,
        Acceptance::Hold => Some((&rule.name, Doubt::Held)),
        Acceptance::Return => Some((&rule.name, Doubt::ToReturn)),
    }
}
