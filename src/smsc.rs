//! What an SMSC tells of its own accord, handed to whom it concerns.

use std::sync::Arc;
use std::time::Duration;

use quittance_actors::runtime::SubmitError;
use quittance_actors::values::{PhoneNumber, TenantId, wants_no_more};
use tokio::sync::mpsc;
use tracing::warn;

use crate::channels::smpp::{Heard, SmppLink, Told};
use crate::inbound::{self, Inbound};

/// How long a receipt may be faster than the answer that names its message.
const FASTER: Duration = Duration::from_millis(500);

/// Hands on what is told, one after the other, until the link is gone. What cannot be recorded is not acknowledged.
pub(crate) async fn hear(
    link: Arc<SmppLink>, mut told: mpsc::Receiver<Heard>, inbound: Inbound, senders: Vec<(TenantId, String)>,
) {
    while let Some((told, recorded)) = told.recv().await {
        let taken = match told {
            Told::Receipt { id, status, error } => receipt(&link, &inbound, (&id, &status, &error)).await,
            Told::Text { from, to, text } => written(&inbound, &senders, (&from, &to, &text)).await,
        };
        match taken {
            Ok(()) => {
                let _ = recorded.send(()); // The link has ended meanwhile: the SMSC tells it again.
            }
            Err(error) => warn!(%error, "what the SMSC told could not be recorded, it is told again"),
        }
    }
}

async fn receipt(
    link: &SmppLink, inbound: &Inbound, (id, status, error): (&str, &str, &str),
) -> Result<(), SubmitError> {
    let status = status.to_ascii_lowercase();
    let error = error.trim_start_matches('0');
    let Some(report) = inbound::report(&status, error) else { return Ok(()) };
    let mut about = link.about(id);
    if about.is_none() {
        tokio::time::sleep(FASTER).await;
        about = link.about(id);
    }
    match about {
        Some(about) => inbound.reported(&about.tenant, (about.customer, about.delivery), &status, report).await,
        // A further part of a long one, or of before this SMSC was ours.
        None => Ok(()),
    }
}

/// STOP and START count for the tenants whose sender was written to, or for all when it is nobody's.
async fn written(
    inbound: &Inbound, senders: &[(TenantId, String)], (from, to, text): (&str, &str, &str),
) -> Result<(), SubmitError> {
    let Some(out) = wants_no_more(text) else { return Ok(()) };
    let international = format!("+{}", from.trim_start_matches('+').trim_start_matches("00"));
    let Ok(phone) = PhoneNumber::parse(&international, None) else {
        warn!(out, digits = from.len(), "an SMS came back from a number that cannot be read");
        return Ok(());
    };
    let bare = |number: &str| number.trim_start_matches('+').to_ascii_uppercase();
    let of = |(_, sender): &&(TenantId, String)| bare(sender) == bare(to);
    let named: Vec<&TenantId> = senders.iter().filter(of).map(|(tenant, _)| tenant).collect();
    let all: Vec<&TenantId> = senders.iter().map(|(tenant, _)| tenant).collect();
    for tenant in if named.is_empty() { all } else { named } {
        inbound.wished(tenant, &phone, out, "").await?;
    }
    Ok(())
}
