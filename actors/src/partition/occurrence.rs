//! A public event as a record holds it, and the figures of that moment.

use serde::{Deserialize, Serialize};

use super::entity::Event;
use super::facts::{of_attempt, of_event, of_method};
use crate::customer::{self, Customer, PaymentMethod};
use crate::machine::Context;
use crate::payment_request::PaymentRequest;
use crate::payout::{self, Payout};
use crate::plan::{self, Plan};
use crate::rules::{EventType, Fact, Facts, Field, RequestFigures, Value, of_customer, of_request};
use crate::transfer::{self, Transfer};
use crate::values::{Calendar, CustomerId, EntityId, Money, PaymentRequestId, PlanId};

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
    fn calendar(&self) -> Option<&Calendar> {
        None
    }

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
                payout::Source::Request(_) => "payment_request",
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
