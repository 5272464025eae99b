//! Files for other systems: written aside, synced, renamed, so that no reader sees half of one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use quittance_actors::delivery::{Delivery, Fault, Verdict};
use quittance_actors::values::TenantId;

use serde::{Deserialize, Serialize};

use super::{later, never};
use crate::digest;
use crate::export::{self, Control, Layout, StatusFormat, StatusRow};
use crate::whole_file;

/// Writes an event as JSON into `folder`, as it is or in its `own` form; the name is the delivery's, so a second try replaces.
pub fn write_event(folder: &Path, delivery: &Delivery, own: Option<String>) -> Verdict {
    let bytes =
        own.map_or_else(|| serde_json::to_vec_pretty(&export::event_json(&delivery.event)), |own| Ok(own.into()));
    let mut bytes = match bytes {
        Ok(bytes) => bytes,
        Err(error) => return never(Fault::Content, error.to_string()),
    };
    bytes.push(b'\n');
    let name = format!("{}-{}.json", delivery.event.event.name().replace('.', "-"), delivery.id);
    match whole_file::write(folder, &name, &bytes) {
        Ok(_) => Verdict::Accepted { detail: name },
        Err(error) => later(Fault::File, format!("{}: {error}", folder.display())),
    }
}

/// What the last file of a series was, kept beside the files.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Last {
    /// Its number.
    sequence: u64,
    /// What says that it is the same again: SHA-256 of its bytes, or of the ids of its rows.
    #[serde(rename = "sha256")]
    same: String,
    /// Its name.
    name: String,
}

/// Writes the statuses of one tenant as one file into `folder`, its checksum and control totals
/// before it. Files are numbered from 1 without gaps; the same rows again are the same file.
///
/// The file stands ready under its temporary name before its number is taken, and a process that
/// died in between finishes it first.
pub fn write_statuses(folder: &Path, tenant: &TenantId, format: StatusFormat, rows: &[Delivery]) -> Verdict {
    let rows: Vec<StatusRow> = rows.iter().map(|row| StatusRow::of(&row.event)).collect();
    if rows.is_empty() {
        return Verdict::Accepted { detail: String::new() };
    }
    let bytes = match export::write_statuses(&rows, format) {
        Ok(bytes) => bytes,
        Err(error) => return never(Fault::Content, error),
    };
    numbered(folder, &Series::of_statuses(tenant, format), (&digest::sha256(&bytes), &bytes), Control::of(&rows))
}

/// Writes events of one outgoing feed as one file into `folder`, in the order in which they were recorded; numbered as
/// status files are.
pub fn write_events(folder: &Path, (tenant, feed): (&TenantId, &str), layout: &Layout, rows: &[Delivery]) -> Verdict {
    let mut rows: Vec<&Delivery> = rows.iter().collect();
    rows.sort_by_key(|row| (row.event.at, row.id));
    let bytes = match layout.write(rows.iter().map(|row| &row.event)) {
        Ok(bytes) => bytes,
        Err(error) => return never(Fault::Content, error),
    };
    let control = Control { rows: u64::try_from(rows.len()).unwrap_or(u64::MAX), ..Control::default() };
    // Other rows may look the same: which ones they are says whether they stand already.
    let ids: Vec<String> = rows.iter().map(|row| row.id.to_string()).collect();
    let same = digest::sha256(ids.join(" ").as_bytes());
    numbered(folder, &Series::of_feed(tenant, feed, layout), (&same, &bytes), control)
}

fn numbered(folder: &Path, series: &Series, content: (&[u8; 32], &[u8]), control: Control) -> Verdict {
    match number_and_write(folder, series, content, control) {
        Ok(name) => Verdict::Accepted { detail: name },
        Err(error) => later(Fault::File, format!("{}: {error}", folder.display())),
    }
}

/// Files of one kind, numbered one after the other.
struct Series {
    /// What their names begin with.
    stem: String,
    /// The file that keeps the last number.
    noted: String,
    ending: &'static str,
}

impl Series {
    fn of_statuses(tenant: &TenantId, format: StatusFormat) -> Self {
        let (stem, noted) = (format!("payment-status-{tenant}"), format!(".sequence-{tenant}.json"));
        Self { stem, noted, ending: format.ending() }
    }

    fn of_feed(tenant: &TenantId, feed: &str, layout: &Layout) -> Self {
        // A dot stands in neither name.
        let stem = format!("events-{tenant}.{feed}");
        let noted = format!(".sequence-{stem}.json");
        Self { stem, noted, ending: layout.ending() }
    }
}

fn has_files(folder: &Path, series: &Series) -> io::Result<bool> {
    let is_numbered = |name: &str| {
        let rest = name.strip_prefix(series.stem.as_str()).and_then(|rest| rest.strip_prefix('-'));
        let number = rest.and_then(|rest| rest.split_once('.')).map(|(number, _)| number);
        number.is_some_and(|number| number.len() >= 8 && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    for entry in fs::read_dir(folder)? {
        if is_numbered(&entry?.file_name().to_string_lossy()) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn number_and_write(
    folder: &Path, series: &Series, (same, bytes): (&[u8; 32], &[u8]), mut control: Control,
) -> io::Result<String> {
    fs::create_dir_all(folder)?;
    let noted = &series.noted;
    let last: Last = match fs::read(folder.join(noted)) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{noted} cannot be read: {error}"))
        })?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Last::default(),
        Err(error) => return Err(error),
    };
    let aside = |name: &str| folder.join(format!(".{name}.part"));
    if !last.name.is_empty() && aside(&last.name).exists() {
        fs::rename(aside(&last.name), folder.join(&last.name))?;
        File::open(folder)?.sync_all()?;
    }
    let same = digest::hex(same);
    if last.same == same {
        return Ok(last.name); // It stands, or has been collected.
    }
    if last.sequence == 0 && has_files(folder, series)? {
        let why =
            format!("{noted} is gone, and there are files {}-…: write the last number into it again", series.stem);
        return Err(io::Error::other(why));
    }
    let sequence = last.sequence + 1;
    let name = format!("{}-{sequence:08}.{}", series.stem, series.ending);
    control.sealed(&name, bytes);
    control.sequence = Some(sequence);
    let mut file = File::create(aside(&name))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    whole_file::write(folder, &format!("{name}.sha256"), format!("{}  {name}\n", control.sha256).as_bytes())?;
    whole_file::write(folder, &format!("{name}.control.json"), &control.json())?;
    let taken = Last { sequence, same, name: name.clone() };
    whole_file::write(folder, noted, &serde_json::to_vec(&taken).map_err(io::Error::other)?)?;
    fs::rename(aside(&name), folder.join(&name))?;
    File::open(folder)?.sync_all()?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, bytes: &[u8]) -> io::Result<String> {
        let tenant = TenantId::parse("shop").unwrap();
        let same = digest::sha256(bytes);
        number_and_write(folder, &Series::of_statuses(&tenant, StatusFormat::Csv), (&same, bytes), Control::default())
    }

    #[test]
    fn feeds_of_one_folder_are_apart_and_other_rows_that_look_the_same_are_another_file() {
        let folder = std::env::temp_dir().join(format!("quittance-feeds-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let [shop, other] = ["shop", "other"].map(|name| TenantId::parse(name).unwrap());
        let write = |tenant: &TenantId, feed: &str, ids: &[u8]| {
            let series = Series::of_feed(tenant, feed, &Layout::JsonLines);
            number_and_write(&folder, &series, (&digest::sha256(ids), b"{}\n"), Control::default()).unwrap()
        };
        assert_eq!(write(&shop, "erp-01", b"1"), "events-shop.erp-01-00000001.jsonl");
        assert_eq!(write(&shop, "erp", b"1"), "events-shop.erp-00000001.jsonl");
        assert_eq!(write(&other, "erp", b"1"), "events-other.erp-00000001.jsonl");
        assert_eq!(write(&shop, "erp", b"2"), "events-shop.erp-00000002.jsonl");
        assert_eq!(write(&shop, "erp", b"2"), "events-shop.erp-00000002.jsonl", "the same rows again");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn numbers_have_no_gap_and_a_file_that_stands_is_never_written_again() {
        let folder = std::env::temp_dir().join(format!("quittance-numbers-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let at = |name: &str| folder.join(name);
        assert_eq!(write(&folder, b"a").unwrap(), "payment-status-shop-00000001.csv");
        // The same rows again, because nobody recorded that they had left: the ERP has collected the file.
        fs::remove_file(at("payment-status-shop-00000001.csv")).unwrap();
        assert_eq!(write(&folder, b"a").unwrap(), "payment-status-shop-00000001.csv");
        assert!(!at("payment-status-shop-00000001.csv").exists());
        // The process died after the number was taken and before the file had its name.
        assert_eq!(write(&folder, b"b").unwrap(), "payment-status-shop-00000002.csv");
        fs::rename(at("payment-status-shop-00000002.csv"), at(".payment-status-shop-00000002.csv.part")).unwrap();
        assert_eq!(write(&folder, b"c").unwrap(), "payment-status-shop-00000003.csv");
        assert_eq!(fs::read(at("payment-status-shop-00000002.csv")).unwrap(), b"b");
        // The process died before the number was taken: a half of the file is left, and is written over.
        fs::write(at(".payment-status-shop-00000004.csv.part"), b"ha").unwrap();
        assert_eq!(write(&folder, b"d").unwrap(), "payment-status-shop-00000004.csv");
        assert_eq!(fs::read(at("payment-status-shop-00000004.csv")).unwrap(), b"d");
        // Without its number it does not begin again at one, nor with a number that cannot be read.
        fs::remove_file(at(".sequence-shop.json")).unwrap();
        assert!(write(&folder, b"e").unwrap_err().to_string().contains("there are files"));
        fs::write(at(".sequence-shop.json"), b"12").unwrap();
        assert!(write(&folder, b"e").unwrap_err().to_string().contains("cannot be read"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
