//! Column mappings of ERP files: which column means what, and how it is written. Nothing is
//! guessed while a file is read.

use std::collections::BTreeMap;
use std::path::Path;

use quittance_actors::values::{Currency, DecimalMark};

use super::reader::Section;
use super::sources::Sources;
use crate::diagnostics::Findings;
use crate::formats::erp::FIELDS;

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
    /// What groups thousands in amounts, beside blanks.
    pub thousands: Option<char>,
    /// Lines before the header.
    pub skip_lines: usize,
    /// The pattern of dates.
    pub date: String,
    /// The country of national phone numbers.
    pub phone_country: Option<String>,
    /// The currency.
    pub currency: ConstantOrColumn<Currency>,
    /// Columns by field: `invoice`, `customer`, `amount`, `due_on` at least.
    pub columns: BTreeMap<&'static str, Column>,
    /// Values by field, for those without a column.
    pub constants: BTreeMap<String, String>,
    /// What values of a field mean.
    pub lookups: BTreeMap<String, BTreeMap<String, String>>,
    /// Columns that may be there and are not read.
    pub ignored: Vec<String>,
}

impl Mapping {
    /// Values as interfaces publish them: ISO dates, a decimal point, no column of its own.
    pub fn published() -> Self {
        Self {
            name: "published".to_owned(),
            delimiter: b',',
            encoding: encoding_rs::UTF_8,
            decimal: DecimalMark::Point,
            thousands: None,
            skip_lines: 0,
            date: "%Y-%m-%d".to_owned(),
            phone_country: None,
            currency: ConstantOrColumn::Constant(Currency::EUR),
            columns: BTreeMap::new(),
            constants: BTreeMap::new(),
            lookups: BTreeMap::new(),
            ignored: Vec::new(),
        }
    }

    /// Whether no row can be used without `field`: when every row is an invoice, what an invoice
    /// needs and no constant gives.
    pub fn needs(&self, field: &str) -> bool {
        let invoices = !self.columns.contains_key("kind") && !self.constants.contains_key("kind");
        let needed = FIELDS.iter().any(|(known, needed)| *known == field && *needed);
        (needed && invoices && !self.constants.contains_key(field)) || field == "kind"
    }

    fn read(name: &str, root: &Section<'_, '_>) -> Option<Self> {
        let delimiter = if root.has("delimiter") { root.parsed("delimiter", delimiter)? } else { b';' };
        let encoding = root.optional("encoding", |label| {
            encoding_rs::Encoding::for_label(label.as_bytes())
                .ok_or("expected a name such as utf-8, windows-1252 or iso-8859-15")
        });
        let decimal = root.choice("decimal", &[(",", DecimalMark::Comma), (".", DecimalMark::Point)])?;
        let date = root.text("date").unwrap_or("%d/%m/%Y").to_owned();
        let phone_country = root.text("phone_country").map(str::to_owned);
        let thousands = root.optional("thousands", |text| match text.chars().next() {
            Some(mark @ ('.' | ',' | '\'' | '\u{2019}')) if text.chars().count() == 1 => Ok(mark),
            _ => Err("expected . , or an apostrophe; blanks need not be said"),
        });
        let skip_lines = root.integer("skip_lines", 0..=100).unwrap_or(0);
        let field = |field: &str| FIELDS.iter().any(|(known, _)| *known == field);
        let constants = match root.has("constants") {
            true => root.section("constants").map(|section| section.words(field)).unwrap_or_default(),
            false => BTreeMap::new(),
        };
        let mut lookups = BTreeMap::new();
        if root.has("lookups")
            && let Some(section) = root.section("lookups")
        {
            for (name, _) in FIELDS {
                if section.has(name)
                    && let Some(table) = section.section(name)
                {
                    lookups.insert(name.to_owned(), table.words(|_| true));
                }
            }
            section.close();
        }
        let section = root.section("columns")?;
        let mut columns = BTreeMap::new();
        for (field, required) in FIELDS {
            let given = constants.contains_key("kind") || constants.contains_key(field) || section.has("kind");
            let column = if required && !given { section.required(field) } else { section.text(field) };
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
            thousands,
            skip_lines: usize::try_from(skip_lines).unwrap_or(0),
            date,
            phone_country,
            currency,
            columns,
            constants,
            lookups,
            ignored,
        })
    }
}

/// Every mapping of a folder, by file name.
pub(super) fn load(sources: &Sources, folder: &Path, findings: &mut Findings) -> BTreeMap<String, Mapping> {
    let mut mappings = BTreeMap::new();
    for path in sources.files(folder, "toml") {
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        if let Some(mapping) = sources.toml(&path, findings, |root| Mapping::read(&name, root)) {
            mappings.insert(name, mapping);
        }
    }
    mappings
}
/// What stands between two cells of a line.
fn delimiter(text: &str) -> Result<u8, &'static str> {
    match text.as_bytes() {
        b"tab" | b"\t" => Ok(b'\t'),
        [byte] if (byte.is_ascii_punctuation() && !b"\".-+".contains(byte)) || *byte == 0x1f => Ok(*byte),
        _ => Err("expected tab, or one character such as ; , | : or ^, and nothing that stands in numbers or quotes"),
    }
}
