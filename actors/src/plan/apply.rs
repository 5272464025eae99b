//! Folding a plan's events. It only assigns (N4).

use super::event::Event;
use super::state::{Cycle, Next, Phase, Plan, Standing};
use crate::limits;

pub(super) fn apply(state: &mut Plan, event: &Event) {
    match event {
        Event::Created { terms } => {
            state.cursor = (terms.first_number(), 0);
            state.terms = Some(terms.clone());
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
        Event::CycleAsked { number, due_on, .. } => {
            state.next = None;
            state.asked = Some((*number, *due_on));
        }
        Event::CycleTaken { number, request } => {
            let due_on = state.asked.take().map(|(_, due_on)| due_on);
            let (_, slot) = state.cursor;
            // The deposit has no place in the calendar of the others.
            state.cursor = (number.saturating_add(1), slot.saturating_add(u32::from(*number > 0)));
            stand(state, *number, Cycle { request: *request, due_on, standing: Standing::Open });
        }
        Event::CycleRefused { .. } => {}
        Event::CycleStood { number, request, standing } => {
            let due_on = state.cycles.get(number).and_then(|cycle| cycle.due_on);
            stand(state, *number, Cycle { request: *request, due_on, standing: *standing });
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
            rest(state, *generation);
        }
        Event::Suspended { reason, by, generation } => {
            state.phase = Phase::Suspended(*by);
            state.reason = Some(reason.clone());
            state.paused_until = None;
            state.question = None;
            rest(state, *generation);
        }
        Event::Resumed { slot, generation } => {
            state.phase = Phase::Running;
            (state.reason, state.paused_until, state.question) = (None, None, None);
            state.holds_collection = false;
            state.cursor.1 = *slot;
            state.generation = *generation;
        }
        Event::Cancelled { reason, generation } => {
            state.phase = Phase::Cancelled;
            state.reason = Some(reason.clone());
            state.question = None;
            rest(state, *generation);
        }
        Event::Completed => {
            state.phase = Phase::Completed;
            (state.next, state.question) = (None, None);
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
