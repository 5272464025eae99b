//! How often something has been seen in a file, in ten megabytes and two bytes a hash beyond a million.
//!
//! The n-th time is remembered as a hash of its own, so that one set of 64-bit hashes holds every
//! count: the first n that it does not hold is the one to come. What does not fit in memory goes
//! to an unnamed temporary file, in runs that are divided into buckets by the first bits of a
//! hash; a filter over each run says of nearly every new hash that it is not there.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::keys::Hashed;

/// Hashes in memory; a table of a million slots holds so many.
const HELD_MAX: usize = (1 << 20) / 8 * 7;
/// Buckets of a run, by the first bits of its hashes.
const BUCKET_BITS: u32 = 12;
const BUCKETS: usize = 1 << BUCKET_BITS;
/// Bits of a filter for each hash, of which three are set within one word: one in 125 is doubted in vain.
const FILTER_BITS: usize = 16;
/// What sets the second time of a key apart from another key's first.
const AGAIN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Counts what it is asked about.
pub(super) struct Seen {
    held: HashSet<u64, Hashed>,
    held_max: usize,
    runs: Vec<Run>,
    file: Option<File>,
    /// Bytes of the file.
    written: u64,
    /// There is no room for a temporary file: what is held stays in memory.
    without_file: bool,
    failure: Option<io::Error>,
}

/// Hashes in the file.
struct Run {
    /// Where it begins.
    from: u64,
    /// The hashes before each bucket, and after the last.
    before: Vec<u32>,
    filter: Vec<u64>,
}

impl Default for Seen {
    fn default() -> Self {
        Self::holding(HELD_MAX)
    }
}

impl Seen {
    fn holding(held_max: usize) -> Self {
        Self {
            held: HashSet::default(),
            held_max,
            runs: Vec::new(),
            file: None,
            written: 0,
            without_file: false,
            failure: None,
        }
    }

    /// How often `hash` has been asked about, this time included. Nothing it says is to be believed
    /// once there is a [`Seen::failure`].
    pub fn count(&mut self, hash: u64) -> u32 {
        match self.times(hash) {
            Ok(times) => times,
            Err(error) => {
                self.failure.get_or_insert(error);
                1
            }
        }
    }

    /// Why the temporary file could not be read, if it could not.
    pub fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }

    fn times(&mut self, hash: u64) -> io::Result<u32> {
        if self.runs.is_empty() {
            // Nearly everything is seen once.
            if self.held.insert(hash) {
                self.leave_memory();
                return Ok(1);
            }
        } else if !self.holds(hash)? {
            self.remember(hash);
            return Ok(1);
        }
        // The times before are there without a gap: the first that is not is found by doubling and halving.
        let (mut there, mut missing) = (1_u32, 2_u32);
        while self.holds(time(hash, missing))? {
            there = missing;
            missing = missing.saturating_mul(2);
        }
        while missing - there > 1 {
            let middle = there + (missing - there) / 2;
            if self.holds(time(hash, middle))? {
                there = middle;
            } else {
                missing = middle;
            }
        }
        self.remember(time(hash, missing));
        Ok(missing)
    }

    fn remember(&mut self, hash: u64) {
        self.held.insert(hash);
        self.leave_memory();
    }

    fn holds(&self, hash: u64) -> io::Result<bool> {
        if self.held.contains(&hash) {
            return Ok(true);
        }
        let Some(file) = &self.file else { return Ok(false) };
        let (word, bits) = filter_place(hash);
        for run in &self.runs {
            let found = run.filter.get(word % run.filter.len().max(1)).is_some_and(|set| set & bits == bits);
            if found && run.holds(file, hash)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes what is held as a run when it is enough for one.
    fn leave_memory(&mut self) {
        if self.held.len() < self.held_max || self.without_file {
            return;
        }
        match self.written_run() {
            Ok(run) => {
                self.runs.push(run);
                self.held.clear();
            }
            Err(error) => {
                tracing::warn!(%error, "no temporary file: the keys of a large bank file stay in memory");
                self.without_file = true;
            }
        }
    }

    fn written_run(&mut self) -> io::Result<Run> {
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile()?),
        };
        let run = Run::write(file, self.written, &self.held)?;
        self.written += u64::try_from(self.held.len() * size_of::<u64>()).unwrap_or(u64::MAX);
        Ok(run)
    }
}

impl Run {
    fn write(file: &File, from: u64, hashes: &HashSet<u64, Hashed>) -> io::Result<Self> {
        let mut before = vec![0_u32; BUCKETS + 1];
        let mut filter = vec![0_u64; (hashes.len() * FILTER_BITS / 64).max(1)];
        let words = filter.len();
        for hash in hashes {
            if let Some(bucket) = before.get_mut(bucket(*hash) + 1) {
                *bucket += 1;
            }
            let (word, bits) = filter_place(*hash);
            if let Some(word) = filter.get_mut(word % words) {
                *word |= bits;
            }
        }
        let mut sum = 0;
        for bucket in &mut before {
            sum += *bucket;
            *bucket = sum;
        }
        let mut next = before.clone();
        let mut ordered = vec![0_u64; hashes.len()];
        for hash in hashes {
            if let Some(at) = next.get_mut(bucket(*hash)) {
                if let Some(place) = usize::try_from(*at).ok().and_then(|at| ordered.get_mut(at)) {
                    *place = *hash;
                }
                *at += 1;
            }
        }
        let mut out = BufWriter::with_capacity(256 << 10, At { file, at: from });
        for hash in &ordered {
            out.write_all(&hash.to_le_bytes())?;
        }
        out.flush()?;
        Ok(Self { from, before, filter })
    }

    fn holds(&self, file: &File, hash: u64) -> io::Result<bool> {
        let bucket = bucket(hash);
        let (Some(from), Some(to)) = (self.before.get(bucket), self.before.get(bucket + 1)) else { return Ok(false) };
        let hashes = usize::try_from(to - from).unwrap_or(0);
        let mut bytes = vec![0; hashes * size_of::<u64>()];
        file.read_exact_at(&mut bytes, self.from + u64::from(*from) * 8)?;
        Ok(bytes.chunks_exact(8).any(|found| found == hash.to_le_bytes()))
    }
}

/// Writes to a file from a place on.
struct At<'a> {
    file: &'a File,
    at: u64,
}

impl Write for At<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write_at(bytes, self.at)?;
        self.at += u64::try_from(written).unwrap_or(0);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The hash of the n-th time of a hash.
fn time(hash: u64, n: u32) -> u64 {
    if n == 1 { hash } else { xxh3_64_with_seed(&hash.to_le_bytes(), AGAIN ^ u64::from(n)) }
}

fn bucket(hash: u64) -> usize {
    usize::try_from(hash >> (64 - BUCKET_BITS)).unwrap_or(0)
}

/// The word of a filter a hash falls into, and its bits in it.
fn filter_place(hash: u64) -> (usize, u64) {
    let bits = 1_u64 << (hash & 63) | 1 << (hash >> 6 & 63) | 1 << (hash >> 12 & 63);
    (usize::try_from(hash >> 18 & 0xffff_ffff).unwrap_or(0), bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However little is held in memory, the counts are those of a map.
    #[test]
    fn counts_are_exact_in_memory_and_beyond() {
        for held_max in [1, 7, 1_000, usize::MAX] {
            let mut seen = Seen::holding(held_max);
            let mut counted = std::collections::HashMap::<u64, u32>::new();
            for step in 0..3_000_u64 {
                // Some often, most once.
                let key = if step % 3 == 0 { step % 11 } else { step };
                let hash = xxh3_64_with_seed(&key.to_le_bytes(), 5);
                let wanted = counted.entry(hash).or_default();
                *wanted += 1;
                assert_eq!(seen.count(hash), *wanted, "step {step}, {held_max} in memory");
            }
            assert_eq!(seen.runs.is_empty(), held_max == usize::MAX);
        }
    }
}
