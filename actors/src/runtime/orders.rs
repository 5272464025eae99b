//! What banks say of orders of ours: refused, come back, or paid.

use std::sync::Arc;

use smol_str::SmolStr;

use super::intake::{BankEntry, IntakeError, derived_from};
use super::{Priority, Router, SubmitError};
use crate::machine::Tell;
use crate::partition::{Origin, Receipt, Rejection};
use crate::payment_request::{self, AttemptReport, AttemptResult, AttemptStatus, Command, attempt_named};
use crate::transfer::Nature;
use crate::values::{AttemptId, CommandId, EntityId, Money, PaymentRequestId, TenantId, stable_hash};

/// The reason of a return that gives none. Source: EPC guidance on reason codes.
const NO_REASON: &str = "MS03";

/// An order of ours that a bank refuses or takes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderReturned {
    /// The request it was for.
    pub request: PaymentRequestId,
    /// The attempt.
    pub attempt: AttemptId,
    /// The reason code.
    pub reason_code: SmolStr,
}

/// Takes over that a bank refuses an order or takes it back; `None` when the order is not known here.
pub(super) async fn admit_returned(
    router: &Arc<Router>, tenant: &TenantId, row: &OrderReturned, command: CommandId, origin: Origin,
) -> Result<Option<Receipt>, IntakeError> {
    use payment_request::Rejection as R;
    let OrderReturned { request, attempt, reason_code } = row;
    let fingerprint = stable_hash(&["returned", &attempt.to_string(), reason_code]);
    let returned = Command::ReturnAttempt { attempt: *attempt, reason_code: reason_code.clone() };
    let tell = Tell::PaymentRequest(*request, returned);
    match router.submit(tenant, tell, command, fingerprint, origin, Priority::Patient).await {
        Ok(receipt) => Ok(Some(receipt)),
        Err(SubmitError::Rejected(Rejection::PaymentRequest(R::Unknown | R::UnknownAttempt(_)))) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The order of ours that an entry takes back, if it does.
pub(super) fn came_back(entry: &BankEntry) -> Option<OrderReturned> {
    if entry.particulars.nature != Nature::Returned {
        return None;
    }
    let (request, attempt) = attempt_named(entry.details.end_to_end_id.as_ref()?.as_str())?;
    let reason = entry.particulars.returned.as_ref().map(|reason| reason.code.clone());
    let reason_code = reason.filter(|code| !code.is_empty()).unwrap_or_else(|| NO_REASON.into());
    Some(OrderReturned { request, attempt, reason_code })
}

/// Whether an entry is the money of collections of ours, to the cent; then they have succeeded.
pub(super) async fn are_collected(
    router: &Arc<Router>, tenant: &TenantId, entry: &BankEntry,
) -> Result<bool, IntakeError> {
    if entry.particulars.nature != Nature::Received {
        return Ok(false);
    }
    let by_id = entry.details.end_to_end_id.as_ref().and_then(|id| attempt_named(id.as_str()));
    let named: Vec<_> = match by_id {
        Some(named) => vec![named],
        None => entry.collected.clone(),
    };
    let mut reports = Vec::with_capacity(named.len());
    for (request, attempt) in named {
        // What was refused before it was booked is not among the money of its batch.
        if let Some(amount) = expected(router, request, attempt).await? {
            reports.push((request, AttemptReport { attempt, amount, result: AttemptResult::Succeeded }));
        }
    }
    let currency = entry.details.amount.currency();
    let same_currency = reports.iter().all(|(_, report)| report.amount.currency() == currency);
    let sum: i64 = reports.iter().map(|(_, report)| report.amount.minor()).sum();
    if reports.is_empty() || !same_currency || sum != entry.details.amount.minor() {
        return Ok(false);
    }
    for (request, report) in reports {
        let attempt = report.attempt.to_string();
        let command = derived_from(&[&entry.details.entry_key, &attempt, "collected"]);
        let tell = Tell::PaymentRequest(request, Command::ReportAttempt(report));
        let fingerprint = stable_hash(&["collected", &attempt]);
        match router.submit(tenant, tell, command, fingerprint, Origin::System, Priority::Patient).await {
            Ok(_) => {}
            // Another tenant's, or it has ended otherwise meanwhile: then it is a transfer like any other.
            Err(SubmitError::Rejected(_)) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// What an attempt is to bring in, unless it has failed or never left.
async fn expected(
    router: &Arc<Router>, request: PaymentRequestId, attempt: AttemptId,
) -> Result<Option<Money>, IntakeError> {
    let (_, entity, _) = router.read(EntityId::PaymentRequest(request), 0).await?;
    let known = entity.as_payment_request().and_then(|state| state.attempts.get(&attempt));
    let counts = known.filter(|known| known.status.is_in_flight() || known.status == AttemptStatus::Succeeded);
    Ok(counts.map(|known| known.amount))
}
