//! What was weighed before a transfer was placed: who is thought to have paid, and every way of
//! placing it that was considered, the best first. It is recorded with the outcome.

use serde::{Deserialize, Serialize};

use crate::values::{Money, PaymentRequestId};

/// What says who paid, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identification {
    /// It came in on the customer's own account number.
    VirtualIban,
    /// A reference names a request of the customer.
    Reference,
    /// The customer has paid from this account before, and nobody else has.
    PayerIban,
    /// It is the only customer of this name.
    Name,
    /// Nothing.
    #[default]
    Nothing,
}

impl Identification {
    /// It in words.
    pub fn text(self) -> &'static str {
        match self {
            Identification::VirtualIban => "virtual IBAN",
            Identification::Reference => "reference",
            Identification::PayerIban => "known account of the payer",
            Identification::Name => "name of the payer",
            Identification::Nothing => "nothing",
        }
    }
}

/// Why a way of placing a transfer is considered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// A reference, and the amount is exact.
    Reference,
    /// A reference, and a part of the amount.
    ReferencePart,
    /// A reference, and more than the amount.
    ReferenceExcess,
    /// Several references whose amounts add up.
    References,
    /// A reference read with a correction, and something else agrees.
    CorrectedReference,
    /// The last digits of a number, and the amount is exact.
    Number,
    /// The only open request of this amount.
    ExactAmount,
    /// The oldest of several open requests of this amount.
    OldestOfEqual,
    /// The only open request.
    OnlyRequest,
    /// Everything that is open.
    Everything,
    /// The oldest open requests, which together are the amount.
    OldestTogether,
    /// Open requests that together are the amount.
    Together,
    /// The oldest open requests as far as the money goes.
    OldestFirst,
    /// The open request whose amount is nearest.
    Nearest,
    /// A later one of several open requests of this amount.
    LaterOfEqual,
    /// The only open request whose amount is this but for a difference that is given up.
    WithinTolerance,
}

impl Rung {
    /// The step of the ladder in words.
    pub fn text(self) -> &'static str {
        match self {
            Rung::Reference => "exact amount",
            Rung::ReferencePart => "part of the amount",
            Rung::ReferenceExcess => "excess kept as credit",
            Rung::References => "several references, exact amount",
            Rung::CorrectedReference => "corrected reference, something else agrees",
            Rung::Number => "last digits of the number, exact amount",
            Rung::ExactAmount => "exact amount, the only open request of it",
            Rung::OldestOfEqual => "the oldest of equal amounts",
            Rung::OnlyRequest => "the only open request",
            Rung::Everything => "everything that is open",
            Rung::OldestTogether => "the oldest requests together",
            Rung::Together => "requests that together are the amount",
            Rung::OldestFirst => "oldest first",
            Rung::Nearest => "the nearest amount",
            Rung::LaterOfEqual => "a later one of equal amounts",
            Rung::WithinTolerance => "the amount but for a small difference",
        }
    }
}

/// One way of placing a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// What it would pay.
    pub parts: Vec<(PaymentRequestId, Money)>,
    /// What would be kept as credit.
    pub credit: Money,
    /// How sure it is, of 1,000.
    pub score: u16,
    /// Why it is considered.
    pub rung: Rung,
}

/// What was weighed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Weighed {
    /// What says who paid.
    pub identified_by: Identification,
    /// Ways of placing it, the best first, a bounded number of them. The first is the one that was
    /// taken, when it was; older records leave that one out.
    pub proposals: Vec<Proposal>,
    /// How many sets of open requests would make the amount by chance, in millionths; zero when that
    /// was not asked.
    pub accidental_ppm: u64,
}
