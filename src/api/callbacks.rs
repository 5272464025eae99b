//! What others call: providers that say what became of a message, gateways that hand on what people write back, and
//! people who want no more mail. Each address carries its code; nothing else lets in.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{self, Bytes, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use quittance_actors::customer::Command;
use quittance_actors::delivery::Channel;
use quittance_actors::values::{CustomerId, DeliveryId, EntityId, Language, PhoneNumber, TenantId, wants_no_more};
use serde_json::Value as Json;
use tracing::warn;

use super::{Problem, Shared, owned, provider};
use crate::assemble;
use crate::inbound::{self, Inbound};
use crate::mail_report::REPORT_BYTES_MAX;
use crate::returned::Returned;

/// Bytes of a call.
const BODY_BYTES_MAX: usize = 16 << 10;
pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(
        web::scope("/callbacks/{tenant}")
            .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
            .route("/messages/{customer}/{delivery}", web::get().to(message))
            .route("/messages/{customer}/{delivery}", web::post().to(message))
            .route("/connectors/{connector}", web::post().to(provider::told))
            .route("/sms", web::get().to(incoming))
            .route("/sms", web::post().to(incoming))
            .service(
                web::resource("/mail")
                    .app_data(web::PayloadConfig::new(REPORT_BYTES_MAX))
                    .route(web::post().to(mail)),
            )
            .route("/unsubscribe/{customer}", web::get().to(ask))
            .route("/unsubscribe/{customer}", web::post().to(unsubscribe)),
    );
}

/// The tenant of a call whose code is right.
fn entered(app: &Shared, request: &HttpRequest, said: &Said) -> Result<TenantId, Problem> {
    let unknown = || Problem::not_found("there is nothing at this address");
    let known = assemble::callbacks(&app.service.config).ok_or_else(unknown)?;
    let code = said.first(&["code"]).unwrap_or_default();
    if !known.knows(request.path(), code) {
        return Err(unknown());
    }
    let tenant = request.match_info().get("tenant").unwrap_or_default();
    let tenants = app.service.config.service.tenants.iter();
    tenants.map(|tenant| &tenant.id).find(|id| id.as_str() == tenant).cloned().ok_or_else(unknown)
}

/// What a call says, in its address and its body: a form, or an object of JSON.
struct Said(BTreeMap<String, String>);

impl Said {
    fn of(request: &HttpRequest, body: &Bytes) -> Self {
        let mut said: BTreeMap<String, String> = BTreeMap::new();
        let form = |bytes: &[u8]| url::form_urlencoded::parse(bytes).into_owned().collect::<Vec<_>>();
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.contains("json") {
            if let Ok(Json::Object(fields)) = serde_json::from_slice(body) {
                said.extend(fields.into_iter().filter_map(|(name, value)| match value {
                    Json::String(text) => Some((name, text)),
                    Json::Number(number) => Some((name, number.to_string())),
                    _ => None,
                }));
            }
        } else {
            said.extend(form(body));
        }
        // What stands in the address is ours.
        said.extend(form(request.query_string().as_bytes()));
        Self(said)
    }

    fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.0.get(*name)).map(String::as_str)
    }
}

fn parsed<T, E: std::fmt::Display>(
    request: &HttpRequest, name: &str, parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, Problem> {
    let text = request.match_info().get(name).unwrap_or_default();
    parse(text).map_err(|error| Problem::not_found(error.to_string()))
}

/// The way of what comes back.
fn inbound(app: &Shared) -> Inbound {
    Inbound { router: Arc::clone(&app.service.router), store: Arc::clone(&app.service.store) }
}

/// What became of a message. Providers say it several times, and what they say last may come first.
async fn message(app: Shared, request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let said = Said::of(&request, &body);
    let tenant = entered(&app, &request, &said)?;
    let customer = parsed(&request, "customer", CustomerId::parse)?;
    let delivery = parsed(&request, "delivery", DeliveryId::parse)?;
    // One that has both says in `status` that its own call went well.
    let status = said.first(&["msg_status", "MessageStatus", "status", "event", "stat"]).unwrap_or_default();
    let status = status.to_ascii_lowercase();
    // Some hand on what is written back the same way.
    let out = match status.as_str() {
        "unsubscribed" | "unsubscribe" => Some(true),
        "replied" | "reply" => said.first(&["reply", "text", "content"]).and_then(wants_no_more),
        _ => None,
    };
    if let Some(out) = out {
        let inbound = inbound(&app);
        let id = inbound.once_more(&["reply", &customer.to_string(), &out.to_string()]);
        inbound.tell(&tenant, customer, Command::SetOptOut { channel: Channel::Sms, out }, id).await?;
        return Ok(HttpResponse::Ok().body("noted"));
    }
    let code = said.first(&["ErrorCode", "err-code", "error_code", "err", "reason", "description"]);
    let Some(report) = inbound::report(&status, code.unwrap_or_default()) else {
        return Ok(HttpResponse::Ok().body("under way"));
    };
    inbound(&app).reported(&tenant, (customer, delivery), &status, report).await?;
    Ok(HttpResponse::Ok().body("noted"))
}

/// A mail that a mail server or a mailbox provider wrote back, as it came.
async fn mail(app: Shared, request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let tenant = entered(&app, &request, &Said::of(&request, &Bytes::new()))?;
    let Some(returned) = Returned::of(&app.service) else { return Err(Problem::not_found("there is nothing here")) };
    Ok(HttpResponse::Ok().body(returned.take(&[tenant], &body).await?))
}

/// What somebody writes back: STOP ends SMS to the number, START lets them come again; anything else is for nobody here.
async fn incoming(app: Shared, request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let said = Said::of(&request, &body);
    let tenant = entered(&app, &request, &said)?;
    let from = said.first(&["from", "From", "msisdn", "sender", "originator"]).unwrap_or_default().trim();
    let text = said.first(&["text", "Body", "message", "content"]).unwrap_or_default();
    let id = said.first(&["MessageSid", "messageId", "message-id", "id", "ts", "timestamp"]).unwrap_or_default();
    let Some(out) = wants_no_more(text) else { return Ok(HttpResponse::Ok().body("nobody reads it here")) };
    let digits = from.trim_start_matches('+');
    let international = format!("+{}", digits.strip_prefix("00").unwrap_or(digits));
    let phone = PhoneNumber::parse(&international, None).map_err(|error| {
        warn!(%tenant, out, digits = digits.len(), "an SMS came back from a number that cannot be read");
        Problem::bad_request(format!("from: {error}: expected it with its country, as in +33612345678"))
    })?;
    inbound(&app).wished(&tenant, &phone, out, id).await?;
    Ok(HttpResponse::Ok().body("noted"))
}

/// The customer of a call of its own, and the language it reads.
async fn customer_of(
    app: &Shared, request: &HttpRequest, body: &Bytes,
) -> Result<(TenantId, CustomerId, Language), Problem> {
    let tenant = entered(app, request, &Said::of(request, body))?;
    let id = parsed(request, "customer", CustomerId::parse)?;
    let (_, entity, _) = app.service.router.read(EntityId::Customer(id), 0).await?;
    match entity.as_customer().and_then(|state| state.profile.as_ref()) {
        Some(profile) if owned(app, &tenant, EntityId::Customer(id)).await => Ok((tenant, id, profile.language)),
        _ => Err(Problem::not_found("there is nothing at this address")),
    }
}

/// Asks before anything changes: programs that look at links must not end anybody's mail.
async fn ask(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (tenant, _, language) = customer_of(&app, &request, &Bytes::new()).await?;
    let merchant = app.service.config.service.tenant(&tenant).map_or("", |tenant| tenant.name.as_str());
    let (asked, button) = match language {
        Language::Fr => (format!("Ne plus recevoir d’e-mails de {merchant} ?"), "Ne plus recevoir d’e-mails"),
        Language::En => (format!("No more e-mail from {merchant}?"), "Unsubscribe"),
    };
    let form = format!("<form method=\"post\"><button>{button}</button></form>");
    Ok(page(language, &asked, &form))
}

/// Ends mail to a customer, by the button of the page or of a mail program. Source: RFC 8058.
async fn unsubscribe(app: Shared, request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let (tenant, customer, language) = customer_of(&app, &request, &body).await?;
    let inbound = inbound(&app);
    let id = inbound.once_more(&["unsubscribe", &customer.to_string()]);
    inbound.tell(&tenant, customer, Command::SetOptOut { channel: Channel::Email, out: true }, id).await?;
    let done = match language {
        Language::Fr => "C’est noté : vous ne recevrez plus d’e-mails.",
        Language::En => "Noted: you will get no more e-mail.",
    };
    Ok(page(language, done, ""))
}

fn page(language: Language, text: &str, form: &str) -> HttpResponse {
    const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:28rem;margin:20vh auto;padding:0 1.5rem;\
        color:#1c2430;background:#fff}button{font:inherit;padding:.6rem 1.1rem;border:0;border-radius:.5rem;\
        background:#1c2430;color:#fff;cursor:pointer}button:focus-visible{outline:3px solid #7aa2ff}\
        @media(prefers-color-scheme:dark){body{color:#e8ecf2;background:#11161d}button{background:#e8ecf2;color:#11161d}}";
    let text = handlebars::html_escape(text);
    let language = language.code();
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header(("Cache-Control", "no-store"))
        .insert_header(("Referrer-Policy", "no-referrer"))
        .insert_header(("X-Robots-Tag", "noindex"))
        .insert_header(("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"))
        .body(format!(
            "<!doctype html><html lang=\"{language}\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
             content=\"width=device-width\"><title>{text}</title><style>{STYLE}</style><h1 style=\"font-size:1.25rem\">\
             {text}</h1>{form}</html>"
        ))
}
