//! A message that shows how it looks, sent to who wants to see it.

use quittance_actors::delivery::{Channel, Fault, Verdict};
use quittance_actors::rules::Published;
use quittance_actors::values::PhoneNumber;

use crate::channels::archive::Sent;
use crate::channels::email::{Mail, mime};
use crate::channels::hook::Body;
use crate::channels::{Sms, later, never};
use crate::clock;
use crate::config::Tenant;
use crate::digest;
use crate::dispatch::{CAUGHT, Channels};
use crate::export::{HookBody, hook_body};
use crate::render::Message;

/// To whom a message goes that shows how it looks.
pub enum Tester {
    /// Addresses of a team.
    List(String),
    /// A telephone.
    Phone(PhoneNumber),
}

/// What such a message says.
pub struct Trial {
    /// The template.
    pub template: String,
    /// What it says.
    pub message: Message,
}

/// What an endpoint was called with, and what it said.
pub struct Called {
    /// What came of it.
    pub verdict: Verdict,
    /// The id of the call, `webhook-id`.
    pub id: String,
    /// What it was told.
    pub body: String,
}

impl Channels {
    /// Calls an endpoint with an event that never happened, in the form of a template if there is one, signed as every hook
    /// is; it is no delivery, and not tried again. Says why it cannot be called.
    pub async fn call_endpoint(
        &self, tenant: &Tenant, name: &str, event: &Published, template: Option<&str>,
    ) -> Result<Called, String> {
        let endpoint = self.endpoints.get(&(tenant.id.clone(), name.to_owned()));
        let endpoint = endpoint.ok_or_else(|| format!("there is no endpoint \"{name}\""))?;
        let own = match template {
            None => None,
            Some(template) => {
                let in_use = self.in_use.of(&tenant.id).ok_or("the tenant is not configured any more")?;
                Some(
                    in_use
                        .templates
                        .body(template, Some((event, &tenant.name)))
                        .map_err(|error| error.to_string())?,
                )
            }
        };
        let HookBody { bytes, content_type, headers } =
            hook_body(event, endpoint.format, endpoint.tells, own).map_err(|error| error.to_string())?;
        let body = String::from_utf8_lossy(&bytes).into_owned();
        let id = format!("test-{}", digest::hex(&clock::random_bytes::<8>()));
        let verdict =
            self.hooks.send(endpoint, &id, Body { bytes, content_type, headers }, clock::system_now()).await;
        Ok(Called { verdict, id, body })
    }

    /// Sends a message that shows how it looks, and keeps it; it is no delivery, and not tried again.
    pub async fn send_trial(&self, tenant: &Tenant, to: &Tester, trial: Trial) -> Verdict {
        let Trial { template, mut message } = trial;
        let now = clock::system_now();
        let id = format!("test-{}", digest::hex(&clock::random_bytes::<8>()));
        let (channel, from, addresses, (verdict, bytes)) = match to {
            Tester::List(name) => {
                let Some(list) = tenant.lists.get(name) else {
                    return never(Fault::Settings, format!("there is no list \"{name}\""));
                };
                message.subject = format!("[Test] {}", message.subject);
                message.attached = None;
                let (from_name, from, message) = (tenant.name.as_str(), &tenant.email_from, &message);
                let (message_id, id, to) = (id.clone(), id.clone(), list.clone());
                let mail = Mail {
                    id,
                    message_id,
                    thread: None,
                    from_name,
                    from,
                    to,
                    at: now,
                    message,
                    unsubscribe_url: None,
                    attached: None,
                };
                let (verdict, bytes) = match &self.email {
                    Some(email) => {
                        let written = match email.write(&mail) {
                            Ok(written) => written,
                            Err(verdict) => return verdict,
                        };
                        (Some(email.send(&written).await), Some(written.bytes))
                    }
                    None => (None, mime(&mail).ok().map(|mime| mime.formatted())),
                };
                let addresses = list.iter().map(|address| address.as_str().to_owned()).collect();
                (Channel::Email, format!("{from_name} <{}>", from.as_str()), addresses, (verdict, bytes))
            }
            Tester::Phone(to) => {
                let (from, text) = (tenant.sms_from.as_str(), message.text.as_str());
                let sms = Sms { id: id.clone(), from, to, text, status_url: None, about: None };
                let verdict = match (sms.too_long(), &self.sms) {
                    (Some(verdict), _) => return verdict,
                    (None, Some(carrier)) => Some(carrier.send(&sms).await),
                    (None, None) => None,
                };
                (Channel::Sms, from.to_owned(), vec![to.as_str().to_owned()], (verdict, None))
            }
        };
        let taken = match &verdict {
            Some(Verdict::Accepted { detail }) => Some(detail.clone()),
            Some(_) => return verdict.unwrap_or_else(|| later(Fault::Service, "")),
            None => None,
        };
        let (edition, cause) = (message.edition.clone(), "test".to_owned());
        let sent = Sent {
            id,
            customer: None,
            channel,
            from,
            to: addresses,
            at: now,
            sent_at: now,
            template,
            edition,
            cause,
            taken,
            message,
            mail: None,
        };
        let (archive, tenant) = (self.archive.clone(), tenant.id.to_string());
        let kept = tokio::task::spawn_blocking(move || archive.keep(&tenant, sent, bytes.as_deref())).await;
        match kept {
            Ok(Ok(())) => verdict.unwrap_or_else(|| Verdict::Accepted { detail: CAUGHT.to_owned() }),
            _ => later(Fault::File, "it was sent and could not be kept"),
        }
    }
}
