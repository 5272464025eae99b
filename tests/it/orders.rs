//! Files for banks: the same orders are the same bytes, and the official schemas take them.

use std::path::Path;
use std::process::Command;

use crate::support::golden::project;
use crate::support::running::BINARY;
use crate::support::schema::validates;
use crate::support::scratch::Scratch;

fn order(message: &str, orders: &Path, out: &Path) -> (bool, String) {
    let run = Command::new(BINARY)
        .args(["order", message])
        .arg(orders)
        .args(["--tenant", "maison-dupre", "--at", "2026-03-06T08:00:00Z", "--out"])
        .arg(out)
        .arg("--config")
        .arg(project().join("config/quittance.toml"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    (run.status.success(), text)
}

fn written(out: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(out)
        .unwrap()
        .flatten()
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn orders_become_files_that_the_schemas_take_and_the_same_orders_the_same_bytes() {
    let expected = project().join("fixtures/orders");
    for (message, name, schema) in [
        ("pain.008", "direct_debits", "pain.008.001.08.xsd"),
        ("pain.001", "credit_transfers", "pain.001.001.09.xsd"),
    ] {
        let orders = expected.join(format!("{name}.jsonl"));
        let scratch = Scratch::new(name);
        let (first, second) = (scratch.path().join("first"), scratch.path().join("second"));
        for out in [&first, &second] {
            let (fine, text) = order(message, &orders, out);
            assert!(fine, "{text}");
        }
        let files = written(&first);
        assert_eq!(files, written(&second), "the same orders give the same bytes");
        let [(file, xml), (sum, digest)] = files.as_slice() else { panic!("{files:?}") };
        assert!(sum.ends_with(".sha256") && String::from_utf8_lossy(digest).ends_with(&format!("  {file}\n")));
        validates(schema, &first.join(file));
        let golden = expected.join(format!("{name}.jsonl.expected"));
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&golden, xml).unwrap();
        }
        assert_eq!(String::from_utf8_lossy(xml), std::fs::read_to_string(&golden).unwrap());
    }
}

#[test]
fn one_wrong_order_refuses_the_file_and_every_mistake_is_named() {
    let scratch = Scratch::new("refused-orders");
    let (fine, text) =
        order("pain.008", &project().join("fixtures/orders/refused/direct_debits.jsonl"), scratch.path());
    assert!(!fine && written(scratch.path()).is_empty(), "{text}");
    for part in [
        "line 1, end_to_end_id: \"/PR-1\": expected 1 to 35 of the SEPA characters",
        "line 1, amount: \"0.00\": expected euros above zero",
        "line 1, due_on: \"2026-02-30\": expected a date that exists",
        "line 1, sequence: \"monthly\": expected first, recurrent, one_off or final",
        "line 1, iban: \"DE00370400440532013000\": expected an IBAN",
        "line 2, signed_on: \"2026-03-20\": expected a day not after the collection, 2026-03-13",
        "line 2, bic: \"COBA\": expected a BIC",
        "line 3, end_to_end_id: \"PR-2\": expected an id of its own; line 2 has the same",
        "line 3, remitance: there is no such member, did you mean \"remittance\"?",
        "line 4, column 2: \"not json\": expected a JSON object",
        "nothing was written",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}
