//! Archives: a zip or gzip file stands for the files in it.
//!
//! ```text
//! .work/name.zip ─► .work/.unpacked/members, synced ─► .work/member … each read like a file that was dropped
//!        └────────► done/name.zip, its report says what was in it
//! ```
//!
//! All of an archive is unpacked or nothing. A process that dies in between unpacks it again: a member
//! that was read already is known by its digest.

use std::fs::{self, File};
use std::io::{self, Read, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use tracing::warn;
use zip::ZipArchive;
use zip::result::ZipError;

use super::report::{Report, free_name};
use super::scan::safe_name;
use super::{Activity, Watched, manifest};
use crate::digest;

/// Files of one archive.
const MEMBERS_MAX: usize = 10_000;
/// Bytes of one archive, unpacked.
const BYTES_MAX: u64 = 4 << 30;

/// What a claimed file is.
pub(super) enum Unpacked {
    /// No archive.
    Plain,
    /// An archive: the files that were in it, claimed.
    Members(Vec<PathBuf>),
    /// An archive that cannot be unpacked, and why.
    Broken(String),
}

/// Whether bytes begin a zip or gzip file.
fn is_archive(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") || is_gzip(head)
}

fn is_gzip(head: &[u8]) -> bool {
    head.starts_with(b"\x1f\x8b\x08")
}

/// Unpacks a claimed file if it is an archive. An error is of our side: the same may work later.
pub(super) fn unpack(watched: &Watched, path: &Path, activity: &Activity) -> io::Result<Unpacked> {
    let mut source = match File::open(path) {
        Ok(source) => source,
        // Who reads it says why.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
            return Ok(Unpacked::Plain);
        }
        Err(error) => return Err(error),
    };
    let mut head = Vec::new();
    Read::by_ref(&mut source).take(4).read_to_end(&mut head)?;
    if !is_archive(&head) {
        return Ok(Unpacked::Plain);
    }
    source.rewind()?;
    let aside = watched.work().join(".unpacked");
    match fs::remove_dir_all(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir(&aside)?,
    }
    let shown = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let members = match members(&source, is_gzip(&head), &shown, &aside) {
        Ok(members) => members,
        Err(Fault::Ours(error)) => {
            fs::remove_dir_all(&aside)?; // A full disk is not to be kept full.
            return Err(error);
        }
        Err(Fault::Archive(why)) => {
            fs::remove_dir_all(&aside)?;
            return Ok(Unpacked::Broken(why));
        }
    };
    let claims = manifest::Claims::left(path);
    let mut claimed = Vec::with_capacity(members.len());
    for (unpacked, name) in &members {
        let target = free_name(&watched.work(), name);
        manifest::forget(&target);
        // What is said of the rows of an archive is said of its only file.
        if members.len() == 1 && !claims.is_empty() {
            claims.keep(&target)?;
        }
        fs::rename(unpacked, &target)?;
        claimed.push(target);
    }
    File::open(watched.work())?.sync_all()?;
    let _ = fs::remove_dir_all(&aside); // Empty, and made anew the next time.
    // Its files are claimed whatever becomes of it: at the next start it is unpacked again, and they are known.
    if let Err(error) = archive(watched, path, &shown, &members, activity) {
        warn!(feed = watched.feed.name, %error, "an archive was unpacked and cannot be put away");
    }
    Ok(Unpacked::Members(claimed))
}

/// Writes the files of an archive into a folder, durably: where each lies, and its name. Bounded in files and bytes.
fn members(source: &File, is_gzip: bool, shown: &str, aside: &Path) -> Result<Vec<(PathBuf, String)>, Fault> {
    let mut unpacking = Unpacking { aside: aside.to_owned(), names: Vec::new(), bytes_left: BYTES_MAX };
    match is_gzip {
        true => unpacking.gzip(source, shown)?,
        false => unpacking.zip(source)?,
    }
    Ok(unpacking.names)
}

/// What is in an archive, unpacked into a folder, as a watched directory does it; `None` when the bytes begin none.
pub fn unpacked(path: &Path, aside: &Path) -> io::Result<Option<Result<Vec<String>, String>>> {
    let mut source = File::open(path)?;
    let mut head = Vec::new();
    Read::by_ref(&mut source).take(4).read_to_end(&mut head)?;
    if !is_archive(&head) {
        return Ok(None);
    }
    source.rewind()?;
    match members(&source, is_gzip(&head), "archive", aside) {
        Ok(members) => Ok(Some(Ok(members.into_iter().map(|(_, name)| name).collect()))),
        Err(Fault::Archive(why)) => Ok(Some(Err(why))),
        Err(Fault::Ours(error)) => Err(error),
    }
}

/// Moves an archive to `done` with a report of what was in it.
fn archive(
    watched: &Watched, path: &Path, shown: &str, members: &[(PathBuf, String)], activity: &Activity,
) -> io::Result<()> {
    let digest = digest::hex(&digest::sha256_of(File::open(path)?)?);
    let mut report = Report::new(watched, shown, digest);
    report.summary = format!("an archive of {} files, each read and reported on its own", members.len());
    report.notes = members.iter().map(|(_, name)| format!("unpacked: {name}")).collect();
    let target = free_name(&watched.folder.join("done"), shown);
    report.write_beside(&target)?;
    fs::rename(path, &target)?;
    manifest::forget(path);
    activity.finished(&report, Some(&target));
    Ok(())
}

/// How many entries the end of a zip file says it has. Source: APPNOTE.TXT 6.3, end of central directory record.
fn entries_of(mut source: &File) -> io::Result<usize> {
    const RECORD: usize = 22;
    let length = source.metadata()?.len();
    let from = length.saturating_sub(64 << 10).saturating_sub(22);
    source.seek(io::SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    source.read_to_end(&mut tail)?;
    source.rewind()?;
    // The last one whose comment ends the file: a comment may look like one.
    let ends = |at: &usize| {
        let comment = tail.get(at + RECORD - 2..at + RECORD).and_then(|bytes| bytes.try_into().ok());
        comment.is_some_and(|bytes| at + RECORD + usize::from(u16::from_le_bytes(bytes)) == tail.len())
    };
    let at = memchr::memmem::find_iter(&tail, b"PK\x05\x06").filter(ends).last();
    let record = at.and_then(|at| tail.get(at..at + RECORD));
    // Without an end it is damaged, which its reader says.
    Ok(match record {
        Some([_, _, _, _, _, _, _, _, _, _, low, high, ..]) => usize::from(u16::from_le_bytes([*low, *high])),
        _ => 0,
    })
}

/// Why an archive was not unpacked.
enum Fault {
    /// Of our side.
    Ours(io::Error),
    /// Of the archive.
    Archive(String),
}

struct Unpacking {
    aside: PathBuf,
    names: Vec<(PathBuf, String)>,
    bytes_left: u64,
}

impl Unpacking {
    fn zip(&mut self, source: &File) -> Result<(), Fault> {
        let broken = |error: ZipError| match error {
            ZipError::Io(error) => Fault::Archive(format!("the archive is damaged: {error}")),
            error => Fault::Archive(format!("the archive cannot be unpacked: {error}")),
        };
        // Counted before its directory is read into memory.
        let entries = entries_of(source).map_err(Fault::Ours)?;
        if entries > MEMBERS_MAX {
            return Err(Fault::Archive(format!("an archive has at most {MEMBERS_MAX} files, this one {entries}")));
        }
        let mut archive = ZipArchive::new(source).map_err(broken)?;
        if archive.len() != entries {
            let what =
                format!("{entries} files are in the archive, of which {} have names of their own", archive.len());
            return Err(Fault::Archive(what));
        }
        for at in 0..archive.len() {
            let member = archive.by_index(at).map_err(broken)?;
            let path = member.name().map_err(broken)?.into_owned();
            let name = path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
            // What a file manager adds of its own.
            if member.is_dir() || name.is_empty() || name.starts_with('.') || path.starts_with("__MACOSX/") {
                continue;
            }
            self.member(member, &name)?;
        }
        match self.names.is_empty() {
            true => Err(Fault::Archive("there is no file in the archive".to_owned())),
            false => Ok(()),
        }
    }

    fn gzip(&mut self, source: &File, shown: &str) -> Result<(), Fault> {
        let name = shown.strip_suffix(".gz").filter(|name| !name.is_empty()).unwrap_or("unpacked");
        self.member(MultiGzDecoder::new(io::BufReader::with_capacity(256 << 10, source)), name)
    }

    /// Writes one member aside, durably.
    fn member(&mut self, mut member: impl Read, name: &str) -> Result<(), Fault> {
        let path = self.aside.join(self.names.len().to_string());
        let mut target = File::create(&path).map_err(Fault::Ours)?;
        let mut buffer = vec![0; 256 << 10];
        let mut begins = true;
        loop {
            let count = member
                .read(&mut buffer)
                .map_err(|error| Fault::Archive(format!("\"{name}\" in the archive is damaged: {error}")))?;
            let bytes = buffer.get(..count).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            if begins && is_archive(bytes) {
                return Err(Fault::Archive(format!("\"{name}\" is an archive within the archive")));
            }
            begins = false;
            let size = u64::try_from(count).unwrap_or(u64::MAX);
            self.bytes_left = self
                .bytes_left
                .checked_sub(size)
                .ok_or_else(|| Fault::Archive(format!("unpacked it is larger than {} GiB", BYTES_MAX >> 30)))?;
            target.write_all(bytes).map_err(Fault::Ours)?;
        }
        target.sync_all().map_err(Fault::Ours)?;
        self.names.push((path, safe_name(name)));
        Ok(())
    }
}
