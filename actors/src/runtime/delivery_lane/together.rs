//! What leaves together: statuses, events of a feed, and orders of a bank, as one file.

use std::sync::Arc;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};

use super::DeliveryLane;
use crate::delivery::Route;
use crate::runtime::collection::collect;
use crate::runtime::payouts::pay_out;
use crate::runtime::trying::export;
use crate::values::Timestamp;

const STATUS_ROWS_MAX: usize = 1_000;
/// Orders of one file for a bank.
const ORDERS_MAX: usize = 10_000;

impl DeliveryLane {
    /// Whether what waits leaves together.
    pub(super) fn leaves_together(&self) -> bool {
        let by_way = matches!(self.route, Route::StatusExport(_) | Route::Connector(..) | Route::Payouts(..));
        by_way || self.tactic.batch.is_some()
    }

    /// One file for everything that waits: statuses, and orders of a bank.
    pub(super) fn pump_together(&mut self, context: &mut Context<Self>) {
        let now = self.router.ports().clock.system_now();
        if self.in_flight > 0 || self.health.breaker.allowance(1, now) == 0 {
            return;
        }
        let most = match self.tactic.batch {
            Some(batch) => batch.rows,
            None if matches!(self.route, Route::StatusExport(_)) => STATUS_ROWS_MAX,
            None => ORDERS_MAX,
        };
        if let Some(batch) = self.tactic.batch {
            let mut due = self.waiting.iter().take_while(|((due, _), _)| *due <= now).map(|(_, row)| row).peekable();
            let tenants_now = self.router.ports().clock.now(&self.tenant);
            // What has been tried, or waited before the process began, does not wait anew.
            let waits = due.peek().is_some_and(|first| {
                first.attempts == 0
                    && first.not_before == Timestamp::default()
                    && tenants_now < first.id.made_at().plus_millis(batch.wait_ms)
            });
            let count = due.take(most).count();
            let since = *self.gathering_since.get_or_insert(now);
            if count < most && waits && now < since.plus_millis(batch.wait_ms) {
                self.gathering_since = self.gathering_since.filter(|_| count > 0);
                return;
            }
            self.gathering_since = None;
        }
        let mut rows = Vec::new();
        while rows.len() < most && self.waiting.first_key_value().is_some_and(|((due, _), _)| *due <= now) {
            rows.extend(self.waiting.pop_first().map(|(_, row)| row));
        }
        if rows.is_empty() {
            return;
        }
        self.in_flight += 1;
        let (router, ladder) = (Arc::clone(&self.router), self.tactic.ladder.clone());
        let route = self.route.clone();
        let task = async move {
            match route {
                Route::Connector(..) => collect(router, ladder, rows).await,
                Route::Payouts(..) => pay_out(router, ladder, rows).await,
                _ => export(router, ladder, rows).await,
            }
        };
        let ended = task.into_actor(self).map(|tried, lane, context| {
            lane.in_flight = 0;
            if let Some((_, last)) = tried.last() {
                lane.judge(last, context);
            }
            lane.tried.extend(tried);
            lane.record(context);
        });
        context.spawn(ended);
    }
}
