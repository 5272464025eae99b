//! The report beside an archived file.

use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use quittance_actors::values::Timestamp;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::{Watched, report_page};
use crate::formats::FieldError;

/// Errors listed in one report; the count goes on.
const LISTED_MAX: usize = 10_000;

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Its name as it arrived.
    pub file: String,
    /// The tenant.
    pub tenant: String,
    /// The feed.
    pub feed: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// `accepted`, `partly_accepted`, `rejected` or `duplicate`.
    pub outcome: String,
    /// In one sentence.
    pub summary: String,
    /// Rows or entries read.
    pub rows: u64,
    /// Of them new.
    pub accepted: u64,
    /// Of them already known.
    pub known: u64,
    /// Of them read and needing nothing.
    pub passed: u64,
    /// Of them refused.
    pub refused: u64,
    /// What is wrong, and where.
    pub errors: Vec<ReportedError>,
    /// What a person should know.
    pub notes: Vec<String>,
    /// When it was finished.
    pub finished_at: Timestamp,
}

/// One thing wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedError {
    /// The row or entry; 0 for the file.
    pub row: u64,
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
    /// The field.
    pub field: String,
    /// The value.
    pub value: String,
    /// The whole sentence.
    pub message: String,
}

impl Report {
    pub(super) fn new(watched: &Watched, file: &str, sha256: String) -> Self {
        Self {
            file: file.to_owned(),
            tenant: watched.feed.tenant.to_string(),
            feed: watched.feed.name.clone(),
            sha256,
            outcome: "accepted".to_owned(),
            summary: String::new(),
            rows: 0,
            accepted: 0,
            known: 0,
            passed: 0,
            refused: 0,
            errors: Vec::new(),
            notes: Vec::new(),
            finished_at: crate::clock::system_now(),
        }
    }

    /// The report of something that was not read at all.
    pub(super) fn of_refused(watched: &Watched, file: &str, why: &str) -> Self {
        let mut report = Self::new(watched, file, String::new());
        report.error(0, &FieldError::wrong(0, 0, "", why));
        report.outcome = "rejected".to_owned();
        report.summary = why.to_owned();
        report
    }

    /// Adds an error.
    pub(super) fn error(&mut self, row: u64, error: &FieldError) {
        if self.errors.len() < LISTED_MAX {
            self.errors.push(ReportedError {
                row,
                line: error.line,
                column: error.column,
                field: error.field.clone(),
                value: error.value.clone(),
                message: error.to_string(),
            });
        }
    }

    /// Adds an error that the actors gave.
    pub(super) fn refusal(&mut self, row: u64, message: &str) {
        if self.errors.len() < LISTED_MAX {
            self.errors.push(ReportedError {
                row,
                line: 0,
                column: 0,
                field: String::new(),
                value: String::new(),
                message: format!("row {row}: {message}"),
            });
        }
    }

    /// Decides the outcome.
    pub(super) fn finish(&mut self, rejected: bool) {
        self.finished_at = crate::clock::system_now();
        let Self { rows, accepted, known, refused, passed, .. } = self;
        let counts =
            format!("{rows} read: {accepted} new, {known} already known, {passed} passed over, {refused} refused");
        (self.outcome, self.summary) = if rejected {
            ("rejected".to_owned(), format!("the file was rejected; {counts}"))
        } else if self.refused > 0 {
            ("partly_accepted".to_owned(), counts)
        } else {
            ("accepted".to_owned(), counts)
        };
    }

    /// Writes it beside an archived file, whole or not at all.
    pub(super) fn write_beside(&self, file: &Path) -> io::Result<()> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;
        bytes.push(b'\n');
        let page = beside(file).with_extension("html");
        fs::write(page, report_page::page(self))?; // For people; the other one is the record.
        let path = beside(file);
        let aside = path.with_extension("json.part");
        fs::write(&aside, bytes)?;
        fs::File::open(&aside)?.sync_all()?;
        fs::rename(aside, path)
    }
}

/// The path of a file's report.
pub(super) fn beside(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".report.json");
    file.with_file_name(name)
}

/// Where files lie when they are finished, below the directory of their feed.
pub(super) const ARCHIVES: [&str; 2] = ["done", "rejected"];
/// Bytes of a report that is read.
const REPORT_BYTES_MAX: u64 = 16 << 20;

/// The file that a report is of, if the path is one of a report.
pub(super) fn file_of_report(report: &Path) -> Option<PathBuf> {
    let name = report.file_name()?.to_str()?.strip_suffix(".report.json")?;
    (!name.is_empty()).then(|| report.with_file_name(name))
}

/// Opens a file of an archive of a feed, and says how large it is: a plain file that lies there, and nothing that somebody
/// has linked into its place.
pub fn archived(feed: &Path, file: &Path) -> io::Result<(fs::File, u64)> {
    let refused = |why: &str| io::Error::new(io::ErrorKind::NotFound, why.to_owned());
    let folder = file.parent().ok_or_else(|| refused("it lies nowhere"))?.canonicalize()?;
    if folder.parent() != Some(feed.canonicalize()?.as_path()) {
        return Err(refused("its folder is not the feed's"));
    }
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let opened = fs::OpenOptions::new().read(true).custom_flags(flags).open(file)?;
    let metadata = opened.metadata()?;
    if metadata.is_file() { Ok((opened, metadata.len())) } else { Err(refused("it is no plain file")) }
}

/// The path of the rows of a file that were refused, in its own layout.
pub(super) fn rejects_beside(file: &Path) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let ending = file.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
    file.with_file_name(format!("{stem}.rejected{ending}"))
}

/// The report beside a file, if there is one.
pub(super) fn read_beside(file: &Path) -> Option<Report> {
    let path = beside(file);
    let fits = fs::metadata(&path).is_ok_and(|metadata| metadata.len() <= REPORT_BYTES_MAX);
    fits.then(|| serde_json::from_slice(&fs::read(path).ok()?).ok()).flatten()
}

/// A path in `folder` that nothing has: the name, or the name with a number.
pub(super) fn free_name(folder: &Path, name: &str) -> PathBuf {
    let is_free = |path: &Path| fs::symlink_metadata(path).is_err();
    let free = |path: &PathBuf| is_free(path) && is_free(&beside(path)) && is_free(&rejects_beside(path));
    let plain = folder.join(name);
    if free(&plain) {
        return plain;
    }
    (2..).map(|number| folder.join(format!("{number}-{name}"))).find(free).unwrap_or(plain)
}
