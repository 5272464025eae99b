//! Opening the log: every frame after the checkpoint is verified before anything is served.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use quittance_actors::partition::Commit;

use super::segment::{self, Place, Sink};
use super::{Error, codec, frame};

/// How often a broken frame at the end is looked at again, and after how long.
const LOOKS_MAX: u32 = 2;
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(20);

/// What is wrong with what is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// A segment's header is not ours.
    SegmentHeader,
    /// A segment that should follow is not there.
    MissingSegment {
        /// The position it should start with.
        expected: u64,
        /// The position that was found.
        found: u64,
    },
    /// A frame is broken although a later one is whole.
    BrokenFrame {
        /// Where the later one starts.
        later: u64,
    },
    /// A frame does not follow the one before it.
    BrokenChain {
        /// The position it should start with.
        expected: u64,
        /// The position that was found.
        found: u64,
    },
    /// The log ends before what was acknowledged.
    Shortened {
        /// The last position acknowledged.
        acknowledged: u64,
        /// The last position found.
        found: u64,
    },
    /// A record cannot be read.
    Record {
        /// Which.
        position: u64,
        /// Why.
        error: String,
    },
    /// A checkpoint is ahead of the log.
    BehindCheckpoint {
        /// The position of the checkpoint.
        checkpoint: u64,
        /// The last position found.
        found: u64,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::SegmentHeader => write!(f, "not a segment of this log"),
            Damage::MissingSegment { expected, found } => {
                write!(f, "a segment is missing: position {expected} expected, {found} found")
            }
            Damage::BrokenFrame { later } => {
                write!(
                    f,
                    "a frame is broken, and a whole one follows at offset {later}: the log is corrupt, not torn"
                )
            }
            Damage::BrokenChain { expected, found } => {
                write!(f, "a frame does not follow the one before it: position {expected} expected, {found} found")
            }
            Damage::Shortened { acknowledged, found } => {
                write!(f, "the log ends at position {found}, but {acknowledged} was acknowledged")
            }
            Damage::Record { position, error } => write!(f, "record {position}: {error}"),
            Damage::BehindCheckpoint { checkpoint, found } => {
                write!(f, "the log ends at position {found}, but the store has a checkpoint at {checkpoint}")
            }
        }
    }
}

/// A verified log, ready to be continued.
#[derive(Debug)]
pub struct Opened {
    /// The segment to go on writing; none when a new one begins.
    pub(super) sink: Option<Sink>,
    /// The folder.
    pub(super) folder: PathBuf,
    /// Where the next frame goes.
    pub(super) offset: u64,
    /// The last record.
    pub position: u64,
    /// The checksum of the last frame.
    pub(super) checksum: u64,
    /// Bytes of a torn last frame that were cut.
    pub torn_bytes: u64,
    /// Records given to the visitor.
    pub replayed: u64,
}

pub(super) fn watermark_path(folder: &Path) -> PathBuf {
    folder.join("acknowledged")
}

/// Opens the log in `folder` (made if missing) and gives every record after `after` to `visit`.
///
/// Verifies checksums, the chain, contiguous positions and the watermark of what was
/// acknowledged. A torn last frame with nothing valid after it is cut and reported; anything
/// else that does not agree is an error that says where.
pub fn open(
    folder: &Path, after: u64, visit: impl FnMut(u64, Commit) -> Result<(), String>,
) -> Result<Opened, Error> {
    std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    if after == 0 && segment::list(folder).map_err(Error::io(folder))?.is_empty() {
        segment::create(folder, 1, 0).map_err(Error::io(folder))?;
    }
    let Walked { position, checksum, replayed, segments } = walk(folder, after, visit)?;
    let Some(Extent { path, align, bytes: offset, torn_bytes, .. }) = segments.into_iter().next_back() else {
        return Err(Error::Damaged { path: folder.to_owned(), offset: 0, damage: Damage::SegmentHeader });
    };
    if torn_bytes > 0 {
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(Error::io(&path))?;
        cut(&file, offset).map_err(Error::io(&path))?;
    }
    // A segment of an earlier format is complete: the next record begins a new one.
    let goes_on = align == segment::BLOCK_BYTES;
    let sink = goes_on.then(|| Sink::open(&path)).transpose().map_err(Error::io(&path))?;
    Ok(Opened { sink, folder: folder.to_owned(), offset, position, checksum, torn_bytes, replayed })
}

/// A log that was walked to its end.
#[derive(Debug)]
pub struct Walked {
    /// The last record.
    pub position: u64,
    /// The checksum of the last frame.
    checksum: u64,
    /// Records given to the visitor.
    pub replayed: u64,
    /// The segments walked, in order.
    pub segments: Vec<Extent>,
}

/// How far a segment goes.
#[derive(Debug, Clone)]
pub struct Extent {
    /// Its file.
    pub path: PathBuf,
    /// Its first record.
    pub first_position: u64,
    align: usize,
    /// Where its whole frames end.
    pub bytes: u64,
    /// Bytes of a torn frame after them.
    pub torn_bytes: u64,
}

/// Walks the log in `folder` as [`open`] does, and changes nothing. A log that is being written
/// is read up to a whole frame.
pub fn walk(
    folder: &Path, after: u64, mut visit: impl FnMut(u64, Commit) -> Result<(), String>,
) -> Result<Walked, Error> {
    // Before the walk: what is acknowledged meanwhile need not be found.
    let acknowledged = watermark(folder);
    let places = segment::list(folder).map_err(Error::io(folder))?;
    // Start with the last segment that can hold the first record wanted.
    let start = places.iter().rposition(|place| place.first_position <= after + 1);
    let Some(start) = start else {
        let damage = match places.first() {
            Some(place) => Damage::MissingSegment { expected: after + 1, found: place.first_position },
            None => Damage::BehindCheckpoint { checkpoint: after, found: 0 },
        };
        return Err(Error::Damaged { path: folder.to_owned(), offset: 0, damage });
    };
    let mut walk = Walk { position: 0, checksum: 0, after, replayed: 0 };
    let mut segments = Vec::new();
    let count = places.len();
    for (index, place) in places.iter().enumerate().skip(start) {
        segments.push(walk.segment(place, index > start, index + 1 == count, &mut visit)?);
    }
    let damaged = |damage| {
        let end = segments.last();
        let path = end.map_or_else(|| folder.to_owned(), |end| end.path.clone());
        Error::Damaged { path, offset: end.map_or(0, |end| end.bytes), damage }
    };
    if walk.position < after {
        return Err(damaged(Damage::BehindCheckpoint { checkpoint: after, found: walk.position }));
    }
    if let Some(acknowledged) = acknowledged.filter(|acknowledged| walk.position < *acknowledged) {
        return Err(damaged(Damage::Shortened { acknowledged, found: walk.position }));
    }
    let Walk { position, checksum, replayed, .. } = walk;
    Ok(Walked { position, checksum, replayed, segments })
}

fn watermark(folder: &Path) -> Option<u64> {
    let bytes = std::fs::read(watermark_path(folder)).ok()?;
    bytes.first_chunk().copied().map(u64::from_le_bytes)
}

/// Zeroes everything from `offset`, durably.
fn cut(file: &File, offset: u64) -> std::io::Result<()> {
    file.set_len(offset)?;
    file.set_len(segment::BYTES.max(offset))?;
    file.sync_all()
}

struct Walk {
    position: u64,
    checksum: u64,
    after: u64,
    replayed: u64,
}

impl Walk {
    /// Walks one segment; gives where its frames end, and how many bytes are torn.
    fn segment(
        &mut self, place: &Place, follows: bool, last: bool,
        visit: &mut impl FnMut(u64, Commit) -> Result<(), String>,
    ) -> Result<Extent, Error> {
        let path = &place.path;
        let damaged = |offset: usize, damage| {
            let offset = u64::try_from(offset).unwrap_or(u64::MAX);
            Error::Damaged { path: path.clone(), offset, damage }
        };
        let loaded = segment::load(place).map_err(Error::io(path))?;
        let (mut bytes, header) = loaded.ok_or_else(|| damaged(0, Damage::SegmentHeader))?;
        if follows && (place.first_position != self.position + 1 || header.previous != self.checksum) {
            let (expected, found) = (self.position + 1, place.first_position);
            return Err(damaged(0, Damage::MissingSegment { expected, found }));
        }
        self.position = place.first_position - 1;
        self.checksum = header.previous;
        let mut offset = header.first_frame();
        let mut looks = 0;
        let torn = loop {
            while let Some(rest) = bytes.get(offset..) {
                let Some((found, body)) = frame::read(rest) else { break };
                if found.first_position != self.position + 1 || found.previous != self.checksum {
                    let (expected, found) = (self.position + 1, found.first_position);
                    return Err(damaged(offset, Damage::BrokenChain { expected, found }));
                }
                self.records(body, found.records, visit)
                    .map_err(|(position, error)| damaged(offset, Damage::Record { position, error }))?;
                self.checksum = found.checksum;
                offset = header.next_frame(offset + frame::HEADER_BYTES + found.body_bytes);
            }
            let rest = bytes.get(offset..).unwrap_or_default();
            let torn = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            let Some(later) = later_frame(rest, self.position).filter(|_| torn > 0) else { break torn };
            // A log that is being written may have been read across a frame under way: it is broken
            // only if it stays so.
            if !last || looks == LOOKS_MAX {
                let later = u64::try_from(offset + later).unwrap_or(u64::MAX);
                return Err(damaged(offset, Damage::BrokenFrame { later }));
            }
            looks += 1;
            std::thread::sleep(LOOK_AGAIN);
            let again = segment::load(place).map_err(Error::io(path))?;
            (bytes, _) = again.ok_or_else(|| damaged(0, Damage::SegmentHeader))?;
        };
        if torn > 0 && !last {
            let (expected, found) = (self.position + 1, self.position + 1);
            return Err(damaged(offset, Damage::BrokenChain { expected, found }));
        }
        let offset = u64::try_from(offset).unwrap_or(u64::MAX);
        let (path, first_position, align) = (path.clone(), place.first_position, header.align);
        let torn_bytes = u64::try_from(torn).unwrap_or(u64::MAX);
        Ok(Extent { path, first_position, align, bytes: offset, torn_bytes })
    }

    fn records(
        &mut self, mut body: &[u8], records: u32, visit: &mut impl FnMut(u64, Commit) -> Result<(), String>,
    ) -> Result<(), (u64, String)> {
        for _ in 0..records {
            let position = self.position + 1;
            let length = codec::record_length(body).map_err(|error| (position, error.to_string()))?;
            let (record, rest) = body.split_at_checked(length).unwrap_or((body, &[]));
            body = rest;
            if position > self.after {
                let (commit, _) = codec::decode_record(record).map_err(|error| (position, error.to_string()))?;
                visit(position, commit).map_err(|error| (position, error))?;
                self.replayed += 1;
            }
            self.position = position;
        }
        Ok(())
    }
}

/// Where a whole frame of a later position starts in `bytes`, if anywhere after their start.
fn later_frame(bytes: &[u8], position: u64) -> Option<usize> {
    let mut from = 1;
    while let Some(at) = memchr::memmem::find(bytes.get(from..)?, &frame::MAGIC) {
        let at = from + at;
        if frame::read(bytes.get(at..)?).is_some_and(|(header, _)| header.first_position > position) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}
