//! The steps of a request's reminder scenario: what left, what did not and why, what is to come.

use quittance_actors::delivery::Channel;
use quittance_actors::payment_request::{Gate, Moments, PaymentRequest, Status, Step};
use quittance_actors::policies::Policies;
use quittance_actors::rules::{EventType, Field, Published, Value};
use quittance_actors::values::Timestamp;
use smol_str::SmolStr;

/// One step, as it stands.
#[derive(Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The step, as it is configured now.
    pub step: &'a Step,
    /// When it is due, or was; for what waits, when it is looked at again.
    pub due: Timestamp,
    /// How it stands.
    pub standing: Standing,
}

/// How a step stands.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was handed to its channel; what became of it there is told by messages and deliveries.
    Sent {
        /// When.
        at: Timestamp,
        /// How.
        channel: SmolStr,
    },
    /// It did not leave.
    NotSent {
        /// When that was known.
        at: Timestamp,
        /// Why.
        reason: SmolStr,
    },
    /// It was due and waits.
    Waits {
        /// Why.
        reason: SmolStr,
    },
    /// It is next.
    Next,
    /// Others are before it.
    ToCome,
    /// Reminders pause: it is planned when they go on.
    Paused {
        /// Why.
        reason: &'static str,
    },
    /// The request ended, or its reminders, before it was due.
    NotReached {
        /// Why, when that was told.
        reason: SmolStr,
    },
    /// It was passed, and the events looked at tell nothing of it.
    Passed,
}

impl Standing {
    /// Its name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Standing::Sent { .. } => "sent",
            Standing::NotSent { .. } => "not_sent",
            Standing::Waits { .. } => "waits",
            Standing::Next => "next",
            Standing::ToCome => "to_come",
            Standing::Paused { .. } => "paused",
            Standing::NotReached { .. } => "not_reached",
            Standing::Passed => "passed",
        }
    }
}

/// Whom a step is for that writes to nobody.
pub const TEAM: &str = "team";

/// What the events of a request tell of the step of a name, the newest of them.
fn told(events: &[Published], name: &str) -> Option<Standing> {
    let of_step = |event: &&Published| text(event, Field::ReminderStep) == name;
    let standing = |event: &Published| {
        let (at, reason) = (event.at, || text(event, Field::Reason).into());
        match event.event {
            EventType::ReminderSent => {
                Some(Standing::Sent { at, channel: text(event, Field::ReminderChannel).into() })
            }
            EventType::ReminderEscalated => Some(Standing::Sent { at, channel: TEAM.into() }),
            EventType::ReminderSuppressed => Some(Standing::NotSent { at, reason: reason() }),
            EventType::ReminderDeferred => Some(Standing::Waits { reason: reason() }),
            EventType::ReminderAwaitsApproval => Some(Standing::Waits { reason: Gate::UNAPPROVED.into() }),
            _ => None,
        }
    };
    events.iter().rev().filter(of_step).find_map(standing)
}

fn text(event: &Published, field: Field) -> &str {
    match event.fact(field) {
        Some(Value::Text(text)) => text,
        _ => "",
    }
}

/// The steps of a request's scenario in their order; none without one, or when it is configured no more.
/// `events` are the request's, the oldest first.
pub fn progress<'a>(state: &PaymentRequest, events: &[Published], policies: &'a Policies) -> Vec<Progress<'a>> {
    let Some(terms) = &state.terms else { return Vec::new() };
    let scenario = policies.scenario_of(terms);
    let zone = policies.zone_of(state.rare.zone.as_deref());
    let stopped = events.iter().rev().find(|event| event.event == EventType::ReminderStopped);
    let stopped = stopped.map_or("", |event| text(event, Field::Reason));
    let stands = |name: &str| scenario.is_some_and(|scenario| scenario.place_of(name).is_some());
    let mut is_past = state.reminders.next.is_some() && state.reminders.name.as_deref().is_none_or(stands);
    let mut previous = terms.created_at;
    let moments = |previous| Moments::of(state, terms, previous, policies);
    let of_step = |(place, step): (usize, &'a Step)| {
        let told = told(events, &step.name);
        let armed = state.reminders.next.filter(|(next, _)| match &state.reminders.name {
            Some(name) => *name == step.name,
            None => usize::from(*next) == place,
        });
        is_past &= armed.is_none();
        let due = armed.map_or_else(|| step.due(&moments(previous), &zone, &policies.calendar), |(_, due)| due);
        previous = match &told {
            Some(Standing::Sent { at, .. } | Standing::NotSent { at, .. }) => *at,
            _ => due,
        };
        let standing = match (armed, told) {
            (Some(_), Some(Standing::Waits { reason })) => Standing::Waits { reason },
            (Some(_), _) => Standing::Next,
            (None, Some(told @ (Standing::Sent { .. } | Standing::NotSent { .. }))) => told,
            (None, _) if is_past => Standing::Passed,
            (None, _) if state.status == Status::Settled => Standing::NotReached { reason: "settled".into() },
            (None, _) if state.status == Status::Cancelled => Standing::NotReached { reason: "cancelled".into() },
            (None, _) if state.rare.dispute.is_some() => Standing::Paused { reason: "disputed" },
            (None, _) if state.rare.promise.is_some() => Standing::Paused { reason: "a payment is promised" },
            // Between a step and the planning of the next one nothing is armed, and nothing has stopped.
            (None, _) if state.reminders.next.is_some() || stopped.is_empty() => Standing::ToCome,
            (None, _) => Standing::NotReached { reason: stopped.into() },
        };
        Progress { step, due, standing }
    };
    scenario.map_or(&[][..], |scenario| scenario.steps()).iter().enumerate().map(of_step).collect()
}

/// The channels of a step, the preferred first.
pub fn channels(step: &Step) -> Vec<&'static str> {
    step.channels.iter().copied().map(Channel::name).collect()
}
