//! The back office: pages rendered on the server, one file per screen.
//!
//! Strict content security policy, no inline script or style; everything works without
//! JavaScript but the live figures. A page needs a session: of somebody who signed in, or, where no people are
//! configured, the one that the one-time link opens.

mod acts;
mod assets;
mod collections;
mod configuration;
mod customers;
mod deliveries;
mod duties;
mod event_types;
mod files;
mod foreseen;
mod gate;
mod live;
mod messages;
mod mistakes;
mod overview;
mod payouts;
mod plans;
mod received;
mod reference;
mod reminders;
mod requests;
mod resend;
mod retries;
mod rules;
mod scenarios;
mod search;
mod sign_in;
mod tasks;
mod templates;
mod transfers;
mod undelivered;
mod words;
mod workbench;
mod worklist;

pub use gate::Gate;

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use handlebars::{Handlebars, Helper, HelperDef, HelperResult, Output, RenderContext, Renderable as _};
use quittance_actors::machine::Tell;
use quittance_actors::partition::Origin;
use quittance_actors::runtime::{Offer, Priority, SubmitError};
use quittance_actors::values::{CommandId, TenantId, Timestamp, Zone};
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::api::{App, Problem, Shared};
use crate::config::{DUTIES, Person};
use crate::store::List;

const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

/// Which merchant a session looks at.
const TENANT_COOKIE: &str = "quittance_tenant";
/// Bytes of a form: the text of a file, written as forms are.
const FORM_BYTES_MAX: usize = 1 << 20;

/// The pages and who may see them.
pub struct Pages {
    engine: Handlebars<'static>,
    /// The gate.
    pub gate: Gate,
}

/// The shared pages of the server's workers.
pub type SharedPages = web::Data<Pages>;

impl Pages {
    /// Compiles every page.
    pub fn new(gate: Gate) -> Result<Self, String> {
        let mut engine = Handlebars::new();
        engine.set_strict_mode(true);
        for (name, text) in assets::templates() {
            engine.register_template_string(&name, text).map_err(|error| format!("{name}: {error}"))?;
        }
        engine.register_helper("icon", Box::new(icon));
        engine.register_helper("signs", Box::new(signs));
        engine.register_helper("may", Box::new(May));
        Ok(Self { engine, gate })
    }

    fn render(&self, name: &str, data: &impl Serialize) -> Result<String, Problem> {
        self.engine.render(name, data).map_err(|error| Problem::internal(format!("page {name}: {error}")))
    }

    fn page(&self, name: &str, data: &impl Serialize) -> Result<HttpResponse, Problem> {
        let html = self.render(name, data)?;
        Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(html))
    }
}

/// `{{icon "name" "class"}}`: a symbol of the sprite.
fn icon(
    helper: &Helper<'_>, _: &Handlebars<'_>, _: &handlebars::Context, _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let text = |at| helper.param(at).and_then(|param| param.value().as_str()).unwrap_or_default();
    let name = handlebars::html_escape(text(0));
    let class = handlebars::html_escape(text(1));
    let svg = format!(
        "<svg class=\"i {class}\" aria-hidden=\"true\"><use href=\"/assets/vendor/icons.svg#{name}\"/></svg>"
    );
    out.write(&svg)?;
    Ok(())
}

/// `{{signs "Your name, to decide about" amount}}`: a field for the name of who does something, unless that is known.
fn signs(
    helper: &Helper<'_>, _: &Handlebars<'_>, context: &handlebars::Context, _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    if context.data().get("person").is_some_and(|person| !person.is_null()) {
        return Ok(());
    }
    let label: Vec<&str> = helper.params().iter().filter_map(|param| param.value().as_str()).collect();
    let label = handlebars::html_escape(&label.join(" "));
    let field = format!(
        "<input class=\"in\" name=\"by\" placeholder=\"Your name\" aria-label=\"{label}\" maxlength=\"64\" required autocomplete=\"name\">"
    );
    out.write(&field)?;
    Ok(())
}

/// `{{#may "collect"}}…{{/may}}`: what is shown to those who may do it.
struct May;

impl HelperDef for May {
    fn call<'reg: 'rc, 'rc>(
        &self, helper: &Helper<'rc>, engine: &'reg Handlebars<'reg>, context: &'rc handlebars::Context,
        render: &mut RenderContext<'reg, 'rc>, out: &mut dyn Output,
    ) -> HelperResult {
        let duty = helper.param(0).and_then(|param| param.value().as_str()).unwrap_or_default();
        let may = context.data().get("may").and_then(|may| may.get(duty)).and_then(Json::as_bool) == Some(true);
        let part = if may { helper.template() } else { helper.inverse() };
        part.map_or(Ok(()), |part| part.render(engine, context, render, out))
    }
}

/// Registers the routes.
pub fn routes(config: &mut ServiceConfig) {
    let headers = DefaultHeaders::new()
        .add((HeaderName::from_static("content-security-policy"), HeaderValue::from_static(POLICY)))
        .add(("X-Content-Type-Options", "nosniff"))
        .add(("Referrer-Policy", "same-origin"))
        .add(("Cache-Control", "no-store"));
    config.route("/", web::get().to(home)).route("/assets/{path:.*}", web::get().to(assets::serve));
    config.service(web::scope("/docs").wrap(headers.clone()).route("/api", web::get().to(reference::page)));
    config.service(
        web::scope("/bo")
            .wrap(mistakes::as_pages())
            .wrap(headers)
            .app_data(web::FormConfig::default().limit(FORM_BYTES_MAX))
            .route("", web::get().to(overview::page))
            .route("/requests", web::get().to(requests::list))
            .route("/requests/{id}", web::get().to(requests::page))
            .route("/requests/{id}/reminder/{what}", web::post().to(reminders::decide))
            .route("/requests/{id}/do/{what}", web::post().to(acts::act))
            .route("/requests/{id}/received", web::post().to(received::note))
            .route("/collections", web::get().to(worklist::page))
            .route("/collections/attempts", web::get().to(collections::page))
            .route("/collections/policies", web::get().to(retries::page))
            .route("/customers", web::get().to(customers::list))
            .route("/customers/{id}", web::get().to(customers::page))
            .route("/customers/{id}/{what}", web::post().to(customers::act))
            .route("/tasks", web::get().to(tasks::page))
            .route("/scenarios", web::get().to(scenarios::page))
            .route("/rules", web::get().to(rules::page))
            .route("/search", web::get().to(search::page))
            .route("/plans", web::get().to(plans::list))
            .route("/plans/{id}", web::get().to(plans::page))
            .route("/plans/{id}/{what}", web::post().to(plans::act))
            .route("/reconciliation", web::get().to(workbench::page))
            .route("/reconciliation/{id}/{what}", web::post().to(workbench::decide))
            .route("/payouts", web::get().to(payouts::page))
            .route("/payouts/{id}/{what}", web::post().to(payouts::decide))
            .route("/messages", web::get().to(messages::list))
            .route("/messages/deliveries", web::get().to(deliveries::list))
            .route("/messages/deliveries/{id}", web::get().to(deliveries::page))
            .route("/messages/replays/{endpoint}", web::post().to(resend::begin))
            .route("/messages/replays/{endpoint}/{id}/stop", web::post().to(resend::stop))
            .route("/messages/undelivered", web::get().to(undelivered::page))
            .route("/messages/undelivered/{id}", web::post().to(undelivered::retry))
            .route("/messages/{id}", web::get().to(messages::page))
            .route("/messages/{id}/html", web::get().to(messages::html))
            .route("/messages/{id}/mail", web::get().to(messages::mail))
            .route("/templates", web::get().to(templates::page))
            .route("/templates/html", web::get().to(templates::html))
            .route("/tenant", web::post().to(choose_tenant))
            .service(
                web::resource("/sign-in")
                    .app_data(web::FormConfig::default().limit(sign_in::FORM_BYTES_MAX))
                    .route(web::get().to(sign_in::page))
                    .route(web::post().to(sign_in::enter)),
            )
            .route("/sign-out", web::post().to(sign_in::leave))
            .route("/configuration", web::get().to(configuration::page))
            .route("/configuration/edit", web::get().to(configuration::edit))
            .route("/configuration/edit", web::post().to(configuration::submit))
            .route("/configuration/preview", web::post().to(configuration::preview))
            .route("/configuration/reload", web::post().to(configuration::reload))
            .route("/configuration/editions/{number}", web::get().to(configuration::edition))
            .route("/configuration/editions/{number}/restore", web::post().to(configuration::restore))
            .route("/files", web::get().to(files::page))
            .route("/files/{sha256}", web::get().to(files::one))
            .route("/files/{sha256}/{what}", web::get().to(files::download))
            .route("/event-types", web::get().to(event_types::page))
            .route("/events", web::get().to(live::stream))
            .route("/clock/advance", web::post().to(overview::advance))
            .default_service(web::to(nothing)),
    );
}

async fn nothing() -> Problem {
    Problem::not_found("The address may have a slip, or what was here is not kept any more.")
}

async fn home() -> HttpResponse {
    HttpResponse::SeeOther().insert_header(("Location", "/bo")).finish()
}

/// What a page shows around its content.
struct Frame {
    tenant: TenantId,
    tenant_name: String,
    /// Who looks at it; nobody in particular where no people sign in.
    person: Option<Arc<Person>>,
    /// By which session.
    session: String,
}

/// Lets a session in, to what its person may do; the answer to anybody else.
#[expect(clippy::result_large_err, reason = "the answer is sent at once")]
fn enter(app: &Shared, pages: &SharedPages, request: &HttpRequest) -> Result<Frame, HttpResponse> {
    let (person, session) = pages.gate.check(pages, request)?;
    let sees = |tenant: &TenantId| person.as_ref().is_none_or(|person| person.sees(tenant));
    let known = &app.service.config.service;
    let chosen = request.cookie(TENANT_COOKIE).and_then(|cookie| TenantId::parse(cookie.value()).ok());
    let chosen = chosen.filter(sees).and_then(|id| known.tenant(&id));
    let Some(tenant) = chosen.or_else(|| known.tenants.iter().find(|tenant| sees(&tenant.id))) else {
        let text =
            "There is no merchant whose pages you see. Whoever configures this service names them in your tenants.";
        return Err(refused(pages, "Nothing is shown to you", text));
    };
    if let Some(person) = &person
        && request.method() == actix_web::http::Method::POST
    {
        may_do(pages, person, request)?;
        // Not everything that is done says by whom: the log does.
        tracing::info!(person = person.id, tenant = %tenant.id, path = request.path(), "a form of the back office");
    }
    Ok(Frame { tenant: tenant.id.clone(), tenant_name: tenant.name.clone(), person, session })
}

#[expect(clippy::result_large_err, reason = "the answer is sent at once")]
fn may_do(pages: &SharedPages, person: &Person, request: &HttpRequest) -> Result<(), HttpResponse> {
    let missing = match duties::of(request) {
        Some(duties::Asks::Nothing) => return Ok(()),
        Some(duties::Asks::ConfigureAll) if person.reloads() => return Ok(()),
        Some(duties::Asks::ConfigureAll) => "configure, for every merchant",
        Some(duties::Asks::Duty(duty)) if person.duties.contains(&duty) => return Ok(()),
        Some(duties::Asks::Duty(duty)) => duty.name(),
        None if DUTIES.iter().all(|(_, duty)| person.duties.contains(duty)) => return Ok(()),
        None => "all",
    };
    let text = format!(
        "It needs the duty \"{missing}\", which {} does not have. Whoever configures this service can add it.",
        person.name
    );
    Err(refused(pages, "You may not do this", &text))
}

fn refused(pages: &SharedPages, title: &str, text: &str) -> HttpResponse {
    let page = pages.render("gate", &json!({ "title": title, "text": text, "back": "/bo" }));
    HttpResponse::Forbidden().content_type("text/html; charset=utf-8").body(page.unwrap_or_default())
}

/// `POST /bo/tenant`: the merchant whose pages are shown from now on.
async fn choose_tenant(
    app: Shared, pages: SharedPages, request: HttpRequest, form: web::Form<BTreeMap<String, String>>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let asked = form.get("tenant").map(String::as_str).unwrap_or_default();
    let known =
        TenantId::parse(asked).ok().filter(|id| frame.sees(id) && app.service.config.service.tenant(id).is_some());
    let id = known.ok_or_else(|| Problem::not_found("there is no such merchant"))?;
    let cookie = Cookie::build(TENANT_COOKIE, id.as_str().to_owned());
    let cookie = cookie.path("/bo").http_only(true).same_site(SameSite::Strict).secure(pages.gate.secure).finish();
    Ok(HttpResponse::SeeOther().cookie(cookie).insert_header(("Location", "/bo")).finish())
}

/// Submits what a person does on a page, under an id of its own; lists show it when this returns.
async fn submit(app: &Shared, tenant: &TenantId, tell: Tell) -> Result<(), SubmitError> {
    let random = u64::from_be_bytes(crate::clock::random_bytes::<8>());
    let command = CommandId::new(Timestamp::default(), random, tell.to().partition());
    let router = &app.service.router;
    let answer = router.submit(tenant, tell, command, 0, Origin::Api, Priority::Interactive).await;
    let _ = app.service.checkpointer.send(Offer).await; // Lists are as of the last checkpoint, then.
    answer.map(drop)
}

/// The zone that a tenant's pages tell time in.
fn zone_of(app: &App, tenant: &TenantId) -> Zone {
    app.service.config.service.tenant(tenant).map_or_else(Zone::utc, |known| known.zone.clone())
}

impl Frame {
    /// The data of the layout, with the page's own.
    fn data(&self, app: &Shared, title: &str, path: &str, own: Json) -> Json {
        let tasks = app.service.store.page(&self.tenant, List::Tasks, None, 99);
        let tasks = tasks.map_or(0, |page| page.entities.len());
        let approvals = app.service.store.page(&self.tenant, List::Approvals, None, 99);
        let approvals = approvals.map_or(0, |page| page.entities.len());
        let plans = app.service.store.page(&self.tenant, List::PlansAttention, None, 99);
        let plans = plans.map_or(0, |page| page.entities.len());
        let reminders = app.service.store.page(&self.tenant, List::Reminders, None, 99);
        let reminders = reminders.map_or(0, |page| page.entities.len());
        let to_do = app.service.store.page(&self.tenant, List::CustomerTasks, None, 99);
        let to_do = to_do.map_or(0, |page| page.entities.len());
        let nav: Vec<Json> = [
            ("", "overview", "/bo", "layout-dashboard", "Overview", 0),
            ("", "reconciliation", "/bo/reconciliation", "arrow-left-right", "Reconciliation", tasks),
            ("", "requests", "/bo/requests", "receipt", "Payment requests", reminders),
            ("", "collections", "/bo/collections", "repeat", "Collections", 0),
            ("", "customers", "/bo/customers", "user", "Customers", 0),
            ("", "tasks", "/bo/tasks", "circle-check", "Tasks", to_do),
            ("", "plans", "/bo/plans", "calendar", "Plans", plans),
            ("", "payouts", "/bo/payouts", "undo-2", "Payouts", approvals),
            ("", "messages", "/bo/messages", "inbox", "Messages", 0),
            ("", "rules", "/bo/rules", "bell", "Rules", 0),
            ("", "scenarios", "/bo/scenarios", "clock", "Scenarios", 0),
            ("", "templates", "/bo/templates", "file-text", "Templates", 0),
            ("", "configuration", "/bo/configuration", "sliders-horizontal", "Configuration", 0),
            ("Exchange", "files", "/bo/files", "folder-sync", "ERP and bank files", 0),
            ("", "event_types", "/bo/event-types", "file-text", "Events", 0),
        ]
        .into_iter()
        .map(|(section, id, href, icon, label, count)| {
            let current = path == href;
            json!({ "section": section, "id": id, "href": href, "icon": icon, "label": label, "count": count, "current": current })
        })
        .collect();
        let all: Vec<_> = app.service.config.service.tenants.iter().filter(|tenant| self.sees(&tenant.id)).collect();
        let tenants: Vec<Json> = all
            .iter()
            .filter(|_| all.len() > 1)
            .map(|of| json!({ "id": of.id.as_str(), "name": of.name, "current": of.id == self.tenant }))
            .collect();
        let mut data = json!({
            "title": title,
            "nav": nav,
            "tenants": tenants,
            "merchant": self.tenant.as_str(),
            "tenant": self.tenant_name,
            "clock": self.clock(app),
            "person": self.person.as_ref().map(|person| &person.name),
            "may": self.may(),
        });
        if let (Some(data), Json::Object(own)) = (data.as_object_mut(), own) {
            data.extend(own);
        }
        data
    }

    /// Whether who looks at it sees the pages of a merchant.
    fn sees(&self, tenant: &TenantId) -> bool {
        self.person.as_ref().is_none_or(|person| person.sees(tenant))
    }

    /// What who looks at it may do, by the names of duties.
    fn may(&self) -> BTreeMap<&'static str, bool> {
        let may = |duty| self.person.as_ref().is_none_or(|person| person.duties.contains(&duty));
        let all = DUTIES.into_iter().map(|(name, duty)| (name, may(duty)));
        all.chain([("reload", self.person.as_ref().is_none_or(|person| person.reloads()))]).collect()
    }

    /// What is signed by whom: nobody signs with the name of another.
    fn signed(&self, mut form: BTreeMap<String, String>) -> BTreeMap<String, String> {
        if let Some(person) = &self.person {
            form.insert("by".to_owned(), person.name.clone());
        }
        form
    }

    /// Who does what has no field for a name.
    fn who(&self) -> &str {
        self.person.as_ref().map_or("back office", |person| &person.name)
    }

    /// Whether a form is of a page of this merchant: another one may have been chosen in another window since.
    fn of_same_merchant(&self, form: &BTreeMap<String, String>) -> Result<(), Problem> {
        match form.get("merchant").is_some_and(|merchant| merchant == self.tenant.as_str()) {
            true => Ok(()),
            false => Err(Problem::conflict("other_merchant", "this page was of another merchant: load it again")),
        }
    }

    /// The test clock in words, if the tenant has one.
    fn clock(&self, app: &Shared) -> Option<String> {
        let tenant = app.service.config.service.tenant(&self.tenant)?;
        let now = app.service.clocks.test_clock(&self.tenant)?;
        Some(words::instant(now, &tenant.zone))
    }
}
