//! The plan that a request is a cycle of: it hears where the request stands.

use smol_str::SmolStr;

use super::collection::Stage;
use super::event::Event;
use super::state::{Membership, PaymentRequest, Status};
use crate::customer;
use crate::machine::{Decision, Tell};
use crate::plan::{Command, Standing};
use crate::values::PaymentRequestId;

/// The request is a cycle of a plan.
pub(super) fn join(state: &PaymentRequest, request: PaymentRequestId, membership: Membership) -> Decision<Event> {
    let mut decision = Decision::default();
    if state.rare.plan == Some(membership) {
        return decision;
    }
    decision.push(Event::PlanJoined { membership });
    let Membership { plan, number } = membership;
    decision.tell(Tell::Plan(plan, Command::TakeCycle { number, request }));
    // Credit may have paid it at once.
    let standing = match state.status {
        Status::Open => return decision,
        Status::Settled => Standing::Paid,
        Status::Cancelled => Standing::Cancelled,
    };
    tell(&mut decision, request, membership, (standing, SmolStr::default()));
    decision
}

/// Adds what the plan of a request hears of a decision. What becomes of the next cycles is the plan's to say: the
/// customer's other recurring payments go on.
pub(super) fn inform(state: &PaymentRequest, mut decision: Decision<Event>) -> Decision<Event> {
    let (Some(membership), Some(terms)) = (state.rare.plan, &state.terms) else { return decision };
    let suspends = |tell: &Tell| matches!(tell, Tell::Customer(_, customer::Command::SuspendRecurring { .. }));
    decision.tells.retain(|tell| !suspends(tell));
    // What fails of a request that is paid otherwise says nothing of it.
    let opens = decision.events.iter().any(|event| matches!(event, Event::Reopened { .. }));
    let is_open = state.status == Status::Open || opens;
    let heard = decision
        .events
        .iter()
        .filter_map(|event| standing(state, event))
        .filter(|(standing, _)| is_open || !standing.is_behind());
    let heard: Vec<(Standing, SmolStr)> = heard.collect();
    for heard in heard {
        tell(&mut decision, terms.id, membership, heard);
    }
    let agreed = decision.events.iter().find_map(|event| match event {
        Event::CollectionAgreed { usage, policy } => Some((usage.instrument.clone(), policy.clone())),
        _ => None,
    });
    if let Some((instrument, policy)) = agreed {
        let follow = customer::Command::FollowInstrument { of: membership, instrument, policy };
        decision.tell(Tell::Customer(terms.customer, follow));
    }
    decision
}

/// What an event says of where a request stands, and why.
fn standing(state: &PaymentRequest, event: &Event) -> Option<(Standing, SmolStr)> {
    let stage = state.collection.as_ref().map(|collection| &collection.stage);
    match event {
        Event::Settled { .. } | Event::SettledUntil { .. } => Some((Standing::Paid, SmolStr::default())),
        Event::Cancelled { reason, .. } => Some((Standing::Cancelled, reason.clone())),
        Event::Reopened { .. } => Some((Standing::Failing, "a payment was taken back".into())),
        // An attempt on the next open day, or whose result is to come, is not late.
        Event::BecameOverdue { .. } if matches!(stage, Some(Stage::Planned { .. } | Stage::Running { .. })) => None,
        Event::BecameOverdue { .. } => Some((Standing::Failing, "overdue".into())),
        Event::AttemptFailed { reason_code, .. } => Some((Standing::Failing, reason_code.clone())),
        Event::CollectionEnded { reason, .. } => Some((Standing::Exhausted, reason.clone())),
        _ => None,
    }
}

fn tell(
    decision: &mut Decision<Event>, request: PaymentRequestId, membership: Membership,
    (standing, reason): (Standing, SmolStr),
) {
    let Membership { plan, number } = membership;
    decision.tell(Tell::Plan(plan, Command::TakeStanding { number, request, standing, reason }));
}
