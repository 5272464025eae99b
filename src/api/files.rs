//! Files: upload into a watched directory, and what became of them.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use actix_web::http::header::ContentDisposition;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::{StreamExt as _, stream};
use quittance_actors::feed::Feed;
use quittance_actors::partition::StatementRecord;
use quittance_actors::values::{Currency, EntityId, FeedId, Money, TenantId};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Problem, Shared, tenant};
use crate::config::{self, FeedFormat, Ready};
use crate::{clock, digest, feeds, watch};

/// Bytes of one uploaded file.
const FILE_BYTES_MAX: u64 = 2 << 30;
/// Bytes of a file that are read at a time when it is handed out.
const READ_AT_A_TIME: usize = 64 << 10;
/// Statements of one answer.
const STATEMENTS_LISTED_MAX: usize = 1_000;

pub(super) async fn list(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let data = app.service.activity.latest(tenant.as_str(), 100);
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}

/// What is known of the feeds of a tenant, in the order of the configuration.
pub(crate) async fn known_feeds(app: &Shared, tenant: &TenantId) -> Result<Vec<(config::Feed, Feed)>, Problem> {
    let mut known = Vec::new();
    for feed in app.service.config.service.feeds.iter().filter(|feed| feed.tenant == *tenant) {
        let id = EntityId::Feed(FeedId::of(tenant, &feed.name));
        let (_, entity, _) = app.service.router.read(id, 0).await?;
        known.push((feed.clone(), entity.as_feed().cloned().unwrap_or_default()));
    }
    Ok(known)
}

/// The feeds: what came, what is expected, and what is missing.
pub(super) async fn feeds(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let known = known_feeds(&app, &tenant).await?;
    let data: Vec<_> = known
        .iter()
        .map(|(feed, state)| {
            json!({
                "id": FeedId::of(&tenant, &feed.name).to_string(),
                "name": feed.name,
                "brings": if feed.format == FeedFormat::Bank { "bank" } else { "invoices" },
                "status": if state.stalled_since.is_some() { "stalled" } else { "ok" },
                "stalled_since": state.stalled_since,
                "deadlines_missed": state.missed,
                "expected_at": state.due,
                "last_file_at": state.last_file_at,
                "files": state.files,
            })
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}

/// Bank statements, and per account the day up to which its statements are complete.
pub(super) async fn statements(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let read = app.service.store.statements(&tenant, STATEMENTS_LISTED_MAX);
    let read = read.map_err(|error| Problem::overloaded(error.to_string()))?;
    let accounts = app.service.live.accounts(&tenant);
    let complete_up_to: std::collections::BTreeMap<_, _> =
        accounts.iter().map(|(account, mark)| (account, mark.complete_to)).collect();
    let missing: Vec<_> = accounts
        .iter()
        .filter_map(|(account, mark)| Some((account, mark.gap()?)))
        .map(|(account, gap)| {
            json!({
                "account": account, "after": gap.after, "closing_minor": gap.closing,
                "before": gap.before, "opening_minor": gap.opening,
            })
        })
        .collect();
    let money = |statement: &StatementRecord, minor: Option<i64>| {
        Some(Money::from_minor(minor?, statement.currency.unwrap_or(Currency::EUR)))
    };
    let data: Vec<_> = read
        .iter()
        .map(|(feed, statement)| {
            json!({
                "feed": feed,
                "account": statement.account,
                "statement": statement.statement,
                "interim": statement.interim,
                "opening": money(statement, statement.opening),
                "closing": money(statement, statement.closing),
                "opened_on": statement.opened_on,
                "closed_on": statement.closed_on,
                "entries": statement.entries,
                "credits": money(statement, Some(statement.credits)),
                "debits": money(statement, Some(statement.debits)),
            })
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "data": data, "complete_up_to": complete_up_to, "missing": missing })))
}

/// What banks reported of orders: `?end_to_end_id=` for one of them.
pub(super) async fn order_statuses(
    app: Shared, request: HttpRequest, query: web::Query<std::collections::BTreeMap<String, String>>,
) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let wanted = query.get("end_to_end_id").map(String::as_str);
    let reported = app.service.store.orders(&tenant, wanted, STATEMENTS_LISTED_MAX);
    let reported = reported.map_err(|error| Problem::overloaded(error.to_string()))?;
    let data: Vec<_> = reported
        .iter()
        .map(|(feed, at, report)| {
            json!({
                "feed": feed,
                "reported_at": at,
                "level": report.level,
                "status": report.status,
                "reasons": report.reasons,
                "message": report.message,
                "original_message": report.original_message,
                "original_batch": report.original_batch,
                "end_to_end_id": report.original_end_to_end,
                "amount": report.amount,
                "mandate_id": report.mandate_id,
            })
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}

pub(super) async fn read(
    app: Shared, request: HttpRequest, sha256: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    match app.service.activity.get(tenant.as_str(), &sha256) {
        Some(status) => Ok(HttpResponse::Ok().json(status)),
        None => Err(unknown()),
    }
}

fn unknown() -> Problem {
    Problem::not_found("no file with this digest is among the last thousand")
}

/// A finished file as it came, or the rows of it that were refused, in its own layout.
pub(super) async fn download(
    app: Shared, request: HttpRequest, path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let (sha256, what) = path.into_inner();
    handed_out(&app, &tenant, (&sha256, named(&request).as_str()), &what).await
}

/// The name of a file in a query, if there is one: the same bytes may have come under several.
pub(crate) fn named(request: &HttpRequest) -> String {
    let query = web::Query::<std::collections::BTreeMap<String, String>>::from_query(request.query_string());
    query.ok().and_then(|query| query.get("name").cloned()).unwrap_or_default()
}

/// The bytes of a finished file: `original` or `refused`.
pub(crate) async fn handed_out(
    app: &Shared, tenant: &TenantId, (sha256, name): (&str, &str), what: &str,
) -> Result<HttpResponse, Problem> {
    let status = app.service.activity.named(tenant.as_str(), sha256, name).ok_or_else(unknown)?;
    let path = match what {
        "original" => status.place,
        "refused" => status.refused_rows(),
        _ => None,
    };
    let path = path.ok_or_else(|| Problem::not_found("there is nothing of this kind of the file"))?;
    let moved = |error: io::Error| Problem::not_found(format!("it does not lie in its archive any more: {error}"));
    let feed = feeds::feeds(&app.service.config);
    let feed = feed.into_iter().find(|watched| watched.feed.tenant == *tenant && watched.feed.name == status.feed);
    let folder = feed.map(|watched| watched.folder).ok_or_else(unknown)?;
    let opened = path.clone();
    let opened = tokio::task::spawn_blocking(move || watch::archived(&folder, &opened)).await;
    let (file, size) = opened.map_err(|_| Problem::overloaded("the service is stopping"))?.map_err(moved)?;
    let file = tokio::fs::File::from_std(file);
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let disposition = ContentDisposition::attachment(name);
    let bytes = stream::try_unfold(file, |mut file| async move {
        let mut chunk = vec![0; READ_AT_A_TIME];
        let count = file.read(&mut chunk).await?;
        chunk.truncate(count);
        Ok::<_, io::Error>((count > 0).then(|| (web::Bytes::from(chunk), file)))
    });
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header(disposition)
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .no_chunking(size)
        .streaming(Box::pin(bytes)))
}

/// Takes a file for a feed: `?feed=NAME&name=FILE`, the bytes as the body. It goes the way of a
/// file that was dropped: complete, claimed, read, reported.
pub(super) async fn upload(
    app: Shared, request: HttpRequest, query: web::Query<std::collections::BTreeMap<String, String>>,
    mut body: web::Payload,
) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let feed = query.get("feed").ok_or_else(|| Problem::bad_request("say feed=NAME in the query"))?;
    let name = query.get("name").map_or("upload", String::as_str);
    let plain = !name.is_empty() && name.len() <= 120 && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
    if !plain || watch::is_unfinished(name) {
        return Err(Problem::bad_request(
            "name is a file name of 1 to 120 bytes without separators, and without the ending of an unfinished file",
        ));
    }
    let watched = feeds::feeds(&app.service.config)
        .into_iter()
        .find(|watched| watched.feed.tenant == tenant && watched.feed.name == *feed)
        .ok_or_else(|| Problem::not_found(format!("there is no feed \"{feed}\"")))?;
    let beside = match &watched.feed.ready {
        Ready::Marker(ending) => Some(ending.clone()),
        Ready::Manifest => Some(watch::MANIFEST.to_owned()),
        Ready::Stable(_) | Ready::Rename => None,
    };
    if let Some(ending) = beside.as_ref().filter(|ending| name.ends_with(ending.as_str())) {
        return Err(Problem::bad_request(format!(
            "in this feed a name that ends in {ending} says something of another file"
        )));
    }
    let random: [u8; 8] = clock::random_bytes();
    let aside = watched.folder.join(format!(".upload-{}.part", digest::hex(&random)));
    let aside = Aside(aside);
    let disk = |error: std::io::Error| Problem::overloaded(format!("the directory cannot be written: {error}"));
    let mut file = tokio::fs::File::create(&aside.0).await.map_err(disk)?;
    let mut size = 0_u64;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| Problem::bad_request(format!("the upload broke off: {error}")))?;
        size += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        if size > FILE_BYTES_MAX {
            return Err(Problem::bad_request("the file is larger than 2 GiB"));
        }
        file.write_all(&chunk).await.map_err(disk)?;
    }
    file.sync_all().await.map_err(disk)?;
    drop(file);
    let name = name.to_owned();
    let placed = tokio::task::spawn_blocking(move || {
        let sha256 = digest::sha256_of(std::fs::File::open(&aside.0)?)?;
        let name = place(&aside.0, &watched.folder, &name, beside.as_deref())?;
        // It is whole, whatever others have to say beside theirs.
        if let Some(ending) = beside {
            let part = watched.folder.join(format!(".{name}{ending}.part"));
            let mut file = std::fs::File::create(&part)?;
            // A marker is only there; a manifest is read.
            file.write_all(format!("{}  {name}\n", digest::hex(&sha256)).as_bytes())?;
            file.sync_all()?;
            std::fs::rename(part, watched.folder.join(format!("{name}{ending}")))?;
            std::fs::File::open(&watched.folder)?.sync_all()?;
        }
        Ok(sha256)
    });
    let sha256 = placed.await.map_err(|_| Problem::overloaded("the service is stopping"))?.map_err(disk)?;
    Ok(HttpResponse::Accepted().json(json!({ "sha256": digest::hex(&sha256), "feed": feed, "bytes": size })))
}

/// An upload that is not complete; it is removed with this.
struct Aside(PathBuf);

impl Drop for Aside {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0); // It has its final name as well, or is of no use.
    }
}

/// Gives a complete file its name, durably; never that of another one that still waits, or of which something stands
/// beside already.
fn place(aside: &Path, folder: &Path, name: &str, beside: Option<&str>) -> io::Result<String> {
    let mut placed = name.to_owned();
    for number in 2_u32.. {
        let left = beside.map(|ending| folder.join(format!("{placed}{ending}")));
        if left.is_some_and(|left| left.symlink_metadata().is_ok()) {
            placed = format!("{number}-{name}");
            continue;
        }
        match std::fs::hard_link(aside, folder.join(&placed)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => placed = format!("{number}-{name}"),
            Err(error) => return Err(error),
            Ok(()) => break,
        }
    }
    std::fs::File::open(folder)?.sync_all()?;
    Ok(placed)
}
