//! The ERP's status file: one row per change of a payment request, at least once, with the
//! event's id to recognise a row that came before.

use quittance_actors::rules::{Field, Published, Value};

/// The columns.
pub const HEADER: [&str; 9] =
    ["event_id", "event", "at", "invoice", "customer", "amount", "paid", "outstanding", "currency"];

/// The row of an event.
pub fn row(event: &Published) -> [String; 9] {
    let text = |field| match event.fact(field) {
        Some(Value::Text(text)) => guarded(text),
        _ => String::new(),
    };
    let money = |field| match event.fact(field) {
        Some(Value::Money(money)) => money.decimal(),
        _ => String::new(),
    };
    let currency = match event.fact(Field::RequestAmount) {
        Some(Value::Money(money)) => money.currency().to_string(),
        _ => String::new(),
    };
    [
        event.id.to_string(),
        event.event.name().to_owned(),
        event.at.to_string(),
        text(Field::RequestExternalRef),
        text(Field::CustomerExternalRef),
        money(Field::RequestAmount),
        money(Field::RequestPaid),
        money(Field::RequestOutstanding),
        currency,
    ]
}

/// A text that a spreadsheet would run as a formula gets a quote in front.
fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t']) { format!("'{text}") } else { text.to_owned() }
}
