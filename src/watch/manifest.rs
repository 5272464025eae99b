//! What a manifest says of a file: its digest, and how many rows it has and what they come to, where it says so.
//!
//! It is the text that `sha256sum` or another tool writes, with `count: 12` and `sum: 3120.50` on lines of their own, or JSON
//! with these names. What it says of the rows lies beside the claimed file until they have been read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use quittance_actors::runtime::Intake;
use quittance_actors::values::{Currency, DecimalMark, Money, MoneyError};

/// How the name of a manifest ends.
pub const MANIFEST: &str = ".sha256";
/// How the name of what lies beside a claimed file ends.
const CLAIMS: &str = ".claims";
/// Bytes of a manifest.
const BYTES_MAX: u64 = 64 << 10;

/// The manifest of a file, and its text; nothing when there is none that can be read.
pub(super) fn beside(file: &Path) -> Option<(PathBuf, String)> {
    let mut path = file.as_os_str().to_owned();
    path.push(MANIFEST);
    let path = PathBuf::from(path);
    let fits = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file() && found.len() <= BYTES_MAX);
    let text = fits.then(|| fs::read_to_string(&path).ok()).flatten()?;
    Some((path, text))
}

/// The digest that a manifest says, in small letters; empty when it says none. `sha256sum` writes it first, other tools
/// after the name.
pub(super) fn digest(text: &str) -> String {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let digest = words.find(|word| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit()));
    digest.unwrap_or_default().to_ascii_lowercase()
}

/// What a manifest says of the rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Claims {
    count: Option<u64>,
    sum: Option<String>,
}

impl Claims {
    /// Reads what a manifest says of the rows.
    pub(super) fn of(text: &str) -> Self {
        let count = ["count", "rows"].iter().find_map(|name| said(text, name)).and_then(|number| number.parse().ok());
        let sum = ["sum", "total"].iter().find_map(|name| said(text, name)).map(|sum| sum.replace(',', "."));
        Self { count, sum }
    }

    /// Those that lie beside a claimed file.
    pub(super) fn left(claimed: &Path) -> Self {
        fs::read_to_string(path(claimed)).map(|text| Self::of(&text)).unwrap_or_default()
    }

    /// Whether it says nothing of the rows.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Puts them beside a file that is about to be claimed.
    pub(super) fn keep(&self, claimed: &Path) -> io::Result<()> {
        let Self { count, sum } = self;
        let count = count.map(|count| format!("count: {count}\n")).unwrap_or_default();
        let sum = sum.as_ref().map(|sum| format!("sum: {sum}\n")).unwrap_or_default();
        let file = fs::File::create(path(claimed))?;
        io::Write::write_all(&mut &file, format!("{count}{sum}").as_bytes())?;
        file.sync_all()
    }

    /// What the rows are not, of what it says.
    pub(super) fn differs(&self, found: &Found) -> Option<String> {
        if let Some(count) = self.count.filter(|count| *count != found.rows) {
            return Some(format!("its manifest says {count} rows, and it has {}", found.rows));
        }
        let sum = self.sum.as_ref()?;
        if found.unread {
            return Some(format!("its manifest says that its rows come to {sum}, and not all of them can be read"));
        }
        let net_minor = found.net_minor;
        match found.sums.as_slice() {
            [] => match signed_minor(sum, Currency::EUR) {
                Ok(0) => None,
                _ => Some(format!("its manifest says that its rows come to {sum}, and none of them has an amount")),
            },
            [found] => match signed_minor(sum, found.currency()) {
                // Credit notes and debits are written with a minus by some and without by others.
                Ok(said) if said == found.minor() || said == net_minor => None,
                Ok(_) => Some(format!(
                    "its manifest says that its rows come to {sum}, and they come to {}",
                    found.decimal()
                )),
                Err(error) => Some(format!("its manifest says that its rows come to {sum}: {error}")),
            },
            _ => Some(format!("its manifest says that its rows come to {sum}, and they are of several currencies")),
        }
    }
}

/// A sum in minor units, which may have a minus in front.
fn signed_minor(sum: &str, currency: Currency) -> Result<i64, MoneyError> {
    let (less, digits) = sum.strip_prefix('-').map_or((false, sum), |digits| (true, digits));
    let minor = Money::parse(digits, currency, DecimalMark::Point)?.minor();
    Ok(if less { minor.saturating_neg() } else { minor })
}

/// What the rows of a file are.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// How many there are.
    pub rows: u64,
    /// What they come to, by currency.
    sums: Vec<Money>,
    /// The same, less credit notes and debits.
    net_minor: i64,
    /// Whether one could not be read.
    pub unread: bool,
}

impl Found {
    /// Adds the amount of a row.
    pub(super) fn add(&mut self, row: &Intake) {
        let (amount, less) = match row {
            Intake::Invoice(row) => (row.amount, false),
            Intake::Entry(entry) => (entry.details.amount, entry.debit),
            Intake::CreditNote(row) => (row.amount, true),
            _ => return,
        };
        let signed = if less { amount.minor().saturating_neg() } else { amount.minor() };
        self.net_minor = self.net_minor.saturating_add(signed);
        match self.sums.iter_mut().find(|sum| sum.currency() == amount.currency()) {
            None => self.sums.push(amount),
            // What no number holds is no sum of a manifest.
            Some(sum) => match sum.checked_add(amount) {
                Ok(all) => *sum = all,
                Err(_) => self.unread = true,
            },
        }
    }
}

/// Removes what lies beside a claimed file.
pub(super) fn forget(claimed: &Path) {
    let _ = fs::remove_file(path(claimed)); // There may be none.
}

/// Whether a path is what lies beside a claimed file, and no file of its own.
pub(super) fn is_claims(path: &Path) -> bool {
    path.file_name().unwrap_or_default().to_string_lossy().ends_with(CLAIMS)
}

fn path(claimed: &Path) -> PathBuf {
    let mut name = claimed.file_name().unwrap_or_default().to_owned();
    name.push(CLAIMS);
    claimed.with_file_name(name)
}

/// The number after a name and a colon or an equals sign.
fn said<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let lower = text.to_ascii_lowercase();
    lower.match_indices(name).find_map(|(at, _)| {
        // It begins a line, or is a name of JSON.
        let before = lower.get(..at)?.rsplit('\n').next().unwrap_or_default().trim_end();
        let begins = before.is_empty() || before.ends_with(['"', '\'']);
        let rest = text.get(at + name.len()..).filter(|_| begins)?;
        let after = rest.trim_start_matches(['"', '\'', ' ', '\t', ':', '=']);
        let between = rest.get(..rest.len() - after.len())?;
        let end =
            after.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ',' || c == '-')).unwrap_or(after.len());
        // What ends a sentence or a list is none of the number.
        let number = after.get(..end)?.trim_end_matches(['.', ',']);
        let ends = after.get(end..)?.chars().next().is_none_or(|c| c.is_whitespace() || ",}\"'".contains(c));
        (between.contains([':', '=']) && !number.is_empty() && ends).then_some(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_manifest_says_is_read_however_it_is_written() {
        let digest_of = "9F86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let claims = |count: Option<u64>, sum: Option<&str>| Claims { count, sum: sum.map(str::to_owned) };
        for (text, expected) in [
            (format!("{digest_of}  rows-7.csv\n"), claims(None, None)),
            (format!("{digest_of}  day.csv\ncount: 12\nsum: 3120,50\n"), claims(Some(12), Some("3120.50"))),
            (format!("SHA256 (sums-1.csv) = {digest_of}\nRows = 3."), claims(Some(3), None)),
            (
                format!(r#"{{"file": "a", "sha256": "{digest_of}", "count": 2, "total": "10.00"}}"#),
                claims(Some(2), Some("10.00")),
            ),
            (format!("{digest_of}\naccount: 9\ncheck_sum: 4\nerror count: 3\nsum: 9f86"), claims(None, None)),
        ] {
            assert_eq!(digest(&text), digest_of.to_ascii_lowercase(), "{text}");
            assert_eq!(Claims::of(&text), expected, "{text}");
        }
    }

    #[test]
    fn a_difference_is_said_in_words() {
        let claims = Claims { count: Some(2), sum: Some("30.00".to_owned()) };
        let found = |rows, minor: &[(i64, Currency)]| Found {
            rows,
            sums: minor.iter().map(|(minor, currency)| Money::from_minor(*minor, *currency)).collect(),
            net_minor: minor.iter().map(|(minor, _)| minor).sum(),
            unread: false,
        };
        assert_eq!(claims.differs(&found(2, &[(3_000, Currency::EUR)])), None);
        let differs = |found: &Found| claims.differs(found).unwrap();
        assert_eq!(differs(&found(3, &[])), "its manifest says 2 rows, and it has 3");
        let wrong = differs(&found(2, &[(2_999, Currency::EUR)]));
        assert_eq!(wrong, "its manifest says that its rows come to 30.00, and they come to 29.99");
        // With credit notes, and of a day on which there was nothing.
        let credited = Found { net_minor: 3_000, ..found(2, &[(5_000, Currency::EUR)]) };
        assert_eq!(claims.differs(&credited), None);
        let of = |sum: &str| Claims { count: None, sum: Some(sum.to_owned()) };
        assert_eq!(of("-30.00").differs(&Found { net_minor: -3_000, ..found(2, &[(5_000, Currency::EUR)]) }), None);
        assert!(of("-30.00").differs(&found(2, &[(3_000, Currency::EUR)])).is_some());
        assert_eq!(of("0.00").differs(&found(0, &[])), None);
        let two = found(2, &[(1, Currency::EUR), (1, Currency::parse("CHF").unwrap())]);
        assert!(differs(&two).contains("several currencies"));
        assert!(differs(&Found { unread: true, ..found(2, &[(3_000, Currency::EUR)]) }).contains("not all of them"));
    }
}
