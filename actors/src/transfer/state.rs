//! What a transfer is.

use std::fmt;
use std::sync::Arc;

use litemap::LiteMap;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::particulars::{Nature, Particulars};
use super::weighing::{Pointers, Proposal, Weighed};
use crate::values::{
    CustomerId, Date, EndToEndId, Iban, Money, PaymentRequestId, PayoutId, RemittanceInformation, Timestamp,
    TransferId,
};

/// What the bank said. It never changes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// Its id.
    pub id: TransferId,
    /// What makes it the same entry in another file: see the reader that built it.
    pub entry_key: String,
    /// The account credited: the virtual IBAN when the bank names it, else the master account.
    pub account: Option<Iban>,
    /// What was received.
    pub amount: Money,
    /// The day it was booked.
    pub booked_on: Date,
    /// The payer's name, hostile until escaped.
    pub payer_name: Option<String>,
    /// The payer's account.
    pub payer_iban: Option<Iban>,
    /// The originator's id.
    pub end_to_end_id: Option<EndToEndId>,
    /// What the payer wrote.
    pub remittance: RemittanceInformation,
}

impl fmt::Debug for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Details")
            .field("id", &self.id)
            .field("amount", &self.amount)
            .field("booked_on", &self.booked_on)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Just received.
    #[default]
    Received,
    /// Every cent is placed: allocated or credited.
    Matched,
    /// A person must decide.
    NeedsDecision,
    /// It brings no money to place: paid out, returned, reversed by the bank.
    Noted,
    /// A person put it aside: it pays nothing here.
    SetAside,
    /// It was sent back to who paid it, or is to be.
    GivenBack,
    /// The bank took its money back.
    Recalled,
    /// It was divided: each part is a transfer of its own.
    Divided,
}

impl Status {
    /// Its name, as conditions and answers write it.
    pub fn name(self) -> &'static str {
        match self {
            Status::Received => "received",
            Status::Matched => "matched",
            Status::NeedsDecision => "needs_decision",
            Status::Noted => "noted",
            Status::SetAside => "set_aside",
            Status::GivenBack => "given_back",
            Status::Recalled => "recalled",
            Status::Divided => "divided",
        }
    }
}

/// Why a person must decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// Nothing says who paid.
    UnknownPayer,
    /// A reference belongs to another customer than the account number or another reference.
    Contradiction,
    /// What the reference names is already paid or cancelled.
    NothingOpen,
    /// Several payment requests could be meant.
    Ambiguous,
    /// The amount fits no open request.
    AmountDiffers,
    /// The request is in another currency.
    CurrencyDiffers,
    /// The only reference was read with a correction and nothing else agrees.
    UncertainReference,
    /// A person took its match back.
    TakenBack,
    /// Several requests have this amount, and what may say which is meant could not be read.
    UnreadReference,
    /// The amount is above what is placed without a person.
    AboveLimit,
    /// A rule of acceptance holds it for a person.
    Held,
    /// A rule of acceptance has it given back.
    ToReturn,
    /// It was to be given back, and could not be.
    ReturnFailed,
    /// The account number was the customer's no more on the day it was booked.
    AccountClosed,
    /// The account number was another's on the day it was booked.
    AccountOfAnother,
    /// The bank takes money back that was not found here, or is here no longer.
    NothingToRecall,
    /// What it would pay is disputed.
    Disputed,
    /// The bank booked it on a day far ahead.
    BookedAhead,
    /// The account number is another merchant's.
    AccountOfAnotherMerchant,
    /// The account number is one to be given to customers, and nobody's yet.
    AccountOfNobody,
    /// Requests of several customers have the reference.
    SharedReference,
    /// The same entry came before with another amount.
    Restated,
    /// The bank corrects an entry by another credit, which may mean that it takes money back.
    UnclearCorrection,
    /// It is on an account that is not among the merchant's own.
    AccountNotOurs,
    /// A rule of matching leaves it to a person.
    LeftToPerson,
    /// It is what was left of a transfer that was divided.
    Divided,
}

impl Doubt {
    /// The doubt in words, for a person.
    pub fn text(self) -> &'static str {
        match self {
            Doubt::UnknownPayer => "nothing says who paid",
            Doubt::Contradiction => "the evidence points to different customers",
            Doubt::NothingOpen => "what the reference names is already paid or cancelled",
            Doubt::Ambiguous => "several payment requests could be meant",
            Doubt::AmountDiffers => "the amount fits no open request",
            Doubt::CurrencyDiffers => "the request is in another currency",
            Doubt::UncertainReference => "the reference was read with a correction and nothing else agrees",
            Doubt::TakenBack => "its match was taken back",
            Doubt::UnreadReference => "a reference could not be read, and nothing else says surely what is meant",
            Doubt::AboveLimit => "the amount is above what is placed without a person",
            Doubt::Held => "held by a rule of acceptance",
            Doubt::ToReturn => "to be given back by a rule of acceptance",
            Doubt::ReturnFailed => "it could not be given back",
            Doubt::AccountClosed => "the account number was released before it was booked",
            Doubt::AccountOfAnother => "the account number was another customer's when it was booked",
            Doubt::AccountOfAnotherMerchant => "the account number is another merchant's",
            Doubt::AccountNotOurs => "it is on an account that is not the merchant's",
            Doubt::LeftToPerson => "a rule of matching leaves it to a person",
            Doubt::Divided => "part of a transfer that was divided",
            Doubt::AccountOfNobody => "the account number was never given to anybody",
            Doubt::SharedReference => "several customers have the reference",
            Doubt::UnclearCorrection => "the bank corrects money received, and books it as money that comes in",
            Doubt::Restated => "the same entry came before with another amount",
            Doubt::Disputed => "what it would pay is disputed",
            Doubt::BookedAhead => "it is booked more than a year ahead",
            Doubt::NothingToRecall => "taken back by the bank, and not found here",
        }
    }
}

/// What a person decided that a transfer pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// Who paid.
    pub customer: CustomerId,
    /// What it pays.
    pub allocations: Vec<(PaymentRequestId, Money)>,
    /// What is kept as the customer's credit.
    pub credit: Money,
    /// Who decided.
    pub by: SmolStr,
}

/// A part of a transfer that was divided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DividedPart {
    /// The transfer as which it goes on.
    pub id: TransferId,
    /// How much of the whole.
    pub amount: Money,
    /// What it pays; a person decides later without it.
    pub resolution: Option<Resolution>,
}

/// Which transfers it was divided into, or was a part of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lineage {
    /// The transfer that it is a part of.
    pub part_of: Option<TransferId>,
    /// Its own parts.
    pub parts: Vec<DividedPart>,
    /// How many of them have been told of what is under way.
    pub told: usize,
}

/// Somebody looks at it: until then nobody else decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Who.
    pub by: SmolStr,
    /// Until when, in the tenant's clock.
    pub until: Timestamp,
}

/// That the bank takes the money of a transfer back: a return, a recall, or the correction of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recall {
    /// The entry that took the money out of the account.
    pub entry: TransferId,
    /// Why, as the bank says.
    pub reason: SmolStr,
}

/// A decision that the customer has not answered yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pending {
    /// Place it.
    Place(Resolution),
    /// Take its match back.
    TakeBack {
        /// Who decided.
        by: SmolStr,
        /// Why.
        reason: SmolStr,
    },
    /// Give back what it had paid, since the bank took the money.
    Recall,
    /// Its parts go on as transfers of their own.
    Divide,
}

impl Details {
    /// Whether two files may tell of one payment: what both of them say agrees, but for what a bank cuts.
    pub fn may_say_of(&self, other: &Details) -> bool {
        let plain = |text: &str| -> String {
            text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
        };
        let agree = |own: &str, others: &str| {
            let (own, others) = (plain(own), plain(others));
            own.is_empty() || others.is_empty() || own.starts_with(&others) || others.starts_with(&own)
        };
        let id = |of: &Details| of.end_to_end_id.as_ref().map_or_else(String::new, |id| id.as_str().to_owned());
        let account =
            |of: &Details| of.payer_iban.as_ref().map_or_else(String::new, |iban| iban.electronic().to_owned());
        let name = |of: &Details| of.payer_name.clone().unwrap_or_default();
        agree(&id(self), &id(other))
            && agree(&account(self), &account(other))
            && agree(&name(self), &name(other))
            && agree(self.remittance.unstructured(), other.remittance.unstructured())
            && agree(&self.remittance.structured().concat(), &other.remittance.structured().concat())
    }
}

/// The state of a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Transfer {
    /// What the bank said; set when received.
    pub details: Option<Arc<Details>>,
    /// What else the bank said.
    pub particulars: Option<Arc<Particulars>>,
    /// Where it stands.
    pub status: Status,
    /// Who paid, if known.
    pub customer: Option<CustomerId>,
    /// What it paid.
    pub allocations: LiteMap<PaymentRequestId, Money>,
    /// What was kept as the customer's credit, in minor units.
    pub credited_minor: i64,
    /// Why it was matched as it was, or why not, in words.
    pub explanation: String,
    /// Why a person must decide.
    pub doubt: Option<Doubt>,
    /// Requests a person should look at first.
    pub candidates: Vec<PaymentRequestId>,
    /// What was weighed when it was placed, or was not.
    pub weighed: Option<Arc<Weighed>>,
    /// What pointed to whom, when it was a person's task at once.
    pub pointers: Option<Arc<Pointers>>,
    /// A decision under way.
    pub pending: Option<Pending>,
    /// Why the last decision could not be followed.
    pub refused: Option<String>,
    /// The rule of acceptance that keeps it for a person.
    pub kept_by: Option<SmolStr>,
    /// Who is to decide about it.
    pub assigned_to: Option<SmolStr>,
    /// Whether a person has said that its payer's account is its customer's.
    pub payer_remembered: bool,
    /// Who looks at it.
    pub claim: Option<Claim>,
    /// How often it became a task; a timer of an earlier one is ignored.
    pub tasks: u32,
    /// Since when it should have been decided.
    pub overdue_since: Option<Timestamp>,
    /// The payout by which it is given back.
    pub given_back_by: Option<PayoutId>,
    /// That the bank takes its money back.
    pub recall: Option<Recall>,
    /// Decisions made about it, so that each is carried out once.
    pub decisions: u32,
    /// What it was divided into, or was a part of.
    pub lineage: Option<Box<Lineage>>,
}

impl Transfer {
    /// What the entry is to the account.
    pub fn nature(&self) -> Nature {
        self.particulars.as_ref().map_or(Nature::Received, |particulars| particulars.nature)
    }

    /// The transfer that it is a part of, and its own parts.
    pub fn divided(&self) -> (Option<TransferId>, &[DividedPart]) {
        self.lineage.as_ref().map_or((None, &[]), |lineage| (lineage.part_of, &lineage.parts))
    }

    /// The way of placing it that was taken without a person, if it is known with its score, and by how much it was
    /// before the next.
    pub fn taken(&self) -> Option<(&Proposal, u16)> {
        let proposals = &self.weighed.as_ref()?.proposals;
        let best = proposals.first()?;
        let margin = best.score.saturating_sub(proposals.get(1).map_or(0, |next| next.score));
        let same = best.parts.len() == self.allocations.len()
            && best.parts.iter().all(|(request, part)| self.allocations.get(request) == Some(part))
            && best.credit.minor() == self.credited_minor;
        (self.status == Status::Matched && self.decisions == 0 && same).then_some((best, margin))
    }

    /// What is neither allocated nor credited; `None` when nothing is to be placed.
    pub fn unallocated(&self) -> Option<Money> {
        if self.status == Status::Noted || self.nature() != Nature::Received {
            return None;
        }
        let amount = self.details.as_ref()?.amount;
        if matches!(self.status, Status::GivenBack | Status::Recalled | Status::Divided) {
            return Some(Money::zero(amount.currency()));
        }
        let allocated: i64 = self.allocations.values().map(|part| part.minor()).sum();
        Some(Money::from_minor(amount.minor() - allocated - self.credited_minor, amount.currency()))
    }
}
