//! The one place where effects leave a partition, after their record is durable (N5).

use std::sync::{Arc, OnceLock};

use actix::Addr;
use tokio::sync::oneshot;

use super::delivery::{DeliverySupervisor, Enqueue};
use super::timekeeper::Timers;
use super::{Ports, SubmitError};
use crate::delivery::Pending;
use crate::partition::{Commit, entries_of};
use crate::values::Timestamp;

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

    /// Appends a record. The receiver hears when it is durable and its effects are released.
    pub(super) fn append(self: &Arc<Self>, commit: Arc<Commit>) -> Durable {
        let (sender, receiver) = oneshot::channel();
        self.ports.directory.learn(&entries_of(&commit));
        let release = Arc::clone(self);
        let appended = Arc::clone(&commit);
        self.ports.journal.append(
            commit,
            Box::new(move |result| {
                if result.is_ok() {
                    release.effects(&appended);
                }
                let _ = sender.send(result); // The caller may have left.
            }),
        );
        Durable(receiver)
    }

    /// Waits until everything appended so far is durable (INV-07).
    pub(super) fn barrier(&self) -> Durable {
        let (sender, receiver) = oneshot::channel();
        self.ports.journal.barrier(Box::new(move |result| {
            let _ = sender.send(result);
        }));
        Durable(receiver)
    }

    fn effects(&self, commit: &Commit) {
        self.timers.arm(&commit.timers);
        self.ports.observer.committed(commit);
        if commit.deliveries.is_empty() {
            return;
        }
        let rows = commit.deliveries.iter().map(|delivery| Pending {
            delivery: delivery.clone(),
            attempts: 0,
            not_before: Timestamp::default(),
            last_error: None,
        });
        if let Some(supervisor) = self.deliveries.get() {
            // The rows are in the outbox already: the mailbox is a hint of what is there.
            #[expect(clippy::disallowed_methods, reason = "the named place: effects after durability")]
            supervisor.do_send(Enqueue(rows.collect()));
        }
    }
}

/// Resolves when a record is durable.
pub(super) struct Durable(oneshot::Receiver<Result<(), crate::ports::PortError>>);

impl Durable {
    pub(super) async fn wait(self) -> Result<(), SubmitError> {
        match self.0.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(SubmitError::Port(error)),
            Err(_) => Err(SubmitError::Stopping),
        }
    }
}
