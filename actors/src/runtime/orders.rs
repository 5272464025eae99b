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

/// Whether an entry is the money of collections of ours, to the cent: then those that have not come back
/// meanwhile have succeeded, and it is no transfer of a payer.
pub(super) async fn are_collected(
    router: &Arc<Router>, tenant: &TenantId, entry: &BankEntry,
) -> Result<bool, IntakeError> {
    // A payer may have copied the id of a debit into a transfer: the bank says what it is.
    let code = &entry.particulars.code;
    let transferred = CREDIT_TRANSFERS.iter().any(|family| code.contains(family));
    if entry.particulars.nature != Nature::Received || transferred {
        return Ok(false);
    }
    let by_id = entry.details.end_to_end_id.as_ref().and_then(|id| attempt_named(id.as_str()));
    // Nor does one that has failed bring money in, unless the bank says that it was collected.
    let only_standing = by_id.is_some() && !code.contains(DIRECT_DEBIT);
    let named: Vec<_> = match by_id {
        Some(named) => vec![named],
        None => entry.collected.clone(),
    };
    let mut left = Vec::with_capacity(named.len());
    for (request, attempt) in named {
        let known = has_left(router, tenant, request, attempt).await?;
        let counted = known.filter(|(_, status)| {
            !only_standing || !matches!(status, AttemptStatus::Failed | AttemptStatus::Reversed)
        });
        left.extend(counted.map(|(amount, status)| (request, attempt, amount, status)));
    }
    // A bank books a batch as it was ordered, or without what was refused before.
    let sum = |counts: fn(AttemptStatus) -> bool| {
        let counted = left.iter().filter(|(.., status)| counts(*status));
        counted.map(|(_, _, amount, _)| amount.minor()).sum::<i64>()
    };
    let of_entry = entry.details.amount;
    let whole =
        sum(|_| true) == of_entry.minor() || sum(|status| status != AttemptStatus::Failed) == of_entry.minor();
    let same_currency = left.iter().all(|(_, _, amount, _)| amount.currency() == of_entry.currency());
    if left.is_empty() || !whole || !same_currency {
        return Ok(false);
    }
    for (request, attempt, amount, status) in left {
        if !status.is_in_flight() {
            continue; // It has ended; what came back is told by an entry of its own.
        }
        let report = AttemptReport { attempt, amount, result: AttemptResult::Succeeded };
        let attempt = attempt.to_string();
        let command = derived_from(&[&entry.details.entry_key, &attempt, "collected"]);
        let tell = Tell::PaymentRequest(request, Command::ReportAttempt(report));
        let fingerprint = stable_hash(&["collected", &attempt]);
        match router.submit(tenant, tell, command, fingerprint, Origin::System, Priority::Patient).await {
            // Refused: it came back while this was read.
            Ok(_) | Err(SubmitError::Rejected(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// The families of credit transfers in a bank transaction code, and what those of direct debits have in
/// common. Source: ISO 20022 external code list.
const CREDIT_TRANSFERS: [&str; 2] = ["/RCDT", "/RRCT"];
pub(super) const DIRECT_DEBIT: &str = "DDT";

/// What an attempt of a tenant was to bring in, and where it stands, unless it never left.
async fn has_left(
    router: &Arc<Router>, tenant: &TenantId, request: PaymentRequestId, attempt: AttemptId,
) -> Result<Option<(Money, AttemptStatus)>, IntakeError> {
    let (_, entity, newest) = router.read(EntityId::PaymentRequest(request), 1).await?;
    if newest.iter().any(|event| event.tenant != *tenant) {
        return Ok(None); // Who names what others ordered has still sent money of their own.
    }
    let known = entity.as_payment_request().and_then(|state| state.attempts.get(&attempt));
    Ok(known.filter(|known| known.status.has_left()).map(|known| (known.amount, known.status)))
}
