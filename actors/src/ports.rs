//! What the actors need from outside: the seams of the house.
//!
//! `Journal`, `Ownership` and `Snapshots` are where an embedded process and a cluster differ;
//! the others are where a file, a socket or a clock comes in. None of them is implemented here.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use smol_str::SmolStr;

use crate::collection::{Instrument, InstrumentDetails};
use crate::customer::{OpenRequest, Profile};
use crate::delivery::{Delivery, Fault, Verdict};
use crate::partition::{
    ArmedTimer, Checkpoint, Commit, DirectoryEntry, DirectoryKey, DirectoryValue, Receipt, Saved,
};
use crate::payment_request::{AttemptNews, AttemptResult};
use crate::payout;
use crate::policies::Policies;
use crate::values::{
    AccountPool, AttemptId, CommandId, Date, EntityId, PaymentRequestId, ReferenceKey, TenantId, Timestamp,
};

/// A port failed on our side; the same call may work later.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{port}: {detail}")]
pub struct PortError {
    /// Which port.
    pub port: &'static str,
    /// What it said.
    pub detail: String,
}

/// Called once, when everything up to and including an append is durable, with the position of
/// its first record.
pub type OnDurable = Box<dyn FnOnce(Result<u64, PortError>) + Send>;

/// A boxed future, for ports that wait.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The ordered log. Acknowledged means synced.
pub trait Journal: Send + Sync {
    /// Appends records side by side and gives the position of the first; records of one
    /// partition become durable in the order appended.
    fn append(&self, commits: &[Arc<Commit>], on_durable: OnDurable) -> Result<u64, PortError>;

    /// How many records have been appended, durable or not.
    fn position(&self) -> u64;

    /// Whether the disk is full, so that nothing can become durable now.
    fn is_full(&self) -> bool {
        false
    }

    /// The record at a position that is durable.
    fn read(&self, position: u64) -> Result<Arc<Commit>, PortError>;

    /// Calls back once everything appended so far is durable.
    fn barrier(&self, on_durable: OnDurable);
}

/// Which partitions this process may write.
pub trait Ownership: Send + Sync {
    /// Whether this process owns `partition` now.
    fn owns(&self, partition: u8) -> bool;
}

/// One round of checkpoints.
#[derive(Debug)]
pub struct Round<'a> {
    /// What the lanes handed over.
    pub checkpoints: &'a [Checkpoint],
    /// The position of the log that is contained.
    pub position: u64,
    /// Per tenant: every timer due before it has fired, durably.
    pub fired_before: &'a [(TenantId, Timestamp)],
    /// What the observer remembers, and up to which position.
    pub remembered: Option<(u64, Vec<u8>)>,
}

/// Checkpointed state: a cache of the log.
pub trait Snapshots: Send + Sync {
    /// An entity as its last checkpoint stored it.
    fn load(&self, entity: EntityId) -> Result<Option<Saved>, PortError>;

    /// The receipt of a command, if it was checkpointed.
    fn receipt(&self, command: CommandId) -> Result<Option<Receipt>, PortError>;

    /// Writes a checkpoint. It contains every record of the log up to `position`, and maybe
    /// some after it. States may be stored before the rest, which is stored all or nothing:
    /// replay passes over what a state contains already.
    fn write(&self, round: &Round<'_>) -> Result<(), PortError>;

    /// Whether too little space is left to write a checkpoint.
    fn is_full(&self) -> bool {
        false
    }

    /// The timers of a tenant that are due before `until`, and maybe some that have fired.
    fn timers(&self, tenant: &TenantId, from: Timestamp, until: Timestamp) -> Result<Vec<ArmedTimer>, PortError>;
}

/// What [`Directory::find_or_reserve`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It is recorded.
    Known(DirectoryValue),
    /// It is reserved, by this caller or another one, and must be released.
    Reserved(DirectoryValue),
}

/// Lookups across partitions: which customer owns an account number, what a reference means.
pub trait Directory: Send + Sync {
    /// Finds what a key means; a reservation means nothing yet.
    fn find(&self, key: &DirectoryKey) -> Result<Option<DirectoryValue>, PortError>;

    /// Finds what a key means, or reserves `value` for it. Two callers at once get the same.
    fn find_or_reserve(&self, key: &DirectoryKey, value: &DirectoryValue) -> Result<Found, PortError>;

    /// Gives a reservation back. What was recorded meanwhile stays; what was not, is free again
    /// when the last of its holders has let go.
    fn release(&self, key: &DirectoryKey);

    /// Takes entries of records that have been appended.
    fn learn(&self, entries: &[DirectoryEntry]);

    /// Lets go of entries that a checkpoint has stored.
    fn checkpointed(&self, entries: &[DirectoryEntry]);

    /// The next number of one of a tenant's ranges of virtual IBANs.
    fn next_pool_index(&self, tenant: &TenantId, pool: &AccountPool) -> u64;

    /// How many numbers of a range were drawn so far.
    fn drawn_of_pool(&self, tenant: &TenantId, pool: &AccountPool) -> u64;
}

/// The clock of each tenant, and randomness for ids.
pub trait Clock: Send + Sync {
    /// The tenant's time: the system's, or that of its test clock.
    fn now(&self, tenant: &TenantId) -> Timestamp;

    /// The system's time, for retries and logs.
    fn system_now(&self) -> Timestamp;

    /// Moves a test clock forward; `false` for a tenant that has none.
    fn advance(&self, tenant: &TenantId, to: Timestamp) -> bool;

    /// Random bits.
    fn random(&self) -> u64;
}

/// The configuration in force.
pub trait Tenants: Send + Sync {
    /// The policies of a tenant.
    fn policies(&self, tenant: &TenantId) -> Option<Arc<Policies>>;

    /// The constants of its short references.
    fn reference_key(&self, tenant: &TenantId) -> ReferenceKey;

    /// Every tenant.
    fn all(&self) -> Vec<TenantId>;
}

/// A message about to leave, with the personal data it needs.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The row.
    pub delivery: Delivery,
    /// The number of this try, 1 for the first.
    pub attempt: u32,
    /// Whom it is about or to, if a customer is concerned.
    pub customer: Option<Arc<Profile>>,
    /// The time zone where that customer lives, if not the tenant's.
    pub zone: Option<SmolStr>,
    /// The account number to pay to, if the customer has one of its own.
    pub virtual_iban: Option<String>,
    /// What the customer has open, of a message to the customer: by deadline.
    pub open: Vec<OpenRequest>,
}

/// An order to collect, with the personal data it needs.
#[derive(Debug, Clone)]
pub struct CollectionOrder {
    /// The row.
    pub delivery: Delivery,
    /// The request.
    pub request: PaymentRequestId,
    /// The attempt: the same on every try.
    pub attempt: AttemptId,
    /// From whom.
    pub customer: Arc<Profile>,
    /// From what.
    pub instrument: InstrumentDetails,
}

/// An order to pay out.
#[derive(Debug, Clone)]
pub struct PayoutOrder {
    /// The row.
    pub delivery: Delivery,
    /// What is paid, to whom.
    pub details: Arc<payout::Details>,
    /// The day it is executed.
    pub on: Date,
}

/// What a connector says to an order.
#[derive(Debug, Clone)]
pub struct CollectionAnswer {
    /// Whether it has the order.
    pub verdict: Verdict,
    /// How the attempt ended, if it is known already.
    pub result: Option<AttemptResult>,
}

/// What a connector says to an order to pay out.
#[derive(Debug, Clone)]
pub struct PayoutAnswer {
    /// Whether it has the order.
    pub verdict: Verdict,
    /// Whether the money is with who is paid, if that is known already.
    pub paid: bool,
}

impl From<Verdict> for PayoutAnswer {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, paid: false }
    }
}

/// What is asked about an attempt that a connector may have.
#[derive(Debug, Clone)]
pub struct AttemptQuestion {
    /// The row: an inquiry, or a cancellation.
    pub delivery: Delivery,
    /// The request.
    pub request: PaymentRequestId,
    /// The attempt.
    pub attempt: AttemptId,
    /// Its number.
    pub number: u16,
    /// From what it collects.
    pub instrument: Instrument,
}

/// What a connector says of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptTold {
    /// This is certain.
    News(AttemptNews),
    /// It is under way still, or it is too late to leave it.
    UnderWay,
}

/// Carries messages out.
pub trait Dispatch: Send + Sync {
    /// Tries once. The same delivery id twice must do no harm.
    fn send(&self, prepared: Prepared) -> BoxFuture<'_, Verdict>;

    /// Until when a delivery waits, and why, when too much has left lately; what may leave is counted as leaving.
    fn holds_back(&self, _: &Prepared) -> Option<(Timestamp, String)> {
        None
    }

    /// Writes several rows that go one way as one file: statuses, or events of a feed.
    fn write_together(&self, rows: Vec<Delivery>) -> BoxFuture<'_, Verdict>;

    /// Hands orders of one connector over; gives an answer to each, in order. The same order twice
    /// must collect once.
    fn collect(&self, orders: Vec<CollectionOrder>) -> BoxFuture<'_, Vec<CollectionAnswer>>;

    /// Asks a connector what became of an attempt, or to leave it, as the row's channel says; anything but certain news
    /// is an error, after which it is asked again.
    fn ask_of_attempt(&self, _: AttemptQuestion) -> BoxFuture<'_, Result<AttemptTold, Verdict>> {
        let nobody = Verdict::Never { fault: Fault::Settings, error: "nobody can be asked".to_owned() };
        Box::pin(async { Err(nobody) })
    }

    /// How long after an attempt has left it is first asked about, in milliseconds.
    fn first_inquiry_ms(&self, _: &Delivery) -> i64 {
        900_000
    }

    /// Hands payouts of one connector over; gives an answer to each, in order. The same payout twice must
    /// pay once.
    fn pay_out(&self, orders: Vec<PayoutOrder>) -> BoxFuture<'_, Vec<PayoutAnswer>>;
}

/// Sees every record once it is durable, in log order: screens and metrics.
pub trait Observer: Send + Sync {
    /// Records became durable, the first of them at `position`.
    fn committed(&self, commits: &[Arc<Commit>], position: u64);

    /// The day up to which the bank statements of a tenant have been read, over all of its accounts.
    fn bank_complete_to(&self, _: &TenantId) -> Option<Date> {
        None
    }

    /// What is to be remembered over a restart, and the position it goes up to.
    fn remembered(&self) -> Option<(u64, Vec<u8>)>;

    /// Commands were decided in one go: how long they waited, and how long it took.
    fn decided(&self, waited: Duration, took: Duration, count: usize) {
        let _ = (waited, took, count);
    }

    /// Timers were recorded so long after they were due, in milliseconds.
    fn fired(&self, late_ms: &[i64]) {
        let _ = late_ms;
    }

    /// A checkpoint of so many lanes was written.
    fn checkpointed(&self, took: Duration, lanes: usize) {
        let _ = (took, lanes);
    }

    /// Something of this name happened, for counters.
    fn count(&self, name: &'static str, labels: BTreeMap<&'static str, String>);
}
