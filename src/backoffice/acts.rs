//! What a person does about a payment request: promises, disputes, collections, and its end.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::collection::Instrument;
use quittance_actors::customer::{self, Customer};
use quittance_actors::machine::Tell;
use quittance_actors::payment_request::{
    AttemptReport, AttemptResult, AttemptStatus, Command, PaymentRequest, RefundOrder, Stage, Status, Terms,
};
use quittance_actors::policies::Policies;
use quittance_actors::values::{AttemptId, Currency, Date, DecimalMark, EntityId, Money, PaymentRequestId};
use serde_json::{Value as Json, json};
use smol_str::{SmolStr, format_smolstr};

use super::{SharedPages, enter, words};
use crate::api::{Problem, Shared, refunds};

/// What the page can say was done: an address says nothing of its own.
pub(super) const SAID: [&str; 10] = [
    "Promised: nobody reminds or collects until then",
    "Disputed: nobody reminds or collects until that ends",
    "The dispute has ended",
    "It is collected again",
    "What became of the attempt is noted",
    "Given up",
    "Asked for again",
    "Cancelled",
    "Nothing is collected any more",
    "To be given back: Payouts says whether a second person is asked, and what becomes of it",
];
const AMOUNT_CHARACTERS_MAX: usize = 20;
const NAME_CHARACTERS_MAX: usize = 64;
const REASON_CHARACTERS_MAX: usize = 140;
const CODE_CHARACTERS_MAX: usize = 35;

/// What can be done about a request, as its page offers it.
pub(super) fn offered(
    state: &PaymentRequest, customer: Option<&Customer>, policies: Option<&Policies>, today: Date,
) -> Json {
    let is_open = state.status == Status::Open;
    let named: Vec<Json> = customer.map(instruments).unwrap_or_default();
    let names: Vec<&String> = policies.map(|known| known.collections.policies.keys().collect()).unwrap_or_default();
    let unknown: Vec<Json> = state
        .numbered_attempts()
        .into_iter()
        .filter(|(.., attempt)| attempt.status == AttemptStatus::Unknown)
        .map(|(number, id, attempt)| {
            json!({ "id": id.to_string(), "number": number, "amount": words::money(attempt.amount) })
        })
        .collect();
    let refund = policies.and_then(|known| state.refundable_at_once(known)).map(|most| {
        json!({ "most": most.decimal(), "shown": words::money(most), "key": format!("page-{}", state.rare.refunds.len() + 1) })
    });
    json!({
        "open": is_open,
        "today": today,
        "disputed": state.rare.dispute.is_some(),
        "instruments": (is_open && !names.is_empty()).then_some(named),
        "policies": names,
        "refund": refund,
        "collected": is_open && state.collection.as_ref().is_some_and(|collection| {
            let has_left = |id| state.attempts.get(&id).is_some_and(|known| known.status.has_left());
            !matches!(collection.stage, Stage::Ended { .. } | Stage::Idle) && !state.in_flight().is_some_and(has_left)
        }),
        "unknown": unknown,
        "written_off": state.rare.written_off_minor > 0,
        "anything": is_open || state.rare.written_off_minor > 0 || !unknown.is_empty(),
    })
}

/// Cards and mandates that a request can be collected from.
fn instruments(state: &Customer) -> Vec<Json> {
    let usable = |instrument: &Instrument| state.ledgers.get(instrument).is_none_or(|ledger| ledger.ended.is_none());
    let cards = state
        .payment_methods
        .values()
        .map(|method| (Instrument::Card(method.token.clone()), format!("card ending {}", method.last4)));
    let mandates = state.mandates.iter().map(|(reference, mandate)| {
        (Instrument::Mandate(reference.clone()), format!("mandate {reference}, {}", mandate.iban.masked()))
    });
    let all = cards.chain(mandates).filter(|(instrument, _)| usable(instrument));
    all.map(|(instrument, label)| json!({ "value": instrument.to_string(), "label": label })).collect()
}

/// What a form says.
pub(super) struct Form<'a>(pub &'a BTreeMap<String, String>);

impl Form<'_> {
    /// A line of so many characters at most.
    pub fn text(&self, name: &str, most: usize) -> Result<&str, Problem> {
        let text = self.0.get(name).map(|text| text.trim()).unwrap_or_default();
        let fits = (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        fits.then_some(text).ok_or_else(|| Problem::bad_request(format!("{name}: expected 1 to {most} characters")))
    }

    /// Who says so, and why.
    pub fn reason(&self) -> Result<SmolStr, Problem> {
        let (by, reason) = (self.text("by", NAME_CHARACTERS_MAX)?, self.text("reason", REASON_CHARACTERS_MAX)?);
        Ok(format_smolstr!("{by}: {reason}"))
    }

    /// An amount, with a point or a comma.
    pub fn money(&self, name: &str, currency: Currency) -> Result<Money, Problem> {
        let text = self.text(name, AMOUNT_CHARACTERS_MAX)?.replace(',', ".");
        Money::parse(&text, currency, DecimalMark::Point)
            .map_err(|error| Problem::bad_request(format!("{name}: {error}")))
    }

    /// A day.
    pub fn day(&self, name: &str) -> Result<Date, Problem> {
        let text = self.text(name, 10)?;
        Date::parse(text).map_err(|error| Problem::bad_request(format!("{name}: {error}")))
    }
}

/// `POST /bo/requests/{id}/do/{what}`.
pub(super) async fn act(
    app: Shared, pages: SharedPages, request: HttpRequest, path: web::Path<(String, String)>,
    form: web::Form<BTreeMap<String, String>>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    frame.of_same_merchant(&form)?;
    let form = frame.signed(form.into_inner());
    let (id, what) = path.into_inner();
    let id = PaymentRequestId::parse(&id).map_err(|error| Problem::not_found(error.to_string()))?;
    if !crate::api::owned(&app, &frame.tenant, EntityId::PaymentRequest(id)).await {
        return Err(Problem::not_found(format!("payment request {id} is not known")));
    }
    let (_, entity, _) = app.service.router.read(EntityId::PaymentRequest(id), 0).await?;
    let missing = || Problem::not_found(format!("payment request {id} is not known"));
    let state = entity.as_payment_request().ok_or_else(missing)?;
    let terms = state.terms.as_ref().ok_or_else(missing)?;
    let form = Form(&form);
    let of_request = |command| Tell::PaymentRequest(id, command);
    let (done, tell) = match what.as_str() {
        "promise" => (SAID[0], of_request(Command::Promise { on: form.day("on")? })),
        "dispute" => (SAID[1], of_request(Command::Dispute { reason: form.reason()? })),
        "end-dispute" => (SAID[2], of_request(Command::EndDispute { outcome: form.reason()? })),
        "collect" => {
            let instrument = Instrument::parse(form.text("instrument", 140)?).map_err(Problem::bad_request)?;
            let policy = form.text("policy", NAME_CHARACTERS_MAX).ok().map(Into::into);
            let collect = customer::Command::Collect { request: id, instrument, policy, again: true };
            (SAID[3], Tell::Customer(terms.customer, collect))
        }
        "attempt" => (SAID[4], of_request(found_out(&form, state)?)),
        "stop-collection" => (SAID[8], of_request(Command::StopCollection { reason: form.reason()? })),
        "write-off" => (SAID[5], of_request(Command::WriteOff { reason: form.reason()? })),
        "undo-write-off" => (SAID[6], of_request(Command::UndoWriteOff { reason: form.reason()? })),
        "cancel" => (SAID[7], of_request(Command::Cancel { reason: form.reason()? })),
        "refund" => (SAID[9], of_request(refund(&app, &form, (id, terms)).await?)),
        _ => return Err(Problem::not_found("there is nothing at this address")),
    };
    let to = match super::submit(&app, &frame.tenant, tell).await {
        Ok(()) => format!("/bo/requests/{id}?said={}", words::encoded(done)),
        Err(error) => format!("/bo/requests/{id}?failed={}", words::encoded(&error.to_string())),
    };
    Ok(HttpResponse::SeeOther().insert_header(("Location", to)).finish())
}

/// Money that goes back to the card which has paid it.
async fn refund(app: &Shared, form: &Form<'_>, (id, terms): (PaymentRequestId, &Terms)) -> Result<Command, Problem> {
    let amount = form.money("amount", terms.amount.currency())?;
    // Of the page as it was shown: sent twice, it is one refund.
    let key = form.text("key", NAME_CHARACTERS_MAX)?;
    let order = RefundOrder {
        payout: refunds::payout_of_form(id, key),
        creditor: refunds::name_of_payer(app, id).await?,
        by: form.text("by", NAME_CHARACTERS_MAX)?.into(),
        reason: form.text("reason", REASON_CHARACTERS_MAX)?.into(),
    };
    Ok(Command::InitiateRefund { key: key.into(), amount, order: Some(order) })
}

/// What a person found out about an attempt of which nobody says how it ended.
fn found_out(form: &Form<'_>, state: &PaymentRequest) -> Result<Command, Problem> {
    let unknown = || Problem::bad_request("attempt: it is not one of this request of which nobody knows");
    let attempt = AttemptId::parse(form.text("attempt", 64)?).map_err(|_| unknown())?;
    let known = state.attempts.get(&attempt).filter(|known| known.status == AttemptStatus::Unknown);
    let amount = known.ok_or_else(unknown)?.amount;
    let result = match form.text("result", 16)? {
        "succeeded" => AttemptResult::Succeeded,
        "failed" => {
            let reason_code = form.text("reason_code", CODE_CHARACTERS_MAX)?.into();
            AttemptResult::Failed { reason_code, advice: None }
        }
        _ => return Err(Problem::bad_request("result: expected succeeded or failed")),
    };
    Ok(Command::ReportAttempt(AttemptReport { attempt, amount, result }))
}
