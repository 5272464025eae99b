//! Signed hooks. Source: Standard Webhooks 1.0.0, symmetric signature v1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use quittance_actors::delivery::Verdict;
use quittance_actors::values::Timestamp;
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
    #[error("a signing secret starts with whsec_")]
    Prefix,
    #[error("a signing secret is base64 of 24 to 64 bytes")]
    Length,
}

/// The key of an endpoint.
#[derive(Clone)]
pub struct SigningKey(Vec<u8>);

impl SigningKey {
    /// Reads `whsec_` and base64 of 24 to 64 bytes.
    pub fn parse(secret: &str) -> Result<Self, SecretError> {
        let encoded = secret.strip_prefix("whsec_").ok_or(SecretError::Prefix)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| SecretError::Length)?;
        if (24..=64).contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(SecretError::Length) }
    }

    /// The value of `webhook-signature` for a message.
    pub fn sign(&self, id: &str, timestamp_s: i64, body: &[u8]) -> String {
        // HMAC takes a key of any length, so this cannot fail.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes any key");
        mac.update(id.as_bytes());
        mac.update(format!(".{timestamp_s}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
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
    }

    #[test]
    fn secrets_of_other_forms_are_refused() {
        assert_eq!(SigningKey::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").err(), Some(SecretError::Prefix));
        assert_eq!(SigningKey::parse("whsec_c2hvcnQ=").err(), Some(SecretError::Length));
        assert_eq!(SigningKey::parse("whsec_???").err(), Some(SecretError::Length));
    }
}
