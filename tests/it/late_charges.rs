//! What late business payers owe beside the amount, and consumers never.

use serde_json::{Value as Json, json};

use crate::support::running::{Running, sample};
use crate::support::scratch::wait_for;

fn invoice(running: &Running, number: &str, customer: &str, kind: &str) -> String {
    let body = json!({
        "external_ref": number,
        "amount": { "amount": 100_000, "currency": "EUR" },
        "due_on": "2026-03-12",
        "customer": { "external_ref": customer, "kind": kind, "name": format!("Customer {customer}") },
    });
    let created = running.post("/v1/payment-requests", &body);
    assert_eq!(created.status, 201, "{}", created.text());
    format!("/v1/payment-requests/{}", created.json()["id"].as_str().unwrap())
}

fn pay(running: &Running, path: &str, key: &str, minor: i64, booked_on: &str) {
    let request = running.get(path).json();
    let body = json!({
        "entry_ref": key,
        "amount": { "amount": minor, "currency": "EUR" },
        "booked_on": booked_on,
        "remittance": request["creditor_reference"],
    });
    assert_eq!(running.post("/v1/transfers", &body).status, 201);
    let left = request["outstanding"]["amount"].as_i64().unwrap() - minor;
    wait_for("it to be counted", || (running.get(path).json()["outstanding"]["amount"] == left).then_some(()));
}

#[test]
fn late_business_payers_owe_interest_of_what_was_open_and_consumers_nothing() {
    let (_scratch, running) = sample("late", |text| text);
    let business = invoice(&running, "F-1", "C-1", "business");
    let consumer = invoice(&running, "F-2", "C-2", "consumer");
    let charges = |path: &str, on: &str| running.get(&format!("{path}/late-charges?on={on}")).json();
    let cents =
        |charges: &Json| ["indemnity", "interest", "total"].map(|name| charges[name]["amount"].as_i64().unwrap());
    assert_eq!(cents(&charges(&business, "2026-03-12")), [0, 0, 0], "nothing on the last day");
    assert_eq!(cents(&charges(&business, "2026-03-13")), [4_000, 33, 4_033], "1,000.00 for a day at 12.15 %");

    running.advance("40d");
    for path in [&business, &consumer] {
        // Known on 11 April, booked on 22 March: it counts from then on.
        pay(&running, path, &format!("{path}/a"), 60_000, "2026-03-22");
    }
    let late = charges(&business, "2026-04-11");
    assert_eq!(cents(&late), [4_000, 599, 4_599], "ten days of 1,000.00 and twenty of 400.00: {late}");
    assert_eq!(late["days_late"], 30);
    let spans: Vec<String> = late["spans"]
        .as_array()
        .unwrap()
        .iter()
        .map(|span| format!("{} {} {} {}", span["from"], span["to"], span["balance"]["amount"], span["rate_percent"]))
        .collect();
    assert_eq!(spans, [r#""2026-03-13" "2026-03-22" 100000 "12.15""#, r#""2026-03-23" "2026-04-11" 40000 "12.15""#]);
    for path in [&business, &consumer] {
        pay(&running, path, &format!("{path}/b"), 40_000, "2026-04-11");
    }
    assert_eq!(cents(&charges(&business, "2026-12-31")), [4_000, 599, 4_599], "nothing grows once it is paid");
    assert_eq!(cents(&charges(&consumer, "2026-12-31")), [0, 0, 0], "a consumer owes nothing beside the amount");
    assert_eq!(running.get(&format!("{business}/late-charges?on=tomorrow")).status, 400);

    let export = running.get("/v1/exports/late-charges?from=2026-04-01&to=2026-04-30");
    assert_eq!(
        export.text(),
        "invoice;customer;due_on;settled_on;days_late;indemnity;interest;total;currency\n\
         F-1;C-1;2026-03-12;2026-04-11;30;40.00;5.99;45.99;EUR\n"
    );
    let empty = running.get("/v1/exports/late-charges?from=2026-03-01&to=2026-03-31").text();
    assert_eq!(empty.lines().count(), 1, "{empty}");
}

#[test]
fn a_reminder_tells_a_late_business_what_the_law_adds_and_a_consumer_nothing() {
    let (_scratch, running) = sample("late-told", |text| text);
    let invoice = |number: &str, kind: &str, language: &str| {
        let body = json!({
            "external_ref": number, "amount": { "amount": 100_000, "currency": "EUR" }, "due_on": "2026-03-12",
            "customer": {
                "external_ref": number, "kind": kind, "name": "Atelier", "language": language,
                "email": format!("{number}@example.org").to_lowercase(),
            },
        });
        assert_eq!(running.post("/v1/payment-requests", &body).status, 201);
    };
    for (number, kind, language) in
        [("B-FR", "business", "fr"), ("B-EN", "business", "en"), ("C-FR", "consumer", "fr")]
    {
        invoice(number, kind, language);
    }
    running.advance("20d");
    let text_to = |address: &str| {
        wait_for(address, || {
            let found = running.get("/v1/messages?limit=100").json();
            let late =
                |of: &&Json| of["to"][0] == address && of["template"] == "reminder_late" && of["channel"] == "email";
            found["data"].as_array()?.iter().find(late)?["text"].as_str().map(str::to_owned)
        })
    };
    let french = text_to("b-fr@example.org");
    let told =
        "une indemnité de 40,00\u{a0}€ pour frais de recouvrement est due, et des intérêts de 12,15\u{a0}% par an";
    assert!(french.contains(told), "{french}");
    let english = text_to("b-en@example.org");
    assert!(
        english.contains("an indemnity of €40.00 for recovery costs is due, and interest of 12.15% a year"),
        "{english}"
    );
    let consumer = text_to("c-fr@example.org");
    assert!(!consumer.contains("indemnité") && !consumer.contains("\n\n\n"), "{consumer}");
}
