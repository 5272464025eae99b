//! What people decide about transfers, and how their decisions reach customers of other lanes.

use std::sync::Arc;

use super::auditor::{Audited, Violation};
use super::world::World;
use crate::machine::Tell;
use crate::partition::{Entity, Envelope, Origin, StepError, Stepped};
use crate::transfer::{self, DividedPart, Resolution, Status};
use crate::values::{CommandId, Currency, EntityId, Iban, Money, PayoutId, Timestamp, TransferId, stable_hash};
use crate::{customer, payout};

/// The account that money is given back to.
pub(super) fn account() -> Result<Iban, Violation> {
    let parsed = Iban::parse("DE89370400440532013000");
    parsed.map_err(|error| Violation { invariant: "panic", found: error.to_string() })
}

impl World {
    /// A person decides about a transfer, takes a match back, or puts money aside.
    pub(super) fn decide(&mut self) -> Audited {
        let transfers: Vec<(TransferId, Status)> = self.auditor.transfers();
        let Some((id, status)) = self.pick(&transfers) else { return Ok(()) };
        let (by, reason) = ("ana".into(), "story".into());
        let command = match status {
            // The bank needs nobody, and tells a second time now and then.
            _ if self.random.once_in(6) => {
                let entry = TransferId::new(Timestamp::default(), self.random.below(2), id.partition());
                let Some(amount) = self.auditor.amount_of(id) else { return Ok(()) };
                transfer::Command::Recall { recall: transfer::Recall { entry, reason }, amount }
            }
            Status::Matched | Status::SetAside => transfer::Command::TakeBack { by, reason },
            Status::NeedsDecision if self.random.once_in(5) => transfer::Command::SetAside { by, reason },
            Status::NeedsDecision if self.random.once_in(4) => match self.division(id) {
                Some(parts) => transfer::Command::Divide { parts, by },
                None => return Ok(()),
            },
            _ => match self.resolution(id) {
                Some(resolution) => transfer::Command::Decide(resolution),
                None => return Ok(()),
            },
        };
        self.note(format!("{} {id}", command.name()));
        self.ask(Tell::Transfer(id, command), Origin::Api)
    }

    /// A person gives a transfer or credit back, another one agrees or does not, and a bank answers.
    pub(super) fn give_back(&mut self) -> Audited {
        let (by, reason) = (if self.random.once_in(2) { "ana" } else { "bob" }, "story".into());
        let payouts = self.auditor.payouts();
        let tell = match self.random.below(8) {
            6 | 7 => return self.refund(None),
            0 | 1 => {
                let mut waiting = self.auditor.transfers();
                waiting.retain(|(_, status)| matches!(status, Status::NeedsDecision | Status::SetAside));
                let Some((id, _)) = self.pick(&waiting) else { return Ok(()) };
                let payout = PayoutId::new(self.now, self.fresh(), id.partition());
                Tell::Transfer(id, transfer::Command::GiveBack { payout, by: by.into(), reason })
            }
            2 => {
                let Some(id) = self.pick(&self.customers()) else { return Ok(()) };
                let payout = PayoutId::new(self.now, self.fresh(), id.partition());
                let minor = i64::try_from(self.random.below(3_000)).unwrap_or(1);
                let amount = Money::from_minor(minor, Currency::EUR);
                let pay = customer::Command::PayOutCredit { payout, amount, iban: account()?, by: by.into(), reason };
                Tell::Customer(id, pay)
            }
            _ => {
                let Some(id) = self.pick(&payouts) else { return Ok(()) };
                Tell::Payout(
                    id,
                    match self.random.below(5) {
                        0 | 1 => payout::Command::Approve { by: by.into() },
                        2 => payout::Command::Reject { by: by.into(), reason },
                        3 => payout::Command::Execute { on: self.now.date_in(&self.policies.zone) },
                        _ => payout::Command::Fail { reason: "AC04".into() },
                    },
                )
            }
        };
        self.note(format!("{} {} by {by}", tell.name(), tell.to()));
        self.ask(tell, Origin::Api)
    }

    /// Some open request of anybody, as far as the money goes, or all of it as credit. What the person sees may be
    /// out of date.
    fn resolution(&mut self, id: TransferId) -> Option<Resolution> {
        let amount = self.auditor.amount_of(id)?;
        let open = self.auditor.open();
        let (request, outstanding) = self.pick(&open)?;
        let customer = self.auditor.customer_of(request)?;
        let stale = self.random.once_in(8);
        let part = if stale { amount.minor() } else { amount.minor().min(outstanding.minor()) };
        let (allocations, part) = match self.random.once_in(6) {
            true => (Vec::new(), 0),
            false => (vec![(request, Money::from_minor(part, amount.currency()))], part),
        };
        let credit = Money::from_minor(amount.minor() - part, amount.currency());
        Some(Resolution { customer, allocations, credit, by: "ana".into() })
    }

    /// Two parts for customers, or one and a rest that is decided about later; amounts may have changed since.
    fn division(&mut self, id: TransferId) -> Option<Vec<DividedPart>> {
        let amount = self.auditor.amount_of(id)?;
        let (half, currency) = (amount.minor() / 2, amount.currency());
        let mut parts = Vec::new();
        for (size, decided) in [(half, true), (amount.minor() - half, self.random.once_in(2))] {
            let size = Money::from_minor(size, currency);
            let open = self.auditor.open();
            let picked = if decided { self.pick(&open) } else { None };
            let mut resolution = None;
            if let Some((request, outstanding)) = picked {
                let part = Money::from_minor(size.minor().min(outstanding.minor()), currency);
                let credit = Money::from_minor(size.minor() - part.minor(), currency);
                let customer = self.auditor.customer_of(request)?;
                resolution =
                    Some(Resolution { customer, allocations: vec![(request, part)], credit, by: "ana".into() });
            }
            let partition = resolution.as_ref().map_or(id.partition(), |known| known.customer.partition());
            let part = TransferId::new(self.now, self.fresh(), partition);
            parts.push(DividedPart { id: part, amount: size, resolution });
        }
        Some(parts)
    }

    /// Carries a decision to its customer, or to the parts of a division, as the runtime does; false when the
    /// process ends before an answer is recorded: then it is asked again.
    pub(super) fn conclude(&mut self, id: TransferId) -> Result<bool, Violation> {
        loop {
            let lane = self.lanes.get_mut(&id.partition());
            let state = lane.and_then(|lane| lane.activate(EntityId::Transfer(id)).ok());
            let asks = state.and_then(|(_, state): (u64, Arc<Entity>)| {
                let state = state.as_transfer()?;
                Some((state.asks()?, state.pending == Some(transfer::Pending::Divide)))
            });
            let Some(((number, asked), divides)) = asks else { return Ok(true) };
            let refused = self.submit_derived(id, number, "ask", asked)?;
            if self.random.once_in(8) {
                return Ok(false);
            }
            let again = divides && refused.is_some();
            let conclude = Tell::Transfer(id, transfer::Command::Conclude { number, refused });
            self.submit_derived(id, number, "conclude", conclude)?;
            if again {
                return Ok(true);
            }
        }
    }

    /// Submits under an id that the decision gives; why it was refused, if it was.
    fn submit_derived(
        &mut self, id: TransferId, number: u32, part: &str, tell: Tell,
    ) -> Result<Option<String>, Violation> {
        let words = [id.to_string(), number.to_string(), part.to_owned()];
        let [id, number, part] = words.each_ref().map(String::as_str);
        let hash = stable_hash(&[id, number, part]);
        let command_id = CommandId::new(Timestamp::default(), hash, tell.to().partition());
        let (tenant, at) = (self.tenant.clone(), self.now);
        let envelope = Envelope { tenant, command_id, fingerprint: hash, origin: Origin::Api, at, tell };
        let Some(lane) = self.lanes.get_mut(&envelope.tell.to().partition()) else { return Ok(None) };
        match lane.step_fired(&envelope, &self.policies, None) {
            Ok(Stepped::Recorded(commit, _)) => self.append(commit, None).map(|()| None),
            Ok(Stepped::Unchanged(_)) => Ok(None),
            Err(StepError::Rejected(rejection)) => Ok(Some(rejection.to_string())),
            Err(error) => Err(Violation { invariant: "panic", found: error.to_string() }),
        }
    }
}
