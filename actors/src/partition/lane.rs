//! The lane itself: resident entities, the outbox, receipts, and what the next checkpoint takes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::commit::{ArmedTimer, Checkpoint, Commit, Envelope, Origin, Receipt, SystemFact, TriedDelivery};
use super::directory::entries_of;
use super::entity::Entity;
use super::step::{Step, StepError};
use crate::customer::Profile;
use crate::delivery::{Delivery, Guard, Outcome, Pending, Recipient};
use crate::limits;
use crate::payment_request::Status;
use crate::policies::Policies;
use crate::ports::{PortError, Snapshots};
use crate::rules::Published;
use crate::values::{CommandId, DeliveryId, EntityId, TenantId, Timestamp};

/// What a command came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Stepped {
    /// A record to be appended.
    Recorded(Arc<Commit>, Receipt),
    /// Nothing had to be recorded: the same command, or one that changes nothing.
    Unchanged(Receipt),
}

/// Whether a delivery may leave, and with what.
#[derive(Debug, Clone, PartialEq)]
pub enum Preparation {
    /// It may; the customer concerned, if any, with the account number to pay to.
    Ready(Option<(Profile, Option<String>)>),
    /// It is not wanted any more.
    Suppressed(String),
}

struct Resident {
    tenant: TenantId,
    version: u64,
    entity: Entity,
    touched: u64,
}

/// One ordered lane.
pub struct Lane {
    partition: u8,
    sequence: u64,
    snapshots: Arc<dyn Snapshots>,
    residents: BTreeMap<EntityId, Resident>,
    uses: u64,
    outbox: BTreeMap<DeliveryId, Pending>,
    outbox_changed: BTreeSet<DeliveryId>,
    receipts: BTreeMap<CommandId, Receipt>,
    receipts_order: VecDeque<CommandId>,
    times: BTreeMap<TenantId, Timestamp>,
    changed: BTreeSet<EntityId>,
    gathering: Checkpoint,
    handed_over: Option<(Checkpoint, BTreeSet<EntityId>)>,
}

impl Lane {
    /// An empty lane whose state continues after record `sequence` of the store.
    pub fn new(partition: u8, sequence: u64, snapshots: Arc<dyn Snapshots>) -> Self {
        Self {
            partition,
            sequence,
            snapshots,
            residents: BTreeMap::new(),
            uses: 0,
            outbox: BTreeMap::new(),
            outbox_changed: BTreeSet::new(),
            receipts: BTreeMap::new(),
            receipts_order: VecDeque::new(),
            times: BTreeMap::new(),
            changed: BTreeSet::new(),
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

    /// Takes over outbox rows and log times of the store, before the tail is folded.
    pub fn restore(&mut self, outbox: Vec<Pending>, times: Vec<(TenantId, Timestamp)>) {
        self.outbox.extend(outbox.into_iter().map(|row| (row.delivery.id, row)));
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
        let from_outside = matches!(envelope.origin, Origin::Api | Origin::File { .. });
        if from_outside && let Some(receipt) = self.receipt(envelope.command_id)? {
            let same = receipt.fingerprint == envelope.fingerprint && receipt.partition == self.partition;
            return if same { Ok(Stepped::Unchanged(receipt)) } else { Err(StepError::FingerprintDiffers) };
        }
        let entity = envelope.tell.to();
        let mut draft = self.draft(&envelope.tenant, envelope.at);
        draft.command_id = envelope.command_id;
        draft.fingerprint = envelope.fingerprint;
        draft.origin = envelope.origin.clone();
        draft.entity = Some(entity);
        draft.fired = fired.clone();
        let (commit, states) = Step::new(self, policies, envelope, draft).run(&envelope.tell)?;
        if commit.changes.is_empty() && commit.origin != Origin::Api {
            self.gathering.fired.extend(fired);
            let fingerprint = envelope.fingerprint;
            let receipt = Receipt { partition: self.partition, sequence: 0, entity: Some(entity), fingerprint };
            return Ok(Stepped::Unchanged(receipt));
        }
        for (id, (version, entity)) in states {
            let tenant = envelope.tenant.clone();
            self.keep(id, Resident { tenant, version, entity, touched: 0 });
        }
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

    /// Records a fact of the service itself.
    pub fn record_fact(&mut self, tenant: &TenantId, at: Timestamp, fact: SystemFact) -> Stepped {
        let mut commit = self.draft(tenant, at);
        commit.facts.push(fact);
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
        if !self.is_dirty(&entity) {
            self.residents.remove(&entity);
        }
    }

    /// Folds a record of the log during recovery.
    pub fn fold(&mut self, commit: &Arc<Commit>) -> Result<(), PortError> {
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
                entity.apply(&change.event);
                let tenant = commit.tenant.clone();
                let version = change.version;
                self.keep(change.entity, Resident { tenant, version, entity, touched: 0 });
            }
        }
        self.absorb(commit);
        Ok(())
    }

    /// A copy of an entity, from memory or its snapshot; the empty state if there is none.
    pub fn activate(&self, id: EntityId) -> Result<(u64, Entity), PortError> {
        if let Some(resident) = self.residents.get(&id) {
            return Ok((resident.version, resident.entity.clone()));
        }
        Ok(self.snapshots.load(id)?.unwrap_or_else(|| (0, Entity::new(id))))
    }

    /// Public events of an entity, oldest first, `limit` of the newest at most.
    pub fn history(&self, id: EntityId, limit: usize) -> Result<Vec<Published>, PortError> {
        let mut events = self.snapshots.history(id, limit)?;
        let handed_over = self.handed_over.iter().flat_map(|(checkpoint, _)| &checkpoint.published);
        for event in handed_over.chain(&self.gathering.published) {
            if concerns(event, id) && !events.iter().any(|known| known.id == event.id) {
                events.push(event.clone());
            }
        }
        let excess = events.len().saturating_sub(limit);
        Ok(events.split_off(excess))
    }

    /// Whether a delivery may leave now, and the personal data it needs (INV-03).
    pub fn prepare(&self, delivery: &Delivery) -> Result<Preparation, PortError> {
        if let Guard::StillOpen(request) = delivery.guard
            && let (_, Entity::PaymentRequest(state)) = self.activate(EntityId::PaymentRequest(request))?
            && state.status != Status::Open
        {
            return Ok(Preparation::Suppressed("nothing is open any more".to_owned()));
        }
        let id = match &delivery.recipient {
            Recipient::Customer(id) => Some(*id),
            _ => delivery.event.customer.filter(|id| id.partition() == self.partition),
        };
        let Some(id) = id else { return Ok(Preparation::Ready(None)) };
        let (_, Entity::Customer(state)) = self.activate(EntityId::Customer(id))? else {
            return Ok(Preparation::Ready(None));
        };
        let iban = state.virtual_iban.as_ref().map(|number| number.iban().printed());
        Ok(Preparation::Ready(state.profile.map(|profile| (profile, iban))))
    }

    /// Deliveries that have not ended.
    pub fn outbox(&self) -> impl Iterator<Item = &Pending> {
        self.outbox.values()
    }

    /// Whether a checkpoint was handed over that has not been reported as stored.
    pub fn has_unwritten_checkpoint(&self) -> bool {
        self.handed_over.is_some()
    }

    /// Hands over everything since the last checkpoint; `None` when nothing changed or the last
    /// one is still being written.
    pub fn begin_checkpoint(&mut self) -> Option<Checkpoint> {
        let idle = self.gathering.sequence == self.sequence && self.gathering.fired.is_empty();
        if self.has_unwritten_checkpoint() || idle {
            return None;
        }
        let next = Checkpoint { partition: self.partition, sequence: self.sequence, ..Checkpoint::default() };
        let mut checkpoint = std::mem::replace(&mut self.gathering, next);
        checkpoint.sequence = self.sequence;
        let changed = std::mem::take(&mut self.changed);
        checkpoint.entities = changed
            .iter()
            .filter_map(|id| self.residents.get(id).map(|resident| (id, resident)))
            .map(|(id, r)| (r.tenant.clone(), *id, r.version, r.entity.clone()))
            .collect();
        let rows = std::mem::take(&mut self.outbox_changed);
        checkpoint.outbox = rows.iter().filter_map(|id| self.outbox.get(id).cloned()).collect();
        checkpoint.times = self.times.iter().map(|(tenant, at)| (tenant.clone(), *at)).collect();
        self.handed_over = Some((checkpoint.clone(), changed));
        Some(checkpoint)
    }

    /// The checkpoint handed over is in the store.
    pub fn end_checkpoint(&mut self) {
        self.handed_over = None;
        self.passivate();
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
            changes: Vec::new(),
            published: Vec::new(),
            deliveries: Vec::new(),
            outcomes: Vec::new(),
            timers: Vec::new(),
            fired: None,
            facts: Vec::new(),
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
        self.times.insert(commit.tenant.clone(), commit.at);
        for change in &commit.changes {
            self.changed.insert(change.entity);
        }
        for delivery in &commit.deliveries {
            let row = Pending {
                delivery: delivery.clone(),
                attempts: 0,
                not_before: Timestamp::default(),
                last_error: None,
            };
            self.outbox_changed.insert(delivery.id);
            self.outbox.insert(delivery.id, row);
        }
        for tried in &commit.outcomes {
            self.absorb_outcome(tried);
        }
        let receipt = Receipt {
            partition: self.partition,
            sequence: commit.sequence,
            entity: commit.entity,
            fingerprint: commit.fingerprint,
        };
        if matches!(commit.origin, Origin::Api | Origin::File { .. }) {
            self.receipts.insert(commit.command_id, receipt);
            self.receipts_order.push_back(commit.command_id);
            self.gathering.receipts.push((commit.command_id, receipt));
        }
        self.gathering.published.extend(commit.published.iter().cloned());
        self.gathering.armed.extend(commit.timers.iter().cloned());
        self.gathering.fired.extend(commit.fired.iter().cloned());
        self.gathering.directory.extend(entries_of(commit));
        let facts = commit.facts.iter().map(|fact| (commit.tenant.clone(), commit.at, fact.clone()));
        self.gathering.facts.extend(facts);
        receipt
    }

    fn absorb_outcome(&mut self, tried: &TriedDelivery) {
        let Some(row) = self.outbox.get_mut(&tried.id) else { return };
        row.attempts = row.attempts.saturating_add(1);
        self.outbox_changed.insert(tried.id);
        match &tried.outcome {
            Outcome::RetryAt { at, error } => {
                row.not_before = *at;
                row.last_error = Some(error.clone());
                return;
            }
            Outcome::Dead { error } => {
                row.last_error = Some(error.clone());
                self.gathering.dead.push(row.clone());
            }
            Outcome::Delivered { .. } | Outcome::Suppressed { .. } => {}
        }
        self.outbox.remove(&tried.id);
        self.gathering.ended.push(tried.id);
    }

    fn receipt(&self, command: CommandId) -> Result<Option<Receipt>, PortError> {
        match self.receipts.get(&command) {
            Some(receipt) => Ok(Some(*receipt)),
            None => self.snapshots.receipt(command),
        }
    }

    fn keep(&mut self, id: EntityId, mut resident: Resident) {
        self.uses += 1;
        resident.touched = self.uses;
        self.residents.insert(id, resident);
    }

    fn is_dirty(&self, id: &EntityId) -> bool {
        self.changed.contains(id) || self.handed_over.as_ref().is_some_and(|(_, changed)| changed.contains(id))
    }

    /// Lets the least recently used checkpointed entities leave memory, down to three quarters
    /// of the bound, and forgets old receipts that the store has.
    fn passivate(&mut self) {
        let bound = limits::RESIDENTS_PER_PARTITION_MAX;
        if self.residents.len() > bound {
            let mut idle: Vec<(u64, EntityId)> = self
                .residents
                .iter()
                .filter(|(id, _)| !self.is_dirty(id))
                .map(|(id, resident)| (resident.touched, *id))
                .collect();
            idle.sort_unstable();
            let leaving = self.residents.len() - bound / 4 * 3;
            for (_, id) in idle.into_iter().take(leaving) {
                self.residents.remove(&id);
            }
        }
        let unwritten = self.gathering.receipts.len();
        while self.receipts_order.len() > limits::RECEIPTS_PER_PARTITION_MAX.max(unwritten) {
            if let Some(oldest) = self.receipts_order.pop_front() {
                self.receipts.remove(&oldest);
            }
        }
    }
}

fn concerns(event: &Published, id: EntityId) -> bool {
    event.entity == id
        || match id {
            EntityId::Customer(id) => event.customer == Some(id),
            EntityId::PaymentRequest(id) => event.request == Some(id),
            EntityId::Transfer(_) => false,
        }
}
