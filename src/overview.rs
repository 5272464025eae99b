//! The figures of the overview, folded from public events.

use std::collections::{BTreeMap, VecDeque};

use quittance_actors::rules::{EventType, Field, Published, Value};
use quittance_actors::values::{Currency, Date, Money};

/// Events kept for the activity list.
const ACTIVITY_MAX: usize = 40;
/// Days kept for the chart.
const DAYS_MAX: usize = 60;

/// Figures of one tenant since the start of what is kept.
#[derive(Debug, Clone, Default)]
pub struct Overview {
    /// Transfers received.
    pub transfers: u64,
    /// Of them matched without a person.
    pub matched: u64,
    /// Transfers that wait for a person.
    pub tasks: u64,
    /// Requests issued.
    pub issued: u64,
    /// Requests settled.
    pub settled: u64,
    /// Reminders sent.
    pub reminders: u64,
    /// Attempts that failed.
    pub attempts_failed: u64,
    /// Received per booking day and currency, in minor units.
    pub received: BTreeMap<(Date, Currency), i64>,
    /// Requested and not paid, by currency, in minor units.
    pub outstanding: BTreeMap<Currency, i64>,
    /// The latest events, newest first.
    pub activity: VecDeque<Published>,
}

fn money(event: &Published, field: Field) -> Option<Money> {
    match event.fact(field) {
        Some(Value::Money(money)) => Some(*money),
        _ => None,
    }
}

impl Overview {
    /// Takes an event into account.
    pub fn fold(&mut self, event: &Published) {
        match event.event {
            EventType::TransferReceived => {
                self.transfers += 1;
                if let (Some(amount), Some(Value::Date(day))) =
                    (money(event, Field::TransferAmount), event.fact(Field::TransferBookedOn))
                {
                    *self.received.entry((*day, amount.currency())).or_default() += amount.minor();
                    while self.received.len() > DAYS_MAX {
                        self.received.pop_first();
                    }
                }
            }
            EventType::TransferMatched => self.matched += 1,
            EventType::TaskOpened => self.tasks += 1,
            EventType::PaymentRequestIssued => {
                self.issued += 1;
                self.owe(money(event, Field::RequestAmount), 1);
            }
            EventType::PaymentRequestPartiallyPaid | EventType::PaymentRequestPaid => {
                self.owe(money(event, Field::AllocationAmount), -1);
            }
            EventType::PaymentRequestSettled => self.settled += 1,
            EventType::PaymentRequestCancelled => {
                let paid = money(event, Field::RequestPaid);
                self.owe(money(event, Field::RequestAmount), -1);
                self.owe(paid, 1);
            }
            EventType::ReminderSent => self.reminders += 1,
            EventType::AttemptFailed => self.attempts_failed += 1,
            _ => {}
        }
        if !matches!(event.event, EventType::ReminderPlanned | EventType::PaymentRequestPaid) {
            self.activity.push_front(event.clone());
            self.activity.truncate(ACTIVITY_MAX);
        }
    }

    fn owe(&mut self, amount: Option<Money>, sign: i64) {
        if let Some(amount) = amount {
            *self.outstanding.entry(amount.currency()).or_default() += sign * amount.minor();
        }
    }

    /// The share of transfers matched without a person, in tenths of a percent.
    pub fn match_rate_per_mille(&self) -> Option<u64> {
        (self.transfers > 0).then(|| self.matched * 1_000 / self.transfers)
    }
}
