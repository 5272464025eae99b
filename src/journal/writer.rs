//! The one writer thread: everything that waits becomes one frame, one write, one sync.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use quittance_actors::partition::Commit;
use quittance_actors::ports::{Journal, OnDurable, PortError};

use super::scan::{Opened, watermark_path};
use super::{codec, frame, segment};

/// Appends that may wait for the writer; above it an append blocks its lane.
const QUEUE_APPENDS: usize = 16_384;
/// A frame is closed when its body reaches this.
const FRAME_BYTES: usize = 1 << 20;
/// How often the watermark of what was acknowledged is written.
const WATERMARK_EVERY: Duration = Duration::from_secs(1);

enum Job {
    Append(Vec<u8>, OnDurable),
    Barrier(OnDurable),
    Stop,
}

/// Counters of the writer.
#[derive(Debug, Default)]
pub struct Statistics {
    /// Records synced.
    pub records: AtomicU64,
    /// Bytes written.
    pub bytes: AtomicU64,
    /// Syncs.
    pub syncs: AtomicU64,
    /// Microseconds spent in write and sync.
    pub sync_us: AtomicU64,
}

/// The log, as the partitions see it.
pub struct Writer {
    queue: Mutex<SyncSender<Job>>,
    appended: AtomicU64,
    statistics: Arc<Statistics>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Continues a verified log. `on_fatal` is called once, from the writer thread, when a
    /// write or sync fails; nothing is acknowledged after it.
    pub fn start(opened: Opened, on_fatal: Box<dyn Fn(String) + Send>) -> io::Result<Self> {
        let (queue, jobs) = sync_channel(QUEUE_APPENDS);
        let statistics = Arc::new(Statistics::default());
        let appended = AtomicU64::new(opened.position);
        let mut tail = Tail::new(opened, Arc::clone(&statistics))?;
        let thread = std::thread::Builder::new().name("quittance-log".to_owned()).spawn(move || {
            if let Err(error) = tail.run(&jobs) {
                let path = tail.path.display();
                on_fatal(format!("the record log cannot be written: {path}: {error}"));
                refuse_the_rest(&jobs);
            }
        })?;
        let (queue, thread) = (Mutex::new(queue), Mutex::new(Some(thread)));
        Ok(Self { queue, appended, statistics, thread })
    }

    /// Counters.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Writes what waits and ends the thread.
    pub fn stop(&self) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = queue.send(Job::Stop); // A writer that failed has left already.
        drop(queue);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

fn stopped() -> PortError {
    PortError { port: "journal", detail: "the log is closed".to_owned() }
}

fn refuse_the_rest(jobs: &Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        match job {
            Job::Append(_, on_durable) | Job::Barrier(on_durable) => on_durable(Err(stopped())),
            Job::Stop => return,
        }
    }
}

impl Journal for Writer {
    fn append(&self, commit: Arc<Commit>, on_durable: OnDurable) {
        let mut record = Vec::with_capacity(512);
        if let Err(error) = codec::encode_record(&commit, &mut record) {
            return on_durable(Err(PortError { port: "journal", detail: error.to_string() }));
        }
        // Under the lock, so that positions are in the order of the queue.
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(refused) = queue.send(Job::Append(record, on_durable)) {
            if let Job::Append(_, on_durable) = refused.0 {
                on_durable(Err(stopped()));
            }
            return;
        }
        self.appended.fetch_add(1, Ordering::SeqCst);
    }

    fn position(&self) -> u64 {
        self.appended.load(Ordering::SeqCst)
    }

    fn barrier(&self, on_durable: OnDurable) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(refused) = queue.send(Job::Barrier(on_durable))
            && let Job::Barrier(on_durable) = refused.0
        {
            on_durable(Err(stopped()));
        }
    }
}

struct Tail {
    file: File,
    path: PathBuf,
    folder: PathBuf,
    offset: u64,
    position: u64,
    checksum: u64,
    frame: Vec<u8>,
    waiting: Vec<OnDurable>,
    statistics: Arc<Statistics>,
    watermark: File,
    watermark_at: Option<Instant>,
    /// How far the watermark goes.
    marked: u64,
}

impl Tail {
    fn new(opened: Opened, statistics: Arc<Statistics>) -> io::Result<Self> {
        let Opened { file, path, folder, offset, position, checksum, .. } = opened;
        let watermark = watermark_path(&folder);
        let watermark = File::options().create(true).truncate(false).write(true).open(&watermark)?;
        Ok(Self {
            file,
            path,
            folder,
            offset,
            position,
            checksum,
            frame: Vec::new(),
            waiting: Vec::new(),
            statistics,
            watermark,
            watermark_at: None,
            marked: 0,
        })
    }

    fn run(&mut self, jobs: &Receiver<Job>) -> io::Result<()> {
        while let Some(first) = self.next(jobs) {
            let mut records = 0;
            self.frame.clear();
            self.frame.resize(frame::HEADER_BYTES, 0);
            let mut next = Some(first);
            let mut stop = false;
            while let Some(job) = next.take() {
                match job {
                    Job::Append(record, on_durable) => {
                        self.frame.extend_from_slice(&record);
                        self.waiting.push(on_durable);
                        records += 1;
                    }
                    Job::Barrier(on_durable) => self.waiting.push(on_durable),
                    Job::Stop => stop = true,
                }
                if !stop && self.frame.len() < FRAME_BYTES {
                    next = jobs.try_recv().ok();
                }
            }
            let written = if records > 0 { self.write(records) } else { Ok(()) };
            for on_durable in self.waiting.drain(..) {
                on_durable(match &written {
                    Ok(()) => Ok(()),
                    Err(error) => Err(PortError { port: "journal", detail: error.to_string() }),
                });
            }
            written?;
            self.acknowledge(stop);
            if stop {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The next job. Before a rest, the watermark is brought up to what was acknowledged.
    fn next(&mut self, jobs: &Receiver<Job>) -> Option<Job> {
        if self.marked < self.position {
            match jobs.recv_timeout(WATERMARK_EVERY) {
                Err(RecvTimeoutError::Timeout) => self.acknowledge(true),
                job => return job.ok(),
            }
        }
        jobs.recv().ok()
    }

    fn write(&mut self, records: u32) -> io::Result<()> {
        let started = Instant::now();
        let length = u64::try_from(self.frame.len()).unwrap_or(u64::MAX);
        if self.offset + length > segment::BYTES && self.offset > segment::BYTES / 2 {
            let (file, place) = segment::create(&self.folder, self.position + 1, self.checksum)?;
            self.file = file;
            self.path = place.path;
            self.offset = u64::try_from(segment::HEADER_BYTES).unwrap_or(0);
        }
        let checksum = frame::seal(&mut self.frame, records, self.position + 1, self.checksum);
        self.file.write_all_at(&self.frame, self.offset)?;
        self.file.sync_data()?;
        self.offset += length;
        self.position += u64::from(records);
        self.checksum = checksum;
        let elapsed_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let Statistics { records: count, bytes, syncs, sync_us } = self.statistics.as_ref();
        count.fetch_add(u64::from(records), Ordering::Relaxed);
        bytes.fetch_add(length, Ordering::Relaxed);
        syncs.fetch_add(1, Ordering::Relaxed);
        sync_us.fetch_add(elapsed_us, Ordering::Relaxed);
        Ok(())
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
