//! What happens to money owed: pure machines, and the actix actors that run them.
//!
//! | Folder | Is |
//! |---|---|
//! | `values` | the shared words: money, accounts, references, dates, contacts |
//! | `customer`, `payment_request`, `plan`, `transfer`, `payout` | one virtual actor each: state, commands, events, `decide`, `apply` |
//! | `collection` | instruments, reason codes, retry policies, the caps of the schemes |
//! | `feed` | a directory that files come in by, and when the next one is expected |
//! | `delivery` | an outgoing message, its retry ladder and its lane's breaker |
//! | `rules` | the field catalogue, conditions, and who is told what |
//! | `partition` | one ordered lane: a step, its record, residents, checkpoints |
//! | `runtime` | the actix shells (feature `runtime`) |
//! | `simulation` | a seeded world around the lanes, and its auditor (feature `simulation`) |
//!
//! Never here: a file, a socket, a clock, a thread (outside `runtime`), an encoding, a template.
//! See ARCHITECTURE.md for the rules N1 to N14 and the invariants INV-01 to INV-13.

#![forbid(unsafe_code)]

pub mod account_numbers;
pub mod collection;
pub mod customer;
pub mod delivery;
pub mod feed;
pub mod invariants;
pub mod limits;
pub mod machine;
pub mod partition;
pub mod payment_request;
pub mod payout;
pub mod plan;
pub mod policies;
pub mod ports;
pub mod rules;
#[cfg(feature = "runtime")]
pub mod runtime;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod transfer;
pub mod values;
