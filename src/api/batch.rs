//! Many attempts in one call: a line of JSON each, an answer line each, in the same order.
//!
//! A line needs no Idempotency-Key: the provider's own reference of the attempt makes it the same
//! one on every report. Lines are recorded side by side and answered when all are durable.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use quittance_actors::limits;
use quittance_actors::machine::Tell;
use quittance_actors::partition::Origin;
use quittance_actors::payment_request::{AttemptReport, AttemptResult, Command};
use quittance_actors::runtime::{Answer, Priority, Request, SubmitError};
use quittance_actors::values::{CommandId, Money, PaymentRequestId, TenantId};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::payment_requests::attempt_id;
use super::{Problem, Shared, tenant};

/// Bytes of one call.
pub(super) const BATCH_BYTES_MAX: usize = 2 << 20;
/// Lines of one call.
const LINES_MAX: usize = 2_000;
const REFERENCE_CHARACTERS_MAX: usize = 128;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    payment_request: PaymentRequestId,
    #[serde(borrow)]
    attempt_ref: std::borrow::Cow<'a, str>,
    amount: Money,
    result: Ended,
    reason_code: Option<SmolStr>,
    advice_code: Option<SmolStr>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ended {
    Succeeded,
    Failed,
}

/// What became of a line.
#[derive(Serialize)]
struct Answered<'a> {
    line: usize,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

pub(super) async fn report_attempts(
    app: Shared, request: HttpRequest, bytes: Result<Bytes, actix_web::Error>,
) -> Result<HttpResponse, Problem> {
    let too_large = |_| Problem::batch_too_large(BATCH_BYTES_MAX >> 20, LINES_MAX);
    let bytes = bytes.map_err(too_large)?;
    let tenant = tenant(&app, &request)?;
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/x-ndjson") {
        return Err(Problem::bad_request("send Content-Type: application/x-ndjson, one JSON object a line"));
    }
    let lines = bytes.split(|byte| *byte == b'\n').zip(1_usize..).filter(|(line, _)| !line.trim_ascii().is_empty());
    let read: Vec<(usize, Result<Request, String>)> = lines.map(|(line, at)| (at, read(&tenant, line))).collect();
    if read.len() > LINES_MAX {
        return Err(Problem::batch_too_large(BATCH_BYTES_MAX >> 20, LINES_MAX));
    }
    let mut faults: Vec<(usize, Option<String>)> = Vec::with_capacity(read.len());
    let mut requests = Vec::with_capacity(read.len());
    for (at, line) in read {
        match line {
            Ok(request) => {
                requests.push(request);
                faults.push((at, None));
            }
            Err(fault) => faults.push((at, Some(fault))),
        }
    }
    let router = &app.service.router;
    let mut answers = router.submit_all(&tenant, requests, Priority::Interactive).await?.into_iter();
    let mut body = Vec::with_capacity(faults.len() * 40);
    for (line, fault) in faults {
        let (status, detail) = match fault {
            Some(fault) => ("invalid", Some(fault)),
            None => status(answers.next()),
        };
        let answered = Answered { line, status, detail: detail.as_deref() };
        serde_json::to_writer(&mut body, &answered).map_err(|error| Problem::internal(error.to_string()))?;
        body.push(b'\n');
    }
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").body(body))
}

fn status(answer: Option<Answer>) -> (&'static str, Option<String>) {
    match answer {
        Some(Ok(_)) => ("recorded", None),
        Some(Err(SubmitError::Rejected(rejection))) => ("refused", Some(rejection.to_string())),
        Some(Err(error @ SubmitError::FingerprintDiffers)) => ("refused", Some(error.to_string())),
        Some(Err(SubmitError::Quarantined(_))) => ("failed", Some("put aside for a person".to_owned())),
        Some(Err(error)) => ("retry", Some(error.to_string())),
        None => ("retry", None),
    }
}

fn read(tenant: &TenantId, line: &[u8]) -> Result<Request, String> {
    let line: Line<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let Line { payment_request, attempt_ref, amount, result, reason_code, advice_code } = line;
    if !(1..=limits::AMOUNT_MINOR_MAX).contains(&amount.minor()) {
        return Err(format!("amount: expected a whole number from 1 to {}", limits::AMOUNT_MINOR_MAX));
    }
    let plain = |text: &str| !text.chars().any(char::is_control);
    if !plain(&attempt_ref) || ![&reason_code, &advice_code].iter().all(|code| code.as_deref().is_none_or(plain)) {
        return Err("attempt_ref, reason_code, advice_code: control characters are not allowed".to_owned());
    }
    if attempt_ref.is_empty() || attempt_ref.chars().count() > REFERENCE_CHARACTERS_MAX {
        return Err(format!("attempt_ref: expected 1 to {REFERENCE_CHARACTERS_MAX} characters"));
    }
    if advice_code.as_deref().is_some_and(|advice| !(1..=35).contains(&advice.len())) {
        return Err("advice_code: expected 1 to 35 characters".to_owned());
    }
    // What was answered before this field was known stays the same request.
    let (result, content) = match (result, reason_code) {
        (Ended::Succeeded, _) => (AttemptResult::Succeeded, format!("{amount}\u{1f}Succeeded")),
        (Ended::Failed, Some(reason_code)) if (1..=35).contains(&reason_code.len()) => {
            let advice = advice_code.as_deref().map(|advice| format!("\u{1f}{advice}")).unwrap_or_default();
            let content = format!("{amount}\u{1f}Failed {{ reason_code: {reason_code:?} }}{advice}");
            (AttemptResult::Failed { reason_code, advice: advice_code }, content)
        }
        (Ended::Failed, _) => return Err("reason_code: a failed attempt has one, of 1 to 35 characters".to_owned()),
    };
    let attempt = attempt_id(payment_request, &attempt_ref);
    let halves =
        [tenant.as_str().as_bytes(), &[0x1f], b"attempt", &attempt.to_bytes(), &payment_request.to_bytes()].concat();
    let hash = xxhash_rust::xxh3::xxh3_128(&halves);
    let command_id = CommandId::from_bytes(hash.to_be_bytes());
    let fingerprint = xxhash_rust::xxh3::xxh3_64(content.as_bytes());
    let command = Command::ReportAttempt(AttemptReport { attempt, amount, result });
    let tell = Tell::PaymentRequest(payment_request, command);
    Ok(Request { tell, command_id, fingerprint, origin: Origin::Api, fired: None })
}
