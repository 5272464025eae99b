//! What a payout decides.

use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};

use super::apply::apply;
use super::command::{Command, Rejection};
use super::event::Event;
use super::state::{Destination, Details, Payout, Source, Status};
use crate::machine::{Context, Decision, Effect, Machine, Tell};
use crate::values::{Currency, Date, PaymentRequestId};
use crate::{customer, payment_request, transfer};

type Decided = Result<Decision<Event>, Rejection>;

impl Machine for Payout {
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: &Command, context: &Context<'_>) -> Decided {
        if let Command::Request { details, needs_second } = command {
            return request(self, details, *needs_second, context);
        }
        let details = self.details.as_ref().ok_or(Rejection::Unknown)?;
        match command {
            Command::Request { .. } => Ok(Decision::default()), // Handled above.
            Command::Approve { by } => approve(self, details, by, context),
            Command::Reject { by, reason } => reject(self, details, by, reason),
            Command::Withdraw { reason } => Ok(withdraw(self, details, reason)),
            Command::Execute { on } => execute(self, details, *on),
            Command::Conclude { by, executed_on, while_ordered } => {
                other_than(details, by)?;
                if *while_ordered && self.status != Status::Ordered {
                    return Err(Rejection::NotOrdered(self.status));
                }
                match executed_on {
                    Some(on) => execute(self, details, *on),
                    None => fail(self, details, &format_smolstr!("not executed, says {by}")),
                }
            }
            Command::Fail { reason } => fail(self, details, reason),
            Command::Refuse { reason } if self.status == Status::Ordered => fail(self, details, reason),
            Command::Refuse { .. } => Ok(Decision::default()),
        }
    }

    fn apply(&mut self, event: &Event) {
        apply(self, event);
    }
}

fn request(state: &Payout, details: &Arc<Details>, needs_second: bool, context: &Context<'_>) -> Decided {
    if state.details.is_some() {
        return Ok(Decision::default()); // The same again.
    }
    let payouts = &context.policies.payouts;
    if matches!(details.to, Destination::Account(_)) {
        if payouts.connector.is_none() {
            return Err(Rejection::NoConnector);
        }
        if details.amount.currency() != Currency::EUR {
            return Err(Rejection::NotEuros(details.amount.currency()));
        }
    }
    let awaits_approval = needs_second || details.amount.minor() > payouts.four_eyes_above_minor;
    let mut decision = Decision::of(Event::Requested { details: Arc::clone(details), awaits_approval });
    if !awaits_approval {
        order(&mut decision, details, context)?;
    }
    Ok(decision)
}

/// From here on it may leave, and is never ordered again.
fn order(decision: &mut Decision<Event>, details: &Details, context: &Context<'_>) -> Result<(), Rejection> {
    let today = context.now.date_in(&context.policies.zone);
    let (connector, on) = match &details.to {
        Destination::Account(_) => {
            let connector = context.policies.payouts.connector.clone().ok_or(Rejection::NoConnector)?;
            (connector, context.policies.calendar.following(today))
        }
        Destination::Collected { connector, .. } => (connector.clone(), today),
    };
    decision.push(Event::Ordered { on });
    decision.effect(Effect::PayOut { connector });
    Ok(())
}

fn approve(state: &Payout, details: &Details, by: &SmolStr, context: &Context<'_>) -> Decided {
    if state.status != Status::AwaitsApproval {
        return Err(Rejection::NothingToApprove(state.status));
    }
    other_than(details, by)?;
    let mut decision = Decision::of(Event::Approved { by: by.clone() });
    order(&mut decision, details, context)?;
    Ok(decision)
}

fn reject(state: &Payout, details: &Details, by: &SmolStr, reason: &SmolStr) -> Decided {
    match state.status {
        Status::AwaitsApproval => {}
        Status::Rejected => return Ok(Decision::default()),
        other => return Err(Rejection::NothingToApprove(other)),
    }
    let mut decision = Decision::of(Event::Rejected { by: by.clone(), reason: reason.clone() });
    give_back(&mut decision, details, reason);
    Ok(decision)
}

/// What nobody has approved is not ordered any more; what is ordered may have left.
fn withdraw(state: &Payout, details: &Details, reason: &SmolStr) -> Decision<Event> {
    if state.status != Status::AwaitsApproval {
        return Decision::default();
    }
    let reason = format_smolstr!("the bank has taken the money back: {reason}");
    let mut decision = Decision::of(Event::Rejected { by: "the bank".into(), reason: reason.clone() });
    give_back(&mut decision, details, &reason);
    decision
}

/// Whether it is another person than who asked for it, however the name is written.
/// What names of people are compared by, where one person must not be two.
pub fn letters(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn other_than(details: &Details, by: &str) -> Result<(), Rejection> {
    let (asked, now) = (letters(&details.by), letters(by));
    if now.is_empty() || asked == now { Err(Rejection::SamePerson(details.by.clone())) } else { Ok(()) }
}

fn execute(state: &Payout, details: &Details, on: Date) -> Decided {
    match state.status {
        Status::Ordered => {
            let mut decision = Decision::of(Event::Executed { on });
            if let Source::Request(id) = details.source {
                decision.tell(concluded(id, details, None));
            }
            Ok(decision)
        }
        Status::Executed => Ok(Decision::default()), // Told of in another file.
        // It left all the same: the money is gone from where it was given back to, and a person sees to it.
        Status::Failed => {
            let before = state.reason.clone().unwrap_or_default();
            let mut decision = Decision::of(Event::Contradicted { on, before });
            decision.tell(match details.source {
                Source::Credit(id) => Tell::Customer(id, customer::Command::WithdrawCredit(details.amount)),
                Source::Transfer(id) => Tell::Transfer(id, transfer::Command::TakeReturnAgain { payout: details.id }),
                Source::Request(id) => concluded(id, details, None),
            });
            Ok(decision)
        }
        other => Err(Rejection::NotOrdered(other)),
    }
}

fn fail(state: &Payout, details: &Details, reason: &SmolStr) -> Decided {
    let was_executed = match state.status {
        Status::Ordered => false,
        Status::Executed => true,
        Status::Failed => return Ok(Decision::default()), // Told of in another file.
        other => return Err(Rejection::NotOrdered(other)),
    };
    let mut decision = Decision::of(Event::Failed { reason: reason.clone(), was_executed });
    give_back(&mut decision, details, reason);
    Ok(decision)
}

/// The money is where it was.
fn give_back(decision: &mut Decision<Event>, details: &Details, reason: &SmolStr) {
    decision.tell(match details.source {
        Source::Credit(id) => Tell::Customer(id, customer::Command::CreditBack(details.amount)),
        Source::Transfer(id) => {
            let (payout, reason) = (details.id, reason.clone());
            Tell::Transfer(id, transfer::Command::TakeReturnBack { payout, reason })
        }
        Source::Request(id) => concluded(id, details, Some(reason.clone())),
    });
}

fn concluded(request: PaymentRequestId, details: &Details, failed: Option<SmolStr>) -> Tell {
    Tell::PaymentRequest(request, payment_request::Command::ConcludeRefund { payout: details.id, failed })
}
