//! Hands orders to a connector: claimed first, then sent, and what it answers is recorded.
//!
//! ```text
//! ordered ─► claimed (a record) ─► sent with the attempt's id ─► answered │ given up: unknown
//!               └─► not wanted any more: withheld
//! ```
//!
//! An order that was claimed may have left. It is tried again with the same id, which collects once,
//! and only as long as the attempt is wanted; then a person finds out what became of it.

use std::sync::Arc;

use tracing::warn;

use super::intake::derived_from;
use super::trying::{Tried, later};
use super::{Priority, Router, SubmitError};
use crate::delivery::{Delivery, Guard, Ladder, Outcome};
use crate::machine::Tell;
use crate::partition::{Concerned, Origin, Preparation, Rejection, Ticket};
use crate::payment_request::{self, AttemptReport, Command};
use crate::ports::{CollectionAnswer, CollectionOrder};
use crate::rules::{Field, Value};
use crate::values::{AttemptId, Money, PaymentRequestId, TenantId, stable_hash};

/// Tries to hand over orders that wait for one connector.
pub(super) async fn collect(router: Arc<Router>, ladder: Ladder, rows: Vec<Ticket>) -> Vec<(Ticket, Tried)> {
    let clock = Arc::clone(&router.ports().clock);
    let (mut orders, mut claimed, mut tried) = (Vec::new(), Vec::new(), Vec::new());
    // Side by side: many claims are one sync.
    let claim = |row: Ticket| {
        let (router, of) = (Arc::clone(&router), row.clone());
        (row, actix::spawn(async move { prepared(&router, &of).await }))
    };
    let claiming: Vec<_> = rows.into_iter().map(claim).collect();
    for (row, claim) in claiming {
        match claim.await.unwrap_or(Err(SubmitError::Stopping)) {
            Ok(Ok(order)) => {
                orders.push(order);
                claimed.push(row);
            }
            Ok(Err(ended)) => tried.push((row, ended)),
            Err(error) => tried.push((row, Tried::Aside(later(&error, clock.system_now())))),
        }
    }
    if orders.is_empty() {
        return tried;
    }
    let about: Vec<(PaymentRequestId, AttemptId, Option<Money>)> =
        orders.iter().map(|order| (order.request, order.attempt, amount_of(&order.delivery))).collect();
    let mut answers = router.ports().dispatch.collect(orders).await.into_iter();
    for (row, (request, attempt, amount)) in claimed.into_iter().zip(about) {
        let number = row.attempts.saturating_add(1);
        let Some(CollectionAnswer { verdict, result }) = answers.next() else {
            tried.push((row, Tried::Aside(later(&SubmitError::Stopping, clock.system_now()))));
            continue;
        };
        let outcome = ladder.outcome(verdict, number, clock.random(), clock.system_now());
        let told = match (&outcome, result, amount) {
            (_, Some(result), Some(amount)) => {
                report(&router, &row.tenant, request, AttemptReport { attempt, amount, result }).await
            }
            (Outcome::Delivered { .. }, None, _) => {
                submit(&router, &row.tenant, request, Command::AcceptAttempt { attempt }).await
            }
            (Outcome::Dead { error }, ..) => give_up(&router, &row.tenant, (request, attempt), error).await,
            _ => Ok(()),
        };
        tried.push(match told {
            // What was put aside as a bug would be again: a person hears of it.
            Ok(()) | Err(SubmitError::Quarantined(_)) => (row, Tried::Ended(outcome)),
            // What is not recorded is asked for again with the same id.
            Err(error) => (row, Tried::Aside(later(&error, clock.system_now()))),
        });
    }
    tried
}

/// An order that is claimed and may leave, or why it ends here.
async fn prepared(router: &Arc<Router>, row: &Ticket) -> Result<Result<CollectionOrder, Tried>, SubmitError> {
    let (delivery, concerned) = match router.prepare(row.id).await? {
        Preparation::Ready(delivery, concerned) => (*delivery, concerned),
        Preparation::Ended | Preparation::Unheard(_) => {
            return Ok(Err(Tried::Aside(Outcome::Delivered { detail: String::new() })));
        }
        Preparation::Suppressed(reason, guard) => {
            if let Guard::AttemptWanted(request, attempt) = guard {
                give_up(router, &row.tenant, (request, attempt), &reason).await?;
            }
            return Ok(Err(Tried::Ended(Outcome::Suppressed { reason })));
        }
    };
    let Guard::AttemptWanted(request, attempt) = delivery.guard else {
        let error = "it names no attempt".to_owned();
        return Ok(Err(Tried::Ended(Outcome::Dead { error })));
    };
    let whole = concerned.and_then(|Concerned { profile, instrument, .. }| Some((profile, instrument?)));
    let Some((customer, instrument)) = whole else {
        let reason = "the customer has no such card or mandate any more".to_owned();
        give_up(router, &row.tenant, (request, attempt), &reason).await?;
        return Ok(Err(Tried::Ended(Outcome::Suppressed { reason })));
    };
    match claim(router, &row.tenant, request, attempt).await {
        // An order that came too late for its day was made again for another one.
        Ok(()) if !matches!(router.prepare(row.id).await?, Preparation::Ready(..)) => {
            let reason = "too late for its day".to_owned();
            Ok(Err(Tried::Ended(Outcome::Suppressed { reason })))
        }
        Ok(()) => Ok(Ok(CollectionOrder { delivery, request, attempt, customer, instrument })),
        Err(SubmitError::Rejected(rejection)) => {
            let reason = rejection.to_string();
            give_up(router, &row.tenant, (request, attempt), &reason).await?;
            Ok(Err(Tried::Ended(Outcome::Suppressed { reason })))
        }
        Err(error) => Err(error),
    }
}

async fn claim(
    router: &Arc<Router>, tenant: &TenantId, request: PaymentRequestId, attempt: AttemptId,
) -> Result<(), SubmitError> {
    submit(router, tenant, request, Command::ClaimAttempt { attempt }).await
}

async fn give_up(
    router: &Arc<Router>, tenant: &TenantId, (request, attempt): (PaymentRequestId, AttemptId), reason: &str,
) -> Result<(), SubmitError> {
    submit(router, tenant, request, Command::GiveUpAttempt { attempt, reason: reason.into() }).await
}

/// Records how an attempt ended.
async fn report(
    router: &Arc<Router>, tenant: &TenantId, request: PaymentRequestId, report: AttemptReport,
) -> Result<(), SubmitError> {
    let attempt = report.attempt;
    tell(router, tenant, (request, attempt), Command::ReportAttempt(report)).await
}

/// Tells a request what a connector says of an attempt; a contradiction is kept for a person.
pub(super) async fn tell(
    router: &Arc<Router>, tenant: &TenantId, (request, attempt): (PaymentRequestId, AttemptId), command: Command,
) -> Result<(), SubmitError> {
    match submit(router, tenant, request, command).await {
        Err(SubmitError::Rejected(Rejection::PaymentRequest(why @ payment_request::Rejection::AttemptDiffers))) => {
            warn!(%request, %attempt, %why, "a connector contradicts itself");
            Ok(())
        }
        other => other,
    }
}

/// Submits under an id of its own each time: the request knows what it has taken over.
async fn submit(
    router: &Arc<Router>, tenant: &TenantId, request: PaymentRequestId, command: Command,
) -> Result<(), SubmitError> {
    let fresh = router.ports().clock.random().to_string();
    let id = derived_from(&[&request.to_string(), command.name(), &fresh]);
    let tell = Tell::PaymentRequest(request, command);
    let fingerprint = stable_hash(&[&fresh]);
    router.submit(tenant, tell, id, fingerprint, Origin::System, Priority::Patient).await.map(|_| ())
}

fn amount_of(delivery: &Delivery) -> Option<Money> {
    match delivery.event.fact(Field::AttemptAmount)? {
        Value::Money(amount) => Some(*amount),
        _ => None,
    }
}
