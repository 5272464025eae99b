//! Field `:86:` of MT940: information to the account owner, in the dialects banks write.
//!
//! | Dialect | Looks like | Read by |
//! |---|---|---|
//! | structured German | `166?00GUTSCHR?20EREF+…?21SVWZ+…?32NAME` | codes after the separator, then SEPA keys |
//! | Dutch | `/TRTP/…/IBAN/…/NAME/…/REMI/USTD//…/EREF/…` | keys between slashes |
//! | free text | anything else | as one text |
//!
//! Pieces are joined before keys are looked for: lines are cut in the middle of them.

use std::borrow::Cow;

use quittance_actors::transfer::ReturnReason;
use quittance_actors::values::{Iban, RemittanceInformation};
use smol_str::SmolStr;

use super::Detail;
use super::text::{REFERENCE_CHARACTERS_MAX, cut, push_bounded, reference, short};

/// Characters of a line of the field.
const LINE_CHARACTERS: usize = 65;
/// Characters of a subfield of the structured dialect.
const SUBFIELD_CHARACTERS: usize = 27;
/// Business transaction codes of returned direct debits. Source: DK GVC table.
const RETURNED: [&str; 7] = ["108", "109", "159", "181", "182", "183", "184"];

/// Text key supplements that are reasons of a return; others tell transfers apart. Source: DK table
/// of text key supplements, 901 to 914.
const RETURN_REASONS: std::ops::RangeInclusive<u16> = 901..=914;

/// Reads the field: the bank's transaction code, and the transaction. The counterparty is the
/// payer of a credit and the payee of a debit.
pub(super) fn read(value: &str, debit: bool, detail: &mut Detail) -> SmolStr {
    let mut found = Found { debit, detail, supplement: SmolStr::default() };
    if let Some((code, separator)) = structured(value) {
        found.german(value, separator, code.len());
        let reason = found.supplement.parse().is_ok_and(|number: u16| RETURN_REASONS.contains(&number));
        if RETURNED.contains(&code) || reason {
            let returned = found.detail.particulars.returned.get_or_insert_with(ReturnReason::default);
            returned.code = found.supplement;
        }
        return code.into();
    }
    let joined = joined(value);
    if slashed(&joined) {
        found.dutch(&joined);
    } else if let Some(first) = first_key(&joined, 0) {
        found.sepa(&joined, first);
    } else {
        found.text(&joined);
    }
    SmolStr::default()
}

/// The lines as one text: a line that fills its width goes on.
fn joined(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut full = true;
    for line in value.lines() {
        if !full && !text.is_empty() && !line.starts_with('/') {
            text.push(' ');
        }
        text.push_str(line);
        full = line.chars().count() >= LINE_CHARACTERS;
    }
    text
}

/// The code and separator of the structured dialect: three digits, and before two more digits
/// any sign that is neither letter, digit nor blank.
fn structured(value: &str) -> Option<(&str, char)> {
    let code = value.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit())).unwrap_or("");
    let rest = value.get(code.len()..)?;
    let separator = rest.chars().next()?;
    let digits = rest.get(separator.len_utf8()..)?.bytes().take(2).filter(u8::is_ascii_digit).count();
    let sign = !separator.is_alphanumeric() && !separator.is_whitespace() && !matches!(separator, '/' | '-' | '+');
    (digits == 2 && sign && (!code.is_empty() || separator == '?')).then_some((code, separator))
}

fn slashed(text: &str) -> bool {
    let Some(rest) = text.trim_start().strip_prefix('/') else { return false };
    rest.split('/').next().is_some_and(|key| SLASH_KEYS.contains(&key))
}

/// Keys of the Dutch dialect. Source: format descriptions of ABN AMRO, ING, Rabobank.
const SLASH_KEYS: [&str; 32] = [
    "TRTP", "IBAN", "BIC", "NAME", "REMI", "EREF", "MARF", "CSID", "CNTP", "ORDP", "BENM", "PREF", "RTRN", "SVCL",
    "PURP", "ULTD", "ULTC", "ULTB", "OCMT", "CHGS", "CHGS1", "ISDT", "EXCH", "ADDR", "IREF", "BUSP", "TRCD", "MREF",
    "KREF", "PDAT", "ORDRES", "NRTX",
];

/// The key that ends `text`: one of remittance information by the German banks' rule.
/// Source: DK DFÜ agreement, annex 3.
fn sepa_key(text: &[u8]) -> Option<&'static str> {
    Some(match text.last_chunk::<4>() {
        Some(b"EREF") => "EREF",
        Some(b"KREF") => "KREF",
        Some(b"MREF") => "MREF",
        Some(b"CRED") => "CRED",
        Some(b"DEBT") => "DEBT",
        Some(b"COAM") => "COAM",
        Some(b"OAMT") => "OAMT",
        Some(b"SVWZ") => "SVWZ",
        Some(b"ABWA") => "ABWA",
        Some(b"ABWE") => "ABWE",
        Some(b"IBAN") => "IBAN",
        Some(b"RREF") => "RREF",
        Some(b"PURP") => "PURP",
        Some(b"SQTP") => "SQTP",
        Some(b"MDAT") => "MDAT",
        _ if text.ends_with(b"BIC") => "BIC",
        _ => return None,
    })
}

/// Where a key stands, the key, where its value begins.
type Key = (usize, &'static str, usize);

/// The next key at or after `from`.
fn first_key(text: &str, from: usize) -> Option<Key> {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        at += memchr::memchr2(b'+', b':', bytes.get(at..)?)?;
        if let Some(key) = bytes.get(from..at).and_then(sepa_key) {
            let start = at - key.len();
            // With a colon the key stands alone; glued to a word it is the end of that word.
            let alone = start == 0 || !bytes.get(start - 1).is_some_and(u8::is_ascii_alphanumeric);
            if bytes.get(at) == Some(&b'+') || (alone && key != "BIC" && key != "IBAN" && key != "PURP") {
                return Some((start, key, at + 1));
            }
        }
        at += 1;
    }
}

/// The remittance information of the structured dialect without keys: a subfield that is full goes
/// on where it was cut, any other is followed by a blank.
fn parted(flat: &str, separator: char) -> String {
    let (mut parted, mut full) = (String::with_capacity(flat.len()), false);
    for (_, text) in subfields(flat, separator).filter(|(code, _)| matches!(code, 20..=29 | 60..=63)) {
        if !parted.is_empty() && !full && !parted.ends_with(' ') {
            parted.push(' ');
        }
        parted.push_str(text);
        full = text.chars().count() >= SUBFIELD_CHARACTERS;
    }
    parted
}

/// The subfields of the structured dialect: codes and texts. A separator before anything else
/// than a code stands in a text.
fn subfields(flat: &str, separator: char) -> impl Iterator<Item = (u8, &str)> {
    let width = separator.len_utf8();
    let code_at = move |at: usize| -> Option<u8> {
        let digits = flat.as_bytes().get(at + width..)?.first_chunk::<2>()?;
        let [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] = digits else { return None };
        let code = (tens - b'0') * 10 + (ones - b'0');
        matches!(code, 0..=3 | 10..=11 | 20..=38 | 60..=63).then_some(code)
    };
    let mut buffer = [0; 4];
    let first = separator.encode_utf8(&mut buffer).as_bytes().first().copied().unwrap_or_default();
    let next = move |from: usize| {
        let within = flat.as_bytes().get(from..)?;
        let places = memchr::memchr_iter(first, within).map(|at| from + at);
        let whole =
            |at: &usize| separator.is_ascii() || flat.get(*at..).is_some_and(|rest| rest.starts_with(separator));
        places.filter(whole).find_map(|at| Some((at, code_at(at)?)))
    };
    let mut under_way = next(0);
    std::iter::from_fn(move || {
        let (at, code) = under_way?;
        let text = at + width + 2;
        under_way = next(text);
        let end = under_way.map_or(flat.len(), |(at, _)| at);
        Some((code, flat.get(text..end).unwrap_or_default()))
    })
}

struct Found<'a> {
    debit: bool,
    detail: &'a mut Detail,
    /// Subfield 34: the reason of a return, or a supplement of another kind.
    supplement: SmolStr,
}

impl Found<'_> {
    fn text(&mut self, text: &str) {
        push_bounded(&mut self.detail.unstructured, text.trim(), RemittanceInformation::UNSTRUCTURED_CHARACTERS_MAX);
    }

    /// The name of the counterparty, in the place its direction gives it.
    fn name(&mut self, name: &str) {
        let name = name.trim();
        if self.debit {
            self.detail.particulars.payee = short(name, REFERENCE_CHARACTERS_MAX);
        } else if !name.is_empty() {
            self.detail.payer_name = cut(name, REFERENCE_CHARACTERS_MAX);
        }
    }

    fn iban(&mut self, text: &str) {
        let text = text.trim();
        match (self.debit, Iban::parse(text)) {
            (false, Ok(iban)) => self.detail.payer_iban = Some(iban),
            (false, Err(_)) => self.detail.particulars.payer_account = short(text, REFERENCE_CHARACTERS_MAX),
            (true, _) => self.detail.particulars.payee_account = short(text, REFERENCE_CHARACTERS_MAX),
        }
    }

    fn end_to_end(&mut self, text: &str) {
        self.detail.end_to_end = cut(reference(text), 35);
    }

    /// The structured German dialect.
    fn german(&mut self, value: &str, separator: char, from: usize) {
        let value = value.get(from..).unwrap_or_default();
        let mut flat = String::with_capacity(value.len());
        let mut from = 0;
        for end in memchr::memchr_iter(b'\n', value.as_bytes()) {
            flat.push_str(value.get(from..end).unwrap_or_default());
            from = end + 1;
        }
        flat.push_str(value.get(from..).unwrap_or_default());
        let mut remittance = String::with_capacity(flat.len());
        let mut account = "";
        let mut name = Cow::Borrowed("");
        for (code, text) in subfields(&flat, separator) {
            match code {
                0 => self.detail.particulars.additional = short(text, REFERENCE_CHARACTERS_MAX),
                20..=29 | 60..=63 => remittance.push_str(text),
                30 => self.detail.particulars.payer_agent = short(text, REFERENCE_CHARACTERS_MAX),
                31 => account = text,
                32 | 33 if name.is_empty() => name = text.into(),
                32 | 33 => name.to_mut().push_str(text),
                34 => self.supplement = short(text, REFERENCE_CHARACTERS_MAX),
                _ => {}
            }
        }
        self.name(&name);
        if !account.is_empty() {
            self.iban(account);
        }
        match first_key(&remittance, 0) {
            Some(first) => self.sepa(&remittance, first),
            None => self.text(&parted(&flat, separator)),
        }
    }

    /// SEPA keys within a text; what stands before the first is free text.
    fn sepa(&mut self, text: &str, first: Key) {
        self.text(text.get(..first.0).unwrap_or_default());
        let mut next = Some(first);
        while let Some((_, key, value)) = next {
            next = first_key(text, value);
            let end = next.map_or(text.len(), |(start, ..)| start);
            let value = text.get(value..end).unwrap_or_default().trim();
            let more = &mut self.detail.particulars;
            match key {
                "EREF" => self.end_to_end(value),
                "KREF" => more.instruction_id = short(reference(value), REFERENCE_CHARACTERS_MAX),
                "MREF" => more.mandate_id = short(reference(value), REFERENCE_CHARACTERS_MAX),
                "CRED" => more.creditor_id = short(value, REFERENCE_CHARACTERS_MAX),
                "RREF" => more.transaction_id = short(reference(value), REFERENCE_CHARACTERS_MAX),
                "PURP" => more.purpose = short(value, REFERENCE_CHARACTERS_MAX),
                "ABWA" => more.ultimate_payer = short(value, REFERENCE_CHARACTERS_MAX),
                "ABWE" => more.ultimate_payee = short(value, REFERENCE_CHARACTERS_MAX),
                "IBAN" => self.iban(value),
                "BIC" => more.payer_agent = short(value, REFERENCE_CHARACTERS_MAX),
                "SVWZ" => {
                    if !self.detail.unstructured.is_empty() {
                        self.detail.unstructured.push(' ');
                    }
                    self.text(value);
                }
                _ => {}
            }
        }
    }

    /// The Dutch dialect: keys between slashes, values up to the next key.
    fn dutch(&mut self, text: &str) {
        let parts: Vec<&str> = text.split('/').collect();
        let mut fields: Vec<(&str, Vec<&str>)> = Vec::new();
        for part in parts.into_iter().skip(1) {
            match (SLASH_KEYS.contains(&part), fields.last_mut()) {
                (true, _) => fields.push((part, Vec::new())),
                (false, Some((_, values))) => values.push(part),
                (false, None) => {}
            }
        }
        for (key, values) in fields {
            let whole = values.join("/");
            let value = whole.trim().trim_end_matches('/');
            let more = &mut self.detail.particulars;
            match key {
                "EREF" => self.end_to_end(value),
                "NAME" => self.name(value),
                "IBAN" => self.iban(value),
                "BIC" => more.payer_agent = short(value, REFERENCE_CHARACTERS_MAX),
                "CNTP" => {
                    let mut own = values.into_iter();
                    let (iban, agent, name) = (own.next(), own.next(), own.next());
                    self.iban(iban.unwrap_or_default());
                    self.detail.particulars.payer_agent = short(agent.unwrap_or_default(), REFERENCE_CHARACTERS_MAX);
                    self.name(name.unwrap_or_default());
                }
                "REMI" => self.remittance(value),
                "MARF" | "MREF" => more.mandate_id = short(reference(value), REFERENCE_CHARACTERS_MAX),
                "CSID" => more.creditor_id = short(value, REFERENCE_CHARACTERS_MAX),
                "PREF" => more.payment_information_id = short(reference(value), REFERENCE_CHARACTERS_MAX),
                "PURP" => more.purpose = short(value.trim_start_matches("CD/"), REFERENCE_CHARACTERS_MAX),
                "ULTD" => more.ultimate_payer = short(value, REFERENCE_CHARACTERS_MAX),
                "ULTC" | "ULTB" => more.ultimate_payee = short(value, REFERENCE_CHARACTERS_MAX),
                "RTRN" => {
                    let code = short(value, REFERENCE_CHARACTERS_MAX);
                    more.returned.get_or_insert_with(ReturnReason::default).code = code;
                }
                "TRTP" => more.additional = short(value, REFERENCE_CHARACTERS_MAX),
                _ => {}
            }
        }
    }

    /// `USTD//text`, `STRD/CUR/reference`, or text alone.
    fn remittance(&mut self, value: &str) {
        if let Some(text) = value.strip_prefix("USTD/") {
            return self.text(text.trim_start_matches('/'));
        }
        if let Some(structured) = value.strip_prefix("STRD/") {
            let reference = structured.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default();
            return self.detail.structured.push(reference.trim().to_owned());
        }
        self.text(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, debit: bool, expected: &str) {
        let mut detail = Detail::default();
        let code = read(value, debit, &mut detail);
        let iban = detail.payer_iban.as_ref().map_or("-", |iban| iban.electronic());
        let found = format!(
            "{code}|{}|{}|{iban}|{}|{}|{}|{}",
            detail.payer_name,
            detail.particulars.payee,
            detail.end_to_end,
            detail.structured.join(","),
            detail.unstructured,
            detail.particulars.mandate_id,
        );
        assert_eq!(found, expected, "{value}");
    }

    #[test]
    fn a_supplement_is_a_return_only_when_it_is_a_reason_of_one() {
        for (value, reason) in [
            ("051?00UEBERWEISUNG?20SVWZ+Rechnung?34339", None),
            ("166?00GUTSCHRIFT?20SVWZ+Rechnung?34000", None),
            ("109?00RUECKLASTSCHRIFT?20EREF+PR-1?34914", Some("914")),
            ("109?00RUECKLASTSCHRIFT?20EREF+PR-1", Some("")),
            ("899?00SONSTIGES?34901", Some("901")),
        ] {
            let mut detail = Detail::default();
            read(value, true, &mut detail);
            let found = detail.particulars.returned.map(|returned| returned.code);
            assert_eq!(found.as_deref(), reason, "{value}");
        }
    }

    #[test]
    fn every_dialect_gives_the_same_fields() {
        check(
            "166?00GUTSCHR. UEBERW.?109310?20EREF+F-2026-127?21SV\nWZ+Facture F-2026-0127\n7 merci?30COBADEFFXXX?31DE89370400440532013000?32JEAN DUPONT",
            false,
            "166|JEAN DUPONT||DE89370400440532013000|F-2026-127||Facture F-2026-01277 merci|",
        );
        check(
            "105?00LASTSCHRIFT?20MREF+M-1?21CRED+DE98ZZZ09999999999?22SVWZ+Abo?32STADTWERKE?33 KOELN",
            true,
            "105||STADTWERKE KOELN|-|||Abo|M-1",
        );
        check("020<00Wplata<20Za fakture<32ADAM", false, "020|ADAM||-|||Za fakture|");
        check(
            "/TRTP/SEPA OVERBOEKING/IBAN/NL86INGB0002445588/BIC/INGBNL2A/NAME/B. Jansen/REMI/USTD//factuur 1/2/EREF/NOTPROVIDED",
            false,
            "|B. Jansen||NL86INGB0002445588|||factuur 1/2|",
        );
        check(
            "/CNTP/NL86INGB0002445588/INGBNL2A/B. Jansen///REMI/STRD/CUR/RF18539007547034//EREF/E-1/",
            false,
            "|B. Jansen||NL86INGB0002445588|E-1|RF18539007547034||",
        );
        check("VIREMENT RECU DE JEAN\nFACTURE 12", false, "|||-|||VIREMENT RECU DE JEAN FACTURE 12|");
        check("EREF: E-2 SVWZ: Rechnung 5", false, "|||-|E-2||Rechnung 5|");
    }
}
