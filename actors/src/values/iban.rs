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
    let bban = format!("{bank}{branch}{account}{key:02}");
    let check = 98 - mod_97(&format!("{bban}FR00"));
    Iban::parse(&format!("FR{check:02}{bban}"))
}

/// The remainder by 97 of a text with letters read as 10 to 35. Source: ISO 7064.
pub(crate) fn mod_97(text: &str) -> u32 {
    text.chars()
        .filter_map(|c| c.to_digit(36))
        .fold(0, |rest, value| if value < 10 { (rest * 10 + value) % 97 } else { (rest * 100 + value) % 97 })
}

/// A range of French account numbers that the payment provider granted:
/// `account = prefix ‖ permuted counter`.
///
/// The permutation spreads neighbours and keeps numbers from being guessed from the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrenchPool {
    bank: String,
    branch: String,
    prefix: String,
    width: u32,
}

impl FrenchPool {
    /// A pool of `10^width` numbers; `prefix` and `width` fill the 11 places of an account.
    pub fn new(bank: &str, branch: &str, prefix: &str, width: u32) -> Result<Self, IbanError> {
        let places = prefix.len() + usize::try_from(width).unwrap_or(usize::MAX);
        if places != 11 || !(3..=10).contains(&width) || !prefix.bytes().all(|b| b.is_ascii_digit()) {
            return Err(IbanError::PoolShape);
        }
        rib_key(bank, branch, "00000000000")?;
        Ok(Self { bank: bank.into(), branch: branch.into(), prefix: prefix.into(), width })
    }

    /// How many numbers the pool holds.
    pub fn size(&self) -> u64 {
        10_u64.pow(self.width)
    }

    /// Whether a number is one of the pool's, given or not.
    pub fn holds(&self, iban: &Iban) -> bool {
        let Self { bank, branch, prefix, .. } = self;
        let rest = iban.electronic().strip_prefix("FR").and_then(|rest| rest.get(2..));
        let rest = rest.and_then(|rest| rest.strip_prefix(bank.as_str())?.strip_prefix(branch.as_str()));
        rest.is_some_and(|account| account.starts_with(prefix.as_str()))
    }

    /// The number at `index`; refuses an index past the end.
    pub fn at(&self, index: u64) -> Result<VirtualIban, IbanError> {
        let size = self.size();
        if index >= size {
            return Err(IbanError::PoolEmpty(size));
        }
        // An affine walk: 10^w and a factor that ends in 1, 3, 7 or 9 share no divisor.
        let factor = u128::from(size / 10 * 6 + 180_431 % size) | 1;
        let factor = if factor.is_multiple_of(5) { factor + 2 } else { factor };
        let step = (u128::from(index) * factor + u128::from(size / 3)) % u128::from(size);
        let width = usize::try_from(self.width).unwrap_or(0);
        let account = format!("{}{step:0width$}", self.prefix);
        french_iban(&self.bank, &self.branch, &account).map(VirtualIban)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

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
    fn a_pool_gives_every_number_once_and_then_refuses() {
        let pool = FrenchPool::new("20041", "01005", "04200000", 3).unwrap();
        let numbers: BTreeSet<String> =
            (0..1_000).map(|at| pool.at(at).unwrap().iban().electronic().to_owned()).collect();
        assert_eq!(numbers.len(), 1_000);
        assert_eq!(pool.at(1_000), Err(IbanError::PoolEmpty(1_000)));
        for width in 3_u32..=10 {
            let prefix = "0".repeat(11 - usize::try_from(width).unwrap());
            let pool = FrenchPool::new("20041", "01005", &prefix, width).unwrap();
            assert_ne!(pool.at(0).unwrap(), pool.at(1).unwrap());
        }
        assert!(FrenchPool::new("20041", "01005", "42", 3).is_err());
    }

    #[test]
    fn debug_never_shows_a_whole_account() {
        let iban = Iban::parse("FR1420041010050500013M02606").unwrap();
        assert_eq!(format!("{iban:?}"), "FR14…2606");
        assert_eq!(format!("{:?}", VirtualIban::new(iban)), "VirtualIban(FR14…2606)");
    }
}
