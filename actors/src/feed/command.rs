//! What a feed is asked.

use std::sync::Arc;

use smol_str::SmolStr;
use thiserror::Error;

use crate::partition::FileRecord;
use crate::values::Timestamp;

/// A command.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// The service watches its directory from now.
    Watch {
        /// Its name, unique within its tenant.
        name: SmolStr,
    },
    /// A file was read to its end, or had been read before.
    ReadFile {
        /// The feed's name.
        name: SmolStr,
        /// What became of the file.
        file: Arc<FileRecord>,
        /// Whether a file of the same content was read before.
        duplicate: bool,
    },
    /// What leaves by a way has failed for long.
    ReportFailing {
        /// Which way: hook, email, sms, file, collection, payout or status_file.
        way: SmolStr,
        /// The endpoint, feed or connector; empty when the way has only one.
        name: SmolStr,
        /// Since when nothing has succeeded, in system time.
        since: Timestamp,
        /// The last error.
        error: SmolStr,
    },
    /// What leaves by a way arrives.
    ReportWell {
        /// Which way.
        way: SmolStr,
        /// The endpoint, feed or connector.
        name: SmolStr,
    },
    /// A file should have come by now.
    FileDue {
        /// Which arming it was.
        generation: u32,
        /// When it was due.
        due: Timestamp,
    },
}

impl Command {
    /// The command's name, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Watch { .. } => "watch",
            Command::ReadFile { .. } => "read_file",
            Command::FileDue { .. } => "file_due",
            Command::ReportFailing { .. } => "report_failing",
            Command::ReportWell { .. } => "report_well",
        }
    }
}

/// Why a command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Rejection {
    /// There is no such feed, or not for this tenant to know of.
    #[error("there is no such feed")]
    Unknown,
}
