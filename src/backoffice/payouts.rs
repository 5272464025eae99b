//! Payouts: what is given back, and what waits for a second person.

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::machine::Tell;
use quittance_actors::payout::{Command, Destination, Payout, Source, Status};
use quittance_actors::ports::Clock as _;
use quittance_actors::values::{Date, EntityId, PayoutId, Zone};
use serde_json::{Value as Json, json};

use super::{SharedPages, enter, words, zone_of};
use crate::api::{Problem, Shared};
use crate::store::List;

/// What the page can say was done: an address says nothing of its own.
const SAID: [&str; 4] = ["Approved", "Rejected", "Noted: it was made", "Noted: it was not made"];
/// Payouts shown.
const ROWS: usize = 100;

pub(super) async fn page(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let query = web::Query::<std::collections::BTreeMap<String, String>>::from_query(request.query_string());
    let query = query.map(web::Query::into_inner).unwrap_or_default();
    let zone = zone_of(&app, &frame.tenant);
    let today = app.service.clocks.now(&frame.tenant).date_in(&zone);
    let rows = |list| -> Result<Vec<Json>, Problem> {
        let read = app.service.store.page(&frame.tenant, list, None, ROWS);
        let read = read.map_err(|error| Problem::overloaded(error.to_string()))?;
        let mut found: Vec<&Payout> = read.entities.iter().filter_map(|(_, entity)| entity.as_payout()).collect();
        found.sort_by_key(|state| std::cmp::Reverse(state.details.as_ref().map(|details| details.at)));
        Ok(found.into_iter().filter_map(|state| row(state, &zone, today)).collect())
    };
    let own = json!({
        "waiting": rows(List::Approvals)?,
        "rows": rows(List::Payouts)?,
        "failed": query.get("failed"),
        "said": query.get("said").filter(|said| SAID.contains(&said.as_str())),
    });
    pages.page("payouts", &frame.data(&app, "Payouts", "/bo/payouts", own))
}

fn row(state: &Payout, zone: &Zone, today: Date) -> Option<Json> {
    let details = state.details.as_ref()?;
    let (tone, icon, status) = match state.status {
        Status::AwaitsApproval => ("warn", "clock", "awaits approval"),
        Status::Ordered if matches!(details.to, Destination::Collected { .. }) => {
            ("info", "send", "with the provider")
        }
        Status::Ordered => ("info", "send", "with the bank"),
        Status::Executed => ("ok", "circle-check", "executed"),
        Status::Rejected => ("mute", "ban", "rejected"),
        Status::Failed => ("bad", "circle-x", "failed"),
    };
    let (of, link) = match details.source {
        Source::Credit(_) => ("credit", None),
        Source::Transfer(transfer) => ("transfer", Some(format!("/bo/reconciliation?show=all&id={transfer}"))),
        Source::Request(request) => ("refund", Some(format!("/bo/requests/{request}"))),
    };
    Some(json!({
        "id": details.id, "amount": words::money(details.amount), "creditor": details.creditor,
        "iban": details.to.masked(), "by": details.by, "why": details.reason, "of": of, "link": link,
        "at": words::instant(details.at, zone), "on": state.on.map(words::day),
        "ordered": state.status == Status::Ordered, "today": today,
        "tone": tone, "status_icon": icon, "status": status,
        "note": match (&state.reason, &state.decided_by) {
            (Some(reason), _) => reason.to_string(),
            (None, Some(by)) => format!("approved by {by}"),
            (None, None) => String::new(),
        },
    }))
}

/// `POST /bo/payouts/{id}/{approve|reject|made|not-made}`.
pub(super) async fn decide(
    app: Shared, pages: SharedPages, request: HttpRequest, path: web::Path<(String, String)>,
    form: web::Form<std::collections::BTreeMap<String, String>>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let form = frame.signed(form.into_inner());
    let (id, what) = path.into_inner();
    let id = PayoutId::parse(&id).map_err(|error| Problem::not_found(error.to_string()))?;
    let entity = EntityId::Payout(id);
    if !crate::api::owned(&app, &frame.tenant, entity).await {
        return Err(Problem::not_found(format!("payout {id} is not known")));
    }
    let field = |name: &str, most: usize| {
        let text = form.get(name).map(|text| text.trim()).unwrap_or_default();
        let fine = !text.is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control);
        fine.then(|| text.to_owned())
    };
    let by = field("by", 64).ok_or_else(|| Problem::bad_request("say who you are, in up to 64 characters"))?;
    let (said, command) = match what.as_str() {
        "approve" => ("Approved", Command::Approve { by: by.into() }),
        "reject" => {
            let reason = field("reason", 140).unwrap_or_else(|| "no reason given".to_owned());
            ("Rejected", Command::Reject { by: by.into(), reason: reason.into() })
        }
        // Nobody told by itself: a person has found out.
        "made" => {
            let on = field("on", 10).and_then(|day| Date::parse(&day).ok());
            let today = app.service.clocks.now(&frame.tenant).date_in(&zone_of(&app, &frame.tenant));
            let on = on.filter(|on| *on <= today);
            let on =
                on.ok_or_else(|| Problem::bad_request("on: expected the day on which it was made, not after today"))?;
            (SAID[2], Command::Conclude { by: by.into(), executed_on: Some(on), while_ordered: true })
        }
        "not-made" => (SAID[3], Command::Conclude { by: by.into(), executed_on: None, while_ordered: true }),
        _ => return Err(Problem::not_found("there is nothing at this address")),
    };
    let done = super::submit(&app, &frame.tenant, Tell::Payout(id, command)).await;
    let to = match done {
        Ok(_) => format!("/bo/payouts?said={}", words::encoded(said)),
        Err(error) => format!("/bo/payouts?failed={}", words::encoded(&error.to_string())),
    };
    Ok(HttpResponse::SeeOther().insert_header(("Location", to)).finish())
}
