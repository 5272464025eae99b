//! What the auditor asks of money that is given back.

use smol_str::SmolStr;

use super::auditor::{Audited, Auditor, broken};
use crate::partition::Entity;
use crate::payment_request::RefundOrdered;
use crate::values::{EntityId, PaymentRequestId};
use crate::{payout, transfer};

impl Auditor {
    /// What goes back to a payer is nowhere else, and is there again when it does not go.
    pub(super) fn payout(&self, state: &payout::Payout) -> Audited {
        let Some(details) = &state.details else { return Ok(()) };
        let id = match details.source {
            payout::Source::Transfer(id) => id,
            payout::Source::Request(id) => return self.refund(id, details, state.status),
            payout::Source::Credit(_) => return Ok(()),
        };
        let Some((_, Entity::Transfer(transfer))) = self.model.get(&EntityId::Transfer(id)) else {
            return broken("INV-02", format!("{} gives {id} back, which nobody knows", details.id));
        };
        let gone = !matches!(state.status, payout::Status::Rejected | payout::Status::Failed);
        let held = transfer.status == transfer::Status::GivenBack && transfer.given_back_by == Some(details.id);
        let used_meanwhile = gone && self.contradicted.contains(&details.id);
        if gone != held && !used_meanwhile {
            let found = format!("{} is {:?}, and {id} is {:?}", details.id, state.status, transfer.status);
            return broken("INV-02", found);
        }
        Ok(())
    }

    /// Refunds that were ordered, and of them those that failed.
    pub fn refunds(&self) -> (usize, usize) {
        let requests = self.model.values().filter_map(|(_, entity)| entity.as_payment_request());
        let orders = requests.flat_map(|request| request.rare.refund_orders.values());
        orders.fold((0, 0), |(all, failed), order| (all + 1, failed + usize::from(order.failed)))
    }

    /// A refund counts as given back unless it was not made, and no attempt gives back more than it has collected.
    fn refund(&self, id: PaymentRequestId, details: &payout::Details, status: payout::Status) -> Audited {
        let Some((_, Entity::PaymentRequest(request))) = self.model.get(&EntityId::PaymentRequest(id)) else {
            return broken("INV-02", format!("{} refunds {id}, which nobody knows", details.id));
        };
        let ordered = request.rare.refund_orders.iter().find(|(_, ordered)| ordered.payout == details.id);
        let gone = !matches!(status, payout::Status::Rejected | payout::Status::Failed);
        if ordered.map(|(_, ordered)| ordered.failed) != Some(!gone) {
            return broken("INV-02", format!("{} is {status:?}, and {id} has {ordered:?}", details.id));
        }
        let counts = |key: &SmolStr| request.rare.refund_orders.get(key).is_none_or(|ordered| !ordered.failed);
        let given: i64 =
            request.rare.refunds.iter().filter(|(key, _)| counts(key)).map(|(_, amount)| amount.minor()).sum();
        if given != request.rare.refunded_minor {
            return broken("INV-02", format!("{id} counts {} as given back: {given}", request.rare.refunded_minor));
        }
        for (number, _, attempt) in request.numbered_attempts() {
            let of = |(key, of): (&SmolStr, &RefundOrdered)| {
                (Some(of.number) == number && !of.failed).then(|| request.rare.refunds.get(key)).flatten()
            };
            // One that had failed and was made all the same may come beside another.
            let mut orders = request.rare.refund_orders.values();
            if orders.any(|order| Some(order.number) == number && self.contradicted.contains(&order.payout)) {
                continue;
            }
            let back: i64 = request.rare.refund_orders.iter().filter_map(of).map(|amount| amount.minor()).sum();
            if back > attempt.amount.minor() {
                return broken("INV-06", format!("attempt {number:?} of {id} gives back {back}"));
            }
        }
        Ok(())
    }
}
