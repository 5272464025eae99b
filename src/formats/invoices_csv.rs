//! Pending invoices of an ERP as CSV, by a mapping of columns. It guesses nothing: separator,
//! encoding, decimal mark and date pattern are the mapping's.

use std::io::{BufRead, BufReader, Read};

use csv::StringRecord;
use encoding_rs_io::DecodeReaderBytesBuilder;
use quittance_actors::customer::{Gives, Kind, Profile};
use quittance_actors::limits;
use quittance_actors::runtime::{CustomerRow, Intake, InvoiceRow};
use quittance_actors::values::{Currency, Date, EmailAddress, Language, Money, PhoneNumber};

use super::{FieldError, Item, Located, Pace, Reader};
use crate::config::{Column, ConstantOrColumn, Mapping};
use crate::diagnostics::nearest;

/// Reads invoices row by row.
pub struct InvoicesCsv<R: Read> {
    records: csv::Reader<R>,
    pace: Pace,
    mapping: Mapping,
    header: Vec<String>,
    pending: Vec<Result<Item, FieldError>>,
    row: u64,
    ended: bool,
}

/// A reader of `source` by `mapping`.
pub fn reader<S: BufRead + Send>(source: S, mapping: &Mapping) -> InvoicesCsv<impl Read + Send + use<S>> {
    let located = Located::new(source, b'\n');
    let pace = located.pace().clone();
    let decoded = DecodeReaderBytesBuilder::new().encoding(Some(mapping.encoding)).bom_override(true).build(located);
    let records = csv::ReaderBuilder::new()
        .delimiter(mapping.delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(BufReader::new(decoded));
    let (mapping, header) = (mapping.clone(), Vec::new());
    InvoicesCsv { records, pace, mapping, header, pending: Vec::new(), row: 0, ended: false }
}

impl<R: Read + Send> Reader for InvoicesCsv<R> {
    fn next(&mut self) -> Option<Result<Item, FieldError>> {
        if self.header.is_empty() && !self.ended {
            self.read_header();
        }
        if !self.pending.is_empty() {
            return Some(self.pending.remove(0));
        }
        if self.ended {
            return None;
        }
        match self.record() {
            None => {
                self.ended = true;
                None
            }
            Some(Err(error)) => {
                self.ended = true;
                Some(Err(error))
            }
            Some(Ok(record)) => {
                self.row += 1;
                Some(Ok(self.row(&record)))
            }
        }
    }

    fn bytes_read(&self) -> u64 {
        self.records.position().byte()
    }
}

impl<R: Read> InvoicesCsv<R> {
    /// The next record that is not blank.
    fn record(&mut self) -> Option<Result<StringRecord, FieldError>> {
        let mut record = StringRecord::new();
        loop {
            let read = self.records.read_record(&mut record);
            self.pace.record();
            match read {
                Ok(false) => return None,
                Ok(true) if record.iter().all(|field| field.trim().is_empty()) => {}
                Ok(true) => return Some(Ok(record)),
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

    fn read_header(&mut self) {
        let record = match self.record() {
            Some(Ok(record)) => record,
            Some(Err(error)) => {
                self.ended = true;
                return self.pending.push(Err(error));
            }
            None => {
                self.ended = true;
                let what = "the file has no header line";
                return self.pending.push(Err(FieldError::wrong(1, 0, "", what)));
            }
        };
        self.header = record.iter().map(|name| name.trim().to_owned()).collect();
        let line = record.position().map_or(1, csv::Position::line);
        let mapped = |name: &str| {
            let currency = matches!(&self.mapping.currency, ConstantOrColumn::Column(Column(c)) if c == name);
            currency
                || self.mapping.columns.values().any(|Column(column)| column == name)
                || self.mapping.ignored.iter().any(|column| column == name)
        };
        for (at, name) in self.header.iter().enumerate() {
            if !name.is_empty() && !mapped(name) {
                let what = format!("column \"{name}\" is not in mapping \"{}\" and is not read", self.mapping.name);
                let column = u64::try_from(at + 1).unwrap_or(0);
                self.pending.push(Ok(Item::Note(FieldError::wrong(line, column, name, what))));
            }
        }
        self.check_columns(line);
    }

    /// Reports columns of the mapping that are not there; without a needed one nothing is read.
    fn check_columns(&mut self, line: u64) {
        let mut missing: Vec<(String, bool)> = Vec::new();
        for (field, Column(column)) in &self.mapping.columns {
            missing.push((column.clone(), Mapping::needs(field)));
        }
        if let ConstantOrColumn::Column(Column(column)) = &self.mapping.currency {
            missing.push((column.clone(), true));
        }
        missing.retain(|(column, _)| !self.header.contains(column));
        if let [only] = self.header.as_slice()
            && missing.iter().any(|(_, needed)| *needed)
        {
            let separator = char::from(self.mapping.delimiter);
            let what = format!(
                "the header is one column: the separator of mapping \"{}\" is \"{separator}\"",
                self.mapping.name
            );
            self.pending = vec![Err(FieldError::expected(line, 1, "", only, what))];
            self.ended = true;
            return;
        }
        for (column, needed) in missing {
            let near = nearest(&column, self.header.iter().map(String::as_str));
            let near = near.map(|near| format!("; \"{near}\" is there")).unwrap_or_default();
            let what = format!("column \"{column}\" of mapping \"{}\" is missing{near}", self.mapping.name);
            let error = FieldError::wrong(line, 0, &column, what);
            self.ended |= needed;
            self.pending.push(if needed { Err(error) } else { Ok(Item::Note(error)) });
        }
    }

    fn row(&self, record: &StringRecord) -> Item {
        let mut fields = Fields { csv: self, record, errors: Vec::new() };
        let invoice = fields.invoice();
        let errors = fields.errors;
        match invoice {
            Some(invoice) if errors.is_empty() => Item::Row(self.row, Intake::Invoice(Box::new(invoice))),
            _ => Item::Refused(self.row, errors),
        }
    }
}

/// The fields of one record, and everything wrong with them.
struct Fields<'a, R: Read> {
    csv: &'a InvoicesCsv<R>,
    record: &'a StringRecord,
    errors: Vec<FieldError>,
}

impl<R: Read> Fields<'_, R> {
    fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    /// The text of a column: its place, its name, its value.
    fn column(&self, column: &Column) -> Option<(u64, String, String)> {
        let at = self.csv.header.iter().position(|name| *name == column.0)?;
        let value = self.record.get(at).unwrap_or_default().trim().to_owned();
        Some((u64::try_from(at + 1).unwrap_or(0), column.0.clone(), value))
    }

    fn field(&self, name: &str) -> Option<(u64, String, String)> {
        self.csv.mapping.columns.get(name).and_then(|column| self.column(column))
    }

    fn parse<T>(&mut self, name: &str, expected: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let (column, field, value) = self.field(name)?;
        if value.contains('\u{fffd}') {
            let encoding = self.csv.mapping.encoding.name();
            let expected = format!("text in {encoding}, the encoding of the mapping");
            self.errors.push(FieldError::expected(self.line(), column, &field, &value, expected));
            return None;
        }
        let parsed = parse(&value);
        if parsed.is_none() {
            self.errors.push(FieldError::expected(self.line(), column, &field, &value, expected));
        }
        parsed
    }

    /// A field that may be empty.
    fn optional<T>(&mut self, name: &str, expected: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let (_, _, value) = self.field(name)?;
        if value.is_empty() { None } else { self.parse(name, expected, parse) }
    }

    fn text(&mut self, name: &str, characters_max: usize) -> Option<String> {
        let expected = format!("1 to {characters_max} characters");
        self.parse(name, &expected, |value| {
            let fits = (1..=characters_max).contains(&value.chars().count());
            (fits && !value.chars().any(char::is_control)).then(|| value.to_owned())
        })
    }

    fn invoice(&mut self) -> Option<InvoiceRow> {
        let external_ref = self.text("invoice", limits::EXTERNAL_REFERENCE_CHARACTERS_MAX);
        let customer_ref = self.text("customer", limits::EXTERNAL_REFERENCE_CHARACTERS_MAX);
        let amount = self.amount();
        let pattern = self.csv.mapping.date.clone();
        let expected = format!("a date that exists, written {}", written(&pattern));
        let due_on = self.parse("due_on", &expected, |value| Date::parse_as(&pattern, value).ok());
        let issued_on = self.optional("issued_on", &expected, |value| Date::parse_as(&pattern, value).ok());
        let description = self.optional("description", "at most 500 characters", |value| {
            (value.chars().count() <= limits::DESCRIPTION_CHARACTERS_MAX).then(|| value.to_owned())
        });
        let customer = self.customer(customer_ref.as_deref());
        Some(InvoiceRow {
            customer,
            customer_ref: customer_ref?,
            external_ref: external_ref?,
            amount: amount?,
            issued_on,
            due_on: due_on?,
            description: description.unwrap_or_default(),
            scenario: None,
        })
    }

    fn amount(&mut self) -> Option<Money> {
        let currency = match self.csv.mapping.currency.clone() {
            ConstantOrColumn::Constant(currency) => Some(currency),
            ConstantOrColumn::Column(column) => self.currency(&column),
        }?;
        let decimal = self.csv.mapping.decimal;
        let expected = match decimal {
            quittance_actors::values::DecimalMark::Comma => "an amount above zero, written 1250,00",
            quittance_actors::values::DecimalMark::Point => "an amount above zero, written 1250.00",
        };
        self.parse("amount", expected, |value| {
            let money = Money::parse(value, currency, decimal).ok()?;
            (money.is_positive() && money.minor() <= limits::AMOUNT_MINOR_MAX).then_some(money)
        })
    }

    fn currency(&mut self, column: &Column) -> Option<Currency> {
        let (at, field, value) = self.column(column)?;
        let currency = Currency::parse(&value).ok();
        if currency.is_none() {
            let expected = "an ISO 4217 code such as EUR";
            self.errors.push(FieldError::expected(self.line(), at, &field, &value, expected));
        }
        currency
    }

    /// The customer, if the row describes one.
    fn customer(&mut self, external_ref: Option<&str>) -> Option<CustomerRow> {
        let name = self.optional("name", "at most 140 characters", |value| {
            (value.chars().count() <= limits::NAME_CHARACTERS_MAX).then(|| value.to_owned())
        })?;
        let email = self.optional("email", "an e-mail address, name@domain", |value| EmailAddress::parse(value).ok());
        let country = self.csv.mapping.phone_country.clone();
        let phone =
            self.optional("phone", "a phone number", |value| PhoneNumber::parse(value, country.as_deref()).ok());
        let language = self.optional("language", "fr or en", |value| Language::parse(value).ok());
        let gives =
            Gives { kind: false, email: email.is_some(), phone: phone.is_some(), language: language.is_some() };
        Some(CustomerRow {
            gives,
            profile: Profile {
                external_ref: external_ref?.into(),
                kind: Kind::Business,
                name: name.into(),
                email,
                phone,
                language: language.unwrap_or_default(),
            },
        })
    }
}

/// A date pattern as people write it.
fn written(pattern: &str) -> String {
    pattern.replace("%d", "DD").replace("%m", "MM").replace("%Y", "YYYY").replace("%y", "YY")
}
