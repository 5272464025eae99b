//! Account numbers out of a tenant's pool: fresh ones first, then those that are free again.

use std::sync::Arc;

use super::intake::IntakeError;
use super::{Router, SubmitError};
use crate::account_numbers::Given;
use crate::limits;
use crate::partition::{DirectoryKey, DirectoryValue, Entity};
use crate::values::{AccountPool, EntityId, IbanError, TenantId, VirtualIban};

/// Numbers before a pool's end of which it is kept who draws them: the walk begins again while they may be under way.
const LAST_DRAWN: u64 = 4_096;

/// A number of the pool that was never given, or else one that is free again.
pub async fn next_number(router: &Arc<Router>, tenant: &TenantId, pool: &AccountPool) -> Result<Given, IntakeError> {
    let directory = &router.ports().directory;
    let owner =
        |number: &VirtualIban| directory.find(&DirectoryKey::VirtualIban(tenant.clone(), number.iban().clone()));
    loop {
        let index = directory.next_pool_index(tenant);
        let Ok(virtual_iban) = pool.at(index) else { break };
        if owner(&virtual_iban)?.is_none() {
            let left = pool.size().saturating_sub(index).saturating_sub(1);
            if left < LAST_DRAWN {
                drawn(router, &virtual_iban, false);
            }
            return Ok(Given { virtual_iban, since: None, left });
        }
    }
    // Every number was given once: the walk goes on from the first, each time from where it stopped.
    let policies = router.ports().tenants.policies(tenant).ok_or(SubmitError::UnknownTenant)?;
    let today = router.ports().clock.now(tenant).date_in(&policies.zone);
    for _ in 0..limits::NUMBERS_LOOKED_AT_MAX {
        let virtual_iban = pool.at(directory.next_pool_index(tenant) % pool.size())?;
        let before = match owner(&virtual_iban)? {
            Some(DirectoryValue::Customer(before)) => EntityId::Customer(before),
            Some(DirectoryValue::Request(before, _)) => EntityId::PaymentRequest(before),
            // Drawn once and never given, since what it was drawn for was refused.
            None if drawn(router, &virtual_iban, false) => return Ok(Given { virtual_iban, since: None, left: 0 }),
            _ => continue,
        };
        let (_, entity, _) = router.read(before, 0).await?;
        let iban = virtual_iban.iban();
        let is_free = match entity.as_ref() {
            Entity::Customer(state) => state.has_freed(iban, today),
            Entity::PaymentRequest(state) => state.has_freed(iban, today),
            _ => false,
        };
        if is_free && drawn(router, &virtual_iban, true) {
            return Ok(Given { virtual_iban, since: Some(today), left: 0 });
        }
    }
    Err(IbanError::PoolEmpty(pool.size()).into())
}

/// Marks a number as drawn, for the first time or again; false when another call, which may still be under way, has
/// drawn it.
fn drawn(router: &Arc<Router>, number: &VirtualIban, again: bool) -> bool {
    let mut drawn = router.drawn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    drawn.insert((number.iban().clone(), again))
}
