//! What an endpoint was sent is sent once more: from a day to a day, with how far it is, and a way to stop it.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::ports::Clock as _;
use quittance_actors::values::{TenantId, Zone};
use serde_json::{Value as Json, json};

use super::acts::Form;
use super::{SharedPages, enter, words, zone_of};
use crate::api::{Problem, ReplayAsked, ReplayStatus, Shared, start_replay, stop_replay};
use crate::{clock, digest};

/// Jobs that the page shows.
const SHOWN: usize = 5;
const TYPES_CHARACTERS_MAX: usize = 2_000;

/// What the page of an endpoint's deliveries shows.
pub(super) fn card(app: &Shared, tenant: &TenantId, endpoint: &str, zone: &Zone) -> Json {
    let of_endpoint = app.replays.of(tenant).into_iter().filter(|job| job.endpoint == endpoint).take(SHOWN);
    let jobs: Vec<Json> = of_endpoint
        .map(|job| {
            let (status, tone) = match job.status {
                ReplayStatus::Running => ("Under way", "info"),
                ReplayStatus::Done => ("Done", "ok"),
                ReplayStatus::Stopped => ("Stopped", "mute"),
                ReplayStatus::Failed => ("Could not go on", "bad"),
            };
            let runs = job.status == ReplayStatus::Running;
            json!({
                "id": job.id, "began": words::instant(job.began_at, zone), "status": status, "tone": tone,
                "percent": job.percent(), "replayed": job.replayed, "runs": runs,
            })
        })
        .collect();
    let today = app.service.clocks.now(tenant).date_in(zone).to_string();
    json!({ "endpoint": endpoint, "jobs": jobs, "today": today })
}

/// `POST /bo/messages/replays/{endpoint}`: begins a job for the days of the form.
pub(super) async fn begin(
    app: Shared, pages: SharedPages, request: HttpRequest, endpoint: web::Path<String>,
    form: web::Form<BTreeMap<String, String>>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    frame.of_same_merchant(&form)?;
    let (form, zone) = (Form(&form), zone_of(&app, &frame.tenant));
    let begun = asked(&form, &zone, endpoint.clone()).and_then(|asked| {
        let id = format!("rpl_{}", digest::hex(&clock::random_bytes::<16>()));
        start_replay(&app, &frame.tenant, id, asked)
    });
    Ok(back(&frame.tenant, &endpoint, begun.err()))
}

/// What a form asks for: whole days of the tenant, the last one included.
fn asked(form: &Form<'_>, zone: &Zone, endpoint: String) -> Result<ReplayAsked, Problem> {
    let (from, to) = (form.day("from")?, form.day("to")?);
    if to < from {
        return Err(Problem::bad_request("to: it is before the first day"));
    }
    let types = form.text("types", TYPES_CHARACTERS_MAX).ok().map(str::to_owned);
    let (since, before) = (Some(from.at(0, 0, zone)), Some(to.plus_days(1).at(0, 0, zone)));
    Ok(ReplayAsked { endpoint, after: None, until: None, types, customer: None, since, before })
}

/// `POST /bo/messages/replays/{endpoint}/{id}/stop`.
pub(super) async fn stop(
    app: Shared, pages: SharedPages, request: HttpRequest, path: web::Path<(String, String)>,
    form: web::Form<BTreeMap<String, String>>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    frame.of_same_merchant(&form)?;
    let (endpoint, id) = path.into_inner();
    let stopped = stop_replay(&app, &frame.tenant, &id);
    Ok(back(&frame.tenant, &endpoint, stopped.err()))
}

fn back(tenant: &TenantId, endpoint: &str, refused: Option<Problem>) -> HttpResponse {
    let way = words::encoded(&format!("hook:{tenant}:{endpoint}"));
    let failed = refused.map(|why| format!("&failed={}", words::encoded(&why.to_string()))).unwrap_or_default();
    let to = format!("/bo/messages/deliveries?way={way}{failed}");
    HttpResponse::SeeOther().insert_header(("Location", to)).finish()
}
