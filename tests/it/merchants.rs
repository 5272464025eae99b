//! Several merchants in one service: a person looks at one at a time, and sees nothing of another.

use serde_json::json;

use crate::support::http::{Answer, call};
use crate::support::running::{Running, configure};
use crate::support::scratch::Scratch;

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
