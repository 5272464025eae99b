//! Looking at a directory: which files are complete, and claiming them.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use tracing::warn;

use super::manifest::{Claims, MANIFEST};
use super::{Watched, manifest, progress, report};
use crate::config::Ready;
use crate::digest;

/// Bytes of an archived file's name.
const NAME_BYTES_MAX: usize = 200;
/// How long a file that differs from its manifest may still change.
const MANIFEST_REST: Duration = Duration::from_secs(5);

/// What was seen of a file, and since when it has not changed.
struct Seen {
    size: u64,
    modified: Option<SystemTime>,
    since: Instant,
}

/// Remembers what a directory looked like.
pub(super) struct Scanner {
    watched: Watched,
    seen: HashMap<OsString, Seen>,
}

impl Scanner {
    pub(super) fn new(watched: Watched) -> Self {
        Self { watched, seen: HashMap::new() }
    }

    /// Files that a process left claimed.
    pub(super) fn interrupted(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.watched.work()).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path()).filter(|path| is_plain_file(path));
        let mut paths: Vec<PathBuf> =
            paths.filter(|path| !progress::is_note(path) && !manifest::is_claims(path)).collect();
        paths.sort();
        paths
    }

    /// Claims every complete file, in the order of their names.
    pub(super) fn scan(&mut self) -> Vec<PathBuf> {
        let entries = match fs::read_dir(&self.watched.folder) {
            Ok(entries) => entries,
            Err(error) => {
                warn!(feed = self.watched.feed.name, %error, "directory cannot be read");
                return Vec::new();
            }
        };
        let mut names: Vec<OsString> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        self.seen.retain(|name, _| names.binary_search(name).is_ok());
        names.into_iter().filter_map(|name| self.consider(&name)).collect()
    }

    fn consider(&mut self, name: &OsString) -> Option<PathBuf> {
        let path = self.watched.folder.join(name);
        let shown = name.to_string_lossy().into_owned();
        if shown.starts_with('.') || is_unfinished(&shown) {
            return None;
        }
        // Not followed: a link could point anywhere.
        let metadata = fs::symlink_metadata(&path).ok()?;
        if metadata.is_dir() {
            return None;
        }
        if !metadata.is_file() {
            self.refuse(&path, &shown, "not a regular file: links and devices are not read");
            return None;
        }
        let ready = self.watched.feed.ready.clone();
        match ready {
            Ready::Rename => {}
            Ready::Stable(rest_ms) if self.rests(name, &metadata, Duration::from_millis(rest_ms)) => {}
            Ready::Stable(_) => return None,
            Ready::Marker(ending) => return self.marked(&path, &shown, &ending),
            Ready::Manifest => return self.manifested(name, &path, &shown, &metadata),
        }
        self.seen.remove(name);
        self.claim(&path, &shown, &Claims::default())
    }

    /// Whether a file has not changed for a while.
    fn rests(&mut self, name: &OsString, metadata: &fs::Metadata, rest: Duration) -> bool {
        let (size, modified) = (metadata.len(), metadata.modified().ok());
        let now = Instant::now();
        let seen = self.seen.entry(name.clone()).or_insert(Seen { size, modified, since: now });
        if seen.size != size || seen.modified != modified {
            *seen = Seen { size, modified, since: now };
        }
        now.duration_since(seen.since) >= rest
    }

    /// Claims a file that its marker says is complete; the marker goes first, so that a name used
    /// again waits for a marker of its own.
    fn marked(&self, path: &Path, shown: &str, ending: &str) -> Option<PathBuf> {
        if shown.ends_with(ending) {
            return None;
        }
        let mut marker = path.as_os_str().to_owned();
        marker.push(ending);
        fs::symlink_metadata(&marker).ok()?;
        let claimed = self.claim(path, shown, &Claims::default())?;
        if let Err(error) = fs::remove_file(&marker) {
            warn!(feed = self.watched.feed.name, %error, "marker cannot be removed");
        }
        Some(claimed)
    }

    /// Claims a file whose digest is that of its manifest. One that rests and differs is refused.
    fn manifested(&mut self, name: &OsString, path: &Path, shown: &str, metadata: &fs::Metadata) -> Option<PathBuf> {
        if shown.ends_with(MANIFEST) {
            return None;
        }
        let (beside, text) = manifest::beside(path)?;
        let wanted = manifest::digest(&text);
        let rests = self.rests(name, metadata, MANIFEST_REST);
        let found = fs::File::open(path).and_then(digest::sha256_of).map(|found| digest::hex(&found)).ok()?;
        let claimed = match found == wanted {
            // Its manifest stays with a file that waits.
            true => Some(self.claim(path, shown, &Claims::of(&text))?),
            false if rests => {
                let why = format!("its digest is {found}, its manifest says {wanted}");
                self.refuse(path, shown, &why);
                None
            }
            false => return None,
        };
        self.seen.remove(name);
        if let Err(error) = fs::remove_file(&beside) {
            warn!(feed = self.watched.feed.name, %error, "manifest cannot be removed");
        }
        claimed
    }

    /// Moves a file into `.work`, which only one process can do; what its manifest says of the rows lies there before it.
    fn claim(&self, path: &Path, shown: &str, claims: &Claims) -> Option<PathBuf> {
        let target = report::free_name(&self.watched.work(), &safe_name(shown));
        // What lies there is of a file that was finished or never came.
        manifest::forget(&target);
        if !claims.is_empty()
            && let Err(error) = claims.keep(&target)
        {
            manifest::forget(&target);
            warn!(feed = self.watched.feed.name, %error, "what a manifest says cannot be kept, the file waits");
            return None;
        }
        match fs::rename(path, &target) {
            Ok(()) => Some(target),
            // Gone again, or another process was faster.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                warn!(feed = self.watched.feed.name, %error, "file cannot be claimed");
                None
            }
        }
    }

    fn refuse(&self, path: &Path, shown: &str, why: &str) {
        refuse(&self.watched, path, shown, why);
    }
}

/// Moves a file that is not read at all to `rejected`, with the reason beside it.
pub(super) fn refuse(watched: &Watched, path: &Path, shown: &str, why: &str) {
    let rejected = watched.folder.join("rejected");
    let target = report::free_name(&rejected, &safe_name(shown));
    if let Err(error) = fs::rename(path, &target) {
        warn!(feed = watched.feed.name, %error, "file cannot be moved to rejected");
        return;
    }
    let report = report::Report::of_refused(watched, shown, why);
    if let Err(error) = report.write_beside(&target) {
        warn!(feed = watched.feed.name, %error, "report cannot be written");
    }
}

/// Whether a path is a file and no link, which could point anywhere.
pub(super) fn is_plain_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())
}

/// Whether a name says that the file is still being written.
pub fn is_unfinished(name: &str) -> bool {
    [".part", ".tmp", ".filepart", ".crdownload"].iter().any(|end| name.ends_with(end))
}

/// A name without separators and control characters, and short enough for a number before it
/// and the report's ending behind it: file systems allow 255 bytes.
pub(super) fn safe_name(shown: &str) -> String {
    let plain = |c: char| if c.is_control() || c == '/' || c == '\\' { '_' } else { c };
    let mut name: String = shown.chars().map(plain).collect();
    while name.len() > NAME_BYTES_MAX {
        name.pop();
    }
    // Notes of progress and what manifests say lie beside the files, and are told by their ending.
    if progress::is_note(Path::new(&name)) || manifest::is_claims(Path::new(&name)) {
        name.push('_');
    }
    name
}
