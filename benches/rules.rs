//! What rules cost: conditions a second, and a thousand rules of one event type, beside each of them asked one by one in
//! the same run.
//!
//! `cargo bench --bench rules`

#![expect(clippy::float_arithmetic, reason = "figures for people")]
#![expect(clippy::panic, reason = "a figure of rules that do not compile is worth nothing")]

use std::hint::black_box;
use std::time::Instant;

use quittance::config::compile_condition as compile;
use quittance_actors::rules::{EventId, EventType, Field, Moment, Published, Rule, RuleBook, Then, Truth, Value};
use quittance_actors::values::{Calendar, Currency, CustomerId, Date, EntityId, Money, TenantId, Timestamp, Zone};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const RULES: usize = 1_000;
const ROUNDS: u32 = 200_000;

fn event() -> Published {
    let at = Timestamp::parse("2026-03-02T08:00:00Z").unwrap_or_default();
    let customer = CustomerId::new(at, 1, 0);
    let tenant = TenantId::parse("shop").unwrap_or_else(|error| panic!("{error}"));
    Published {
        id: EventId { partition: 0, sequence: 1, index: 0 },
        tenant,
        event: EventType::AttemptFailed,
        at,
        entity: EntityId::Customer(customer),
        key: EntityId::Customer(customer),
        key_seq: Some(1),
        customer: Some(customer),
        request: None,
        facts: vec![
            (Field::CustomerExternalRef, Value::Text("C-77".to_owned())),
            (Field::CustomerKind, Value::Text("business".to_owned())),
            (Field::RequestOutstanding, Value::Money(Money::from_minor(12_000, Currency::EUR))),
            (Field::RequestDaysOverdue, Value::Number(12)),
            (Field::AttemptReasonCode, Value::Text("AM04".to_owned())),
        ],
    }
}

fn rules(condition: impl Fn(usize) -> String) -> RuleBook {
    let rule = |number: usize| {
        let text = condition(number);
        let when = compile(&text).unwrap_or_else(|fault| panic!("{text}: {}", fault.message));
        Rule::new(&format!("rule {number}"), vec![EventType::AttemptFailed], when, Vec::new())
    };
    RuleBook::new((0..RULES).map(rule).collect()).unwrap_or_else(|error| panic!("{error}"))
}

fn main() {
    let event = event();
    let zone = Zone::utc();
    let calendar = Calendar::new("weekdays", 1, vec![6, 7], vec![], vec![], Vec::<Date>::new());
    let calendar = calendar.unwrap_or_else(|error| panic!("{error}"));
    let moment = Moment { at: event.at, tenant: &event.tenant, zone: &zone, calendar: &calendar };
    let facts = Then { facts: &event, moment };

    let three =
        compile("customer.kind == \"business\" && request.outstanding > \"EUR 10.00\" && request.days_overdue >= 3")
            .unwrap_or_else(|fault| panic!("{}", fault.message));
    let started = Instant::now();
    let mut held = 0_u32;
    for _ in 0..ROUNDS * 10 {
        held += u32::from(black_box(&three).evaluate(&facts, None) == Truth::True);
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("conditions        {:>8.1} M leaves/s on one core", f64::from(held) * 3.0 / seconds / 1e6);

    for (what, condition) in [
        (
            "by customer",
            Box::new(|number| format!("customer.external_ref == \"C-{number}\" && request.days_overdue > 3"))
                as Box<dyn Fn(usize) -> String>,
        ),
        (
            "by reason",
            Box::new(|number| {
                format!(
                    "attempt.reason_code in [\"R{}\", \"S{number}\"] && customer.kind == \"business\"",
                    number % 50
                )
            }),
        ),
    ] {
        let book = rules(condition);
        let rounds = ROUNDS;
        let started = Instant::now();
        let mut fired = 0;
        for _ in 0..rounds {
            fired += black_box(&book).firing(EventType::AttemptFailed, &facts).len();
        }
        let indexed = started.elapsed().as_secs_f64() / f64::from(rounds) * 1e6;
        let rounds = ROUNDS / 100;
        let started = Instant::now();
        let mut alone = 0;
        for _ in 0..rounds {
            let on = book.on(EventType::AttemptFailed);
            alone += on.filter(|rule| rule.when.evaluate(&facts, None) == Truth::True).count();
        }
        let each = started.elapsed().as_secs_f64() / f64::from(rounds) * 1e6;
        println!(
            "{RULES} rules {what:<12} {indexed:>8.2} µs an event, one by one {each:>8.2} µs; {} and {} fire",
            fired / ROUNDS as usize,
            alone / rounds as usize
        );
    }
}
