//! The world that is measured: customers and requests, payment events about them, three rules, a
//! service with a sink behind it; and the figures of this process.

#![expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "figures for people")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use quittance_actors::customer::{Command as Customer, Gives, Kind, Profile};
use quittance_actors::delivery::{Delivery, Verdict};
use quittance_actors::machine::Tell;
use quittance_actors::partition::Origin;
use quittance_actors::payment_request::{AttemptReport, AttemptResult, Command as Ask, Terms};
use quittance_actors::ports::{
    BoxFuture, Clock as _, CollectionAnswer, CollectionOrder, Dispatch, PayoutAnswer, PayoutOrder, Prepared,
};
use quittance_actors::runtime::{Priority, Request, SubmitError};
use quittance_actors::values::{
    AttemptId, CommandId, CreditorReference, Currency, CustomerId, EmailAddress, Language, Money, PaymentRequestId,
    ReferenceKey, ShortReference, TenantId, Timestamp, Zone,
};
use tokio::sync::Semaphore;

use super::super::{samples, serve};
use crate::assemble::{self, Service};
use crate::{clock, digest};

/// Accepts everything at once: what is measured is the engine, not a network.
#[derive(Default)]
pub(super) struct Sink {
    pub delivered: AtomicU64,
}

impl Dispatch for Sink {
    fn send(&self, _: Prepared) -> BoxFuture<'_, Verdict> {
        self.delivered.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Verdict::Accepted { detail: String::new() } })
    }

    fn write_together(&self, rows: Vec<Delivery>) -> BoxFuture<'_, Verdict> {
        self.delivered.fetch_add(u64::try_from(rows.len()).unwrap_or(0), Ordering::Relaxed);
        Box::pin(async { Verdict::Accepted { detail: String::new() } })
    }

    fn pay_out(&self, orders: Vec<PayoutOrder>) -> BoxFuture<'_, Vec<PayoutAnswer>> {
        Box::pin(async move { vec![Verdict::Accepted { detail: String::new() }.into(); orders.len()] })
    }

    fn collect(&self, orders: Vec<CollectionOrder>) -> BoxFuture<'_, Vec<CollectionAnswer>> {
        let taken = |_| CollectionAnswer { verdict: Verdict::Accepted { detail: String::new() }, result: None };
        Box::pin(async move { orders.into_iter().map(taken).collect() })
    }
}

const RULES: &str = r#"
[[rule]]
name = "failed once"
on = ["attempt.failed"]
when = 'attempt.reason_code == "AM04"'
[[rule.then]]
notify = "customer"
channel = "email"
template = "attempt_failed"

[[rule]]
name = "never"
on = ["attempt.failed"]
when = 'attempt.amount > "EUR 1000000.00" && customer.kind == "business"'
[[rule.then]]
notify = "list:accounting"
channel = "email"
template = "attempt_failed"

[[rule]]
name = "rarely"
on = ["payment_request.settled"]
[[rule.then]]
notify = "list:sales"
channel = "email"
template = "payment_request"
"#;

/// A folder of its own, gone at the end.
pub(super) struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        let name = format!("quittance-bench-{}", digest::hex(&clock::random_bytes::<6>()));
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0); // What cannot be removed is in the temporary folder.
    }
}

/// How a measured service is set up.
#[derive(Clone, Copy)]
pub(super) struct Setup {
    pub residents: usize,
    pub checkpoint_every_ms: u64,
    /// Whether the tenant lives in real time.
    pub real_time: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self { residents: 2_000_000, checkpoint_every_ms: 1_000, real_time: false }
    }
}

/// Writes a configuration into `folder`; gives the API key.
pub(super) fn configure(folder: &Path, setup: Setup) -> anyhow::Result<String> {
    let fresh = samples::fresh(|text| {
        let text = text
            .replace("status_export", "# status_export")
            .replace("resident_entities = 500000", &format!("resident_entities = {}", setup.residents))
            .replace("checkpoint_every_ms = 1000", &format!("checkpoint_every_ms = {}", setup.checkpoint_every_ms));
        if setup.real_time { text.replace("test_clock", "# test_clock") } else { text }
    })?;
    let mut files = fresh.files;
    for (path, text) in &mut files {
        if path == "rules.toml" {
            RULES.clone_into(text);
        }
    }
    samples::write(&folder.join("config"), &files)?;
    Ok(fresh.api_key)
}

/// Starts the service of a folder, with a sink behind it.
pub(super) async fn start(folder: &Path) -> anyhow::Result<(Service, Arc<Sink>)> {
    let (loaded, findings) = assemble::load(&folder.join("config/quittance.toml"));
    let (config, templates) = loaded.ok_or_else(|| anyhow::Error::msg(findings.render(false)))?;
    let sink = Arc::new(Sink::default());
    let started = assemble::assemble_with(config, templates, serve::fatal(), Some(Arc::clone(&sink) as _)).await;
    Ok((started.map_err(anyhow::Error::msg)?, sink))
}

/// Starts the service of a folder whose messages leave, with 50,000 customers and 100,000 requests.
pub(super) async fn start_sending(folder: &Path) -> anyhow::Result<(Arc<Service>, TenantId, World)> {
    let (loaded, findings) = assemble::load(&folder.join("config/quittance.toml"));
    let (config, templates) = loaded.ok_or_else(|| anyhow::Error::msg(findings.render(false)))?;
    let started = assemble::assemble(config, templates, serve::fatal()).await;
    let service = Arc::new(started.map_err(anyhow::Error::msg)?);
    let tenant = tenant()?;
    let entities = World::new(&service, &tenant, 50_000, 100_000);
    settle(&service, &tenant, entities).await?;
    Ok((service, tenant, entities))
}

/// The merchant of the sample.
pub(super) fn tenant() -> anyhow::Result<TenantId> {
    Ok(TenantId::parse("maison-dupre")?)
}

/// Customers and requests by number.
#[derive(Clone, Copy)]
pub(super) struct World {
    pub customers: u64,
    pub requests: u64,
    pub start: Timestamp,
}

impl World {
    pub fn new(service: &Service, tenant: &TenantId, customers: u64, requests: u64) -> Self {
        Self { customers: customers.max(1), requests: requests.max(1), start: service.clocks.now(tenant) }
    }

    pub fn customer(&self, number: u64) -> CustomerId {
        let lane = u8::try_from(number % 256).unwrap_or(0);
        CustomerId::new(self.start, number, lane)
    }

    pub fn request(&self, number: u64) -> PaymentRequestId {
        PaymentRequestId::new(self.start, number, self.customer(number % self.customers).partition())
    }

    /// Makes a customer known.
    pub fn register(&self, number: u64) -> anyhow::Result<Tell> {
        let id = self.customer(number);
        let profile = Profile {
            external_ref: format!("C{number}").into(),
            kind: Kind::Business,
            name: format!("Customer {number}").into(),
            email: Some(EmailAddress::parse(&format!("c{number}@example.org"))?),
            phone: None,
            language: Language::Fr,
        };
        let profile = Arc::new(profile);
        Ok(Tell::Customer(id, Customer::Register { id, profile, gives: Gives::ALL, zone: None, virtual_iban: None }))
    }

    /// Issues a request: two timers, a reminder scenario.
    pub fn issue(&self, number: u64) -> anyhow::Result<Tell> {
        let day = self.start.date_in(&Zone::utc());
        let short_reference = ShortReference::of(number, ReferenceKey::from_seed(1));
        let terms = Terms {
            id: self.request(number),
            customer: self.customer(number % self.customers),
            external_ref: format!("F{number}").into(),
            amount: Money::from_minor(100_000, Currency::EUR),
            issued_on: day,
            created_at: self.start,
            due_on: day.plus_days(30),
            description: "".into(),
            short_reference,
            creditor_reference: CreditorReference::of(&short_reference.compact())?,
            scenario: Some("standard".into()),
        };
        Ok(Tell::PaymentRequest(self.request(number), Ask::Issue { terms, dated: true, number: None }))
    }

    /// Reports a failed attempt on one of the requests, in no order that a cache could like.
    pub fn attempt(&self, number: u64) -> Tell {
        let id = self.request(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % self.requests);
        // Every second one of a lane fires the first rule, whose notification is delivered and recorded.
        let reason_code = if (number >> 1).is_multiple_of(2) { "AM04" } else { "MS03" }.into();
        let amount = Money::from_minor(1_000, Currency::EUR);
        let attempt = AttemptId::new(self.start, number, id.partition());
        let report = AttemptReport { attempt, amount, result: AttemptResult::Failed { reason_code, advice: None } };
        Tell::PaymentRequest(id, Ask::ReportAttempt(report))
    }
}

/// How commands are submitted.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    pub in_flight: usize,
    pub batch: usize,
    /// Commands a second; as fast as it goes when none is given.
    pub rate: Option<u64>,
    /// The first number of their ids.
    pub first_id: u64,
}

/// What a drive came to.
pub(super) struct Driven {
    /// The wait of each command, sorted, in microseconds.
    pub waits_us: Vec<u64>,
    pub seconds: f64,
    /// Acknowledged in the slowest whole second.
    pub slowest_second: u64,
}

impl Driven {
    pub fn rate(&self) -> f64 {
        self.waits_us.len() as f64 / self.seconds.max(1e-9)
    }

    /// The wait that so many per mille stay below, in milliseconds.
    pub fn wait_ms(&self, per_mille: usize) -> f64 {
        let at = self.waits_us.len().saturating_sub(1) * per_mille / 1_000;
        self.waits_us.get(at).copied().unwrap_or(0) as f64 / 1_000.0
    }
}

/// Submits `count` commands in batches, and waits for all of them.
pub(super) async fn drive(
    service: &Arc<Service>, tenant: &TenantId, count: u64, pace: Pace, command: impl Fn(u64) -> anyhow::Result<Tell>,
) -> anyhow::Result<Driven> {
    let batches = (pace.in_flight / pace.batch).max(1);
    let places = Arc::new(Semaphore::new(batches));
    let waits = Arc::new(parking_lot::Mutex::new((Vec::with_capacity(usize::try_from(count)?), Vec::<u64>::new())));
    let started = Instant::now();
    let mut number = 0;
    while number < count {
        let upto = (number + u64::try_from(pace.batch)?).min(count);
        if let Some(rate) = pace.rate {
            let due = started + Duration::from_secs_f64(number as f64 / rate as f64);
            tokio::time::sleep_until(due.into()).await;
        }
        let asked = Instant::now();
        let place = Arc::clone(&places).acquire_owned().await?;
        let request = |number: u64| -> anyhow::Result<Request> {
            let fingerprint = pace.first_id + number;
            let command_id = CommandId::new(Timestamp::from_unix_millis(1), fingerprint, 0);
            Ok(Request { tell: command(number)?, command_id, fingerprint, origin: Origin::Api, fired: None })
        };
        let requests = (number..upto).map(request).collect::<anyhow::Result<Vec<_>>>()?;
        number = upto;
        let (service, tenant, waits) = (Arc::clone(service), tenant.clone(), Arc::clone(&waits));
        actix::spawn(async move {
            let _place = place;
            match service.router.submit_all(&tenant, requests, Priority::Patient).await {
                Ok(answers) => {
                    let waited = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);
                    let refused = answers.iter().find_map(|answer| answer.as_ref().err());
                    refused.into_iter().for_each(|error| eprintln!("not recorded: {error}"));
                    let second = usize::try_from(started.elapsed().as_secs()).unwrap_or(0);
                    let mut waits = waits.lock();
                    waits.0.extend(std::iter::repeat_n(waited, answers.len()));
                    if waits.1.len() <= second {
                        waits.1.resize(second + 1, 0);
                    }
                    if let Some(acknowledged) = waits.1.get_mut(second) {
                        *acknowledged += u64::try_from(answers.len()).unwrap_or(0);
                    }
                }
                Err(SubmitError::Stopping) => {}
                Err(error) => eprintln!("not recorded: {error}"),
            }
        });
    }
    drop(places.acquire_many(u32::try_from(batches)?).await?);
    let seconds = started.elapsed().as_secs_f64();
    let (mut waits_us, mut by_second) = std::mem::take(&mut *waits.lock());
    waits_us.sort_unstable();
    by_second.pop(); // The last one is not whole.
    let slowest_second = by_second.iter().copied().min().unwrap_or(0);
    Ok(Driven { waits_us, seconds, slowest_second })
}

/// Makes every customer and request known.
pub(super) async fn settle(service: &Arc<Service>, tenant: &TenantId, world: World) -> anyhow::Result<()> {
    let pace = |first_id| Pace { in_flight: 16_000, batch: 1_000, rate: None, first_id };
    drive(service, tenant, world.customers, pace(1 << 40), |number| world.register(number)).await?;
    drive(service, tenant, world.requests, pace(1 << 41), |number| world.issue(number)).await?;
    Ok(())
}

/// Writes and syncs as many bytes in as many writes, each with its checksum, as the log does;
/// gives the seconds.
pub(super) fn bare(folder: &Path, bytes: u64, syncs: u64) -> anyhow::Result<f64> {
    use std::io::Write as _;
    let chunk = vec![0x5a_u8; usize::try_from(bytes / syncs.max(1))?.max(1)];
    let mut file = std::fs::File::create(folder.join("bare"))?;
    let started = Instant::now();
    let mut sum = 0_u64;
    for _ in 0..syncs {
        sum ^= xxhash_rust::xxh3::xxh3_64(&chunk);
        file.write_all(&chunk)?;
        file.sync_data()?;
    }
    std::hint::black_box(sum);
    Ok(started.elapsed().as_secs_f64())
}

/// User and system time of this process. Source: proc(5), fields 14 and 15 of stat.
pub(super) fn cpu_us() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after.split_whitespace().skip(11).take(2).filter_map(|text| text.parse::<u64>().ok()).sum();
    ticks * 10_000 // A tick is 10 ms on Linux.
}

/// A figure of `/proc/self/status`, such as `VmHWM`, in kB.
pub(super) fn memory_kb(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

/// Bytes this process has sent to disks. Source: proc(5), `write_bytes` of io.
pub(super) fn written_bytes() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// So much per event.
pub(super) fn per_event(total: u64, count: u64) -> f64 {
    total as f64 / count.max(1) as f64
}
