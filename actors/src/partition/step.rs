//! One step: a command and everything it leads to in its lane, on copies.

use std::collections::BTreeMap;

use thiserror::Error;

use super::commit::{ArmedTimer, Commit, Envelope, StoredChange};
use super::entity::{Entity, Event, Rejection};
use super::lane::Lane;
use super::publish::{self, Draft};
use crate::delivery::{Channel, Delivery, Guard, Recipient};
use crate::limits;
use crate::machine::{Context, Effect, Tell};
use crate::policies::Policies;
use crate::ports::PortError;
use crate::rules::{Action, EventId, EventType, Published};
use crate::values::{CustomerId, DeliveryId, EntityId};

/// Why a step led to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StepError {
    /// The command is refused; tell the sender.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The same command id came with another content; tell the sender.
    #[error("this command id was already used with another content")]
    FingerprintDiffers,
    /// Our side; the same command may work later.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A bug: the command is put aside.
    #[error("{0}")]
    Bug(String),
}

/// New states by entity, with their versions.
pub(super) type States = BTreeMap<EntityId, (u64, Entity)>;

/// The working copies of a step.
pub(super) struct Step<'a> {
    lane: &'a Lane,
    context: Context<'a>,
    touched: States,
    commit: Commit,
    told: usize,
}

impl<'a> Step<'a> {
    pub(super) fn new(lane: &'a Lane, policies: &'a Policies, envelope: &'a Envelope, commit: Commit) -> Self {
        let context = Context { tenant: &envelope.tenant, now: commit.at, policies };
        Self { lane, context, touched: BTreeMap::new(), commit, told: 0 }
    }

    /// Runs the command and gives the record and the new states.
    pub(super) fn run(mut self, tell: &Tell) -> Result<(Commit, States), StepError> {
        self.handle(tell).map_err(|error| match error {
            // What an entity tells another must be accepted: a refusal there is our mistake.
            StepError::Rejected(rejection) if self.told > 1 => {
                StepError::Bug(format!("a tell was refused: {rejection}"))
            }
            other => other,
        })?;
        let changed = |id: &EntityId| self.commit.changes.iter().any(|change| change.entity == *id);
        let touched = self.touched.into_iter().filter(|(id, _)| changed(id)).collect();
        Ok((self.commit, touched))
    }

    fn handle(&mut self, tell: &Tell) -> Result<(), StepError> {
        self.told += 1;
        if self.told > limits::STEP_TELLS_MAX {
            return Err(StepError::Bug(format!("more than {} tells in one step", limits::STEP_TELLS_MAX)));
        }
        let id = tell.to();
        if id.partition() != self.commit.partition {
            return Err(StepError::Bug(format!("{id} does not live in this partition")));
        }
        let context = self.context;
        let decided = self.entity(id)?.decide(tell, &context)?;
        let mut last = None;
        for event in decided.events {
            last = self.record(id, event)?.or(last);
        }
        for effect in decided.effects {
            self.carry(id, effect, last.as_ref())?;
        }
        for tell in &decided.tells {
            self.handle(tell)?;
        }
        Ok(())
    }

    fn entity(&mut self, id: EntityId) -> Result<&Entity, StepError> {
        if !self.touched.contains_key(&id) {
            let copy = self.lane.activate(id)?;
            self.touched.insert(id, copy);
        }
        match self.touched.get(&id) {
            Some((_, entity)) => Ok(entity),
            None => Err(StepError::Bug(format!("{id} is not there after its activation"))),
        }
    }

    /// Applies and stores an event, and publishes it if it is public.
    fn record(&mut self, id: EntityId, event: Event) -> Result<Option<Published>, StepError> {
        let (version, entity) =
            self.touched.get_mut(&id).ok_or_else(|| StepError::Bug(format!("{id} decided without being there")))?;
        *version += 1;
        entity.apply(&event);
        let draft = publish::draft(id, entity, &event);
        let version = *version;
        self.commit.changes.push(StoredChange { entity: id, version, event });
        match draft {
            Some(draft) => self.publish(id, draft).map(Some),
            None => Ok(None),
        }
    }

    fn publish(&mut self, entity: EntityId, draft: Draft) -> Result<Published, StepError> {
        let mut facts = Vec::new();
        if let Some(id) = draft.customer
            && let Entity::Customer(state) = self.entity(EntityId::Customer(id))?
        {
            facts.extend(publish::customer_facts(id, state));
        }
        if let Some(id) = draft.request {
            let context = self.context;
            if let Entity::PaymentRequest(state) = self.entity(EntityId::PaymentRequest(id))? {
                facts.extend(publish::request_facts(state, &context));
            }
        }
        facts.extend(draft.own);
        let index = u16::try_from(self.commit.published.len()).unwrap_or(u16::MAX);
        let (partition, sequence) = (self.commit.partition, self.commit.sequence);
        let published = Published {
            id: EventId { partition, sequence, index },
            tenant: self.context.tenant.clone(),
            event: draft.event,
            at: self.context.now,
            entity,
            customer: draft.customer,
            request: draft.request,
            facts,
        };
        self.commit.published.push(published.clone());
        self.fire_rules(&published)?;
        Ok(published)
    }

    fn fire_rules(&mut self, event: &Published) -> Result<(), StepError> {
        let policies = self.context.policies;
        for rule in policies.rules.firing(event) {
            let cause = format!("rule {}", rule.name);
            for action in &rule.then {
                let (channel, template, recipient) = match action {
                    Action::NotifyCustomer { channel, template } => {
                        let Some(customer) = event.customer else { continue };
                        if !self.reachable(customer, *channel)? {
                            continue;
                        }
                        (*channel, Some(template.clone()), Recipient::Customer(customer))
                    }
                    Action::Tell { channel, template, recipient } => (*channel, template.clone(), recipient.clone()),
                };
                self.deliver(channel, template, recipient, Guard::None, event, &cause)?;
            }
        }
        if policies.status_export && is_status(event.event) {
            let to = Recipient::StatusExport;
            self.deliver(Channel::File, None, to, Guard::None, event, "status export")?;
        }
        Ok(())
    }

    fn reachable(&mut self, customer: CustomerId, channel: Channel) -> Result<bool, StepError> {
        let Entity::Customer(state) = self.entity(EntityId::Customer(customer))? else { return Ok(false) };
        Ok(state.profile.as_ref().is_some_and(|profile| match channel {
            Channel::Email => profile.email.is_some(),
            Channel::Sms => profile.phone.is_some(),
            Channel::Hook | Channel::File => true,
        }))
    }

    fn deliver(
        &mut self, channel: Channel, template: Option<String>, recipient: Recipient, guard: Guard, event: &Published,
        cause: &str,
    ) -> Result<(), StepError> {
        let place = self.commit.deliveries.len();
        if place >= limits::STEP_DELIVERIES_MAX {
            let max = limits::STEP_DELIVERIES_MAX;
            return Err(StepError::Bug(format!("more than {max} deliveries in one step")));
        }
        let place = u64::try_from(place).unwrap_or(u64::MAX);
        let number = (self.commit.sequence << 10) | place;
        self.commit.deliveries.push(Delivery {
            id: DeliveryId::new(self.commit.at, number, self.commit.partition),
            tenant: self.context.tenant.clone(),
            channel,
            template,
            recipient,
            guard,
            event: event.clone(),
            cause: cause.to_owned(),
        });
        Ok(())
    }

    fn carry(&mut self, entity: EntityId, effect: Effect, event: Option<&Published>) -> Result<(), StepError> {
        match effect {
            Effect::ArmTimer { purpose, due, generation } => {
                let tenant = self.context.tenant.clone();
                self.commit.timers.push(ArmedTimer { due, tenant, entity, purpose, generation });
                Ok(())
            }
            Effect::Send { channel, template, recipient, guard } => {
                let event = event.ok_or_else(|| StepError::Bug(format!("{entity} sends without a public event")))?;
                let event = event.clone();
                self.deliver(channel, Some(template), recipient, guard, &event, "scenario")
            }
        }
    }
}

/// Whether the ERP's status file has a row for it.
fn is_status(event: EventType) -> bool {
    matches!(
        event,
        EventType::PaymentRequestIssued
            | EventType::PaymentRequestPartiallyPaid
            | EventType::PaymentRequestSettled
            | EventType::PaymentRequestOverdue
            | EventType::PaymentRequestCancelled
    )
}
