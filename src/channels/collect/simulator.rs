//! Answers that follow from the name of the card or mandate, the same each time: for sandboxes, the
//! demo and tests.
//!
//! | The name contains | Answer |
//! |---|---|
//! | `fail-CODE` | fails with the code |
//! | `fail-CODE-N` | fails with the code at the first N attempts |
//! | `fail-CODE+ADVICE` | fails with the code, and the scheme's advice beside it |
//! | `pending` | takes the order and says nothing more; asked to leave it, it does |
//! | `pending-paid`, `pending-fail-CODE` | the same, until it is asked: it has collected, or failed with the code |
//! | `silent` | does not answer; asked, it never had the order |
//! | `silent-paid` | does not answer, and has collected: asked, it says so |
//! | anything else | a card succeeds; a direct debit is taken, and counts as paid when it does not come back |
//!
//! A refund to a card is made at once, unless its reason contains `fail-CODE`: then it fails; or `pending`: then nothing
//! more is said of it. What goes to an account is there when a bank says so.

use quittance_actors::collection::{Instrument, InstrumentDetails};
use quittance_actors::delivery::{Channel, Fault};
use quittance_actors::payment_request::{AttemptNews, AttemptResult};
use quittance_actors::payout::Destination;
use quittance_actors::ports::{
    AttemptQuestion, AttemptTold, CollectionAnswer, CollectionOrder, PayoutAnswer, PayoutOrder,
};

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
        Script::Fails(code) => Some(failed(code)),
        Script::Goes => is_card.then_some(AttemptResult::Succeeded),
    };
    CollectionAnswer { verdict: accepted("simulated"), result }
}

/// What is said to an order to pay back.
pub(super) fn paid_back(order: &PayoutOrder) -> PayoutAnswer {
    let details = &order.details;
    let to_card = matches!(details.to, Destination::Collected { .. });
    match scripted(&details.reason, 1) {
        Script::Fails(code) if to_card => never(Fault::Refused, code).into(),
        script => PayoutAnswer { verdict: accepted("simulated"), paid: to_card && script == Script::Goes },
    }
}

fn failed(code: &str) -> AttemptResult {
    match code.split_once('+') {
        Some((code, advice)) => AttemptResult::Failed { reason_code: code.into(), advice: Some(advice.into()) },
        None => AttemptResult::Failed { reason_code: code.into(), advice: None },
    }
}

/// What is said of an attempt to who asks.
pub(super) fn told(question: &AttemptQuestion) -> AttemptTold {
    let (Instrument::Card(name) | Instrument::Mandate(name)) = &question.instrument;
    let news = match (end_of(name, question.number), question.delivery.channel) {
        (End::UnderWay, Channel::Cancellation) => AttemptNews::Cancelled,
        (End::UnderWay, _) => return AttemptTold::UnderWay,
        (End::NeverThere, Channel::Cancellation) => AttemptNews::Cancelled,
        (End::NeverThere, _) => AttemptNews::Missing,
        (End::Paid, _) => AttemptNews::Ended(AttemptResult::Succeeded),
        (End::Fails(code), _) => AttemptNews::Ended(failed(code)),
    };
    AttemptTold::News(news)
}

/// How an attempt has ended that was not told of at once.
#[derive(Debug, PartialEq, Eq)]
enum End<'a> {
    UnderWay,
    NeverThere,
    Paid,
    Fails(&'a str),
}

fn end_of(name: &str, number: u16) -> End<'_> {
    if name.contains("-paid") {
        return End::Paid;
    }
    match scripted(name, number) {
        Script::Silent => End::NeverThere,
        Script::Pending => match failing(name, number) {
            Some(code) => End::Fails(code),
            None => End::UnderWay,
        },
        Script::Fails(code) => End::Fails(code),
        Script::Goes => End::Paid,
    }
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
    failing(name, number).map_or(Script::Goes, Script::Fails)
}

/// The code with which an attempt of this number fails, if it does.
fn failing(name: &str, number: u16) -> Option<&str> {
    let (_, script) = name.split_once("fail-")?;
    let (code, times) = match script.split_once('-') {
        Some((code, times)) => (code, times.parse().unwrap_or(u16::MAX)),
        None => (script, u16::MAX),
    };
    (number <= times).then_some(code)
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

    #[test]
    fn who_asks_hears_how_it_ended() {
        assert_eq!(end_of("tok_pending", 1), End::UnderWay);
        assert_eq!(end_of("tok_pending-paid", 1), End::Paid);
        assert_eq!(end_of("tok_pending-fail-51-1", 1), End::Fails("51"));
        assert_eq!(end_of("tok_pending-fail-51-1", 2), End::UnderWay);
        assert_eq!(end_of("tok_silent", 1), End::NeverThere);
        assert_eq!(end_of("tok_silent-paid", 1), End::Paid);
        assert_eq!(end_of("tok_1", 1), End::Paid);
    }
}
