//! JSON lines: one object a line, its members named as the fields are. Dates are ISO 8601, amounts
//! are texts or numbers with a point.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Write};

use quittance_actors::values::DecimalMark;
use serde_json::{Map, Value};

use super::fields::{FIELDS, Key};
use super::rows::{Cell, Row, Rows};
use crate::config::Mapping;
use crate::formats::lines::{Lines, text};
use crate::formats::{FieldError, Item, Reader};

/// Reads rows of JSON lines.
pub(super) struct Jsonl<R> {
    lines: Lines<R>,
    rows: Rows,
    row: u64,
    ended: bool,
}

/// A reader of `source`; of the mapping it takes the country of telephone numbers, the currency,
/// the constants and the lookups.
pub(super) fn reader<R: BufRead + Send>(source: R, mapping: &Mapping) -> Jsonl<R> {
    Jsonl { lines: Lines::new(source), rows: Rows::new(&as_published(mapping)), row: 0, ended: false }
}

/// The mapping with values as interfaces publish them.
pub(super) fn as_published(mapping: &Mapping) -> Mapping {
    Mapping {
        date: "%Y-%m-%d".to_owned(),
        decimal: DecimalMark::Point,
        thousands: None,
        encoding: encoding_rs::UTF_8,
        ..mapping.clone()
    }
}

impl<R: BufRead + Send> Reader for Jsonl<R> {
    fn next(&mut self) -> Option<Result<Item, FieldError>> {
        loop {
            if self.ended {
                return None;
            }
            let (number, line) = match self.lines.next()? {
                Ok(line) => line,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            };
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            self.row += 1;
            let members: Map<String, Value> = match serde_json::from_slice(line) {
                Ok(members) => members,
                Err(error) => {
                    let column = u64::try_from(error.column()).unwrap_or(0);
                    let shown = text(line);
                    let error = FieldError::expected(number, column, "", &shown, format!("a JSON object: {error}"));
                    return Some(Ok(Item::Refused(self.row, vec![error])));
                }
            };
            let known = |name: &String| name == "currency" || FIELDS.iter().any(|(field, _)| field == name);
            if let Some(unknown) = members.keys().find(|name| !known(name)) {
                let near = crate::diagnostics::nearest(unknown, FIELDS.iter().map(|(field, _)| *field));
                let near = near.map(|near| format!(", did you mean \"{near}\"?")).unwrap_or_default();
                let error = FieldError::wrong(number, 0, unknown, format!("there is no such member{near}"));
                return Some(Ok(Item::Refused(self.row, vec![error])));
            }
            let row = Members { line: number, members };
            return Some(Ok(self.rows.item(self.row, &row)));
        }
    }

    fn bytes_read(&self) -> u64 {
        self.lines.bytes_read()
    }
}

/// Writes the lines of `wanted` rows as they are.
pub(super) fn copy_rows(source: impl BufRead, wanted: &BTreeSet<u64>, to: &mut dyn Write) -> io::Result<()> {
    let mut lines = Lines::new(source);
    let mut row = 0;
    while let Some(line) = lines.next() {
        let (_, line) = line.map_err(|error| io::Error::other(error.to_string()))?;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        row += 1;
        if wanted.contains(&row) {
            to.write_all(line)?;
            to.write_all(b"\n")?;
        }
    }
    Ok(())
}

/// The members of an object, or the fields of an invoice.
pub(super) struct Members {
    pub(super) line: u64,
    pub(super) members: Map<String, Value>,
}

impl Members {
    fn member(&self, name: &str) -> Option<Cell<'_>> {
        let text = match self.members.get(name)? {
            Value::Null => return None,
            Value::String(text) => text.trim().into(),
            other => other.to_string().into(),
        };
        Some(Cell { column: 0, name: name.to_owned().into(), text })
    }
}

impl Row for Members {
    fn line(&self) -> u64 {
        self.line
    }

    fn cell(&self, field: Key) -> Option<Cell<'_>> {
        let field = field.name();
        self.member(field)
    }

    fn currency(&self) -> Option<Cell<'_>> {
        self.member("currency")
    }
}
