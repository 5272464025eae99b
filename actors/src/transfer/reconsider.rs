//! A transfer that waits for a person, when an invoice comes in late that it may have paid.
//!
//! It is weighed again when what the payer wrote names the new invoice, or when it came in on the
//! customer's own account while nothing was open. One of nobody is placed on the invoice whose number it gives,
//! when that is the whole amount. Nothing that a person has decided about, or that named something else, is
//! touched.

use std::collections::BTreeSet;
use std::sync::Arc;

use smol_str::SmolStr;

use super::acceptance::left_to_person;
use super::command::{ReferenceHit, ReferenceKind};
use super::decision;
use super::event::Event;
use super::state::{Details, Doubt, Resolution, Status, Transfer};
use super::weighing::{Identification, Proposal, Rung};
use crate::customer::{self, OpenRequest, PlaceTransfer};
use crate::machine::{Decision, Tell};
use crate::policies::Matching;
use crate::values::{
    Calendar, CustomerId, Money, NumberText, PaymentRequestId, Reading, canonical_number, is_telling_number,
};

/// The score of a whole number with the whole amount.
const NAMED_SCORE: u16 = 990;
/// Numbers of one transfer that are awaited.
const AWAITED_NUMBERS_MAX: usize = 8;

/// Whether a late invoice may be what the transfer paid: then its customer weighs it again.
pub(super) fn reconsider(state: &Transfer, request: PaymentRequestId, new: &OpenRequest) -> Decision<Event> {
    let mut decision = Decision::default();
    let (Some(details), Some(customer)) = (&state.details, state.customer) else { return decision };
    let untouched = state.status == Status::NeedsDecision && state.pending.is_none() && state.decisions == 0;
    let for_a_person = matches!(
        state.doubt,
        Some(
            Doubt::TakenBack
                | Doubt::ReturnFailed
                | Doubt::BookedAhead
                | Doubt::AccountOfAnotherMerchant
                | Doubt::AccountOfNobody
                | Doubt::AccountOfAnother
                | Doubt::AccountNotOurs
                | Doubt::SharedReference
                | Doubt::Restated
        )
    );
    if !untouched || state.kept_by.is_some() || for_a_person {
        return decision;
    }
    let identified_by = state.weighed.as_ref().map_or(Identification::Nothing, |weighed| weighed.identified_by);
    let own = matches!(identified_by, Identification::VirtualIban | Identification::PayerIban);
    // A number that is read and not known may be that of yet another invoice.
    let unread = NumberText::new(texts(details)).candidates().iter().any(|number| is_telling_number(number));
    let nothing_was_open = own && state.doubt == Some(Doubt::NothingOpen) && state.candidates.is_empty() && !unread;
    // The amount that fitted nothing may be that of the new one; the ladder says so, or leaves it.
    let is_somebody = identified_by != Identification::Nothing;
    let fits =
        is_somebody && state.doubt == Some(Doubt::AmountDiffers) && new.outstanding == details.amount && !unread;
    let named = !named_in(details, customer, std::iter::once((request, new))).is_empty();
    if named || nothing_was_open || fits {
        let placing = PlaceTransfer { details: Arc::clone(details), hits: Vec::new(), identified_by };
        decision.tell(Tell::Customer(customer, customer::Command::PlaceAgain(placing, request)));
    }
    decision
}

/// An invoice that came in after the money.
pub(super) struct Late<'a> {
    pub request: PaymentRequestId,
    pub customer: CustomerId,
    pub number: &'a str,
    pub amount: Money,
}

/// Places a transfer of nobody on the late invoice that it names, when it is the whole amount: as it would have
/// been placed had the invoice been there. Anything less sure stays a task.
pub(super) fn named_late(
    state: &Transfer, late: &Late<'_>, (matching, calendar): (&Matching, &Calendar),
) -> Decision<Event> {
    let nothing = Decision::default();
    let Some(details) = &state.details else { return nothing };
    let untouched = state.status == Status::NeedsDecision && state.pending.is_none() && state.decisions == 0;
    let of_nobody = state.doubt == Some(Doubt::UnknownPayer) && state.customer.is_none() && state.kept_by.is_none();
    let number = canonical_number(late.number);
    let named = is_telling_number(&number) && awaited_numbers(details).contains(&number);
    let minor = details.amount.minor();
    let below = matching.auto_minor_max.is_none_or(|limit| minor <= limit);
    if !(untouched && of_nobody && named && below && details.amount == late.amount) || matching.auto_at > NAMED_SCORE
    {
        return nothing;
    }
    let parts = vec![(late.request, details.amount)];
    let credit = Money::zero(details.amount.currency());
    let placed = Proposal { parts, credit, score: NAMED_SCORE, rung: Rung::Reference };
    if left_to_person((matching, calendar), (details, Identification::Reference, true), &placed).is_some() {
        return nothing;
    }
    let resolution = Resolution {
        customer: late.customer,
        allocations: vec![(late.request, details.amount)],
        credit: Money::zero(details.amount.currency()),
        by: SmolStr::new_static("its invoice, which came in late"),
    };
    decision::decide(state, &resolution).unwrap_or_default()
}

/// The numbers that a transfer names and that say by themselves that they are numbers, a few at most.
pub(crate) fn awaited_numbers(details: &Details) -> Vec<SmolStr> {
    let numbers = NumberText::new(texts(details)).candidates();
    numbers.into_iter().filter(|number| is_telling_number(number)).take(AWAITED_NUMBERS_MAX).collect()
}

/// What the payer wrote.
fn texts(details: &Details) -> impl Iterator<Item = &str> {
    let remittance = &details.remittance;
    let end_to_end = details.end_to_end_id.as_ref().map_or("", |id| id.as_str());
    remittance.structured().iter().map(String::as_str).chain([remittance.unstructured(), end_to_end])
}

/// The open requests that what the payer wrote names, by number or short reference.
pub(crate) fn named_in<'a>(
    details: &Details, customer: CustomerId, open: impl Iterator<Item = (PaymentRequestId, &'a OpenRequest)>,
) -> Vec<ReferenceHit> {
    let numbers: BTreeSet<SmolStr> = NumberText::new(texts(details)).candidates().into_iter().collect();
    let compact: String = texts(details).flat_map(str::chars).filter(char::is_ascii_alphanumeric).collect();
    let compact = compact.to_ascii_uppercase();
    let mut hits = Vec::new();
    for (request, known) in open {
        let number = canonical_number(&known.number);
        let referenced = known.reference.is_some_and(|reference| compact.contains(&reference.compact()));
        let kind = if referenced {
            ReferenceKind::Short
        } else if !number.is_empty() && numbers.contains(&number) {
            if is_telling_number(&number) { ReferenceKind::Number } else { ReferenceKind::WeakNumber }
        } else {
            continue;
        };
        hits.push(ReferenceHit { kind, reading: Reading::Exact, request, customer });
    }
    // A short number is worth nothing beside a whole one.
    if hits.iter().any(|hit| hit.kind != ReferenceKind::WeakNumber) {
        hits.retain(|hit| hit.kind != ReferenceKind::WeakNumber);
    }
    hits
}
