//! A public event as a record holds it: what is published of which change, and the figures of that moment.

use serde::{Deserialize, Serialize};

use super::entity::{Entity, Event};
use super::facts::{of_attempt, of_event, of_method};
use crate::collection::Instrument;
use crate::customer::{self, Customer, Noted, PaymentMethod};
use crate::feed;
use crate::machine::Context;
use crate::payment_request::{self, PaymentRequest};
use crate::payout::{self, Payout};
use crate::plan::{self, Plan};
use crate::rules::{EventType, Fact, Facts, Field, RequestFigures, Value, of_customer, of_request};
use crate::transfer::{self, Transfer};
use crate::values::{CustomerId, EntityId, Money, PaymentRequestId, PlanId};

/// A public event of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// What happened.
    pub event: EventType,
    /// The place of the change it tells of.
    pub change: u16,
    /// The customer concerned.
    pub customer: Option<CustomerId>,
    /// The request concerned.
    pub request: Option<PaymentRequestId>,
    /// How things stood right after it.
    pub standing: Standing,
}

/// The facts of an occurrence that its change does not tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// Every fact, as records of version 1 list them.
    Listed(Vec<(Field, Value)>),
    /// The figures of that moment, as records had them before events were numbered.
    Figures(Figures),
    /// The figures of that moment, and which event of its key it is.
    Numbered {
        /// How many events of the key there are with this one: 1 for the first that was numbered.
        key_seq: u64,
        /// The figures.
        figures: Figures,
    },
}

/// The figures of a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// How many requests the customer had open.
    pub open_count: Option<u32>,
    /// The request's figures.
    pub request: Option<RequestFigures>,
    /// The transfer's figures.
    pub transfer: Option<TransferFigures>,
    /// The card concerned, when the change names its slot only.
    pub method: Option<PaymentMethod>,
}

impl Occurrence {
    /// What the order of events is kept by: the customer, or what it happened to when none lives in this lane.
    pub fn key(&self, subject: EntityId, partition: u8) -> EntityId {
        key_of(self.customer, subject, partition)
    }

    /// Which event of its key it is, if it was numbered.
    pub fn key_seq(&self) -> Option<u64> {
        match self.standing {
            Standing::Numbered { key_seq, .. } => Some(key_seq),
            Standing::Listed(_) | Standing::Figures(_) => None,
        }
    }
}

/// What the order of events is kept by.
pub(super) fn key_of(customer: Option<CustomerId>, subject: EntityId, partition: u8) -> EntityId {
    customer.filter(|id| id.partition() == partition).map_or(subject, EntityId::Customer)
}

/// The figures of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferFigures {
    /// What was neither allocated nor credited, in minor units.
    pub unallocated_minor: i64,
    /// Where it stood.
    pub status: transfer::Status,
    /// Whether the payer was known.
    pub identified: bool,
}

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
                payout::Source::Transfer(_) => None,
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
        E::RefundInitiated { .. } => Some(EventType::RefundInitiated),
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

/// The states that the facts of an occurrence are read from.
#[derive(Clone, Copy, Default)]
pub(super) struct About<'a> {
    pub customer: Option<(CustomerId, &'a Customer)>,
    pub request: Option<&'a PaymentRequest>,
    pub transfer: Option<&'a Transfer>,
    pub payout: Option<&'a Payout>,
    pub plan: Option<&'a Plan>,
}

impl About<'_> {
    /// The plan that an event concerns: its own, or that of the request.
    pub fn plan_of(&self, entity: EntityId) -> Option<PlanId> {
        match entity {
            EntityId::Plan(id) => Some(id),
            _ => self.request.and_then(|state| state.rare.plan).map(|joined| joined.plan),
        }
    }

    /// The figures of this moment.
    pub fn figures(&self, event: &Event, context: &Context<'_>) -> Figures {
        let open = |customer: &Customer| u32::try_from(customer.open_requests.len()).unwrap_or(u32::MAX);
        let today = context.now.date_in(&context.policies.zone);
        let request = self.request.and_then(|state| RequestFigures::of(state, today));
        let transfer = self.transfer.map(|state| TransferFigures {
            unallocated_minor: state.unallocated().map_or(0, Money::minor),
            status: state.status,
            identified: state.customer.is_some(),
        });
        let method = match event {
            Event::Customer(customer::Event::PaymentMethodExpiring { slot, .. }) => {
                self.customer.and_then(|(_, state)| {
                    let method = state.payment_methods.get(slot)?;
                    Some(PaymentMethod { backs_recurring: state.backs_recurring(method), ..method.clone() })
                })
            }
            _ => None,
        };
        Figures { open_count: self.customer.map(|(_, state)| open(state)), request, transfer, method }
    }
}

/// An occurrence with everything its facts are read from.
pub(super) struct View<'a> {
    pub event: &'a Event,
    pub standing: &'a Standing,
    pub about: About<'a>,
}

impl Facts for View<'_> {
    fn fact(&self, field: Field) -> Option<Fact<'_>> {
        match self.standing {
            Standing::Listed(facts) => {
                facts.iter().find(|(known, _)| *known == field).map(|(_, value)| Fact::from(value))
            }
            Standing::Figures(figures) | Standing::Numbered { figures, .. } => self
                .of_customer(field, figures.open_count)
                .or_else(|| self.of_request(field, figures.request.as_ref()))
                .or_else(|| self.of_transfer(field, figures.transfer.as_ref()))
                .or_else(|| self.of_payout(field))
                .or_else(|| self.of_plan(field))
                .or_else(|| of_method(field, figures.method.as_ref()))
                .or_else(|| of_event(field, self.event))
                .or_else(|| of_attempt(field, self.event, self.about.request)),
        }
    }
}

impl View<'_> {
    /// Every fact that is known, in the order of the catalogue.
    pub fn facts(&self) -> Vec<(Field, Value)> {
        if let Standing::Listed(facts) = self.standing {
            return facts.clone();
        }
        let known = |field: &Field| Some((*field, self.fact(*field)?.into_value()));
        Field::ALL.iter().filter_map(known).collect()
    }

    /// Facts of the customer concerned.
    fn of_customer(&self, field: Field, open_count: Option<u32>) -> Option<Fact<'_>> {
        let (id, state) = self.about.customer?;
        match field {
            Field::CustomerOpenCount => open_count.map(|count| Fact::Number(i64::from(count))),
            field => of_customer(field, id, state),
        }
    }

    /// Facts of the request concerned.
    fn of_request(&self, field: Field, figures: Option<&RequestFigures>) -> Option<Fact<'_>> {
        of_request(field, self.about.request, figures?)
    }

    fn of_plan(&self, field: Field) -> Option<Fact<'_>> {
        let terms = self.about.plan?.terms.as_ref()?;
        match field {
            Field::PlanId => Some(Fact::printed(terms.id)),
            Field::PlanExternalRef => Some(Fact::text(&terms.external_ref)),
            Field::PlanDescription => Some(Fact::text(&terms.description)),
            Field::PlanInterval => Some(Fact::printed(terms.every)),
            Field::PlanKind => Some(Fact::text(match terms.kind {
                plan::Kind::Subscription => "subscription",
                plan::Kind::Instalments => "instalments",
            })),
            _ => None,
        }
    }

    fn of_payout(&self, field: Field) -> Option<Fact<'_>> {
        let details = self.about.payout?.details.as_ref()?;
        match field {
            Field::PayoutId => Some(Fact::printed(details.id)),
            Field::PayoutAmount => Some(Fact::Money(details.amount)),
            Field::PayoutSource => Some(Fact::text(match details.source {
                payout::Source::Credit(_) => "credit",
                payout::Source::Transfer(_) => "transfer",
            })),
            _ => None,
        }
    }

    fn of_transfer(&self, field: Field, figures: Option<&TransferFigures>) -> Option<Fact<'_>> {
        let figures = figures?;
        let details = self.about.transfer?.details.as_ref()?;
        match field {
            Field::TransferId => Some(Fact::printed(details.id)),
            Field::TransferAmount => Some(Fact::Money(details.amount)),
            Field::TransferUnallocated => {
                Some(Fact::Money(Money::from_minor(figures.unallocated_minor, details.amount.currency())))
            }
            Field::TransferBookedOn => Some(Fact::Date(details.booked_on)),
            Field::TransferIdentified => Some(Fact::Truth(figures.identified)),
            Field::TransferStatus => Some(Fact::text(figures.status.name())),
            _ => None,
        }
    }
}
