//! The policies of the simulated tenant: a scenario, rules to people and machines, card notices.

use std::collections::BTreeMap;

use crate::collection::{
    Caps, Method, OnExhausted, PolicyError, Reason, ReasonClass, ReasonTable, RetryPolicy, Roll, Schedule,
};
use crate::delivery::{Channel, Recipient};
use crate::payment_request::{Anchor, Offset, Scenario, ScenarioError, Step};
use crate::policies::{Asked, Collections, Contact, Payouts, Policies, WriteOff};
use crate::rules::{Action, Condition, EventType, Field, Once, Operator, Per, Rule, RuleBook};
use crate::values::{Calendar, Zone};

/// The policies, or why they could not be built.
pub(super) fn policies() -> Result<Policies, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let calendar = Calendar::new("weekends", 1, vec![6, 7], vec![], vec![], vec![]).map_err(|error| text(&error))?;
    let zone = Zone::parse("Europe/Paris").map_err(|error| text(&error))?;
    let mut policies = Policies::quiet(zone, calendar);
    policies.scenarios.insert("standard".to_owned(), edition(0).map_err(|error| text(&error))?);
    // One message tells a customer of all requests that follow this one.
    let other = edition(0).map_err(|error| text(&error))?;
    let mut steps = other.steps().to_vec();
    steps.extend(steps.last().cloned().map(|last| Step {
        name: "chase".into(),
        anchor: Anchor::Previous,
        offset: Offset::Days(2),
        ..last
    }));
    let other = Scenario::new("other", steps, other.late_within_ms).map_err(|error| text(&error))?;
    policies.scenarios.insert("other".to_owned(), other.once_for_all(true));
    policies.card_notices_days = vec![60, 30, 7];
    policies.status_export = true;
    let hook = |name: &str| Action::Tell {
        channel: Channel::Hook,
        template: None,
        recipient: Recipient::Endpoint(name.into()),
    };
    let mail = Action::Tell {
        channel: Channel::Email,
        template: Some("transfer".into()),
        recipient: Recipient::List("sales".into()),
    };
    let failed = Condition::Compare(Field::AttemptReasonCode, Operator::Equal, "AM04".into());
    let told = Action::NotifyCustomer { channel: Channel::Email, template: "failed".into() };
    policies.rules = RuleBook::new(vec![
        Rule::new("settled", vec![EventType::PaymentRequestSettled], Condition::Always(true), vec![hook("erp")]),
        Rule::new("received", vec![EventType::TransferReceived], Condition::Always(true), vec![mail]),
        Rule::new("failed", vec![EventType::AttemptFailed], failed, vec![told])
            .at_most(Some(Once { per: Per::Customer, within_ms: 2 * 24 * 3_600_000 })),
        Rule::new("tried", vec![EventType::PaymentRequestOverdue], Condition::Always(true), vec![hook("new")])
            .tried_out(true),
        Rule::new("card", vec![EventType::PaymentMethodExpiring], Condition::Always(true), vec![hook("erp")]),
    ])
    .map_err(|error| text(&error))?;
    policies.contact = Contact { per_week: Some(3), quiet_weekdays: vec![7], ..Contact::default() };
    // What payers round down is given up, and credit pays the next requests.
    policies.matching.write_off = Some(WriteOff { minor_max: 500, per_mille_max: 50 });
    policies.matching.nets_credit = true;
    policies.payouts = Payouts { connector: Some("bank".into()), four_eyes_above_minor: 1_000 };
    policies.collections = collections().map_err(|error| text(&error))?;
    Ok(policies)
}

/// Editions of the scenario: people change it while it runs.
pub(super) const EDITIONS: u64 = 5;

/// The scenario as it was written first, or changed.
pub(super) fn edition(number: u64) -> Result<Scenario, ScenarioError> {
    let step = |name: &str, anchor, offset_days, channels: &[Channel]| Step {
        when: Condition::Always(true),
        name: name.into(),
        anchor,
        offset: Offset::Days(offset_days),
        at: (9, 30),
        channels: channels.to_vec(),
        template: name.into(),
        approval: name == "late_10" && number >= 2,
    };
    let last = if matches!(number, 1 | 3) { 20 } else { 10 };
    let mut steps = vec![
        step("request", Anchor::Created, 0, &[Channel::Email]),
        step("before", Anchor::Due, -3, &[Channel::Email]),
        step("late_3", Anchor::Due, 3, &[Channel::Email, Channel::Sms]),
        step("late_10", Anchor::Due, last, &[Channel::Sms, Channel::Email]),
    ];
    match number {
        1 => steps.insert(1, step("early", Anchor::Due, -5, &[Channel::Email])),
        2 => steps.insert(3, step("late_5", Anchor::Due, 5, &[Channel::Email])),
        4 => drop(steps.remove(2)),
        _ => {}
    }
    Scenario::new("standard", steps, 24 * 3_600_000)
}

/// New attempts after the first.
pub(super) const RETRIES: u16 = 3;

/// One policy for cards and direct debits, that suspends when every attempt has failed.
fn collections() -> Result<Collections, PolicyError> {
    let policy = RetryPolicy {
        name: "standard".into(),
        retries: RETRIES,
        schedule: Schedule::Gaps(vec![2, 4]),
        by_reason: Vec::new(),
        at: (6, 0),
        roll: Roll::Following,
        lead_days: 1,
        presumed_after_days: 2,
        wait_days: 20,
        on_exhausted: OnExhausted { suspends: true, ..OnExhausted::default() },
        card_connector: Some("psp".into()),
        debit_connector: Some("bank".into()),
        shadow_of: None,
    };
    let mut reasons = ReasonTable::default();
    for method in [Method::Card, Method::DirectDebit] {
        for (code, class) in [("AM04", ReasonClass::Retry), ("AC04", ReasonClass::Renew), ("MD06", ReasonClass::Stop)]
        {
            // The table is new: no code stands twice.
            let _ = reasons.add(
                method,
                code,
                Reason { class, countries: Vec::new(), after_hours: None, text: String::new() },
            );
        }
    }
    let policies = [("standard".to_owned(), policy.checked()?)].into_iter().collect();
    let asked = BTreeMap::from([("psp".into(), Asked { inquires: true, cancels: true, refunds: true })]);
    let default_policy = Some("standard".to_owned());
    Ok(Collections { policies, tried_out: BTreeMap::new(), default_policy, reasons, caps: Caps::default(), asked })
}
