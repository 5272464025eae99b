//! Rows of separated columns, by a mapping. It guesses nothing: separator, encoding, decimal mark
//! and date pattern are the mapping's.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, BufRead, BufReader, Read, Write};

use csv::StringRecord;
use encoding_rs_io::DecodeReaderBytesBuilder;

use super::fields::{FIELDS, Key};
use super::preamble::{Preamble, pass_lines};
use super::rows::{Cell, Row, Rows};
use crate::config::{Column, ConstantOrColumn, Mapping};
use crate::diagnostics::nearest;
use crate::formats::{FieldError, Item, Located, Pace, Reader};

/// Columns of one file.
pub(super) const COLUMNS_MAX: usize = 1_000;

/// Reads rows of columns.
pub struct Columns<R: Read> {
    records: csv::Reader<R>,
    pace: Pace,
    rows: Rows,
    header: Header,
    record: StringRecord,
    pending: VecDeque<Result<Item, FieldError>>,
    row: u64,
    ended: bool,
}

/// The header, and where the fields of the mapping stand in it.
#[derive(Default)]
struct Header {
    names: Vec<String>,
    /// By the field's place in [`FIELDS`].
    fields: Vec<Option<usize>>,
    currency: Option<usize>,
}

/// The text of `source` by `mapping`: what a file says of its encoding itself counts more.
fn decoded<S: BufRead + Send>(source: S, mapping: &Mapping) -> (impl BufRead + Send + use<S>, Pace) {
    let located = Located::new(source, b'\n');
    let pace = located.pace().clone();
    let decoded = DecodeReaderBytesBuilder::new().encoding(Some(mapping.encoding)).bom_override(true).build(located);
    (BufReader::with_capacity(64 << 10, decoded), pace)
}

/// The records of decoded text by `mapping`.
fn records<R: Read>(text: R, mapping: &Mapping) -> csv::Reader<R> {
    csv::ReaderBuilder::new().delimiter(mapping.delimiter).has_headers(false).flexible(true).from_reader(text)
}

/// A reader of `source` by `mapping`.
pub fn reader<S: BufRead + Send>(source: S, mapping: &Mapping) -> Columns<impl Read + Send + use<S>> {
    let (text, pace) = decoded(source, mapping);
    Columns {
        records: records(Preamble::new(text, mapping.skip_lines), mapping),
        pace,
        rows: Rows::new(mapping),
        header: Header::default(),
        record: StringRecord::new(),
        pending: VecDeque::new(),
        row: 0,
        ended: false,
    }
}

/// Writes what stands before the header, the header and the rows of `wanted` numbers as the file has them: separator
/// and encoding are kept, so that they can be fixed and dropped again. A file that says its encoding itself, and one in
/// UTF-16, is copied in UTF-8 that says so.
pub fn copy_rows(
    mut source: impl BufRead + Send, mapping: &Mapping, wanted: &BTreeSet<u64>, to: &mut impl Write,
) -> io::Result<()> {
    let marked = encoding_rs::Encoding::for_bom(source.fill_buf()?).is_some();
    let in_utf_8 = marked || [encoding_rs::UTF_16LE, encoding_rs::UTF_16BE].contains(&mapping.encoding);
    let encoding = if in_utf_8 { encoding_rs::UTF_8 } else { mapping.encoding };
    if in_utf_8 {
        to.write_all("\u{feff}".as_bytes())?;
    }
    let mut write = |text: Vec<u8>| {
        let text = String::from_utf8(text).map_err(io::Error::other)?;
        to.write_all(&encoding.encode(&text).0)
    };
    let (mut text, pace) = decoded(source, mapping);
    let mut before = Vec::new();
    pass_lines(&mut text, mapping.skip_lines, |line| {
        before.extend(line);
        before.push(b'\n');
    })?;
    write(before)?;
    let mut records = records(Preamble::new(text, 0), mapping);
    let mut record = StringRecord::new();
    let mut number = 0_u64;
    let mut header = false;
    while records.read_record(&mut record).map_err(io::Error::other)? {
        pace.record();
        if is_separator_line(&record) || is_blank(&record) {
            continue;
        }
        if header {
            number += 1;
        }
        if !header || wanted.contains(&number) {
            let mut line =
                csv::WriterBuilder::new().delimiter(mapping.delimiter).flexible(true).from_writer(Vec::new());
            line.write_record(&record)?;
            write(line.into_inner().map_err(io::Error::other)?)?;
        }
        header = true;
    }
    Ok(())
}

fn is_blank(record: &StringRecord) -> bool {
    record.iter().all(|field| field.trim().is_empty())
}

/// The line in which some spreadsheets say their separator.
fn is_separator_line(record: &StringRecord) -> bool {
    record.position().is_some_and(|at| at.line() == 1) && record.get(0).is_some_and(|field| field.starts_with("sep="))
}

impl<R: Read + Send> Reader for Columns<R> {
    fn next(&mut self) -> Option<Result<Item, FieldError>> {
        if self.header.names.is_empty() && !self.ended {
            self.read_header();
        }
        if let Some(pending) = self.pending.pop_front() {
            if pending.is_err() {
                // Nothing follows an error that ends the file.
                self.pending.clear();
                self.ended = true;
            }
            return Some(pending);
        }
        if self.ended {
            return None;
        }
        match self.read_record() {
            None => {
                self.ended = true;
                None
            }
            Some(Err(error)) => {
                self.ended = true;
                Some(Err(error))
            }
            Some(Ok(())) => {
                self.row += 1;
                if let Some(error) = self.beyond_header() {
                    return Some(Ok(Item::Refused(self.row, vec![error])));
                }
                let row = Record { header: &self.header, record: &self.record };
                Some(Ok(self.rows.item(self.row, &row)))
            }
        }
    }

    fn bytes_read(&self) -> u64 {
        self.records.position().byte()
    }
}

impl<R: Read> Columns<R> {
    /// Reads the next record that is not blank.
    fn read_record(&mut self) -> Option<Result<(), FieldError>> {
        loop {
            let read = self.records.read_record(&mut self.record);
            self.pace.record();
            match read {
                Ok(false) => return None,
                Ok(true) if is_blank(&self.record) => {}
                Ok(true) => return Some(Ok(())),
                Err(error) => {
                    let line = self.records.position().line();
                    let what = match error.kind() {
                        csv::ErrorKind::Io(error) => error.to_string(),
                        _ => format!("not CSV: {error}"),
                    };
                    return Some(Err(FieldError::wrong(line, 0, "", what)));
                }
            }
        }
    }

    /// A value beyond the last column of the header: a separator in a value has shifted the others.
    fn beyond_header(&self) -> Option<FieldError> {
        let columns = self.header.names.len();
        if self.record.len() <= columns {
            return None;
        }
        let (at, value) = self.record.iter().enumerate().skip(columns).find(|(_, value)| !value.trim().is_empty())?;
        let line = self.record.position().map_or(0, csv::Position::line);
        let column = u64::try_from(at + 1).unwrap_or(0);
        let expected =
            format!("nothing after the {columns} columns of the header: quote a value that holds a separator");
        Some(FieldError::expected(line, column, "", value, expected))
    }

    fn read_header(&mut self) {
        let mut read = self.read_record();
        if matches!(read, Some(Ok(()))) && is_separator_line(&self.record) {
            read = self.read_record();
        }
        match read {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                self.ended = true;
                return self.pending.push_back(Err(error));
            }
            None => {
                self.ended = true;
                let what = "the file has no header line";
                return self.pending.push_back(Err(FieldError::wrong(1, 0, "", what)));
            }
        }
        let names: Vec<String> = self.record.iter().map(|name| name.trim().to_owned()).collect();
        // The parser says where the blank lines before it begin.
        let skipped = u64::try_from(self.rows.mapping().skip_lines).unwrap_or(0);
        let line = self.record.position().map_or(1, csv::Position::line).max(skipped + 1);
        if names.len() > COLUMNS_MAX {
            self.ended = true;
            let what = format!("the header has {} columns, the most there can be are {COLUMNS_MAX}", names.len());
            return self.pending.push_back(Err(FieldError::wrong(line, 0, "", what)));
        }
        let mapping = self.rows.mapping();
        let mapped = |name: &str| {
            let currency = matches!(&mapping.currency, ConstantOrColumn::Column(Column(c)) if c == name);
            currency
                || mapping.columns.values().any(|Column(column)| column == name)
                || mapping.ignored.iter().any(|column| column == name)
        };
        for (at, name) in names.iter().enumerate() {
            if !name.is_empty() && !mapped(name) {
                let what = format!("column \"{name}\" is not in mapping \"{}\" and is not read", mapping.name);
                let column = u64::try_from(at + 1).unwrap_or(0);
                self.pending.push_back(Ok(Item::Note(FieldError::wrong(line, column, name, what))));
            }
        }
        let place = |Column(column): &Column| names.iter().position(|name| name == column);
        let fields = FIELDS.iter().map(|(field, _)| place(mapping.columns.get(field)?));
        let fields = fields.collect();
        let currency = match &mapping.currency {
            ConstantOrColumn::Column(column) => place(column),
            ConstantOrColumn::Constant(_) => None,
        };
        self.header = Header { fields, currency, names };
        self.check_columns(line);
    }

    /// Reports columns of the mapping that are not there; without a needed one nothing is read.
    fn check_columns(&mut self, line: u64) {
        let mapping = self.rows.mapping();
        let mut missing: Vec<(String, bool)> = Vec::new();
        for (field, Column(column)) in &mapping.columns {
            missing.push((column.clone(), mapping.needs(field)));
        }
        if let ConstantOrColumn::Column(Column(column)) = &mapping.currency {
            missing.push((column.clone(), true));
        }
        missing.retain(|(column, _)| !self.header.names.contains(column));
        if let [only] = self.header.names.as_slice()
            && missing.iter().any(|(_, needed)| *needed)
        {
            let separator = char::from(mapping.delimiter);
            let what =
                format!("the header is one column: the separator of mapping \"{}\" is \"{separator}\"", mapping.name);
            self.pending = VecDeque::from([Err(FieldError::expected(line, 1, "", only, what))]);
            self.ended = true;
            return;
        }
        let mut errors: Vec<(String, String)> = Vec::new();
        for (column, needed) in missing {
            let near = nearest(&column, self.header.names.iter().map(String::as_str));
            let near = near.map(|near| format!("; \"{near}\" is there")).unwrap_or_default();
            let what = format!("column \"{column}\" of mapping \"{}\" is missing{near}", mapping.name);
            if needed {
                errors.push((column, what));
            } else {
                self.pending.push_back(Ok(Item::Note(FieldError::wrong(line, 0, &column, what))));
            }
        }
        if let Some((first, _)) = errors.first() {
            let whats: Vec<&str> = errors.iter().map(|(_, what)| what.as_str()).collect();
            self.ended = true;
            self.pending.push_back(Err(FieldError::wrong(line, 0, first, whats.join(", "))));
        }
    }
}

/// One record under its header.
struct Record<'a> {
    header: &'a Header,
    record: &'a StringRecord,
}

impl Record<'_> {
    fn at(&self, place: usize) -> Cell<'_> {
        Cell {
            column: u64::try_from(place + 1).unwrap_or(0),
            name: self.header.names.get(place).map_or("", String::as_str).into(),
            text: self.record.get(place).unwrap_or_default().trim().into(),
        }
    }
}

impl Row for Record<'_> {
    fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    fn cell(&self, field: Key) -> Option<Cell<'_>> {
        let place = self.header.fields.get(field.place()).copied().flatten()?;
        Some(self.at(place))
    }

    fn currency(&self) -> Option<Cell<'_>> {
        self.header.currency.map(|place| self.at(place))
    }
}
