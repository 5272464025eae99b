//! From an entity's event to a public event, with its facts.

use super::entity::{Entity, Event};
use crate::customer::{self, Customer};
use crate::machine::Context;
use crate::payment_request::{self, PaymentRequest, Source, Status};
use crate::rules::{EventType, Field, Value};
use crate::transfer::{self, Transfer};
use crate::values::{CustomerId, EntityId, Money, PaymentRequestId};

/// A public event before it has an id.
pub(super) struct Draft {
    pub event: EventType,
    pub customer: Option<CustomerId>,
    pub request: Option<PaymentRequestId>,
    pub own: Vec<(Field, Value)>,
}

/// What is published of `event`, if anything.
pub(super) fn draft(id: EntityId, state: &Entity, event: &Event) -> Option<Draft> {
    match (id, state, event) {
        (EntityId::Customer(id), Entity::Customer(state), Event::Customer(event)) => of_customer(id, state, event),
        (_, Entity::PaymentRequest(state), Event::PaymentRequest(event)) => of_request(state, event),
        (_, Entity::Transfer(state), Event::Transfer(event)) => Some(of_transfer(state, event)),
        _ => None,
    }
}

fn text(value: impl std::fmt::Display) -> Value {
    Value::Text(format!("{value}"))
}

fn of_customer(id: CustomerId, state: &Customer, event: &customer::Event) -> Option<Draft> {
    use customer::Event as E;
    let draft = |event, request, own| Some(Draft { event, customer: Some(id), request, own });
    match event {
        E::Registered { .. } => draft(EventType::CustomerCreated, None, vec![]),
        E::ProfileChanged { .. } => draft(EventType::CustomerUpdated, None, vec![]),
        E::VirtualIbanAssigned { .. } => draft(EventType::VirtualIbanAssigned, None, vec![]),
        E::PaymentMethodAdded { method, .. } => draft(EventType::PaymentMethodAdded, None, method_facts(method)),
        E::PaymentMethodExpiring { slot, days_to_expiry, .. } => {
            let mut own = method_facts(state.payment_methods.get(slot)?);
            own.push((Field::MethodDaysToExpiry, Value::Number(i64::from(*days_to_expiry))));
            draft(EventType::PaymentMethodExpiring, None, own)
        }
        E::CreditAdded { amount } => {
            let own = vec![(Field::TransferCredit, Value::Money(*amount))];
            draft(EventType::CustomerCreditChanged, None, own)
        }
        E::ReminderSent { request, step, channel, .. } => {
            let own = vec![(Field::ReminderStep, text(step)), (Field::ReminderChannel, text(channel.name()))];
            draft(EventType::ReminderSent, Some(*request), own)
        }
        E::ReminderSuppressed { request, step, reason } => {
            let own = vec![(Field::ReminderStep, text(step)), (Field::Reason, text(reason))];
            draft(EventType::ReminderSuppressed, Some(*request), own)
        }
        E::RequestOpened { .. }
        | E::OutstandingChanged { .. }
        | E::RequestClosed { .. }
        | E::TransferPlaced { .. } => None,
    }
}

fn method_facts(method: &customer::PaymentMethod) -> Vec<(Field, Value)> {
    vec![
        (Field::MethodLast4, text(&method.last4)),
        (Field::MethodExpiresOn, Value::Date(method.expires_on)),
        (Field::MethodBacksRecurring, Value::Truth(method.backs_recurring)),
    ]
}

fn of_request(state: &PaymentRequest, event: &payment_request::Event) -> Option<Draft> {
    use payment_request::Event as E;
    let terms = state.terms.as_ref()?;
    let draft = |event, own| Some(Draft { event, customer: Some(terms.customer), request: Some(terms.id), own });
    let reason = |reason: &String| vec![(Field::Reason, text(reason))];
    match event {
        E::Issued { .. } => draft(EventType::PaymentRequestIssued, vec![]),
        E::ReminderPlanned { due, .. } => draft(EventType::ReminderPlanned, vec![(Field::Reason, text(due))]),
        E::ReminderReached { .. } => None,
        E::ReminderSkipped { name, reason, .. } => {
            let own = vec![(Field::ReminderStep, text(name)), (Field::Reason, text(reason))];
            draft(EventType::ReminderSuppressed, own)
        }
        E::RemindersStopped { reason: why, .. } => draft(EventType::ReminderStopped, reason(why)),
        E::AmountAllocated { source, amount, outstanding } => {
            let source = match source {
                Source::Transfer(_) => "transfer",
                Source::Attempt(_) => "attempt",
            };
            let own = vec![(Field::AllocationAmount, Value::Money(*amount)), (Field::AllocationSource, text(source))];
            let partly = outstanding.is_positive();
            let paid = EventType::PaymentRequestPaid;
            draft(if partly { EventType::PaymentRequestPartiallyPaid } else { paid }, own)
        }
        E::Settled { .. } => draft(EventType::PaymentRequestSettled, vec![]),
        E::BecameOverdue { .. } => draft(EventType::PaymentRequestOverdue, vec![]),
        E::AttemptSucceeded { attempt, amount } => {
            let own = vec![(Field::AttemptId, text(attempt)), (Field::AttemptAmount, Value::Money(*amount))];
            draft(EventType::AttemptSucceeded, own)
        }
        E::AttemptFailed { attempt, amount, reason_code, failures } => {
            let own = vec![
                (Field::AttemptId, text(attempt)),
                (Field::AttemptAmount, Value::Money(*amount)),
                (Field::AttemptReasonCode, text(reason_code)),
                (Field::AttemptFailures, Value::Number(i64::from(*failures))),
            ];
            draft(EventType::AttemptFailed, own)
        }
        E::RefundInitiated { key, amount } => {
            let own = vec![(Field::RefundAmount, Value::Money(*amount)), (Field::RefundKey, text(key))];
            draft(EventType::RefundInitiated, own)
        }
        E::Cancelled { reason: why, .. } => draft(EventType::PaymentRequestCancelled, reason(why)),
    }
}

fn of_transfer(state: &Transfer, event: &transfer::Event) -> Draft {
    use transfer::Event as E;
    let (event, request, own) = match event {
        E::Received { .. } => (EventType::TransferReceived, None, vec![]),
        E::Matched { allocations, credit, .. } => {
            let request = match allocations.as_slice() {
                [(request, _)] => Some(*request),
                _ => None,
            };
            let own = vec![(Field::TransferCredit, Value::Money(*credit))];
            (EventType::TransferMatched, request, own)
        }
        E::TaskOpened { doubt, .. } => (EventType::TaskOpened, None, vec![(Field::Reason, text(doubt.text()))]),
    };
    let mut facts = transfer_facts(state);
    facts.extend(own);
    Draft { event, customer: state.customer, request, own: facts }
}

fn transfer_facts(state: &Transfer) -> Vec<(Field, Value)> {
    let Some(details) = &state.details else { return Vec::new() };
    let status = match state.status {
        transfer::Status::Received => "received",
        transfer::Status::Matched => "matched",
        transfer::Status::NeedsDecision => "needs_decision",
    };
    let left = state.unallocated().unwrap_or(Money::zero(details.amount.currency()));
    let mut facts = vec![
        (Field::TransferId, text(details.id)),
        (Field::TransferAmount, Value::Money(details.amount)),
        (Field::TransferUnallocated, Value::Money(left)),
        (Field::TransferBookedOn, Value::Date(details.booked_on)),
        (Field::TransferStatus, text(status)),
        (Field::TransferIdentified, Value::Truth(state.customer.is_some())),
    ];
    if !state.explanation.is_empty() {
        facts.push((Field::TransferExplanation, text(&state.explanation)));
    }
    facts
}

/// Facts of the customer concerned: never a name or an address.
pub(super) fn customer_facts(id: CustomerId, state: &Customer) -> Vec<(Field, Value)> {
    let mut facts = vec![(Field::CustomerId, text(id))];
    if let Some(profile) = &state.profile {
        let kind = match profile.kind {
            customer::Kind::Consumer => "consumer",
            customer::Kind::Business => "business",
        };
        facts.push((Field::CustomerExternalRef, text(&profile.external_ref)));
        facts.push((Field::CustomerKind, text(kind)));
        facts.push((Field::CustomerLanguage, text(profile.language.code())));
    }
    let open = i64::try_from(state.open_requests.len()).unwrap_or(i64::MAX);
    facts.push((Field::CustomerOpenCount, Value::Number(open)));
    facts
}

/// Facts of the request concerned.
pub(super) fn request_facts(state: &PaymentRequest, context: &Context<'_>) -> Vec<(Field, Value)> {
    let Some(terms) = &state.terms else { return Vec::new() };
    let status = match state.status {
        Status::Open => "open",
        Status::Settled => "settled",
        Status::Cancelled => "cancelled",
    };
    let zero = Money::zero(terms.amount.currency());
    let today = context.now.date_in(&context.policies.zone);
    let mut facts = vec![
        (Field::RequestId, text(terms.id)),
        (Field::RequestExternalRef, text(&terms.external_ref)),
        (Field::RequestAmount, Value::Money(terms.amount)),
        (Field::RequestPaid, Value::Money(state.paid().unwrap_or(zero))),
        (Field::RequestOutstanding, Value::Money(state.outstanding().unwrap_or(zero))),
        (Field::RequestStatus, text(status)),
        (Field::RequestIssuedOn, Value::Date(terms.issued_on)),
        (Field::RequestDueOn, Value::Date(terms.due_on)),
        (Field::RequestDaysOverdue, Value::Number(i64::from(today.days_since(terms.due_on)))),
        (Field::RequestDescription, text(&terms.description)),
        (Field::RequestShortReference, text(terms.short_reference)),
        (Field::RequestCreditorReference, text(terms.creditor_reference.printed())),
    ];
    if let Some(at) = state.settled_at {
        facts.push((Field::RequestSettledAt, Value::Instant(at)));
    }
    facts
}
