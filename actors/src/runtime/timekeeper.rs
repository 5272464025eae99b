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
use super::{Router, SubmitError, plans};
use crate::limits;
use crate::partition::{ArmedTimer, SystemFact};
use crate::values::{EntityId, TenantId, Timestamp};

/// The longest and the shortest rest between two looks.
const REST_MAX: Duration = Duration::from_millis(20);
const REST_MIN: Duration = Duration::from_millis(1);
/// How far ahead timers are in memory, and how far ahead more are loaded.
const HORIZON_MS: i64 = 2 * 3_600_000;
const LOAD_AHEAD_MS: i64 = 3_600_000;
/// How long to wait before timers are loaded again that could not be.
const LOAD_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// The timers of one tenant.
#[derive(Default)]
struct Table {
    waiting: BTreeSet<ArmedTimer>,
    /// Taken and not yet recorded, by when they were due.
    firing: BTreeMap<Timestamp, usize>,
    /// Timers due before it are kept when they are armed.
    kept_until: Timestamp,
    /// Every timer due before it is in memory. It follows `kept_until` when the store was read:
    /// until then rows in between are nowhere but in the store, and must stay there.
    loaded_until: Timestamp,
    /// A tick and an advance of a test clock take turns.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// The table of armed timers.
#[derive(Default)]
pub struct Timers {
    tables: Mutex<BTreeMap<TenantId, Table>>,
}

impl Timers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<TenantId, Table>> {
        // A table is whole between two statements, so a panic elsewhere cannot have torn it.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over every stored timer of `tenant` that is due before `until`; later ones stay in
    /// the store.
    pub fn load(&self, tenant: &TenantId, until: Timestamp, stored: &[ArmedTimer]) {
        let mut tables = self.lock();
        let table = tables.entry(tenant.clone()).or_default();
        table.waiting.extend(stored);
        table.kept_until = table.kept_until.max(until);
        table.loaded_until = until;
    }

    /// The store could not be read: timers of later hours are left to it again.
    fn not_loaded(&self, tenant: &TenantId) {
        if let Some(table) = self.lock().get_mut(tenant) {
            table.kept_until = table.loaded_until;
        }
    }

    fn turn(&self, tenant: &TenantId) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(&self.lock().entry(tenant.clone()).or_default().turn)
    }

    /// Adds timers that are due before the horizon.
    pub fn arm(&self, tenant: &TenantId, timers: &[ArmedTimer]) {
        if timers.is_empty() {
            return;
        }
        if let Some(table) = self.lock().get_mut(tenant) {
            let near = timers.iter().filter(|timer| timer.due < table.kept_until);
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

    /// Tenants whose horizon comes near, with the old and the new one. From now on what is armed
    /// before the new one is kept.
    fn extend_horizons(&self, now: impl Fn(&TenantId) -> Timestamp) -> Vec<(TenantId, Timestamp, Timestamp)> {
        let mut extended = Vec::new();
        for (tenant, table) in self.lock().iter_mut() {
            let now = now(tenant);
            let (old, new) = (table.loaded_until, now.plus_millis(HORIZON_MS));
            if old < now.plus_millis(LOAD_AHEAD_MS) {
                table.kept_until = new;
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
    /// When timers may be loaded again, after they could not.
    load_at: std::time::Instant,
}

impl Timekeeper {
    /// A timekeeper of `timers`.
    pub fn new(router: Arc<Router>, timers: Arc<Timers>, checkpointer: Addr<Checkpointer>) -> Self {
        Self { router, timers, checkpointer, load_at: std::time::Instant::now() }
    }

    fn tick(&mut self, context: &mut Context<Self>) {
        let (router, timers, checkpointer) =
            (Arc::clone(&self.router), Arc::clone(&self.timers), self.checkpointer.clone());
        let may_load = self.load_at <= std::time::Instant::now();
        let round = async move {
            let loaded = !may_load || load_ahead(&router, &timers, &checkpointer).await;
            let mut rest = REST_MAX;
            for tenant in router.ports().tenants.all() {
                let turn = timers.turn(&tenant);
                let Ok(_turn) = turn.try_lock() else { continue }; // Its clock is being moved.
                let now = router.ports().clock.now(&tenant);
                let due = timers.take_due(&tenant, now, limits::FIRED_AT_ONCE_MAX);
                let _ = fire_all(&router, &timers, &tenant, due).await; // Armed again, for the next look.
                let ahead = timers.next_due(&tenant).map(|due| due.unix_millis() - now.unix_millis());
                let ahead = ahead.and_then(|ms| u64::try_from(ms.max(0)).ok());
                rest = rest.min(ahead.map_or(REST_MAX, Duration::from_millis));
            }
            (rest, loaded)
        };
        let done = round.into_actor(self).map(|(rest, loaded), actor: &mut Self, context: &mut Context<Self>| {
            if !loaded {
                actor.load_at = std::time::Instant::now() + LOAD_AGAIN_AFTER;
            }
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
async fn load_ahead(router: &Arc<Router>, timers: &Arc<Timers>, checkpointer: &Addr<Checkpointer>) -> bool {
    let clock = Arc::clone(&router.ports().clock);
    let extended = timers.extend_horizons(|tenant| clock.now(tenant));
    if extended.is_empty() {
        return true;
    }
    let mut all = true;
    let written = checkpointer.send(Offer).await;
    for (tenant, from, until) in extended {
        let (snapshots, of) = (Arc::clone(&router.ports().snapshots), tenant.clone());
        let loaded = tokio::task::spawn_blocking(move || snapshots.timers(&of, from, until)).await;
        match (&written, loaded) {
            (Ok(Ok(_)), Ok(Ok(loaded))) => timers.load(&tenant, until, &loaded),
            (written, loaded) => {
                let written = written.as_ref().map(|round| round.as_ref().err());
                error!(%tenant, ?written, ?loaded, "timers of the next hours could not be loaded, they are tried again");
                timers.not_loaded(&tenant);
                all = false;
            }
        }
    }
    all
}

/// Fires timers side by side. Those that could not be recorded are armed again; gives the last
/// error.
async fn fire_all(
    router: &Arc<Router>, timers: &Arc<Timers>, tenant: &TenantId, due: Vec<ArmedTimer>,
) -> Result<(), SubmitError> {
    if due.is_empty() {
        return Ok(());
    }
    // Timers of plans ask for something outside their lane first.
    let (of_plans, due): (Vec<_>, Vec<_>) =
        due.into_iter().partition(|timer| matches!(timer.entity, EntityId::Plan(_)));
    let mut answers = match router.fire(tenant, &due).await {
        Ok(answers) => answers,
        Err(error) => vec![Err(error); due.len()],
    };
    answers.extend(match plans::fire(router, tenant, &of_plans).await {
        Ok(answers) => answers,
        Err(error) => vec![Err(error); of_plans.len()],
    });
    let due = [due, of_plans].concat();
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
/// Returns how many fired. Refuses a tenant without a test clock. It runs to its end even when the
/// caller goes away: timers that were taken must be recorded.
pub async fn advance(
    router: &Arc<Router>, timers: &Arc<Timers>, tenant: &TenantId, to: Timestamp,
) -> Result<usize, SubmitError> {
    let (router, timers, tenant) = (Arc::clone(router), Arc::clone(timers), tenant.clone());
    let moving = actix::spawn(async move { move_clock(&router, &timers, &tenant, to).await });
    moving.await.map_err(|_| SubmitError::Stopping)?
}

async fn move_clock(
    router: &Arc<Router>, timers: &Arc<Timers>, tenant: &TenantId, to: Timestamp,
) -> Result<usize, SubmitError> {
    let clock = &router.ports().clock;
    // A tick that has taken a timer fires it at the time it was due, not after the advance.
    let turn = timers.turn(tenant);
    let _turn = turn.lock().await;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Purpose;
    use crate::values::{EntityId, PaymentRequestId};

    fn timer(hour: i64) -> ArmedTimer {
        let due = Timestamp::from_unix_millis(hour * 3_600_000);
        let entity = EntityId::PaymentRequest(PaymentRequestId::new(due, 1, 0));
        ArmedTimer { due, entity, purpose: Purpose::Reminder, generation: 1 }
    }

    #[test]
    fn rows_of_hours_that_are_being_loaded_are_not_said_to_have_fired() {
        let timers = Timers::default();
        let tenant = TenantId::parse("shop").unwrap();
        let at = |hour: i64| Timestamp::from_unix_millis(hour * 3_600_000);
        timers.load(&tenant, at(8), &[]);
        timers.arm(&tenant, &[timer(9)]);
        assert!(timers.is_empty(), "it is due beyond the horizon, and waits in the store");
        let extended = timers.extend_horizons(|_| at(7).plus_millis(900_000));
        assert_eq!(extended, [(tenant.clone(), at(8), at(9).plus_millis(900_000))]);
        // Until the store was read, everything from the old horizon on is still there.
        assert_eq!(timers.fired_before(), [(tenant.clone(), at(8))]);
        timers.arm(&tenant, &[timer(9)]);
        assert_eq!(timers.len(), 1, "what is armed meanwhile is kept");
        timers.load(&tenant, at(9).plus_millis(900_000), &[timer(8), timer(9)]);
        assert_eq!((timers.len(), timers.fired_before()), (2, vec![(tenant.clone(), at(8))]));
        // A store that could not be read leaves them to it.
        timers.extend_horizons(|_| at(9));
        timers.not_loaded(&tenant);
        timers.arm(&tenant, &[timer(10)]);
        assert_eq!(timers.len(), 2);
    }
}
