//! Configuration: the sample is right, and every mistake is found with its place.

use std::path::Path;
use std::process::Command;

use quittance::assemble;

use crate::support::golden::project;
use crate::support::running::{BINARY, configure};
use crate::support::scratch::Scratch;

#[test]
fn the_sample_has_no_finding() {
    let (loaded, findings) = assemble::load(&project().join("config/quittance.toml"));
    assert!(findings.all().is_empty(), "{}", findings.render(false));
    assert!(loaded.is_some());
}

/// Changes one text of one file of the sample; gives `code file:line:column message | label`.
fn found(file: &str, from: &str, to: &str) -> Vec<String> {
    let scratch = Scratch::new("config");
    let config = configure(scratch.path(), |text| text);
    let path = scratch.path().join("config").join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} holds {from:?}");
    std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    let (loaded, findings) = assemble::load(&config);
    assert_eq!(loaded.is_none(), findings.has_errors());
    findings
        .all()
        .iter()
        .map(|finding| {
            let (line, column) = findings.place(finding);
            let name = Path::new(&finding.file).file_name().unwrap().to_str().unwrap();
            let help = finding.help.as_deref().unwrap_or_default();
            format!("{} {name}:{line}:{column} {} | {} {help}", finding.code, finding.message, finding.label)
        })
        .collect()
}

#[test]
fn what_systems_are_told_is_json_or_found_before_it_leaves() {
    let found_for = |text: &str, payload: &str| {
        let scratch = Scratch::new("bodies");
        let config = configure(scratch.path(), |text| text.replace("# payload = \"full\" ", payload));
        std::fs::write(scratch.path().join("config/templates/erp.json.hbs"), text).unwrap();
        let rules = scratch.path().join("config/rules.toml");
        let told = std::fs::read_to_string(&rules).unwrap();
        std::fs::write(&rules, told.replacen("hook = \"erp\"", "hook = \"erp\"\ntemplate = \"erp\"", 1)).unwrap();
        let (_, findings) = assemble::load(&config);
        findings.render(false)
    };
    let found = |text: &str| found_for(text, "# payload = \"full\" ");
    let fine = r#"{"number": "{{request.external_ref}}", "open": {{decimal request.outstanding}}, "order": {{json request.order}},
        "tags": {{json customer.tags}}, "of": "{{merchant.name}}", "id": "{{event.id}}"}"#;
    assert_eq!(found(fine), "0 errors, 0 warnings");
    let thin = found_for(fine, "payload = \"thin\" ");
    assert!(thin.contains("endpoint \"erp\" is told ids only"), "{thin}");
    for (text, expected) in [
        (r#"{"number": {{request.external_ref}}}"#, "Q0208"),
        (r#"{"number": "{{{request.external_ref}}}"}"#, "{{json PATH}} writes any value with its quotes"),
        (r#"{"number": "{{request.number}}"}"#, "unknown variable `request.number`"),
        (r#"{"number": "{{request.external_ref}}""#, "it is not JSON: EOF while parsing an object"),
        (r#"{"number": {{decimal request.external_ref}}}"#, "decimal writes an amount of money"),
        (r#"{"number": "{{#if request.external_ref}}"#, "Q0201"),
        // Known of other events than the rule's.
        (
            r#"{"name": "{{file.name}}"}"#,
            "erp.json.hbs cannot tell of payment_request.settled: variable `file.name` is missing",
        ),
    ] {
        let told = found(text);
        assert!(told.contains(expected), "{text}: {told}");
    }
}

#[test]
fn every_mistake_is_found_with_line_column_and_a_way_out() {
    for (file, from, to, expected) in [
        (
            "quittance.toml",
            "listen =",
            "lisen =",
            "Q0104 quittance.toml:6:1 unknown key `lisen` in [server] | did you mean `listen`?",
        ),
        ("quittance.toml", "[data]", "[data", "Q0101 quittance.toml:11:"),
        (
            "scenarios.toml",
            "name = \"standard\"\n",
            "name = \"standard\"\ncreated_before = \"2026-04-01\"\n",
            "Q0107 scenarios.toml:18:1 scenario \"standard\" has only an earlier form | what do later requests follow?",
        ),
        (
            "scenarios.toml",
            "name = \"standard\"\n",
            "name = \"standard\"\ncreated_before = \"2026-13-01\"\n",
            "Q0103 scenarios.toml:20:18",
        ),
        (
            "scenarios.toml",
            "[[scenario]]",
            "[[scenario]]\nname = \"standard\"\n\n[[scenario.step]]\nname = \"a\"\nanchor = \"due\"\noffset = \"1d\"\nat = \"09:00\"\n\
             channels = [\"email\"]\ntemplate = \"reminder_late\"\n\n[[scenario]]",
            "Q0107 scenarios.toml:29:1 scenario \"standard\" stands twice | for the same requests",
        ),
        (
            "quittance.toml",
            "checkpoint_every_ms = 1000",
            "checkpoint_every_ms = \"often\"",
            "Q0102 quittance.toml:13:23 `checkpoint_every_ms` must be a whole number",
        ),
        (
            "quittance.toml",
            "checkpoint_every_ms = 1000",
            "checkpoint_every_ms = 1",
            "Q0103 quittance.toml:13:23 `checkpoint_every_ms`: 1 is not between 50 and 60000",
        ),
        (
            "quittance.toml",
            "transport = \"catch\"",
            "transport = \"cach\"",
            "Q0103 quittance.toml:17:13 `transport` must be one of catch, smtp | did you mean \"catch\"?",
        ),
        ("quittance.toml", "zone = \"Europe/Paris\"", "zone = \"Europe/Pari\"", "unknown time zone 'Europe/Pari'"),
        ("quittance.toml", "name = \"Maison Dupré\"\n", "", "Q0105 quittance.toml:34:"),
        (
            "quittance.toml",
            "email_from = \"comptabilite@maison-dupre.example\"",
            "email_from = \"comptabilite\"",
            "`email_from`: not an e-mail address",
        ),
        (
            "quittance.toml",
            "width = 6",
            "width = 7",
            "a pool needs a prefix of digits and a width that fill 11 places",
        ),
        (
            "quittance.toml",
            "default_scenario = \"standard\"",
            "default_scenario = \"standrad\"",
            "there is no scenario \"standrad\" | did you mean \"standard\"?",
        ),
        (
            "quittance.toml",
            "calendar = \"target\"",
            "calendar = \"targt\"",
            "there is no calendar \"targt\" | did you mean \"target\"?",
        ),
        (
            "mappings/erp.toml",
            "delimiter = \";\"",
            "delimiter = \"ab\"",
            "Q0103 erp.toml:2:13 `delimiter`: expected tab, or one character such as ; , | : or ^",
        ),
        (
            "collections.toml",
            "gaps_days = [3, 5, 7]\n",
            "gaps_days = [3, 5, 7]\nshadow_of = \"standart\"\n",
            "there is no retry policy \"standart\"",
        ),
        (
            "collections.toml",
            "gaps_days = [3, 5, 7]\n",
            "gaps_days = [3, 5, 7]\nshadow_of = \"standard\"\n",
            "there is no retry policy \"standard\"",
        ),
        (
            "collections.toml",
            "wait_days = 21\n",
            "wait_days = 21\nnew_attempts = 9\n",
            "`new_attempts`: 9, but its policy has 3 for all reasons",
        ),
        (
            "collections.toml",
            "classes = [\"correct\", \"renew\"]\n",
            "classes = [\"correct\", \"renw\"]\n",
            "Q0103 collections.toml:27:23 `classes`: \"renw\" is none of retry, correct, renew",
        ),
        (
            "collections.toml",
            "classes = [\"correct\", \"renew\"]\n",
            "codes = [\"AMO4\"]\n",
            "Q0103 collections.toml:27:10 `codes`: AMO4 is in no table of codes, and stops | not usable did you mean \"AM04\"?",
        ),
        (
            "collections.toml",
            "classes = [\"correct\", \"renew\"]\n",
            "codes = [\"41\"]\ntreat_as = \"retry\"\n",
            "`codes`: 41: the scheme forbids another attempt, whatever a policy says",
        ),
        (
            "collections.toml",
            "wait_days = 21\n",
            "",
            "nothing is different: new_attempts, a schedule, wait_days or treat_as",
        ),
        (
            "scenarios.toml",
            "template = \"payment_request\"",
            "template = \"\"",
            "`template`: a step needs a template",
        ),
        (
            "scenarios.toml",
            "template = \"payment_request\"",
            "template = \"payment_request\"\naudience = \"team\"",
            "`template`: a step for the team writes to nobody",
        ),
        (
            "rules.toml",
            "do = \"place_hold\"\n",
            "do = \"collect\"\npolicy = \"standrad\"\n",
            "there is no retry policy \"standrad\" | did you mean \"standard\"?",
        ),
        (
            "collections.toml",
            "roll = \"following\"",
            "roll = \"folowing\"",
            "`roll` must be one of following, modified_following, preceding | did you mean \"following\"?",
        ),
        (
            "collections.toml",
            "on_exhausted = \"suspend\"",
            "on_exhausted = [\"suspend\", \"scenario\"]\nscenario = \"gentl\"",
            "there is no scenario \"gentl\"",
        ),
        (
            "collections.toml",
            "on_exhausted = \"suspend\"",
            "on_exhausted = [\"suspend\", \"write_of\"]",
            "`on_exhausted`: \"write_of\" is none of alert, suspend, review, scenario, write_off",
        ),
        (
            "quittance.toml",
            "mapping = \"erp\"",
            "mapping = \"epr\"",
            "there is no mapping \"epr\" | did you mean \"erp\"?",
        ),
        (
            "quittance.toml",
            "listen = \"127.0.0.1:0\"",
            "listen = \"0.0.0.0:8080\"",
            "it would be reachable without TLS",
        ),
        (
            "quittance.toml",
            "secret = { value = \"whsec_c2FtcGxlIHNlY3JldCBvZiB0aGUgc2FuZGJveA==\" }",
            "secret = { value = \"hunter2\" }",
            "a signing secret starts with whsec_",
        ),
        (
            "quittance.toml",
            "transport = \"catch\"",
            "transport = \"smtp\"\nhost = \"localhost\"\n[[email.dkim]]\ndomain = \"maison-dupre.example\"\nselector = \"q1\"\nkey = { value = \"hunter2\" }",
            "[[email.dkim]] of maison-dupre.example: a DKIM key is an RSA or Ed25519 private key in PEM",
        ),
        (
            "quittance.toml",
            "transport = \"catch\"",
            "transport = \"smtp\"\nhost = \"localhost\"\n[[email.dkim]]\ndomain = \"maison dupre\"\nselector = \"q1\"\nkey = { value = \"x\" }",
            "expected a name of the DNS, as in shop.example",
        ),
        ("quittance.toml", "secret = { value", "secret = { env = \"X\", value", "exactly one of file, env and value"),
        (
            "quittance.toml",
            "tenant = \"maison-dupre\"\nname = \"erp\"",
            "tenant = \"maison-dupe\"\nname = \"erp\"",
            "there is no tenant \"maison-dupe\", did you mean \"maison-dupre\"?",
        ),
        (
            "quittance.toml",
            "# order = \"key\" ",
            "events = [\"payment_request.setled\"] #",
            "there is no event type payment_request.setled | not usable did you mean payment_request.settled?",
        ),
        (
            "quittance.toml",
            "provider = \"catch\"",
            "provider = \"http\"\nurl = \"https://sms.example\"\nform = { m = \"{txt}\" } #",
            "nothing of it is the message: {text}",
        ),
        (
            "quittance.toml",
            "provider = \"catch\"",
            "provider = \"http\"\nurl = \"https://sms.example\"\njson = { m = \"{text}\", a = [\"{too}\"] } #",
            "there is no place {too}",
        ),
        (
            "quittance.toml",
            "provider = \"catch\"",
            "provider = \"twilio\"\naccount = \"AC1\" #",
            "`token`: is missing",
        ),
        (
            "quittance.toml",
            "# callback_key = { value = \"sample only for this sandbox\" }",
            "callback_key = { value = \"k\" }",
            "others call us at `public_url`, which is missing",
        ),
        ("quittance.toml", "# order = \"key\" ", "order = \"customer\" #", "`order` must be one of none, key"),
        (
            "quittance.toml",
            "# order = \"key\" ",
            "retry = \"never\" #",
            "`retry` must be one of default, standard-webhooks",
        ),
        (
            "quittance.toml",
            "# order = \"key\" ",
            "auth = { kind = \"header\", name = \"Webhook-Id\", value = { value = \"x\" } } #",
            "a hook has this header of itself",
        ),
        (
            "quittance.toml",
            "# order = \"key\" ",
            "auth = { user = \"x\" } #",
            "`kind`: is missing: basic, bearer, header or client_credentials",
        ),
        (
            "quittance.toml",
            "# order = \"key\" ",
            "client_certificate = { value = \"x\" } #",
            "endpoint \"erp\": a client certificate is PEM with its key",
        ),
        (
            "rules.toml",
            "notify = \"list:sales\"",
            "notfy = \"list:sales\"",
            "Q0104 rules.toml:12:1 unknown key `notfy` in [[then]] | did you mean `notify`?",
        ),
        (
            "rules.toml",
            "on = [\"transfer.received\"]",
            "on = [\"transfer.recieved\"]",
            "there is no event type \"transfer.recieved\"",
        ),
        (
            "templates/transfer_received.fr.email.hbs",
            "{{transfer.amount}}",
            "{{transfer.amount}} {{promise.on}}",
            "Q0206 rules.toml:14:12 transfer_received.fr.email.hbs tells `promise.on`, which is never known of transfer.received | it would never leave",
        ),
        (
            "templates/reminder_late.fr.sms.hbs",
            "Merci.",
            "Merci, à bientôt.",
            "Q0207 reminder_late.fr.sms.hbs:1:172 'ô' is not in the GSM alphabet",
        ),
        (
            "templates/reminder_late.fr.sms.hbs",
            "{{merchant.name}} : la",
            "+++\ngsm = true\n+++\nPrêt 😀 : la",
            "Q0207 reminder_late.fr.sms.hbs:4:6 '😀' is not in the GSM alphabet",
        ),
        (
            "rules.toml",
            "on = [\"task.overdue\"]",
            "on = [\"task.overdue\", \"feed.stalled\"]",
            "which is never known of feed.stalled",
        ),
        (
            "rules.toml",
            "name = \"file missing\"",
            "name = \"file missing\"\nonce_within_hours = 24",
            "feed.stalled concerns no customer",
        ),
        (
            "rules.toml",
            "name = \"file missing\"",
            "name = \"file missing\"\nonce_per = \"request\"",
            "it needs once_within_hours beside it",
        ),
        (
            "rules.toml",
            "once_per = \"request\"",
            "once_per = \"attempt.mehod\"",
            "\"attempt.mehod\" is not customer, request or a fact; did you mean \"attempt.method\"?",
        ),
        (
            "rules.toml",
            "once_per = \"request\"",
            "once_per = \"feed.name\"",
            "attempt.scheduled does not tell that fact",
        ),
        (
            "rules.toml",
            "once_per = \"request\"\nonce_within_hours = 24\n",
            "",
            "Q0119 rules.toml:57:1 a customer is written to as often as attempt.scheduled happens | nothing bounds how often",
        ),
        (
            "rules.toml",
            "hook = \"erp\"",
            "hook = \"erp\"\ntemplate = \"erp_settled\"",
            "Q0204 rules.toml:36:12 there is no template erp_settled.json.hbs",
        ),
        (
            "rules.toml",
            "transfer.amount >",
            "transfer.amont >",
            "Q0110 rules.toml:9:9 unknown field `transfer.amont` | in this condition did you mean `transfer.amount`?",
        ),
        (
            "rules.toml",
            "transfer.amount > \"EUR 0.00\"",
            "attempt.failures > 2",
            "Q0112 rules.toml:9:8 attempt.failures is never known of transfer.received",
        ),
        (
            "rules.toml",
            "method.days_to_expiry <= 30",
            "method.days_to_expiry < 30",
            "Q0113 rules.toml:48:8 the rule fails its test \"a subscription's card, a month before its end\": it does not fire | method.backs_recurring is true: holds, method.days_to_expiry is 30: does not hold",
        ),
        (
            "rules.toml",
            "attempt.failures = 2 }",
            "attempt.failures = 3 }",
            "the rule fails its test \"too little money, the second time\": it fires",
        ),
        ("rules.toml", "attempt.failures = 2 }", "attempt.failures = true }", "expected number, this is boolean"),
        ("rules.toml", "attempt.failures = 2 }", "attempt.failure = 2 }", "did you mean `attempt.failures`?"),
        ("rules.toml", "attempt.failures = 2 }", "method.slot = \"a\" }", "`method.slot`: "),
        (
            "rules.toml",
            "transfer.amount > \"EUR 0.00\"",
            "transfer.amount > \"EUR 5.00\" && transfer.amount < \"EUR 5.01\"",
            "Q0114 rules.toml:9:8 no transfer.amount can be what this asks for | this never holds",
        ),
        ("rules.toml", "\"EUR 0.00\"'", "5'", "Q0110 rules.toml:9:27 a number cannot be compared with money"),
        ("rules.toml", "list:sales", "list:sails", "there is no list \"sails\" | did you mean \"sales\"?"),
        ("rules.toml", "hook = \"erp\"", "hook = \"ERP\"", "there is no endpoint \"ERP\""),
        (
            "rules.toml",
            "template = \"transfer_received\"",
            "template = \"transfer_recieved\"",
            "there is no template transfer_recieved.en.email.hbs | did you mean \"transfer_received\"?",
        ),
        (
            "rules.toml",
            "name = \"refund initiated\"",
            "name = \"transfer received\"",
            "rule 'transfer received' stands twice",
        ),
        ("rules.toml", "do = \"place_hold\"", "do = \"place_holds\"", "`do` must be one of place_hold, lift_hold"),
        ("rules.toml", "hold = \"manual\"", "hold = \"deceased\"", "who has died is told by a bank or a person"),
        (
            "rules.toml",
            "name = \"file missing\"\non = [\"feed.stalled\"]\n",
            "name = \"file missing\"\non = [\"feed.stalled\"]\n\n[[rule.then]]\ndo = \"stop_reminders\"\n",
            "feed.stalled concerns no payment request",
        ),
        (
            "rules.toml",
            "on = [\"attempt.failed\", \"attempt.reversed\"]\nwhen = 'attempt.reason_code == \"MD01\"'",
            "on = [\"customer.hold_placed\"]",
            "Q0115 rules.toml:1:1 rule 'debit without a mandate' would set itself off: what it does leads to customer.hold_placed",
        ),
        (
            "acceptance.toml",
            "when = 'transfer.payer_blocked'",
            "when = 'transfer.payer_blocked && request.amount > \"EUR 1.00\"'",
            "request.amount is not known when a transfer comes in",
        ),
        (
            "acceptance.toml",
            "blocked_ibans = []              # accounts of payers from whom nothing is taken\n\n[[acceptance]]\nname = \"blocked payer\"\nwhen = 'transfer.payer_blocked'",
            "blocked_ibans = [\"FR1420041010050500013M02606\"]\n\n[[acceptance]]\nname = \"blocked payer\"\nwhen = 'transfer.identified'",
            "no rule says what is done with these payers",
        ),
        (
            "scenarios.toml",
            "when = 'request.outstanding >= \"EUR 1.00\"'",
            "when = 'request.outstandin >= \"EUR 1.00\"'",
            "unknown field `request.outstandin` | in this condition did you mean `request.outstanding`?",
        ),
        (
            "scenarios.toml",
            "when = 'request.outstanding >= \"EUR 1.00\"'",
            "when = 'transfer.amount > \"EUR 1.00\"'",
            "transfer.amount is not known when a step leaves",
        ),
        ("scenarios.toml", "at = \"09:30\"", "at = \"9h30\"", "`at`: expected a local time, as in 09:30"),
        (
            "scenarios.toml",
            "anchor = \"due\"",
            "anchor = \"deu\"",
            "`anchor` must be one of due, created, issued, previous, chosen, link_expiry | did you mean \"due\"?",
        ),
        ("scenarios.toml", "channels = [\"email\"]", "channels = [\"hook\"]", "reached by email or sms only"),
        ("scenarios.toml", "name = \"before\"", "name = \"request\"", "step 'request' stands twice"),
        ("calendars/target.toml", "\"12-25\"", "\"2-30\"", "02-30 is not a day of the year"),
        ("mappings/erp.toml", "encoding = \"utf-8\"", "encoding = \"utf-88\"", "expected a name such as utf-8"),
        ("mappings/erp.toml", "amount = \"montant\"\n", "", "`amount` is missing in [columns]"),
        (
            "templates/reminder_before.fr.email.hbs",
            "{{customer.name}}",
            "{{customer.nom}}",
            "Q0202 reminder_before.fr.email.hbs:5:11 unknown variable `customer.nom` | did you mean `customer.name`?",
        ),
        (
            "templates/reminder_before.fr.email.hbs",
            "{{customer.name}}",
            "{{customer.name}",
            "Q0201 reminder_before.fr.email.hbs:5:",
        ),
        ("templates/reminder_before.fr.email.hbs", "subject = ", "sujet = ", "unknown key `sujet`"),
        (
            "templates/reminder_before.fr.email.hbs",
            "{{> closing}}",
            "{{> clothing}}",
            "Q0205 reminder_before.fr.email.hbs:",
        ),
        (
            "templates/closing.fr.partial.hbs",
            "{{merchant.name}}",
            "{{merchant.name}}{{> closing}}",
            "the piece `closing` takes itself in",
        ),
        (
            "templates/closing.fr.partial.hbs",
            "{{merchant.name}}",
            "{{#*inline \"a\"}}{{> a}}{{/inline}}{{> a}}",
            "Q0205 closing.fr.partial.hbs:2:1 a piece is a file of its own",
        ),
        (
            "templates/reminder_before.fr.email.hbs",
            "{{customer.name}}",
            "{{#each this}}{{#each this}}{{#each this}}x{{/each}}{{/each}}{{/each}}",
            "it repeats and takes in more than 100000 elements",
        ),
        ("templates/reminder_before.fr.email.hbs", "{{customer.name}}", "{{log customer.name}}", "Q0202"),
    ] {
        let all = found(file, from, to);
        assert!(
            all.iter().any(|line| line.contains(expected)),
            "{file}: {from:?} → {to:?}\nexpected {expected}\nfound {all:#?}"
        );
    }
}

#[test]
fn check_shows_findings_and_init_writes_a_service_that_starts() {
    let scratch = Scratch::new("init");
    let shop = scratch.path().join("shop");
    let init = Command::new(BINARY).args(["init", shop.to_str().unwrap()]).output().unwrap();
    assert!(init.status.success());
    let key = String::from_utf8(init.stdout).unwrap().trim().to_owned();
    let text = std::fs::read_to_string(shop.join("quittance.toml")).unwrap();
    assert!(key.starts_with("qk_test_") && !text.contains(&key), "the key is shown and only its hash is kept");
    assert!(!text.contains("whsec_c2FtcGxlIHNlY3JldCBvZiB0aGUgc2FuZGJveA=="), "the sample's secret is not reused");
    let again = Command::new(BINARY).args(["init", shop.to_str().unwrap()]).output().unwrap();
    assert_eq!(again.status.code(), Some(1), "nothing is overwritten");
    let config = shop.join("quittance.toml");
    let check = Command::new(BINARY).args(["check", config.to_str().unwrap()]).output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    std::fs::write(&config, text.replace("zone =", "zoen =")).unwrap();
    let check = Command::new(BINARY).args(["check", config.to_str().unwrap()]).output().unwrap();
    let drawn = String::from_utf8(check.stdout).unwrap();
    assert_eq!(check.status.code(), Some(1));
    for part in
        ["error[Q0104]: unknown key `zoen`", "quittance.toml:37:1", "^^^^", "did you mean `zone`?", "2 errors"]
    {
        assert!(drawn.contains(part), "{part} in\n{drawn}");
    }
    let serve = Command::new(BINARY).args(["serve", "-c", config.to_str().unwrap()]).output().unwrap();
    assert_eq!(serve.status.code(), Some(3), "a wrong configuration is not served");
}
