//! What a payment provider tells of an attempt by itself: a signed call, as the Standard Webhooks are signed.
//!
//! ```text
//! POST /callbacks/{tenant}/connectors/{connector}    webhook-id, webhook-timestamp, webhook-signature
//! { "end_to_end_id" │ "attempt" and "payment_request",
//!   "result": "succeeded" │ "failed" │ "reversed" │ "cancelled" │ "pending", "reason_code"?, "advice_code"? }
//! { "payout", "result": "succeeded" │ "failed" │ "pending", "reason_code"? }    of money that it was to give back
//! ```
//!
//! The same call may come any number of times.

use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use quittance_actors::machine::Tell;
use quittance_actors::partition::Origin;
use quittance_actors::payment_request::{AttemptNews, AttemptResult, Command, attempt_named};
use quittance_actors::payout::{self, Destination, payout_named};
use quittance_actors::ports::Clock as _;
use quittance_actors::runtime::Priority;
use quittance_actors::values::{AttemptId, Date, EntityId, PaymentRequestId, PayoutId, TenantId, stable_hash};

use super::body::Body;
use super::{Problem, Shared, owned};
use crate::assemble;
use crate::clock;
use crate::config::ConnectorKind;
use crate::inbound::command_of;

/// How far the time of a call may be from ours, in seconds. Source: Standard Webhooks, "verifying webhook authenticity".
const TOLERANCE_S: i64 = 300;

/// Takes over what a provider tells.
pub(super) async fn told(app: Shared, request: HttpRequest, bytes: Bytes) -> Result<HttpResponse, Problem> {
    let (tenant, connector, call) = entered(&app, &request, &bytes)?;
    let mut body = Body::parse(&bytes)?;
    let named = body.optional("end_to_end_id", |text| {
        let named = attempt_named(text).map(|(request, attempt)| Named::Attempt(request, attempt));
        named.or_else(|| payout_named(text).map(Named::Payout)).ok_or("it is not one of ours")
    });
    let attempt = body.optional("attempt", AttemptId::parse);
    let of = body.optional("payment_request", PaymentRequestId::parse);
    let payout = body.optional("payout", PayoutId::parse);
    let result = body.text("result", 20);
    let (reason_code, advice) = (body.optional_text("reason_code", 35), body.optional_text("advice_code", 35));
    body.finish_with_others()?;
    // An id that was used for something else is refused, and not taken for the same call.
    let id = command_of(&["provider", tenant.as_str(), &connector, &call]);
    let fingerprint = stable_hash(&[&String::from_utf8_lossy(&bytes)]);
    let (attempt_of, payout_of) = match named {
        Some(Named::Attempt(request, attempt)) => (Some((request, attempt)), None),
        Some(Named::Payout(payout)) => (None, Some(payout)),
        None => (None, None),
    };
    if payout.zip(payout_of).is_some_and(|(said, named)| said != named) || payout.is_some() && attempt_of.is_some() {
        return Err(Problem::bad_request("end_to_end_id: it is of another payout"));
    }
    if let Some(payout) = payout.or(payout_of) {
        let command = match (result.as_deref(), reason_code.filter(|code| !code.is_empty())) {
            (Some("succeeded"), _) => payout::Command::Execute { on: today(&app, &tenant)? },
            (Some("failed"), Some(code)) => payout::Command::Fail { reason: code.into() },
            (Some("failed"), None) => return Err(Problem::bad_request("reason_code: expected beside failed")),
            (Some("pending"), _) => return Ok(HttpResponse::Ok().body("noted")),
            _ => return Err(Problem::bad_request("result: expected succeeded, failed or pending")),
        };
        let to_card = its_payout(&app, &tenant, &connector, payout).await?;
        // What goes to an account is there when the bank says so.
        if !to_card && matches!(command, payout::Command::Execute { .. }) {
            return Ok(HttpResponse::Ok().body("noted"));
        }
        let tell = Tell::Payout(payout, command);
        app.service.router.submit(&tenant, tell, id, fingerprint, Origin::Api, Priority::Patient).await?;
        return Ok(HttpResponse::Ok().body("noted"));
    }
    let (request, attempt) = attempt_of
        .or(of.zip(attempt))
        .ok_or_else(|| Problem::bad_request("end_to_end_id: expected, or attempt and payment_request"))?;
    let reason = || {
        let code = reason_code.filter(|code| !code.is_empty());
        code.ok_or_else(|| Problem::bad_request("reason_code: expected beside failed and reversed")).map(Into::into)
    };
    let news = |news| Command::HearOfAttempt { attempt, news };
    let command = match result.as_deref() {
        Some("succeeded") => news(AttemptNews::Ended(AttemptResult::Succeeded)),
        Some("failed") => {
            let (reason_code, advice) = (reason()?, advice.map(Into::into));
            news(AttemptNews::Ended(AttemptResult::Failed { reason_code, advice }))
        }
        Some("reversed") => Command::ReturnAttempt { attempt, reason_code: reason()? },
        Some("cancelled") => news(AttemptNews::Cancelled),
        Some("pending") => news(AttemptNews::UnderWay),
        _ => {
            let expected = "result: expected succeeded, failed, reversed, cancelled or pending";
            return Err(Problem::bad_request(expected));
        }
    };
    let unknown = || Problem::not_found("there is no such attempt of this connector");
    if !owned(&app, &tenant, EntityId::PaymentRequest(request)).await {
        return Err(unknown());
    }
    // Who collects one attempt says nothing of those of others.
    let (_, entity, _) = app.service.router.read(EntityId::PaymentRequest(request), 0).await?;
    let attempts = entity.as_payment_request().map(|state| &state.attempts);
    let known = attempts.and_then(|attempts| attempts.get(&attempt)).ok_or_else(unknown)?;
    // Of those that were ordered before that was kept, nobody knows whose they are.
    if known.usage.is_none() || known.connector.as_deref().is_some_and(|of| of != connector) {
        return Err(unknown());
    }
    let tell = Tell::PaymentRequest(request, command);
    app.service.router.submit(&tenant, tell, id, fingerprint, Origin::Api, Priority::Patient).await?;
    Ok(HttpResponse::Ok().body("noted"))
}

/// What a call is about.
enum Named {
    Attempt(PaymentRequestId, AttemptId),
    Payout(PayoutId),
}

/// Whether it goes back to a card. A payout that this connector was not given is refused: who pays back one says nothing of
/// those of others.
async fn its_payout(app: &Shared, tenant: &TenantId, connector: &str, payout: PayoutId) -> Result<bool, Problem> {
    let unknown = || Problem::not_found("there is no such payout of this connector");
    if !owned(app, tenant, EntityId::Payout(payout)).await {
        return Err(unknown());
    }
    let (_, entity, _) = app.service.router.read(EntityId::Payout(payout), 0).await?;
    let details = entity.as_payout().and_then(|state| state.details.clone()).ok_or_else(unknown)?;
    let policies = app.service.router.ports().tenants.policies(tenant).ok_or_else(unknown)?;
    match &details.to {
        Destination::Collected { connector: of, .. } if of == connector => Ok(true),
        Destination::Account(_) if policies.payouts.connector.as_deref() == Some(connector) => Ok(false),
        _ => Err(unknown()),
    }
}

fn today(app: &Shared, tenant: &TenantId) -> Result<Date, Problem> {
    let policies = app.service.router.ports().tenants.policies(tenant);
    let policies = policies.ok_or_else(|| Problem::not_found("there is nothing at this address"))?;
    Ok(app.service.clocks.now(tenant).date_in(&policies.zone))
}

/// Whose call it is, and its id, if its signature is right and it is not an old one.
fn entered(app: &Shared, request: &HttpRequest, bytes: &Bytes) -> Result<(TenantId, String, String), Problem> {
    let unknown = || Problem::not_found("there is nothing at this address");
    let part = |name| request.match_info().get(name).unwrap_or_default();
    let (tenant, name) = (part("tenant"), part("connector"));
    let mut connectors = app.service.config.service.connectors.iter();
    let known = connectors.find(|known| known.tenant.as_str() == tenant && known.name == name).ok_or_else(unknown)?;
    let ConnectorKind::Http { asked, .. } = &known.kind else { return Err(unknown()) };
    let secret = asked.callback_secret.as_ref().ok_or_else(unknown)?;
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (id, sent_at) = (header("webhook-id"), header("webhook-timestamp"));
    let sent_at: i64 = sent_at.parse().map_err(|_| Problem::unsigned("webhook-timestamp: expected seconds"))?;
    let now = clock::system_now().unix_millis().div_euclid(1_000);
    let fits = (1..=200).contains(&id.len());
    if !fits || !assemble::is_signed(secret, header("webhook-signature"), (id, sent_at), bytes) {
        return Err(Problem::unsigned("webhook-signature: it is not of this call"));
    }
    if now.abs_diff(sent_at) > TOLERANCE_S.unsigned_abs() {
        return Err(Problem::unsigned("webhook-timestamp: more than five minutes off"));
    }
    Ok((known.tenant.clone(), name.to_owned(), id.to_owned()))
}
