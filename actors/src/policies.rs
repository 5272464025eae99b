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
        }
    }
}
