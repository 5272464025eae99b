//! What a feed knows.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::expectation::Expectation;
use crate::values::Timestamp;

/// How many files are known again when a crash lets them be read twice.
pub const DIGESTS_MAX: usize = 16;

/// The state of a feed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Feed {
    /// Its name, empty until it is known.
    pub name: SmolStr,
    /// When files are expected, if they are.
    pub expectation: Option<Expectation>,
    /// The next deadline.
    pub due: Option<Timestamp>,
    /// How often a deadline was set; a timer of an earlier one is ignored.
    pub generation: u32,
    /// Since when a file is missing.
    pub stalled_since: Option<Timestamp>,
    /// How many deadlines in a row have passed without a file.
    pub missed: u32,
    /// When the last file was taken.
    pub last_file_at: Option<Timestamp>,
    /// Until when a file is in time although the deadline is past.
    pub delayed_until: Option<Timestamp>,
    /// When a file came that was due before: it does not count for the next deadline as well.
    pub late_file_at: Option<Timestamp>,
    /// What the last files that were taken contained, the latest at the end.
    pub digests: VecDeque<[u8; 32]>,
    /// Files read to their end.
    pub files: u64,
    /// Since when nothing arrives, of what leaves by it.
    pub failing_since: Option<Timestamp>,
}
