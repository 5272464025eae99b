//! What a feed decides.

use std::sync::Arc;

use smol_str::SmolStr;

use super::apply::apply;
use super::command::{Command, Rejection};
use super::event::{Event, Outcome};
use super::expectation::Expectation;
use super::state::Feed;
use crate::machine::{Context, Decision, Effect, Machine, Purpose};
use crate::partition::FileRecord;
use crate::values::Timestamp;

/// How long after a deadline that passed while nothing ran files may still be read before one counts
/// as missing: they may lie in the directory.
const GRACE_MS: i64 = 15 * 60_000;

impl Machine for Feed {
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: &Command, context: &Context<'_>) -> Result<Decision<Event>, Rejection> {
        Ok(match command {
            Command::Watch { name } => watch(self, name, context),
            Command::ReadFile { name, file, duplicate } => read_file(self, name, file, *duplicate, context),
            Command::FileDue { generation, due } => file_due(self, *generation, *due, context),
        })
    }

    fn apply(&mut self, event: &Event) {
        apply(self, event);
    }
}

fn watch(state: &Feed, name: &SmolStr, context: &Context<'_>) -> Decision<Event> {
    let expectation = context.policies.expectations.get(name.as_str()).copied();
    let known = state.name == *name && state.expectation == expectation;
    if known && state.due.is_some() == expectation.is_some() {
        return Decision::default();
    }
    let mut decision = Decision::of(Event::Watched { name: name.clone(), expectation });
    if let Some(expectation) = expectation {
        expect(&mut decision, state, next(expectation, context.now, context));
    } else if let Some(since) = state.stalled_since {
        decision.push(Event::Recovered { name: name.clone(), since });
    }
    decision
}

fn read_file(
    state: &Feed, name: &SmolStr, file: &Arc<FileRecord>, duplicate: bool, context: &Context<'_>,
) -> Decision<Event> {
    let outcome = match file {
        _ if duplicate => Outcome::Duplicate,
        file if file.rejected || file.refused > 0 && file.accepted + file.known == 0 => Outcome::Rejected,
        file if file.refused > 0 => Outcome::PartlyAccepted,
        _ => Outcome::Accepted,
    };
    let (name, at) = (name.clone(), context.now);
    let mut decision = Decision::of(Event::FileRead { name: name.clone(), at, file: Arc::clone(file), outcome });
    if !matches!(outcome, Outcome::Accepted | Outcome::PartlyAccepted) {
        return decision; // Nothing came that could be used.
    }
    if let Some(since) = state.stalled_since {
        decision.push(Event::Recovered { name, since });
    }
    if let Some(every @ Expectation::Every(_)) = state.expectation {
        expect(&mut decision, state, next(every, at, context));
    }
    decision
}

fn file_due(state: &Feed, generation: u32, due: Timestamp, context: &Context<'_>) -> Decision<Event> {
    let Some(expectation) = state.expectation.filter(|_| generation == state.generation && state.due == Some(due))
    else {
        return Decision::default();
    };
    crate::check!(crate::invariants::TIMER_NOT_EARLY, context.now >= due);
    let mut decision = Decision::default();
    let grace = due.plus_millis(GRACE_MS);
    if !state.has_come && context.now > grace {
        // It fires late: nobody looked meanwhile.
        expect(&mut decision, state, context.now.plus_millis(GRACE_MS));
        return decision;
    }
    if !state.has_come {
        let (name, missed) = (state.name.clone(), state.missed.saturating_add(1));
        decision.push(Event::Stalled { name, due, last_file_at: state.last_file_at, missed });
    }
    expect(&mut decision, state, next(expectation, context.now, context));
    decision
}

fn next(expectation: Expectation, after: Timestamp, context: &Context<'_>) -> Timestamp {
    expectation.after(after, &context.policies.calendar, &context.policies.zone)
}

fn expect(decision: &mut Decision<Event>, state: &Feed, due: Timestamp) {
    decision.push(Event::Expected { due });
    let generation = state.generation.saturating_add(1);
    decision.effect(Effect::ArmTimer { purpose: Purpose::File, due, generation });
}
