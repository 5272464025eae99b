//! Hands payouts to a connector, which writes each into exactly one order, and takes over what banks say
//! of them.

use std::sync::Arc;

use smol_str::SmolStr;
use tracing::warn;

use super::intake::{BankEntry, derived_from};
use super::trying::{Tried, later};
use super::{Priority, Router, SubmitError};
use crate::delivery::{Ladder, Outcome, Verdict};
use crate::machine::Tell;
use crate::partition::{Origin, Preparation, Receipt, Rejection, Ticket};
use crate::payout::{self, Command, Destination, Payout, Status, payout_named};
use crate::ports::{PayoutAnswer, PayoutOrder};
use crate::transfer::Nature;
use crate::values::{CommandId, EntityId, Money, PayoutId, TenantId, stable_hash};

/// Tries to hand over payouts that wait for one connector.
pub(super) async fn pay_out(router: Arc<Router>, ladder: Ladder, rows: Vec<Ticket>) -> Vec<(Ticket, Tried)> {
    let clock = Arc::clone(&router.ports().clock);
    let (mut orders, mut ready, mut tried) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        match prepared(&router, &row).await {
            Ok(Ok(order)) => {
                orders.push(order);
                ready.push(row);
            }
            Ok(Err(ended)) => tried.push((row, ended)),
            Err(error) => tried.push((row, Tried::Aside(later(&error, clock.system_now())))),
        }
    }
    if orders.is_empty() {
        return tried;
    }
    let ids: Vec<PayoutId> = orders.iter().map(|order| order.details.id).collect();
    let mut answers = router.ports().dispatch.pay_out(orders).await.into_iter();
    for (row, id) in ready.into_iter().zip(ids) {
        let number = row.attempts.saturating_add(1);
        let Some(PayoutAnswer { verdict, paid }) = answers.next() else {
            tried.push((row, Tried::Aside(later(&SubmitError::Stopping, clock.system_now()))));
            continue;
        };
        // What a bank would refuse is not ordered: the money is where it was.
        let told = match &verdict {
            Verdict::Never { error, .. } => {
                let command = derived_from(&[&id.to_string(), "never ordered"]);
                let fail = Command::Refuse { reason: SmolStr::new(error) };
                submit(&router, &row.tenant, id, fail, command, Origin::System).await.map(drop)
            }
            Verdict::Accepted { .. } if paid => {
                let policies = router.ports().tenants.policies(&row.tenant);
                let on = policies.map(|known| clock.now(&row.tenant).date_in(&known.zone));
                let command = derived_from(&[&id.to_string(), "paid at once"]);
                match on {
                    Some(on) => {
                        let execute = Command::Execute { on };
                        submit(&router, &row.tenant, id, execute, command, Origin::System).await.map(drop)
                    }
                    None => Err(SubmitError::UnknownTenant),
                }
            }
            _ => Ok(()),
        };
        tried.push(match told {
            Ok(()) => {
                let outcome = ladder.outcome_without_end(verdict, number, clock.random(), clock.system_now());
                (row, Tried::Ended(outcome))
            }
            Err(error) => (row, Tried::Aside(later(&error, clock.system_now()))),
        });
    }
    tried
}

/// A payout that may leave, or how its delivery ends here.
async fn prepared(router: &Arc<Router>, row: &Ticket) -> Result<Result<PayoutOrder, Tried>, SubmitError> {
    let delivery = match router.prepare(row.id).await? {
        Preparation::Ready(delivery, _) => *delivery,
        Preparation::Ended | Preparation::Unheard(_) => {
            return Ok(Err(Tried::Aside(Outcome::Delivered { detail: String::new() })));
        }
        Preparation::Suppressed(reason, _) => return Ok(Err(Tried::Ended(Outcome::Suppressed { reason }))),
    };
    let (_, entity, _) = router.read(delivery.event.entity, 0).await?;
    // What was made, as a bank, a provider or a person has told, is not asked for again.
    if entity.as_payout().is_some_and(|state: &Payout| state.status == Status::Executed) {
        return Ok(Err(Tried::Ended(Outcome::Delivered { detail: "it is made already".to_owned() })));
    }
    let whole = entity.as_payout().and_then(|state: &Payout| {
        Some((state.details.clone()?, state.on?)).filter(|_| state.status == Status::Ordered)
    });
    Ok(match whole {
        Some((details, on)) => Ok(PayoutOrder { delivery, details, on }),
        None => Err(Tried::Ended(Outcome::Suppressed { reason: "it is not ordered any more".to_owned() })),
    })
}

async fn submit(
    router: &Arc<Router>, tenant: &TenantId, id: PayoutId, command: Command, command_id: CommandId, origin: Origin,
) -> Result<Option<Receipt>, SubmitError> {
    let fingerprint = stable_hash(&[command.name(), &id.to_string()]);
    match router.submit(tenant, Tell::Payout(id, command), command_id, fingerprint, origin, Priority::Patient).await {
        Ok(receipt) => Ok(Some(receipt)),
        // Of another, or it has ended otherwise: what was recorded first stays.
        Err(SubmitError::Rejected(Rejection::Payout(_))) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A payout of ours that a bank refuses or sends back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayoutReturned {
    /// Which.
    pub payout: PayoutId,
    /// The reason code.
    pub reason_code: SmolStr,
    /// What came back, if it is said.
    pub amount: Option<Money>,
}

/// Takes over that a bank refuses a payout or that it came back; `None` when nothing here is concerned.
pub(super) async fn admit_failed(
    router: &Arc<Router>, tenant: &TenantId, row: &PayoutReturned, command: CommandId, origin: Origin,
) -> Result<Option<Receipt>, SubmitError> {
    if !is_of(router, tenant, row.payout).await? {
        return Ok(None);
    }
    let (_, entity, _) = router.read(EntityId::Payout(row.payout), 0).await?;
    let details = entity.as_payout().and_then(|state| state.details.as_ref());
    // No bank was asked to give back to a card.
    if details.is_some_and(|details| matches!(details.to, Destination::Collected { .. })) {
        return Ok(None);
    }
    let paid = details.map(|details| details.amount);
    if let (Some(came), Some(paid)) = (row.amount, paid)
        && came != paid
    {
        return Err(SubmitError::Rejected(Rejection::Payout(payout::Rejection::OtherAmount { came, paid })));
    }
    submit(router, tenant, row.payout, Command::Fail { reason: row.reason_code.clone() }, command, origin).await
}

/// What an entry says of payouts of ours.
pub(super) struct PaidOut {
    ids: Vec<PayoutId>,
    entry_key: String,
    amount: Money,
    says: Command,
}

impl PaidOut {
    /// The payouts that an entry books, one by one or as a batch, or has come back.
    pub(super) fn of(entry: &BankEntry) -> Option<Self> {
        let details = &entry.details;
        let named = details.end_to_end_id.as_ref().and_then(|id| payout_named(id.as_str()));
        let ids = named.map_or_else(|| entry.paid_out.clone(), |id| vec![id]);
        let says = match entry.particulars.nature {
            Nature::PaidOut => Command::Execute { on: details.booked_on },
            // Many banks book what came back as any other credit, or as a correction.
            Nature::Returned | Nature::Received | Nature::Reversed => {
                let reason = entry.particulars.returned.as_ref().map(|reason| reason.code.clone());
                let reason = reason.filter(|code| !code.is_empty()).unwrap_or_else(|| "it came back".into());
                Command::Fail { reason }
            }
        };
        let (entry_key, amount) = (details.entry_key.clone(), details.amount);
        (!ids.is_empty()).then_some(Self { ids, entry_key, amount, says })
    }
}

/// The payouts that an entry is the money of, to the cent: whoever copies an id has moved another amount. A bank
/// books a batch as it was ordered, or without what was refused before.
pub(super) async fn concerned(
    router: &Arc<Router>, tenant: &TenantId, paid_out: &PaidOut,
) -> Result<Vec<PayoutId>, SubmitError> {
    let PaidOut { ids, amount, .. } = paid_out;
    let mut known = Vec::with_capacity(ids.len());
    for id in ids {
        let (_, entity, _) = router.read(EntityId::Payout(*id), 0).await?;
        let state = entity.as_payout();
        let details = state.and_then(|state| Some((state.details.clone()?, state.status)));
        let details = details.filter(|(details, _)| matches!(details.to, Destination::Account(_)));
        if let Some((details, status)) = details.filter(|(details, _)| details.amount.currency() == amount.currency())
            && is_of(router, tenant, *id).await?
        {
            known.push((*id, details.amount.minor(), status));
        }
    }
    let standing = |status: &Status| !matches!(status, Status::Failed | Status::Rejected);
    let sum = |counts: &dyn Fn(&Status) -> bool| -> i64 {
        known.iter().filter(|(.., status)| counts(status)).map(|(_, minor, _)| *minor).sum()
    };
    let whole = sum(&|_| true) == amount.minor();
    if !whole && sum(&standing) != amount.minor() {
        if !known.is_empty() {
            warn!(%tenant, payouts = known.len(), "an entry names payouts and is not their money: a person looks");
        }
        return Ok(Vec::new());
    }
    Ok(known.iter().filter(|(.., status)| whole || standing(status)).map(|(id, ..)| *id).collect())
}

/// Takes over what an entry says of payouts that it is the money of.
pub(super) async fn admit_booked(
    router: &Arc<Router>, tenant: &TenantId, paid_out: &PaidOut, ids: &[PayoutId],
) -> Result<(), SubmitError> {
    let PaidOut { entry_key, says, .. } = paid_out;
    for id in ids {
        let command = derived_from(&[entry_key, &id.to_string(), says.name()]);
        submit(router, tenant, *id, says.clone(), command, Origin::System).await?;
    }
    Ok(())
}

/// Whether a payout is the tenant's: ids can be copied.
async fn is_of(router: &Arc<Router>, tenant: &TenantId, id: PayoutId) -> Result<bool, SubmitError> {
    let (_, _, newest) = router.read(EntityId::Payout(id), 1).await?;
    Ok(newest.iter().all(|event| event.tenant == *tenant) && !newest.is_empty())
}
