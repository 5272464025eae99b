//! The worklist of those who collect: whom to call, what was promised and disputed, and who is kept back.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::customer::Customer;
use quittance_actors::partition::Entity;
use quittance_actors::payment_request::{PaymentRequest, Stage, Status};
use quittance_actors::ports::{Clock as _, Snapshots as _};
use quittance_actors::values::{Currency, CustomerId, Date, EntityId, Money, TenantId, Timestamp, Zone};
use serde_json::{Value as Json, json};

use super::customers::{in_words, kept_back};
use super::{SharedPages, enter, words, zone_of};
use crate::api::{Problem, Shared};
use crate::store::List;

/// Requests or customers looked at for one page.
const SCANNED_MAX: usize = 5_000;
/// Rows of a page.
const ROWS: usize = 100;
/// Rows read at once.
const READ: usize = 200;

/// The tabs: the word in the address, the name, what is there when it is empty.
const TABS: [(&str, &str, &str); 5] = [
    ("call", "To call", "Nobody is late without a promise or a dispute."),
    ("promised", "Promised", "Nobody has promised to pay."),
    ("disputed", "Disputed", "Nothing is disputed."),
    ("kept_back", "Kept back", "Nobody is on hold, and nothing recurring is suspended."),
    ("unreachable", "Not reached", "Everybody's messages arrive."),
];

/// What is late of one customer.
#[derive(Default)]
struct Late {
    open: BTreeMap<Currency, i64>,
    count: usize,
    oldest: Option<Date>,
    next: Option<Timestamp>,
}

pub(super) async fn page(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let query = web::Query::<BTreeMap<String, String>>::from_query(request.query_string());
    let query = query.map(web::Query::into_inner).unwrap_or_default();
    let asked = query.get("list").map_or("", String::as_str);
    let (tab, _, nothing) = TABS.into_iter().find(|(tab, ..)| *tab == asked).unwrap_or(TABS[0]);
    let zone = zone_of(&app, &frame.tenant);
    let today = app.service.clocks.now(&frame.tenant).date_in(&zone);
    let list = match tab {
        "call" => List::Late,
        "promised" | "disputed" => List::Agreed,
        _ => List::KeptBack,
    };
    let (found, more) = scan(&app, &frame.tenant, list)?;
    let rows = match tab {
        "call" => to_call(&app, &found, (today, &zone)),
        "promised" | "disputed" => agreed(&app, &found, tab == "promised", (today, &zone)),
        _ => kept(&found, tab == "unreachable", (today, &zone)),
    };
    let tabs: Vec<Json> = TABS
        .into_iter()
        .map(|(word, label, _)| {
            let href =
                if word == "call" { "/bo/collections".to_owned() } else { format!("/bo/collections?list={word}") };
            json!({ "href": href, "label": label, "current": word == tab })
        })
        .collect();
    let cut = rows.len() > ROWS;
    let rows: Vec<Json> = rows.into_iter().take(ROWS).collect();
    let own = json!({
        "tabs": tabs, "rows": rows, "nothing": nothing, "more": more || cut, "of_requests": list == List::Agreed,
        "promised": tab == "promised", "is_call": tab == "call",
    });
    pages.page("worklist", &frame.data(&app, "Collections", "/bo/collections", own))
}

type Found = Vec<(EntityId, Arc<Entity>)>;

/// What is on a list, the oldest first, and whether there is more.
fn scan(app: &Shared, tenant: &TenantId, list: List) -> Result<(Found, bool), Problem> {
    let (mut found, mut after) = (Found::new(), None);
    loop {
        let page = app.service.store.oldest(tenant, list, after, READ);
        let page = page.map_err(|error| Problem::overloaded(error.to_string()))?;
        after = page.entities.last().map(|(id, _)| *id);
        found.extend(page.entities);
        if !page.has_more || found.len() >= SCANNED_MAX {
            return Ok((found, page.has_more));
        }
    }
}

fn customer_of(app: &Shared, id: CustomerId) -> Option<Arc<Entity>> {
    app.service.store.load(EntityId::Customer(id)).ok().flatten().map(|saved| saved.entity)
}

/// Customers who are late, what is late the longest first.
fn to_call(app: &Shared, found: &Found, (today, zone): (Date, &Zone)) -> Vec<Json> {
    let mut late: BTreeMap<CustomerId, Late> = BTreeMap::new();
    let requests = found.iter().filter_map(|(_, entity)| entity.as_payment_request());
    for state in requests.filter(|state| state.status == Status::Open && state.overdue) {
        let (Some(terms), Some(left)) = (&state.terms, state.outstanding()) else { continue };
        // Promised, disputed, or about to be collected: nobody calls about it.
        let stage = state.collection.as_ref().map(|collection| &collection.stage);
        let is_collected =
            matches!(stage, Some(Stage::Planned { .. } | Stage::Running { .. })) && !state.is_unknown();
        if state.rare.promise.is_some() || state.rare.dispute.is_some() || is_collected {
            continue;
        }
        let of = late.entry(terms.customer).or_default();
        *of.open.entry(left.currency()).or_default() += left.minor();
        of.count += 1;
        of.oldest = Some(of.oldest.map_or(terms.due_on, |oldest| oldest.min(terms.due_on)));
        let next = state.reminders.next.map(|(_, due)| due);
        of.next = [of.next, next].into_iter().flatten().min();
    }
    let mut late: Vec<(CustomerId, Late)> = late.into_iter().collect();
    late.sort_by_key(|(id, of)| (of.oldest, *id));
    let row = |(id, of): (CustomerId, Late)| {
        let entity = customer_of(app, id)?;
        let state = entity.as_customer().filter(|state| state.held(today).is_none())?;
        let open: Vec<Money> = of.open.iter().map(|(currency, minor)| Money::from_minor(*minor, *currency)).collect();
        let mut row = who(id, state, zone)?;
        let own = json!({
            "open": in_words(&open), "count": (of.count > 1).then_some(of.count), "oldest": of.oldest.map(words::day),
            "days": of.oldest.map(|oldest| today.days_since(oldest)),
            "next": of.next.map(|at| words::instant(at, zone)),
        });
        row.as_object_mut()?.extend(own.as_object()?.clone());
        Some(row)
    };
    late.into_iter().filter_map(row).take(ROWS + 1).collect()
}

/// Who a customer is, and what people do about it.
fn who(id: CustomerId, state: &Customer, zone: &Zone) -> Option<Json> {
    let profile = state.profile.as_ref()?;
    let mut tasks: Vec<_> = state.rare.tasks.values().collect();
    tasks.sort_by_key(|task| (task.due_on.is_none(), task.due_on));
    let task = tasks.first();
    Some(json!({
        "customer_id": id.to_string(), "customer": profile.name,
        "phone": profile.phone.as_ref().map(|phone| phone.as_str()),
        "last_contact": state.last_contact_at.map(|at| words::day(at.date_in(zone))),
        "task": task.map(|task| &task.text), "task_due": task.and_then(|task| task.due_on).map(words::day),
        "assignee": task.and_then(|task| task.assigned_to.as_ref()), "badges": kept_back(state),
    }))
}

/// Requests that are promised to be paid, those of the next days first, or disputed.
fn agreed(app: &Shared, found: &Found, promised: bool, (today, zone): (Date, &Zone)) -> Vec<Json> {
    let requests = found.iter().filter_map(|(_, entity)| entity.as_payment_request());
    let wanted = |state: &&PaymentRequest| {
        let is_open = state.status == Status::Open;
        is_open && if promised { state.rare.promise.is_some() } else { state.rare.dispute.is_some() }
    };
    let mut requests: Vec<&PaymentRequest> = requests.filter(wanted).collect();
    requests.sort_by_key(|state| state.rare.promise.as_ref().map(|promise| promise.on));
    let row = |state: &PaymentRequest| {
        let terms = state.terms.as_ref()?;
        let entity = customer_of(app, terms.customer)?;
        let mut row = who(terms.customer, entity.as_customer()?, zone)?;
        let on = state.rare.promise.as_ref().map(|promise| promise.on);
        let own = json!({
            "request": terms.id.to_string(), "invoice": terms.external_ref,
            "open": state.outstanding().map(words::money), "due_on": words::day(terms.due_on),
            "days": today.days_since(terms.due_on).max(0),
            "on": on.map(words::day), "why": state.rare.dispute,
        });
        row.as_object_mut()?.extend(own.as_object()?.clone());
        Some(row)
    };
    requests.into_iter().take(ROWS + 1).filter_map(row).collect()
}

/// Customers on hold or of whom nothing recurring is collected, or whose messages do not arrive.
fn kept(found: &Found, unreachable: bool, (today, zone): (Date, &Zone)) -> Vec<Json> {
    let row = |(id, entity): &(EntityId, Arc<Entity>)| {
        let (EntityId::Customer(id), state) = (*id, entity.as_customer()?) else { return None };
        let rare = &state.rare;
        let wanted = match unreachable {
            true => !rare.unreachable.is_empty(),
            false => !rare.holds.is_empty() || rare.suspended.is_some(),
        };
        let late = state.open_requests.values().filter(|open| open.due_on < today);
        let oldest = late.clone().map(|open| open.due_on).min();
        let mut row = who(id, state, zone).filter(|_| wanted)?;
        let open = super::customers::open(state);
        let own = json!({
            "open": in_words(&open), "oldest": oldest.map(words::day),
            "days": oldest.map(|oldest| today.days_since(oldest)),
        });
        row.as_object_mut()?.extend(own.as_object()?.clone());
        Some(row)
    };
    found.iter().filter_map(row).take(ROWS + 1).collect()
}
