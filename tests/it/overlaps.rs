//! The same money in several files, and what banks say of it beside the payer's own words.

use serde_json::{Value as Json, json};

use crate::support::running::{Running, drop_file, sample};
use crate::support::scratch::wait_for;

const OWN: &str = "FR1420041010050500013M02606";

/// An entry of one transaction: what stands in `Ntry` beside the amount, and in `TxDtls`.
struct Said<'a> {
    amount: &'a str,
    entry: &'a str,
    detail: &'a str,
}

fn entries(said: &[Said<'_>]) -> String {
    let entry = |Said { amount, entry, detail }: &Said<'_>| {
        format!(
            "<Ntry><Amt Ccy=\"EUR\">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>\
             <BookgDt><Dt>2026-03-05</Dt></BookgDt>{entry}<NtryDtls><TxDtls>{detail}</TxDtls></NtryDtls></Ntry>"
        )
    };
    said.iter().map(entry).collect()
}

fn notified(id: &str, said: &[Said<'_>]) -> String {
    format!(
        "<?xml version=\"1.0\"?><Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.054.001.08\"><BkToCstmrDbtCdtNtfctn>\
         <Ntfctn><Id>{id}</Id><Acct><Id><IBAN>{OWN}</IBAN></Id><Ccy>EUR</Ccy></Acct>{}</Ntfctn></BkToCstmrDbtCdtNtfctn></Document>",
        entries(said)
    )
}

fn stated(id: &str, account: &str, said: &[Said<'_>]) -> String {
    format!(
        "<?xml version=\"1.0\"?><Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt>\
         <Stmt><Id>{id}</Id><Acct><Id><IBAN>{account}</IBAN></Id><Ccy>EUR</Ccy></Acct>{}</Stmt></BkToCstmrStmt></Document>",
        entries(said)
    )
}

fn issue(running: &Running, customer: &str, number: &str, minor: i64, more: &Json) -> Json {
    let mut body = json!({
        "external_ref": number, "amount": { "amount": minor, "currency": "EUR" }, "issued_on": "2026-03-02",
        "due_on": "2026-03-31",
        "customer": { "external_ref": customer, "kind": "business", "name": format!("Maison {customer} Textile"), "language": "fr" },
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = running.post("/v1/payment-requests", &body);
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()
}

fn is(running: &Running, number: &str, status: &str) -> bool {
    running.find("/v1/payment-requests", number)["status"] == status
}

#[test]
fn a_message_that_says_something_else_under_the_same_name_is_not_taken() {
    let (scratch, running) = sample("messages", |text| text);
    issue(&running, "411A", "F-1", 5_000, &json!({}));
    let inbox = scratch.path().join("data/bank/in");
    let message = |id: &str, made_at: &str, amount: &str| {
        let header = format!("<GrpHdr><MsgId>{id}</MsgId><CreDtTm>{made_at}</CreDtTm></GrpHdr><Ntfctn>");
        let (end_to_end, entry) = ("<Refs><EndToEndId>F-1</EndToEndId></Refs>", "");
        notified("N", &[Said { amount, entry, detail: end_to_end }]).replacen("<Ntfctn>", &header, 1)
    };
    let told = |name: &str, text: &str| -> Json {
        drop_file(&inbox, name, text.as_bytes());
        wait_for(name, || {
            let found = ["done", "rejected"].map(|folder| inbox.join(folder).join(format!("{name}.report.json")));
            let path = found.into_iter().find(|path| path.exists())?;
            serde_json::from_slice(&std::fs::read(path).ok()?).ok()
        })
    };
    let first = message("M-1", "2026-03-05T18:00:00", "50.00");
    assert_eq!(told("first.xml", &first)["outcome"], "accepted");
    assert_eq!(told("again.xml", &first)["outcome"], "duplicate");
    let other = told("other.xml", &message("M-1", "2026-03-05T18:00:00", "5000.00"));
    assert_eq!((&other["outcome"], &other["accepted"]), (&json!("rejected"), &json!(0)), "{other}");
    let why = other["errors"][0]["message"].as_str().unwrap();
    assert!(why.contains("M-1 2026-03-05T18:00:00") && why.contains("was read before"), "{other}");
    // Ids come again with the years.
    let later = told("later.xml", &message("M-1", "2027-03-05T18:00:00", "60.00"));
    assert_eq!((&later["outcome"], &later["accepted"]), (&json!("accepted"), &json!(1)), "{later}");
    wait_for("both transfers", || {
        let received = running.get("/v1/transfers").json();
        (received["data"].as_array()?.len() == 2).then_some(())
    });
}

#[test]
fn the_same_money_in_two_files_pays_once_whatever_each_says_of_it() {
    let (scratch, running) = sample("overlaps", |text| text);
    let bank = scratch.path().join("data/bank/in");
    for (number, minor) in [("FA-10001", 20_500), ("FA-10002", 99_900)] {
        issue(&running, "C-1", number, minor, &json!({}));
    }
    let own = running.find("/v1/customers", "C-1")["virtual_iban"].as_str().unwrap().to_owned();
    let words = |refs: &str| {
        format!(
            "<Refs>{refs}<EndToEndId>E2E-77</EndToEndId></Refs><RltdPties><CdtrAcct><Id><IBAN>{own}</IBAN></Id></CdtrAcct></RltdPties>\
             <RmtInf><Ustrd>merci</Ustrd></RmtInf>"
        )
    };
    // The day's notification has no reference of the bank's; the statement has.
    let (intraday, plain) = (words("<TxId>TX-77</TxId>"), words(""));
    drop_file(&bank, "n.xml", notified("N", &[Said { amount: "205.00", entry: "", detail: &intraday }]).as_bytes());
    wait_for("the first to be paid", || is(&running, "FA-10001", "settled").then_some(()));
    let with_reference = Said { amount: "205.00", entry: "<AcctSvcrRef>BNK-77</AcctSvcrRef>", detail: &intraday };
    let report = drop_file(&bank, "s.xml", stated("S", OWN, &[with_reference]).as_bytes());
    assert_eq!((&report["accepted"], &report["known"]), (&0.into(), &1.into()), "{report}");
    // Without the clearing's id, what is said of it tells; and two that say the same in one file are two.
    let twin = || Said { amount: "7.00", entry: "", detail: &plain };
    let report = drop_file(&bank, "n2.xml", notified("N2", &[twin(), twin()]).as_bytes());
    assert_eq!(report["accepted"], 2, "{report}");
    let twin = |entry| Said { amount: "7.00", entry, detail: &plain };
    let both = ["<AcctSvcrRef>BNK-1</AcctSvcrRef>", "<AcctSvcrRef>BNK-2</AcctSvcrRef>"].map(twin);
    let report = drop_file(&bank, "s2.xml", stated("S2", OWN, &both).as_bytes());
    assert_eq!((&report["accepted"], &report["known"]), (&0.into(), &2.into()), "{report}");
    // The same words with another reference of the bank's are another payment, in whatever file.
    for (at, reference) in ["BNK-8", "BNK-9"].iter().enumerate() {
        let entry = format!("<AcctSvcrRef>{reference}</AcctSvcrRef>");
        let one = Said { amount: "8.00", entry: &entry, detail: &plain };
        let report = drop_file(&bank, &format!("t{at}.xml"), stated(&format!("T{at}"), OWN, &[one]).as_bytes());
        assert_eq!(report["accepted"], 1, "{reference}: {report}");
    }
    // So are those that a bank gives one id to, when it says something else of each.
    for (at, name) in ["Ana", "Bob"].iter().enumerate() {
        let detail = words("<TxId>SAME</TxId>")
            .replace("<RltdPties>", &format!("<RltdPties><Dbtr><Pty><Nm>{name}</Nm></Pty></Dbtr>"));
        let one = Said { amount: "9.00", entry: "", detail: &detail };
        let report = drop_file(&bank, &format!("u{at}.xml"), notified(&format!("U{at}"), &[one]).as_bytes());
        assert_eq!(report["accepted"], 1, "{name}: {report}");
    }
    // The same payment with another amount, and no reference but the payer's: a person says which is right.
    let said = words("<TxId>TX-90</TxId>");
    for (name, amount) in [("r1", "11.00"), ("r2", "12.00")] {
        drop_file(&bank, name, notified(name, &[Said { amount, entry: "", detail: &said }]).as_bytes());
    }
    wait_for("the doubt", || {
        running
            .list("/v1/tasks")
            .into_iter()
            .find(|task| task["doubt"] == "restated" && task["amount"]["amount"] == 1_200)
    });
    assert!(is(&running, "FA-10002", "open"));
}

#[test]
fn a_reference_is_found_wherever_banks_carry_it() {
    let (scratch, running) = sample("carriers", |text| {
        let at = "# [tenant.reconciliation]";
        text.replace(at, &format!("[tenant.reconciliation]\naccounts = [\"{OWN}\"]\n#"))
    });
    let bank = scratch.path().join("data/bank/in");
    let reference = |made: &Json| made["creditor_reference"].as_str().unwrap().to_owned();
    let made: Vec<Json> = (0..8)
        .map(|at: i64| issue(&running, &format!("K-{at}"), &format!("FA-2026-3100{at}"), 5_000 + at, &json!({})))
        .collect();
    let own =
        |at: usize| running.find("/v1/customers", &format!("K-{at}"))["virtual_iban"].as_str().unwrap().to_owned();
    let qrr = "21 00000 00003 13947 14300 09017";
    issue(&running, "K-8", "FA-2026-31008", 5_008, &json!({ "payment_reference": qrr }));
    let details = [
        format!("<AddtlTxInf>VIR SEPA {}</AddtlTxInf>", reference(&made[0])),
        format!("<Refs><InstrId>{}</InstrId></Refs>", reference(&made[1])),
        format!("<Refs><TxId>{}</TxId></Refs>", reference(&made[2])),
        "<RmtInf><Strd><RfrdDocInf><Nb>FA-2026-31003</Nb></RfrdDocInf></Strd></RmtInf>".to_owned(),
        format!("<RltdPties><CdtrAcct><Id><Othr><Id>{}</Id></Othr></Id></CdtrAcct></RltdPties>", own(4)),
        format!("<RltdPties><UltmtCdtr><Pty><Id><PrvtId><Othr><Id>{}</Id></Othr></PrvtId></Id></Pty></UltmtCdtr></RltdPties>", own(5)),
        "<RltdPties><Dbtr><Pty><Nm>PayFast Europe SA</Nm></Pty></Dbtr><UltmtDbtr><Pty><Nm>Maison K-6 Textile</Nm></Pty></UltmtDbtr></RltdPties>".to_owned(),
        // More text than is kept, and the number within it.
        format!("<RmtInf>{}<Ustrd>FA-2026-31007</Ustrd></RmtInf>", format!("<Ustrd>{}</Ustrd>", "abcdefg ".repeat(15)).repeat(8)),
        format!("<RmtInf><Ustrd>{qrr}</Ustrd></RmtInf>"),
    ];
    let amounts: Vec<String> = (0..9).map(|at| format!("50.0{at}")).collect();
    let said: Vec<Said<'_>> =
        details.iter().zip(&amounts).map(|(detail, amount)| Said { amount, entry: "", detail }).collect();
    let report = drop_file(&bank, "carriers.xml", stated("C", OWN, &said).as_bytes());
    assert_eq!((&report["accepted"], &report["refused"]), (&9.into(), &0.into()), "{report}");
    for at in 0..9 {
        let number = format!("FA-2026-3100{at}");
        wait_for(&number, || is(&running, &number, "settled").then_some(()));
    }
    // What is booked to an account that is not the merchant's is for a person, whatever it names.
    let late = issue(&running, "K-9", "FA-2026-31009", 5_009, &json!({}));
    let detail = format!("<RmtInf><Ustrd>{}</Ustrd></RmtInf>", reference(&late));
    let said = [Said { amount: "50.09", entry: "", detail: &detail }];
    drop_file(&bank, "other.xml", stated("O", "DE89370400440532013000", &said).as_bytes());
    wait_for("the task", || running.list("/v1/tasks").into_iter().find(|task| task["doubt"] == "account_not_ours"));
    assert!(is(&running, "FA-2026-31009", "open"));
    // The amount that fitted nothing is that of an invoice that comes later.
    issue(&running, "K-20", "FA-2026-32001", 1_000, &json!({}));
    issue(&running, "K-20", "FA-2026-32002", 2_000, &json!({}));
    let number = running.find("/v1/customers", "K-20")["virtual_iban"].as_str().unwrap().to_owned();
    let detail = format!("<RltdPties><CdtrAcct><Id><IBAN>{number}</IBAN></Id></CdtrAcct></RltdPties>");
    drop_file(
        &bank,
        "early.xml",
        stated("E", OWN, &[Said { amount: "55.55", entry: "", detail: &detail }]).as_bytes(),
    );
    wait_for("it to wait", || running.list("/v1/tasks").into_iter().find(|task| task["amount"]["amount"] == 5_555));
    issue(&running, "K-20", "FA-2026-32003", 5_555, &json!({}));
    wait_for("it to be placed", || is(&running, "FA-2026-32003", "settled").then_some(()));
}
