//! Work W4: kill -9 with many live entities and a tail of the log after the last checkpoint.

#![expect(clippy::float_arithmetic, reason = "figures for people")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use quittance_actors::ports::Journal as _;
use quittance_actors::runtime::Offer;
use quittance_actors::values::{EntityId, Timestamp};

use super::world::{self, Folder, Pace, Setup, World};

#[derive(Args)]
pub(super) struct Options {
    /// Live entities.
    #[arg(long, default_value_t = 300_000)]
    entities: u64,
    /// Records after the last checkpoint.
    #[arg(long, default_value_t = 200_000)]
    tail: u64,
    /// Used by the bench itself: fills a folder and dies.
    #[arg(long, hide = true)]
    fill: Option<PathBuf>,
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    if let Some(folder) = &options.fill {
        return actix_web::rt::System::new().block_on(fill(folder.clone(), options));
    }
    let folder = Folder::new();
    world::configure(&folder.0, Setup { checkpoint_every_ms: 60_000, real_time: true, ..Setup::default() })?;
    let number = |count: u64| count.to_string();
    let filled = std::process::Command::new(std::env::current_exe()?)
        .args([
            "bench",
            "recovery",
            "--entities",
            &number(options.entities),
            "--tail",
            &number(options.tail),
            "--fill",
        ])
        .arg(&folder.0)
        .output()?;
    let said = String::from_utf8_lossy(&filled.stdout).into_owned();
    let figures: Vec<i64> = said.split_whitespace().filter_map(|text| text.parse().ok()).collect();
    let [acknowledged, start_ms] = figures.as_slice() else { anyhow::bail!("the child said: {said}") };
    let (acknowledged, start) = (u64::try_from(*acknowledged)?, Timestamp::from_unix_millis(*start_ms));
    actix_web::rt::System::new().block_on(recover(&folder, options, acknowledged, start)).map(|()| 0)
}

/// Fills a folder, says how many records were acknowledged, and dies as with kill -9.
async fn fill(folder: PathBuf, options: &Options) -> anyhow::Result<u8> {
    let (service, _) = world::start(&folder).await?;
    let (service, tenant) = (Arc::new(service), world::tenant()?);
    let (customers, requests) = (options.entities / 3, options.entities - options.entities / 3);
    let world = World::new(&service, &tenant, customers, requests);
    world::settle(&service, &tenant, world).await?;
    service.checkpointer.send(Offer).await?.map_err(anyhow::Error::msg)?;
    let pace = Pace { in_flight: 16_000, batch: 1_000, rate: None, first_id: 0 };
    world::drive(&service, &tenant, options.tail, pace, |number| Ok(world.attempt(number))).await?;
    let records = service.writer.statistics().records.load(std::sync::atomic::Ordering::Relaxed);
    println!("{records} {}", world.start.unix_millis());
    std::process::abort();
}

async fn recover(folder: &Folder, options: &Options, acknowledged: u64, start: Timestamp) -> anyhow::Result<()> {
    let started = Instant::now();
    let (service, _) = world::start(&folder.0).await?;
    let recovered = started.elapsed().as_secs_f64();
    let world = World { customers: options.entities / 3, requests: 1, start };
    let first = Instant::now();
    let (version, ..) =
        service.router.read(EntityId::Customer(world.customer(0)), 0).await.map_err(anyhow::Error::msg)?;
    let first = first.elapsed();
    let lost = acknowledged.saturating_sub(service.writer.position());
    println!("W4 recovery: {} entities, {} records after the checkpoint", options.entities, options.tail);
    println!("  serving after    {recovered:>9.2} s, {} records replayed", service.recovery.replayed);
    println!("  first read       {:>9.2} ms (version {version})", first.as_secs_f64() * 1_000.0);
    println!("  acknowledged     {acknowledged:>9}, of them lost {lost}");
    println!("  memory           {:>9} kB", world::memory_kb("VmHWM"));
    anyhow::ensure!(lost == 0, "acknowledged records are lost");
    service.stop().await;
    Ok(())
}
