//! How collection attempts end.

use super::command::{AttemptReport, AttemptResult};
use super::decide::{allocate, same_currency};
use super::event::Event;
use super::rejection::Rejection;
use super::state::{Attempt, AttemptStatus, PaymentRequest, Source, Status, Terms};
use super::{again, collecting, planning, writing_off};
use crate::collection::{Method, Usage};
use crate::customer;
use crate::limits;
use crate::machine::{Context, Decision, Tell};
use crate::values::{AttemptId, Money};

type Decided = Result<Decision<Event>, Rejection>;

/// Takes over how an attempt ended.
pub(super) fn report_attempt(
    state: &PaymentRequest, terms: &Terms, report: &AttemptReport, context: &Context<'_>,
) -> Decided {
    let AttemptReport { attempt, amount, result } = report;
    same_currency(terms, *amount)?;
    let (succeeded, reason_code) = match result {
        AttemptResult::Succeeded => (true, None),
        AttemptResult::Failed { reason_code, .. } => (false, Some(reason_code)),
    };
    let recorded = state.attempts.get(attempt);
    if let (Some(Attempt { status: AttemptStatus::Succeeded, usage: Some(usage), amount: known, .. }), Some(code)) =
        (recorded, reason_code)
        && known == amount
        && usage.instrument.method() == Method::DirectDebit
    {
        // It only counted as paid, for the time being.
        return collecting::returned(state, terms, *attempt, code, context);
    }
    if let Some(Attempt { amount: known, status, reason_code: code, .. }) = recorded {
        let ended = match status {
            AttemptStatus::Succeeded => Some(true),
            AttemptStatus::Failed | AttemptStatus::Reversed => Some(false),
            _ => None,
        };
        let same = known == amount && ended.is_none_or(|ended| ended == succeeded && code.as_ref() == reason_code);
        if !same {
            return Err(Rejection::AttemptDiffers);
        }
        if ended.is_some() {
            return Ok(Decision::default());
        }
    }
    if recorded.is_none() && state.attempts.len() >= limits::ATTEMPTS_MAX {
        return Err(Rejection::TooManyAttempts(limits::ATTEMPTS_MAX));
    }
    let Some(reason_code) = reason_code else {
        return succeeded_attempt(state, terms, report, context);
    };
    let failed = |(id, known): &(&AttemptId, &Attempt)| {
        *id != attempt && matches!(known.status, AttemptStatus::Failed | AttemptStatus::Reversed)
    };
    let failures = state.attempts.iter().filter(failed).count() + 1;
    let mut decision = Decision::of(Event::AttemptFailed {
        attempt: *attempt,
        amount: *amount,
        reason_code: reason_code.clone(),
        failures: u16::try_from(failures).unwrap_or(u16::MAX),
    });
    let opens = state.status == Status::Open;
    let advice = match result {
        AttemptResult::Failed { advice, .. } => advice.as_deref(),
        AttemptResult::Succeeded => None,
    };
    again::after_failure(&mut decision, state, terms, (*attempt, (reason_code, advice), opens), context);
    Ok(decision)
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
    let mut decision = Decision::default();
    let mut counted = counted;
    if counted.is_positive() {
        decision = allocate(state, terms, Source::Attempt(*attempt), counted, context)?;
    } else if state.rare.written_off_minor > 0 {
        counted = writing_off::absorb(&mut decision, state, Source::Attempt(*attempt), *amount);
    }
    decision.events.insert(0, Event::AttemptSucceeded { attempt: *attempt, amount: *amount });
    if state.status == Status::Open && counted.minor() < outstanding.minor() {
        again::rest(&mut decision, state, *attempt, context);
    }
    let card = |usage: &Usage| usage.instrument.method() == Method::Card;
    // The day of a first attempt is the creditor's choice, and whether a direct debit was paid shows later.
    let again = planning::made(state) > 1;
    if again && state.attempts.get(attempt).and_then(|known| known.usage.as_deref()).is_some_and(card) {
        let on = context.now.date_in(&context.policies.zone);
        decision.tell(Tell::Customer(terms.customer, customer::Command::Note(customer::Note::Pay { on })));
    }
    if let Some(excess) = amount.checked_sub(counted).ok().filter(|excess| excess.is_positive()) {
        decision.tell(Tell::Customer(terms.customer, customer::Command::AddCredit(excess)));
    }
    Ok(decision)
}
