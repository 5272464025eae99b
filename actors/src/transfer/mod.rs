//! A credit transfer: one entry of money received, until every cent is placed or a person is
//! asked.
//!
//! ```text
//! Receive ─► identified (virtual IBAN, references) ─► PlaceTransfer (to the customer)
//!     │                                                   ├─► matched: allocations, credit
//!     └─ nobody, or evidence that contradicts ─► task ◄───┘   (doubt is a task, never a guess: N13)
//! ```
//!
//! One that pays for several customers is divided (`division`): each part is a transfer of its own.
//!
//! An entry of a statement that brings no money to place (paid out, returned, reversed by the bank) is
//! noted as it is, so that every line of a statement is in the log.
//!
//! What a person decides is recorded first and carried out by the customer, in whichever lane it
//! lives; its answer concludes the decision. Every match can be taken back, by a person or, when the money
//! itself is gone, by the bank.
//!
//! Who owns an account number and what a reference means is looked up before admission and
//! comes as a fact. Invariants: INV-02.

mod acceptance;
mod apply;
mod combinations;
mod command;
mod decide;
mod decision;
mod division;
mod event;
mod matching;
mod means;
mod particulars;
mod recall;
mod reconsider;
mod returning;
mod state;
mod tasks;
mod weighing;

pub(crate) use acceptance::left_to_person;
pub use acceptance::{Acceptance, AcceptanceRule, NeverAuto};
pub use command::{Command, Evidence, ReceivedPart, ReferenceHit, ReferenceKind, Rejection};
#[cfg(feature = "runtime")]
pub(crate) use decide::payer;
pub use event::Event;
pub use matching::{Payer, Placement, place};
pub use means::Means;
pub use particulars::{Nature, Particulars, ReturnReason, parts_of, references};
pub(crate) use reconsider::{awaited_numbers, named_in};
pub(crate) use returning::TOLD_BY_CALL;
pub use state::{Claim, Details, DividedPart, Doubt, Lineage, Pending, Recall, Resolution, Status, Transfer};
pub use weighing::{Identification, Pointer, Pointers, Proposal, Rung, Weighed};
