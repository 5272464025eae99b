//! What a person decided about a transfer, carried out at its customer.

use super::collecting::withdraw;
use super::command::Placed;
use super::event::Event;
use super::rejection::Rejection;
use super::state::Customer;
use crate::machine::{Decision, Tell};
use crate::payment_request::{self, Source};
use crate::values::Money;

type Decided = Result<Decision<Event>, Rejection>;

/// Places a transfer on requests that are open by at least their parts. What has changed since
/// the person looked is a refusal that names it.
pub(super) fn place(state: &Customer, placed: &Placed) -> Decided {
    let Placed { transfer, amount, allocations, credit } = placed;
    // The same decision again is answered by its receipt: this is another one.
    if state.placed_transfers.contains_key(transfer) {
        return Err(Rejection::AlreadyPlaced);
    }
    let mut decision = Decision::of(Event::TransferPlaced { transfer: *transfer, amount: *amount });
    for (request, part) in allocations {
        let open = state.open_requests.get(request).ok_or(Rejection::NotOpen { request: *request })?;
        let fits = open.outstanding.checked_sub(*part).is_ok_and(|left| !left.is_negative());
        if !fits {
            return Err(Rejection::ExceedsOutstanding { request: *request, outstanding: open.outstanding });
        }
        let command = payment_request::Command::Allocate { source: Source::Transfer(*transfer), amount: *part };
        decision.tell(Tell::PaymentRequest(*request, command));
    }
    if credit.is_positive() {
        decision.push(Event::CreditAdded { amount: *credit });
    }
    Ok(decision)
}

/// Gives back what a transfer had paid: its requests are open again, its credit is gone.
pub(super) fn take_back(state: &Customer, placed: &Placed) -> Decided {
    let Placed { transfer, credit, .. } = placed;
    if !state.placed_transfers.contains_key(transfer) {
        return Err(Rejection::NotPlaced);
    }
    let left = state.rare.credit.get(&credit.currency()).copied().unwrap_or(0);
    if credit.minor() > left {
        let left = Money::from_minor(left, credit.currency());
        return Err(Rejection::CreditUsed { credit: *credit, left });
    }
    Ok(reversed(placed, *credit, |source| payment_request::Command::ReverseAllocation { source }))
}

/// Gives back what a transfer had paid although its credit may have been used since: the money is gone.
pub(super) fn lose(state: &Customer, placed: &Placed) -> Decided {
    if !state.placed_transfers.contains_key(&placed.transfer) {
        return Err(Rejection::NotPlaced);
    }
    let lost = |source| payment_request::Command::LosePayment { source };
    let mut decision = reversed(placed, Money::zero(placed.credit.currency()), lost);
    if placed.credit.is_positive() {
        decision.join(withdraw(state, placed.credit));
    }
    Ok(decision)
}

/// Its requests are told by `command`, and so much of its credit is gone.
fn reversed(placed: &Placed, credit: Money, command: fn(Source) -> payment_request::Command) -> Decision<Event> {
    let transfer = placed.transfer;
    let mut decision = Decision::of(Event::TransferTakenBack { transfer, credit });
    for (request, _) in &placed.allocations {
        decision.tell(Tell::PaymentRequest(*request, command(Source::Transfer(transfer))));
    }
    decision
}
