//! Norma 43: account statements of Spanish banks, in records of 80 bytes.
//!
//! `11` account, `22` movement, `23` complement, `24` amount in another currency, `33` end of the
//! account with its totals, `88` end of the file with the number of records.
//! Source: AEB, Cuaderno 43, información normalizada de cuenta corriente.

use std::collections::VecDeque;
use std::io::BufRead;
use std::ops::ControlFlow;

use quittance_actors::values::{Currency, Date, Iban, Money};

use super::text::{cut, push_bounded, reference, six_digit_date};
use super::{Detail, Entry, Found, Piece, Statement, Stepped, Steps};
use crate::formats::FieldError;
use crate::formats::lines::{Lines, text};

const RECORD_BYTES: usize = 80;
/// Characters of remittance information that are kept.
const TEXT_CHARACTERS_MAX: usize = 500;

/// Reads statements of Norma 43.
pub struct Norma43<R> {
    lines: Lines<R>,
    account: Option<Account>,
    entry: Option<Box<Entry>>,
    row: u64,
    records: u64,
    accounts: u64,
    ready: Found,
}

/// An account under way, and what its entries add up to.
struct Account {
    statement: Box<Statement>,
    currency: Currency,
    debits: (u64, i64),
    credits: (u64, i64),
}

/// The pieces of `source`.
pub fn statements<R: BufRead + Send>(source: R) -> Stepped<Norma43<R>> {
    Stepped::new(Norma43 {
        lines: Lines::new(source),
        account: None,
        entry: None,
        row: 0,
        records: 0,
        accounts: 0,
        ready: VecDeque::new(),
    })
}

impl<R: BufRead + Send> Steps for Norma43<R> {
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

/// A record and its line.
struct Record {
    bytes: Vec<u8>,
    line: u64,
}

impl Record {
    /// The bytes of columns `from` to `to`, from 1.
    fn columns(&self, from: usize, to: usize) -> &[u8] {
        self.bytes.get(from - 1..to.min(self.bytes.len())).unwrap_or_default()
    }

    fn text(&self, from: usize, to: usize) -> String {
        text(self.columns(from, to)).trim().to_owned()
    }

    fn expected(&self, from: usize, to: usize, field: &str, expected: &str) -> FieldError {
        let column = u64::try_from(from).unwrap_or(0);
        FieldError::expected(self.line, column, field, &text(self.columns(from, to)), expected)
    }

    fn number(&self, from: usize, to: usize, field: &str) -> Result<i64, FieldError> {
        let digits = self.columns(from, to);
        let number = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let number = number.filter(|_| digits.len() == to - from + 1).and_then(|text| text.parse().ok());
        number.ok_or_else(|| self.expected(from, to, field, "digits"))
    }

    /// An amount with the code of its side: 1 for the debtor's, 2 for the creditor's.
    fn signed(&self, side: usize, from: usize, field: &str) -> Result<(i64, bool), FieldError> {
        let amount = self.number(from, from + 13, field)?;
        match self.columns(side, side) {
            b"1" => Ok((amount, true)),
            b"2" => Ok((amount, false)),
            _ => Err(self.expected(side, side, "clave debe/haber", "1 or 2")),
        }
    }

    fn day(&self, from: usize, field: &str) -> Result<Date, FieldError> {
        let day = six_digit_date(self.columns(from, from + 5), true);
        day.ok_or_else(|| self.expected(from, from + 5, field, "a date YYMMDD that exists"))
    }
}

/// The IBAN of bank, branch and account: the two control digits of the account number are not in
/// the file. Source: Código Cuenta Cliente.
fn iban(bank: &str, branch: &str, number: &str) -> Option<Iban> {
    let control = |digits: &str| -> Option<u32> {
        let weights = [1, 2, 4, 8, 5, 10, 9, 7, 3, 6];
        let sum: u32 =
            digits.chars().zip(weights).map(|(c, weight)| c.to_digit(10).map(|d| d * weight)).sum::<Option<u32>>()?;
        Some(match 11 - sum % 11 {
            10 => 1,
            11 => 0,
            digit => digit,
        })
    };
    let bban = format!("{bank}{branch}{}{}{number}", control(&format!("00{bank}{branch}"))?, control(number)?);
    let rest = bban.chars().filter_map(|c| c.to_digit(10)).fold(0, |rest, digit| (rest * 10 + digit) % 97);
    // The country and two zeros behind: E is 14, S is 28.
    let rest = [1, 4, 2, 8, 0, 0].into_iter().fold(rest, |rest, digit| (rest * 10 + digit) % 97);
    Iban::parse(&format!("ES{:02}{bban}", 98 - rest)).ok()
}

impl<R: BufRead> Norma43<R> {
    fn read(&mut self) -> Result<ControlFlow<()>, FieldError> {
        let Some((line, bytes)) = self.lines.next().transpose()? else {
            let line = self.lines.line();
            return match (&self.account, self.accounts) {
                (Some(account), _) => {
                    let what = "the file ends before record 33, the end of the account: it is cut short";
                    Err(FieldError::wrong(account.statement.line, 0, "33", what))
                }
                (None, 0) => Err(FieldError::wrong(line, 0, "", "the file holds no account: there is no record 11")),
                (None, _) => Ok(ControlFlow::Break(())),
            };
        };
        let record = Record { bytes: bytes.get(..RECORD_BYTES).unwrap_or(bytes).to_vec(), line };
        self.record(&record)?;
        Ok(ControlFlow::Continue(()))
    }

    fn record(&mut self, record: &Record) -> Result<(), FieldError> {
        if record.bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0x1a) {
            return Ok(());
        }
        let code = record.columns(1, 2);
        if code != b"88" {
            self.records += 1;
        }
        match code {
            b"11" => self.open(record),
            b"22" => self.movement(record),
            b"23" => self.complement(record),
            b"24" => Ok(()),
            b"33" => self.close(record),
            b"88" => self.end(record),
            _ => Err(record.expected(1, 2, "código de registro", "11, 22, 23, 24, 33 or 88")),
        }
    }

    fn open(&mut self, record: &Record) -> Result<(), FieldError> {
        if let Some(before) = &self.account {
            let what =
                format!("an account opens before that of line {} is closed by a record 33", before.statement.line);
            return Err(FieldError::wrong(record.line, 1, "11", what));
        }
        let numeric = record.number(48, 50, "divisa")?;
        let currency = u16::try_from(numeric).ok().and_then(Currency::of_number);
        let currency = currency.ok_or_else(|| record.expected(48, 50, "divisa", "an ISO 4217 number such as 978"))?;
        let (amount, debit) = record.signed(33, 34, "saldo inicial")?;
        let (bank, branch, number) = (record.text(3, 6), record.text(7, 10), record.text(11, 20));
        let iban = iban(&bank, &branch, &number);
        let account =
            iban.as_ref().map_or_else(|| format!("{bank} {branch} {number}"), |iban| iban.electronic().to_owned());
        let closed_on = record.day(27, "fecha final")?;
        let statement = Box::new(Statement {
            line: record.line,
            id: closed_on.to_string(),
            account,
            iban,
            currency: Some(currency),
            opening: Some(if debit { -amount } else { amount }),
            opened_on: Some(record.day(21, "fecha inicial")?),
            closed_on: Some(closed_on),
            ..Statement::default()
        });
        self.accounts += 1;
        self.ready.push_back(Ok(Piece::Opened(statement.clone())));
        self.account = Some(Account { statement, currency, debits: (0, 0), credits: (0, 0) });
        Ok(())
    }

    fn movement(&mut self, record: &Record) -> Result<(), FieldError> {
        self.flush();
        let Some(account) = &mut self.account else {
            return Err(FieldError::wrong(
                record.line,
                1,
                "22",
                "a movement outside an account: no record 11 before it",
            ));
        };
        self.row += 1;
        let (amount, booked_on) = match (record.signed(28, 29, "importe"), record.day(11, "fecha operación")) {
            (Ok(amount), Ok(day)) => (amount, day),
            (amount, day) => {
                let errors = amount.err().into_iter().chain(day.err()).collect();
                self.ready.push_back(Ok(Piece::Refused(self.row, errors)));
                return Ok(());
            }
        };
        let (minor, debit) = amount;
        let (count, sum) = if debit { &mut account.debits } else { &mut account.credits };
        (*count, *sum) = (*count + 1, sum.saturating_add(minor));
        let mut detail = Detail { end_to_end: cut(reference(&record.text(53, 64)), 35), ..Detail::default() };
        detail.particulars.transaction_id = reference(&record.text(43, 52)).into();
        detail.particulars.instruction_id = reference(&record.text(65, 80)).into();
        let mut entry = Entry {
            row: self.row,
            line: record.line,
            amount: Some(Money::from_minor(minor, account.currency)),
            debit: Some(debit),
            booked_on: Some(booked_on),
            details: vec![detail],
            ..Entry::default()
        };
        entry.particulars.valued_on = six_digit_date(record.columns(17, 22), true);
        entry.particulars.code = super::text::joined(&[&record.text(23, 24), &record.text(25, 27)], '/');
        self.entry = Some(Box::new(entry));
        Ok(())
    }

    fn complement(&mut self, record: &Record) -> Result<(), FieldError> {
        let Some(detail) = self.entry.as_mut().and_then(|entry| entry.details.first_mut()) else {
            if self.row == 0 {
                let what = "a complement without a movement: no record 22 before it";
                return Err(FieldError::wrong(record.line, 1, "23", what));
            }
            return Ok(()); // Of a movement that was refused.
        };
        for concept in [record.text(5, 42), record.text(43, 80)] {
            if !concept.is_empty() {
                if !detail.unstructured.is_empty() {
                    detail.unstructured.push(' ');
                }
                push_bounded(&mut detail.unstructured, &concept, TEXT_CHARACTERS_MAX);
            }
        }
        Ok(())
    }

    fn flush(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.ready.push_back(Ok(Piece::Entry(entry)));
        }
    }

    /// `33`: the counts and sums of both sides must agree, and the balance is given.
    fn close(&mut self, record: &Record) -> Result<(), FieldError> {
        self.flush();
        let Some(Account { mut statement, debits, credits, .. }) = self.account.take() else {
            return Err(FieldError::wrong(record.line, 1, "33", "an end without an account: no record 11 before it"));
        };
        for (side, from, (count, sum)) in [("debe", 21, debits), ("haber", 40, credits)] {
            let counted = record.number(from, from + 4, side)?;
            if u64::try_from(counted) != Ok(count) {
                return Err(record.expected(from, from + 4, side, &format!("the number of its movements, {count}")));
            }
            if record.number(from + 5, from + 18, side)? != sum {
                return Err(record.expected(from + 5, from + 18, side, &format!("the sum of its movements, {sum}")));
            }
        }
        let (amount, debit) = record.signed(59, 60, "saldo final")?;
        statement.closing = Some(if debit { -amount } else { amount });
        statement.line = record.line;
        self.ready.push_back(Ok(Piece::Closed(statement)));
        Ok(())
    }

    fn end(&mut self, record: &Record) -> Result<(), FieldError> {
        let records = record.number(21, 26, "número de registros")?;
        if u64::try_from(records) != Ok(self.records) {
            let expected = format!("the number of records before it, {}", self.records);
            return Err(record.expected(21, 26, "número de registros", &expected));
        }
        Ok(())
    }
}
