//! Dispatch: from a prepared delivery to the channel that carries it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use quittance_actors::delivery::{Channel, Delivery, Fault, Guard, Recipient, Verdict};
use quittance_actors::policies::Policies;
use quittance_actors::ports::{
    AttemptQuestion, AttemptTold, BoxFuture, CollectionAnswer, CollectionOrder, Dispatch, PayoutAnswer, PayoutOrder,
    Prepared,
};
use quittance_actors::rules::{Field, Value};
use quittance_actors::values::{EmailAddress, Language, TenantId, Timestamp};

use tracing::warn;

use crate::callbacks::{About, Callbacks};
use crate::channels::archive::{Archive, Sent};
use crate::channels::collect::Connector;
use crate::channels::email::{Email, Mail, mime};
use crate::channels::file;
use crate::channels::hook::{Body, Endpoint, Hooks};
use crate::channels::pace::Pace;
use crate::channels::smpp::SmppLink;
use crate::channels::sms::SmsChannel;
use crate::channels::{self, Sms, later, never};
use crate::clock;
use crate::config::Tenant;
use crate::documents::{self, Documents};
use crate::export::{HookBody, Layout, StatusFormat, hook_body};
use crate::in_use::InUse;
use crate::render::{self, Message, Subject, context};

/// What is said of a message that was kept instead of being sent.
pub const CAUGHT: &str = "caught";

/// The channels, and whom their recipients' names mean.
pub struct Channels {
    /// What messages say.
    pub in_use: Arc<InUse>,
    /// Tenants by id.
    pub tenants: BTreeMap<TenantId, Tenant>,
    /// E-mail; `None` to catch it.
    pub email: Option<Email>,
    /// Addresses that others call, if they may.
    pub callbacks: Option<Callbacks>,
    /// SMS; `None` to catch them.
    pub sms: Option<SmsCarrier>,
    /// Hooks.
    pub hooks: Arc<Hooks>,
    /// Who collects.
    pub connectors: BTreeMap<(TenantId, String), Connector>,
    /// Endpoints.
    pub endpoints: BTreeMap<(TenantId, String), Endpoint>,
    /// Folders of outgoing feeds, and what stands in files of many events.
    pub outgoing: BTreeMap<(TenantId, String), (PathBuf, Layout)>,
    /// Folders of status files, and how they are written.
    pub statuses: BTreeMap<TenantId, (PathBuf, StatusFormat)>,
    /// Messages as they left.
    pub archive: Archive,
    /// Invoices as PDF.
    pub documents: Documents,
    /// How much may leave in how long.
    pub pace: Pace,
}

/// Who carries SMS.
pub enum SmsCarrier {
    /// An HTTP provider.
    Http(SmsChannel),
    /// An SMSC.
    Smpp(Arc<SmppLink>),
}

impl SmsCarrier {
    /// Sends once.
    pub async fn send(&self, sms: &Sms<'_>) -> Verdict {
        match self {
            SmsCarrier::Http(provider) => provider.send(sms).await,
            SmsCarrier::Smpp(link) => link.send(sms).await,
        }
    }
}

/// What is kept of a message.
struct Kept {
    from: String,
    to: Vec<String>,
    message: Message,
    /// Byte for byte as it left.
    mail: Option<Vec<u8>>,
}

/// A connector may come back with the next configuration: the order waits for it.
fn unconfigured() -> Verdict {
    later(Fault::Settings, "the connector is not configured any more")
}

async fn blocking(work: impl FnOnce() -> Verdict + Send + 'static) -> Verdict {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| later(Fault::Service, "it is stopping"))
}

impl Dispatch for Channels {
    fn send(&self, prepared: Prepared) -> BoxFuture<'_, Verdict> {
        Box::pin(async move {
            let Some(tenant) = self.tenants.get(&prepared.delivery.tenant) else {
                return later(Fault::Settings, "the tenant is not configured any more");
            };
            match prepared.delivery.channel {
                Channel::Email => self.email(tenant, &prepared).await,
                Channel::Sms => self.sms(tenant, &prepared).await,
                Channel::Hook => self.hook(&prepared.delivery).await,
                Channel::File => self.file(prepared.delivery).await,
                Channel::Partition
                | Channel::Collection
                | Channel::Payout
                | Channel::Inquiry
                | Channel::Cancellation => never(Fault::Settings, "it leaves by another way"),
            }
        })
    }

    fn holds_back(&self, prepared: &Prepared) -> Option<(Timestamp, String)> {
        let delivery = &prepared.delivery;
        let in_use = self.in_use.of(&delivery.tenant)?;
        let by_test_clock = self.tenants.get(&delivery.tenant).is_none_or(|tenant| tenant.test_clock.is_some());
        if matches!(delivery.recipient, Recipient::Customer(_)) && delivery.channel.reaches_people() && !by_test_clock
        {
            // Whenever it was decided: nobody is woken by a relay that is there again.
            let Policies { contact, calendar, .. } = &*in_use.policies;
            let zone = in_use.policies.zone_of(prepared.zone.as_deref());
            let closed = contact.allows(&[], clock::system_now(), calendar, &zone);
            if let Some((until, why)) = closed {
                return Some((until, why.to_owned()));
            }
        }
        let most = in_use.conduct.automation.limits.get(&*delivery.cause).copied();
        self.pace.holds_back(prepared, most, clock::system_now())
    }

    fn ask_of_attempt(&self, question: AttemptQuestion) -> BoxFuture<'_, Result<AttemptTold, Verdict>> {
        Box::pin(async move {
            match self.connector(&question.delivery) {
                Some(connector) => connector.ask(question).await,
                None => Err(unconfigured()),
            }
        })
    }

    fn first_inquiry_ms(&self, delivery: &Delivery) -> i64 {
        self.connector(delivery).map_or(0, Connector::first_inquiry_ms)
    }

    fn collect(&self, orders: Vec<CollectionOrder>) -> BoxFuture<'_, Vec<CollectionAnswer>> {
        Box::pin(self.hand_over(orders))
    }

    fn pay_out(&self, orders: Vec<PayoutOrder>) -> BoxFuture<'_, Vec<PayoutAnswer>> {
        Box::pin(async move {
            match orders.first().and_then(|order| self.connector(&order.delivery)) {
                Some(connector) => connector.pay_out(orders).await,
                None => vec![unconfigured().into(); orders.len()],
            }
        })
    }

    fn write_together(&self, rows: Vec<Delivery>) -> BoxFuture<'_, Verdict> {
        Box::pin(async move {
            let Some(first) = rows.first() else { return never(Fault::Content, "there is nothing to write") };
            let tenant = first.tenant.clone();
            if let Recipient::Feed(name) = first.recipient.clone() {
                let Some((folder, layout)) = self.outgoing.get(&(tenant.clone(), name.to_string())).cloned() else {
                    return later(Fault::Settings, format!("there is no outgoing feed \"{name}\" any more"));
                };
                return blocking(move || file::write_events(&folder, (&tenant, &name), &layout, &rows)).await;
            }
            let Some((folder, format)) = self.statuses.get(&tenant).cloned() else {
                return never(Fault::Settings, "the tenant has no status_export any more");
            };
            blocking(move || file::write_statuses(&folder, &tenant, format, &rows)).await
        })
    }
}

impl Channels {
    async fn hand_over(&self, orders: Vec<CollectionOrder>) -> Vec<CollectionAnswer> {
        match orders.first().and_then(|order| self.connector(&order.delivery)) {
            Some(connector) => connector.collect(orders).await,
            None => orders.iter().map(|_| CollectionAnswer { verdict: unconfigured(), result: None }).collect(),
        }
    }

    /// An address that others call, if they may.
    fn address(&self, tenant: &Tenant, about: About) -> Option<String> {
        self.callbacks.as_ref().map(|known| known.address(&tenant.id, about))
    }

    fn connector(&self, delivery: &Delivery) -> Option<&Connector> {
        let Recipient::Connector(name) = &delivery.recipient else { return None };
        self.connectors.get(&(delivery.tenant.clone(), name.to_string()))
    }

    fn message(&self, tenant: &Tenant, prepared: &Prepared, language: Language) -> Result<Message, Verdict> {
        let delivery = &prepared.delivery;
        let name =
            delivery.template.as_deref().ok_or_else(|| never(Fault::Settings, "the delivery names no template"))?;
        let link = match (&delivery.recipient, delivery.event.request) {
            (Recipient::Customer(_), Some(request)) => {
                self.callbacks.as_ref().map(|known| known.payment_page(request))
            }
            _ => None,
        };
        let subject = Subject {
            link: link.as_deref(),
            link_days: tenant.portal.days,
            late_terms: tenant.late_terms.as_ref(),
            open: &prepared.open,
            of_all: matches!(delivery.guard, Guard::Together(_)),
            event: &delivery.event,
            customer: prepared.customer.as_deref(),
            virtual_iban: prepared.virtual_iban.as_deref(),
            merchant: &tenant.name,
            creditor_id: tenant.initiator.as_ref().and_then(|initiator| initiator.creditor_id.as_deref()),
            zone: &tenant.zone,
        };
        let data = |language| context(&subject, language, delivery.channel);
        let in_use = self.in_use.of(&tenant.id);
        let in_use = in_use.ok_or_else(|| never(Fault::Settings, "the tenant is not configured any more"))?;
        in_use
            .templates
            .render(name, delivery.channel, language, data)
            .map_err(|error| never(Fault::Content, error.to_string()))
    }

    /// The document of the invoice that a message tells of, and its name. Without one the message leaves all the same.
    async fn document(&self, delivery: &Delivery) -> Option<(String, Vec<u8>)> {
        let Some(Value::Text(number)) = delivery.event.fact(Field::RequestExternalRef) else { return None };
        let (documents, tenant, number) = (self.documents.clone(), delivery.tenant.clone(), number.clone());
        let name = documents::file_name(&number);
        let read = tokio::task::spawn_blocking(move || documents.get(&tenant, &number)).await;
        match read {
            Ok(Ok(document)) => Some((name, document?)),
            Ok(Err(error)) => {
                warn!(delivery = %delivery.id, %error, "the document of an invoice could not be read: the mail leaves without it");
                None
            }
            Err(_) => None,
        }
    }

    async fn email(&self, tenant: &Tenant, prepared: &Prepared) -> Verdict {
        let delivery = &prepared.delivery;
        let (to, language): (Vec<EmailAddress>, Language) = match &delivery.recipient {
            Recipient::List(name) => match tenant.lists.get(name.as_str()) {
                Some(list) => (list.clone(), tenant.language),
                // It may be a slip that is mended: what waits for it is not lost at once.
                None => return later(Fault::Settings, format!("there is no list \"{name}\" any more")),
            },
            _ => match prepared
                .customer
                .as_ref()
                .and_then(|customer| Some((customer.email.clone()?, customer.language)))
            {
                Some((address, language)) => (vec![address], language),
                None => return never(Fault::Recipient, "the customer has no e-mail address"),
            },
        };
        let mut message = match self.message(tenant, prepared, language) {
            Ok(message) => message,
            Err(verdict) => return verdict,
        };
        let document = match message.attached.take() {
            Some(_) if !matches!(delivery.guard, Guard::Together(_)) => self.document(delivery).await,
            Some(_) => None,
            None => None,
        };
        let (attached_as, document) = document.unzip();
        message.attached.clone_from(&attached_as);
        let attached_as = attached_as.unwrap_or_default();
        let kept = Kept {
            from: format!("{} <{}>", tenant.name, tenant.email_from.as_str()),
            to: to.iter().map(|address| address.as_str().to_owned()).collect(),
            message: message.clone(),
            mail: None,
        };
        let (id, at) = (delivery.id.to_string(), delivery.event.at);
        let (from_name, from, message) = (tenant.name.as_str(), &tenant.email_from, &message);
        let unsubscribe_url = match delivery.recipient {
            Recipient::Customer(customer) => self.address(tenant, About::Unsubscribe(customer)),
            _ => None,
        };
        let message_id = match &self.callbacks {
            Some(callbacks) => format!("{id}.{}", callbacks.of_mail(&id)),
            None => id.clone(),
        };
        let attached = document.map(|bytes| (attached_as.as_str(), bytes));
        // A mail about several requests is about none of them.
        let thread = delivery
            .event
            .request
            .filter(|_| !matches!(delivery.guard, Guard::Together(_)))
            .map(|request| request.to_string());
        let mail = Mail { id, message_id, thread, from_name, from, to, at, message, unsubscribe_url, attached };
        match &self.email {
            Some(email) => {
                let written = match email.write(&mail) {
                    Ok(written) => written,
                    Err(verdict) => return verdict,
                };
                let verdict = email.send(&written).await;
                self.sent(prepared, Kept { mail: Some(written.bytes), ..kept }, verdict).await
            }
            // As it would have left, but for signatures.
            None => match mime(&mail) {
                Ok(mime) => self.catch(prepared, Kept { mail: Some(mime.formatted()), ..kept }).await,
                Err(error) => never(Fault::Content, error),
            },
        }
    }

    async fn sms(&self, tenant: &Tenant, prepared: &Prepared) -> Verdict {
        let Some(customer) = &prepared.customer else { return never(Fault::Recipient, "an SMS goes to a customer") };
        let Some(phone) = &customer.phone else { return never(Fault::Recipient, "the customer has no phone number") };
        let message = match self.message(tenant, prepared, customer.language) {
            Ok(message) => message,
            Err(verdict) => return verdict,
        };
        let (from, to) = (tenant.sms_from.clone(), vec![phone.as_str().to_owned()]);
        let kept = Kept { from, to, message: message.clone(), mail: None };
        match &self.sms {
            Some(carrier) => {
                let id = prepared.delivery.id;
                let customer = match prepared.delivery.recipient {
                    Recipient::Customer(customer) => Some(customer),
                    _ => None,
                };
                let status_url = customer.and_then(|customer| self.address(tenant, About::Message(customer, id)));
                let of = |customer| channels::About { tenant: tenant.id.clone(), customer, delivery: id };
                let about = customer.map(of);
                let (id, from, text) = (id.to_string(), tenant.sms_from.as_str(), message.text.as_str());
                let sms = Sms { id, from, to: phone, text, status_url, about };
                let verdict = match sms.too_long() {
                    Some(verdict) => verdict,
                    None => carrier.send(&sms).await,
                };
                self.sent(prepared, kept, verdict).await
            }
            None => self.catch(prepared, kept).await,
        }
    }

    /// Keeps what a relay or provider has taken, word for word. What cannot be kept has left all the same.
    async fn sent(&self, prepared: &Prepared, kept: Kept, verdict: Verdict) -> Verdict {
        if let Verdict::Accepted { detail } = &verdict
            && let Err(error) = self.keep(prepared, kept, Some(detail.clone())).await
        {
            warn!(delivery = %prepared.delivery.id, %error, "a message was sent and could not be kept");
        }
        verdict
    }

    /// Keeps a message instead of sending it.
    async fn catch(&self, prepared: &Prepared, kept: Kept) -> Verdict {
        match self.keep(prepared, kept, None).await {
            Ok(()) => Verdict::Accepted { detail: "caught".to_owned() },
            Err(error) => later(Fault::File, format!("archive: {error}")),
        }
    }

    async fn keep(&self, prepared: &Prepared, kept: Kept, taken: Option<String>) -> std::io::Result<()> {
        let (delivery, Kept { from, to, message, mail }) = (&prepared.delivery, kept);
        let customer = match delivery.recipient {
            Recipient::Customer(customer) => Some(customer.to_string()),
            _ => None,
        };
        let sent = Sent {
            id: delivery.id.to_string(),
            customer,
            channel: delivery.channel,
            from,
            to,
            at: delivery.event.at,
            sent_at: clock::system_now(),
            template: delivery.template.as_deref().unwrap_or_default().to_owned(),
            edition: message.edition.clone(),
            cause: delivery.cause.to_string(),
            taken,
            message,
            mail: None,
        };
        let (archive, tenant) = (self.archive.clone(), delivery.tenant.to_string());
        let kept = tokio::task::spawn_blocking(move || archive.keep(&tenant, sent, mail.as_deref())).await;
        kept.unwrap_or_else(|_| Err(std::io::Error::other("the service is stopping")))
    }

    /// What a system is told by the template of a delivery; nothing when it is told the event itself.
    fn own_body(&self, delivery: &Delivery) -> Result<Option<String>, Verdict> {
        let Some(name) = delivery.template.as_deref() else { return Ok(None) };
        let (in_use, tenant) = (self.in_use.of(&delivery.tenant), self.tenants.get(&delivery.tenant));
        let (Some(in_use), Some(tenant)) = (in_use, tenant) else {
            return Err(later(Fault::Settings, "the tenant is not configured any more"));
        };
        let body = in_use.templates.body(name, Some((&delivery.event, &tenant.name)));
        body.map(Some).map_err(|error| match error {
            // It may come back with the next edition.
            render::Error::Missing(..) => later(Fault::Settings, error.to_string()),
            render::Error::Render { .. } => never(Fault::Content, error.to_string()),
        })
    }

    async fn hook(&self, delivery: &Delivery) -> Verdict {
        let Recipient::Endpoint(name) = &delivery.recipient else {
            return never(Fault::Settings, "a hook goes to an endpoint");
        };
        let Some(endpoint) = self.endpoints.get(&(delivery.tenant.clone(), name.to_string())) else {
            return later(Fault::Settings, format!("there is no endpoint \"{name}\" any more"));
        };
        let own = match self.own_body(delivery) {
            Ok(own) => own,
            Err(verdict) => return verdict,
        };
        let body = match hook_body(&delivery.event, endpoint.format, endpoint.tells, own) {
            Ok(HookBody { bytes, content_type, headers }) => Body { bytes, content_type, headers },
            Err(error) => return never(Fault::Content, error.to_string()),
        };
        self.hooks.send(endpoint, &delivery.id.to_string(), body, clock::system_now()).await
    }

    async fn file(&self, delivery: Delivery) -> Verdict {
        let Recipient::Feed(name) = &delivery.recipient else {
            return never(Fault::Settings, "a file goes to a feed");
        };
        let Some((folder, _)) = self.outgoing.get(&(delivery.tenant.clone(), name.to_string())).cloned() else {
            return later(Fault::Settings, format!("there is no outgoing feed \"{name}\" any more"));
        };
        let own = match self.own_body(&delivery) {
            Ok(own) => own,
            Err(verdict) => return verdict,
        };
        blocking(move || file::write_event(&folder, &delivery, own)).await
    }
}
