//! How a person is reached. `Debug` is masked (INV-12).

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a contact was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum ContactError {
    #[error("not an e-mail address: expected name@domain")]
    Email,
    #[error("not a phone number: expected E.164 such as +33612345678, or a national number with a country")]
    Phone,
    #[error("unknown language '{0}': expected fr or en")]
    Language(String),
}

/// An e-mail address that can stand in a header: no control characters, no display name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Reads `name@domain`; refuses quotes, comments, control characters and domains without a
    /// dot. Source: RFC 5321 §4.1.2, the dot-string form only.
    pub fn parse(text: &str) -> Result<Self, ContactError> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(ContactError::Email)?;
        let atom = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
        let local_fits = (1..=64).contains(&local.len())
            && local.split('.').all(|part| !part.is_empty() && part.chars().all(atom));
        let label = |part: &str| {
            (1..=63).contains(&part.len())
                && part.chars().all(|c| c.is_alphanumeric() || c == '-')
                && !part.starts_with('-')
                && !part.ends_with('-')
        };
        let domain_fits = domain.len() <= 189 && domain.contains('.') && domain.split('.').all(label);
        if local_fits && domain_fits { Ok(Self(text.to_owned())) } else { Err(ContactError::Email) }
    }

    /// The whole address, for the envelope of a message only.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// First letter and domain: `j…@example.org`.
    pub fn masked(&self) -> String {
        let (local, domain) = self.0.rsplit_once('@').unwrap_or_default();
        format!("{}…@{domain}", local.chars().next().unwrap_or('…'))
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = ContactError;
    fn try_from(text: String) -> Result<Self, ContactError> {
        Self::parse(&text)
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> String {
        address.0
    }
}

/// A phone number in E.164.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// Reads an international number, or a national one of `country` (two letters).
    pub fn parse(text: &str, country: Option<&str>) -> Result<Self, ContactError> {
        if text.len() > 40 {
            return Err(ContactError::Phone);
        }
        let country = country.and_then(|code| code.parse::<phonenumber::country::Id>().ok());
        let number = phonenumber::parse(country, text.trim()).map_err(|_| ContactError::Phone)?;
        let written = number.format().mode(phonenumber::Mode::E164).to_string();
        // What is written must be what is read: among letters the library finds numbers that are none.
        let again = phonenumber::parse(None, &written).map_err(|_| ContactError::Phone)?;
        let is_same = again.code().value() == number.code().value() && again.national() == number.national();
        let is_valid = phonenumber::is_valid(&number) && phonenumber::is_valid(&again);
        if is_same && is_valid { Ok(Self(written)) } else { Err(ContactError::Phone) }
    }

    /// E.164, for the provider only.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Country code and the last two digits: `+33…78`.
    pub fn masked(&self) -> String {
        let head = self.0.get(..3).unwrap_or_default();
        let tail = self.0.get(self.0.len().saturating_sub(2)..).unwrap_or_default();
        format!("{head}…{tail}")
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = ContactError;
    fn try_from(text: String) -> Result<Self, ContactError> {
        // A stored number was checked when it came in; a new edition of the number plans must
        // not make it unreadable.
        if text.starts_with('+') && text.bytes().skip(1).all(|b| b.is_ascii_digit()) && (8..=16).contains(&text.len())
        {
            Ok(Self(text))
        } else {
            Err(ContactError::Phone)
        }
    }
}

impl From<PhoneNumber> for String {
    fn from(number: PhoneNumber) -> String {
        number.0
    }
}

/// Words by which somebody wants no more messages, or wants them again. Source: af2m charter (STOP), CTIA short code
/// monitoring handbook.
const STOP: [&str; 10] =
    ["STOP", "ARRET", "ARRETER", "STOPALL", "UNSUBSCRIBE", "DESABONNEMENT", "DESABONNER", "CANCEL", "END", "QUIT"];
const START: [&str; 3] = ["START", "UNSTOP", "REPRENDRE"];

/// Whether what somebody wrote back asks for no more messages, or for messages again; `None` when it says neither. Its
/// first word counts, however it is written.
pub fn wants_no_more(text: &str) -> Option<bool> {
    let word = deunicode::deunicode(text.split_whitespace().next()?);
    let word: String = word.chars().filter(char::is_ascii_alphanumeric).collect();
    let word = word.to_ascii_uppercase();
    match word.as_str() {
        word if STOP.contains(&word) => Some(true),
        word if START.contains(&word) => Some(false),
        _ => None,
    }
}

/// The language of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// French.
    #[default]
    Fr,
    /// English.
    En,
}

impl Language {
    /// Every language, the fallback first.
    pub const ALL: [Language; 2] = [Language::En, Language::Fr];

    /// Reads `fr` or `en`, with or without a region.
    pub fn parse(text: &str) -> Result<Self, ContactError> {
        let code = text.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        Self::ALL
            .into_iter()
            .find(|language| language.code() == code)
            .ok_or_else(|| ContactError::Language(text.chars().take(12).collect()))
    }

    /// Two letters.
    pub fn code(self) -> &'static str {
        match self {
            Language::Fr => "fr",
            Language::En => "en",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_could_break_a_header_are_refused() {
        for valid in ["jean.dupont@example.org", " a+b@sub.example.com ", "é@exemple.fr"] {
            assert!(EmailAddress::parse(valid).is_ok(), "{valid}");
        }
        for wrong in [
            "",
            "jean",
            "jean@",
            "@example.org",
            "jean@localhost",
            "a b@example.org",
            "a@example.org\r\nBcc: x@y.z",
            "\"a b\"@example.org",
            "a..b@example.org",
            "a@-x.org",
            "Jean <a@example.org>",
            "a@exa_mple.org",
        ] {
            assert!(EmailAddress::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn phone_numbers_are_kept_in_e164() {
        for (text, country, expected) in [
            ("06 12 34 56 78", Some("FR"), Some("+33612345678")),
            ("+33 (0)6 12 34 56 78", None, Some("+33612345678")),
            ("+33612345678", None, Some("+33612345678")),
            ("0612345678", None, None),
            ("12", Some("FR"), None),
            ("call me", Some("FR"), None),
            // Letters among which a number of another country would be found, which is none when it is written.
            ("n00780II24401o\u{b}", Some("FR"), None),
        ] {
            let read = PhoneNumber::parse(text, country).ok().map(String::from);
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_written_back_says_stop_or_start_in_its_first_word() {
        for (text, wants) in [
            ("STOP", Some(true)),
            (" stop. merci", Some(true)),
            ("Arrêt SVP", Some(true)),
            ("désabonnement", Some(true)),
            ("START", Some(false)),
            ("Bonjour, STOP", None),
            ("stopper", None),
            ("", None),
        ] {
            assert_eq!(wants_no_more(text), wants, "{text}");
        }
    }

    #[test]
    fn debug_is_masked() {
        assert_eq!(format!("{:?}", EmailAddress::parse("jean@example.org").unwrap()), "j…@example.org");
        assert_eq!(format!("{:?}", PhoneNumber::parse("+33612345678", None).unwrap()), "+33…78");
    }
}
