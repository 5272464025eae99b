//! Scripted stories: what a payments person can read and review.
//!
//! Every file of `fixtures/scenarios` is played on one lane, in virtual time, without disk or
//! network. After each story the lane is rebuilt from its records and must be the same (INV-08,
//! INV-13), and every delivery must have been expected.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "a test fails by panicking"
)]

mod script;
mod stage;

use std::path::Path;

use script::Line;
use stage::Stage;

#[test]
fn every_story_goes_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/scenarios");
    let mut paths: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "story"));
    paths.sort();
    assert!(paths.len() >= 15, "only {} stories in {}", paths.len(), folder.display());
    let mut failed = Vec::new();
    for path in paths {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if let Err(error) = play(&std::fs::read_to_string(&path).unwrap()) {
            failed.push(format!("{name}: {error}"));
        }
    }
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}

/// Plays a story; gives the first line that did not go as written.
fn play(text: &str) -> Result<(), String> {
    let mut stage = Stage::new();
    for (number, line) in text.lines().enumerate() {
        let located = |error: String| format!("line {}: {line}\n    {error}", number + 1);
        if let Some(line) = Line::parse(line).map_err(located)? {
            stage.play(&line).map_err(located)?;
        }
    }
    stage.audit()
}

#[test]
fn a_story_that_lies_fails() {
    for (story, part) in [
        ("issue R1 C1 10.00 due 2026-03-10\nexpect R1 settled", "R1 is open"),
        ("issue R1 C1 10.00 due 2026-03-10\nday 2026-03-02\nexpect mail C1 reminder_late", "not among"),
        ("issue R1 C1 10.00 due 2026-03-10\nday 2026-03-02\nday 2026-03-03", "was not expected"),
        ("frobnicate R1", "unknown verb"),
        ("issue R1 C1 ten due 2026-03-10", "not an amount"),
    ] {
        let error = play(story).unwrap_err();
        assert!(error.contains(part), "{story}: {error}");
    }
}
