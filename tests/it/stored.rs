//! Stored bytes have a fixture each, written once and never edited: what an older version wrote
//! is read for ever (N8). `UPDATE_EXPECT=1` writes those that are missing, and no other.

use std::collections::BTreeSet;
use std::sync::Arc;

use quittance::journal::codec::{decode_body, decode_record, encode_body, encode_record};
use quittance_actors::customer::{self, Kind, PaymentMethod, Profile};
use quittance_actors::delivery::{Channel, Guard, Outcome, Recipient, Route};
use quittance_actors::machine::Purpose;
use quittance_actors::partition::{
    ArmedTimer, Commit, Event, Figures, FileRecord, Occurrence, Origin, Outgoing, Revived, Standing, StatementRecord,
    StatusLevel, StatusReport, StoredChange, SystemFact, TransferFigures, TriedDelivery,
};
use quittance_actors::payment_request::{self, Source, Terms};
use quittance_actors::rules::{EventType, Field, RequestFigures, Value};
use quittance_actors::transfer::{self, Details, Doubt, Nature, Particulars, ReturnReason};
use quittance_actors::values::{
    AttemptId, CommandId, CreditorReference, Currency, CustomerId, Date, DeliveryId, EmailAddress, EndToEndId,
    EntityId, Iban, Language, Money, PaymentRequestId, PayoutId, PhoneNumber, ReferenceKey, RemittanceInformation,
    ShortReference, TenantId, Timestamp, TransferId, VirtualIban,
};

use serde_json::Value as Json;
use smol_str::SmolStr;

use crate::support::collection_events::collection_events;
use crate::support::feed_events::{feed_event_name, feed_events};
use crate::support::golden::project;
use crate::support::noted_events::{noted_events, noted_name};
use crate::support::payout_events::{payout_event_name, payout_events};
use crate::support::plan_events::{plan_event_name, plan_events};
use crate::support::running::{Running, configure};
use crate::support::scratch::{Scratch, wait_for};

const AT: Timestamp = Timestamp::from_unix_millis(1_772_438_400_123);

fn euros(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR)
}

fn day(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn customer_id() -> CustomerId {
    CustomerId::new(AT, 0x0123_4567_89ab_cdef, 42)
}

fn request_id() -> PaymentRequestId {
    PaymentRequestId::new(AT, 0x1122_3344_5566_7788, 42)
}

fn transfer_id() -> TransferId {
    TransferId::new(AT, 0x99aa_bbcc_ddee_ff00, 42)
}

fn attempt_id() -> AttemptId {
    AttemptId::new(AT, 5, 42)
}

fn profile() -> Profile {
    Profile {
        external_ref: "411DUPONT".into(),
        kind: Kind::Consumer,
        name: "Jean Dupont".into(),
        email: Some(EmailAddress::parse("jean@example.org").unwrap()),
        phone: Some(PhoneNumber::parse("+33612345678", None).unwrap()),
        language: Language::En,
    }
}

fn iban() -> Iban {
    Iban::parse("FR1420041010050500013M02606").unwrap()
}

fn method() -> PaymentMethod {
    PaymentMethod {
        token: "tok_1".into(),
        last4: "4242".into(),
        expires_on: day("2026-03-31"),
        backs_recurring: true,
        notices: 1,
        generation: 2,
    }
}

fn terms() -> Terms {
    Terms {
        id: request_id(),
        customer: customer_id(),
        external_ref: "F-2026-1".into(),
        amount: euros(12_000),
        issued_on: day("2026-03-01"),
        created_at: AT,
        due_on: day("2026-03-31"),
        description: "Conseil".into(),
        short_reference: ShortReference::try_from("QT7-AC3-4KM".to_owned()).unwrap(),
        creditor_reference: CreditorReference::parse("RF18539007547034").unwrap(),
        scenario: Some("standard".into()),
    }
}

fn details() -> Details {
    Details {
        id: transfer_id(),
        entry_key: "key".to_owned(),
        account: Some(iban()),
        amount: euros(12_000),
        booked_on: day("2026-03-05"),
        payer_name: Some("J DUPONT".to_owned()),
        payer_iban: Some(Iban::parse("DE89370400440532013000").unwrap()),
        end_to_end_id: EndToEndId::parse("E2E-1").unwrap(),
        remittance: RemittanceInformation::new(vec!["RF18539007547034".to_owned()], "facture 1".to_owned()).unwrap(),
    }
}

/// Events added after the first record was stored, in the order they were added.
fn later_events() -> Vec<Event> {
    vec![
        Event::Transfer(transfer::Event::Noted { details: Arc::new(details()), nature: Nature::Returned }),
        Event::Transfer(transfer::Event::Described(Arc::new(particulars()))),
        Event::Customer(customer::Event::CreditNoteTaken {
            note: 7,
            amount: euros(500),
            request: Some(request_id()),
            credit: euros(200),
        }),
        Event::Customer(customer::Event::NumberedRequestOpened {
            request: request_id(),
            outstanding: euros(12_000),
            due_on: day("2026-03-31"),
            number: "F-2026-1".into(),
            reference: ShortReference::of(7, ReferenceKey::from_seed(1)),
        }),
        Event::Transfer(transfer::Event::Weighed(Arc::new(transfer::Weighed {
            identified_by: transfer::Identification::Name,
            proposals: vec![transfer::Proposal {
                parts: vec![(request_id(), euros(500))],
                credit: euros(7),
                score: 880,
                rung: transfer::Rung::OldestTogether,
            }],
            accidental_ppm: 12_345,
        }))),
        Event::Transfer(transfer::Event::Divided {
            parts: vec![transfer::DividedPart {
                id: transfer_id(),
                amount: euros(507),
                resolution: Some(transfer::Resolution {
                    customer: customer_id(),
                    allocations: vec![(request_id(), euros(500))],
                    credit: euros(7),
                    by: "ana".into(),
                }),
            }],
            by: "ana".into(),
        }),
        Event::Transfer(transfer::Event::Parted {
            details: Arc::new(details()),
            particulars: None,
            of: transfer_id(),
            customer: Some(customer_id()),
        }),
        Event::Transfer(transfer::Event::PartTold),
        Event::PaymentRequest(payment_request::Event::ScenarioBegun { at: AT }),
        Event::PaymentRequest(payment_request::Event::RefundOrdered {
            key: "R-1".into(),
            amount: euros(1),
            payout: PayoutId::new(AT, 31, 42),
            number: 2,
        }),
        Event::PaymentRequest(payment_request::Event::RefundCredited { note: 7, amount: euros(1) }),
        Event::PaymentRequest(payment_request::Event::CreditNoteKept { note: 7, amount: euros(1) }),
        Event::PaymentRequest(payment_request::Event::PolicyTriedOut {
            policy: "paydays".into(),
            collects_on: Some(day("2026-04-05")),
            reason: "it would try again: 51".into(),
        }),
        Event::PaymentRequest(payment_request::Event::CreditNotesRefunded { amount: euros(1) }),
        Event::PaymentRequest(payment_request::Event::RefundCompleted { key: "R-1".into(), amount: euros(1) }),
        Event::PaymentRequest(payment_request::Event::RefundFailed {
            key: "R-1".into(),
            amount: euros(1),
            reason: "14".into(),
        }),
        Event::Transfer(transfer::Event::PartsRecalled {
            recall: transfer::Recall { entry: transfer_id(), reason: "AC04".into() },
        }),
        Event::Transfer(transfer::Event::PayerDoubted { iban: iban() }),
        Event::Transfer(transfer::Event::PayerRemembered { iban: iban(), customer: customer_id(), by: "ana".into() }),
        Event::Transfer(transfer::Event::Pointed(Arc::new(transfer::Pointers {
            virtual_iban: Some(customer_id()),
            payer_iban: None,
            name: Some(customer_id()),
            references: vec![transfer::Pointer {
                kind: transfer::ReferenceKind::Short,
                is_exact: true,
                request: request_id(),
                customer: customer_id(),
            }],
        }))),
        Event::Customer(customer::Event::TransferTakenBack { transfer: transfer_id(), credit: euros(200) }),
        Event::PaymentRequest(payment_request::Event::AllocationReversed {
            source: Source::Transfer(transfer_id()),
            amount: euros(500),
            outstanding: euros(12_000),
        }),
        Event::PaymentRequest(payment_request::Event::Reopened { at: AT }),
        Event::Transfer(transfer::Event::Decided(transfer::Resolution {
            customer: customer_id(),
            allocations: vec![(request_id(), euros(500))],
            credit: euros(7),
            by: "ana".into(),
        })),
        Event::Transfer(transfer::Event::TakeBackAsked { by: "ana".into(), reason: "wrong".into() }),
        Event::Transfer(transfer::Event::DecisionRefused { reason: "closed".to_owned() }),
        Event::Transfer(transfer::Event::TakenBack {
            allocations: vec![(request_id(), euros(500))],
            credit: euros(7),
            by: "ana".into(),
            reason: "wrong".into(),
        }),
        Event::Transfer(transfer::Event::SetAside { by: "ana".into(), reason: "private".into() }),
        Event::Transfer(transfer::Event::Kept { rule: "large".into() }),
    ]
}

fn particulars() -> Particulars {
    Particulars {
        nature: Nature::Returned,
        statement: "2026/64".into(),
        valued_on: Some(day("2026-03-04")),
        servicer_reference: "B-1".into(),
        instruction_id: "I-1".into(),
        transaction_id: "T-1".into(),
        uetr: "8a562c67-ca16-48ba-b074-65581be6f011".into(),
        mandate_id: "M-1".into(),
        creditor_id: "FR72ZZZ123456".into(),
        payment_information_id: "P-1".into(),
        code: "PMNT/IDDT/UPDD".into(),
        purpose: "SUPP".into(),
        payer_account: "1234".into(),
        payer_agent: "COBADEFFXXX".into(),
        ultimate_payer: "A".into(),
        payee: "B".into(),
        payee_account: "C".into(),
        ultimate_payee: "D".into(),
        additional: "E".into(),
        charges: Some(euros(250)),
        instructed: Some(euros(12_000)),
        returned: Some(ReturnReason { code: "AM04".into(), text: "no funds".into() }),
        part_of: "key".into(),
    }
}

/// One of every event. The names' match below fails to compile when one is added.
fn events() -> Vec<Event> {
    use customer::Event as C;
    use payment_request::Event as P;
    use transfer::Event as T;
    let (request, step) = (request_id(), SmolStr::from("before"));
    let customers = [
        C::Registered { id: customer_id(), profile: Arc::new(profile()) },
        C::ProfileChanged { profile: Arc::new(profile()) },
        C::VirtualIbanAssigned { virtual_iban: VirtualIban::new(iban()) },
        C::PaymentMethodAdded { slot: 1, method: method() },
        C::PaymentMethodExpiring { slot: 1, days_to_expiry: -3, notices: 2, generation: 7 },
        C::RequestOpened { request, outstanding: euros(12_000), due_on: day("2026-03-31") },
        C::OutstandingChanged { request, outstanding: euros(5_000) },
        C::RequestClosed { request },
        C::CreditAdded { amount: euros(500) },
        C::TransferPlaced { transfer: transfer_id(), amount: euros(12_000) },
        C::ReminderSent { request, step: step.clone(), channel: Channel::Sms, at: AT },
        C::ReminderSuppressed { request, step, reason: "paid".into() },
    ];
    let requests = [
        P::Issued { terms: Arc::new(terms()) },
        P::ReminderPlanned { step: 2, due: AT, generation: 3 },
        P::ReminderReached { step: 2, due: AT },
        P::ReminderSkipped { step: 2, name: "late".into(), reason: "late".into() },
        P::RemindersStopped { reason: "paid".into(), generation: 4 },
        P::AmountAllocated { source: Source::Transfer(transfer_id()), amount: euros(1), outstanding: euros(2) },
        P::Settled { at: AT },
        P::BecameOverdue { at: AT },
        P::AttemptSucceeded { attempt: attempt_id(), amount: euros(1) },
        P::AttemptFailed { attempt: attempt_id(), amount: euros(1), reason_code: "AM04".into(), failures: 2 },
        P::RefundInitiated { key: "r1".into(), amount: euros(1) },
        P::Cancelled { reason: "mistake".into(), at: AT },
    ];
    let transfers = [
        T::Received { details: Arc::new(details()), customer: Some(customer_id()) },
        T::Matched { allocations: vec![(request_id(), euros(1))], credit: euros(2), explanation: "exact".to_owned() },
        T::TaskOpened { doubt: Doubt::Ambiguous, candidates: vec![request_id()] },
    ];
    let customers = customers.into_iter().map(Event::Customer);
    let requests = requests.into_iter().map(Event::PaymentRequest);
    customers.chain(requests).chain(transfers.into_iter().map(Event::Transfer)).collect()
}

/// The name of an event's fixture.
fn name(event: &Event) -> &'static str {
    use customer::Event as C;
    use payment_request::Event as P;
    use transfer::Event as T;
    match event {
        Event::Feed(event) => feed_event_name(event),
        Event::Payout(event) => payout_event_name(event),
        Event::Plan(event) => plan_event_name(event),
        Event::Customer(event) => match event {
            C::Registered { .. } => "customer.registered",
            C::ProfileChanged { .. } => "customer.profile_changed",
            C::VirtualIbanAssigned { .. } => "customer.virtual_iban_assigned",
            C::PaymentMethodAdded { .. } => "customer.payment_method_added",
            C::PaymentMethodExpiring { .. } => "customer.payment_method_expiring",
            C::RequestOpened { .. } => "customer.request_opened",
            C::OutstandingChanged { .. } => "customer.outstanding_changed",
            C::RequestClosed { .. } => "customer.request_closed",
            C::CreditAdded { .. } => "customer.credit_added",
            C::NumberedRequestOpened { .. } => "customer.numbered_request_opened",
            C::CreditNoteTaken { .. } => "customer.credit_note_taken",
            C::TransferTakenBack { .. } => "customer.transfer_taken_back",
            C::TransferPlaced { .. } => "customer.transfer_placed",
            C::ReminderSent { .. } => "customer.reminder_sent",
            C::ReminderSuppressed { .. } => "customer.reminder_suppressed",
            C::MandateSigned { .. } => "customer.mandate_signed",
            C::CardSchemeKnown { .. } => "customer.card_scheme_known",
            C::InstrumentEnded { .. } => "customer.instrument_ended",
            C::AttemptCounted { .. } => "customer.attempt_counted",
            C::CollectionAwaited { .. } => "customer.collection_awaited",
            C::OrderKnown { .. } => "customer.order_known",
            C::ReminderEscalated { .. } => "customer.reminder_escalated",
            C::CollectionsResumed => "customer.collections_resumed",
            C::RecurringSuspended { .. } => "customer.recurring_suspended",
            C::RecurringResumed => "customer.recurring_resumed",
            C::HoldPlaced { .. } => "customer.hold_placed",
            C::HoldLifted { .. } => "customer.hold_lifted",
            C::OptedOut { .. } => "customer.opted_out",
            C::OptedIn { .. } => "customer.opted_in",
            C::CreditWithdrawn { .. } => "customer.credit_withdrawn",
            C::TransferUnplaced { .. } => "customer.transfer_unplaced",
            C::CreditUsed { .. } => "customer.credit_used",
            C::CreditUseReversed { .. } => "customer.credit_use_reversed",
            C::CreditMissing { .. } => "customer.credit_missing",
            C::CreditPaidOut { .. } => "customer.credit_paid_out",
            C::VirtualIbanGiven { .. } => "customer.virtual_iban_given",
            C::VirtualIbanReleased { .. } => "customer.virtual_iban_released",
            C::TransferForgotten { .. } => "customer.transfer_forgotten",
            C::DisputeMarked { .. } => "customer.dispute_marked",
            C::ZoneKnown { .. } => "customer.zone_known",
            C::MessageArrived { .. } => "customer.message_arrived",
            C::MessageFailed { .. } => "customer.message_failed",
            C::RuleFired { .. } => "customer.rule_fired",
            C::PlanOpened { .. } => "customer.plan_opened",
            C::PlanClosed { .. } => "customer.plan_closed",
            C::Noted(noted) => noted_name(noted),
        },
        Event::PaymentRequest(event) => match event {
            P::Issued { .. } => "payment_request.issued",
            P::ReminderPlanned { .. } => "payment_request.reminder_planned",
            P::StepPlanned { .. } => "payment_request.step_planned",
            P::ReminderReached { .. } => "payment_request.reminder_reached",
            P::ReminderSkipped { .. } => "payment_request.reminder_skipped",
            P::RemindersStopped { .. } => "payment_request.reminders_stopped",
            P::AmountAllocated { .. } => "payment_request.amount_allocated",
            P::Settled { .. } => "payment_request.settled",
            P::SettledUntil { .. } => "payment_request.settled_until",
            P::NumberGiven { .. } => "payment_request.number_given",
            P::NumberReleased { .. } => "payment_request.number_released",
            P::PaydaysKnown { .. } => "payment_request.paydays_known",
            P::Finalised { .. } => "payment_request.finalised",
            P::BecameOverdue { .. } => "payment_request.became_overdue",
            P::AttemptSucceeded { .. } => "payment_request.attempt_succeeded",
            P::AttemptFailed { .. } => "payment_request.attempt_failed",
            P::RefundInitiated { .. } => "payment_request.refund_initiated",
            P::Cancelled { .. } => "payment_request.cancelled",
            P::AllocationReversed { .. } => "payment_request.allocation_reversed",
            P::Reopened { .. } => "payment_request.reopened",
            P::CollectionAgreed { .. } => "payment_request.collection_agreed",
            P::AttemptPlanned { .. } => "payment_request.attempt_planned",
            P::AttemptOrdered { .. } => "payment_request.attempt_ordered",
            P::AttemptSubmitted { .. } => "payment_request.attempt_submitted",
            P::AttemptSkipped { .. } => "payment_request.attempt_skipped",
            P::AttemptUnknown { .. } => "payment_request.attempt_unknown",
            P::AttemptReversed { .. } => "payment_request.attempt_reversed",
            P::CollectionWaits { .. } => "payment_request.collection_waits",
            P::CollectionEnded { .. } => "payment_request.collection_ended",
            P::ReminderDeferred { .. } => "payment_request.reminder_deferred",
            P::PromiseMade { .. } => "payment_request.promise_made",
            P::PromiseKept => "payment_request.promise_kept",
            P::PromiseBroken { .. } => "payment_request.promise_broken",
            P::Disputed { .. } => "payment_request.disputed",
            P::DisputeEnded { .. } => "payment_request.dispute_ended",
            P::AttemptPending { .. } => "payment_request.attempt_pending",
            P::WrittenOff { .. } => "payment_request.written_off",
            P::WriteOffReversed { .. } => "payment_request.write_off_reversed",
            P::OrderJoined { .. } => "payment_request.order_joined",
            P::AttemptHandedTo { .. } => "payment_request.attempt_handed_to",
            P::ReferenceGiven { .. } => "payment_request.reference_given",
            P::ZoneKnown { .. } => "payment_request.zone_known",
            P::PlanJoined { .. } => "payment_request.plan_joined",
            P::ReminderHeld { .. } => "payment_request.reminder_held",
            P::ReminderApproved { .. } => "payment_request.reminder_approved",
            P::ScenarioBegun { .. } => "payment_request.scenario_begun",
            P::RefundOrdered { .. } => "payment_request.refund_ordered",
            P::RefundCompleted { .. } => "payment_request.refund_completed",
            P::RefundFailed { .. } => "payment_request.refund_failed",
            P::RefundCredited { .. } => "payment_request.refund_credited",
            P::PolicyTriedOut { .. } => "payment_request.policy_tried_out",
            P::CreditNoteKept { .. } => "payment_request.credit_note_kept",
            P::CreditNotesRefunded { .. } => "payment_request.credit_notes_refunded",
            P::ScenarioChosen { .. } => "payment_request.scenario_chosen",
        },
        Event::Transfer(event) => match event {
            T::Received { .. } => "transfer.received",
            T::Matched { .. } => "transfer.matched",
            T::TaskOpened { .. } => "transfer.task_opened",
            T::Noted { .. } => "transfer.noted",
            T::Described(_) => "transfer.described",
            T::PayerDoubted { .. } => "transfer.payer_doubted",
            T::PayerRemembered { .. } => "transfer.payer_remembered",
            T::Pointed(_) => "transfer.pointed",
            T::Weighed(_) => "transfer.weighed",
            T::Decided(_) => "transfer.decided",
            T::TakeBackAsked { .. } => "transfer.take_back_asked",
            T::DecisionRefused { .. } => "transfer.decision_refused",
            T::TakenBack { .. } => "transfer.taken_back",
            T::SetAside { .. } => "transfer.set_aside",
            T::Kept { .. } => "transfer.kept",
            T::GivenBack { .. } => "transfer.given_back",
            T::ReturnFailed { .. } => "transfer.return_failed",
            T::Assigned { .. } => "transfer.assigned",
            T::Claimed { .. } => "transfer.claimed",
            T::TaskOverdue { .. } => "transfer.task_overdue",
            T::RecallReceived(_) => "transfer.recall_received",
            T::RecallAsked => "transfer.recall_asked",
            T::Recalled { .. } => "transfer.recalled",
            T::Divided { .. } => "transfer.divided",
            T::Parted { .. } => "transfer.parted",
            T::PartTold => "transfer.part_told",
            T::PartsRecalled { .. } => "transfer.parts_recalled",
        },
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = quittance::digest::hex(bytes);
    let lines: Vec<&str> = digits.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join("\n") + "\n"
}

fn bytes(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// The fixture of a name; written if it is missing and that was asked for.
fn fixture(version: &str, name: &str, now: &[u8]) -> Vec<u8> {
    let path = project().join("fixtures/stored").join(version).join(format!("{name}.hex"));
    if !path.exists() && std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, hex(now)).unwrap();
    }
    let text =
        std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{name} has no fixture: UPDATE_EXPECT=1 writes it"));
    bytes(&text)
}

#[test]
fn every_event_reads_from_and_writes_the_bytes_of_version_1() {
    let mut seen = BTreeSet::new();
    let feeds = feed_events().into_iter().map(Event::Feed);
    let later = later_events().into_iter().chain(collection_events(request_id())).chain(feeds).chain(payout_events());
    let later = later.chain(plan_events()).chain(noted_events());
    for event in events().into_iter().chain(later) {
        assert!(seen.insert(name(&event)), "{} stands twice", name(&event));
        let now = encode_body(&event).unwrap();
        let stored = fixture("v1", name(&event), &now);
        assert_eq!(decode_body::<Event>(&stored).unwrap(), event, "{} reads", name(&event));
        assert_eq!(hex(&now), hex(&stored), "{} writes", name(&event));
    }
    assert_eq!(seen.len(), 171);
}

/// What a record of version 1 lists of its public event.
fn listed() -> Standing {
    Standing::Listed(vec![
        (Field::RequestAmount, Value::Money(euros(12_000))),
        (Field::RequestExternalRef, Value::Text("F-2026-1".to_owned())),
        (Field::RequestDaysOverdue, Value::Number(-2)),
        (Field::RequestDueOn, Value::Date(day("2026-03-31"))),
        (Field::RequestSettledAt, Value::Instant(AT)),
        (Field::MethodBacksRecurring, Value::Truth(true)),
    ])
}

fn figures() -> Figures {
    let status = payment_request::Status::Settled;
    let request = RequestFigures { amount: euros(12_000), paid_minor: 12_000, status, days_overdue: -2 };
    let status = transfer::Status::NeedsDecision;
    let transfer = TransferFigures { unallocated_minor: 5, status, identified: true };
    Figures { open_count: Some(3), request: Some(request), transfer: Some(transfer), method: Some(method()) }
}

/// A record with one of everything.
fn commit(standing: Standing) -> Commit {
    let timer = ArmedTimer {
        due: AT,
        entity: EntityId::Customer(customer_id()),
        purpose: Purpose::CardExpiry(1),
        generation: 3,
    };
    let outgoing = |channel, recipient, guard| Outgoing {
        channel,
        template: Some("t".into()),
        recipient,
        guard,
        occurrence: 0,
        cause: "rule x".into(),
    };
    let tried = |outcome| TriedDelivery { id: DeliveryId::new(AT, 1, 42), outcome };
    Commit {
        partition: 42,
        sequence: 7,
        at: AT,
        tenant: TenantId::parse("shop").unwrap(),
        command_id: CommandId::new(AT, 9, 42),
        fingerprint: u64::MAX,
        origin: Origin::File { digest: 1, row: 2 },
        entity: Some(EntityId::Transfer(transfer_id())),
        changes: events()
            .into_iter()
            .map(|event| StoredChange { entity: EntityId::Customer(customer_id()), version: 3, event })
            .collect(),
        published: vec![Occurrence {
            event: EventType::PaymentRequestSettled,
            change: 0,
            customer: Some(customer_id()),
            request: Some(request_id()),
            standing,
        }],
        deliveries: vec![
            outgoing(Channel::Email, Recipient::Customer(customer_id()), Guard::StillOpen(request_id())),
            outgoing(Channel::Email, Recipient::List("sales".into()), Guard::None),
            outgoing(Channel::Hook, Recipient::Endpoint("erp".into()), Guard::None),
            outgoing(Channel::File, Recipient::Feed("out".into()), Guard::None),
            outgoing(Channel::File, Recipient::StatusExport, Guard::None),
        ],
        outcomes: vec![
            tried(Outcome::Delivered { detail: "250 ok".to_owned() }),
            tried(Outcome::RetryAt { at: AT, error: "503".to_owned() }),
            tried(Outcome::Dead { error: "410".to_owned() }),
            tried(Outcome::Suppressed { reason: "paid".to_owned() }),
        ],
        timers: vec![timer],
        fired: Some(timer),
        facts: vec![
            SystemFact::Announced { boot: 3 },
            SystemFact::ClockAdvanced { to: AT },
            SystemFact::FileFinished(FileRecord {
                digest: [7; 32],
                name: "f.csv".to_owned(),
                feed: "invoices".to_owned(),
                rows: 4,
                accepted: 1,
                known: 2,
                refused: 1,
                rejected: false,
            }),
            SystemFact::Quarantined {
                entity: EntityId::Customer(customer_id()),
                command: "x".to_owned(),
                error: "y".to_owned(),
            },
        ],
    }
}

#[test]
fn facts_added_later_read_from_and_write_their_bytes() {
    let statement = StatementRecord {
        account: "FR1420041010050500013M02606".into(),
        statement: "2026/64".into(),
        interim: true,
        currency: Some(Currency::EUR),
        opening: Some(-5),
        closing: Some(12_000),
        opened_on: Some(day("2026-03-04")),
        closed_on: Some(day("2026-03-05")),
        entries: 3,
        credits: 12_010,
        debits: 5,
    };
    let fact = SystemFact::StatementsRead { feed: "bank".to_owned(), digest: [7; 32], statements: vec![statement] };
    let report = StatusReport {
        row: 2,
        line: 9,
        level: StatusLevel::Transaction,
        message: "BANK-1".into(),
        original_message: "QT-1".into(),
        original_batch: "QT-1-1".into(),
        original_instruction: "I-1".into(),
        original_end_to_end: "PR-118-1".into(),
        status: "RJCT".into(),
        reasons: vec![ReturnReason { code: "AM04".into(), text: "no funds".into() }],
        amount: Some(euros(12_000)),
        mandate_id: "M-118".into(),
    };
    let reported = SystemFact::OrdersReported { feed: "bank".to_owned(), digest: [7; 32], reports: vec![report] };
    let route = Route::Endpoint(TenantId::parse("shop").unwrap(), "erp".into());
    let id = DeliveryId::new(AT, 3, 42);
    let revived = Revived { id, route, position: 77, place: 1 };
    let replayed = SystemFact::DeliveryReplayed { revived: revived.clone(), key: 9 };
    let revived = SystemFact::DeliveryRevived(revived);
    let message = SystemFact::MessageRead { feed: "bank".to_owned(), digest: [7; 32], message: 118 };
    for (name, fact) in [
        ("fact.statements_read", fact),
        ("fact.orders_reported", reported),
        ("fact.delivery_revived", revived),
        ("fact.delivery_replayed", replayed),
        ("fact.message_read", message),
    ] {
        let now = encode_body(&fact).unwrap();
        let stored = fixture("v2", name, &now);
        assert_eq!(decode_body::<SystemFact>(&stored).unwrap(), fact);
        assert_eq!(hex(&now), hex(&stored));
    }
    let now = encode_body(&Outcome::Claimed).unwrap();
    let stored = fixture("v2", "outcome.claimed", &now);
    assert_eq!((decode_body::<Outcome>(&stored).unwrap(), hex(&now)), (Outcome::Claimed, hex(&stored)));
    let held_back = Outcome::HeldBack { until: AT, reason: "too many".to_owned() };
    let now = encode_body(&held_back).unwrap();
    let stored = fixture("v2", "outcome.held_back", &now);
    assert_eq!((decode_body::<Outcome>(&stored).unwrap(), hex(&now)), (held_back, hex(&stored)));
    let now = encode_body(&Guard::TriedOut).unwrap();
    let stored = fixture("v2", "guard.tried_out", &now);
    assert_eq!((decode_body::<Guard>(&stored).unwrap(), hex(&now)), (Guard::TriedOut, hex(&stored)));
    let numbered = Standing::Numbered { key_seq: 300, figures: figures() };
    let now = encode_body(&numbered).unwrap();
    let stored = fixture("v2", "standing.numbered", &now);
    assert_eq!((decode_body::<Standing>(&stored).unwrap(), hex(&now)), (numbered, hex(&stored)));
}

#[test]
fn a_whole_record_reads_from_the_bytes_of_every_version_and_writes_those_of_the_newest() {
    let stored = fixture("v1", "record.commit", &[]);
    assert_eq!(decode_record(&stored).unwrap(), (commit(listed()), stored.len()));
    let newest = commit(Standing::Figures(figures()));
    let mut now = Vec::new();
    encode_record(&newest, &mut now).unwrap();
    let stored = fixture("v2", "record.commit", &now);
    assert_eq!(decode_record(&stored).unwrap(), (newest, stored.len()));
    assert_eq!(hex(&now), hex(&stored));
    // A record of a newer program is refused and never guessed.
    let mut newer = stored;
    newer[2] = 3;
    assert!(decode_record(&newer).unwrap_err().to_string().contains("has version 3, newest known is 2"));
    newer[0] = 9;
    assert!(decode_record(&newer).unwrap_err().to_string().contains("kind 9 is not known"));
}

/// What version 1 said of its directory, and what is said of it now.
fn compare(running: &Running, list: &str) {
    let path = project().join("fixtures/stored/v1/directory").join(format!("{list}.json"));
    let expected: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let now = wait_for("the list", || {
        let now = running.list(&format!("/v1/{list}"));
        (now.len() == expected.as_array().unwrap().len()).then_some(now)
    });
    for (now, expected) in now.iter().zip(expected.as_array().unwrap()) {
        // Later versions say more, never otherwise.
        for (member, said) in expected.as_object().unwrap() {
            assert_eq!(&now[member], said, "{list}: {member}");
        }
    }
}

#[test]
fn a_data_directory_of_version_1_opens_and_says_the_same() {
    let scratch = Scratch::new("v1-directory");
    let config = configure(scratch.path(), |text| text);
    let data = scratch.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    let archive = project().join("fixtures/stored/v1/directory/data.tar.gz");
    let unpacked = std::process::Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(&data).status().unwrap();
    assert!(unpacked.success());
    let mut running = Running::start(&config);
    for list in ["payment-requests", "customers", "transfers"] {
        compare(&running, list);
    }
    // It goes on from there, and what it wrote since is there after a restart.
    let requests = running.list("/v1/payment-requests");
    let overdue = requests.iter().filter(|request| request["overdue"] == true).count();
    running.advance("30d");
    running.kill();
    let running = Running::start(&config);
    let later = wait_for("the list", || {
        let now = running.list("/v1/payment-requests");
        (now.iter().filter(|request| request["overdue"] == true).count() > overdue).then_some(now)
    });
    assert_eq!(later.len(), requests.len());
    let id = later[0]["id"].as_str().unwrap();
    let told = running.get(&format!("/v1/payment-requests/{id}/timeline")).json();
    let kinds: Vec<&str> =
        told["data"].as_array().unwrap().iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(kinds.first(), Some(&"payment_request.issued"), "{kinds:?}");
}

#[test]
fn names_of_public_events_and_fields_keep_their_place() {
    let now = EventType::ALL.iter().map(|event| event.name()).chain(Field::ALL.iter().map(|field| field.path()));
    let now: Vec<&str> = now.collect();
    let path = project().join("fixtures/stored/v1/names.txt");
    if !path.exists() && std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(
            &path,
            EventType::ALL.iter().map(|e| e.name()).collect::<Vec<_>>().join("\n")
                + "\n--\n"
                + &Field::ALL.iter().map(|f| f.path()).collect::<Vec<_>>().join("\n")
                + "\n",
        )
        .unwrap();
    }
    let text = std::fs::read_to_string(path).unwrap();
    let (events, fields) = text.split_once("--\n").unwrap();
    for (at, name) in events.lines().enumerate() {
        assert_eq!(EventType::ALL[at].name(), name, "an event type was moved, renamed or removed");
    }
    for (at, path) in fields.lines().enumerate() {
        assert_eq!(Field::ALL[at].path(), path, "a field was moved, renamed or removed");
    }
    assert!(!now.is_empty());
}
