//! Hook endpoints: what they hear of, how, and what waits for them.

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::delivery::{Fault, Order, Route, Verdict};
use quittance_actors::partition::Waiting;
use quittance_actors::rules::EventType;
use serde_json::{Value as Json, json};

use super::body::{Body, Received, received};
use super::{Detail, Problem, Shared, caller, tenant};
use crate::config::{Credentials, Endpoint};
use crate::diagnostics::nearest;
use crate::export::Tells;
use crate::trial::Called;
use crate::{clock, examples};

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

/// `POST /v1/endpoints/{name}/test`: calls an endpoint with an event that never happened.
pub(super) async fn test(
    app: Shared, request: HttpRequest, name: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, name) = (received(bytes)?, name.into_inner());
    let (tenant, key) = caller(&app, &request)?;
    // It is signed as what happened is.
    if !key.configures {
        return Err(Problem::forbidden(format!("the key \"{}\" may not test endpoints: configures = true", key.id)));
    }
    let mut body = Body::parse(&bytes)?;
    let event = body.required("event", |text| {
        EventType::parse(text).ok_or_else(|| {
            let near = nearest(text, EventType::ALL.iter().map(|event| event.name()));
            let near = near.map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
            format!("there is no event type \"{text}\"{near}")
        })
    });
    let (own, template) = (body.texts("facts"), body.optional_text("template", 100));
    body.finish()?;
    let event = event.ok_or_else(|| Problem::bad_request("the body cannot be used"))?;
    let missing = || Problem::not_found(format!("there is no endpoint \"{name}\""));
    let configured = &app.service.config.service;
    if !configured.endpoints.iter().any(|of| of.tenant == tenant && of.name == name) {
        return Err(missing());
    }
    let of = configured.tenant(&tenant).ok_or_else(missing)?;
    let channels = app.service.channels.as_ref().ok_or_else(|| Problem::overloaded("nothing leaves here"))?;
    let event = examples::event(&tenant, event, clock::system_now(), &own).map_err(|wrong| {
        let told = wrong.into_iter().map(|(path, detail)| Detail { pointer: format!("/facts/{path}"), detail });
        Problem::invalid(told.collect())
    })?;
    let called = channels.call_endpoint(of, &name, &event, template.as_deref()).await;
    let Called { verdict, id, body } = called.map_err(Problem::bad_request)?;
    let (fault, said) = match verdict {
        Verdict::Accepted { detail } => (None, detail),
        Verdict::Later { fault, error, .. } | Verdict::Never { fault, error } => (Some(fault.code()), error),
        Verdict::Declined { error } => (Some(Fault::Declined.code()), error),
    };
    Ok(HttpResponse::Ok()
        .json(json!({ "webhook_id": id, "taken": fault.is_none(), "fault": fault, "said": said, "body": body })))
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
