//! Connectors: who collects from cards and by direct debit, and who pays back.
//!
//! | Kind | Is |
//! |---|---|
//! | `http` | a signed call with the attempt's id as idempotency key; the answer may tell the result |
//! | `debit_file` | files of SEPA direct debits for a bank |
//! | `credit_file` | files of SEPA credit transfers for a bank: money that is given back |
//! | `order_files` | what both share: each order stands in exactly one file |
//! | `simulator` | nobody: answers follow from the instrument's name |
//!
//! What a connector does not tell at once is reported later: by the API, by pain.002, or by a return
//! in a statement.

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
use quittance_actors::ports::{CollectionAnswer, CollectionOrder, PayoutOrder};
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
    /// Nobody.
    Simulator,
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
            Connector::Simulator => orders.iter().map(simulator::answer).collect(),
        }
    }

    /// Hands payouts over; gives an answer to each, in order.
    pub async fn pay_out(&self, orders: Vec<PayoutOrder>) -> Vec<Verdict> {
        let count = orders.len();
        match self {
            Connector::CreditFiles(files) => {
                let files = Arc::clone(files);
                let written = tokio::task::spawn_blocking(move || files.pay_out(&orders)).await;
                written.unwrap_or_else(|_| vec![super::later(Fault::Service, "it is stopping"); count])
            }
            Connector::Simulator => vec![super::accepted("simulated"); count],
            Connector::Http(_) | Connector::DebitFiles(_) => {
                vec![super::never(Fault::Settings, "the connector collects and does not pay out"); count]
            }
        }
    }
}
