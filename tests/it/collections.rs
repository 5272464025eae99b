//! Collections from end to end: orders to banks and providers, what they answer, and new attempts.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::support::running::{Running, configure, drop_file, sample};
use crate::support::schema::validates;
use crate::support::scratch::{Scratch, wait_for};

/// The account of payers, and of the sample's merchant.
pub const IBAN: &str = "FR1420041010050500013M02606";

pub fn customer(running: &Running, name: &str) -> String {
    let body = json!({ "external_ref": name, "name": format!("Customer {name}"), "kind": "business",
        "email": format!("{name}@example.org"), "language": "fr" });
    let answer = running.post("/v1/customers", &body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

pub fn request(running: &Running, customer: &str, number: &str, minor: i64, due: &str) -> String {
    let body = json!({ "external_ref": number, "customer_ref": customer, "due_on": due,
        "amount": { "amount": minor, "currency": "EUR" } });
    let answer = running.post("/v1/payment-requests", &body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

pub fn mandate(running: &Running, customer: &str, reference: &str, iban: &str) {
    let body = json!({ "reference": reference, "iban": iban,
        "signed_on": "2026-01-10", "notice_days": 2 });
    let answer = running.post(&format!("/v1/customers/{customer}/mandates"), &body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.json()["mandates"][0]["reference"], reference);
    let middle = &iban[iban.len() - 13..iban.len() - 5];
    assert!(!answer.text().contains(middle), "the account is masked");
}

pub fn collect(running: &Running, request: &str, instrument: &str) -> Json {
    let path = format!("/v1/payment-requests/{request}/collection");
    let answer = running.post(&path, &json!({ "instrument": instrument }));
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

pub fn view(running: &Running, request: &str) -> Json {
    running.get(&format!("/v1/payment-requests/{request}")).json()
}

/// The files of direct debits, by name, once there are so many.
fn files(scratch: &Scratch, count: usize) -> BTreeMap<PathBuf, String> {
    let folder = scratch.path().join("data/bank/out");
    wait_for(&format!("{count} files of direct debits"), || {
        let entries = std::fs::read_dir(&folder).ok()?.map(|entry| entry.unwrap().path());
        let found = entries.filter(|path| path.extension().is_some_and(|ending| ending == "xml"));
        let found: BTreeMap<PathBuf, String> =
            found.map(|path| (path.clone(), std::fs::read_to_string(&path).unwrap())).collect();
        (found.len() == count).then_some(found)
    })
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    text.split(open).skip(1).map(|rest| rest.split(close).next().unwrap()).collect()
}

/// A status report of a bank: of the whole message, or of one order.
fn pain002(message: &str, order: Option<&str>, reason: &str) -> String {
    let status = format!("<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn></StsRsnInf>");
    let (group, orders) = match order {
        None => (format!("<GrpSts>RJCT</GrpSts>{status}"), String::new()),
        Some(order) => (
            "<GrpSts>PART</GrpSts>".to_owned(),
            format!(
                "<OrgnlPmtInfAndSts><OrgnlPmtInfId>{message}-1</OrgnlPmtInfId><TxInfAndSts>\
                 <OrgnlEndToEndId>{order}</OrgnlEndToEndId><TxSts>RJCT</TxSts>{status}</TxInfAndSts></OrgnlPmtInfAndSts>"
            ),
        ),
    };
    format!(
        "<?xml version=\"1.0\"?><Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.002.001.10\"><CstmrPmtStsRpt>\
         <GrpHdr><MsgId>B-{message}-{reason}</MsgId><CreDtTm>2026-03-09T08:00:00</CreDtTm></GrpHdr>\
         <OrgnlGrpInfAndSts><OrgnlMsgId>{message}</OrgnlMsgId><OrgnlMsgNmId>pain.008.001.08</OrgnlMsgNmId>{group}\
         </OrgnlGrpInfAndSts>{orders}</CstmrPmtStsRpt></Document>"
    )
}

/// A statement of one entry.
pub fn camt(id: &str, minor: i64, credit: bool, details: &str, more: &str) -> String {
    let (amount, sign) = (format!("{}.{:02}", minor / 100, minor % 100), if credit { "CRDT" } else { "DBIT" });
    let balance = |code: &str, minor: i64| {
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"EUR\">{}.{:02}</Amt>\
             <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-03-10</Dt></Dt></Bal>",
            minor / 100,
            minor % 100
        )
    };
    let closing = if credit { 1_000_000 + minor } else { 1_000_000 - minor };
    format!(
        "<?xml version=\"1.0\"?><Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt>\
         <Stmt><Id>{id}</Id><Acct><Id><IBAN>FR1420041010050500013M02606</IBAN></Id><Ccy>EUR</Ccy></Acct>{}{}\
         <Ntry><Amt Ccy=\"EUR\">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>\
         <BookgDt><Dt>2026-03-10</Dt></BookgDt><AcctSvcrRef>{id}</AcctSvcrRef>{more}\
         <NtryDtls>{details}</NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>",
        balance("OPBD", 1_000_000),
        balance("CLBD", closing)
    )
}

fn message_of(file: &str) -> &str {
    between(file, "<MsgId>", "</MsgId>")[0]
}

#[test]
fn direct_debits_go_from_file_to_file_and_are_tried_again() {
    let (scratch, running) = sample("direct-debits", |text| text);
    let bank = scratch.path().join("data/bank/in");
    let (first, second) = (customer(&running, "C-1"), customer(&running, "C-2"));
    mandate(&running, &first, "RUM-1", IBAN);
    mandate(&running, &second, "RUM-2", IBAN);
    let one = request(&running, "C-1", "F-1", 12_000, "2026-03-10");
    let two = request(&running, "C-2", "F-2", 8_050, "2026-03-10");
    let planned = collect(&running, &one, "mandate:RUM-1");
    assert_eq!(planned["collection"]["stage"], "planned");
    assert_eq!(planned["collection"]["next"]["collects_on"], "2026-03-10");
    collect(&running, &two, "mandate:RUM-2");
    // Two business days before the deadline, on Friday the 6th at six, one order leaves for both.
    running.advance("4d");
    let written = files(&scratch, 1);
    let (path, file) = written.first_key_value().unwrap();
    validates("pain.008.001.08.xsd", path);
    assert_eq!(between(file, "<ReqdColltnDt>", "</ReqdColltnDt>"), ["2026-03-10"]);
    assert!(path.with_extension("xml.sha256").exists());
    let amounts = between(file, "<InstdAmt Ccy=\"EUR\">", "<");
    let ordered: BTreeMap<&str, String> =
        amounts.into_iter().zip(between(file, "<EndToEndId>", "<").into_iter().map(str::to_owned)).collect();
    let ids = [ordered["120.00"].clone(), ordered["80.50"].clone()];
    wait_for("the order to be recorded", || {
        (view(&running, &one)["attempts"][0]["result"] == "submitted").then_some(())
    });

    // On Monday the bank refuses the first for lack of funds: three days later it is collected again.
    running.advance("3d");
    let report = drop_file(&bank, "status.xml", pain002(message_of(file), Some(&ids[0]), "AM04").as_bytes());
    assert_eq!(report["outcome"], "accepted", "{report}");
    let refused = view(&running, &one);
    assert_eq!(refused["attempts"][0]["result"], "failed", "{refused}");
    assert_eq!(refused["attempts"][0]["reason_code"], "AM04");
    assert_eq!(refused["collection"]["next"]["number"], 2);
    assert_eq!(view(&running, &two)["collection"]["stage"], "running");

    // It books the rest of the batch as one amount: that is the money of the second, and no transfer.
    let batch = format!("<Btch><PmtInfId>{}-1</PmtInfId><NbOfTxs>1</NbOfTxs></Btch>", message_of(file));
    let booked = camt("ST-1", 8_050, true, &batch, "");
    let report = drop_file(&bank, "statement.xml", booked.as_bytes());
    assert_eq!(report["accepted"], 1, "{report}");
    assert_eq!(view(&running, &two)["status"], "settled");
    assert_eq!(running.get("/v1/tasks").json()["data"], json!([]));

    // Nine weeks later the payer of the second takes it back: it is open again, and nobody tries again
    // what the payer has refused.
    let details = format!(
        "<TxDtls><Refs><EndToEndId>{}</EndToEndId></Refs><Amt Ccy=\"EUR\">80.50</Amt><CdtDbtInd>DBIT</CdtDbtInd>\
         <RtrInf><Rsn><Cd>MD06</Cd></Rsn></RtrInf></TxDtls>",
        ids[1]
    );
    let back = camt("ST-2", 8_050, false, &details, "<RvslInd>false</RvslInd>");
    drop_file(&bank, "return.xml", back.as_bytes());
    let reopened = view(&running, &two);
    assert_eq!((&reopened["status"], &reopened["outstanding"]["amount"]), (&json!("open"), &json!(8_050)));
    assert_eq!(reopened["attempts"][0]["result"], "reversed");
    assert_eq!(reopened["collection"]["ended"], "MD06: stop");

    // The second order of the first request leaves; the bank refuses the whole file.
    running.advance("4d");
    let written = files(&scratch, 2);
    let again = written.values().find(|file| message_of(file) != message_of(written[path].as_str())).unwrap();
    assert_eq!(between(again, "<InstdAmt Ccy=\"EUR\">", "<"), ["120.00"]);
    assert_ne!(between(again, "<EndToEndId>", "<")[0], ids[0]);
    wait_for("the order to be recorded", || (view(&running, &one)["collection"]["stage"] == "running").then_some(()));
    drop_file(&bank, "refused.xml", pain002(message_of(again), None, "FF01").as_bytes());
    let stopped = view(&running, &one);
    assert_eq!(stopped["collection"]["ended"], "FF01: technical", "{stopped}");
    assert_eq!((&stopped["status"], &stopped["outstanding"]["amount"]), (&json!("open"), &json!(12_000)));
    // Nothing of it counts as paid, however long the clock runs.
    running.advance("60d");
    assert_eq!(view(&running, &one)["status"], "open");
    files(&scratch, 2);
}

#[test]
fn a_bank_is_told_once_that_the_account_of_a_mandate_has_changed() {
    let (scratch, running) = sample("amended", |text| text);
    let of = customer(&running, "C-1");
    mandate(&running, &of, "RUM-1", IBAN);
    let mut seen = Vec::new();
    // Before, with the change, and after it.
    for (count, due, days, iban) in [
        (1, "2026-03-20", "17d", None),
        (2, "2026-04-20", "28d", Some("DE89370400440532013000")),
        (3, "2026-05-20", "32d", None),
    ] {
        if let Some(iban) = iban {
            mandate(&running, &of, "RUM-1", iban);
        }
        let asked = request(&running, "C-1", &format!("F-{count}"), 1_000, due);
        collect(&running, &asked, "mandate:RUM-1");
        running.advance(days);
        let written = files(&scratch, count);
        let file = written.iter().find(|(path, _)| !seen.contains(*path)).unwrap();
        validates("pain.008.001.08.xsd", file.0);
        let told = between(file.1, "<OrgnlDbtrAcct>", "</OrgnlDbtrAcct>");
        assert_eq!(told.len(), usize::from(count == 2), "{}", file.1);
        assert!(told.iter().all(|told| told.contains("<Id>SMNDA</Id>")));
        seen.push(file.0.clone());
    }
}

pub fn card(running: &Running, customer: &str, token: &str) {
    let body = json!({ "token": token, "last4": "4242", "expires_year": 2027, "expires_month": 12,
        "backs_recurring": true, "scheme": "mastercard" });
    let answer = running.post(&format!("/v1/customers/{customer}/payment-methods"), &body);
    assert_eq!(answer.status, 201, "{}", answer.text());
}

#[test]
fn a_card_is_tried_again_until_it_goes_through_or_recurring_payments_are_suspended() {
    let (_scratch, running) = sample("cards", |text| text);
    let (good, bad) = (customer(&running, "C-1"), customer(&running, "C-2"));
    card(&running, &good, "tok_fail-51-2");
    card(&running, &bad, "tok_fail-51");
    let one = request(&running, "C-1", "F-1", 5_000, "2026-03-02");
    let two = request(&running, "C-2", "F-2", 6_000, "2026-03-02");
    collect(&running, &one, "card:tok_fail-51-2");
    collect(&running, &two, "card:tok_fail-51");
    let attempts = |id: &str, count: usize| {
        wait_for(&format!("{count} attempts"), || {
            let view = view(&running, id);
            let ended = view["attempts"].as_array().unwrap();
            let all = ended.iter().all(|attempt| attempt["result"] == "failed" || attempt["result"] == "succeeded");
            (ended.len() == count && all).then_some(view)
        })
    };
    for (count, days) in [(1, "1m"), (2, "4d"), (3, "6d"), (4, "8d")] {
        running.advance(days);
        attempts(&two, count);
    }
    let paid = attempts(&one, 3);
    assert_eq!(paid["status"], "settled", "{paid}");
    let exhausted = view(&running, &two);
    assert_eq!(exhausted["collection"]["ended"], "51 after 3 new attempts");
    let suspended = running.get(&format!("/v1/customers/{bad}")).json();
    assert_eq!(suspended["recurring_suspended"], "51 after 3 new attempts");
    // A new card does not lift the suspension by itself; a person does.
    let three = request(&running, "C-2", "F-3", 7_000, "2026-04-01");
    card(&running, &bad, "tok_new");
    collect(&running, &three, "card:tok_new");
    running.advance("20d");
    wait_for("the collection to wait", || (view(&running, &three)["collection"]["stage"] == "waits").then_some(()));
    assert_eq!(running.post(&format!("/v1/customers/{bad}/recurring/resume"), &json!({})).status, 201);
    running.advance("1d");
    wait_for("the new card to be tried", || (view(&running, &three)["status"] == "settled").then_some(()));
    let told = running.get(&format!("/v1/payment-requests/{two}/timeline")).json();
    let types: Vec<&str> = told["data"].as_array().unwrap().iter().map(|e| e["type"].as_str().unwrap()).collect();
    for wanted in ["attempt.scheduled", "attempt.ordered", "attempt.submitted", "retry.scheduled", "retry.exhausted"]
    {
        assert!(types.contains(&wanted), "{wanted}: {types:?}");
    }
}

/// A payment provider: what it was asked, by idempotency key, and what it answers.
pub struct Provider {
    pub address: String,
    pub asked: Arc<Mutex<Vec<(String, Json)>>>,
}

/// An answer with which a provider refuses to take an order at all.
pub const REFUSED: &str = "refused";

pub fn provider(answer: impl Fn(usize) -> (Duration, &'static str) + Send + 'static) -> Provider {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/collect", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<(String, Json)>>> = Arc::default();
    let noted = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut bytes = Vec::new();
            let mut chunk = [0; 4_096];
            let whole = |bytes: &[u8]| {
                let text = String::from_utf8_lossy(bytes).into_owned();
                let (head, body) = text.split_once("\r\n\r\n")?;
                let header = |name: &str| {
                    let line = head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}:")))?;
                    Some(line.split_once(':')?.1.trim().to_owned())
                };
                let length: usize = header("content-length")?.parse().ok()?;
                assert!(header("webhook-signature")?.starts_with("v1,"));
                (body.len() == length).then(|| (header("idempotency-key").unwrap(), body.to_owned()))
            };
            let (key, body) = loop {
                let read = stream.read(&mut chunk).unwrap();
                bytes.extend_from_slice(&chunk[..read]);
                if let Some(whole) = whole(&bytes) {
                    break whole;
                }
                assert!(read > 0, "cut");
            };
            let number = {
                let mut noted = noted.lock().unwrap();
                noted.push((key, serde_json::from_str(&body).unwrap()));
                noted.len()
            };
            let (wait, body) = answer(number);
            std::thread::sleep(wait);
            let status = if body == REFUSED { "410 Gone" } else { "200 OK" };
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    Provider { address, asked }
}

pub fn with_provider(folder: &Path, address: &str) -> PathBuf {
    configure(folder, |text| {
        let http = format!(
            "kind = \"http\"\nurl = \"{address}\"\nsecret = {{ value = \"whsec_c2FtcGxlIHNlY3JldCBvZiB0aGUgc2FuZGJveA==\" }}"
        );
        text.replace("kind = \"simulator\"              # simulator | http (url, secret; inquire_url, cancel_url …: see the README) | pain.008 (dir)", &http)
    })
}

#[test]
fn a_provider_is_asked_again_with_the_same_key_and_never_for_a_new_attempt_before_it_answers() {
    let scratch = Scratch::new("provider");
    // The first answer is on its way when the process dies; the second says that it failed.
    let provider = provider(|number| match number {
        1 => (Duration::from_secs(3), "{\"result\":\"succeeded\"}"),
        2 => (Duration::ZERO, "{\"result\":\"failed\",\"reason_code\":\"51\"}"),
        _ => (Duration::ZERO, "{\"result\":\"succeeded\"}"),
    });
    let config = with_provider(scratch.path(), &provider.address);
    let mut running = Running::start(&config);
    let id = customer(&running, "C-1");
    card(&running, &id, "tok_1");
    let one = request(&running, "C-1", "F-1", 5_000, "2026-03-02");
    collect(&running, &one, "card:tok_1");
    running.advance("1m");
    let asked = |count: usize| {
        wait_for(&format!("{count} calls"), || {
            let asked = provider.asked.lock().unwrap().clone();
            (asked.len() >= count).then_some(asked)
        })
    };
    let first = asked(1);
    running.kill();
    let running = Running::start(&config);
    let second = asked(2);
    assert_eq!(first[0].0, second[1].0, "the same attempt has the same key");
    assert_eq!(second[1].1["amount"], json!({ "amount": 5_000, "currency": "EUR" }));
    assert_eq!(second[1].1["card"], json!({ "token": "tok_1" }));
    wait_for("the failure", || (view(&running, &one)["collection"]["next"]["number"] == 2).then_some(()));
    running.advance("4d");
    let third = asked(3);
    assert_ne!(third[2].0, first[0].0, "a new attempt has a new key");
    wait_for("the payment", || (view(&running, &one)["status"] == "settled").then_some(()));
    let view = view(&running, &one);
    assert_eq!(view["attempts"].as_array().unwrap().len(), 2, "{view}");
    assert_eq!(provider.asked.lock().unwrap().len(), 3);
}

#[test]
fn what_cannot_be_collected_is_refused_with_the_reason() {
    let (_scratch, running) = sample("uncollectable", |text| text);
    let id = customer(&running, "C-1");
    mandate(&running, &id, "RUM-1", IBAN);
    let one = request(&running, "C-1", "F-1", 5_000, "2026-03-20");
    let path = format!("/v1/payment-requests/{one}/collection");
    for (body, status, reason) in [
        (json!({}), 422, "instrument"),
        (json!({ "instrument": "tok_1" }), 422, "card:TOKEN or mandate:REFERENCE"),
        (json!({ "instrument": "card:tok_1" }), 409, "no such card"),
        (json!({ "instrument": "mandate:RUM-1", "policy": "dreams" }), 409, "no retry policy 'dreams'"),
    ] {
        let answer = running.post(&path, &body);
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(reason), "{}", answer.text());
    }
    let mandates = format!("/v1/customers/{id}/mandates");
    for (body, reason) in [
        (json!({ "reference": "é", "iban": "FR1420041010050500013M02606", "signed_on": "2026-01-10" }), "SEPA"),
        (json!({ "reference": "R", "iban": "FR1420041010050500013M02607", "signed_on": "2026-01-10" }), "iban"),
        (json!({ "reference": "R", "iban": "FR1420041010050500013M02606", "signed_on": "2027-01-10" }), "has come"),
    ] {
        let answer = running.post(&mandates, &body);
        assert!((400..500).contains(&answer.status) && answer.text().contains(reason), "{}", answer.text());
    }
    let ended = json!({ "instrument": "mandate:RUM-1", "reason": "revoked by the payer" });
    assert_eq!(running.post(&format!("/v1/customers/{id}/instruments/end"), &ended).status, 201);
    let answer = running.post(&path, &json!({ "instrument": "mandate:RUM-1" }));
    assert!(answer.status == 409 && answer.text().contains("revoked by the payer"), "{}", answer.text());
    // Holds, wishes, promises and disputes are refused as clearly.
    for (path, body, reason) in [
        (format!("/v1/customers/{id}/holds"), json!({ "kind": "bored" }), "expected deceased"),
        (format!("/v1/customers/{id}/holds/lift"), json!({ "kind": "legal" }), "not held as legal"),
        (format!("/v1/customers/{id}/opt-outs"), json!({ "channel": "hook" }), "email or sms"),
        (format!("/v1/payment-requests/{one}/promise"), json!({ "on": "2026-01-01" }), "within 60 days"),
        (format!("/v1/payment-requests/{one}/dispute/end"), json!({ "outcome": "none" }), "nothing is disputed"),
    ] {
        let answer = running.post(&path, &body);
        assert!((400..500).contains(&answer.status) && answer.text().contains(reason), "{path}: {}", answer.text());
    }
}

#[test]
fn an_erp_sends_mandates_and_instalments_in_one_file() {
    let scratch = Scratch::new("instalments");
    let config = configure(scratch.path(), |text| text);
    let mapping = scratch.path().join("config/mappings/erp.toml");
    let text = std::fs::read_to_string(&mapping).unwrap();
    let more = "kind = \"type\"\nmandate = \"rum\"\niban = \"iban\"\nsigned_on = \"signe\"\nnotice_days = \"preavis\"\ncollect_from = \"prelever\"\n";
    std::fs::write(&mapping, text.replace("[columns]\n", &format!("[columns]\n{more}"))).unwrap();
    let running = Running::start(&config);
    let folder = scratch.path().join("data/erp/in");
    let head = "type;facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle;rum;iban;signe;preavis;prelever\n";
    let rows = [
        "invoice;F-1;C-1;Jean Dupont;jean@example.org;;fr;120,00;02/03/2026;10/03/2026;Mars;;;;;mandate:RUM-1",
        "invoice;F-2;C-1;Jean Dupont;jean@example.org;;fr;120,00;02/03/2026;10/04/2026;Avril;;;;;mandate:RUM-1",
        "invoice;F-3;C-1;Jean Dupont;jean@example.org;;fr;120,00;02/03/2026;10/05/2026;Mai;;;;;mandate:RUM-9",
        "mandate;;C-1;;;;;;;;;RUM-1;FR1420041010050500013M02606;10/01/2026;2;",
        "mandate;;C-1;;;;;;;;;RUM-2;FR1420041010050500013M02607;10/01/2026;2;",
        "customer;;C-1;Jean Dupont;jean@example.org;;fr;;;;;;;;;",
    ];
    let file = format!("{head}{}\n", rows.join("\n"));
    let report = drop_file(&folder, "instalments.csv", file.as_bytes());
    assert_eq!((&report["accepted"], &report["refused"]), (&json!(4), &json!(2)), "{report}");
    let said = report["errors"].to_string();
    assert!(said.contains("no such mandate") && said.contains("an IBAN whose check digits agree"), "{said}");
    let of = |number: &str| running.find("/v1/payment-requests", number)["id"].as_str().unwrap().to_owned();
    let (one, two, three) = (of("F-1"), of("F-2"), of("F-3"));
    assert_eq!(view(&running, &one)["collection"]["next"]["collects_on"], "2026-03-10");
    assert_eq!(view(&running, &two)["collection"]["next"]["collects_on"], "2026-04-10");
    assert_eq!(view(&running, &three)["collection"], Json::Null);

    // The first is collected, comes back for good, and the same rows in another file do not begin again.
    running.advance("4d");
    let written = files(&scratch, 1);
    let sent = written.values().next().unwrap();
    wait_for("the order to be recorded", || (view(&running, &one)["collection"]["stage"] == "running").then_some(()));
    let id = between(sent, "<EndToEndId>", "<")[0].to_owned();
    drop_file(
        &scratch.path().join("data/bank/in"),
        "status.xml",
        pain002(message_of(sent), Some(&id), "MS02").as_bytes(),
    );
    assert_eq!(view(&running, &one)["collection"]["ended"], "MS02: stop");
    let again = format!("{head}{}\n{}\n", rows[0], rows[1]);
    let report = drop_file(&folder, "again.csv", again.as_bytes());
    assert_eq!((&report["known"], &report["refused"]), (&json!(2), &json!(0)), "{report}");
    assert_eq!(view(&running, &one)["collection"]["ended"], "MS02: stop");
    // A person may.
    assert_eq!(collect(&running, &one, "mandate:RUM-1")["collection"]["stage"], "planned");
}
