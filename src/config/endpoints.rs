//! Reading `[[endpoint]]`: whom hooks call, of what, and how.

use std::collections::BTreeSet;

use quittance_actors::delivery::{Ladder, Order};
use quittance_actors::limits::LANE_IN_FLIGHT_MAX;
use quittance_actors::rules::{EventType, event_types};
use quittance_actors::values::TenantId;

use super::reader::Section;
use super::service::Secret;
use super::service_reading::Known;
use super::transports::{header_name, read_secret};
use crate::diagnostics::nearest;
use crate::export::{Format, Tells};

/// A hook endpoint.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// Its address.
    pub url: String,
    /// What signs side by side: the signing secret `whsec_…`, the one before it, a private key `whsk_…`.
    pub secrets: Vec<Secret>,
    /// What it hears of without a rule.
    pub events: BTreeSet<EventType>,
    /// In which order it hears of them.
    pub order: Order,
    /// How many calls are under way at once, at most.
    pub in_flight_max: usize,
    /// What it hears of an event.
    pub tells: Tells,
    /// How that is written.
    pub format: Format,
    /// When it is tried again, if not as every other.
    pub ladder: Option<Ladder>,
    /// What calls show beside their signature.
    pub credentials: Credentials,
    /// A certificate with its key, as PEM, that calls show.
    pub client_certificate: Option<Secret>,
}

/// What calls show beside their signature.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// Nothing.
    None,
    /// A name and a password.
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A token.
    Bearer {
        /// The token.
        token: Secret,
    },
    /// A header of its own.
    Header {
        /// The header.
        name: String,
        /// What it says.
        value: Secret,
    },
    /// A token that another server gives. Source: RFC 6749 §4.4.
    ClientCredentials {
        /// The server's address.
        token_url: String,
        /// Who asks.
        client_id: String,
        /// Its secret.
        client_secret: Secret,
        /// For what, if it is to be said.
        scope: Option<String>,
    },
}

/// Waits of a ladder by the name of whose it is, in seconds. Source: Standard Webhooks 1.0.0; Svix's documentation.
const PRESETS: [(&str, &[i64]); 3] = [
    ("standard-webhooks", &[5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]),
    ("svix", &[5, 300, 1_800, 7_200, 18_000, 36_000, 36_000]),
    ("fast", &[1, 5, 30, 120, 600, 1_800]),
];

/// Headers that a call has of itself.
const OWN_HEADERS: [&str; 9] = [
    "host",
    "content-type",
    "content-length",
    "transfer-encoding",
    "connection",
    "idempotency-key",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
];

pub(super) fn read_endpoint(section: &Section<'_, '_>, known: &Known<'_>) -> Option<Endpoint> {
    let (tenant, name) = (known.tenant(section), section.required("name").map(str::to_owned));
    let url = section.parsed("url", url::Url::parse).map(|url| url.to_string());
    let mut secrets = vec![read_secret(section, "secret")];
    for more in ["previous_secret", "private_key"] {
        secrets.extend(section.has(more).then(|| read_secret(section, more)));
    }
    let secrets = secrets.into_iter().collect::<Option<Vec<Secret>>>();
    let events = read_events(section);
    let in_flight_max = section.has("in_flight").then(|| section.integer("in_flight", 1..=64)).flatten();
    let in_flight_max = in_flight_max.and_then(|most| usize::try_from(most).ok()).unwrap_or(LANE_IN_FLIGHT_MAX);
    let order = section.choice("order", &[("none", Order::None), ("key", Order::Key)]);
    let tells = section.choice("payload", &[("full", Tells::Everything), ("thin", Tells::Ids)]);
    let format = section.choice("format", &Format::NAMES);
    let ladder = read_ladder(section);
    let credentials = match section.section("auth") {
        Some(auth) => {
            let credentials = read_credentials(&auth);
            auth.close();
            credentials
        }
        None => Some(Credentials::None),
    };
    let has_certificate = section.has("client_certificate");
    let client_certificate = has_certificate.then(|| read_secret(section, "client_certificate"));
    let client_certificate = match client_certificate {
        Some(None) => return None,
        other => other.flatten(),
    };
    Some(Endpoint {
        tenant: tenant?,
        name: name?,
        url: url?,
        secrets: secrets?,
        events,
        order: order?,
        in_flight_max,
        tells: tells?,
        format: format?,
        ladder,
        credentials: credentials?,
        client_certificate,
    })
}

fn read_events(section: &Section<'_, '_>) -> BTreeSet<EventType> {
    let patterns = section.texts("events");
    // Each by itself first: what is wrong has a place.
    for (pattern, span) in &patterns {
        if let Err(error) = event_types([*pattern]) {
            let near = nearest(&error.0, EventType::ALL.iter().map(|event| event.name()));
            let help = near.map(|near| {
                format!("did you mean {near}? `quittance events` lists them; payment_request.* is a group")
            });
            section.refuse("events", span.clone(), error, help);
        }
    }
    event_types(patterns.iter().map(|(pattern, _)| *pattern)).unwrap_or_default()
}

fn read_ladder(section: &Section<'_, '_>) -> Option<Ladder> {
    if section.has("retry_ms") {
        return Some(Ladder::new(section.integers("retry_ms").into_iter().map(|(wait, _)| wait.max(1)).collect()));
    }
    let words = PRESETS.map(|(name, waits)| (name, Some(waits)));
    let words: Vec<_> = std::iter::once(("default", None)).chain(words).collect();
    let waits = section.choice("retry", &words)??;
    Some(Ladder::new(waits.iter().map(|wait| wait * 1_000).collect()))
}

fn read_credentials(auth: &Section<'_, '_>) -> Option<Credentials> {
    if !auth.has("kind") {
        auth.refuse("kind", auth.span(), "is missing: basic, bearer, header or client_credentials", None);
        return None;
    }
    match auth.choice("kind", &[("basic", 0), ("bearer", 1), ("header", 2), ("client_credentials", 3)])? {
        0 => {
            let (user, password) = (auth.required("user").map(str::to_owned), read_secret(auth, "password"));
            Some(Credentials::Basic { user: user?, password: password? })
        }
        1 => Some(Credentials::Bearer { token: read_secret(auth, "token")? }),
        2 => {
            let name = auth.parsed("name", |name| {
                let name = header_name(name)?;
                let own = OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str());
                if own { Err("a hook has this header of itself") } else { Ok(name) }
            });
            let value = read_secret(auth, "value");
            Some(Credentials::Header { name: name?, value: value? })
        }
        _ => {
            let token_url = auth.parsed("token_url", url::Url::parse).map(|url| url.to_string());
            let (client_id, scope) = (auth.required("client_id").map(str::to_owned), auth.text("scope"));
            let client_secret = read_secret(auth, "client_secret");
            Some(Credentials::ClientCredentials {
                token_url: token_url?,
                client_id: client_id?,
                client_secret: client_secret?,
                scope: scope.map(str::to_owned),
            })
        }
    }
}
