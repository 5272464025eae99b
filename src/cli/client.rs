//! Calls to a running service.

use clap::Args;
use serde_json::Value as Json;

/// Where the service is, and the key to it.
#[derive(Args, Clone)]
pub(super) struct Connection {
    /// Where the service is.
    #[arg(long, global = true, env = "QUITTANCE_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// The API key.
    #[arg(long, global = true, env = "QUITTANCE_API_KEY", hide_env_values = true)]
    pub key: Option<String>,
}

/// A client of one service.
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    key: String,
}

/// The service could not be reached.
#[derive(Debug, thiserror::Error)]
#[error("{url} cannot be reached: is the service running?")]
pub(super) struct Unreachable {
    url: String,
}

impl Client {
    pub(super) fn new(connection: Connection) -> anyhow::Result<Self> {
        // One provider of cryptography in the process; a second start keeps the first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build()?;
        let key = connection.key.ok_or_else(|| anyhow::Error::msg("say --key or set QUITTANCE_API_KEY"))?;
        Ok(Self { http, url: connection.url, key })
    }

    fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.url.trim_end_matches('/'));
        let random = crate::digest::hex(&crate::clock::random_bytes::<16>());
        self.http.request(method, url).bearer_auth(&self.key).header("Idempotency-Key", random)
    }

    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Json> {
        self.answer(self.request(reqwest::Method::GET, path)).await
    }

    pub(super) async fn post(&self, path: &str, body: &Json) -> anyhow::Result<Json> {
        self.answer(self.request(reqwest::Method::POST, path).json(body)).await
    }

    pub(super) async fn upload(&self, path: &str, bytes: Vec<u8>) -> anyhow::Result<Json> {
        self.answer(self.request(reqwest::Method::POST, path).body(bytes)).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Json> {
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(_) => return Err(Unreachable { url: self.url.clone() }.into()),
        };
        let status = answer.status();
        let json: Json = answer.json().await.unwrap_or_default();
        if status.is_success() {
            return Ok(json);
        }
        let text = |key: &str| json.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        let mut problem = format!("{} {}: {}", status.as_u16(), text("title"), text("detail"));
        for error in json.get("errors").and_then(Json::as_array).into_iter().flatten() {
            let part = |key: &str| error.get(key).and_then(Json::as_str).unwrap_or_default();
            problem.push_str(&format!("\n  {}: {}", part("pointer"), part("detail")));
        }
        for found in json.get("findings").and_then(Json::as_array).into_iter().flatten() {
            let part = |key: &str| found.get(key).and_then(Json::as_str).unwrap_or_default();
            let at = |key: &str| found.get(key).and_then(Json::as_u64).unwrap_or(0);
            let place = format!("{}:{}:{}", part("file"), at("line"), at("column"));
            problem.push_str(&format!("\n  {place} {}: {}", part("message"), part("label")));
        }
        Err(anyhow::Error::msg(problem))
    }
}

/// Whether a call failed since the service is not there.
pub(super) fn is_unreachable(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Unreachable>().is_some()
}

/// Runs a call; a service that is not there has its own exit code.
pub(super) fn run(call: impl Future<Output = anyhow::Result<u8>>) -> anyhow::Result<u8> {
    match actix_web::rt::System::new().block_on(call) {
        Err(error) if is_unreachable(&error) => {
            eprintln!("quittance: {error}");
            Ok(super::exit::UNREACHABLE)
        }
        other => other,
    }
}
