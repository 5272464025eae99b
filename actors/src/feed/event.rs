//! What happened to a feed. Stored for ever: variants are only ever added at the end (N8).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::expectation::Expectation;
use crate::partition::FileRecord;
use crate::values::Timestamp;

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// It is watched, with what is expected of it from now.
    Watched {
        /// Its name.
        name: SmolStr,
        /// When files are expected, if they are.
        expectation: Option<Expectation>,
    },
    /// The next file is expected.
    Expected {
        /// At the latest then.
        due: Timestamp,
    },
    /// A file was read to its end, or had been read before.
    FileRead {
        /// The feed's name.
        name: SmolStr,
        /// When.
        at: Timestamp,
        /// What became of the file.
        file: Arc<FileRecord>,
        /// The same in a word.
        outcome: Outcome,
    },
    /// Nothing came until a file was due.
    Stalled {
        /// The feed's name.
        name: SmolStr,
        /// When it was due.
        due: Timestamp,
        /// When the last file was taken, if ever.
        last_file_at: Option<Timestamp>,
        /// How many deadlines in a row have passed.
        missed: u32,
    },
    /// A file came at last.
    Recovered {
        /// The feed's name.
        name: SmolStr,
        /// Since when one was missing.
        since: Timestamp,
    },
    /// Its deadline passed while nobody looked: files may lie in the directory.
    Delayed {
        /// A file that comes until then is in time.
        until: Timestamp,
    },
    /// What leaves by a way has failed for long.
    Failing {
        /// Which way.
        way: SmolStr,
        /// The endpoint, feed or connector; empty when the way has only one.
        name: SmolStr,
        /// Since when, in system time.
        since: Timestamp,
        /// The last error.
        error: SmolStr,
    },
    /// What leaves by a way arrives again.
    Well {
        /// Which way.
        way: SmolStr,
        /// The endpoint, feed or connector.
        name: SmolStr,
        /// Since when nothing had.
        since: Timestamp,
    },
}

/// What became of a file, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Every row was taken or known.
    Accepted,
    /// Some rows were refused.
    PartlyAccepted,
    /// Nothing was taken.
    Rejected,
    /// A file of the same content was read before.
    Duplicate,
}

impl Outcome {
    /// The word, as events and pages say it.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Accepted => "accepted",
            Outcome::PartlyAccepted => "partly_accepted",
            Outcome::Rejected => "rejected",
            Outcome::Duplicate => "duplicate",
        }
    }
}
