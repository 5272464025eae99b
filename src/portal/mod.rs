//! The page of a payment request: what is to be paid and where, for who has the link, and what the payer answers.
//!
//! No session: the link says that we gave it (`callbacks`). It works without scripts. What a payer answers is a command of
//! the request like any other; reminders stop in the same step.

mod words;

use std::collections::BTreeMap;

use actix_web::http::header::HeaderName;
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use handlebars::Handlebars;
use quittance_actors::machine::Tell;
use quittance_actors::partition::{Entity, Origin};
use quittance_actors::payment_request::{Command, PaymentRequest, Stage, Status};
use quittance_actors::ports::Clock as _;
use quittance_actors::rules::{EventType, Published};
use quittance_actors::runtime::Priority;
use quittance_actors::values::{CommandId, Date, EntityId, Iban, Language, Money, PaymentRequestId, Timestamp};
use serde_json::{Value as Json, json};

use crate::api::{Problem, Shared};
use crate::assemble;
use crate::callbacks::Callbacks;
use crate::config::Tenant;
use crate::render::{ScanToPay, date_in_words, money_in_words, scan_picture};

/// Events of a request that are looked at.
const EVENTS: usize = 300;
/// Other open invoices shown.
const OTHERS: usize = 20;
/// Characters of a reason.
const REASON_CHARACTERS_MAX: usize = 200;
/// Business days within which money that has left a payer's bank is booked.
const ON_ITS_WAY_BUSINESS_DAYS: u32 = 3;
/// Bytes of a form.
const FORM_BYTES_MAX: usize = 8 << 10;
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The compiled page.
pub struct Page(Handlebars<'static>);

impl Page {
    /// Compiles it.
    pub fn new() -> Result<Self, String> {
        let mut engine = Handlebars::new();
        engine.set_strict_mode(true);
        let text = include_str!("../../ui/portal/pay.hbs");
        engine.register_template_string("pay", text).map_err(|error| format!("the payment page: {error}"))?;
        Ok(Self(engine))
    }

    fn answer(&self, status: u16, data: &Json) -> Result<HttpResponse, Problem> {
        let mut data = data.clone();
        if let Some(data) = data.as_object_mut() {
            for name in ASKED {
                data.entry(name).or_insert(Json::Null);
            }
        }
        let html =
            self.0.render("pay", &data).map_err(|error| Problem::internal(format!("payment page: {error}")))?;
        let status = actix_web::http::StatusCode::from_u16(status).unwrap_or_default();
        Ok(HttpResponse::build(status).content_type("text/html; charset=utf-8").body(html))
    }
}

type SharedPage = web::Data<Page>;

/// Registers the routes.
pub fn routes(config: &mut ServiceConfig) {
    let headers = DefaultHeaders::new()
        .add((HeaderName::from_static("content-security-policy"), POLICY))
        .add(("X-Content-Type-Options", "nosniff"))
        .add(("X-Robots-Tag", "noindex"))
        .add(("Referrer-Policy", "no-referrer"))
        .add(("Cache-Control", "no-store"));
    config.service(
        web::scope("/p")
            .wrap(headers)
            .app_data(web::FormConfig::default().limit(FORM_BYTES_MAX))
            .route("/{token}/document", web::get().to(document))
            .route("/{token}", web::get().to(show))
            .route("/{token}", web::post().to(answer)),
    );
}

/// What stands before the reason of a dispute that the payer has given; others are of the merchant's own.
const BY_PAYER: &str = "payer: ";
/// Disputes of one request that its payer may raise here.
const DISPUTES_MAX: usize = 3;

/// What a link leads to.
struct Opened<'a> {
    id: PaymentRequestId,
    tenant: &'a Tenant,
    language: Language,
    state: std::sync::Arc<Entity>,
    customer: std::sync::Arc<Entity>,
    events: Vec<Published>,
    today: Date,
    links: Callbacks,
}

impl Opened<'_> {
    /// Whether a payment may be promised now.
    fn may_promise(&self) -> Result<(), &'static str> {
        let portal = self.tenant.portal;
        match self.request() {
            Some(state) if self.stands() == "open" || self.stands() == "planned" => {
                let often = state.rare.promises >= u32::from(portal.most_promises);
                if portal.promise_days == 0 {
                    Err("not")
                } else if often {
                    Err("often")
                } else {
                    Ok(())
                }
            }
            _ => Err("not"),
        }
    }

    /// Whether it may be disputed now.
    fn may_dispute(&self) -> Result<(), &'static str> {
        let raised = self.events.iter().filter(|event| event.event == EventType::PaymentRequestDisputed).count();
        let open = matches!(self.stands(), "open" | "planned" | "promised");
        match (self.tenant.portal.disputes && open, raised >= DISPUTES_MAX) {
            (false, _) => Err("not"),
            (true, true) => Err("often"),
            (true, false) => Ok(()),
        }
    }

    /// How the request stands, in a word.
    fn stands(&self) -> &'static str {
        let Some(state) = self.request() else { return "unknown" };
        let planned =
            state.collection.as_ref().is_some_and(|collection| matches!(collection.stage, Stage::Planned { .. }));
        match state.status {
            Status::Settled => "paid",
            Status::Cancelled => "cancelled",
            Status::Open if state.rare.dispute.is_some() => "disputed",
            Status::Open if state.in_flight().is_some() => "collecting",
            Status::Open if state.rare.promise.is_some() => "promised",
            Status::Open if planned => "planned",
            Status::Open => "open",
        }
    }

    fn request(&self) -> Option<&PaymentRequest> {
        self.state.as_payment_request()
    }
}

/// What a token leads to, if it is one of ours.
async fn open<'a>(app: &'a Shared, token: &str, asked: Option<&str>) -> Result<Option<Opened<'a>>, Problem> {
    let Some(links) = assemble::callbacks(&app.service.config) else { return Ok(None) };
    let Some(id) = links.payment_of(token) else { return Ok(None) };
    let (_, state, events) = app.service.router.read(EntityId::PaymentRequest(id), EVENTS).await?;
    let tenant = events.first().and_then(|event| app.service.config.service.tenant(&event.tenant));
    let customer = state.as_payment_request().and_then(|state| Some(state.terms.as_ref()?.customer));
    let (Some(tenant), Some(customer)) = (tenant, customer) else { return Ok(None) };
    let (_, customer, _) = app.service.router.read(EntityId::Customer(customer), 0).await?;
    let own = customer.as_customer().and_then(|state| Some(state.profile.as_ref()?.language));
    let asked = asked.and_then(|code| Language::parse(code).ok());
    let language = asked.or(own).unwrap_or(tenant.language);
    let today = app.service.clocks.now(&tenant.id).date_in(&tenant.zone);
    Ok(Some(Opened { id, tenant, language, state, customer, events, today, links }))
}

/// `GET /p/{token}`.
async fn show(
    app: Shared, page: SharedPage, request: HttpRequest, token: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let query = web::Query::<BTreeMap<String, String>>::from_query(request.query_string());
    let query = query.map(web::Query::into_inner).unwrap_or_default();
    let asked = query.get("lang").map(String::as_str);
    let Some(opened) = open(&app, &token, asked).await? else { return unknown(&page, asked) };
    if has_expired(&opened) {
        let t = words::texts(opened.language);
        let data = frame(&opened, &token, json!({ "state": "expired", "t": t }));
        return page.answer(410, &data);
    }
    let said = query.get("said").and_then(|said| words::said(said, opened.language));
    let own = shown(&app, &opened, said)?;
    page.answer(200, &frame(&opened, &token, own))
}

/// Everything that the page may ask for; null where it does not say it.
const ASKED: [&str; 30] = [
    "collects_on",
    "document",
    "said",
    "number",
    "description",
    "due_on",
    "amount",
    "outstanding",
    "paid",
    "percent",
    "late",
    "iban",
    "alone",
    "reference",
    "short",
    "scan",
    "pays",
    "promise",
    "reason",
    "may_promise",
    "first_day",
    "last_day",
    "may_dispute",
    "others",
    "settled_on",
    "part",
    "merchant",
    "contact",
    "token",
    "other",
];

fn unknown(page: &Page, asked: Option<&str>) -> Result<HttpResponse, Problem> {
    let language = asked.and_then(|code| Language::parse(code).ok()).unwrap_or_default();
    let t = words::texts(language);
    page.answer(404, &json!({ "state": "unknown", "t": t }))
}

/// `GET /p/{token}/document`: the invoice itself.
async fn document(app: Shared, page: SharedPage, token: web::Path<String>) -> Result<HttpResponse, Problem> {
    let Some(opened) = open(&app, &token, None).await?.filter(|opened| !has_expired(opened)) else {
        return unknown(&page, None);
    };
    let number = opened.request().and_then(|state| Some(state.terms.as_ref()?.external_ref.to_string()));
    let number = number.filter(|number| app.service.documents.has(&opened.tenant.id, number));
    let Some(number) = number else { return unknown(&page, None) };
    crate::api::pdf(&app, &opened.tenant.id, number).await
}

fn has_expired(opened: &Opened<'_>) -> bool {
    let created = opened.request().and_then(|state| Some(state.terms.as_ref()?.created_at));
    let created = created.map(|at| at.date_in(&opened.tenant.zone));
    created.is_none_or(|day| opened.today > day.plus_days(i32::from(opened.tenant.portal.days)))
}

/// What stands around the page.
fn frame(opened: &Opened<'_>, token: &str, mut own: Json) -> Json {
    let other = if opened.language == Language::Fr { Language::En } else { Language::Fr };
    if let Some(own) = own.as_object_mut() {
        own.insert("merchant".to_owned(), json!(opened.tenant.name));
        own.insert("contact".to_owned(), json!(opened.tenant.email_from.as_str()));
        own.insert("token".to_owned(), json!(token));
        own.insert("other".to_owned(), json!(other.code()));
    }
    own
}

fn shown(app: &Shared, opened: &Opened<'_>, said: Option<&str>) -> Result<Json, Problem> {
    let Opened { id, tenant, language, today, .. } = opened;
    let language = *language;
    let missing = || Problem::not_found("there is nothing at this address");
    let state = opened.request().ok_or_else(missing)?;
    let terms = state.terms.as_ref().ok_or_else(missing)?;
    let (money, day) = (|amount| money_in_words(amount, language), |day| date_in_words(day, language));
    let zero = Money::zero(terms.amount.currency());
    let outstanding = state.outstanding().unwrap_or(zero);
    let paid = state.paid().unwrap_or(zero);
    let is_open = state.status == Status::Open;
    let name = opened.stands();
    let collects_on = match state.collection.as_ref().map(|collection| &collection.stage) {
        Some(Stage::Planned { collects_on, .. }) => Some(*collects_on),
        _ => None,
    };
    let of_customer = opened.customer.as_customer();
    let own_number = state.pays_to(of_customer).map(Iban::printed);
    let alone = own_number.is_some();
    let iban = own_number.or_else(|| Some(tenant.initiator.as_ref()?.iban.printed()));
    let reference = terms.creditor_reference.printed();
    let scan = iban.as_ref().filter(|_| is_open).and_then(|iban| {
        let transfer = ScanToPay { name: &tenant.name, iban, amount: outstanding, reference: &reference };
        let picture = scan_picture(&transfer.text()?)?;
        Some(format!("data:image/png;base64,{}", base64::engine::general_purpose::STANDARD.encode(picture)))
    });
    let late = today.days_since(terms.due_on);
    let portal = tenant.portal;
    let others: Vec<Json> = of_customer
        .map(|of| of.open_requests.iter())
        .into_iter()
        .flatten()
        .filter(|(other, open)| *other != id && !open.number.is_empty())
        .take(OTHERS)
        .map(|(other, open)| {
            json!({
                "number": open.number, "due_on": day(open.due_on), "outstanding": money(open.outstanding),
                "token": opened.links.payment_token(*other),
            })
        })
        .collect();
    let settled = opened.events.iter().rev().find(|event| event.event == EventType::PaymentRequestSettled);
    Ok(json!({
        "state": name, "t": words::texts(language), "said": said,
        "document": app.service.documents.has(&tenant.id, &terms.external_ref),
        "number": terms.external_ref, "description": terms.description,
        "due_on": day(terms.due_on), "amount": money(terms.amount), "outstanding": money(outstanding),
        "paid": (paid.is_positive() && is_open).then(|| money(paid)),
        "percent": paid.minor() * 100 / terms.amount.minor().max(1),
        "late": (is_open && late > 0).then(|| words::late(late, language)),
        "iban": iban.filter(|_| is_open), "alone": alone, "reference": reference,
        "short": terms.short_reference.to_string(), "scan": scan,
        "pays": matches!(name, "open" | "promised"),
        "promise": state.rare.promise.as_ref().map(|promise| day(promise.on)),
        "reason": state.rare.dispute.as_deref().and_then(|reason| reason.strip_prefix(BY_PAYER)),
        "may_promise": opened.may_promise().is_ok(), "collects_on": collects_on.map(day),
        "first_day": today.to_string(), "last_day": today.plus_days(i32::from(portal.promise_days)).to_string(),
        "may_dispute": opened.may_dispute().is_ok(),
        "others": others,
        "settled_on": settled.map(|event| day(event.at.date_in(&tenant.zone))),
        "part": state.rare.plan.map(|joined| joined.number),
    }))
}

/// `POST /p/{token}`: the payer has paid, promises to, or does not agree.
async fn answer(
    app: Shared, page: SharedPage, request: HttpRequest, token: web::Path<String>,
    form: web::Form<BTreeMap<String, String>>,
) -> Result<HttpResponse, Problem> {
    let query = web::Query::<BTreeMap<String, String>>::from_query(request.query_string());
    let asked = query.as_ref().ok().and_then(|query| query.get("lang").cloned());
    let Some(opened) = open(&app, &token, asked.as_deref()).await? else { return unknown(&page, asked.as_deref()) };
    let said = match has_expired(&opened) {
        true => "not",
        false => match command(&app, &opened, &form) {
            Ok(command) => match tell(&app, &opened, command).await {
                Ok(()) => "noted",
                Err(problem) if actix_web::ResponseError::status_code(&problem).is_server_error() => {
                    return Err(problem);
                }
                Err(_) => "not",
            },
            Err(why) => why,
        },
    };
    let language = asked.map(|code| format!("&lang={}", opened_language(&code))).unwrap_or_default();
    let to = format!("/p/{token}?said={said}{language}");
    Ok(HttpResponse::SeeOther().insert_header(("Location", to)).finish())
}

fn opened_language(code: &str) -> &'static str {
    Language::parse(code).unwrap_or_default().code()
}

/// What an answer asks for, or why not.
fn command(app: &Shared, opened: &Opened<'_>, form: &BTreeMap<String, String>) -> Result<Command, &'static str> {
    let text = |key: &str| form.get(key).map(|text| text.trim()).unwrap_or_default();
    let Opened { tenant, today, .. } = opened;
    let portal = tenant.portal;
    match text("do") {
        "paid" | "promise" if opened.may_promise().is_err() => Err(opened.may_promise().err().unwrap_or("not")),
        "dispute" if opened.may_dispute().is_err() => Err(opened.may_dispute().err().unwrap_or("not")),
        "paid" => {
            let policies =
                app.service.in_use.of(&tenant.id).map(|of| std::sync::Arc::clone(&of.policies)).ok_or("not")?;
            let on = policies.calendar.plus_business_days(*today, ON_ITS_WAY_BUSINESS_DAYS);
            Ok(Command::Promise { on })
        }
        "promise" => {
            let on = Date::parse(text("on")).map_err(|_| "day")?;
            let days = on.days_since(*today);
            if (0..=i32::from(portal.promise_days)).contains(&days) {
                Ok(Command::Promise { on })
            } else {
                Err("day")
            }
        }
        "dispute" => {
            let reason: String = text("reason").chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let fits = (1..=REASON_CHARACTERS_MAX).contains(&reason.chars().count());
            let reason = smol_str::format_smolstr!("{BY_PAYER}{reason}");
            if fits { Ok(Command::Dispute { reason }) } else { Err("reason") }
        }
        _ => Err("not"),
    }
}

async fn tell(app: &Shared, opened: &Opened<'_>, command: Command) -> Result<(), Problem> {
    let random = u64::from_be_bytes(crate::clock::random_bytes::<8>());
    let tell = Tell::PaymentRequest(opened.id, command);
    let command = CommandId::new(Timestamp::default(), random, tell.to().partition());
    let router = &app.service.router;
    let answer = router.submit(&opened.tenant.id, tell, command, 0, Origin::Api, Priority::Interactive).await;
    answer.map(drop).map_err(Problem::from)
}
