//! Work W1: events over customers and requests, three rules, one durable timer per request,
//! half of the events emit a notification; acknowledged only when synced.
//!
//! The lower bound writes and syncs the same bytes in as many syncs, in the same run.

#![expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "figures for people")]

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use quittance_actors::customer::{Command as Customer, Gives, Kind, Profile};
use quittance_actors::delivery::{Delivery, Verdict};
use quittance_actors::machine::Tell;
use quittance_actors::partition::Origin;
use quittance_actors::payment_request::{AttemptReport, AttemptResult, Command as Ask, Terms};
use quittance_actors::ports::{BoxFuture, Clock as _, Dispatch, Prepared};
use quittance_actors::runtime::{Priority, Request};
use quittance_actors::values::{
    AttemptId, CommandId, CreditorReference, Currency, CustomerId, Date, EmailAddress, Language, Money,
    PaymentRequestId, ReferenceKey, ShortReference, TenantId, Timestamp,
};
use tokio::sync::Semaphore;

use super::super::{samples, serve};
use crate::assemble::{self, Service};
use crate::{clock, digest};

/// Accepts everything at once: what is measured is the engine, not a network.
#[derive(Default)]
struct Sink {
    delivered: AtomicU64,
}

impl Dispatch for Sink {
    fn send(&self, _: Prepared) -> BoxFuture<'_, Verdict> {
        self.delivered.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Verdict::Accepted { detail: String::new() } })
    }

    fn export_statuses(&self, rows: Vec<Delivery>) -> BoxFuture<'_, Verdict> {
        self.delivered.fetch_add(u64::try_from(rows.len()).unwrap_or(0), Ordering::Relaxed);
        Box::pin(async { Verdict::Accepted { detail: String::new() } })
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
template = "transfer_received"
"#;

pub(super) fn run(events: u64, in_flight: usize, batch: usize) -> anyhow::Result<u8> {
    let folder = std::env::temp_dir().join(format!("quittance-bench-{}", digest::hex(&clock::random_bytes::<6>())));
    let outcome = actix_web::rt::System::new().block_on(measure(&folder, events, in_flight, batch));
    let _ = std::fs::remove_dir_all(&folder); // What cannot be removed is in the temporary folder.
    outcome.map(|()| 0)
}

async fn measure(folder: &std::path::Path, events: u64, in_flight: usize, batch: usize) -> anyhow::Result<()> {
    let mut files = samples::fresh(|text| text.replace("status_export", "# status_export"))?.files;
    for (path, text) in &mut files {
        if path == "rules.toml" {
            RULES.clone_into(text);
        }
    }
    samples::write(&folder.join("config"), &files)?;
    let (loaded, findings) = assemble::load(&folder.join("config/quittance.toml"));
    let (config, templates) = loaded.ok_or_else(|| anyhow::Error::msg(findings.render(false)))?;
    let sink = Arc::new(Sink::default());
    let started = assemble::assemble_with(config, templates, serve::fatal(), Some(Arc::clone(&sink) as _)).await;
    let service = Arc::new(started.map_err(anyhow::Error::msg)?);
    let tenant = TenantId::parse("maison-dupre")?;
    let world = World::new(&service, &tenant, events);
    let (cpu_before, wall) = (cpu_us(), Instant::now());
    let mut waits_us = world.drive(&service, &tenant, in_flight, batch).await?;
    let (seconds, cpu) = (wall.elapsed().as_secs_f64(), cpu_us() - cpu_before);
    let statistics = service.writer.statistics();
    let (records, bytes) = (statistics.records.load(Ordering::Relaxed), statistics.bytes.load(Ordering::Relaxed));
    let syncs = statistics.syncs.load(Ordering::Relaxed).max(1);
    let bound = bare(folder, bytes, syncs)?;
    waits_us.sort_unstable();
    let at = |share: usize| waits_us.get(waits_us.len().saturating_sub(1) * share / 1_000).copied().unwrap_or(0);
    let count = waits_us.len();
    let rate = per_second(count, seconds);
    let bare_rate = per_second(usize::try_from(records).unwrap_or(usize::MAX), bound);
    println!(
        "W1 ingest: {count} commands, {} customers, {} requests, {in_flight} under way in batches of {batch}",
        world.customers, world.requests
    );
    println!("  events/s        {rate:>12.0}");
    println!("  ack p50 / p99   {:>9.2} / {:.2} ms", ms(at(500)), ms(at(990)));
    println!("  CPU per event   {:>12.2} µs", per_event(cpu, count));
    println!(
        "  log per record  {:>12.0} bytes ({records} records, {syncs} syncs)",
        per_event(bytes, usize::try_from(records).unwrap_or(1))
    );
    println!("  delivered       {:>12}", sink.delivered.load(Ordering::Relaxed));
    println!("  peak memory     {:>12} kB", peak_kb());
    println!("  bare append+sync of the same bytes: {bare_rate:.0} records/s; ratio {:.3}", rate / bare_rate);
    service.stop().await;
    Ok(())
}

struct World {
    customers: u64,
    requests: u64,
    events: u64,
    start: Timestamp,
}

fn per_second(count: usize, seconds: f64) -> f64 {
    count as f64 / seconds.max(1e-9)
}

fn per_event(total: u64, count: usize) -> f64 {
    total as f64 / count.max(1) as f64
}

fn ms(us: u64) -> f64 {
    us as f64 / 1_000.0
}

impl World {
    fn new(service: &Service, tenant: &TenantId, events: u64) -> Self {
        let (customers, requests) = ((events / 20).max(1), (events / 10).max(1));
        Self { customers, requests, events, start: service.clocks.now(tenant) }
    }

    fn customer(&self, number: u64) -> CustomerId {
        let lane = u8::try_from(number % 256).unwrap_or(0);
        CustomerId::new(self.start, number, lane)
    }

    fn request(&self, number: u64) -> PaymentRequestId {
        PaymentRequestId::new(self.start, number, self.customer(number % self.customers).partition())
    }

    fn command(&self, number: u64) -> anyhow::Result<Tell> {
        if number < self.customers {
            let id = self.customer(number);
            let profile = Profile {
                external_ref: format!("C{number}").into(),
                kind: Kind::Business,
                name: format!("Customer {number}").into(),
                email: Some(EmailAddress::parse(&format!("c{number}@example.org"))?),
                phone: None,
                language: Language::Fr,
            };
            return Ok(Tell::Customer(
                id,
                Customer::Register { id, profile: Arc::new(profile), gives: Gives::ALL, virtual_iban: None },
            ));
        }
        let number = number - self.customers;
        let day = self.start.date_in(&quittance_actors::values::Zone::utc());
        if number < self.requests {
            let issue = Ask::Issue { terms: self.terms(number, day)?, dated: true };
            return Ok(Tell::PaymentRequest(self.request(number), issue));
        }
        let number = number - self.requests;
        let id = self.request(number % self.requests);
        // Every second one fires the first rule, whose notification is delivered and recorded.
        let reason_code = if number.is_multiple_of(2) { "AM04" } else { "MS03" }.into();
        let amount = Money::from_minor(1_000, Currency::EUR);
        let attempt = AttemptId::new(self.start, number, id.partition());
        let report = AttemptReport { attempt, amount, result: AttemptResult::Failed { reason_code } };
        Ok(Tell::PaymentRequest(id, Ask::ReportAttempt(report)))
    }

    fn terms(&self, number: u64, day: Date) -> anyhow::Result<Terms> {
        let short_reference = ShortReference::of(number, ReferenceKey::from_seed(1));
        Ok(Terms {
            id: self.request(number),
            customer: self.customer(number % self.customers),
            external_ref: format!("F{number}").into(),
            amount: Money::from_minor(100_000, Currency::EUR),
            issued_on: day,
            created_at: self.start,
            due_on: day.plus_days(30),
            description: Default::default(),
            short_reference,
            creditor_reference: CreditorReference::of(&short_reference.compact())?,
            scenario: Some("standard".into()),
        })
    }

    /// Submits everything in batches; gives the wait of each command in microseconds.
    async fn drive(
        &self, service: &Arc<Service>, tenant: &TenantId, in_flight: usize, batch: usize,
    ) -> anyhow::Result<Vec<u64>> {
        let batches = (in_flight / batch).max(1);
        let places = Arc::new(Semaphore::new(batches));
        let all = u32::try_from(batches).unwrap_or(u32::MAX);
        let waits = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let mut number = 0;
        while number < self.events {
            // Requests need their customers, attempts their requests.
            let phase = [self.customers, self.customers + self.requests, self.events];
            let end = phase.into_iter().find(|end| number < *end).unwrap_or(self.events);
            let upto = (number + u64::try_from(batch)?).min(end);
            let place = Arc::clone(&places).acquire_owned().await?;
            let request = |number: u64| -> anyhow::Result<Request> {
                let command_id = CommandId::new(self.start, number, 0);
                Ok(Request {
                    tell: self.command(number)?,
                    command_id,
                    fingerprint: number,
                    origin: Origin::Api,
                    fired: None,
                })
            };
            let requests = (number..upto).map(request).collect::<anyhow::Result<Vec<_>>>()?;
            number = upto;
            let (service, tenant, waits) = (Arc::clone(service), tenant.clone(), Arc::clone(&waits));
            actix::spawn(async move {
                let _place = place;
                let asked = Instant::now();
                match service.router.submit_all(&tenant, requests, Priority::Patient).await {
                    Ok(answers) => {
                        let waited = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);
                        let refused = answers.iter().find_map(|answer| answer.as_ref().err());
                        refused.into_iter().for_each(|error| eprintln!("not recorded: {error}"));
                        waits.lock().extend(std::iter::repeat_n(waited, answers.len()));
                    }
                    Err(error) => eprintln!("not recorded: {error}"),
                }
            });
            if number == end {
                drop(places.acquire_many(all).await?);
            }
        }
        drop(places.acquire_many(all).await?);
        let waits = std::mem::take(&mut *waits.lock());
        Ok(waits)
    }
}

/// Writes and syncs as many bytes in as many syncs; gives the seconds.
fn bare(folder: &std::path::Path, bytes: u64, syncs: u64) -> anyhow::Result<f64> {
    let chunk = vec![0x5a_u8; usize::try_from(bytes / syncs)?.max(1)];
    let mut file = std::fs::File::create(folder.join("bare"))?;
    let started = Instant::now();
    for _ in 0..syncs {
        file.write_all(&chunk)?;
        file.sync_data()?;
    }
    Ok(started.elapsed().as_secs_f64())
}

/// User and system time of this process. Source: proc(5), fields 14 and 15 of stat.
fn cpu_us() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after.split_whitespace().skip(11).take(2).filter_map(|text| text.parse::<u64>().ok()).sum();
    ticks * 10_000 // A tick is 10 ms on Linux.
}

fn peak_kb() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.and_then(|line| line.split_whitespace().nth(1)).unwrap_or("?").to_owned()
}
