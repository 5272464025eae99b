//! Column mappings of ERP files: which column means what, and how it is written. Nothing is
//! guessed while a file is read.

use std::collections::BTreeMap;
use std::path::Path;

use quittance_actors::values::{Currency, DecimalMark};

use super::read_file;
use super::reader::Section;
use crate::diagnostics::Findings;

/// A column of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column(pub String);

/// A fixed value, or a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConstantOrColumn<T> {
    /// The same in every row.
    Constant(T),
    /// Read from a column.
    Column(Column),
}

/// How one kind of file is written.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// Its name.
    pub name: String,
    /// The separator.
    pub delimiter: u8,
    /// The encoding; a byte order mark wins over it.
    pub encoding: &'static encoding_rs::Encoding,
    /// The decimal mark of amounts.
    pub decimal: DecimalMark,
    /// The pattern of dates.
    pub date: String,
    /// The country of national phone numbers.
    pub phone_country: Option<String>,
    /// The currency.
    pub currency: ConstantOrColumn<Currency>,
    /// Columns by field: `invoice`, `customer`, `amount`, `due_on` at least.
    pub columns: BTreeMap<&'static str, Column>,
    /// Columns that may be there and are not read.
    pub ignored: Vec<String>,
}

/// Fields of an invoice row, and whether they must be mapped.
const FIELDS: [(&str, bool); 10] = [
    ("invoice", true),
    ("customer", true),
    ("amount", true),
    ("due_on", true),
    ("issued_on", false),
    ("name", false),
    ("email", false),
    ("phone", false),
    ("language", false),
    ("description", false),
];

impl Mapping {
    /// Whether a row cannot be used without `field`.
    pub fn needs(field: &str) -> bool {
        FIELDS.iter().any(|(known, needed)| *known == field && *needed)
    }

    fn read(name: &str, root: &Section<'_, '_>) -> Option<Self> {
        let delimiter = root.choice("delimiter", &[(";", b';'), (",", b','), ("tab", b'\t'), ("|", b'|')])?;
        let encoding = root.optional("encoding", |label| {
            encoding_rs::Encoding::for_label(label.as_bytes())
                .ok_or("expected a name such as utf-8, windows-1252 or iso-8859-15")
        });
        let decimal = root.choice("decimal", &[(",", DecimalMark::Comma), (".", DecimalMark::Point)])?;
        let date = root.text("date").unwrap_or("%d/%m/%Y").to_owned();
        let phone_country = root.text("phone_country").map(str::to_owned);
        let section = root.section("columns")?;
        let mut columns = BTreeMap::new();
        for (field, required) in FIELDS {
            let column = if required { section.required(field) } else { section.text(field) };
            if let Some(column) = column {
                columns.insert(field, Column(column.to_owned()));
            }
        }
        let currency = match section.text("currency") {
            Some(column) => ConstantOrColumn::Column(Column(column.to_owned())),
            None => {
                let constant = root.optional("currency", Currency::parse).unwrap_or(Currency::EUR);
                ConstantOrColumn::Constant(constant)
            }
        };
        let _ = root.text("currency"); // Known as a key even when a column gives it.
        section.close();
        let ignored = root.texts("ignored").into_iter().map(|(column, _)| column.to_owned()).collect();
        Some(Self {
            name: name.to_owned(),
            delimiter,
            encoding: encoding.unwrap_or(encoding_rs::UTF_8),
            decimal,
            date,
            phone_country,
            currency,
            columns,
            ignored,
        })
    }
}

/// Every mapping of a folder, by file name.
pub(super) fn load(folder: &Path, findings: &mut Findings) -> BTreeMap<String, Mapping> {
    let mut mappings = BTreeMap::new();
    for path in toml_files(folder) {
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        if let Some(mapping) = read_file(&path, findings, |root| Mapping::read(&name, root)) {
            mappings.insert(name, mapping);
        }
    }
    mappings
}

/// The TOML files of a folder, in order; none if it is not there.
pub(super) fn toml_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.sort();
    paths
}
