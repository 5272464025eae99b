//! The one place where effects leave a partition, after their record is durable (N5).

use std::sync::{Arc, OnceLock};

use actix::Addr;

use super::Ports;
use super::delivery::{DeliverySupervisor, Enqueue};
use super::timekeeper::Timers;
use crate::partition::{Commit, Ticket, entries_of};
use crate::ports::PortError;

/// Hands records to the journal, and their effects on once they are durable.
pub struct Release {
    ports: Ports,
    timers: Arc<Timers>,
    deliveries: OnceLock<Addr<DeliverySupervisor>>,
}

impl Release {
    /// A release whose deliveries have nowhere to go until [`Release::open`].
    pub fn new(ports: Ports, timers: Arc<Timers>) -> Self {
        Self { ports, timers, deliveries: OnceLock::new() }
    }

    /// Names the supervisor that deliveries are handed to; the first call counts.
    pub fn open(&self, deliveries: Addr<DeliverySupervisor>) {
        let _ = self.deliveries.set(deliveries);
    }

    /// Appends records of one partition; gives the position of the first. Calls back when they
    /// are durable and their effects are released.
    pub(super) fn append(
        self: &Arc<Self>, records: &Arc<[Arc<Commit>]>, then: impl FnOnce(Result<(), PortError>) + Send + 'static,
    ) -> Result<u64, PortError> {
        for record in records.iter() {
            self.ports.directory.learn(&entries_of(record));
        }
        let (release, appended) = (Arc::clone(self), Arc::clone(records));
        let on_durable = Box::new(move |durable: Result<u64, PortError>| {
            then(durable.map(|position| release.effects(&appended, position)));
        });
        self.ports.journal.append(records, on_durable)
    }

    /// Calls back when everything appended so far is durable (INV-07).
    pub(super) fn barrier(&self, then: impl FnOnce(Result<(), PortError>) + Send + 'static) {
        self.ports.journal.barrier(Box::new(move |durable| then(durable.map(|_| ()))));
    }

    fn effects(&self, records: &[Arc<Commit>], position: u64) {
        for record in records {
            self.timers.arm(&record.tenant, &record.timers);
        }
        self.ports.observer.committed(records, position);
        let tickets: Vec<Ticket> = records.iter().flat_map(|record| record.tickets()).collect();
        if let Some(supervisor) = self.deliveries.get().filter(|_| !tickets.is_empty()) {
            // The rows are in the outbox already: the mailbox is a hint of what is there.
            #[expect(clippy::disallowed_methods, reason = "the named place: effects after durability")]
            supervisor.do_send(Enqueue(tickets));
        }
    }
}
