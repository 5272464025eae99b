//! Files that came in.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value as Json, json};

use quittance_actors::values::TenantId;

use super::{SharedPages, enter, words, zone_of};
use crate::api::{Problem, Shared, handed_out, known_feeds, named};
use crate::config::FeedFormat;
use crate::watch::FileState;
use crate::watermark::Watermark;

pub(super) async fn page(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let rows: Vec<Json> = app
        .service
        .activity
        .latest(frame.tenant.as_str(), 100)
        .into_iter()
        .map(|file| {
            let (outcome, summary, first_error) = match &file.state {
                FileState::Reading { rows, .. } => ("reading".to_owned(), format!("{rows} read"), String::new()),
                FileState::Finished { report } => {
                    let first = report.errors.first().map(|error| error.message.clone()).unwrap_or_default();
                    (report.outcome.replace('_', " "), report.summary.clone(), first)
                }
            };
            let (tone, icon) = look(&outcome);
            json!({
                "href": format!("/bo/files/{}?name={}", file.sha256, words::encoded(&file.name)),
                "name": file.name, "feed": file.feed, "outcome": outcome, "summary": summary,
                "first_error": first_error, "tone": tone, "status_icon": icon,
            })
        })
        .collect();
    let feeds = feeds(&app, &frame.tenant).await?;
    let accounts: Vec<Json> =
        app.service.live.accounts(&frame.tenant).iter().map(|(account, mark)| read_to(account, mark)).collect();
    let own = json!({ "rows": rows, "feeds": feeds, "accounts": accounts });
    pages.page("files", &frame.data(&app, "Files", "/bo/files", own))
}

/// The colour and the symbol of an outcome.
fn look(outcome: &str) -> (&'static str, &'static str) {
    match outcome {
        "accepted" => ("ok", "circle-check"),
        "rejected" => ("bad", "circle-x"),
        "partly accepted" => ("warn", "triangle-alert"),
        _ => ("mute", "clock"),
    }
}

/// `GET /bo/files/{sha256}`: what became of a file, and every place in which something is wrong.
pub(super) async fn one(
    app: Shared, pages: SharedPages, request: HttpRequest, sha256: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let status = app.service.activity.named(frame.tenant.as_str(), &sha256, &named(&request));
    let status = status.ok_or_else(|| Problem::not_found("This file is not among the last thousand."))?;
    let report = match &status.state {
        FileState::Reading { rows, bytes, bytes_total } => {
            let percent = (bytes * 100).checked_div(*bytes_total).unwrap_or(0).min(100);
            json!({ "reading": { "rows": rows, "percent": percent }, "outcome": null, "finished": null })
        }
        FileState::Finished { report } => {
            let outcome = report.outcome.replace('_', " ");
            let (tone, icon) = look(&outcome);
            let place = |number: u64| if number == 0 { String::new() } else { number.to_string() };
            let errors = report.errors.iter().map(|error| {
                json!({
                    "row": place(error.row), "line": place(error.line), "column": place(error.column),
                    "field": error.field, "message": error.message,
                })
            });
            let zone = zone_of(&app, &frame.tenant);
            json!({
                "reading": null, "outcome": outcome, "tone": tone, "status_icon": icon, "summary": report.summary,
                "notes": report.notes, "errors": errors.collect::<Vec<Json>>(),
                "more": report.refused > report.errors.len().try_into().unwrap_or(u64::MAX),
                "finished": words::instant(report.finished_at, &zone),
            })
        }
    };
    let own = json!({
        "name": status.name, "feed": status.feed, "sha256": status.sha256, "of": report,
        "query": format!("?name={}", words::encoded(&status.name)),
        "original": status.place.is_some(), "refused_rows": status.refused_rows().is_some(),
    });
    pages.page("file", &frame.data(&app, &status.name, "/bo/files", own))
}

/// `GET /bo/files/{sha256}/{original|refused}`: the file itself.
pub(super) async fn download(
    app: Shared, pages: SharedPages, request: HttpRequest, path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let (sha256, what) = path.into_inner();
    handed_out(&app, &frame.tenant, (&sha256, named(&request).as_str()), &what).await
}

/// An account of the merchant's, with the statement that is missing.
fn read_to(account: &str, mark: &Watermark) -> Json {
    let missing = mark.gap().map(|gap| {
        format!(
            "something between {} and {} was not read: the later statement does not open with the balance before it",
            words::day(gap.after),
            words::day(gap.before),
        )
    });
    json!({ "account": account, "complete_to": words::day(mark.complete_to), "missing": missing })
}

/// The feeds, with what is missing.
async fn feeds(app: &Shared, tenant: &TenantId) -> Result<Vec<Json>, Problem> {
    let zone = zone_of(app, tenant);
    let instant = |at| words::instant(at, &zone);
    let feeds = known_feeds(app, tenant).await?;
    let row = |(feed, state): &(_, quittance_actors::feed::Feed)| {
        let feed: &crate::config::Feed = feed;
        let (tone, icon, status) = match state.stalled_since {
            Some(since) => ("bad", "triangle-alert", format!("missing since {}", instant(since))),
            None if state.due.is_some() => ("ok", "circle-check", "in time".to_owned()),
            None => ("mute", "clock", "any time".to_owned()),
        };
        json!({
            "name": feed.name,
            "brings": if feed.format == FeedFormat::Bank { "bank files" } else { "ERP files" },
            "tone": tone, "status_icon": icon, "status": status,
            "last": state.last_file_at.map(instant).unwrap_or_else(|| "none yet".to_owned()),
            "next": state.due.map(instant).unwrap_or_default(),
            "files": state.files,
        })
    };
    Ok(feeds.iter().map(row).collect())
}
