//! Scenarios that change between two runs of the service.

use serde_json::Value as Json;

use crate::support::running::{Running, drop_file, messages, sample};
use crate::support::scratch::wait_for;

const INVOICES: &str = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
    F-1;C-1;Jean Dupont;jean@example.org;;fr;120,00;02/03/2026;10/03/2026;Conseil\n";

/// The steps of a request and how each stands.
fn steps(running: &Running, path: &str) -> Vec<String> {
    let steps = running.get(&format!("{path}/steps")).json();
    let told = |step: &serde_json::Value| {
        format!("{} {} {}", step["step"].as_str().unwrap(), step["status"].as_str().unwrap(), step["due"])
    };
    steps["data"].as_array().unwrap().iter().map(told).collect()
}

#[test]
fn what_is_armed_follows_a_scenario_that_changed_while_the_service_stood_still() {
    let (scratch, mut running) = sample("edition", |text| text);
    let config = scratch.path().join("config/quittance.toml");
    drop_file(&scratch.path().join("data/erp/in"), "invoices.csv", INVOICES.as_bytes());
    running.advance("12d");
    let id = running.find("/v1/payment-requests", "F-1")["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/payment-requests/{id}");
    assert!(steps(&running, &path)[3].starts_with("late_10 next"), "{:?}", steps(&running, &path));
    running.stop();

    let scenarios = scratch.path().join("config/scenarios.toml");
    let text = std::fs::read_to_string(&scenarios).unwrap();
    let at = text.find("[[scenario.step]]\nname = \"late_10\"").unwrap();
    let step = "[[scenario.step]]\nname = \"late_6\"\nanchor = \"due\"\noffset = \"6d\"\nat = \"09:30\"\n\
        channels = [\"email\"]\ntemplate = \"reminder_late\"\n\n";
    std::fs::write(&scenarios, format!("{}{step}{}", &text[..at], &text[at..])).unwrap();

    let mut running = Running::start(&config);
    let planned = wait_for("the new step", || {
        let steps = steps(&running, &path);
        steps[3].starts_with("late_6 next").then_some(steps)
    });
    assert_eq!(planned[3], "late_6 next \"2026-03-16T08:30:00Z\"");
    assert!(planned[2].starts_with("late_3 sent") && planned[4].starts_with("late_10 to_come"), "{planned:?}");
    let events =
        |running: &Running| running.get(&format!("{path}/timeline")).json()["data"].as_array().unwrap().len();
    let told = events(&running);
    running.stop();

    // The same scenario at the next start changes nothing.
    let running = Running::start(&config);
    running.advance("3d");
    wait_for("the step to leave", || steps(&running, &path)[3].starts_with("late_6 sent").then_some(()));
    assert_eq!(events(&running), told + 2, "sent, and the next one planned: {:?}", steps(&running, &path));
}

#[test]
fn a_changed_scenario_may_be_for_new_requests_only() {
    let (scratch, mut running) = sample("new-only", |text| text);
    let config = scratch.path().join("config/quittance.toml");
    let inbox = scratch.path().join("data/erp/in");
    drop_file(&inbox, "invoices.csv", INVOICES.as_bytes());
    running.advance("2d");
    let path = |running: &Running, number: &str| {
        format!("/v1/payment-requests/{}", running.find("/v1/payment-requests", number)["id"].as_str().unwrap())
    };
    let before = steps(&running, &path(&running, "F-1"));
    running.stop();
    let scenarios = scratch.path().join("config/scenarios.toml");
    let text = std::fs::read_to_string(&scenarios).unwrap();
    let earlier = text.replacen("name = \"standard\"\n", "name = \"standard\"\ncreated_before = \"2026-03-04\"\n", 1);
    let later =
        text.replace("offset = \"+10d\"", "offset = \"+12d\"").replace("name = \"before\"", "name = \"ahead\"");
    std::fs::write(&scenarios, format!("{earlier}\n{later}")).unwrap();

    let running = Running::start(&config);
    let second = INVOICES.replace("F-1;C-1", "F-2;C-2").replace("02/03/2026", "04/03/2026");
    drop_file(&inbox, "more.csv", second.as_bytes());
    let new = steps(&running, &path(&running, "F-2"));
    assert!(new.iter().any(|step| step.starts_with("ahead ")), "{new:?}");
    assert!(new.iter().any(|step| step.starts_with("late_10 to_come \"2026-03-22")), "{new:?}");
    // The one before keeps its own, to its end.
    assert_eq!(steps(&running, &path(&running, "F-1")), before);
    let listed = running.list("/v1/scenarios");
    assert_eq!(listed[0]["earlier"][0]["created_before"], "2026-03-04");
    running.advance("17d");
    let of_first = steps(&running, &path(&running, "F-1"));
    assert!(of_first.iter().any(|step| step.starts_with("late_10 sent \"2026-03-20")), "{of_first:?}");
    let of_second = steps(&running, &path(&running, "F-2"));
    assert!(of_second.iter().any(|step| step.starts_with("late_10 next \"2026-03-22")), "{of_second:?}");
}

#[test]
fn one_message_tells_a_customer_of_everything_that_is_late() {
    let (scratch, mut running) = sample("together", |text| text);
    let config = scratch.path().join("config/quittance.toml");
    running.stop();
    let scenarios = scratch.path().join("config/scenarios.toml");
    // A template that speaks of one request is refused for a message that tells of all.
    let steps = |template: &str| {
        format!(
            "[[scenario]]\nname = \"standard\"\ntogether = true\n\n[[scenario.step]]\nname = \"request\"\nanchor = \"created\"\n\
             channels = [\"email\"]\ntemplate = \"payment_request\"\n\n[[scenario.step]]\nname = \"late_3\"\nanchor = \"due\"\n\
             offset = \"+3d\"\nchannels = [\"email\"]\ntemplate = \"{template}\"\n"
        )
    };
    std::fs::write(&scenarios, steps("reminder_late")).unwrap();
    let refused = Running::try_start(&config).err().unwrap();
    assert!(
        refused.contains("reminder_late.fr.email.hbs speaks of one request, by `request.external_ref`"),
        "{refused}"
    );
    std::fs::write(&scenarios, steps("statement")).unwrap();
    for (language, late) in [("fr", "en retard"), ("en", "late")] {
        let listing = format!(
            "+++\nsubject = \"{{{{customer.late_total}}}} {late}\"\n+++\nBonjour {{{{customer.name}}}},\n\n\
             {{{{#each customer.late}}}}- {{{{number}}}} : {{{{outstanding}}}}, échue le {{{{due_on}}}} ({{{{days_late}}}} jours)\n\
             {{{{/each}}}}\nTotal : {{{{customer.late_total}}}} ; avec le reste {{{{customer.open_total}}}}.\n"
        );
        std::fs::write(scratch.path().join(format!("config/templates/statement.{language}.email.hbs")), listing)
            .unwrap();
    }
    let running = Running::start(&config);
    let invoices = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
        F-1;C-1;Jean Dupont;jean@example.org;;fr;1200,00;02/03/2026;10/03/2026;A\n\
        F-2;C-1;Jean Dupont;jean@example.org;;fr;90,50;02/03/2026;10/03/2026;B\n\
        F-3;C-1;Jean Dupont;jean@example.org;;fr;70,00;02/03/2026;30/03/2026;C\n";
    drop_file(&scratch.path().join("data/erp/in"), "invoices.csv", invoices.as_bytes());
    running.find("/v1/payment-requests", "F-3");
    running.advance("12d");
    let late = || -> Vec<Json> {
        messages(scratch.path()).into_iter().filter(|sent| sent["template"] == "statement").collect()
    };
    let sent = wait_for("the message", || late().first().cloned());
    let text = sent["message"]["text"].as_str().unwrap();
    assert_eq!(sent["message"]["subject"], "1\u{202f}290,50\u{a0}€ en retard");
    for part in
        ["F-1 : 1\u{202f}200,00\u{a0}€, échue le 10 mars 2026 (3 jours)", "F-2 : 90,50", "le reste 1\u{202f}360,50"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("F-3"), "{text}");
    assert_eq!(late().len(), 1, "one message for both");
    let steps = |number: &str| {
        let id = running.find("/v1/payment-requests", number)["id"].as_str().unwrap().to_owned();
        let steps = running.list(&format!("/v1/payment-requests/{id}/steps"));
        steps.into_iter().find(|step| step["step"] == "late_3").unwrap()
    };
    let told = [steps("F-1"), steps("F-2")];
    let other = told.iter().find(|step| step["status"] == "not_sent").unwrap();
    assert_eq!(other["reason"], "told that day together with others", "{told:?}");
    assert!(told.iter().any(|step| step["status"] == "sent"), "{told:?}");
}

#[test]
fn a_step_for_the_team_writes_to_nobody_and_has_rules_do_what_is_to_be_done() {
    let (scratch, mut running) = sample("team-step", |text| text);
    let config = scratch.path().join("config");
    running.stop();
    let append = |file: &str, more: &str| {
        let path = config.join(file);
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + more).unwrap();
    };
    let scenarios = config.join("scenarios.toml");
    let text = std::fs::read_to_string(&scenarios).unwrap();
    let at = text.find("[[scenario.step]]\nname = \"late_10\"").unwrap();
    let step = "[[scenario.step]]\nname = \"hand_over\"\nanchor = \"due\"\noffset = \"5d\"\naudience = \"team\"\n\n";
    std::fs::write(&scenarios, format!("{}{step}{}", &text[..at], &text[at..])).unwrap();
    append(
        "rules.toml",
        "\n[[rule]]\nname = \"handed over\"\non = [\"reminder.escalated\"]\nwhen = 'reminder.step == \"hand_over\"'\n\
         [[rule.then]]\ndo = \"create_task\"\ntext = \"Call them before the notice\"\nassign_to = \"ana\"\n",
    );
    let running = Running::start(&config.join("quittance.toml"));
    drop_file(&scratch.path().join("data/erp/in"), "invoices.csv", INVOICES.as_bytes());
    running.advance("12d");
    let request = running.find("/v1/payment-requests", "F-1");
    let path = format!("/v1/payment-requests/{}", request["id"].as_str().unwrap());
    wait_for("the reminder before", || steps(&running, &path)[2].starts_with("late_3 sent").then_some(()));
    let written = messages(scratch.path()).len();
    running.advance("3d");
    wait_for("the step for the team", || steps(&running, &path)[3].starts_with("hand_over sent").then_some(()));
    let told = running.get(&format!("{path}/steps")).json();
    assert_eq!(told["data"][3]["channel"], "team", "{told}");
    assert!(steps(&running, &path)[4].starts_with("late_10 next"), "{:?}", steps(&running, &path));
    let customer = running.get(&format!("/v1/customers/{}", request["customer"].as_str().unwrap())).json();
    assert_eq!(customer["tasks"][0]["text"], "Call them before the notice", "{customer}");
    assert_eq!(customer["tasks"][0]["assigned_to"], "ana", "{customer}");
    assert_eq!(messages(scratch.path()).len(), written, "nobody was written to");
    let events = running.get(&format!("{path}/timeline")).json();
    let escalated = events["data"].as_array().unwrap().iter().find(|event| event["type"] == "reminder.escalated");
    assert_eq!(escalated.unwrap()["data"]["reminder"]["step"], "hand_over", "{events}");
}
