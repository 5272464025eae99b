//! Reading single records of the log by their position, while it is written.

use std::collections::BTreeMap;
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
/// Bytes of frames kept after a read; one frame is kept in any case.
const RECENT_BYTES: usize = 4 << 20;

/// Where records stand. Segments of the past are indexed when they are first asked for.
pub struct Reader {
    folder: PathBuf,
    places: Mutex<Places>,
    segments: Mutex<BTreeMap<u64, Arc<Known>>>,
    recent: Mutex<Recent>,
}

/// The segments there are.
#[derive(Default)]
struct Places {
    /// In order.
    known: Vec<segment::Place>,
    /// Whether the writer tells of each segment it begins; otherwise the folder is read again.
    told: bool,
}

/// The frames read last, by their first position: what waits in the outbox is asked for in the order of
/// the log.
#[derive(Default)]
struct Recent {
    frames: BTreeMap<u64, Arc<Frame>>,
    bytes: usize,
}

/// A frame that was read and is whole.
struct Frame {
    first_position: u64,
    /// Where each record starts.
    starts: Vec<usize>,
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
        Self { folder, places: Mutex::default(), segments: Mutex::default(), recent: Mutex::default() }
    }

    /// The record at `position`, which must be durable.
    pub fn record(&self, position: u64) -> Result<Commit, PortError> {
        let recent = self.recent.lock().find(position);
        let frame = match recent {
            Some(frame) => frame,
            None => {
                let frame = Arc::new(self.frame(position)?);
                self.recent.lock().keep(&frame);
                frame
            }
        };
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
                return Frame::of(header.first_position, header.records, bytes);
            }
            let end = usize::try_from(offset).map_err(failed)? + length;
            offset = u64::try_from(known.header.next_frame(end)).map_err(failed)?;
        }
    }

    /// Notes a frame that has been written.
    pub(super) fn written(&self, path: &Path, first_position: u64, offset: u64) {
        let mut places = self.places.lock();
        if places.known.last().is_none_or(|last| last.path != path) {
            // A list that cannot be read now is read when a record is asked for.
            places.known = segment::list(&self.folder).unwrap_or_default();
            places.told = !places.known.is_empty();
        }
        drop(places);
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
        let place = self.place_of(position)?;
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

    fn place_of(&self, position: u64) -> Result<segment::Place, PortError> {
        let mut places = self.places.lock();
        if !places.told {
            places.known = segment::list(&self.folder).map_err(failed)?;
        }
        let after = places.known.partition_point(|place| place.first_position <= position);
        let place = after.checked_sub(1).and_then(|last| places.known.get(last));
        place.cloned().ok_or_else(|| failed(format!("record {position} is older than the log")))
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

impl Recent {
    fn find(&self, position: u64) -> Option<Arc<Frame>> {
        let (_, frame) = self.frames.range(..=position).next_back()?;
        frame.start_of(position).is_some().then(|| Arc::clone(frame))
    }

    fn keep(&mut self, frame: &Arc<Frame>) {
        self.bytes += frame.bytes.len();
        if let Some(same) = self.frames.insert(frame.first_position, Arc::clone(frame)) {
            self.bytes = self.bytes.saturating_sub(same.bytes.len());
        }
        while self.bytes > RECENT_BYTES && self.frames.len() > 1 {
            // The one furthest in the past; when that is the new one, it was asked for out of turn.
            let oldest = self.frames.pop_first();
            self.bytes = self.bytes.saturating_sub(oldest.map_or(0, |(_, frame)| frame.bytes.len()));
        }
    }
}

impl Frame {
    fn of(first_position: u64, records: u32, bytes: Vec<u8>) -> Result<Self, PortError> {
        let short = || failed("a frame ends before its last record");
        let mut starts = Vec::new();
        let mut at = frame::HEADER_BYTES;
        for _ in 0..records {
            starts.push(at);
            at += codec::record_length(bytes.get(at..).ok_or_else(short)?).map_err(failed)?;
        }
        Ok(Self { first_position, starts, bytes })
    }

    fn start_of(&self, position: u64) -> Option<usize> {
        let index = usize::try_from(position.checked_sub(self.first_position)?).ok()?;
        self.starts.get(index).copied()
    }

    fn record(&self, position: u64) -> Result<Commit, PortError> {
        let start = self.start_of(position).and_then(|start| self.bytes.get(start..));
        let body = start.ok_or_else(|| failed(format!("no record {position} in the log")))?;
        Ok(codec::decode_record(body).map_err(failed)?.0)
    }
}
