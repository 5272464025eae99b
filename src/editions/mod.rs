//! Editions of a tenant's own configuration files: checked, compared with what is in use, published while the service
//! runs, and taken back.
//!
//! | File | Is |
//! |---|---|
//! | `ledger` | every edition there has been: its files, who published it, when and why |
//! | `publish` | from a draft to what is in use |
//! | `changes` | what one edition has that another has not |
//! | `foresight` | what a draft would have done, and whom it moves |
//! | `reload` | all files read again |

mod changes;
mod foresight;
mod ledger;
mod publish;
mod reload;

pub use changes::{Change, How, changes, differences};
pub use foresight::{Foreseen, Move, Moved, OfWhom, Replayed, foresee};
pub use ledger::{Edition, Ledger, Origin};
pub use publish::{Draft, Editions, OWN_FILES, Refusal, Tried};
pub use reload::{Reloaded, finish, reload};
