//! What people are to do about customers.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::customer::Customer;
use quittance_actors::limits;
use quittance_actors::values::{CustomerId, EntityId, Zone};
use serde_json::{Value as Json, json};

use super::{SharedPages, enter, words, zone_of};
use crate::api::{Problem, Shared};
use crate::store::List;

/// Customers whose tasks one page shows.
const CUSTOMERS: usize = 100;

/// A customer's tasks as pages show them, the oldest first.
pub(super) fn of(state: &Customer, zone: &Zone) -> Vec<Json> {
    let tasks = state.rare.tasks.iter();
    tasks
        .map(|(number, task)| {
            let late = state.rare.overdue_tasks.contains_key(number);
            json!({
                "number": number, "text": task.text, "by": task.by, "since": words::instant(task.opened_at, zone),
                "due": task.due_on.map(words::day), "late": late, "assigned_to": task.assigned_to,
                "request": task.request.map(|request| request.to_string()),
            })
        })
        .collect()
}

/// `GET /bo/tasks`: those of all customers, whoever has one first.
pub(super) async fn page(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let query = web::Query::<BTreeMap<String, String>>::from_query(request.query_string());
    let query = query.map(web::Query::into_inner).unwrap_or_default();
    let zone = zone_of(&app, &frame.tenant);
    let before = query.get("after").and_then(|id| CustomerId::parse(id).ok()).map(EntityId::Customer);
    let page = app.service.store.page(&frame.tenant, List::CustomerTasks, before, CUSTOMERS);
    let page = page.map_err(|error| Problem::overloaded(error.to_string()))?;
    let known = page.entities.iter().filter_map(|(id, entity)| Some((id, entity.as_customer()?)));
    let rows: Vec<Json> = known
        .flat_map(|(id, state)| {
            let name = state.profile.as_ref().map(|profile| profile.name.clone());
            let row = move |mut task: Json| {
                if let Some(task) = task.as_object_mut() {
                    task.insert("customer".to_owned(), json!(id.to_string()));
                    task.insert("name".to_owned(), json!(name));
                }
                task
            };
            of(state, &zone).into_iter().map(row).collect::<Vec<_>>()
        })
        .collect();
    let next = page.entities.last().filter(|_| page.has_more).map(|(id, _)| format!("/bo/tasks?after={id}"));
    let own = json!({ "rows": rows, "next": next, "text_max": limits::TASK_CHARACTERS_MAX });
    pages.page("tasks", &frame.data(&app, "Tasks", "/bo/tasks", own))
}
