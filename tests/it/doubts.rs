//! Transfers that no match can be trusted with: each ends as a task or is refused at its place, and pays nothing.

use quittance_actors::values::AccountPool;
use serde_json::{Value as Json, json};

use crate::support::http::call;
use crate::support::running::{Running, configure, drop_file, sample};
use crate::support::scratch::{Scratch, wait_for};
use crate::support::statement::statement;

/// A merchant beside another one, both with account numbers for their customers.
fn merchants(name: &str) -> (Scratch, Running) {
    let scratch = Scratch::new(name);
    let hash = quittance::digest::hex(&quittance::digest::sha256(b"qk_other"));
    let config = configure(scratch.path(), |text| {
        text + &format!(
            "\n[[tenant]]\nid = \"other-shop\"\nname = \"Other\"\nzone = \"Europe/Berlin\"\nemail_from = \"a@other.example\"\n\
             [tenant.virtual_ibans]\nbank = \"20041\"\nbranch = \"01005\"\nprefix = \"04300\"\nwidth = 6\n\
             [[tenant.api_key]]\nid = \"other\"\nsha256 = \"{hash}\"\n"
        )
    });
    let running = Running::start(&config);
    (scratch, running)
}

fn issue(running: &Running, customer: &str, number: &str, minor: i64, reference: Option<&str>) -> Json {
    let mut body = json!({
        "external_ref": number, "amount": { "amount": minor, "currency": "EUR" }, "issued_on": "2026-03-02",
        "due_on": "2026-03-31",
        "customer": { "external_ref": customer, "kind": "business", "name": format!("Customer {customer}"), "language": "fr" },
    });
    if let Some(reference) = reference {
        body["payment_reference"] = reference.into();
    }
    let made = running.post("/v1/payment-requests", &body);
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()
}

#[test]
fn what_no_match_can_be_trusted_with_is_a_task() {
    let (scratch, running) = merchants("doubts");
    let first = issue(&running, "C-1", "F-1", 10_000, None);
    let reference = first["creditor_reference"].as_str().unwrap();
    let printed = "+++090/9337/55493+++";
    let shared = [("C-2", "F-2"), ("C-3", "F-3")]
        .map(|(customer, number)| issue(&running, customer, number, 7_500, Some(printed)));
    let body = json!({ "external_ref": "D-1", "kind": "business", "name": "Theirs", "language": "en" });
    let headers =
        [("Authorization", "Bearer qk_other"), ("Idempotency-Key", "k1"), ("Content-Type", "application/json")];
    let theirs = call(running.address, "POST", "/v1/customers", &headers, body.to_string().as_bytes()).unwrap();
    assert_eq!(theirs.status, 201, "{}", theirs.text());
    let theirs = call(running.address, "GET", theirs.header("location").unwrap(), &headers, b"").unwrap().json();
    let of_another = match theirs["virtual_iban"].as_str() {
        Some(given) => given.to_owned(),
        None => {
            let path = format!("/v1/customers/{}/virtual-iban", theirs["id"].as_str().unwrap());
            let headers = [headers[0], ("Idempotency-Key", "k2"), headers[2]];
            let given = call(running.address, "POST", &path, &headers, b"{}").unwrap();
            given.json()["virtual_iban"].as_str().unwrap_or_else(|| panic!("{}", given.text())).to_owned()
        }
    };
    let never_given = AccountPool::french("20041", "01005", "04200", 6).unwrap().at(777).unwrap();
    let never_given = never_given.iban().electronic();
    let bank = scratch.path().join("data/bank/in");
    let entries = [
        ("100.00", of_another.as_str(), reference, "for F-1"),
        ("100.00", never_given, reference, "for F-1"),
        ("75.00", "", "", printed),
        ("41.00", "", "", "who am I"),
    ];
    let report = drop_file(&bank, "first.xml", statement("S1", &entries).as_bytes());
    assert_eq!(report["accepted"], 4, "{report}");
    // The bank's next file has the fourth with another amount, and a year that is a slip.
    let again = statement("S1", &entries).replace("41.00", "14.00").replace("<Id>S1</Id>", "<Id>S2</Id>");
    let again = again.replace("441.00", "414.00").replace("316.00", "289.00");
    let report = drop_file(&bank, "again.xml", again.as_bytes());
    assert_eq!((&report["accepted"], &report["known"]), (&1.into(), &3.into()), "{report}");
    let third = statement("S1", &entries).replace("41.00", "15.00").replace("<Id>S1</Id>", "<Id>S4</Id>");
    let third = third.replace("316.00", "290.00");
    drop_file(&bank, "third.xml", third.as_bytes());
    let ahead = statement("S3", &[("100.00", "", reference, "for F-1")]).replace("2026-03-05", "2062-03-05");
    drop_file(&bank, "ahead.xml", ahead.as_bytes());
    let tasks = wait_for("the tasks", || Some(running.list("/v1/tasks")).filter(|tasks| tasks.len() == 7));
    let mut doubts: Vec<(i64, &str)> = tasks
        .iter()
        .map(|task| (task["amount"]["amount"].as_i64().unwrap(), task["doubt"].as_str().unwrap()))
        .collect();
    doubts.sort_unstable();
    let expected = [
        (1_400, "restated"),
        (1_500, "restated"),
        (4_100, "unknown_payer"),
        (7_500, "shared_reference"),
        (10_000, "account_of_another_merchant"),
        (10_000, "account_of_nobody"),
        (10_000, "booked_ahead"),
    ];
    assert_eq!(doubts, expected);
    // A person sees what points to whom.
    let known = tasks.iter().find(|task| task["doubt"] == "account_of_another_merchant").unwrap();
    let decision = running.get(&format!("/v1/decisions/{}", known["id"].as_str().unwrap())).json();
    let points = &decision["evidence"][0];
    assert_eq!(
        (&points["by"], &points["payment_request"]),
        (&"creditor reference".into(), &first["id"]),
        "{decision}"
    );
    assert_eq!(decision["bank_says"]["servicer_reference"], "S1-0", "{decision}");
    // A reference that all invoices of one customer have says who pays.
    let own = "+++312/4013/98067+++";
    for number in ["F-8", "F-9"] {
        issue(&running, "C-8", number, if number == "F-8" { 800 } else { 900 }, Some(own));
    }
    let named = statement("S5", &[("9.00", "", "", own)]).replace("<Nm>Payer</Nm>", "<Nm>Customer C-8</Nm>");
    drop_file(&bank, "own.xml", named.as_bytes());
    wait_for("it to be placed", || {
        (running.find("/v1/payment-requests", "F-9")["status"] == "settled").then_some(())
    });
    for request in shared.iter().chain([&first]) {
        let seen = running.get(&format!("/v1/payment-requests/{}", request["id"].as_str().unwrap())).json();
        assert_eq!((&seen["status"], &seen["outstanding"]), (&"open".into(), &request["amount"]), "{seen}");
    }
    // Nor does a call with another amount, none, or one that is not above zero.
    let told = |reference: &str, amount: Json| {
        let body =
            json!({ "entry_ref": reference, "amount": amount, "booked_on": "2026-03-05", "remittance": "F-1" });
        running.post("/v1/transfers", &body)
    };
    assert_eq!(told("T-1", json!({ "amount": 300, "currency": "EUR" })).status, 201);
    for (reference, amount, why) in [
        ("T-1", json!({ "amount": 301, "currency": "EUR" }), "already received with another amount"),
        ("T-2", json!({ "amount": 0, "currency": "EUR" }), "from 1 to"),
        ("T-3", json!({ "amount": -5, "currency": "EUR" }), "from 1 to"),
        ("T-4", json!({ "amount": 5 }), "currency"),
        ("T-5", json!({ "amount": 5, "currency": "EURO" }), "currency"),
    ] {
        let answer = told(reference, amount);
        assert!((400..500).contains(&answer.status) && answer.text().contains(why), "{reference}: {}", answer.text());
    }
}

#[test]
fn a_rule_of_matching_leaves_to_a_person_what_is_sure_and_a_new_edition_counts_at_once() {
    let (_scratch, running) = sample("left-to-a-person", |text| text);
    let publish =
        |text: &str| running.post("/v1/configuration/editions", &json!({ "files": { "acceptance.toml": text } }));
    let wrong = "[[never_auto]]\nname = \"blocked\"\nwhen = 'transfer.payer_blocked'\n";
    let refused = publish(wrong);
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("a rule of matching can ask about"), "{}", refused.text());
    let said = running
        .post("/v1/configuration/check", &json!({ "files": { "acceptance.toml": "[matching]\nauto_at = 700\n" } }));
    assert!(said.text().contains("850"), "below it would be a guess: {}", said.text());
    let rule = "[matching]\npropose_at = 900\n\n[[never_auto]]\nname = \"sums of large ones\"\n\
        when = 'match.step in [\"everything\", \"together\", \"oldest_together\"] && transfer.amount > \"EUR 150.00\"'\n";
    let published = publish(rule);
    assert_eq!(published.status, 201, "{}", published.text());

    let first = issue(&running, "C-1", "F-1", 10_000, None);
    let second = issue(&running, "C-1", "F-2", 7_500, None);
    let customer = running.get(&format!("/v1/customers/{}", first["customer"].as_str().unwrap())).json();
    let account = customer["virtual_iban"].as_str().unwrap().to_owned();
    let pays = |entry: &str, minor: i64, text: &str| {
        let body = json!({ "entry_ref": entry, "amount": { "amount": minor, "currency": "EUR" }, "booked_on": "2026-03-02",
            "account": account, "payer_name": "C", "remittance": text });
        let made = running.post("/v1/transfers", &body);
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()
    };
    let left = pays("T-1", 17_500, "merci");
    assert_eq!((&left["status"], &left["doubt"]), (&"needs_decision".into(), &"left_to_person".into()), "{left}");
    assert!(left["explanation"].as_str().unwrap().ends_with(": sums of large ones"), "{left}");
    let id = left["id"].as_str().unwrap().to_owned();
    let shown = running.get(&format!("/v1/transfers/{id}")).json();
    let scores: Vec<i64> = shown["decision"]["others"]
        .as_array()
        .unwrap()
        .iter()
        .map(|proposal| proposal["score"].as_i64().unwrap())
        .collect();
    assert!(!scores.is_empty() && scores.iter().all(|score| *score >= 900), "{shown}");
    // What names its invoice is none of it.
    assert_eq!(pays("T-2", 10_000, "F-1")["status"], "matched");
    // Without the rule the next sum is placed.
    issue(&running, "C-1", "F-3", 9_000, None);
    assert_eq!(
        publish(
            "[matching]\nexcess = \"oldest\"\n\n[[never_auto]]\nname = \"several\"\nwhen = 'match.requests > 1'\n"
        )
        .status,
        201
    );
    // Above what it names it would pay another one as well, which the rule leaves to a person.
    let more = pays("T-4", 12_000, second["creditor_reference"].as_str().unwrap());
    assert_eq!(more["doubt"], "left_to_person", "{more}");
    let step = publish("[[never_auto]]\nname = \"sums\"\nwhen = 'match.step == \"togehter\"'\n");
    assert!(step.status == 422 && step.text().contains("did you mean \\\"together\\\"?"), "{}", step.text());
    // A rule without a condition leaves everything to a person, also what an invoice that comes late names.
    assert_eq!(publish("[[never_auto]]\nname = \"everything\"\n").status, 201);
    let body = json!({ "entry_ref": "T-5", "amount": { "amount": 4_400, "currency": "EUR" }, "booked_on": "2026-03-02",
        "payer_name": "Nobody known", "remittance": "FACT-2026-0099" });
    let early = running.post("/v1/transfers", &body).json();
    assert_eq!(early["status"], "needs_decision", "{early}");
    issue(&running, "C-3", "FACT-2026-0099", 4_400, None);
    let path = format!("/v1/transfers/{}", early["id"].as_str().unwrap());
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(running.get(&path).json()["status"], "needs_decision");
    // Without a rule both are placed.
    assert_eq!(publish("[matching]\n").status, 201);
    let sum = pays("T-3", 16_500, "merci");
    assert_eq!(sum["status"], "matched", "{sum}");
    let body = json!({ "entry_ref": "T-6", "amount": { "amount": 3_300, "currency": "EUR" }, "booked_on": "2026-03-02",
        "payer_name": "Nobody known", "remittance": "FACT-2026-0100" });
    let early = running.post("/v1/transfers", &body).json();
    assert_eq!(early["status"], "needs_decision", "{early}");
    issue(&running, "C-3", "FACT-2026-0100", 3_300, None);
    let path = format!("/v1/transfers/{}", early["id"].as_str().unwrap());
    wait_for("the late invoice", || (running.get(&path).json()["status"] == "matched").then_some(()));
}

#[test]
fn what_a_tenants_own_file_says_nothing_of_stays_as_everybody_has_it() {
    let scratch = Scratch::new("left-by-all");
    let config = configure(scratch.path(), |text| text);
    let shared = scratch.path().join("config/acceptance.toml");
    let rule = "\n[[never_auto]]\nname = \"of everybody\"\nwhen = 'transfer.amount > \"EUR 50.00\"'\n";
    std::fs::write(&shared, std::fs::read_to_string(&shared).unwrap() + rule).unwrap();
    let running = Running::start(&config);
    let first = issue(&running, "C-1", "F-1", 10_000, None);
    let pays = |entry: &str| {
        let body = json!({ "entry_ref": entry, "amount": { "amount": 10_000, "currency": "EUR" },
            "booked_on": "2026-03-02", "payer_name": "C", "remittance": first["creditor_reference"] });
        let made = running.post("/v1/transfers", &body);
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()
    };
    let publish = |text: &str| {
        running.post("/v1/configuration/editions", &json!({ "files": { "acceptance.toml": text } })).status
    };
    let own = "[[acceptance]]\nname = \"all\"\nwhen = 'transfer.identified'\nthen = \"accept\"\n";
    assert_eq!(publish(own), 201);
    let left = pays("T-1");
    assert!(left["explanation"].as_str().unwrap().ends_with(": of everybody"), "{left}");
    assert_eq!(publish(&format!("never_auto = []\n\n{own}")), 201);
    assert_eq!(pays("T-2")["status"], "matched");
}
