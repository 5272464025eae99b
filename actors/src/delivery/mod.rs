//! A delivery: one message that must leave, until it is delivered, given up or withheld.
//!
//! ```text
//! pending ─► in flight ─► delivered
//!    ▲            ├─► retry at (the ladder) ─► …tries used up ─► dead (kept for a person)
//!    └────────────┘   guard no longer holds ─► suppressed
//! ```
//!
//! A way on which a second try would arrive a second time, such as SMS, is claimed by a record before each try: what was
//! claimed and of which nobody heard is given up, for a person. What was given up is tried again when a person asks.
//!
//! A delivery's id is derived from the record that made it, so every try and every replay
//! carries the same id (INV-06, INV-09). It is not the transport: see the service's channels.

mod breaker;
mod fault;
mod ladder;
mod tactic;
mod window;

pub use breaker::Breaker;
pub use fault::Fault;
pub use ladder::{Ladder, Verdict};
pub use tactic::{Batch, Order, Tactic, Tactics};
pub use window::Window;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::rules::Published;
use crate::values::{AttemptId, CustomerId, DeliveryId, PaymentRequestId, TenantId, Timestamp};

/// How a message leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// E-mail.
    Email,
    /// SMS.
    Sms,
    /// Signed HTTP call.
    Hook,
    /// JSON file.
    File,
    /// To an entity of another partition.
    Partition,
    /// To a connector, which collects.
    Collection,
    /// To a connector, which pays out.
    Payout,
    /// To a connector, which says what became of an attempt.
    Inquiry,
    /// To a connector, which collects an attempt no more.
    Cancellation,
}

impl Channel {
    /// Whether people read it.
    pub fn reaches_people(self) -> bool {
        matches!(self, Channel::Email | Channel::Sms)
    }

    /// Whether a second try would arrive beside the first: nothing of it tells the recipient that it is the same.
    pub fn arrives_twice(self) -> bool {
        self == Channel::Sms
    }

    /// The word in configuration and on screens.
    pub fn name(self) -> &'static str {
        match self {
            Channel::Email => "email",
            Channel::Sms => "sms",
            Channel::Hook => "hook",
            Channel::File => "file",
            Channel::Partition => "partition",
            Channel::Collection => "collection",
            Channel::Payout => "payout",
            Channel::Inquiry => "inquiry",
            Channel::Cancellation => "cancellation",
        }
    }
}

/// To whom a message goes. Addresses are looked up when it leaves (N10).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Recipient {
    /// A customer.
    Customer(CustomerId),
    /// A list of the configuration, such as `sales`.
    List(SmolStr),
    /// A hook endpoint of the configuration.
    Endpoint(SmolStr),
    /// An outgoing feed of the configuration.
    Feed(SmolStr),
    /// The status file of the ERP.
    StatusExport,
    /// The customer that a decision of the transfer names.
    DecidedCustomer,
    /// A connector of the configuration.
    Connector(SmolStr),
}

/// What must still hold when a message leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Guard {
    /// Nothing.
    None,
    /// Something is still to be paid (INV-03).
    StillOpen(PaymentRequestId),
    /// The attempt is still wanted (INV-04).
    AttemptWanted(PaymentRequestId, AttemptId),
    /// It never leaves: its rule is tried out.
    TriedOut,
    /// Something of what it tells the customer of is still to be paid: it was the turn of this one.
    Together(PaymentRequestId),
    /// The attempt may still collect.
    AttemptInFlight(PaymentRequestId, AttemptId),
}

/// One message about to leave, with the event it tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id, the same on every try.
    pub id: DeliveryId,
    /// Whose it is.
    pub tenant: TenantId,
    /// How it leaves.
    pub channel: Channel,
    /// What it says; machines get the event itself.
    pub template: Option<Arc<str>>,
    /// To whom.
    pub recipient: Recipient,
    /// What must still hold.
    pub guard: Guard,
    /// What happened.
    pub event: Published,
    /// Which rule or scenario asked for it.
    pub cause: Arc<str>,
}

/// The way a delivery goes: each way has a lane of its own, so that one slow recipient never
/// holds up another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Route {
    /// Through the provider of a channel.
    Channel(Channel),
    /// To a hook endpoint.
    Endpoint(TenantId, SmolStr),
    /// To an outgoing feed.
    Feed(TenantId, SmolStr),
    /// To the status file.
    StatusExport(TenantId),
    /// To a connector.
    Connector(TenantId, SmolStr),
    /// To a connector that pays out.
    Payouts(TenantId, SmolStr),
    /// To a connector that is asked about its attempts.
    Inquiries(TenantId, SmolStr),
}

impl Route {
    /// The way of a delivery.
    pub fn of(tenant: &TenantId, channel: Channel, recipient: &Recipient) -> Self {
        match recipient {
            Recipient::Endpoint(name) => Route::Endpoint(tenant.clone(), name.clone()),
            Recipient::Feed(name) => Route::Feed(tenant.clone(), name.clone()),
            Recipient::StatusExport => Route::StatusExport(tenant.clone()),
            Recipient::Connector(name) if channel == Channel::Payout => Route::Payouts(tenant.clone(), name.clone()),
            Recipient::Connector(name) if matches!(channel, Channel::Inquiry | Channel::Cancellation) => {
                Route::Inquiries(tenant.clone(), name.clone())
            }
            Recipient::Connector(name) => Route::Connector(tenant.clone(), name.clone()),
            Recipient::Customer(_) | Recipient::List(_) | Recipient::DecidedCustomer => Route::Channel(channel),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Route::Channel(channel) => f.write_str(channel.name()),
            Route::Endpoint(tenant, name) => write!(f, "hook:{tenant}:{name}"),
            Route::Feed(tenant, name) => write!(f, "file:{tenant}:{name}"),
            Route::StatusExport(tenant) => write!(f, "status:{tenant}"),
            Route::Connector(tenant, name) => write!(f, "collection:{tenant}:{name}"),
            Route::Payouts(tenant, name) => write!(f, "payout:{tenant}:{name}"),
            Route::Inquiries(tenant, name) => write!(f, "inquiry:{tenant}:{name}"),
        }
    }
}

/// How one try ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It arrived.
    Delivered {
        /// What the other side said, for a person.
        detail: String,
    },
    /// It did not, and will be tried again.
    RetryAt {
        /// When, in system time.
        at: Timestamp,
        /// Why it failed: the word of a [`Fault`], a colon, and what can be told of it.
        error: String,
    },
    /// It is given up, and kept for a person.
    Dead {
        /// Why it failed: the word of a [`Fault`], a colon, and what can be told of it.
        error: String,
    },
    /// It is not wanted any more.
    Suppressed {
        /// Why.
        reason: String,
    },
    /// It is about to leave, and whether it arrived nobody may ever hear.
    Claimed,
    /// It was not tried: too much has left lately. It waits for its turn.
    HeldBack {
        /// Until when, in system time.
        until: Timestamp,
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// Whether nothing more will be tried.
    pub fn is_final(&self) -> bool {
        !matches!(self, Outcome::RetryAt { .. } | Outcome::Claimed | Outcome::HeldBack { .. })
    }
}
