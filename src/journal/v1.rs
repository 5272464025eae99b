//! Records of version 1: every public event with all its facts, and again in each delivery.

use quittance_actors::delivery::{Channel, Guard, Recipient};
use quittance_actors::machine::Purpose;
use quittance_actors::partition::{
    self, Occurrence, Origin, Outgoing, Standing, StoredChange, SystemFact, TriedDelivery,
};
use quittance_actors::rules::{EventId, EventType, Field, Value};
use quittance_actors::values::{CommandId, CustomerId, DeliveryId, EntityId, PaymentRequestId, TenantId, Timestamp};
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Commit {
    partition: u8,
    sequence: u64,
    at: Timestamp,
    tenant: TenantId,
    command_id: CommandId,
    fingerprint: u64,
    origin: Origin,
    entity: Option<EntityId>,
    changes: Vec<StoredChange>,
    published: Vec<Published>,
    deliveries: Vec<Delivery>,
    outcomes: Vec<TriedDelivery>,
    timers: Vec<ArmedTimer>,
    fired: Option<ArmedTimer>,
    facts: Vec<SystemFact>,
}

#[derive(Deserialize)]
struct Published {
    id: EventId,
    _tenant: TenantId,
    event: EventType,
    _at: Timestamp,
    entity: EntityId,
    customer: Option<CustomerId>,
    request: Option<PaymentRequestId>,
    facts: Vec<(Field, Value)>,
}

#[derive(Deserialize)]
struct Delivery {
    /// Follows from the record, then as now.
    _id: DeliveryId,
    _tenant: TenantId,
    channel: Channel,
    template: Option<String>,
    recipient: Recipient,
    guard: Guard,
    event: Published,
    cause: String,
}

#[derive(Deserialize)]
struct ArmedTimer {
    due: Timestamp,
    _tenant: TenantId,
    entity: EntityId,
    purpose: Purpose,
    generation: u32,
}

impl From<ArmedTimer> for partition::ArmedTimer {
    fn from(timer: ArmedTimer) -> Self {
        let ArmedTimer { due, entity, purpose, generation, .. } = timer;
        Self { due, entity, purpose, generation }
    }
}

impl From<Commit> for partition::Commit {
    fn from(commit: Commit) -> Self {
        let place_of = |event: &Published| {
            let place = commit.published.iter().position(|known| known.id == event.id);
            u16::try_from(place.unwrap_or(0)).unwrap_or(u16::MAX)
        };
        let deliveries = commit.deliveries.iter().map(|delivery| Outgoing {
            channel: delivery.channel,
            template: delivery.template.as_deref().map(Into::into),
            recipient: delivery.recipient.clone(),
            guard: delivery.guard,
            occurrence: place_of(&delivery.event),
            cause: delivery.cause.as_str().into(),
        });
        let deliveries = deliveries.collect();
        let change_of = |event: &Published| {
            let place = commit.changes.iter().position(|change| change.entity == event.entity);
            u16::try_from(place.unwrap_or(0)).unwrap_or(u16::MAX)
        };
        let published = commit.published.iter().map(|event| Occurrence {
            event: event.event,
            change: change_of(event),
            customer: event.customer,
            request: event.request,
            standing: Standing::Listed(event.facts.clone()),
        });
        Self {
            published: published.collect(),
            deliveries,
            partition: commit.partition,
            sequence: commit.sequence,
            at: commit.at,
            tenant: commit.tenant,
            command_id: commit.command_id,
            fingerprint: commit.fingerprint,
            origin: commit.origin,
            entity: commit.entity,
            changes: commit.changes,
            outcomes: commit.outcomes,
            timers: commit.timers.into_iter().map(Into::into).collect(),
            fired: commit.fired.map(Into::into),
            facts: commit.facts,
        }
    }
}
