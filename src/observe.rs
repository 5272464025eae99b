//! What people and machines see of the service: logs, metrics, and the live stream of screens.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use parking_lot::Mutex;
use quittance_actors::partition::{Commit, SystemFact};
use quittance_actors::ports::Observer;
use quittance_actors::rules::EventType;
use quittance_actors::values::{Date, TenantId, Zone};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use tokio::sync::broadcast;
use tracing_subscriber::EnvFilter;

use crate::journal::codec;
use crate::overview::Overview;
use crate::watermark::Watermark;

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
    seen: Mutex<Seen>,
    events: broadcast::Sender<Arc<Commit>>,
}

/// What screens show of the past, up to a position of the log.
#[derive(Default, Serialize, Deserialize)]
struct Seen {
    position: u64,
    overviews: BTreeMap<TenantId, Overview>,
}

impl Seen {
    fn fold(&mut self, record: &Arc<Commit>, position: u64) {
        if position <= self.position {
            return;
        }
        self.position = position;
        let statements = record.facts.iter().filter_map(|fact| match fact {
            SystemFact::StatementsRead { statements, .. } => Some(statements),
            _ => None,
        });
        let today = record.at.date_in(&Zone::utc());
        for read in statements {
            self.overviews.entry(record.tenant.clone()).or_default().statements(read, today);
        }
        if !record.published.is_empty() {
            if !self.overviews.contains_key(&record.tenant) {
                self.overviews.insert(record.tenant.clone(), Overview::default());
            }
            if let Some(overview) = self.overviews.get_mut(&record.tenant) {
                overview.fold(record, position);
            }
        }
    }
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
        Self { metrics, seen: Mutex::default(), events }
    }

    /// The metrics in Prometheus text format.
    pub fn metrics(&self) -> String {
        let violations = quittance_actors::invariants::violations();
        metrics::gauge!("quittance_invariant_violations").set(count(violations));
        self.metrics.as_ref().map(PrometheusHandle::render).unwrap_or_default()
    }

    /// Records with public events, from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Commit>> {
        self.events.subscribe()
    }

    /// The position up to which everything is durable and has been seen.
    pub fn position(&self) -> u64 {
        self.seen.lock().position
    }

    /// The overview of a tenant.
    pub fn overview(&self, tenant: &TenantId) -> Overview {
        self.seen.lock().overviews.get(tenant).cloned().unwrap_or_default()
    }

    /// How far the statements of each of a tenant's accounts have been read.
    pub fn accounts(&self, tenant: &TenantId) -> BTreeMap<SmolStr, Watermark> {
        self.seen.lock().overviews.get(tenant).map(|overview| overview.read_to.clone()).unwrap_or_default()
    }

    /// Takes over what was remembered at the last checkpoint; gives false when it cannot be read.
    pub fn restore(&self, remembered: &[u8]) -> bool {
        match codec::decode_body(remembered) {
            Ok(seen) => {
                *self.seen.lock() = seen;
                true
            }
            Err(_) => false,
        }
    }

    /// Takes over a record of the past.
    pub fn remember(&self, record: &Arc<Commit>, position: u64) {
        self.seen.lock().fold(record, position);
    }
}

/// A count as a metric's number; exact below 2⁵³.
#[expect(clippy::cast_precision_loss, reason = "metrics are floating point by their protocol")]
fn count(value: u64) -> f64 {
    value as f64
}

impl Observer for Live {
    fn committed(&self, commits: &[Arc<Commit>], position: u64) {
        let mut by_type: BTreeMap<EventType, u64> = BTreeMap::new();
        {
            let mut seen = self.seen.lock();
            for (commit, position) in commits.iter().zip(position..) {
                seen.fold(commit, position);
                for occurrence in &commit.published {
                    *by_type.entry(occurrence.event).or_default() += 1;
                }
                if !commit.published.is_empty() && self.events.receiver_count() > 0 {
                    let _ = self.events.send(Arc::clone(commit)); // Nobody may be watching any more.
                }
            }
        }
        metrics::counter!("quittance_records_total").increment(u64::try_from(commits.len()).unwrap_or(0));
        for (event, count) in by_type {
            metrics::counter!("quittance_events_total", "type" => event.name()).increment(count);
        }
        for fact in commits.iter().flat_map(|commit| &commit.facts) {
            if let SystemFact::FileFinished(file) = fact {
                metrics::counter!("quittance_files_total", "rejected" => file.rejected.to_string()).increment(1);
                metrics::counter!("quittance_file_rows_total").increment(file.rows);
            }
        }
    }

    fn bank_complete_to(&self, tenant: &TenantId) -> Option<Date> {
        self.seen.lock().overviews.get(tenant)?.bank_complete_to()
    }

    fn remembered(&self) -> Option<(u64, Vec<u8>)> {
        let seen = self.seen.lock();
        Some((seen.position, codec::encode_body(&*seen).ok()?))
    }

    fn decided(&self, waited: Duration, took: Duration, count: usize) {
        metrics::histogram!("quittance_admission_seconds").record(waited);
        metrics::histogram!("quittance_decide_seconds").record(took / u32::try_from(count.max(1)).unwrap_or(1));
    }

    fn fired(&self, late_ms: &[i64]) {
        let lateness = metrics::histogram!("quittance_timer_lateness_seconds");
        for late in late_ms {
            lateness.record(Duration::from_millis(u64::try_from(*late).unwrap_or(0)));
        }
    }

    fn checkpointed(&self, took: Duration, lanes: usize) {
        metrics::histogram!("quittance_checkpoint_seconds").record(took);
        metrics::counter!("quittance_checkpoint_lanes_total").increment(u64::try_from(lanes).unwrap_or(0));
    }

    fn count(&self, name: &'static str, labels: BTreeMap<&'static str, String>) {
        let labels: Vec<metrics::Label> =
            labels.into_iter().map(|(key, value)| metrics::Label::new(key, value)).collect();
        metrics::counter!(name, labels).increment(1);
    }
}
