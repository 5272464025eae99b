//! The rule book of a tenant: rules by event type.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use thiserror::Error;

use super::condition::{Condition, Truth};
use super::deed::Deed;
use super::fields::{Facts, Field};
use super::index::Index;
use super::published::EventType;
use crate::customer::Customer;
use crate::delivery::{Channel, Recipient};
use crate::limits;
use crate::values::{PaymentRequestId, stable_hash};

/// Why a rule book was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum RuleError {
    #[error("rule '{0}' stands twice")]
    Duplicate(Arc<str>),
    #[error("there are more than {0} rules")]
    TooMany(usize),
    #[error("rule '{rule}' would set itself off: what it does leads to {event}, on which it fires in the end")]
    Loop {
        /// The rule.
        rule: Arc<str>,
        /// The first event that it leads to on the way back to itself.
        event: EventType,
    },
}

/// Who receives what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A message to the customer of the event.
    NotifyCustomer {
        /// How.
        channel: Channel,
        /// What it says.
        template: Arc<str>,
    },
    /// A message to a team, or the event to a system.
    Tell {
        /// How.
        channel: Channel,
        /// What it says; machines get the event itself.
        template: Option<Arc<str>>,
        /// To whom.
        recipient: Recipient,
    },
    /// Something is done.
    Do(Deed),
}

impl Action {
    /// Whether it reaches anybody, when an event concerns this customer.
    pub fn reaches(&self, customer: Option<&Customer>) -> bool {
        match self {
            Action::NotifyCustomer { channel, .. } => customer.is_some_and(|state| state.reachable_by(*channel)),
            Action::Tell { .. } => true,
            Action::Do(deed) => deed.is_of_request() || deed.is_of_plan() || customer.is_some(),
        }
    }
}

/// What a rule fires once for, however many events there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// The customer concerned.
    Customer,
    /// The payment request concerned.
    Request,
    /// Each value of a fact, of the customer concerned.
    Fact(Field),
}

impl Per {
    /// The word in configuration and calls.
    pub fn name(self) -> &'static str {
        match self {
            Per::Customer => "customer",
            Per::Request => "request",
            Per::Fact(field) => field.path(),
        }
    }
}

/// How seldom a rule fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Once {
    /// For whom or what.
    pub per: Per,
    /// In so many milliseconds.
    pub within_ms: i64,
}

impl Once {
    /// By what a customer remembers that the rule has fired; nothing when the event concerns no such thing, and the rule
    /// fires. A fact that is not known counts as one value of it.
    pub fn key(&self, rule: &Rule, request: Option<PaymentRequestId>, facts: &impl Facts) -> Option<u64> {
        // What was only tried out has not been said.
        let of = if rule.shadow { "shadow" } else { "rule" };
        match self.per {
            Per::Customer => Some(stable_hash(&[of, &rule.name])),
            Per::Request => request.map(|request| stable_hash(&[of, &rule.name, &request.to_string()])),
            Per::Fact(field) => {
                let value = facts.fact(field).map(|fact| fact.into_value().to_string()).unwrap_or_default();
                Some(stable_hash(&[of, &rule.name, field.path(), &value]))
            }
        }
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name, unique in the tenant.
    pub name: Arc<str>,
    /// What its deliveries name as their cause.
    pub cause: Arc<str>,
    /// On what it may fire.
    pub on: Vec<EventType>,
    /// When it fires.
    pub when: Condition,
    /// What it leads to.
    pub then: Vec<Action>,
    /// How seldom it fires, if not each time.
    pub once: Option<Once>,
    /// Whether it stands there and does not fire.
    pub paused: bool,
    /// Whether it is tried out: it fires, what it says is recorded and does not leave, and it does nothing beside.
    pub shadow: bool,
}

/// The rules of a tenant, found by event type.
#[derive(Debug, Clone)]
pub struct RuleBook {
    rules: Vec<Rule>,
    by_type: BTreeMap<EventType, Index>,
    /// The cause of rows of the status file.
    pub status_cause: Arc<str>,
    /// The cause of messages of a scenario.
    pub scenario_cause: Arc<str>,
    /// What asks customers about decisions.
    pub decision_cause: Arc<str>,
    /// What has connectors collect.
    pub collection_cause: Arc<str>,
    /// What has connectors pay out.
    pub payout_cause: Arc<str>,
}

impl Default for RuleBook {
    fn default() -> Self {
        let (status_cause, scenario_cause) = ("status export".into(), "scenario".into());
        let (decision_cause, collection_cause) = ("decision".into(), "collection".into());
        let payout_cause = "payout".into();
        let (rules, by_type) = (Vec::new(), BTreeMap::new());
        Self { rules, by_type, status_cause, scenario_cause, decision_cause, collection_cause, payout_cause }
    }
}

impl Rule {
    /// A rule; refuses nothing.
    pub fn new(name: &str, on: Vec<EventType>, when: Condition, then: Vec<Action>) -> Self {
        let (name, cause) = (name.into(), format!("rule {name}").into());
        Self { name, cause, on, when, then, once: None, paused: false, shadow: false }
    }

    /// The events that what it does leads to.
    fn leads_to(&self) -> impl Iterator<Item = EventType> {
        let deeds = self.then.iter().filter_map(|action| match action {
            Action::Do(deed) => Some(deed.leads_to()),
            Action::NotifyCustomer { .. } | Action::Tell { .. } => None,
        });
        deeds.flatten().copied()
    }

    /// The same rule, which does not fire for now.
    pub fn paused(self, paused: bool) -> Self {
        Self { paused, ..self }
    }

    /// The same rule, which is only tried out.
    pub fn tried_out(self, shadow: bool) -> Self {
        Self { shadow, ..self }
    }

    /// The same rule, which fires so seldom.
    pub fn at_most(self, once: Option<Once>) -> Self {
        Self { once, ..self }
    }
}

impl RuleBook {
    /// Takes checked rules; refuses two of one name.
    pub fn new(rules: Vec<Rule>) -> Result<Self, RuleError> {
        if rules.len() > limits::RULES_MAX {
            return Err(RuleError::TooMany(limits::RULES_MAX));
        }
        let mut by_type: BTreeMap<EventType, Vec<usize>> = BTreeMap::new();
        for (at, rule) in rules.iter().enumerate() {
            if rules.iter().take(at).any(|earlier| earlier.name == rule.name) {
                return Err(RuleError::Duplicate(rule.name.clone()));
            }
            for event in &rule.on {
                by_type.entry(*event).or_default().push(at);
            }
        }
        let when = |at: usize| rules.get(at).map(|rule| &rule.when);
        let by_type: BTreeMap<EventType, Index> =
            by_type.into_iter().map(|(event, all)| (event, Index::new(all, when))).collect();
        let book = Self { rules, by_type, ..Self::default() };
        match book.rules.iter().find_map(|rule| Some((rule, book.comes_back(rule)?))) {
            Some((rule, event)) => Err(RuleError::Loop { rule: rule.name.clone(), event }),
            None => Ok(book),
        }
    }

    /// Every rule, in the order of the file.
    pub fn all(&self) -> &[Rule] {
        &self.rules
    }

    /// The event by which a rule comes back to itself, whatever its conditions say.
    fn comes_back(&self, rule: &Rule) -> Option<EventType> {
        rule.leads_to().find(|first| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![*first]);
            while let Some(event) = open.pop() {
                if rule.on.contains(&event) {
                    return true;
                }
                if seen.insert(event) {
                    open.extend(self.on(event).flat_map(Rule::leads_to));
                }
            }
            false
        })
    }

    /// The rules that may fire on an event of this type, in the order of the file.
    pub fn on(&self, event: EventType) -> impl Iterator<Item = &Rule> {
        let at = self.by_type.get(&event).map(|index| index.all.as_slice()).unwrap_or_default();
        at.iter().filter_map(|at| self.rules.get(*at)).filter(|rule| !rule.paused)
    }

    /// The rules that fire on an event of this type with these facts, in the order of the file.
    pub fn firing<'a>(&'a self, event: EventType, facts: &impl Facts) -> Vec<&'a Rule> {
        let Some(index) = self.by_type.get(&event) else { return Vec::new() };
        let fires = |at: &usize| {
            let rule = self.rules.get(*at).filter(|rule| !rule.paused)?;
            (rule.when.evaluate(facts, None) == Truth::True).then_some(rule)
        };
        match index.few() {
            Some(places) => places.iter().filter_map(fires).collect(),
            None => index.may_fire(facts).iter().filter_map(fires).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collection::Hold;

    fn rule(name: &str, on: EventType, deed: Deed) -> Rule {
        Rule::new(name, vec![on], Condition::Always(true), vec![Action::Do(deed)])
    }

    #[test]
    fn a_paused_rule_stands_there_and_does_not_fire() {
        let paused = rule("a", EventType::HoldPlaced, Deed::SuspendRecurring).paused(true);
        let book = RuleBook::new(vec![paused, rule("b", EventType::HoldPlaced, Deed::StopReminders)]).unwrap();
        assert_eq!(book.all().len(), 2);
        assert_eq!(book.on(EventType::HoldPlaced).map(|rule| &*rule.name).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn a_rule_that_would_set_itself_off_is_refused_over_however_many_others() {
        let place = Deed::PlaceHold { hold: Hold::Manual, days: Some(1) };
        let lift = Deed::LiftHold { hold: Hold::Manual };
        let fine = vec![
            rule("a", EventType::AttemptReversed, place.clone()),
            rule("b", EventType::HoldPlaced, Deed::SuspendRecurring),
            rule("c", EventType::RecurringSuspended, Deed::StopReminders),
        ];
        assert!(RuleBook::new(fine).is_ok());
        for (wrong, name, event) in [
            (vec![rule("a", EventType::HoldPlaced, place.clone())], "a", EventType::HoldPlaced),
            (
                vec![
                    rule("a", EventType::HoldPlaced, Deed::SuspendRecurring),
                    rule("b", EventType::RecurringSuspended, lift),
                    rule("c", EventType::HoldLifted, place),
                ],
                "a",
                EventType::RecurringSuspended,
            ),
        ] {
            assert_eq!(RuleBook::new(wrong).err(), Some(RuleError::Loop { rule: name.into(), event }));
        }
    }
}
