//! What can be asked of a customer.

use std::sync::Arc;

use smol_str::SmolStr;
use thiserror::Error;

use super::state::{Gives, Profile};
use crate::delivery::Channel;
use crate::transfer::{self, ReferenceHit};
use crate::values::{
    Currency, CustomerId, Date, Money, PaymentRequestId, ShortReference, Timestamp, TransferId, VirtualIban,
};

/// A command.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Make the customer known, or bring its details up to date.
    Register {
        /// Its id.
        id: CustomerId,
        /// Who it is.
        profile: Arc<Profile>,
        /// What of the profile is known.
        gives: Gives,
        /// The account number reserved for it, if the tenant has a pool.
        virtual_iban: Option<VirtualIban>,
    },
    /// Keep a card.
    AddPaymentMethod {
        /// The provider's token.
        token: SmolStr,
        /// The last four digits.
        last4: SmolStr,
        /// The last day of the month printed on it.
        expires_on: Date,
        /// Whether recurring payments are collected from it.
        backs_recurring: bool,
    },
    /// A card comes close to its end.
    CardExpiryDue {
        /// Its slot.
        slot: u16,
        /// Which arming fired.
        generation: u32,
        /// When it was due.
        due: Timestamp,
    },
    /// A request was issued: remember what is open.
    OpenRequest {
        /// The request.
        request: PaymentRequestId,
        /// What is left to pay.
        outstanding: Money,
        /// The payment deadline.
        due_on: Date,
        /// The invoice's number.
        number: SmolStr,
        /// Its short reference.
        reference: ShortReference,
    },
    /// What is left of a request changed; nothing left, or `None` after a cancellation, closes it.
    ChangeOutstanding {
        /// The request.
        request: PaymentRequestId,
        /// What is left to pay.
        outstanding: Option<Money>,
    },
    /// Keep an excess as credit.
    AddCredit(Money),
    /// A credit note of the ERP.
    TakeCreditNote(CreditNote),
    /// Find what a received transfer pays.
    PlaceTransfer(PlaceTransfer),
    /// Write to the customer about a request.
    Remind(Reminder),
    /// Place a transfer as a person decided.
    PlaceDecided(Placed),
    /// Give back what a transfer had paid.
    TakeBackTransfer(Placed),
}

/// What a transfer pays, or had paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The transfer.
    pub transfer: TransferId,
    /// What was received.
    pub amount: Money,
    /// What it pays.
    pub allocations: Vec<(PaymentRequestId, Money)>,
    /// What is kept as credit.
    pub credit: Money,
}

/// A transfer to be placed.
#[derive(Debug, Clone, PartialEq)]
pub struct PlaceTransfer {
    /// What the bank said.
    pub details: Arc<transfer::Details>,
    /// References of this customer's requests found in it, in the order found.
    pub hits: Vec<ReferenceHit>,
    /// What says that this customer paid.
    pub identified_by: transfer::Identification,
}

/// A reminder that a request asks the customer to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Reminder {
    /// The request.
    pub request: PaymentRequestId,
    /// The step's name.
    pub step: SmolStr,
    /// Channels, the preferred first.
    pub channels: Vec<Channel>,
    /// The template.
    pub template: Arc<str>,
}

/// A credit note of the ERP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreditNote {
    /// A hash of its number.
    pub note: u64,
    /// What is credited.
    pub amount: Money,
    /// The request it is about, if it names one.
    pub request: Option<PaymentRequestId>,
}

impl Command {
    /// The name, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Register { .. } => "register_customer",
            Command::AddPaymentMethod { .. } => "add_payment_method",
            Command::CardExpiryDue { .. } => "card_expiry_due",
            Command::OpenRequest { .. } => "open_request",
            Command::ChangeOutstanding { .. } => "change_outstanding",
            Command::AddCredit(_) => "add_credit",
            Command::TakeCreditNote(_) => "take_credit_note",
            Command::PlaceTransfer(_) => "place_transfer",
            Command::Remind(_) => "remind",
            Command::PlaceDecided(_) => "place_decided",
            Command::TakeBackTransfer(_) => "take_back_transfer",
        }
    }
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum Rejection {
    #[error("the customer is not known")]
    Unknown,
    #[error("the customer has {0} open payment requests, the most there can be")]
    TooManyRequests(usize),
    #[error("the customer has {0} payment methods, the most there can be")]
    TooManyMethods(usize),
    #[error("payment method '{token}' is already known with another {field}")]
    MethodDiffers {
        /// The token.
        token: SmolStr,
        /// What differs.
        field: &'static str,
    },
    #[error("this credit note is already recorded over {recorded}, of another invoice or amount")]
    CreditNoteDiffers {
        /// What was recorded.
        recorded: Money,
    },
    #[error("the transfer is already placed on this customer's requests")]
    AlreadyPlaced,
    #[error("the transfer is not placed on this customer's requests")]
    NotPlaced,
    #[error("{request} is not open for this customer")]
    NotOpen {
        /// The request.
        request: PaymentRequestId,
    },
    #[error("only {outstanding} of {request} is outstanding")]
    ExceedsOutstanding {
        /// The request.
        request: PaymentRequestId,
        /// What is left to pay.
        outstanding: Money,
    },
    #[error("{credit} of it was kept as credit, and only {left} is left of that")]
    CreditUsed {
        /// What is to be given back.
        credit: Money,
        /// What is there.
        left: Money,
    },
    #[error("the credit note is in {received}, the invoice in {expected}")]
    CurrencyDiffers {
        /// The currency of the request.
        expected: Currency,
        /// The currency of the note.
        received: Currency,
    },
}
