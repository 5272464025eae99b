//! Instalment plans: an amount in parts, each a payment request of its own.

use actix_web::{HttpRequest, HttpResponse};
use quittance_actors::collection::{Instrument, PARTS_MAX, instalments};
use quittance_actors::limits;
use quittance_actors::partition::Origin;
use quittance_actors::payment_request::Offset;
use quittance_actors::runtime::{InvoiceRow, Priority, admit_invoice};
use quittance_actors::values::{CommandId, Date, Money};
use serde_json::{Value as Json, json};

use super::body::{Body, Received, received};
use super::{Problem, Shared, created, tenant};

/// Characters of a plan's reference: its parts add a hyphen and a number.
const REFERENCE_CHARACTERS_MAX: usize = limits::EXTERNAL_REFERENCE_CHARACTERS_MAX - 4;

/// Issues a payment request for the deposit, if there is one, and for each part.
pub(super) async fn create(app: Shared, request: HttpRequest, bytes: Received) -> Result<HttpResponse, Problem> {
    let bytes = received(bytes)?;
    let tenant = tenant(&app, &request)?;
    let mut body = Body::parse(&bytes)?;
    let reference = body.text("external_ref", REFERENCE_CHARACTERS_MAX);
    let customer_ref = body.text("customer_ref", limits::EXTERNAL_REFERENCE_CHARACTERS_MAX);
    let amount = body.money("amount");
    let (deposit, fee) = (body.optional_money("deposit"), body.optional_money("fee"));
    let parts = body.integer("parts", 1..=i64::from(PARTS_MAX));
    let first_due_on = body.required("first_due_on", Date::parse);
    let deposit_due_on = body.optional("deposit_due_on", Date::parse);
    let every = body.required("every", |text| match Offset::parse(text) {
        Ok(every @ (Offset::Days(1..) | Offset::Months(1..))) => Ok(every),
        _ => Err("expected days, weeks or months, as in 1m or 2w"),
    });
    let description = body.optional_text("description", limits::DESCRIPTION_CHARACTERS_MAX);
    let scenario = body.optional_text("scenario", 64);
    let collect_from = body.optional("collect_from", Instrument::parse);
    body.finish()?;
    let (Some(reference), Some(customer_ref), Some(amount), Some(parts), Some(first), Some(every)) =
        (reference, customer_ref, amount, parts, first_due_on, every)
    else {
        return Err(Problem::bad_request("the body cannot be used"));
    };
    let parted = instalments(amount, deposit, fee, u16::try_from(parts).unwrap_or(0));
    let parted = parted.map_err(|error| Problem::bad_request(error.to_string()))?;
    let down = deposit.map(|deposit| (format!("{reference}-0"), deposit, deposit_due_on.unwrap_or(first)));
    let due = |number: i32| match every {
        Offset::Months(months) => first.plus_months(months.saturating_mul(number)),
        Offset::Days(days) => first.plus_days(days.saturating_mul(number)),
        Offset::Hours(_) | Offset::BusinessDays(_) => first,
    };
    let numbered = (0_i32..).zip(parted);
    let parts: Vec<(String, Money, Date)> = down
        .into_iter()
        .chain(numbered.map(|(number, part)| (format!("{reference}-{}", number + 1), part, due(number))))
        .collect();
    let held = app.keys.hold(&request, &tenant, &bytes)?;
    let service = &app.service;
    let pool = service.config.service.pool(&tenant);
    let mut issued: Vec<Json> = Vec::new();
    // In their order: what breaks off is finished by the same call again, whose parts are known by their numbers.
    for (external_ref, amount, due_on) in parts {
        let row = InvoiceRow {
            payment_reference: None,
            customer: None,
            customer_ref: customer_ref.clone(),
            external_ref: external_ref.clone(),
            amount,
            issued_on: None,
            due_on,
            description: description.clone().unwrap_or_default(),
            scenario: scenario.clone(),
            collect_from: collect_from.clone(),
        };
        let seed = [held.command.to_bytes().as_slice(), external_ref.as_bytes()].concat();
        let command = CommandId::from_bytes(xxhash_rust::xxh3::xxh3_128(&seed).to_be_bytes());
        let (router, priority) = (&service.router, Priority::Interactive);
        let admitted = admit_invoice(router, &tenant, &row, pool.as_ref(), command, Origin::Api, priority).await;
        let (id, _) = admitted?;
        issued.push(json!({ "id": id, "external_ref": external_ref, "amount": amount, "due_on": due_on }));
    }
    let replayed = held.replayed;
    held.done();
    let view = json!({ "external_ref": reference, "payment_requests": issued });
    Ok(created("/v1/payment-requests", replayed, &view))
}
