//! What a transfer pays: a ladder from references to the amount alone. Every way of placing it that is
//! found gets a score; the best one is taken when it is sure enough and no other comes near.
//!
//! The same inputs give the same placement, whatever the order they came in. Two candidates
//! that fit equally well are a task, never a guess (N13).

mod amounts;
mod naming;

use litemap::LiteMap;

use super::command::ReferenceKind;
use super::state::Doubt;
use super::weighing::{Identification, Proposal, Rung, Weighed};
use crate::customer::{OpenRequest, PlaceTransfer};
use crate::limits;
use crate::policies::Matching;
use crate::values::{Money, NumberText, PaymentRequestId};

/// What a transfer leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// Every cent has its place.
    Placed {
        /// What it pays.
        allocations: Vec<(PaymentRequestId, Money)>,
        /// What is kept as the customer's credit.
        credit: Money,
        /// Why, in words.
        explanation: String,
    },
    /// A person must decide.
    Doubt {
        /// Why.
        doubt: Doubt,
        /// Requests to look at first.
        candidates: Vec<PaymentRequestId>,
    },
}

type Open = LiteMap<PaymentRequestId, OpenRequest>;

/// Chance below which a set of requests that is not of the oldest is taken, in millionths.
const CHANCE_ANY_MAX: u64 = 20_000;
/// Chance below which a set of the oldest requests is taken, in millionths.
const CHANCE_OLDEST_MAX: u64 = 400_000;
/// Proposals kept.
const PROPOSALS_MAX: usize = 5;

/// Places a transfer of one customer, of this name, on its open requests.
pub fn place(received: &PlaceTransfer, name: Option<&str>, open: &Open, matching: &Matching) -> (Placement, Weighed) {
    let ladder = Ladder::new(received, name, open, matching);
    let mut found = Weighed { identified_by: received.identified_by, ..Weighed::default() };
    let (doubt, candidates) = ladder.climb(&mut found);
    // The first of equal scores is the one found first.
    found.proposals.sort_by_key(|proposal| std::cmp::Reverse(proposal.score));
    let mut seen: Vec<Vec<(PaymentRequestId, Money)>> = Vec::new();
    found.proposals.retain(|proposal| {
        let new = !seen.contains(&proposal.parts);
        seen.push(proposal.parts.clone());
        new
    });
    let placement = ladder.judge(&mut found, doubt, candidates);
    found.proposals.truncate(PROPOSALS_MAX);
    (placement, found)
}

/// An open request in the transfer's currency.
struct Candidate<'a> {
    id: PaymentRequestId,
    left: i64,
    known: &'a OpenRequest,
}

struct Ladder<'a> {
    received: &'a PlaceTransfer,
    name: Option<&'a str>,
    open: &'a Open,
    matching: &'a Matching,
    amount: Money,
    /// In the order in which they fall due.
    payable: Vec<Candidate<'a>>,
    /// Everything in which a number may stand.
    text: NumberText,
    /// What the payer wrote, without what banks add.
    written: NumberText,
}

type Verdict = (Doubt, Vec<PaymentRequestId>);

impl<'a> Ladder<'a> {
    fn new(received: &'a PlaceTransfer, name: Option<&'a str>, open: &'a Open, matching: &'a Matching) -> Self {
        let details = &received.details;
        let amount = details.amount;
        let mut payable: Vec<Candidate<'a>> = open
            .iter()
            .filter(|(_, request)| request.outstanding.currency() == amount.currency())
            .map(|(id, known)| Candidate { id: *id, left: known.outstanding.minor(), known })
            .collect();
        payable.sort_by(|a, b| (a.known.due_on, &a.known.number, a.id).cmp(&(b.known.due_on, &b.known.number, b.id)));
        let remittance = &details.remittance;
        let end_to_end = details.end_to_end_id.as_ref().map_or("", |id| id.as_str());
        let written = || remittance.structured().iter().map(String::as_str).chain([remittance.unstructured()]);
        let text = NumberText::new(written().chain([end_to_end]));
        let written = NumberText::new(written());
        Self { received, name, open, matching, amount, payable, text, written }
    }

    fn climb(&self, found: &mut Weighed) -> Verdict {
        let (sure, unsure) = self.named();
        if !sure.is_empty() {
            return self.by_reference(&sure, found);
        }
        if !unsure.is_empty()
            && let Some(verdict) = self.by_unsure_reference(&unsure, found)
        {
            return verdict;
        }
        if self.by_near_reference(found) || self.by_last_digits(found) {
            return (Doubt::UncertainReference, Vec::new());
        }
        let verdict = match self.received.identified_by {
            Identification::Reference => (Doubt::UncertainReference, unsure.clone()),
            Identification::Nothing => self.of_amount(found),
            _ => self.by_amount(found),
        };
        if unsure.is_empty() { verdict } else { (Doubt::UncertainReference, unsure) }
    }

    fn propose(&self, found: &mut Weighed, parts: Vec<(PaymentRequestId, i64)>, score: u16, rung: Rung) {
        let currency = self.amount.currency();
        let placed: i64 = parts.iter().map(|(_, part)| part).sum();
        let parts = parts.into_iter().map(|(id, part)| (id, Money::from_minor(part, currency))).collect();
        let credit = Money::from_minor(self.amount.minor() - placed, currency);
        found.proposals.push(Proposal { parts, credit, score, rung });
    }

    fn candidate(&self, id: PaymentRequestId) -> Option<&Candidate<'a>> {
        self.payable.iter().find(|candidate| candidate.id == id)
    }

    /// Takes the best way when it is sure enough and no other comes near.
    fn judge(&self, found: &mut Weighed, doubt: Doubt, mut candidates: Vec<PaymentRequestId>) -> Placement {
        let second = found.proposals.get(1).map_or(0, |proposal| proposal.score);
        let best = found.proposals.first().filter(|best| {
            best.score >= self.matching.auto_at && best.score.saturating_sub(second) >= self.matching.min_margin
        });
        let limit = self.matching.auto_minor_max;
        let above = best.is_some() && limit.is_some_and(|limit| self.amount.minor() > limit);
        match best.filter(|_| !above) {
            Some(best) => {
                let best = best.clone();
                found.proposals.remove(0);
                let explanation = self.explanation(&best);
                Placement::Placed { allocations: best.parts, credit: best.credit, explanation }
            }
            None => {
                // What was considered comes first.
                let mut first: Vec<PaymentRequestId> =
                    found.proposals.iter().flat_map(|proposal| proposal.parts.iter().map(|(id, _)| *id)).collect();
                first.append(&mut candidates);
                let mut kept = Vec::new();
                for id in first {
                    if kept.len() < limits::OPEN_REQUESTS_COMPARED_MAX && !kept.contains(&id) {
                        kept.push(id);
                    }
                }
                Placement::Doubt { doubt: if above { Doubt::AboveLimit } else { doubt }, candidates: kept }
            }
        }
    }

    fn explanation(&self, best: &Proposal) -> String {
        let kinds = self.received.hits.iter().filter(|hit| best.parts.iter().any(|(id, _)| *id == hit.request));
        let named = kinds.map(|hit| hit.kind).min().map(ReferenceKind::text);
        let by = match best.rung {
            Rung::Reference | Rung::ReferencePart | Rung::ReferenceExcess | Rung::References => {
                named.unwrap_or("invoice number")
            }
            _ => self.received.identified_by.text(),
        };
        let excess = if best.rung != Rung::ReferenceExcess && best.credit.is_positive() {
            ", excess kept as credit"
        } else {
            ""
        };
        format!("{by}, {}{excess}", best.rung.text())
    }
}
