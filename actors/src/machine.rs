//! The one shape of every actor: a pure, deterministic machine.
//!
//! ```text
//! command ──► decide(&State, &Command, &Context) ──► Decision { events, tells, effects }
//!                                                        │
//!             State ◄── apply(&mut State, &Event) ◄──────┘   (apply also runs during recovery)
//! ```
//!
//! `decide` reads no clock, no random source and nothing global: `now` and the policies are
//! arguments (N3). `apply` only assigns (N4). Effects are data; they are carried out after the
//! record that holds them is durable (N5).

use std::sync::Arc;

use crate::customer;
use crate::delivery::{Channel, Guard, Recipient};
use crate::feed;
use crate::payment_request;
use crate::payout;
use crate::plan;
use crate::policies::Policies;
use crate::transfer;
use smol_str::SmolStr;

use crate::values::{
    AttemptId, CustomerId, EntityId, FeedId, PaymentRequestId, PayoutId, PlanId, TenantId, Timestamp, TransferId,
};

/// A pure state machine.
pub trait Machine {
    /// What is asked.
    type Command;
    /// What happened.
    type Event;
    /// Why it was refused.
    type Rejection;

    /// Decides what a command leads to. The same command again is a no-op; a contradiction is
    /// a named rejection.
    fn decide(
        &self, command: &Self::Command, context: &Context<'_>,
    ) -> Result<Decision<Self::Event>, Self::Rejection>;

    /// Folds one recorded event into the state.
    fn apply(&mut self, event: &Self::Event);
}

/// What a decision may read beside the state and the command.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// When the record was admitted, in the tenant's clock.
    pub now: Timestamp,
    /// The tenant's policies in force at admission.
    pub policies: &'a Policies,
}

/// What a command leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision<E> {
    /// What happened, in order.
    pub events: Vec<E>,
    /// What other entities of the same partition are told, in order, in the same step.
    pub tells: Vec<Tell>,
    /// What is to be done once the record is durable.
    pub effects: Vec<Effect>,
}

impl<E> Default for Decision<E> {
    fn default() -> Self {
        Self { events: Vec::new(), tells: Vec::new(), effects: Vec::new() }
    }
}

impl<E> Decision<E> {
    /// A decision of one event.
    pub fn of(event: E) -> Self {
        Self { events: vec![event], tells: Vec::new(), effects: Vec::new() }
    }

    /// Adds an event.
    pub fn push(&mut self, event: E) {
        self.events.push(event);
    }

    /// Adds a tell.
    pub fn tell(&mut self, tell: Tell) {
        self.tells.push(tell);
    }

    /// Adds what another decision says, after this one.
    pub fn join(&mut self, other: Self) {
        let Self { events, tells, effects } = other;
        self.events.extend(events);
        self.tells.extend(tells);
        self.effects.extend(effects);
    }

    /// Adds an effect.
    pub fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }
}

/// A command for another entity of the same partition.
#[derive(Debug, Clone, PartialEq)]
pub enum Tell {
    /// To a customer.
    Customer(CustomerId, customer::Command),
    /// To a payment request.
    PaymentRequest(PaymentRequestId, payment_request::Command),
    /// To a transfer.
    Transfer(TransferId, transfer::Command),
    /// To a feed.
    Feed(FeedId, feed::Command),
    /// To a payout.
    Payout(PayoutId, payout::Command),
    /// To a plan.
    Plan(PlanId, plan::Command),
}

impl Tell {
    /// Who is told.
    pub fn to(&self) -> EntityId {
        match self {
            Tell::Customer(id, _) => EntityId::Customer(*id),
            Tell::PaymentRequest(id, _) => EntityId::PaymentRequest(*id),
            Tell::Transfer(id, _) => EntityId::Transfer(*id),
            Tell::Feed(id, _) => EntityId::Feed(*id),
            Tell::Payout(id, _) => EntityId::Payout(*id),
            Tell::Plan(id, _) => EntityId::Plan(*id),
        }
    }

    /// The command's name, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Tell::Customer(_, command) => command.name(),
            Tell::PaymentRequest(_, command) => command.name(),
            Tell::Transfer(_, command) => command.name(),
            Tell::Feed(_, command) => command.name(),
            Tell::Payout(_, command) => command.name(),
            Tell::Plan(_, command) => command.name(),
        }
    }
}

/// What is to be done once the record is durable.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Wake the entity at `due`. A later generation of the same purpose replaces it.
    ArmTimer {
        /// What is due.
        purpose: Purpose,
        /// When.
        due: Timestamp,
        /// Which arming this is; a firing of another generation is ignored.
        generation: u32,
    },
    /// Send a message to someone.
    Send {
        /// How.
        channel: Channel,
        /// What it says.
        template: Arc<str>,
        /// To whom.
        recipient: Recipient,
        /// What must still hold when it leaves.
        guard: Guard,
    },
    /// Have the customer of a decided transfer asked, who may live in another partition.
    AskCustomer,
    /// Have a connector collect.
    Collect {
        /// Which connector.
        connector: SmolStr,
        /// Which attempt.
        attempt: AttemptId,
    },
    /// Have a connector say what became of an attempt that it may have.
    Inquire {
        /// Which connector.
        connector: SmolStr,
        /// Which attempt.
        attempt: AttemptId,
    },
    /// Have a connector leave an attempt that it may have: nothing is to be paid by it any more.
    CancelAttempt {
        /// Which connector.
        connector: SmolStr,
        /// Which attempt.
        attempt: AttemptId,
    },
    /// Have a connector pay out.
    PayOut {
        /// Which connector.
        connector: SmolStr,
    },
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Purpose {
    /// A reminder step is due.
    Reminder,
    /// The payment deadline has passed.
    Overdue,
    /// A card comes close to its end; the number is its slot.
    CardExpiry(u16),
    /// Something of a collection is due: an attempt, a presumption, or the end of a wait.
    Collection,
    /// A promise to pay ends.
    Promise,
    /// A hold ends.
    Hold,
    /// A file should have come.
    File,
    /// A task should have been decided, or done.
    Task,
    /// A cycle of a plan is due, or the end of its pause.
    Plan,
    /// A settlement can no longer be taken back.
    Finality,
}
