//! The account number of a customer's own: given, released, and nobody else's for a while after.

use super::event::Event;
use super::rejection::Rejection;
use super::state::{Customer, FormerNumber};
use crate::account_numbers::{Given, free_on};
use crate::limits;
use crate::machine::{Context, Decision};
use crate::transfer::{Details, Doubt};
use crate::values::{Date, Iban, Timestamp};

type Decided = Result<Decision<Event>, Rejection>;

/// Gives a customer a number that has none.
pub(super) fn give(decision: &mut Decision<Event>, state: &Customer, given: Option<&Given>) {
    if let (None, Some(Given { virtual_iban, since, left })) = (&state.virtual_iban, given) {
        let (virtual_iban, since, left) = (virtual_iban.clone(), *since, *left);
        decision.push(Event::VirtualIbanGiven { virtual_iban, since, left });
    }
}

/// The number is the customer's no more from tomorrow on.
pub(super) fn release(state: &Customer, reason: &str, context: &Context<'_>) -> Decided {
    let virtual_iban = state.virtual_iban.clone().ok_or(Rejection::NoNumber)?;
    if state.rare.former_numbers.len() >= limits::FORMER_NUMBERS_MAX {
        return Err(Rejection::TooManyNumbers(limits::FORMER_NUMBERS_MAX));
    }
    let until = context.now.date_in(&context.policies.zone);
    let free_on = free_on(until);
    Ok(Decision::of(Event::VirtualIbanReleased { virtual_iban, until, free_on, reason: reason.into() }))
}

/// What is wrong with a transfer to one of the customer's numbers as of the day it was booked.
pub(super) fn doubt(state: &Customer, details: &Details) -> Option<Doubt> {
    let account = details.account.as_ref()?;
    let of_former = |former: &&FormerNumber| former.virtual_iban.iban() == account;
    if state.virtual_iban.as_ref().is_some_and(|own| own.iban() == account) {
        let early = state.rare.number_since.is_some_and(|since| details.booked_on < since);
        return early.then_some(Doubt::AccountOfAnother);
    }
    let former = state.rare.former_numbers.iter().rev().find(of_former)?;
    (details.booked_on > former.until).then_some(Doubt::AccountClosed)
}

/// Days for which money that waits for a person keeps reminders and collections back.
const MONEY_WAITS_DAYS: i64 = 14;

impl Customer {
    /// Whether a transfer that is known to be the customer's waits for a person: what is asked for may be paid.
    pub(super) fn has_money_waiting(&self, now: Timestamp) -> bool {
        self.rare.unplaced.iter().any(|transfer| transfer.made_at().plus_days(MONEY_WAITS_DAYS) > now)
    }

    /// Whether a number that was this customer's may be another's from a day on.
    pub fn has_freed(&self, iban: &Iban, on: Date) -> bool {
        let own = self.virtual_iban.as_ref().is_some_and(|own| own.iban() == iban);
        let mut former = self.rare.former_numbers.iter().filter(|former| former.virtual_iban.iban() == iban);
        !own && former.next_back().is_some_and(|former| former.free_on <= on)
    }
}
