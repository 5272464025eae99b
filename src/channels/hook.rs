//! Signed hooks. Source: Standard Webhooks 1.0.0, signatures v1 (symmetric) and v1a (Ed25519).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::thread::ThreadId;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use quittance_actors::delivery::{Fault, Verdict};
use quittance_actors::values::Timestamp;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use thiserror::Error;

use super::credentials::Credentials;
use super::{Policy, Vetted, by_status, later, never};
use crate::clock;
use crate::export::{Format, Tells};

/// Bytes of a body.
const BODY_BYTES_MAX: usize = 256 << 10;

/// Bytes of an answer that is read.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Why a signing secret was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum SecretError {
    #[error("a signing secret starts with whsec_, a private key with whsk_")]
    Prefix,
    #[error("a signing secret is base64 of 24 to 64 bytes")]
    Length,
    #[error("a private key is base64 of an Ed25519 seed and its public key, 64 bytes")]
    Pair,
}

/// What signs for an endpoint: one key, or several side by side while the other side changes from one to the next.
#[derive(Clone)]
pub struct SigningKey(Vec<Key>);

#[derive(Clone)]
enum Key {
    /// Signature v1: a secret that both sides have.
    Secret(Vec<u8>),
    /// Signature v1a: who verifies it cannot sign.
    Private(Arc<Ed25519KeyPair>),
}

impl SigningKey {
    /// Reads `whsec_` and base64 of 24 to 64 bytes, or `whsk_` and base64 of an Ed25519 key pair.
    pub fn parse(secret: &str) -> Result<Self, SecretError> {
        Key::parse(secret).map(|key| Self(vec![key]))
    }

    /// Reads keys that sign side by side, the first in front.
    pub fn parse_all<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Result<Self, SecretError> {
        secrets.into_iter().map(Key::parse).collect::<Result<_, _>>().map(Self)
    }

    /// The value of `webhook-signature` for a message: each key's signature, apart by a space.
    pub fn sign(&self, id: &str, timestamp_s: i64, body: &[u8]) -> String {
        let signatures: Vec<String> = self.0.iter().map(|key| key.sign(id, timestamp_s, body)).collect();
        signatures.join(" ")
    }

    /// Whether one of the signatures of a message, apart by blanks, is of one of these keys.
    pub fn verifies(&self, signatures: &str, (id, timestamp_s): (&str, i64), body: &[u8]) -> bool {
        let known: Vec<String> = self.0.iter().map(|key| key.sign(id, timestamp_s, body)).collect();
        let same = |signature: &str| known.iter().any(|known| known.as_bytes().ct_eq(signature.as_bytes()).into());
        signatures.split(' ').filter(|signature| same(signature)).count() > 0
    }
}

impl Key {
    fn parse(secret: &str) -> Result<Self, SecretError> {
        if let Some(encoded) = secret.strip_prefix("whsk_") {
            let bytes = STANDARD.decode(encoded).map_err(|_| SecretError::Pair)?;
            let (seed, public) = bytes.split_at_checked(32).ok_or(SecretError::Pair)?;
            let pair = Ed25519KeyPair::from_seed_and_public_key(seed, public).map_err(|_| SecretError::Pair)?;
            return Ok(Key::Private(Arc::new(pair)));
        }
        let encoded = secret.strip_prefix("whsec_").ok_or(SecretError::Prefix)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| SecretError::Length)?;
        if (24..=64).contains(&bytes.len()) { Ok(Key::Secret(bytes)) } else { Err(SecretError::Length) }
    }

    fn sign(&self, id: &str, timestamp_s: i64, body: &[u8]) -> String {
        let head = format!("{id}.{timestamp_s}.");
        match self {
            Key::Secret(secret) => {
                // HMAC takes a key of any length, so this cannot fail.
                let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes any key");
                mac.update(head.as_bytes());
                mac.update(body);
                format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
            }
            Key::Private(pair) => {
                let message = [head.as_bytes(), body].concat();
                format!("v1a,{}", STANDARD.encode(pair.sign(&message)))
            }
        }
    }
}

/// A client with nothing around it, to measure ours against.
pub fn bare_client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder().no_proxy().build()
}

/// Whether a text is a certificate and its key, as PEM.
pub fn is_certificate(pem: &str) -> bool {
    reqwest::Identity::from_pem(pem.as_bytes()).is_ok()
}

/// A fresh private key, `whsk_…`, and the public key to verify by, `whpk_…`, of a random seed.
pub fn key_pair(seed: &[u8; 32]) -> Result<(String, String), SecretError> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| SecretError::Pair)?;
    let public = pair.public_key().as_ref();
    let private = STANDARD.encode([seed.as_slice(), public].concat());
    Ok((format!("whsk_{private}"), format!("whpk_{}", STANDARD.encode(public))))
}

/// Whom hooks call, and how.
pub struct Endpoint {
    /// The address.
    pub url: String,
    /// What signs.
    pub key: SigningKey,
    /// What calls show beside their signature.
    pub credentials: Credentials,
    /// What calls go through, if they show a certificate.
    pub client: Option<reqwest::Client>,
    /// What it hears of an event.
    pub tells: Tells,
    /// How that is written.
    pub format: Format,
}

/// What is sent.
pub struct Body {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What they are.
    pub content_type: &'static str,
    /// Headers of its own.
    pub headers: Vec<(String, String)>,
}

impl Body {
    /// JSON that is written.
    pub fn json(bytes: Vec<u8>) -> Self {
        Self { bytes, content_type: "application/json", headers: Vec::new() }
    }
}

/// Calls endpoints.
pub struct Hooks {
    /// One for each thread that calls: what one thread has opened, another would only be woken for.
    clients: Mutex<HashMap<ThreadId, reqwest::Client>>,
    vetted: Vetted,
    allow_http: bool,
    timeout: Duration,
}

impl Hooks {
    /// Calls by `policy`, with one deadline for each. No redirects, no proxy of the environment.
    pub fn new(policy: Policy, allow_http: bool, timeout_ms: u64) -> Result<Self, reqwest::Error> {
        let vetted = Vetted::new(policy);
        let timeout = Duration::from_millis(timeout_ms);
        // What cannot be built is heard of at the start.
        let client = builder(&vetted, timeout).build()?;
        let clients = Mutex::new(HashMap::from([(std::thread::current().id(), client)]));
        Ok(Self { clients, vetted, allow_http, timeout })
    }

    /// The client of this thread.
    fn client(&self) -> Result<reqwest::Client, Verdict> {
        let mut clients = self.clients.lock();
        match clients.entry(std::thread::current().id()) {
            Entry::Occupied(known) => Ok(known.get().clone()),
            Entry::Vacant(new) => {
                let client = builder(&self.vetted, self.timeout).build();
                Ok(new.insert(client.map_err(|_| later(Fault::Settings, "no client can be made"))?).clone())
            }
        }
    }

    /// What calls go through that show a certificate: its PEM with the key.
    pub fn with_certificate(&self, pem: &str) -> Result<reqwest::Client, reqwest::Error> {
        let identity = reqwest::Identity::from_pem(pem.as_bytes())?;
        builder(&self.vetted, self.timeout).identity(identity).build()
    }

    /// Calls an endpoint once with the signed body. `id` is the same on every try.
    pub async fn send(&self, endpoint: &Endpoint, id: &str, body: Body, now: Timestamp) -> Verdict {
        if let Some(url) = endpoint.credentials.token_url()
            && let Err(verdict) = self.permitted(url)
        {
            return verdict;
        }
        let own = match self.client() {
            Ok(client) => client,
            Err(verdict) => return verdict,
        };
        let client = endpoint.client.as_ref().unwrap_or(&own);
        let now = match endpoint.credentials.ready(&own).await {
            // It may have taken a while, and the signature says when it was made.
            Ok(true) => clock::system_now(),
            Ok(false) => now,
            Err(verdict) => return verdict,
        };
        let request = match self.request(client, &endpoint.url, (&endpoint.key, id), body, now) {
            Ok(request) => endpoint.credentials.show(request, &own).await,
            Err(verdict) => Err(verdict),
        };
        let answered = match request {
            Ok(request) => answered(request, now).await,
            Err(verdict) => Err(verdict),
        };
        // The answer's body is not read: it says nothing that counts, and could be endless.
        match answered {
            Ok((verdict, answer)) => {
                if answer.status() == reqwest::StatusCode::UNAUTHORIZED {
                    endpoint.credentials.refused().await;
                }
                steered(verdict, &answer)
            }
            Err(verdict) => verdict,
        }
    }

    /// As [`Hooks::send`], with the id as idempotency key; gives the answer's body as well, of which it
    /// takes a bounded part.
    pub async fn ask(
        &self, url: &str, key: &SigningKey, id: &str, body: Vec<u8>, now: Timestamp,
    ) -> (Verdict, Vec<u8>) {
        let request = self.client().and_then(|client| self.request(&client, url, (key, id), Body::json(body), now));
        let answered = match request {
            Ok(request) => answered(request, now).await,
            Err(verdict) => Err(verdict),
        };
        let (verdict, mut answer) = match answered {
            Ok(answered) => answered,
            Err(verdict) => return (verdict, Vec::new()),
        };
        let mut told = Vec::new();
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) if told.len() + chunk.len() <= ANSWER_BYTES_MAX => told.extend_from_slice(&chunk),
                Ok(Some(_)) => return (later(Fault::Broken, "the answer is too long"), Vec::new()),
                Ok(None) => return (verdict, told),
                Err(error) => return (closed_set(&error), Vec::new()),
            }
        }
    }

    /// The address, if it may be called.
    fn permitted(&self, url: &str) -> Result<url::Url, Verdict> {
        let url = url::Url::parse(url).map_err(|_| never(Fault::Settings, "the address is not a URL"))?;
        if url.scheme() != "https" && !(self.allow_http && url.scheme() == "http") {
            return Err(never(Fault::Settings, "only https addresses are called"));
        }
        self.vetted.check_literal(&url).map_err(|why| never(Fault::Settings, why))?;
        Ok(url)
    }

    fn request(
        &self, client: &reqwest::Client, url: &str, (key, id): (&SigningKey, &str), body: Body, now: Timestamp,
    ) -> Result<reqwest::RequestBuilder, Verdict> {
        let url = self.permitted(url)?;
        let Body { bytes: body, content_type, headers } = body;
        if body.len() > BODY_BYTES_MAX {
            return Err(never(Fault::Content, format!("the body is larger than {} KiB", BODY_BYTES_MAX >> 10)));
        }
        let timestamp_s = now.unix_millis().div_euclid(1_000);
        let signature = key.sign(id, timestamp_s, &body);
        let request =
            headers.into_iter().fold(client.post(url), |request, (name, value)| request.header(name, value));
        Ok(request
            .header("content-type", content_type)
            .header("idempotency-key", id)
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp_s.to_string())
            .header("webhook-signature", signature)
            .body(body))
    }
}

fn builder(vetted: &Vetted, timeout: Duration) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .dns_resolver(vetted.clone())
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(timeout)
        .connect_timeout(timeout.min(Duration::from_secs(5)))
        .user_agent("quittance/1")
}

async fn answered(request: reqwest::RequestBuilder, now: Timestamp) -> Result<(Verdict, reqwest::Response), Verdict> {
    let answer = request.send().await.map_err(|error| closed_set(&error))?;
    let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let verdict = by_status(answer.status(), retry_after, now.unix_millis().div_euclid(1_000));
    Ok((verdict, answer))
}

/// What the receiver says beside its status: `webhook-delivery: abort-message` gives this message up, `disable` has
/// nothing more sent for a while.
fn steered(verdict: Verdict, answer: &reqwest::Response) -> Verdict {
    let said = answer.headers().get("webhook-delivery").and_then(|value| value.to_str().ok());
    match (said.map(str::trim), verdict) {
        (_, accepted @ Verdict::Accepted { .. }) => accepted,
        (Some("abort-message"), _) => never(Fault::Refused, "the receiver does not want this message"),
        (Some("disable"), _) => Verdict::Declined { error: "the receiver wants nothing more".to_owned() },
        (_, verdict) => verdict,
    }
}

/// What went wrong, without a detail that would make a hook a port scanner.
fn closed_set(error: &reqwest::Error) -> Verdict {
    if error.is_timeout() {
        later(Fault::Timeout, "no answer in time")
    } else if error.is_connect() {
        later(Fault::Connection, "no connection")
    } else {
        later(Fault::Broken, "the call broke")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_agree_with_the_reference_vectors() {
        for (secret, id, timestamp, body, signature) in [
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                "{\"test\": 2432232314}",
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
            (
                "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                1_649_367_553,
                "{\"email\":\"test@example.com\",\"username\":\"test_user\"}",
                "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            ),
        ] {
            let key = SigningKey::parse(secret).unwrap();
            assert_eq!(key.sign(id, timestamp, body.as_bytes()), signature);
        }
        // The first message under the asymmetric key of the reference implementation, and beside its own key.
        let (symmetric, private) = (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
        );
        let key = SigningKey::parse_all([symmetric, private]).unwrap();
        assert_eq!(
            key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b"{\"test\": 2432232314}"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= \
             v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
        );
        let (private, public) = key_pair(&[7; 32]).unwrap();
        assert!(SigningKey::parse(&private).is_ok() && public.starts_with("whpk_"));
    }

    #[test]
    fn secrets_of_other_forms_are_refused() {
        assert_eq!(SigningKey::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").err(), Some(SecretError::Prefix));
        assert_eq!(SigningKey::parse("whsec_c2hvcnQ=").err(), Some(SecretError::Length));
        assert_eq!(SigningKey::parse("whsec_???").err(), Some(SecretError::Length));
        assert_eq!(SigningKey::parse("whsk_c2hvcnQ=").err(), Some(SecretError::Pair));
        // The public half of another pair.
        let (mine, other) = (key_pair(&[1; 32]).unwrap().0, key_pair(&[2; 32]).unwrap().0);
        let bytes = |key: &str| STANDARD.decode(key.strip_prefix("whsk_").unwrap()).unwrap();
        let mixed = [&bytes(&mine)[..32], &bytes(&other)[32..]].concat();
        assert_eq!(SigningKey::parse(&format!("whsk_{}", STANDARD.encode(mixed))).err(), Some(SecretError::Pair));
    }
}
