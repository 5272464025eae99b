//! What happened to a customer. Stored for ever: variants are only ever added at the end (N8).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::notes::Noted;
use super::state::{PaymentMethod, Profile};
use crate::collection::{CardScheme, Hold, Instrument, Mandate};
use crate::delivery::Channel;
use crate::values::{
    CustomerId, Date, DeliveryId, Money, PaymentRequestId, PayoutId, PlanId, ShortReference, Timestamp, TransferId,
    VirtualIban,
};

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// It became known.
    Registered {
        /// Its id.
        id: CustomerId,
        /// Who it is.
        profile: Arc<Profile>,
    },
    /// Its details changed.
    ProfileChanged {
        /// Who it is now.
        profile: Arc<Profile>,
    },
    /// It was given an account number of its own.
    VirtualIbanAssigned {
        /// The number.
        virtual_iban: VirtualIban,
    },
    /// A card was added or renewed.
    PaymentMethodAdded {
        /// Its slot.
        slot: u16,
        /// The card.
        method: PaymentMethod,
    },
    /// The end of a card was announced.
    PaymentMethodExpiring {
        /// Its slot.
        slot: u16,
        /// How many days before its last day.
        days_to_expiry: i32,
        /// How many notices have now been given.
        notices: u16,
        /// The generation of the timer armed next.
        generation: u32,
    },
    /// A request was opened.
    RequestOpened {
        /// The request.
        request: PaymentRequestId,
        /// What is left to pay.
        outstanding: Money,
        /// The payment deadline.
        due_on: Date,
    },
    /// What is left of a request changed.
    OutstandingChanged {
        /// The request.
        request: PaymentRequestId,
        /// What is left to pay.
        outstanding: Money,
    },
    /// A request is no longer open.
    RequestClosed {
        /// The request.
        request: PaymentRequestId,
    },
    /// Credit was added.
    CreditAdded {
        /// How much.
        amount: Money,
    },
    /// A transfer was placed.
    TransferPlaced {
        /// The transfer.
        transfer: TransferId,
        /// What was received.
        amount: Money,
    },
    /// A reminder leaves.
    ReminderSent {
        /// The request.
        request: PaymentRequestId,
        /// The step's name.
        step: SmolStr,
        /// How it leaves.
        channel: Channel,
        /// When.
        at: Timestamp,
    },
    /// A reminder was not sent.
    ReminderSuppressed {
        /// The request.
        request: PaymentRequestId,
        /// The step's name.
        step: SmolStr,
        /// Why.
        reason: SmolStr,
    },
    /// A credit note of the ERP was taken.
    CreditNoteTaken {
        /// A hash of its number.
        note: u64,
        /// What is credited.
        amount: Money,
        /// The request it is about, if it names one.
        request: Option<PaymentRequestId>,
        /// What of it the request did not take.
        credit: Money,
    },
    /// What a transfer had paid was given back.
    TransferTakenBack {
        /// The transfer.
        transfer: TransferId,
        /// What of the credit goes with it.
        credit: Money,
    },
    /// A request was opened, and its invoice has this number.
    NumberedRequestOpened {
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
    /// A direct debit mandate was signed, or amended.
    MandateSigned {
        /// Its unique reference.
        reference: SmolStr,
        /// What it says.
        mandate: Mandate,
    },
    /// The scheme of a card became known.
    CardSchemeKnown {
        /// The provider's token.
        token: SmolStr,
        /// The scheme.
        scheme: CardScheme,
    },
    /// Nothing can be collected from an instrument any more.
    InstrumentEnded {
        /// Which.
        instrument: Instrument,
        /// Why.
        reason: SmolStr,
    },
    /// An attempt from an instrument is to leave.
    AttemptCounted {
        /// Which instrument.
        instrument: Instrument,
        /// For which request.
        request: PaymentRequestId,
        /// When.
        at: Timestamp,
        /// The day money is collected.
        collects_on: Date,
    },
    /// The collection of a request waits.
    CollectionAwaited {
        /// Which request.
        request: PaymentRequestId,
    },
    /// What collections waited for has come.
    CollectionsResumed,
    /// Recurring payments are suspended.
    RecurringSuspended {
        /// Why.
        reason: SmolStr,
    },
    /// Recurring payments go on.
    RecurringResumed,
    /// Nobody collects or writes.
    HoldPlaced {
        /// Why.
        hold: Hold,
        /// The last day of it.
        until: Option<Date>,
    },
    /// A hold has ended.
    HoldLifted {
        /// Which.
        hold: Hold,
    },
    /// The customer does not want messages by a channel.
    OptedOut {
        /// Which.
        channel: Channel,
    },
    /// The customer wants them again.
    OptedIn {
        /// Which.
        channel: Channel,
    },
    /// Credit was taken back with the payment it came from.
    CreditWithdrawn {
        /// How much.
        amount: Money,
    },
    /// What a transfer pays is for a person.
    TransferUnplaced {
        /// The transfer.
        transfer: TransferId,
    },
    /// Credit pays a request.
    CreditUsed {
        /// Which.
        request: PaymentRequestId,
        /// How much.
        amount: Money,
        /// How manieth use of credit it is, from 1.
        number: u32,
    },
    /// Credit is paid out.
    CreditPaidOut {
        /// The payout.
        payout: PayoutId,
        /// How much.
        amount: Money,
    },
    /// It was given an account number of its own, out of a pool.
    VirtualIbanGiven {
        /// The number.
        virtual_iban: VirtualIban,
        /// Since when it is this customer's, if it was another's before.
        since: Option<Date>,
        /// How many numbers of the pool were never given.
        left: u64,
    },
    /// Its account number is its own no more.
    VirtualIbanReleased {
        /// The number.
        virtual_iban: VirtualIban,
        /// The last day on which it was.
        until: Date,
        /// From when on it may be another's.
        free_on: Date,
        /// Why.
        reason: SmolStr,
    },
    /// What credit had paid counts no more: the money it came from was taken back.
    CreditUseReversed {
        /// Which use of credit.
        number: u32,
        /// What it had paid.
        request: PaymentRequestId,
        /// How much.
        amount: Money,
    },
    /// Credit was to be taken back that is gone: it was paid out.
    CreditMissing {
        /// How much.
        amount: Money,
    },
    /// A rule that fires once in a while has fired.
    RuleFired {
        /// Which, and for what: see [`crate::rules::Once::key`].
        key: u64,
        /// When.
        at: Timestamp,
        /// Until when it does not fire again.
        until: Timestamp,
    },
    /// A request is disputed, or is no more.
    DisputeMarked {
        /// Which.
        request: PaymentRequestId,
        /// Whether it is.
        disputed: bool,
    },
    /// Where the customer lives it is another time than the tenant's.
    ZoneKnown {
        /// The time zone.
        zone: SmolStr,
    },
    /// A message arrived, its provider says.
    MessageArrived {
        /// Which.
        delivery: DeliveryId,
        /// How it left.
        channel: Channel,
    },
    /// A message did not arrive, its provider says.
    MessageFailed {
        /// Which.
        delivery: DeliveryId,
        /// How it left.
        channel: Channel,
        /// Why.
        reason: SmolStr,
        /// Whether another message to the same address would not arrive either.
        lasting: bool,
    },
    /// A plan is agreed, or goes on after its end.
    PlanOpened {
        /// Which.
        plan: PlanId,
        /// The token of the card that it is collected from.
        card: Option<SmolStr>,
    },
    /// A plan has ended.
    PlanClosed {
        /// Which.
        plan: PlanId,
    },
    /// Something was noted about it.
    Noted(Noted),
    /// A transfer that waited for a person is not its money, or nobody's to place.
    TransferForgotten {
        /// Which.
        transfer: TransferId,
    },
    /// An open request is of an order.
    OrderKnown {
        /// The request.
        request: PaymentRequestId,
        /// The order's number.
        order: SmolStr,
    },
    /// A step for the team is due: nobody writes to the customer, and rules say what is done.
    ReminderEscalated {
        /// The request.
        request: PaymentRequestId,
        /// The step's name.
        step: SmolStr,
    },
}
