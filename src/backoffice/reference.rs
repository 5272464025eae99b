//! `/docs/api`: what the API takes and gives, for people. Nothing of it is anybody's: it needs no session.

use actix_web::HttpResponse;
use quittance_actors::rules::EventType;
use serde_json::{Value as Json, json};

use super::SharedPages;
use crate::api::Problem;
use crate::api::reference::{Field, Operation, parts, problem};

pub(super) async fn page(pages: SharedPages) -> Result<HttpResponse, Problem> {
    let parts = parts().as_deref().map_err(|error| Problem::internal(error.clone()))?;
    let parts: Vec<Json> = parts
        .iter()
        .map(|part| {
            let shapes: Vec<Json> = part
                .schemas
                .iter()
                .map(|(name, fields)| json!({ "name": name, "id": anchor(name), "fields": lines(fields, "") }))
                .collect();
            json!({
                "tag": part.tag, "id": anchor(&part.tag), "says": part.says,
                "operations": part.operations.iter().map(shown).collect::<Vec<Json>>(), "shapes": shapes,
            })
        })
        .collect();
    let events: Vec<Json> =
        EventType::ALL.iter().map(|event| json!({ "name": event.name(), "says": event.describes() })).collect();
    let data = json!({ "parts": parts, "events": events, "version": env!("CARGO_PKG_VERSION") });
    let html = pages.render("reference", &data)?;
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(html))
}

fn anchor(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}

fn shown(operation: &Operation) -> Json {
    let (method, path) = operation.method_and_path();
    let answers: Vec<Json> = operation
        .answers
        .iter()
        .map(|answer| {
            let shape = answer.gives.rsplit(' ').next().unwrap_or_default();
            let link = shape.starts_with(char::is_uppercase).then(|| format!("#{}", anchor(shape)));
            json!({ "status": answer.status, "says": answer.says, "gives": answer.gives, "link": link })
        })
        .collect();
    let problems = operation.problems.iter().map(|status| json!({ "status": status, "says": problem(*status) }));
    let problems: Vec<Json> = problems.collect();
    let body = operation.body.as_deref().map(|fields| lines(fields, ""));
    json!({
        "id": operation.id, "method": method, "path": path, "says": operation.says, "writes": method == "POST",
        "once": operation.once, "open": operation.open, "takes": operation.takes,
        "in_path": lines(&operation.path, ""), "query": lines(&operation.query, ""), "body": body,
        "answers": answers, "problems": problems,
    })
}

/// A line for each field; those of objects follow theirs.
fn lines(fields: &[Field], within: &str) -> Vec<Json> {
    let mut told = Vec::new();
    for field in fields {
        let name = format!("{within}{}", field.name);
        told.push(json!({
            "name": name, "kind": field.kind.words(), "required": field.required, "nullable": field.nullable,
            "says": field.says, "link": field.kind.shape().map(|shape| format!("#{}", anchor(shape))),
        }));
        told.extend(lines(&field.fields, &format!("{name}.")));
    }
    told
}
