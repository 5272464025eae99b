//! Caught messages, as their readers would see them.

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::delivery::Channel;
use serde_json::{Value as Json, json};

use super::{SharedPages, enter, words, zone_of};
use crate::api::{Problem, Shared};
use crate::channels::catch::Caught;
use crate::gsm;

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
    let (catcher, tenant) = (app.service.catcher.clone(), frame.tenant.to_string());
    let caught = tokio::task::spawn_blocking(move || catcher.newest(&tenant, SHOWN)).await;
    let caught = caught.map_err(|_| Problem::overloaded("the service is stopping"))?;
    let zone = zone_of(&app, &frame.tenant);
    let open = match &id {
        Some(id) => caught.iter().find(|message| message.id == *id),
        None => caught.first(),
    };
    if id.is_some() && open.is_none() {
        return Err(Problem::not_found("this message is not among the newest"));
    }
    let subject = |message: &Caught| match message.channel {
        Channel::Sms => message.message.text.clone(),
        _ => message.message.subject.clone(),
    };
    let messages: Vec<Json> = caught
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
    let open = open.map(|message| {
        json!({
            "id": message.id,
            "from": message.from,
            "to": message.to.join(", "),
            "at": words::instant(message.at, &zone),
            "template": message.template,
            "cause": message.cause,
            "subject": if message.channel == Channel::Sms { "SMS".to_owned() } else { subject(message) },
            "html": message.message.html.is_some(),
            "sms": (message.channel == Channel::Sms).then(|| {
                let count = gsm::segments(&message.message.text);
                let alphabet = if gsm::is_gsm(&message.message.text) { "GSM" } else { "UCS-2" };
                let messages = if count == 1 { "1 message".to_owned() } else { format!("{count} messages") };
                format!("{messages} · {} characters · {alphabet}", message.message.text.chars().count())
            }),
            "text": message.message.text,
        })
    });
    let own = json!({ "messages": messages, "count": messages.len(), "open": open });
    pages.page("messages", &frame.data(&app, "Messages", "/bo/messages", own))
}

/// The HTML of a message, in a sandbox of its own: it runs nothing and loads nothing.
pub(super) async fn html(
    app: Shared, pages: SharedPages, request: HttpRequest, id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let caught = app.service.catcher.get(&id).filter(|caught| frame.tenant.as_str() == caught.tenant);
    let html = caught.and_then(|caught| caught.message.html).ok_or_else(|| Problem::not_found("no such message"))?;
    let policy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'";
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header(("Content-Security-Policy", policy))
        .body(html))
}
