//! Invoice numbers of an ERP in what payers write: `FA-2026-00123` comes as `FA 2026 00123`,
//! `fa202600123`, cut in two by the bank, or as `facture 123`.

use smol_str::SmolStr;

use super::short_reference::ShortReference;

/// Symbols of a number that is looked up.
const SYMBOLS_MIN: usize = 5;
const SYMBOLS_MAX: usize = 27; // A Swiss QR reference.
/// Pieces of a text that make one number.
const PIECES_MAX: usize = 4;
/// Groups of digits that make one reference, as they are printed, and how many digits it has at least.
const GROUPS_MAX: usize = 8;
const GROUPED_DIGITS_MIN: usize = 20;
/// Numbers looked up for one text.
const CANDIDATES_MAX: usize = 48;
/// Letters that stand before the digits of a number.
const PREFIX_LETTERS_MAX: usize = 4;
/// Digits that say which number is meant, when its customer is known.
const TAIL_DIGITS_MIN: usize = 3;

/// A number without its separators, in capitals; empty when it is none that could be told from
/// other words.
pub fn canonical_number(number: &str) -> SmolStr {
    let compact: String =
        number.chars().filter(char::is_ascii_alphanumeric).map(|character| character.to_ascii_uppercase()).collect();
    if fits(&compact) { compact.into() } else { SmolStr::default() }
}

fn fits(compact: &str) -> bool {
    let digits = compact.bytes().filter(u8::is_ascii_digit).count();
    (SYMBOLS_MIN..=SYMBOLS_MAX).contains(&compact.len()) && digits >= 4
}

/// A text as far as numbers are concerned.
#[derive(Debug, Default)]
pub struct NumberText {
    /// Its pieces, in capitals.
    pieces: Vec<String>,
    /// All of them together.
    compact: String,
}

impl NumberText {
    /// Reads what a payer wrote, in one or several texts.
    pub fn new<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut pieces = Vec::new();
        for text in texts {
            let split = text.split(|character: char| !character.is_ascii_alphanumeric());
            pieces.extend(split.filter(|piece| !piece.is_empty()).map(str::to_ascii_uppercase));
        }
        let compact = pieces.concat();
        Self { pieces, compact }
    }

    /// What may be a number of somebody's, the longest first at each place.
    pub fn candidates(&self) -> Vec<SmolStr> {
        let mut found: Vec<SmolStr> = Vec::new();
        let mut add = |text: &str| {
            if found.len() < CANDIDATES_MAX && fits(text) && !found.iter().any(|known| known == text) {
                found.push(text.into());
            }
        };
        for start in 0..self.pieces.len() {
            let pieces = self.pieces.get(start..).unwrap_or_default();
            // A longer word is no part of a number: it stands before it.
            let word = |piece: &String| {
                piece.len() > PREFIX_LETTERS_MAX && piece.bytes().all(|byte| byte.is_ascii_alphabetic())
            };
            let most = pieces.iter().take(PIECES_MAX).take_while(|piece| !word(piece)).count();
            let groups =
                pieces.iter().take(GROUPS_MAX).take_while(|piece| piece.bytes().all(|byte| byte.is_ascii_digit()));
            for count in (most + 1..=groups.count()).rev() {
                let joined = pieces.get(..count).unwrap_or_default().concat();
                if joined.len() >= GROUPED_DIGITS_MIN {
                    add(&joined);
                }
            }
            for count in (1..=most).rev() {
                let ends_in_digits = pieces.get(count - 1).is_some_and(|piece| {
                    piece.bytes().last().is_some_and(|byte| byte.is_ascii_digit()) || count == 1
                });
                if ends_in_digits {
                    let joined: String = pieces.iter().take(count).map(String::as_str).collect();
                    add(&joined);
                }
            }
        }
        for piece in &self.pieces {
            glued(piece, &mut add);
        }
        found
    }

    /// Whether a number stands in the text as a whole, whatever the bank put between its symbols
    /// or glued to it.
    pub fn holds(&self, canonical: &str) -> bool {
        if canonical.is_empty() {
            return false;
        }
        let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
        let (text, symbols) = (self.compact.as_bytes(), canonical.as_bytes());
        let mut from = 0;
        while let Some(at) = self.compact.get(from..).and_then(|rest| rest.find(canonical)) {
            let (start, end) = (from + at, from + at + symbols.len());
            // Digits that go on at either side are of another number.
            let before = start > 0 && digit(text.get(start - 1)) && digit(symbols.first());
            let after = digit(text.get(end)) && digit(symbols.last());
            if !(before || after) || self.ends_a_piece(start, end) {
                return true;
            }
            from = start + 1;
        }
        false
    }

    /// Whether both ends of a place in the compact text are ends of pieces.
    fn ends_a_piece(&self, start: usize, end: usize) -> bool {
        let (mut at, mut starts, mut ends) = (0, false, false);
        for piece in &self.pieces {
            starts |= at == start;
            at += piece.len();
            ends |= at == end;
        }
        starts && ends
    }

    /// Everything in capitals, without what is between letters and digits.
    pub fn compact(&self) -> &str {
        &self.compact
    }

    /// The runs of digits, without zeros in front, apart from years.
    pub fn runs(&self) -> Vec<&str> {
        let digits = |piece: &'_ String| -> bool { piece.bytes().any(|byte| byte.is_ascii_digit()) };
        let mut runs = Vec::new();
        for piece in self.pieces.iter().filter(|piece| digits(piece)) {
            for run in piece.split(|character: char| !character.is_ascii_digit()) {
                let run = run.trim_start_matches('0');
                if (TAIL_DIGITS_MIN..=SYMBOLS_MAX).contains(&run.len()) && !is_year(run) {
                    runs.push(run);
                }
            }
        }
        runs
    }

    /// Whether something looks like a reference that nobody could read: letters and digits
    /// together, or many digits.
    pub fn has_unread(&self, read: &[SmolStr]) -> bool {
        let known = |piece: &str| read.iter().any(|number| number.contains(piece) || piece.contains(number.as_str()));
        let alone = self.pieces.iter().any(|piece| {
            let digits = piece.bytes().filter(u8::is_ascii_digit).count();
            let mixed = piece.len() >= 7 && digits >= 1 && (digits < piece.len() || digits >= 8);
            // Words of eight letters and more have others than those of short references.
            let written_badly = (8..=10).contains(&piece.len()) && ShortReference::has_symbols_only(piece);
            (mixed || written_badly) && !known(piece)
        });
        // A reference in its three groups, one of them not as it was printed.
        let in_groups = |pieces: &[String]| {
            let joined = pieces.concat();
            let digits = joined.bytes().filter(u8::is_ascii_digit).count();
            let whole = pieces.iter().filter(|piece| piece.len() == 3).count() >= 2;
            let grouped = whole && (8..=10).contains(&joined.len());
            let money = pieces.iter().any(|piece| matches!(piece.as_str(), "EUR" | "CHF" | "GBP" | "USD"));
            grouped && !money && digits >= 1 && digits < joined.len() && !known(&joined)
        };
        alone || self.pieces.windows(3).any(in_groups)
    }
}

fn is_year(run: &str) -> bool {
    run.len() == 4 && run.parse::<u16>().is_ok_and(|year| (2015..=2039).contains(&year))
}

/// Numbers inside a word that other words are glued to: digits with the letters before them.
fn glued(piece: &str, add: &mut impl FnMut(&str)) {
    let bytes = piece.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
            continue;
        }
        let end = at + bytes.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
        if end - at >= 4 && (at > 0 || end < bytes.len()) {
            let letters = bytes.get(..at).unwrap_or_default().iter().rev();
            let before = letters.take_while(|byte| byte.is_ascii_alphabetic()).count().min(PREFIX_LETTERS_MAX);
            for prefix in (0..=before).rev() {
                if let Some(number) = piece.get(at - prefix..end) {
                    add(number);
                }
            }
        }
        at = end;
    }
}

/// The last run of digits of a number, as it is printed.
pub fn last_digits(number: &str) -> &str {
    let run = number.rsplit(|character: char| !character.is_ascii_digit()).find(|run| !run.is_empty());
    run.unwrap_or_default()
}

/// The last run of digits of a number, without a year and zeros in front: what people write who
/// write `facture 123`. Empty when it is too short to say anything.
pub fn tail(number: &str) -> &str {
    let run = last_digits(number);
    // A year that stands before the serial number without a separator.
    let serial = match run.split_at_checked(4) {
        Some((year, serial)) if run.len() >= 8 && is_year(year) => serial,
        _ => run,
    };
    let serial = serial.trim_start_matches('0');
    if serial.len() >= TAIL_DIGITS_MIN { serial } else { "" }
}

/// Whether a number says by itself that it is one: letters and digits, or many digits.
pub fn is_telling_number(number: &str) -> bool {
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    digits >= 9 || number.len() >= 7 && digits < number.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> NumberText {
        NumberText::new([text].into_iter())
    }

    #[test]
    fn a_number_is_found_however_it_is_written() {
        let number = canonical_number("FA-2026-000123");
        assert_eq!(number, "FA2026000123");
        for written in [
            "reglement FA-2026-000123 merci",
            "FA 2026 000123",
            "fa2026000123",
            "VIR FA-2026-00012 3",
            "FACTUREFA2026000123",
            "ref:FA/2026/000123.",
        ] {
            assert!(text(written).holds(&number), "{written}");
        }
        for other in ["FA-2026-0001234", "FA-2026-00012", "2026 123", "A-2026-000123"] {
            assert!(!text(other).holds(&number), "{other}");
        }
        for written in ["reglement FA-2026-000123 merci", "FA 2026 000123", "VIR FA-2026-00012 3", "FACTFA2026000123"]
        {
            assert!(text(written).candidates().contains(&number), "{written}: {:?}", text(written).candidates());
        }
        assert_eq!(canonical_number("A-1"), "");
    }

    #[test]
    fn the_last_digits_are_enough_when_the_customer_is_known() {
        for (number, last) in
            [("FA-2026-000123", "123"), ("F2026/04512", "4512"), ("20260004512", "4512"), ("A-07", "")]
        {
            assert_eq!(tail(number), last, "{number}");
        }
        assert_eq!(text("facture 123 du 05.03.2026").runs(), ["123"]);
        assert_eq!(text("FACT 0004512/2026").runs(), ["4512"]);
    }

    #[test]
    fn what_nobody_could_read_is_noticed() {
        assert!(text("REF XK77AB12 MERCI").has_unread(&[]));
        assert!(text("votre ref 3HJ-YEX-4C7").has_unread(&[]));
        assert!(!text("MERCI BEAUCOUP").has_unread(&[]));
        assert!(!text("VIR SEPA DU 05/03").has_unread(&[]));
        assert!(!text("Virement de 217,04 EUR").has_unread(&[]));
        assert!(!text("FA-2026-000123").has_unread(&[canonical_number("FA-2026-000123")]));
    }

    #[test]
    fn any_text_is_bounded() {
        let long = "1234 ".repeat(10_000);
        assert!(text(&long).candidates().len() <= CANDIDATES_MAX);
    }
}
