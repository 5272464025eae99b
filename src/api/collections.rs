//! Collections: mandates, holds, wishes, promises and disputes of a customer and its requests.

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::collection::{Hold, Instrument, Mandate, MandateKind, NOTICE_DAYS_MAX};
use quittance_actors::customer;
use quittance_actors::machine::Tell;
use quittance_actors::payment_request::Command;
use quittance_actors::values::{CustomerId, Date, EntityId, Iban, TenantId, bic, sepa_identifier};

use super::body::{Body, Received, received};
use super::customers::{submit as submit_customer, view as customer_view};
use super::payment_requests::{
    customer_of, request_id, submit as submit_request, view as request_view, write as write_request,
};
use super::{App, Problem, Shared, channel_of_people, entity_id, tenant};

pub(super) fn unusable() -> Problem {
    Problem::bad_request("the body cannot be used")
}

pub(super) fn customer_id(text: &str) -> Result<CustomerId, Problem> {
    match entity_id(text)? {
        EntityId::Customer(id) => Ok(id),
        _ => Err(Problem::not_found(format!("{text} is not a customer"))),
    }
}

/// Submits a command of one customer and answers with what it is now.
pub(super) async fn write(
    app: &App, request: &HttpRequest, tenant: &TenantId, id: CustomerId, bytes: &[u8], command: customer::Command,
) -> Result<HttpResponse, Problem> {
    customer_view(app, tenant, id).await?;
    submit_customer(app, request, tenant, id, bytes, command).await
}

pub(super) async fn sign_mandate(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant, id) = (received(bytes)?, tenant(&app, &request)?, customer_id(&id)?);
    let mut body = Body::parse(&bytes)?;
    let reference = body.required("reference", sepa_identifier);
    let iban = body.required("iban", Iban::parse);
    let bank = body.optional("bic", bic);
    let signed_on = body.required("signed_on", Date::parse);
    let kind = body.optional("kind", MandateKind::parse);
    let notice_days = body.optional_integer("notice_days", 0..=i64::from(NOTICE_DAYS_MAX));
    body.finish()?;
    let (Some(reference), Some(iban), Some(signed_on)) = (reference, iban, signed_on) else {
        return Err(unusable());
    };
    let mandate = Mandate {
        kind: kind.unwrap_or(MandateKind::CoreRecurrent),
        iban,
        bic: bank.map(Into::into),
        signed_on,
        notice_days: notice_days.and_then(|days| u16::try_from(days).ok()).unwrap_or(Mandate::NOTICE_DAYS),
    };
    let command = customer::Command::SignMandate { reference: reference.into(), mandate };
    write(&app, &request, &tenant, id, &bytes, command).await
}

pub(super) async fn end_instrument(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant, id) = (received(bytes)?, tenant(&app, &request)?, customer_id(&id)?);
    let mut body = Body::parse(&bytes)?;
    let instrument = body.required("instrument", Instrument::parse);
    let reason = body.text("reason", 200);
    body.finish()?;
    let (Some(instrument), Some(reason)) = (instrument, reason) else { return Err(unusable()) };
    let command = customer::Command::EndInstrument { instrument, reason: reason.into() };
    write(&app, &request, &tenant, id, &bytes, command).await
}

pub(super) async fn place_hold(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant, id) = (received(bytes)?, tenant(&app, &request)?, customer_id(&id)?);
    let mut body = Body::parse(&bytes)?;
    let (hold, until) = (body.required("kind", Hold::parse), body.optional("until", Date::parse));
    body.finish()?;
    let hold = hold.ok_or_else(unusable)?;
    write(&app, &request, &tenant, id, &bytes, customer::Command::PlaceHold { hold, until }).await
}

pub(super) async fn lift_hold(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant, id) = (received(bytes)?, tenant(&app, &request)?, customer_id(&id)?);
    let mut body = Body::parse(&bytes)?;
    let hold = body.required("kind", Hold::parse);
    body.finish()?;
    let hold = hold.ok_or_else(unusable)?;
    write(&app, &request, &tenant, id, &bytes, customer::Command::LiftHold { hold }).await
}

pub(super) async fn opt_out(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant, id) = (received(bytes)?, tenant(&app, &request)?, customer_id(&id)?);
    let mut body = Body::parse(&bytes)?;
    let channel = body.required("channel", channel_of_people);
    let out = body.flag("opted_out", true);
    body.finish()?;
    let channel = channel.ok_or_else(unusable)?;
    write(&app, &request, &tenant, id, &bytes, customer::Command::SetOptOut { channel, out }).await
}

pub(super) async fn suspend(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant, id) = (received(bytes)?, tenant(&app, &request)?, customer_id(&id)?);
    let mut body = Body::parse(&bytes)?;
    let reason = body.text("reason", 200);
    body.finish()?;
    let reason = reason.ok_or_else(unusable)?.into();
    write(&app, &request, &tenant, id, &bytes, customer::Command::SuspendRecurring { reason }).await
}

pub(super) async fn resume(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant, id) = (received(bytes)?, tenant(&app, &request)?, customer_id(&id)?);
    Body::parse(&bytes)?.finish()?;
    write(&app, &request, &tenant, id, &bytes, customer::Command::ResumeRecurring).await
}

/// Has a request collected from a card or mandate of its customer.
pub(super) async fn collect(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant, id) = (received(bytes)?, tenant(&app, &request)?, request_id(&id)?);
    let mut body = Body::parse(&bytes)?;
    let (instrument, policy) = (body.required("instrument", Instrument::parse), body.optional_text("policy", 64));
    body.finish()?;
    let instrument = instrument.ok_or_else(unusable)?;
    request_view(&app, &tenant, id).await?;
    let customer = customer_of(&app, id).await?;
    let command = customer::Command::Collect { request: id, instrument, policy: policy.map(Into::into), again: true };
    submit_request(&app, &request, &tenant, id, &bytes, Tell::Customer(customer, command)).await
}

pub(super) async fn promise(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant, id) = (received(bytes)?, tenant(&app, &request)?, request_id(&id)?);
    let mut body = Body::parse(&bytes)?;
    let on = body.required("on", Date::parse);
    body.finish()?;
    let on = on.ok_or_else(unusable)?;
    write_request(&app, &request, &tenant, id, &bytes, Command::Promise { on }).await
}

pub(super) async fn dispute(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant, id) = (received(bytes)?, tenant(&app, &request)?, request_id(&id)?);
    let mut body = Body::parse(&bytes)?;
    let reason = body.text("reason", 200);
    body.finish()?;
    let reason = reason.ok_or_else(unusable)?.into();
    write_request(&app, &request, &tenant, id, &bytes, Command::Dispute { reason }).await
}

pub(super) async fn end_dispute(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant, id) = (received(bytes)?, tenant(&app, &request)?, request_id(&id)?);
    let mut body = Body::parse(&bytes)?;
    let outcome = body.text("outcome", 200);
    body.finish()?;
    let outcome = outcome.ok_or_else(unusable)?.into();
    write_request(&app, &request, &tenant, id, &bytes, Command::EndDispute { outcome }).await
}
