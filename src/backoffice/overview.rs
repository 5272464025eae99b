//! The overview: what is owed, what came in, what needs a person.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::ports::{Journal as _, PortError};
use quittance_actors::rules::Published;
use quittance_actors::values::{Currency, Money, TenantId};
use serde_json::{Value as Json, json};

use super::{SharedPages, enter, transfers, words, zone_of};
use crate::api::{Problem, Shared};
use crate::overview::Overview;
use crate::store::List;

/// Lines of the activity list.
const FEED_LINES: usize = 14;

pub(super) async fn page(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let mut own = figures(&app, &frame.tenant).await;
    let tasks = app.service.store.page(&frame.tenant, List::Tasks, None, 8);
    let tasks = tasks.map_err(|error| Problem::overloaded(error.to_string()))?;
    let rows: Vec<Json> = tasks
        .entities
        .iter()
        .filter_map(|(id, entity)| {
            let mut row = transfers::row(entity)?;
            row.as_object_mut()?.insert("link".to_owned(), json!(format!("/bo/reconciliation?id={id}")));
            Some(row)
        })
        .collect();
    if let Some(own) = own.as_object_mut() {
        let more = if tasks.has_more { "+" } else { "" };
        own.insert("task_count".to_owned(), json!(format!("{}{more}", rows.len())));
        own.insert("tasks".to_owned(), json!(rows));
    }
    pages.page("overview", &frame.data(&app, "Overview", "/bo", own))
}

/// The figures of a tenant, for the page and for its live updates.
pub(super) async fn figures(app: &Shared, tenant: &TenantId) -> Json {
    let overview = app.service.live.overview(tenant);
    let zone = zone_of(app, tenant);
    let main = main_currency(&overview);
    let outstanding = overview.outstanding.get(&main).copied().unwrap_or(0);
    let received: i64 = overview.received.iter().filter(|((_, c), _)| *c == main).map(|(_, minor)| minor).sum();
    let rate =
        overview.match_rate_per_mille().map_or("—".to_owned(), |rate| format!("{}.{} %", rate / 10, rate % 10));
    let events = activity(app, &overview).await;
    let feed: Vec<Json> = events.iter().map(|event| words::event(event, &zone, false)).collect();
    json!({
        "outstanding": words::money(Money::from_minor(outstanding, main)),
        "received": words::money(Money::from_minor(received, main)),
        "issued": overview.issued,
        "settled": overview.settled,
        "transfers": overview.transfers,
        "matched": overview.matched,
        "reminders": overview.reminders,
        "attempts_failed": overview.attempts_failed,
        "rate": rate,
        "feed": feed,
        "chart": chart(&overview, main),
    })
}

/// The latest events, the newest first. One that cannot be read is left out of the list.
async fn activity(app: &Shared, overview: &Overview) -> Vec<Published> {
    let mut events = Vec::new();
    for line in overview.activity.iter().take(FEED_LINES) {
        let record = match &line.record {
            Some(record) => Ok(Arc::clone(record)),
            None => {
                let (writer, position) = (Arc::clone(&app.service.writer), line.position);
                let read = tokio::task::spawn_blocking(move || writer.read(position)).await;
                read.unwrap_or_else(|error| Err(PortError { port: "journal", detail: error.to_string() }))
            }
        };
        if let Ok(record) = record
            && let Ok(Some(event)) = app.service.router.tell(record, line.place).await
        {
            events.push(event);
        }
    }
    events
}

/// The currency of most money, the euro when there is none.
fn main_currency(overview: &Overview) -> Currency {
    let most = overview.outstanding.iter().max_by_key(|(_, minor)| **minor);
    most.map_or(Currency::EUR, |(currency, _)| *currency)
}

/// The widest bar of the chart.
const BAR_WIDTH_MAX: i64 = 48;

/// A bar for each day on which money came in, in the coordinates of a 600 by 200 picture.
fn chart(overview: &Overview, currency: Currency) -> Json {
    let days: Vec<_> = overview.received.iter().filter(|((_, c), _)| *c == currency).collect();
    let highest = days.iter().map(|(_, minor)| **minor).max().unwrap_or(0);
    let (Some(((first, _), _)), Some(((last, _), _))) = (days.first(), days.last()) else {
        return json!({ "area": "", "line": "", "days": [] });
    };
    // Days without money have their place as well: the distance between two bars is that of their days.
    let slots = i64::from(last.days_since(*first)) + 1;
    let width = (600 * 7 / (slots * 10)).clamp(2, BAR_WIDTH_MAX);
    let (mut area, mut line) = (String::new(), String::new());
    for ((day, _), minor) in &days {
        let middle = (600 * i64::from(day.days_since(*first)) + 300) / slots;
        let (x, y) = (middle - width / 2, 190 - 170 * **minor / highest.max(1));
        area.push_str(&format!("M{x} 200V{y}h{width}V200Z"));
        line.push_str(&format!("M{x} {y}h{width}"));
    }
    let table: Vec<Json> = days
        .iter()
        .map(|((day, _), minor)| json!({ "day": words::day(*day), "amount": words::money(Money::from_minor(**minor, currency)) }))
        .collect();
    json!({
        "area": area,
        "line": line,
        "first": words::day(*first),
        "last": words::day(*last),
        "highest": words::money(Money::from_minor(highest, currency)),
        "days": table,
    })
}

/// Moves the test clock by the form in the header.
pub(super) async fn advance(
    app: Shared, pages: SharedPages, request: HttpRequest,
    form: web::Form<std::collections::BTreeMap<String, String>>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    frame.of_same_merchant(&form)?;
    let by = form.get("by").map_or("1d", String::as_str);
    let by_ms = crate::api::duration_ms(by).map_err(Problem::bad_request)?;
    crate::api::advance_tenant(&app, &frame.tenant, Some(by_ms), None).await?;
    Ok(HttpResponse::SeeOther().insert_header(("Location", "/bo")).finish())
}
