//! One transfer that pays for several customers: each part is a transfer of its own, and the bank takes back the whole.

use serde_json::{Value as Json, json};

use crate::support::running::{BINARY, Running, drop_file, sample};
use crate::support::scratch::wait_for;

const INVOICES: &str = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
    F-1;C-1;Boulangerie Nord;nord@example.org;;fr;120,00;02/03/2026;10/03/2026;Farine\n\
    F-2;C-2;Boulangerie Sud;sud@example.org;;fr;80,50;02/03/2026;10/03/2026;Farine\n\
    F-3;C-2;Boulangerie Sud;sud@example.org;;fr;20,00;02/03/2026;10/03/2026;Levure\n";

/// A notification of one entry of a holding.
fn entry(id: &str, direction: &str, returned: &str) -> String {
    format!(
        "<Document><BkToCstmrDbtCdtNtfctn><Ntfctn><Id>{id}</Id><Acct><Id><IBAN>FR1420041010050500013M02606</IBAN></Id>\
         <Ccy>EUR</Ccy></Acct><Ntry><Amt Ccy=\"EUR\">250.00</Amt><CdtDbtInd>{direction}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>\
         <BookgDt><Dt>2026-03-05</Dt></BookgDt><AcctSvcrRef>{id}-1</AcctSvcrRef><NtryDtls><TxDtls>\
         <Refs><EndToEndId>HOLDING-1</EndToEndId></Refs><RltdPties><Dbtr><Pty><Nm>Holding</Nm></Pty></Dbtr>\
         <DbtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></DbtrAcct></RltdPties>\
         <RmtInf><Ustrd>nos deux boulangeries</Ustrd></RmtInf>{returned}</TxDtls></NtryDtls></Ntry>\
         </Ntfctn></BkToCstmrDbtCdtNtfctn></Document>"
    )
}

fn read(running: &Running, path: &str, id: &str) -> Json {
    running.get(&format!("/v1/{path}/{id}")).json()
}

fn id(json: &Json) -> String {
    json["id"].as_str().unwrap_or_else(|| panic!("no id in {json}")).to_owned()
}

#[test]
fn a_transfer_for_two_customers_is_divided_and_taken_back_whole() {
    let (scratch, mut running) = sample("division", |text| text);
    let data = scratch.path().join("data");
    drop_file(&data.join("erp/in"), "invoices.csv", INVOICES.as_bytes());
    let report = drop_file(&data.join("bank/in"), "in.xml", entry("E1", "CRDT", "").as_bytes());
    assert_eq!(report["accepted"], 1, "{report}");
    let [north, south, yeast] = ["F-1", "F-2", "F-3"].map(|number| id(&running.find("/v1/payment-requests", number)));
    let whole = id(&wait_for("the task", || running.list("/v1/tasks").into_iter().next()));
    let divide = |running: &Running, key: &str, body: &Json| {
        running.try_post(&format!("/v1/transfers/{whole}/divide"), key, body).unwrap()
    };
    let euros = |minor: i64| json!({ "amount": minor, "currency": "EUR" });

    let two_of_one = json!({ "parts": [{ "pays": [{ "payment_request": north }, { "payment_request": south }] }] });
    let refused = divide(&running, "a", &two_of_one);
    assert!(refused.status == 409 && refused.text().contains("another customer"), "{}", refused.text());
    let more = json!({ "parts": [{ "pays": [{ "payment_request": north }] }, { "amount": euros(20_000) }] });
    let refused = divide(&running, "b", &more);
    assert!(refused.status == 409 && refused.text().contains("320.00 EUR"), "{} {}", refused.status, refused.text());
    let unknown = json!({ "parts": [{ "pay": [] }] });
    assert!(divide(&running, "c", &unknown).text().contains("/parts/0/pay"));

    // Ten euros stay with the second customer, and what nobody names is decided about later.
    let parts = json!({ "by": "Ana", "parts": [
        { "pays": [{ "payment_request": north }] },
        { "pays": [{ "payment_request": south }, { "payment_request": yeast }], "amount": euros(11_050) },
    ] });
    let divided = divide(&running, "d", &parts);
    assert_eq!(divided.status, 201, "{}", divided.text());
    let divided = divided.json();
    assert_eq!((&divided["status"], &divided["unallocated"]["amount"]), (&"divided".into(), &0.into()), "{divided}");
    assert_eq!(divide(&running, "d", &parts).json()["parts"], divided["parts"], "the same call, the same answer");
    let parts: Vec<Json> = divided["parts"].as_array().unwrap().clone();
    let amounts: Vec<i64> = parts.iter().map(|part| part["amount"]["amount"].as_i64().unwrap()).collect();
    assert_eq!(amounts, [12_000, 11_050, 1_950]);
    let part = |running: &Running, at: usize| read(running, "transfers", parts[at]["transfer"].as_str().unwrap());
    for (at, status) in ["matched", "matched", "needs_decision"].into_iter().enumerate() {
        let part = part(&running, at);
        assert_eq!((&part["status"], &part["part_of"]), (&status.into(), &whole.as_str().into()), "{part}");
        assert_eq!(part["remittance"]["unstructured"], "nos deux boulangeries");
        assert_eq!(part["proposes"], Json::Null, "who pays for two says of neither that the account is theirs");
    }
    assert_eq!(part(&running, 1)["credited"]["amount"], 1_000);
    for request in [&north, &south, &yeast] {
        assert_eq!(read(&running, "payment-requests", request)["status"], "settled");
    }
    wait_for("the task of the rest alone", || {
        let tasks: Vec<String> = running.list("/v1/tasks").iter().map(id).collect();
        (tasks == [parts[2]["transfer"].as_str().unwrap()]).then_some(())
    });

    // The statement of the day has the entry once more: it is counted.
    running.kill();
    let running = Running::start(&scratch.path().join("config/quittance.toml"));
    let again = drop_file(&data.join("bank/in"), "again.xml", (entry("E1", "CRDT", "") + "\n").as_bytes());
    assert_eq!(again["refused"], 0, "{again}");
    wait_for("the whole and its parts", || (running.list("/v1/transfers").len() == 4).then_some(()));

    let returned = "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>";
    let report = drop_file(&data.join("bank/in"), "back.xml", entry("E2", "DBIT", returned).as_bytes());
    assert_eq!(report["accepted"], 1, "{report}");
    assert_eq!(read(&running, "transfers", &whole)["status"], "recalled");
    for at in 0..3 {
        assert_eq!(part(&running, at)["status"], "recalled", "{}", part(&running, at));
    }
    for (request, left) in [(&north, 12_000), (&south, 8_050), (&yeast, 2_000)] {
        let request = read(&running, "payment-requests", request);
        assert_eq!((&request["status"], &request["outstanding"]["amount"]), (&"open".into(), &left.into()));
    }

    // In the books the money came in once and left once, and nothing is in suspense.
    let out = scratch.path().join("out");
    let config = scratch.path().join("config/quittance.toml");
    drop(running);
    let mut command = std::process::Command::new(BINARY);
    let export = command
        .args(["export", "accounting", "--tenant", "maison-dupre", "--config"])
        .arg(&config)
        .arg("--out")
        .arg(&out);
    let said = export.args(["--from", "2026-03-01", "--to", "2026-03-31"]).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let journal = std::fs::read_dir(&out).unwrap().map(|file| file.unwrap().path());
    let journal = journal.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "txt")).unwrap();
    let mut sums: std::collections::BTreeMap<String, (i64, i64)> = std::collections::BTreeMap::new();
    for line in std::fs::read_to_string(journal).unwrap().split("\r\n").skip(1).filter(|line| !line.is_empty()) {
        let columns: Vec<&str> = line.split('\t').collect();
        let cents = |at: usize| columns[at].replace(',', "").parse::<i64>().unwrap_or(0);
        let sum = sums.entry(columns[4].to_owned()).or_default();
        (sum.0, sum.1) = (sum.0 + cents(11), sum.1 + cents(12));
    }
    assert_eq!(sums["512000"], (25_000, 25_000), "{sums:?}");
    assert_eq!(sums["471000"], (25_000, 25_000), "{sums:?}");
    assert!(sums.values().all(|(debit, credit)| debit == credit), "{sums:?}");
}

/// What went back to the payer cannot be taken back by the bank as well: a person looks at it.
#[test]
fn a_part_that_was_given_back_is_a_task_when_the_bank_takes_the_whole() {
    let (scratch, running) = sample("division-given-back", |text| text);
    let data = scratch.path().join("data");
    drop_file(&data.join("erp/in"), "invoices.csv", INVOICES.as_bytes());
    drop_file(&data.join("bank/in"), "in.xml", entry("E1", "CRDT", "").as_bytes());
    let north = id(&running.find("/v1/payment-requests", "F-1"));
    let whole = id(&wait_for("the task", || running.list("/v1/tasks").into_iter().next()));
    let parts = json!({ "by": "Ana", "parts": [{ "pays": [{ "payment_request": north }] }] });
    let divided = running.post(&format!("/v1/transfers/{whole}/divide"), &parts).json();
    let rest = divided["parts"][1]["transfer"].as_str().unwrap();
    let given =
        running.post(&format!("/v1/transfers/{rest}/give-back"), &json!({ "by": "Ana", "reason": "not ours" }));
    assert_eq!(given.status, 201, "{}", given.text());
    let payout = id(&given.json());
    let approved = running.post(&format!("/v1/payouts/{payout}/approve"), &json!({ "by": "Bob" }));
    assert_eq!(approved.json()["status"], "ordered", "{}", approved.text());
    let returned = "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>";
    drop_file(&data.join("bank/in"), "back.xml", entry("E2", "DBIT", returned).as_bytes());
    assert_eq!(read(&running, "payment-requests", &north)["status"], "open");
    assert_eq!(read(&running, "transfers", rest)["status"], "given_back", "its money has left");
    let task = wait_for("a task of the entry", || {
        running.list("/v1/tasks").into_iter().find(|task| task["doubt"] == "nothing_to_recall")
    });
    assert_eq!(task["amount"]["amount"], 25_000, "{task}");
}
