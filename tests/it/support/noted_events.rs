//! One of every note about a customer, for stored formats.

use std::sync::Arc;

use quittance_actors::customer::{ContactWay, Event, Noted, Task};
use quittance_actors::partition;
use quittance_actors::values::{Date, PaymentRequestId, Timestamp};

const AT: Timestamp = Timestamp::from_unix_millis(1_772_443_800_123);

pub fn noted_events() -> Vec<partition::Event> {
    let request = Some(PaymentRequestId::new(AT, 0x1122_3344_5566_7788, 42));
    let task = Arc::new(Task {
        text: "call about the late invoice".into(),
        request,
        by: "rule call".into(),
        opened_at: AT,
        due_on: Date::parse("2026-03-06").ok(),
        assigned_to: Some("ana".into()),
    });
    [
        Noted::TaskOpened { number: 3, task: Arc::clone(&task) },
        Noted::TaskAssigned { number: 3, to: Some("ben".into()), by: "ana".into() },
        Noted::TaskFellDue { number: 3, task: Arc::clone(&task) },
        Noted::TaskClosed { number: 3, task, by: "ben".into(), outcome: "pays on Friday".into() },
        Noted::Tagged { tag: "key-account".into() },
        Noted::Untagged { tag: "key-account".into() },
        Noted::Paid { day: 28 },
        Noted::Contacted {
            way: ContactWay::Call,
            text: "will pay on Friday".into(),
            by: "ana".into(),
            request,
            at: AT,
        },
        Noted::Said { name: "second-late-invoice".into(), request },
    ]
    .into_iter()
    .map(|noted| partition::Event::Customer(Event::Noted(noted)))
    .collect()
}

pub fn noted_name(noted: &Noted) -> &'static str {
    match noted {
        Noted::TaskOpened { .. } => "customer.noted_task_opened",
        Noted::TaskAssigned { .. } => "customer.noted_task_assigned",
        Noted::TaskFellDue { .. } => "customer.noted_task_fell_due",
        Noted::TaskClosed { .. } => "customer.noted_task_closed",
        Noted::Tagged { .. } => "customer.noted_tagged",
        Noted::Untagged { .. } => "customer.noted_untagged",
        Noted::Said { .. } => "customer.noted_said",
        Noted::Contacted { .. } => "customer.noted_contacted",
        Noted::Paid { .. } => "customer.noted_paid",
    }
}
