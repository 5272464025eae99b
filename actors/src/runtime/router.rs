//! From an id to its partition, through bounded admission.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use actix::{Addr, Handler, Message};
use rustc_hash::FxHashMap;
use thiserror::Error;
use tokio::sync::Semaphore;

use super::Ports;
use super::answers::{Answer, Answers};
use super::host::{
    Asked, Before, CountWaiting, Host, Pending, Prepare, Read, RecordFacts, RecordOutcomes, Refill, Submit,
    Tell as TellEvents, TellEach,
};
use super::inbox::Inbox;
use crate::delivery::{Order, Route};
use crate::limits;
use crate::machine::Tell;
use crate::partition::{
    ArmedTimer, Commit, Entity, Envelope, Origin, Preparation, Receipt, Rejection, Row, StepError, SystemFact,
    Ticket, TriedDelivery, Waiting,
};
use crate::ports::PortError;
use crate::rules::Published;
use crate::values::{AccountPool, CommandId, Date, DeliveryId, EntityId, Iban, TenantId};

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
    /// Nothing can be recorded until there is space; the same command may be sent again then.
    #[error("the disk is full: nothing can be recorded until there is space")]
    DiskFull,
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

/// A command on its way to admission.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What is asked of whom.
    pub tell: Tell,
    /// The same id twice is one set of events (INV-09).
    pub command_id: CommandId,
    /// What distinguishes another content under the same id.
    pub fingerprint: u64,
    /// Where it came from.
    pub origin: Origin,
    /// The timer that caused it.
    pub fired: Option<ArmedTimer>,
}

/// Pools that are used up, and how many of their numbers were looked at on a day.
pub(super) type Looked = FxHashMap<(TenantId, AccountPool), (Date, u64)>;

/// The way to the partitions.
pub struct Router {
    ports: Ports,
    hosts: Vec<Addr<Host>>,
    /// What waits for each of them.
    inboxes: Vec<Arc<Inbox>>,
    admitted: Arc<Semaphore>,
    /// Whose turn it is to carry out a person's decision.
    pub(super) decisions: tokio::sync::Mutex<()>,
    /// Account numbers that this process has drawn, and whether again: nobody else gets them, recorded or not yet.
    pub(super) drawn: std::sync::Mutex<std::collections::BTreeSet<(Iban, Option<Date>)>>,
    /// How many numbers of a used-up pool were looked at on which day.
    pub(super) looked: std::sync::Mutex<Looked>,
}

impl Router {
    /// A router over hosts, each of which hosts the partitions that [`Router::host_of`] says.
    pub fn new(ports: Ports, hosts: Vec<Addr<Host>>) -> Arc<Self> {
        let admitted = Arc::new(Semaphore::new(limits::ADMITTED_COMMANDS_MAX));
        Arc::new(Self {
            ports,
            inboxes: hosts.iter().map(|_| Arc::default()).collect(),
            hosts,
            admitted,
            decisions: tokio::sync::Mutex::new(()),
            drawn: std::sync::Mutex::default(),
            looked: std::sync::Mutex::default(),
        })
    }

    /// Which of so many hosts a partition lives on.
    pub fn host_of(partition: u8, hosts: usize) -> usize {
        usize::from(partition) % hosts.max(1)
    }

    /// The ports.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    fn place(&self, partition: u8) -> Result<&Addr<Host>, SubmitError> {
        self.hosts.get(Self::host_of(partition, self.hosts.len())).ok_or(SubmitError::NotOwner)
    }

    /// Every lane once: in each turn so many of every host.
    pub(super) fn lanes_in_turn(&self, lanes: usize) -> impl Iterator<Item = Vec<(&Addr<Host>, Vec<u8>)>> {
        let hosted = |host| (0..=u8::MAX).filter(|lane| Self::host_of(*lane, self.hosts.len()) == host).collect();
        let hosted: Vec<(&Addr<Host>, Vec<u8>)> =
            self.hosts.iter().enumerate().map(|(host, address)| (address, hosted(host))).collect();
        let turns = hosted.iter().map(|(_, of)| of.len().div_ceil(lanes.max(1))).max().unwrap_or(0);
        (0..turns).map(move |turn| {
            let of_turn = |of: &[u8]| of.iter().skip(turn * lanes).take(lanes).copied().collect();
            hosted.iter().map(|(address, of)| (*address, of_turn(of))).collect()
        })
    }

    /// Deliveries of a tenant's way that are due, so many per partition at most.
    pub(super) async fn refill(
        &self, way: &(TenantId, Route), order: Order, limit: usize,
    ) -> Result<(Vec<Ticket>, bool), SubmitError> {
        let now = self.ports.clock.system_now();
        let (mut tickets, mut has_others) = (Vec::new(), false);
        for host in &self.hosts {
            let asked = host.send(Refill(way.clone(), limit, now, order)).await;
            let (of_host, others) = asked.map_err(|_| SubmitError::Stopping)??;
            tickets.extend(of_host);
            has_others |= others;
        }
        Ok((tickets, has_others))
    }

    /// Submits a command and waits until its record is durable.
    pub async fn submit(
        &self, tenant: &TenantId, tell: Tell, command_id: CommandId, fingerprint: u64, origin: Origin,
        priority: Priority,
    ) -> Result<Receipt, SubmitError> {
        let request = Request { tell, command_id, fingerprint, origin, fired: None };
        let answers = self.submit_all(tenant, vec![request], priority).await?;
        answers.into_iter().next().unwrap_or(Err(SubmitError::Stopping))
    }

    /// Submits commands side by side and waits until all of their records are durable. Commands
    /// of one entity are decided in the order given. Gives an answer to each, in order, or an
    /// error when none of them was admitted.
    pub async fn submit_all(
        &self, tenant: &TenantId, requests: Vec<Request>, priority: Priority,
    ) -> Result<Vec<Answer>, SubmitError> {
        let count = requests.len();
        let wanted = u32::try_from(count.min(limits::ADMITTED_COMMANDS_MAX)).unwrap_or(u32::MAX);
        let admitted = Arc::clone(&self.admitted);
        let permit = match priority {
            Priority::Interactive if self.ports.journal.is_full() => return Err(SubmitError::DiskFull),
            Priority::Interactive => admitted.try_acquire_many_owned(wanted).map_err(|_| SubmitError::Overloaded)?,
            Priority::Patient => admitted.acquire_many_owned(wanted).await.map_err(|_| SubmitError::Stopping)?,
        };
        if count == 0 {
            return Ok(Vec::new());
        }
        let at = self.ports.clock.now(tenant);
        let mut by_host: BTreeMap<usize, Vec<Asked>> = BTreeMap::new();
        for (place, request) in requests.into_iter().enumerate() {
            let Request { tell, command_id, fingerprint, origin, fired } = request;
            let envelope = Envelope { tenant: tenant.clone(), command_id, fingerprint, origin, at, tell };
            let host = Self::host_of(envelope.tell.to().partition(), self.hosts.len());
            by_host.entry(host).or_default().push(Asked { place, envelope, fired });
        }
        let (answers, receiver) = Answers::new(count, permit);
        let since = Instant::now();
        for (host, asked) in by_host {
            let place = self.hosts.get(host).zip(self.inboxes.get(host));
            let Some((address, inbox)) = place else { return Err(SubmitError::NotOwner) };
            inbox.push(Submit { asked, answers: Arc::clone(&answers), since }, address);
        }
        drop(answers);
        receiver.await.map_err(|_| SubmitError::Stopping)
    }

    /// Turns due timers of a tenant into records, side by side.
    pub async fn fire(&self, tenant: &TenantId, timers: &[ArmedTimer]) -> Result<Vec<Answer>, SubmitError> {
        let at = self.ports.clock.now(tenant);
        let bank_complete_to = self.ports.observer.bank_complete_to(tenant);
        let request = |timer: &ArmedTimer| {
            let command_id = CommandId::new(at, self.ports.clock.random(), timer.entity.partition());
            let (origin, fired) = (Origin::Timer, Some(*timer));
            // What a timer of this kind never wakes is answered by the entity: nothing changes.
            Some(Request { tell: timer.command(bank_complete_to)?, command_id, fingerprint: 0, origin, fired })
        };
        // An answer to each timer, in order: one that wakes nobody has nothing to record.
        let requests: Vec<Option<Request>> = timers.iter().map(request).collect();
        let wakes: Vec<bool> = requests.iter().map(Option::is_some).collect();
        let requests = requests.into_iter().flatten().collect();
        let mut answers = self.submit_all(tenant, requests, Priority::Patient).await?.into_iter();
        let nothing =
            |timer: &ArmedTimer| Receipt { partition: timer.entity.partition(), sequence: 0, fingerprint: 0 };
        let answer = |(timer, wakes): (&ArmedTimer, bool)| match wakes {
            true => answers.next().unwrap_or(Err(SubmitError::Stopping)),
            false => Ok(nothing(timer)),
        };
        Ok(timers.iter().zip(wakes).map(answer).collect())
    }

    /// Reads an entity, with `limit` of its newest public events.
    pub async fn read(
        &self, entity: EntityId, limit: usize,
    ) -> Result<(u64, Arc<Entity>, Vec<Published>), SubmitError> {
        let address = self.place(entity.partition())?;
        let (version, state, positions) =
            address.send(Read(entity, limit)).await.map_err(|_| SubmitError::Stopping)??;
        if positions.is_empty() {
            return Ok((version, state, Vec::new()));
        }
        let journal = Arc::clone(&self.ports.journal);
        let read = move || positions.into_iter().map(|position| journal.read(position)).collect();
        let records: Result<Vec<Arc<Commit>>, PortError> =
            tokio::task::spawn_blocking(read).await.map_err(|_| SubmitError::Stopping)?;
        let told = address.send(TellEvents(entity, records?)).await.map_err(|_| SubmitError::Stopping)?;
        let mut events = told?;
        let excess = events.len().saturating_sub(limit);
        Ok((version, state, events.split_off(excess)))
    }

    /// Where the log tells of an entity: the newest `limit` positions, the oldest first.
    pub async fn positions(&self, entity: EntityId, limit: usize) -> Result<Vec<u64>, SubmitError> {
        let address = self.place(entity.partition())?;
        let (_, _, positions) = address.send(Read(entity, limit)).await.map_err(|_| SubmitError::Stopping)??;
        Ok(positions)
    }

    /// One public event of a durable record.
    pub async fn tell(&self, record: Arc<Commit>, place: usize) -> Result<Option<Published>, SubmitError> {
        Ok(self.tell_all(vec![(record, place)]).await?.pop().flatten())
    }

    /// Asks whether a delivery may leave.
    pub(super) async fn prepare(&self, delivery: DeliveryId) -> Result<Preparation, SubmitError> {
        self.prepare_all(&[delivery]).await.pop().unwrap_or(Err(SubmitError::Stopping))
    }

    /// A delivery that has not ended, as it stands.
    pub async fn pending(&self, delivery: DeliveryId) -> Result<Option<Row>, SubmitError> {
        let address = self.place(delivery.partition())?;
        address.send(Pending(delivery)).await.map_err(|_| SubmitError::Stopping)?
    }

    /// What waits on a route.
    pub async fn waiting(&self, route: &Route) -> Result<Waiting, SubmitError> {
        let mut waiting = Waiting::default();
        for host in &self.hosts {
            let of_host = host.send(CountWaiting(route.clone())).await.map_err(|_| SubmitError::Stopping)?;
            waiting.deliveries += of_host.deliveries;
            waiting.failed += of_host.failed;
            waiting.last_error = of_host.last_error.or(waiting.last_error);
        }
        Ok(waiting)
    }

    /// Public events of durable records: a record with the place of each.
    pub async fn tell_all(&self, places: Vec<(Arc<Commit>, usize)>) -> Result<Vec<Option<Published>>, SubmitError> {
        let told = self.ask_each(&places, |(record, _)| record.partition, TellEach).await;
        told.into_iter().map(|answer| answer.unwrap_or(Err(SubmitError::Stopping))).collect()
    }

    /// Asks of each delivery whether it may leave; one question to each core.
    pub(super) async fn prepare_all(&self, deliveries: &[DeliveryId]) -> Vec<Result<Preparation, SubmitError>> {
        let prepared = self.ask_each(deliveries, |id| id.partition(), Prepare).await;
        prepared.into_iter().map(|answer| answer.unwrap_or(Err(SubmitError::Stopping))).collect()
    }

    /// Asks of each delivery which one of its way and key goes before it; one question to each core.
    pub(super) async fn before_all(&self, deliveries: &[DeliveryId]) -> Vec<Option<DeliveryId>> {
        self.ask_each(deliveries, |id| id.partition(), Before).await.into_iter().map(Option::flatten).collect()
    }

    /// Asks the host of each thing, once each, and gives the answers in the order of the things.
    async fn ask_each<T, M, A>(
        &self, things: &[T], partition_of: fn(&T) -> u8, question: fn(Vec<T>) -> M,
    ) -> Vec<Option<A>>
    where
        T: Clone,
        M: Message<Result = Vec<A>> + Send + 'static,
        A: Send + 'static,
        Host: Handler<M>,
    {
        let host_of = |thing: &T| Self::host_of(partition_of(thing), self.hosts.len());
        let asked: Vec<_> = self
            .hosts
            .iter()
            .enumerate()
            .map(|(host, address)| {
                let of_host: Vec<T> = things.iter().filter(|thing| host_of(thing) == host).cloned().collect();
                (!of_host.is_empty()).then(|| address.send(question(of_host)))
            })
            .collect();
        let mut answers = Vec::with_capacity(asked.len());
        for answer in asked {
            answers.push(match answer {
                Some(answer) => answer.await.unwrap_or_default().into_iter(),
                None => Vec::new().into_iter(),
            });
        }
        let answer_of = |thing| answers.get_mut(host_of(thing)).and_then(Iterator::next);
        things.iter().map(answer_of).collect()
    }

    /// Records how tries of a tenant's deliveries ended: one record per partition.
    pub(super) async fn record_outcomes(
        &self, tenant: &TenantId, tries: Vec<TriedDelivery>,
    ) -> Result<(), SubmitError> {
        let at = self.ports.clock.now(tenant);
        let mut by_host: BTreeMap<usize, Vec<TriedDelivery>> = BTreeMap::new();
        for tried in tries {
            by_host.entry(Self::host_of(tried.id.partition(), self.hosts.len())).or_default().push(tried);
        }
        let send = |(host, tries)| {
            self.hosts.get(host).map(|host: &Addr<Host>| host.send(RecordOutcomes(tenant.clone(), at, tries)))
        };
        let sent: Vec<_> = by_host.into_iter().filter_map(send).collect();
        for recorded in sent {
            recorded.await.map_err(|_| SubmitError::Stopping)??;
        }
        Ok(())
    }

    /// Records a fact of the service itself in `partition`.
    pub async fn record_fact(&self, partition: u8, tenant: &TenantId, fact: SystemFact) -> Result<(), SubmitError> {
        self.record_facts(partition, tenant, vec![fact]).await
    }

    /// Records facts of the service itself, all of them or none.
    pub async fn record_facts(
        &self, partition: u8, tenant: &TenantId, facts: Vec<SystemFact>,
    ) -> Result<(), SubmitError> {
        let address = self.place(partition)?;
        let at = self.ports.clock.now(tenant);
        address.send(RecordFacts(partition, tenant.clone(), at, facts)).await.map_err(|_| SubmitError::Stopping)?
    }
}
