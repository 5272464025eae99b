//! Account numbers of their own: of customers, and of payment requests.

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::account_numbers::{AccountRange, Given, Owner};
use quittance_actors::customer::Command;
use quittance_actors::limits;
use quittance_actors::machine::Tell;
use quittance_actors::payment_request;
use quittance_actors::runtime::number_asked;
use quittance_actors::values::{CustomerId, PaymentRequestId, TenantId};

use serde_json::{Value as Json, json};

use super::body::{Body, Received, received};
use super::problem::Problem;
use super::{App, Shared, created, customers, payment_requests, tenant};

/// `POST /v1/customers/{id}/virtual-iban`: gives a customer without one an account number of its own.
pub(super) async fn give(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant) = (received(bytes)?, tenant(&app, &request)?);
    let id = CustomerId::parse(&id).map_err(|error| Problem::not_found(error.to_string()))?;
    let range = range_named(&bytes)?;
    customers::view(&app, &tenant, id).await?;
    let given = drawn(&app, &tenant, Owner::Customer, range).await?;
    customers::submit(&app, &request, &tenant, id, &bytes, Command::GiveNumber(given)).await
}

/// `POST /v1/customers/{id}/virtual-iban/release`: its account number is its own no more, and nobody's for
/// thirteen months.
pub(super) async fn release(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant) = (received(bytes)?, tenant(&app, &request)?);
    let id = CustomerId::parse(&id).map_err(|error| Problem::not_found(error.to_string()))?;
    let mut body = Body::parse(&bytes)?;
    let reason = body.text("reason", 200);
    body.finish()?;
    let reason = reason.ok_or_else(|| Problem::bad_request("the body cannot be used"))?.into();
    customers::view(&app, &tenant, id).await?;
    customers::submit(&app, &request, &tenant, id, &bytes, Command::ReleaseNumber { reason }).await
}

/// `POST /v1/payment-requests/{id}/virtual-iban`: gives an open request without one an account number of its own.
pub(super) async fn give_request(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant) = (received(bytes)?, tenant(&app, &request)?);
    let id = PaymentRequestId::parse(&id).map_err(|error| Problem::not_found(error.to_string()))?;
    let range = range_named(&bytes)?;
    payment_requests::view(&app, &tenant, id).await?;
    let give = payment_request::Command::GiveNumber(drawn(&app, &tenant, Owner::Request, range).await?);
    let replayed = super::submit(&app, &request, &tenant, &bytes, |_| Tell::PaymentRequest(id, give)).await?;
    let view = payment_requests::view(&app, &tenant, id).await?;
    Ok(created(&format!("/v1/payment-requests/{id}"), replayed, &view))
}

/// The range that a body names, if it names one.
fn range_named(bytes: &[u8]) -> Result<Option<String>, Problem> {
    let mut body = Body::parse(bytes)?;
    let range = body.optional_text("virtual_iban_range", limits::NAME_CHARACTERS_MAX);
    body.finish()?;
    Ok(range)
}

async fn drawn(app: &App, tenant: &TenantId, owner: Owner, range: Option<String>) -> Result<Given, Problem> {
    Ok(number_asked(&app.service.router, tenant, owner, range.as_deref()).await?)
}

/// The ranges of a tenant, and how far each is drawn.
pub(crate) fn ranges_of(app: &App, tenant: &TenantId) -> Vec<Json> {
    let router = &app.service.router;
    let policies = router.ports().tenants.policies(tenant);
    let numbers = policies.as_ref().and_then(|policies| policies.account_numbers.as_ref());
    let shown = |range: &AccountRange| {
        let drawn = router.ports().directory.drawn_of_pool(tenant, &range.pool).min(range.pool.size());
        json!({
            "name": range.name,
            "account": range.account.as_ref().map(|account| account.electronic()),
            "first": range.pool.at(0).ok().map(|number| number.iban().electronic().to_owned()),
            "given_to_customers": range.to_customers,
            "given_to_requests": range.to_requests,
            "size": range.pool.size(),
            "drawn": drawn,
            "left": range.pool.size() - drawn,
        })
    };
    numbers.into_iter().flat_map(|numbers| &numbers.ranges).map(shown).collect()
}

/// `GET /v1/virtual-iban-ranges`: the ranges that account numbers are given from, and how far each is drawn.
pub(super) async fn ranges(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    Ok(HttpResponse::Ok().json(json!({ "ranges": ranges_of(&app, &tenant) })))
}
