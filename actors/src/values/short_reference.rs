//! Short reference: nine symbols over GF(23), seven of data and two of check.
//!
//! The sums Σxⱼ = c₁ and Σ5ʲ·xⱼ = c₂ (mod 23) have distance three: two wrong symbols are
//! detected, one wrong symbol is corrected. A corrected reading counts only with independent
//! agreement (same customer, or the exact amount). It is not an invoice number.
//! Source: DESIGN D9; Reed–Solomon over a prime field.

mod guesses;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::references::ReferenceError;

/// The 23 symbols: no 0/O, 1/I/L, 2/Z, 5/S, 8/B, U/V.
const ALPHABET: &[u8; 23] = b"34679ACDEFGHJKMNPQRTWXY";
const FIELD: u32 = 23;
const SYMBOLS: usize = 9;
const DATA: usize = 7;
/// 5ʲ mod 23 for j = 0 to 8.
const POWERS: [u32; SYMBOLS] = [1, 5, 2, 10, 4, 20, 8, 17, 16];

/// The two constants of a tenant, neither zero, so that a reference of one tenant is rarely
/// one of another and nine times the first symbol is never valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReferenceKey {
    c1: u32,
    c2: u32,
}

impl ReferenceKey {
    /// The constants of a tenant, from any seed.
    pub fn from_seed(seed: u64) -> Self {
        let part = |shift: u32| u32::try_from((seed >> shift) % 22).unwrap_or(0) + 1;
        Self { c1: part(0), c2: part(32) }
    }
}

/// A reference a payer can copy by hand, printed `QT7-AC3-4KM`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ShortReference([u8; SYMBOLS]);

/// How a reference was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reading {
    /// Every symbol as issued.
    Exact,
    /// One symbol was wrong or illegible and has been corrected.
    Corrected,
}

/// A reference found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The reference.
    pub reference: ShortReference,
    /// How it was read.
    pub reading: Reading,
}

fn symbol(value: u32) -> u8 {
    usize::try_from(value).ok().and_then(|at| ALPHABET.get(at)).copied().unwrap_or(b'?')
}

fn value(symbol: u8) -> Option<u32> {
    ALPHABET.iter().position(|s| *s == symbol).and_then(|at| u32::try_from(at).ok())
}

fn inverse(of: u32) -> u32 {
    // Fermat: a^(p-2) = a^-1 in a field of prime order.
    (0..FIELD - 2).fold(1, |power, _| power * of % FIELD)
}

fn sums(values: &[u32; SYMBOLS]) -> (u32, u32) {
    let first = values.iter().sum::<u32>() % FIELD;
    let second = values.iter().zip(POWERS).map(|(x, p)| x * p).sum::<u32>() % FIELD;
    (first, second)
}

impl ShortReference {
    /// How many references a tenant has: 23⁷.
    pub const COUNT: u64 = 3_404_825_447;

    /// The reference numbered `index` (taken modulo [`Self::COUNT`]), with check symbols of `key`.
    pub fn of(index: u64, key: ReferenceKey) -> Self {
        let mut values = [0_u32; SYMBOLS];
        let mut rest = index % Self::COUNT;
        for place in values.iter_mut().take(DATA) {
            *place = u32::try_from(rest % u64::from(FIELD)).unwrap_or(0);
            rest /= u64::from(FIELD);
        }
        let (s1, s2) = sums(&values);
        let [.., a, b] = POWERS;
        let (first, second) = (key.c1 + FIELD - s1, key.c2 + FIELD - s2);
        // x₇ + x₈ = first and a·x₇ + b·x₈ = second.
        let x7 = (b * first + FIELD - second % FIELD) % FIELD * inverse(b + FIELD - a) % FIELD;
        let x8 = (first + FIELD - x7) % FIELD;
        let [.., place7, place8] = &mut values;
        (*place7, *place8) = (x7, x8);
        Self(values.map(symbol))
    }

    /// The nine symbols, without separators.
    pub fn compact(&self) -> String {
        self.0.iter().map(|byte| char::from(*byte)).collect()
    }

    /// How many slips of a hand lie between this reference and the place of a text that is nearest to it:
    /// a wrong symbol, one left out, one too many, two that changed places. Four stand for more.
    ///
    /// `text` is letters and digits in capitals, without what is between them.
    /// Source: Sellers, "The theory and computation of evolutionary distances"; Damerau.
    pub fn slips(&self, text: &[u8]) -> u8 {
        const FAR: u8 = 4;
        // The distances of the first symbols to a place that ends here, and at the two places before.
        let mut columns = [[FAR; SYMBOLS + 1]; 3];
        let start: [u8; SYMBOLS + 1] = std::array::from_fn(|at| u8::try_from(at).unwrap_or(FAR).min(FAR));
        columns = [start, start, columns[2]];
        let mut nearest = start[SYMBOLS];
        let mut before = None;
        for symbol in text {
            let [last, older, _] = columns;
            let mut now = [0; SYMBOLS + 1];
            for at in 1..=SYMBOLS {
                let (read, known) = (|back: usize| self.0.get(at - back).copied(), *symbol);
                let get = |column: &[u8; SYMBOLS + 1], at: usize| column.get(at).copied().unwrap_or(FAR);
                let wrong = get(&last, at - 1) + u8::from(read(1) != Some(known));
                let mut least = wrong.min(get(&last, at) + 1).min(get(&now, at - 1) + 1);
                if at >= 2 && read(1) == before && read(2) == Some(known) {
                    least = least.min(get(&older, at - 2) + 1);
                }
                if let Some(place) = now.get_mut(at) {
                    *place = least.min(FAR);
                }
            }
            nearest = nearest.min(now.last().copied().unwrap_or(FAR));
            columns = [now, last, older];
            before = Some(*symbol);
        }
        nearest
    }

    /// Whether a text in capitals has no other symbols than references have.
    pub fn has_symbols_only(text: &str) -> bool {
        text.bytes().all(|byte| ALPHABET.contains(&byte))
    }

    /// Whether the check symbols agree with the tenant's constants.
    pub fn agrees(&self, key: ReferenceKey) -> bool {
        let values = self.0.map(|s| value(s).unwrap_or(0));
        sums(&values) == (key.c1, key.c2)
    }

    /// Every reference of the tenant in a text, exact readings first.
    ///
    /// Case and separators do not matter. One wrong or illegible symbol is corrected, but only
    /// in a text in which nothing reads exactly; two that changed places and one that was left out
    /// only where nothing else does.
    pub fn scan(text: &str, key: ReferenceKey) -> Vec<Found> {
        // Where words begin and end, among the symbols.
        let (mut symbols, mut edges) = (Vec::with_capacity(text.len()), vec![true]);
        let mut between = false;
        for character in text.chars() {
            if !character.is_alphanumeric() {
                between = true;
                continue;
            }
            if let (true, Some(edge)) = (between, edges.last_mut()) {
                *edge = true;
            }
            between = false;
            symbols.push(u8::try_from(character.to_ascii_uppercase()).ok().and_then(value));
            edges.push(false);
        }
        if let Some(edge) = edges.last_mut() {
            *edge = true;
        }
        let edge = |at: usize| edges.get(at).copied().unwrap_or(false);
        let windows = |length: usize| symbols.windows(length).enumerate();
        let mut found: Vec<Found> = windows(SYMBOLS).filter_map(|(_, w)| Self::exact(w, key)).collect();
        // What is not exact must at least begin or end as a word does; by chance it often reads as something.
        if found.is_empty() {
            let at_edge = |(at, _): &(usize, &[Option<u32>])| edge(*at) || edge(at + SYMBOLS);
            found.extend(windows(SYMBOLS).filter(at_edge).filter_map(|(_, w)| Self::corrected(w, key)));
        }
        let whole = |length: usize| windows(length).filter(move |(at, _)| edge(*at) && edge(at + length));
        if found.is_empty() {
            found.extend(whole(SYMBOLS).flat_map(|(_, w)| Self::swapped(w, key)));
        }
        if found.is_empty() {
            found.extend(whole(SYMBOLS - 1).flat_map(|(_, w)| Self::completed(w, key)));
        }
        found.dedup();
        found
    }

    fn exact(window: &[Option<u32>], key: ReferenceKey) -> Option<Found> {
        let mut values = [0_u32; SYMBOLS];
        for (place, read) in values.iter_mut().zip(window) {
            *place = (*read)?;
        }
        (sums(&values) == (key.c1, key.c2))
            .then(|| Found { reference: Self(values.map(symbol)), reading: Reading::Exact })
    }

    /// Two neighbours that changed places.
    fn swapped(window: &[Option<u32>], key: ReferenceKey) -> impl Iterator<Item = Found> {
        let mut values = [0_u32; SYMBOLS];
        let legible = values.iter_mut().zip(window).all(|(place, read)| read.map(|value| *place = value).is_some());
        let swap = move |at: usize| {
            let mut swapped = values;
            swapped.swap(at, at + 1);
            let fits = legible && swapped != values && sums(&swapped) == (key.c1, key.c2);
            fits.then(|| Found { reference: Self(swapped.map(symbol)), reading: Reading::Corrected })
        };
        (0..SYMBOLS - 1).filter_map(swap)
    }

    /// A symbol that was left out, put back at each place where it fits.
    fn completed(window: &[Option<u32>], key: ReferenceKey) -> impl Iterator<Item = Found> {
        let with_gap = |at: usize| {
            let mut values = [None; SYMBOLS];
            let (before, after) = window.split_at_checked(at)?;
            let read = before.iter().copied().chain([None]).chain(after.iter().copied());
            values.iter_mut().zip(read).for_each(|(place, read)| *place = read);
            Self::corrected(&values, key)
        };
        (0..SYMBOLS).filter_map(with_gap).collect::<Vec<_>>().into_iter()
    }

    fn corrected(window: &[Option<u32>], key: ReferenceKey) -> Option<Found> {
        let mut values = [0_u32; SYMBOLS];
        let mut illegible = None;
        for (at, (place, read)) in values.iter_mut().zip(window).enumerate() {
            match read {
                Some(value) => *place = *value,
                None if illegible.is_none() => illegible = Some(at),
                None => return None,
            }
        }
        let (s1, s2) = sums(&values);
        let (e1, e2) = ((key.c1 + FIELD - s1) % FIELD, (key.c2 + FIELD - s2) % FIELD);
        let at = match illegible {
            Some(at) => at,
            None if e1 == 0 || e2 == 0 => return None,
            None => {
                let ratio = e2 * inverse(e1) % FIELD;
                POWERS.iter().position(|power| *power == ratio)?
            }
        };
        let place = values.get_mut(at)?;
        *place = (*place + e1) % FIELD;
        (sums(&values) == (key.c1, key.c2))
            .then(|| Found { reference: Self(values.map(symbol)), reading: Reading::Corrected })
    }
}

impl fmt::Display for ShortReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let compact = self.compact();
        let part = |at: usize| compact.get(at..at + 3).unwrap_or_default();
        write!(f, "{}-{}-{}", part(0), part(3), part(6))
    }
}

impl fmt::Debug for ShortReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for ShortReference {
    type Error = ReferenceError;
    fn try_from(text: String) -> Result<Self, ReferenceError> {
        let compact: Vec<u8> =
            text.bytes().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_uppercase()).collect();
        let symbols: [u8; SYMBOLS] = compact.try_into().map_err(|_| ReferenceError::Form(text.clone()))?;
        if symbols.iter().all(|s| value(*s).is_some()) { Ok(Self(symbols)) } else { Err(ReferenceError::Form(text)) }
    }
}

impl From<ShortReference> for String {
    fn from(reference: ShortReference) -> String {
        reference.compact()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ReferenceKey {
        ReferenceKey::from_seed(0x1234_5678_9abc_def0)
    }

    #[test]
    fn every_reference_agrees_and_reads_back_from_a_dirty_text() {
        for index in (0..2_000_u64).map(|i| i * 1_700_413) {
            let reference = ShortReference::of(index, key());
            assert!(reference.agrees(key()), "{reference}");
            for text in [
                format!("virement {} merci", reference),
                reference.compact().to_lowercase(),
                reference.compact().chars().map(|c| format!("{c} ")).collect(),
            ] {
                let found = ShortReference::scan(&text, key());
                assert!(found.contains(&Found { reference, reading: Reading::Exact }), "{text}");
            }
        }
    }

    #[test]
    fn any_one_wrong_symbol_is_corrected_and_any_swap_is_never_read_as_exact() {
        let reference = ShortReference::of(987_654_321, key());
        let symbols = reference.compact().into_bytes();
        for at in 0..SYMBOLS {
            for other in ALPHABET.iter().chain(b"0O") {
                let mut wrong = symbols.clone();
                if wrong[at] == *other {
                    continue;
                }
                wrong[at] = *other;
                let text = String::from_utf8(wrong).unwrap();
                let found = ShortReference::scan(&text, key());
                assert_eq!(found, [Found { reference, reading: Reading::Corrected }], "{text}");
            }
        }
        for at in 0..SYMBOLS - 1 {
            let mut swapped = symbols.clone();
            swapped.swap(at, at + 1);
            if swapped != symbols {
                let text = String::from_utf8(swapped).unwrap();
                let found = ShortReference::scan(&text, key());
                assert!(found.iter().all(|f| f.reading == Reading::Corrected), "{text}");
            }
        }
    }

    #[test]
    fn neighbours_that_changed_places_and_a_symbol_left_out_are_read_with_a_correction() {
        let reference = ShortReference::of(987_654_321, key());
        let wanted = Found { reference, reading: Reading::Corrected };
        let symbols = reference.compact().into_bytes();
        for at in 0..SYMBOLS {
            let mut short = symbols.clone();
            short.remove(at);
            let text = String::from_utf8(short).unwrap();
            assert!(ShortReference::scan(&text, key()).contains(&wanted), "{text}");
            let mut swapped = symbols.clone();
            if at > 0 && swapped[at] != swapped[at - 1] {
                swapped.swap(at, at - 1);
                let text = String::from_utf8(swapped).unwrap();
                let found = ShortReference::scan(&text, key());
                // A substitution that fits as well comes first; nothing is ever read as exact.
                assert!(found.iter().all(|found| found.reading == Reading::Corrected), "{text}");
            }
        }
    }

    #[test]
    fn slips_of_the_hand_are_counted() {
        let reference = ShortReference::try_from("QT7AC34KM".to_owned()).unwrap();
        for (text, slips) in [
            ("VIRQT7AC34KMMERCI", 0),
            ("QT7AC34KN", 1),
            ("QT7AC34K", 1),
            ("QT7ACC34KM", 1),
            ("REFTQ7AC34KM", 1),
            ("QT7CA34KN", 2),
            ("QT7A34K", 2),
            ("MERCI", 4),
            ("", 4),
        ] {
            assert_eq!(reference.slips(text.as_bytes()), slips, "{text}");
        }
    }

    #[test]
    fn nine_times_the_first_symbol_is_never_a_reference() {
        for seed in [0, 1, 7 << 32, u64::MAX] {
            let found = ShortReference::scan("333333333", ReferenceKey::from_seed(seed));
            assert!(found.iter().all(|f| f.reading == Reading::Corrected), "{seed}");
        }
    }

    #[test]
    fn it_prints_in_groups_of_three() {
        let reference = ShortReference::try_from("qt7ac34km".to_owned()).unwrap();
        assert_eq!(reference.to_string(), "QT7-AC3-4KM");
        assert!(ShortReference::try_from("QT7-AC3-4K0".to_owned()).is_err());
    }
}
