//! The alphabet of SMS, how many messages a text becomes, and what is written in each.

/// The default alphabet, each character at its place, and the escape to the extension at 27.
/// Source: 3GPP TS 23.038 §6.2.1.
const DEFAULT: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                       ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// The escape: the septet after it is of the extension.
const ESCAPE: u8 = 27;
/// Characters of the extension. Source: 3GPP TS 23.038 §6.2.1.1.
const EXTENSION: [(char, u8); 10] = [
    ('\u{c}', 0x0a),
    ('^', 0x14),
    ('{', 0x28),
    ('}', 0x29),
    ('\\', 0x2f),
    ('[', 0x3c),
    ('~', 0x3d),
    (']', 0x3e),
    ('|', 0x40),
    ('€', 0x65),
];

/// A character in the GSM alphabet.
enum Septets {
    /// Of the default alphabet.
    One(u8),
    /// Of the extension.
    Escaped(u8),
}

/// A text as messages carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// In the GSM alphabet, a septet in each byte.
    Gsm(Vec<Vec<u8>>),
    /// In UCS-2: UTF-16 with the high byte first.
    Ucs2(Vec<Vec<u8>>),
}

/// Whether a text fits the GSM alphabet, in which an SMS holds 160 characters instead of 70.
pub fn is_gsm(text: &str) -> bool {
    text.chars().all(|c| septets(c).is_some())
}

fn septets(c: char) -> Option<Septets> {
    if c.is_ascii_alphanumeric() {
        return u8::try_from(c).ok().map(Septets::One);
    }
    if let Some((_, code)) = EXTENSION.iter().find(|(known, _)| *known == c) {
        return Some(Septets::Escaped(*code));
    }
    let place = DEFAULT.chars().position(|known| known == c)?;
    u8::try_from(place).ok().filter(|place| *place != ESCAPE).map(Septets::One)
}

/// A text in the GSM alphabet: Latin letters without the accents it does not have, quotes, dashes and blanks as their
/// plain ones. As it was when it has anything else, which would not become a word of its reader's.
pub fn in_gsm(text: &str) -> String {
    let plain = |c: char| match c {
        _ if septets(c).is_some() => c.to_string(),
        '\t' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' => " ".to_owned(),
        // Marks beside their letter, hyphens that are not seen.
        '\u{300}'..='\u{36f}' | '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => String::new(),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '•' => "-".to_owned(),
        '«' | '»' | '\u{201c}'..='\u{201f}' | '″' => "\"".to_owned(),
        '\u{2018}'..='\u{201b}' | '‹' | '›' | '´' | '′' => "'".to_owned(),
        '…' => "...".to_owned(),
        '°' | 'º' => "o".to_owned(),
        '№' => "No".to_owned(),
        '²' => "2".to_owned(),
        '³' => "3".to_owned(),
        '·' => ".".to_owned(),
        '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => deunicode::deunicode_char(c).unwrap_or_default().to_owned(),
        _ => c.to_string(),
    };
    let plain: String = text.chars().map(plain).collect();
    if is_gsm(&plain) { plain } else { text.to_owned() }
}

/// How many messages a text becomes on the way, and is paid for.
pub fn segments(text: &str) -> usize {
    parted(text, is_gsm(text)).len()
}

/// What each message of a text carries.
pub fn written(text: &str) -> Written {
    let in_septets = |part: &str| {
        part.chars().fold(Vec::with_capacity(part.len()), |mut bytes, c| {
            match septets(c) {
                Some(Septets::One(code)) => bytes.push(code),
                Some(Septets::Escaped(code)) => bytes.extend([ESCAPE, code]),
                None => {} // The whole text was looked at.
            }
            bytes
        })
    };
    let in_ucs2 = |part: &str| part.encode_utf16().flat_map(u16::to_be_bytes).collect();
    match is_gsm(text) {
        true => Written::Gsm(parted(text, true).into_iter().map(in_septets).collect()),
        false => Written::Ucs2(parted(text, false).into_iter().map(in_ucs2).collect()),
    }
}

/// A text in parts: 160 septets or 70 units of UCS-2 alone, 153 or 67 each of several. What belongs together is not
/// parted. Source: 3GPP TS 23.040 §9.2.3.24.1, TS 23.038 §6.2.
fn parted(text: &str, gsm: bool) -> Vec<&str> {
    let size = |c: char| match septets(c) {
        _ if !gsm => c.len_utf16(),
        Some(Septets::Escaped(_)) => 2,
        _ => 1,
    };
    let (alone, each) = if gsm { (160, 153) } else { (70, 67) };
    if text.chars().map(size).sum::<usize>() <= alone {
        return vec![text];
    }
    let (mut parts, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let mut used = 0;
        let end = rest.char_indices().find(|(_, c)| {
            used += size(*c);
            used > each
        });
        let (part, after) = rest.split_at(end.map_or(rest.len(), |(at, _)| at));
        parts.push(part);
        rest = after;
    }
    parts
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

    #[test]
    fn a_text_is_written_in_the_alphabet_if_its_reader_can_still_read_it() {
        for (text, plain) in [
            ("Votre reçu est prêt, à régler", "Votre recu est pret, à régler"),
            ("« L’échéance » – 1\u{202f}250,00\u{a0}€…", "\" L'échéance \" - 1 250,00 €..."),
            ("Œuvre d’Anaïs Lefèvre-Nuñez", "OEuvre d'Anais Lefèvre-Nuñez"),
            ("Łódź, Škoda, Çelik", "Lodz, Skoda, Çelik"),
            ("Facture n° 7 — reçue", "Facture no 7 - recue"),
            ("Re\u{301}gle\u{300}ment", "Reglement"),
            ("10 € Δ ¿Qué?", "10 € Δ ¿Qué?"),
        ] {
            assert_eq!(in_gsm(text), plain, "{text}");
        }
        // Another script, or a picture: the accents stay as well.
        for text in ["Квитанция prête", "prêt 😀", "見積 ê", "5 ‰ prêt"] {
            assert_eq!(in_gsm(text), text);
        }
    }

    #[test]
    fn the_alphabet_is_written_by_its_places() {
        assert_eq!(DEFAULT.chars().count(), 128);
        for (place, c) in DEFAULT.chars().enumerate().filter(|(_, c)| *c != '\u{1b}') {
            assert_eq!(written(&c.to_string()), Written::Gsm(vec![vec![u8::try_from(place).unwrap()]]), "{c}");
        }
        assert!(!is_gsm("\u{1b}"));
        assert_eq!(written("10 €@_§"), Written::Gsm(vec![vec![0x31, 0x30, 0x20, 0x1b, 0x65, 0x00, 0x11, 0x5f]]));
        assert_eq!(written("ç😀"), Written::Ucs2(vec![vec![0x00, 0xe7, 0xd8, 0x3d, 0xde, 0x00]]));
    }

    #[test]
    fn parts_hold_the_whole_text_and_fit_a_message() {
        let text = "L’échéance est passée 😀 : 10 € dus. ".repeat(9);
        let Written::Ucs2(parts) = written(&text) else { panic!("not the GSM alphabet") };
        assert!(parts.len() == segments(&text) && parts.iter().all(|part| part.len() <= 134));
        let units = parts.concat().chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect::<Vec<_>>();
        assert_eq!(String::from_utf16(&units).unwrap(), text);
        let text = "10 € dus ".repeat(60);
        let Written::Gsm(parts) = written(&text) else { panic!("the GSM alphabet") };
        assert!(parts.len() == segments(&text) && parts.iter().all(|part| part.len() <= 153));
        assert!(parts.iter().all(|part| part.last() != Some(&ESCAPE)));
        assert_eq!(parts.concat().len(), 60 * 10);
    }
}
