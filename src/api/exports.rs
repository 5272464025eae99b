//! Files of a period, as the record log tells it.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use clap::ValueEnum;
use quittance_actors::values::Date;

use super::{Problem, Shared, tenant};
use crate::export::{self, Export, Failure, Period, StatusFormat, Wanted};

static ONE_AT_A_TIME: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(1);

/// `GET /v1/exports/{accounting|transfers|statuses|late-charges}?from=&to=&format=`.
///
/// The digest of the bytes is the entity tag, and the control totals are a header.
pub(super) async fn read(
    app: Shared, request: HttpRequest, name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = tenant(&app, &request)?;
    let wanted = Export::from_str(&name, false).map_err(|_| {
        Problem::not_found(format!("there is no export \"{name}\": accounting, transfers, statuses or late-charges"))
    })?;
    let query = web::Query::<BTreeMap<String, String>>::from_query(request.query_string())
        .map_err(|error| Problem::bad_request(error.to_string()))?;
    let day = |key: &str| {
        let text = query.get(key).ok_or_else(|| Problem::bad_request(format!("{key}= is missing: YYYY-MM-DD")))?;
        Date::parse(text).map_err(|error| Problem::bad_request(format!("{key}=\"{text}\": {error}")))
    };
    let period = Period { from: day("from")?, to: day("to")? };
    let format = match query.get("format") {
        None => StatusFormat::default(),
        Some(text) => StatusFormat::from_str(text, false)
            .map_err(|_| Problem::bad_request(format!("format=\"{text}\": expected csv or jsonl")))?,
    };
    let service = &app.service;
    let log = service.config.path(&service.config.service.data.dir).join("log");
    let config = std::sync::Arc::clone(&service.config);
    let work = move || {
        let tenant = config.service.tenant(&id)?;
        let (accounts, late_terms) = (&tenant.accounts, tenant.late_terms.as_ref());
        let asked = Wanted { tenant: &id, zone: &tenant.zone, accounts, late_terms, period, format };
        Some(export::export(&log, wanted, &asked))
    };
    // One at a time: each reads the whole log.
    let _turn = ONE_AT_A_TIME.try_acquire().map_err(|_| Problem::overloaded("another export is being made"))?;
    let exported = web::block(work).await.map_err(|error| Problem::overloaded(error.to_string()))?;
    let exported = exported.ok_or_else(|| Problem::not_found("the tenant is not configured any more"))?;
    let export::Exported { name, bytes, control } = exported.map_err(|error| match error {
        Failure::TooLong | Failure::Reversed => Problem::bad_request(error.to_string()),
        Failure::Log(_) | Failure::Written(_) => Problem::internal(error.to_string()),
    })?;
    let control_json = serde_json::to_string(&control).unwrap_or_default();
    Ok(HttpResponse::Ok()
        .content_type(wanted.media_type(format))
        .insert_header(("ETag", format!("\"{}\"", control.sha256)))
        .insert_header(("Content-Disposition", format!("attachment; filename=\"{name}\"")))
        .insert_header(("Quittance-Control", control_json))
        .body(bytes))
}
