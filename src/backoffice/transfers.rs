//! Transfers: what they paid, and which ones wait for a person.

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::partition::Entity;
use quittance_actors::transfer::Status;
use quittance_actors::values::{EntityId, TransferId};
use serde_json::{Value as Json, json};

use super::{SharedPages, enter, words};
use crate::api::{Problem, Shared};
use crate::store::List;

const ROWS: usize = 50;

/// A transfer as a row.
pub(super) fn row(entity: &Entity) -> Option<Json> {
    let Entity::Transfer(state) = entity else { return None };
    let details = state.details.as_ref()?;
    let (tone, icon) = match state.status {
        Status::Matched => ("ok", "circle-check"),
        Status::NeedsDecision => ("warn", "triangle-alert"),
        Status::Noted => ("mute", "arrow-left-right"),
        Status::SetAside => ("mute", "ban"),
        Status::Received => ("mute", "clock"),
    };
    let remittance = &details.remittance;
    let text = remittance.structured().first().map_or(remittance.unstructured(), String::as_str);
    let why = if state.explanation.is_empty() { "received" } else { state.explanation.as_str() };
    Some(json!({
        "booked_on": words::day(details.booked_on),
        "payer": details.payer_name.as_deref().unwrap_or("unknown"),
        "remittance": text.chars().take(60).collect::<String>(),
        "why": why, "tone": tone, "status_icon": icon,
        "amount": words::money(details.amount),
        "unallocated": state.unallocated().map(words::money),
    }))
}

pub(super) async fn page(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let query = web::Query::<std::collections::BTreeMap<String, String>>::from_query(request.query_string());
    let query = query.map(web::Query::into_inner).unwrap_or_default();
    let only_tasks = query.get("show").is_some_and(|show| show == "tasks");
    let list = if only_tasks { List::Tasks } else { List::Transfers };
    let before = query.get("after").and_then(|id| TransferId::parse(id).ok()).map(EntityId::Transfer);
    let store = &app.service.store;
    let page =
        store.page(&frame.tenant, list, before, ROWS).map_err(|error| Problem::overloaded(error.to_string()))?;
    let tasks =
        store.page(&frame.tenant, List::Tasks, None, 100).map_err(|error| Problem::overloaded(error.to_string()))?;
    let rows: Vec<Json> = page.entities.iter().filter_map(|(_, entity)| row(entity)).collect();
    let show = if only_tasks { "show=tasks&" } else { "" };
    let next =
        page.entities.last().filter(|_| page.has_more).map(|(id, _)| format!("/bo/reconciliation?{show}after={id}"));
    let more = if tasks.has_more { "+" } else { "" };
    let own = json!({
        "rows": rows,
        "next": next,
        "task_count": format!("{}{more}", tasks.entities.len()),
        "filters": [
            { "href": "/bo/reconciliation", "label": "All transfers", "current": !only_tasks },
            { "href": "/bo/reconciliation?show=tasks", "label": "Needs a decision", "current": only_tasks },
        ],
    });
    pages.page("transfers", &frame.data(&app, "Reconciliation", "/bo/reconciliation", own))
}
