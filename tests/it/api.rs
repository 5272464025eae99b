//! The API as a caller sees it.

use serde_json::{Value as Json, json};

use crate::collections::{IBAN, camt, collect, customer, mandate, request, view};
use crate::support::http::call;
use crate::support::running::{KEY, Running, configure, drop_file, sample};
use crate::support::scratch::{Scratch, wait_for};

fn invoice(number: &str, minor: i64) -> Json {
    json!({
        "external_ref": number,
        "amount": { "amount": minor, "currency": "EUR" },
        "due_on": "2026-03-31",
        "customer": { "external_ref": "C-1", "name": "Jean Dupont", "email": "jean@example.org" },
    })
}

fn pointers(problem: &Json) -> Vec<(String, String)> {
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("{problem}"));
    errors.iter().map(|error| (text(&error["pointer"]), text(&error["detail"]))).collect()
}

#[test]
fn requests_are_created_read_listed_paid_refunded_and_cancelled() {
    let (_scratch, running) = sample("api", |text| text);
    let created = running.post("/v1/payment-requests", &invoice("F-1", 12_000));
    assert_eq!(created.status, 201, "{}", created.text());
    let request = created.json();
    let path = format!("/v1/payment-requests/{}", request["id"].as_str().unwrap());
    assert_eq!(created.header("location"), Some(path.as_str()));
    assert_eq!(running.get(&path).json(), request, "what was written can be read at once");
    assert_eq!((&request["status"], &request["outstanding"]["amount"]), (&json!("open"), &json!(12_000)));
    assert!(request["creditor_reference"].as_str().unwrap().starts_with("RF"));

    let attempt = |reference: &str, result: &str, minor: i64, code: Option<&str>| json!({ "attempt_ref": reference, "result": result, "reason_code": code, "amount": { "amount": minor, "currency": "EUR" } });
    let attempts = format!("{path}/attempts");
    assert_eq!(running.post(&attempts, &attempt("a1", "failed", 12_000, Some("AM04"))).status, 201);
    assert_eq!(
        running.post(&attempts, &attempt("a1", "failed", 12_000, Some("AM04"))).status,
        201,
        "the same report again"
    );
    let contradiction = running.post(&attempts, &attempt("a1", "succeeded", 12_000, None));
    assert_eq!((contradiction.status, contradiction.json()["code"].as_str()), (409, Some("rejected")));
    let paid = running.post(&attempts, &attempt("a2", "succeeded", 12_500, None)).json();
    assert_eq!((&paid["status"], &paid["outstanding"]["amount"]), (&json!("settled"), &json!(0)));
    let customer = running.get(&format!("/v1/customers/{}", paid["customer"].as_str().unwrap())).json();
    assert_eq!(customer["credit"][0]["amount"], 500, "the excess is the customer's credit: {customer}");

    let refund = |reference: &str, minor: i64| json!({ "refund_ref": reference, "amount": { "amount": minor, "currency": "EUR" } });
    assert_eq!(running.post(&format!("{path}/refunds"), &refund("r1", 2_000)).json()["refunded"]["amount"], 2_000);
    assert_eq!(running.post(&format!("{path}/refunds"), &refund("r2", 11_000)).status, 409);
    let settled = running.post(&format!("{path}/cancel"), &json!({ "reason": "mistake" }));
    assert_eq!(settled.status, 409, "a settled request is not cancelled");

    let timeline = running.get(&format!("{path}/timeline")).json();
    let types: Vec<&str> =
        timeline["data"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    for expected in [
        "payment_request.issued",
        "attempt.failed",
        "attempt.succeeded",
        "payment_request.settled",
        "refund.initiated",
    ] {
        assert!(types.contains(&expected), "{expected} in {types:?}");
    }
    wait_for("the list", || {
        running.list("/v1/payment-requests").into_iter().find(|item| item["status"] == "settled")
    });
    for number in 0..12 {
        running.post("/v1/payment-requests", &invoice(&format!("G-{number}"), 100));
    }
    let all =
        wait_for("the whole list", || Some(running.list("/v1/payment-requests")).filter(|list| list.len() == 13));
    let mut paged = Vec::new();
    let mut after = String::new();
    loop {
        let page = running.get(&format!("/v1/payment-requests?limit=5{after}")).json();
        paged.extend(page["data"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(paged, all, "pages make up the list");
}

#[test]
fn a_key_makes_so_many_calls_in_a_minute_and_another_is_not_kept_from_its_own() {
    let (_scratch, running) = sample("rate", |text| {
        let hash = quittance::digest::hex(&quittance::digest::sha256(b"slow"));
        let slow =
            format!("[[tenant.api_key]]\nid = \"slow\"\nsha256 = \"{hash}\"\nper_minute = 3\n\n[[tenant.api_key]]");
        text.replacen("[[tenant.api_key]]", &slow, 1)
    });
    let asked = |key: &str| {
        let authorization = format!("Bearer {key}");
        let headers = [("Authorization", authorization.as_str())];
        call(running.address, "GET", "/v1/rules", &headers, &[]).unwrap()
    };
    for _ in 0..3 {
        assert_eq!(asked("slow").status, 200);
    }
    let refused = asked("slow");
    assert_eq!(
        (refused.status, refused.json()["code"].as_str()),
        (429, Some("too_many_calls")),
        "{}",
        refused.text()
    );
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!(asked(KEY).status, 200);
}

#[test]
fn a_write_is_done_once_per_key_and_a_key_belongs_to_one_body() {
    let (scratch, mut running) = sample("keys", |text| text);
    let first = running.try_post("/v1/payment-requests", "k1", &invoice("F-1", 100)).unwrap();
    let again = running.try_post("/v1/payment-requests", "k1", &invoice("F-1", 100)).unwrap();
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(first.json()["id"], again.json()["id"]);
    let other = running.try_post("/v1/payment-requests", "k1", &invoice("F-2", 100)).unwrap();
    assert_eq!((other.status, other.json()["code"].as_str()), (422, Some("idempotency_key_reused")));
    // Another key with the same content is the same invoice; with another amount it is named.
    assert_eq!(running.post("/v1/payment-requests", &invoice("F-1", 100)).json()["id"], first.json()["id"]);
    let differs = running.post("/v1/payment-requests", &invoice("F-1", 200)).json();
    assert!(differs["detail"].as_str().unwrap().contains("1.00 EUR recorded, 2.00 EUR received"), "{differs}");
    let bearer = format!("Bearer {KEY}");
    let without = call(running.address, "POST", "/v1/customers", &[("Authorization", &bearer)], b"{}").unwrap();
    assert_eq!(without.status, 422, "the body is looked at first: {}", without.text());
    let body = json!({ "external_ref": "C-9", "name": "X" }).to_string();
    let without =
        call(running.address, "POST", "/v1/customers", &[("Authorization", &bearer)], body.as_bytes()).unwrap();
    assert_eq!((without.status, without.json()["detail"].as_str().unwrap().contains("Idempotency-Key")), (400, true));
    // The key is remembered over a restart.
    running.stop();
    let running = Running::start(&scratch.path().join("config/quittance.toml"));
    let id = first.json()["id"].as_str().unwrap().to_owned();
    let attempt = json!({ "attempt_ref": "a", "result": "failed", "reason_code": "AM04", "amount": { "amount": 100, "currency": "EUR" } });
    let path = format!("/v1/payment-requests/{id}/attempts");
    assert_eq!(running.try_post(&path, "k2", &attempt).unwrap().status, 201);
    assert_eq!(
        running.try_post("/v1/payment-requests", "k1", &invoice("F-1", 100)).unwrap().json()["id"],
        first.json()["id"]
    );
}

#[test]
fn what_was_refused_leaves_no_trace_and_a_replay_changes_nothing() {
    let (scratch, mut running) = sample("replay", |text| text);
    let requests = "/v1/payment-requests";
    let of = |number: &str, customer: &str, issued: Option<&str>, due: &str| {
        let mut body = invoice(number, 100);
        body["customer"]["external_ref"] = json!(customer);
        body["due_on"] = json!(due);
        if let Some(issued) = issued {
            body["issued_on"] = json!(issued);
        }
        body
    };
    // A refused invoice does not keep its number for its customer.
    assert_eq!(running.post(requests, &of("F-1", "C-1", Some("2026-03-02"), "2026-03-01")).status, 409);
    let created = running.post(requests, &of("F-1", "C-2", Some("2026-03-01"), "2026-03-01"));
    assert_eq!(created.status, 201, "{}", created.text());
    // Without a date of issue, an overdue invoice is taken, and the same one days later is known.
    let undated = of("F-2", "C-2", None, "2026-02-10");
    let first = running.post(requests, &undated);
    assert_eq!(first.status, 201, "{}", first.text());
    running.advance("3d");
    assert_eq!(running.post(requests, &undated).json()["id"], first.json()["id"]);
    // A replay does not bring back what has changed since.
    let body = of("F-3", "C-3", None, "2026-03-31");
    let made = running.try_post(requests, "k3", &body).unwrap().json();
    let moved = json!({ "external_ref": "C-3", "name": "Jean Dupont", "email": "new@example.org" });
    assert_eq!(running.post("/v1/customers", &moved).status, 201);
    running.try_post(requests, "k3", &body).unwrap();
    let customer = format!("/v1/customers/{}", made["customer"].as_str().unwrap());
    assert_eq!(running.get(&customer).json()["email"], "new@example.org");
    // A key belongs to one path, also after a restart.
    let mut other = of("F-4", "C-3", None, "2026-03-31");
    other["customer"]["email"] = json!("new@example.org");
    let other = running.post(requests, &other).json();
    let cancel = |id: &Json| format!("{requests}/{}/cancel", id.as_str().unwrap());
    let reason = json!({ "reason": "mistake" });
    assert_eq!(running.try_post(&cancel(&made["id"]), "k4", &reason).unwrap().status, 201);
    assert_eq!(running.try_post(requests, "k5", &of("F-5", "C-5", None, "2026-03-31")).unwrap().status, 201);
    running.stop();
    let running = Running::start(&scratch.path().join("config/quittance.toml"));
    let reused = running.try_post(&cancel(&other["id"]), "k4", &reason).unwrap();
    assert_eq!(reused.status, 422, "{}", reused.text());
    running.try_post(requests, "k3", &body).unwrap();
    assert_eq!(running.get(&customer).json()["email"], "new@example.org");
    // Nor does a key serve for a customer in another lane.
    for number in 0..8 {
        let elsewhere = running.try_post(requests, "k5", &of("F-9", &format!("D-{number}"), None, "2026-03-31"));
        assert_eq!(elsewhere.unwrap().status, 422);
    }
}

#[test]
fn two_uploads_at_once_are_two_files() {
    let (_scratch, running) = sample("uploads", |text| text);
    let bearer = format!("Bearer {KEY}");
    let upload = |query: &str, body: &str| {
        let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", "u")];
        call(running.address, "POST", &format!("/v1/files?feed=bank{query}"), &headers, body.as_bytes()).unwrap()
    };
    for body in ["first", "second", "third"] {
        let answer = upload("", body);
        assert_eq!(answer.status, 202, "{}", answer.text());
    }
    assert_eq!(upload("&name=day.xml.part", "x").status, 400, "it would never be read");
    wait_for("three reports", || {
        let files = running.get("/v1/files").json();
        let rejected = |file: &&Json| file["state"] == "finished" || file["outcome"] == "rejected";
        (files["data"].as_array()?.iter().filter(rejected).count() == 3).then_some(())
    });
}

#[test]
fn every_mistake_is_a_problem_that_says_where() {
    let (_scratch, running) = sample("problems", |text| text);
    let body = json!({ "external_ref": "", "amount": { "amount": -5, "currency": "EURO" }, "due_on": "31/03/2026", "customr": {} });
    let answer = running.post("/v1/payment-requests", &body);
    assert_eq!((answer.status, answer.header("content-type")), (422, Some("application/problem+json")));
    let found = pointers(&answer.json());
    for (pointer, part) in [
        ("/external_ref", "1 to 64 characters"),
        ("/amount/amount", "whole number"),
        ("/amount/currency", "unknown currency"),
        ("/due_on", "YYYY-MM-DD"),
        ("/customer", "is missing"),
        ("/customr", "did you mean \"customer\"?"),
    ] {
        assert!(found.iter().any(|(at, detail)| at == pointer && detail.contains(part)), "{pointer}: {found:?}");
    }
    let unknown = running.post("/v1/payment-requests", &json!({
        "external_ref": "F-1", "amount": { "amount": 5, "currency": "EUR" }, "due_on": "2026-03-31", "customer_ref": "nobody",
    }));
    assert_eq!(pointers(&unknown.json())[0].0, "/customer");
    let scenario = running.post("/v1/payment-requests", &json!({
        "external_ref": "F-1", "amount": { "amount": 5, "currency": "EUR" }, "due_on": "2026-03-31", "scenario": "none",
        "customer": { "external_ref": "C-1", "name": "X" },
    }));
    assert!(
        scenario.json()["detail"].as_str().unwrap().contains("unknown reminder scenario 'none'"),
        "{}",
        scenario.text()
    );
    let address = running.address;
    let bearer = format!("Bearer {KEY}");
    let with = |body: &[u8]| {
        call(address, "POST", "/v1/customers", &[("Authorization", &bearer), ("Idempotency-Key", "x")], body).unwrap()
    };
    assert_eq!(with(b"{not json").status, 400);
    assert_eq!(with(b"[]").status, 400);
    let large = with(format!("{{\"name\": \"{}\"}}", "x".repeat(300 << 10)).as_bytes());
    assert_eq!(
        (large.status, large.header("content-type")),
        (413, Some("application/problem+json")),
        "{}",
        large.text()
    );
    for (path, status) in [
        ("/v1/payment-requests/prq_01KJPRZB00E23T9EMW2BJDY00V", 404),
        ("/v1/payment-requests/nonsense", 404),
        ("/v1/payment-requests?limit=0", 400),
        ("/v1/nothing", 404),
        ("/v1/files/00", 404),
    ] {
        let answer = running.get(path);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, Some("application/problem+json")),
            "{path}"
        );
    }
    for key in [None, Some("Bearer wrong"), Some("Basic abc")] {
        let headers: Vec<(&str, &str)> = key.iter().map(|key| ("Authorization", *key)).collect();
        assert_eq!(call(address, "GET", "/v1/customers", &headers, b"").unwrap().status, 401, "{key:?}");
    }
}

#[test]
fn tenants_are_kept_apart() {
    let scratch = Scratch::new("tenants");
    let other_key = "qk_other";
    let hash = quittance::digest::hex(&quittance::digest::sha256(other_key.as_bytes()));
    let config = configure(scratch.path(), |text| {
        text + &format!(
            "\n[[tenant]]\nid = \"other-shop\"\nname = \"Other\"\nzone = \"Europe/Berlin\"\nemail_from = \"a@other.example\"\n\
             [[tenant.api_key]]\nid = \"other\"\nsha256 = \"{hash}\"\n"
        )
    });
    let running = Running::start(&config);
    let request = running.post("/v1/payment-requests", &invoice("F-1", 100)).json();
    wait_for("the list", || (running.list("/v1/payment-requests").len() == 1).then_some(()));
    let bearer = format!("Bearer {other_key}");
    let ask = |path: &str| call(running.address, "GET", path, &[("Authorization", bearer.as_str())], b"").unwrap();
    for path in [
        format!("/v1/payment-requests/{}", request["id"].as_str().unwrap()),
        format!("/v1/payment-requests/{}/timeline", request["id"].as_str().unwrap()),
        format!("/v1/customers/{}", request["customer"].as_str().unwrap()),
    ] {
        assert_eq!(ask(&path).status, 404, "{path}");
    }
    assert_eq!(ask("/v1/payment-requests").json()["data"], json!([]));
    let live = ask("/v1/clock").json();
    assert_eq!(live["test_clock"], false);
    let moved =
        call(running.address, "POST", "/v1/clock/advance", &[("Authorization", &bearer)], br#"{"by":"1d"}"#).unwrap();
    assert_eq!(moved.status, 409, "real time is not moved: {}", moved.text());
}

#[test]
fn an_entry_that_names_an_order_of_another_tenant_is_money_of_its_own() {
    let scratch = Scratch::new("tenants-orders");
    let hash = quittance::digest::hex(&quittance::digest::sha256(b"qk_other"));
    let config = configure(scratch.path(), |text| {
        text + &format!(
            "\n[[tenant]]\nid = \"other-shop\"\nname = \"Other\"\nzone = \"Europe/Berlin\"\nemail_from = \"a@other.example\"\n\
             [[tenant.api_key]]\nid = \"other\"\nsha256 = \"{hash}\"\n\
             [[feed]]\ntenant = \"other-shop\"\nname = \"bank\"\ndir = \"../data/other\"\nformat = \"bank\"\nready = \"stable\"\nstable_ms = 60\n"
        )
    });
    let running = Running::start(&config);
    let payer = customer(&running, "C-1");
    mandate(&running, &payer, "RUM-1", IBAN);
    let ordered = request(&running, "C-1", "F-1", 12_000, "2026-03-10");
    collect(&running, &ordered, "mandate:RUM-1");
    running.advance("4d");
    let left = wait_for("the order to leave", || {
        Some(view(&running, &ordered)).filter(|view| view["attempts"][0]["result"] == "submitted")
    });
    let order = left["attempts"][0]["end_to_end_id"].as_str().unwrap();
    let details = format!("<TxDtls><Refs><EndToEndId>{order}</EndToEndId></Refs></TxDtls>");
    let folder = scratch.path().join("data/other");
    let report = drop_file(&folder, "statement.xml", camt("ST-1", 12_000, true, &details, "").as_bytes());
    assert_eq!(report["accepted"], 1, "{report}");
    let received = wait_for("the transfer", || {
        let bearer = [("Authorization", "Bearer qk_other")];
        let list = call(running.address, "GET", "/v1/transfers", &bearer, b"").unwrap().json();
        list["data"].as_array().unwrap().first().cloned()
    });
    assert_ne!(received["status"], "noted", "{received}");
    assert_eq!(view(&running, &ordered)["status"], "open");
}

#[test]
fn health_metrics_and_pages_answer() {
    let (_scratch, running) = sample("health", |text| text);
    assert_eq!(running.get("/healthz").json()["status"], "ok");
    let ready = running.get("/readyz").json();
    assert_eq!((ready["status"].as_str(), ready["boots"].as_u64()), (Some("ready"), Some(1)));
    running.post("/v1/payment-requests", &invoice("F-1", 100));
    let metrics = running.get("/metrics").text();
    for name in [
        "quittance_records_total",
        "quittance_events_total{type=\"payment_request.issued\"} 1",
        "quittance_log_syncs_total",
        "quittance_invariant_violations 0",
    ] {
        assert!(metrics.contains(name), "{name} in\n{metrics}");
    }
    let gate = call(running.address, "GET", "/bo", &[], b"").unwrap();
    assert_eq!(gate.status, 401, "the back office needs a session");
    let login = call(running.address, "GET", &running.login, &[], b"").unwrap();
    let cookie = login.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(login.status, 303);
    assert_eq!(call(running.address, "GET", &running.login, &[], b"").unwrap().status, 401, "the link works once");
    let page = |path: &str| call(running.address, "GET", path, &[("Cookie", &cookie)], b"").unwrap();
    for path in ["/bo", "/bo/requests", "/bo/requests?status=open", "/bo/reconciliation", "/bo/messages", "/bo/files"]
    {
        let answer = page(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert!(answer.header("content-security-policy").unwrap().contains("default-src 'self'"), "{path}");
        assert!(!answer.text().contains("{{"), "{path}");
    }
    let foreign = call(
        running.address,
        "POST",
        "/bo/clock/advance",
        &[
            ("Cookie", &cookie),
            ("Origin", "http://evil.example"),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ],
        b"by=1d",
    )
    .unwrap();
    assert_eq!(foreign.status, 403, "a form of another site");
}

#[test]
fn many_attempts_in_one_call_are_answered_line_by_line() {
    let (_scratch, running) = sample("batch", |text| text);
    let body = json!({
        "external_ref": "F-1", "amount": { "amount": 5_000, "currency": "EUR" }, "due_on": "2026-03-31",
        "customer": { "external_ref": "C-1", "name": "Jean" },
    });
    let id = running.post("/v1/payment-requests", &body).json()["id"].as_str().unwrap().to_owned();
    let send = |kind: &str, key: &str, text: &str| {
        let bearer = format!("Bearer {key}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", kind)];
        call(running.address, "POST", "/v1/attempts", &headers, text.as_bytes()).unwrap()
    };
    let line = |request: &str, reference: &str, rest: &str| {
        format!(
            r#"{{"payment_request":"{request}","attempt_ref":"{reference}","amount":{{"amount":2000,"currency":"EUR"}},{rest}}}"#
        )
    };
    let unknown = "prq_01KJPRZB00FTEABRTSRZAGR02M";
    let text = [
        line(&id, "a1", r#""result":"failed","reason_code":"AM04""#),
        line(&id, "a2", r#""result":"succeeded""#),
        "\n".to_owned(), // An empty line is no line.
        line(&id, "a3", r#""result":"failed""#),
        line(unknown, "a4", r#""result":"succeeded""#),
        line(&id, "a5", r#""result":"succeeded""#).replace("2000", "9223372036854775807"),
        r#"{"payment_request": 7}"#.to_owned(),
        line(&id, "a2", r#""result":"succeeded""#),
        line(&id, "a1", r#""result":"succeeded""#),
    ]
    .join("\n");
    for round in 0..2 {
        let answer = send("application/x-ndjson", KEY, &text);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let lines: Vec<Json> = answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let statuses: Vec<&str> = lines.iter().map(|line| line["status"].as_str().unwrap()).collect();
        // The second time everything is known: the same answers, and nothing happens twice.
        let expected = ["recorded", "recorded", "invalid", "refused", "invalid", "invalid", "recorded", "refused"];
        assert_eq!(statuses, expected, "round {round}: {}", answer.text());
        assert_eq!(lines[2]["line"], 5, "lines are counted as the caller sees them");
        assert!(lines[2]["detail"].as_str().unwrap().contains("reason_code"));
        assert!(lines[5]["detail"].as_str().unwrap().contains("line 1 column"));
    }
    let state = running.get(&format!("/v1/payment-requests/{id}")).json();
    assert_eq!(state["attempts"].as_array().unwrap().len(), 2);
    assert_eq!(state["paid"]["amount"], 2_000);
    assert_eq!(send("application/json", KEY, &text).status, 400);
    assert_eq!(send("application/x-ndjson", "qk_nobody", &text).status, 401);
    let many = format!("{}\n", line(&id, "b", r#""result":"succeeded""#)).repeat(2_001);
    assert_eq!(send("application/x-ndjson", KEY, &many).status, 413);
}

/// Every event that a page of a request's life tells is in the catalogue, with no field beside those listed.
#[test]
fn the_catalogue_of_events_says_what_hooks_and_timelines_hold() {
    let (_scratch, running) = sample("event-types", |text| text);
    let listed = running.get("/v1/event-types").json();
    let of = |name: &str| listed["data"].as_array().unwrap().iter().find(|event| event["type"] == name).cloned();
    assert!(listed["data"].as_array().unwrap().len() > 70);
    let request = running.post("/v1/payment-requests", &invoice("E-1", 5_000)).json();
    running.advance("1d");
    let path = format!("/v1/payment-requests/{}", request["id"].as_str().unwrap());
    running.post(&format!("{path}/write-off"), &json!({ "by": "ana", "reason": "small" }));
    let timeline = running.get(&format!("{path}/timeline")).json();
    let events = timeline["data"].as_array().unwrap();
    assert!(events.len() >= 4, "{timeline}");
    for event in events {
        let name = event["type"].as_str().unwrap();
        let known = of(name).unwrap_or_else(|| panic!("{name} is not listed"));
        let properties = &known["schema"]["properties"]["data"]["properties"];
        for (group, fields) in event["data"].as_object().unwrap() {
            let of_group = &properties[group];
            assert!(of_group.is_object(), "{name}: {group} is not in its schema");
            for field in fields
                .as_object()
                .into_iter()
                .flat_map(|fields| fields.keys())
                .filter(|_| of_group["properties"].is_object())
            {
                assert!(of_group["properties"][field].is_object(), "{name}: {group}.{field} is not in its schema");
            }
        }
        assert_eq!(known["example"]["type"], name);
    }
}

#[test]
fn templates_show_with_examples_and_with_events_of_the_past() {
    let (scratch, running) = sample("templates", |text| text);
    let all = running.get("/v1/templates").json();
    let one = all["data"].as_array().unwrap().iter().find(|known| known["name"] == "reminder_late").unwrap().clone();
    assert_eq!((&one["channel"], one["edition"].as_str().unwrap().len()), (&json!("email"), 12), "{one}");
    let seen = |name: &str, body: Json| running.post(&format!("/v1/templates/{name}/preview"), &body);
    let example = seen("reminder_late", json!({ "channel": "sms", "language": "fr" })).json();
    assert!(example["text"].as_str().unwrap().contains("3120,50 EUR"), "{example}");
    assert_eq!((&example["size"]["messages"], &example["html"]), (&json!(1), &Json::Null), "{example}");
    let invoices = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
        F-1;C-1;Zoé;zoe@example.org;;en;120,00;02/03/2026;10/03/2026;Conseil\n";
    drop_file(&scratch.path().join("data/erp/in"), "a.csv", invoices.as_bytes());
    let request = running.find("/v1/payment-requests", "F-1");
    let about = request["id"].as_str().unwrap();
    // In the language its reader reads, unless another is asked for.
    let told = seen("reminder_late", json!({ "channel": "email", "about": about })).json();
    assert!(told["subject"].as_str().unwrap().contains("F-1") && told["html"].as_str().unwrap().contains("Zoé"));
    assert!(told["text"].as_str().unwrap().contains("€120.00"), "{told}");
    let french = seen("reminder_late", json!({ "channel": "email", "about": about, "language": "fr" })).json();
    assert!(french["text"].as_str().unwrap().contains("120,00"), "{french}");
    for (name, body, status, why) in [
        ("reminder_late", json!({ "channel": "letter" }), 422, "expected email, sms or hook"),
        ("nothing", json!({ "channel": "sms" }), 400, "nothing"),
        ("card_expiring", json!({ "channel": "email", "about": about }), 400, "is missing in this event"),
        ("reminder_late", json!({ "channel": "email", "about": about, "event": "evt_1" }), 400, "no such event"),
        ("reminder_late", json!({ "channel": "email", "about": "prq_01KJPRZB00FX98K3AKA8MP2043" }), 404, "not known"),
    ] {
        let answer = seen(name, body);
        assert!(answer.status == status && answer.text().contains(why), "{}: {}", answer.status, answer.text());
    }
}

#[test]
fn each_step_of_a_scenario_tells_how_it_stands_and_why() {
    let (scratch, running) = sample("steps", |text| text);
    let invoices = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
        F-1;C-1;Zoé;zoe@example.org;;en;120,00;02/03/2026;12/03/2026;Conseil\n\
        F-2;C-2;Personne;;;en;80,00;02/03/2026;12/03/2026;Conseil\n";
    drop_file(&scratch.path().join("data/erp/in"), "a.csv", invoices.as_bytes());
    let path = |number: &str| {
        format!("/v1/payment-requests/{}", running.find("/v1/payment-requests", number)["id"].as_str().unwrap())
    };
    let (first, second) = (path("F-1"), path("F-2"));
    let steps = |path: &str| running.get(&format!("{path}/steps")).json();
    let standing = |steps: &Json| -> Vec<String> {
        let told = |step: &Json| {
            let why = step["reason"].as_str().or(step["channel"].as_str()).unwrap_or("-");
            [step["step"].as_str().unwrap(), step["status"].as_str().unwrap(), why].join(" ")
        };
        steps["data"].as_array().unwrap().iter().map(told).collect()
    };
    let new = steps(&first);
    assert_eq!(standing(&new), ["request next -", "before to_come -", "late_3 to_come -", "late_10 to_come -"]);
    assert_eq!(new["scenario"], "standard");
    let due: Vec<&str> = new["data"].as_array().unwrap().iter().map(|step| step["due"].as_str().unwrap()).collect();
    assert_eq!(due, ["2026-03-02T08:30:00Z", "2026-03-09T08:30:00Z", "2026-03-15T08:30:00Z", "2026-03-22T09:00:00Z"]);
    assert_eq!(
        (&new["data"][2]["channels"], &new["data"][2]["template"]),
        (&json!(["email", "sms"]), &json!("reminder_late"))
    );

    running.advance("1h");
    let sent = steps(&first);
    assert_eq!(standing(&sent), ["request sent email", "before next -", "late_3 to_come -", "late_10 to_come -"]);
    assert_eq!(sent["data"][0]["at"], "2026-03-02T08:30:00Z");
    let nobody = standing(&steps(&second));
    assert!(nobody[0].starts_with("request not_sent ") && nobody[1] == "before next -", "{nobody:?}");

    // The third is due on a Sunday, and waits for Monday morning.
    running.advance("13d");
    let waits = steps(&first);
    assert_eq!(
        standing(&waits),
        [
            "request sent email",
            "before sent email",
            "late_3 waits not a time to write to people",
            "late_10 to_come -"
        ]
    );
    assert_eq!(waits["data"][2]["due"], "2026-03-16T07:00:00Z");
    running.advance("1d");
    assert_eq!(standing(&steps(&first))[2..], ["late_3 sent email", "late_10 next -"]);

    let paid =
        json!({ "attempt_ref": "a-1", "amount": { "amount": 12_000, "currency": "EUR" }, "result": "succeeded" });
    assert_eq!(running.post(&format!("{first}/attempts"), &paid).status, 201);
    assert_eq!(standing(&steps(&first))[2..], ["late_3 sent email", "late_10 not_reached settled"]);
    assert_eq!(running.get("/v1/payment-requests/prq_01KJPRZB00FX98K3AKA8MP2043/steps").status, 404);
}

#[test]
fn a_list_gives_what_is_asked_for_and_refuses_what_it_does_not_know() {
    let (_scratch, running) = sample("list-filters", |text| text);
    for at in 0..7 {
        let invoice = json!({
            "external_ref": format!("F-{at}"), "amount": { "amount": 1_000, "currency": "EUR" }, "due_on": "2026-03-20",
            "customer": { "external_ref": format!("C-{at}"), "name": format!("Customer {at}") },
        });
        let made = running.post("/v1/payment-requests", &invoice);
        assert_eq!(made.status, 201, "{}", made.text());
        if at % 3 == 0 {
            let id = made.json()["id"].as_str().unwrap().to_owned();
            let cancelled = running.post(&format!("/v1/payment-requests/{id}/cancel"), &json!({ "reason": "slip" }));
            assert_eq!(cancelled.status, 201, "{}", cancelled.text());
        }
    }
    // By the ERP's key as it is now, whatever the last checkpoint has.
    let one = running.get("/v1/payment-requests?external_ref=F-6").json();
    assert_eq!((one["data"].as_array().unwrap().len(), &one["data"][0]["status"]), (1, &"cancelled".into()), "{one}");
    assert_eq!(running.get("/v1/payment-requests?external_ref=F-99").json()["data"], json!([]));
    assert_eq!(running.get("/v1/customers?external_ref=C-2").json()["data"][0]["name"], "Customer 2");
    running.find("/v1/payment-requests", "F-6");
    let statuses = |status: &str| -> Vec<String> {
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let page = running.get(&format!("/v1/payment-requests?status={status}&limit=2{after}")).json();
            let rows = page["data"].as_array().unwrap_or_else(|| panic!("{page}"));
            assert!(rows.len() <= 2, "{page}");
            found.extend(rows.iter().map(|row| row["external_ref"].as_str().unwrap().to_owned()));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        found.sort();
        found
    };
    assert_eq!(
        wait_for("the cancelled", || Some(statuses("cancelled")).filter(|all| all.len() == 3)),
        ["F-0", "F-3", "F-6"]
    );
    assert_eq!(statuses("open"), ["F-1", "F-2", "F-4", "F-5"]);
    for (path, why) in [
        ("/v1/payment-requests?status=zzz", "expected one of open, overdue, settled, cancelled"),
        (
            "/v1/payment-requests?sort=due_on",
            "there is no parameter \"sort\" here: limit, after, external_ref, status",
        ),
        ("/v1/transfers?external_ref=F-1", "limit, after, status"),
        ("/v1/plans?status=good", "expected one of attention"),
    ] {
        let answer = running.get(path);
        assert!(
            answer.status == 400 && answer.text().replace("\\\"", "\"").contains(why),
            "{path}: {}",
            answer.text()
        );
    }
}

#[test]
fn every_answer_has_the_id_of_its_call() {
    let (_scratch, running) = sample("request-ids", |text| text);
    let ask = |path: &str, id: &str| {
        let headers = [("Authorization", format!("Bearer {KEY}")), ("X-Request-Id", id.to_owned())];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        call(running.address, "GET", path, &headers, b"").unwrap()
    };
    assert_eq!(ask("/v1/customers", "erp-42:a").header("x-request-id"), Some("erp-42:a"));
    // What may not stand in a log is not taken over, and what goes wrong has one as well.
    for (path, id) in [("/v1/customers", "a b"), ("/v1/nothing", ""), ("/readyz", "<x>"), ("/bo", "\"")] {
        let given = ask(path, id).header("x-request-id").unwrap_or_default().to_owned();
        assert!(given.len() > 8 && given != id, "{path}: {given}");
    }
    let (one, two) = (ask("/v1/customers", "").header("x-request-id").unwrap().to_owned(), ask("/v1/customers", ""));
    assert_ne!(Some(one.as_str()), two.header("x-request-id"));
}
