//! Which files are being read, for progress bars and screens.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use quittance_actors::runtime::Progress;
use serde::Serialize;

use super::Report;

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
}

/// What is going on.
#[derive(Default)]
pub struct Activity {
    files: Mutex<BTreeMap<(String, String), (u64, FileStatus)>>,
}

impl Activity {
    /// Notes how far a file is.
    pub fn reading(&self, tenant: &str, feed: &str, name: &str, sha256: &str, progress: Progress) {
        let Progress { rows, bytes, bytes_total } = progress;
        self.set(tenant, feed, name, sha256, FileState::Reading { rows, bytes, bytes_total });
    }

    /// Notes that a file is finished.
    pub fn finished(&self, report: &Report) {
        let state = FileState::Finished { report: Box::new(report.clone()) };
        self.set(&report.tenant, &report.feed, &report.file, &report.sha256, state);
    }

    fn set(&self, tenant: &str, feed: &str, name: &str, sha256: &str, state: FileState) {
        let mut files = self.files.lock();
        let next = files.values().map(|(order, _)| *order).max().unwrap_or(0) + 1;
        let status = FileStatus { sha256: sha256.to_owned(), feed: feed.to_owned(), name: name.to_owned(), state };
        files.insert((tenant.to_owned(), sha256.to_owned()), (next, status));
        if files.len() > FINISHED_MAX {
            let oldest = files.iter().min_by_key(|(_, (order, _))| *order).map(|(key, _)| key.clone());
            if let Some(key) = oldest {
                files.remove(&key);
            }
        }
    }

    /// A file of a tenant.
    pub fn get(&self, tenant: &str, sha256: &str) -> Option<FileStatus> {
        let key = (tenant.to_owned(), sha256.to_owned());
        self.files.lock().get(&key).map(|(_, status)| status.clone())
    }

    /// Files of a tenant, the latest first.
    pub fn latest(&self, tenant: &str, limit: usize) -> Vec<FileStatus> {
        let files = self.files.lock();
        let mut own: Vec<_> = files.iter().filter(|((of, _), _)| of == tenant).map(|(_, file)| file).collect();
        own.sort_by_key(|(order, _)| std::cmp::Reverse(*order));
        own.into_iter().take(limit).map(|(_, status)| status.clone()).collect()
    }
}
