//! Texts as SEPA takes them. Source: EPC217-08, SEPA requirements for character conversion.

/// A text in the SEPA characters, cut to `characters_max`: accents are taken off, what has no
/// counterpart is a full stop. It begins with no slash and holds no two in a row.
pub(super) fn sepa(text: &str, characters_max: usize) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.trim().chars() {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '?' | ':' | '(' | ')' | '.' | ',' | '\'' | '+' | ' ' => {
                plain.push(character);
            }
            '/' if plain.is_empty() || plain.ends_with('/') => {}
            '/' => plain.push('/'),
            'à' | 'á' | 'â' | 'ã' | 'å' => plain.push('a'),
            'À' | 'Á' | 'Â' | 'Ã' | 'Å' => plain.push('A'),
            'ä' | 'æ' => plain.push_str("ae"),
            'Ä' | 'Æ' => plain.push_str("AE"),
            'ç' => plain.push('c'),
            'Ç' => plain.push('C'),
            'è' | 'é' | 'ê' | 'ë' => plain.push('e'),
            'È' | 'É' | 'Ê' | 'Ë' => plain.push('E'),
            'ì' | 'í' | 'î' | 'ï' => plain.push('i'),
            'Ì' | 'Í' | 'Î' | 'Ï' => plain.push('I'),
            'ñ' => plain.push('n'),
            'Ñ' => plain.push('N'),
            'ò' | 'ó' | 'ô' | 'õ' | 'ø' => plain.push('o'),
            'Ò' | 'Ó' | 'Ô' | 'Õ' | 'Ø' => plain.push('O'),
            'ö' | 'œ' => plain.push_str("oe"),
            'Ö' | 'Œ' => plain.push_str("OE"),
            'ù' | 'ú' | 'û' => plain.push('u'),
            'Ù' | 'Ú' | 'Û' => plain.push('U'),
            'ü' => plain.push_str("ue"),
            'Ü' => plain.push_str("UE"),
            'ý' | 'ÿ' => plain.push('y'),
            'ß' => plain.push_str("ss"),
            '&' => plain.push('+'),
            '\u{2019}' | '`' | '´' => plain.push('\''),
            '_' | '–' | '—' => plain.push('-'),
            other if other.is_whitespace() => plain.push(' '),
            _ => plain.push('.'),
        }
    }
    // Every character is one byte by now.
    plain.truncate(characters_max);
    let kept = plain.trim_end_matches(['/', ' ']).len();
    plain.truncate(kept);
    plain
}

/// A creditor identifier: country, check digits, business code, national identifier. The check
/// digits are over all but the business code. Source: EPC262-08.
pub fn creditor_id(text: &str) -> Result<String, &'static str> {
    const EXPECTED: &str = "a creditor identifier whose check digits agree, such as DE98ZZZ09999999999";
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect();
    let (Some(country), Some(check), Some(national)) = (compact.get(..2), compact.get(2..4), compact.get(7..)) else {
        return Err(EXPECTED);
    };
    let fits = compact.len() <= 35
        && compact.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && country.bytes().all(|byte| byte.is_ascii_uppercase())
        && !national.is_empty();
    let rest = format!("{national}{country}{check}")
        .chars()
        .filter_map(|c| c.to_digit(36))
        .fold(0_u32, |rest, value| if value < 10 { (rest * 10 + value) % 97 } else { (rest * 100 + value) % 97 });
    if fits && rest == 1 { Ok(compact) } else { Err(EXPECTED) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_sepa_characters() {
        for (text, expected) in [
            ("Hélène Lefèvre & fils", "Helene Lefevre + fils"),
            ("/facture//F-1/", "facture/F-1"),
            ("Müller Straße", "Mueller Strasse"),
            ("50 € \u{1f600}", "50 . ."),
            ("a\nb", "a b"),
        ] {
            assert_eq!(sepa(text, 70), expected, "{text}");
        }
        assert_eq!(sepa(&"é".repeat(80), 70).len(), 70);
    }

    #[test]
    fn creditor_identifiers_are_checked_without_their_business_code() {
        for valid in ["DE98ZZZ09999999999", "DE98ABC09999999999", "FR72ZZZ123456"] {
            assert!(creditor_id(valid).is_ok(), "{valid}");
        }
        for wrong in ["DE97ZZZ09999999999", "FR72", "", "1234567890"] {
            assert!(creditor_id(wrong).is_err(), "{wrong}");
        }
    }
}
