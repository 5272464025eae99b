//! Formats: bytes to records or located errors. No path, no clock, no store.
//!
//! | File | Reads |
//! |---|---|
//! | `invoices_csv` | pending invoices of an ERP, columns from a mapping |
//! | `camt` | camt.053 and camt.054, versions 001.02 to 001.13 |
//!
//! A new format is a file here that implements [`Reader`], and a line in the service's
//! `ingestion`.

pub mod camt;
mod camt_entry;
mod fault;
mod guard;
pub mod invoices_csv;

pub use fault::{Fault, FieldError};
pub use guard::{Located, Pace, Place};

use quittance_actors::runtime::Intake;

/// What a reader gives next.
#[derive(Debug)]
pub enum Item {
    /// A row or entry.
    Row(u64, Intake),
    /// A row or entry that is read and needs nothing, with why.
    Passed(u64, &'static str),
    /// A row that cannot be used, with everything wrong about it.
    Refused(u64, Vec<FieldError>),
    /// Something a person should know; the row or file goes on.
    Note(FieldError),
}

/// Reads a file piece by piece, in constant memory.
pub trait Reader: Send {
    /// The next item; `None` at the end. An error ends the file: nothing after it can be read.
    fn next(&mut self) -> Option<Result<Item, FieldError>>;

    /// Bytes read so far, after decoding.
    fn bytes_read(&self) -> u64;
}
