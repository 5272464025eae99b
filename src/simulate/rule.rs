//! A rule on events that the log tells: what it would have fired on, and what left for it then. Nothing
//! leaves, nothing is recorded; the same log and the same rule give the same answer.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use quittance_actors::delivery::Guard;
use quittance_actors::partition::{Commit, Lane};
use quittance_actors::policies::Policies;
use quittance_actors::ports::Snapshots;
use quittance_actors::rules::{Action, EventType, Leaf, Moment, Published, Rule, Then, Truth};
use quittance_actors::values::{CustomerId, Date, EntityId, TenantId, Timestamp};

use crate::export::Period;
use crate::journal;
use crate::replay::{Nothing, fold};

/// Whose events, of when.
pub struct Asked<'a> {
    /// Whose.
    pub tenant: &'a TenantId,
    /// Its policies, whose zone and calendar say what a day is.
    pub policies: &'a Policies,
    /// Of when.
    pub period: Period,
    /// Examples kept of each rule.
    pub examples: usize,
}

/// What a rule comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Simulated {
    /// Events of its types.
    pub events: u64,
    /// Those it fires on.
    pub fires: u64,
    /// Those of which it cannot be said, by what is not known.
    pub unknown: BTreeMap<&'static str, u64>,
    /// Messages, and events handed to systems.
    pub messages: u64,
    /// What it does beside: holds, suspensions.
    pub deeds: u64,
    /// Messages to customers who cannot be reached.
    pub unreachable: u64,
    /// Events on which it would fire, had it not fired a while before.
    pub held_back: u64,
    /// Events on which something leaves and left for a rule of this name.
    pub same: u64,
    /// Events on which something leaves, and nothing did.
    pub more: u64,
    /// Events on which nothing leaves, and something did.
    pub less: u64,
    /// Events it fires on, by day.
    pub days: BTreeMap<Date, u64>,
    /// Messages by the customer who gets them.
    pub customers: BTreeMap<CustomerId, u64>,
    /// The first events it fires on.
    pub examples: Vec<Example>,
    /// Until when it does not fire again, for whom or what.
    fired: BTreeMap<(CustomerId, u64), Timestamp>,
}

/// An event on which a rule fires, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// When.
    pub at: Timestamp,
    /// Which.
    pub id: String,
    /// What happened.
    pub event: EventType,
    /// What each comparison came to.
    pub leaves: Vec<Leaf>,
}

/// Tries rules on the events of a period, as they stood then; gives what each comes to, in their order.
pub fn simulate(data: &Path, rules: &[Rule], asked: &Asked<'_>) -> Result<Vec<Simulated>, String> {
    let nothing: Arc<dyn Snapshots> = Arc::new(Nothing);
    let mut lanes: Vec<Lane> = (0..=u8::MAX).map(|lane| Lane::new(lane, 0, Arc::clone(&nothing))).collect();
    let mut found = vec![Simulated::default(); rules.len()];
    let Period { from, to } = asked.period;
    let walked = journal::walk(&data.join("log"), 0, |position, commit| {
        let commit = Arc::new(commit);
        fold(&mut lanes, position, &commit)?;
        let day = commit.at.date_in(&asked.policies.zone);
        if commit.tenant != *asked.tenant || !(from..=to).contains(&day) {
            return Ok(());
        }
        let lane = lanes.get_mut(usize::from(commit.partition)).ok_or("no such partition")?;
        for place in 0..commit.published.len() {
            let Some(event) = lane.publish(&commit, place).map_err(|error| error.to_string())? else { continue };
            for (rule, found) in rules.iter().zip(&mut found) {
                found.take(rule, lane, (&commit, place), &event, (day, asked))?;
            }
        }
        Ok(())
    });
    walked.map_err(|error| format!("the record log: {error}"))?;
    Ok(found)
}

impl Simulated {
    fn take(
        &mut self, rule: &Rule, lane: &mut Lane, (commit, place): (&Commit, usize), event: &Published,
        (day, asked): (Date, &Asked<'_>),
    ) -> Result<(), String> {
        let of_rule = |outgoing: &&quittance_actors::partition::Outgoing| {
            let of_rule = usize::from(outgoing.occurrence) == place && outgoing.cause == rule.cause;
            of_rule && outgoing.guard != Guard::TriedOut
        };
        let left = commit.deliveries.iter().any(|outgoing| of_rule(&outgoing));
        let mut leaves = Vec::new();
        let Policies { zone, calendar, .. } = asked.policies;
        let moment = Moment { at: event.at, tenant: &event.tenant, zone, calendar };
        let then = Then { facts: event, moment };
        let truth = match rule.on.contains(&event.event) {
            true => rule.when.evaluate(&then, Some(&mut leaves)),
            false => Truth::False,
        };
        let here = event.customer.filter(|id| id.partition() == commit.partition);
        let once = rule.once.and_then(|once| Some((once, (here?, once.key(rule, event.request, &then)?))));
        let held_back = once.is_some_and(|(_, key)| self.fired.get(&key).is_some_and(|until| commit.at < *until));
        self.held_back += u64::from(held_back && truth == Truth::True);
        self.events += u64::from(rule.on.contains(&event.event));
        let mut messages = 0;
        if truth == Truth::True && !held_back {
            self.fires += 1;
            *self.days.entry(day).or_default() += 1;
            let concerned = here.map(|id| lane.activate(EntityId::Customer(id))).transpose();
            let concerned = concerned.map_err(|error| error.to_string())?;
            let customer = concerned.as_ref().and_then(|(_, state)| state.as_customer());
            for action in &rule.then {
                if let Action::Do(_) = action {
                    self.deeds += u64::from(action.reaches(customer));
                    continue;
                }
                let reached = action.reaches(customer);
                if let (Action::NotifyCustomer { .. }, Some(id)) = (action, here) {
                    *self.customers.entry(id).or_default() += u64::from(reached);
                }
                messages += u64::from(reached);
                self.unreachable += u64::from(!reached);
            }
            if let Some((once, key)) = once.filter(|_| messages > 0) {
                self.fired.insert(key, commit.at.plus_millis(once.within_ms));
            }
            if self.examples.len() < asked.examples {
                self.examples.push(Example { at: event.at, id: event.id.to_string(), event: event.event, leaves });
            }
        } else if truth == Truth::Unknown {
            let missing = leaves.iter().find(|leaf| leaf.truth == Truth::Unknown);
            *self.unknown.entry(missing.map_or("", |leaf| leaf.field.path())).or_default() += 1;
        }
        self.messages += messages;
        match (messages > 0, left) {
            (true, true) => self.same += 1,
            (true, false) => self.more += 1,
            (false, true) => self.less += 1,
            (false, false) => {}
        }
        Ok(())
    }

    /// The day on which it fires most, the first of equals.
    pub fn busiest_day(&self) -> Option<(Date, u64)> {
        self.days
            .iter()
            .map(|(day, count)| (*day, *count))
            .min_by_key(|(day, count)| (std::cmp::Reverse(*count), *day))
    }

    /// The customer who gets most, the first of equals.
    pub fn busiest_customer(&self) -> Option<(CustomerId, u64)> {
        let counted = self.customers.iter().filter(|(_, count)| **count > 0);
        counted.map(|(id, count)| (*id, *count)).min_by_key(|(id, count)| (std::cmp::Reverse(*count), *id))
    }
}
