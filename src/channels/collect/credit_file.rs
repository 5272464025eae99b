//! Files of SEPA credit transfers for a bank: money that is given back.

use std::path::PathBuf;

use quittance_actors::delivery::Verdict;
use quittance_actors::payout::{Destination, end_to_end_id};
use quittance_actors::ports::PayoutOrder;
use quittance_actors::values::{Calendar, Zone};

use super::order_files::{Order, OrderFiles, Written};
use crate::formats::orders::{CreditTransfer, Envelope, Initiator, pain001};

/// Writes the payouts of one connector.
pub struct CreditFiles {
    files: OrderFiles,
    initiator: Initiator,
    calendar: Calendar,
}

impl CreditFiles {
    /// Writes files of `initiator` into `folder`, with a ledger in `state` that has a folder per month of
    /// `zone`; banks execute on the days of `calendar`.
    pub fn new(folder: PathBuf, state: PathBuf, initiator: Initiator, calendar: Calendar, zone: Zone) -> Self {
        Self { files: OrderFiles::new(folder, state, "pain.001", zone), initiator, calendar }
    }

    /// Writes nothing beside the files, for a bank that takes everything in the folder for an order.
    #[must_use]
    pub fn without_checksums(self) -> Self {
        Self { files: self.files.without_checksums(), ..self }
    }

    /// Writes payouts as one file; gives an answer to each, in order.
    pub(super) fn pay_out(&self, orders: &[PayoutOrder]) -> Vec<Verdict> {
        let orders: Vec<Order<CreditTransfer>> = orders
            .iter()
            .map(|order| Order {
                key: order.details.id.to_string(),
                at: order.delivery.event.at,
                what: transfer(order).map(|transfer| (transfer.end_to_end_id.clone(), transfer)),
            })
            .collect();
        self.files.hand_over(&orders, |message_id, created_at, transfers| {
            let (initiator, calendar) = (self.initiator.clone(), &self.calendar);
            let envelope = Envelope { message_id, created_at, initiator, calendar };
            Written {
                bytes: pain001::write(&envelope, transfers),
                batches: pain001::batches_of(&envelope, transfers),
            }
        })
    }
}

fn transfer(order: &PayoutOrder) -> Result<CreditTransfer, String> {
    let details = &order.details;
    let Destination::Account(iban) = &details.to else {
        return Err("a file of credit transfers pays no card".to_owned());
    };
    let transfer = CreditTransfer {
        end_to_end_id: end_to_end_id(details.id),
        amount: details.amount,
        on: order.on,
        creditor: details.creditor.to_string(),
        iban: iban.clone(),
        bic: None,
        remittance: details.reason.to_string(),
    };
    pain001::check(&transfer).map(|()| transfer)
}
