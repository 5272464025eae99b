//! Folding a transfer's events. It only assigns (N4).

use super::event::Event;
use super::state::{Doubt, Lineage, Pending, Status, Transfer};
use litemap::LiteMap;

pub(super) fn apply(state: &mut Transfer, event: &Event) {
    if super::tasks::opens(state.status, event) {
        state.tasks = state.tasks.saturating_add(1);
        (state.claim, state.overdue_since) = (None, None);
    }
    match event {
        Event::Assigned { to, .. } => state.assigned_to.clone_from(to),
        Event::Claimed { claim } => state.claim = Some(claim.clone()),
        Event::TaskOverdue { due } => state.overdue_since = Some(*due),
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
            if let Some(Pending::Place(resolution)) = state.pending.take() {
                state.customer = Some(resolution.customer);
            }
            state.status = Status::Matched;
            state.doubt = None;
            state.candidates.clear();
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
            let is_kept = matches!(doubt, Doubt::Held | Doubt::ToReturn | Doubt::LeftToPerson);
            state.explanation = match state.kept_by.as_ref().filter(|_| is_kept) {
                Some(rule) => format!("{}: {rule}", doubt.text()),
                None => doubt.text().to_owned(),
            };
        }
        Event::Kept { rule } => state.kept_by = Some(rule.clone()),
        Event::PayerDoubted { .. } => state.payer_remembered = false,
        Event::PayerRemembered { .. } => state.payer_remembered = true,
        Event::Weighed(weighed) => state.weighed = Some(weighed.clone()),
        Event::Pointed(pointers) => state.pointers = Some(pointers.clone()),
        Event::Decided(resolution) => {
            state.pending = Some(Pending::Place(resolution.clone()));
            state.refused = None;
            state.decisions = state.decisions.saturating_add(1);
        }
        Event::TakeBackAsked { by, reason } => {
            state.pending = Some(Pending::TakeBack { by: by.clone(), reason: reason.clone() });
            state.refused = None;
            state.decisions = state.decisions.saturating_add(1);
        }
        Event::DecisionRefused { reason } => {
            if state.pending == Some(Pending::Recall) {
                state.recall = None; // The entry is a person's task, and may ask again.
            }
            let pending = state.pending.take();
            if let (Some(Pending::Divide), Some(lineage)) = (&pending, &mut state.lineage) {
                // It is asked again, after the others.
                if lineage.told < lineage.parts.len() {
                    let part = lineage.parts.remove(lineage.told);
                    lineage.parts.push(part);
                }
                state.pending = Some(Pending::Divide);
                state.decisions = state.decisions.saturating_add(1);
            }
            if let (Status::Received, Some(Pending::Place(resolution))) = (state.status, pending) {
                state.status = Status::NeedsDecision;
                state.doubt = Some(Doubt::Divided);
                Doubt::Divided.text().clone_into(&mut state.explanation);
                state.candidates = resolution.allocations.iter().map(|(request, _)| *request).collect();
            }
            state.refused = Some(reason.clone());
        }
        Event::TakenBack { allocations, .. } => {
            state.pending = None;
            state.refused = None;
            state.status = Status::NeedsDecision;
            state.doubt = Some(Doubt::TakenBack);
            state.explanation = Doubt::TakenBack.text().to_owned();
            state.candidates = allocations.iter().map(|(request, _)| *request).collect();
            state.allocations = LiteMap::new();
            state.credited_minor = 0;
        }
        Event::GivenBack { payout, by, reason } => {
            state.status = Status::GivenBack;
            state.given_back_by = Some(*payout);
            state.refused = None;
            state.doubt = None;
            state.explanation = format!("given back by {by}: {reason}");
        }
        Event::ReturnFailed { reason, .. } => {
            state.status = Status::NeedsDecision;
            state.doubt = Some(Doubt::ReturnFailed);
            state.explanation = format!("{}: {reason}", Doubt::ReturnFailed.text());
        }
        Event::RecallReceived(recall) => state.recall = Some(recall.clone()),
        Event::Divided { parts, by } => {
            state.status = Status::Divided;
            state.pending = Some(Pending::Divide);
            state.refused = None;
            state.doubt = None;
            state.candidates.clear();
            state.explanation = super::division::explained(by, parts.len());
            state.decisions = state.decisions.saturating_add(1);
            let lineage = state.lineage.get_or_insert_default();
            (lineage.parts, lineage.told) = (parts.clone(), 0);
        }
        Event::Parted { details, particulars, of, customer } => {
            state.details = Some(details.clone());
            state.particulars.clone_from(particulars);
            state.customer = *customer;
            state.lineage = Some(Box::new(Lineage { part_of: Some(*of), ..Lineage::default() }));
        }
        Event::PartTold => {
            state.decisions = state.decisions.saturating_add(1);
            if let Some(lineage) = &mut state.lineage {
                lineage.told = lineage.told.saturating_add(1);
                if lineage.told >= lineage.parts.len() {
                    state.pending = None;
                }
            }
        }
        Event::PartsRecalled { recall } => {
            state.pending = None;
            state.status = Status::Recalled;
            state.explanation = format!("taken back by the bank: {}", recall.reason);
        }
        Event::RecallAsked => {
            state.pending = Some(Pending::Recall);
            if let Some(lineage) = &mut state.lineage {
                lineage.told = 0;
            }
            state.refused = None;
            state.decisions = state.decisions.saturating_add(1);
        }
        Event::Recalled { recall, .. } => {
            state.pending = None;
            state.refused = None;
            state.status = Status::Recalled;
            state.doubt = None;
            state.candidates.clear();
            state.allocations = LiteMap::new();
            state.credited_minor = 0;
            state.explanation = format!("taken back by the bank: {}", recall.reason);
        }
        Event::SetAside { by, reason } => {
            state.status = Status::SetAside;
            state.refused = None;
            state.doubt = None;
            state.explanation = format!("put aside by {by}: {reason}");
        }
    }
}
