//! Files that are there whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes a file whole: to a temporary name, synced, renamed, and the folder synced.
pub fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let aside = folder.join(format!(".{name}.part"));
    let target = folder.join(name);
    let mut file = File::create(&aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&aside, &target)?;
    File::open(folder)?.sync_all()?;
    Ok(target)
}
