//! What may have arrived does not leave a second time by itself, and what was given up is tried again by a person.

use std::time::Duration;

use serde_json::Value as Json;

use crate::support::peers::HookReceiver;
use crate::support::running::{Running, configure, drop_file, messages};
use crate::support::scratch::{Scratch, wait_for};

/// The SMS that came, once there are so many.
fn arrived(provider: &HookReceiver, count: usize) -> Vec<Json> {
    let came = wait_for("an SMS", || Some(provider.received()).filter(|came| came.len() >= count));
    assert_eq!(came.len(), count, "nothing is sent again");
    came.iter().map(|sms| serde_json::from_slice(&sms.body).unwrap()).collect()
}

/// So many have come, and no more come for a while.
fn no_more_than(provider: &HookReceiver, count: usize) {
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(provider.received().len(), count, "nothing is sent again");
}

/// A merchant whose customer has a phone and no mail address.
fn story(name: &str, provider: &HookReceiver) -> (Scratch, Running) {
    let scratch = Scratch::new(name);
    let json = format!("provider = \"json\"\nurl = \"{}\"\nkey = {{ value = \"k\" }}", provider.url());
    let config = configure(scratch.path(), |text| text.replace("provider = \"catch\"", &json));
    let running = Running::start(&config);
    let invoices = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
        F-1;C-1;Sans Adresse;;06 12 34 56 78;fr;120,00;02/03/2026;10/03/2026;Conseil\n";
    drop_file(&scratch.path().join("data/erp/in"), "invoices.csv", invoices.as_bytes());
    (scratch, running)
}

fn given_up(running: &Running) -> Json {
    wait_for("what was given up", || {
        let listed = running.get("/v1/deliveries").json();
        listed["data"].as_array().filter(|data| !data.is_empty()).map(|data| data[0].clone())
    })
}

fn retry(running: &Running, row: &Json) -> u16 {
    running.post(&format!("/v1/deliveries/{}/retry", row["id"].as_str().unwrap()), &Json::Null).status
}

#[test]
fn an_sms_that_may_have_left_when_the_process_died_is_not_sent_again_without_a_person() {
    let provider = HookReceiver::start();
    provider.answer(0);
    let (scratch, mut running) = story("unheard", &provider);
    running.advance("12d");
    let first = arrived(&provider, 1).remove(0);
    running.kill();
    let running = Running::start(&scratch.path().join("config/quittance.toml"));
    let row = given_up(&running);
    assert!(row["error"].as_str().unwrap().contains("it may have left when the service stopped"), "{row}");
    assert_eq!((&row["way"], &row["id"]), (&"sms".into(), &first["tag"]), "{row} {first}");
    no_more_than(&provider, 1);
    // A person knows that it did not arrive: once more, with the same id, and once.
    provider.answer(202);
    assert_eq!(retry(&running, &row), 202);
    assert_eq!(retry(&running, &row), 404, "it is not given up any more");
    assert_eq!(arrived(&provider, 2)[1]["tag"], first["tag"]);
    no_more_than(&provider, 2);
    assert_eq!(running.get("/v1/deliveries").json()["data"], Json::Array(Vec::new()));
    assert_eq!(running.post("/v1/deliveries/dlv_00000000000000000000000000/retry", &Json::Null).status, 404);
}

#[test]
fn an_sms_that_a_provider_may_have_taken_is_not_sent_again_and_one_it_did_not_take_is() {
    let provider = HookReceiver::start();
    provider.answer(503);
    let (scratch, mut running) = story("taken", &provider);
    running.advance("12d");
    arrived(&provider, 1);
    provider.answer(502);
    let came = arrived(&provider, 2);
    assert_eq!(came[0]["tag"], came[1]["tag"], "the same id on every try");
    let row = given_up(&running);
    assert!(row["error"].as_str().unwrap().contains("may have taken it (502)"), "{row}");
    no_more_than(&provider, 2);
    // What a person asks for outlives the process, and is tried once.
    provider.answer(0);
    assert_eq!(retry(&running, &row), 202);
    arrived(&provider, 3);
    running.kill();
    let running = Running::start(&scratch.path().join("config/quittance.toml"));
    assert_eq!(given_up(&running)["id"], row["id"]);
    no_more_than(&provider, 3);
}

#[test]
fn what_fails_for_long_is_told_of_and_so_is_that_it_arrives_again() {
    let provider = HookReceiver::start();
    provider.answer(503);
    let scratch = Scratch::new("failing");
    let json = format!("provider = \"json\"\nurl = \"{}\"\nkey = {{ value = \"k\" }}", provider.url());
    let config = configure(scratch.path(), |text| {
        text.replace("provider = \"catch\"", &json)
            .replace("timeout_ms = 15000", "timeout_ms = 15000\nfailing_after_seconds = 1\nretry_ms = [250, 250, 250, 250, 250, 250, 250, 250, 60000]")
    });
    let running = Running::start(&config);
    let invoices = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
        F-1;C-1;Sans Adresse;;06 12 34 56 78;fr;120,00;02/03/2026;10/03/2026;Conseil\n";
    drop_file(&scratch.path().join("data/erp/in"), "invoices.csv", invoices.as_bytes());
    running.advance("12d");
    let told = |of: &str| {
        wait_for(of, || running.list(&format!("/v1/stream?types={of}")).first().cloned())["data"]["channel"].clone()
    };
    let failing = told("channel.failing");
    assert_eq!(failing["way"], "sms", "{failing}");
    provider.answer(202);
    let well = told("channel.recovered");
    assert_eq!(well["failing_since"], failing["failing_since"], "{well}");
    // A team has heard of it, once.
    let heard = || {
        let sent = messages(scratch.path());
        sent.iter().filter(|sent| sent["template"] == "channel_failing").count()
    };
    wait_for("the mail", || (heard() > 0).then_some(()));
    assert_eq!((heard(), running.list("/v1/stream?types=channel.failing").len()), (1, 1));
}
