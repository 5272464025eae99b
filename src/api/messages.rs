//! Messages to people, word for word as they left.

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::values::CustomerId;
use serde_json::{Value as Json, json};

use super::{Problem, Shared, tenant};
use crate::channels::archive::Sent;

/// Messages of an answer at most, and when nothing is said.
const MESSAGES_MAX: usize = 500;
const MESSAGES_DEFAULT: usize = 50;

fn shown(sent: &Sent) -> Json {
    json!({
        "id": sent.id,
        "customer": sent.customer,
        "channel": sent.channel,
        "from": sent.from,
        "to": sent.to,
        "at": sent.at,
        "sent_at": sent.sent_at,
        "caught": sent.taken.is_none(),
        "taken": sent.taken,
        "template": sent.template,
        "edition": sent.edition,
        "cause": sent.cause,
        "subject": sent.message.subject,
        "text": sent.message.text,
        "html": sent.message.html,
        "mail": sent.mail.map(|_| format!("/v1/messages/{}/mail", sent.id)),
    })
}

/// `GET /v1/messages`: the newest first, with `?customer=` those to one.
pub(super) async fn list(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let query = web::Query::<std::collections::BTreeMap<String, String>>::from_query(request.query_string());
    let query = query.map_err(|error| Problem::bad_request(error.to_string()))?;
    let customer = query.get("customer").map(|text| CustomerId::parse(text)).transpose();
    let customer = customer.map_err(|error| Problem::bad_request(format!("customer: {error}")))?;
    let customer = customer.map(|id| id.to_string());
    let limit = query.get("limit").map_or(Ok(MESSAGES_DEFAULT), |text| text.parse::<usize>());
    let limit = limit.ok().filter(|limit| (1..=MESSAGES_MAX).contains(limit));
    let limit = limit.ok_or_else(|| Problem::bad_request(format!("limit: expected 1 to {MESSAGES_MAX}")))?;
    let (archive, tenant) = (app.service.archive.clone(), tenant.to_string());
    let found = tokio::task::spawn_blocking(move || archive.newest(&tenant, limit, customer.as_deref()));
    let found = found.await.map_err(|_| Problem::overloaded("the service is stopping"))?;
    Ok(HttpResponse::Ok().json(json!({ "data": found.iter().map(shown).collect::<Vec<_>>() })))
}

/// `GET /v1/messages/{id}/mail`: byte for byte as the relay was given it.
pub(super) async fn mail(app: Shared, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    as_it_left(&app, tenant.as_str(), id.into_inner()).await
}

/// The mail of a message as a file, for any program that reads mail.
pub(crate) async fn as_it_left(app: &Shared, tenant: &str, id: String) -> Result<HttpResponse, Problem> {
    let (archive, tenant, of) = (app.service.archive.clone(), tenant.to_owned(), id.clone());
    let found = tokio::task::spawn_blocking(move || match archive.get(&tenant, &of) {
        Some(sent) => archive.mail(&tenant, &sent),
        None => Ok(None),
    });
    let found = found.await.map_err(|_| Problem::overloaded("the service is stopping"))?;
    let mail = found.map_err(|error| Problem::internal(format!("the mail cannot be read: {error}")))?;
    let mail = mail.ok_or_else(|| Problem::not_found(format!("no mail of message {id} is kept")))?;
    Ok(HttpResponse::Ok()
        .content_type("message/rfc822")
        .insert_header(("Content-Disposition", format!("attachment; filename=\"{id}.eml\"")))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .body(mail))
}

/// `GET /v1/messages/{id}`.
pub(super) async fn read(app: Shared, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let (archive, tenant) = (app.service.archive.clone(), tenant(&app, &request)?.to_string());
    let id = id.into_inner();
    let missing = format!("message {id} was not sent");
    let found = tokio::task::spawn_blocking(move || archive.get(&tenant, &id)).await;
    let found = found.map_err(|_| Problem::overloaded("the service is stopping"))?;
    Ok(HttpResponse::Ok().json(shown(&found.ok_or_else(|| Problem::not_found(missing))?)))
}
