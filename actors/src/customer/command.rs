//! What can be asked of a customer.

use std::sync::Arc;

use smol_str::SmolStr;

use super::notes::Note;
use super::state::{Gives, Profile};
use crate::account_numbers::Given;
use crate::collection::{CardScheme, Hold, Instrument, Mandate, ReasonClass};
use crate::delivery::Channel;
use crate::payment_request::Membership;
use crate::plan;
use crate::rules::{Condition, Field, Value};
use crate::transfer::{self, ReferenceHit};
use crate::values::{
    CustomerId, Date, DeliveryId, Iban, Money, PaymentRequestId, PayoutId, PlanId, ShortReference, Timestamp,
    TransferId,
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
        /// The time zone where the customer lives, if it is known.
        zone: Option<SmolStr>,
        /// The account number reserved for it, if the tenant has a pool.
        virtual_iban: Option<Given>,
    },
    /// Give it an account number of its own.
    GiveNumber(Given),
    /// Its account number is its own no more.
    ReleaseNumber {
        /// Why.
        reason: SmolStr,
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
        /// Its scheme, if it is known.
        scheme: Option<CardScheme>,
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
        /// Whether the payer disputes it.
        disputed: bool,
        /// Whether it was issued just now; otherwise it was paid, and is open again.
        is_new: bool,
    },
    /// Pay a request from the customer's credit, as far as it goes.
    UseCredit {
        /// Which.
        request: PaymentRequestId,
    },
    /// What credit had paid is asked for no more: the credit is there again.
    ReturnCredit {
        /// Which use of credit.
        number: u32,
        /// What it had paid.
        request: PaymentRequestId,
        /// How much.
        amount: Money,
    },
    /// Pay a new request from the customer's credit, if it is still open and there is any.
    NetCredit {
        /// Which.
        request: PaymentRequestId,
    },
    /// Pay credit out.
    PayOutCredit {
        /// The payout.
        payout: PayoutId,
        /// How much.
        amount: Money,
        /// To which account.
        iban: Iban,
        /// Who asks for it.
        by: SmolStr,
        /// Why.
        reason: SmolStr,
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
    /// Find again what a transfer pays that waits for a person, now that this late invoice has come.
    PlaceAgain(PlaceTransfer, PaymentRequestId),
    /// Write to the customer about a request.
    Remind(Reminder),
    /// Place a transfer as a person decided.
    PlaceDecided(Placed),
    /// Give back what a transfer had paid.
    TakeBackTransfer(Placed),
    /// The bank took the money of a transfer back: what it had paid is open again, and its credit is gone, whatever
    /// has been paid with it.
    LoseTransfer(Placed),
    /// A request is disputed, or is no more.
    KnowOrder {
        /// The open request.
        request: PaymentRequestId,
        /// The order that it is of.
        order: SmolStr,
    },
    /// Something about a request is disputed, or no more.
    MarkDisputed {
        /// Which.
        request: PaymentRequestId,
        /// Whether it is.
        disputed: bool,
    },
    /// Keep a direct debit mandate, or amend it.
    SignMandate {
        /// Its unique reference.
        reference: SmolStr,
        /// What it says.
        mandate: Mandate,
    },
    /// Collect from an instrument no more.
    EndInstrument {
        /// Which.
        instrument: Instrument,
        /// Why.
        reason: SmolStr,
    },
    /// Collect a request.
    Collect {
        /// Which.
        request: PaymentRequestId,
        /// From what.
        instrument: Instrument,
        /// By which policy; `None` for the tenant's default.
        policy: Option<SmolStr>,
        /// Whether what has ended is collected again: a person asks so, and no row of a file.
        again: bool,
    },
    /// Collect a request from what recurring payments of the customer are collected from, if there is such a thing and the
    /// request has not been collected yet.
    CollectFromUsual {
        /// Which.
        request: PaymentRequestId,
        /// By which policy; `None` for the tenant's default.
        policy: Option<SmolStr>,
    },
    /// Agree to a plan.
    OpenPlan {
        /// What is agreed.
        terms: Arc<plan::Terms>,
    },
    /// Agree to something of a plan anew.
    ChangePlan {
        /// Which.
        plan: PlanId,
        /// What is agreed now.
        change: plan::Change,
        /// From what, and by which policy, it is collected with that.
        way: (Option<Instrument>, Option<SmolStr>),
    },
    /// Let a plan go on.
    ResumePlan {
        /// Which.
        plan: PlanId,
        /// Whether what fell into the rest is asked for at once.
        catch_up: bool,
    },
    /// A cycle is collected from another instrument: its plan follows, if that can be agreed.
    FollowInstrument {
        /// The cycle.
        of: Membership,
        /// From what.
        instrument: Instrument,
        /// By which policy.
        policy: SmolStr,
    },
    /// A plan goes on, or has ended.
    KnowPlan {
        /// Which.
        plan: PlanId,
        /// Whether it goes on.
        live: bool,
        /// The token of the card that it is collected from.
        card: Option<SmolStr>,
    },
    /// Collect the request of a cycle. What cannot be collected is told to the plan.
    CollectCycle {
        /// Which request.
        request: PaymentRequestId,
        /// From what.
        instrument: Instrument,
        /// By which policy; `None` for the tenant's default.
        policy: Option<SmolStr>,
        /// The cycle.
        of: Membership,
    },
    /// An attempt is due: may it leave?
    AllowAttempt {
        /// For which request.
        request: PaymentRequestId,
        /// From what.
        instrument: Instrument,
        /// The day money is collected.
        collects_on: Date,
    },
    /// An attempt has failed.
    TakeFailure {
        /// For which request.
        request: PaymentRequestId,
        /// From what.
        instrument: Instrument,
        /// What the reason allows.
        class: ReasonClass,
        /// The reason code.
        reason_code: SmolStr,
        /// Whether the request waits for another instrument.
        waits: bool,
    },
    /// The collection of a request waits until the customer can be collected from.
    AwaitCollection {
        /// Which request.
        request: PaymentRequestId,
        /// Whether it goes on at once when nothing keeps it back any more.
        at_once: bool,
    },
    /// Collect nothing that recurs.
    SuspendRecurring {
        /// Why.
        reason: SmolStr,
    },
    /// Collect again.
    ResumeRecurring,
    /// A hold is placed, or goes on until a later day; one that lasts longer stays as it is.
    ProlongHold {
        /// Why.
        hold: Hold,
        /// The last day; none until a person lifts it.
        until: Option<Date>,
    },
    /// Neither collect nor write.
    PlaceHold {
        /// Why.
        hold: Hold,
        /// The last day of it.
        until: Option<Date>,
    },
    /// A hold has ended.
    LiftHold {
        /// Which.
        hold: Hold,
    },
    /// The last day of a hold may be over.
    HoldDue,
    /// A provider says what became of a message.
    TakeReport {
        /// Which.
        delivery: DeliveryId,
        /// How it left.
        channel: Channel,
        /// What became of it.
        report: Report,
    },
    /// The customer wants no messages by a channel, or wants them again.
    SetOptOut {
        /// Which.
        channel: Channel,
        /// Whether it does not want them.
        out: bool,
    },
    /// Credit is taken back with the payment it came from.
    WithdrawCredit(Money),
    /// Note something about it.
    Note(Note),
    /// Credit that was to be paid out is there again; whether it stays its bank may still say otherwise.
    CreditBack(Money),
    /// A transfer that may be this customer's waits for a person.
    AwaitTransfer {
        /// Which.
        transfer: TransferId,
    },
    /// A transfer that waits for a person is no money of this customer's that may pay something.
    ForgetTransfer {
        /// Which.
        transfer: TransferId,
    },
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

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// It arrived.
    Arrived,
    /// It did not.
    Failed {
        /// Why.
        reason: SmolStr,
        /// Whether another message to the same address would not arrive either.
        lasting: bool,
    },
}

/// A reminder that a request asks the customer to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Reminder {
    /// The request.
    pub request: PaymentRequestId,
    /// The step's place in the scenario.
    pub place: u16,
    /// The step's name.
    pub step: SmolStr,
    /// Channels, the preferred first.
    pub channels: Vec<Channel>,
    /// The template.
    pub template: Arc<str>,
    /// The time zone that the step's time was counted in, if not the tenant's.
    pub zone: Option<SmolStr>,
    /// What must hold.
    pub when: Condition,
    /// What it asks for of the request.
    pub facts: Vec<(Field, Value)>,
    /// Whether the scenario is tried out: it does not leave, and that it would have is recorded.
    pub shadow: bool,
    /// The scenario, if one message of this step tells of all requests.
    pub together: Option<SmolStr>,
    /// Whether it asks once more for what was asked for.
    pub chases: bool,
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
            Command::GiveNumber(_) => "give_number",
            Command::ReleaseNumber { .. } => "release_number",
            Command::UseCredit { .. } => "use_credit",
            Command::ReturnCredit { .. } => "return_credit",
            Command::NetCredit { .. } => "net_credit",
            Command::PayOutCredit { .. } => "pay_out_credit",
            Command::ChangeOutstanding { .. } => "change_outstanding",
            Command::AddCredit(_) => "add_credit",
            Command::TakeCreditNote(_) => "take_credit_note",
            Command::PlaceTransfer(_) => "place_transfer",
            Command::PlaceAgain(..) => "place_again",
            Command::Remind(_) => "remind",
            Command::PlaceDecided(_) => "place_decided",
            Command::TakeBackTransfer(_) => "take_back_transfer",
            Command::LoseTransfer(_) => "lose_transfer",
            Command::KnowOrder { .. } => "know_order",
            Command::MarkDisputed { .. } => "mark_disputed",
            Command::SignMandate { .. } => "sign_mandate",
            Command::EndInstrument { .. } => "end_instrument",
            Command::Collect { .. } => "collect",
            Command::CollectFromUsual { .. } => "collect_from_usual",
            Command::OpenPlan { .. } => "open_plan",
            Command::ChangePlan { .. } => "change_plan",
            Command::ResumePlan { .. } => "resume_plan",
            Command::FollowInstrument { .. } => "follow_instrument",
            Command::KnowPlan { .. } => "know_plan",
            Command::CollectCycle { .. } => "collect_cycle",
            Command::AllowAttempt { .. } => "allow_attempt",
            Command::TakeFailure { .. } => "take_failure",
            Command::AwaitCollection { .. } => "await_collection",
            Command::SuspendRecurring { .. } => "suspend_recurring",
            Command::ResumeRecurring => "resume_recurring",
            Command::PlaceHold { .. } => "place_hold",
            Command::ProlongHold { .. } => "prolong_hold",
            Command::LiftHold { .. } => "lift_hold",
            Command::HoldDue => "hold_due",
            Command::TakeReport { .. } => "take_report",
            Command::SetOptOut { .. } => "set_opt_out",
            Command::WithdrawCredit(_) => "withdraw_credit",
            Command::Note(note) => note.name(),
            Command::CreditBack(_) => "credit_back",
            Command::AwaitTransfer { .. } => "await_transfer",
            Command::ForgetTransfer { .. } => "forget_transfer",
        }
    }
}
