//! Search: an id, an invoice number, a reference, an account number, a name, a phone number or an amount leads to what it
//! means, by the lookups by which transfers are read.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::partition::{DirectoryKey, DirectoryValue, Entity};
use quittance_actors::ports::PortError;
use quittance_actors::values::{
    CreditorReference, Currency, CustomerId, DecimalMark, DeliveryId, EntityId, Iban, Money, PaymentRequestId,
    PhoneNumber, PlanId, ShortReference, TenantId, TransferId, canonical_number, name_key, name_words,
};
use serde_json::{Value as Json, json};

use super::{SharedPages, enter, words};
use crate::api::{Problem, Shared, owned};
use crate::store::{Words, number_words};

const ASKED_CHARACTERS_MAX: usize = 140;
const FOUND_MAX: usize = 20;
/// Letters of a word by which something is looked for.
const TYPED_MIN: usize = 2;
/// Entities looked at for a word.
const LOOKED_AT_MAX: usize = 200;

pub(super) async fn page(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let query = web::Query::<std::collections::BTreeMap<String, String>>::from_query(request.query_string());
    let query = query.map(web::Query::into_inner).unwrap_or_default();
    let asked: String =
        query.get("q").map(|text| text.trim()).unwrap_or_default().chars().take(ASKED_CHARACTERS_MAX).collect();
    if let Ok(id) = DeliveryId::parse(&asked) {
        return Ok(to(&format!("/bo/messages/deliveries/{id}")));
    }
    let (known, tenant, text) = (app.clone(), frame.tenant.clone(), asked.clone());
    let found = tokio::task::spawn_blocking(move || found(&known, &tenant, &text)).await;
    let found = found.map_err(|_| Problem::overloaded("the service is stopping"))?;
    let found = found.map_err(|error| Problem::overloaded(error.to_string()))?;
    let mut rows: Vec<Json> = Vec::new();
    for id in found.into_iter().take(FOUND_MAX) {
        // Ids are asked for as they are written: those of other merchants lead nowhere.
        if owned(&app, &frame.tenant, id).await {
            rows.extend(row(&app, id).await?);
        }
    }
    if let [only] = rows.as_slice()
        && let Some(link) = only["link"].as_str()
    {
        return Ok(to(link));
    }
    let own = json!({ "asked": asked, "rows": rows });
    pages.page("search", &frame.data(&app, "Search", "/bo/search", own))
}

fn to(link: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header(("Location", link)).finish()
}

/// What a text may mean.
fn keys(app: &Shared, tenant: &TenantId, text: &str) -> Vec<DirectoryKey> {
    use DirectoryKey as K;
    let of = || tenant.clone();
    let mut keys = vec![
        K::RequestExternalRef(of(), text.into()),
        K::CustomerExternalRef(of(), text.into()),
        K::PlanExternalRef(of(), text.into()),
    ];
    let number = canonical_number(text);
    if !number.is_empty() {
        keys.push(K::InvoiceNumber(of(), number));
    }
    keys.extend(
        CreditorReference::scan(text).into_iter().map(|found| K::CreditorReference(of(), found.as_str().into())),
    );
    let reference_key = app.service.router.ports().tenants.reference_key(tenant);
    keys.extend(
        ShortReference::scan(text, reference_key).into_iter().map(|found| K::ShortReference(of(), found.reference)),
    );
    if let Ok(iban) = Iban::parse(text) {
        keys.extend([K::VirtualIban(of(), iban.clone()), K::PayerIban(of(), iban)]);
    }
    keys.extend(name_key(text).map(|name| K::Name(of(), name)));
    // A national number is one of a country whose customers the ERP's rows bring.
    let countries = app.service.config.mappings.values().map(|mapping| mapping.phone_country.as_deref());
    let phones: BTreeSet<PhoneNumber> =
        countries.chain([None]).filter_map(|country| PhoneNumber::parse(text, country).ok()).collect();
    keys.extend(phones.iter().map(|phone| K::phone(tenant, phone)));
    for mark in [DecimalMark::Comma, DecimalMark::Point] {
        let amount = Money::parse(text, Currency::EUR, mark).ok().filter(|amount| amount.is_positive());
        keys.extend(amount.map(|amount| K::Amount(of(), amount.currency(), amount.minor())));
    }
    keys
}

pub(super) fn found(app: &Shared, tenant: &TenantId, text: &str) -> Result<Vec<EntityId>, PortError> {
    let mut found: Vec<EntityId> = Vec::new();
    found.extend(PaymentRequestId::parse(text).ok().map(EntityId::PaymentRequest));
    found.extend(CustomerId::parse(text).ok().map(EntityId::Customer));
    found.extend(TransferId::parse(text).ok().map(EntityId::Transfer));
    found.extend(PlanId::parse(text).ok().map(EntityId::Plan));
    if text.is_empty() || !found.is_empty() {
        return Ok(found);
    }
    for key in keys(app, tenant, text) {
        match app.service.router.ports().directory.find(&key)? {
            Some(DirectoryValue::Customer(id)) => found.push(EntityId::Customer(id)),
            Some(DirectoryValue::Request(id, _)) => found.push(EntityId::PaymentRequest(id)),
            Some(DirectoryValue::Transfer(id)) => found.push(EntityId::Transfer(id)),
            Some(DirectoryValue::Plan(id)) => found.push(EntityId::Plan(id)),
            Some(DirectoryValue::Requests(ids, count)) => {
                found.extend(ids.into_iter().take(usize::from(count)).map(EntityId::PaymentRequest));
            }
            Some(DirectoryValue::Customers(ids, count)) => {
                found.extend(ids.into_iter().take(usize::from(count)).map(EntityId::Customer));
            }
            Some(DirectoryValue::File | DirectoryValue::Several) | None => {}
        }
    }
    if found.is_empty() {
        found = begun(app, tenant, text)?;
    }
    let mut seen = BTreeSet::new();
    found.retain(|id| seen.insert(*id));
    Ok(found)
}

/// What begins as it is typed: customers by each word of their names, payment requests by their numbers.
fn begun(app: &Shared, tenant: &TenantId, text: &str) -> Result<Vec<EntityId>, PortError> {
    let mut found = Vec::new();
    let asked = name_words(text);
    let starts: Vec<&str> = asked.iter().map(String::as_str).filter(|word| word.len() >= TYPED_MIN).collect();
    if !starts.is_empty() {
        for (id, entity) in app.service.store.found(tenant, Words::Names, &starts, LOOKED_AT_MAX)? {
            let Some(profile) = entity.as_customer().and_then(|state| state.profile.as_ref()) else { continue };
            let name = name_words(&profile.name);
            if asked.iter().all(|word| name.iter().any(|known| known.starts_with(word.as_str()))) {
                found.push(id);
            }
        }
    }
    if let Some(number) = number_words(text).first().filter(|number| number.len() >= TYPED_MIN) {
        let numbered = app.service.store.found(tenant, Words::Numbers, &[number], LOOKED_AT_MAX)?;
        found.extend(numbered.into_iter().map(|(id, _)| id));
    }
    Ok(found)
}

async fn row(app: &Shared, id: EntityId) -> Result<Option<Json>, Problem> {
    let (_, entity, _) = app.service.router.read(id, 0).await?;
    Ok(match entity.as_ref() {
        Entity::PaymentRequest(state) => state.terms.as_ref().map(|terms| {
            json!({
                "icon": "receipt", "kind": "Payment request", "link": format!("/bo/requests/{}", terms.id),
                "name": terms.external_ref, "detail": words::money(terms.amount),
            })
        }),
        Entity::Customer(state) => state.profile.as_ref().map(|profile| {
            json!({
                "icon": "user", "kind": "Customer", "link": format!("/bo/customers/{id}"),
                "name": profile.name, "detail": profile.external_ref,
            })
        }),
        Entity::Transfer(state) => state.details.as_ref().map(|details| {
            json!({
                "icon": "arrow-left-right", "kind": "Transfer", "link": format!("/bo/reconciliation?id={id}"),
                "name": details.payer_name, "detail": words::money(details.amount),
            })
        }),
        Entity::Plan(state) => state.terms.as_ref().map(|terms| {
            json!({
                "icon": "calendar", "kind": "Plan", "link": format!("/bo/plans/{id}"),
                "name": terms.external_ref, "detail": words::money(terms.each),
            })
        }),
        Entity::Payout(_) | Entity::Feed(_) => None,
    })
}
