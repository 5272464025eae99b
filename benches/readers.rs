//! Work W5, in small: how fast readers go, beside a bare scan of the same bytes in the same run.
//!
//! `cargo bench --bench readers`

#![expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "figures for people")]

use std::time::Instant;

use quittance::config::Config;
use quittance::formats::{Reader, camt, invoices_csv};

const MEGABYTES: usize = 50;

fn count(reader: &mut dyn Reader) -> usize {
    std::iter::from_fn(|| reader.next()).filter(Result::is_ok).count()
}

fn report(name: &str, bytes: &[u8], read: impl FnOnce() -> usize) {
    let megabytes = bytes.len() as f64 / 1e6;
    let scan = Instant::now();
    let lines = memchr::memchr_iter(b'\n', bytes).count();
    let scanned = megabytes / scan.elapsed().as_secs_f64();
    let started = Instant::now();
    let items = read();
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{name:<14} {megabytes:>6.1} MB  {:>7.1} MB/s  {:>9.0} items/s  bare scan {scanned:>8.0} MB/s ({lines} lines)",
        megabytes / seconds,
        items as f64 / seconds
    );
}

fn main() {
    let entry = "<Ntry><Amt Ccy=\"EUR\">12.50</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-03-06</Dt></BookgDt>\
                 <AcctSvcrRef>R@</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs><Amt Ccy=\"EUR\">12.50</Amt>\
                 <RltdPties><Dbtr><Pty><Nm>Jean Dupont</Nm></Pty></Dbtr><DbtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></DbtrAcct></RltdPties>\
                 <RmtInf><Ustrd>facture F-2026-@ merci</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n";
    let mut text = String::from("<?xml version=\"1.0\"?>\n<Document><BkToCstmrStmt><Stmt><Id>S</Id>\n");
    let mut number = 0;
    while text.len() < MEGABYTES << 20 {
        number += 1;
        text.push_str(&entry.replace('@', &number.to_string()));
    }
    text.push_str("</Stmt></BkToCstmrStmt></Document>\n");
    report("camt.053", text.as_bytes(), || count(&mut camt::reader(text.as_bytes())));

    let sample = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/quittance.toml");
    let (Some(config), _) = Config::load(&sample) else { return eprintln!("the sample configuration is wrong") };
    let Some(mapping) = config.mappings.get("erp") else { return eprintln!("there is no mapping erp") };
    let mut text = String::from("facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n");
    let mut number = 0;
    while text.len() < MEGABYTES << 20 {
        number += 1;
        text.push_str(&format!(
            "F-{number};C-{};Jean Dupont;jean@example.org;06 12 34 56 78;fr;120,00;01/03/2026;31/03/2026;Conseil\n",
            number % 1_000
        ));
    }
    report("invoices CSV", text.as_bytes(), || count(&mut invoices_csv::reader(text.as_bytes(), mapping)));
}
