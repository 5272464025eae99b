//! What a transfer pays: the ladder of evidence, from references to the amount alone.
//!
//! The same inputs give the same placement, whatever the order they came in. Two candidates
//! that fit equally well are a task, never a guess (N13).

use litemap::LiteMap;

use super::command::ReferenceHit;
use super::state::Doubt;
use crate::customer::{OpenRequest, PlaceTransfer};
use crate::limits;
use crate::values::{Money, PaymentRequestId, Reading};

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

/// Places a transfer of one customer on its open requests.
pub fn place(received: &PlaceTransfer, open: &Open) -> Placement {
    let certain: Vec<&ReferenceHit> = received.hits.iter().filter(|hit| hit.reading == Reading::Exact).collect();
    if !certain.is_empty() {
        return by_reference(received.amount, &certain, open);
    }
    let corrected: Vec<&ReferenceHit> = received.hits.iter().collect();
    if corrected.is_empty() {
        return by_amount(received.amount, open);
    }
    // A corrected reading needs something independent to agree: the account number or the amount.
    let exact =
        |hit: &&ReferenceHit| open.get(&hit.request).is_some_and(|request| request.outstanding == received.amount);
    if received.on_virtual_iban || corrected.iter().all(exact) {
        return by_reference(received.amount, &corrected, open);
    }
    doubt(Doubt::UncertainReference, corrected.iter().map(|hit| hit.request))
}

fn doubt(doubt: Doubt, candidates: impl Iterator<Item = PaymentRequestId>) -> Placement {
    let mut candidates: Vec<PaymentRequestId> = candidates.collect();
    candidates.sort_unstable();
    candidates.dedup();
    candidates.truncate(limits::OPEN_REQUESTS_COMPARED_MAX);
    Placement::Doubt { doubt, candidates }
}

fn by_reference(amount: Money, hits: &[&ReferenceHit], open: &Open) -> Placement {
    let mut named: Vec<PaymentRequestId> = hits.iter().map(|hit| hit.request).collect();
    named.sort_unstable();
    named.dedup();
    let mut wanted = Vec::with_capacity(named.len());
    for request in &named {
        match open.get(request) {
            None => return doubt(Doubt::NothingOpen, named.iter().copied()),
            Some(known) if known.outstanding.currency() != amount.currency() => {
                return doubt(Doubt::CurrencyDiffers, named.iter().copied());
            }
            Some(known) => wanted.push((*request, known.outstanding)),
        }
    }
    let kinds: Vec<&str> = hits.iter().map(|hit| hit.kind.text()).take(1).collect();
    let kind = kinds.first().copied().unwrap_or("reference");
    let total = Money::from_minor(wanted.iter().map(|(_, left)| left.minor()).sum(), amount.currency());
    match (amount.minor().cmp(&total.minor()), wanted.as_slice()) {
        (std::cmp::Ordering::Less, [(request, _)]) => {
            let explanation = format!("{kind}, part of the amount");
            placed(vec![(*request, amount)], Money::zero(amount.currency()), explanation)
        }
        // Which of several requests a smaller sum pays is for a person to say.
        (std::cmp::Ordering::Less, _) => doubt(Doubt::AmountDiffers, named.iter().copied()),
        (std::cmp::Ordering::Equal, _) => {
            placed(wanted, Money::zero(amount.currency()), format!("{kind}, exact amount"))
        }
        (std::cmp::Ordering::Greater, _) => {
            let credit = Money::from_minor(amount.minor() - total.minor(), amount.currency());
            placed(wanted, credit, format!("{kind}, excess kept as credit"))
        }
    }
}

/// The payer is known by the account number, but nothing names a request.
fn by_amount(amount: Money, open: &Open) -> Placement {
    let payable: Vec<(PaymentRequestId, Money)> = open
        .iter()
        .filter(|(_, request)| request.outstanding.currency() == amount.currency())
        .map(|(id, request)| (*id, request.outstanding))
        .collect();
    let everyone = || payable.iter().map(|(id, _)| *id);
    if payable.is_empty() {
        let found = if open.is_empty() { Doubt::NothingOpen } else { Doubt::CurrencyDiffers };
        return doubt(found, open.keys().copied());
    }
    let none = Money::zero(amount.currency());
    let exact: Vec<(PaymentRequestId, Money)> = payable.iter().filter(|(_, left)| *left == amount).copied().collect();
    match exact.as_slice() {
        [one] => return placed(vec![*one], none, "virtual IBAN, exact amount".into()),
        [] => {}
        several => return doubt(Doubt::Ambiguous, several.iter().map(|(id, _)| *id)),
    }
    if let [(request, outstanding)] = payable.as_slice() {
        let only = "virtual IBAN, the only open request";
        return if amount.minor() < outstanding.minor() {
            placed(vec![(*request, amount)], none, format!("{only}, part of the amount"))
        } else {
            let credit = Money::from_minor(amount.minor() - outstanding.minor(), amount.currency());
            placed(payable.clone(), credit, format!("{only}, excess kept as credit"))
        };
    }
    let total: i64 = payable.iter().map(|(_, left)| left.minor()).sum();
    if total == amount.minor() {
        return placed(payable, none, "virtual IBAN, everything that is open".into());
    }
    doubt(Doubt::AmountDiffers, everyone())
}

fn placed(allocations: Vec<(PaymentRequestId, Money)>, credit: Money, explanation: String) -> Placement {
    Placement::Placed { allocations, credit, explanation }
}
