//! Reminder steps that leave only when a person approves them.

use serde_json::{Value as Json, json};

use crate::support::running::{Running, drop_file, messages, sample};
use crate::support::scratch::{Scratch, wait_for};

const INVOICES: &str = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
    F-1;C-1;Jean Dupont;jean@example.org;;fr;120,00;02/03/2026;10/03/2026;Conseil\n\
    F-2;C-2;Ana Martin;ana@example.org;;fr;90,00;02/03/2026;10/03/2026;Conseil\n\
    F-3;C-3;Luc Petit;luc@example.org;;fr;80,00;02/03/2026;10/03/2026;Conseil\n";

/// A merchant whose step `late_3` waits for a person, at the moment at which it does.
fn story(name: &str) -> (Scratch, Running) {
    let (scratch, mut running) = sample(name, |text| text);
    let config = scratch.path().join("config/quittance.toml");
    running.stop();
    let scenarios = scratch.path().join("config/scenarios.toml");
    let text = std::fs::read_to_string(&scenarios).unwrap();
    assert!(text.contains("name = \"late_3\"\n"));
    std::fs::write(&scenarios, text.replace("name = \"late_3\"\n", "name = \"late_3\"\napproval = true\n")).unwrap();
    let running = Running::start(&config);
    drop_file(&scratch.path().join("data/erp/in"), "invoices.csv", INVOICES.as_bytes());
    running.find("/v1/payment-requests", "F-3");
    running.advance("12d");
    (scratch, running)
}

fn path(running: &Running, external_ref: &str) -> String {
    format!("/v1/payment-requests/{}", running.find("/v1/payment-requests", external_ref)["id"].as_str().unwrap())
}

/// The numbers of what waits for a person.
fn waiting(running: &Running, expected: &[&str]) {
    wait_for("what waits for a person", || {
        let listed = running.list("/v1/reminders");
        let mut numbers: Vec<&str> = listed.iter().map(|of| of["external_ref"].as_str().unwrap()).collect();
        numbers.sort_unstable();
        (numbers == expected).then_some(())
    });
}

fn step(running: &Running, path: &str) -> Json {
    running.list(&format!("{path}/steps")).into_iter().find(|step| step["step"] == "late_3").unwrap()
}

fn late(scratch: &Scratch) -> Vec<String> {
    let late = messages(scratch.path()).into_iter().filter(|sent| sent["template"] == "reminder_late");
    late.map(|sent| sent["to"][0].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_step_waits_for_a_person_through_a_crash_and_leaves_once_or_not_at_all() {
    let (scratch, mut running) = story("approval");
    waiting(&running, &["F-1", "F-2", "F-3"]);
    let (first, second, third) = (path(&running, "F-1"), path(&running, "F-2"), path(&running, "F-3"));
    let shown = step(&running, &first);
    assert_eq!((&shown["status"], &shown["reason"]), (&json!("waits"), &json!("a person has not approved it")));
    assert!(
        shown["gates"].as_array().unwrap().contains(&json!({ "gate": "approved", "said": "stopped" })),
        "{shown}"
    );
    assert_eq!(running.get(&first).json()["awaits_approval"]["step"], "late_3");

    let scenarios = running.list("/v1/scenarios");
    let steps = scenarios[0]["steps"].as_array().unwrap();
    let named = steps.iter().find(|step| step["name"] == "late_3").unwrap();
    assert_eq!((&named["approval"], &named["offset"]), (&json!(true), &json!("+3d")), "{named}");
    assert_eq!(named["when"], "request.outstanding >= \"EUR 1.00\"");

    running.kill();
    let running = Running::start(&scratch.path().join("config/quittance.toml"));
    // Weeks later it is asked for still, and nothing has left: a person's silence is no answer.
    running.advance("20d");
    waiting(&running, &["F-1", "F-2", "F-3"]);
    assert_eq!(late(&scratch), Vec::<String>::new());

    let approve =
        |path: &str| running.post(&format!("{path}/reminders/late_3/approve"), &json!({ "by": "ana" })).status;
    assert_eq!(running.post(&format!("{first}/reminders/late_10/approve"), &json!({ "by": "ana" })).status, 409);
    assert_eq!(running.post(&format!("{first}/reminders/late_3/approve"), &json!({})).status, 422);
    assert!([200, 201].contains(&approve(&first)));
    wait_for("the approved one", || (late(&scratch) == ["jean@example.org"]).then_some(()));
    wait_for("it is told", || (step(&running, &first)["status"] == "sent").then_some(()));
    assert_eq!(approve(&first), 409, "it has left");
    let told = running.get(&format!("{first}/timeline")).text();
    assert!(told.contains("reminder.awaits_approval") && told.contains("reminder.approved"), "{told}");

    // Who has paid meanwhile is asked nothing, and nobody is asked about him.
    let paid =
        json!({ "attempt_ref": "p-1", "result": "succeeded", "amount": { "amount": 9000, "currency": "EUR" } });
    let paid = running.post(&format!("{second}/attempts"), &paid);
    assert!([200, 201].contains(&paid.status), "{}", paid.text());
    assert_eq!(approve(&second), 409);

    let said = json!({ "by": "ana", "reason": "he called" });
    let rejected = running.post(&format!("{third}/reminders/late_3/reject"), &said);
    assert!([200, 201].contains(&rejected.status), "{}", rejected.text());
    waiting(&running, &[]);
    let shown = step(&running, &third);
    assert_eq!(
        (&shown["status"], &shown["reason"]),
        (&json!("not_sent"), &json!("not approved by ana: he called")),
        "{shown}"
    );
    assert_eq!(late(&scratch), ["jean@example.org"]);
}

#[test]
fn a_scenario_that_changes_while_a_step_waits_loses_no_step_and_sends_nothing_old() {
    let (scratch, mut running) = story("approval-edit");
    waiting(&running, &["F-1", "F-2", "F-3"]);
    let (first, second) = (path(&running, "F-1"), path(&running, "F-2"));
    running.advance("2d");
    running.stop();
    // A step is put before it: what waits stands elsewhere now.
    let scenarios = scratch.path().join("config/scenarios.toml");
    let text = std::fs::read_to_string(&scenarios).unwrap();
    let at = text.find("[[scenario.step]]\nname = \"before\"").unwrap();
    let step = "[[scenario.step]]\nname = \"early\"\nanchor = \"due\"\noffset = \"-5d\"\nat = \"09:30\"\n\
        channels = [\"email\"]\ntemplate = \"reminder_before\"\n\n";
    std::fs::write(&scenarios, format!("{}{step}{}", &text[..at], &text[at..])).unwrap();
    let config = scratch.path().join("config/quittance.toml");
    let mut running = Running::start(&config);
    let said = json!({ "by": "ana", "reason": "paid in cash, 5 hours late" });
    assert!([200, 201].contains(&running.post(&format!("{first}/reminders/late_3/reject"), &said).status));
    let stands = |running: &Running, path: &str, name: &str| {
        let steps = running.list(&format!("{path}/steps"));
        let step = steps.into_iter().find(|step| step["step"] == name).unwrap();
        (step["status"].as_str().unwrap().to_owned(), step["reason"].as_str().unwrap_or_default().to_owned())
    };
    wait_for("the step after it", || (stands(&running, &first, "late_10").0 == "next").then_some(()));
    let rejected = ("not_sent".to_owned(), "not approved by ana: paid in cash, 5 hours late".to_owned());
    assert_eq!(stands(&running, &first, "late_3"), rejected);
    running.stop();

    // Nobody is asked any more: what waited is as late as anything else.
    let text = std::fs::read_to_string(&scenarios).unwrap();
    std::fs::write(&scenarios, text.replace("approval = true\n", "")).unwrap();
    let running = Running::start(&config);
    let not_sent = wait_for("what is too late", || {
        let (status, reason) = stands(&running, &second, "late_3");
        (status == "not_sent").then_some(reason)
    });
    assert!(not_sent.ends_with("hours late"), "{not_sent}");
    assert_eq!(late(&scratch), Vec::<String>::new());
    waiting(&running, &[]);
}

#[test]
fn a_person_or_a_rule_gives_a_request_other_reminders() {
    let (scratch, mut running) = sample("follow", |text| text);
    let config = scratch.path().join("config/quittance.toml");
    running.stop();
    let append = |file: &str, more: &str| {
        let path = scratch.path().join("config").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}\n{more}")).unwrap();
    };
    append(
        "scenarios.toml",
        "[[scenario]]\nname = \"firm\"\n\n[[scenario.step]]\nname = \"notice\"\nanchor = \"due\"\noffset = \"+4d\"\n\
         channels = [\"email\"]\ntemplate = \"reminder_late\"\n",
    );
    append(
        "rules.toml",
        "[[rule]]\nname = \"large and late\"\non = [\"payment_request.overdue\"]\nwhen = 'request.amount >= \"EUR 100.00\"'\n\n\
         [[rule.then]]\ndo = \"use_scenario\"\nscenario = \"firm\"\n\n\
         [[rule]]\nname = \"not worth it\"\non = [\"payment_request.overdue\"]\nwhen = 'request.amount < \"EUR 85.00\"'\n\n\
         [[rule.then]]\ndo = \"write_off\"\n",
    );
    let running = Running::start(&config);
    drop_file(&scratch.path().join("data/erp/in"), "invoices.csv", INVOICES.as_bytes());
    running.find("/v1/payment-requests", "F-3");
    running.advance("9d");
    let (first, second, third) = (path(&running, "F-1"), path(&running, "F-2"), path(&running, "F-3"));
    let scenario = |path: &str| running.get(path).json()["scenario"].clone();
    wait_for("the rule", || (scenario(&first) == "firm").then_some(()));
    assert_eq!(scenario(&second), "standard");
    wait_for("the other rule", || (running.get(&third).json()["status"] == "settled").then_some(()));
    let told = running.get(&format!("{first}/timeline")).text();
    assert!(told.contains("reminder.scenario_changed") && told.contains("rule large and late"), "{told}");
    // A person does the same, and takes it away.
    let follow = |body: &Json| running.post(&format!("{second}/scenario"), body).status;
    assert_eq!(follow(&json!({ "scenario": "unknown", "by": "ana", "reason": "x" })), 409);
    assert_eq!(follow(&json!({ "scenario": "firm" })), 422);
    assert!([200, 201].contains(&follow(&json!({ "scenario": "firm", "by": "ana", "reason": "late often" }))));
    assert_eq!(scenario(&second), "firm");
    assert!([200, 201].contains(&follow(&json!({ "by": "ana", "reason": "has called" }))));
    assert_eq!(scenario(&second), Json::Null);
    running.advance("10d");
    wait_for("the firm one", || (late(&scratch) == ["jean@example.org"]).then_some(()));
    // The same file again changes nothing of it.
    let again = drop_file(&scratch.path().join("data/erp/in"), "again.csv", format!("{INVOICES}\n").as_bytes());
    assert_eq!(again["refused"].as_u64().unwrap_or(0), 0, "{again}");
    assert_eq!(scenario(&first), "firm");
}
