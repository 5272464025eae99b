//! One step: a command and everything it leads to in its lane. States are copied when they
//! change; the lane takes the new ones over only when the whole step has succeeded.

use std::collections::VecDeque;
use std::sync::Arc;

use smol_str::SmolStr;
use thiserror::Error;

use super::commit::{ArmedTimer, Commit, Envelope, Outgoing, StoredChange};
use super::entity::{Entity, Event, Rejection};
use super::lane::Lane;
use super::occurrence::{About, Occurrence, Standing, View, key_of};
use super::publishing::published_of;
use crate::customer;
use crate::delivery::{Channel, Guard, Recipient};
use crate::limits;
use crate::machine::{Context, Effect, Tell};
use crate::payment_request;
use crate::policies::Policies;
use crate::ports::PortError;
use crate::rules::{Action, Concerned, EventType, Moment, Rule, Then};
use crate::values::{AttemptId, CustomerId, EntityId};

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

/// A new state, with its version.
pub(super) type Touched = (EntityId, u64, Arc<Entity>);

/// The working copies of a step.
pub(super) struct Step<'a> {
    lane: &'a mut Lane,
    context: Context<'a>,
    touched: Vec<Touched>,
    commit: Commit,
    told: usize,
    /// What rules do once everything else is done.
    deeds: VecDeque<Tell>,
}

impl<'a> Step<'a> {
    pub(super) fn new(lane: &'a mut Lane, policies: &'a Policies, envelope: &'a Envelope, commit: Commit) -> Self {
        let context = Context { tenant: &envelope.tenant, now: commit.at, policies };
        Self { lane, context, touched: Vec::new(), commit, told: 0, deeds: VecDeque::new() }
    }

    /// Runs the command and gives the record and the new states.
    pub(super) fn run(mut self, tell: &Tell) -> Result<(Commit, Vec<Touched>), StepError> {
        self.handle(tell).and_then(|()| self.follow()).map_err(|error| match error {
            // A customer's bound is the sender's matter, wherever in the step it is met.
            bound @ StepError::Rejected(Rejection::Customer(customer::Rejection::TooManyRequests(_))) => bound,
            // So is money that was given back meanwhile.
            given @ StepError::Rejected(Rejection::PaymentRequest(payment_request::Rejection::RefundedSince {
                ..
            })) => given,
            // A number that a plan would have given to its cycle is another's.
            taken @ StepError::Rejected(Rejection::PaymentRequest(
                payment_request::Rejection::AlreadyIssuedWith { .. },
            )) => taken,
            // And what cannot be paid out, or agreed in a plan.
            refused @ StepError::Rejected(Rejection::Payout(_) | Rejection::Plan(_)) => refused,
            // What an entity tells another must be accepted: a refusal there is our mistake.
            StepError::Rejected(rejection) if self.told > 1 => {
                StepError::Bug(format!("a tell was refused: {rejection}"))
            }
            other => other,
        })?;
        Ok((self.commit, self.touched))
    }

    /// Does what rules do; what cannot be done as things are is left.
    fn follow(&mut self) -> Result<(), StepError> {
        while let Some(tell) = self.deeds.pop_front() {
            if self.told > limits::STEP_TELLS_MAX / 2 {
                break; // A step of so much does nothing beside.
            }
            // What was just opened again, by a person or a bank, is not given up in the same step.
            let gives_up = matches!(tell, Tell::PaymentRequest(_, payment_request::Command::WriteOff { .. }));
            let reopened = |change: &StoredChange| {
                change.entity == tell.to()
                    && matches!(change.event, Event::PaymentRequest(payment_request::Event::Reopened { .. }))
            };
            if gives_up && self.commit.changes.iter().any(reopened) {
                continue;
            }
            let context = self.context;
            let (_, entity) = self.entity(tell.to())?;
            if entity.decide(&tell, &context).is_ok() {
                self.handle(&tell)?;
            }
        }
        Ok(())
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
        let (version, entity) = self.entity(id)?;
        let decided = entity.decide(tell, &context)?;
        let mut state = Some((version, entity));
        let mut last = None;
        for event in decided.events {
            last = self.record(id, event, state.take())?.or(last);
        }
        drop(state);
        for effect in decided.effects {
            self.carry(id, effect, last)?;
        }
        for tell in &decided.tells {
            self.handle(tell)?;
        }
        Ok(())
    }

    fn entity(&mut self, id: EntityId) -> Result<(u64, Arc<Entity>), StepError> {
        match self.touched.iter().find(|(known, ..)| *known == id) {
            Some((_, version, entity)) => Ok((*version, Arc::clone(entity))),
            None => Ok(self.lane.activate(id)?),
        }
    }

    /// Applies and stores an event, and publishes it if it is public; gives its place then.
    /// `before` is the state before the first event of a decision.
    fn record(
        &mut self, id: EntityId, event: Event, before: Option<(u64, Arc<Entity>)>,
    ) -> Result<Option<u16>, StepError> {
        let at = match self.touched.iter().position(|(known, ..)| *known == id) {
            Some(at) => {
                drop(before);
                at
            }
            None => {
                let (version, entity) = match before {
                    Some(before) => before,
                    None => self.lane.activate(id)?,
                };
                self.touched.push((id, version, entity));
                self.touched.len() - 1
            }
        };
        let Some((_, version, entity)) = self.touched.get_mut(at) else {
            return Err(StepError::Bug(format!("{id} decided without being there")));
        };
        *version += 1;
        let state = Arc::make_mut(entity);
        state.apply(&event);
        let published = published_of(id, state, &event);
        self.commit.changes.push(StoredChange { entity: id, version: *version, event });
        match published {
            Some((event, customer, request)) => self.publish(id, event, customer, request).map(Some),
            None => Ok(None),
        }
    }

    fn publish(
        &mut self, entity: EntityId, event: EventType, customer: Option<CustomerId>,
        request: Option<crate::values::PaymentRequestId>,
    ) -> Result<u16, StepError> {
        // What lives in another lane is not this one's to read: it may have changed there.
        let here = self.commit.partition;
        let (named_customer, named_request) = (customer, request);
        let customer = customer.filter(|id| id.partition() == here);
        let request = request.filter(|id| id.partition() == here);
        let customer_state = customer.map(|id| self.entity(EntityId::Customer(id))).transpose()?;
        let request_state = request.map(|id| self.entity(EntityId::PaymentRequest(id))).transpose()?;
        let transfer_state = match entity {
            EntityId::Transfer(_) => Some(self.entity(entity)?),
            _ => None,
        };
        let payout_state = match entity {
            EntityId::Payout(_) => Some(self.entity(entity)?),
            _ => None,
        };
        let plan_state = match entity {
            EntityId::Plan(_) => Some(self.entity(entity)?),
            _ => None,
        };
        let about = About {
            customer: match (customer, &customer_state) {
                (Some(id), Some((_, state))) => state.as_customer().map(|state| (id, state)),
                _ => None,
            },
            request: request_state.as_ref().and_then(|(_, state)| state.as_payment_request()),
            transfer: transfer_state.as_ref().and_then(|(_, state)| state.as_transfer()),
            payout: payout_state.as_ref().and_then(|(_, state)| state.as_payout()),
            plan: plan_state.as_ref().and_then(|(_, state)| state.as_plan()),
        };
        let context = self.context;
        let Some(change) = self.commit.changes.last() else {
            return Err(StepError::Bug(format!("{entity} publishes what it did not record")));
        };
        let (key_seq, figures) = (self.number(entity, customer), about.figures(&change.event, &context));
        let standing = Standing::Numbered { key_seq, figures };
        let place = u16::try_from(self.commit.published.len()).unwrap_or(u16::MAX);
        let view = View { event: &change.event, standing: &standing, about };
        let Policies { zone, calendar, .. } = context.policies;
        let moment = Moment { at: context.now, tenant: context.tenant, zone, calendar };
        let then = Then { facts: &view, moment };
        let firing: Vec<&'a Rule> = context.policies.rules.firing(event, &then);
        let concerned = about.customer.map(|(_, state)| state);
        let (mut outgoing, mut fired) = (Vec::new(), Vec::new());
        for rule in firing {
            let once = rule.once.and_then(|once| {
                let (id, state) = about.customer?;
                Some((once, id, once.key(rule, named_request, &then)?, state))
            });
            if once.is_some_and(|(_, _, key, state)| !state.may_fire(key, context.now)) {
                continue;
            }
            let before = outgoing.len() + self.deeds.len();
            for action in rule.then.iter().filter(|action| action.reaches(concerned)) {
                let (channel, template, recipient) = match action {
                    Action::NotifyCustomer { channel, template } => {
                        let Some(customer) = customer else { continue };
                        (*channel, Some(Arc::clone(template)), Recipient::Customer(customer))
                    }
                    Action::Tell { channel, template, recipient } => (*channel, template.clone(), recipient.clone()),
                    Action::Do(_) if rule.shadow => continue,
                    Action::Do(deed) => {
                        let today = context.now.date_in(&context.policies.zone);
                        let concerned = Concerned { customer, request, plan: about.plan_of(entity) };
                        self.deeds.extend(deed.command(&rule.name, concerned, today));
                        continue;
                    }
                };
                let asks = matches!(action, Action::NotifyCustomer { .. }) && event.asks_for_money();
                let guard = match request {
                    _ if rule.shadow => Guard::TriedOut,
                    // It leaves as a reminder does: not to who has paid meanwhile, disputes, or is on hold.
                    Some(request) if asks => Guard::StillOpen(request),
                    _ => Guard::None,
                };
                let cause = Arc::clone(&rule.cause);
                outgoing.push(Outgoing { channel, template, recipient, guard, occurrence: place, cause });
            }
            // What reaches nobody has not been said.
            if let Some((once, id, key, _)) = once
                && outgoing.len() + self.deeds.len() > before
            {
                fired.push((id, key, context.now.plus_millis(once.within_ms)));
            }
        }
        for (endpoint, cause) in context.policies.subscriptions.on(event) {
            let recipient = Recipient::Endpoint(endpoint.clone());
            // A rule may have told it already; one with a form of its own tells something else.
            let told = |known: &Outgoing| {
                known.recipient == recipient && known.guard != Guard::TriedOut && known.template.is_none()
            };
            if !outgoing.iter().any(told) {
                let (channel, cause) = (Channel::Hook, Arc::clone(cause));
                let (template, guard, occurrence) = (None, Guard::None, place);
                outgoing.push(Outgoing { channel, template, recipient, guard, occurrence, cause });
            }
        }
        if context.policies.status_export && event.is_status() {
            outgoing.push(Outgoing {
                channel: Channel::File,
                template: None,
                recipient: Recipient::StatusExport,
                guard: Guard::None,
                occurrence: place,
                cause: Arc::clone(&context.policies.rules.status_cause),
            });
        }
        let change = u16::try_from(self.commit.changes.len().saturating_sub(1)).unwrap_or(u16::MAX);
        let (customer, request) = (named_customer, named_request);
        self.commit.published.push(Occurrence { event, change, customer, request, standing });
        outgoing.into_iter().try_for_each(|outgoing| self.deliver(outgoing))?;
        for (id, key, until) in fired {
            let event = Event::Customer(customer::Event::RuleFired { key, at: context.now, until });
            self.record(EntityId::Customer(id), event, None)?;
        }
        Ok(place)
    }

    /// Which event of its key the next one is.
    fn number(&self, subject: EntityId, customer: Option<CustomerId>) -> u64 {
        let here = self.commit.partition;
        let key = key_of(customer, subject, here);
        let known = self.lane.residents.peek(key).map_or(0, |resident| resident.told);
        let same = |occurrence: &&Occurrence| {
            let change = self.commit.changes.get(usize::from(occurrence.change));
            change.is_some_and(|change| occurrence.key(change.entity, here) == key)
        };
        let before = self.commit.published.iter().filter(same).count();
        known + u64::try_from(before).unwrap_or(0) + 1
    }

    fn deliver(&mut self, outgoing: Outgoing) -> Result<(), StepError> {
        if self.commit.deliveries.len() >= limits::STEP_DELIVERIES_MAX {
            let max = limits::STEP_DELIVERIES_MAX;
            return Err(StepError::Bug(format!("more than {max} deliveries in one step")));
        }
        self.commit.deliveries.push(outgoing);
        Ok(())
    }

    /// Asks a connector about an attempt that it may have.
    fn ask_of_attempt(
        &mut self, entity: EntityId, (channel, connector, attempt): (Channel, SmolStr, AttemptId), last: Option<u16>,
    ) -> Result<(), StepError> {
        let (Some(occurrence), EntityId::PaymentRequest(request)) = (last, entity) else {
            return Err(StepError::Bug(format!("{entity} asks about no attempt")));
        };
        let cause = Arc::clone(&self.context.policies.rules.collection_cause);
        let (recipient, guard) = (Recipient::Connector(connector), Guard::AttemptInFlight(request, attempt));
        self.deliver(Outgoing { channel, template: None, recipient, guard, occurrence, cause })
    }

    fn carry(&mut self, entity: EntityId, effect: Effect, last: Option<u16>) -> Result<(), StepError> {
        match effect {
            Effect::ArmTimer { purpose, due, generation } => {
                self.commit.timers.push(ArmedTimer { due, entity, purpose, generation });
                Ok(())
            }
            Effect::AskCustomer => {
                let occurrence =
                    last.ok_or_else(|| StepError::Bug(format!("{entity} asks without a public event")))?;
                let (channel, recipient) = (Channel::Partition, Recipient::DecidedCustomer);
                let cause = Arc::clone(&self.context.policies.rules.decision_cause);
                let guard = Guard::None;
                self.deliver(Outgoing { channel, template: None, recipient, guard, occurrence, cause })
            }
            Effect::Collect { connector, attempt } => {
                let occurrence =
                    last.ok_or_else(|| StepError::Bug(format!("{entity} collects without a public event")))?;
                let EntityId::PaymentRequest(request) = entity else {
                    return Err(StepError::Bug(format!("{entity} is not collected")));
                };
                let (channel, recipient) = (Channel::Collection, Recipient::Connector(connector));
                let cause = Arc::clone(&self.context.policies.rules.collection_cause);
                let guard = Guard::AttemptWanted(request, attempt);
                self.deliver(Outgoing { channel, template: None, recipient, guard, occurrence, cause })
            }
            Effect::Inquire { connector, attempt } => {
                self.ask_of_attempt(entity, (Channel::Inquiry, connector, attempt), last)
            }
            Effect::CancelAttempt { connector, attempt } => {
                self.ask_of_attempt(entity, (Channel::Cancellation, connector, attempt), last)
            }
            Effect::PayOut { connector } => {
                let occurrence =
                    last.ok_or_else(|| StepError::Bug(format!("{entity} pays out without a public event")))?;
                let (channel, recipient) = (Channel::Payout, Recipient::Connector(connector));
                let cause = Arc::clone(&self.context.policies.rules.payout_cause);
                self.deliver(Outgoing { channel, template: None, recipient, guard: Guard::None, occurrence, cause })
            }
            Effect::Send { channel, template, recipient, guard } => {
                let occurrence =
                    last.ok_or_else(|| StepError::Bug(format!("{entity} sends without a public event")))?;
                let cause = Arc::clone(&self.context.policies.rules.scenario_cause);
                self.deliver(Outgoing { channel, template: Some(template), recipient, guard, occurrence, cause })
            }
        }
    }
}
