//! What a payment request decides.

use std::sync::Arc;

use smol_str::SmolStr;

use super::apply::apply;
use super::command::{AttemptReport, AttemptResult, Command, Rejection};
use super::event::Event;
use super::reminders;
use super::state::{PaymentRequest, Source, Status, Terms};
use crate::customer;
use crate::limits;
use crate::machine::{Context, Decision, Effect, Machine, Purpose, Tell};
use crate::values::{Money, Timestamp};

type Decided = Result<Decision<Event>, Rejection>;

impl Machine for PaymentRequest {
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: &Command, context: &Context<'_>) -> Decided {
        if let Command::Issue { terms, dated } = command {
            return issue(self, terms, *dated, context);
        }
        let terms = self.terms.as_ref().ok_or(Rejection::Unknown)?;
        match command {
            Command::Issue { .. } => Ok(Decision::default()), // Handled above.
            Command::Allocate { source, amount } => allocate(self, terms, *source, *amount, context),
            Command::ReverseAllocation { source } => reverse_allocation(self, terms, *source, context),
            Command::ReminderDue { generation, due } => Ok(reminders::due(self, terms, *generation, *due, context)),
            Command::OverdueDue { due } => Ok(overdue_due(self, *due, context)),
            Command::ReportAttempt(report) => report_attempt(self, terms, report, context),
            Command::InitiateRefund { key, amount } => initiate_refund(self, terms, key, *amount),
            Command::Cancel { reason } => cancel(self, terms, reason, context),
        }
    }

    fn apply(&mut self, event: &Event) {
        apply(self, event);
    }
}

fn issue(state: &PaymentRequest, terms: &Terms, dated: bool, context: &Context<'_>) -> Decided {
    if let Some(recorded) = &state.terms {
        let terms = if dated { terms } else { &Terms { issued_on: recorded.issued_on, ..terms.clone() } };
        return match difference(recorded, terms) {
            None => Ok(Decision::default()), // The same file again.
            Some((field, recorded, received)) => Err(Rejection::AlreadyIssuedWith { field, recorded, received }),
        };
    }
    if !terms.amount.is_positive() {
        return Err(Rejection::AmountNotPositive);
    }
    if terms.due_on < terms.issued_on {
        let (due_on, issued_on) = (terms.due_on.to_string(), terms.issued_on.to_string());
        return Err(Rejection::DueBeforeIssue { due_on, issued_on });
    }
    let unknown = |name: &&SmolStr| !context.policies.scenarios.contains_key(name.as_str());
    if let Some(name) = terms.scenario.as_ref().filter(unknown) {
        return Err(Rejection::UnknownScenario(name.clone()));
    }
    let terms = Arc::new(Terms { created_at: context.now, ..terms.clone() });
    let mut decision = Decision::of(Event::Issued { terms: Arc::clone(&terms) });
    let overdue = terms.due_on.plus_days(1).at(0, 0, &context.policies.zone);
    decision.effect(Effect::ArmTimer { purpose: Purpose::Overdue, due: overdue, generation: 0 });
    reminders::plan(&mut decision, state, &terms, 0, context);
    let (request, outstanding, due_on) = (terms.id, terms.amount, terms.due_on);
    let open = customer::Command::OpenRequest {
        request,
        outstanding,
        due_on,
        number: terms.external_ref.clone(),
        reference: terms.short_reference,
    };
    decision.tell(Tell::Customer(terms.customer, open));
    Ok(decision)
}

/// The first field in which the same request came with other content.
fn difference(recorded: &Terms, received: &Terms) -> Option<(&'static str, String, String)> {
    let compare = |field, old: String, new: String| (old != new).then_some((field, old, new));
    compare("customer", recorded.customer.to_string(), received.customer.to_string())
        .or_else(|| compare("amount", recorded.amount.to_string(), received.amount.to_string()))
        .or_else(|| compare("issued_on", recorded.issued_on.to_string(), received.issued_on.to_string()))
        .or_else(|| compare("due_on", recorded.due_on.to_string(), received.due_on.to_string()))
        .or_else(|| compare("description", recorded.description.to_string(), received.description.to_string()))
}

fn allocate(state: &PaymentRequest, terms: &Terms, source: Source, amount: Money, context: &Context<'_>) -> Decided {
    match state.allocations.get(&source) {
        Some(recorded) if *recorded == amount => return Ok(Decision::default()), // The same again.
        Some(recorded) => return Err(Rejection::AllocationDiffers { recorded: *recorded }),
        None => {}
    }
    if state.status != Status::Open {
        return Err(Rejection::WrongStatus(state.status));
    }
    same_currency(terms, amount)?;
    let before = state.outstanding().ok_or(Rejection::Unknown)?;
    let outstanding =
        before.checked_sub(amount).map_err(|_| Rejection::ExceedsOutstanding { outstanding: before })?;
    if outstanding.is_negative() {
        return Err(Rejection::ExceedsOutstanding { outstanding: before });
    }
    let mut decision = Decision::of(Event::AmountAllocated { source, amount, outstanding });
    if outstanding.is_zero() {
        decision.push(Event::Settled { at: context.now });
        reminders::stop(&mut decision, state, "paid");
    }
    let change = customer::Command::ChangeOutstanding { request: terms.id, outstanding: Some(outstanding) };
    decision.tell(Tell::Customer(terms.customer, change));
    Ok(decision)
}

/// Counts a payment no longer. What was settled is open again, its reminders go on at the step
/// they had come to, and a deadline that has passed meanwhile is told again.
fn reverse_allocation(state: &PaymentRequest, terms: &Terms, source: Source, context: &Context<'_>) -> Decided {
    let Some(amount) = state.allocations.get(&source).copied() else { return Ok(Decision::default()) };
    let left = state.paid_minor().saturating_sub(amount.minor());
    if left < state.refunded_minor {
        let refunded = Money::from_minor(state.refunded_minor, amount.currency());
        return Err(Rejection::RefundedSince { refunded });
    }
    let before = state.outstanding().ok_or(Rejection::Unknown)?;
    let outstanding = match state.status {
        Status::Cancelled => before,
        Status::Open | Status::Settled => before.checked_add(amount).map_err(|_| Rejection::Unknown)?,
    };
    let mut decision = Decision::of(Event::AllocationReversed { source, amount, outstanding });
    match state.status {
        Status::Cancelled => return Ok(decision),
        Status::Open => {
            let change = customer::Command::ChangeOutstanding { request: terms.id, outstanding: Some(outstanding) };
            decision.tell(Tell::Customer(terms.customer, change));
        }
        Status::Settled => {
            decision.push(Event::Reopened { at: context.now });
            let overdue = terms.due_on.plus_days(1).at(0, 0, &context.policies.zone);
            if context.now >= overdue {
                decision.push(Event::BecameOverdue { at: context.now });
            }
            reminders::plan(&mut decision, state, terms, state.reminders.reached, context);
            let open = customer::Command::OpenRequest {
                request: terms.id,
                outstanding,
                due_on: terms.due_on,
                number: terms.external_ref.clone(),
                reference: terms.short_reference,
            };
            decision.tell(Tell::Customer(terms.customer, open));
        }
    }
    Ok(decision)
}

fn same_currency(terms: &Terms, amount: Money) -> Result<(), Rejection> {
    if !amount.is_positive() {
        return Err(Rejection::AmountNotPositive);
    }
    if amount.currency() == terms.amount.currency() {
        return Ok(());
    }
    let expected = terms.amount.currency().to_string();
    Err(Rejection::CurrencyDiffers { expected, received: amount.currency().to_string() })
}

fn overdue_due(state: &PaymentRequest, due: Timestamp, context: &Context<'_>) -> Decision<Event> {
    crate::check!(crate::invariants::TIMER_NOT_EARLY, context.now >= due);
    if state.status == Status::Open && !state.overdue {
        Decision::of(Event::BecameOverdue { at: context.now })
    } else {
        Decision::default()
    }
}

fn report_attempt(state: &PaymentRequest, terms: &Terms, report: &AttemptReport, context: &Context<'_>) -> Decided {
    let AttemptReport { attempt, amount, result } = report;
    same_currency(terms, *amount)?;
    let (succeeded, reason_code) = match result {
        AttemptResult::Succeeded => (true, None),
        AttemptResult::Failed { reason_code } => (false, Some(reason_code)),
    };
    if let Some(recorded) = state.attempts.get(attempt) {
        let same = recorded.amount == *amount
            && recorded.succeeded == succeeded
            && recorded.reason_code.as_ref() == reason_code;
        return if same { Ok(Decision::default()) } else { Err(Rejection::AttemptDiffers) };
    }
    if state.attempts.len() >= limits::ATTEMPTS_MAX {
        return Err(Rejection::TooManyAttempts(limits::ATTEMPTS_MAX));
    }
    let Some(reason_code) = reason_code else {
        return succeeded_attempt(state, terms, report, context);
    };
    let failures = state.attempts.values().filter(|attempt| !attempt.succeeded).count() + 1;
    Ok(Decision::of(Event::AttemptFailed {
        attempt: *attempt,
        amount: *amount,
        reason_code: reason_code.clone(),
        failures: u16::try_from(failures).unwrap_or(u16::MAX),
    }))
}

/// Money was collected: it is counted up to what is left, and the excess is the customer's credit.
fn succeeded_attempt(
    state: &PaymentRequest, terms: &Terms, report: &AttemptReport, context: &Context<'_>,
) -> Decided {
    let AttemptReport { attempt, amount, .. } = report;
    let outstanding = match state.status {
        Status::Open => state.outstanding().ok_or(Rejection::Unknown)?,
        Status::Settled | Status::Cancelled => Money::zero(amount.currency()),
    };
    let counted = Money::from_minor(amount.minor().min(outstanding.minor()), amount.currency());
    let mut decision = if counted.is_positive() {
        allocate(state, terms, Source::Attempt(*attempt), counted, context)?
    } else {
        Decision::default()
    };
    decision.events.insert(0, Event::AttemptSucceeded { attempt: *attempt, amount: *amount });
    if let Some(excess) = amount.checked_sub(counted).ok().filter(|excess| excess.is_positive()) {
        decision.tell(Tell::Customer(terms.customer, customer::Command::AddCredit(excess)));
    }
    Ok(decision)
}

fn initiate_refund(state: &PaymentRequest, terms: &Terms, key: &SmolStr, amount: Money) -> Decided {
    same_currency(terms, amount)?;
    match state.refunds.get(key) {
        Some(recorded) if *recorded == amount => return Ok(Decision::default()),
        Some(recorded) => return Err(Rejection::RefundDiffers { recorded: *recorded }),
        None => {}
    }
    let paid = state.paid().ok_or(Rejection::Unknown)?;
    let refundable = Money::from_minor(paid.minor() - state.refunded_minor, paid.currency());
    if amount.minor() > refundable.minor() {
        return Err(Rejection::ExceedsPaid { refundable });
    }
    Ok(Decision::of(Event::RefundInitiated { key: key.to_owned(), amount }))
}

fn cancel(state: &PaymentRequest, terms: &Terms, reason: &str, context: &Context<'_>) -> Decided {
    match state.status {
        Status::Cancelled => return Ok(Decision::default()),
        Status::Settled => return Err(Rejection::WrongStatus(Status::Settled)),
        Status::Open => {}
    }
    let mut decision = Decision::of(Event::Cancelled { reason: reason.into(), at: context.now });
    reminders::stop(&mut decision, state, "cancelled");
    let change = customer::Command::ChangeOutstanding { request: terms.id, outstanding: None };
    decision.tell(Tell::Customer(terms.customer, change));
    Ok(decision)
}
