//! W2: signed hooks to receivers on this machine, each try recorded, beside the same calls by the same client alone.

#![expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "figures for people")]

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use futures_util::{StreamExt as _, stream};
use parking_lot::Mutex;
use quittance_actors::values::{TenantId, Timestamp};

use super::world::{self, Folder, Pace, Setup, World};
use crate::assemble::Service;
use crate::{channels, clock};

#[derive(Args)]
pub(super) struct Options {
    /// Hooks of the first part, over all endpoints.
    #[arg(long, default_value_t = 200_000)]
    hooks: u64,
    /// Endpoints, each of which hears of everything.
    #[arg(long, default_value_t = 4)]
    endpoints: u64,
    /// Events a second of the second part, one endpoint.
    #[arg(long, default_value_t = 5_000)]
    rate: u64,
    /// The events of a customer one after the other.
    #[arg(long)]
    in_order: bool,
    /// Measures nineteen endpoints beside a twentieth that takes calls and never answers, and without it, instead.
    #[arg(long)]
    dead: bool,
}

/// How long a part may take at most.
const PATIENCE: Duration = Duration::from_secs(120);

/// Receivers: one thread a connection, which answers 204 to whatever comes.
struct Receivers {
    address: SocketAddr,
    taken: Arc<AtomicU64>,
    /// Whether the time from event to hook is kept.
    timing: Arc<AtomicBool>,
    waits_ms: Arc<Mutex<Vec<i64>>>,
    /// The last call, whole.
    last: Arc<Mutex<Vec<u8>>>,
    /// Whether it is looked at in which order the events of a key come.
    ordering: Arc<AtomicBool>,
    order: Arc<Mutex<Order>>,
}

/// The last event of each key at each address, and how many came after one that is later.
#[derive(Default)]
struct Order {
    last: HashMap<(Vec<u8>, String), u64>,
    wrong: u64,
}

impl Order {
    fn take(&mut self, address: &[u8], body: &[u8]) -> Option<()> {
        let event: serde_json::Value = serde_json::from_slice(body).ok()?;
        let key = event.get("ordering_key")?.as_str()?.to_owned();
        let number = event.get("key_seq")?.as_u64()?;
        let last = self.last.entry((address.to_vec(), key)).or_default();
        self.wrong += u64::from(number < *last);
        *last = number.max(*last);
        Some(())
    }
}

impl Receivers {
    fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let receivers = Self {
            address: listener.local_addr()?,
            taken: Arc::default(),
            timing: Arc::default(),
            waits_ms: Arc::default(),
            last: Arc::default(),
            ordering: Arc::default(),
            order: Arc::default(),
        };
        let Self { taken, timing, waits_ms, last, ordering, order, .. } = &receivers;
        let (ordering, order) = (Arc::clone(ordering), Arc::clone(order));
        let (taken, timing) = (Arc::clone(taken), Arc::clone(timing));
        let (waits_ms, last) = (Arc::clone(waits_ms), Arc::clone(last));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (taken, timing) = (Arc::clone(&taken), Arc::clone(&timing));
                let (waits_ms, last) = (Arc::clone(&waits_ms), Arc::clone(&last));
                let (ordering, order) = (Arc::clone(&ordering), Arc::clone(&order));
                std::thread::spawn(move || {
                    let _ = stream.set_nodelay(true);
                    let mut reader = BufReader::with_capacity(64 << 10, stream);
                    let mut body = Vec::new();
                    while let Some(address) = take(&mut reader, &mut body) {
                        if ordering.load(Ordering::Relaxed) {
                            order.lock().take(&address, &body);
                        }
                        taken.fetch_add(1, Ordering::Relaxed);
                        if timing.load(Ordering::Relaxed) {
                            waits_ms.lock().extend(waited_ms(&body));
                            last.lock().clone_from(&body);
                        }
                        if reader.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n").is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Ok(receivers)
    }

    /// Waits until so many calls were taken.
    async fn wait(&self, count: u64) -> anyhow::Result<()> {
        let until = Instant::now() + PATIENCE;
        while self.taken.load(Ordering::Relaxed) < count {
            anyhow::ensure!(Instant::now() < until, "{} of {count} hooks came", self.taken.load(Ordering::Relaxed));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }
}

/// Reads one call; gives its first line.
fn take(reader: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> Option<Vec<u8>> {
    let (mut first, mut line, mut length) = (Vec::new(), Vec::new(), 0_usize);
    reader.read_until(b'\n', &mut first).ok().filter(|length| *length > 0)?;
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line).ok()? == 0 {
            return None;
        }
        match line.trim_ascii() {
            b"" => break,
            header => {
                let text = std::str::from_utf8(header).ok()?;
                if let Some((name, value)) = text.split_once(':')
                    && name.eq_ignore_ascii_case("content-length")
                {
                    length = value.trim().parse().ok()?;
                }
            }
        }
    }
    body.resize(length, 0);
    reader.read_exact(body).ok()?;
    Some(first)
}

/// How long ago what a hook tells of happened.
fn waited_ms(body: &[u8]) -> Option<i64> {
    let event: serde_json::Value = serde_json::from_slice(body).ok()?;
    let at = Timestamp::parse(event.get("timestamp")?.as_str()?).ok()?;
    Some(clock::system_now().unix_millis() - at.unix_millis())
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    actix_web::rt::System::new().block_on(measure(options)).map(|()| 0)
}

async fn measure(options: &Options) -> anyhow::Result<()> {
    let Options { hooks, endpoints, rate, in_order, dead } = *options;
    let receivers = Receivers::start()?;
    let order = if in_order { "key" } else { "none" };
    if dead {
        return beside_a_dead_one(&receivers, order, rate).await;
    }
    println!("W2 delivery: {hooks} signed hooks to {endpoints} endpoints on this machine, order = {order}");
    let events = hooks / endpoints.max(1);
    let (service, tenant, entities, _folder) = start(&receivers, (endpoints, None), order).await?;
    let begun = receivers.taken.load(Ordering::Relaxed);
    receivers.ordering.store(in_order, Ordering::Relaxed);
    let (cpu, started) = (world::cpu_us(), Instant::now());
    let pace = Pace { in_flight: 16_000, batch: 500, rate: None, first_id: 0 };
    world::drive(&service, &tenant, events, pace, |number| Ok(entities.attempt(number))).await?;
    receivers.wait(begun + hooks).await?;
    let seconds = started.elapsed().as_secs_f64();
    let per_second = hooks as f64 / seconds;
    println!("  hooks/s           {per_second:>10.0}   each recorded, receivers on the same cores");
    println!("  CPU per hook      {:>10.2} µs, receivers included", world::per_event(world::cpu_us() - cpu, hooks));
    if in_order {
        println!(
            "  out of order      {:>10}   events that came after a later one of their key",
            receivers.order.lock().wrong
        );
    }
    receivers.ordering.store(false, Ordering::Relaxed);
    service.stop().await;
    drop(service);

    let (p50, p99) = waits(&receivers, (1, None), order, rate).await?;
    println!("  event to hook     {p50:>10} / {p99} ms p50 / p99 at {rate} events/s");

    let bare = bare(&receivers, hooks, 16 * usize::try_from(endpoints)?).await?;
    println!(
        "  bare client       {bare:>10.0} calls/s, the same body, unsigned and unrecorded; ratio {:.3}",
        per_second / bare
    );
    Ok(())
}

/// Endpoints that answer, beside one that does not.
const HEALTHY: u64 = 19;

/// How long hooks of endpoints that answer take, without and with one beside them that takes calls and never answers.
async fn beside_a_dead_one(receivers: &Receivers, order: &str, rate: u64) -> anyhow::Result<()> {
    let rate = (rate / HEALTHY).max(1);
    println!("W2 delivery: {HEALTHY} endpoints that answer, {} hooks/s in all, order = {order}", rate * HEALTHY);
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let address = silent.local_addr()?;
    std::thread::spawn(move || {
        let mut held = Vec::new();
        held.extend(silent.incoming().flatten());
    });
    for (what, dead) in
        [("alone", None), ("beside a dead one", Some(address)), ("alone", None), ("beside a dead one", Some(address))]
    {
        let (p50, p99) = waits(receivers, (HEALTHY, dead), order, rate).await?;
        println!("  {what:<18}     {p50:>5} / {p99} ms p50 / p99 from event to hook, every one of them delivered");
    }
    Ok(())
}

/// How long hooks take at a rate of events, half of them and ninety-nine of a hundred, in milliseconds.
async fn waits(
    receivers: &Receivers, (endpoints, dead): (u64, Option<SocketAddr>), order: &str, rate: u64,
) -> anyhow::Result<(i64, i64)> {
    let (service, tenant, entities, _folder) = start(receivers, (endpoints, dead), order).await?;
    receivers.timing.store(true, Ordering::Relaxed);
    let begun = receivers.taken.load(Ordering::Relaxed);
    let events = rate * 5;
    let pace = Pace { in_flight: 16_000, batch: 10, rate: Some(rate), first_id: 0 };
    world::drive(&service, &tenant, events, pace, |number| Ok(entities.attempt(number))).await?;
    receivers.wait(begun + events * endpoints).await?;
    let mut waits = std::mem::take(&mut *receivers.waits_ms.lock());
    waits.sort_unstable();
    let wait = |per_mille: usize| waits.get(waits.len().saturating_sub(1) * per_mille / 1_000).copied().unwrap_or(0);
    receivers.timing.store(false, Ordering::Relaxed);
    service.stop().await;
    Ok((wait(500), wait(990)))
}

/// A service whose endpoints are the receivers, and one that is dead, with customers and requests.
async fn start(
    receivers: &Receivers, (endpoints, dead): (u64, Option<SocketAddr>), order: &str,
) -> anyhow::Result<(Arc<Service>, TenantId, World, Folder)> {
    let folder = Folder::new();
    world::configure(&folder.0, Setup { real_time: true, ..Setup::default() })?;
    let path = folder.0.join("config/quittance.toml");
    let mut text = std::fs::read_to_string(&path)?;
    let healthy = (0..endpoints).map(|number| (number, receivers.address));
    for (number, address) in healthy.chain(dead.map(|address| (endpoints, address))) {
        text.push_str(&format!(
            "\n[[endpoint]]\ntenant = \"maison-dupre\"\nname = \"bench{number}\"\nurl = \"http://{}/hook{number}\"\n\
             secret = {{ value = \"whsec_c2FtcGxlIHNlY3JldCBvZiB0aGUgc2FuZGJveA==\" }}\n\
             events = [\"attempt.failed\"]\norder = \"{order}\"\n",
            address
        ));
    }
    std::fs::write(&path, text)?;
    std::fs::write(folder.0.join("config/rules.toml"), "")?;
    let (service, tenant, entities) = world::start_sending(&folder.0).await?;
    Ok((service, tenant, entities, folder))
}

/// The same calls by the same client, with nothing around them; gives calls a second.
async fn bare(receivers: &Receivers, calls: u64, at_once: usize) -> anyhow::Result<f64> {
    let body = receivers.last.lock().clone();
    let client = channels::hook::bare_client()?;
    let url = format!("http://{}/hook", receivers.address);
    let started = Instant::now();
    let each = stream::iter(0..calls).map(|_| client.post(&url).body(body.clone()).send());
    let answered = each.buffer_unordered(at_once).filter(|answer| std::future::ready(answer.is_ok())).count().await;
    anyhow::ensure!(u64::try_from(answered)? == calls, "{answered} of {calls} calls were answered");
    Ok(calls as f64 / started.elapsed().as_secs_f64())
}
