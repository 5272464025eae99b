//! A template as its reader would see it: with examples, or with an event of the past. Nothing leaves.

use quittance_actors::customer::OpenRequest;
use quittance_actors::delivery::Channel;
use quittance_actors::rules::Published;
use quittance_actors::runtime::SubmitError;
use quittance_actors::values::{EntityId, Iban, Language};
use thiserror::Error;

use crate::assemble::{Service, callbacks};
use crate::config::Tenant;
use crate::render::{self, Message, Subject, Templates, context};

/// What is seen.
pub type Seen = Message;

/// Events of an entity among which the one asked for is looked for.
const EVENTS_LOOKED_AT: usize = 500;

/// Why there is nothing to be seen.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum Failure {
    #[error("{0} has no such event")]
    NoSuchEvent(EntityId),
    #[error(transparent)]
    Render(#[from] render::Error),
    #[error(transparent)]
    Read(#[from] SubmitError),
}

/// What is to be seen.
pub struct Asked<'a> {
    /// Among which templates.
    pub templates: &'a Templates,
    /// The template.
    pub name: &'a str,
    /// As what.
    pub channel: Channel,
    /// In which language; the reader's without one.
    pub language: Option<Language>,
    /// Whom or what the event is of; examples without it.
    pub about: Option<EntityId>,
    /// Which event of it; the newest that the template can tell of without one.
    pub event: Option<&'a str>,
}

/// Renders a template for a tenant. `owned` has been checked of what it is about.
pub async fn preview(service: &Service, tenant: &Tenant, asked: &Asked<'_>) -> Result<Message, Failure> {
    let channel = asked.channel;
    let Some(about) = asked.about else {
        if channel == Channel::Hook {
            return Ok(asked.templates.told(asked.name, None)?);
        }
        let language = asked.language.unwrap_or(tenant.language);
        let example = |language| render::example(language, channel);
        return Ok(asked.templates.render(asked.name, channel, language, example)?);
    };
    let (_, _, events) = service.router.read(about, EVENTS_LOOKED_AT).await?;
    let mut found = Err(Failure::NoSuchEvent(about));
    for event in events.iter().rev() {
        if asked.event.is_some_and(|id| event.id.to_string() != id) {
            continue;
        }
        found = with_event(service, tenant, asked, event).await;
        // Without an event named, one that tells too little is passed over.
        if found.is_ok() || asked.event.is_some() {
            break;
        }
    }
    found
}

async fn with_event(
    service: &Service, tenant: &Tenant, asked: &Asked<'_>, event: &Published,
) -> Result<Message, Failure> {
    if asked.channel == Channel::Hook {
        return Ok(asked.templates.told(asked.name, Some((event, &tenant.name)))?);
    }
    let customer = match event.customer {
        Some(id) => Some(service.router.read(EntityId::Customer(id), 0).await?.1),
        None => None,
    };
    let state = customer.as_ref().and_then(|entity| entity.as_customer());
    let profile = state.and_then(|state| state.profile.clone());
    let request = match event.request {
        Some(id) => Some(service.router.read(EntityId::PaymentRequest(id), 0).await?.1),
        None => None,
    };
    let virtual_iban = match request.as_ref().and_then(|entity| entity.as_payment_request()) {
        Some(request) => request.pays_to(state).map(Iban::printed),
        None => state.and_then(|state| Some(state.virtual_iban.as_ref()?.iban().printed())),
    };
    // As a person sees it now; when it leaves, what is promised or being collected is left out.
    let listed = |state: &quittance_actors::customer::Customer| -> Vec<OpenRequest> {
        state.told_of().iter().filter_map(|id| state.open_requests.get(id).cloned()).collect()
    };
    let open = state.map(listed).unwrap_or_default();
    let language = asked.language.or_else(|| profile.as_ref().map(|profile| profile.language));
    let link = event.request.and_then(|request| Some(callbacks(&service.config)?.payment_page(request)));
    let subject = Subject {
        link: link.as_deref(),
        link_days: tenant.portal.days,
        late_terms: tenant.late_terms.as_ref(),
        open: &open,
        of_all: false,
        event,
        customer: profile.as_deref(),
        virtual_iban: virtual_iban.as_deref(),
        merchant: &tenant.name,
        creditor_id: tenant.initiator.as_ref().and_then(|initiator| initiator.creditor_id.as_deref()),
        zone: &tenant.zone,
    };
    let data = |language| context(&subject, language, asked.channel);
    let language = language.unwrap_or(tenant.language);
    Ok(asked.templates.render(asked.name, asked.channel, language, data)?)
}
