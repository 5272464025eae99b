//! Payouts: money that is given back, from a customer's credit, as the return of a transfer or as a refund.

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::customer;
use quittance_actors::machine::Tell;
use quittance_actors::payment_request::attempt_of;
use quittance_actors::payout::{Command, Destination, Payout, Source, end_to_end_id};
use quittance_actors::transfer;
use quittance_actors::values::{CommandId, CustomerId, Date, EntityId, Iban, PayoutId, TenantId, TransferId};
use serde_json::{Value as Json, json};

use super::body::{Body, Received, received};
use super::customers::{owned, view as customer_view};
use super::lists::page;
use super::{App, Problem, Shared, caller, created, submit, tenant, transfers};
use crate::store::List;

fn unusable() -> Problem {
    Problem::bad_request("the body cannot be used")
}

/// The payout that a command asks for: the same command, the same payout.
pub(crate) fn payout_of(command: CommandId, partition: u8) -> PayoutId {
    let mut bytes = command.to_bytes();
    if let Some(last) = bytes.last_mut() {
        *last = partition;
    }
    PayoutId::from_bytes(bytes)
}

pub(super) fn shown(id: PayoutId, state: &Payout) -> Json {
    let Some(details) = &state.details else { return Json::Null };
    let source = match details.source {
        Source::Credit(customer) => json!({ "credit_of": customer }),
        Source::Transfer(transfer) => json!({ "transfer": transfer }),
        Source::Request(request) => json!({ "payment_request": request }),
    };
    let (iban, card) = match &details.to {
        Destination::Account(iban) => (Some(iban.masked()), None),
        Destination::Collected { request, number, connector } => {
            let attempt = attempt_of(*request, *number);
            (None, Some(json!({ "attempt": attempt, "number": number, "connector": connector })))
        }
    };
    json!({
        "id": id,
        "source": source,
        "amount": details.amount,
        "creditor": { "name": details.creditor, "iban": iban },
        "refund_of": card,
        "status": state.status,
        "requested_by": details.by,
        "requested_at": details.at,
        "reason": details.reason,
        "decided_by": state.decided_by,
        "on": state.on,
        "why": state.reason,
        "end_to_end_id": end_to_end_id(id),
    })
}

async fn view(app: &App, tenant: &TenantId, id: PayoutId) -> Result<Json, Problem> {
    let (_, entity, _) = app.service.router.read(EntityId::Payout(id), 0).await?;
    match entity.as_payout().filter(|state| state.details.is_some()) {
        Some(state) if owned(app, tenant, EntityId::Payout(id)).await => Ok(shown(id, state)),
        _ => Err(Problem::not_found(format!("payout {id} is not known"))),
    }
}

fn payout_id(text: &str) -> Result<PayoutId, Problem> {
    PayoutId::parse(text).map_err(|error| Problem::not_found(error.to_string()))
}

/// `POST /v1/customers/{id}/payouts`: pays credit out to an account of the customer.
pub(super) async fn pay_out_credit(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant) = (received(bytes)?, tenant(&app, &request)?);
    let id = CustomerId::parse(&id).map_err(|error| Problem::not_found(error.to_string()))?;
    let mut body = Body::parse(&bytes)?;
    let (amount, iban) = (body.money("amount"), body.required("iban", Iban::parse));
    let (by, reason) = (body.text("by", 64), body.text("reason", 140));
    body.finish()?;
    let (amount, iban) = amount.zip(iban).ok_or_else(unusable)?;
    let (by, reason) = by.zip(reason).ok_or_else(unusable)?;
    by_program(&app, &by)?;
    customer_view(&app, &tenant, id).await?;
    requested(&app, &request, (&tenant, id.partition()), &bytes, |payout| {
        let (by, reason) = (by.into(), reason.into());
        Tell::Customer(id, customer::Command::PayOutCredit { payout, amount, iban, by, reason })
    })
    .await
}

/// `POST /v1/transfers/{id}/give-back`: sends a transfer back to the account it came from.
pub(super) async fn give_back(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant) = (received(bytes)?, tenant(&app, &request)?);
    let id = TransferId::parse(&id).map_err(|error| Problem::not_found(error.to_string()))?;
    let mut body = Body::parse(&bytes)?;
    let (by, reason) = (body.text("by", 64), body.text("reason", 140));
    body.finish()?;
    let (by, reason) = by.zip(reason).ok_or_else(unusable)?;
    by_program(&app, &by)?;
    transfers::view(&app, &tenant, id).await?;
    requested(&app, &request, (&tenant, id.partition()), &bytes, |payout| {
        Tell::Transfer(id, transfer::Command::GiveBack { payout, by: by.into(), reason: reason.into() })
    })
    .await
}

/// Submits what asks for a payout out of a lane, and answers with the payout.
async fn requested(
    app: &App, request: &HttpRequest, (tenant, lane): (&TenantId, u8), bytes: &[u8],
    tell: impl FnOnce(PayoutId) -> Tell,
) -> Result<HttpResponse, Problem> {
    let mut asked = None;
    let replayed = submit(app, request, tenant, bytes, |command| {
        let payout = payout_of(command, lane);
        asked = Some(payout);
        tell(payout)
    });
    let replayed = replayed.await?;
    let payout = asked.ok_or_else(unusable)?;
    Ok(created(&format!("/v1/payouts/{payout}"), replayed, &view(app, tenant, payout).await?))
}

/// Who signs in to the back office asks there: a name that a program writes would make one person two.
pub(super) fn by_program(app: &App, by: &str) -> Result<(), Problem> {
    match app.service.config.service.people.iter().find(|person| person.is_named(by)) {
        Some(person) => Err(Problem::forbidden(format!(
            "{} signs in to the back office, and asks and decides there",
            person.name
        ))),
        None => Ok(()),
    }
}

/// `POST /v1/payouts/{id}/approve`: by another person than who asked for it.
pub(super) async fn approve(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let bytes = received(bytes)?;
    let mut body = Body::parse(&bytes)?;
    let by = body.text("by", 64);
    body.finish()?;
    let by = by.ok_or_else(unusable)?;
    decided(&app, &request, (&id, &by), &bytes, Command::Approve { by: by.as_str().into() }).await
}

/// `POST /v1/payouts/{id}/reject`: the money is where it was.
pub(super) async fn reject(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let bytes = received(bytes)?;
    let mut body = Body::parse(&bytes)?;
    let (by, reason) = (body.text("by", 64), body.text("reason", 140));
    body.finish()?;
    let (by, reason) = by.zip(reason).ok_or_else(unusable)?;
    decided(&app, &request, (&id, &by), &bytes, Command::Reject { by: by.as_str().into(), reason: reason.into() })
        .await
}

/// `POST /v1/payouts/{id}/conclude`: another person than who asked found out what became of it, `executed_on`
/// a day or not at all.
pub(super) async fn conclude(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let bytes = received(bytes)?;
    let mut body = Body::parse(&bytes)?;
    let (by, executed_on) = (body.text("by", 64), body.optional("executed_on", Date::parse));
    body.finish()?;
    let by = by.ok_or_else(unusable)?;
    decided(
        &app,
        &request,
        (&id, &by),
        &bytes,
        Command::Conclude { by: by.as_str().into(), executed_on, while_ordered: false },
    )
    .await
}

async fn decided(
    app: &App, request: &HttpRequest, (id, by): (&str, &str), bytes: &[u8], command: Command,
) -> Result<HttpResponse, Problem> {
    let ((tenant, key), id) = (caller(app, request)?, payout_id(id)?);
    // Where people sign in, a program does not stand for a second one unless it was said to.
    if !key.approves.unwrap_or_else(|| app.service.config.service.people.is_empty()) {
        let why = format!("the key \"{}\" has no approves = true: a person decides in the back office", key.id);
        return Err(Problem::forbidden(why));
    }
    by_program(app, by)?;
    view(app, &tenant, id).await?;
    let replayed = submit(app, request, &tenant, bytes, |_| Tell::Payout(id, command)).await?;
    Ok(created(&format!("/v1/payouts/{id}"), replayed, &view(app, &tenant, id).await?))
}

pub(super) async fn read(app: Shared, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    Ok(HttpResponse::Ok().json(view(&app, &tenant, payout_id(&id)?).await?))
}

/// Payouts; with `?status=awaits_approval` those that wait for a second person.
pub(super) async fn list(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let waiting = request.query_string().split('&').any(|pair| pair == "status=awaits_approval");
    page(&app, &tenant, if waiting { List::Approvals } else { List::Payouts }, &request).await
}
