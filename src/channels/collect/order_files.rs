//! Files of orders for a bank: each order stands in exactly one, however often it is tried.
//!
//! ```text
//! batch ─► .NAME.part, whole and synced ─► ledger of the message, whole and synced ─► marked as published ─► NAME
//! ```
//!
//! The ledger is beside the data: a folder per month, a file per message. What stands in it is never
//! written again: its file is published, or its part is and gets its name first. When neither is there,
//! a person looks whether the bank has it. A process that died before the ledger leaves a part that
//! nothing names, and it is written over.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use quittance_actors::delivery::{Fault, Verdict};
use quittance_actors::values::{Timestamp, Zone};
use serde::{Deserialize, Serialize};

use super::super::{accepted, later, never};
use crate::digest;

/// The message of each order, by the month in whose folder it stands.
type Known = BTreeMap<String, HashMap<String, String>>;

/// What every id of a message of ours begins with.
const MESSAGE_PREFIX: &str = "QT-";

/// The files of one connector.
pub(super) struct OrderFiles {
    folder: PathBuf,
    state: PathBuf,
    /// The ISO 20022 message, such as `pain.008`: what the files' names begin with.
    message: &'static str,
    zone: Zone,
    /// Whether a `.sha256` stands beside each file.
    checksums: bool,
    /// One batch at a time.
    known: Mutex<Known>,
}

/// An order to be written.
pub(super) struct Order<T> {
    /// What it is known by, the same on every try.
    pub key: String,
    /// When it was made. Its message is of that month or a later one.
    pub at: Timestamp,
    /// Its end-to-end id and what is ordered, or why a bank would refuse it.
    pub what: Result<(String, T), String>,
}

/// A message as it is written: its bytes, and the batch of each order.
pub(super) struct Written {
    pub bytes: Vec<u8>,
    pub batches: Vec<String>,
}

/// The ledger of a message: what stands in it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ledger {
    message: String,
    orders: Vec<Line>,
}

/// An order, and the batch it stands in.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(alias = "attempt")]
    key: String,
    end_to_end: String,
    batch: String,
}

fn invalid(path: &Path, error: &serde_json::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{} cannot be read: {error}", path.display()))
}

fn read(path: &Path) -> io::Result<Ledger> {
    serde_json::from_slice(&fs::read(path)?).map_err(|error| invalid(path, &error))
}

/// The folders of a ledger, or nothing when there is none yet.
pub(super) fn folders(state: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(state) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        found => found?.map(|entry| Ok(entry?.path())).collect(),
    }
}

/// The end-to-end ids that stand in a message, or in one batch of it, as the ledgers below `state` have
/// them.
pub fn ordered(state: &Path, message: &str, batch: Option<&str>) -> io::Result<Vec<String>> {
    let plain = message.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !message.starts_with(MESSAGE_PREFIX) || !plain {
        return Ok(Vec::new()); // Of somebody else.
    }
    for connector in folders(state)? {
        for month in folders(&connector)? {
            let path = month.join(format!("{message}.json"));
            if path.exists() {
                let lines = read(&path)?.orders.into_iter();
                let fits = |line: &Line| batch.is_none_or(|batch| line.batch == batch);
                return Ok(lines.filter(fits).map(|line| line.end_to_end).collect());
            }
        }
    }
    Ok(Vec::new())
}

impl OrderFiles {
    pub(super) fn new(folder: PathBuf, state: PathBuf, message: &'static str, zone: Zone) -> Self {
        Self { folder, state, message, zone, checksums: true, known: Mutex::default() }
    }

    pub(super) fn without_checksums(self) -> Self {
        Self { checksums: false, ..self }
    }

    /// Writes orders as one file, as `layout` lays them out under a message id; gives an answer to each,
    /// in order.
    pub(super) fn hand_over<T: Clone>(
        &self, orders: &[Order<T>], layout: impl Fn(String, Timestamp, &[T]) -> Written,
    ) -> Vec<Verdict> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match self.write(orders, &mut known, layout) {
            Ok(answers) => answers,
            Err(error) => {
                known.clear(); // What was written before it broke is read again.
                let why = format!("{}: {error}", self.folder.display());
                orders.iter().map(|_| later(Fault::File, why.clone())).collect()
            }
        }
    }

    /// The name of a message's file.
    fn file_of(&self, message: &str) -> String {
        format!("{}-{message}.xml", self.message)
    }

    fn month(&self, at: Timestamp) -> String {
        let (year, month, _) = at.date_in(&self.zone).parts();
        format!("{year:04}-{month:02}")
    }

    /// Reads the ledgers from the month of the oldest order on, as far as they are not known.
    fn learn(&self, oldest: Timestamp, known: &mut Known) -> io::Result<()> {
        let oldest = self.month(oldest);
        for folder in folders(&self.state)? {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name < oldest || known.contains_key(&name) {
                continue;
            }
            let mut of_month = HashMap::new();
            for path in folders(&folder)? {
                if path.extension().is_some_and(|ending| ending == "json") {
                    let Ledger { message, orders } = read(&path)?;
                    of_month.extend(orders.into_iter().map(|line| (line.key, message.clone())));
                }
            }
            known.insert(name, of_month);
        }
        known.retain(|name, _| *name >= oldest);
        Ok(())
    }

    fn write<T: Clone>(
        &self, orders: &[Order<T>], known: &mut Known, layout: impl Fn(String, Timestamp, &[T]) -> Written,
    ) -> io::Result<Vec<Verdict>> {
        fs::create_dir_all(&self.state)?;
        fs::create_dir_all(&self.folder)?;
        self.learn(orders.iter().map(|order| order.at).min().unwrap_or_default(), known)?;
        let (mut answers, mut fresh) = (Vec::with_capacity(orders.len()), Vec::<(&Order<T>, &String, T)>::new());
        let mut published: BTreeMap<String, Result<(), String>> = BTreeMap::new();
        for order in orders {
            let message = known.values().find_map(|of_month| of_month.get(&order.key));
            if let Some(message) = message {
                let again = published.entry(message.clone()).or_insert_with(|| self.publish_again(message));
                answers.push(match again {
                    Ok(()) => accepted(&self.file_of(message)),
                    Err(why) => later(Fault::File, why.clone()),
                });
                continue;
            }
            answers.push(match &order.what {
                Ok(_) if fresh.iter().any(|(known, ..)| known.key == order.key) => accepted("in the same file"),
                Ok((end_to_end, what)) => {
                    fresh.push((order, end_to_end, what.clone()));
                    accepted("")
                }
                Err(why) => never(Fault::Content, why.clone()),
            });
        }
        if fresh.is_empty() {
            return Ok(answers);
        }
        let message = self.write_new(&fresh, known, layout)?;
        for (order, answer) in orders.iter().zip(&mut answers) {
            if fresh.iter().any(|(written, ..)| written.key == order.key) {
                *answer = accepted(&self.file_of(&message));
            }
        }
        Ok(answers)
    }

    /// Writes a new batch and publishes it; gives the message's id.
    fn write_new<T: Clone>(
        &self, fresh: &[(&Order<T>, &String, T)], known: &mut Known,
        layout: impl Fn(String, Timestamp, &[T]) -> Written,
    ) -> io::Result<String> {
        let latest: Timestamp = fresh.iter().map(|(order, ..)| order.at).max().unwrap_or_default();
        let month = self.month(latest);
        let members: Vec<u8> = fresh.iter().flat_map(|(order, ..)| order.key.bytes().chain([0])).collect();
        let hash = digest::hex(&digest::sha256(&members));
        let message_id = format!("{MESSAGE_PREFIX}{}", hash.get(..24).unwrap_or_default());
        let what: Vec<T> = fresh.iter().map(|(.., what)| what.clone()).collect();
        let Written { bytes, batches } = layout(message_id.clone(), latest, &what);
        let name = self.file_of(&message_id);
        let mut part = File::create(self.part(&name))?;
        part.write_all(&bytes)?;
        part.sync_all()?;
        if self.checksums {
            let sum = format!("{}  {name}\n", digest::hex(&digest::sha256(&bytes)));
            crate::whole_file::write(&self.folder, &format!("{name}.sha256"), sum.as_bytes())?;
        }
        let lines = fresh.iter().zip(batches);
        let line = |((order, end_to_end, _), batch): (&(&Order<T>, &String, T), String)| Line {
            key: order.key.clone(),
            end_to_end: (*end_to_end).clone(),
            batch,
        };
        let ledger = Ledger { message: message_id.clone(), orders: lines.map(line).collect() };
        let text = serde_json::to_vec(&ledger).map_err(io::Error::other)?;
        // From here on the orders are those of this message.
        crate::whole_file::write(&self.state.join(&month), &format!("{message_id}.json"), &text)?;
        File::open(&self.state)?.sync_all()?;
        let of_month = known.entry(month).or_default();
        of_month.extend(fresh.iter().map(|(order, ..)| (order.key.clone(), message_id.clone())));
        self.publish(&message_id)?;
        Ok(message_id)
    }

    fn part(&self, name: &str) -> PathBuf {
        self.folder.join(format!(".{name}.part"))
    }

    fn mark(&self, message: &str) -> PathBuf {
        self.state.join(".published").join(message)
    }

    /// Notes that a message is published, and gives its file its name: the bank may take it away at once.
    fn publish(&self, message: &str) -> io::Result<()> {
        let name = self.file_of(message);
        crate::whole_file::write(&self.state.join(".published"), message, b"")?;
        fs::rename(self.part(&name), self.folder.join(&name))?;
        File::open(&self.folder)?.sync_all()
    }

    /// Finishes what a process that died may have left of a message that stands in the ledger.
    fn publish_again(&self, message: &str) -> Result<(), String> {
        let name = self.file_of(message);
        if self.part(&name).exists() {
            return self.publish(message).map_err(|error| format!("{}: {error}", self.folder.display()));
        }
        if self.mark(message).exists() || self.folder.join(&name).exists() {
            return Ok(());
        }
        Err(format!("{name} is not there any more: find out whether the bank has it"))
    }
}
