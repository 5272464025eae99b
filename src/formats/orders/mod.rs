//! Orders for banks: SEPA direct debits as pain.008 and credit transfers as pain.001.
//!
//! ```text
//! JSON lines ─► orders or located errors ─► batches (day, sequence, scheme) ─► XML, the same bytes each time
//! ```
//!
//! What is emitted is valid against the official schemas and the SEPA rulebooks: characters,
//! lengths, amounts, business days, creditor and mandate. One wrong order refuses the file: half
//! of a batch is no batch.
//! Source: EPC130-08 and EPC131-08 (SEPA direct debit, customer to bank), EPC132-08 (credit transfer).

pub mod pain001;
pub mod pain008;
mod read;
mod text;

use quittance_actors::values::{Calendar, Date, Iban, Money, Timestamp};

pub use read::{credit_transfers, direct_debits};
pub use text::creditor_id;

/// The party whose file it is: the creditor of debits, the debtor of transfers.
#[derive(Debug, Clone)]
pub struct Initiator {
    /// Its name.
    pub name: String,
    /// Its account.
    pub iban: Iban,
    /// Its bank, when it must be named.
    pub bic: Option<String>,
    /// The creditor identifier of direct debits.
    pub creditor_id: Option<String>,
}

/// What makes a file.
#[derive(Debug, Clone)]
pub struct Envelope<'a> {
    /// The message's id: unique for ever at the bank, at most 35 characters.
    pub message_id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whose it is.
    pub initiator: Initiator,
    /// The days on which banks execute.
    pub calendar: &'a Calendar,
}

/// The scheme of a direct debit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// For everybody: refunds for eight weeks.
    Core,
    /// Between businesses: no refunds.
    B2b,
}

impl Scheme {
    /// The code of the local instrument.
    pub fn code(self) -> &'static str {
        match self {
            Scheme::Core => "CORE",
            Scheme::B2b => "B2B",
        }
    }
}

/// The place of a collection in its mandate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sequence {
    /// The first of several.
    First,
    /// One of several.
    Recurrent,
    /// The only one.
    OneOff,
    /// The last of several.
    Final,
}

impl Sequence {
    /// Its code.
    pub fn code(self) -> &'static str {
        match self {
            Sequence::First => "FRST",
            Sequence::Recurrent => "RCUR",
            Sequence::OneOff => "OOFF",
            Sequence::Final => "FNAL",
        }
    }
}

/// One direct debit.
#[derive(Debug, Clone)]
pub struct DirectDebit {
    /// The end-to-end id: one per attempt, never used again.
    pub end_to_end_id: String,
    /// What is collected, in euros.
    pub amount: Money,
    /// The day it is due, moved to the next business day.
    pub due_on: Date,
    /// The scheme.
    pub scheme: Scheme,
    /// The sequence.
    pub sequence: Sequence,
    /// The mandate's unique reference.
    pub mandate_id: String,
    /// When it was signed.
    pub signed_on: Date,
    /// Whether its account has changed since the collection before.
    pub amended: bool,
    /// Who pays.
    pub debtor: String,
    /// From which account.
    pub iban: Iban,
    /// At which bank, when it must be named.
    pub bic: Option<String>,
    /// What the payer reads.
    pub remittance: String,
}

/// One credit transfer: a refund, or money that is returned.
#[derive(Debug, Clone)]
pub struct CreditTransfer {
    /// The end-to-end id.
    pub end_to_end_id: String,
    /// What is paid, in euros.
    pub amount: Money,
    /// When, moved to the next business day.
    pub on: Date,
    /// Who is paid.
    pub creditor: String,
    /// On which account.
    pub iban: Iban,
    /// At which bank, when it must be named.
    pub bic: Option<String>,
    /// What the payee reads.
    pub remittance: String,
}
