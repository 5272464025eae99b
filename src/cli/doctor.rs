//! `quittance doctor` and `quittance verify`: what a data directory holds, and what is hurt.

use std::path::Path;

use clap::Args;

use super::data::Data;
use super::exit;
use crate::journal::{self, Damage, Error, Walked};
use crate::store::Store;
use crate::{recovery, replay};

#[derive(Args)]
pub(super) struct DoctorOptions {
    #[command(flatten)]
    data: Data,
}

#[derive(Args)]
pub(super) struct VerifyOptions {
    /// Read every record and every row, and compare the store with a replay of the whole log.
    #[arg(long)]
    deep: bool,
    #[command(flatten)]
    data: Data,
}

/// One line of a report, and whether it is well.
fn line(well: bool, what: &str, says: impl std::fmt::Display) -> bool {
    println!("{} {what:<10} {says}", if well { "ok  " } else { "HURT" });
    well
}

/// What a person can do about a damage.
fn advice(damage: &Damage) -> &'static str {
    match damage {
        Damage::SegmentHeader | Damage::MissingSegment { .. } => {
            "Bring the file back from a backup (quittance restore), or from wherever it was moved."
        }
        Damage::BrokenFrame { .. } | Damage::BrokenChain { .. } | Damage::Record { .. } => {
            "Bytes were changed after they were written: look at the disk, and restore a backup. Records before \
             this place are whole."
        }
        Damage::Shortened { .. } => {
            "The end of the log is gone although it was acknowledged: restore a backup, or bring the file back."
        }
        Damage::BehindCheckpoint { .. } => {
            "The store knows more than the log: this is another log, or its end is gone. Restore a backup."
        }
    }
}

fn log(data: &Path) -> Result<Walked, bool> {
    let folder = data.join("log");
    match journal::walk(&folder, 0, |_, _| Ok(())) {
        Ok(walked) => {
            let torn: u64 = walked.segments.iter().map(|segment| segment.torn_bytes).sum();
            let bytes: u64 = walked.segments.iter().map(|segment| segment.bytes).sum();
            let count = walked.segments.len();
            line(true, "log", format!("{} records in {count} segments, {bytes} bytes", walked.position));
            if torn > 0 {
                line(
                    true,
                    "log",
                    format!("{torn} bytes of a write that was never acknowledged; the next start cuts them"),
                );
            }
            Ok(walked)
        }
        Err(error) => {
            line(false, "log", &error);
            if let Error::Damaged { damage, .. } = &error {
                println!("     {:<10} {}", "", advice(damage));
            }
            Err(false)
        }
    }
}

fn store(data: &Path, position: u64) -> bool {
    let folder = data.join("store");
    if !folder.exists() {
        return line(true, "store", "none; the next start builds it from the log");
    }
    let Ok(_lock) = recovery::lock(data) else {
        return line(true, "store", "in use by a running service, not looked at");
    };
    match Store::open(&folder).and_then(|store| store.look()) {
        Ok(restored) if restored.position <= position => {
            let tail = position - restored.position;
            line(
                true,
                "store",
                format!("checkpoint at record {}, {tail} records after it to replay", restored.position),
            )
        }
        Ok(restored) => {
            let why = format!("its checkpoint is at record {}, the log ends at {position}", restored.position);
            line(false, "store", why)
        }
        Err(error) => {
            line(false, "store", &error);
            println!("     {:<10} It is derived: the next start sets it aside and builds it again from the log.", "");
            false
        }
    }
}

fn space(data: &Path) -> bool {
    match fs4::available_space(data) {
        Ok(bytes) => {
            let mb = bytes >> 20;
            let well = mb >= 512;
            let says =
                if well { "" } else { "; below 192 MB no checkpoint is written, at 0 nothing is acknowledged" };
            line(well, "disk", format!("{mb} MB free{says}"))
        }
        Err(error) => line(false, "disk", error),
    }
}

pub(super) fn doctor(options: &DoctorOptions) -> anyhow::Result<u8> {
    let data = options.data.folder()?;
    println!("{}", data.display());
    let mut well = space(&data);
    match log(&data) {
        Ok(walked) => well &= store(&data, walked.position),
        Err(hurt) => well &= hurt,
    }
    Ok(if well { 0 } else { exit::FINDINGS })
}

pub(super) fn verify(options: &VerifyOptions) -> anyhow::Result<u8> {
    let data = options.data.folder()?;
    println!("{}", data.display());
    let Ok(walked) = log(&data) else { return Ok(exit::FINDINGS) };
    let mut well = store(&data, walked.position);
    if options.deep && well {
        let free = recovery::lock(&data).is_ok();
        well &= match replay::replay(&data, free) {
            Ok(replayed) if replayed.differences.is_empty() => {
                let compared = if replayed.compared { ", the store holds the same" } else { "" };
                line(true, "replay", format!("{} records read and folded{compared}", replayed.records))
            }
            Ok(replayed) => {
                let count = replayed.differences.len();
                let first = replayed.differences.first().map_or("", String::as_str);
                line(false, "replay", format!("{count} differences from the store, the first: {first}"))
            }
            Err(error) => line(false, "replay", error),
        };
    }
    Ok(if well { 0 } else { exit::FINDINGS })
}
