//! A claimed file: read once to check it when it counts as a whole, then row by row.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quittance_actors::limits;
use quittance_actors::partition::{FileRecord, StatementRecord, StatusReport, SystemFact};
use quittance_actors::ports::PortError;
use quittance_actors::runtime as actors;
use quittance_actors::runtime::{IncomingFile, Intake, ReadRow, RowOutcome};
use quittance_actors::values::stable_hash;

use smol_str::SmolStr;
use tracing::warn;

use super::manifest::{Claims, Found};
use super::progress::{Note, Progress};
use super::report::{Report, free_name, read_beside};
use super::scan::is_plain_file;
use super::{Activity, Claimed, Watched, manifest, progress, report};
use crate::config::FeedFormat;
use crate::digest;
use crate::formats::{self, FieldError, Item, Reader, Unreadable, erp};

/// A file in `.work`.
pub struct ClaimedFile {
    watched: Watched,
    path: PathBuf,
    /// Why it cannot be read, if that is known already.
    unreadable: Option<String>,
    name: String,
    digest: [u8; 32],
    reader: Option<Box<dyn Reader>>,
    /// What was read while the rows before it were decided.
    ahead: VecDeque<Result<Item, FieldError>>,
    report: Report,
    statements: Vec<StatementRecord>,
    reports: Vec<StatusReport>,
    /// Items taken, and those that a note of progress says are recorded already.
    items: u64,
    recorded: u64,
    refused_rows: Vec<u64>,
    progress: Progress,
    rejected: bool,
    checked: bool,
    bytes_total: u64,
    target: Option<PathBuf>,
    /// The number of the invoice that the file itself is the document of.
    document_of: Option<SmolStr>,
    /// What its manifest says of its rows.
    claims: Claims,
    /// By what its sender calls it.
    message: Option<String>,
    activity: Arc<Activity>,
}

/// Refused rows that are remembered, for the file in which they can be fixed.
const REFUSED_ROWS_MAX: usize = 100_000;

fn port(error: impl std::fmt::Display) -> PortError {
    PortError { port: "watch", detail: error.to_string() }
}

impl ClaimedFile {
    /// Opens a claimed file and computes its digest.
    pub(super) fn open(watched: &Watched, claimed: Claimed, activity: Arc<Activity>) -> io::Result<Self> {
        let Claimed { path, unreadable } = claimed;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !is_plain_file(&path) {
            return Err(io::Error::other("not a regular file: links and devices are not read"));
        }
        let file = File::open(&path)?;
        let bytes_total = file.metadata()?.len();
        let digest = digest::sha256_of(file)?;
        let hex = digest::hex(&digest);
        let notes = Progress::of(&path);
        let claims = Claims::left(&path);
        let mut note = notes.left(&hex, progress::reader_of(watched));
        let report = match &mut note {
            Some(note) => std::mem::replace(&mut note.report, Report::new(watched, &name, String::new())),
            None => Report::new(watched, &name, hex.clone()),
        };
        let progress = actors::Progress { bytes_total, ..actors::Progress::default() };
        activity.reading(&report.tenant, &report.feed, &name, &hex, progress);
        Ok(Self {
            watched: watched.clone(),
            path,
            unreadable,
            name,
            digest,
            reader: None,
            ahead: VecDeque::new(),
            report,
            statements: Vec::new(),
            reports: Vec::new(),
            items: 0,
            recorded: note.as_ref().map_or(0, |note| note.items),
            refused_rows: note.map(|note| note.refused_rows).unwrap_or_default(),
            progress: notes,
            rejected: false,
            checked: false,
            bytes_total,
            target: None,
            document_of: None,
            claims,
            message: None,
            activity,
        })
    }

    fn reader(&self) -> io::Result<Box<dyn Reader>> {
        if let Some(why) = &self.unreadable {
            return Ok(Box::new(Unreadable::new(FieldError::wrong(0, 0, "", why.as_str()))));
        }
        let source = BufReader::with_capacity(256 << 10, File::open(&self.path)?);
        Ok(match (&self.watched.feed.format, &self.watched.mapping) {
            (FeedFormat::Invoices { .. }, Some(mapping)) => erp::open(source, mapping),
            (FeedFormat::Invoices { .. }, None) => return Err(io::Error::other("the feed has no mapping")),
            (FeedFormat::Bank, _) => match formats::open_bank(source) {
                Ok(reader) => reader,
                Err(error) => Box::new(Unreadable::new(error)),
            },
        })
    }

    /// Whether a file is read to its end before a single row is taken: one that counts as a whole or whose manifest says what
    /// its rows are, and every bank file, since a statement that does not close says something false of its entries.
    fn counts_as_a_whole(&self) -> bool {
        let Watched { feed, .. } = &self.watched;
        feed.all_or_nothing || feed.format == FeedFormat::Bank || !self.claims.is_empty()
    }

    /// Reads a file to its end before a single row is taken.
    fn check_whole(&mut self) -> io::Result<()> {
        self.checked = true;
        let mut reader = self.reader()?;
        let mut found = Report::new(&self.watched, &self.name, self.report.sha256.clone());
        let mut of_rows = Found::default();
        while let Some(item) = reader.next() {
            match item {
                Ok(Item::Refused(..)) if !self.watched.feed.all_or_nothing => {
                    found.rows += 1;
                    of_rows.unread = true;
                }
                Ok(Item::Refused(row, errors)) => {
                    found.rows += 1;
                    of_rows.unread = true;
                    found.refused += 1;
                    for error in &errors {
                        found.error(row, error);
                    }
                }
                Ok(Item::Row(_, row)) => {
                    found.rows += 1;
                    of_rows.add(&row);
                }
                Ok(Item::Passed(..) | Item::Status(..)) => found.rows += 1,
                Ok(Item::Message(name)) => self.message = Some(name),
                Ok(Item::Note(_) | Item::Statement(_)) => {}
                Err(error) => {
                    found.refused += 1;
                    found.error(0, &error);
                }
            }
        }
        of_rows.rows = found.rows;
        if let Some(differs) = self.claims.differs(&of_rows).filter(|_| found.refused == 0) {
            found.refused += 1;
            found.error(0, &FieldError::wrong(0, 0, "", differs));
        }
        if found.refused > 0 {
            found.notes.push("nothing of this file was taken: it counts as a whole".to_owned());
            self.report = found;
            self.rejected = true;
        }
        Ok(())
    }

    fn take(&mut self, item: Item, rows: &mut Vec<ReadRow>) -> io::Result<()> {
        self.items += 1;
        let known = self.items <= self.recorded;
        match item {
            Item::Statement(statement) => self.statements.push(*statement),
            Item::Status(report) => {
                let returned = if known { Vec::new() } else { self.watched.returned(&report)? };
                if returned.is_empty() {
                    self.report.rows += u64::from(!known);
                    self.report.accepted += u64::from(!known);
                }
                for intake in returned {
                    self.report.rows += 1;
                    rows.push(ReadRow { row: report.row, intake });
                }
                self.reports.push(*report);
            }
            // Recorded by a process that died since, and in the report that it left.
            _ if known => {}
            Item::Row(row, mut intake) => {
                if let Intake::Entry(entry) = &mut intake {
                    self.watched.name_collected(entry)?;
                }
                if let Intake::Invoice(invoice) = &intake {
                    self.document_of = Some(invoice.external_ref.as_str().into());
                }
                self.report.rows += 1;
                rows.push(ReadRow { row, intake });
            }
            Item::Passed(..) => {
                self.report.rows += 1;
                self.report.passed += 1;
            }
            Item::Refused(row, errors) => {
                self.report.rows += 1;
                self.report.refused += 1;
                self.refuse_row(row);
                for error in &errors {
                    self.report.error(row, error);
                }
            }
            Item::Note(note) => self.report.notes.push(note.to_string()),
            Item::Message(_) => {} // Known since the file was looked at.
        }
        Ok(())
    }

    fn refuse_row(&mut self, row: u64) {
        if self.refused_rows.len() < REFUSED_ROWS_MAX {
            self.refused_rows.push(row);
            return;
        }
        if self.watched.mapping.is_none() {
            return; // There is no reject file.
        }
        let what =
            format!("the reject file holds the first {REFUSED_ROWS_MAX} refused rows, the others are in this file");
        if self.report.notes.last() != Some(&what) {
            self.report.notes.retain(|note| *note != what);
            self.report.notes.push(what);
        }
    }

    /// Notes how far the file is; everything taken so far is recorded.
    fn note_progress(&mut self) {
        if self.items <= self.recorded || !self.progress.is_due() {
            return;
        }
        let note = Note {
            reader: progress::reader_of(&self.watched),
            items: self.items,
            refused_rows: self.refused_rows.clone(),
            report: self.report.clone(),
        };
        if let Err(error) = self.progress.write(&note) {
            tracing::debug!(%error, "note of progress cannot be written");
        }
    }

    /// Whether the file is still as long as it was when it was opened.
    fn check_length(&self) -> io::Result<()> {
        match fs::metadata(&self.path)?.len() {
            length if length == self.bytes_total => Ok(()),
            length => Err(io::Error::other(format!(
                "the file grew from {} to {length} bytes while it was read",
                self.bytes_total
            ))),
        }
    }

    /// Writes the refused rows in the layout of the source, ready to be fixed and dropped again.
    fn write_rejects(&self, target: &Path) -> io::Result<()> {
        let Some(mapping) = self.watched.mapping.as_ref().filter(|_| !self.refused_rows.is_empty()) else {
            return Ok(());
        };
        let rows = self.refused_rows.iter().copied().collect();
        let source = BufReader::with_capacity(256 << 10, File::open(&self.path)?);
        let Some(copy) = erp::copies_rows(source, mapping)? else { return Ok(()) };
        let path = report::rejects_beside(target);
        let aside = path.with_extension("part");
        let mut file = io::BufWriter::new(File::create(&aside)?);
        copy(&rows, &mut file)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(aside, path)
    }

    fn record(&self) -> FileRecord {
        FileRecord {
            digest: self.digest,
            name: self.name.clone(),
            feed: self.watched.feed.name.clone(),
            rows: self.report.rows,
            accepted: self.report.accepted,
            known: self.report.known,
            refused: self.report.refused,
            rejected: self.rejected,
        }
    }
}

impl IncomingFile for ClaimedFile {
    fn digest(&self) -> [u8; 32] {
        self.digest
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn next_rows(&mut self, limit: usize) -> Result<Vec<ReadRow>, PortError> {
        if self.counts_as_a_whole() && !self.checked {
            self.check_whole().map_err(port)?;
        }
        if self.rejected {
            return Ok(Vec::new());
        }
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => self.reader().map_err(port)?,
        };
        self.note_progress();
        let mut rows = Vec::new();
        while rows.len() < limit {
            match self.ahead.pop_front().or_else(|| reader.next()) {
                None => {
                    self.check_length().map_err(port)?;
                    break;
                }
                Some(Ok(Item::Statement(_) | Item::Status(_)))
                    if self.statements.len() + self.reports.len() >= limits::STATEMENTS_OF_A_FILE_MAX =>
                {
                    let what =
                        format!("at most {} statements or reports in one file", limits::STATEMENTS_OF_A_FILE_MAX);
                    self.report.error(0, &FieldError::wrong(0, 0, "", what));
                    self.rejected = true;
                    break;
                }
                Some(Ok(item)) => self.take(item, &mut rows).map_err(port)?,
                Some(Err(error)) => {
                    self.report.refused += 1;
                    self.report.error(0, &error);
                    self.rejected = true;
                    break;
                }
            }
        }
        let bytes = reader.bytes_read().min(self.bytes_total);
        self.reader = Some(reader);
        let progress = actors::Progress { rows: self.report.rows, bytes, bytes_total: self.bytes_total };
        let Report { tenant, feed, sha256, .. } = &self.report;
        self.activity.reading(tenant, feed, &self.name, sha256, progress);
        Ok(rows)
    }

    fn message(&self) -> Option<u64> {
        let name = self.message.as_ref()?;
        Some(stable_hash(&["message", &self.watched.feed.name, name]))
    }

    fn refuse_as_other(&mut self) {
        let name = self.message.clone().unwrap_or_default();
        let why =
            format!("the message {name} was read before, and its bytes were others: nothing of this file was taken");
        self.report = Report::new(&self.watched, &self.name, self.report.sha256.clone());
        self.report.refused += 1;
        self.report.error(0, &FieldError::wrong(0, 0, "", why));
        self.rejected = true;
    }

    fn read_ahead(&mut self, limit: usize) {
        let Some(reader) = self.reader.as_mut().filter(|_| !self.rejected) else { return };
        while self.ahead.len() < limit {
            // Nothing follows an error or the end; both are found again.
            let Some(item) = reader.next() else { break };
            let ended = item.is_err();
            self.ahead.push_back(item);
            if ended {
                break;
            }
        }
    }

    fn note(&mut self, row: u64, outcome: &RowOutcome) {
        match outcome {
            RowOutcome::Accepted => self.report.accepted += 1,
            RowOutcome::Known => self.report.known += 1,
            RowOutcome::Refused(why) => {
                self.report.refused += 1;
                self.refuse_row(row);
                self.report.refusal(row, why);
            }
        }
    }

    fn conclude(&mut self, duplicate: bool) -> Result<FileRecord, PortError> {
        self.reader = None;
        let (done, rejected) = (self.watched.folder.join("done"), self.watched.folder.join("rejected"));
        // A process that died between the report and the move left the report already.
        for folder in [&done, &rejected] {
            let target = folder.join(&self.name);
            if read_beside(&target).is_some_and(|known| known.sha256 == self.report.sha256)
                && fs::symlink_metadata(&target).is_err()
            {
                self.target = Some(target);
            }
        }
        if let Some(target) = self.target.as_deref().filter(|_| duplicate) {
            // What was told of it then is what became of it.
            self.report = read_beside(target).unwrap_or_else(|| self.report.clone());
            return Ok(self.record());
        }
        if duplicate {
            self.report.finish(false);
            self.report.outcome = "duplicate".to_owned();
            self.report.summary = "a file with the same content was read before; nothing was taken".to_owned();
        } else {
            self.report.finish(self.rejected);
        }
        let folder = if self.rejected { rejected } else { done };
        let target = match self.target.take() {
            Some(target) if target.parent() == Some(folder.as_path()) => target,
            _ => free_name(&folder, &self.name),
        };
        if !self.rejected && !duplicate {
            self.write_rejects(&target).map_err(port)?;
            // A PDF is the document of the invoice that it brought.
            if let Some(number) = self.document_of.as_ref().filter(|_| self.report.accepted + self.report.known == 1)
                && let Err(error) = self.watched.documents.put_file(&self.watched.feed.tenant, number, &self.path)
            {
                warn!(file = self.name, %error, "an invoice was taken, and its document could not be kept");
            }
        }
        self.report.write_beside(&target).map_err(port)?;
        self.target = Some(target);
        Ok(self.record())
    }

    fn facts(&mut self) -> Vec<SystemFact> {
        if self.rejected {
            return Vec::new();
        }
        let (feed, digest) = (&self.watched.feed.name, self.digest);
        let statements = self
            .statements
            .chunks(limits::STATEMENTS_OF_A_RECORD_MAX)
            .map(|some| SystemFact::StatementsRead { feed: feed.clone(), digest, statements: some.to_vec() });
        let reports = self
            .reports
            .chunks(limits::STATEMENTS_OF_A_RECORD_MAX)
            .map(|some| SystemFact::OrdersReported { feed: feed.clone(), digest, reports: some.to_vec() });
        statements.chain(reports).collect()
    }

    fn archive(&mut self) -> Result<(), PortError> {
        if let Some(target) = &self.target {
            fs::rename(&self.path, target).map_err(port)?;
        }
        self.progress.remove();
        manifest::forget(&self.path);
        self.activity.finished(&self.report, self.target.as_deref());
        Ok(())
    }
}
