//! From a draft to what is in use.
//!
//! The edition is durable in the ledger first; then its files are written into the folder of the configuration, then it is
//! taken into use. A crash in between leaves an edition whose files are written at the next start.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use quittance_actors::values::{TenantId, Timestamp};
use thiserror::Error;
use tracing::{info, warn};

use super::changes::differences;
use super::ledger::{Edition, Ledger, Origin};
use crate::config::{Config, Sources, Tenant, own_folder};
use crate::diagnostics::Findings;
use crate::in_use::{InUse, OfTenant, TEMPLATES};
use crate::whole_file;

/// Files that a tenant may have of its own, beside templates.
pub const OWN_FILES: [&str; 4] = ["rules.toml", "scenarios.toml", "collections.toml", "acceptance.toml"];
/// Files of a tenant at most.
const FILES_MAX: usize = 300;
/// Bytes of all of them.
const BYTES_MAX: usize = 4 << 20;
/// Bytes of a file at most.
const FILE_BYTES_MAX: usize = 256 << 10;

/// Why an edition was not published.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum Refusal {
    #[error(
        "\"{0}\" is not a file that a tenant has of its own: rules.toml, scenarios.toml, collections.toml, acceptance.toml, templates/NAME.LANGUAGE.CHANNEL.hbs, or templates/NAME.json.hbs"
    )]
    Name(String),
    #[error("\"{0}\" is larger than {max} KiB", max = FILE_BYTES_MAX >> 10)]
    TooLarge(String),
    #[error("a tenant has at most {FILES_MAX} files of its own, of {max} MiB in all", max = BYTES_MAX >> 20)]
    TooMany,
    #[error("it cannot be used")]
    Findings(Box<Findings>),
    #[error("nothing is changed by it")]
    Nothing,
    #[error("edition {newest} is in use, and not {expected}: look at what it changes first")]
    Stale {
        /// What the draft was made from.
        expected: u64,
        /// What is in use.
        newest: u64,
    },
    #[error("there is no edition {0}")]
    NoSuchEdition(u64),
    #[error("the tenant is not configured any more")]
    UnknownTenant,
    #[error("it cannot be written: {0}")]
    Io(#[from] io::Error),
}

/// What is to be published.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// Files by name, as they would be; `None` removes one. Others stay as they are.
    pub files: BTreeMap<String, Option<String>>,
    /// Who publishes it.
    pub by: String,
    /// Why.
    pub note: String,
    /// The edition that it was made from, if another one in between is to refuse it.
    pub expected: Option<u64>,
}

/// What would be in use.
pub struct Tried {
    /// It; `None` when there are errors.
    pub of_tenant: Option<OfTenant>,
    /// What was found.
    pub findings: Findings,
    /// The tenant's files as they would be.
    pub after: BTreeMap<String, String>,
    /// What changes in them, line by line.
    pub differences: String,
    /// The same of files that were not the tenant's own, beside those that all share.
    pub beside_shared: String,
}

/// The editions of every tenant.
pub struct Editions {
    config: Arc<Config>,
    in_use: Arc<InUse>,
    /// What there has been.
    pub ledger: Ledger,
    /// One publication at a time.
    turn: Mutex<()>,
}

impl Editions {
    /// The editions of a data directory. Files of an edition that a crash kept from being written are written now: do so
    /// before the configuration is read.
    pub fn finish(config_folder: &Path, data: &Path) -> io::Result<()> {
        let ledger = Ledger::of(data);
        let tenants = match std::fs::read_dir(data.join(super::ledger::FOLDER)) {
            Ok(tenants) => tenants,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in tenants {
            let name = entry?.file_name();
            let Some(tenant) = name.to_str().and_then(|name| TenantId::parse(name).ok()) else { continue };
            finish_one(&ledger, &tenant, &own_folder(config_folder, &tenant))?;
        }
        Ok(())
    }

    /// The editions of a running service.
    pub fn new(config: Arc<Config>, in_use: Arc<InUse>, data: &Path) -> Self {
        Self { config, in_use, ledger: Ledger::of(data), turn: Mutex::new(()) }
    }

    /// The number of the edition in use; 0 for a tenant that has no files of its own.
    pub fn number(&self, tenant: &TenantId) -> io::Result<u64> {
        Ok(self.ledger.numbers(tenant)?.first().copied().unwrap_or(0))
    }

    fn tenant(&self, id: &TenantId) -> Result<&Tenant, Refusal> {
        self.config.service.tenant(id).ok_or(Refusal::UnknownTenant)
    }

    fn folder(&self, tenant: &TenantId) -> PathBuf {
        own_folder(&self.config.folder, tenant)
    }

    /// The files that a tenant has of its own, as they stand in the folder of the configuration.
    pub fn files(&self, tenant: &TenantId) -> io::Result<BTreeMap<String, String>> {
        files_of(&self.folder(tenant))
    }

    /// A file that all tenants share, if there is one of this name.
    pub fn shared_file(&self, name: &str) -> Result<Option<String>, Refusal> {
        check_name(name)?;
        match std::fs::read_to_string(self.config.folder.join(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the files of a tenant are not those of the edition in use: somebody has changed them.
    pub fn differs(&self, tenant: &TenantId) -> io::Result<bool> {
        let known = self.ledger.newest(tenant)?.map(|edition| edition.files).unwrap_or_default();
        Ok(self.files(tenant)? != known)
    }

    /// What a draft would come to. Nothing changes.
    pub fn attempt(&self, id: &TenantId, files: &BTreeMap<String, Option<String>>) -> Result<Tried, Refusal> {
        let tenant = self.tenant(id)?;
        for (name, text) in files {
            check_name(name)?;
            if text.as_ref().is_some_and(|text| text.len() > FILE_BYTES_MAX) {
                return Err(Refusal::TooLarge(name.clone()));
            }
        }
        let mut after = self.files(id)?;
        for (name, text) in files {
            match text {
                Some(text) => after.insert(name.clone(), text.clone()),
                None => after.remove(name),
            };
        }
        if after.len() > FILES_MAX || after.values().map(String::len).sum::<usize>() > BYTES_MAX {
            return Err(Refusal::TooMany);
        }
        let below = own_folder(Path::new(""), id);
        let mut sources = Sources::of(&self.config.folder);
        for (name, text) in files {
            sources = sources.with(&below.join(name), text.clone());
        }
        let (of_tenant, findings) = self.in_use.tried(&self.config, tenant, &sources);
        // What is in use; somebody may have changed the files since, which a publication takes along.
        let before = self.ledger.newest(id)?.map(|edition| edition.files).unwrap_or_default();
        let differences = differences(&before, &after);
        let (mut shared_before, mut shared_after) = (before, after.clone());
        for name in files.keys() {
            let Some(shared) = self.shared_file(name)? else { continue };
            shared_before.entry(name.clone()).or_insert_with(|| shared.clone());
            shared_after.entry(name.clone()).or_insert(shared);
        }
        let beside_shared = super::changes::differences(&shared_before, &shared_after);
        Ok(Tried { of_tenant, findings, after, differences, beside_shared })
    }

    /// Publishes a draft: it is durable, and in use, when this returns. Gives the edition, and what was only doubtful.
    pub fn publish(&self, id: &TenantId, draft: &Draft, now: Timestamp) -> Result<(Edition, Findings), Refusal> {
        let _turn = self.turn.lock();
        self.put_into_use(id, draft, Origin::Published, now)
    }

    /// Publishes an earlier edition again.
    pub fn restore(
        &self, id: &TenantId, number: u64, draft: &Draft, now: Timestamp,
    ) -> Result<(Edition, Findings), Refusal> {
        let _turn = self.turn.lock();
        let earlier = match number {
            0 => BTreeMap::new(),
            number => self.ledger.read(id, number)?.ok_or(Refusal::NoSuchEdition(number))?.files,
        };
        let current = self.files(id)?;
        let removed = current.keys().filter(|name| !earlier.contains_key(*name)).map(|name| (name.clone(), None));
        let kept = earlier.iter().map(|(name, text)| (name.clone(), Some(text.clone())));
        let draft = Draft { files: removed.chain(kept).collect(), ..draft.clone() };
        self.put_into_use(id, &draft, Origin::Restored(number), now)
    }

    fn put_into_use(
        &self, id: &TenantId, draft: &Draft, origin: Origin, now: Timestamp,
    ) -> Result<(Edition, Findings), Refusal> {
        let folder = self.folder(id);
        // An edition whose files could not be written is written first: the next one is made from the files.
        finish_one(&self.ledger, id, &folder)?;
        let newest = self.number(id)?;
        if let Some(expected) = draft.expected.filter(|expected| *expected != newest) {
            return Err(Refusal::Stale { expected, newest });
        }
        let Tried { of_tenant, findings, after, .. } = self.attempt(id, &draft.files)?;
        let Some(of_tenant) = of_tenant else { return Err(Refusal::Findings(Box::new(findings))) };
        let known = self.ledger.newest(id)?.map(|edition| edition.files).unwrap_or_default();
        if known == after {
            return Err(Refusal::Nothing);
        }
        // A ledger in use has a mark; one without it was restored.
        if self.ledger.written(id)?.is_none() {
            self.ledger.note_written(id, newest)?;
        }
        // A folder that cannot be written is found before anything is recorded.
        whole_file::write(&folder, ".publishing", b"").and_then(std::fs::remove_file)?;
        let (by, note) = (draft.by.clone(), draft.note.clone());
        let edition = Edition { number: newest + 1, at: now.to_string(), by, note, origin, files: after };
        if let Err(error) = self.ledger.add(id, &edition) {
            self.ledger.forget(id, edition.number);
            return Err(error.into());
        }
        // From here on it is the edition in use; files that cannot be written now are at the next publication or start.
        let written =
            write_files(&folder, &edition.files).and_then(|()| self.ledger.note_written(id, edition.number));
        if let Err(error) = written {
            warn!(tenant = %id, edition = edition.number, %error, "the files of an edition could not be written");
        }
        self.in_use.take(id, of_tenant);
        info!(tenant = %id, edition = edition.number, by = edition.by, "an edition of the configuration is in use");
        Ok((edition, findings))
    }

    /// Keeps others from publishing.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock()
    }

    /// Notes the files of a tenant that stand in the folder and are in use now, if they are not those of its newest edition.
    pub fn note_files(&self, id: &TenantId, now: Timestamp) -> io::Result<()> {
        if !self.differs(id)? {
            return Ok(());
        }
        let (by, note) = (String::new(), "the files in the folder".to_owned());
        let (number, files) = (self.number(id)? + 1, self.files(id)?);
        let edition = Edition { number, at: now.to_string(), by, note, origin: Origin::Found, files };
        self.ledger.add(id, &edition)?;
        self.ledger.note_written(id, number)
    }
}

/// Writes the files of the newest edition of a tenant, if a crash kept them from being written. What stands in the folder and
/// in no edition is kept as one.
fn finish_one(ledger: &Ledger, tenant: &TenantId, folder: &Path) -> io::Result<()> {
    let Some(newest) = ledger.newest(tenant)? else { return Ok(()) };
    let written = ledger.written(tenant)?;
    if written.is_some_and(|written| written >= newest.number) {
        return Ok(());
    }
    let there = files_of(folder)?;
    let before = match written {
        Some(number) => ledger.read(tenant, number)?.map(|edition| edition.files).unwrap_or_default(),
        None => BTreeMap::new(),
    };
    // A crash leaves each file as it was or as it would be; anything else was put there by somebody.
    let names = there.keys().chain(before.keys()).chain(newest.files.keys());
    let is_known = |name: &String| [&before, &newest.files].iter().any(|files| files.get(name) == there.get(name));
    let found = |number: u64| {
        let (at, note) = (crate::clock::system_now().to_string(), "the files in the folder".to_owned());
        Edition { number, at, by: String::new(), note, origin: Origin::Found, files: there.clone() }
    };
    match written {
        // A ledger that was restored beside a folder in use: the folder counts.
        None if !there.is_empty() && there != newest.files => {
            let found = found(newest.number + 1);
            ledger.add(tenant, &found)?;
            warn!(%tenant, edition = found.number, "the files in the folder are of no edition: they are one now, and in use");
            return ledger.note_written(tenant, found.number);
        }
        Some(_) if !names.clone().all(is_known) => {
            let found = found(newest.number + 1);
            ledger.add(tenant, &found)?;
            let again =
                Edition { number: newest.number + 2, origin: Origin::Restored(newest.number), ..newest.clone() };
            ledger.add(tenant, &again)?;
            warn!(%tenant, edition = found.number, "files were changed after a stop had interrupted a publication: they are kept as an edition");
        }
        _ => {}
    }
    write_files(folder, &newest.files)?;
    let number = ledger.numbers(tenant)?.first().copied().unwrap_or(newest.number);
    ledger.note_written(tenant, number)?;
    info!(%tenant, edition = number, "the files of an edition were written that a stop had interrupted");
    Ok(())
}

/// Whether a tenant may have a file of this name: nothing of it leads out of its folder.
fn check_name(name: &str) -> Result<(), Refusal> {
    let is_template = name.strip_prefix(TEMPLATES).and_then(|rest| rest.strip_prefix('/')).is_some_and(|file| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        file.len() <= 100 && file.ends_with(".hbs") && !file.starts_with('.') && file.chars().all(plain)
    });
    if is_template || OWN_FILES.contains(&name) {
        Ok(())
    } else {
        Err(Refusal::Name(name.chars().take(100).collect()))
    }
}

fn files_of(folder: &Path) -> io::Result<BTreeMap<String, String>> {
    let sources = Sources::of(folder);
    let templates = sources.files(&folder.join(TEMPLATES), "hbs");
    let own = OWN_FILES.iter().map(|name| folder.join(name)).filter(|path| sources.exists(path));
    let mut files = BTreeMap::new();
    for path in own.chain(templates) {
        let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
        files.insert(name, std::fs::read_to_string(&path)?);
    }
    Ok(files)
}

/// Writes the files of an edition, each whole, and removes those it has not.
fn write_files(folder: &Path, files: &BTreeMap<String, String>) -> io::Result<()> {
    let there = files_of(folder)?;
    for (name, text) in files.iter().filter(|(name, text)| there.get(*name) != Some(*text)) {
        let path = folder.join(name);
        let (parent, file) = (path.parent().unwrap_or(folder), path.file_name().unwrap_or_default());
        whole_file::write(parent, &file.to_string_lossy(), text.as_bytes())?;
    }
    for name in there.keys().filter(|name| !files.contains_key(*name)) {
        std::fs::remove_file(folder.join(name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder_of_the_tenant() {
        for fine in ["rules.toml", "acceptance.toml", "templates/late.fr.email.hbs", "templates/a-b_1.en.partial.hbs"]
        {
            assert!(check_name(fine).is_ok(), "{fine}");
        }
        for wrong in [
            "",
            "quittance.toml",
            "../rules.toml",
            "templates/../../x.hbs",
            "templates/..hbs",
            "templates/a/b.hbs",
            "templates/.x.hbs",
            "/etc/passwd",
            "templates/x.toml",
            "rules.toml/",
            "templates/é.fr.email.hbs",
            "templates",
        ] {
            assert!(check_name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_files_of_an_edition_take_the_place_of_those_that_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let of = |files: &[(&str, &str)]| -> BTreeMap<String, String> {
            files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
        };
        let first = of(&[("rules.toml", "1"), ("templates/a.fr.email.hbs", "a")]);
        write_files(folder.path(), &first).unwrap();
        assert_eq!(files_of(folder.path()).unwrap(), first);
        std::fs::write(folder.path().join("notes.txt"), "kept").unwrap();
        let second = of(&[("scenarios.toml", "2"), ("templates/b.fr.email.hbs", "b")]);
        write_files(folder.path(), &second).unwrap();
        assert_eq!(files_of(folder.path()).unwrap(), second);
        assert!(folder.path().join("notes.txt").exists(), "what is no file of an edition stays");
    }
}
