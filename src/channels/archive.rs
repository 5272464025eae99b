//! The archive: each message to people as it was sent, or as it was caught in a sandbox, word for word.
//!
//! One file a tenant and day (of the system's clock), one line a message, written when the relay or provider has taken
//! it. A message that was sent a second time stands there a second time, with the same id; the last one counts.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use quittance_actors::delivery::Channel;
use quittance_actors::values::{Timestamp, Zone};
use serde::{Deserialize, Serialize};

use crate::render::Message;

/// Bytes of a day's file that are read to find a message, from its end.
const READ_BYTES_MAX: u64 = 256 << 20;

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
}

/// Keeps messages in a folder.
#[derive(Debug, Clone)]
pub struct Archive {
    folder: PathBuf,
    /// One line after the other.
    writing: Arc<Mutex<()>>,
}

impl Archive {
    /// An archive in `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, writing: Arc::default() }
    }

    /// Keeps a message of a tenant. What is written is personal: only the service's own user reads it.
    pub fn keep(&self, tenant: &str, sent: &Sent) -> io::Result<()> {
        let folder = self.folder.join(tenant);
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{}.jsonl", sent.sent_at.date_in(&Zone::utc())));
        let mut line = serde_json::to_vec(sent).map_err(io::Error::other)?;
        line.push(b'\n');
        let _one = self.writing.lock();
        let mut file = OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(path)?;
        // A line that was cut off stays by itself.
        if ends_within_a_line(&mut file)? {
            line.insert(0, b'\n');
        }
        file.write_all(&line)
    }

    /// A message of a tenant by its delivery, as it left last.
    pub fn get(&self, tenant: &str, id: &str) -> Option<Sent> {
        let mut found = None;
        self.look(tenant, |sent| {
            found = (sent.id == id).then_some(sent);
            found.is_none()
        });
        found
    }

    /// The newest messages of a tenant that `wanted` accepts, newest first, each once.
    pub fn newest(&self, tenant: &str, limit: usize, wanted: impl Fn(&Sent) -> bool) -> Vec<Sent> {
        let mut newest: Vec<Sent> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        self.look(tenant, |sent| {
            if wanted(&sent) && seen.insert(sent.id.clone()) {
                newest.push(sent);
            }
            newest.len() < limit
        });
        newest
    }

    /// Shows messages, newest first, as long as `more` says so.
    fn look(&self, tenant: &str, mut more: impl FnMut(Sent) -> bool) {
        let entries = std::fs::read_dir(self.folder.join(tenant)).into_iter().flatten().flatten();
        let mut days: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        days.sort();
        for day in days.iter().rev() {
            let text = tail(day).unwrap_or_default();
            for line in text.split(|byte| *byte == b'\n').rev() {
                // What was cut off is no message.
                let Ok(sent) = serde_json::from_slice(line) else { continue };
                if !more(sent) {
                    return;
                }
            }
        }
    }
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

fn tail(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(READ_BYTES_MAX)))?;
    let mut bytes = Vec::new();
    file.take(READ_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_read_back_newest_first_whatever_was_cut_off() {
        let folder = std::env::temp_dir().join(format!("quittance-archive-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let archive = Archive::new(folder.clone());
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
            message: Message { subject: String::new(), text: text.to_owned(), html: None, edition: String::new() },
        };
        const DAY: i64 = 86_400_000;
        archive.keep("shop", &sent("dlv_1", "a", 0)).unwrap();
        std::fs::OpenOptions::new()
            .append(true)
            .open(folder.join("shop/1970-01-01.jsonl"))
            .unwrap()
            .write_all(b"{\"id\":\"dlv_")
            .unwrap();
        archive.keep("shop", &sent("dlv_2", "b", 1)).unwrap();
        archive.keep("shop", &sent("dlv_3", "c", DAY)).unwrap();
        archive.keep("shop", &sent("dlv_1", "again", DAY + 1)).unwrap();
        archive.keep("other", &sent("dlv_4", "d", DAY)).unwrap();
        let texts = |limit| -> Vec<String> {
            archive.newest("shop", limit, |_| true).into_iter().map(|sent| sent.message.text).collect()
        };
        assert_eq!(texts(9), ["again", "c", "b"]);
        assert_eq!(texts(1), ["again"]);
        assert_eq!(archive.get("shop", "dlv_2").unwrap().message.text, "b");
        assert_eq!(archive.get("shop", "dlv_4"), None);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
