//! `quittance clock`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::client::{self, Client, Connection};

#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Shows the time of the tenant.
    Show,
    /// Moves the clock forward; everything that falls due on the way happens.
    Advance {
        /// How far: a number and d, h, m or s, as in 30d.
        by: String,
    },
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    client::run(async {
        let client = Client::new(options.connection.clone())?;
        let clock = match &options.action {
            Action::Show => client.get("/v1/clock").await?,
            Action::Advance { by } => client.post("/v1/clock/advance", &json!({ "by": by })).await?,
        };
        let now = clock.get("now").and_then(|now| now.as_str()).unwrap_or_default();
        match clock.get("timers_fired").and_then(|fired| fired.as_u64()) {
            Some(fired) => println!("{now}  ({fired} timers fired on the way)"),
            None => println!("{now}"),
        }
        Ok(0)
    })
}
