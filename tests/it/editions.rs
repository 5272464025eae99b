//! Configuration that changes while the service runs: drafts, editions, what is taken back, and what is refused.

use std::path::Path;
use std::process::Command;

use serde_json::{Value as Json, json};

use crate::support::http::call;
use crate::support::running::{KEY, Running, configure, drop_file, messages, sample};
use crate::support::scratch::{Scratch, wait_for};

const INVOICES: &str = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
    F-1;C-1;Jean Dupont;jean@example.org;;fr;120,00;02/03/2026;10/03/2026;Conseil\n\
    F-2;C-2;Ana Martin;ana@example.org;;en;90,00;02/03/2026;10/03/2026;Conseil\n";

/// Tells the team of each large invoice.
const RULES: &str = "[[rule]]\nname = \"large invoice\"\non = [\"payment_request.issued\"]\n\
    when = 'request.amount >= \"EUR 100.00\"'\n\n[[rule.then]]\nnotify = \"list:sales\"\nchannel = \"email\"\n\
    template = \"large_invoice\"\n";

fn template(language: &str, word: &str) -> (String, String) {
    let name = format!("templates/large_invoice.{language}.email.hbs");
    (name, format!("+++\nsubject = \"{word} {{{{request.external_ref}}}}\"\n+++\n{word}: {{{{request.amount}}}}\n"))
}

/// The files of a draft: the rule and its templates.
fn draft() -> Json {
    let mut files = json!({ "rules.toml": RULES });
    for (language, word) in [("fr", "Grande facture"), ("en", "Large invoice")] {
        let (name, text) = template(language, word);
        files[name] = text.into();
    }
    files
}

fn own(scratch: &Scratch, name: &str) -> std::path::PathBuf {
    scratch.path().join("config/tenants/maison-dupre").join(name)
}

fn subjects(scratch: &Scratch) -> Vec<String> {
    let subject = |sent: Json| sent["message"]["subject"].as_str().unwrap_or_default().to_owned();
    messages(scratch.path()).into_iter().map(subject).collect()
}

fn rules(running: &Running) -> Vec<String> {
    let named = |rule: Json| rule["name"].as_str().unwrap().to_owned();
    running.get("/v1/rules").json()["data"].as_array().unwrap().iter().cloned().map(named).collect()
}

#[test]
fn a_draft_is_checked_published_seen_through_a_crash_and_taken_back() {
    let (scratch, mut running) = sample("editions", |text| text);
    let config = scratch.path().join("config/quittance.toml");
    let state = running.get("/v1/configuration").json();
    assert_eq!((&state["edition"], &state["files"]), (&json!(0), &json!([])), "{state}");

    // What is wrong is said with its place, and nothing changes.
    let wrong = json!({ "files": { "rules.toml": RULES.replace("request.amount", "request.amont") } });
    let checked = running.post("/v1/configuration/check", &wrong).json();
    assert_eq!(checked["usable"], false);
    let found = &checked["findings"][0];
    assert_eq!(
        (&found["file"], &found["line"], &found["column"]),
        (&json!("rules.toml"), &json!(4), &json!(9)),
        "{found}"
    );
    assert!(
        found["help"].as_str().unwrap_or_default().contains("request.amount")
            || found["message"].as_str().unwrap().contains("amont")
    );
    let refused = running.post("/v1/configuration/editions", &wrong);
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert_eq!(refused.json()["findings"][0]["line"], 4);
    // The rule alone names a template that is not there.
    let alone = json!({ "files": { "rules.toml": RULES } });
    let said = running.post("/v1/configuration/check", &alone).text();
    assert!(said.contains("there is no template large_invoice.fr.email.hbs"), "{said}");
    assert_eq!(running.get("/v1/configuration").json()["edition"], 0);
    assert!(!own(&scratch, "rules.toml").exists());

    // Whole, it is fine, and says what it changes.
    let checked = running.post("/v1/configuration/check", &json!({ "files": draft() })).json();
    assert_eq!((&checked["usable"], &checked["findings"]), (&json!(true), &json!([])), "{checked}");
    let changes: Vec<String> = checked["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            format!(
                "{} {} {}",
                change["how"].as_str().unwrap(),
                change["what"].as_str().unwrap(),
                change["name"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        changes,
        [
            "added rule large invoice",
            "added template large_invoice.en.email",
            "added template large_invoice.fr.email"
        ]
    );
    assert!(checked["differences"].as_str().unwrap().contains("+++ rules.toml\n@@ -0,0 +1,"), "{checked}");

    let body = json!({ "files": draft(), "note": "sales asked for it", "expected_edition": 0 });
    let published = running.post("/v1/configuration/editions", &body);
    assert_eq!(published.status, 201, "{}", published.text());
    assert_eq!(published.json()["edition"], 1);
    assert!(
        rules(&running).contains(&"large invoice".to_owned())
            && rules(&running).contains(&"request settled".to_owned())
    );
    assert_eq!(std::fs::read_to_string(own(&scratch, "rules.toml")).unwrap(), RULES);

    // It is in use at once, for what is large, in the language of the team.
    drop_file(&scratch.path().join("data/erp/in"), "invoices.csv", INVOICES.as_bytes());
    wait_for("the message", || subjects(&scratch).contains(&"Grande facture F-1".to_owned()).then_some(()));
    assert!(!subjects(&scratch).iter().any(|subject| subject.ends_with("facture F-2")));

    // A crash leaves it in use.
    running.kill();
    let running = Running::start(&config);
    assert!(rules(&running).contains(&"large invoice".to_owned()));
    let state = running.get("/v1/configuration").json();
    assert_eq!((&state["edition"], &state["files_changed_since"]), (&json!(1), &json!(false)), "{state}");
    assert_eq!(state["published"]["by"], "key sample");

    // Who looked at an older one publishes nothing over it; nor does who changes nothing.
    let stale = running.post("/v1/configuration/editions", &body);
    assert_eq!((stale.status, &stale.json()["code"]), (409, &json!("edition_in_between")), "{}", stale.text());
    let same = running.post("/v1/configuration/editions", &json!({ "files": draft() }));
    assert_eq!((same.status, &same.json()["code"]), (409, &json!("nothing_changed")));
    for name in ["../quittance.toml", "quittance.toml", "templates/../../x.hbs", "mappings/erp.toml"] {
        assert_eq!(
            running.post("/v1/configuration/editions", &json!({ "files": { name: "" } })).status,
            400,
            "{name}"
        );
    }
    assert_eq!(running.post("/v1/configuration/editions", &json!({ "files": { "rules.toml": 5 } })).status, 422);

    // A file alone can go, and what it named must not be missed.
    let broken = json!({ "files": { "templates/large_invoice.fr.email.hbs": null } });
    assert_eq!(running.post("/v1/configuration/editions", &broken).status, 422);
    let (name, _) = template("fr", "x");
    let (_, louder) = template("fr", "Très grande facture");
    let second = running.post("/v1/configuration/editions", &json!({ "files": { name: louder } }));
    assert_eq!((second.status, &second.json()["edition"]), (201, &json!(2)), "{}", second.text());
    let shown = running.get("/v1/configuration/editions/2").json();
    let told = shown["differences"].as_str().unwrap();
    assert!(told.contains("-Grande facture: {{request.amount}}") && told.contains("+Très grande facture"), "{told}");

    // Taken back: first to the edition before, then to none.
    let restored = running.post("/v1/configuration/editions/1/restore", &json!({ "note": "too loud" }));
    assert_eq!((restored.status, &restored.json()["restores"]), (201, &json!(1)), "{}", restored.text());
    assert!(
        std::fs::read_to_string(own(&scratch, "templates/large_invoice.fr.email.hbs")).unwrap().contains("Grande")
    );
    assert_eq!(running.post("/v1/configuration/editions/0/restore", &json!({})).status, 201);
    assert!(!rules(&running).contains(&"large invoice".to_owned()) && !own(&scratch, "rules.toml").exists());
    assert_eq!(running.post("/v1/configuration/editions/9/restore", &json!({})).status, 404);
    let all: Vec<Json> = running.get("/v1/configuration/editions").json()["data"].as_array().unwrap().clone();
    let origins: Vec<&str> = all.iter().map(|edition| edition["origin"].as_str().unwrap()).collect();
    assert_eq!(origins, ["restored", "restored", "published", "published"]);
}

#[test]
fn a_changed_scenario_moves_what_is_armed_and_says_whom_before() {
    let (scratch, running) = sample("editions-moved", |text| text);
    drop_file(&scratch.path().join("data/erp/in"), "invoices.csv", INVOICES.as_bytes());
    let id = running.find("/v1/payment-requests", "F-1")["id"].as_str().unwrap().to_owned();
    running.find("/v1/payment-requests", "F-2");
    running.advance("49h");
    let due = |name: &str| {
        let steps = running.list(&format!("/v1/payment-requests/{id}/steps"));
        steps.into_iter().find(|step| step["step"] == name).map(|step| step["due"].as_str().unwrap().to_owned())
    };
    wait_for("the next step", || due("before").filter(|due| due.starts_with("2026-03-07")));
    let shared = running.get("/v1/configuration/files/scenarios.toml");
    assert_eq!(shared.header("quittance-file"), Some("shared"));
    let sooner = shared.text().replace("offset = \"-3d\"", "offset = \"-5d\"");
    let files = json!({ "scenarios.toml": sooner });
    let foreseen = running.post("/v1/configuration/foresee", &json!({ "files": files, "days": 30 })).json();
    let moved = &foreseen["scenarios"][0];
    assert_eq!(moved["scenario"], "standard", "{foreseen}");
    assert_eq!((&moved["requests"], &moved["stay"], &moved["soon"]), (&json!(2), &json!(0), &json!(2)), "{moved}");
    assert_eq!(moved["moves"], json!([{ "from": "before", "to": "before", "requests": 2 }]));
    assert!(due("before").unwrap().starts_with("2026-03-07"), "nothing has moved yet");
    let published = running.post("/v1/configuration/editions", &json!({ "files": files }));
    assert_eq!(published.status, 201, "{}", published.text());
    wait_for("the step to move", || due("before").filter(|due| due.starts_with("2026-03-05")));
    // And back again.
    assert_eq!(running.post("/v1/configuration/editions/0/restore", &json!({})).status, 201);
    wait_for("the step to move back", || due("before").filter(|due| due.starts_with("2026-03-07")));
    // A scenario that requests have must not go.
    let gone = json!({ "files": { "scenarios.toml": "# none\n" } });
    assert_eq!(running.post("/v1/configuration/check", &gone).json()["usable"], true, "the shared one is there");
}

#[test]
fn a_changed_retry_policy_says_after_which_reasons_it_does_otherwise() {
    let (_scratch, running) = sample("editions-policy", |text| text);
    let invoice = json!({
        "external_ref": "F-9", "amount": { "amount": 9_000, "currency": "EUR" }, "due_on": "2026-03-20",
        "customer": { "external_ref": "C-9", "name": "Nine", "kind": "business" },
    });
    let request = running.post("/v1/payment-requests", &invoice).json();
    let customer = request["customer"].as_str().unwrap();
    let card =
        json!({ "token": "tok_9", "last4": "4242", "expires_month": 12, "expires_year": 2028, "scheme": "visa" });
    let added = running.post(&format!("/v1/customers/{customer}/payment-methods"), &card);
    assert_eq!(added.status, 201, "{}", added.text());
    let id = request["id"].as_str().unwrap();
    let agreed =
        running.post(&format!("/v1/payment-requests/{id}/collection"), &json!({ "instrument": "card:tok_9" }));
    assert_eq!(agreed.status, 201, "{}", agreed.text());
    let shared = running.get("/v1/configuration/files/collections.toml").text();
    // Caps are the operator's.
    let own = shared.split("# Caps of one card").next().unwrap();
    let longer = own.replace("new_attempts = 3 ", "new_attempts = 4 ").replace("wait_days = 21", "wait_days = 14");
    let files = json!({ "collections.toml": longer });
    let policy = wait_for("the collection", || {
        let foreseen = running.post("/v1/configuration/foresee", &json!({ "files": files })).json();
        Some(foreseen["policies"][0].clone()).filter(|policy| policy["collections"] == 1)
    });
    assert_eq!((&policy["policy"], &policy["planned"]), (&"standard".into(), &1.into()), "{policy}");
    let reasons = policy["reasons"].as_array().unwrap();
    let of = |method: &str, code: &str| {
        reasons
            .iter()
            .find(|of| of["method"] == method && of["code"] == code)
            .unwrap_or_else(|| panic!("{code}"))
            .clone()
    };
    let no_money = of("card", "51");
    assert_eq!((&no_money["retries_now"], &no_money["would_retry"]), (&3.into(), &4.into()), "{no_money}");
    assert!(no_money["would_take"].as_i64() > no_money["days_now"].as_i64(), "{no_money}");
    let dead = of("card", "54");
    assert!(dead["now"].as_str() != dead["then"].as_str() && dead["then"].as_str().unwrap().contains("waits until"));
    // What a person looks at stays so: nothing is said of it.
    assert!(!reasons.iter().any(|of| of["code"] == "MS02"), "{reasons:?}");
}

#[test]
fn a_draft_of_a_rule_is_tried_on_what_happened() {
    let (scratch, running) = sample("editions-foreseen", |text| text);
    drop_file(&scratch.path().join("data/erp/in"), "invoices.csv", INVOICES.as_bytes());
    running.find("/v1/payment-requests", "F-2");
    let foreseen = running.post("/v1/configuration/foresee", &json!({ "files": draft() })).json();
    let rule = &foreseen["rules"][0];
    assert_eq!(
        (&rule["rule"], &rule["fires_now"], &rule["would_fire"]),
        (&json!("large invoice"), &json!(0), &json!(1)),
        "{foreseen}"
    );
    assert_eq!((&rule["would_send"], &rule["customers"]), (&json!(1), &json!(0)));
    assert_eq!(running.post("/v1/configuration/foresee", &json!({ "files": draft(), "days": 0 })).status, 422);
}

#[test]
fn files_are_read_again_at_a_hangup_and_only_when_they_can_be_used() {
    let (scratch, running) = sample("editions-hangup", |text| text);
    let path = scratch.path().join("config/rules.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let hang_up = || Command::new("kill").args(["-HUP", &running.pid().to_string()]).status().unwrap();
    std::fs::write(&path, format!("{text}\n[[rule]]\nname = \"half\n")).unwrap();
    hang_up();
    wait_for("what is wrong", || running.log.lock().unwrap().contains("error[Q0101]").then_some(()));
    assert!(!rules(&running).contains(&"half".to_owned()) && rules(&running).contains(&"request settled".to_owned()));
    let more =
        RULES.replace("large_invoice", "transfer_received").replace("payment_request.issued", "transfer.received");
    let more = more.replace("request.amount", "transfer.amount");
    std::fs::write(&path, format!("{text}\n{more}")).unwrap();
    hang_up();
    wait_for("the new rule", || rules(&running).contains(&"large invoice".to_owned()).then_some(()));
    // A tenant's own files, put there by hand, become an edition.
    std::fs::create_dir_all(own(&scratch, "")).unwrap();
    std::fs::write(
        own(&scratch, "rules.toml"),
        "[[rule]]\nname = \"task overdue\"\non = [\"task.overdue\"]\npaused = true\n[[rule.then]]\nhook = \"erp\"\n",
    )
    .unwrap();
    assert_eq!(running.get("/v1/configuration").json()["files_changed_since"], true);
    hang_up();
    wait_for("the edition", || {
        let state = running.get("/v1/configuration").json();
        (state["edition"] == 1 && state["published"]["origin"] == "found").then_some(())
    });
    let data = running.get("/v1/rules").json();
    let paused = data["data"].as_array().unwrap().iter().find(|rule| rule["name"] == "task overdue").unwrap().clone();
    assert_eq!(paused["paused"], true);
}

#[test]
fn a_key_without_the_right_publishes_nothing_and_tenants_stay_apart() {
    let scratch = Scratch::new("editions-keys");
    let other = "[[tenant]]\nid = \"other\"\nname = \"Other\"\nzone = \"Europe/Paris\"\ncalendar = \"target\"\n\
        email_from = \"a@other.example\"\nreference_seed = 7\n\n[[tenant.api_key]]\nid = \"reads\"\n\
        sha256 = \"2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\"\n\n[[tenant.api_key]]\nid = \"writes\"\n\
        sha256 = \"35224d0d3465d74e855f8d69a136e79c744ea35a675d3393360a327cbf6359a2\"\nconfigures = true\n\n[[endpoint]]";
    let config = configure(scratch.path(), |text| text.replacen("[[endpoint]]", other, 1));
    let running = Running::start(&config);
    assert_eq!(running.post("/v1/configuration/editions", &json!({ "files": draft() })).status, 201);
    let ask_by = |key: &str, method: &str, path: &str, body: &Json| {
        let bearer = format!("Bearer {key}");
        let headers =
            [("Authorization", bearer.as_str()), ("Content-Type", "application/json"), ("Idempotency-Key", "k-1")];
        call(running.address, method, path, &headers, body.to_string().as_bytes()).unwrap()
    };
    let ask = |method: &str, path: &str, body: &Json| ask_by("secret", method, path, body);
    let mine = ask("GET", "/v1/rules", &Json::Null).json();
    assert!(!mine.to_string().contains("large invoice"), "{mine}");
    assert_eq!(ask("GET", "/v1/configuration", &Json::Null).json()["edition"], 0);
    let files = json!({ "files": { "rules.toml": "" } });
    assert_eq!(ask("POST", "/v1/configuration/editions", &files).status, 403);
    assert_eq!(ask("POST", "/v1/configuration/editions/1/restore", &json!({})).status, 403);
    // Its own draft can name only what it has: the list and the endpoint are the other's.
    assert_eq!(ask("POST", "/v1/configuration/check", &files).status, 403);
    let checked = ask_by("secret2", "POST", "/v1/configuration/check", &json!({ "files": draft() })).json();
    assert!(checked["findings"].to_string().contains("there is no list \\\"sales\\\""), "{checked}");
}

#[test]
fn an_edition_whose_files_a_crash_kept_from_being_written_is_written_at_the_start() {
    let (scratch, mut running) = sample("editions-crash", |text| text);
    let config = scratch.path().join("config/quittance.toml");
    assert_eq!(running.post("/v1/configuration/editions", &json!({ "files": draft() })).status, 201);
    running.kill();
    // As after a crash between the ledger and the folder: some files are there, some are not, and the mark is old.
    let ledger = scratch.path().join("data/configuration/maison-dupre");
    std::fs::write(ledger.join("written"), "0").unwrap();
    std::fs::remove_file(own(&scratch, "templates/large_invoice.fr.email.hbs")).unwrap();
    let check = |config: &Path| {
        Command::new(env!("CARGO_BIN_EXE_quittance")).args(["check", config.to_str().unwrap()]).output().unwrap()
    };
    assert!(!check(&config).status.success(), "half of it cannot be used");
    let running = Running::start(&config);
    assert!(rules(&running).contains(&"large invoice".to_owned()));
    assert!(own(&scratch, "templates/large_invoice.fr.email.hbs").exists() && check(&config).status.success());
    assert_eq!(running.get("/v1/configuration").json()["edition"], 1);
    drop(running);

    // A ledger that was restored beside a folder in use has no mark: what stands in the folder counts, and is an edition.
    std::fs::remove_file(ledger.join("written")).unwrap();
    let newer = RULES.replace("EUR 100.00", "EUR 110.00");
    std::fs::write(own(&scratch, "rules.toml"), &newer).unwrap();
    let running = Running::start(&config);
    let state = running.get("/v1/configuration").json();
    assert_eq!((&state["edition"], &state["published"]["origin"]), (&json!(2), &json!("found")), "{state}");
    assert_eq!(std::fs::read_to_string(own(&scratch, "rules.toml")).unwrap(), newer);
    drop(running);
    // On a new machine, whose folder is empty, the newest edition is written.
    std::fs::remove_file(ledger.join("written")).unwrap();
    std::fs::remove_dir_all(own(&scratch, "")).unwrap();
    let running = Running::start(&config);
    assert_eq!(std::fs::read_to_string(own(&scratch, "rules.toml")).unwrap(), newer);
    drop(running);
    // Somebody changed a file after the crash: that is kept, and the publication counts.
    std::fs::write(ledger.join("written"), "1").unwrap();
    let by_hand = RULES.replace("EUR 100.00", "EUR 120.00");
    std::fs::write(own(&scratch, "rules.toml"), &by_hand).unwrap();
    let running = Running::start(&config);
    let all = running.get("/v1/configuration/editions").json()["data"].as_array().unwrap().clone();
    let origins: Vec<&str> = all.iter().map(|edition| edition["origin"].as_str().unwrap()).collect();
    assert_eq!(origins, ["restored", "found", "found", "published"]);
    assert_eq!(running.get("/v1/configuration/editions/3").json()["files"]["rules.toml"], by_hand);
    assert_eq!(std::fs::read_to_string(own(&scratch, "rules.toml")).unwrap(), newer);
}

#[test]
fn what_is_tried_out_is_recorded_and_does_not_leave_until_it_is_in_use() {
    let (scratch, running) = sample("editions-shadow", |text| text);
    let mut files = draft();
    let shadow = RULES.replace("name = \"large invoice\"", "name = \"large invoice\"\nshadow = true");
    files["rules.toml"] = shadow.into();
    let scenarios = running.get("/v1/configuration/files/scenarios.toml").text();
    files["scenarios.toml"] =
        scenarios.replace("name = \"standard\"\n", "name = \"standard\"\nshadow = true\n").into();
    assert_eq!(running.post("/v1/configuration/editions", &json!({ "files": files })).status, 201);
    drop_file(&scratch.path().join("data/erp/in"), "invoices.csv", INVOICES.as_bytes());
    let id = running.find("/v1/payment-requests", "F-1")["id"].as_str().unwrap().to_owned();
    let tried = wait_for("what is tried out", || {
        let all = running.get("/v1/deliveries?status=any").json();
        let found = all["data"].as_array()?.iter().find(|of| of["cause"] == "rule large invoice")?.clone();
        (found["status"] == "suppressed").then_some(found)
    });
    assert_eq!(tried["tries"][0]["detail"], "its rule is tried out", "{tried}");
    running.advance("1d");
    let step = wait_for("the first step", || {
        let steps = running.list(&format!("/v1/payment-requests/{id}/steps"));
        steps.into_iter().find(|step| step["step"] == "request" && step["status"] == "not_sent")
    });
    assert_eq!(step["reason"], "tried out only: it would have left by email", "{step}");
    assert!(step["gates"].to_string().contains(r#"{"gate":"in_use","said":"stopped"}"#), "{step}");
    assert_eq!(subjects(&scratch), Vec::<String>::new());
    let listed = running.get("/v1/rules").json()["data"].clone();
    assert!(listed.as_array().unwrap().iter().any(|rule| rule["name"] == "large invoice" && rule["shadow"] == true));

    // What it would have said is seen before it is in use, and it says it from then on only.
    let in_use = json!({ "files": { "rules.toml": RULES } });
    let foreseen = running.post("/v1/configuration/foresee", &in_use).json();
    let rule = &foreseen["rules"][0];
    assert_eq!((&rule["messages_now"], &rule["would_send"]), (&json!(0), &json!(1)), "{foreseen}");
    assert_eq!(running.post("/v1/configuration/editions", &in_use).status, 201);
    let more = INVOICES.replace("F-1", "F-3").replace("F-2", "F-4");
    drop_file(&scratch.path().join("data/erp/in"), "more.csv", more.as_bytes());
    wait_for("the message", || (subjects(&scratch) == ["Grande facture F-3"]).then_some(()));
}

#[test]
fn the_command_line_pulls_checks_publishes_and_takes_back() {
    let (scratch, running) = sample("editions-cli", |text| text);
    let folder = scratch.path().join("shop");
    std::fs::create_dir_all(folder.join("templates")).unwrap();
    for (name, text) in draft().as_object().unwrap() {
        std::fs::write(folder.join(name), text.as_str().unwrap()).unwrap();
    }
    let url = format!("http://{}", running.address);
    let say = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quittance"));
        command.args(["config", "--url", &url, "--key", KEY]).args(arguments);
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    };
    let shop = folder.to_str().unwrap();
    let (code, said) = say(&["check", shop]);
    assert!(code == 0 && said.contains("added: rule large invoice") && said.contains("+[[rule]]"), "{said}");
    std::fs::write(folder.join("rules.toml"), RULES.replace("request.amount", "request.amont")).unwrap();
    let (code, said) = say(&["check", shop]);
    assert!(code == 1 && said.contains("rules.toml:4:9") && said.contains("did you mean"), "{said}");
    let (code, said) = say(&["publish", shop]);
    assert!(code != 0 && said.contains("rules.toml:4:9"), "{said}");
    std::fs::write(folder.join("rules.toml"), RULES).unwrap();
    let (code, said) = say(&["foresee", shop]);
    assert!(code == 0 && said.contains("rule large invoice: fires 0 times, would 0"), "{said}");
    let (code, said) = say(&["publish", shop, "--note", "from the repository"]);
    assert!(code == 0 && said.contains("edition 1 is in use"), "{said}");
    // What is not in the folder is not the tenant's own any more.
    let pulled = scratch.path().join("pulled");
    let (code, said) = say(&["pull", pulled.to_str().unwrap()]);
    assert_eq!((code, std::fs::read_to_string(pulled.join("rules.toml")).unwrap().as_str()), (0, RULES), "{said}");
    std::fs::remove_dir_all(pulled.join("templates")).unwrap();
    let (code, said) = say(&["check", pulled.to_str().unwrap()]);
    assert!(code == 1 && said.contains("there is no template large_invoice"), "{said}");
    std::fs::remove_file(pulled.join("rules.toml")).unwrap();
    let (code, said) = say(&["publish", pulled.to_str().unwrap()]);
    assert!(code == 0 && said.contains("edition 2 is in use"), "{said}");
    // Who has pulled before that publishes nothing over it.
    let (code, said) = say(&["publish", shop]);
    assert!(code != 0 && said.contains("edition 2 is in use, and not 1"), "{said}");
    let (code, said) = say(&["restore", "1", "--note", "too soon"]);
    assert!(code == 0 && said.contains("edition 3 is in use"), "{said}");
    let (code, said) = say(&["show"]);
    assert!(
        code == 0 && said.contains("edition 3 in use") && said.contains("1 again") && said.contains("too soon"),
        "{said}"
    );
}
