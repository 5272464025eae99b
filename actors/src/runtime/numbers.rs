//! Account numbers out of a tenant's pool: fresh ones first, then those that are free again.

use std::sync::Arc;

use super::intake::IntakeError;
use super::{Router, SubmitError};
use crate::customer::Given;
use crate::limits;
use crate::partition::{DirectoryKey, DirectoryValue};
use crate::values::{EntityId, FrenchPool, IbanError, TenantId, VirtualIban};

/// A number of the pool that was never given, or else one that is free again.
pub async fn next_number(router: &Arc<Router>, tenant: &TenantId, pool: &FrenchPool) -> Result<Given, IntakeError> {
    let directory = &router.ports().directory;
    let owner =
        |number: &VirtualIban| directory.find(&DirectoryKey::VirtualIban(tenant.clone(), number.iban().clone()));
    loop {
        let index = directory.next_pool_index(tenant);
        let Ok(virtual_iban) = pool.at(index) else { break };
        if owner(&virtual_iban)?.is_none() {
            let left = pool.size().saturating_sub(index).saturating_sub(1);
            return Ok(Given { virtual_iban, since: None, left });
        }
    }
    // Every number was given once: the walk goes on from the first, each time from where it stopped.
    let policies = router.ports().tenants.policies(tenant).ok_or(SubmitError::UnknownTenant)?;
    let today = router.ports().clock.now(tenant).date_in(&policies.zone);
    for _ in 0..limits::NUMBERS_LOOKED_AT_MAX {
        let virtual_iban = pool.at(directory.next_pool_index(tenant) % pool.size())?;
        let Some(DirectoryValue::Customer(before)) = owner(&virtual_iban)? else { continue };
        let (_, entity, _) = router.read(EntityId::Customer(before), 0).await?;
        let mut given_again = router.given_again.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Another call may have looked at it in the same moment.
        if entity.as_customer().is_some_and(|state| state.has_freed(virtual_iban.iban(), today))
            && given_again.insert(virtual_iban.iban().clone())
        {
            return Ok(Given { virtual_iban, since: Some(today), left: 0 });
        }
    }
    Err(IbanError::PoolEmpty(pool.size()).into())
}
