//! Asks a connector about an attempt that it may have: what became of it, or to leave it.
//!
//! An inquiry is a row of the outbox like any other, which waits longer the older the attempt is, and ends with certain
//! news, with the attempt, or after a fortnight with a person.

use std::sync::Arc;

use super::collection::tell;
use super::trying::{Tried, later};
use super::{Router, SubmitError};
use crate::delivery::{Channel, Delivery, Fault, Guard, Ladder, Outcome, Verdict};
use crate::partition::Ticket;
use crate::payment_request::{AttemptNews, AttemptStatus, Command};
use crate::ports::{AttemptQuestion, AttemptTold};
use crate::values::{AttemptId, EntityId, PaymentRequestId, Timestamp};

/// Longest wait between two inquiries.
const WAIT_MS_MAX: i64 = 24 * 3_600_000;
/// How long an attempt is asked about.
const ASKED_FOR_MS: i64 = 14 * 24 * 3_600_000;

/// Asks once.
pub(super) async fn ask(router: &Arc<Router>, ladder: &Ladder, row: &Ticket, delivery: Delivery) -> Tried {
    let clock = Arc::clone(&router.ports().clock);
    let gone = || Tried::Ended(Outcome::Suppressed { reason: "the attempt has ended".to_owned() });
    let Guard::AttemptInFlight(request, attempt) = delivery.guard else { return gone() };
    let inquires = delivery.channel == Channel::Inquiry;
    let age_ms = clock.now(&row.tenant).unix_millis().saturating_sub(delivery.event.at.unix_millis()).max(0);
    let first_ms = router.ports().dispatch.first_inquiry_ms(&delivery).clamp(0, WAIT_MS_MAX);
    // A test clock stands still while one waits: by it, it is enough to have waited once.
    let by_test_clock = clock.now(&row.tenant).unix_millis().abs_diff(clock.system_now().unix_millis()) > 60_000;
    if inquires && age_ms < first_ms && !(by_test_clock && row.not_before > Timestamp::default()) {
        return waits(clock.system_now().plus_millis(first_ms - age_ms), "it has just left");
    }
    let (may_be_lost, question) = match question(router, (request, attempt), delivery).await {
        Ok(Some(known)) => known,
        Ok(None) => return gone(),
        Err(error) => return Tried::Aside(later(&error, clock.system_now())),
    };
    let told = router.ports().dispatch.ask_of_attempt(question).await.map_err(|verdict| match verdict {
        // An address that is gone may be there again: money waits for the answer.
        Verdict::Never { fault, error } => Verdict::Later { fault, error, retry_after_ms: None },
        other => other,
    });
    let now = clock.system_now();
    let number = row.attempts.saturating_add(1);
    let is_over = age_ms > ASKED_FOR_MS;
    let said = match told {
        Ok(AttemptTold::News(AttemptNews::Missing)) if inquires && !may_be_lost => {
            "it does not know what it had taken".to_owned()
        }
        Ok(AttemptTold::News(news)) => {
            let ended = Outcome::Delivered { detail: word(&news).to_owned() };
            return heard(router, row, (request, attempt, news), ended).await;
        }
        Ok(AttemptTold::UnderWay) if !inquires => {
            return Tried::Ended(Outcome::Delivered { detail: "too late".to_owned() });
        }
        Ok(AttemptTold::UnderWay) => {
            // It has it: it cannot say later that it never had it.
            if may_be_lost {
                let command = Command::HearOfAttempt { attempt, news: AttemptNews::UnderWay };
                if let Err(error) = tell(router, &row.tenant, (request, attempt), command).await {
                    return Tried::Aside(later(&error, now));
                }
            }
            "still under way".to_owned()
        }
        // Nothing is lost when an attempt cannot be called back: what it collects is credit.
        Err(verdict) if !inquires => return Tried::Ended(ladder.outcome(verdict, number, clock.random(), now)),
        Err(verdict) if !is_over => {
            return Tried::Ended(ladder.outcome_without_end(verdict, number, clock.random(), now));
        }
        Err(Verdict::Later { error, .. } | Verdict::Never { error, .. } | Verdict::Declined { error }) => error,
        Err(Verdict::Accepted { detail }) => detail,
    };
    if !is_over {
        let until = now.plus_millis((age_ms / 2).clamp(first_ms.max(1_000), WAIT_MS_MAX));
        return Tried::Answered(Outcome::HeldBack { until, reason: said });
    }
    // Nobody asks any more: a person finds out.
    let news = AttemptNews::Unheard { reason: said.as_str().into() };
    heard(router, row, (request, attempt, news), Outcome::Dead { error: format!("{}: {said}", Fault::Unheard) }).await
}

/// Tells a request, and ends the row as it is to end.
async fn heard(
    router: &Arc<Router>, row: &Ticket, (request, attempt, news): (PaymentRequestId, AttemptId, AttemptNews),
    ended: Outcome,
) -> Tried {
    let command = Command::HearOfAttempt { attempt, news };
    match tell(router, &row.tenant, (request, attempt), command).await {
        Ok(()) => Tried::Ended(ended),
        // What is refused now is refused for ever.
        Err(error @ (SubmitError::Rejected(_) | SubmitError::Quarantined(_))) => {
            Tried::Ended(Outcome::Dead { error: format!("{}: {error}", Fault::Service) })
        }
        Err(error) => Tried::Aside(later(&error, router.ports().clock.system_now())),
    }
}

/// What is asked, and whether the other side may say that it never had it; nothing if it is not one of ours.
async fn question(
    router: &Arc<Router>, (request, attempt): (PaymentRequestId, AttemptId), delivery: Delivery,
) -> Result<Option<(bool, AttemptQuestion)>, SubmitError> {
    let (_, entity, _) = router.read(EntityId::PaymentRequest(request), 0).await?;
    let Some(state) = entity.as_payment_request() else { return Ok(None) };
    let known = state.numbered_attempts().into_iter().find(|(_, id, _)| *id == attempt);
    let Some((Some(number), _, known)) = known else { return Ok(None) };
    let usage = known.usage.as_deref().or(state.collection.as_deref().map(|collection| &collection.usage));
    let Some(instrument) = usage.map(|usage| usage.instrument.clone()) else { return Ok(None) };
    let may_be_lost = known.status == AttemptStatus::Unknown && !known.acknowledged;
    Ok(Some((may_be_lost, AttemptQuestion { delivery, request, attempt, number, instrument })))
}

fn waits(until: Timestamp, reason: &str) -> Tried {
    Tried::Ended(Outcome::HeldBack { until, reason: reason.to_owned() })
}

fn word(news: &AttemptNews) -> &'static str {
    match news {
        AttemptNews::Ended(_) => "it has ended",
        AttemptNews::Missing => "it was never there",
        AttemptNews::Cancelled => "it is cancelled",
        AttemptNews::UnderWay => "it is under way",
        AttemptNews::Unheard { .. } => "nothing was heard",
    }
}
