//! What happened to a payment request. Stored for ever: variants are only ever added at the
//! end (N8).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::state::{Membership, Source, Terms};
use crate::collection::{Instrument, Paydays, Usage};
use crate::values::{AttemptId, CustomerId, Date, Money, PayoutId, Timestamp, VirtualIban};

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// Payment was asked for.
    Issued {
        /// What was agreed.
        terms: Arc<Terms>,
    },
    /// A reminder step was planned. Since steps are known by name, [`Event::StepPlanned`] is written.
    ReminderPlanned {
        /// The step's place in the scenario.
        step: u16,
        /// When it is due.
        due: Timestamp,
        /// Which arming this is.
        generation: u32,
    },
    /// A reminder step was reached; its customer decides whether and how it leaves.
    ReminderReached {
        /// The step's place in the scenario.
        step: u16,
        /// When it was due.
        due: Timestamp,
    },
    /// A reminder step was passed over.
    ReminderSkipped {
        /// The step's place in the scenario.
        step: u16,
        /// The step's name.
        name: SmolStr,
        /// Why.
        reason: SmolStr,
    },
    /// No further step follows, or none is wanted.
    RemindersStopped {
        /// Why.
        reason: SmolStr,
        /// The generation after which no timer counts.
        generation: u32,
    },
    /// A payment was counted towards it.
    AmountAllocated {
        /// Where it came from.
        source: Source,
        /// How much.
        amount: Money,
        /// What is left to pay.
        outstanding: Money,
    },
    /// The last cent came in.
    Settled {
        /// When.
        at: Timestamp,
    },
    /// The deadline passed unpaid.
    BecameOverdue {
        /// When.
        at: Timestamp,
    },
    /// A collection attempt succeeded.
    AttemptSucceeded {
        /// Its id.
        attempt: AttemptId,
        /// The amount collected.
        amount: Money,
    },
    /// A collection attempt failed.
    AttemptFailed {
        /// Its id.
        attempt: AttemptId,
        /// The amount tried.
        amount: Money,
        /// The reason code.
        reason_code: SmolStr,
        /// The how manieth failure of the request it is.
        failures: u16,
    },
    /// Money is to be given back, by somebody else.
    RefundInitiated {
        /// The caller's key.
        key: SmolStr,
        /// How much.
        amount: Money,
    },
    /// Nothing is asked any more.
    Cancelled {
        /// Why.
        reason: SmolStr,
        /// When.
        at: Timestamp,
    },
    /// A payment is counted no longer.
    AllocationReversed {
        /// Where it had come from.
        source: Source,
        /// How much.
        amount: Money,
        /// What is left to pay.
        outstanding: Money,
    },
    /// It was settled, and is open again.
    Reopened {
        /// When.
        at: Timestamp,
    },
    /// It is to be collected.
    CollectionAgreed {
        /// From what.
        usage: Usage,
        /// By which policy.
        policy: SmolStr,
    },
    /// An attempt is planned; number 1 is the first.
    AttemptPlanned {
        /// Its number.
        number: u16,
        /// When its order leaves.
        due: Timestamp,
        /// The day money is collected.
        collects_on: Date,
        /// The generation of the timer.
        generation: u32,
        /// Why then: the code of the failure before it, or nothing.
        reason: SmolStr,
    },
    /// An attempt is to leave.
    AttemptOrdered {
        /// Its id.
        attempt: AttemptId,
        /// Its number.
        number: u16,
        /// What is collected.
        amount: Money,
        /// From what.
        instrument: Instrument,
        /// The day money is collected.
        collects_on: Date,
    },
    /// An attempt leaves: from here on it may collect money.
    AttemptSubmitted {
        /// Its id.
        attempt: AttemptId,
        /// Nothing: when it counts as paid is known once its connector has taken it.
        presumed_at: Option<Timestamp>,
        /// The generation after which no timer counts.
        generation: u32,
    },
    /// A planned or ordered attempt never leaves.
    AttemptSkipped {
        /// Its number.
        number: u16,
        /// Its id, if it was ordered.
        attempt: Option<AttemptId>,
        /// Why.
        reason: SmolStr,
        /// The generation after which no timer counts.
        generation: u32,
    },
    /// Nobody says how an attempt ended: nothing is collected again before a person has found out.
    AttemptUnknown {
        /// Its id.
        attempt: AttemptId,
        /// Why.
        reason: SmolStr,
    },
    /// What an attempt had collected was taken back.
    AttemptReversed {
        /// Its id.
        attempt: AttemptId,
        /// How much.
        amount: Money,
        /// The reason code.
        reason_code: SmolStr,
    },
    /// The collection waits for something.
    CollectionWaits {
        /// For what.
        reason: SmolStr,
        /// Until when at most.
        until: Option<Timestamp>,
        /// The generation of the timer.
        generation: u32,
    },
    /// Nothing is collected any more.
    CollectionEnded {
        /// Whether every attempt of the policy has failed.
        exhausted: bool,
        /// Why.
        reason: SmolStr,
        /// The generation after which no timer counts.
        generation: u32,
    },
    /// A reminder step waits.
    ReminderDeferred {
        /// The step's place in the scenario.
        step: u16,
        /// The step's name.
        name: SmolStr,
        /// Until when.
        until: Timestamp,
        /// The generation of the timer.
        generation: u32,
        /// Why.
        reason: SmolStr,
    },
    /// The payer promised to pay.
    PromiseMade {
        /// The last day of it.
        on: Date,
        /// The generation of the timer.
        generation: u32,
    },
    /// It was paid in time.
    PromiseKept,
    /// It was not.
    PromiseBroken {
        /// The day that had been promised.
        on: Date,
    },
    /// The payer disputes it.
    Disputed {
        /// What.
        reason: SmolStr,
    },
    /// The dispute has ended, and payment is asked for again.
    DisputeEnded {
        /// How.
        outcome: SmolStr,
    },
    /// A connector has taken an attempt, and its result is to come.
    AttemptPending {
        /// Its id.
        attempt: AttemptId,
        /// When it counts as paid unless it comes back; none where the result is told.
        presumed_at: Option<Timestamp>,
        /// The generation of the timer.
        generation: u32,
    },
    /// What was left is given up.
    WrittenOff {
        /// How much.
        amount: Money,
        /// Why.
        reason: SmolStr,
    },
    /// What was given up is asked for again.
    WriteOffReversed {
        /// How much.
        amount: Money,
        /// Why.
        reason: SmolStr,
    },
    /// The ERP prints a reference of its own on the invoice.
    ReferenceGiven {
        /// The reference, its check digits right.
        reference: SmolStr,
        /// Whose request it is.
        customer: CustomerId,
    },
    /// Reminders leave by the clock where the customer lives.
    ZoneKnown {
        /// The time zone.
        zone: SmolStr,
    },
    /// A reminder step was planned, of which the name is kept: the scenario may change before it is due.
    StepPlanned {
        /// The step's place in the scenario as it is now.
        step: u16,
        /// The step's name.
        name: SmolStr,
        /// When it is due.
        due: Timestamp,
        /// Which arming this is.
        generation: u32,
    },
    /// It is a cycle of a plan.
    PlanJoined {
        /// Which.
        membership: Membership,
    },
    /// A due reminder step waits for a person to approve it.
    ReminderHeld {
        /// The step's place in the scenario.
        step: u16,
        /// The step's name.
        name: SmolStr,
        /// Since when.
        at: Timestamp,
        /// The generation after which no earlier timer counts.
        generation: u32,
    },
    /// A person has approved it: it leaves.
    ReminderApproved {
        /// The step's place in the scenario.
        step: u16,
        /// The step's name.
        name: SmolStr,
        /// Who.
        by: SmolStr,
        /// When.
        at: Timestamp,
        /// Which arming this is.
        generation: u32,
    },
    /// Its reminders are those of another scenario from now on.
    ScenarioChosen {
        /// Which; `None` for none.
        scenario: Option<SmolStr>,
        /// Who says so, and why.
        reason: SmolStr,
    },
    /// Nothing is left to pay, and the payment may come back until a day; it is final already without one.
    SettledUntil {
        /// When.
        at: Timestamp,
        /// From when on it is final.
        final_on: Option<Date>,
    },
    /// What was settled has not come back, and cannot any more without a reason.
    Finalised {
        /// Since when.
        on: Date,
    },
    /// When the customer has money: new attempts are planned by it.
    PaydaysKnown {
        /// The days.
        paydays: Paydays,
    },
    /// It has an account number of its own.
    NumberGiven {
        /// The number.
        virtual_iban: VirtualIban,
        /// Whose request it is.
        customer: CustomerId,
        /// Since when it is this request's, if it was another's before.
        since: Option<Date>,
        /// How many numbers of the pool were never given; nothing when it had the number before.
        left: Option<u64>,
    },
    /// Its account number is its own no more.
    NumberReleased {
        /// The number.
        virtual_iban: VirtualIban,
        /// The last day on which what is booked to it was for this request.
        until: Date,
        /// When it may be another's.
        free_on: Date,
        /// Why.
        reason: SmolStr,
    },
    /// It is of an order of its customer.
    OrderJoined {
        /// The order's number.
        order: SmolStr,
        /// Whose.
        customer: CustomerId,
    },
    /// An attempt is for this connector.
    AttemptHandedTo {
        /// Which.
        attempt: AttemptId,
        /// Who collects it.
        connector: SmolStr,
    },
    /// Its scenario was chosen: by a rule, a person, or since a payment was taken back.
    ScenarioBegun {
        /// When.
        at: Timestamp,
    },
    /// Money is to be given back, by who has collected an attempt.
    RefundOrdered {
        /// The caller's key.
        key: SmolStr,
        /// How much.
        amount: Money,
        /// The payout that does it.
        payout: PayoutId,
        /// The attempt's number.
        number: u16,
    },
    /// A refund that was ordered is with the payer.
    RefundCompleted {
        /// The caller's key.
        key: SmolStr,
        /// How much.
        amount: Money,
    },
    /// A refund that was ordered was not made: the money is where it was.
    RefundFailed {
        /// The caller's key.
        key: SmolStr,
        /// How much.
        amount: Money,
        /// Why.
        reason: SmolStr,
    },
    /// A credit note of what is paid is credit of the customer.
    CreditNoteKept {
        /// A hash of its number.
        note: u64,
        /// How much of it.
        amount: Money,
    },
    /// What credit notes had made credit is given back instead.
    CreditNotesRefunded {
        /// How much.
        amount: Money,
    },
    /// A credit note is of what was given back already: it is nobody's credit.
    RefundCredited {
        /// A hash of its number.
        note: u64,
        /// How much of it.
        amount: Money,
    },
    /// What a retry policy that is only tried out would do after a failure.
    PolicyTriedOut {
        /// Which.
        policy: SmolStr,
        /// The day it would collect again, if it would.
        collects_on: Option<Date>,
        /// What it would do, and why.
        reason: SmolStr,
    },
}
