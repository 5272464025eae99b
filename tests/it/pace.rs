//! What is too much at once waits: a rule that sends more than it may, and a domain that takes only so many mails.

use std::time::Duration;

use serde_json::Value as Json;

use crate::support::peers::{mails, smtp_server};
use crate::support::running::{Running, configure, drop_file, messages};
use crate::support::scratch::{Scratch, wait_for};

fn invoices(count: usize) -> String {
    let head = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n".to_owned();
    let row = |at: usize| {
        format!("F-{at};C-{at};Client {at};c{at}@slow.example;;fr;120,00;02/03/2026;10/03/2026;Conseil\n")
    };
    head + &(0..count).map(row).collect::<String>()
}

fn held_back(running: &Running, count: usize) -> Vec<Json> {
    wait_for("what is held back", || {
        let all = running.get("/v1/deliveries?status=any&way=email").json();
        let held = all["data"].as_array().unwrap().iter().filter(|row| row["status"] == "waiting").cloned();
        let held: Vec<Json> = held.collect();
        (held.len() == count).then_some(held)
    })
}

#[test]
fn a_rule_that_sends_too_much_is_a_trickle_and_others_go_on() {
    let scratch = Scratch::new("limit");
    let config = configure(scratch.path(), |text| text);
    let rules = scratch.path().join("config/rules.toml");
    let text = std::fs::read_to_string(&rules).unwrap();
    let rule = "[[rule]]\nname = \"flood\"\non = [\"payment_request.issued\"]\nmost_per_hour = 3\n[[rule.then]]\n\
        notify = \"list:sales\"\nchannel = \"email\"\ntemplate = \"payment_request\"\n";
    std::fs::write(&rules, format!("{text}\n{rule}")).unwrap();
    let mut running = Running::start(&config);
    drop_file(&scratch.path().join("data/erp/in"), "a.csv", invoices(8).as_bytes());
    let held = held_back(&running, 5);
    for row in &held {
        let tried = &row["tries"][0];
        assert_eq!((&tried["result"], row["next_try_at"].is_string()), (&"held_back".into(), true), "{row}");
        assert_eq!(tried["detail"], "the rule flood has sent 3 messages in an hour, its limit");
    }
    // Of eight, three leave in this hour, three in the next, and two in the one after.
    let mut hours: Vec<&str> = held.iter().map(|row| row["next_try_at"].as_str().unwrap()).collect();
    hours.sort_unstable();
    hours.dedup();
    assert_eq!(hours.len(), 2, "{hours:?}");
    let of_rule = || messages(scratch.path()).into_iter().filter(|sent| sent["cause"] == "rule flood").count();
    assert_eq!(of_rule(), 3);
    // Others leave as ever, and a restart forgets nothing of what waits.
    running.advance("1h");
    wait_for("reminders", || {
        let reminders = messages(scratch.path()).into_iter().filter(|sent| sent["cause"] == "scenario").count();
        (reminders == 8).then_some(())
    });
    running.kill();
    let running = Running::start(&config);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!((held_back(&running, 5).len(), of_rule()), (5, 3));
    let rules = running.list("/v1/rules");
    let flood = rules.iter().find(|rule| rule["name"] == "flood").unwrap();
    assert_eq!((&flood["most_per_hour"], &flood["on"][0]), (&3.into(), &"payment_request.issued".into()), "{flood}");
}

#[test]
fn a_domain_takes_so_many_mails_in_a_minute_and_the_others_wait() {
    let scratch = Scratch::new("domain");
    let maildir = scratch.path().join("mails");
    let (_server, port) = smtp_server(&maildir);
    let config = configure(scratch.path(), |text| {
        let relay = format!(
            "transport = \"smtp\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nper_minute = {{ \"slow.example\" = 2 }}"
        );
        text.replace("transport = \"catch\"", &relay)
    });
    let running = Running::start(&config);
    drop_file(&scratch.path().join("data/erp/in"), "a.csv", invoices(5).as_bytes());
    running.find("/v1/payment-requests", "F-4");
    running.advance("1h");
    let held = held_back(&running, 3);
    assert_eq!(held[0]["tries"][0]["detail"], "slow.example takes 2 mails in a minute");
    wait_for("the mails that may leave", || (mails(&maildir).len() == 2).then_some(()));
}

#[test]
fn limits_that_cannot_be_are_refused_with_their_place() {
    for (key, part) in [
        ("per_minute = { \"slow.example\" = 0 }", "expected mails in a minute"),
        ("per_minute = { slow = 5 }", "expected a domain"),
    ] {
        let scratch = Scratch::new("limit-wrong");
        let relay = format!("transport = \"smtp\"\nhost = \"127.0.0.1\"\nport = 25\ntls = \"none\"\n{key}");
        let config = configure(scratch.path(), |text| text.replace("transport = \"catch\"", &relay));
        let said = Running::try_start(&config).err().unwrap();
        assert!(said.contains(part) && said.contains("quittance.toml:"), "{said}");
    }
}
