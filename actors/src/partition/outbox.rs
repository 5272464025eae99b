//! Deliveries that have not ended. A row names its record; what the record says is read from the
//! log when it is the row's turn.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::commit::{Commit, Ticket};
use crate::delivery::Route;
use crate::values::{DeliveryId, TenantId, Timestamp};

/// A delivery that has not ended, with what has been tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Whose it is and the way it goes, shared by the rows of a lane.
    pub way: Arc<(TenantId, Route)>,
    /// The position of its record in the log.
    pub position: u64,
    /// Its place in the record.
    pub place: u16,
    /// What its order is kept by, as a number: equal for equal keys, 0 for what is in no order.
    pub key: u64,
    /// Tries so far.
    pub attempts: u32,
    /// Not before this, in system time.
    pub not_before: Timestamp,
    /// Whether a try has begun of which nothing was heard.
    pub claimed: bool,
    /// The last error, if it is dead or waiting.
    pub last_error: Option<SmolStr>,
    /// The record, as long as it is young.
    #[serde(skip)]
    pub record: Option<Arc<Commit>>,
    /// Whether a checkpoint has taken it over.
    #[serde(skip)]
    pub stored: bool,
}

impl Row {
    /// What its lane is told of it.
    pub fn ticket(&self, id: DeliveryId) -> Ticket {
        let Self { way, attempts, not_before, .. } = self;
        let (tenant, route) = way.as_ref();
        Ticket { id, tenant: tenant.clone(), route: route.clone(), attempts: *attempts, not_before: *not_before }
    }
}

/// What waits on a route.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Deliveries that have not ended.
    pub deliveries: u64,
    /// Of them those that were tried and failed.
    pub failed: u64,
    /// Why one of these failed.
    pub last_error: Option<SmolStr>,
}
