//! Mail as receivers judge it. `QUITTANCE_DKIM` says which Python has the package `dkimpy`.

use std::path::Path;
use std::process::Command;

use crate::support::certificates::{authority, certificate};
use crate::support::http::call;
use crate::support::peers::{free_port, guarded_smtp_server, mails, open_smtpd, smtp_server, smtp_server_at};
use crate::support::running::{BINARY, KEY, Running, configure, drop_file};
use crate::support::scratch::{Scratch, wait_for};

/// Says of each signature of a mail on the standard input whether it is good, with keys from a folder.
const JUDGE: &str = r#"
import sys, dkim
keys = sys.argv[1]
mail = sys.stdin.buffer.read()
def dns(name, timeout=5):
    selector = name.decode().split("._domainkey.")[0]
    return open(f"{keys}/{selector}.txt", "rb").read().strip()
count = sum(1 for name, _ in dkim.DKIM(mail).headers if name.lower() == b"dkim-signature")
for index in range(count):
    judged = dkim.DKIM(mail)
    good = judged.verify(idx=index, dnsfunc=dns)
    print(judged.domain.decode(), judged.selector.decode(), "good" if good else "bad")
"#;

fn judged(python: &str, mail: &str) -> String {
    use std::io::Write as _;
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dkim");
    let mut judge = Command::new(python)
        .args(["-c", JUDGE])
        .arg(keys)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    judge.stdin.take().unwrap().write_all(mail.as_bytes()).unwrap();
    String::from_utf8(judge.wait_with_output().unwrap().stdout).unwrap()
}

/// The same by mailauth, which others verify with.
fn judged_by_mailauth(mail: &str) -> String {
    use std::io::Write as _;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut judge = Command::new("node")
        .arg(root.join("tests/receivers/judge.mjs"))
        .arg(root.join("fixtures/dkim"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    judge.stdin.take().unwrap().write_all(mail.as_bytes()).unwrap();
    String::from_utf8(judge.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn mail_is_signed_by_both_kinds_of_key_and_receivers_agree() {
    let Ok(python) = std::env::var("QUITTANCE_DKIM") else {
        println!("left out: QUITTANCE_DKIM is not set");
        return;
    };
    let scratch = Scratch::new("dkim");
    let maildir = scratch.path().join("mail");
    let (_smtp, last) = smtp_server(&maildir);
    // Another server takes it first and passes it on, as on the way to a payer.
    let between = open_smtpd(scratch.path(), last);
    let port = between.as_ref().map_or(last, |(_, port)| *port);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dkim");
    let key = |name: &str| {
        let file = fixtures.join(name);
        let file = file.with_extension("pem");
        format!(
            "[[email.dkim]]\ndomain = \"maison-dupre.example\"\nselector = \"{name}\"\nkey = {{ file = \"{}\" }}\n",
            file.display()
        )
    };
    let relay = format!(
        "transport = \"smtp\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\n{}{}",
        key("rsa"),
        key("ed25519")
    );
    let listen = free_port();
    let server = format!(
        "listen = \"127.0.0.1:{listen}\"\npublic_url = \"http://127.0.0.1:{listen}\"\ncallback_key = {{ value = \"k\" }}"
    );
    let config = configure(scratch.path(), |text| {
        text.replace("transport = \"catch\"", &relay).replace("listen = \"127.0.0.1:0\"", &server)
    });
    let running = Running::start(&config);
    let invoices = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
        F-1;C-1;Jérôme Dupré;jerome@example.org;;fr;120,00;02/03/2026;10/03/2026;Conseil\n";
    drop_file(&scratch.path().join("data/erp/in"), "invoices.csv", invoices.as_bytes());
    running.find("/v1/payment-requests", "F-1");
    running.advance("1h");
    let mail = wait_for("the mail", || mails(&maildir).into_iter().find(|mail| mail.contains("jerome@example.org")));
    let good = "maison-dupre.example rsa good\nmaison-dupre.example ed25519 good\n";
    assert_eq!(judged(&python, &mail), good, "{mail}");
    assert_eq!(judged_by_mailauth(&mail), good, "{mail}");
    assert_eq!(mail.contains("by relay.example"), between.is_some(), "{mail}");
    // What is kept is what left, byte for byte: its signatures are good too.
    let kept = wait_for("the message", || {
        let found = running.get("/v1/messages").json();
        let is_it = |of: &&serde_json::Value| of["to"] == serde_json::json!(["jerome@example.org"]);
        found["data"].as_array()?.iter().find(is_it)?["mail"].as_str().map(str::to_owned)
    });
    let kept = running.get(&kept);
    assert_eq!(judged(&python, &kept.text()), good, "{}", kept.text());
    let body = |mail: &str| mail.replace("\r\n", "\n").split_once("\n\n").unwrap().1.trim_end().to_owned();
    assert_eq!(body(&kept.text()), body(&mail));
    // Whoever changes what is said, or who says it, is found out.
    let forged = mail.replacen("To: jerome@example.org", "To: jeremy@example.org", 1);
    assert_ne!(forged, mail);
    assert_eq!(judged(&python, &forged).matches("bad").count(), 2, "{forged}");
    assert_eq!(judged_by_mailauth(&forged).matches("bad").count(), 2, "{forged}");
    // One click of the mail program, or the page of the link: looking at it changes nothing.
    let header = |name: &str| {
        let unfolded = mail.replace("\r\n ", " ").replace("\n ", " ");
        let line = unfolded.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
        line.unwrap_or_default().trim().to_owned()
    };
    assert_eq!(header("List-Unsubscribe-Post:"), "List-Unsubscribe=One-Click");
    let url = header("List-Unsubscribe:");
    let url = url.trim_start_matches('<').trim_end_matches('>');
    let path = url.strip_prefix(&format!("http://127.0.0.1:{listen}")).unwrap();
    let asked = call(running.address, "GET", path, &[], b"").unwrap();
    assert!(asked.text().contains("Ne plus recevoir d’e-mails de Maison Dupré"), "{}", asked.text());
    let opted_out = || running.find("/v1/customers", "C-1")["opted_out"].clone();
    assert_eq!(opted_out(), serde_json::json!([]));
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(call(running.address, "POST", path, &form, b"List-Unsubscribe=One-Click").unwrap().status, 200);
    let wrong = path.replace("?code=", "?code=0");
    assert_eq!(call(running.address, "POST", &wrong, &form, b"").unwrap().status, 404);
    wait_for("the wish", || (opted_out() == serde_json::json!(["email"])).then_some(()));
}

#[test]
fn a_mail_that_comes_back_ends_mail_to_its_address_and_the_next_step_takes_another_way() {
    let scratch = Scratch::new("bounces");
    let maildir = scratch.path().join("mail");
    let (_smtp, port) = smtp_server(&maildir);
    let listen = free_port();
    let config = configure(scratch.path(), |text| {
        let server = format!(
            "listen = \"127.0.0.1:{listen}\"\npublic_url = \"http://127.0.0.1:{listen}\"\ncallback_key = {{ value = \"k\" }}"
        );
        let relay = format!(
            "transport = \"smtp\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nbounces_to = \"bounces@maison-dupre.example\""
        );
        text.replace("transport = \"catch\"", &relay).replace("listen = \"127.0.0.1:0\"", &server)
    });
    let running = Running::start(&config);
    let invoices = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
        F-1;C-1;Jean;jean@example.org;06 12 34 56 78;fr;120,00;02/03/2026;10/03/2026;Conseil\n\
        F-2;C-2;Anne;anne@example.org;06 12 34 56 79;fr;120,00;02/03/2026;10/03/2026;Conseil\n";
    drop_file(&scratch.path().join("data/erp/in"), "invoices.csv", invoices.as_bytes());
    running.find("/v1/payment-requests", "F-2");
    running.advance("1h");
    let mail_to = |address: &str| {
        wait_for("the mail", || mails(&maildir).into_iter().find(|mail| mail.contains(&format!("To: {address}"))))
    };
    let mail = mail_to("jean@example.org");
    assert!(mail.contains("Return-Path: <bounces@maison-dupre.example>"), "{mail}");
    let id_of = |mail: &str| {
        let line = mail.lines().find(|line| line.starts_with("Message-ID: ")).unwrap().to_owned();
        line.trim_start_matches("Message-ID: <").trim_end_matches('>').to_owned()
    };
    let printed = Command::new(BINARY).args(["callbacks", "-c", config.to_str().unwrap()]).output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let address = printed.split_whitespace().find(|word| word.contains("/mail?code=")).unwrap();
    let path = address.strip_prefix(&format!("http://127.0.0.1:{listen}")).unwrap();
    let about = |name: &str, id: &str| {
        // As the server that was written to names it.
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/mail").join(name);
        let text = std::fs::read_to_string(file).unwrap();
        let text = text.replace("nouser@example.org", "jean@example.org");
        text.replace("dlv_01KJPRZB00FX98K3AKA8MP2043.0123456789abcdef@maison-dupre.example", id)
    };
    let write_back = |text: &str| {
        let headers = [("Content-Type", "message/rfc822")];
        let answer = call(running.address, "POST", path, &headers, text.as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text()
    };
    // Who has not seen the mail cannot say anything of it.
    let id = id_of(&mail);
    let guessed = format!("{}.0123456789abcdef@maison-dupre.example", id.split('.').next().unwrap());
    assert_eq!(write_back(&about("opensmtpd_unknown.eml", &guessed)), "about no mail of ours");
    assert_eq!(write_back(&about("delayed.eml", &id)), "under way");
    for _ in 0..2 {
        assert_eq!(write_back(&about("opensmtpd_unknown.eml", &id)), "noted");
    }
    let bounced = wait_for("the event", || {
        let told = running.get("/v1/stream?types=notification.bounced&limit=1000").json();
        let told = told["data"].as_array().unwrap().clone();
        assert!(told.len() <= 1, "once: {told:?}");
        told.first().cloned()
    });
    assert_eq!(
        (&bounced["data"]["reason"], &bounced["data"]["notification"]["lasting"]),
        (&"5.1.1".into(), &true.into())
    );
    wait_for("the address that nobody has", || {
        (running.find("/v1/customers", "C-1")["unreachable"] == serde_json::json!(["email"])).then_some(())
    });
    // A complaint is a wish.
    assert_eq!(write_back(&about("complaint.eml", &id_of(&mail_to("anne@example.org")))), "noted");
    wait_for("the wish", || {
        (running.find("/v1/customers", "C-2")["opted_out"] == serde_json::json!(["email"])).then_some(())
    });
    running.advance("12d");
    let by_sms = wait_for("the reminders", || {
        let sent = running.get("/v1/messages").json();
        let sms = sent["data"].as_array().unwrap().iter().filter(|sent| sent["channel"] == "sms").count();
        (sms == 2).then_some(sms)
    });
    assert_eq!(by_sms, 2, "each by SMS, which the step has as its second way");
    assert_eq!(mails(&maildir).len(), 2, "and no more mail");
}

#[test]
fn what_a_mail_server_puts_into_a_maildir_is_taken_and_the_address_says_of_which_mail_it_is() {
    let scratch = Scratch::new("maildir");
    let maildir = scratch.path().join("mail");
    let (_smtp, port) = smtp_server(&maildir);
    let returned = scratch.path().join("returned");
    let config = configure(scratch.path(), |text| {
        let server =
            "listen = \"127.0.0.1:0\"\npublic_url = \"http://127.0.0.1:1\"\ncallback_key = { value = \"k\" }";
        let relay = format!(
            "transport = \"smtp\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nbounces_to = \"bounces@maison-dupre.example\"\n\
             verp = true\nbounces_maildir = \"../returned\""
        );
        text.replace("transport = \"catch\"", &relay).replace("listen = \"127.0.0.1:0\"", server)
    });
    let mut running = Running::start(&config);
    let invoices = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
        F-1;C-1;Jean;jean@example.org;06 12 34 56 78;fr;120,00;02/03/2026;10/03/2026;Conseil\n";
    drop_file(&scratch.path().join("data/erp/in"), "invoices.csv", invoices.as_bytes());
    running.find("/v1/payment-requests", "F-1");
    running.advance("1h");
    let mail =
        wait_for("the mail", || mails(&maildir).into_iter().find(|mail| mail.contains("To: jean@example.org")));
    let line = mail.lines().find(|line| line.starts_with("Return-Path: <bounces+dlv_")).expect("its own address");
    let address = line.trim_start_matches("Return-Path: <").trim_end_matches('>').to_owned();
    assert!(address.split('@').next().unwrap().len() <= 64, "{address}");
    // As a server writes it that gives nothing of the mail back but its own words.
    let report = |address: &str| {
        format!(
            "From: MAILER-DAEMON@mx.example\r\nTo: {address}\r\nSubject: failed\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n--b\r\n\
             Content-Type: text/plain\r\n\r\nno such user\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n\
             Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; jean@example.org\r\nAction: failed\r\n\
             Status: 5.1.1\r\n\r\n--b--\r\n"
        )
    };
    let put = |name: &str, text: &str| {
        let aside = returned.join(format!("{name}.tmp"));
        std::fs::write(&aside, text).unwrap();
        std::fs::rename(aside, returned.join("new").join(name)).unwrap();
    };
    let bounced = |running: &Running| {
        let told = running.get("/v1/stream?types=notification.bounced&limit=1000").json();
        told["data"].as_array().unwrap().clone()
    };
    // A guess, a stranger's mail, and a link to a file that is nobody's business here.
    let guessed = address.replace(address.split('.').nth(1).unwrap().split('@').next().unwrap(), "0123456789abcdef");
    put("1700000000.1.mx", &report(&guessed));
    put("1700000001.1.mx", "From: spam@example.net\r\nSubject: Hello\r\n\r\nBuy now\r\n");
    std::os::unix::fs::symlink("/etc/passwd", returned.join("new/1700000002.1.mx")).unwrap();
    wait_for("they were looked at", || returned.join("cur/1700000001.1.mx:2,S").exists().then_some(()));
    assert!(returned.join("cur/1700000000.1.mx:2,S").exists() && bounced(&running).is_empty());
    assert!(std::fs::symlink_metadata(returned.join("new/1700000002.1.mx")).is_ok(), "a link is left where it is");
    // What came while the service stood still is taken at its start, and once however often it comes.
    running.stop();
    put("1700000003.1.mx", &report(&address.to_lowercase()));
    put("1700000004.1.mx", &report(&address));
    let running = Running::start(&config);
    let told = wait_for("the event", || Some(bounced(&running)).filter(|told| !told.is_empty()));
    wait_for("both were looked at", || returned.join("cur/1700000004.1.mx:2,S").exists().then_some(()));
    assert_eq!(told[0]["data"]["reason"], "5.1.1");
    assert_eq!(bounced(&running).len(), 1);
    let customer = running.find("/v1/customers", "C-1");
    let customer = running.get(&format!("/v1/customers/{}", customer["id"].as_str().unwrap())).json();
    assert_eq!(customer["unreachable"], serde_json::json!(["email"]));
}

/// A service that sends by the relay of a port.
fn sends_by(folder: &Path, port: u16, tls: &str, environment: &[(&str, &str)]) -> Running {
    let relay = format!("transport = \"smtp\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"{tls}\"");
    let config = configure(folder, |text| text.replace("transport = \"catch\"", &relay));
    Running::start_with(&config, environment)
}

/// Has a customer of its own asked for money; gives its address.
fn asks(running: &Running, folder: &Path, number: usize) -> String {
    let address = format!("payer{number}@example.org");
    let invoice = format!(
        "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
         F-{number};C-{number};Payer;{address};;fr;120,00;02/03/2026;10/05/2026;Conseil\n"
    );
    drop_file(&folder.join("data/erp/in"), &format!("{number}.csv"), invoice.as_bytes());
    running.find("/v1/payment-requests", &format!("F-{number}"));
    running.advance("1d");
    address
}

#[test]
fn mail_leaves_by_tls_from_the_start_or_after_starttls() {
    for (tls, names) in [("starttls", ["--tlscert", "--tlskey"]), ("implicit", ["--smtpscert", "--smtpskey"])] {
        let scratch = Scratch::new(&format!("mail-{tls}"));
        let folder = scratch.path();
        authority(folder);
        certificate(folder, "relay");
        let file = |name: &str| folder.join(name).display().to_string();
        let (maildir, port) = (folder.join("mail"), free_port());
        let (certificate, key, known) = (file("relay.pem"), file("relay.key"), file("authority.pem"));
        let _relay = smtp_server_at(&maildir, port, &[names[0], &certificate, names[1], &key]);
        let running = sends_by(folder, port, tls, &[("SSL_CERT_FILE", &known)]);
        for number in 1..=3 {
            let address = asks(&running, folder, number);
            wait_for("the mail", || mails(&maildir).into_iter().find(|mail| mail.contains(&address)));
        }
    }
}

#[test]
fn mail_leaves_again_when_the_relay_is_there_again() {
    let scratch = Scratch::new("mail-again");
    let (folder, port) = (scratch.path(), free_port());
    let maildir = folder.join("mail");
    let relay = smtp_server_at(&maildir, port, &[]);
    let running = sends_by(folder, port, "none", &[]);
    let address = asks(&running, folder, 1);
    wait_for("the first mail", || mails(&maildir).into_iter().find(|mail| mail.contains(&address)));
    // The connection that was kept leads nowhere; then nobody answers; then somebody does.
    drop(relay);
    let address = asks(&running, folder, 2);
    let _relay = smtp_server_at(&maildir, port, &[]);
    wait_for("the second mail", || mails(&maildir).into_iter().find(|mail| mail.contains(&address)));
    let to = |address: &str| mails(&maildir).iter().filter(|mail| mail.contains(&format!("To: {address}"))).count();
    assert_eq!(to(&address), 1);
}

#[test]
fn a_mail_brings_the_invoice_itself_and_a_pdf_that_an_erp_drops_is_one() {
    let scratch = Scratch::new("attached");
    let maildir = scratch.path().join("mail");
    let (_smtp, port) = smtp_server(&maildir);
    let config = configure(scratch.path(), |text| {
        let relay = format!("transport = \"smtp\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"");
        let text = text.replace("# public_url =", "public_url =").replace("# callback_key =", "callback_key =");
        text.replace("transport = \"catch\"", &relay)
    });
    let template = scratch.path().join("config/templates/payment_request.fr.email.hbs");
    let text = std::fs::read_to_string(&template).unwrap();
    std::fs::write(&template, text.replacen("+++\n", "+++\nattach = true\n", 1)).unwrap();
    let running = Running::start(&config);
    let invoices = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
        F-1;C-1;Jean;jean@example.org;;fr;120,00;02/03/2026;10/03/2026;Conseil\n\
        F-2;C-2;Anne;anne@example.org;;fr;90,00;02/03/2026;10/03/2026;Conseil\n";
    drop_file(&scratch.path().join("data/erp/in"), "invoices.csv", invoices.as_bytes());
    let path = |number: &str| {
        let id = running.find("/v1/payment-requests", number)["id"].as_str().unwrap().to_owned();
        format!("/v1/payment-requests/{id}")
    };
    let bearer = format!("Bearer {KEY}");
    let send = |path: &str, bytes: &[u8]| {
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/pdf")];
        call(running.address, "POST", &format!("{path}/document"), &headers, bytes).unwrap()
    };
    let document: Vec<u8> = [b"%PDF-1.7\n".as_slice(), &[0, 159, 146, 150, 10, 13]].concat();
    let (first, second) = (path("F-1"), path("F-2"));
    assert_eq!(send(&first, b"<html>").status, 400);
    // What is too large is refused before it is read.
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/pdf")];
    let large = call(running.address, "POST", &format!("{first}/document"), &headers, &vec![b'%'; (5 << 20) + 2]);
    assert!(large.is_none_or(|answer| answer.status == 413));
    assert_eq!(running.get(&format!("{first}/document")).status, 404);
    assert_eq!(send(&first, &document).status, 201);
    let read = running.get(&format!("{first}/document"));
    assert_eq!((read.body.as_slice(), read.header("content-type")), (document.as_slice(), Some("application/pdf")));
    // The mail brings it; a request without one is asked for all the same.
    running.advance("1h");
    let mail_to = |address: &str| {
        wait_for("the mail", || mails(&maildir).into_iter().find(|mail| mail.contains(&format!("To: {address}"))))
    };
    let (with, without) = (mail_to("jean@example.org"), mail_to("anne@example.org"));
    let part = with.split("filename=\"F-1.pdf\"").nth(1).unwrap();
    let encoded: String = part
        .lines()
        .skip(1)
        .skip_while(|line| !line.trim().is_empty())
        .take_while(|line| !line.starts_with("--"))
        .collect();
    let decoded = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, encoded.trim()).unwrap();
    assert_eq!(decoded, document);
    assert!(!without.contains("application/pdf") && without.contains("F-2"), "{without}");
    // It is a click away on the payer's page, and on no other.
    let page = running.get(&first).json()["payment_link"].as_str().unwrap().to_owned();
    let page = page.strip_prefix("http://127.0.0.1:8080").unwrap().to_owned();
    let get = |path: &str| call(running.address, "GET", path, &[], b"").unwrap();
    assert!(get(&page).text().contains(&format!("href=\"{page}/document\"")));
    assert_eq!(get(&format!("{page}/document")).body, document);
    let other = running.get(&second).json()["payment_link"].as_str().unwrap().to_owned();
    let other = other.strip_prefix("http://127.0.0.1:8080").unwrap().to_owned();
    assert_eq!(
        (get(&format!("{other}/document")).status, get(&format!("{}A/document", &page[..page.len() - 1])).status),
        (404, 404)
    );
    // An invoice that comes as a PDF is its own document.
    let dropped = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/erp/pdf/factur_x.pdf")).unwrap();
    let report = drop_file(&scratch.path().join("data/erp/in"), "invoice.pdf", &dropped);
    assert_eq!(report["accepted"], 1, "{report}");
    let third = format!("{}/document", path("F-2026-11"));
    assert!(running.get(&third).body == dropped);
}

#[test]
fn a_relay_that_asks_for_a_password_hears_it_after_starttls() {
    let scratch = Scratch::new("mail-auth");
    let folder = scratch.path();
    authority(folder);
    certificate(folder, "relay");
    let file = |name: &str| folder.join(name).display().to_string();
    let (maildir, port) = (folder.join("mail"), free_port());
    let keys = (file("relay.pem"), file("relay.key"));
    let _relay = guarded_smtp_server(&maildir, port, (&keys.0, &keys.1), ["shop", "pa ss\"w\u{f6}rd"]);
    for (password, taken) in [("wrong", false), ("pa ss\"w\u{f6}rd", true)] {
        let authority = file("authority.pem");
        let environment = [("SSL_CERT_FILE", authority.as_str()), ("RELAY_PASSWORD", password)];
        let who = "tls = \"starttls\"\nuser = \"shop\"\npassword = { env = \"RELAY_PASSWORD\" }";
        let folder = folder.join(if taken { "right" } else { "wrong" });
        std::fs::create_dir_all(&folder).unwrap();
        let relay = format!("transport = \"smtp\"\nhost = \"127.0.0.1\"\nport = {port}\n{who}");
        let config = configure(&folder, |text| text.replace("transport = \"catch\"", &relay));
        let running = Running::start_with(&config, &environment);
        let address = asks(&running, &folder, 1);
        if taken {
            wait_for("the mail", || mails(&maildir).into_iter().find(|mail| mail.contains(&address)));
        } else {
            // The mail waits: it is not its fault.
            wait_for("the relay to be asked", || {
                let log = std::fs::read_to_string(maildir.with_extension("log")).unwrap();
                log.contains(" shop").then_some(())
            });
            let id = running.find("/v1/payment-requests", "F-1")["id"].as_str().unwrap().to_owned();
            let waiting = running.get(&format!("/v1/payment-requests/{id}/deliveries")).json();
            let mail = waiting["data"].as_array().unwrap().iter().find(|one| one["way"] == "email").unwrap().clone();
            assert!(["pending", "waiting"].contains(&mail["status"].as_str().unwrap()), "{mail}");
            assert!(mails(&maildir).is_empty());
        }
    }
}

#[test]
fn an_address_that_the_relay_knows_nobody_at_is_told_and_holds_up_nobody_else() {
    let scratch = Scratch::new("mail-nobody");
    let (folder, port) = (scratch.path(), free_port());
    let maildir = folder.join("mail");
    let _relay = smtp_server_at(&maildir, port, &["-c", "maildir.Refusing"]);
    let relay = format!("transport = \"smtp\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"");
    let config = configure(folder, |text| {
        let list = "compta@maison-dupre.example";
        assert!(text.contains(list));
        text.replace("transport = \"catch\"", &relay)
            .replace(&format!("[\"{list}\"]"), &format!("[\"nobody-there@maison-dupre.example\", \"{list}\"]"))
    });
    let running = Running::start(&config);
    // More dead addresses than it takes to think that a relay has failed, and then one that is there.
    let header = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n";
    let row = |at: usize, address: &str| {
        format!(
            "F-{at};C-{at};Payer {at};{address};06 12 34 56 {:02};fr;120,00;02/03/2026;10/03/2026;Conseil\n",
            at % 100
        )
    };
    let dead: String = (0..40).map(|at| row(at, &format!("nobody{at}@example.org"))).collect();
    let text = format!("{header}{dead}{}", row(40, "there@example.org"));
    drop_file(&folder.join("data/erp/in"), "all.csv", text.as_bytes());
    running.find("/v1/payment-requests", "F-40");
    running.advance("1h");
    wait_for("the mail to who is there", || {
        mails(&maildir).into_iter().find(|mail| mail.contains("there@example.org"))
    });
    let customer = wait_for("the customer to be known as unreachable", || {
        let customer = running.find("/v1/customers", "C-7");
        (customer["unreachable"] == serde_json::json!(["email"])).then_some(customer)
    });
    let bounced = running.stream(1_000, "").0.into_iter().filter(|event| {
        event["type"] == "notification.bounced" && event.to_string().contains(customer["id"].as_str().unwrap())
    });
    assert_eq!(bounced.count(), 1);
    // The next step takes the other way, and a team hears of what one of its addresses does not.
    for _ in 0..12 {
        running.advance("1d");
    }
    wait_for("an SMS", || {
        let sent = crate::support::running::messages(folder);
        sent.into_iter().find(|message| message["channel"] == "sms" && message.to_string().contains("+33612345607"))
    });
    let refund = running.find("/v1/payment-requests", "F-40")["id"].as_str().unwrap().to_owned();
    let paid = serde_json::json!({ "attempt_ref": "A", "amount": { "amount": 12_000, "currency": "EUR" }, "result": "succeeded" });
    assert_eq!(running.post(&format!("/v1/payment-requests/{refund}/attempts"), &paid).status, 201);
    let back = serde_json::json!({ "refund_ref": "R", "amount": { "amount": 1_000, "currency": "EUR" } });
    let answer = running.post(&format!("/v1/payment-requests/{refund}/refunds"), &back);
    assert_eq!(answer.status, 201, "{}", answer.text());
    wait_for("the accountants to be told", || {
        mails(&maildir).into_iter().find(|mail| mail.contains("To: ") && mail.contains("compta@maison-dupre.example"))
    });
}
