//! A partition: one ordered lane, and the virtual actors that live in it.
//!
//! ```text
//! envelope ─► step: entity.decide ─► apply ─► publish ─► rules ─► tells (depth first)
//!                └─ works on copies; only a whole step is taken over
//!           ─► Commit (one record) ─► journal ─► durable ─► reply, deliveries, timers
//! ```
//!
//! This module is pure: the same envelopes in the same order give the same commits, byte for
//! byte. The actix actor that hosts it is in `runtime`. Entities are activated from their
//! snapshot on demand and leave memory when they are idle and checkpointed.

mod commit;
mod directory;
mod entity;
mod facts;
mod history;
mod lane;
mod occurrence;
mod outbox;
mod publishing;
mod residents;
mod step;
mod telling;

pub use commit::{
    ArmedTimer, Checkpoint, Commit, Envelope, FileRecord, Origin, Outgoing, Receipt, Revived, Saved, StatementRecord,
    StatusLevel, StatusReport, StoredChange, SystemFact, Ticket, TriedDelivery,
};
pub use directory::{DirectoryEntry, DirectoryKey, DirectoryValue, entries_of};
pub use entity::{Entity, Event, Rejection};
pub use history::History;
pub use lane::{Entities, Lane, Rows, Stepped};
pub use occurrence::{Figures, Occurrence, Standing, TransferFigures};
pub use outbox::{NotedTry, Row, Waiting};
pub use step::StepError;
pub use telling::{Concerned, Preparation};
