//! Messages to people, as they left or would have left.

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::delivery::Channel;
use serde_json::{Value as Json, json};

use super::{SharedPages, enter, words, zone_of};
use crate::api::{Problem, Shared, as_it_left};
use crate::channels::archive::Sent;

const SHOWN: usize = 100;

pub(super) async fn list(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    show(app, pages, request, None).await
}

pub(super) async fn page(
    app: Shared, pages: SharedPages, request: HttpRequest, id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    show(app, pages, request, Some(id.into_inner())).await
}

async fn show(
    app: Shared, pages: SharedPages, request: HttpRequest, id: Option<String>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let (archive, tenant, wanted) = (app.service.archive.clone(), frame.tenant.to_string(), id.clone());
    let found = tokio::task::spawn_blocking(move || {
        let newest = archive.newest(&tenant, SHOWN, None);
        // An older one is found by itself.
        let older = wanted.filter(|id| newest.iter().all(|message| message.id != *id));
        let older = older.and_then(|id| archive.get(&tenant, &id));
        (newest, older)
    });
    let (newest, older) = found.await.map_err(|_| Problem::overloaded("the service is stopping"))?;
    let zone = zone_of(&app, &frame.tenant);
    let open = match &id {
        Some(id) => newest.iter().find(|message| message.id == *id).or(older.as_ref()),
        None => newest.first(),
    };
    if id.is_some() && open.is_none() {
        return Err(Problem::not_found("no such message"));
    }
    let subject = |message: &Sent| match message.channel {
        Channel::Sms => message.message.text.clone(),
        _ => message.message.subject.clone(),
    };
    let messages: Vec<Json> = newest
        .iter()
        .map(|message| {
            json!({
                "id": message.id,
                "icon": if message.channel == Channel::Sms { "message-square" } else { "mail" },
                "to": message.to.join(", "),
                "at": words::instant(message.at, &zone),
                "subject": subject(message),
                "current": open.is_some_and(|open| open.id == message.id),
            })
        })
        .collect();
    let price = app.service.config.service.sms_price;
    let open = open.map(|message| {
        json!({
            "id": message.id,
            "from": message.from,
            "to": message.to.join(", "),
            "at": words::instant(message.at, &zone),
            "template": message.template,
            "edition": message.edition,
            "taken": message.taken.as_ref().map(|taken| {
                format!("{}, {taken}", words::instant(message.sent_at, &zone))
            }),
            "cause": message.cause,
            "subject": if message.channel == Channel::Sms { "SMS".to_owned() } else { subject(message) },
            "html": message.message.html.is_some(),
            "mail": message.mail.is_some(),
            "sms": (message.channel == Channel::Sms).then(|| words::sms_size(&message.message.text, price)),
            "text": message.message.text,
        })
    });
    let own = json!({ "messages": messages, "count": messages.len(), "open": open });
    pages.page("messages", &frame.data(&app, "Messages", "/bo/messages", own))
}

/// A mail as it left, as a file.
pub(super) async fn mail(
    app: Shared, pages: SharedPages, request: HttpRequest, id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    as_it_left(&app, frame.tenant.as_str(), id.into_inner()).await
}

/// The HTML of a message, in a sandbox of its own: it runs nothing and loads nothing.
pub(super) async fn html(
    app: Shared, pages: SharedPages, request: HttpRequest, id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let (archive, tenant) = (app.service.archive.clone(), frame.tenant.to_string());
    let found = tokio::task::spawn_blocking(move || archive.get(&tenant, &id)).await;
    let found = found.map_err(|_| Problem::overloaded("the service is stopping"))?;
    let html = found.and_then(|sent| sent.message.page()).ok_or_else(|| Problem::not_found("no such message"))?;
    let policy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'";
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header(("Content-Security-Policy", policy))
        .body(html))
}
