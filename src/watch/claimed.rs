//! A claimed file: read once to check it when it counts as a whole, then row by row.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::PathBuf;
use std::sync::Arc;

use quittance_actors::partition::FileRecord;
use quittance_actors::ports::PortError;
use quittance_actors::runtime::{IncomingFile, Progress, ReadRow, RowOutcome};

use super::report::{Report, free_name, read_beside};
use super::scan::is_plain_file;
use super::{Activity, Watched};
use crate::config::FeedFormat;
use crate::digest;
use crate::formats::{Item, Reader, camt, invoices_csv};

/// A file in `.work`.
pub struct ClaimedFile {
    watched: Watched,
    path: PathBuf,
    name: String,
    digest: [u8; 32],
    reader: Option<Box<dyn Reader>>,
    report: Report,
    rejected: bool,
    checked: bool,
    bytes_total: u64,
    target: Option<PathBuf>,
    activity: Arc<Activity>,
}

fn port(error: impl std::fmt::Display) -> PortError {
    PortError { port: "watch", detail: error.to_string() }
}

impl ClaimedFile {
    /// Opens a claimed file and computes its digest.
    pub fn open(watched: &Watched, path: PathBuf, activity: Arc<Activity>) -> io::Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !is_plain_file(&path) {
            return Err(io::Error::other("not a regular file: links and devices are not read"));
        }
        let file = File::open(&path)?;
        let bytes_total = file.metadata()?.len();
        let digest = digest::sha256_of(file)?;
        let hex = digest::hex(&digest);
        let report = Report::new(watched, &name, hex.clone());
        let progress = Progress { bytes_total, ..Progress::default() };
        activity.reading(&report.tenant, &report.feed, &name, &hex, progress);
        Ok(Self {
            watched: watched.clone(),
            path,
            name,
            digest,
            reader: None,
            report,
            rejected: false,
            checked: false,
            bytes_total,
            target: None,
            activity,
        })
    }

    fn reader(&self) -> io::Result<Box<dyn Reader>> {
        let source = BufReader::with_capacity(256 << 10, File::open(&self.path)?);
        Ok(match (&self.watched.feed.format, &self.watched.mapping) {
            (FeedFormat::InvoicesCsv { .. }, Some(mapping)) => Box::new(invoices_csv::reader(source, mapping)),
            (FeedFormat::InvoicesCsv { .. }, None) => return Err(io::Error::other("the feed has no mapping")),
            (FeedFormat::Camt, _) => Box::new(camt::reader(source)),
        })
    }

    /// Reads a file that counts as a whole to its end before a single row is taken.
    fn check_whole(&mut self) -> io::Result<()> {
        self.checked = true;
        let mut reader = self.reader()?;
        let mut found = Report::new(&self.watched, &self.name, self.report.sha256.clone());
        while let Some(item) = reader.next() {
            match item {
                Ok(Item::Refused(row, errors)) => {
                    found.rows += 1;
                    found.refused += 1;
                    for error in &errors {
                        found.error(row, error);
                    }
                }
                Ok(Item::Row(..) | Item::Passed(..)) => found.rows += 1,
                Ok(Item::Note(_)) => {}
                Err(error) => {
                    found.refused += 1;
                    found.error(0, &error);
                }
            }
        }
        if found.refused > 0 {
            found.notes.push("nothing of this file was taken: it counts as a whole".to_owned());
            self.report = found;
            self.rejected = true;
        }
        Ok(())
    }

    fn take(&mut self, item: Item, rows: &mut Vec<ReadRow>) {
        match item {
            Item::Row(row, intake) => {
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
                for error in &errors {
                    self.report.error(row, error);
                }
            }
            Item::Note(note) => self.report.notes.push(note.to_string()),
        }
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
        if self.watched.feed.all_or_nothing && !self.checked {
            self.check_whole().map_err(port)?;
        }
        if self.rejected {
            return Ok(Vec::new());
        }
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => self.reader().map_err(port)?,
        };
        let mut rows = Vec::new();
        while rows.len() < limit {
            match reader.next() {
                None => break,
                Some(Ok(item)) => self.take(item, &mut rows),
                Some(Err(error)) => {
                    self.report.error(0, &error);
                    self.rejected = true;
                    break;
                }
            }
        }
        let bytes = reader.bytes_read().min(self.bytes_total);
        self.reader = Some(reader);
        let progress = Progress { rows: self.report.rows, bytes, bytes_total: self.bytes_total };
        let Report { tenant, feed, sha256, .. } = &self.report;
        self.activity.reading(tenant, feed, &self.name, sha256, progress);
        Ok(rows)
    }

    fn note(&mut self, row: u64, outcome: &RowOutcome) {
        match outcome {
            RowOutcome::Accepted => self.report.accepted += 1,
            RowOutcome::Known => self.report.known += 1,
            RowOutcome::Refused(why) => {
                self.report.refused += 1;
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
        if duplicate && self.target.is_some() {
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
        self.report.write_beside(&target).map_err(port)?;
        self.target = Some(target);
        Ok(self.record())
    }

    fn archive(&mut self) -> Result<(), PortError> {
        if let Some(target) = &self.target {
            fs::rename(&self.path, target).map_err(port)?;
        }
        self.activity.finished(&self.report);
        Ok(())
    }
}
