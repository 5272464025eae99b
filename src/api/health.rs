//! Health and metrics.

use actix_web::HttpResponse;
use quittance_actors::ports::Journal as _;
use serde_json::json;
use std::sync::atomic::Ordering;

use super::Shared;

/// The process answers.
pub(super) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// The log is open and replayed, the store is open, the actors are up.
pub(super) async fn readyz(app: Shared) -> HttpResponse {
    let service = &app.service;
    let statistics = service.writer.statistics();
    HttpResponse::Ok().json(json!({
        "status": "ready",
        "version": env!("CARGO_PKG_VERSION"),
        "log": {
            "position": service.writer.position(),
            "records_synced": statistics.records.load(Ordering::Relaxed),
            "replayed_at_start": service.recovery.replayed,
            "torn_bytes_cut_at_start": service.recovery.torn_bytes,
        },
        "store": { "disk_bytes": service.store.disk_bytes(), "rebuilt_at_start": service.recovery.rebuilt },
        "timers": service.timers.len(),
        "boots": service.recovery.boots,
    }))
}

/// Prometheus text format.
pub(super) async fn metrics(app: Shared) -> HttpResponse {
    let statistics = app.service.writer.statistics();
    metrics::counter!("quittance_log_bytes_total").absolute(statistics.bytes.load(Ordering::Relaxed));
    metrics::counter!("quittance_log_syncs_total").absolute(statistics.syncs.load(Ordering::Relaxed));
    metrics::counter!("quittance_log_sync_microseconds_total").absolute(statistics.sync_us.load(Ordering::Relaxed));
    metrics::gauge!("quittance_timers_armed").set(u32::try_from(app.service.timers.len()).unwrap_or(u32::MAX));
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(app.service.live.metrics())
}
