//! IBAN and virtual IBAN. Source: ISO 13616, ISO 7064 mod 97-10; French RIB key.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why an account number was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum IbanError {
    #[error("not an IBAN: wrong country, length or character")]
    Structure,
    #[error("not an IBAN: the check digits do not agree")]
    CheckDigits,
    #[error("bank, branch and account of a French account are 5, 5 and 11 letters or digits")]
    FrenchParts,
    #[error("the virtual IBAN pool is used up after {0} numbers")]
    PoolEmpty(u64),
    #[error("a pool needs a prefix of digits and a width that fill 11 places together")]
    PoolShape,
    #[error(
        "a template is a country's code and the places of its account numbers: capitals and digits that stand, n for 3 to 12 digits that count, k for national check digits"
    )]
    PoolTemplate,
    #[error("no rule is known for national check digits of {country} at these places: {expected}")]
    PoolKey {
        /// The country's code.
        country: String,
        /// What could be written.
        expected: &'static str,
    },
    #[error(
        "the template makes account numbers that {0} does not have: wrong length or a letter where a digit stands"
    )]
    PoolCountry(String),
}

/// Countries of the registry that the crate's table lacks: Honduras and Pakistan, with lengths.
const NEWER_COUNTRIES: [(&str, usize); 2] = [("HN", 28), ("PK", 24)];

/// An International Bank Account Number, without blanks, upper case. `Debug` is masked.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Iban(String);

impl Iban {
    /// Reads electronic or printed form (groups of four), any case.
    ///
    /// Refuses a structure that the country does not have, wrong check digits, and the check
    /// digits 00, 01 and 99, which no issuer computes although the sum agrees.
    pub fn parse(text: &str) -> Result<Self, IbanError> {
        let electronic = text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let compact: String = match electronic {
            true => text.to_owned(),
            false => {
                let plain = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
                plain.map(|c| c.to_ascii_uppercase()).collect()
            }
        };
        if matches!(compact.get(2..4), Some("00" | "01" | "99")) {
            return Err(IbanError::CheckDigits);
        }
        match compact.parse::<iban::Iban>() {
            Ok(_) => Ok(Self(compact)),
            Err(iban::ParseIbanError::InvalidBaseIban { source: iban::ParseBaseIbanError::InvalidChecksum }) => {
                Err(IbanError::CheckDigits)
            }
            // The check digits agree; the crate's table is older than the registry.
            Err(iban::ParseIbanError::UnknownCountry(_))
                if NEWER_COUNTRIES
                    .iter()
                    .any(|(code, length)| compact.starts_with(code) && compact.len() == *length) =>
            {
                Ok(Self(compact))
            }
            Err(_) => Err(IbanError::Structure),
        }
    }

    /// The electronic form, for matching and for files.
    pub fn electronic(&self) -> &str {
        &self.0
    }

    /// The printed form, in groups of four.
    pub fn printed(&self) -> String {
        let groups: Vec<&str> =
            (0..self.0.len()).step_by(4).filter_map(|at| self.0.get(at..(at + 4).min(self.0.len()))).collect();
        groups.join(" ")
    }

    /// Country and the last four places, for screens and logs: `FR76…0185`.
    pub fn masked(&self) -> String {
        let head = self.0.get(..4).unwrap_or_default();
        let tail = self.0.get(self.0.len().saturating_sub(4)..).unwrap_or_default();
        format!("{head}…{tail}")
    }
}

impl fmt::Debug for Iban {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl TryFrom<String> for Iban {
    type Error = IbanError;
    fn try_from(text: String) -> Result<Self, IbanError> {
        Self::parse(&text)
    }
}

impl From<Iban> for String {
    fn from(iban: Iban) -> String {
        iban.0
    }
}

/// An IBAN given to one customer, so that the payer of a transfer is known at once.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Debug)]
#[serde(transparent)]
pub struct VirtualIban(Iban);

impl VirtualIban {
    /// Takes an IBAN that a payment provider granted as virtual.
    pub fn new(iban: Iban) -> Self {
        Self(iban)
    }

    /// The account number itself.
    pub fn iban(&self) -> &Iban {
        &self.0
    }
}

/// The RIB key of a French account: 97 − (89·bank + 15·branch + 3·account) mod 97, letters
/// counted A,J=1 B,K,S=2 … I,R,Z=9. Returns 1 to 97.
pub fn rib_key(bank: &str, branch: &str, account: &str) -> Result<u32, IbanError> {
    let number = |part: &str, places: usize| -> Result<u64, IbanError> {
        if part.len() != places {
            return Err(IbanError::FrenchParts);
        }
        part.bytes().try_fold(0_u64, |value, byte| {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'A'..=b'I' => byte - b'A' + 1,
                b'J'..=b'R' => byte - b'J' + 1,
                b'S'..=b'Z' => byte - b'S' + 2,
                _ => return Err(IbanError::FrenchParts),
            };
            Ok(value * 10 + u64::from(digit))
        })
    };
    let sum = 89 * number(bank, 5)? + 15 * number(branch, 5)? + 3 * number(account, 11)?;
    Ok(97 - u32::try_from(sum % 97).unwrap_or(0))
}

/// The French IBAN of a bank, branch and account, with RIB key and check digits computed.
pub fn french_iban(bank: &str, branch: &str, account: &str) -> Result<Iban, IbanError> {
    let key = rib_key(bank, branch, account)?;
    iban_of("FR", &format!("{bank}{branch}{account}{key:02}"))
}

/// The IBAN of a country's account number, with its check digits.
pub(super) fn iban_of(country: &str, bban: &str) -> Result<Iban, IbanError> {
    let check = 98 - mod_97(&format!("{bban}{country}00"));
    Iban::parse(&format!("{country}{check:02}{bban}"))
}

/// The remainder by 97 of a text with letters read as 10 to 35. Source: ISO 7064.
pub(crate) fn mod_97(text: &str) -> u32 {
    text.chars()
        .filter_map(|c| c.to_digit(36))
        .fold(0, |rest, value| if value < 10 { (rest * 10 + value) % 97 } else { (rest * 100 + value) % 97 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ibans_read_or_say_why_not() {
        for valid in [
            "FR1420041010050500013M02606",
            "fr14 2004 1010 0505 0001 3m02 606",
            "DE89370400440532013000",
            "BE68539007547034",
            "CH9300762011623852957",
            "PK36SCBL0000001123456702",
        ] {
            assert!(Iban::parse(valid).is_ok(), "{valid}");
        }
        for (text, error) in [
            ("FR1420041010050500013M02607", IbanError::CheckDigits),
            ("FR142004101005050001", IbanError::CheckDigits),
            ("FR76!", IbanError::Structure),
            ("", IbanError::Structure),
            ("PK36SCBL000000112345670", IbanError::CheckDigits),
            ("FR0020041010050500013M02606", IbanError::CheckDigits),
        ] {
            assert_eq!(Iban::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn rib_key_and_french_iban_agree_with_the_vector() {
        assert_eq!(rib_key("20041", "01005", "0500013M026"), Ok(6));
        let iban = french_iban("20041", "01005", "0500013M026").unwrap();
        assert_eq!(iban.electronic(), "FR1420041010050500013M02606");
        assert_eq!(iban.printed(), "FR14 2004 1010 0505 0001 3M02 606");
    }

    #[test]
    fn debug_never_shows_a_whole_account() {
        let iban = Iban::parse("FR1420041010050500013M02606").unwrap();
        assert_eq!(format!("{iban:?}"), "FR14…2606");
        assert_eq!(format!("{:?}", VirtualIban::new(iban)), "VirtualIban(FR14…2606)");
    }
}
