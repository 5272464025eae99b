//! From an id to its partition, through bounded admission.

use std::sync::Arc;

use actix::Addr;
use thiserror::Error;
use tokio::sync::Semaphore;

use super::Ports;
use super::partition::{Partition, Prepare, Read, RecordFact, RecordOutcomes, Submit};
use crate::delivery::Delivery;
use crate::limits;
use crate::machine::{Purpose, Tell};
use crate::partition::{
    ArmedTimer, Entity, Envelope, Origin, Preparation, Receipt, Rejection, StepError, SystemFact, TriedDelivery,
};
use crate::ports::PortError;
use crate::rules::Published;
use crate::values::{CommandId, EntityId, TenantId};
use crate::{customer, payment_request};

/// Why a command was not recorded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SubmitError {
    /// Refused by the entity; tell the sender.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The same command id came with another content; tell the sender.
    #[error("this key was already used with another content")]
    FingerprintDiffers,
    /// No such tenant; tell the sender.
    #[error("unknown tenant")]
    UnknownTenant,
    /// Too much is under way; the same command may be sent again.
    #[error("too much is under way, try again")]
    Overloaded,
    /// This process does not own the partition.
    #[error("another node owns this partition")]
    NotOwner,
    /// The process is stopping.
    #[error("the service is stopping")]
    Stopping,
    /// Our side; the same command may work later.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A bug: the command was put aside.
    #[error("the command was put aside: {0}")]
    Quarantined(String),
}

impl From<StepError> for SubmitError {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Rejected(rejection) => SubmitError::Rejected(rejection),
            StepError::FingerprintDiffers => SubmitError::FingerprintDiffers,
            StepError::Port(error) => SubmitError::Port(error),
            StepError::Bug(bug) => SubmitError::Quarantined(bug),
        }
    }
}

/// What to do when too much is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Say so at once: a caller waits.
    Interactive,
    /// Wait for a place: a file can be slower.
    Patient,
}

/// The way to the partitions.
pub struct Router {
    ports: Ports,
    partitions: Vec<(Addr<Partition>, Semaphore)>,
}

impl Router {
    /// A router over every partition, in order.
    pub fn new(ports: Ports, partitions: Vec<Addr<Partition>>) -> Arc<Self> {
        let place = |address| (address, Semaphore::new(limits::ADMITTED_PER_PARTITION_MAX));
        Arc::new(Self { ports, partitions: partitions.into_iter().map(place).collect() })
    }

    /// The ports.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    fn place(&self, partition: u8) -> Result<&(Addr<Partition>, Semaphore), SubmitError> {
        self.partitions.get(usize::from(partition)).ok_or(SubmitError::NotOwner)
    }

    /// Every partition, in order.
    pub(super) fn partitions(&self) -> impl Iterator<Item = &Addr<Partition>> {
        self.partitions.iter().map(|(address, _)| address)
    }

    /// Submits a command and waits until its record is durable.
    pub async fn submit(
        &self, tenant: &TenantId, tell: Tell, command_id: CommandId, fingerprint: u64, origin: Origin,
        priority: Priority,
    ) -> Result<Receipt, SubmitError> {
        let (address, places) = self.place(tell.to().partition())?;
        let _place = match priority {
            Priority::Interactive => places.try_acquire().map_err(|_| SubmitError::Overloaded)?,
            Priority::Patient => places.acquire().await.map_err(|_| SubmitError::Stopping)?,
        };
        let at = self.ports.clock.now(tenant);
        let envelope = Envelope { tenant: tenant.clone(), command_id, fingerprint, origin, at, tell };
        address.send(Submit(envelope, None)).await.map_err(|_| SubmitError::Stopping)?
    }

    /// Turns a due timer into a record.
    pub async fn fire(&self, timer: ArmedTimer) -> Result<Receipt, SubmitError> {
        let (address, places) = self.place(timer.entity.partition())?;
        let _place = places.acquire().await.map_err(|_| SubmitError::Stopping)?;
        let Some(tell) = timer_command(&timer) else { return Err(SubmitError::NotOwner) };
        let at = self.ports.clock.now(&timer.tenant);
        let random = self.ports.clock.random();
        let command_id = CommandId::new(at, random, timer.entity.partition());
        let tenant = timer.tenant.clone();
        let envelope = Envelope { tenant, command_id, fingerprint: 0, origin: Origin::Timer, at, tell };
        address.send(Submit(envelope, Some(timer))).await.map_err(|_| SubmitError::Stopping)?
    }

    /// Reads an entity, with `limit` of its newest public events.
    pub async fn read(&self, entity: EntityId, limit: usize) -> Result<(u64, Entity, Vec<Published>), SubmitError> {
        let (address, _) = self.place(entity.partition())?;
        address.send(Read(entity, limit)).await.map_err(|_| SubmitError::Stopping)?
    }

    /// Asks whether a delivery may leave.
    pub(super) async fn prepare(&self, delivery: Delivery) -> Result<Preparation, SubmitError> {
        let (address, _) = self.place(delivery.id.partition())?;
        let prepared = address.send(Prepare(delivery)).await.map_err(|_| SubmitError::Stopping)?;
        Ok(prepared?)
    }

    /// Records how tries of one partition ended.
    pub(super) async fn record_outcomes(
        &self, partition: u8, tenant: TenantId, tries: Vec<TriedDelivery>,
    ) -> Result<(), SubmitError> {
        let (address, _) = self.place(partition)?;
        let at = self.ports.clock.now(&tenant);
        address.send(RecordOutcomes(tenant, at, tries)).await.map_err(|_| SubmitError::Stopping)?
    }

    /// Records a fact of the service itself in `partition`.
    pub async fn record_fact(&self, partition: u8, tenant: &TenantId, fact: SystemFact) -> Result<(), SubmitError> {
        let (address, _) = self.place(partition)?;
        let at = self.ports.clock.now(tenant);
        address.send(RecordFact(tenant.clone(), at, fact)).await.map_err(|_| SubmitError::Stopping)?
    }
}

fn timer_command(timer: &ArmedTimer) -> Option<Tell> {
    let ArmedTimer { due, generation, .. } = *timer;
    match (timer.entity, timer.purpose) {
        (EntityId::PaymentRequest(id), Purpose::Reminder) => {
            Some(Tell::PaymentRequest(id, payment_request::Command::ReminderDue { generation, due }))
        }
        (EntityId::PaymentRequest(id), Purpose::Overdue) => {
            Some(Tell::PaymentRequest(id, payment_request::Command::OverdueDue { due }))
        }
        (EntityId::Customer(id), Purpose::CardExpiry(slot)) => {
            Some(Tell::Customer(id, customer::Command::CardExpiryDue { slot, generation, due }))
        }
        _ => None,
    }
}
