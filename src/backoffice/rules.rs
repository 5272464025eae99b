//! Rules as they are in use: when each fires, and what it does.

use actix_web::{HttpRequest, HttpResponse};
use quittance_actors::rules::Condition;
use serde_json::{Value as Json, json};

use super::{SharedPages, enter};
use crate::api::{Problem, Shared, action, in_use};

/// What an action does, as a phrase.
fn phrase(of: &Json) -> String {
    let text = |key: &str| of.get(key).and_then(Json::as_str).unwrap_or_default().replace('_', " ");
    let named = |key: &str| of.get(key).and_then(Json::as_str);
    match (named("notify"), named("hook"), named("file")) {
        (Some("customer"), ..) => format!("writes to the customer by {}", text("channel")),
        (Some(list), ..) => format!("writes to {}", list.replacen(':', " ", 1)),
        (_, Some(endpoint), _) => format!("calls the hook {endpoint}"),
        (_, _, Some(feed)) => format!("writes a file for {feed}"),
        _ => match named("hold").or_else(|| named("scenario")) {
            Some(which) => format!("{}: {which}", text("do")),
            None => text("do"),
        },
    }
}

pub(super) async fn page(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let in_use = in_use(&app, &frame.tenant)?;
    let limits = &in_use.conduct.automation.limits;
    let rows: Vec<Json> = in_use
        .policies
        .rules
        .all()
        .iter()
        .map(|rule| {
            let told: Vec<Json> = rule
                .then
                .iter()
                .map(|of| {
                    let shown = action(of);
                    let (template, channel) = (shown.get("template"), shown.get("channel"));
                    json!({ "what": phrase(&shown), "template": template, "channel": channel.map_or("hook", |of| of.as_str().unwrap_or_default()) })
                })
                .collect();
            let seldom = rule.once.map(|once| {
                format!("once per {} in {} hours", once.per.name(), once.within_ms / 3_600_000)
            });
            let most = limits.get(&*rule.cause).map(|most| format!("at most {most} messages an hour"));
            json!({
                "name": rule.name, "paused": rule.paused, "shadow": rule.shadow, "told": told,
                "on": rule.on.iter().map(|event| event.name()).collect::<Vec<_>>(),
                "when": (rule.when != Condition::Always(true)).then(|| rule.when.to_string()),
                "limits": seldom.into_iter().chain(most).collect::<Vec<_>>(),
            })
        })
        .collect();
    pages.page("rules", &frame.data(&app, "Rules", "/bo/rules", json!({ "rows": rows })))
}
