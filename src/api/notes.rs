//! What is noted about a customer: tasks for a person, and tags.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::customer::{Command, Customer, Note, Task, person, short_name, task_text};
use quittance_actors::values::{CustomerId, Date, PaymentRequestId, TenantId};
use serde_json::{Value as Json, json};

use super::body::{Body, Received, received};
use super::customers::{submit, view};
use super::payment_requests::customer_of;
use super::{App, Problem, Shared, tenant};

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

fn unusable() -> Problem {
    Problem::bad_request("the body cannot be used")
}

fn customer_id(text: &str) -> Result<CustomerId, Problem> {
    CustomerId::parse(text).map_err(|error| Problem::not_found(error.to_string()))
}

async fn note(
    app: &App, request: &HttpRequest, tenant: &TenantId, id: CustomerId, bytes: &[u8], note: Note,
) -> Result<HttpResponse, Problem> {
    view(app, tenant, id).await?;
    submit(app, request, tenant, id, bytes, Command::Note(note)).await
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
    if let Some(about) = about
        && customer_of(&app, about).await? != id
    {
        return Err(Problem::conflict("other_customer", format!("{about} is another customer's")));
    }
    let open = Note::OpenTask { text, request: about, by, due_on, assigned_to };
    note(&app, &request, &tenant, id, &bytes, open).await
}

/// `POST /v1/customers/{id}/tasks/{number}/{assign|close}`.
pub(super) async fn act_on_task(
    app: Shared, request: HttpRequest, path: web::Path<(String, u32, String)>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (id, number, what) = path.into_inner();
    let (bytes, tenant, id) = (received(bytes)?, tenant(&app, &request)?, customer_id(&id)?);
    let mut body = Body::parse(&bytes)?;
    let by = body.required("by", person);
    let (to, outcome) = match what.as_str() {
        "assign" => (body.optional("to", person), None),
        "close" => (None, body.optional("outcome", task_text)),
        _ => return Err(Problem::not_found("there is nothing at this address")),
    };
    body.finish()?;
    let by = by.ok_or_else(unusable)?;
    let done = match what.as_str() {
        "assign" => Note::AssignTask { number, to, by },
        _ => Note::CloseTask { number, by, outcome: outcome.unwrap_or_default() },
    };
    note(&app, &request, &tenant, id, &bytes, done).await
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
    note(&app, &request, &tenant, id, &bytes, if on { Note::Tag(tag) } else { Note::Untag(tag) }).await
}
