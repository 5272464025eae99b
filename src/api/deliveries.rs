//! Deliveries that were given up: what they were, why, and another try. What was tried of any is told by `trail`.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::delivery::{Fault, Recipient};
use quittance_actors::partition::{Revived, Row, SystemFact};
use quittance_actors::ports::{Journal as _, PortError};
use quittance_actors::runtime::Offer;
use quittance_actors::values::{DeliveryId, TenantId, Timestamp};
use serde_json::{Value as Json, json};
use tokio::sync::Mutex;
use tracing::warn;

use super::{Problem, Shared, tenant, trail};
use crate::assemble::Service;

/// Rows of a page.
const ROWS_MAX: usize = 100;
/// Deliveries that are tried again in one call.
const RETRIED_MAX: usize = 1_000;

/// A delivery that was given up.
#[derive(Debug, Clone)]
pub(crate) struct GivenUp {
    /// Which.
    pub id: DeliveryId,
    /// When what it tells of happened.
    pub at: Timestamp,
    /// The event it tells of.
    pub event: &'static str,
    /// The way it goes: `sms`, `hook:shop:erp`.
    pub way: String,
    /// To whom.
    pub recipient: Recipient,
    /// Which rule or scenario asked for it.
    pub cause: Arc<str>,
    /// Tries so far.
    pub tries: u32,
    /// Why it was given up.
    pub error: String,
}

impl GivenUp {
    /// The recipient in words.
    pub(crate) fn to(&self) -> String {
        trail::to(&self.recipient)
    }
}

/// The newest deliveries that were given up, of those older than `before`, and whether there are more.
pub(crate) async fn given_up(
    service: &Service, tenant: &TenantId, before: Option<DeliveryId>,
) -> Result<(Vec<GivenUp>, bool), Problem> {
    let (store, writer, tenant) = (Arc::clone(&service.store), Arc::clone(&service.writer), tenant.clone());
    let found = tokio::task::spawn_blocking(move || {
        let mut rows = store.dead(&tenant, before, ROWS_MAX + 1)?;
        let more = rows.len() > ROWS_MAX;
        rows.truncate(ROWS_MAX);
        let mut found = Vec::with_capacity(rows.len());
        for (id, row) in rows {
            let commit = writer.read(row.position)?;
            let Some(outgoing) = commit.deliveries.get(usize::from(row.place)) else { continue };
            let Some(occurrence) = commit.published.get(usize::from(outgoing.occurrence)) else { continue };
            found.push(GivenUp {
                id,
                at: commit.at,
                event: occurrence.event.name(),
                way: row.way.1.to_string(),
                recipient: outgoing.recipient.clone(),
                cause: Arc::clone(&outgoing.cause),
                tries: row.attempts,
                error: row.last_error.as_deref().unwrap_or_default().to_owned(),
            });
        }
        Ok((found, more))
    });
    let found: Result<_, PortError> = found.await.map_err(|_| Problem::overloaded("the service is stopping"))?;
    found.map_err(|error| failed(&error))
}

/// One at a time: who asks second must find that it is not given up any more. Those that are tried again and that the
/// list may still name, until it has been written anew.
static TRIED: Mutex<BTreeSet<DeliveryId>> = Mutex::const_new(BTreeSet::new());

/// Another try of a delivery that was given up, with the same id. What has been asked for twice is tried once.
pub(crate) async fn try_again(app: &Shared, tenant: &TenantId, id: DeliveryId) -> Result<(), Problem> {
    let row = app.service.store.dead_one(tenant, id).map_err(|error| failed(&error))?;
    let row = row.ok_or_else(|| Problem::not_found(format!("delivery {id} is not among those given up")))?;
    match revive(app, tenant, vec![revived((id, row))]).await? {
        0 => Err(Problem::not_found(format!("delivery {id} is tried again already"))),
        _ => Ok(()),
    }
}

/// Another try of the newest deliveries that were given up, all or those that go one way; gives how many.
pub(crate) async fn try_all_again(app: &Shared, tenant: &TenantId, way: Option<&str>) -> Result<usize, Problem> {
    let (store, of, way) = (Arc::clone(&app.service.store), tenant.clone(), way.map(str::to_owned));
    let found = tokio::task::spawn_blocking(move || {
        let goes = |row: &Row| way.as_ref().is_none_or(|way| row.way.1.to_string() == *way);
        let (mut rows, mut before) = (Vec::new(), None);
        while rows.len() < RETRIED_MAX {
            let page = store.dead(&of, before, RETRIED_MAX)?;
            let Some((last, _)) = page.last() else { break };
            before = Some(*last);
            rows.extend(page.into_iter().filter(|(_, row)| goes(row)));
        }
        rows.truncate(RETRIED_MAX);
        Ok(rows)
    });
    let rows: Result<_, PortError> = found.await.map_err(|_| Problem::overloaded("the service is stopping"))?;
    let rows = rows.map_err(|error| failed(&error))?;
    revive(app, tenant, rows.into_iter().map(revived).collect()).await
}

/// A row as it is tried again.
fn revived((id, row): (DeliveryId, Row)) -> SystemFact {
    let (route, position, place) = (row.way.1.clone(), row.position, row.place);
    SystemFact::DeliveryRevived(Revived { id, route, position, place })
}

/// Has rows tried again, to the end even when the caller goes away; gives how many were not already.
pub(super) async fn revive(app: &Shared, tenant: &TenantId, rows: Vec<SystemFact>) -> Result<usize, Problem> {
    if rows.is_empty() {
        return Ok(0);
    }
    let (app, tenant) = (app.clone(), tenant.clone());
    let work = actix_web::rt::spawn(async move {
        let mut tried = TRIED.lock().await;
        let (mut count, mut broke) = (0, None);
        for fact in rows {
            let (SystemFact::DeliveryRevived(Revived { id, .. })
            | SystemFact::DeliveryReplayed { revived: Revived { id, .. }, .. }) = fact
            else {
                continue;
            };
            if tried.contains(&id) {
                continue;
            }
            if let Err(error) = app.service.router.record_fact(id.partition(), &tenant, fact).await {
                broke = Some(error);
                break;
            }
            tried.insert(id);
            count += 1;
        }
        // The list is that of the store.
        match app.service.checkpointer.send(Offer).await {
            Ok(Ok(_)) => tried.clear(),
            _ => warn!("no checkpoint follows deliveries that are tried again"),
        }
        broke.map_or(Ok(count), |error| Err(error.into()))
    });
    work.await.map_err(|_| Problem::overloaded("the service is stopping"))?
}

fn failed(error: &PortError) -> Problem {
    Problem::overloaded(error.to_string())
}

/// `GET /v1/deliveries`: those given up, the newest first; with `?status=any` all that were tried.
pub(super) async fn list(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let query = web::Query::<std::collections::BTreeMap<String, String>>::from_query(request.query_string());
    let query = query.map_err(|error| Problem::bad_request(error.to_string()))?;
    match query.get("status").map(String::as_str) {
        None | Some("given_up") => {}
        Some("any") => return trail::page(&app, &tenant, &query).await,
        Some(_) => return Err(Problem::bad_request("status: expected given_up or any")),
    }
    let before = query.get("after").map(|text| delivery_id(text)).transpose()?;
    let (found, more) = given_up(&app.service, &tenant, before).await?;
    let next = found.last().filter(|_| more).map(|last| last.id);
    let shown = |of: &GivenUp| {
        let (fault, detail) = Fault::told(&of.error);
        json!({
            "id": of.id, "status": "given_up", "event": of.event, "at": of.at, "way": of.way, "to": of.to(),
            "cause": of.cause, "tries": of.tries, "fault": fault.map(Fault::code), "error": detail,
        })
    };
    let data: Vec<Json> = found.iter().map(shown).collect();
    Ok(HttpResponse::Ok().json(json!({ "data": data, "next": next, "has_more": more })))
}

/// `POST /v1/deliveries/{id}/retry`: another try with the same id.
pub(super) async fn retry(app: Shared, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let id = delivery_id(&id)?;
    try_again(&app, &tenant, id).await?;
    Ok(HttpResponse::Accepted().json(json!({ "id": id, "status": "pending" })))
}

/// `POST /v1/deliveries/retry`: another try of the newest thousand, with `?way=hook:shop:erp` of those that go this way.
pub(super) async fn retry_all(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let query = web::Query::<std::collections::BTreeMap<String, String>>::from_query(request.query_string());
    let query = query.map_err(|error| Problem::bad_request(error.to_string()))?;
    let tried = try_all_again(&app, &tenant, query.get("way").map(String::as_str)).await?;
    Ok(HttpResponse::Accepted().json(json!({ "retried": tried })))
}

/// The id of a delivery in a path.
pub(crate) fn delivery_id(text: &str) -> Result<DeliveryId, Problem> {
    DeliveryId::parse(text).map_err(|error| Problem::not_found(error.to_string()))
}
