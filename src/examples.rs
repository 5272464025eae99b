//! An example of every fact: what the event catalogue, the API's reference and the preview of a template show.

use std::collections::BTreeMap;

use quittance_actors::rules::{EventId, EventType, Field, Kind, Published, Value};
use quittance_actors::values::{
    Currency, CustomerId, Date, EntityId, FeedId, Money, PaymentRequestId, PayoutId, PlanId, TenantId, Timestamp,
    TransferId, Zone,
};

use crate::config::written_value;
use crate::diagnostics::nearest;

/// A customer's name.
pub const CUSTOMER: &str = "Jean Dupont";
/// A merchant's name.
pub const MERCHANT: &str = "Maison Dupré";
/// An account number to pay to, as it is printed.
pub const IBAN: &str = "FR76 3000 6000 0112 3456 7890 189";
/// The identifier under which a merchant collects by direct debit.
pub const CREDITOR_ID: &str = "FR72ZZZ123456";

/// An example of a text.
pub fn text(field: Field) -> &'static str {
    match field {
        Field::CustomerId => "cus_01KJPRZB00FX98K3AKA8MP2043",
        Field::CustomerExternalRef => "411DUPONT",
        Field::CustomerKind => "business",
        Field::CustomerLanguage => "fr",
        Field::CustomerTag => "key-account",
        Field::RequestId => "prq_01KJPRZB00FX98K3AKA8MP2043",
        Field::RequestExternalRef => "F-2026-0118",
        Field::RequestStatus => "open",
        Field::RequestDescription => "Conseil de mars",
        Field::RequestShortReference => "7AC-34K-MN9",
        Field::RequestCreditorReference => "RF18 5390 0754 7034",
        Field::RequestPaymentReference => "090933755493",
        Field::RequestOrder => "BC-4711",
        Field::RequestPlan | Field::PlanId => "plan_01KJPRZB00FX98K3AKA8MP2043",
        Field::PlanExternalRef => "ABO-7",
        Field::PlanKind => "subscription",
        Field::PlanDescription => "Maintenance",
        Field::PlanInterval => "1m",
        Field::ReminderStep => "late_3",
        Field::ReminderChannel | Field::NotificationChannel | Field::OptOutChannel | Field::ContactWay => "email",
        Field::ReminderBy | Field::PayoutBy | Field::TaskAskedBy | Field::TaskClosedBy | Field::ContactBy => "Anne",
        Field::TaskAssignedTo => "Bruno",
        Field::TaskText => "Call before noon",
        Field::ContactText => "Paid next week, the director says",
        Field::Reason => "insufficient funds",
        Field::TransferId | Field::AllocationTransfer => "trf_01KJPRZB00FX98K3AKA8MP2043",
        Field::TransferStatus => "needs_decision",
        Field::TransferExplanation => "the amount fits no open request",
        Field::TransferIdentifiedBy => "virtual_iban",
        Field::TransferCurrency => "EUR",
        Field::TransferPayerName => "J DUPONT",
        Field::TransferAccount => "FR7630006000011234567890189",
        Field::AllocationSource | Field::PayoutSource => "transfer",
        Field::AttemptId => "att_01KJPRZB00FX98K3AKA8MP2043",
        Field::AttemptReasonCode => "AM04",
        Field::AttemptMethod => "direct_debit",
        Field::MethodLast4 => "4242",
        Field::MandateReference => "RUM-2026-7",
        Field::RefundKey => "return-118",
        Field::RefundMadeBy => "elsewhere",
        Field::RetryPolicy => "paydays",
        Field::HoldKind => "manual",
        Field::PayoutId => "out_01KJPRZB00FX98K3AKA8MP2043",
        Field::FeedName => "bank",
        Field::FileName => "statement-2026-03-13.xml",
        Field::NotificationId => "ntf_01KJPRZB00FX98K3AKA8MP2043",
        Field::CustomName => "custom.called",
        Field::ChannelWay => "hook",
        Field::ChannelName => "erp",
        Field::MatchStep => "reference",
        Field::NowWeekday => "monday",
        Field::TenantId => "maison-dupre",
        _ => "example",
    }
}

/// A value of a fact.
pub fn value(field: Field) -> Value {
    match field.kind() {
        Kind::Text => Value::Text(text(field).to_owned()),
        Kind::Number => Value::Number(30),
        Kind::Truth => Value::Truth(true),
        Kind::Money => Value::Money(Money::from_minor(312_050, Currency::EUR)),
        Kind::Date => Value::Date(day()),
        Kind::Instant => Value::Instant(Timestamp::default()),
        Kind::Words => Value::Words(vec!["key-account".to_owned()]),
    }
}

/// The day of what is shown.
pub fn day() -> Date {
    Date::new(2026, 3, 14).unwrap_or_else(|| Timestamp::default().date_in(&Zone::utc()))
}

/// An event of a tenant that never happened, with an example of every fact; a text of one's own for some, and `None` for
/// what is not known. Says of each of these what is wrong with it.
pub fn event(
    tenant: &TenantId, event: EventType, at: Timestamp, own: &BTreeMap<String, Option<String>>,
) -> Result<Published, Vec<(String, String)>> {
    let fields = event.fields();
    let mut wrong = Vec::new();
    for path in own.keys().filter(|path| fields.iter().all(|field| field.path() != path.as_str())) {
        let near = nearest(path, fields.iter().map(|field| field.path()));
        let near = near.map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
        wrong.push((path.clone(), format!("{} does not tell it{near}", event.name())));
    }
    let mut facts = Vec::new();
    for field in fields.iter().copied() {
        match own.get(field.path()) {
            None => facts.push((field, value(field))),
            Some(None) => {}
            Some(Some(text)) => match read(text, field.kind()) {
                Ok(value) => facts.push((field, value)),
                Err(why) => wrong.push((field.path().to_owned(), why)),
            },
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let told = |field: Field| fields.contains(&field);
    let customer = CustomerId::parse(text(Field::CustomerId)).ok().filter(|_| told(Field::CustomerId));
    let request = PaymentRequestId::parse(text(Field::RequestId)).ok().filter(|_| told(Field::RequestId));
    let entity = match (request, customer) {
        _ if told(Field::TransferId) => TransferId::parse(text(Field::TransferId)).ok().map(EntityId::Transfer),
        _ if told(Field::PayoutId) => PayoutId::parse(text(Field::PayoutId)).ok().map(EntityId::Payout),
        _ if told(Field::PlanId) && request.is_none() => PlanId::parse(text(Field::PlanId)).ok().map(EntityId::Plan),
        (Some(request), _) => Some(EntityId::PaymentRequest(request)),
        (None, customer) => customer.map(EntityId::Customer),
    };
    let entity = entity.unwrap_or_else(|| EntityId::Feed(FeedId::of(tenant, "example")));
    // Of a lane that there is not, and another one each time.
    let id = EventId { partition: u8::MAX, sequence: u64::try_from(at.unix_millis()).unwrap_or(0), index: 0 };
    let key = customer.map_or(entity, EntityId::Customer);
    Ok(Published { id, tenant: tenant.clone(), event, at, entity, key, key_seq: Some(1), customer, request, facts })
}

fn read(text: &str, kind: Kind) -> Result<Value, String> {
    let expected = || format!("expected {}", kind.name());
    match kind {
        Kind::Number => text.parse().map(Value::Number).map_err(|_| expected()),
        Kind::Truth => text.parse().map(Value::Truth).map_err(|_| expected()),
        Kind::Words => Ok(Value::Words(text.split(',').map(|word| word.trim().to_owned()).collect())),
        kind => written_value(text, kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_an_example_of_its_own() {
        for field in Field::ALL.iter().filter(|field| field.kind() == Kind::Text) {
            assert_ne!(text(*field), "example", "{}", field.path());
        }
    }

    #[test]
    fn an_event_of_every_type_is_made_and_tells_what_is_asked_of_it() {
        let tenant = TenantId::parse("shop").unwrap();
        for event in EventType::ALL {
            let made = super::event(&tenant, *event, Timestamp::default(), &BTreeMap::new()).unwrap();
            assert_eq!(made.facts.len(), event.fields().len(), "{}", event.name());
        }
        let own = |pairs: &[(&str, Option<&str>)]| -> BTreeMap<String, Option<String>> {
            pairs.iter().map(|(path, text)| ((*path).to_owned(), text.map(str::to_owned))).collect()
        };
        let settled = |own: &BTreeMap<String, Option<String>>| {
            super::event(&tenant, EventType::PaymentRequestSettled, Timestamp::default(), own)
        };
        let made = settled(&own(&[("request.amount", Some("EUR 12.50")), ("request.order", None)])).unwrap();
        let amount = Money::from_minor(1_250, Currency::EUR);
        assert_eq!(made.fact(Field::RequestAmount), Some(&Value::Money(amount)));
        assert_eq!(made.fact(Field::RequestOrder), None);
        let wrong =
            settled(&own(&[("request.amont", Some("EUR 1.00")), ("request.due_on", Some("31/12"))])).unwrap_err();
        assert_eq!(wrong[0].1, "payment_request.settled does not tell it; did you mean \"request.amount\"?");
        assert_eq!(wrong[1].0, "request.due_on");
    }
}
