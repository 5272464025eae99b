//! The sample configuration and files, inside the binary.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rust_embed::RustEmbed;

use crate::{clock, digest};

#[derive(RustEmbed)]
#[folder = "config/"]
struct Configuration;

#[derive(RustEmbed)]
#[folder = "fixtures/demo/"]
pub(super) struct Played;

/// A configuration with fresh secrets.
pub(super) struct Fresh {
    /// Files by path.
    pub files: Vec<(String, String)>,
    /// The API key, shown once.
    pub api_key: String,
    /// The hook's signing secret.
    pub hook_secret: String,
}

/// The sample configuration with secrets of its own, changed by `edit`.
pub(super) fn fresh(edit: impl Fn(&str) -> String) -> anyhow::Result<Fresh> {
    let api_key = format!("qk_test_{}", URL_SAFE_NO_PAD.encode(clock::random_bytes::<32>()));
    let hook_secret = format!("whsec_{}", STANDARD.encode(clock::random_bytes::<32>()));
    let callback_key = URL_SAFE_NO_PAD.encode(clock::random_bytes::<24>());
    let hash = digest::hex(&digest::sha256(api_key.as_bytes()));
    let mut files = Vec::new();
    for path in Configuration::iter() {
        let Some(file) = Configuration::get(&path) else { continue };
        let mut text = String::from_utf8(file.data.into_owned())?;
        if path == "quittance.toml" {
            let sample = digest::hex(&digest::sha256(b"qk_sample_only_for_this_sandbox"));
            let note =
                "# The key of this sample is qk_sample_only_for_this_sandbox; `quittance init` makes one of yours.\n";
            text = text
                .replace(note, "# SHA-256 of the key that was shown once.\n")
                .replace(&sample, &hash)
                .replace("whsec_c2FtcGxlIHNlY3JldCBvZiB0aGUgc2FuZGJveA==", &hook_secret)
                .replace("sample only for this sandbox", &callback_key);
            text = edit(&text);
        }
        files.push((path.to_string(), text));
    }
    Ok(Fresh { files, api_key, hook_secret })
}

/// Writes files below `folder`.
pub(super) fn write(folder: &Path, files: &[(String, String)]) -> anyhow::Result<()> {
    for (path, text) in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, text)?;
    }
    Ok(())
}
