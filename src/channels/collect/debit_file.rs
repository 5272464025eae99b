//! Files of SEPA direct debits for a bank: each order stands in exactly one, however often it is tried.
//!
//! ```text
//! batch ─► .NAME.part written whole, synced ─► members into the ledger, synced ─► renamed to NAME
//! ```
//!
//! The ledger is beside the data, a file per month. What stands in it is never written again: its file
//! is published already, or its part is, and is renamed first. A process that died before the ledger
//! leaves a part that nothing names, and it is written over.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use quittance_actors::collection::{InstrumentDetails, Mandate, MandateKind};
use quittance_actors::payment_request::end_to_end_id;
use quittance_actors::ports::{CollectionAnswer, CollectionOrder};
use quittance_actors::values::{AttemptId, Calendar, Currency, Timestamp, Zone};
use serde::{Deserialize, Serialize};

use super::super::{accepted, file, later, never};
use super::{Said, only};
use crate::digest;
use crate::formats::orders::{DirectDebit, Envelope, Initiator, Scheme, Sequence, pain008};

/// Writes the orders of one connector.
pub struct DebitFiles {
    folder: PathBuf,
    state: PathBuf,
    initiator: Initiator,
    calendar: Calendar,
    zone: Zone,
    /// One batch at a time.
    turn: Mutex<()>,
}

/// A line of the ledger: an order, and the message and batch it stands in.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    attempt: AttemptId,
    end_to_end: String,
    message: String,
    batch: String,
}

/// The name of a message's file.
fn file_of(message: &str) -> String {
    format!("pain.008-{message}.xml")
}

/// The end-to-end ids that stand in a message, or in one batch of it, as the ledger in `state` has them.
pub fn ordered(state: &Path, message: &str, batch: Option<&str>) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let months = match fs::read_dir(state) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        months => months?,
    };
    for month in months {
        let path = month?.path();
        each_line(&path, |line| {
            if line.message == message && batch.is_none_or(|batch| line.batch == batch) {
                found.push(line.end_to_end);
            }
        })?;
    }
    Ok(found)
}

impl DebitFiles {
    /// Writes files of `initiator` into `folder`, with a ledger in `state` that has a file per month of
    /// `zone`; banks collect on the days of `calendar`.
    pub fn new(folder: PathBuf, state: PathBuf, initiator: Initiator, calendar: Calendar, zone: Zone) -> Self {
        Self { folder, state, initiator, calendar, zone, turn: Mutex::new(()) }
    }

    /// Writes orders as one file; gives an answer to each, in order.
    pub(super) fn collect(&self, orders: &[CollectionOrder]) -> Vec<CollectionAnswer> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        match self.write(orders) {
            Ok(answers) => answers,
            Err(error) => {
                let why = format!("{}: {error}", self.folder.display());
                orders.iter().map(|_| only(later(why.clone()))).collect()
            }
        }
    }

    /// The ledger of an order: that of the month in which it was ordered.
    fn ledger(&self, order: &CollectionOrder) -> String {
        let (year, month, _) = order.delivery.event.at.date_in(&self.zone).parts();
        format!("{year:04}-{month:02}.jsonl")
    }

    fn write(&self, orders: &[CollectionOrder]) -> io::Result<Vec<CollectionAnswer>> {
        fs::create_dir_all(&self.state)?;
        fs::create_dir_all(&self.folder)?;
        let mut known: HashMap<AttemptId, String> = HashMap::new();
        let ledgers: BTreeMap<String, ()> = orders.iter().map(|order| (self.ledger(order), ())).collect();
        for name in ledgers.keys() {
            known.extend(read_ledger(&self.state.join(name))?);
        }
        let (mut answers, mut fresh) = (Vec::with_capacity(orders.len()), Vec::new());
        for order in orders {
            if let Some(message) = known.get(&order.attempt) {
                let name = file_of(message);
                self.publish(&name)?;
                answers.push(only(accepted(&name)));
                continue;
            }
            match debit(order) {
                Ok(debit) => {
                    fresh.push((order, debit));
                    answers.push(only(accepted("")));
                }
                Err(why) => answers.push(only(never(why))),
            }
        }
        if fresh.is_empty() {
            return Ok(answers);
        }
        let name = self.publish_new(&fresh)?;
        let written = fresh.iter().map(|(order, _)| order.attempt).collect::<std::collections::HashSet<_>>();
        for (order, answer) in orders.iter().zip(&mut answers) {
            if written.contains(&order.attempt) {
                *answer = only(accepted(&name));
            }
        }
        Ok(answers)
    }

    /// Writes a new batch and publishes it; gives the file's name.
    fn publish_new(&self, fresh: &[(&CollectionOrder, DirectDebit)]) -> io::Result<String> {
        let latest: Timestamp = fresh.iter().map(|(order, _)| order.delivery.event.at).max().unwrap_or_default();
        let members: Vec<u8> = fresh.iter().flat_map(|(order, _)| order.attempt.to_bytes()).collect();
        let hash = digest::hex(&digest::sha256(&members));
        let message_id = format!("QT-{}", hash.get(..24).unwrap_or_default());
        let (initiator, calendar) = (self.initiator.clone(), &self.calendar);
        let envelope = Envelope { message_id, created_at: latest, initiator, calendar };
        let debits: Vec<DirectDebit> = fresh.iter().map(|(_, debit)| debit.clone()).collect();
        let bytes = pain008::write(&envelope, &debits);
        let name = file_of(&envelope.message_id);
        let mut part = File::create(self.part(&name))?;
        part.write_all(&bytes)?;
        part.sync_all()?;
        let sum = format!("{}  {name}\n", digest::hex(&digest::sha256(&bytes)));
        file::write_whole(&self.folder, &format!("{name}.sha256"), sum.as_bytes())?;
        let mut lines: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for ((order, debit), batch) in fresh.iter().zip(pain008::batches_of(&envelope, &debits)) {
            let lines = lines.entry(self.ledger(order)).or_default();
            let (end_to_end, message) = (debit.end_to_end_id.clone(), envelope.message_id.clone());
            let line = Line { attempt: order.attempt, end_to_end, message, batch };
            serde_json::to_writer(&mut *lines, &line).map_err(io::Error::other)?;
            lines.push(b'\n');
        }
        for (ledger, lines) in lines {
            append(&self.state.join(ledger), &lines)?;
        }
        File::open(&self.state)?.sync_all()?;
        self.publish(&name)?;
        Ok(name)
    }

    fn part(&self, name: &str) -> PathBuf {
        self.folder.join(format!(".{name}.part"))
    }

    /// Gives a file that stands in the ledger its name, if it has not got it.
    fn publish(&self, name: &str) -> io::Result<()> {
        match fs::rename(self.part(name), self.folder.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()), // Published before.
            other => other?,
        }
        File::open(&self.folder)?.sync_all()
    }
}

/// Appends whole lines, or nothing: what a process that died left of a line is cut first.
fn append(path: &Path, lines: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
    let whole = whole_lines(path)?;
    file.set_len(whole)?;
    let written = file.write_all(lines).and_then(|()| file.sync_all());
    if written.is_err() {
        file.set_len(whole)?; // A full disk: the lines come again as a whole.
    }
    written
}

/// The length of the whole lines of a file.
fn whole_lines(path: &Path) -> io::Result<u64> {
    let bytes = fs::read(path)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    Ok(u64::try_from(whole).unwrap_or(u64::MAX))
}

/// The message of each order that stands in a ledger.
fn read_ledger(path: &Path) -> io::Result<HashMap<AttemptId, String>> {
    let mut known = HashMap::new();
    each_line(path, |line| {
        known.insert(line.attempt, line.message);
    })?;
    Ok(known)
}

fn each_line(path: &Path, mut take: impl FnMut(Line)) -> io::Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut lines = BufReader::new(file);
    let mut line = String::new();
    // A last line that was cut was not acknowledged: its file has not been published.
    while lines.read_line(&mut line)? > 0 && line.ends_with('\n') {
        take(serde_json::from_str(&line).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{} cannot be read: {error}", path.display()))
        })?);
        line.clear();
    }
    Ok(())
}

fn debit(order: &CollectionOrder) -> Result<DirectDebit, String> {
    let said = Said::of(order).ok_or("the order does not say what to collect")?;
    let InstrumentDetails::Mandate(reference, mandate) = &order.instrument else {
        return Err("a card is not collected by a file of direct debits".to_owned());
    };
    if said.amount.currency() != Currency::EUR {
        return Err(format!("SEPA collects euros, not {}", said.amount.currency()));
    }
    let Mandate { kind, iban, bic, signed_on, .. } = mandate;
    let (scheme, sequence) = match kind {
        // A new attempt is recurrent too; a single one stays single. Source: EPC clarification paper.
        MandateKind::CoreRecurrent => (Scheme::Core, Sequence::Recurrent),
        MandateKind::CoreOneOff => (Scheme::Core, Sequence::OneOff),
        MandateKind::B2bRecurrent => (Scheme::B2b, Sequence::Recurrent),
        MandateKind::B2bOneOff => (Scheme::B2b, Sequence::OneOff),
    };
    Ok(DirectDebit {
        end_to_end_id: end_to_end_id(order.request, said.number),
        amount: said.amount,
        due_on: said.collects_on,
        scheme,
        sequence,
        mandate_id: reference.to_string(),
        signed_on: *signed_on,
        debtor: order.customer.name.to_string(),
        iban: iban.clone(),
        bic: bic.as_ref().map(ToString::to_string),
        remittance: format!("{} {}", said.external_ref, said.description).trim().to_owned(),
    })
}
