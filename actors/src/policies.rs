//! What a tenant configured, as the machines read it. Built and checked by the service's
//! configuration; versions are part of the names.

use std::collections::BTreeMap;

use crate::payment_request::Scenario;
use crate::rules::RuleBook;
use crate::values::{Calendar, Zone};

/// The policies of one tenant.
#[derive(Debug, Clone)]
pub struct Policies {
    /// The tenant's zone: local dates and times are of here.
    pub zone: Zone,
    /// Business days.
    pub calendar: Calendar,
    /// Reminder scenarios by name.
    pub scenarios: BTreeMap<String, Scenario>,
    /// The scenario of requests that name none.
    pub default_scenario: Option<String>,
    /// Notification rules.
    pub rules: RuleBook,
    /// Days before a card's last day at which its expiry is announced, largest first.
    pub card_notices_days: Vec<i32>,
    /// Whether status changes are written to the ERP's status file.
    pub status_export: bool,
    /// When a transfer is placed without a person.
    pub matching: Matching,
}

/// When a transfer is placed without a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    /// How sure the best way of placing it must be, of 1,000.
    pub auto_at: u16,
    /// How far the next best must be behind, of 1,000.
    pub min_margin: u16,
    /// Whether of several requests of one customer that are equal in amount the oldest is meant.
    pub oldest_of_equal: bool,
    /// The amount above which a person decides in any case, in minor units.
    pub auto_minor_max: Option<i64>,
}

impl Default for Matching {
    fn default() -> Self {
        Self { auto_at: 850, min_margin: 100, oldest_of_equal: false, auto_minor_max: None }
    }
}

impl Policies {
    /// Policies that do nothing on their own: no scenario, no rule.
    pub fn quiet(zone: Zone, calendar: Calendar) -> Self {
        Self {
            zone,
            calendar,
            scenarios: BTreeMap::new(),
            default_scenario: None,
            rules: RuleBook::default(),
            card_notices_days: Vec::new(),
            status_export: false,
            matching: Matching::default(),
        }
    }
}
