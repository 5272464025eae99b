//! Collections: what is collected from cards and by direct debit, and what needs a person.

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::payment_request::{AttemptStatus, Collection, PaymentRequest, Stage};
use quittance_actors::values::Zone;
use serde_json::{Value as Json, json};

use super::requests::{collected, customer_name};
use super::{SharedPages, enter, words, zone_of};
use crate::api::{Problem, Shared};
use crate::store::List;

const ROWS: usize = 50;
/// Requests looked at for one page of a filter.
const SCANNED_MAX: usize = 2_000;
/// Rows read at once.
const READ: usize = 100;

/// Where a collection stands, as the filters have it.
fn group(state: &PaymentRequest, collection: &Collection) -> &'static str {
    let unknown = state.is_unknown();
    match &collection.stage {
        _ if unknown => "person",
        Stage::Ended { .. } => "person",
        Stage::Waits { .. } => "waits",
        Stage::Planned { .. } => "planned",
        Stage::Running { .. } | Stage::Idle => "running",
    }
}

pub(super) async fn page(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let query = web::Query::<std::collections::BTreeMap<String, String>>::from_query(request.query_string());
    let query = query.map(web::Query::into_inner).unwrap_or_default();
    let wanted = query.get("stage").map_or("", String::as_str);
    let zone = zone_of(&app, &frame.tenant);
    let (mut rows, mut before, mut scanned, mut more) = (Vec::new(), None, 0, false);
    'pages: loop {
        let page = app.service.store.page(&frame.tenant, List::Collections, before, READ);
        let page = page.map_err(|error| Problem::overloaded(error.to_string()))?;
        for (id, entity) in &page.entities {
            (before, scanned) = (Some(*id), scanned + 1);
            let row = entity.as_payment_request().and_then(|state| row(&app, state, wanted, &zone));
            if rows.len() == ROWS || scanned == SCANNED_MAX {
                more = true;
                break 'pages;
            }
            rows.extend(row);
        }
        if !page.has_more {
            break;
        }
    }
    let filters: Vec<Json> = [
        ("", "All"),
        ("person", "Needs a person"),
        ("waits", "Waiting"),
        ("planned", "Planned"),
        ("running", "Under way"),
    ]
    .into_iter()
    .map(|(value, label)| {
        let href = match value {
            "" => "/bo/collections/attempts".to_owned(),
            value => format!("/bo/collections/attempts?stage={value}"),
        };
        json!({ "href": href, "label": label, "current": wanted == value })
    })
    .collect();
    let own = json!({ "rows": rows, "more": more, "filters": filters, "filtered": !wanted.is_empty() });
    pages.page("collections", &frame.data(&app, "Cards and debits", "/bo/collections", own))
}

fn row(app: &Shared, state: &PaymentRequest, wanted: &str, zone: &Zone) -> Option<Json> {
    let (terms, collection) = (state.terms.as_ref()?, state.collection.as_ref()?);
    let group = group(state, collection);
    if !wanted.is_empty() && group != wanted {
        return None;
    }
    let made = state.attempts.values().filter(|attempt| attempt.status != AttemptStatus::Withdrawn).count();
    let attempts = state.numbered_attempts();
    let last = attempts.iter().filter_map(|(.., attempt)| attempt.reason_code.as_deref()).next_back();
    let unknown = state.is_unknown();
    let mut shown = collected(collection, zone);
    if let (true, Some(shown)) = (unknown, shown.as_object_mut()) {
        shown.insert("stage".to_owned(), json!("unknown"));
        shown.insert("tone".to_owned(), json!("bad"));
        shown.insert("detail".to_owned(), json!("nobody says how the attempt ended: find out, and report it"));
    }
    Some(json!({
        "id": terms.id,
        "external_ref": terms.external_ref,
        "customer": customer_name(app, terms.customer),
        "due_on": words::day(terms.due_on),
        "outstanding": state.outstanding().map(words::money),
        "attempts": made,
        "last": last,
        "collection": shown,
    }))
}
