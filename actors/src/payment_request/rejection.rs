//! Why a payment request refuses a command.

use smol_str::SmolStr;
use thiserror::Error;

use super::state::{AttemptStatus, Status};
use crate::values::{AttemptId, Money};

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum Rejection {
    #[error("the payment request is not known")]
    Unknown,
    #[error("already issued with another {field}: {recorded} recorded, {received} received")]
    AlreadyIssuedWith {
        /// What differs.
        field: &'static str,
        /// What is recorded.
        recorded: String,
        /// What came now.
        received: String,
    },
    #[error("the amount must be above zero")]
    AmountNotPositive,
    #[error("the amount is in {received}, the request in {expected}")]
    CurrencyDiffers {
        /// Of the request.
        expected: String,
        /// Of the command.
        received: String,
    },
    #[error("the deadline {due_on} is before the date of issue {issued_on}")]
    DueBeforeIssue {
        /// The deadline.
        due_on: String,
        /// The date of issue.
        issued_on: String,
    },
    #[error("it has an account number of its own already")]
    HasNumber,
    #[error("unknown reminder scenario '{0}'")]
    UnknownScenario(SmolStr),
    #[error("already allocated with another amount: {recorded} recorded")]
    AllocationDiffers {
        /// What is recorded.
        recorded: Money,
    },
    #[error("only {outstanding} is outstanding")]
    ExceedsOutstanding {
        /// What is left to pay.
        outstanding: Money,
    },
    #[error("only {refundable} can be refunded")]
    ExceedsPaid {
        /// What was paid and not given back.
        refundable: Money,
    },
    #[error("{refunded} of it was given back, so the payment cannot be taken back")]
    RefundedSince {
        /// What was given back.
        refunded: Money,
    },
    #[error("this attempt is already reported with another result or amount")]
    AttemptDiffers,
    #[error("this refund key is already used for {recorded}")]
    RefundDiffers {
        /// What is recorded.
        recorded: Money,
    },
    #[error("this refund key is already used, for a refund that {0}")]
    RefundKeyUsed(&'static str),
    #[error("a credit note has made {0} of it credit of the customer: that is paid out as such")]
    IsCredit(Money),
    #[error(
        "no attempt on a card, by a connector that refunds, has {0} left to give back: a refund is of one attempt"
    )]
    NotCollected(Money),
    #[error("there are already {0} attempts, the most there can be")]
    TooManyAttempts(usize),
    #[error("no reminder step '{0}' waits to be approved")]
    NothingToApprove(SmolStr),
    #[error("attempt {0} is not known")]
    UnknownAttempt(AttemptId),
    #[error("attempt {attempt} is {status:?}, and nothing is to leave")]
    AttemptNotWanted {
        /// Which.
        attempt: AttemptId,
        /// Where it stands.
        status: AttemptStatus,
    },
    #[error("a promise is for today or a day within {0} days")]
    PromiseTooFar(u16),
    #[error("nothing is disputed")]
    NotDisputed,
    #[error("attempt {0} is under way: its money may still come")]
    UnderWay(AttemptId),
    #[error("already issued with another payment reference: {0}")]
    ReferenceDiffers(SmolStr),
    #[error("it is of another order, {0}")]
    OrderDiffers(SmolStr),
    #[error("nothing of it is written off")]
    NotWrittenOff,
    #[error("not possible while the request is {0:?}")]
    WrongStatus(Status),
}
