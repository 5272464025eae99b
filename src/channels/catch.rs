//! The catcher: messages of a sandbox, kept and shown instead of sent.

use std::io;
use std::path::{Path, PathBuf};

use quittance_actors::delivery::{Channel, Verdict};
use quittance_actors::values::Timestamp;
use serde::{Deserialize, Serialize};

use super::file::write_whole;
use super::later;
use crate::render::Message;

/// A message that was caught.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caught {
    /// The delivery's id.
    pub id: String,
    /// Whose.
    pub tenant: String,
    /// How it would have left.
    pub channel: Channel,
    /// From whom.
    pub from: String,
    /// To whom.
    pub to: Vec<String>,
    /// When, in the tenant's clock.
    pub at: Timestamp,
    /// The template.
    pub template: String,
    /// What asked for it.
    pub cause: String,
    /// What it says.
    pub message: Message,
}

/// Keeps messages in a folder, one file each, named by delivery: a second try replaces the first.
#[derive(Debug, Clone)]
pub struct Catcher {
    folder: PathBuf,
}

impl Catcher {
    /// A catcher that keeps in `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Keeps a message.
    pub fn keep(&self, caught: &Caught) -> Verdict {
        let kept = serde_json::to_vec(caught)
            .map_err(io::Error::other)
            .and_then(|bytes| write_whole(&self.folder, &format!("{}.json", caught.id), &bytes));
        match kept {
            Ok(_) => Verdict::Accepted { detail: "caught".to_owned() },
            Err(error) => later(format!("catcher: {error}")),
        }
    }

    /// A message by its delivery.
    pub fn get(&self, id: &str) -> Option<Caught> {
        let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if plain { read(&self.folder.join(format!("{id}.json"))) } else { None }
    }

    /// The newest messages of a tenant, newest first.
    pub fn newest(&self, tenant: &str, limit: usize) -> Vec<Caught> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .collect();
        // Delivery ids are ordered by time.
        paths.sort();
        let caught = paths.iter().rev().filter_map(|path| read(path));
        caught.filter(|caught| caught.tenant == tenant).take(limit).collect()
    }
}

fn read(path: &Path) -> Option<Caught> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}
