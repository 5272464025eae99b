//! The bank takes the money of a transfer back: it returns it, recalls it, or corrects the entry.
//!
//! The money is gone, so nothing here refuses for what has been done with it since: what it had paid is open
//! again, and reminders go on. A decision that is under way is answered first.

use super::command::Rejection;
use super::decision::{asked, forgotten};
use super::event::Event;
use super::particulars::Nature;
use super::state::{Doubt, Recall, Status, Transfer};
use crate::machine::{Decision, Effect, Tell};
use crate::payout;
use crate::values::Money;

type Decided = Result<Decision<Event>, Rejection>;

/// The bank takes it back; the same entry again changes nothing.
pub(super) fn recall(state: &Transfer, recall: &Recall, taken: Money) -> Decided {
    let received = state.details.as_ref().ok_or(Rejection::Unknown)?.amount;
    match &state.recall {
        Some(known) if known.entry == recall.entry => return Ok(Decision::default()),
        Some(_) => return Err(Rejection::NothingToRecall(state.status)),
        None if state.nature() != Nature::Received => return Err(Rejection::NothingToPlace),
        None if received != taken => return Err(Rejection::OtherAmount { received, taken }),
        None => {}
    }
    let mut decision = Decision::of(Event::RecallReceived(recall.clone()));
    match state.status {
        Status::Noted | Status::Recalled => Err(Rejection::NothingToRecall(state.status)),
        // What waits for approval does not leave. What has left, a person looks at; when it does not go back after all,
        // it is gone all the same.
        Status::GivenBack => {
            let withdrawn =
                |payout| Tell::Payout(payout, payout::Command::Withdraw { reason: recall.reason.clone() });
            decision.tells.extend(state.given_back_by.map(withdrawn));
            Ok(decision)
        }
        // What is being decided is answered first.
        _ if state.pending.is_some() => Ok(decision),
        Status::Matched | Status::Divided => {
            decision.join(asked(Event::RecallAsked)?);
            Ok(decision)
        }
        Status::Received | Status::NeedsDecision | Status::SetAside => {
            decision.push(gone(recall, received));
            forgotten(&mut decision, state);
            Ok(decision)
        }
    }
}

/// Goes on with a recall that waited for another decision, which leaves the transfer as `status` says.
pub(super) fn follow(state: &Transfer, status: Status, decision: &mut Decision<Event>) {
    let (Some(recall), Some(details)) = (&state.recall, &state.details) else { return };
    if status == Status::Divided {
        // Who tells the parts goes on with it.
        decision.push(Event::RecallAsked);
    } else if status == Status::Matched {
        decision.push(Event::RecallAsked);
        decision.effect(Effect::AskCustomer);
    } else {
        decision.push(gone(recall, details.amount));
        forgotten(decision, state);
    }
}

/// The customer has given back what it had paid.
pub(super) fn concluded(state: &Transfer, amount: Money) -> Decision<Event> {
    let Some(recall) = state.recall.clone() else { return Decision::default() };
    Decision::of(Event::Recalled { allocations: state.allocated(), credit: state.credited(amount), recall })
}

/// It had paid nothing: nobody else knows of it.
fn gone(recall: &Recall, amount: Money) -> Event {
    let credit = Money::zero(amount.currency());
    Event::Recalled { allocations: Vec::new(), credit, recall: recall.clone() }
}

/// A noted entry becomes a task; once, whatever a person made of it.
pub(super) fn question(state: &Transfer, doubt: Doubt) -> Decision<Event> {
    match state.status {
        Status::Noted if state.tasks == 0 => Decision::of(Event::TaskOpened { doubt, candidates: Vec::new() }),
        _ => Decision::default(),
    }
}
