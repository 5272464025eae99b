//! Where the texts of a configuration are read: its folder, with drafts in the place of files.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::reader::{File, Section};
use crate::diagnostics::{Finding, Findings, Severity};

/// A folder of configuration files, and drafts that are read instead of some.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    folder: PathBuf,
    /// By path; `None` for a file that a draft removes.
    drafts: BTreeMap<PathBuf, Option<String>>,
}

impl Sources {
    /// The files of a folder as they are.
    pub fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), drafts: BTreeMap::new() }
    }

    /// The same, with a draft in the place of the file at `path`, which counts from the folder; `None` removes it.
    #[must_use]
    pub fn with(mut self, path: &Path, text: Option<String>) -> Self {
        self.drafts.insert(self.folder.join(path), text);
        self
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The text of a file.
    pub fn read(&self, path: &Path) -> io::Result<String> {
        match self.drafts.get(path) {
            Some(Some(text)) => Ok(text.clone()),
            Some(None) => Err(io::Error::from(io::ErrorKind::NotFound)),
            None => std::fs::read_to_string(path),
        }
    }

    /// Whether a file is there.
    pub fn exists(&self, path: &Path) -> bool {
        self.drafts.get(path).map_or_else(|| path.exists(), Option::is_some)
    }

    /// The files of a folder whose names end so, in order; none if it is not there.
    pub fn files(&self, folder: &Path, extension: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let drafted = self.drafts.keys().filter(|path| path.parent() == Some(folder)).cloned();
        let fits = |path: &PathBuf| path.extension().is_some_and(|known| known == extension) && self.exists(path);
        let mut paths: Vec<PathBuf> = entries.chain(drafted).filter(fits).collect();
        paths.sort();
        paths.dedup();
        paths
    }

    /// Reads one file of TOML.
    pub(super) fn toml<T>(
        &self, path: &Path, findings: &mut Findings, read: impl FnOnce(&Section<'_, '_>) -> Option<T>,
    ) -> Option<T> {
        let name = path.display().to_string();
        match self.read(path) {
            Ok(text) => {
                let (value, found) = File::read(&name, &text, read);
                findings.append(found);
                value
            }
            Err(error) => {
                let is_missing = error.kind() == std::io::ErrorKind::NotFound;
                let help =
                    "`quittance init FOLDER` writes a whole configuration; `-c FILE` names another one".to_owned();
                findings.push(Finding {
                    code: "Q0100",
                    severity: Severity::Error,
                    file: name,
                    span: 0..0,
                    message: if is_missing { "is not there".to_owned() } else { format!("cannot be read: {error}") },
                    label: String::new(),
                    help: is_missing.then_some(help),
                });
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drafts_stand_for_files_that_are_there_or_not() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("a.toml", "a"), ("b.toml", "b"), ("c.txt", "c")] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let sources = Sources::of(folder.path())
            .with(Path::new("a.toml"), Some("drafted".to_owned()))
            .with(Path::new("b.toml"), None)
            .with(Path::new("d.toml"), Some("new".to_owned()));
        let path = |name: &str| folder.path().join(name);
        assert_eq!(sources.files(folder.path(), "toml"), [path("a.toml"), path("d.toml")]);
        assert_eq!(sources.read(&path("a.toml")).unwrap(), "drafted");
        assert!(sources.read(&path("b.toml")).is_err() && !sources.exists(&path("b.toml")));
        assert_eq!(sources.read(&path("c.txt")).unwrap(), "c");
        assert!(sources.files(&path("nowhere"), "toml").is_empty());
    }
}
