//! What became of payment requests, for the ERP: one row per change, at least once, with the
//! event's id to recognise a row that came before; and control totals beside every file.

use std::collections::BTreeMap;
use std::path::Path;

use quittance_actors::partition::Commit;
use quittance_actors::rules::{EventType, Facts, Field, Published, Value};
use quittance_actors::values::{Money, Timestamp};
use serde::Serialize;

use super::told::{Failure, Names, Reader, When};
use crate::digest;

/// The columns.
const HEADER: [&str; 9] =
    ["event_id", "event", "at", "invoice", "customer", "amount", "paid", "outstanding", "currency"];

/// How statuses are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum StatusFormat {
    /// Columns, separated by semicolons.
    #[default]
    Csv,
    /// A JSON object a line.
    #[value(name = "jsonl")]
    JsonLines,
}

impl StatusFormat {
    /// The ending of its files.
    pub fn ending(self) -> &'static str {
        match self {
            StatusFormat::Csv => "csv",
            StatusFormat::JsonLines => "jsonl",
        }
    }
}

/// A change of a payment request. Amounts are decimals in the currency beside them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The event's id.
    pub event_id: String,
    /// The event's name.
    pub event: &'static str,
    /// When it was recorded.
    pub at: Timestamp,
    /// The invoice's number.
    pub invoice: String,
    /// The ERP's key of the customer.
    pub customer: String,
    /// What was asked for.
    pub amount: String,
    /// What is paid.
    pub paid: String,
    /// What is left.
    pub outstanding: String,
    /// The currency.
    pub currency: String,
    #[serde(skip)]
    minor: [i64; 3],
}

impl Row {
    /// The row of a published event.
    pub fn of(event: &Published) -> Self {
        let text = |field| match event.fact(field) {
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        };
        let money = |field| match event.fact(field) {
            Some(Value::Money(money)) => Some(*money),
            _ => None,
        };
        let figures = [Field::RequestAmount, Field::RequestPaid, Field::RequestOutstanding].map(money);
        let named = [text(Field::RequestExternalRef), text(Field::CustomerExternalRef)];
        Self::new((event.id.to_string(), event.event, event.at), named, figures)
    }

    /// The row of the public event at a place of a record, if it is a status.
    fn told(names: &Names, commit: &Commit, place: usize) -> Option<Self> {
        let occurrence = commit.published.get(place).filter(|occurrence| occurrence.event.is_status())?;
        let facts = commit.told(place)?;
        let money = |field| {
            facts.fact(field).and_then(|fact| match fact.into_value() {
                Value::Money(money) => Some(money),
                _ => None,
            })
        };
        let terms = names.request(occurrence.request?)?;
        let named = [terms.external_ref.to_string(), names.customer(terms.customer).to_owned()];
        let figures = [Field::RequestAmount, Field::RequestPaid, Field::RequestOutstanding].map(money);
        Some(Self::new((commit.event_id(place).to_string(), occurrence.event, commit.at), named, figures))
    }

    fn new(
        (event_id, event, at): (String, EventType, Timestamp), [invoice, customer]: [String; 2],
        figures: [Option<Money>; 3],
    ) -> Self {
        let [amount, paid, outstanding] = figures.map(|money| money.map_or_else(String::new, Money::decimal));
        let currency = figures.iter().flatten().next().map_or_else(String::new, |money| money.currency().to_string());
        let minor = figures.map(|money| money.map_or(0, Money::minor));
        Self { event_id, event: event.name(), at, invoice, customer, amount, paid, outstanding, currency, minor }
    }

    fn columns(&self) -> [String; 9] {
        [
            self.event_id.clone(),
            self.event.to_owned(),
            self.at.to_string(),
            guarded(&self.invoice),
            guarded(&self.customer),
            self.amount.clone(),
            self.paid.clone(),
            self.outstanding.clone(),
            self.currency.clone(),
        ]
    }
}

/// A text that a spreadsheet would run as a formula gets a quote in front.
pub(super) fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t']) { format!("'{text}") } else { text.to_owned() }
}

/// The rows as a file.
pub(crate) fn write(rows: &[Row], format: StatusFormat) -> Result<Vec<u8>, String> {
    match format {
        StatusFormat::Csv => {
            let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
            let written = writer
                .write_record(HEADER)
                .and_then(|()| rows.iter().try_for_each(|row| writer.write_record(row.columns())));
            written.map_err(|error| error.to_string())?;
            writer.into_inner().map_err(|error| error.to_string())
        }
        StatusFormat::JsonLines => {
            let mut bytes = Vec::new();
            for row in rows {
                serde_json::to_writer(&mut bytes, row).map_err(|error| error.to_string())?;
                bytes.push(b'\n');
            }
            Ok(bytes)
        }
    }
}

/// The statuses that the log tells of the period.
pub(super) fn told(folder: &Path, reader: &mut Reader<'_>) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    reader.read(folder, |names, commit, when| {
        if when == When::Within {
            rows.extend((0..commit.published.len()).filter_map(|place| Row::told(names, commit, place)));
        }
        rows.len()
    })?;
    Ok(rows)
}

/// What a file holds, written beside it as `<name>.control.json`: a reader counts and adds, and
/// compares, before it takes anything over.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Control {
    /// The file's name.
    pub file: String,
    /// Its number among the files of its kind, from 1 without gaps; none for a period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// Lines, apart from a header.
    pub rows: u64,
    /// Sums in decimals, by currency and column.
    pub totals: BTreeMap<String, BTreeMap<&'static str, String>>,
    /// SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
}

impl Control {
    /// The control of rows.
    pub fn of(rows: &[Row]) -> Self {
        let mut sums = Sums::default();
        for row in rows {
            let columns = ["amount", "paid", "outstanding"].into_iter().zip(row.minor);
            columns.for_each(|(column, minor)| sums.add(&row.currency, column, minor));
        }
        Self::with(rows.len(), sums)
    }

    pub(super) fn with(rows: usize, sums: Sums) -> Self {
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        Self { rows, totals: sums.decimals(), ..Self::default() }
    }

    /// Names the file that it is of.
    pub fn sealed(&mut self, name: &str, bytes: &[u8]) {
        name.clone_into(&mut self.file);
        self.sha256 = digest::hex(&digest::sha256(bytes));
    }

    /// Its own bytes.
    pub fn json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

/// Sums by currency and column, in minor units.
#[derive(Default)]
pub(super) struct Sums(BTreeMap<String, BTreeMap<&'static str, i128>>);

impl Sums {
    pub fn add(&mut self, currency: &str, column: &'static str, minor: i64) {
        *self.0.entry(currency.to_owned()).or_default().entry(column).or_default() += i128::from(minor);
    }

    fn decimals(self) -> BTreeMap<String, BTreeMap<&'static str, String>> {
        use quittance_actors::values::Currency;
        let decimal = |currency: &str, minor: i128| match (Currency::parse(currency), i64::try_from(minor)) {
            (Ok(currency), Ok(minor)) => Money::from_minor(minor, currency).decimal(),
            _ => minor.to_string(), // Beyond what one amount can be: in minor units.
        };
        let of = |(currency, columns): (String, BTreeMap<&'static str, i128>)| {
            let columns = columns.into_iter().map(|(column, minor)| (column, decimal(&currency, minor))).collect();
            (currency, columns)
        };
        self.0.into_iter().map(of).collect()
    }
}
