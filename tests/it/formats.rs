//! Readers against golden files: valid ones, and broken ones in `refused/`.

use std::fmt::Write as _;
use std::io::{BufReader, Read};
use std::path::Path;

use quittance::config::Config;
use quittance::formats::{Item, Reader, Unreadable, erp, open_bank};
use quittance_actors::plan::{Amounts, OnExhausted};
use quittance_actors::runtime::Intake;

use crate::support::golden;

fn describe(mut reader: impl Reader) -> String {
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
                .and_then(|()| writeln!(text, "    {}", said(&entry.particulars)))
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
                .and_then(|()| match &invoice.payment_reference {
                    Some(reference) => writeln!(text, "    reference {}", reference.as_str()),
                    None => Ok(()),
                })
            }
            Ok(Item::Row(row, Intake::Customer(c))) => {
                let p = &c.profile;
                writeln!(text, "customer {row}: {} {} {:?} {}", p.external_ref, p.name, p.kind, p.language.code())
            }
            Ok(Item::Row(row, Intake::CreditNote(c))) => {
                writeln!(
                    text,
                    "credit note {row}: {} of {} for {:?}: {}",
                    c.number, c.customer_ref, c.invoice, c.amount
                )
            }
            Ok(Item::Row(row, Intake::Cancellation(c))) => {
                writeln!(text, "cancellation {row}: {} because {}", c.invoice, c.reason)
            }
            Ok(Item::Row(row, Intake::Mandate(m))) => {
                writeln!(text, "mandate {row}: {} of {} {:?}", m.reference, m.customer_ref, m.mandate)
            }
            Ok(Item::Row(row, Intake::Plan(p))) => {
                let Amounts { kind, deposit, first, each, cycles } = p.amounts;
                let said = |field: &Option<String>| field.clone().unwrap_or_else(|| "-".to_owned());
                writeln!(
                    text,
                    "plan {row}: {} of {} {kind:?} deposit {} on {} first {first} each {each} cycles {} every {} from {} ask {} days before\n    collect from {} policy {} scenario {} on_exhausted {} for \"{}\"",
                    p.external_ref,
                    p.customer_ref,
                    said(&deposit.map(|amount| amount.to_string())),
                    said(&p.deposit_due_on.map(|date| date.to_string())),
                    said(&cycles.map(|cycles| cycles.to_string())),
                    p.every,
                    p.starts_on,
                    said(&p.ahead_days.map(|days| days.to_string())),
                    said(&p.collect_from.as_ref().map(ToString::to_string)),
                    p.policy.as_deref().unwrap_or("-"),
                    p.scenario.as_deref().unwrap_or("-"),
                    p.on_exhausted.map_or("-", OnExhausted::name),
                    p.description,
                )
            }
            Ok(Item::Row(row, Intake::OrderReturned(o))) => {
                writeln!(text, "order {row}: {} {}", o.attempt, o.reason_code)
            }
            Ok(Item::Row(row, Intake::PayoutReturned(p))) => {
                writeln!(text, "payout {row}: {} {}", p.payout, p.reason_code)
            }
            Ok(Item::Passed(row, why)) => writeln!(text, "entry {row}: passed over: {why}"),
            Ok(Item::Refused(row, errors)) => {
                writeln!(text, "row {row}: refused").unwrap();
                errors.iter().try_for_each(|error| writeln!(text, "    {error}"))
            }
            Ok(Item::Statement(s)) => writeln!(
                text,
                "statement {} of {}: {:?} to {:?}, {} entries, {} in, {} out",
                s.statement, s.account, s.opening, s.closing, s.entries, s.credits, s.debits
            ),
            Ok(Item::Status(r)) => writeln!(
                text,
                "status {}: {:?} {} message {} batch {} order {} {:?} {:?}",
                r.row,
                r.level,
                r.status,
                r.original_message,
                r.original_batch,
                r.original_end_to_end,
                r.reasons,
                r.amount
            ),
            Ok(Item::Message(_)) => Ok(()),
            Ok(Item::Note(note)) => writeln!(text, "note: {note}"),
            Err(error) => writeln!(text, "file refused: {error}"),
        }
        .unwrap();
    }
    text
}

/// What the particulars say, without what they do not.
fn said(particulars: &quittance_actors::transfer::Particulars) -> String {
    let serde_json::Value::Object(all) = serde_json::to_value(particulars).unwrap() else { unreachable!() };
    let said = all.into_iter().filter(|(_, value)| !value.is_null() && value != "");
    said.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
}

/// A bank file, or the error that its start is.
fn bank<'a>(source: impl std::io::BufRead + Send + 'a) -> Box<dyn Reader + 'a> {
    match open_bank(source) {
        Ok(reader) => reader,
        Err(error) => Box::new(Unreadable::new(error)),
    }
}

fn bank_of(path: &Path) -> String {
    describe(bank(BufReader::new(std::fs::File::open(path).unwrap())))
}

fn mapping() -> quittance::config::Mapping {
    let (config, _) = Config::load(&golden::project().join("config/quittance.toml"));
    config.unwrap().mappings["erp"].clone()
}

fn csv_of(path: &Path) -> String {
    describe(erp::csv::reader(BufReader::new(std::fs::File::open(path).unwrap()), &mapping()))
}

/// The folders of bank formats: found, not listed.
fn bank_formats() -> Vec<String> {
    let folder = golden::project().join("fixtures/bank");
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const BANK_FILES: [&str; 7] = ["xml", "sta", "942", "cfo", "bai", "ofx", "n43"];

#[test]
fn bank_files_read_as_recorded_and_broken_ones_are_refused_with_their_place() {
    let formats = bank_formats();
    assert!(formats.len() >= 7, "{formats:?}");
    for format in formats {
        let valid = golden::each(&format!("fixtures/bank/{format}"), &BANK_FILES, |path| {
            let text = bank_of(path);
            assert!(!text.contains("refused"), "{}: {text}", path.display());
            text
        });
        let broken = golden::each(&format!("fixtures/bank/{format}/refused"), &BANK_FILES, |path| {
            let text = bank_of(path);
            assert!(text.contains("refused"), "{}: {text}", path.display());
            text
        });
        assert!(valid > 0 && broken >= valid, "{format}: {valid} valid, {broken} broken");
    }
}

#[test]
fn invoices_read_as_recorded() {
    let valid = golden::each("fixtures/erp/invoices_csv", &["csv"], csv_of);
    let broken = golden::each("fixtures/erp/invoices_csv/refused", &["csv"], |path| {
        let text = csv_of(path);
        assert!(text.contains("refused"), "{}: {text}", path.display());
        text
    });
    assert!(valid >= 11 && broken >= valid, "{valid} valid, {broken} broken");
    let erp_of = |path: &Path| describe(erp::open(BufReader::new(std::fs::File::open(path).unwrap()), &mapping()));
    for (format, extension) in [("jsonl", "jsonl"), ("xml", "xml"), ("pdf", "pdf")] {
        let valid = golden::each(&format!("fixtures/erp/{format}"), &[extension], erp_of);
        let refused = golden::each(&format!("fixtures/erp/{format}/refused"), &[extension], |path| {
            let text = erp_of(path);
            assert!(text.contains("refused"), "{}: {text}", path.display());
            text
        });
        assert!(valid > 0 && refused >= valid, "{format}: {valid} valid, {refused} broken");
    }
}

/// Kinds by a column of other words, constants, an apostrophe between thousands, lines before the
/// header; and the rows that were refused, as they stood.
#[test]
fn a_mapping_says_kinds_constants_and_what_words_mean() {
    let base = mapping();
    let columns = [
        ("kind", "type"),
        ("invoice", "piece"),
        ("credit_note", "avoir"),
        ("customer", "compte"),
        ("amount", "montant"),
        ("due_on", "echeance"),
    ];
    let words = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let mapping = quittance::config::Mapping {
        columns: columns
            .iter()
            .map(|(field, name)| (*field, quittance::config::Column((*name).to_owned())))
            .collect(),
        lookups: [("kind".to_owned(), words(&[("FA", "invoice"), ("AV", "credit_note"), ("AN", "cancellation")]))]
            .into(),
        constants: words(&[("description", "Abonnement")]),
        thousands: Some('\''),
        skip_lines: 2,
        ..base
    };
    let file = "Export Sage\n\ntype;piece;avoir;compte;montant;echeance\nFA;F-1;;C-1;1'250,00;31/03/2026\n\
                AV;F-1;A-1;C-1;-50,00;\nXX;F-3;;C-1;1,00;31/03/2026\nAN;F-1;;;;\nFA;F-4;;C-1;x;31/03/2026\n";
    let text = describe(erp::csv::reader(file.as_bytes(), &mapping));
    for part in [
        "F-1 of C-1 amount 1250.00 EUR issued - due 2026-03-31 for \"Abonnement\"",
        "credit note 2: A-1 of C-1 for Some(\"F-1\"): 50.00 EUR",
        "row 3: refused\n    line 6, column 1, type: \"XX\": expected one of invoice, customer, credit_note, cancellation",
        "cancellation 4: F-1 because cancelled by the ERP",
        "row 5: refused\n    line 8, column 5, montant: \"x\"",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let missing = describe(erp::csv::reader(file.replace("montant", "montan").as_bytes(), &mapping));
    assert!(missing.contains("note: line 3, montant: column \"montant\" of mapping \"erp\" is missing"), "{missing}");
    let mut copied = Vec::new();
    erp::csv::copy_rows(file.as_bytes(), &mapping, &[3, 5].into(), &mut copied).unwrap();
    let copied = String::from_utf8(copied).unwrap();
    assert_eq!(
        copied,
        "Export Sage\n\ntype;piece;avoir;compte;montant;echeance\nXX;F-3;;C-1;1,00;31/03/2026\nFA;F-4;;C-1;x;31/03/2026\n"
    );

    // Whatever its lines end in, however long it is, and in UTF-16 beside a mapping of another encoding.
    for ends in ["\r\n", "\r"] {
        assert_eq!(describe(erp::csv::reader(file.replace('\n', ends).as_bytes(), &mapping)), text, "{ends:?}");
    }
    let long: String = (0..40_000).map(|number| format!("FA;F-{number};;C-1;1,00;31/03/2026\r")).collect();
    let long = file.lines().take(3).collect::<Vec<_>>().join("\r") + "\r" + &long;
    let read = describe(erp::csv::reader(long.as_bytes(), &mapping));
    assert!(long.len() > 1 << 20 && read.contains("F-39999 of C-1"), "{}", &read[read.len() - 200..]);
    let cp1252 = quittance::config::Mapping { encoding: encoding_rs::WINDOWS_1252, ..mapping };
    let wide: Vec<u8> =
        "\u{feff}".encode_utf16().chain(file.replace("XX", "Ž→").encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let mut copied = Vec::new();
    erp::csv::copy_rows(wide.as_slice(), &cp1252, &[3].into(), &mut copied).unwrap();
    let again = describe(erp::csv::reader(copied.as_slice(), &cp1252));
    assert!(again.contains("line 4, column 1, type: \"Ž→\": expected one of"), "{again}");
    assert_eq!(describe(erp::csv::reader(wide.as_slice(), &cp1252)), text.replace("XX", "Ž→"));
}

#[test]
fn every_version_of_camt_reads_the_same() {
    for (fixture, written, versions) in [
        ("statement_02.xml", "001.02", ["001.02", "001.03", "001.04", "001.05", "001.06", "001.07"].as_slice()),
        ("statement_08.xml", "001.08", ["001.08", "001.09", "001.10", "001.11", "001.12", "001.13"].as_slice()),
    ] {
        let path = golden::project().join("fixtures/bank/camt").join(fixture);
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = bank_of(&path);
        for version in versions {
            let other = text.replace(&format!("camt.053.{written}"), &format!("camt.053.{version}"));
            assert_eq!(describe(bank(other.as_bytes())), expected, "{version}");
            let notification = other
                .replace("camt.053", "camt.054")
                .replace("BkToCstmrStmt", "BkToCstmrDbtCdtNtfctn")
                .replace("Stmt>", "Ntfctn>");
            assert_eq!(describe(bank(notification.as_bytes())), expected, "camt.054.{version}");
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
    let text = describe(erp::csv::reader(BufReader::new(endless()), &mapping()));
    assert!(text.contains("a line is longer than 1024 KiB"), "{text}");
    let head = b"<?xml version=\"1.0\"?><Document><BkToCstmrStmt><Stmt><Id>".as_slice();
    let text = describe(bank(BufReader::new(head.chain(endless()))));
    assert!(text.contains("longer than"), "{text}");
}

#[test]
fn a_record_of_many_short_lines_or_tags_is_refused_early() {
    let head = "facture;client;nom;email;telephone;langue;montant;emission;echeance;libelle\n\"";
    let quoted = head.as_bytes().chain(Endless { bytes: b"a\n", left: 1 << 30 });
    let text = describe(erp::csv::reader(BufReader::new(quoted), &mapping()));
    assert!(text.contains("a record is longer than 4 MiB"), "{text}");
    let comment = b"<?xml version=\"1.0\"?><Document><!-- ".as_slice();
    let comment = comment.chain(Endless { bytes: b"> ", left: 1 << 30 });
    let text = describe(bank(BufReader::new(comment)));
    assert!(text.contains("an element is longer than 1024 KiB"), "{text}");
}

#[test]
fn any_cut_of_a_file_is_read_or_refused_and_never_panics() {
    for path in golden::files("fixtures/bank/camt", &["xml"]) {
        let bytes = std::fs::read(&path).unwrap();
        let whole = bytes.trim_ascii_end().len();
        for end in (0..whole).step_by(37) {
            let text = describe(bank(&bytes[..end]));
            assert!(text.contains("refused"), "{} cut at {end}:\n{text}", path.display());
        }
    }
    for path in golden::files("fixtures/erp/invoices_csv", &["csv"]) {
        let bytes: &'static [u8] = Box::leak(std::fs::read(&path).unwrap().into_boxed_slice());
        for end in (0..bytes.len()).step_by(7) {
            describe(erp::csv::reader(&bytes[..end], &mapping()));
        }
    }
}

#[test]
fn nothing_follows_a_statement_that_does_not_close() {
    let fixture = |path: &str| std::fs::read_to_string(golden::project().join("fixtures/bank").join(path)).unwrap();
    let both = fixture("mt940/refused/does_not_close.sta") + &fixture("mt940/german.sta");
    let text = describe(bank(both.as_bytes()));
    let refused = text.lines().position(|line| line.starts_with("file refused")).unwrap();
    assert_eq!(refused + 1, text.lines().count(), "{text}");
}
