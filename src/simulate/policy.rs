//! What a retry policy would do about a collection that keeps failing.

use quittance_actors::collection::{Failing, Foresight, Instrument, Method, RetryPolicy, Roll, Usage};
use quittance_actors::policies::Policies;
use quittance_actors::values::{Date, Language};

use crate::render::date_in_words;

/// Days ahead at which a direct debit is announced, when nothing else is said: as agreed with most payers.
const NOTICE_DAYS: u16 = 2;

/// What is failing.
#[derive(Debug, Clone)]
pub struct Asked {
    /// How it is collected.
    pub method: Method,
    /// The code of each failure.
    pub code: String,
    /// The scheme's advice beside it.
    pub advice: Option<String>,
    /// The deadline.
    pub due_on: Date,
}

impl Asked {
    /// What is asked for; a lack of money by a method that the policy knows, where it is not said.
    pub fn new(
        policy: &RetryPolicy, policies: &Policies, method: Option<Method>,
        (code, advice): (Option<&str>, Option<&str>), due_on: Date,
    ) -> Self {
        let collects_debits = policy.connector(Method::DirectDebit).is_some();
        let method = method.unwrap_or(if collects_debits { Method::DirectDebit } else { Method::Card });
        let usual = if method == Method::Card { "51" } else { "AM04" };
        let mut codes =
            policies.collections.reasons.codes().filter(|(of, ..)| *of == method).map(|(_, code, _)| code);
        let first = codes.next().unwrap_or(usual);
        let known = first == usual || codes.any(|code| code == usual);
        let code = code.unwrap_or(if known { usual } else { first });
        Self { method, code: code.to_owned(), advice: advice.map(str::to_owned), due_on }
    }

    /// What the policy would do, of a payer of whom nothing is known.
    pub fn foresee(&self, policy: &RetryPolicy, policies: &Policies) -> Foresight {
        let (instrument, notice_days) = match self.method {
            Method::Card => (Instrument::Card("any".into()), 0),
            Method::DirectDebit => (Instrument::Mandate("any".into()), NOTICE_DAYS),
        };
        // Of a code that counts in some countries only: what banks of these get.
        let code =
            policies.collections.reasons.codes().find(|(of, code, _)| *of == self.method && *code == self.code);
        let bank_country = code.and_then(|(.., reason)| reason.countries.first().cloned()).unwrap_or_default();
        let usage = Usage { instrument, notice_days, bank_country };
        let Self { code, due_on, .. } = self;
        let failing = Failing { usage: &usage, due_on: *due_on, code, advice: self.advice.as_deref() };
        policy.foresee(&failing, &policies.collections.reasons, &policies.calendar, &policies.zone)
    }
}

/// A method in words.
pub fn method_in_words(method: Method) -> &'static str {
    match method {
        Method::Card => "card",
        Method::DirectDebit => "direct debit",
    }
}

/// What becomes of a closed day, in words.
pub fn roll(roll: Roll) -> &'static str {
    match roll {
        Roll::Following => "the next business day",
        Roll::ModifiedFollowing => "the next business day of the month, else the last one",
        Roll::Preceding => "the business day before",
    }
}

/// What follows the reason, in words.
pub fn outcome(found: &Foresight, policy: &RetryPolicy) -> String {
    if let Some(until) = found.waits_until {
        return format!(
            "{}: waits until {} at most, then as after the last attempt",
            found.class.text(),
            date_in_words(until, Language::En)
        );
    }
    if !found.exhausted {
        return format!("{}: nothing is tried again by itself", found.class.text());
    }
    format!("after {} new attempts {}", found.retries, end(policy))
}

/// What happens when every attempt has failed, in words.
pub fn end(policy: &RetryPolicy) -> String {
    let ends = &policy.on_exhausted;
    let mut said = vec!["teams hear of it by their rules".to_owned()];
    if ends.suspends {
        said.push("recurring payments are suspended".to_owned());
    }
    if ends.asks {
        said.push("a person is asked whether recurring payments are suspended".to_owned());
    }
    match (ends.gives_up_minor_max, &ends.scenario) {
        (Some(most), Some(scenario)) => {
            said.push(format!("up to {most} cents are given up, and for more reminders of {scenario} follow"));
        }
        (Some(most), None) => said.push(format!("up to {most} cents are given up")),
        (None, Some(scenario)) => said.push(format!("reminders of the scenario {scenario} follow")),
        (None, None) => {}
    }
    said.join(", ")
}
