//! What is owed of a late request beside its amount, from what its events tell.

use quittance_actors::payment_request::{LateCharges, LateTerms, Status, balances};
use quittance_actors::rules::{EventType, Field, Published, Value};
use quittance_actors::runtime::{Router, SubmitError};
use quittance_actors::values::{Currency, Date, EntityId, PaymentRequestId, TransferId, Zone};

/// Events of a request that are looked at.
const EVENTS_MAX: usize = 10_000;

/// What is owed by the end of `until`; none by a consumer, in time, in another currency than the euro, of what
/// was cancelled, and of what is not known.
pub async fn charges(
    router: &Router, late_terms: &LateTerms, id: PaymentRequestId, until: Date, zone: &Zone,
) -> Result<Option<LateCharges>, SubmitError> {
    let (_, entity, events) = router.read(EntityId::PaymentRequest(id), EVENTS_MAX).await?;
    let Some(state) = entity.as_payment_request().filter(|state| state.status != Status::Cancelled) else {
        return Ok(None);
    };
    let Some(terms) = state.terms.as_ref().filter(|terms| terms.amount.currency() == Currency::EUR) else {
        return Ok(None);
    };
    if until <= terms.due_on {
        return Ok(None);
    }
    let (_, customer, _) = router.read(EntityId::Customer(terms.customer), 0).await?;
    let Some(kind) = customer.as_customer().and_then(|state| Some(state.profile.as_ref()?.kind)) else {
        return Ok(None);
    };
    let mut changes = Vec::new();
    for event in &events {
        if let Some((amount, transfer)) = change(event) {
            let booked_on = match transfer {
                Some(transfer) => booked_on(router, transfer).await?,
                None => None,
            };
            changes.push((booked_on.unwrap_or_else(|| event.at.date_in(zone)), amount));
        }
    }
    let balances = balances(terms.amount, terms.issued_on, changes);
    Ok(LateCharges::of(kind, late_terms, terms.due_on, &balances, until))
}

/// A rate in percent, such as 10.15.
pub fn percent(thousandths: i64) -> String {
    let text = format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000);
    let short = text.trim_end_matches('0');
    short.strip_suffix('.').unwrap_or(short).to_owned()
}

/// What an event changes of what is open, and the transfer whose money it is.
fn change(event: &Published) -> Option<(i64, Option<TransferId>)> {
    let money = |field| match event.fact(field) {
        Some(Value::Money(amount)) => Some(amount.minor()),
        _ => None,
    };
    let transfer = match event.fact(Field::AllocationTransfer) {
        Some(Value::Text(id)) => TransferId::parse(id).ok(),
        _ => None,
    };
    match event.event {
        EventType::PaymentRequestPartiallyPaid | EventType::PaymentRequestPaid => {
            Some((-money(Field::AllocationAmount)?, transfer))
        }
        EventType::PaymentRequestPaymentReversed => Some((money(Field::AllocationAmount)?, None)),
        EventType::PaymentRequestWrittenOff => Some((-money(Field::WriteOffAmount)?, None)),
        EventType::PaymentRequestWriteOffReversed => Some((money(Field::WriteOffAmount)?, None)),
        _ => None,
    }
}

/// The day the bank booked a transfer.
async fn booked_on(router: &Router, id: TransferId) -> Result<Option<Date>, SubmitError> {
    let (_, entity, _) = router.read(EntityId::Transfer(id), 0).await?;
    Ok(entity.as_transfer().and_then(|state| Some(state.details.as_ref()?.booked_on)))
}
