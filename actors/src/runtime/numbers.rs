//! Account numbers out of a tenant's pool: fresh ones first, then those that are free again.

use std::sync::Arc;

use super::intake::IntakeError;
use super::{Router, SubmitError};
use crate::account_numbers::{AccountNumbers, AccountRange, Given, Owner};
use crate::limits;
use crate::partition::{DirectoryKey, DirectoryValue, Entity};
use crate::values::{AccountPool, Date, EntityId, IbanError, TenantId, VirtualIban};

/// Numbers before a pool's end of which it is kept who draws them: the walk begins again while they may be under way.
const LAST_DRAWN: u64 = 4_096;

/// A number that somebody asks for: of the range named, or of the first one.
pub async fn number_asked(
    router: &Arc<Router>, tenant: &TenantId, owner: Owner, range: Option<&str>,
) -> Result<Given, IntakeError> {
    let policies = router.ports().tenants.policies(tenant).ok_or(SubmitError::UnknownTenant)?;
    let numbers = policies.account_numbers.as_ref().ok_or(IntakeError::NoRange)?;
    first_of(router, tenant, numbers.asked(owner, range).ok_or_else(|| unknown(numbers, range))?).await
}

fn unknown(numbers: &AccountNumbers, range: Option<&str>) -> IntakeError {
    let known = numbers.ranges.iter().map(|range| range.name.as_str()).collect::<Vec<_>>().join(", ");
    IntakeError::UnknownRange(range.unwrap_or_default().to_owned(), known)
}

/// A number for who is new: of the range named, or of the first one for everybody of the kind, if there is one.
pub(super) async fn number_given(
    router: &Arc<Router>, tenant: &TenantId, owner: Owner, range: Option<&str>,
) -> Result<Option<Given>, IntakeError> {
    if range.is_some() {
        return number_asked(router, tenant, owner, range).await.map(Some);
    }
    let policies = router.ports().tenants.policies(tenant).ok_or(SubmitError::UnknownTenant)?;
    let ranges = policies.account_numbers.as_ref().map(|numbers| numbers.given_to(owner)).unwrap_or_default();
    if ranges.is_empty() { Ok(None) } else { first_of(router, tenant, ranges).await.map(Some) }
}

/// A number of the first range that has one that was never given, or else of the first that has one that is free again.
async fn first_of(router: &Arc<Router>, tenant: &TenantId, ranges: Vec<&AccountRange>) -> Result<Given, IntakeError> {
    for range in &ranges {
        if let Some(given) = fresh_number(router, tenant, &range.pool)? {
            return Ok(given);
        }
    }
    let mut why = IntakeError::NoRange;
    for range in ranges {
        match freed_number(router, tenant, &range.pool).await {
            Err(error @ IntakeError::Pool(_)) => why = error,
            other => return other,
        }
    }
    Err(why)
}

/// A number of the pool that was never given.
fn fresh_number(router: &Arc<Router>, tenant: &TenantId, pool: &AccountPool) -> Result<Option<Given>, IntakeError> {
    let directory = &router.ports().directory;
    // A used-up range is not walked once more for each who is new.
    while directory.drawn_of_pool(tenant, pool) < pool.size() {
        let index = directory.next_pool_index(tenant, pool);
        let Ok(virtual_iban) = pool.at(index) else { break };
        let key = DirectoryKey::VirtualIban(tenant.clone(), virtual_iban.iban().clone());
        if directory.find(&key)?.is_none() {
            let left = pool.size().saturating_sub(index).saturating_sub(1);
            if left < LAST_DRAWN {
                drawn(router, &virtual_iban, None);
            }
            return Ok(Some(Given { virtual_iban, since: None, left }));
        }
    }
    Ok(None)
}

/// A number of a used-up pool that is free again: the walk goes on from the first, each time from where it stopped, and
/// on one day once around at most, since what is free is so from a day on.
async fn freed_number(router: &Arc<Router>, tenant: &TenantId, pool: &AccountPool) -> Result<Given, IntakeError> {
    let directory = &router.ports().directory;
    let owner =
        |number: &VirtualIban| directory.find(&DirectoryKey::VirtualIban(tenant.clone(), number.iban().clone()));
    let policies = router.ports().tenants.policies(tenant).ok_or(SubmitError::UnknownTenant)?;
    let today = router.ports().clock.now(tenant).date_in(&policies.zone);
    for _ in 0..limits::NUMBERS_LOOKED_AT_MAX {
        if !looks(router, tenant, pool, today) {
            break;
        }
        let virtual_iban = pool.at(directory.next_pool_index(tenant, pool) % pool.size())?;
        let before = match owner(&virtual_iban)? {
            Some(DirectoryValue::Customer(before)) => EntityId::Customer(before),
            Some(DirectoryValue::Request(before, _)) => EntityId::PaymentRequest(before),
            // Drawn once and never given, since what it was drawn for was refused.
            None if drawn(router, &virtual_iban, None) => return Ok(Given { virtual_iban, since: None, left: 0 }),
            _ => continue,
        };
        let (_, entity, _) = router.read(before, 0).await?;
        let iban = virtual_iban.iban();
        let is_free = match entity.as_ref() {
            Entity::Customer(state) => state.has_freed(iban, today),
            Entity::PaymentRequest(state) => state.has_freed(iban, today),
            _ => false,
        };
        if is_free && drawn(router, &virtual_iban, Some(today)) {
            return Ok(Given { virtual_iban, since: Some(today), left: 0 });
        }
    }
    Err(IbanError::PoolEmpty(pool.size()).into())
}

/// Marks a number as drawn, for the first time or again on a day; false when another call, which may still be under way,
/// has drawn it.
fn drawn(router: &Arc<Router>, number: &VirtualIban, again: Option<Date>) -> bool {
    let mut drawn = router.drawn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    drawn.insert((number.iban().clone(), again))
}

/// Whether one more number of a pool is looked at on a day.
fn looks(router: &Arc<Router>, tenant: &TenantId, pool: &AccountPool, today: Date) -> bool {
    let mut looked = router.looked.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (day, count) = looked.entry((tenant.clone(), pool.clone())).or_insert((today, 0));
    if *day != today {
        (*day, *count) = (today, 0);
    }
    *count += 1;
    *count <= pool.size()
}
