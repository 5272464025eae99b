//! The actix shells: the only place that names actix and tokio (N2).
//!
//! | Actor | Children | Is |
//! |---|---|---|
//! | [`Host`] | one per core | hosts the lanes of a core and their virtual actors |
//! | [`IngestionSupervisor`] | one per feed | admits the rows of files, one file at a time per feed |
//! | [`ReconciliationSupervisor`] | | looks up who paid, routes transfers to their lane |
//! | [`DeliverySupervisor`] | one per delivery lane | sends what is due, records how it ended |
//! | [`Timekeeper`] | | turns due timers into records |
//! | [`Checkpointer`] | | offers checkpoints, never in the way of an acknowledgement |
//!
//! Supervision is ours: actix restarts an actor only when it stops itself. A panic is caught at
//! the entity, its memory dropped, the command tried again, and after three panics put aside.
//! `do_send` ignores a mailbox's capacity and is used where what it says waits elsewhere already, within bounds:
//! `release`, `delivery` and `inbox`.

mod answers;
mod checkpointer;
mod collection;
mod decisions;
mod delivery;
mod delivery_lane;
mod health;
mod host;
mod inbox;
mod ingestion;
mod inquiry;
mod intake;
mod numbers;
mod orders;
mod payouts;
mod plans;
mod recalls;
mod reconciliation;
mod release;
mod reserving;
mod router;
mod timekeeper;
mod trying;

pub use answers::Answer;
pub use checkpointer::{Checkpointer, Offer};
pub use decisions::conclude_decision;
pub use delivery::{DeliverySupervisor, Enqueue};
pub use host::Host;
pub use ingestion::{
    Arrived, FeedReader, IncomingFile, IngestionSupervisor, Progress, READER_FAILED, ReadRow, RowOutcome,
};
pub use intake::{
    BankEntry, CancellationRow, CreditNoteRow, CustomerRow, Intake, IntakeError, InvoiceRow, MandateRow,
    admit_customer, admit_invoice,
};
pub use numbers::number_asked;
pub use orders::OrderReturned;
pub use payouts::PayoutReturned;
pub use plans::{PLAN_AHEAD_DAYS_MAX, PLAN_REFERENCE_CHARACTERS_MAX, PlanRow, admit_plan, ahead_of};
pub use recalls::recall_by_hand;
pub use reconciliation::{Admit, ReconciliationSupervisor};
pub use release::Release;
pub use router::{Priority, Request, Router, SubmitError};
pub use timekeeper::{Timekeeper, Timers, advance, horizon};

use std::sync::Arc;

use crate::ports::{Clock, Directory, Dispatch, Journal, Observer, Ownership, Snapshots, Tenants};

/// Everything the shells need from outside.
#[derive(Clone)]
pub struct Ports {
    /// The ordered log.
    pub journal: Arc<dyn Journal>,
    /// Which partitions may be written.
    pub ownership: Arc<dyn Ownership>,
    /// Checkpointed state.
    pub snapshots: Arc<dyn Snapshots>,
    /// Lookups across partitions.
    pub directory: Arc<dyn Directory>,
    /// Clocks.
    pub clock: Arc<dyn Clock>,
    /// Configuration.
    pub tenants: Arc<dyn Tenants>,
    /// Transports.
    pub dispatch: Arc<dyn Dispatch>,
    /// Screens and metrics.
    pub observer: Arc<dyn Observer>,
}
