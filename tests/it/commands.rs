//! Commands as a shell calls them.

use std::io::Read as _;
use std::process::{Command, Stdio};

use crate::support::peers::HookReceiver;
use crate::support::running::{BINARY, KEY, Running, configure, sample};
use crate::support::scratch::{Scratch, wait_for};

#[test]
fn a_command_of_which_nobody_reads_on_ends_without_a_word() {
    let mut command = Command::new(BINARY);
    command.arg("secret").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(141), ""));
}

fn run(folder: &std::path::Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(BINARY).args(arguments).current_dir(folder).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_template_is_brought_over_with_its_tags_and_shows_as_its_reader_would_see_it() {
    let scratch = Scratch::new("templates-by-command");
    configure(scratch.path(), |text| text);
    let folder = scratch.path();
    let (code, mail, _) = run(folder, &["template", "render", "reminder_late", "--language", "en"]);
    assert_eq!(code, Some(0));
    for part in ["Subject: Invoice F-2026-0118", "Dear Jean Dupont,", "Amount due: €3,120.50", "Maison Dupré"] {
        assert!(mail.contains(part), "{part}\n{mail}");
    }
    let (code, sms, size) = run(folder, &["template", "render", "reminder_late", "--channel", "sms"]);
    assert!(code == Some(0) && sms.contains("7AC-34K-MN9") && size.contains("GSM 7 bit, 1 message"), "{sms}{size}");
    let (code, _, said) = run(folder, &["template", "render", "reminder_lat"]);
    assert!(code == Some(1) && said.contains("did you mean \"reminder_late\"?"), "{said}");

    let tags = "Bonjour #CUSTOMER_FIRSTNAME# #CUSTOMER_LASTNAME#,\n\nIl reste #PAYMENT_REQUEST_TOTAL_AMOUNT_LEFT# \
                #PAYMENT_REQUEST_CURRENCY#, jusqu'au #PAYMENT_REQUEST_LINK_EXPIRATION_DATE#.\n#PAYMENT_LINK_BUTTON#\n";
    std::fs::write(folder.join("relance.txt"), tags).unwrap();
    let to = "config/templates/relance.fr.email.hbs";
    let import =
        ["template", "import", "relance.txt", "--subject", "Facture #MERCHANT_PAYMENT_REQUEST_ID#", "--out", to];
    let (code, _, said) = run(folder, &import);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let (code, mail, _) = run(folder, &["template", "render", "relance"]);
    assert_eq!(code, Some(0));
    for part in [
        "Subject: Facture F-2026-0118",
        "Bonjour Jean Dupont,",
        "3 120,50 €, jusqu'au 13 avril 2026",
        "Payer ou répondre",
    ] {
        assert!(mail.replace(['\u{a0}', '\u{202f}'], " ").contains(part), "{part}\n{mail}");
    }
    let (code, _, said) = run(folder, &import);
    assert!(code != Some(0) && said.contains("relance.fr.email.hbs"), "what is there is not overwritten: {said}");
    std::fs::write(folder.join("wrong.txt"), "Bonjour,\n  #PAYMENT_REQUEST_DEADLIN#\n").unwrap();
    let (code, _, said) = run(folder, &["template", "import", "wrong.txt"]);
    assert!(
        code == Some(1) && said.contains("wrong.txt:2:3") && said.contains("#PAYMENT_REQUEST_DEADLINE#"),
        "{said}"
    );
}

#[test]
fn who_listens_by_command_hands_events_on_signed_and_goes_on_over_a_restart() {
    let receiver = HookReceiver::start();
    let (scratch, mut running) = sample("listen-by-command", |text| text);
    let config = scratch.path().join("config/quittance.toml");
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let invoice = |number: u32| {
        serde_json::json!({
            "external_ref": format!("F-{number}"), "amount": { "amount": 9_000, "currency": "EUR" }, "due_on": "2026-03-20",
            "customer": { "external_ref": "C-9", "name": "Nine", "kind": "business" },
        })
    };
    let mut child = Command::new(BINARY)
        .args(["listen", "--types", "payment_request.issued", "--count", "3", "--after", "0", "--url"])
        .arg(format!("http://{}", running.address))
        .args(["--key", KEY, "--forward-to", &receiver.url(), "--secret", secret])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(running.post("/v1/payment-requests", &invoice(1)).status, 201);
    wait_for("the first event", || (receiver.received().len() == 1).then_some(()));
    // It listens on where it was, at the same address.
    let address = running.address;
    running.stop();
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("127.0.0.1:0\"", &format!("{address}\""))).unwrap();
    let running = Running::start(&config);
    receiver.answer(500);
    for number in 2..=3 {
        assert_eq!(running.post("/v1/payment-requests", &invoice(number)).status, 201);
    }
    let status = wait_for("its end", || child.try_wait().unwrap());
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(status.code(), Some(1), "what was not taken is a finding: {said}");
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines.len() == 3 && lines[0].contains("F-1") && lines[0].contains("-> 204 in"), "{said}");
    assert!(lines[2].contains("payment_request.issued") && lines[2].contains("F-3  -> 500 in"), "{said}");
    let came = receiver.received();
    let event: serde_json::Value = serde_json::from_slice(&came[0].body).unwrap();
    assert_eq!(event["id"], came[0].header("webhook-id"));
    let key = quittance::channels::hook::SigningKey::parse(secret).unwrap();
    let at = came[0].header("webhook-timestamp").parse().unwrap();
    assert_eq!(key.sign(came[0].header("webhook-id"), at, &came[0].body), came[0].header("webhook-signature"));
}
