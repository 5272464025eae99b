//! Giving a transfer back to who sent it.

use std::sync::Arc;

use smol_str::SmolStr;

use super::command::Rejection;
use super::decision::forgotten;
use super::event::Event;
use super::particulars::Nature;
use super::recall;
use super::state::{Status, Transfer};
use crate::machine::{Context, Decision, Tell};
use crate::payout::{self, Source};
use crate::values::PayoutId;

/// What the keys of entries begin with that a call has told of, and no bank.
pub(crate) const TOLD_BY_CALL: &str = "api:";

type Decided = Result<Decision<Event>, Rejection>;

/// A person gives it back: to the account it came from, and to no other.
pub(super) fn give_back(
    state: &Transfer, payout: PayoutId, (by, reason): (&SmolStr, &SmolStr), context: &Context<'_>,
) -> Decided {
    let details = state.details.as_ref().ok_or(Rejection::Unknown)?;
    if state.pending.is_some() {
        return Err(Rejection::Deciding);
    }
    match state.status {
        Status::NeedsDecision | Status::SetAside => {}
        Status::GivenBack if state.given_back_by == Some(payout) => return Ok(Decision::default()),
        other => return Err(Rejection::NothingToDecide(other)),
    }
    if state.nature() != Nature::Received {
        return Err(Rejection::NothingToPlace);
    }
    let iban = details.payer_iban.clone().ok_or(Rejection::NoPayerAccount)?;
    let creditor = details.payer_name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let requested = payout::Details {
        id: payout,
        source: Source::Transfer(details.id),
        amount: details.amount,
        creditor: creditor.ok_or(Rejection::NoPayerAccount)?.into(),
        to: payout::Destination::Account(iban),
        by: by.clone(),
        reason: reason.clone(),
        at: context.now,
    };
    let mut decision = Decision::of(Event::GivenBack { payout, by: by.clone(), reason: reason.clone() });
    let needs_second = details.entry_key.starts_with(TOLD_BY_CALL);
    let request = payout::Command::Request { details: Arc::new(requested), needs_second };
    decision.tell(Tell::Payout(payout, request));
    forgotten(&mut decision, state);
    Ok(decision)
}

/// It went back after all, when it was thought that it had not. What was done with it meanwhile stays: a person
/// undoes it.
pub(super) fn take_return_again(state: &Transfer, payout: PayoutId) -> Decided {
    let (by, reason) = ("the bank".into(), "it was booked after all".into());
    Ok(match state.status {
        Status::NeedsDecision | Status::SetAside if state.given_back_by == Some(payout) => {
            Decision::of(Event::GivenBack { payout, by, reason })
        }
        _ => Decision::default(),
    })
}

/// It was not given back after all: a person decides again.
pub(super) fn take_return_back(state: &Transfer, payout: PayoutId, reason: &SmolStr) -> Decided {
    if state.status != Status::GivenBack || state.given_back_by != Some(payout) {
        return Ok(Decision::default());
    }
    let mut decision = Decision::of(Event::ReturnFailed { payout, reason: reason.clone() });
    recall::follow(state, Status::NeedsDecision, &mut decision);
    Ok(decision)
}
