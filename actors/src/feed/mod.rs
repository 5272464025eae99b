//! A feed: a directory that files come in by, and when the next one is expected.
//!
//! ```text
//! Watch ─► expected ─► due: nothing came since the last deadline ─► stalled ─► a file is taken ─► recovered
//!              ▲─────────── something came ◄──┘                        └─► due again: one more is missing
//! due, but late, nothing came ─► delayed by a quarter of an hour ─► due
//! ReadFile ─► file accepted | partly accepted | rejected | duplicate
//! ```
//!
//! Its files are public events like everything else that happens to an account, so rules can tell
//! people of a file that was refused or did not come. Invariants: INV-10.

mod apply;
mod command;
mod decide;
mod event;
mod expectation;
mod state;

pub use command::{Command, Rejection};
pub use event::{Event, Outcome};
pub use expectation::Expectation;
pub use state::Feed;
