//! Invoices of one order: who pays by the order's number pays what is open of it, and nothing else.

use serde_json::{Value as Json, json};

use crate::support::running::{Running, drop_file, sample};
use crate::support::scratch::wait_for;
use crate::support::statement::statement;

fn issue(running: &Running, customer: &str, number: &str, minor: i64, order: &str) -> Json {
    let body = json!({
        "external_ref": number, "amount": { "amount": minor, "currency": "EUR" }, "issued_on": "2026-03-02",
        "due_on": "2026-03-31", "order": order,
        "customer": { "external_ref": customer, "kind": "business", "name": format!("Customer {customer}"), "language": "fr" },
    });
    let made = running.post("/v1/payment-requests", &body);
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()
}

fn status(running: &Running, number: &str) -> String {
    running.find("/v1/payment-requests", number)["status"].as_str().unwrap().to_owned()
}

fn decided(running: &Running, cents: i64) -> Json {
    wait_for("the transfer", || {
        let all = running.list("/v1/transfers");
        let found = all.into_iter().find(|transfer| transfer["amount"]["amount"] == cents)?;
        (found["status"] != "received").then_some(found)
    })
}

#[test]
fn a_transfer_by_the_number_of_an_order_pays_what_is_open_of_it() {
    let (scratch, running) = sample("orders-grouped", |text| text);
    assert_eq!(issue(&running, "C-1", "F-1", 10_000, "PO-2026-0441")["order"], "PO-2026-0441");
    issue(&running, "C-1", "F-2", 5_000, "PO-2026-0441");
    issue(&running, "C-1", "F-3", 15_000, "PO-2026-0442");
    // An order that two customers have names neither of them.
    for (customer, number) in [("C-2", "F-4"), ("C-3", "F-5")] {
        issue(&running, customer, number, 2_100, "PO-2026-0999");
    }
    // Of an order of two, a sum that is neither of them.
    issue(&running, "C-4", "F-6", 3_000, "PO-2026-0777");
    issue(&running, "C-4", "F-7", 4_000, "PO-2026-0777");
    // Another order, paid invoice by invoice.
    issue(&running, "C-5", "F-8", 8_000, "PO-2026-0888");
    issue(&running, "C-5", "F-9", 9_000, "PO-2026-0888");
    let bank = scratch.path().join("data/bank/in");
    let entries = [
        ("150.00", "", "", "order PO 2026 0441"),
        ("21.00", "", "", "PO-2026-0999"),
        ("33.00", "", "", "PO-2026-0777"),
        ("90.00", "", "", "PO-2026-0888"),
    ];
    let report = drop_file(&bank, "first.xml", statement("S1", &entries).as_bytes());
    assert_eq!(report["accepted"], 4, "{report}");

    let whole = decided(&running, 15_000);
    assert_eq!(whole["status"], "matched", "{whole:#}");
    assert!(whole["explanation"].as_str().unwrap().starts_with("order number"), "{whole:#}");
    wait_for("both", || (status(&running, "F-1") == "settled" && status(&running, "F-2") == "settled").then_some(()));
    assert_eq!(status(&running, "F-3"), "open", "the same amount of another order");
    assert_eq!(decided(&running, 2_100)["status"], "needs_decision");
    assert_eq!(decided(&running, 3_300)["status"], "needs_decision");
    // One of them, exactly: the other stays open.
    let one = decided(&running, 9_000);
    assert_eq!(one["status"], "matched", "{one:#}");
    wait_for("the ninth", || (status(&running, "F-9") == "settled").then_some(()));
    assert_eq!(status(&running, "F-8"), "open");

    // The last of the order, by its number alone; and the customer is known to what is not exact.
    let rest = statement("S2", &[("80.00", "", "", "PO-2026-0888 solde")]);
    drop_file(&bank, "second.xml", rest.as_bytes());
    wait_for("the eighth", || (status(&running, "F-8") == "settled").then_some(()));
    let task = decided(&running, 3_300);
    let decision = running.get(&format!("/v1/decisions/{}", task["id"].as_str().unwrap())).json();
    for number in ["F-6", "F-7"] {
        let id = running.find("/v1/payment-requests", number)["id"].as_str().unwrap().to_owned();
        assert!(decision.to_string().contains(&id), "{number} is looked at first: {decision:#}");
    }

    // Paid twice: what is open of the order is less than that, or more, and a person looks at it.
    let twice = statement("S3", &[("90.01", "", "", "PO-2026-0442"), ("150.00", "", "", "PO-2026-0442")]);
    drop_file(&bank, "third.xml", twice.as_bytes());
    wait_for("the third", || (status(&running, "F-3") == "settled").then_some(()));
    assert_eq!(decided(&running, 9_001)["status"], "needs_decision", "a part of the order");
    // On the account number of one, by the order of another: a person looks at it.
    issue(&running, "C-6", "F-10", 6_100, "PO-2026-0601");
    let own = running.find("/v1/customers", "C-1");
    let path = format!("/v1/customers/{}/virtual-iban", own["id"].as_str().unwrap());
    let own = match own["virtual_iban"].as_str() {
        Some(given) => given.to_owned(),
        None => running.post(&path, &json!({})).json()["virtual_iban"].as_str().unwrap().to_owned(),
    };
    let other = statement("S4", &[("61.00", own.as_str(), "", "PO-2026-0601")]);
    drop_file(&bank, "fourth.xml", other.as_bytes());
    let task = decided(&running, 6_100);
    assert_eq!((&task["status"], status(&running, "F-10").as_str()), (&json!("needs_decision"), "open"), "{task:#}");

    // The same row again is the same request; another order for it is refused.
    let same = json!({ "external_ref": "F-3", "amount": { "amount": 15_000, "currency": "EUR" },
        "issued_on": "2026-03-02", "due_on": "2026-03-31", "order": "PO-2026-0443", "customer_ref": "C-1" });
    let refused = running.post("/v1/payment-requests", &same);
    assert!((400..500).contains(&refused.status) && refused.text().contains("PO-2026-0442"), "{}", refused.text());
}
