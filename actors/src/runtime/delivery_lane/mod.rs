//! A lane of deliveries: those that go one way of a tenant, each in its turn.
//!
//! A lane's rows are in the outbox of the log; what is here is only what is due. Every try asks
//! the partition first whether the message is still wanted (INV-03), and ends as a record
//! (INV-06).

mod together;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, WrapFuture};
use tracing::{debug, info, warn};

use super::delivery::Enqueue;
use super::health::{self, Health};
use super::trying::{Tried, attempt, record_all};
use super::{Router, SubmitError};
use crate::delivery::{Order, Outcome, Route, Tactic};
use crate::limits;
use crate::partition::{Preparation, Ticket};
use crate::values::{DeliveryId, PARTITIONS, TenantId, Timestamp};

const PUMP: Duration = Duration::from_millis(200);
const STATUS_PUMP: Duration = Duration::from_secs(1);

/// A lane: what goes one way of a tenant.
pub(super) struct DeliveryLane {
    tenant: TenantId,
    route: Route,
    router: Arc<Router>,
    tactic: Tactic,
    health: Health,
    waiting: BTreeMap<(Timestamp, DeliveryId), Ticket>,
    /// What goes after another of its key, by that one.
    behind: BTreeMap<DeliveryId, Vec<Ticket>>,
    known: BTreeSet<DeliveryId>,
    /// Known ones whose try has ended, until that has been taken over here; with what came of one anew meanwhile: the
    /// outbox knows of the end before its lane does, and may hold the same delivery once more.
    ending: BTreeMap<DeliveryId, Option<Ticket>>,
    in_flight: usize,
    /// Since when rows are gathered that leave together.
    gathering_since: Option<Timestamp>,
    /// Tries that have ended and are not recorded.
    tried: Vec<(Ticket, Tried)>,
    recording: bool,
    being_recorded: usize,
    /// What ended is about to be recorded.
    going_on: bool,
    asking: bool,
    /// Until when what comes new does not make it ask: a long outbox is not looked through all the time.
    rests_until: Timestamp,
    /// Rows were left in the outbox until their next try, which only asking finds.
    left: bool,
    /// Rows were left in the outbox because too many were known.
    more: bool,
    /// It looks again by itself.
    ticking: bool,
}

/// Whose turn it is.
enum Turn {
    /// That of this one, and whether it may leave.
    Now(Result<Preparation, SubmitError>),
    /// That of another, which has not ended.
    Behind(DeliveryId),
}

impl DeliveryLane {
    /// A lane of one way, with nothing under way.
    pub(super) fn new((tenant, route): (TenantId, Route), router: Arc<Router>, tactic: Tactic) -> Self {
        Self {
            tenant,
            health: Health::new(&route, tactic.in_flight_max),
            route,
            router,
            tactic,
            waiting: BTreeMap::new(),
            behind: BTreeMap::new(),
            known: BTreeSet::new(),
            ending: BTreeMap::new(),
            in_flight: 0,
            gathering_since: None,
            tried: Vec::new(),
            recording: false,
            being_recorded: 0,
            going_on: false,
            asking: false,
            rests_until: Timestamp::default(),
            left: false,
            more: false,
            ticking: false,
        }
    }

    /// Takes rows as far as there is room; the rest stays in the outbox until it is asked for.
    /// Gives how many were not known.
    fn take(&mut self, rows: Vec<Ticket>) -> usize {
        let before = self.known.len();
        for row in rows {
            if self.known.contains(&row.id) {
                if let Some(anew) = self.ending.get_mut(&row.id) {
                    *anew = Some(row);
                }
                continue;
            }
            if self.known.len() >= limits::LANE_TICKETS_MAX {
                self.more = true;
                self.left |= self.tactic.order == Order::Key;
                break;
            }
            self.known.insert(row.id);
            self.waiting.insert((row.not_before, row.id), row);
        }
        self.known.len().saturating_sub(before)
    }

    /// Whether most of what is known is done, or waits for a later try.
    fn has_room(&self) -> bool {
        let most = limits::LANE_TICKETS_MAX / 4;
        if self.known.len() <= most {
            return true;
        }
        let now = self.router.ports().clock.system_now();
        let later = self.waiting.keys().rev().take_while(|(due, _)| *due > now).count();
        self.tactic.order == Order::Key && self.known.len().saturating_sub(later) <= most
    }

    /// Asks the partitions for what was left in their outboxes, once most of what is known is done.
    fn refill(&mut self, context: &mut Context<Self>) {
        let asked_at = self.router.ports().clock.system_now();
        // While nothing may leave, nothing more is needed.
        let is_shut = !self.waiting.is_empty() && self.health.breaker.allowance(1, asked_at) == 0;
        if !self.more || self.asking || is_shut || !self.has_room() {
            return;
        }
        (self.more, self.asking) = (false, true);
        let (router, order) = (Arc::clone(&self.router), self.tactic.order);
        let way = (self.tenant.clone(), self.route.clone());
        let limit = match order {
            Order::None => limits::LANE_TICKETS_MAX / PARTITIONS,
            Order::Key => limits::HEADS_OF_A_PARTITION_MAX,
        };
        let asked = async move { router.refill(&way, order, limit).await };
        let answered = asked.into_actor(self).map(move |rows, lane, context: &mut Context<Self>| {
            lane.asking = false;
            let now = lane.router.ports().clock.system_now();
            let took_ms = now.unix_millis().saturating_sub(asked_at.unix_millis());
            lane.rests_until = now.plus_millis(took_ms.saturating_mul(4));
            match rows {
                Ok((rows, has_others)) => {
                    // As long as something new came there may be more, and what waits for its next
                    // try in the outbox is found when it is due.
                    // Of an ordered lane nothing is left when all was named, and nothing was left out since.
                    lane.left &= lane.tactic.order == Order::None || has_others || lane.more;
                    let new = lane.take(rows);
                    lane.more |= new > 0 || lane.left;
                    lane.pump(context);
                }
                Err(error) => {
                    warn!(lane = %lane.route, %error, "the outbox could not be asked");
                    lane.more = true;
                }
            }
        });
        context.spawn(answered);
    }

    /// Whether time alone may bring something forward.
    fn is_busy(&self) -> bool {
        let under_way = self.in_flight > 0 || self.asking || self.recording || !self.tried.is_empty();
        under_way || self.more || self.left || !self.waiting.is_empty() || !self.behind.is_empty()
    }

    /// Looks again and again what is due, as long as there is something: of a merchant that sends nothing no lane runs.
    fn wake(&mut self, context: &mut Context<Self>) {
        if !std::mem::replace(&mut self.ticking, true) {
            self.tick_later(context);
        }
    }

    fn tick_later(&mut self, context: &mut Context<Self>) {
        let every = if self.leaves_together() { STATUS_PUMP } else { PUMP };
        context.run_later(every, |lane, context| {
            lane.pump(context);
            lane.refill(context);
            if lane.is_busy() {
                lane.tick_later(context);
            } else {
                lane.ticking = false;
            }
        });
    }

    fn pump(&mut self, context: &mut Context<Self>) {
        if self.leaves_together() {
            return self.pump_together(context);
        }
        let now = self.router.ports().clock.system_now();
        let allowed = self.health.breaker.allowance(self.health.window.allowed(), now);
        // What was tried and is not recorded would be tried again after a crash.
        let room = limits::LANE_UNRECORDED_MAX.saturating_sub(self.unrecorded());
        let mut rows = Vec::new();
        while self.in_flight + rows.len() < allowed && rows.len() < room {
            match self.waiting.first_key_value() {
                Some(((due, _), _)) if *due <= now => rows.extend(self.waiting.pop_first().map(|(_, row)| row)),
                _ => break,
            }
        }
        if rows.is_empty() {
            return;
        }
        self.in_flight += rows.len();
        let router = Arc::clone(&self.router);
        let ids: Vec<DeliveryId> = rows.iter().map(|row| row.id).collect();
        let in_order = self.tactic.order == Order::Key;
        let prepared = async move {
            let before = if in_order { router.before_all(&ids).await } else { vec![None; ids.len()] };
            let free: Vec<_> =
                ids.iter().zip(&before).filter(|(_, first)| first.is_none()).map(|(id, _)| *id).collect();
            let mut prepared = router.prepare_all(&free).await.into_iter();
            let turn = |first: Option<DeliveryId>| match first {
                Some(first) => Turn::Behind(first),
                None => Turn::Now(prepared.next().unwrap_or(Err(SubmitError::Stopping))),
            };
            before.into_iter().map(turn).collect::<Vec<_>>()
        };
        let leave = prepared.into_actor(self).map(|prepared, lane, context: &mut Context<Self>| {
            let mut passed_over = false;
            for (row, turn) in rows.into_iter().zip(prepared) {
                let preparation = match turn {
                    Turn::Now(preparation) => preparation,
                    Turn::Behind(first) => {
                        lane.in_flight = lane.in_flight.saturating_sub(1);
                        lane.wait_behind(first, row);
                        passed_over = true;
                        continue;
                    }
                };
                let task = attempt(Arc::clone(&lane.router), lane.tactic.ladder.clone(), row, preparation);
                context.spawn(task.into_actor(lane).map(|tried, lane, context| {
                    lane.in_flight = lane.in_flight.saturating_sub(1);
                    lane.judge(&tried.1, context);
                    lane.tried.push(tried);
                    lane.go_on(context);
                }));
            }
            if passed_over {
                lane.pump(context);
            }
        });
        context.spawn(leave);
    }

    /// Keeps a row until the one before it has ended.
    fn wait_behind(&mut self, first: DeliveryId, row: Ticket) {
        if self.known.contains(&first) {
            self.behind.entry(first).or_default().push(row);
            return;
        }
        // It has just ended, or has not been asked for: the outbox keeps this one until its turn.
        self.known.remove(&row.id);
        self.leave_behind(row.id);
        (self.left, self.more) = (true, true);
    }

    /// Leaves what goes after a row to the outbox: there is room for others until its turn.
    fn leave_behind(&mut self, first: DeliveryId) {
        let mut firsts = vec![first];
        while let Some(first) = firsts.pop() {
            for row in self.behind.remove(&first).into_iter().flatten() {
                self.known.remove(&row.id);
                firsts.push(row.id);
                (self.left, self.more) = (true, true);
            }
        }
    }

    /// A row has ended: of those behind it the first may leave, the others go after that one.
    fn let_next(&mut self, ended: DeliveryId) {
        let Some(mut rows) = self.behind.remove(&ended) else { return };
        rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.id));
        let Some(next) = rows.pop() else { return };
        if !rows.is_empty() {
            self.behind.entry(next.id).or_default().extend(rows);
        }
        self.waiting.insert((next.not_before, next.id), next);
    }

    /// Records what ended and lets the next ones leave, once for all tries that end together.
    fn go_on(&mut self, context: &mut Context<Self>) {
        if std::mem::replace(&mut self.going_on, true) {
            return;
        }
        let ended = tokio::task::yield_now().into_actor(self).map(|(), lane, context| {
            lane.going_on = false;
            lane.record(context);
            lane.pump(context);
        });
        context.spawn(ended);
    }

    /// Records how tries ended, all those at once that ended while the last ones were recorded.
    fn record(&mut self, context: &mut Context<Self>) {
        if self.recording || self.tried.is_empty() {
            return;
        }
        self.recording = true;
        let tried = std::mem::take(&mut self.tried);
        self.ending.extend(tried.iter().map(|(row, _)| (row.id, None)));
        self.being_recorded = tried.len();
        let router = Arc::clone(&self.router);
        let recorded = async move { record_all(&router, tried).await };
        let settled = recorded.into_actor(self).map(|tried, lane, context| {
            lane.recording = false;
            lane.being_recorded = 0;
            for (row, outcome, counted) in tried {
                let anew = lane.ending.remove(&row.id).flatten();
                let goes_on = matches!(outcome, Outcome::RetryAt { .. } | Outcome::HeldBack { .. });
                lane.settle(row, &outcome, counted);
                lane.take(anew.filter(|_| !goes_on).into_iter().collect());
            }
            lane.record(context);
            lane.pump(context);
            let few = lane.tactic.order == Order::Key && lane.known.len() < limits::LANE_TICKETS_FEW;
            if lane.left && few {
                lane.refill(context);
            }
        });
        context.spawn(settled);
    }

    fn unrecorded(&self) -> usize {
        self.tried.len() + self.being_recorded
    }

    /// The other side is judged by a try when it ends, and its tenant told of what lasts.
    fn judge(&mut self, tried: &Tried, context: &mut Context<Self>) {
        let now = self.router.ports().clock.system_now();
        let under_way = self.in_flight.saturating_add(1);
        if let Some(news) = self.health.hear(tried, under_way, now, self.tactic.failing_after_ms) {
            let (router, tenant, route) = (Arc::clone(&self.router), self.tenant.clone(), self.route.clone());
            let told = async move { health::tell(&router, &tenant, &route, news, now).await };
            context.spawn(told.into_actor(self).map(|is_told, lane, _| {
                if !is_told {
                    lane.health.untold();
                }
            }));
        }
    }

    /// Takes a recorded outcome over; `counted` says whether it was a try of the other side.
    fn settle(&mut self, mut row: Ticket, outcome: &Outcome, counted: bool) {
        let id = row.id;
        match outcome {
            Outcome::RetryAt { at, error } => {
                warn!(delivery = %id, lane = %self.route, error, retry_at = %at, "delivery failed");
                let leaves = self.tactic.order == Order::None;
                if counted && leaves && self.known.len() > limits::LANE_TICKETS_MAX / 8 {
                    // Many wait for a later try: the outbox keeps them, there is room for what is new.
                    self.known.remove(&id);
                    (self.left, self.more) = (true, true);
                    return;
                }
                // It may be hours: who waits behind it would take the room of others.
                if self.known.len() > limits::LANE_TICKETS_MAX / 8 {
                    self.leave_behind(id);
                }
                row.attempts = row.attempts.saturating_add(u32::from(counted));
                row.not_before = *at;
                self.waiting.insert((*at, id), row);
                return;
            }
            Outcome::HeldBack { until, reason } => {
                debug!(delivery = %id, lane = %self.route, reason, %until, "delivery held back");
                if self.known.len() > limits::LANE_TICKETS_MAX / 8 {
                    // The outbox keeps it: there is room for what may leave.
                    self.known.remove(&id);
                    (self.left, self.more) = (true, true);
                } else {
                    row.not_before = *until;
                    self.waiting.insert((*until, id), row);
                }
                return;
            }
            Outcome::Dead { error } => warn!(delivery = %id, lane = %self.route, error, "delivery given up"),
            Outcome::Delivered { .. } => debug!(delivery = %id, lane = %self.route, "delivered"),
            Outcome::Suppressed { reason } => {
                info!(delivery = %id, lane = %self.route, reason, "delivery suppressed");
            }
            Outcome::Claimed => return, // A try is under way, and ends.
        }
        self.known.remove(&id);
        self.let_next(id);
    }
}

impl Actor for DeliveryLane {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        self.wake(context);
    }
}

impl Handler<Enqueue> for DeliveryLane {
    type Result = ();

    fn handle(&mut self, Enqueue(rows): Enqueue, context: &mut Self::Context) {
        self.wake(context);
        if self.tactic.order == Order::Key && self.left {
            // Older ones are in the outbox: these would wait behind them, and are asked for in their turn.
            self.more = true;
            if self.router.ports().clock.system_now() >= self.rests_until {
                self.refill(context);
            }
            return;
        }
        self.take(rows);
        if !self.leaves_together() {
            self.pump(context);
        }
    }
}
