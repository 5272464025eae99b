//! The policies every story is played under.

use quittance_actors::collection::{
    ByReason, Cap, Caps, CardScheme, Hold, Method, OnExhausted, Reason, ReasonClass, ReasonTable, RetryPolicy, Roll,
    Schedule,
};
use quittance_actors::delivery::{Channel, Recipient};
use quittance_actors::payment_request::{Anchor, Offset, Scenario, Step};
use quittance_actors::policies::{Asked, Collections, Payouts, Policies};
use quittance_actors::rules::{
    Action, Condition, Deed, EventType, Field, Once, Operator, Per, Rule, RuleBook, Value,
};
use quittance_actors::transfer::{Acceptance, AcceptanceRule};
use quittance_actors::values::{Calendar, Zone};

use super::money;

pub(super) fn policies() -> Policies {
    let calendar = Calendar::new("TARGET", 1, vec![6, 7], vec![], vec![], vec![]).unwrap();
    let mut policies = Policies::quiet(Zone::parse("Europe/Paris").unwrap(), calendar);
    let step = |name: &str, anchor, offset_days, channels: &[Channel], template: &str| Step {
        name: name.into(),
        anchor,
        offset: Offset::Days(offset_days),
        at: (9, 30),
        channels: channels.to_vec(),
        template: template.into(),
        when: Condition::Always(true),
        approval: false,
    };
    let steps = vec![
        step("request", Anchor::Created, 0, &[Channel::Email], "payment_request"),
        step("before", Anchor::Due, -3, &[Channel::Email], "reminder_before"),
        step("late_3", Anchor::Due, 3, &[Channel::Email, Channel::Sms], "reminder_late"),
        step("late_10", Anchor::Due, 10, &[Channel::Sms, Channel::Email], "reminder_late"),
    ];
    let scenario = Scenario::new("standard", steps, 24 * 3_600_000).unwrap();
    policies.scenarios.insert("standard".to_owned(), scenario);
    let firm = vec![
        step("late_3", Anchor::Due, 3, &[Channel::Email], "reminder_late"),
        step("notice", Anchor::Due, 6, &[Channel::Email], "formal_notice"),
    ];
    let firm = Scenario::new("firm", firm, 24 * 3_600_000).unwrap();
    policies.scenarios.insert("firm".to_owned(), firm);
    let chain = vec![
        step("late_3", Anchor::Due, 3, &[Channel::Email], "reminder_late"),
        step("notice", Anchor::Previous, 4, &[Channel::Email], "formal_notice"),
        Step {
            offset: Offset::BusinessDays(2),
            ..step("last", Anchor::Previous, 2, &[Channel::Sms], "reminder_late")
        },
    ];
    let chain = Scenario::new("chain", chain, 24 * 3_600_000).unwrap();
    policies.scenarios.insert("chain".to_owned(), chain);
    // What follows something that happened: counted from when a rule or a person chose it, and from the page's last day.
    let after_event = vec![
        Step { offset: Offset::Hours(2), ..step("soon", Anchor::Chosen, 0, &[Channel::Email], "reminder_late") },
        step("next_week", Anchor::Chosen, 7, &[Channel::Sms], "reminder_late"),
        step("page_closes", Anchor::LinkExpiry, -3, &[Channel::Email], "formal_notice"),
    ];
    let after_event = Scenario::new("after_event", after_event, 24 * 3_600_000).unwrap();
    policies.scenarios.insert("after_event".to_owned(), after_event);
    policies.link_days = 60;
    // Written to once, then handed over, then written to again.
    let handed_over = vec![
        step("late_3", Anchor::Due, 3, &[Channel::Email], "reminder_late"),
        step("hand_over", Anchor::Due, 5, &[], ""),
        step("notice", Anchor::Due, 8, &[Channel::Email], "formal_notice"),
    ];
    let handed_over = Scenario::new("handed_over", handed_over, 24 * 3_600_000).unwrap();
    policies.scenarios.insert("handed_over".to_owned(), handed_over);
    policies.card_notices_days = vec![60, 30, 7];
    policies.rules = RuleBook::new(vec![
        rule(
            "tried out",
            EventType::RetryTriedOut,
            Condition::Always(true),
            Action::Tell { channel: Channel::Hook, template: None, recipient: Recipient::Endpoint("trial".into()) },
        ),
        rule("received", EventType::TransferReceived, Condition::Always(true), mail_to("sales", "transfer_received")),
        rule(
            "refund",
            EventType::RefundInitiated,
            Condition::Always(true),
            mail_to("accounting", "refund_initiated"),
        ),
        Rule::new(
            "settled",
            vec![EventType::PaymentRequestSettled],
            Condition::Always(true),
            vec![
                Action::Tell { channel: Channel::Hook, template: None, recipient: Recipient::Endpoint("erp".into()) },
                Action::Tell { channel: Channel::File, template: None, recipient: Recipient::Feed("erp_out".into()) },
            ],
        ),
        rule(
            "card",
            EventType::PaymentMethodExpiring,
            Condition::All(vec![
                Condition::Compare(Field::MethodBacksRecurring, Operator::Equal, Value::Truth(true)),
                Condition::Compare(Field::MethodDaysToExpiry, Operator::LessOrEqual, Value::Number(30)),
            ]),
            Action::NotifyCustomer { channel: Channel::Email, template: "card_expiring".into() },
        ),
        // Who gives a wrong reason for the return of a debit is looked at before anything else is done.
        Rule::new(
            "odd return",
            vec![EventType::AttemptReversed],
            Condition::Compare(Field::AttemptReasonCode, Operator::Equal, "BE05".into()),
            vec![
                Action::Do(Deed::PlaceHold { hold: Hold::Manual, days: Some(5) }),
                Action::Do(Deed::StopReminders),
                Action::Do(Deed::LiftHold { hold: Hold::Legal }),
            ],
        ),
        Rule::new(
            "plans",
            vec![
                EventType::PlanPastDue,
                EventType::PlanRecovered,
                EventType::PlanSuspended,
                EventType::PlanReviewAsked,
                EventType::PlanCollectionHeld,
                EventType::PlanCompleted,
            ],
            Condition::Always(true),
            vec![Action::Tell {
                channel: Channel::Hook,
                template: None,
                recipient: Recipient::Endpoint("team".into()),
            }],
        ),
        // A merchant who is not the one of the mandate: nothing more of that plan.
        Rule::new(
            "not ours",
            vec![EventType::AttemptFailed],
            Condition::Compare(Field::AttemptReasonCode, Operator::Equal, "BE01".into()),
            vec![Action::Do(Deed::CancelPlan)],
        ),
        // What is late of a certain kind is collected where there is something to collect from.
        rule(
            "late and collected",
            EventType::PaymentRequestOverdue,
            Condition::Compare(Field::RequestAmount, Operator::Equal, Value::Money(money("77.70").unwrap())),
            Action::Do(Deed::Collect(None)),
        ),
        // Whatever happens meanwhile, one message in two days about a request.
        rule(
            "failed",
            EventType::AttemptFailed,
            Condition::Compare(Field::AttemptReasonCode, Operator::Equal, "AC06".into()),
            Action::NotifyCustomer { channel: Channel::Email, template: "attempt_failed".into() },
        )
        .at_most(Some(Once { per: Per::Request, within_ms: 48 * 3_600_000 })),
        Rule::new(
            "team",
            vec![
                EventType::RetryExhausted,
                EventType::RetryStopped,
                EventType::AttemptReversed,
                EventType::AttemptUnknown,
                EventType::PromiseBroken,
                EventType::PromiseKept,
                EventType::RecurringSuspended,
                EventType::HoldPlaced,
                EventType::PaymentRequestFinalised,
                EventType::ReminderEscalated,
            ],
            Condition::Always(true),
            vec![Action::Tell {
                channel: Channel::Hook,
                template: None,
                recipient: Recipient::Endpoint("team".into()),
            }],
        ),
    ])
    .unwrap();
    policies.payouts = Payouts { connector: Some("bank".into()), four_eyes_above_minor: 5_000 };
    policies.collections = collections();
    let large = Condition::Compare(Field::TransferAmount, Operator::Greater, Value::Money(money("9000.00").unwrap()));
    let nobodys = Condition::Compare(Field::TransferNamesRequests, Operator::Equal, Value::Truth(false));
    policies.acceptance.rules = vec![AcceptanceRule {
        name: "large and nobody's".into(),
        when: Condition::All(vec![large, nobodys]),
        then: Acceptance::Hold,
    }];
    policies
}

/// Three new attempts, 3, 5 and 7 days after each failure, at six in the morning.
fn collections() -> Collections {
    let policy = |name: &str, schedule, on_exhausted| RetryPolicy {
        name: name.into(),
        retries: 3,
        schedule,
        by_reason: Vec::new(),
        at: (6, 0),
        roll: Roll::Following,
        lead_days: 2,
        presumed_after_days: 2,
        wait_days: 30,
        on_exhausted,
        card_connector: Some("psp".into()),
        debit_connector: Some("bank".into()),
        shadow_of: None,
    };
    let alert = OnExhausted::default;
    let by_reason = vec![
        ByReason {
            codes: vec!["AM04".into()],
            retries: Some(2),
            schedule: Some(Schedule::DaysOfMonth(vec![5])),
            ..ByReason::default()
        },
        ByReason { codes: vec!["MS02".into()], treat_as: Some(ReasonClass::Retry), ..ByReason::default() },
        ByReason { classes: vec![ReasonClass::Renew], wait_days: Some(10), ..ByReason::default() },
    ];
    let ends = |on_exhausted: OnExhausted| RetryPolicy {
        retries: 1,
        ..policy("ends", Schedule::Gaps(vec![1]), on_exhausted)
    };
    let policies = [
        RetryPolicy {
            by_reason,
            roll: Roll::Preceding,
            ..policy("by_reason", Schedule::Gaps(vec![3]), OnExhausted { asks: true, ..alert() })
        },
        RetryPolicy { name: "gives_up".into(), ..ends(OnExhausted { gives_up_minor_max: Some(500), ..alert() }) },
        RetryPolicy { name: "link".into(), ..ends(OnExhausted { scenario: Some("firm".into()), ..alert() }) },
        policy("standard", Schedule::Gaps(vec![3, 5, 7]), alert()),
        policy("strict", Schedule::Gaps(vec![1]), OnExhausted { suspends: true, ..alert() }),
        policy("learned", Schedule::Paydays(vec![3]), alert()),
        policy("payday", Schedule::DaysOfMonth(vec![5, 31]), alert()),
        // Whoever collects by this one can be asked.
        RetryPolicy {
            card_connector: Some("gateway".into()),
            debit_connector: Some("gateway".into()),
            ..policy("asked", Schedule::Gaps(vec![3]), alert())
        },
        policy("tried", Schedule::Gaps(vec![2]), alert()),
        RetryPolicy { retries: 15, ..policy("stubborn", Schedule::Gaps(vec![1]), alert()) },
    ];
    let mut reasons = ReasonTable::default();
    for (method, code, class, countries) in [
        (Method::DirectDebit, "AM04", ReasonClass::Retry, &[][..]),
        (Method::DirectDebit, "MS03", ReasonClass::Retry, &["DE"][..]),
        (Method::DirectDebit, "AC04", ReasonClass::Renew, &[][..]),
        (Method::DirectDebit, "MD01", ReasonClass::Renew, &[][..]),
        (Method::DirectDebit, "MD06", ReasonClass::Stop, &[][..]),
        (Method::Card, "51", ReasonClass::Retry, &[][..]),
        (Method::Card, "54", ReasonClass::Renew, &[][..]),
        (Method::Card, "MAC03", ReasonClass::Never, &[][..]),
    ] {
        let countries = countries.iter().map(|country: &&str| (*country).into()).collect();
        reasons.add(method, code, Reason { class, countries, after_hours: None, text: String::new() }).unwrap();
    }
    let advice = |hours| Reason {
        class: ReasonClass::Retry,
        countries: Vec::new(),
        after_hours: Some(hours),
        text: String::new(),
    };
    reasons.add(Method::Card, "MAC24", advice(1)).unwrap();
    reasons.add(Method::Card, "MAC27", advice(96)).unwrap();
    let wages = RetryPolicy {
        retries: 1,
        shadow_of: Some("tried".into()),
        ..policy("wages", Schedule::DaysOfMonth(vec![5, 28]), OnExhausted { suspends: true, ..alert() })
    };
    Collections {
        tried_out: [("wages".to_owned(), wages)].into(),
        policies: policies.into_iter().map(|policy| (policy.name.to_string(), policy.checked().unwrap())).collect(),
        default_policy: Some("standard".to_owned()),
        reasons,
        caps: Caps::new(&[Cap { scheme: CardScheme::Visa, attempts: 4, days: 30, from: None }]).unwrap(),
        asked: [
            ("gateway".into(), Asked { inquires: true, cancels: true, refunds: false }),
            ("psp".into(), Asked { refunds: true, ..Asked::default() }),
        ]
        .into(),
    }
}

fn rule(name: &str, on: EventType, when: Condition, then: Action) -> Rule {
    Rule::new(name, vec![on], when, vec![then])
}

fn mail_to(list: &str, template: &str) -> Action {
    let recipient = Recipient::List(list.into());
    Action::Tell { channel: Channel::Email, template: Some(template.into()), recipient }
}
