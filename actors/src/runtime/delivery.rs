//! The delivery supervisor: one lane per endpoint, and per channel of a tenant, so that a dead one, or a tenant who sends
//! much, holds up nobody else.
//!
//! What waits is in the outbox of the log: a lane is handed what is new.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::{Actor, Addr, ArbiterHandle, Context, Handler, Message};

use super::Router;
use super::delivery_lane::DeliveryLane;
use crate::delivery::{Route, Tactics};
use crate::partition::Ticket;
use crate::values::TenantId;

/// Starts a lane for each endpoint or channel, and hands it its rows.
pub struct DeliverySupervisor {
    router: Arc<Router>,
    tactics: Tactics,
    /// Where lanes live, in turn.
    arbiters: Vec<ArbiterHandle>,
    lanes: BTreeMap<(TenantId, Route), Addr<DeliveryLane>>,
}

impl DeliverySupervisor {
    /// A supervisor whose lanes try as `tactics` says, and live in `arbiters` in turn.
    pub fn new(router: Arc<Router>, tactics: Tactics, arbiters: Vec<ArbiterHandle>) -> Self {
        Self { router, tactics, arbiters, lanes: BTreeMap::new() }
    }
}

impl Actor for DeliverySupervisor {
    type Context = Context<Self>;
}

/// Take rows of the outbox.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Enqueue(pub Vec<Ticket>);

impl Handler<Enqueue> for DeliverySupervisor {
    type Result = ();

    fn handle(&mut self, Enqueue(rows): Enqueue, _: &mut Self::Context) {
        let mut by_way: BTreeMap<(TenantId, Route), Vec<Ticket>> = BTreeMap::new();
        for row in rows {
            by_way.entry((row.tenant.clone(), row.route.clone())).or_default().push(row);
        }
        for (way, rows) in by_way {
            let (router, tactics) = (&self.router, &self.tactics);
            let turn = self.lanes.len().checked_rem(self.arbiters.len()).unwrap_or(0);
            let arbiter = self.arbiters.get(turn);
            let start = |way: &(TenantId, Route)| {
                let (way, router, tactic) = (way.clone(), Arc::clone(router), tactics.on(&way.1));
                match arbiter {
                    Some(arbiter) => {
                        DeliveryLane::start_in_arbiter(arbiter, |_| DeliveryLane::new(way, router, tactic))
                    }
                    None => DeliveryLane::new(way, router, tactic).start(),
                }
            };
            let lane = self.lanes.entry(way).or_insert_with_key(start);
            #[expect(clippy::disallowed_methods, reason = "rows of the outbox: the queue is on disk")]
            lane.do_send(Enqueue(rows));
        }
    }
}
