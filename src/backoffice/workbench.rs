//! The reconciliation workbench: transfers on the left, and of the one that is looked at, what it says,
//! what was weighed, and what can be decided.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::partition::Entity;
use quittance_actors::transfer::{Command, Doubt, Nature, Proposal, Status, Transfer};
use quittance_actors::values::{
    CommandId, CustomerId, DecimalMark, EntityId, Money, PaymentRequestId, TenantId, Timestamp, TransferId,
};
use serde_json::{Value as Json, json};

use super::{Frame, SharedPages, enter, search, transfers, words};
use crate::api::{
    Part, Problem, Share, Shared, carry_out, divided, may_remember_payer, payout_of, proposes_payer, recall,
    resolution,
};
use crate::store::List;

const ROWS: usize = 50;
/// Open requests shown for a decision by hand.
const OPEN_SHOWN: usize = 40;
/// Transfers looked through, and shown, for the one that a bank takes back.
const LOOKED_THROUGH: usize = 500;
const RECEIVED_SHOWN: usize = 10;
/// What a decision came to, in words.
const SAID: [&str; 8] = [
    "Reconciled",
    "Taken back",
    "Put aside",
    "To be given back",
    "Assigned",
    "Taken back by the bank",
    "The account is remembered",
    "Divided; this is the rest",
];
/// The last of them: it leads to what is left.
const DIVIDED: &str = SAID[7];
type Query = std::collections::BTreeMap<String, String>;

pub(super) async fn page(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let query = web::Query::<Query>::from_query(request.query_string());
    let query = query.map(web::Query::into_inner).unwrap_or_default();
    let only_tasks = query.get("show").is_none_or(|show| show != "all");
    let list = if only_tasks { List::Tasks } else { List::Transfers };
    let before = query.get("after").and_then(|id| TransferId::parse(id).ok()).map(EntityId::Transfer);
    let failed = |error: quittance_actors::ports::PortError| Problem::overloaded(error.to_string());
    let store = &app.service.store;
    let page = store.page(&frame.tenant, list, before, ROWS).map_err(failed)?;
    let tasks = store.page(&frame.tenant, List::Tasks, None, 100).map_err(failed)?;
    let asked = query.get("id").and_then(|id| TransferId::parse(id).ok());
    let first = page.entities.first().and_then(|(id, _)| match id {
        EntityId::Transfer(id) => Some(*id),
        _ => None,
    });
    let chosen = asked.or(first);
    let show = if only_tasks { "tasks" } else { "all" };
    let row = |(id, entity): &(EntityId, std::sync::Arc<Entity>)| {
        let mut row = transfers::row(entity)?;
        let row_of = row.as_object_mut()?;
        row_of.insert("href".to_owned(), json!(format!("/bo/reconciliation?show={show}&id={id}")));
        row_of.insert("current".to_owned(), json!(chosen.map(EntityId::Transfer) == Some(*id)));
        Some(row)
    };
    let rows: Vec<Json> = page.entities.iter().filter_map(row).collect();
    let open = match chosen {
        Some(id) => open(&app, &frame, id, query.get("customer").map(String::as_str)).await?,
        None => None,
    };
    // What was just decided may say whose an account is: it is asked while the person thinks of it.
    let decided = query.get("undo").and_then(|id| TransferId::parse(id).ok());
    let state = match decided {
        Some(id) => state_of(&app, &frame.tenant, id).await?,
        None => None,
    };
    let proposed = state.filter(|state| proposes_payer(&app, &frame.tenant, state)).and_then(|state| {
        let iban = state.details.as_ref()?.payer_iban.as_ref()?.masked();
        Some((iban, state.customer?))
    });
    let remember = match proposed {
        Some((iban, customer)) => Some(json!({ "iban": iban, "customer": name_of(&app, customer).await? })),
        None => None,
    };
    let after = page.entities.last().filter(|_| page.has_more);
    let more = if tasks.has_more { "+" } else { "" };
    let own = json!({
        "rows": rows,
        "open": open,
        "next": after.map(|(id, _)| format!("/bo/reconciliation?show={show}&after={id}")),
        "task_count": format!("{}{more}", tasks.entities.len()),
        "said": query.get("said").and_then(|said| SAID.iter().find(|known| *known == said)),
        "failed": query.get("failed"),
        "undo": decided,
        "remember": remember,
        "filters": [
            { "href": "/bo/reconciliation", "label": "To decide", "current": only_tasks },
            { "href": "/bo/reconciliation?show=all", "label": "All transfers", "current": !only_tasks },
        ],
    });
    pages.page("transfers", &frame.data(&app, "Reconciliation", "/bo/reconciliation", own))
}

async fn state_of(app: &Shared, tenant: &TenantId, id: TransferId) -> Result<Option<Transfer>, Problem> {
    let (_, entity, events) = app.service.router.read(EntityId::Transfer(id), 1).await?;
    let ours = events.iter().all(|event| event.tenant == *tenant) && !events.is_empty();
    Ok(entity.as_transfer().filter(|_| ours).cloned())
}

/// What the right side shows.
async fn open(
    app: &Shared, frame: &Frame, id: TransferId, looked_for: Option<&str>,
) -> Result<Option<Json>, Problem> {
    let Some(state) = state_of(app, &frame.tenant, id).await? else { return Ok(None) };
    let Some(details) = state.details.clone() else { return Ok(None) };
    let weighed = state.weighed.as_deref().cloned().unwrap_or_default();
    let mut proposals = Vec::new();
    if state.status == Status::NeedsDecision {
        for (at, proposal) in weighed.proposals.iter().enumerate() {
            // What was just found to be wrong is not what one key accepts.
            let first = at == 0 && state.doubt != Some(Doubt::TakenBack);
            proposals.push(shown(app, proposal, first).await?);
        }
    }
    let mut paid = Vec::new();
    for (request, part) in state.allocations.iter() {
        paid.push(part_of(app, *request, *part).await?);
    }
    let looked_for = looked_for.map(str::trim).filter(|text| !text.is_empty());
    let found = match looked_for {
        Some(text) => by_text(app, &frame.tenant, text).await?,
        None => None,
    };
    let payer = match (found, state.customer) {
        (Some(customer), _) | (None, Some(customer)) => Some(customer),
        (None, None) => candidate_payer(app, &state).await?,
    };
    let places = state.status == Status::NeedsDecision && state.nature() == Nature::Received;
    let takes_back = state.status == Status::NeedsDecision && !places;
    let by_hand = match payer.filter(|_| places) {
        Some(customer) => by_hand(app, customer, details.amount, looked_for).await?,
        None => Vec::new(),
    };
    let customer = match payer {
        Some(customer) => Some(name_of(app, customer).await?),
        None => None,
    };
    let mut points = Vec::new();
    for (by, request, customer) in state.pointers.iter().filter(|_| places).flat_map(|pointers| pointers.each()) {
        let invoice = match request {
            Some(request) => part_of(app, request, details.amount).await?.get("invoice").cloned(),
            None => None,
        };
        points.push(json!({ "by": by, "customer": name_of(app, customer).await?, "invoice": invoice }));
    }
    let pays_out =
        app.service.config.service.tenant(&frame.tenant).is_some_and(|own| own.payouts.connector.is_some());
    let now = app.service.router.ports().clock.now(&frame.tenant);
    let identified = weighed.identified_by.text();
    let parts = (1..).zip(state.divided().1);
    let parts: Vec<Json> = parts
        .map(|(number, part): (u32, _)| json!({ "number": number, "id": part.id, "amount": words::money(part.amount) }))
        .collect();
    Ok(Some(json!({
        "id": id,
        "payer": if takes_back { "Taken back by the bank" } else { details.payer_name.as_deref().unwrap_or("Unknown payer") },
        "returned": takes_back.then(|| said_of(&state)),
        "payer_iban": details.payer_iban.as_ref().map(|iban| iban.masked()),
        "account": details.account.as_ref().map(|iban| iban.masked()),
        "amount": words::money(details.amount),
        "booked_on": words::day(details.booked_on),
        "text": details.remittance.unstructured(),
        "structured": details.remittance.structured(),
        "assigned_to": state.assigned_to,
        "claimed_by": state.claim.as_ref().filter(|claim| claim.until > now).map(|claim| &claim.by),
        "overdue": state.overdue_since.is_some(),
        "explanation": state.explanation,
        "refused": state.refused,
        "identified": (identified != "nothing").then_some(identified),
        "customer": customer,
        "points": points,
        "beside": said_beside(&state),
        "customer_id": payer,
        "proposes_payer": proposes_payer(app, &frame.tenant, &state),
        "needs_decision": state.status == Status::NeedsDecision,
        "places": places,
        "takes_back": takes_back.then(|| received(app, &frame.tenant, details.amount)).transpose()?,
        "can_give_back": places && details.payer_iban.is_some() && pays_out,
        "can_take_back": matches!(state.status, Status::Matched | Status::SetAside) && state.pending.is_none(),
        "proposals": proposals,
        "part_of": state.divided().0,
        "divided": parts,
        "paid": paid,
        "taken": state.taken().map(|(taken, margin)| json!({ "score": score(taken.score), "margin": score(margin) })),
        "credited": (state.credited_minor > 0)
            .then(|| words::money(Money::from_minor(state.credited_minor, details.amount.currency()))),
        "by_hand": by_hand,
        "looked_for": looked_for,
        "not_found": looked_for.is_some() && found.is_none(),
    })))
}

/// What the bank carries beside the payer's words.
fn said_beside(state: &Transfer) -> Vec<String> {
    let Some(said) = state.particulars.as_deref() else { return Vec::new() };
    let words = [("on behalf of", &said.ultimate_payer), ("the bank adds", &said.additional)];
    words.into_iter().filter(|(_, text)| !text.is_empty()).map(|(what, text)| format!("{what} {text}")).collect()
}

/// What the bank says of what it takes back: whom it paid, and why.
fn said_of(state: &Transfer) -> Vec<String> {
    let Some(said) = state.particulars.as_deref() else { return Vec::new() };
    let because = said.returned.iter().flat_map(|returned| [&returned.code, &returned.text]);
    let words = because.chain([&said.payee, &said.additional]).filter(|words| !words.is_empty());
    words.map(ToString::to_string).collect()
}

/// The newest transfers of an amount whose money a bank may take back.
fn received(app: &Shared, tenant: &TenantId, amount: Money) -> Result<Vec<Json>, Problem> {
    let page = app.service.store.page(tenant, List::Transfers, None, LOOKED_THROUGH);
    let page = page.map_err(|error| Problem::overloaded(error.to_string()))?;
    let here = |state: &&Transfer| {
        let there = matches!(state.status, Status::Matched | Status::NeedsDecision | Status::SetAside);
        there && state.nature() == Nature::Received
    };
    let of_amount = page.entities.iter().filter_map(|(id, entity)| {
        let state = entity.as_transfer().filter(here)?;
        let details = state.details.as_ref().filter(|details| details.amount == amount)?;
        Some(json!({
            "id": id.to_string(),
            "payer": details.payer_name.as_deref().unwrap_or("Unknown payer"),
            "booked_on": words::day(details.booked_on),
            "why": state.explanation,
        }))
    });
    Ok(of_amount.take(RECEIVED_SHOWN).collect())
}

/// The only customer that a text leads to: by the ERP's number or the name of it, or by an invoice or a reference of its.
async fn by_text(app: &Shared, tenant: &TenantId, text: &str) -> Result<Option<CustomerId>, Problem> {
    let found = search::found(app, tenant, text).map_err(|error| Problem::overloaded(error.to_string()))?;
    let mut customers = BTreeSet::new();
    for id in found {
        let (_, entity, events) = app.service.router.read(id, 1).await?;
        if !events.iter().all(|event| event.tenant == *tenant) {
            continue;
        }
        customers.extend(match (id, entity.as_ref()) {
            (EntityId::Customer(customer), _) => Some(customer),
            (_, Entity::PaymentRequest(state)) => state.terms.as_ref().map(|terms| terms.customer),
            _ => None,
        });
    }
    Ok(customers.first().copied().filter(|_| customers.len() == 1))
}

/// Whose requests are looked at when nothing says who paid.
async fn candidate_payer(app: &Shared, state: &Transfer) -> Result<Option<CustomerId>, Problem> {
    let Some(first) = state.candidates.first() else { return Ok(None) };
    let (_, entity, _) = app.service.router.read(EntityId::PaymentRequest(*first), 0).await?;
    Ok(entity.as_payment_request().and_then(|state| Some(state.terms.as_ref()?.customer)))
}

async fn name_of(app: &Shared, customer: CustomerId) -> Result<String, Problem> {
    let (_, entity, _) = app.service.router.read(EntityId::Customer(customer), 0).await?;
    let name = entity.as_customer().and_then(|state| Some(state.profile.as_ref()?.name.to_string()));
    Ok(name.unwrap_or_else(|| customer.to_string()))
}

async fn part_of(app: &Shared, request: PaymentRequestId, part: Money) -> Result<Json, Problem> {
    let (_, entity, _) = app.service.router.read(EntityId::PaymentRequest(request), 0).await?;
    let terms = entity.as_payment_request().and_then(|state| state.terms.clone());
    Ok(json!({
        "id": request,
        "invoice": terms.as_ref().map_or_else(String::new, |terms| terms.external_ref.to_string()),
        "due_on": terms.as_ref().map(|terms| words::day(terms.due_on)),
        "part": words::money(part),
        "value": format!("{request}:{}", part.decimal()),
    }))
}

/// A score of 1,000 as it is read.
fn score(score: u16) -> String {
    format!("0.{:03}", score.min(999))
}

async fn shown(app: &Shared, proposal: &Proposal, first: bool) -> Result<Json, Problem> {
    let mut parts = Vec::with_capacity(proposal.parts.len());
    for (request, part) in &proposal.parts {
        parts.push(part_of(app, *request, *part).await?);
    }
    Ok(json!({
        "parts": parts,
        "why": proposal.rung.text(),
        "score": score(proposal.score),
        "credit": proposal.credit.is_positive().then(|| words::money(proposal.credit)),
        "first": first,
    }))
}

/// The open requests of a customer in the transfer's currency, those that are due first; ticked is the one whose number
/// was looked for.
async fn by_hand(
    app: &Shared, customer: CustomerId, amount: Money, looked_for: Option<&str>,
) -> Result<Vec<Json>, Problem> {
    let (_, entity, _) = app.service.router.read(EntityId::Customer(customer), 0).await?;
    let Some(state) = entity.as_customer() else { return Ok(Vec::new()) };
    let mut open: Vec<_> =
        state.open_requests.iter().filter(|(_, open)| open.outstanding.currency() == amount.currency()).collect();
    open.sort_by_key(|(id, open)| (open.due_on, **id));
    let row = |(id, open): &(&PaymentRequestId, &quittance_actors::customer::OpenRequest)| {
        json!({
            "id": id,
            "invoice": open.number,
            "meant": looked_for.is_some_and(|text| text.eq_ignore_ascii_case(&open.number)),
            "due_on": words::day(open.due_on),
            "outstanding": words::money(open.outstanding),
            "decimal": open.outstanding.decimal(),
        })
    };
    Ok(open.iter().take(OPEN_SHOWN).map(row).collect())
}

/// Parts of a form: `pays=prq_…:120.00`, or `part_prq_…=120,00` beside a ticked `take=prq_…`.
fn parts(form: &[(String, String)], amount: Money) -> Result<Vec<Part>, Problem> {
    let read = |text: &str| {
        let mark = if text.contains(',') { DecimalMark::Comma } else { DecimalMark::Point };
        Money::parse(text.trim(), amount.currency(), mark).map_err(|error| Problem::bad_request(error.to_string()))
    };
    let request = |text: &str| PaymentRequestId::parse(text).map_err(|error| Problem::bad_request(error.to_string()));
    let mut parts = Vec::new();
    for (key, value) in form {
        match key.as_str() {
            "pays" => {
                let (id, part) = value.split_once(':').unwrap_or((value, ""));
                parts.push(Part { request: request(id)?, amount: Some(read(part)?) });
            }
            "take" => {
                let written = form.iter().find(|(key, _)| key.strip_prefix("part_") == Some(value.as_str()));
                let part = written.map(|(_, text)| read(text)).transpose()?;
                parts.push(Part { request: request(value)?, amount: part });
            }
            _ => {}
        }
    }
    Ok(parts)
}

/// `POST /bo/reconciliation/{id}/{decide|take-back|set-aside|assign|remember-payer|give-back|recalls}`.
pub(super) async fn decide(
    app: Shared, pages: SharedPages, request: HttpRequest, path: web::Path<(String, String)>,
    form: web::Form<Vec<(String, String)>>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let (id, what) = path.into_inner();
    let id = TransferId::parse(&id).map_err(|error| Problem::not_found(error.to_string()))?;
    let Some(state) = state_of(&app, &frame.tenant, id).await? else {
        return Err(Problem::not_found(format!("transfer {id} is not known")));
    };
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim().to_owned());
    let reason = field("reason").unwrap_or_default();
    if reason.chars().count() > 200 || reason.chars().any(char::is_control) {
        return Err(Problem::bad_request("a reason has at most 200 characters on one line"));
    }
    let reason = if reason.is_empty() { "no reason given".to_owned() } else { reason };
    let (said, done) = match what.as_str() {
        "decide" if field("rest").is_some_and(|rest| rest == "another") => {
            let amount = state.details.as_ref().map(|details| details.amount);
            let amount = amount.ok_or_else(|| Problem::not_found("nothing was received"))?;
            let customer = field("customer").and_then(|text| CustomerId::parse(&text).ok());
            let asked = match parts(&form, amount) {
                Ok(pays) => {
                    let shares = [Share { customer, pays, amount: None }];
                    divided(&app, &frame.tenant, id, &shares, frame.who()).await
                }
                Err(problem) => Err(problem),
            };
            match asked {
                Ok(command) => (DIVIDED, carry(&app, &frame, id, command).await),
                Err(problem) => ("", Err(problem)),
            }
        }
        "decide" => {
            let amount = state.details.as_ref().map(|details| details.amount);
            let amount = amount.ok_or_else(|| Problem::not_found("nothing was received"))?;
            let customer = field("customer").and_then(|text| CustomerId::parse(&text).ok());
            let asked = match parts(&form, amount) {
                Ok(parts) => resolution(&app, &frame.tenant, id, &parts, customer, frame.who()).await,
                Err(problem) => Err(problem),
            };
            match asked {
                Ok(resolution) => ("Reconciled", carry(&app, &frame, id, Command::Decide(resolution)).await),
                Err(problem) => ("", Err(problem)),
            }
        }
        "take-back" => (
            "Taken back",
            carry(&app, &frame, id, Command::TakeBack { by: frame.who().into(), reason: reason.into() }).await,
        ),
        "set-aside" => (
            "Put aside",
            carry(&app, &frame, id, Command::SetAside { by: frame.who().into(), reason: reason.into() }).await,
        ),
        "remember-payer" => {
            let done = match may_remember_payer(&app, &frame.tenant, &state) {
                Ok(()) => carry(&app, &frame, id, Command::RememberPayer { by: frame.who().into() }).await,
                Err(problem) => Err(problem),
            };
            ("The account is remembered", done)
        }
        "assign" => {
            let to = field("to").filter(|to| !to.is_empty() && to.chars().count() <= 64).map(Into::into);
            ("Assigned", carry(&app, &frame, id, Command::Assign { to, by: frame.who().into() }).await)
        }
        "recalls" => match field("transfer").map(|text| TransferId::parse(&text)) {
            Some(Ok(transfer)) => {
                let done = recall(&app, &frame.tenant, id, transfer, frame.who()).await;
                let _ = app.service.checkpointer.send(quittance_actors::runtime::Offer).await;
                ("Taken back by the bank", done)
            }
            _ => ("", Err(Problem::bad_request("name the transfer that it takes back, such as trf_…"))),
        },
        "give-back" => {
            let by = match &frame.person {
                Some(person) => Some(person.name.clone()),
                None => field("by").filter(|by| !by.is_empty() && by.chars().count() <= 64),
            };
            let by = by.ok_or_else(|| Problem::bad_request("say who you are, in up to 64 characters"))?.into();
            let random = u64::from_be_bytes(crate::clock::random_bytes::<8>());
            let payout = payout_of(CommandId::new(Timestamp::default(), random, 0), id.partition());
            let command = Command::GiveBack { payout, by, reason: reason.into() };
            ("To be given back", carry(&app, &frame, id, command).await)
        }
        _ => return Err(Problem::not_found("there is nothing at this address")),
    };
    // After a decision the next one is looked at; what could not be followed stays, and says why.
    let to = match done {
        Ok(()) if ["give-back", "recalls", "remember-payer"].contains(&what.as_str()) => {
            format!("/bo/reconciliation?said={}", words::encoded(said))
        }
        Ok(()) if what == "take-back" || what == "assign" => {
            format!("/bo/reconciliation?id={id}&said={}", words::encoded(said))
        }
        Ok(()) if said == DIVIDED => {
            let divided = state_of(&app, &frame.tenant, id).await?;
            let rest = divided.and_then(|state| state.divided().1.last().map(|part| part.id)).unwrap_or(id);
            format!("/bo/reconciliation?id={rest}&said={}", words::encoded(said))
        }
        Ok(()) => format!("/bo/reconciliation?said={}&undo={id}", words::encoded(said)),
        Err(problem) => format!("/bo/reconciliation?id={id}&failed={}", words::encoded(&problem.to_string())),
    };
    Ok(HttpResponse::SeeOther().insert_header(("Location", to)).finish())
}

async fn carry(app: &Shared, frame: &Frame, id: TransferId, command: Command) -> Result<(), Problem> {
    let random = crate::clock::random_bytes::<8>();
    let command_id = CommandId::new(Timestamp::default(), u64::from_be_bytes(random), id.partition());
    carry_out(app, &frame.tenant, id, command, command_id, 0).await?;
    // The lists are those of the store: what was decided is to be gone from them.
    let _ = app.service.checkpointer.send(quittance_actors::runtime::Offer).await;
    Ok(())
}
