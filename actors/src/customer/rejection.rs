//! Why a customer refuses.

use smol_str::SmolStr;
use thiserror::Error;

use crate::collection::Instrument;
use crate::values::{Currency, Date, Money, PaymentRequestId};

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
    #[error("the customer has {0} mandates, the most there can be")]
    TooManyMandates(usize),
    #[error("a mandate is signed on a day that has come, not on {0}")]
    SignedLater(Date),
    #[error("there is no retry policy '{0}'")]
    UnknownPolicy(SmolStr),
    #[error("the request names no retry policy, and the tenant has no default")]
    NoPolicy,
    #[error("retry policy '{policy}' names no connector for {method}")]
    NoConnector {
        /// The policy.
        policy: SmolStr,
        /// The method.
        method: &'static str,
    },
    #[error("{instrument}: {reason}")]
    NotUsable {
        /// Which.
        instrument: Instrument,
        /// Why.
        reason: SmolStr,
    },
    #[error("the customer has {0} plans that go on, the most there can be")]
    TooManyPlans(usize),
    #[error("nothing recurring is collected from the customer: {0}")]
    RecurringSuspended(SmolStr),
    #[error("email and sms can be opted out of, and nothing else")]
    NotAChannelOfPeople,
    #[error("the customer has {0} open tasks, the most there can be")]
    TooManyTasks(usize),
    #[error("the customer has {0} tags, the most there can be")]
    TooManyTags(usize),
    #[error("the customer has no open task {0}")]
    NoTask(u32),
    #[error("the customer is not held as {0}")]
    NotHeld(&'static str),
    #[error("the customer has no account number of its own")]
    NoNumber,
    #[error("the customer has an account number of its own already")]
    HasNumber,
    #[error("the customer has had {0} account numbers, the most there can be")]
    TooManyNumbers(usize),
    #[error("the customer has {0} of credit")]
    NotSoMuchCredit(Money),
    #[error("the customer has no credit in {0}")]
    NoCredit(Currency),
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
