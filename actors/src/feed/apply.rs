//! Folding a feed's events. It only assigns (N4).

use super::event::{Event, Outcome};
use super::state::{DIGESTS_MAX, Feed};

pub(super) fn apply(state: &mut Feed, event: &Event) {
    match event {
        Event::Watched { name, expectation } => {
            state.name.clone_from(name);
            state.expectation = *expectation;
            state.due = None;
            state.delayed_until = None;
        }
        Event::Expected { due } => {
            state.due = Some(*due);
            state.generation = state.generation.saturating_add(1);
            state.delayed_until = None;
        }
        Event::FileRead { name, at, file, outcome } => {
            state.name.clone_from(name);
            if *outcome != Outcome::Duplicate {
                state.files = state.files.saturating_add(1);
            }
            if matches!(outcome, Outcome::Accepted | Outcome::PartlyAccepted) {
                state.last_file_at = Some(*at);
                if state.delayed_until.is_some() || state.stalled_since.is_some() {
                    state.late_file_at = Some(*at);
                }
                state.digests.push_back(file.digest);
                if state.digests.len() > DIGESTS_MAX {
                    state.digests.pop_front();
                }
            }
        }
        Event::Stalled { due, missed, .. } => {
            state.stalled_since = state.stalled_since.or(Some(*due));
            state.missed = *missed;
        }
        Event::Recovered { .. } => {
            state.stalled_since = None;
            state.missed = 0;
        }
        Event::Failing { name, since, .. } => {
            state.name.clone_from(name);
            state.failing_since = Some(*since);
        }
        Event::Well { .. } => state.failing_since = None,
        Event::Delayed { until } => state.delayed_until = Some(*until),
    }
}
