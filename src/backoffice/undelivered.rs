//! What could not be delivered and was given up: why, and another try.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::delivery::Fault;
use serde_json::{Value as Json, json};

use super::{SharedPages, deliveries, enter, words, zone_of};
use crate::api::{Problem, Shared, delivery_id, given_up, try_again, try_all_again};

/// What the page says was done: an address says nothing of its own.
const SAID: &str = "It is tried again";

pub(super) async fn page(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let query = web::Query::<std::collections::BTreeMap<String, String>>::from_query(request.query_string());
    let query = query.map(web::Query::into_inner).unwrap_or_default();
    let before = query.get("after").map(|text| delivery_id(text)).transpose()?;
    let (found, more) = given_up(&app.service, &frame.tenant, before).await?;
    let zone = zone_of(&app, &frame.tenant);
    let mut rows: Vec<Json> = Vec::with_capacity(found.len());
    for of in &found {
        let channel = of.way.split(':').next().unwrap_or_default();
        let (icon, (fault, detail)) = (deliveries::icon(&of.way), Fault::told(&of.error));
        rows.push(json!({
            "id": of.id.to_string(), "at": words::instant(of.at, &zone), "event": of.event, "icon": icon, "channel": channel,
            "to": deliveries::to(&app, &of.recipient, of.to()).await?, "cause": of.cause, "tries": of.tries,
            "fault": fault.map(Fault::code), "error": detail,
        }));
    }
    let next = found.last().filter(|_| more).map(|last| format!("/bo/messages/undelivered?after={}", last.id));
    let own = json!({
        "rows": rows,
        "next": next,
        "said": query.contains_key("said").then_some(SAID),
        "failed": query.get("failed"),
    });
    pages.page("undelivered", &frame.data(&app, "Messages", "/bo/messages", own))
}

/// `POST /bo/messages/undelivered/{id|all}`: another try.
pub(super) async fn retry(
    app: Shared, pages: SharedPages, request: HttpRequest, id: web::Path<String>,
    form: web::Form<BTreeMap<String, String>>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let tried = match id.as_str() {
        "all" => {
            frame.of_same_merchant(&form)?;
            try_all_again(&app, &frame.tenant, None).await.map(|_| ())
        }
        id => try_again(&app, &frame.tenant, delivery_id(id)?).await,
    };
    let to = match tried {
        Ok(()) => "/bo/messages/undelivered?said=1".to_owned(),
        Err(problem) => format!("/bo/messages/undelivered?failed={}", words::encoded(&problem.to_string())),
    };
    Ok(HttpResponse::SeeOther().insert_header(("Location", to)).finish())
}
