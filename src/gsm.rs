//! The alphabet of SMS, and how many messages a text becomes.

/// Whether a text fits the GSM alphabet, in which an SMS holds 160 characters instead of 70.
/// Source: 3GPP TS 23.038 §6.2.1.
pub fn is_gsm(text: &str) -> bool {
    text.chars().all(|c| septets(c).is_some())
}

/// How many septets a character takes in the GSM alphabet: those of its extension take two.
fn septets(c: char) -> Option<usize> {
    const OTHERS: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";
    const EXTENSION: &str = "^{}\\[~]|€\u{c}";
    match c {
        _ if c.is_ascii_alphanumeric() || OTHERS.contains(c) => Some(1),
        _ if EXTENSION.contains(c) => Some(2),
        _ => None,
    }
}

/// How many messages a text becomes on the way, and is paid for: 160 septets or 70 units of UCS-2 alone, 153 or 67 each
/// of several. What belongs together is not parted. Source: 3GPP TS 23.040 §9.2.3.24.1, TS 23.038 §6.2.
pub fn segments(text: &str) -> usize {
    let gsm = is_gsm(text);
    let size = |c: char| if gsm { septets(c).unwrap_or(1) } else { c.len_utf16() };
    let (alone, each) = if gsm { (160, 153) } else { (70, 67) };
    if text.chars().map(size).sum::<usize>() <= alone {
        return 1;
    }
    let (mut count, mut used) = (1, 0);
    for size in text.chars().map(size) {
        if used + size > each {
            (count, used) = (count + 1, 0);
        }
        used += size;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn french_letters_outside_the_gsm_alphabet_are_known() {
        assert!(is_gsm("Votre facture F-2026-001 de 120,00 EUR est due à réception"));
        assert!(is_gsm("10 €"));
        for text in ["reçu", "prêt", "n’a", "120\u{a0}€", "œuvre"] {
            assert!(!is_gsm(text), "{text}");
        }
    }

    #[test]
    fn a_text_becomes_as_many_messages_as_networks_make_of_it() {
        let of = |c: &str, count: usize| c.repeat(count);
        for (text, count) in [
            (String::new(), 1),
            (of("a", 160), 1),
            (of("a", 161), 2),
            (of("a", 306), 2),
            (of("a", 307), 3),
            // The euro takes two septets, and is not parted: 152 and a euro leave one septet empty.
            (of("€", 80), 1),
            (of("€", 81), 2),
            (of("€", 153), 3),
            (of("a", 152) + "€" + &of("a", 152), 3),
            (of("ç", 70), 1),
            (of("ç", 71), 2),
            (of("ç", 134), 2),
            (of("ç", 135), 3),
            // An emoji is two units, and is not parted either.
            (of("😀", 35), 1),
            (of("😀", 36), 2),
            (of("😀", 67), 3),
        ] {
            assert_eq!(segments(&text), count, "{text}");
        }
    }
}
