//! What happens by itself, and what messages say, changed while the service runs: a draft is checked, tried on what
//! happened, published, and taken back.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;

use actix_web::web::ServiceConfig;
use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::ports::Clock as _;
use quittance_actors::runtime::Offer;
use quittance_actors::values::TenantId;
use serde_json::{Value as Json, json};

use super::body::{Body, Received, received};
use super::{App, Problem, Shared, caller, in_use, tenant};
use crate::clock::system_now;
use crate::config::ApiKey;
use crate::diagnostics::{Findings, Severity};
use crate::digest;
use crate::editions::{self, Draft, Edition, Foreseen, OfWhom, Origin, Refusal, Reloaded, Tried};
use crate::export::Period;
use crate::in_use::OfTenant;

/// Bytes of a body: the files of a draft.
pub(super) const BODY_BYTES_MAX: usize = 2 << 20;
/// Characters of a note.
const NOTE_CHARACTERS_MAX: usize = 300;
/// Days of events that a draft is tried on, without another number.
const DAYS: i64 = 7;

static ONE_AT_A_TIME: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(1);
/// Drafts that are read, compiled and rendered side by side.
static TRIED: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(2);
/// Bytes of a log that a draft is tried on beside everything else; a copy of a larger one is for `quittance simulate`.
const LOG_BYTES_MAX: u64 = 2 << 30;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("", web::get().to(read))
        .route("/files/{name:.*}", web::get().to(file))
        .route("/check", web::post().to(check))
        .route("/foresee", web::post().to(foresee))
        .route("/editions", web::get().to(list))
        .route("/editions", web::post().to(publish_draft))
        .route("/editions/{number}", web::get().to(edition))
        .route("/editions/{number}/restore", web::post().to(restore));
}

/// One thing found, as JSON.
pub(crate) fn finding_json(findings: &Findings, folder: &std::path::Path) -> Vec<Json> {
    let found = findings.all().iter().map(|finding| {
        let (line, column) = findings.place(finding);
        let path = std::path::Path::new(&finding.file);
        let file = path.strip_prefix(folder).unwrap_or(path).display().to_string();
        json!({
            "code": finding.code,
            "severity": if finding.severity == Severity::Error { "error" } else { "warning" },
            "file": file, "line": line, "column": column,
            "message": finding.message, "label": finding.label, "help": finding.help,
        })
    });
    found.collect()
}

fn refused(app: &App, tenant: &TenantId, refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::Findings(findings) => {
            let folder = crate::config::own_folder(&app.service.config.folder, tenant);
            Problem::invalid_files(finding_json(findings, &folder))
        }
        Refusal::Name(_) | Refusal::TooMany => Problem::bad_request(refusal.to_string()),
        Refusal::TooLarge(_) => Problem::too_large_for(refusal.to_string()),
        Refusal::Nothing => Problem::conflict("nothing_changed", refusal.to_string()),
        Refusal::Stale { .. } => Problem::conflict("edition_in_between", refusal.to_string()),
        Refusal::NoSuchEdition(_) | Refusal::UnknownTenant => Problem::not_found(refusal.to_string()),
        Refusal::Io(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            Problem::conflict("cannot_be_written", format!("the folder of the configuration: {error}"))
        }
        Refusal::Io(error) if error.kind() == ErrorKind::StorageFull => Problem::overloaded(error.to_string()),
        Refusal::Io(error) => Problem::internal(error.to_string()),
    }
}

fn may_configure(key: &ApiKey) -> Result<(), Problem> {
    match key.configures {
        true => Ok(()),
        false => Err(Problem::forbidden(format!("the key \"{}\" has no configures = true", key.id))),
    }
}

/// Runs what reads or writes files beside the threads that serve.
pub(crate) async fn blocking<T: Send + 'static>(
    app: &Shared, work: impl FnOnce(&App) -> T + Send + 'static,
) -> Result<T, Problem> {
    let app = Arc::clone(app);
    web::block(move || work(&app)).await.map_err(|error| Problem::overloaded(error.to_string()))
}

/// What a draft would come to; nothing changes.
pub(crate) async fn tried(
    app: &Shared, tenant: &TenantId, files: BTreeMap<String, Option<String>>,
) -> Result<Tried, Problem> {
    let of = tenant.clone();
    // Whoever stops waiting stops nothing that has begun.
    let turn = TRIED.acquire().await.map_err(|error| Problem::overloaded(error.to_string()))?;
    let tried = blocking(app, move |app| {
        let _turn = turn;
        app.service.editions.attempt(&of, &files)
    });
    tried.await?.map_err(|refusal| refused(app, tenant, &refusal))
}

/// What a draft would have done in the last days, and whom it would move.
pub(crate) async fn foreseen(
    app: &Shared, tenant: &TenantId, after: OfTenant, days: i64,
) -> Result<Foreseen, Problem> {
    let before = in_use(app, tenant)?;
    // One at a time: each reads the whole log.
    let turn = ONE_AT_A_TIME.try_acquire().map_err(|_| Problem::overloaded("another draft is being tried"))?;
    let _ = app.service.checkpointer.send(Offer).await; // Lists are as of the last checkpoint, then.
    let of = tenant.clone();
    let work = move |app: &App| {
        let _turn = turn;
        let service = &app.service;
        let now = service.clocks.now(&of);
        let zone = &before.policies.zone;
        let to = now.date_in(zone);
        let from = to.plus_days(i32::try_from(1 - days).unwrap_or(0));
        let whom = OfWhom { tenant: &of, zone, now, period: Period { from, to } };
        let data = service.config.path(&service.config.service.data.dir);
        if log_bytes(&data) > LOG_BYTES_MAX {
            return Err(
                "the record log is too large for it here: `quittance simulate` tries drafts on a copy".to_owned()
            );
        }
        editions::foresee(&data, &service.store, &before, &after, &whom)
    };
    blocking(app, work).await?.map_err(Problem::internal)
}

/// Bytes of a record log.
fn log_bytes(data: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(data.join("log")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

/// Publishes a draft, or an earlier edition again, and plans reminders by it.
pub(crate) async fn publish(
    app: &Shared, tenant: &TenantId, draft: Draft, restores: Option<u64>,
) -> Result<(Edition, Findings), Problem> {
    let (shared, of) = (Arc::clone(app), tenant.clone());
    // To its end, whether or not the caller waits for it.
    let work = async move {
        let published = web::block({
            let (app, of) = (Arc::clone(&shared), of.clone());
            move || match restores {
                Some(number) => app.service.editions.restore(&of, number, &draft, system_now()),
                None => app.service.editions.publish(&of, &draft, system_now()),
            }
        });
        let published = published.await;
        let review = shared.service.review.clone();
        actix_web::rt::spawn(async move { review.of(&of, true).await });
        published
    };
    let published = actix_web::rt::spawn(work).await.map_err(|error| Problem::overloaded(error.to_string()))?;
    let published = published.map_err(|error| Problem::overloaded(error.to_string()))?;
    published.map_err(|refusal| refused(app, tenant, &refusal))
}

/// Reads all files again, and plans reminders by them.
pub(crate) async fn reload(app: &Arc<App>) -> Result<Reloaded, Problem> {
    let of = Arc::clone(app);
    let work = async move {
        let service = Arc::clone(&of);
        let reloaded = web::block(move || editions::reload(&service.service)).await;
        actix_web::rt::spawn(of.service.review.clone().all(1));
        reloaded
    };
    let reloaded = actix_web::rt::spawn(work).await.map_err(|error| Problem::overloaded(error.to_string()))?;
    let reloaded = reloaded.map_err(|error| Problem::overloaded(error.to_string()))?;
    reloaded.map_err(|error| Problem::internal(error.to_string()))
}

fn summary(edition: &Edition) -> Json {
    let restored = match edition.origin {
        Origin::Restored(number) => Some(number),
        Origin::Published | Origin::Found => None,
    };
    let origin = match edition.origin {
        Origin::Published => "published",
        Origin::Restored(_) => "restored",
        Origin::Found => "found",
    };
    json!({
        "edition": edition.number, "at": edition.at, "by": edition.by, "note": edition.note, "origin": origin,
        "restores": restored, "files": edition.files.keys().collect::<Vec<_>>(),
    })
}

fn file_json(name: &str, text: &str) -> Json {
    json!({ "name": name, "bytes": text.len(), "sha256": digest::hex(&digest::sha256(text.as_bytes())) })
}

/// `GET /v1/configuration`: the edition in use, and the files that are the tenant's own.
async fn read(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let of = tenant(&app, &request)?;
    let found = blocking(&app, move |app| {
        let editions = &app.service.editions;
        let newest = editions.ledger.newest(&of)?;
        Ok((newest, editions.differs(&of)?))
    });
    let (newest, differs) = found.await?.map_err(|error: std::io::Error| Problem::internal(error.to_string()))?;
    let files = newest.as_ref().map(|edition| &edition.files).into_iter().flatten();
    Ok(HttpResponse::Ok().json(json!({
        "edition": newest.as_ref().map_or(0, |edition| edition.number),
        "published": newest.as_ref().map(summary),
        "files": files.map(|(name, text)| file_json(name, text)).collect::<Vec<_>>(),
        "files_changed_since": differs,
    })))
}

/// `GET /v1/configuration/files/{name}`: a file of the tenant's own, or the one that all share.
async fn file(app: Shared, request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse, Problem> {
    let of = tenant(&app, &request)?;
    let (name, whose) = (name.into_inner(), of.clone());
    let found = blocking(&app, move |app| {
        let shared = app.service.editions.shared_file(&name)?;
        let own = app.service.editions.files(&whose)?.remove(&name);
        Ok((own, shared, name))
    });
    let (own, shared, name) = found.await?.map_err(|refusal| refused(&app, &of, &refusal))?;
    let is_own = own.is_some();
    let text = own.or(shared).ok_or_else(|| Problem::not_found(format!("there is no file \"{name}\"")))?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header(("Quittance-File", if is_own { "own" } else { "shared" }))
        .body(text))
}

/// `POST /v1/configuration/check`: what is wrong with a draft, and what it changes.
async fn check(app: Shared, request: HttpRequest, bytes: Received) -> Result<HttpResponse, Problem> {
    let bytes = received(bytes)?;
    let (of, key) = caller(&app, &request)?;
    may_configure(key)?;
    let mut body = Body::parse(&bytes)?;
    let files = body.texts("files");
    body.finish()?;
    let tried = tried(&app, &of, files).await?;
    let now = in_use(&app, &of)?;
    let changes = tried.of_tenant.as_ref().map(|after| editions::changes(&now, after));
    let folder = crate::config::own_folder(&app.service.config.folder, &of);
    Ok(HttpResponse::Ok().json(json!({
        "usable": tried.of_tenant.is_some(),
        "findings": finding_json(&tried.findings, &folder),
        "changes": changes,
        "differences": tried.differences,
    })))
}

/// `POST /v1/configuration/foresee`: what a draft would have done with the events of the last `days`, and which reminders
/// it would move.
async fn foresee(app: Shared, request: HttpRequest, bytes: Received) -> Result<HttpResponse, Problem> {
    let bytes = received(bytes)?;
    let (of, key) = caller(&app, &request)?;
    may_configure(key)?;
    let mut body = Body::parse(&bytes)?;
    let files = body.texts("files");
    let days = body.optional_integer("days", 1..=366).unwrap_or(DAYS);
    body.finish()?;
    let tried = tried(&app, &of, files).await?;
    match tried.of_tenant {
        Some(after) => Ok(HttpResponse::Ok().json(foreseen(&app, &of, after, days).await?)),
        None => Err(refused(&app, &of, &Refusal::Findings(Box::new(tried.findings)))),
    }
}

/// What a draft's body says, apart from its files.
fn draft_of(body: &mut Body, key: &ApiKey) -> Draft {
    let files = body.texts("files");
    let note = body.optional_text("note", NOTE_CHARACTERS_MAX).unwrap_or_default();
    let expected = body.optional_integer("expected_edition", 0..=i64::MAX);
    let expected = expected.and_then(|number| u64::try_from(number).ok());
    Draft { files, by: format!("key {}", key.id), note, expected }
}

fn published(app: &App, of: &TenantId, (edition, findings): &(Edition, Findings)) -> HttpResponse {
    let folder = crate::config::own_folder(&app.service.config.folder, of);
    let mut json = summary(edition);
    if let Some(json) = json.as_object_mut() {
        json.insert("findings".to_owned(), finding_json(findings, &folder).into());
    }
    HttpResponse::Created()
        .insert_header(("Location", format!("/v1/configuration/editions/{}", edition.number)))
        .json(json)
}

/// `POST /v1/configuration/editions`: a draft is checked, written and in use when this answers.
async fn publish_draft(app: Shared, request: HttpRequest, bytes: Received) -> Result<HttpResponse, Problem> {
    let bytes = received(bytes)?;
    let (of, key) = caller(&app, &request)?;
    may_configure(key)?;
    let mut body = Body::parse(&bytes)?;
    let draft = draft_of(&mut body, key);
    body.finish()?;
    let done = publish(&app, &of, draft, None).await?;
    Ok(published(&app, &of, &done))
}

/// `POST /v1/configuration/editions/{number}/restore`: an earlier edition is in use again; 0 for no files of one's own.
async fn restore(
    app: Shared, request: HttpRequest, number: web::Path<u64>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let bytes = received(bytes)?;
    let (of, key) = caller(&app, &request)?;
    may_configure(key)?;
    let mut body = Body::parse(if bytes.is_empty() { b"{}" } else { &bytes })?;
    let note = body.optional_text("note", NOTE_CHARACTERS_MAX).unwrap_or_default();
    body.finish()?;
    let draft = Draft { by: format!("key {}", key.id), note, ..Draft::default() };
    let done = publish(&app, &of, draft, Some(number.into_inner())).await?;
    Ok(published(&app, &of, &done))
}

/// `GET /v1/configuration/editions`: the newest first.
async fn list(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let of = tenant(&app, &request)?;
    let found = blocking(&app, move |app| newest_editions(app, &of, 50)).await?;
    let found = found.map_err(|error| Problem::internal(error.to_string()))?;
    Ok(HttpResponse::Ok().json(json!({ "data": found.iter().map(summary).collect::<Vec<_>>() })))
}

/// The newest editions of a tenant, at most so many.
pub(crate) fn newest_editions(app: &App, of: &TenantId, most: usize) -> std::io::Result<Vec<Edition>> {
    let ledger = &app.service.editions.ledger;
    let numbers = ledger.numbers(of)?.into_iter().take(most);
    numbers.filter_map(|number| ledger.read(of, number).transpose()).collect()
}

/// `GET /v1/configuration/editions/{number}`: its files, and what it changed.
async fn edition(app: Shared, request: HttpRequest, number: web::Path<u64>) -> Result<HttpResponse, Problem> {
    let of = tenant(&app, &request)?;
    let number = number.into_inner();
    let found = blocking(&app, move |app| app.service.editions.ledger.changed(&of, number)).await?;
    let found = found.map_err(|error| Problem::internal(error.to_string()))?;
    let (found, differences) = found.ok_or_else(|| Problem::not_found(format!("there is no edition {number}")))?;
    let mut json = summary(&found);
    if let Some(json) = json.as_object_mut() {
        json.insert("differences".to_owned(), differences.into());
        json.insert("files".to_owned(), json!(found.files));
    }
    Ok(HttpResponse::Ok().json(json))
}
