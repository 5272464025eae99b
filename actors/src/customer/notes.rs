//! What is noted about a customer: tasks for a person, tags, and events of a rule's own name. None of it moves money.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::event::Event;
use super::rejection::Rejection;
use super::state::Customer;
use crate::limits;
use crate::machine::{Context, Decision, Effect, Purpose};
use crate::values::{Date, PaymentRequestId, Timestamp};

/// The local hour at which a task's last day ends.
const DAY_ENDS: i8 = 18;

/// Something that a person is to do about a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// What is to be done, in words.
    pub text: SmolStr,
    /// The request that it is about, if it is about one.
    pub request: Option<PaymentRequestId>,
    /// Who asks for it: a person, or `rule NAME`.
    pub by: SmolStr,
    /// Since when.
    pub opened_at: Timestamp,
    /// The last day for it.
    pub due_on: Option<Date>,
    /// Who is to do it.
    pub assigned_to: Option<SmolStr>,
}

/// What is to be noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A person is to do something. The same of the same sender about the same request is asked for once while it is open.
    OpenTask {
        /// What, in words.
        text: SmolStr,
        /// About which request.
        request: Option<PaymentRequestId>,
        /// Who asks.
        by: SmolStr,
        /// The last day for it.
        due_on: Option<Date>,
        /// Who is to do it.
        assigned_to: Option<SmolStr>,
    },
    /// Somebody is to do it, or nobody in particular.
    AssignTask {
        /// Its number, from 1.
        number: u32,
        /// Who.
        to: Option<SmolStr>,
        /// Who says so.
        by: SmolStr,
    },
    /// It is done, or need not be.
    CloseTask {
        /// Its number.
        number: u32,
        /// Who says so.
        by: SmolStr,
        /// What came of it, in words; may be empty.
        outcome: SmolStr,
    },
    /// The last day of a task may be over.
    TaskDue {
        /// Its number.
        number: u32,
        /// When that was.
        due: Timestamp,
    },
    /// A tag is put on.
    Tag(SmolStr),
    /// A tag is taken off.
    Untag(SmolStr),
    /// Money of its own choice came, or was there when it was asked for.
    Pay {
        /// On which day.
        on: Date,
    },
    /// A person has spoken or written to the customer, outside of what is sent here.
    LogContact {
        /// How.
        way: ContactWay,
        /// What was said.
        text: SmolStr,
        /// Who says so.
        by: SmolStr,
        /// About which request.
        request: Option<PaymentRequestId>,
    },
    /// Something of a rule's own name happened.
    Say {
        /// Its name.
        name: SmolStr,
        /// About which request.
        request: Option<PaymentRequestId>,
    },
}

/// How a person was reached. Stored by position: only ever added at the end (N8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactWay {
    /// By telephone.
    Call,
    /// By letter.
    Letter,
    /// By a message from elsewhere.
    Message,
    /// In person.
    Visit,
}

impl ContactWay {
    /// Every way.
    pub const ALL: [ContactWay; 4] = [ContactWay::Call, ContactWay::Letter, ContactWay::Message, ContactWay::Visit];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            ContactWay::Call => "call",
            ContactWay::Letter => "letter",
            ContactWay::Message => "message",
            ContactWay::Visit => "visit",
        }
    }

    /// The way of that word.
    pub fn parse(word: &str) -> Result<Self, &'static str> {
        Self::ALL.into_iter().find(|way| way.name() == word).ok_or("expected call, letter, message or visit")
    }
}

/// What was noted. Stored for ever: variants are only ever added at the end (N8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Noted {
    /// A person is to do something.
    TaskOpened {
        /// Its number, from 1.
        number: u32,
        /// What.
        task: Arc<Task>,
    },
    /// Somebody is to do it, or nobody in particular.
    TaskAssigned {
        /// Its number.
        number: u32,
        /// Who.
        to: Option<SmolStr>,
        /// Who says so.
        by: SmolStr,
    },
    /// Its last day is over.
    TaskFellDue {
        /// Its number.
        number: u32,
        /// What is to be done.
        task: Arc<Task>,
    },
    /// It is done, or need not be.
    TaskClosed {
        /// Its number.
        number: u32,
        /// What was to be done.
        task: Arc<Task>,
        /// Who says so.
        by: SmolStr,
        /// What came of it, in words.
        outcome: SmolStr,
    },
    /// A tag was put on.
    Tagged {
        /// Which.
        tag: SmolStr,
    },
    /// A tag was taken off.
    Untagged {
        /// Which.
        tag: SmolStr,
    },
    /// Something of a rule's own name happened.
    Said {
        /// Its name.
        name: SmolStr,
        /// About which request.
        request: Option<PaymentRequestId>,
    },
    /// It paid, on a day of the month.
    Paid {
        /// Which.
        day: u8,
    },
    /// A person has spoken or written to it.
    Contacted {
        /// How.
        way: ContactWay,
        /// What was said.
        text: SmolStr,
        /// Who says so.
        by: SmolStr,
        /// About which request.
        request: Option<PaymentRequestId>,
        /// When that was noted.
        at: Timestamp,
    },
}

impl Noted {
    /// The request that it is about.
    pub fn request(&self) -> Option<PaymentRequestId> {
        match self {
            Noted::TaskOpened { task, .. } | Noted::TaskFellDue { task, .. } | Noted::TaskClosed { task, .. } => {
                task.request
            }
            Noted::Said { request, .. } | Noted::Contacted { request, .. } => *request,
            Noted::TaskAssigned { .. } | Noted::Tagged { .. } | Noted::Untagged { .. } | Noted::Paid { .. } => None,
        }
    }
}

impl Note {
    /// Its name, for logs.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Note::OpenTask { .. } => "open_task",
            Note::AssignTask { .. } => "assign_task",
            Note::CloseTask { .. } => "close_task",
            Note::TaskDue { .. } => "task_due",
            Note::Tag(_) => "tag",
            Note::Untag(_) => "untag",
            Note::LogContact { .. } => "log_contact",
            Note::Say { .. } => "say",
            Note::Pay { .. } => "pay",
        }
    }
}

/// A tag or the name of an event of a rule's own: letters a to z, digits, `_` and `-`, 32 characters at most.
pub fn short_name(text: &str) -> Result<SmolStr, &'static str> {
    let fits = (1..=limits::TAG_CHARACTERS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte));
    if fits { Ok(text.into()) } else { Err("expected 1 to 32 of a to z, 0 to 9, _ and -") }
}

fn is_line(text: &str, most: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= most && !text.contains(char::is_control)
}

/// What a person is to do, in words: one line of 200 characters at most.
pub fn task_text(text: &str) -> Result<SmolStr, &'static str> {
    if is_line(text, limits::TASK_CHARACTERS_MAX) {
        Ok(text.into())
    } else {
        Err("expected a line of 1 to 200 characters")
    }
}

/// Who is to do something, or says that it is done: a line as long as a name.
pub fn person(text: &str) -> Result<SmolStr, &'static str> {
    if is_line(text, limits::NAME_CHARACTERS_MAX) {
        Ok(text.into())
    } else {
        Err("expected a name of 1 to 140 characters")
    }
}

pub(super) fn decide(state: &Customer, note: &Note, context: &Context<'_>) -> Result<Decision<Event>, Rejection> {
    let rare = &state.rare;
    let open = |number: &u32| rare.tasks.get(number).ok_or(Rejection::NoTask(*number));
    let nothing = Ok(Decision::default());
    let noted = match note {
        Note::OpenTask { text, request, by, due_on, assigned_to } => {
            // A rule asks again each time; of a person, another day or somebody else is another task.
            let by_policy = by.starts_with("retry policy ");
            let by_rule = by_policy || by.starts_with("rule ");
            let alike = |task: &Task| by_rule || (task.due_on == *due_on && task.assigned_to == *assigned_to);
            let same =
                |task: &Arc<Task>| task.text == *text && task.request == *request && task.by == *by && alike(task);
            if rare.tasks.values().any(same) {
                return nothing;
            }
            if rare.tasks.len() >= limits::CUSTOMER_TASKS_MAX {
                // Teams hear of it by their rules in any case.
                if by_policy {
                    return nothing;
                }
                return Err(Rejection::TooManyTasks(limits::CUSTOMER_TASKS_MAX));
            }
            let (text, by, assigned_to) = (text.clone(), by.clone(), assigned_to.clone());
            let (request, due_on, opened_at) = (*request, *due_on, context.now);
            let task = Arc::new(Task { text, request, by, opened_at, due_on, assigned_to });
            let number = rare.tasks_opened.saturating_add(1);
            let mut decision = Decision::of(Event::Noted(Noted::TaskOpened { number, task }));
            let today = context.now.date_in(&context.policies.zone);
            // Of a day that nobody lives to see nobody is told.
            if let Some(day) = due_on.filter(|day| day.days_since(today) <= limits::TASK_DAYS_MAX) {
                let zone = &context.policies.zone;
                let due = match day.at(DAY_ENDS, 0, zone) {
                    // Asked for in the evening of its last day.
                    due if day == today && due <= context.now => day.plus_days(1).at(0, 0, zone),
                    due => due,
                };
                decision.effect(Effect::ArmTimer { purpose: Purpose::Task, due, generation: number });
            }
            return Ok(decision);
        }
        Note::AssignTask { number, to, .. } if open(number)?.assigned_to == *to => return nothing,
        Note::AssignTask { number, to, by } => {
            Noted::TaskAssigned { number: *number, to: to.clone(), by: by.clone() }
        }
        Note::CloseTask { number, by, outcome } => {
            let task = Arc::clone(open(number)?);
            Noted::TaskClosed { number: *number, task, by: by.clone(), outcome: outcome.clone() }
        }
        Note::TaskDue { number, due } => {
            let Some(task) = rare.tasks.get(number) else { return nothing };
            crate::check!(crate::invariants::TIMER_NOT_EARLY, context.now >= *due);
            if rare.overdue_tasks.contains_key(number) {
                return nothing;
            }
            Noted::TaskFellDue { number: *number, task: Arc::clone(task) }
        }
        Note::Tag(tag) if rare.tags.contains_key(tag) => return nothing,
        Note::Tag(_) if rare.tags.len() >= limits::TAGS_MAX => return Err(Rejection::TooManyTags(limits::TAGS_MAX)),
        Note::Tag(tag) => Noted::Tagged { tag: tag.clone() },
        Note::Untag(tag) if !rare.tags.contains_key(tag) => return nothing,
        Note::Untag(tag) => Noted::Untagged { tag: tag.clone() },
        Note::Pay { on } => Noted::Paid { day: day_of(*on) },
        Note::LogContact { way, text, by, request } => {
            let (text, by) = (text.clone(), by.clone());
            Noted::Contacted { way: *way, text, by, request: *request, at: context.now }
        }
        Note::Say { name, request } => Noted::Said { name: name.clone(), request: *request },
    };
    Ok(Decision::of(Event::Noted(noted)))
}

fn day_of(date: Date) -> u8 {
    let (.., day) = date.parts();
    u8::try_from(day).unwrap_or(1)
}

/// Notes the day of a transfer of somebody who is collected from: when it has money.
pub(super) fn learn(state: &Customer, decision: &mut Decision<Event>, booked_on: Date) {
    let is_collected_from = !state.mandates.is_empty() || !state.payment_methods.is_empty();
    let placed = |event: &Event| matches!(event, Event::TransferPlaced { .. });
    if is_collected_from && decision.events.iter().any(placed) {
        decision.push(Event::Noted(Noted::Paid { day: day_of(booked_on) }));
    }
}

pub(super) fn apply(state: &mut Customer, noted: &Noted) {
    let rare = &mut state.rare;
    match noted {
        Noted::TaskOpened { number, task } => {
            rare.tasks_opened = *number;
            rare.tasks.insert(*number, Arc::clone(task));
        }
        Noted::TaskAssigned { number, to, .. } => {
            if let Some(task) = rare.tasks.get_mut(number) {
                Arc::make_mut(task).assigned_to.clone_from(to);
            }
        }
        Noted::TaskFellDue { number, .. } => {
            rare.overdue_tasks.insert(*number, ());
        }
        Noted::TaskClosed { number, .. } => {
            rare.tasks.remove(number);
            rare.overdue_tasks.remove(number);
        }
        Noted::Tagged { tag } => {
            rare.tags.insert(tag.clone(), ());
        }
        Noted::Untagged { tag } => {
            rare.tags.remove(tag);
        }
        Noted::Said { .. } => {}
        Noted::Contacted { at, .. } => state.last_contact_at = state.last_contact_at.max(Some(*at)),
        Noted::Paid { day } => rare.paid_days.count(*day),
    }
}
