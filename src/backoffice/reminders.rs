//! Reminders that leave only when a person approves them.

use std::collections::BTreeMap;

use super::acts::Form;
use super::{SharedPages, enter, words};
use crate::api::{Problem, Shared};
use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::machine::Tell;
use quittance_actors::payment_request::{Command, PaymentRequest};
use quittance_actors::policies::Policies;
use quittance_actors::values::{EntityId, PaymentRequestId, Zone};
use serde_json::{Value as Json, json};

/// What the page can say was done: an address says nothing of its own.
pub(super) const SAID: [&str; 3] = ["It leaves", "It does not leave", "Its reminders are of that scenario now"];
const NAME_CHARACTERS_MAX: usize = 64;

/// The step of a request that waits for a person, as a page asks about it.
pub(super) fn awaited(state: &PaymentRequest, policies: Option<&Policies>, zone: &Zone) -> Option<Json> {
    let (waits, terms) = (state.awaits_approval()?, state.terms.as_ref()?);
    let scenario = policies.and_then(|policies| policies.scenario_of(terms));
    let step = scenario.and_then(|scenario| scenario.step(scenario.place_of(&waits.step)?));
    let template = step.map(|step| step.template.to_string());
    let channel = step.and_then(|step| step.channels.first()).map(|channel| channel.name());
    let preview = template.as_deref().zip(channel).map(|(template, channel)| {
        format!("/bo/templates?name={}&channel={channel}&about={}", words::encoded(template), terms.id)
    });
    let since = words::instant(waits.since, zone);
    Some(json!({ "step": waits.step, "since": since, "template": template, "preview": preview }))
}

/// `POST /bo/requests/{id}/reminder/{what}`: it leaves, or does not.
pub(super) async fn decide(
    app: Shared, pages: SharedPages, request: HttpRequest, path: web::Path<(String, String)>,
    form: web::Form<BTreeMap<String, String>>,
) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let form = frame.signed(form.into_inner());
    let (id, what) = path.into_inner();
    let id = PaymentRequestId::parse(&id).map_err(|error| Problem::not_found(error.to_string()))?;
    if !crate::api::owned(&app, &frame.tenant, EntityId::PaymentRequest(id)).await {
        return Err(Problem::not_found(format!("payment request {id} is not known")));
    }
    let form = Form(&form);
    let by = form.text("by", NAME_CHARACTERS_MAX)?;
    let step = || form.text("step", NAME_CHARACTERS_MAX).map(Into::into);
    let (done, command) = match what.as_str() {
        "scenario" => {
            let scenario = form.0.get("scenario").map(|name| name.trim()).filter(|name| !name.is_empty());
            let reason = form.reason()?;
            (SAID[2], Command::FollowScenario { scenario: scenario.map(Into::into), reason, by_rule: false })
        }
        "approve" => (SAID[0], Command::ApproveReminder { step: step()?, by: by.into() }),
        "reject" => {
            let said = form.reason()?;
            (SAID[1], Command::RejectReminder { step: step()?, said })
        }
        _ => return Err(Problem::not_found("there is nothing at this address")),
    };
    let answer = super::submit(&app, &frame.tenant, Tell::PaymentRequest(id, command)).await;
    let to = match answer {
        Ok(_) => format!("/bo/requests/{id}?said={}", words::encoded(done)),
        Err(error) => format!("/bo/requests/{id}?failed={}", words::encoded(&error.to_string())),
    };
    Ok(HttpResponse::SeeOther().insert_header(("Location", to)).finish())
}
