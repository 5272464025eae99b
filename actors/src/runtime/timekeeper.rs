//! Timers: durable rows in the store, those of the near future in memory, and due ones become
//! records.
//!
//! ```text
//! armed ─► due before the horizon? ─► table ─► due ─► record
//!              └─► no: the next checkpoint stores it; loaded when its hour comes near
//! ```
//!
//! The truth of a timer is its entity's state and generation; a row only wakes it, so a
//! cancelled timer costs one look and no record, and one that fires again changes nothing.
//! Nothing fires early (INV-10).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, WrapFuture};
use tracing::{error, warn};

use super::checkpointer::{Checkpointer, Offer};
use super::{Router, SubmitError};
use crate::limits;
use crate::partition::{ArmedTimer, SystemFact};
use crate::values::{TenantId, Timestamp};

/// The longest and the shortest rest between two looks.
const REST_MAX: Duration = Duration::from_millis(20);
const REST_MIN: Duration = Duration::from_millis(1);
/// How far ahead timers are in memory, and how far ahead more are loaded.
const HORIZON_MS: i64 = 2 * 3_600_000;
const LOAD_AHEAD_MS: i64 = 3_600_000;

/// The timers of one tenant.
#[derive(Default)]
struct Table {
    waiting: BTreeSet<ArmedTimer>,
    /// Taken and not yet recorded, by when they were due.
    firing: BTreeMap<Timestamp, usize>,
    /// Every timer due before it is in memory; later ones are in the store only.
    loaded_until: Timestamp,
}

/// The table of armed timers.
#[derive(Default)]
pub struct Timers {
    tables: Mutex<BTreeMap<TenantId, Table>>,
    /// Held while timers are taken and fired: a tick and an advance of a test clock take turns.
    turn: tokio::sync::Mutex<()>,
}

impl Timers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<TenantId, Table>> {
        // A table is whole between two statements, so a panic elsewhere cannot have torn it.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps timers of `tenant` that are due before `until`; later ones stay in the store.
    pub fn keep_until(&self, tenant: &TenantId, until: Timestamp) {
        self.lock().entry(tenant.clone()).or_default().loaded_until = until;
    }

    /// Adds timers that are due before the horizon.
    pub fn arm(&self, tenant: &TenantId, timers: &[ArmedTimer]) {
        if timers.is_empty() {
            return;
        }
        if let Some(table) = self.lock().get_mut(tenant) {
            let near = timers.iter().filter(|timer| timer.due < table.loaded_until);
            table.waiting.extend(near);
        }
    }

    /// Takes a timer away that has fired, during recovery.
    pub fn disarm(&self, tenant: &TenantId, fired: Option<&ArmedTimer>) {
        if let Some(timer) = fired
            && let Some(table) = self.lock().get_mut(tenant)
        {
            table.waiting.remove(timer);
        }
    }

    /// Takes the timers of a tenant that are due at `now`, the earliest first, `limit` at most.
    pub fn take_due(&self, tenant: &TenantId, now: Timestamp, limit: usize) -> Vec<ArmedTimer> {
        let mut tables = self.lock();
        let Some(table) = tables.get_mut(tenant) else { return Vec::new() };
        let mut due = Vec::new();
        while due.len() < limit && table.waiting.first().is_some_and(|timer| timer.due <= now) {
            let Some(timer) = table.waiting.pop_first() else { break };
            *table.firing.entry(timer.due).or_default() += 1;
            due.push(timer);
        }
        due
    }

    /// Timers that were taken have been recorded, or are armed again.
    fn fired(&self, tenant: &TenantId, timers: &[ArmedTimer], again: &[ArmedTimer]) {
        let mut tables = self.lock();
        let Some(table) = tables.get_mut(tenant) else { return };
        table.waiting.extend(again);
        for timer in timers {
            if let Some(count) = table.firing.get_mut(&timer.due) {
                *count -= 1;
                if *count == 0 {
                    table.firing.remove(&timer.due);
                }
            }
        }
    }

    /// Per tenant, when the earliest timer is due that has not fired durably.
    pub fn fired_before(&self) -> Vec<(TenantId, Timestamp)> {
        let tables = self.lock();
        let earliest = |table: &Table| {
            let waiting = table.waiting.first().map(|timer| timer.due);
            let firing = table.firing.keys().next().copied();
            waiting.into_iter().chain(firing).fold(table.loaded_until, Timestamp::min)
        };
        tables.iter().map(|(tenant, table)| (tenant.clone(), earliest(table))).collect()
    }

    /// When the next timer of a tenant is due, of those in memory.
    pub fn next_due(&self, tenant: &TenantId) -> Option<Timestamp> {
        self.lock().get(tenant)?.waiting.first().map(|timer| timer.due)
    }

    /// How many timers are in memory.
    pub fn len(&self) -> usize {
        self.lock().values().map(|table| table.waiting.len()).sum()
    }

    /// Whether none is in memory.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tenants whose horizon comes near, with the old and the new one, which holds from now on.
    fn extend_horizons(&self, now: impl Fn(&TenantId) -> Timestamp) -> Vec<(TenantId, Timestamp, Timestamp)> {
        let mut extended = Vec::new();
        for (tenant, table) in self.lock().iter_mut() {
            let now = now(tenant);
            let (old, new) = (table.loaded_until, now.plus_millis(HORIZON_MS));
            if old < now.plus_millis(LOAD_AHEAD_MS) {
                table.loaded_until = new;
                extended.push((tenant.clone(), old, new));
            }
        }
        extended
    }
}

/// How far ahead of `now` the timers of a tenant are kept in memory; all of them when its clock
/// is moved by hand.
pub fn horizon(now: Timestamp, by_hand: bool) -> Timestamp {
    if by_hand { Timestamp::from_unix_millis(i64::MAX) } else { now.plus_millis(HORIZON_MS) }
}

/// Fires what is due, when it is due.
pub struct Timekeeper {
    router: Arc<Router>,
    timers: Arc<Timers>,
    checkpointer: Addr<Checkpointer>,
}

impl Timekeeper {
    /// A timekeeper of `timers`.
    pub fn new(router: Arc<Router>, timers: Arc<Timers>, checkpointer: Addr<Checkpointer>) -> Self {
        Self { router, timers, checkpointer }
    }

    fn tick(&mut self, context: &mut Context<Self>) {
        let (router, timers, checkpointer) =
            (Arc::clone(&self.router), Arc::clone(&self.timers), self.checkpointer.clone());
        let round = async move {
            load_ahead(&router, &timers, &checkpointer).await;
            let mut rest = REST_MAX;
            for tenant in router.ports().tenants.all() {
                let _turn = timers.turn.lock().await;
                let now = router.ports().clock.now(&tenant);
                let due = timers.take_due(&tenant, now, limits::FIRED_AT_ONCE_MAX);
                let _ = fire_all(&router, &timers, &tenant, due).await; // Armed again, for the next look.
                let ahead = timers.next_due(&tenant).map(|due| due.unix_millis() - now.unix_millis());
                let ahead = ahead.and_then(|ms| u64::try_from(ms.max(0)).ok());
                rest = rest.min(ahead.map_or(REST_MAX, Duration::from_millis));
            }
            rest
        };
        let done = round.into_actor(self).map(|rest, _, context: &mut Context<Self>| {
            context.run_later(rest.max(REST_MIN), Self::tick);
        });
        context.spawn(done);
    }
}

impl Actor for Timekeeper {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        self.tick(context);
    }
}

/// Loads the timers of the hours that come near. Those armed before the horizon moved may wait
/// for a checkpoint, so one is written first; later ones go to the table.
async fn load_ahead(router: &Arc<Router>, timers: &Arc<Timers>, checkpointer: &Addr<Checkpointer>) {
    let clock = Arc::clone(&router.ports().clock);
    let extended = timers.extend_horizons(|tenant| clock.now(tenant));
    if extended.is_empty() {
        return;
    }
    let written = checkpointer.send(Offer).await;
    for (tenant, from, until) in extended {
        let (snapshots, of) = (Arc::clone(&router.ports().snapshots), tenant.clone());
        let loaded = tokio::task::spawn_blocking(move || snapshots.timers(&of, from, until)).await;
        match (&written, loaded) {
            (Ok(Ok(_)), Ok(Ok(loaded))) => timers.arm(&tenant, &loaded),
            (_, loaded) => {
                error!(%tenant, ?loaded, "timers of the next hours could not be loaded, they are tried again");
                timers.keep_until(&tenant, from);
            }
        }
    }
}

/// Fires timers side by side. Those that could not be recorded are armed again; gives the last
/// error.
async fn fire_all(
    router: &Arc<Router>, timers: &Arc<Timers>, tenant: &TenantId, due: Vec<ArmedTimer>,
) -> Result<(), SubmitError> {
    if due.is_empty() {
        return Ok(());
    }
    let answers = match router.fire(tenant, &due).await {
        Ok(answers) => answers,
        Err(error) => vec![Err(error); due.len()],
    };
    let mut again = Vec::new();
    let mut result = Ok(());
    for (timer, answer) in due.iter().zip(answers) {
        match answer {
            Ok(_) | Err(SubmitError::Rejected(_) | SubmitError::Quarantined(_)) => {}
            Err(error) => {
                warn!(entity = %timer.entity, %error, "timer not recorded, armed again");
                again.push(*timer);
                result = Err(error);
            }
        }
    }
    timers.fired(tenant, &due, &again);
    let now = router.ports().clock.now(tenant).unix_millis();
    let late: Vec<i64> = due.iter().map(|timer| now.saturating_sub(timer.due.unix_millis())).collect();
    router.ports().observer.fired(&late);
    result
}

/// Moves a tenant's test clock to `to`, firing every timer on the way at its own time.
///
/// Returns how many fired. Refuses a tenant without a test clock.
pub async fn advance(
    router: &Arc<Router>, timers: &Arc<Timers>, tenant: &TenantId, to: Timestamp,
) -> Result<usize, SubmitError> {
    let clock = &router.ports().clock;
    // A tick that has taken a timer fires it at the time it was due, not after the advance.
    let _turn = timers.turn.lock().await;
    let mut fired = 0;
    while let Some(due) = timers.next_due(tenant).filter(|due| *due <= to) {
        let now = clock.now(tenant).max(due);
        if !clock.advance(tenant, now) {
            return Err(SubmitError::UnknownTenant);
        }
        let due = timers.take_due(tenant, now, limits::FIRED_AT_ONCE_MAX);
        fired += due.len();
        fire_all(router, timers, tenant, due).await?;
    }
    if !clock.advance(tenant, to) {
        return Err(SubmitError::UnknownTenant);
    }
    router.record_fact(0, tenant, SystemFact::ClockAdvanced { to }).await?;
    Ok(fired)
}
