//! Segment files: preallocated, named by their first position, one after another.
//!
//! ```text
//! format 1: header of 32 bytes, frames one after another
//! format 2: header of one block, every frame at the start of a block, written around the page cache
//! ```

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Bytes of a block: what a disk writes at once.
pub(super) const BLOCK_BYTES: usize = 512;
/// Bytes of what a header says.
const HEADER_BYTES: usize = 32;
/// Bytes preallocated for a segment.
pub(super) const BYTES: u64 = 64 << 20;
const MAGIC_1: [u8; 8] = *b"QLOGSEG1";
const MAGIC_2: [u8; 8] = *b"QLOGSEG2";
const SPARE: &str = "spare";

/// A segment's place in the log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub first_position: u64,
    pub path: PathBuf,
}

/// What a segment's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub first_position: u64,
    /// The checksum of the frame before it.
    pub previous: u64,
    /// Where frames start, and on what multiples.
    pub align: usize,
}

impl Header {
    /// Where the first frame starts.
    pub fn first_frame(self) -> usize {
        if self.align == 1 { HEADER_BYTES } else { self.align }
    }

    /// Where the frame after one that ends at `end` starts.
    pub fn next_frame(self, end: usize) -> usize {
        end.next_multiple_of(self.align)
    }
}

/// The segments of a folder, in order.
pub(super) fn list(folder: &Path) -> io::Result<Vec<Place>> {
    let mut places = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        if path.extension().is_some_and(|extension| extension == "qlog")
            && let Some(first_position) = stem.and_then(|stem| u64::from_str_radix(stem, 16).ok())
        {
            places.push(Place { first_position, path });
        }
    }
    places.sort();
    Ok(places)
}

/// Makes a file of zeros that the next segment is made of: writing over zeros costs half the
/// time of writing anew. Called beside the writer.
pub(super) fn prepare_spare(folder: &Path) -> io::Result<()> {
    let (path, aside) = (folder.join(SPARE), folder.join("spare.new"));
    if path.exists() {
        return Ok(());
    }
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(&aside)?;
    let zeros = vec![0; 1 << 20];
    let mut at = 0;
    while at < BYTES {
        file.write_all_at(&zeros, at)?;
        at += 1 << 20;
        file.sync_data()?; // In small steps, so that the log's own syncs do not wait behind it.
    }
    std::fs::rename(&aside, &path)?;
    File::open(folder)?.sync_all()
}

/// Makes a new segment, durable together with its name.
pub(super) fn create(folder: &Path, first_position: u64, previous: u64) -> io::Result<(Sink, Place)> {
    let path = folder.join(format!("{first_position:016x}.qlog"));
    // Under another name until its header is durable: a crash in between leaves no segment.
    let aside = path.with_extension("new");
    let spare = folder.join(SPARE);
    let reused = spare.exists() && std::fs::rename(&spare, &aside).is_ok();
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(!reused).open(&aside)?;
    if !reused {
        file.set_len(BYTES)?;
    }
    let mut header = vec![0; BLOCK_BYTES];
    let align = u64::try_from(BLOCK_BYTES).unwrap_or(u64::MAX);
    let parts = MAGIC_2.into_iter().chain(first_position.to_le_bytes());
    let parts = parts.chain(previous.to_le_bytes()).chain(align.to_le_bytes());
    for (place, byte) in header.iter_mut().zip(parts) {
        *place = byte;
    }
    file.write_all_at(&header, 0)?;
    file.sync_all()?;
    std::fs::rename(&aside, &path)?;
    File::open(folder)?.sync_all()?;
    Ok((Sink::open(&path)?, Place { first_position, path }))
}

/// Reads a header; `None` if it is not ours.
pub(super) fn header(bytes: &[u8]) -> Option<Header> {
    let u64_at = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
    let align = match bytes.first_chunk()? {
        magic if *magic == MAGIC_1 => 1,
        magic if *magic == MAGIC_2 => usize::try_from(u64_at(24)?).ok()?,
        _ => return None,
    };
    let plausible = align == 1 || (align.is_power_of_two() && (HEADER_BYTES..=1 << 20).contains(&align));
    plausible.then_some(())?;
    Some(Header { first_position: u64_at(8)?, previous: u64_at(16)?, align })
}

/// A segment's bytes and header; `None` if its header is not ours.
pub(super) fn load(place: &Place) -> io::Result<Option<(Vec<u8>, Header)>> {
    let mut bytes = Vec::new();
    File::open(&place.path)?.read_to_end(&mut bytes)?;
    let header = header(&bytes).filter(|header| header.first_position == place.first_position);
    Ok(header.map(|header| (bytes, header)))
}

/// A segment that is written: around the page cache where the disk can, and durable on return.
#[derive(Debug)]
pub(super) struct Sink {
    file: File,
    path: PathBuf,
    direct: bool,
}

impl Sink {
    pub fn open(path: &Path) -> io::Result<Self> {
        let path = path.to_owned();
        match options(libc::O_DIRECT).open(&path) {
            Ok(file) => Ok(Self { file, path, direct: true }),
            Err(_) => Ok(Self { file: options(0).open(&path)?, path, direct: false }),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes whole blocks; durable when it returns. `bytes` starts at a multiple of
    /// [`BLOCK_BYTES`] in memory.
    pub fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        match self.file.write_all_at(bytes, offset) {
            // Some file systems accept the flag and refuse the write.
            Err(error) if self.direct && error.kind() == io::ErrorKind::InvalidInput => {
                (self.file, self.direct) = (options(0).open(&self.path)?, false);
                self.file.write_all_at(bytes, offset)
            }
            result => result,
        }
    }
}

fn options(more: i32) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(libc::O_DSYNC | more);
    options
}
