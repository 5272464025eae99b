//! Money that had come in and that the bank takes back: its invoices are open again, and doubt is a task.

use serde_json::{Value as Json, json};

use crate::support::running::{Running, drop_file, sample};
use crate::support::scratch::{Scratch, wait_for};

/// An entry of a notification.
#[derive(Default)]
struct Entry<'a> {
    amount: &'a str,
    /// Whether it leaves, and how it says that it takes money back: a reason, `reversal`, or only its code; as another
    /// credit in `kept direction`.
    takes_back: &'a str,
    end_to_end: &'a str,
    uetr: &'a str,
    structured: &'a str,
    family: &'a str,
}

fn notification(id: &str, entries: &[Entry<'_>]) -> String {
    let entries: String = (1..)
        .zip(entries)
        .map(|(number, entry): (u32, _)| {
            let Entry { amount, takes_back, end_to_end, uetr, structured, family } = entry;
            let leaf = |name: &str, text: &str| match text {
                "" => String::new(),
                text => format!("<{name}>{text}</{name}>"),
            };
            let returned = match *takes_back {
                "" | "reversal" | "kept direction" | "code" => String::new(),
                reason => format!("<RtrInf><Rsn><Cd>{reason}</Cd></Rsn></RtrInf>"),
            };
            let reversal = if matches!(*takes_back, "reversal" | "kept direction") { "<RvslInd>true</RvslInd>" } else { "" };
            let direction = if matches!(*takes_back, "" | "kept direction") { "CRDT" } else { "DBIT" };
            let reference = match *structured {
                "" => String::new(),
                text => format!("<RmtInf><Strd><CdtrRefInf><Ref>{text}</Ref></CdtrRefInf></Strd></RmtInf>"),
            };
            let code = match *family {
                "" => String::new(),
                family => format!(
                    "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>{family}</Cd><SubFmlyCd>RRTN</SubFmlyCd></Fmly></Domn></BkTxCd>"
                ),
            };
            format!(
                "<Ntry><Amt Ccy=\"EUR\">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd>{reversal}<Sts><Cd>BOOK</Cd></Sts>\
                 <BookgDt><Dt>2026-03-05</Dt></BookgDt><AcctSvcrRef>{id}-{number}</AcctSvcrRef>{code}<NtryDtls><TxDtls>\
                 <Refs>{}{}</Refs>{reference}{returned}</TxDtls></NtryDtls></Ntry>",
                leaf("EndToEndId", end_to_end),
                leaf("UETR", uetr),
            )
        })
        .collect();
    format!(
        "<Document><BkToCstmrDbtCdtNtfctn><Ntfctn><Id>{id}</Id><Acct><Id><IBAN>FR1420041010050500013M02606</IBAN></Id>\
         <Ccy>EUR</Ccy></Acct>{entries}</Ntfctn></BkToCstmrDbtCdtNtfctn></Document>"
    )
}

/// A merchant with invoices of 120.00, 90.00 and 60.00 of three customers.
fn story(name: &str) -> (Scratch, Running, [String; 3]) {
    let (scratch, running) = sample(name, |text| text);
    let invoices = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
        F-1;C-1;Jean Dupont;jean@example.org;;fr;120,00;02/03/2026;10/03/2026;Conseil\n\
        F-2;C-2;Anne Roux;anne@example.org;;fr;90,00;02/03/2026;10/03/2026;Conseil\n\
        F-3;C-3;Paul Petit;paul@example.org;;fr;60,00;02/03/2026;10/03/2026;Conseil\n";
    drop_file(&scratch.path().join("data/erp/in"), "invoices.csv", invoices.as_bytes());
    let reference =
        |number| running.find("/v1/payment-requests", number)["creditor_reference"].as_str().unwrap().into();
    let references = ["F-1", "F-2", "F-3"].map(reference);
    (scratch, running, references)
}

fn request_is(running: &Running, number: &str, status: &str) -> Json {
    let path =
        format!("/v1/payment-requests/{}", running.find("/v1/payment-requests", number)["id"].as_str().unwrap());
    wait_for(&format!("{number} {status}"), || {
        Some(running.get(&path).json()).filter(|seen| seen["status"] == status)
    })
}

fn transfers(running: &Running, status: &str) -> Vec<Json> {
    running.list("/v1/transfers").into_iter().filter(|seen| seen["status"] == status).collect()
}

#[test]
fn what_the_bank_takes_back_opens_its_invoices_again() {
    let (scratch, mut running, [first, second, third]) = story("recalls");
    let bank = scratch.path().join("data/bank/in");
    const UETR: &str = "8a562c67-ca16-48ba-b074-65581be6f011";
    let paid = notification(
        "N1",
        &[
            Entry { amount: "120.00", end_to_end: "PAY-1", structured: &first, ..Entry::default() },
            Entry { amount: "90.00", uetr: UETR, structured: &second, ..Entry::default() },
        ],
    );
    drop_file(&bank, "paid.xml", paid.as_bytes());
    request_is(&running, "F-1", "settled");
    request_is(&running, "F-2", "settled");

    // One by the payer's id and a reason, one by its UETR and a reversal; the process dies in between.
    let taken = notification(
        "N2",
        &[
            Entry { amount: "120.00", takes_back: "AC04", end_to_end: "PAY-1", family: "RCDT", ..Entry::default() },
            Entry { amount: "90.00", takes_back: "reversal", uetr: UETR, ..Entry::default() },
        ],
    );
    std::fs::write(bank.join("taken.xml.part"), &taken).unwrap();
    std::fs::rename(bank.join("taken.xml.part"), bank.join("taken.xml")).unwrap();
    running.kill();
    let running = Running::start(&scratch.path().join("config/quittance.toml"));
    assert_eq!(request_is(&running, "F-1", "open")["outstanding"]["amount"], 12_000);
    request_is(&running, "F-2", "open");
    wait_for("both", || (transfers(&running, "recalled").len() == 2).then_some(()));
    let seen = transfers(&running, "recalled");
    let first = seen.iter().find(|seen| seen["amount"]["amount"] == 12_000).unwrap();
    assert_eq!(
        (&first["explanation"], &first["recall"]["reason"]),
        (&"taken back by the bank: AC04".into(), &"AC04".into())
    );
    let entry = running.get(&format!("/v1/transfers/{}", first["recall"]["entry"].as_str().unwrap())).json();
    assert_eq!((&entry["status"], &entry["nature"]), (&"noted".into(), &"returned".into()), "{entry}");

    // In another file, and read again: once. Beside each other in one file: the money first.
    drop_file(&bank, "again.xml", taken.replace("<Id>N2</Id>", "<Id>N3</Id>").as_bytes());
    // The ERP that heard that it was settled hears that it is not, and a person reads why.
    let told = |kind: &str| {
        let folder = std::fs::read_dir(scratch.path().join("data/erp/out")).into_iter().flatten().flatten();
        let files = folder.filter_map(|entry| std::fs::read_to_string(entry.path()).ok());
        files.filter(|text| text.contains(&format!("\"{kind}\""))).count()
    };
    wait_for("the ERP to be told", || {
        (told("payment_request.settled") == 2 && told("payment_request.reopened") == 2).then_some(())
    });
    let both = notification(
        "N4",
        &[
            Entry { amount: "60.00", takes_back: "FOCR", end_to_end: "PAY-3", ..Entry::default() },
            Entry { amount: "60.00", end_to_end: "PAY-3", structured: &third, ..Entry::default() },
        ],
    );
    drop_file(&bank, "both.xml", both.as_bytes());
    wait_for("all three", || (transfers(&running, "recalled").len() == 3).then_some(()));
    request_is(&running, "F-3", "open");
    assert_eq!(running.list("/v1/tasks"), Vec::<Json>::new());
}

#[test]
fn what_takes_back_something_that_is_not_found_is_a_task() {
    let (scratch, running, [first, second, _]) = story("recalls-tasks");
    let bank = scratch.path().join("data/bank/in");
    let paid = notification(
        "N1",
        &[
            Entry { amount: "120.00", end_to_end: "PAY-1", structured: &first, ..Entry::default() },
            Entry { amount: "90.00", end_to_end: "PAY-2", structured: &second, ..Entry::default() },
        ],
    );
    drop_file(&bank, "paid.xml", paid.as_bytes());
    request_is(&running, "F-1", "settled");
    request_is(&running, "F-2", "settled");
    // Another amount than the id's, and what only the code tells; a direct debit of somebody else's system and what was
    // paid out are nobody's task.
    let taken = notification(
        "N2",
        &[
            Entry { amount: "119.00", takes_back: "AC04", end_to_end: "PAY-1", ..Entry::default() },
            Entry { amount: "120.00", takes_back: "code", end_to_end: "OTHER", family: "RCDT", ..Entry::default() },
            Entry { amount: "75.00", takes_back: "MD06", end_to_end: "SDD-1", family: "RDDT", ..Entry::default() },
            // Of a collection with the same reference as a transfer that is here.
            Entry { amount: "90.00", takes_back: "MD06", end_to_end: "PAY-2", family: "RDDT", ..Entry::default() },
            Entry { amount: "31.00", takes_back: "code", end_to_end: "RENT", family: "ICDT", ..Entry::default() },
        ],
    );
    drop_file(&bank, "taken.xml", taken.as_bytes());
    // The correction of a credit as another credit, and of something else.
    let kept = notification(
        "N3",
        &[
            Entry { amount: "90.00", takes_back: "kept direction", end_to_end: "PAY-2", ..Entry::default() },
            Entry { amount: "5.00", takes_back: "kept direction", end_to_end: "FEE", ..Entry::default() },
        ],
    );
    drop_file(&bank, "kept.xml", kept.as_bytes());
    let kept = wait_for("a task of it", || {
        let mut tasks = running.list("/v1/tasks");
        tasks.retain(|task| task["amount"]["amount"] == 9_000);
        tasks.pop()
    });
    assert_eq!((&kept["doubt"], &kept["nature"]), (&"unclear_correction".into(), &"reversed".into()));
    request_is(&running, "F-2", "settled");
    let aside = format!("/v1/transfers/{}/set-aside", kept["id"].as_str().unwrap());
    assert_eq!(running.post(&aside, &json!({ "reason": "a mistake of the bank" })).status, 201);
    wait_for("it to be put aside", || {
        running.list("/v1/tasks").iter().all(|task| task["id"] != kept["id"]).then_some(())
    });
    let tasks = wait_for("two tasks", || Some(running.list("/v1/tasks")).filter(|tasks| tasks.len() == 2));
    assert!(
        tasks.iter().all(|task| task["doubt"] == "nothing_to_recall" && task["unallocated"].is_null()),
        "{tasks:?}"
    );
    let task = |minor: i64| {
        let task = tasks.iter().find(|task| task["amount"]["amount"] == minor).unwrap();
        task["id"].as_str().unwrap().to_owned()
    };
    let (wrong, taken) = (task(11_900), task(12_000));
    let customer = running.find("/v1/customers", "C-1")["id"].as_str().unwrap().to_owned();
    let placed =
        running.post(&format!("/v1/transfers/{taken}/decision"), &json!({ "customer": customer, "pays": [] }));
    assert!(placed.status == 409 && placed.text().contains("brings no money"), "{}", placed.text());

    // A person says what it is: not this one, but that one.
    let of = |minor: i64| {
        let found =
            transfers(&running, "matched").into_iter().find(|seen| seen["amount"]["amount"] == minor).unwrap();
        found["id"].as_str().unwrap().to_owned()
    };
    let (matched, other) = (of(12_000), of(9_000));
    let decision = running.get(&format!("/v1/decisions/{matched}")).json()["decision"].clone();
    assert_eq!(
        (&decision["taken"]["why"], &decision["taken"]["pays"][0]["amount"]["amount"]),
        (&"exact amount".into(), &12_000.into())
    );
    assert_eq!(decision["margin"], decision["taken"]["score"], "nothing else was considered: {decision}");
    let recalls = |entry: &str, transfer: &str| {
        running.post(&format!("/v1/transfers/{entry}/recalls"), &json!({ "transfer": transfer, "by": "ana" }))
    };
    assert!(recalls(&taken, &other).text().contains("120.00 EUR is taken back"));
    assert!(recalls(&matched, &other).text().contains("takes nothing back"));
    assert_eq!(recalls(&taken, &matched).status, 201);
    assert_eq!(recalls(&taken, &matched).status, 201, "the same again");
    request_is(&running, "F-1", "open");
    let seen = running.get(&format!("/v1/transfers/{taken}")).json();
    assert_eq!(seen["explanation"], format!("put aside by ana: it takes {matched} back"));
    assert!(recalls(&wrong, &matched).text().contains("its money is not here"));
    // One entry takes one transfer back.
    let again = json!({
        "entry_ref": "T-1", "amount": { "amount": 12_000, "currency": "EUR" }, "booked_on": "2026-03-02",
    });
    let twin = running.post("/v1/transfers", &again).json()["id"].as_str().unwrap().to_owned();
    assert!(recalls(&taken, &twin).text().contains("does not wait for a decision"));
    let aside = running.post(&format!("/v1/transfers/{twin}/set-aside"), &json!({ "reason": "story" }));
    assert_eq!(aside.status, 201, "{}", aside.text());

    let aside = running.post(&format!("/v1/transfers/{wrong}/set-aside"), &json!({ "reason": "charges" }));
    assert_eq!(aside.status, 201, "{}", aside.text());
    wait_for("no task", || running.list("/v1/tasks").is_empty().then_some(()));

    // In the books the money is gone, and the customer owes it.
    let journal = running.get("/v1/exports/accounting?from=2026-03-01&to=2026-03-31").text();
    let sum = |account: &str| -> i64 {
        let lines = journal.split("\r\n").map(|line| line.split('\t').collect::<Vec<_>>());
        let minor = |text: &str| text.replace(',', "").parse::<i64>().unwrap();
        lines.filter(|line| line.get(4) == Some(&account)).map(|line| minor(line[11]) - minor(line[12])).sum()
    };
    assert!(journal.contains("Virement repris par la banque"), "{journal}");
    assert_eq!((sum("512000"), sum("411000"), sum("471000")), (21_000, -9_000, -12_000), "{journal}");
}

#[test]
fn an_entry_takes_back_one_transfer_however_many_people_decide_at_once() {
    let (scratch, running, _) = story("recalls-rivals");
    let amounts = ["11.00", "12.00", "13.00", "14.00", "15.00"];
    let transfer = |name: String, minor: i64| {
        let amount = json!({ "amount": minor, "currency": "EUR" });
        let body = json!({ "entry_ref": name, "amount": amount, "booked_on": "2026-03-02" });
        running.post("/v1/transfers", &body).json()["id"].as_str().unwrap().to_owned()
    };
    let taken: Vec<Entry<'_>> =
        amounts.iter().map(|amount| Entry { amount, takes_back: "FOCR", ..Entry::default() }).collect();
    drop_file(&scratch.path().join("data/bank/in"), "taken.xml", notification("N1", &taken).as_bytes());
    let tasks = wait_for("the tasks", || {
        let mut tasks = running.list("/v1/tasks");
        tasks.retain(|task| task["doubt"] == "nothing_to_recall");
        Some(tasks).filter(|tasks| tasks.len() == amounts.len())
    });
    for task in tasks {
        let minor = task["amount"]["amount"].as_i64().unwrap();
        let path = format!("/v1/transfers/{}/recalls", task["id"].as_str().unwrap());
        let rivals = ["A", "B"].map(|name| transfer(format!("{name}-{minor}"), minor));
        let mut heard = std::thread::scope(|scope| {
            let (path, running) = (&path, &running);
            let ask = |id: &String| {
                let body = json!({ "transfer": id, "by": "ana" });
                scope.spawn(move || running.post(path, &body).status)
            };
            rivals.each_ref().map(ask).map(|asked| asked.join().unwrap())
        });
        heard.sort_unstable();
        assert_eq!(heard, [201, 409], "{minor}");
        let gone =
            rivals.iter().filter(|id| running.get(&format!("/v1/transfers/{id}")).json()["status"] == "recalled");
        assert_eq!(gone.count(), 1, "{minor}");
    }
}
