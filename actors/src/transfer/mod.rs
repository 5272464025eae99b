//! A credit transfer: one entry of money received, until every cent is placed or a person is
//! asked.
//!
//! ```text
//! Receive ─► identified (virtual IBAN, references) ─► PlaceTransfer (to the customer)
//!     │                                                   ├─► matched: allocations, credit
//!     └─ nobody, or evidence that contradicts ─► task ◄───┘   (doubt is a task, never a guess: N13)
//! ```
//!
//! Who owns an account number and what a reference means is looked up before admission and
//! comes as a fact. Invariants: INV-02.

mod apply;
mod command;
mod decide;
mod event;
mod matching;
mod state;

pub use command::{Command, Evidence, ReferenceHit, ReferenceKind, Rejection};
pub use event::Event;
pub use matching::{Placement, place};
pub use state::{Details, Doubt, Status, Transfer};
