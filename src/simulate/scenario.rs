//! Reminder scenarios on the requests open at a moment, by a clock that runs on from there: the machines
//! themselves decide, with every gate, as if nothing else happened. Beside it stands what really left, where the
//! log tells of those days.
//!
//! Nothing is collected meanwhile, and the bank is read up to the day before.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use quittance_actors::customer::Event as Customer;
use quittance_actors::machine::Purpose;
use quittance_actors::partition::{
    ArmedTimer, Commit, Envelope, Event, Lane, Origin, StepError, Stepped, StoredChange,
};
use quittance_actors::payment_request::{Event as Request, Terms};
use quittance_actors::policies::Policies;
use quittance_actors::ports::Snapshots;
use quittance_actors::values::{
    CommandId, CustomerId, Date, EntityId, PARTITIONS, PaymentRequestId, TenantId, Timestamp,
};

use crate::export::Period;
use crate::journal;
use crate::replay::{Nothing, fold};
use crate::steps::TEAM;

/// Firings of one simulation; more is a clock that does not get on.
const FIRED_MAX: u64 = 50_000_000;
/// Reasons told of a step; others are counted together.
const REASONS_MAX: usize = 20;

/// Whose requests, and which days.
pub struct Asked<'a> {
    /// Whose.
    pub tenant: &'a TenantId,
    /// What is tried, with everything that has a say.
    pub policies: &'a Policies,
    /// Only requests of this scenario.
    pub scenario: Option<&'a str>,
    /// The clock runs over these days, from the state at the end of the day before them.
    pub period: Period,
    /// Messages shown.
    pub examples: usize,
}

/// What becomes of a step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// Messages that would leave, by channel.
    pub sent: BTreeMap<&'static str, u64>,
    /// Those that would not, by reason.
    pub not_sent: BTreeMap<String, u64>,
    /// How often it would wait for a better time.
    pub deferred: u64,
    /// Messages that left in these days, as the log tells.
    pub left: u64,
}

/// A message that would leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// When.
    pub at: Timestamp,
    /// Of which request.
    pub request: PaymentRequestId,
    /// The invoice's number.
    pub number: String,
    /// Which step.
    pub step: String,
    /// How.
    pub channel: &'static str,
}

/// What the scenarios come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Foreseen {
    /// Requests open at the moment it starts from.
    pub open: u64,
    /// By name.
    pub steps: BTreeMap<String, Step>,
    /// The names in the order of the scenarios, those that stand in none any more first.
    pub order: Vec<String>,
    /// Messages by day.
    pub days: BTreeMap<Date, u64>,
    /// Messages by the customer who gets them.
    pub customers: BTreeMap<CustomerId, u64>,
    /// The first messages.
    pub examples: Vec<Message>,
}

impl Foreseen {
    /// Messages that would leave.
    pub fn messages(&self) -> u64 {
        self.days.values().sum()
    }
}

/// Whom a timer wakes, and what for: a later arming takes the place of an earlier one.
type Slot = (EntityId, Purpose);

/// Lets the clock run; gives what would leave.
pub fn foresee(data: &Path, asked: &Asked<'_>) -> Result<Foreseen, String> {
    let nothing: Arc<dyn Snapshots> = Arc::new(Nothing);
    let mut clock = Clock {
        asked,
        lanes: (0..=u8::MAX).map(|lane| Lane::new(lane, 0, Arc::clone(&nothing))).collect(),
        armed: BTreeMap::new(),
        due: BTreeSet::new(),
        number: 0,
        position: 0,
        found: Foreseen::default(),
    };
    let Period { from, to } = asked.period;
    let mut later = Vec::new();
    // A lane stands still at the first record of these days: its records follow each other without a gap.
    let mut begun = [false; PARTITIONS];
    let walked = journal::walk(&data.join("log"), 0, |position, commit| {
        let day = commit.at.date_in(&asked.policies.zone);
        let lane = begun.get_mut(usize::from(commit.partition)).ok_or("no such partition")?;
        if commit.tenant == *asked.tenant && day >= from {
            *lane = true;
            if day <= to {
                later.extend(commit.changes.iter().filter_map(reminder_sent));
            }
        }
        if *lane {
            return Ok(());
        }
        let commit = Arc::new(commit);
        fold(&mut clock.lanes, position, &commit)?;
        clock.position = position;
        if commit.tenant == *asked.tenant {
            clock.arm(&commit);
        }
        Ok(())
    });
    walked.map_err(|error| format!("the record log: {error}"))?;
    clock.count_open();
    clock.run(to.plus_days(1).at(0, 0, &asked.policies.zone))?;
    for (request, step) in later {
        if clock.is_asked(request)? {
            clock.found.steps.entry(step).or_default().left += 1;
        }
    }
    let mut found = clock.found;
    let scenarios = asked.policies.scenarios.values();
    let place = |name: &String| scenarios.clone().find_map(|scenario| scenario.place_of(name));
    found.order = found.steps.keys().cloned().collect();
    found.order.sort_by_key(|name| (place(name), name.clone()));
    Ok(found)
}

fn reminder_sent(change: &StoredChange) -> Option<(PaymentRequestId, String)> {
    match &change.event {
        Event::Customer(
            Customer::ReminderSent { request, step, .. } | Customer::ReminderEscalated { request, step },
        ) => Some((*request, step.to_string())),
        _ => None,
    }
}

struct Clock<'a> {
    asked: &'a Asked<'a>,
    lanes: Vec<Lane>,
    armed: BTreeMap<Slot, ArmedTimer>,
    due: BTreeSet<ArmedTimer>,
    number: u64,
    position: u64,
    found: Foreseen,
}

impl Clock<'_> {
    /// Takes over the timers that a record arms. Collections stand still, and nobody sees to tasks and files.
    fn arm(&mut self, commit: &Commit) {
        for timer in &commit.timers {
            if !matches!(timer.purpose, Purpose::Reminder | Purpose::Overdue | Purpose::Promise | Purpose::Hold) {
                continue;
            }
            if let Some(before) = self.armed.insert((timer.entity, timer.purpose), *timer) {
                self.due.remove(&before);
            }
            self.due.insert(*timer);
        }
        // What has fired does so no more.
        if let Some(fired) = &commit.fired {
            self.due.remove(fired);
        }
    }

    fn count_open(&mut self) {
        let wanted = self.asked.scenario;
        for (_, saved) in self.lanes.iter().flat_map(|lane| lane.saved().0) {
            if saved.tenant != *self.asked.tenant {
                continue;
            }
            let Some(state) = saved.entity.as_payment_request() else { continue };
            let scenario = state.terms.as_ref().and_then(|terms| terms.scenario.as_deref());
            let open = state.outstanding().is_some_and(|outstanding| outstanding.is_positive());
            self.found.open += u64::from(open && wanted.is_none_or(|wanted| scenario == Some(wanted)));
        }
    }

    /// Fires every timer due up to `end`, in order.
    fn run(&mut self, end: Timestamp) -> Result<(), String> {
        let mut fired = 0_u64;
        while let Some(timer) = self.due.pop_first() {
            if timer.due >= end {
                break;
            }
            fired += 1;
            if fired > FIRED_MAX {
                return Err(format!("more than {FIRED_MAX} timers fired: something goes round in circles"));
            }
            self.fire(timer)?;
        }
        Ok(())
    }

    fn fire(&mut self, timer: ArmedTimer) -> Result<(), String> {
        let zone = &self.asked.policies.zone;
        // What was due before these days and waits still leaves as they begin.
        let at = timer.due.max(self.asked.period.from.at(0, 0, zone));
        let Some(tell) = timer.command(Some(at.date_in(zone).plus_days(-1))) else { return Ok(()) };
        self.number += 1;
        let partition = tell.to().partition();
        let envelope = Envelope {
            tenant: self.asked.tenant.clone(),
            command_id: CommandId::new(at, self.number, partition),
            fingerprint: self.number,
            origin: Origin::Timer,
            at,
            tell,
        };
        let lane = self.lanes.get_mut(usize::from(partition)).ok_or("no such partition")?;
        let commit = match lane.step_fired(&envelope, self.asked.policies, Some(timer)) {
            Ok(Stepped::Recorded(commit, _)) => commit,
            Ok(Stepped::Unchanged(_)) | Err(StepError::Rejected(_) | StepError::FingerprintDiffers) => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        self.position += 1;
        lane.placed(&commit, self.position).map_err(|error| error.to_string())?;
        self.arm(&commit);
        for change in &commit.changes {
            self.take(change, commit.at)?;
        }
        Ok(())
    }

    fn take(&mut self, change: &StoredChange, at: Timestamp) -> Result<(), String> {
        let (request, step) = match (change.entity, &change.event) {
            (_, Event::Customer(Customer::ReminderSent { request, step, .. })) => (*request, step),
            (_, Event::Customer(Customer::ReminderSuppressed { request, step, .. })) => (*request, step),
            (_, Event::Customer(Customer::ReminderEscalated { request, step })) => (*request, step),
            (EntityId::PaymentRequest(id), Event::PaymentRequest(Request::ReminderSkipped { name, .. })) => {
                (id, name)
            }
            (
                EntityId::PaymentRequest(id),
                Event::PaymentRequest(Request::ReminderDeferred { name, .. } | Request::ReminderHeld { name, .. }),
            ) => (id, name),
            _ => return Ok(()),
        };
        if !self.is_asked(request)? {
            return Ok(());
        }
        let tally = self.found.steps.entry(step.to_string()).or_default();
        match &change.event {
            Event::Customer(Customer::ReminderSent { channel, .. }) => {
                *tally.sent.entry(channel.name()).or_default() += 1;
                *self.found.days.entry(at.date_in(&self.asked.policies.zone)).or_default() += 1;
                if let EntityId::Customer(customer) = change.entity {
                    *self.found.customers.entry(customer).or_default() += 1;
                }
                if self.found.examples.len() < self.asked.examples {
                    let (number, step) = (self.number_of(request)?, step.to_string());
                    self.found.examples.push(Message { at, request, number, step, channel: channel.name() });
                }
            }
            // Nobody is written to by it; what rules do is theirs.
            Event::Customer(Customer::ReminderEscalated { .. }) => *tally.sent.entry(TEAM).or_default() += 1,
            Event::Customer(Customer::ReminderSuppressed { reason, .. })
            | Event::PaymentRequest(Request::ReminderSkipped { reason, .. }) => {
                let known = tally.not_sent.len() < REASONS_MAX || tally.not_sent.contains_key(reason.as_str());
                let reason = if known { reason.to_string() } else { "other reasons".to_owned() };
                *tally.not_sent.entry(reason).or_default() += 1;
            }
            _ => tally.deferred += 1,
        }
        Ok(())
    }

    /// Whether a request has the scenario that is asked for.
    fn is_asked(&mut self, request: PaymentRequestId) -> Result<bool, String> {
        let Some(wanted) = self.asked.scenario else { return Ok(true) };
        Ok(self.terms(request)?.is_some_and(|terms| terms.scenario.as_deref() == Some(wanted)))
    }

    fn number_of(&mut self, request: PaymentRequestId) -> Result<String, String> {
        Ok(self.terms(request)?.map(|terms| terms.external_ref.to_string()).unwrap_or_default())
    }

    fn terms(&mut self, request: PaymentRequestId) -> Result<Option<Arc<Terms>>, String> {
        let lane = self.lanes.get_mut(usize::from(request.partition())).ok_or("no such partition")?;
        let (_, entity) = lane.activate(EntityId::PaymentRequest(request)).map_err(|error| error.to_string())?;
        Ok(entity.as_payment_request().and_then(|state| state.terms.clone()))
    }
}
