//! Folding a payout's events. It only assigns (N4).

use super::event::Event;
use super::state::{Payout, Status};

pub(super) fn apply(state: &mut Payout, event: &Event) {
    match event {
        Event::Requested { details, .. } => state.details = Some(details.clone()),
        Event::Approved { by } => state.decided_by = Some(by.clone()),
        Event::Ordered { on } => {
            state.status = Status::Ordered;
            state.on = Some(*on);
        }
        Event::Rejected { by, reason } => {
            state.status = Status::Rejected;
            state.decided_by = Some(by.clone());
            state.reason = Some(reason.clone());
        }
        Event::Executed { on } => {
            state.status = Status::Executed;
            state.on = Some(*on);
        }
        Event::Contradicted { on, .. } => {
            state.status = Status::Executed;
            state.on = Some(*on);
            state.reason = None;
        }
        Event::Failed { reason, .. } => {
            state.status = Status::Failed;
            state.reason = Some(reason.clone());
        }
    }
}
