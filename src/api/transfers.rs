//! Transfers, and those that wait for a person.

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::partition::{DirectoryKey, Entity, Origin};
use quittance_actors::runtime::{Admit, BankEntry, Priority};
use quittance_actors::transfer::{Details, Means, Particulars, Status, Transfer};
use quittance_actors::values::{
    Date, EndToEndId, EntityId, Iban, RemittanceInformation, TenantId, Timestamp, TransferId,
};
use serde_json::Value as Json;

use super::body::{Body, Received, received};
use super::customers::owned;
use super::lists::page;
use super::{App, Problem, Shared, created, entity_id, tenant, views};
use crate::store::List;

pub(super) async fn create(app: Shared, request: HttpRequest, bytes: Received) -> Result<HttpResponse, Problem> {
    let bytes = received(bytes)?;
    let tenant = tenant(&app, &request)?;
    let mut body = Body::parse(&bytes)?;
    let entry_ref = body.text("entry_ref", 128);
    let amount = body.money("amount");
    let booked_on = body.required("booked_on", Date::parse);
    let account = body.optional("account", Iban::parse);
    let payer_name = body.optional_text("payer_name", 140);
    let payer_iban = body.optional("payer_iban", Iban::parse);
    let end_to_end_id = body.optional("end_to_end_id", EndToEndId::parse).flatten();
    let structured = body.optional_text("creditor_reference", 35);
    let text = body.optional_text("remittance", RemittanceInformation::UNSTRUCTURED_CHARACTERS_MAX);
    let means = body.optional("means", Means::parse).unwrap_or(Means::Transfer);
    body.finish()?;
    let (Some(entry_ref), Some(amount), Some(booked_on)) = (entry_ref, amount, booked_on) else {
        return Err(Problem::bad_request("the body cannot be used"));
    };
    let structured: Vec<String> = structured.into_iter().collect();
    let remittance = RemittanceInformation::new(structured, text.unwrap_or_default())
        .map_err(|error| Problem::bad_request(error.to_string()))?;
    let details = Details {
        id: TransferId::new(Timestamp::default(), 0, 0),
        entry_key: means.entry_key(&entry_ref),
        account,
        amount,
        booked_on,
        payer_name,
        payer_iban,
        end_to_end_id,
        remittance,
    };
    let held = app.keys.hold(&request, &tenant, &bytes)?;
    let admit = Admit {
        tenant: tenant.clone(),
        entry: BankEntry {
            details,
            particulars: Particulars { code: means.code().into(), ..Particulars::default() },
            counted_as: Vec::new(),
            same_as: None,
            collected: Vec::new(),
            paid_out: Vec::new(),
            debit: false,
        },
        command: held.command,
        origin: Origin::Api,
        priority: Priority::Interactive,
    };
    let sent = app.service.reconciliation.send(admit).await;
    let (id, _) = sent.map_err(|_| Problem::overloaded("the service is stopping"))??;
    let replayed = held.replayed;
    held.done();
    let view = view(&app, &tenant, id).await?;
    Ok(created(&format!("/v1/transfers/{id}"), replayed, &view))
}

/// Whether nobody knows yet whose account it came from, and its match says it.
pub(crate) fn proposes_payer(app: &App, tenant: &TenantId, state: &Transfer) -> bool {
    let iban = state.details.as_ref().and_then(|details| details.payer_iban.clone());
    // Who pays for several says of none of them that the account is theirs.
    let alone = state.divided().0.is_none();
    let of_customer = alone && state.status == Status::Matched && state.pending.is_none() && state.customer.is_some();
    let Some(iban) = iban.filter(|_| of_customer) else { return false };
    // A lookup that fails proposes nothing.
    let known = app.service.router.ports().directory.find(&DirectoryKey::PayerIban(tenant.clone(), iban));
    matches!(known, Ok(None))
}

/// Refuses to remember an account of which something else is known; the same again is fine.
pub(crate) fn may_remember_payer(app: &App, tenant: &TenantId, state: &Transfer) -> Result<(), Problem> {
    let is_first = state.status == Status::Matched && !state.payer_remembered;
    if is_first && !proposes_payer(app, tenant, state) {
        let why = "the account is known already, or several customers pay from it: nothing is learned of it";
        return Err(Problem::conflict("payer_known", why));
    }
    Ok(())
}

pub(super) async fn view(app: &App, tenant: &TenantId, id: TransferId) -> Result<Json, Problem> {
    let entity_id = EntityId::Transfer(id);
    let (_, entity, _) = app.service.router.read(entity_id, 0).await?;
    match entity.as_ref() {
        Entity::Transfer(state) if state.details.is_some() && owned(app, tenant, entity_id).await => {
            let mut view = views::transfer(id, state);
            if let Some(fields) = view.as_object_mut().filter(|_| proposes_payer(app, tenant, state)) {
                fields.insert("proposes".to_owned(), Json::from("remember_payer"));
            }
            Ok(view)
        }
        _ => Err(Problem::not_found(format!("transfer {id} is not known"))),
    }
}

pub(super) async fn read(app: Shared, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    match entity_id(&id)? {
        EntityId::Transfer(id) => Ok(HttpResponse::Ok().json(view(&app, &tenant, id).await?)),
        _ => Err(Problem::not_found(format!("{id} is not a transfer"))),
    }
}

pub(super) async fn list(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    page(&app, &tenant, List::Transfers, &request).await
}

pub(super) async fn tasks(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    page(&app, &tenant, List::Tasks, &request).await
}
