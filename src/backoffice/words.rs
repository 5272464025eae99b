//! Values and events in the words of the pages.

use quittance_actors::rules::{EventType, Field, Published, Value};
use quittance_actors::values::{Date, Language, Money, Timestamp, Zone};
use serde_json::{Value as Json, json};

use crate::render::{date_in_words, money_in_words};

pub(super) fn money(amount: Money) -> String {
    money_in_words(amount, Language::En)
}

pub(super) fn day(date: Date) -> String {
    date_in_words(date, Language::En)
}

/// An instant in a zone: `14 March 2026 09:00`.
pub(super) fn instant(at: Timestamp, zone: &Zone) -> String {
    let (hour, minute) = at.local_time(zone);
    format!("{} {hour:02}:{minute:02}", day(at.date_in(zone)))
}

fn fact(event: &Published, field: Field) -> Option<String> {
    Some(match event.fact(field)? {
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Truth(truth) => truth.to_string(),
        Value::Money(amount) => money(*amount),
        Value::Date(date) => day(*date),
        Value::Instant(at) => at.to_string(),
    })
}

/// An event as a line of a list: icon, class, what, detail, time.
pub(super) fn event(event: &Published, zone: &Zone, with_date: bool) -> Json {
    let text = |field| fact(event, field).unwrap_or_default();
    let invoice = text(Field::RequestExternalRef);
    let (icon, class, what, detail) = match event.event {
        EventType::CustomerCreated => ("user", "info-i", "New customer", text(Field::CustomerExternalRef)),
        EventType::CustomerUpdated => ("user", "info-i", "Customer changed", text(Field::CustomerExternalRef)),
        EventType::CustomerCreditChanged => ("coins", "ok-i", "Credit kept", text(Field::TransferCredit)),
        EventType::VirtualIbanAssigned => {
            ("link-2", "info-i", "Virtual IBAN assigned", text(Field::CustomerExternalRef))
        }
        EventType::PaymentMethodAdded => {
            ("receipt", "info-i", "Card added", format!("ending {}", text(Field::MethodLast4)))
        }
        EventType::PaymentMethodExpiring => {
            let detail =
                format!("ending {}, {} days left", text(Field::MethodLast4), text(Field::MethodDaysToExpiry));
            ("triangle-alert", "warn-i", "Card expiring", detail)
        }
        EventType::PaymentRequestIssued => {
            ("file-text", "info-i", "Payment requested", format!("{invoice}, {}", text(Field::RequestAmount)))
        }
        EventType::PaymentRequestPartiallyPaid => {
            let detail = format!("{invoice}, {} left", text(Field::RequestOutstanding));
            ("coins", "warn-i", "Partly paid", detail)
        }
        EventType::PaymentRequestPaid => {
            ("coins", "ok-i", "Paid", format!("{invoice}, {}", text(Field::AllocationAmount)))
        }
        EventType::PaymentRequestSettled => {
            ("circle-check", "ok-i", "Settled", format!("{invoice}, {}", text(Field::RequestAmount)))
        }
        EventType::PaymentRequestOverdue => {
            ("clock", "bad-i", "Overdue", format!("{invoice}, {} open", text(Field::RequestOutstanding)))
        }
        EventType::PaymentRequestCancelled => {
            ("ban", "bad-i", "Cancelled", format!("{invoice}: {}", text(Field::Reason)))
        }
        EventType::ReminderPlanned => ("calendar", "retry-i", "Reminder planned", planned(event, zone)),
        EventType::ReminderSent => {
            let detail = format!("{invoice}, {} by {}", text(Field::ReminderStep), text(Field::ReminderChannel));
            ("send", "retry-i", "Reminder sent", detail)
        }
        EventType::ReminderSuppressed => {
            let detail = format!("{invoice}, {}: {}", text(Field::ReminderStep), text(Field::Reason));
            ("ban", "warn-i", "Reminder not sent", detail)
        }
        EventType::ReminderStopped => {
            ("circle-check", "info-i", "Reminders stopped", format!("{invoice}: {}", text(Field::Reason)))
        }
        EventType::AttemptSucceeded => {
            ("circle-check", "ok-i", "Attempt succeeded", format!("{invoice}, {}", text(Field::AttemptAmount)))
        }
        EventType::AttemptFailed => {
            let detail = format!("{invoice}, {} ({})", text(Field::AttemptAmount), text(Field::AttemptReasonCode));
            ("circle-x", "bad-i", "Attempt failed", detail)
        }
        EventType::RefundInitiated => {
            ("undo-2", "warn-i", "Refund initiated", format!("{invoice}, {}", text(Field::RefundAmount)))
        }
        EventType::TransferReceived => {
            ("arrow-left-right", "info-i", "Transfer received", text(Field::TransferAmount))
        }
        EventType::TransferMatched => {
            let detail = format!("{}: {}", text(Field::TransferAmount), text(Field::TransferExplanation));
            ("link-2", "ok-i", "Transfer matched", detail)
        }
        EventType::TransferPaidOut => ("arrow-left-right", "mute-i", "Paid out", text(Field::TransferAmount)),
        EventType::TransferReturned => ("undo-2", "warn-i", "Came back", text(Field::TransferAmount)),
        EventType::TransferReversed => ("undo-2", "warn-i", "Reversed by the bank", text(Field::TransferAmount)),
        EventType::TaskDecided => ("user", "info-i", "Decided by a person", text(Field::TransferAmount)),
        EventType::TransferUnmatched => (
            "undo-2",
            "warn-i",
            "Match taken back",
            format!("{}: {}", text(Field::TransferAmount), text(Field::Reason)),
        ),
        EventType::TransferSetAside => {
            ("ban", "mute-i", "Put aside", format!("{}: {}", text(Field::TransferAmount), text(Field::Reason)))
        }
        EventType::PaymentRequestPaymentReversed => {
            ("undo-2", "warn-i", "Payment taken back", format!("{invoice}, {}", text(Field::AllocationAmount)))
        }
        EventType::PaymentRequestReopened => {
            ("undo-2", "warn-i", "Open again", format!("{invoice}, {} open", text(Field::RequestOutstanding)))
        }
        EventType::TaskOpened => (
            "triangle-alert",
            "warn-i",
            "Needs a decision",
            format!("{}: {}", text(Field::TransferAmount), text(Field::Reason)),
        ),
    };
    let (hour, minute) = event.at.local_time(zone);
    let at = if with_date { instant(event.at, zone) } else { format!("{hour:02}:{minute:02}") };
    json!({ "icon": icon, "class": class, "what": what, "detail": detail, "at": at })
}

/// When a planned reminder is due.
fn planned(event: &Published, zone: &Zone) -> String {
    match fact(event, Field::Reason).map(|text| Timestamp::parse(&text)) {
        Some(Ok(due)) => format!("for {}", instant(due, zone)),
        _ => String::new(),
    }
}
