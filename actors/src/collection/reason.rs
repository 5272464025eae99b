//! Reason codes of failed collections and what each allows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};
use thiserror::Error;

use super::Method;

/// What a reason allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonClass {
    /// It may go through later: a new attempt by the schedule.
    Retry,
    /// Data of the payer are wrong: a new attempt once they are corrected.
    Correct,
    /// The card or mandate is dead: a new attempt from a new one.
    Renew,
    /// The payer must act, as when a bank asks for authentication.
    Authenticate,
    /// No new attempt by itself: a person looks at it.
    Stop,
    /// Something of ours is wrong: an operator looks at it.
    Technical,
    /// The scheme forbids a new attempt from this card.
    Never,
    /// The payer has died: nobody collects or writes any more.
    Deceased,
}

impl ReasonClass {
    /// Every class.
    pub const ALL: [ReasonClass; 8] = [
        ReasonClass::Retry,
        ReasonClass::Correct,
        ReasonClass::Renew,
        ReasonClass::Authenticate,
        ReasonClass::Stop,
        ReasonClass::Technical,
        ReasonClass::Never,
        ReasonClass::Deceased,
    ];

    /// The word in configuration.
    pub fn name(self) -> &'static str {
        match self {
            ReasonClass::Retry => "retry",
            ReasonClass::Correct => "correct",
            ReasonClass::Renew => "renew",
            ReasonClass::Authenticate => "authenticate",
            ReasonClass::Stop => "stop",
            ReasonClass::Technical => "technical",
            ReasonClass::Never => "never",
            ReasonClass::Deceased => "deceased",
        }
    }

    /// What it asks for, for people.
    pub fn text(self) -> &'static str {
        match self {
            ReasonClass::Retry => "it may go through later",
            ReasonClass::Correct => "the payer's data must be corrected",
            ReasonClass::Renew => "a new card or mandate is needed",
            ReasonClass::Authenticate => "the payer must confirm it",
            ReasonClass::Stop => "nothing is tried again by itself",
            ReasonClass::Technical => "something of ours must be mended",
            ReasonClass::Never => "the scheme forbids another attempt",
            ReasonClass::Deceased => "the payer has died",
        }
    }

    /// Whether the collection waits for another or a corrected instrument.
    pub fn waits(self) -> bool {
        matches!(self, ReasonClass::Correct | ReasonClass::Renew | ReasonClass::Authenticate)
    }

    /// Whether nothing can be collected from the instrument any more.
    pub fn ends_instrument(self) -> bool {
        matches!(self, ReasonClass::Renew | ReasonClass::Never | ReasonClass::Correct)
    }
}

/// One code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// What it allows.
    pub class: ReasonClass,
    /// Banks of these countries only; elsewhere it stops. Empty for everywhere.
    pub countries: Vec<SmolStr>,
    /// A new attempt is made so many hours later, when the code says that.
    pub after_hours: Option<u16>,
    /// What it means, for people.
    pub text: String,
}

/// What a failure allows, the advice of the scheme that came with it considered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advised {
    /// What it allows.
    pub class: ReasonClass,
    /// A new attempt is made so many hours later, whatever the schedule says.
    pub after_hours: Option<u16>,
    /// Whether it is the scheme's advice that forbids it.
    pub by_advice: bool,
    /// The code, and the advice where it counted.
    pub words: SmolStr,
}

/// Why a table was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum ReasonError {
    #[error("{code} may never be collected again: it must be {expected}")]
    Forbidden {
        /// The code.
        code: String,
        /// Its only class.
        expected: &'static str,
    },
    #[error("code {0} stands twice")]
    Twice(String),
}

/// Visa's category 1 and Mastercard's advice 03 and 21: no new attempt, whatever is configured.
/// Source: Visa "Excessive Reattempts" rules; Mastercard Transaction Processing Excellence.
const NEVER_CARD: [&str; 14] =
    ["04", "07", "12", "14", "15", "41", "43", "46", "57", "R0", "R1", "R3", "MAC03", "MAC21"];
/// The payer has died. Source: EPC reason code guidance.
const DECEASED: &str = "MD07";

/// What each code allows, by method.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReasonTable {
    codes: BTreeMap<(Method, SmolStr), Reason>,
}

impl ReasonTable {
    /// Adds a code; refuses what a scheme or the law forbids.
    pub fn add(&mut self, method: Method, code: &str, reason: Reason) -> Result<(), ReasonError> {
        let code = code.to_ascii_uppercase();
        if let Some(expected) = fixed(method, &code).filter(|class| *class != reason.class) {
            return Err(ReasonError::Forbidden { code, expected: expected.name() });
        }
        match self.codes.insert((method, code.as_str().into()), reason) {
            Some(_) => Err(ReasonError::Twice(code)),
            None => Ok(()),
        }
    }

    /// What a code allows. A code that is not known stops: a person looks at it.
    pub fn class(&self, method: Method, code: &str, bank_country: &str) -> ReasonClass {
        let code = code.to_ascii_uppercase();
        if let Some(class) = fixed(method, &code) {
            return class;
        }
        match self.codes.get(&(method, code.as_str().into())) {
            Some(Reason { countries, .. })
                if !countries.is_empty() && !countries.iter().any(|country| country == bank_country) =>
            {
                ReasonClass::Stop
            }
            Some(reason) => reason.class,
            None => ReasonClass::Stop,
        }
    }

    /// What a failure allows to which a scheme has given advice, such as `24` or `MAC24` of Mastercard: what it forbids
    /// counts whatever the code says, and a later attempt where the code does not say otherwise.
    pub fn advised(&self, method: Method, code: &str, advice: Option<&str>, bank_country: &str) -> Advised {
        let of_code = |code: &str| self.codes.get(&(method, code.to_ascii_uppercase().into()));
        let class = self.class(method, code, bank_country);
        let after_hours = of_code(code).and_then(|reason| reason.after_hours);
        let plain = Advised { class, after_hours, by_advice: false, words: code.into() };
        let Some(advice) = advice.map(advice_code) else { return plain };
        let known = of_code(&advice);
        if known.is_none() && fixed(method, &advice).is_none()
            || matches!(class, ReasonClass::Never | ReasonClass::Deceased)
        {
            return plain;
        }
        let words = format_smolstr!("{code}, {advice}");
        match self.class(method, &advice, bank_country) {
            // Later is better than never only for what the code leaves open.
            ReasonClass::Retry if class == ReasonClass::Retry || of_code(code).is_none() => {
                let after_hours = known.and_then(|reason| reason.after_hours);
                Advised { class: ReasonClass::Retry, after_hours, by_advice: false, words }
            }
            ReasonClass::Retry => plain,
            class => Advised { class, after_hours: None, by_advice: true, words },
        }
    }

    /// Every code, in order.
    pub fn codes(&self) -> impl Iterator<Item = (Method, &str, &Reason)> {
        self.codes.iter().map(|((method, code), reason)| (*method, code.as_str(), reason))
    }
}

/// Advice as the table has it: numbers are those of Mastercard.
fn advice_code(advice: &str) -> String {
    match advice.trim() {
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => format!("MAC{number:0>2}"),
        word => word.to_ascii_uppercase(),
    }
}

fn fixed(method: Method, code: &str) -> Option<ReasonClass> {
    match method {
        Method::Card if NEVER_CARD.contains(&code) => Some(ReasonClass::Never),
        Method::DirectDebit if code == DECEASED => Some(ReasonClass::Deceased),
        Method::Card | Method::DirectDebit => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(class: ReasonClass, countries: &[&str]) -> Reason {
        let countries = countries.iter().map(|country| SmolStr::from(*country)).collect();
        Reason { class, countries, after_hours: None, text: String::new() }
    }

    #[test]
    fn advice_forbids_or_says_when() {
        let mut table = ReasonTable::default();
        table.add(Method::Card, "51", reason(ReasonClass::Retry, &[])).unwrap();
        table.add(Method::Card, "54", reason(ReasonClass::Renew, &[])).unwrap();
        let later = Reason { after_hours: Some(96), ..reason(ReasonClass::Retry, &[]) };
        table.add(Method::Card, "MAC27", later).unwrap();
        let of = |code, advice| {
            let Advised { class, after_hours, words, .. } = table.advised(Method::Card, code, advice, "");
            (class, after_hours, words.to_string())
        };
        assert_eq!(of("51", Some("27")), (ReasonClass::Retry, Some(96), "51, MAC27".to_owned()));
        assert_eq!(of("unheard_of", Some("mac27")), (ReasonClass::Retry, Some(96), "unheard_of, MAC27".to_owned()));
        assert_eq!(of("51", Some("3")), (ReasonClass::Never, None, "51, MAC03".to_owned()));
        assert_eq!(of("54", Some("27")), (ReasonClass::Renew, None, "54".to_owned()));
        assert_eq!(of("41", Some("27")), (ReasonClass::Never, None, "41".to_owned()));
        assert_eq!(of("51", Some("99")), (ReasonClass::Retry, None, "51".to_owned()));
        assert_eq!(of("MAC27", None), (ReasonClass::Retry, Some(96), "MAC27".to_owned()));
    }

    #[test]
    fn a_code_allows_what_the_table_says_and_an_unknown_one_nothing() {
        let mut table = ReasonTable::default();
        table.add(Method::DirectDebit, "AM04", reason(ReasonClass::Retry, &[])).unwrap();
        table.add(Method::DirectDebit, "MS03", reason(ReasonClass::Retry, &["DE", "AT"])).unwrap();
        assert_eq!(table.class(Method::DirectDebit, "am04", "FR"), ReasonClass::Retry);
        assert_eq!(table.class(Method::DirectDebit, "MS03", "DE"), ReasonClass::Retry);
        assert_eq!(table.class(Method::DirectDebit, "MS03", "FR"), ReasonClass::Stop);
        assert_eq!(table.class(Method::DirectDebit, "XY99", "DE"), ReasonClass::Stop);
        assert_eq!(table.class(Method::Card, "AM04", ""), ReasonClass::Stop);
        assert!(table.add(Method::DirectDebit, "AM04", reason(ReasonClass::Stop, &[])).is_err());
    }

    #[test]
    fn no_table_lifts_what_a_scheme_forbids() {
        let mut table = ReasonTable::default();
        let lifted = table.add(Method::Card, "41", reason(ReasonClass::Retry, &[]));
        assert!(lifted.unwrap_err().to_string().contains("must be never"));
        assert!(table.add(Method::DirectDebit, "MD07", reason(ReasonClass::Retry, &[])).is_err());
        assert_eq!(table.class(Method::Card, "mac03", ""), ReasonClass::Never);
        assert_eq!(table.class(Method::DirectDebit, "MD07", "DE"), ReasonClass::Deceased);
    }
}
