//! A reader that knows where it is and refuses endless lines and elements.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of one line or element; above it a file is hostile or broken.
pub const RUN_BYTES_MAX: usize = 1 << 20;

/// Bytes that one record may take, read-ahead included: it is held in memory as a whole.
pub const RECORD_BYTES_MAX: usize = 4 << 20;

/// Bytes read since the parser last gave a record. The parser holds one end, the reader below
/// its buffers the other.
#[derive(Debug, Clone, Default)]
pub struct Pace(Arc<AtomicUsize>);

impl Pace {
    /// A record was given.
    pub fn record(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: u64,
    /// The byte in the line, from 1.
    pub column: u64,
    /// Bytes read.
    pub bytes: u64,
}

/// Counts lines as they are consumed, and fails when no `mark` comes for too long.
pub struct Located<R> {
    inner: R,
    mark: u8,
    place: Place,
    run: usize,
    pace: Pace,
}

impl<R: BufRead> Located<R> {
    /// A reader that expects a `mark` byte now and then: a line feed, or the end of a tag.
    pub fn new(inner: R, mark: u8) -> Self {
        Self { inner, mark, place: Place { line: 1, column: 1, bytes: 0 }, run: 0, pace: Pace::default() }
    }

    /// Where the parser reports its records.
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Where it is.
    pub fn place(&self) -> Place {
        self.place
    }
}

/// Moves a place over `consumed`; gives the bytes since the last mark.
fn advance(place: &mut Place, run: usize, mark: u8, consumed: &[u8]) -> usize {
    let count = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
    place.bytes += count(consumed.len());
    place.line += count(memchr::memchr_iter(b'\n', consumed).count());
    place.column = match memchr::memrchr(b'\n', consumed) {
        Some(last) => count(consumed.len() - last),
        None => place.column + count(consumed.len()),
    };
    let last = match mark {
        // Lines of old Macs end in a carriage return alone.
        b'\n' => memchr::memrchr2(b'\n', b'\r', consumed),
        _ => memchr::memrchr(mark, consumed),
    };
    match last {
        Some(last) => consumed.len() - last,
        None => run + consumed.len(),
    }
}

impl<R: BufRead> Read for Located<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(buffer.len());
        let (Some(target), Some(source)) = (buffer.get_mut(..length), available.get(..length)) else {
            return Ok(0);
        };
        target.copy_from_slice(source);
        self.consume(length);
        Ok(length)
    }
}

impl<R: BufRead> BufRead for Located<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.run > RUN_BYTES_MAX {
            let what = if self.mark == b'\n' { "line" } else { "element" };
            let text = format!("a {what} is longer than {} KiB", RUN_BYTES_MAX >> 10);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        if self.pace.0.load(Ordering::Relaxed) > RECORD_BYTES_MAX {
            let text =
                format!("a record is longer than {} MiB: is a quote or a tag left open?", RECORD_BYTES_MAX >> 20);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // The same buffer that fill_buf gave: looking at it reads nothing new.
        if let Ok(buffer) = self.inner.fill_buf() {
            let consumed = buffer.get(..amount).unwrap_or_default();
            self.run = advance(&mut self.place, self.run, self.mark, consumed);
        }
        self.pace.0.fetch_add(amount, Ordering::Relaxed);
        self.inner.consume(amount);
    }
}
