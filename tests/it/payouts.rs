//! Money that is given back: a second person, one file, what the bank says of it, and the books.

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use crate::support::running::{Running, drop_file, messages, sample};
use crate::support::schema::validates;
use crate::support::scratch::{Scratch, wait_for};
use crate::support::statement::statement;

const PAYER: &str = "DE89370400440532013000";

/// A merchant that pays back through the bank, a customer with ten euros of credit.
fn story(name: &str) -> (Scratch, Running, Json) {
    let (scratch, running) = sample(name, |text| text);
    let invoices = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
        F-1;C-1;Jean Dupont;jean@example.org;;fr;120,00;02/03/2026;10/03/2026;Conseil\n";
    let data = scratch.path().join("data");
    drop_file(&data.join("erp/in"), "invoices.csv", invoices.as_bytes());
    let customer = running.find("/v1/customers", "C-1");
    let account = customer["virtual_iban"].as_str().unwrap().to_owned();
    let entries = [("130.00", account.as_str(), "", "merci")];
    drop_file(&data.join("bank/in"), "first.xml", statement("S1", &entries).as_bytes());
    (scratch, running, customer)
}

/// Money of nobody, with the account it came from.
fn strange(running: &Running, reference: &str, minor: i64) -> String {
    let body = json!({
        "entry_ref": reference, "amount": { "amount": minor, "currency": "EUR" }, "booked_on": "2026-03-02",
        "payer_name": "Erika Mustermann", "payer_iban": PAYER, "remittance": "for somebody else",
    });
    let made = running.post("/v1/transfers", &body);
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["id"].as_str().unwrap().to_owned()
}

fn files(scratch: &Scratch) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(scratch.path().join("data/bank/out")).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = folder.map(|entry| entry.path()).collect();
    found.retain(|path| {
        path.file_name().unwrap().to_string_lossy().starts_with("pain.001") && path.extension().unwrap() == "xml"
    });
    found.sort();
    found
}

/// What a bank reports of one order: refused.
fn refused(end_to_end: &str, reason: &str) -> String {
    format!(
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.002.001.10\"><CstmrPmtStsRpt><GrpHdr><MsgId>B</MsgId></GrpHdr>\
         <OrgnlGrpInfAndSts><OrgnlMsgId>X</OrgnlMsgId></OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><TxInfAndSts>\
         <OrgnlEndToEndId>{end_to_end}</OrgnlEndToEndId><TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn></StsRsnInf>\
         </TxInfAndSts></OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    )
}

/// Entries of orders: `DBIT` when they are booked, `CRDT` with a reason when they come back.
fn booked(id: &str, entries: &[(&str, &str, &str)]) -> String {
    let entries: String = entries
        .iter()
        .map(|(amount, end_to_end, reason)| {
            let direction = if reason.is_empty() { "DBIT" } else { "CRDT" };
            let returned = match *reason {
                "" => String::new(),
                code => format!("<RtrInf><Rsn><Cd>{code}</Cd></Rsn></RtrInf>"),
            };
            format!(
                "<Ntry><Amt Ccy=\"EUR\">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>\
                 <BookgDt><Dt>2026-03-03</Dt></BookgDt><AcctSvcrRef>{id}-{end_to_end}</AcctSvcrRef><NtryDtls><TxDtls>\
                 <Refs><EndToEndId>{end_to_end}</EndToEndId></Refs>{returned}</TxDtls></NtryDtls></Ntry>"
            )
        })
        .collect();
    format!(
        "<Document><BkToCstmrDbtCdtNtfctn><Ntfctn><Id>{id}</Id><Acct><Id><IBAN>FR1420041010050500013M02606</IBAN></Id>\
         <Ccy>EUR</Ccy></Acct>{entries}</Ntfctn></BkToCstmrDbtCdtNtfctn></Document>"
    )
}

fn becomes(running: &Running, payout: &Json, status: &str) -> Json {
    let path = format!("/v1/payouts/{}", payout["id"].as_str().unwrap());
    wait_for(status, || Some(running.get(&path).json()).filter(|seen| seen["status"] == status))
}

#[test]
fn what_nobody_here_is_owed_goes_back_once_a_second_person_agrees() {
    let (scratch, running, _) = story("payouts");
    let transfer = strange(&running, "T-1", 4_200);
    let give = |by: &str| {
        running
            .try_post(
                &format!("/v1/transfers/{transfer}/give-back"),
                &format!("k-{by}"),
                &json!({ "by": by, "reason": "not ours" }),
            )
            .unwrap()
    };
    let asked = give("Ana");
    assert_eq!(asked.status, 201, "{}", asked.text());
    let payout = asked.json();
    assert_eq!(
        (&payout["status"], &payout["creditor"]["name"]),
        (&"awaits_approval".into(), &"Erika Mustermann".into())
    );
    assert!(!asked.text().contains(PAYER), "an account number is not shown whole: {}", asked.text());
    assert_eq!(give("Ana").json(), payout, "the same call again");
    assert_eq!(give("Bob").status, 409, "it is being given back already");
    let seen = running.get(&format!("/v1/transfers/{transfer}")).json();
    assert_eq!((&seen["status"], &seen["payout"]), (&"given_back".into(), &payout["id"]));

    // Nothing leaves before a second person agrees, and who asked is not the second.
    let path = format!("/v1/payouts/{}", payout["id"].as_str().unwrap());
    let approve = |by: &str| running.post(&format!("{path}/approve"), &json!({ "by": by }));
    assert!(approve(" ana ").text().contains("another person approves it"));
    wait_for("the list", || running.list("/v1/payouts?status=awaits_approval").into_iter().next());
    assert_eq!(files(&scratch), Vec::<PathBuf>::new());
    assert_eq!(approve("Bob").json()["status"], "ordered");
    assert_eq!(approve("Bob").status, 409, "it is approved once");
    let file = wait_for("the order", || files(&scratch).into_iter().next());
    validates("pain.001.001.09.xsd", &file);
    let xml = std::fs::read_to_string(&file).unwrap();
    assert!(xml.contains("<InstdAmt Ccy=\"EUR\">42.00</InstdAmt>") && xml.contains(PAYER), "{xml}");

    // Booked, then sent back: the transfer is a task again, and everything stands in the books.
    let bank = scratch.path().join("data/bank/in");
    let id = payout["end_to_end_id"].as_str().unwrap();
    drop_file(&bank, "copied.xml", booked("N0", &[("41.99", id, "")]).as_bytes());
    drop_file(&bank, "booked.xml", booked("N1", &[("42.00", id, "")]).as_bytes());
    assert_eq!(becomes(&running, &payout, "executed")["on"], "2026-03-03");
    drop_file(&bank, "back.xml", booked("N2", &[("42.00", id, "AC04")]).as_bytes());
    assert_eq!(becomes(&running, &payout, "failed")["why"], "AC04");
    let task = running.get(&format!("/v1/transfers/{transfer}")).json();
    assert_eq!((&task["status"], &task["doubt"]), (&"needs_decision".into(), &"return_failed".into()), "{task}");
    assert_eq!(files(&scratch), [file], "one order, whatever came after");
}

#[test]
fn credit_is_paid_out_once_and_is_there_again_when_the_bank_refuses() {
    let (scratch, mut running, customer) = story("payouts-credit");
    let id = customer["id"].as_str().unwrap().to_owned();
    let credit = |running: &Running| {
        running.get(&format!("/v1/customers/{id}")).json()["credit"][0]["amount"].as_i64().unwrap()
    };
    assert_eq!(credit(&running), 1_000);
    let pay = |running: &Running, key: &str, minor: i64, iban: &str| {
        let body = json!({ "amount": { "amount": minor, "currency": "EUR" }, "iban": iban, "by": "Ana", "reason": "trop-perçu" });
        running.try_post(&format!("/v1/customers/{id}/payouts"), key, &body).unwrap()
    };
    assert_eq!(pay(&running, "k0", 1_001, PAYER).status, 409, "more than there is");
    assert_eq!(pay(&running, "k0", 400, "DE00370400440532013000").status, 422, "no account number");
    let first = pay(&running, "k1", 400, PAYER);
    assert_eq!(first.status, 201, "{}", first.text());
    assert_eq!(
        (pay(&running, "k1", 400, PAYER).json(), credit(&running)),
        (first.json(), 600),
        "the same call again"
    );
    let rejected = running.post(
        &format!("/v1/payouts/{}/reject", first.json()["id"].as_str().unwrap()),
        &json!({ "by": "Bob", "reason": "ask them first" }),
    );
    assert_eq!((&rejected.json()["status"], credit(&running)), (&"rejected".into(), 1_000));

    // Approved, and killed before the file may have been seen: it stands in one file.
    let second = pay(&running, "k2", 1_000, PAYER).json();
    let path = format!("/v1/payouts/{}", second["id"].as_str().unwrap());
    assert_eq!(running.post(&format!("{path}/approve"), &json!({ "by": "Bob" })).status, 201);
    running.kill();
    let running = Running::start(&scratch.path().join("config/quittance.toml"));
    wait_for("the order", || files(&scratch).into_iter().next());
    assert_eq!((files(&scratch).len(), credit(&running)), (1, 0));
    let bank = scratch.path().join("data/bank/in");
    drop_file(&bank, "refused.xml", refused(second["end_to_end_id"].as_str().unwrap(), "AC01").as_bytes());
    assert_eq!(becomes(&running, &second, "failed")["why"], "AC01");
    assert_eq!(credit(&running), 1_000);
    drop_file(&bank, "refused-again.xml", refused(second["end_to_end_id"].as_str().unwrap(), "MS03").as_bytes());
    assert_eq!(credit(&running), 1_000, "it failed once");
}

#[test]
fn a_task_is_decided_by_one_person_at_a_time_and_is_told_of_when_it_is_late() {
    let (scratch, running, _) = story("tasks");
    let transfer = strange(&running, "T-9", 7_700);
    let task = |what: &str, body: Json| running.post(&format!("/v1/tasks/{transfer}/{what}"), &body);
    let claimed = task("claim", json!({ "by": "Bob" })).json();
    assert_eq!(claimed["task"]["claim"]["by"], "Bob", "{claimed}");
    assert_eq!(task("claim", json!({ "by": "Carl" })).status, 409);
    let aside =
        running.post(&format!("/v1/transfers/{transfer}/set-aside"), &json!({ "by": "Carl", "reason": "no" }));
    assert!(aside.status == 409 && aside.text().contains("Bob looks at it"), "{}", aside.text());
    assert_eq!(task("assign", json!({ "by": "Ana", "to": "Carl" })).json()["task"]["assigned_to"], "Carl");
    // Two business days after Monday morning.
    running.advance("2d");
    let late = || running.get(&format!("/v1/transfers/{transfer}")).json()["task"]["overdue_since"].clone();
    assert_eq!(late(), Json::Null);
    running.advance("12h");
    assert_eq!(late(), "2026-03-04T17:00:00Z");
    wait_for("the accountants to be told", || {
        let mut texts = messages(scratch.path()).into_iter().map(|message| message.to_string());
        texts.find(|text| text.contains("attend toujours") && text.contains("18:00"))
    });
}
