//! A signed call that asks a payment provider, or a service in front of one, to collect.
//!
//! ```text
//! POST URL     Idempotency-Key: att_…    webhook-id, webhook-timestamp, webhook-signature
//! { "attempt", "number", "end_to_end_id", "payment_request", "external_ref", "amount", "collects_on",
//!   "card": { "token" } │ "mandate": { "reference", "iban", "signed_on", "kind", "amended" } }
//! 2xx  { "result": "succeeded" │ "failed" │ "pending", "reason_code", "advice_code"? }   an empty body means pending
//! ```
//!
//! The same attempt comes again with the same key until it is answered: it must be collected once.
//!
//! ```text
//! POST inquire_url   { "attempt", "end_to_end_id", "payment_request" }
//! 2xx  { "result": "succeeded" │ "failed" │ "pending" │ "not_found", "reason_code", "advice_code"? }
//! POST cancel_url    { "attempt", "end_to_end_id", "payment_request" }
//! 2xx  { "result": "cancelled" │ "too_late" │ "succeeded" │ "failed" … }
//! POST refund_url    Idempotency-Key: pyt_…
//! { "payout", "end_to_end_id", "amount", "execution_date", "reason",
//!   "creditor": { "name", "iban" } │ "refund_of": { "attempt", "number", "end_to_end_id", "payment_request" } }
//! 2xx  an empty body, "succeeded" or "pending": taken; { "result": "failed", "reason_code" } refuses it for good, and nothing else does
//! ```
//!
//! Only the word `not_found` says that an attempt never arrived, after which another one is made: a status such as 404 may be
//! of a wrong address, and is asked about again.

use futures_util::{StreamExt as _, stream};
use quittance_actors::collection::InstrumentDetails;
use quittance_actors::delivery::{Channel, Fault, Verdict};
use quittance_actors::payment_request::{AttemptNews, AttemptResult, attempt_of, end_to_end_id};
use quittance_actors::payout::{self, Destination};
use quittance_actors::ports::{
    AttemptQuestion, AttemptTold, CollectionAnswer, CollectionOrder, PayoutAnswer, PayoutOrder,
};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use smol_str::SmolStr;

use super::super::hook::{Hooks, SigningKey};
use super::super::{later, never};
use super::{Said, only};
use crate::clock;

/// Calls of one connector at once.
const AT_ONCE: usize = 16;
/// Characters of a reason code.
const REASON_CODE_CHARACTERS_MAX: usize = 35;

/// One provider.
pub struct HttpConnector {
    /// Its address.
    pub url: String,
    /// Where it says what became of an attempt.
    pub inquire_url: Option<String>,
    /// Where it leaves an attempt.
    pub cancel_url: Option<String>,
    /// Where it pays back.
    pub refund_url: Option<String>,
    /// How long after an attempt has left it is first asked about, in milliseconds.
    pub first_inquiry_ms: i64,
    /// The key that signs.
    pub key: SigningKey,
    /// How calls are made.
    pub hooks: std::sync::Arc<Hooks>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Told {
    Succeeded,
    Failed,
    Pending,
    NotFound,
    Cancelled,
    TooLate,
}

#[derive(Deserialize)]
struct Answer {
    result: Told,
    reason_code: Option<SmolStr>,
    advice_code: Option<SmolStr>,
}

impl HttpConnector {
    pub(super) async fn collect(&self, orders: Vec<CollectionOrder>) -> Vec<CollectionAnswer> {
        stream::iter(orders).map(|order| self.ask(order)).buffered(AT_ONCE).collect().await
    }

    async fn ask(&self, order: CollectionOrder) -> CollectionAnswer {
        let Some(body) = body(&order) else {
            return only(never(Fault::Content, "the order does not say what to collect"));
        };
        let id = order.attempt.to_string();
        let (verdict, answer) = self.hooks.ask(&self.url, &self.key, &id, body, clock::system_now()).await;
        match verdict {
            Verdict::Accepted { detail } => match result(&answer) {
                Ok(result) => CollectionAnswer { verdict: Verdict::Accepted { detail }, result },
                Err(why) => only(later(Fault::Broken, why)),
            },
            Verdict::Declined { error } => only(never(Fault::Declined, error)),
            other => only(other),
        }
    }

    /// Asks what became of an attempt, or to leave it.
    pub(super) async fn ask_of_attempt(&self, question: &AttemptQuestion) -> Result<AttemptTold, Verdict> {
        let inquires = question.delivery.channel == Channel::Inquiry;
        let url = if inquires { &self.inquire_url } else { &self.cancel_url };
        let url = url.as_ref().ok_or_else(|| never(Fault::Settings, "the connector has no address for it"))?;
        let body = json!({
            "attempt": question.attempt,
            "end_to_end_id": end_to_end_id(question.request, question.number),
            "payment_request": question.request,
        });
        let body = body.to_string().into_bytes();
        let now = clock::system_now();
        // Asked again is another question: who keeps answers by their key must not give the old one.
        let id = match inquires {
            true => format!("{}-{}", question.delivery.id, now.unix_millis()),
            false => question.delivery.id.to_string(),
        };
        let (verdict, answer) = self.hooks.ask(url, &self.key, &id, body, now).await;
        match verdict {
            Verdict::Accepted { .. } => told(&answer, inquires).map_err(|why| later(Fault::Broken, why)),
            // Whoever does not want to be asked today may know more tomorrow.
            Verdict::Declined { error } => Err(later(Fault::Declined, error)),
            other => Err(other),
        }
    }

    /// Has payouts made; gives an answer to each, in order.
    pub(super) async fn pay_out(&self, orders: Vec<PayoutOrder>) -> Vec<PayoutAnswer> {
        stream::iter(orders).map(|order| self.pay_back(order)).buffered(AT_ONCE).collect().await
    }

    async fn pay_back(&self, order: PayoutOrder) -> PayoutAnswer {
        // It may have been paid by a try of which nobody heard: only a plain answer says that it is not.
        let Some(url) = &self.refund_url else {
            return later(Fault::Settings, "the connector has no refund_url any more").into();
        };
        let details = &order.details;
        let mut body = json!({
            "payout": details.id,
            "end_to_end_id": payout::end_to_end_id(details.id),
            "amount": details.amount,
            "execution_date": order.on,
            "reason": details.reason,
        });
        let (key, to) = match &details.to {
            Destination::Account(iban) => {
                ("creditor", json!({ "name": details.creditor, "iban": iban.electronic() }))
            }
            Destination::Collected { request, number, .. } => (
                "refund_of",
                json!({
                    "attempt": attempt_of(*request, *number),
                    "number": number,
                    "end_to_end_id": end_to_end_id(*request, *number),
                    "payment_request": request,
                }),
            ),
        };
        // What goes to an account is there when the bank says so; of a card nobody else says it.
        let says_paid = matches!(details.to, Destination::Collected { .. });
        if let Some(fields) = body.as_object_mut() {
            fields.insert(key.to_owned(), to);
        }
        let body = body.to_string().into_bytes();
        let (verdict, answer) =
            self.hooks.ask(url, &self.key, &details.id.to_string(), body, clock::system_now()).await;
        let verdict = match verdict {
            Verdict::Accepted { detail } => match paid_back(&answer) {
                Ok(PaidBack::Taken) => Verdict::Accepted { detail },
                Ok(PaidBack::Paid) => {
                    return PayoutAnswer { verdict: Verdict::Accepted { detail }, paid: says_paid };
                }
                Ok(PaidBack::Refused(reason)) => never(Fault::Refused, reason),
                Err(why) => later(Fault::Broken, why),
            },
            Verdict::Declined { error } => later(Fault::Declined, error),
            Verdict::Never { fault, error } => later(fault, error),
            other => other,
        };
        verdict.into()
    }
}

fn body(order: &CollectionOrder) -> Option<Vec<u8>> {
    let said = Said::of(order)?;
    let mut body = json!({
        "attempt": order.attempt,
        "number": said.number,
        "end_to_end_id": end_to_end_id(order.request, said.number),
        "payment_request": order.request,
        "external_ref": said.external_ref,
        "amount": said.amount,
        "collects_on": said.collects_on,
    });
    let (key, instrument): (&str, Json) = match &order.instrument {
        InstrumentDetails::Card(token) => ("card", json!({ "token": token })),
        InstrumentDetails::Mandate(reference, mandate, amended) => (
            "mandate",
            json!({
                "reference": reference,
                "iban": mandate.iban.electronic(),
                "signed_on": mandate.signed_on,
                "kind": mandate.kind,
                "amended": amended,
            }),
        ),
    };
    body.as_object_mut()?.insert(key.to_owned(), instrument);
    serde_json::to_vec(&body).ok()
}

/// What an answer says of a payout.
#[derive(Debug, PartialEq, Eq)]
enum PaidBack {
    Taken,
    Paid,
    Refused(String),
}

/// What becomes of a payout; anything but an empty body says so.
fn paid_back(answer: &[u8]) -> Result<PaidBack, String> {
    if answer.trim_ascii().is_empty() {
        return Ok(PaidBack::Taken);
    }
    let expected =
        "the answer is not empty, nor { \"result\": \"succeeded\" | \"pending\" } or \"failed\" with its reason_code";
    let said: Answer = serde_json::from_slice(answer).map_err(|_| expected.to_owned())?;
    match said.news()? {
        AttemptTold::News(AttemptNews::Ended(AttemptResult::Failed { reason_code, .. })) => {
            Ok(PaidBack::Refused(reason_code.into()))
        }
        AttemptTold::News(AttemptNews::Ended(AttemptResult::Succeeded)) => Ok(PaidBack::Paid),
        AttemptTold::UnderWay => Ok(PaidBack::Taken),
        AttemptTold::News(_) => Err(expected.to_owned()),
    }
}

/// How an attempt ended, if the answer tells.
fn result(answer: &[u8]) -> Result<Option<AttemptResult>, String> {
    if answer.trim_ascii().is_empty() {
        return Ok(None);
    }
    let said: Answer = serde_json::from_slice(answer).map_err(|_| {
        "the answer is not { \"result\": \"succeeded\" | \"failed\" | \"pending\", \"reason_code\", \"advice_code\" } with texts".to_owned()
    })?;
    let says = said.result;
    match said.news()? {
        AttemptTold::UnderWay if says == Told::Pending => Ok(None),
        AttemptTold::News(AttemptNews::Ended(result)) => Ok(Some(result)),
        AttemptTold::UnderWay | AttemptTold::News(_) => {
            Err("an order is answered by succeeded, failed or pending".to_owned())
        }
    }
}

/// What an answer to a question says.
fn told(answer: &[u8], inquires: bool) -> Result<AttemptTold, String> {
    let expected = match inquires {
        true => "the answer is not { \"result\": \"succeeded\" | \"failed\" | \"pending\" | \"not_found\", … }",
        false => "the answer is not { \"result\": \"cancelled\" | \"too_late\" | \"succeeded\" | \"failed\", … }",
    };
    let said: Answer = serde_json::from_slice(answer).map_err(|_| expected.to_owned())?;
    match said.result {
        // That it is not there now says nothing of an order that is on its way.
        Told::NotFound if !inquires => Err(expected.to_owned()),
        _ => said.news(),
    }
}

impl Answer {
    fn news(self) -> Result<AttemptTold, String> {
        let fits = |code: &SmolStr| {
            (1..=REASON_CODE_CHARACTERS_MAX).contains(&code.len()) && !code.chars().any(char::is_control)
        };
        let advice = self.advice_code.filter(fits);
        let news = match (self.result, self.reason_code.filter(fits)) {
            (Told::Pending | Told::TooLate, _) => return Ok(AttemptTold::UnderWay),
            (Told::NotFound, _) => AttemptNews::Missing,
            (Told::Cancelled, _) => AttemptNews::Cancelled,
            (Told::Succeeded, _) => AttemptNews::Ended(AttemptResult::Succeeded),
            (Told::Failed, Some(reason_code)) => AttemptNews::Ended(AttemptResult::Failed { reason_code, advice }),
            (Told::Failed, None) => return Err("a failure has a reason_code of 1 to 35 characters".to_owned()),
        };
        Ok(AttemptTold::News(news))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_the_result_or_nothing() {
        assert_eq!(result(b""), Ok(None));
        assert_eq!(result(br#"{"result":"pending"}"#), Ok(None));
        assert_eq!(result(br#"{"result":"succeeded","id":"x"}"#), Ok(Some(AttemptResult::Succeeded)));
        let failed = |advice: Option<&str>| {
            let advice = advice.map(SmolStr::from);
            Ok(Some(AttemptResult::Failed { reason_code: "51".into(), advice }))
        };
        assert_eq!(result(br#"{"result":"failed","reason_code":"51"}"#), failed(None));
        assert_eq!(result(br#"{"result":"failed","reason_code":"51","advice_code":"24"}"#), failed(Some("24")));
        for wrong in [
            &br#"{"result":"failed"}"#[..],
            b"ok",
            br#"{"result":"maybe"}"#,
            br#"{"result":"not_found"}"#,
            br#"{"result":"too_late"}"#,
        ] {
            assert!(result(wrong).is_err());
        }
    }

    #[test]
    fn an_answer_to_a_payout_tells_whether_the_money_is_there() {
        assert_eq!(paid_back(b" "), Ok(PaidBack::Taken));
        assert_eq!(paid_back(br#"{"result":"pending"}"#), Ok(PaidBack::Taken));
        assert_eq!(paid_back(br#"{"result":"succeeded"}"#), Ok(PaidBack::Paid));
        assert_eq!(paid_back(br#"{"result":"failed","reason_code":"14"}"#), Ok(PaidBack::Refused("14".to_owned())));
        for wrong in [&b"ok"[..], br#"{"result":"failed"}"#, br#"{"result":"cancelled"}"#] {
            assert!(paid_back(wrong).is_err());
        }
    }

    #[test]
    fn only_a_plain_word_says_that_an_attempt_never_arrived() {
        let missing = br#"{"result":"not_found"}"#;
        assert_eq!(told(missing, true), Ok(AttemptTold::News(AttemptNews::Missing)));
        assert!(told(missing, false).is_err(), "nobody was asked whether it is there");
        assert_eq!(told(br#"{"result":"cancelled"}"#, false), Ok(AttemptTold::News(AttemptNews::Cancelled)));
        for under_way in [&br#"{"result":"pending"}"#[..], br#"{"result":"too_late"}"#] {
            assert_eq!(told(under_way, true), Ok(AttemptTold::UnderWay));
        }
        for wrong in [&b""[..], b"null", br#"{"error":"not_found"}"#, br#"{"result":"failed"}"#] {
            assert!(told(wrong, true).is_err());
        }
    }
}
