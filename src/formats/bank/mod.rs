//! Bank files: one file per format, all giving the same pieces, and one ledger that checks,
//! keys and converts them.
//!
//! ```text
//! bytes ─► format (camt, mt940, cfonb120, …) ─► pieces ─► ledger ─► entries, statements, statuses
//!                                                         └─ opening + entries = closing, or refused
//! ```
//!
//! A new format is a file here that implements [`Steps`], a line in [`super::FORMATS`], and
//! its fixtures in `fixtures/bank/<format>/` and `fixtures/bank/<format>/refused/`.

pub mod bai2;
pub mod camt;
mod camt_entry;
mod camt_paths;
pub mod cfonb120;
pub mod cfonb240;
mod iso20022;
mod keys;
pub mod ledger;
pub mod mt940;
mod mt940_details;
mod mt940_line;
pub mod norma43;
pub mod ofx;
pub mod pacs004;
pub mod pain002;
mod parts;
mod seen;
mod text;

use std::collections::VecDeque;
use std::ops::ControlFlow;

use quittance_actors::transfer::Particulars;
use quittance_actors::values::{Currency, Date, Iban, Money};

use super::FieldError;

pub use quittance_actors::partition::{StatusLevel, StatusReport};

/// What a bank file gives next.
#[derive(Debug)]
pub enum Piece {
    /// A statement, report or notification begins; its account and currency are known.
    Opened(Box<Statement>),
    /// An entry of the statement under way.
    Entry(Box<Entry>),
    /// The statement ends, complete.
    Closed(Box<Statement>),
    /// What became of an order of ours.
    Status(Box<StatusReport>),
    /// An entry that cannot be used, with everything wrong about it.
    Refused(u64, Vec<FieldError>),
    /// Something a person should know; the file goes on.
    Note(FieldError),
    /// By what the bank calls the message that the file is, with the moment at which it was made.
    Message(String),
}

/// Reads the pieces of a bank file, in constant memory.
pub trait Statements: Send {
    /// The next piece; `None` at the end. An error ends the file: nothing after it can be read.
    fn next(&mut self) -> Option<Result<Piece, FieldError>>;

    /// Bytes read so far.
    fn bytes_read(&self) -> u64;
}

/// What a format has found and nobody has taken yet.
pub type Found = VecDeque<Result<Piece, FieldError>>;

/// A format that reads on step by step.
pub trait Steps: Send {
    /// Reads on a little; breaks at the end of the file. An error ends the file.
    fn step(&mut self) -> Result<ControlFlow<()>, FieldError>;

    /// What was found so far.
    fn found(&mut self) -> &mut Found;

    /// Bytes read so far.
    fn bytes_read(&self) -> u64;
}

/// The pieces of a format that reads step by step.
pub struct Stepped<F> {
    format: F,
    ended: bool,
}

impl<F: Steps> Stepped<F> {
    /// The pieces of `format`.
    pub fn new(format: F) -> Self {
        Self { format, ended: false }
    }
}

impl<F: Steps> Statements for Stepped<F> {
    fn next(&mut self) -> Option<Result<Piece, FieldError>> {
        loop {
            if let Some(piece) = self.format.found().pop_front() {
                return Some(piece);
            }
            if self.ended {
                return None;
            }
            match self.format.step() {
                Ok(flow) => self.ended = flow.is_break(),
                Err(error) => {
                    self.ended = true;
                    self.format.found().push_back(Err(error));
                }
            }
        }
    }

    fn bytes_read(&self) -> u64 {
        self.format.bytes_read()
    }
}

impl<S: Statements + ?Sized> Statements for Box<S> {
    fn next(&mut self) -> Option<Result<Piece, FieldError>> {
        (**self).next()
    }

    fn bytes_read(&self) -> u64 {
        (**self).bytes_read()
    }
}

/// What kind of document a statement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// The whole of a period: camt.053, MT940, CFONB 120.
    #[default]
    Statement,
    /// The day so far: camt.052, MT942.
    Report,
    /// Single entries as they come: camt.054.
    Notification,
    /// Rejected orders with a total: CFONB 240.
    Rejects,
}

/// A statement.
#[derive(Debug, Clone, Default)]
pub struct Statement {
    /// What it is.
    pub kind: Kind,
    /// The line it begins or ends at.
    pub line: u64,
    /// The bank's id or number of it.
    pub id: String,
    /// The account as the bank writes it.
    pub account: String,
    /// The account, when it is an IBAN.
    pub iban: Option<Iban>,
    /// Its currency.
    pub currency: Option<Currency>,
    /// The balance it starts from, in minor units.
    pub opening: Option<i64>,
    /// The balance it ends at, in minor units.
    pub closing: Option<i64>,
    /// What its entries must add up to, credits minus debits, when it says so instead.
    pub total: Option<i64>,
    /// The day of the opening balance.
    pub opened_on: Option<Date>,
    /// The day of the closing balance.
    pub closed_on: Option<Date>,
    /// Which page of its message it is, from 0.
    pub page: u32,
}

impl Statement {
    /// The currency of the balance it starts from, if it starts from one.
    pub fn opened_in(&self) -> Option<Currency> {
        self.opening.and(self.currency)
    }
}

/// Whether an entry has moved money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Booking {
    /// It has.
    #[default]
    Booked,
    /// Not yet.
    Pending,
    /// It never will: it only informs.
    Information,
    /// In another state, as [`Booking::Pending`].
    Other,
}

/// An entry of a statement.
#[derive(Debug, Default, Clone)]
pub struct Entry {
    /// Its number in the file, from 1.
    pub row: u64,
    /// The line it begins at.
    pub line: u64,
    /// The amount, without sign; `None` when the file gives none.
    pub amount: Option<Money>,
    /// Whether it is a debit; `None` when the file does not say.
    pub debit: Option<bool>,
    /// Whether it corrects an earlier entry.
    pub reversal: bool,
    /// Whether it has moved money.
    pub booking: Booking,
    /// The day it was booked.
    pub booked_on: Option<Date>,
    /// The bank's own reference of the entry.
    pub servicer_reference: String,
    /// Its transactions; one without any is one transaction of the whole amount.
    pub details: Vec<Detail>,
    /// What is said of the entry as a whole.
    pub particulars: Particulars,
}

/// A transaction of an entry.
#[derive(Debug, Default, Clone)]
pub struct Detail {
    /// Its amount, if it is given.
    pub amount: Option<Money>,
    /// Whether it is a debit, if it says so itself.
    pub debit: Option<bool>,
    /// The originator's id.
    pub end_to_end: String,
    /// The payer's name.
    pub payer_name: String,
    /// The payer's account.
    pub payer_iban: Option<Iban>,
    /// The account credited: a virtual IBAN when the statement is of the master account.
    pub payee_iban: Option<Iban>,
    /// Structured references.
    pub structured: Vec<String>,
    /// What the payer wrote.
    pub unstructured: String,
    /// Everything else.
    pub particulars: Particulars,
}
