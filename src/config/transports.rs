//! Reading how messages leave: mail, hooks, and the secrets of each.

use std::collections::BTreeMap;

use quittance_actors::values::EmailAddress;

use super::reader::Section;
use super::service::{Dkim, EmailTransport, Hooks, Secret, Smtp, SmtpTls};

pub(super) fn milliseconds(section: &Section<'_, '_>, key: &'static str, least: i64, most: i64, default: u64) -> u64 {
    section.integer(key, least..=most).and_then(|value| u64::try_from(value).ok()).unwrap_or(default)
}

pub(super) fn read_email(section: &Section<'_, '_>) -> Option<EmailTransport> {
    if !section.choice("transport", &[("catch", false), ("smtp", true)])? {
        return Some(EmailTransport::Catch);
    }
    let host = section.required("host")?.to_owned();
    let tls = section.choice(
        "tls",
        &[("starttls", SmtpTls::StartTls), ("implicit", SmtpTls::Implicit), ("none", SmtpTls::None)],
    )?;
    let default = match tls {
        SmtpTls::Implicit => 465,
        SmtpTls::StartTls => 587,
        SmtpTls::None => 25,
    };
    let port = section.integer("port", 1..=65_535).and_then(|port| u16::try_from(port).ok());
    let user = section.text("user").map(str::to_owned);
    let password = section.has("password").then(|| read_secret(section, "password")).flatten();
    let bounces_to = section.optional("bounces_to", EmailAddress::parse);
    let verp = section.flag("verp", false);
    let local = bounces_to.as_ref().and_then(|address| address.as_str().split('@').next());
    if verp && !local.is_some_and(|local| local.len() <= VERP_LOCAL_MAX && !local.contains('+')) {
        let why = format!("needs a bounces_to of at most {VERP_LOCAL_MAX} characters before its @, without +");
        section.refuse("verp", section.span(), why, None);
    }
    let bounces_maildir = section.text("bounces_maildir").map(str::to_owned);
    let dkim = section.each("dkim", |key| {
        let name = |text: &str| {
            let fits = |part: &str| {
                !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            };
            text.split('.').all(fits).then(|| text.to_owned()).ok_or("expected a name of the DNS, as in shop.example")
        };
        let (domain, selector) = (key.parsed("domain", name), key.parsed("selector", name));
        let secret = read_secret(key, "key");
        Some(Dkim { domain: domain?, selector: selector?, key: secret? })
    });
    let per_minute = section.section("per_minute").map(|table| read_pace(&table)).unwrap_or_default();
    let port = port.unwrap_or(default);
    Some(EmailTransport::Smtp(Smtp {
        host,
        port,
        tls,
        user,
        password,
        bounces_to,
        verp,
        bounces_maildir,
        dkim,
        per_minute,
    }))
}

/// Characters before the @ of an address that an id and its code follow: 64 of RFC 5321, without them.
const VERP_LOCAL_MAX: usize = 12;

/// Mails in a minute, by domain.
fn read_pace(table: &Section<'_, '_>) -> BTreeMap<String, u32> {
    let mut pace = BTreeMap::new();
    for (domain, value) in table.entries() {
        let most = value.get_ref().as_integer().and_then(|number| number.as_str().parse().ok());
        match most.filter(|most| (1..=1_000_000).contains(most)) {
            Some(most) if domain.contains('.') => drop(pace.insert(domain.to_ascii_lowercase(), most)),
            Some(_) => table.refuse(domain, value.span(), "expected a domain, as in \"mail.example\" = 60", None),
            None => table.refuse(domain, value.span(), "expected mails in a minute, 1 to 1000000", None),
        }
    }
    pace
}

pub(super) fn read_hooks(root: &Section<'_, '_>) -> Hooks {
    let mut hooks = Hooks {
        allow: Vec::new(),
        allow_http: false,
        timeout_ms: 15_000,
        retry_ms: None,
        failing_after_seconds: 900,
    };
    let Some(section) = root.section("hooks") else { return hooks };
    for (text, span) in section.texts("allow") {
        match text.parse() {
            Ok(net) => hooks.allow.push(net),
            Err(_) => section.refuse("allow", span, "expected a network such as 10.1.0.0/16", None),
        }
    }
    hooks.allow_http = section.flag("allow_http", false);
    hooks.timeout_ms = milliseconds(&section, "timeout_ms", 100, 60_000, 15_000);
    if section.has("failing_after_seconds") {
        hooks.failing_after_seconds = section.integer("failing_after_seconds", 1..=86_400).unwrap_or(900);
    }
    if section.has("retry_ms") {
        hooks.retry_ms = Some(section.integers("retry_ms").into_iter().map(|(wait, _)| wait.max(1)).collect());
    }
    section.close();
    hooks
}

/// The name of a header.
pub(super) fn header_name(name: &str) -> Result<String, &'static str> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    match !name.is_empty() && name.bytes().all(token) {
        true => Ok(name.to_owned()),
        false => Err("expected the name of a header, as in x-api-key"),
    }
}

pub(super) fn read_secret(section: &Section<'_, '_>, key: &'static str) -> Option<Secret> {
    let table = match section.section(key) {
        Some(table) => table,
        None if section.has(key) => return None,
        None => {
            let help = format!("{key} = {{ file = \"…\" }}, {{ env = \"…\" }} or {{ value = \"…\" }}");
            section.refuse(key, section.span(), "is missing", Some(help));
            return None;
        }
    };
    let secret = match (table.text_at("file"), table.text_at("env"), table.text_at("value")) {
        (Some((path, span)), None, None) => match std::fs::read_to_string(path) {
            Ok(text) => Some(Secret::new(text.trim_end())),
            Err(error) => {
                table.refuse("file", span, error, None);
                None
            }
        },
        (None, Some((name, span)), None) => {
            let value = std::env::var(name).ok();
            if value.is_none() {
                table.refuse("env", span, format!("the variable {name} is not set"), None);
            }
            value.map(Secret::new)
        }
        (None, None, Some((value, _))) => Some(Secret::new(value)),
        _ => {
            let why = "exactly one of file, env and value is expected";
            table.refuse(key, table.span(), why, None);
            None
        }
    };
    table.close();
    secret
}
