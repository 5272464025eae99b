//! SMS: what each provider is told, what it says became of a message, and what people write back.

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::support::http::call;
use crate::support::peers::{HookReceiver, Kannel, Received, Reply, free_port};
use crate::support::running::{Running, configure, drop_file};
use crate::support::scratch::{Scratch, wait_for};

const INVOICES: &str = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
    F-1;C-1;Sans Adresse;;06 12 34 56 78;fr;120,00;02/03/2026;10/03/2026;Conseil\n";

/// A service at a public address that sends by `provider`, with a customer who has a phone and no mail address.
fn story(scratch: &Scratch, provider: &str, port: u16) -> Running {
    let config = configure(scratch.path(), |text| {
        let server = format!(
            "listen = \"127.0.0.1:{port}\"\npublic_url = \"http://127.0.0.1:{port}\"\ncallback_key = {{ value = \"k\" }}"
        );
        text.replace("listen = \"127.0.0.1:0\"", &server).replace("provider = \"catch\"", provider)
    });
    let running = Running::start(&config);
    drop_file(&scratch.path().join("data/erp/in"), "invoices.csv", INVOICES.as_bytes());
    running
}

/// The fields of a form or of an address's query.
fn form(text: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

fn field(fields: &[(String, String)], name: &str) -> String {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

/// The one call of a provider once a reminder is due, and what the delivery ends with.
fn sent(name: &str, provider: &HookReceiver, configured: &str) -> (Scratch, Running, Received) {
    let scratch = Scratch::new(&format!("sms-{name}"));
    let running = story(&scratch, configured, free_port());
    running.advance("12d");
    let came = wait_for("an SMS", || provider.received().first().cloned());
    (scratch, running, came)
}

fn events(running: &Running, kind: &str) -> Vec<Json> {
    running.get(&format!("/v1/stream?limit=1000&types={kind}")).json()["data"].as_array().unwrap().clone()
}

#[test]
fn each_provider_is_told_in_its_own_way() {
    let answering = |body: Json| {
        let provider = HookReceiver::start();
        let body = body.to_string();
        provider.answer_with(move |_| Reply { status: 200, header: None, body: body.clone() });
        provider
    };
    let text = "facture F-1";

    let twilio = answering(json!({ "sid": "SM1", "status": "queued" }));
    let configured = format!(
        "provider = \"twilio\"\nurl = \"http://{}/2010-04-01\"\naccount = \"AC1\"\ntoken = {{ value = \"t\" }}",
        twilio.address
    );
    let (_scratch, running, came) = sent("twilio", &twilio, &configured);
    assert_eq!(came.line, "POST /2010-04-01/Accounts/AC1/Messages.json");
    assert_eq!(came.header("authorization"), "Basic QUMxOnQ=");
    let fields = form(std::str::from_utf8(&came.body).unwrap());
    assert_eq!(field(&fields, "To"), "+33612345678");
    assert!(field(&fields, "Body").contains(text) && field(&fields, "From") == "DUPRE", "{fields:?}");
    // What it says became of it, twice, and then what it says to be under way.
    let status_url = field(&fields, "StatusCallback");
    let path = status_url.strip_prefix(&format!("http://{}", running.address)).unwrap();
    let report = |path: &str, body: &str| {
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        call(running.address, "POST", path, &headers, body.as_bytes()).unwrap().status
    };
    for body in [
        "MessageStatus=sent",
        "MessageStatus=undelivered&ErrorCode=30003",
        "MessageStatus=undelivered&ErrorCode=30003",
    ] {
        assert_eq!(report(path, body), 200);
    }
    let bounced = wait_for("the report", || events(&running, "notification.bounced").first().cloned());
    assert_eq!(bounced["data"]["reason"], "undelivered (30003)", "{bounced}");
    assert_eq!(bounced["data"]["notification"]["channel"], "sms");
    assert_eq!(events(&running, "notification.*").len(), 1, "once");
    // Without its code an address is none.
    let (bare, code) = path.split_once("?code=").unwrap();
    assert_eq!(report(bare, "MessageStatus=delivered"), 404);
    assert_eq!(report(&format!("/callbacks/maison-dupre/sms?code={code}"), "Body=STOP&From=%2B33612345678"), 404);
    drop(running);

    // What its service hook says: its own call went well, and the message arrived.
    let brevo = answering(json!({ "messageId": 7 }));
    let configured =
        format!("provider = \"brevo\"\nurl = \"http://{}/v3/send\"\nkey = {{ value = \"b\" }}", brevo.address);
    let (_scratch, running, came) = sent("brevo", &brevo, &configured);
    let url: Json = serde_json::from_slice(&came.body).unwrap();
    let path =
        url["webUrl"].as_str().unwrap().strip_prefix(&format!("http://{}", running.address)).unwrap().to_owned();
    let says = |said: Json| {
        let headers = [("Content-Type", "application/json")];
        call(running.address, "POST", &path, &headers, said.to_string().as_bytes()).unwrap().status
    };
    assert_eq!(says(json!({ "id": 1, "status": "OK", "msg_status": "delivered" })), 200);
    wait_for("the report", || events(&running, "notification.delivered").first().cloned());
    // Stop, start and stop again, all on one day.
    for (reply, kind, count) in
        [("STOP", "customer.opted_out", 1), ("start", "customer.opted_in", 1), ("Stop.", "customer.opted_out", 2)]
    {
        assert_eq!(says(json!({ "status": "OK", "msg_status": "replied", "reply": reply })), 200);
        wait_for("the wish", || (events(&running, kind).len() == count).then_some(()));
    }
    assert_eq!((came.line.as_str(), came.header("api-key")), ("POST /v3/send", "b"));
    let said: Json = serde_json::from_slice(&came.body).unwrap();
    assert_eq!((&said["recipient"], &said["type"]), (&json!("33612345678"), &json!("transactional")));
    assert_eq!((&said["unicodeEnabled"], said["tag"].as_str().unwrap().get(..4)), (&json!(false), Some("dlv_")));
    assert!(said["webUrl"].as_str().unwrap().contains("/callbacks/maison-dupre/messages/cus_"), "{said}");

    let vonage = answering(json!({ "messages": [{ "status": "0", "message-id": "0A" }] }));
    let configured = format!(
        "provider = \"vonage\"\nurl = \"http://{}/sms/json\"\nkey = \"v\"\nsecret = {{ value = \"s\" }}",
        vonage.address
    );
    let (_scratch, _running, came) = sent("vonage", &vonage, &configured);
    let fields = form(std::str::from_utf8(&came.body).unwrap());
    for (name, value) in [("api_key", "v"), ("api_secret", "s"), ("to", "33612345678"), ("type", "text")] {
        assert_eq!(field(&fields, name), value, "{fields:?}");
    }

    let ovh = answering(json!({ "ids": [42], "invalidReceivers": [], "validReceivers": ["+33612345678"] }));
    let configured = format!(
        "provider = \"ovh\"\nurl = \"http://{}/1.0\"\nservice = \"sms-x-1\"\napplication_key = \"ak\"\n\
         application_secret = {{ value = \"as\" }}\nconsumer_key = {{ value = \"ck\" }}",
        ovh.address
    );
    let (scratch, _running, came) = sent("ovh", &ovh, &configured);
    assert_eq!(came.line, "POST /1.0/sms/sms-x-1/jobs");
    let (at, url) = (came.header("x-ovh-timestamp"), format!("http://{}/1.0/sms/sms-x-1/jobs", ovh.address));
    let signed = [b"as+ck+POST+", url.as_bytes(), b"+", &came.body, b"+", at.as_bytes()].concat();
    assert_eq!(came.header("x-ovh-signature"), format!("$1${}", sha1(scratch.path(), &signed)));

    let other = answering(json!({ "ok": "yes", "ref": "r-1" }));
    let configured = format!(
        "provider = \"http\"\nurl = \"http://{}/send\"\nheader = \"x-key\"\nkey = {{ value = \"o\" }}\ntaken_at = \"/ok\"\n\
         taken = \"yes\"\nreference_at = \"/ref\"\njson = {{ list = [{{ num = \"{{to}}\" }}], msg = \"{{text}}\", pri = 1 }}",
        other.address
    );
    let (_scratch, _running, came) = sent("http", &other, &configured);
    let said: Json = serde_json::from_slice(&came.body).unwrap();
    assert_eq!(
        (&said["list"][0]["num"], &said["pri"], came.header("x-key")),
        (&json!("+33612345678"), &json!(1), "o")
    );
    assert!(said["msg"].as_str().unwrap().contains(text), "{said}");
}

/// SHA-1 by a program of others.
fn sha1(folder: &Path, bytes: &[u8]) -> String {
    let file = folder.join("signed");
    std::fs::write(&file, bytes).unwrap();
    let output = std::process::Command::new("sha1sum").arg(&file).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
fn what_a_provider_says_with_a_good_status_is_heeded() {
    for (body, error) in [
        (json!({ "messages": [{ "status": "4", "error-text": "Bad Credentials" }] }), "by the provider, 4"),
        (json!("<html>"), "the provider's answer cannot be read; not sent again"),
        (json!({ "messages": [{ "status": "+33612345678 is blocked" }] }), "by the provider, … is blocked"),
    ] {
        let provider = HookReceiver::start();
        let body = if body.is_string() { "<html>".to_owned() } else { body.to_string() };
        provider.answer_with(move |_| Reply { status: 200, header: None, body: body.clone() });
        let configured = format!(
            "provider = \"vonage\"\nurl = \"http://{}/sms/json\"\nkey = \"v\"\nsecret = {{ value = \"s\" }}",
            provider.address
        );
        let (_scratch, running, _) = sent("refused", &provider, &configured);
        let row = wait_for("what was given up", || {
            let listed = running.get("/v1/deliveries").json();
            listed["data"].as_array().filter(|data| !data.is_empty()).map(|data| data[0].clone())
        });
        assert_eq!(row["error"], error, "{row}");
    }
}

#[test]
fn a_gateway_reports_what_arrived_and_who_writes_stop_gets_no_more() {
    let scratch = Scratch::new("kannel");
    let port = free_port();
    let kannel_config = |text: &str| {
        format!(
            "provider = \"kannel\"\nurl = \"http://127.0.0.1:{text}/cgi-bin/sendsms\"\nuser = \"tester\"\npassword = {{ value = \"foobar\" }}"
        )
    };
    // Its address for what comes in is printed by the command line.
    let config = configure(&scratch.path().join("addresses"), |text| {
        text.replace(
            "listen = \"127.0.0.1:0\"",
            &format!("listen = \"127.0.0.1:{port}\"\npublic_url = \"http://127.0.0.1:{port}\"\ncallback_key = {{ value = \"k\" }}"),
        )
    });
    let printed = std::process::Command::new(crate::support::running::BINARY)
        .args(["callbacks", "-c", config.to_str().unwrap()])
        .output()
        .unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let incoming = printed.split_whitespace().find(|word| word.contains("/maison-dupre/sms?code=")).unwrap();
    let mut kannel = Kannel::handing_on(scratch.path(), &format!("get-url = \"{incoming}&from=%p&text=%b&ts=%t\""));
    let running = story(&scratch, &kannel_config(&kannel.port.to_string()), port);
    running.advance("12d");
    wait_for("the SMS", || kannel.messages().into_iter().next());
    let arrived = wait_for("the report", || events(&running, "notification.delivered").first().cloned());
    assert_eq!(arrived["data"]["notification"]["channel"], "sms", "{arrived}");
    let delivered = arrived["data"]["notification"]["id"].as_str().unwrap().to_owned();
    assert!(delivered.starts_with("dlv_"), "{arrived}");

    kannel.write_back("+33612345678", "Arrêt merci");
    let out = wait_for("the wish", || events(&running, "customer.opted_out").first().cloned());
    assert_eq!(out["data"]["opt_out"]["channel"], "sms", "{out}");
    // As it is now: the list may be of the checkpoint before.
    let id = running.find("/v1/customers", "C-1")["id"].as_str().unwrap().to_owned();
    let customer = running.get(&format!("/v1/customers/{id}")).json();
    assert_eq!(customer["opted_out"], json!(["sms"]), "{customer}");
    running.advance("8d");
    let reason = wait_for("the reminder that does not leave", || {
        let kept = events(&running, "reminder.suppressed");
        let reason = |event: &Json| event["data"]["reason"].as_str().map(str::to_owned);
        kept.iter().filter_map(reason).find(|reason| reason.contains("sms"))
    });
    assert_eq!(reason, "sms: not wanted, email: no address");
    kannel.write_back("+33612345678", "start");
    wait_for("the other wish", || events(&running, "customer.opted_in").first().cloned());
}
