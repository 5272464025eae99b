//! Files that came in.

use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value as Json, json};

use super::{SharedPages, enter};
use crate::api::{Problem, Shared};
use crate::watch::FileState;

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
            let (tone, icon) = match outcome.as_str() {
                "accepted" => ("ok", "circle-check"),
                "rejected" => ("bad", "circle-x"),
                "partly accepted" => ("warn", "triangle-alert"),
                _ => ("mute", "clock"),
            };
            json!({
                "name": file.name, "feed": file.feed, "outcome": outcome, "summary": summary,
                "first_error": first_error, "tone": tone, "status_icon": icon,
            })
        })
        .collect();
    pages.page("files", &frame.data(&app, "Files", "/bo/files", json!({ "rows": rows })))
}
