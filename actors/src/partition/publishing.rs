//! Which change is published as which event, and whom it concerns.

use super::entity::{Entity, Event};
use crate::collection::Instrument;
use crate::customer::{self, Noted};
use crate::feed;
use crate::payment_request;
use crate::payout;
use crate::plan;
use crate::rules::EventType;
use crate::transfer;
use crate::values::{CustomerId, EntityId, PaymentRequestId};

/// What is published of a change, if anything: the type, the customer and the request concerned.
pub(super) fn published_of(
    id: EntityId, state: &Entity, event: &Event,
) -> Option<(EventType, Option<CustomerId>, Option<PaymentRequestId>)> {
    match (id, state, event) {
        (EntityId::Customer(id), _, Event::Customer(event)) => {
            let (event, request) = told_of_customer(event)?;
            Some((event, Some(id), request))
        }
        (_, Entity::PaymentRequest(state), Event::PaymentRequest(event)) => {
            let terms = state.terms.as_ref()?;
            let has_been_tried = state.attempts.values().any(|attempt| attempt.status.has_left());
            Some((told_of_request(event, has_been_tried)?, Some(terms.customer), Some(terms.id)))
        }
        (_, Entity::Transfer(state), Event::Transfer(event)) => {
            let (event, request) = of_transfer(event)?;
            Some((event, state.customer, request))
        }
        (_, Entity::Payout(state), Event::Payout(event)) => {
            let customer = match state.details.as_ref()?.source {
                payout::Source::Credit(customer) => Some(customer),
                // That one's own events tell of the customer.
                payout::Source::Transfer(_) | payout::Source::Request(_) => None,
            };
            Some((of_payout(event), customer, None))
        }
        (_, Entity::Plan(state), Event::Plan(event)) => {
            let (event, number) = of_plan(event)?;
            let request = number.and_then(|number| state.cycles.get(&number)).map(|cycle| cycle.request);
            Some((event, Some(state.terms.as_ref()?.customer), request))
        }
        (_, _, Event::Feed(event)) => Some((of_feed(event)?, None, None)),
        _ => None,
    }
}

fn told_of_customer(event: &customer::Event) -> Option<(EventType, Option<PaymentRequestId>)> {
    use customer::Event as E;
    match event {
        E::Registered { .. } => Some((EventType::CustomerCreated, None)),
        E::ProfileChanged { .. } => Some((EventType::CustomerUpdated, None)),
        E::VirtualIbanAssigned { .. } | E::VirtualIbanGiven { .. } => Some((EventType::VirtualIbanAssigned, None)),
        E::VirtualIbanReleased { .. } => Some((EventType::VirtualIbanReleased, None)),
        E::PaymentMethodAdded { .. } => Some((EventType::PaymentMethodAdded, None)),
        E::PaymentMethodExpiring { .. } => Some((EventType::PaymentMethodExpiring, None)),
        E::CreditAdded { .. } => Some((EventType::CustomerCreditChanged, None)),
        E::CreditNoteTaken { credit, .. } if credit.is_positive() => Some((EventType::CustomerCreditChanged, None)),
        E::CreditNoteTaken { .. } => None,
        E::TransferTakenBack { credit, .. } if credit.is_positive() => Some((EventType::CustomerCreditChanged, None)),
        E::TransferTakenBack { .. } => None,
        E::ReminderSent { request, .. } => Some((EventType::ReminderSent, Some(*request))),
        E::ReminderSuppressed { request, .. } => Some((EventType::ReminderSuppressed, Some(*request))),
        E::ReminderEscalated { request, .. } => Some((EventType::ReminderEscalated, Some(*request))),
        E::CreditWithdrawn { .. } | E::CreditPaidOut { .. } => Some((EventType::CustomerCreditChanged, None)),
        E::CreditUseReversed { request, .. } => Some((EventType::CustomerCreditChanged, Some(*request))),
        E::CreditMissing { .. } => Some((EventType::CustomerCreditMissing, None)),
        E::CreditUsed { request, .. } => Some((EventType::CustomerCreditChanged, Some(*request))),
        E::MandateSigned { .. } => Some((EventType::MandateSigned, None)),
        E::InstrumentEnded { instrument: Instrument::Mandate(_), .. } => Some((EventType::MandateRevoked, None)),
        E::InstrumentEnded { instrument: Instrument::Card(_), .. } => Some((EventType::PaymentMethodBlocked, None)),
        E::RecurringSuspended { .. } => Some((EventType::RecurringSuspended, None)),
        E::RecurringResumed => Some((EventType::RecurringResumed, None)),
        E::HoldPlaced { .. } => Some((EventType::HoldPlaced, None)),
        E::HoldLifted { .. } => Some((EventType::HoldLifted, None)),
        E::OptedOut { .. } => Some((EventType::CustomerOptedOut, None)),
        E::OptedIn { .. } => Some((EventType::CustomerOptedIn, None)),
        E::MessageArrived { .. } => Some((EventType::NotificationDelivered, None)),
        E::MessageFailed { .. } => Some((EventType::NotificationBounced, None)),
        E::Noted(noted) => Some((of_note(noted)?, noted.request())),
        E::CardSchemeKnown { .. }
        | E::RuleFired { .. }
        | E::TransferForgotten { .. }
        | E::PlanOpened { .. }
        | E::PlanClosed { .. }
        | E::DisputeMarked { .. }
        | E::ZoneKnown { .. }
        | E::TransferUnplaced { .. }
        | E::AttemptCounted { .. }
        | E::CollectionAwaited { .. }
        | E::CollectionsResumed
        | E::RequestOpened { .. }
        | E::NumberedRequestOpened { .. }
        | E::OutstandingChanged { .. }
        | E::RequestClosed { .. }
        | E::OrderKnown { .. }
        | E::TransferPlaced { .. } => None,
    }
}

fn of_note(noted: &Noted) -> Option<EventType> {
    Some(match noted {
        Noted::TaskOpened { .. } => EventType::CustomerTaskOpened,
        Noted::TaskAssigned { .. } | Noted::Paid { .. } => return None,
        Noted::TaskFellDue { .. } => EventType::CustomerTaskOverdue,
        Noted::TaskClosed { .. } => EventType::CustomerTaskClosed,
        Noted::Tagged { .. } => EventType::CustomerTagged,
        Noted::Untagged { .. } => EventType::CustomerUntagged,
        Noted::Said { .. } => EventType::Custom,
        Noted::Contacted { .. } => EventType::CustomerContacted,
    })
}

fn told_of_request(event: &payment_request::Event, has_been_tried: bool) -> Option<EventType> {
    use payment_request::Event as E;
    match event {
        E::Issued { .. } => Some(EventType::PaymentRequestIssued),
        E::ReminderPlanned { .. } | E::StepPlanned { .. } => Some(EventType::ReminderPlanned),
        E::ReminderReached { .. } => None,
        E::ReminderSkipped { .. } => Some(EventType::ReminderSuppressed),
        E::RemindersStopped { .. } => Some(EventType::ReminderStopped),
        E::AmountAllocated { outstanding, .. } if outstanding.is_positive() => {
            Some(EventType::PaymentRequestPartiallyPaid)
        }
        E::AmountAllocated { .. } => Some(EventType::PaymentRequestPaid),
        E::Settled { .. } | E::SettledUntil { .. } => Some(EventType::PaymentRequestSettled),
        E::PaydaysKnown { .. } => None,
        E::Finalised { .. } => Some(EventType::PaymentRequestFinalised),
        E::BecameOverdue { .. } => Some(EventType::PaymentRequestOverdue),
        E::AttemptSucceeded { .. } => Some(EventType::AttemptSucceeded),
        E::AttemptFailed { .. } => Some(EventType::AttemptFailed),
        E::RefundInitiated { .. } | E::RefundOrdered { .. } => Some(EventType::RefundInitiated),
        E::PolicyTriedOut { .. } => Some(EventType::RetryTriedOut),
        E::RefundCompleted { .. } => Some(EventType::RefundCompleted),
        E::RefundFailed { .. } => Some(EventType::RefundFailed),
        E::Cancelled { .. } => Some(EventType::PaymentRequestCancelled),
        E::AllocationReversed { .. } => Some(EventType::PaymentRequestPaymentReversed),
        E::Reopened { .. } => Some(EventType::PaymentRequestReopened),
        E::CollectionAgreed { .. } => None,
        E::AttemptPlanned { .. } if !has_been_tried => Some(EventType::AttemptScheduled),
        E::AttemptPlanned { .. } => Some(EventType::RetryScheduled),
        E::AttemptPending { .. } => Some(EventType::AttemptPending),
        E::AttemptOrdered { .. } => Some(EventType::AttemptOrdered),
        E::AttemptSubmitted { .. } => Some(EventType::AttemptSubmitted),
        E::AttemptSkipped { .. } => Some(EventType::AttemptSkipped),
        E::AttemptUnknown { .. } => Some(EventType::AttemptUnknown),
        E::AttemptReversed { .. } => Some(EventType::AttemptReversed),
        E::CollectionWaits { .. } => Some(EventType::RetryWaiting),
        E::CollectionEnded { exhausted: true, .. } => Some(EventType::RetryExhausted),
        E::CollectionEnded { exhausted: false, .. } => Some(EventType::RetryStopped),
        E::ReminderDeferred { .. } => Some(EventType::ReminderDeferred),
        E::ScenarioChosen { .. } => Some(EventType::ReminderScenarioChanged),
        E::ReminderHeld { .. } => Some(EventType::ReminderAwaitsApproval),
        E::ReminderApproved { .. } => Some(EventType::ReminderApproved),
        E::PromiseMade { .. } => Some(EventType::PromiseMade),
        E::PromiseKept => Some(EventType::PromiseKept),
        E::PromiseBroken { .. } => Some(EventType::PromiseBroken),
        E::Disputed { .. } => Some(EventType::PaymentRequestDisputed),
        E::DisputeEnded { .. } => Some(EventType::DisputeEnded),
        E::WrittenOff { .. } => Some(EventType::PaymentRequestWrittenOff),
        E::WriteOffReversed { .. } => Some(EventType::PaymentRequestWriteOffReversed),
        E::NumberGiven { .. } => Some(EventType::VirtualIbanAssigned),
        E::NumberReleased { .. } => Some(EventType::VirtualIbanReleased),
        E::ReferenceGiven { .. }
        | E::RefundCredited { .. }
        | E::CreditNoteKept { .. }
        | E::CreditNotesRefunded { .. }
        | E::ScenarioBegun { .. }
        | E::OrderJoined { .. }
        | E::AttemptHandedTo { .. }
        | E::ZoneKnown { .. }
        | E::PlanJoined { .. } => None,
    }
}

fn of_transfer(event: &transfer::Event) -> Option<(EventType, Option<PaymentRequestId>)> {
    use transfer::{Event as E, Nature};
    match event {
        E::Received { .. } => Some((EventType::TransferReceived, None)),
        E::Matched { allocations, .. } => match allocations.as_slice() {
            [(request, _)] => Some((EventType::TransferMatched, Some(*request))),
            _ => Some((EventType::TransferMatched, None)),
        },
        E::TaskOpened { .. } | E::DecisionRefused { .. } => Some((EventType::TaskOpened, None)),
        E::Decided(_) | E::TakeBackAsked { .. } => Some((EventType::TaskDecided, None)),
        E::TakenBack { .. } => Some((EventType::TransferUnmatched, None)),
        E::SetAside { .. } => Some((EventType::TransferSetAside, None)),
        E::Noted { nature: Nature::Returned, .. } => Some((EventType::TransferReturned, None)),
        E::Noted { nature: Nature::Reversed, .. } => Some((EventType::TransferReversed, None)),
        E::Noted { nature: Nature::PaidOut, .. } => Some((EventType::TransferPaidOut, None)),
        E::Noted { nature: Nature::Received, .. } => Some((EventType::TransferReceived, None)),
        E::GivenBack { .. } => Some((EventType::TransferGivenBack, None)),
        E::ReturnFailed { .. } => Some((EventType::TaskOpened, None)),
        E::Assigned { .. } => Some((EventType::TaskAssigned, None)),
        E::TaskOverdue { .. } => Some((EventType::TaskOverdue, None)),
        E::RecallReceived(_) => Some((EventType::TransferRecallReceived, None)),
        E::Recalled { .. } => Some((EventType::TransferRecalled, None)),
        E::Divided { .. } => Some((EventType::TransferDivided, None)),
        E::Claimed { .. }
        | E::RecallAsked
        | E::Parted { .. }
        | E::PartTold
        | E::PartsRecalled { .. }
        | E::Described(_)
        | E::Pointed(_)
        | E::Weighed(_)
        | E::PayerDoubted { .. }
        | E::PayerRemembered { .. }
        | E::Kept { .. } => None,
    }
}

fn of_payout(event: &payout::Event) -> EventType {
    use payout::Event as E;
    match event {
        E::Requested { .. } => EventType::PayoutRequested,
        E::Approved { .. } => EventType::PayoutApproved,
        E::Ordered { .. } => EventType::PayoutOrdered,
        E::Rejected { .. } => EventType::PayoutRejected,
        E::Executed { .. } => EventType::PayoutExecuted,
        E::Failed { .. } => EventType::PayoutFailed,
        E::Contradicted { .. } => EventType::PayoutContradicted,
    }
}

/// What is published of a plan, and the number of the cycle concerned.
fn of_plan(event: &plan::Event) -> Option<(EventType, Option<u16>)> {
    use plan::Event as E;
    match event {
        E::Created { .. } => Some((EventType::PlanCreated, None)),
        E::Activated => Some((EventType::PlanActivated, None)),
        E::CycleTaken { number, .. } => Some((EventType::PlanCycleIssued, Some(*number))),
        E::PastDue { number, .. } => Some((EventType::PlanPastDue, Some(*number))),
        E::Recovered { number } => Some((EventType::PlanRecovered, Some(*number))),
        E::CollectionHeld { number, .. } => Some((EventType::PlanCollectionHeld, Some(*number))),
        E::Questioned { number, .. } => Some((EventType::PlanReviewAsked, Some(*number))),
        E::Paused { .. } => Some((EventType::PlanPaused, None)),
        E::Resumed { .. } => Some((EventType::PlanResumed, None)),
        E::Suspended { .. } => Some((EventType::PlanSuspended, None)),
        E::Cancelled { .. } => Some((EventType::PlanCancelled, None)),
        E::Completed => Some((EventType::PlanCompleted, None)),
        E::Changed { .. } => Some((EventType::PlanChanged, None)),
        E::Cleared
        | E::CyclePlanned { .. }
        | E::CycleAsked { .. }
        | E::CycleRefused { .. }
        | E::CycleStood { .. } => None,
    }
}

fn of_feed(event: &feed::Event) -> Option<EventType> {
    use feed::{Event as E, Outcome};
    match event {
        E::FileRead { outcome, .. } => Some(match outcome {
            Outcome::Accepted => EventType::FileAccepted,
            Outcome::PartlyAccepted => EventType::FilePartlyAccepted,
            Outcome::Rejected => EventType::FileRejected,
            Outcome::Duplicate => EventType::FileDuplicate,
        }),
        E::Stalled { .. } => Some(EventType::FeedStalled),
        E::Recovered { .. } => Some(EventType::FeedRecovered),
        E::Failing { .. } => Some(EventType::ChannelFailing),
        E::Well { .. } => Some(EventType::ChannelRecovered),
        E::Watched { .. } | E::Expected { .. } | E::Delayed { .. } => None,
    }
}
