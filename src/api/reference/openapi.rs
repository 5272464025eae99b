//! The OpenAPI 3.1 document.

use quittance_actors::rules::EventType;
use serde_json::{Map, Value as Json, json};

use super::{Answer, Field, Operation, Part, parts};
use crate::export::event_type_json;

/// Problems that every call with a key may have.
const COMMON: [(u16, &str); 5] = [
    (400, "It cannot be read: a query, an address, or a body that is no JSON"),
    (401, "The API key is missing or not known"),
    (403, "The API key may not do this"),
    (429, "The key makes more calls than its `per_minute`: `Retry-After` says when to come again"),
    (503, "It cannot be taken in now: `Retry-After` says when to come again"),
];

/// Problems of some.
const OTHERS: [(u16, &str); 6] = [
    (404, "It is not known"),
    (409, "It cannot be done as things are"),
    (413, "The body is too large"),
    (415, "The body is of another kind"),
    (
        422,
        "Fields cannot be used, and `errors` names each with a pointer; or the idempotency key was of another body",
    ),
    (500, "It failed on our side"),
];

/// What a problem of a status means.
pub fn problem(status: u16) -> &'static str {
    COMMON.iter().chain(&OTHERS).find(|(known, _)| *known == status).map_or("", |(_, says)| says)
}

/// The document: every operation, every shape, and every event that hooks tell of.
pub fn document() -> Json {
    let parts = parts().as_deref().unwrap_or_default();
    let mut paths: Map<String, Json> = Map::new();
    for part in parts {
        for operation in &part.operations {
            let (method, path) = operation.method_and_path();
            let item = paths.entry(path).or_insert_with(|| json!({}));
            if let Some(item) = item.as_object_mut() {
                item.insert(method.to_lowercase(), of_operation(part, operation));
            }
        }
    }
    let tags: Vec<Json> = parts.iter().map(|part| json!({ "name": part.tag, "description": part.says })).collect();
    let webhooks: Map<String, Json> = EventType::ALL.iter().map(|event| webhook(*event)).collect();
    json!({
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://spec.openapis.org/oas/3.1/dialect/base",
        "info": {
            "title": "Quittance",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Payment requests, reminders, collections and reconciliation",
            "description": "A write that lists the header `Idempotency-Key` needs one: the same key with the same body is done once, and \
                answers the same. Problems are `application/problem+json` (RFC 9457) with a JSON pointer to each wrong field. \
                Lists give pages: `next` is the `after` of the next one.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "security": [{ "key": [] }],
        "paths": paths,
        "webhooks": webhooks,
        "components": {
            "securitySchemes": {
                "key": { "type": "http", "scheme": "bearer", "description": "An API key of the merchant" },
            },
            "schemas": schemas(parts),
            "responses": responses(),
            "parameters": {
                "IdempotencyKey": {
                    "name": "Idempotency-Key", "in": "header", "required": true,
                    "description": "A name of this write, yours and new: whoever repeats it gets the first answer again",
                    "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
                },
            },
        },
    })
}

fn of_operation(part: &Part, operation: &Operation) -> Json {
    let mut parameters: Vec<Json> = operation.path.iter().map(|field| parameter(field, "path")).collect();
    parameters.extend(operation.query.iter().map(|field| parameter(field, "query")));
    if operation.once {
        parameters.push(json!({ "$ref": "#/components/parameters/IdempotencyKey" }));
    }
    let mut responses: Map<String, Json> = Map::new();
    for answer in &operation.answers {
        join(responses.entry(answer.status.to_string()).or_insert_with(|| json!({})), of_answer(answer));
    }
    let common = COMMON.iter().map(|(status, _)| *status).filter(|_| !operation.open);
    for status in common.chain(operation.problems.iter().copied()) {
        let named = format!("#/components/responses/Problem{status}");
        responses.entry(status.to_string()).or_insert_with(|| json!({ "$ref": named }));
    }
    let mut told = json!({
        "operationId": operation.id,
        "tags": [part.tag],
        "summary": operation.says,
        "parameters": parameters,
        "responses": responses,
    });
    let Some(object) = told.as_object_mut() else { return told };
    if operation.open {
        object.insert("security".to_owned(), json!([]));
    }
    if let Some(fields) = &operation.body {
        let required = !operation.body_optional;
        let content = json!({ "application/json": { "schema": of_fields(fields, false) } });
        object.insert("requestBody".to_owned(), json!({ "required": required, "content": content }));
    } else if let Some(takes) = &operation.takes {
        let content = json!({ takes: { "schema": { "type": "string", "format": "binary" } } });
        object.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
    }
    told
}

/// Adds an answer to another one of its status: of another content type beside it, of the same one or the other.
fn join(known: &mut Json, told: Json) {
    let (Some(object), Json::Object(mut told)) = (known.as_object_mut(), told) else { return };
    let content = told.remove("content");
    for (key, value) in told {
        object.entry(key).or_insert(value);
    }
    let Some(Json::Object(content)) = content else { return };
    let known = object.entry("content").or_insert_with(|| json!({}));
    for (kind, value) in content {
        let schema = value.get("schema").cloned();
        match (known.pointer_mut(&format!("/{}/schema", kind.replace('/', "~1"))), schema) {
            (Some(of), Some(schema)) => *of = json!({ "oneOf": [of.take(), schema] }),
            _ => drop(known.as_object_mut().map(|known| known.insert(kind, value))),
        }
    }
}

fn parameter(field: &Field, place: &str) -> Json {
    json!({
        "name": field.name, "in": place, "required": field.required || place == "path",
        "description": field.says, "schema": of_field(field, false),
    })
}

fn of_answer(answer: &Answer) -> Json {
    let content = match answer.gives.as_str() {
        "" => return json!({ "description": answer.says }),
        kind if kind.contains('/') => json!({ kind: { "schema": { "type": "string" } } }),
        shape => {
            let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
            let schema = if let Some(name) = shape.strip_prefix("page of ") {
                let properties = json!({ "data": { "type": "array", "items": reference(name) }, "next": { "type": ["string", "null"] }, "has_more": { "type": "boolean" } });
                json!({ "type": "object", "required": ["data", "next", "has_more"], "properties": properties })
            } else if let Some(name) = shape.strip_prefix("data of ") {
                let properties = json!({ "data": { "type": "array", "items": reference(name) } });
                json!({ "type": "object", "required": ["data"], "properties": properties })
            } else {
                reference(shape)
            };
            json!({ "application/json": { "schema": schema } })
        }
    };
    json!({ "description": answer.says, "content": content })
}

/// The schema of an object. What we take has no other fields; what we give may have more in a later version.
fn of_fields(fields: &[Field], given: bool) -> Json {
    let properties: Map<String, Json> =
        fields.iter().map(|field| (field.name.clone(), of_field(field, given))).collect();
    let required: Vec<&str> = fields.iter().filter(|field| field.required).map(|field| field.name.as_str()).collect();
    let mut schema = json!({ "type": "object", "properties": properties });
    if let Some(object) = schema.as_object_mut() {
        if !required.is_empty() {
            object.insert("required".to_owned(), json!(required));
        }
        if !given {
            object.insert("additionalProperties".to_owned(), json!(false));
        }
    }
    schema
}

fn of_field(field: &Field, given: bool) -> Json {
    let plain = field.kind.schema(|| match field.fields.is_empty() {
        true => json!({ "type": "object" }),
        false => of_fields(&field.fields, given),
    });
    let mut schema = match (field.nullable, plain.get("type").and_then(Json::as_str).map(str::to_owned)) {
        (true, Some(kind)) => {
            let mut schema = plain;
            if let Some(object) = schema.as_object_mut() {
                object.insert("type".to_owned(), json!([kind, "null"]));
                if let Some(words) = object.get_mut("enum").and_then(Json::as_array_mut) {
                    words.push(Json::Null);
                }
            }
            schema
        }
        (true, None) if plain.get("$ref").is_some() => json!({ "anyOf": [plain, { "type": "null" }] }),
        _ => plain,
    };
    if let Some(object) = schema.as_object_mut().filter(|_| !field.says.is_empty()) {
        object.insert("description".to_owned(), json!(field.says));
    }
    schema
}

fn schemas(parts: &[Part]) -> Map<String, Json> {
    let mut known: Map<String, Json> = parts
        .iter()
        .flat_map(|part| &part.schemas)
        .map(|(name, fields)| (name.clone(), of_fields(fields, true)))
        .collect();
    let money = json!({
        "type": "object", "required": ["amount", "currency"],
        "properties": {
            "amount": { "type": "integer", "description": "In minor units: cents of a euro" },
            "currency": { "type": "string", "pattern": "^[A-Z]{3}$" },
        },
    });
    known.insert("Money".to_owned(), money);
    known
}

fn responses() -> Map<String, Json> {
    let content = json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } });
    COMMON
        .iter()
        .chain(&OTHERS)
        .map(|(status, says)| (format!("Problem{status}"), json!({ "description": says, "content": content })))
        .collect()
}

/// What an endpoint is sent of an event.
fn webhook(event: EventType) -> (String, Json) {
    let told = event_type_json(event);
    let mut schema = told.get("schema").cloned().unwrap_or_default();
    if let Some(object) = schema.as_object_mut() {
        object.remove("$schema");
    }
    let content = json!({ "application/json": { "schema": schema, "example": told.get("example") } });
    let post = json!({
        "operationId": format!("hook_{}", event.name().replace('.', "_")),
        "tags": ["Hooks"],
        "summary": told.get("description"),
        "security": [],
        "requestBody": { "required": true, "content": content },
        "responses": { "200": { "description": "Any status of 200 to 299: it has arrived" } },
    });
    (event.name().to_owned(), json!({ "post": post }))
}
