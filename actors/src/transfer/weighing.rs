//! What was weighed before a transfer was placed: who is thought to have paid, and every way of
//! placing it that was considered, the best first. It is recorded with the outcome.

use serde::{Deserialize, Serialize};

use super::command::{Evidence, ReferenceHit, ReferenceKind};
use crate::values::{CustomerId, Money, PaymentRequestId, Reading};

/// References kept of one transfer.
const POINTERS_MAX: usize = 20;

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

/// What points to whom, of a transfer that was a person's task at once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pointers {
    /// Whose account number it came in on.
    pub virtual_iban: Option<CustomerId>,
    /// Who has paid from this account before.
    pub payer_iban: Option<CustomerId>,
    /// Who has the payer's name.
    pub name: Option<CustomerId>,
    /// What references name.
    pub references: Vec<Pointer>,
}

/// A request that a reference names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    /// What kind of reference.
    pub kind: ReferenceKind,
    /// Whether it was read as it stands.
    pub is_exact: bool,
    /// The request.
    pub request: PaymentRequestId,
    /// Whose it is.
    pub customer: CustomerId,
}

impl Pointers {
    /// Those of what was looked up; `None` when nothing points to anybody.
    pub(super) fn of(evidence: &Evidence) -> Option<Self> {
        let pointer = |hit: &ReferenceHit| {
            let ReferenceHit { kind, reading, request, customer } = *hit;
            Pointer { kind, is_exact: reading == Reading::Exact, request, customer }
        };
        let found = Self {
            virtual_iban: evidence.virtual_iban_owner,
            payer_iban: evidence.payer_iban_owner,
            name: evidence.name_owner,
            references: evidence.hits.iter().take(POINTERS_MAX).map(pointer).collect(),
        };
        (found != Self::default()).then_some(found)
    }

    /// Each of them: by what, and to whom.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, Option<PaymentRequestId>, CustomerId)> {
        let customers = [
            (Identification::VirtualIban, self.virtual_iban),
            (Identification::PayerIban, self.payer_iban),
            (Identification::Name, self.name),
        ];
        let customers = customers.into_iter().filter_map(|(by, customer)| Some((by.text(), None, customer?)));
        customers.chain(self.references.iter().map(|known| (known.kind.text(), Some(known.request), known.customer)))
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
    /// All of them.
    pub const ALL: [Rung; 16] = [
        Rung::Reference,
        Rung::ReferencePart,
        Rung::ReferenceExcess,
        Rung::References,
        Rung::CorrectedReference,
        Rung::Number,
        Rung::ExactAmount,
        Rung::OldestOfEqual,
        Rung::OnlyRequest,
        Rung::Everything,
        Rung::OldestTogether,
        Rung::Together,
        Rung::OldestFirst,
        Rung::Nearest,
        Rung::LaterOfEqual,
        Rung::WithinTolerance,
    ];

    /// Whether a reference, or an order's number, says what is paid.
    pub fn is_by_reference(self) -> bool {
        matches!(self, Rung::Reference | Rung::ReferencePart | Rung::ReferenceExcess | Rung::References)
    }

    /// The step of the ladder as conditions name it.
    pub fn name(self) -> &'static str {
        match self {
            Rung::Reference => "reference",
            Rung::ReferencePart => "reference_part",
            Rung::ReferenceExcess => "reference_excess",
            Rung::References => "references",
            Rung::CorrectedReference => "corrected_reference",
            Rung::Number => "number",
            Rung::ExactAmount => "exact_amount",
            Rung::OldestOfEqual => "oldest_of_equal",
            Rung::OnlyRequest => "only_request",
            Rung::Everything => "everything",
            Rung::OldestTogether => "oldest_together",
            Rung::Together => "together",
            Rung::OldestFirst => "oldest_first",
            Rung::Nearest => "nearest",
            Rung::LaterOfEqual => "later_of_equal",
            Rung::WithinTolerance => "within_tolerance",
        }
    }

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
