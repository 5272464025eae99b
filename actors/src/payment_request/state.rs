//! What a payment request is.

use std::sync::Arc;

use litemap::LiteMap;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::collection::Collection;
use crate::collection::Usage;
use crate::values::{
    AttemptId, CreditorReference, CustomerId, Date, Money, PaymentRequestId, PayoutId, PlanId, Seldom,
    ShortReference, Timestamp, TransferId, Unsaid, VirtualIban,
};

/// What was agreed when it was issued. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Its id.
    pub id: PaymentRequestId,
    /// Who owes.
    pub customer: CustomerId,
    /// The ERP's key: the invoice number.
    pub external_ref: SmolStr,
    /// The amount requested.
    pub amount: Money,
    /// The date of the invoice.
    pub issued_on: Date,
    /// When it came in, in the tenant's clock; set when it is issued.
    pub created_at: Timestamp,
    /// The payment deadline.
    pub due_on: Date,
    /// What it is for, as printed on messages.
    pub description: SmolStr,
    /// The reference a payer can copy by hand.
    pub short_reference: ShortReference,
    /// The reference banks check.
    pub creditor_reference: CreditorReference,
    /// The reminder scenario, if any.
    pub scenario: Option<SmolStr>,
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Something is left to pay.
    #[default]
    Open,
    /// Everything is paid.
    Settled,
    /// Nothing is asked any more.
    Cancelled,
}

/// Where an allocated amount came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Source {
    /// A credit transfer.
    Transfer(TransferId),
    /// A collection attempt.
    Attempt(AttemptId),
    /// A credit note, by a hash of its number.
    CreditNote(u64),
    /// Credit of the customer, by the number of the use.
    Credit(u32),
}

/// Where its reminder scenario stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reminders {
    /// The step armed next, and when it is due.
    pub next: Option<(u16, Timestamp)>,
    /// Which arming of the timer counts.
    pub generation: u32,
    /// Steps reached so far.
    pub reached: u16,
    /// The name of the step armed next; none of what was armed before names were kept.
    pub name: Option<SmolStr>,
    /// Up to which place steps were over whose names were not kept.
    pub unnamed: u16,
    /// The names of the steps that are over, sent or not: none of them comes again, wherever it stands.
    pub passed: Vec<SmolStr>,
}

impl Reminders {
    /// A step is over.
    pub(super) fn pass(&mut self, name: SmolStr) {
        if !self.passed.contains(&name) {
            self.passed.push(name);
        }
    }
}

/// Where a collection attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptStatus {
    /// It is to leave.
    Ordered,
    /// It may have left; how it ends is not known.
    Submitted,
    /// Nobody answered: a person finds out.
    Unknown,
    /// Collected.
    Succeeded,
    /// Not collected.
    Failed,
    /// Collected, and taken back by the payer or a bank.
    Reversed,
    /// It never left.
    Withdrawn,
}

impl AttemptStatus {
    /// Whether it has been tried, or may have been.
    pub fn has_left(self) -> bool {
        !matches!(self, AttemptStatus::Ordered | AttemptStatus::Withdrawn)
    }

    /// Whether money may still be collected by it (INV-04).
    pub fn is_in_flight(self) -> bool {
        matches!(self, AttemptStatus::Ordered | AttemptStatus::Submitted | AttemptStatus::Unknown)
    }
}

/// A collection attempt, ordered here or reported by a payment provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The amount tried.
    pub amount: Money,
    /// Where it stands.
    pub status: AttemptStatus,
    /// The reason code of a failure, such as AM04.
    pub reason_code: Option<SmolStr>,
    /// What an attempt that was ordered here collects from; `None` for one that was reported.
    pub usage: Option<Box<Usage>>,
    /// Who was to collect it, of one that was ordered here.
    pub connector: Option<SmolStr>,
    /// Whether whoever collects it has said that it has it: it cannot have lost it then.
    pub acknowledged: bool,
}

/// A promise to pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// The last day of it.
    pub on: Date,
    /// Which arming of its timer counts.
    pub generation: u32,
}

/// The plan that a request is a cycle of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Which.
    pub plan: PlanId,
    /// The number of the cycle.
    pub number: u16,
}

/// The state of a payment request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PaymentRequest {
    /// What was agreed; set when issued.
    pub terms: Option<Arc<Terms>>,
    /// Where it stands.
    pub status: Status,
    /// Parts paid, by source.
    pub allocations: LiteMap<Source, Money>,
    /// Where reminders stand.
    pub reminders: Reminders,
    /// Attempts, reported or ordered.
    pub attempts: LiteMap<AttemptId, Attempt>,
    /// How it is collected, if it is.
    pub collection: Option<Box<Collection>>,
    /// Whether the deadline has passed unpaid.
    pub overdue: bool,
    /// When the last cent came in.
    pub settled_at: Option<Timestamp>,
    /// From when on that is final, as long as it is not.
    pub final_on: Option<Date>,
    /// What most requests never have.
    pub rare: Seldom<Rare>,
}

/// What most requests never have.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rare {
    /// The reference that the ERP prints on the invoice.
    pub payment_reference: Option<SmolStr>,
    /// What was given up, in minor units.
    pub written_off_minor: i64,
    /// What was given back or is being given back, in minor units.
    pub refunded_minor: i64,
    /// Refunds by the caller's key, those as well that failed.
    pub refunds: LiteMap<SmolStr, Money>,
    /// Of them those that who collected the money makes.
    pub refund_orders: LiteMap<SmolStr, RefundOrdered>,
    /// What credit notes say of what was given back, in minor units.
    pub refunds_credited_minor: i64,
    /// What credit notes of what is paid have made credit of the customer, in minor units.
    pub notes_kept_minor: i64,
    /// The time zone where the customer lives, if not the tenant's.
    pub zone: Option<SmolStr>,
    /// What the payer has promised, as long as it counts.
    pub promise: Option<Promise>,
    /// Promises so far.
    pub promises: u32,
    /// What the payer disputes.
    pub dispute: Option<SmolStr>,
    /// The plan that it is a cycle of, if it is.
    pub plan: Option<Membership>,
    /// The reminder step that waits for a person, or that one has approved.
    pub approval: Option<Approval>,
    /// Whether a step of it has ever waited for a person.
    pub approval_asked: bool,
    /// The account number of its own, if it has or had one.
    pub number: Option<OwnNumber>,
    /// The order that it is of.
    pub order: Option<SmolStr>,
    /// When its scenario was chosen, if it has not had it from the start.
    pub chosen_at: Option<Timestamp>,
    /// Whether its scenario was chosen while reminders rested, and has not begun.
    pub begins: bool,
}

/// A refund that who has collected an attempt makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundOrdered {
    /// Its payout.
    pub payout: PayoutId,
    /// The attempt's number.
    pub number: u16,
    /// Whether it was not made.
    pub failed: bool,
    /// What of it became credit of the customer when it failed, since credit notes were of it, in minor units.
    pub credited_minor: i64,
}

/// An account number that is a request's, or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnNumber {
    /// The number.
    pub virtual_iban: VirtualIban,
    /// Since when it is this request's, if it was another's before.
    pub since: Option<Date>,
    /// Until when it was, and from when on it may be another's.
    pub released: Option<(Date, Date)>,
}

/// A reminder step that leaves only when a person approves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The step's name.
    pub step: SmolStr,
    /// Since when it waits, or is approved.
    pub since: Timestamp,
    /// Who has approved it.
    pub by: Option<SmolStr>,
}

impl Unsaid for Rare {
    const UNSAID: &'static Self = &Self {
        payment_reference: None,
        written_off_minor: 0,
        refunded_minor: 0,
        refunds: LiteMap::new(),
        refund_orders: LiteMap::new(),
        refunds_credited_minor: 0,
        notes_kept_minor: 0,
        zone: None,
        promise: None,
        promises: 0,
        dispute: None,
        plan: None,
        approval: None,
        approval_asked: false,
        number: None,
        order: None,
        chosen_at: None,
        begins: false,
    };
}

impl PaymentRequest {
    /// The reminder step that waits for a person.
    pub fn awaits_approval(&self) -> Option<&Approval> {
        self.rare.approval.as_ref().filter(|known| known.by.is_none() && self.status == Status::Open)
    }

    /// What has been paid, in minor units.
    pub(crate) fn paid_minor(&self) -> i64 {
        self.allocations.values().map(|part| part.minor()).sum()
    }

    /// What has been paid.
    pub fn paid(&self) -> Option<Money> {
        let currency = self.terms.as_ref()?.amount.currency();
        Some(Money::from_minor(self.paid_minor(), currency))
    }

    /// The attempt by which money may still be collected.
    pub fn in_flight(&self) -> Option<AttemptId> {
        self.attempts.iter().find(|(_, attempt)| attempt.status.is_in_flight()).map(|(id, _)| *id)
    }

    /// Whether nobody knows how an attempt ended.
    pub fn is_unknown(&self) -> bool {
        self.attempts.values().any(|attempt| attempt.status == AttemptStatus::Unknown)
    }

    /// What is left to pay: nothing once settled or cancelled.
    pub fn outstanding(&self) -> Option<Money> {
        let amount = self.terms.as_ref()?.amount;
        match self.status {
            Status::Cancelled => Some(Money::zero(amount.currency())),
            Status::Open | Status::Settled => {
                let given_up = Money::from_minor(self.rare.written_off_minor, amount.currency());
                amount.checked_sub(self.paid()?).and_then(|left| left.checked_sub(given_up)).ok()
            }
        }
    }
}
