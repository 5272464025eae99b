//! One of every event of plans, and of what joins them, for stored formats.

use std::sync::Arc;

use quittance_actors::collection::Instrument;
use quittance_actors::partition::Event;
use quittance_actors::payment_request::Membership;
use quittance_actors::plan::{Event as P, Interval, Kind, OnExhausted, Standing, SuspendedBy, Terms};
use quittance_actors::values::{Currency, CustomerId, Date, Money, PaymentRequestId, PlanId, Timestamp};
use quittance_actors::{customer, payment_request};

const AT: Timestamp = Timestamp::from_unix_millis(1_772_443_800_123);

pub fn plan_events() -> Vec<Event> {
    let euros = |minor| Money::from_minor(minor, Currency::EUR);
    let (plan, request) = (PlanId::new(AT, 41, 42), PaymentRequestId::new(AT, 8, 42));
    let on = Date::parse("2026-03-31").unwrap();
    let terms = Terms {
        id: plan,
        customer: CustomerId::new(AT, 6, 42),
        external_ref: "P-1".into(),
        description: "Kitchen".into(),
        kind: Kind::Instalments,
        deposit: Some((euros(20_000), on)),
        first: euros(27_668),
        each: euros(26_666),
        cycles: Some(3),
        every: Interval::Months(1),
        starts_on: on,
        ahead_days: 7,
        collect_from: Some(Instrument::Card("tok_1".into())),
        policy: Some("standard".into()),
        scenario: Some("standard".into()),
        on_exhausted: OnExhausted::Ask,
        created_at: AT,
    };
    let (number, generation) = (2, 5);
    let reason = || "51 after 3 new attempts".into();
    let plans = [
        P::Created { terms: Arc::new(terms.clone()) },
        P::Activated,
        P::CyclePlanned { number, slot: 1, due_on: on, at: AT, generation },
        P::CycleAsked { number, due_on: on, amount: euros(26_666), request },
        P::CycleTaken { number, request },
        P::CycleRefused { number, reason: reason() },
        P::CycleStood { number, request, standing: Standing::Exhausted },
        P::PastDue { number, reason: reason() },
        P::Recovered { number },
        P::CollectionHeld { number, reason: reason() },
        P::Questioned { number, reason: reason() },
        P::Paused { reason: "holidays".into(), until: Some(on), generation },
        P::Resumed { slot: 3, generation },
        P::Suspended { reason: reason(), by: SuspendedBy::Customer, generation },
        P::Cancelled { reason: "the payer left".into(), generation },
        P::Completed,
        P::Cleared,
        P::Changed { terms: Arc::new(Terms { every: Interval::Days(14), deposit: None, ..terms }) },
    ];
    let joined = payment_request::Event::PlanJoined { membership: Membership { plan, number } };
    let others = [
        Event::PaymentRequest(joined),
        Event::Customer(customer::Event::PlanOpened { plan, card: Some("tok_1".into()) }),
        Event::Customer(customer::Event::PlanClosed { plan }),
    ];
    plans.into_iter().map(Event::Plan).chain(others).collect()
}

/// The name of an event's fixture.
pub fn plan_event_name(event: &P) -> &'static str {
    match event {
        P::Created { .. } => "plan.created",
        P::Activated => "plan.activated",
        P::CyclePlanned { .. } => "plan.cycle_planned",
        P::CycleAsked { .. } => "plan.cycle_asked",
        P::CycleTaken { .. } => "plan.cycle_taken",
        P::CycleRefused { .. } => "plan.cycle_refused",
        P::CycleStood { .. } => "plan.cycle_stood",
        P::PastDue { .. } => "plan.past_due",
        P::Recovered { .. } => "plan.recovered",
        P::CollectionHeld { .. } => "plan.collection_held",
        P::Questioned { .. } => "plan.questioned",
        P::Paused { .. } => "plan.paused",
        P::Resumed { .. } => "plan.resumed",
        P::Suspended { .. } => "plan.suspended",
        P::Cancelled { .. } => "plan.cancelled",
        P::Completed => "plan.completed",
        P::Cleared => "plan.cleared",
        P::Changed { .. } => "plan.changed",
    }
}
