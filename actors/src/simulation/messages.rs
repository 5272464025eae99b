//! Deliveries that leave, fail, are claimed and are given up.

use std::sync::Arc;

use super::auditor::{Audited, Violation};
use super::mutation::Mutation;
use super::world::World;
use crate::delivery::{Channel, Guard, Outcome};
use crate::partition::{Commit, Preparation, Stepped, TriedDelivery};
use crate::values::{DeliveryId, EntityId};

impl World {
    pub(super) fn deliver(&mut self) -> Audited {
        let tickets: Vec<DeliveryId> = self.tickets.iter().copied().collect();
        for _ in 0..3 {
            let Some(id) = self.pick(&tickets) else { return Ok(()) };
            self.attempt_delivery(id)?;
        }
        Ok(())
    }

    pub(super) fn attempt_delivery(&mut self, id: DeliveryId) -> Audited {
        let Some((position, commit, at)) = self.position_of(id) else { return Ok(()) };
        let Some(lane) = self.lanes.get_mut(&id.partition()) else { return Ok(()) };
        let prepared = lane.prepare(id, Some(&commit));
        let prepared = prepared.map_err(|error| Violation { invariant: "INV-06", found: error.to_string() })?;
        let guard = commit.deliveries.get(at).map_or(Guard::None, |outgoing| outgoing.guard);
        let outcome = match prepared {
            Preparation::Ended => {
                self.tickets.remove(&id);
                return Ok(());
            }
            Preparation::Suppressed(reason, guard @ Guard::AttemptWanted(..)) => {
                match self.hand_over(id, &commit, guard, Some(reason))? {
                    Some(outcome) => outcome,
                    None => return Ok(()),
                }
            }
            Preparation::Ready(delivery, _) if delivery.channel == Channel::Collection => {
                self.auditor.leaves(id, position, self.log.durable, guard)?;
                match self.hand_over(id, &commit, guard, None)? {
                    Some(outcome) => outcome,
                    None => return Ok(()),
                }
            }
            Preparation::Ready(delivery, _)
                if matches!(delivery.channel, Channel::Inquiry | Channel::Cancellation) =>
            {
                self.auditor.leaves(id, position, self.log.durable, guard)?;
                match self.ask_gateway(delivery.channel, guard)? {
                    Some(outcome) => outcome,
                    None => return Ok(()),
                }
            }
            Preparation::Suppressed(..) if self.mutation == Some(Mutation::IgnoreGuard) => {
                self.auditor.leaves(id, position, self.log.durable, guard)?;
                Outcome::Delivered { detail: String::new() }
            }
            Preparation::Suppressed(reason, _) => Outcome::Suppressed { reason },
            Preparation::Ready(delivery, _) if delivery.channel == Channel::Partition => {
                self.auditor.leaves(id, position, self.log.durable, guard)?;
                if let EntityId::Transfer(transfer) = delivery.event.entity
                    && !self.conclude(transfer)?
                {
                    return Ok(());
                }
                // The process may end before this is recorded: then it is asked again.
                if self.random.once_in(4) {
                    return Ok(());
                }
                Outcome::Delivered { detail: "answered".to_owned() }
            }
            // A try has begun before the last crash, or this one has not ended.
            Preparation::Unheard(unwanted) => match (self.claimed.get(&id), unwanted) {
                (Some(claim), _) if *claim > u64::try_from(self.log.durable).unwrap_or(0) => return Ok(()),
                (Some(_), Some(reason)) => Outcome::Suppressed { reason },
                (Some(_), None) => {
                    self.claimed.remove(&id);
                    self.auditor.leaves_once(id)?;
                    self.auditor.leaves(id, position, self.log.durable, guard)?;
                    match self.random.below(4) {
                        0 => {
                            self.auditor.taken.remove(&id);
                            Outcome::RetryAt { at: self.now.plus_millis(60_000), error: "503".to_owned() }
                        }
                        1 => return Ok(()), // Nobody has heard how it ended.
                        _ => Outcome::Delivered { detail: "202".to_owned() },
                    }
                }
                (None, _) if self.mutation == Some(Mutation::SendAgain) => {
                    self.auditor.leaves_once(id)?;
                    Outcome::Delivered { detail: "202".to_owned() }
                }
                (None, _) => Outcome::Dead { error: "unknown".to_owned() },
            },
            // Too much has left lately.
            Preparation::Ready(delivery, _) if delivery.channel.reaches_people() && self.random.once_in(6) => {
                Outcome::HeldBack { until: self.now.plus_millis(60_000), reason: "enough for an hour".to_owned() }
            }
            Preparation::Ready(delivery, _) if delivery.channel.arrives_twice() => {
                self.claimed.insert(id, u64::try_from(self.log.records.len()).unwrap_or(0) + 1);
                Outcome::Claimed
            }
            Preparation::Ready(..) => {
                self.auditor.leaves(id, position, self.log.durable, guard)?;
                self.report.left += 1;
                match self.random.below(10) {
                    0 => Outcome::RetryAt { at: self.now.plus_millis(60_000), error: "503".to_owned() },
                    1 => Outcome::Dead { error: "410".to_owned() },
                    2 => return Ok(()), // It arrived, and nobody here has heard so: it is tried again.
                    _ => Outcome::Delivered { detail: "250".to_owned() },
                }
            }
        };
        self.note(format!("{id} {outcome:?}"));
        if outcome.is_final() {
            self.tickets.remove(&id);
        }
        let (tenant, now) = (self.tenant.clone(), self.now);
        let Some(lane) = self.lanes.get_mut(&id.partition()) else { return Ok(()) };
        match lane.record_outcomes(&tenant, now, vec![TriedDelivery { id, outcome }]) {
            Some(Stepped::Recorded(commit, _)) => self.append(commit, None),
            _ => Ok(()),
        }
    }

    /// The record of a delivery: where it stands, what it says, and the delivery's place in it.
    pub(super) fn position_of(&self, id: DeliveryId) -> Option<(u64, Arc<Commit>, usize)> {
        // The newest first: most deliveries are young.
        for (index, (_, commit)) in self.log.records.iter().enumerate().rev() {
            if commit.partition == id.partition()
                && let Some(at) = (0..commit.deliveries.len()).find(|place| commit.delivery_id(*place) == id)
            {
                return Some((u64::try_from(index).ok()? + 1, Arc::clone(commit), at));
            }
        }
        None
    }
}
