//! The account number of a request's own: what is paid to it is paid for this request.
//!
//! It is released when nothing is asked any more. While it is in quarantine it still says what a late payment was for,
//! and a request that opens again has it again.

use super::event::Event;
use super::rejection::Rejection;
use super::state::{OwnNumber, PaymentRequest, Status, Terms};
use crate::account_numbers::{Given, free_on};
use crate::customer::Customer;
use crate::machine::{Context, Decision};
use crate::values::{Date, Iban, VirtualIban};

/// It has a number of its own from now on.
pub(super) fn give(decision: &mut Decision<Event>, terms: &Terms, given: &Given) {
    let (virtual_iban, since, left) = (given.virtual_iban.clone(), given.since, Some(given.left));
    decision.push(Event::NumberGiven { virtual_iban, customer: terms.customer, since, left });
}

/// Somebody asks for a number for it.
pub(super) fn ask(state: &PaymentRequest, terms: &Terms, given: &Given) -> Result<Decision<Event>, Rejection> {
    if state.own_number().is_some() {
        return Err(Rejection::HasNumber);
    }
    if state.status != Status::Open {
        return Err(Rejection::WrongStatus(state.status));
    }
    let mut decision = Decision::default();
    give(&mut decision, terms, given);
    Ok(decision)
}

/// Nothing is asked any more: the number is nobody's for a while.
pub(super) fn release(decision: &mut Decision<Event>, state: &PaymentRequest, why: &str, context: &Context<'_>) {
    let Some(own) = state.rare.number.as_ref().filter(|own| own.released.is_none()) else { return };
    let until = context.now.date_in(&context.policies.zone);
    let (virtual_iban, free_on) = (own.virtual_iban.clone(), free_on(until));
    decision.push(Event::NumberReleased { virtual_iban, until, free_on, reason: why.into() });
}

/// It is open again: its number is its own, unless that may be another's meanwhile.
pub(super) fn keep(decision: &mut Decision<Event>, state: &PaymentRequest, terms: &Terms, context: &Context<'_>) {
    let Some(own) = state.rare.number.as_ref() else { return };
    let today = context.now.date_in(&context.policies.zone);
    if own.released.is_some_and(|(_, free_on)| today < free_on) {
        let (virtual_iban, since) = (own.virtual_iban.clone(), own.since);
        decision.push(Event::NumberGiven { virtual_iban, customer: terms.customer, since, left: None });
    }
}

impl PaymentRequest {
    /// The number that is its own now.
    pub fn own_number(&self) -> Option<&Iban> {
        self.rare.number.as_ref().filter(|own| own.released.is_none()).map(|own| own.virtual_iban.iban())
    }

    /// The number that was its own, until when, and from when on it may be another's.
    pub fn former_number(&self) -> Option<(&Iban, Date, Date)> {
        let own = self.rare.number.as_ref()?;
        let (until, free_on) = own.released?;
        Some((own.virtual_iban.iban(), until, free_on))
    }

    /// The account number to pay to: its own, or its customer's.
    pub fn pays_to<'a>(&'a self, customer: Option<&'a Customer>) -> Option<&'a Iban> {
        self.own_number().or_else(|| customer?.virtual_iban.as_ref().map(VirtualIban::iban))
    }

    /// Whether what was booked on a day to a number was for this request, or is told by it at least.
    pub fn was_paid_at(&self, iban: &Iban, booked_on: Date) -> bool {
        let own = self.rare.number.as_ref().filter(|own| own.virtual_iban.iban() == iban);
        own.is_some_and(|own| own.since.is_none_or(|since| since <= booked_on))
    }

    /// Whether a number that was this request's may be another's from a day on.
    pub fn has_freed(&self, iban: &Iban, on: Date) -> bool {
        let freed = |own: &OwnNumber| own.released.is_some_and(|(_, free_on)| free_on <= on);
        self.rare.number.as_ref().is_some_and(|own| own.virtual_iban.iban() == iban && freed(own))
    }
}
