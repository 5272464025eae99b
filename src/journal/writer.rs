//! The one writer thread: everything that waits becomes frames, each written and synced at once.
//!
//! ```text
//! append: encode ─► waiting bytes (bounded) ─► writer: frame ─► write = sync ─► release: callbacks
//! ```
//!
//! There is no artificial wait: while one frame is being written the next gathers, so frames are
//! small when little happens and large under load. Callbacks run in log order on a thread of
//! their own, so that the next write does not wait for them.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use quittance_actors::partition::Commit;
use quittance_actors::ports::{Journal, OnDurable, PortError};

use super::reader::Reader;
use super::scan::{Opened, watermark_path};
use super::segment::{self, BLOCK_BYTES, Sink};
use super::{codec, frame};

/// Bytes that may wait for the writer; above it an append blocks its lane.
const WAITING_BYTES_MAX: usize = 8 << 20;
/// A frame is closed when its body reaches this: larger writes take longer to sync than two.
const FRAME_BYTES: usize = 240 << 10;
/// How often the watermark of what was acknowledged is written.
const WATERMARK_EVERY: Duration = Duration::from_secs(1);
/// How long a full disk is left alone before the same write is tried again.
const FULL_RETRY: Duration = Duration::from_millis(200);

/// Counters of the writer.
#[derive(Debug, Default)]
pub struct Statistics {
    /// Records synced.
    pub records: AtomicU64,
    /// Bytes written.
    pub bytes: AtomicU64,
    /// Writes, each of which is a sync.
    pub syncs: AtomicU64,
    /// Microseconds spent in them.
    pub sync_us: AtomicU64,
    /// Whether the disk is full and the writer waits for space.
    pub full: AtomicBool,
}

/// What waits for the writer.
#[derive(Default)]
struct Waiting {
    bodies: Vec<u8>,
    /// Where each record ends in `bodies`.
    ends: Vec<usize>,
    /// By the last position that must be durable: the first position, and what to call.
    callbacks: Vec<Callback>,
    appended: u64,
    stop: bool,
    failed: bool,
}

struct Callback {
    last: u64,
    first: u64,
    since: Instant,
    call: OnDurable,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    work: Condvar,
    room: Condvar,
    statistics: Statistics,
}

/// The log, as the partitions see it.
pub struct Writer {
    shared: Arc<Shared>,
    reader: Arc<Reader>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Writer {
    /// Continues a verified log. `on_fatal` is called once, from the writer thread, when a
    /// write or sync fails; nothing is acknowledged after it.
    pub fn start(opened: Opened, on_fatal: Box<dyn Fn(String) + Send>) -> io::Result<Self> {
        describe();
        let reader = Arc::new(Reader::new(opened.folder.clone()));
        let shared = Arc::new(Shared::default());
        shared.waiting.lock().appended = opened.position;
        let (released, release) = channel::<Vec<Callback>>();
        let releasing = Builder::new().name("quittance-release".to_owned()).spawn(move || {
            while let Ok(callbacks) = release.recv() {
                for callback in callbacks {
                    metrics::histogram!("quittance_commit_seconds").record(callback.since.elapsed());
                    (callback.call)(Ok(callback.first));
                }
            }
        })?;
        let mut tail = Tail::new(opened, Arc::clone(&shared), Arc::clone(&reader), released)?;
        let writing = Builder::new().name("quittance-log".to_owned()).spawn(move || {
            if let Err(error) = tail.run() {
                tail.refuse();
                on_fatal(format!("the record log cannot be written: {}: {error}", tail.path().display()));
            }
        })?;
        Ok(Self { shared, reader, threads: Mutex::new(vec![writing, releasing]) })
    }

    /// Counters.
    pub fn statistics(&self) -> &Statistics {
        &self.shared.statistics
    }

    /// Writes what waits and ends the threads.
    pub fn stop(&self) {
        self.shared.waiting.lock().stop = true;
        self.shared.work.notify_all();
        for thread in self.threads.lock().drain(..) {
            let _ = thread.join();
        }
    }
}

fn stopped() -> PortError {
    PortError { port: "journal", detail: "the log is closed".to_owned() }
}

thread_local! {
    static ENCODED: RefCell<(Vec<u8>, Vec<usize>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

impl Journal for Writer {
    fn append(&self, commits: &[Arc<Commit>], on_durable: OnDurable) -> Result<u64, PortError> {
        // Encoded before the lock is taken, so that lanes on other cores do not wait for it.
        ENCODED.with_borrow_mut(|(encoded, ends)| {
            encoded.clear();
            ends.clear();
            for commit in commits {
                if let Err(error) = codec::encode_record(commit, encoded) {
                    return Err(PortError { port: "journal", detail: error.to_string() });
                }
                ends.push(encoded.len());
            }
            let mut waiting = self.shared.waiting.lock();
            while waiting.bodies.len() > WAITING_BYTES_MAX && !waiting.stop && !waiting.failed {
                self.shared.room.wait(&mut waiting);
            }
            if waiting.stop || waiting.failed {
                return Err(stopped());
            }
            let start = waiting.bodies.len();
            waiting.bodies.extend_from_slice(encoded);
            waiting.ends.extend(ends.iter().map(|end| start + end));
            let first = waiting.appended + 1;
            waiting.appended += u64::try_from(commits.len()).unwrap_or(0);
            let last = waiting.appended;
            waiting.callbacks.push(Callback { last, first, since: Instant::now(), call: on_durable });
            drop(waiting);
            self.shared.work.notify_one();
            Ok(first)
        })
    }

    fn position(&self) -> u64 {
        self.shared.waiting.lock().appended
    }

    fn barrier(&self, on_durable: OnDurable) {
        let mut waiting = self.shared.waiting.lock();
        if waiting.stop || waiting.failed {
            drop(waiting);
            return on_durable(Err(stopped()));
        }
        let last = waiting.appended;
        waiting.callbacks.push(Callback { last, first: last, since: Instant::now(), call: on_durable });
        drop(waiting);
        self.shared.work.notify_one();
    }

    fn read(&self, position: u64) -> Result<Arc<Commit>, PortError> {
        self.reader.record(position).map(Arc::new)
    }

    fn is_full(&self) -> bool {
        self.shared.statistics.full.load(Ordering::Relaxed)
    }
}

struct Tail {
    shared: Arc<Shared>,
    reader: Arc<Reader>,
    released: Sender<Vec<Callback>>,
    folder: PathBuf,
    /// The segment being written; none when the next frame begins one.
    sink: Option<Sink>,
    offset: u64,
    position: u64,
    checksum: u64,
    /// A frame, at a multiple of [`BLOCK_BYTES`] in memory.
    buffer: Vec<u8>,
    watermark: File,
    watermark_at: Option<Instant>,
    /// How far the watermark goes.
    marked: u64,
    preparing: Option<JoinHandle<()>>,
}

impl Tail {
    fn new(
        opened: Opened, shared: Arc<Shared>, reader: Arc<Reader>, released: Sender<Vec<Callback>>,
    ) -> io::Result<Self> {
        let Opened { folder, sink, offset, position, checksum, .. } = opened;
        let path = watermark_path(&folder);
        let watermark = File::options().write(true).create(true).truncate(false).open(path)?;
        Ok(Self {
            shared,
            reader,
            released,
            folder,
            sink,
            offset,
            position,
            checksum,
            buffer: Vec::new(),
            watermark,
            watermark_at: None,
            marked: 0,
            preparing: None,
        })
    }

    fn path(&self) -> PathBuf {
        self.sink.as_ref().map_or_else(|| self.folder.clone(), |sink| sink.path().to_owned())
    }

    fn run(&mut self) -> io::Result<()> {
        let mut bodies = Vec::new();
        let mut ends = Vec::new();
        loop {
            bodies.clear();
            ends.clear();
            let (mut callbacks, stop) = self.take(&mut bodies, &mut ends);
            let mut from = 0;
            let mut records = 0_usize;
            for (place, end) in ends.iter().enumerate() {
                records += 1;
                let last = place + 1 == ends.len();
                let next = ends.get(place + 1).copied().unwrap_or(*end);
                if last || next - from > FRAME_BYTES {
                    let body = bodies.get(from..*end).unwrap_or_default();
                    if let Err(error) = self.write(body, records) {
                        self.shared.waiting.lock().callbacks.splice(0..0, callbacks);
                        return Err(error);
                    }
                    (from, records) = (*end, 0);
                    self.release(&mut callbacks);
                }
            }
            self.release(&mut callbacks);
            self.acknowledge(stop);
            if stop {
                return Ok(());
            }
        }
    }

    /// Waits for work and takes it over. Before a rest, the watermark is brought up to date.
    fn take(&mut self, bodies: &mut Vec<u8>, ends: &mut Vec<usize>) -> (Vec<Callback>, bool) {
        let shared = Arc::clone(&self.shared);
        let mut waiting = shared.waiting.lock();
        while waiting.callbacks.is_empty() && !waiting.stop {
            if self.marked < self.position {
                if shared.work.wait_for(&mut waiting, WATERMARK_EVERY).timed_out() {
                    self.acknowledge(true);
                }
            } else {
                shared.work.wait(&mut waiting);
            }
        }
        std::mem::swap(&mut waiting.bodies, bodies);
        std::mem::swap(&mut waiting.ends, ends);
        let callbacks = std::mem::take(&mut waiting.callbacks);
        let stop = waiting.stop;
        drop(waiting);
        shared.room.notify_all();
        (callbacks, stop)
    }

    /// Hands over the callbacks of what is durable.
    fn release(&mut self, callbacks: &mut Vec<Callback>) {
        let durable = callbacks.partition_point(|callback| callback.last <= self.position);
        if durable > 0 {
            let rest = callbacks.split_off(durable);
            let _ = self.released.send(std::mem::replace(callbacks, rest)); // Ends after this thread.
        }
    }

    /// Writes one frame; on a full disk it waits for space and writes the same frame again.
    fn write(&mut self, body: &[u8], records: usize) -> io::Result<()> {
        loop {
            match self.try_write(body, records) {
                Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                    if !self.shared.statistics.full.swap(true, Ordering::Relaxed) {
                        tracing::error!(path = %self.path().display(), "the disk is full: nothing is acknowledged until there is space");
                    }
                    if self.shared.waiting.lock().stop {
                        return Err(error);
                    }
                    std::thread::sleep(FULL_RETRY);
                }
                result => {
                    if self.shared.statistics.full.swap(false, Ordering::Relaxed) {
                        tracing::info!("there is space on the disk again");
                    }
                    return result;
                }
            }
        }
    }

    fn try_write(&mut self, body: &[u8], records: usize) -> io::Result<()> {
        let length = (frame::HEADER_BYTES + body.len()).next_multiple_of(BLOCK_BYTES);
        let bytes = u64::try_from(length).unwrap_or(u64::MAX);
        let full = self.offset.saturating_add(bytes) > segment::BYTES && self.offset > segment::BYTES / 2;
        if self.sink.is_none() || full {
            let (sink, _) = segment::create(&self.folder, self.position + 1, self.checksum)?;
            self.sink = Some(sink);
            self.offset = u64::try_from(BLOCK_BYTES).unwrap_or(0);
            self.prepare_next();
        }
        let Some(sink) = &mut self.sink else { return Ok(()) };
        self.buffer.resize(length + BLOCK_BYTES, 0);
        let start = self.buffer.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES);
        let Some(framed) = self.buffer.get_mut(start..start + length) else { return Ok(()) };
        let used = frame::HEADER_BYTES + body.len();
        if let Some((head, padding)) = framed.split_at_mut_checked(used) {
            if let Some(place) = head.get_mut(frame::HEADER_BYTES..) {
                place.copy_from_slice(body);
            }
            padding.fill(0);
        }
        let count = u32::try_from(records).unwrap_or(u32::MAX);
        let sealed = framed.get_mut(..used).unwrap_or_default();
        let checksum = frame::seal(sealed, count, self.position + 1, self.checksum);
        let started = Instant::now();
        sink.write(framed, self.offset)?;
        let elapsed = started.elapsed();
        metrics::histogram!("quittance_sync_seconds").record(elapsed);
        self.reader.written(sink.path(), self.position + 1, self.offset);
        self.offset += bytes;
        let records = u64::try_from(records).unwrap_or(0);
        self.position += records;
        self.checksum = checksum;
        let statistics = &self.shared.statistics;
        statistics.records.fetch_add(records, Ordering::Relaxed);
        statistics.bytes.fetch_add(bytes, Ordering::Relaxed);
        statistics.syncs.fetch_add(1, Ordering::Relaxed);
        let elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        statistics.sync_us.fetch_add(elapsed_us, Ordering::Relaxed);
        Ok(())
    }

    /// Has the next segment made of zeros, beside the writing.
    fn prepare_next(&mut self) {
        if self.preparing.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return;
        }
        let folder = self.folder.clone();
        let work = move || {
            // Without it the next segment is made when it is needed, and the log says if it cannot.
            if let Err(error) = segment::prepare_spare(&folder) {
                tracing::warn!(%error, "the next segment of the log could not be prepared");
                let _ = std::fs::remove_file(folder.join("spare.new"));
            }
        };
        self.preparing = Builder::new().name("quittance-segment".to_owned()).spawn(work).ok();
    }

    /// Refuses everything that waits and will come.
    fn refuse(&mut self) {
        let callbacks = {
            let mut waiting = self.shared.waiting.lock();
            waiting.failed = true;
            std::mem::take(&mut waiting.callbacks)
        };
        self.shared.room.notify_all();
        for callback in callbacks {
            (callback.call)(Err(stopped()));
        }
    }

    /// Notes now and then how far the log was acknowledged, so that a shortened one is noticed.
    fn acknowledge(&mut self, now: bool) {
        let due = self.watermark_at.is_none_or(|at| at.elapsed() >= WATERMARK_EVERY);
        if due || now {
            self.watermark_at = Some(Instant::now());
            self.marked = self.position;
            // Only a hint: a watermark that cannot be written must not stop acknowledgements.
            let _ = self.watermark.write_all_at(&self.position.to_le_bytes(), 0);
        }
    }
}

/// Metrics are described once a process.
fn describe() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        metrics::describe_histogram!(
            "quittance_commit_seconds",
            metrics::Unit::Seconds,
            "from handing records to the log until they are durable"
        );
        metrics::describe_histogram!("quittance_sync_seconds", metrics::Unit::Seconds, "one synced write of the log");
    });
}
