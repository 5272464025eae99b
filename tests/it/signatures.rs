//! Hooks as receivers judge them, with the published libraries in Python and Node, and behind TLS that asks who calls.
//! `QUITTANCE_RECEIVERS` says which Python has the packages; those of Node stand beside the receivers.

use std::process::Command;

use serde_json::{Value as Json, json};

use crate::support::certificates::{authority, certificate};
use crate::support::golden::project;
use crate::support::peers::{Judge, free_port};
use crate::support::running::{Running, configure, drop_file};
use crate::support::scratch::{Scratch, wait_for};

const SECRET: &str = "whsec_c2FtcGxlIHNlY3JldCBvZiB0aGUgc2FuZGJveA==";
const NEXT: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PRIVATE: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";

const INVOICES: &str = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
    Fé-1;C-ü;Zoë Müller;zoe@example.org;;fr;120,00;02/03/2026;10/03/2026;Conseil €\n\
    F-2;C-2;ACME;ap@acme.example;;en;80,50;02/03/2026;10/03/2026;Design\n";

/// Which Python judges, if one is there.
fn python() -> Option<String> {
    let python = std::env::var("QUITTANCE_RECEIVERS").ok();
    if python.is_none() {
        println!("left out: QUITTANCE_RECEIVERS is not set");
    }
    python
}

/// The service with its endpoint at `url`, which hears of everything.
fn service(scratch: &Scratch, url: &str, more: &str, environment: &[(&str, &str)]) -> Running {
    let config = configure(scratch.path(), |text| {
        text.replace("http://127.0.0.1:8089/hooks/erp", url).replace(
            &format!("\nsecret = {{ value = \"{SECRET}\" }}"),
            &format!(
                "\nevents = [\"*\"]\nretry_ms = [200]\n{more}\nsecret = {{ value = \"{NEXT}\" }}\n\
                 previous_secret = {{ value = \"{SECRET}\" }}\nprivate_key = {{ value = \"{PRIVATE}\" }}"
            ),
        )
    });
    Running::start_with(&config, environment)
}

/// The events of the stream.
fn told(running: &Running) -> usize {
    running.get("/v1/stream?limit=1000").json()["data"].as_array().unwrap().len()
}

#[test]
fn the_published_libraries_take_every_delivery_and_none_that_was_altered() {
    let Some(python) = python() else { return };
    let receivers = project().join("tests/receivers");
    for (name, program, script) in [("python", python.as_str(), "receiver.py"), ("node", "node", "receiver.mjs")] {
        let scratch = Scratch::new(&format!("judge-{name}"));
        let port = free_port();
        let mut command = Command::new(program);
        // Who has not changed its secret yet verifies by the one before.
        command.arg(receivers.join(script)).arg(port.to_string()).arg(SECRET);
        let judge = Judge::start(&mut command, name, port, scratch.path());
        let running = service(&scratch, &format!("http://127.0.0.1:{port}/hook"), "order = \"key\"", &[]);
        drop_file(&scratch.path().join("data/erp/in"), "a.csv", INVOICES.as_bytes());
        running.advance("12d");
        let verdicts =
            wait_for("a verdict of each", || Some(judge.verdicts()).filter(|said| said.len() >= told(&running)));
        assert!(verdicts.len() > 10 && verdicts.iter().all(|verdict| verdict == "ok"), "{name}: {verdicts:?}");
    }
}

#[test]
fn cloud_events_are_what_the_published_libraries_read() {
    let Some(python) = python() else { return };
    let receivers = project().join("tests/receivers");
    let judges = [("python", python.as_str(), "receiver.py"), ("node", "node", "receiver.mjs")];
    for (kind, (name, program, script)) in
        ["structured", "binary"].into_iter().flat_map(|kind| judges.map(|judge| (kind, judge)))
    {
        let scratch = Scratch::new(&format!("cloud-{name}-{kind}"));
        let port = free_port();
        let mut command = Command::new(program);
        command.arg(receivers.join(script)).arg(port.to_string()).arg(SECRET);
        let judge = Judge::start(&mut command, name, port, scratch.path());
        let more = format!("format = \"cloudevents-{kind}\"");
        let running = service(&scratch, &format!("http://127.0.0.1:{port}/hook"), &more, &[]);
        drop_file(&scratch.path().join("data/erp/in"), "a.csv", INVOICES.as_bytes());
        let verdicts =
            wait_for("a verdict of each", || Some(judge.verdicts()).filter(|said| said.len() >= told(&running)));
        let mut heard: Vec<Json> = verdicts
            .iter()
            .map(|said| serde_json::from_str(said.strip_prefix("ok ").unwrap_or_else(|| panic!("{name}: {said}"))))
            .collect::<Result<_, _>>()
            .unwrap();
        heard.iter_mut().for_each(|event| event["time"] = json!(seconds(event["time"].as_str().unwrap())));
        let stream = running.get("/v1/stream?limit=1000").json();
        for event in stream["data"].as_array().unwrap() {
            let expected = json!({
                "specversion": "1.0",
                "id": event["id"],
                "source": format!("/tenants/{}/{}", event["tenant"].as_str().unwrap(), event["ordering_key"].as_str().unwrap()),
                "type": format!("com.quittance.{}", event["type"].as_str().unwrap()),
                "subject": event["subject"],
                "partitionkey": event["ordering_key"],
                "sequence": format!("{:020}", event["key_seq"].as_u64().unwrap()),
                "time": seconds(event["timestamp"].as_str().unwrap()),
                "data": event["data"],
            });
            assert!(heard.contains(&expected), "{name} {kind}: {expected:#} is not in {heard:#?}");
        }
    }
}

/// An instant without its fraction and without how its zone is written: `2026-03-02T08:00:00`.
fn seconds(instant: &str) -> String {
    instant.chars().take(19).collect()
}

#[test]
fn a_receiver_that_asks_for_a_certificate_is_shown_one() {
    let Some(python) = python() else { return };
    let scratch = Scratch::new("mutual-tls");
    let folder = scratch.path();
    authority(folder);
    certificate(folder, "receiver");
    certificate(folder, "quittance");
    let both = ["quittance.pem", "quittance.key"].map(|name| std::fs::read_to_string(folder.join(name)).unwrap());
    std::fs::write(folder.join("client.pem"), both.concat()).unwrap();
    let port = free_port();
    let mut command = Command::new(python);
    command.arg(project().join("tests/receivers/receiver.py")).arg(port.to_string()).arg(NEXT);
    for file in ["receiver.pem", "receiver.key", "authority.pem"] {
        command.arg(folder.join(file));
    }
    let judge = Judge::start(&mut command, "python", port, folder);
    let client = folder.join("client.pem").display().to_string();
    let known = folder.join("authority.pem").display().to_string();
    let more = format!("client_certificate = {{ file = \"{client}\" }}");
    let running = service(&scratch, &format!("https://127.0.0.1:{port}/hook"), &more, &[("SSL_CERT_FILE", &known)]);
    drop_file(&folder.join("data/erp/in"), "a.csv", INVOICES.as_bytes());
    let verdicts =
        wait_for("a verdict of each", || Some(judge.verdicts()).filter(|said| said.len() >= told(&running)));
    assert!(verdicts.iter().all(|verdict| verdict == "ok quittance"), "{verdicts:?}");
}
