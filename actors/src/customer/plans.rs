//! The plans of a customer: what is agreed is collected from something that can be, and rests when nothing recurring is
//! collected.

use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};

use super::collecting::{usable, way};
use super::command::Command;
use super::event::Event;
use super::rejection::Rejection;
use super::state::Customer;
use crate::collection::{Hold, Instrument, MandateKind};
use crate::limits;
use crate::machine::{Context, Decision, Tell};
use crate::payment_request::{self, Membership};
use crate::plan::{self, SuspendedBy};
use crate::values::{PaymentRequestId, PlanId};

type Decided = Result<Decision<Event>, Rejection>;

pub(super) fn decide(state: &Customer, command: &Command, context: &Context<'_>) -> Decided {
    match command {
        Command::OpenPlan { terms } => open(state, terms, context),
        Command::ChangePlan { plan, change, way } => {
            let (instrument, policy) = way;
            let mut decision = Decision::default();
            if change.collect_from.is_some() || change.policy.is_some() {
                check(state, instrument.as_ref(), policy.as_ref(), context)?;
                if state.rare.plans.contains_key(plan) {
                    decision.push(Event::PlanOpened { plan: *plan, card: card(instrument.as_ref()) });
                }
            }
            decision.tell(Tell::Plan(*plan, plan::Command::Change(change.clone())));
            Ok(decision)
        }
        Command::ResumePlan { plan, catch_up } => {
            rests(state)?;
            let mut decision = Decision::default();
            decision.tell(Tell::Plan(*plan, plan::Command::Resume { catch_up: *catch_up }));
            Ok(decision)
        }
        Command::FollowInstrument { of, instrument, policy } => {
            let mut decision = Decision::default();
            // What no plan could be agreed on is for this request only.
            if agreed(state, instrument, Some(policy), context).is_ok() && state.rare.plans.contains_key(&of.plan) {
                let card = card(Some(instrument));
                if state.rare.plans.get(&of.plan) != Some(&card) {
                    decision.push(Event::PlanOpened { plan: of.plan, card });
                }
                let notice_days = match instrument {
                    Instrument::Mandate(reference) => {
                        state.mandates.get(reference).map_or(0, |known| known.notice_days)
                    }
                    Instrument::Card(_) => 0,
                };
                let (number, instrument) = (of.number, instrument.clone());
                let ahead_days = plan::ahead_days(Some(&instrument), notice_days);
                let follow = plan::Command::UseInstrument { number, instrument, ahead_days };
                decision.tell(Tell::Plan(of.plan, follow));
            }
            Ok(decision)
        }
        Command::KnowPlan { plan, live, card } => Ok(match (state.rare.plans.contains_key(plan), *live) {
            (false, true) => Decision::of(Event::PlanOpened { plan: *plan, card: card.clone() }),
            (true, false) => Decision::of(Event::PlanClosed { plan: *plan }),
            _ => Decision::default(),
        }),
        Command::CollectCycle { request, instrument, policy, of } => {
            Ok(collect(state, *request, instrument, (policy.as_ref(), *of), context))
        }
        _ => Ok(Decision::default()), // Decided by the caller.
    }
}

/// Whether cycles can be collected from an instrument as things are.
fn agreed(
    state: &Customer, instrument: &Instrument, policy: Option<&SmolStr>, context: &Context<'_>,
) -> Result<(), Rejection> {
    way(state, instrument, policy, context)?;
    let unusable = |reason| Rejection::NotUsable { instrument: instrument.clone(), reason };
    let today = context.now.date_in(&context.policies.zone);
    // No request is asked for yet.
    let none = PaymentRequestId::from_bytes([0; 16]);
    usable(state, instrument, none, today).map_err(unusable)?;
    let one_off = |kind| matches!(kind, MandateKind::CoreOneOff | MandateKind::B2bOneOff);
    match instrument {
        Instrument::Mandate(reference) if state.mandates.get(reference).is_some_and(|known| one_off(known.kind)) => {
            Err(unusable("the mandate is for one collection, and a plan has several".into()))
        }
        _ => Ok(()),
    }
}

/// Why nothing of a plan can go on, if it cannot.
fn rests(state: &Customer) -> Result<(), Rejection> {
    if state.is_deceased() {
        return Err(Rejection::RecurringSuspended(Hold::Deceased.name().into()));
    }
    match &state.rare.suspended {
        Some(reason) => Err(Rejection::RecurringSuspended(reason.clone())),
        None => Ok(()),
    }
}

/// Whether a plan can be collected so, if it is collected.
fn check(
    state: &Customer, instrument: Option<&Instrument>, policy: Option<&SmolStr>, context: &Context<'_>,
) -> Result<(), Rejection> {
    match (instrument, policy) {
        (Some(instrument), policy) => agreed(state, instrument, policy, context),
        (None, Some(policy)) if !context.policies.collections.policies.contains_key(policy.as_str()) => {
            Err(Rejection::UnknownPolicy(policy.clone()))
        }
        (None, _) => Ok(()),
    }
}

/// The token of a card.
fn card(instrument: Option<&Instrument>) -> Option<SmolStr> {
    match instrument {
        Some(Instrument::Card(token)) => Some(token.clone()),
        _ => None,
    }
}

fn open(state: &Customer, terms: &Arc<plan::Terms>, context: &Context<'_>) -> Decided {
    let mut decision = Decision::default();
    let create = Tell::Plan(terms.id, plan::Command::Create { terms: Arc::clone(terms) });
    if state.rare.plans.contains_key(&terms.id) {
        decision.tell(create); // The same again, or it is refused.
        return Ok(decision);
    }
    rests(state)?;
    if state.rare.plans.len() >= limits::PLANS_MAX {
        return Err(Rejection::TooManyPlans(limits::PLANS_MAX));
    }
    check(state, terms.collect_from.as_ref(), terms.policy.as_ref(), context)?;
    decision.push(Event::PlanOpened { plan: terms.id, card: card(terms.collect_from.as_ref()) });
    decision.tell(create);
    Ok(decision)
}

/// The request of a cycle is collected. An instrument that cannot be used today may be renewed by then: the attempt
/// waits for it.
fn collect(
    state: &Customer, request: PaymentRequestId, instrument: &Instrument,
    (policy, of): (Option<&SmolStr>, Membership), context: &Context<'_>,
) -> Decision<Event> {
    let mut decision = Decision::default();
    if !state.open_requests.contains_key(&request) {
        return decision; // It is paid already.
    }
    match way(state, instrument, policy, context) {
        Ok((usage, policy)) => {
            let agree = payment_request::Command::AgreeCollection { usage, policy, again: false, first: false };
            decision.tell(Tell::PaymentRequest(request, agree));
        }
        Err(error) => {
            let (number, reason) = (of.number, format_smolstr!("{error}"));
            decision.tell(Tell::Plan(of.plan, plan::Command::HoldCollection { number, reason }));
        }
    }
    decision
}

/// Adds what the plans of a customer hear of a decision.
pub(super) fn inform(state: &Customer, mut decision: Decision<Event>) -> Decision<Event> {
    if state.rare.plans.is_empty() {
        return decision;
    }
    let heard = decision.events.iter().find_map(|event| match event {
        Event::RecurringSuspended { reason } => Some(plan::Command::Suspend {
            reason: format_smolstr!("recurring payments of the customer: {reason}"),
            by: SuspendedBy::Customer,
        }),
        Event::HoldPlaced { hold: Hold::Deceased, .. } => {
            Some(plan::Command::Suspend { reason: Hold::Deceased.name().into(), by: SuspendedBy::Customer })
        }
        Event::RecurringResumed if !state.is_deceased() => Some(plan::Command::ResumeWithCustomer),
        Event::HoldLifted { hold: Hold::Deceased } if state.rare.suspended.is_none() => {
            Some(plan::Command::ResumeWithCustomer)
        }
        _ => None,
    });
    if let Some(command) = heard {
        let tell = |plan: &PlanId| Tell::Plan(*plan, command.clone());
        decision.tells.extend(state.rare.plans.keys().map(tell));
    }
    decision
}

pub(super) fn apply(state: &mut Customer, event: &Event) {
    match event {
        Event::PlanOpened { plan, card } => {
            state.rare.plans.insert(*plan, card.clone());
        }
        Event::PlanClosed { plan } => {
            state.rare.plans.remove(plan);
        }
        _ => {}
    }
}
