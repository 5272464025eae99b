//! SMS by an HTTP provider: Kannel's `sendsms`, or any that takes JSON by POST.
//!
//! No provider takes a key that makes a second try harmless: a call that may have been heard
//! is not repeated, it ends as unknown for a person.

use quittance_actors::delivery::Verdict;
use quittance_actors::values::PhoneNumber;

use super::{later, never};
use crate::config::SmsProvider;
use crate::gsm::{is_gsm, segments};

/// Messages that one text may become on the way; more is no SMS.
const SEGMENTS_MAX: usize = 10;

/// An SMS about to leave.
pub struct Sms<'a> {
    /// The delivery's id, sent along where the provider has a field for it.
    pub id: String,
    /// The sender.
    pub from: &'a str,
    /// The recipient.
    pub to: &'a PhoneNumber,
    /// What it says.
    pub text: &'a str,
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
            .build()?;
        Ok(Self { client, provider })
    }

    /// Sends once.
    pub async fn send(&self, sms: &Sms<'_>) -> Verdict {
        let count = segments(sms.text);
        if count > SEGMENTS_MAX {
            return never(format!("it would be {count} messages, the most is {SEGMENTS_MAX}"));
        }
        let request = match &self.provider {
            SmsProvider::Catch => return never("SMS are caught, not sent"),
            SmsProvider::Kannel { url, user, password } => self.client.get(url).query(&[
                ("username", user.as_str()),
                ("password", password.reveal()),
                ("from", sms.from),
                ("to", sms.to.as_str()),
                ("text", sms.text),
                ("charset", "UTF-8"),
                ("coding", if is_gsm(sms.text) { "0" } else { "2" }),
            ]),
            SmsProvider::Json { url, header, key, fields: [to, text, from, id] } => {
                let body = serde_json::json!({
                    to.as_str(): sms.to.as_str(),
                    text.as_str(): sms.text,
                    from.as_str(): sms.from,
                    id.as_str(): sms.id,
                });
                self.client.post(url).header(header.as_str(), key.reveal()).json(&body)
            }
        };
        match request.send().await {
            Ok(answer) if answer.status().is_success() => {
                Verdict::Accepted { detail: answer.status().as_u16().to_string() }
            }
            Ok(answer) => match answer.status().as_u16() {
                // It says that it did not take it.
                status @ (429 | 503) => later(format!("provider: {status}")),
                status @ 400..500 => never(format!("refused by the provider: {status}")),
                // Something behind it failed, after it had taken it or before.
                status => never(format!("unknown: the provider may have taken it ({status}); not sent again")),
            },
            Err(error) if error.is_connect() => later("provider: no connection"),
            Err(_) => never("unknown: the provider may have taken it; not sent again"),
        }
    }
}
