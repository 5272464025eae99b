//! What a person decides about a transfer, and what becomes of it.
//!
//! ```text
//! Decide ─► Decided ─► the customer places it ─► Conclude ─► Matched │ DecisionRefused
//! TakeBack ─► TakeBackAsked ─► the customer gives it back ─► Conclude ─► TakenBack │ DecisionRefused
//! Recall ─► RecallReceived, RecallAsked ─► the customer gives it back ─► Conclude ─► Recalled
//! ```

use smol_str::SmolStr;

use super::command::Rejection;
use super::division;
use super::event::Event;
use super::particulars::Nature;
use super::recall;
use super::state::{Pending, Resolution, Status, Transfer};
use crate::customer::{self, Placed};
use crate::limits;
use crate::machine::{Decision, Effect, Tell};
use crate::values::{CustomerId, Money, PaymentRequestId, TransferId};

type Decided = Result<Decision<Event>, Rejection>;

/// A decision that its customer is to be asked about, however the process ends meanwhile.
pub(super) fn asked(event: Event) -> Decided {
    let mut decision = Decision::of(event);
    decision.effect(Effect::AskCustomer);
    Ok(decision)
}

impl Transfer {
    /// What the customer, or the next part, is asked about the decision that is under way, and the decision's number.
    pub fn asks(&self) -> Option<(u32, Tell)> {
        if self.status == Status::Divided {
            self.pending.as_ref()?;
            return division::asks(self).map(|tell| (self.decisions, tell));
        }
        let details = self.details.as_ref()?;
        let (transfer, amount) = (details.id, details.amount);
        let tell = match self.pending.as_ref()? {
            Pending::Divide => return None,
            Pending::Place(Resolution { customer, allocations, credit, .. }) => {
                let placed = Placed { transfer, amount, allocations: allocations.clone(), credit: *credit };
                Tell::Customer(*customer, customer::Command::PlaceDecided(placed))
            }
            back @ (Pending::TakeBack { .. } | Pending::Recall) => {
                let (allocations, credit) = (self.allocated(), self.credited(amount));
                let placed = Placed { transfer, amount, allocations, credit };
                let command = match back {
                    Pending::Recall => customer::Command::LoseTransfer(placed),
                    _ => customer::Command::TakeBackTransfer(placed),
                };
                Tell::Customer(self.customer?, command)
            }
        };
        Some((self.decisions, tell))
    }

    pub(super) fn allocated(&self) -> Vec<(PaymentRequestId, Money)> {
        self.allocations.iter().map(|(request, part)| (*request, *part)).collect()
    }

    pub(super) fn credited(&self, amount: Money) -> Money {
        Money::from_minor(self.credited_minor, amount.currency())
    }
}

pub(super) fn decide(state: &Transfer, resolution: &Resolution) -> Decided {
    let amount = state.details.as_ref().ok_or(Rejection::Unknown)?.amount;
    match &state.pending {
        Some(Pending::Place(known)) if known == resolution => return Ok(Decision::default()),
        Some(_) => return Err(Rejection::Deciding),
        None => {}
    }
    if state.status != Status::NeedsDecision {
        return Err(Rejection::NothingToDecide(state.status));
    }
    if state.nature() != Nature::Received {
        return Err(Rejection::NothingToPlace);
    }
    add_up(resolution, amount)?;
    asked(Event::Decided(resolution.clone()))
}

/// Whether a decision places an amount, all of it and nothing else.
pub(super) fn add_up(resolution: &Resolution, amount: Money) -> Result<(), Rejection> {
    let Resolution { allocations, credit, .. } = resolution;
    if allocations.len() > limits::OPEN_REQUESTS_COMPARED_MAX {
        return Err(Rejection::TooManyParts(limits::OPEN_REQUESTS_COMPARED_MAX));
    }
    let mut requests: Vec<_> = allocations.iter().map(|(request, _)| *request).collect();
    requests.sort_unstable();
    let twice = requests.windows(2).any(|pair| pair.first() == pair.last());
    let fits = |part: &Money| part.is_positive() && part.currency() == amount.currency();
    let parts_fit = allocations.iter().all(|(_, part)| fits(part));
    if twice || !parts_fit || credit.currency() != amount.currency() {
        return Err(Rejection::WrongPart);
    }
    let parts = allocations.iter().map(|(_, part)| part.minor());
    let found = parts.fold(credit.minor().max(0), i64::saturating_add);
    if found != amount.minor() {
        let found = Money::from_minor(found, amount.currency());
        return Err(Rejection::DoesNotAddUp { found, expected: amount });
    }
    Ok(())
}

/// A person says that the account it came from is its customer's.
pub(super) fn remember_payer(state: &Transfer, by: &SmolStr) -> Decided {
    if state.status != Status::Matched || state.pending.is_some() {
        return Err(Rejection::NotMatched(state.status));
    }
    let iban = state.details.as_ref().and_then(|details| details.payer_iban.clone());
    let (Some(iban), Some(customer)) = (iban, state.customer) else { return Err(Rejection::NoPayerAccount) };
    Ok(match state.payer_remembered {
        true => Decision::default(),
        false => Decision::of(Event::PayerRemembered { iban, customer, by: by.clone() }),
    })
}

pub(super) fn take_back(state: &Transfer, by: &SmolStr, reason: &SmolStr) -> Decided {
    let amount = state.details.as_ref().ok_or(Rejection::Unknown)?.amount;
    let (by, reason) = (by.clone(), reason.clone());
    if state.pending.is_some() {
        return Err(Rejection::Deciding);
    }
    match state.status {
        Status::Matched if state.customer.is_some() => asked(Event::TakeBackAsked { by, reason }),
        // Nobody else knows of it: it is a task again at once.
        Status::SetAside => {
            let credit = Money::zero(amount.currency());
            Ok(Decision::of(Event::TakenBack { allocations: Vec::new(), credit, by, reason }))
        }
        other => Err(Rejection::NothingToTakeBack(other)),
    }
}

/// Its money pays nothing of the customer that was thought to have sent it.
pub(super) fn forgotten(decision: &mut Decision<Event>, state: &Transfer) {
    // Only a customer of its own lane was ever told that it waits.
    let here = |customer: &CustomerId, id: TransferId| customer.partition() == id.partition();
    if let (Some(customer), Some(details)) = (state.customer, &state.details)
        && here(&customer, details.id)
    {
        let forget = customer::Command::ForgetTransfer { transfer: details.id };
        decision.tell(Tell::Customer(customer, forget));
    }
}

pub(super) fn set_aside(state: &Transfer, by: &SmolStr, reason: &SmolStr) -> Decided {
    if state.pending.is_some() {
        return Err(Rejection::Deciding);
    }
    match state.status {
        Status::NeedsDecision => {
            let mut decision = Decision::of(Event::SetAside { by: by.clone(), reason: reason.clone() });
            forgotten(&mut decision, state);
            Ok(decision)
        }
        Status::SetAside => Ok(Decision::default()),
        other => Err(Rejection::NothingToDecide(other)),
    }
}

pub(super) fn conclude(state: &Transfer, number: u32, refused: Option<&str>) -> Decided {
    let amount = state.details.as_ref().ok_or(Rejection::Unknown)?.amount;
    let Some(pending) = state.pending.as_ref().filter(|_| state.decisions == number) else {
        return Ok(Decision::default()); // Concluded before.
    };
    if state.status == Status::Divided {
        return Ok(division::told(state, pending, refused));
    }
    if let Some(reason) = refused {
        let mut decision = Decision::of(Event::DecisionRefused { reason: reason.to_owned() });

        if !matches!(pending, Pending::Recall) {
            recall::follow(state, state.status, &mut decision);
        }
        return Ok(decision);
    }
    let mut decision = Decision::of(match pending {
        Pending::Place(Resolution { allocations, credit, by, .. }) => Event::Matched {
            allocations: allocations.clone(),
            credit: *credit,
            explanation: format!("decided by {by}"),
        },
        Pending::TakeBack { by, reason } => Event::TakenBack {
            allocations: state.allocated(),
            credit: state.credited(amount),
            by: by.clone(),
            reason: reason.clone(),
        },
        Pending::Recall => return Ok(recall::concluded(state, amount)),
        Pending::Divide => return Ok(Decision::default()),
    });
    if let Pending::Place(Resolution { customer, .. }) = pending
        && state.customer != Some(*customer)
    {
        forgotten(&mut decision, state); // It was somebody else's.
    }
    // What was learned from a match is not to be believed once it was wrong; of a part nothing is learned.
    let is_part = state.divided().0.is_some();
    let iban = state.details.as_ref().and_then(|details| details.payer_iban.clone());
    if let (Pending::TakeBack { .. }, Some(iban), false) = (pending, iban, is_part) {
        decision.push(Event::PayerDoubted { iban });
    }
    let status = match pending {
        Pending::Place(_) => Status::Matched,
        Pending::TakeBack { .. } | Pending::Recall | Pending::Divide => Status::NeedsDecision,
    };
    recall::follow(state, status, &mut decision);
    Ok(decision)
}
