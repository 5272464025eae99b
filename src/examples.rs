//! An example of every fact: what the event catalogue, the API's reference and the preview of a template show.

use quittance_actors::rules::{Field, Kind, Value};
use quittance_actors::values::{Currency, Date, Money, Timestamp, Zone};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_an_example_of_its_own() {
        for field in Field::ALL.iter().filter(|field| field.kind() == Kind::Text) {
            assert_ne!(text(*field), "example", "{}", field.path());
        }
    }
}
