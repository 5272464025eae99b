//! Deliveries that have not ended, and what is asked of them. A row names its record; what the record says is read from the
//! log when it is the row's turn.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::commit::{Commit, Ticket};
use super::lane::Lane;
use crate::delivery::Route;
use crate::limits;
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

/// A try of a delivery: where the log tells what was tried, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedTry {
    /// Which delivery.
    pub id: DeliveryId,
    /// Whose it is and the way it went.
    pub way: Arc<(TenantId, Route)>,
    /// The position of the record that made the delivery.
    pub origin: u64,
    /// Its place in that record.
    pub place: u16,
    /// The record of the lane that tells how the try ended.
    pub sequence: u64,
    /// The position of that record in the log.
    pub position: u64,
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

/// What of the outbox is asked for.
impl Lane {
    /// Deliveries that have not ended.
    pub fn outbox(&self) -> impl Iterator<Item = Ticket> {
        self.outbox.iter().map(|(id, row)| row.ticket(*id))
    }

    /// A delivery that has not ended, as it stands.
    pub fn pending(&self, id: DeliveryId) -> Option<&Row> {
        self.outbox.get(&id)
    }

    /// Deliveries of a tenant's way that have not ended, the oldest first.
    pub fn outbox_of<'a>(&'a self, way: &'a (TenantId, Route)) -> impl Iterator<Item = Ticket> + 'a {
        let of_route = move |(_, row): &(&DeliveryId, &Row)| *row.way == *way;
        self.outbox.iter().filter(of_route).map(|(id, row)| row.ticket(*id))
    }

    /// What waits on a route, added to what is known of other lanes.
    pub fn count_waiting(&self, route: &Route, waiting: &mut Waiting) {
        for (_, row) in self.outbox.iter().filter(|(_, row)| row.way.1 == *route) {
            waiting.deliveries += 1;
            waiting.failed += u64::from(row.last_error.is_some());
            waiting.last_error = row.last_error.clone().or_else(|| waiting.last_error.take());
        }
    }

    /// The deliveries of a tenant's way whose turn it is, so many at most: the oldest of each key, and those in no order; and after
    /// them as many of those that follow, a few of each key. Gives also whether there are others.
    pub fn turns_of(&self, way: &(TenantId, Route), limit: usize) -> (Vec<Ticket>, bool) {
        let mut has_others = false;
        let mut counts: FxHashMap<u64, usize> = FxHashMap::default();
        let (mut heads, mut followers) = (Vec::new(), Vec::new());
        for (id, row) in self.outbox.iter().filter(|(_, row)| *row.way == *way) {
            let before = match row.key {
                0 => 0,
                key => {
                    let count = counts.entry(key).or_default();
                    *count += 1;
                    *count - 1
                }
            };
            let turn = match before {
                0 => &mut heads,
                1..limits::FOLLOWERS_OF_A_KEY_MAX => &mut followers,
                _ => {
                    has_others = true;
                    continue;
                }
            };
            if turn.len() < limit {
                turn.push(row.ticket(*id));
            } else {
                has_others = true;
            }
        }
        heads.append(&mut followers);
        (heads, has_others)
    }
}
