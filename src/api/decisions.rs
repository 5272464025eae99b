//! What a person decides about a transfer: what it pays, that its match is taken back, that it
//! pays nothing here.

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::limits;
use quittance_actors::machine::Tell;
use quittance_actors::partition::Origin;
use quittance_actors::runtime::{Priority, conclude_decision, recall_by_hand};
use quittance_actors::transfer::{Command, DividedPart, Resolution, Transfer};
use quittance_actors::values::{CommandId, CustomerId, EntityId, Money, PaymentRequestId, TenantId, TransferId};
use smol_str::SmolStr;
use tracing::warn;

use super::body::{Body, Received, received};
use super::customers::owned;
use super::idempotency::fingerprint;
use super::{App, Problem, Shared, created, entity_id, tenant, transfers};

/// A request that a transfer pays; without an amount as much as it can.
pub(crate) struct Part {
    /// The request.
    pub request: PaymentRequestId,
    /// How much of the transfer.
    pub amount: Option<Money>,
}

fn transfer_id(text: &str) -> Result<TransferId, Problem> {
    match entity_id(text)? {
        EntityId::Transfer(id) => Ok(id),
        _ => Err(Problem::not_found(format!("{text} is not a transfer"))),
    }
}

/// `POST /v1/transfers/{id}/decision`: `pays`, a list of requests with or without an amount; what
/// is left of the transfer is kept as the credit of their customer, or of the one named.
pub(super) async fn decide(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let bytes = received(bytes)?;
    let tenant = tenant(&app, &request)?;
    let id = transfer_id(&id)?;
    let mut body = Body::parse(&bytes)?;
    let by = body.optional_text("by", 64);
    let customer = body.optional("customer", CustomerId::parse);
    let parts = pays(&mut body);
    body.finish()?;
    transfers::view(&app, &tenant, id).await?;
    let by = by.unwrap_or_else(|| "api".to_owned());
    let resolution = resolution(&app, &tenant, id, &parts, customer, &by).await?;
    write(&app, &request, &tenant, id, &bytes, Command::Decide(resolution)).await
}

/// `POST /v1/transfers/{id}/take-back`: what it had paid is open again.
pub(super) async fn take_back(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let command = |by: String, reason: String| Command::TakeBack { by: by.into(), reason: reason.into() };
    explained(&app, &request, &id, bytes, command).await
}

/// `POST /v1/transfers/{id}/set-aside`: it pays nothing here.
pub(super) async fn set_aside(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let command = |by: String, reason: String| Command::SetAside { by: by.into(), reason: reason.into() };
    explained(&app, &request, &id, bytes, command).await
}

/// `POST /v1/transfers/{id}/recalls`: the entry takes the money of `transfer` back, a person says.
pub(super) async fn recalls(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant, id) = (received(bytes)?, tenant(&app, &request)?, transfer_id(&id)?);
    let mut body = Body::parse(&bytes)?;
    let (transfer, by) = (body.required("transfer", TransferId::parse), body.text("by", 64));
    body.finish()?;
    let (Some(transfer), Some(by)) = (transfer, by) else {
        return Err(Problem::bad_request("the body cannot be used"));
    };
    recall(&app, &tenant, id, transfer, &by).await?;
    let view = transfers::view(&app, &tenant, id).await?;
    Ok(created(&format!("/v1/transfers/{transfer}"), false, &view))
}

/// Has an entry take the money of a transfer back; the same again changes nothing.
pub(crate) async fn recall(
    app: &App, tenant: &TenantId, entry: TransferId, transfer: TransferId, by: &str,
) -> Result<(), Problem> {
    for id in [entry, transfer] {
        transfers::view(app, tenant, id).await?;
    }
    Ok(recall_by_hand(&app.service.router, tenant, entry, transfer, &by.into()).await?)
}

/// `POST /v1/transfers/{id}/remember-payer`: what comes from that account is its customer's from now on.
pub(super) async fn remember_payer(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (tenant, transfer) = (tenant(&app, &request)?, transfer_id(&id)?);
    transfers::view(&app, &tenant, transfer).await?;
    transfers::may_remember_payer(&app, &tenant, &state_of(&app, transfer).await?)?;
    said_by(&app, &request, &id, bytes, |by| Command::RememberPayer { by }).await
}

/// `POST /v1/tasks/{id}/claim`: for a while nobody but `by` decides.
pub(super) async fn claim(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    said_by(&app, &request, &id, bytes, |by| Command::Claim { by }).await
}

/// What a person says of a transfer without a word more.
async fn said_by(
    app: &App, request: &HttpRequest, id: &str, bytes: Received, command: impl FnOnce(SmolStr) -> Command,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant, id) = (received(bytes)?, tenant(app, request)?, transfer_id(id)?);
    let mut body = Body::parse(&bytes)?;
    let by = body.text("by", 64);
    body.finish()?;
    let by = by.ok_or_else(|| Problem::bad_request("the body cannot be used"))?.into();
    transfers::view(app, &tenant, id).await?;
    write(app, request, &tenant, id, &bytes, command(by)).await
}

/// `POST /v1/tasks/{id}/assign`: `to` is to decide; nobody in particular without it.
pub(super) async fn assign(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant, id) = (received(bytes)?, tenant(&app, &request)?, transfer_id(&id)?);
    let mut body = Body::parse(&bytes)?;
    let (by, to) = (body.text("by", 64), body.optional_text("to", 64).map(Into::into));
    body.finish()?;
    let by = by.ok_or_else(|| Problem::bad_request("the body cannot be used"))?.into();
    transfers::view(&app, &tenant, id).await?;
    write(&app, &request, &tenant, id, &bytes, Command::Assign { to, by }).await
}

async fn explained(
    app: &App, request: &HttpRequest, id: &str, bytes: Received, command: impl FnOnce(String, String) -> Command,
) -> Result<HttpResponse, Problem> {
    let bytes = received(bytes)?;
    let tenant = tenant(app, request)?;
    let id = transfer_id(id)?;
    let mut body = Body::parse(&bytes)?;
    let by = body.optional_text("by", 64);
    let reason = body.text("reason", 200);
    body.finish()?;
    let reason = reason.ok_or_else(|| Problem::bad_request("the body cannot be used"))?;
    transfers::view(app, &tenant, id).await?;
    write(app, request, &tenant, id, &bytes, command(by.unwrap_or_else(|| "api".to_owned()), reason)).await
}

async fn write(
    app: &App, request: &HttpRequest, tenant: &TenantId, id: TransferId, bytes: &[u8], command: Command,
) -> Result<HttpResponse, Problem> {
    let held = app.keys.hold(request, tenant, bytes)?;
    carry_out(app, tenant, id, command, held.command, fingerprint(request, bytes)).await?;
    let replayed = held.replayed;
    held.done();
    let view = transfers::view(app, tenant, id).await?;
    Ok(created(&format!("/v1/transfers/{id}"), replayed, &view))
}

async fn state_of(app: &App, id: TransferId) -> Result<Transfer, Problem> {
    let (_, entity, _) = app.service.router.read(EntityId::Transfer(id), 0).await?;
    entity.as_transfer().cloned().ok_or_else(|| Problem::not_found(format!("transfer {id} is not known")))
}

/// Records a decision, has its customer asked, and says why it could not be followed.
pub(crate) async fn carry_out(
    app: &App, tenant: &TenantId, id: TransferId, command: Command, command_id: CommandId, fingerprint: u64,
) -> Result<(), Problem> {
    let router = &app.service.router;
    let before = state_of(app, id).await?.decisions;
    let tell = Tell::Transfer(id, command);
    router.submit(tenant, tell, command_id, fingerprint, Origin::Api, Priority::Interactive).await?;
    if let Err(error) = conclude_decision(router, tenant, id).await {
        warn!(transfer = %id, %error, "the decision is recorded and will be concluded later");
    }
    let state = state_of(app, id).await?;
    for part in state.divided().1 {
        if let Err(error) = conclude_decision(router, tenant, part.id).await {
            warn!(transfer = %part.id, %error, "the part will be decided about later");
        }
    }
    match (&state.pending, state.refused) {
        (None, Some(reason)) if state.decisions > before => Err(Problem::conflict("decision_refused", reason)),
        _ => Ok(()),
    }
}

/// What a person means: parts without an amount take what they can, in order; the rest is credit.
pub(crate) async fn resolution(
    app: &App, tenant: &TenantId, id: TransferId, parts: &[Part], customer: Option<CustomerId>, by: &str,
) -> Result<Resolution, Problem> {
    let amount = received_amount(app, id).await?;
    let (payer, allocations, left) = taken(app, tenant, amount, parts, customer).await?;
    let customer =
        payer.ok_or_else(|| Problem::bad_request("name what it pays, or the customer whose credit it is"))?;
    Ok(Resolution { customer, allocations, credit: left, by: by.into() })
}

async fn received_amount(app: &App, id: TransferId) -> Result<Money, Problem> {
    let details = state_of(app, id).await?.details;
    let unknown = || Problem::not_found(format!("transfer {id} is not known"));
    details.map(|details| details.amount).ok_or_else(unknown)
}

/// Whose requests parts are, what each takes of an amount, and what is left of it.
type Taken = (Option<CustomerId>, Vec<(PaymentRequestId, Money)>, Money);

async fn taken(
    app: &App, tenant: &TenantId, amount: Money, parts: &[Part], customer: Option<CustomerId>,
) -> Result<Taken, Problem> {
    let router = &app.service.router;
    let mut payer = customer;
    let mut left = amount.minor();
    let mut allocations = Vec::with_capacity(parts.len());
    for Part { request, amount: part } in parts {
        let entity = EntityId::PaymentRequest(*request);
        let (_, state, _) = router.read(entity, 0).await?;
        let known = state.as_payment_request().filter(|state| state.terms.is_some());
        let (Some(state), true) = (known, owned(app, tenant, entity).await) else {
            return Err(Problem::not_found(format!("payment request {request} is not known")));
        };
        let owner = state.terms.as_ref().map(|terms| terms.customer);
        if payer.is_some() && owner != payer {
            return Err(Problem::conflict("other_customer", format!("{request} is of another customer")));
        }
        payer = owner;
        let outstanding = state.outstanding().map_or(0, Money::minor);
        let part = part.map_or_else(|| Money::from_minor(outstanding.min(left), amount.currency()), |part| part);
        left = left.saturating_sub(part.minor());
        allocations.push((*request, part));
    }
    if let Some(customer) = payer
        && !owned(app, tenant, EntityId::Customer(customer)).await
    {
        return Err(Problem::not_found(format!("customer {customer} is not known")));
    }
    Ok((payer, allocations, Money::from_minor(left, amount.currency())))
}

/// What one customer has of a transfer that is divided.
pub(crate) struct Share {
    /// Who; the owner of what it pays without it.
    pub customer: Option<CustomerId>,
    /// What it pays.
    pub pays: Vec<Part>,
    /// How much of the transfer; what `pays` takes without it. What is left of it is the customer's credit.
    pub amount: Option<Money>,
}

/// A transfer divided by shares, in order; what they leave of it is a part that a person decides about later.
pub(crate) async fn divided(
    app: &App, tenant: &TenantId, id: TransferId, shares: &[Share], by: &str,
) -> Result<Command, Problem> {
    let ports = app.service.router.ports();
    let amount = received_amount(app, id).await?;
    let fresh = |partition| TransferId::new(ports.clock.now(tenant), ports.clock.random(), partition);
    let mut left = amount.minor();
    let mut parts = Vec::with_capacity(shares.len() + 1);
    for Share { customer, pays, amount: share } in shares {
        let most = share.unwrap_or_else(|| Money::from_minor(left, amount.currency()));
        let (payer, allocations, rest) = taken(app, tenant, most, pays, *customer).await?;
        let taken = Money::from_minor(most.minor().saturating_sub(rest.minor()), amount.currency());
        let (size, credit) = match share {
            Some(share) => (*share, rest),
            None => (taken, Money::zero(amount.currency())),
        };
        left = left.saturating_sub(size.minor());
        let by = by.into();
        let resolution = payer.map(|customer| Resolution { customer, allocations, credit, by });
        let partition = payer.map_or(id.partition(), |customer| customer.partition());
        parts.push(DividedPart { id: fresh(partition), amount: size, resolution });
    }
    if left > 0 {
        let rest = Money::from_minor(left, amount.currency());
        parts.push(DividedPart { id: fresh(id.partition()), amount: rest, resolution: None });
    }
    Ok(Command::Divide { parts, by: by.into() })
}

/// `POST /v1/transfers/{id}/divide`: it pays for several customers, or a part of it does.
pub(super) async fn divide(
    app: Shared, request: HttpRequest, id: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant, id) = (received(bytes)?, tenant(&app, &request)?, transfer_id(&id)?);
    let mut body = Body::parse(&bytes)?;
    let by = body.optional_text("by", 64);
    let mut shares = Vec::new();
    for mut item in body.objects("parts", limits::DIVIDED_PARTS_MAX) {
        let (customer, amount) = (item.optional("customer", CustomerId::parse), item.optional_money("amount"));
        let pays = pays(&mut item);
        shares.push(Share { customer, pays, amount });
        body.close(item);
    }
    body.finish()?;
    transfers::view(&app, &tenant, id).await?;
    let command = divided(&app, &tenant, id, &shares, by.as_deref().unwrap_or("api")).await?;
    write(&app, &request, &tenant, id, &bytes, command).await
}

/// The requests that a body says are paid.
fn pays(body: &mut Body) -> Vec<Part> {
    let mut parts = Vec::new();
    for mut item in body.objects("pays", limits::OPEN_REQUESTS_COMPARED_MAX) {
        let request = item.required("payment_request", PaymentRequestId::parse);
        let amount = item.optional_money("amount");
        parts.extend(request.map(|request| Part { request, amount }));
        body.close(item);
    }
    parts
}
