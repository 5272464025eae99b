//! A payment provider that answers late, or not at all: it is asked, it tells by itself, it is called back, it pays back.

use std::sync::{Arc, Mutex};

use quittance::channels::hook::SigningKey;
use serde_json::{Value as Json, json};

use crate::collections::{card, collect, customer, request, view};
use crate::support::http::{Answer, call};
use crate::support::peers::{HookReceiver, Received, Reply};
use crate::support::running::{Running, configure};
use crate::support::scratch::{Scratch, wait_for};

const SECRET: &str = "whsec_c2FtcGxlIHNlY3JldCBvZiB0aGUgc2FuZGJveA==";
const CALLBACKS: &str = "whsec_dGhlIHByb3ZpZGVyJ3Mgb3duIHNlY3JldCwgYSBsb25nIG9uZQ==";

/// What each address of the provider answers next.
type Script = Arc<Mutex<Vec<(&'static str, Reply)>>>;

struct Provider {
    receiver: HookReceiver,
    script: Script,
}

impl Provider {
    fn start() -> Self {
        let (receiver, script) = (HookReceiver::start(), Script::default());
        let answers = Arc::clone(&script);
        receiver.answer_with(move |asked| {
            let mut answers = answers.lock().unwrap();
            let place = answers.iter().position(|(path, _)| asked.line.ends_with(&format!("/{path}")));
            place.map_or(Reply::status(503), |place| answers.remove(place).1)
        });
        Self { receiver, script }
    }

    /// Says what is answered next at an address.
    fn says(&self, path: &'static str, status: u16, body: &str) {
        self.script.lock().unwrap().push((path, Reply { status, body: body.to_owned(), header: None }));
    }

    /// What was asked at an address.
    fn asked(&self, path: &str) -> Vec<Received> {
        let mut asked = self.receiver.received();
        asked.retain(|asked| asked.line.ends_with(&format!("/{path}")));
        asked
    }
}

fn body(asked: &Received) -> Json {
    serde_json::from_slice(&asked.body).unwrap()
}

fn story(name: &str, provider: &Provider) -> (Scratch, Running) {
    let scratch = Scratch::new(name);
    let url = provider.receiver.url();
    let config = configure(scratch.path(), |text| {
        let http = format!(
            "kind = \"http\"\nurl = \"{url}/collect\"\ninquire_url = \"{url}/inquire\"\ncancel_url = \"{url}/cancel\"\n\
             refund_url = \"{url}/refund\"\ninquire_after_seconds = 1\nsecret = {{ value = \"{SECRET}\" }}\n\
             callback_secret = {{ value = \"{CALLBACKS}\" }}"
        );
        let simulated = "kind = \"simulator\"              # simulator | http (url, secret; inquire_url, cancel_url …: see the README) | pain.008 (dir)";
        assert!(text.contains(simulated));
        text.replace(simulated, &http)
            .replace("connector = \"refunds\"", "connector = \"psp\"")
            .replace("[hooks]", "[hooks]\nretry_ms = [500, 500]")
    });
    (scratch, Running::start(&config))
}

/// A request by card whose collection has been ordered.
fn ordered(running: &Running, number: &str) -> String {
    let id = customer(running, number);
    card(running, &id, &format!("tok_{number}"));
    let request = request(running, number, &format!("F-{number}"), 5_000, "2026-03-02");
    collect(running, &request, &format!("card:tok_{number}"));
    running.advance("1m");
    request
}

fn becomes(running: &Running, request: &str, status: &str) -> Json {
    wait_for(status, || Some(view(running, request)).filter(|seen| seen["status"] == status))
}

#[test]
fn what_a_provider_does_not_tell_it_is_asked_and_nothing_new_leaves_before_it_answers() {
    let provider = Provider::start();
    let (_scratch, running) = story("providers-asked", &provider);
    // Taken, and nothing said: asked twice, it tells.
    provider.says("collect", 200, "{\"result\":\"pending\"}");
    provider.says("inquire", 404, "{\"error\":\"not_found\"}");
    provider.says("inquire", 200, "{\"result\":\"pending\"}");
    provider.says("inquire", 200, "{\"result\":\"succeeded\"}");
    let request = ordered(&running, "C-1");
    let paid = becomes(&running, &request, "settled");
    assert_eq!(paid["attempts"].as_array().unwrap().len(), 1, "{paid}");
    let inquiries = provider.asked("inquire");
    assert_eq!(inquiries.len(), 3, "a wrong address says nothing of an attempt");
    let order = &provider.asked("collect")[0];
    let (asked, of) = (body(&inquiries[0]), body(order));
    assert_eq!(
        (&asked["attempt"], &asked["end_to_end_id"], &asked["payment_request"]),
        (&of["attempt"], &of["end_to_end_id"], &json!(request))
    );
    assert!(inquiries.iter().all(|asked| asked.header("webhook-signature").starts_with("v1,")));
    let keys: std::collections::BTreeSet<&str> =
        inquiries.iter().map(|asked| asked.header("idempotency-key")).collect();
    assert_eq!(keys.len(), 3, "each is another question");

    // No answer at all, however often: asked, it never had it, and another attempt is made.
    for _ in 0..3 {
        provider.says("collect", 500, "");
    }
    provider.says("inquire", 200, "{\"result\":\"not_found\"}");
    provider.says("collect", 200, "{\"result\":\"succeeded\"}");
    let request = ordered(&running, "C-2");
    wait_for("the answer", || (provider.asked("inquire").len() == 4).then_some(()));
    let calls = provider.asked("collect");
    let keys: Vec<&str> = calls.iter().skip(1).take(3).map(|call| call.header("idempotency-key")).collect();
    assert!(keys.len() == 3 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    running.advance("1d");
    let paid = becomes(&running, &request, "settled");
    let statuses: Vec<&Json> =
        paid["attempts"].as_array().unwrap().iter().map(|attempt| &attempt["result"]).collect();
    assert_eq!(statuses, ["withdrawn", "succeeded"], "{paid}");
}

#[test]
fn what_is_paid_otherwise_is_called_back_and_money_goes_back_by_the_provider() {
    let provider = Provider::start();
    let (_scratch, running) = story("providers-called-back", &provider);
    provider.says("collect", 200, "{\"result\":\"pending\"}");
    provider.says("cancel", 200, "{\"result\":\"cancelled\"}");
    let request = ordered(&running, "C-1");
    wait_for("the order", || provider.asked("collect").first().map(drop));
    let cancelled =
        running.post(&format!("/v1/payment-requests/{request}/cancel"), &json!({ "reason": "a mistake" }));
    assert_eq!(cancelled.status, 201, "{}", cancelled.text());
    let seen = wait_for("the attempt", || {
        Some(view(&running, &request)).filter(|seen| seen["attempts"][0]["result"] == "withdrawn")
    });
    assert_eq!((&seen["status"], provider.asked("cancel").len()), (&"cancelled".into(), 1), "{seen}");

    let transfer = json!({ "entry_ref": "T-1", "amount": { "amount": 4_200, "currency": "EUR" },
        "booked_on": "2026-03-02", "payer_name": "Erika Mustermann", "payer_iban": "DE89370400440532013000",
        "remittance": "for somebody else" });
    let made = running.post("/v1/transfers", &transfer).json();
    let give = format!("/v1/transfers/{}/give-back", made["id"].as_str().unwrap());
    let payout = running.post(&give, &json!({ "by": "Ana", "reason": "not ours" })).json();
    provider.says("refund", 503, "");
    provider.says("refund", 202, "");
    let path = format!("/v1/payouts/{}", payout["id"].as_str().unwrap());
    assert_eq!(running.post(&format!("{path}/approve"), &json!({ "by": "Bob" })).status, 201);
    let refunds = wait_for("the refund", || Some(provider.asked("refund")).filter(|asked| asked.len() >= 2));
    let said = body(&refunds[1]);
    assert_eq!((&said["payout"], &said["creditor"]["iban"]), (&payout["id"], &"DE89370400440532013000".into()));
    assert_eq!(said["amount"], json!({ "amount": 4_200, "currency": "EUR" }));
    assert!(refunds.iter().all(|asked| payout["id"] == asked.header("idempotency-key")), "paid once");

    // Only a plain answer refuses: the money is a task again.
    let other = json!({ "entry_ref": "T-2", "amount": { "amount": 900, "currency": "EUR" }, "booked_on": "2026-03-02",
        "payer_name": "Erika Mustermann", "payer_iban": "DE89370400440532013000", "remittance": "another one" });
    let made = running.post("/v1/transfers", &other).json();
    let give = format!("/v1/transfers/{}/give-back", made["id"].as_str().unwrap());
    let payout = running.post(&give, &json!({ "by": "Ana", "reason": "not ours" })).json();
    provider.says("refund", 410, "");
    provider.says("refund", 404, "");
    provider.says("refund", 200, "{\"result\":\"failed\",\"reason_code\":\"AC04\"}");
    let path = format!("/v1/payouts/{}", payout["id"].as_str().unwrap());
    assert_eq!(running.post(&format!("{path}/approve"), &json!({ "by": "Bob" })).status, 201);
    let failed =
        wait_for("the refusal", || Some(running.get(&path).json()).filter(|payout| payout["status"] == "failed"));
    assert!(failed["why"].as_str().unwrap().contains("AC04"), "{failed}");
    assert_eq!(provider.asked("refund").len(), 5, "asked until it answered");
}

/// A call of the provider, signed by `secret` at a time so far from now.
fn tell(running: &Running, (id, secret, off_s): (&str, &str, i64), said: &Json) -> Answer {
    let at = quittance::clock::system_now().unix_millis() / 1_000 + off_s;
    let bytes = said.to_string().into_bytes();
    let signature = SigningKey::parse(secret).unwrap().sign(id, at, &bytes);
    let at = at.to_string();
    let headers = [
        ("content-type", "application/json"),
        ("webhook-id", id),
        ("webhook-timestamp", at.as_str()),
        ("webhook-signature", signature.as_str()),
    ];
    call(running.address, "POST", "/callbacks/maison-dupre/connectors/psp", &headers, &bytes).unwrap()
}

#[test]
fn a_provider_tells_by_itself_and_only_who_has_its_key_is_heard() {
    let provider = Provider::start();
    let (_scratch, running) = story("providers-tell", &provider);
    for _ in 0..3 {
        provider.says("collect", 200, "{\"result\":\"pending\"}");
    }
    let request = ordered(&running, "C-1");
    let order = wait_for("the order", || provider.asked("collect").first().map(body));
    let said = json!({ "end_to_end_id": order["end_to_end_id"], "result": "succeeded", "psp_fee": 12 });
    assert_eq!(tell(&running, ("m1", SECRET, 0), &said).status, 401, "our own key is not theirs");
    assert_eq!(tell(&running, ("m1", CALLBACKS, -400), &said).status, 401, "an old call");
    assert_eq!(tell(&running, ("m1", CALLBACKS, 400), &said).status, 401);
    assert_eq!(view(&running, &request)["status"], "open");
    for _ in 0..2 {
        let told = tell(&running, ("m1", CALLBACKS, 0), &said);
        assert_eq!((told.status, told.text().as_str()), (200, "noted"));
    }
    let paid = becomes(&running, &request, "settled");
    assert_eq!(paid["attempts"].as_array().unwrap().len(), 1, "{paid}");
    // Taken back weeks later: open again.
    let back =
        json!({ "attempt": order["attempt"], "payment_request": request, "result": "reversed", "reason_code": "83" });
    assert_eq!(tell(&running, ("m2", CALLBACKS, 0), &back).status, 200);
    becomes(&running, &request, "open");
    for (wrong, status, what) in [
        (json!({ "result": "succeeded" }), 400, "end_to_end_id"),
        (json!({ "end_to_end_id": order["end_to_end_id"], "result": "maybe" }), 400, "succeeded, failed"),
        (json!({ "end_to_end_id": order["end_to_end_id"], "result": "failed" }), 400, "reason_code"),
        (json!({ "end_to_end_id": "NOTPROVIDED", "result": "failed" }), 422, "not one of ours"),
        (
            json!({ "attempt": order["attempt"], "payment_request": "prq_00000000000000000000000001", "result": "succeeded" }),
            404,
            "no such attempt",
        ),
    ] {
        let told = tell(&running, ("m3", CALLBACKS, 0), &wrong);
        assert!(told.status == status && told.text().contains(what), "{wrong}: {} {}", told.status, told.text());
    }
}

#[test]
fn what_a_card_has_paid_goes_back_to_it_by_who_collected_it() {
    let provider = Provider::start();
    let (_scratch, running) = story("providers-refund", &provider);
    provider.says("collect", 200, "{\"result\":\"succeeded\"}");
    let request = ordered(&running, "C-1");
    becomes(&running, &request, "settled");
    let order = body(&provider.asked("collect")[0]);
    let refunds = format!("/v1/payment-requests/{request}/refunds");
    let asks = |key: &str, minor: i64| {
        let amount = json!({ "amount": minor, "currency": "EUR" });
        json!({ "refund_ref": key, "amount": amount, "made_by": "collector", "by": "Ana", "reason": "came back broken" })
    };
    let mut without = asks("R-1", 1_000);
    without.as_object_mut().unwrap().remove("by");
    assert_eq!(running.post(&refunds, &without).status, 400, "somebody asks for it");
    assert_eq!(running.post(&refunds, &asks("R-1", 5_001)).status, 409, "more than was paid");

    // A second person approves; asked until it answers, with one key, and it says that the money is there.
    let made = running.post(&refunds, &asks("R-1", 1_500));
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    let of = &made["refunds"][0];
    assert_eq!((&of["refund_ref"], &of["attempt"], &of["failed"]), (&"R-1".into(), &order["attempt"], &false.into()));
    let path = format!("/v1/payouts/{}", of["payout"].as_str().unwrap());
    let payout = running.get(&path).json();
    assert_eq!((&payout["source"]["payment_request"], &payout["creditor"]["iban"]), (&json!(request), &Json::Null));
    assert_eq!((&payout["status"], &payout["refund_of"]["connector"]), (&"awaits_approval".into(), &"psp".into()));
    provider.says("refund", 503, "");
    provider.says("refund", 200, "{\"result\":\"succeeded\"}");
    assert_eq!(running.post(&format!("{path}/approve"), &json!({ "by": "Bob" })).status, 201);
    wait_for("the money", || (running.get(&path).json()["status"] == "executed").then_some(()));
    let asked = provider.asked("refund");
    let said = body(&asked[0]);
    assert_eq!((&said["refund_of"]["attempt"], &said["amount"]["amount"]), (&order["attempt"], &1_500.into()));
    assert_eq!(said["refund_of"]["end_to_end_id"], order["end_to_end_id"]);
    assert!(said.get("creditor").is_none(), "{said}");
    assert!(asked.len() == 2 && asked.iter().all(|asked| payout["id"] == asked.header("idempotency-key")));

    // One that it takes and tells of later: it failed, and the money is where it was.
    provider.says("refund", 202, "");
    let made = running.post(&refunds, &asks("R-2", 3_500)).json();
    let id = made["refunds"][1]["payout"].as_str().unwrap().to_owned();
    let path = format!("/v1/payouts/{id}");
    assert_eq!(running.post(&format!("{path}/approve"), &json!({ "by": "Bob" })).status, 201);
    wait_for("the order", || (provider.asked("refund").len() == 3).then_some(()));
    assert_eq!(running.get(&path).json()["status"], "ordered");
    let said = json!({ "payout": id, "result": "failed" });
    assert_eq!(tell(&running, ("p1", CALLBACKS, 0), &said).status, 400, "why?");
    assert_eq!(tell(&running, ("p1", SECRET, 0), &said).status, 401, "our own key is not theirs");
    let said = json!({ "payout": "out_00000000000000000000000001", "result": "succeeded" });
    assert_eq!(tell(&running, ("p1", CALLBACKS, 0), &said).status, 404);
    let end_to_end_id = running.get(&path).json()["end_to_end_id"].as_str().unwrap().to_owned();
    let other =
        json!({ "payout": id, "end_to_end_id": order["end_to_end_id"], "result": "failed", "reason_code": "14" });
    assert_eq!(tell(&running, ("p3", CALLBACKS, 0), &other).status, 400, "an attempt is no payout");
    // By the id of the order, or by both.
    let said = json!({ "payout": id, "end_to_end_id": end_to_end_id, "result": "failed", "reason_code": "14" });
    for _ in 0..2 {
        assert_eq!(tell(&running, ("p2", CALLBACKS, 0), &said).status, 200);
    }
    let said = json!({ "end_to_end_id": end_to_end_id, "result": "failed", "reason_code": "14" });
    assert_eq!(tell(&running, ("p4", CALLBACKS, 0), &said).status, 200, "known already");
    let failed = running.get(&path).json();
    assert_eq!((&failed["status"], &failed["why"]), (&"failed".into(), &"14".into()));
    let seen = view(&running, &request);
    assert_eq!((&seen["refunded"]["amount"], &seen["refunds"][1]["failed"]), (&1_500.into(), &true.into()), "{seen}");

    // What happened is told, and stands in the books.
    let told = running.get(&format!("/v1/payment-requests/{request}/timeline")).text();
    for event in ["refund.initiated", "refund.completed", "refund.failed"] {
        assert!(told.contains(event), "{event}: {told}");
    }
    let books = running.get("/v1/exports/accounting?from=2026-03-01&to=2026-03-31").text();
    let line = books.lines().find(|line| line.contains("Remboursement") && line.contains("511500"));
    assert!(line.is_some_and(|line| line.contains("15,00")), "{books}");
}
