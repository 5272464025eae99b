//! The store: checkpoints of the log in fjall. Everything in it is derived from the log and can
//! be rebuilt; it is the only folder that names fjall (N7).
//!
//! | Keyspace | Key | Value |
//! |---|---|---|
//! | `snapshots` | partition, kind, id | tenant, version, state, where the log tells of it |
//! | `timers` | tenant, hour, position | timers armed for that hour |
//! | `outbox` | partition, delivery | row with its tries |
//! | `dead` | tenant, delivery | row given up |
//! | `tries` | tenant, last delivery, first, position | tries of deliveries, by where the log tells of them |
//! | `seen` | command | receipt |
//! | `directory` | kind, tenant, key | meaning |
//! | `lists` | tenant, list, id; tenant, word, id | nothing: screens read the snapshots |
//! | `files` | tenant, time, digest | file record |
//! | `statements` | tenant, account, day, number | bank statement |
//! | `orders` | tenant, end-to-end id, message, row | what a bank reported of an order |
//! | `meta` | name | format, position of the checkpoint, sequence of each lane, clocks, figures |

mod checkpoint;
mod directory;
mod keys;
mod lists;
mod tries;

pub use directory::StoreDirectory;
pub use lists::{List, Page, Words, number_words};
pub use tries::{Tried, TriedPage};

use std::path::{Path, PathBuf};

use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use quittance_actors::partition::{Row, Saved};
use quittance_actors::ports::PortError;
use quittance_actors::values::{DeliveryId, EntityId, PARTITIONS, TenantId, Timestamp};

use crate::journal::codec;

const MEMTABLE_BYTES: u64 = 16 << 20;
const CACHE_BYTES: u64 = 32 << 20;
/// The format of what is stored. A store of another one is rebuilt from the log.
const FORMAT: u8 = 26;
const JOURNALS_BYTES: u64 = 64 << 20;

/// The store.
pub struct Store {
    folder: PathBuf,
    database: Database,
    snapshots: Keyspace,
    timers: Keyspace,
    outbox: Keyspace,
    dead: Keyspace,
    tries: Keyspace,
    seen: Keyspace,
    directory: Keyspace,
    lists: Keyspace,
    files: Keyspace,
    statements: Keyspace,
    orders: Keyspace,
    meta: Keyspace,
    trimmed: tries::Trimmed,
}

/// What a start reads of the store.
pub struct Restored {
    /// The position of the log that the store contains.
    pub position: u64,
    /// The last record of each lane.
    pub sequences: Vec<u64>,
    /// Rows that have not ended, by lane.
    pub outbox: Vec<Vec<(DeliveryId, Row)>>,
    /// What the observer remembered, and up to which position.
    pub remembered: Option<(u64, Vec<u8>)>,
    /// The latest time of each tenant.
    pub times: Vec<(TenantId, Timestamp)>,
    /// How often this data directory was opened.
    pub boots: u64,
}

fn failed(error: impl std::fmt::Display) -> PortError {
    PortError { port: "store", detail: error.to_string() }
}

/// Does work of the store on a thread of its own, which steps back when commands want the core as long as
/// the work is not `urgent`.
fn behind<T: Send>(urgent: bool, work: impl FnOnce() -> Result<T, PortError> + Send) -> Result<T, PortError> {
    let stepped_back = || {
        if !urgent {
            crate::priority::step_back();
        }
        work()
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("quittance-store".to_owned());
        let running = thread.spawn_scoped(scope, stepped_back).map_err(failed)?;
        running.join().map_err(|_| failed("the store's work broke off"))?
    })
}

impl Store {
    /// Opens the store in `folder`, made if missing.
    pub fn open(folder: &Path) -> Result<Self, PortError> {
        // One worker: of two, the first one waits for the other one's compaction in a loop without rest.
        // Its threads take over the priority of the one that opens it.
        let open = || {
            Database::builder(folder)
                .cache_size(CACHE_BYTES)
                .max_journaling_size(JOURNALS_BYTES)
                .worker_threads(1)
                .open()
                .map_err(failed)
        };
        let database = behind(false, open)?;
        let keyspace = |name: &str| {
            let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
            database.keyspace(name, options).map_err(failed)
        };
        Ok(Self {
            snapshots: keyspace("snapshots")?,
            timers: keyspace("timers")?,
            outbox: keyspace("outbox")?,
            dead: keyspace("dead")?,
            tries: keyspace("tries")?,
            seen: keyspace("seen")?,
            directory: keyspace("directory")?,
            lists: keyspace("lists")?,
            files: keyspace("files")?,
            statements: keyspace("statements")?,
            orders: keyspace("orders")?,
            meta: keyspace("meta")?,
            trimmed: tries::Trimmed::default(),
            database,
            folder: folder.to_owned(),
        })
    }

    /// Reads what a start needs, and counts the start. Refuses a store of another format.
    pub fn restore(&self) -> Result<Restored, PortError> {
        let mut restored = self.look()?;
        restored.boots += 1;
        self.meta.insert(keys::BOOTS, restored.boots.to_be_bytes()).map_err(failed)?;
        Ok(restored)
    }

    /// Every entity of a partition, in the order of ids.
    pub fn snapshots_of(&self, partition: u8) -> impl Iterator<Item = Result<(EntityId, Saved), PortError>> {
        self.snapshots.prefix([partition]).map(|guard| {
            let (key, value) = guard.into_inner().map_err(failed)?;
            let id = lists::entity_of(&key).ok_or_else(|| failed("a snapshot of nothing that is known"))?;
            Ok((id, codec::decode_value(&value).map_err(failed)?))
        })
    }

    /// Reads what a start would need.
    pub fn look(&self) -> Result<Restored, PortError> {
        let format = self.meta.get(keys::FORMAT).map_err(failed)?;
        let empty = self.meta.is_empty().map_err(failed)?;
        match format.as_deref() {
            Some([FORMAT]) => {}
            None if empty => self.meta.insert(keys::FORMAT, [FORMAT]).map_err(failed)?,
            other => return Err(failed(format!("format {:?}, this program writes {FORMAT}", other.unwrap_or(&[1])))),
        }
        let number = |key: &[u8]| -> Result<u64, PortError> {
            let value = self.meta.get(key).map_err(failed)?;
            Ok(value.and_then(|bytes| bytes.first_chunk().copied()).map_or(0, u64::from_be_bytes))
        };
        let mut sequences = Vec::with_capacity(PARTITIONS);
        let mut outbox = Vec::with_capacity(PARTITIONS);
        for partition in 0..=u8::MAX {
            sequences.push(number(&keys::sequence(partition))?);
            let mut rows = Vec::new();
            for guard in self.outbox.prefix([partition]) {
                let (key, value) = guard.into_inner().map_err(failed)?;
                let id = key.last_chunk().copied().map(DeliveryId::from_bytes);
                let id = id.ok_or_else(|| failed("an outbox row without a delivery"))?;
                rows.push((id, codec::decode_value(&value).map_err(failed)?));
            }
            outbox.push(rows);
        }
        let remembered = self.meta.get(keys::REMEMBERED).map_err(failed)?;
        let remembered = remembered.map(|bytes| codec::decode_value(&bytes)).transpose().map_err(failed)?;
        let mut times = Vec::new();
        for guard in self.meta.prefix(keys::TIMES) {
            times.push(codec::decode_value(&guard.value().map_err(failed)?).map_err(failed)?);
        }
        let boots = number(keys::BOOTS)?;
        let position = number(keys::POSITION)?;
        Ok(Restored { position, sequences, outbox, remembered, times, boots })
    }

    /// The edition of the scenarios by which a tenant's requests were planned, if it was noted.
    pub fn edition(&self, tenant: &TenantId) -> Result<Option<String>, PortError> {
        let known = self.meta.get(keys::edition(tenant)).map_err(failed)?;
        Ok(known.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Notes it.
    pub fn note_edition(&self, tenant: &TenantId, edition: &str) -> Result<(), PortError> {
        self.meta.insert(keys::edition(tenant), edition).map_err(failed)
    }

    /// Bytes on disk.
    pub fn disk_bytes(&self) -> u64 {
        self.database.disk_space().unwrap_or(0)
    }
}
