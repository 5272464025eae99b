//! What one step leaves behind: a record of the log, and what a checkpoint takes over.

use serde::{Deserialize, Serialize};

use super::directory::DirectoryEntry;
use super::entity::{Entity, Event};
use crate::delivery::{Delivery, Outcome, Pending};
use crate::machine::{Purpose, Tell};
use crate::rules::Published;
use crate::values::{CommandId, DeliveryId, EntityId, TenantId, Timestamp};

/// A command on its way in.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// Whose it is.
    pub tenant: TenantId,
    /// The same id twice is one set of events (INV-09).
    pub command_id: CommandId,
    /// What distinguishes another content under the same id.
    pub fingerprint: u64,
    /// Where it came from.
    pub origin: Origin,
    /// When it was admitted, in the tenant's clock.
    pub at: Timestamp,
    /// What is asked of whom.
    pub tell: Tell,
}

/// Where a command came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// An API call.
    Api,
    /// A row of a file.
    File {
        /// The first eight bytes of the file's digest.
        digest: u64,
        /// The row or entry.
        row: u64,
    },
    /// A timer.
    Timer,
    /// The service itself.
    System,
}

/// One event of one entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredChange {
    /// Of whom.
    pub entity: EntityId,
    /// The entity's version after it: 1 for the first event.
    pub version: u64,
    /// What happened.
    pub event: Event,
}

/// A timer that was armed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ArmedTimer {
    /// When it is due, in the tenant's clock.
    pub due: Timestamp,
    /// Whose it is.
    pub tenant: TenantId,
    /// Whom it wakes.
    pub entity: EntityId,
    /// What for.
    pub purpose: Purpose,
    /// Which arming this is.
    pub generation: u32,
}

/// One try of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriedDelivery {
    /// Which.
    pub id: DeliveryId,
    /// How it ended.
    pub outcome: Outcome,
}

/// A file that was read to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// SHA-256 of its bytes.
    pub digest: [u8; 32],
    /// Its name.
    pub name: String,
    /// The feed it came in by.
    pub feed: String,
    /// Rows or entries read.
    pub rows: u64,
    /// Of them new.
    pub accepted: u64,
    /// Of them already known.
    pub known: u64,
    /// Of them refused.
    pub refused: u64,
    /// Whether the file as a whole was refused.
    pub rejected: bool,
}

/// Facts of the service itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SystemFact {
    /// A process opened the log.
    Announced {
        /// How manieth opening of this data directory.
        boot: u64,
    },
    /// A test clock was moved.
    ClockAdvanced {
        /// To when.
        to: Timestamp,
    },
    /// A file was read to its end.
    FileFinished(FileRecord),
    /// A command kept failing and was put aside.
    Quarantined {
        /// Of whom.
        entity: EntityId,
        /// The command's name.
        command: String,
        /// What went wrong.
        error: String,
    },
}

/// One record of the log: what one command led to. Immutable once stored (N8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The lane.
    pub partition: u8,
    /// Its place in the lane, from 1 without gaps.
    pub sequence: u64,
    /// When, in the tenant's clock; never goes back within a lane and tenant.
    pub at: Timestamp,
    /// Whose.
    pub tenant: TenantId,
    /// The command.
    pub command_id: CommandId,
    /// What distinguishes another content under the same id.
    pub fingerprint: u64,
    /// Where it came from.
    pub origin: Origin,
    /// Whom the command was for.
    pub entity: Option<EntityId>,
    /// What happened, in order.
    pub changes: Vec<StoredChange>,
    /// What is published of it.
    pub published: Vec<Published>,
    /// What must leave.
    pub deliveries: Vec<Delivery>,
    /// How tries ended.
    pub outcomes: Vec<TriedDelivery>,
    /// Timers armed.
    pub timers: Vec<ArmedTimer>,
    /// The timer that caused it.
    pub fired: Option<ArmedTimer>,
    /// Facts of the service itself.
    pub facts: Vec<SystemFact>,
}

/// Proof that a command was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The lane.
    pub partition: u8,
    /// The record; 0 when nothing had to be recorded.
    pub sequence: u64,
    /// Whom the command was for.
    pub entity: Option<EntityId>,
    /// What distinguishes another content under the same id.
    pub fingerprint: u64,
}

/// What a lane hands over to the store: everything since the last checkpoint.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checkpoint {
    /// The lane.
    pub partition: u8,
    /// The last record it contains.
    pub sequence: u64,
    /// Entities changed, once each, with tenant and version.
    pub entities: Vec<(TenantId, EntityId, u64, Entity)>,
    /// Timers armed.
    pub armed: Vec<ArmedTimer>,
    /// Timers that fired.
    pub fired: Vec<ArmedTimer>,
    /// Deliveries that changed and have not ended, as they stand.
    pub outbox: Vec<Pending>,
    /// Deliveries that have ended.
    pub ended: Vec<DeliveryId>,
    /// Deliveries that were given up: kept for a person.
    pub dead: Vec<Pending>,
    /// Public events.
    pub published: Vec<Published>,
    /// Directory entries.
    pub directory: Vec<DirectoryEntry>,
    /// Receipts by command.
    pub receipts: Vec<(CommandId, Receipt)>,
    /// Test clocks and log times by tenant.
    pub times: Vec<(TenantId, Timestamp)>,
    /// Facts of the service itself.
    pub facts: Vec<(TenantId, Timestamp, SystemFact)>,
}
