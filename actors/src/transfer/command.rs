//! What can be asked of a transfer.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use thiserror::Error;

use super::decide::payer;
use super::matching::Placement;
use super::particulars::Particulars;
use super::state::{Details, DividedPart, Doubt, Recall, Resolution, Status};
use super::weighing::Weighed;
use crate::customer::OpenRequest;
use crate::values::{CustomerId, Money, PaymentRequestId, PayoutId, Reading, Timestamp, TransferId};

/// A command.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Money came in.
    Receive {
        /// What the bank said.
        details: Arc<Details>,
        /// What else it said; `None` when nothing.
        particulars: Option<Arc<Particulars>>,
        /// What was looked up about it before admission.
        evidence: Evidence,
    },
    /// An entry that brings no money to place.
    Note {
        /// What the bank said.
        details: Arc<Details>,
        /// What else it said, and what the entry is to the account.
        particulars: Arc<Particulars>,
    },
    /// The customer has found what it pays, or doubts, after weighing this.
    RecordPlacement(Placement, Weighed),
    /// An invoice of its customer came in late.
    Reconsider {
        /// The request.
        request: PaymentRequestId,
        /// What the customer knows of it.
        new: OpenRequest,
    },
    /// An invoice came in late whose number it names, and of whose payer nothing was known.
    NameLate {
        /// The request.
        request: PaymentRequestId,
        /// Whose.
        customer: CustomerId,
        /// The invoice's number.
        number: SmolStr,
        /// What is left to pay of it.
        amount: Money,
    },
    /// A person decides what it pays.
    Decide(Resolution),
    /// A person takes its match back, or that it was put aside.
    TakeBack {
        /// Who.
        by: SmolStr,
        /// Why.
        reason: SmolStr,
    },
    /// A person puts it aside: it pays nothing here.
    SetAside {
        /// Who.
        by: SmolStr,
        /// Why.
        reason: SmolStr,
    },
    /// A person looks at it: for a while nobody else decides.
    Claim {
        /// Who.
        by: SmolStr,
    },
    /// What comes from its payer's account is its customer's, a person says.
    RememberPayer {
        /// Who.
        by: SmolStr,
    },
    /// Somebody is to decide about it.
    Assign {
        /// Who; nobody in particular without a name.
        to: Option<SmolStr>,
        /// Who says so.
        by: SmolStr,
    },
    /// It should be decided by now.
    TaskDue {
        /// Which arming it was.
        generation: u32,
        /// When it was due.
        due: Timestamp,
    },
    /// A person gives it back to who paid it.
    GiveBack {
        /// The payout by which.
        payout: PayoutId,
        /// Who.
        by: SmolStr,
        /// Why.
        reason: SmolStr,
    },
    /// It was not given back after all.
    TakeReturnBack {
        /// The payout.
        payout: PayoutId,
        /// Why.
        reason: SmolStr,
    },
    /// It was given back after all.
    TakeReturnAgain {
        /// The payout.
        payout: PayoutId,
    },
    /// The bank takes its money back.
    Recall {
        /// By what, and why.
        recall: Recall,
        /// What it takes.
        amount: Money,
    },
    /// A person divides it: it pays for several customers.
    Divide {
        /// Its parts, which make the whole.
        parts: Vec<DividedPart>,
        /// Who.
        by: SmolStr,
    },
    /// It is a part of another transfer.
    ReceivePart(ReceivedPart),
    /// An entry that was noted needs a person after all.
    Question(Doubt),
    /// The customer has answered a decision.
    Conclude {
        /// Which decision.
        number: u32,
        /// Why it could not be followed; nothing when it was.
        refused: Option<String>,
    },
}

/// A part of a transfer that was divided.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedPart {
    /// What the bank said of the whole, with the part's amount.
    pub details: Arc<Details>,
    /// What else it said.
    pub particulars: Option<Arc<Particulars>>,
    /// The whole.
    pub of: TransferId,
    /// Who was thought to have paid the whole, of the part's own lane.
    pub customer: Option<CustomerId>,
    /// What it pays, if that is decided.
    pub resolution: Option<Resolution>,
}

/// Facts looked up before admission.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// Who owned the virtual IBAN credited.
    pub virtual_iban_owner: Option<CustomerId>,
    /// The only customer who has paid from this account.
    pub payer_iban_owner: Option<CustomerId>,
    /// The only customer of the payer's name.
    pub name_owner: Option<CustomerId>,
    /// The only customer of the order that the payer writes.
    pub order_owner: Option<CustomerId>,
    /// Requests named by references.
    pub hits: Vec<ReferenceHit>,
    /// The only request that may be meant when nothing else says anything: by the last digits of its number,
    /// by its reference with two wrong symbols, or since no other ever asked for this amount.
    pub guess: Option<(PaymentRequestId, CustomerId)>,
    /// The few that may be.
    pub guesses: Vec<PaymentRequestId>,
    /// Why a person looks at it whatever else is known.
    pub doubt: Option<Doubt>,
}

impl Evidence {
    /// The lane of who paid, or of whom a reference names when nobody is known to have.
    pub fn lane(&self) -> Option<u8> {
        let payer = payer(self).ok().map(|(customer, _)| customer);
        let looked_at = || self.hits.first().map(|hit| hit.customer).or(self.guess.map(|(_, customer)| customer));
        payer.or_else(looked_at).map(|customer| customer.partition())
    }
}

/// One reference found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReferenceHit {
    /// What kind of reference.
    pub kind: ReferenceKind,
    /// How it was read.
    pub reading: Reading,
    /// The request it names.
    pub request: PaymentRequestId,
    /// Whose request it is.
    pub customer: CustomerId,
}

/// Kinds of reference, the strongest first. Stored by position: only ever added at the end (N8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ReferenceKind {
    /// The account number of the request's own that the money came in on.
    Account,
    /// ISO 11649, in the structured field or in the text.
    Creditor,
    /// Our end-to-end id.
    EndToEnd,
    /// Our short reference.
    Short,
    /// The whole number of an invoice.
    Number,
    /// A number of an invoice that is so short that it may be something else.
    WeakNumber,
}

impl ReferenceKind {
    /// The kind in words.
    pub fn text(self) -> &'static str {
        match self {
            ReferenceKind::Account => "virtual IBAN of the request",
            ReferenceKind::Creditor => "creditor reference",
            ReferenceKind::EndToEnd => "end-to-end id",
            ReferenceKind::Short => "short reference",
            ReferenceKind::Number | ReferenceKind::WeakNumber => "invoice number",
        }
    }
}

impl Command {
    /// The name, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Receive { .. } => "receive_transfer",
            Command::Note { .. } => "note_entry",
            Command::RecordPlacement(..) => "record_placement",
            Command::Reconsider { .. } => "reconsider",
            Command::NameLate { .. } => "name_late",
            Command::Decide(_) => "decide",
            Command::TakeBack { .. } => "take_back",
            Command::SetAside { .. } => "set_aside",
            Command::Claim { .. } => "claim",
            Command::Assign { .. } => "assign",
            Command::RememberPayer { .. } => "remember_payer",
            Command::TaskDue { .. } => "task_due",
            Command::TakeReturnAgain { .. } => "take_return_again",
            Command::GiveBack { .. } => "give_back",
            Command::TakeReturnBack { .. } => "take_return_back",
            Command::Recall { .. } => "recall",
            Command::Divide { .. } => "divide",
            Command::ReceivePart(_) => "receive_part",
            Command::Question(_) => "question_entry",
            Command::Conclude { .. } => "conclude",
        }
    }
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum Rejection {
    #[error("the transfer is not known")]
    Unknown,
    #[error("the amount must be above zero")]
    AmountNotPositive,
    #[error("it does not wait for a decision: it is {0:?}")]
    NothingToDecide(Status),
    #[error("it is {0:?}: there is no match to take back")]
    NothingToTakeBack(Status),
    #[error("it is {0:?}: its money is not here to be taken back by the bank")]
    NothingToRecall(Status),
    #[error("it is {received}, and {taken} is taken back")]
    OtherAmount {
        /// What was received.
        received: Money,
        /// What the bank takes.
        taken: Money,
    },
    #[error("it takes nothing back: it is money that came in")]
    TakesNothingBack,
    #[error("it brings no money to place")]
    NothingToPlace,
    #[error("it is {0:?}: whose its payer's account is shows once it is matched")]
    NotMatched(Status),
    #[error("the bank does not say who paid it from which account")]
    NoPayerAccount,
    #[error("{0} looks at it until {1}")]
    Claimed(SmolStr, Timestamp),
    #[error("another decision about it is under way")]
    Deciding,
    #[error("the parts and the credit make {found}, the transfer is {expected}")]
    DoesNotAddUp {
        /// What the parts make.
        found: Money,
        /// What was received.
        expected: Money,
    },
    #[error("a part must be above zero, in the transfer's currency, and each request named once")]
    WrongPart,
    #[error("it is divided into two parts at least, and {0} at most")]
    NotSoManyParts(usize),
    #[error("at most {0} requests can be paid by one transfer")]
    TooManyParts(usize),
    #[error("already received with another {field}")]
    AlreadyReceivedWith {
        /// What differs.
        field: &'static str,
    },
}
