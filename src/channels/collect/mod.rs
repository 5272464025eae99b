//! Connectors: who collects from cards and by direct debit, and who pays back.
//!
//! | Kind | Is |
//! |---|---|
//! | `http` | signed calls with an idempotency key, that collect, inquire, cancel and refund; the answer may tell the result |
//! | `debit_file` | files of SEPA direct debits for a bank |
//! | `credit_file` | files of SEPA credit transfers for a bank: money that is given back |
//! | `order_files` | what both share: each order stands in exactly one file |
//! | `simulator` | nobody: answers follow from the instrument's name |
//!
//! What a connector does not tell at once is reported later: by a signed callback, the API, pain.002, or a return in a
//! statement; or it is asked.

mod credit_file;
mod debit_file;
mod http;
mod order_files;
mod simulator;

pub use credit_file::CreditFiles;
pub use debit_file::DebitFiles;
pub use http::HttpConnector;
pub use order_files::ordered;

use quittance_actors::delivery::{Fault, Verdict};
use quittance_actors::payout::Destination;
use quittance_actors::ports::{
    AttemptQuestion, AttemptTold, CollectionAnswer, CollectionOrder, PayoutAnswer, PayoutOrder,
};
use quittance_actors::rules::{Field, Value};
use quittance_actors::values::{Date, Money};
use std::sync::Arc;

/// A connector, ready to be asked.
pub enum Connector {
    /// By calls.
    Http(HttpConnector),
    /// By files of direct debits.
    DebitFiles(Arc<DebitFiles>),
    /// It pays out, by files of credit transfers.
    CreditFiles(Arc<CreditFiles>),
    /// Nobody; asked about an attempt, it answers that soon, in milliseconds.
    Simulator(i64),
}

/// What an order says beside the instrument.
struct Said {
    number: u16,
    amount: Money,
    collects_on: Date,
    external_ref: String,
    description: String,
}

impl Said {
    fn of(order: &CollectionOrder) -> Option<Self> {
        let event = &order.delivery.event;
        let text = |field| match event.fact(field) {
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        };
        let (Value::Number(number), Value::Money(amount), Value::Date(collects_on)) = (
            event.fact(Field::AttemptNumber)?,
            event.fact(Field::AttemptAmount)?,
            event.fact(Field::AttemptCollectsOn)?,
        ) else {
            return None;
        };
        Some(Self {
            number: u16::try_from(*number).ok()?,
            amount: *amount,
            collects_on: *collects_on,
            external_ref: text(Field::RequestExternalRef),
            description: text(Field::RequestDescription),
        })
    }
}

/// What a connector says that collects only: of a card it may have been another one, which made it.
fn no_payout(order: &PayoutOrder) -> PayoutAnswer {
    let why = "the connector collects and does not pay out";
    match order.details.to {
        Destination::Collected { .. } => super::later(Fault::Settings, why).into(),
        Destination::Account(_) => super::never(Fault::Settings, why).into(),
    }
}

fn only(verdict: Verdict) -> CollectionAnswer {
    CollectionAnswer { verdict, result: None }
}

impl Connector {
    /// Hands orders over; gives an answer to each, in order.
    pub async fn collect(&self, orders: Vec<CollectionOrder>) -> Vec<CollectionAnswer> {
        match self {
            Connector::Http(connector) => connector.collect(orders).await,
            Connector::DebitFiles(files) => {
                let (count, files) = (orders.len(), Arc::clone(files));
                let written = tokio::task::spawn_blocking(move || files.collect(&orders)).await;
                written.unwrap_or_else(|_| vec![only(super::later(Fault::Service, "it is stopping")); count])
            }
            Connector::CreditFiles(_) => orders
                .iter()
                .map(|_| only(super::never(Fault::Settings, "the connector pays out and does not collect")))
                .collect(),
            Connector::Simulator(_) => orders.iter().map(simulator::answer).collect(),
        }
    }

    /// Asks what became of an attempt, or to leave it, as the row's channel says.
    pub async fn ask(&self, question: AttemptQuestion) -> Result<AttemptTold, Verdict> {
        match self {
            Connector::Http(connector) => connector.ask_of_attempt(&question).await,
            Connector::Simulator(_) => Ok(simulator::told(&question)),
            Connector::DebitFiles(_) | Connector::CreditFiles(_) => {
                Err(super::never(Fault::Settings, "a bank that takes files is not asked"))
            }
        }
    }

    /// How long after an attempt has left it is first asked about, in milliseconds.
    pub fn first_inquiry_ms(&self) -> i64 {
        match self {
            Connector::Http(connector) => connector.first_inquiry_ms,
            Connector::Simulator(first_inquiry_ms) => *first_inquiry_ms,
            Connector::DebitFiles(_) | Connector::CreditFiles(_) => 0,
        }
    }

    /// Hands payouts over; gives an answer to each, in order.
    pub async fn pay_out(&self, orders: Vec<PayoutOrder>) -> Vec<PayoutAnswer> {
        match self {
            Connector::CreditFiles(files) => {
                let to_card = |order: &PayoutOrder| matches!(order.details.to, Destination::Collected { .. });
                let cards: Vec<bool> = orders.iter().map(to_card).collect();
                let accounts: Vec<PayoutOrder> = orders.into_iter().filter(|order| !to_card(order)).collect();
                let (count, files) = (accounts.len(), Arc::clone(files));
                let written = tokio::task::spawn_blocking(move || files.pay_out(&accounts)).await;
                let verdicts =
                    written.unwrap_or_else(|_| vec![super::later(Fault::Service, "it is stopping"); count]);
                let mut verdicts = verdicts.into_iter();
                let answer = |is_card: bool| match is_card {
                    // It may have been made by a try of which nobody heard, when the connector was another one.
                    true => super::later(Fault::Settings, "the connector gives nothing back to cards any more"),
                    false => verdicts.next().unwrap_or_else(|| super::later(Fault::Service, "it is stopping")),
                };
                cards.into_iter().map(answer).map(PayoutAnswer::from).collect()
            }
            Connector::Simulator(_) => orders.iter().map(simulator::paid_back).collect(),
            Connector::Http(connector) => connector.pay_out(orders).await,
            Connector::DebitFiles(_) => orders.iter().map(no_payout).collect(),
        }
    }
}
