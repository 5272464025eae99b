//! A delivery from its making to its end: what asked for it, every try of it, and how it stands.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::{HttpRequest, HttpResponse, web};
use parking_lot::Mutex;
use quittance_actors::delivery::{Fault, Outcome, Recipient, Route};
use quittance_actors::partition::{Commit, Outgoing, Row};
use quittance_actors::ports::{Journal as _, PortError};
use quittance_actors::rules::EventType;
use quittance_actors::runtime::Offer;
use quittance_actors::values::{DeliveryId, EntityId, TenantId, Timestamp};
use serde_json::{Value as Json, json};

use super::{Problem, Shared, delivery_id, tenant, views};
use crate::assemble::Service;
use crate::export::hook_body;
use crate::store::Tried;

/// Deliveries of a page.
const ROWS_MAX: usize = 50;
/// Records of an entity that are looked at for its deliveries, the newest of them.
const RECORDS_MAX: usize = 300;
/// Deliveries of an entity, the newest of them.
const OF_ENTITY_MAX: usize = 50;
/// How often a question has a checkpoint made.
const FRESHENED_EVERY: Duration = Duration::from_secs(1);

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It has not been tried.
    Pending,
    /// It has failed and is tried again.
    Waits {
        /// Not before this, in system time.
        until: Timestamp,
    },
    /// A try has begun, and nothing was heard of it.
    Begun,
    /// It arrived.
    Delivered,
    /// It is given up.
    GivenUp,
    /// It was not wanted any more.
    Suppressed,
    /// It has ended, and how is not known here: its tries are too young for a checkpoint, or older than those kept.
    Ended,
}

impl Standing {
    /// Its name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Standing::Pending => "pending",
            Standing::Waits { .. } => "waiting",
            Standing::Begun => "begun",
            Standing::Delivered => "delivered",
            Standing::GivenUp => "given_up",
            Standing::Suppressed => "suppressed",
            Standing::Ended => "ended",
        }
    }
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Try {
    /// When it ended, in the tenant's clock.
    pub at: Timestamp,
    /// How.
    pub outcome: Outcome,
}

impl Try {
    /// Whether it was tried, and did not only wait.
    pub(crate) fn is_try(&self) -> bool {
        !matches!(self.outcome, Outcome::HeldBack { .. })
    }

    /// Its result on the wire.
    pub(crate) fn result(&self) -> &'static str {
        match self.outcome {
            Outcome::Delivered { .. } => "delivered",
            Outcome::RetryAt { .. } => "failed",
            Outcome::Dead { .. } => "given_up",
            Outcome::Suppressed { .. } => "suppressed",
            Outcome::Claimed => "begun",
            Outcome::HeldBack { .. } => "held_back",
        }
    }

    /// What went wrong, as far as it is of the set, and what is told of it.
    pub(crate) fn told(&self) -> (Option<Fault>, &str) {
        match &self.outcome {
            Outcome::RetryAt { error, .. } | Outcome::Dead { error } => Fault::told(error),
            Outcome::Delivered { detail } => (None, detail),
            Outcome::Suppressed { reason } | Outcome::HeldBack { reason, .. } => (None, reason),
            Outcome::Claimed => (None, ""),
        }
    }
}

/// A delivery with all that was tried.
#[derive(Debug, Clone)]
pub(crate) struct Trail {
    /// Which.
    pub id: DeliveryId,
    /// When what it tells of happened.
    pub at: Timestamp,
    /// What it tells of.
    pub event: EventType,
    /// What that happened to.
    pub subject: EntityId,
    /// The way it goes.
    pub route: Route,
    /// What leaves, as the record has it.
    pub outgoing: Outgoing,
    /// Its tries, the oldest first.
    pub tries: Vec<Try>,
    /// How it stands.
    pub standing: Standing,
    /// Whether it was tried more often than checkpoints tell.
    is_behind: bool,
    /// The record that made it.
    record: Arc<Commit>,
}

impl Trail {
    fn of(service: &Service, found: &Tried, row: Option<&Row>) -> Result<Option<Self>, PortError> {
        let record = service.writer.read(found.origin)?;
        let Some(outgoing) = record.deliveries.get(usize::from(found.place)).cloned() else { return Ok(None) };
        let told = record.published.get(usize::from(outgoing.occurrence));
        let subject = told.and_then(|told| record.changes.get(usize::from(told.change)));
        let Some((told, subject)) = told.zip(subject) else { return Ok(None) };
        let mut tries: Vec<Try> = Vec::with_capacity(found.positions.len());
        for position in &found.positions {
            let ended = service.writer.read(*position)?;
            let of_it = ended.outcomes.iter().filter(|tried| tried.id == found.id);
            for tried in of_it {
                // What began and has ended is one try.
                if tries.last().is_some_and(|last| last.outcome == Outcome::Claimed) {
                    tries.pop();
                }
                tries.push(Try { at: ended.at, outcome: tried.outcome.clone() });
            }
        }
        let counted = tries.iter().filter(|tried| tried.is_try()).count();
        let is_behind = row.is_some_and(|row| usize::try_from(row.attempts).is_ok_and(|known| known > counted));
        let standing = match (row.map(|row| row.not_before), tries.last().map(|last| &last.outcome)) {
            (Some(_), Some(Outcome::Claimed)) => Standing::Begun,
            (Some(until), Some(Outcome::RetryAt { .. } | Outcome::HeldBack { .. })) => Standing::Waits { until },
            // It is tried once more, or for the first time.
            (Some(_), _) => Standing::Pending,
            (None, Some(Outcome::Delivered { .. })) => Standing::Delivered,
            (None, Some(Outcome::Dead { .. })) => Standing::GivenUp,
            (None, Some(Outcome::Suppressed { .. })) => Standing::Suppressed,
            (None, None | Some(Outcome::Claimed | Outcome::RetryAt { .. } | Outcome::HeldBack { .. })) => {
                Standing::Ended
            }
        };
        let (id, at, event, subject, route) = (found.id, record.at, told.event, subject.entity, found.route.clone());
        Ok(Some(Self { id, at, event, subject, route, outgoing, tries, standing, is_behind, record }))
    }

    /// The recipient in words.
    pub(crate) fn to(&self) -> String {
        to(&self.outgoing.recipient)
    }

    fn shown(&self) -> Json {
        let mut number = 0;
        let mut shown = |tried: &Try| {
            number += u32::from(tried.is_try());
            let (fault, detail) = tried.told();
            json!({
                "number": tried.is_try().then_some(number), "at": tried.at, "result": tried.result(),
                "fault": fault.map(Fault::code), "detail": detail,
            })
        };
        let tries: Vec<Json> = self.tries.iter().map(&mut shown).collect();
        let next_try_at = match self.standing {
            Standing::Waits { until } => Some(until),
            _ => None,
        };
        json!({
            "id": self.id,
            "status": self.standing.name(),
            "event": {
                "id": self.record.event_id(usize::from(self.outgoing.occurrence)).to_string(),
                "type": self.event.name(), "at": self.at, "subject": self.subject.to_string(),
            },
            "way": self.route.to_string(),
            "to": self.to(),
            "template": self.outgoing.template,
            "cause": self.outgoing.cause,
            "gates": if self.event == EventType::ReminderSent { views::gates(None) } else { Vec::new() },
            "tries": tries,
            "next_try_at": next_try_at,
        })
    }
}

/// A recipient in words.
pub(super) fn to(recipient: &Recipient) -> String {
    match recipient {
        Recipient::Customer(id) => id.to_string(),
        Recipient::List(name) => format!("list {name}"),
        Recipient::Endpoint(name) => format!("hook {name}"),
        Recipient::Feed(name) => format!("feed {name}"),
        Recipient::Connector(name) => format!("connector {name}"),
        Recipient::StatusExport => "status file".to_owned(),
        Recipient::DecidedCustomer => "customer of a decision".to_owned(),
    }
}

/// A delivery with its tries, if the tenant has such a one.
pub(crate) async fn trail(app: &Shared, tenant: &TenantId, id: DeliveryId) -> Result<Option<Trail>, Problem> {
    let found = look(app, tenant, id, None).await?;
    let is_whole = found.as_ref().is_some_and(|trail| trail.standing != Standing::Ended && !trail.is_behind);
    // The last try may be so young that no checkpoint tells of it.
    if is_whole || !freshen(app).await {
        return Ok(found);
    }
    look(app, tenant, id, None).await
}

/// Has a checkpoint tell of what was tried last; not more often than checkpoints come by themselves.
async fn freshen(app: &Shared) -> bool {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    {
        let mut last = LAST.lock();
        if last.is_some_and(|last| last.elapsed() < FRESHENED_EVERY) {
            return false;
        }
        *last = Some(Instant::now());
    }
    app.service.checkpointer.send(Offer).await.is_ok()
}

/// As [`trail`], as far as checkpoints tell; `origin` is the record that made it and its place there, if it is known.
async fn look(
    app: &Shared, tenant: &TenantId, id: DeliveryId, origin: Option<(u64, u16, Route)>,
) -> Result<Option<Trail>, Problem> {
    let row = app.service.router.pending(id).await?.filter(|row| row.way.0 == *tenant);
    let (app, tenant) = (app.clone(), tenant.clone());
    let read = move || {
        let tried = app.service.store.tries_of(&tenant, id)?;
        let pending = row.as_ref().map(|row| (row.position, row.place, row.way.1.clone()));
        let untried = |(origin, place, route)| Tried { id, route, origin, place, positions: Vec::new() };
        let found = tried.or_else(|| pending.or(origin).map(untried));
        found.map_or(Ok(None), |found| Trail::of(&app.service, &found, row.as_ref()))
    };
    blocking(read).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PortError> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Problem::overloaded("the service is stopping"))?.map_err(|error| overloaded(&error))
}

fn overloaded(error: &PortError) -> Problem {
    Problem::overloaded(error.to_string())
}

/// Deliveries that were tried, of one way or of all, the newest first, and the one after which the next page begins.
pub(crate) async fn trails(
    app: &Shared, tenant: &TenantId, before: Option<DeliveryId>, route: Option<Route>,
) -> Result<(Vec<Trail>, Option<DeliveryId>), Problem> {
    let (known, of) = (app.clone(), tenant.clone());
    let page = blocking(move || known.service.store.tried(&of, before, route.as_ref(), ROWS_MAX)).await?;
    let mut found = Vec::with_capacity(page.rows.len());
    for row in page.rows {
        let pending = app.service.router.pending(row.id).await?;
        let known = app.clone();
        found.extend(blocking(move || Trail::of(&known.service, &row, pending.as_ref())).await?);
    }
    Ok((found, page.next))
}

/// The deliveries that tell of what happened to an entity, the newest first, as far as its newest records go.
pub(crate) async fn trails_of(app: &Shared, tenant: &TenantId, entity: EntityId) -> Result<Vec<Trail>, Problem> {
    let positions = app.service.router.positions(entity, RECORDS_MAX).await?;
    let (known, of) = (app.clone(), tenant.clone());
    let read = move || {
        let mut made = Vec::new();
        for position in positions {
            let record = known.service.writer.read(position)?;
            for (place, outgoing) in record.deliveries.iter().enumerate().filter(|_| record.tenant == of) {
                let told = record.published.get(usize::from(outgoing.occurrence));
                let subject = told.and_then(|told| record.changes.get(usize::from(told.change)));
                let request = told.and_then(|told| told.request).map(EntityId::PaymentRequest);
                if subject.is_some_and(|subject| subject.entity == entity) || request == Some(entity) {
                    let route = Route::of(&record.tenant, outgoing.channel, &outgoing.recipient);
                    let number = u16::try_from(place).unwrap_or(u16::MAX);
                    made.push((record.delivery_id(place), (position, number, route)));
                }
            }
        }
        Ok(made)
    };
    let made = blocking(read).await?;
    let newest = || made.iter().rev().take(OF_ENTITY_MAX);
    let mut found = Vec::new();
    for (id, origin) in newest() {
        found.extend(look(app, tenant, *id, Some(origin.clone())).await?);
    }
    if found.iter().any(|trail| trail.standing == Standing::Ended) && freshen(app).await {
        found.clear();
        for (id, origin) in newest() {
            found.extend(look(app, tenant, *id, Some(origin.clone())).await?);
        }
    }
    Ok(found)
}

/// The route of a way as it is written: `hook:shop:erp`. Only a tenant's own are known.
pub(crate) fn route_of(app: &Shared, tenant: &TenantId, way: &str) -> Option<Route> {
    use quittance_actors::delivery::Channel::{Email, Sms};
    let (kind, name) = way.split_once(':').map_or((way, ""), |(kind, rest)| {
        (kind, rest.strip_prefix(tenant.as_str()).and_then(|rest| rest.strip_prefix(':')).unwrap_or_default())
    });
    let known = app.service.config.service.endpoints.iter().any(|of| of.tenant == *tenant && of.name == name);
    match kind {
        "email" => Some(Route::Channel(Email)),
        "sms" => Some(Route::Channel(Sms)),
        "hook" if known => Some(Route::Endpoint(tenant.clone(), name.into())),
        "file" if !name.is_empty() => Some(Route::Feed(tenant.clone(), name.into())),
        "collection" if !name.is_empty() => Some(Route::Connector(tenant.clone(), name.into())),
        "payout" if !name.is_empty() => Some(Route::Payouts(tenant.clone(), name.into())),
        "inquiry" if !name.is_empty() => Some(Route::Inquiries(tenant.clone(), name.into())),
        _ => None,
    }
}

/// What an endpoint is called with, as far as it is no secret: who has lost a call makes it again from this.
pub(crate) async fn call(app: &Shared, trail: &Trail) -> Result<Option<Json>, Problem> {
    let Route::Endpoint(tenant, name) = &trail.route else { return Ok(None) };
    let endpoints = app.service.config.service.endpoints.iter();
    let Some(endpoint) = endpoints.filter(|of| of.tenant == *tenant).find(|of| of.name == *name) else {
        return Ok(None);
    };
    let (record, place) = (Arc::clone(&trail.record), usize::from(trail.outgoing.occurrence));
    let Some(event) = app.service.router.tell(record, place).await? else { return Ok(None) };
    let own = match trail.outgoing.template.as_deref() {
        None => None,
        Some(name) => {
            let merchant = app.service.config.service.tenant(tenant).map_or("", |tenant| tenant.name.as_str());
            match super::in_use(app, tenant)?.templates.body(name, Some((&event, merchant))) {
                Ok(own) => Some(own),
                // It is called with nothing any more.
                Err(_) => return Ok(None),
            }
        }
    };
    let body = hook_body(&event, endpoint.format, endpoint.tells, own);
    let body = body.map_err(|error| Problem::internal(error.to_string()))?;
    let text = String::from_utf8_lossy(&body.bytes).into_owned();
    let mut headers = BTreeMap::from([
        ("content-type".to_owned(), body.content_type.to_owned()),
        ("webhook-id".to_owned(), trail.id.to_string()),
    ]);
    headers.extend(body.headers);
    let mut curl = format!("curl -X POST {}", quoted(&endpoint.url));
    for (name, value) in &headers {
        curl.push_str(&format!(" -H {}", quoted(&format!("{name}: {value}"))));
    }
    curl.push_str(&format!(" --data-raw {}", quoted(&text)));
    Ok(Some(json!({ "url": endpoint.url, "headers": headers, "body": text, "curl": curl })))
}

/// A word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// `GET /v1/deliveries/{id}`, `GET /v1/decisions/{id}` of a delivery.
pub(super) async fn read(app: Shared, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let id = delivery_id(&id)?;
    let missing =
        || Problem::not_found(format!("delivery {id} is not known, or its tries are older than those kept"));
    let found = trail(&app, &tenant, id).await?.ok_or_else(missing)?;
    let mut shown = found.shown();
    if let (Some(shown), Some(call)) = (shown.as_object_mut(), call(&app, &found).await?) {
        shown.insert("call".to_owned(), call);
    }
    Ok(HttpResponse::Ok().json(shown))
}

/// `GET /v1/deliveries?status=any`: what was tried, the newest first.
pub(super) async fn page(
    app: &Shared, tenant: &TenantId, query: &BTreeMap<String, String>,
) -> Result<HttpResponse, Problem> {
    let before = query.get("after").map(|text| delivery_id(text)).transpose()?;
    let unknown = |way: &String| Problem::bad_request(format!("way: there is no way \"{way}\""));
    let route = query.get("way").map(|way| route_of(app, tenant, way).ok_or_else(|| unknown(way))).transpose()?;
    let (found, next) = trails(app, tenant, before, route).await?;
    let data: Vec<Json> = found.iter().map(Trail::shown).collect();
    Ok(HttpResponse::Ok().json(json!({ "data": data, "next": next, "has_more": next.is_some() })))
}

/// `GET /v1/payment-requests/{id}/deliveries`: what told of it, and what became of that.
pub(super) async fn of_request(
    app: Shared, request: HttpRequest, id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let entity = super::entity_id(&id)?;
    if !matches!(entity, EntityId::PaymentRequest(_)) || !super::owned(&app, &tenant, entity).await {
        return Err(Problem::not_found(format!("{id} is not a payment request")));
    }
    let found = trails_of(&app, &tenant, entity).await?;
    Ok(HttpResponse::Ok().json(json!({ "data": found.iter().map(Trail::shown).collect::<Vec<_>>() })))
}
