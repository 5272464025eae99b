//! Watched directories: a file that is complete is claimed, read, reported and archived.
//!
//! ```text
//! in/name ─► complete (rests, or renamed) ─► .work/name ─► read ─► done/name │ rejected/name
//!                                     name.report.json, .html ◄┘   └─► name.rejected: rows to fix
//! ```
//!
//! File system events are a hint; a scan is the truth, at start and every second. A file left
//! in `.work` by a process that died is read on from its note of progress; rows after it are known
//! by their keys. A zip or gzip file stands for the files in it.

mod activity;
mod archive;
mod claimed;
mod manifest;
mod ordered;
mod progress;
mod report;
mod report_page;
mod scan;

pub use activity::{Activity, FileState, FileStatus};
pub use archive::unpacked;
pub use claimed::ClaimedFile;
pub use manifest::MANIFEST;
pub use report::{Report, ReportedError, archived};
pub use scan::is_unfinished;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Addr;
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecursiveMode, Watcher as _};
use quittance_actors::ports::PortError;
use quittance_actors::runtime::{Arrived, FeedReader, IngestionSupervisor, READER_FAILED, SubmitError};
use quittance_actors::values::TenantId;
use tokio::sync::{Notify, Semaphore, oneshot};
use tracing::{error, info, warn};

use archive::Unpacked;

use crate::config::{Feed, Mapping};
use crate::documents::Documents;

/// How often a directory is scanned without an event.
const SCAN_EVERY: Duration = Duration::from_millis(500);
/// How long scans at the start look for files that lay there.
const FIRST_SCANS: Duration = Duration::from_millis(400);
/// Files of one feed claimed at once; the others wait in the directory.
const CLAIMED_MAX: usize = 4;
/// How long to wait before a file is tried again after a failure on our side.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How often a reader may fail on a file before it is rejected.
const FAILURES_MAX: u32 = 3;
/// How long to wait at most, after failures in a row.
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(60);

/// What a watched directory is and what its files need.
#[derive(Clone)]
pub struct Watched {
    /// The feed.
    pub feed: Feed,
    /// Its directory.
    pub folder: PathBuf,
    /// The mapping of its columns, for CSV.
    pub mapping: Option<Mapping>,
    /// What the actors need of it.
    pub reader: FeedReader,
    /// What was ordered in which file, for reports that speak of whole files.
    pub orders: Arc<dyn OrderBook>,
    /// Where invoices that come as PDF are kept.
    pub documents: Documents,
}

/// What was ordered from banks.
pub trait OrderBook: Send + Sync {
    /// The end-to-end ids of the orders of a message of a tenant, or of one batch of it.
    fn ordered(&self, tenant: &TenantId, message: &str, batch: Option<&str>) -> std::io::Result<Vec<String>>;
}

impl Watched {
    /// Makes the directories.
    pub fn prepare(&self) -> std::io::Result<()> {
        for folder in [self.work(), self.folder.join("done"), self.folder.join("rejected")] {
            std::fs::create_dir_all(folder)?;
        }
        Ok(())
    }

    fn work(&self) -> PathBuf {
        self.folder.join(".work")
    }
}

/// Watches one directory until the process ends.
///
/// `read` hears when what lay there at the start has been read.
pub async fn run(
    watched: Watched, ingestion: Addr<IngestionSupervisor>, activity: Arc<Activity>, read: oneshot::Sender<()>,
) {
    let (mut read, started) = (Some(read), Instant::now());
    let settles = FIRST_SCANS.max(watched.feed.settles_for() + SCAN_EVERY);
    let wake = Arc::new(Notify::new());
    let _watcher = events(&watched.folder, Arc::clone(&wake));
    let places = Arc::new(Semaphore::new(CLAIMED_MAX));
    let mut scanner = scan::Scanner::new(watched.clone());
    for path in scanner.interrupted() {
        info!(feed = watched.feed.name, "interrupted file is read again");
        for claimed in unpack(&watched, path, &activity).await {
            take(&watched, claimed, &ingestion, &activity, &places).await;
        }
    }
    loop {
        let scanned = tokio::task::spawn_blocking(move || {
            let ready = scanner.scan();
            (scanner, ready)
        });
        let Ok((returned, ready)) = scanned.await else { return };
        scanner = returned;
        for path in ready {
            for claimed in unpack(&watched, path, &activity).await {
                take(&watched, claimed, &ingestion, &activity, &places).await;
            }
        }
        if started.elapsed() >= settles
            && let Some(read) = read.take()
        {
            let places = Arc::clone(&places);
            actix::spawn(async move {
                // Every place is free when everything that was claimed has been read.
                let all = u32::try_from(CLAIMED_MAX).unwrap_or(u32::MAX);
                let _all = places.acquire_many(all).await;
                let _ = read.send(()); // Nobody waits any longer.
            });
        }
        let _ = tokio::time::timeout(SCAN_EVERY, wake.notified()).await; // An event or the time.
    }
}

/// Wakes the scan on events; without them (a network mount) the scan alone does it.
fn events(folder: &Path, wake: Arc<Notify>) -> Option<notify::RecommendedWatcher> {
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // A scan opens the directory itself: what only looks must not wake the next scan.
        let only_looked =
            |kind| matches!(kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write));
        if event.is_ok_and(|event| !only_looked(event.kind)) {
            wake.notify_one();
        }
    });
    let mut watcher = watcher.inspect_err(|error| warn!(%error, "no file system events, scanning only")).ok()?;
    watcher
        .watch(folder, RecursiveMode::NonRecursive)
        .inspect_err(|error| warn!(%error, "no file system events, scanning only"))
        .ok()?;
    Some(watcher)
}

/// A file in `.work`, and why it cannot be read if that is known already.
#[derive(Clone)]
struct Claimed {
    path: PathBuf,
    unreadable: Option<String>,
}

/// A claimed file, or the files in it when it is an archive.
async fn unpack(watched: &Watched, path: PathBuf, activity: &Arc<Activity>) -> Vec<Claimed> {
    let mut again_after = AGAIN_AFTER;
    loop {
        let (of, at, note) = (watched.clone(), path.clone(), Arc::clone(activity));
        let unpacked = tokio::task::spawn_blocking(move || archive::unpack(&of, &at, &note));
        let plain = |path| Claimed { path, unreadable: None };
        match unpacked.await {
            Ok(Ok(Unpacked::Members(members))) => return members.into_iter().map(plain).collect(),
            Ok(Ok(Unpacked::Broken(why))) => return vec![Claimed { path, unreadable: Some(why) }],
            // What cannot be opened is reported by who reads it.
            Ok(Ok(Unpacked::Plain)) | Err(_) => return vec![plain(path)],
            Ok(Err(error)) => {
                warn!(feed = watched.feed.name, %error, "archive not unpacked, tried again");
                tokio::time::sleep(again_after).await;
                again_after = (again_after * 2).min(AGAIN_AFTER_MAX);
            }
        }
    }
}

/// Hands a claimed file over, and again after a failure on our side.
async fn take(
    watched: &Watched, claimed: Claimed, ingestion: &Addr<IngestionSupervisor>, activity: &Arc<Activity>,
    places: &Arc<Semaphore>,
) {
    let Ok(place) = Arc::clone(places).acquire_owned().await else { return };
    let (watched, ingestion, activity) = (watched.clone(), ingestion.clone(), Arc::clone(activity));
    actix::spawn(async move {
        let _place = place;
        let mut claimed = claimed;
        let (mut again_after, mut failures) = (AGAIN_AFTER, 0);
        loop {
            let (opening, file, note) = (watched.clone(), claimed.clone(), Arc::clone(&activity));
            let opened = tokio::task::spawn_blocking(move || ClaimedFile::open(&opening, file, note));
            let opened = match opened.await {
                Ok(Ok(opened)) => opened,
                Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                    warn!(feed = watched.feed.name, "claimed file has vanished");
                    return;
                }
                Ok(Err(error)) => {
                    error!(feed = watched.feed.name, %error, "claimed file cannot be opened");
                    let path = &claimed.path;
                    let shown = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    scan::refuse(&watched, path, &shown, &format!("the file cannot be opened: {error}"));
                    manifest::forget(path);
                    return;
                }
                Err(_) => return,
            };
            let arrived = Arrived { reader: watched.reader.clone(), file: Box::new(opened) };
            match ingestion.send(arrived).await {
                Ok(Ok(_)) => return,
                Ok(Err(SubmitError::Stopping)) | Err(_) => return, // It waits in .work for the next start.
                // A fault of ours, and the file waits no longer for it: a person has it, whole.
                Ok(Err(SubmitError::Port(PortError { port: READER_FAILED, .. }))) if failures >= FAILURES_MAX => {
                    error!(feed = watched.feed.name, "the reader failed on a file again and again, it is rejected");
                    let why = "the service fails on this file: please report it".to_owned();
                    claimed.unreadable = Some(why);
                }
                Ok(Err(error)) => {
                    failures += u32::from(matches!(&error, SubmitError::Port(PortError { port: READER_FAILED, .. })));
                    warn!(feed = watched.feed.name, %error, "file not finished, read again");
                    tokio::time::sleep(again_after).await;
                    again_after = (again_after * 2).min(AGAIN_AFTER_MAX);
                }
            }
        }
    });
}
