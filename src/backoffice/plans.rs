//! Plans: the list, and one with its cycles, its timeline and what a person can do about it.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::collection::Instrument;
use quittance_actors::customer;
use quittance_actors::machine::Tell;
use quittance_actors::plan::{Command, Interval, Kind, OnExhausted, Plan, Standing, Status, SuspendedBy};
use quittance_actors::values::{Date, EntityId, PlanId, Zone};
use serde_json::{Value as Json, json};

use super::requests::customer_name;
use super::{SharedPages, enter, words, zone_of};
use crate::api::{Problem, Shared};
use crate::store::List;

const ROWS: usize = 50;
/// Plans looked at for one page of a filter.
const SCANNED_MAX: usize = 2_000;
const EVENTS: usize = 300;
/// Cycles to come that are shown.
const TO_COME: usize = 6;
/// What the page can say was done: an address says nothing of its own.
const SAID: [&str; 4] = ["Paused", "Goes on", "Suspended", "Cancelled"];
const REASON_CHARACTERS_MAX: usize = 200;

/// Status in words, with its tone and icon.
fn status(state: &Plan) -> (&'static str, &'static str, &'static str) {
    match state.status() {
        _ if state.question.is_some() && state.is_live() => ("Needs a decision", "warn", "triangle-alert"),
        Status::Pending => ("Not begun", "mute", "calendar"),
        Status::Active => ("Active", "ok", "circle-check"),
        Status::PastDue => ("Behind", "bad", "clock"),
        Status::Paused => ("Paused", "warn", "clock"),
        Status::Suspended => ("Suspended", "bad", "ban"),
        Status::Cancelled => ("Cancelled", "mute", "ban"),
        Status::Completed => ("Completed", "ok", "circle-check"),
    }
}

fn standing(standing: Standing) -> (&'static str, &'static str, &'static str) {
    match standing {
        Standing::Open => ("asked for", "info", "file-text"),
        Standing::Failing => ("behind", "bad", "clock"),
        Standing::Exhausted => ("not collected", "bad", "circle-x"),
        Standing::Paid => ("paid", "ok", "circle-check"),
        Standing::Cancelled => ("cancelled", "mute", "ban"),
    }
}

fn every(interval: Interval) -> String {
    match interval {
        Interval::Days(1) => "every day".to_owned(),
        Interval::Days(7) => "every week".to_owned(),
        Interval::Days(days) if days % 7 == 0 => format!("every {} weeks", days / 7),
        Interval::Days(days) => format!("every {days} days"),
        Interval::Months(1) => "every month".to_owned(),
        Interval::Months(12) => "every year".to_owned(),
        Interval::Months(months) if months % 12 == 0 => format!("every {} years", months / 12),
        Interval::Months(months) => format!("every {months} months"),
    }
}

pub(super) async fn list(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let query = web::Query::<BTreeMap<String, String>>::from_query(request.query_string());
    let query = query.map(web::Query::into_inner).unwrap_or_default();
    let wanted = query.get("status").map_or("", String::as_str);
    let of = if wanted == "attention" { List::PlansAttention } else { List::Plans };
    let mut before = query.get("after").and_then(|id| PlanId::parse(id).ok()).map(EntityId::Plan);
    let (mut rows, mut scanned, mut next) = (Vec::new(), 0, None);
    'pages: loop {
        let page = app.service.store.page(&frame.tenant, of, before, ROWS);
        let page = page.map_err(|error| Problem::overloaded(error.to_string()))?;
        for (id, entity) in &page.entities {
            (before, scanned) = (Some(*id), scanned + 1);
            rows.extend(entity.as_plan().and_then(|state| row(&app, state, wanted)));
            if rows.len() == ROWS || scanned == SCANNED_MAX {
                next = Some(format!("/bo/plans?status={}&after={id}", words::encoded(wanted)));
                break 'pages;
            }
        }
        if !page.has_more {
            break;
        }
    }
    let filters: Vec<Json> =
        [("", "All"), ("attention", "Needs attention"), ("live", "Going on"), ("ended", "Ended")]
            .into_iter()
            .map(|(value, label)| {
                let href = match value {
                    "" => "/bo/plans".to_owned(),
                    value => format!("/bo/plans?status={value}"),
                };
                json!({ "href": href, "label": label, "current": wanted == value })
            })
            .collect();
    let own = json!({ "rows": rows, "next": next, "filters": filters, "filtered": !wanted.is_empty() });
    pages.page("plans", &frame.data(&app, "Plans", "/bo/plans", own))
}

fn row(app: &Shared, state: &Plan, wanted: &str) -> Option<Json> {
    let terms = state.terms.as_ref()?;
    let fits = match wanted {
        "live" => state.is_live(),
        "ended" => !state.is_live(),
        _ => true,
    };
    let (label, tone, icon) = status(state);
    let next = state.schedule(1).first().map(|(_, due_on, _)| words::day(*due_on));
    let next = next.filter(|_| matches!(state.status(), Status::Pending | Status::Active | Status::PastDue));
    fits.then(|| {
        json!({
            "id": terms.id,
            "external_ref": terms.external_ref,
            "customer": customer_name(app, terms.customer),
            "description": terms.description,
            "status": label, "tone": tone, "status_icon": icon,
            "every": every(terms.every),
            "next": next,
            "amount": words::money(terms.each),
            "asked": asked(state),
        })
    })
}

/// How many cycles were asked for, of how many.
fn asked(state: &Plan) -> String {
    let terms = state.terms.as_ref();
    let asked = state.cursor.0.saturating_sub(1);
    match terms.and_then(|terms| terms.cycles) {
        Some(cycles) => format!("{asked} of {cycles}"),
        None => asked.to_string(),
    }
}

fn cycles(state: &Plan) -> Vec<Json> {
    let Some(terms) = &state.terms else { return Vec::new() };
    let asked = state.cycles.iter().map(|(number, cycle)| {
        let (label, tone, icon) = standing(cycle.standing);
        json!({
            "name": terms.number(*number), "link": format!("/bo/requests/{}", cycle.request), "due_on": cycle.asked.map(|(due_on, _)| words::day(due_on)),
            "label": label, "tone": tone, "status_icon": icon, "amount": words::money(cycle.asked.map_or_else(|| terms.amount(*number), |(_, amount)| amount)),
        })
    });
    let rests = !matches!(state.status(), Status::Pending | Status::Active | Status::PastDue);
    let to_come = state.schedule(TO_COME).into_iter().filter(|_| !rests).map(|(number, due_on, amount)| {
        json!({
            "name": terms.number(number), "link": Json::Null, "due_on": words::day(due_on),
            "label": "to come", "tone": "mute", "status_icon": "calendar", "amount": words::money(amount),
        })
    });
    asked.chain(to_come).collect()
}

/// Why a plan stands as it does, in one sentence.
fn because(state: &Plan) -> Option<String> {
    if let Some(question) = state.question.as_ref().filter(|_| state.is_live()) {
        return Some(format!("A cycle can no longer be collected ({question}): resume, suspend or cancel it."));
    }
    let reason = state.reason.as_deref().unwrap_or_default();
    match (state.status(), state.phase) {
        (Status::Paused, _) => Some(match state.paused_until {
            Some(until) => format!("Paused until {}: {reason}", words::day(until)),
            None => format!("Paused until it is resumed: {reason}"),
        }),
        (Status::Suspended, quittance_actors::plan::Phase::Suspended(SuspendedBy::Customer)) => {
            Some(format!("Rests with its customer, and goes on with it: {reason}"))
        }
        (Status::Suspended | Status::Cancelled, _) => Some(reason.to_owned()),
        _ if state.holds_collection => Some(format!("Asked for, and not collected any more: {reason}")),
        _ => None,
    }
}

pub(super) async fn page(
    app: Shared, pages: SharedPages, request: HttpRequest, id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let id = PlanId::parse(&id).map_err(|error| Problem::not_found(error.to_string()))?;
    let (_, entity, events) = app.service.router.read(EntityId::Plan(id), EVENTS).await?;
    let missing = || Problem::not_found(format!("plan {id} is not known"));
    let state = entity.as_plan().ok_or_else(missing)?;
    let terms = state.terms.as_ref().ok_or_else(missing)?;
    if events.iter().any(|event| event.tenant != frame.tenant) {
        return Err(missing());
    }
    let query = web::Query::<BTreeMap<String, String>>::from_query(request.query_string());
    let query = query.map(web::Query::into_inner).unwrap_or_default();
    let zone: Zone = zone_of(&app, &frame.tenant);
    let timeline: Vec<Json> = events.iter().map(|event| words::event(event, &zone, true)).collect();
    let (label, tone, icon) = status(state);
    let (_, who, _) = app.service.router.read(EntityId::Customer(terms.customer), 0).await?;
    let name = who.as_customer().and_then(|state| Some(state.profile.as_ref()?.name.clone()));
    let runs = matches!(state.status(), Status::Pending | Status::Active | Status::PastDue);
    let own = json!({
        "id": id,
        "external_ref": terms.external_ref,
        "customer": name,
        "description": terms.description,
        "status": label, "tone": tone, "status_icon": icon,
        "because": because(state),
        "timeline": timeline,
        "event_count": events.len(),
        "cycles": cycles(state),
        "kind": match terms.kind { Kind::Subscription => "Subscription", Kind::Instalments => "Instalments" },
        "amount": words::money(terms.each),
        "first": (terms.first != terms.each).then(|| words::money(terms.first)),
        "deposit": terms.deposit.map(|(amount, due_on)| format!("{} by {}", words::money(amount), words::day(due_on))),
        "every": every(terms.every),
        "asked": asked(state),
        "starts_on": words::day(terms.starts_on),
        "ahead": match terms.ahead_days {
            0 => "on the deadline".to_owned(),
            1 => "the day before the deadline".to_owned(),
            days => format!("{days} days before the deadline"),
        },
        "next": state.next.map(|next| words::instant(next.at, &zone)),
        "collect_from": terms.collect_from.as_ref().map(|from| match from {
            Instrument::Card(token) => format!("card {token}"),
            Instrument::Mandate(reference) => format!("mandate {reference}"),
        }),
        "scenario": terms.scenario.as_deref().unwrap_or("none"),
        "on_exhausted": match terms.on_exhausted {
            OnExhausted::KeepCharging => "the next are collected all the same",
            OnExhausted::HoldCollection => "the next are asked for, not collected",
            OnExhausted::Suspend => "the plan is suspended",
            OnExhausted::Cancel => "the plan ends",
            OnExhausted::Ask => "a person decides",
        },
        "can_pause": runs,
        "can_resume": state.is_live() && (!runs || state.holds_collection || state.question.is_some()),
        "can_suspend": runs || state.status() == Status::Paused,
        "can_cancel": state.is_live(),
        "failed": query.get("failed"),
        "said": query.get("said").filter(|said| SAID.contains(&said.as_str())),
    });
    pages.page("plan", &frame.data(&app, &terms.external_ref, "/bo/plans", own))
}

/// `POST /bo/plans/{id}/{pause|resume|suspend|cancel}`.
pub(super) async fn act(
    app: Shared, pages: SharedPages, request: HttpRequest, path: web::Path<(String, String)>,
    form: web::Form<BTreeMap<String, String>>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let form = frame.signed(form.into_inner());
    let (id, what) = path.into_inner();
    let id = PlanId::parse(&id).map_err(|error| Problem::not_found(error.to_string()))?;
    if !crate::api::owned(&app, &frame.tenant, EntityId::Plan(id)).await {
        return Err(Problem::not_found(format!("plan {id} is not known")));
    }
    let said = |name: &str| form.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let reason = || {
        let given = said("reason").unwrap_or("no reason given");
        let fine = given.chars().count() <= REASON_CHARACTERS_MAX && !given.chars().any(char::is_control);
        let reason = fine.then(|| match &frame.person {
            Some(person) => smol_str::format_smolstr!("{}: {given}", person.name),
            None => given.into(),
        });
        reason.ok_or_else(|| Problem::bad_request(format!("a reason has up to {REASON_CHARACTERS_MAX} characters")))
    };
    let (done, command) = match what.as_str() {
        "pause" => {
            let until = said("until").map(Date::parse).transpose();
            let until = until.map_err(|error| Problem::bad_request(error.to_string()))?;
            ("Paused", Command::Pause { until, reason: reason()? })
        }
        "resume" => ("Goes on", Command::Resume { catch_up: said("catch_up").is_some() }),
        "suspend" => ("Suspended", Command::Suspend { reason: reason()?, by: SuspendedBy::Person }),
        "cancel" => ("Cancelled", Command::Cancel { reason: reason()?, open_too: said("open_requests").is_some() }),
        _ => return Err(Problem::not_found("there is nothing at this address")),
    };
    let router = &app.service.router;
    let tell = match command {
        Command::Resume { catch_up } => {
            let (_, entity, _) = router.read(EntityId::Plan(id), 0).await?;
            let customer = entity.as_plan().and_then(|state| Some(state.terms.as_ref()?.customer));
            let customer = customer.ok_or_else(|| Problem::not_found(format!("plan {id} is not known")))?;
            Tell::Customer(customer, customer::Command::ResumePlan { plan: id, catch_up })
        }
        command => Tell::Plan(id, command),
    };
    let answer = super::submit(&app, &frame.tenant, tell).await;
    let to = match answer {
        Ok(_) => format!("/bo/plans/{id}?said={}", words::encoded(done)),
        Err(error) => format!("/bo/plans/{id}?failed={}", words::encoded(&error.to_string())),
    };
    Ok(HttpResponse::SeeOther().insert_header(("Location", to)).finish())
}
