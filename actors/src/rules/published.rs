//! Public events: what happened, with facts that hold no personal data.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::fields::{Fact, Facts, Field, Value};
use crate::values::{Calendar, CustomerId, EntityId, PaymentRequestId, TenantId, Timestamp};

macro_rules! event_types {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal),+ $(,)?) => {
        /// A public event type. Stored by position: only ever added at the end (N8).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum EventType {
            $($(#[doc = $doc])* $variant,)+
        }

        impl EventType {
            /// Every type.
            pub const ALL: &'static [EventType] = &[$(EventType::$variant,)+];

            /// The dotted name, such as `payment_request.settled`.
            pub fn name(self) -> &'static str {
                match self { $(EventType::$variant => $name,)+ }
            }

            /// What happened, in one sentence.
            pub fn describes(self) -> &'static str {
                match self { $(EventType::$variant => concat!($($doc),*).trim_ascii(),)+ }
            }

            /// Finds a type by its name.
            pub fn parse(name: &str) -> Option<EventType> {
                EventType::ALL.iter().copied().find(|event| event.name() == name)
            }
        }
    };
}

impl EventType {
    /// Whether it is a status of a payment request, of which the ERP's status file has a row.
    pub fn is_status(self) -> bool {
        matches!(
            self,
            EventType::PaymentRequestIssued
                | EventType::PaymentRequestPartiallyPaid
                | EventType::PaymentRequestSettled
                | EventType::PaymentRequestPaymentReversed
                | EventType::PaymentRequestReopened
                | EventType::PaymentRequestOverdue
                | EventType::PaymentRequestCancelled
        )
    }
}

event_types! {
    /// A customer became known.
    CustomerCreated = "customer.created",
    /// A customer's details changed.
    CustomerUpdated = "customer.updated",
    /// A customer's credit grew, or was used, paid out or taken back.
    CustomerCreditChanged = "customer.credit_balance_changed",
    /// A customer was given an account number of its own.
    VirtualIbanAssigned = "virtual_iban.assigned",
    /// A card was added or renewed.
    PaymentMethodAdded = "payment_method.added",
    /// A card comes close to its end.
    PaymentMethodExpiring = "payment_method.expiring",
    /// Payment was asked for.
    PaymentRequestIssued = "payment_request.issued",
    /// A part was paid.
    PaymentRequestPartiallyPaid = "payment_request.partially_paid",
    /// The last part was paid.
    PaymentRequestPaid = "payment_request.paid",
    /// Everything is paid and the request is closed.
    PaymentRequestSettled = "payment_request.settled",
    /// The deadline passed unpaid.
    PaymentRequestOverdue = "payment_request.overdue",
    /// Nothing is asked any more.
    PaymentRequestCancelled = "payment_request.cancelled",
    /// A reminder step was planned.
    ReminderPlanned = "reminder.planned",
    /// A reminder leaves.
    ReminderSent = "reminder.sent",
    /// A reminder was not sent.
    ReminderSuppressed = "reminder.suppressed",
    /// No further reminder follows.
    ReminderStopped = "reminder.stopped",
    /// A collection attempt succeeded.
    AttemptSucceeded = "attempt.succeeded",
    /// A collection attempt failed.
    AttemptFailed = "attempt.failed",
    /// Money is to be given back.
    RefundInitiated = "refund.initiated",
    /// Money came in.
    TransferReceived = "transfer.received",
    /// Every cent of a transfer found its place.
    TransferMatched = "transfer.matched",
    /// A person must decide.
    TaskOpened = "task.opened",
    /// An entry took money out of the account.
    TransferPaidOut = "transfer.paid_out",
    /// A collection or payment came back.
    TransferReturned = "transfer.returned",
    /// The bank corrected an earlier entry.
    TransferReversed = "transfer.reversed",
    /// A person decided about a transfer.
    TaskDecided = "task.decided",
    /// The match of a transfer was taken back.
    TransferUnmatched = "transfer.unmatched",
    /// A person put a transfer aside.
    TransferSetAside = "transfer.set_aside",
    /// A payment counts no longer: it went to another request, or back.
    PaymentRequestPaymentReversed = "payment_request.payment_reversed",
    /// A settled request is open again.
    PaymentRequestReopened = "payment_request.reopened",
    /// The first attempt of a collection is planned.
    AttemptScheduled = "attempt.scheduled",
    /// A new attempt after a failure is planned.
    RetryScheduled = "retry.scheduled",
    /// An attempt is handed to its connector.
    AttemptOrdered = "attempt.ordered",
    /// An attempt leaves: it may collect money from here on.
    AttemptSubmitted = "attempt.submitted",
    /// An attempt never leaves.
    AttemptSkipped = "attempt.skipped",
    /// Nobody says how an attempt ended.
    AttemptUnknown = "attempt.unknown",
    /// What an attempt had collected was taken back.
    AttemptReversed = "attempt.reversed",
    /// A collection waits, as for a new card or mandate.
    RetryWaiting = "retry.waiting",
    /// Every attempt of the policy has failed.
    RetryExhausted = "retry.exhausted",
    /// Nothing is collected any more, before every attempt was made.
    RetryStopped = "retry.stopped",
    /// A reminder waits for a better time.
    ReminderDeferred = "reminder.deferred",
    /// The payer promised to pay.
    PromiseMade = "payment_request.promise_made",
    /// A promise was kept.
    PromiseKept = "payment_request.promise_kept",
    /// A promise was broken.
    PromiseBroken = "payment_request.promise_broken",
    /// The payer disputes a request.
    PaymentRequestDisputed = "payment_request.disputed",
    /// A dispute has ended, and payment is asked for again.
    DisputeEnded = "payment_request.dispute_ended",
    /// A direct debit mandate was signed or amended.
    MandateSigned = "mandate.signed",
    /// Nothing is collected by a mandate any more.
    MandateRevoked = "mandate.revoked",
    /// Nothing is collected from a card any more.
    PaymentMethodBlocked = "payment_method.blocked",
    /// Nobody collects from or writes to a customer.
    HoldPlaced = "customer.hold_placed",
    /// A hold has ended.
    HoldLifted = "customer.hold_lifted",
    /// A customer's recurring payments are suspended.
    RecurringSuspended = "customer.recurring_suspended",
    /// A customer's recurring payments go on.
    RecurringResumed = "customer.recurring_resumed",
    /// A customer does not want messages by a channel.
    CustomerOptedOut = "customer.opted_out",
    /// A customer wants them again.
    CustomerOptedIn = "customer.opted_in",
    /// A connector has taken an attempt, and its result is to come.
    AttemptPending = "attempt.pending",
    /// A file was read, and every row taken or known.
    FileAccepted = "file.accepted",
    /// A file was read, and something of it refused.
    FilePartlyAccepted = "file.partly_accepted",
    /// A file was read, and nothing of it taken.
    FileRejected = "file.rejected",
    /// A file of the same content was read before.
    FileDuplicate = "file.duplicate",
    /// No file came until one was due.
    FeedStalled = "feed.stalled",
    /// A file came after one was missing, or none is expected any more.
    FeedRecovered = "feed.recovered",
    /// What was left to pay is given up.
    PaymentRequestWrittenOff = "payment_request.written_off",
    /// What was given up is asked for again.
    PaymentRequestWriteOffReversed = "payment_request.write_off_reversed",
    /// Money is to be given back by credit transfer.
    PayoutRequested = "payout.requested",
    /// A second person has approved it.
    PayoutApproved = "payout.approved",
    /// It is handed to the bank.
    PayoutOrdered = "payout.ordered",
    /// A person did not approve it.
    PayoutRejected = "payout.rejected",
    /// The bank has booked it.
    PayoutExecuted = "payout.executed",
    /// The bank refused it, or it came back.
    PayoutFailed = "payout.failed",
    /// A transfer is sent back to who paid it.
    TransferGivenBack = "transfer.given_back",
    /// Somebody is to decide about a task.
    TaskAssigned = "task.assigned",
    /// A task should have been decided by now.
    TaskOverdue = "task.overdue",
    /// A customer or a payment request has its account number no more.
    VirtualIbanReleased = "virtual_iban.released",
    /// A bank took back what had become credit, and it is gone: a person sees to it.
    CustomerCreditMissing = "customer.credit_missing",
    /// The bank booked a payout that it had refused before: a person sees to it.
    PayoutContradicted = "payout.contradicted",
    /// The bank takes the money of a transfer back.
    TransferRecallReceived = "transfer.recall_received",
    /// The bank took the money of a transfer back: what it had paid is open again.
    TransferRecalled = "transfer.recalled",
    /// A message arrived, its provider says.
    NotificationDelivered = "notification.delivered",
    /// A message did not arrive, its provider says.
    NotificationBounced = "notification.bounced",
    /// A subscription or an amount in instalments was agreed.
    PlanCreated = "plan.created",
    /// The first cycle of a plan was asked for.
    PlanActivated = "plan.activated",
    /// A cycle of a plan is asked for: its payment request is there.
    PlanCycleIssued = "plan.cycle_issued",
    /// A plan is behind: a cycle has failed or is overdue.
    PlanPastDue = "plan.past_due",
    /// A plan is behind no more.
    PlanRecovered = "plan.recovered",
    /// The cycles of a plan are asked for and not collected any more.
    PlanCollectionHeld = "plan.collection_held",
    /// A person is asked what becomes of a plan of which a cycle can no longer be collected.
    PlanReviewAsked = "plan.review_asked",
    /// A person lets a plan rest.
    PlanPaused = "plan.paused",
    /// A plan goes on.
    PlanResumed = "plan.resumed",
    /// A plan rests until it is resumed.
    PlanSuspended = "plan.suspended",
    /// A plan has ended before its end.
    PlanCancelled = "plan.cancelled",
    /// Everything of a plan was asked for and paid.
    PlanCompleted = "plan.completed",
    /// Something of a plan is agreed anew.
    PlanChanged = "plan.changed",
    /// A reminder waits for a person to approve it.
    ReminderAwaitsApproval = "reminder.awaits_approval",
    /// A person has approved a reminder.
    ReminderApproved = "reminder.approved",
    /// The reminders of a request are those of another scenario from now on.
    ReminderScenarioChanged = "reminder.scenario_changed",
    /// A person is to do something about a customer.
    CustomerTaskOpened = "customer.task_opened",
    /// The last day of such a task is over.
    CustomerTaskOverdue = "customer.task_overdue",
    /// Such a task is done, or need not be.
    CustomerTaskClosed = "customer.task_closed",
    /// A customer was given a tag.
    CustomerTagged = "customer.tagged",
    /// A tag was taken off a customer.
    CustomerUntagged = "customer.untagged",
    /// A rule says that something happened, by a name of its own.
    Custom = "custom.event",
    /// What had settled a request can no longer come back without a reason.
    PaymentRequestFinalised = "payment_request.finalised",
    /// A person has called, written to or met a customer.
    CustomerContacted = "customer.contacted",
    /// What leaves by a channel, for an endpoint, a feed or a connector has failed for a while.
    ChannelFailing = "channel.failing",
    /// It arrives again.
    ChannelRecovered = "channel.recovered",
    /// A step of the reminder scenario that is for the team is due; what is done, rules say.
    ReminderEscalated = "reminder.escalated",
    /// A person divided a transfer: its parts go on as transfers of their own.
    TransferDivided = "transfer.divided",
    /// A refund is with the payer, says who has made it.
    RefundCompleted = "refund.completed",
    /// A refund was not made: the money is where it was.
    RefundFailed = "refund.failed",
    /// What a retry policy that is only tried out would do after a failure; nothing of it is done.
    RetryTriedOut = "retry.tried_out",
}

impl EventType {
    /// Whether whoever is told of it is asked to pay: it is said to nobody who need not any more.
    pub fn asks_for_money(self) -> bool {
        matches!(
            self,
            EventType::PaymentRequestIssued
                | EventType::PaymentRequestOverdue
                | EventType::ReminderEscalated
                | EventType::PaymentRequestReopened
                | EventType::PaymentRequestPaymentReversed
                | EventType::AttemptFailed
                | EventType::AttemptReversed
                | EventType::RetryWaiting
                | EventType::RetryExhausted
                | EventType::RetryStopped
                | EventType::PromiseBroken
                | EventType::PlanPastDue
        )
    }
}

impl EventType {
    /// Whether it may come any number of times for one customer within a day, by what a payer, a bank or a file does.
    pub fn comes_often(self) -> bool {
        matches!(
            self,
            EventType::CustomerUpdated
                | EventType::CustomerCreditChanged
                | EventType::PaymentRequestPartiallyPaid
                | EventType::PaymentRequestPaymentReversed
                | EventType::PaymentRequestReopened
                | EventType::AttemptFailed
                | EventType::AttemptScheduled
                | EventType::AttemptOrdered
                | EventType::AttemptSubmitted
                | EventType::AttemptPending
                | EventType::AttemptSkipped
                | EventType::AttemptUnknown
                | EventType::RetryScheduled
                | EventType::RetryTriedOut
                | EventType::RetryWaiting
                | EventType::ReminderPlanned
                | EventType::ReminderDeferred
                | EventType::ReminderSent
                | EventType::ReminderSuppressed
                | EventType::TransferReceived
                | EventType::TransferReturned
                | EventType::TransferReversed
                | EventType::TransferMatched
                | EventType::TransferUnmatched
                | EventType::NotificationDelivered
                | EventType::NotificationBounced
                | EventType::CustomerTagged
                | EventType::CustomerUntagged
                | EventType::CustomerContacted
                | EventType::Custom
        )
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The id of a public event: partition, sequence and place in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventId {
    /// The lane.
    pub partition: u8,
    /// The record.
    pub sequence: u64,
    /// The place in the record.
    pub index: u16,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "evt_{:02x}{:012x}{:04x}", self.partition, self.sequence, self.index)
    }
}

/// A public event as it is told to the outside. A record holds it in a shorter form, the
/// `Occurrence` of the partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its id.
    pub id: EventId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What happened.
    pub event: EventType,
    /// When, in the tenant's clock.
    pub at: Timestamp,
    /// What it happened to.
    pub entity: EntityId,
    /// What the order of events is kept by: the customer, or what it happened to.
    pub key: EntityId,
    /// Which event of its key it is, from 1 and without a gap; records of before events were numbered do not say.
    pub key_seq: Option<u64>,
    /// The customer concerned.
    pub customer: Option<CustomerId>,
    /// The request concerned.
    pub request: Option<PaymentRequestId>,
    /// What is known about it, in the order of the catalogue.
    pub facts: Vec<(Field, Value)>,
}

impl Published {
    /// The value of a fact, if it is known.
    pub fn fact(&self, field: Field) -> Option<&Value> {
        self.facts.iter().find(|(known, _)| *known == field).map(|(_, value)| value)
    }
}

impl Facts for Published {
    fn calendar(&self) -> Option<&Calendar> {
        None
    }

    fn fact(&self, field: Field) -> Option<Fact<'_>> {
        Published::fact(self, field).map(Fact::from)
    }
}
