//! What can be asked of a payout.

use std::sync::Arc;

use smol_str::SmolStr;
use thiserror::Error;

use super::state::{Details, Status};
use crate::values::{Currency, Date, Money};

/// A command.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Pay out; its source has given the money up.
    Request {
        /// What.
        details: Arc<Details>,
        /// Whether a second person must approve it, whatever the amount: no bank has told of the money.
        needs_second: bool,
    },
    /// Another person approves it.
    Approve {
        /// Who.
        by: SmolStr,
    },
    /// A person does not approve it.
    Reject {
        /// Who.
        by: SmolStr,
        /// Why.
        reason: SmolStr,
    },
    /// The bank has taken the money that it would give back: it is not paid out if it has not left.
    Withdraw {
        /// Why the bank took it.
        reason: SmolStr,
    },
    /// The bank has booked it.
    Execute {
        /// The day.
        on: Date,
    },
    /// The bank refused it, or it came back.
    Fail {
        /// Why.
        reason: SmolStr,
    },
    /// Who was to make it does not take it: it is not made, unless it was made by an earlier try.
    Refuse {
        /// Why.
        reason: SmolStr,
    },
    /// A person found out what became of it: another one than who asked for it.
    Conclude {
        /// Who.
        by: SmolStr,
        /// The day it was executed; it was not without one.
        executed_on: Option<Date>,
        /// Only while nobody else has told: what was found out on the page of one that is ordered.
        while_ordered: bool,
    },
}

impl Command {
    /// The name, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Request { .. } => "request_payout",
            Command::Approve { .. } => "approve_payout",
            Command::Reject { .. } => "reject_payout",
            Command::Withdraw { .. } => "withdraw_payout",
            Command::Execute { .. } => "execute_payout",
            Command::Fail { .. } => "fail_payout",
            Command::Refuse { .. } => "refuse_payout",
            Command::Conclude { .. } => "conclude_payout",
        }
    }
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum Rejection {
    #[error("the payout is not known")]
    Unknown,
    #[error("{0} asked for it: another person approves it")]
    SamePerson(SmolStr),
    #[error("it does not wait for approval: it is {0:?}")]
    NothingToApprove(Status),
    #[error("it is {0:?}: nothing of it is with the bank")]
    NotOrdered(Status),
    #[error("no connector for payouts is configured: [tenant.payouts] connector")]
    NoConnector,
    #[error("SEPA pays euros, not {0}")]
    NotEuros(Currency),
    #[error("{came} came back, and {paid} were paid: a person looks")]
    OtherAmount { came: Money, paid: Money },
}
