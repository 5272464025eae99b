//! Several merchants in one service: a person looks at one at a time, and sees nothing of another.

use serde_json::{Value as Json, json};

use crate::support::http::{Answer, call};
use crate::support::running::{Running, configure};
use crate::support::scratch::{Scratch, wait_for};

const OTHER: &str = "[[tenant]]\nid = \"other\"\nname = \"Atelier Second\"\nzone = \"Europe/Paris\"\ncalendar = \"target\"\n\
    email_from = \"a@other.example\"\nreference_seed = 7\n\n[[endpoint]]";

#[test]
fn a_person_looks_at_one_merchant_at_a_time() {
    let scratch = Scratch::new("merchants");
    let config = configure(scratch.path(), |text| text.replacen("[[endpoint]]", OTHER, 1));
    let running = Running::start(&config);
    let body = json!({
        "external_ref": "F-77", "amount": { "amount": 5_000, "currency": "EUR" }, "due_on": "2026-03-31",
        "customer": { "external_ref": "C-1", "name": "Jean Dupont" },
    });
    let request = running.post("/v1/payment-requests", &body).json()["id"].as_str().unwrap().to_owned();
    running.find("/v1/payment-requests", "F-77");
    let first = |answer: &Answer| answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let session = first(&call(running.address, "GET", &running.login, &[], b"").unwrap());
    let page = |cookie: &str, path: &str| call(running.address, "GET", path, &[("Cookie", cookie)], b"").unwrap();
    let mine = page(&session, "/bo/requests").text();
    assert!(mine.contains("F-77") && mine.contains("<option value=\"maison-dupre\" selected>"), "{mine}");
    assert_eq!(page(&session, &format!("/bo/requests/{request}")).status, 200);

    let origin = format!("http://{}", running.address);
    let choose = |id: &str| {
        let headers = [
            ("Cookie", session.as_str()),
            ("Origin", origin.as_str()),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ];
        call(running.address, "POST", "/bo/tenant", &headers, format!("tenant={id}").as_bytes()).unwrap()
    };
    assert_eq!(choose("nobody").status, 404);
    let chosen = choose("other");
    assert_eq!(chosen.status, 303);
    let both = format!("{session}; {}", first(&chosen));
    let theirs = page(&both, "/bo/requests").text();
    assert!(theirs.contains("Atelier Second") && !theirs.contains("F-77"), "{theirs}");
    let customers = page(&both, "/bo/customers").text();
    assert!(!customers.contains("Jean Dupont"));
    for path in [format!("/bo/requests/{request}"), "/bo/search?q=F-77".to_owned()] {
        let answer = page(&both, &path);
        assert!(answer.status == 404 || !answer.text().contains("Jean Dupont"), "{path}: {}", answer.text());
    }
    // A merchant that is gone is nobody's: the first one shows.
    let gone = format!("{session}; quittance_tenant=nobody");
    assert!(page(&gone, "/bo/requests").text().contains("F-77"));
}

/// A key of the other merchant: the hash of `secret`.
const OTHER_KEY: &str = "[[tenant.api_key]]\nid = \"reads\"\n\
    sha256 = \"2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\"\n\n[[endpoint]]";

#[test]
fn a_merchant_neither_sees_nor_touches_anothers_tasks_tags_and_transfers() {
    let scratch = Scratch::new("merchants-apart");
    let other = OTHER.replace("[[endpoint]]", OTHER_KEY);
    let config = configure(scratch.path(), |text| text.replacen("[[endpoint]]", &other, 1));
    let running = Running::start(&config);
    let theirs = |method: &str, path: &str, body: &Json| {
        let key = format!("k-{}", path.len());
        let headers = [
            ("Authorization", "Bearer secret"),
            ("Content-Type", "application/json"),
            ("Idempotency-Key", key.as_str()),
        ];
        call(running.address, method, path, &headers, body.to_string().as_bytes()).unwrap()
    };
    let body = json!({
        "external_ref": "F-77", "amount": { "amount": 5_000, "currency": "EUR" }, "due_on": "2026-03-31",
        "customer": { "external_ref": "C-1", "name": "Jean Dupont" },
    });
    let request = running.post("/v1/payment-requests", &body).json();
    let (request, customer) = (request["id"].clone(), request["customer"].as_str().unwrap().to_owned());
    let task = json!({ "text": "Call", "by": "ana" });
    let asked = running.post(&format!("/v1/customers/{customer}/tasks"), &task);
    assert_eq!(asked.status, 201, "{}", asked.text());
    let received = json!({
        "entry_ref": "A-1", "amount": { "amount": 4_000, "currency": "EUR" }, "booked_on": "2026-03-05",
        "payer_iban": "DE89370400440532013000", "remittance": "F-77",
    });
    let transfer = running.post("/v1/transfers", &received).json()["id"].as_str().unwrap().to_owned();

    let own = theirs("POST", "/v1/customers", &json!({ "external_ref": "O-1", "name": "Ana Martin" }));
    let own = own.json()["id"].as_str().unwrap().to_owned();
    for (path, body) in [
        (format!("/v1/customers/{customer}/tasks"), task),
        (format!("/v1/customers/{customer}/tasks/1/close"), json!({ "by": "eve" })),
        (format!("/v1/customers/{customer}/tasks/1/assign"), json!({ "by": "eve", "to": "eve" })),
        (format!("/v1/customers/{customer}/tags"), json!({ "tag": "mine" })),
        (format!("/v1/transfers/{transfer}/remember-payer"), json!({ "by": "eve" })),
        // Another's invoice is as unknown as one that is not there.
        (format!("/v1/customers/{own}/tasks"), json!({ "text": "Call", "by": "eve", "payment_request": request })),
    ] {
        let answer = theirs("POST", &path, &body);
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
    }
    let state = running.find("/v1/customers", "C-1");
    assert_eq!((state["tasks"].as_array().unwrap().len(), &state["tags"]), (1, &json!([])));
    wait_for("the list", || (running.list("/v1/customers?tasks=open").len() == 1).then_some(()));
    assert_eq!(theirs("GET", "/v1/customers?tasks=open", &Json::Null).json()["data"], json!([]));
}
