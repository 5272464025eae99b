//! Golden files are found, not listed. `UPDATE_EXPECT=1` rewrites expectations; then read the diff.

use std::path::{Path, PathBuf};

/// The project's folder.
pub fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of `folder` with one of `extensions`, in order.
pub fn files(folder: &str, extensions: &[&str]) -> Vec<PathBuf> {
    let folder = project().join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| extensions.contains(&e.to_str().unwrap())))
        .collect();
    paths.sort();
    paths
}

/// Compares what `describe` makes of each file with the `.expected` beside it; gives how many.
pub fn each(folder: &str, extensions: &[&str], describe: impl Fn(&Path) -> String) -> usize {
    let paths = files(folder, extensions);
    let mut wrong = Vec::new();
    for path in &paths {
        if let Err(error) = compare(path, &describe(path)) {
            wrong.push(error);
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    paths.len()
}

fn compare(path: &Path, found: &str) -> Result<(), String> {
    let mut expected = path.as_os_str().to_owned();
    expected.push(".expected");
    let expected = PathBuf::from(expected);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&expected, found).map_err(|error| error.to_string())?;
        return Ok(());
    }
    let wanted = std::fs::read_to_string(&expected).unwrap_or_default();
    if wanted == found {
        return Ok(());
    }
    Err(format!("{}:\n--- expected\n{wanted}\n--- found\n{found}", path.display()))
}
