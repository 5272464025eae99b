//! Credit of a customer: what it pays, and credit notes.

use super::command::{Command, CreditNote};
use super::event::Event;
use super::rejection::Rejection;
use super::state::Customer;
use crate::customer::PlaceTransfer;
use crate::machine::{Context, Decision, Tell};
use crate::payment_request;
use crate::policies::{Excess, Matching, Policies};
use crate::transfer::{self, Doubt, Placement, Proposal, Weighed, left_to_person};
use crate::values::{Calendar, CustomerId, Money, PaymentRequestId, PayoutId, stable_hash};

type Decided = Result<Decision<Event>, Rejection>;

/// Open requests that new credit is offered to, those due first.
const NETTED_MAX: usize = 20;

/// New credit pays what is open, where the merchant nets it.
pub(super) fn net(decision: &mut Decision<Event>, state: &Customer, id: CustomerId, context: &Context<'_>) {
    let new = decision.events.iter().find_map(|event| match event {
        Event::CreditAdded { amount } | Event::CreditNoteTaken { credit: amount, .. } => Some(*amount),
        _ => None,
    });
    let Some(new) = new.filter(|new| new.is_positive() && context.policies.matching.nets_credit) else { return };
    let open = state
        .open_requests
        .iter()
        .filter(|(_, open)| !open.disputed && open.outstanding.currency() == new.currency());
    let mut open: Vec<_> = open.map(|(request, open)| (open.due_on, *request)).collect();
    open.sort_unstable();
    for (_, request) in open.into_iter().take(NETTED_MAX) {
        // After what the decision itself pays: then it is known what is left.
        decision.tell(Tell::Customer(id, Command::NetCredit { request }));
    }
}

/// Pays a request from credit, as far as it goes; whether there is any.
pub(super) fn use_credit(
    decision: &mut Decision<Event>, state: &Customer, request: PaymentRequestId, outstanding: Money,
) -> bool {
    let credit = state.rare.credit.get(&outstanding.currency()).copied().unwrap_or(0);
    let amount = Money::from_minor(credit.min(outstanding.minor()), outstanding.currency());
    if !amount.is_positive() {
        return false;
    }
    let number = state.rare.credit_uses.saturating_add(1);
    decision.push(Event::CreditUsed { request, amount, number });
    let source = payment_request::Source::Credit(number);
    decision.tell(Tell::PaymentRequest(request, payment_request::Command::Allocate { source, amount }));
    true
}

/// Takes a credit note off the request it names, as far as that is open; the rest is credit.
pub(super) fn take_credit_note(state: &Customer, taken: CreditNote) -> Decided {
    let CreditNote { note, amount, request } = taken;
    match state.rare.credit_notes.get(&note) {
        Some(recorded) if *recorded == (amount, request) => return Ok(Decision::default()), // The same note again.
        Some((recorded, _)) => return Err(Rejection::CreditNoteDiffers { recorded: *recorded }),
        None => {}
    }
    if let Some(known) = request.filter(|known| !state.open_requests.contains_key(known)) {
        // It is paid, cancelled, or given up: the request knows.
        let credit = Money::zero(amount.currency());
        let mut decision = Decision::of(Event::CreditNoteTaken { note, amount, request, credit });
        decision.tell(Tell::PaymentRequest(known, payment_request::Command::TakeCreditNote { note, amount }));
        return Ok(decision);
    }
    let outstanding = match request.and_then(|request| state.open_requests.get(&request)) {
        Some(open) if open.outstanding.currency() == amount.currency() => open.outstanding,
        Some(open) => {
            let (expected, received) = (open.outstanding.currency(), amount.currency());
            return Err(Rejection::CurrencyDiffers { expected, received });
        }
        None => Money::zero(amount.currency()),
    };
    let counted = Money::from_minor(amount.minor().min(outstanding.minor()), amount.currency());
    let credit = Money::from_minor(amount.minor() - counted.minor(), amount.currency());
    // Above what is open it may be of what was given back: the request knows.
    let known = request.filter(|_| credit.is_positive());
    let told = if known.is_some() { Money::zero(amount.currency()) } else { credit };
    let mut decision = Decision::of(Event::CreditNoteTaken { note, amount, request, credit: told });
    if let Some(request) = request.filter(|_| counted.is_positive()) {
        let source = payment_request::Source::CreditNote(note);
        let allocate = payment_request::Command::Allocate { source, amount: counted };
        decision.tell(Tell::PaymentRequest(request, allocate));
    }
    if let Some(request) = known {
        let rest = payment_request::Command::TakeCreditNote { note, amount: credit };
        decision.tell(Tell::PaymentRequest(request, rest));
    }
    Ok(decision)
}

/// What is above goes to what else is open, those due first; a part of one only where parts need no person.
pub(super) fn to_the_oldest(state: &Customer, placement: Placement, accepts_parts: bool) -> Placement {
    let Placement::Placed { mut allocations, credit, explanation } = placement else { return placement };
    let named = |request: &PaymentRequestId| allocations.iter().any(|(known, _)| known == request);
    let others = state.open_requests.iter().filter(|(request, open)| {
        !named(request) && !open.disputed && open.outstanding.currency() == credit.currency()
    });
    let mut others: Vec<_> = others.map(|(request, open)| (open.due_on, *request, open.outstanding)).collect();
    others.sort_unstable_by_key(|(due_on, request, _)| (*due_on, *request));
    let mut left = credit.minor();
    for (_, request, outstanding) in others.into_iter().take(NETTED_MAX) {
        if left <= 0 || left < outstanding.minor() && !accepts_parts {
            break;
        }
        let part = outstanding.minor().min(left);
        allocations.push((request, Money::from_minor(part, credit.currency())));
        left -= part;
    }
    let explanation =
        if left < credit.minor() { format!("{explanation}, the excess to what is due first") } else { explanation };
    Placement::Placed { allocations, credit: Money::from_minor(left, credit.currency()), explanation }
}

/// What now pays others as well may be for a person.
pub(super) fn unless_left_to_person(
    placement: Placement, received: &PlaceTransfer, weighed: &Weighed, (matching, calendar): (&Matching, &Calendar),
) -> Placement {
    let (Placement::Placed { allocations, credit, .. }, Some(best)) = (&placement, weighed.proposals.first()) else {
        return placement;
    };
    if allocations.len() == best.parts.len() {
        return placement; // As it was judged.
    }
    let whole = Proposal { parts: allocations.clone(), credit: *credit, ..best.clone() };
    let named = !received.hits.is_empty() || best.rung.is_by_reference();
    let about = (received.details.as_ref(), received.identified_by, named);
    match left_to_person((matching, calendar), about, &whole) {
        None => placement,
        Some(rule) => Placement::Doubt {
            doubt: Doubt::LeftToPerson,
            candidates: allocations.iter().map(|(request, _)| *request).collect(),
            rule: Some(rule.clone()),
        },
    }
}

/// Below it sending back costs more than it is worth, in minor units.
const REFUND_MINOR_MIN: i64 = 100;

/// What is above goes back to the account it came from, where the merchant has it so and the bank has told of it.
pub(super) fn send_back(
    decision: &mut Decision<Event>, state: &Customer, (details, excess): (&transfer::Details, Money),
    context: &Context<'_>,
) {
    let Policies { matching, payouts, .. } = context.policies;
    let Excess::Refund { minor_max } = matching.excess else { return };
    let by_bank = !details.entry_key.starts_with(transfer::TOLD_BY_CALL);
    let may = payouts.connector.is_some() && (REFUND_MINOR_MIN..=minor_max).contains(&excess.minor()) && by_bank;
    let (Some(iban), Some(id)) = (details.payer_iban.clone(), state.id) else { return };
    if !may {
        return;
    }
    let seed = stable_hash(&["excess", &details.id.to_string(), &context.now.to_string()]);
    let payout = PayoutId::new(context.now, seed, id.partition());
    let (by, reason) = ("the excess is sent back".into(), "paid above what was asked for".into());
    decision.tell(Tell::Customer(id, Command::PayOutCredit { payout, amount: excess, iban, by, reason }));
}
