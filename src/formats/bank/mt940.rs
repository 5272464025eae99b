//! MT940 (statement) and MT942 (report), several a file, in their envelopes or without.
//!
//! A line that begins with a tag opens a field, any other goes on with the last one. Fields
//! before the first `:20:` are headers. What banks write beside the rule and is read: amounts
//! with a point or without a mark, entry dates of the next year, 30 February, marks with and
//! without the letter of the currency, references of any length.
//! Source: SWIFT Standards MT category 9, MT 940 and MT 942.

use std::io::BufRead;
use std::ops::ControlFlow;

use quittance_actors::values::{Currency, Date, Iban};
use smol_str::SmolStr;

use super::mt940_details;
use super::mt940_line::statement_line;
use super::text::{CURRENCY, REFERENCE_CHARACTERS_MAX, amount, six_digit_date};
use super::{Detail, Entry, Found, Kind, Piece, Statement, Stepped, Steps};
use crate::formats::FieldError;
use crate::formats::lines::{Lines, text};

/// Bytes of one field with its continuation lines.
const FIELD_BYTES_MAX: usize = 16 << 10;

/// Reads statements of MT940 and MT942.
pub struct Mt940<R> {
    lines: Lines<R>,
    building: Building,
}

/// The statement and entry under way.
#[derive(Default)]
struct Building {
    field: Field,
    statement: Option<Box<Statement>>,
    announced: bool,
    /// Its closing balance or its totals were given.
    closed: bool,
    floor_currency: Option<Currency>,
    entry: Option<Box<Entry>>,
    supplementary: String,
    row: u64,
    statements: u64,
    ready: Found,
}

/// Tags after which a message may end.
const CLOSING_TAGS: [&str; 7] = ["62F", "62M", "62", "64", "65", "90C", "90D"];

/// A field under way.
#[derive(Default)]
struct Field {
    tag: SmolStr,
    line: u64,
    value: String,
}

/// The pieces of `source`.
pub fn statements<R: BufRead + Send>(source: R) -> Stepped<Mt940<R>> {
    Stepped::new(Mt940 { lines: Lines::new(source), building: Building::default() })
}

impl<R: BufRead + Send> Steps for Mt940<R> {
    fn step(&mut self) -> Result<ControlFlow<()>, FieldError> {
        let Some(line) = self.lines.next() else {
            self.building.finish(self.lines.line())?;
            return Ok(ControlFlow::Break(()));
        };
        let (number, line) = line?;
        self.building.line(number, &text(line))?;
        Ok(ControlFlow::Continue(()))
    }

    fn found(&mut self) -> &mut Found {
        &mut self.building.ready
    }

    fn bytes_read(&self) -> u64 {
        self.lines.bytes_read()
    }
}

/// The tag a line begins with, and what follows: `:61:…`, `:60F:…`, `:NS:…`.
fn tag_of(line: &str) -> Option<(&str, &str)> {
    let (tag, value) = line.strip_prefix(':')?.split_once(':')?;
    let mut bytes = tag.bytes();
    let fits = (2..=3).contains(&tag.len())
        && (bytes.by_ref().take(2).all(|byte| byte.is_ascii_digit()) || tag == "NS")
        && bytes.all(|byte| byte.is_ascii_uppercase());
    fits.then_some((tag, value))
}

impl Building {
    fn finish(&mut self, line: u64) -> Result<(), FieldError> {
        let cut = self.field.tag == "61"
            && !self.field.value.contains(|c: char| c.is_ascii_alphabetic() && c != 'C' && c != 'D');
        if cut {
            return Err(FieldError::wrong(
                self.field.line,
                0,
                ":61:",
                "the file ends inside an entry: it is cut short",
            ));
        }
        // Some banks never give one, so it is no proof of a cut: a person should know.
        let opened = self.statement.as_ref().is_some_and(|known| known.opening.is_some());
        if opened && !self.closes() {
            let what = "the file ends before the closing balance of a statement that has an opening one: \
                        it may be cut short";
            self.ready.push_back(Ok(Piece::Note(FieldError::wrong(line, 0, ":62F:", what))));
        }
        self.end_message()?;
        if self.statements == 0 {
            let what = "the file holds no statement: there is no field :20:";
            return Err(FieldError::wrong(line, 0, "", what));
        }
        Ok(())
    }

    fn line(&mut self, number: u64, line: &str) -> Result<(), FieldError> {
        let mut line = line;
        // An envelope: the fields are in block 4.
        if line.starts_with("{1:") || line.starts_with("{4:") {
            self.end_message()?;
            line = line.split_once("{4:").map_or("", |(_, rest)| rest);
        }
        if line.starts_with('-') && self.is_end(line) {
            return self.end_message();
        }
        if line.len() > FIELD_BYTES_MAX {
            let what = format!("a line is longer than {} KiB", FIELD_BYTES_MAX >> 10);
            return Err(FieldError::wrong(number, 0, "", what));
        }
        if let Some((tag, value)) = tag_of(line) {
            self.end_field()?;
            let value = value.trim_end_matches('@');
            (self.field.tag, self.field.line) = (tag.into(), number);
            self.field.value.push_str(value);
        } else if !self.field.tag.is_empty() {
            if self.field.value.len() + line.len() > FIELD_BYTES_MAX {
                let what = format!("a field is longer than {} KiB", FIELD_BYTES_MAX >> 10);
                return Err(FieldError::wrong(number, 0, &format!(":{}:", self.field.tag), what));
            }
            self.field.value.push('\n');
            self.field.value.push_str(line.trim_end_matches('@'));
        }
        Ok(())
    }

    /// Whether its closing balance or its totals were given, or are the field under way.
    fn closes(&self) -> bool {
        self.closed || CLOSING_TAGS.contains(&self.field.tag.as_str())
    }

    /// Whether a line that begins with a dash ends the message: a dash alone does when the balance was
    /// given; before that it is a line of text.
    fn is_end(&self, line: &str) -> bool {
        let closed = || self.statement.is_none() || self.closes();
        line.starts_with("-}") || (line.trim_end_matches(['\u{3}', '\u{1}', ' ', '@']) == "-" && closed())
    }

    fn end_message(&mut self) -> Result<(), FieldError> {
        self.end_field()?;
        self.close();
        Ok(())
    }

    fn wrong(&self, field: &Field, value: &str, expected: impl Into<String>) -> FieldError {
        FieldError::expected(field.line, 0, &format!(":{}:", field.tag), value, expected)
    }

    /// Takes the field under way as complete.
    fn end_field(&mut self) -> Result<(), FieldError> {
        let field = std::mem::take(&mut self.field);
        let taken = self.take_field(&field);
        // Its buffer is used again.
        self.field.value = field.value;
        self.field.value.clear();
        taken
    }

    fn take_field(&mut self, field: &Field) -> Result<(), FieldError> {
        if field.tag == "20" {
            self.close();
            self.statements += 1;
            self.statement = Some(Box::new(Statement { line: field.line, ..Statement::default() }));
            (self.announced, self.closed) = (false, false);
        }
        if self.statement.is_none() {
            if self.statements > 0 && field.tag == "61" {
                let what = "an entry outside a statement: no field :20: before it";
                return Err(FieldError::wrong(field.line, 0, ":61:", what));
            }
            return Ok(()); // A header, or a field without a statement.
        }
        self.closed |= CLOSING_TAGS.contains(&field.tag.as_str());
        match field.tag.as_str() {
            "25" => self.account(field),
            "28" | "28C" => {
                if let Some(statement) = &mut self.statement {
                    statement.id =
                        field.value.split_whitespace().flat_map(str::chars).take(REFERENCE_CHARACTERS_MAX).collect();
                }
            }
            "34F" => self.floor(field),
            "60F" | "60M" | "60" => self.opening(field)?,
            "61" => self.transaction(field),
            "86" => self.information(field),
            "62F" | "62M" | "62" => self.closing(field)?,
            _ => {}
        }
        Ok(())
    }

    /// `:25:`: an IBAN, an IBAN and a currency, or bank code and account number.
    fn account(&mut self, field: &Field) {
        let Some(statement) = &mut self.statement else { return };
        let value = field.value.lines().next().unwrap_or_default().trim();
        let without_currency = value.len().checked_sub(3).and_then(|end| value.get(..end)).unwrap_or_default();
        let iban = [value, without_currency.trim_end(), value.split('/').next_back().unwrap_or_default()];
        statement.iban = iban.into_iter().find_map(|text| Iban::parse(text).ok());
        statement.account = match &statement.iban {
            Some(iban) => iban.electronic().to_owned(),
            None => value.chars().take(REFERENCE_CHARACTERS_MAX).collect(),
        };
    }

    /// `:34F:`: the floor of a report, which names its currency.
    fn floor(&mut self, field: &Field) {
        self.floor_currency = field.value.get(..3).and_then(|code| Currency::parse(code).ok());
        if let Some(statement) = &mut self.statement {
            statement.kind = Kind::Report;
            statement.currency = statement.currency.or(self.floor_currency);
        }
    }

    /// A balance: direction, date, currency, amount.
    fn balance(&self, field: &Field) -> Result<(i64, Option<Date>, Currency), FieldError> {
        let value = field.value.trim();
        let (debit, rest) = match value.split_at_checked(1) {
            Some(("C", rest)) => (false, rest),
            Some(("D", rest)) => (true, rest),
            _ => return Err(self.wrong(field, value, "C or D first")),
        };
        let (date, rest) = rest.split_at_checked(6).ok_or_else(|| self.wrong(field, value, "a date YYMMDD"))?;
        let opened_in = self.statement.as_ref().and_then(|known| known.opened_in());
        let (currency, number) = match opened_in {
            // A closing balance without a currency is in that of the opening one: whether it closes tells.
            Some(currency) if rest.starts_with(|c: char| c.is_ascii_digit()) => (currency, rest),
            _ => {
                let (code, number) =
                    rest.split_at_checked(3).ok_or_else(|| self.wrong(field, value, "a currency"))?;
                (Currency::parse(code).map_err(|_| self.wrong(field, code, CURRENCY))?, number)
            }
        };
        let number = number.split_whitespace().next().unwrap_or_default();
        let money = amount(number, currency).map_err(|error| self.wrong(field, number, error))?;
        let signed = if debit { -money.minor() } else { money.minor() };
        Ok((signed, six_digit_date(date.as_bytes(), true), currency))
    }

    fn opening(&mut self, field: &Field) -> Result<(), FieldError> {
        let (amount, on, currency) = self.balance(field)?;
        self.flush();
        // Pages of one statement in one message: each has its own balances.
        if self.announced || self.statement.as_ref().is_some_and(|known| known.opening.is_some()) {
            let known = self.statement.clone();
            self.close();
            let again = known.map(|known| Statement {
                id: known.id,
                account: known.account,
                iban: known.iban,
                line: field.line,
                // A first balance begins the statement anew; an intermediate one goes on with it.
                page: if field.tag.ends_with('M') { known.page + 1 } else { 0 },
                ..Statement::default()
            });
            self.statement = again.map(Box::new);
            self.announced = false;
        }
        if let Some(statement) = &mut self.statement {
            (statement.opening, statement.opened_on, statement.currency) = (Some(amount), on, Some(currency));
        }
        Ok(())
    }

    fn closing(&mut self, field: &Field) -> Result<(), FieldError> {
        let (amount, on, currency) = self.balance(field)?;
        self.flush();
        let opened_in = self.statement.as_ref().and_then(|known| known.opened_in());
        if let Some(opened_in) = opened_in.filter(|known| *known != currency) {
            let expected = format!("the currency of the opening balance, {opened_in}");
            return Err(self.wrong(field, currency.code(), expected));
        }
        if let Some(statement) = &mut self.statement {
            (statement.closing, statement.closed_on) = (Some(amount), on);
            statement.currency = statement.currency.or(Some(currency));
            statement.line = field.line;
        }
        Ok(())
    }

    /// `:61:`: an entry; what is wrong with it is reported and the others go on.
    fn transaction(&mut self, field: &Field) {
        self.flush();
        self.announce();
        self.row += 1;
        let currency = self.statement.as_ref().and_then(|statement| statement.currency).or(self.floor_currency);
        let mut entry = Box::new(Entry { row: self.row, line: field.line, ..Entry::default() });
        match statement_line(&field.value, currency, &mut entry) {
            Ok(supplementary) => {
                self.supplementary = supplementary;
                self.entry = Some(entry);
            }
            Err((column, expected)) => {
                let line = field.value.lines().next().unwrap_or_default();
                let error = FieldError::expected(field.line, column + 5, ":61:", line, expected);
                self.ready.push_back(Ok(Piece::Refused(self.row, vec![error])));
            }
        }
    }

    /// `:86:`: what is known of the entry before it, or of the statement.
    fn information(&mut self, field: &Field) {
        if let Some(entry) = &mut self.entry {
            let debit = entry.debit == Some(true);
            if entry.details.is_empty() {
                entry.details.push(Detail::default());
            }
            let Some(detail) = entry.details.first_mut() else { return };
            let own = std::mem::take(&mut detail.end_to_end);
            let code = mt940_details::read(&field.value, debit, detail);
            if !code.is_empty() {
                let own = std::mem::take(&mut entry.particulars.code);
                entry.particulars.code = super::text::joined(&[&own, &code], '+');
            }
            if detail.end_to_end.is_empty() {
                detail.end_to_end = own;
            }
            if detail.particulars.additional.is_empty() && !self.supplementary.is_empty() {
                detail.particulars.additional = self.supplementary.as_str().into();
            }
            self.flush();
        }
    }

    /// Gives the entry under way.
    fn flush(&mut self) {
        if let Some(mut entry) = self.entry.take() {
            if !self.supplementary.is_empty() && entry.particulars.additional.is_empty() {
                entry.particulars.additional = self.supplementary.as_str().into();
            }
            self.supplementary.clear();
            self.ready.push_back(Ok(Piece::Entry(entry)));
        }
    }

    fn announce(&mut self) {
        if let Some(statement) = &self.statement
            && !self.announced
        {
            self.announced = true;
            self.ready.push_back(Ok(Piece::Opened(statement.clone())));
        }
    }

    fn close(&mut self) {
        self.flush();
        self.announce();
        if let Some(statement) = self.statement.take() {
            self.ready.push_back(Ok(Piece::Closed(statement)));
        }
    }
}
