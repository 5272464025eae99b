//! Files that are there whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::{clock, digest};

/// Writes a file whole: to a temporary name, synced, renamed, and the folder synced.
pub fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    // Two who write the same file do not write into each other's.
    let own = digest::hex(&clock::random_bytes::<6>());
    let aside = folder.join(format!(".{name}.{own}.part"));
    let target = folder.join(name);
    let mut file = File::create(&aside)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&aside, &target));
    if written.is_err() {
        let _ = fs::remove_file(&aside); // It says nothing.
    }
    written?;
    File::open(folder)?.sync_all()?;
    Ok(target)
}
