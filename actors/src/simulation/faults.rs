//! What goes wrong around the lanes: a slow store, clocks that jump, and the death of the process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::auditor::{Audited, Violation, tampered};
use super::mutation::Mutation;
use super::world::{LANES, World, Writing};
use crate::collection::Instrument;
use crate::machine::Tell;
use crate::partition::{Checkpoint, Commit, DirectoryValue, Envelope, Event, Lane, entries_of};
use crate::payment_request;
use crate::plan;
use crate::transfer;
use crate::values::Money;

impl World {
    /// One moment of a checkpoint: handed over, states stored, the rest stored.
    pub(super) fn checkpoint(&mut self) -> Audited {
        match &mut self.writing {
            None => {
                let position = u64::try_from(self.log.records.len()).unwrap_or(u64::MAX);
                let checkpoints: Vec<Checkpoint> =
                    self.lanes.values_mut().filter_map(Lane::begin_checkpoint).collect();
                if !checkpoints.is_empty() {
                    self.note(format!("checkpoint handed over at {position}"));
                    self.writing = Some(Writing { checkpoints, position, states_written: false });
                }
            }
            // What is stored must be durable in the log first.
            Some(writing) if self.log.durable < usize::try_from(writing.position).unwrap_or(usize::MAX) => {
                self.log.durable = self.log.records.len();
                self.release();
            }
            Some(writing) if !writing.states_written => {
                self.store.write_states(&writing.checkpoints);
                writing.states_written = true;
                self.note("states stored");
            }
            Some(_) => {
                let armed =
                    self.waiting.iter().flat_map(|(_, commit, _)| commit.timers.iter().map(|timer| timer.due));
                let firing = self.firing.iter().map(|(_, timer)| timer.due);
                let waiting = self.timers.first().map(|timer| timer.due);
                let before = armed.chain(firing).chain(waiting).min().unwrap_or(self.now);
                if let Some(writing) = self.writing.take() {
                    self.store.write_rest(&writing.checkpoints, writing.position, before);
                    let lanes: BTreeSet<u8> =
                        writing.checkpoints.iter().map(|checkpoint| checkpoint.partition).collect();
                    self.lanes
                        .iter_mut()
                        .filter(|(id, _)| lanes.contains(id))
                        .for_each(|(_, lane)| lane.end_checkpoint());
                    self.note("checkpoint stored");
                }
            }
        }
        Ok(())
    }

    /// The system's clock jumps, either way.
    pub(super) fn jump(&mut self) -> Audited {
        let minutes = i64::try_from(self.random.below(180)).unwrap_or(0) - 90;
        self.now = self.now.plus_millis(minutes * 60_000);
        self.note("the clock jumps");
        Ok(())
    }

    /// The process dies: what was not synced may be lost from some record on.
    pub(super) fn crash(&mut self) -> Audited {
        let unsynced = self.log.records.len() - self.log.durable;
        let kept = self.log.durable + self.random.place(unsynced + 1);
        self.log.records.truncate(kept);
        self.log.durable = kept;
        self.report.crashes += 1;
        self.note(format!("crash, {kept} records are left"));
        self.recover()
    }

    pub(super) fn recover(&mut self) -> Audited {
        self.waiting.clear();
        self.firing.clear();
        self.writing = None;
        self.directory.clear();
        let held = self.store.held().clone();
        self.timers = held.timers.iter().copied().collect();
        let mut lanes = BTreeMap::new();
        for id in LANES {
            let mut lane = Lane::new(id, held.sequences.get(&id).copied().unwrap_or(0), Arc::clone(&self.store) as _);
            let rows = held.outbox.iter().filter(|(delivery, _)| delivery.partition() == id);
            let rows = rows.map(|(delivery, row)| (*delivery, row.clone())).collect();
            lane.restore(rows, held.times.iter().map(|(tenant, at)| (tenant.clone(), *at)).collect());
            lane.bound_residents(4);
            lanes.insert(id, lane);
        }
        self.auditor.forget();
        let failed = |error: &dyn std::fmt::Display| Violation { invariant: "INV-13", found: error.to_string() };
        let records = std::mem::take(&mut self.log.records);
        for ((bytes, _), position) in records.iter().zip(1_u64..) {
            let commit = Arc::new((self.codec.decode)(bytes));
            self.auditor.record(position, &commit, bytes)?;
            self.directory.extend(entries_of(&commit));
            if position <= held.position {
                continue;
            }
            let Some(lane) = lanes.get_mut(&commit.partition) else { continue };
            if commit.sequence > lane.sequence() {
                let folded = if self.mutation == Some(Mutation::SkipChange) {
                    tampered(&commit, |copy| copy.changes.pop().is_some()).0
                } else {
                    Arc::clone(&commit)
                };
                lane.fold(&folded, position).map_err(|error| failed(&error))?;
                if let Some(fired) = &commit.fired {
                    self.timers.remove(fired);
                }
                self.timers.extend(&commit.timers);
            }
        }
        self.log.records = records;
        self.lanes = lanes;
        self.claimed.clear();
        self.tickets = self.lanes.values().flat_map(|lane| lane.outbox().map(|row| row.id)).collect();
        self.auditor.kept()?;
        self.auditor.compare(&mut self.lanes)?;
        // Callers who have heard nothing send again.
        for envelope in std::mem::take(&mut self.unanswered) {
            if self.admits(&envelope.tell) {
                let envelope = Envelope { at: self.now, ..envelope };
                self.submit(envelope, None)?;
            }
        }
        Ok(())
    }

    /// What the way in refuses before a lane sees it: a request of a customer nobody knows.
    pub(super) fn admits(&self, tell: &Tell) -> bool {
        match tell {
            Tell::PaymentRequest(_, payment_request::Command::Issue { terms, .. }) => {
                self.directory.values().any(|value| *value == DirectoryValue::Customer(terms.customer))
            }
            _ => true,
        }
    }

    /// The record as a mutation makes it.
    pub(super) fn tamper(&self, commit: Arc<Commit>) -> Arc<Commit> {
        let change: fn(&mut Commit) -> bool = match self.mutation {
            Some(Mutation::GrowAllocation) => |commit| {
                let event = commit.changes.iter_mut().find_map(|change| match &mut change.event {
                    Event::PaymentRequest(payment_request::Event::AmountAllocated { amount, .. }) => Some(amount),
                    _ => None,
                });
                event.map(|amount| *amount = Money::from_minor(amount.minor() * 2, amount.currency())).is_some()
            },
            Some(Mutation::LosePayment) => |commit| {
                let credit = commit.changes.iter_mut().find_map(|change| match &mut change.event {
                    Event::Transfer(transfer::Event::Matched { credit, .. }) if credit.is_positive() => Some(credit),
                    _ => None,
                });
                credit.map(|credit| *credit = Money::zero(credit.currency())).is_some()
            },
            Some(Mutation::OtherInstrument) => |commit| {
                let ordered = commit.changes.iter_mut().find_map(|change| match &mut change.event {
                    Event::PaymentRequest(payment_request::Event::AttemptOrdered { instrument, .. }) => {
                        Some(instrument)
                    }
                    _ => None,
                });
                ordered.map(|instrument| *instrument = Instrument::Card("stolen".into())).is_some()
            },
            Some(Mutation::RepeatCycle) => |commit| {
                let asked = commit.changes.iter_mut().find_map(|change| match &mut change.event {
                    Event::Plan(plan::Event::CycleAsked { number, .. }) if *number > 1 => Some(number),
                    _ => None,
                });
                asked.map(|number| *number -= 1).is_some()
            },
            _ => return commit,
        };
        tampered(&commit, change).0
    }
}
