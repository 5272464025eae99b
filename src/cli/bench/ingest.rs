//! Work W1: payment events over customers and requests, three rules, timers, half of the events
//! emit a notification; acknowledged only when synced.

#![expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "figures for people")]

use std::sync::Arc;
use std::sync::atomic::Ordering;

use clap::Args;

use super::world::{self, Folder, Pace, Setup, World};

#[derive(Args)]
pub(super) struct Options {
    /// Payment events.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Customers they are about.
    #[arg(long, default_value_t = 100_000)]
    customers: u64,
    /// Payment requests they are about.
    #[arg(long, default_value_t = 200_000)]
    requests: u64,
    /// Commands under way at once.
    #[arg(long, default_value_t = 16_000)]
    in_flight: usize,
    /// Commands of one batch.
    #[arg(long, default_value_t = 1_000)]
    batch: usize,
    /// Entities kept in memory at most; the others are read from the store.
    #[arg(long, default_value_t = 2_000_000)]
    residents: usize,
    /// Events a second; as fast as it goes when none is given.
    #[arg(long)]
    rate: Option<u64>,
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    let folder = Folder::new();
    actix_web::rt::System::new().block_on(measure(&folder, options)).map(|()| 0)
}

async fn measure(folder: &Folder, options: &Options) -> anyhow::Result<()> {
    let Options { events, customers, requests, in_flight, batch, residents, rate } = *options;
    world::configure(&folder.0, Setup { residents, ..Setup::default() })?;
    let (service, sink) = world::start(&folder.0).await?;
    let (service, tenant) = (Arc::new(service), world::tenant()?);
    let empty_kb = at_rest_kb().await;
    let entities = World::new(&service, &tenant, customers, requests);
    world::settle(&service, &tenant, entities).await?;
    let _ = service.checkpointer.send(quittance_actors::runtime::Offer).await; // It is tried again anyway.
    let entities_kb = at_rest_kb().await.saturating_sub(empty_kb);
    let statistics = service.writer.statistics();
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let before = [count(&statistics.records), count(&statistics.bytes), count(&statistics.syncs)];
    let (cpu, written) = (world::cpu_us(), world::written_bytes());
    let pace = Pace { in_flight, batch, rate, first_id: 0 };
    let driven = world::drive(&service, &tenant, events, pace, |number| Ok(entities.attempt(number))).await?;
    let (cpu, written) = (world::cpu_us() - cpu, world::written_bytes() - written);
    let records = count(&statistics.records) - before[0];
    let (bytes, syncs) = (count(&statistics.bytes) - before[1], count(&statistics.syncs) - before[2]);
    let peak = world::memory_kb("VmHWM");
    let bound = world::bare(&folder.0, bytes, syncs)?;
    let bare_rate = records as f64 / bound.max(1e-9);
    println!(
        "W1 ingest: {events} events, {customers} customers, {requests} requests, {in_flight} under way in batches of {batch}"
    );
    println!("  events/s          {:>10.0}   slowest second {}", driven.rate(), driven.slowest_second);
    println!("  ack p50 / p99     {:>10.2} / {:.2} ms", driven.wait_ms(500), driven.wait_ms(990));
    println!("  CPU per event     {:>10.2} µs, over all threads", world::per_event(cpu, events));
    println!(
        "  log per event     {:>10.0} bytes ({records} records, {syncs} synced writes)",
        world::per_event(bytes, events)
    );
    println!(
        "  written in all    {:>10.0} bytes per event, checkpoints and compaction included",
        world::per_event(written, events)
    );
    println!(
        "  a synced write    {:>10.0} µs",
        world::per_event(count(&statistics.sync_us), count(&statistics.syncs))
    );
    println!("  memory            {:>10} kB peak; {empty_kb} kB empty, {entities_kb} kB for the entities", peak);
    println!("  delivered         {:>10} meanwhile", sink.delivered.load(Ordering::Relaxed));
    println!(
        "  bare append+sync  {bare_rate:>10.0} records/s, the same bytes in as many writes; ratio {:.3}",
        driven.rate() / bare_rate
    );
    service.stop().await;
    Ok(())
}

/// Resident memory once the allocator has given back what it holds for a second.
async fn at_rest_kb() -> u64 {
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    world::memory_kb("VmRSS")
}
