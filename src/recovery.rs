//! A start: the data directory is taken, the store opened or rebuilt, the tail of the log folded.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use quittance_actors::partition::{Commit, Lane, SystemFact, entries_of};
use quittance_actors::ports::{Clock as _, Directory as _, Observer as _, PortError, Round, Snapshots};
use quittance_actors::runtime::{Router, Timers, horizon};
use quittance_actors::values::{EntityId, PARTITIONS, TenantId, Timestamp};
use tracing::warn;

use crate::clock::Clocks;
use crate::journal;
use crate::observe::Live;
use crate::store::{Restored, Store, StoreDirectory};

/// Records of the tail that are folded together.
const FOLDED_TOGETHER: usize = 65_536;
/// Records of the tail after which a start writes a checkpoint.
const CHECKPOINT_AFTER: usize = 1_000_000;

/// What a start found.
#[derive(Debug, Clone, Default)]
pub struct Recovery {
    /// Records replayed after the checkpoint.
    pub replayed: u64,
    /// Bytes of a torn last frame that were cut.
    pub torn_bytes: u64,
    /// How often this data directory was opened.
    pub boots: u64,
    /// Whether the store was rebuilt from the log.
    pub rebuilt: bool,
}

/// Everything a start reads from disk.
pub(crate) struct State {
    pub lock: File,
    pub store: Arc<Store>,
    pub directory: Arc<StoreDirectory>,
    pub lanes: Vec<Lane>,
    pub writer: journal::Opened,
    pub recovery: Recovery,
}

/// Takes the data directory for this process; nothing in it is touched before.
pub fn lock(data: &Path) -> Result<File, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", data.display());
    std::fs::create_dir_all(data).map_err(failed)?;
    let lock = File::create(data.join("lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(_) => Err(format!("{}: another process has this data directory open", data.display())),
    }
}

pub(crate) fn recover(
    data: &Path, live: &Live, clocks: &Clocks, timers: &Timers, (tenants, bound): (&[TenantId], usize),
) -> Result<State, String> {
    let lock = lock(data)?;
    let folder = data.join("store");
    let mut rebuilt = false;
    let (store, restored) = match open_store(&folder) {
        Ok(opened) => opened,
        // Another process looks at it: it is not damaged.
        Err(error) if error.contains("Locked") => {
            return Err(format!("{}: the store is in use: {error}", folder.display()));
        }
        Err(error) => {
            // The store is derived: set it aside, and let the log tell everything again.
            let aside = (1..).map(|n| data.join(format!("store.damaged-{n}"))).find(|path| !path.exists());
            let aside = aside.unwrap_or_else(|| data.join("store.damaged"));
            warn!(error, "the store cannot be opened, it is set aside and rebuilt from the log");
            std::fs::rename(&folder, &aside).map_err(|error| format!("{}: {error}", folder.display()))?;
            rebuilt = true;
            open_store(&folder)?
        }
    };
    let store = Arc::new(store);
    let directory = Arc::new(StoreDirectory::new(Arc::clone(&store)));
    let Restored { position, sequences, outbox, remembered, times, boots } = restored;
    for (tenant, at) in &times {
        clocks.restore(tenant, *at);
    }
    for tenant in tenants {
        let until = horizon(clocks.now(tenant), clocks.test_clock(tenant).is_some());
        let from = Timestamp::from_unix_millis(i64::MIN);
        let armed = store.timers(tenant, from, until).map_err(|error| error.to_string())?;
        timers.load(tenant, until, &armed);
    }
    if let Some((_, remembered)) = &remembered {
        live.restore(remembered);
    }
    let mut lanes: Vec<Lane> = Vec::with_capacity(PARTITIONS);
    for ((partition, sequence), rows) in (0..=u8::MAX).zip(sequences).zip(outbox) {
        let snapshots = Arc::clone(&store) as Arc<dyn Snapshots>;
        let mut lane = Lane::new(partition, sequence, snapshots);
        lane.bound_residents(bound);
        lane.restore(rows, times.clone());
        lanes.push(lane);
    }
    let mut tail = Tail { lanes, store: &store, directory: &directory, chunk: Vec::new(), folded: 0 };
    let mut known: Vec<u64> = tail.lanes.iter().map(Lane::sequence).collect();
    let writer = journal::open(&data.join("log"), position, |position, commit| {
        let commit = Arc::new(commit);
        let known = known.get_mut(usize::from(commit.partition)).ok_or("no such partition")?;
        if commit.sequence > *known {
            *known = commit.sequence;
            directory.learn(&entries_of(&commit));
            clocks.restore(&commit.tenant, commit.at);
            for fact in &commit.facts {
                if let SystemFact::ClockAdvanced { to } = fact {
                    clocks.restore(&commit.tenant, *to);
                }
            }
            timers.disarm(&commit.tenant, commit.fired.as_ref());
            timers.arm(&commit.tenant, &commit.timers);
            tail.chunk.push((position, Arc::clone(&commit)));
        }
        live.remember(&commit, position);
        if tail.chunk.len() < FOLDED_TOGETHER { Ok(()) } else { tail.fold(position, timers, live) }
    })
    .map_err(|error| format!("the record log: {error}"))?;
    tail.fold(writer.position, timers, live)?;
    let lanes = tail.lanes;
    let recovery = Recovery { replayed: writer.replayed, torn_bytes: writer.torn_bytes, boots, rebuilt };
    Ok(State { lock, store, directory, lanes, writer, recovery })
}

/// The tail of the log on its way into the lanes.
struct Tail<'a> {
    lanes: Vec<Lane>,
    store: &'a Arc<Store>,
    directory: &'a StoreDirectory,
    chunk: Vec<(u64, Arc<Commit>)>,
    folded: usize,
}

impl Tail<'_> {
    /// Folds what was read, lanes side by side on every core. After many records a checkpoint is
    /// written, so that a rebuild holds no more in memory than a running service.
    fn fold(&mut self, position: u64, timers: &Timers, live: &Live) -> Result<(), String> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut by_core: Vec<Vec<&mut Lane>> = (0..cores).map(|_| Vec::new()).collect();
        for lane in &mut self.lanes {
            if let Some(share) = by_core.get_mut(Router::host_of(lane.partition(), cores)) {
                share.push(lane);
            }
        }
        let chunk = &self.chunk;
        std::thread::scope(|scope| {
            let fold = |mut lanes: Vec<&mut Lane>| -> Result<(), PortError> {
                let mut places = [None; PARTITIONS];
                for (place, lane) in lanes.iter().enumerate() {
                    if let Some(of_lane) = places.get_mut(usize::from(lane.partition())) {
                        *of_lane = Some(place);
                    }
                }
                // In the order of the store each of its blocks is read once, and not as often as the log names it.
                let named = chunk.iter().flat_map(|(_, commit)| commit.changes.iter().map(|change| change.entity));
                let here =
                    |entity: &EntityId| places.get(usize::from(entity.partition())).copied().flatten().is_some();
                let mut named: Vec<EntityId> = named.filter(here).collect();
                named.sort_unstable_by_key(|entity| (entity.partition(), entity.to_key()));
                named.dedup();
                for entity in named {
                    let place = places.get(usize::from(entity.partition())).copied().flatten();
                    if let Some(lane) = place.and_then(|place| lanes.get_mut(place)) {
                        lane.activate(entity)?;
                    }
                }
                for (position, commit) in chunk {
                    let place = places.get(usize::from(commit.partition)).copied().flatten();
                    if let Some(lane) = place.and_then(|place| lanes.get_mut(place)) {
                        lane.fold(commit, *position)?;
                    }
                }
                Ok(())
            };
            let folding: Vec<_> = by_core.into_iter().map(|lanes| scope.spawn(move || fold(lanes))).collect();
            folding.into_iter().try_for_each(|folded| {
                folded.join().map_err(|_| "a lane failed".to_owned())?.map_err(|error| error.to_string())
            })
        })?;
        self.folded += self.chunk.len();
        self.chunk.clear();
        if self.folded < CHECKPOINT_AFTER || self.store.is_full() {
            return Ok(());
        }
        self.folded = 0;
        let checkpoints: Vec<_> = self.lanes.iter_mut().filter_map(Lane::begin_checkpoint).collect();
        let (fired_before, remembered) = (timers.fired_before(), live.remembered());
        let round = Round { checkpoints: &checkpoints, position, fired_before: &fired_before, remembered };
        self.store.write(&round).map_err(|error| error.to_string())?;
        checkpoints.iter().for_each(|checkpoint| self.directory.checkpointed(&checkpoint.directory));
        self.lanes.iter_mut().for_each(Lane::end_checkpoint);
        Ok(())
    }
}

fn open_store(folder: &Path) -> Result<(Store, Restored), String> {
    let store = Store::open(folder).map_err(|error| error.to_string())?;
    let restored = store.restore().map_err(|error| error.to_string())?;
    Ok((store, restored))
}
