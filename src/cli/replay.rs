//! `quittance replay`.

use std::time::Instant;

use clap::Args;

use super::data::Data;
use super::exit;
use crate::replay::{self, Digest};

/// Differences shown.
const SHOWN: usize = 20;

#[derive(Args)]
pub(super) struct Options {
    /// Compare with the store, which must not be in use.
    #[arg(long)]
    verify: bool,
    /// Show the digest of every partition that holds something.
    #[arg(long)]
    digests: bool,
    #[command(flatten)]
    data: Data,
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    let data = options.data.folder()?;
    let started = Instant::now();
    let replayed = match replay::replay(&data, options.verify) {
        Ok(replayed) => replayed,
        Err(error) => {
            eprintln!("quittance: {error}");
            return Ok(exit::FINDINGS);
        }
    };
    let took = started.elapsed();
    let (entities, pending) = replayed
        .digests
        .iter()
        .fold((0, 0), |(entities, pending), digest| (entities + digest.entities, pending + digest.pending));
    println!("{} records replayed in {} ms", replayed.records, took.as_millis());
    println!("  entities  {entities}");
    println!("  pending   {pending} deliveries");
    if options.digests {
        for (partition, Digest { hash, sequence, entities, pending }) in replayed.digests.iter().enumerate() {
            if *sequence > 0 {
                println!("  {partition:>3}  {hash:016x}  record {sequence}, {entities} entities, {pending} pending");
            }
        }
    }
    if !options.verify {
        return Ok(0);
    }
    if !replayed.compared {
        println!("There is no store to compare with: the next start builds it from the log.");
        return Ok(0);
    }
    if replayed.differences.is_empty() {
        println!("The store and the tail of the log hold the same in every partition.");
        return Ok(0);
    }
    println!("{} differences from the store:", replayed.differences.len());
    replayed.differences.iter().take(SHOWN).for_each(|difference| println!("  {difference}"));
    println!("The log is the truth: set the folder \"store\" aside, and the next start builds it again.");
    Ok(exit::FINDINGS)
}
