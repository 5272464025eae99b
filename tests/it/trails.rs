//! What became of each delivery: every try with why it failed, for who asks, and after a crash as before.

use serde_json::{Value as Json, json};

use crate::support::peers::HookReceiver;
use crate::support::running::{Running, configure, drop_file};
use crate::support::scratch::{Scratch, wait_for};

const INVOICE: &str = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
    F-1;C-1;Atelier Dupont;c1@example.org;;fr;120,00;02/03/2026;10/03/2026;Conseil\n";

/// A service whose ERP endpoint hears of what is issued at `hooks`, and tries it again at once.
fn story(name: &str, hooks: &HookReceiver) -> (Scratch, Running) {
    let scratch = Scratch::new(name);
    let more = "events = [\"payment_request.issued\"]\nretry_ms = [20, 20, 600000]";
    let config = configure(scratch.path(), |text| {
        text.replace("http://127.0.0.1:8089/hooks/erp", &hooks.url())
            .replace("name = \"erp\"\nurl", &format!("name = \"erp\"\n{more}\nurl"))
    });
    let running = Running::start(&config);
    (scratch, running)
}

/// The delivery of an id once it stands as it should.
fn stands(running: &Running, id: &str, status: &str) -> Json {
    wait_for(status, || {
        let answer = running.get(&format!("/v1/deliveries/{id}"));
        (answer.status == 200).then(|| answer.json()).filter(|shown| shown["status"] == status)
    })
}

fn faults(shown: &Json) -> Vec<(Json, Json, Json)> {
    let tries = shown["tries"].as_array().unwrap().iter();
    tries.map(|tried| (tried["number"].clone(), tried["result"].clone(), tried["fault"].clone())).collect()
}

#[test]
fn every_try_of_a_hook_is_told_with_why_it_failed_and_outlives_the_process() {
    let hooks = HookReceiver::start();
    hooks.answer(503);
    let (scratch, mut running) = story("trail", &hooks);
    drop_file(&scratch.path().join("data/erp/in"), "a.csv", INVOICE.as_bytes());
    let called = wait_for("three calls", || Some(hooks.received()).filter(|calls| calls.len() >= 3));
    let id = called[0].header("webhook-id").to_owned();
    let waiting = stands(&running, &id, "waiting");
    let busy = |number: u32| (json!(number), json!("failed"), json!("busy"));
    assert_eq!(faults(&waiting), [busy(1), busy(2), busy(3)], "{waiting}");
    assert_eq!(waiting["tries"][0]["detail"], "503");
    assert!(waiting["next_try_at"].as_str().is_some(), "{waiting}");
    assert_eq!((&waiting["way"], &waiting["to"]), (&json!("hook:maison-dupre:erp"), &json!("hook erp")));
    assert_eq!(waiting["event"]["type"], "payment_request.issued");
    // What is called can be called again by hand: without the signature, which no screen shows.
    let curl = waiting["call"]["curl"].as_str().unwrap();
    assert!(curl.contains(&id) && curl.contains("payment_request.issued") && !curl.contains("signature"), "{curl}");
    assert_eq!(waiting["call"]["body"].as_str().unwrap().as_bytes(), called[0].body);

    running.kill();
    let running = Running::start(&scratch.path().join("config/quittance.toml"));
    assert_eq!(faults(&stands(&running, &id, "waiting")), faults(&waiting), "a crash forgets no try");

    // By the request, by the way, and as a decision.
    let request = running.find("/v1/payment-requests", "F-1");
    let request = request["id"].as_str().unwrap();
    let of_request = running.list(&format!("/v1/payment-requests/{request}/deliveries"));
    assert!(of_request.iter().any(|told| told["id"] == id.as_str()), "{of_request:?}");
    let of_way = running.get("/v1/deliveries?status=any&way=hook:maison-dupre:erp").json()["data"].clone();
    assert_eq!(of_way.as_array().unwrap().iter().map(|told| &told["id"]).collect::<Vec<_>>(), [&json!(id)]);
    assert_eq!(running.get(&format!("/v1/decisions/{id}")).json()["id"], json!(id));
    assert_eq!(running.get("/v1/deliveries?status=any&way=hook:other:erp").status, 400);
    assert_eq!(running.get("/v1/deliveries?status=some").status, 400);
    assert_eq!(running.get("/v1/deliveries/dlv_00000000000000000000000000").status, 404);
}

#[test]
fn what_arrived_and_what_was_given_up_say_so_and_a_further_try_is_added() {
    let hooks = HookReceiver::start();
    hooks.answer_with(|_| crate::support::peers::Reply {
        status: 422,
        header: Some("webhook-delivery: abort-message".to_owned()),
        body: String::new(),
    });
    let (scratch, running) = story("trail-end", &hooks);
    drop_file(&scratch.path().join("data/erp/in"), "a.csv", INVOICE.as_bytes());
    let called = wait_for("a call", || Some(hooks.received()).filter(|calls| !calls.is_empty()));
    let id = called[0].header("webhook-id").to_owned();
    let given_up = stands(&running, &id, "given_up");
    assert_eq!(faults(&given_up), [(json!(1), json!("given_up"), json!("refused"))], "{given_up}");
    wait_for("it is listed", || {
        let listed = running.list("/v1/deliveries");
        listed.iter().find(|row| row["id"] == id.as_str() && row["fault"] == "refused").map(|_| ())
    });
    hooks.answer(204);
    assert_eq!(running.post(&format!("/v1/deliveries/{id}/retry"), &Json::Null).status, 202);
    let arrived = stands(&running, &id, "delivered");
    let (second, none) = ((json!(2), json!("delivered"), Json::Null), Json::Null);
    assert_eq!((&faults(&arrived)[1], &arrived["next_try_at"]), (&second, &none), "{arrived}");
    assert_eq!(arrived["tries"][1]["detail"], "204");
}

#[test]
fn a_reminder_says_which_gates_it_passed_and_which_one_kept_it_back() {
    let hooks = HookReceiver::start();
    hooks.answer(204);
    let (scratch, running) = story("gates", &hooks);
    let held = INVOICE.to_owned() + "F-2;C-2;Sans Adresse;;;fr;90,00;02/03/2026;10/03/2026;Conseil\n";
    drop_file(&scratch.path().join("data/erp/in"), "a.csv", held.as_bytes());
    running.find("/v1/payment-requests", "F-2");
    running.advance("12d");
    let steps = |external_ref: &str, status: &'static str| {
        let id = running.find("/v1/payment-requests", external_ref)["id"].as_str().unwrap().to_owned();
        wait_for(status, || {
            let steps = running.list(&format!("/v1/payment-requests/{id}/steps"));
            steps.into_iter().find(|step| step["status"] == status)
        })
    };
    let said = |step: &Json, gate: &str| {
        let gates = step["gates"].as_array().unwrap();
        gates.iter().find(|known| known["gate"] == gate).unwrap()["said"].clone()
    };
    let sent = steps("F-1", "sent");
    assert!(sent["gates"].as_array().unwrap().iter().all(|gate| gate["said"] == "passed"), "{sent}");
    let not_sent = steps("F-2", "not_sent");
    let (hold, reach, contact) =
        (said(&not_sent, "no_hold"), said(&not_sent, "reachable"), said(&not_sent, "contact_limits"));
    assert_eq!((hold, reach, contact), (json!("passed"), json!("stopped"), json!("not_asked")), "{not_sent}");
}
