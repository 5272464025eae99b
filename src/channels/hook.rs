//! Signed hooks. Source: Standard Webhooks 1.0.0, signatures v1 (symmetric) and v1a (Ed25519).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use quittance_actors::delivery::Verdict;
use quittance_actors::values::Timestamp;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sha2::Sha256;
use thiserror::Error;

use super::{Policy, Vetted, by_status, later, never};

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

/// A fresh private key, `whsk_…`, and the public key to verify by, `whpk_…`, of a random seed.
pub fn key_pair(seed: &[u8; 32]) -> Result<(String, String), SecretError> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| SecretError::Pair)?;
    let public = pair.public_key().as_ref();
    let private = STANDARD.encode([seed.as_slice(), public].concat());
    Ok((format!("whsk_{private}"), format!("whpk_{}", STANDARD.encode(public))))
}

/// Calls endpoints.
pub struct Hooks {
    client: reqwest::Client,
    vetted: Vetted,
    allow_http: bool,
}

impl Hooks {
    /// Calls by `policy`, with one deadline for each. No redirects, no proxy of the environment.
    pub fn new(policy: Policy, allow_http: bool, timeout_ms: u64) -> Result<Self, reqwest::Error> {
        let vetted = Vetted::new(policy);
        let timeout = std::time::Duration::from_millis(timeout_ms);
        let client = reqwest::Client::builder()
            .dns_resolver(vetted.clone())
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(timeout)
            .connect_timeout(timeout.min(std::time::Duration::from_secs(5)))
            .user_agent("quittance/1")
            .build()?;
        Ok(Self { client, vetted, allow_http })
    }

    /// Calls `url` once with the signed body. `id` is the same on every try.
    pub async fn send(&self, url: &str, key: &SigningKey, id: &str, body: Vec<u8>, now: Timestamp) -> Verdict {
        // The answer's body is not read: it says nothing that counts, and could be endless.
        self.call(url, key, id, body, now).await.map_or_else(|verdict| verdict, |(verdict, _)| verdict)
    }

    /// As [`Hooks::send`], with the id as idempotency key; gives the answer's body as well, of which it
    /// takes a bounded part.
    pub async fn ask(
        &self, url: &str, key: &SigningKey, id: &str, body: Vec<u8>, now: Timestamp,
    ) -> (Verdict, Vec<u8>) {
        let (verdict, mut answer) = match self.call(url, key, id, body, now).await {
            Ok(answered) => answered,
            Err(verdict) => return (verdict, Vec::new()),
        };
        let mut told = Vec::new();
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) if told.len() + chunk.len() <= ANSWER_BYTES_MAX => told.extend_from_slice(&chunk),
                Ok(Some(_)) => return (later("the answer is too long"), Vec::new()),
                Ok(None) => return (verdict, told),
                Err(error) => return (later(closed_set(&error)), Vec::new()),
            }
        }
    }

    async fn call(
        &self, url: &str, key: &SigningKey, id: &str, body: Vec<u8>, now: Timestamp,
    ) -> Result<(Verdict, reqwest::Response), Verdict> {
        let url = url::Url::parse(url).map_err(|_| never("the address is not a URL"))?;
        if url.scheme() != "https" && !(self.allow_http && url.scheme() == "http") {
            return Err(never("only https addresses are called"));
        }
        if let Err(why) = self.vetted.check_literal(&url) {
            return Err(never(why));
        }
        if body.len() > BODY_BYTES_MAX {
            return Err(never(format!("the body is larger than {} KiB", BODY_BYTES_MAX >> 10)));
        }
        let timestamp_s = now.unix_millis().div_euclid(1_000);
        let request = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .header("idempotency-key", id)
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp_s.to_string())
            .header("webhook-signature", key.sign(id, timestamp_s, &body))
            .body(body);
        match request.send().await {
            Ok(answer) => {
                let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
                Ok((by_status(answer.status(), retry_after, timestamp_s), answer))
            }
            Err(error) => Err(later(closed_set(&error))),
        }
    }
}

/// What went wrong, without a detail that would make a hook a port scanner.
fn closed_set(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the call broke"
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
