//! SMS by an HTTP provider: those that are known by name, and any that the configuration describes.
//!
//! No provider takes a key that makes a second try harmless: a call that may have been heard
//! is not repeated, it ends as unknown for a person.

use quittance_actors::delivery::{Fault, Verdict};
use reqwest::{RequestBuilder, Response};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use serde_json::{Value as Json, json};

use super::{Sms, later, never, retry_after_ms};
use crate::clock;
use crate::config::{Ovh, SmsAnswer, SmsBody, SmsCall, SmsProvider};
use crate::digest;
use crate::gsm::is_gsm;

/// Bytes of an answer that is read.
const ANSWER_BYTES_MAX: usize = 64 << 10;

impl Sms<'_> {
    /// What stands in a place of a provider's text; nothing where it is left out.
    fn says(&self, place: &str) -> Option<&str> {
        let gsm = is_gsm(self.text);
        Some(match place {
            "to" => self.to.as_str(),
            "digits" => self.to.as_str().trim_start_matches('+'),
            "from" => self.from,
            "text" => self.text,
            "id" => &self.id,
            "kind" if gsm => "text",
            "kind" => "unicode",
            "unicode" if gsm => "false",
            "unicode" => "true",
            "coding" if gsm => "0",
            "coding" => "2",
            "mask" => self.status_url.as_ref().map(|_| "31")?,
            "status_url" => self.status_url.as_deref()?,
            _ => return None,
        })
    }

    /// A provider's text with what stands in its places, and `{` where it stands twice; `None` when one of them is left
    /// out. What is put in is not looked at again.
    fn filled(&self, text: &str) -> Option<String> {
        let (mut filled, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            if let Some(after) = after.strip_prefix('{') {
                filled.push('{');
                rest = after;
                continue;
            }
            let (place, after) = after.split_once('}')?;
            filled.push_str(self.says(place)?);
            rest = after;
        }
        Some(filled + rest)
    }

    fn pairs(&self, pairs: &[(String, String)]) -> Vec<(String, String)> {
        pairs.iter().filter_map(|(name, value)| Some((name.clone(), self.filled(value)?))).collect()
    }

    fn json(&self, said: &Json) -> Option<Json> {
        Some(match said {
            Json::String(text) if text == "{unicode}" => Json::Bool(!is_gsm(self.text)),
            Json::String(text) => Json::String(self.filled(text)?),
            Json::Array(items) => items.iter().filter_map(|item| self.json(item)).collect(),
            Json::Object(fields) => {
                fields.iter().filter_map(|(name, value)| Some((name.clone(), self.json(value)?))).collect()
            }
            other => other.clone(),
        })
    }
}

/// Sends by one provider.
pub struct SmsChannel {
    client: reqwest::Client,
    provider: SmsProvider,
}

impl SmsChannel {
    /// A sender over `provider`.
    pub fn new(provider: SmsProvider) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(std::time::Duration::from_secs(15))
            // Where nobody answers nothing was heard: that is another matter than an answer that does not come.
            .connect_timeout(std::time::Duration::from_secs(5))
            .build()?;
        Ok(Self { client, provider })
    }

    /// Sends once.
    pub async fn send(&self, sms: &Sms<'_>) -> Verdict {
        let (request, says) = match &self.provider {
            SmsProvider::Catch => return never(Fault::Settings, "SMS are caught, not sent"),
            SmsProvider::Smpp(_) => return never(Fault::Settings, "SMS leave by SMPP"),
            SmsProvider::Call(call) => (self.call(call, sms), call.answer.clone()),
            SmsProvider::Ovh(ovh) => (self.ovh(ovh, sms, clock::system_now().unix_millis() / 1_000), of_ovh()),
        };
        match request.send().await {
            Ok(answer) if answer.status().is_success() => said(answer, &says).await,
            Ok(answer) => match answer.status().as_u16() {
                // It says that it did not take it: too much at once, or nothing at all until a key or credit is renewed.
                status @ (401..=404 | 407 | 408 | 425 | 429 | 503) => {
                    let fault = if matches!(status, 429 | 503) { Fault::Busy } else { Fault::Status };
                    let asked = answer.headers().get("retry-after").and_then(|text| text.to_str().ok());
                    let now_s = clock::system_now().unix_millis() / 1_000;
                    let retry_after_ms = asked.and_then(|text| retry_after_ms(text, now_s));
                    Verdict::Later { fault, error: format!("provider, {status}"), retry_after_ms }
                }
                status @ 400..500 => never(Fault::Refused, format!("by the provider, {status}")),
                // Something behind it failed, after it had taken it or before.
                status => never(Fault::Unheard, format!("the provider may have taken it ({status}); not sent again")),
            },
            Err(error) if error.is_connect() => later(Fault::Connection, "no connection to the provider"),
            Err(error) if error.is_builder() => never(Fault::Settings, "the call cannot be made as it is configured"),
            Err(_) => never(Fault::Unheard, "the provider may have taken it; not sent again"),
        }
    }

    fn call(&self, call: &SmsCall, sms: &Sms<'_>) -> RequestBuilder {
        let mut request = match &call.body {
            SmsBody::Query(query) => self.client.get(&call.url).query(&sms.pairs(query)),
            SmsBody::Form(form) => self.client.post(&call.url).form(&sms.pairs(form)),
            SmsBody::Json(said) => self.client.post(&call.url).json(&sms.json(said)),
        };
        for (name, value) in &call.headers {
            request = request.header(name, value.reveal());
        }
        match &call.basic {
            Some((user, password)) => request.basic_auth(user, Some(password.reveal())),
            None => request,
        }
    }

    /// Source: OVH's API documentation, "Sign requests": `$1$` and SHA-1 of secret, consumer, method, address, body
    /// and time.
    fn ovh(&self, ovh: &Ovh, sms: &Sms<'_>, now_s: i64) -> RequestBuilder {
        let url = format!("{}/sms/{}/jobs", ovh.url, ovh.service);
        let body = json!({
            "charset": "UTF-8",
            "class": "phoneDisplay",
            "coding": if is_gsm(sms.text) { "7bit" } else { "8bit" },
            "message": sms.text,
            "noStopClause": true,
            "priority": "high",
            "receivers": [sms.to.as_str()],
            "sender": sms.from,
            "senderForResponse": false,
            "validityPeriod": 2880,
        });
        let body = body.to_string();
        let mut hash = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        let (secret, consumer) = (ovh.application_secret.reveal(), ovh.consumer_key.reveal());
        hash.update(format!("{secret}+{consumer}+POST+{url}+{body}+{now_s}").as_bytes());
        let signature = format!("$1${}", digest::hex(hash.finish().as_ref()));
        self.client
            .post(&url)
            .header("content-type", "application/json")
            .header("x-ovh-application", &ovh.application_key)
            .header("x-ovh-consumer", consumer)
            .header("x-ovh-timestamp", now_s.to_string())
            .header("x-ovh-signature", signature)
            .body(body)
    }
}

/// What a provider says, without the numbers of people in it.
fn without_numbers(told: &str) -> String {
    let words = told.split_whitespace().map(|word| match word.bytes().filter(u8::is_ascii_digit).count() {
        6.. => "…",
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ").chars().take(60).collect()
}

/// OVH takes a job of which it takes no receiver.
fn of_ovh() -> SmsAnswer {
    let taken = Some(("/invalidReceivers/0".to_owned(), String::new()));
    SmsAnswer { taken, later: Vec::new(), reference: Some("/ids/0".to_owned()) }
}

/// What an answer with a good status says.
async fn said(mut answer: Response, says: &SmsAnswer) -> Verdict {
    const UNHEARD: &str = "the provider's answer cannot be read; not sent again";
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_BYTES_MAX => body.extend_from_slice(&chunk),
            Ok(None) => break,
            // It had taken it when it began to answer, if it needs no more to be said.
            _ if says.taken.is_none() => break,
            _ => return never(Fault::Unheard, UNHEARD),
        }
    }
    let told: Json = serde_json::from_slice(&body).unwrap_or_default();
    let text = |pointer: &str| match told.pointer(pointer) {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    if let Some((at, taken)) = &says.taken {
        if told.is_null() {
            return never(Fault::Unheard, UNHEARD);
        }
        let told = text(at);
        if says.later.contains(&told) {
            return later(Fault::Busy, format!("provider, {told}"));
        }
        if told != *taken {
            return never(Fault::Refused, format!("by the provider, {}", without_numbers(&told)));
        }
    }
    let reference = says.reference.as_deref().map(text).filter(|reference| !reference.is_empty());
    let detail = reference.map_or_else(|| answer.status().as_u16().to_string(), |it| it.chars().take(60).collect());
    Verdict::Accepted { detail }
}
