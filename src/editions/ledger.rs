//! The editions of each tenant's own files, in the data directory: one file for each, never changed, and a mark that says
//! up to which they stand in the folder of the configuration.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use quittance_actors::values::TenantId;
use serde::{Deserialize, Serialize};

use super::changes::differences;
use crate::whole_file;

/// The name of the folder, below the data directory.
pub const FOLDER: &str = "configuration";
/// The name of the mark.
const WRITTEN: &str = "written";

/// One edition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edition {
    /// Counted from 1.
    pub number: u64,
    /// When it was published, or found.
    pub at: String,
    /// Who published it; empty for what was found.
    pub by: String,
    /// Why.
    pub note: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Every file the tenant has of its own, by its name below the tenant's folder.
    pub files: BTreeMap<String, String>,
}

/// Where an edition comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It was published here.
    Published,
    /// An earlier one was published again.
    Restored(u64),
    /// The files stood in the folder when they were taken into use.
    Found,
}

/// The ledger of a data directory.
#[derive(Debug, Clone)]
pub struct Ledger(PathBuf);

impl Ledger {
    /// The ledger below the data directory.
    pub fn of(data: &Path) -> Self {
        Self(data.join(FOLDER))
    }

    fn folder(&self, tenant: &TenantId) -> PathBuf {
        self.0.join(tenant.as_str())
    }

    /// The numbers of a tenant's editions, the newest first.
    pub fn numbers(&self, tenant: &TenantId) -> io::Result<Vec<u64>> {
        let entries = match std::fs::read_dir(self.folder(tenant)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".json"));
            numbers.extend(number.and_then(|text| text.parse::<u64>().ok()));
        }
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        Ok(numbers)
    }

    /// An edition; `None` when there is none of this number.
    pub fn read(&self, tenant: &TenantId, number: u64) -> io::Result<Option<Edition>> {
        match std::fs::read(self.folder(tenant).join(name_of(number))) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).map_err(io::Error::other)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// An edition and what it changed, as a unified diff to the one before it; `None` when there is none of this number.
    pub fn changed(&self, tenant: &TenantId, number: u64) -> io::Result<Option<(Edition, String)>> {
        let Some(edition) = self.read(tenant, number)? else { return Ok(None) };
        let before = self.read(tenant, number.saturating_sub(1))?.map(|before| before.files).unwrap_or_default();
        let differences = differences(&before, &edition.files);
        Ok(Some((edition, differences)))
    }

    /// The newest edition, if there is one.
    pub fn newest(&self, tenant: &TenantId) -> io::Result<Option<Edition>> {
        match self.numbers(tenant)?.first() {
            Some(number) => self.read(tenant, *number),
            None => Ok(None),
        }
    }

    /// Adds an edition; durable when this returns.
    pub fn add(&self, tenant: &TenantId, edition: &Edition) -> io::Result<()> {
        let mut bytes = serde_json::to_vec_pretty(edition).map_err(io::Error::other)?;
        bytes.push(b'\n');
        let folder = self.folder(tenant);
        whole_file::write(&folder, &name_of(edition.number), &bytes)?;
        // The folder may be as new as the file in it.
        std::fs::File::open(&self.0)?.sync_all()
    }

    /// Notes that the files of an edition stand in the folder of the configuration.
    pub fn note_written(&self, tenant: &TenantId, number: u64) -> io::Result<()> {
        whole_file::write(&self.folder(tenant), WRITTEN, number.to_string().as_bytes()).map(drop)
    }

    /// Takes away an edition that could not be added whole.
    pub(super) fn forget(&self, tenant: &TenantId, number: u64) {
        let _ = std::fs::remove_file(self.folder(tenant).join(name_of(number))); // It may not be there.
    }

    /// The edition whose files were written last; `None` where no mark says it, as in a ledger that was restored.
    pub fn written(&self, tenant: &TenantId) -> io::Result<Option<u64>> {
        match std::fs::read_to_string(self.folder(tenant).join(WRITTEN)) {
            Ok(text) => Ok(text.trim().parse().ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn name_of(number: u64) -> String {
    format!("{number:08}.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editions_are_kept_in_order_and_the_newest_is_found() {
        let data = tempfile::tempdir().unwrap();
        let (ledger, tenant) = (Ledger::of(data.path()), TenantId::parse("shop").unwrap());
        assert_eq!(ledger.newest(&tenant).unwrap(), None);
        for number in [1, 2, 10] {
            let files = BTreeMap::from([("rules.toml".to_owned(), format!("# {number}\n"))]);
            let (at, by, note) = (String::new(), "ana".to_owned(), String::new());
            let edition = Edition { number, at, by, note, origin: Origin::Published, files };
            ledger.add(&tenant, &edition).unwrap();
        }
        assert_eq!(ledger.numbers(&tenant).unwrap(), [10, 2, 1]);
        assert_eq!(ledger.newest(&tenant).unwrap().unwrap().files["rules.toml"], "# 10\n");
        assert_eq!(ledger.read(&tenant, 3).unwrap(), None);
        assert_eq!(ledger.written(&tenant).unwrap(), None);
        ledger.note_written(&tenant, 10).unwrap();
        assert_eq!((ledger.written(&tenant).unwrap(), ledger.numbers(&tenant).unwrap().len()), (Some(10), 3));
    }
}
