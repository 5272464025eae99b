//! Mail that comes back: handed on by a call, or delivered by a mail server into a maildir.
//!
//! ```text
//! maildir/new/NAME ─► read ─► noted, or about no mail of ours ─► maildir/cur/NAME:2,S
//! ```
//!
//! A report is taken once, however often it comes: its command has the id of what it says. Source of the folders:
//! maildir(5).

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use quittance_actors::customer::{Command, Report};
use quittance_actors::delivery::Channel;
use quittance_actors::runtime::SubmitError;
use quittance_actors::values::{CustomerId, DeliveryId, EntityId, TenantId};
use tokio::task::spawn_blocking;
use tracing::{info, warn};

use crate::assemble::{self, Service};
use crate::callbacks::Callbacks;
use crate::channels::archive::Archive;
use crate::config::{EmailTransport, Smtp};
use crate::inbound::{Inbound, command_of};
use crate::mail_report::{self, REPORT_BYTES_MAX, Said};

/// How often a maildir is looked at.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(2);
/// Mails read at a look; the others are there at the next.
const MAILS_AT_A_LOOK: usize = 100;

/// Takes what a mail server puts into a maildir, where the configuration names one.
pub(crate) fn begin(service: &Service) -> Result<(), String> {
    let EmailTransport::Smtp(Smtp { bounces_maildir: Some(maildir), .. }) = &service.config.service.email else {
        return Ok(());
    };
    let maildir = service.config.path(maildir);
    for folder in ["new", "cur"] {
        fs::create_dir_all(maildir.join(folder)).map_err(|error| format!("{}: {error}", maildir.display()))?;
    }
    let tenants = service.config.service.tenants.iter().map(|tenant| tenant.id.clone()).collect();
    if let Some(returned) = Returned::of(service) {
        actix::spawn(returned.watch(maildir, tenants));
    }
    Ok(())
}

/// What mail that comes back is taken by.
#[derive(Clone)]
pub(crate) struct Returned {
    inbound: Inbound,
    archive: Archive,
    callbacks: Callbacks,
}

impl Returned {
    /// Nothing where mails carry no codes: anybody could say anything of them.
    pub fn of(service: &Service) -> Option<Self> {
        let (router, store) = (Arc::clone(&service.router), Arc::clone(&service.store));
        let callbacks = assemble::callbacks(&service.config)?;
        Some(Self { inbound: Inbound { router, store }, archive: service.archive.clone(), callbacks })
    }

    /// Takes a mail that came back to one of these tenants, as it came; what became of it, in words.
    pub async fn take(&self, tenants: &[TenantId], bytes: &[u8]) -> Result<&'static str, SubmitError> {
        let told = mail_report::read(bytes).and_then(|report| {
            let delivery = report.about.iter().find_map(|about| self.callbacks.mailed(about))?;
            Some((delivery, report.said, report.recipient))
        });
        let Some((delivery, said, failed_at)) = told else { return Ok("about no mail of ours") };
        let Ok(delivery_id) = DeliveryId::parse(&delivery) else { return Ok("about no mail of ours") };
        let (archive, of, id) = (self.archive.clone(), tenants.to_vec(), delivery.clone());
        let sent = spawn_blocking(move || {
            of.into_iter().find_map(|tenant| archive.get(tenant.as_str(), &id).map(|sent| (tenant, sent)))
        });
        let Some((tenant, sent)) = sent.await.map_err(|_| SubmitError::Stopping)? else {
            return Ok("not to a customer");
        };
        let written_to = sent.to;
        let Some(customer) = sent.customer.and_then(|customer| CustomerId::parse(&customer).ok()) else {
            return Ok("not to a customer");
        };
        let (_, entity, _) = self.inbound.router.read(EntityId::Customer(customer), 0).await?;
        let profile = entity.as_customer().and_then(|state| state.profile.clone());
        let email = profile.as_ref().and_then(|profile| profile.email.as_ref()).map(|email| email.as_str());
        // The customer may have another address by now, or somebody to whom it was handed on may have gone.
        let same = |address: &String| email.is_some_and(|email| email.eq_ignore_ascii_case(address));
        let still = written_to.iter().any(same) && failed_at.as_ref().is_none_or(same);
        let (report, word) = match said {
            Said::Waits => return Ok("under way"),
            Said::Arrived if !still => return Ok("of another address"),
            Said::Arrived => (Report::Arrived, "arrived"),
            Said::Failed { status, lasting } => {
                (Report::Failed { reason: status.into(), lasting: lasting && still }, "failed")
            }
            Said::Complaint => {
                let id = command_of(&["complaint", &delivery]);
                let command = Command::SetOptOut { channel: Channel::Email, out: true };
                self.inbound.tell(&tenant, customer, command, id).await?;
                return Ok("noted");
            }
        };
        let id = command_of(&["report", &delivery, word]);
        let command = Command::TakeReport { delivery: delivery_id, channel: Channel::Email, report };
        self.inbound.tell(&tenant, customer, command, id).await?;
        Ok("noted")
    }

    /// Takes what a mail server delivers into a maildir, until the process ends.
    pub async fn watch(self, maildir: PathBuf, tenants: Vec<TenantId>) {
        let mut looks = tokio::time::interval(LOOKED_AT_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut said, mut failed) = (String::new(), BTreeSet::new());
        loop {
            looks.tick().await;
            let (folder, behind) = (maildir.clone(), failed.clone());
            let Ok(found) = spawn_blocking(move || new_mails(&folder, &behind)).await else { return };
            let error = match found {
                Ok(mails) => self.take_all(mails, &maildir, &tenants, &mut failed).await.err(),
                Err(error) => Some(error),
            };
            let error = error.map(|error| error.to_string()).unwrap_or_default();
            // The same again is not told at every look.
            if !error.is_empty() && error != said {
                warn!(error, "what comes back into the maildir cannot all be taken now");
            }
            said = error;
        }
    }

    /// Takes what can be taken; what cannot keeps nobody back who comes behind it.
    async fn take_all(
        &self, mails: Vec<PathBuf>, maildir: &Path, tenants: &[TenantId], failed: &mut BTreeSet<PathBuf>,
    ) -> io::Result<()> {
        let mut first = Ok(());
        for path in mails {
            match self.take_one(&path, maildir, tenants).await {
                Ok(()) => {
                    failed.remove(&path);
                }
                Err(Failed::Now(error)) => return Err(error),
                Err(Failed::It(error)) => {
                    failed.insert(path);
                    first = first.and(Err(error));
                }
            }
        }
        first
    }

    async fn take_one(&self, path: &Path, maildir: &Path, tenants: &[TenantId]) -> Result<(), Failed> {
        let stopping = |error| Failed::Now(io::Error::other(error));
        let from = path.to_owned();
        let bytes = match spawn_blocking(move || read(&from)).await.map_err(stopping)? {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()), // Somebody has moved it.
            bytes => bytes.map_err(Failed::It)?,
        };
        match self.take(tenants, &bytes).await {
            Ok(became) => info!(became, "a mail came back"),
            // It would be the same at the next look.
            Err(
                error @ (SubmitError::Rejected(_) | SubmitError::Quarantined(_) | SubmitError::FingerprintDiffers),
            ) => {
                warn!(%error, "a mail came back, and what it says is not taken");
            }
            Err(error @ SubmitError::Port(_)) => return Err(Failed::It(io::Error::other(error))),
            Err(error) => return Err(Failed::Now(io::Error::other(error))),
        }
        let (from, target) = (path.to_owned(), maildir.join("cur").join(seen(path)));
        spawn_blocking(move || fs::rename(from, target)).await.map_err(stopping)?.map_err(Failed::It)
    }
}

/// Why a mail was not taken.
enum Failed {
    /// Nothing can be taken now.
    Now(io::Error),
    /// This one cannot.
    It(io::Error),
}

/// The mails that nobody has looked at, the oldest names first; those that failed stand behind.
fn new_mails(maildir: &Path, failed: &BTreeSet<PathBuf>) -> io::Result<Vec<PathBuf>> {
    let mut mails = Vec::new();
    for entry in fs::read_dir(maildir.join("new"))? {
        let entry = entry?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !is_hidden && entry.file_type()?.is_file() {
            mails.push(entry.path());
        }
    }
    mails.sort_unstable_by_key(|path| (failed.contains(path), path.clone()));
    mails.truncate(MAILS_AT_A_LOOK);
    Ok(mails)
}

/// The start of a mail: what is longer returns more than it needs to.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let most = u64::try_from(REPORT_BYTES_MAX).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The name of a mail that was looked at.
fn seen(path: &Path) -> std::ffi::OsString {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    if !name.as_encoded_bytes().windows(3).any(|part| part == b":2,") {
        name.push(":2,S");
    }
    name
}
