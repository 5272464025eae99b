//! Timers: durable rows in the store, a sorted table in memory, and due ones become records.
//!
//! The truth of a timer is its entity's state and generation; the table only wakes it, so a
//! cancelled timer costs one look and no record. Nothing fires early (INV-10).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, WrapFuture};
use tracing::warn;

use super::{Router, SubmitError};
use crate::partition::{ArmedTimer, SystemFact};
use crate::values::{TenantId, Timestamp};

const TICK: Duration = Duration::from_millis(100);
const FIRED_PER_TICK_MAX: usize = 2_000;

/// The table of armed timers.
#[derive(Default)]
pub struct Timers {
    table: Mutex<BTreeMap<TenantId, BTreeSet<ArmedTimer>>>,
    /// Held while timers are taken and fired: a tick and an advance of a test clock take turns.
    turn: tokio::sync::Mutex<()>,
}

impl Timers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<TenantId, BTreeSet<ArmedTimer>>> {
        // The table is whole between two statements, so a panic elsewhere cannot have torn it.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds timers.
    pub fn arm(&self, timers: &[ArmedTimer]) {
        if timers.is_empty() {
            return;
        }
        let mut table = self.lock();
        for timer in timers {
            table.entry(timer.tenant.clone()).or_default().insert(timer.clone());
        }
    }

    /// Takes a timer away that has fired, during recovery.
    pub fn disarm(&self, fired: Option<&ArmedTimer>) {
        if let Some(timer) = fired
            && let Some(timers) = self.lock().get_mut(&timer.tenant)
        {
            timers.remove(timer);
        }
    }

    /// Takes the timers of a tenant that are due at `now`, the earliest first, `limit` at most.
    pub fn take_due(&self, tenant: &TenantId, now: Timestamp, limit: usize) -> Vec<ArmedTimer> {
        let mut table = self.lock();
        let Some(timers) = table.get_mut(tenant) else { return Vec::new() };
        let mut due = Vec::new();
        while due.len() < limit && timers.first().is_some_and(|timer| timer.due <= now) {
            due.extend(timers.pop_first());
        }
        due
    }

    /// When the next timer of a tenant is due.
    pub fn next_due(&self, tenant: &TenantId) -> Option<Timestamp> {
        self.lock().get(tenant)?.first().map(|timer| timer.due)
    }

    /// How many timers are armed.
    pub fn len(&self) -> usize {
        self.lock().values().map(BTreeSet::len).sum()
    }

    /// Whether none is armed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Fires what is due, ten times a second.
pub struct Timekeeper {
    router: Arc<Router>,
    timers: Arc<Timers>,
    busy: bool,
}

impl Timekeeper {
    /// A timekeeper of `timers`.
    pub fn new(router: Arc<Router>, timers: Arc<Timers>) -> Self {
        Self { router, timers, busy: false }
    }

    fn tick(&mut self, context: &mut Context<Self>) {
        if self.busy {
            return;
        }
        self.busy = true;
        let (router, timers) = (Arc::clone(&self.router), Arc::clone(&self.timers));
        let round = async move {
            for tenant in router.ports().tenants.all() {
                let _turn = timers.turn.lock().await;
                let now = router.ports().clock.now(&tenant);
                let due = timers.take_due(&tenant, now, FIRED_PER_TICK_MAX);
                let _ = fire_all(&router, &timers, due).await; // Armed again, for the next tick.
            }
        };
        let done = round.into_actor(self).map(|(), actor, _| actor.busy = false);
        context.spawn(done);
    }
}

impl Actor for Timekeeper {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.run_interval(TICK, Self::tick);
    }
}

/// Fires timers side by side. One that could not be recorded is armed again; gives the last error.
async fn fire_all(router: &Arc<Router>, timers: &Arc<Timers>, due: Vec<ArmedTimer>) -> Result<(), SubmitError> {
    let mut result = Ok(());
    let firing: Vec<_> = due
        .into_iter()
        .map(|timer| {
            let router = Arc::clone(router);
            let fired = timer.clone();
            (timer, actix::spawn(async move { router.fire(fired).await }))
        })
        .collect();
    for (timer, outcome) in firing {
        match outcome.await {
            Ok(Ok(_) | Err(SubmitError::Rejected(_) | SubmitError::Quarantined(_))) => {}
            Ok(Err(error)) => {
                warn!(entity = %timer.entity, %error, "timer not recorded, armed again");
                timers.arm(&[timer]);
                result = Err(error);
            }
            Err(_) => {
                timers.arm(&[timer]);
                result = Err(SubmitError::Stopping);
            }
        }
    }
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
        let due = timers.take_due(tenant, now, FIRED_PER_TICK_MAX);
        fired += due.len();
        fire_all(router, timers, due).await?;
    }
    if !clock.advance(tenant, to) {
        return Err(SubmitError::UnknownTenant);
    }
    router.record_fact(0, tenant, SystemFact::ClockAdvanced { to }).await?;
    Ok(fired)
}
