//! Account numbers of customers: a pool that runs low and out, numbers in quarantine, and free again.

use serde_json::json;

use crate::support::running::{Running, drop_file, messages, printed_in_groups, sample};
use crate::support::scratch::wait_for;

#[test]
fn a_number_is_nobodys_for_thirteen_months_and_then_anothers() {
    // A pool of a thousand.
    let (scratch, running) = sample("numbers", |text| {
        text.replace("prefix = \"04200\"", "prefix = \"04200000\"").replace("width = 6", "width = 3")
    });
    let header = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n";
    let rows: String = (1..=1_000)
        .map(|number| format!("F-{number};C-{number};Client {number};;;fr;10,00;02/03/2026;10/03/2026;x\n"))
        .collect();
    let report = drop_file(&scratch.path().join("data/erp/in"), "all.csv", (header.to_owned() + &rows).as_bytes());
    assert_eq!(report["accepted"], 1_000, "{}", report["summary"]);
    // People hear of it before the pool is empty.
    wait_for("the accountants to be told", || {
        let mut texts = messages(scratch.path()).into_iter().map(|message| message.to_string());
        texts.find(|text| text.contains("compta@maison-dupre.example") && text.contains("100"))
    });
    let profile =
        |number: &str| json!({ "external_ref": number, "name": "Late", "kind": "business", "language": "fr" });
    let late = running.post("/v1/customers", &profile("LATE-1"));
    assert!(late.status == 409 && late.text().contains("1000"), "{} {}", late.status, late.text());

    let first = running.find("/v1/customers", "C-7");
    let (id, number) = (first["id"].as_str().unwrap(), first["virtual_iban"].as_str().unwrap());
    let released = running.post(&format!("/v1/customers/{id}/virtual-iban/release"), &json!({ "reason": "closed" }));
    assert_eq!(released.status, 201, "{}", released.text());
    let former = &released.json()["former_virtual_ibans"][0];
    assert_eq!((&former["virtual_iban"], &former["free_on"]), (&number.into(), &"2027-04-02".into()), "{former}");
    assert_eq!(running.post("/v1/customers", &profile("LATE-1")).status, 409, "it is in quarantine");
    for _ in 0..13 {
        running.advance("30d");
    }
    assert_eq!(running.post("/v1/customers", &profile("LATE-1")).status, 409, "it still is");
    running.advance("10d");
    let late = running.post("/v1/customers", &profile("LATE-1"));
    assert_eq!(late.status, 201, "{}", late.text());
    assert_eq!(late.json()["virtual_iban"], number);
    // Who has none may have one again, once there is one.
    let again = running.post(&format!("/v1/customers/{id}/virtual-iban"), &json!({}));
    assert_eq!(again.status, 409, "{}", again.text());
}

/// Two creditor accounts, each with its own ranges: a range stands in for another of its account, never for one of
/// the other.
#[test]
fn numbers_come_from_the_range_that_is_named_and_money_goes_to_its_account() {
    let range = |name: &str, account: &str, prefix: &str, given_to: &str| {
        format!(
            "[[tenant.virtual_ibans]]\nname = \"{name}\"\naccount = \"{account}\"\nbank = \"20041\"\n\
             branch = \"01005\"\nprefix = \"{prefix}\"\nwidth = 3\ngiven_to = \"{given_to}\"\n\n"
        )
    };
    let (one, two) = ("FR1420041010050500013M02606", "DE89370400440532013000");
    let ranges = range("small", one, "04200000", "customer")
        + &range("shops", two, "04300000", "both")
        + &range("more", one, "04400000", "customer");
    let (scratch, mut running) = sample("ranges", |text| {
        text.replace(
            "[tenant.virtual_ibans]\nbank = \"20041\"\nbranch = \"01005\"\nprefix = \"04200\"\nwidth = 6\n",
            &ranges,
        )
    });
    let number = |view: &serde_json::Value| view["virtual_iban"].as_str().unwrap_or_default().to_owned();
    let of = |iban: &str, prefix: &str| iban.get(14..22) == Some(prefix);
    let header = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n";
    let rows: String = (1..=999)
        .map(|number| format!("F-{number};C-{number};Client {number};;;fr;10,00;02/03/2026;10/03/2026;x\n"))
        .collect();
    let report = drop_file(&scratch.path().join("data/erp/in"), "all.csv", (header.to_owned() + &rows).as_bytes());
    assert_eq!(report["accepted"], 999, "{}", report["summary"]);
    assert!(of(&number(&running.find("/v1/customers", "C-1")), "04200000"));
    // The request of a customer has one of its own, of the only range that requests are given one from.
    let request = running.find("/v1/payment-requests", "F-1");
    assert!(of(&number(&request), "04300000"), "{request}");

    let make = |number: &str, range: Option<&str>| {
        let mut body = json!({ "external_ref": number, "name": "Shop", "kind": "business", "language": "fr" });
        if let Some(range) = range {
            body["virtual_iban_range"] = range.into();
        }
        running.post("/v1/customers", &body)
    };
    let last = make("LAST", None).json();
    assert!(of(&number(&last), "04200000"), "{last}");
    let next = make("NEXT", None).json();
    assert!(of(&number(&next), "04400000"), "a range of the same account stands in: {next}");
    let named = make("SHOP-1", Some("shops")).json();
    assert!(of(&number(&named), "04300000"), "{named}");
    // The thousandth of the other account is the last one.
    let full = make("SHOP-2", Some("shops"));
    assert!(full.status == 409 && full.text().contains("pool_empty"), "{} {}", full.status, full.text());
    let unknown = make("SHOP-3", Some("shop"));
    assert!(unknown.status == 422 && unknown.text().contains("small, shops, more"), "{}", unknown.text());

    let shown = running.get("/v1/virtual-iban-ranges").json();
    let left = |at: usize| (shown["ranges"][at]["name"].clone(), shown["ranges"][at]["left"].clone());
    let wanted = [("small", 0), ("shops", 0), ("more", 999)].map(|(name, left)| (name.into(), left.into()));
    assert_eq!([left(0), left(1), left(2)], wanted, "{shown}");
    // What is drawn is known after a restart.
    running.stop();
    let running = Running::start(&scratch.path().join("config/quittance.toml"));
    assert_eq!(running.get("/v1/virtual-iban-ranges").json(), shown);
}

/// References that countries check, whatever a payer or a bank puts between their digits.
#[test]
fn a_transfer_that_carries_a_reference_of_the_erp_pays_its_invoice() {
    let (scratch, running) = sample("references", |text| text);
    let invoice = |number: &str, reference: &str| {
        json!({
            "external_ref": number, "amount": { "amount": 5_000, "currency": "EUR" }, "due_on": "2026-03-20",
            "customer": { "external_ref": number, "name": format!("Customer of {number}") },
            "payment_reference": reference,
        })
    };
    let cases = [
        ("A-1", "+++090/9337/55493+++", "090933755493", ""),
        ("A-2", "21 00000 00003 13947 14300 09017", "210000000003139471430009017", ""),
        ("A-3", "202600012340", "", "KID 2026 0001 2340 merci"),
        ("A-4", "RF66000000001234567", "RF66000000001234567", ""),
    ];
    for (number, reference, ..) in cases {
        let made = running.post("/v1/payment-requests", &invoice(number, reference));
        assert_eq!(made.status, 201, "{}", made.text());
    }
    let wrong = running.post("/v1/payment-requests", &invoice("A-5", "+++090/9337/55494+++"));
    assert!(wrong.status == 422 && wrong.text().contains("/payment_reference"), "{}", wrong.text());
    let changed = running.post("/v1/payment-requests", &invoice("A-1", "312401398067"));
    assert_eq!(changed.status, 409, "{}", changed.text());
    let entries: Vec<_> = cases.iter().map(|(_, _, structured, text)| ("50.00", "", *structured, *text)).collect();
    let report = drop_file(
        &scratch.path().join("data/bank/in"),
        "references.xml",
        crate::support::statement::statement("R", &entries).as_bytes(),
    );
    assert_eq!(report["accepted"], 4, "{report}");
    for (number, ..) in cases {
        let paid = running.find("/v1/payment-requests", number);
        assert_eq!(paid["status"], "settled", "{paid}");
    }
    // The money may come before its invoice.
    let late =
        [("A-6", "+++312/4013/98067+++", "merci 312/4013/98067"), ("A-7", "RF18539007547034", "RF18 5390 0754 7034")];
    let entries: Vec<_> = late.iter().map(|(.., text)| ("50.00", "", "", *text)).collect();
    let statement = crate::support::statement::statement("L", &entries);
    drop_file(&scratch.path().join("data/bank/in"), "late.xml", statement.as_bytes());
    for (number, reference, _) in late {
        let made = running.post("/v1/payment-requests", &invoice(number, reference));
        assert_eq!(made.status, 201, "{}", made.text());
        wait_for(number, || (running.find("/v1/payment-requests", number)["status"] == "settled").then_some(()));
    }
}

/// The vectors of the corpora, where they are.
#[test]
fn references_are_read_as_their_vectors_say() {
    use quittance_actors::values::{PaymentReference, ReferenceScheme as S};
    let Some(corpus) = std::env::var_os("QUITTANCE_CORPUS") else { return };
    let vectors = std::fs::read_to_string(std::path::Path::new(&corpus).join("_vectors/references.tsv")).unwrap();
    let mut read = 0;
    for line in vectors.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let scheme = match columns[0] {
            "iso11649" => S::Creditor,
            "be_ogm" => S::Belgian,
            "ch_qrr" => S::Swiss,
            "fi_ref" if !columns[1].starts_with("RF") => S::Finnish,
            "si_ref" if columns[1] != "SI99" => S::Slovenian,
            "no_kid_mod10" | "no_kid_mod11" => S::Norwegian,
            _ => continue,
        };
        let found = PaymentReference::parse(columns[1]).ok().and_then(|reference| reference.scheme());
        // A placeholder of zeros has the right check digits and is nobody's.
        let zeros = columns[1].bytes().all(|byte| byte == b'0');
        match columns[2] {
            _ if zeros => assert_eq!(found, None, "{line}"),
            // Digits that several countries would take are read as the one that says most.
            "valid" if scheme == S::Norwegian => assert!(found.is_some(), "{line}"),
            "valid" => assert_eq!(found, Some(scheme), "{line}"),
            _ => assert_ne!(found, Some(scheme), "{line}"),
        }
        read += 1;
    }
    assert!(read > 30, "{read}");
}

/// Numbers of payment requests: named in what is sent, told by whatever is paid to them, and free again in the end.
#[test]
fn a_request_has_a_number_of_its_own_until_it_is_paid() {
    let (scratch, running) = sample("own-numbers", |text| {
        let pool = "bank = \"20041\"\nbranch = \"01005\"\nprefix = \"04200\"\nwidth = 6\n";
        assert!(text.contains(pool));
        text.replace(pool, "template = \"DE 37040044 8700000nnn\"\ngiven_to = \"request\"\n")
    });
    let invoice = |number: &str, customer: &str| {
        json!({
            "external_ref": number, "amount": { "amount": 5_000, "currency": "EUR" }, "due_on": "2026-03-20",
            "customer": { "external_ref": customer, "name": format!("Customer {customer}"), "email": "c@payer.example" },
        })
    };
    let made: Vec<_> =
        ["A-1", "A-2", "A-3"].map(|number| running.post("/v1/payment-requests", &invoice(number, "C-1"))).into();
    let own = |at: usize| {
        made[at].json()["virtual_iban"].as_str().unwrap_or_else(|| panic!("{}", made[at].text())).to_owned()
    };
    let id = |at: usize| made[at].json()["id"].as_str().unwrap().to_owned();
    assert!(own(0).starts_with("DE") && own(0) != own(1), "{} {}", own(0), own(1));
    assert!(running.find("/v1/customers", "C-1")["virtual_iban"].is_null());
    // The same invoice again has the same number, and may not have a second one.
    let again = running.post("/v1/payment-requests", &invoice("A-1", "C-1"));
    assert_eq!(again.json()["virtual_iban"], own(0).as_str());
    let second = running.post(&format!("/v1/payment-requests/{}/virtual-iban", id(0)), &json!({}));
    assert_eq!(second.status, 409, "{}", second.text());
    // Its message names it.
    let printed = printed_in_groups(&own(1));
    running.advance("1d");
    wait_for("the message of A-2", || {
        messages(scratch.path()).into_iter().find(|message| message.to_string().contains(&printed))
    });
    // Three equal amounts of one customer, and nothing but the number says which is paid.
    let statement = crate::support::statement::statement("N", &[("50.00", &own(1), "", "merci")]);
    drop_file(&scratch.path().join("data/bank/in"), "own.xml", statement.as_bytes());
    wait_for("A-2 to be paid", || (running.find("/v1/payment-requests", "A-2")["status"] == "settled").then_some(()));
    let paid = running.get(&format!("/v1/payment-requests/{}", id(1))).json();
    let former = &paid["former_virtual_iban"];
    assert_eq!((&former["virtual_iban"], &former["free_on"]), (&own(1).into(), &"2027-04-03".into()), "{paid}");
    // Paid again to the same number: a person's task that names it, and nothing of is touched.
    let statement = crate::support::statement::statement("N2", &[("50.00", &own(1), "", "merci encore")]);
    drop_file(&scratch.path().join("data/bank/in"), "again.xml", statement.as_bytes());
    let task = wait_for("the task", || {
        let known = running.get("/v1/transfers").json();
        known["data"].as_array()?.iter().find(|known| known["status"] == "needs_decision").cloned()
    });
    assert_eq!(task["decision"]["identified_by"], "virtual_iban", "{task}");
    assert_eq!(running.find("/v1/payment-requests", "A-1")["status"], "open");
    // Thirteen months later it is free again.
    // One was drawn in vain.
    for number in 4..1_000 {
        let made = running.post("/v1/payment-requests", &invoice(&format!("B-{number}"), "C-2"));
        assert_eq!(made.status, 201, "{number}: {}", made.text());
    }
    assert_eq!(running.post("/v1/payment-requests", &invoice("LATE", "C-3")).status, 409);
    for _ in 0..14 {
        running.advance("30d");
    }
    let late = running.post("/v1/payment-requests", &invoice("LATE", "C-3"));
    assert_eq!((late.status, &late.json()["virtual_iban"]), (201, &own(1).into()), "{}", late.text());
    // What was booked before it was given again was never for the new one.
    let statement = crate::support::statement::statement("N3", &[("50.00", &own(1), "", "late")]);
    drop_file(&scratch.path().join("data/bank/in"), "old.xml", statement.as_bytes());
    wait_for("the second task", || {
        let known = running.get("/v1/transfers").json();
        let mut doubts = known["data"].as_array()?.iter().map(|known| known["doubt"].to_string());
        doubts.find(|doubt| doubt.contains("account_of_another"))
    });
    assert_eq!(running.find("/v1/payment-requests", "LATE")["status"], "open");
}
