//! Files for other systems: written aside, synced, renamed, so that no reader sees half of one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use quittance_actors::delivery::{Delivery, Verdict};
use quittance_actors::values::TenantId;

use super::{later, never};
use crate::export;

/// Writes a file whole: to a temporary name, synced, renamed, and the folder synced.
pub fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let aside = folder.join(format!(".{name}.part"));
    let target = folder.join(name);
    let mut file = File::create(&aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&aside, &target)?;
    File::open(folder)?.sync_all()?;
    Ok(target)
}

/// Writes an event as JSON into `folder`; the name is the delivery's, so a second try replaces.
pub fn write_event(folder: &Path, delivery: &Delivery) -> Verdict {
    let json = export::event_json(&delivery.event);
    let mut bytes = match serde_json::to_vec_pretty(&json) {
        Ok(bytes) => bytes,
        Err(error) => return never(error.to_string()),
    };
    bytes.push(b'\n');
    let name = format!("{}-{}.json", delivery.event.event.name().replace('.', "-"), delivery.id);
    match write_whole(folder, &name, &bytes) {
        Ok(_) => Verdict::Accepted { detail: name },
        Err(error) => later(format!("{}: {error}", folder.display())),
    }
}

/// Writes the statuses of one tenant as one CSV file into `folder`, with its checksum beside it.
pub fn write_statuses(folder: &Path, tenant: &TenantId, rows: &[Delivery]) -> Verdict {
    let Some(first) = rows.first() else { return Verdict::Accepted { detail: String::new() } };
    let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
    let mut written = writer.write_record(export::HEADER);
    for row in rows {
        written = written.and_then(|()| writer.write_record(export::status_row(&row.event)));
    }
    let bytes = match written
        .map_err(|error| error.to_string())
        .and_then(|()| writer.into_inner().map_err(|error| error.to_string()))
    {
        Ok(bytes) => bytes,
        Err(error) => return never(error),
    };
    let digest = crate::digest::hex(&crate::digest::sha256(&bytes));
    // The same rows are the same file; other rows never take its place.
    let name = format!("payment-status-{tenant}-{}-{}.csv", first.id, digest.get(..8).unwrap_or_default());
    let sum = format!("{digest}  {name}\n");
    let written = write_whole(folder, &format!("{name}.sha256"), sum.as_bytes())
        .and_then(|_| write_whole(folder, &name, &bytes));
    match written {
        Ok(_) => Verdict::Accepted { detail: name },
        Err(error) => later(format!("{}: {error}", folder.display())),
    }
}
