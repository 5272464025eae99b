//! Writing checkpoints and reading snapshots back.

use std::collections::BTreeMap;

use fjall::PersistMode;
use quittance_actors::partition::{Checkpoint, Entity, Receipt, SystemFact};
use quittance_actors::ports::{PortError, Snapshots};
use quittance_actors::rules::Published;
use quittance_actors::transfer;
use quittance_actors::values::{CommandId, EntityId, TenantId, Timestamp};

use super::{List, Store, failed, keys};
use crate::journal::codec;

/// What is stored of an entity.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Snapshot {
    pub tenant: TenantId,
    pub version: u64,
    pub state: Entity,
}

type Rows = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// The rows of one checkpoint, by keyspace and key, so that each is written once and in order.
#[derive(Default)]
struct Gathered {
    snapshots: Rows,
    timers: Rows,
    outbox: Rows,
    dead: Rows,
    events: Rows,
    by_entity: Rows,
    seen: Rows,
    directory: Rows,
    lists: Rows,
    files: Rows,
    meta: Rows,
}

fn value<T: serde::Serialize>(of: &T) -> Result<Option<Vec<u8>>, PortError> {
    codec::encode_value(of).map(Some).map_err(failed)
}

impl Gathered {
    fn take(&mut self, checkpoint: &Checkpoint) -> Result<(), PortError> {
        for (tenant, id, version, state) in &checkpoint.entities {
            self.list(tenant, *id, state);
            let (tenant, version, state) = (tenant.clone(), *version, state.clone());
            let stored = Snapshot { tenant, version, state };
            self.snapshots.insert(keys::snapshot(*id), value(&stored)?);
        }
        for timer in &checkpoint.armed {
            self.timers.insert(keys::timer(timer), value(timer)?);
        }
        for timer in &checkpoint.fired {
            self.timers.insert(keys::timer(timer), None);
        }
        for row in &checkpoint.outbox {
            self.outbox.insert(keys::outbox(row.delivery.id), value(row)?);
        }
        for id in &checkpoint.ended {
            self.outbox.insert(keys::outbox(*id), None);
        }
        for row in &checkpoint.dead {
            self.dead.insert(keys::dead(&row.delivery), value(row)?);
        }
        for event in &checkpoint.published {
            self.event(event)?;
        }
        for (key, meaning) in &checkpoint.directory {
            self.directory.insert(keys::directory(key), value(meaning)?);
        }
        for (command, receipt) in &checkpoint.receipts {
            self.seen.insert(keys::seen(*command), value(receipt)?);
        }
        for (tenant, at) in &checkpoint.times {
            let entry = self.meta.entry(keys::time(tenant)).or_default();
            let newest = entry
                .as_deref()
                .and_then(|bytes| codec::decode_value::<(TenantId, _)>(bytes).ok())
                .map_or(*at, |(_, known)| (*at).max(known));
            *entry = value(&(tenant, newest))?;
        }
        for (tenant, at, fact) in &checkpoint.facts {
            if let SystemFact::FileFinished(file) = fact {
                self.files.insert(keys::file(tenant, *at, &file.digest), value(file)?);
            }
        }
        let sequence = checkpoint.sequence.to_be_bytes().to_vec();
        self.meta.insert(keys::sequence(checkpoint.partition), Some(sequence));
        Ok(())
    }

    fn event(&mut self, event: &Published) -> Result<(), PortError> {
        let key = keys::event(event);
        let mut concerned = vec![event.entity];
        concerned.extend(event.customer.map(EntityId::Customer));
        concerned.extend(event.request.map(EntityId::PaymentRequest));
        for entity in concerned {
            self.by_entity.insert(keys::by_entity(entity, event), Some(key.clone()));
        }
        self.events.insert(key, value(event)?);
        Ok(())
    }

    fn list(&mut self, tenant: &TenantId, id: EntityId, state: &Entity) {
        let here = Some(Vec::new());
        match state {
            Entity::Customer(_) => {
                self.lists.insert(keys::list(tenant, List::Customers, id), here);
            }
            Entity::PaymentRequest(_) => {
                self.lists.insert(keys::list(tenant, List::PaymentRequests, id), here);
            }
            Entity::Transfer(transfer) => {
                let doubtful = transfer.status == transfer::Status::NeedsDecision;
                let task = doubtful.then(Vec::new);
                self.lists.insert(keys::list(tenant, List::Tasks, id), task);
                self.lists.insert(keys::list(tenant, List::Transfers, id), here);
            }
        }
    }
}

impl Snapshots for Store {
    fn load(&self, entity: EntityId) -> Result<Option<(u64, Entity)>, PortError> {
        let Some(bytes) = self.snapshots.get(keys::snapshot(entity)).map_err(failed)? else {
            return Ok(None);
        };
        let stored: Snapshot = codec::decode_value(&bytes).map_err(failed)?;
        Ok(Some((stored.version, stored.state)))
    }

    fn receipt(&self, command: CommandId) -> Result<Option<Receipt>, PortError> {
        let bytes = self.seen.get(keys::seen(command)).map_err(failed)?;
        bytes.map(|bytes| codec::decode_value(&bytes).map_err(failed)).transpose()
    }

    fn history(&self, entity: EntityId, limit: usize) -> Result<Vec<Published>, PortError> {
        let mut events = Vec::new();
        for guard in self.by_entity.prefix(entity.to_key()).rev().take(limit) {
            let key = guard.value().map_err(failed)?;
            if let Some(bytes) = self.events.get(&key).map_err(failed)? {
                events.push(codec::decode_value(&bytes).map_err(failed)?);
            }
        }
        events.reverse();
        Ok(events)
    }

    fn write(&self, checkpoints: &[Checkpoint], position: u64) -> Result<(), PortError> {
        let mut gathered = Gathered::default();
        for checkpoint in checkpoints {
            gathered.take(checkpoint)?;
        }
        gathered.meta.insert(keys::POSITION.to_vec(), Some(position.to_be_bytes().to_vec()));
        // Log time never goes back, whichever lane wrote last.
        for key in checkpoints.iter().flat_map(|checkpoint| &checkpoint.times).map(|(tenant, _)| keys::time(tenant)) {
            let decode = |bytes: &[u8]| codec::decode_value::<(TenantId, Timestamp)>(bytes).map_err(failed);
            let Some(stored) = self.meta.get(&key).map_err(failed)? else { continue };
            if let Some(Some(new)) = gathered.meta.get(&key)
                && decode(new)?.1 < decode(&stored)?.1
            {
                gathered.meta.insert(key, Some(stored.to_vec()));
            }
        }
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for (keyspace, rows) in [
            (&self.snapshots, gathered.snapshots),
            (&self.timers, gathered.timers),
            (&self.outbox, gathered.outbox),
            (&self.dead, gathered.dead),
            (&self.events, gathered.events),
            (&self.by_entity, gathered.by_entity),
            (&self.seen, gathered.seen),
            (&self.directory, gathered.directory),
            (&self.lists, gathered.lists),
            (&self.files, gathered.files),
            (&self.meta, gathered.meta),
        ] {
            for (key, value) in rows {
                match value {
                    Some(value) => batch.insert(keyspace, key, value),
                    None => batch.remove(keyspace, key),
                }
            }
        }
        batch.commit().map_err(failed)
    }
}
