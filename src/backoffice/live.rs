//! Live figures by server-sent events: rendered at most twice a second, and only when something
//! happened.

use std::time::Duration;

use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep, timeout_at};

use super::{SharedPages, enter, overview};
use crate::api::{Problem, Shared};

const AT_MOST_EVERY: Duration = Duration::from_millis(500);
const HEARTBEAT: Duration = Duration::from_secs(15);

pub(super) async fn stream(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let events = app.service.live.subscribe();
    // The first message follows at once, so that a page that reconnects is up to date.
    let state = (events, app, pages, frame, true);
    let messages = stream::unfold(state, |(mut events, app, pages, frame, first)| async move {
        if !first {
            // One deadline, whatever other tenants do meanwhile.
            let beat_at = Instant::now() + HEARTBEAT;
            loop {
                match timeout_at(beat_at, events.recv()).await {
                    Err(_) => {
                        if !pages.gate.goes_on(&frame.session) {
                            return None;
                        }
                        let beat = Ok::<_, actix_web::Error>(Bytes::from_static(b": still here\n\n"));
                        return Some((beat, (events, app, pages, frame, false)));
                    }
                    Ok(Ok(record)) if record.tenant == frame.tenant => break,
                    Ok(Ok(_)) => {}
                    // What was missed is in the figures, which are rendered whole.
                    Ok(Err(RecvError::Lagged(_))) => break,
                    Ok(Err(RecvError::Closed)) => return None,
                }
            }
            sleep(AT_MOST_EVERY).await;
            while events.try_recv().is_ok() {}
        }
        // Whoever has signed out, or has not looked at a page for an hour, sees no more of it.
        if !pages.gate.goes_on(&frame.session) {
            return None;
        }
        let mut figures = overview::figures(&app, &frame.tenant).await;
        if let Some(figures) = figures.as_object_mut() {
            figures.insert("clock".to_owned(), json!(frame.clock(&app)));
        }
        let html = pages.render("live", &figures).unwrap_or_default();
        let lines: String = html.lines().map(|line| format!("data: {line}\n")).collect();
        let message = Bytes::from(format!("retry: 2000\n{lines}\n"));
        Some((Ok(message), (events, app, pages, frame, false)))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header(("Cache-Control", "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(messages))
}
