//! `quittance backup` and `quittance restore`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::data::Data;
use super::exit;
use crate::backup::{self, Manifest};

#[derive(Args)]
pub(super) struct Options {
    /// The folder of the backup.
    folder: PathBuf,
    #[command(flatten)]
    data: Data,
}

fn tell(done: &str, folder: &Path, result: Result<Manifest, String>) -> u8 {
    match result {
        Ok(Manifest { position, segments, ledgers, taken_at, .. }) => {
            let bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
            println!("{done} {}", folder.display());
            println!("  records   {position}");
            println!("  segments  {} ({bytes} bytes), each with its SHA-256 in {}", segments.len(), backup::MANIFEST);
            println!("  ledgers   {}, of files of orders for banks", ledgers.len());
            println!("  taken at  {taken_at}");
            0
        }
        Err(error) => {
            eprintln!("quittance: {error}");
            exit::FINDINGS
        }
    }
}

pub(super) fn take(options: &Options) -> anyhow::Result<u8> {
    let data = options.data.folder()?;
    Ok(tell("backed up to", &options.folder, backup::take(&data, &options.folder)))
}

pub(super) fn restore(options: &Options) -> anyhow::Result<u8> {
    let data = options.data.folder()?;
    let code = tell("restored from", &options.folder, backup::restore(&options.folder, &data));
    if code == 0 {
        println!("The next start builds the store again from the log. Deliveries that had not ended when the backup");
        println!("was taken are tried again, under the ids they had: receivers that keep ids see no repeat.");
    }
    Ok(code)
}
