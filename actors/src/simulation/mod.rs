//! A seeded world around the lanes: customers, invoices, banks, gateways and receivers that
//! fail, a disk that forgets what was not synced, a store that is slow, clocks that jump. An
//! auditor checks the invariants after each step. The same seed gives the same run.
//!
//! ```text
//! World ─ step: one action of the seed ─► lanes ─► log ─► (sync) ─► released: timers, deliveries
//!   └─ Auditor: a second, independent fold of the log, and what was seen outside
//! ```

mod auditor;
mod callers;
mod collectors;
mod disk;
mod faults;
mod given_back;
mod messages;
mod mutation;
mod people;
mod plans;
mod policies;
mod random;
mod world;

pub use auditor::Violation;
pub use mutation::Mutation;
pub use world::{Codec, Report, World};
