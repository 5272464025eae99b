//! The HTTP API: REST under `/v1`, problem+json errors, idempotent writes.

mod automation;
mod batch;
mod body;
mod callbacks;
mod clock;
mod collections;
mod configuration;
mod customers;
mod decisions;
mod deliveries;
mod endpoints;
mod exports;
mod files;
mod health;
mod idempotency;
mod lists;
mod messages;
mod notes;
mod numbers;
mod payment_requests;
mod payouts;
mod plans;
mod problem;
mod provider;
mod rate;
pub mod reference;
pub mod refunds;
mod replays;
mod request_id;
mod stream;
mod templates;
mod trail;
mod transfers;
mod views;

pub(crate) use automation::action;
pub(crate) use clock::{advance_tenant, duration_ms};
pub(crate) use configuration::{blocking, finding_json, foreseen, newest_editions, publish, reload, tried};
pub(crate) use customers::owned;
pub(crate) use decisions::{Part, Share, carry_out, divided, recall, resolution};
pub(crate) use deliveries::{delivery_id, given_up, try_again, try_all_again};
pub(crate) use files::{handed_out, known_feeds, named};
pub use idempotency::Keys;
use idempotency::fingerprint;
pub(crate) use messages::as_it_left;
pub(crate) use numbers::ranges_of;
pub(crate) use payment_requests::pdf;
pub(crate) use payouts::payout_of;
pub use problem::{Detail, Problem};
pub use rate::Rates;
pub(crate) use replays::{Asked as ReplayAsked, start as start_replay, stopped as stop_replay};
pub use replays::{Replays, Status as ReplayStatus, resume as resume_replays};
pub(crate) use request_id::with_id;
pub(crate) use templates::{channel_of_people, channel_of_template, seen};
pub(crate) use trail::{Standing as DeliveryStanding, Trail, call, route_of, trail, trails, trails_of};
pub(crate) use transfers::{may_remember_payer, proposes_payer};

use std::sync::Arc;

use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use quittance_actors::machine::Tell;
use quittance_actors::partition::Origin;
use quittance_actors::rules::EventType;
use quittance_actors::runtime::Priority;
use quittance_actors::values::{
    CommandId, CustomerId, DeliveryId, EntityId, PaymentRequestId, PayoutId, PlanId, TenantId, TransferId,
};
use serde_json::Value as Json;
use subtle::ConstantTimeEq as _;

use crate::assemble::Service;
use crate::config::ApiKey;
use crate::digest;
use crate::export::event_type_json;
use crate::in_use::OfTenant;

/// Bytes of a JSON body.
const BODY_BYTES_MAX: usize = 256 << 10;

/// What every handler needs.
pub struct App {
    /// The service.
    pub service: Service,
    /// Keys of writes under way and done.
    pub keys: Keys,
    /// What endpoints are sent once more.
    pub replays: Replays,
    /// How many calls keys make.
    pub rates: Rates,
}

/// The shared state of the server's workers.
pub type Shared = web::Data<Arc<App>>;

/// Registers the routes.
pub fn routes(config: &mut ServiceConfig) {
    config
        .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
        .app_data(
            web::PathConfig::default()
                .error_handler(|_, _| Problem::not_found("a number in this address is none").into()),
        )
        .route("/healthz", web::get().to(health::healthz))
        .route("/readyz", web::get().to(health::readyz))
        .route("/metrics", web::get().to(health::metrics))
        .configure(callbacks::routes)
        .configure(reference::routes)
        .service(
            web::scope("/v1")
                .route("/customers", web::post().to(customers::create))
                .route("/customers", web::get().to(customers::list))
                .route("/customers/{id}", web::get().to(customers::read))
                .route("/customers/{id}/payment-methods", web::post().to(customers::add_payment_method))
                .route("/customers/{id}/mandates", web::post().to(collections::sign_mandate))
                .route("/customers/{id}/instruments/end", web::post().to(collections::end_instrument))
                .route("/customers/{id}/holds", web::post().to(collections::place_hold))
                .route("/customers/{id}/holds/lift", web::post().to(collections::lift_hold))
                .route("/customers/{id}/opt-outs", web::post().to(collections::opt_out))
                .route("/customers/{id}/recurring/suspend", web::post().to(collections::suspend))
                .route("/customers/{id}/recurring/resume", web::post().to(collections::resume))
                .route("/virtual-iban-ranges", web::get().to(numbers::ranges))
                .route("/customers/{id}/virtual-iban", web::post().to(numbers::give))
                .route("/customers/{id}/virtual-iban/release", web::post().to(numbers::release))
                .route("/customers/{id}/tasks", web::post().to(notes::open_task))
                .route("/customers/{id}/tasks/{number}/assign", web::post().to(notes::assign_task))
                .route("/customers/{id}/tasks/{number}/close", web::post().to(notes::close_task))
                .route("/customers/{id}/contacts", web::post().to(notes::log_contact))
                .route("/customers/{id}/tags", web::post().to(notes::tag))
                .route("/customers/{id}/payouts", web::post().to(payouts::pay_out_credit))
                .route("/payment-requests", web::post().to(payment_requests::create))
                .route("/payment-requests", web::get().to(payment_requests::list))
                .route("/payment-requests/{id}", web::get().to(payment_requests::read))
                .route("/payment-requests/{id}/timeline", web::get().to(payment_requests::timeline))
                .route("/payment-requests/{id}/late-charges", web::get().to(payment_requests::late_charges))
                .route("/reminders", web::get().to(payment_requests::reminders))
                .route("/payment-requests/{id}/reminders/{step}/approve", web::post().to(payment_requests::approve))
                .route("/payment-requests/{id}/reminders/{step}/reject", web::post().to(payment_requests::reject))
                .service(
                    web::resource("/payment-requests/{id}/document")
                        .app_data(web::PayloadConfig::new(crate::documents::BYTES_MAX + 1))
                        .route(web::get().to(payment_requests::document))
                        .route(web::post().to(payment_requests::keep_document)),
                )
                .route("/payment-requests/{id}/virtual-iban", web::post().to(numbers::give_request))
                .route("/payment-requests/{id}/scenario", web::post().to(payment_requests::follow_scenario))
                .route("/payment-requests/{id}/steps", web::get().to(payment_requests::steps))
                .route("/payment-requests/{id}/deliveries", web::get().to(trail::of_request))
                .route("/payment-requests/{id}/attempts", web::post().to(payment_requests::report_attempt))
                .route("/payment-requests/{id}/refunds", web::post().to(refunds::refund))
                .route("/payment-requests/{id}/cancel", web::post().to(payment_requests::cancel))
                .route("/payment-requests/{id}/write-off", web::post().to(payment_requests::write_off))
                .route("/payment-requests/{id}/write-off/undo", web::post().to(payment_requests::undo_write_off))
                .route("/payment-requests/{id}/use-credit", web::post().to(payment_requests::use_credit))
                .route("/payment-requests/{id}/collection", web::post().to(collections::collect))
                .route("/payment-requests/{id}/collection/stop", web::post().to(payment_requests::stop_collection))
                .route("/payment-requests/{id}/promise", web::post().to(collections::promise))
                .route("/payment-requests/{id}/dispute", web::post().to(collections::dispute))
                .route("/payment-requests/{id}/dispute/end", web::post().to(collections::end_dispute))
                .route("/plans", web::post().to(plans::create))
                .route("/plans", web::get().to(plans::list))
                .route("/plans/{id}", web::get().to(plans::read))
                .route("/plans/{id}/timeline", web::get().to(plans::timeline))
                .route("/plans/{id}/{what}", web::post().to(plans::act))
                .route("/collections", web::get().to(payment_requests::collections))
                .service(
                    web::resource("/attempts")
                        .app_data(web::PayloadConfig::new(batch::BATCH_BYTES_MAX))
                        .route(web::post().to(batch::report_attempts)),
                )
                .route("/transfers", web::post().to(transfers::create))
                .route("/transfers", web::get().to(transfers::list))
                .route("/transfers/{id}", web::get().to(transfers::read))
                .route("/transfers/{id}/give-back", web::post().to(payouts::give_back))
                .route("/payouts", web::get().to(payouts::list))
                .route("/payouts/{id}", web::get().to(payouts::read))
                .route("/payouts/{id}/approve", web::post().to(payouts::approve))
                .route("/payouts/{id}/reject", web::post().to(payouts::reject))
                .route("/payouts/{id}/conclude", web::post().to(payouts::conclude))
                .route("/transfers/{id}/decision", web::post().to(decisions::decide))
                .route("/transfers/{id}/divide", web::post().to(decisions::divide))
                .route("/transfers/{id}/take-back", web::post().to(decisions::take_back))
                .route("/transfers/{id}/recalls", web::post().to(decisions::recalls))
                .route("/transfers/{id}/remember-payer", web::post().to(decisions::remember_payer))
                .route("/transfers/{id}/set-aside", web::post().to(decisions::set_aside))
                .route("/decisions/{id}", web::get().to(decision))
                .route("/tasks", web::get().to(transfers::tasks))
                .route("/tasks/{id}/claim", web::post().to(decisions::claim))
                .route("/tasks/{id}/assign", web::post().to(decisions::assign))
                .route("/deliveries", web::get().to(deliveries::list))
                .route("/deliveries/retry", web::post().to(deliveries::retry_all))
                .route("/deliveries/{id}", web::get().to(trail::read))
                .route("/deliveries/{id}/retry", web::post().to(deliveries::retry))
                .route("/order-statuses", web::get().to(files::order_statuses))
                .route("/exports/{name}", web::get().to(exports::read))
                .route("/statements", web::get().to(files::statements))
                .route("/feeds", web::get().to(files::feeds))
                .route("/files", web::get().to(files::list))
                .route("/files", web::post().to(files::upload))
                .route("/files/{sha256}", web::get().to(files::read))
                .route("/files/{sha256}/{what}", web::get().to(files::download))
                .route("/templates", web::get().to(templates::list))
                .route("/templates/{name}/preview", web::post().to(templates::show))
                .route("/messages", web::get().to(messages::list))
                .route("/messages/{id}", web::get().to(messages::read))
                .route("/messages/{id}/mail", web::get().to(messages::mail))
                .route("/endpoints", web::get().to(endpoints::list))
                .route("/endpoints/{name}/test", web::post().to(endpoints::test))
                .route("/endpoints/{name}/replay", web::post().to(replays::begin))
                .route("/replays", web::get().to(replays::list))
                .route("/replays/{id}", web::get().to(replays::read))
                .route("/replays/{id}/stop", web::post().to(replays::stop))
                .route("/stream", web::get().to(stream::read))
                .route("/scenarios", web::get().to(automation::scenarios))
                .route("/retry-policies", web::get().to(automation::retry_policies))
                .route("/rules", web::get().to(automation::rules))
                .service(
                    web::scope("/configuration")
                        .app_data(web::PayloadConfig::new(configuration::BODY_BYTES_MAX))
                        .configure(configuration::routes),
                )
                .route("/event-types", web::get().to(event_types))
                .route("/clock", web::get().to(clock::read))
                .route("/clock/advance", web::post().to(clock::advance))
                .default_service(web::to(not_found)),
        );
}

/// Every event type with its fields, the JSON Schema of its hook and an example.
async fn event_types(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    tenant(&app, &request)?;
    let data: Vec<Json> = EventType::ALL.iter().map(|event| event_type_json(*event)).collect();
    Ok(HttpResponse::Ok().json(serde_json::json!({ "data": data })))
}

/// `GET /v1/decisions/{id}`: why a transfer was placed as it was, or why a message left, or did not.
async fn decision(app: Shared, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    match DeliveryId::parse(&id) {
        Ok(_) => trail::read(app, request, id).await,
        Err(_) => transfers::read(app, request, id).await,
    }
}

async fn not_found() -> Problem {
    Problem::not_found("there is nothing at this address")
}

/// The call has been counted.
struct Counted;

/// The tenant whose key the caller shows.
fn tenant(app: &App, request: &HttpRequest) -> Result<TenantId, Problem> {
    caller(app, request).map(|(tenant, _)| tenant)
}

/// The tenant, and the key that the caller shows.
fn caller<'a>(app: &'a App, request: &HttpRequest) -> Result<(TenantId, &'a ApiKey), Problem> {
    let shown = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or_else(|| Problem::unauthorized("send the header Authorization: Bearer and an API key"))?;
    let hash = digest::hex(&digest::sha256(shown.trim().as_bytes()));
    let mut found = None;
    for tenant in &app.service.config.service.tenants {
        for known in &tenant.api_keys {
            // Every key is compared, each in constant time.
            if bool::from(known.sha256.as_bytes().ct_eq(hash.as_bytes())) {
                found = Some((tenant.id.clone(), known));
            }
        }
    }
    let (tenant, key) = found.ok_or_else(|| Problem::unauthorized("the API key is not known"))?;
    if key.reads_only && !request.method().is_safe() {
        return Err(Problem::forbidden(format!("the key \"{}\" has reads_only = true", key.id)));
    }
    // A handler may ask twice who calls.
    if request.extensions_mut().insert(Counted).is_none() {
        app.rates.take(&tenant, &key.id)?;
    }
    Ok((tenant, key))
}

/// What is in use for a tenant.
pub(crate) fn in_use(app: &App, tenant: &TenantId) -> Result<Arc<OfTenant>, Problem> {
    app.service.in_use.of(tenant).ok_or_else(|| Problem::not_found("the tenant is not configured any more"))
}

fn entity_id(text: &str) -> Result<EntityId, Problem> {
    let parsed = match text.get(..4) {
        Some("cus_") => CustomerId::parse(text).map(EntityId::Customer),
        Some("out_") => PayoutId::parse(text).map(EntityId::Payout),
        Some("plan") => PlanId::parse(text).map(EntityId::Plan),
        Some("prq_") => PaymentRequestId::parse(text).map(EntityId::PaymentRequest),
        Some("trf_") => TransferId::parse(text).map(EntityId::Transfer),
        _ => {
            let kinds = "cus_, prq_, trf_, plan_ or out_ and 26 letters and digits";
            return Err(Problem::not_found(format!("\"{text}\" is no id: {kinds}")));
        }
    };
    parsed.map_err(|error| Problem::not_found(error.to_string()))
}

/// Submits what a call asks for under its idempotency key; whether the same call was answered before.
async fn submit(
    app: &App, request: &HttpRequest, tenant: &TenantId, bytes: &[u8], tell: impl FnOnce(CommandId) -> Tell,
) -> Result<bool, Problem> {
    let held = app.keys.hold(request, tenant, bytes)?;
    let (router, tell, fingerprint) = (&app.service.router, tell(held.command), fingerprint(request, bytes));
    router.submit(tenant, tell, held.command, fingerprint, Origin::Api, Priority::Interactive).await?;
    let replayed = held.replayed;
    held.done();
    Ok(replayed)
}

fn created(location: &str, replayed: bool, body: &Json) -> HttpResponse {
    let mut response = HttpResponse::Created();
    response.insert_header(("Location", location));
    if replayed {
        response.insert_header(("Idempotent-Replayed", "true"));
    }
    response.json(body)
}
