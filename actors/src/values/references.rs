//! References that travel with a payment. Sources: ISO 11649; EPC125-05 §2 (end-to-end
//! identification, remittance information).

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::iban::mod_97;

/// The most characters a creditor reference has.
pub const SYMBOLS_ISO_11649_MAX: usize = 25;

/// Why a reference was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum ReferenceError {
    #[error("not a creditor reference '{0}': expected RF, two check digits and up to 21 letters or digits")]
    Form(String),
    #[error("creditor reference '{0}': the check digits do not agree")]
    CheckDigits(String),
    #[error("an end-to-end id has 1 to 35 characters")]
    EndToEnd,
    #[error("remittance information has at most {0} characters")]
    TooLong(usize),
}

/// A structured creditor reference (`RF18539007547034`).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CreditorReference(String);

impl CreditorReference {
    /// Reads any case, with or without blanks; refuses wrong check digits.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let shown = || text.chars().take(40).collect::<String>();
        let compact: String = text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect();
        let body = compact.strip_prefix("RF").ok_or_else(|| ReferenceError::Form(shown()))?;
        let fits = (3..=SYMBOLS_ISO_11649_MAX - 2).contains(&body.len())
            && body.bytes().all(|b| b.is_ascii_alphanumeric())
            && body.bytes().take(2).all(|b| b.is_ascii_digit());
        if !fits {
            return Err(ReferenceError::Form(shown()));
        }
        let (check, rest) = body.split_at(2);
        if mod_97(&format!("{rest}RF{check}")) != 1 {
            return Err(ReferenceError::CheckDigits(shown()));
        }
        Ok(Self(compact))
    }

    /// The reference of `body`, 1 to 21 letters or digits, with check digits computed.
    pub fn of(body: &str) -> Result<Self, ReferenceError> {
        let body: String = body.chars().map(|c| c.to_ascii_uppercase()).collect();
        let check = 98 - mod_97(&format!("{body}RF00"));
        Self::parse(&format!("RF{check:02}{body}"))
    }

    /// The electronic form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows the check digits.
    pub fn body(&self) -> &str {
        self.0.get(4..).unwrap_or_default()
    }

    /// The printed form, in groups of four.
    pub fn printed(&self) -> String {
        let groups: Vec<&str> =
            (0..self.0.len()).step_by(4).filter_map(|at| self.0.get(at..(at + 4).min(self.0.len()))).collect();
        groups.join(" ")
    }

    /// Every valid reference written in a text, printed in groups or not, in order.
    pub fn scan(text: &str) -> Vec<Self> {
        let symbols: Vec<char> =
            text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect();
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(window) = symbols.get(at..) {
            if window.len() < 5 {
                break;
            }
            let run: String = match window {
                ['R', 'F', a, b, ..] if a.is_ascii_digit() && b.is_ascii_digit() => {
                    window.iter().take(SYMBOLS_ISO_11649_MAX).take_while(|c| c.is_ascii_alphanumeric()).collect()
                }
                _ => String::new(),
            };
            // The longest valid prefix wins: what follows may be glued to it.
            let hit = (5..=run.len()).rev().find_map(|end| run.get(..end).and_then(|r| Self::parse(r).ok()));
            match hit {
                Some(reference) => {
                    at += reference.0.len();
                    found.push(reference);
                }
                None => at += 1,
            }
        }
        found
    }
}

impl fmt::Display for CreditorReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for CreditorReference {
    type Error = ReferenceError;
    fn try_from(text: String) -> Result<Self, ReferenceError> {
        Self::parse(&text)
    }
}

impl From<CreditorReference> for String {
    fn from(reference: CreditorReference) -> String {
        reference.0
    }
}

/// The originator's 35-character id, carried unchanged through the chain.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EndToEndId(String);

impl EndToEndId {
    /// Reads 1 to 35 characters; the placeholders banks write for "none" give `None`.
    pub fn parse(text: &str) -> Result<Option<Self>, ReferenceError> {
        let text = text.trim();
        if matches!(text, "NOTPROVIDED" | "NOTAVAIL" | "NONREF" | "NOT PROVIDED" | "") {
            return Ok(None);
        }
        let long = text.len() > 35 && text.chars().count() > 35;
        if long || text.chars().any(char::is_control) {
            return Err(ReferenceError::EndToEnd);
        }
        Ok(Some(Self(text.to_owned())))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for EndToEndId {
    type Error = ReferenceError;
    fn try_from(text: String) -> Result<Self, ReferenceError> {
        Self::parse(&text)?.ok_or(ReferenceError::EndToEnd)
    }
}

impl From<EndToEndId> for String {
    fn from(id: EndToEndId) -> String {
        id.0
    }
}

/// What the payer wrote: structured references and free text. Hostile until escaped.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RemittanceInformation {
    structured: Vec<String>,
    unstructured: String,
}

impl RemittanceInformation {
    /// The most characters of free text kept; a bank sends 140, some send several pieces.
    pub const UNSTRUCTURED_CHARACTERS_MAX: usize = 1_000;
    /// The most structured references kept of one entry.
    pub const STRUCTURED_MAX: usize = 20;

    /// Takes what a bank sent: control characters become blanks, runs of blanks become one.
    pub fn new(structured: Vec<String>, unstructured: String) -> Result<Self, ReferenceError> {
        let long = unstructured.len() > Self::UNSTRUCTURED_CHARACTERS_MAX;
        if long && unstructured.chars().count() > Self::UNSTRUCTURED_CHARACTERS_MAX {
            return Err(ReferenceError::TooLong(Self::UNSTRUCTURED_CHARACTERS_MAX));
        }
        let structured = structured
            .into_iter()
            .map(flattened)
            .filter(|text| !text.is_empty())
            .take(Self::STRUCTURED_MAX)
            .collect();
        Ok(Self { structured, unstructured: flattened(unstructured) })
    }

    /// Structured references, in the order of the file.
    pub fn structured(&self) -> &[String] {
        &self.structured
    }

    /// Free text.
    pub fn unstructured(&self) -> &str {
        &self.unstructured
    }
}

/// A text without control characters, and with one blank where there are several.
fn flattened(text: String) -> String {
    let plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && !text.contains("  ")
        && !text.starts_with(' ')
        && !text.ends_with(' ');
    if plain {
        return text;
    }
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

impl fmt::Debug for RemittanceInformation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RemittanceInformation({} structured, {} characters)",
            self.structured.len(),
            self.unstructured.chars().count()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creditor_references_agree_with_the_vectors() {
        for (body, reference) in
            [("539007547034", "RF18539007547034"), ("INV20260042", "RF73INV20260042"), ("123456", "RF97123456")]
        {
            assert_eq!(CreditorReference::of(body).unwrap().as_str(), reference);
            assert_eq!(CreditorReference::parse(&reference.to_lowercase()).unwrap().body(), body);
        }
        assert!(matches!(CreditorReference::parse("RF17539007547034"), Err(ReferenceError::CheckDigits(_))));
        assert!(matches!(CreditorReference::parse("539007547034"), Err(ReferenceError::Form(_))));
        assert!(CreditorReference::of(&"9".repeat(22)).is_err());
        assert_eq!(CreditorReference::of("539007547034").unwrap().printed(), "RF18 5390 0754 7034");
    }

    #[test]
    fn creditor_references_are_found_in_what_people_write() {
        for (text, expected) in [
            ("facture RF18 5390 0754 7034 merci", vec!["RF18539007547034"]),
            ("rf18539007547034", vec!["RF18539007547034"]),
            ("RF17539007547034", vec![]),
            ("RF97123456/RF73INV20260042", vec!["RF97123456", "RF73INV20260042"]),
            ("rien", vec![]),
        ] {
            let found: Vec<String> = CreditorReference::scan(text).iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn placeholders_are_not_references() {
        assert_eq!(EndToEndId::parse("NOTPROVIDED"), Ok(None));
        assert!(EndToEndId::parse("ABC-1").unwrap().is_some());
        assert!(EndToEndId::parse(&"x".repeat(36)).is_err());
    }

    #[test]
    fn remittance_text_is_flattened_and_bounded() {
        let text = RemittanceInformation::new(vec![" RF18 ".into(), String::new()], "a\r\n\tb  c".into()).unwrap();
        assert_eq!((text.structured(), text.unstructured()), (&["RF18".to_owned()][..], "a b c"));
        assert!(RemittanceInformation::new(Vec::new(), "x".repeat(1_001)).is_err());
    }
}
