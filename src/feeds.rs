//! The watched directories of the configuration.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use quittance_actors::runtime::{FeedReader, IngestionSupervisor};
use quittance_actors::values::TenantId;
use tokio::sync::oneshot;
use tracing::warn;

use crate::channels::collect::ordered;
use crate::config::{Config, FeedFormat};
use crate::documents::Documents;
use crate::watch::{self, Activity, Watched};

/// How long reminders and collections wait at the start for what the bank has brought.
const BANK_FILES_WAITED_FOR: Duration = Duration::from_secs(600);

/// Watches every directory; what is given ends when the bank files that lay there have been read.
pub fn watch(
    config: &Config, ingestion: &Addr<IngestionSupervisor>, activity: &Arc<Activity>,
) -> Result<impl Future<Output = ()> + use<>, String> {
    let mut unread = Vec::new();
    let all = feeds(config);
    // Beside the start: whoever looks in the first moment sees a few files less.
    let (known, of) = (Arc::clone(activity), all.clone());
    tokio::task::spawn_blocking(move || known.recall(&of));
    for watched in all {
        watched.prepare().map_err(|error| format!("{}: {error}", watched.folder.display()))?;
        let (read, first) = oneshot::channel();
        if watched.feed.format == FeedFormat::Bank {
            unread.push(first);
        }
        actix::spawn(watch::run(watched, ingestion.clone(), Arc::clone(activity), read));
    }
    Ok(async move {
        let all = async {
            for first in unread {
                let _ = first.await; // A feed that cannot be watched holds nobody up.
            }
        };
        if tokio::time::timeout(BANK_FILES_WAITED_FOR, all).await.is_err() {
            warn!("bank files are still being read: reminders and collections do not wait for them any longer");
        }
    })
}

/// The ledgers of files for banks, of every connector there has been.
struct Ledgers(PathBuf);

impl watch::OrderBook for Ledgers {
    fn ordered(&self, tenant: &TenantId, message: &str, batch: Option<&str>) -> std::io::Result<Vec<String>> {
        ordered(&self.0.join(tenant.as_str()), message, batch)
    }
}

/// The directories to be watched.
pub fn feeds(config: &Config) -> Vec<Watched> {
    let data = config.path(&config.service.data.dir);
    let (orders, documents) = (Arc::new(Ledgers(data.join("connectors"))), Documents::of(&data));
    let watched = config.service.feeds.iter().map(|feed| {
        let mapping = match &feed.format {
            FeedFormat::Invoices { mapping } => config.mappings.get(mapping).cloned(),
            FeedFormat::Bank => None,
        };
        let reader = FeedReader { feed: feed.name.clone(), tenant: feed.tenant.clone() };
        let folder: PathBuf = config.path(&feed.dir);
        let orders = Arc::clone(&orders) as Arc<dyn watch::OrderBook>;
        let documents = documents.clone();
        Watched { feed: feed.clone(), folder, mapping, reader, orders, documents }
    });
    watched.collect()
}
