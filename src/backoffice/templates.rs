//! Templates as their readers would see them, with examples or with an event of the past.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::delivery::Channel;
use quittance_actors::values::{EntityId, Language, PaymentRequestId, TransferId};
use serde_json::{Value as Json, json};

use super::{Frame, SharedPages, enter, words};
use crate::api::{Problem, Shared, channel_of_template, in_use, seen};
use crate::preview::{Asked, Seen};
use crate::render::{Listed, Templates};

/// What the address of the page says.
struct Chosen {
    name: String,
    channel: Channel,
    /// None of what systems are told.
    language: Option<Language>,
    about: String,
}

/// The template that is chosen, the first without one; nothing when there is none.
fn chosen(templates: &Templates, request: &HttpRequest) -> Option<Chosen> {
    let query = web::Query::<BTreeMap<String, String>>::from_query(request.query_string());
    let query = query.map(web::Query::into_inner).unwrap_or_default();
    let asked = |key: &str| query.get(key).map(|text| text.trim()).filter(|text| !text.is_empty());
    let channel = asked("channel").and_then(|text| channel_of_template(text).ok());
    let language = asked("language").and_then(|text| Language::parse(text).ok());
    let fits = |known: &Listed<'_>| {
        asked("name").is_none_or(|name| name == known.name)
            && channel.is_none_or(|channel| channel == known.channel)
            && known.language.is_none_or(|of| language.is_none_or(|language| language == of))
    };
    let Listed { name, channel, language, .. } = templates.all().find(fits)?;
    let about = asked("about").unwrap_or_default().to_owned();
    Some(Chosen { name: name.to_owned(), channel, language, about })
}

/// The payment request or transfer of an id whose newest event is told; none without an id.
pub(super) fn told_of(about: &str) -> Result<Option<EntityId>, &'static str> {
    let told = match about.get(..4) {
        None if about.is_empty() => return Ok(None),
        Some("prq_") => PaymentRequestId::parse(about).ok().map(EntityId::PaymentRequest),
        _ => TransferId::parse(about).ok().map(EntityId::Transfer),
    };
    told.map(Some).ok_or("expected the id of a payment request or a transfer")
}

async fn rendered(app: &Shared, frame: &Frame, chosen: &Chosen) -> Result<Seen, Problem> {
    let about = told_of(&chosen.about).map_err(Problem::bad_request)?;
    let Chosen { name, channel, language, .. } = chosen;
    let (channel, language) = (*channel, *language);
    let templates = &in_use(app, &frame.tenant)?.templates;
    seen(app, &frame.tenant, &Asked { templates, name, channel, language, about, event: None }).await
}

pub(super) async fn page(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let templates = Arc::clone(&in_use(&app, &frame.tenant)?.templates);
    let open = chosen(&templates, &request);
    let mut names: BTreeMap<(String, Channel), Vec<Language>> = BTreeMap::new();
    for Listed { name, channel, language, .. } in templates.all() {
        names.entry((name.to_owned(), channel)).or_default().extend(language);
    }
    let rows: Vec<Json> = names
        .iter()
        .map(|((name, channel), languages)| {
            let current = open.as_ref().is_some_and(|open| open.name == *name && open.channel == *channel);
            let languages: Vec<&str> = languages.iter().map(|language| language.code()).collect();
            json!({
                "name": name,
                "channel": channel.name(),
                "what": if *channel == Channel::Hook { "JSON for hooks and files" } else { channel.name() },
                "icon": icon(*channel),
                "languages": languages.join(", "),
                "current": current,
            })
        })
        .collect();
    let shown = match &open {
        None => Json::Null,
        Some(open) => shown(&app, &frame, open, &names).await,
    };
    let own = json!({ "rows": rows, "count": rows.len(), "open": shown });
    pages.page("templates", &frame.data(&app, "Templates", "/bo/templates", own))
}

fn icon(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "message-square",
        Channel::Hook => "send",
        _ => "mail",
    }
}

async fn shown(
    app: &Shared, frame: &Frame, open: &Chosen, names: &BTreeMap<(String, Channel), Vec<Language>>,
) -> Json {
    let Chosen { name, channel, language, about } = open;
    let others = names.get(&(name.clone(), *channel)).into_iter().flatten();
    let languages: Vec<Json> =
        others.map(|other| json!({ "code": other.code(), "current": Some(*other) == *language })).collect();
    let file = Listed { name, channel: *channel, language: *language, edition: "" }.file_name();
    let (message, error) = match rendered(app, frame, open).await {
        Ok(message) => (Some(message), None),
        Err(problem) => (None, Some(problem.to_string())),
    };
    let price = app.service.config.service.sms_price;
    let sms = message.as_ref().filter(|_| *channel == Channel::Sms);
    let size = sms.map(|message| words::sms_size(&message.text, price));
    json!({
        "name": name,
        "channel": channel.name(),
        "language": language.map(Language::code),
        "languages": languages,
        "file": file,
        "about": about,
        "error": error,
        "size": size,
        "subject": message.as_ref().map(|message| message.subject.clone()),
        "text": message.as_ref().map(|message| message.text.clone()),
        "edition": message.as_ref().map(|message| message.edition.clone()),
        "html": message.as_ref().is_some_and(|message| message.html.is_some()),
    })
}

/// The HTML of a mail, in a sandbox of its own: it runs nothing and loads nothing.
pub(super) async fn html(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let templates = Arc::clone(&in_use(&app, &frame.tenant)?.templates);
    let open = chosen(&templates, &request).ok_or_else(|| Problem::not_found("no such template"))?;
    let message = rendered(&app, &frame, &open).await?;
    let html = message.page().ok_or_else(|| Problem::not_found("it is no mail"))?;
    let policy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'";
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header(("Content-Security-Policy", policy))
        .body(html))
}
