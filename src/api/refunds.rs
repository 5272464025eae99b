//! Refunds of what was paid: noted, when somebody else makes them, or made by who has collected the money from a card.

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::machine::Tell;
use quittance_actors::payment_request::{Command, PaymentRequest, RefundOrder, attempt_of};
use quittance_actors::values::{EntityId, PaymentRequestId, PayoutId};
use serde_json::{Value as Json, json};
use smol_str::SmolStr;

use super::body::{Body, Received, received};
use super::payment_requests::{customer_of, request_id, view};
use super::payouts::{by_program, payout_of};
use super::{App, Problem, Shared, created, submit, tenant};

fn unusable() -> Problem {
    Problem::bad_request("the body cannot be used")
}

/// `POST /v1/payment-requests/{id}/refunds`.
pub(super) async fn refund(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant, id) = (received(bytes)?, tenant(&app, &request)?, request_id(&id)?);
    let mut body = Body::parse(&bytes)?;
    let (key, amount) = (body.text("refund_ref", 128), body.money("amount"));
    let by_collector = body.optional("made_by", |text| match text {
        "elsewhere" => Ok(false),
        "collector" => Ok(true),
        _ => Err("expected elsewhere or collector"),
    });
    let by_collector = by_collector.unwrap_or(false);
    let said = (body.optional_text("by", 64), body.optional_text("reason", 140));
    body.finish()?;
    let (key, amount) = key.zip(amount).ok_or_else(unusable)?;
    let said = match (by_collector, said) {
        (true, (Some(by), Some(reason))) if !by.is_empty() => Some((by, reason)),
        (false, (None, None)) => None,
        (true, _) => return Err(Problem::bad_request("by and reason: expected with made_by collector")),
        (false, _) => return Err(Problem::bad_request("by and reason: they are of made_by collector only")),
    };
    if let Some((by, _)) = &said {
        by_program(&app, by)?;
    }
    view(&app, &tenant, id).await?;
    let creditor = if by_collector { name_of_payer(&app, id).await? } else { SmolStr::default() };
    let replayed = submit(&app, &request, &tenant, &bytes, |command| {
        let order = said.map(|(by, reason)| RefundOrder {
            payout: payout_of(command, id.partition()),
            creditor,
            by: by.into(),
            reason: reason.into(),
        });
        Tell::PaymentRequest(id, Command::InitiateRefund { key: key.into(), amount, order })
    });
    let replayed = replayed.await?;
    Ok(created(&format!("/v1/payment-requests/{id}"), replayed, &view(&app, &tenant, id).await?))
}

/// Who is paid back.
pub(crate) async fn name_of_payer(app: &App, id: PaymentRequestId) -> Result<SmolStr, Problem> {
    let customer = customer_of(app, id).await?;
    let (_, entity, _) = app.service.router.read(EntityId::Customer(customer), 0).await?;
    let profile = entity.as_customer().and_then(|state| state.profile.as_ref());
    Ok(profile.map(|profile| profile.name.clone()).unwrap_or_default())
}

/// The id of a payout that somebody asks for by a form.
pub(crate) fn payout_of_form(id: PaymentRequestId, key: &str) -> PayoutId {
    let hash = xxhash_rust::xxh3::xxh3_64(format!("{id}\u{1f}{key}").as_bytes());
    PayoutId::new(crate::clock::system_now(), hash, id.partition())
}

/// The refunds of a request.
pub(super) fn shown(id: PaymentRequestId, state: &PaymentRequest) -> Vec<Json> {
    let shown = state.rare.refunds.iter().map(|(key, amount)| {
        let ordered = state.rare.refund_orders.get(key);
        json!({
            "refund_ref": key,
            "amount": amount,
            "payout": ordered.map(|ordered| ordered.payout),
            "attempt": ordered.map(|ordered| attempt_of(id, ordered.number)),
            "failed": ordered.is_some_and(|ordered| ordered.failed),
        })
    });
    shown.collect()
}
