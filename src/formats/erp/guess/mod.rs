//! Proposes a mapping for a file of columns, with the evidence for each choice.
//!
//! It refuses to choose between readings that both fit: a date that is one of two days, an amount
//! whose mark may group thousands. A person decides once; nothing is guessed while reading.

mod proposal;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use quittance_actors::values::{Currency, DecimalMark};

use self::proposal::Proposal;
use super::csv::COLUMNS_MAX;
use super::fields::FIELDS;
use super::preamble::Preamble;
use super::written::written;
use crate::config::{Column, ConstantOrColumn, Mapping};

/// Records that are looked at.
const RECORDS_MAX: usize = 2_000;
/// Bytes that are looked at.
pub const GUESS_BYTES: usize = 1 << 20;

/// What was found.
#[derive(Debug)]
pub struct Guess {
    /// The mapping as it would be read.
    pub mapping: Mapping,
    /// The mapping as a file of the configuration.
    pub toml: String,
    /// What a person must decide; with none the mapping can be used as it is.
    pub doubts: Vec<String>,
}

/// The encoding of the bytes, and why.
fn encoding(bytes: &[u8]) -> (&'static encoding_rs::Encoding, &'static str) {
    if let Some((encoding, _)) = encoding_rs::Encoding::for_bom(bytes) {
        return (encoding, "a byte order mark says so");
    }
    // Text of which every other byte is zero.
    let zeros = |first: usize| bytes.iter().skip(first).step_by(2).filter(|byte| **byte == 0).count();
    let pairs = (bytes.len() / 2).max(1);
    match (zeros(0) * 10 > pairs * 8, zeros(1) * 10 > pairs * 8) {
        (true, false) => return (encoding_rs::UTF_16BE, "the first of every two bytes is zero"),
        (false, true) => return (encoding_rs::UTF_16LE, "the second of every two bytes is zero"),
        _ => {}
    }
    let cut_short = |error: &std::str::Utf8Error| error.error_len().is_none();
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => (encoding_rs::UTF_8, "every byte looked at is ASCII"),
        Ok(_) => (encoding_rs::UTF_8, "every byte looked at is UTF-8"),
        Err(error) if cut_short(&error) => (encoding_rs::UTF_8, "every byte looked at is UTF-8"),
        Err(_) if bytes.contains(&0xa4) && !bytes.iter().any(|byte| (0x80..0xa0).contains(byte)) => {
            (encoding_rs::ISO_8859_15, "it is not UTF-8, and has the byte of the euro sign")
        }
        Err(_) => (encoding_rs::WINDOWS_1252, "it is not UTF-8"),
    }
}

/// The records of a text, with the line each ends at.
fn records(text: &str, delimiter: u8) -> Vec<(u64, Vec<String>)> {
    let text = Preamble::new(text.as_bytes(), 0);
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text);
    let mut found = Vec::new();
    let mut record = csv::StringRecord::new();
    while found.len() < RECORDS_MAX && matches!(reader.read_record(&mut record), Ok(true)) {
        // Blank lines before a record count as its own: its last line is the one before the next.
        let line = reader.position().line().saturating_sub(1);
        found.push((line, record.iter().map(|cell| cell.trim().to_owned()).collect()));
    }
    found
}

/// The width that most records have, and how many have it.
fn usual_width(records: &[(u64, Vec<String>)]) -> (usize, usize) {
    let mut widths: BTreeMap<usize, usize> = BTreeMap::new();
    for (_, record) in records {
        *widths.entry(record.len()).or_default() += 1;
    }
    widths.into_iter().max_by_key(|(width, count)| (*count, *width)).unwrap_or((0, 0))
}

/// Proposes a mapping for the start of a file. An error says why there is nothing to propose.
pub fn guess(bytes: &[u8]) -> Result<Guess, String> {
    let (encoding, encoding_why) = encoding(bytes);
    let (text, ..) = encoding.decode(bytes);
    // The last line may be cut.
    let text = match bytes.len() >= GUESS_BYTES {
        true => text.rsplit_once('\n').map_or(text.as_ref(), |(whole, _)| whole),
        false => text.as_ref(),
    };
    // Of those that part as many lines into as many columns the last one counts.
    let separators = [(b':', ":"), (b'~', "~"), (b'^', "^"), (b';', ";"), (b',', ","), (b'\t', "tab"), (b'|', "|")];
    let tried = separators.map(|(delimiter, name)| {
        let found = records(text, delimiter);
        let (width, count) = usual_width(&found);
        (delimiter, name, found, width, count)
    });
    let best =
        tried.into_iter().filter(|(.., width, _)| *width > 1).max_by_key(|(.., width, count)| (*count, *width));
    let Some((delimiter, delimiter_name, found, width, count)) = best else {
        return Err("no separator parts the lines into columns: ; , tab | : ^ and ~ were tried".to_owned());
    };
    if width > COLUMNS_MAX {
        return Err(format!("the lines have {width} columns, the most there can be are {COLUMNS_MAX}"));
    }
    let is_header = |record: &[String]| {
        record.len() == width
            && record
                .iter()
                .filter(|cell| !cell.is_empty())
                .all(|cell| !cell.starts_with(|c: char| c.is_ascii_digit()))
            && record.iter().filter(|cell| !cell.is_empty()).count() * 2 > width
    };
    let Some(at) = found.iter().position(|(_, record)| is_header(record)) else {
        return Err("no line looks like a header of column names".to_owned());
    };
    let (header_line, header) = found.get(at).cloned().unwrap_or_default();
    let rows: Vec<&Vec<String>> =
        found.iter().skip(at + 1).map(|(_, row)| row).filter(|row| row.len() == width).collect();
    let mut proposal = Proposal { header, rows, columns: BTreeMap::new(), doubts: Vec::new() };
    proposal.name_columns();
    let (date, date_why) = proposal.dates();
    let (decimal, thousands, decimal_why) = proposal.decimals();
    let currency = proposal.currency();
    if let Some(column) = proposal.columns.get("kind").cloned() {
        let what = format!(
            "column \"{column}\" may say what each row is; name it in [columns] as kind, with [lookups.kind], or leave it in `ignored`"
        );
        proposal.doubts.push(what);
        proposal.columns.remove("kind");
    }
    for (field, needed) in FIELDS {
        if needed && !proposal.columns.contains_key(field) {
            proposal
                .doubts
                .push(format!("no column looks like `{field}`, which an invoice needs: name it in [columns]"));
        }
    }
    let Proposal { header, columns, mut doubts, .. } = proposal;
    let again =
        |(at, name): &(usize, &String)| !name.is_empty() && header.iter().take(*at).any(|other| other == *name);
    if let Some((_, name)) = header.iter().enumerate().find(again) {
        doubts.push(format!("two columns are called {}, and only the first is read: rename one", quoted(name)));
    }
    let skip_lines = usize::try_from(header_line.saturating_sub(1)).unwrap_or(0);
    let skip_lines = if text.starts_with("sep=") { skip_lines.saturating_sub(1) } else { skip_lines };
    let mapping = mapping_of(
        &columns,
        &header,
        &currency,
        &Written { encoding, delimiter, decimal, thousands, date, skip_lines },
    );
    let mut toml = String::new();
    // A string takes everything: the results of writing to it are of no interest.
    let _ = writeln!(
        toml,
        "delimiter = \"{delimiter_name}\"  # parts {count} of {} lines into {width} columns",
        found.len()
    );
    let _ = writeln!(toml, "encoding = \"{}\"  # {encoding_why}", encoding.name().to_lowercase());
    let _ =
        writeln!(toml, "decimal = \"{}\"  # {decimal_why}", if decimal == DecimalMark::Comma { "," } else { "." });
    if let Some(thousands) = thousands {
        let _ = writeln!(toml, "thousands = \"{thousands}\"");
    }
    if skip_lines > 0 {
        let _ = writeln!(toml, "skip_lines = {skip_lines}  # before the header");
    }
    let _ = writeln!(toml, "date = \"{date}\"  # {}: {date_why}", written(date));
    if let Some(Err(constant)) = &currency {
        let _ = writeln!(toml, "currency = \"{constant}\"  # no column names one");
    }
    if columns.contains_key("phone") {
        let _ = writeln!(toml, "phone_country = \"FR\"  # of numbers without a country");
    }
    let ignored: Vec<String> = mapping.ignored.iter().map(|name| quoted(name)).collect();
    if !ignored.is_empty() {
        let _ = writeln!(toml, "ignored = [{}]", ignored.join(", "));
    }
    toml.push_str("\n[columns]\n");
    for (field, column) in &columns {
        let _ = writeln!(toml, "{field} = {}", quoted(column));
    }
    if let Some(Ok(column)) = &currency {
        let _ = writeln!(toml, "currency = {}", quoted(column));
    }
    Ok(Guess { mapping, toml, doubts })
}

/// A string of TOML, whatever it holds.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// How values are written.
struct Written {
    encoding: &'static encoding_rs::Encoding,
    delimiter: u8,
    decimal: DecimalMark,
    thousands: Option<char>,
    date: &'static str,
    skip_lines: usize,
}

fn mapping_of(
    columns: &BTreeMap<&'static str, String>, header: &[String], currency: &Option<Result<String, &'static str>>,
    written: &Written,
) -> Mapping {
    let named: Vec<&String> = columns.values().collect();
    let of_currency = match currency {
        Some(Ok(column)) => Some(column),
        _ => None,
    };
    let ignored =
        header.iter().filter(|name| !name.is_empty() && !named.contains(name) && Some(*name) != of_currency);
    Mapping {
        name: "proposed".to_owned(),
        delimiter: written.delimiter,
        encoding: written.encoding,
        decimal: written.decimal,
        thousands: written.thousands,
        skip_lines: written.skip_lines,
        date: written.date.to_owned(),
        phone_country: Some("FR".to_owned()),
        currency: match of_currency {
            Some(column) => ConstantOrColumn::Column(Column(column.clone())),
            None => ConstantOrColumn::Constant(Currency::EUR),
        },
        columns: columns.iter().map(|(field, column)| (*field, Column(column.clone()))).collect(),
        constants: BTreeMap::new(),
        lookups: BTreeMap::new(),
        ignored: ignored.cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_export_is_understood_with_its_evidence() {
        let file = "N° de facture;Code client;Nom;Montant TTC;Date facture;Échéance;Devise;Agence\n\
                    F-1;C-1;Dupont;1.250,00;01/03/2026;31/03/2026;EUR;Lyon\n\
                    F-2;C-2;Martin;12,50;01/03/2026;31/03/2026;EUR;Lyon\n";
        let found = guess(file.as_bytes()).unwrap();
        assert_eq!(found.doubts, Vec::<String>::new());
        for line in [
            "delimiter = \";\"  # parts 3 of 3 lines into 8 columns",
            "decimal = \",\"  # \"1.250,00\" has both marks, the last one is decimal",
            "thousands = \".\"",
            "date = \"%d/%m/%Y\"  # DD/MM/YYYY: all 4 dates fit it and no other",
            "ignored = [\"Agence\"]",
            "invoice = \"N° de facture\"",
            "due_on = \"Échéance\"",
            "currency = \"Devise\"",
        ] {
            assert!(found.toml.contains(line), "{line}\n{}", found.toml);
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_left_to_a_person() {
        for (file, doubt) in [
            ("invoice,customer,amount,due_date\nF-1,C-1,10.00,03/04/2026\n", "2026-04-03 (DD/MM/YYYY) or 2026-03-04"),
            ("invoice,customer,amount,due_date\nF-1,C-1,1.234,2026-04-03\n", "thousands or three decimals"),
            ("invoice,customer,amount,when\nF-1,C-1,1.20,2026-04-03\n", "no column looks like `due_on`"),
            ("invoice;customer;amount;due\nF-1;C-1;1,20;3rd of May\n", "no pattern fits every date"),
        ] {
            let found = guess(file.as_bytes()).unwrap();
            assert!(found.doubts.iter().any(|text| text.contains(doubt)), "{file}: {:?}", found.doubts);
        }
        // A slip in one date is no doubt about the others.
        let slip = guess(b"invoice;customer;amount;due\nF-1;C-1;1,20;31/03/2026\nF-2;C-2;1,20;31/02/2026\nF-3;C-3;1,20;30/04/2026\n");
        let slip = slip.unwrap();
        assert!(slip.toml.contains("\"%d/%m/%Y\"") && slip.toml.contains("31/02/2026"), "{}", slip.toml);
        let twice = guess(b"invoice;customer;amount;due;due\nF-1;C-1;1,20;31/03/2026;\n").unwrap();
        assert!(
            twice.doubts.iter().any(|text| text.contains("two columns are called \"due\"")),
            "{:?}",
            twice.doubts
        );
        assert!(guess(b"one column\nonly\n").is_err());
    }

    #[test]
    fn encodings_preambles_and_other_separators_are_found() {
        let (file, ..) = encoding_rs::WINDOWS_1252
            .encode("Export du 1\n\nfacture\tclient\tmontant\téchéance\nF-1\tC-1\t5,00\t2026-03-31\n");
        let found = guess(&file).unwrap();
        assert!(found.toml.contains("encoding = \"windows-1252\""), "{}", found.toml);
        assert!(found.toml.contains("delimiter = \"tab\""), "{}", found.toml);
        assert_eq!(found.mapping.skip_lines, 2);
        for mark in ["^", ":", "~", "|"] {
            let text = "invoice;customer;amount;due\nF-1;C-1;5,00;2026-03-31\nF-2;C-2;6,00;2026-04-30\n";
            let found = guess(text.replace(';', mark).as_bytes()).unwrap();
            assert!(found.toml.contains(&format!("delimiter = \"{mark}\"")), "{}", found.toml);
        }
        let text = "invoice;customer;amount;due\nF-1;C-1;5,00;2026-03-31\n";
        for (label, bytes) in [
            ("UTF-16LE", text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()),
            ("UTF-16BE", text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ] {
            let found = guess(&bytes).unwrap();
            assert!(found.toml.to_uppercase().contains(label), "{}", found.toml);
        }
        // By whatever ends the lines, and with names that need quotes.
        let text = "Export\n\ninvoice;customer;amount;due;\"note \"\"\\\"\"\"\nF-1;C-1;5,00;2026-03-31;x\n";
        for ends in ["\n", "\r\n", "\r"] {
            let found = guess(text.replace('\n', ends).as_bytes()).unwrap();
            assert_eq!(found.mapping.skip_lines, 2, "{ends:?}");
            let read: toml::Table = found.toml.parse().unwrap_or_else(|error| panic!("{error}: {}", found.toml));
            assert_eq!(read["ignored"][0].as_str(), Some("note \"\\\""), "{}", found.toml);
        }
    }
}
