//! Money: an amount in minor units with its currency, never a float (N9).

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// Why an amount or a currency was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum MoneyError {
    #[error("unknown currency '{0}': expected an ISO 4217 code such as EUR")]
    UnknownCurrency(String),
    #[error("currency {0} has no minor unit")]
    NoExponent(Currency),
    #[error("not an amount '{0}': expected digits with at most one decimal mark")]
    NotAnAmount(String),
    #[error("'{text}' has more than {digits} decimals, the most that {currency} has")]
    TooPrecise { text: String, digits: u16, currency: Currency },
    #[error("amount '{0}' is out of range")]
    OutOfRange(String),
    #[error("amounts of {0} and {1} cannot be mixed")]
    CurrencyDiffers(Currency, Currency),
}

/// An ISO 4217 currency, those that the euro replaced included: old statements name them.
///
/// Stored as its numeric code, published as its letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency(Listed);

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Listed {
    Current(iso_currency::Currency),
    Withdrawn(Old),
}

/// The place of a currency in list three: an amount is two words, and there are many.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Old(u8);

impl Old {
    fn find(is: impl Fn(&Withdrawn) -> bool) -> Option<Currency> {
        let place = WITHDRAWN.iter().position(is).and_then(|place| u8::try_from(place).ok())?;
        Some(Currency(Listed::Withdrawn(Self(place))))
    }

    fn known(self) -> Option<&'static Withdrawn> {
        WITHDRAWN.get(usize::from(self.0))
    }
}

/// A currency of ISO 4217 list three.
struct Withdrawn {
    code: &'static str,
    numeric: u16,
    exponent: u16,
}

const fn withdrawn(code: &'static str, numeric: u16, exponent: u16) -> Withdrawn {
    Withdrawn { code, numeric, exponent }
}

/// The currencies that the euro replaced. Source: ISO 4217, list three.
static WITHDRAWN: [Withdrawn; 19] = [
    withdrawn("ATS", 40, 2),
    withdrawn("BEF", 56, 0),
    withdrawn("CYP", 196, 2),
    withdrawn("DEM", 276, 2),
    withdrawn("EEK", 233, 2),
    withdrawn("ESP", 724, 0),
    withdrawn("FIM", 246, 2),
    withdrawn("FRF", 250, 2),
    withdrawn("GRD", 300, 0),
    withdrawn("IEP", 372, 2),
    withdrawn("ITL", 380, 0),
    withdrawn("LTL", 440, 2),
    withdrawn("LUF", 442, 0),
    withdrawn("LVL", 428, 2),
    withdrawn("MTL", 470, 2),
    withdrawn("NLG", 528, 2),
    withdrawn("PTE", 620, 0),
    withdrawn("SIT", 705, 2),
    withdrawn("SKK", 703, 2),
];

impl Currency {
    /// The euro.
    pub const EUR: Currency = Currency(Listed::Current(iso_currency::Currency::EUR));

    /// Reads a three-letter code, upper case.
    pub fn parse(code: &str) -> Result<Self, MoneyError> {
        if code == "EUR" {
            return Ok(Self::EUR);
        }
        if let Some(current) = iso_currency::Currency::from_code(code) {
            return Ok(Self(Listed::Current(current)));
        }
        Old::find(|known| known.code == code)
            .ok_or_else(|| MoneyError::UnknownCurrency(code.chars().take(12).collect()))
    }

    /// Finds a currency by its number, such as 978.
    pub fn of_number(numeric: u16) -> Option<Self> {
        if let Some(current) = iso_currency::Currency::from_numeric(numeric) {
            return Some(Self(Listed::Current(current)));
        }
        Old::find(|known| known.numeric == numeric)
    }

    fn numeric(self) -> u16 {
        match self.0 {
            Listed::Current(current) => current.numeric(),
            Listed::Withdrawn(old) => old.known().map_or(0, |known| known.numeric),
        }
    }

    /// Three letters, such as `EUR`.
    pub fn code(self) -> &'static str {
        match self.0 {
            Listed::Current(current) => current.code(),
            Listed::Withdrawn(old) => old.known().map_or("", |known| known.code),
        }
    }

    /// Decimals of the minor unit: 2 for EUR, 0 for JPY. `None` for gold and the like.
    pub fn exponent(self) -> Option<u16> {
        match self.0 {
            Listed::Current(iso_currency::Currency::EUR) => Some(2),
            Listed::Current(current) => current.exponent(),
            Listed::Withdrawn(old) => old.known().map(|known| known.exponent),
        }
    }

    /// The sign people write, such as `€`; the letters when there is none.
    pub fn symbol(self) -> String {
        match self.0 {
            Listed::Current(current) => current.symbol().to_string(),
            Listed::Withdrawn(_) => self.code().to_owned(),
        }
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(self.code())
        } else {
            serializer.serialize_u16(self.numeric())
        }
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        if deserializer.is_human_readable() {
            let code = String::deserialize(deserializer)?;
            Currency::parse(&code).map_err(D::Error::custom)
        } else {
            let numeric = u16::deserialize(deserializer)?;
            Currency::of_number(numeric).ok_or_else(|| D::Error::custom(format!("unknown ISO 4217 number {numeric}")))
        }
    }
}

/// Which character separates units from decimals in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DecimalMark {
    /// `1250.00`, as in XML and JSON.
    #[default]
    Point,
    /// `1250,00`, as in French and German exports.
    Comma,
}

/// An amount in the minor unit of its currency: 12.50 EUR is `{1250, EUR}`.
///
/// Published as `{"amount": 1250, "currency": "EUR"}`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    #[serde(rename = "amount")]
    minor: i64,
    currency: Currency,
}

impl Money {
    /// An amount of `minor` units.
    pub const fn from_minor(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in `currency`.
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// Reads a decimal text such as `1250.00` or `-12,5`; spaces and a leading `+` are allowed
    /// around and inside, since exports group thousands with them.
    ///
    /// Refuses more decimals than the currency has, unless they are zeros (banks pad to five),
    /// anything that is not a digit, and what does not fit in 64 bits.
    pub fn parse(text: &str, currency: Currency, mark: DecimalMark) -> Result<Self, MoneyError> {
        let not_an_amount = || MoneyError::NotAnAmount(text.chars().take(40).collect());
        let exponent = currency.exponent().ok_or(MoneyError::NoExponent(currency))?;
        let mark = match mark {
            DecimalMark::Point => '.',
            DecimalMark::Comma => ',',
        };
        let grouped = text.bytes().any(|byte| byte == b' ' || !byte.is_ascii());
        let compact: Cow<'_, str> = match grouped {
            true => text.chars().filter(|c| !matches!(c, ' ' | '\u{a0}' | '\u{202f}')).collect(),
            false => text.into(),
        };
        let (negative, digits) = match compact.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, compact.strip_prefix('+').unwrap_or(&compact)),
        };
        let (units, decimals) = digits.split_once(mark).unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if units.is_empty() || !all_digits(units) || !all_digits(decimals) {
            return Err(not_an_amount());
        }
        let kept = decimals.trim_end_matches('0');
        if kept.len() > usize::from(exponent) {
            let text = text.chars().take(40).collect();
            return Err(MoneyError::TooPrecise { text, digits: exponent, currency });
        }
        let out_of_range = || MoneyError::OutOfRange(text.chars().take(40).collect());
        let mut minor = 0_i64;
        let padding = std::iter::repeat_n(b'0', usize::from(exponent) - kept.len());
        for digit in units.bytes().chain(kept.bytes()).chain(padding) {
            minor = minor
                .checked_mul(10)
                .and_then(|value| value.checked_add(i64::from(digit - b'0')))
                .ok_or_else(out_of_range)?;
        }
        Ok(Self { minor: if negative { -minor } else { minor }, currency })
    }

    /// Minor units.
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The sum; refuses two currencies and an overflow.
    pub fn checked_add(self, other: Money) -> Result<Money, MoneyError> {
        self.combine(other, i64::checked_add)
    }

    /// The difference; refuses two currencies and an overflow.
    pub fn checked_sub(self, other: Money) -> Result<Money, MoneyError> {
        self.combine(other, i64::checked_sub)
    }

    fn combine(self, other: Money, operation: fn(i64, i64) -> Option<i64>) -> Result<Money, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyDiffers(self.currency, other.currency));
        }
        operation(self.minor, other.minor)
            .map(|minor| Money { minor, currency: self.currency })
            .ok_or_else(|| MoneyError::OutOfRange(format!("{self} and {other}")))
    }

    /// Whether nothing is left.
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// Whether it is above zero.
    pub const fn is_positive(self) -> bool {
        self.minor > 0
    }

    /// Whether it is below zero.
    pub const fn is_negative(self) -> bool {
        self.minor < 0
    }

    /// The decimal text with a point, without currency: `1250.00`.
    pub fn decimal(self) -> String {
        let exponent = usize::from(self.currency.exponent().unwrap_or(0));
        let sign = if self.minor < 0 { "-" } else { "" };
        let digits = format!("{:0width$}", self.minor.unsigned_abs(), width = exponent + 1);
        let (units, decimals) = digits.split_at(digits.len() - exponent);
        if decimals.is_empty() { format!("{sign}{units}") } else { format!("{sign}{units}.{decimals}") }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_texts_read_as_minor_units_or_say_why_not() {
        let jpy = Currency::parse("JPY").unwrap();
        for (text, currency, mark, expected) in [
            ("1250.00", Currency::EUR, DecimalMark::Point, Ok(125_000)),
            ("1250", Currency::EUR, DecimalMark::Point, Ok(125_000)),
            ("-12,5", Currency::EUR, DecimalMark::Comma, Ok(-1_250)),
            ("+1 006,60", Currency::EUR, DecimalMark::Comma, Ok(100_660)),
            ("1\u{202f}250,00", Currency::EUR, DecimalMark::Comma, Ok(125_000)),
            ("000000000000149.87", Currency::EUR, DecimalMark::Point, Ok(14_987)),
            ("12.50000", Currency::EUR, DecimalMark::Point, Ok(1_250)),
            ("500", jpy, DecimalMark::Point, Ok(500)),
            ("12.505", Currency::EUR, DecimalMark::Point, Err("more than 2 decimals")),
            ("1.5", jpy, DecimalMark::Point, Err("more than 0 decimals")),
            ("1,250.00", Currency::EUR, DecimalMark::Point, Err("not an amount")),
            ("12.5.0", Currency::EUR, DecimalMark::Point, Err("not an amount")),
            ("", Currency::EUR, DecimalMark::Point, Err("not an amount")),
            ("ten", Currency::EUR, DecimalMark::Point, Err("not an amount")),
            ("99999999999999999999", Currency::EUR, DecimalMark::Point, Err("out of range")),
        ] {
            let read = Money::parse(text, currency, mark).map(Money::minor);
            match (read, expected) {
                (Ok(minor), Ok(wanted)) => assert_eq!(minor, wanted, "{text:?}"),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (read, wanted) => panic!("{text:?}: {read:?}, expected {wanted:?}"),
            }
        }
    }

    #[test]
    fn currencies_never_mix() {
        let euro = Money::from_minor(100, Currency::EUR);
        let pound = Money::from_minor(100, Currency::parse("GBP").unwrap());
        assert!(euro.checked_add(pound).is_err());
        assert_eq!(euro.checked_sub(euro).unwrap(), Money::zero(Currency::EUR));
        assert!(Money::from_minor(i64::MAX, Currency::EUR).checked_add(euro).is_err());
        assert!(Currency::parse("EURO").is_err());
    }

    #[test]
    fn currencies_that_the_euro_replaced_are_still_read() {
        let mark = Currency::parse("DEM").unwrap();
        assert_eq!((mark.code(), mark.exponent(), Currency::of_number(276)), ("DEM", Some(2), Some(mark)));
        assert!(WITHDRAWN.iter().all(|known| Currency::parse(known.code).unwrap().numeric() == known.numeric));
    }

    #[test]
    fn amounts_print_with_the_decimals_of_their_currency() {
        assert_eq!(Money::from_minor(-5, Currency::EUR).to_string(), "-0.05 EUR");
        assert_eq!(Money::from_minor(1_250, Currency::EUR).decimal(), "12.50");
        assert_eq!(Money::from_minor(7, Currency::parse("JPY").unwrap()).decimal(), "7");
    }
}
