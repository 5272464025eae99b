//! The actor that hosts a lane: one record at a time, in order, pipelined over the sync.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use actix::{Actor, Context, Handler, Message, ResponseFuture};
use tracing::error;

use super::release::{Durable, Release};
use super::{Ports, SubmitError};
use crate::delivery::Delivery;
use crate::limits;
use crate::partition::{
    ArmedTimer, Checkpoint, Entity, Envelope, Lane, Preparation, Receipt, StepError, Stepped, SystemFact,
    TriedDelivery,
};
use crate::ports::PortError;
use crate::rules::Published;
use crate::values::{EntityId, TenantId, Timestamp};

/// Hosts the virtual actors of one lane.
pub struct Partition {
    lane: Lane,
    ports: Ports,
    release: Arc<Release>,
}

type Answer = ResponseFuture<Result<Receipt, SubmitError>>;

impl Partition {
    /// A partition that goes on where `lane` stands.
    pub fn new(lane: Lane, ports: Ports, release: Arc<Release>) -> Self {
        Self { lane, ports, release }
    }

    /// Decides; a panic is caught, the entity reopened, and after three the command put aside.
    fn decide(&mut self, envelope: &Envelope, fired: Option<&ArmedTimer>) -> Result<Stepped, SubmitError> {
        if !self.ports.ownership.owns(self.lane.partition()) {
            return Err(SubmitError::NotOwner);
        }
        let policies = self.ports.tenants.policies(&envelope.tenant).ok_or(SubmitError::UnknownTenant)?;
        let mut last = String::new();
        for _ in 0..limits::COMMAND_PANICS_MAX {
            let lane = &mut self.lane;
            let fired = fired.cloned();
            let attempt = AssertUnwindSafe(|| lane.step_fired(envelope, &policies, fired));
            match catch_unwind(attempt) {
                Ok(Err(StepError::Bug(bug))) => last = bug,
                Ok(result) => return Ok(result?),
                Err(panic) => last = panic_text(panic.as_ref()),
            }
            let (entity, command) = (envelope.tell.to(), envelope.tell.name());
            error!(%entity, command, error = %last, "command failed, entity reopened");
            self.lane.reopen(entity);
        }
        let (entity, command) = (envelope.tell.to(), envelope.tell.name());
        error!(%entity, command, error = %last, "command quarantined");
        self.ports.observer.count("quittance_quarantined_total", std::collections::BTreeMap::new());
        let Stepped::Recorded(commit, _) = self.lane.quarantine(envelope, last.clone()) else {
            return Err(SubmitError::Quarantined(last));
        };
        let _ = self.release.append(commit);
        Err(SubmitError::Quarantined(last))
    }

    fn answer(&self, stepped: Result<Stepped, SubmitError>) -> Answer {
        let (durable, receipt) = match stepped {
            Ok(Stepped::Recorded(commit, receipt)) => (self.release.append(commit), receipt),
            // The record it repeats may still be on its way to the disk.
            Ok(Stepped::Unchanged(receipt)) => (self.release.barrier(), receipt),
            Err(error) => {
                // What it was refused for may be a record that is not durable yet.
                let durable = self.release.barrier();
                return Box::pin(async move {
                    durable.wait().await?;
                    Err(error)
                });
            }
        };
        Box::pin(async move {
            durable.wait().await?;
            Ok(receipt)
        })
    }

    fn append(&self, stepped: Stepped) -> Durable {
        match stepped {
            Stepped::Recorded(commit, _) => self.release.append(commit),
            Stepped::Unchanged(_) => self.release.barrier(),
        }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_owned())
}

impl Actor for Partition {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(limits::PARTITION_MAILBOX_MESSAGES);
    }
}

/// Decide a command and answer when its record is durable.
#[derive(Message)]
#[rtype(result = "Result<Receipt, SubmitError>")]
pub(super) struct Submit(pub Envelope, pub Option<ArmedTimer>);

impl Handler<Submit> for Partition {
    type Result = Answer;

    fn handle(&mut self, Submit(envelope, fired): Submit, _: &mut Self::Context) -> Answer {
        let stepped = self.decide(&envelope, fired.as_ref());
        self.answer(stepped)
    }
}

/// Record how tries of deliveries ended.
#[derive(Message)]
#[rtype(result = "Result<(), SubmitError>")]
pub(super) struct RecordOutcomes(pub TenantId, pub Timestamp, pub Vec<TriedDelivery>);

impl Handler<RecordOutcomes> for Partition {
    type Result = ResponseFuture<Result<(), SubmitError>>;

    fn handle(&mut self, RecordOutcomes(tenant, at, tries): RecordOutcomes, _: &mut Self::Context) -> Self::Result {
        let durable = match self.lane.record_outcomes(&tenant, at, tries) {
            Some(stepped) => self.append(stepped),
            None => self.release.barrier(),
        };
        Box::pin(durable.wait())
    }
}

/// Record a fact of the service itself.
#[derive(Message)]
#[rtype(result = "Result<(), SubmitError>")]
pub(super) struct RecordFact(pub TenantId, pub Timestamp, pub SystemFact);

impl Handler<RecordFact> for Partition {
    type Result = ResponseFuture<Result<(), SubmitError>>;

    fn handle(&mut self, RecordFact(tenant, at, fact): RecordFact, _: &mut Self::Context) -> Self::Result {
        let stepped = self.lane.record_fact(&tenant, at, fact);
        Box::pin(self.append(stepped).wait())
    }
}

/// Read an entity and its history; answers only with what is durable.
#[derive(Message)]
#[rtype(result = "Result<(u64, Entity, Vec<Published>), SubmitError>")]
pub(super) struct Read(pub EntityId, pub usize);

impl Handler<Read> for Partition {
    type Result = ResponseFuture<Result<(u64, Entity, Vec<Published>), SubmitError>>;

    fn handle(&mut self, Read(entity, limit): Read, _: &mut Self::Context) -> Self::Result {
        let read = self.lane.activate(entity).and_then(|(version, state)| {
            let history = if limit == 0 { Vec::new() } else { self.lane.history(entity, limit)? };
            Ok((version, state, history))
        });
        let durable = self.release.barrier();
        Box::pin(async move {
            durable.wait().await?;
            Ok(read?)
        })
    }
}

/// Say whether a delivery may leave, and with what.
#[derive(Message)]
#[rtype(result = "Result<Preparation, PortError>")]
pub(super) struct Prepare(pub Delivery);

impl Handler<Prepare> for Partition {
    type Result = Result<Preparation, PortError>;

    fn handle(&mut self, Prepare(delivery): Prepare, _: &mut Self::Context) -> Self::Result {
        self.lane.prepare(&delivery)
    }
}

/// Hand over everything since the last checkpoint.
#[derive(Message)]
#[rtype(result = "Result<Option<Checkpoint>, SubmitError>")]
pub(super) struct BeginCheckpoint;

impl Handler<BeginCheckpoint> for Partition {
    type Result = Result<Option<Checkpoint>, SubmitError>;

    fn handle(&mut self, _: BeginCheckpoint, _: &mut Self::Context) -> Self::Result {
        if self.lane.has_unwritten_checkpoint() {
            // An earlier round broke off: the log keeps what it holds, the position must not pass it.
            return Err(SubmitError::Stopping);
        }
        Ok(self.lane.begin_checkpoint())
    }
}

/// The checkpoint handed over is in the store.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct EndCheckpoint;

impl Handler<EndCheckpoint> for Partition {
    type Result = ();

    fn handle(&mut self, _: EndCheckpoint, _: &mut Self::Context) {
        self.lane.end_checkpoint();
    }
}
