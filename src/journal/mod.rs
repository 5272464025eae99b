//! The record log: the truth of the service.
//!
//! ```text
//! append ─► waiting (bounded) ─► one writer thread: frame = everything waiting ─► synced write
//!                                                          callbacks, in log order ◄─┘
//! ```
//!
//! Segment files hold frames, one per group commit; a frame holds the records of many
//! partitions in order. Acknowledged means synced. A failed write or sync is fatal: nothing is
//! acknowledged after it. At start the tail is verified: checksums, chain, positions, and the
//! watermark of what was acknowledged; a torn last frame is cut, anything else stops the start.

pub mod codec;
mod frame;
mod kinds;
mod reader;
mod scan;
mod segment;
mod v1;
mod writer;

pub use kinds::{KINDS, Kind};
pub use reader::Reader;
pub use scan::{Damage, Extent, Opened, Walked, open, walk};
pub use writer::{Statistics, Writer};

use std::path::PathBuf;

use thiserror::Error;

/// Why the log cannot be opened or read.
#[derive(Debug, Error)]
pub enum Error {
    /// The disk said no.
    #[error("{path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// Something is wrong with what is stored.
    #[error("{path}: offset {offset}: {damage}")]
    Damaged {
        /// Where.
        path: PathBuf,
        /// The byte.
        offset: u64,
        /// What.
        damage: Damage,
    },
}

impl Error {
    fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}
