//! CFONB 120: account statements in records of 120 bytes, with line breaks or without.
//!
//! `01` old balance, `04` movement, `05` complement, `07` new balance. Amounts are thirteen
//! digits and one overpunched digit that carries the sign.
//! Source: CFONB, relevé de compte sur support informatique.

use std::io::BufRead;
use std::ops::ControlFlow;

use quittance_actors::limits;
use quittance_actors::transfer::ReturnReason;
use quittance_actors::values::{Currency, Date, Iban, Money, RemittanceInformation, french_iban};

use super::text::{
    ADDITIONAL_CHARACTERS_MAX, CURRENCY, REFERENCE_CHARACTERS_MAX, push_bounded, reference, short, six_digit_date,
};
use super::{Detail, Entry, Found, Piece, Statement, Stepped, Steps};
use crate::formats::FieldError;
use crate::formats::lines::{Lines, text};

const RECORD_BYTES: usize = 120;
/// Characters of remittance information that are kept.
const TEXT_CHARACTERS_MAX: usize = RemittanceInformation::UNSTRUCTURED_CHARACTERS_MAX;
/// Bytes within which a file with line breaks has one: some banks pad records to 162.
const LINE_BYTES: usize = 200;

/// Reads statements of CFONB 120.
pub struct Cfonb120<R> {
    lines: Lines<R>,
    broken: Option<bool>,
    building: Building,
}

/// The statement and movement under way.
#[derive(Default)]
struct Building {
    statement: Option<Box<Statement>>,
    entry: Option<Box<Entry>>,
    detail: Detail,
    label: String,
    row: u64,
    statements: u64,
    ready: Found,
}

/// The pieces of `source`.
pub fn statements<R: BufRead + Send>(source: R) -> Stepped<Cfonb120<R>> {
    Stepped::new(Cfonb120 { lines: Lines::new(source), broken: None, building: Building::default() })
}

impl<R: BufRead + Send> Steps for Cfonb120<R> {
    fn step(&mut self) -> Result<ControlFlow<()>, FieldError> {
        self.read()
    }

    fn found(&mut self) -> &mut Found {
        &mut self.building.ready
    }

    fn bytes_read(&self) -> u64 {
        self.lines.bytes_read()
    }
}

/// Why an amount or another field cannot be read: the column, the name, the value, what was expected.
type Wrong = (u64, &'static str, String, String);

/// A record of 120 bytes; what is missing at its end is blank.
struct Record<'a>(&'a [u8]);

impl<'a> Record<'a> {
    /// The bytes of columns `from` to `to`, from 1.
    fn columns(&self, from: usize, to: usize) -> &'a [u8] {
        let end = to.min(self.0.len());
        self.0.get(from - 1..end).unwrap_or_default()
    }

    fn text(&self, from: usize, to: usize) -> std::borrow::Cow<'a, str> {
        text(self.columns(from, to).trim_ascii())
    }

    /// Bank, branch and account.
    fn account(&self) -> [&'a [u8]; 3] {
        [self.columns(3, 7), self.columns(12, 16), self.columns(22, 32)]
    }

    /// The currency, and the decimals of the amounts.
    fn currency(&self) -> Result<(Currency, u32), Wrong> {
        let code = self.text(17, 19);
        let currency = match code.as_ref() {
            // Balances without a currency are of the national one.
            "" => Currency::EUR,
            code => Currency::parse(code).map_err(|_| (17, "devise", code.to_owned(), CURRENCY.to_owned()))?,
        };
        let decimals = match self.columns(20, 20) {
            [digit @ b'0'..=b'9'] => u32::from(digit - b'0'),
            [] | b" " => u32::from(currency.exponent().unwrap_or(2)),
            other => return Err((20, "décimales", text(other).into_owned(), "a digit".to_owned())),
        };
        Ok((currency, decimals))
    }

    fn date(&self, from: usize, name: &'static str) -> Result<Date, Wrong> {
        let bytes = self.columns(from, from + 5);
        six_digit_date(bytes, false).ok_or_else(|| {
            (u64::try_from(from).unwrap_or(0), name, text(bytes).into_owned(), "a date DDMMYY that exists".to_owned())
        })
    }

    /// The amount of columns 91 to 104, signed: `{`, `A` to `I` are +0 to +9 and `}`, `J` to `R`
    /// are -0 to -9. Banks that write ISO 646-FR have `é` and `è` for the braces.
    fn amount(&self) -> Result<Money, Wrong> {
        let (currency, decimals) = self.currency()?;
        let bytes = self.columns(91, 104);
        let wrong =
            |column: u64, expected: &str| Err((column, "montant", text(bytes).into_owned(), expected.to_owned()));
        let Some((overpunch, digits)) = bytes.split_last().filter(|_| bytes.len() == 14) else {
            return wrong(91, "thirteen digits and an overpunched one");
        };
        let mut minor = 0_i64;
        for (column, byte) in (91..).zip(digits) {
            match byte {
                b'0'..=b'9' => minor = minor * 10 + i64::from(byte - b'0'),
                b' ' if minor == 0 => {}
                _ => return wrong(column, "a digit"),
            }
        }
        let (digit, negative) = match overpunch {
            b'{' | 0xe9 => (0, false),
            b'A'..=b'I' => (overpunch - b'A' + 1, false),
            b'}' | 0xe8 => (0, true),
            b'J'..=b'R' => (overpunch - b'J' + 1, true),
            _ => return wrong(104, "an overpunched digit: {, A to I, }, J to R"),
        };
        minor = minor * 10 + i64::from(digit);
        let exponent = u32::from(currency.exponent().unwrap_or(2));
        let scaled = match decimals.cmp(&exponent) {
            std::cmp::Ordering::Equal => Some(minor),
            std::cmp::Ordering::Less => 10_i64.checked_pow(exponent - decimals).and_then(|by| minor.checked_mul(by)),
            std::cmp::Ordering::Greater => {
                let by = 10_i64.checked_pow(decimals - exponent).unwrap_or(i64::MAX);
                (minor % by == 0).then_some(minor / by)
            }
        };
        let minor = scaled.filter(|minor| *minor <= limits::AMOUNT_MINOR_MAX);
        let Some(minor) = minor else { return wrong(91, "an amount that its currency can hold") };
        Ok(Money::from_minor(if negative { -minor } else { minor }, currency))
    }
}

impl<R: BufRead> Cfonb120<R> {
    fn read(&mut self) -> Result<ControlFlow<()>, FieldError> {
        let broken = match self.broken {
            Some(broken) => broken,
            None => {
                let broken = self.lines.breaks_within(LINE_BYTES)?;
                self.broken = Some(broken);
                broken
            }
        };
        let bytes = if broken { self.lines.next() } else { self.lines.record(RECORD_BYTES) };
        let Some((line, bytes)) = bytes.transpose()? else {
            self.building.finish(self.lines.line())?;
            return Ok(ControlFlow::Break(()));
        };
        self.building.record(bytes, line)?;
        Ok(ControlFlow::Continue(()))
    }
}

impl Building {
    fn finish(&mut self, line: u64) -> Result<(), FieldError> {
        self.flush();
        if let Some(statement) = self.statement.take() {
            let what = "the file ends before record 07, the new balance: it is cut short";
            return Err(FieldError::wrong(statement.line, 0, "07", what));
        }
        if self.statements == 0 {
            let what = "the file holds no statement: there is no record 01";
            return Err(FieldError::wrong(line, 0, "", what));
        }
        Ok(())
    }

    fn record(&mut self, bytes: &[u8], line: u64) -> Result<(), FieldError> {
        if bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0x1a) {
            return Ok(());
        }
        let record = Record(bytes.get(..RECORD_BYTES).unwrap_or(bytes));
        match record.columns(1, 2) {
            b"01" => self.open(&record, line),
            b"04" => self.movement(&record, line),
            b"05" => self.complement(&record, line),
            b"07" => self.close(&record, line),
            other => {
                let other = text(other).into_owned();
                Err(FieldError::expected(line, 1, "code enregistrement", &other, "01, 04, 05 or 07"))
            }
        }
    }

    /// `01`: the old balance opens a statement.
    fn open(&mut self, record: &Record<'_>, line: u64) -> Result<(), FieldError> {
        self.flush();
        if let Some(before) = &self.statement {
            let what = format!("a new balance opens before that of line {} is closed by a record 07", before.line);
            return Err(FieldError::wrong(line, 1, "01", what));
        }
        let located = |wrong: Wrong| of(wrong, line);
        let amount = record.amount().map_err(located)?;
        let opened_on = six_digit_date(record.columns(35, 40), false);
        let [bank, branch, number] = record.account().map(|part| text(part).trim().to_owned());
        let iban = french_iban(&bank, &branch, &number).ok();
        let account = match &iban {
            Some(iban) => iban.electronic().to_owned(),
            None => format!("{bank} {branch} {number}"),
        };
        self.statements += 1;
        let statement = Box::new(Statement {
            line,
            id: opened_on.map(|day| day.to_string()).unwrap_or_default(),
            account,
            iban,
            currency: Some(amount.currency()),
            opening: Some(amount.minor()),
            opened_on,
            ..Statement::default()
        });
        self.ready.push_back(Ok(Piece::Opened(statement.clone())));
        self.statement = Some(statement);
        Ok(())
    }

    /// `04`: a movement. What is wrong with it is reported and the others go on.
    fn movement(&mut self, record: &Record<'_>, line: u64) -> Result<(), FieldError> {
        self.flush();
        if self.statement.is_none() {
            return Err(FieldError::wrong(line, 1, "04", "a movement outside a statement: no record 01 before it"));
        }
        self.row += 1;
        let entry = (|| {
            let amount = record.amount()?;
            let booked_on = record.date(35, "date de comptabilisation")?;
            let mut entry = Entry {
                row: self.row,
                line,
                amount: Some(Money::from_minor(amount.minor().abs(), amount.currency())),
                debit: Some(amount.is_negative()),
                booked_on: Some(booked_on),
                ..Entry::default()
            };
            entry.particulars.valued_on = six_digit_date(record.columns(43, 48), false);
            entry.particulars.code = record.text(33, 34).into();
            let reject = record.text(41, 42);
            if !reject.is_empty() {
                let reason = ReturnReason { code: reject.into(), text: Default::default() };
                entry.particulars.returned = Some(reason);
            }
            Ok(entry)
        })();
        let entry = match entry {
            Ok(entry) => entry,
            Err(wrong) => {
                self.ready.push_back(Ok(Piece::Refused(self.row, vec![of(wrong, line)])));
                return Ok(());
            }
        };
        self.label.clear();
        self.label.push_str(&record.text(49, 79));
        self.detail.particulars.transaction_id = reference(&record.text(82, 88)).into();
        self.detail.particulars.instruction_id = reference(&record.text(105, 120)).into();
        self.entry = Some(Box::new(entry));
        Ok(())
    }

    /// `05`: what complements the movement before it.
    fn complement(&mut self, record: &Record<'_>, line: u64) -> Result<(), FieldError> {
        let Some(entry) = &mut self.entry else {
            // The movement it belongs to was refused, or there is none.
            if self.row == 0 || self.statement.is_none() {
                return Err(FieldError::wrong(
                    line,
                    1,
                    "05",
                    "a complement without a movement: no record 04 before it",
                ));
            }
            return Ok(());
        };
        let credit = entry.debit != Some(true);
        let qualifier = record.columns(46, 48);
        let known = matches!(qualifier, [b'A'..=b'Z', second, third]
            if [second, third].iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()));
        if !known {
            // Factoring companies go on with the label there.
            self.label.push(' ');
            push_bounded(&mut self.label, &record.text(49, 118), ADDITIONAL_CHARACTERS_MAX);
            return Ok(());
        }
        let value = record.text(49, 118);
        let detail = &mut self.detail;
        let more = &mut detail.particulars;
        let kept = |text: &str| short(text, REFERENCE_CHARACTERS_MAX);
        match qualifier {
            b"LIB" => {
                self.label.push(' ');
                push_bounded(&mut self.label, &value, ADDITIONAL_CHARACTERS_MAX);
            }
            // Two parts of one text of 140 characters: the first is full when there is a second.
            b"LCC" => push_bounded(
                &mut detail.unstructured,
                text(record.columns(49, 118)).trim_start_matches(' '),
                TEXT_CHARACTERS_MAX,
            ),
            b"LC2" => push_bounded(&mut detail.unstructured, &value, TEXT_CHARACTERS_MAX),
            b"LCS" if detail.structured.len() < RemittanceInformation::STRUCTURED_MAX => {
                detail.structured.push(value.into_owned());
            }
            b"RCN" => {
                reference(&record.text(49, 83)).clone_into(&mut detail.end_to_end);
                more.purpose = kept(&record.text(84, 118));
            }
            b"REF" => {
                more.payment_information_id = kept(reference(&record.text(49, 83)));
                let own = kept(reference(&record.text(84, 118)));
                if !own.is_empty() {
                    more.instruction_id = own;
                }
            }
            b"NPY" if credit => value.as_ref().clone_into(&mut detail.payer_name),
            b"NPO" => more.ultimate_payer = kept(&value),
            b"NBE" => more.payee = kept(&value),
            b"NBU" => more.ultimate_payee = kept(&value),
            b"CBE" => {
                detail.payee_iban = Iban::parse(&value).ok();
                more.payee_account = kept(&value);
            }
            b"CPY" | b"IPY" if credit && detail.payer_iban.is_none() => match Iban::parse(&value) {
                Ok(iban) => detail.payer_iban = Some(iban),
                Err(_) => more.payer_account = kept(&value),
            },
            b"IBE" => more.creditor_id = kept(&value),
            b"RUM" => more.mandate_id = kept(&record.text(49, 83)),
            b"MMO" => more.instructed = original_amount(record),
            b"FEE" => more.charges = original_amount(record),
            _ => {}
        }
        Ok(())
    }

    /// Gives the movement under way.
    fn flush(&mut self) {
        if let Some(mut entry) = self.entry.take() {
            let mut detail = std::mem::take(&mut self.detail);
            let label = self.label.trim();
            if detail.unstructured.trim().is_empty() {
                label.clone_into(&mut detail.unstructured);
            } else {
                detail.unstructured.truncate(detail.unstructured.trim_end().len());
                entry.particulars.additional = short(label, ADDITIONAL_CHARACTERS_MAX);
            }
            entry.details.reserve_exact(1);
            entry.details.push(detail);
            self.ready.push_back(Ok(Piece::Entry(entry)));
        }
    }

    /// `07`: the new balance closes the statement.
    fn close(&mut self, record: &Record<'_>, line: u64) -> Result<(), FieldError> {
        self.flush();
        let Some(mut statement) = self.statement.take() else {
            return Err(FieldError::wrong(line, 1, "07", "a new balance without an old one: no record 01 before it"));
        };
        let amount = record.amount().map_err(|wrong| of(wrong, line))?;
        statement.closing = Some(amount.minor());
        statement.closed_on = six_digit_date(record.columns(35, 40), false);
        if let Some(day) = statement.closed_on {
            statement.id = day.to_string();
        }
        statement.line = line;
        self.ready.push_back(Ok(Piece::Closed(statement)));
        Ok(())
    }
}

fn of((column, field, value, expected): Wrong, line: u64) -> FieldError {
    FieldError::expected(line, column, field, &value, expected)
}

/// `MMO` and `FEE`: an amount of its own: currency 3, decimals 1, amount 14, sign or blanks.
fn original_amount(record: &Record<'_>) -> Option<Money> {
    let currency = Currency::parse(&record.text(49, 51)).ok()?;
    let [decimals @ b'0'..=b'9'] = record.columns(52, 52) else { return None };
    scaled(record.columns(53, 66), currency, u32::from(decimals - b'0'))
}

fn scaled(digits: &[u8], currency: Currency, decimals: u32) -> Option<Money> {
    let minor: i64 = std::str::from_utf8(digits).ok()?.trim().parse().ok()?;
    let exponent = u32::from(currency.exponent()?);
    let minor = if exponent >= decimals {
        minor.checked_mul(10_i64.checked_pow(exponent - decimals)?)?
    } else {
        minor.checked_div(10_i64.checked_pow(decimals - exponent)?)?
    };
    Some(Money::from_minor(minor, currency))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_with_their_overpunched_sign() {
        for (amount, expected) in [
            ("0000000001250C", Ok(12_503)),
            ("0000000001250L", Ok(-12_503)),
            ("0000000000000{", Ok(0)),
            ("0000000000010}", Ok(-100)),
            ("00000000012 0{", Err((102, "a digit"))),
            ("00000000012501", Err((104, "overpunched"))),
            ("000000000125", Err((91, "thirteen digits"))),
        ] {
            let record = format!("{:<16}EUR2{:<70}{amount}", "04", "");
            let read = Record(record.as_bytes()).amount().map(Money::minor);
            match (read, expected) {
                (Ok(minor), Ok(wanted)) => assert_eq!(minor, wanted, "{amount}"),
                (Err((column, _, _, text)), Err((wanted, part))) => {
                    assert_eq!(column, wanted, "{amount}: {text}");
                    assert!(text.contains(part), "{amount}: {text}");
                }
                (read, wanted) => panic!("{amount}: {read:?}, expected {wanted:?}"),
            }
        }
    }
}
