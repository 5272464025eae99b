//! What follows when a collection failed or was taken back: a new attempt by its policy and the reason, a wait for
//! another instrument, or the end.

use smol_str::{SmolStr, format_smolstr};

use super::collection::{Collection, Stage};
use super::event::Event;
use super::following::{self, Choice};
use super::planning::{Plan, end, made};
use super::state::{AttemptStatus, PaymentRequest, Status, Terms};
use super::writing_off;
use crate::collection::{Advised, Hold, Method, ReasonClass, RetryPolicy, Usage};
use crate::customer;
use crate::machine::{Context, Decision, Tell};
use crate::values::AttemptId;

/// What follows a failure: a new attempt, a wait, or the end; nothing of these when the request is not open
/// (`opens`) or something else is planned or under way. The customer hears of it in any case.
pub(super) fn after_failure(
    decision: &mut Decision<Event>, state: &PaymentRequest, terms: &Terms,
    (attempt, (reason_code, advice), opens): (AttemptId, (&SmolStr, Option<&str>), bool), context: &Context<'_>,
) {
    let Some(collection) = &state.collection else {
        // Collected by somebody else: that the payer has died concerns everything that is asked for.
        let reasons = &context.policies.collections.reasons;
        if reasons.class(Method::DirectDebit, reason_code, "") == ReasonClass::Deceased {
            let place = customer::Command::PlaceHold { hold: Hold::Deceased, until: None };
            decision.tell(Tell::Customer(terms.customer, place));
        }
        return;
    };
    let known = state.attempts.get(&attempt);
    let usage = known.and_then(|known| known.usage.as_deref()).unwrap_or(&collection.usage);
    let Usage { instrument, bank_country, .. } = usage;
    let reasons = &context.policies.collections.reasons;
    let advised = reasons.advised(instrument.method(), reason_code, advice, bank_country);
    let policy = context.policies.collections.policies.get(collection.policy.as_str());
    let class = policy.map_or(advised.class, |policy| policy.answer_to(reason_code, &advised).class);
    let other_runs = state.in_flight().is_some_and(|other| other != attempt);
    let goes_on = matches!(collection.stage, Stage::Planned { .. } | Stage::Ended { .. });
    let mut waits = false;
    if opens && !other_runs && !goes_on {
        // What failed was another instrument: the one that is agreed now has not been tried.
        let renewed = usage.instrument != collection.usage.instrument && class != ReasonClass::Deceased;
        let advised = match renewed {
            true => {
                Advised { class: ReasonClass::Retry, after_hours: None, by_advice: false, words: reason_code.clone() }
            }
            false => advised,
        };
        let left = known.is_some_and(|known| known.status != AttemptStatus::Withdrawn);
        let made = made(state).saturating_add(u16::from(!left));
        let failed = (reason_code, &advised, renewed, made);
        match Plan::of(collection, context) {
            Some(plan) => waits = after(decision, terms, &plan, collection, failed),
            None => end(decision, collection, false, "the policy is no longer configured".into()),
        }
        try_out(decision, terms, collection, failed, context);
    }
    let failure = customer::Command::TakeFailure {
        request: terms.id,
        instrument: instrument.clone(),
        class,
        reason_code: reason_code.clone(),
        waits,
    };
    decision.tell(Tell::Customer(terms.customer, failure));
}

/// What a class of reasons leads to after so many attempts; whether a new instrument is waited for.
fn after(
    decision: &mut Decision<Event>, terms: &Terms, plan: &Plan<'_>, collection: &Collection,
    (reason_code, advised, renewed, made): (&SmolStr, &Advised, bool, u16),
) -> bool {
    // What is said of the old one says nothing of what was agreed since.
    let answer = if renewed { plan.policy.anyway() } else { plan.policy.answer_to(reason_code, advised) };
    let (class, words) = (answer.class, &advised.words);
    let may_go_on = made <= answer.retries;
    if class == ReasonClass::Retry && may_go_on {
        plan.after_failure(decision, made, &answer, advised);
    } else if class.waits() && may_go_on {
        plan.waits(decision, format_smolstr!("{words}: {}", class.name()), Some(answer.wait_days));
        return true;
    } else if class == ReasonClass::Retry || class.waits() {
        let reason = format_smolstr!("{words} after {} new attempts", made.saturating_sub(1));
        plan.exhausted(decision, terms, &reason);
    } else {
        end(decision, collection, false, format_smolstr!("{words}: {}", class.name()));
    }
    false
}

/// What policies that are only tried out beside this one would do. Nothing of it is done.
fn try_out(
    decision: &mut Decision<Event>, terms: &Terms, collection: &Collection, failed: (&SmolStr, &Advised, bool, u16),
    context: &Context<'_>,
) {
    let method = collection.usage.instrument.method();
    let beside = |policy: &&RetryPolicy| {
        policy.shadow_of.as_deref() == Some(collection.policy.as_str()) && policy.connector(method).is_some()
    };
    for policy in context.policies.collections.tried_out.values().filter(beside) {
        let mut apart = Decision::default();
        after(&mut apart, terms, &Plan::by(policy, collection, context), collection, failed);
        let told = apart.events.into_iter().find_map(|event| match event {
            Event::AttemptPlanned { collects_on, reason, .. } => {
                Some((Some(collects_on), format_smolstr!("it would try again: {reason}")))
            }
            Event::CollectionWaits { reason, .. } => Some((None, format_smolstr!("it would wait: {reason}"))),
            Event::CollectionEnded { reason, .. } => Some((None, format_smolstr!("it would stop: {reason}"))),
            _ => None,
        });
        if let Some((collects_on, reason)) = told {
            decision.push(Event::PolicyTriedOut { policy: policy.name.clone(), collects_on, reason });
        }
    }
}

/// A part of what is open was collected: the rest is collected like a new attempt.
pub(super) fn rest(
    decision: &mut Decision<Event>, state: &PaymentRequest, attempt: AttemptId, context: &Context<'_>,
) {
    let Some(collection) = &state.collection else { return };
    let running = matches!(collection.stage, Stage::Running { attempt: running, .. } if running == attempt);
    let Some(plan) = Plan::of(collection, context).filter(|_| running) else { return };
    let made = made(state);
    if made <= plan.policy.retries {
        plan.again(decision, made.max(1), None, "the rest");
    }
}

/// A payment was taken back and the request is open again: it is collected as if it had failed.
pub(super) fn reopened(decision: &mut Decision<Event>, state: &PaymentRequest, terms: &Terms, context: &Context<'_>) {
    let Some(collection) = &state.collection else { return };
    if collection.stage != Stage::Idle || state.in_flight().is_some() {
        return;
    }
    let Some(plan) = Plan::of(collection, context) else { return };
    let made = made(state);
    if made <= plan.policy.retries {
        plan.again(decision, made.max(1), Some(terms.due_on), "a payment was taken back");
    }
}

/// What follows the last attempt in vain: what is small is given up, or other reminders are those of the request. What
/// is paid, closed or on its way by now is left as it is, and nothing of it is refused.
pub(super) fn ended(
    state: &PaymentRequest, terms: &Terms,
    (gives_up_minor_max, scenario, reason): (Option<i64>, Option<&SmolStr>, &SmolStr), context: &Context<'_>,
) -> Decision<Event> {
    let open = state.outstanding().filter(|_| state.status == Status::Open && state.in_flight().is_none());
    let Some(open) = open else { return Decision::default() };
    let decided = match gives_up_minor_max {
        Some(most) if open.minor() <= most => writing_off::by_person(state, terms, reason, context),
        _ => match scenario {
            Some(_) => following::follow(state, terms, Choice { scenario, reason, by_rule: true }, context),
            None => Ok(Decision::default()),
        },
    };
    decided.unwrap_or_default()
}
