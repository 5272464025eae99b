//! A customer: who owes, how to reach them, what they have open, and what credit they hold.
//!
//! ```text
//! Register ─► registered ─► requests open ⇄ close ─► (everything of a customer stays in one lane)
//!               │   AddPaymentMethod ─► timer ─► expiring (announced) ─► expired
//!               │   PlaceTransfer ─► allocations to open requests, remainder to credit or a task
//!               └── Remind ─► sent | suppressed (unreachable)     the governor of all contact
//! ```
//!
//! It is the only holder of personal data (N10). Invariants: INV-02, INV-03.

mod accounts;
mod apply;
mod collecting;
mod command;
mod credit;
mod decide;
mod decided;
mod event;
mod notes;
mod plans;
mod rejection;
mod state;

pub use command::{Command, CreditNote, PlaceTransfer, Placed, Reminder, Report};
pub use event::Event;
pub use notes::{ContactWay, Note, Noted, Task, person, short_name, task_text};
pub use rejection::Rejection;
pub use state::{Customer, FormerNumber, Gives, Kind, OpenRequest, PaymentMethod, Profile, Rare};
