//! `quittance bench`.

mod delivery;
mod files;
mod http;
mod ingest;
mod mail;
mod recon;
mod recovery;
mod timers;
mod world;
mod year;

use clap::{Args, Subcommand};

#[derive(Args)]
pub(super) struct Options {
    #[command(subcommand)]
    work: Work,
}

#[derive(Subcommand)]
enum Work {
    /// Payment events through state, rules, timers and notifications; acknowledged when synced.
    Ingest(ingest::Options),
    /// The same over HTTP: batches, single lines, one at a time.
    Http(http::Options),
    /// Hooks to receivers on this machine, and how long an event takes to arrive.
    Delivery(delivery::Options),
    /// Mail to a relay on this machine.
    Mail(mail::Options),
    /// Timers spread over a time, all at once, and far ahead.
    Timers(timers::Options),
    /// A bank statement from its directory to the log.
    Files(files::Options),
    /// A start after kill -9.
    Recovery(recovery::Options),
    /// Transfers with a known truth: how many, how right, and what others would do.
    Recon(recon::Options),
    /// A year of requests, reminders, collections and new attempts in virtual time.
    Year(year::Options),
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    match &options.work {
        Work::Ingest(options) => ingest::run(options),
        Work::Http(options) => http::run(options),
        Work::Delivery(options) => delivery::run(options),
        Work::Mail(options) => mail::run(options),
        Work::Timers(options) => timers::run(options),
        Work::Files(options) => files::run(options),
        Work::Recovery(options) => recovery::run(options),
        Work::Recon(options) => recon::run(options),
        Work::Year(options) => year::run(options),
    }
}
