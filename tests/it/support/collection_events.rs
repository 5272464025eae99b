//! One of every event of collections, promises, disputes and holds, for the fixtures of stored bytes.

use quittance_actors::collection::{CardScheme, Hold, Instrument, Mandate, MandateKind, Paydays, Usage};
use quittance_actors::customer;
use quittance_actors::delivery::Channel;
use quittance_actors::partition::Event;
use quittance_actors::payment_request;
use quittance_actors::values::{
    AttemptId, Currency, CustomerId, Date, Iban, Money, PaymentRequestId, Timestamp, TransferId, VirtualIban,
};

const AT: Timestamp = Timestamp::from_unix_millis(1_772_438_400_123);

pub fn collection_events(request: PaymentRequestId) -> Vec<Event> {
    use customer::Event as C;
    use payment_request::Event as P;
    let day = |text: &str| Date::parse(text).unwrap();
    let attempt = AttemptId::new(AT, 77, 42);
    let amount = Money::from_minor(12_000, Currency::EUR);
    let mandate = Mandate {
        kind: MandateKind::B2bOneOff,
        iban: Iban::parse("DE89370400440532013000").unwrap(),
        bic: Some("COBADEFFXXX".into()),
        signed_on: day("2026-01-10"),
        notice_days: 2,
    };
    let instrument = Instrument::Mandate("RUM-1".into());
    let usage = Usage { instrument: instrument.clone(), notice_days: 2, bank_country: "DE".into() };
    let requests = [
        P::WrittenOff { amount, reason: "a small difference".into() },
        P::WriteOffReversed { amount, reason: "ana: wrong".into() },
        P::ZoneKnown { zone: "Pacific/Auckland".into() },
        P::StepPlanned { step: 2, name: "late".into(), due: AT, generation: 9 },
        P::OrderJoined { order: "PO-2026-0441".into(), customer: CustomerId::new(AT, 6, 42) },
        P::ReferenceGiven { reference: "090933755493".into(), customer: CustomerId::new(AT, 6, 42) },
        P::CollectionAgreed { usage, policy: "standard".into() },
        P::AttemptPlanned {
            number: 2,
            due: AT,
            collects_on: day("2026-03-10"),
            generation: 3,
            reason: "AM04".into(),
        },
        P::AttemptOrdered {
            attempt,
            number: 2,
            amount,
            instrument: instrument.clone(),
            collects_on: day("2026-03-10"),
        },
        P::AttemptSubmitted { attempt, presumed_at: Some(AT), generation: 4 },
        P::AttemptSkipped { number: 2, attempt: Some(attempt), reason: "paid".into(), generation: 5 },
        P::AttemptUnknown { attempt, reason: "no answer".into() },
        P::AttemptReversed { attempt, amount, reason_code: "MD06".into() },
        P::CollectionWaits { reason: "AC04: renew".into(), until: Some(AT), generation: 6 },
        P::CollectionEnded { exhausted: true, reason: "AM04".into(), generation: 7 },
        P::ReminderDeferred { step: 1, name: "before".into(), until: AT, generation: 8, reason: "quiet".into() },
        P::ReminderHeld { step: 3, name: "notice".into(), at: AT, generation: 9 },
        P::ReminderApproved { step: 3, name: "notice".into(), by: "ana".into(), at: AT, generation: 10 },
        P::ScenarioChosen { scenario: Some("firm".into()), reason: "ana: late often".into() },
        P::PromiseMade { on: day("2026-03-13"), generation: 1 },
        P::PromiseKept,
        P::PromiseBroken { on: day("2026-03-13") },
        P::Disputed { reason: "broken".into() },
        P::DisputeEnded { outcome: "replaced".into() },
        P::AttemptPending { attempt, presumed_at: Some(AT), generation: 5 },
        P::AttemptHandedTo { attempt, connector: "psp".into() },
        P::SettledUntil { at: AT, final_on: Some(day("2026-07-11")) },
        P::Finalised { on: day("2026-07-11") },
        P::PaydaysKnown { paydays: Paydays { days: vec![(28, 5)], of: 7 } },
        P::NumberGiven {
            virtual_iban: VirtualIban::new(Iban::parse("FR1420041010050500013M02606").unwrap()),
            customer: CustomerId::new(AT, 6, 42),
            since: Some(day("2026-03-02")),
            left: Some(41),
        },
        P::NumberReleased {
            virtual_iban: VirtualIban::new(Iban::parse("FR1420041010050500013M02606").unwrap()),
            until: day("2026-03-12"),
            free_on: day("2027-04-12"),
            reason: "paid".into(),
        },
    ];
    let customers = [
        C::MandateSigned { reference: "RUM-1".into(), mandate },
        C::CardSchemeKnown { token: "tok".into(), scheme: CardScheme::Mastercard },
        C::InstrumentEnded { instrument: instrument.clone(), reason: "AC04".into() },
        C::AttemptCounted { instrument, request, at: AT, collects_on: day("2026-03-10") },
        C::CollectionAwaited { request },
        C::OrderKnown { request, order: "PO-2026-0441".into() },
        C::ReminderEscalated { request, step: "hand_over".into() },
        C::CollectionsResumed,
        C::RecurringSuspended { reason: "AM04".into() },
        C::RecurringResumed,
        C::HoldPlaced { hold: Hold::Vulnerable, until: Some(day("2026-03-12")) },
        C::HoldLifted { hold: Hold::Manual },
        C::OptedOut { channel: Channel::Sms },
        C::OptedIn { channel: Channel::Email },
        C::CreditWithdrawn { amount },
        C::TransferUnplaced { transfer: TransferId::new(AT, 5, 42) },
        C::CreditUsed { request, amount, number: 3 },
        C::CreditUseReversed { request, amount, number: 3 },
        C::CreditMissing { amount },
        C::RuleFired { key: 7, at: AT, until: AT.plus_millis(3_600_000) },
    ];
    requests.into_iter().map(Event::PaymentRequest).chain(customers.into_iter().map(Event::Customer)).collect()
}
