//! What can be asked of a transfer.

use std::sync::Arc;

use thiserror::Error;

use super::matching::Placement;
use super::particulars::Particulars;
use super::state::Details;
use crate::values::{CustomerId, PaymentRequestId, Reading};

/// A command.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Money came in.
    Receive {
        /// What the bank said.
        details: Arc<Details>,
        /// What else it said; `None` when nothing.
        particulars: Option<Arc<Particulars>>,
        /// What was looked up about it before admission.
        evidence: Evidence,
    },
    /// An entry that brings no money to place.
    Note {
        /// What the bank said.
        details: Arc<Details>,
        /// What else it said, and what the entry is to the account.
        particulars: Arc<Particulars>,
    },
    /// The customer has found what it pays, or doubts.
    RecordPlacement(Placement),
}

/// Facts looked up before admission.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// Who owned the virtual IBAN credited.
    pub virtual_iban_owner: Option<CustomerId>,
    /// Requests named by references.
    pub hits: Vec<ReferenceHit>,
}

/// One reference found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReferenceHit {
    /// What kind of reference.
    pub kind: ReferenceKind,
    /// How it was read.
    pub reading: Reading,
    /// The request it names.
    pub request: PaymentRequestId,
    /// Whose request it is.
    pub customer: CustomerId,
}

/// Kinds of reference, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReferenceKind {
    /// ISO 11649, in the structured field or in the text.
    Creditor,
    /// Our end-to-end id.
    EndToEnd,
    /// Our short reference.
    Short,
}

impl ReferenceKind {
    /// The kind in words.
    pub fn text(self) -> &'static str {
        match self {
            ReferenceKind::Creditor => "creditor reference",
            ReferenceKind::EndToEnd => "end-to-end id",
            ReferenceKind::Short => "short reference",
        }
    }
}

impl Command {
    /// The name, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Receive { .. } => "receive_transfer",
            Command::Note { .. } => "note_entry",
            Command::RecordPlacement(_) => "record_placement",
        }
    }
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum Rejection {
    #[error("the transfer is not known")]
    Unknown,
    #[error("the amount must be above zero")]
    AmountNotPositive,
    #[error("already received with another {field}")]
    AlreadyReceivedWith {
        /// What differs.
        field: &'static str,
    },
}
