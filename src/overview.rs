//! The figures of the overview, folded from public events.

use std::collections::{BTreeMap, VecDeque};

use std::sync::Arc;

use quittance_actors::partition::{Commit, StatementRecord};
use quittance_actors::rules::{EventType, Fact, Facts, Field};
use quittance_actors::values::{Currency, Date, Money};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::watermark::Watermark;

/// Events kept for the activity list.
const ACTIVITY_MAX: usize = 40;
/// Accounts of one tenant that are followed.
const ACCOUNTS_MAX: usize = 1_000;
/// Days without a statement after which an account is not in use.
const UNUSED_AFTER_DAYS: i32 = 31;
/// Days kept for the chart.
const DAYS_MAX: usize = 60;

/// A line of the activity list: a public event, by where the log tells of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    /// The position of its record.
    pub position: u64,
    /// Its place in the record.
    pub place: usize,
    /// The record, as long as it is young.
    #[serde(skip)]
    pub record: Option<Arc<Commit>>,
}

/// Figures of one tenant since the start of what is kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
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
    pub activity: VecDeque<Line>,
    /// How far the statements of each account have been read.
    pub read_to: BTreeMap<SmolStr, Watermark>,
}

fn money(event: &impl Facts, field: Field) -> Option<Money> {
    match event.fact(field) {
        Some(Fact::Money(money)) => Some(money),
        _ => None,
    }
}

impl Overview {
    /// Takes the public events of a record into account.
    pub fn fold(&mut self, record: &Arc<Commit>, position: u64) {
        for (place, occurrence) in record.published.iter().enumerate() {
            if let Some(event) = record.told(place) {
                self.count(occurrence.event, &event);
            }
            if !matches!(occurrence.event, EventType::ReminderPlanned | EventType::PaymentRequestPaid) {
                self.activity.push_front(Line { position, place, record: Some(Arc::clone(record)) });
                self.activity.truncate(ACTIVITY_MAX);
            }
        }
    }

    /// Takes statements of the bank into account that have been read; those of a day that goes on say
    /// nothing yet, and those of a day that is not yet `today` anywhere are wrong.
    pub fn statements(&mut self, read: &[StatementRecord], today: Date) {
        let newest = today.plus_days(1);
        for statement in read.iter().filter(|statement| !statement.interim) {
            let Some(closed_on) = statement.closed_on.filter(|day| *day <= newest) else { continue };
            let is_full = self.read_to.len() >= ACCOUNTS_MAX;
            match self.read_to.get_mut(&statement.account) {
                Some(known) => known.take(statement, closed_on),
                None if is_full => {}
                None => {
                    self.read_to.insert(statement.account.clone(), Watermark::from(statement, closed_on));
                }
            }
        }
    }

    /// The day up to which the statements of every account have been read. An account that has had none
    /// for a month beside the others is not in use any more.
    pub fn bank_complete_to(&self) -> Option<Date> {
        let days = || self.read_to.values().map(|account| account.complete_to);
        let newest = days().max()?.plus_days(-UNUSED_AFTER_DAYS);
        days().filter(|day| *day >= newest).min()
    }

    fn count(&mut self, kind: EventType, event: &impl Facts) {
        match kind {
            EventType::TransferReceived => {
                self.transfers += 1;
                if let (Some(amount), Some(Fact::Date(day))) =
                    (money(event, Field::TransferAmount), event.fact(Field::TransferBookedOn))
                {
                    *self.received.entry((day, amount.currency())).or_default() += amount.minor();
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
            EventType::PaymentRequestPaymentReversed => self.owe(money(event, Field::AllocationAmount), 1),
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
    }

    fn owe(&mut self, amount: Option<Money>, sign: i64) {
        if let Some(amount) = amount {
            *self.outstanding.entry(amount.currency()).or_default() += sign * amount.minor();
        }
    }

    /// The share of transfers matched without a person, in tenths of a percent.
    pub fn match_rate_per_mille(&self) -> Option<u64> {
        (self.transfers > 0).then(|| (self.matched * 1_000 + self.transfers / 2) / self.transfers)
    }
}
