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

use futures_util::{StreamExt as _, stream};
use quittance_actors::collection::InstrumentDetails;
use quittance_actors::delivery::{Fault, Verdict};
use quittance_actors::payment_request::{AttemptResult, end_to_end_id};
use quittance_actors::ports::{CollectionAnswer, CollectionOrder};
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
    /// The key that signs.
    pub key: SigningKey,
    /// How calls are made.
    pub hooks: std::sync::Arc<Hooks>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Told {
    Succeeded,
    Failed,
    Pending,
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

/// How an attempt ended, if the answer tells.
fn result(answer: &[u8]) -> Result<Option<AttemptResult>, String> {
    if answer.trim_ascii().is_empty() {
        return Ok(None);
    }
    let answer: Answer = serde_json::from_slice(answer).map_err(|_| {
        "the answer is not { \"result\": \"succeeded\" | \"failed\" | \"pending\", \"reason_code\", \"advice_code\" } with texts".to_owned()
    })?;
    let fits = |code: &SmolStr| {
        (1..=REASON_CODE_CHARACTERS_MAX).contains(&code.len()) && !code.chars().any(char::is_control)
    };
    let advice = answer.advice_code.filter(fits);
    match (answer.result, answer.reason_code.filter(fits)) {
        (Told::Pending, _) => Ok(None),
        (Told::Succeeded, _) => Ok(Some(AttemptResult::Succeeded)),
        (Told::Failed, Some(reason_code)) => Ok(Some(AttemptResult::Failed { reason_code, advice })),
        (Told::Failed, None) => Err("a failure has a reason_code of 1 to 35 characters".to_owned()),
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
        for wrong in [&br#"{"result":"failed"}"#[..], b"ok", br#"{"result":"maybe"}"#] {
            assert!(result(wrong).is_err());
        }
    }
}
