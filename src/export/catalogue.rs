//! The catalogue of public events as machines read it: the schema of each and an example, from the types.

use quittance_actors::rules::{EventType, Field, Kind};
use serde_json::{Map, Value as Json, json};

use super::published::API_VERSION;
use crate::examples;

/// An event type: what happened, the fields it may have, the JSON Schema of its hook, an example.
pub fn event_type_json(event: EventType) -> Json {
    let fields: Vec<Json> = event
        .fields()
        .into_iter()
        .map(|field| json!({ "path": field.path(), "type": field.kind().name(), "description": field.describes() }))
        .collect();
    json!({
        "type": event.name(),
        "description": event.describes(),
        "fields": fields,
        "schema": schema(event),
        "example": example(event),
    })
}

/// The JSON Schema of what a hook or a file says of such an event.
fn schema(event: EventType) -> Json {
    let mut groups: Map<String, Json> = Map::new();
    for field in event.fields() {
        let (group, rest) = field.path().split_once('.').unwrap_or(("", field.path()));
        let mut of_field = schema_of(field.kind());
        if let Some(known) = of_field.as_object_mut() {
            known.insert("description".to_owned(), json!(field.describes()));
        }
        if group.is_empty() {
            groups.insert(rest.to_owned(), of_field);
            continue;
        }
        let object = groups.entry(group).or_insert_with(|| json!({ "type": "object", "properties": {} }));
        if let Some(properties) = object.get_mut("properties").and_then(Json::as_object_mut) {
            properties.insert(rest.to_owned(), of_field);
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": event.name(),
        "description": event.describes(),
        "type": "object",
        "required": ["type", "timestamp", "data", "id", "tenant", "ordering_key", "key_seq", "subject", "api_version"],
        "properties": {
            "type": { "const": event.name() },
            "timestamp": { "type": "string", "format": "date-time" },
            "id": { "type": "string", "pattern": "^evt_[0-9a-f]{18}$" },
            "tenant": { "type": "string" },
            "ordering_key": {
                "type": "string",
                "description": "The customer, or what it happened to when that lives elsewhere.",
            },
            "key_seq": {
                "type": ["integer", "null"],
                "minimum": 1,
                "description": "Which event of its ordering key it is, from 1 and without a gap; null before they were counted.",
            },
            "subject": { "type": "string", "description": "What it happened to." },
            "api_version": { "const": API_VERSION },
            "data": { "type": "object", "properties": groups },
        },
    })
}

fn schema_of(kind: Kind) -> Json {
    match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Number => json!({ "type": "integer" }),
        Kind::Truth => json!({ "type": "boolean" }),
        Kind::Money => json!({
            "type": "object",
            "required": ["amount", "currency"],
            "properties": {
                "amount": { "type": "integer", "description": "In minor units." },
                "currency": { "type": "string", "pattern": "^[A-Z]{3}$" },
            },
        }),
        Kind::Date => json!({ "type": "string", "format": "date" }),
        Kind::Instant => json!({ "type": "string", "format": "date-time" }),
        Kind::Words => json!({ "type": "array", "items": { "type": "string" } }),
    }
}

/// An example with every field.
fn example(event: EventType) -> Json {
    let mut data = Map::new();
    for field in event.fields() {
        crate::render::insert(&mut data, field.path(), example_of(field));
    }
    json!({
        "type": event.name(),
        "timestamp": "2026-03-14T09:00:00Z",
        "id": "evt_2a0000000000070000",
        "tenant": "maison-dupre",
        "ordering_key": match event.fields().contains(&Field::CustomerId) {
            true => "cus_01KJPRZB00FX98K3AKA8MP2043",
            false => subject(event),
        },
        "key_seq": 7,
        "subject": subject(event),
        "api_version": API_VERSION,
        "data": data,
    })
}

/// What such an event happens to.
fn subject(event: EventType) -> &'static str {
    let fields = event.fields();
    let tells = |field| fields.contains(&field);
    if tells(Field::TransferId) {
        "trf_01KJPRZB00FX98K3AKA8MP2043"
    } else if tells(Field::PayoutId) {
        "out_01KJPRZB00FX98K3AKA8MP2043"
    } else if tells(Field::FeedName) {
        "fed_0000000000F7VRGK4PYNDSM03W"
    } else if tells(Field::RequestId) && !is_of_customer(event) {
        "prq_01KJPRZB00FX98K3AKA8MP2043"
    } else {
        "cus_01KJPRZB00FX98K3AKA8MP2043"
    }
}

/// Whether it happens to a customer, though it may name a request.
fn is_of_customer(event: EventType) -> bool {
    matches!(
        event,
        EventType::CustomerCreditChanged
            | EventType::CustomerTaskOpened
            | EventType::CustomerTaskOverdue
            | EventType::CustomerTaskClosed
            | EventType::Custom
            | EventType::CustomerContacted
    )
}

fn example_of(field: Field) -> Json {
    match field.kind() {
        Kind::Text => json!(examples::text(field)),
        Kind::Number => json!(3),
        Kind::Truth => json!(true),
        Kind::Money => json!({ "amount": 12_000, "currency": "EUR" }),
        Kind::Date => json!("2026-03-31"),
        Kind::Instant => json!("2026-03-14T09:00:00Z"),
        Kind::Words => json!(["key-account"]),
    }
}
