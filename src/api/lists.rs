//! Pages of lists, and what of them is asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::partition::{DirectoryKey, DirectoryValue, Entity};
use quittance_actors::payment_request;
use quittance_actors::values::{EntityId, TenantId};
use serde_json::{Value as Json, json};

use super::{App, Problem, entity_id, payouts, plans, views};
use crate::store::List;

/// Rows of a page, and the most that may be asked for.
const LIMIT: usize = 50;
const LIMIT_MAX: usize = 500;
/// Rows looked at for one page of those that are asked for; `next` goes on after them.
const LOOKED_AT_MAX: usize = 5_000;

/// What a call asks of a list.
struct Asked {
    limit: usize,
    after: Option<EntityId>,
    /// The ERP's key of the only one.
    external_ref: Option<String>,
    /// How they stand.
    status: Option<String>,
}

/// What a list may be asked for beside its pages: by the ERP's key, and by statuses.
fn filters(list: List) -> (bool, &'static [&'static str], &'static [&'static str]) {
    match list {
        List::Customers => (true, &[], &["tasks"]),
        List::CustomerTasks => (false, &[], &["tasks"]),
        List::PaymentRequests => (true, &["open", "overdue", "settled", "cancelled"], &[]),
        List::Transfers => {
            let statuses =
                &["noted", "received", "matched", "needs_decision", "set_aside", "given_back", "recalled", "divided"];
            (false, statuses, &[])
        }
        List::Plans | List::PlansAttention => (true, &["attention"], &[]),
        List::Payouts | List::Approvals => (false, &["awaits_approval"], &[]),
        List::Tasks | List::Collections | List::Reminders | List::Late | List::Agreed | List::KeptBack => {
            (false, &[], &[])
        }
    }
}

impl Asked {
    fn of(list: List, request: &HttpRequest) -> Result<Self, Problem> {
        let query = web::Query::<BTreeMap<String, String>>::from_query(request.query_string());
        let mut query = query.map_err(|error| Problem::bad_request(error.to_string()))?.into_inner();
        let (by_ref, statuses, others) = filters(list);
        let limit = match query.remove("limit") {
            None => LIMIT,
            Some(text) => {
                let limit = text.parse::<usize>().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                limit.ok_or_else(|| Problem::bad_request(format!("limit=\"{text}\": expected 1 to {LIMIT_MAX}")))?
            }
        };
        let after = query.remove("after").map(|text| entity_id(&text)).transpose()?;
        let external_ref = if by_ref { query.remove("external_ref") } else { None };
        let status = if statuses.is_empty() { None } else { query.remove("status") };
        if let Some(status) = status.as_deref().filter(|status| !statuses.contains(status)) {
            let expected = statuses.join(", ");
            return Err(Problem::bad_request(format!("status=\"{status}\": expected one of {expected}")));
        }
        for known in others {
            query.remove(*known);
        }
        // What is not known is not left out: the answer would say more than was asked for.
        if let Some(unknown) = query.keys().next() {
            let mut known = vec!["limit", "after"];
            known.extend(by_ref.then_some("external_ref"));
            known.extend((!statuses.is_empty()).then_some("status"));
            known.extend(others);
            let known = known.join(", ");
            return Err(Problem::bad_request(format!("there is no parameter \"{unknown}\" here: {known}")));
        }
        Ok(Self { limit, after, external_ref, status })
    }

    /// Whether a row is asked for.
    fn wants(&self, entity: &Entity) -> bool {
        let Some(status) = self.status.as_deref() else { return true };
        match entity {
            Entity::PaymentRequest(state) => match status {
                "open" => state.status == payment_request::Status::Open,
                "overdue" => state.status == payment_request::Status::Open && state.overdue,
                "settled" => state.status == payment_request::Status::Settled,
                _ => state.status == payment_request::Status::Cancelled,
            },
            Entity::Transfer(state) => status == state.status.name(),
            // Their lists are of those already.
            _ => true,
        }
    }
}

/// A page of a list, from the store: as of the last checkpoint. One that is asked for by the ERP's key is as it is now.
pub(super) async fn page(
    app: &App, tenant: &TenantId, list: List, request: &HttpRequest,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::of(list, request)?;
    if let Some(external_ref) = &asked.external_ref {
        let found = named(app, tenant, list, external_ref).await?;
        let data: Vec<Json> = found.iter().filter(|(_, entity)| asked.wants(entity)).map(shown).collect();
        return Ok(HttpResponse::Ok().json(json!({ "data": data, "next": null, "has_more": false })));
    }
    let (store, tenant) = (app.service.store.clone(), tenant.clone());
    let looked = tokio::task::spawn_blocking(move || {
        let (mut rows, mut after, mut seen) = (Vec::new(), asked.after, 0);
        loop {
            let page = store.page(&tenant, list, after, asked.limit)?;
            seen += page.entities.len();
            let (more, mut full) = (page.has_more, false);
            for (id, entity) in page.entities {
                if rows.len() == asked.limit {
                    full = true;
                    break;
                }
                after = Some(id);
                if asked.wants(&entity) {
                    rows.push((id, entity));
                }
            }
            if full || !more || rows.len() == asked.limit || seen >= LOOKED_AT_MAX {
                return Ok((rows, after, full || more));
            }
        }
    });
    let (rows, last, more) = looked
        .await
        .map_err(|_| Problem::overloaded("the service is stopping"))?
        .map_err(|error: quittance_actors::ports::PortError| Problem::overloaded(error.to_string()))?;
    let next = last.filter(|_| more).map(|id| id.to_string());
    let data: Vec<Json> = rows.iter().map(shown).collect();
    Ok(HttpResponse::Ok().json(json!({ "data": data, "next": next, "has_more": more })))
}

/// The one with the ERP's key, if there is one.
async fn named(
    app: &App, tenant: &TenantId, list: List, external_ref: &str,
) -> Result<Option<(EntityId, Arc<Entity>)>, Problem> {
    let key = match list {
        List::PaymentRequests => DirectoryKey::RequestExternalRef(tenant.clone(), external_ref.into()),
        List::Plans | List::PlansAttention => DirectoryKey::PlanExternalRef(tenant.clone(), external_ref.into()),
        _ => DirectoryKey::CustomerExternalRef(tenant.clone(), external_ref.into()),
    };
    let found = app.service.router.ports().directory.find(&key);
    let id = match found.map_err(|error| Problem::overloaded(error.to_string()))? {
        Some(DirectoryValue::Request(id, _)) => EntityId::PaymentRequest(id),
        Some(DirectoryValue::Customer(id)) => EntityId::Customer(id),
        Some(DirectoryValue::Plan(id)) => EntityId::Plan(id),
        _ => return Ok(None),
    };
    let (_, entity, _) = app.service.router.read(id, 0).await?;
    Ok(Some((id, entity)))
}

fn shown((id, entity): &(EntityId, Arc<Entity>)) -> Json {
    match (id, entity.as_ref()) {
        (EntityId::Customer(id), Entity::Customer(state)) => views::customer(*id, state),
        (EntityId::PaymentRequest(id), Entity::PaymentRequest(state)) => views::payment_request(*id, state),
        (EntityId::Transfer(id), Entity::Transfer(state)) => views::transfer(*id, state),
        (EntityId::Payout(id), Entity::Payout(state)) => payouts::shown(*id, state),
        (EntityId::Plan(id), Entity::Plan(state)) => plans::shown(*id, state),
        _ => Json::Null,
    }
}
