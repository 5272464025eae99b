//! Plans: subscriptions, and amounts in instalments. Each cycle becomes a payment request of its own.

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::collection::{Instrument, PARTS_MAX};
use quittance_actors::customer;
use quittance_actors::limits;
use quittance_actors::machine::Tell;
use quittance_actors::partition::Origin;
use quittance_actors::plan::{Amounts, CYCLES_MAX, Change, Command, Interval, OnExhausted, Phase, Plan, SuspendedBy};
use quittance_actors::runtime::{
    PLAN_AHEAD_DAYS_MAX, PLAN_REFERENCE_CHARACTERS_MAX, PlanRow, Priority, admit_plan, ahead_of,
};
use quittance_actors::values::{CustomerId, Date, EntityId, Money, PlanId, TenantId};
use serde_json::{Value as Json, json};
use smol_str::SmolStr;

use super::body::{Body, Received, received};
use super::customers::owned;
use super::lists::page;
use super::{App, Problem, Shared, created, submit, tenant};
use crate::export;
use crate::store::List;

/// Characters of a reason.
const REASON_CHARACTERS_MAX: usize = 200;
/// Cycles to come that are shown.
const SCHEDULE_MAX: usize = 12;
/// Events of a timeline.
const TIMELINE_MAX: usize = 500;

/// `amount` a cycle, with `cycles` or without an end; or a `total` in `parts`.
fn amounts(body: &mut Body) -> Result<Amounts, Problem> {
    let (amount, total) = (body.optional_money("amount"), body.optional_money("total"));
    let (deposit, fee) = (body.optional_money("deposit"), body.optional_money("fee"));
    let parts = body.optional_integer("parts", 1..=i64::from(PARTS_MAX));
    let cycles =
        body.optional_integer("cycles", 1..=i64::from(CYCLES_MAX)).and_then(|cycles| u16::try_from(cycles).ok());
    let amounts = match (amount, total, parts) {
        (Some(each), None, None) => Amounts::repeated(each, deposit, fee, cycles),
        (None, Some(total), Some(parts)) if cycles.is_none() => {
            Amounts::parted(total, deposit, fee, u16::try_from(parts).unwrap_or(0))
        }
        _ => {
            return Err(Problem::bad_request(
                "a plan has an amount for each cycle (amount, with cycles or without an end), or one amount in parts (total and parts)",
            ));
        }
    };
    amounts.map_err(|error| Problem::bad_request(error.to_string()))
}

/// `POST /v1/plans`.
pub(super) async fn create(app: Shared, request: HttpRequest, bytes: Received) -> Result<HttpResponse, Problem> {
    let (bytes, tenant) = (received(bytes)?, tenant(&app, &request)?);
    let mut body = Body::parse(&bytes)?;
    let reference = body.text("external_ref", PLAN_REFERENCE_CHARACTERS_MAX);
    let customer_ref = body.text("customer_ref", limits::EXTERNAL_REFERENCE_CHARACTERS_MAX);
    let amounts = amounts(&mut body);
    let every = body.required("every", Interval::parse);
    let starts_on = body.required("first_due_on", Date::parse);
    let deposit_due_on = body.optional("deposit_due_on", Date::parse);
    let description = body.optional_text("description", limits::DESCRIPTION_CHARACTERS_MAX);
    let (scenario, policy) = (body.optional_text("scenario", 64), body.optional_text("policy", 64));
    let collect_from = body.optional("collect_from", Instrument::parse);
    let ahead_days = body.optional_integer("ask_days_before", 0..=i64::from(PLAN_AHEAD_DAYS_MAX));
    let on_exhausted = body.optional("on_exhausted", OnExhausted::parse);
    body.finish()?;
    let amounts = amounts?;
    let unusable = || Problem::bad_request("the body cannot be used");
    let ((external_ref, customer_ref), (every, starts_on)) =
        reference.zip(customer_ref).zip(every.zip(starts_on)).ok_or_else(unusable)?;
    if deposit_due_on.is_some() && amounts.deposit.is_none() {
        return Err(Problem::bad_request("deposit_due_on: there is no deposit"));
    }
    let row = PlanRow {
        customer_ref,
        external_ref,
        description: description.unwrap_or_default(),
        amounts,
        deposit_due_on,
        every,
        starts_on,
        ahead_days: ahead_days.and_then(|days| u16::try_from(days).ok()),
        collect_from,
        policy: policy.map(Into::into),
        scenario: scenario.map(Into::into),
        on_exhausted,
    };
    let service = &app.service;
    let held = app.keys.hold(&request, &tenant, &bytes)?;
    let (command, priority) = (held.command, Priority::Interactive);
    let (id, _) = admit_plan(&service.router, &tenant, &row, command, Origin::Api, priority).await?;
    let replayed = held.replayed;
    held.done();
    Ok(created(&format!("/v1/plans/{id}"), replayed, &view(&app, &tenant, id).await?))
}

/// A plan as calls and exports show it.
pub(super) fn shown(id: PlanId, state: &Plan) -> Json {
    let Some(terms) = &state.terms else { return Json::Null };
    let cycle = |(number, due_on, amount): &(u16, Date, Money)| json!({ "number": number, "external_ref": terms.number(*number), "due_on": due_on, "amount": amount });
    let asked = |(number, cycle): (&u16, &quittance_actors::plan::Cycle)| {
        let (request, standing) = (cycle.request, cycle.standing);
        let external_ref = terms.number(*number);
        let (due_on, amount) = cycle.asked.unzip();
        json!({ "number": number, "external_ref": external_ref, "payment_request": request, "due_on": due_on, "amount": amount, "standing": standing })
    };
    let suspended_by = match state.phase {
        Phase::Suspended(SuspendedBy::Person) => Some("person"),
        Phase::Suspended(SuspendedBy::Exhausted) => Some("exhausted"),
        Phase::Suspended(SuspendedBy::Refused) => Some("refused"),
        Phase::Suspended(SuspendedBy::Customer) => Some("customer"),
        _ => None,
    };
    json!({
        "id": id,
        "external_ref": terms.external_ref,
        "customer": terms.customer,
        "description": terms.description,
        "kind": terms.kind,
        "status": state.status(),
        "amount": terms.each,
        "first_amount": terms.first,
        "deposit": terms.deposit.map(|(amount, due_on)| json!({ "amount": amount, "due_on": due_on })),
        "cycles": terms.cycles,
        "every": terms.every.to_string(),
        "first_due_on": terms.starts_on,
        "ask_days_before": terms.ahead_days,
        "collect_from": terms.collect_from.as_ref().map(ToString::to_string),
        "policy": terms.policy,
        "scenario": terms.scenario,
        "on_exhausted": terms.on_exhausted,
        "reason": state.reason,
        "suspended_by": suspended_by,
        "paused_until": state.paused_until,
        "collection_held": state.holds_collection,
        "question": state.question,
        "asked": state.cycles.iter().map(asked).collect::<Vec<_>>(),
        "next_asked_at": state.next.map(|next| next.at),
        "to_come": state.schedule(SCHEDULE_MAX).iter().map(cycle).collect::<Vec<_>>(),
        "created_at": terms.created_at,
    })
}

async fn view(app: &App, tenant: &TenantId, id: PlanId) -> Result<Json, Problem> {
    let (_, entity, _) = app.service.router.read(EntityId::Plan(id), 0).await?;
    match entity.as_plan().filter(|state| state.terms.is_some()) {
        Some(state) if owned(app, tenant, EntityId::Plan(id)).await => Ok(shown(id, state)),
        _ => Err(Problem::not_found(format!("plan {id} is not known"))),
    }
}

fn plan_id(text: &str) -> Result<PlanId, Problem> {
    PlanId::parse(text).map_err(|error| Problem::not_found(error.to_string()))
}

pub(super) async fn read(app: Shared, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    Ok(HttpResponse::Ok().json(view(&app, &tenant, plan_id(&id)?).await?))
}

/// `GET /v1/plans/{id}/timeline`.
pub(super) async fn timeline(
    app: Shared, request: HttpRequest, id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (tenant, id) = (tenant(&app, &request)?, plan_id(&id)?);
    view(&app, &tenant, id).await?;
    let (_, _, events) = app.service.router.read(EntityId::Plan(id), TIMELINE_MAX).await?;
    let data: Vec<Json> = events.iter().map(export::event_json).collect();
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}

/// Plans; with `?status=attention` those that are behind, suspended or wait for a person.
pub(super) async fn list(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let attention = request.query_string().split('&').any(|pair| pair == "status=attention");
    page(&app, &tenant, if attention { List::PlansAttention } else { List::Plans }, &request).await
}

/// Reads what one of the calls below asks of a plan.
fn asked(what: &str, body: &mut Body) -> Result<Option<Command>, Problem> {
    let reason = |body: &mut Body| body.text("reason", REASON_CHARACTERS_MAX).map(SmolStr::from);
    Ok(match what {
        "pause" => {
            let until = body.optional("until", Date::parse);
            reason(body).map(|reason| Command::Pause { until, reason })
        }
        "resume" => Some(Command::Resume { catch_up: body.flag("catch_up", false) }),
        "suspend" => reason(body).map(|reason| Command::Suspend { reason, by: SuspendedBy::Person }),
        "cancel" => {
            let open_too = body.flag("open_requests", false);
            reason(body).map(|reason| Command::Cancel { reason, open_too })
        }
        "change" => Some(Command::Change(Change {
            amount: body.optional_money("amount"),
            cycles: body
                .optional_integer("cycles", 1..=i64::from(CYCLES_MAX))
                .and_then(|cycles| u16::try_from(cycles).ok()),
            collect_from: body.optional("collect_from", Instrument::parse),
            policy: body.optional_text("policy", 64).map(Into::into),
            scenario: body.optional_text("scenario", 64).map(Into::into),
            ahead_days: body
                .optional_integer("ask_days_before", 0..=i64::from(PLAN_AHEAD_DAYS_MAX))
                .and_then(|days| u16::try_from(days).ok()),
            on_exhausted: body.optional("on_exhausted", OnExhausted::parse),
        })),
        _ => return Err(Problem::not_found("there is nothing at this address")),
    })
}

/// `POST /v1/plans/{id}/{pause|resume|suspend|cancel|change}`.
pub(super) async fn act(
    app: Shared, request: HttpRequest, path: web::Path<(String, String)>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant) = (received(bytes)?, tenant(&app, &request)?);
    let (id, what) = path.into_inner();
    let id = plan_id(&id)?;
    let mut body = Body::parse(&bytes)?;
    let command = asked(&what, &mut body)?;
    body.finish()?;
    let command = command.ok_or_else(|| Problem::bad_request("the body cannot be used"))?;
    let known = view(&app, &tenant, id).await?;
    let customer = known.get("customer").and_then(Json::as_str).map(CustomerId::parse);
    let customer = customer.and_then(Result::ok).ok_or_else(|| Problem::internal("the plan has no customer"))?;
    let tell = match command {
        Command::Change(change) => changed(&app, (id, customer), change, &known).await?,
        // What is collected from, and whether anything is, is for the customer to agree to.
        Command::Resume { catch_up } => {
            Tell::Customer(customer, customer::Command::ResumePlan { plan: id, catch_up })
        }
        command => Tell::Plan(id, command),
    };
    let replayed = submit(&app, &request, &tenant, &bytes, |_| tell).await?;
    Ok(created(&format!("/v1/plans/{id}"), replayed, &view(&app, &tenant, id).await?))
}

/// A change as the customer is asked about it: with what stays of instrument and policy, and early enough for a new
/// instrument, if the call does not say how early.
async fn changed(
    app: &App, (id, customer): (PlanId, CustomerId), mut change: Change, known: &Json,
) -> Result<Tell, Problem> {
    let text = |key: &str| known.get(key).and_then(Json::as_str);
    if change.collect_from.is_some() && change.ahead_days.is_none() {
        let least = ahead_of(&app.service.router, customer, change.collect_from.as_ref()).await?;
        let now = known.get("ask_days_before").and_then(Json::as_u64).and_then(|days| u16::try_from(days).ok());
        change.ahead_days = Some(now.unwrap_or_default().max(least));
    }
    let instrument = change.collect_from.clone().or_else(|| Instrument::parse(text("collect_from")?).ok());
    let policy = change.policy.clone().or_else(|| text("policy").map(SmolStr::new));
    Ok(Tell::Customer(customer, customer::Command::ChangePlan { plan: id, change, way: (instrument, policy) }))
}
