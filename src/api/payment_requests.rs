//! Payment requests.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::collection::Instrument;
use quittance_actors::customer;
use quittance_actors::limits;
use quittance_actors::machine::Tell;
use quittance_actors::partition::{Entity, Origin};
use quittance_actors::payment_request::{AttemptReport, AttemptResult, Command, attempt_named, attempt_of};
use quittance_actors::ports::Clock as _;
use quittance_actors::runtime::{InvoiceRow, Priority, admit_invoice};
use quittance_actors::values::{
    AttemptId, CustomerId, Date, EntityId, PaymentReference, PaymentRequestId, TenantId, Timestamp,
};
use serde_json::{Value as Json, json};
use smol_str::{SmolStr, format_smolstr};

use super::body::{Body, Received, received};
use super::customers::{described, owned};
use super::lists::page;
use super::{App, Problem, Shared, created, entity_id, tenant, views};
use crate::assemble::callbacks;
use crate::documents::{Refusal, file_name};
use crate::store::List;
use crate::{export, late, steps};

/// Events of one timeline.
const TIMELINE_EVENTS_MAX: usize = 500;

pub(super) async fn create(app: Shared, request: HttpRequest, bytes: Received) -> Result<HttpResponse, Problem> {
    let bytes = received(bytes)?;
    let tenant = tenant(&app, &request)?;
    let mut body = Body::parse(&bytes)?;
    let external_ref = body.text("external_ref", limits::EXTERNAL_REFERENCE_CHARACTERS_MAX);
    let amount = body.money("amount");
    let issued_on = body.optional("issued_on", Date::parse);
    let due_on = body.required("due_on", Date::parse);
    let description = body.optional_text("description", limits::DESCRIPTION_CHARACTERS_MAX);
    let scenario = body.optional_text("scenario", 64);
    let collect_from = body.optional("collect_from", Instrument::parse);
    let order = body.optional_text("order", limits::EXTERNAL_REFERENCE_CHARACTERS_MAX);
    let number_range = body.optional_text("virtual_iban_range", limits::NAME_CHARACTERS_MAX);
    let payment_reference = body.optional("payment_reference", |text| {
        let reference = PaymentReference::parse(text).map_err(|error| error.to_string())?;
        let found = reference.can_be_found();
        if found { Ok(reference) } else { Err("at least five symbols, so that it can be found".to_owned()) }
    });
    let customer_ref = body.optional_text("customer_ref", limits::EXTERNAL_REFERENCE_CHARACTERS_MAX);
    let customer = body.object_at("customer", customer_ref.is_none());
    let customer = customer.and_then(|mut inner| {
        let row = described(&mut inner);
        body.close(inner);
        row
    });
    body.finish()?;
    let customer_ref = customer_ref.or_else(|| customer.as_ref().map(|row| row.profile.external_ref.to_string()));
    let (Some(external_ref), Some(amount), Some(due_on), Some(customer_ref)) =
        (external_ref, amount, due_on, customer_ref)
    else {
        return Err(Problem::bad_request("the body cannot be used"));
    };
    let row = InvoiceRow {
        customer,
        customer_ref,
        external_ref,
        amount,
        issued_on,
        due_on,
        description: description.unwrap_or_default(),
        scenario,
        collect_from,
        payment_reference,
        order: order.map(Into::into),
        number_range: number_range.map(Into::into),
    };
    let held = app.keys.hold(&request, &tenant, &bytes)?;
    let service = &app.service;
    let (id, _) =
        admit_invoice(&service.router, &tenant, &row, held.command, Origin::Api, Priority::Interactive).await?;
    let replayed = held.replayed;
    held.done();
    let view = view(&app, &tenant, id).await?;
    Ok(created(&format!("/v1/payment-requests/{id}"), replayed, &view))
}

pub(super) async fn view(app: &App, tenant: &TenantId, id: PaymentRequestId) -> Result<Json, Problem> {
    let entity_id = EntityId::PaymentRequest(id);
    let (_, entity, _) = app.service.router.read(entity_id, 0).await?;
    match entity.as_ref() {
        Entity::PaymentRequest(state) if state.terms.is_some() && owned(app, tenant, entity_id).await => {
            let mut json = views::payment_request(id, state);
            let link = callbacks(&app.service.config).map(|known| known.payment_page(id));
            if let Some(json) = json.as_object_mut() {
                json.insert("payment_link".to_owned(), link.into());
            }
            Ok(json)
        }
        _ => Err(Problem::not_found(format!("payment request {id} is not known"))),
    }
}

pub(super) fn request_id(text: &str) -> Result<PaymentRequestId, Problem> {
    match entity_id(text)? {
        EntityId::PaymentRequest(id) => Ok(id),
        _ => Err(Problem::not_found(format!("{text} is not a payment request"))),
    }
}

pub(super) async fn read(app: Shared, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    Ok(HttpResponse::Ok().json(view(&app, &tenant, request_id(&id)?).await?))
}

/// Open requests that are collected.
pub(super) async fn collections(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    page(&app, &tenant, List::Collections, &request).await
}

/// Whose request it is.
pub(super) async fn customer_of(app: &App, id: PaymentRequestId) -> Result<CustomerId, Problem> {
    let (_, entity, _) = app.service.router.read(EntityId::PaymentRequest(id), 0).await?;
    let terms = entity.as_payment_request().and_then(|state| state.terms.as_ref());
    let customer = terms.map(|terms| terms.customer);
    customer.ok_or_else(|| Problem::not_found(format!("payment request {id} is not known")))
}

pub(super) async fn list(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    page(&app, &tenant, List::PaymentRequests, &request).await
}

pub(super) async fn timeline(
    app: Shared, request: HttpRequest, id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let id = request_id(&id)?;
    view(&app, &tenant, id).await?;
    let (_, _, events) = app.service.router.read(EntityId::PaymentRequest(id), TIMELINE_EVENTS_MAX).await?;
    let data: Vec<Json> = events.iter().map(export::event_json).collect();
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}

/// The steps of the reminder scenario, and how each stands.
pub(super) async fn steps(app: Shared, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let id = request_id(&id)?;
    view(&app, &tenant, id).await?;
    let (_, entity, events) = app.service.router.read(EntityId::PaymentRequest(id), TIMELINE_EVENTS_MAX).await?;
    let policies = app.service.router.ports().tenants.policies(&tenant);
    let known = entity.as_payment_request().zip(policies.as_deref());
    let steps = known.map_or_else(Vec::new, |(state, policies)| steps::progress(state, &events, policies));
    let data: Vec<Json> = steps.iter().map(views::step).collect();
    let scenario = known.and_then(|(state, _)| state.terms.as_ref()?.scenario.as_deref());
    Ok(HttpResponse::Ok().json(json!({ "scenario": scenario, "data": data })))
}

/// What is owed beside the amount by the end of a day, today when none is named (`?on=YYYY-MM-DD`).
pub(super) async fn late_charges(
    app: Shared, request: HttpRequest, id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let id = request_id(&id)?;
    view(&app, &tenant, id).await?;
    let query = web::Query::<BTreeMap<String, String>>::from_query(request.query_string())
        .map_err(|error| Problem::bad_request(error.to_string()))?;
    let known = app.service.config.service.tenant(&tenant);
    let known = known.ok_or_else(|| Problem::not_found("the tenant is not configured any more"))?;
    let on = match query.get("on") {
        None => app.service.clocks.now(&tenant).date_in(&known.zone),
        Some(text) => Date::parse(text).map_err(|error| Problem::bad_request(format!("on=\"{text}\": {error}")))?,
    };
    let charges = match &known.late_terms {
        Some(terms) => late::charges(&app.service.router, terms, id, on, &known.zone).await?,
        None => None,
    };
    Ok(HttpResponse::Ok().json(views::late_charges(charges.as_ref(), on)))
}

pub(super) async fn report_attempt(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let bytes = received(bytes)?;
    let tenant = tenant(&app, &request)?;
    let id = request_id(&id)?;
    let mut body = Body::parse(&bytes)?;
    let reference = body.text("attempt_ref", 128);
    let amount = body.money("amount");
    let succeeded = body.required("result", |text| match text {
        "succeeded" => Ok(Reported::Succeeded),
        "failed" => Ok(Reported::Failed),
        "reversed" => Ok(Reported::Reversed),
        _ => Err("expected succeeded, failed or reversed"),
    });
    let reason_code = match succeeded {
        Some(Reported::Failed | Reported::Reversed) => body.text("reason_code", 35),
        _ => body.optional_text("reason_code", 35),
    };
    let advice = body.optional_text("advice_code", 35);
    body.finish()?;
    let (Some(reference), Some(amount), Some(succeeded)) = (reference, amount, succeeded) else {
        return Err(Problem::bad_request("the body cannot be used"));
    };
    let attempt = attempt_id(id, &reference);
    let reason_code = || reason_code.unwrap_or_default().into();
    let command = match succeeded {
        Reported::Succeeded => {
            Command::ReportAttempt(AttemptReport { attempt, amount, result: AttemptResult::Succeeded })
        }
        Reported::Failed => {
            let result = AttemptResult::Failed { reason_code: reason_code(), advice: advice.map(Into::into) };
            Command::ReportAttempt(AttemptReport { attempt, amount, result })
        }
        Reported::Reversed => Command::ReturnAttempt { attempt, reason_code: reason_code() },
    };
    write(&app, &request, &tenant, id, &bytes, command).await
}

/// Numbers of attempts of one request that are looked at: as many as are kept.
const ATTEMPT_NUMBERS: u16 = 200;

/// What a provider reports of an attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reported {
    Succeeded,
    Failed,
    /// It had succeeded, and the money went back.
    Reversed,
}

/// The provider's own reference makes the attempt the same one on every report; an attempt that was
/// ordered here has its own id.
pub(super) fn attempt_id(id: PaymentRequestId, reference: &str) -> AttemptId {
    if let Ok(ordered) = AttemptId::parse(reference)
        && (1..=ATTEMPT_NUMBERS).any(|number| attempt_of(id, number) == ordered)
    {
        return ordered;
    }
    if let Some((_, ordered)) = attempt_named(reference).filter(|(request, _)| *request == id) {
        return ordered;
    }
    let number = xxhash_rust::xxh3::xxh3_64(format!("{id}\u{1f}{reference}").as_bytes());
    AttemptId::new(Timestamp::default(), number, id.partition())
}

pub(super) async fn cancel(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let bytes = received(bytes)?;
    let tenant = tenant(&app, &request)?;
    let id = request_id(&id)?;
    let mut body = Body::parse(&bytes)?;
    let reason = body.text("reason", 200);
    body.finish()?;
    let reason = reason.ok_or_else(|| Problem::bad_request("the body cannot be used"))?;
    write(&app, &request, &tenant, id, &bytes, Command::Cancel { reason: reason.into() }).await
}

/// Gives up what is left: `reason`, and `by` whom.
pub(super) async fn write_off(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    said(&app, &request, &id, bytes, |reason| Command::WriteOff { reason }).await
}

/// Has nothing collected any more: `reason`, and `by` whom.
pub(super) async fn stop_collection(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    said(&app, &request, &id, bytes, |reason| Command::StopCollection { reason }).await
}

/// Asks again for what was given up: `reason`, and `by` whom.
pub(super) async fn undo_write_off(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    said(&app, &request, &id, bytes, |reason| Command::UndoWriteOff { reason }).await
}

/// Submits what a person says with a reason.
async fn said(
    app: &App, request: &HttpRequest, id: &str, bytes: Received, command: impl FnOnce(SmolStr) -> Command,
) -> Result<HttpResponse, Problem> {
    let bytes = received(bytes)?;
    let tenant = tenant(app, request)?;
    let id = request_id(id)?;
    let mut body = Body::parse(&bytes)?;
    let (by, reason) = (body.text("by", 100), body.text("reason", 200));
    body.finish()?;
    let said = by.zip(reason).map(|(by, reason)| format_smolstr!("{by}: {reason}"));
    let reason = said.ok_or_else(|| Problem::bad_request("the body cannot be used"))?;
    write(app, request, &tenant, id, &bytes, command(reason)).await
}

/// `GET /v1/reminders`: requests of which a reminder waits for a person.
pub(super) async fn reminders(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    page(&app, &tenant, List::Reminders, &request).await
}

/// Has a reminder leave that waits for a person: `by` whom.
pub(super) async fn approve(
    app: Shared, request: HttpRequest, path: web::Path<(String, String)>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let bytes = received(bytes)?;
    let (tenant, (id, step)) = (tenant(&app, &request)?, path.into_inner());
    let id = request_id(&id)?;
    let mut body = Body::parse(&bytes)?;
    let by = body.text("by", 64);
    body.finish()?;
    let by = by.ok_or_else(|| Problem::bad_request("the body cannot be used"))?;
    let command = Command::ApproveReminder { step: step.into(), by: by.into() };
    write(&app, &request, &tenant, id, &bytes, command).await
}

/// The number of a request's invoice.
async fn number_of(app: &Shared, tenant: &TenantId, id: PaymentRequestId) -> Result<String, Problem> {
    view(app, tenant, id).await?;
    let (_, entity, _) = app.service.router.read(EntityId::PaymentRequest(id), 0).await?;
    let number = entity.as_payment_request().and_then(|state| Some(state.terms.as_ref()?.external_ref.to_string()));
    number.ok_or_else(|| Problem::not_found(format!("payment request {id} is not known")))
}

/// `POST /v1/payment-requests/{id}/document`: the invoice itself, as a PDF.
pub(super) async fn keep_document(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant, id) = (received(bytes)?, tenant(&app, &request)?, request_id(&id)?);
    let number = number_of(&app, &tenant, id).await?;
    let documents = app.service.documents.clone();
    let kept = web::block(move || documents.put(&tenant, &number, &bytes)).await;
    match kept.map_err(|error| Problem::overloaded(error.to_string()))? {
        Ok(()) => Ok(HttpResponse::Created().json(json!({ "payment_request": id.to_string() }))),
        Err(Refusal::Io(error)) => Err(Problem::internal(error.to_string())),
        Err(refusal) => Err(Problem::bad_request(refusal.to_string())),
    }
}

/// `GET /v1/payment-requests/{id}/document`.
pub(super) async fn document(
    app: Shared, request: HttpRequest, id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (tenant, id) = (tenant(&app, &request)?, request_id(&id)?);
    let number = number_of(&app, &tenant, id).await?;
    pdf(&app, &tenant, number).await
}

/// The document of an invoice, to be saved.
pub(crate) async fn pdf(app: &Shared, tenant: &TenantId, number: String) -> Result<HttpResponse, Problem> {
    let (documents, tenant, name) = (app.service.documents.clone(), tenant.clone(), file_name(&number));
    let read = web::block(move || documents.get(&tenant, &number)).await;
    let read = read.map_err(|error| Problem::overloaded(error.to_string()))?;
    let bytes = read.map_err(|error| Problem::internal(error.to_string()))?;
    let bytes = bytes.ok_or_else(|| Problem::not_found("there is no document of this invoice"))?;
    Ok(HttpResponse::Ok()
        .content_type("application/pdf")
        .insert_header(("Content-Disposition", format!("attachment; filename=\"{name}\"")))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .body(bytes))
}

/// Has its reminders be those of another `scenario`, or none without one: `by` whom and for what `reason`.
pub(super) async fn follow_scenario(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant, id) = (received(bytes)?, tenant(&app, &request)?, request_id(&id)?);
    let mut body = Body::parse(&bytes)?;
    let scenario = body.optional_text("scenario", 100);
    let (by, reason) = (body.text("by", 100), body.text("reason", 200));
    body.finish()?;
    let said = by.zip(reason).map(|(by, reason)| format_smolstr!("{by}: {reason}"));
    let reason = said.ok_or_else(|| Problem::bad_request("the body cannot be used"))?;
    let command = Command::FollowScenario { scenario: scenario.map(Into::into), reason, by_rule: false };
    write(&app, &request, &tenant, id, &bytes, command).await
}

/// Has it not leave: `by` whom and for what `reason`.
pub(super) async fn reject(
    app: Shared, request: HttpRequest, path: web::Path<(String, String)>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (id, step) = path.into_inner();
    said(&app, &request, &id, bytes, |said| Command::RejectReminder { step: step.into(), said }).await
}

/// Pays a request from the customer's credit, as far as it goes.
pub(super) async fn use_credit(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let bytes = received(bytes)?;
    let tenant = tenant(&app, &request)?;
    let id = request_id(&id)?;
    view(&app, &tenant, id).await?;
    let tell = Tell::Customer(customer_of(&app, id).await?, customer::Command::UseCredit { request: id });
    submit(&app, &request, &tenant, id, &bytes, tell).await
}

/// Submits a command of one request and answers with what it is now.
pub(super) async fn write(
    app: &App, request: &HttpRequest, tenant: &TenantId, id: PaymentRequestId, bytes: &[u8], command: Command,
) -> Result<HttpResponse, Problem> {
    view(app, tenant, id).await?;
    submit(app, request, tenant, id, bytes, Tell::PaymentRequest(id, command)).await
}

/// Submits what is told about a request of the tenant and answers with what it is now.
pub(super) async fn submit(
    app: &App, request: &HttpRequest, tenant: &TenantId, id: PaymentRequestId, bytes: &[u8], tell: Tell,
) -> Result<HttpResponse, Problem> {
    let replayed = super::submit(app, request, tenant, bytes, |_| tell).await?;
    let view = view(app, tenant, id).await?;
    Ok(created(&format!("/v1/payment-requests/{id}"), replayed, &view))
}
