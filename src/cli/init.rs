//! `quittance init`.

use std::path::PathBuf;

use clap::Args;

use super::{exit, samples};

#[derive(Args)]
pub(super) struct Options {
    /// The folder to write into.
    dir: PathBuf,
    /// Overwrite files that are there.
    #[arg(long)]
    force: bool,
    /// Only show what would be written.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    let fresh = samples::fresh(|text| text.replace("\"../data", "\"data"))?;
    let there: Vec<&String> =
        fresh.files.iter().map(|(path, _)| path).filter(|path| options.dir.join(path).exists()).collect();
    if !there.is_empty() && !options.force {
        eprintln!("these files are there already; --force overwrites them:");
        there.iter().for_each(|path| eprintln!("  {}", options.dir.join(path).display()));
        return Ok(exit::FINDINGS);
    }
    for (path, text) in &fresh.files {
        eprintln!("  {:>6} bytes  {}", text.len(), options.dir.join(path).display());
    }
    if options.dry_run {
        return Ok(0);
    }
    samples::write(&options.dir, &fresh.files)?;
    let config = options.dir.join("quittance.toml");
    eprintln!("\nThe API key, shown this once and stored only as its hash:");
    println!("{}", fresh.api_key);
    eprintln!("\nNext:\n  quittance check {0}\n  quittance serve -c {0}", config.display());
    Ok(0)
}
