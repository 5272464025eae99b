//! The delivery supervisor: one lane per endpoint or channel, so that a dead one holds up
//! nobody else.
//!
//! A lane's rows are in the outbox of the log; what is here is only what is due. Every try asks
//! the partition first whether the message is still wanted (INV-03), and ends as a record
//! (INV-06).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, WrapFuture};
use tracing::{debug, info, warn};

use super::{Router, SubmitError};
use crate::delivery::{Breaker, Ladder, Outcome, Pending, Recipient, Verdict};
use crate::limits;
use crate::partition::{Preparation, TriedDelivery};
use crate::ports::Prepared;
use crate::values::{DeliveryId, Timestamp};

const PUMP: Duration = Duration::from_millis(200);
const STATUS_PUMP: Duration = Duration::from_secs(1);
const STATUS_ROWS_MAX: usize = 1_000;

/// Starts a lane for each endpoint or channel, and hands it its rows.
pub struct DeliverySupervisor {
    router: Arc<Router>,
    ladder: Ladder,
    lanes: HashMap<String, Addr<DeliveryLane>>,
}

impl DeliverySupervisor {
    /// A supervisor whose lanes retry by `ladder`.
    pub fn new(router: Arc<Router>, ladder: Ladder) -> Self {
        Self { router, ladder, lanes: HashMap::new() }
    }
}

impl Actor for DeliverySupervisor {
    type Context = Context<Self>;
}

/// Take rows of the outbox.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Enqueue(pub Vec<Pending>);

impl Handler<Enqueue> for DeliverySupervisor {
    type Result = ();

    fn handle(&mut self, Enqueue(rows): Enqueue, _: &mut Self::Context) {
        let mut by_lane: BTreeMap<String, Vec<Pending>> = BTreeMap::new();
        for row in rows {
            by_lane.entry(row.delivery.lane()).or_default().push(row);
        }
        for (name, rows) in by_lane {
            let (router, ladder) = (Arc::clone(&self.router), self.ladder.clone());
            let lane =
                self.lanes.entry(name.clone()).or_insert_with(|| DeliveryLane::new(name, router, ladder).start());
            #[expect(clippy::disallowed_methods, reason = "rows of the outbox: the queue is on disk")]
            lane.do_send(Enqueue(rows));
        }
    }
}

/// One lane.
struct DeliveryLane {
    name: String,
    router: Arc<Router>,
    ladder: Ladder,
    breaker: Breaker,
    waiting: BTreeMap<(Timestamp, DeliveryId), Pending>,
    known: BTreeSet<DeliveryId>,
    in_flight: usize,
}

impl DeliveryLane {
    fn new(name: String, router: Arc<Router>, ladder: Ladder) -> Self {
        Self {
            name,
            router,
            ladder,
            breaker: Breaker::default(),
            waiting: BTreeMap::new(),
            known: BTreeSet::new(),
            in_flight: 0,
        }
    }

    fn is_status(&self) -> bool {
        self.name.starts_with("status:")
    }

    fn pump(&mut self, context: &mut Context<Self>) {
        if self.is_status() {
            return self.pump_statuses(context);
        }
        let now = self.router.ports().clock.system_now();
        let allowed = self.breaker.allowance(limits::LANE_IN_FLIGHT_MAX, now);
        while self.in_flight < allowed {
            match self.waiting.first_key_value() {
                Some(((due, _), _)) if *due <= now => {}
                _ => return,
            }
            let Some((_, row)) = self.waiting.pop_first() else { return };
            self.in_flight += 1;
            let task = attempt(Arc::clone(&self.router), self.ladder.clone(), row);
            let ended = task.into_actor(self).map(|(row, outcome), lane, context| {
                lane.in_flight = lane.in_flight.saturating_sub(1);
                lane.settle(row, &outcome);
                lane.pump(context);
            });
            context.spawn(ended);
        }
    }

    /// Statuses leave together: one file for everything that waits.
    fn pump_statuses(&mut self, context: &mut Context<Self>) {
        let now = self.router.ports().clock.system_now();
        if self.in_flight > 0 || self.breaker.allowance(1, now) == 0 {
            return;
        }
        let mut rows = Vec::new();
        while rows.len() < STATUS_ROWS_MAX && self.waiting.first_key_value().is_some_and(|((due, _), _)| *due <= now)
        {
            rows.extend(self.waiting.pop_first().map(|(_, row)| row));
        }
        if rows.is_empty() {
            return;
        }
        self.in_flight += 1;
        let task = export(Arc::clone(&self.router), self.ladder.clone(), rows);
        let ended = task.into_actor(self).map(|tried, lane, _| {
            lane.in_flight = 0;
            for (row, outcome) in tried {
                lane.settle(row, &outcome);
            }
        });
        context.spawn(ended);
    }

    fn settle(&mut self, mut row: Pending, outcome: &Outcome) {
        let id = row.delivery.id;
        let now = self.router.ports().clock.system_now();
        match outcome {
            Outcome::RetryAt { at, error } => {
                warn!(delivery = %id, lane = self.name, error, retry_at = %at, "delivery failed");
                self.breaker.failed(now);
                row.attempts = row.attempts.saturating_add(1);
                row.not_before = *at;
                self.waiting.insert((*at, id), row);
                return;
            }
            Outcome::Dead { error } => {
                warn!(delivery = %id, lane = self.name, error, "delivery given up");
                self.breaker.failed(now);
            }
            Outcome::Delivered { .. } => {
                debug!(delivery = %id, lane = self.name, "delivered");
                self.breaker.succeeded();
            }
            Outcome::Suppressed { reason } => {
                info!(delivery = %id, lane = self.name, reason, "delivery suppressed");
            }
        }
        self.known.remove(&id);
    }
}

impl Actor for DeliveryLane {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        let every = if self.is_status() { STATUS_PUMP } else { PUMP };
        context.run_interval(every, Self::pump);
    }
}

impl Handler<Enqueue> for DeliveryLane {
    type Result = ();

    fn handle(&mut self, Enqueue(rows): Enqueue, context: &mut Self::Context) {
        for row in rows {
            if self.known.insert(row.delivery.id) {
                self.waiting.insert((row.not_before, row.delivery.id), row);
            }
        }
        if !self.is_status() {
            self.pump(context);
        }
    }
}

/// One try: prepare, send, record. An outcome that could not be recorded is tried again later
/// with the same id.
async fn attempt(router: Arc<Router>, ladder: Ladder, row: Pending) -> (Pending, Outcome) {
    let number = row.attempts.saturating_add(1);
    let clock = Arc::clone(&router.ports().clock);
    let outcome = match router.prepare(row.delivery.clone()).await {
        Ok(Preparation::Suppressed(reason)) => Outcome::Suppressed { reason },
        Ok(Preparation::Ready(customer)) => {
            let (customer, virtual_iban) = customer.unzip();
            let delivery = row.delivery.clone();
            let virtual_iban = virtual_iban.flatten();
            let prepared = Prepared { delivery, attempt: number, customer, virtual_iban };
            let verdict = router.ports().dispatch.send(prepared).await;
            ladder.outcome(verdict, number, clock.random(), clock.system_now())
        }
        Err(error) => later(&error, clock.system_now()),
    };
    let outcome = record(&router, &row, outcome).await;
    (row, outcome)
}

async fn export(router: Arc<Router>, ladder: Ladder, rows: Vec<Pending>) -> Vec<(Pending, Outcome)> {
    let deliveries = rows.iter().map(|row| row.delivery.clone()).collect();
    let verdict = router.ports().dispatch.export_statuses(deliveries).await;
    let clock = Arc::clone(&router.ports().clock);
    let mut tried = Vec::with_capacity(rows.len());
    for row in rows {
        let number = row.attempts.saturating_add(1);
        let verdict = match &verdict {
            // A full or unwritable directory is repaired by a person: statuses are never given up.
            Verdict::Never { error } | Verdict::Later { error, .. } => {
                Verdict::Later { error: error.clone(), retry_after_ms: None }
            }
            Verdict::Accepted { detail } => Verdict::Accepted { detail: detail.clone() },
        };
        let outcome = ladder.outcome_without_end(verdict, number, clock.random(), clock.system_now());
        let outcome = record(&router, &row, outcome).await;
        tried.push((row, outcome));
    }
    tried
}

async fn record(router: &Arc<Router>, row: &Pending, outcome: Outcome) -> Outcome {
    let kind = match &outcome {
        Outcome::Delivered { .. } => "delivered",
        Outcome::RetryAt { .. } => "retry",
        Outcome::Dead { .. } => "dead",
        Outcome::Suppressed { .. } => "suppressed",
    };
    let channel = match row.delivery.recipient {
        Recipient::StatusExport => "status_file",
        _ => row.delivery.channel.name(),
    };
    let labels = BTreeMap::from([("channel", channel.to_owned()), ("outcome", kind.to_owned())]);
    router.ports().observer.count("quittance_deliveries_total", labels);
    let tries = vec![TriedDelivery { id: row.delivery.id, outcome: outcome.clone() }];
    let recorded = router.record_outcomes(row.delivery.id.partition(), row.delivery.tenant.clone(), tries);
    match recorded.await {
        Ok(()) => outcome,
        Err(error) => later(&error, router.ports().clock.system_now()),
    }
}

fn later(error: &SubmitError, now: Timestamp) -> Outcome {
    Outcome::RetryAt { at: now.plus_millis(1_000), error: error.to_string() }
}
