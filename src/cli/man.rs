//! `quittance man`: a manual page of each command.

use std::path::Path;

use anyhow::Context as _;
use clap::Command;

/// Writes the pages into a folder, as in `quittance-serve.1`.
pub(super) fn run(command: Command, folder: &Path) -> anyhow::Result<u8> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    clap_mangen::generate_to(command, folder).with_context(|| folder.display().to_string())?;
    println!("the pages are in {}", folder.display());
    Ok(0)
}
