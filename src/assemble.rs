//! Wiring: opens the log and the store, recovers, and starts the actors.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr, Arbiter, ArbiterHandle};
use quittance_actors::feed;
use quittance_actors::machine::Tell;
use quittance_actors::partition::{Lane, Origin, SystemFact};
use quittance_actors::ports::{Directory, Dispatch, Journal, Ownership, Snapshots, Tenants};
use quittance_actors::runtime::{
    Checkpointer, DeliverySupervisor, Enqueue, Host, IngestionSupervisor, Offer, Ports, Priority,
    ReconciliationSupervisor, Release, Router, Timekeeper, Timers,
};
use quittance_actors::values::{CommandId, FeedId, PARTITIONS, ReferenceKey, TenantId};
use smol_str::SmolStr;
use tokio::sync::mpsc;
use tracing::info;

use crate::callbacks::Callbacks;
use crate::channels::Policy;
use crate::channels::archive::Archive;
use crate::channels::collect::{Connector, CreditFiles, DebitFiles, HttpConnector};
use crate::channels::credentials::Credentials;
use crate::channels::dkim::Signer;
use crate::channels::email::Email;
use crate::channels::hook::{self, Hooks, SigningKey};
use crate::channels::pace::{Limits, Pace};
use crate::channels::smpp::{Heard, Ids, SmppLink};
use crate::channels::sms::SmsChannel;
use crate::clock::{Clocks, system_now};
use crate::config::{self, AskedBy, Config, ConnectorKind, EmailTransport, Secret, SmsProvider, Sources};
use crate::dispatch::{Channels, SmsCarrier};
use crate::documents::Documents;
use crate::editions::Editions;
use crate::export::Layout;
use crate::feeds;
use crate::in_use::{InUse, Wording};
use crate::inbound::Inbound;
use crate::journal::Writer;
use crate::observe::Live;
use crate::recovery::{Recovery, State, recover};
use crate::returned;
use crate::review::Review;
use crate::store::Store;
use crate::tactics;
use crate::watch::Activity;

/// How long a stop waits for its last checkpoint.
const LAST_CHECKPOINT: Duration = Duration::from_secs(30);

/// Ends the process.
pub type OnFatal = Arc<dyn Fn(String) + Send + Sync>;

/// A running service.
pub struct Service {
    /// The configuration.
    pub config: Arc<Config>,
    /// The way to the partitions.
    pub router: Arc<Router>,
    /// Armed timers.
    pub timers: Arc<Timers>,
    /// Lookups of transfers.
    pub reconciliation: Addr<ReconciliationSupervisor>,
    /// Checkpoints on demand.
    pub checkpointer: Addr<Checkpointer>,
    /// Lists for screens.
    pub store: Arc<Store>,
    /// The record log.
    pub writer: Arc<Writer>,
    /// What screens and machines see.
    pub live: Arc<Live>,
    /// Clocks.
    pub clocks: Arc<Clocks>,
    /// What happens by itself, and what messages say.
    pub in_use: Arc<InUse>,
    /// What carries messages, unless something else was put in its place.
    pub channels: Option<Arc<Channels>>,
    /// Invoices as PDF.
    pub documents: Documents,
    /// Editions of what tenants have of their own.
    pub editions: Arc<Editions>,
    /// Reminders planned again when scenarios change.
    pub(crate) review: Review,
    /// Messages as they left.
    pub archive: Archive,
    /// Files being read.
    pub activity: Arc<Activity>,
    /// What a start found, for people.
    pub recovery: Recovery,
    /// The data directory belongs to this process as long as this is open.
    _lock: File,
}

struct Everything;

impl Ownership for Everything {
    fn owns(&self, _partition: u8) -> bool {
        true
    }
}

/// Every hour removes messages that are kept no longer.
fn look_after(archive: Archive) {
    actix::spawn(async move {
        let mut hours = tokio::time::interval(HOUR);
        loop {
            hours.tick().await;
            let archive = archive.clone();
            let removed = tokio::task::spawn_blocking(move || archive.remove_old(system_now())).await;
            if removed.is_err() {
                return;
            }
        }
    });
}

const HOUR: std::time::Duration = std::time::Duration::from_secs(3_600);

/// The constants of a tenant's references: the configured seed, mixed so that small numbers differ.
pub fn reference_key_of(seed: u64) -> ReferenceKey {
    let mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ReferenceKey::from_seed(mixed ^ (mixed >> 31))
}

/// Starts the service: within an actix system, and once per data directory.
///
/// `on_fatal` ends the process: the log cannot be written, or the store has failed.
pub async fn assemble(config: Config, wording: Wording, on_fatal: OnFatal) -> Result<Service, String> {
    assemble_with(config, wording, on_fatal, None).await
}

/// As [`assemble`], with other transports than the configured ones.
pub async fn assemble_with(
    config: Config, wording: Wording, on_fatal: OnFatal, dispatch: Option<Arc<dyn Dispatch>>,
) -> Result<Service, String> {
    // One provider of cryptography in the process; a second start keeps the first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let data = config.path(&config.service.data.dir);
    let config = Arc::new(config);
    let live = Arc::new(Live::new());
    let tests = config.service.tenants.iter().filter_map(|t| Some((t.id.clone(), t.test_clock?)));
    let clocks = Arc::new(Clocks::new(tests));
    let timers = Arc::new(Timers::default());
    let tenants: Vec<TenantId> = config.service.tenants.iter().map(|tenant| tenant.id.clone()).collect();
    let bound = config.service.data.resident_entities.div_ceil(PARTITIONS);
    let state = recover(&data, &live, &clocks, &timers, (&tenants, bound))?;
    let State { lock, store, directory, lanes, writer, recovery } = state;
    let fatal = Arc::clone(&on_fatal);
    let writer = Writer::start(writer, Box::new(move |error| fatal(error)));
    let writer = Arc::new(writer.map_err(|error| format!("the log's writer: {error}"))?);
    let in_use = InUse::new(&config, wording, |tenant| reference_key_of(tenant.reference_seed));
    let in_use = Arc::new(in_use);
    let kept_days = config.service.tenants.iter().filter_map(|t| Some((t.id.to_string(), t.keep_messages_days?)));
    let archive = Archive::new(data.join("sent"), kept_days.collect());
    look_after(archive.clone());
    let (dispatch, channels, smsc) = match dispatch {
        Some(dispatch) => (dispatch, None, None),
        None => {
            let (channels, smsc) = channels(&config, Arc::clone(&in_use), archive.clone())?;
            let channels = Arc::new(channels);
            (Arc::clone(&channels) as Arc<dyn Dispatch>, Some(channels), smsc)
        }
    };
    let ports = Ports {
        journal: Arc::clone(&writer) as Arc<dyn Journal>,
        ownership: Arc::new(Everything),
        snapshots: Arc::clone(&store) as Arc<dyn Snapshots>,
        directory: directory as Arc<dyn Directory>,
        clock: Arc::clone(&clocks) as _,
        tenants: Arc::clone(&in_use) as Arc<dyn Tenants>,
        dispatch,
        observer: Arc::clone(&live) as _,
    };
    let release = Arc::new(Release::new(ports.clone(), Arc::clone(&timers)));
    let outbox: Vec<_> = lanes.iter().flat_map(Lane::outbox).collect();
    let router = Router::new(ports.clone(), host(lanes, &ports, &release));
    let tactics = tactics::of(&config);
    let supervised = Arc::clone(&router);
    let arbiters: Vec<ArbiterHandle> = (0..cores()).map(|_| delivering().handle()).collect();
    let deliveries = DeliverySupervisor::start_in_arbiter(&delivering().handle(), move |_| {
        DeliverySupervisor::new(supervised, tactics, arbiters)
    });
    release.open(deliveries.clone());
    let pending = outbox.len();
    deliveries.send(Enqueue(outbox)).await.map_err(|error| error.to_string())?;
    let every = Duration::from_millis(config.service.data.checkpoint_every_ms);
    let checkpointer =
        Checkpointer::new(Arc::clone(&router), Arc::clone(&release), Arc::clone(&timers), every, on_fatal);
    let checkpointer = checkpointer.start();
    let reconciliation = ReconciliationSupervisor::new(Arc::clone(&router)).start();
    let ingestion = IngestionSupervisor::new(Arc::clone(&router), reconciliation.clone()).start();
    let activity = Arc::new(Activity::default());
    let unread = feeds::watch(&config, &ingestion, &activity)?;
    let timekeeper = Timekeeper::new(Arc::clone(&router), Arc::clone(&timers), checkpointer.clone());
    actix::spawn(async move {
        // What the bank has brought meanwhile is read before anybody is reminded or debited.
        unread.await;
        timekeeper.start();
    });
    for feed in &config.service.feeds {
        let watch = feed::Command::Watch { name: SmolStr::new(&feed.name) };
        let tell = Tell::Feed(FeedId::of(&feed.tenant, &feed.name), watch);
        let command = CommandId::new(ports.clock.now(&feed.tenant), ports.clock.random(), 0);
        let watched = router.submit(&feed.tenant, tell, command, 0, Origin::System, Priority::Patient);
        watched.await.map_err(|error| format!("feed \"{}\": {error}", feed.name))?;
    }
    if let Some(tenant) = config.service.tenants.first() {
        let announced = SystemFact::Announced { boot: recovery.boots };
        router.record_fact(0, &tenant.id, announced).await.map_err(|error| error.to_string())?;
    }
    if let Some((link, told)) = smsc {
        let inbound = Inbound { router: Arc::clone(&router), store: Arc::clone(&store) };
        let senders = config.service.tenants.iter().map(|tenant| (tenant.id.clone(), tenant.sms_from.clone()));
        actix::spawn(crate::smsc::hear(Arc::clone(&link), told, inbound, senders.collect()));
        actix::spawn(link.keep());
    }
    let editions = Arc::new(Editions::new(Arc::clone(&config), Arc::clone(&in_use), &data));
    for tenant in &config.service.tenants {
        let noted = editions.note_files(&tenant.id, system_now());
        noted.map_err(|error| format!("the editions of {}: {error}", tenant.id))?;
    }
    let Recovery { replayed, torn_bytes, boots, rebuilt } = recovery;
    let review = Review {
        router: Arc::clone(&router),
        store: Arc::clone(&store),
        clocks: Arc::clone(&clocks),
        checkpointer: checkpointer.clone(),
        turn: Arc::default(),
    };
    actix::spawn(review.clone().all(replayed));
    info!(replayed, torn_bytes, boots, rebuilt, pending, timers = timers.len(), "service started");
    let service = Service {
        config,
        router,
        timers,
        reconciliation,
        checkpointer,
        store,
        writer,
        live,
        clocks,
        archive,
        in_use,
        channels,
        documents: Documents::of(&data),
        editions,
        review,
        activity,
        recovery,
        _lock: lock,
    };
    returned::begin(&service)?;
    Ok(service)
}

impl Service {
    /// Writes a last checkpoint and closes the log.
    pub async fn stop(&self) {
        // Without a last checkpoint the next start replays more; on a full disk it would wait for ever.
        if !self.writer.is_full() {
            let _ = tokio::time::timeout(LAST_CHECKPOINT, self.checkpointer.send(Offer)).await;
        }
        let writer = Arc::clone(&self.writer);
        let _ = tokio::task::spawn_blocking(move || writer.stop()).await;
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// A thread on which deliveries are rendered and sent: commands go first when both want a core.
fn delivering() -> Arbiter {
    let arbiter = Arbiter::new();
    arbiter.spawn_fn(crate::priority::step_back);
    arbiter
}

/// Spreads the partitions over one host per core.
fn host(lanes: Vec<Lane>, ports: &Ports, release: &Arc<Release>) -> Vec<Addr<Host>> {
    let cores = cores();
    let mut hosted: Vec<Vec<Lane>> = (0..cores).map(|_| Vec::new()).collect();
    for lane in lanes {
        if let Some(host) = hosted.get_mut(Router::host_of(lane.partition(), cores)) {
            host.push(lane);
        }
    }
    let start = |lanes| {
        let (ports, release) = (ports.clone(), Arc::clone(release));
        Host::start_in_arbiter(&Arbiter::new().handle(), move |_| Host::new(lanes, ports, release))
    };
    hosted.into_iter().map(start).collect()
}

/// What makes and knows the addresses that others call, if they may.
pub fn callbacks(config: &Config) -> Option<Callbacks> {
    let server = &config.service.server;
    Some(Callbacks::new(server.public_url.as_deref()?, server.callback_key.clone()?))
}

/// A link to an SMSC, and what comes in by it.
type Smsc = (Arc<SmppLink>, mpsc::Receiver<Heard>);

fn channels(config: &Config, in_use: Arc<InUse>, archive: Archive) -> Result<(Channels, Option<Smsc>), String> {
    let service = &config.service;
    let email = match &service.email {
        EmailTransport::Catch => None,
        EmailTransport::Smtp(relay) => Some(Email::new(relay)?),
    };
    let (sms, smsc) = match &service.sms {
        SmsProvider::Catch => (None, None),
        SmsProvider::Smpp(settings) => {
            let path = config.path(&service.data.dir).join("smpp.ids");
            let ids = Ids::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let (link, told) = SmppLink::new((**settings).clone(), ids);
            (Some(SmsCarrier::Smpp(Arc::clone(&link))), Some((link, told)))
        }
        provider => {
            let provider = SmsChannel::new(provider.clone()).map_err(|error| error.to_string())?;
            (Some(SmsCarrier::Http(provider)), None)
        }
    };
    let policy = Policy::new(service.hooks.allow.clone());
    let hooks = Hooks::new(policy, service.hooks.allow_http, service.hooks.timeout_ms);
    let hooks = Arc::new(hooks.map_err(|error| error.to_string())?);
    let mut endpoints = BTreeMap::new();
    for endpoint in &service.endpoints {
        let faulty = |why: String| format!("endpoint \"{}\": {why}", endpoint.name);
        let key = SigningKey::parse_all(endpoint.secrets.iter().map(Secret::reveal));
        let certificate = endpoint.client_certificate.as_ref();
        let client = certificate.map(|pem| hooks.with_certificate(pem.reveal())).transpose();
        let called = hook::Endpoint {
            url: endpoint.url.clone(),
            key: key.map_err(|error| faulty(error.to_string()))?,
            credentials: Credentials::new(endpoint.credentials.clone()),
            client: client.map_err(|error| faulty(error.to_string()))?,
            tells: endpoint.tells,
            format: endpoint.format,
        };
        endpoints.insert((endpoint.tenant.clone(), endpoint.name.clone()), called);
    }
    let outgoing = service.outgoing.iter().map(|known| {
        let layout = known.batch.as_ref().map_or(Layout::JsonLines, |batch| batch.layout.clone());
        ((known.tenant.clone(), known.name.clone()), (config.path(&known.dir), layout))
    });
    let statuses = service.tenants.iter().filter_map(|tenant| {
        let folder = config.path(tenant.status_export.as_deref()?);
        Some((tenant.id.clone(), (folder, tenant.status_format)))
    });
    let channels = Channels {
        in_use,
        tenants: service.tenants.iter().map(|tenant| (tenant.id.clone(), tenant.clone())).collect(),
        email,
        callbacks: callbacks(config),
        sms,
        connectors: connectors(config, &hooks)?,
        hooks,
        endpoints,
        outgoing: outgoing.collect(),
        statuses: statuses.collect(),
        archive,
        documents: Documents::of(&config.path(&service.data.dir)),
        pace: Pace::new(Limits::of(config)),
    };
    Ok((channels, smsc))
}

/// Where the ledger of a connector is.
fn ledger_of(config: &Config, tenant: &TenantId, connector: &str) -> PathBuf {
    config.path(&config.service.data.dir).join("connectors").join(tenant.as_str()).join(connector)
}

/// Whether a call is signed by who has the secret.
pub(crate) fn is_signed(secret: &Secret, signatures: &str, call: (&str, i64), body: &[u8]) -> bool {
    SigningKey::parse(secret.reveal()).is_ok_and(|key| key.verifies(signatures, call, body))
}

/// Who collects, by tenant and name.
fn connectors(config: &Config, hooks: &Arc<Hooks>) -> Result<BTreeMap<(TenantId, String), Connector>, String> {
    let mut connectors = BTreeMap::new();
    for config::Connector { tenant, name, kind } in &config.service.connectors {
        let faulty = |why: String| format!("connector \"{name}\": {why}");
        let connector = match kind {
            ConnectorKind::Http { url, secret, asked } => {
                let key = SigningKey::parse(secret.reveal()).map_err(|error| faulty(error.to_string()))?;
                let AskedBy { inquire_url, cancel_url, refund_url, first_inquiry_ms, callback_secret } =
                    asked.clone();
                if let Some(secret) = callback_secret {
                    SigningKey::parse(secret.reveal())
                        .map_err(|error| faulty(format!("callback_secret: {error}")))?;
                }
                let (url, hooks) = (url.clone(), Arc::clone(hooks));
                Connector::Http(HttpConnector {
                    url,
                    inquire_url,
                    cancel_url,
                    refund_url,
                    first_inquiry_ms,
                    key,
                    hooks,
                })
            }
            ConnectorKind::DirectDebitFile { dir, checksum }
            | ConnectorKind::CreditTransferFile { dir, checksum } => {
                let of_tenant = config.service.tenant(tenant).ok_or_else(|| faulty("no such tenant".to_owned()))?;
                let initiator = of_tenant.initiator.clone();
                let initiator = initiator.ok_or_else(|| faulty("the tenant has no [tenant.initiator]".to_owned()))?;
                let policies = config.policies(of_tenant).ok_or_else(|| faulty("no calendar".to_owned()))?;
                let state = ledger_of(config, tenant, name);
                let (folder, zone) = (config.path(dir), policies.zone.clone());
                let calendar = policies.calendar.clone();
                if matches!(kind, ConnectorKind::DirectDebitFile { .. }) {
                    let files = DebitFiles::new(folder, state, initiator, calendar, zone);
                    Connector::DebitFiles(Arc::new(if *checksum { files } else { files.without_checksums() }))
                } else {
                    let files = CreditFiles::new(folder, state, initiator, calendar, zone);
                    Connector::CreditFiles(Arc::new(if *checksum { files } else { files.without_checksums() }))
                }
            }
            ConnectorKind::Simulator { first_inquiry_ms } => Connector::Simulator(first_inquiry_ms.unwrap_or(0)),
        };
        connectors.insert((tenant.clone(), name.clone()), connector);
    }
    Ok(connectors)
}

/// Loads the configuration and templates of a file; gives every finding.
pub fn load(path: &Path) -> (Option<(Config, Wording)>, crate::diagnostics::Findings) {
    let (config, mut findings) = Config::load(path);
    let sources = Sources::of(path.parent().unwrap_or(Path::new("")));
    let Some(config) = config else {
        Wording::check(&sources, &mut findings);
        return (None, findings);
    };
    let wording = Wording::load(&config, &sources, &mut findings);
    let mut refused = |message: String, help: &str| {
        let (code, severity) = ("Q0108", crate::diagnostics::Severity::Error);
        let (file, span, label) = (path.display().to_string(), 0..0, String::new());
        let help = Some(help.to_owned());
        findings.push(crate::diagnostics::Finding { code, severity, file, span, message, label, help });
    };
    for endpoint in &config.service.endpoints {
        if let Err(error) = SigningKey::parse_all(endpoint.secrets.iter().map(Secret::reveal)) {
            refused(format!("endpoint \"{}\": {error}", endpoint.name), "`quittance secret` makes one");
        }
        if endpoint.client_certificate.as_ref().is_some_and(|pem| !hook::is_certificate(pem.reveal())) {
            let why = format!("endpoint \"{}\": a client certificate is PEM with its key", endpoint.name);
            refused(why, "one file: -----BEGIN CERTIFICATE----- … and -----BEGIN PRIVATE KEY----- …");
        }
    }
    if let EmailTransport::Smtp(relay) = &config.service.email {
        for dkim in &relay.dkim {
            if let Err(error) = Signer::new(dkim) {
                let help = "openssl genpkey -algorithm ed25519 makes one";
                refused(format!("[[email.dkim]] of {}: {error}", dkim.domain), help);
            }
        }
    }
    let usable = !findings.has_errors();
    (usable.then_some((config, wording)), findings)
}
