//! `quittance listen`: events as they come, shown or handed on to an address of one's own.

use std::io::Write as _;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::Value as Json;

use super::client::{self, Client, Connection};
use super::exit;
use super::secret::fresh;
use crate::channels::hook::SigningKey;
use crate::clock;

/// How long one call waits for what comes.
const WAIT_S: u64 = 20;
/// Before a service that went away is asked again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long an answer of the address is waited for.
const ANSWERED_IN: Duration = Duration::from_secs(15);

#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    connection: Connection,
    /// Event types, apart by commas, as in payment_request.*; all without it.
    #[arg(long)]
    types: Option<String>,
    /// Where each event is sent, signed as a hook is.
    #[arg(long)]
    forward_to: Option<reqwest::Url>,
    /// The secret it is signed with; a fresh one without it, which is shown.
    #[arg(long, env = "QUITTANCE_HOOK_SECRET", hide_env_values = true, requires = "forward_to")]
    secret: Option<String>,
    /// From this cursor of the stream on: 0 for all that happened, now for what comes.
    #[arg(long, default_value = "now")]
    after: String,
    /// Ends after so many events.
    #[arg(long)]
    count: Option<u64>,
    /// Ends when so many seconds bring no event.
    #[arg(long)]
    timeout: Option<u64>,
    /// Shows each event as a line of JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    let forward = match &options.forward_to {
        Some(url) => Some(Forward::new(url.clone(), options.secret.clone())?),
        None => None,
    };
    client::run(listen(options, forward))
}

async fn listen(options: &Options, forward: Option<Forward>) -> anyhow::Result<u8> {
    let client = Client::new(options.connection.clone())?;
    let types: String =
        url::form_urlencoded::byte_serialize(options.types.as_deref().unwrap_or("*").as_bytes()).collect();
    let mut cursor = options.after.clone();
    let (mut heard, mut failed, mut quiet_since) = (0_u64, false, Instant::now());
    let (mut reached, mut away) = (false, false);
    loop {
        let quiet_s = quiet_since.elapsed().as_secs();
        if let Some(seconds) = options.timeout.filter(|seconds| quiet_s >= *seconds) {
            anyhow::bail!("no event within {seconds} seconds");
        }
        // The first call only says where the stream is; none waits longer than is left.
        let wait = if reached { options.timeout.map_or(WAIT_S, |seconds| WAIT_S.min(seconds - quiet_s)) } else { 0 };
        let page = client.get(&format!("/v1/stream?after={cursor}&types={types}&limit=100&wait={wait}")).await;
        let page = match page {
            Ok(page) => page,
            // It was there and is being started again: what comes meanwhile is in the log.
            Err(error) if reached && client::is_unreachable(&error) => {
                if !std::mem::replace(&mut away, true) {
                    eprintln!("{error}");
                }
                tokio::time::sleep(AGAIN).await;
                continue;
            }
            Err(error) => return Err(error),
        };
        away = false;
        if !std::mem::replace(&mut reached, true) {
            eprintln!("listening at {}", options.connection.url);
        }
        for event in page.get("data").and_then(Json::as_array).into_iter().flatten() {
            let answer = match &forward {
                Some(forward) => Some(forward.send(event).await),
                None => None,
            };
            failed |= answer.as_ref().is_some_and(|answer| !answer.taken);
            let mut out = std::io::stdout().lock();
            match options.json {
                true => writeln!(out, "{event}")?,
                false => writeln!(out, "{}", line(event, answer.as_ref()))?,
            }
            out.flush()?;
            (heard, quiet_since) = (heard + 1, Instant::now());
            if options.count.is_some_and(|count| heard >= count) {
                return Ok(if failed { exit::FINDINGS } else { 0 });
            }
        }
        if let Some(next) = page.get("cursor").and_then(Json::as_str) {
            next.clone_into(&mut cursor);
        }
    }
}

/// An event in a line, and what became of it.
fn line(event: &Json, answer: Option<&Answer>) -> String {
    let text = |key: &str| event.get(key).and_then(Json::as_str).unwrap_or_default();
    let about = ["request", "transfer", "plan", "customer", "file"].into_iter().find_map(|what| {
        let of = event.get("data")?.get(what)?;
        of.get("external_ref").or_else(|| of.get("name")).or_else(|| of.get("id"))?.as_str()
    });
    let mut line = format!("{}  {:<34} {}", text("timestamp"), text("type"), about.unwrap_or_default());
    if let Some(Answer { said, took_ms, .. }) = answer {
        line.push_str(&format!("  -> {said} in {took_ms} ms"));
    }
    line
}

/// Hands events on.
struct Forward {
    http: reqwest::Client,
    url: reqwest::Url,
    key: SigningKey,
}

/// What the address said.
struct Answer {
    taken: bool,
    said: String,
    took_ms: u128,
}

impl Forward {
    fn new(url: reqwest::Url, secret: Option<String>) -> anyhow::Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let secret = match secret {
            Some(secret) => secret,
            None => {
                let secret = fresh();
                eprintln!("signed with {secret}");
                secret
            }
        };
        let key = SigningKey::parse(&secret).map_err(|error| anyhow::Error::msg(error.to_string()))?;
        let redirect = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().no_proxy().redirect(redirect).timeout(ANSWERED_IN).build()?;
        Ok(Self { http, url, key })
    }

    /// Sends an event once, as a hook is.
    async fn send(&self, event: &Json) -> Answer {
        let id = event.get("id").and_then(Json::as_str).unwrap_or_default();
        let body = event.to_string().into_bytes();
        let timestamp_s = clock::system_now().unix_millis().div_euclid(1_000);
        let signature = self.key.sign(id, timestamp_s, &body);
        let began = Instant::now();
        let request = self
            .http
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp_s.to_string())
            .header("webhook-signature", signature)
            .body(body);
        let answered = request.send().await;
        let took_ms = began.elapsed().as_millis();
        match answered {
            Ok(answer) => {
                Answer { taken: answer.status().is_success(), said: answer.status().as_u16().to_string(), took_ms }
            }
            Err(error) if error.is_timeout() => Answer { taken: false, said: "no answer".to_owned(), took_ms },
            Err(_) => Answer { taken: false, said: "no connection".to_owned(), took_ms },
        }
    }
}
