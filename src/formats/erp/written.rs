//! Dates and amounts as people write them.

use std::borrow::Cow;
use std::fmt::{self, Display};

use quittance_actors::values::{Currency, Date, DecimalMark, Money};

/// A date by a pattern; the usual ones without a detour over the pattern.
pub(super) fn parse_date(pattern: &str, value: &str) -> Option<Date> {
    let bytes = value.as_bytes();
    let number = |from: usize, to: usize| -> Option<i16> {
        let digits = bytes.get(from..to)?;
        digits.iter().all(u8::is_ascii_digit).then(|| digits.iter().fold(0, |sum, d| sum * 10 + i16::from(d - b'0')))
    };
    let separated = |mark: u8| bytes.len() == 10 && bytes.get(2) == Some(&mark) && bytes.get(5) == Some(&mark);
    let mark = match pattern {
        "%Y-%m-%d" => return Date::parse(value).ok().filter(|_| bytes.len() == 10),
        "%d/%m/%Y" => b'/',
        "%d.%m.%Y" => b'.',
        "%d-%m-%Y" => b'-',
        _ => return Date::parse_as(pattern, value).ok(),
    };
    if !separated(mark) {
        return Date::parse_as(pattern, value).ok();
    }
    let (day, month) = (i8::try_from(number(0, 2)?).ok()?, i8::try_from(number(3, 5)?).ok()?);
    Date::new(number(6, 10)?, month, day)
}

/// An amount, its thousands grouped by `thousands`, its minus before or behind.
pub(super) fn parse_amount(
    value: &str, currency: Currency, decimal: DecimalMark, thousands: Option<char>,
) -> Option<Money> {
    let mut text: Cow<'_, str> = value.into();
    if let Some(mark) = thousands.filter(|mark| value.contains(*mark)) {
        let point = if decimal == DecimalMark::Comma { ',' } else { '.' };
        let (units, decimals) = value.split_once(point).unwrap_or((value, ""));
        let mut groups = units.trim_start_matches(['-', '+']).trim_end_matches('-').split(mark);
        let first = groups.next().is_some_and(|group| (1..=3).contains(&group.len()));
        if !first || !groups.all(|group| group.len() == 3) || decimals.contains(mark) {
            return None; // It groups no thousands there.
        }
        text = value.replace(mark, "").into();
    }
    if let Some(positive) = text.strip_suffix('-') {
        text = format!("-{positive}").into();
    }
    Money::parse(&text, currency, decimal).ok()
}

/// Whether a text has no more than so many characters.
pub(super) fn has_at_most(text: &str, characters_max: usize) -> bool {
    text.len() <= characters_max || text.chars().count() <= characters_max
}

/// What a date of a pattern should have been.
pub(super) struct Written<'a>(pub &'a str);

impl Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a date that exists, written {}", written(self.0))
    }
}

/// A date pattern as people write it.
pub(super) fn written(pattern: &str) -> String {
    pattern.replace("%d", "DD").replace("%m", "MM").replace("%Y", "YYYY").replace("%y", "YY")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped_by_three_or_refused() {
        for (value, expected) in [
            ("1.250,00", Some(125_000)),
            ("1.234.567,8", Some(123_456_780)),
            ("1.250", Some(125_000)),
            ("12,50", Some(1_250)),
            ("1.234,56-", Some(-123_456)),
            ("1250.00", None),
            ("12.5", None),
            ("1.2500,00", None),
            ("1,250.00", None),
        ] {
            let read = parse_amount(value, Currency::EUR, DecimalMark::Comma, Some('.')).map(Money::minor);
            assert_eq!(read, expected, "{value}");
        }
    }
}
