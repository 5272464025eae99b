//! `quittance bench`.

mod ingest;

use clap::{Args, Subcommand};

#[derive(Args)]
pub(super) struct Options {
    #[command(subcommand)]
    work: Work,
}

#[derive(Subcommand)]
enum Work {
    /// Payment events through state, rules, a timer and notifications; acknowledged when synced.
    Ingest {
        /// Events in all, over a twentieth as many customers and a tenth as many requests.
        #[arg(long, default_value_t = 200_000)]
        events: u64,
        /// Commands under way at once.
        #[arg(long, default_value_t = 4_096)]
        in_flight: usize,
        /// Commands of one batch.
        #[arg(long, default_value_t = 512)]
        batch: usize,
    },
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    match options.work {
        Work::Ingest { events, in_flight, batch } => ingest::run(events, in_flight, batch),
    }
}
