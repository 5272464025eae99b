//! Whether the bank's statements have been read so far that money would be known that has come.

use smol_str::SmolStr;

use super::gate;
use super::moments::{Anchor, Moments};
use super::scenario::Step;
use super::state::{PaymentRequest, Terms};
use crate::machine::Context;
use crate::policies::Policies;
use crate::values::{Date, Timestamp, Zone};

/// Why money may be in a statement that has not been read: until when the step waits for it, or `None`
/// when it has waited long enough and is passed over. Steps before the deadline chase nobody.
pub(super) fn is_behind(
    state: &PaymentRequest, terms: &Terms, (definition, of_customer): (&Step, &Zone), complete_to: Option<Date>,
    context: &Context<'_>,
) -> Option<(Option<Timestamp>, SmolStr)> {
    let gate = context.policies.contact.bank.filter(|_| definition.chases())?;
    let Policies { calendar, zone, .. } = context.policies;
    let needed = calendar.minus_business_days(context.now.date_in(zone), u32::from(gate.business_days));
    // Whether it is late is counted where the customer lives, what the bank has told where the merchant does.
    let is_early = context.now.date_in(of_customer) <= terms.due_on;
    if complete_to.is_some_and(|complete_to| complete_to >= needed) || is_early {
        return None;
    }
    let reason = reason(complete_to);
    let due = match definition.anchor {
        // It has no day of its own: it waits from the day on which the bank was first behind.
        Anchor::Previous => {
            let known = complete_to.unwrap_or(terms.due_on);
            let behind = calendar.plus_business_days(known, u32::from(gate.business_days)).plus_days(1);
            behind.max(terms.due_on.plus_days(1)).at(0, 0, zone)
        }
        _ => definition.due(&Moments::of(state, terms, context.now, context.policies), of_customer, calendar),
    };
    // What a person has approved waits from then on.
    let since = state.rare.approval.as_ref().map_or(due, |approval| approval.since.max(due));
    let waits_until = since.plus_millis(i64::from(gate.wait_hours) * 3_600_000);
    let again = context.now.plus_millis(ASKED_EVERY_MS);
    match again <= waits_until {
        true => Some((Some(again), reason)),
        false if gate.sends_when_stale => None,
        false => Some((None, reason)),
    }
}

/// Why a new attempt waits for the bank's statements: who is late may have paid otherwise. It waits as long as a step
/// does, from the day on which it was to be collected.
pub(super) fn is_behind_for(
    terms: &Terms, wish: Date, complete_to: Option<Date>, context: &Context<'_>,
) -> Option<SmolStr> {
    let gate = context.policies.contact.bank?;
    let Policies { calendar, zone, .. } = context.policies;
    let today = context.now.date_in(zone);
    let needed = calendar.minus_business_days(today, u32::from(gate.business_days));
    let waits_until = wish.at(0, 0, zone).plus_millis(i64::from(gate.wait_hours) * 3_600_000);
    let is_known = complete_to.is_some_and(|day| day >= needed);
    if today <= terms.due_on || is_known || context.now >= waits_until {
        return None;
    }
    Some(reason(complete_to))
}

fn reason(complete_to: Option<Date>) -> SmolStr {
    match complete_to {
        Some(day) => smol_str::format_smolstr!("{} {day}", gate::BANK_ENDS),
        None => gate::BANK_UNREAD.into(),
    }
}

/// How often a step that waits for the bank looks again: an hour.
const ASKED_EVERY_MS: i64 = 3_600_000;
/// The same of an attempt, of which each plan is told: six hours.
pub(super) const ATTEMPTS_ASK_EVERY_MS: i64 = 6 * ASKED_EVERY_MS;
