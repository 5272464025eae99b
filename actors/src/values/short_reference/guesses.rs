//! What a word that was written badly may have been: for a person to look at, never to be paid by.

use super::{FIELD, POWERS, ReferenceKey, SYMBOLS, ShortReference, inverse, sums, symbol, value};

/// Words of a text in which two slips are looked for.
const GUESSED_WORDS_MAX: usize = 4;
/// Letters of another word that may be glued to it.
const GLUED_LETTERS_MAX: usize = 4;

/// Whether a word may be a reference that was written badly.
fn looks_written(word: &str) -> bool {
    let legible = word.bytes().filter(|symbol| value(*symbol).is_some()).count();
    (SYMBOLS - 2..=SYMBOLS + GLUED_LETTERS_MAX).contains(&word.len()) && legible + 2 >= word.len()
}

impl ShortReference {
    /// References that lie two slips of a hand from words of a text, a wrong symbol or one left out each: for
    /// a person to look at, when nothing says what is meant. A word has thirty-six, or seventy-two when one
    /// symbol is missing.
    pub fn guesses(text: &str, key: ReferenceKey) -> Vec<ShortReference> {
        let words = text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
        let words: Vec<String> = words.map(str::to_ascii_uppercase).collect();
        // Whole, and in its three groups.
        let mut whole = words.clone();
        whole.extend(words.windows(3).filter(|group| group.iter().all(|part| part.len() <= 3)).map(<[_]>::concat));
        let mut found = Vec::new();
        for word in whole.iter().filter(|word| looks_written(word)).take(GUESSED_WORDS_MAX) {
            // What is longer has another word glued before it; one symbol may be missing there as well.
            let ends = [SYMBOLS.min(word.len()), if word.len() > SYMBOLS { SYMBOLS - 1 } else { 0 }];
            for length in ends.into_iter().filter(|length| *length > 0) {
                let read = word.get(word.len() - length..).unwrap_or_default();
                found.extend(Self::two_slips(read.as_bytes(), key));
            }
        }
        found
    }

    /// What each two places would have to be if the others were right.
    fn two_slips(word: &[u8], key: ReferenceKey) -> Vec<ShortReference> {
        let missing = SYMBOLS.saturating_sub(word.len());
        let mut found = Vec::new();
        for i in 0..SYMBOLS {
            for j in i + 1..SYMBOLS {
                let gaps: &[&[usize]] = match missing {
                    0 => &[&[]],
                    1 => &[&[i], &[j]],
                    _ => &[&[i, j]],
                };
                found.extend(gaps.iter().filter_map(|gaps| Self::solved(word, gaps, (i, j), key)));
            }
        }
        found
    }

    /// The reference that a word with gaps is, but for two places.
    fn solved(word: &[u8], gaps: &[usize], (i, j): (usize, usize), key: ReferenceKey) -> Option<ShortReference> {
        let mut read = word.iter();
        let mut values = [0_u32; SYMBOLS];
        for (at, place) in values.iter_mut().enumerate() {
            let symbol = if gaps.contains(&at) { None } else { read.next() };
            if at != i && at != j {
                *place = value(*symbol?)?;
            }
        }
        let (s1, s2) = sums(&values);
        let (e1, e2) = ((key.c1 + FIELD - s1) % FIELD, (key.c2 + FIELD - s2) % FIELD);
        // x + y = e1 and pᵢ·x + pⱼ·y = e2.
        let (p, q) = (*POWERS.get(i)?, *POWERS.get(j)?);
        let x = (e2 + FIELD - q * e1 % FIELD) % FIELD * inverse((p + FIELD - q) % FIELD) % FIELD;
        *values.get_mut(i)? = x;
        *values.get_mut(j)? = (e1 + FIELD - x) % FIELD;
        Some(Self(values.map(symbol)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ReferenceKey {
        ReferenceKey::from_seed(0x1234_5678_9abc_def0)
    }

    #[test]
    fn any_two_wrong_symbols_are_among_the_guesses() {
        let reference = ShortReference::of(987_654_321, key());
        let symbols = reference.compact().into_bytes();
        for i in 0..SYMBOLS {
            for j in i + 1..SYMBOLS {
                for (first, second) in [(b'3', b'4'), (b'0', b'Y'), (b'O', b'1')] {
                    let mut wrong = symbols.clone();
                    (wrong[i], wrong[j]) = (first, second);
                    let compact = String::from_utf8(wrong).unwrap();
                    let grouped = format!("ref {}-{} {} merci", &compact[..3], &compact[3..6], &compact[6..]);
                    for text in [&compact, &grouped] {
                        let guesses = ShortReference::guesses(text, key());
                        assert!(guesses.contains(&reference), "{text}");
                        assert!(guesses.iter().all(|guess| guess.agrees(key())), "{text}");
                    }
                }
            }
        }
        for at in 0..SYMBOLS {
            let mut short = symbols.clone();
            short.remove(at);
            short[3] = b'W';
            let text = format!("ref{} du 5 mars", String::from_utf8(short).unwrap());
            assert!(ShortReference::guesses(&text, key()).contains(&reference), "{text}");
            let mut shorter = symbols.clone();
            shorter.remove(at);
            shorter.remove(at / 2);
            let text = String::from_utf8(shorter).unwrap();
            assert!(ShortReference::guesses(&text, key()).contains(&reference), "{text}");
        }
        assert!(ShortReference::guesses(&"QT7AC34KM ".repeat(1_000), key()).len() <= 108 * GUESSED_WORDS_MAX);
        assert!(ShortReference::guesses("virement du 5 mars, merci beaucoup", key()).is_empty());
    }
}
