//! Field `:61:` of MT940, the statement line: dates, mark, amount, type and references of an entry.

use quittance_actors::limits;
use quittance_actors::values::{Currency, Date, Money};

use super::text::{ADDITIONAL_CHARACTERS_MAX, REFERENCE_CHARACTERS_MAX, amount, cut, reference, six_digit_date};
use super::{Detail, Entry};

/// A cursor over the first line of `:61:`.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take_while(&mut self, keep: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.bytes().take_while(|byte| keep(*byte)).count();
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn column(&self) -> u64 {
        u64::try_from(self.at).unwrap_or(u64::MAX)
    }
}

/// Reads `:61:`: value date, entry date, mark, amount, type, references, supplementary details.
/// Gives the supplementary details. An error gives the column, from 0, and what was expected there.
pub(super) fn statement_line(
    value: &str, currency: Option<Currency>, entry: &mut Entry,
) -> Result<String, (u64, String)> {
    let (first, supplementary) = value.split_once('\n').unwrap_or((value, ""));
    let mut cursor = Cursor { text: first.trim_start(), at: 0 };
    let days = cursor.take_while(|byte| byte.is_ascii_digit());
    let valued_on = days.get(..6).and_then(|days| six_digit_date(days.as_bytes(), true));
    let valued_on = valued_on.ok_or((0, "a value date YYMMDD".to_owned()))?;
    let booked_on = match days.get(6..) {
        Some(entry) if entry.len() == 4 => nearest_year(entry, valued_on),
        Some("") => Some(valued_on),
        _ => None,
    };
    let booked_on = booked_on.ok_or((6, "an entry date MMDD or none".to_owned()))?;
    let column = cursor.column();
    let mark = mark(cursor.rest()).ok_or((column, "C, D, RC or RD".to_owned()))?;
    cursor.at += mark.length;
    let column = cursor.column();
    let digits = cursor.take_while(|byte| byte.is_ascii_digit() || matches!(byte, b',' | b'.' | b'-'));
    let currency = currency.ok_or((column, "a currency, which neither a balance nor a floor names".to_owned()))?;
    let money = amount(digits, currency).map_err(|error| (column, error))?;
    if money.minor().abs() > limits::AMOUNT_MINOR_MAX {
        return Err((column, "an amount below ten thousand million".to_owned()));
    }
    let debit = mark.debit ^ money.is_negative();
    let money = Money::from_minor(money.minor().abs(), currency);
    let rest = cursor.rest();
    let (kind, references) = match rest.split_at_checked(4) {
        Some((kind, references))
            if kind.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ') =>
        {
            (kind, references)
        }
        _ if rest.trim().is_empty() => ("", ""),
        _ => return Err((cursor.column(), "a type such as NTRF after the amount".to_owned())),
    };
    let (own, bank) = references.split_once("//").unwrap_or((references, ""));
    (entry.amount, entry.debit, entry.reversal) = (Some(money), Some(debit), mark.reversal);
    entry.booked_on = Some(booked_on);
    entry.servicer_reference = cut(reference(bank), REFERENCE_CHARACTERS_MAX);
    entry.particulars.valued_on = Some(valued_on);
    entry.particulars.code = kind.trim().into();
    let own = reference(own);
    if !own.is_empty() {
        entry.details.push(Detail { end_to_end: cut(own, 35), ..Detail::default() });
    }
    if supplementary.is_empty() {
        return Ok(String::new());
    }
    let supplementary = supplementary.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    Ok(cut(&supplementary, ADDITIONAL_CHARACTERS_MAX))
}

struct Mark {
    length: usize,
    debit: bool,
    reversal: bool,
}

/// The debit or credit mark and the letter of the currency behind it, if there is one.
///
/// `RC` takes a credit back and so debits, `RD` credits; `EC` and `ED` are expected.
fn mark(text: &str) -> Option<Mark> {
    let bytes = text.as_bytes();
    let (mut length, debit, reversal) = match bytes {
        [b'R', b'C', ..] => (2, true, true),
        [b'R', b'D', ..] => (2, false, true),
        [b'E', b'C', ..] | [b'C', ..] => (if bytes.first() == Some(&b'E') { 2 } else { 1 }, false, false),
        [b'E', b'D', ..] | [b'D', ..] => (if bytes.first() == Some(&b'E') { 2 } else { 1 }, true, false),
        _ => return None,
    };
    if bytes.get(length).is_some_and(u8::is_ascii_alphabetic) {
        length += 1;
    }
    Some(Mark { length, debit, reversal })
}

/// A month and day in the year that puts it nearest to `valued_on`.
fn nearest_year(entry: &str, valued_on: Date) -> Option<Date> {
    let (year, valued_in, _) = valued_on.parts();
    let (month, day): (i8, i8) = (entry.get(..2)?.parse().ok()?, entry.get(2..)?.parse().ok()?);
    if (month - valued_in).abs() < 5 {
        // Nearer than any day of another year.
        return super::text::day_of(year, month, day);
    }
    [year - 1, year, year + 1]
        .into_iter()
        .filter_map(|year| super::text::day_of(year, month, day))
        .min_by_key(|date| date.days_since(valued_on).abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statement_lines_read_in_every_dialect() {
        for (line, expected) in [
            ("2603050306C1250,00NTRFRF18//B-1", Ok("2026-03-06 1250.00 EUR + NTRF RF18 B-1")),
            ("260305D500NMSCNONREF", Ok("2026-03-05 500.00 EUR - NMSC  ")),
            ("2512310102CR12,5NTRFX", Ok("2026-01-02 12.50 EUR + NTRF X ")),
            ("2707011231CR12,5NTRFX", Ok("2026-12-31 12.50 EUR + NTRF X ")),
            ("2703010831CR12,5NTRFX", Ok("2026-08-31 12.50 EUR + NTRF X ")),
            ("2603050306RCR204,88N123X", Ok("2026-03-06 204.88 EUR - N123 X ")),
            ("2603050306RD1,NCHK", Ok("2026-03-06 1.00 EUR + NCHK  ")),
            ("0902300301D6,00N024NONREF", Ok("2009-03-01 6.00 EUR - N024  ")),
            ("260305C000000001000.12NTRF", Ok("2026-03-05 1000.12 EUR + NTRF  ")),
            ("261305C1,00NTRF", Err((0, "value date"))),
            ("260305X1,00NTRF", Err((6, "C, D, RC or RD"))),
            ("260305C1,005NTRF", Err((7, "2 decimals of EUR"))),
            ("260305CNTRF", Err((8, "such as 1250,00"))),
        ] {
            let mut entry = Entry::default();
            let read = statement_line(line, Some(Currency::EUR), &mut entry);
            match (read, expected) {
                (Ok(_), Ok(wanted)) => {
                    let found = format!(
                        "{} {} {} {} {} {}",
                        entry.booked_on.unwrap(),
                        entry.amount.unwrap(),
                        if entry.debit == Some(true) { "-" } else { "+" },
                        entry.particulars.code,
                        entry.details.first().map_or("", |detail| &detail.end_to_end),
                        entry.servicer_reference,
                    );
                    assert_eq!(found, wanted, "{line}");
                }
                (Err((column, text)), Err((wanted, part))) => {
                    assert_eq!(column, wanted, "{line}: {text}");
                    assert!(text.contains(part), "{line}: {text}");
                }
                (read, wanted) => panic!("{line}: {read:?}, expected {wanted:?}"),
            }
        }
    }
}
