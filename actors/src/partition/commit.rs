//! What one step leaves behind: a record of the log, and what a checkpoint takes over.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::directory::DirectoryEntry;
use super::entity::{Entity, Event};
use super::history::History;
use super::occurrence::{About, Occurrence, View};
use super::outbox::{NotedTry, Row};
use crate::customer;
use crate::delivery::{Channel, Guard, Outcome, Recipient, Route};
use crate::feed;
use crate::machine::{Purpose, Tell};
use crate::payment_request;
use crate::plan;
use crate::rules::{EventId, Facts};
use crate::transfer::{self, ReturnReason};
use crate::values::{CommandId, Currency, Date, DeliveryId, EntityId, Money, TenantId, Timestamp};

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

/// A timer of a tenant that was armed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ArmedTimer {
    /// When it is due, in the tenant's clock.
    pub due: Timestamp,
    /// Whom it wakes.
    pub entity: EntityId,
    /// What for.
    pub purpose: Purpose,
    /// Which arming this is.
    pub generation: u32,
}

impl ArmedTimer {
    /// What its firing asks of whom; nothing when such an entity has no such timer. What is known of the
    /// bank's statements at that moment goes with it.
    pub fn command(&self, bank_complete_to: Option<Date>) -> Option<Tell> {
        let ArmedTimer { due, generation, .. } = *self;
        match (self.entity, self.purpose) {
            (EntityId::PaymentRequest(id), Purpose::Reminder) => {
                let command = payment_request::Command::ReminderDue { generation, due, bank_complete_to };
                Some(Tell::PaymentRequest(id, command))
            }
            (EntityId::PaymentRequest(id), Purpose::Overdue) => {
                Some(Tell::PaymentRequest(id, payment_request::Command::OverdueDue { due }))
            }
            (EntityId::PaymentRequest(id), Purpose::Finality) => {
                Some(Tell::PaymentRequest(id, payment_request::Command::FinalityDue { due }))
            }
            (EntityId::PaymentRequest(id), Purpose::Collection) => Some(Tell::PaymentRequest(
                id,
                payment_request::Command::CollectionDue { bank_complete_to, generation, due },
            )),
            (EntityId::PaymentRequest(id), Purpose::Promise) => {
                Some(Tell::PaymentRequest(id, payment_request::Command::PromiseDue { generation, due }))
            }
            (EntityId::Customer(id), Purpose::Hold) => Some(Tell::Customer(id, customer::Command::HoldDue)),
            (EntityId::Customer(id), Purpose::CardExpiry(slot)) => {
                Some(Tell::Customer(id, customer::Command::CardExpiryDue { slot, generation, due }))
            }
            (EntityId::Customer(id), Purpose::Task) => {
                let due = customer::Note::TaskDue { number: generation, due };
                Some(Tell::Customer(id, customer::Command::Note(due)))
            }
            (EntityId::Transfer(id), Purpose::Task) => {
                Some(Tell::Transfer(id, transfer::Command::TaskDue { generation, due }))
            }
            (EntityId::Plan(id), Purpose::Plan) => {
                Some(Tell::Plan(id, plan::Command::CycleDue { generation, due, reserved: None }))
            }
            (EntityId::Feed(id), Purpose::File) => Some(Tell::Feed(id, feed::Command::FileDue { generation, due })),
            _ => None,
        }
    }
}

/// A message that must leave, as a record holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// How it leaves.
    pub channel: Channel,
    /// What it says; machines get the event itself.
    pub template: Option<Arc<str>>,
    /// To whom.
    pub recipient: Recipient,
    /// What must still hold when it leaves.
    pub guard: Guard,
    /// The place of the public event it tells of.
    pub occurrence: u16,
    /// Which rule or scenario asked for it.
    pub cause: Arc<str>,
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

/// At which level of an order file a status is given; the lower one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusLevel {
    /// Of the whole file.
    Group,
    /// Of a batch of it.
    Batch,
    /// Of one transaction.
    #[default]
    Transaction,
}

/// What a bank reports of an order of ours. Source: ISO 20022 pain.002.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StatusReport {
    /// Its number in the file, from 1.
    pub row: u64,
    /// The line it begins at.
    pub line: u64,
    /// What it speaks of.
    pub level: StatusLevel,
    /// The report's own message id.
    pub message: SmolStr,
    /// The id of our message.
    pub original_message: SmolStr,
    /// The id of our batch.
    pub original_batch: SmolStr,
    /// The id of our instruction.
    pub original_instruction: SmolStr,
    /// The end-to-end id of our transaction.
    pub original_end_to_end: SmolStr,
    /// The status: `RJCT`, `ACSP`, `PDNG` and so on.
    pub status: SmolStr,
    /// Why.
    pub reasons: Vec<ReturnReason>,
    /// The amount of the transaction, if it is repeated.
    pub amount: Option<Money>,
    /// The mandate, if it is repeated.
    pub mandate_id: SmolStr,
}

/// A bank statement that was read to its end and closes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementRecord {
    /// The account, without blanks.
    pub account: SmolStr,
    /// The bank's id or number of it.
    pub statement: SmolStr,
    /// Whether it is of a day that goes on.
    pub interim: bool,
    /// Its currency.
    pub currency: Option<Currency>,
    /// The balance it starts from, in minor units.
    pub opening: Option<i64>,
    /// The balance it ends at, in minor units.
    pub closing: Option<i64>,
    /// The day of the opening balance.
    pub opened_on: Option<Date>,
    /// The day of the closing balance.
    pub closed_on: Option<Date>,
    /// Its entries.
    pub entries: u64,
    /// The sum of its credits, in minor units.
    pub credits: i64,
    /// The sum of its debits, in minor units.
    pub debits: i64,
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
    /// Statements of a file were read, and close.
    StatementsRead {
        /// The feed it came in by.
        feed: String,
        /// SHA-256 of the file's bytes.
        digest: [u8; 32],
        /// The statements, a bounded number of them.
        statements: Vec<StatementRecord>,
    },
    /// A bank said what became of orders of ours.
    OrdersReported {
        /// The feed it came in by.
        feed: String,
        /// SHA-256 of the file's bytes.
        digest: [u8; 32],
        /// The reports, a bounded number of them.
        reports: Vec<StatusReport>,
    },
    /// A person has a delivery tried again that was given up.
    DeliveryRevived(Revived),
    /// Somebody has a delivery sent once more, in the order of its key.
    DeliveryReplayed {
        /// Which.
        revived: Revived,
        /// What its order is kept by, as a number.
        key: u64,
    },
    /// A file was read whose sender calls its message by this name.
    MessageRead {
        /// The feed it came in by.
        feed: String,
        /// SHA-256 of the file's bytes.
        digest: [u8; 32],
        /// A hash of the name.
        message: u64,
    },
}

/// A delivery that was given up and is tried again, with the same id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revived {
    /// Which.
    pub id: DeliveryId,
    /// The way it goes.
    pub route: Route,
    /// The position of its record in the log.
    pub position: u64,
    /// Its place in the record.
    pub place: u16,
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
    pub published: Vec<Occurrence>,
    /// What must leave.
    pub deliveries: Vec<Outgoing>,
    /// How tries ended.
    pub outcomes: Vec<TriedDelivery>,
    /// Timers armed.
    pub timers: Vec<ArmedTimer>,
    /// The timer that caused it.
    pub fired: Option<ArmedTimer>,
    /// Facts of the service itself.
    pub facts: Vec<SystemFact>,
}

impl Commit {
    /// The id of the delivery at a place: the same on every try and in every replay.
    pub fn delivery_id(&self, place: usize) -> DeliveryId {
        let place = u64::try_from(place).unwrap_or(u64::MAX);
        // Steps of more than a thousand deliveries came later: theirs are apart from all others.
        let number = match place {
            0..1_024 => (self.sequence << 10) | place,
            _ => (1 << 63) | (self.sequence << 16) | place,
        };
        DeliveryId::new(self.at, number, self.partition)
    }

    /// What the order of a delivery is kept by, as a number: that of the event it tells of.
    pub fn key_of(&self, outgoing: &Outgoing) -> u64 {
        let occurrence = self.published.get(usize::from(outgoing.occurrence));
        let subject = occurrence.and_then(|told| self.changes.get(usize::from(told.change)));
        let key = occurrence.zip(subject).map(|(told, change)| told.key(change.entity, self.partition).to_key());
        // The last bytes of an id are the random ones, and its partition.
        let [.., a, b, c, d, e, f, g, h] = key.unwrap_or_default();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// The id of the public event at a place.
    pub fn event_id(&self, place: usize) -> EventId {
        let index = u16::try_from(place).unwrap_or(u16::MAX);
        EventId { partition: self.partition, sequence: self.sequence, index }
    }

    /// The facts of a public event that the record itself tells.
    pub fn told(&self, place: usize) -> Option<impl Facts> {
        let occurrence = self.published.get(place)?;
        let event = &self.changes.get(usize::from(occurrence.change))?.event;
        Some(View { event, standing: &occurrence.standing, about: About::default() })
    }

    /// The deliveries, as their lanes are told of them.
    pub fn tickets(&self) -> impl Iterator<Item = Ticket> {
        let ticket = |id, route| {
            let (tenant, not_before) = (self.tenant.clone(), Timestamp::default());
            Ticket { id, tenant, route, attempts: 0, not_before }
        };
        let new = self.deliveries.iter().enumerate().map(move |(place, outgoing)| {
            ticket(self.delivery_id(place), Route::of(&self.tenant, outgoing.channel, &outgoing.recipient))
        });
        let revived = self.facts.iter().filter_map(move |fact| match fact {
            SystemFact::DeliveryRevived(revived) | SystemFact::DeliveryReplayed { revived, .. } => {
                Some(ticket(revived.id, revived.route.clone()))
            }
            _ => None,
        });
        new.chain(revived)
    }
}

/// What a delivery lane knows of a delivery until it is its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Which.
    pub id: DeliveryId,
    /// Whose.
    pub tenant: TenantId,
    /// The way it goes.
    pub route: Route,
    /// Tries so far.
    pub attempts: u32,
    /// Not before this, in system time.
    pub not_before: Timestamp,
}

/// Proof that a command was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The lane.
    pub partition: u8,
    /// The record; 0 when nothing had to be recorded.
    pub sequence: u64,
    /// What distinguishes another content under the same id.
    pub fingerprint: u64,
}

/// An entity as a checkpoint stores it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its version.
    pub version: u64,
    /// Its state.
    pub entity: Arc<Entity>,
    /// Where the log tells of it.
    pub history: History,
    /// How many public events of it, as the key of their order, were numbered.
    pub told: u64,
}

/// What a lane hands over to the store: everything since the last checkpoint.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checkpoint {
    /// The lane.
    pub partition: u8,
    /// The last record it contains.
    pub sequence: u64,
    /// Entities changed, once each, and whether the store does not know it yet.
    pub entities: Vec<(EntityId, Saved, bool)>,
    /// Timers armed, by tenant.
    pub armed: Vec<(TenantId, ArmedTimer)>,
    /// Deliveries that changed and have not ended, as they stand.
    pub outbox: Vec<(DeliveryId, Row)>,
    /// Deliveries that have ended.
    pub ended: Vec<DeliveryId>,
    /// Deliveries that were given up, kept for a person; without a row what is tried again.
    pub dead: Vec<(TenantId, DeliveryId, Option<Row>)>,
    /// Tries of deliveries, in the order of their records.
    pub tries: Vec<NotedTry>,
    /// Directory entries.
    pub directory: Vec<DirectoryEntry>,
    /// Receipts by command.
    pub receipts: Vec<(CommandId, Receipt)>,
    /// Test clocks and log times by tenant.
    pub times: Vec<(TenantId, Timestamp)>,
    /// Facts of the service itself.
    pub facts: Vec<(TenantId, Timestamp, SystemFact)>,
}
