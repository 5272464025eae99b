//! The simulated disk: a log of bytes of which only a synced part survives, and a store that a
//! checkpoint reaches in two moments.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::mutation::Mutation;
use crate::partition::{ArmedTimer, Checkpoint, Commit, Receipt, Row, Saved};
use crate::ports::{PortError, Round, Snapshots};
use crate::values::{CommandId, DeliveryId, EntityId, TenantId, Timestamp};

/// The log: bytes of records with what they say, and how many of them are synced.
#[derive(Default)]
pub(super) struct Log {
    pub records: Vec<(Vec<u8>, Arc<Commit>)>,
    pub durable: usize,
}

/// What the store holds.
#[derive(Default, Clone)]
pub(super) struct Held {
    pub snapshots: BTreeMap<EntityId, Saved>,
    pub receipts: BTreeMap<CommandId, Receipt>,
    pub outbox: BTreeMap<DeliveryId, Row>,
    pub timers: Vec<ArmedTimer>,
    pub sequences: BTreeMap<u8, u64>,
    pub times: BTreeMap<TenantId, Timestamp>,
    pub position: u64,
}

/// The store.
#[derive(Default)]
pub(super) struct Store {
    held: Mutex<Held>,
    pub mutation: Option<Mutation>,
}

impl Store {
    pub fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first moment of a checkpoint: states and what only grows.
    pub fn write_states(&self, checkpoints: &[Checkpoint]) {
        let mut held = self.held();
        for checkpoint in checkpoints {
            let forgets = self.mutation == Some(Mutation::ForgetNumbers);
            held.snapshots.extend(checkpoint.entities.iter().map(|(id, saved, _)| {
                let told = if forgets { 0 } else { saved.told };
                (*id, Saved { told, ..saved.clone() })
            }));
            if self.mutation != Some(Mutation::ForgetReceipts) {
                held.receipts.extend(checkpoint.receipts.iter().copied());
            }
        }
    }

    /// The second: everything else at once, with the position it belongs to.
    pub fn write_rest(&self, checkpoints: &[Checkpoint], position: u64, fired_before: Timestamp) {
        let mut held = self.held();
        held.timers.retain(|timer| timer.due >= fired_before);
        for checkpoint in checkpoints {
            let rows = checkpoint.outbox.iter().filter(|_| self.mutation != Some(Mutation::LoseOutboxRow));
            held.outbox.extend(rows.map(|(id, row)| (*id, Row { record: None, ..row.clone() })));
            for id in &checkpoint.ended {
                held.outbox.remove(id);
            }
            if self.mutation != Some(Mutation::LoseTimers) {
                held.timers.extend(checkpoint.armed.iter().map(|(_, timer)| *timer));
            }
            held.sequences.insert(checkpoint.partition, checkpoint.sequence);
            for (tenant, at) in &checkpoint.times {
                let known = held.times.entry(tenant.clone()).or_insert(*at);
                *known = (*known).max(*at);
            }
        }
        held.position = position;
    }
}

impl Snapshots for Store {
    fn load(&self, entity: EntityId) -> Result<Option<Saved>, PortError> {
        Ok(self.held().snapshots.get(&entity).cloned())
    }

    fn receipt(&self, command: CommandId) -> Result<Option<Receipt>, PortError> {
        Ok(self.held().receipts.get(&command).copied())
    }

    fn write(&self, round: &Round<'_>) -> Result<(), PortError> {
        self.write_states(round.checkpoints);
        self.write_rest(round.checkpoints, round.position, Timestamp::default());
        Ok(())
    }

    fn timers(&self, _: &TenantId, from: Timestamp, until: Timestamp) -> Result<Vec<ArmedTimer>, PortError> {
        let held = self.held();
        Ok(held.timers.iter().filter(|timer| timer.due >= from && timer.due < until).copied().collect())
    }
}

/// A shared store.
pub(super) fn store(mutation: Option<Mutation>) -> Arc<Store> {
    Arc::new(Store { held: Mutex::default(), mutation })
}
