//! CFONB 240: direct debits and bills of exchange that came back, in records of 240 bytes.
//!
//! `31` header, `34` transaction, `39` total. The transactions of a batch must add up to its
//! total. Source: CFONB, remises informatisées, opérations restituées.

use std::collections::VecDeque;
use std::io::BufRead;
use std::ops::ControlFlow;

use quittance_actors::transfer::ReturnReason;
use quittance_actors::values::{Currency, Money, french_iban};

use super::text::{reference, short, six_digit_date};
use super::{Detail, Entry, Found, Kind, Piece, Statement, Stepped, Steps};
use crate::formats::FieldError;
use crate::formats::lines::{Lines, text};

const RECORD_BYTES: usize = 240;

/// Reads rejects of CFONB 240.
pub struct Cfonb240<R> {
    lines: Lines<R>,
    batch: Option<Box<Statement>>,
    row: u64,
    batches: u64,
    ready: Found,
}

/// The pieces of `source`.
pub fn statements<R: BufRead + Send>(source: R) -> Stepped<Cfonb240<R>> {
    Stepped::new(Cfonb240 { lines: Lines::new(source), batch: None, row: 0, batches: 0, ready: VecDeque::new() })
}

impl<R: BufRead + Send> Steps for Cfonb240<R> {
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

fn columns(record: &[u8], from: usize, to: usize) -> &[u8] {
    record.get(from - 1..to.min(record.len())).unwrap_or_default()
}

fn field(record: &[u8], from: usize, to: usize) -> String {
    text(columns(record, from, to)).trim().to_owned()
}

/// The amount of columns 229 to 240, in cents.
fn amount(record: &[u8]) -> Option<i64> {
    let digits = columns(record, 229, 240);
    let fits = digits.len() == 12 && digits.iter().all(u8::is_ascii_digit);
    fits.then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
}

impl<R: BufRead> Cfonb240<R> {
    fn read(&mut self) -> Result<ControlFlow<()>, FieldError> {
        let record = self.lines.record(RECORD_BYTES).transpose()?;
        let Some((line, record)) = record.map(|(line, record)| (line, record.to_vec())) else {
            if let Some(batch) = self.batch.take() {
                let what = "the file ends before record 39, the total: it is cut short";
                return Err(FieldError::wrong(batch.line, 0, "39", what));
            }
            if self.batches == 0 {
                let what = "the file holds no batch: there is no record 31";
                return Err(FieldError::wrong(self.lines.line(), 0, "", what));
            }
            return Ok(ControlFlow::Break(()));
        };
        self.record(&record, line)?;
        Ok(ControlFlow::Continue(()))
    }

    fn record(&mut self, record: &[u8], line: u64) -> Result<(), FieldError> {
        if record.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0x1a) {
            return Ok(());
        }
        match columns(record, 1, 2) {
            b"31" => self.open(record, line),
            b"34" => self.transaction(record, line),
            b"39" => self.close(record, line),
            other => {
                let other = text(other).into_owned();
                Err(FieldError::expected(line, 1, "code enregistrement", &other, "31, 34 or 39"))
            }
        }
    }

    fn open(&mut self, record: &[u8], line: u64) -> Result<(), FieldError> {
        if let Some(before) = &self.batch {
            let what = format!("a batch opens before that of line {} is closed by a record 39", before.line);
            return Err(FieldError::wrong(line, 1, "31", what));
        }
        self.batches += 1;
        let (bank, branch, number) = (field(record, 22, 26), field(record, 27, 31), field(record, 32, 42));
        let iban = french_iban(&bank, &branch, &number).ok();
        let account =
            iban.as_ref().map_or_else(|| format!("{bank} {branch} {number}"), |iban| iban.electronic().to_owned());
        let on = six_digit_date(columns(record, 11, 16), false);
        let batch = Box::new(Statement {
            kind: Kind::Rejects,
            line,
            id: on.map(|day| format!("rejects of {day}")).unwrap_or_default(),
            account,
            iban,
            currency: Some(Currency::EUR),
            opened_on: on,
            closed_on: on,
            ..Statement::default()
        });
        self.ready.push_back(Ok(Piece::Opened(batch.clone())));
        self.batch = Some(batch);
        Ok(())
    }

    fn transaction(&mut self, record: &[u8], line: u64) -> Result<(), FieldError> {
        if self.batch.is_none() {
            return Err(FieldError::wrong(line, 1, "34", "a transaction outside a batch: no record 31 before it"));
        }
        self.row += 1;
        let mut errors = Vec::new();
        let minor = amount(record);
        if minor.is_none() {
            let value = text(columns(record, 229, 240)).into_owned();
            errors.push(FieldError::expected(line, 229, "montant", &value, "twelve digits"));
        }
        let booked_on = six_digit_date(columns(record, 11, 16), false);
        if booked_on.is_none() {
            let value = text(columns(record, 11, 16)).into_owned();
            errors.push(FieldError::expected(line, 11, "date de règlement", &value, "a date DDMMYY that exists"));
        }
        if !errors.is_empty() {
            self.ready.push_back(Ok(Piece::Refused(self.row, errors)));
            return Ok(());
        }
        let mut detail = Detail { unstructured: field(record, 129, 216), ..Detail::default() };
        reference(&field(record, 123, 128)).clone_into(&mut detail.end_to_end);
        detail.payer_name = field(record, 43, 66);
        let more = &mut detail.particulars;
        more.code = field(record, 9, 10).into();
        more.payer_account = field(record, 22, 42).into();
        more.payee = short(&field(record, 99, 122), 35);
        more.instruction_id = reference(&field(record, 223, 228)).into();
        more.returned = Some(ReturnReason { code: field(record, 9, 10).into(), text: Default::default() });
        let entry = Entry {
            row: self.row,
            line,
            amount: minor.map(|minor| Money::from_minor(minor, Currency::EUR)),
            debit: Some(true),
            booked_on,
            details: vec![detail],
            ..Entry::default()
        };
        self.ready.push_back(Ok(Piece::Entry(Box::new(entry))));
        Ok(())
    }

    fn close(&mut self, record: &[u8], line: u64) -> Result<(), FieldError> {
        let Some(mut batch) = self.batch.take() else {
            return Err(FieldError::wrong(line, 1, "39", "a total without a batch: no record 31 before it"));
        };
        let Some(total) = amount(record) else {
            let value = text(columns(record, 229, 240)).into_owned();
            return Err(FieldError::expected(line, 229, "montant total", &value, "twelve digits"));
        };
        (batch.total, batch.line) = (Some(-total), line);
        self.ready.push_back(Ok(Piece::Closed(batch)));
        Ok(())
    }
}
