//! A public event as JSON: the body of a hook, of a file, and of the API.

use quittance_actors::rules::{Field, Published, Value};
use serde_json::{Map, Value as Json, json};

/// The version of the published schemas.
pub const API_VERSION: &str = "2026-11-01";

/// The event as JSON: `type`, `timestamp`, `data` as Standard Webhooks asks, and our own keys.
///
/// Money is `{"amount": minor units, "currency": code}`, dates are `YYYY-MM-DD`. `ordering_key`
/// names the customer, or what happened to when that is elsewhere: events of one key happened in the order of
/// `key_seq`, which counts all of them from 1 without a gap.
pub fn event_json(event: &Published) -> Json {
    written(event, Tells::Everything)
}

/// What is told of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tells {
    /// Every fact.
    Everything,
    /// The ids of what it concerns: who hears it asks for the rest.
    Ids,
}

/// The facts of an event, as its `data` has them.
pub(super) fn facts(event: &Published, tells: Tells) -> Map<String, Json> {
    let told = |field: Field| tells == Tells::Everything || field.path().ends_with(".id");
    let mut data = Map::new();
    for (field, value) in event.facts.iter().filter(|(field, _)| told(*field)) {
        crate::render::insert(&mut data, field.path(), fact(value));
    }
    data
}

/// As [`event_json`], with what is told of the facts.
pub(super) fn written(event: &Published, tells: Tells) -> Json {
    json!({
        "type": event.event.name(),
        "timestamp": event.at,
        "data": facts(event, tells),
        "id": event.id.to_string(),
        "tenant": event.tenant.as_str(),
        "ordering_key": event.key.to_string(),
        "key_seq": event.key_seq,
        "subject": event.entity.to_string(),
        "api_version": API_VERSION,
    })
}

/// Every fact of an event, at its path.
pub(crate) fn facts_of(event: &Published) -> Map<String, Json> {
    facts(event, Tells::Everything)
}

/// A fact on the wire.
pub(crate) fn fact(value: &Value) -> Json {
    match value {
        Value::Text(text) => json!(text),
        Value::Number(number) => json!(number),
        Value::Truth(truth) => json!(truth),
        Value::Money(money) => json!(money),
        Value::Date(date) => json!(date),
        Value::Instant(at) => json!(at),
        Value::Words(words) => json!(words),
    }
}
