//! Hooks and the stream of events: what an endpoint hears, in which order, how it shows who calls, and what can be read
//! again.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::support::peers::{HookReceiver, Received, Reply};
use crate::support::running::{BINARY, KEY, Running, configure, drop_file};
use crate::support::scratch::{Scratch, wait_for};

/// Invoices `from` to `to` of ten customers.
fn invoices(from: u32, to: u32) -> String {
    let head = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n".to_owned();
    let row = |at: u32| {
        let of = at % 10;
        format!("F-{at};C-{of};Client {of};c{of}@example.org;;fr;120,00;02/03/2026;10/03/2026;Conseil\n")
    };
    head + &(from..to).map(row).collect::<String>()
}

/// A service whose ERP endpoint is at `hooks`, with `more` lines of configuration.
fn story(name: &str, hooks: &HookReceiver, more: &str) -> (Scratch, Running) {
    let scratch = Scratch::new(name);
    let config = configure(scratch.path(), |text| {
        text.replace("http://127.0.0.1:8089/hooks/erp", &hooks.url())
            .replace("name = \"erp\"\nurl", &format!("name = \"erp\"\n{more}\nurl"))
    });
    let running = Running::start(&config);
    (scratch, running)
}

fn number(event: &Json) -> (String, u64) {
    (event["ordering_key"].as_str().unwrap().to_owned(), event["key_seq"].as_u64().unwrap())
}

/// The events of each key as they were first taken.
type Heard = BTreeMap<String, Vec<u64>>;

#[test]
fn an_endpoint_hears_each_customers_events_one_after_the_other_whatever_fails_and_whenever_the_process_dies() {
    let hooks = HookReceiver::start();
    let heard: Arc<Mutex<Heard>> = Arc::default();
    let (sink, mut calls) = (Arc::clone(&heard), 0_u32);
    hooks.answer_with(move |call: &Received| {
        calls += 1;
        if calls % 3 == 1 {
            return Reply::status(503);
        }
        let (key, number) = number(&serde_json::from_slice(&call.body).unwrap());
        let mut heard = sink.lock().unwrap();
        let of_key = heard.entry(key).or_default();
        // What was under way when the process died may come a second time.
        if !of_key.contains(&number) {
            of_key.push(number);
        }
        Reply::status(204)
    });
    let more = "events = [\"*\"]\norder = \"key\"\nretry_ms = [20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20]";
    let (scratch, mut running) = story("in-order", &hooks, more);
    drop_file(&scratch.path().join("data/erp/in"), "a.csv", invoices(0, 60).as_bytes());
    wait_for("some hooks", || (heard.lock().unwrap().len() > 3).then_some(()));
    running.kill();
    let running = Running::start(&scratch.path().join("config/quittance.toml"));
    drop_file(&scratch.path().join("data/erp/in"), "b.csv", invoices(60, 90).as_bytes());
    let mut expected = Heard::new();
    let (events, _) = running.stream(7, "");
    for event in &events {
        let (key, number) = number(event);
        expected.entry(key).or_default().push(number);
    }
    assert!(events.len() > 200 && expected.len() >= 10, "{} events of {} keys", events.len(), expected.len());
    for (key, numbers) in &expected {
        let counted: Vec<u64> = (1..).take(numbers.len()).collect();
        assert_eq!(*numbers, counted, "the events of {key} are numbered without a gap, in the order of the log");
    }
    wait_for("every hook, in order", || (*heard.lock().unwrap() == expected).then_some(()));
}

#[test]
fn a_rule_tells_a_system_in_a_form_of_its_own() {
    let hooks = HookReceiver::start();
    let heard: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let sink = Arc::clone(&heard);
    hooks.answer_with(move |call: &Received| {
        sink.lock().unwrap().push(call.body.clone());
        Reply::status(204)
    });
    let scratch = Scratch::new("own-form");
    let subscribed = format!("{}\"\nevents = [\"payment_request.issued\"]\n#", hooks.url());
    let config = configure(scratch.path(), |text| text.replace("http://127.0.0.1:8089/hooks/erp\"", &subscribed));
    let folder = scratch.path().join("config");
    let body = r#"{"facture": "{{request.external_ref}}", "montant": {{decimal request.amount}},
 "devise": "{{request.amount.currency}}", "commande": {{json request.order}}, "merchant": "{{merchant.name}}"}
"#;
    std::fs::write(folder.join("templates/facture.json.hbs"), body).unwrap();
    let rule = "[[rule]]\nname = \"issued\"\non = [\"payment_request.issued\"]\n\n[[rule.then]]\nhook = \"erp\"\n\
                template = \"facture\"\n\n[[rule.then]]\nfile = \"erp_out\"\ntemplate = \"facture\"\n";
    std::fs::write(folder.join("rules.toml"), rule).unwrap();
    let running = Running::start(&config);
    let hostile = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
                   \"F-\"\"1\\\";C-1;Client;c@example.org;;fr;120,50;02/03/2026;10/03/2026;Conseil\n";
    drop_file(&scratch.path().join("data/erp/in"), "a.csv", hostile.as_bytes());
    let expected = json!({
        "facture": "F-\"1\\", "montant": 120.5, "devise": "EUR", "commande": null, "merchant": "Maison Dupré",
    });
    // And the event itself, that it subscribes to, whichever comes first.
    let calls = wait_for("the hooks", || Some(heard.lock().unwrap().clone()).filter(|calls| calls.len() == 2));
    let own = |call: &&Vec<u8>| serde_json::from_slice::<Json>(call).unwrap().get("facture").is_some();
    let (first, others): (Vec<&Vec<u8>>, Vec<&Vec<u8>>) = calls.iter().partition(own);
    let first = first.first().copied().unwrap().clone();
    assert_eq!(serde_json::from_slice::<Json>(&first).unwrap(), expected);
    assert_eq!(serde_json::from_slice::<Json>(others[0]).unwrap()["type"], "payment_request.issued");
    // The file has the same, byte for byte.
    let written = wait_for("the file", || {
        let entries = std::fs::read_dir(scratch.path().join("data/erp/out")).into_iter().flatten().flatten();
        let mut paths = entries.map(|entry| entry.path());
        let path = paths.find(|path| path.extension().is_some_and(|ending| ending == "json"))?;
        std::fs::read(path).ok()
    });
    assert_eq!(written.trim_ascii_end(), first.trim_ascii_end());
    // Who has lost the call finds what it said, and the template is shown like any other.
    let delivery = wait_for("the delivery", || {
        let found = running.get("/v1/deliveries?status=any").json();
        let hooks = found["data"].as_array()?.iter().filter(|of| of["way"].as_str().unwrap().starts_with("hook"));
        let mut ids = hooks.map(|of| of["id"].as_str().unwrap().to_owned());
        ids.find(|id| running.get(&format!("/v1/deliveries/{id}")).json()["template"] == "facture")
    });
    let told = running.get(&format!("/v1/deliveries/{delivery}")).json();
    assert_eq!(
        (&told["template"], told["call"]["body"].as_str().unwrap().as_bytes()),
        (&json!("facture"), &first[..])
    );
    let all = running.get("/v1/templates").json();
    let listed = all["data"].as_array().unwrap().iter().find(|of| of["name"] == "facture").unwrap().clone();
    assert_eq!((&listed["channel"], &listed["language"]), (&json!("hook"), &Json::Null));
    let shown = running.post("/v1/templates/facture/preview", &json!({ "channel": "hook" })).json();
    assert_eq!(serde_json::from_str::<Json>(shown["text"].as_str().unwrap()).unwrap()["montant"], json!(3120.5));
}

#[test]
fn an_endpoint_is_called_with_an_event_that_never_happened() {
    let hooks = HookReceiver::start();
    let heard: Arc<Mutex<Vec<Received>>> = Arc::default();
    let (sink, mut calls) = (Arc::clone(&heard), 0_u32);
    hooks.answer_with(move |call: &Received| {
        calls += 1;
        sink.lock().unwrap().push(call.clone());
        Reply::status(if calls == 1 { 204 } else { 503 })
    });
    let (scratch, running) = story("trigger", &hooks, "");
    let trigger = |event: &str, more: &[&str]| {
        let mut command = Command::new(BINARY);
        command
            .args([
                "trigger",
                event,
                "--endpoint",
                "erp",
                "--url",
                &format!("http://{}", running.address),
                "--key",
                KEY,
            ])
            .args(more);
        let done = command.output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        (done.status.code().unwrap(), String::from_utf8_lossy(&done.stdout).into_owned(), said)
    };
    let more = ["--set", "request.amount=EUR 12.50", "--set", "request.external_ref=F-9", "--set", "request.order="];
    let (code, body, said) = trigger("payment_request.settled", &more);
    assert!(code == 0 && said.starts_with("test-") && said.contains("taken, 204"), "{said}");
    let call = heard.lock().unwrap()[0].clone();
    assert_eq!(String::from_utf8_lossy(&call.body), body.trim_end());
    let told: Json = serde_json::from_slice(&call.body).unwrap();
    assert_eq!(told["data"]["request"]["amount"], json!({ "amount": 1_250, "currency": "EUR" }));
    assert_eq!(
        (&told["data"]["request"]["external_ref"], &told["data"]["request"]["order"]),
        (&json!("F-9"), &Json::Null)
    );
    let (code, _, said) = trigger("payment_request.settled", &[]);
    assert!(code == 1 && said.contains("not taken, 503"), "{said}");
    // What is wrong is said with a way out, and nothing is called.
    let (code, _, said) = trigger("payment_request.setled", &[]);
    assert!(code != 0 && said.contains("did you mean \"payment_request.settled\"?"), "{said}");
    let (code, _, said) = trigger("payment_request.settled", &["--set", "request.amont=EUR 1.00"]);
    assert!(code != 0 && said.contains("did you mean \"request.amount\"?"), "{said}");
    assert_eq!(heard.lock().unwrap().len(), 2);
    // It never happened: nothing is recorded of it.
    let (events, _) = running.stream(50, "");
    assert!(events.is_empty(), "{events:?}");
    drop(scratch);
}

#[test]
fn the_stream_gives_pages_waits_for_what_comes_and_says_what_is_wrong() {
    let hooks = HookReceiver::start();
    let (scratch, running) = story("stream", &hooks, "");
    let incoming = scratch.path().join("data/erp/in");
    drop_file(&incoming, "a.csv", invoices(0, 30).as_bytes());
    let (all, end) = running.stream(7, "");
    let ids: std::collections::BTreeSet<&str> = all.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), all.len(), "each event once");
    let (issued, _) = running.stream(7, "&types=payment_request.issued");
    assert_eq!(issued.len(), 30);
    let (others, _) = running.stream(7, "&types=*,!payment_request.*");
    assert!(!others.is_empty() && others.iter().all(|event| event["type"] != "payment_request.issued"));
    // Who comes back with the cursor hears nothing twice.
    assert_eq!(running.get(&format!("/v1/stream?after={end}")).json()["data"], json!([]));
    // Who waits hears what comes, when it comes.
    let begun = Instant::now();
    let nothing = running.get(&format!("/v1/stream?after={end}&wait=1")).json();
    assert_eq!((&nothing["data"], nothing["has_more"].as_bool()), (&json!([]), Some(false)));
    assert!(begun.elapsed() >= Duration::from_millis(900));
    let begun = Instant::now();
    let woken = std::thread::scope(|scope| {
        let waiting =
            scope.spawn(|| running.get(&format!("/v1/stream?after={end}&wait=20&types=payment_request.issued")));
        std::thread::sleep(Duration::from_millis(300));
        drop_file(&incoming, "b.csv", invoices(30, 31).as_bytes());
        waiting.join().unwrap().json()
    });
    assert!(begun.elapsed() < Duration::from_secs(15), "it does not wait on");
    assert_eq!(woken["data"][0]["data"]["request"]["external_ref"], "F-30", "{woken}");
    for (wrong, why) in [
        ("after=99999999999", "not a cursor of this stream"),
        ("after=evt_1", "not a cursor of this stream"),
        ("limit=0", "expected 1 to 1000"),
        ("wait=31", "at most 30 seconds"),
        ("types=payment_request.payd", "there is no event type payment_request.payd"),
        ("afer=1", "unknown field"),
    ] {
        let answer = running.get(&format!("/v1/stream?{wrong}"));
        assert_eq!(answer.status, 400, "{wrong}");
        assert!(answer.text().contains(why), "{wrong}: {}", answer.text());
    }
}

/// Server-sent events from one who listens: id, type and data of each, until there are so many.
fn listen(running: &Running, last_event_id: Option<&str>, count: usize) -> Vec<(Option<String>, String, Json)> {
    let mut socket = TcpStream::connect(running.address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let last = last_event_id.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
    let head = format!(
        "GET /v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nAccept: text/event-stream\r\n{last}\r\n"
    );
    socket.write_all(head.as_bytes()).unwrap();
    let (mut events, mut id, mut name) = (Vec::new(), None, String::new());
    for line in BufReader::new(socket).lines().map(Result::unwrap) {
        if line.is_empty() {
            id = None; // Of a message without an event.
        } else if let Some(text) = line.strip_prefix("id: ") {
            id = Some(text.to_owned());
        } else if let Some(text) = line.strip_prefix("event: ") {
            text.clone_into(&mut name);
        } else if let Some(text) = line.strip_prefix("data: ") {
            events.push((id.take(), name.clone(), serde_json::from_str(text).unwrap()));
        }
        if events.len() == count {
            break;
        }
    }
    events
}

#[test]
fn who_listens_hears_events_as_they_come_and_goes_on_where_the_connection_broke() {
    let hooks = HookReceiver::start();
    let (scratch, running) = story("listen", &hooks, "");
    let incoming = scratch.path().join("data/erp/in");
    drop_file(&incoming, "a.csv", invoices(0, 12).as_bytes());
    let (all, _) = running.stream(7, "");
    let first = listen(&running, None, 9);
    assert!(first.iter().zip(&all).all(|((_, name, event), known)| event == known && known["type"] == *name));
    // The last id that was heard names the last record of which everything was heard.
    let last = first.iter().rev().find_map(|(id, ..)| id.clone()).unwrap();
    let place = first.iter().rposition(|(id, ..)| id.is_some()).unwrap();
    let rest = std::thread::scope(|scope| {
        let listening = scope.spawn(|| listen(&running, Some(&last), all.len() - place));
        std::thread::sleep(Duration::from_millis(300));
        drop_file(&incoming, "b.csv", invoices(12, 14).as_bytes());
        listening.join().unwrap()
    });
    assert!(rest.iter().zip(all.iter().skip(place + 1)).all(|((_, _, event), known)| event == known));
    assert!(!all.contains(&rest.last().unwrap().2), "and what came since");
}

#[test]
fn what_an_endpoint_was_sent_is_sent_once_more_with_the_same_ids() {
    let hooks = HookReceiver::start();
    let (scratch, mut running) =
        story("replay", &hooks, "events = [\"payment_request.*\", \"!payment_request.overdue\"]");
    let incoming = scratch.path().join("data/erp/in");
    drop_file(&incoming, "a.csv", invoices(0, 5).as_bytes());
    let first = wait_for("the hooks", || Some(hooks.received()).filter(|came| came.len() >= 5));
    let (_, middle) = running.stream(7, "");
    drop_file(&incoming, "b.csv", invoices(5, 8).as_bytes());
    wait_for("the other hooks", || (hooks.received().len() >= 8).then_some(()));
    assert_eq!(hooks.received().len(), 8, "one hook an invoice, and nothing that it does not hear of");
    // What is still under way when it is asked for is not sent twice.
    let all_ended = || {
        wait_for("the end of all", || {
            let endpoints = running.get("/v1/endpoints").json();
            (endpoints["data"][0]["waiting"]["deliveries"] == 0).then_some(())
        });
    };
    all_ended();
    let body = json!({ "after": "0", "until": middle });
    let ended = |job: &Json| {
        let path = format!("/v1/replays/{}", job["id"].as_str().unwrap_or_else(|| panic!("{job}")));
        wait_for("the end of a replay", || Some(running.get(&path).json()).filter(|job| job["status"] != "running"))
    };
    let answer = running.try_post("/v1/endpoints/erp/replay", "replay-0", &body).unwrap();
    assert_eq!(answer.status, 202, "{}", answer.text());
    let done = ended(&answer.json());
    assert_eq!((&done["status"], &done["replayed"], &done["percent"]), (&json!("done"), &json!(5), &json!(100)));
    let came = wait_for("them again", || Some(hooks.received()).filter(|came| came.len() >= 13));
    let ids = |calls: &[Received]| {
        let mut ids: Vec<String> = calls.iter().map(|call| call.header("webhook-id").to_owned()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&came[8..]), ids(&first), "the same messages");
    all_ended();
    // The same call again is the same job, and sends nothing again.
    let again = running.try_post("/v1/endpoints/erp/replay", "replay-0", &body).unwrap().json();
    assert_eq!((&again["id"], &again["status"]), (&done["id"], &json!("done")), "{again}");
    let customer = running.find("/v1/customers", "C-6")["id"].as_str().unwrap().to_owned();
    let of_customer = json!({ "after": "0", "customer": customer, "types": "payment_request.issued" });
    let one = ended(&running.post("/v1/endpoints/erp/replay", &of_customer).json());
    assert_eq!((&one["replayed"], &one["status"]), (&json!(1), &json!("done")), "{one}");
    let later = json!({ "since": "2026-03-03T00:00:00Z" });
    assert_eq!(ended(&running.post("/v1/endpoints/erp/replay", &later).json())["replayed"], 0, "nothing since");

    let said = Command::new(BINARY)
        .args([
            "resend",
            "erp",
            "--since",
            "2026-03-02T00:00:00+01:00",
            "--url",
            &format!("http://{}", running.address),
        ])
        .env("QUITTANCE_API_KEY", KEY)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert_eq!(said.trim(), "done: 8 sent once more to erp");
    wait_for("all once more", || (hooks.received().len() >= 22).then_some(()));
    assert_eq!(running.get("/v1/replays").json()["data"].as_array().unwrap().len(), 4);
    // One that was under way when the process died goes on where it was kept, when there is a process again.
    all_ended();
    running.kill();
    let kept = scratch.path().join(format!("data/replays/{}.json", one["id"].as_str().unwrap()));
    let mut job: Json = serde_json::from_slice(&std::fs::read(&kept).unwrap()).unwrap();
    (job["status"], job["cursor"], job["replayed"]) = (json!("running"), json!(0), json!(0));
    std::fs::write(&kept, job.to_string()).unwrap();
    let running = Running::start(&scratch.path().join("config/quittance.toml"));
    let path = format!("/v1/replays/{}", one["id"].as_str().unwrap());
    let again = wait_for("the end", || Some(running.get(&path).json()).filter(|job| job["status"] != "running"));
    assert_eq!((&again["status"], &again["replayed"]), (&json!("done"), &json!(1)), "{again}");
    let stopped = running.post(&format!("{path}/stop"), &json!({}));
    assert_eq!((stopped.status, &stopped.json()["status"]), (200, &json!("done")), "it has ended");
    let endpoints = running.get("/v1/endpoints").json();
    assert_eq!(endpoints["data"][0]["name"], "erp");
    assert!(endpoints["data"][0]["events"].as_array().unwrap().contains(&json!("payment_request.settled")));
    let unknown = running.post("/v1/endpoints/none/replay", &json!({ "after": "0" }));
    assert_eq!(unknown.status, 404, "{}", unknown.text());
    assert_eq!(running.post("/v1/endpoints/erp/replay", &json!({})).status, 400);
}

#[test]
fn a_receiver_that_is_gone_is_left_alone_and_nothing_is_lost_and_it_may_refuse_a_single_message() {
    let hooks = HookReceiver::start();
    let (scratch, running) = story("gone", &hooks, "events = [\"payment_request.issued\"]");
    hooks.answer_with(|_| Reply {
        status: 422,
        header: Some("webhook-delivery: abort-message".to_owned()),
        body: String::new(),
    });
    let incoming = scratch.path().join("data/erp/in");
    drop_file(&incoming, "a.csv", invoices(0, 1).as_bytes());
    let refused = wait_for("what it refused", || {
        let listed = running.get("/v1/deliveries").json();
        listed["data"].as_array().filter(|data| !data.is_empty()).cloned()
    });
    assert_eq!(refused[0]["error"], "the receiver does not want this message");
    hooks.answer(410);
    drop_file(&incoming, "b.csv", invoices(1, 60).as_bytes());
    wait_for("the answer", || (hooks.received().len() > 1).then_some(()));
    std::thread::sleep(Duration::from_millis(800));
    let called = hooks.received().len();
    assert!(called <= 17, "{called} calls: only what was under way when it said so");
    drop_file(&incoming, "c.csv", invoices(60, 70).as_bytes());
    std::thread::sleep(Duration::from_millis(800));
    assert_eq!(hooks.received().len(), called, "nothing more is sent");
    let waiting = &running.get("/v1/endpoints").json()["data"][0]["waiting"];
    assert_eq!(
        (&waiting["deliveries"], &waiting["last_error"]),
        (&json!(69), &json!("410, the receiver says that it is gone"))
    );
    assert_eq!(running.get("/v1/deliveries").json()["data"].as_array().unwrap().len(), 1, "and nothing is given up");
}

#[test]
fn an_endpoint_is_shown_who_calls_and_may_hear_ids_only() {
    let hooks = HookReceiver::start();
    let tokens = HookReceiver::start();
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    tokens.answer_with(move |_| {
        let mut asked = count.lock().unwrap();
        *asked += 1;
        let body = json!({ "access_token": format!("t{asked}"), "token_type": "Bearer", "expires_in": 3600 });
        Reply { status: 200, header: None, body: body.to_string() }
    });
    let url = format!("http://{}/token", tokens.address);
    let client = format!(
        "{{ kind = \"client_credentials\", token_url = \"{url}\", client_id = \"q\", client_secret = {{ value = \"s\" }}, scope = \"hooks\" }}"
    );
    for (name, auth, shown) in [
        (
            "basic",
            "{ kind = \"basic\", user = \"erp\", password = { value = \"pass word\" } }",
            ("authorization", "Basic ZXJwOnBhc3Mgd29yZA=="),
        ),
        ("bearer", "{ kind = \"bearer\", token = { value = \"abc\" } }", ("authorization", "Bearer abc")),
        ("header", "{ kind = \"header\", name = \"X-Api-Key\", value = { value = \"abc\" } }", ("x-api-key", "abc")),
        ("client", client.as_str(), ("authorization", "Bearer t1")),
    ] {
        let before = hooks.received().len();
        let more =
            format!("payload = \"thin\"\nretry_ms = [50, 50]\nevents = [\"payment_request.issued\"]\nauth = {auth}");
        let (scratch, running) = story(&format!("auth-{name}"), &hooks, &more);
        let incoming = scratch.path().join("data/erp/in");
        drop_file(&incoming, "a.csv", invoices(0, 2).as_bytes());
        let came = wait_for("the hooks", || Some(hooks.received()).filter(|came| came.len() == before + 2));
        for call in came.iter().skip(before) {
            assert_eq!(call.header(shown.0), shown.1, "{name}");
            let event: Json = serde_json::from_slice(&call.body).unwrap();
            let request = event["data"]["request"].as_object().unwrap();
            assert_eq!(request.keys().collect::<Vec<_>>(), ["id"], "{event}");
        }
        if name != "client" {
            continue;
        }
        assert_eq!(*asked.lock().unwrap(), 1, "one token for both");
        let asked_for = &tokens.received()[0];
        assert_eq!(asked_for.header("authorization"), "Basic cTpz");
        assert_eq!(asked_for.body, b"grant_type=client_credentials&scope=hooks");
        // A token that is not taken any more is asked for anew.
        hooks.answer_with(|call| Reply::status(if call.header("authorization") == "Bearer t2" { 204 } else { 401 }));
        drop_file(&incoming, "b.csv", invoices(2, 3).as_bytes());
        let last = wait_for("the hook", || Some(hooks.received()).filter(|came| came.len() == before + 4));
        assert_eq!(last[before + 3].header("authorization"), "Bearer t2");
        assert!(!running.log.lock().unwrap().contains("t2"), "no token in what the service says");
    }
}
