//! BAI2: cash management statements, records of comma-separated fields that a slash ends.
//!
//! `01` file, `02` group, `03` account, `16` detail, `88` continuation, `49` `98` `99` trailers.
//! The text of a detail is the rest of its record, commas and slashes included. The control
//! total of an account is the sum of its amounts as they are written, and is checked.
//! Source: BAI Cash Management Balance Reporting Specifications, version 2.

use std::collections::VecDeque;
use std::io::BufRead;
use std::ops::ControlFlow;

use quittance_actors::limits;
use quittance_actors::values::{Currency, Date, Money};

use super::text::{CURRENCY, REFERENCE_CHARACTERS_MAX, append, cut, reference, six_digit_date};
use super::{Detail, Entry, Found, Piece, Statement, Stepped, Steps};
use crate::formats::FieldError;
use crate::formats::lines::{Lines, text};

/// Bytes of one record with its continuations.
const RECORD_BYTES_MAX: usize = 64 << 10;
/// Records of one line: banks that break none write few.
const RECORDS_OF_A_LINE_MAX: usize = 1_000;
/// Codes of records.
const CODES: [&str; 8] = ["01", "02", "03", "16", "49", "88", "98", "99"];

/// Reads statements of BAI2.
pub struct Bai2<R> {
    lines: Lines<R>,
    record: String,
    record_line: u64,
    statement: Option<Box<Statement>>,
    announced: bool,
    group_currency: Option<Currency>,
    as_of: Option<Date>,
    raw_sum: i64,
    /// Accounts of the group and the sum of their control totals.
    group: (u64, i64),
    row: u64,
    recognised: bool,
    ready: Found,
}

/// The pieces of `source`.
pub fn statements<R: BufRead + Send>(source: R) -> Stepped<Bai2<R>> {
    Stepped::new(Bai2 {
        lines: Lines::new(source),
        record: String::new(),
        record_line: 0,
        statement: None,
        announced: false,
        group_currency: None,
        as_of: None,
        raw_sum: 0,
        group: (0, 0),
        row: 0,
        recognised: false,
        ready: VecDeque::new(),
    })
}

impl<R: BufRead + Send> Steps for Bai2<R> {
    fn step(&mut self) -> Result<ControlFlow<()>, FieldError> {
        self.read()
    }

    fn found(&mut self) -> &mut Found {
        &mut self.ready
    }

    fn bytes_read(&self) -> u64 {
        self.lines.bytes_read()
    }
}

/// Whether a text begins with the code of a record.
fn begins_record(text: &str) -> bool {
    text.get(..2).is_some_and(|code| CODES.contains(&code)) && matches!(text.as_bytes().get(2), Some(b',' | b'/'))
}

/// Whether what looks like the code of a record is one: a detail has a type code of three digits,
/// a trailer a total. A text may hold the rest.
fn is_record(text: &str) -> bool {
    let second = text.split(',').nth(1).unwrap_or_default().trim();
    match text.get(..2) {
        Some("16") => second.len() == 3 && second.bytes().all(|byte| byte.is_ascii_digit()),
        Some("49" | "98" | "99") => second.parse::<i64>().is_ok(),
        _ => true,
    }
}

/// Parts a line in which several records stand, each after the slash of the one before.
fn parted(line: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, _) in line.match_indices('/') {
        let rest = line.get(at + 1..).unwrap_or_default();
        let blank = rest.len() - rest.trim_start().len();
        if blank > 0 && begins_record(rest.trim_start()) && is_record(rest.trim_start()) {
            parts.push(line.get(from..=at).unwrap_or_default());
            from = at + 1 + blank;
        }
    }
    parts.push(line.get(from..).unwrap_or_default());
    parts
}

impl<R: BufRead> Bai2<R> {
    fn read(&mut self) -> Result<ControlFlow<()>, FieldError> {
        let Some(line) = self.lines.next() else {
            self.end_record()?;
            let line = self.lines.line();
            if let Some(statement) = &self.statement {
                let what = "the file ends before the trailer 49 of the account: it is cut short";
                return Err(FieldError::wrong(statement.line, 0, "49", what));
            }
            return match self.recognised {
                true => Ok(ControlFlow::Break(())),
                false => Err(FieldError::wrong(line, 0, "", "the file holds no record 01, the file header")),
            };
        };
        let (number, line) = line?;
        let line = text(line).into_owned();
        let parts = parted(line.trim_end());
        if parts.len() > RECORDS_OF_A_LINE_MAX {
            let what = format!("a line holds more than {RECORDS_OF_A_LINE_MAX} records");
            return Err(FieldError::wrong(number, 0, "", what));
        }
        for part in parts {
            let part = part.trim_start();
            if let Some(more) = part.strip_prefix("88,").filter(|_| !self.record.is_empty()) {
                self.go_on(more, number)?;
            } else if begins_record(part) {
                self.end_record()?;
                self.record.push_str(part);
                self.record_line = number;
            } else if !part.is_empty() {
                if self.record.is_empty() {
                    let expected = "a record 01, 02, 03, 16, 49, 88, 98 or 99";
                    return Err(FieldError::expected(number, 1, "record code", part, expected));
                }
                self.go_on(part, number)?;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// A continuation: of the text of a detail, or of the fields of another record.
    fn go_on(&mut self, more: &str, line: u64) -> Result<(), FieldError> {
        if self.record.len() + more.len() > RECORD_BYTES_MAX {
            let what = format!("a record is longer than {} KiB", RECORD_BYTES_MAX >> 10);
            return Err(FieldError::wrong(line, 0, "88", what));
        }
        let ends = self.record.trim_end();
        let ends = ends.strip_suffix('/').unwrap_or(ends).len();
        self.record.truncate(ends);
        let detail = self.record.starts_with("16");
        self.record.push(if detail { '\n' } else { ',' });
        self.record.push_str(more.trim());
        Ok(())
    }

    fn end_record(&mut self) -> Result<(), FieldError> {
        let record = std::mem::take(&mut self.record);
        let line = self.record_line;
        let bare = record.trim_end();
        let bare = bare.strip_suffix('/').unwrap_or(bare);
        match record.get(..2) {
            Some("01") => self.recognised = true,
            Some("02") => self.group(bare, line)?,
            Some("03") => self.account(bare, line)?,
            Some("16") => self.detail(bare, line)?,
            Some("49") => self.trailer(bare, line)?,
            Some("98") => self.group_trailer(bare, line)?,
            _ => {}
        }
        Ok(())
    }

    fn group(&mut self, record: &str, line: u64) -> Result<(), FieldError> {
        let fields: Vec<&str> = record.split(',').map(str::trim).collect();
        let as_of = fields.get(4).copied().unwrap_or_default();
        let date = six_digit_date(as_of.as_bytes(), true);
        let expected = || FieldError::expected(line, 5, "as-of date", as_of, "a date YYMMDD that exists");
        self.as_of = Some(date.ok_or_else(expected)?);
        self.group = (0, 0);
        self.group_currency = fields.get(6).and_then(|code| Currency::parse(code).ok());
        Ok(())
    }

    fn account(&mut self, record: &str, line: u64) -> Result<(), FieldError> {
        if let Some(before) = &self.statement {
            let what = format!("an account opens before that of line {} is closed by a record 49", before.line);
            return Err(FieldError::wrong(line, 1, "03", what));
        }
        let fields: Vec<&str> = record.split(',').map(str::trim).collect();
        let code = fields.get(2).copied().unwrap_or_default();
        let currency = match code {
            // The specification's default.
            "" => self.group_currency.or_else(|| Currency::parse("USD").ok()),
            code => {
                let parsed = Currency::parse(code);
                Some(parsed.map_err(|_| FieldError::expected(line, 3, "currency", code, CURRENCY))?)
            }
        };
        let mut statement = Statement {
            line,
            account: cut(fields.get(1).copied().unwrap_or_default(), REFERENCE_CHARACTERS_MAX),
            currency,
            opened_on: self.as_of,
            closed_on: self.as_of,
            id: self.as_of.map(|day| day.to_string()).unwrap_or_default(),
            ..Statement::default()
        };
        self.raw_sum = 0;
        let mut rest = fields.get(3..).unwrap_or_default();
        while let [kind, amount, more @ ..] = rest {
            let minor = match amount.is_empty() {
                true => None,
                false => Some(amount.parse::<i64>().map_err(|_| {
                    FieldError::expected(line, 0, "summary amount", amount, "digits of the minor unit, signed or not")
                })?),
            };
            self.raw_sum = self.raw_sum.saturating_add(minor.unwrap_or(0));
            match *kind {
                "010" => statement.opening = minor,
                "015" => statement.closing = minor,
                _ => {}
            }
            let more = more.get(1..).unwrap_or_default(); // The item count.
            let (_, after) = funds(more);
            rest = after;
        }
        self.statement = Some(Box::new(statement));
        self.announced = false;
        Ok(())
    }

    fn detail(&mut self, record: &str, line: u64) -> Result<(), FieldError> {
        let Some(statement) = &self.statement else {
            return Err(FieldError::wrong(line, 1, "16", "a detail outside an account: no record 03 before it"));
        };
        if !self.announced {
            self.announced = true;
            self.ready.push_back(Ok(Piece::Opened(statement.clone())));
        }
        let currency = statement.currency.unwrap_or(Currency::EUR);
        self.row += 1;
        let (head, continued) = record.split_once('\n').unwrap_or((record, ""));
        let fields: Vec<&str> = head.split(',').collect();
        let code = fields.get(1).copied().unwrap_or_default().trim();
        let amount = fields.get(2).copied().unwrap_or_default().trim();
        let refuse = |column: u64, field: &str, value: &str, expected: &str| {
            Piece::Refused(self.row, vec![FieldError::expected(line, column, field, value, expected)])
        };
        let minor = if amount.is_empty() { Some(0) } else { amount.parse::<i64>().ok() };
        let Some(minor) =
            minor.filter(|minor| minor.checked_abs().is_some_and(|minor| minor <= limits::AMOUNT_MINOR_MAX))
        else {
            let piece = refuse(3, "amount", amount, "digits of the minor unit");
            self.ready.push_back(Ok(piece));
            return Ok(());
        };
        self.raw_sum = self.raw_sum.saturating_add(minor);
        let debit = match code.parse::<u16>() {
            Ok(100..=399) => minor < 0,
            Ok(400..=699) => minor >= 0,
            Ok(890) => return Ok(()), // It moves no money.
            _ => {
                let piece = refuse(2, "type code", code, "100 to 399 for a credit, 400 to 699 for a debit");
                self.ready.push_back(Ok(piece));
                return Ok(());
            }
        };
        let (value_date, after) = funds(fields.get(3..).unwrap_or_default());
        let bank = after.first().copied().unwrap_or_default();
        let own = after.get(1).copied().unwrap_or_default();
        let mut detail = Detail::default();
        append(&mut detail.unstructured, after.get(2..).unwrap_or_default().join(",").trim(), usize::MAX);
        reference(own).chars().take(35).collect::<String>().clone_into(&mut detail.end_to_end);
        named(&mut detail, continued, debit);
        let mut entry = Entry {
            row: self.row,
            line,
            amount: Some(Money::from_minor(minor.abs(), currency)),
            debit: Some(debit),
            booked_on: self.as_of,
            servicer_reference: reference(bank).chars().take(REFERENCE_CHARACTERS_MAX).collect(),
            details: vec![detail],
            ..Entry::default()
        };
        entry.particulars.code = code.into();
        entry.particulars.valued_on = value_date;
        self.ready.push_back(Ok(Piece::Entry(Box::new(entry))));
        Ok(())
    }

    fn trailer(&mut self, record: &str, line: u64) -> Result<(), FieldError> {
        let Some(mut statement) = self.statement.take() else {
            return Err(FieldError::wrong(line, 1, "49", "a trailer without an account: no record 03 before it"));
        };
        if !self.announced {
            self.ready.push_back(Ok(Piece::Opened(statement.clone())));
        }
        let total = record.split(',').nth(1).unwrap_or_default().trim();
        match total.parse::<i64>() {
            Ok(total) if total == self.raw_sum => self.group = (self.group.0 + 1, self.group.1.saturating_add(total)),
            Ok(_) => {
                let expected = format!("the sum of the amounts of the account, {}", self.raw_sum);
                return Err(FieldError::expected(line, 2, "account control total", total, expected));
            }
            Err(_) => return Err(FieldError::expected(line, 2, "account control total", total, "digits")),
        }
        statement.line = line;
        self.ready.push_back(Ok(Piece::Closed(statement)));
        Ok(())
    }

    /// `98`: the sum of the control totals of the group's accounts, and how many they are.
    fn group_trailer(&self, record: &str, line: u64) -> Result<(), FieldError> {
        let mut fields = record.split(',').skip(1).map(str::trim);
        let (total, accounts) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let (found, sum) = self.group;
        if total.parse::<i64>().ok() != Some(sum) {
            let expected = format!("the sum of the control totals of the accounts, {sum}");
            return Err(FieldError::expected(line, 2, "group control total", total, expected));
        }
        if accounts.parse::<u64>().is_ok_and(|accounts| accounts != found) {
            let expected = format!("the number of accounts of the group, {found}");
            return Err(FieldError::expected(line, 3, "number of accounts", accounts, expected));
        }
        Ok(())
    }
}

/// Passes over the funds type and what belongs to it; gives the value date if there is one.
fn funds<'a>(fields: &'a [&'a str]) -> (Option<Date>, &'a [&'a str]) {
    let rest = fields.get(1..).unwrap_or_default();
    let skip = |count: usize| rest.get(count..).unwrap_or_default();
    match fields.first().map(|kind| kind.trim()) {
        Some("S") => (None, skip(3)),
        Some("V") => (rest.first().and_then(|day| six_digit_date(day.trim().as_bytes(), true)), skip(2)),
        Some("D") => {
            let pairs: usize = rest.first().and_then(|count| count.trim().parse().ok()).unwrap_or(0);
            (None, skip(pairs.saturating_mul(2).saturating_add(1)))
        }
        _ => (None, rest),
    }
}

/// Continuations with keys, as some banks write them; the others are text.
fn named(detail: &mut Detail, continued: &str, debit: bool) {
    for line in continued.lines() {
        let line = line.trim();
        let (key, value) = line.split_once(": ").unwrap_or(("", line));
        let value = value.trim().trim_end_matches('/');
        match key {
            "EREF" => reference(value).chars().take(35).collect::<String>().clone_into(&mut detail.end_to_end),
            "REMI" => append(&mut detail.unstructured, value, usize::MAX),
            "DBNM" if !debit => value.clone_into(&mut detail.payer_name),
            "CRNM" => detail.particulars.payee = super::text::short(value, REFERENCE_CHARACTERS_MAX),
            "DACT" if !debit => {
                detail.particulars.payer_account = super::text::short(value, REFERENCE_CHARACTERS_MAX)
            }
            "CACT" => detail.particulars.payee_account = super::text::short(value, REFERENCE_CHARACTERS_MAX),
            _ => append(&mut detail.unstructured, line.trim_end_matches('/'), usize::MAX),
        }
    }
}
