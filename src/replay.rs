//! Replay: the state that the log tells, built again from its first record, and compared with
//! what the store and the tail of the log would start with (INV-08, INV-13).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use quittance_actors::partition::{ArmedTimer, Commit, Lane, Receipt, Row, Saved};
use quittance_actors::ports::{PortError, Round, Snapshots};
use quittance_actors::values::{CommandId, DeliveryId, EntityId, PARTITIONS, TenantId, Timestamp};
use xxhash_rust::xxh3::Xxh3;

use crate::journal::{self, codec};
use crate::store::Store;

/// No checkpoint at all: everything comes from the log, or stays in memory.
pub(crate) struct Nothing;

impl Snapshots for Nothing {
    fn load(&self, _: EntityId) -> Result<Option<Saved>, PortError> {
        Ok(None)
    }
    fn receipt(&self, _: CommandId) -> Result<Option<Receipt>, PortError> {
        Ok(None)
    }
    fn timers(&self, _: &TenantId, _: Timestamp, _: Timestamp) -> Result<Vec<ArmedTimer>, PortError> {
        Ok(Vec::new())
    }
    fn write(&self, _: &Round<'_>) -> Result<(), PortError> {
        Ok(())
    }
}

/// What one partition holds, in one number, and how much that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    /// Over states with versions and histories, and over the outbox.
    pub hash: u64,
    /// The last record.
    pub sequence: u64,
    /// Entities.
    pub entities: usize,
    /// Deliveries that have not ended.
    pub pending: usize,
}

/// What a replay came to.
#[derive(Debug)]
pub struct Replayed {
    /// Records of the log.
    pub records: u64,
    /// The digest of each partition, as the log alone tells it.
    pub digests: Vec<Digest>,
    /// What differs from the store and the tail, in words; empty when nothing does.
    pub differences: Vec<String>,
    /// Whether there was a store to compare with.
    pub compared: bool,
}

fn failed(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn entry<K: serde::Serialize, V: serde::Serialize>(key: &K, value: &V) -> Result<u64, String> {
    Ok(xxhash_rust::xxh3::xxh3_64(&codec::encode_body(&(key, value)).map_err(failed)?))
}

/// Entities and rows of a partition, each as a number.
#[derive(Default)]
struct Held {
    sequence: u64,
    entities: BTreeMap<EntityId, u64>,
    rows: BTreeMap<DeliveryId, u64>,
}

impl Held {
    fn of(lane: &Lane) -> Result<Self, String> {
        let mut held = Self { sequence: lane.sequence(), ..Self::default() };
        let (entities, rows) = lane.saved();
        held.take(&entities, &rows)?;
        Ok(held)
    }

    fn take(&mut self, entities: &[(EntityId, Saved)], rows: &[(DeliveryId, Row)]) -> Result<(), String> {
        for (id, saved) in entities {
            self.entities.insert(*id, entry(id, saved)?);
        }
        for (id, row) in rows {
            self.rows.insert(*id, entry(id, row)?);
        }
        Ok(())
    }

    fn digest(&self) -> Digest {
        let mut hash = Xxh3::new();
        let numbers =
            [self.sequence].into_iter().chain(self.entities.values().copied()).chain(self.rows.values().copied());
        numbers.for_each(|number| hash.update(&number.to_le_bytes()));
        let (entities, pending) = (self.entities.len(), self.rows.len());
        Digest { hash: hash.digest(), sequence: self.sequence, entities, pending }
    }

    /// The first things that differ, in words.
    fn compare(&self, other: &Self, partition: u8, differences: &mut Vec<String>) {
        let mut differ = |what: String| differences.push(format!("partition {partition}: {what}"));
        if self.sequence != other.sequence {
            differ(format!("the log has record {}, the store and the tail {}", self.sequence, other.sequence));
        }
        for (id, number) in &self.entities {
            match other.entities.get(id) {
                Some(known) if known == number => {}
                Some(_) => differ(format!("{id} is another one in the store")),
                None => differ(format!("{id} is not in the store")),
            }
        }
        for id in other.entities.keys().filter(|id| !self.entities.contains_key(id)) {
            differ(format!("{id} is in the store, and no record tells of it"));
        }
        for (id, number) in &self.rows {
            if other.rows.get(id) != Some(number) {
                differ(format!("{id} waits, and the store does not know it as it is"));
            }
        }
        for id in other.rows.keys().filter(|id| !self.rows.contains_key(id)) {
            differ(format!("{id} waits in the store, and has ended"));
        }
    }
}

/// Replays the log of a data directory. With `verify`, compares with the store, which no other
/// process may have open.
pub fn replay(data: &Path, verify: bool) -> Result<Replayed, String> {
    let nothing: Arc<dyn Snapshots> = Arc::new(Nothing);
    let mut lanes: Vec<Lane> = (0..=u8::MAX).map(|lane| Lane::new(lane, 0, Arc::clone(&nothing))).collect();
    let walked =
        journal::walk(&data.join("log"), 0, |position, commit| fold(&mut lanes, position, &Arc::new(commit)));
    let records = walked.map_err(|error| format!("the record log: {error}"))?.replayed;
    let held: Vec<Held> = lanes.iter().map(Held::of).collect::<Result<_, _>>()?;
    drop(lanes);
    let digests = held.iter().map(Held::digest).collect();
    let mut differences = Vec::new();
    let folder = data.join("store");
    let compared = verify && folder.exists();
    if compared {
        // Held to the end: a service that started meanwhile would find its store taken.
        let _lock = crate::recovery::lock(data)?;
        let started = as_started(data, &folder)?;
        for ((told, started), partition) in held.iter().zip(&started).zip(0..=u8::MAX) {
            told.compare(started, partition, &mut differences);
        }
    }
    Ok(Replayed { records, digests, differences, compared })
}

/// Takes a record over into its lane.
pub(crate) fn fold(lanes: &mut [Lane], position: u64, commit: &Arc<Commit>) -> Result<(), String> {
    let lane = lanes.get_mut(usize::from(commit.partition)).ok_or("no such partition")?;
    lane.fold(commit, position).map_err(failed)
}

/// What a start would begin with: the store, and above it the tail of the log.
fn as_started(data: &Path, folder: &Path) -> Result<Vec<Held>, String> {
    let store = Arc::new(Store::open(folder).map_err(failed)?);
    let restored = store.look().map_err(failed)?;
    let snapshots: Arc<dyn Snapshots> = Arc::clone(&store) as _;
    let mut lanes: Vec<Lane> = Vec::with_capacity(PARTITIONS);
    for ((partition, sequence), rows) in (0..=u8::MAX).zip(restored.sequences).zip(restored.outbox) {
        let mut lane = Lane::new(partition, sequence, Arc::clone(&snapshots));
        lane.restore(rows, restored.times.clone());
        lanes.push(lane);
    }
    journal::walk(&data.join("log"), restored.position, |position, commit| {
        fold(&mut lanes, position, &Arc::new(commit))
    })
    .map_err(|error| format!("the record log: {error}"))?;
    let mut started = Vec::with_capacity(PARTITIONS);
    for lane in &lanes {
        let mut held = Held { sequence: lane.sequence(), ..Held::default() };
        for stored in store.snapshots_of(lane.partition()) {
            held.take(&[stored.map_err(failed)?], &[])?;
        }
        // What the tail changed stands above what is stored.
        let (entities, rows) = lane.saved();
        held.take(&entities, &rows)?;
        started.push(held);
    }
    Ok(started)
}
