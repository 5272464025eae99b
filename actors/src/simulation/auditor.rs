//! The auditor: folds the log on its own, sees what leaves, and names what must not be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use smol_str::SmolStr;

use super::collectors::{is_ordered, one_in_flight};
use crate::collection::Instrument;
use crate::customer;
use crate::delivery::Guard;
use crate::partition::{ArmedTimer, Commit, Entity, Event, Lane, Origin};
use crate::payment_request::{self, Source, Status};
use crate::payout;
use crate::transfer;
use crate::values::{
    CommandId, CustomerId, DeliveryId, EntityId, Money, PaymentRequestId, PayoutId, Timestamp, TransferId,
};

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its id.
    pub invariant: &'static str,
    /// What was found.
    pub found: String,
}

pub(super) type Audited = Result<(), Violation>;

pub(super) fn broken<T>(invariant: &'static str, found: impl Into<String>) -> Result<T, Violation> {
    Err(Violation { invariant, found: found.into() })
}

/// What must never stand in a record about anything but a customer.
pub(super) const ADDRESS_MARK: &str = "@private.example";

/// What the log tells, folded a second time.
#[derive(Default)]
pub(super) struct Auditor {
    pub model: BTreeMap<EntityId, (u64, Entity)>,
    sequences: BTreeMap<u8, u64>,
    commands: BTreeMap<CommandId, u64>,
    issued: BTreeMap<SmolStr, PaymentRequestId>,
    /// Steps that have left.
    reminded: BTreeSet<(PaymentRequestId, SmolStr)>,
    /// The last event of each key.
    numbers: BTreeMap<EntityId, u64>,
    /// Deliveries that have not ended.
    pub pending: BTreeSet<DeliveryId>,
    /// Commands whose callers have heard that they are recorded.
    pub acknowledged: BTreeSet<CommandId>,
    /// Attempts that gateways made, by request.
    pub made: BTreeMap<PaymentRequestId, usize>,
    /// Payouts that a bank booked after it had said that they fail: what was done with the money meanwhile stays.
    pub(super) contradicted: BTreeSet<PayoutId>,
    /// Messages that may have arrived and would arrive a second time.
    pub taken: BTreeSet<DeliveryId>,
}

impl Auditor {
    /// Forgets what it folded; what happened outside stays known.
    pub fn forget(&mut self) {
        let (acknowledged, made) = (std::mem::take(&mut self.acknowledged), std::mem::take(&mut self.made));
        let taken = std::mem::take(&mut self.taken);
        *self = Self { acknowledged, made, taken, ..Self::default() };
    }

    /// Takes the record at a position.
    pub fn record(&mut self, position: u64, commit: &Commit, bytes: &[u8]) -> Audited {
        let sequence = self.sequences.insert(commit.partition, commit.sequence).unwrap_or(0);
        if commit.sequence != sequence + 1 {
            let Commit { partition, sequence: found, .. } = commit;
            return broken("INV-13", format!("lane {partition} goes from record {sequence} to {found}"));
        }
        if commit.origin == Origin::Api && self.commands.insert(commit.command_id, position).is_some() {
            return broken("INV-09", format!("{} is recorded a second time", commit.command_id));
        }
        let marked = bytes.windows(ADDRESS_MARK.len()).any(|window| window == ADDRESS_MARK.as_bytes());
        if marked && beside_profiles(commit).contains(ADDRESS_MARK) {
            return broken("INV-12", format!("record {position} holds an address outside a profile"));
        }
        for change in &commit.changes {
            if let Event::PaymentRequest(payment_request::Event::Issued { terms }) = &change.event
                && self.issued.insert(terms.external_ref.clone(), terms.id).is_some_and(|known| known != terms.id)
            {
                return broken("INV-11", format!("{} is issued a second time", terms.external_ref));
            }
            self.cycle(change)?;
            let (version, entity) =
                self.model.entry(change.entity).or_insert_with(|| (0, Entity::new(change.entity)));
            if change.version != *version + 1 {
                let found = format!("{} goes from version {version} to {}", change.entity, change.version);
                return broken("INV-08", found);
            }
            *version = change.version;
            entity.apply(&change.event);
        }
        self.numbered(commit)?;
        for change in &commit.changes {
            if let Event::Customer(customer::Event::ReminderSent { request, step, .. }) = &change.event
                && !self.reminded.insert((*request, step.clone()))
            {
                return broken("INV-03", format!("{request} gets the step {step} a second time"));
            }
        }
        for place in 0..commit.deliveries.len() {
            self.pending.insert(commit.delivery_id(place));
        }
        for tried in commit.outcomes.iter().filter(|tried| tried.outcome.is_final()) {
            if !self.pending.remove(&tried.id) {
                return broken("INV-06", format!("{} ends a second time, or was never to leave", tried.id));
            }
        }
        self.contradicted.extend(commit.changes.iter().filter_map(|change| match (change.entity, &change.event) {
            (EntityId::Payout(id), Event::Payout(payout::Event::Contradicted { .. })) => Some(id),
            _ => None,
        }));
        self.sums(commit)
    }

    /// The events of a key are told one after the other.
    fn numbered(&mut self, commit: &Commit) -> Audited {
        for occurrence in &commit.published {
            let subject = commit.changes.get(usize::from(occurrence.change)).map(|change| change.entity);
            let Some(key) = subject.map(|subject| occurrence.key(subject, commit.partition)) else { continue };
            let last = self.numbers.entry(key).or_default();
            if occurrence.key_seq() != Some(*last + 1) {
                return broken("INV-15", format!("{key} goes from event {last} to {:?}", occurrence.key_seq()));
            }
            *last += 1;
        }
        Ok(())
    }

    /// The sums of everything that a record touched.
    fn sums(&self, commit: &Commit) -> Audited {
        for change in &commit.changes {
            match self.model.get(&change.entity) {
                Some((_, Entity::PaymentRequest(state))) => {
                    let Some(terms) = &state.terms else { continue };
                    let paid: i64 = state.allocations.values().map(|part| part.minor()).sum();
                    if paid.saturating_add(state.rare.written_off_minor) > terms.amount.minor() {
                        return broken("INV-01", format!("{}: {paid} is allocated of {}", terms.id, terms.amount));
                    }
                    let made = self.made.get(&terms.id).copied().unwrap_or(0);
                    let reported = state.attempts.keys().filter(|attempt| !is_ordered(terms.id, **attempt)).count();
                    if reported > made {
                        let found = format!("{}: {reported} attempts are recorded, {made} made", terms.id);
                        return broken("INV-04", found);
                    }
                    one_in_flight(terms.id, state, None)?;
                    self.kept_back(&change.event, terms.customer)?;
                }
                Some((_, Entity::Transfer(state))) => self.transfer(state)?,
                Some((_, Entity::Customer(state))) => {
                    self.wanted(&change.event, state)?;
                    if let Some((_, minor)) = state.rare.credit.iter().find(|(_, minor)| **minor < 0) {
                        return broken("INV-02", format!("{:?} has {minor} of credit", change.entity));
                    }
                }
                Some((_, Entity::Payout(state))) => self.payout(state)?,
                Some((_, Entity::Feed(_) | Entity::Plan(_))) | None => {}
            }
        }
        Ok(())
    }

    /// Nobody is reminded who is held, has promised, disputes, or does not want it (INV-03).
    fn wanted(&self, event: &Event, customer: &customer::Customer) -> Audited {
        let Event::Customer(customer::Event::ReminderSent { request, channel, .. }) = event else { return Ok(()) };
        let held = customer.is_deceased() || customer.rare.opted_out.contains_key(channel);
        let state = self.model.get(&EntityId::PaymentRequest(*request));
        let kept = state.and_then(|(_, entity)| entity.as_payment_request()).is_some_and(|state| {
            state.rare.promise.is_some() || state.rare.dispute.is_some() || state.in_flight().is_some()
        });
        if held || kept {
            return broken("INV-03", format!("{request} is reminded of, and is not to be"));
        }
        Ok(())
    }

    /// Nothing is collected from what cannot be used, or from who is held (INV-05).
    fn kept_back(&self, event: &Event, customer: CustomerId) -> Audited {
        let Event::PaymentRequest(payment_request::Event::AttemptOrdered { instrument, attempt, .. }) = event else {
            return Ok(());
        };
        let Some((_, Entity::Customer(state))) = self.model.get(&EntityId::Customer(customer)) else {
            return broken("INV-05", format!("{attempt} is of nobody"));
        };
        let known = match instrument {
            Instrument::Card(token) => state.payment_methods.values().any(|method| method.token == *token),
            Instrument::Mandate(reference) => state.mandates.contains_key(reference),
        };
        let ended = state.ledgers.get(instrument).is_some_and(|ledger| ledger.ended.is_some());
        if !known || ended || state.rare.suspended.is_some() || state.is_deceased() {
            return broken("INV-05", format!("{attempt} is made from {instrument}, which cannot be used"));
        }
        Ok(())
    }

    fn transfer(&self, state: &transfer::Transfer) -> Audited {
        let Some(details) = &state.details else { return Ok(()) };
        if state.status == transfer::Status::Divided && state.pending.is_none() {
            return self.divided(details, state.divided().1);
        }
        // What is being taken back is with its customer first, and then here.
        if state.status != transfer::Status::Matched || state.pending.is_some() {
            return Ok(());
        }
        let allocated: i64 = state.allocations.values().map(|part| part.minor()).sum();
        if allocated + state.credited_minor != details.amount.minor() {
            let found = format!(
                "{}: {allocated} allocated and {} credited of {}",
                details.id, state.credited_minor, details.amount
            );
            return broken("INV-02", found);
        }
        for (request, part) in state.allocations.iter() {
            let known = match self.model.get(&EntityId::PaymentRequest(*request)) {
                Some((_, Entity::PaymentRequest(known))) => {
                    known.allocations.get(&Source::Transfer(details.id)).copied()
                }
                _ => None,
            };
            if known != Some(*part) {
                let found = format!("{} gives {part} to {request}, which holds {known:?}", details.id);
                return broken("INV-02", found);
            }
        }
        Ok(())
    }

    /// The parts of a transfer are all there, and make the whole.
    fn divided(&self, details: &transfer::Details, parts: &[transfer::DividedPart]) -> Audited {
        let mut found = 0;
        for part in parts {
            let known = match self.model.get(&EntityId::Transfer(part.id)) {
                Some((_, Entity::Transfer(known))) => known.details.as_ref().map(|known| known.amount),
                _ => None,
            };
            if known != Some(part.amount) {
                return broken("INV-02", format!("{} has the part {} of {known:?}", details.id, part.id));
            }
            found += part.amount.minor();
        }
        if found != details.amount.minor() {
            return broken("INV-02", format!("{} is {}, and its parts make {found}", details.id, details.amount));
        }
        Ok(())
    }

    /// Something is about to leave that would arrive beside an earlier try.
    pub fn leaves_once(&mut self, id: DeliveryId) -> Audited {
        match self.taken.insert(id) {
            true => Ok(()),
            false => broken("INV-14", format!("{id} leaves a second time")),
        }
    }

    /// Something is about to leave.
    pub fn leaves(&self, id: DeliveryId, position: u64, durable: usize, guard: Guard) -> Audited {
        if position > u64::try_from(durable).unwrap_or(u64::MAX) {
            return broken("INV-07", format!("{id} leaves, and its record {position} is not synced"));
        }
        if guard == Guard::TriedOut {
            return broken("INV-03", format!("{id} leaves, and its rule is tried out"));
        }
        if let Guard::StillOpen(request) | Guard::AttemptWanted(request, _) = guard
            && let Some((_, Entity::PaymentRequest(state))) = self.model.get(&EntityId::PaymentRequest(request))
            && state.status != Status::Open
        {
            return broken("INV-03", format!("{id} reminds of {request}, which is {:?}", state.status));
        }
        Ok(())
    }

    /// A timer fires.
    pub fn fires(&self, timer: &ArmedTimer, now: Timestamp) -> Audited {
        if now < timer.due {
            return broken("INV-10", format!("{} is woken at {now}, before {}", timer.entity, timer.due));
        }
        Ok(())
    }

    /// What callers have heard is still there.
    pub fn kept(&self) -> Audited {
        match self.acknowledged.iter().find(|command| !self.commands.contains_key(command)) {
            Some(command) => broken("INV-07", format!("{command} was acknowledged and is lost")),
            None => Ok(()),
        }
    }

    /// The lanes hold what the log tells.
    pub fn compare(&self, lanes: &mut BTreeMap<u8, Lane>) -> Audited {
        for (id, (version, entity)) in &self.model {
            let Some(lane) = lanes.get_mut(&id.partition()) else { continue };
            let held =
                lane.activate(*id).map_err(|error| Violation { invariant: "INV-08", found: error.to_string() })?;
            if held.0 != *version || *held.1 != *entity {
                let found = format!("{id}: the lane holds {held:?}, the log tells version {version}: {entity:?}");
                return broken("INV-08", found);
            }
        }
        let held: BTreeSet<DeliveryId> = lanes.values().flat_map(|lane| lane.outbox().map(|row| row.id)).collect();
        if let Some(id) = self.pending.symmetric_difference(&held).next() {
            let here = if held.contains(id) { "waits in its lane, and has ended" } else { "has vanished" };
            return broken("INV-06", format!("{id} {here}"));
        }
        Ok(())
    }

    /// After everything due has fired: nothing waits for a timer that never came.
    pub fn woken(&self, now: Timestamp, zone: &crate::values::Zone) -> Audited {
        self.cycles_asked(now)?;
        for (id, (_, entity)) in &self.model {
            let Entity::PaymentRequest(state) = entity else { continue };
            let Some(terms) = state.terms.as_ref().filter(|_| state.status == Status::Open) else { continue };
            // What waits for a person has no timer.
            let armed = state.reminders.next.filter(|_| state.awaits_approval().is_none());
            if let Some((step, due)) = armed.filter(|(_, due)| *due < now) {
                return broken("INV-10", format!("{id}: step {step} was due at {due} and never came"));
            }
            let overdue = terms.due_on.plus_days(1).at(0, 0, zone);
            if !state.overdue && overdue < now {
                return broken("INV-10", format!("{id}: was due on {} and never became overdue", terms.due_on));
            }
        }
        Ok(())
    }

    /// Every part that a request counts from a transfer is one that the transfer gives, or a decision under
    /// way is about it; and the other way round.
    pub fn books(&self) -> Audited {
        self.plans_and_requests()?;
        for (_, entity) in self.model.values() {
            if let Entity::Transfer(state) = entity
                && state.pending.is_none()
            {
                self.transfer(state)?;
            }
            let Entity::PaymentRequest(state) = entity else { continue };
            let Some(terms) = &state.terms else { continue };
            for (source, part) in state.allocations.iter() {
                let Source::Transfer(id) = source else { continue };
                let given = match self.model.get(&EntityId::Transfer(*id)) {
                    Some((_, Entity::Transfer(transfer))) => {
                        transfer.pending.is_some() || transfer.allocations.get(&terms.id) == Some(part)
                    }
                    _ => false,
                };
                if !given {
                    return broken("INV-02", format!("{} counts {part} from {id}, which does not give it", terms.id));
                }
            }
        }
        Ok(())
    }

    /// Decisions that nobody has concluded.
    pub fn undecided(&self) -> Audited {
        let pending = |entity: &Entity| entity.as_transfer().is_some_and(|state| state.pending.is_some());
        match self.model.iter().find(|(_, (_, entity))| pending(entity)) {
            Some((id, _)) => broken("INV-06", format!("{id} waits for its customer for ever")),
            None => Ok(()),
        }
    }

    /// Transfers, and where they stand.
    pub fn transfers(&self) -> Vec<(TransferId, transfer::Status)> {
        let known = |(id, (_, entity)): (&EntityId, &(u64, Entity))| match id {
            EntityId::Transfer(id) => Some((*id, entity.as_transfer()?.status)),
            _ => None,
        };
        self.model.iter().filter_map(known).collect()
    }

    /// Every payout.
    pub fn payouts(&self) -> Vec<PayoutId> {
        let known = |id: &EntityId| if let EntityId::Payout(id) = id { Some(*id) } else { None };
        self.model.keys().filter_map(known).collect()
    }

    /// What was received.
    pub fn amount_of(&self, id: TransferId) -> Option<Money> {
        let (_, entity) = self.model.get(&EntityId::Transfer(id))?;
        Some(entity.as_transfer()?.details.as_ref()?.amount)
    }

    /// Whose request it is.
    pub fn customer_of(&self, id: PaymentRequestId) -> Option<CustomerId> {
        let (_, entity) = self.model.get(&EntityId::PaymentRequest(id))?;
        Some(entity.as_payment_request()?.terms.as_ref()?.customer)
    }

    /// Open requests, for the world to act upon.
    pub fn open(&self) -> Vec<(PaymentRequestId, Money)> {
        let open = self.model.values().filter_map(|(_, entity)| {
            let state = entity.as_payment_request().filter(|state| state.status == Status::Open)?;
            Some((state.terms.as_ref()?.id, state.outstanding()?))
        });
        open.collect()
    }
}

/// Everything a record says but the profiles of customers.
fn beside_profiles(commit: &Commit) -> String {
    let is_profile = |event: &Event| {
        matches!(event, Event::Customer(customer::Event::Registered { .. } | customer::Event::ProfileChanged { .. }))
    };
    let changes = commit.changes.iter().filter(|change| !is_profile(&change.event));
    let Commit { published, deliveries, outcomes, facts, .. } = commit;
    format!("{:?} {published:?} {deliveries:?} {outcomes:?} {facts:?}", changes.collect::<Vec<_>>())
}

/// A tampered copy of a record, and whether anything was changed.
pub(super) fn tampered(commit: &Arc<Commit>, change: impl FnOnce(&mut Commit) -> bool) -> (Arc<Commit>, bool) {
    let mut copy = commit.as_ref().clone();
    let changed = change(&mut copy);
    if changed { (Arc::new(copy), true) } else { (Arc::clone(commit), false) }
}
