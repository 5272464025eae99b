//! Hook endpoints: what they hear of, how, and what waits for them.

use actix_web::{HttpRequest, HttpResponse};
use quittance_actors::delivery::{Fault, Order, Route};
use quittance_actors::partition::Waiting;
use serde_json::{Value as Json, json};

use super::{Problem, Shared, tenant};
use crate::config::{Credentials, Endpoint};
use crate::export::Tells;

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
