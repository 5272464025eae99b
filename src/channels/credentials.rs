//! What a call shows of itself beside its signature: a name and password, a token, or one that another server gives.

use std::time::Duration;

use quittance_actors::delivery::{Fault, Verdict};
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use serde_json::Value as Json;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{later, never};
use crate::config::{Credentials as Configured, Secret};

/// Bytes of a token server's answer.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// How long a token is used of which nothing is said, and the least of any.
const DEFAULT_S: u64 = 300;
const LEAST_S: u64 = 30;
/// How long before its end a token is not used any more.
const MARGIN_S: u64 = 30;
/// How long a server that gave none is left alone.
const AGAIN_S: u64 = 3;

/// What calls to one endpoint show.
pub struct Credentials {
    configured: Configured,
    /// The token another server gave, or why it gave none, and until when that counts.
    token: Mutex<Option<(Result<Secret, Verdict>, Instant)>>,
}

#[derive(Deserialize)]
struct Given {
    access_token: String,
    /// A number, and from some servers a text.
    expires_in: Option<Json>,
}

impl Credentials {
    /// What the configuration says.
    pub fn new(configured: Configured) -> Self {
        Self { configured, token: Mutex::new(None) }
    }

    /// The address that gives tokens, if one does.
    pub fn token_url(&self) -> Option<&str> {
        match &self.configured {
            Configured::ClientCredentials { token_url, .. } => Some(token_url),
            _ => None,
        }
    }

    /// Has a token there before a call is made; whether one is needed.
    pub async fn ready(&self, client: &Client) -> Result<bool, Verdict> {
        match &self.configured {
            Configured::ClientCredentials { .. } => self.token(client).await.map(|_| true),
            _ => Ok(false),
        }
    }

    /// The call with what it shows. `client` asks for a token.
    pub async fn show(&self, request: RequestBuilder, client: &Client) -> Result<RequestBuilder, Verdict> {
        Ok(match &self.configured {
            Configured::None => request,
            Configured::Basic { user, password } => request.basic_auth(user, Some(password.reveal())),
            Configured::Bearer { token } => request.bearer_auth(token.reveal()),
            Configured::Header { name, value } => request.header(name, value.reveal()),
            Configured::ClientCredentials { .. } => request.bearer_auth(self.token(client).await?.reveal()),
        })
    }

    /// The other side does not take the token: the next try asks for another.
    pub async fn refused(&self) {
        *self.token.lock().await = None;
    }

    /// A token that is good for a while; calls at the same time ask once. Source: RFC 6749 §4.4.
    async fn token(&self, client: &Client) -> Result<Secret, Verdict> {
        let Configured::ClientCredentials { token_url, client_id, client_secret, scope } = &self.configured else {
            return Err(never(Fault::Settings, "no token server is configured"));
        };
        let mut held = self.token.lock().await;
        if let Some((token, until)) = held.as_ref()
            && Instant::now() < *until
        {
            return token.clone();
        }
        let asked = ask(client, token_url, (client_id, client_secret), scope.as_deref()).await;
        let (token, lasts_s) = match asked {
            Ok((token, lasts_s)) => (Ok(token), lasts_s),
            Err(verdict) => (Err(verdict), AGAIN_S),
        };
        *held = Some((token.clone(), Instant::now() + Duration::from_secs(lasts_s)));
        token
    }
}

/// Asks for a token; gives it with the seconds it is good for.
async fn ask(
    client: &Client, token_url: &str, (client_id, client_secret): (&str, &Secret), scope: Option<&str>,
) -> Result<(Secret, u64), Verdict> {
    let mut form = vec![("grant_type", "client_credentials")];
    form.extend(scope.map(|scope| ("scope", scope)));
    let request = client.post(token_url).basic_auth(client_id, Some(client_secret.reveal())).form(&form);
    let mut answer =
        request.send().await.map_err(|_| later(Fault::Connection, "the token server does not answer"))?;
    if !answer.status().is_success() {
        return Err(later(Fault::Status, format!("the token server answers {}", answer.status().as_u16())));
    }
    let mut body = Vec::new();
    while let Some(chunk) =
        answer.chunk().await.map_err(|_| later(Fault::Broken, "the token server's answer broke off"))?
    {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES_MAX {
            return Err(later(Fault::Broken, "the token server's answer is too long"));
        }
    }
    let given: Given = serde_json::from_slice(&body)
        .map_err(|_| later(Fault::Broken, "the token server's answer holds no access_token"))?;
    let lasts = match &given.expires_in {
        Some(Json::Number(seconds)) => seconds.as_u64(),
        Some(Json::String(seconds)) => seconds.parse().ok(),
        _ => None,
    };
    let lasts = lasts.unwrap_or(DEFAULT_S).clamp(LEAST_S + MARGIN_S, 86_400) - MARGIN_S;
    Ok((Secret::new(&given.access_token), lasts))
}
