//! Tries of deliveries: where the log tells of each, for some months.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use quittance_actors::delivery::Route;
use quittance_actors::partition::{Checkpoint, NotedTry};
use quittance_actors::ports::PortError;
use quittance_actors::values::{DeliveryId, TenantId, Timestamp};

use super::checkpoint::{Rows, value};
use super::lists::after_prefix;
use super::{Store, failed, keys};
use crate::journal::codec;

/// How long tries can be looked up: the log keeps them for good.
const KEPT_DAYS: i64 = 100;
/// Rows that leave at a time.
const LEAVING_MAX: usize = 50_000;
/// Rows that one page looks at.
const EXAMINED_MAX: usize = 20_000;

/// A delivery that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Which.
    pub id: DeliveryId,
    /// The way it went.
    pub route: Route,
    /// The position of the record that made it.
    pub origin: u64,
    /// Its place in that record.
    pub place: u16,
    /// The positions of the records that tell of its tries, the oldest first.
    pub positions: Vec<u64>,
}

/// A page of what was tried, the newest first.
#[derive(Debug, Default)]
pub struct TriedPage {
    /// Deliveries.
    pub rows: Vec<Tried>,
    /// The delivery after which the next page begins, when there is more to look at.
    pub next: Option<DeliveryId>,
}

/// Until which hour old tries of each tenant have been looked for.
#[derive(Default)]
pub(super) struct Trimmed(Mutex<BTreeMap<TenantId, i64>>);

impl Store {
    /// Rows of the tries of a checkpoint.
    pub(super) fn try_rows(checkpoint: &Checkpoint, rows: &mut Rows) -> Result<(), PortError> {
        for NotedTry { id, way, origin, place, position, .. } in &checkpoint.tries {
            let (tenant, route) = way.as_ref();
            rows.push((keys::tried(tenant, *id, *position), value(&(origin, place, route))?));
        }
        Ok(())
    }

    /// Rows that are too old, once an hour of a tenant's clock.
    pub(super) fn old_tries(&self, times: &BTreeMap<&TenantId, Timestamp>) -> Result<Rows, PortError> {
        let mut rows = Rows::new();
        for (tenant, now) in times {
            let hour = keys::hour(*now);
            let known = self.trimmed.0.lock().insert((*tenant).clone(), hour);
            if known == Some(hour) {
                continue;
            }
            let before = DeliveryId::new(now.plus_days(-KEPT_DAYS), 0, 0);
            for guard in self.tries.range(keys::tenant(tenant)..keys::tries(tenant, before)).take(LEAVING_MAX) {
                rows.push((guard.key().map_err(failed)?.to_vec(), None));
            }
        }
        Ok(rows)
    }

    /// The tries of a delivery, as far as a checkpoint has them.
    pub fn tries_of(&self, tenant: &TenantId, id: DeliveryId) -> Result<Option<Tried>, PortError> {
        let prefix = keys::tries(tenant, id);
        let mut found: Option<Tried> = None;
        for guard in self.tries.prefix(&prefix) {
            let (key, bytes) = guard.into_inner().map_err(failed)?;
            take(&mut found, &key, &bytes)?;
        }
        Ok(found)
    }

    /// Deliveries that were tried before `before`, of one way or of all, the newest first: `limit` of them at most.
    pub fn tried(
        &self, tenant: &TenantId, before: Option<DeliveryId>, route: Option<&Route>, limit: usize,
    ) -> Result<TriedPage, PortError> {
        let start = keys::tenant(tenant);
        let end = before.map_or_else(|| after_prefix(start.clone()), |before| keys::tries(tenant, before));
        let (mut page, mut current) = (TriedPage::default(), None::<Tried>);
        let wanted = |row: &Tried| route.is_none_or(|route| row.route == *route);
        for (examined, guard) in self.tries.range(start..end).rev().enumerate() {
            let (key, bytes) = guard.into_inner().map_err(failed)?;
            let Some((id, _)) = parts(&key) else { continue };
            if current.as_ref().is_some_and(|current| current.id != id) {
                page.next = current.as_ref().map(|current| current.id);
                page.rows.extend(current.take().filter(wanted));
                if page.rows.len() == limit || examined >= EXAMINED_MAX {
                    return Ok(page);
                }
            }
            take(&mut current, &key, &bytes)?;
        }
        page.rows.extend(current.filter(wanted));
        page.next = None;
        Ok(page)
    }
}

/// Takes a row into the delivery it is of.
fn take(found: &mut Option<Tried>, key: &[u8], bytes: &[u8]) -> Result<(), PortError> {
    let Some((id, position)) = parts(key) else { return Ok(()) };
    let (origin, place, route): (u64, u16, Route) = codec::decode_value(bytes).map_err(failed)?;
    let row = found.get_or_insert(Tried { id, route, origin, place, positions: Vec::new() });
    let at = row.positions.partition_point(|known| *known < position);
    row.positions.insert(at, position);
    Ok(())
}

fn parts(key: &[u8]) -> Option<(DeliveryId, u64)> {
    let (key, position) = key.split_last_chunk::<8>()?;
    let (_, id) = key.split_last_chunk::<16>()?;
    Some((DeliveryId::from_bytes(*id), u64::from_be_bytes(*position)))
}
