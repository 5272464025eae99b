//! What an endpoint was sent of a part of the stream is sent once more, with the same ids: a job that goes on by itself,
//! shows how far it is, outlives the process, and can be stopped.
//!
//! ```text
//! running ─► done │ stopped │ failed        kept in data/replays/, one file a job
//! ```
//!
//! A job waits while much waits for the endpoint already, so that what happens now is not kept back by what was.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::delivery::{Recipient, Route};
use quittance_actors::partition::{Commit, Revived, SystemFact};
use quittance_actors::values::{CustomerId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use tracing::{info, warn};

use super::body::{Body, Received, received};
use super::deliveries::revive;
use super::stream::{Wanted, cursor_of, part_after, types_of};
use super::{App, Problem, Shared, tenant};
use crate::{clock, digest, whole_file};

/// Deliveries that are sent once more at a time.
const STEP: usize = 1_000;
/// What waits for an endpoint above which a job waits.
const WAITING_MAX: u64 = 5_000;
/// How long a job waits, for that or for a service that is busy.
const REST: Duration = Duration::from_secs(1);
/// How often in a row a job finds a service busy before it fails.
const BUSY_MAX: u32 = 60;
/// Jobs of a tenant that are kept.
const KEPT_MAX: usize = 100;

/// A job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Replay {
    /// Its id.
    pub id: String,
    tenant: TenantId,
    /// The endpoint.
    pub endpoint: String,
    after: u64,
    until: u64,
    types: Option<String>,
    customer: Option<CustomerId>,
    since: Option<Timestamp>,
    before: Option<Timestamp>,
    cursor: u64,
    /// Deliveries sent once more so far.
    pub replayed: u64,
    /// Where it stands.
    pub status: Status,
    error: Option<String>,
    /// When it began, in system time.
    pub began_at: Timestamp,
    ended_at: Option<Timestamp>,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It goes on.
    Running,
    /// All of its part was sent once more.
    Done,
    /// Somebody stopped it.
    Stopped,
    /// It could not go on.
    Failed,
}

impl Replay {
    /// How much of its part of the log it has looked at, of 100.
    pub fn percent(&self) -> u64 {
        let (whole, done) = (self.until.saturating_sub(self.after), self.cursor.saturating_sub(self.after));
        (done * 100).checked_div(whole).unwrap_or(100)
    }

    /// As the API shows it.
    pub fn json(&self) -> Json {
        json!({
            "id": self.id, "endpoint": self.endpoint, "status": self.status, "replayed": self.replayed,
            "percent": self.percent(), "after": self.after.to_string(), "until": self.until.to_string(),
            "cursor": self.cursor.to_string(), "types": self.types, "customer": self.customer, "since": self.since,
            "before": self.before, "began_at": self.began_at, "ended_at": self.ended_at, "error": self.error,
        })
    }
}

/// The jobs of a service.
pub struct Replays {
    folder: PathBuf,
    jobs: parking_lot::Mutex<BTreeMap<String, Replay>>,
    /// One begins at a time.
    begins: parking_lot::Mutex<()>,
}

impl Replays {
    /// Those kept in a folder; what cannot be read is left where it is.
    pub fn open(folder: PathBuf) -> Self {
        let mut jobs = BTreeMap::new();
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            match std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Replay>(&bytes).ok()) {
                Some(job) => drop(jobs.insert(job.id.clone(), job)),
                None => warn!(file = %path.display(), "a replay of an endpoint cannot be read"),
            }
        }
        Self { folder, jobs: parking_lot::Mutex::new(jobs), begins: parking_lot::Mutex::new(()) }
    }

    /// Those of a tenant, the newest first.
    pub fn of(&self, tenant: &TenantId) -> Vec<Replay> {
        let mut found: Vec<Replay> = self.jobs.lock().values().filter(|job| job.tenant == *tenant).cloned().collect();
        found.sort_by(|a, b| (b.began_at, &b.id).cmp(&(a.began_at, &a.id)));
        found
    }

    fn get(&self, id: &str) -> Option<Replay> {
        self.jobs.lock().get(id).cloned()
    }

    /// Takes a job as it stands over; one that was stopped meanwhile stays so.
    fn note(&self, mut job: Replay) -> Replay {
        let mut jobs = self.jobs.lock();
        if let Some(known) = jobs.get(&job.id).filter(|known| known.status == Status::Stopped) {
            (job.status, job.ended_at) = (Status::Stopped, known.ended_at);
        }
        jobs.insert(job.id.clone(), job.clone());
        job
    }

    /// Keeps a job as it stands, over a restart.
    fn keep(&self, job: Replay) -> std::io::Result<Replay> {
        let job = self.note(job);
        let bytes = serde_json::to_vec(&job).map_err(std::io::Error::other)?;
        whole_file::write(&self.folder, &format!("{}.json", job.id), &bytes)?;
        Ok(job)
    }

    /// Lets the oldest ones go.
    fn prune(&self, tenant: &TenantId) {
        for old in self.of(tenant).into_iter().skip(KEPT_MAX).filter(|old| old.status != Status::Running) {
            self.jobs.lock().remove(&old.id);
            let _ = std::fs::remove_file(self.folder.join(format!("{}.json", old.id))); // It is read again, and let go again.
        }
    }
}

/// What is to be sent once more.
pub(crate) struct Asked {
    pub endpoint: String,
    pub after: Option<String>,
    pub until: Option<String>,
    pub types: Option<String>,
    pub customer: Option<CustomerId>,
    pub since: Option<Timestamp>,
    pub before: Option<Timestamp>,
}

/// `POST /v1/endpoints/{name}/replay`: begins a job; the same call again gives the same job.
pub(super) async fn begin(
    app: Shared, request: HttpRequest, name: web::Path<String>, bytes: Received,
) -> Result<HttpResponse, Problem> {
    let (bytes, tenant) = (received(bytes)?, tenant(&app, &request)?);
    let mut body = Body::parse(&bytes)?;
    let asked = Asked {
        endpoint: name.into_inner(),
        after: body.optional_text("after", 20),
        until: body.optional_text("until", 20),
        types: body.optional_text("types", 2_000),
        customer: body.optional("customer", CustomerId::parse),
        since: body.optional("since", Timestamp::parse),
        before: body.optional("before", Timestamp::parse),
    };
    body.finish()?;
    if asked.after.is_none() && asked.since.is_none() {
        return Err(Problem::bad_request("after: the cursor after which it begins, \"0\" for all; or since: a time"));
    }
    let held = app.keys.hold(&request, &tenant, &bytes)?;
    let id = format!("rpl_{}", digest::hex(&held.command.to_bytes()));
    let job = match app.replays.get(&id).filter(|known| known.tenant == tenant) {
        Some(known) => known,
        None => start(&app, &tenant, id, asked)?,
    };
    held.done();
    Ok(HttpResponse::Accepted().insert_header(("Location", format!("/v1/replays/{}", job.id))).json(job.json()))
}

/// Begins a job.
pub(crate) fn start(app: &Shared, tenant: &TenantId, id: String, asked: Asked) -> Result<Replay, Problem> {
    let mut known = app.service.config.service.endpoints.iter().filter(|endpoint| endpoint.tenant == *tenant);
    if known.all(|endpoint| endpoint.name != asked.endpoint) {
        return Err(Problem::not_found(format!("there is no endpoint \"{}\"", asked.endpoint)));
    }
    types_of(asked.types.as_deref())?;
    let after = cursor_of(asked.after.as_deref(), &app.service)?;
    let until = cursor_of(Some(asked.until.as_deref().unwrap_or("now")), &app.service)?;
    let _begins = app.replays.begins.lock();
    let same = |job: &Replay| job.endpoint == asked.endpoint && job.status == Status::Running;
    if app.replays.of(tenant).iter().any(same) {
        return Err(Problem::conflict(
            "under_way",
            "the endpoint is being sent something once more: wait, or stop that",
        ));
    }
    let Asked { endpoint, types, customer, since, before, .. } = asked;
    let job = Replay {
        id,
        tenant: tenant.clone(),
        endpoint,
        after,
        until,
        types,
        customer,
        since,
        before,
        cursor: after,
        replayed: 0,
        status: Status::Running,
        error: None,
        began_at: clock::system_now(),
        ended_at: None,
    };
    let job = app.replays.keep(job).map_err(|error| Problem::overloaded(format!("it cannot be kept: {error}")))?;
    app.replays.prune(tenant);
    actix_web::rt::spawn(run(Arc::clone(app.get_ref()), job.clone()));
    Ok(job)
}

/// Goes on with the jobs that were under way when the process ended.
pub fn resume(app: &Arc<App>) {
    let running: Vec<Replay> = {
        let jobs = app.replays.jobs.lock();
        jobs.values().filter(|job| job.status == Status::Running).cloned().collect()
    };
    for job in running {
        actix_web::rt::spawn(run(Arc::clone(app), job));
    }
}

async fn run(app: Arc<App>, mut job: Replay) {
    let mut busy = 0;
    while job.status == Status::Running {
        match step(&app, &mut job).await {
            Ok(true) if job.cursor >= job.until => job.status = Status::Done,
            Ok(true) => busy = 0,
            Ok(false) => {
                actix_web::rt::time::sleep(REST).await;
                job = app.replays.note(job);
                if job.status == Status::Running {
                    continue; // Nothing is to be kept.
                }
            }
            Err(problem) if busy >= BUSY_MAX => {
                (job.status, job.error) = (Status::Failed, Some(problem.to_string()));
            }
            Err(_) => {
                busy += 1;
                actix_web::rt::time::sleep(REST).await;
            }
        }
        if job.status != Status::Running {
            job.ended_at = job.ended_at.or_else(|| Some(clock::system_now()));
        }
        job = kept(&app, job).await;
    }
    info!(job = %job.id, endpoint = %job.endpoint, replayed = job.replayed, status = ?job.status, "a replay has ended");
}

/// Keeps a job, and how it has ended until that is kept: it would begin again.
async fn kept(app: &Arc<App>, job: Replay) -> Replay {
    loop {
        let (of, noted) = (Arc::clone(app), job.clone());
        let written = tokio::task::spawn_blocking(move || of.replays.keep(noted)).await;
        match written {
            Ok(Ok(job)) => return job,
            Ok(Err(error)) => warn!(job = %job.id, %error, "how far a replay is could not be kept"),
            Err(_) => return job, // The service stops.
        }
        if job.status == Status::Running {
            return job; // A process that dies now repeats a step.
        }
        actix_web::rt::time::sleep(REST).await;
    }
}

/// A step of a job; `false` when too much waits for its endpoint.
async fn step(app: &Arc<App>, job: &mut Replay) -> Result<bool, Problem> {
    let route = Route::Endpoint(job.tenant.clone(), job.endpoint.as_str().into());
    if app.service.router.waiting(&route).await?.deliveries > WAITING_MAX {
        return Ok(false);
    }
    let recipient = Recipient::Endpoint(job.endpoint.as_str().into());
    let wanted = Arc::new(Wanted { tenant: job.tenant.clone(), types: types_of(job.types.as_deref())? });
    let part = part_after(&app.service, &wanted, job.cursor, STEP).await?;
    let mut again = Vec::new();
    for (position, record) in part.records.iter().filter(|(position, _)| *position <= job.until) {
        let outside =
            job.since.is_some_and(|since| record.at < since) || job.before.is_some_and(|to| record.at >= to);
        if !outside {
            again.extend(sent(record, *position, (&wanted, &route, &recipient), job.customer));
        }
    }
    let count = revive(&web::Data::new(Arc::clone(app)), &job.tenant, again).await?;
    job.replayed += u64::try_from(count).unwrap_or(0);
    // The log may be shorter than when it began: it was restored from a backup.
    job.cursor = if part.has_more { part.cursor.min(job.until) } else { job.until };
    Ok(true)
}

/// What an endpoint was sent of a record.
fn sent(
    record: &Arc<Commit>, position: u64, (wanted, route, recipient): (&Wanted, &Route, &Recipient),
    customer: Option<CustomerId>,
) -> Vec<SystemFact> {
    let mut found = Vec::new();
    for (place, outgoing) in record.deliveries.iter().enumerate() {
        let Some(told) = record.published.get(usize::from(outgoing.occurrence)) else { continue };
        let fits = outgoing.recipient == *recipient
            && wanted.types.contains(&told.event)
            && customer.is_none_or(|customer| told.customer == Some(customer));
        if fits {
            let (id, route, place) =
                (record.delivery_id(place), route.clone(), u16::try_from(place).unwrap_or(u16::MAX));
            let revived = Revived { id, route, position, place };
            found.push(SystemFact::DeliveryReplayed { revived, key: record.key_of(outgoing) });
        }
    }
    found
}

/// `GET /v1/replays`: the newest first.
pub(super) async fn list(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let data: Vec<Json> = app.replays.of(&tenant).iter().map(Replay::json).collect();
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}

fn known(app: &App, tenant: &TenantId, id: &str) -> Result<Replay, Problem> {
    let found = app.replays.get(id).filter(|job| job.tenant == *tenant);
    found.ok_or_else(|| Problem::not_found(format!("there is no replay {id}")))
}

/// `GET /v1/replays/{id}`.
pub(super) async fn read(app: Shared, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    Ok(HttpResponse::Ok().json(known(&app, &tenant, &id)?.json()))
}

/// `POST /v1/replays/{id}/stop`: nothing more of it is sent once more; what was begun ends.
pub(super) async fn stop(app: Shared, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    Ok(HttpResponse::Ok().json(stopped(&app, &tenant, &id)?.json()))
}

/// Stops a job; one that has ended stays as it is.
pub(crate) fn stopped(app: &App, tenant: &TenantId, id: &str) -> Result<Replay, Problem> {
    let job = known(app, tenant, id)?;
    if job.status != Status::Running {
        return Ok(job);
    }
    let stopped = Replay { status: Status::Stopped, ended_at: Some(clock::system_now()), ..job };
    app.replays.keep(stopped).map_err(|error| Problem::overloaded(format!("it cannot be kept: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stopped_stays_so_whatever_its_step_says_and_is_known_after_a_restart() {
        let folder = std::env::temp_dir().join(format!("quittance-replays-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let replays = Replays::open(folder.clone());
        let job = Replay {
            id: "rpl_1".to_owned(),
            tenant: TenantId::parse("shop").unwrap(),
            endpoint: "erp".to_owned(),
            after: 10,
            until: 30,
            types: None,
            customer: None,
            since: None,
            before: None,
            cursor: 15,
            replayed: 3,
            status: Status::Running,
            error: None,
            began_at: Timestamp::from_unix_millis(1_000),
            ended_at: None,
        };
        assert_eq!((job.percent(), replays.keep(job.clone()).unwrap().status), (25, Status::Running));
        let ended_at = Some(Timestamp::from_unix_millis(2_000));
        replays.keep(Replay { status: Status::Stopped, ended_at, ..job.clone() }).unwrap();
        let stepped = replays.keep(Replay { cursor: 30, replayed: 9, status: Status::Done, ..job.clone() }).unwrap();
        assert_eq!((stepped.status, stepped.replayed, stepped.ended_at), (Status::Stopped, 9, ended_at));
        let known = Replays::open(folder.clone()).of(&job.tenant);
        assert_eq!((known.len(), known[0].status, known[0].replayed), (1, Status::Stopped, 9));
        assert!(Replays::open(folder.clone()).of(&TenantId::parse("other").unwrap()).is_empty());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
