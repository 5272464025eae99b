//! `POST /bo/requests/{id}/received`: a person notes a cheque, cash or a transfer that no file of the bank tells of. It is a
//! transfer like any other: it is placed by the request's own reference, and can be taken back.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::partition::{Entity, Origin};
use quittance_actors::runtime::{Admit, BankEntry, Offer, Priority};
use quittance_actors::transfer::{Details, Means, Particulars, Status};
use quittance_actors::values::{CommandId, EntityId, PaymentRequestId, RemittanceInformation, Timestamp, TransferId};
use smol_str::format_smolstr;

use super::acts::Form;
use super::{SharedPages, enter, words};
use crate::api::{Problem, Shared};

/// What the page can say was done.
pub(super) const SAID: [&str; 2] = ["Noted: it is counted", "It was noted before"];
const REFERENCE_CHARACTERS_MAX: usize = 60;
const NAME_CHARACTERS_MAX: usize = 64;

pub(super) async fn note(
    app: Shared, pages: SharedPages, request: HttpRequest, id: web::Path<String>,
    form: web::Form<BTreeMap<String, String>>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    frame.of_same_merchant(&form)?;
    let form = frame.signed(form.into_inner());
    let id = PaymentRequestId::parse(&id).map_err(|error| Problem::not_found(error.to_string()))?;
    let missing = || Problem::not_found(format!("payment request {id} is not known"));
    if !crate::api::owned(&app, &frame.tenant, EntityId::PaymentRequest(id)).await {
        return Err(missing());
    }
    let (_, entity, _) = app.service.router.read(EntityId::PaymentRequest(id), 0).await?;
    let state = entity.as_payment_request().ok_or_else(missing)?;
    let terms = state.terms.as_ref().ok_or_else(missing)?;
    let form = Form(&form);
    let wrong = |key: &'static str| move |error: String| Problem::bad_request(format!("{key}: {error}"));
    let means = Means::parse(form.text("means", 16)?).map_err(|error| wrong("means")(error.to_owned()))?;
    let amount = form.money("amount", terms.amount.currency())?;
    let (booked_on, reference) = (form.day("on")?, form.text("reference", REFERENCE_CHARACTERS_MAX)?);
    let by = form.text("by", NAME_CHARACTERS_MAX)?;
    let structured = vec![terms.creditor_reference.as_str().to_owned()];
    let remittance = RemittanceInformation::new(structured, reference.to_owned())
        .map_err(|error| wrong("reference")(error.to_string()))?;
    let details = Details {
        id: TransferId::new(Timestamp::default(), 0, 0),
        // The same cheque again is the same money, whoever notes it.
        entry_key: means.entry_key(&format!("{id}:{booked_on}:{}:{reference}", amount.minor())),
        account: None,
        amount,
        booked_on,
        payer_name: None,
        payer_iban: None,
        end_to_end_id: None,
        remittance,
    };
    let additional = format_smolstr!("noted by {by}");
    let particulars = Particulars { code: means.code().into(), additional, ..Particulars::default() };
    let (counted_as, collected, paid_out) = (Vec::new(), Vec::new(), Vec::new());
    let entry = BankEntry { details, particulars, counted_as, same_as: None, collected, paid_out, debit: false };
    let random = u64::from_be_bytes(crate::clock::random_bytes::<8>());
    let command = CommandId::new(Timestamp::default(), random, 0);
    let (tenant, origin, priority) = (frame.tenant.clone(), Origin::Api, Priority::Interactive);
    let admitted = app.service.reconciliation.send(Admit { tenant, entry, command, origin, priority }).await;
    let admitted = admitted.map_err(|_| Problem::overloaded("the service is stopping"))?;
    let to = match admitted {
        Err(error) => format!("/bo/requests/{id}?failed={}", words::encoded(&error.to_string())),
        Ok((_, receipt)) if receipt.sequence == 0 => format!("/bo/requests/{id}?said={}", words::encoded(SAID[1])),
        Ok((transfer, _)) => {
            let _ = app.service.checkpointer.send(Offer).await; // Lists are as of the last checkpoint, then.
            let (_, entity, _) = app.service.router.read(EntityId::Transfer(transfer), 0).await?;
            match entity.as_ref() {
                Entity::Transfer(state) if state.status == Status::Matched => {
                    format!("/bo/requests/{id}?said={}", words::encoded(SAID[0]))
                }
                // Its amount fits nothing that is open: somebody says where it goes.
                _ => format!("/bo/reconciliation/{transfer}"),
            }
        }
    };
    Ok(HttpResponse::SeeOther().insert_header(("Location", to)).finish())
}
