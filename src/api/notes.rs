//! What is noted about a customer: tasks for a person, and tags.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::customer::{Command, ContactWay, Customer, Note, Task, person, short_name, task_text};
use quittance_actors::values::{CustomerId, Date, PaymentRequestId, TenantId};
use serde_json::{Value as Json, json};

use super::body::{Body, Received, received};
use super::collections::{customer_id, unusable, write};
use super::{Problem, Shared, payment_requests, tenant};

/// Tasks that wait, the oldest first.
pub(super) fn tasks(state: &Customer) -> Vec<Json> {
    let shown = |(number, task): (&u32, &Arc<Task>)| {
        json!({
            "number": number,
            "text": task.text,
            "payment_request": task.request,
            "by": task.by,
            "opened_at": task.opened_at,
            "due_on": task.due_on,
            "overdue": state.rare.overdue_tasks.contains_key(number),
            "assigned_to": task.assigned_to,
        })
    };
    state.rare.tasks.iter().map(shown).collect()
}

/// `POST /v1/customers/{id}/tasks`: a person is to do something.
pub(super) async fn open_task(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant, id) = (received(bytes)?, tenant(&app, &request)?, customer_id(&id)?);
    let mut body = Body::parse(&bytes)?;
    let text = body.required("text", task_text);
    let by = body.required("by", person);
    let about = body.optional("payment_request", PaymentRequestId::parse);
    let due_on = body.optional("due_on", Date::parse);
    let assigned_to = body.optional("assigned_to", person);
    body.finish()?;
    let (Some(text), Some(by)) = (text, by) else { return Err(unusable()) };
    of_customer(&app, &tenant, id, about).await?;
    let open = Note::OpenTask { text, request: about, by, due_on, assigned_to };
    write(&app, &request, &tenant, id, &bytes, Command::Note(open)).await
}

/// `POST /v1/customers/{id}/tasks/{number}/assign`: `to` is to do it; nobody in particular without it.
pub(super) async fn assign_task(
    app: Shared, request: HttpRequest, path: web::Path<(String, u32)>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (id, number) = path.into_inner();
    let (bytes, tenant, id) = (received(bytes)?, tenant(&app, &request)?, customer_id(&id)?);
    let mut body = Body::parse(&bytes)?;
    let (by, to) = (body.required("by", person), body.optional("to", person));
    body.finish()?;
    let assign = Note::AssignTask { number, to, by: by.ok_or_else(unusable)? };
    write(&app, &request, &tenant, id, &bytes, Command::Note(assign)).await
}

/// `POST /v1/customers/{id}/tasks/{number}/close`: it is done, or need not be; `outcome` says what came of it.
pub(super) async fn close_task(
    app: Shared, request: HttpRequest, path: web::Path<(String, u32)>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (id, number) = path.into_inner();
    let (bytes, tenant, id) = (received(bytes)?, tenant(&app, &request)?, customer_id(&id)?);
    let mut body = Body::parse(&bytes)?;
    let (by, outcome) = (body.required("by", person), body.optional("outcome", task_text));
    body.finish()?;
    let close = Note::CloseTask { number, by: by.ok_or_else(unusable)?, outcome: outcome.unwrap_or_default() };
    write(&app, &request, &tenant, id, &bytes, Command::Note(close)).await
}

/// `POST /v1/customers/{id}/contacts`: somebody has called, written to or met the customer.
pub(super) async fn log_contact(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant, id) = (received(bytes)?, tenant(&app, &request)?, customer_id(&id)?);
    let mut body = Body::parse(&bytes)?;
    let way = body.required("way", ContactWay::parse);
    let (text, by) = (body.required("text", task_text), body.required("by", person));
    let about = body.optional("payment_request", PaymentRequestId::parse);
    body.finish()?;
    let (Some(way), Some(text), Some(by)) = (way, text, by) else { return Err(unusable()) };
    of_customer(&app, &tenant, id, about).await?;
    let log = Note::LogContact { way, text, by, request: about };
    write(&app, &request, &tenant, id, &bytes, Command::Note(log)).await
}

/// Refuses a request that is not the customer's.
async fn of_customer(
    app: &Shared, tenant: &TenantId, id: CustomerId, about: Option<PaymentRequestId>,
) -> Result<(), Problem> {
    let Some(about) = about else { return Ok(()) };
    payment_requests::view(app, tenant, about).await?;
    match payment_requests::customer_of(app, about).await? == id {
        true => Ok(()),
        false => Err(Problem::conflict("other_customer", format!("{about} is another customer's"))),
    }
}

/// `POST /v1/customers/{id}/tags`: a tag is put on, or taken off with `"on": false`.
pub(super) async fn tag(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant, id) = (received(bytes)?, tenant(&app, &request)?, customer_id(&id)?);
    let mut body = Body::parse(&bytes)?;
    let tag = body.required("tag", short_name);
    let on = body.flag("on", true);
    body.finish()?;
    let tag = tag.ok_or_else(unusable)?;
    let note = if on { Note::Tag(tag) } else { Note::Untag(tag) };
    write(&app, &request, &tenant, id, &bytes, Command::Note(note)).await
}
