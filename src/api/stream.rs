//! The stream of events: a page after a cursor, a wait for what comes, or server-sent events that go on.
//!
//! A cursor is a place in the log. A page holds whole records, so that what follows it neither repeats nor misses any.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::ACCEPT;
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use quittance_actors::partition::Commit;
use quittance_actors::ports::Journal as _;
use quittance_actors::rules::{EventType, event_types};
use quittance_actors::values::TenantId;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout_at};

use super::{Problem, Shared, tenant};
use crate::assemble::Service;
use crate::export;

/// Events of a page at most, and when nothing is said; a page ends with the record that reaches it.
const EVENTS_MAX: usize = 1_000;
const EVENTS_DEFAULT: usize = 100;
/// Records that one page looks at: of a tenant that is quiet while others are not, it may hold nothing.
const RECORDS_MAX: u64 = 20_000;
/// The longest wait, in seconds.
const WAIT_S_MAX: u64 = 30;
/// How often somebody who listens hears that nothing has happened.
const HEARTBEAT: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    after: Option<String>,
    limit: Option<usize>,
    wait: Option<u64>,
    types: Option<String>,
}

/// What of a tenant's events is asked for.
pub(super) struct Wanted {
    pub tenant: TenantId,
    pub types: BTreeSet<EventType>,
}

/// Part of the log: its records that tell of what is wanted, and the place up to which it was read.
pub(super) struct Part {
    pub records: Vec<(u64, Arc<Commit>)>,
    pub cursor: u64,
    pub has_more: bool,
}

/// Types as a list apart by commas; all without one.
pub(super) fn types_of(text: Option<&str>) -> Result<BTreeSet<EventType>, Problem> {
    let text = text.unwrap_or("*");
    event_types(text.split(',').map(str::trim))
        .map_err(|error| Problem::bad_request(format!("types=\"{text}\": {error}; GET /v1/event-types lists them")))
}

/// A cursor as it was given before; `now` is the end, and without one it is the beginning.
pub(super) fn cursor_of(text: Option<&str>, service: &Service) -> Result<u64, Problem> {
    let end = service.live.position();
    match text {
        None => Ok(0),
        Some("now") => Ok(end),
        Some(text) => {
            let cursor = text.parse::<u64>().ok().filter(|cursor| *cursor <= end);
            cursor.ok_or_else(|| Problem::bad_request(format!("after=\"{text}\": not a cursor of this stream")))
        }
    }
}

pub(super) async fn read(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let query = web::Query::<Query>::from_query(request.query_string())
        .map_err(|error| Problem::bad_request(error.to_string()))?
        .into_inner();
    let wanted = Arc::new(Wanted { tenant, types: types_of(query.types.as_deref())? });
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let streams = header(ACCEPT.as_str()).is_some_and(|accepts| accepts.contains("text/event-stream"));
    let last_event = header("last-event-id").filter(|_| streams);
    let after = cursor_of(last_event.or(query.after.as_deref()), &app.service)?;
    if streams {
        return Ok(listen(app, wanted, after));
    }
    let limit = query.limit.unwrap_or(EVENTS_DEFAULT);
    if !(1..=EVENTS_MAX).contains(&limit) {
        return Err(Problem::bad_request(format!("limit={limit}: expected 1 to {EVENTS_MAX}")));
    }
    let wait = query.wait.unwrap_or(0);
    if wait > WAIT_S_MAX {
        return Err(Problem::bad_request(format!("wait={wait}: at most {WAIT_S_MAX} seconds")));
    }
    let until = Instant::now() + Duration::from_secs(wait);
    let (page, has_more) = next_page(&app, &wanted, after, limit, until).await?;
    let Page { events, cursor } = page;
    let data: Vec<Json> = events.into_iter().map(|(_, event)| event).collect();
    Ok(HttpResponse::Ok().json(json!({ "data": data, "cursor": cursor.to_string(), "has_more": has_more })))
}

/// Events with the cursor of those after which nothing of their record follows.
struct Page {
    events: Vec<(Option<u64>, Json)>,
    cursor: u64,
}

/// The next page with something in it, or an empty one at the end of the log when nothing has come `until` then.
async fn next_page(
    app: &Shared, wanted: &Arc<Wanted>, after: u64, limit: usize, until: Instant,
) -> Result<(Page, bool), Problem> {
    // Whatever comes from now on wakes, so that nothing comes between looking and waiting.
    let mut coming = app.service.live.subscribe();
    let mut cursor = after;
    loop {
        let part = part_after(&app.service, wanted, cursor, limit).await?;
        cursor = part.cursor;
        let events = told(app, wanted, &part.records).await?;
        if !events.is_empty() || part.has_more {
            return Ok((Page { events, cursor }, part.has_more));
        }
        if !comes(&mut coming, &wanted.tenant, until).await {
            return Ok((Page { events, cursor }, false));
        }
    }
}

/// Waits for a record of the tenant; whether one has come.
async fn comes(coming: &mut Receiver<Arc<Commit>>, tenant: &TenantId, until: Instant) -> bool {
    loop {
        match timeout_at(until, coming.recv()).await {
            Err(_) | Ok(Err(RecvError::Closed)) => return false,
            Ok(Ok(record)) if record.tenant != *tenant => {}
            Ok(Ok(_) | Err(RecvError::Lagged(_))) => return true,
        }
    }
}

/// Reads the log after a place, until there are `limit` events of what is wanted.
pub(super) async fn part_after(
    service: &Service, wanted: &Arc<Wanted>, after: u64, limit: usize,
) -> Result<Part, Problem> {
    let (writer, end, wanted) = (Arc::clone(&service.writer), service.live.position(), Arc::clone(wanted));
    let read = tokio::task::spawn_blocking(move || {
        let (mut records, mut events, mut cursor) = (Vec::new(), 0, after);
        while cursor < end && events < limit && cursor - after < RECORDS_MAX {
            cursor += 1;
            let record = writer.read(cursor)?;
            let count = record.published.iter().filter(|told| wanted.types.contains(&told.event)).count();
            if record.tenant == wanted.tenant && count > 0 {
                events += count;
                records.push((cursor, record));
            }
        }
        Ok(Part { records, cursor, has_more: cursor < end })
    });
    let read: Result<_, quittance_actors::ports::PortError> =
        read.await.map_err(|_| Problem::overloaded("the service is stopping"))?;
    read.map_err(|error| Problem::overloaded(format!("the record log cannot be read: {error}")))
}

/// The events of records, as JSON with their cursor.
async fn told(
    app: &Shared, wanted: &Wanted, records: &[(u64, Arc<Commit>)],
) -> Result<Vec<(Option<u64>, Json)>, Problem> {
    let mut places = Vec::new();
    let mut cursors = Vec::new();
    for (position, record) in records {
        let of_type =
            |place: &usize| record.published.get(*place).is_some_and(|told| wanted.types.contains(&told.event));
        for place in (0..record.published.len()).filter(of_type) {
            places.push((Arc::clone(record), place));
            cursors.push(None);
        }
        if let Some(last) = cursors.last_mut() {
            *last = Some(*position);
        }
    }
    let told = app.service.router.tell_all(places).await?;
    let events = cursors.into_iter().zip(told).filter_map(|(cursor, event)| {
        let mut json = export::event_json(&event?);
        if let (Some(cursor), Some(json)) = (cursor, json.as_object_mut()) {
            json.insert("cursor".to_owned(), json!(cursor.to_string()));
        }
        Some((cursor, json))
    });
    Ok(events.collect())
}

/// Events as they come, for as long as somebody listens.
fn listen(app: Shared, wanted: Arc<Wanted>, after: u64) -> HttpResponse {
    let messages = stream::unfold((app, wanted, after, true), |(app, wanted, after, first)| async move {
        if first {
            // With the place from which it hears: it may break off before anything comes.
            let hello = Ok::<_, actix_web::Error>(Bytes::from(format!("retry: 2000\nid: {after}\n\n")));
            return Some((hello, (app, wanted, after, false)));
        }
        let until = Instant::now() + HEARTBEAT;
        let (page, _) = next_page(&app, &wanted, after, EVENTS_DEFAULT, until).await.ok()?;
        let Page { events, cursor } = page;
        let mut text = String::new();
        for (cursor, event) in &events {
            // Who comes back names the last record of which it has heard everything.
            let id = cursor.map(|cursor| format!("id: {cursor}\n")).unwrap_or_default();
            let name = event.get("type").and_then(Json::as_str).unwrap_or_default();
            text.push_str(&format!("{id}event: {name}\ndata: {event}\n\n"));
        }
        if events.is_empty() {
            text = format!("id: {cursor}\n: still here\n\n");
        }
        Some((Ok(Bytes::from(text)), (app, wanted, cursor, false)))
    });
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header(("Cache-Control", "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(messages)
}
