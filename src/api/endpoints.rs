//! Hook endpoints: what they hear of and how, and what they are sent once more.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::delivery::{Fault, Order, Recipient, Route};
use quittance_actors::partition::{Commit, Revived, SystemFact, Waiting};
use quittance_actors::values::CustomerId;
use serde_json::{Value as Json, json};

use super::body::{Body, Received, received};
use super::deliveries::revive;
use super::stream::{Wanted, cursor_of, part_after, types_of};
use super::{Problem, Shared, tenant};
use crate::config::{Credentials, Endpoint};
use crate::export::Tells;

/// Parts of the log that one call looks at.
const PARTS_MAX: usize = 10;
/// Deliveries that one call sends once more.
const REPLAYED_MAX: usize = 1_000;

fn shown(endpoint: &Endpoint, waiting: &Waiting) -> Json {
    let auth = match endpoint.credentials {
        Credentials::None => "none",
        Credentials::Basic { .. } => "basic",
        Credentials::Bearer { .. } => "bearer",
        Credentials::Header { .. } => "header",
        Credentials::ClientCredentials { .. } => "client_credentials",
    };
    let told = waiting.last_error.as_deref().map(Fault::told);
    let (fault, error) = told.map_or((None, None), |(fault, error)| (fault, Some(error)));
    json!({
        "name": endpoint.name,
        "url": endpoint.url,
        "events": endpoint.events.iter().map(|event| event.name()).collect::<Vec<_>>(),
        "order": if endpoint.order == Order::Key { "key" } else { "none" },
        "payload": if endpoint.tells == Tells::Ids { "thin" } else { "full" },
        "format": endpoint.format.name(),
        "auth": auth,
        "client_certificate": endpoint.client_certificate.is_some(),
        "signatures": endpoint.secrets.len(),
        "waiting": {
            "deliveries": waiting.deliveries, "failed": waiting.failed,
            "last_fault": fault.map(Fault::code), "last_error": error,
        },
    })
}

/// `GET /v1/endpoints`.
pub(super) async fn list(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let of_tenant = app.service.config.service.endpoints.iter().filter(|endpoint| endpoint.tenant == tenant);
    let mut data = Vec::new();
    for endpoint in of_tenant {
        let route = Route::Endpoint(tenant.clone(), endpoint.name.as_str().into());
        data.push(shown(endpoint, &app.service.router.waiting(&route).await?));
    }
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}

/// `POST /v1/endpoints/{name}/replay`: sends an endpoint once more what it was sent of a part of the stream, with the
/// same ids. One call sends a bounded number; its cursor goes on.
pub(super) async fn replay(
    app: Shared, request: HttpRequest, name: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant) = (received(bytes)?, tenant(&app, &request)?);
    let mut body = Body::parse(&bytes)?;
    let after = body.optional_text("after", 20);
    let until = body.optional_text("until", 20);
    let types = body.optional_text("types", 2_000);
    let customer = body.optional("customer", CustomerId::parse);
    body.finish()?;
    let known = app.service.config.service.endpoints.iter();
    let mut known = known.filter(|endpoint| endpoint.tenant == tenant);
    let endpoint = known.find(|endpoint| endpoint.name == *name);
    let endpoint = endpoint.ok_or_else(|| Problem::not_found(format!("there is no endpoint \"{name}\"")))?;
    let after =
        after.ok_or_else(|| Problem::bad_request("after: the cursor after which it begins; \"0\" for all"))?;
    let mut cursor = cursor_of(Some(&after), &app.service)?;
    let until = cursor_of(Some(until.as_deref().unwrap_or("now")), &app.service)?;
    let held = app.keys.hold(&request, &tenant, &bytes)?;
    let route = Route::Endpoint(tenant.clone(), endpoint.name.as_str().into());
    let recipient = Recipient::Endpoint(endpoint.name.as_str().into());
    let wanted = Arc::new(Wanted { tenant: tenant.clone(), types: types_of(types.as_deref())? });
    let mut again = Vec::new();
    for _ in 0..PARTS_MAX {
        if cursor >= until || again.len() >= REPLAYED_MAX {
            break;
        }
        let part = part_after(&app.service, &wanted, cursor, REPLAYED_MAX - again.len()).await?;
        for (position, record) in part.records.iter().filter(|(position, _)| *position <= until) {
            again.extend(sent(record, *position, &wanted, &route, &recipient, customer));
        }
        cursor = part.cursor.min(until);
    }
    // The same call again: what it asked for has been sent.
    let replayed = if held.replayed { 0 } else { revive(&app, &tenant, again).await? };
    held.done();
    let more = cursor < until;
    let body = json!({ "replayed": replayed, "cursor": cursor.to_string(), "has_more": more });
    Ok(HttpResponse::Accepted().json(body))
}

/// What an endpoint was sent of a record.
fn sent(
    record: &Arc<Commit>, position: u64, wanted: &Wanted, route: &Route, recipient: &Recipient,
    customer: Option<CustomerId>,
) -> Vec<SystemFact> {
    let mut found = Vec::new();
    for (place, outgoing) in record.deliveries.iter().enumerate() {
        let Some(told) = record.published.get(usize::from(outgoing.occurrence)) else { continue };
        let fits = outgoing.recipient == *recipient
            && wanted.types.contains(&told.event)
            && customer.is_none_or(|customer| told.customer == Some(customer));
        if fits {
            let (id, route, place) =
                (record.delivery_id(place), route.clone(), u16::try_from(place).unwrap_or(u16::MAX));
            let revived = Revived { id, route, position, place };
            found.push(SystemFact::DeliveryReplayed { revived, key: record.key_of(outgoing) });
        }
    }
    found
}
