//! What a change itself tells of a public event.

use super::entity::Event;
use crate::collection::Instrument;
use crate::customer::{self, Noted, PaymentMethod};
use crate::feed;
use crate::payment_request::{self, PaymentRequest, Source};
use crate::payout;
use crate::plan;
use crate::rules::{Fact, Field};
use crate::transfer;

pub(super) fn of_method(field: Field, method: Option<&PaymentMethod>) -> Option<Fact<'_>> {
    let method = method?;
    match field {
        Field::MethodLast4 => Some(Fact::text(&method.last4)),
        Field::MethodExpiresOn => Some(Fact::Date(method.expires_on)),
        Field::MethodBacksRecurring => Some(Fact::Truth(method.backs_recurring)),
        _ => None,
    }
}

/// How an attempt is collected, as its request has it: what an attempt was made from, or what the next one will be.
pub(super) fn of_attempt<'a>(field: Field, event: &Event, request: Option<&'a PaymentRequest>) -> Option<Fact<'a>> {
    use payment_request::Event as P;
    let (Event::PaymentRequest(event), Some(request)) = (event, request) else { return None };
    let usage = match event {
        P::AttemptPlanned { .. } => request.collection.as_ref().map(|collection| &collection.usage),
        P::AttemptFailed { attempt, .. } | P::AttemptReversed { attempt, .. } => {
            request.attempts.get(attempt)?.usage.as_deref()
        }
        _ => None,
    }?;
    match (field, &usage.instrument) {
        (Field::AttemptMethod, instrument) => Some(Fact::text(instrument.method().name())),
        (Field::MandateReference, Instrument::Mandate(reference)) => Some(Fact::text(reference)),
        _ => None,
    }
}

/// What a change of a customer's instruments, holds and wishes tells.
fn of_instruments(field: Field, event: &customer::Event) -> Option<Fact<'_>> {
    use customer::Event as C;
    match (event, field) {
        (
            C::CreditWithdrawn { amount }
            | C::CreditUsed { amount, .. }
            | C::CreditPaidOut { amount, .. }
            | C::CreditUseReversed { amount, .. }
            | C::CreditMissing { amount },
            Field::TransferCredit,
        ) => Some(Fact::Money(*amount)),
        (C::VirtualIbanGiven { left, .. }, Field::VirtualIbanLeft) => {
            Some(Fact::Number(i64::try_from(*left).unwrap_or(i64::MAX)))
        }
        (C::VirtualIbanReleased { free_on, .. }, Field::VirtualIbanFreeOn) => Some(Fact::Date(*free_on)),
        (C::VirtualIbanReleased { reason, .. }, Field::Reason) => Some(Fact::text(reason)),
        (C::MandateSigned { reference, .. }, Field::MandateReference) => Some(Fact::text(reference)),
        (C::InstrumentEnded { instrument: Instrument::Mandate(reference), .. }, Field::MandateReference) => {
            Some(Fact::text(reference))
        }
        (C::InstrumentEnded { instrument, .. }, Field::AttemptMethod) => Some(Fact::text(instrument.method().name())),
        (C::InstrumentEnded { reason, .. } | C::RecurringSuspended { reason }, Field::Reason) => {
            Some(Fact::text(reason))
        }
        (C::HoldPlaced { hold, .. } | C::HoldLifted { hold }, Field::HoldKind) => Some(Fact::text(hold.name())),
        (C::HoldPlaced { until, .. }, Field::HoldUntil) => until.map(Fact::Date),
        (C::MessageArrived { delivery, .. } | C::MessageFailed { delivery, .. }, Field::NotificationId) => {
            Some(Fact::printed(delivery))
        }
        (C::MessageArrived { channel, .. } | C::MessageFailed { channel, .. }, Field::NotificationChannel) => {
            Some(Fact::text(channel.name()))
        }
        (C::MessageFailed { lasting, .. }, Field::NotificationLasting) => Some(Fact::Truth(*lasting)),
        (C::MessageFailed { reason, .. }, Field::Reason) => Some(Fact::text(reason)),
        (C::Noted(noted), field) => of_note(field, noted),
        (C::OptedOut { channel } | C::OptedIn { channel }, Field::OptOutChannel) => Some(Fact::text(channel.name())),
        _ => None,
    }
}

/// What a note tells.
fn of_note(field: Field, noted: &Noted) -> Option<Fact<'_>> {
    match (noted, field) {
        (
            Noted::TaskOpened { number, .. } | Noted::TaskFellDue { number, .. } | Noted::TaskClosed { number, .. },
            Field::TaskNumber,
        ) => Some(Fact::Number(i64::from(*number))),
        (
            Noted::TaskOpened { task, .. } | Noted::TaskFellDue { task, .. } | Noted::TaskClosed { task, .. },
            Field::TaskText | Field::TaskAskedBy | Field::TaskDueOn | Field::TaskAssignedTo,
        ) => match field {
            Field::TaskText => Some(Fact::text(&task.text)),
            Field::TaskAskedBy => Some(Fact::text(&task.by)),
            Field::TaskDueOn => task.due_on.map(Fact::Date),
            _ => task.assigned_to.as_deref().map(Fact::text),
        },
        (Noted::TaskClosed { by, .. }, Field::TaskClosedBy) => Some(Fact::text(by)),
        (Noted::TaskClosed { outcome, .. }, Field::Reason) => (!outcome.is_empty()).then(|| Fact::text(outcome)),
        (Noted::Tagged { tag } | Noted::Untagged { tag }, Field::CustomerTag) => Some(Fact::text(tag)),
        (Noted::Contacted { way, .. }, Field::ContactWay) => Some(Fact::text(way.name())),
        (Noted::Contacted { text, .. }, Field::ContactText) => Some(Fact::text(text)),
        (Noted::Contacted { by, .. }, Field::ContactBy) => Some(Fact::text(by)),
        (Noted::Said { name, .. }, Field::CustomName) => Some(Fact::text(name)),
        _ => None,
    }
}

/// What a change of a collection, a reminder's time, a promise or a dispute tells.
fn of_collection(field: Field, event: &payment_request::Event) -> Option<Fact<'_>> {
    use payment_request::Event as P;
    match (event, field) {
        (
            P::AttemptPlanned { number, .. } | P::AttemptOrdered { number, .. } | P::AttemptSkipped { number, .. },
            Field::AttemptNumber,
        ) => Some(Fact::Number(i64::from(*number))),
        (P::AttemptPlanned { collects_on, .. } | P::AttemptOrdered { collects_on, .. }, Field::AttemptCollectsOn) => {
            Some(Fact::Date(*collects_on))
        }
        (P::AttemptPlanned { due, .. }, Field::AttemptDueAt) => Some(Fact::Instant(*due)),
        (
            P::AttemptOrdered { attempt, .. }
            | P::AttemptSubmitted { attempt, .. }
            | P::AttemptPending { attempt, .. }
            | P::AttemptSkipped { attempt: Some(attempt), .. }
            | P::AttemptUnknown { attempt, .. }
            | P::AttemptReversed { attempt, .. },
            Field::AttemptId,
        ) => Some(Fact::printed(attempt)),
        (P::AttemptOrdered { amount, .. } | P::AttemptReversed { amount, .. }, Field::AttemptAmount) => {
            Some(Fact::Money(*amount))
        }
        (P::AttemptOrdered { instrument, .. }, Field::AttemptMethod) => Some(Fact::text(instrument.method().name())),
        (P::AttemptReversed { reason_code, .. }, Field::AttemptReasonCode) => Some(Fact::text(reason_code)),
        (P::NumberGiven { left, .. }, Field::VirtualIbanLeft) => {
            left.map(|left| Fact::Number(i64::try_from(left).unwrap_or(i64::MAX)))
        }
        (P::NumberReleased { free_on, .. }, Field::VirtualIbanFreeOn) => Some(Fact::Date(*free_on)),
        (P::CollectionWaits { until, .. }, Field::RetryUntil) => until.map(Fact::Instant),
        (
            P::ReminderDeferred { name, .. } | P::ReminderHeld { name, .. } | P::ReminderApproved { name, .. },
            Field::ReminderStep,
        ) => Some(Fact::text(name)),
        (P::ReminderApproved { by, .. }, Field::ReminderBy) => Some(Fact::text(by)),
        (P::ReminderDeferred { until, .. }, Field::ReminderUntil) => Some(Fact::Instant(*until)),
        (P::SettledUntil { final_on, .. }, Field::RequestIsFinal) => Some(Fact::Truth(final_on.is_none())),
        (P::SettledUntil { final_on, .. }, Field::RequestFinalOn) => final_on.map(Fact::Date),
        (P::Finalised { .. }, Field::RequestIsFinal) => Some(Fact::Truth(true)),
        (P::Finalised { on }, Field::RequestFinalOn) => Some(Fact::Date(*on)),
        (P::PromiseMade { on, .. } | P::PromiseBroken { on }, Field::PromiseOn) => Some(Fact::Date(*on)),
        (
            P::AttemptPlanned { reason, .. }
            | P::AttemptSkipped { reason, .. }
            | P::AttemptUnknown { reason, .. }
            | P::CollectionWaits { reason, .. }
            | P::CollectionEnded { reason, .. }
            | P::ReminderDeferred { reason, .. }
            | P::Disputed { reason }
            | P::DisputeEnded { outcome: reason },
            Field::Reason,
        ) => (!reason.is_empty()).then(|| Fact::text(reason)),
        _ => None,
    }
}

/// What a change of a payout tells.
fn of_payout(field: Field, event: &payout::Event) -> Option<Fact<'_>> {
    use payout::Event as E;
    match (event, field) {
        (E::Requested { awaits_approval, .. }, Field::PayoutAwaitsApproval) => Some(Fact::Truth(*awaits_approval)),
        (E::Requested { details, .. }, Field::PayoutBy) => Some(Fact::text(&details.by)),
        (E::Requested { details, .. }, Field::Reason) => Some(Fact::text(&details.reason)),
        (E::Approved { by } | E::Rejected { by, .. }, Field::PayoutBy) => Some(Fact::text(by)),
        (E::Rejected { reason, .. } | E::Failed { reason, .. }, Field::Reason) => Some(Fact::text(reason)),
        (E::Contradicted { before, .. }, Field::Reason) => Some(Fact::text(before)),
        (E::Ordered { on } | E::Executed { on } | E::Contradicted { on, .. }, Field::PayoutOn) => {
            Some(Fact::Date(*on))
        }
        _ => None,
    }
}

/// What a change of a plan tells.
fn of_plan(field: Field, event: &plan::Event) -> Option<Fact<'_>> {
    use plan::Event as E;
    match (event, field) {
        (
            E::CycleTaken { number, .. }
            | E::PastDue { number, .. }
            | E::Recovered { number }
            | E::CollectionHeld { number, .. }
            | E::Questioned { number, .. },
            Field::PlanCycle,
        ) => Some(Fact::Number(i64::from(*number))),
        (E::Paused { until, .. }, Field::PlanPausedUntil) => until.map(Fact::Date),
        (
            E::PastDue { reason, .. }
            | E::CollectionHeld { reason, .. }
            | E::Questioned { reason, .. }
            | E::Paused { reason, .. }
            | E::Suspended { reason, .. }
            | E::Cancelled { reason, .. },
            Field::Reason,
        ) => (!reason.is_empty()).then(|| Fact::text(reason)),
        _ => None,
    }
}

/// What a change of a feed tells.
fn of_feed(field: Field, event: &feed::Event) -> Option<Fact<'_>> {
    use feed::Event as E;
    let count = |count: u64| Some(Fact::Number(i64::try_from(count).unwrap_or(i64::MAX)));
    match (event, field) {
        (E::FileRead { name, .. } | E::Stalled { name, .. } | E::Recovered { name, .. }, Field::FeedName) => {
            Some(Fact::text(name))
        }
        (E::Stalled { due: at, .. } | E::Recovered { since: at, .. }, Field::FeedDueAt) => Some(Fact::Instant(*at)),
        (E::Stalled { last_file_at, .. }, Field::FeedLastFileAt) => last_file_at.map(Fact::Instant),
        (E::Failing { way, .. } | E::Well { way, .. }, Field::ChannelWay) => Some(Fact::text(way)),
        (E::Failing { name, .. } | E::Well { name, .. }, Field::ChannelName) => {
            (!name.is_empty()).then(|| Fact::text(name))
        }
        (E::Failing { since, .. } | E::Well { since, .. }, Field::ChannelFailingSince) => Some(Fact::Instant(*since)),
        (E::Failing { error, .. }, Field::Reason) => Some(Fact::text(error)),
        (E::Stalled { missed, .. }, Field::FeedMissed) => Some(Fact::Number(i64::from(*missed))),
        (E::FileRead { file, .. }, Field::FileName) => Some(Fact::text(&file.name)),
        (E::FileRead { file, .. }, Field::FileRows) => count(file.rows),
        (E::FileRead { file, .. }, Field::FileAcceptedRows) => count(file.accepted),
        (E::FileRead { file, .. }, Field::FileKnownRows) => count(file.known),
        (E::FileRead { file, .. }, Field::FileRefusedRows) => count(file.refused),
        _ => None,
    }
}

/// What the change itself tells.
pub(super) fn of_event(field: Field, event: &Event) -> Option<Fact<'_>> {
    use customer::Event as C;
    use payment_request::Event as P;
    use transfer::Event as T;
    match event {
        Event::Customer(event) => match (event, field) {
            (C::PaymentMethodAdded { method, .. }, field) => of_method(field, Some(method)),
            (C::PaymentMethodExpiring { days_to_expiry, .. }, Field::MethodDaysToExpiry) => {
                Some(Fact::Number(i64::from(*days_to_expiry)))
            }
            (C::CreditAdded { amount } | C::CreditNoteTaken { credit: amount, .. }, Field::TransferCredit) => {
                Some(Fact::Money(*amount))
            }
            (
                C::ReminderSent { step, .. } | C::ReminderSuppressed { step, .. } | C::ReminderEscalated { step, .. },
                Field::ReminderStep,
            ) => Some(Fact::text(step)),
            (C::ReminderSent { channel, .. }, Field::ReminderChannel) => Some(Fact::text(channel.name())),
            (C::ReminderSuppressed { reason, .. }, Field::Reason) => Some(Fact::text(reason)),
            (event, field) => of_instruments(field, event),
        },
        Event::PaymentRequest(event) => match (event, field) {
            (P::ReminderPlanned { due, .. } | P::StepPlanned { due, .. }, Field::Reason) => Some(Fact::printed(due)),
            (P::ReminderSkipped { name, .. } | P::StepPlanned { name, .. }, Field::ReminderStep) => {
                Some(Fact::text(name))
            }
            (
                P::ReminderSkipped { reason, .. }
                | P::RemindersStopped { reason, .. }
                | P::ScenarioChosen { reason, .. }
                | P::Cancelled { reason, .. },
                Field::Reason,
            ) => Some(Fact::text(reason)),
            (P::WrittenOff { amount, .. } | P::WriteOffReversed { amount, .. }, Field::WriteOffAmount) => {
                Some(Fact::Money(*amount))
            }
            (P::WrittenOff { reason, .. } | P::WriteOffReversed { reason, .. }, Field::Reason) => {
                Some(Fact::text(reason))
            }
            (P::AmountAllocated { amount, .. } | P::AllocationReversed { amount, .. }, Field::AllocationAmount) => {
                Some(Fact::Money(*amount))
            }
            (P::AmountAllocated { source, .. } | P::AllocationReversed { source, .. }, Field::AllocationSource) => {
                Some(Fact::text(match source {
                    Source::Transfer(_) => "transfer",
                    Source::Attempt(_) => "attempt",
                    Source::CreditNote(_) => "credit_note",
                    Source::Credit(_) => "credit",
                }))
            }
            (
                P::AmountAllocated { source: Source::Transfer(transfer), .. }
                | P::AllocationReversed { source: Source::Transfer(transfer), .. },
                Field::AllocationTransfer,
            ) => Some(Fact::printed(transfer)),
            (P::AttemptSucceeded { attempt, .. } | P::AttemptFailed { attempt, .. }, Field::AttemptId) => {
                Some(Fact::printed(attempt))
            }
            (P::AttemptSucceeded { amount, .. } | P::AttemptFailed { amount, .. }, Field::AttemptAmount) => {
                Some(Fact::Money(*amount))
            }
            (P::AttemptFailed { reason_code, .. }, Field::AttemptReasonCode) => Some(Fact::text(reason_code)),
            (P::AttemptFailed { failures, .. }, Field::AttemptFailures) => Some(Fact::Number(i64::from(*failures))),
            (
                P::RefundInitiated { amount, .. }
                | P::RefundOrdered { amount, .. }
                | P::RefundCompleted { amount, .. }
                | P::RefundFailed { amount, .. },
                Field::RefundAmount,
            ) => Some(Fact::Money(*amount)),
            (
                P::RefundInitiated { key, .. }
                | P::RefundOrdered { key, .. }
                | P::RefundCompleted { key, .. }
                | P::RefundFailed { key, .. },
                Field::RefundKey,
            ) => Some(Fact::text(key)),
            (P::RefundInitiated { .. }, Field::RefundMadeBy) => Some(Fact::text("elsewhere")),
            (P::RefundOrdered { .. }, Field::RefundMadeBy) => Some(Fact::text("collector")),
            (P::PolicyTriedOut { policy, .. }, Field::RetryPolicy) => Some(Fact::text(policy)),
            (P::PolicyTriedOut { collects_on: Some(on), .. }, Field::AttemptCollectsOn) => Some(Fact::Date(*on)),
            (P::PolicyTriedOut { reason, .. }, Field::Reason) => Some(Fact::text(reason)),
            (P::RefundFailed { reason, .. }, Field::Reason) => Some(Fact::text(reason)),
            (event, field) => of_collection(field, event),
        },
        Event::Feed(event) => of_feed(field, event),
        Event::Payout(event) => of_payout(field, event),
        Event::Plan(event) => of_plan(field, event),
        Event::Transfer(event) => match (event, field) {
            (T::Received { details, .. }, Field::TransferAmount) => Some(Fact::Money(details.amount)),
            (T::Received { details, .. }, Field::TransferBookedOn) => Some(Fact::Date(details.booked_on)),
            (T::Matched { credit, .. }, Field::TransferCredit) => Some(Fact::Money(*credit)),
            (T::Matched { explanation, .. }, Field::TransferExplanation) => Some(Fact::text(explanation)),
            (T::TakenBack { credit, .. } | T::Recalled { credit, .. }, Field::TransferCredit) => {
                Some(Fact::Money(*credit))
            }
            (
                T::TakenBack { reason, .. } | T::TakeBackAsked { reason, .. } | T::SetAside { reason, .. },
                Field::Reason,
            ) => Some(Fact::text(reason)),
            (T::RecallReceived(recall) | T::Recalled { recall, .. }, Field::Reason) => {
                Some(Fact::text(&recall.reason))
            }
            (T::DecisionRefused { reason }, Field::Reason) => Some(Fact::text(reason)),
            (T::ReturnFailed { reason, .. } | T::GivenBack { reason, .. }, Field::Reason) => Some(Fact::text(reason)),
            (T::Assigned { to: Some(to), .. }, Field::TaskAssignedTo) => Some(Fact::text(to)),
            (T::TaskOverdue { due }, Field::TaskDueAt) => Some(Fact::Instant(*due)),
            (T::TaskOpened { doubt, .. }, Field::TransferExplanation | Field::Reason) => {
                Some(Fact::text(doubt.text()))
            }
            _ => None,
        },
    }
}
