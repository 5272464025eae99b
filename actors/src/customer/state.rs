//! What a customer is.

use std::fmt;
use std::sync::Arc;

use litemap::LiteMap;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::notes::Task;
use crate::collection::{Hold, Instrument, Ledger, Mandate, PaidDays};
use crate::delivery::Channel;
use crate::limits;
use crate::values::{
    Currency, CustomerId, Date, EmailAddress, Language, Money, PaymentRequestId, PhoneNumber, PlanId, Seldom,
    ShortReference, Timestamp, TransferId, Unsaid, VirtualIban,
};

/// A consumer or a business: legal guards depend on it (N14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A private person.
    #[default]
    Consumer,
    /// A company or an association.
    Business,
}

/// Who the customer is and how to reach them. Personal data: it stays here (N10).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The ERP's key.
    pub external_ref: SmolStr,
    /// Consumer or business.
    pub kind: Kind,
    /// The name as written on documents.
    pub name: SmolStr,
    /// E-mail, if known.
    pub email: Option<EmailAddress>,
    /// Phone, if known.
    pub phone: Option<PhoneNumber>,
    /// The language of messages.
    pub language: Language,
}

/// Which parts of a profile a source knows. An invoice file often has no phone number: what it
/// does not know is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gives {
    /// Consumer or business.
    pub kind: bool,
    /// The e-mail address.
    pub email: bool,
    /// The phone number.
    pub phone: bool,
    /// The language.
    pub language: bool,
}

impl Gives {
    /// The whole profile.
    pub const ALL: Self = Self { kind: true, email: true, phone: true, language: true };

    /// The profile that holds after `new` was given over `known`.
    pub fn over(self, new: &Profile, known: Option<&Profile>) -> Profile {
        let Some(known) = known else { return new.clone() };
        Profile {
            external_ref: new.external_ref.clone(),
            kind: if self.kind { new.kind } else { known.kind },
            name: new.name.clone(),
            email: if self.email { new.email.clone() } else { known.email.clone() },
            phone: if self.phone { new.phone.clone() } else { known.phone.clone() },
            language: if self.language { new.language } else { known.language },
        }
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("external_ref", &self.external_ref)
            .field("kind", &self.kind)
            .field("email", &self.email)
            .field("phone", &self.phone)
            .finish_non_exhaustive()
    }
}

/// A card as the payment provider describes it: a token, never a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentMethod {
    /// The provider's token.
    pub token: SmolStr,
    /// The last four digits.
    pub last4: SmolStr,
    /// The last day of the month printed on the card.
    pub expires_on: Date,
    /// Whether a subscription or an instalment plan is collected from it.
    pub backs_recurring: bool,
    /// How many notices of its expiry have been given.
    pub notices: u16,
    /// The generation of its timer.
    pub generation: u32,
}

/// What a customer knows of one open request: enough to match a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRequest {
    /// What is left to pay.
    pub outstanding: Money,
    /// The payment deadline.
    pub due_on: Date,
    /// The invoice's number; empty for one that was opened before it was kept here.
    pub number: SmolStr,
    /// Its short reference, for the same requests.
    pub reference: Option<ShortReference>,
    /// Whether the payer disputes it: a person decides what pays it.
    pub disputed: bool,
}

/// An account number that was the customer's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerNumber {
    /// The number.
    pub virtual_iban: VirtualIban,
    /// The last day on which it was.
    pub until: Date,
    /// From when on it may be another's.
    pub free_on: Date,
}

/// The state of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Customer {
    /// The id; set when registered.
    pub id: Option<CustomerId>,
    /// Who it is; set when registered.
    pub profile: Option<Arc<Profile>>,
    /// The account number of its own to pay to.
    pub virtual_iban: Option<VirtualIban>,
    /// Payment methods, by slot.
    pub payment_methods: LiteMap<u16, PaymentMethod>,
    /// Open requests.
    pub open_requests: LiteMap<PaymentRequestId, OpenRequest>,
    /// Transfers already placed, so that the same one is never placed twice.
    pub placed_transfers: LiteMap<TransferId, Money>,
    /// When a person was last written to.
    pub last_contact_at: Option<Timestamp>,
    /// When reminders were sent, the oldest first, as far back as a cap looks.
    pub contacts: Vec<Timestamp>,
    /// Direct debit mandates by their unique reference.
    pub mandates: LiteMap<SmolStr, Mandate>,
    /// What was tried from each instrument.
    pub ledgers: LiteMap<Instrument, Ledger>,
    /// What most customers never have.
    pub rare: Seldom<Rare>,
}

/// What most customers never have.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rare {
    /// The time zone where it lives, if not the tenant's.
    pub zone: Option<SmolStr>,
    /// Since when that is this customer's, if it was another's before.
    pub number_since: Option<Date>,
    /// Numbers that were this customer's, the oldest first.
    pub former_numbers: Vec<FormerNumber>,
    /// Credit left by over-payments, by currency, in minor units.
    pub credit: LiteMap<Currency, i64>,
    /// How often credit has paid a request.
    pub credit_uses: u32,
    /// What credit has paid and still pays, by the number of the use, as far back as is remembered.
    pub credit_used: LiteMap<u32, (PaymentRequestId, Money)>,
    /// Credit notes already taken, by a hash of their number.
    pub credit_notes: LiteMap<u64, (Money, Option<PaymentRequestId>)>,
    /// Transfers of the customer that wait for a person, the oldest first.
    pub unplaced: Vec<TransferId>,
    /// Channels the customer does not want.
    pub opted_out: LiteMap<Channel, ()>,
    /// Channels by which messages do not arrive, as long as the address is the same.
    pub unreachable: LiteMap<Channel, ()>,
    /// Why nobody collects from or writes to the customer, and until when.
    pub holds: LiteMap<Hold, Option<Date>>,
    /// Why recurring payments are suspended, if they are.
    pub suspended: Option<SmolStr>,
    /// Requests whose collection waits for a new instrument, or for the end of a hold.
    pub waiting: Vec<PaymentRequestId>,
    /// Rules that have fired and do not yet fire again, and until when.
    pub fired: LiteMap<u64, Timestamp>,
    /// Plans that go on, and the token of the card that each is collected from.
    pub plans: LiteMap<PlanId, Option<SmolStr>>,
    /// Tags.
    pub tags: LiteMap<SmolStr, ()>,
    /// What people are to do, by number.
    pub tasks: LiteMap<u32, Arc<Task>>,
    /// Those of them whose last day is over.
    pub overdue_tasks: LiteMap<u32, ()>,
    /// How many there have been.
    pub tasks_opened: u32,
    /// On which days of the month it has paid.
    pub paid_days: PaidDays,
    /// Mandates of which the account has changed since they were used, and the day of the first collection since: banks
    /// are told of the change with those of that day.
    pub amended: LiteMap<SmolStr, Option<Date>>,
    /// The orders that open requests are of.
    pub orders: LiteMap<PaymentRequestId, SmolStr>,
}

impl Unsaid for Rare {
    const UNSAID: &'static Self = &Self {
        zone: None,
        number_since: None,
        former_numbers: Vec::new(),
        credit: LiteMap::new(),
        credit_uses: 0,
        credit_used: LiteMap::new(),
        credit_notes: LiteMap::new(),
        unplaced: Vec::new(),
        opted_out: LiteMap::new(),
        unreachable: LiteMap::new(),
        holds: LiteMap::new(),
        suspended: None,
        waiting: Vec::new(),
        fired: LiteMap::new(),
        plans: LiteMap::new(),
        tags: LiteMap::new(),
        tasks: LiteMap::new(),
        overdue_tasks: LiteMap::new(),
        tasks_opened: 0,
        paid_days: PaidDays::NONE,
        amended: LiteMap::new(),
        orders: LiteMap::new(),
    };
}

/// Days for which banks are told that the account of a mandate has changed.
const AMENDMENT_TOLD_DAYS: i32 = 14;

impl Customer {
    /// Whether a collection of this day tells the bank that the account of its mandate has changed: the first one since,
    /// and those of two weeks more, since the first may not have left.
    pub fn tells_amendment(&self, reference: &SmolStr, collects_on: Date) -> bool {
        let told = |first: Date| collects_on <= first.plus_days(AMENDMENT_TOLD_DAYS);
        self.rare.amended.get(reference).is_some_and(|first| first.is_none_or(told))
    }

    /// Whether it is on hold, nothing recurring is collected from it, or messages to it do not arrive.
    pub fn is_kept_back(&self) -> bool {
        !self.rare.holds.is_empty() || self.rare.suspended.is_some() || !self.rare.unreachable.is_empty()
    }

    /// The hold that counts on `today`, the gravest first.
    pub fn held(&self, today: Date) -> Option<Hold> {
        self.rare.holds.iter().find(|(_, until)| until.is_none_or(|until| today <= until)).map(|(hold, _)| *hold)
    }

    /// Whether recurring payments are collected from a card: the ERP says so, or a plan is.
    pub fn backs_recurring(&self, method: &PaymentMethod) -> bool {
        method.backs_recurring || self.rare.plans.values().flatten().any(|token| *token == method.token)
    }

    /// The open requests that a message to the customer lists, those due first; what is disputed is not among them.
    pub fn told_of(&self) -> Vec<PaymentRequestId> {
        let told = |(_, open): &(&PaymentRequestId, &OpenRequest)| !open.disputed && open.outstanding.is_positive();
        let mut open: Vec<(&PaymentRequestId, &OpenRequest)> = self.open_requests.iter().filter(told).collect();
        open.sort_by(|(a, one), (b, other)| (one.due_on, &one.number, *a).cmp(&(other.due_on, &other.number, *b)));
        open.into_iter().take(limits::OPEN_TOLD_MAX).map(|(id, _)| *id).collect()
    }

    /// Whether a rule that fires once in a while may fire.
    pub fn may_fire(&self, key: u64, now: Timestamp) -> bool {
        self.rare.fired.get(&key).is_none_or(|until| now >= *until)
    }

    /// Whether nobody writes any more, whatever is configured (N14).
    pub fn is_deceased(&self) -> bool {
        self.rare.holds.contains_key(&Hold::Deceased)
    }

    /// Whether a message of this channel can reach the customer, or needs no address of theirs.
    pub fn reachable_by(&self, channel: Channel) -> bool {
        let silent = || self.rare.opted_out.contains_key(&channel) || self.rare.unreachable.contains_key(&channel);
        if channel.reaches_people() && (self.is_deceased() || silent()) {
            return false;
        }
        self.profile.as_ref().is_some_and(|profile| match channel {
            Channel::Email => profile.email.is_some(),
            Channel::Sms => profile.phone.is_some(),
            Channel::Hook
            | Channel::File
            | Channel::Partition
            | Channel::Collection
            | Channel::Payout
            | Channel::Inquiry
            | Channel::Cancellation => true,
        })
    }
}
