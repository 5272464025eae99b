//! OFX: statements of 1.x (SGML, leaves without ends) and 2.x (XML), by one tokenizer that asks
//! for neither.
//!
//! There is no opening balance, so nothing is checked beyond each entry.
//! Source: OFX 1.6 and 2.2, chapter 11.

use std::collections::VecDeque;
use std::io::{BufRead, Read};
use std::ops::ControlFlow;

use quittance_actors::limits;
use quittance_actors::values::{Currency, Date, DecimalMark, Iban, Money};

use super::text::{CURRENCY, REFERENCE_CHARACTERS_MAX, day_of, expected_amount, push_bounded, reference, short};
use super::{Detail, Entry, Found, Piece, Statement, Stepped, Steps};
use crate::formats::FieldError;
use crate::formats::lines::text;

/// Bytes between two tags; above it a file is hostile or broken.
const TOKEN_BYTES_MAX: u64 = 64 << 10;

/// Reads statements of OFX.
pub struct Ofx<R> {
    source: R,
    buffer: Vec<u8>,
    line: u64,
    bytes: u64,
    recognised: bool,
    statement: Option<Box<Statement>>,
    announced: bool,
    entry: Option<Building>,
    in_balance: bool,
    other_account: bool,
    row: u64,
    ready: Found,
}

/// A transaction under way.
#[derive(Default)]
struct Building {
    line: u64,
    kind: String,
    posted: String,
    amount: String,
    fit_id: String,
    number: String,
    name: String,
    memo: String,
    account: String,
}

/// The pieces of `source`.
pub fn statements<R: BufRead + Send>(source: R) -> Stepped<Ofx<R>> {
    Stepped::new(Ofx {
        source,
        buffer: Vec::new(),
        line: 1,
        bytes: 0,
        recognised: false,
        statement: None,
        announced: false,
        entry: None,
        in_balance: false,
        other_account: false,
        row: 0,
        ready: VecDeque::new(),
    })
}

impl<R: BufRead + Send> Steps for Ofx<R> {
    fn step(&mut self) -> Result<ControlFlow<()>, FieldError> {
        self.token()
    }

    fn found(&mut self) -> &mut Found {
        &mut self.ready
    }

    fn bytes_read(&self) -> u64 {
        self.bytes
    }
}

/// A date and time: its first eight digits `YYYYMMDD`, or six `DDMMYY`.
fn date(text: &str) -> Option<Date> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 6 {
        return super::text::six_digit_date(text.as_bytes().get(..6)?, false);
    }
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i16>().ok();
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    day_of(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?)
}

/// An amount with a point or a comma, signed, blanks between thousands.
fn amount(text: &str, currency: Currency) -> Result<Money, String> {
    let mark = if text.contains(',') && !text.contains('.') { DecimalMark::Comma } else { DecimalMark::Point };
    Money::parse(text.trim(), currency, mark).map_err(|error| expected_amount(&error))
}

impl<R: BufRead> Ofx<R> {
    /// Reads one tag and the text after it.
    fn token(&mut self) -> Result<ControlFlow<()>, FieldError> {
        self.buffer.clear();
        let line = self.line;
        let wrong = |what: String| FieldError::wrong(line, 0, "", what);
        let mut bounded = (&mut self.source).take(TOKEN_BYTES_MAX);
        let read = bounded.read_until(b'<', &mut self.buffer).map_err(|error| wrong(error.to_string()))?;
        self.bytes += u64::try_from(read).unwrap_or(u64::MAX);
        self.line += u64::try_from(memchr::memchr_iter(b'\n', &self.buffer).count()).unwrap_or(u64::MAX);
        let closed = self.buffer.last() == Some(&b'<');
        if !closed && u64::try_from(read).unwrap_or(u64::MAX) >= TOKEN_BYTES_MAX {
            return Err(wrong(format!("a value is longer than {} KiB", TOKEN_BYTES_MAX >> 10)));
        }
        let token = std::mem::take(&mut self.buffer);
        let body = text(token.strip_suffix(b"<").unwrap_or(&token));
        if let Some((tag, value)) = body.split_once('>') {
            let (tag, empty) = match tag.strip_suffix('/') {
                Some(tag) => (tag, true),
                None => (tag, false),
            };
            let tag = tag.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
            match tag.strip_prefix('/') {
                Some(tag) => self.close(tag)?,
                None => self.open(&tag, if empty { "" } else { value }.trim(), line)?,
            }
        }
        self.buffer = token;
        if !closed {
            self.finish()?;
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    }

    fn open(&mut self, tag: &str, value: &str, line: u64) -> Result<(), FieldError> {
        match tag {
            "OFX" => self.recognised = true,
            "STMTRS" | "CCSTMTRS" | "INVSTMTRS" => {
                self.end_statement();
                self.statement = Some(Box::new(Statement { line, ..Statement::default() }));
                self.announced = false;
            }
            "STMTTRN" => {
                self.end_entry();
                self.announce();
                self.entry = Some(Building { line, ..Building::default() });
            }
            "BANKACCTTO" | "CCACCTTO" => self.other_account = true,
            "LEDGERBAL" => self.in_balance = true,
            "AVAILBAL" => self.in_balance = false,
            _ if value.is_empty() => {}
            _ => return self.value(tag, value, line),
        }
        Ok(())
    }

    fn value(&mut self, tag: &str, value: &str, line: u64) -> Result<(), FieldError> {
        if let Some(entry) = &mut self.entry {
            let target = match tag {
                "TRNTYPE" => &mut entry.kind,
                "DTPOSTED" => &mut entry.posted,
                "TRNAMT" => &mut entry.amount,
                "FITID" => &mut entry.fit_id,
                "CHECKNUM" | "REFNUM" => &mut entry.number,
                "NAME" => &mut entry.name,
                "MEMO" => &mut entry.memo,
                "ACCTID" if self.other_account => &mut entry.account,
                _ => return Ok(()),
            };
            let value = unescaped(value);
            value.trim().clone_into(target);
            return Ok(());
        }
        let Some(statement) = &mut self.statement else { return Ok(()) };
        match tag {
            "CURDEF" => {
                let currency = Currency::parse(value);
                let expected = |_| FieldError::expected(line, 0, "CURDEF", value, CURRENCY);
                statement.currency = Some(currency.map_err(expected)?);
            }
            "ACCTID" if statement.account.is_empty() => {
                statement.iban = Iban::parse(value).ok();
                value.clone_into(&mut statement.account);
            }
            "BALAMT" if self.in_balance => {
                let currency = statement.currency.unwrap_or(Currency::EUR);
                statement.closing = amount(value, currency).ok().map(Money::minor);
            }
            "DTASOF" if self.in_balance => statement.closed_on = date(value),
            "DTSTART" => statement.opened_on = date(value),
            "DTEND" => {
                statement.closed_on = statement.closed_on.or(date(value));
                value.chars().take(8).collect::<String>().clone_into(&mut statement.id);
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, tag: &str) -> Result<(), FieldError> {
        match tag {
            "STMTTRN" => self.end_entry(),
            "STMTRS" | "CCSTMTRS" | "INVSTMTRS" => self.end_statement(),
            "BANKACCTTO" | "CCACCTTO" => self.other_account = false,
            "LEDGERBAL" => self.in_balance = false,
            "BANKTRANLIST" | "INVTRANLIST" => self.end_entry(),
            _ => {}
        }
        Ok(())
    }

    fn announce(&mut self) {
        if let Some(statement) = &self.statement
            && !self.announced
        {
            self.announced = true;
            self.ready.push_back(Ok(Piece::Opened(statement.clone())));
        }
    }

    fn end_entry(&mut self) {
        let Some(found) = self.entry.take() else { return };
        let Some(statement) = &self.statement else { return };
        self.row += 1;
        let mut errors = Vec::new();
        let mut wrong = |field: &str, value: &str, expected: String| {
            errors.push(FieldError::expected(found.line, 0, field, value, expected));
        };
        let currency = statement.currency.unwrap_or(Currency::EUR);
        let money = match amount(&found.amount, currency) {
            Ok(money) if money.minor().abs() <= limits::AMOUNT_MINOR_MAX => Some(money),
            Ok(_) => {
                wrong("TRNAMT", &found.amount, "an amount below ten thousand million".to_owned());
                None
            }
            Err(error) => {
                wrong("TRNAMT", &found.amount, error);
                None
            }
        };
        let booked_on = date(&found.posted);
        if booked_on.is_none() {
            wrong("DTPOSTED", &found.posted, "a date YYYYMMDD that exists".to_owned());
        }
        let (Some(money), Some(booked_on)) = (money, booked_on) else {
            return self.ready.push_back(Ok(Piece::Refused(self.row, errors)));
        };
        let debit = money.is_negative();
        let mut detail = Detail::default();
        push_bounded(&mut detail.unstructured, &found.memo, 1_000);
        let name = found.name.chars().take(REFERENCE_CHARACTERS_MAX).collect();
        match debit {
            true => detail.particulars.payee = short(&found.name, REFERENCE_CHARACTERS_MAX),
            false => detail.payer_name = name,
        }
        if detail.unstructured.is_empty() {
            found.name.clone_into(&mut detail.unstructured);
        }
        reference(&found.number).chars().take(35).collect::<String>().clone_into(&mut detail.end_to_end);
        match (debit, Iban::parse(&found.account)) {
            (false, Ok(iban)) => detail.payer_iban = Some(iban),
            (false, Err(_)) => detail.particulars.payer_account = short(&found.account, REFERENCE_CHARACTERS_MAX),
            (true, _) => detail.particulars.payee_account = short(&found.account, REFERENCE_CHARACTERS_MAX),
        }
        let mut entry = Entry {
            row: self.row,
            line: found.line,
            amount: Some(Money::from_minor(money.minor().abs(), currency)),
            debit: Some(debit),
            booked_on: Some(booked_on),
            servicer_reference: reference(&found.fit_id).chars().take(REFERENCE_CHARACTERS_MAX).collect(),
            details: vec![detail],
            ..Entry::default()
        };
        entry.particulars.code = short(&found.kind, REFERENCE_CHARACTERS_MAX);
        self.ready.push_back(Ok(Piece::Entry(Box::new(entry))));
    }

    fn end_statement(&mut self) {
        self.end_entry();
        self.announce();
        self.in_balance = false;
        if let Some(statement) = self.statement.take() {
            self.ready.push_back(Ok(Piece::Closed(statement)));
        }
    }

    fn finish(&mut self) -> Result<(), FieldError> {
        if !self.recognised {
            return Err(FieldError::wrong(self.line, 0, "", "the file holds no element OFX"));
        }
        if let Some(statement) = self.statement.as_ref().filter(|_| self.entry.is_some()) {
            let what = "the file ends inside a transaction: it is cut short";
            return Err(FieldError::wrong(statement.line, 0, "STMTTRN", what));
        }
        self.end_statement();
        Ok(())
    }
}

/// The five entities and the blank that never breaks; an ampersand of its own stays.
fn unescaped(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains('&') {
        return text.into();
    }
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&nbsp;", " ")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
        .into()
}
