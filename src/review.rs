//! A scenario was changed while the service stood still: what is armed by it is looked at again, request by
//! request, beside the service's other work.

use std::sync::Arc;

use actix::Addr;
use quittance_actors::machine::Tell;
use quittance_actors::partition::{Entity, Origin};
use quittance_actors::payment_request::{Command, Status};
use quittance_actors::policies::Policies;
use quittance_actors::ports::Clock as _;
use quittance_actors::runtime::{Checkpointer, Offer, Priority, Request, Router, SubmitError};
use quittance_actors::values::{CommandId, EntityId, PaymentRequestId, TenantId};
use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::clock::Clocks;
use crate::digest;
use crate::store::{List, Store};

/// Requests looked at side by side.
const PAGE: usize = 500;

/// What a tenant's steps are due by, in one digest: another one means that something has changed.
fn edition(policies: &Policies) -> String {
    let Policies { scenarios, calendar, zone, link_days, .. } = policies;
    let text = format!("{scenarios:?} {calendar:?} {zone:?} {link_days}");
    digest::hex(&digest::sha256(text.as_bytes()))
}

/// What a review needs.
#[derive(Clone)]
pub(crate) struct Review {
    pub router: Arc<Router>,
    pub store: Arc<Store>,
    pub clocks: Arc<Clocks>,
    pub checkpointer: Addr<Checkpointer>,
    /// One review at a time.
    pub turn: Arc<Mutex<()>>,
}

impl Review {
    /// Looks again at what is armed for every tenant whose scenarios are not those of the last start, of which the log
    /// has told so many records beyond the store.
    pub(crate) async fn all(self, replayed: u64) {
        for tenant in self.router.ports().tenants.all() {
            self.of(&tenant, replayed > 0).await;
        }
    }

    /// Looks again at what is armed for a tenant, if its scenarios are not those of the last review. `behind` when the
    /// log tells of more than the store knows.
    pub(crate) async fn of(&self, tenant: &TenantId, behind: bool) {
        let _turn = self.turn.lock().await;
        while let Some(policies) = self.router.ports().tenants.policies(tenant) {
            self.by(tenant, &edition(&policies), behind).await;
            // Another edition may have come into use meanwhile: what was armed by this one is looked at again.
            let now = self.router.ports().tenants.policies(tenant);
            if now.is_none_or(|now| Arc::ptr_eq(&now, &policies)) {
                return;
            }
        }
    }

    async fn by(&self, tenant: &TenantId, edition: &str, behind: bool) {
        if self.store.edition(tenant).is_ok_and(|known| known.as_deref() == Some(edition)) {
            return;
        }
        if behind {
            // What was recorded last is in the lists once it is checkpointed.
            let _ = self.checkpointer.send(Offer).await; // It is tried again anyway.
        }
        match review(&self.router, &self.store, &self.clocks, tenant).await {
            Ok(0) => {}
            Ok(moved) => info!(%tenant, moved, "reminders are planned by the changed scenarios"),
            Err(error) => {
                return warn!(%tenant, %error, "reminders could not all be planned by the changed scenarios: tried again at the next start");
            }
        }
        if let Err(error) = self.store.note_edition(tenant, edition) {
            warn!(%error, "the edition of the scenarios could not be noted");
        }
    }
}

async fn review(
    router: &Arc<Router>, store: &Arc<Store>, clocks: &Arc<Clocks>, tenant: &TenantId,
) -> Result<u64, SubmitError> {
    let (mut before, mut moved) = (None, 0);
    loop {
        let (of, whose) = (Arc::clone(store), tenant.clone());
        let page = tokio::task::spawn_blocking(move || of.page(&whose, List::PaymentRequests, before, PAGE)).await;
        let page = page.map_err(|_| SubmitError::Stopping)??;
        let armed = |entity: &Entity| {
            let state = entity.as_payment_request();
            state.is_some_and(|state| state.status == Status::Open && state.reminders.next.is_some())
        };
        let ids = page.entities.iter().filter(|(_, entity)| armed(entity)).filter_map(|(id, _)| match id {
            EntityId::PaymentRequest(id) => Some(*id),
            _ => None,
        });
        let requests: Vec<Request> = ids.map(|id| asked(clocks, tenant, id)).collect();
        if !requests.is_empty() {
            let answers = router.submit_all(tenant, requests, Priority::Patient).await?;
            for answer in answers {
                match answer {
                    Ok(receipt) => moved += u64::from(receipt.sequence > 0),
                    // One that cannot be looked at keeps nobody else from it: its timer asks again.
                    Err(error @ (SubmitError::Rejected(_) | SubmitError::Quarantined(_))) => {
                        warn!(%tenant, %error, "a request's reminders could not be planned by the changed scenario");
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        before = page.entities.last().map(|(id, _)| *id);
        if !page.has_more {
            return Ok(moved);
        }
    }
}

fn asked(clocks: &Clocks, tenant: &TenantId, id: PaymentRequestId) -> Request {
    let command_id = CommandId::new(clocks.now(tenant), clocks.random(), id.partition());
    let tell = Tell::PaymentRequest(id, Command::ReviewReminders);
    Request { tell, command_id, fingerprint: 0, origin: Origin::System, fired: None }
}
