//! Templates: which there are, and how each looks.

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::delivery::Channel;
use quittance_actors::values::{EntityId, Language, TenantId};
use serde_json::{Value as Json, json};

use super::body::{Body, Received, received};
use super::{Problem, Shared, entity_id, in_use, owned, tenant};
use crate::gsm;
use crate::preview::{Asked, Failure, Seen, preview};

/// `GET /v1/templates`.
pub(super) async fn list(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let in_use = in_use(&app, &tenant)?;
    let data: Vec<Json> = in_use
        .templates
        .all()
        .map(|of| json!({ "name": of.name, "channel": of.channel, "language": of.language, "edition": of.edition }))
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}

/// `POST /v1/templates/{name}/preview`: with examples, or with an event of the past.
pub(super) async fn show(
    app: Shared, request: HttpRequest, name: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant) = (received(bytes)?, tenant(&app, &request)?);
    let mut body = Body::parse(&bytes)?;
    let channel = body.required("channel", channel_of_template);
    let language = body.optional("language", Language::parse);
    let about = body.optional_text("about", 40);
    let event = body.optional_text("event", 40);
    body.finish()?;
    let channel = channel.ok_or_else(|| Problem::bad_request("the body cannot be used"))?;
    let about = about.map(|text| entity_id(&text)).transpose()?;
    let templates = &in_use(&app, &tenant)?.templates;
    let asked = Asked { templates, name: &name, channel, language, about, event: event.as_deref() };
    let message = seen(&app, &tenant, &asked).await?;
    let size = (channel == Channel::Sms).then(|| {
        let (text, count) = (&message.text, gsm::segments(&message.text));
        let cost = app.service.config.service.sms_price.map(|price| price.of(count));
        json!({ "messages": count, "characters": text.chars().count(), "gsm": gsm::is_gsm(text), "cost": cost })
    });
    Ok(HttpResponse::Ok().json(json!({
        "edition": message.edition,
        "subject": message.subject,
        "text": message.text,
        "html": message.html,
        "size": size,
    })))
}

/// `email`, `sms`, or `hook` for what systems are told.
pub(crate) fn channel_of_template(text: &str) -> Result<Channel, &'static str> {
    match text {
        "hook" => Ok(Channel::Hook),
        people => channel_of_people(people).map_err(|_| "expected email, sms or hook"),
    }
}

/// `email` or `sms`.
pub(crate) fn channel_of_people(text: &str) -> Result<Channel, &'static str> {
    match text {
        "email" => Ok(Channel::Email),
        "sms" => Ok(Channel::Sms),
        _ => Err("expected email or sms"),
    }
}

/// A template as its reader would see it, of what belongs to the tenant.
pub(crate) async fn seen(app: &Shared, of: &TenantId, asked: &Asked<'_>) -> Result<Seen, Problem> {
    let tenant = app.service.config.service.tenant(of);
    let tenant = tenant.ok_or_else(|| Problem::not_found("the tenant is not configured any more"))?;
    if let Some(id) = asked.about
        && !(owned(app, of, id).await || matches!(id, EntityId::Feed(_)))
    {
        return Err(Problem::not_found(format!("{id} is not known")));
    }
    preview(&app.service, tenant, asked).await.map_err(|failure| match failure {
        Failure::Read(error) => error.into(),
        Failure::NoSuchEvent(_) | Failure::Render(_) => Problem::bad_request(failure.to_string()),
    })
}
