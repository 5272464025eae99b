//! The catalogue of events: what rules can fire on, and what they can ask.

use actix_web::{HttpRequest, HttpResponse};
use quittance_actors::rules::{EventType, Field};
use serde_json::{Value as Json, json};

use super::{SharedPages, enter};
use crate::api::{Problem, Shared};

fn shown(field: Field) -> Json {
    json!({ "path": field.path(), "kind": field.kind().name(), "describes": field.describes() })
}

pub(super) async fn page(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let mut events: Vec<EventType> = EventType::ALL.to_vec();
    events.sort_unstable_by_key(|event| event.name());
    let rows: Vec<Json> = events
        .into_iter()
        .map(|event| {
            let fields: Vec<Json> = event.fields().into_iter().map(shown).collect();
            json!({ "name": event.name(), "describes": event.describes(), "fields": fields, "count": fields.len() })
        })
        .collect();
    let moment: Vec<Json> = Field::OF_THE_MOMENT.into_iter().map(shown).collect();
    pages.page(
        "event_types",
        &frame.data(&app, "Events", "/bo/event-types", json!({ "rows": rows, "moment": moment })),
    )
}
