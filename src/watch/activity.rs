//! Which files are being read and what became of those that were, for progress bars and screens.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use quittance_actors::runtime::Progress;
use quittance_actors::values::TenantId;
use serde::Serialize;

use super::report::{ARCHIVES, file_of_report, read_beside, rejects_beside};
use super::{Report, Watched};
use crate::clock;

/// Files remembered after they are finished.
const FINISHED_MAX: usize = 1_000;

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum FileState {
    /// It is being read.
    Reading {
        /// Rows read.
        rows: u64,
        /// Bytes read.
        bytes: u64,
        /// Bytes in all.
        bytes_total: u64,
    },
    /// It has been read.
    Finished {
        /// What became of it.
        report: Box<Report>,
    },
}

/// A file and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileStatus {
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// The feed.
    pub feed: String,
    /// Its name.
    pub name: String,
    /// Where it is.
    #[serde(flatten)]
    pub state: FileState,
    /// Where it lies when it is finished.
    #[serde(skip)]
    pub place: Option<PathBuf>,
}

impl FileStatus {
    /// The rows of it that were refused, in its own layout, if there are any.
    pub fn refused_rows(&self) -> Option<PathBuf> {
        let FileState::Finished { report } = &self.state else { return None };
        let has_some = report.outcome == "partly_accepted" && report.refused > 0;
        let path = self.place.as_deref().filter(|_| has_some).map(rejects_beside)?;
        fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file()).then_some(path)
    }
}

/// What is going on.
#[derive(Default)]
pub struct Activity {
    files: Mutex<BTreeMap<Key, (i64, FileStatus)>>,
}

/// Tenant, digest, feed, name, and whether something was taken from it: what comes again has a report of its own, and does
/// not hide what became of it the first time.
type Key = (String, String, String, String, bool);

/// What is wrong with a file, as far as it is remembered; its report lists more.
const ERRORS_MAX: usize = 100;

impl Activity {
    /// Notes how far a file is.
    pub fn reading(&self, tenant: &str, feed: &str, name: &str, sha256: &str, progress: Progress) {
        let Progress { rows, bytes, bytes_total } = progress;
        self.set(tenant, feed, name, sha256, FileState::Reading { rows, bytes, bytes_total });
    }

    /// Notes that a file is finished, and lies at `place`.
    pub fn finished(&self, report: &Report, place: Option<&Path>) {
        let mut shown = report.clone();
        shown.errors.truncate(ERRORS_MAX);
        let state = FileState::Finished { report: Box::new(shown) };
        let at = report.finished_at.unix_millis();
        self.put(at, (&report.tenant, &report.feed, &report.file, &report.sha256), state, place.map(Path::to_owned));
    }

    fn set(&self, tenant: &str, feed: &str, name: &str, sha256: &str, state: FileState) {
        self.put(clock::system_now().unix_millis(), (tenant, feed, name, sha256), state, None);
    }

    fn put(&self, at: i64, of: (&str, &str, &str, &str), state: FileState, place: Option<PathBuf>) {
        let (tenant, feed, name, sha256) = of;
        let mut files = self.files.lock();
        let status =
            FileStatus { sha256: sha256.to_owned(), feed: feed.to_owned(), name: name.to_owned(), state, place };
        let is_taken = matches!(&status.state, FileState::Finished { report } if report.outcome != "duplicate");
        let key = (tenant.to_owned(), sha256.to_owned(), feed.to_owned(), name.to_owned(), is_taken);
        if is_taken {
            // It is being read no more.
            let (tenant, sha256, feed, name, _) = key.clone();
            let reading = (tenant, sha256, feed, name, false);
            if files.get(&reading).is_some_and(|(_, known)| matches!(known.state, FileState::Reading { .. })) {
                files.remove(&reading);
            }
        }
        if files.get(&key).is_none_or(|(known, _)| *known <= at) {
            files.insert(key, (at, status));
        }
        if files.len() > FINISHED_MAX {
            let oldest = files.iter().min_by_key(|(_, (at, _))| *at).map(|(key, _)| key.clone());
            if let Some(key) = oldest {
                files.remove(&key);
            }
        }
    }

    /// Remembers what became of the latest files, by the reports that lie beside them: what was read before the start
    /// is shown as well.
    pub fn recall(&self, watched: &[Watched]) {
        let mut latest: BTreeMap<(_, PathBuf), TenantId> = BTreeMap::new();
        let folders = watched.iter().flat_map(|of| ARCHIVES.map(|end| (of, of.folder.join(end))));
        for (of, folder) in folders {
            // A folder that cannot be read is told of when a file is put into it.
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let Some(file) = file_of_report(&entry.path()) else { continue };
                let Ok(written) = entry.metadata().and_then(|metadata| metadata.modified()) else { continue };
                latest.insert((written, file), of.feed.tenant.clone());
                if latest.len() > FINISHED_MAX {
                    latest.pop_first();
                }
            }
        }
        for ((_, file), tenant) in latest {
            // What a report says of itself is believed of nobody else's files.
            let own = |report: &Report| report.tenant == tenant.as_str() && !report.sha256.is_empty();
            if let Some(report) = read_beside(&file).filter(own) {
                self.finished(&report, Some(&file));
            }
        }
    }

    /// The latest file of a tenant with a digest.
    pub fn get(&self, tenant: &str, sha256: &str) -> Option<FileStatus> {
        let files = self.files.lock();
        let own = files.iter().filter(|((of, digest, ..), _)| of == tenant && digest == sha256);
        own.max_by_key(|(_, (at, _))| *at).map(|(_, (_, status))| status.clone())
    }

    /// A file of a tenant by its digest, the one of a name if there is one: what was taken from it before what was not.
    pub fn named(&self, tenant: &str, sha256: &str, name: &str) -> Option<FileStatus> {
        let files = self.files.lock();
        let own = files.iter().filter(|((of, digest, ..), _)| of == tenant && digest == sha256);
        own.max_by_key(|((_, _, _, known, is_taken), (at, _))| (known == name, *is_taken, *at))
            .map(|(_, (_, status))| status.clone())
    }

    /// Files of a tenant, the latest first.
    pub fn latest(&self, tenant: &str, limit: usize) -> Vec<FileStatus> {
        let files = self.files.lock();
        let mut own: Vec<_> = files.iter().filter(|((of, ..), _)| of == tenant).map(|(_, file)| file).collect();
        own.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        own.into_iter().take(limit).map(|(_, status)| status.clone()).collect()
    }
}
