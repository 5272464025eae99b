//! What each event tells: the fields that a condition or a template can name of it.
//!
//! A field of an event may still be missing, as a request's when a transfer pays several. One that is not
//! listed is never there: a rule that needs it never fires, and `quittance check` says so.

use super::fields::Field;
use super::published::EventType;

use Field as F;

const CUSTOMER: [Field; 6] = [
    F::CustomerId,
    F::CustomerExternalRef,
    F::CustomerKind,
    F::CustomerLanguage,
    F::CustomerOpenCount,
    F::CustomerTags,
];
const REQUEST: [Field; 17] = [
    F::RequestId,
    F::RequestExternalRef,
    F::RequestAmount,
    F::RequestPaid,
    F::RequestOutstanding,
    F::RequestStatus,
    F::RequestIssuedOn,
    F::RequestDueOn,
    F::RequestDaysOverdue,
    F::RequestDescription,
    F::RequestShortReference,
    F::RequestCreditorReference,
    F::RequestPaymentReference,
    F::RequestSettledAt,
    F::RequestPlan,
    F::RequestCycle,
    F::RequestOrder,
];
const TRANSFER: [Field; 6] = [
    F::TransferId,
    F::TransferAmount,
    F::TransferUnallocated,
    F::TransferBookedOn,
    F::TransferStatus,
    F::TransferIdentified,
];
const METHOD: [Field; 3] = [F::MethodLast4, F::MethodExpiresOn, F::MethodBacksRecurring];
const PLAN: [Field; 5] = [F::PlanId, F::PlanExternalRef, F::PlanKind, F::PlanDescription, F::PlanInterval];
const TASK: [Field; 5] = [F::TaskNumber, F::TaskText, F::TaskAskedBy, F::TaskDueOn, F::TaskAssignedTo];
const INSTRUMENT: [Field; 2] = [F::AttemptMethod, F::MandateReference];
const PAYOUT: [Field; 3] = [F::PayoutId, F::PayoutAmount, F::PayoutSource];
const FILE: [Field; 6] =
    [F::FeedName, F::FileName, F::FileRows, F::FileAcceptedRows, F::FileKnownRows, F::FileRefusedRows];

impl EventType {
    /// Whether something may be known of a field when a rule is asked about an event of this type.
    pub fn tells(self, field: Field) -> bool {
        field.is_of_the_moment() || self.fields().contains(&field)
    }

    /// What can be known of an event of this type, in the order of the catalogue.
    pub fn fields(self) -> Vec<Field> {
        let (groups, own) = self.parts();
        let mut fields: Vec<Field> = groups.iter().flat_map(|group| group.iter().copied()).chain(own).collect();
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    /// The groups of fields it has, and those of its own.
    fn parts(self) -> (Vec<&'static [Field]>, Vec<Field>) {
        use EventType as E;
        let customer: Vec<&'static [Field]> = vec![&CUSTOMER];
        let request: Vec<&'static [Field]> = vec![&CUSTOMER, &REQUEST];
        let transfer: Vec<&'static [Field]> = vec![&CUSTOMER, &TRANSFER];
        let payout: Vec<&'static [Field]> = vec![&CUSTOMER, &PAYOUT];
        let plan: Vec<&'static [Field]> = vec![&CUSTOMER, &PLAN];
        let cycle: Vec<&'static [Field]> = vec![&CUSTOMER, &REQUEST, &PLAN];
        match self {
            E::CustomerCreated | E::CustomerUpdated | E::RecurringResumed => (customer, vec![]),
            E::CustomerCreditChanged => (request, vec![F::TransferCredit]),
            E::CustomerCreditMissing => (customer, vec![F::TransferCredit]),
            E::VirtualIbanAssigned => (request, vec![F::VirtualIbanLeft]),
            E::VirtualIbanReleased => (request, vec![F::VirtualIbanFreeOn, F::Reason]),
            E::PaymentMethodAdded => (vec![&CUSTOMER, &METHOD], vec![]),
            E::PaymentMethodExpiring => (vec![&CUSTOMER, &METHOD], vec![F::MethodDaysToExpiry]),
            E::MandateSigned => (customer, vec![F::MandateReference]),
            E::MandateRevoked => (customer, vec![F::MandateReference, F::AttemptMethod, F::Reason]),
            E::PaymentMethodBlocked => (customer, vec![F::AttemptMethod, F::Reason]),
            E::HoldPlaced => (customer, vec![F::HoldKind, F::HoldUntil]),
            E::HoldLifted => (customer, vec![F::HoldKind]),
            E::CustomerTaskOpened | E::CustomerTaskOverdue => (request, TASK.to_vec()),
            E::CustomerTaskClosed => (request, [&TASK[..], &[F::TaskClosedBy, F::Reason]].concat()),
            E::CustomerTagged | E::CustomerUntagged => (customer, vec![F::CustomerTag]),
            E::CustomerContacted => (request, vec![F::ContactWay, F::ContactText, F::ContactBy]),
            E::Custom => (request, vec![F::CustomName]),
            E::RecurringSuspended => (customer, vec![F::Reason]),
            E::CustomerOptedOut | E::CustomerOptedIn => (customer, vec![F::OptOutChannel]),
            E::ReminderSent => (request, vec![F::ReminderStep, F::ReminderChannel]),
            E::ReminderSuppressed | E::ReminderPlanned => (request, vec![F::ReminderStep, F::Reason]),
            E::ReminderAwaitsApproval | E::ReminderEscalated => (request, vec![F::ReminderStep]),
            E::ReminderApproved => (request, vec![F::ReminderStep, F::ReminderBy]),
            E::ReminderDeferred => (request, vec![F::ReminderStep, F::ReminderUntil, F::Reason]),
            E::PaymentRequestPartiallyPaid | E::PaymentRequestPaid | E::PaymentRequestPaymentReversed => {
                (request, vec![F::AllocationAmount, F::AllocationSource, F::AllocationTransfer])
            }
            E::PaymentRequestSettled | E::PaymentRequestFinalised => {
                (request, vec![F::RequestIsFinal, F::RequestFinalOn])
            }
            E::PaymentRequestIssued | E::PaymentRequestOverdue | E::PaymentRequestReopened | E::PromiseKept => {
                (request, vec![])
            }
            E::PaymentRequestCancelled
            | E::ReminderStopped
            | E::ReminderScenarioChanged
            | E::PaymentRequestDisputed
            | E::DisputeEnded
            | E::RetryExhausted
            | E::RetryStopped => (request, vec![F::Reason]),
            E::PaymentRequestWrittenOff | E::PaymentRequestWriteOffReversed => {
                (request, vec![F::WriteOffAmount, F::Reason])
            }
            E::AttemptSucceeded => (request, vec![F::AttemptId, F::AttemptAmount]),
            E::AttemptFailed => {
                let own = [F::AttemptId, F::AttemptAmount, F::AttemptReasonCode, F::AttemptFailures];
                (request, [&own[..], &INSTRUMENT].concat())
            }
            E::AttemptReversed => {
                let own = [F::AttemptId, F::AttemptAmount, F::AttemptReasonCode];
                (request, [&own[..], &INSTRUMENT].concat())
            }
            E::AttemptScheduled | E::RetryScheduled => {
                let own = [F::AttemptNumber, F::AttemptCollectsOn, F::AttemptDueAt, F::Reason];
                (request, [&own[..], &INSTRUMENT].concat())
            }
            E::AttemptOrdered => (
                request,
                vec![F::AttemptId, F::AttemptNumber, F::AttemptAmount, F::AttemptMethod, F::AttemptCollectsOn],
            ),
            E::AttemptSubmitted | E::AttemptPending => (request, vec![F::AttemptId]),
            E::AttemptSkipped => (request, vec![F::AttemptId, F::AttemptNumber, F::Reason]),
            E::AttemptUnknown => (request, vec![F::AttemptId, F::Reason]),
            E::RetryWaiting => (request, vec![F::RetryUntil, F::Reason]),
            E::RetryTriedOut => (request, vec![F::RetryPolicy, F::AttemptCollectsOn, F::Reason]),
            E::RefundInitiated => (request, vec![F::RefundAmount, F::RefundKey, F::RefundMadeBy]),
            E::RefundCompleted => (request, vec![F::RefundAmount, F::RefundKey]),
            E::RefundFailed => (request, vec![F::RefundAmount, F::RefundKey, F::Reason]),
            E::PromiseMade | E::PromiseBroken => (request, vec![F::PromiseOn]),
            E::TransferReceived
            | E::TransferPaidOut
            | E::TransferReturned
            | E::TransferReversed
            | E::TransferDivided => (transfer, vec![]),
            E::TaskDecided => (transfer, vec![F::Reason]),
            E::TransferMatched => {
                (vec![&CUSTOMER, &REQUEST, &TRANSFER], vec![F::TransferCredit, F::TransferExplanation])
            }
            E::TaskOpened => (transfer, vec![F::TransferExplanation, F::Reason]),
            E::TaskAssigned => (transfer, vec![F::TaskAssignedTo]),
            E::TaskOverdue => (transfer, vec![F::TaskDueAt]),
            E::TransferUnmatched | E::TransferRecalled => (transfer, vec![F::TransferCredit, F::Reason]),
            E::TransferSetAside | E::TransferGivenBack | E::TransferRecallReceived => (transfer, vec![F::Reason]),
            E::FileAccepted | E::FilePartlyAccepted | E::FileRejected | E::FileDuplicate => (vec![&FILE], vec![]),
            E::FeedStalled => (vec![], vec![F::FeedName, F::FeedDueAt, F::FeedLastFileAt, F::FeedMissed]),
            E::ChannelFailing => (vec![], vec![F::ChannelWay, F::ChannelName, F::ChannelFailingSince, F::Reason]),
            E::ChannelRecovered => (vec![], vec![F::ChannelWay, F::ChannelName, F::ChannelFailingSince]),
            E::FeedRecovered => (vec![], vec![F::FeedName, F::FeedDueAt]),
            E::PayoutRequested => (payout, vec![F::PayoutAwaitsApproval, F::PayoutBy, F::Reason]),
            E::PayoutApproved => (payout, vec![F::PayoutBy]),
            E::PayoutRejected => (payout, vec![F::PayoutBy, F::Reason]),
            E::PayoutOrdered | E::PayoutExecuted => (payout, vec![F::PayoutOn]),
            E::PayoutFailed => (payout, vec![F::Reason]),
            E::NotificationDelivered => (customer, vec![F::NotificationId, F::NotificationChannel]),
            E::NotificationBounced => {
                (customer, vec![F::NotificationId, F::NotificationChannel, F::NotificationLasting, F::Reason])
            }
            E::PayoutContradicted => (payout, vec![F::PayoutOn, F::Reason]),
            E::PlanCreated | E::PlanActivated | E::PlanResumed | E::PlanCompleted | E::PlanChanged => (plan, vec![]),
            E::PlanCycleIssued | E::PlanRecovered => (cycle, vec![F::PlanCycle]),
            E::PlanPastDue | E::PlanCollectionHeld | E::PlanReviewAsked => (cycle, vec![F::PlanCycle, F::Reason]),
            E::PlanPaused => (plan, vec![F::PlanPausedUntil, F::Reason]),
            E::PlanSuspended | E::PlanCancelled => (plan, vec![F::Reason]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_fields_and_every_field_an_event_or_an_acceptance() {
        let mut seen = std::collections::BTreeSet::new();
        for event in EventType::ALL {
            let fields = event.fields();
            assert!(!fields.is_empty(), "{event}");
            assert!(
                !event.describes().is_empty() && event.describes().ends_with('.'),
                "{event}: {}",
                event.describes()
            );
            seen.extend(fields);
        }
        for field in Field::ALL {
            let (received, placed) = (&crate::transfer::AcceptanceRule::FIELDS, &crate::transfer::NeverAuto::FIELDS);
            let asked = received.contains(field) || placed.contains(field) || field.is_of_the_moment();
            assert!(seen.contains(field) || asked, "no event tells {}", field.path());
        }
    }
}
