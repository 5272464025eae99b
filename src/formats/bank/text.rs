//! Pieces of text that banks cut and pad.

use std::fmt::Write as _;

use quittance_actors::values::{Currency, Date, DecimalMark, Money, MoneyError, RemittanceInformation};
use smol_str::SmolStr;

/// Characters of a bank's own reference: the standard allows 35, some banks write more.
pub(super) const REFERENCE_CHARACTERS_MAX: usize = 140;
/// Characters of what a bank adds.
pub(super) const ADDITIONAL_CHARACTERS_MAX: usize = 500;

/// Appends `piece` to a text that a format cuts every `width` characters: a piece that fills its
/// width was cut and goes on, any other is followed by a blank.
pub(super) fn append(text: &mut String, piece: &str, width: usize) {
    if !text.is_empty() && !text.chars().count().is_multiple_of(width) && !text.ends_with(' ') {
        push_bounded(text, " ", RemittanceInformation::UNSTRUCTURED_CHARACTERS_MAX);
    }
    push_bounded(text, piece, RemittanceInformation::UNSTRUCTURED_CHARACTERS_MAX);
}

/// Appends what still fits.
pub(super) fn push_bounded(text: &mut String, piece: &str, characters_max: usize) {
    if text.len() + piece.len() <= characters_max {
        return text.push_str(piece);
    }
    let room = characters_max.saturating_sub(text.chars().count());
    text.extend(piece.chars().take(room));
}

/// A text of the particulars, cut to what is kept.
pub(super) fn short(text: &str, characters_max: usize) -> SmolStr {
    let text = text.trim();
    if text.len() <= characters_max { text.into() } else { text.chars().take(characters_max).collect() }
}

/// The first characters of a text.
pub(super) fn cut(text: &str, characters_max: usize) -> String {
    if text.len() <= characters_max { text.to_owned() } else { text.chars().take(characters_max).collect() }
}

/// A reference as banks write it; placeholders for "none" are none.
pub(super) fn reference(text: &str) -> &str {
    let text = text.trim();
    match text {
        "NOTPROVIDED" | "NOTAVAIL" | "NONREF" | "NOT PROVIDED" | "NONE" | "/" => "",
        _ if text.bytes().all(|byte| byte == b'0') => "",
        _ => text,
    }
}

/// An amount with a decimal comma or point; SWIFT asks for a comma, some banks write a point or
/// no decimals at all. An empty fraction is allowed: `1250,`.
pub(super) fn amount(text: &str, currency: Currency) -> Result<Money, String> {
    let mark = if text.contains('.') { DecimalMark::Point } else { DecimalMark::Comma };
    Money::parse(text, currency, mark).map_err(|error| expected_amount(&error))
}

/// What an amount that was refused should have been.
pub(super) fn expected_amount(error: &MoneyError) -> String {
    match error {
        MoneyError::TooPrecise { digits, currency, .. } => format!("at most the {digits} decimals of {currency}"),
        MoneyError::OutOfRange(_) => "an amount that fits".to_owned(),
        _ => "an amount such as 1250,00".to_owned(),
    }
}

/// What a currency that was refused should have been.
pub(super) const CURRENCY: &str = "an ISO 4217 currency such as EUR";

/// A date of six digits, year first (`YYMMDD`) or last (`DDMMYY`). Years from 60 on are of the
/// last century. A day past the end of its month is the last day of it: banks that count thirty
/// days a month write 30 February.
pub(super) fn six_digit_date(text: &[u8], year_first: bool) -> Option<Date> {
    let [a, b, c, d, e, f] = *text else { return None };
    let two = |tens: u8, ones: u8| -> Option<i8> {
        let digit = |byte: u8| byte.is_ascii_digit().then(|| byte - b'0');
        i8::try_from(digit(tens)? * 10 + digit(ones)?).ok()
    };
    let (first, month, last) = (two(a, b)?, two(c, d)?, two(e, f)?);
    let (year, day) = if year_first { (first, last) } else { (last, first) };
    let year = i16::from(year) + if year >= 60 { 1900 } else { 2000 };
    day_of(year, month, day)
}

/// A date whose day may lie past the end of its month, up to the 31st.
pub(super) fn day_of(year: i16, month: i8, day: i8) -> Option<Date> {
    match Date::new(year, month, day) {
        Some(date) => Some(date),
        None if (29..=31).contains(&day) => Date::new(year, month, 1).map(Date::month_end),
        None => None,
    }
}

/// The sum of `parts` as one text, separated, without the empty ones.
pub(super) fn joined(parts: &[&str], separator: char) -> SmolStr {
    let mut text = String::new();
    for part in parts.iter().filter(|part| !part.is_empty()) {
        if !text.is_empty() {
            text.push(separator);
        }
        let _ = text.write_str(part); // A string takes everything.
    }
    text.into()
}

/// An amount of ISO 20022, if it is one of a known currency.
pub(super) fn money(text: &str, currency: Option<&str>) -> Option<Money> {
    Money::parse(text, Currency::parse(currency?).ok()?, DecimalMark::Point).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_pieces_are_healed_and_others_parted() {
        let mut text = String::new();
        for piece in ["FA-2026-", "0127", "7 merci"] {
            append(&mut text, piece, 8);
        }
        assert_eq!(text, "FA-2026-0127 7 merci");
    }

    #[test]
    fn a_text_is_never_longer_than_what_is_kept() {
        let mut text = String::new();
        for _ in 0..20 {
            append(&mut text, &"x".repeat(99), 140);
        }
        assert!(text.len() == RemittanceInformation::UNSTRUCTURED_CHARACTERS_MAX, "{}", text.len());
        assert!(RemittanceInformation::new(Vec::new(), text).is_ok());
    }

    #[test]
    fn dates_of_thirty_day_months_are_the_last_day() {
        for (text, year_first, expected) in [
            ("260305", true, Some("2026-03-05")),
            ("050326", false, Some("2026-03-05")),
            ("090230", true, Some("2009-02-28")),
            ("991231", true, Some("1999-12-31")),
            ("261301", true, None),
            ("26AB01", true, None),
            ("2603", true, None),
        ] {
            let found = six_digit_date(text.as_bytes(), year_first).map(|date| date.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
