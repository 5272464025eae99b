//! The archive: each message to people as it was sent, or as it was caught in a sandbox, word for word.
//!
//! One file a tenant and day (of the system's clock), one line a message, written when the relay or provider has taken
//! it. A message that was sent a second time stands there a second time, with the same id; the last one counts.
//!
//! Beside it lies a file of the mails of that day, byte for byte as the relay was given them: each compressed by itself, one
//! after the other, and the message says where.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use parking_lot::Mutex;
use quittance_actors::delivery::Channel;
use quittance_actors::values::{Date, DeliveryId, Timestamp, Zone};
use serde::{Deserialize, Serialize};

use crate::render::Message;

/// Bytes that are read at once.
const BLOCK_BYTES: u64 = 1 << 20;
/// Bytes of a message, which is bounded where it is rendered.
const LINE_BYTES_MAX: usize = 8 << 20;
/// Bytes that are looked at for one answer.
const LOOKED_AT_BYTES_MAX: u64 = 4 << 30;
/// Bytes of a mail with all that goes with it.
const MAIL_BYTES_MAX: u64 = 64 << 20;
/// What the names of the files end in: of messages, and of mails.
const LINES: &str = ".jsonl";
const MAILS: &str = ".eml.gz";

/// A message to people, as it left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The delivery's id.
    pub id: String,
    /// The customer it was written to, if it was one.
    pub customer: Option<String>,
    /// How it left.
    pub channel: Channel,
    /// From whom.
    pub from: String,
    /// To whom.
    pub to: Vec<String>,
    /// When, in the tenant's clock.
    pub at: Timestamp,
    /// When, in the system's.
    pub sent_at: Timestamp,
    /// The template.
    pub template: String,
    /// Which edition of the template: a digest of its text.
    pub edition: String,
    /// What asked for it.
    pub cause: String,
    /// What the relay or provider said; nothing when it was caught.
    pub taken: Option<String>,
    /// What it says.
    pub message: Message,
    /// Where the mail lies as it left; not there of an SMS, nor of what was sent before mails were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<Place>,
}

/// Where a mail lies among those of its day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The first byte.
    at: u64,
    /// Bytes.
    length: u64,
    /// What they hash to: after a restore others may lie there.
    check: u64,
}

/// Keeps messages in a folder.
#[derive(Debug, Clone)]
pub struct Archive {
    folder: PathBuf,
    /// How many days messages of a tenant are kept; for ever, of others.
    kept_days: Arc<BTreeMap<String, u16>>,
    /// One line after the other.
    writing: Arc<Mutex<()>>,
}

impl Archive {
    /// An archive in `folder`, that keeps messages of tenants for so many days.
    pub fn new(folder: PathBuf, kept_days: BTreeMap<String, u16>) -> Self {
        Self { folder, kept_days: Arc::new(kept_days), writing: Arc::default() }
    }

    /// Removes what is kept no longer than until `now`, of every tenant.
    pub fn remove_old(&self, now: Timestamp) {
        for (tenant, days) in self.kept_days.iter() {
            self.remove_before(tenant, now.date_in(&Zone::utc()).plus_days(-i32::from(*days)));
        }
    }

    fn remove_before(&self, tenant: &str, first_kept: Date) {
        for entry in std::fs::read_dir(self.folder.join(tenant)).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.and_then(|name| name.strip_suffix(LINES).or_else(|| name.strip_suffix(MAILS)));
            let day = name.and_then(|day| Date::parse(day).ok());
            if day.is_some_and(|day| day < first_kept)
                && let Err(error) = std::fs::remove_file(&path)
            {
                tracing::warn!(file = %path.display(), %error, "messages that are to be kept no longer are still there");
            }
        }
    }

    /// Keeps a message of a tenant, and the mail as it left. What is written is personal: only the service's own user
    /// reads it.
    pub fn keep(&self, tenant: &str, mut sent: Sent, mail: Option<&[u8]>) -> io::Result<()> {
        let folder = self.folder.join(tenant);
        std::fs::create_dir_all(&folder)?;
        let packed = mail.map(packed).transpose()?;
        let appended = |path: PathBuf| OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(path);
        let path = |of: &str| folder.join(format!("{}{of}", sent.sent_at.date_in(&Zone::utc())));
        let (lines, mails) = (path(LINES), path(MAILS));
        let _one = self.writing.lock();
        if let Some(packed) = packed {
            let append = || -> io::Result<Place> {
                let mut file = appended(mails)?;
                // What was cut off before lies between two mails and belongs to none.
                let at = file.seek(SeekFrom::End(0))?;
                file.write_all(&packed)?;
                let length = u64::try_from(packed.len()).map_err(io::Error::other)?;
                Ok(Place { at, length, check: xxhash_rust::xxh3::xxh3_64(&packed) })
            };
            // What it says is kept all the same.
            sent.mail = append()
                .inspect_err(|error| tracing::warn!(id = sent.id, %error, "a mail is not kept byte for byte"))
                .ok();
        }
        let mut line = serde_json::to_vec(&sent).map_err(io::Error::other)?;
        line.push(b'\n');
        let mut file = appended(lines)?;
        // A line that was cut off stays by itself.
        if ends_within_a_line(&mut file)? {
            line.insert(0, b'\n');
        }
        file.write_all(&line)
    }

    /// A mail of a tenant as it left; nothing when it was not kept.
    pub fn mail(&self, tenant: &str, sent: &Sent) -> io::Result<Option<Vec<u8>>> {
        let Some(Place { at, length, check }) = sent.mail else { return Ok(None) };
        let day = sent.sent_at.date_in(&Zone::utc());
        let mut file = File::open(self.folder.join(tenant).join(format!("{day}{MAILS}")))?;
        file.seek(SeekFrom::Start(at))?;
        let (mut packed, mut bytes) = (Vec::new(), Vec::new());
        file.take(length.min(MAIL_BYTES_MAX)).read_to_end(&mut packed)?;
        if xxhash_rust::xxh3::xxh3_64(&packed) != check {
            return Ok(None);
        }
        GzDecoder::new(packed.as_slice()).take(MAIL_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// A message of a tenant by its delivery, as it left last.
    pub fn get(&self, tenant: &str, id: &str) -> Option<Sent> {
        let mut found = None;
        let mut is_it = |sent: Sent| {
            found = (sent.id == id).then_some(sent);
            found.is_none()
        };
        // Most leave on the day on which they were made; by a test clock, or late, on any other.
        let made_on = DeliveryId::parse(id).map(|id| id.made_at().date_in(&Zone::utc())).ok();
        let day = made_on.map(|day| self.folder.join(tenant).join(format!("{day}.jsonl")));
        let finder = memchr::memmem::Finder::new(id);
        let mut left = LOOKED_AT_BYTES_MAX;
        let gone_on = day.map(|day| {
            lines_backwards(&day, &mut left, |line| {
                finder.find(line).is_none() || serde_json::from_slice(line).map_or(true, &mut is_it)
            })
        });
        if !matches!(gone_on, Some(Ok(false))) {
            self.look(tenant, Some(id), is_it);
        }
        found
    }

    /// The newest messages of a tenant, to one customer or to anybody, newest first, each once.
    pub fn newest(&self, tenant: &str, limit: usize, customer: Option<&str>) -> Vec<Sent> {
        let mut newest: Vec<Sent> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        self.look(tenant, customer, |sent| {
            let wanted = customer.is_none() || sent.customer.as_deref() == customer;
            if wanted && seen.insert(sent.id.clone()) {
                newest.push(sent);
            }
            newest.len() < limit
        });
        newest
    }

    /// Shows messages in which a word stands, newest first, as long as `more` says so; in one look so many bytes at most.
    fn look(&self, tenant: &str, word: Option<&str>, mut more: impl FnMut(Sent) -> bool) {
        let entries = std::fs::read_dir(self.folder.join(tenant)).into_iter().flatten().flatten();
        let lines = |path: &PathBuf| path.to_string_lossy().ends_with(LINES);
        let mut days: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(lines).collect();
        days.sort();
        let finder = word.map(memchr::memmem::Finder::new);
        let mut left = LOOKED_AT_BYTES_MAX;
        for day in days.iter().rev() {
            let gone_on = lines_backwards(day, &mut left, |line| {
                if finder.as_ref().is_some_and(|finder| finder.find(line).is_none()) {
                    return true;
                }
                // What was cut off is no message.
                serde_json::from_slice(line).map_or(true, &mut more)
            });
            if !gone_on.unwrap_or(true) || left == 0 {
                return;
            }
        }
    }
}

fn packed(mail: &[u8]) -> io::Result<Vec<u8>> {
    // Most of a mail is text and pictures in base64, which the fastest way makes small already.
    let mut encoder = GzEncoder::new(Vec::with_capacity(mail.len() / 2), Compression::fast());
    encoder.write_all(mail)?;
    encoder.finish()
}

/// Shows the lines of a file, the last first, as long as `more` says so; whether it still does.
fn lines_backwards(path: &Path, left: &mut u64, mut more: impl FnMut(&[u8]) -> bool) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let mut at = file.metadata()?.len();
    // The beginning of a line whose end has been read.
    let mut rest: Vec<u8> = Vec::new();
    while at > 0 && *left > 0 {
        let take = at.min(BLOCK_BYTES);
        at -= take;
        *left = left.saturating_sub(take);
        file.seek(SeekFrom::Start(at))?;
        let mut block = vec![0; usize::try_from(take).map_err(io::Error::other)?];
        file.read_exact(&mut block)?;
        block.append(&mut rest);
        let begins =
            if at == 0 { 0 } else { block.iter().position(|byte| *byte == b'\n').map_or(block.len(), |at| at + 1) };
        let whole = block.get(begins..).unwrap_or_default();
        for line in whole.split(|byte| *byte == b'\n').rev().filter(|line| !line.is_empty()) {
            if !more(line) {
                return Ok(false);
            }
        }
        block.truncate(begins);
        rest = block;
        if rest.len() > LINE_BYTES_MAX {
            rest.clear(); // No message is so long.
        }
    }
    Ok(true)
}

fn ends_within_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != [b'\n'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_read_back_newest_first_whatever_was_cut_off() {
        let folder = std::env::temp_dir().join(format!("quittance-archive-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let archive = Archive::new(folder.clone(), BTreeMap::from([("brief".to_owned(), 2)]));
        let sent = |id: &str, text: &str, at: i64| Sent {
            id: id.to_owned(),
            customer: Some("cus_1".to_owned()),
            channel: Channel::Sms,
            from: "SHOP".to_owned(),
            to: vec!["+33612345678".to_owned()],
            at: Timestamp::default(),
            sent_at: Timestamp::from_unix_millis(at),
            template: "t".to_owned(),
            edition: "0".to_owned(),
            cause: "scenario".to_owned(),
            taken: None,
            message: Message {
                attached: None,
                subject: String::new(),
                text: text.to_owned(),
                html: None,
                scan: None,
                edition: String::new(),
            },
            mail: None,
        };
        const DAY: i64 = 86_400_000;
        archive.keep("shop", sent("dlv_1", "a", 0), None).unwrap();
        std::fs::OpenOptions::new()
            .append(true)
            .open(folder.join("shop/1970-01-01.jsonl"))
            .unwrap()
            .write_all(b"{\"id\":\"dlv_")
            .unwrap();
        archive.keep("shop", sent("dlv_2", "b", 1), None).unwrap();
        archive.keep("shop", sent("dlv_3", "c", DAY), None).unwrap();
        archive.keep("shop", sent("dlv_1", "again", DAY + 1), None).unwrap();
        archive.keep("other", sent("dlv_4", "d", DAY), None).unwrap();
        let texts = |limit| -> Vec<String> {
            archive.newest("shop", limit, None).into_iter().map(|sent| sent.message.text).collect()
        };
        assert_eq!(texts(9), ["again", "c", "b"]);
        assert_eq!(texts(1), ["again"]);
        assert_eq!(archive.get("shop", "dlv_2").unwrap().message.text, "b");
        assert_eq!(archive.get("shop", "dlv_4"), None);
        // Over the bounds of what is read at once.
        for number in 0..300 {
            archive.keep("long", sent(&format!("dlv_{number}"), &"x".repeat(9_973), number), None).unwrap();
        }
        let all = archive.newest("long", 1_000, Some("cus_1"));
        assert!(all.len() == 300 && all[0].id == "dlv_299" && all[299].id == "dlv_0", "{}", all.len());
        assert_eq!(archive.newest("long", 1_000, Some("cus_2")), []);
        // A message is there for so many days after its own, and other files are left alone.
        std::fs::create_dir_all(folder.join("brief")).unwrap();
        std::fs::write(folder.join("brief/notes.txt"), "mine").unwrap();
        for day in 0..4 {
            archive.keep("brief", sent(&format!("dlv_{day}"), "x", day * DAY), None).unwrap();
        }
        archive.remove_old(Timestamp::from_unix_millis(3 * DAY));
        let ids = || -> Vec<String> { archive.newest("brief", 9, None).into_iter().map(|sent| sent.id).collect() };
        assert_eq!(ids(), ["dlv_3", "dlv_2", "dlv_1"]);
        archive.remove_old(Timestamp::from_unix_millis(5 * DAY));
        assert_eq!(ids(), ["dlv_3"]);
        // A mail reads back as it left, whatever was cut off before it, and goes with its day.
        let mut cut = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join("brief/1970-01-11.eml.gz"))
            .unwrap();
        cut.write_all(&[0x1f, 0x8b, 8]).unwrap();
        for (id, mail) in [("dlv_m", &b"From: a\r\n\r\nfirst"[..]), ("dlv_n", b"From: a\r\n\r\nsecond")] {
            archive.keep("brief", sent(id, "x", 10 * DAY), Some(mail)).unwrap();
        }
        let mail = |id: &str| archive.mail("brief", &archive.get("brief", id).unwrap()).unwrap();
        assert_eq!(mail("dlv_m").unwrap(), b"From: a\r\n\r\nfirst");
        assert_eq!(mail("dlv_n").unwrap(), b"From: a\r\n\r\nsecond");
        assert_eq!(mail("dlv_3"), None);
        archive.remove_old(Timestamp::from_unix_millis(20 * DAY));
        assert!(!folder.join("brief/1970-01-11.eml.gz").exists());
        assert!(folder.join("brief/notes.txt").exists() && archive.newest("other", 9, None).len() == 1);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
