//! SMS by SMPP, with an SMSC made by others: what leaves, what becomes of it, what people write back.

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::support::certificates::{authority, certificate};
use crate::support::peers::{Smsc, free_port};
use crate::support::running::{Running, configure, drop_file};
use crate::support::scratch::{Scratch, wait_for};

/// A service that sends by the SMSC of a port, with a customer of a number who has no mail address.
fn service(scratch: &Scratch, port: u16, phone: &str) -> Running {
    service_at(scratch, &format!("smpp://127.0.0.1:{port}"), phone, &[])
}

/// As [`service`], by the address of an SMSC, with more of an environment.
fn service_at(scratch: &Scratch, url: &str, phone: &str, environment: &[(&str, &str)]) -> Running {
    let config = configure(scratch.path(), |text| {
        let smpp = format!(
            "provider = \"smpp\"\nurl = \"{url}\"\nuser = \"quittance\"\npassword = {{ value = \"secret\" }}"
        );
        text.replace("provider = \"catch\"", &smpp)
    });
    let running = Running::start_with(&config, environment);
    let invoices = format!(
        "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
         F-1;C-1;Sans Adresse;;{phone};fr;120,00;02/03/2026;10/03/2026;Conseil\n"
    );
    drop_file(&scratch.path().join("data/erp/in"), "invoices.csv", invoices.as_bytes());
    running
}

fn events(running: &Running, kind: &str) -> Vec<Json> {
    running.get(&format!("/v1/stream?limit=1000&types={kind}")).json()["data"].as_array().unwrap().clone()
}

fn given_up(running: &Running) -> Json {
    wait_for("a message that is given up", || {
        let listed = running.get("/v1/deliveries").json();
        listed["data"].as_array().filter(|data| !data.is_empty()).map(|data| data[0].clone())
    })
}

fn template(folder: &Path, text: &str) {
    for path in std::fs::read_dir(folder.join("config/templates")).unwrap() {
        let path = path.unwrap().path();
        if path.to_string_lossy().ends_with(".fr.sms.hbs") {
            std::fs::write(path, text).unwrap();
        }
    }
}

#[test]
fn an_sms_leaves_by_smpp_its_receipt_comes_back_and_stop_ends_it() {
    let scratch = Scratch::new("smpp");
    let mut smsc = Smsc::start(free_port(), 0x1a2b);
    let running = service(&scratch, smsc.port, "06 12 34 56 78");
    wait_for("the bind", || smsc.said("bind").pop().filter(|bind| bind == "bind quittance 0x34 true"));
    running.advance("12d");
    let sent = wait_for("the SMS", || smsc.said("submit").first().cloned());
    // A name as the sender, an international number, the GSM alphabet, one receipt at the end.
    assert!(sent.contains(" 33612345678/1/1 0 1 []") && sent.contains("/5/0 "), "{sent}");
    assert!(sent.contains("facture F-1"), "{sent}");
    // Its receipt names it in decimals.
    let arrived = wait_for("the report", || events(&running, "notification.delivered").first().cloned());
    assert_eq!(arrived["data"]["notification"]["channel"], "sms", "{arrived}");
    wait_for("the acknowledgement of the receipt", || smsc.said("told DELIVRD").pop());
    // The link breaks, and is there again.
    smsc.write("drop");
    wait_for("another bind", || (smsc.said("bind").len() >= 2).then_some(()));
    smsc.write("33612345678 QUITTANCE Arret merci");
    let out = wait_for("the wish", || events(&running, "customer.opted_out").first().cloned());
    assert_eq!(out["data"]["opt_out"]["channel"], "sms", "{out}");
    wait_for("the acknowledgement", || smsc.said("acknowledged").pop());
    wait_for("the list", || (running.find("/v1/customers", "C-1")["opted_out"] == json!(["sms"])).then_some(()));
    smsc.write("33612345678 36180 START");
    wait_for("the other wish", || events(&running, "customer.opted_in").first().cloned());
}

#[test]
fn a_long_text_is_parted_and_brought_to_its_end_however_busy_the_smsc_is() {
    let scratch = Scratch::new("smpp-long");
    let smsc = Smsc::start(free_port(), 1);
    // Letters outside the GSM alphabet, more than one message of 70.
    let text = format!("{}, ça traîne : prêt à être réglé ? {}", "é".repeat(40), "ô".repeat(60));
    let running = service_with(&scratch, smsc.port, "06 12 34 56 58", &text);
    running.advance("12d");
    let parts = wait_for("both parts", || Some(smsc.said("submit")).filter(|parts| parts.len() == 2));
    let said = |part: &str| -> String { serde_json::from_str(part.split_once("] ").unwrap().1).unwrap() };
    assert!(parts.iter().all(|part| part.contains(" 8 1 [")), "{parts:?}");
    assert_eq!(said(&parts[0]) + &said(&parts[1]), text);
    assert_eq!(said(&parts[0]).chars().count(), 67);
}

/// As [`service`], with another text of its SMS.
fn service_with(scratch: &Scratch, port: u16, phone: &str, text: &str) -> Running {
    // The sample is written anew by `service`: its templates are changed by a restart.
    let mut running = service(scratch, port, phone);
    running.stop();
    template(scratch.path(), text);
    Running::start(&scratch.path().join("config/quittance.toml"))
}

#[test]
fn what_an_smsc_refuses_or_may_have_taken_is_not_sent_again() {
    // Refused.
    let scratch = Scratch::new("smpp-refused");
    let smsc = Smsc::start(free_port(), 1);
    let running = service(&scratch, smsc.port, "06 12 34 56 99");
    running.advance("12d");
    let row = given_up(&running);
    assert_eq!(row["error"], "by the SMSC, EsmeRinvdstadr", "{row}");
    drop(running);
    // Not delivered, its receipt says.
    let scratch = Scratch::new("smpp-undelivered");
    let running = service(&scratch, smsc.port, "06 12 34 56 66");
    running.advance("12d");
    let bounced = wait_for("the report", || events(&running, "notification.bounced").first().cloned());
    assert_eq!(bounced["data"]["reason"], "undeliv (6)", "{bounced}");
    drop(running);
    // Heard, and the link breaks before the answer: nobody knows.
    let scratch = Scratch::new("smpp-unheard");
    let mut smsc = smsc;
    let running = service(&scratch, smsc.port, "06 12 34 56 77");
    running.advance("12d");
    wait_for("it to be heard", || smsc.said("heard").pop());
    smsc.write("drop");
    let row = given_up(&running);
    assert!(row["error"].as_str().unwrap().starts_with("the SMSC may have taken it"), "{row}");
    assert_eq!(smsc.said("heard").len(), 1);
}

#[test]
fn an_smsc_that_is_not_there_or_lets_nobody_in_is_tried_again() {
    let scratch = Scratch::new("smpp-later");
    let port = free_port();
    let running = service(&scratch, port, "06 12 34 56 78");
    running.advance("12d");
    wait_for("a try", || running.log.lock().unwrap().contains("the SMSC cannot be bound to").then_some(()));
    let smsc = Smsc::start(port, 1);
    wait_for("the SMS after all", || smsc.said("submit").pop());
    assert!(!running.log.lock().unwrap().contains("secret"), "the password is in no log");
}

#[test]
fn an_smsc_is_bound_to_by_tls_if_its_certificate_is_of_an_authority_that_is_known() {
    let scratch = Scratch::new("smpp-tls");
    let folder = scratch.path();
    authority(folder);
    certificate(folder, "smsc");
    let known = folder.join("authority.pem").display().to_string();
    let smsc = Smsc::start_with(free_port(), 1, &["smsc.key", "smsc.pem"].map(|name| folder.join(name)));
    let url = format!("smpps://127.0.0.1:{}", smsc.port);
    let running = service_at(&scratch, &url, "06 12 34 56 78", &[("SSL_CERT_FILE", &known)]);
    wait_for("the bind", || smsc.said("bind").pop());
    running.advance("12d");
    wait_for("the SMS", || smsc.said("submit").pop());
    wait_for("the report", || events(&running, "notification.delivered").pop());
    drop(running);
    // An authority that nobody here knows: no name and no password is said to it.
    let scratch = Scratch::new("smpp-unknown");
    let binds = smsc.said("bind").len();
    let running = service_at(&scratch, &url, "06 12 34 56 78", &[]);
    running.advance("12d");
    wait_for("the refusal", || running.log.lock().unwrap().contains("TLS: ").then_some(()));
    assert_eq!((smsc.said("bind").len(), smsc.said("submit").len()), (binds, 1));
}

#[test]
fn an_sms_is_written_in_the_alphabet_of_sms_when_its_template_says_so() {
    let scratch = Scratch::new("smpp-gsm");
    let smsc = Smsc::start(free_port(), 1);
    let text = "+++\ngsm = true\n+++\nPrêt à régler {{request.external_ref}} d’Anaïs : {{request.outstanding}}";
    let running = service_with(&scratch, smsc.port, "06 12 34 56 78", text);
    running.advance("12d");
    let sent = wait_for("the SMS", || smsc.said("submit").pop());
    assert!(sent.contains(" 0 1 []"), "{sent}");
    assert!(sent.contains("Pret à régler F-1 d'Anais : 120,00"), "{sent}");
}
