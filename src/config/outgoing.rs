//! `[[outgoing]]`: directories in which other systems find events.

use super::reader::Section;
use super::service::{EventFiles, Outgoing};
use super::service_reading::Known;
use crate::export::{Column, Layout};

/// Characters of a name, which is that of files.
const NAME_CHARACTERS_MAX: usize = 64;

pub(super) fn read(section: &Section<'_, '_>, known: &Known<'_>) -> Option<Outgoing> {
    let tenant = known.tenant(section);
    let name = section.parsed("name", |text| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fits = (1..=NAME_CHARACTERS_MAX).contains(&text.len()) && text.bytes().all(plain);
        if fits { Ok(text.to_owned()) } else { Err("expected up to 64 letters, digits, - and _") }
    });
    let dir = section.required("dir").map(str::to_owned);
    let kinds = [("json", 0), ("jsonl", 1), ("csv", 2)];
    let kind = section.has("format").then(|| section.choice("format", &kinds)).flatten().unwrap_or(0);
    let batch = (kind != 0).then(|| batch(section, kind == 2));
    let batch_keys = ["batch_seconds", "batch_rows", "columns"];
    if let Some(key) =
        batch_keys.into_iter().find(|key| section.has(key) && (kind == 0 || *key == "columns" && kind != 2))
    {
        let formats = if key == "columns" { "\"csv\"" } else { "\"jsonl\" or \"csv\"" };
        section.refuse(key, section.span(), "there are no files of many events", Some(format!("format = {formats}")));
    }
    Some(Outgoing { tenant: tenant?, name: name?, dir: dir?, batch })
}

/// Files of many events.
fn batch(section: &Section<'_, '_>, is_csv: bool) -> EventFiles {
    let number = |key: &'static str, range| section.has(key).then(|| section.integer(key, range)).flatten();
    let seconds = number("batch_seconds", 1..=86_400).unwrap_or(60);
    let rows = number("batch_rows", 1..=1_000).and_then(|rows| usize::try_from(rows).ok()).unwrap_or(1_000);
    let mut columns = Vec::new();
    if is_csv {
        for (text, span) in section.texts("columns") {
            match Column::parse(text) {
                Ok(column) => columns.push(column),
                Err(error) => section.refuse("columns", span, error, None),
            }
        }
    }
    let layout = match is_csv {
        true if columns.is_empty() => Layout::Csv(Layout::usual()),
        true => Layout::Csv(columns),
        false => Layout::JsonLines,
    };
    EventFiles { seconds, rows, layout }
}
