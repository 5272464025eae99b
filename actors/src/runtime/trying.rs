//! One try of what a lane holds, from the last look whether it is still wanted to the record of how it ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::health::way_of;
use super::inquiry;
use super::intake::derived_from;
use super::{Priority, Router, SubmitError, conclude_decision};
use crate::customer;
use crate::delivery::{Channel, Delivery, Fault, Ladder, Outcome, Recipient, Verdict};
use crate::machine::Tell;
use crate::partition::{Origin, Preparation, Ticket, TriedDelivery};
use crate::ports::Prepared;
use crate::values::{DeliveryId, EntityId, TenantId, Timestamp};

/// Why a message is given up that may have left when the process ended.
const UNHEARD: &str = "it may have left when the service stopped, and is not sent again without a person";

/// How a try ended, before it is recorded.
pub(super) enum Tried {
    /// To be recorded.
    Ended(Outcome),
    /// To be recorded; the other side wants nothing more for now.
    Declined(Outcome),
    /// To be recorded; the other side did well, and there is more to ask.
    Answered(Outcome),
    /// Recorded before, or not tried at all: only the lane is concerned.
    Aside(Outcome),
}

/// One try of what was prepared.
pub(super) async fn attempt(
    router: Arc<Router>, ladder: Ladder, row: Ticket, preparation: Result<Preparation, SubmitError>,
) -> (Ticket, Tried) {
    let number = row.attempts.saturating_add(1);
    let clock = Arc::clone(&router.ports().clock);
    let tried = match preparation {
        Ok(Preparation::Suppressed(reason, _)) => Tried::Ended(Outcome::Suppressed { reason }),
        Ok(Preparation::Unheard(_)) => {
            Tried::Ended(Outcome::Dead { error: format!("{}: {UNHEARD}", Fault::Unheard) })
        }
        // Another try of it has been recorded meanwhile.
        Ok(Preparation::Ended) => Tried::Aside(Outcome::Delivered { detail: String::new() }),
        Ok(Preparation::Ready(delivery, _)) if delivery.channel == Channel::Partition => {
            let verdict = ask_customer(&router, &delivery).await;
            // Money waits for the answer: it is never given up.
            Tried::Ended(ladder.outcome_without_end(verdict, number, clock.random(), clock.system_now()))
        }
        Ok(Preparation::Ready(delivery, _))
            if matches!(delivery.channel, Channel::Inquiry | Channel::Cancellation) =>
        {
            inquiry::ask(&router, &ladder, &row, *delivery).await
        }
        Ok(Preparation::Ready(delivery, concerned)) => {
            let (mut customer, mut zone, mut virtual_iban, mut open) = (None, None, None, Vec::new());
            if let Some(concerned) = concerned {
                customer = Some(concerned.profile);
                (zone, virtual_iban, open) = (concerned.zone, concerned.virtual_iban, concerned.open);
            }
            let prepared = Prepared { delivery: *delivery, attempt: number, customer, zone, virtual_iban, open };
            // Before it is claimed: what only waits is not about to leave.
            if let Some((until, reason)) = router.ports().dispatch.holds_back(&prepared) {
                return (row, Tried::Ended(Outcome::HeldBack { until, reason }));
            }
            let delivery = &prepared.delivery;
            if delivery.channel.arrives_twice() {
                match claim(&router, &row).await {
                    Ok(None) => {}
                    Ok(Some(reason)) => return (row, Tried::Ended(Outcome::Suppressed { reason })),
                    Err(error) => return (row, Tried::Aside(later(&error, clock.system_now()))),
                }
            }
            let about = (delivery.recipient.clone(), delivery.channel);
            let verdict = router.ports().dispatch.send(prepared).await;
            if let Err(error) = tell_unreachable(&router, &row.tenant, (row.id, about), &verdict).await {
                return (row, Tried::Aside(later(&error, clock.system_now())));
            }
            let declined = matches!(verdict, Verdict::Declined { .. });
            let outcome = ladder.outcome(verdict, number, clock.random(), clock.system_now());
            if declined { Tried::Declined(outcome) } else { Tried::Ended(outcome) }
        }
        Err(error) => Tried::Aside(later(&error, clock.system_now())),
    };
    (row, tried)
}

/// Whoever takes messages says at once that nobody is at a customer's address: the customer hears of it as it hears of
/// a message that comes back, before the try is recorded; the same again changes nothing.
async fn tell_unreachable(
    router: &Arc<Router>, tenant: &TenantId, (delivery, about): (DeliveryId, (Recipient, Channel)), verdict: &Verdict,
) -> Result<(), SubmitError> {
    let Verdict::Never { fault: Fault::Unreachable, error } = verdict else { return Ok(()) };
    let (Recipient::Customer(customer), channel) = about else { return Ok(()) };
    let report = customer::Report::Failed { reason: error.as_str().into(), lasting: true };
    let command = derived_from(&[&delivery.to_string(), "unreachable"]);
    let tell = Tell::Customer(customer, customer::Command::TakeReport { delivery, channel, report });
    match router.submit(tenant, tell, command, 0, Origin::System, Priority::Patient).await {
        Ok(_) | Err(SubmitError::Rejected(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Records that a try begins, before it does; gives why it must not after all, if something came in between.
async fn claim(router: &Arc<Router>, row: &Ticket) -> Result<Option<String>, SubmitError> {
    router.record_outcomes(&row.tenant, vec![TriedDelivery { id: row.id, outcome: Outcome::Claimed }]).await?;
    Ok(match router.prepare(row.id).await? {
        Preparation::Unheard(unwanted) => unwanted,
        _ => Some("it has ended meanwhile".to_owned()),
    })
}

/// A decision about a transfer that its customer has not answered.
async fn ask_customer(router: &Arc<Router>, delivery: &Delivery) -> Verdict {
    let EntityId::Transfer(id) = delivery.event.entity else {
        return Verdict::Accepted { detail: "nothing was decided".to_owned() };
    };
    match conclude_decision(router, &delivery.tenant, id).await {
        Ok(()) => Verdict::Accepted { detail: "answered".to_owned() },
        Err(error) => Verdict::Later { fault: Fault::Service, error: error.to_string(), retry_after_ms: None },
    }
}

pub(super) async fn export(router: Arc<Router>, ladder: Ladder, rows: Vec<Ticket>) -> Vec<(Ticket, Tried)> {
    let clock = Arc::clone(&router.ports().clock);
    let (mut deliveries, mut ready, mut tried) = (Vec::new(), Vec::new(), Vec::new());
    let ids: Vec<DeliveryId> = rows.iter().map(|row| row.id).collect();
    for (row, prepared) in rows.into_iter().zip(router.prepare_all(&ids).await) {
        match prepared {
            Ok(Preparation::Ready(delivery, _)) => {
                deliveries.push(*delivery);
                ready.push(row);
            }
            Ok(Preparation::Ended | Preparation::Unheard(_)) => {
                tried.push((row, Tried::Aside(Outcome::Delivered { detail: String::new() })));
            }
            Ok(Preparation::Suppressed(reason, _)) => tried.push((row, Tried::Ended(Outcome::Suppressed { reason }))),
            Err(error) => tried.push((row, Tried::Aside(later(&error, clock.system_now())))),
        }
    }
    if deliveries.is_empty() {
        return tried;
    }
    let verdict = match router.ports().dispatch.write_together(deliveries).await {
        // A full or unwritable directory is repaired by a person: statuses are never given up.
        Verdict::Never { fault, error } | Verdict::Later { fault, error, .. } => {
            Verdict::Later { fault, error, retry_after_ms: None }
        }
        Verdict::Declined { error } => Verdict::Later { fault: Fault::Declined, error, retry_after_ms: None },
        accepted @ Verdict::Accepted { .. } => accepted,
    };
    for row in ready {
        let number = row.attempts.saturating_add(1);
        let outcome = ladder.outcome_without_end(verdict.clone(), number, clock.random(), clock.system_now());
        tried.push((row, Tried::Ended(outcome)));
    }
    tried
}

/// Records how tries ended. What could not be recorded is tried again later, with the same id.
pub(super) async fn record_all(router: &Arc<Router>, tried: Vec<(Ticket, Tried)>) -> Vec<(Ticket, Outcome, bool)> {
    let mut by_tenant: BTreeMap<TenantId, Vec<TriedDelivery>> = BTreeMap::new();
    for (row, tried) in &tried {
        if let Tried::Ended(outcome) | Tried::Declined(outcome) | Tried::Answered(outcome) = tried {
            count(router, row, outcome);
            let tries = by_tenant.entry(row.tenant.clone()).or_default();
            tries.push(TriedDelivery { id: row.id, outcome: outcome.clone() });
        }
    }
    let mut failed: BTreeMap<TenantId, SubmitError> = BTreeMap::new();
    for (tenant, tries) in by_tenant {
        if let Err(error) = router.record_outcomes(&tenant, tries).await {
            failed.insert(tenant, error);
        }
    }
    let now = router.ports().clock.system_now();
    let settled = tried.into_iter().map(|(row, tried)| match (tried, failed.get(&row.tenant)) {
        (Tried::Ended(_) | Tried::Declined(_) | Tried::Answered(_), Some(error)) => (row, later(error, now), false),
        (Tried::Ended(outcome) | Tried::Declined(outcome) | Tried::Answered(outcome), None) => (row, outcome, true),
        (Tried::Aside(outcome), _) => (row, outcome, false),
    });
    settled.collect()
}

fn count(router: &Arc<Router>, row: &Ticket, outcome: &Outcome) {
    let kind = match outcome {
        Outcome::Delivered { .. } => "delivered",
        Outcome::RetryAt { .. } => "retry",
        Outcome::Dead { .. } => "dead",
        Outcome::Suppressed { .. } => "suppressed",
        Outcome::Claimed => "claimed",
        Outcome::HeldBack { .. } => "held_back",
    };
    let (channel, _) = way_of(&row.route);
    let labels = BTreeMap::from([("channel", channel.to_owned()), ("outcome", kind.to_owned())]);
    router.ports().observer.count("quittance_deliveries_total", labels);
}

pub(super) fn later(error: &SubmitError, now: Timestamp) -> Outcome {
    Outcome::RetryAt { at: now.plus_millis(1_000), error: format!("{}: {error}", Fault::Service) }
}
