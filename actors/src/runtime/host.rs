//! The actor that hosts the lanes of one core: commands in order, pipelined over the sync. It
//! goes on with the next ones while the log writes; answers and effects wait until their records
//! are durable.
//!
//! One mailbox for all lanes of a core, because a batch of commands meets most lanes with a few
//! commands each: handed over lane by lane, a batch of 512 was 256 messages.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use actix::{Actor, AsyncContext as _, Context, Handler, Message, MessageResult, ResponseFuture};
use tracing::error;

use super::answers::{Answer, Answers};
use super::inbox::Call;
use super::release::Release;
use super::{Ports, SubmitError};
use crate::delivery::{Order, Route};
use crate::limits;
use crate::partition::{
    ArmedTimer, Checkpoint, Commit, Entity, Envelope, Lane, Preparation, Receipt, Row, StepError, Stepped,
    SystemFact, Ticket, TriedDelivery, Waiting,
};
use crate::policies::Policies;
use crate::ports::PortError;
use crate::rules::Published;
use crate::values::{DeliveryId, EntityId, TenantId, Timestamp};

/// Hosts the virtual actors of the lanes of one core.
pub struct Host {
    lanes: BTreeMap<u8, Lane>,
    ports: Ports,
    release: Arc<Release>,
}

impl Host {
    /// A host of lanes, each of which goes on where it stands.
    pub fn new(lanes: Vec<Lane>, ports: Ports, release: Arc<Release>) -> Self {
        let lanes = lanes.into_iter().map(|lane| (lane.partition(), lane)).collect();
        Self { lanes, ports, release }
    }

    fn lane(&mut self, partition: u8) -> Result<&mut Lane, SubmitError> {
        self.lanes.get_mut(&partition).ok_or(SubmitError::NotOwner)
    }

    /// Decides; a panic is caught, the entity reopened, and after three the command put aside.
    fn decide(
        &mut self, envelope: &Envelope, fired: Option<ArmedTimer>, policies: &Policies,
        records: &mut Vec<Arc<Commit>>,
    ) -> Result<Receipt, SubmitError> {
        let partition = envelope.tell.to().partition();
        if !self.ports.ownership.owns(partition) {
            return Err(SubmitError::NotOwner);
        }
        let mut last = String::new();
        for _ in 0..limits::COMMAND_PANICS_MAX {
            let lane = self.lane(partition)?;
            match catch_unwind(AssertUnwindSafe(|| lane.step_fired(envelope, policies, fired))) {
                Ok(Err(StepError::Bug(bug))) => last = bug,
                Ok(Err(error)) => return Err(error.into()),
                Ok(Ok(Stepped::Recorded(commit, receipt))) => {
                    records.push(commit);
                    return Ok(receipt);
                }
                Ok(Ok(Stepped::Unchanged(receipt))) => return Ok(receipt),
                Err(panic) => last = panic_text(panic.as_ref()),
            }
            let (entity, command) = (envelope.tell.to(), envelope.tell.name());
            error!(%entity, command, error = %last, "command failed, entity reopened");
            self.lane(partition)?.reopen(entity);
        }
        let (entity, command) = (envelope.tell.to(), envelope.tell.name());
        error!(%entity, command, error = %last, "command quarantined");
        self.ports.observer.count("quittance_quarantined_total", std::collections::BTreeMap::new());
        if let Stepped::Recorded(commit, _) = self.lane(partition)?.quarantine(envelope, last.clone()) {
            records.push(commit);
        }
        Err(SubmitError::Quarantined(last))
    }

    /// Appends records and calls back when they, and everything before them, are durable.
    fn append(
        &mut self, records: Vec<Arc<Commit>>, then: impl FnOnce(Result<(), PortError>) + Send + 'static,
    ) -> Result<(), PortError> {
        if records.is_empty() {
            // What an answer rests on may still be on its way to the disk (INV-07).
            self.release.barrier(then);
            return Ok(());
        }
        let records: Arc<[Arc<Commit>]> = records.into();
        let first = self.release.append(&records, then)?;
        for (record, position) in records.iter().zip(first..) {
            // A store that cannot be read costs a line of a history, never the record.
            if let Some(lane) = self.lanes.get_mut(&record.partition)
                && let Err(error) = lane.placed(record, position)
            {
                error!(position, %error, "a record is missing in the history of its entity");
            }
        }
        Ok(())
    }

    /// As [`Self::append`], as a future.
    fn appended(&mut self, records: Vec<Arc<Commit>>) -> ResponseFuture<Result<(), SubmitError>> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let appended = self.append(records, move |durable| {
            let _ = sender.send(durable); // The caller may have left.
        });
        Box::pin(async move {
            appended?;
            receiver.await.map_err(|_| SubmitError::Stopping)?.map_err(SubmitError::Port)
        })
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_owned())
}

fn recorded(stepped: Stepped) -> Vec<Arc<Commit>> {
    match stepped {
        Stepped::Recorded(commit, _) => vec![commit],
        Stepped::Unchanged(_) => Vec::new(),
    }
}

impl Actor for Host {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(limits::HOST_MAILBOX_MESSAGES);
    }
}

/// A command and its place among the answers.
pub(super) struct Asked {
    pub place: usize,
    pub envelope: Envelope,
    pub fired: Option<ArmedTimer>,
}

/// Commands of one sender, and who answers them when their records are durable.
pub(super) struct Submit {
    pub asked: Vec<Asked>,
    pub answers: Arc<Answers>,
    pub since: Instant,
}

/// Answers to the commands of one sender, by their places.
type Results = (Arc<Answers>, Vec<(usize, Answer)>);

impl Handler<Call> for Host {
    type Result = ();

    fn handle(&mut self, call: Call, context: &mut Self::Context) {
        let (submits, left) = call.answer();
        self.decide_all(submits);
        if let Some(left) = left {
            left.send(&context.address());
        }
    }
}

impl Host {
    /// Decides the commands of several senders in order, and appends their records together.
    fn decide_all(&mut self, submits: Vec<Submit>) {
        let started = Instant::now();
        let waited = submits.first().map(|oldest| started - oldest.since).unwrap_or_default();
        let count = submits.iter().map(|submit| submit.asked.len()).sum();
        let mut results: Vec<Results> = Vec::with_capacity(submits.len());
        let mut records = Vec::with_capacity(count);
        let mut policies: Option<(TenantId, Option<Arc<Policies>>)> = None;
        for Submit { asked, answers, .. } in submits {
            let mut of_sender = Vec::with_capacity(asked.len());
            for Asked { place, envelope, fired } in asked {
                if policies.as_ref().is_none_or(|(tenant, _)| *tenant != envelope.tenant) {
                    policies = Some((envelope.tenant.clone(), self.ports.tenants.policies(&envelope.tenant)));
                }
                let result = match policies.as_ref().and_then(|(_, policies)| policies.clone()) {
                    None => Err(SubmitError::UnknownTenant),
                    Some(policies) => self.decide(&envelope, fired, &policies, &mut records),
                };
                of_sender.push((place, result));
            }
            results.push((answers, of_sender));
        }
        self.ports.observer.decided(waited, started.elapsed(), count);
        let results = Arc::new(results);
        let answered = Arc::clone(&results);
        let appended = self.append(records, move |durable| answer(&answered, &durable));
        if let Err(error) = appended {
            answer(&results, &Err(error));
        }
    }
}

/// Gives the answers, or says why nothing is durable.
fn answer(results: &[Results], durable: &Result<(), PortError>) {
    for (answers, of_sender) in results {
        match durable {
            Ok(()) => answers.give(of_sender.iter().cloned()),
            Err(error) => answers.give(of_sender.iter().map(|(place, _)| (*place, Err(error.clone().into())))),
        }
    }
}

/// Record how tries of deliveries ended.
#[derive(Message)]
#[rtype(result = "Result<(), SubmitError>")]
pub(super) struct RecordOutcomes(pub TenantId, pub Timestamp, pub Vec<TriedDelivery>);

impl Handler<RecordOutcomes> for Host {
    type Result = ResponseFuture<Result<(), SubmitError>>;

    fn handle(&mut self, RecordOutcomes(tenant, at, tries): RecordOutcomes, _: &mut Self::Context) -> Self::Result {
        let mut by_lane: BTreeMap<u8, Vec<TriedDelivery>> = BTreeMap::new();
        for tried in tries {
            by_lane.entry(tried.id.partition()).or_default().push(tried);
        }
        let mut records = Vec::with_capacity(by_lane.len());
        for (partition, tries) in by_lane {
            if let Some(lane) = self.lanes.get_mut(&partition) {
                records.extend(lane.record_outcomes(&tenant, at, tries).into_iter().flat_map(recorded));
            }
        }
        self.appended(records)
    }
}

/// Record facts of the service itself, together.
#[derive(Message)]
#[rtype(result = "Result<(), SubmitError>")]
pub(super) struct RecordFacts(pub u8, pub TenantId, pub Timestamp, pub Vec<SystemFact>);

impl Handler<RecordFacts> for Host {
    type Result = ResponseFuture<Result<(), SubmitError>>;

    fn handle(&mut self, RecordFacts(lane, tenant, at, facts): RecordFacts, _: &mut Self::Context) -> Self::Result {
        match self.lane(lane).map(|lane| recorded(lane.record_facts(&tenant, at, facts))) {
            Ok(records) => self.appended(records),
            Err(error) => Box::pin(async move { Err(error) }),
        }
    }
}

/// Version and state of an entity, and where the log tells of it.
pub(super) type Found = (u64, Arc<Entity>, Vec<u64>);

/// Read an entity and where the log tells of it; answers only with what is durable.
#[derive(Message)]
#[rtype(result = "Result<Found, SubmitError>")]
pub(super) struct Read(pub EntityId, pub usize);

impl Handler<Read> for Host {
    type Result = ResponseFuture<Result<Found, SubmitError>>;

    fn handle(&mut self, Read(entity, limit): Read, _: &mut Self::Context) -> Self::Result {
        let read = self.lane(entity.partition()).and_then(|lane| {
            let (version, state) = lane.activate(entity)?;
            let history = if limit == 0 { Vec::new() } else { lane.history(entity, limit)? };
            Ok((version, state, history))
        });
        let durable = self.appended(Vec::new());
        Box::pin(async move {
            durable.await?;
            read
        })
    }
}

/// Tell the public events of durable records that concern an entity, the oldest first.
#[derive(Message)]
#[rtype(result = "Result<Vec<Published>, SubmitError>")]
pub(super) struct Tell(pub EntityId, pub Vec<Arc<Commit>>);

impl Handler<Tell> for Host {
    type Result = Result<Vec<Published>, SubmitError>;

    fn handle(&mut self, Tell(entity, records): Tell, _: &mut Self::Context) -> Self::Result {
        let mut events = Vec::new();
        for record in &records {
            events.extend(self.lane(entity.partition())?.events(entity, record)?);
        }
        Ok(events)
    }
}

/// Tell public events of durable records.
#[derive(Message)]
#[rtype(result = "Vec<Result<Option<Published>, SubmitError>>")]
pub(super) struct TellEach(pub Vec<(Arc<Commit>, usize)>);

impl Handler<TellEach> for Host {
    type Result = Vec<Result<Option<Published>, SubmitError>>;

    fn handle(&mut self, TellEach(places): TellEach, _: &mut Self::Context) -> Self::Result {
        let tell =
            |(record, place): (Arc<Commit>, usize)| Ok(self.lane(record.partition)?.publish(&record, place)?);
        places.into_iter().map(tell).collect()
    }
}

/// Name deliveries of a route that are due, the oldest of each lane, so many of it at most.
#[derive(Message)]
#[rtype(result = "Result<(Vec<Ticket>, bool), SubmitError>")]
pub(super) struct Refill(pub (TenantId, Route), pub usize, pub Timestamp, pub Order);

impl Handler<Refill> for Host {
    type Result = ResponseFuture<Result<(Vec<Ticket>, bool), SubmitError>>;

    fn handle(&mut self, Refill(way, limit, now, order): Refill, _: &mut Self::Context) -> Self::Result {
        let due = |row: &Ticket| row.not_before <= now;
        let (mut tickets, mut has_others) = (Vec::new(), false);
        for lane in self.lanes.values() {
            match order {
                Order::None => tickets.extend(lane.outbox_of(&way).filter(due).take(limit)),
                // Those that wait for their next try as well: others wait behind them.
                Order::Key => {
                    let (turns, others) = lane.turns_of(&way, limit);
                    tickets.extend(turns);
                    has_others |= others;
                }
            }
        }
        // The newest of them may be of records that are not durable yet (N5).
        let durable = self.appended(Vec::new());
        Box::pin(async move { durable.await.map(|()| (tickets, has_others)) })
    }
}

/// Say of each delivery whether it may leave, and with what.
#[derive(Message)]
#[rtype(result = "Vec<Result<Preparation, SubmitError>>")]
pub(super) struct Prepare(pub Vec<DeliveryId>);

impl Handler<Prepare> for Host {
    type Result = Vec<Result<Preparation, SubmitError>>;

    fn handle(&mut self, Prepare(ids): Prepare, _: &mut Self::Context) -> Self::Result {
        let journal = Arc::clone(&self.ports.journal);
        let prepare = |id: DeliveryId| {
            let lane = self.lane(id.partition())?;
            // An old row's record is on disk, most often in the page cache.
            let record = lane.missing_record(id).map(|position| journal.read(position)).transpose()?;
            Ok(lane.prepare(id, record.as_ref())?)
        };
        ids.into_iter().map(prepare).collect()
    }
}

/// Say how a delivery stands that has not ended.
#[derive(Message)]
#[rtype(result = "Result<Option<Row>, SubmitError>")]
pub(super) struct Pending(pub DeliveryId);

impl Handler<Pending> for Host {
    type Result = Result<Option<Row>, SubmitError>;

    fn handle(&mut self, Pending(id): Pending, _: &mut Self::Context) -> Self::Result {
        Ok(self.lane(id.partition())?.pending(id).cloned())
    }
}

/// Say what waits on a route.
#[derive(Message)]
#[rtype(result = "Waiting")]
pub(super) struct CountWaiting(pub Route);

impl Handler<CountWaiting> for Host {
    type Result = MessageResult<CountWaiting>;

    fn handle(&mut self, CountWaiting(route): CountWaiting, _: &mut Self::Context) -> Self::Result {
        let mut waiting = Waiting::default();
        self.lanes.values().for_each(|lane| lane.count_waiting(&route, &mut waiting));
        MessageResult(waiting)
    }
}

/// Name of each delivery the one of its way and key that goes before it, if there is one that has not ended.
#[derive(Message)]
#[rtype(result = "Vec<Option<DeliveryId>>")]
pub(super) struct Before(pub Vec<DeliveryId>);

impl Handler<Before> for Host {
    type Result = Vec<Option<DeliveryId>>;

    fn handle(&mut self, Before(ids): Before, _: &mut Self::Context) -> Self::Result {
        ids.into_iter().map(|id| self.lane(id.partition()).ok()?.before(id)).collect()
    }
}

/// Hand over everything since the last checkpoint, of lanes that have something new.
#[derive(Message)]
#[rtype(result = "Result<Vec<Checkpoint>, SubmitError>")]
pub(super) struct BeginCheckpoint(pub Vec<u8>);

impl Handler<BeginCheckpoint> for Host {
    type Result = Result<Vec<Checkpoint>, SubmitError>;

    fn handle(&mut self, BeginCheckpoint(lanes): BeginCheckpoint, _: &mut Self::Context) -> Self::Result {
        let mut checkpoints = Vec::with_capacity(lanes.len());
        for lane in lanes {
            let lane = self.lane(lane)?;
            if lane.has_unwritten_checkpoint() {
                // An earlier round broke off: the log keeps what it holds, the position must not pass it.
                return Err(SubmitError::Stopping);
            }
            checkpoints.extend(lane.begin_checkpoint());
        }
        Ok(checkpoints)
    }
}

/// The checkpoints handed over are in the store.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct EndCheckpoint(pub Vec<u8>);

impl Handler<EndCheckpoint> for Host {
    type Result = ();

    fn handle(&mut self, EndCheckpoint(lanes): EndCheckpoint, _: &mut Self::Context) {
        for lane in lanes {
            if let Some(lane) = self.lanes.get_mut(&lane) {
                lane.end_checkpoint();
            }
        }
    }
}
