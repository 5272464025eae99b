//! Ranges of account numbers that a payment provider granted, of any country that has IBANs.
//!
//! ```text
//! FR 20041 01005 04200nnnnnn kk      n counts, k is computed by the country's own rule
//! ```
//!
//! The numbers walk through the range in an order that spreads neighbours and keeps them from being guessed from the
//! last one. Sources of the national check digits: RIB key (France, Monaco), modulo 97 (Belgium, Portugal), the two
//! control digits of the CCC (Spain), the CIN (Italy, San Marino).

use super::iban::{Iban, IbanError, VirtualIban, iban_of, mod_97, rib_key};

/// Fewest and most digits that count.
const WIDTH: std::ops::RangeInclusive<usize> = 3..=12;

/// One place of an account number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Stands(char),
    Counts,
    Checks,
}

/// A range of account numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AccountPool {
    country: String,
    places: Vec<Place>,
    width: u32,
}

impl AccountPool {
    /// A French range of `10^width` numbers; `prefix` and `width` fill the 11 places of an account.
    pub fn french(bank: &str, branch: &str, prefix: &str, width: u32) -> Result<Self, IbanError> {
        let digits = usize::try_from(width).unwrap_or(usize::MAX);
        let fills = prefix.len().saturating_add(digits) == 11 && (3..=10).contains(&width);
        if !fills || !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(IbanError::PoolShape);
        }
        rib_key(bank, branch, "00000000000")?;
        Self::parse(&format!("FR {bank} {branch} {prefix}{}kk", "n".repeat(digits)))
    }

    /// A range as its template says; blanks say nothing.
    pub fn parse(template: &str) -> Result<Self, IbanError> {
        let mut written = template.chars().filter(|c| !c.is_whitespace());
        let country: String = written.by_ref().take(2).collect();
        if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(IbanError::PoolTemplate);
        }
        let place = |c: char| match c {
            'n' => Ok(Place::Counts),
            'k' => Ok(Place::Checks),
            'A'..='Z' | '0'..='9' => Ok(Place::Stands(c)),
            _ => Err(IbanError::PoolTemplate),
        };
        let places = written.map(place).collect::<Result<Vec<_>, _>>()?;
        let counting = places.iter().filter(|place| **place == Place::Counts).count();
        if !WIDTH.contains(&counting) {
            return Err(IbanError::PoolTemplate);
        }
        let width = u32::try_from(counting).map_err(|_| IbanError::PoolTemplate)?;
        let pool = Self { country, places, width };
        let checks: Vec<usize> =
            (0..).zip(&pool.places).filter(|(_, place)| **place == Place::Checks).map(|(at, _)| at).collect();
        let (expected, at) = key_places(&pool.country, pool.places.len());
        if !checks.is_empty() && checks != at {
            return Err(IbanError::PoolKey { country: pool.country, expected });
        }
        // A country's length and letters are those of its first number.
        pool.at(0).map_err(|_| IbanError::PoolCountry(pool.country.clone()))?;
        Ok(pool)
    }

    /// How many numbers the range holds.
    pub fn size(&self) -> u64 {
        10_u64.pow(self.width)
    }

    /// Whether a number is one of the range's, given or not.
    pub fn holds(&self, iban: &Iban) -> bool {
        self.holds_written(iban.electronic())
    }

    /// The same of an account number without blanks.
    pub fn holds_written(&self, electronic: &str) -> bool {
        let Some(account) = electronic.strip_prefix(self.country.as_str()).and_then(|rest| rest.get(2..)) else {
            return false;
        };
        let fits = |(c, place): (char, &Place)| match place {
            Place::Stands(stands) => c == *stands,
            Place::Counts => c.is_ascii_digit(),
            Place::Checks => true,
        };
        account.len() == self.places.len() && account.chars().zip(&self.places).all(fits)
    }

    /// Whether two ranges have a number in common.
    pub fn overlaps(&self, other: &AccountPool) -> bool {
        let meet = |(a, b): (&Place, &Place)| match (a, b) {
            (Place::Stands(a), Place::Stands(b)) => a == b,
            (Place::Stands(c), Place::Counts) | (Place::Counts, Place::Stands(c)) => c.is_ascii_digit(),
            (Place::Counts, Place::Counts) | (Place::Checks, _) | (_, Place::Checks) => true,
        };
        let same_shape = self.country == other.country && self.places.len() == other.places.len();
        same_shape && self.places.iter().zip(&other.places).all(meet)
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
        let digits = format!("{step:0width$}");
        let mut digits = digits.chars();
        let account: String = self
            .places
            .iter()
            .map(|place| match place {
                Place::Stands(c) => *c,
                Place::Counts => digits.next().unwrap_or('0'),
                Place::Checks => '0',
            })
            .collect();
        let account = if self.places.contains(&Place::Checks) { checked(&self.country, &account)? } else { account };
        iban_of(&self.country, &account).map(VirtualIban::new)
    }
}

/// Where a country's account numbers of `length` have check digits of their own, and the same in words.
fn key_places(country: &str, length: usize) -> (&'static str, Vec<usize>) {
    match (country, length) {
        ("FR" | "MC", 23) => ("the last two places", vec![21, 22]),
        ("BE", 12) => ("the last two places", vec![10, 11]),
        ("PT", 21) => ("the last two places", vec![19, 20]),
        ("ES", 20) => ("the two places after bank and branch", vec![8, 9]),
        ("IT" | "SM", 23) => ("the first place", vec![0]),
        _ => ("write every place as a digit, a capital or n", vec![]),
    }
}

/// An account number with its national check digits in their places, which are zeros so far.
fn checked(country: &str, account: &str) -> Result<String, IbanError> {
    let part = |from: usize, to: usize| account.get(from..to).unwrap_or_default();
    Ok(match country {
        "FR" | "MC" => format!("{}{:02}", part(0, 21), rib_key(part(0, 5), part(5, 10), part(10, 21))?),
        "BE" => {
            let rest = mod_97(part(0, 10));
            format!("{}{:02}", part(0, 10), if rest == 0 { 97 } else { rest })
        }
        "PT" => format!("{}{:02}", part(0, 19), 98 - mod_97(account)),
        "ES" => {
            let (bank_and_branch, number) = (part(0, 8), part(10, 20));
            let (first, second) = (control(&format!("00{bank_and_branch}")), control(number));
            format!("{bank_and_branch}{first}{second}{number}")
        }
        _ => format!("{}{}", cin(part(1, 23)), part(1, 23)),
    })
}

/// A control digit of a Spanish account: weights 2ⁱ mod 11 over ten digits.
fn control(digits: &str) -> u32 {
    const WEIGHTS: [u32; 10] = [1, 2, 4, 8, 5, 10, 9, 7, 3, 6];
    let sum: u32 = digits.chars().zip(WEIGHTS).map(|(c, weight)| c.to_digit(10).unwrap_or(0) * weight).sum();
    match 11 - sum % 11 {
        10 => 1,
        11 => 0,
        digit => digit,
    }
}

/// The control letter of an Italian account: odd places by a table, even ones as they count, modulo 26.
fn cin(account: &str) -> char {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let value = |c: char| match c.to_digit(36) {
        Some(value) if value >= 10 => value - 10,
        value => value.unwrap_or(0),
    };
    let sum: u32 = (1..)
        .zip(account.chars().map(value))
        .map(|(place, value): (u32, u32)| match usize::try_from(value) {
            Ok(at) if place % 2 == 1 => ODD.get(at).copied().unwrap_or(0),
            _ => value,
        })
        .sum();
    char::from(b'A' + u8::try_from(sum % 26).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_pool_gives_every_number_once_and_then_refuses() {
        let pool = AccountPool::french("20041", "01005", "04200000", 3).unwrap();
        let numbers: BTreeSet<String> =
            (0..1_000).map(|at| pool.at(at).unwrap().iban().electronic().to_owned()).collect();
        assert_eq!(numbers.len(), 1_000);
        assert_eq!(pool.at(1_000), Err(IbanError::PoolEmpty(1_000)));
        for width in 3_u32..=10 {
            let prefix = "0".repeat(11 - usize::try_from(width).unwrap());
            let pool = AccountPool::french("20041", "01005", &prefix, width).unwrap();
            assert_ne!(pool.at(0).unwrap(), pool.at(1).unwrap());
        }
        assert_eq!(AccountPool::french("20041", "01005", "42", 3), Err(IbanError::PoolShape));
    }

    /// The examples of the IBAN registry have the check digits that their countries compute.
    #[test]
    fn national_check_digits_agree_with_the_registry() {
        for (country, account) in [
            ("FR", "20041010050500013M02606"),
            ("MC", "11222000010123456789030"),
            ("BE", "539007547034"),
            ("PT", "000201231234567890154"),
            ("ES", "21000418450200051332"),
            ("IT", "X0542811101000000123456"),
            ("SM", "U0322509800000000270100"),
        ] {
            let (_, places) = key_places(country, account.len());
            let blank = |(at, c)| if places.contains(&at) { '0' } else { c };
            let blanked: String = (0..).zip(account.chars()).map(blank).collect();
            assert_eq!(checked(country, &blanked).unwrap(), account, "{country}");
        }
    }

    #[test]
    fn a_template_of_any_country_gives_numbers_of_its_own_and_knows_them() {
        for template in [
            "DE 37040044 87nnnnnnnn",
            "NL ABNA 04nnnnnnnn",
            "ES 2100 0418 kk 99nnnnnnnn",
            "IT k 05428 11101 0000nnnnnnnn",
            "BE 539 01nnnnn kk",
            "LU 001 94nnnnnnnnnnn",
        ] {
            let pool = AccountPool::parse(template).unwrap_or_else(|error| panic!("{template}: {error}"));
            let numbers: BTreeSet<VirtualIban> = (0..500).map(|at| pool.at(at).unwrap()).collect();
            assert_eq!(numbers.len(), 500, "{template}");
            assert!(numbers.iter().all(|number| pool.holds(number.iban())), "{template}");
            assert!(!pool.holds(&Iban::parse("FR1420041010050500013M02606").unwrap()), "{template}");
        }
    }

    #[test]
    fn two_ranges_overlap_when_a_number_may_be_of_both() {
        let pool = |template| AccountPool::parse(template).unwrap();
        let one = pool("FR 20041 01005 04200nnnnnn kk");
        assert!(one.overlaps(&pool("FR 20041 01005 04200000nnn kk")));
        assert!(one.overlaps(&one));
        assert!(!one.overlaps(&pool("FR 20041 01005 04201nnnnnn kk")));
        assert!(!one.overlaps(&pool("BE 539 01nnnnn kk")));
    }

    #[test]
    fn a_template_that_makes_no_accounts_is_refused() {
        for (template, error) in [
            ("de 37040044 87nnnnnnnn", IbanError::PoolTemplate),
            ("DE 37040044 8700000000", IbanError::PoolTemplate),
            ("DE 37040044 87nnnn_nnnn", IbanError::PoolTemplate),
            ("DE 37040044 87nnnnnn", IbanError::PoolCountry("DE".into())),
            ("DE 3704004X 87nnnnnnnn", IbanError::PoolCountry("DE".into())),
            ("XX 37040044 87nnnnnnnn", IbanError::PoolCountry("XX".into())),
            (
                "DE 37040044 87nnnnnnkk",
                IbanError::PoolKey { country: "DE".into(), expected: "write every place as a digit, a capital or n" },
            ),
            ("BE kk 539 01nnnnn", IbanError::PoolKey { country: "BE".into(), expected: "the last two places" }),
        ] {
            assert_eq!(AccountPool::parse(template), Err(error), "{template}");
        }
    }
}
