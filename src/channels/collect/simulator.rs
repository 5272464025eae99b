//! Answers that follow from the name of the card or mandate, the same each time: for sandboxes, the
//! demo and tests.
//!
//! | The name contains | Answer |
//! |---|---|
//! | `fail-CODE` | fails with the code |
//! | `fail-CODE-N` | fails with the code at the first N attempts |
//! | `fail-CODE+ADVICE` | fails with the code, and the scheme's advice beside it |
//! | `pending` | takes the order and says nothing more |
//! | `silent` | does not answer |
//! | anything else | a card succeeds; a direct debit is taken, and counts as paid when it does not come back |

use quittance_actors::collection::InstrumentDetails;
use quittance_actors::payment_request::AttemptResult;
use quittance_actors::ports::{CollectionAnswer, CollectionOrder};

use quittance_actors::delivery::Fault;

use super::super::{accepted, later, never};
use super::{Said, only};

pub(super) fn answer(order: &CollectionOrder) -> CollectionAnswer {
    let Some(said) = Said::of(order) else {
        return only(never(Fault::Content, "the order does not say what to collect"));
    };
    let (name, is_card) = match &order.instrument {
        InstrumentDetails::Card(token) => (token, true),
        InstrumentDetails::Mandate(reference, ..) => (reference, false),
    };
    let result = match scripted(name, said.number) {
        Script::Silent => return only(later(Fault::Timeout, "no answer in time")),
        Script::Pending => None,
        Script::Fails(code) => Some(match code.split_once('+') {
            Some((code, advice)) => AttemptResult::Failed { reason_code: code.into(), advice: Some(advice.into()) },
            None => AttemptResult::Failed { reason_code: code.into(), advice: None },
        }),
        Script::Goes => is_card.then_some(AttemptResult::Succeeded),
    };
    CollectionAnswer { verdict: accepted("simulated"), result }
}

#[derive(Debug, PartialEq, Eq)]
enum Script<'a> {
    Silent,
    Pending,
    Fails(&'a str),
    Goes,
}

fn scripted(name: &str, number: u16) -> Script<'_> {
    if name.contains("silent") {
        return Script::Silent;
    }
    if name.contains("pending") {
        return Script::Pending;
    }
    let Some((_, script)) = name.split_once("fail-") else { return Script::Goes };
    let (code, times) = match script.split_once('-') {
        Some((code, times)) => (code, times.parse().unwrap_or(u16::MAX)),
        None => (script, u16::MAX),
    };
    if number <= times { Script::Fails(code) } else { Script::Goes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_how_each_attempt_ends() {
        assert_eq!(scripted("tok_1", 1), Script::Goes);
        assert_eq!(scripted("tok_fail-51-2", 2), Script::Fails("51"));
        assert_eq!(scripted("tok_fail-51-2", 3), Script::Goes);
        assert_eq!(scripted("tok_fail-51+24-1", 1), Script::Fails("51+24"));
        assert_eq!(scripted("M-fail-AC04", 9), Script::Fails("AC04"));
        assert_eq!(scripted("silent-1", 1), Script::Silent);
        assert_eq!(scripted("pending-1", 1), Script::Pending);
    }
}
