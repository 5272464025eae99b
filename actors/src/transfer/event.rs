//! What happened to a transfer. Stored for ever: variants are only ever added at the end (N8).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::particulars::{Nature, Particulars};
use super::state::{Claim, Details, DividedPart, Doubt, Recall, Resolution};
use super::weighing::{Pointers, Weighed};
use crate::values::{CustomerId, Iban, Money, PaymentRequestId, PayoutId, Timestamp, TransferId};

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// Money came in.
    Received {
        /// What the bank said.
        details: Arc<Details>,
        /// Who paid, if known.
        customer: Option<CustomerId>,
    },
    /// Every cent found its place.
    Matched {
        /// What it paid.
        allocations: Vec<(PaymentRequestId, Money)>,
        /// What was kept as credit.
        credit: Money,
        /// Why, in words.
        explanation: String,
    },
    /// A person must decide.
    TaskOpened {
        /// Why.
        doubt: Doubt,
        /// Requests to look at first.
        candidates: Vec<PaymentRequestId>,
    },
    /// An entry that brings no money to place was booked.
    Noted {
        /// What the bank said.
        details: Arc<Details>,
        /// What the entry is to the account.
        nature: Nature,
    },
    /// What else the bank said of it.
    Described(Arc<Particulars>),
    /// A person decided what it pays; its customer is asked.
    Decided(Resolution),
    /// A person wants its match taken back; its customer is asked.
    TakeBackAsked {
        /// Who.
        by: SmolStr,
        /// Why.
        reason: SmolStr,
    },
    /// The customer could not follow a decision.
    DecisionRefused {
        /// Why.
        reason: String,
    },
    /// Its match was taken back.
    TakenBack {
        /// What it had paid.
        allocations: Vec<(PaymentRequestId, Money)>,
        /// What had been kept as credit.
        credit: Money,
        /// Who took it back.
        by: SmolStr,
        /// Why.
        reason: SmolStr,
    },
    /// A person put it aside: it pays nothing here.
    SetAside {
        /// Who.
        by: SmolStr,
        /// Why.
        reason: SmolStr,
    },
    /// What was weighed before it was placed, or was not.
    Weighed(Arc<Weighed>),
    /// Its match was taken back: that its account paid for that customer says nothing any more.
    PayerDoubted {
        /// The account.
        iban: Iban,
    },
    /// A rule of acceptance keeps it for a person.
    Kept {
        /// The rule.
        rule: SmolStr,
    },
    /// It is sent back to who paid it.
    GivenBack {
        /// The payout.
        payout: PayoutId,
        /// Who decided.
        by: SmolStr,
        /// Why.
        reason: SmolStr,
    },
    /// It was not sent back after all, or came back again.
    ReturnFailed {
        /// The payout.
        payout: PayoutId,
        /// Why.
        reason: SmolStr,
    },
    /// Somebody is to decide about it, or nobody in particular.
    Assigned {
        /// Who.
        to: Option<SmolStr>,
        /// Who says so.
        by: SmolStr,
    },
    /// Somebody looks at it.
    Claimed {
        /// Who, and until when nobody else decides.
        claim: Claim,
    },
    /// It should have been decided by now.
    TaskOverdue {
        /// When.
        due: Timestamp,
    },
    /// The bank takes its money back.
    RecallReceived(Recall),
    /// Its customer is asked to give back what it had paid, since the bank took the money.
    RecallAsked,
    /// The bank took its money back, and it pays nothing any more.
    Recalled {
        /// What it had paid.
        allocations: Vec<(PaymentRequestId, Money)>,
        /// What had been kept as credit.
        credit: Money,
        /// By what, and why.
        recall: Recall,
    },
    /// A person says that what comes from its payer's account is its customer's.
    PayerRemembered {
        /// The account.
        iban: Iban,
        /// Whose it is.
        customer: CustomerId,
        /// Who says so.
        by: SmolStr,
    },
    /// It was a person's task at once: what pointed to whom.
    Pointed(Arc<Pointers>),
    /// A person divided it: its parts go on as transfers of their own.
    Divided {
        /// The parts, which make the whole.
        parts: Vec<DividedPart>,
        /// Who.
        by: SmolStr,
    },
    /// It is a part of a transfer that was divided.
    Parted {
        /// What the bank said of the whole, with the part's amount.
        details: Arc<Details>,
        /// What else it said.
        particulars: Option<Arc<Particulars>>,
        /// The whole.
        of: TransferId,
        /// Who paid, if that is decided.
        customer: Option<CustomerId>,
    },
    /// The next of its parts has been told of what is under way.
    PartTold,
    /// The bank took its money back, and each part has been told.
    PartsRecalled {
        /// By what, and why.
        recall: Recall,
    },
}
