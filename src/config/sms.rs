//! Reading `[sms]`: who carries SMS, by name or described.

use serde_json::{Map, Value as Json};
use toml::de::DeValue;

use super::reader::Section;
use super::service::Secret;
use super::transports::{header_name, read_secret};

/// How SMS leave.
#[derive(Debug, Clone)]
pub enum SmsProvider {
    /// They are caught and shown.
    Catch,
    /// By a call.
    Call(Box<SmsCall>),
    /// By OVH, whose calls are signed.
    Ovh(Box<Ovh>),
    /// By SMPP.
    Smpp(Box<Smpp>),
}

/// How a provider is called. Texts hold `{to}`, `{digits}` (the number without its plus), `{from}`, `{text}`, `{id}`,
/// `{kind}` (`text` or `unicode`), `{coding}` (`0` or `2`) and `{status_url}`.
#[derive(Debug, Clone)]
pub struct SmsCall {
    /// The address.
    pub url: String,
    /// Headers.
    pub headers: Vec<(String, Secret)>,
    /// A name and a password.
    pub basic: Option<(String, Secret)>,
    /// What is said.
    pub body: SmsBody,
    /// What an answer says, beside its status.
    pub answer: SmsAnswer,
}

/// The places that a provider's texts may have.
const PLACES: [&str; 9] = ["to", "digits", "from", "text", "id", "kind", "unicode", "coding", "status_url"];

/// What a call says.
#[derive(Clone)]
pub enum SmsBody {
    /// In the address of a GET.
    Query(Vec<(String, String)>),
    /// A form.
    Form(Vec<(String, String)>),
    /// JSON, its texts with places for what they hold.
    Json(Json),
}

impl std::fmt::Debug for SmsBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Fields may be passwords.
        f.write_str("SmsBody(…)")
    }
}

/// What an answer says, beside its status. Pointers are those of RFC 6901.
#[derive(Debug, Clone, Default)]
pub struct SmsAnswer {
    /// Where it says whether the message was taken, and what it says then; a 2xx alone says so without it.
    pub taken: Option<(String, String)>,
    /// What it says there when it took nothing, and may later.
    pub later: Vec<String>,
    /// Where the provider's id of the message is.
    pub reference: Option<String>,
}

/// OVH.
#[derive(Debug, Clone)]
pub struct Ovh {
    /// The API, as in `https://eu.api.ovh.com/1.0`.
    pub url: String,
    /// The SMS service.
    pub service: String,
    /// The application.
    pub application_key: String,
    /// Its secret.
    pub application_secret: Secret,
    /// The consumer's key.
    pub consumer_key: Secret,
}

/// An SMSC.
#[derive(Debug, Clone)]
pub struct Smpp {
    /// Host and port.
    pub address: String,
    /// The name on its certificate, where TLS is spoken.
    pub tls_name: Option<String>,
    /// Who binds.
    pub user: String,
    /// With which password.
    pub password: Secret,
    /// As what; most SMSCs do not ask.
    pub system_type: String,
    /// How many messages wait for an answer at once.
    pub window: u16,
}

/// A text that has no places.
fn plain(text: &str) -> String {
    text.replace('{', "{{")
}

fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(super) fn read_sms(section: &Section<'_, '_>) -> Option<SmsProvider> {
    let words = ["catch", "kannel", "json", "twilio", "brevo", "ovh", "vonage", "http", "smpp"];
    let words: Vec<(&'static str, &str)> = words.into_iter().map(|word| (word, word)).collect();
    let url = |default: &str| match section.has("url") {
        true => section.parsed("url", url::Url::parse).map(|url| url.to_string()),
        false => Some(default.to_owned()),
    };
    let call =
        |url: String, body| SmsCall { url, headers: Vec::new(), basic: None, body, answer: SmsAnswer::default() };
    let call = match section.choice("provider", &words)? {
        "catch" => return Some(SmsProvider::Catch),
        "smpp" => return read_smpp(section).map(|smpp| SmsProvider::Smpp(Box::new(smpp))),
        "ovh" => return read_ovh(section).map(|ovh| SmsProvider::Ovh(Box::new(ovh))),
        // Source: Kannel user guide, "Sending SMS with HTTP"; 31 asks for every report.
        "kannel" => {
            let url = section.parsed("url", url::Url::parse)?.to_string();
            let (user, password) = (section.required("user")?.to_owned(), read_secret(section, "password")?);
            let mut query =
                vec![("username".to_owned(), plain(&user)), ("password".to_owned(), plain(password.reveal()))];
            query.extend(fields(&[("from", "{from}"), ("to", "{to}"), ("text", "{text}"), ("charset", "UTF-8")]));
            query.extend(fields(&[
                ("coding", "{coding}"),
                ("dlr-mask", "{mask}"),
                ("dlr-url", "{status_url}&status=%d"),
            ]));
            call(url, SmsBody::Query(query))
        }
        // Source: Twilio's OpenAPI document, CreateMessage.
        "twilio" => {
            let (account, token) = (section.required("account")?.to_owned(), read_secret(section, "token")?);
            let base = url("https://api.twilio.com/2010-04-01")?;
            let url = format!("{}/Accounts/{account}/Messages.json", base.trim_end_matches('/'));
            let form =
                fields(&[("To", "{to}"), ("From", "{from}"), ("Body", "{text}"), ("StatusCallback", "{status_url}")]);
            let mut call = call(url, SmsBody::Form(form));
            call.basic = Some((account, token));
            call.answer.reference = Some("/sid".to_owned());
            call
        }
        // Source: Brevo's API reference, transactionalSMS/send.
        "brevo" => {
            let key = read_secret(section, "key")?;
            let body = serde_json::json!({
                "sender": "{from}", "recipient": "{digits}", "content": "{text}", "type": "transactional", "tag": "{id}",
                "unicodeEnabled": "{unicode}", "webUrl": "{status_url}",
            });
            let mut call = call(url("https://api.brevo.com/v3/transactionalSMS/send")?, SmsBody::Json(body));
            call.headers.push(("api-key".to_owned(), key));
            call.answer.reference = Some("/messageId".to_owned());
            call
        }
        // Source: Vonage's SMS API reference; status 0 is taken, 1 throttled, 5 an error of theirs.
        "vonage" => {
            let (key, secret) = (section.required("key")?.to_owned(), read_secret(section, "secret")?);
            let mut form =
                vec![("api_key".to_owned(), plain(&key)), ("api_secret".to_owned(), plain(secret.reveal()))];
            form.extend(fields(&[("from", "{from}"), ("to", "{digits}"), ("text", "{text}"), ("type", "{kind}")]));
            form.extend(fields(&[("client-ref", "{id}"), ("callback", "{status_url}")]));
            let mut call = call(url("https://rest.nexmo.com/sms/json")?, SmsBody::Form(form));
            call.answer.taken = Some(("/messages/0/status".to_owned(), "0".to_owned()));
            call.answer.later = vec!["1".to_owned()];
            call.answer.reference = Some("/messages/0/message-id".to_owned());
            call
        }
        "json" => {
            let url = section.parsed("url", url::Url::parse)?.to_string();
            let field = |key, default: &str| section.text(key).unwrap_or(default).to_owned();
            let mut body = Map::new();
            for (key, default, value) in [
                ("recipient_field", "recipient", "{to}"),
                ("text_field", "content", "{text}"),
                ("sender_field", "sender", "{from}"),
                ("id_field", "tag", "{id}"),
            ] {
                body.insert(field(key, default), Json::String(value.to_owned()));
            }
            let mut call = call(url, SmsBody::Json(Json::Object(body)));
            let header = match section.has("header") {
                true => section.parsed("header", header_name)?,
                false => "authorization".to_owned(),
            };
            call.headers.push((header, read_secret(section, "key")?));
            call
        }
        _ => read_described(section)?,
    };
    Some(SmsProvider::Call(Box::new(call)))
}

/// A provider that the configuration describes.
fn read_described(section: &Section<'_, '_>) -> Option<SmsCall> {
    let url = section.parsed("url", url::Url::parse)?.to_string();
    let named = ["json", "form", "query"].into_iter().filter(|key| section.has(key)).collect::<Vec<_>>();
    let [named] = named.as_slice() else {
        section.refuse("provider", section.span(), "exactly one of json, form and query says what is sent", None);
        return None;
    };
    let table = section.section(named)?;
    let said = Json::Object(
        table.entries().into_iter().map(|(key, value)| (key.to_owned(), json(value.get_ref()))).collect(),
    );
    let texts = || {
        let pairs = said.as_object().into_iter().flatten();
        pairs.map(|(name, value)| (name.clone(), value.as_str().map_or(value.to_string(), str::to_owned))).collect()
    };
    let body = match *named {
        "form" => SmsBody::Form(texts()),
        "query" => SmsBody::Query(texts()),
        _ => SmsBody::Json(said.clone()),
    };
    let told = said.to_string();
    if !told.contains("{text}") {
        section.refuse(named, table.span(), "nothing of it is the message: {text}", None);
    }
    for text in texts_of(&said) {
        let mut rest = text.as_str();
        while let Some((_, after)) = rest.split_once('{') {
            if let Some(after) = after.strip_prefix('{') {
                rest = after;
                continue;
            }
            let (place, after) = after.split_once('}').unwrap_or((after, ""));
            if !PLACES.contains(&place) {
                let help =
                    format!("known are {}; {{{{ is a brace", PLACES.map(|place| format!("{{{place}}}")).join(", "));
                section.refuse(named, table.span(), format!("there is no place {{{place}}}"), Some(help));
            }
            rest = after;
        }
    }
    let header =
        section.has("header").then(|| Some((section.parsed("header", header_name)?, read_secret(section, "key")?)));
    let basic =
        section.has("user").then(|| Some((section.required("user")?.to_owned(), read_secret(section, "password")?)));
    let pointer = |text: &str| match text.starts_with('/') {
        true => Ok(text.to_owned()),
        false => Err("expected where it stands in the answer, as in /messages/0/id"),
    };
    let taken_at = section.optional("taken_at", pointer);
    let taken = section.text("taken").map(str::to_owned);
    let answer = SmsAnswer {
        taken: taken_at.map(|at| (at, taken.unwrap_or_else(|| "0".to_owned()))),
        later: section.texts("later").into_iter().map(|(text, _)| text.to_owned()).collect(),
        reference: section.optional("reference_at", pointer),
    };
    let headers = match header {
        Some(None) => return None,
        header => header.flatten().into_iter().collect(),
    };
    let basic = match basic {
        Some(None) => return None,
        basic => basic.flatten(),
    };
    Some(SmsCall { url, headers, basic, body, answer })
}

/// Every text that is sent.
fn texts_of(said: &Json) -> Vec<String> {
    match said {
        Json::String(text) => vec![text.clone()],
        Json::Array(items) => items.iter().flat_map(texts_of).collect(),
        Json::Object(fields) => fields.values().flat_map(texts_of).collect(),
        _ => Vec::new(),
    }
}

fn json(value: &DeValue<'_>) -> Json {
    match value {
        DeValue::String(text) => Json::String(text.to_string()),
        DeValue::Integer(number) => number.as_str().parse::<i64>().map_or(Json::Null, Json::from),
        DeValue::Float(number) => number.as_str().parse::<f64>().map_or(Json::Null, Json::from),
        DeValue::Boolean(truth) => Json::Bool(*truth),
        DeValue::Datetime(at) => Json::String(at.to_string()),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(table) => {
            table.iter().map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref()))).collect()
        }
    }
}

fn read_smpp(section: &Section<'_, '_>) -> Option<Smpp> {
    const PORT: u16 = 2775; // Source: IANA.
    let address = |text: &str| {
        let expected = "expected smpp://HOST:PORT, or smpps:// for TLS";
        let url = url::Url::parse(text).map_err(|_| expected)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(expected)?.to_owned();
        match url.scheme() {
            "smpp" => Ok((host, url.port().unwrap_or(PORT), false)),
            "smpps" => Ok((host, url.port().unwrap_or(PORT), true)),
            _ => Err(expected),
        }
    };
    let (url, user) = (section.parsed("url", address), section.required("user"));
    let password = read_secret(section, "password");
    let window = if section.has("window") { section.integer("window", 1..=1_000) } else { Some(10) };
    let system_type = section.text("system_type").unwrap_or_default().to_owned();
    let (host, port, tls) = url?;
    Some(Smpp {
        address: format!("{host}:{port}"),
        tls_name: tls.then(|| host.trim_matches(['[', ']']).to_owned()),
        user: user?.to_owned(),
        password: password?,
        system_type,
        window: window.and_then(|window| u16::try_from(window).ok())?,
    })
}

fn read_ovh(section: &Section<'_, '_>) -> Option<Ovh> {
    let url = section
        .optional("url", url::Url::parse)
        .map_or("https://eu.api.ovh.com/1.0".to_owned(), |url| url.to_string());
    let (service, application_key) = (section.required("service"), section.required("application_key"));
    let (secret, consumer) = (read_secret(section, "application_secret"), read_secret(section, "consumer_key"));
    Some(Ovh {
        url: url.trim_end_matches('/').to_owned(),
        service: service?.to_owned(),
        application_key: application_key?.to_owned(),
        application_secret: secret?,
        consumer_key: consumer?,
    })
}
