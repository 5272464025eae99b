//! Folding a payment request's events. It only assigns (N4).

use std::sync::Arc;

use smol_str::SmolStr;

use super::collection;
use super::event::Event;
use super::state::{Approval, AttemptStatus, OwnNumber, PaymentRequest, Promise, RefundOrdered, Status};
use crate::values::{Date, Timestamp};

pub(super) fn apply(state: &mut PaymentRequest, event: &Event) {
    match event {
        Event::Issued { terms } => state.terms = Some(terms.clone()),
        Event::ReminderPlanned { step, due, generation } => {
            state.reminders.next = Some((*step, *due));
            state.reminders.name = None;
            state.reminders.generation = *generation;
        }
        Event::StepPlanned { step, name, due, generation } => {
            state.reminders.next = Some((*step, *due));
            state.reminders.name = Some(name.clone());
            state.reminders.generation = *generation;
            forget_approval(state, Some(name));
        }
        Event::ReminderHeld { step, name, at, generation } => {
            state.reminders.next = Some((*step, *at));
            state.reminders.name = Some(name.clone());
            state.reminders.generation = *generation;
            state.rare.approval_asked = true;
            state.rare.approval = Some(Approval { step: name.clone(), since: *at, by: None });
        }
        Event::ReminderApproved { step, name, by, at, generation } => {
            state.reminders.next = Some((*step, *at));
            state.reminders.name = Some(name.clone());
            state.reminders.generation = *generation;
            if let Some(known) = &mut state.rare.approval {
                known.since = *at;
                known.by = Some(by.clone());
            }
        }
        Event::ScenarioBegun { at } => (state.rare.chosen_at, state.rare.begins) = (Some(*at), false),
        Event::ScenarioChosen { scenario, .. } => {
            if let Some(terms) = &mut state.terms {
                Arc::make_mut(terms).scenario.clone_from(scenario);
            }
            state.rare.begins = scenario.is_some();
            forget_approval(state, None);
            (state.reminders.unnamed, state.reminders.reached) = (0, 0);
        }
        Event::ReminderReached { step, .. } => {
            state.reminders.next = None;
            state.reminders.reached = step.saturating_add(1);
            match state.reminders.name.take() {
                Some(name) => state.reminders.pass(name),
                None => state.reminders.unnamed = step.saturating_add(1),
            }
        }
        Event::ReminderSkipped { step, name, .. } => {
            state.reminders.next = None;
            state.reminders.name = None;
            state.reminders.reached = step.saturating_add(1);
            state.reminders.pass(name.clone());
            forget_approval(state, None);
        }
        Event::RemindersStopped { generation, .. } => {
            forget_approval(state, None);
            state.reminders.next = None;
            state.reminders.name = None;
            state.reminders.generation = *generation;
        }
        Event::AmountAllocated { source, amount, .. } => {
            state.allocations.insert(*source, *amount);
        }
        Event::Settled { at } => settled(state, *at, None),
        Event::SettledUntil { at, final_on } => settled(state, *at, *final_on),
        Event::Finalised { .. } => state.final_on = None,
        Event::PaydaysKnown { paydays } => {
            if let Some(collection) = &mut state.collection {
                collection.paydays = paydays.clone();
            }
        }
        Event::BecameOverdue { .. } => state.overdue = true,
        Event::AttemptSucceeded { attempt, amount } => {
            collection::end_attempt(state, *attempt, *amount, AttemptStatus::Succeeded, None);
        }
        Event::AttemptFailed { attempt, amount, reason_code, .. } => {
            collection::end_attempt(state, *attempt, *amount, AttemptStatus::Failed, Some(reason_code));
        }
        Event::RefundInitiated { key, amount } => {
            state.rare.refunds.insert(key.clone(), *amount);
            state.rare.refunded_minor = state.rare.refunded_minor.saturating_add(amount.minor());
        }
        Event::RefundOrdered { key, amount, payout, number } => {
            let ordered = RefundOrdered { payout: *payout, number: *number, failed: false, credited_minor: 0 };
            state.rare.refunds.insert(key.clone(), *amount);
            state.rare.refund_orders.insert(key.clone(), ordered);
            state.rare.refunded_minor = state.rare.refunded_minor.saturating_add(amount.minor());
        }
        Event::CreditNoteKept { amount, .. } => {
            state.rare.notes_kept_minor = state.rare.notes_kept_minor.saturating_add(amount.minor());
        }
        Event::CreditNotesRefunded { amount } => {
            state.rare.notes_kept_minor = state.rare.notes_kept_minor.saturating_sub(amount.minor());
            state.rare.refunds_credited_minor = state.rare.refunds_credited_minor.saturating_add(amount.minor());
        }
        Event::RefundCredited { amount, .. } => {
            state.rare.refunds_credited_minor = state.rare.refunds_credited_minor.saturating_add(amount.minor());
        }
        Event::RefundCompleted { key, amount } => {
            if let Some(ordered) = state.rare.refund_orders.get_mut(key).filter(|ordered| ordered.failed) {
                ordered.failed = false;
                ordered.credited_minor = 0;
                state.rare.refunded_minor = state.rare.refunded_minor.saturating_add(amount.minor());
            }
        }
        Event::RefundFailed { key, amount, .. } => {
            let rare = &mut *state.rare;
            if let Some(ordered) = rare.refund_orders.get_mut(key) {
                rare.refunded_minor = rare.refunded_minor.saturating_sub(amount.minor());
                let over = rare.refunds_credited_minor.saturating_sub(rare.refunded_minor).max(0);
                (ordered.failed, ordered.credited_minor) = (true, over);
                rare.refunds_credited_minor -= over;
                rare.notes_kept_minor = rare.notes_kept_minor.saturating_add(over);
            }
        }
        Event::AllocationReversed { source, .. } => {
            state.allocations.remove(source);
        }
        Event::Reopened { .. } => {
            state.status = Status::Open;
            state.settled_at = None;
            state.final_on = None;
        }
        Event::Cancelled { .. } => {
            state.status = Status::Cancelled;
            state.overdue = false;
        }
        Event::ReminderDeferred { step, name, until, generation, .. } => {
            state.reminders.next = Some((*step, *until));
            state.reminders.name = Some(name.clone());
            state.reminders.passed.retain(|passed| passed != name);
            state.reminders.unnamed = state.reminders.unnamed.min(*step);
            state.reminders.generation = *generation;
            state.reminders.reached = *step;
        }
        Event::PromiseMade { on, generation } => {
            state.rare.promise = Some(Promise { on: *on, generation: *generation });
            state.rare.promises = *generation;
        }
        Event::PromiseKept | Event::PromiseBroken { .. } => state.rare.promise = None,
        Event::Disputed { reason } => state.rare.dispute = Some(reason.clone()),
        Event::DisputeEnded { .. } => state.rare.dispute = None,
        Event::WrittenOff { amount, .. } => state.rare.written_off_minor = amount.minor(),
        Event::WriteOffReversed { .. } => state.rare.written_off_minor = 0,
        Event::ZoneKnown { zone } => state.rare.zone = Some(zone.clone()),
        Event::PlanJoined { membership } => state.rare.plan = Some(*membership),
        Event::OrderJoined { order, .. } => state.rare.order = Some(order.clone()),
        Event::ReferenceGiven { reference, .. } => state.rare.payment_reference = Some(reference.clone()),
        Event::NumberGiven { virtual_iban, since, .. } => {
            let (virtual_iban, since) = (virtual_iban.clone(), *since);
            state.rare.number = Some(OwnNumber { virtual_iban, since, released: None });
        }
        Event::NumberReleased { until, free_on, .. } => {
            if let Some(own) = state.rare.said().and_then(|rare| rare.number.as_mut()) {
                own.released = Some((*until, *free_on));
            }
        }
        Event::CollectionAgreed { .. }
        | Event::AttemptPlanned { .. }
        | Event::AttemptOrdered { .. }
        | Event::AttemptSubmitted { .. }
        | Event::AttemptPending { .. }
        | Event::AttemptHandedTo { .. }
        | Event::PolicyTriedOut { .. }
        | Event::AttemptSkipped { .. }
        | Event::AttemptUnknown { .. }
        | Event::AttemptReversed { .. }
        | Event::CollectionWaits { .. }
        | Event::CollectionEnded { .. } => collection::apply(state, event),
    }
    crate::check!(
        crate::invariants::ALLOCATIONS_WITHIN_AMOUNT,
        state.outstanding().is_none_or(|outstanding| !outstanding.is_negative())
    );
}

/// What a person was asked about no longer counts, unless it is about the step that is armed now.
fn forget_approval(state: &mut PaymentRequest, armed: Option<&SmolStr>) {
    if let Some(rare) = state.rare.said()
        && rare.approval.as_ref().is_some_and(|known| Some(&known.step) != armed)
    {
        rare.approval = None;
    }
}

fn settled(state: &mut PaymentRequest, at: Timestamp, final_on: Option<Date>) {
    state.status = Status::Settled;
    collection::settled(state);
    state.settled_at = Some(at);
    state.final_on = final_on;
    state.overdue = false;
    if let Some(rare) = state.rare.said() {
        rare.promise = None;
    }
}
