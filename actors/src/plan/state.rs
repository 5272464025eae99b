//! What a plan is.

use std::fmt;
use std::sync::Arc;

use litemap::LiteMap;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use crate::collection::Instrument;
use crate::values::{CustomerId, Date, Money, PaymentRequestId, PlanId, Timestamp};

/// What the amount of a plan means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The same amount is asked for again and again.
    Subscription,
    /// One amount is asked for in parts.
    Instalments,
}

/// How far one cycle is from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Interval {
    /// Days.
    Days(u16),
    /// Months: the same day, or the last of a month that has no such day.
    Months(u16),
}

impl Interval {
    /// Reads `14d`, `2w`, `1m` or `1y`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected days, weeks, months or years, as in 14d, 2w, 1m or 1y, within ten years";
        let (number, unit) = text.trim().split_at_checked(text.trim().len().saturating_sub(1)).ok_or(EXPECTED)?;
        let number: u16 = number.parse().map_err(|_| EXPECTED)?;
        let within = |most: u16| (1..=most).contains(&number).then_some(number).ok_or(EXPECTED);
        match unit {
            "d" => Ok(Interval::Days(within(3_650)?)),
            "w" => Ok(Interval::Days(within(521)?.saturating_mul(7))),
            "m" => Ok(Interval::Months(within(120)?)),
            "y" => Ok(Interval::Months(within(10)?.saturating_mul(12))),
            _ => Err(EXPECTED),
        }
    }

    /// The date of a cycle: so many intervals after the first one, never after the one before (31 January, 28 February,
    /// 31 March).
    pub fn date(self, first: Date, slot: u32) -> Date {
        let times = i32::try_from(slot).unwrap_or(i32::MAX);
        match self {
            Interval::Days(days) => first.plus_days(i32::from(days).saturating_mul(times)),
            Interval::Months(months) => first.plus_months(i32::from(months).saturating_mul(times)),
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Interval::Days(days) if days % 7 == 0 => write!(f, "{}w", days / 7),
            Interval::Days(days) => write!(f, "{days}d"),
            Interval::Months(months) if months % 12 == 0 => write!(f, "{}y", months / 12),
            Interval::Months(months) => write!(f, "{months}m"),
        }
    }
}

/// What happens to a plan when a cycle of it can no longer be collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnExhausted {
    /// The next cycles are asked for and collected all the same.
    KeepCharging,
    /// The next cycles are asked for, and not collected.
    HoldCollection,
    /// Nothing more is asked for until a person resumes it.
    #[default]
    Suspend,
    /// It ends.
    Cancel,
    /// A person decides; until then it goes on.
    Ask,
}

impl OnExhausted {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::KeepCharging, Self::HoldCollection, Self::Suspend, Self::Cancel, Self::Ask];

    /// The word in calls and on screens.
    pub fn name(self) -> &'static str {
        match self {
            OnExhausted::KeepCharging => "keep_charging",
            OnExhausted::HoldCollection => "hold_collection",
            OnExhausted::Suspend => "suspend",
            OnExhausted::Cancel => "cancel",
            OnExhausted::Ask => "ask",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let known = Self::ALL.into_iter().find(|one| one.name() == text);
        known.ok_or("expected keep_charging, hold_collection, suspend, cancel or ask")
    }
}

/// Days ahead of the deadline that a cycle is asked for that the payer transfers.
const AHEAD_OF_TRANSFER_DAYS: u16 = 14;
/// Days beside its notice for an order to reach the bank: a weekend and two days.
const ORDER_DAYS: u16 = 5;
/// Days ahead that a card is charged: the request is there the day before.
const AHEAD_OF_CARD_DAYS: u16 = 1;

/// How many days before its deadline a cycle is asked for, by what it is collected from and the notice of a mandate.
pub fn ahead_days(instrument: Option<&Instrument>, notice_days: u16) -> u16 {
    match instrument {
        None => AHEAD_OF_TRANSFER_DAYS,
        Some(Instrument::Card(_)) => AHEAD_OF_CARD_DAYS,
        Some(Instrument::Mandate(_)) => notice_days.saturating_add(ORDER_DAYS),
    }
}

/// What was agreed. A change replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Its id.
    pub id: PlanId,
    /// Who pays.
    pub customer: CustomerId,
    /// The ERP's key; cycle 3 of `P-1` is the payment request `P-1-3`.
    pub external_ref: SmolStr,
    /// What it is for, as printed on messages.
    pub description: SmolStr,
    /// What the amount means.
    pub kind: Kind,
    /// What is asked for once before the cycles, and by when.
    pub deposit: Option<(Money, Date)>,
    /// The amount of the first cycle: with the fee, and the cents that cannot be parted.
    pub first: Money,
    /// The amount of every other one.
    pub each: Money,
    /// How many cycles there are; without an end if that is not said.
    pub cycles: Option<u16>,
    /// How far one is from the next.
    pub every: Interval,
    /// The payment deadline of the first one.
    pub starts_on: Date,
    /// How many days before its deadline a cycle is asked for.
    pub ahead_days: u16,
    /// From what it is collected; the payer pays by transfer without.
    pub collect_from: Option<Instrument>,
    /// By which retry policy.
    pub policy: Option<SmolStr>,
    /// The reminder scenario of its requests.
    pub scenario: Option<SmolStr>,
    /// What happens when a cycle can no longer be collected.
    pub on_exhausted: OnExhausted,
    /// When it came in, in the tenant's clock; set when it is created.
    pub created_at: Timestamp,
}

impl Terms {
    /// The amount of a cycle; 0 is the deposit.
    pub fn amount(&self, number: u16) -> Money {
        match (number, &self.deposit) {
            (0, Some((amount, _))) => *amount,
            (1, _) => self.first,
            _ => self.each,
        }
    }

    /// The first cycle's number: the deposit comes before the others.
    pub fn first_number(&self) -> u16 {
        u16::from(self.deposit.is_none())
    }

    /// The deadline of a cycle that stands at a place of the calendar.
    pub fn date(&self, number: u16, slot: u32) -> Date {
        match (number, &self.deposit) {
            (0, Some((_, due_on))) => *due_on,
            _ => self.every.date(self.starts_on, slot),
        }
    }

    /// Whether there is a cycle of this number.
    pub fn has(&self, number: u16) -> bool {
        number >= self.first_number() && self.cycles.is_none_or(|cycles| number <= cycles)
    }

    /// The invoice number of a cycle.
    pub fn number(&self, cycle: u16) -> SmolStr {
        format_smolstr!("{}-{cycle}", self.external_ref)
    }
}

/// Whether a plan goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Phase {
    /// Its cycles are asked for as they come.
    #[default]
    Running,
    /// A person lets it rest.
    Paused,
    /// It rests until a person, or the customer's recurring payments, let it go on.
    Suspended(SuspendedBy),
    /// It has ended before its end.
    Cancelled,
    /// Everything was asked for and paid.
    Completed,
}

/// What suspended a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SuspendedBy {
    /// A person or a rule.
    Person,
    /// A cycle that can no longer be collected.
    Exhausted,
    /// A cycle that cannot be asked for.
    Refused,
    /// The customer, from whom nothing recurring is collected: it goes on with the customer.
    Customer,
}

/// Where a plan stands, as people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing has been asked for yet.
    Pending,
    /// It goes on.
    Active,
    /// It goes on, and a cycle has failed or is overdue.
    PastDue,
    /// A person lets it rest.
    Paused,
    /// It rests until it is resumed.
    Suspended,
    /// It has ended before its end.
    Cancelled,
    /// Everything was asked for and paid.
    Completed,
}

impl Status {
    /// The word in conditions, calls and on screens.
    pub fn name(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Active => "active",
            Status::PastDue => "past_due",
            Status::Paused => "paused",
            Status::Suspended => "suspended",
            Status::Cancelled => "cancelled",
            Status::Completed => "completed",
        }
    }
}

/// Where a cycle stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is asked for.
    Open,
    /// It has failed once, or its deadline has passed.
    Failing,
    /// It can no longer be collected.
    Exhausted,
    /// It is paid, or was given up.
    Paid,
    /// Nothing is asked of it any more.
    Cancelled,
}

impl Standing {
    /// Whether something is still to be paid.
    pub fn is_open(self) -> bool {
        !matches!(self, Standing::Paid | Standing::Cancelled)
    }

    /// Whether the plan is behind with it.
    pub fn is_behind(self) -> bool {
        matches!(self, Standing::Failing | Standing::Exhausted)
    }
}

/// A cycle that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycle {
    /// Its payment request.
    pub request: PaymentRequestId,
    /// Its payment deadline and amount; of one that was forgotten and came back they are the request's to say.
    pub asked: Option<(Date, Money)>,
    /// Where it stands.
    pub standing: Standing,
}

/// The cycle that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// Its number.
    pub number: u16,
    /// Its place in the calendar: cycles that were left out have taken theirs.
    pub slot: u32,
    /// Its payment deadline.
    pub due_on: Date,
    /// When it is asked for.
    pub at: Timestamp,
}

/// The state of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// What was agreed; set when created.
    pub terms: Option<Arc<Terms>>,
    /// What was agreed first: the same row again is the same plan, whatever was changed since.
    pub created: Option<Arc<Terms>>,
    /// Whether it goes on.
    pub phase: Phase,
    /// Why it rests, or has ended.
    pub reason: Option<SmolStr>,
    /// Until when it is paused at most.
    pub paused_until: Option<Date>,
    /// The pause that it was in when it came to rest with its customer: it is in it again when the customer goes on.
    pub pause_kept: Option<(SmolStr, Option<Date>)>,
    /// The cycle that comes next, as long as one does.
    pub next: Option<Next>,
    /// The number and the place in the calendar that the next cycle has, whenever it comes.
    pub cursor: (u16, u32),
    /// Which arming of the timer counts.
    pub generation: u32,
    /// The cycle that is being asked for, until its payment request says in the same step that it is there.
    pub asked: Option<(u16, Date, Money)>,
    /// Cycles asked for: those that are open, and the newest.
    pub cycles: LiteMap<u16, Cycle>,
    /// Whether its cycles are asked for and not collected.
    pub holds_collection: bool,
    /// What a person is asked to decide.
    pub question: Option<SmolStr>,
}

impl Plan {
    /// Where it stands.
    pub fn status(&self) -> Status {
        match self.phase {
            Phase::Paused => Status::Paused,
            Phase::Suspended(_) => Status::Suspended,
            Phase::Cancelled => Status::Cancelled,
            Phase::Completed => Status::Completed,
            Phase::Running if self.cycles.values().any(|cycle| cycle.standing.is_behind()) => Status::PastDue,
            Phase::Running if self.cycles.is_empty() => Status::Pending,
            Phase::Running => Status::Active,
        }
    }

    /// Whether it can still ask for something.
    pub fn is_live(&self) -> bool {
        !matches!(self.phase, Phase::Cancelled | Phase::Completed)
    }

    /// The dates and amounts that are to come, so many at most.
    pub fn schedule(&self, most: usize) -> Vec<(u16, Date, Money)> {
        let Some(terms) = self.terms.as_ref().filter(|_| self.is_live()) else { return Vec::new() };
        let (number, slot) = self.cursor;
        let upcoming = (0_u16..).map_while(|far| number.checked_add(far)).take_while(|number| terms.has(*number));
        upcoming
            .take(most)
            .map(|upcoming| {
                let passed = upcoming.saturating_sub(number.max(1));
                let slot = slot.saturating_add(u32::from(passed));
                (upcoming, terms.date(upcoming, slot), terms.amount(upcoming))
            })
            .collect()
    }
}
