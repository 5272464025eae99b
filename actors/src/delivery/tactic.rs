//! How the deliveries of each way leave: in which order, and how they are tried again.

use std::collections::BTreeMap;

use super::{Ladder, Route};
use crate::limits::LANE_IN_FLIGHT_MAX;

/// In which order the deliveries of a way leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As they come: one that waits for its next try holds up no other.
    #[default]
    None,
    /// One after the other for each ordering key, and keys side by side. What is given up is passed over.
    Key,
}

/// How the deliveries of one way leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tactic {
    /// When they are tried again.
    pub ladder: Ladder,
    /// In which order they leave.
    pub order: Order,
    /// How long nothing may succeed until people are told, in milliseconds.
    pub failing_after_ms: i64,
    /// How many tries are under way at once, at most.
    pub in_flight_max: usize,
    /// How many leave together; each by itself without.
    pub batch: Option<Batch>,
}

impl Default for Tactic {
    fn default() -> Self {
        let (ladder, order, in_flight_max) = (Ladder::default(), Order::default(), LANE_IN_FLIGHT_MAX);
        Self { ladder, order, failing_after_ms: 0, in_flight_max, batch: None }
    }
}

/// How many deliveries leave together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// As many at most.
    pub rows: usize,
    /// So long after the first of them at the latest, in milliseconds.
    pub wait_ms: i64,
}

/// How deliveries leave, by their way.
#[derive(Debug, Clone, Default)]
pub struct Tactics {
    /// Of ways that have none of their own.
    pub default: Tactic,
    /// Of the others.
    pub of: BTreeMap<Route, Tactic>,
}

impl Tactics {
    /// How deliveries of this way leave.
    pub fn on(&self, route: &Route) -> Tactic {
        self.of.get(route).unwrap_or(&self.default).clone()
    }
}
