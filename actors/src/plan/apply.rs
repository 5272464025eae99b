//! Folding a plan's events. It only assigns (N4).

use super::event::Event;
use super::state::{Cycle, Next, Phase, Plan, Standing, SuspendedBy};
use crate::limits;

pub(super) fn apply(state: &mut Plan, event: &Event) {
    match event {
        Event::Created { terms } => {
            state.cursor = (terms.first_number(), 0);
            (state.terms, state.created) = (Some(terms.clone()), Some(terms.clone()));
        }
        Event::Changed { terms } => {
            state.next = state.next.filter(|next| terms.has(next.number));
            state.terms = Some(terms.clone());
        }
        Event::Activated => {}
        Event::CyclePlanned { number, slot, due_on, at, generation } => {
            state.next = Some(Next { number: *number, slot: *slot, due_on: *due_on, at: *at });
            state.cursor = (*number, *slot);
            state.generation = *generation;
        }
        Event::CycleAsked { number, due_on, amount, .. } => {
            state.next = None;
            state.asked = Some((*number, *due_on, *amount));
        }
        Event::CycleTaken { number, request } => {
            let asked = state.asked.take().map(|(_, due_on, amount)| (due_on, amount));
            let (_, slot) = state.cursor;
            // The deposit has no place in the calendar of the others.
            state.cursor = (number.saturating_add(1), slot.saturating_add(u32::from(*number > 0)));
            stand(state, *number, Cycle { request: *request, asked, standing: Standing::Open });
        }
        Event::CycleRefused { .. } => {}
        Event::CycleStood { number, request, standing } => {
            let asked = state.cycles.get(number).and_then(|cycle| cycle.asked);
            stand(state, *number, Cycle { request: *request, asked, standing: *standing });
        }
        Event::PastDue { .. } => {
            if state.phase == Phase::Completed {
                state.phase = Phase::Running;
            }
        }
        Event::Recovered { .. } => {}
        Event::CollectionHeld { reason, .. } => {
            state.holds_collection = true;
            state.reason = Some(reason.clone());
        }
        Event::Questioned { reason, .. } => state.question = Some(reason.clone()),
        Event::Paused { reason, until, generation } => {
            state.phase = Phase::Paused;
            state.reason = Some(reason.clone());
            state.paused_until = *until;
            state.pause_kept = None;
            rest(state, *generation);
        }
        Event::Suspended { reason, by, generation } => {
            let paused = (state.phase == Phase::Paused && *by == SuspendedBy::Customer)
                .then(|| (state.reason.take().unwrap_or_default(), state.paused_until));
            state.phase = Phase::Suspended(*by);
            state.reason = Some(reason.clone());
            (state.paused_until, state.pause_kept) = (None, paused);
            rest(state, *generation);
        }
        Event::Resumed { slot, generation } => {
            state.phase = Phase::Running;
            (state.paused_until, state.pause_kept) = (None, None);
            state.reason = state.reason.take().filter(|_| state.holds_collection);
            state.cursor.1 = *slot;
            state.generation = *generation;
        }
        Event::Cancelled { reason, generation } => {
            state.phase = Phase::Cancelled;
            state.reason = Some(reason.clone());
            state.question = None;
            rest(state, *generation);
        }
        Event::Cleared => {
            (state.reason, state.question) = (None, None);
            state.holds_collection = false;
        }
        Event::Completed => {
            state.phase = Phase::Completed;
            (state.next, state.question, state.reason) = (None, None, None);
        }
    }
}

fn rest(state: &mut Plan, generation: u32) {
    state.next = None;
    state.generation = generation;
}

/// What is open is kept, and of the others the newest.
fn stand(state: &mut Plan, number: u16, cycle: Cycle) {
    state.cycles.insert(number, cycle);
    let closed = state.cycles.iter().filter(|(_, cycle)| !cycle.standing.is_open());
    let oldest = closed.clone().map(|(number, _)| *number).next();
    if let Some(oldest) = oldest.filter(|_| closed.count() > limits::PLAN_CYCLES_KEPT_MAX) {
        state.cycles.remove(&oldest);
    }
}
