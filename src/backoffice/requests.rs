//! Payment requests: the list, and one with its timeline.

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::collection::{Instrument, Method, ReasonClass};
use quittance_actors::payment_request::{Collection, LateCharges, PaymentRequest, Stage, Status};
use quittance_actors::policies::Policies;
use quittance_actors::ports::{Clock as _, Snapshots as _};
use quittance_actors::values::{CustomerId, EntityId, Iban, Money, PaymentRequestId, Zone};
use serde_json::{Value as Json, json};

use super::{SharedPages, acts, deliveries, enter, received, reminders, words, zone_of};
use crate::api::{Problem, Shared, trails_of};
use crate::assemble::callbacks;
use crate::late;
use crate::steps::{Progress, Standing, TEAM, progress};
use crate::store::List;

const ROWS: usize = 50;
/// Requests looked at for one page of a filter.
const SCANNED_MAX: usize = 2_000;
const EVENTS: usize = 300;
/// Deliveries shown beside a request, the newest.
const DELIVERIES: usize = 20;

/// Status in words, with its tone and icon.
fn status(state: &PaymentRequest) -> (&'static str, &'static str, &'static str) {
    let partly = state.paid().is_some_and(Money::is_positive);
    match (state.status, state.overdue, partly) {
        (Status::Settled, ..) => ("Settled", "ok", "circle-check"),
        (Status::Cancelled, ..) => ("Cancelled", "mute", "ban"),
        (Status::Open, true, _) => ("Overdue", "bad", "clock"),
        (Status::Open, false, true) => ("Partly paid", "warn", "coins"),
        (Status::Open, false, false) => ("Open", "info", "file-text"),
    }
}

pub(super) fn customer_name(app: &Shared, id: CustomerId) -> String {
    let saved = app.service.store.load(EntityId::Customer(id)).ok().flatten();
    let name = saved.and_then(|saved| Some(saved.entity.as_customer()?.profile.as_ref()?.name.to_string()));
    name.unwrap_or_else(|| "…".to_owned())
}

pub(super) async fn list(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let query = web::Query::<std::collections::BTreeMap<String, String>>::from_query(request.query_string());
    let query = query.map(web::Query::into_inner).unwrap_or_default();
    let wanted = query.get("status").cloned().unwrap_or_default();
    let mut before = query.get("after").and_then(|id| PaymentRequestId::parse(id).ok()).map(EntityId::PaymentRequest);
    let (mut rows, mut scanned, mut next) = (Vec::new(), 0, None);
    'pages: loop {
        let list = if wanted == "approval" { List::Reminders } else { List::PaymentRequests };
        let page = app.service.store.page(&frame.tenant, list, before, ROWS);
        let page = page.map_err(|error| Problem::overloaded(error.to_string()))?;
        for (id, entity) in &page.entities {
            before = Some(*id);
            scanned += 1;
            if let Some(state) = entity.as_payment_request()
                && let Some(row) = row(&app, state, &wanted)
            {
                rows.push(row);
            }
            if rows.len() == ROWS || scanned == SCANNED_MAX {
                next = Some(format!("/bo/requests?status={wanted}&after={id}"));
                break 'pages;
            }
        }
        if !page.has_more {
            break;
        }
    }
    let filters: Vec<Json> = [
        ("", "All"),
        ("open", "Open"),
        ("overdue", "Overdue"),
        ("settled", "Settled"),
        ("approval", "Reminders to approve"),
    ]
    .into_iter()
    .map(|(value, label)| {
        let href = if value.is_empty() { "/bo/requests".to_owned() } else { format!("/bo/requests?status={value}") };
        json!({ "href": href, "label": label, "current": wanted == value })
    })
    .collect();
    let own = json!({ "rows": rows, "next": next, "filters": filters, "filtered": !wanted.is_empty() });
    pages.page("requests", &frame.data(&app, "Payment requests", "/bo/requests", own))
}

/// A reason as people read it: `41: never` says what the scheme does.
fn in_words(reason: &str) -> String {
    let class = reason.rsplit_once(": ").and_then(|(code, word)| {
        ReasonClass::ALL.into_iter().find(|class| class.name() == word).map(|class| (code, class))
    });
    class.map_or_else(|| reason.to_owned(), |(code, class)| format!("{code}: {}", class.text()))
}

/// A collection as a page shows it: how, and what is next.
pub(super) fn collected(collection: &Collection, zone: &Zone) -> Json {
    let (stage, tone, detail) = match &collection.stage {
        Stage::Idle => ("done", "mute", String::new()),
        Stage::Planned { number, due, collects_on } => {
            let (at, on) = (words::instant(*due, zone), words::day(*collects_on));
            ("planned", "info", format!("no. {number}, leaves {at}, collected {on}"))
        }
        Stage::Running { number, collects_on, .. } => {
            ("under way", "info", format!("no. {number}, collected {}", words::day(*collects_on)))
        }
        Stage::Waits { reason, until } => {
            let until = until.map(|until| format!(", until {}", words::instant(until, zone))).unwrap_or_default();
            ("waits", "warn", format!("{}{until}", in_words(reason)))
        }
        Stage::Ended { reason } => ("ended", "bad", in_words(reason)),
    };
    let usage = &collection.usage;
    let method = match usage.instrument.method() {
        Method::Card => "Card",
        Method::DirectDebit => "Direct debit",
    };
    let instrument = match &usage.instrument {
        Instrument::Card(token) => token,
        Instrument::Mandate(reference) => reference,
    };
    json!({ "method": method, "instrument": instrument, "stage": stage, "tone": tone, "detail": detail })
}

/// A step of the scenario as a page shows it.
fn step(progress: &Progress<'_>, zone: &Zone) -> Json {
    let Progress { step, due, standing } = progress;
    let due = words::instant(*due, zone);
    let (icon, class, label, detail) = match standing {
        Standing::Sent { at, channel } => {
            let at = words::instant(*at, zone);
            match channel.as_str() {
                TEAM => ("bell", "ok-i", "for the team", at),
                "sms" => ("send", "ok-i", "sent", format!("{at} by SMS")),
                _ => ("send", "ok-i", "sent", format!("{at} by e-mail")),
            }
        }
        Standing::NotSent { reason, .. } => ("ban", "warn-i", "not sent", reason.to_string()),
        Standing::Waits { reason } => ("clock", "warn-i", "waits", format!("until {due}: {reason}")),
        Standing::Paused { reason } => ("clock", "warn-i", "paused", (*reason).to_owned()),
        Standing::Next => ("calendar", "info-i", "next", due),
        Standing::ToCome => ("calendar", "mute-i", "to come", due),
        Standing::NotReached { reason } if reason.is_empty() => {
            ("circle-check", "mute-i", "not needed", String::new())
        }
        Standing::NotReached { reason } => ("circle-check", "mute-i", "not needed", reason.to_string()),
        Standing::Passed => ("circle-check", "mute-i", "passed", due),
    };
    json!({ "icon": icon, "class": class, "name": step.name, "label": label, "detail": detail })
}

fn row(app: &Shared, state: &PaymentRequest, wanted: &str) -> Option<Json> {
    let terms = state.terms.as_ref()?;
    let (label, tone, icon) = status(state);
    let fits = match wanted {
        "open" => state.status == Status::Open,
        "overdue" => state.overdue,
        "settled" => state.status == Status::Settled,
        _ => true,
    };
    fits.then(|| {
        json!({
            "id": terms.id,
            "external_ref": terms.external_ref,
            "customer": customer_name(app, terms.customer),
            "status": label, "tone": tone, "status_icon": icon,
            "due_on": words::day(terms.due_on),
            "amount": words::money(terms.amount),
            "outstanding": state.outstanding().map(words::money),
            "short_reference": terms.short_reference.to_string(),
        })
    })
}

/// What is owed beside the amount, as a reader checks it.
fn charged(charges: &LateCharges) -> Json {
    let spans: Vec<Json> = charges
        .spans
        .iter()
        .map(|span| {
            json!({
                "from": words::day(span.from),
                "to": words::day(span.to),
                "days": span.days(),
                "balance": words::money(span.balance),
                "rate": span.rate.map(late::percent),
            })
        })
        .collect();
    json!({
        "days": charges.days,
        "until": words::day(charges.until),
        "indemnity": words::money(charges.indemnity),
        "interest": words::money(charges.interest),
        "total": words::money(charges.total()),
        "spans": spans,
    })
}

/// Scenarios that a request may follow instead of its own; none when it is not open.
fn scenarios_of(state: &PaymentRequest, policies: Option<&Policies>) -> Vec<Json> {
    let own = state.terms.as_ref().and_then(|terms| terms.scenario.as_deref());
    let others = policies.filter(|_| state.status == Status::Open).map(|policies| policies.scenarios.keys());
    let others = others.into_iter().flatten().filter(|name| Some(name.as_str()) != own);
    let none =
        (own.is_some() && state.status == Status::Open).then(|| json!({ "value": "", "label": "no reminders" }));
    others.map(|name| json!({ "value": name, "label": name })).chain(none).collect()
}

pub(super) async fn page(
    app: Shared, pages: SharedPages, request: HttpRequest, id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let id = PaymentRequestId::parse(&id).map_err(|error| Problem::not_found(error.to_string()))?;
    let (_, entity, events) = app.service.router.read(EntityId::PaymentRequest(id), EVENTS).await?;
    let missing = || Problem::not_found(format!("payment request {id} is not known"));
    let state = entity.as_payment_request().ok_or_else(missing)?;
    let terms = state.terms.as_ref().ok_or_else(missing)?;
    if events.iter().any(|event| event.tenant != frame.tenant) {
        return Err(missing());
    }
    let query = web::Query::<std::collections::BTreeMap<String, String>>::from_query(request.query_string());
    let query = query.map(web::Query::into_inner).unwrap_or_default();
    let zone = zone_of(&app, &frame.tenant);
    let timeline: Vec<Json> = events.iter().map(|event| words::event(event, &zone, true)).collect();
    let policies = app.service.router.ports().tenants.policies(&frame.tenant);
    let steps = policies.as_deref().map_or_else(Vec::new, |policies| progress(state, &events, policies));
    let steps: Vec<Json> = steps.iter().map(|one| step(one, &zone)).collect();
    let now = app.service.clocks.now(&frame.tenant).date_in(&zone);
    let late_terms = app.service.config.service.tenant(&frame.tenant).and_then(|tenant| tenant.late_terms.as_ref());
    let charges = match late_terms {
        Some(terms) => late::charges(&app.service.router, terms, id, now, &zone).await?,
        None => None,
    };
    let told = trails_of(&app, &frame.tenant, EntityId::PaymentRequest(id)).await?;
    let mut deliveries: Vec<Json> = Vec::with_capacity(told.len().min(DELIVERIES));
    for of in told.iter().take(DELIVERIES) {
        deliveries.push(deliveries::row(&app, of, &zone).await?);
    }
    let (label, tone, icon) = status(state);
    let zero = Money::zero(terms.amount.currency());
    let paid = state.paid().unwrap_or(zero);
    let (_, who, _) = app.service.router.read(EntityId::Customer(terms.customer), 0).await?;
    let who = who.as_customer();
    let name = who.and_then(|state| Some(state.profile.as_ref()?.name.clone()));
    let iban = state.pays_to(who).map(Iban::printed);
    let own = json!({
        "id": id,
        "external_ref": terms.external_ref,
        "customer": name,
        "customer_id": terms.customer.to_string(),
        "amount": words::money(terms.amount),
        "status": label, "tone": tone, "status_icon": icon,
        "next_reminder": state.reminders.next.filter(|_| state.awaits_approval().is_none()).map(|(_, due)| words::instant(due, &zone)),
        "timeline": timeline,
        "steps": steps,
        "awaited": reminders::awaited(state, policies.as_deref(), &zone),
        "said": query.get("said").filter(|said| {
            [&reminders::SAID[..], &acts::SAID, &received::SAID].iter().any(|all| all.contains(&said.as_str()))
        }),
        "acts": acts::offered(state, who, policies.as_deref(), now),
        "failed": query.get("failed"),
        "deliveries": deliveries,
        "delivery_count": told.len(),
        "late": charges.as_ref().map(charged),
        "event_count": events.len(),
        "paid": words::money(paid),
        "paid_percent": paid.minor() * 100 / terms.amount.minor().max(1),
        "outstanding": words::money(state.outstanding().unwrap_or(zero)),
        "refunded": (state.rare.refunded_minor > 0)
            .then(|| words::money(Money::from_minor(state.rare.refunded_minor, terms.amount.currency()))),
        "outstanding_decimal": state.outstanding().unwrap_or(zero).decimal(),
        "issued_on": words::day(terms.issued_on),
        "due_on": words::day(terms.due_on),
        "description": terms.description,
        "order": state.rare.order,
        "short_reference": terms.short_reference.to_string(),
        "creditor_reference": terms.creditor_reference.printed(),
        "virtual_iban": iban,
        "scenario": terms.scenario.as_deref().unwrap_or("none"),
        "scenarios": scenarios_of(state, policies.as_deref()),
        "collection": state.collection.as_ref().map(|collection| collected(collection, &zone)),
        "plan": state.rare.plan.map(|joined| json!({ "id": joined.plan, "cycle": joined.number })),
        "final_on": state.final_on.map(words::day),
        "promise": state.rare.promise.as_ref().map(|promise| words::day(promise.on)),
        "dispute": state.rare.dispute,
        "payer_page": callbacks(&app.service.config).map(|known| format!("/p/{}", known.payment_token(id))),
        "hold": who.and_then(|state| state.rare.holds.keys().next()).map(|hold| hold.name()),
    });
    pages.page("request", &frame.data(&app, &terms.external_ref, "/bo/requests", own))
}
