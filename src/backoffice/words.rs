//! Values and events in the words of the pages.

use quittance_actors::rules::{EventType, Field, Published, Value};
use quittance_actors::values::{Date, Language, Money, Timestamp, Zone};
use serde_json::{Value as Json, json};

use crate::config::SmsPrice;
use crate::gsm;
use crate::render::{date_in_words, money_in_words};

pub(super) fn money(amount: Money) -> String {
    money_in_words(amount, Language::En)
}

pub(super) fn day(date: Date) -> String {
    date_in_words(date, Language::En)
}

/// A month for people.
pub(super) fn month(date: Date) -> String {
    day(date).split_once(' ').map_or_else(String::new, |(_, month)| month.to_owned())
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
        Value::Words(words) => words.join(", "),
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
        EventType::VirtualIbanReleased => {
            ("link-2", "mute-i", "Virtual IBAN released", text(Field::CustomerExternalRef))
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
        EventType::ReminderEscalated => {
            ("bell", "warn-i", "For the team", format!("{invoice}: {}", text(Field::ReminderStep)))
        }
        EventType::ReminderSuppressed => {
            let detail = format!("{invoice}, {}: {}", text(Field::ReminderStep), text(Field::Reason));
            ("ban", "warn-i", "Reminder not sent", detail)
        }
        EventType::ReminderScenarioChanged => {
            ("repeat", "info-i", "Other reminders", format!("{invoice}: {}", text(Field::Reason)))
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
        EventType::RefundCompleted => {
            ("undo-2", "ok-i", "Refund made", format!("{invoice}, {}", text(Field::RefundAmount)))
        }
        EventType::RefundFailed => {
            let detail = format!("{invoice}, {}: {}", text(Field::RefundAmount), text(Field::Reason));
            ("circle-x", "bad-i", "Refund not made", detail)
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
        EventType::AttemptScheduled
        | EventType::RetryScheduled
        | EventType::AttemptOrdered
        | EventType::AttemptSubmitted
        | EventType::AttemptPending
        | EventType::AttemptSkipped
        | EventType::AttemptUnknown
        | EventType::AttemptReversed
        | EventType::RetryWaiting
        | EventType::RetryExhausted
        | EventType::RetryTriedOut
        | EventType::RetryStopped => collected(event, zone),
        EventType::ReminderDeferred => {
            let until = instant_of(event, Field::ReminderUntil, zone);
            let detail = format!("{invoice}, {} until {until}: {}", text(Field::ReminderStep), text(Field::Reason));
            ("clock", "retry-i", "Reminder waits", detail)
        }
        EventType::ReminderAwaitsApproval => {
            ("user", "warn-i", "Reminder waits for approval", format!("{invoice}, {}", text(Field::ReminderStep)))
        }
        EventType::ReminderApproved => {
            let detail = format!("{invoice}, {} by {}", text(Field::ReminderStep), text(Field::ReminderBy));
            ("circle-check", "ok-i", "Reminder approved", detail)
        }
        EventType::PromiseMade => {
            ("calendar", "info-i", "Promise to pay", format!("{invoice}, by {}", text(Field::PromiseOn)))
        }
        EventType::PromiseKept => ("circle-check", "ok-i", "Promise kept", invoice),
        EventType::PromiseBroken => {
            ("circle-x", "bad-i", "Promise broken", format!("{invoice}, of {}", text(Field::PromiseOn)))
        }
        EventType::PaymentRequestDisputed => {
            ("triangle-alert", "warn-i", "Disputed", format!("{invoice}: {}", text(Field::Reason)))
        }
        EventType::DisputeEnded => {
            ("circle-check", "info-i", "Dispute ended", format!("{invoice}: {}", text(Field::Reason)))
        }
        EventType::MandateSigned => ("file-text", "info-i", "Mandate signed", text(Field::MandateReference)),
        EventType::MandateRevoked => {
            let detail = format!("{}: {}", text(Field::MandateReference), text(Field::Reason));
            ("ban", "warn-i", "Mandate ended", detail)
        }
        EventType::PaymentMethodBlocked => ("ban", "warn-i", "Card blocked", text(Field::Reason)),
        EventType::PaymentRequestFinalised => ("circle-check", "ok-i", "Final", invoice),
        EventType::CustomerTaskOpened => {
            let detail = format!("{}, asked for by {}", text(Field::TaskText), text(Field::TaskAskedBy));
            ("triangle-alert", "warn-i", "Task for a person", detail)
        }
        EventType::CustomerTaskOverdue => ("clock", "bad-i", "Task overdue", text(Field::TaskText)),
        EventType::CustomerTaskClosed => {
            let detail = [text(Field::TaskText), format!("by {}", text(Field::TaskClosedBy)), text(Field::Reason)];
            let detail: Vec<String> = detail.into_iter().filter(|part| !part.is_empty()).collect();
            ("circle-check", "ok-i", "Task closed", detail.join(", "))
        }
        EventType::CustomerTagged => ("circle-check", "mute-i", "Tagged", text(Field::CustomerTag)),
        EventType::CustomerUntagged => ("circle-x", "mute-i", "Tag taken off", text(Field::CustomerTag)),
        EventType::CustomerContacted => {
            let detail = format!("{} ({})", text(Field::ContactText), text(Field::ContactBy));
            let what = match text(Field::ContactWay).as_str() {
                "call" => "Called",
                "letter" => "Letter",
                "visit" => "Met",
                _ => "Written to",
            };
            ("user", "info-i", what, detail)
        }
        EventType::Custom => ("bell", "info-i", "A rule says", text(Field::CustomName)),
        EventType::HoldPlaced => ("ban", "bad-i", "On hold", text(Field::HoldKind)),
        EventType::HoldLifted => ("circle-check", "info-i", "Hold ended", text(Field::HoldKind)),
        EventType::RecurringSuspended => ("ban", "bad-i", "Recurring payments suspended", text(Field::Reason)),
        EventType::RecurringResumed => {
            ("circle-check", "ok-i", "Recurring payments resumed", text(Field::CustomerExternalRef))
        }
        EventType::CustomerOptedOut => ("ban", "mute-i", "No messages wanted", text(Field::OptOutChannel)),
        EventType::NotificationDelivered => {
            ("circle-check", "ok-i", "Message arrived", text(Field::NotificationChannel))
        }
        EventType::NotificationBounced => {
            let detail = format!("{}: {}", text(Field::NotificationChannel), text(Field::Reason));
            ("ban", "warn-i", "Message did not arrive", detail)
        }
        EventType::CustomerOptedIn => ("send", "info-i", "Messages wanted again", text(Field::OptOutChannel)),
        EventType::PaymentRequestWrittenOff => {
            let detail = format!("{invoice}, {}: {}", text(Field::WriteOffAmount), text(Field::Reason));
            ("ban", "warn-i", "Written off", detail)
        }
        EventType::PaymentRequestWriteOffReversed => {
            ("undo-2", "warn-i", "Asked for again", format!("{invoice}, {}", text(Field::WriteOffAmount)))
        }
        EventType::PayoutRequested => {
            let detail =
                format!("{}, by {}: {}", text(Field::PayoutAmount), text(Field::PayoutBy), text(Field::Reason));
            ("undo-2", "info-i", "Payout asked for", detail)
        }
        EventType::PayoutApproved => {
            let detail = format!("{}, by {}", text(Field::PayoutAmount), text(Field::PayoutBy));
            ("circle-check", "info-i", "Payout approved", detail)
        }
        EventType::PayoutOrdered => ("send", "info-i", "Payout ordered", text(Field::PayoutAmount)),
        EventType::PayoutRejected => {
            ("ban", "warn-i", "Payout rejected", format!("{}: {}", text(Field::PayoutAmount), text(Field::Reason)))
        }
        EventType::PayoutContradicted => {
            ("triangle-alert", "bad-i", "Booked after a refusal", text(Field::PayoutAmount))
        }
        EventType::CustomerCreditMissing => {
            ("triangle-alert", "bad-i", "Credit is missing", text(Field::TransferCredit))
        }
        EventType::PlanCreated
        | EventType::PlanActivated
        | EventType::PlanCycleIssued
        | EventType::PlanPastDue
        | EventType::PlanRecovered
        | EventType::PlanCollectionHeld
        | EventType::PlanReviewAsked
        | EventType::PlanPaused
        | EventType::PlanResumed
        | EventType::PlanSuspended
        | EventType::PlanCancelled
        | EventType::PlanCompleted
        | EventType::PlanChanged => planned_ahead(event),
        EventType::PayoutExecuted => ("circle-check", "ok-i", "Payout executed", text(Field::PayoutAmount)),
        EventType::PayoutFailed => {
            ("circle-x", "bad-i", "Payout failed", format!("{}: {}", text(Field::PayoutAmount), text(Field::Reason)))
        }
        EventType::TaskAssigned => (
            "user",
            "info-i",
            "Task assigned",
            format!("{}, {}", text(Field::TransferAmount), text(Field::TaskAssignedTo)),
        ),
        EventType::TaskOverdue => ("clock", "bad-i", "Decision overdue", text(Field::TransferAmount)),
        EventType::TransferDivided => ("link-2", "info-i", "Divided", text(Field::TransferAmount)),
        EventType::TransferGivenBack => ("undo-2", "info-i", "Given back", text(Field::TransferAmount)),
        EventType::TransferRecallReceived | EventType::TransferRecalled => {
            let gone = event.event == EventType::TransferRecalled;
            let what = if gone { "Taken back by the bank" } else { "The bank takes money back" };
            ("undo-2", "warn-i", what, format!("{}: {}", text(Field::TransferAmount), text(Field::Reason)))
        }
        EventType::FileAccepted => ("folder-sync", "ok-i", "File read", file_detail(event)),
        EventType::FilePartlyAccepted => ("triangle-alert", "warn-i", "Rows refused", file_detail(event)),
        EventType::FileRejected => ("circle-x", "bad-i", "File refused", file_detail(event)),
        EventType::FileDuplicate => ("folder-sync", "mute-i", "File read before", text(Field::FileName)),
        EventType::FeedStalled => {
            let due = instant_of(event, Field::FeedDueAt, zone);
            ("triangle-alert", "bad-i", "A file is missing", format!("{}, due {due}", text(Field::FeedName)))
        }
        EventType::ChannelFailing => {
            let what = format!("{} {}: {}", text(Field::ChannelWay), text(Field::ChannelName), text(Field::Reason));
            ("triangle-alert", "bad-i", "Nothing arrives", what)
        }
        EventType::ChannelRecovered => {
            let what = format!("{} {}", text(Field::ChannelWay), text(Field::ChannelName));
            ("circle-check", "ok-i", "Arrives again", what)
        }
        EventType::FeedRecovered => ("circle-check", "ok-i", "Files come again", text(Field::FeedName)),
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

/// A collection's event: icon, class, what, detail.
fn collected(event: &Published, zone: &Zone) -> (&'static str, &'static str, &'static str, String) {
    let text = |field| fact(event, field).unwrap_or_default();
    let (invoice, reason) = (text(Field::RequestExternalRef), text(Field::Reason));
    let because = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    let numbered = format!("{invoice}, no. {}", text(Field::AttemptNumber));
    let planned = format!("{numbered} on {}{because}", text(Field::AttemptCollectsOn));
    match event.event {
        EventType::AttemptScheduled => ("calendar", "info-i", "Collection planned", planned),
        EventType::RetryScheduled => ("calendar", "retry-i", "New attempt planned", planned),
        EventType::AttemptOrdered => {
            let detail = format!("{numbered}, {} on {}", text(Field::AttemptAmount), text(Field::AttemptCollectsOn));
            ("send", "info-i", "Collection ordered", detail)
        }
        EventType::AttemptSubmitted => ("send", "info-i", "Collection sent", invoice),
        EventType::AttemptPending => ("clock", "info-i", "Collection taken", invoice),
        EventType::AttemptSkipped => ("ban", "mute-i", "Collection withdrawn", format!("{numbered}{because}")),
        EventType::AttemptUnknown => ("triangle-alert", "bad-i", "Result unknown", format!("{invoice}{because}")),
        EventType::AttemptReversed => {
            let detail = format!("{invoice}, {} ({})", text(Field::AttemptAmount), text(Field::AttemptReasonCode));
            ("undo-2", "bad-i", "Collection came back", detail)
        }
        EventType::RetryWaiting => {
            let until = instant_of(event, Field::RetryUntil, zone);
            let until = if until.is_empty() { until } else { format!(", until {until}") };
            ("clock", "warn-i", "Collection waits", format!("{invoice}{because}{until}"))
        }
        EventType::RetryTriedOut => {
            let on = text(Field::AttemptCollectsOn);
            let on = if on.is_empty() { on } else { format!(", on {on}") };
            ("repeat", "mute-i", "Policy tried out", format!("{}{because}{on}", text(Field::RetryPolicy)))
        }
        EventType::RetryExhausted => ("circle-x", "bad-i", "Every attempt failed", format!("{invoice}{because}")),
        _ => ("ban", "bad-i", "Collection stopped", format!("{invoice}{because}")),
    }
}

/// A plan's event: icon, class, what, detail.
fn planned_ahead(event: &Published) -> (&'static str, &'static str, &'static str, String) {
    let text = |field| fact(event, field).unwrap_or_default();
    let (plan, reason) = (text(Field::PlanExternalRef), text(Field::Reason));
    let because = if reason.is_empty() { plan.clone() } else { format!("{plan}: {reason}") };
    let cycle = match text(Field::PlanCycle).as_str() {
        "0" => format!("{plan}, deposit"),
        number => format!("{plan}, no. {number}"),
    };
    match event.event {
        EventType::PlanCreated => ("calendar", "info-i", "Plan agreed", plan),
        EventType::PlanActivated => ("circle-check", "info-i", "Plan begins", plan),
        EventType::PlanCycleIssued => {
            let detail = format!("{cycle}, {} by {}", text(Field::RequestAmount), text(Field::RequestDueOn));
            ("file-text", "info-i", "Cycle asked for", detail)
        }
        EventType::PlanPastDue => ("clock", "bad-i", "Plan is behind", format!("{cycle}: {reason}")),
        EventType::PlanRecovered => ("circle-check", "ok-i", "Plan is behind no more", cycle),
        EventType::PlanCollectionHeld => ("ban", "warn-i", "Plan is not collected", format!("{cycle}: {reason}")),
        EventType::PlanReviewAsked => {
            ("triangle-alert", "warn-i", "Plan needs a decision", format!("{cycle}: {reason}"))
        }
        EventType::PlanPaused => ("clock", "warn-i", "Plan paused", because),
        EventType::PlanResumed => ("circle-check", "ok-i", "Plan goes on", plan),
        EventType::PlanSuspended => ("ban", "bad-i", "Plan suspended", because),
        EventType::PlanCancelled => ("ban", "bad-i", "Plan cancelled", because),
        EventType::PlanChanged => ("file-text", "info-i", "Plan changed", plan),
        _ => ("circle-check", "ok-i", "Plan completed", plan),
    }
}

/// A file and what became of its rows.
fn file_detail(event: &Published) -> String {
    let text = |field| fact(event, field).unwrap_or_default();
    let (accepted, refused) = (text(Field::FileAcceptedRows), text(Field::FileRefusedRows));
    format!("{}: {accepted} new, {refused} refused", text(Field::FileName))
}

/// A text as a part of an address.
pub(super) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

/// How much an SMS takes: `2 SMS · 170 characters · GSM · EUR 0.09`.
pub(super) fn sms_size(text: &str, price: Option<SmsPrice>) -> String {
    let (count, characters) = (gsm::segments(text), text.chars().count());
    let alphabet = if gsm::is_gsm(text) { "GSM" } else { "UCS-2" };
    let cost = price.map(|price| format!(" · {}", price.of(count))).unwrap_or_default();
    format!("{count} SMS · {characters} characters · {alphabet}{cost}")
}

/// An instant that an event tells, in words.
fn instant_of(event: &Published, field: Field, zone: &Zone) -> String {
    match event.fact(field) {
        Some(Value::Instant(at)) => instant(*at, zone),
        _ => String::new(),
    }
}

/// When a planned reminder is due.
fn planned(event: &Published, zone: &Zone) -> String {
    match fact(event, Field::Reason).map(|text| Timestamp::parse(&text)) {
        Some(Ok(due)) => match fact(event, Field::ReminderStep) {
            Some(step) => format!("{step}, for {}", instant(due, zone)),
            None => format!("for {}", instant(due, zone)),
        },
        _ => String::new(),
    }
}
