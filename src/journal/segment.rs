//! Segment files: preallocated, named by their first position, one after another.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes of a segment's header: magic, format version, first position, checksum before it.
pub(super) const HEADER_BYTES: usize = 32;
/// Bytes preallocated for a segment.
pub(super) const BYTES: u64 = 64 << 20;
const MAGIC: [u8; 8] = *b"QLOGSEG1";

/// A segment's place in the log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub first_position: u64,
    pub path: PathBuf,
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

/// Makes a new segment, durable together with its name.
pub(super) fn create(folder: &Path, first_position: u64, previous: u64) -> io::Result<(File, Place)> {
    let path = folder.join(format!("{first_position:016x}.qlog"));
    // Under another name until its header is durable: a crash in between leaves no segment.
    let aside = path.with_extension("new");
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&aside)?;
    file.set_len(BYTES)?;
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend_from_slice(&MAGIC);
    header.extend_from_slice(&first_position.to_le_bytes());
    header.extend_from_slice(&previous.to_le_bytes());
    header.extend_from_slice(&[0; 8]);
    file.write_all_at(&header, 0)?;
    file.sync_all()?;
    std::fs::rename(&aside, &path)?;
    File::open(folder)?.sync_all()?;
    Ok((file, Place { first_position, path }))
}

/// A segment's bytes and the checksum of the frame before it; `None` if its header is not ours.
pub(super) fn load(place: &Place) -> io::Result<Option<(Vec<u8>, u64)>> {
    let mut bytes = Vec::new();
    File::open(&place.path)?.read_to_end(&mut bytes)?;
    let u64_at = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
    let ours = bytes.starts_with(&MAGIC) && u64_at(8) == Some(place.first_position);
    let previous = u64_at(16).filter(|_| ours);
    Ok(previous.map(|previous| (bytes, previous)))
}
