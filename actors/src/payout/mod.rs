//! A payout: money that is given back, from a customer's credit, as the return of a transfer that nobody here is owed,
//! or as the refund of what a card paid. It leaves by credit transfer, or to the card by who collected from it.
//!
//! ```text
//! Request ─► ordered ─────────────────────────► executed (the bank has booked it)
//!    └─► awaits approval ─► approved by another ┘   │
//!              └─► rejected: the money is where it was ◄─ failed (refused, or it came back)
//! ```
//!
//! Who asks for it is never who approves it. Its source gives the money up before anything leaves, and has
//! it again when nothing did. Invariants: INV-06.

mod apply;
mod command;
mod decide;
mod event;
mod state;

pub use command::{Command, Rejection};
pub use decide::letters;
pub use event::Event;
pub use state::{Destination, Details, Payout, Source, Status, end_to_end_id, payout_named};
