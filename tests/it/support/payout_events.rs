//! One of every event of payouts, of what gives the money up, of tasks and of account numbers, for stored
//! formats.

use std::sync::Arc;

use quittance_actors::delivery::Channel;
use quittance_actors::partition::Event;
use quittance_actors::payout::{Destination, Details, Event as P, Source};
use quittance_actors::values::{
    Currency, CustomerId, Date, DeliveryId, Iban, Money, PaymentRequestId, PayoutId, Timestamp, TransferId,
    VirtualIban,
};
use quittance_actors::{customer, transfer};

const AT: Timestamp = Timestamp::from_unix_millis(1_772_443_800_123);

pub fn payout_events() -> Vec<Event> {
    let amount = Money::from_minor(4_200, Currency::EUR);
    let payout = PayoutId::new(AT, 31, 42);
    let on = Date::parse("2026-03-04").unwrap();
    let account = || Destination::Account(Iban::parse("DE89370400440532013000").unwrap());
    let request = PaymentRequestId::new(AT, 8, 42);
    let details = |source, to| Details {
        id: payout,
        source,
        amount,
        creditor: "Erika Mustermann".into(),
        to,
        by: "ana".into(),
        reason: "not ours".into(),
        at: AT,
    };
    let requested =
        |source, to, awaits_approval| P::Requested { details: Arc::new(details(source, to)), awaits_approval };
    let payouts = [
        requested(Source::Transfer(TransferId::new(AT, 5, 42)), account(), true),
        requested(Source::Credit(CustomerId::new(AT, 6, 42)), account(), false),
        requested(
            Source::Request(request),
            Destination::Collected { request, number: 2, connector: "psp".into() },
            false,
        ),
        P::Approved { by: "bob".into() },
        P::Ordered { on },
        P::Rejected { by: "bob".into(), reason: "ask first".into() },
        P::Executed { on },
        P::Failed { reason: "AC04".into(), was_executed: true },
        P::Contradicted { on, before: "AM04".into() },
    ];
    let recall = transfer::Recall { entry: TransferId::new(AT, 9, 42), reason: "AC04".into() };
    let transfers = [
        transfer::Event::GivenBack { payout, by: "ana".into(), reason: "not ours".into() },
        transfer::Event::ReturnFailed { payout, reason: "AC04".into() },
        transfer::Event::Assigned { to: Some("carl".into()), by: "ana".into() },
        transfer::Event::Claimed { claim: transfer::Claim { by: "bob".into(), until: AT } },
        transfer::Event::TaskOverdue { due: AT },
        transfer::Event::RecallReceived(recall.clone()),
        transfer::Event::RecallAsked,
        transfer::Event::Recalled {
            allocations: vec![(PaymentRequestId::new(AT, 8, 42), amount)],
            credit: Money::from_minor(7, Currency::EUR),
            recall,
        },
    ];
    let virtual_iban = VirtualIban::new(Iban::parse("FR1420041010050500013M02606").unwrap());
    let delivery = DeliveryId::new(AT, 3, 42);
    let customers = [
        customer::Event::CreditPaidOut { payout, amount },
        customer::Event::MessageArrived { delivery, channel: Channel::Sms },
        customer::Event::MessageFailed { delivery, channel: Channel::Email, reason: "550".into(), lasting: true },
        customer::Event::ZoneKnown { zone: "Pacific/Auckland".into() },
        customer::Event::DisputeMarked { request: PaymentRequestId::new(AT, 8, 42), disputed: true },
        customer::Event::VirtualIbanGiven { virtual_iban: virtual_iban.clone(), since: Some(on), left: 999 },
        customer::Event::TransferForgotten { transfer: TransferId::new(AT, 5, 42) },
        customer::Event::VirtualIbanReleased { virtual_iban, until: on, free_on: on, reason: "closed".into() },
    ];
    let customers = customers.into_iter().map(Event::Customer);
    payouts
        .into_iter()
        .map(Event::Payout)
        .chain(transfers.into_iter().map(Event::Transfer))
        .chain(customers)
        .collect()
}

/// The name of an event's fixture.
pub fn payout_event_name(event: &P) -> &'static str {
    match event {
        P::Requested { awaits_approval: true, .. } => "payout.requested",
        P::Requested { details, .. } if matches!(details.source, Source::Request(_)) => "payout.requested_of_request",
        P::Requested { .. } => "payout.requested_of_credit",
        P::Approved { .. } => "payout.approved",
        P::Ordered { .. } => "payout.ordered",
        P::Rejected { .. } => "payout.rejected",
        P::Executed { .. } => "payout.executed",
        P::Failed { .. } => "payout.failed",
        P::Contradicted { .. } => "payout.contradicted",
    }
}
