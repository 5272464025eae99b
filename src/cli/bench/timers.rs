//! Work W3: timers by the million: spread over a time, all at once, and far ahead.

#![expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "figures for people")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use quittance_actors::machine::Purpose;
use quittance_actors::partition::{ArmedTimer, Checkpoint};
use quittance_actors::ports::{Clock as _, Round, Snapshots as _};
use quittance_actors::values::EntityId;

use super::world::{self, Folder, Setup, World};
use crate::assemble::Service;
use crate::store::Store;

#[derive(Args)]
pub(super) struct Options {
    /// Timers, each of a payment request of its own.
    #[arg(long, default_value_t = 200_000)]
    timers: u64,
    /// Seconds over which the first half is spread.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Timers of the next months that are in the store before the start.
    #[arg(long, default_value_t = 2_000_000)]
    pending: u64,
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    let folder = Folder::new();
    actix_web::rt::System::new().block_on(measure(&folder, options)).map(|()| 0)
}

async fn measure(folder: &Folder, options: &Options) -> anyhow::Result<()> {
    let Options { timers, seconds, pending } = *options;
    world::configure(&folder.0, Setup { real_time: true, ..Setup::default() })?;
    let tenant = world::tenant()?;
    far_ahead(folder, pending)?;
    let before_kb = world::memory_kb("VmRSS");
    let (service, _) = world::start(&folder.0).await?;
    let service = Arc::new(service);
    println!("W3 timers: {pending} pending for the next months, {timers} due");
    println!(
        "  memory of a start   {:>9} kB with them in the store",
        world::memory_kb("VmRSS").saturating_sub(before_kb)
    );
    let entities = World::new(&service, &tenant, timers / 2, timers);
    world::settle(&service, &tenant, entities).await?;
    let now = service.clocks.now(&tenant);
    let half = timers / 2;
    let timer = |number: u64, ahead_ms: i64| ArmedTimer {
        due: now.plus_millis(ahead_ms),
        entity: EntityId::PaymentRequest(entities.request(number)),
        purpose: Purpose::Overdue,
        generation: 0,
    };
    // Spread: each at its own millisecond.
    let span_ms = i64::try_from(seconds * 1_000)?;
    let spread = |number: u64| {
        timer(number, 500 + i64::try_from(number).unwrap_or(0) * span_ms / i64::try_from(half).unwrap_or(1))
    };
    let cpu = world::cpu_us();
    service.timers.arm(&tenant, &(0..half).map(spread).collect::<Vec<_>>());
    wait(&service, half, Duration::from_secs(seconds + 30)).await?;
    let cpu = world::cpu_us() - cpu;
    println!(
        "  {half} over {seconds} s: lateness until durable p50 {} ms, p99 {} ms; CPU {:.2} µs each",
        quantile(&service, "0.5"),
        quantile(&service, "0.99"),
        world::per_event(cpu, half)
    );
    // All at once, a second from now.
    let due = service.clocks.now(&tenant).plus_millis(1_000);
    let at_once: Vec<ArmedTimer> = (half..timers).map(|number| ArmedTimer { due, ..timer(number, 0) }).collect();
    service.timers.arm(&tenant, &at_once);
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    let started = Instant::now();
    wait(&service, timers, Duration::from_secs(60)).await?;
    let took = started.elapsed().as_secs_f64();
    println!(
        "  {} due at once: {:.0} fires/s, the last {:.2} s late",
        timers - half,
        (timers - half) as f64 / took,
        took
    );
    service.stop().await;
    Ok(())
}

/// Writes timers of the next ninety days into the store, as checkpoints do.
fn far_ahead(folder: &Folder, pending: u64) -> anyhow::Result<()> {
    let data = folder.0.join("data");
    std::fs::create_dir_all(&data)?;
    let store = Store::open(&data.join("store")).map_err(anyhow::Error::msg)?;
    store.restore().map_err(anyhow::Error::msg)?;
    let tenant = world::tenant()?;
    let now = crate::clock::system_now();
    let world = World { customers: 1_000, requests: 1_000, start: now };
    let mut written = 0;
    while written < pending {
        let part = (pending - written).min(500_000);
        let armed = (written..written + part).map(|number| {
            let ahead_ms =
                86_400_000 + i64::try_from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 7_776_000_000).unwrap_or(0);
            let entity = EntityId::PaymentRequest(world.request(number));
            (
                tenant.clone(),
                ArmedTimer { due: now.plus_millis(ahead_ms), entity, purpose: Purpose::Reminder, generation: 1 },
            )
        });
        let checkpoint = Checkpoint { armed: armed.collect(), ..Checkpoint::default() };
        let round = Round { checkpoints: &[checkpoint], position: 0, fired_before: &[], remembered: None };
        store.write(&round).map_err(anyhow::Error::msg)?;
        written += part;
    }
    Ok(())
}

/// Rendering the metrics costs: looking more often would be most of what is measured.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Waits until so many timers have fired, as the metrics count them.
async fn wait(service: &Service, count: u64, at_most: Duration) -> anyhow::Result<()> {
    let started = Instant::now();
    while figure(service, "quittance_timer_lateness_seconds_count").parse::<u64>().unwrap_or(0) < count {
        anyhow::ensure!(started.elapsed() < at_most, "the timers did not all fire");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

fn figure(service: &Service, name: &str) -> String {
    let metrics = service.live.metrics();
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or("0").trim().to_owned()
}

fn quantile(service: &Service, quantile: &str) -> String {
    let seconds = figure(service, &format!("quittance_timer_lateness_seconds{{quantile=\"{quantile}\"}}"));
    format!("{:.1}", seconds.parse::<f64>().unwrap_or(0.0) * 1_000.0)
}
