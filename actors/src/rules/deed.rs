//! What a rule does beside telling: to the customer or the payment request that an event concerns.

use smol_str::{SmolStr, format_smolstr};

use super::published::EventType;
use crate::collection::Hold;
use crate::customer::Note;
use crate::machine::Tell;
use crate::plan::SuspendedBy;
use crate::values::{CustomerId, Date, PaymentRequestId, PlanId};
use crate::{customer, payment_request, plan};

/// Something that a rule does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Nobody collects from or writes to the customer, for so many days or until a person lifts it. A hold that lasts
    /// longer stays as it is.
    PlaceHold {
        /// Why.
        hold: Hold,
        /// For how long.
        days: Option<u16>,
    },
    /// A hold ends.
    LiftHold {
        /// Which.
        hold: Hold,
    },
    /// Nothing recurring is collected from the customer.
    SuspendRecurring,
    /// Recurring payments go on.
    ResumeRecurring,
    /// No more steps of the request's scenario leave, until it is open again, or a promise or dispute about it ends.
    StopReminders,
    /// Other reminders leave from now on.
    FollowScenario(SmolStr),
    /// What is left of the request is given up.
    WriteOff,
    /// Nothing is asked for any more.
    CancelRequest,
    /// Nothing of the request is collected any more, until somebody agrees to that again.
    StopCollection,
    /// The plan rests until a person resumes it.
    SuspendPlan,
    /// The plan goes on, with its next date.
    ResumePlan,
    /// The plan ends; what it has asked for stays.
    CancelPlan,
    /// A person is to do something.
    CreateTask {
        /// What, in words.
        text: SmolStr,
        /// Within how many days, if it should be.
        days: Option<u16>,
        /// Who, if it is somebody in particular.
        assigned_to: Option<SmolStr>,
    },
    /// The customer is given a tag.
    Tag(SmolStr),
    /// A tag is taken off the customer.
    Untag(SmolStr),
    /// Something of this name happened: endpoints and other rules hear of it.
    Emit(SmolStr),
    /// The request, which nobody has collected yet, is collected from what recurring payments are collected from, by a policy
    /// or the default one.
    Collect(Option<SmolStr>),
}

/// What an event concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Concerned {
    /// The customer.
    pub customer: Option<CustomerId>,
    /// The payment request.
    pub request: Option<PaymentRequestId>,
    /// The plan, or that of the request.
    pub plan: Option<PlanId>,
}

impl Deed {
    /// Whether it is done to a request, and not to its customer.
    pub fn is_of_request(&self) -> bool {
        matches!(
            self,
            Deed::StopReminders
                | Deed::FollowScenario(_)
                | Deed::WriteOff
                | Deed::CancelRequest
                | Deed::StopCollection
                | Deed::Collect(_)
        )
    }

    /// Whether it is done to a plan.
    pub fn is_of_plan(&self) -> bool {
        matches!(self, Deed::SuspendPlan | Deed::ResumePlan | Deed::CancelPlan)
    }

    /// The command that does it, if the event concerns what it is done to.
    pub fn command(&self, rule: &str, concerned: Concerned, today: Date) -> Option<Tell> {
        let Concerned { customer, request, plan } = concerned;
        let of_plan = |command| plan.map(|plan| Tell::Plan(plan, command));
        let of_request = |command| request.map(|request| Tell::PaymentRequest(request, command));
        let reason = format_smolstr!("rule {rule}");
        let told = match self {
            Deed::PlaceHold { hold, days } => {
                let hold = *hold;
                let until = days.map(|days| today.plus_days(i32::from(days)));
                customer::Command::ProlongHold { hold, until }
            }
            Deed::LiftHold { hold } => customer::Command::LiftHold { hold: *hold },
            Deed::CreateTask { text, days, assigned_to } => {
                let due_on = days.map(|days| today.plus_days(i32::from(days)));
                let (text, assigned_to) = (text.clone(), assigned_to.clone());
                customer::Command::Note(Note::OpenTask { text, request, by: reason, due_on, assigned_to })
            }
            Deed::Tag(tag) => customer::Command::Note(Note::Tag(tag.clone())),
            Deed::Untag(tag) => customer::Command::Note(Note::Untag(tag.clone())),
            Deed::Emit(name) => customer::Command::Note(Note::Say { name: name.clone(), request }),
            Deed::SuspendRecurring => customer::Command::SuspendRecurring { reason },
            Deed::ResumeRecurring => customer::Command::ResumeRecurring,
            Deed::StopReminders => {
                return of_request(payment_request::Command::StopReminders { reason });
            }
            Deed::FollowScenario(scenario) => {
                let scenario = Some(scenario.clone());
                return of_request(payment_request::Command::FollowScenario { scenario, reason, by_rule: true });
            }
            Deed::WriteOff => return of_request(payment_request::Command::WriteOff { reason }),
            Deed::CancelRequest => return of_request(payment_request::Command::Cancel { reason }),
            Deed::StopCollection => return of_request(payment_request::Command::StopCollection { reason }),
            // The customer knows what can be collected from.
            Deed::Collect(policy) => {
                let collect = |request| customer::Command::CollectFromUsual { request, policy: policy.clone() };
                return customer.zip(request).map(|(customer, request)| Tell::Customer(customer, collect(request)));
            }
            Deed::SuspendPlan => return of_plan(plan::Command::Suspend { reason, by: SuspendedBy::Person }),
            // The customer says whether it can go on.
            Deed::ResumePlan => {
                let resume = |plan| customer::Command::ResumePlan { plan, catch_up: false };
                return customer.zip(plan).map(|(customer, plan)| Tell::Customer(customer, resume(plan)));
            }
            Deed::CancelPlan => return of_plan(plan::Command::Cancel { reason, open_too: false }),
        };
        customer.map(|id| Tell::Customer(id, told))
    }

    /// The events that may follow at once: rules on them may fire in turn.
    pub fn leads_to(&self) -> &'static [EventType] {
        match self {
            Deed::PlaceHold { .. } => &[EventType::HoldPlaced],
            Deed::LiftHold { .. } => &[EventType::HoldLifted, EventType::RetryScheduled, EventType::AttemptScheduled],
            Deed::SuspendRecurring => &[EventType::RecurringSuspended],
            Deed::ResumeRecurring => {
                &[EventType::RecurringResumed, EventType::RetryScheduled, EventType::AttemptScheduled]
            }
            Deed::StopReminders => &[EventType::ReminderStopped],
            Deed::FollowScenario(_) => &[
                EventType::ReminderScenarioChanged,
                EventType::ReminderPlanned,
                EventType::ReminderSuppressed,
                EventType::ReminderStopped,
            ],
            Deed::WriteOff => &[
                EventType::PaymentRequestWrittenOff,
                EventType::PaymentRequestSettled,
                EventType::ReminderStopped,
                EventType::RetryStopped,
                EventType::AttemptSkipped,
                EventType::PromiseKept,
                EventType::PlanRecovered,
                EventType::PlanCompleted,
            ],
            Deed::CancelRequest => &[
                EventType::PaymentRequestCancelled,
                EventType::PaymentRequestPaymentReversed,
                EventType::CustomerCreditChanged,
                EventType::ReminderStopped,
                EventType::RetryStopped,
                EventType::AttemptSkipped,
                EventType::PlanRecovered,
                EventType::PlanCompleted,
            ],
            Deed::StopCollection => &[EventType::AttemptSkipped, EventType::RetryStopped],
            Deed::Collect(_) => &[EventType::AttemptScheduled],
            Deed::CreateTask { .. } => &[EventType::CustomerTaskOpened],
            Deed::Tag(_) => &[EventType::CustomerTagged],
            Deed::Untag(_) => &[EventType::CustomerUntagged],
            Deed::Emit(_) => &[EventType::Custom],
            Deed::SuspendPlan => &[EventType::PlanSuspended],
            Deed::ResumePlan => &[EventType::PlanResumed, EventType::PlanCompleted],
            Deed::CancelPlan => &[EventType::PlanCancelled],
        }
    }
}
