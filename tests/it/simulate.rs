//! Rules tried on what happened: the rules in use come to what left, a draft says what it would change.

use std::path::Path;
use std::process::Command;

use serde_json::{Value as Json, json};

use crate::support::running::{BINARY, drop_file, sample};
use crate::support::scratch::wait_for;
use crate::support::statement::statement;

const INVOICES: &str = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
    F-1;C-1;Jean Dupont;jean@example.org;;fr;120,00;02/03/2026;10/03/2026;Conseil\n\
    F-2;C-2;ACME Ltd;;;en;80,50;02/03/2026;10/03/2026;Design\n";

/// What `quittance simulate` says, and whether it went well.
fn tried(what: &[&str], config: &Path, data: &Path) -> (bool, String) {
    let mut command = Command::new(BINARY);
    command.arg("simulate").args(what).args(["--tenant", "maison-dupre"]);
    let run = command.arg("--config").arg(config).arg("--data").arg(data).output().unwrap();
    let text = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    (run.status.success(), text)
}

fn simulated(config: &Path, data: &Path, more: &[&str]) -> (bool, String) {
    let rule = ["rule", "--from", "2026-03-01", "--to", "2026-12-31"];
    tried(&[&rule, more].concat(), config, data)
}

const LATE: &str = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
    F-1;C-1;Jean Dupont;jean@example.org;+33612345678;fr;120,00;02/03/2026;10/03/2026;Conseil\n\
    F-2;C-2;Personne;;;en;80,50;02/03/2026;10/03/2026;Design\n\
    F-3;C-3;Zoé;zoe@example.org;;en;50,00;02/03/2026;10/03/2026;Design\n";

/// What the scenarios of `config` would send from a day on.
fn foreseen(config: &Path, data: &Path, from: &str, to: &str) -> Json {
    let (fine, text) = tried(&["scenario", "standard", "--json", "--from", from, "--to", to], config, data);
    assert!(fine, "{text}");
    serde_json::from_str(&text).unwrap()
}

fn steps(found: &Json) -> Vec<String> {
    let told = |step: &Json| format!("{} {} left {}", step["step"].as_str().unwrap(), step["sent"], step["left"]);
    found["steps"].as_array().unwrap().iter().map(told).collect()
}

#[test]
fn scenarios_in_use_come_to_what_left_and_a_draft_says_what_it_would_send() {
    let (scratch, mut running) = sample("foresee", |text| text);
    let data = scratch.path().join("data");
    drop_file(&data.join("erp/in"), "late.csv", LATE.as_bytes());
    running.advance("26d");
    running.stop();
    let config = scratch.path().join("config/quittance.toml");

    // From the day after the files came, the machines decide what they decided.
    let again = foreseen(&config, &data, "2026-03-03", "2026-03-27");
    assert_eq!(
        steps(&again),
        [r#"before {"email":2} left 2"#, r#"late_3 {"email":2} left 2"#, r#"late_10 {"email":1,"sms":1} left 2"#],
        "{again:#}"
    );
    assert_eq!((&again["open"], &again["messages"]), (&json!(3), &json!(6)), "{again:#}");
    let of = |step: &str| again["steps"].as_array().unwrap().iter().find(|found| found["step"] == step).unwrap();
    let nobody = of("late_3")["not_sent"].as_object().unwrap();
    assert_eq!(
        nobody.values().map(|count| count.as_u64().unwrap()).sum::<u64>(),
        1,
        "who cannot be reached: {again}"
    );
    assert_eq!(again, foreseen(&config, &data, "2026-03-03", "2026-03-27"), "the same again");

    // A draft that has one more step, put before one that has left.
    let draft = scratch.path().join("draft");
    std::fs::create_dir_all(&draft).unwrap();
    let copied = Command::new("cp").arg("-r").arg(scratch.path().join("config")).arg(&draft).status().unwrap();
    assert!(copied.success());
    let scenarios = draft.join("config/scenarios.toml");
    let text = std::fs::read_to_string(&scenarios).unwrap();
    let at = text.find("[[scenario.step]]\nname = \"late_10\"").unwrap_or_else(|| panic!("{text}"));
    let step = "[[scenario.step]]\nname = \"late_5\"\nanchor = \"due\"\noffset = \"5d\"\nat = \"09:30\"\n\
        channels = [\"email\"]\ntemplate = \"reminder_late\"\n\n";
    std::fs::write(&scenarios, format!("{}{step}{}", &text[..at], &text[at..])).unwrap();
    let more = foreseen(&draft.join("config/quittance.toml"), &data, "2026-03-12", "2026-03-27");
    assert_eq!(
        steps(&more),
        [r#"late_3 {"email":2} left 2"#, r#"late_5 {"email":2} left 0"#, r#"late_10 {"email":1,"sms":1} left 2"#],
        "{more:#}"
    );
}

#[test]
fn a_retry_policy_says_on_which_days_it_would_try_again() {
    let (scratch, running) = sample("simulate-policy", |text| text);
    let config = scratch.path().join("config/quittance.toml");
    let asked = |more: &[&str]| {
        let mut command = Command::new(BINARY);
        command.args(["simulate", "policy", "--tenant", "maison-dupre", "--due", "2026-03-10", "--config"]);
        let run = command.arg(&config).args(more).output().unwrap();
        String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr)
    };
    let text = asked(&["--code", "AM04"]);
    assert!(text.contains("direct debit due on 2026-03-10, refused each time with AM04"), "{text}");
    for line in
        ["1  2026-03-06 06:00   2026-03-10", "2  2026-03-11 06:00   2026-03-13", "3  2026-03-16 06:00   2026-03-18"]
    {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(text.contains("after 3 new attempts teams hear of it by their rules, recurring payments are suspended"));
    let told: Json =
        serde_json::from_str(&asked(&["--method", "card", "--code", "51", "--advice", "24", "--json"])).unwrap();
    assert_eq!(told["attempts"][1]["due_at"], "2026-03-10T06:00:00Z", "an hour after the first: {told:#}");
    let dead: Json = serde_json::from_str(&asked(&["--method", "card", "--code", "54", "--json"])).unwrap();
    assert_eq!((&dead["class"], &dead["waits_until"]), (&json!("renew"), &json!("2026-03-31")), "{dead:#}");
    assert!(asked(&["standrd"]).contains("did you mean \"standard\"?"));

    let listed = running.list("/v1/retry-policies");
    assert_eq!(listed[0]["on_exhausted"]["suspend"], true, "{listed:#?}");
    assert_eq!(
        listed[0]["by_reason"][0],
        json!({ "codes": [], "classes": ["correct", "renew"], "treat_as": null,
        "new_attempts": null, "schedule": null, "wait_days": 21 })
    );
}

fn of<'a>(all: &'a Json, rule: &str) -> &'a Json {
    all.as_array().unwrap().iter().find(|found| found["rule"] == rule).unwrap_or_else(|| panic!("{rule} in {all}"))
}

#[test]
fn rules_in_use_come_to_what_left_and_a_draft_says_what_it_would_change() {
    let (scratch, mut running) = sample("simulate", |text| text);
    let data = scratch.path().join("data");
    drop_file(&data.join("erp/in"), "invoices.csv", INVOICES.as_bytes());
    let request = running.find("/v1/payment-requests", "F-2")["id"].as_str().unwrap().to_owned();
    let own = running.find("/v1/customers", "C-1")["virtual_iban"].as_str().unwrap().to_owned();
    let entries = [("120.00", own.as_str(), "", "merci"), ("7.77", "", "", "qui ?")];
    let report = drop_file(&data.join("bank/in"), "statement.xml", statement("S1", &entries).as_bytes());
    assert_eq!(report["accepted"], 2, "{report}");
    for reason in ["AM04", "AC04"] {
        let attempt = json!({
            "attempt_ref": reason, "amount": { "amount": 8_050, "currency": "EUR" }, "result": "failed",
            "reason_code": reason,
        });
        let told = running.post(&format!("/v1/payment-requests/{request}/attempts"), &attempt);
        assert!(told.status < 300, "{}", told.text());
    }
    running.advance("40d");
    wait_for("the settled request", || {
        (running.find("/v1/payment-requests", "F-1")["status"] == "settled").then_some(())
    });

    // The rules in use, beside the running service.
    let config = scratch.path().join("config/quittance.toml");
    let (fine, text) = simulated(&config, &data, &["--json"]);
    assert!(fine, "{text}");
    let all: Json = serde_json::from_str(&text).unwrap();
    for found in all.as_array().unwrap() {
        assert_eq!(found["beside_what_left"]["more"], 0, "{found}");
        assert_eq!(found["beside_what_left"]["no_more"], 0, "{found}");
    }
    let received = of(&all, "transfer received");
    assert_eq!((&received["events"], &received["fires"]), (&json!(2), &json!(2)), "{received}");
    let failed = of(&all, "attempt failed");
    assert_eq!((&failed["events"], &failed["fires"]), (&json!(2), &json!(1)), "{failed}");
    assert_eq!(failed["beside_what_left"]["same"], 1, "{failed}");

    // The same once more without the service: the same bytes.
    running.stop();
    assert_eq!(simulated(&config, &data, &["--json"]).1, text);

    // A draft of the next rules.
    let draft = scratch.path().join("draft");
    let copied = Command::new("cp").arg("-r").arg(scratch.path().join("config")).arg(&draft).status().unwrap();
    assert!(copied.success());
    let rules = draft.join("rules.toml");
    let written = std::fs::read_to_string(&rules).unwrap();
    let changed = written
        .replace("transfer.amount > \"EUR 0.00\"", "transfer.amount > \"EUR 100.00\"")
        .replace("in [\"AC04\", \"MD01\", \"MD07\"]", "in [\"AC04\", \"MD01\", \"MD07\", \"AM04\"]");
    assert_ne!(written, changed);
    // Its tests speak of the rules that were.
    let changed: Vec<&str> = changed.split("\n[[rule.test]]").collect();
    let without_tests: Vec<String> = changed
        .iter()
        .enumerate()
        .map(|(at, part)| {
            if at == 0 {
                (*part).to_owned()
            } else {
                part.split_once("\n[[rule").map_or(String::new(), |(_, rest)| format!("\n[[rule{rest}"))
            }
        })
        .collect();
    std::fs::write(&rules, without_tests.concat()).unwrap();
    let (fine, text) = simulated(&draft.join("quittance.toml"), &data, &["--json"]);
    assert!(fine, "{text}");
    let all: Json = serde_json::from_str(&text).unwrap();
    let (received, failed) = (of(&all, "transfer received"), of(&all, "attempt failed"));
    assert_eq!(received["beside_what_left"], json!({ "same": 1, "more": 0, "no_more": 1 }), "{received}");
    assert_eq!(failed["beside_what_left"], json!({ "same": 1, "more": 1, "no_more": 0 }), "{failed}");
    let seldom = std::fs::read_to_string(&rules).unwrap();
    let seldom = seldom.replace("name = \"attempt failed\"", "name = \"attempt failed\"\nonce_within_hours = 48");
    std::fs::write(&rules, seldom).unwrap();
    let (fine, text) = simulated(&draft.join("quittance.toml"), &data, &["--json", "attempt failed"]);
    assert!(fine, "{text}");
    let failed: Json = serde_json::from_str(&text).unwrap();
    let failed = of(&failed, "attempt failed");
    assert_eq!((&failed["fires"], &failed["held_back"]), (&json!(1), &json!(1)), "{failed}");
    assert_eq!(failed["beside_what_left"], json!({ "same": 0, "more": 1, "no_more": 1 }), "{failed}");

    // For people: one rule with its reasons, all of them as a table, and a name that is nearly one.
    let (_, text) = simulated(&config, &data, &["attempt failed"]);
    for part in ["rule \"attempt failed\" on attempt.failed", "fires                     1", "is \"AC04\": holds"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let (_, text) = simulated(&config, &data, &[]);
    assert!(text.contains("2026-03-01 to 2026-12-31; nothing left") && text.contains("card expiring"), "{text}");
    let (fine, text) = simulated(&config, &data, &["atempt failed"]);
    assert!(!fine && text.contains("did you mean \"attempt failed\"?"), "{text}");
}
