//! Watched directories as ERPs and banks use them: every format in one feed, the same money in
//! several files, markers and manifests, rows to be fixed, and a file that outlives its process.

use std::fmt::Write as _;
use std::io::Write as _;

use crate::support::golden::project;
use crate::support::http::call;
use crate::support::running::{KEY, Running, configure, drop_file, report, sample};
use crate::support::scratch::{Scratch, wait_for};

fn counts(report: &serde_json::Value) -> (String, u64, u64, u64) {
    let number = |key: &str| report[key].as_u64().unwrap();
    (report["outcome"].as_str().unwrap().to_owned(), number("accepted"), number("known"), number("refused"))
}

fn was(outcome: &str, accepted: u64, known: u64, refused: u64) -> (String, u64, u64, u64) {
    (outcome.to_owned(), accepted, known, refused)
}

#[test]
fn one_feed_takes_every_bank_format_and_counts_the_same_money_once() {
    let (scratch, service) = sample("formats", |text| text);
    // Statements of days to come say nothing.
    service.advance("7d");
    let bank = scratch.path().join("data/bank/in");
    let fixture = |path: &str| std::fs::read(project().join("fixtures/bank").join(path)).unwrap();
    for (path, name, expected) in [
        ("mt940/german.sta", "a.txt", was("accepted", 3, 0, 0)),
        // Intraday: its one entry stands in the statement as well.
        ("mt940/intraday.942", "b.dat", was("accepted", 0, 1, 0)),
        ("cfonb120/every_complement.cfo", "c", was("accepted", 3, 0, 0)),
        ("cfonb120/without_line_breaks.cfo", "d", was("accepted", 0, 3, 0)),
        ("bai2/two_accounts.bai", "e.csv", was("accepted", 2, 0, 0)),
        ("ofx/sgml.ofx", "f", was("accepted", 4, 0, 0)),
        ("mt940/free_text_in_an_envelope.sta", "g", was("accepted", 3, 0, 0)),
        ("cfonb240/two_rejects.cfo", "h", was("accepted", 2, 0, 0)),
        ("pain002/transactions.xml", "j", was("accepted", 2, 0, 0)),
        ("mt940/refused/does_not_close.sta", "i", was("rejected", 0, 0, 1)),
    ] {
        let report = drop_file(&bank, name, &fixture(path));
        assert_eq!(counts(&report), expected, "{path}: {report}");
    }
    let rejected = std::fs::read_to_string(bank.join("rejected/i.report.html")).unwrap();
    assert!(rejected.contains("the difference 1.00 EUR"), "{rejected}");
    // Every line of a statement is in the log, with what the bank said of it.
    let returned = wait_for("the returned collection to be listed", || {
        service.list("/v1/transfers").into_iter().find(|one| one["end_to_end_id"] == "PR-118-1")
    });
    assert_eq!(returned["status"], "noted", "{returned}");
    let reported = wait_for("the reports to be listed", || {
        let answer = service.get("/v1/order-statuses?end_to_end_id=PR-118-1").json();
        answer["data"].as_array().filter(|all| !all.is_empty()).cloned()
    });
    assert_eq!((&reported[0]["status"], &reported[0]["reasons"][0]["code"]), (&"RJCT".into(), &"AM04".into()));
    let statements = wait_for("the statements to be listed", || {
        let answer = service.get("/v1/statements").json();
        (answer["data"].as_array()?.len() >= 9).then_some(answer)
    });
    assert_eq!(statements["complete_up_to"]["FR1420041010050500013M02606"], "2026-03-06", "{statements}");
    // Its last statement does not open with what the one before it closed with: they are of several banks.
    let missing = statements["missing"].as_array().unwrap().iter().find(|gap| gap["before"] == "2026-03-07");
    assert_eq!(missing.unwrap()["after"], "2026-03-06", "{statements}");
}

/// A camt.054 that parts a batch, and a camt.053 that has it as one amount.
fn batch(message: &str, statement: &str, details: &str) -> String {
    format!(
        "<Document><{message}><{statement}><Id>B</Id><Acct><Id><IBAN>FR1420041010050500013M02606</IBAN></Id><Ccy>EUR</Ccy></Acct>\
         <Ntry><Amt Ccy=\"EUR\">30.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-03-05</Dt></BookgDt>\
         <AcctSvcrRef>BATCH-1</AcctSvcrRef>{details}</Ntry></{statement}></{message}></Document>"
    )
}

#[test]
fn a_batch_is_counted_once_divided_or_not() {
    let (scratch, _service) = sample("batches", |text| text);
    let bank = scratch.path().join("data/bank/in");
    let part = |amount: &str, name: &str| {
        format!("<TxDtls><Amt Ccy=\"EUR\">{amount}</Amt><RltdPties><Dbtr><Nm>{name}</Nm></Dbtr></RltdPties></TxDtls>")
    };
    let details = format!("<NtryDtls>{}{}</NtryDtls>", part("10.00", "A"), part("20.00", "B"));
    let divided = batch("BkToCstmrDbtCdtNtfctn", "Ntfctn", &details);
    let whole = batch("BkToCstmrStmt", "Stmt", "");
    assert_eq!(counts(&drop_file(&bank, "054.xml", divided.as_bytes())), was("accepted", 2, 0, 0));
    assert_eq!(counts(&drop_file(&bank, "053.xml", whole.as_bytes())), was("accepted", 0, 1, 0));
    // One transaction, named by the entry in one file and by itself in the other.
    let entry = |day: &str| {
        let whole = batch("BkToCstmrStmt", "Stmt", "").replace("BATCH-1", "SINGLE-1").replace("2026-03-05", day);
        let own = "<NtryDtls><TxDtls><Refs><AcctSvcrRef>OWN-1</AcctSvcrRef></Refs><Amt Ccy=\"EUR\">30.00</Amt></TxDtls></NtryDtls>";
        let single =
            batch("BkToCstmrDbtCdtNtfctn", "Ntfctn", own).replace("BATCH-1", "SINGLE-1").replace("2026-03-05", day);
        (whole, single)
    };
    let (whole_entry, single) = entry("2026-03-09");
    assert_eq!(counts(&drop_file(&bank, "s1.xml", single.as_bytes())), was("accepted", 1, 0, 0));
    assert_eq!(counts(&drop_file(&bank, "s2.xml", whole_entry.as_bytes())), was("accepted", 0, 1, 0));
    let (whole_entry, single) = entry("2026-03-10");
    assert_eq!(counts(&drop_file(&bank, "s3.xml", whole_entry.as_bytes())), was("accepted", 1, 0, 0));
    assert_eq!(counts(&drop_file(&bank, "s4.xml", single.as_bytes())), was("accepted", 0, 1, 0));
    // The other way round, of another day.
    let (divided, whole) = (divided.replace("2026-03-05", "2026-03-06"), whole.replace("2026-03-05", "2026-03-06"));
    assert_eq!(counts(&drop_file(&bank, "053b.xml", whole.as_bytes())), was("accepted", 1, 0, 0));
    assert_eq!(counts(&drop_file(&bank, "054b.xml", divided.as_bytes())), was("accepted", 0, 2, 0));
}

#[test]
fn credit_notes_and_cancellations_of_an_erp_change_what_is_owed_once() {
    let (scratch, service) = sample("kinds", |text| text);
    let erp = scratch.path().join("data/erp/in");
    let file = std::fs::read(project().join("fixtures/erp/jsonl/every_kind.jsonl")).unwrap();
    let first = drop_file(&erp, "all.jsonl", &file);
    assert_eq!(counts(&first), was("accepted", 6, 0, 0), "{first}");
    let again = [file.as_slice(), b"\n"].concat();
    let second = drop_file(&erp, "again.jsonl", &again);
    assert_eq!(counts(&second), was("accepted", 0, 6, 0), "{second}");
    // Lists follow a moment later.
    wait_for("the credit note to be taken off", || {
        (service.find("/v1/payment-requests", "F-1")["outstanding"]["amount"] == 10_000).then_some(())
    });
    wait_for("the cancellation", || {
        (service.find("/v1/payment-requests", "F-2")["status"] == "cancelled").then_some(())
    });
    wait_for("the credit", || (service.find("/v1/customers", "C-1")["credit"][0]["amount"] == 500).then_some(()));
    // Of another invoice the same number is an error as well, and of another customer's.
    let moved = b"{\"kind\":\"credit_note\",\"credit_note\":\"A-2\",\"customer\":\"C-1\",\"invoice\":\"F-1\",\"amount\":\"5.00\"}\n\
        {\"invoice\":\"F-7\",\"customer\":\"C-7\",\"name\":\"Other\",\"amount\":\"9.00\",\"due_on\":\"2026-03-31\"}\n\
        {\"kind\":\"credit_note\",\"credit_note\":\"A-3\",\"customer\":\"C-1\",\"invoice\":\"F-7\",\"amount\":\"5.00\"}\n";
    let refused = drop_file(&erp, "moved.jsonl", moved);
    assert_eq!(counts(&refused), was("partly_accepted", 1, 0, 2), "{refused}");
    let rejected = std::fs::read_to_string(erp.join("done/moved.rejected.jsonl")).unwrap();
    assert!(rejected.lines().count() == 2 && rejected.starts_with("{\"kind\""), "{rejected}");
    // The same number over another amount is an error with its place, not a second credit.
    let other = b"{\"kind\":\"credit_note\",\"credit_note\":\"A-2\",\"customer\":\"C-1\",\"amount\":\"6.00\"}\n";
    let refused = drop_file(&erp, "other.jsonl", other);
    assert_eq!(counts(&refused), was("partly_accepted", 0, 0, 1), "{refused}");
    let invoice = std::fs::read(project().join("fixtures/erp/xml/factur_x.xml")).unwrap();
    assert_eq!(counts(&drop_file(&erp, "factur-x.xml", &invoice)), was("accepted", 1, 0, 0));
    assert_eq!(service.find("/v1/payment-requests", "F-2026-10")["amount"]["amount"], 8_000);
}

const HEADER: &str = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n";

#[test]
fn markers_manifests_and_rows_to_be_fixed() {
    let (scratch, service) = sample("ready", |text| {
        let feeds = "[[feed]]\ntenant = \"maison-dupre\"\nname = \"marked\"\ndir = \"../data/marked\"\nformat = \"invoices\"\nmapping = \"erp\"\n\
                     ready = \"marker\"\nmarker = \".ok\"\n\n[[feed]]\ntenant = \"maison-dupre\"\nname = \"summed\"\ndir = \"../data/summed\"\n\
                     format = \"invoices\"\nmapping = \"erp\"\nready = \"manifest\"\n\n[[outgoing]]";
        text.replacen("[[outgoing]]", feeds, 1)
    });
    let row = |number: u32, amount: &str| {
        format!("M-{number};C-{number};Jean;j{number}@example.org;;fr;{amount};02/03/2026;10/03/2026;x\n")
    };
    let marked = scratch.path().join("data/marked");
    let file = format!("{HEADER}{}{}{}", row(1, "12,00"), row(2, "12.00"), row(3, "13,00"));
    std::fs::write(marked.join("day.csv"), &file).unwrap();
    // A later file with its marker is read meanwhile.
    std::fs::write(marked.join("later.csv"), format!("{HEADER}{}", row(7, "7,00"))).unwrap();
    std::fs::write(marked.join("later.csv.ok"), "").unwrap();
    assert_eq!(counts(&report(&marked, "later.csv")), was("accepted", 1, 0, 0));
    assert!(marked.join("day.csv").exists(), "without its marker it waits");
    std::fs::write(marked.join("day.csv.ok"), "").unwrap();
    let first = report(&marked, "day.csv");
    assert_eq!(counts(&first), was("partly_accepted", 2, 0, 1), "{first}");
    assert!(!marked.join("day.csv.ok").exists());
    // What was refused stands beside the report in its own layout: fixed, it goes in again.
    let rejected = std::fs::read_to_string(marked.join("done/day.rejected.csv")).unwrap();
    assert_eq!(rejected, format!("{HEADER}{}", row(2, "12.00")));
    std::fs::write(marked.join("fixed.csv"), rejected.replace("12.00", "12,00")).unwrap();
    std::fs::write(marked.join("fixed.csv.ok"), "").unwrap();
    assert_eq!(counts(&report(&marked, "fixed.csv")), was("accepted", 1, 0, 0));
    assert_eq!(service.find("/v1/payment-requests", "M-2")["amount"]["amount"], 1_200);

    let summed = scratch.path().join("data/summed");
    let file = format!("{HEADER}{}", row(9, "9,00"));
    let digest = {
        use sha2::Digest as _;
        sha2::Sha256::digest(file.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        })
    };
    std::fs::write(summed.join("nine.csv"), &file).unwrap();
    std::fs::write(summed.join("nine.csv.sha256"), format!("{digest}  nine.csv\n")).unwrap();
    assert_eq!(counts(&report(&summed, "nine.csv")), was("accepted", 1, 0, 0));
    std::fs::write(summed.join("torn.csv"), &file[..file.len() - 9]).unwrap();
    std::fs::write(summed.join("torn.csv.sha256"), format!("{digest}  torn.csv\n")).unwrap();
    let torn = report(&summed, "torn.csv");
    assert!(torn["summary"].as_str().unwrap().contains("its manifest says"), "{torn}");
    // What it says of the rows is checked before one is taken, and found again by a process that comes after.
    let file = format!("{HEADER}{}{}", row(20, "20,00"), row(21, "21,50"));
    let digest_of = |file: &str| quittance::digest::hex(&quittance::digest::sha256(file.as_bytes()));
    for (name, said, outcome) in [
        ("three.csv", "count: 3\n", "its manifest says 3 rows, and it has 2"),
        (
            "sum.csv",
            "count: 2\nsum: 41,00\n",
            "its manifest says that its rows come to 41.00, and they come to 41.50",
        ),
        ("right.csv", "count: 2\nsum: 41.50\n", "2 read: 2 new"),
    ] {
        // Another content each time: the same one is known.
        let file = file.replace("Jean", name);
        std::fs::write(summed.join(name), &file).unwrap();
        std::fs::write(summed.join(format!("{name}.sha256")), format!("{}  {name}\n{said}", digest_of(&file)))
            .unwrap();
        let told = report(&summed, name);
        let of_it = format!("{} {}", told["summary"].as_str().unwrap(), told["errors"]);
        assert!(of_it.contains(outcome), "{told}");
        assert_eq!(told["accepted"], if name == "right.csv" { 2 } else { 0 }, "{told}");
    }
    let left: Vec<_> = std::fs::read_dir(summed.join(".work")).unwrap().flatten().map(|of| of.file_name()).collect();
    assert_eq!(left, Vec::<std::ffi::OsString>::new());
    // As other tools write it; and a call brings the whole file, and needs nothing beside it.
    let file = format!("{HEADER}{}", row(10, "10,00"));
    std::fs::write(summed.join("ten.csv"), &file).unwrap();
    let digest = quittance::digest::hex(&quittance::digest::sha256(file.as_bytes()));
    std::fs::write(summed.join("ten.csv.sha256"), format!("SHA256 (ten.csv) = {digest}\n")).unwrap();
    assert_eq!(counts(&report(&summed, "ten.csv")), was("accepted", 1, 0, 0));
    for (feed, folder, number) in [("marked", &marked, 11), ("summed", &summed, 12)] {
        let file = format!("{HEADER}{}", row(number, "11,00"));
        let path = format!("/v1/files?feed={feed}&name=sent.csv");
        let headers = [("Authorization", format!("Bearer {KEY}")), ("Idempotency-Key", "sent".to_owned())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(call(service.address, "POST", &path, &headers, file.as_bytes()).unwrap().status, 202);
        assert_eq!(counts(&report(folder, "sent.csv")), was("accepted", 1, 0, 0));
        assert!(!folder.join("sent.csv.ok").exists() && !folder.join("sent.csv.sha256").exists());
    }
}

#[test]
fn a_large_file_goes_on_in_the_middle_after_kill_9() {
    let scratch = Scratch::new("resume");
    let config = configure(scratch.path(), |text| text);
    let erp = scratch.path().join("data/erp/in");
    let mut service = Running::start(&config);
    let rows = 30_000;
    let mut file = HEADER.to_owned();
    for number in 1..=rows {
        writeln!(file, "R-{number};C-{};Jean;j@example.org;;fr;12,00;02/03/2026;10/03/2026;x", number % 500).unwrap();
    }
    std::fs::write(erp.join("large.csv"), &file).unwrap();
    let note = erp.join(".work/large.csv.progress");
    let taken = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok()?["items"].as_u64();
    let before = wait_for("a part of the file to be noted", || {
        std::fs::read_to_string(&note).ok().and_then(|text| taken(&text)).filter(|items| *items > 2_000)
    });
    service.kill();
    assert!(before < rows, "the file was finished before the kill");
    let service = Running::start(&config);
    let done = report(&erp, "large.csv");
    assert_eq!(done["rows"], rows, "{done}");
    let (outcome, accepted, known, refused) = counts(&done);
    assert_eq!((outcome.as_str(), accepted + known, refused), ("accepted", rows, 0), "{done}");
    // Only what was under way when the process died came twice, and was known.
    assert!(known <= rows - before, "{known} of {rows} were read again, {before} were noted");
    assert!(!note.exists());
    assert_eq!(service.find("/v1/payment-requests", &format!("R-{rows}"))["amount"]["amount"], 1_200);
}

/// A zip file of some names and contents.
fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn an_archive_stands_for_the_files_in_it_and_a_broken_one_for_none() {
    let (scratch, service) = sample("archives", |text| text);
    let bank = scratch.path().join("data/bank/in");
    let fixture = |path: &str| std::fs::read(project().join("fixtures/bank").join(path)).unwrap();
    let german = fixture("mt940/german.sta");
    let day = zip_of(&[
        ("2026-03/german.sta", &german),
        ("__MACOSX/2026-03/._german.sta", b"resource fork"),
        ("2026-03/complements.cfo", &fixture("cfonb120/every_complement.cfo")),
        ("2026-03/broken.sta", &fixture("mt940/refused/does_not_close.sta")),
    ]);
    let archived = drop_file(&bank, "day.zip", &day);
    assert_eq!(archived["notes"].as_array().unwrap().len(), 3, "{archived}");
    assert_eq!(counts(&report(&bank, "german.sta")), was("accepted", 3, 0, 0));
    assert_eq!(counts(&report(&bank, "complements.cfo")), was("accepted", 3, 0, 0));
    assert_eq!(counts(&report(&bank, "broken.sta")), was("rejected", 0, 0, 1));

    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&fixture("bai2/two_accounts.bai")).unwrap();
    let packed = packed.finish().unwrap();
    drop_file(&bank, "accounts.bai.gz", &packed);
    assert_eq!(counts(&report(&bank, "accounts.bai")), was("accepted", 2, 0, 0));
    // The same archive again: each file in it was read before.
    drop_file(&bank, "again.zip", &day);
    assert_eq!(report(&bank, "2-german.sta")["outcome"], "duplicate");

    for (name, bytes, why) in [
        ("cut.zip", &day[..day.len() / 2], "archive cannot be unpacked"),
        ("cut.gz", &packed[..packed.len() / 2], "damaged"),
        ("nested.zip", &zip_of(&[("good.sta", &german), ("inner.zip", &day)]), "an archive within the archive"),
        ("empty.zip", &zip_of(&[]), "no file in the archive"),
    ] {
        let refused = drop_file(&bank, name, bytes);
        let said = refused["errors"][0]["message"].as_str().unwrap();
        assert!(refused["outcome"] == "rejected" && said.contains(why), "{name}: {refused}");
        assert!(bank.join("rejected").join(name).exists(), "the original is kept");
    }
    let left: Vec<_> = std::fs::read_dir(bank.join(".work")).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
    let listed = service.get("/v1/files").json();
    assert!(listed["data"].as_array().unwrap().iter().any(|file| file["name"] == "again.zip"), "{listed}");
}

#[test]
fn what_became_of_a_file_is_shown_after_a_restart_with_its_rows_to_be_fixed() {
    let scratch = Scratch::new("dir-shown");
    let config = configure(scratch.path(), |text| text);
    let mut service = Running::start(&config);
    let folder = scratch.path().join("data/erp/in");
    let head = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n";
    let good = "F-1;C-1;Jean Dupont;jean@example.org;;fr;120,00;02/03/2026;10/03/2026;Conseil\n";
    let wrong = "F-2;C-2;<b>Anna</b>;anna@example.org;;fr;12,O0;02/03/2026;10/03/2026;Conseil\n";
    drop_file(&folder, "mars.csv", format!("{head}{good}{wrong}").as_bytes());
    drop_file(&folder, "vide.csv", b"nothing that is known\n");
    service.stop();

    let service = Running::start(&config);
    let listed = wait_for("the files of before", || {
        let listed = service.get("/v1/files").json()["data"].as_array().unwrap().clone();
        (listed.len() == 2).then_some(listed)
    });
    assert_eq!(listed[1]["name"], "mars.csv", "the latest first: {listed:?}");
    let sha256 = listed[1]["sha256"].as_str().unwrap();
    let one = service.get(&format!("/v1/files/{sha256}")).json();
    assert_eq!((&one["state"], &one["report"]["refused"]), (&serde_json::json!("finished"), &serde_json::json!(1)));
    let original = service.get(&format!("/v1/files/{sha256}/original"));
    assert_eq!(original.text(), format!("{head}{good}{wrong}"));
    let disposition = original.headers.iter().find(|(name, _)| name == "content-disposition").unwrap();
    assert_eq!(disposition.1, "attachment; filename=\"mars.csv\"");
    assert_eq!(service.get(&format!("/v1/files/{sha256}/refused")).text(), format!("{head}{wrong}"));
    for path in [format!("/v1/files/{sha256}/report.json"), format!("/v1/files/{}/original", "0".repeat(64))] {
        assert_eq!(service.get(&path).status, 404, "{path}");
    }

    let login = call(service.address, "GET", &service.login, &[], b"").unwrap();
    let cookie = login.headers.iter().find(|(name, _)| name == "set-cookie").unwrap().1.clone();
    let cookie = cookie.split(';').next().unwrap();
    let page = call(service.address, "GET", &format!("/bo/files/{sha256}"), &[("Cookie", cookie)], b"").unwrap();
    for expected in ["mars.csv", "partly accepted", "12,O0", "Rows to be fixed", ">3<"] {
        assert!(page.text().contains(expected), "{expected}: {}", page.text());
    }
    let file = call(service.address, "GET", &format!("/bo/files/{sha256}/refused"), &[("Cookie", cookie)], b"");
    assert_eq!(file.unwrap().text(), format!("{head}{wrong}"));
    let nobody = call(service.address, "GET", &format!("/bo/files/{sha256}/original"), &[], b"").unwrap();
    assert_eq!(nobody.status, 401);

    // The same bytes under another name hide nothing of what was taken from them.
    drop_file(&folder, "avril.csv", format!("{head}{good}{wrong}").as_bytes());
    let page = |name: &str| {
        let path = format!("/bo/files/{sha256}?name={name}");
        call(service.address, "GET", &path, &[("Cookie", cookie)], b"").unwrap().text()
    };
    wait_for("the second one", || page("avril.csv").contains("avril.csv").then_some(()));
    assert!(page("mars.csv").contains("2 read: 1 new"), "{}", page("mars.csv"));
    let whole = format!("{head}F-9;C-9;Eve;eve@example.org;;fr;9,00;02/03/2026;10/03/2026;Conseil\n");
    drop_file(&folder, "mai.csv", whole.as_bytes());
    drop_file(&folder, "juin.csv", whole.as_bytes());
    let listed = service.get("/v1/files").json();
    let digest =
        listed["data"].as_array().unwrap().iter().find(|file| file["name"] == "mai.csv").unwrap()["sha256"].clone();
    let named = |name: &str| {
        let path = format!("/bo/files/{}?name={name}", digest.as_str().unwrap());
        call(service.address, "GET", &path, &[("Cookie", cookie)], b"").unwrap().text()
    };
    wait_for("the duplicate", || named("juin.csv").contains("nothing was taken").then_some(()));
    assert!(named("mai.csv").contains("1 read: 1 new"), "{}", named("mai.csv"));
    let original = service.get(&format!("/v1/files/{sha256}/original"));
    assert_eq!(original.status, 200, "{}", original.text());

    // The mended rows keep their own name in the archive, and their own content.
    let mended = format!("{head}{}", wrong.replace("12,O0", "12,00"));
    std::fs::write(folder.join("mars.rejected.csv"), &mended).unwrap();
    assert_eq!(report(&folder, "2-mars.rejected.csv")["outcome"], "accepted");
    let other = "F-3;C-3;Bob;bob@example.org;;fr;x;02/03/2026;10/03/2026;Conseil\n";
    std::fs::write(folder.join("mars.csv"), format!("{head}{other}")).unwrap();
    assert_eq!(report(&folder, "3-mars.csv")["refused"], 1);
    assert_eq!(std::fs::read_to_string(folder.join("done/2-mars.rejected.csv")).unwrap(), mended);
    let rows = service.get(&format!("/v1/files/{sha256}/refused")).text();
    assert_eq!(rows, format!("{head}{wrong}"));

    // What somebody links into the place of a file is not handed out.
    let archived = folder.join("done/mars.csv");
    std::fs::remove_file(&archived).unwrap();
    std::os::unix::fs::symlink(scratch.path().join("config/quittance.toml"), &archived).unwrap();
    let linked = service.get(&format!("/v1/files/{sha256}/original"));
    assert!(!linked.text().contains("[[tenant]]"), "{}", linked.text());
}
