//! The field catalogue: what conditions and templates can name.

use std::borrow::Cow;
use std::fmt::Display;

use serde::{Deserialize, Serialize};

use crate::values::{Calendar, Date, Money, Timestamp};

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Number,
    /// True or false.
    Truth,
    /// Money.
    Money,
    /// A civil date.
    Date,
    /// An instant.
    Instant,
    /// Several texts, each once.
    Words,
}

impl Kind {
    /// The type in words.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Number => "number",
            Kind::Truth => "true or false",
            Kind::Money => "money",
            Kind::Date => "date",
            Kind::Instant => "instant",
            Kind::Words => "several texts",
        }
    }
}

/// A value of a fact or a literal of a condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// True or false.
    Truth(bool),
    /// Money.
    Money(Money),
    /// A civil date.
    Date(Date),
    /// An instant.
    Instant(Timestamp),
    /// Several texts, in order.
    Words(Vec<String>),
}

impl Value {
    /// Its type.
    pub fn kind(&self) -> Kind {
        match self {
            Value::Text(_) => Kind::Text,
            Value::Number(_) => Kind::Number,
            Value::Truth(_) => Kind::Truth,
            Value::Money(_) => Kind::Money,
            Value::Date(_) => Kind::Date,
            Value::Instant(_) => Kind::Instant,
            Value::Words(_) => Kind::Words,
        }
    }
}

/// A fact as it is read: a value that may be borrowed from the state it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// A whole number.
    Number(i64),
    /// True or false.
    Truth(bool),
    /// Money.
    Money(Money),
    /// A civil date.
    Date(Date),
    /// An instant.
    Instant(Timestamp),
    /// Several texts, in order.
    Words(Vec<Cow<'a, str>>),
}

impl<'a> Fact<'a> {
    /// Text as it is.
    pub(crate) fn text(text: &'a str) -> Self {
        Fact::Text(Cow::Borrowed(text))
    }

    /// Anything that prints.
    pub(crate) fn printed(value: impl Display) -> Self {
        Fact::Text(Cow::Owned(value.to_string()))
    }

    /// The fact on its own.
    pub fn into_value(self) -> Value {
        match self {
            Fact::Text(text) => Value::Text(text.into_owned()),
            Fact::Number(number) => Value::Number(number),
            Fact::Truth(truth) => Value::Truth(truth),
            Fact::Money(money) => Value::Money(money),
            Fact::Date(date) => Value::Date(date),
            Fact::Instant(at) => Value::Instant(at),
            Fact::Words(words) => Value::Words(words.into_iter().map(Cow::into_owned).collect()),
        }
    }
}

impl<'a> From<&'a Value> for Fact<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Text(text) => Fact::text(text),
            Value::Number(number) => Fact::Number(*number),
            Value::Truth(truth) => Fact::Truth(*truth),
            Value::Money(money) => Fact::Money(*money),
            Value::Date(date) => Fact::Date(*date),
            Value::Instant(at) => Fact::Instant(*at),
            Value::Words(words) => Fact::Words(words.iter().map(|word| Cow::Borrowed(word.as_str())).collect()),
        }
    }
}

/// What conditions are evaluated against.
pub trait Facts {
    /// The value of a field, if it is known.
    fn fact(&self, field: Field) -> Option<Fact<'_>>;

    /// The calendar by which business days are counted; without one a condition that counts them cannot be said.
    fn calendar(&self) -> Option<&Calendar>;
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

macro_rules! fields {
    ($($(#[doc = $doc:literal])* $variant:ident = $path:literal: $kind:ident),+ $(,)?) => {
        /// A field of the catalogue. Stored by position: only ever added at the end (N8).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Field {
            $($(#[doc = $doc])* $variant,)+
        }

        impl Field {
            /// Every field.
            pub const ALL: &'static [Field] = &[$(Field::$variant,)+];

            /// The path in conditions and templates, such as `request.outstanding`.
            pub fn path(self) -> &'static str {
                match self { $(Field::$variant => $path,)+ }
            }

            /// The type.
            pub fn kind(self) -> Kind {
                match self { $(Field::$variant => Kind::$kind,)+ }
            }

            /// What it says, in one sentence.
            pub fn describes(self) -> &'static str {
                match self { $(Field::$variant => concat!($($doc),*).trim_ascii(),)+ }
            }

            /// Finds a field by its path.
            pub fn parse(path: &str) -> Option<Field> {
                Field::ALL.iter().copied().find(|field| field.path() == path)
            }
        }
    };
}

fields! {
    /// The customer's id.
    CustomerId = "customer.id": Text,
    /// The ERP's key of the customer.
    CustomerExternalRef = "customer.external_ref": Text,
    /// `consumer` or `business`.
    CustomerKind = "customer.kind": Text,
    /// The language of messages.
    CustomerLanguage = "customer.language": Text,
    /// How many requests the customer has open.
    CustomerOpenCount = "customer.open_count": Number,
    /// The request's id.
    RequestId = "request.id": Text,
    /// The invoice number.
    RequestExternalRef = "request.external_ref": Text,
    /// The amount requested.
    RequestAmount = "request.amount": Money,
    /// What has been paid.
    RequestPaid = "request.paid": Money,
    /// What is left to pay.
    RequestOutstanding = "request.outstanding": Money,
    /// `open`, `settled` or `cancelled`.
    RequestStatus = "request.status": Text,
    /// The date of issue.
    RequestIssuedOn = "request.issued_on": Date,
    /// The payment deadline.
    RequestDueOn = "request.due_on": Date,
    /// Days past the deadline, negative before it.
    RequestDaysOverdue = "request.days_overdue": Number,
    /// What it is for.
    RequestDescription = "request.description": Text,
    /// The reference to copy by hand.
    RequestShortReference = "request.short_reference": Text,
    /// The ISO 11649 reference.
    RequestCreditorReference = "request.creditor_reference": Text,
    /// When it was settled.
    RequestSettledAt = "request.settled_at": Instant,
    /// The reminder step.
    ReminderStep = "reminder.step": Text,
    /// How the reminder leaves.
    ReminderChannel = "reminder.channel": Text,
    /// Why something was not done, or was done as it was.
    Reason = "reason": Text,
    /// The transfer's id.
    TransferId = "transfer.id": Text,
    /// What was received.
    TransferAmount = "transfer.amount": Money,
    /// What is neither allocated nor credited.
    TransferUnallocated = "transfer.unallocated": Money,
    /// What was kept as credit.
    TransferCredit = "transfer.credit": Money,
    /// The day it was booked.
    TransferBookedOn = "transfer.booked_on": Date,
    /// `received`, `matched`, `needs_decision`, `noted`, `set_aside`, `given_back`, `recalled` or `divided`.
    TransferStatus = "transfer.status": Text,
    /// Why it was matched as it was.
    TransferExplanation = "transfer.explanation": Text,
    /// Whether the payer is known.
    TransferIdentified = "transfer.identified": Truth,
    /// What this payment counted.
    AllocationAmount = "allocation.amount": Money,
    /// `transfer`, `attempt`, `credit_note` or `credit`.
    AllocationSource = "allocation.source": Text,
    /// The attempt's id.
    AttemptId = "attempt.id": Text,
    /// The amount tried.
    AttemptAmount = "attempt.amount": Money,
    /// The reason code, such as AM04.
    AttemptReasonCode = "attempt.reason_code": Text,
    /// How many attempts have failed.
    AttemptFailures = "attempt.failures": Number,
    /// The amount given back.
    RefundAmount = "refund.amount": Money,
    /// The caller's key of the refund.
    RefundKey = "refund.key": Text,
    /// The card's last four digits.
    MethodLast4 = "method.last4": Text,
    /// The last day of the month on the card.
    MethodExpiresOn = "method.expires_on": Date,
    /// Days to that day.
    MethodDaysToExpiry = "method.days_to_expiry": Number,
    /// Whether recurring payments are collected from it.
    MethodBacksRecurring = "method.backs_recurring": Truth,
    /// The number of the attempt, from 1.
    AttemptNumber = "attempt.number": Number,
    /// The day money is collected.
    AttemptCollectsOn = "attempt.collects_on": Date,
    /// When the order leaves.
    AttemptDueAt = "attempt.due_at": Instant,
    /// `card` or `direct_debit`.
    AttemptMethod = "attempt.method": Text,
    /// Until when a collection waits.
    RetryUntil = "retry.until": Instant,
    /// Until when a reminder waits.
    ReminderUntil = "reminder.until": Instant,
    /// The last day of a promise.
    PromiseOn = "promise.on": Date,
    /// `deceased`, `legal`, `vulnerable`, `insolvency` or `manual`.
    HoldKind = "hold.kind": Text,
    /// The last day of a hold.
    HoldUntil = "hold.until": Date,
    /// The unique reference of a mandate.
    MandateReference = "mandate.reference": Text,
    /// `email` or `sms`.
    OptOutChannel = "opt_out.channel": Text,
    /// What says who paid: `virtual_iban`, `reference`, `payer_iban`, `name` or `nothing`.
    TransferIdentifiedBy = "transfer.identified_by": Text,
    /// The currency received.
    TransferCurrency = "transfer.currency": Text,
    /// Whether the payer's account is one from which nothing is taken.
    TransferPayerBlocked = "transfer.payer_blocked": Truth,
    /// Whether a reference names a payment request.
    TransferNamesRequests = "transfer.names_requests": Truth,
    /// The feed that a file came in by, or should have.
    FeedName = "feed.name": Text,
    /// When a file was due.
    FeedDueAt = "feed.due_at": Instant,
    /// When the last file was taken.
    FeedLastFileAt = "feed.last_file_at": Instant,
    /// How many deadlines in a row have passed without a file.
    FeedMissed = "feed.missed": Number,
    /// The file's name.
    FileName = "file.name": Text,
    /// Rows or entries read.
    FileRows = "file.rows": Number,
    /// Of them new.
    FileAcceptedRows = "file.accepted": Number,
    /// Of them already known.
    FileKnownRows = "file.known": Number,
    /// Of them refused.
    FileRefusedRows = "file.refused": Number,
    /// What was given up.
    WriteOffAmount = "write_off.amount": Money,
    /// The payout's id.
    PayoutId = "payout.id": Text,
    /// What is given back.
    PayoutAmount = "payout.amount": Money,
    /// `credit` or `transfer`.
    PayoutSource = "payout.source": Text,
    /// Whether a second person must approve it.
    PayoutAwaitsApproval = "payout.awaits_approval": Truth,
    /// Who asked for it, approved it, or did not.
    PayoutBy = "payout.by": Text,
    /// The day it is executed.
    PayoutOn = "payout.on": Date,
    /// Who is to decide about a task.
    TaskAssignedTo = "task.assigned_to": Text,
    /// Until when a task should have been decided.
    TaskDueAt = "task.due_at": Instant,
    /// How many account numbers of the pool were never given.
    VirtualIbanLeft = "virtual_iban.left": Number,
    /// From when on an account number may be another's.
    VirtualIbanFreeOn = "virtual_iban.free_on": Date,
    /// The reference that the ERP prints on the invoice.
    RequestPaymentReference = "request.payment_reference": Text,
    /// The message's id, as its hook or provider has it.
    NotificationId = "notification.id": Text,
    /// `email` or `sms`.
    NotificationChannel = "notification.channel": Text,
    /// Whether another message to the same address would not arrive either.
    NotificationLasting = "notification.lasting": Truth,
    /// The id of the transfer that was counted, if it was one.
    AllocationTransfer = "allocation.transfer": Text,
    /// The id of the plan that the request is a cycle of.
    RequestPlan = "request.plan": Text,
    /// The number of the cycle that the request is; 0 for a deposit.
    RequestCycle = "request.cycle": Number,
    /// The plan's id.
    PlanId = "plan.id": Text,
    /// The ERP's key of the plan.
    PlanExternalRef = "plan.external_ref": Text,
    /// `subscription` or `instalments`.
    PlanKind = "plan.kind": Text,
    /// What the plan is for.
    PlanDescription = "plan.description": Text,
    /// How far one cycle is from the next, as in 1m.
    PlanInterval = "plan.interval": Text,
    /// The number of the cycle concerned; 0 for a deposit.
    PlanCycle = "plan.cycle": Number,
    /// The last day of a pause.
    PlanPausedUntil = "plan.paused_until": Date,
    /// Who has approved a reminder.
    ReminderBy = "reminder.by": Text,
    /// The customer's tags, as they are when it is asked.
    CustomerTags = "customer.tags": Words,
    /// The tag that was put on or taken off.
    CustomerTag = "customer.tag": Text,
    /// The number of a customer's task, from 1.
    TaskNumber = "task.number": Number,
    /// What a person is to do.
    TaskText = "task.text": Text,
    /// Who asks for a task: a person, or `rule NAME`.
    TaskAskedBy = "task.asked_by": Text,
    /// The last day for a task.
    TaskDueOn = "task.due_on": Date,
    /// Who says that a task is done.
    TaskClosedBy = "task.closed_by": Text,
    /// The name that a rule gave to what happened.
    CustomName = "custom.name": Text,
    /// Whether what settled the request can no longer come back without a reason; a transfer cannot.
    RequestIsFinal = "request.is_final": Truth,
    /// From which day on it cannot.
    RequestFinalOn = "request.final_on": Date,
    /// How a person has reached the customer: `call`, `letter`, `message` or `visit`.
    ContactWay = "contact.way": Text,
    /// What was said.
    ContactText = "contact.text": Text,
    /// Who has reached the customer.
    ContactBy = "contact.by": Text,
    /// The payer's name, as the bank writes it.
    TransferPayerName = "transfer.payer_name": Text,
    /// The account that it was booked to, as an IBAN without spaces.
    TransferAccount = "transfer.account": Text,
    /// The order that the request is of.
    RequestOrder = "request.order": Text,
    /// By which way something leaves: `hook`, `email`, `sms`, `file`, `collection`, `payout` or `status_file`.
    ChannelWay = "channel.way": Text,
    /// The endpoint, feed or connector that it is for.
    ChannelName = "channel.name": Text,
    /// Since when nothing of it arrives.
    ChannelFailingSince = "channel.failing_since": Instant,
    /// By which step of the ladder a transfer would be placed: `reference`, `reference_part`, `reference_excess`, `references`,
    /// `corrected_reference`, `number`, `exact_amount`, `oldest_of_equal`, `only_request`, `everything`, `oldest_together`,
    /// `together`, `oldest_first`, `within_tolerance`.
    MatchStep = "match.step": Text,
    /// How many requests it would pay.
    MatchRequests = "match.requests": Number,
    /// What would be left over.
    MatchExcess = "match.excess": Money,
    /// How sure that is, of 1,000.
    MatchScore = "match.score": Number,
    /// The moment at which the rule is asked.
    NowAt = "now.at": Instant,
    /// Its day, by the tenant's clock.
    NowDate = "now.date": Date,
    /// Its hour, by the tenant's clock, 0 to 23.
    NowHour = "now.hour": Number,
    /// Its day of the week, by the tenant's clock: `monday` to `sunday`.
    NowWeekday = "now.weekday": Text,
    /// Whether the tenant's calendar is open that day.
    NowIsBusinessDay = "now.is_business_day": Truth,
    /// Whose the event is.
    TenantId = "tenant.id": Text,
    /// Who makes it: `elsewhere`, when it is only noted, or `collector`, who has collected the money and is asked to.
    RefundMadeBy = "refund.made_by": Text,
    /// The retry policy that is tried out.
    RetryPolicy = "retry.policy": Text,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_found_and_stands_once() {
        for field in Field::ALL {
            assert_eq!(Field::parse(field.path()), Some(*field));
        }
        assert_eq!(Field::parse("request.nothing"), None);
    }
}
