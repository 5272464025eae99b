//! What is owed of a late request beside its amount, from what its events tell.

use quittance_actors::payment_request::{Change, Changes, LateCharges, LateTerms, Payment, Status};
use quittance_actors::rules::{EventType, Field, Published, Value};
use quittance_actors::runtime::{Router, SubmitError};
use quittance_actors::values::{AttemptId, Currency, Date, EntityId, PaymentRequestId, TransferId, Zone};

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
    let mut changes = Changes::default();
    let mut collected = None;
    for event in &events {
        if event.event == EventType::AttemptSucceeded {
            collected = attempt(event);
        }
        if let Some(change) = change(event, collected) {
            let booked_on = match change {
                Change::Counted(Payment::Transfer(id), _) | Change::TakenBack(Payment::Transfer(id), _) => {
                    booked_on(router, id).await?
                }
                _ => None,
            };
            changes.take(change, (event.at, event.at.date_in(zone)), terms.issued_on, |_| booked_on);
        }
    }
    let balances = changes.balances(terms.amount, terms.issued_on);
    Ok(LateCharges::of(kind, late_terms, terms.due_on, &balances, until))
}

/// A rate in percent, such as 10.15.
pub fn percent(thousandths: i64) -> String {
    let text = format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000);
    let short = text.trim_end_matches('0');
    short.strip_suffix('.').unwrap_or(short).to_owned()
}

fn attempt(event: &Published) -> Option<AttemptId> {
    match event.fact(Field::AttemptId) {
        Some(Value::Text(id)) => AttemptId::parse(id).ok(),
        _ => None,
    }
}

/// What an event changes of what is open; `collected` is the attempt that succeeded last.
fn change(event: &Published, collected: Option<AttemptId>) -> Option<Change> {
    let money = |field| match event.fact(field) {
        Some(Value::Money(amount)) => Some(amount.minor()),
        _ => None,
    };
    let text = |field| match event.fact(field) {
        Some(Value::Text(text)) => text.as_str(),
        _ => "",
    };
    let from = || match text(Field::AllocationSource) {
        "transfer" => TransferId::parse(text(Field::AllocationTransfer)).map_or(Payment::Other, Payment::Transfer),
        "attempt" => collected.map_or(Payment::Other, Payment::Attempt),
        "credit_note" => Payment::CreditNote,
        _ => Payment::Other,
    };
    Some(match event.event {
        EventType::AttemptOrdered => match event.fact(Field::AttemptCollectsOn) {
            Some(Value::Date(collects_on)) => Change::Ordered(attempt(event)?, *collects_on),
            _ => return None,
        },
        EventType::PaymentRequestPartiallyPaid | EventType::PaymentRequestPaid => {
            Change::Counted(from(), money(Field::AllocationAmount)?)
        }
        EventType::PaymentRequestPaymentReversed => Change::TakenBack(from(), money(Field::AllocationAmount)?),
        EventType::PaymentRequestWrittenOff => Change::GivenUp(money(Field::WriteOffAmount)?),
        EventType::PaymentRequestWriteOffReversed => Change::AskedAgain(money(Field::WriteOffAmount)?),
        _ => return None,
    })
}

/// The day the bank booked a transfer.
async fn booked_on(router: &Router, id: TransferId) -> Result<Option<Date>, SubmitError> {
    let (_, entity, _) = router.read(EntityId::Transfer(id), 0).await?;
    Ok(entity.as_transfer().and_then(|state| Some(state.details.as_ref()?.booked_on)))
}
