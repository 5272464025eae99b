//! Backups: the record log, which is the truth, and the ledgers of the order files, with a manifest of
//! checksums. The store is built again from the log at the first start after a restore.
//!
//! A backup is taken while the service runs: segments only grow, so the whole frames found are a
//! state that was. The ledgers come after them, so what the log knows of was ordered stands in a ledger
//! and is not ordered again. What an earlier backup in the same folder holds is not copied again.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use walkdir::WalkDir;

use crate::journal::{self, Extent};
use crate::{clock, digest};

/// The name of the manifest, which is written last: a folder without one is not a backup.
pub const MANIFEST: &str = "manifest.json";
const FORMAT: u32 = 1;
/// A log that is being restored.
const ASIDE: &str = "log.restoring";
/// What stands beside the log and is not built from it: the ledgers that say which order stands in which file for a bank,
/// messages to people as they left, editions of the configuration, and invoices as PDF.
const BESIDE: [&str; 4] = ["connectors", "sent", "configuration", "documents"];
/// Which edition stands in the folder of the configuration is of a machine: without it a restored one is written there.
const OF_THIS_MACHINE: &str = "written";

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The format of the backup.
    pub format: u32,
    /// The program that took it.
    pub version: String,
    /// When it was taken.
    pub taken_at: String,
    /// The last record it holds.
    pub position: u64,
    /// The segments of the log, in order.
    pub segments: Vec<Saved>,
    /// The ledgers of the order files, by name.
    #[serde(default)]
    pub ledgers: Vec<Saved>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// Its name below the backup's folder.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
}

/// Copies `bytes` of `from`, and gives their SHA-256; without `to`, only that.
fn copy(from: &Path, bytes: u64, to: Option<&Path>) -> io::Result<String> {
    let mut source = File::open(from)?.take(bytes);
    let mut target = to.map(File::create).transpose()?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut copied = 0;
    loop {
        let read = source.read(&mut buffer)?;
        let part = buffer.get(..read).unwrap_or_default();
        if part.is_empty() {
            break;
        }
        hash.update(part);
        if let Some(target) = &mut target {
            target.write_all(part)?;
        }
        copied += u64::try_from(read).unwrap_or(0);
    }
    if let Some(target) = &target {
        target.sync_all()?;
    }
    if copied != bytes {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{copied} of {bytes} bytes")));
    }
    Ok(digest::hex(&hash.finalize()))
}

fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("{}: {error}", path.display()))
}

/// Takes a backup of the data directory `data` into `folder`; a running service goes on.
pub fn take(data: &Path, folder: &Path) -> Result<Manifest, String> {
    let walked =
        journal::walk(&data.join("log"), 0, |_, _| Ok(())).map_err(|error| format!("the record log: {error}"))?;
    at(folder, std::fs::create_dir_all(folder))?;
    let before: Vec<Saved> = match read_manifest(folder) {
        Ok(before) => before.segments.into_iter().chain(before.ledgers).collect(),
        Err(_) => Vec::new(),
    };
    let mut segments = Vec::new();
    for Extent { path, bytes, .. } in &walked.segments {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        segments.push(save(folder, path, name, *bytes, &before)?);
    }
    let mut ledgers = Vec::new();
    for (name, path) in ledgers_below(data)? {
        let of_messages = name.starts_with("sent/");
        let saved = at(&path, path.metadata()).and_then(|found| save(folder, &path, name, found.len(), &before));
        match saved {
            // Messages of that day are kept no longer.
            Err(_) if of_messages && !path.exists() => {}
            saved => ledgers.push(saved?),
        }
    }
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let taken_at = clock::system_now().to_string();
    let manifest = Manifest { format: FORMAT, version, taken_at, position: walked.position, segments, ledgers };
    write_manifest(folder, &manifest)?;
    Ok(manifest)
}

/// Copies a file into the backup, unless it holds the same already.
fn save(folder: &Path, path: &Path, name: String, bytes: u64, before: &[Saved]) -> Result<Saved, String> {
    let target = folder.join(&name);
    let known = before.iter().find(|known| known.name == name && known.bytes == bytes);
    if let Some(known) = known
        && copy(&target, bytes, None).is_ok_and(|sha256| sha256 == known.sha256)
    {
        return Ok(known.clone());
    }
    // Beside it and renamed: until the new manifest is there, the old one holds.
    let aside = folder.join(format!("{name}.new"));
    let sha256 = copy_below(path, bytes, &aside)?;
    at(&target, std::fs::rename(&aside, &target))?;
    sync_below(folder, &target)?;
    Ok(Saved { name, bytes, sha256 })
}

/// Copies a file below a folder that may not be there yet.
fn copy_below(from: &Path, bytes: u64, to: &Path) -> Result<String, String> {
    let folder = to.parent().unwrap_or(to);
    at(folder, std::fs::create_dir_all(folder))?;
    at(from, copy(from, bytes, Some(to)))
}

/// Makes the name of a file durable, and those of the folders between it and `root`.
fn sync_below(root: &Path, path: &Path) -> Result<(), String> {
    for folder in path.ancestors().skip(1) {
        at(folder, File::open(folder).and_then(|folder| folder.sync_all()))?;
        if folder == root {
            break;
        }
    }
    Ok(())
}

/// The ledgers of a data directory, by their names below it; what is being written is no ledger yet.
fn ledgers_below(data: &Path) -> Result<Vec<(String, PathBuf)>, String> {
    let mut found = Vec::new();
    // A tenant's may lie on another disk.
    for entry in
        BESIDE.iter().flat_map(|folder| WalkDir::new(data.join(folder)).follow_links(true).sort_by_file_name())
    {
        let entry = match entry {
            Err(error) if error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound) => continue,
            entry => entry.map_err(|error| error.to_string())?,
        };
        let name = entry.path().strip_prefix(data).unwrap_or(entry.path()).to_string_lossy().into_owned();
        // Other names are nobody's ledger.
        if entry.file_type().is_file()
            && entry.file_name() != OF_THIS_MACHINE
            && !name.ends_with(".part")
            && named(&name).is_ok()
        {
            found.push((name, entry.into_path()));
        }
    }
    Ok(found)
}

fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<(), String> {
    let (path, aside) = (folder.join(MANIFEST), folder.join("manifest.new"));
    let text = serde_json::to_vec_pretty(manifest).map_err(|error| error.to_string())?;
    let mut file = at(&aside, File::create(&aside))?;
    at(&aside, file.write_all(&text).and_then(|()| file.sync_all()))?;
    at(&path, std::fs::rename(&aside, &path))?;
    at(folder, File::open(folder).and_then(|folder| folder.sync_all()))
}

fn read_manifest(folder: &Path) -> Result<Manifest, String> {
    let path = folder.join(MANIFEST);
    let text = at(&path, std::fs::read(&path))?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    if manifest.format != FORMAT {
        return Err(format!("{}: format {}, this program reads {FORMAT}", path.display(), manifest.format));
    }
    Ok(manifest)
}

/// Checks a backup against its manifest.
pub fn check(folder: &Path) -> Result<Manifest, String> {
    let manifest = read_manifest(folder)?;
    for Saved { name, bytes, sha256 } in manifest.segments.iter().chain(&manifest.ledgers) {
        let path = folder.join(named(name)?);
        let found = at(&path, copy(&path, *bytes, None))?;
        if found != *sha256 {
            return Err(format!("{}: its SHA-256 is {found}, the manifest says {sha256}", path.display()));
        }
    }
    Ok(manifest)
}

/// The name of a file of the backup itself, whatever the manifest says.
fn named(name: &str) -> Result<&str, String> {
    let plain = |part: &str| {
        let known = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
        known && !matches!(part, "" | "." | "..")
    };
    let ledger = BESIDE.iter().find_map(|folder| name.strip_prefix(*folder)?.strip_prefix('/'));
    let fits = match ledger {
        Some(parts) => parts.split('/').all(plain),
        None => name.ends_with(".qlog") && plain(name),
    };
    if fits { Ok(name) } else { Err(format!("the manifest names {name:?}, which is no file of a backup")) }
}

/// Restores a backup into `data`, which must not hold a log yet.
pub fn restore(folder: &Path, data: &Path) -> Result<Manifest, String> {
    let manifest = check(folder)?;
    let log = data.join("log");
    let there = |names: &[&str]| names.iter().any(|name| data.join(name).exists());
    let broke_off = there(&[ASIDE]) && !there(&["log", "store"]);
    if there(&["log", "store"]) || (there(&BESIDE) && !broke_off) {
        return Err(format!("{}: there is a log or a store already; name an empty directory", data.display()));
    }
    // Under another name until it is whole: what breaks off is no data directory.
    let aside = data.join(ASIDE);
    for folder in BESIDE {
        let _ = std::fs::remove_dir_all(data.join(folder));
    }
    let _ = std::fs::remove_dir_all(&aside);
    at(&aside, std::fs::create_dir_all(&aside))?;
    for Saved { name, bytes, sha256 } in manifest.segments.iter().chain(&manifest.ledgers) {
        let from = folder.join(named(name)?);
        let copied = copy_below(&from, *bytes, &aside.join(name))?;
        sync_below(&aside, &aside.join(name))?;
        if copied != *sha256 {
            return Err(format!("{}: changed while it was restored", from.display()));
        }
    }
    let walked = journal::walk(&aside, 0, |_, _| Ok(())).map_err(|error| format!("the backup's log: {error}"))?;
    if walked.position != manifest.position {
        return Err(format!("the log ends at record {}, the manifest says {}", walked.position, manifest.position));
    }
    for folder in BESIDE {
        let restored = aside.join(folder);
        if restored.exists() {
            at(&restored, std::fs::rename(&restored, data.join(folder)))?;
        }
    }
    at(&log, std::fs::rename(&aside, &log))?;
    at(data, File::open(data).and_then(|folder| folder.sync_all()))?;
    Ok(manifest)
}
