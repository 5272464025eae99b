//! Tries of deliveries: where the log tells of each, for some months.
//!
//! The tries of a round are packed by the ids of their deliveries, which are in the order of time: one row holds up to a
//! thousand tries of deliveries that were made within ten minutes, and is found by the last of them. A row for each try would
//! cost a tenth of a delivery.

use std::collections::BTreeMap;

use fjall::UserKey;
use parking_lot::Mutex;
use quittance_actors::delivery::Route;
use quittance_actors::partition::{Checkpoint, NotedTry};
use quittance_actors::ports::PortError;
use quittance_actors::values::{DeliveryId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use super::checkpoint::{Rows, value};
use super::lists::after_prefix;
use super::{Store, failed, keys};
use crate::journal::codec;

/// How long tries can be looked up: the log keeps them for good.
const KEPT_DAYS: i64 = 100;
/// Rows that leave at a time.
const LEAVING_MAX: usize = 50_000;
/// Tries of a row.
const PACKED_MAX: usize = 1_000;
/// How far apart the deliveries of a row were made.
const PACKED_MS_MAX: i64 = 600_000;
/// Tries that one page looks at, unless it would come no further.
const EXAMINED_MAX: usize = 200_000;

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

/// Tries of deliveries made one after the other, in the order of their ids.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Pack {
    routes: Vec<Route>,
    tries: Vec<PackedTry>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct PackedTry {
    id: DeliveryId,
    origin: u64,
    place: u16,
    position: u64,
    /// The place of its way in the pack.
    route: u16,
}

/// When a delivery was made, in the clock of its tenant, as its id says.
fn made_at(id: DeliveryId) -> Timestamp {
    let [a, b, c, d, e, f, ..] = id.to_bytes();
    let millis = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    Timestamp::from_unix_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

fn is_near(first: DeliveryId, other: DeliveryId) -> bool {
    made_at(other).unix_millis().saturating_sub(made_at(first).unix_millis()) <= PACKED_MS_MAX
}

/// Until which hour old tries of each tenant have been looked for.
#[derive(Default)]
pub(super) struct Trimmed(Mutex<BTreeMap<TenantId, i64>>);

/// The tries of a round as rows.
pub(super) fn packed(checkpoints: &[Checkpoint]) -> Result<Rows, PortError> {
    let mut of_tenants: BTreeMap<&TenantId, Vec<&NotedTry>> = BTreeMap::new();
    for noted in checkpoints.iter().flat_map(|checkpoint| &checkpoint.tries) {
        of_tenants.entry(&noted.way.0).or_default().push(noted);
    }
    let mut rows = Rows::new();
    for (tenant, mut tries) in of_tenants {
        tries.sort_unstable_by_key(|noted| (noted.id, noted.position));
        let mut tries = tries.into_iter().peekable();
        while let Some(first) = tries.peek().map(|noted| noted.id) {
            let mut pack = Pack::default();
            while let Some(noted) = tries.next_if(|noted| pack.tries.len() < PACKED_MAX && is_near(first, noted.id)) {
                let known = pack.routes.iter().position(|route| *route == noted.way.1);
                let route = known.unwrap_or_else(|| {
                    pack.routes.push(noted.way.1.clone());
                    pack.routes.len() - 1
                });
                pack.tries.push(PackedTry {
                    id: noted.id,
                    origin: noted.origin,
                    place: noted.place,
                    position: noted.position,
                    route: u16::try_from(route).map_err(failed)?,
                });
            }
            let (Some(first), Some(last)) = (pack.tries.first(), pack.tries.last()) else { break };
            rows.push((keys::tries(tenant, last.id, first.id, first.position), value(&pack)?));
        }
    }
    Ok(rows)
}

impl Store {
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
            let old = keys::tenant(tenant)..keys::tries_until(tenant, before);
            for guard in self.tries.range(old).take(LEAVING_MAX) {
                rows.push((guard.key().map_err(failed)?.to_vec(), None));
            }
        }
        Ok(rows)
    }

    /// The tries of a delivery, as far as a checkpoint has them.
    pub fn tries_of(&self, tenant: &TenantId, id: DeliveryId) -> Result<Option<Tried>, PortError> {
        let after_all = DeliveryId::new(made_at(id).plus_millis(PACKED_MS_MAX + 1), 0, 0);
        let mut found: BTreeMap<DeliveryId, Tried> = BTreeMap::new();
        let range = keys::tries_until(tenant, id)..keys::tries_until(tenant, after_all);
        for guard in self.tries.range(range) {
            let holds = |key: &UserKey| keys::first_tried(key).is_some_and(|first| first <= id);
            if let (_, Some(bytes)) = guard.into_inner_if(holds).map_err(failed)? {
                unpack(&bytes, |tried| tried.id == id, &mut found)?;
            }
        }
        Ok(found.into_values().next())
    }

    /// Deliveries that were tried before `before`, of one way or of all, the newest first: `limit` of them at most.
    pub fn tried(
        &self, tenant: &TenantId, before: Option<DeliveryId>, route: Option<&Route>, limit: usize,
    ) -> Result<TriedPage, PortError> {
        self.tried_within(tenant, before, route, (limit, EXAMINED_MAX))
    }

    /// As [`Store::tried`]; looks at `most` tries, unless it would come no further.
    fn tried_within(
        &self, tenant: &TenantId, before: Option<DeliveryId>, route: Option<&Route>, (limit, most): (usize, usize),
    ) -> Result<TriedPage, PortError> {
        let start = keys::tenant(tenant);
        // What was made before it stands in rows that end up to ten minutes after it.
        let end = before.map_or_else(
            || after_prefix(start.clone()),
            |before| {
                let last = made_at(before).plus_millis(PACKED_MS_MAX + 1);
                keys::tries_until(tenant, DeliveryId::new(last, 0, 0))
            },
        );
        let (mut found, mut examined, mut reached) = (BTreeMap::<DeliveryId, Tried>::new(), 0_usize, None);
        for guard in self.tries.range(start..end).rev() {
            let (key, bytes) = guard.into_inner().map_err(failed)?;
            let Some((first, last)) = keys::first_tried(&key).zip(keys::last_tried(&key)) else { continue };
            // Every row that follows ends before this one does.
            let smallest = found.keys().rev().nth(limit.saturating_sub(1)).copied();
            if smallest.is_some_and(|smallest| smallest > last) {
                reached = smallest;
                break;
            }
            let next = after(last);
            if examined > most && before.is_none_or(|before| next < before) {
                // What is not later than this row is found again by the next page.
                found.retain(|id, _| *id > last);
                reached = Some(next);
                break;
            }
            if before.is_none_or(|before| first < before) {
                let fits = |tried: &Tried| before.is_none_or(|before| tried.id < before) && tried.is_of(route);
                examined += unpack(&bytes, fits, &mut found)?;
                // One more than the page shows that there are more.
                while found.len() > limit.saturating_add(1) {
                    found.pop_first();
                }
            }
        }
        let all = found.len();
        let rows: Vec<Tried> = found.into_values().rev().take(limit).collect();
        let next = if all > limit { rows.last().map(|last| last.id) } else { reached };
        Ok(TriedPage { rows, next })
    }
}

/// The id that follows.
fn after(id: DeliveryId) -> DeliveryId {
    DeliveryId::from_bytes(u128::from_be_bytes(id.to_bytes()).saturating_add(1).to_be_bytes())
}

impl Tried {
    fn is_of(&self, route: Option<&Route>) -> bool {
        route.is_none_or(|route| self.route == *route)
    }
}

/// Takes what is wanted of a row into what was found; gives how many tries the row holds.
fn unpack(
    bytes: &[u8], wanted: impl Fn(&Tried) -> bool, found: &mut BTreeMap<DeliveryId, Tried>,
) -> Result<usize, PortError> {
    let pack: Pack = codec::decode_value(bytes).map_err(failed)?;
    for PackedTry { id, origin, place, position, route } in &pack.tries {
        let Some(route) = pack.routes.get(usize::from(*route)) else { continue };
        let tried = Tried { id: *id, route: route.clone(), origin: *origin, place: *place, positions: Vec::new() };
        if wanted(&tried) {
            let positions = &mut found.entry(*id).or_insert(tried).positions;
            let at = positions.partition_point(|known| known < position);
            // The tail of a log is folded again after a crash: a try may be noted twice.
            if positions.get(at) != Some(position) {
                positions.insert(at, *position);
            }
        }
    }
    Ok(pack.tries.len())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use quittance_actors::delivery::Channel;

    use super::*;
    use crate::clock;
    use crate::digest;

    #[test]
    fn tries_are_found_by_their_delivery_and_listed_the_newest_first_however_they_were_packed() {
        let folder =
            std::env::temp_dir().join(format!("quittance-tries-{}", digest::hex(&clock::random_bytes::<6>())));
        let store = Store::open(&folder).unwrap();
        let tenant = TenantId::parse("shop").unwrap();
        let ways = [Channel::Email, Channel::Sms].map(|channel| Arc::new((tenant.clone(), Route::Channel(channel))));
        let at_once = Timestamp::from_unix_millis(1_772_438_400_000);
        let at = |minute: i64| Timestamp::from_unix_millis(1_772_438_400_000).plus_millis(minute * 60_000);
        let id = |number: i64| DeliveryId::new(at(number), u64::try_from(number).unwrap(), 7);
        let noted = |number: i64, position: u64| NotedTry {
            id: id(number),
            way: Arc::clone(&ways[usize::try_from(number % 2).unwrap()]),
            origin: u64::try_from(number).unwrap(),
            place: 3,
            sequence: position,
            position,
        };
        // Forty deliveries a minute apart, tried in rounds that overlap: every third one again much later.
        let first: Vec<NotedTry> =
            (0..40).rev().map(|number| noted(number, 1_000 + u64::try_from(number).unwrap())).collect();
        let again: Vec<NotedTry> =
            (0..40).step_by(3).map(|number| noted(number, 2_000 + u64::try_from(number).unwrap())).collect();
        for tries in [first[..17].to_vec(), first[13..].to_vec(), again] {
            let rows = packed(&[Checkpoint { tries, ..Checkpoint::default() }]).unwrap();
            store.write_rows(&store.tries, rows).unwrap();
        }
        for number in 0..40 {
            let expected = Tried {
                id: id(number),
                route: ways[usize::try_from(number % 2).unwrap()].1.clone(),
                origin: u64::try_from(number).unwrap(),
                place: 3,
                positions: [1_000, 2_000][..if number % 3 == 0 { 2 } else { 1 }]
                    .iter()
                    .map(|from| from + u64::try_from(number).unwrap())
                    .collect(),
            };
            assert_eq!(store.tries_of(&tenant, id(number)).unwrap(), Some(expected), "{number}");
        }
        assert_eq!(store.tries_of(&tenant, id(41)).unwrap(), None);
        assert_eq!(store.tries_of(&TenantId::parse("other").unwrap(), id(4)).unwrap(), None);
        for (route, step) in [(None, 1), (Some(&ways[0].1), 2)] {
            let (mut listed, mut before) = (Vec::new(), None);
            loop {
                let page = store.tried(&tenant, before, route, 7).unwrap();
                assert!(page.rows.len() <= 7);
                listed.extend(page.rows.iter().map(|row| row.id));
                before = page.next;
                if before.is_none() {
                    break;
                }
            }
            let mut expected: Vec<DeliveryId> = (0..40).step_by(step).map(id).collect();
            expected.reverse();
            assert_eq!(listed, expected, "{route:?}");
        }
        // Rounds of which each tried some of everything overlap wholly: pages come to their end all the same.
        let crowded = TenantId::parse("crowded").unwrap();
        let way = Arc::new((crowded.clone(), Route::Channel(Channel::Sms)));
        for round in 0..40_u64 {
            let tries = (0..100_u64).map(|at| {
                let number = at * 40 + round;
                let (id, way) = (DeliveryId::new(at_once, number << 10, 7), Arc::clone(&way));
                NotedTry { id, way, origin: 1, place: 0, sequence: number, position: number + 1 }
            });
            let rows = packed(&[Checkpoint { tries: tries.collect(), ..Checkpoint::default() }]).unwrap();
            store.write_rows(&store.tries, rows).unwrap();
        }
        let (mut count, mut before, mut last) = (0, None, None);
        loop {
            let page = store.tried_within(&crowded, before, None, (300, 1_000)).unwrap();
            count += page.rows.len();
            let ids: Vec<DeliveryId> = page.rows.iter().map(|row| row.id).collect();
            assert!(
                ids.is_sorted_by(|a, b| a > b) && last.is_none_or(|last| ids.first().is_none_or(|id| *id < last))
            );
            last = ids.last().copied().or(last);
            assert!(page.next.is_none_or(|next| before.is_none_or(|before| next < before)), "it comes further");
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(count, 4_000);
        // Those of a hundred days ago leave, and no others.
        let old = store.old_tries(&BTreeMap::from([(&tenant, at(20).plus_days(KEPT_DAYS))])).unwrap();
        store.write_rows(&store.tries, old).unwrap();
        assert!(
            store.tries_of(&tenant, id(0)).unwrap().is_none() && store.tries_of(&tenant, id(39)).unwrap().is_some()
        );
        drop(store);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
