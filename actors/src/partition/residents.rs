//! The virtual actors in memory, and when each was last used.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::commit::Saved;
use super::entity::Entity;
use super::history::History;
use crate::limits;
use crate::ports::{PortError, Snapshots};
use crate::values::{EntityId, TenantId};

/// A virtual actor in memory.
pub(super) struct Resident {
    pub tenant: TenantId,
    pub version: u64,
    pub entity: Arc<Entity>,
    pub history: History,
    /// How many public events of it, as the key of their order, were numbered.
    pub told: u64,
    /// The round of checkpoints that will store it; 0 when the store has it.
    changed_in: u32,
    /// Whether the store does not know it yet.
    new: bool,
    /// The use it last had, counted over the lane.
    used: u64,
}

impl Resident {
    fn saved(&self) -> Saved {
        let Self { tenant, version, entity, history, told, .. } = self;
        let (tenant, entity, history) = (tenant.clone(), Arc::clone(entity), history.clone());
        Saved { tenant, version: *version, entity, history, told: *told }
    }
}

/// The resident set of a lane: bounded, least recently used first.
pub(super) struct Residents {
    snapshots: Arc<dyn Snapshots>,
    /// A use is a number and not a place in a list: moving a list's neighbours met cold memory four times.
    entities: FxHashMap<EntityId, Resident>,
    /// Uses so far.
    uses: u64,
    /// Changed in the round that is being gathered, once each.
    changed: Vec<EntityId>,
    round: u32,
    bound: usize,
}

impl Residents {
    pub fn new(snapshots: Arc<dyn Snapshots>) -> Self {
        let bound = limits::RESIDENTS_PER_PARTITION_MAX;
        Self { snapshots, entities: FxHashMap::default(), uses: 0, changed: Vec::new(), round: 1, bound }
    }

    pub fn len(&self) -> usize {
        self.entities.len()
    }

    /// Keeps `bound` entities at most after a checkpoint.
    pub fn bound(&mut self, bound: usize) {
        self.bound = bound;
    }

    /// Version and state; activated from its snapshot, or empty when there is none.
    pub fn get(&mut self, id: EntityId) -> Result<(u64, Arc<Entity>), PortError> {
        self.uses += 1;
        let used = self.uses;
        if let Some(resident) = self.entities.get_mut(&id) {
            resident.used = used;
            return Ok((resident.version, Arc::clone(&resident.entity)));
        }
        let Some(saved) = self.snapshots.load(id)? else { return Ok((0, Arc::new(Entity::new(id)))) };
        let found = (saved.version, Arc::clone(&saved.entity));
        let Saved { tenant, version, entity, history, told } = saved;
        let resident = Resident { tenant, version, entity, history, told, changed_in: 0, new: false, used };
        self.entities.insert(id, resident);
        Ok(found)
    }

    /// Every entity in memory, in the order of ids.
    pub fn saved(&self) -> Vec<(EntityId, Saved)> {
        let mut all: Vec<_> = self.entities.iter().collect();
        all.sort_unstable_by_key(|(id, _)| **id);
        let saved = all.into_iter().map(|(id, resident)| (*id, resident.saved()));
        saved.collect()
    }

    /// A resident as it is, without counting as use.
    pub fn peek(&self, id: EntityId) -> Option<&Resident> {
        self.entities.get(&id)
    }

    /// Takes over a new state. The entity was activated before, or is new.
    pub fn put(&mut self, id: EntityId, tenant: &TenantId, version: u64, entity: Arc<Entity>) {
        let round = self.round;
        self.uses += 1;
        let used = self.uses;
        if let Some(resident) = self.entities.get_mut(&id) {
            resident.used = used;
            if resident.changed_in != round {
                resident.changed_in = round;
                self.changed.push(id);
            }
            resident.version = version;
            resident.entity = entity;
            return;
        }
        self.changed.push(id);
        let (tenant, history) = (tenant.clone(), History::default());
        let resident = Resident { tenant, version, entity, history, told: 0, changed_in: round, new: true, used };
        self.entities.insert(id, resident);
    }

    /// Notes which event of a key was the last.
    pub fn tell(&mut self, key: EntityId, told: u64) -> Result<(), PortError> {
        self.change(key, |resident| resident.told = resident.told.max(told))
    }

    /// Notes where the log tells of an entity.
    pub fn note(&mut self, id: EntityId, position: u64) -> Result<(), PortError> {
        self.change(id, |resident| resident.history.push(position))
    }

    /// Changes what is noted beside the state of an entity.
    fn change(&mut self, id: EntityId, change: impl FnOnce(&mut Resident)) -> Result<(), PortError> {
        if !self.entities.contains_key(&id) {
            self.get(id)?;
        }
        let round = self.round;
        if let Some(resident) = self.entities.get_mut(&id) {
            change(resident);
            if resident.changed_in != round {
                resident.changed_in = round;
                self.changed.push(id);
            }
        }
        Ok(())
    }

    /// Drops what is in memory of an entity that the store has as it is.
    pub fn reopen(&mut self, id: EntityId) {
        if self.entities.get(&id).is_some_and(|resident| resident.changed_in == 0) {
            self.entities.remove(&id);
        }
    }

    /// What the next checkpoint stores, in the order of ids. A new round begins.
    pub fn changed(&mut self) -> Vec<(EntityId, Saved, bool)> {
        let mut changed = std::mem::take(&mut self.changed);
        self.round = self.round.wrapping_add(1).max(1);
        changed.sort_unstable();
        let saved = changed.into_iter().filter_map(|id| {
            let resident = self.entities.get_mut(&id)?;
            let new = std::mem::take(&mut resident.new);
            Some((id, resident.saved(), new))
        });
        saved.collect()
    }

    /// Everything handed over is in the store: it counts as clean unless it changed again, and
    /// the least recently used of what is clean leaves memory.
    pub fn stored(&mut self, handed_over: &[EntityId]) {
        let round = self.round;
        for id in handed_over {
            if let Some(resident) = self.entities.get_mut(id)
                && resident.changed_in != round
            {
                resident.changed_in = 0;
            }
        }
        let excess = self.entities.len().saturating_sub(self.bound);
        if excess > 0 {
            let clean = self.entities.iter().filter(|(_, resident)| resident.changed_in == 0);
            let mut clean: Vec<(u64, EntityId)> = clean.map(|(id, resident)| (resident.used, *id)).collect();
            if excess < clean.len() {
                clean.select_nth_unstable(excess);
            }
            for (_, id) in clean.into_iter().take(excess) {
                self.entities.remove(&id);
            }
        }
    }
}
