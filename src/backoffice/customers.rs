//! Customers: the list, and one with what is open, its timeline and what keeps it back.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::collection::{Hold, Instrument};
use quittance_actors::customer::{Command, ContactWay, Customer, Kind, Note, person, short_name, task_text};
use quittance_actors::machine::Tell;
use quittance_actors::ports::{Clock as _, Snapshots as _};
use quittance_actors::values::{Currency, CustomerId, Date, EntityId, Money, PaymentRequestId};
use serde_json::{Value as Json, json};

use super::{SharedPages, enter, words, zone_of};
use crate::api::{Problem, Shared, channel_of_people};
use crate::store::List;

const ROWS: usize = 50;
/// Customers looked at for one page of a filter.
const SCANNED_MAX: usize = 2_000;
const EVENTS: usize = 300;
/// Open requests shown.
const OPEN_MAX: usize = 100;
/// What the page can say was done: an address says nothing of its own.
const SAID: [&str; 10] = [
    "On hold",
    "The hold is lifted",
    "Asked for no more messages",
    "Messages leave again",
    "To be done",
    "Assigned",
    "Done",
    "Tagged",
    "The tag is off",
    "Noted",
];

/// What is open, by currency.
pub(super) fn open(state: &Customer) -> Vec<Money> {
    let mut sums: BTreeMap<Currency, i64> = BTreeMap::new();
    for open in state.open_requests.values() {
        let sum = sums.entry(open.outstanding.currency()).or_default();
        *sum = sum.saturating_add(open.outstanding.minor());
    }
    sums.into_iter().map(|(currency, minor)| Money::from_minor(minor, currency)).collect()
}

pub(super) fn in_words(amounts: &[Money]) -> String {
    amounts.iter().map(|amount| words::money(*amount)).collect::<Vec<_>>().join(" + ")
}

/// What keeps a customer back, in words, with its tone.
pub(super) fn kept_back(state: &Customer) -> Vec<Json> {
    let badge = |tone: &str, text: String| json!({ "tone": tone, "text": text });
    let hold = |(hold, until): (&Hold, &Option<Date>)| {
        let until = until.map(|until| format!(" until {}", words::day(until))).unwrap_or_default();
        badge("bad", format!("on hold: {}{until}", hold.name()))
    };
    let mut badges: Vec<Json> = state.rare.holds.iter().map(hold).collect();
    badges.extend(state.rare.suspended.as_ref().map(|why| badge("bad", format!("recurring suspended: {why}"))));
    let silent = state.rare.opted_out.keys().map(|channel| badge("mute", format!("wants no {}", channel.name())));
    badges.extend(silent);
    let lost =
        state.rare.unreachable.keys().map(|channel| badge("warn", format!("{} does not arrive", channel.name())));
    badges.extend(lost);
    badges
}

fn row(id: EntityId, state: &Customer, wanted: &str, today: Date) -> Option<Json> {
    let profile = state.profile.as_ref()?;
    let late = state.open_requests.values().filter(|open| open.due_on < today).count();
    let fits = match wanted {
        "open" => !state.open_requests.is_empty(),
        "late" => late > 0,
        "kept_back" => state.is_kept_back(),
        "credit" => state.rare.credit.values().any(|minor| *minor > 0),
        _ => true,
    };
    fits.then(|| {
        json!({
            "id": id.to_string(), "name": profile.name, "external_ref": profile.external_ref,
            "open": state.open_requests.len(), "late": late, "outstanding": in_words(&open(state)),
            "badges": kept_back(state),
        })
    })
}

pub(super) async fn list(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let query = web::Query::<BTreeMap<String, String>>::from_query(request.query_string());
    let query = query.map(web::Query::into_inner).unwrap_or_default();
    let wanted = query.get("status").map_or("", String::as_str);
    let today = app.service.clocks.now(&frame.tenant).date_in(&zone_of(&app, &frame.tenant));
    let mut before = query.get("after").and_then(|id| CustomerId::parse(id).ok()).map(EntityId::Customer);
    let (mut rows, mut scanned, mut next) = (Vec::new(), 0, None);
    'pages: loop {
        let page = app.service.store.page(&frame.tenant, List::Customers, before, ROWS);
        let page = page.map_err(|error| Problem::overloaded(error.to_string()))?;
        for (id, entity) in &page.entities {
            (before, scanned) = (Some(*id), scanned + 1);
            rows.extend(entity.as_customer().and_then(|state| row(*id, state, wanted, today)));
            if rows.len() == ROWS || scanned == SCANNED_MAX {
                next = Some(format!("/bo/customers?status={}&after={id}", words::encoded(wanted)));
                break 'pages;
            }
        }
        if !page.has_more {
            break;
        }
    }
    let known =
        [("", "All"), ("open", "Open"), ("late", "Late"), ("kept_back", "Kept back"), ("credit", "With credit")];
    let filters: Vec<Json> = known
        .into_iter()
        .map(|(value, label)| {
            let href = match value {
                "" => "/bo/customers".to_owned(),
                value => format!("/bo/customers?status={value}"),
            };
            json!({ "href": href, "label": label, "current": wanted == value })
        })
        .collect();
    let own = json!({ "rows": rows, "next": next, "filters": filters, "filtered": !wanted.is_empty() });
    pages.page("customers", &frame.data(&app, "Customers", "/bo/customers", own))
}

/// Cards and mandates, in words.
fn instruments(state: &Customer) -> Vec<Json> {
    let ended = |instrument: Instrument| {
        state.ledgers.get(&instrument).and_then(|ledger| ledger.ended.as_ref()).map(ToString::to_string)
    };
    let cards = state.payment_methods.values().map(|method| {
        let ended = ended(Instrument::Card(method.token.clone()));
        let expires = words::day(method.expires_on);
        json!({ "name": format!("Card ending {}", method.last4), "detail": format!("until {expires}"), "ended": ended })
    });
    let mandates = state.mandates.iter().map(|(reference, mandate)| {
        let ended = ended(Instrument::Mandate(reference.clone()));
        let signed = words::day(mandate.signed_on);
        json!({ "name": format!("Mandate {reference}"), "detail": format!("{}, signed {signed}", mandate.iban.masked()), "ended": ended })
    });
    cards.chain(mandates).collect()
}

pub(super) async fn page(
    app: Shared, pages: SharedPages, request: HttpRequest, id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let id = CustomerId::parse(&id).map_err(|error| Problem::not_found(error.to_string()))?;
    let (_, entity, events) = app.service.router.read(EntityId::Customer(id), EVENTS).await?;
    let missing = || Problem::not_found(format!("customer {id} is not known"));
    let state = entity.as_customer().ok_or_else(missing)?;
    let profile = state.profile.as_ref().ok_or_else(missing)?;
    if events.is_empty() || events.iter().any(|event| event.tenant != frame.tenant) {
        return Err(missing());
    }
    let query = web::Query::<BTreeMap<String, String>>::from_query(request.query_string());
    let query = query.map(web::Query::into_inner).unwrap_or_default();
    let zone = zone_of(&app, &frame.tenant);
    let today = app.service.clocks.now(&frame.tenant).date_in(&zone);
    let timeline: Vec<Json> = events.iter().rev().map(|event| words::event(event, &zone, true)).collect();
    let mut due: Vec<_> = state.open_requests.iter().collect();
    due.sort_by_key(|(request, open)| (open.due_on, **request));
    let requests: Vec<Json> = due
        .iter()
        .take(OPEN_MAX)
        .map(|(request, open)| {
            let late = (today.days_since(open.due_on)).max(0);
            json!({
                "id": request.to_string(), "number": name_of(&app, open.number.as_str(), **request),
                "due_on": words::day(open.due_on), "outstanding": words::money(open.outstanding),
                "late": (late > 0).then_some(late), "disputed": open.disputed,
            })
        })
        .collect();
    let credit: Vec<Money> =
        state.rare.credit.iter().map(|(currency, minor)| Money::from_minor(*minor, *currency)).collect();
    let holds: Vec<Json> = state.rare.holds.keys().map(|hold| json!({ "name": hold.name() })).collect();
    let to_place: Vec<&str> =
        Hold::ALL.into_iter().filter(|hold| !state.rare.holds.contains_key(hold)).map(Hold::name).collect();
    let wishes: Vec<Json> = [("email", "e-mail"), ("sms", "SMS")]
        .into_iter()
        .map(|(channel, label)| {
            let out = channel_of_people(channel).is_ok_and(|channel| state.rare.opted_out.contains_key(&channel));
            json!({ "channel": channel, "label": label, "out": out })
        })
        .collect();
    let own = json!({
        "id": id.to_string(),
        "name": profile.name,
        "external_ref": profile.external_ref,
        "kind": if profile.kind == Kind::Business { "business" } else { "consumer" },
        "email": profile.email.as_ref().map(|email| email.as_str()),
        "phone": profile.phone.as_ref().map(|phone| phone.as_str()),
        "language": profile.language.code(),
        "zone": state.rare.zone,
        "virtual_iban": state.virtual_iban.as_ref().map(|number| number.iban().printed()),
        "outstanding": in_words(&open(state)),
        "open_count": state.open_requests.len(),
        "requests": requests,
        "credit": in_words(&credit),
        "badges": kept_back(state),
        "instruments": instruments(state),
        "plans": state.rare.plans.keys().map(ToString::to_string).collect::<Vec<_>>(),
        "unplaced": state.rare.unplaced.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "last_contact": state.last_contact_at.map(|at| words::instant(at, &zone)),
        "timeline": timeline,
        "event_count": events.len(),
        "tags": state.rare.tags.keys().map(|tag| tag.to_string()).collect::<Vec<_>>(),
        "tasks": super::tasks::of(state, &zone),
        "holds": holds,
        "to_place": to_place,
        "wishes": wishes,
        "said": query.get("said").filter(|said| SAID.contains(&said.as_str())),
        "failed": query.get("failed"),
    });
    pages.page("customer", &frame.data(&app, &profile.name, "/bo/customers", own))
}

/// The number of an open request; requests opened long ago keep it themselves.
fn name_of(app: &Shared, known: &str, id: PaymentRequestId) -> String {
    if !known.is_empty() {
        return known.to_owned();
    }
    let saved = app.service.store.load(EntityId::PaymentRequest(id)).ok().flatten();
    let number =
        saved.and_then(|saved| Some(saved.entity.as_payment_request()?.terms.as_ref()?.external_ref.to_string()));
    number.unwrap_or_else(|| id.to_string())
}

/// `POST /bo/customers/{id}/{what}`: a hold, a wish about messages, a task or a tag.
pub(super) async fn act(
    app: Shared, pages: SharedPages, request: HttpRequest, path: web::Path<(String, String)>,
    form: web::Form<BTreeMap<String, String>>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let form = frame.signed(form.into_inner());
    let (id, what) = path.into_inner();
    let id = CustomerId::parse(&id).map_err(|error| Problem::not_found(error.to_string()))?;
    if !crate::api::owned(&app, &frame.tenant, EntityId::Customer(id)).await {
        return Err(Problem::not_found(format!("customer {id} is not known")));
    }
    let said = |name: &str| form.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let number =
        || said("number").and_then(|text| text.parse().ok()).ok_or_else(|| Problem::bad_request("which task?"));
    let tag = || short_name(said("tag").unwrap_or_default()).map_err(Problem::bad_request);
    let by = || person(said("by").unwrap_or_default()).map_err(|why| Problem::bad_request(format!("by: {why}")));
    let to = || said("to").map(person).transpose().map_err(|why| Problem::bad_request(format!("to: {why}")));
    let hold = || Hold::parse(said("kind").unwrap_or_default()).map_err(Problem::bad_request);
    let channel = || channel_of_people(said("channel").unwrap_or_default()).map_err(Problem::bad_request);
    let (done, command) = match what.as_str() {
        "hold" => {
            let until = said("until").map(Date::parse).transpose();
            let until = until.map_err(|error| Problem::bad_request(error.to_string()))?;
            (SAID[0], Command::PlaceHold { hold: hold()?, until })
        }
        "lift" => (SAID[1], Command::LiftHold { hold: hold()? }),
        "task" => {
            let text = task_text(said("text").unwrap_or_default()).map_err(Problem::bad_request)?;
            let due_on = said("due_on").map(Date::parse).transpose();
            let due_on = due_on.map_err(|error| Problem::bad_request(error.to_string()))?;
            (SAID[4], Command::Note(Note::OpenTask { text, request: None, by: by()?, due_on, assigned_to: to()? }))
        }
        "assign" => (SAID[5], Command::Note(Note::AssignTask { number: number()?, to: to()?, by: by()? })),
        "done" => {
            let outcome = said("outcome").map(task_text).transpose().map_err(Problem::bad_request)?;
            let outcome = outcome.unwrap_or_default();
            (SAID[6], Command::Note(Note::CloseTask { number: number()?, by: by()?, outcome }))
        }
        "contact" => {
            let way = ContactWay::parse(said("way").unwrap_or_default()).map_err(Problem::bad_request)?;
            let text = task_text(said("text").unwrap_or_default()).map_err(Problem::bad_request)?;
            (SAID[9], Command::Note(Note::LogContact { way, text, by: by()?, request: None }))
        }
        "tag" => (SAID[7], Command::Note(Note::Tag(tag()?))),
        "untag" => (SAID[8], Command::Note(Note::Untag(tag()?))),
        "opt-out" => (SAID[2], Command::SetOptOut { channel: channel()?, out: true }),
        "opt-in" => (SAID[3], Command::SetOptOut { channel: channel()?, out: false }),
        _ => return Err(Problem::not_found("there is nothing at this address")),
    };
    let answer = super::submit(&app, &frame.tenant, Tell::Customer(id, command)).await;
    let to = match answer {
        Ok(_) => format!("/bo/customers/{id}?said={}", words::encoded(done)),
        Err(error) => format!("/bo/customers/{id}?failed={}", words::encoded(&error.to_string())),
    };
    Ok(HttpResponse::SeeOther().insert_header(("Location", to)).finish())
}
