//! Folding a transfer's events. It only assigns (N4).

use super::event::Event;
use super::state::{Status, Transfer};

pub(super) fn apply(state: &mut Transfer, event: &Event) {
    match event {
        Event::Received { details, customer } => {
            state.details = Some(details.clone());
            state.customer = *customer;
        }
        Event::Noted { details, nature } => {
            state.details = Some(details.clone());
            state.status = Status::Noted;
            nature.text().clone_into(&mut state.explanation);
        }
        Event::Described(particulars) => state.particulars = Some(particulars.clone()),
        Event::Matched { allocations, credit, explanation } => {
            state.status = Status::Matched;
            state.allocations = allocations.iter().copied().collect();
            state.credited_minor = credit.minor();
            state.explanation.clone_from(explanation);
            crate::check!(
                crate::invariants::TRANSFER_PLACED,
                state.unallocated().is_some_and(crate::values::Money::is_zero)
            );
        }
        Event::TaskOpened { doubt, candidates } => {
            state.status = Status::NeedsDecision;
            state.doubt = Some(*doubt);
            state.candidates.clone_from(candidates);
            state.explanation = doubt.text().to_owned();
        }
    }
}
