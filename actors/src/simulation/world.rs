//! The world itself: one action of the seed at a time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::auditor::{Audited, Auditor, Violation, broken};
use super::collectors::Gateway;
use super::disk::{Log, Store, store};
use super::mutation::Mutation;
use super::policies::{EDITIONS, edition, policies};
use super::random::Random;
use crate::machine::Tell;
use crate::partition::{
    ArmedTimer, Checkpoint, Commit, DirectoryKey, DirectoryValue, Envelope, Lane, Origin, StepError, Stepped,
    entries_of,
};
use crate::payment_request;
use crate::policies::Policies;
use crate::values::{CommandId, Date, DeliveryId, TenantId, Timestamp};

/// How records become bytes: the service's codec.
#[derive(Clone, Copy)]
pub struct Codec {
    /// The bytes of a record.
    pub encode: fn(&Commit) -> Vec<u8>,
    /// The record of bytes.
    pub decode: fn(&[u8]) -> Commit,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Records written.
    pub records: usize,
    /// Crashes survived.
    pub crashes: usize,
    /// Messages that left.
    pub left: usize,
    /// Timers that fired.
    pub fired: usize,
    /// Orders that gateways were given.
    pub ordered: usize,
    /// Answers of a gateway that was asked about an attempt.
    pub inquired: usize,
    /// Cycles that plans asked for.
    pub cycles: usize,
    /// Refunds that who has collected the money was to make, and of them those that failed.
    pub refunds: (usize, usize),
    /// Every byte of the log.
    pub log: Vec<Vec<u8>>,
}

pub(super) const LANES: [u8; 3] = [7, 8, 200];
/// Records of one life: more are a circle.
const RECORDS_MAX: usize = 20_000;
const FULL_AUDIT_EVERY: usize = 60;

/// A checkpoint under way.
pub(super) struct Writing {
    pub checkpoints: Vec<Checkpoint>,
    pub position: u64,
    pub states_written: bool,
}

/// The simulated world.
pub struct World {
    pub(super) codec: Codec,
    pub(super) mutation: Option<Mutation>,
    pub(super) random: Random,
    pub(super) policies: Policies,
    pub(super) tenant: TenantId,
    pub(super) now: Timestamp,
    pub(super) lanes: BTreeMap<u8, Lane>,
    pub(super) log: Log,
    pub(super) store: Arc<Store>,
    pub(super) directory: BTreeMap<DirectoryKey, DirectoryValue>,
    /// Records not synced yet: what they release, and who waits for them.
    pub(super) waiting: VecDeque<(u64, Arc<Commit>, Option<CommandId>)>,
    pub(super) timers: BTreeSet<ArmedTimer>,
    /// Fired, and their records not synced.
    pub(super) firing: Vec<(u64, ArmedTimer)>,
    pub(super) tickets: BTreeSet<DeliveryId>,
    /// Tries that this process has claimed and not begun, and the records that say so.
    pub(super) claimed: BTreeMap<DeliveryId, u64>,
    /// Commands whose callers have heard nothing yet.
    pub(super) unanswered: Vec<Envelope>,
    /// Commands that were answered, to be sent again by mistake.
    pub(super) answered: Vec<Envelope>,
    pub(super) writing: Option<Writing>,
    pub(super) auditor: Auditor,
    pub(super) gateway: Gateway,
    pub(super) number: u64,
    pub(super) report: Report,
    pub(super) trace: VecDeque<String>,
}

impl World {
    /// The world of a seed; with a mutation, it makes that mistake whenever it can.
    pub fn new(seed: u64, codec: Codec, mutation: Option<Mutation>) -> Result<Self, String> {
        let policies = policies()?;
        let store = store(mutation);
        let day = Date::new(2026, 3, 2).ok_or("no such day")?;
        let now = day.at(8, 0, &policies.zone);
        let lane = |lane| (lane, Lane::new(lane, 0, Arc::clone(&store) as _));
        let mut lanes: BTreeMap<u8, Lane> = LANES.into_iter().map(lane).collect();
        // A small resident set, so that entities leave memory and come back all the time.
        lanes.values_mut().for_each(|lane| lane.bound_residents(4));
        Ok(Self {
            codec,
            mutation,
            random: Random::new(seed),
            policies,
            tenant: TenantId::parse("shop").map_err(|error| error.to_string())?,
            now,
            lanes,
            log: Log::default(),
            store,
            directory: BTreeMap::new(),
            waiting: VecDeque::new(),
            timers: BTreeSet::new(),
            firing: Vec::new(),
            tickets: BTreeSet::new(),
            claimed: BTreeMap::new(),
            unanswered: Vec::new(),
            answered: Vec::new(),
            writing: None,
            auditor: Auditor::default(),
            gateway: Gateway::new(),
            number: 0,
            report: Report {
                records: 0,
                crashes: 0,
                left: 0,
                fired: 0,
                ordered: 0,
                inquired: 0,
                cycles: 0,
                refunds: (0, 0),
                log: Vec::new(),
            },
            trace: VecDeque::new(),
        })
    }

    /// The last actions, the newest last.
    pub fn trace(&self) -> Vec<String> {
        self.trace.iter().cloned().collect()
    }

    /// Takes so many steps, then lets everything due happen and audits the whole.
    pub fn run(&mut self, steps: usize) -> Result<Report, Violation> {
        let run = catch_unwind(AssertUnwindSafe(|| self.run_unguarded(steps)));
        run.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text =
                text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default();
            // Machines check some invariants themselves.
            let named =
                ["INV-01", "INV-02", "INV-03", "INV-04", "INV-08", "INV-10"].into_iter().find(|id| text.contains(id));
            broken(named.unwrap_or("panic"), text)
        })
    }

    fn run_unguarded(&mut self, steps: usize) -> Result<Report, Violation> {
        for step in 0..steps {
            self.step()?;
            if step % FULL_AUDIT_EVERY == FULL_AUDIT_EVERY - 1 {
                self.audit()?;
            }
        }
        self.settle()?;
        self.audit()?;
        self.report.records = self.log.records.len();
        self.report.cycles = self.auditor.cycles();
        self.report.refunds = self.auditor.refunds();
        self.report.log = self.log.records.iter().map(|(bytes, _)| bytes.clone()).collect();
        Ok(self.report.clone())
    }

    pub(super) fn note(&mut self, action: impl Into<String>) {
        self.trace.push_back(format!("{} {}", self.now, action.into()));
        if self.trace.len() > 40 {
            self.trace.pop_front();
        }
    }

    fn step(&mut self) -> Audited {
        match self.random.below(100) {
            0..=8 => self.register(),
            9..=25 => self.issue(),
            26..=31 => self.transfer(),
            32..=36 => self.collect(),
            37 if self.random.once_in(2) => self.keep_back(),
            37 => self.gateway_tells(),
            38..=48 => self.attempt(),
            49..=50 => self.refund_or_cancel(),
            51 if self.random.once_in(4) => self.change_scenario(),
            51 => self.decide(),
            52..=54 => self.card(),
            55..=57 => self.repeat(),
            58..=59 => self.give_back(),
            60..=61 => self.plan(),
            62..=70 => self.sync(),
            71..=79 => self.deliver(),
            80..=85 => self.tick(),
            86..=94 => self.checkpoint(),
            95..=97 => self.jump(),
            _ => self.crash(),
        }
    }

    /// Somebody changes the scenario, for requests under way as well.
    fn change_scenario(&mut self) -> Audited {
        let number = self.random.below(EDITIONS);
        let scenario = edition(number).map_err(|error| Violation { invariant: "panic", found: error.to_string() })?;
        self.note(format!("edition {number} of the scenario"));
        self.policies.scenarios.insert("standard".to_owned(), scenario);
        // The service stood still meanwhile, and looks again at what is armed; or it has not come to it yet.
        for (id, _) in self.auditor.open() {
            if self.random.once_in(2) {
                self.ask(Tell::PaymentRequest(id, payment_request::Command::ReviewReminders), Origin::System)?;
            }
        }
        Ok(())
    }

    pub(super) fn fresh(&mut self) -> u64 {
        self.number += 1;
        (self.random.next() << 20) | self.number
    }

    pub(super) fn lane(&mut self) -> u8 {
        let place = self.random.place(LANES.len());
        LANES.get(place).copied().unwrap_or(7)
    }

    // What callers ask.

    pub(super) fn ask(&mut self, tell: Tell, origin: Origin) -> Audited {
        let number = self.fresh();
        let command_id = CommandId::new(self.now, number, tell.to().partition());
        let tenant = self.tenant.clone();
        let envelope = Envelope { tenant, command_id, fingerprint: number, origin, at: self.now, tell };
        self.submit(envelope, None)
    }

    pub(super) fn submit(&mut self, envelope: Envelope, fired: Option<ArmedTimer>) -> Audited {
        let Some(lane) = self.lanes.get_mut(&envelope.tell.to().partition()) else { return Ok(()) };
        match lane.step_fired(&envelope, &self.policies, fired) {
            Ok(Stepped::Recorded(commit, _)) => {
                let command = (envelope.origin == Origin::Api).then_some(envelope.command_id);
                if command.is_some() {
                    self.unanswered.push(envelope);
                }
                self.append(commit, command)
            }
            Ok(Stepped::Unchanged(_)) | Err(StepError::Rejected(_) | StepError::FingerprintDiffers) => {
                // What it was decided from may still be lost: the timer has fired once that is durable.
                let position = u64::try_from(self.log.records.len()).unwrap_or(u64::MAX);
                self.firing.extend(fired.map(|timer| (position, timer)));
                Ok(())
            }
            Err(StepError::Port(error)) => broken("panic", error.to_string()),
            Err(StepError::Bug(bug)) => broken("panic", bug),
        }
    }

    // The log.

    pub(super) fn append(&mut self, commit: Arc<Commit>, command: Option<CommandId>) -> Audited {
        let commit = self.tamper(commit);
        let bytes = (self.codec.encode)(&commit);
        let read = (self.codec.decode)(&bytes);
        if read != *commit {
            return broken("INV-13", format!("a record reads back as another one: {commit:?}"));
        }
        self.log.records.push((bytes.clone(), Arc::clone(&commit)));
        if self.log.records.len() > RECORDS_MAX {
            return broken("N11", format!("more than {RECORDS_MAX} records: something goes round in circles"));
        }
        let position = u64::try_from(self.log.records.len()).unwrap_or(u64::MAX);
        if let Some(lane) = self.lanes.get_mut(&commit.partition) {
            lane.placed(&commit, position)
                .map_err(|error| Violation { invariant: "panic", found: error.to_string() })?;
        }
        self.auditor.record(position, &commit, &bytes)?;
        self.directory.extend(entries_of(&commit));
        self.firing.extend(commit.fired.map(|timer| (position, timer)));
        if self.mutation == Some(Mutation::ReleaseEarly) {
            self.tickets.extend((0..commit.deliveries.len()).map(|place| commit.delivery_id(place)));
        }
        self.waiting.push_back((position, Arc::clone(&commit), command));
        if self.mutation == Some(Mutation::RepeatRecord) && self.random.once_in(20) {
            self.log.records.push((bytes.clone(), Arc::clone(&commit)));
            return self.auditor.record(position + 1, &commit, &bytes);
        }
        Ok(())
    }

    /// Everything written so far, or a part of it, becomes durable; what waits for it goes on.
    fn sync(&mut self) -> Audited {
        let unsynced = self.log.records.len() - self.log.durable;
        let part = if self.random.once_in(3) { self.random.place(unsynced + 1) } else { unsynced };
        self.log.durable += part;
        self.note(format!("sync up to {}", self.log.durable));
        self.release();
        Ok(())
    }

    pub(super) fn release(&mut self) {
        let durable = u64::try_from(self.log.durable).unwrap_or(u64::MAX);
        while self.waiting.front().is_some_and(|(position, ..)| *position <= durable) {
            let Some((_, commit, command)) = self.waiting.pop_front() else { return };
            self.timers.extend(&commit.timers);
            self.tickets.extend((0..commit.deliveries.len()).map(|place| commit.delivery_id(place)));
            if let Some(command) = command
                && let Some(place) = self.unanswered.iter().position(|asked| asked.command_id == command)
            {
                // Some answers are lost on their way.
                if !self.random.once_in(6) {
                    self.answered.push(self.unanswered.swap_remove(place));
                    self.auditor.acknowledged.insert(command);
                }
            }
        }
        self.firing.retain(|(position, _)| *position > durable);
    }

    // What happens on its own.

    /// Time goes on, and what is due fires; some of it late, some of it twice.
    fn tick(&mut self) -> Audited {
        let hours = i64::try_from(self.random.below(40)).unwrap_or(0);
        self.now = self.now.plus_millis(hours * 3_600_000 + 1);
        self.fire(4)
    }

    fn fire(&mut self, limit: usize) -> Audited {
        let slack = if self.mutation == Some(Mutation::FireEarly) { 7_200_000 } else { 0 };
        let due: Vec<ArmedTimer> = self
            .timers
            .iter()
            .filter(|timer| timer.due <= self.now.plus_millis(slack))
            .take(limit)
            .copied()
            .collect();
        for timer in due {
            if !self.random.once_in(10) {
                self.timers.remove(&timer); // Otherwise it fires again: a row is a hint.
            }
            self.auditor.fires(&timer, self.now)?;
            self.report.fired += 1;
            self.note(format!("timer {:?} of {}", timer.purpose, timer.entity));
            let Some(tell) = self.cycle_due(&timer) else { continue };
            let command_id = CommandId::new(self.now, self.fresh(), timer.entity.partition());
            let (tenant, at) = (self.tenant.clone(), self.now);
            let envelope = Envelope { tenant, command_id, fingerprint: 0, origin: Origin::Timer, at, tell };
            self.submit(envelope, Some(timer))?;
        }
        Ok(())
    }

    /// Everything becomes durable, every timer of the next months fires, everything leaves.
    fn settle(&mut self) -> Audited {
        self.crash()?;
        for round in 0..40 {
            if round < 30 {
                // By now cards have paid.
                self.refund(None)?;
                self.give_back()?;
            }
            self.log.durable = self.log.records.len();
            self.release();
            self.now = self.now.plus_days(4);
            while self.timers.first().is_some_and(|timer| timer.due <= self.now) {
                self.fire(64)?;
                self.log.durable = self.log.records.len();
                self.release();
            }
            let tickets: Vec<DeliveryId> = self.tickets.iter().copied().collect();
            for id in tickets {
                self.attempt_delivery(id)?;
            }
        }
        self.log.durable = self.log.records.len();
        self.release();
        self.auditor.undecided()?;
        self.auditor.woken(self.now, &self.policies.zone)
    }

    /// The whole: the lanes against the second fold, and against lanes built from nothing.
    fn audit(&mut self) -> Audited {
        self.auditor.kept()?;
        self.auditor.books()?;
        self.auditor.compare(&mut self.lanes)?;
        let empty = store(None);
        let mut again: BTreeMap<u8, Lane> =
            LANES.into_iter().map(|lane| (lane, Lane::new(lane, 0, Arc::clone(&empty) as _))).collect();
        for ((_, commit), position) in self.log.records.iter().zip(1_u64..) {
            if let Some(lane) = again.get_mut(&commit.partition) {
                let folded = lane.fold(commit, position);
                folded.map_err(|error| Violation { invariant: "INV-13", found: error.to_string() })?;
            }
        }
        for (id, lane) in &again {
            let live = self.lanes.get(id);
            if live.is_none_or(|live| live.sequence() != lane.sequence()) {
                return broken("INV-13", format!("lane {id} has another number of records when it is replayed"));
            }
            let rows = |lane: &Lane| lane.outbox().map(|row| (row.id, row.attempts)).collect::<Vec<_>>();
            if live.is_some_and(|live| rows(live) != rows(lane)) {
                return broken("INV-13", format!("lane {id} has another outbox when it is replayed"));
            }
            // Histories too: the store names the same records as the log.
            for (entity, saved) in lane.saved().0 {
                let positions = self.lanes.get_mut(id).map(|live| live.history(entity, usize::MAX));
                let positions = positions.and_then(Result::ok).unwrap_or_default();
                if positions != saved.history.positions().collect::<Vec<_>>() {
                    return broken("INV-13", format!("{entity} has another history when it is replayed"));
                }
            }
        }
        Ok(())
    }
}
