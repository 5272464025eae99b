//! Readers against golden files: valid ones, and broken ones in `refused/`.

use std::fmt::Write as _;
use std::io::{BufReader, Read};
use std::path::Path;

use quittance::config::Config;
use quittance::formats::{Item, Reader, camt, invoices_csv};
use quittance_actors::runtime::Intake;

use crate::support::golden;

fn describe(reader: &mut dyn Reader) -> String {
    let mut text = String::new();
    while let Some(item) = reader.next() {
        match item {
            Ok(Item::Row(row, Intake::Entry(entry))) => {
                let d = &entry.details;
                writeln!(
                    text,
                    "entry {row}: {} booked {} account {} payer {} {} e2e {} structured {:?} text {:?}\n    key {}",
                    d.amount,
                    d.booked_on,
                    d.account.as_ref().map_or("-", |iban| iban.electronic()),
                    d.payer_name.as_deref().unwrap_or("-"),
                    d.payer_iban.as_ref().map_or("-", |iban| iban.electronic()),
                    d.end_to_end_id.as_ref().map_or("-", |id| id.as_str()),
                    d.remittance.structured(),
                    d.remittance.unstructured(),
                    d.entry_key,
                )
            }
            Ok(Item::Row(row, Intake::Invoice(invoice))) => {
                let profile = invoice.customer.as_ref().map(|customer| &customer.profile);
                writeln!(
                    text,
                    "row {row}: {} of {} amount {} issued {} due {} for {:?}\n    name {} email {} phone {} {}",
                    invoice.external_ref,
                    invoice.customer_ref,
                    invoice.amount,
                    invoice.issued_on.map_or("-".to_owned(), |date| date.to_string()),
                    invoice.due_on,
                    invoice.description,
                    profile.map_or("-", |p| p.name.as_str()),
                    profile.and_then(|p| p.email.as_ref()).map_or("-", |email| email.as_str()),
                    profile.and_then(|p| p.phone.as_ref()).map_or("-", |phone| phone.as_str()),
                    profile.map_or("-", |p| p.language.code()),
                )
            }
            Ok(Item::Passed(row, why)) => writeln!(text, "entry {row}: passed over: {why}"),
            Ok(Item::Refused(row, errors)) => {
                writeln!(text, "row {row}: refused").unwrap();
                errors.iter().try_for_each(|error| writeln!(text, "    {error}"))
            }
            Ok(Item::Note(note)) => writeln!(text, "note: {note}"),
            Err(error) => writeln!(text, "file refused: {error}"),
        }
        .unwrap();
    }
    text
}

fn camt_of(path: &Path) -> String {
    describe(&mut camt::reader(BufReader::new(std::fs::File::open(path).unwrap())))
}

fn mapping() -> quittance::config::Mapping {
    let (config, _) = Config::load(&golden::project().join("config/quittance.toml"));
    config.unwrap().mappings["erp"].clone()
}

fn csv_of(path: &Path) -> String {
    describe(&mut invoices_csv::reader(BufReader::new(std::fs::File::open(path).unwrap()), &mapping()))
}

#[test]
fn statements_read_as_recorded() {
    assert!(golden::each("fixtures/bank/camt", &["xml"], camt_of) >= 14);
}

#[test]
fn broken_statements_are_refused_with_their_place() {
    let seen = golden::each("fixtures/bank/camt/refused", &["xml"], |path| {
        let text = camt_of(path);
        assert!(text.contains("refused"), "{}: {text}", path.display());
        text
    });
    assert!(seen >= 14, "fewer broken than valid ones");
}

#[test]
fn invoices_read_as_recorded() {
    assert!(golden::each("fixtures/erp/invoices_csv", &["csv"], csv_of) >= 8);
    assert!(golden::each("fixtures/erp/invoices_csv/refused", &["csv"], csv_of) >= 3);
}

#[test]
fn every_version_of_camt_reads_the_same() {
    for (fixture, written, versions) in [
        ("statement_02.xml", "001.02", ["001.02", "001.03", "001.04", "001.05", "001.06", "001.07"].as_slice()),
        ("statement_08.xml", "001.08", ["001.08", "001.09", "001.10", "001.11", "001.12", "001.13"].as_slice()),
    ] {
        let path = golden::project().join("fixtures/bank/camt").join(fixture);
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = camt_of(&path);
        for version in versions {
            let other = text.replace(&format!("camt.053.{written}"), &format!("camt.053.{version}"));
            assert_eq!(describe(&mut camt::reader(other.as_bytes())), expected, "{version}");
            let notification = other
                .replace("camt.053", "camt.054")
                .replace("BkToCstmrStmt", "BkToCstmrDbtCdtNtfctn")
                .replace("Stmt>", "Ntfctn>");
            assert_eq!(describe(&mut camt::reader(notification.as_bytes())), expected, "camt.054.{version}");
        }
    }
}

/// Gives the same bytes again and again: a file of any size without the disk.
struct Endless {
    bytes: &'static [u8],
    left: u64,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        for (place, byte) in buffer[..length].iter_mut().zip(self.bytes.iter().cycle()) {
            *place = *byte;
        }
        self.left -= length as u64;
        Ok(length)
    }
}

#[test]
fn a_line_or_an_element_of_two_gigabytes_is_refused_early() {
    let endless = || Endless { bytes: b"x", left: 2 << 30 };
    let text = describe(&mut invoices_csv::reader(BufReader::new(endless()), &mapping()));
    assert!(text.contains("a line is longer than 1024 KiB"), "{text}");
    let head = b"<?xml version=\"1.0\"?><Document><BkToCstmrStmt><Stmt><Id>".as_slice();
    let text = describe(&mut camt::reader(BufReader::new(head.chain(endless()))));
    assert!(text.contains("longer than"), "{text}");
}

#[test]
fn a_record_of_many_short_lines_or_tags_is_refused_early() {
    let head = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\"";
    let quoted = head.as_bytes().chain(Endless { bytes: b"a\n", left: 1 << 30 });
    let text = describe(&mut invoices_csv::reader(BufReader::new(quoted), &mapping()));
    assert!(text.contains("a record is longer than 4 MiB"), "{text}");
    let comment = b"<?xml version=\"1.0\"?><Document><!-- ".as_slice();
    let comment = comment.chain(Endless { bytes: b"> ", left: 1 << 30 });
    let text = describe(&mut camt::reader(BufReader::new(comment)));
    assert!(text.contains("a record is longer than 4 MiB"), "{text}");
}

#[test]
fn any_cut_of_a_file_is_read_or_refused_and_never_panics() {
    for path in golden::files("fixtures/bank/camt", &["xml"]) {
        let bytes = std::fs::read(&path).unwrap();
        for end in (0..bytes.len()).step_by(37) {
            let text = describe(&mut camt::reader(&bytes[..end]));
            assert!(text.contains("refused"), "{} cut at {end}:\n{text}", path.display());
        }
    }
    for path in golden::files("fixtures/erp/invoices_csv", &["csv"]) {
        let bytes: &'static [u8] = Box::leak(std::fs::read(&path).unwrap().into_boxed_slice());
        for end in (0..bytes.len()).step_by(7) {
            describe(&mut invoices_csv::reader(&bytes[..end], &mapping()));
        }
    }
}
