//! Files that the record log tells: the same period is the same bytes, what they hold adds up,
//! and the status files that leave by themselves are numbered without gaps.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value as Json, json};

use crate::support::running::{BINARY, Running, drop_file, sample};
use crate::support::schema::validates;
use crate::support::scratch::{Scratch, wait_for};
use crate::support::statement::statement;

const INVOICES: &str = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
    F-1;C-1;Jean Dupont;jean@example.org;;fr;120,00;02/03/2026;10/03/2026;Conseil\n\
    =F-2;C-2;ACME Ltd;ap@acme.example;;en;80,50;02/03/2026;10/03/2026;Design\n\
    F-3;C-2;ACME Ltd;ap@acme.example;;en;19,50;02/03/2026;10/03/2026;Design\n";

/// Invoices, a transfer that pays one with an excess, one that pays two, and one of nobody.
fn story(name: &str, edit: impl Fn(String) -> String) -> (Scratch, Running) {
    let (scratch, running) = sample(name, edit);
    let data = scratch.path().join("data");
    drop_file(&data.join("erp/in"), "invoices.csv", INVOICES.as_bytes());
    running.find("/v1/payment-requests", "F-3");
    let of = |customer: &str| running.find("/v1/customers", customer)["virtual_iban"].as_str().unwrap().to_owned();
    let (first, second) = (of("C-1"), of("C-2"));
    let entries =
        [("130.00", first.as_str(), "", "merci"), ("100.00", second.as_str(), "", ""), ("7.77", "", "", "qui ?")];
    let report = drop_file(&data.join("bank/in"), "statement.xml", statement("S1", &entries).as_bytes());
    assert_eq!(report["accepted"], 3, "{report}");
    (scratch, running)
}

fn export(scratch: &Scratch, kind: &str, out: &str, more: &[&str]) -> (bool, String) {
    let run = Command::new(BINARY)
        .args(["export", kind, "--tenant", "maison-dupre", "--out"])
        .arg(scratch.path().join(out))
        .arg("--config")
        .arg(scratch.path().join("config/quittance.toml"))
        .args(more)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    (run.status.success(), text)
}

const MARCH: [&str; 4] = ["--from", "2026-03-01", "--to", "2026-03-31"];

fn control(path: &Path) -> Json {
    let beside = format!("{}.control.json", path.display());
    serde_json::from_slice(&std::fs::read(beside).unwrap()).unwrap()
}

#[test]
fn an_export_is_the_same_bytes_while_the_service_runs_by_command_and_by_api() {
    let (scratch, mut running) = story("exports", |text| text);
    for (kind, ending) in [("accounting", "txt"), ("transfers", "xml"), ("statuses", "csv")] {
        let (fine, text) = export(&scratch, kind, "first", &MARCH);
        assert!(fine, "{text}");
        let name = format!("{kind}-maison-dupre-2026-03-01-2026-03-31.{ending}");
        let file = scratch.path().join("first").join(&name);
        let bytes = std::fs::read(&file).unwrap();
        let answer = running.get(&format!("/v1/exports/{kind}?from=2026-03-01&to=2026-03-31"));
        assert_eq!((answer.status, &answer.body), (200, &bytes), "{}", answer.text());
        let sealed = control(&file);
        assert_eq!(answer.header("etag"), sealed["sha256"].as_str().map(|sum| format!("\"{sum}\"")).as_deref());
        assert!(answer.header("content-disposition").unwrap().contains(&name));
        // What comes later is of no other period.
        running.advance("40d");
        let (fine, text) = export(&scratch, kind, "second", &MARCH);
        assert!(fine, "{text}");
        let again = std::fs::read(scratch.path().join("second").join(&name)).unwrap();
        if kind != "statuses" {
            assert_eq!(bytes, again, "{kind}");
        }
    }
    assert_eq!(running.get("/v1/exports/statuses?from=2026-03-01").status, 400);
    assert_eq!(running.get("/v1/exports/dreams?from=2026-03-01&to=2026-03-31").status, 404);
    running.stop();
    let (fine, text) = export(&scratch, "transfers", "third", &MARCH);
    assert!(fine, "without the service as well: {text}");
}

/// The lines of each entry: account, customer, piece, and what it debits or credits.
fn entries<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, Vec<(&'a str, &'a str, &'a str, i64)>> {
    let mut entries: BTreeMap<&str, Vec<(&str, &str, &str, i64)>> = BTreeMap::new();
    for line in lines {
        let columns: Vec<&str> = line.split('\t').collect();
        assert_eq!(columns.len(), 18, "{line}");
        let minor = |text: &str| text.replace(',', "").parse::<i64>().unwrap();
        let signed = minor(columns[11]) - minor(columns[12]);
        entries.entry(columns[2]).or_default().push((columns[4], columns[6], columns[8], signed));
    }
    entries
}

#[test]
fn a_cheque_pays_like_a_transfer_and_stands_on_an_account_of_its_own() {
    let (scratch, running) = story("cheque", |text| text);
    let header = INVOICES.lines().next().unwrap();
    let invoice = format!("{header}\nF-7;C-7;Jean Petit;p@example.org;;fr;60,00;02/03/2026;10/03/2026;Conseil\n");
    drop_file(&scratch.path().join("data/erp/in"), "later.csv", invoice.as_bytes());
    let request = running.find("/v1/payment-requests", "F-7");
    let cheque = |means: &str| {
        let body = serde_json::json!({
            "entry_ref": "no. 118", "amount": { "amount": 6_000, "currency": "EUR" }, "booked_on": "2026-03-02",
            "creditor_reference": request["creditor_reference"], "means": means,
        });
        running.post("/v1/transfers", &body)
    };
    assert_eq!(cheque("coins").status, 422);
    let noted = cheque("cheque").json();
    assert_eq!((&noted["means"], &noted["status"]), (&"cheque".into(), &"matched".into()), "{noted}");
    assert_eq!(cheque("cheque").json()["id"], noted["id"], "the same cheque is the same money");
    let path = format!("/v1/payment-requests/{}", request["id"].as_str().unwrap());
    assert_eq!(running.get(&path).json()["status"], "settled");
    let (fine, text) = export(&scratch, "accounting", "out", &MARCH);
    assert!(fine, "{text}");
    let journal = scratch.path().join("out/accounting-maison-dupre-2026-03-01-2026-03-31.txt");
    let journal = std::fs::read_to_string(journal).unwrap();
    let line = journal.lines().find(|line| line.contains("Chèque reçu")).unwrap_or_default();
    assert!(line.contains("\t511200\t") && line.contains("\t60,00\t0,00\t"), "{line}");
}

#[test]
fn what_is_given_up_and_what_credit_pays_stand_in_the_journal() {
    let (scratch, running) = story("given-up", |text| text);
    let own = json!({ "files": { "acceptance.toml": "[matching]\nwrite_off_minor_max = 50\n" } });
    let published = running.post("/v1/configuration/editions", &own);
    assert_eq!(published.status, 201, "{}", published.text());
    let (of, data) = (running.find("/v1/customers", "C-1"), scratch.path().join("data"));
    let account = of["virtual_iban"].as_str().unwrap();
    let invoice = |number: &str, amount: &str| {
        let header = INVOICES.lines().next().unwrap();
        format!("{header}\n{number};C-1;Jean Dupont;jean@example.org;;fr;{amount};02/03/2026;10/03/2026;Conseil\n")
    };
    drop_file(&data.join("erp/in"), "later.csv", invoice("F-4", "60,00").as_bytes());
    let entries_of = [("59.80", account, "", "F-4")];
    drop_file(&data.join("bank/in"), "later.xml", statement("S2", &entries_of).as_bytes());
    let request = running.find("/v1/payment-requests", "F-4");
    assert_eq!((&request["status"], &request["written_off"]["amount"]), (&"settled".into(), &20.into()), "{request}");

    // Ten euros of credit are left of the first transfer: they pay a part, and a person gives up the rest.
    drop_file(&data.join("erp/in"), "last.csv", invoice("F-5", "25,00").as_bytes());
    let path =
        format!("/v1/payment-requests/{}", running.find("/v1/payment-requests", "F-5")["id"].as_str().unwrap());
    let post = |what: &str, body: serde_json::Value| running.post(&format!("{path}/{what}"), &body);
    let part = post("use-credit", serde_json::json!({})).json();
    assert_eq!(part["outstanding"]["amount"], 1_500, "{part}");
    assert_eq!(post("use-credit", serde_json::json!({})).status, 409, "no credit is left");
    assert_eq!(post("write-off", serde_json::json!({ "reason": "small" })).status, 422, "somebody says so");
    let said = serde_json::json!({ "by": "ana", "reason": "gone away" });
    assert_eq!(post("write-off", said.clone()).json()["status"], "settled");
    assert_eq!(post("write-off/undo", said.clone()).json()["outstanding"]["amount"], 1_500);
    assert_eq!(post("write-off/undo", said.clone()).status, 409);
    assert_eq!(post("write-off", said).json()["status"], "settled");

    let (fine, text) = export(&scratch, "accounting", "out", &MARCH);
    assert!(fine, "{text}");
    let journal = scratch.path().join("out/accounting-maison-dupre-2026-03-01-2026-03-31.txt");
    let journal = std::fs::read_to_string(journal).unwrap();
    let mut balances: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for (number, lines) in entries(journal.split("\r\n").skip(1).filter(|line| !line.is_empty())) {
        assert_eq!(lines.iter().map(|(.., signed)| signed).sum::<i64>(), 0, "entry {number}: {lines:?}");
        for (account, customer, _, signed) in lines {
            *balances.entry((account, customer)).or_default() += signed;
        }
    }
    assert_eq!((balances[&("658000", "")], balances[&("419100", "C-1")]), (20 + 1_500, 0), "{balances:?}");
    assert_eq!(balances[&("411000", "C-1")], -(12_000 + 6_000 + 2_500), "each invoice is paid or given up whole");
}

#[test]
fn the_journal_of_receipts_balances_and_names_customers_and_invoices() {
    let (scratch, _running) =
        story("journal-of-receipts", |text| text.replace("bank = \"512000\"", "bank = \"512100\""));
    let (fine, text) = export(&scratch, "accounting", "out", &MARCH);
    assert!(fine && text.contains("EUR: credit 237.77, debit 237.77"), "{text}");
    let file = scratch.path().join("out/accounting-maison-dupre-2026-03-01-2026-03-31.txt");
    let text = std::fs::read_to_string(file).unwrap();
    let mut lines = text.split("\r\n").filter(|line| !line.is_empty());
    assert_eq!(lines.next().unwrap().split('\t').count(), 18);
    let entries = entries(lines);
    assert_eq!(entries.keys().copied().collect::<Vec<_>>(), ["1", "2", "3"]);
    for (number, lines) in &entries {
        assert_eq!(lines.iter().map(|(.., signed)| signed).sum::<i64>(), 0, "entry {number}: {lines:?}");
        assert_eq!(lines[0].0, "512100");
    }
    let mut lines: Vec<_> = entries.values().flatten().filter(|(account, ..)| *account != "512100").collect();
    lines.sort();
    let suspense = lines.pop().unwrap();
    assert_eq!((suspense.0, suspense.3), ("471000", -777));
    let credit = lines.pop().unwrap();
    assert_eq!((credit.0, credit.1, credit.3), ("419100", "C-1", -1_000));
    let paid: Vec<_> =
        lines.iter().map(|(account, customer, piece, signed)| (*account, *customer, *piece, *signed)).collect();
    let expected =
        [("411000", "C-1", "F-1", -12_000), ("411000", "C-2", "=F-2", -8_050), ("411000", "C-2", "F-3", -1_950)];
    assert_eq!(paid, expected);
}

#[test]
fn a_collection_that_the_payer_takes_back_leaves_the_journal_as_if_it_had_not_been() {
    let (scratch, running) = story("taken-back-collection", |text| text);
    let header = INVOICES.lines().next().unwrap();
    let invoice = format!("{header}\nF-9;C-1;Jean Dupont;;;fr;60,00;02/03/2026;10/03/2026;Conseil\n");
    drop_file(&scratch.path().join("data/erp/in"), "ninth.csv", invoice.as_bytes());
    let id = running.find("/v1/payment-requests", "F-9")["id"].as_str().unwrap().to_owned();
    let report = |result: &str| {
        // The card paid ten euros more than the invoice: they are the customer's credit.
        let amount = serde_json::json!({ "amount": 7_000, "currency": "EUR" });
        let body = serde_json::json!({
            "attempt_ref": "ch_9", "amount": amount, "result": result, "reason_code": "MD06",
        });
        let answer = running.post(&format!("/v1/payment-requests/{id}/attempts"), &body);
        assert_eq!(answer.status, 201, "{}", answer.text());
    };
    report("succeeded");
    report("reversed");
    let (fine, text) = export(&scratch, "accounting", "out", &MARCH);
    assert!(fine, "{text}");
    let journal = scratch.path().join("out/accounting-maison-dupre-2026-03-01-2026-03-31.txt");
    let journal = std::fs::read_to_string(journal).unwrap();
    let of_card: Vec<_> = entries(journal.split("\r\n").skip(1).filter(|line| !line.is_empty()))
        .into_values()
        .filter(|lines| lines.iter().any(|(account, ..)| *account == "511500"))
        .collect();
    let figures = |lines: &[(&'_ str, &'_ str, &'_ str, i64)]| -> Vec<(String, i64)> {
        lines.iter().map(|(account, .., signed)| ((*account).to_owned(), *signed)).collect()
    };
    let expected = |sign: i64| -> Vec<(String, i64)> {
        [("511500", 7_000), ("411000", -6_000), ("419100", -1_000)]
            .map(|(account, minor)| (account.to_owned(), minor * sign))
            .to_vec()
    };
    assert_eq!(of_card.iter().map(|lines| figures(lines)).collect::<Vec<_>>(), [expected(1), expected(-1)]);
}

#[test]
fn reconciled_transfers_are_a_notification_that_the_schema_and_our_reader_take() {
    let (scratch, running) = story("notification", |text| text);
    let (fine, text) = export(&scratch, "transfers", "out", &MARCH);
    assert!(fine && text.contains("2 lines") && text.contains("EUR: amount 230.00"), "{text}");
    let file = scratch.path().join("out/transfers-maison-dupre-2026-03-01-2026-03-31.xml");
    validates("camt.054.001.08.xsd", &file);
    let text = std::fs::read_to_string(&file).unwrap();
    for part in ["<Nb>F-1</Nb>", "<Nb>=F-2</Nb>", "<Nb>F-3</Nb>", "kept as the credit of the customer"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let (fine, text) = export(&scratch, "transfers", "none", &["--from", "2025-01-01", "--to", "2025-01-31"]);
    assert!(fine && text.contains("0 lines"), "{text}");
    validates("camt.054.001.08.xsd", &scratch.path().join("none/transfers-maison-dupre-2025-01-01-2025-01-31.xml"));
    let mut reader =
        quittance::formats::open_bank(std::io::BufReader::new(std::fs::File::open(&file).unwrap())).unwrap();
    let mut parts = 0;
    while let Some(item) = reader.next() {
        parts += usize::from(matches!(item.unwrap(), quittance::formats::Item::Row { .. }));
    }
    assert_eq!(parts, 4);
    drop(running);
}

#[test]
fn a_match_that_is_taken_back_is_a_reversal_in_every_export() {
    let (scratch, running) = story("taken-back", |text| text);
    let task = wait_for("the task", || running.list("/v1/tasks").into_iter().next());
    let id = task["id"].as_str().unwrap();
    let customer = running.find("/v1/customers", "C-2")["id"].as_str().unwrap().to_owned();
    let post = |what: &str, body: serde_json::Value| {
        let answer = running.post(&format!("/v1/transfers/{id}/{what}"), &body);
        assert_eq!(answer.status, 201, "{}", answer.text());
    };
    post("decision", serde_json::json!({ "customer": customer, "pays": [] }));
    post("take-back", serde_json::json!({ "reason": "wrong \u{fffe} customer" }));
    let other = running.find("/v1/customers", "C-1")["id"].as_str().unwrap().to_owned();
    post("decision", serde_json::json!({ "customer": other }));
    let (fine, text) = export(&scratch, "transfers", "out", &MARCH);
    // 130.00 and 100.00, and 7.77 once, whatever happened in between.
    assert!(fine && text.contains("EUR: amount 237.77"), "{text}");
    let file = scratch.path().join("out/transfers-maison-dupre-2026-03-01-2026-03-31.xml");
    validates("camt.054.001.08.xsd", &file);
    let xml = std::fs::read_to_string(&file).unwrap();
    assert_eq!((xml.matches("<RvslInd>true").count(), xml.matches(&format!("<NtryRef>{id}")).count()), (1, 3));
    let (fine, text) = export(&scratch, "accounting", "out", &MARCH);
    assert!(fine, "{text}");
    let journal = scratch.path().join("out/accounting-maison-dupre-2026-03-01-2026-03-31.txt");
    let journal = std::fs::read_to_string(journal).unwrap();
    let mut advances = std::collections::BTreeMap::<&str, i64>::new();
    for line in journal.split("\r\n").filter(|line| line.contains("\t419100\t")) {
        let columns: Vec<&str> = line.split('\t').collect();
        let minor = |text: &str| text.replace(',', "").parse::<i64>().unwrap();
        *advances.entry(columns[6]).or_default() += minor(columns[12]) - minor(columns[11]);
    }
    assert_eq!(advances, std::collections::BTreeMap::from([("C-1", 1_777), ("C-2", 0)]));
    let (fine, text) = export(&scratch, "transfers", "out", &["--from", "2026-03-31", "--to", "2026-03-01"]);
    assert!(!fine && text.contains("ends before it begins"), "{text}");
}

#[test]
fn status_files_are_numbered_without_gaps_and_their_totals_add_up() {
    let (scratch, mut running) =
        story("statuses", |text| text.replace("status_format = \"csv\"", "status_format = \"jsonl\""));
    let folder = scratch.path().join("data/erp/status");
    let files = || {
        let mut found: Vec<_> =
            std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        found.retain(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
        found.sort();
        found
    };
    let rows = || -> Vec<Json> {
        let lines = files().iter().map(|path| std::fs::read_to_string(path).unwrap()).collect::<String>();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    // Three issued, three settled.
    wait_for("six statuses", || (rows().len() >= 6).then_some(()));
    running.advance("1h");
    running.kill();
    let mut running = Running::start(&scratch.path().join("config/quittance.toml"));
    let more = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\
                F-4;C-1;Jean Dupont;jean@example.org;;fr;5,00;02/03/2026;10/03/2026;Conseil\n";
    drop_file(&scratch.path().join("data/erp/in"), "more.csv", more.as_bytes());
    wait_for("the fourth", || rows().iter().any(|row| row["invoice"] == "F-4").then_some(()));
    running.stop();
    for (number, path) in (1_u64..).zip(files()) {
        assert!(
            path.to_str().unwrap().ends_with(&format!("payment-status-maison-dupre-{number:08}.jsonl")),
            "{path:?}"
        );
        let control = control(&path);
        let lines: Vec<Json> =
            std::fs::read_to_string(&path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            (control["sequence"].as_u64(), control["rows"].as_u64()),
            (Some(number), Some(lines.len() as u64))
        );
        for column in ["amount", "paid", "outstanding"] {
            let minor = |value: &Json| value.as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
            let sum: i64 = lines.iter().map(|line| minor(&line[column])).sum();
            assert_eq!(minor(&control["totals"]["EUR"][column]), sum, "{column} of {path:?}");
        }
        let sum = std::fs::read_to_string(format!("{}.sha256", path.display())).unwrap();
        assert!(sum.starts_with(control["sha256"].as_str().unwrap()));
    }
    // The same statuses by period, and as the ERP got them one by one.
    let (fine, text) = export(&scratch, "statuses", "out", &[&MARCH[..], &["--format", "jsonl"]].concat());
    assert!(fine, "{text}");
    let told = std::fs::read_to_string(scratch.path().join("out/statuses-maison-dupre-2026-03-01-2026-03-31.jsonl"))
        .unwrap();
    let mut told: Vec<Json> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut sent = rows();
    let by_id = |row: &Json| row["event_id"].as_str().unwrap().to_owned();
    for rows in [&mut told, &mut sent] {
        rows.sort_by_key(by_id);
        rows.dedup();
    }
    assert_eq!(told, sent);
}

/// Files of events below the sample's folder for the ERP, by name.
fn event_files(scratch: &Scratch) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(scratch.path().join("data/erp/out")).into_iter().flatten().flatten();
    let files = entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()));
    let events = files.filter(|(name, _)| name.starts_with("events-maison-dupre.erp_out-"));
    events.map(|(name, path)| (name, std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn events_of_a_feed_stand_in_numbered_files_of_many_and_each_is_in_one() {
    let outgoing = "name = \"erp_out\"\n";
    let batched = "name = \"erp_out\"\nformat = \"csv\"\nbatch_seconds = 3\nbatch_rows = 4\n\
        columns = [\"event.id\", \"event.type\", \"request.external_ref\", \"request.paid\", \"request.paid.currency\"]\n";
    let (scratch, mut running) = sample("event-files", |text| text.replace(outgoing, batched));
    let rule =
        "[[rule]]\nname = \"issued\"\non = [\"payment_request.issued\"]\n\n[[rule.then]]\nfile = \"erp_out\"\n";
    let published = running.post("/v1/configuration/editions", &json!({ "files": { "rules.toml": rule } }));
    assert_eq!(published.status, 201, "{}", published.text());
    let invoice = |number: u32| {
        let header = INVOICES.lines().next().unwrap();
        format!("{header}\n=F-{number};C-9;Jean Dupont;j@example.org;;fr;10,00;02/03/2026;10/03/2026;Conseil\n")
    };
    let inbox = scratch.path().join("data/erp/in");
    for number in 0..6 {
        drop_file(&inbox, &format!("{number}.csv"), invoice(number).as_bytes());
    }
    // Four are a file; the other two wait, and a crash does not lose them.
    let first =
        wait_for("the first file", || event_files(&scratch).remove("events-maison-dupre.erp_out-00000001.csv"));
    let lines: Vec<&str> = first.lines().collect();
    assert_eq!(lines[0], "event.id;event.type;request.external_ref;request.paid;request.paid.currency");
    assert_eq!(lines.len(), 5, "{first}");
    assert!(lines[1].ends_with(";payment_request.issued;'=F-0;0.00;EUR"), "{first}");
    running.kill();
    let _running = Running::start(&scratch.path().join("config/quittance.toml"));
    let second =
        wait_for("the second file", || event_files(&scratch).remove("events-maison-dupre.erp_out-00000002.csv"));
    let ids =
        |text: &str| text.lines().skip(1).map(|line| line.split(';').next().unwrap().to_owned()).collect::<Vec<_>>();
    let mut all = [ids(&first), ids(&second)].concat();
    all.sort();
    all.dedup();
    assert_eq!((ids(&second).len(), all.len()), (2, 6), "{first}{second}");
    let control: Json =
        serde_json::from_str(&event_files(&scratch)["events-maison-dupre.erp_out-00000002.csv.control.json"])
            .unwrap();
    assert_eq!((&control["rows"], &control["sequence"]), (&2.into(), &2.into()), "{control}");
    assert_eq!(control["sha256"], quittance::digest::hex(&quittance::digest::sha256(second.as_bytes())));
    // A column that is not there is said at its place.
    let config = scratch.path().join("config/quittance.toml");
    let text = std::fs::read_to_string(&config).unwrap().replace("\"request.paid\",", "\"request.payed\",");
    std::fs::write(&config, text).unwrap();
    let checked = Command::new(BINARY).arg("check").arg(&config).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stderr).into_owned() + &String::from_utf8_lossy(&checked.stdout);
    assert!(!checked.status.success() && said.contains("did you mean \"request.paid\"?"), "{said}");
}
