//! The lane itself: resident entities, the outbox, receipts, and what the next checkpoint takes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::commit::{
    ArmedTimer, Checkpoint, Commit, Envelope, Origin, Receipt, Revived, Saved, SystemFact, TriedDelivery,
};
use super::directory::entries_of;
use super::entity::{Entity, Rejection};
use super::outbox::{NotedTry, Row};
use super::residents::Residents;
use super::step::{Step, StepError, Touched};
use crate::delivery::{Outcome, Route};
use crate::limits;
use crate::policies::Policies;
use crate::ports::{PortError, Snapshots};
use crate::values::{CommandId, DeliveryId, EntityId, TenantId, Timestamp};

/// What a command came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Stepped {
    /// A record to be appended.
    Recorded(Arc<Commit>, Receipt),
    /// Nothing had to be recorded: the same command, or one that changes nothing.
    Unchanged(Receipt),
}

/// Entities as they would be stored, in the order of ids.
pub type Entities = Vec<(EntityId, Saved)>;
/// Rows of the outbox as they would be stored, in the order of ids.
pub type Rows = Vec<(DeliveryId, Row)>;

/// One ordered lane.
pub struct Lane {
    pub(super) partition: u8,
    sequence: u64,
    snapshots: Arc<dyn Snapshots>,
    pub(super) residents: Residents,
    pub(super) outbox: BTreeMap<DeliveryId, Row>,
    outbox_changed: BTreeSet<DeliveryId>,
    ways: BTreeSet<Arc<(TenantId, Route)>>,
    receipts: FxHashMap<CommandId, Receipt>,
    receipts_order: VecDeque<CommandId>,
    times: BTreeMap<TenantId, Timestamp>,
    gathering: Checkpoint,
    handed_over: Option<HandedOver>,
}

/// What a checkpoint holds that is being written.
struct HandedOver {
    entities: Vec<EntityId>,
    outbox: Vec<DeliveryId>,
}

impl Lane {
    /// An empty lane whose state continues after record `sequence` of the store.
    pub fn new(partition: u8, sequence: u64, snapshots: Arc<dyn Snapshots>) -> Self {
        Self {
            partition,
            sequence,
            residents: Residents::new(Arc::clone(&snapshots)),
            snapshots,
            outbox: BTreeMap::new(),
            outbox_changed: BTreeSet::new(),
            ways: BTreeSet::new(),
            receipts: FxHashMap::default(),
            receipts_order: VecDeque::new(),
            times: BTreeMap::new(),
            gathering: Checkpoint { partition, sequence, ..Checkpoint::default() },
            handed_over: None,
        }
    }

    /// The number of the lane.
    pub fn partition(&self) -> u8 {
        self.partition
    }

    /// The last record.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// How many entities are in memory.
    pub fn residents(&self) -> usize {
        self.residents.len()
    }

    /// Keeps `bound` entities in memory at most, apart from those not checkpointed yet.
    pub fn bound_residents(&mut self, bound: usize) {
        self.residents.bound(bound);
    }

    /// Takes over outbox rows and log times of the store, before the tail is folded.
    pub fn restore(&mut self, outbox: Vec<(DeliveryId, Row)>, times: Vec<(TenantId, Timestamp)>) {
        self.outbox.extend(outbox.into_iter().map(|(id, row)| (id, Row { stored: true, ..row })));
        self.times.extend(times);
    }

    /// Decides a command. On an error nothing has changed.
    pub fn step(&mut self, envelope: &Envelope, policies: &Policies) -> Result<Stepped, StepError> {
        self.step_fired(envelope, policies, None)
    }

    /// Decides a command that a timer caused.
    pub fn step_fired(
        &mut self, envelope: &Envelope, policies: &Policies, fired: Option<ArmedTimer>,
    ) -> Result<Stepped, StepError> {
        if envelope.origin == Origin::Api
            && let Some(receipt) = self.receipt(envelope.command_id)?
        {
            let same = receipt.fingerprint == envelope.fingerprint && receipt.partition == self.partition;
            return if same { Ok(Stepped::Unchanged(receipt)) } else { Err(StepError::FingerprintDiffers) };
        }
        // Tenants are apart here, whatever the way in has checked.
        let entity = envelope.tell.to();
        self.activate(entity)?;
        if self.residents.peek(entity).is_some_and(|resident| resident.tenant != envelope.tenant) {
            return Err(StepError::Rejected(Rejection::unknown(entity)));
        }
        let mut draft = self.draft(&envelope.tenant, envelope.at);
        draft.command_id = envelope.command_id;
        draft.fingerprint = envelope.fingerprint;
        draft.origin = envelope.origin.clone();
        draft.entity = Some(entity);
        draft.fired = fired;
        let (commit, states) = Step::new(self, policies, envelope, draft).run(&envelope.tell)?;
        if commit.changes.is_empty() && commit.origin != Origin::Api {
            let fingerprint = envelope.fingerprint;
            return Ok(Stepped::Unchanged(Receipt { partition: self.partition, sequence: 0, fingerprint }));
        }
        self.keep(&envelope.tenant, states);
        self.number(&commit)?;
        Ok(self.take_over(commit))
    }

    /// Records how tries of deliveries ended.
    pub fn record_outcomes(
        &mut self, tenant: &TenantId, at: Timestamp, tries: Vec<TriedDelivery>,
    ) -> Option<Stepped> {
        let known: Vec<_> = tries.into_iter().filter(|tried| self.outbox.contains_key(&tried.id)).collect();
        if known.is_empty() {
            return None;
        }
        let mut commit = self.draft(tenant, at);
        commit.outcomes = known;
        Some(self.take_over(commit))
    }

    /// Records facts of the service itself, together.
    pub fn record_facts(&mut self, tenant: &TenantId, at: Timestamp, facts: Vec<SystemFact>) -> Stepped {
        let mut commit = self.draft(tenant, at);
        commit.facts = facts;
        self.take_over(commit)
    }

    /// Puts a command aside that keeps failing.
    pub fn quarantine(&mut self, envelope: &Envelope, error: String) -> Stepped {
        let entity = envelope.tell.to();
        let command = envelope.tell.name().to_owned();
        self.reopen(entity);
        let mut commit = self.draft(&envelope.tenant, envelope.at);
        commit.facts.push(SystemFact::Quarantined { entity, command, error });
        self.take_over(commit)
    }

    /// Drops what is in memory of an entity that is checkpointed, so that it is opened anew.
    pub fn reopen(&mut self, entity: EntityId) {
        self.residents.reopen(entity);
    }

    /// Notes where in the log a record of this lane stands.
    pub fn placed(&mut self, commit: &Arc<Commit>, position: u64) -> Result<(), PortError> {
        for place in 0..commit.deliveries.len() {
            if let Some(row) = self.outbox.get_mut(&commit.delivery_id(place)) {
                row.position = position;
            }
        }
        for noted in self.gathering.tries.iter_mut().rev().take_while(|noted| noted.sequence >= commit.sequence) {
            if noted.sequence == commit.sequence {
                noted.position = position;
            }
        }
        let mut noted: Option<EntityId> = None;
        for occurrence in &commit.published {
            let own = commit.changes.get(usize::from(occurrence.change)).map(|change| change.entity);
            let request = occurrence.request.map(EntityId::PaymentRequest).filter(|id| Some(*id) != own);
            let here = |id: &EntityId| id.partition() == self.partition;
            for id in own.into_iter().chain(request).filter(here) {
                if noted != Some(id) {
                    self.residents.note(id, position)?;
                    noted = Some(id);
                }
            }
        }
        Ok(())
    }

    /// Folds the record at a position of the log during recovery.
    pub fn fold(&mut self, commit: &Arc<Commit>, position: u64) -> Result<(), PortError> {
        if commit.sequence <= self.sequence {
            return Ok(());
        }
        if commit.sequence != self.sequence + 1 {
            let Self { partition, sequence, .. } = self;
            let detail = format!("partition {partition} goes from record {sequence} to {}", commit.sequence);
            return Err(PortError { port: "journal", detail });
        }
        for change in &commit.changes {
            let (version, mut entity) = self.activate(change.entity)?;
            if change.version > version {
                Arc::make_mut(&mut entity).apply(&change.event);
                self.residents.put(change.entity, &commit.tenant, change.version, entity);
            }
        }
        self.number(commit)?;
        self.absorb(commit);
        self.placed(commit, position)
    }

    /// Notes which event of each key is the last with this record.
    fn number(&mut self, commit: &Commit) -> Result<(), PortError> {
        for occurrence in &commit.published {
            let subject = commit.changes.get(usize::from(occurrence.change)).map(|change| change.entity);
            if let (Some(subject), Some(key_seq)) = (subject, occurrence.key_seq()) {
                self.residents.tell(occurrence.key(subject, self.partition), key_seq)?;
            }
        }
        Ok(())
    }

    /// Version and state of an entity, from memory or its snapshot; empty if there is none.
    pub fn activate(&mut self, id: EntityId) -> Result<(u64, Arc<Entity>), PortError> {
        self.residents.get(id)
    }

    /// The entities in memory and the outbox as they would be stored, in the order of ids.
    pub fn saved(&self) -> (Entities, Rows) {
        let rows = self.outbox.iter().map(|(id, row)| (*id, Row { record: None, stored: false, ..row.clone() }));
        (self.residents.saved(), rows.collect())
    }

    /// Whether a checkpoint was handed over that has not been reported as stored.
    pub fn has_unwritten_checkpoint(&self) -> bool {
        self.handed_over.is_some()
    }

    /// Hands over everything since the last checkpoint; `None` when nothing changed or the last
    /// one is still being written.
    pub fn begin_checkpoint(&mut self) -> Option<Checkpoint> {
        if self.has_unwritten_checkpoint() || self.gathering.sequence == self.sequence {
            return None;
        }
        let next = Checkpoint { partition: self.partition, sequence: self.sequence, ..Checkpoint::default() };
        let mut checkpoint = std::mem::replace(&mut self.gathering, next);
        checkpoint.sequence = self.sequence;
        checkpoint.entities = self.residents.changed();
        for id in std::mem::take(&mut self.outbox_changed) {
            if let Some(row) = self.outbox.get_mut(&id) {
                row.stored = true;
                checkpoint.outbox.push((id, row.clone()));
            }
        }
        checkpoint.times = self.times.iter().map(|(tenant, at)| (tenant.clone(), *at)).collect();
        let entities = checkpoint.entities.iter().map(|(id, ..)| *id).collect();
        let outbox = checkpoint.outbox.iter().map(|(id, _)| *id).collect();
        self.handed_over = Some(HandedOver { entities, outbox });
        Some(checkpoint)
    }

    /// The checkpoint handed over is in the store: what is idle leaves memory.
    pub fn end_checkpoint(&mut self) {
        let Some(HandedOver { entities, outbox }) = self.handed_over.take() else { return };
        self.residents.stored(&entities);
        for id in outbox {
            if let Some(row) = self.outbox.get_mut(&id) {
                row.record = None;
            }
        }
        let unwritten = self.gathering.receipts.len();
        while self.receipts_order.len() > limits::RECEIPTS_PER_PARTITION_MAX.max(unwritten) {
            if let Some(oldest) = self.receipts_order.pop_front() {
                self.receipts.remove(&oldest);
            }
        }
    }

    fn draft(&self, tenant: &TenantId, at: Timestamp) -> Commit {
        let at = self.times.get(tenant).copied().map_or(at, |last| at.max(last));
        let sequence = self.sequence + 1;
        Commit {
            partition: self.partition,
            sequence,
            at,
            tenant: tenant.clone(),
            command_id: CommandId::new(at, sequence, self.partition),
            fingerprint: 0,
            origin: Origin::System,
            entity: None,
            // Most records hold one of each.
            changes: Vec::with_capacity(1),
            published: Vec::with_capacity(1),
            deliveries: Vec::new(),
            outcomes: Vec::new(),
            timers: Vec::new(),
            fired: None,
            facts: Vec::new(),
        }
    }

    fn keep(&mut self, tenant: &TenantId, states: Vec<Touched>) {
        for (id, version, entity) in states {
            self.residents.put(id, tenant, version, entity);
        }
    }

    fn take_over(&mut self, commit: Commit) -> Stepped {
        let commit = Arc::new(commit);
        let receipt = self.absorb(&commit);
        Stepped::Recorded(commit, receipt)
    }

    /// Takes over everything of a record but the states of entities.
    fn absorb(&mut self, commit: &Arc<Commit>) -> Receipt {
        self.sequence = commit.sequence;
        match self.times.get_mut(&commit.tenant) {
            Some(at) => *at = commit.at,
            None => {
                self.times.insert(commit.tenant.clone(), commit.at);
            }
        }
        for (place, outgoing) in commit.deliveries.iter().enumerate() {
            let id = commit.delivery_id(place);
            let row = Row {
                way: self.way(&commit.tenant, Route::of(&commit.tenant, outgoing.channel, &outgoing.recipient)),
                position: 0,
                place: u16::try_from(place).unwrap_or(u16::MAX),
                key: commit.key_of(outgoing),
                attempts: 0,
                not_before: Timestamp::default(),
                claimed: false,
                last_error: None,
                record: (self.outbox.len() < limits::OUTBOX_RECORDS_PER_PARTITION_MAX).then(|| Arc::clone(commit)),
                stored: false,
            };
            self.outbox_changed.insert(id);
            self.outbox.insert(id, row);
        }
        for tried in &commit.outcomes {
            self.absorb_outcome(tried, commit.sequence);
        }
        for fact in &commit.facts {
            match fact {
                SystemFact::DeliveryRevived(revived) => self.revive(&commit.tenant, revived, 0),
                SystemFact::DeliveryReplayed { revived, key } => self.revive(&commit.tenant, revived, *key),
                _ => {}
            }
        }
        let (partition, sequence) = (self.partition, commit.sequence);
        let receipt = Receipt { partition, sequence, fingerprint: commit.fingerprint };
        if commit.origin == Origin::Api {
            self.receipts.insert(commit.command_id, receipt);
            self.receipts_order.push_back(commit.command_id);
            self.gathering.receipts.push((commit.command_id, receipt));
        }
        self.gathering.armed.extend(commit.timers.iter().map(|timer| (commit.tenant.clone(), *timer)));
        self.gathering.directory.extend(entries_of(commit));
        let facts = commit.facts.iter().map(|fact| (commit.tenant.clone(), commit.at, fact.clone()));
        self.gathering.facts.extend(facts);
        receipt
    }

    fn absorb_outcome(&mut self, tried: &TriedDelivery, sequence: u64) {
        let Some(row) = self.outbox.get_mut(&tried.id) else { return };
        let (id, way, origin, place) = (tried.id, Arc::clone(&row.way), row.position, row.place);
        self.gathering.tries.push(NotedTry { id, way, origin, place, sequence, position: 0 });
        if tried.outcome == Outcome::Claimed {
            row.claimed = true;
            self.outbox_changed.insert(tried.id);
            return;
        }
        if let Outcome::HeldBack { until, .. } = &tried.outcome {
            row.not_before = *until;
            self.outbox_changed.insert(tried.id);
            return;
        }
        row.attempts = row.attempts.saturating_add(1);
        match &tried.outcome {
            Outcome::RetryAt { at, error } => {
                row.claimed = false;
                row.not_before = *at;
                row.last_error = Some(error.into());
                self.outbox_changed.insert(tried.id);
                return;
            }
            Outcome::Dead { error } => {
                row.last_error = Some(error.into());
                self.gathering.dead.push((row.way.0.clone(), tried.id, Some(row.clone())));
            }
            Outcome::Delivered { .. } | Outcome::Suppressed { .. } | Outcome::Claimed | Outcome::HeldBack { .. } => {}
        }
        self.outbox_changed.remove(&tried.id);
        // A row that no checkpoint has taken over leaves nothing behind.
        if self.outbox.remove(&tried.id).is_some_and(|row| row.stored) {
            self.gathering.ended.push(tried.id);
        }
    }

    /// What was given up stands in the outbox again; what is there stays as it is.
    fn revive(&mut self, tenant: &TenantId, revived: &Revived, key: u64) {
        let Revived { id, route, position, place } = revived;
        if self.outbox.contains_key(id) {
            return;
        }
        let row = Row {
            key,
            way: self.way(tenant, route.clone()),
            position: *position,
            place: *place,
            attempts: 0,
            not_before: Timestamp::default(),
            claimed: false,
            last_error: None,
            record: None,
            stored: false,
        };
        self.outbox.insert(*id, row);
        self.outbox_changed.insert(*id);
        self.gathering.dead.push((tenant.clone(), *id, None));
    }

    /// The same way is one allocation for all rows of the lane.
    fn way(&mut self, tenant: &TenantId, route: Route) -> Arc<(TenantId, Route)> {
        let way = (tenant.clone(), route);
        if let Some(known) = self.ways.get(&way) {
            return Arc::clone(known);
        }
        let shared = Arc::new(way);
        self.ways.insert(Arc::clone(&shared));
        shared
    }

    fn receipt(&self, command: CommandId) -> Result<Option<Receipt>, PortError> {
        match self.receipts.get(&command) {
            Some(receipt) => Ok(Some(*receipt)),
            None => self.snapshots.receipt(command),
        }
    }
}
