//! `quittance resend`.

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;
use serde_json::{Value as Json, json};

use super::client::{self, Client, Connection};

/// How often it is asked how far it is.
const EVERY: Duration = Duration::from_millis(500);

#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    connection: Connection,
    /// The endpoint.
    endpoint: String,
    /// From this time on, as in 2026-03-01T00:00:00+01:00.
    #[arg(long, required_unless_present = "after")]
    since: Option<String>,
    /// Before this time.
    #[arg(long)]
    before: Option<String>,
    /// After this cursor of the stream; 0 for all.
    #[arg(long)]
    after: Option<String>,
    /// Up to this cursor.
    #[arg(long)]
    until: Option<String>,
    /// Event types, apart by commas, as in payment_request.*.
    #[arg(long)]
    types: Option<String>,
    /// Of this customer only, by its id.
    #[arg(long)]
    customer: Option<String>,
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    client::run(async {
        let client = Client::new(options.connection.clone())?;
        let Options { endpoint, since, before, after, until, types, customer, .. } = options;
        let mut body = json!({});
        for (key, value) in [
            ("since", since),
            ("before", before),
            ("after", after),
            ("until", until),
            ("types", types),
            ("customer", customer),
        ] {
            if let (Some(value), Some(body)) = (value, body.as_object_mut()) {
                body.insert(key.to_owned(), value.as_str().into());
            }
        }
        let mut job = client.post(&format!("/v1/endpoints/{endpoint}/replay"), &body).await?;
        let text = |job: &Json, key: &str| job.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        let number = |job: &Json, key: &str| job.get(key).and_then(Json::as_u64).unwrap_or(0);
        let (id, shows) = (text(&job, "id"), std::io::stderr().is_terminal());
        eprintln!("{id} goes on by itself: POST /v1/replays/{id}/stop stops it");
        while text(&job, "status") == "running" {
            if shows {
                eprint!("\r{:>3} %  {} sent once more", number(&job, "percent"), number(&job, "replayed"));
            }
            tokio::time::sleep(EVERY).await;
            job = client.get(&format!("/v1/replays/{id}")).await?;
        }
        if shows {
            eprintln!();
        }
        println!("{}: {} sent once more to {endpoint}", text(&job, "status"), number(&job, "replayed"));
        if text(&job, "status") == "failed" {
            anyhow::bail!("{}; it was at cursor {}", text(&job, "error"), text(&job, "cursor"));
        }
        Ok(0)
    })
}
