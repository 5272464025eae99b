//! A transfer that pays for several customers is divided: each part goes on as a transfer of its own, in the lane of
//! whom it is for, and what is for nobody yet is a person's task.
//!
//! ```text
//! Divide ─► Divided ─► each part in turn: ReceivePart ─► Parted, Decided │ TaskOpened ─► Conclude, PartTold ─► all told
//! Recall of the whole ─► RecallAsked ─► each part in turn: Recall ─► Conclude, PartTold ─► PartsRecalled
//! ```

use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};

use super::command::{Command, ReceivedPart, Rejection};
use super::decision::{add_up, asked, forgotten};
use super::event::Event;
use super::particulars::Nature;
use super::recall;
use super::state::{Details, DividedPart, Doubt, Pending, Status, Transfer};
use crate::customer;
use crate::limits;
use crate::machine::{Decision, Effect, Tell};
use crate::values::{CustomerId, Money, PaymentRequestId};

type Decided = Result<Decision<Event>, Rejection>;

/// A person divides it.
pub(super) fn divide(state: &Transfer, parts: &[DividedPart], by: &SmolStr) -> Decided {
    let amount = state.details.as_ref().ok_or(Rejection::Unknown)?.amount;
    if state.pending.is_some() {
        return Err(Rejection::Deciding);
    }
    if state.status != Status::NeedsDecision {
        return Err(Rejection::NothingToDecide(state.status));
    }
    if state.nature() != Nature::Received {
        return Err(Rejection::NothingToPlace);
    }
    if !(2..=limits::DIVIDED_PARTS_MAX).contains(&parts.len()) {
        return Err(Rejection::NotSoManyParts(limits::DIVIDED_PARTS_MAX));
    }
    let mut found = 0_i64;
    let mut requests: Vec<PaymentRequestId> = Vec::new();
    for DividedPart { amount: part, resolution, .. } in parts {
        if !part.is_positive() || part.currency() != amount.currency() {
            return Err(Rejection::WrongPart);
        }
        found = found.saturating_add(part.minor());
        if let Some(resolution) = resolution {
            add_up(resolution, *part)?;
            requests.extend(resolution.allocations.iter().map(|(request, _)| *request));
        }
    }
    requests.sort_unstable();
    if requests.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(Rejection::WrongPart);
    }
    if found != amount.minor() {
        let found = Money::from_minor(found, amount.currency());
        return Err(Rejection::DoesNotAddUp { found, expected: amount });
    }
    let mut decision = asked(Event::Divided { parts: parts.to_vec(), by: by.clone() })?;
    forgotten(&mut decision, state);
    Ok(decision)
}

/// A part of another transfer comes in, decided about already or for a person.
pub(super) fn receive_part(state: &Transfer, received: &ReceivedPart) -> Decided {
    if state.details.is_some() {
        return Ok(Decision::default()); // Told before.
    }
    let ReceivedPart { details, particulars, of, customer, resolution } = received;
    let (transfer, customer) = (details.id, resolution.as_ref().map(|resolution| resolution.customer).or(*customer));
    let (details, particulars) = (Arc::clone(details), particulars.clone());
    let mut decision = Decision::of(Event::Parted { details, particulars, of: *of, customer });
    match resolution {
        Some(resolution) => {
            decision.push(Event::Decided(resolution.clone()));
            decision.effect(Effect::AskCustomer);
        }
        None => {
            decision.push(Event::TaskOpened { doubt: Doubt::Divided, candidates: Vec::new() });
            // What may be the customer's keeps reminders and collections back, as the whole did.
            if let Some(customer) = customer.filter(|customer| customer.partition() == transfer.partition()) {
                let waits = customer::Command::AwaitTransfer { transfer };
                decision.tell(Tell::Customer(customer, waits));
            }
        }
    }
    Ok(decision)
}

impl Transfer {
    /// The part that is next to be told of what is under way.
    fn next_part(&self) -> Option<&DividedPart> {
        let lineage = self.lineage.as_ref()?;
        lineage.parts.get(lineage.told)
    }
}

/// What the next part is told.
pub(super) fn asks(state: &Transfer) -> Option<Tell> {
    let details = state.details.as_ref()?;
    let part = state.next_part()?;
    let command = match (&state.pending, &state.recall) {
        (Some(Pending::Recall), Some(recall)) => Command::Recall { recall: recall.clone(), amount: part.amount },
        _ => {
            let of = details.id;
            let entry_key = format!("{}#{}", details.entry_key, part.id);
            let details = Details { id: part.id, entry_key, amount: part.amount, ..details.as_ref().clone() };
            let (details, resolution) = (Arc::new(details), part.resolution.clone());
            let particulars = state.particulars.clone();
            let here = |customer: &CustomerId| customer.partition() == part.id.partition();
            let customer = state.customer.filter(here);
            Command::ReceivePart(ReceivedPart { details, particulars, of, customer, resolution })
        }
    };
    Some(Tell::Transfer(part.id, command))
}

/// A part has been told.
pub(super) fn told(state: &Transfer, pending: &Pending, refused: Option<&str>) -> Decision<Event> {
    // That the money of a part is not here to be taken back says the part itself. One that could not come in is asked
    // again after the others: its money is nowhere else.
    if let (Some(reason), Pending::Divide) = (refused, pending) {
        return Decision::of(Event::DecisionRefused { reason: reason.to_owned() });
    }
    let mut decision = Decision::of(Event::PartTold);
    let last = state.lineage.as_ref().is_none_or(|lineage| lineage.told + 1 >= lineage.parts.len());
    match (pending, &state.recall) {
        (Pending::Recall, Some(recall)) if last => decision.push(Event::PartsRecalled { recall: recall.clone() }),
        (Pending::Divide, _) if last => recall::follow(state, Status::Divided, &mut decision),
        _ => {}
    }
    decision
}

/// Why it stands as it does, in words.
pub(super) fn explained(by: &SmolStr, parts: usize) -> String {
    format_smolstr!("divided into {parts} parts by {by}").to_string()
}
