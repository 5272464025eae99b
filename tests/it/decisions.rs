//! What a person decides about a transfer: carried out once, across lanes, and taken back.

use serde_json::{Value as Json, json};

use crate::support::running::{BINARY, KEY, Running, drop_file, sample};
use crate::support::scratch::{Scratch, wait_for};
use crate::support::statement::statement;

const INVOICES: &str = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
    F-1;C-1;Jean Dupont;jean@example.org;;fr;120,00;02/03/2026;10/03/2026;Conseil\n\
    F-2;C-2;ACME Ltd;ap@acme.example;;en;80,50;02/03/2026;10/03/2026;Design\n";

/// Two invoices and three transfers of nobody.
fn story(name: &str) -> (Scratch, Running) {
    let (scratch, running) = sample(name, |text| text);
    let data = scratch.path().join("data");
    drop_file(&data.join("erp/in"), "invoices.csv", INVOICES.as_bytes());
    let entries = [("130.00", "", "", "bonjour"), ("80.50", "", "", "hello"), ("7.77", "", "", "qui ?")];
    let report = drop_file(&data.join("bank/in"), "statement.xml", statement("S1", &entries).as_bytes());
    assert_eq!(report["accepted"], 3, "{report}");
    (scratch, running)
}

fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json[key].as_str().unwrap_or_else(|| panic!("{key} of {json}"))
}

fn transfer(running: &Running, minor: i64) -> Json {
    wait_for("the transfer", || {
        running.list("/v1/transfers").into_iter().find(|transfer| transfer["amount"]["amount"] == minor)
    })
}

fn read(running: &Running, path: &str, id: &str) -> Json {
    running.get(&format!("/v1/{path}/{id}")).json()
}

/// A transfer of nobody that says from which account it came.
fn from_account(running: &Running, entry: &str, minor: i64) -> String {
    let body = json!({
        "entry_ref": entry, "amount": { "amount": minor, "currency": "EUR" }, "booked_on": "2026-03-05",
        "payer_name": "Holding XYZ", "payer_iban": "DE89370400440532013000", "remittance": "paiement",
    });
    let received = running.post("/v1/transfers", &body);
    assert!([200, 201].contains(&received.status), "{}", received.text());
    text(&received.json(), "id").to_owned()
}

#[test]
fn a_person_has_the_account_of_a_payer_remembered_and_the_next_transfer_is_placed() {
    let (scratch, mut running) = story("remembered");
    let request = text(&running.find("/v1/payment-requests", "F-1"), "id").to_owned();
    let customer = running.find("/v1/payment-requests", "F-2")["customer"].clone();
    let first = from_account(&running, "A-1", 4_000);
    let remember = |running: &Running, id: &str| {
        running.post(&format!("/v1/transfers/{id}/remember-payer"), &json!({ "by": "Ana" }))
    };
    assert_eq!(read(&running, "transfers", &first)["proposes"], Json::Null);
    assert_eq!(remember(&running, &first).status, 409, "nobody knows yet whose it is");
    let second_request = text(&running.find("/v1/payment-requests", "F-2"), "id").to_owned();
    let pays = json!({ "pays": [{ "payment_request": second_request }], "by": "Ana" });
    let decided = running.post(&format!("/v1/transfers/{first}/decision"), &pays);
    assert_eq!(decided.status, 201, "{}", decided.text());
    // A decision alone is no rule: it is proposed, and nothing is learned.
    assert_eq!(decided.json()["proposes"], "remember_payer");
    let second = from_account(&running, "A-2", 4_050);
    assert_eq!(read(&running, "transfers", &second)["customer"], Json::Null);

    let remembered = remember(&running, &first);
    assert_eq!(remembered.status, 201, "{}", remembered.text());
    assert_eq!(remembered.json()["proposes"], Json::Null);
    running.kill();
    let running = Running::start(&scratch.path().join("config/quittance.toml"));
    let third = from_account(&running, "A-3", 4_050);
    let placed = read(&running, "transfers", &third);
    assert_eq!((&placed["customer"], text(&placed, "status")), (&customer, "matched"), "{placed}");
    assert_eq!(read(&running, "payment-requests", &second_request)["status"], "settled");
    assert_eq!(read(&running, "payment-requests", &request)["status"], "open");
    // Taken back, it says nothing any more.
    let back =
        running.post(&format!("/v1/transfers/{first}/take-back"), &json!({ "reason": "not theirs", "by": "Ana" }));
    assert_eq!(back.status, 201, "{}", back.text());
    // Nor can it be remembered again: nobody knows whose it is.
    let decided = running.post(
        &format!("/v1/transfers/{first}/decision"),
        &json!({ "pays": [{ "payment_request": request }], "by": "Ana" }),
    );
    assert_eq!(decided.status, 201, "{}", decided.text());
    let again = remember(&running, &first);
    assert!(again.status == 409 && again.text().contains("payer_known"), "{}", again.text());
    let fourth = from_account(&running, "A-4", 1_000);
    assert_eq!(read(&running, "transfers", &fourth)["customer"], Json::Null);
}

#[test]
fn a_decision_pays_the_request_of_whichever_lane_and_taking_it_back_opens_it_again() {
    let (_scratch, running) = story("decisions");
    let request = running.find("/v1/payment-requests", "F-1");
    let (request, customer) = (text(&request, "id").to_owned(), text(&request, "customer").to_owned());
    let task = transfer(&running, 13_000);
    let id = text(&task, "id").to_owned();
    assert_eq!(task["status"], "needs_decision");

    let decide = |body: Json| running.post(&format!("/v1/transfers/{id}/decision"), &body);
    let too_much = decide(
        json!({ "pays": [{ "payment_request": request, "amount": { "amount": 13_000, "currency": "EUR" } }] }),
    );
    assert_eq!(too_much.status, 409, "{}", too_much.text());
    assert!(too_much.text().contains("only 120.00 EUR of prq_"), "{}", too_much.text());
    let more = decide(
        json!({ "pays": [{ "payment_request": request, "amount": { "amount": 14_000, "currency": "EUR" } }] }),
    );
    assert!(more.status == 409 && more.text().contains("140.00 EUR, the transfer is 130.00 EUR"), "{}", more.text());
    assert_eq!(decide(json!({})).status, 400, "it names nothing");
    let wrong = decide(json!({ "pays": [{ "payment_reqest": "x" }], "buy": "me" }));
    assert!(
        wrong.status == 422 && wrong.text().contains("/pays/0/payment_reqest"),
        "{} {}",
        wrong.status,
        wrong.text()
    );
    assert_eq!(read(&running, "transfers", &id)["status"], "needs_decision");

    let decided = decide(json!({ "pays": [{ "payment_request": request }], "by": "Ana" }));
    assert_eq!(decided.status, 201, "{}", decided.text());
    let decided = decided.json();
    assert_eq!((text(&decided, "status"), text(&decided, "explanation")), ("matched", "decided by Ana"));
    assert_eq!((&decided["credited"]["amount"], &decided["customer"]), (&json!(1_000), &json!(customer)));
    assert_eq!(read(&running, "payment-requests", &request)["status"], "settled");
    assert_eq!(read(&running, "customers", &customer)["credit"][0]["amount"], 1_000);
    let again = decide(json!({ "pays": [{ "payment_request": request }], "by": "Ana" }));
    assert!(again.status == 409 && again.text().contains("Matched"), "{}", again.text());

    let back =
        running.post(&format!("/v1/transfers/{id}/take-back"), &json!({ "reason": "wrong payer", "by": "Ana" }));
    assert_eq!(back.status, 201, "{}", back.text());
    assert_eq!(text(&back.json(), "status"), "needs_decision");
    let reopened = read(&running, "payment-requests", &request);
    assert_eq!((text(&reopened, "status"), &reopened["outstanding"]["amount"]), ("open", &json!(12_000)));
    assert!(reopened["next_reminder_at"].is_string(), "reminders go on: {reopened}");
    assert_eq!(read(&running, "customers", &customer)["credit"][0]["amount"], 0);
    let timeline = running.get(&format!("/v1/payment-requests/{request}/timeline")).text();
    for event in ["payment_request.settled", "payment_request.payment_reversed", "payment_request.reopened"] {
        assert!(timeline.contains(event), "{event} in {timeline}");
    }

    // What was weighed is told by the API and on the command line.
    let explained = std::process::Command::new(BINARY)
        .args(["explain", &id, "--url", &format!("http://{}", running.address), "--key", KEY])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&explained.stdout).into_owned();
    for part in
        ["130.00 EUR", "payer        Payer", "needs_decision: its match was taken back", "text         bonjour"]
    {
        assert!(said.contains(part), "{part}\n{said}");
    }

    // Another one pays nothing here, and may come back.
    let other = text(&transfer(&running, 777), "id").to_owned();
    let aside = running.post(&format!("/v1/transfers/{other}/set-aside"), &json!({ "reason": "private" }));
    assert_eq!(text(&aside.json(), "status"), "set_aside");
    wait_for("the list of tasks", || (running.list("/v1/tasks").len() == 2).then_some(()));
    running.post(&format!("/v1/transfers/{other}/take-back"), &json!({ "reason": "not private" }));
    wait_for("the list of tasks", || (running.list("/v1/tasks").len() == 3).then_some(()));
}

#[test]
fn a_decision_that_was_recorded_is_carried_out_after_a_crash_and_only_once() {
    for round in 0..6 {
        let (scratch, mut running) = story(&format!("decided-{round}"));
        let request = running.find("/v1/payment-requests", "F-2");
        let request = text(&request, "id").to_owned();
        let id = text(&transfer(&running, 8_050), "id").to_owned();
        let body = json!({ "pays": [{ "payment_request": request }], "by": "Ana" });
        let path = format!("/v1/transfers/{id}/decision");
        std::thread::scope(|scope| {
            let (running, path, body) = (&running, &path, &body);
            let asked = scope.spawn(move || running.try_post(path, "decide-once", body));
            std::thread::park_timeout(std::time::Duration::from_micros(700 * round));
            // The process dies somewhere between the decision and its answer.
            std::process::Command::new("kill").args(["-9", &running.pid().to_string()]).status().unwrap();
            let _ = asked.join();
        });
        running.kill();
        let running = Running::start(&configured(&scratch));
        let again = running.try_post(&path, "decide-once", &body).unwrap();
        assert!(matches!(again.status, 201 | 409), "{}", again.text());
        let matched = wait_for("the decision", || {
            let read = read(&running, "transfers", &id);
            (read["status"] == "matched").then_some(read)
        });
        assert_eq!(matched["allocations"][0]["amount"]["amount"], 8_050);
        let request = read(&running, "payment-requests", &request);
        assert_eq!((text(&request, "status"), request["allocations"].as_array().unwrap().len()), ("settled", 1));
    }
}

fn configured(scratch: &Scratch) -> std::path::PathBuf {
    scratch.path().join("config/quittance.toml")
}

#[test]
fn an_account_is_known_once_it_has_surely_paid_and_doubted_once_that_was_taken_back() {
    let (_scratch, running) = sample("known-account", |text| text);
    let customer = running.post(
        "/v1/customers",
        &json!({ "external_ref": "C-1", "kind": "business", "name": "Atelier Nord", "email": "a@example.org" }),
    );
    assert_eq!(customer.status, 201, "{}", customer.text());
    let own = text(&customer.json(), "virtual_iban").to_owned();
    for (number, minor) in [("FA-2026-00101", 10_000), ("FA-2026-00102", 20_100), ("FA-2026-00103", 30_300)] {
        let body = json!({
            "external_ref": number, "customer_ref": "C-1", "due_on": "2026-03-31",
            "amount": { "amount": minor, "currency": "EUR" },
        });
        let answer = running.post("/v1/payment-requests", &body);
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    let receive = |reference: &str, minor: i64, account: Option<&str>| {
        let body = json!({
            "entry_ref": reference, "amount": { "amount": minor, "currency": "EUR" }, "booked_on": "2026-03-02",
            "account": account, "payer_name": "Holding", "payer_iban": "DE89370400440532013000",
        });
        let answer = running.post("/v1/transfers", &body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    };
    assert_eq!(text(&receive("E-1", 20_100, None), "status"), "needs_decision", "the account is not known yet");
    let sure = receive("E-2", 10_000, Some(&own));
    assert_eq!(text(&sure, "status"), "matched");
    let known = receive("E-3", 20_100, None);
    assert_eq!(text(&known, "explanation"), "known account of the payer, exact amount, the only open request of it");
    assert_eq!(known["decision"]["identified_by"], "payer_iban");
    let id = text(&sure, "id");
    let back =
        running.post(&format!("/v1/transfers/{id}/take-back"), &json!({ "reason": "it was for somebody else" }));
    assert_eq!(back.status, 201, "{}", back.text());
    assert_eq!(text(&receive("E-4", 30_300, None), "status"), "needs_decision", "the account says nothing any more");
}

#[test]
fn what_an_unknown_payer_may_mean_is_shown_first_and_never_taken() {
    let (scratch, running) = sample("guessed", |text| text);
    let data = scratch.path().join("data");
    let invoices = INVOICES.replace("F-1;", "FA-2026-04711;").replace("F-2;", "FA-2026-00815;");
    drop_file(&data.join("erp/in"), "invoices.csv", invoices.as_bytes());
    let first = running.find("/v1/payment-requests", "FA-2026-04711");
    let second = running.find("/v1/payment-requests", "FA-2026-00815");
    // Two symbols of the second one's reference were written otherwise.
    let reference = text(&second, "short_reference").replace('-', "");
    let other = |symbol: u8| if symbol == b'3' { '4' } else { '3' };
    let symbols = reference.as_bytes();
    let badly = format!("{}{}{}", other(symbols[0]), other(symbols[1]), &reference[2..]);
    let entries = [
        ("120.00", "", "", "facture 4711 merci"),
        ("81.00", "", "", badly.as_str()),
        ("55.55", "", "", "facture 4712 merci"),
    ];
    let report = drop_file(&data.join("bank/in"), "statement.xml", statement("S1", &entries).as_bytes());
    assert_eq!(report["accepted"], 3, "{report}");
    for (minor, request) in [(12_000, Some(&first)), (8_100, Some(&second)), (5_555, None)] {
        let task = transfer(&running, minor);
        assert_eq!(text(&task, "status"), "needs_decision", "{task}");
        assert!(text(&task, "explanation").contains("nothing says who paid"), "{task}");
        let candidates = task["candidates"].as_array().unwrap();
        assert_eq!(candidates.first(), request.map(|request| &request["id"]), "{task}");
    }
}

#[test]
fn an_invoice_that_comes_in_after_its_money_is_paid_by_it_when_everything_agrees() {
    let (scratch, running) = sample("late-invoice", |text| text);
    let data = scratch.path().join("data");
    let entries = [
        ("120.00", "", "", "reglement FA-2026-09001 merci"),
        ("80.00", "", "", "reglement FA-2026-09002 merci"),
        ("33.00", "", "", "facture 9003"),
    ];
    let report = drop_file(&data.join("bank/in"), "statement.xml", statement("S1", &entries).as_bytes());
    assert_eq!(report["accepted"], 3, "{report}");
    for minor in [12_000, 8_000, 3_300] {
        assert_eq!(text(&transfer(&running, minor), "status"), "needs_decision");
    }
    let invoices = INVOICES.replace("F-1;", "FA-2026-09001;").replace("F-2;", "FA-2026-09002;");
    drop_file(&data.join("erp/in"), "invoices.csv", invoices.as_bytes());
    let paid = wait_for("the late invoice's money", || {
        Some(transfer(&running, 12_000)).filter(|transfer| transfer["status"] == "matched")
    });
    assert_eq!(text(&paid, "explanation"), "decided by its invoice, which came in late");
    let request = running.find("/v1/payment-requests", "FA-2026-09001");
    assert_eq!(read(&running, "payment-requests", text(&request, "id"))["status"], "settled");
    // Half a euro less than everything is a person's.
    assert_eq!(text(&transfer(&running, 8_000), "status"), "needs_decision");
    let other = running.find("/v1/payment-requests", "FA-2026-09002");
    assert_eq!(read(&running, "payment-requests", text(&other, "id"))["status"], "open");
    // It can be taken back as what a person decided can.
    let body = json!({ "reason": "another's", "by": "Ana" });
    let back = running.post(&format!("/v1/transfers/{}/take-back", text(&paid, "id")), &body);
    assert_eq!(back.status, 201, "{}", back.text());
    assert_eq!(read(&running, "payment-requests", text(&request, "id"))["status"], "open");
    // The same file again changes nothing.
    drop_file(&data.join("erp/in"), "again.csv", invoices.replace("Conseil", "Conseils").as_bytes());
    assert_eq!(text(&read(&running, "transfers", text(&paid, "id")), "status"), "needs_decision");
}
