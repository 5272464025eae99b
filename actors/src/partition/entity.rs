//! The kinds of virtual actor, as one.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::customer::{self, Customer};
use crate::feed::{self, Feed};
use crate::machine::{Context, Effect, Machine, Tell};
use crate::payment_request::{self, PaymentRequest};
use crate::payout::{self, Payout};
use crate::plan::{self, Plan};
use crate::transfer::{self, Transfer};
use crate::values::EntityId;

/// The state of a virtual actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entity {
    /// A customer.
    Customer(Customer),
    /// A payment request.
    PaymentRequest(PaymentRequest),
    /// A transfer.
    Transfer(Box<Transfer>),
    /// A feed.
    Feed(Feed),
    /// A payout.
    Payout(Payout),
    /// A plan.
    Plan(Plan),
}

/// An event of a virtual actor. Stored by position: only ever added at the end (N8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// Of a customer.
    Customer(customer::Event),
    /// Of a payment request.
    PaymentRequest(payment_request::Event),
    /// Of a transfer.
    Transfer(transfer::Event),
    /// Of a feed.
    Feed(feed::Event),
    /// Of a payout.
    Payout(payout::Event),
    /// Of a plan.
    Plan(plan::Event),
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Rejection {
    /// By a customer.
    #[error(transparent)]
    Customer(#[from] customer::Rejection),
    /// By a payment request.
    #[error(transparent)]
    PaymentRequest(#[from] payment_request::Rejection),
    /// By a transfer.
    #[error(transparent)]
    Transfer(#[from] transfer::Rejection),
    /// By a feed.
    #[error(transparent)]
    Feed(#[from] feed::Rejection),
    /// By a payout.
    #[error(transparent)]
    Payout(#[from] payout::Rejection),
    /// By a plan.
    #[error(transparent)]
    Plan(#[from] plan::Rejection),
}

impl Rejection {
    /// The entity is not there, or not for this tenant to know of.
    pub(super) fn unknown(id: EntityId) -> Self {
        match id {
            EntityId::Customer(_) => customer::Rejection::Unknown.into(),
            EntityId::PaymentRequest(_) => payment_request::Rejection::Unknown.into(),
            EntityId::Transfer(_) => transfer::Rejection::Unknown.into(),
            EntityId::Feed(_) => feed::Rejection::Unknown.into(),
            EntityId::Payout(_) => payout::Rejection::Unknown.into(),
            EntityId::Plan(_) => plan::Rejection::Unknown.into(),
        }
    }

    /// Whether the entity is simply not there.
    pub fn is_unknown(&self) -> bool {
        matches!(
            self,
            Rejection::Customer(customer::Rejection::Unknown)
                | Rejection::PaymentRequest(payment_request::Rejection::Unknown)
                | Rejection::Transfer(transfer::Rejection::Unknown)
                | Rejection::Feed(feed::Rejection::Unknown)
                | Rejection::Payout(payout::Rejection::Unknown)
                | Rejection::Plan(plan::Rejection::Unknown)
        )
    }
}

/// A decision of any kind of entity.
pub(super) struct Decided {
    pub events: Vec<Event>,
    pub tells: Vec<Tell>,
    pub effects: Vec<Effect>,
}

impl Entity {
    /// The empty state of a kind.
    pub fn new(id: EntityId) -> Self {
        match id {
            EntityId::Customer(_) => Entity::Customer(Customer::default()),
            EntityId::PaymentRequest(_) => Entity::PaymentRequest(PaymentRequest::default()),
            EntityId::Transfer(_) => Entity::Transfer(Box::default()),
            EntityId::Feed(_) => Entity::Feed(Feed::default()),
            EntityId::Payout(_) => Entity::Payout(Payout::default()),
            EntityId::Plan(_) => Entity::Plan(Plan::default()),
        }
    }

    /// The state of a customer.
    pub fn as_customer(&self) -> Option<&Customer> {
        match self {
            Entity::Customer(state) => Some(state),
            _ => None,
        }
    }

    /// The state of a payment request.
    pub fn as_payment_request(&self) -> Option<&PaymentRequest> {
        match self {
            Entity::PaymentRequest(state) => Some(state),
            _ => None,
        }
    }

    /// The state of a transfer.
    pub fn as_transfer(&self) -> Option<&Transfer> {
        match self {
            Entity::Transfer(state) => Some(state),
            _ => None,
        }
    }

    /// The state of a feed.
    pub fn as_feed(&self) -> Option<&Feed> {
        match self {
            Entity::Feed(state) => Some(state),
            _ => None,
        }
    }

    /// The state of a payout.
    pub fn as_payout(&self) -> Option<&Payout> {
        match self {
            Entity::Payout(state) => Some(state),
            _ => None,
        }
    }

    /// The state of a plan.
    pub fn as_plan(&self) -> Option<&Plan> {
        match self {
            Entity::Plan(state) => Some(state),
            _ => None,
        }
    }

    pub(super) fn decide(&self, tell: &Tell, context: &Context<'_>) -> Result<Decided, Rejection> {
        match (self, tell) {
            (Entity::Customer(state), Tell::Customer(_, command)) => {
                let decision = state.decide(command, context)?;
                let events = decision.events.into_iter().map(Event::Customer).collect();
                Ok(Decided { events, tells: decision.tells, effects: decision.effects })
            }
            (Entity::PaymentRequest(state), Tell::PaymentRequest(_, command)) => {
                let decision = state.decide(command, context)?;
                let events = decision.events.into_iter().map(Event::PaymentRequest).collect();
                Ok(Decided { events, tells: decision.tells, effects: decision.effects })
            }
            (Entity::Transfer(state), Tell::Transfer(_, command)) => {
                let decision = state.decide(command, context)?;
                let events = decision.events.into_iter().map(Event::Transfer).collect();
                Ok(Decided { events, tells: decision.tells, effects: decision.effects })
            }
            (Entity::Feed(state), Tell::Feed(_, command)) => {
                let decision = state.decide(command, context)?;
                let events = decision.events.into_iter().map(Event::Feed).collect();
                Ok(Decided { events, tells: decision.tells, effects: decision.effects })
            }
            (Entity::Payout(state), Tell::Payout(_, command)) => {
                let decision = state.decide(command, context)?;
                let events = decision.events.into_iter().map(Event::Payout).collect();
                Ok(Decided { events, tells: decision.tells, effects: decision.effects })
            }
            (Entity::Plan(state), Tell::Plan(_, command)) => {
                let decision = state.decide(command, context)?;
                let events = decision.events.into_iter().map(Event::Plan).collect();
                Ok(Decided { events, tells: decision.tells, effects: decision.effects })
            }
            // An id names its kind, so state and command always agree; nothing is decided else.
            _ => Ok(Decided { events: Vec::new(), tells: Vec::new(), effects: Vec::new() }),
        }
    }

    /// Folds one recorded event.
    pub fn apply(&mut self, event: &Event) {
        match (self, event) {
            (Entity::Customer(state), Event::Customer(event)) => state.apply(event),
            (Entity::PaymentRequest(state), Event::PaymentRequest(event)) => state.apply(event),
            (Entity::Transfer(state), Event::Transfer(event)) => state.apply(event),
            (Entity::Feed(state), Event::Feed(event)) => state.apply(event),
            (Entity::Payout(state), Event::Payout(event)) => state.apply(event),
            (Entity::Plan(state), Event::Plan(event)) => state.apply(event),
            _ => crate::invariants::broken(crate::invariants::STATE_IS_FOLD),
        }
    }
}
