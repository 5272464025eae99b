//! What a payment request decides.

use std::sync::Arc;

use smol_str::SmolStr;

use super::apply::apply;
use super::attempts::report_attempt;
use super::command::Command;
use super::event::Event;
use super::rejection::Rejection;
use super::state::{PaymentRequest, Source, Status, Terms};
use super::{
    again, approval, collecting, finality, following, inquiring, membership, own_number, promise, refunding,
    reminders, writing_off,
};
use crate::account_numbers::Given;
use crate::customer;
use crate::machine::{Context, Decision, Effect, Machine, Purpose, Tell};
use crate::values::{AttemptId, Money, Timestamp};

type Decided = Result<Decision<Event>, Rejection>;

impl Machine for PaymentRequest {
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: &Command, context: &Context<'_>) -> Decided {
        if let Command::Issue { terms, dated, number } = command {
            return issue(self, terms, (*dated, number.as_ref()), context);
        }
        let terms = self.terms.as_ref().ok_or(Rejection::Unknown)?;
        let decision = decide(self, terms, command, context)?;
        Ok(membership::inform(self, decision))
    }

    fn apply(&mut self, event: &Event) {
        apply(self, event);
    }
}

fn decide(state: &PaymentRequest, terms: &Arc<Terms>, command: &Command, context: &Context<'_>) -> Decided {
    match command {
        Command::Issue { .. } => Ok(Decision::default()), // Handled above.
        Command::Allocate { source, amount } => allocate(state, terms, *source, *amount, context),
        Command::ReverseAllocation { source } => take_back(state, terms, *source, context),
        Command::ReminderDue { generation, due, bank_complete_to } => {
            let fired = reminders::Fired { generation: *generation, due: *due, bank_complete_to: *bank_complete_to };
            Ok(reminders::due(state, terms, &fired, context))
        }
        Command::OverdueDue { due } => Ok(overdue_due(state, *due, context)),
        Command::FinalityDue { due } => Ok(finality::due(state, *due, context)),
        Command::ReportAttempt(report) => report_attempt(state, terms, report, context),
        Command::InitiateRefund { key, amount, order } => {
            refunding::initiate(state, terms, (key, *amount), order.as_ref(), context)
        }
        Command::ConcludeRefund { payout, failed } => Ok(refunding::conclude(state, terms, *payout, failed.as_ref())),
        Command::Cancel { reason } => cancel(state, terms, reason, context),
        Command::TakeCreditNote { note, amount } => Ok(writing_off::credit_note(state, terms, *note, *amount)),
        Command::LosePayment { source } => {
            let mut decision = reverse_allocation(state, terms, *source, true, context)?;
            if state.status == Status::Settled && !decision.events.is_empty() {
                again::reopened(&mut decision, state, terms, context);
            }
            Ok(decision)
        }
        Command::GiveReference(reference) => match &state.rare.payment_reference {
            Some(known) if known == reference.as_str() => Ok(Decision::default()),
            Some(known) => Err(Rejection::ReferenceDiffers(known.clone())),
            None => {
                let (reference, customer) = (reference.as_str().into(), terms.customer);
                Ok(Decision::of(Event::ReferenceGiven { reference, customer }))
            }
        },
        Command::JoinOrder(order) => match &state.rare.order {
            Some(known) if known == order => Ok(Decision::default()),
            Some(known) => Err(Rejection::OrderDiffers(known.clone())),
            None => {
                let mut decision =
                    Decision::of(Event::OrderJoined { order: order.clone(), customer: terms.customer });
                if state.status == Status::Open {
                    let known = customer::Command::KnowOrder { request: terms.id, order: order.clone() };
                    decision.tell(Tell::Customer(terms.customer, known));
                }
                Ok(decision)
            }
        },
        Command::GiveNumber(given) => own_number::ask(state, terms, given),
        Command::WriteOff { reason } => writing_off::by_person(state, terms, reason, context),
        Command::UndoWriteOff { reason } => writing_off::undo(state, terms, reason, context),
        // What a person, a plan or a provider has begun is theirs.
        Command::AgreeCollection { first: true, .. } if state.collection.is_some() || !state.attempts.is_empty() => {
            Ok(Decision::default())
        }
        Command::AgreeCollection { usage, policy, again, .. } => {
            Ok(collecting::agree(state, terms, (usage, policy, *again), context))
        }
        Command::CollectionDue { bank_complete_to, generation, due } => {
            collecting::due(state, terms, (*generation, *due, *bank_complete_to), context)
        }
        Command::AnswerAttempt(answer, paydays) => Ok(collecting::answered(state, terms, (answer, paydays), context)),
        Command::ClaimAttempt { attempt } => collecting::claim(state, *attempt, context),
        Command::AcceptAttempt { attempt } => Ok(collecting::accepted(state, *attempt, context)),
        Command::GiveUpAttempt { attempt, reason } => collecting::given_up(state, terms, *attempt, reason, context),
        Command::HearOfAttempt { attempt, news } => inquiring::heard(state, terms, (*attempt, news), context),
        Command::ReturnAttempt { attempt, reason_code } => {
            collecting::returned(state, terms, *attempt, reason_code, context)
        }
        Command::StopCollection { reason } => collecting::end_it(state, reason),
        Command::EndCollection { gives_up_minor_max, scenario, reason } => {
            Ok(again::ended(state, terms, (*gives_up_minor_max, scenario.as_ref(), reason), context))
        }
        Command::ResumeCollection { usage } => Ok(collecting::resume(state, terms, usage.as_ref(), context)),
        Command::DeferReminder { step, until, reason } => {
            Ok(reminders::defer(state, terms, *step, *until, reason, context))
        }
        Command::PlanReminder { step } => Ok(reminders::plan_next(state, terms, *step, context)),
        Command::ReviewReminders => Ok(reminders::review(state, terms, context)),
        Command::FollowScenario { scenario, reason, by_rule } => {
            let choice = following::Choice { scenario: scenario.as_ref(), reason, by_rule: *by_rule };
            following::follow(state, terms, choice, context)
        }
        Command::ToldTogether { scenario, step, until } => {
            Ok(reminders::told_together(state, terms, (scenario, step), *until, context))
        }
        Command::StopReminders { reason } => {
            let mut decision = Decision::default();
            reminders::stop(&mut decision, state, reason);
            Ok(decision)
        }
        Command::LearnZone { zone, step } => Ok(reminders::learn_zone(state, terms, zone, *step, context)),
        Command::ApproveReminder { step, by } => approval::approve(state, terms, (step, by), context),
        Command::RejectReminder { step, said } => approval::reject(state, terms, (step, said), context),
        Command::JoinPlan(joined) => Ok(membership::join(state, terms.id, *joined)),
        Command::Promise { on } => promise::make(state, *on, context),
        Command::PromiseDue { generation, due } => Ok(promise::due(state, terms, *generation, *due, context)),
        Command::Dispute { reason } => promise::dispute(state, terms, reason, context),
        Command::EndDispute { outcome } => promise::end_dispute(state, terms, outcome, context),
    }
}

fn issue(
    state: &PaymentRequest, terms: &Terms, (dated, number): (bool, Option<&Given>), context: &Context<'_>,
) -> Decided {
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
    if let Some(given) = number {
        own_number::give(&mut decision, &terms, given);
    }
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
        disputed: false,
        is_new: true,
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

pub(super) fn allocate(
    state: &PaymentRequest, terms: &Terms, source: Source, amount: Money, context: &Context<'_>,
) -> Decided {
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
    let given_up = writing_off::is_small(state, terms, (source, outstanding), context);
    if given_up {
        decision.push(Event::WrittenOff { amount: outstanding, reason: writing_off::SMALL.into() });
    }
    if outstanding.is_zero() || given_up {
        let by = if let Source::Attempt(attempt) = source { Some(attempt) } else { None };
        settle(&mut decision, state, by, "paid", context);
        promise::kept(&mut decision, state);
    } else {
        reminders::rest(&mut decision, state, terms, context);
    }
    let outstanding = if given_up { Money::zero(outstanding.currency()) } else { outstanding };
    let change = customer::Command::ChangeOutstanding { request: terms.id, outstanding: Some(outstanding) };
    decision.tell(Tell::Customer(terms.customer, change));
    Ok(decision)
}

/// Nothing is left to pay: nobody is reminded of it or collects it.
pub(super) fn settle(
    decision: &mut Decision<Event>, state: &PaymentRequest, by: Option<AttemptId>, why: &str, context: &Context<'_>,
) {
    finality::settled(decision, state, context);
    own_number::release(decision, state, why, context);
    reminders::stop(decision, state, why);
    collecting::stop(decision, state, by, why);
    inquiring::call_back(decision, state, by, context);
}

/// A settled request is open again by `outstanding`: its reminders go on at the step they had come to, or as their scenario
/// says of a payment that was taken back, and a deadline that has passed meanwhile is told again.
pub(super) fn reopen(
    decision: &mut Decision<Event>, state: &PaymentRequest, terms: &Terms, (outstanding, taken_back): (Money, bool),
    context: &Context<'_>,
) {
    decision.push(Event::Reopened { at: context.now });
    own_number::keep(decision, state, terms, context);
    let overdue = terms.due_on.plus_days(1).at(0, 0, &context.policies.zone);
    if context.now >= overdue {
        decision.push(Event::BecameOverdue { at: context.now });
    }
    match taken_back {
        true => following::reopened(decision, state, terms, context),
        false if state.rare.dispute.is_none() => reminders::go_on(decision, state, terms, context),
        false => {}
    }
    let open = customer::Command::OpenRequest {
        request: terms.id,
        outstanding,
        due_on: terms.due_on,
        number: terms.external_ref.clone(),
        reference: terms.short_reference,
        disputed: state.rare.dispute.is_some(),
        is_new: false,
    };
    decision.tell(Tell::Customer(terms.customer, open));
    if let Some(order) = &state.rare.order {
        let known = customer::Command::KnowOrder { request: terms.id, order: order.clone() };
        decision.tell(Tell::Customer(terms.customer, known));
    }
}

/// A person takes a payment back: what is open again is collected again.
fn take_back(state: &PaymentRequest, terms: &Terms, source: Source, context: &Context<'_>) -> Decided {
    let mut decision = reverse_allocation(state, terms, source, false, context)?;
    if state.status == Status::Settled && !decision.events.is_empty() {
        again::reopened(&mut decision, state, terms, context);
    }
    Ok(decision)
}

/// Counts a payment no longer. What was settled is open again, with what was given up beside it.
pub(super) fn reverse_allocation(
    state: &PaymentRequest, terms: &Terms, source: Source, is_fact: bool, context: &Context<'_>,
) -> Decided {
    let Some(amount) = state.allocations.get(&source).copied() else { return Ok(Decision::default()) };
    let left = state.paid_minor().saturating_sub(amount.minor());
    // What a bank has taken is gone, whatever was given back before.
    if left < state.rare.refunded_minor && !is_fact {
        let refunded = Money::from_minor(state.rare.refunded_minor, amount.currency());
        return Err(Rejection::RefundedSince { refunded });
    }
    let before = state.outstanding().ok_or(Rejection::Unknown)?;
    let outstanding = match state.status {
        Status::Cancelled => before,
        Status::Open | Status::Settled => {
            let given_up = Money::from_minor(state.rare.written_off_minor, amount.currency());
            let with_it = before.checked_add(amount).and_then(|left| left.checked_add(given_up));
            with_it.map_err(|_| Rejection::Unknown)?
        }
    };
    let mut decision = Decision::of(Event::AllocationReversed { source, amount, outstanding });
    if state.rare.written_off_minor > 0 {
        let amount = Money::from_minor(state.rare.written_off_minor, amount.currency());
        decision.push(Event::WriteOffReversed { amount, reason: "the payment was taken back".into() });
    }
    match state.status {
        Status::Cancelled => return Ok(decision),
        Status::Open => {
            let change = customer::Command::ChangeOutstanding { request: terms.id, outstanding: Some(outstanding) };
            decision.tell(Tell::Customer(terms.customer, change));
        }
        Status::Settled => reopen(&mut decision, state, terms, (outstanding, true), context),
    }
    Ok(decision)
}

pub(super) fn same_currency(terms: &Terms, amount: Money) -> Result<(), Rejection> {
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

fn cancel(state: &PaymentRequest, terms: &Terms, reason: &str, context: &Context<'_>) -> Decided {
    match state.status {
        Status::Cancelled => return Ok(Decision::default()),
        Status::Settled => return Err(Rejection::WrongStatus(Status::Settled)),
        Status::Open => {}
    }
    let of_credit = |(source, _): &(&Source, &Money)| matches!(source, Source::Credit(_));
    let credit: i64 = state.allocations.iter().filter(of_credit).map(|(_, amount)| amount.minor()).sum();
    if state.paid_minor().saturating_sub(credit) < state.rare.refunded_minor && credit > 0 {
        // The same money would be given back twice.
        let refunded = Money::from_minor(state.rare.refunded_minor, terms.amount.currency());
        return Err(Rejection::RefundedSince { refunded });
    }
    let mut decision = Decision::default();
    // Credit that was used for it is there again.
    for (source, amount) in &state.allocations {
        if let Source::Credit(number) = source {
            let number = *number;
            let (source, amount, outstanding) = (*source, *amount, Money::zero(amount.currency()));
            decision.push(Event::AllocationReversed { source, amount, outstanding });
            let back = customer::Command::ReturnCredit { number, request: terms.id, amount };
            decision.tell(Tell::Customer(terms.customer, back));
        }
    }
    decision.push(Event::Cancelled { reason: reason.into(), at: context.now });
    own_number::release(&mut decision, state, "cancelled", context);
    reminders::stop(&mut decision, state, "cancelled");
    collecting::stop(&mut decision, state, None, "cancelled");
    inquiring::call_back(&mut decision, state, None, context);
    let change = customer::Command::ChangeOutstanding { request: terms.id, outstanding: None };
    decision.tell(Tell::Customer(terms.customer, change));
    Ok(decision)
}
