//! The rule book of a tenant: rules by event type.

use std::collections::BTreeMap;

use thiserror::Error;

use super::condition::{Condition, Truth};
use super::published::{EventType, Published};
use crate::delivery::{Channel, Recipient};
use crate::limits;

/// Why a rule book was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum RuleError {
    #[error("rule '{0}' stands twice")]
    Duplicate(String),
    #[error("there are more than {0} rules")]
    TooMany(usize),
}

/// Who receives what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A message to the customer of the event.
    NotifyCustomer {
        /// How.
        channel: Channel,
        /// What it says.
        template: String,
    },
    /// A message to a team, or the event to a system.
    Tell {
        /// How.
        channel: Channel,
        /// What it says; machines get the event itself.
        template: Option<String>,
        /// To whom.
        recipient: Recipient,
    },
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name, unique in the tenant.
    pub name: String,
    /// On what it may fire.
    pub on: Vec<EventType>,
    /// When it fires.
    pub when: Condition,
    /// What it leads to.
    pub then: Vec<Action>,
}

/// The rules of a tenant, found by event type.
#[derive(Debug, Clone, Default)]
pub struct RuleBook {
    rules: Vec<Rule>,
    by_type: BTreeMap<EventType, Vec<usize>>,
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
        Ok(Self { rules, by_type })
    }

    /// Every rule, in the order of the file.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rules that fire on an event, in the order of the file.
    pub fn firing<'a>(&'a self, event: &'a Published) -> impl Iterator<Item = &'a Rule> {
        let at = self.by_type.get(&event.event).map(Vec::as_slice).unwrap_or_default();
        at.iter()
            .filter_map(|at| self.rules.get(*at))
            .filter(|rule| rule.when.evaluate(event, &mut Vec::new()) == Truth::True)
    }
}
