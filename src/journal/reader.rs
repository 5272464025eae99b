//! Reading single records of the log by their position, while it is written.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use quittance_actors::partition::Commit;
use quittance_actors::ports::PortError;

use super::{codec, frame, segment};

/// How far apart the noted frames of a segment are: a read passes over the frames in between.
const NOTED_EVERY_BYTES: u64 = 64 << 10;

/// Segments kept open.
const OPEN_SEGMENTS: usize = 64;
/// Frames kept after a read.
const RECENT_FRAMES: usize = 8;

/// Where records stand. Segments of the past are indexed when they are first asked for.
pub struct Reader {
    folder: PathBuf,
    segments: Mutex<BTreeMap<u64, Arc<Known>>>,
    /// The frames read last: what waits in the outbox is asked for in the order of the log.
    recent: Mutex<VecDeque<Arc<Frame>>>,
}

/// A frame that was read and is whole.
struct Frame {
    first_position: u64,
    records: u64,
    bytes: Vec<u8>,
}

struct Known {
    file: File,
    path: PathBuf,
    header: segment::Header,
    /// Offsets of some frames by their first position.
    frames: Mutex<BTreeMap<u64, u64>>,
}

fn failed(error: impl std::fmt::Display) -> PortError {
    PortError { port: "journal", detail: error.to_string() }
}

impl Reader {
    /// A reader of the log in `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, segments: Mutex::default(), recent: Mutex::default() }
    }

    /// The record at `position`, which must be durable.
    pub fn record(&self, position: u64) -> Result<Commit, PortError> {
        let recent = self.recent.lock().iter().find(|frame| frame.holds(position)).map(Arc::clone);
        if let Some(frame) = recent {
            return frame.record(position);
        }
        let frame = Arc::new(self.frame(position)?);
        let mut recent = self.recent.lock();
        recent.push_front(Arc::clone(&frame));
        recent.truncate(RECENT_FRAMES);
        drop(recent);
        frame.record(position)
    }

    fn frame(&self, position: u64) -> Result<Frame, PortError> {
        let known = self.segment_of(position)?;
        let start = {
            let frames = known.frames.lock();
            frames.range(..=position).next_back().map(|(first, offset)| (*first, *offset))
        };
        let (_, mut offset) = start.ok_or_else(|| failed(format!("no record {position} in the log")))?;
        loop {
            let mut head = [0; frame::HEADER_BYTES];
            known.file.read_exact_at(&mut head, offset).map_err(failed)?;
            let header = frame::header(&head).ok_or_else(|| failed(format!("no record {position} in the log")))?;
            let length = frame::HEADER_BYTES + header.body_bytes;
            if header.first_position + u64::from(header.records) > position {
                let mut bytes = vec![0; length];
                known.file.read_exact_at(&mut bytes, offset).map_err(failed)?;
                frame::read(&bytes)
                    .ok_or_else(|| failed(format!("{}: offset {offset}: a frame is broken", known.path.display())))?;
                let (first_position, records) = (header.first_position, u64::from(header.records));
                return Ok(Frame { first_position, records, bytes });
            }
            let end = usize::try_from(offset).map_err(failed)? + length;
            offset = u64::try_from(known.header.next_frame(end)).map_err(failed)?;
        }
    }

    /// Notes a frame that has been written.
    pub(super) fn written(&self, path: &Path, first_position: u64, offset: u64) {
        let segments = self.segments.lock();
        let Some((_, known)) = segments.range(..=first_position).next_back() else { return };
        if known.path == path {
            let mut frames = known.frames.lock();
            if frames.last_key_value().is_none_or(|(_, last)| offset >= last + NOTED_EVERY_BYTES) {
                frames.insert(first_position, offset);
            }
        }
    }

    fn segment_of(&self, position: u64) -> Result<Arc<Known>, PortError> {
        let places = segment::list(&self.folder).map_err(failed)?;
        let place = places.into_iter().rev().find(|place| place.first_position <= position);
        let place = place.ok_or_else(|| failed(format!("record {position} is older than the log")))?;
        let mut segments = self.segments.lock();
        if let Some(known) = segments.get(&place.first_position) {
            return Ok(Arc::clone(known));
        }
        let known = Arc::new(index(&place)?);
        segments.insert(place.first_position, Arc::clone(&known));
        // The newest is being written and stays; of the others the oldest is closed.
        if segments.len() > OPEN_SEGMENTS {
            segments.pop_first();
        }
        Ok(known)
    }
}

/// Walks the headers of a segment's frames.
fn index(place: &segment::Place) -> Result<Known, PortError> {
    let file = File::open(&place.path).map_err(failed)?;
    let mut head = [0; 64];
    file.read_exact_at(&mut head, 0).map_err(failed)?;
    let header = segment::header(&head).ok_or_else(|| failed(format!("{}: not a segment", place.path.display())))?;
    let mut frames = BTreeMap::new();
    let mut offset = u64::try_from(header.first_frame()).map_err(failed)?;
    let mut noted = None;
    let mut head = [0; frame::HEADER_BYTES];
    while file.read_exact_at(&mut head, offset).is_ok() {
        let Some(found) = frame::header(&head) else { break };
        if noted.is_none_or(|last| offset >= last + NOTED_EVERY_BYTES) {
            frames.insert(found.first_position, offset);
            noted = Some(offset);
        }
        let end = usize::try_from(offset).map_err(failed)? + frame::HEADER_BYTES + found.body_bytes;
        offset = u64::try_from(header.next_frame(end)).map_err(failed)?;
    }
    Ok(Known { file, path: place.path.clone(), header, frames: Mutex::new(frames) })
}

impl Frame {
    fn holds(&self, position: u64) -> bool {
        (self.first_position..self.first_position + self.records).contains(&position)
    }

    fn record(&self, position: u64) -> Result<Commit, PortError> {
        let body = self.bytes.get(frame::HEADER_BYTES..).unwrap_or_default();
        record_at(body, position - self.first_position)
    }
}

fn record_at(mut body: &[u8], index: u64) -> Result<Commit, PortError> {
    for _ in 0..index {
        let length = codec::record_length(body).map_err(failed)?;
        body = body.get(length..).ok_or_else(|| failed("a frame ends before its last record"))?;
    }
    Ok(codec::decode_record(body).map_err(failed)?.0)
}
