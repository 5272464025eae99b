//! Tasks about customers, tags, and events of a rule's own name: by rules and by people, through a crash.

use serde_json::{Value as Json, json};

use crate::support::running::{Running, drop_file, messages, sample};
use crate::support::scratch::{Scratch, wait_for};

const INVOICES: &str = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
    F-1;C-1;Jean Dupont;jean@example.org;;fr;120,00;02/03/2026;10/03/2026;Conseil\n\
    F-2;C-2;Ana Martin;ana@example.org;;fr;90,00;02/03/2026;30/03/2026;Conseil\n";

/// Who is late is called, tagged, and told of under a name of our own, which another rule listens to.
const RULES: &str = r#"
[[rule]]
name = "late"
on = ["payment_request.overdue"]
[[rule.then]]
do = "create_task"
text = "Call about the late invoice"
days = 3
assign_to = "ana"
[[rule.then]]
do = "tag"
tag = "late-payer"
[[rule.then]]
do = "emit"
event = "first-call"

[[rule]]
name = "first call"
on = ["custom.event"]
when = 'custom.name == "first-call" && "late-payer" in customer.tags'
[[rule.then]]
notify = "list:accounting"
channel = "email"
template = "call"

[[rule]]
name = "nobody called"
on = ["customer.task_overdue"]
[[rule.then]]
notify = "list:accounting"
channel = "email"
template = "not_called"

[[rule]]
name = "promoted"
on = ["customer.tagged"]
when = 'customer.tag == "key-account" && !("late-payer" in customer.tags)'
[[rule.then]]
do = "create_task"
text = "Welcome them"
"#;

fn story(name: &str) -> (Scratch, Running) {
    let (scratch, mut running) = sample(name, |text| text);
    let config = scratch.path().join("config");
    running.stop();
    let rules = config.join("rules.toml");
    let known = std::fs::read_to_string(&rules).unwrap();
    std::fs::write(&rules, format!("{known}{RULES}")).unwrap();
    for (template, text) in
        [("call", "{{request.external_ref}}"), ("not_called", "{{task.text}}, {{task.assigned_to}}")]
    {
        let body = format!("+++\nsubject = \"{template}\"\n+++\n{text} {{{{customer.external_ref}}}}\n");
        std::fs::write(config.join(format!("templates/{template}.fr.email.hbs")), &body).unwrap();
        std::fs::write(config.join(format!("templates/{template}.en.email.hbs")), &body).unwrap();
    }
    let running = Running::start(&config.join("quittance.toml"));
    drop_file(&scratch.path().join("data/erp/in"), "invoices.csv", INVOICES.as_bytes());
    running.find("/v1/payment-requests", "F-2");
    (scratch, running)
}

fn customer(running: &Running, external_ref: &str) -> Json {
    running.find("/v1/customers", external_ref)
}

fn sent(scratch: &Scratch, template: &str) -> usize {
    messages(scratch.path()).iter().filter(|sent| sent["template"] == template).count()
}

#[test]
fn a_rule_has_a_person_call_and_another_rule_hears_of_it() {
    let (scratch, mut running) = story("notes");
    running.advance("10d");
    let late = wait_for("a task", || {
        let late = customer(&running, "C-1");
        (late["tasks"].as_array().map(Vec::len) == Some(1)).then_some(late)
    });
    let task = &late["tasks"][0];
    assert_eq!((&task["text"], &task["by"]), (&json!("Call about the late invoice"), &json!("rule late")));
    assert_eq!((&task["assigned_to"], &task["number"], &task["overdue"]), (&json!("ana"), &json!(1), &json!(false)));
    assert_eq!(late["tags"], json!(["late-payer"]));
    wait_for("the other rule", || (sent(&scratch, "call") == 1).then_some(()));
    assert_eq!(customer(&running, "C-2")["tasks"], json!([]));

    // It is there after a crash, and told of once when its last day is over.
    running.kill();
    let running = Running::start(&scratch.path().join("config/quittance.toml"));
    assert_eq!(customer(&running, "C-1")["tasks"], late["tasks"]);
    running.advance("5d");
    wait_for("it is overdue", || (sent(&scratch, "not_called") == 1).then_some(()));
    wait_for("the list", || {
        let listed = running.list("/v1/customers?tasks=open");
        (listed.len() == 1 && listed[0]["tasks"][0]["overdue"] == true).then_some(())
    });

    let path = format!("/v1/customers/{}", late["id"].as_str().unwrap());
    let assigned = running.post(&format!("{path}/tasks/1/assign"), &json!({ "by": "ana", "to": "ben" }));
    assert_eq!(assigned.json()["tasks"][0]["assigned_to"], "ben", "{}", assigned.text());
    let closed = running.post(&format!("{path}/tasks/1/close"), &json!({ "by": "ben", "outcome": "pays on Friday" }));
    assert_eq!(closed.json()["tasks"], json!([]), "{}", closed.text());
    assert_eq!(running.post(&format!("{path}/tasks/1/close"), &json!({ "by": "ben" })).status, 409);
    wait_for("the list", || running.list("/v1/customers?tasks=open").is_empty().then_some(()));
    running.advance("3d");
    assert_eq!((sent(&scratch, "call"), sent(&scratch, "not_called")), (1, 1));
}

#[test]
fn people_ask_for_tasks_and_tag_and_rules_hear_of_it() {
    let (_scratch, running) = story("notes-people");
    let (jean, ana) = (customer(&running, "C-1"), customer(&running, "C-2"));
    let path = |of: &Json| format!("/v1/customers/{}", of["id"].as_str().unwrap());
    let (jean, ana) = (path(&jean), path(&ana));
    let invoice = running.find("/v1/payment-requests", "F-1")["id"].clone();

    let ask = json!({ "text": "Send the contract", "by": "ana", "payment_request": invoice, "due_on": "2026-03-20" });
    let asked = running.post(&format!("{jean}/tasks"), &ask);
    assert!([200, 201].contains(&asked.status), "{}", asked.text());
    assert_eq!(asked.json()["tasks"][0]["payment_request"], invoice);
    // The same again, under another key, is the same task.
    assert_eq!(running.post(&format!("{jean}/tasks"), &ask).json()["tasks"].as_array().unwrap().len(), 1);
    let of_another = running.post(&format!("{ana}/tasks"), &ask);
    assert_eq!(of_another.status, 409, "{}", of_another.text());
    for (body, field) in [
        (json!({ "by": "ana" }), "text"),
        (json!({ "by": "ana", "text": "x".repeat(201) }), "text"),
        (json!({ "text": "two\nlines", "by": "ana" }), "text"),
        (json!({ "text": "  ", "by": "ana" }), "text"),
        (json!({ "text": "call", "by": "ana", "due_on": "tomorrow" }), "due_on"),
    ] {
        let refused = running.post(&format!("{jean}/tasks"), &body);
        assert_eq!(refused.status, 422, "{}", refused.text());
        assert!(refused.text().contains(field), "{}", refused.text());
    }

    let wrong = running.post(&format!("{jean}/tasks/abc/close"), &json!({ "by": "ana" }));
    assert_eq!(
        (wrong.status, wrong.header("content-type")),
        (404, Some("application/problem+json")),
        "{}",
        wrong.text()
    );

    let tagged = running.post(&format!("{ana}/tags"), &json!({ "tag": "key-account" }));
    assert_eq!(tagged.json()["tags"], json!(["key-account"]), "{}", tagged.text());
    assert_eq!(tagged.json()["tasks"][0]["text"], "Welcome them", "a rule on the tag acts in the same step");
    let off = running.post(&format!("{ana}/tags"), &json!({ "tag": "key-account", "on": false }));
    assert_eq!(off.json()["tags"], json!([]));
    assert_eq!(running.post(&format!("{ana}/tags"), &json!({ "tag": "Key Account" })).status, 422);
    let told = running.list("/v1/stream?types=customer.tagged,customer.untagged,customer.task_opened");
    let told: Vec<&str> = told.iter().filter_map(|event| event["type"].as_str()).collect();
    for expected in ["customer.tagged", "customer.untagged", "customer.task_opened"] {
        assert!(told.contains(&expected), "{told:?}");
    }
}

#[test]
fn a_step_of_a_scenario_spares_who_has_a_tag() {
    let (scratch, mut running) = sample("notes-step", |text| text);
    running.stop();
    let scenarios = scratch.path().join("config/scenarios.toml");
    let known = std::fs::read_to_string(&scenarios).unwrap();
    let when = "when = 'request.outstanding >= \"EUR 1.00\"'";
    let spared = "when = 'request.outstanding >= \"EUR 1.00\" && !(\"no-reminders\" in customer.tags)'";
    assert!(known.contains(when));
    std::fs::write(&scenarios, known.replace(when, spared)).unwrap();
    let running = Running::start(&scratch.path().join("config/quittance.toml"));
    let both = INVOICES.replace("30/03/2026", "10/03/2026");
    drop_file(&scratch.path().join("data/erp/in"), "invoices.csv", both.as_bytes());
    let ana = format!("/v1/customers/{}", customer(&running, "C-2")["id"].as_str().unwrap());
    assert_eq!(running.post(&format!("{ana}/tags"), &json!({ "tag": "no-reminders" })).status, 201);
    running.advance("12d");
    wait_for("the reminder", || (sent(&scratch, "reminder_late") == 1).then_some(()));
    let late: Vec<Json> =
        messages(scratch.path()).into_iter().filter(|of| of["template"] == "reminder_late").collect();
    assert_eq!(late[0]["to"][0], "jean@example.org");
    let path = running.find("/v1/payment-requests", "F-2")["id"].as_str().unwrap().to_owned();
    let steps = running.list(&format!("/v1/payment-requests/{path}/steps"));
    let step = steps.iter().find(|step| step["step"] == "late_3").unwrap();
    assert_eq!(step["status"], "not_sent", "{step}");
}
