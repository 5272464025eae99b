//! The real binary from end to end: files in, mail, SMS, hooks and files out.

use base64::Engine as _;
use serde_json::json;

use crate::support::golden::project;
use crate::support::peers::{HookReceiver, Kannel, Reply, mails, smtp_server};
use crate::support::running::{BINARY, KEY, Running, configure, drop_file, printed_in_groups, sample};
use crate::support::scratch::{Scratch, wait_for};
use crate::support::statement::statement;

const INVOICES: &str = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
    F-1;C-1;Jean Dupont;jean@example.org;06 12 34 56 78;fr;120,00;02/03/2026;10/03/2026;Conseil\n\
    F-2;C-2;ACME Ltd;ap@acme.example;;en;80,50;02/03/2026;10/03/2026;Design\n\
    F-3;C-3;Sans Adresse;;06 12 34 56 79;fr;50,00;02/03/2026;10/03/2026;Divers\n";

/// The secret of the endpoint before the present one, and a private key beside both.
const BEFORE: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PRIVATE: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";

/// What the QR code of a mail says, as a banking application reads it.
fn scanned(mail: &str) -> String {
    let part = mail.split("Content-ID: <scan-to-pay@mail>").nth(1).expect("the mail has a code");
    let body = part.replace('\r', "");
    let body = body.split("\n\n").nth(1).unwrap().split("\n--").next().unwrap().replace('\n', "");
    let bytes = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let side = usize::try_from(info.width).unwrap();
    let grey = |x: usize, y: usize| if pixels[y * info.line_size + x / 8] >> (7 - x % 8) & 1 == 1 { 255 } else { 0 };
    rqrr::PreparedImage::prepare_from_greyscale(side, side, grey).detect_grids()[0].decode().unwrap().1
}

#[test]
fn invoices_become_requests_reminders_leave_a_transfer_settles_and_the_erp_is_told() {
    let scratch = Scratch::new("story");
    let maildir = scratch.path().join("mail");
    let (_smtp, smtp_port) = smtp_server(&maildir);
    let kannel = Kannel::start(scratch.path());
    let hooks = HookReceiver::start();
    let config = configure(scratch.path(), |text| {
        text.replace("transport = \"catch\"", &format!("transport = \"smtp\"\nhost = \"127.0.0.1\"\nport = {smtp_port}\ntls = \"none\""))
            .replace(
                "provider = \"catch\"",
                &format!("provider = \"kannel\"\nurl = \"http://127.0.0.1:{}/cgi-bin/sendsms\"\nuser = \"tester\"\npassword = {{ value = \"foobar\" }}", kannel.port),
            )
            .replace("http://127.0.0.1:8089/hooks/erp", &hooks.url())
            .replace(
                "\nsecret = { value = \"whsec_",
                &format!("\nprevious_secret = {{ value = \"{BEFORE}\" }}\nprivate_key = {{ value = \"{PRIVATE}\" }}\nsecret = {{ value = \"whsec_"),
            )
    });
    let running = Running::start(&config);
    let data = scratch.path().join("data");

    // Files in.
    let report = drop_file(&data.join("erp/in"), "invoices.csv", INVOICES.as_bytes());
    assert_eq!((report["outcome"].as_str(), report["accepted"].as_u64()), (Some("accepted"), Some(3)), "{report}");
    let first = running.find("/v1/payment-requests", "F-1");
    let customer = running.find("/v1/customers", "C-1");
    let virtual_iban = customer["virtual_iban"].as_str().unwrap();
    assert!(virtual_iban.starts_with("FR"), "{customer}");

    // Reminders leave by mail, in the reader's language, with what to pay and where.
    running.advance("1h");
    let request =
        wait_for("the request mail", || mails(&maildir).into_iter().find(|mail| mail.contains("jean@example.org")));
    for part in [
        "From: =?utf-8?",
        "To: jean@example.org",
        "Auto-Submitted: auto-generated",
        "Message-ID: <dlv_",
        "multipart/alternative",
    ] {
        assert!(request.contains(part), "{part} in\n{request}");
    }
    assert_eq!(
        scanned(&request),
        format!(
            "BCD\n002\n1\nSCT\n\nMaison Dupré\n{virtual_iban}\nEUR120.00\n\n{}",
            first["creditor_reference"].as_str().unwrap()
        ),
        "the code in the mail asks for what is open"
    );
    wait_for("the English mail", || mails(&maildir).into_iter().find(|mail| mail.contains("Your invoice F-2")));

    // What left is kept word for word, with what the relay said.
    let customer_id = customer["id"].as_str().unwrap();
    let kept = wait_for("the message", || {
        let listed = running.get(&format!("/v1/messages?customer={customer_id}")).json();
        listed["data"].as_array().unwrap().first().cloned()
    });
    assert_eq!((&kept["to"], &kept["taken"]), (&json!(["jean@example.org"]), &json!("relay answered 250")), "{kept}");
    assert_eq!((&kept["template"], kept["edition"].as_str().unwrap().len()), (&json!("payment_request"), 12));
    assert!(kept["text"].as_str().unwrap().contains(&printed_in_groups(virtual_iban)), "{kept}");
    let id = kept["id"].as_str().unwrap();
    assert!(request.contains(&format!("Message-ID: <{id}@")), "{request}");
    assert_eq!(running.get(&format!("/v1/messages/{id}")).json(), kept);
    assert_eq!(running.get("/v1/messages/dlv_none").status, 404);

    // A transfer to the customer's own account settles it: the hook, the file, the mail to sales.
    let second = running.find("/v1/payment-requests", "F-2");
    let reference = second["creditor_reference"].as_str().unwrap();
    let entries = [("120.00", virtual_iban, "", "merci"), ("30.50", "", reference, "")];
    let report = drop_file(&data.join("bank/in"), "statement.xml", statement("S1", &entries).as_bytes());
    assert_eq!(report["accepted"], 2, "{report}");
    let hook = wait_for("the hook", || hooks.received().into_iter().next());
    let verifier = standardwebhooks::Webhook::new("whsec_c2FtcGxlIHNlY3JldCBvZiB0aGUgc2FuZGJveA==").unwrap();
    let mut headers = http_headers(&hook.headers);
    verifier.verify(&hook.body, &headers).expect("an independent verifier accepts the signature");
    let before = standardwebhooks::Webhook::new(BEFORE).unwrap();
    before.verify(&hook.body, &headers).expect("who has not changed its secret yet verifies it as well");
    let signature = hook.header("webhook-signature").rsplit_once("v1a,").unwrap().1;
    let signed = [hook.header("webhook-id"), hook.header("webhook-timestamp"), ""].join(".");
    let bytes = |text: &str| base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).unwrap();
    let public =
        ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, bytes(&PRIVATE[5..])[32..].to_vec());
    public.verify(&[signed.as_bytes(), &hook.body].concat(), &bytes(signature)).expect("nor can who verifies sign");
    headers.insert("webhook-id", "dlv_other".parse().unwrap());
    assert!(verifier.verify(&hook.body, &headers).is_err(), "another id is refused");
    let event: serde_json::Value = serde_json::from_slice(&hook.body).unwrap();
    assert_eq!(
        (&event["type"], &event["data"]["request"]["external_ref"]),
        (&json!("payment_request.settled"), &json!("F-1"))
    );
    let written = wait_for("the JSON file", || {
        std::fs::read_dir(data.join("erp/out"))
            .ok()?
            .flatten()
            .find(|e| e.file_name().to_string_lossy().ends_with(".json"))
    });
    let written: serde_json::Value = serde_json::from_slice(&std::fs::read(written.path()).unwrap()).unwrap();
    assert_eq!(written, event, "file and hook say the same");
    wait_for("the mail to sales", || {
        mails(&maildir).into_iter().find(|mail| mail.contains("ventes@maison-dupre.example"))
    });

    // The partly paid one is reminded of the rest, the one without a mail address by SMS, the settled one never.
    assert_eq!(
        running.get(&format!("/v1/payment-requests/{}", second["id"].as_str().unwrap())).json()["outstanding"]["amount"],
        5_000
    );
    running.advance("20d");
    let rest = wait_for("the late reminder", || {
        mails(&maildir).into_iter().find(|mail| mail.contains("50.00") && mail.contains("ap@acme.example"))
    });
    assert!(rest.contains("F-2"), "{rest}");
    let sms = wait_for("the SMS", || kannel.messages().into_iter().next());
    assert!(sms.contains("+33612345679") && sms.contains("F-3"), "{sms}");
    let late_for_settled = mails(&maildir).into_iter().filter(|mail| mail.contains("jean@example.org")).count();
    assert_eq!(late_for_settled, 1, "the settled request has its first mail and no reminder");

    // Its timeline tells it all, and the ERP has its status rows.
    let timeline = running.get(&format!("/v1/payment-requests/{}/timeline", first["id"].as_str().unwrap())).json();
    let types: Vec<&str> =
        timeline["data"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    for expected in
        ["payment_request.issued", "reminder.sent", "transfer.matched", "payment_request.settled", "reminder.stopped"]
    {
        assert!(types.contains(&expected), "{expected} in {types:?}");
    }
    wait_for("the status file", || {
        let files = std::fs::read_dir(data.join("erp/status")).ok()?.flatten();
        files.filter(|file| file.file_name().to_string_lossy().ends_with(".csv")).find(|file| {
            std::fs::read_to_string(file.path())
                .unwrap()
                .lines()
                .any(|line| line.contains("payment_request.settled") && line.contains("F-1"))
        })
    });
    assert!(!running.log.lock().unwrap().contains("jean@"), "INV-12 no personal data in logs");
}

fn http_headers(headers: &[(String, String)]) -> http::HeaderMap {
    headers
        .iter()
        .map(|(name, value)| (http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap()))
        .collect()
}

#[test]
fn hostile_and_broken_files_are_reported_and_harm_nothing_else() {
    let (scratch, running) = sample("files", |text| text);
    let inbox = scratch.path().join("data/erp/in");
    let bank = scratch.path().join("data/bank/in");
    let wrong = INVOICES.to_owned() + "F-4;C-4;X;;;fr;12.5x;02/03/2026;10/03/2026;x\n";
    let report = drop_file(&inbox, "partly.csv", wrong.as_bytes());
    assert_eq!(
        (report["outcome"].as_str(), report["accepted"].as_u64(), report["refused"].as_u64()),
        (Some("partly_accepted"), Some(3), Some(1))
    );
    let error = &report["errors"][0];
    assert_eq!(
        (&error["line"], &error["field"], &error["value"]),
        (&json!(5), &json!("montant"), &json!("12.5x")),
        "{report}"
    );
    // The same bytes again, once what was wrong may have been repaired: what is known stays once.
    let report = drop_file(&inbox, "again.csv", wrong.as_bytes());
    assert_eq!((&report["outcome"], &report["known"]), (&json!("partly_accepted"), &json!(3)), "{report}");
    // A file that was taken whole is not read a second time, whatever its name.
    assert_eq!(drop_file(&inbox, "whole.csv", INVOICES.as_bytes())["known"], 3);
    assert_eq!(drop_file(&inbox, "twice.csv", INVOICES.as_bytes())["outcome"], "duplicate");
    // A file that knows nothing of an address takes none away.
    let silent = INVOICES.lines().next().unwrap().to_owned() + "\nF-5;C-1;Jean Dupont;;;;10,00;;31/03/2026;\n";
    assert_eq!(drop_file(&inbox, "silent.csv", silent.as_bytes())["accepted"], 1);
    assert_eq!(running.find("/v1/customers", "C-1")["email"], "jean@example.org");
    // A name as long as a file system allows, in bytes rather than in letters.
    std::fs::write(inbox.join(format!("{}.csv", "é".repeat(120))), b"nothing").unwrap();
    wait_for("the long name to be rejected", || {
        let names = std::fs::read_dir(inbox.join("rejected")).unwrap().flatten();
        names.map(|entry| entry.file_name()).find(|name| name.to_string_lossy().starts_with("ééé"))
    });
    // The same row in another file is known; the same number with another amount is refused by name.
    let changed = INVOICES.replace("120,00", "121,00").replace("Design", "Design ");
    let report = drop_file(&inbox, "changed.csv", changed.as_bytes());
    assert_eq!(report["refused"], 1, "{report}");
    assert!(
        report["errors"][0]["message"]
            .as_str()
            .unwrap()
            .contains("already issued with another amount: 120.00 EUR recorded, 121.00 EUR received"),
        "{report}"
    );
    // Every broken bank file is refused as a whole, with its place, and leaves nothing behind.
    for path in crate::support::golden::files("fixtures/bank/camt/refused", &["xml"]) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let report = drop_file(&bank, name, &std::fs::read(&path).unwrap());
        assert_eq!(
            (report["outcome"].as_str(), report["accepted"].as_u64()),
            (Some("rejected"), Some(0)),
            "{name}: {report}"
        );
        assert!(!report["errors"].as_array().unwrap().is_empty(), "{name}: {report}");
        assert!(bank.join("rejected").join(name).exists(), "{name} is kept");
    }
    assert_eq!(running.list("/v1/transfers").len(), 0);
    // Path tricks and things that are no files.
    std::os::unix::fs::symlink("/etc/hostname", bank.join("link.xml")).unwrap();
    wait_for("the link to be refused", || bank.join("rejected/link.xml.report.json").exists().then_some(()));
    std::fs::create_dir(bank.join("folder.xml")).unwrap();
    std::fs::write(bank.join("growing.xml.part"), b"<Document>").unwrap();
    use std::os::unix::ffi::OsStrExt as _;
    let odd = std::ffi::OsStr::from_bytes(b"odd-\xff-\n-name.xml");
    std::fs::write(bank.join(odd), b"no statement").unwrap();
    wait_for("the odd name to be read", || {
        std::fs::read_dir(bank.join("rejected"))
            .unwrap()
            .flatten()
            .find(|entry| entry.file_name().to_string_lossy().starts_with("odd-"))
    });
    // What is right goes on being right.
    let good = std::fs::read(project().join("fixtures/bank/camt/statement_02.xml")).unwrap();
    let report = drop_file(&bank, "good.xml", &good);
    assert_eq!(
        (report["outcome"].as_str(), report["accepted"].as_u64(), report["passed"].as_u64()),
        (Some("accepted"), Some(3), Some(1)),
        "{report}"
    );
    assert!(bank.join("growing.xml.part").exists(), "a file that is being written is left alone");
    // A payer of this name alone owes exactly this; money that nothing explains is a task.
    wait_for("one task", || (running.list("/v1/tasks").len() == 1).then_some(()));
    let explained =
        |transfer: &serde_json::Value| transfer["explanation"].as_str().unwrap().starts_with("name of the payer");
    assert_eq!(running.list("/v1/transfers").iter().filter(|transfer| explained(transfer)).count(), 1);
}

#[test]
fn money_that_leaves_a_doubt_is_a_task_and_overlapping_files_count_once() {
    let (scratch, running) = sample("doubt", |text| text);
    let (inbox, bank) = (scratch.path().join("data/erp/in"), scratch.path().join("data/bank/in"));
    drop_file(&inbox, "invoices.csv", INVOICES.as_bytes());
    let second = running.find("/v1/payment-requests", "F-2");
    let own = running.find("/v1/customers", "C-1")["virtual_iban"].as_str().unwrap().to_owned();
    let reference = second["creditor_reference"].as_str().unwrap();
    let unknown = "FR7620041010050420099999957";
    let entries = [("80.50", own.as_str(), reference, "contradiction"), ("12.00", unknown, "", "unknown account")];
    let text = statement("S1", &entries);
    let report = drop_file(&bank, "day.xml", text.as_bytes());
    assert_eq!(report["accepted"], 2, "{report}");
    let reasons: Vec<String> = wait_for("two tasks", || {
        let tasks = running.list("/v1/tasks");
        (tasks.len() == 2)
            .then(|| tasks.iter().map(|task| task["explanation"].as_str().unwrap().to_owned()).collect())
    });
    assert!(reasons.iter().any(|reason| reason.contains("different customers")), "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.contains("nothing says who paid")), "{reasons:?}");
    // An intraday notification with the same entries in another file.
    let again = text
        .replace("BkToCstmrStmt", "BkToCstmrDbtCdtNtfctn")
        .replace("Stmt>", "Ntfctn>")
        .replace("camt.053", "camt.054");
    let report = drop_file(&bank, "intraday.xml", again.as_bytes());
    assert_eq!((report["accepted"].as_u64(), report["known"].as_u64()), (Some(0), Some(2)), "{report}");
    assert_eq!(running.list("/v1/transfers").len(), 2);
    // Two accounts in one amount: nobody is credited with the other's money.
    let other = running.find("/v1/customers", "C-2")["virtual_iban"].as_str().unwrap().to_owned();
    let text = statement("S3", &[("300.00", own.as_str(), "", "one"), ("0.01", unknown, "", "x")]);
    let (first, end) = (text.find("<TxDtls>").unwrap(), text.find("</TxDtls>").unwrap() + "</TxDtls>".len());
    let details = &text[first..end];
    let text = text.replacen(details, &(details.to_owned() + &details.replace(&own, &other)), 1);
    let report = drop_file(&bank, "two_accounts.xml", text.as_bytes());
    assert_eq!(report["accepted"], 2, "{report}");
    wait_for("its task", || (running.list("/v1/tasks").len() == 4).then_some(()));
    // Another currency is a task too.
    let dollars = statement(
        "S2",
        &[("50.00", "", running.find("/v1/payment-requests", "F-3")["creditor_reference"].as_str().unwrap(), "")],
    )
    .replace("EUR", "USD");
    drop_file(&bank, "dollars.xml", dollars.as_bytes());
    wait_for("the task in dollars", || {
        running
            .list("/v1/tasks")
            .iter()
            .find(|task| task["explanation"].as_str().unwrap().contains("another currency"))
            .cloned()
    });
}

#[test]
fn a_dead_hook_is_tried_again_with_the_same_id_and_what_a_receiver_does_not_want_is_given_up() {
    let hooks = HookReceiver::start();
    let (scratch, running) = sample("hooks", |text| {
        text.replace("http://127.0.0.1:8089/hooks/erp", &hooks.url())
            .replace("timeout_ms = 15000", "timeout_ms = 2000\nretry_ms = [100, 100, 100, 100]")
    });
    hooks.answer(503);
    drop_file(&scratch.path().join("data/erp/in"), "invoices.csv", INVOICES.as_bytes());
    let id = running.find("/v1/payment-requests", "F-1")["id"].as_str().unwrap().to_owned();
    let paid = |n: &str, minor: i64| json!({ "attempt_ref": n, "amount": { "amount": minor, "currency": "EUR" }, "result": "succeeded" });
    assert_eq!(running.post(&format!("/v1/payment-requests/{id}/attempts"), &paid("a1", 12_000)).status, 201);
    wait_for("two tries", || (hooks.received().len() >= 2).then_some(()));
    hooks.answer(204);
    let count = hooks.received().len();
    wait_for("the successful try", || (hooks.received().len() > count).then_some(()));
    let ids: std::collections::BTreeSet<String> =
        hooks.received().iter().map(|call| call.header("webhook-id").to_owned()).collect();
    assert_eq!(ids.len(), 1, "every try carries the same id: {ids:?}");
    // Who does not want a message ends it at once.
    let header = Some("webhook-delivery: abort-message".to_owned());
    hooks.answer_with(move |_| Reply { status: 422, header: header.clone(), body: String::new() });
    let id = running.find("/v1/payment-requests", "F-2")["id"].as_str().unwrap().to_owned();
    running.post(&format!("/v1/payment-requests/{id}/attempts"), &paid("a2", 8_050));
    let before = hooks.received().len();
    wait_for("the log to say so", || running.log.lock().unwrap().contains("delivery given up").then_some(()));
    assert!(hooks.received().len() <= before + 1);
    let metrics = running.get("/metrics").text();
    assert!(metrics.contains("quittance_deliveries_total{channel=\"hook\",outcome=\"dead\"} 1"), "{metrics}");
    // Once it is there again, a person has everything tried again that it missed.
    let missed = wait_for("what was given up", || {
        let listed = running.get("/v1/deliveries").json()["data"].as_array().unwrap().clone();
        listed.first().cloned()
    });
    assert_eq!(
        (&missed["way"], &missed["event"]),
        (&json!("hook:maison-dupre:erp"), &json!("payment_request.settled"))
    );
    hooks.answer(204);
    let retried = |way: &str| running.post(&format!("/v1/deliveries/retry?way={way}"), &json!({})).json();
    assert_eq!(retried("hook:maison-dupre:other")["retried"], 0);
    assert_eq!(retried("hook:maison-dupre:erp")["retried"], 1);
    let id = missed["id"].as_str().unwrap();
    wait_for("it to arrive", || {
        let calls = hooks.received();
        (calls.iter().filter(|call| call.header("webhook-id") == id).count() == 2).then_some(())
    });
    assert_eq!(running.get("/v1/deliveries").json()["data"], json!([]));
}

#[test]
fn the_command_line_imports_a_file_and_moves_the_clock() {
    let (scratch, running) = sample("cli", |text| text);
    let quittance = |arguments: &[&str]| {
        let mut command = std::process::Command::new(BINARY);
        command
            .args(arguments)
            .env("QUITTANCE_URL", format!("http://{}", running.address))
            .env("QUITTANCE_API_KEY", KEY);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
    };
    let file = scratch.path().join("invoices.csv");
    std::fs::write(&file, INVOICES).unwrap();
    let path = file.to_str().unwrap();
    let (code, said) = quittance(&["import", "--feed", "invoices", path]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("invoices.csv: accepted: 3 read: 3 new"), "{said}");
    std::fs::write(&file, INVOICES.replace("120,00", "12O,00")).unwrap();
    let (code, said) = quittance(&["import", "--feed", "invoices", path]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("line 2, column 7, montant: \"12O,00\""), "{said}");
    let (_, said) = quittance(&["import", "--feed", "invoces", path]);
    assert!(said.contains("there is no feed \"invoces\""), "{said}");
    let (code, said) = quittance(&["clock", "advance", "30d"]);
    assert!(code == Some(0) && said.contains("2026-04-01T08:00:00Z"), "{said}");
    assert!(quittance(&["clock", "show"]).1.contains("2026-04-01T08:00:00Z"));
    let (_, said) = quittance(&["clock", "advance", "soon"]);
    assert!(said.contains("expected a number and d, h, m or s"), "{said}");
    drop(running);
    let nobody = std::process::Command::new(BINARY)
        .args(["clock", "show", "--url", "http://127.0.0.1:9", "--key", "x"])
        .output()
        .unwrap();
    assert_eq!(nobody.status.code(), Some(4), "not reachable has its own exit code");
}

#[test]
fn a_missing_variable_is_found_at_check_and_named_when_it_comes_at_night() {
    // The event tells the fact, but not of nobody's transfer: only sending can find it.
    let scratch = Scratch::new("missing");
    let config = configure(scratch.path(), |text| text);
    let path = scratch.path().join("config/templates/transfer_received.fr.email.hbs");
    let text =
        std::fs::read_to_string(&path).unwrap().replace("Virement {{transfer.id}}", "{{customer.external_ref}}");
    std::fs::write(path, text).unwrap();
    let running = Running::start(&config);
    let transfer =
        json!({ "entry_ref": "t1", "amount": { "amount": 100, "currency": "EUR" }, "booked_on": "2026-03-02" });
    assert_eq!(running.post("/v1/transfers", &transfer).status, 201);
    wait_for("the log to name it", || {
        running
            .log
            .lock()
            .unwrap()
            .contains("variable `customer.external_ref` is missing in this event")
            .then_some(())
    });
}
