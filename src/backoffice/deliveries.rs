//! What left, or should have: every try of a delivery, and how it stands.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::delivery::{Channel, Fault, Outcome, Recipient, Route};
use quittance_actors::rules::EventType;
use quittance_actors::values::{EntityId, TenantId, Zone};
use serde_json::{Value as Json, json};

use super::{SharedPages, enter, resend, words, zone_of};
use crate::api::{DeliveryStanding, Problem, Shared, Trail, call, delivery_id, route_of, trail, trails};
use crate::dispatch::CAUGHT;

/// Whether a try was caught in a sandbox, and reached nobody.
fn is_caught(tried: Option<&Outcome>) -> bool {
    matches!(tried, Some(Outcome::Delivered { detail }) if detail == CAUGHT)
}

/// How a delivery stands, in words, with its tone and icon.
fn told(of: &Trail) -> (&'static str, &'static str, &'static str) {
    match is_caught(of.tries.last().map(|tried| &tried.outcome)) {
        true => ("Caught, not sent", "mute", "circle-check"),
        false => standing(of.standing),
    }
}

fn standing(of: DeliveryStanding) -> (&'static str, &'static str, &'static str) {
    match of {
        DeliveryStanding::Pending => ("About to leave", "info", "clock"),
        DeliveryStanding::Waits { .. } => ("Tried again later", "warn", "repeat"),
        DeliveryStanding::Begun => ("Under way", "info", "send"),
        DeliveryStanding::Delivered => ("Delivered", "ok", "circle-check"),
        DeliveryStanding::GivenUp => ("Given up", "bad", "triangle-alert"),
        DeliveryStanding::Suppressed => ("Not wanted any more", "mute", "ban"),
        DeliveryStanding::Ended => ("Ended", "mute", "circle-check"),
    }
}

/// The symbol of a way.
pub(super) fn icon(way: &str) -> &'static str {
    match way.split(':').next().unwrap_or_default() {
        "email" => "mail",
        "sms" => "message-square",
        _ => "send",
    }
}

/// A recipient: a customer by its name.
pub(super) async fn to(app: &Shared, recipient: &Recipient, otherwise: String) -> Result<String, Problem> {
    let Recipient::Customer(id) = recipient else { return Ok(otherwise) };
    let (_, entity, _) = app.service.router.read(EntityId::Customer(*id), 0).await?;
    let name = entity.as_customer().and_then(|state| Some(state.profile.as_ref()?.name.to_string()));
    Ok(name.unwrap_or(otherwise))
}

/// A delivery as a line.
pub(super) async fn row(app: &Shared, of: &Trail, zone: &Zone) -> Result<Json, Problem> {
    let (label, tone, status_icon) = told(of);
    let way = of.route.to_string();
    let last = of.tries.last().filter(|last| !matches!(last.outcome, Outcome::Delivered { .. }));
    Ok(json!({
        "id": of.id.to_string(), "at": words::instant(of.at, zone), "event": of.event.name(), "icon": icon(&way),
        "way": way, "to": to(app, &of.outgoing.recipient, of.to()).await?, "cause": of.outgoing.cause,
        "tries": of.tries.iter().filter(|tried| tried.is_try()).count(), "status": label, "tone": tone, "status_icon": status_icon,
        "error": last.map(|last| last.told().1),
    }))
}

/// The ways of a tenant that can be looked at by themselves.
fn ways(app: &Shared, tenant: &TenantId) -> Vec<(String, String)> {
    let mut ways = vec![("email".to_owned(), "E-mail".to_owned()), ("sms".to_owned(), "SMS".to_owned())];
    let endpoints = app.service.config.service.endpoints.iter().filter(|endpoint| endpoint.tenant == *tenant);
    ways.extend(endpoints.map(|endpoint| {
        let route = Route::Endpoint(tenant.clone(), endpoint.name.as_str().into());
        (route.to_string(), format!("Hook {}", endpoint.name))
    }));
    ways
}

pub(super) async fn list(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let query = web::Query::<BTreeMap<String, String>>::from_query(request.query_string());
    let query = query.map(web::Query::into_inner).unwrap_or_default();
    let before = query.get("after").map(|text| delivery_id(text)).transpose()?;
    let way = query.get("way").filter(|way| !way.is_empty()).cloned();
    let route = way.as_deref().map(|way| {
        route_of(&app, &frame.tenant, way).ok_or_else(|| Problem::not_found(format!("there is no way \"{way}\"")))
    });
    let route = route.transpose()?;
    let endpoint = match &route {
        Some(Route::Endpoint(_, name)) => Some(name.clone()),
        _ => None,
    };
    let (found, next) = trails(&app, &frame.tenant, before, route).await?;
    let zone = zone_of(&app, &frame.tenant);
    let mut rows: Vec<Json> = Vec::with_capacity(found.len());
    for of in &found {
        rows.push(row(&app, of, &zone).await?);
    }
    let known = ways(&app, &frame.tenant).into_iter().map(|(value, label)| {
        let href = format!("/bo/messages/deliveries?way={}", words::encoded(&value));
        json!({ "href": href, "label": label, "current": way.as_deref() == Some(value.as_str()) })
    });
    let all = json!({ "href": "/bo/messages/deliveries", "label": "All ways", "current": way.is_none() });
    let filters: Vec<Json> = std::iter::once(all).chain(known).collect();
    let of_way = way.map(|way| format!("&way={}", words::encoded(&way))).unwrap_or_default();
    let next = next.map(|last| format!("/bo/messages/deliveries?after={last}{of_way}"));
    let own = json!({
        "rows": rows, "next": next, "filters": filters, "failed": query.get("failed"),
        "resend": endpoint.map(|name| resend::card(&app, &frame.tenant, &name, &zone)),
    });
    pages.page("deliveries", &frame.data(&app, "Deliveries", "/bo/messages", own))
}

pub(super) async fn page(
    app: Shared, pages: SharedPages, request: HttpRequest, id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let id = delivery_id(&id)?;
    let missing =
        || Problem::not_found(format!("delivery {id} is not known, or its tries are older than those kept"));
    let found = trail(&app, &frame.tenant, id).await?.ok_or_else(missing)?;
    let zone = zone_of(&app, &frame.tenant);
    let tries: Vec<Json> = found
        .tries
        .iter()
        .map(|tried| {
            let (icon, class, what) = match tried.outcome {
                Outcome::Delivered { .. } if is_caught(Some(&tried.outcome)) => {
                    ("circle-check", "mute-i", "Caught, not sent")
                }
                Outcome::Delivered { .. } => ("circle-check", "ok-i", "Delivered"),
                Outcome::RetryAt { .. } => ("repeat", "warn-i", "Failed"),
                Outcome::Dead { .. } => ("triangle-alert", "bad-i", "Given up"),
                Outcome::Suppressed { .. } => ("ban", "mute-i", "Not wanted any more"),
                Outcome::HeldBack { .. } => ("clock", "warn-i", "Held back"),
                Outcome::Claimed => ("send", "info-i", "Begun, and nothing was heard"),
            };
            let (fault, detail) = tried.told();
            json!({
                "at": words::instant(tried.at, &zone), "icon": icon, "class": class, "what": what,
                "fault": fault.map(Fault::code), "detail": detail,
            })
        })
        .collect();
    let next_try = match found.standing {
        DeliveryStanding::Waits { until } => Some(words::instant(until, &zone)),
        _ => None,
    };
    let read = matches!(found.route, Route::Channel(Channel::Email | Channel::Sms))
        && found.standing == DeliveryStanding::Delivered;
    let (link, about) = match found.subject {
        EntityId::PaymentRequest(id) => (Some(format!("/bo/requests/{id}")), "payment request"),
        EntityId::Plan(id) => (Some(format!("/bo/plans/{id}")), "plan"),
        EntityId::Customer(_) => (None, "customer"),
        EntityId::Transfer(_) => (None, "transfer"),
        EntityId::Payout(_) => (None, "payout"),
        EntityId::Feed(_) => (None, "feed"),
    };
    let own = json!({
        "of": row(&app, &found, &zone).await?,
        "template": found.outgoing.template,
        "link": link, "about": about, "subject": found.subject.to_string(),
        "tried": tries,
        "next_try": next_try,
        "message": read.then(|| format!("/bo/messages/{id}")),
        "again": found.standing == DeliveryStanding::GivenUp,
        "gates": found.event == EventType::ReminderSent,
        "call": call(&app, &found).await?,
    });
    pages.page("delivery", &frame.data(&app, "Delivery", "/bo/messages", own))
}
