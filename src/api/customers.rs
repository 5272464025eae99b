//! Customers.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::collection::CardScheme;
use quittance_actors::customer::{Command, Gives, Kind, Profile};
use quittance_actors::limits;
use quittance_actors::machine::Tell;
use quittance_actors::partition::{Entity, Origin};
use quittance_actors::runtime::{CustomerRow, Priority, admit_customer};
use quittance_actors::values::{CustomerId, Date, EmailAddress, EntityId, Language, PhoneNumber, TenantId, Zone};
use serde_json::Value as Json;
use smol_str::SmolStr;

use super::body::{Body, Received, received};
use super::lists::page;
use super::{App, Problem, Shared, created, entity_id, tenant, views};
use crate::store::List;

pub(super) fn kind(text: &str) -> Result<Kind, &'static str> {
    match text {
        "consumer" => Ok(Kind::Consumer),
        "business" => Ok(Kind::Business),
        _ => Err("expected consumer or business"),
    }
}

/// Reads who a customer is, in which time zone it lives and which range its account number is of, if that is said.
pub(super) fn described(body: &mut Body) -> Option<CustomerRow> {
    let external_ref = body.text("external_ref", limits::EXTERNAL_REFERENCE_CHARACTERS_MAX);
    let name = body.text("name", limits::NAME_CHARACTERS_MAX);
    let kind = body.optional("kind", kind).unwrap_or_default();
    let email = body.optional("email", EmailAddress::parse);
    let country = body.optional_text("country", 2);
    let phone = body.optional("phone", |text| PhoneNumber::parse(text, country.as_deref()));
    let language = body.optional("language", Language::parse).unwrap_or_default();
    let zone = body.optional("zone", Zone::parse).map(|zone| zone.name().into());
    let number_range = body.optional_text("virtual_iban_range", limits::NAME_CHARACTERS_MAX).map(SmolStr::from);
    let profile = Profile { external_ref: external_ref?.into(), kind, name: name?.into(), email, phone, language };
    Some(CustomerRow { profile, gives: Gives::ALL, zone, number_range })
}

pub(super) async fn create(app: Shared, request: HttpRequest, bytes: Received) -> Result<HttpResponse, Problem> {
    let bytes = received(bytes)?;
    let tenant = tenant(&app, &request)?;
    let mut body = Body::parse(&bytes)?;
    let row = described(&mut body);
    body.finish()?;
    let row = row.ok_or_else(|| Problem::bad_request("the body cannot be used"))?;
    let held = app.keys.hold(&request, &tenant, &bytes)?;
    let service = &app.service;
    let (id, _) =
        admit_customer(&service.router, &tenant, &row, held.command, Origin::Api, Priority::Interactive).await?;
    let replayed = held.replayed;
    held.done();
    let view = view(&app, &tenant, id).await?;
    Ok(created(&format!("/v1/customers/{id}"), replayed, &view))
}

pub(super) async fn view(app: &App, tenant: &TenantId, id: CustomerId) -> Result<Json, Problem> {
    let (_, entity, _) = app.service.router.read(EntityId::Customer(id), 0).await?;
    match entity.as_ref() {
        Entity::Customer(state) if state.profile.is_some() && owned(app, tenant, EntityId::Customer(id)).await => {
            Ok(views::customer(id, state))
        }
        _ => Err(Problem::not_found(format!("customer {id} is not known"))),
    }
}

/// Whether an entity belongs to the tenant: tenants are kept apart on every read.
pub(crate) async fn owned(app: &App, tenant: &TenantId, id: EntityId) -> bool {
    // An id is 128 bits and never shown to another tenant, but a guess must not help.
    let history = app.service.router.read(id, 1).await;
    history.is_ok_and(|(_, _, events)| !events.is_empty() && events.iter().all(|event| event.tenant == *tenant))
}

pub(super) async fn read(app: Shared, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    match entity_id(&id)? {
        EntityId::Customer(id) => Ok(HttpResponse::Ok().json(view(&app, &tenant, id).await?)),
        _ => Err(Problem::not_found(format!("{id} is not a customer"))),
    }
}

/// Customers; with `?tasks=open` those about whom a person is to do something.
pub(super) async fn list(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let query = web::Query::<BTreeMap<String, String>>::from_query(request.query_string());
    let list = match query.ok().and_then(|mut query| query.remove("tasks")).as_deref() {
        None => List::Customers,
        Some("open") => List::CustomerTasks,
        Some(_) => return Err(Problem::bad_request("tasks: expected open")),
    };
    page(&app, &tenant, list, &request).await
}

pub(super) async fn add_payment_method(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let bytes = received(bytes)?;
    let tenant = tenant(&app, &request)?;
    let EntityId::Customer(id) = entity_id(&id)? else {
        return Err(Problem::not_found(format!("{id} is not a customer")));
    };
    let mut body = Body::parse(&bytes)?;
    let token = body.text("token", 128);
    let last4 = body.required("last4", |text| {
        let four = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
        if four { Ok(text.to_owned()) } else { Err("expected four digits") }
    });
    let year = body.integer("expires_year", 2_000..=2_100);
    let month = body.integer("expires_month", 1..=12);
    let backs_recurring = body.flag("backs_recurring", false);
    let scheme = body.optional("scheme", CardScheme::parse);
    body.finish()?;
    let expires = year.zip(month).and_then(|(year, month)| {
        Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, 1).map(Date::month_end)
    });
    let (Some(token), Some(last4), Some(expires_on)) = (token, last4, expires) else {
        return Err(Problem::bad_request("the body cannot be used"));
    };
    view(&app, &tenant, id).await?;
    let (token, last4) = (token.into(), last4.into());
    let command = Command::AddPaymentMethod { token, last4, expires_on, backs_recurring, scheme };
    submit(&app, &request, &tenant, id, &bytes, command).await
}

/// Submits a command of a customer of the tenant and answers with what it is now.
pub(super) async fn submit(
    app: &App, request: &HttpRequest, tenant: &TenantId, id: CustomerId, bytes: &[u8], command: Command,
) -> Result<HttpResponse, Problem> {
    let replayed = super::submit(app, request, tenant, bytes, |_| Tell::Customer(id, command)).await?;
    Ok(created(&format!("/v1/customers/{id}"), replayed, &view(app, tenant, id).await?))
}
