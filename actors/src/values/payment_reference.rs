//! References that an ERP prints on its invoices, as countries check them. Sources: ISO 11649; Febelfin,
//! structured communication (OGM/VCS); SIX, QR-bill (QRR); Finance Finland, reference number; Estonian Banking
//! Association, viitenumber; Bits, KID; Banka Slovenije, UPN models.

use std::fmt;

use smol_str::SmolStr;
use thiserror::Error;

use super::invoice_number::canonical_number;
use super::references::CreditorReference;

/// Why a reference was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "not a payment reference '{0}': expected one whose check digits are right (RF…, Belgian +++…+++, Swiss QRR, \
     Finnish or Estonian, Norwegian KID, Slovenian SI…)"
)]
pub struct PaymentReferenceError(String);

/// The scheme whose check digits fit a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceScheme {
    /// ISO 11649.
    Creditor,
    /// Belgian structured communication: 12 digits.
    Belgian,
    /// Swiss QR reference: 27 digits.
    Swiss,
    /// Finnish or Estonian reference number.
    Finnish,
    /// Norwegian customer identification (KID).
    Norwegian,
    /// Slovenian reference, with its model.
    Slovenian,
}

/// A reference whose check digits are right, without what is printed between its symbols.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentReference(SmolStr);

impl PaymentReference {
    /// Reads a reference as it is printed: blanks, `+++`, `***`, slashes and dots are no part of it.
    pub fn parse(text: &str) -> Result<Self, PaymentReferenceError> {
        let wrong = || PaymentReferenceError(text.chars().take(40).collect());
        if text.len() > 64 {
            return Err(wrong());
        }
        let printed = |c: char| c.is_whitespace() || matches!(c, '+' | '*' | '/' | '.');
        let canonical: SmolStr = text.chars().filter(|c| !printed(*c)).map(|c| c.to_ascii_uppercase()).collect();
        let reference = Self(canonical);
        // A placeholder is nobody's.
        let scheme = reference.scheme().filter(|_| reference.0.bytes().any(|byte| matches!(byte, b'1'..=b'9')));
        // Printed like this it is a Belgian one, or it is none.
        let belgian = text.contains(['+', '*']) && scheme != Some(ReferenceScheme::Belgian);
        scheme.filter(|_| !belgian).map(|_| reference).ok_or_else(wrong)
    }

    /// The reference, without separators.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is long enough to be told from other numbers in what payers write.
    pub fn can_be_found(&self) -> bool {
        !canonical_number(&self.0).is_empty()
    }

    /// The scheme whose check digits fit; where several do, the one that says most.
    pub fn scheme(&self) -> Option<ReferenceScheme> {
        let text = self.0.as_str();
        if text.starts_with("RF") {
            return CreditorReference::parse(text).ok().map(|_| ReferenceScheme::Creditor);
        }
        if let Some(rest) = text.strip_prefix("SI") {
            return slovenian(rest).then_some(ReferenceScheme::Slovenian);
        }
        let digits = Digits::of(text.strip_suffix('-').unwrap_or(text))?;
        let all = !text.ends_with('-');
        match digits.0.len() {
            12 if all && digits.belgian() => Some(ReferenceScheme::Belgian),
            27 if all && digits.swiss() => Some(ReferenceScheme::Swiss),
            2..=20 if all && digits.finnish() => Some(ReferenceScheme::Finnish),
            2..=25 if all && digits.luhn() => Some(ReferenceScheme::Norwegian),
            2..=25 if digits.modulo_11(all) => Some(ReferenceScheme::Norwegian),
            _ => None,
        }
    }
}

impl fmt::Display for PaymentReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Decimal digits.
struct Digits(Vec<u32>);

impl Digits {
    fn of(text: &str) -> Option<Self> {
        text.chars().map(|c| c.to_digit(10)).collect::<Option<Vec<u32>>>().map(Self)
    }

    fn split(&self) -> Option<(u32, &[u32])> {
        self.0.split_last().map(|(check, base)| (*check, base))
    }

    /// The last two are the first ten modulo 97, and 97 when nothing is left.
    fn belgian(&self) -> bool {
        let (base, check) = self.0.split_at(10);
        let value = |digits: &[u32]| digits.iter().fold(0_u64, |value, digit| value * 10 + u64::from(*digit));
        let expected = match value(base) % 97 {
            0 => 97,
            rest => rest,
        };
        value(check) == expected
    }

    /// Modulo 10, recursive.
    fn swiss(&self) -> bool {
        const TABLE: [u32; 10] = [0, 9, 4, 6, 8, 2, 7, 1, 3, 5];
        let Some((check, base)) = self.split() else { return false };
        let carry = base.iter().fold(0, |carry, digit| {
            let place = usize::try_from((carry + digit) % 10).unwrap_or(0);
            TABLE.get(place).copied().unwrap_or(0)
        });
        check == (10 - carry) % 10
    }

    /// Weights 7, 3, 1 from the right.
    fn finnish(&self) -> bool {
        let Some((check, base)) = self.split() else { return false };
        let sum: u32 =
            base.iter().rev().zip([7, 3, 1].into_iter().cycle()).map(|(digit, weight)| digit * weight).sum();
        check == (10 - sum % 10) % 10
    }

    /// Weights 2, 1 from the right, the sum of the digits of each product.
    fn luhn(&self) -> bool {
        let Some((check, base)) = self.split() else { return false };
        let product = |(digit, weight): (&u32, u32)| (digit * weight) / 10 + (digit * weight) % 10;
        let sum: u32 = base.iter().rev().zip([2, 1].into_iter().cycle()).map(product).sum();
        check == (10 - sum % 10) % 10
    }

    /// Weights 2 to 7 from the right; a check of ten is written `-`, which is not among the digits.
    fn modulo_11(&self, has_check: bool) -> bool {
        let (check, base) = match self.split() {
            Some((check, base)) if has_check => (Some(check), base),
            _ => (None, self.0.as_slice()),
        };
        let sum: u32 = base.iter().rev().zip((2..=7).cycle()).map(|(digit, weight)| digit * weight).sum();
        let expected = (11 - sum % 11) % 11;
        check == (expected < 10).then_some(expected)
    }
}

/// Model 12 ends in a check digit modulo 11; model 00 has none; other models are not read.
fn slovenian(rest: &str) -> bool {
    let content = |text: &str| {
        let plain = |byte: u8| byte.is_ascii_digit() || byte == b'-';
        (1..=22).contains(&text.len()) && text.bytes().all(plain)
    };
    match rest.split_at_checked(2) {
        Some(("00", text)) => content(text),
        Some(("12", text)) => {
            Digits::of(text).filter(|digits| (2..=13).contains(&digits.0.len())).is_some_and(|digits| {
                let Some((check, base)) = digits.split() else { return false };
                let sum: u32 = base.iter().rev().zip(2..).map(|(digit, weight)| digit * weight).sum();
                let expected = 11 - sum % 11;
                check == if expected >= 10 { 0 } else { expected }
            })
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_by_the_check_digits_of_their_country() {
        use ReferenceScheme as S;
        for (text, scheme) in [
            ("RF18 5390 0754 7034", S::Creditor),
            ("+++090/9337/55493+++", S::Belgian),
            ("***000/0000/09797***", S::Belgian),
            ("21 00000 00003 13947 14300 09017", S::Swiss),
            ("1234561", S::Finnish),
            ("602243", S::Norwegian),
            ("1009-", S::Norwegian),
            ("si12 1234567890", S::Slovenian),
            ("SI00 2026-123", S::Slovenian),
        ] {
            let read = PaymentReference::parse(text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(read.scheme(), Some(scheme), "{text}");
        }
        assert_eq!(PaymentReference::parse("+++090/9337/55493+++").unwrap().as_str(), "090933755493");
        for text in [
            "",
            "RF17539007547034",
            "+++090/9337/55494+++",
            "1001",
            "F-2026-1",
            "SI12 1234567891",
            "-",
            &"1".repeat(70),
        ] {
            assert!(PaymentReference::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn one_wrong_digit_is_not_read_as_a_belgian_or_swiss_reference() {
        for valid in ["090933755493", "210000000003139471430009017"] {
            let scheme = PaymentReference::parse(valid).unwrap().scheme();
            for at in 0..valid.len() {
                for digit in '0'..='9' {
                    let mut wrong: Vec<char> = valid.chars().collect();
                    if std::mem::replace(&mut wrong[at], digit) != digit {
                        let wrong: String = wrong.into_iter().collect();
                        let read = PaymentReference::parse(&wrong).ok().and_then(|read| read.scheme());
                        assert_ne!(read, scheme, "{wrong}");
                    }
                }
            }
        }
    }
}
