//! Carries a person's decision about a transfer to its customer, in whichever lane that lives.
//!
//! ```text
//! transfer: Decided ─► customer: placed, or why not ─► transfer: concluded
//! ```
//!
//! The decision is recorded first and waits in the outbox until it is concluded, so it survives
//! the process. Whoever carries it out, and however often, does it once: the customer is asked
//! under an id that the decision's number gives.

use std::sync::Arc;

use super::intake::derived_from;
use super::{Priority, Router, SubmitError};
use crate::machine::Tell;
use crate::partition::Origin;
use crate::transfer::{self, Pending, Transfer};
use crate::values::{CommandId, EntityId, TenantId, TransferId};

/// Asks the customer about the decision that is under way, and concludes it; nothing when there
/// is none.
pub async fn conclude_decision(router: &Arc<Router>, tenant: &TenantId, id: TransferId) -> Result<(), SubmitError> {
    // One at a time: who asks second must see what the first has concluded.
    let _turn = router.decisions.lock().await;
    // The parts of a transfer that is divided are asked one after the other.
    while conclude_next(router, tenant, id).await? {}
    Ok(())
}

/// Asks the next one; false when nobody is left to ask.
async fn conclude_next(router: &Arc<Router>, tenant: &TenantId, id: TransferId) -> Result<bool, SubmitError> {
    let (_, entity, _) = router.read(EntityId::Transfer(id), 0).await?;
    let Some((number, asked)) = entity.as_transfer().and_then(Transfer::asks) else { return Ok(false) };
    let command = |part: &str| -> CommandId { derived_from(&[&id.to_string(), &number.to_string(), part]) };
    let fingerprint = u64::from(number);
    let answer = router.submit(tenant, asked, command("ask"), fingerprint, Origin::Api, Priority::Patient).await;
    let refused = match answer {
        Ok(_) => None,
        Err(SubmitError::Rejected(rejection)) => Some(rejection.to_string()),
        // It was put aside as a bug and would be again: a person hears of it.
        Err(SubmitError::Quarantined(bug)) => Some(bug),
        Err(error) => return Err(error),
    };
    let again =
        refused.clone().filter(|_| entity.as_transfer().is_some_and(|state| state.pending == Some(Pending::Divide)));
    let conclude = Tell::Transfer(id, transfer::Command::Conclude { number, refused });
    router.submit(tenant, conclude, command("conclude"), fingerprint, Origin::Api, Priority::Patient).await?;
    match again {
        // Its money is nowhere else: a later try asks it again.
        Some(why) => Err(SubmitError::Quarantined(why)),
        None => Ok(true),
    }
}
