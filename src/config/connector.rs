//! `[[connector]]`: who collects from cards and by direct debit, who pays back, and what each can be asked.

use std::collections::BTreeMap;

use quittance_actors::policies::Asked;
use quittance_actors::values::TenantId;
use smol_str::SmolStr;

use super::reader::Section;
use super::service::{AskedBy, Connector, ConnectorKind, Service};
use super::service_reading::Known;
use super::transports::read_secret;

/// What the connectors of a tenant can be asked about an attempt.
pub(super) fn asked(service: &Service, tenant: &TenantId) -> BTreeMap<SmolStr, Asked> {
    let of_tenant = service.connectors.iter().filter(|connector| connector.tenant == *tenant);
    let asked = of_tenant.map(|connector| {
        let asked = match &connector.kind {
            ConnectorKind::Http { asked, .. } => Asked {
                inquires: asked.inquire_url.is_some(),
                cancels: asked.cancel_url.is_some(),
                refunds: asked.refund_url.is_some(),
            },
            ConnectorKind::Simulator { first_inquiry_ms } => {
                let is_asked = first_inquiry_ms.is_some();
                Asked { inquires: is_asked, cancels: is_asked, refunds: true }
            }
            ConnectorKind::DirectDebitFile { .. } | ConnectorKind::CreditTransferFile { .. } => Asked::default(),
        };
        (connector.name.as_str().into(), asked)
    });
    asked.collect()
}

pub(super) fn read(section: &Section<'_, '_>, known: &Known<'_>) -> Option<Connector> {
    let tenant = known.tenant(section);
    // It names a folder of the data directory.
    let name = section.parsed("name", |text| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fits = (1..=32).contains(&text.len()) && text.bytes().all(plain);
        if fits { Ok(text.to_owned()) } else { Err("expected up to 32 letters, digits, - and _") }
    });
    let kinds = [("http", 0), ("pain.008", 1), ("pain.001", 2), ("simulator", 3)];
    let kind = match section.choice("kind", &kinds)? {
        0 => ConnectorKind::Http {
            url: section.parsed("url", url::Url::parse)?.to_string(),
            secret: read_secret(section, "secret")?,
            asked: read_asked(section),
        },
        1 => ConnectorKind::DirectDebitFile {
            dir: section.required("dir")?.to_owned(),
            checksum: section.flag("checksum", true),
        },
        2 => ConnectorKind::CreditTransferFile {
            dir: section.required("dir")?.to_owned(),
            checksum: section.flag("checksum", true),
        },
        _ => {
            let is_asked = section.has("inquire_after_seconds");
            ConnectorKind::Simulator { first_inquiry_ms: is_asked.then(|| first_inquiry_ms(section)) }
        }
    };
    Some(Connector { tenant: tenant?, name: name?, kind })
}

fn read_asked(section: &Section<'_, '_>) -> AskedBy {
    if section.has("inquire_after_seconds") && !section.has("inquire_url") {
        section.refuse("inquire_after_seconds", section.span(), "there is no inquire_url to ask at", None);
    }
    let url = |key| section.optional(key, url::Url::parse).map(|url| url.to_string());
    let has_secret = section.has("callback_secret");
    AskedBy {
        inquire_url: url("inquire_url"),
        cancel_url: url("cancel_url"),
        refund_url: url("refund_url"),
        first_inquiry_ms: first_inquiry_ms(section),
        callback_secret: has_secret.then(|| read_secret(section, "callback_secret")).flatten(),
    }
}

fn first_inquiry_ms(section: &Section<'_, '_>) -> i64 {
    section.integer("inquire_after_seconds", 1..=86_400).unwrap_or(900) * 1_000
}
