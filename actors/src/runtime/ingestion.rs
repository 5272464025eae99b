//! The ingestion supervisor: one child per feed, one file at a time, rows side by side.
//!
//! ```text
//! arrived ─► known digest? ─► duplicate
//!    └─► rows in batches ─► admit ─► noted in the report ─► concluded ─► recorded ─► archived
//! ```
//!
//! A file that is interrupted is read again from its start: a row that was admitted is known by
//! its key, so nothing is lost and nothing happens twice (INV-11).

use std::collections::HashMap;
use std::sync::Arc;

use actix::{Actor, Addr, Context, Handler, Message, ResponseFuture};
use smol_str::SmolStr;
use tokio::sync::Mutex;
use tracing::info;

use super::intake::{
    Intake, IntakeError, admit_cancellation, admit_credit_note, admit_customer, admit_invoice, admit_mandate,
    derived_from,
};
use super::orders::admit_returned;
use super::payouts::admit_failed;
use super::plans::admit_plan;
use super::{Admit, Priority, ReconciliationSupervisor, Router, SubmitError};
use crate::feed;
use crate::limits;
use crate::machine::Tell;
use crate::partition::{DirectoryKey, FileRecord, Origin, SystemFact};
use crate::ports::PortError;
use crate::values::{CommandId, FeedId, TenantId};

/// The port that a reader's own failure is told of, which no later try mends.
pub const READER_FAILED: &str = "reader";

/// A row that could be read.
#[derive(Debug)]
pub struct ReadRow {
    /// Its place in the file: line or entry.
    pub row: u64,
    /// What it says.
    pub intake: Intake,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowOutcome {
    /// It is new.
    Accepted,
    /// It was known before.
    Known,
    /// It was refused, and why.
    Refused(String),
}

/// How far a file has been read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Rows read.
    pub rows: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Bytes in all.
    pub bytes_total: u64,
}

/// A claimed file, as the service reads and reports it. Every call may block.
pub trait IncomingFile: Send {
    /// SHA-256 of its bytes.
    fn digest(&self) -> [u8; 32];

    /// Its name.
    fn name(&self) -> String;

    /// Reads on: `limit` rows at most, none at the end. Rows that cannot be read are noted by
    /// the file itself.
    fn next_rows(&mut self, limit: usize) -> Result<Vec<ReadRow>, PortError>;

    /// By what its sender calls the message that it is, as a hash; known once it was asked for rows.
    fn message(&self) -> Option<u64> {
        None
    }

    /// Nothing of it is taken: a message of this name was read before, and said something else.
    fn refuse_as_other(&mut self) {}

    /// Reads what [`IncomingFile::next_rows`] will ask for, while the rows before it are decided.
    fn read_ahead(&mut self, _limit: usize) {}

    /// Notes what became of a row.
    fn note(&mut self, row: u64, outcome: &RowOutcome);

    /// Writes the report; the file has been read to its end, or is a duplicate.
    fn conclude(&mut self, duplicate: bool) -> Result<FileRecord, PortError>;

    /// What the file says beside its rows, in pieces of bounded size; nothing when it was rejected.
    fn facts(&mut self) -> Vec<SystemFact> {
        Vec::new()
    }

    /// Moves the file where it belongs, after it is recorded.
    fn archive(&mut self) -> Result<(), PortError>;
}

/// What a feed's rows need beside the file.
#[derive(Debug, Clone)]
pub struct FeedReader {
    /// The feed's name.
    pub feed: String,
    /// Whose files.
    pub tenant: TenantId,
}

/// Hands files to their feed.
pub struct IngestionSupervisor {
    router: Arc<Router>,
    reconciliation: Addr<ReconciliationSupervisor>,
    feeds: HashMap<(TenantId, String), Addr<Feed>>,
}

impl IngestionSupervisor {
    /// A supervisor whose feeds admit through `router` and `reconciliation`.
    pub fn new(router: Arc<Router>, reconciliation: Addr<ReconciliationSupervisor>) -> Self {
        Self { router, reconciliation, feeds: HashMap::new() }
    }
}

impl Actor for IngestionSupervisor {
    type Context = Context<Self>;
}

/// A file has arrived and is claimed.
#[derive(Message)]
#[rtype(result = "Result<FileRecord, SubmitError>")]
pub struct Arrived {
    /// The feed.
    pub reader: FeedReader,
    /// The file.
    pub file: Box<dyn IncomingFile>,
}

impl Handler<Arrived> for IngestionSupervisor {
    type Result = ResponseFuture<Result<FileRecord, SubmitError>>;

    fn handle(&mut self, arrived: Arrived, _: &mut Self::Context) -> Self::Result {
        let key = (arrived.reader.tenant.clone(), arrived.reader.feed.clone());
        let (router, reconciliation) = (Arc::clone(&self.router), self.reconciliation.clone());
        let feed = self
            .feeds
            .entry(key)
            .or_insert_with(|| Feed { router, reconciliation, turn: Arc::default() }.start())
            .clone();
        Box::pin(async move { feed.send(arrived).await.map_err(|_| SubmitError::Stopping)? })
    }
}

/// One feed: its files take turns.
struct Feed {
    router: Arc<Router>,
    reconciliation: Addr<ReconciliationSupervisor>,
    turn: Arc<Mutex<()>>,
}

impl Actor for Feed {
    type Context = Context<Self>;
}

impl Handler<Arrived> for Feed {
    type Result = ResponseFuture<Result<FileRecord, SubmitError>>;

    fn handle(&mut self, arrived: Arrived, _: &mut Self::Context) -> Self::Result {
        let (router, reconciliation) = (Arc::clone(&self.router), self.reconciliation.clone());
        let turn = Arc::clone(&self.turn);
        Box::pin(async move {
            let _turn = turn.lock().await;
            read_file(router, reconciliation, arrived).await
        })
    }
}

async fn read_file(
    router: Arc<Router>, reconciliation: Addr<ReconciliationSupervisor>, arrived: Arrived,
) -> Result<FileRecord, SubmitError> {
    let Arrived { reader, mut file } = arrived;
    let digest = file.digest();
    let key = DirectoryKey::FileDigest(reader.tenant.clone(), digest);
    let duplicate = router.ports().directory.find(&key)?.is_some();
    if !duplicate {
        file = read_rows(&router, &reconciliation, &reader, digest, file).await?;
    }
    let (returned, concluded) = blocking(file, move |file| (file.conclude(duplicate), file.facts())).await?;
    let (record, facts) = (concluded.0?, concluded.1);
    note_file(&router, &reader, &record, duplicate).await?;
    if !duplicate {
        let [partition, ..] = digest;
        for fact in facts {
            router.record_fact(partition, &reader.tenant, fact).await?;
        }
        // Together: one that is read again after a crash is not taken for another message of its name.
        let whole = !record.rejected && record.refused == 0;
        let message = returned.message().filter(|_| whole);
        let read = message.map(|message| SystemFact::MessageRead { feed: reader.feed.clone(), digest, message });
        let finished = std::iter::once(SystemFact::FileFinished(record.clone())).chain(read).collect();
        router.record_facts(partition, &reader.tenant, finished).await?;
    }
    let (_, archived) = blocking(returned, |file| file.archive()).await?;
    archived?;
    let FileRecord { rows, accepted, known, refused, rejected, .. } = &record;
    info!(tenant = %reader.tenant, feed = reader.feed, duplicate, rows, accepted, known, refused, rejected, "file read");
    Ok(record)
}

/// Tells the feed of a file. Read again after a crash, the same file is the same command; a file that
/// was read before may come any number of times.
async fn note_file(
    router: &Arc<Router>, reader: &FeedReader, record: &FileRecord, duplicate: bool,
) -> Result<(), SubmitError> {
    let clock = &router.ports().clock;
    let command = match duplicate {
        true => CommandId::new(clock.now(&reader.tenant), clock.random(), 0),
        false => {
            let digest = record.digest.map(|byte| format!("{byte:02x}")).concat();
            derived_from(&[reader.tenant.as_str(), &reader.feed, &digest, "file"])
        }
    };
    let name = SmolStr::new(&reader.feed);
    let read = feed::Command::ReadFile { name, file: Arc::new(record.clone()), duplicate };
    let tell = Tell::Feed(FeedId::of(&reader.tenant, &reader.feed), read);
    router.submit(&reader.tenant, tell, command, 0, Origin::System, Priority::Patient).await.map(drop)
}

/// Reads and admits a file to its end.
async fn read_rows(
    router: &Arc<Router>, reconciliation: &Addr<ReconciliationSupervisor>, reader: &FeedReader, digest: [u8; 32],
    mut file: Box<dyn IncomingFile>,
) -> Result<Box<dyn IncomingFile>, SubmitError> {
    let mut is_first = true;
    loop {
        let (returned, rows) = blocking(file, |file| file.next_rows(limits::ROWS_IN_FLIGHT_MAX)).await?;
        file = returned;
        let rows = rows?;
        // A bank that repeats a message repeats its bytes: this one says something else under the same name.
        if std::mem::take(&mut is_first)
            && let Some(message) = file.message()
            && router.ports().directory.find(&DirectoryKey::Message(reader.tenant.clone(), message))?.is_some()
        {
            file.refuse_as_other();
            return Ok(file);
        }
        if rows.is_empty() {
            return Ok(file);
        }
        // A row beside another may name what that one makes known.
        let mut turns: [Vec<ReadRow>; 4] = Default::default();
        for row in rows {
            if let Some(turn) = turns.get_mut(row.intake.turn()) {
                turn.push(row);
            }
        }
        let admitting = async {
            let mut outcomes = Vec::new();
            for turn in turns {
                outcomes.extend(admit_rows(router, reconciliation, reader, digest, turn).await?);
            }
            Ok::<_, SubmitError>(outcomes)
        };
        let ahead = blocking(file, |file| file.read_ahead(limits::ROWS_IN_FLIGHT_MAX));
        let (outcomes, returned) = tokio::join!(admitting, ahead);
        file = returned?.0;
        let mut outcomes = outcomes?;
        outcomes.sort_by_key(|(row, _)| *row);
        for (row, outcome) in outcomes {
            file.note(row, &outcome);
        }
    }
}

async fn blocking<T: Send + 'static>(
    mut file: Box<dyn IncomingFile>, work: impl FnOnce(&mut dyn IncomingFile) -> T + Send + 'static,
) -> Result<(Box<dyn IncomingFile>, T), SubmitError> {
    tokio::task::spawn_blocking(move || {
        let result = work(file.as_mut());
        (file, result)
    })
    .await
    .map_err(|panic| {
        SubmitError::Port(PortError { port: READER_FAILED, detail: format!("the file's reader failed: {panic}") })
    })
}

async fn admit_rows(
    router: &Arc<Router>, reconciliation: &Addr<ReconciliationSupervisor>, reader: &FeedReader, digest: [u8; 32],
    rows: Vec<ReadRow>,
) -> Result<Vec<(u64, RowOutcome)>, SubmitError> {
    let [d0, d1, d2, d3, d4, d5, d6, d7, ..] = digest;
    let short = u64::from_be_bytes([d0, d1, d2, d3, d4, d5, d6, d7]);
    let mut admitting = Vec::with_capacity(rows.len());
    for ReadRow { row, intake } in rows {
        let (router, reconciliation, reader) = (Arc::clone(router), reconciliation.clone(), reader.clone());
        let origin = Origin::File { digest: short, row };
        let task = actix::spawn(async move { admit_row(&router, &reconciliation, &reader, intake, origin).await });
        admitting.push((row, task));
    }
    let mut outcomes = Vec::with_capacity(admitting.len());
    for (row, task) in admitting {
        let admitted = task.await.map_err(|_| SubmitError::Stopping)?;
        let outcome = match admitted {
            Ok(0) => RowOutcome::Known,
            Ok(_) => RowOutcome::Accepted,
            // Our side: the file stays claimed and is read again.
            Err(IntakeError::Submit(
                error @ (SubmitError::Port(_) | SubmitError::Stopping | SubmitError::NotOwner),
            )) => return Err(error),
            Err(error) => RowOutcome::Refused(error.to_string()),
        };
        outcomes.push((row, outcome));
    }
    Ok(outcomes)
}

/// Admits one row; gives the record's sequence, 0 when nothing had to be recorded.
async fn admit_row(
    router: &Arc<Router>, reconciliation: &Addr<ReconciliationSupervisor>, reader: &FeedReader, intake: Intake,
    origin: Origin,
) -> Result<u64, IntakeError> {
    let clock = &router.ports().clock;
    let command = CommandId::new(clock.now(&reader.tenant), clock.random(), 0);
    let receipt = match intake {
        Intake::Invoice(row) => {
            admit_invoice(router, &reader.tenant, &row, command, origin, Priority::Patient).await?.1
        }
        Intake::Entry(entry) => {
            let (tenant, entry) = (reader.tenant.clone(), *entry);
            let admit = Admit { tenant, entry, command, origin, priority: Priority::Patient };
            reconciliation.send(admit).await.map_err(|_| SubmitError::Stopping)??.1
        }
        Intake::Customer(row) => {
            admit_customer(router, &reader.tenant, &row, command, origin, Priority::Patient).await?.1
        }
        Intake::CreditNote(row) => {
            admit_credit_note(router, &reader.tenant, &row, command, origin, Priority::Patient).await?
        }
        Intake::Mandate(row) => {
            admit_mandate(router, &reader.tenant, &row, command, origin, Priority::Patient).await?
        }
        Intake::Plan(row) => admit_plan(router, &reader.tenant, &row, command, origin, Priority::Patient).await?.1,
        Intake::OrderReturned(row) => match admit_returned(router, &reader.tenant, &row, command, origin).await? {
            Some(receipt) => receipt,
            None => return Ok(0),
        },
        Intake::PayoutReturned(row) => match admit_failed(router, &reader.tenant, &row, command, origin).await? {
            Some(receipt) => receipt,
            None => return Ok(0),
        },
        Intake::Cancellation(row) => {
            admit_cancellation(router, &reader.tenant, &row, command, origin, Priority::Patient).await?
        }
    };
    Ok(receipt.sequence)
}
