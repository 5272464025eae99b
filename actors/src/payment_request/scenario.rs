//! Reminder scenarios: ordered steps, each an anchor, an offset, a local time, channels and a
//! template.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use thiserror::Error;

use super::state::Terms;
use crate::delivery::Channel;
use crate::limits;
use crate::values::{Timestamp, Zone};

/// Why a scenario was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum ScenarioError {
    #[error("a scenario has 1 to {0} steps")]
    StepCount(usize),
    #[error("step '{0}' stands twice")]
    DuplicateStep(SmolStr),
    #[error("step '{0}' has no channel")]
    NoChannel(SmolStr),
    #[error("step '{0}': a customer is reached by email or sms only")]
    MachineChannel(SmolStr),
}

/// What an offset counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anchor {
    /// The day the request came in. A step whose time of that day has passed waits for the next.
    Created,
    /// The date of issue.
    Issued,
    /// The payment deadline.
    Due,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name, unique in the scenario.
    pub name: SmolStr,
    /// What the offset counts from.
    pub anchor: Anchor,
    /// Days after the anchor, negative for before.
    pub offset_days: i32,
    /// Local hour and minute.
    pub at: (i8, i8),
    /// Channels, the preferred first; the next is used when the customer has no such address.
    pub channels: Vec<Channel>,
    /// The template.
    pub template: Arc<str>,
}

/// A scenario, its steps in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    name: String,
    steps: Vec<Step>,
    /// How late a step may still leave, in milliseconds.
    pub late_within_ms: i64,
}

impl Scenario {
    /// A scenario; refuses no step, two steps of one name, and steps that cannot be sent.
    pub fn new(name: &str, steps: Vec<Step>, late_within_ms: i64) -> Result<Self, ScenarioError> {
        if steps.is_empty() || steps.len() > limits::SCENARIO_STEPS_MAX {
            return Err(ScenarioError::StepCount(limits::SCENARIO_STEPS_MAX));
        }
        for (at, step) in steps.iter().enumerate() {
            if steps.iter().skip(at + 1).any(|other| other.name == step.name) {
                return Err(ScenarioError::DuplicateStep(step.name.clone()));
            }
            if step.channels.is_empty() {
                return Err(ScenarioError::NoChannel(step.name.clone()));
            }
            if step.channels.iter().any(|channel| !channel.reaches_people()) {
                return Err(ScenarioError::MachineChannel(step.name.clone()));
            }
        }
        Ok(Self { name: name.to_owned(), steps, late_within_ms })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The step at `index`.
    pub fn step(&self, index: u16) -> Option<&Step> {
        self.steps.get(usize::from(index))
    }
}

impl Step {
    /// When the step is due for a request.
    pub fn due(&self, terms: &Terms, zone: &Zone) -> Timestamp {
        let (hour, minute) = self.at;
        let anchor = match self.anchor {
            Anchor::Created => {
                let day = terms.created_at.date_in(zone);
                let passed = day.at(hour, minute, zone) < terms.created_at;
                day.plus_days(i32::from(passed))
            }
            Anchor::Issued => terms.issued_on,
            Anchor::Due => terms.due_on,
        };
        anchor.plus_days(self.offset_days).at(hour, minute, zone)
    }
}
