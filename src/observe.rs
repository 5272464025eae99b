//! What people and machines see of the service: logs, metrics, and the live stream of screens.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::Arc;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use parking_lot::Mutex;
use quittance_actors::partition::{Commit, SystemFact};
use quittance_actors::ports::Observer;
use quittance_actors::rules::Published;
use quittance_actors::values::TenantId;
use tokio::sync::broadcast;
use tracing_subscriber::EnvFilter;

use crate::overview::Overview;

/// Events a slow screen may lag behind before it is told to load anew.
const LIVE_EVENTS: usize = 512;

/// Sets up logs: for people on a terminal, JSON otherwise. `QUITTANCE_LOG` names what is shown.
pub fn start_logs(default: &str) {
    let filter = EnvFilter::try_from_env("QUITTANCE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first.
    if std::io::stderr().is_terminal() {
        let _ = builder.with_target(false).compact().try_init();
    } else {
        let _ = builder.json().flatten_event(true).try_init();
    }
}

/// Sees every durable record.
pub struct Live {
    metrics: Option<PrometheusHandle>,
    overviews: Mutex<BTreeMap<TenantId, Overview>>,
    events: broadcast::Sender<Arc<Published>>,
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}

impl Live {
    /// An observer that has seen nothing, and the process's metrics.
    pub fn new() -> Self {
        let metrics = PrometheusBuilder::new().install_recorder().ok();
        let (events, _) = broadcast::channel(LIVE_EVENTS);
        Self { metrics, overviews: Mutex::default(), events }
    }

    /// The metrics in Prometheus text format.
    pub fn metrics(&self) -> String {
        let violations = quittance_actors::invariants::violations();
        metrics::gauge!("quittance_invariant_violations").set(count(violations));
        self.metrics.as_ref().map(PrometheusHandle::render).unwrap_or_default()
    }

    /// Events from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Published>> {
        self.events.subscribe()
    }

    /// The overview of a tenant.
    pub fn overview(&self, tenant: &TenantId) -> Overview {
        self.overviews.lock().get(tenant).cloned().unwrap_or_default()
    }

    /// Takes over an event of the past.
    pub fn remember(&self, event: &Published) {
        self.overviews.lock().entry(event.tenant.clone()).or_default().fold(event);
    }
}

/// A count as a metric's number; exact below 2⁵³.
#[expect(clippy::cast_precision_loss, reason = "metrics are floating point by their protocol")]
fn count(value: u64) -> f64 {
    value as f64
}

impl Observer for Live {
    fn committed(&self, commit: &Commit) {
        metrics::counter!("quittance_records_total").increment(1);
        for event in &commit.published {
            metrics::counter!("quittance_events_total", "type" => event.event.name()).increment(1);
            self.remember(event);
            let _ = self.events.send(Arc::new(event.clone())); // Nobody may be watching.
        }
        for fact in &commit.facts {
            if let SystemFact::FileFinished(file) = fact {
                metrics::counter!("quittance_files_total", "rejected" => file.rejected.to_string()).increment(1);
                metrics::counter!("quittance_file_rows_total").increment(file.rows);
            }
        }
    }

    fn count(&self, name: &'static str, labels: BTreeMap<&'static str, String>) {
        let labels: Vec<metrics::Label> =
            labels.into_iter().map(|(key, value)| metrics::Label::new(key, value)).collect();
        metrics::counter!(name, labels).increment(1);
    }
}
