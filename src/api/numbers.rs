//! Account numbers of their own: of customers, and of payment requests.

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::account_numbers::Given;
use quittance_actors::customer::Command;
use quittance_actors::machine::Tell;
use quittance_actors::payment_request;
use quittance_actors::runtime::next_number;
use quittance_actors::values::{CustomerId, PaymentRequestId, TenantId};

use super::body::{Body, Received, received};
use super::problem::Problem;
use super::{App, Shared, created, customers, payment_requests, tenant};

/// `POST /v1/customers/{id}/virtual-iban`: gives a customer without one an account number of its own.
pub(super) async fn give(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant) = (received(bytes)?, tenant(&app, &request)?);
    let id = CustomerId::parse(&id).map_err(|error| Problem::not_found(error.to_string()))?;
    Body::parse(&bytes)?.finish()?;
    customers::view(&app, &tenant, id).await?;
    let given = drawn(&app, &tenant).await?;
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
    Body::parse(&bytes)?.finish()?;
    payment_requests::view(&app, &tenant, id).await?;
    let give = payment_request::Command::GiveNumber(drawn(&app, &tenant).await?);
    let replayed = super::submit(&app, &request, &tenant, &bytes, |_| Tell::PaymentRequest(id, give)).await?;
    let view = payment_requests::view(&app, &tenant, id).await?;
    Ok(created(&format!("/v1/payment-requests/{id}"), replayed, &view))
}

/// The next number of the tenant's range.
async fn drawn(app: &App, tenant: &TenantId) -> Result<Given, Problem> {
    let known = app.service.config.service.tenant(tenant);
    let numbers = known.and_then(|tenant| tenant.virtual_ibans.as_ref());
    let numbers = numbers.ok_or_else(|| Problem::conflict("no_pool", "the tenant has no [tenant.virtual_ibans]"))?;
    Ok(next_number(&app.service.router, tenant, &numbers.pool).await?)
}
