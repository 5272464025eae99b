//! What can be asked of a plan.

use std::sync::Arc;

use smol_str::SmolStr;
use thiserror::Error;

use super::state::{OnExhausted, Standing, Status, SuspendedBy, Terms};
use crate::collection::Instrument;
use crate::values::{CreditorReference, Date, Money, PaymentRequestId, ShortReference, Timestamp};

/// A command.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Begin; the customer agrees.
    Create {
        /// What was agreed.
        terms: Arc<Terms>,
    },
    /// A cycle is due, or the end of a pause.
    CycleDue {
        /// Which arming fired.
        generation: u32,
        /// When it was due.
        due: Timestamp,
        /// What the payment request of the cycle is known by.
        reserved: Option<Reserved>,
    },
    /// The payment request of the cycle that is asked for is there.
    TakeCycle {
        /// Its number.
        number: u16,
        /// The request.
        request: PaymentRequestId,
    },
    /// There can be no payment request of the cycle that is due.
    RefuseCycle {
        /// Its number.
        number: u16,
        /// Why.
        reason: SmolStr,
    },
    /// A cycle's payment request stands otherwise.
    TakeStanding {
        /// Its number.
        number: u16,
        /// The request.
        request: PaymentRequestId,
        /// Where it stands.
        standing: Standing,
        /// Why.
        reason: SmolStr,
    },
    /// The newest cycle is collected from another instrument: the next ones are as well.
    UseInstrument {
        /// The cycle.
        number: u16,
        /// From what.
        instrument: Instrument,
        /// How many days before its deadline a cycle of it is asked for at least.
        ahead_days: u16,
    },
    /// A cycle cannot be collected as it was agreed.
    HoldCollection {
        /// The cycle.
        number: u16,
        /// Why.
        reason: SmolStr,
    },
    /// Something is agreed anew, from the next cycle on; the customer agrees.
    Change(Change),
    /// Let it rest.
    Pause {
        /// The last day of it; until it is resumed without.
        until: Option<Date>,
        /// Why.
        reason: SmolStr,
    },
    /// Let it go on.
    Resume {
        /// Whether what fell into the rest is asked for at once.
        catch_up: bool,
    },
    /// The customer's recurring payments go on: so does what rested with them.
    ResumeWithCustomer,
    /// Let it rest until it is resumed.
    Suspend {
        /// Why.
        reason: SmolStr,
        /// Who says so.
        by: SuspendedBy,
    },
    /// End it.
    Cancel {
        /// Why.
        reason: SmolStr,
        /// Whether nothing more is asked of its open requests either.
        open_too: bool,
    },
}

/// What the payment request of a cycle is known by, reserved for it outside the lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    /// The number of the cycle it was reserved for.
    pub number: u16,
    /// The request's id.
    pub request: PaymentRequestId,
    /// The reference a payer can copy by hand.
    pub short_reference: ShortReference,
    /// The reference banks check.
    pub creditor_reference: CreditorReference,
}

/// What is agreed anew; what is not named stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// The amount of each cycle of a subscription.
    pub amount: Option<Money>,
    /// How many cycles there are.
    pub cycles: Option<u16>,
    /// From what it is collected.
    pub collect_from: Option<Instrument>,
    /// By which retry policy.
    pub policy: Option<SmolStr>,
    /// The reminder scenario of its requests.
    pub scenario: Option<SmolStr>,
    /// How many days before its deadline a cycle is asked for.
    pub ahead_days: Option<u16>,
    /// What happens when a cycle can no longer be collected.
    pub on_exhausted: Option<OnExhausted>,
}

impl Command {
    /// The name, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Create { .. } => "create_plan",
            Command::CycleDue { .. } => "cycle_due",
            Command::TakeCycle { .. } => "take_cycle",
            Command::RefuseCycle { .. } => "refuse_cycle",
            Command::TakeStanding { .. } => "take_standing",
            Command::UseInstrument { .. } => "use_instrument",
            Command::HoldCollection { .. } => "hold_collection",
            Command::Change(_) => "change_plan",
            Command::Pause { .. } => "pause_plan",
            Command::Resume { .. } => "resume_plan",
            Command::ResumeWithCustomer => "resume_plan_with_customer",
            Command::Suspend { .. } => "suspend_plan",
            Command::Cancel { .. } => "cancel_plan",
        }
    }
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum Rejection {
    #[error("the plan is not known")]
    Unknown,
    #[error("already created with another {0}")]
    AlreadyCreatedWith(&'static str),
    #[error("every amount of a plan is above zero, and in one currency")]
    Amounts,
    #[error("the first deadline is today or a day to come, not {0}")]
    StartsBefore(Date),
    #[error("the deposit is due by the first deadline, {first}, not on {deposit}")]
    DepositLater { deposit: Date, first: Date },
    #[error("not possible while the plan is {}", .0.name())]
    WrongStatus(Status),
    #[error("unknown reminder scenario '{0}'")]
    UnknownScenario(SmolStr),
    #[error("an amount in instalments keeps its amounts and the number of its parts")]
    Parted,
    #[error("{asked} cycles have been asked for already")]
    FewerCycles { asked: u16 },
    #[error("a pause ends on a day to come, not {0}")]
    PauseEnds(Date),
}
