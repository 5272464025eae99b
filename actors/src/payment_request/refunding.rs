//! Refunds: what is given back of what was paid. One may only be noted, when somebody else makes it; or who collected an
//! attempt on a card is asked to make it, as a payout that a second person approves where the amount asks for that.

use std::sync::Arc;

use smol_str::SmolStr;

use super::command::RefundOrder;
use super::decide::same_currency;
use super::event::Event;
use super::rejection::Rejection;
use super::state::{AttemptStatus, PaymentRequest, RefundOrdered, Source, Terms};
use crate::collection::Method;
use crate::customer;
use crate::machine::{Context, Decision, Tell};
use crate::payout::{self, Destination};
use crate::policies::Policies;
use crate::values::{AttemptId, Money, PayoutId};

type Decided = Result<Decision<Event>, Rejection>;

/// Gives back what was paid; the payment itself stays.
pub(super) fn initiate(
    state: &PaymentRequest, terms: &Terms, (key, amount): (&SmolStr, Money), order: Option<&RefundOrder>,
    context: &Context<'_>,
) -> Decided {
    same_currency(terms, amount)?;
    let recorded = state.rare.refunds.get(key).map(|recorded| (*recorded, state.rare.refund_orders.get(key)));
    match recorded {
        Some((recorded, _)) if recorded != amount => return Err(Rejection::RefundDiffers { recorded }),
        Some((_, Some(RefundOrdered { failed: true, .. }))) => return Err(Rejection::RefundKeyUsed("failed")),
        Some((_, ordered)) => {
            return match (ordered, order) {
                (None, Some(_)) => Err(Rejection::RefundKeyUsed("was only noted")),
                (Some(_), None) => Err(Rejection::RefundKeyUsed("was ordered")),
                _ => Ok(Decision::default()), // The same again.
            };
        }
        None => {}
    }
    let paid = state.came_in_minor();
    let refundable = Money::from_minor(paid - state.rare.refunded_minor, amount.currency());
    if !amount.is_positive() || amount.minor() > refundable.minor() {
        return Err(Rejection::ExceedsPaid { refundable });
    }
    let Some(RefundOrder { payout, creditor, by, reason }) = order else {
        let mut decision = Decision::of(Event::RefundInitiated { key: key.clone(), amount });
        instead_of_credit(&mut decision, state, terms, amount);
        return Ok(decision);
    };
    // What a credit note has made credit pays something else, or is paid out as such.
    let credit = Money::from_minor(state.rare.notes_kept_minor, amount.currency());
    if credit.is_positive() && amount.minor() > refundable.minor() - credit.minor() {
        return Err(Rejection::IsCredit(credit));
    }
    let (number, connector) = state.refundable_by(amount, context.policies).ok_or(Rejection::NotCollected(amount))?;
    let mut decision = Decision::of(Event::RefundOrdered { key: key.clone(), amount, payout: *payout, number });
    let details = payout::Details {
        id: *payout,
        source: payout::Source::Request(terms.id),
        amount,
        creditor: creditor.clone(),
        to: Destination::Collected { request: terms.id, number, connector },
        by: by.clone(),
        reason: reason.clone(),
        at: context.now,
    };
    let request = payout::Command::Request { details: Arc::new(details), needs_second: false };
    decision.tell(Tell::Payout(*payout, request));
    Ok(decision)
}

/// What credit notes of the request had made credit goes back, and is credit no more.
fn instead_of_credit(decision: &mut Decision<Event>, state: &PaymentRequest, terms: &Terms, amount: Money) {
    let credit = Money::from_minor(amount.minor().min(state.rare.notes_kept_minor), amount.currency());
    if credit.is_positive() {
        decision.push(Event::CreditNotesRefunded { amount: credit });
        decision.tell(Tell::Customer(terms.customer, customer::Command::WithdrawCredit(credit)));
    }
}

/// What became of a refund that was ordered. One that had failed may have been made all the same.
pub(super) fn conclude(
    state: &PaymentRequest, terms: &Terms, payout: PayoutId, failed: Option<&SmolStr>,
) -> Decision<Event> {
    let of = state.rare.refund_orders.iter().find(|(_, ordered)| ordered.payout == payout);
    let Some((key, ordered)) = of else { return Decision::default() };
    let Some(amount) = state.rare.refunds.get(key).copied() else { return Decision::default() };
    let key = key.clone();
    match failed {
        Some(_) if ordered.failed => Decision::default(),
        Some(reason) => {
            let mut decision = Decision::of(Event::RefundFailed { key, amount, reason: reason.clone() });
            // What credit notes had said of it is credit now.
            let left = state.rare.refunded_minor.saturating_sub(amount.minor());
            let credit = Money::from_minor(state.rare.refunds_credited_minor.saturating_sub(left), amount.currency());
            if credit.is_positive() {
                decision.tell(Tell::Customer(terms.customer, customer::Command::AddCredit(credit)));
            }
            decision
        }
        None => {
            let mut decision = Decision::of(Event::RefundCompleted { key, amount });
            // What had become credit since it failed is none any more; other credit is not of it.
            let since = Money::from_minor(ordered.credited_minor.max(0), amount.currency());
            if ordered.failed && since.is_positive() {
                instead_of_credit(&mut decision, state, terms, since);
            }
            decision
        }
    }
}

/// The payer has the money of an attempt back by other ways: what nobody has approved yet does not leave.
pub(super) fn withdraw(decision: &mut Decision<Event>, state: &PaymentRequest, attempt: AttemptId, reason: &SmolStr) {
    let numbered = state.numbered_attempts();
    let number = numbered.iter().find(|(_, id, _)| *id == attempt).and_then(|(number, ..)| *number);
    for ordered in state.rare.refund_orders.values().filter(|of| Some(of.number) == number && !of.failed) {
        decision.tell(Tell::Payout(ordered.payout, payout::Command::Withdraw { reason: reason.clone() }));
    }
}

/// As much of a credit note as is of what was given back already.
pub(super) fn credited(decision: &mut Decision<Event>, state: &PaymentRequest, note: u64, amount: Money) -> Money {
    let open = state.rare.refunded_minor.saturating_sub(state.rare.refunds_credited_minor).max(0);
    let counted = Money::from_minor(amount.minor().min(open), amount.currency());
    if counted.is_positive() {
        decision.push(Event::RefundCredited { note, amount: counted });
    }
    counted
}

impl PaymentRequest {
    /// The newest attempt on a card that can give so much back, and who does it. Direct debits are not among them: a bank
    /// takes those back as well, and the payer would have the money twice.
    pub fn refundable_by(&self, amount: Money, policies: &Policies) -> Option<(u16, SmolStr)> {
        self.refundable(policies)
            .into_iter()
            .rfind(|(.., left)| *left >= amount.minor())
            .map(|(number, connector, _)| (number, connector))
    }

    /// The most that one refund can give back: what one attempt has left, of what was paid.
    pub fn refundable_at_once(&self, policies: &Policies) -> Option<Money> {
        let currency = self.terms.as_ref()?.amount.currency();
        let most = self.refundable(policies).into_iter().map(|(.., left)| left).max()?;
        let left = self.came_in_minor() - self.rare.refunded_minor - self.rare.notes_kept_minor;
        let most = Money::from_minor(most.min(left), currency);
        most.is_positive().then_some(most)
    }

    /// What came in for it, in minor units: a credit note brings no money.
    fn came_in_minor(&self) -> i64 {
        let money = self.allocations.iter().filter(|(source, _)| !matches!(source, Source::CreditNote(_)));
        money.map(|(_, part)| part.minor()).sum()
    }

    /// Attempts that can be given back by who collected them, and what is left of each in minor units.
    fn refundable(&self, policies: &Policies) -> Vec<(u16, SmolStr, i64)> {
        let back = |number: u16| -> i64 {
            let of = self.rare.refund_orders.iter().filter(|(_, of)| of.number == number && !of.failed);
            of.filter_map(|(key, _)| self.rare.refunds.get(key)).map(|amount| amount.minor()).sum()
        };
        // Of what was only noted nobody knows from where it went: it may have gone back to the card.
        let noted = self.rare.refunds.iter().filter(|(key, _)| !self.rare.refund_orders.contains_key(*key));
        let noted: i64 = noted.map(|(_, amount)| amount.minor()).sum();
        let attempts = self.numbered_attempts().into_iter().filter_map(|(number, id, attempt)| {
            // What it has brought above is the customer's credit.
            let counted = self.allocations.get(&Source::Attempt(id))?.minor();
            let (number, connector) = (number?, attempt.connector.clone()?);
            let is_card = attempt.usage.as_ref()?.instrument.method() == Method::Card;
            let can = policies.collections.asked.get(&connector).is_some_and(|asked| asked.refunds);
            let fits = is_card && can && attempt.status == AttemptStatus::Succeeded;
            fits.then(|| (number, connector, counted - back(number) - noted))
        });
        attempts.collect()
    }
}
