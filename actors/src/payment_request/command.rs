//! What can be asked of a payment request.

use smol_str::SmolStr;

use super::state::{Membership, Source, Terms};
use crate::account_numbers::Given;
use crate::collection::{Paydays, Usage};
use crate::values::{AttemptId, Date, Money, PaymentReference, PayoutId, Timestamp};

/// A command.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Ask for payment.
    Issue {
        /// What is owed, and by when.
        terms: Terms,
        /// Whether the date of issue was given; otherwise it is only a default.
        dated: bool,
        /// An account number of its own.
        number: Option<Given>,
    },
    /// Count a payment towards it.
    Allocate {
        /// Where it came from.
        source: Source,
        /// How much.
        amount: Money,
    },
    /// Count a payment no longer.
    ReverseAllocation {
        /// Where it came from.
        source: Source,
    },
    /// A reminder step is due.
    ReminderDue {
        /// Which arming fired.
        generation: u32,
        /// When it was due.
        due: Timestamp,
        /// The day up to which the bank's statements have been read, if any has been.
        bank_complete_to: Option<Date>,
    },
    /// What had settled it may no longer come back.
    FinalityDue {
        /// When that was.
        due: Timestamp,
    },
    /// The payment deadline has passed.
    OverdueDue {
        /// When it was due.
        due: Timestamp,
    },
    /// A payment provider reports a collection attempt.
    ReportAttempt(AttemptReport),
    /// Give money back.
    InitiateRefund {
        /// The caller's key: the same key twice is one refund.
        key: SmolStr,
        /// How much.
        amount: Money,
        /// Who has collected it is to give it back; it is only noted without.
        order: Option<RefundOrder>,
    },
    /// What became of a refund that was ordered.
    ConcludeRefund {
        /// Its payout.
        payout: PayoutId,
        /// Why the money is where it was; it is with the payer without.
        failed: Option<SmolStr>,
    },
    /// Ask for nothing any more.
    Cancel {
        /// Why, for the record.
        reason: SmolStr,
    },
    /// A credit note of a request that is not open.
    TakeCreditNote {
        /// A hash of its number.
        note: u64,
        /// What is credited.
        amount: Money,
    },
    /// Credit or a transfer that had paid it was taken back by a bank.
    LosePayment {
        /// Which.
        source: Source,
    },
    /// The ERP prints a reference of its own on the invoice.
    GiveReference(PaymentReference),
    /// It is of an order: who pays may name that.
    JoinOrder(SmolStr),
    /// It gets an account number of its own.
    GiveNumber(Given),
    /// Give up what is left.
    WriteOff {
        /// Who says so, and why.
        reason: SmolStr,
    },
    /// Ask again for what was given up.
    UndoWriteOff {
        /// Who says so, and why.
        reason: SmolStr,
    },
    /// The customer agrees that it is collected.
    AgreeCollection {
        /// From what.
        usage: Usage,
        /// By which policy.
        policy: SmolStr,
        /// Whether what has ended is collected again.
        again: bool,
        /// Whether it is only for what nobody has agreed to collect, or tried to, so far: a rule asks.
        first: bool,
    },
    /// Something of the collection is due: an attempt, a presumption, or the end of a wait.
    CollectionDue {
        /// The day up to which the bank's statements have been read.
        bank_complete_to: Option<Date>,
        /// Which arming fired.
        generation: u32,
        /// When it was due.
        due: Timestamp,
    },
    /// What the customer says to an attempt that is due, and when it has money.
    AnswerAttempt(AttemptAnswer, Paydays),
    /// A connector is about to send an attempt.
    ClaimAttempt {
        /// Which.
        attempt: AttemptId,
    },
    /// A connector has taken an attempt: its result is to come.
    AcceptAttempt {
        /// Which.
        attempt: AttemptId,
    },
    /// A connector has given an attempt up without hearing how it ended.
    GiveUpAttempt {
        /// Which.
        attempt: AttemptId,
        /// Why.
        reason: SmolStr,
    },
    /// What a connector says of an attempt when it is asked.
    HearOfAttempt {
        /// Which.
        attempt: AttemptId,
        /// What.
        news: AttemptNews,
    },
    /// What an attempt collected was taken back, or a bank refuses it.
    ReturnAttempt {
        /// Which.
        attempt: AttemptId,
        /// The reason code.
        reason_code: SmolStr,
    },
    /// Nothing is collected any more, until somebody agrees to that again.
    StopCollection {
        /// Who says so and why.
        reason: SmolStr,
    },
    /// Every attempt has failed: what is small is given up, or other reminders follow; nothing when it is paid meanwhile.
    EndCollection {
        /// The most that is given up, in minor units.
        gives_up_minor_max: Option<i64>,
        /// The scenario that follows.
        scenario: Option<SmolStr>,
        /// Which policy says so.
        reason: SmolStr,
    },
    /// What the collection waited for has come.
    ResumeCollection {
        /// From what it is collected now; `None` for the same.
        usage: Option<Usage>,
    },
    /// The step before has left: this one is planned.
    PlanReminder {
        /// Its place in the scenario.
        step: u16,
    },
    /// The scenario has changed: what is armed is armed by it.
    ReviewReminders,
    /// Other reminders leave from now on, or none.
    FollowScenario {
        /// The scenario; `None` for none.
        scenario: Option<SmolStr>,
        /// Who says so, and why.
        reason: SmolStr,
        /// Whether a rule does, which gives no reminders to a request that has none.
        by_rule: bool,
    },
    /// One message of that day has told the customer of all requests.
    ToldTogether {
        /// By which scenario.
        scenario: SmolStr,
        /// Which step.
        step: SmolStr,
        /// The end of the day.
        until: Timestamp,
    },
    /// No more steps of the scenario leave.
    StopReminders {
        /// Why.
        reason: SmolStr,
    },
    /// Where the customer lives it is another time.
    LearnZone {
        /// The time zone.
        zone: SmolStr,
        /// The step that was to leave, and waits for its time there.
        step: Option<u16>,
    },
    /// The customer is not to be written to before then.
    DeferReminder {
        /// The step's place in the scenario.
        step: u16,
        /// Until when.
        until: Timestamp,
        /// Why.
        reason: SmolStr,
    },
    /// A person has a step leave that waits for approval.
    ApproveReminder {
        /// The step's name.
        step: SmolStr,
        /// Who.
        by: SmolStr,
    },
    /// A person has it not leave.
    RejectReminder {
        /// The step's name.
        step: SmolStr,
        /// Who, and why.
        said: SmolStr,
    },
    /// It is a cycle of a plan.
    JoinPlan(Membership),
    /// The payer promises to pay.
    Promise {
        /// The last day of it.
        on: Date,
    },
    /// A promise ends.
    PromiseDue {
        /// Which arming fired.
        generation: u32,
        /// When it was due.
        due: Timestamp,
    },
    /// The payer disputes it.
    Dispute {
        /// What.
        reason: SmolStr,
    },
    /// A dispute has ended, and payment is asked for again.
    EndDispute {
        /// How.
        outcome: SmolStr,
    },
}

/// What a customer says to an attempt that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptAnswer {
    /// It may leave.
    Allowed,
    /// Not before then.
    Later {
        /// When.
        at: Timestamp,
        /// Why.
        reason: SmolStr,
    },
    /// Not before something else has happened, of which the customer will tell.
    Waits {
        /// What.
        reason: SmolStr,
        /// Whether an instrument is waited for, and not for ever.
        for_instrument: bool,
    },
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptResult {
    /// Collected.
    Succeeded,
    /// Not collected.
    Failed {
        /// The provider's or scheme's code, such as AM04.
        reason_code: SmolStr,
        /// What the scheme advises beside it, such as Mastercard's 24: not within an hour.
        advice: Option<SmolStr>,
    },
}

/// What a connector says of an attempt when it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptNews {
    /// It has ended.
    Ended(AttemptResult),
    /// The connector never had it: nothing can be collected by it.
    Missing,
    /// The connector collects it no more.
    Cancelled,
    /// The connector has it.
    UnderWay,
    /// Nothing was to be heard for so long that nobody asks any more.
    Unheard {
        /// What the connector said last.
        reason: SmolStr,
    },
}

/// A refund that who has collected the money is to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundOrder {
    /// The id of its payout.
    pub payout: PayoutId,
    /// Who is paid.
    pub creditor: SmolStr,
    /// Who asks for it.
    pub by: SmolStr,
    /// Why.
    pub reason: SmolStr,
}

/// A reported attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptReport {
    /// Its id.
    pub attempt: AttemptId,
    /// The amount tried.
    pub amount: Money,
    /// How it ended.
    pub result: AttemptResult,
}

impl Command {
    /// The name, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Issue { .. } => "issue",
            Command::Allocate { .. } => "allocate",
            Command::ReverseAllocation { .. } => "reverse_allocation",
            Command::ReminderDue { .. } => "reminder_due",
            Command::OverdueDue { .. } => "overdue_due",
            Command::FinalityDue { .. } => "finality_due",
            Command::ReportAttempt(_) => "report_attempt",
            Command::InitiateRefund { .. } => "initiate_refund",
            Command::ConcludeRefund { .. } => "conclude_refund",
            Command::Cancel { .. } => "cancel",
            Command::TakeCreditNote { .. } => "take_credit_note",
            Command::LosePayment { .. } => "lose_payment",
            Command::GiveReference(_) => "give_reference",
            Command::JoinOrder(_) => "join_order",
            Command::GiveNumber(_) => "give_number",
            Command::WriteOff { .. } => "write_off",
            Command::UndoWriteOff { .. } => "undo_write_off",
            Command::AgreeCollection { .. } => "agree_collection",
            Command::CollectionDue { .. } => "collection_due",
            Command::AnswerAttempt(..) => "answer_attempt",
            Command::ClaimAttempt { .. } => "claim_attempt",
            Command::AcceptAttempt { .. } => "accept_attempt",
            Command::GiveUpAttempt { .. } => "give_up_attempt",
            Command::HearOfAttempt { .. } => "hear_of_attempt",
            Command::ReturnAttempt { .. } => "return_attempt",
            Command::StopCollection { .. } => "stop_collection",
            Command::EndCollection { .. } => "end_collection",
            Command::ResumeCollection { .. } => "resume_collection",
            Command::PlanReminder { .. } => "plan_reminder",
            Command::ReviewReminders => "review_reminders",
            Command::FollowScenario { .. } => "follow_scenario",
            Command::ToldTogether { .. } => "told_together",
            Command::StopReminders { .. } => "stop_reminders",
            Command::LearnZone { .. } => "learn_zone",
            Command::DeferReminder { .. } => "defer_reminder",
            Command::ApproveReminder { .. } => "approve_reminder",
            Command::RejectReminder { .. } => "reject_reminder",
            Command::JoinPlan(_) => "join_plan",
            Command::Promise { .. } => "promise",
            Command::PromiseDue { .. } => "promise_due",
            Command::Dispute { .. } => "dispute",
            Command::EndDispute { .. } => "end_dispute",
        }
    }
}
