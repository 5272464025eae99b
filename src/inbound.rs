//! What comes back about messages, whoever hands it on: that one arrived or did not, that somebody wants no more.

use std::sync::Arc;

use quittance_actors::customer::{Command, Report};
use quittance_actors::delivery::Channel;
use quittance_actors::machine::Tell;
use quittance_actors::partition::{DirectoryKey, DirectoryValue, Entity, Origin};
use quittance_actors::ports::PortError;
use quittance_actors::runtime::{Priority, Router, SubmitError};
use quittance_actors::values::{CommandId, CustomerId, DeliveryId, EntityId, PhoneNumber, TenantId, stable_hash};
use tracing::{info, warn};

use crate::digest;
use crate::store::{List, Store};

/// Customers of a page when many have one number.
const PAGE: usize = 500;

/// Statuses that say that a message arrived, and that it did not. Source: Kannel user guide (`%d`), Twilio, Vonage and
/// Brevo API references, SMPP 3.4 §5.2.28. Any other says that it is under way.
const ARRIVED: [&str; 3] = ["1", "delivered", "delivrd"];
const FAILED: [&str; 15] = [
    "2",
    "16",
    "undelivered",
    "undeliv",
    "failed",
    "rejected",
    "rejectd",
    "expired",
    "deleted",
    "canceled",
    "hardbounce",
    "softbounce",
    "hard_bounce",
    "soft_bounce",
    "blocked",
];

/// What a status, in lower case, says of a message; nothing while it is under way.
pub(crate) fn report(status: &str, code: &str) -> Option<Report> {
    if ARRIVED.contains(&status) {
        return Some(Report::Arrived);
    }
    if !FAILED.contains(&status) {
        return None;
    }
    let code: String = code.chars().filter(|c| !c.is_control()).take(60).collect();
    let reason = if code.is_empty() { status.to_owned() } else { format!("{status} ({code})") };
    Some(Report::Failed { reason: reason.into(), lasting: false })
}

/// The id of what a call leads to: the same call, the same command.
pub(crate) fn command_of(parts: &[&str]) -> CommandId {
    let hash = digest::sha256(parts.join("\u{1f}").as_bytes());
    let [bytes @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = hash;
    CommandId::from_bytes(bytes)
}

/// Where what comes back goes.
#[derive(Clone)]
pub(crate) struct Inbound {
    pub router: Arc<Router>,
    pub store: Arc<Store>,
}

impl Inbound {
    /// Tells a customer, and waits until it is recorded.
    pub async fn tell(
        &self, tenant: &TenantId, customer: CustomerId, command: Command, id: CommandId,
    ) -> Result<(), SubmitError> {
        let told = Tell::Customer(customer, command);
        let fingerprint = stable_hash(&["callback", &id.to_string()]);
        self.router.submit(tenant, told, id, fingerprint, Origin::Api, Priority::Patient).await.map(drop)
    }

    /// What became of an SMS. Providers say it several times, and what they say last may come first.
    pub async fn reported(
        &self, tenant: &TenantId, (customer, delivery): (CustomerId, DeliveryId), status: &str, report: Report,
    ) -> Result<(), SubmitError> {
        let id = command_of(&["report", &delivery.to_string(), status]);
        self.tell(tenant, customer, Command::TakeReport { delivery, channel: Channel::Sms, report }, id).await
    }

    /// The id of a wish that has none of its own: what it asks for changes nothing when it is so already.
    pub fn once_more(&self, parts: &[&str]) -> CommandId {
        let now = self.router.ports().clock.system_now().unix_millis().to_string();
        command_of(&[&parts.join("\u{1f}"), &now])
    }

    /// Who has a number wants no more SMS, or wants them again. `id` is that of what they wrote, if it has one.
    pub async fn wished(
        &self, tenant: &TenantId, phone: &PhoneNumber, out: bool, id: &str,
    ) -> Result<(), SubmitError> {
        let customers = self.phoned(tenant, phone).await?;
        if customers.is_empty() {
            warn!(%tenant, from = phone.masked(), out, "nobody has the number that an SMS came from");
        }
        for customer in customers {
            info!(%tenant, %customer, out, "an SMS came back");
            let of = ["incoming", &customer.to_string(), phone.as_str(), &out.to_string(), id];
            let command = if id.is_empty() { self.once_more(&of) } else { command_of(&of) };
            self.tell(tenant, customer, Command::SetOptOut { channel: Channel::Sms, out }, command).await?;
        }
        Ok(())
    }

    /// The customers who have a phone number.
    async fn phoned(&self, tenant: &TenantId, phone: &PhoneNumber) -> Result<Vec<CustomerId>, SubmitError> {
        let key = DirectoryKey::phone(tenant, phone);
        let maybe = match self.router.ports().directory.find(&key)? {
            Some(DirectoryValue::Customer(id)) => vec![id],
            Some(DirectoryValue::Customers(ids, count)) => ids.into_iter().take(usize::from(count)).collect(),
            Some(DirectoryValue::Several) => self.every_customer(tenant).await?,
            _ => Vec::new(),
        };
        let mut found = Vec::new();
        for id in maybe {
            let (_, entity, _) = self.router.read(EntityId::Customer(id), 0).await?;
            let profile = entity.as_customer().and_then(|state| state.profile.as_ref());
            // Who had it once may have another now.
            if profile.is_some_and(|profile| profile.phone.as_ref() == Some(phone)) {
                found.push(id);
            }
        }
        Ok(found)
    }

    /// Every customer of a tenant: of a number that many have, the directory does not say who.
    async fn every_customer(&self, tenant: &TenantId) -> Result<Vec<CustomerId>, SubmitError> {
        let (store, tenant) = (Arc::clone(&self.store), tenant.clone());
        let read = tokio::task::spawn_blocking(move || {
            let (mut all, mut before) = (Vec::new(), None);
            loop {
                let page = store.page(&tenant, List::Customers, before, PAGE)?;
                let with_phone = page.entities.iter().filter_map(|(id, entity)| match (id, entity.as_ref()) {
                    (EntityId::Customer(id), Entity::Customer(state)) => {
                        state.profile.as_ref()?.phone.as_ref()?;
                        Some(*id)
                    }
                    _ => None,
                });
                all.extend(with_phone);
                before = page.entities.last().map(|(id, _)| *id);
                if !page.has_more {
                    return Ok(all);
                }
            }
        });
        let read: Result<_, PortError> = read.await.map_err(|_| SubmitError::Stopping)?;
        Ok(read?)
    }
}
