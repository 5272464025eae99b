//! How the deliveries of each way leave: in which order, how many together, and when they are tried again.

use quittance_actors::delivery::{Batch, Ladder, Route, Tactic, Tactics};

use crate::config::{self, Config};

/// How deliveries leave, by their way.
pub(crate) fn of(config: &Config) -> Tactics {
    let default = config.service.hooks.retry_ms.clone().map_or_else(Ladder::default, Ladder::new);
    let failing_after_ms = config.service.hooks.failing_after_seconds * 1_000;
    let of_endpoint = |endpoint: &config::Endpoint| {
        let ladder = endpoint.ladder.clone().unwrap_or_else(|| default.clone());
        let route = Route::Endpoint(endpoint.tenant.clone(), endpoint.name.as_str().into());
        let (order, in_flight_max) = (endpoint.order, endpoint.in_flight_max);
        (route, Tactic { ladder, order, failing_after_ms, in_flight_max, batch: None })
    };
    let of_feed = |known: &config::Outgoing| {
        let batch = known.batch.as_ref().map(|batch| Batch { rows: batch.rows, wait_ms: batch.seconds * 1_000 })?;
        let route = Route::Feed(known.tenant.clone(), known.name.as_str().into());
        let tactic = Tactic { ladder: default.clone(), failing_after_ms, batch: Some(batch), ..Tactic::default() };
        Some((route, tactic))
    };
    let endpoints = config.service.endpoints.iter().map(of_endpoint);
    let of = endpoints.chain(config.service.outgoing.iter().filter_map(of_feed)).collect();
    Tactics { default: Tactic { ladder: default, failing_after_ms, ..Tactic::default() }, of }
}
