//! The note of how far a claimed file is: written beside it, so that a process that comes after a
//! dead one reads on instead of from the start.
//!
//! A note is never needed: without it the file is read again, and its rows are known by their keys.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{Report, Watched};

/// How often a note is written.
const EVERY: Duration = Duration::from_millis(500);
/// The ending of a note.
const ENDING: &str = ".progress";

/// How far a file is.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Note {
    /// What read it: another mapping or version counts items otherwise.
    pub reader: u64,
    /// Items whose outcome is recorded and in the report.
    pub items: u64,
    /// Rows refused so far.
    pub refused_rows: Vec<u64>,
    /// The report so far.
    pub report: Report,
}

/// What reads the files of a feed, in one number.
pub(super) fn reader_of(watched: &Watched) -> u64 {
    let Watched { feed, mapping, .. } = watched;
    let text = format!("{} {:?} {mapping:?}", env!("CARGO_PKG_VERSION"), feed.format);
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}

/// Writes notes from time to time.
pub(super) struct Progress {
    path: PathBuf,
    written: Option<Instant>,
}

impl Progress {
    /// The notes of the claimed file at `path`.
    pub(super) fn of(path: &Path) -> Self {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(ENDING);
        Self { path: path.with_file_name(name), written: None }
    }

    /// The note that a dead process left, if it is of this content.
    pub(super) fn left(&self, sha256: &str, reader: u64) -> Option<Note> {
        let note: Note = serde_json::from_slice(&fs::read(&self.path).ok()?).ok()?;
        (note.report.sha256 == sha256 && note.reader == reader).then_some(note)
    }

    /// Whether it is time for a note.
    pub(super) fn is_due(&self) -> bool {
        self.written.is_none_or(|written| written.elapsed() >= EVERY)
    }

    /// Writes a note, whole or not at all.
    pub(super) fn write(&mut self, note: &Note) -> io::Result<()> {
        self.written = Some(Instant::now());
        let aside = self.path.with_extension("progress.part");
        fs::write(&aside, serde_json::to_vec(note).map_err(io::Error::other)?)?;
        fs::rename(aside, &self.path)
    }

    /// Removes the note: the file is finished.
    pub(super) fn remove(&self) {
        let _ = fs::remove_file(&self.path); // There may be none.
    }
}

/// Whether a path is a note and no claimed file.
pub(super) fn is_note(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(ENDING) || name.ends_with(".progress.part")
}
