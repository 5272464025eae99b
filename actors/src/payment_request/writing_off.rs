//! What is left unpaid and given up: small differences by rule, anything by a person. Either settles
//! the request, and goes when the payment does that it stood beside.

use smol_str::SmolStr;

use super::decide::{reopen, settle};
use super::event::Event;
use super::rejection::Rejection;
use super::state::{PaymentRequest, Source, Status, Terms};
use super::{again, refunding};
use crate::customer;
use crate::machine::{Context, Decision, Tell};
use crate::values::Money;

type Decided = Result<Decision<Event>, Rejection>;

/// Why a small difference is given up.
pub(super) const SMALL: &str = "a small difference";

/// Whether what a payment leaves is a small difference that the tenant gives up. What may still be
/// collected is not.
pub(super) fn is_small(
    state: &PaymentRequest, terms: &Terms, (source, left): (Source, Money), context: &Context<'_>,
) -> bool {
    let rule = context.policies.matching.write_off;
    matches!(source, Source::Transfer(_))
        && rule.is_some_and(|rule| rule.covers(left.minor(), terms.amount.minor()))
        && state.in_flight().is_none()
}

/// A person gives up what is left.
pub(super) fn by_person(state: &PaymentRequest, terms: &Terms, reason: &SmolStr, context: &Context<'_>) -> Decided {
    match state.status {
        Status::Settled if state.rare.written_off_minor > 0 => return Ok(Decision::default()),
        Status::Settled | Status::Cancelled => return Err(Rejection::WrongStatus(state.status)),
        Status::Open => {}
    }
    // Its money may still come.
    if let Some(attempt) = state.in_flight() {
        return Err(Rejection::UnderWay(attempt));
    }
    let left = state.outstanding().ok_or(Rejection::Unknown)?;
    let mut decision = Decision::of(Event::WrittenOff { amount: left, reason: reason.clone() });
    settle(&mut decision, state, None, "written off", context);
    let nothing = Some(Money::zero(left.currency()));
    let change = customer::Command::ChangeOutstanding { request: terms.id, outstanding: nothing };
    decision.tell(Tell::Customer(terms.customer, change));
    Ok(decision)
}

/// A person asks for it again.
pub(super) fn undo(state: &PaymentRequest, terms: &Terms, reason: &SmolStr, context: &Context<'_>) -> Decided {
    if state.rare.written_off_minor == 0 {
        return Err(Rejection::NotWrittenOff);
    }
    let amount = Money::from_minor(state.rare.written_off_minor, terms.amount.currency());
    let mut decision = Decision::of(Event::WriteOffReversed { amount, reason: reason.clone() });
    let left = terms.amount.minor().saturating_sub(state.paid_minor());
    reopen(&mut decision, state, terms, (Money::from_minor(left, amount.currency()), false), context);
    again::reopened(&mut decision, state, terms, context);
    Ok(decision)
}

/// What comes after all for a request of which something was given up counts there first: so much of it is
/// given up no more. Gives what was counted.
pub(super) fn absorb(decision: &mut Decision<Event>, state: &PaymentRequest, source: Source, amount: Money) -> Money {
    let counted = amount.minor().min(state.rare.written_off_minor).max(0);
    let money = |minor| Money::from_minor(minor, amount.currency());
    if counted > 0 && !state.allocations.contains_key(&source) {
        let given_up = money(state.rare.written_off_minor);
        decision.push(Event::WriteOffReversed { amount: given_up, reason: "it was paid after all".into() });
        let outstanding = money(state.rare.written_off_minor - counted);
        decision.push(Event::AmountAllocated { source, amount: money(counted), outstanding });
        if outstanding.is_positive() {
            decision.push(Event::WrittenOff { amount: outstanding, reason: "what is still not paid".into() });
        }
        return money(counted);
    }
    money(0)
}

/// A credit note of a request that is not open: of what was given up first, then of what was given back, and the rest is
/// credit.
pub(super) fn credit_note(state: &PaymentRequest, terms: &Terms, note: u64, amount: Money) -> Decision<Event> {
    let mut decision = Decision::default();
    let same_currency = amount.currency() == terms.amount.currency();
    let counted = match same_currency {
        true => absorb(&mut decision, state, Source::CreditNote(note), amount),
        false => Money::zero(amount.currency()),
    };
    let rest = Money::from_minor(amount.minor() - counted.minor(), amount.currency());
    let refunded = match same_currency {
        true => refunding::credited(&mut decision, state, note, rest),
        false => Money::zero(amount.currency()),
    };
    let rest = Money::from_minor(rest.minor() - refunded.minor(), amount.currency());
    if rest.is_positive() {
        if same_currency {
            decision.push(Event::CreditNoteKept { note, amount: rest });
        }
        decision.tell(Tell::Customer(terms.customer, customer::Command::AddCredit(rest)));
    }
    decision
}
