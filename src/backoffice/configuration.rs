//! Configuration: the files of a tenant, edited with what is wrong beside them, tried, published and taken back.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::delivery::{Channel, Verdict};
use quittance_actors::values::{Iban, Language, PhoneNumber, Timestamp};
use serde_json::{Value as Json, json};

use super::templates::told_of;
use super::{Frame, SharedPages, enter, words, zone_of};
use crate::api::{
    App, Problem, Shared, finding_json, foreseen, in_use, newest_editions, publish, ranges_of, seen, tried,
};
use crate::config::own_folder;
use crate::editions::{self, Change, Draft, Foreseen, How, Origin, Tried};
use crate::preview::Asked;
use crate::render::{Message, Templates};
use crate::trial::{Tester, Trial};

/// Editions shown.
const EDITIONS: usize = 20;
/// Lines of a difference shown.
const LINES: usize = 400;
/// Days of events that a draft is tried on.
const DAYS: i64 = 7;
/// What people may edit beside templates, and what each is.
const FILES: [(&str, &str); 4] = [
    ("rules.toml", "who is told what, when something happens"),
    ("scenarios.toml", "which reminders leave, and when"),
    ("collections.toml", "how failed collections are tried again"),
    ("acceptance.toml", "which transfers are kept for a person, and how the others are placed"),
];

type Form = BTreeMap<String, String>;

/// What a form says.
struct Typed {
    file: String,
    text: String,
    about: String,
    note: String,
    expected: Option<u64>,
    to: String,
}

impl Typed {
    fn of(form: &Form) -> Self {
        let said = |key: &str| form.get(key).map(|text| text.trim().to_owned()).unwrap_or_default();
        // A browser ends lines as HTTP does.
        let text = form.get("text").map(|text| text.replace("\r\n", "\n")).unwrap_or_default();
        let (file, about, note, to) = (said("file"), said("about"), said("note"), said("to"));
        Self { file, text, about, note, expected: said("expected").parse().ok(), to }
    }

    fn files(&self) -> BTreeMap<String, Option<String>> {
        BTreeMap::from([(self.file.clone(), Some(self.text.clone()))])
    }
}

/// What a template's file is named after.
fn named(file: &str) -> Option<(String, Channel, Option<Language>)> {
    let stem = file.strip_prefix("templates/")?.strip_suffix(".hbs")?;
    let mut parts = stem.splitn(3, '.');
    let (name, language) = (parts.next()?, parts.next()?);
    match parts.next() {
        None if language == "json" => Some((name.to_owned(), Channel::Hook, None)),
        None => None,
        Some(channel) => {
            let channel = crate::api::channel_of_people(channel).ok()?;
            Some((name.to_owned(), channel, Some(Language::parse(language).ok()?)))
        }
    }
}

/// Reads files beside the event loop.
async fn read<T: Send + 'static>(
    app: &Shared, work: impl FnOnce(&App) -> std::io::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    crate::api::blocking(app, work).await?.map_err(|error| Problem::internal(error.to_string()))
}

/// `GET /bo/configuration`.
pub(super) async fn page(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let query =
        web::Query::<Form>::from_query(request.query_string()).map(web::Query::into_inner).unwrap_or_default();
    let of = frame.tenant.clone();
    let (own, differs, known) = read(&app, move |app| {
        let editions = &app.service.editions;
        Ok((editions.files(&of)?, editions.differs(&of)?, newest_editions(app, &of, EDITIONS)?))
    })
    .await?;
    let row = |file: &str, what: &str| {
        let badge = if own.contains_key(file) { "own" } else { "shared" };
        json!({ "file": file, "href": words::encoded(file), "what": what, "badge": badge, "own": own.contains_key(file) })
    };
    let templates = own.keys().filter(|file| file.starts_with("templates/"));
    let rows: Vec<Json> = FILES
        .iter()
        .map(|(file, what)| row(file, what))
        .chain(templates.map(|file| row(file, "a template of your own")))
        .collect();
    let zone = zone_of(&app, &frame.tenant);
    let newest = known.first().map_or(0, |edition| edition.number);
    let known: Vec<Json> = known
        .iter()
        .map(|edition| {
            let at = Timestamp::parse(&edition.at);
            let what = match edition.origin {
                Origin::Published => "published".to_owned(),
                Origin::Restored(number) => format!("edition {number} again"),
                Origin::Found => "found in the folder".to_owned(),
            };
            json!({
                "number": edition.number, "at": at.map(|at| words::instant(at, &zone)).unwrap_or_default(),
                "by": edition.by, "note": edition.note, "what": what, "files": edition.files.len(),
                "current": edition.number == newest,
            })
        })
        .collect();
    let ranges: Vec<Json> = ranges_of(&app, &frame.tenant)
        .into_iter()
        .map(|range| {
            let text = |key: &str| range.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
            let number = |key: &str| range.get(key).and_then(Json::as_u64).unwrap_or(0);
            let to = |key: &str| range.get(key) == Some(&Json::Bool(true));
            let given_to = match (to("given_to_customers"), to("given_to_requests")) {
                (true, true) => "customers and requests",
                (true, false) => "customers",
                (false, true) => "requests",
                (false, false) => "who asks",
            };
            let masked = |key: &str| Iban::parse(&text(key)).map(|iban| iban.masked()).unwrap_or_default();
            json!({
                "name": text("name"), "first": masked("first"), "account": masked("account"), "given_to": given_to,
                "drawn": grouped(number("drawn")), "size": grouped(number("size")),
                "low": number("left") * 10 < number("size"),
            })
        })
        .collect();
    let own = json!({
        "ranges": ranges,
        "rows": rows, "editions": known, "edition": newest, "differs": differs, "said": query.get("said"),
        "failed": query.get("failed"), "none_before": newest > 0,
    });
    pages.page("configuration", &frame.data(&app, "Configuration", "/bo/configuration", own))
}

/// `GET /bo/configuration/edit?file=`: a file as it is in use.
pub(super) async fn edit(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let query =
        web::Query::<Form>::from_query(request.query_string()).map(web::Query::into_inner).unwrap_or_default();
    let mut typed = Typed::of(&query);
    let (of, file) = (frame.tenant.clone(), typed.file.clone());
    let (own, shared, edition) = read(&app, move |app| {
        let editions = &app.service.editions;
        let shared = editions.shared_file(&file).map_err(std::io::Error::other);
        Ok((editions.files(&of)?.remove(&file), shared, editions.number(&of)?))
    })
    .await?;
    let shared = shared.map_err(|_| Problem::not_found("there is no such file"))?;
    typed.text = own.or(shared).unwrap_or_default();
    typed.expected = Some(edition);
    edited(&app, &pages, &frame, &typed, Outcome::default()).await
}

/// What came of an edit.
#[derive(Default)]
struct Outcome {
    tried: Option<Tried>,
    foreseen: Option<Foreseen>,
    said: Option<String>,
    failed: Option<String>,
    /// What a publication was refused for.
    findings: Vec<Json>,
}

/// `POST /bo/configuration/edit`: checked, tried, published, or sent to look at.
pub(super) async fn submit(
    app: Shared, pages: SharedPages, request: HttpRequest, form: web::Form<Form>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    frame.of_same_merchant(&form)?;
    let typed = Typed::of(&form);
    let mut outcome = Outcome::default();
    match form.get("do").map(String::as_str).unwrap_or_default() {
        "publish" | "remove" => {
            let files = match form.get("do").is_some_and(|what| what == "remove") {
                true => BTreeMap::from([(typed.file.clone(), None)]),
                false => typed.files(),
            };
            let draft =
                Draft { files, by: frame.who().to_owned(), note: typed.note.clone(), expected: typed.expected };
            match publish(&app, &frame.tenant, draft, None).await {
                Ok((edition, _)) => {
                    let said = format!("Edition {} is in use", edition.number);
                    let to = format!("/bo/configuration?said={}", words::encoded(&said));
                    return Ok(HttpResponse::SeeOther().insert_header(("Location", to)).finish());
                }
                Err(problem) => {
                    outcome.findings = problem.findings().to_vec();
                    outcome.failed = Some(problem.to_string());
                }
            }
        }
        what => {
            let tried = tried(&app, &frame.tenant, typed.files()).await?;
            if what == "test" {
                match trial(&app, &frame, &typed, &tried).await {
                    Ok(said) => outcome.said = Some(said),
                    Err(failed) => outcome.failed = Some(failed),
                }
            }
            if let Some(after) = tried.of_tenant.clone().filter(|_| what == "foresee") {
                match foreseen(&app, &frame.tenant, after, DAYS).await {
                    Ok(found) => outcome.foreseen = Some(found),
                    Err(problem) => outcome.failed = Some(problem.to_string()),
                }
            }
            outcome.tried = Some(tried);
        }
    }
    edited(&app, &pages, &frame, &typed, outcome).await
}

async fn edited(
    app: &Shared, pages: &SharedPages, frame: &Frame, typed: &Typed, outcome: Outcome,
) -> Result<HttpResponse, Problem> {
    let Outcome { tried, foreseen, said, failed, mut findings } = outcome;
    let folder = own_folder(&app.service.config.folder, &frame.tenant);
    let now = in_use(app, &frame.tenant)?;
    let (of, file) = (frame.tenant.clone(), typed.file.clone());
    let (is_own, shared) = read(app, move |app| {
        let editions = &app.service.editions;
        Ok((editions.files(&of)?.contains_key(&file), editions.shared_file(&file).ok().flatten()))
    })
    .await?;
    let (mut changes, mut lines, mut usable) = (Vec::new(), Vec::new(), false);
    if let Some(tried) = &tried {
        findings = finding_json(&tried.findings, &folder);
        lines = difference_lines(&tried.beside_shared);
        usable = tried.of_tenant.is_some();
        changes =
            tried.of_tenant.iter().flat_map(|after| editions::changes(&now, after)).map(|of| in_words(&of)).collect();
    }
    let template = named(&typed.file);
    let tenant = app.service.config.service.tenant(&frame.tenant);
    let lists: Vec<&String> = tenant.iter().flat_map(|tenant| tenant.lists.keys()).collect();
    let names: Vec<String> = if template.is_some() { Templates::names() } else { Vec::new() };
    let what = FILES.iter().find(|(file, _)| *file == typed.file).map(|(_, what)| *what);
    let own = json!({
        "file": typed.file, "text": typed.text, "about": typed.about, "note": typed.note, "to": typed.to,
        "expected": typed.expected, "what": what, "own": is_own, "shared": shared.is_some(),
        "template": template.as_ref().map(|(name, channel, language)| json!({
            "name": name, "channel": channel.name(), "language": language.map(Language::code),
            "mail": *channel == Channel::Email, "people": *channel != Channel::Hook,
        })),
        "checked": tried.is_some(), "usable": usable, "findings": findings, "changes": changes, "lines": lines,
        "foreseen": foreseen.map(|found| super::foreseen::shown(&found, DAYS)), "said": said, "failed": failed, "lists": lists,
        "names": names,
    });
    pages.page("edit", &frame.data(app, &typed.file, "/bo/configuration", own))
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn in_words(change: &Change) -> Json {
    let (how, tone) = match change.how {
        How::Added => ("new", "ok"),
        How::Changed => ("changed", "warn"),
        How::Removed => ("removed", "bad"),
    };
    json!({ "what": change.what, "name": change.name, "how": how, "tone": tone })
}

fn difference_lines(text: &str) -> Vec<Json> {
    let tone = |line: &str| match line.as_bytes().first() {
        _ if line.starts_with("+++") || line.starts_with("---") => "file",
        Some(b'+') => "plus",
        Some(b'-') => "minus",
        Some(b'@') => "place",
        _ => "same",
    };
    text.lines().take(LINES).map(|line| json!({ "tone": tone(line), "text": line })).collect()
}

/// A template of a draft as its reader would see it.
async fn drafted(app: &Shared, frame: &Frame, typed: &Typed, tried: &Tried) -> Result<Message, String> {
    let (name, channel, language) = named(&typed.file).ok_or("a piece is seen in the templates that take it in")?;
    let of_tenant = tried.of_tenant.as_ref().ok_or("it cannot be used as it stands")?;
    let about = told_of(&typed.about)?;
    let templates = &of_tenant.templates;
    let asked = Asked { templates, name: &name, channel, language, about, event: None };
    seen(app, &frame.tenant, &asked).await.map_err(|problem| problem.to_string())
}

/// `POST /bo/configuration/preview`: a template of a draft, in a frame that runs nothing and loads nothing.
pub(super) async fn preview(
    app: Shared, pages: SharedPages, request: HttpRequest, form: web::Form<Form>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    frame.of_same_merchant(&form)?;
    let typed = Typed::of(&form);
    let tried = tried(&app, &frame.tenant, typed.files()).await?;
    let folder = own_folder(&app.service.config.folder, &frame.tenant);
    let html = match drafted(&app, &frame, &typed, &tried).await {
        Ok(message) if message.html.is_some() => {
            let subject = handlebars::html_escape(&message.subject);
            let page = message.page().unwrap_or_default();
            format!(
                "<p style=\"font:600 14px sans-serif;margin:0;padding:12px 16px;background:#fff\">{subject}</p>{page}"
            )
        }
        Ok(message) => {
            let text = handlebars::html_escape(&message.text);
            let of_system = named(&typed.file).is_some_and(|(_, channel, _)| channel == Channel::Hook);
            let title = if of_system {
                "JSON for hooks and files".to_owned()
            } else {
                words::sms_size(&message.text, app.service.config.service.sms_price)
            };
            pages.render(
                "preview",
                &json!({
                    "title": title, "text": text, "findings": [],
                }),
            )?
        }
        Err(why) => {
            let findings = finding_json(&tried.findings, &folder);
            pages.render("preview", &json!({ "title": why, "text": "", "findings": findings }))?
        }
    };
    let policy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'";
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header(("Content-Security-Policy", policy))
        .body(html))
}

/// Sends a template of a draft to look at: a mail to a list of the team, an SMS to a telephone.
async fn trial(app: &Shared, frame: &Frame, typed: &Typed, tried: &Tried) -> Result<String, String> {
    let message = drafted(app, frame, typed, tried).await?;
    let (template, channel, _) = named(&typed.file).ok_or("it is no template")?;
    let to = match channel {
        Channel::Hook => return Err("systems are told of it, and nobody is written to".to_owned()),
        Channel::Sms => Tester::Phone(PhoneNumber::parse(&typed.to, None).map_err(|error| error.to_string())?),
        _ => Tester::List(typed.to.clone()),
    };
    let tenant = app.service.config.service.tenant(&frame.tenant).ok_or("the tenant is not configured any more")?;
    let channels = app.service.channels.as_ref().ok_or("nothing leaves here")?;
    match channels.send_trial(tenant, &to, Trial { template, message }).await {
        Verdict::Accepted { detail } if detail == "caught" => Ok(format!("Caught for {}: see Messages", typed.to)),
        Verdict::Accepted { .. } => Ok(format!("Sent to {}", typed.to)),
        Verdict::Later { error, .. } | Verdict::Never { error, .. } | Verdict::Declined { error } => Err(error),
    }
}

/// `GET /bo/configuration/editions/{number}`: what an edition changed.
pub(super) async fn edition(
    app: Shared, pages: SharedPages, request: HttpRequest, number: web::Path<u64>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let (of, number) = (frame.tenant.clone(), number.into_inner());
    let (found, newest) = read(&app, move |app| {
        let editions = &app.service.editions;
        Ok((editions.ledger.changed(&of, number)?, editions.number(&of)?))
    })
    .await?;
    let (found, differences) = found.ok_or_else(|| Problem::not_found(format!("there is no edition {number}")))?;
    let at = Timestamp::parse(&found.at);
    let at = at.map(|at| words::instant(at, &zone_of(&app, &frame.tenant))).unwrap_or_default();
    let lines = difference_lines(&differences);
    let own = json!({
        "number": number, "at": at, "by": found.by, "note": found.note, "lines": lines,
        "files": found.files.keys().collect::<Vec<_>>(), "current": number == newest, "newest": newest,
    });
    pages.page("edition", &frame.data(&app, &format!("Edition {number}"), "/bo/configuration", own))
}

/// `POST /bo/configuration/editions/{number}/restore`.
pub(super) async fn restore(
    app: Shared, pages: SharedPages, request: HttpRequest, number: web::Path<u64>, form: web::Form<Form>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    frame.of_same_merchant(&form)?;
    let expected = form.get("expected").and_then(|number| number.parse().ok());
    let draft = Draft { by: frame.who().to_owned(), expected, ..Draft::default() };
    let to = match publish(&app, &frame.tenant, draft, Some(number.into_inner())).await {
        Ok((edition, _)) => format!("said={}", words::encoded(&format!("Edition {} is in use", edition.number))),
        Err(problem) => format!("failed={}", words::encoded(&problem.to_string())),
    };
    Ok(HttpResponse::SeeOther().insert_header(("Location", format!("/bo/configuration?{to}"))).finish())
}

/// `POST /bo/configuration/reload`: the files as they stand in the folder.
pub(super) async fn reload(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    if let Err(answer) = enter(&app, &pages, &request) {
        return Ok(answer);
    }
    let reloaded = crate::api::reload(&app).await?;
    let first = finding_json(&reloaded.findings, &app.service.config.folder).into_iter().next();
    let to = match (reloaded.in_use, first) {
        (false, Some(found)) => {
            let text = |key: &str| found.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
            let line = found.get("line").and_then(Json::as_u64).unwrap_or(0);
            let said = format!("{}:{line} {}: what was in use goes on", text("file"), text("message"));
            format!("failed={}", words::encoded(&said))
        }
        (false, None) => "failed=The+files+cannot+be+used".to_owned(),
        (true, _) if reloaded.waits_for_start => {
            format!("said={}", words::encoded("The files are in use; quittance.toml counts from the next start"))
        }
        (true, _) => format!("said={}", words::encoded("The files are in use")),
    };
    Ok(HttpResponse::SeeOther().insert_header(("Location", format!("/bo/configuration?{to}"))).finish())
}
