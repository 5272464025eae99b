//! The rules of the house that a test can hold.

use std::path::{Path, PathBuf};

use crate::support::golden::project;

/// Every file below `folder` with the extension.
fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && !["target", "node_modules", ".git", "data"].iter().any(|skip| *skip == name) {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
}

fn sources(folder: &str) -> Vec<(String, String)> {
    let mut paths = Vec::new();
    files(&project().join(folder), "rs", &mut paths);
    paths.sort();
    let relative = |path: &Path| path.strip_prefix(project()).unwrap().to_string_lossy().into_owned();
    paths.iter().map(|path| (relative(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// The lines of code of a text: neither comments nor its unit tests.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

fn names(text: &str, word: &str) -> bool {
    code(text).any(|line| {
        line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + word.len()..].chars().next();
            let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            !inside(before) && !inside(after)
        })
    })
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn n1_n2_the_machines_know_no_io_and_no_runtime() {
    let mut wrong = Vec::new();
    for (path, text) in sources("actors/src") {
        for word in [
            "fjall",
            "bincode",
            "reqwest",
            "lettre",
            "notify",
            "handlebars",
            "std::fs",
            "std::net",
            "std::env",
            "SystemTime",
        ] {
            if names(&text, word) {
                wrong.push(format!("N1 {path} names {word}"));
            }
        }
        let shell = path.starts_with("actors/src/runtime/");
        // What a machine reads is its arguments: a clock or a random number would be another run.
        for word in
            ["Instant::now", "getrandom", "rand", "fastrand", "thread_local", "RandomState", "HashMap", "HashSet"]
        {
            if !shell && names(&text, word) {
                wrong.push(format!("N3 {path} names {word}"));
            }
        }
        for word in ["actix", "tokio"] {
            if !shell && names(&text, word) {
                wrong.push(format!("N2 {path} names {word}"));
            }
        }
    }
    let manifest = std::fs::read_to_string(project().join("actors/Cargo.toml")).unwrap();
    if !manifest.contains("default = []") {
        wrong.push("N2 the runtime feature of actors is off by default".to_owned());
    }
    assert_none(&wrong);
}

#[test]
fn n6_adapters_meet_in_assemble_or_through_the_log() {
    // What an adapter may name of the others: shared words and pure tools only.
    let adapters = ["api", "backoffice", "channels", "formats", "journal", "render", "store", "watch"];
    let allowed = |from: &str, to: &str, path: &str| match (from, to) {
        ("store", "journal") => true,            // The codec, which both store with.
        ("watch", "formats") => true,            // A feed names its format.
        ("backoffice", "api") => true,           // Both are the HTTP server, which shares its state.
        ("backoffice", "render") => true,        // Amounts and dates in words.
        ("api" | "backoffice", "store") => true, // Reads for lists and screens.
        ("api" | "backoffice", "watch") => true, // What became of files.
        ("api" | "backoffice", "channels") => path.ends_with("messages.rs"), // The type of a message that left.
        ("channels", "render") => true,          // The type of a message.
        ("channels", "formats") => path.ends_with("debit_file.rs") || path.ends_with("credit_file.rs"), // Orders as banks take them.
        _ => false,
    };
    let mut wrong = Vec::new();
    for from in adapters {
        for (path, text) in sources(&format!("src/{from}")) {
            for to in adapters.iter().filter(|to| **to != from) {
                if code(&text).any(|line| line.contains(&format!("crate::{to}"))) && !allowed(from, to, &path) {
                    wrong.push(format!("N6 {path} names {to}"));
                }
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn n7_one_place_names_the_store_and_one_the_encoding() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        if names(&text, "fjall") && !path.starts_with("src/store/") {
            wrong.push(format!("N7 {path} names fjall"));
        }
        if names(&text, "bincode") && path != "src/journal/codec.rs" {
            wrong.push(format!("N7 {path} names bincode"));
        }
        if (names(&text, "SystemTime") || names(&text, "getrandom"))
            && path != "src/clock.rs"
            && path != "src/watch/scan.rs"
        {
            wrong.push(format!("N3 {path} reads the clock or randomness"));
        }
    }
    assert_none(&wrong);
}

#[test]
fn files_say_what_they_are_and_stay_small() {
    let mut wrong = Vec::new();
    let mut sizes = Vec::new();
    for folder in ["src", "actors/src", "actors/tests", "tests"] {
        for (path, text) in sources(folder) {
            if !text.starts_with("//!") {
                wrong.push(format!("{path} has no header that says what it is"));
            }
            let production = text.split("#[cfg(test)]").next().unwrap_or_default().lines().count();
            sizes.push((production, path.clone()));
            if production > 480 && !path.contains("tests/") {
                wrong.push(format!("{path} has {production} lines: is it two rooms?"));
            }
            for line in code(&text).filter(|line| {
                line.contains("#[allow") || line.contains("todo!(") || line.contains("unimplemented!(")
            }) {
                wrong.push(format!("{path}: {}", line.trim()));
            }
        }
    }
    sizes.sort();
    let largest: Vec<String> = sizes.iter().rev().take(5).map(|(lines, path)| format!("{lines} {path}")).collect();
    println!("largest files: {}", largest.join(", "));
    assert_none(&wrong);
}

#[test]
fn names_are_the_fields_words() {
    let mut wrong = Vec::new();
    for folder in ["src", "actors/src"] {
        for (path, text) in sources(folder) {
            for line in code(&text) {
                let Some(name) = ["struct ", "enum ", "trait ", "mod "]
                    .iter()
                    .find_map(|kind| line.trim_start().trim_start_matches("pub ").strip_prefix(kind))
                else {
                    continue;
                };
                let name: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let lower = name.to_lowercase();
                if ["manager", "helper", "util", "misc"].iter().any(|word| lower.contains(word))
                    || name.ends_with("Data") && name != "Data"
                    || name.ends_with("Info")
                {
                    wrong.push(format!("{path}: {name}"));
                }
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn no_fixture_is_an_orphan() {
    let mut wrong = Vec::new();
    let known = ["bank", "config", "demo", "dkim", "erp", "mail", "orders", "scenarios", "stored"];
    for entry in std::fs::read_dir(project().join("fixtures")).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !known.contains(&name.as_str()) {
            wrong.push(format!("fixtures/{name} belongs to no test"));
        }
    }
    let mut folders = Vec::new();
    for formats in ["fixtures/bank", "fixtures/erp"] {
        for format in std::fs::read_dir(project().join(formats)).unwrap().flatten() {
            let format = format!("{formats}/{}", format.file_name().to_string_lossy());
            folders.extend([format!("{format}/refused"), format]);
        }
    }
    for folder in folders {
        for entry in
            std::fs::read_dir(project().join(&folder)).unwrap().flatten().filter(|entry| entry.path().is_file())
        {
            let name = entry.file_name().to_string_lossy().into_owned();
            let other = match name.strip_suffix(".expected") {
                Some(source) => source.to_owned(),
                None => format!("{name}.expected"),
            };
            if !project().join(&folder).join(other).exists() {
                wrong.push(format!("{folder}/{name} has no partner"));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn pages_load_nothing_from_elsewhere_and_vendored_files_are_what_they_say() {
    let mut wrong = Vec::new();
    let mut pages = Vec::new();
    files(&project().join("ui"), "hbs", &mut pages);
    for path in pages {
        let text = std::fs::read_to_string(&path).unwrap();
        for bad in ["http://", "https://", "style=", "<script>", "onclick", "javascript:"] {
            if text.contains(bad) {
                wrong.push(format!("{} contains {bad}", path.display()));
            }
        }
    }
    let list = std::fs::read_to_string(project().join("ui/vendor/VENDOR.toml")).unwrap();
    let mut count = 0;
    for asset in list.split("[[asset]]").skip(1) {
        let value = |key: &str| {
            asset
                .lines()
                .find_map(|line| line.strip_prefix(&format!("{key} = \"")))
                .unwrap()
                .trim_end_matches('"')
                .to_owned()
        };
        let bytes = std::fs::read(project().join("ui").join(value("path"))).unwrap();
        if quittance::digest::hex(&quittance::digest::sha256(&bytes)) != value("sha256") {
            wrong.push(format!("{} is not what VENDOR.toml says", value("path")));
        }
        count += 1;
    }
    assert!(count >= 6);
    assert_none(&wrong);
}

#[test]
fn the_project_speaks_of_itself_only() {
    let mut wrong = Vec::new();
    for extension in ["rs", "md", "toml", "hbs", "js", "mjs", "css", "story", "csv", "json", "yml"] {
        let mut paths = Vec::new();
        files(&project(), extension, &mut paths);
        for path in paths.iter().filter(|path| !path.ends_with("tests/it/tidy.rs")) {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            for bad in ["/root/", "/work/", "/home/"] {
                if text.contains(bad) {
                    wrong.push(format!("{} names {bad}", path.display()));
                }
            }
        }
    }
    assert_none(&wrong);
}
