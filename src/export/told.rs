//! The record log as one tenant's exports read it: its records in order, what ids mean, and
//! which of the records are of the period asked for.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use quittance_actors::partition::{Commit, Event};
use quittance_actors::values::{CustomerId, Date, EntityId, PaymentRequestId, PayoutId, TransferId, Zone};
use quittance_actors::{customer, payment_request, payout, transfer};
use smol_str::SmolStr;
use thiserror::Error;

use super::{Period, Wanted};
use crate::journal;

/// Lines of one export; a longer period is asked for in parts.
pub(super) const LINES_MAX: usize = 1_000_000;

/// Why there is no export.
#[derive(Debug, Error)]
pub enum Failure {
    /// The log cannot be read.
    #[error("the record log: {0}")]
    Log(#[from] journal::Error),
    /// There is too much of it.
    #[error("the period holds more than {LINES_MAX} lines: ask for a shorter one")]
    TooLong,
    /// The period ends before it begins.
    #[error("the period ends before it begins")]
    Reversed,
    /// It cannot be written.
    #[error("it cannot be written: {0}")]
    Written(String),
}

/// What is known so far of the tenant's customers, requests and transfers.
pub(super) struct Names {
    customers: BTreeMap<CustomerId, (SmolStr, customer::Kind)>,
    requests: BTreeMap<PaymentRequestId, Arc<payment_request::Terms>>,
    transfers: BTreeMap<TransferId, Arc<transfer::Details>>,
    payers: BTreeMap<TransferId, CustomerId>,
    payouts: BTreeMap<PayoutId, Arc<payout::Details>>,
}

impl Names {
    /// What was asked for of a payout.
    pub fn payout(&self, id: PayoutId) -> Option<&payout::Details> {
        self.payouts.get(&id).map(Arc::as_ref)
    }

    /// The ERP's key of a customer.
    pub fn customer(&self, id: CustomerId) -> &str {
        self.customers.get(&id).map_or("", |(external_ref, _)| external_ref.as_str())
    }

    /// Whether a customer is a company.
    pub fn kind(&self, id: CustomerId) -> Option<customer::Kind> {
        self.customers.get(&id).map(|(_, kind)| *kind)
    }

    /// What was agreed of a request.
    pub fn request(&self, id: PaymentRequestId) -> Option<&payment_request::Terms> {
        self.requests.get(&id).map(Arc::as_ref)
    }

    /// What the bank said of a transfer.
    pub fn transfer(&self, id: TransferId) -> Option<&transfer::Details> {
        self.transfers.get(&id).map(Arc::as_ref)
    }

    /// The ERP's key of who paid a transfer.
    pub fn payer(&self, id: TransferId) -> &str {
        self.payers.get(&id).map_or("", |customer| self.customer(*customer))
    }

    fn learn(&mut self, entity: EntityId, event: &Event) {
        use customer::Event as C;
        match (entity, event) {
            (
                EntityId::Customer(id),
                Event::Customer(C::Registered { profile, .. } | C::ProfileChanged { profile }),
            ) => {
                self.customers.insert(id, (profile.external_ref.clone(), profile.kind));
            }
            (EntityId::PaymentRequest(id), Event::PaymentRequest(payment_request::Event::Issued { terms })) => {
                self.requests.insert(id, Arc::clone(terms));
            }
            (
                EntityId::Transfer(id),
                Event::Transfer(
                    transfer::Event::Received { details, .. }
                    | transfer::Event::Noted { details, .. }
                    | transfer::Event::Parted { details, .. },
                ),
            ) => {
                self.transfers.insert(id, Arc::clone(details));
            }
            (EntityId::Payout(id), Event::Payout(payout::Event::Requested { details, .. })) => {
                self.payouts.insert(id, Arc::clone(details));
            }
            (EntityId::Transfer(id), Event::Transfer(transfer::Event::Decided(resolution))) => {
                self.payers.insert(id, resolution.customer);
            }
            _ => {}
        }
        if let (EntityId::Transfer(id), Event::Transfer(transfer::Event::Received { customer: Some(payer), .. })) =
            (entity, event)
        {
            self.payers.insert(id, *payer);
        }
    }
}

/// Reads the records of one tenant.
pub(super) struct Reader<'a> {
    wanted: &'a Wanted<'a>,
    names: Names,
}

/// Whether a record is of the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// It came before or comes after.
    Outside,
    /// It is wanted.
    Within,
}

impl<'a> Reader<'a> {
    pub fn new(wanted: &'a Wanted<'a>) -> Self {
        let names = Names {
            customers: BTreeMap::new(),
            requests: BTreeMap::new(),
            transfers: BTreeMap::new(),
            payers: BTreeMap::new(),
            payouts: BTreeMap::new(),
        };
        Self { wanted, names }
    }

    /// The zone in which days are counted.
    pub fn zone(&self) -> &'a Zone {
        self.wanted.zone
    }

    /// The last day of the period.
    pub fn last_day(&self) -> Date {
        self.wanted.period.to
    }

    /// Gives every record of the tenant to `visit`, in the order of the log, those outside the
    /// period as well: numbers count from the beginning. `visit` says how many lines there are.
    pub fn read(
        &mut self, folder: &Path, mut visit: impl FnMut(&Names, &Commit, When) -> usize,
    ) -> Result<(), Failure> {
        let Wanted { tenant, zone, period: Period { from, to }, .. } = self.wanted;
        let names = &mut self.names;
        let mut too_long = false;
        let walked = journal::walk(folder, 0, |_, commit| {
            if commit.tenant != **tenant {
                return Ok(());
            }
            commit.changes.iter().for_each(|change| names.learn(change.entity, &change.event));
            let day = commit.at.date_in(zone);
            let when = if (*from..=*to).contains(&day) { When::Within } else { When::Outside };
            too_long = visit(names, &commit, when) > LINES_MAX;
            if too_long { Err("too long".to_owned()) } else { Ok(()) }
        });
        match walked {
            _ if too_long => Err(Failure::TooLong),
            Ok(_) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
