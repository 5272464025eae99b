//! Events of an outgoing feed as one file of many: a JSON object a line, or columns.

use std::fmt;

use quittance_actors::rules::{Field, Kind, Published, Value};

use super::published::event_json;
use super::statuses::guarded;
use crate::diagnostics::nearest;

/// What stands in a file of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// An event a line, as a hook tells it.
    JsonLines,
    /// Columns, separated by semicolons, under their names.
    Csv(Vec<Column>),
}

/// A column of a file of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// `event.id`: the same whenever the event is written again.
    Id,
    /// `event.type`.
    Type,
    /// `event.at`.
    At,
    /// A fact; money as decimals.
    Fact(Field),
    /// The currency of a fact that is money: its path and `.currency`.
    Currency(Field),
}

impl Layout {
    /// The ending of its files.
    pub fn ending(&self) -> &'static str {
        match self {
            Layout::JsonLines => "jsonl",
            Layout::Csv(_) => "csv",
        }
    }

    /// Columns of a file for which none are named.
    pub fn usual() -> Vec<Column> {
        let facts =
            [Field::CustomerExternalRef, Field::RequestExternalRef, Field::RequestAmount, Field::RequestOutstanding];
        let mut columns = vec![Column::Id, Column::Type, Column::At];
        columns.extend(facts.map(Column::Fact));
        columns.push(Column::Currency(Field::RequestAmount));
        columns
    }

    /// Events as the bytes of a file.
    pub(crate) fn write<'a>(&self, events: impl Iterator<Item = &'a Published>) -> Result<Vec<u8>, String> {
        match self {
            Layout::JsonLines => {
                let mut bytes = Vec::new();
                for event in events {
                    serde_json::to_writer(&mut bytes, &event_json(event)).map_err(|error| error.to_string())?;
                    bytes.push(b'\n');
                }
                Ok(bytes)
            }
            Layout::Csv(columns) => {
                let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
                let said = |error: csv::Error| error.to_string();
                writer.write_record(columns.iter().map(Column::to_string)).map_err(said)?;
                for event in events {
                    writer.write_record(columns.iter().map(|column| column.of(event))).map_err(said)?;
                }
                writer.into_inner().map_err(|error| error.to_string())
            }
        }
    }
}

impl Column {
    /// Reads `event.id`, `event.type`, `event.at`, the path of a fact, or that of money and `.currency`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let money = |path: &str| Field::parse(path).filter(|field| field.kind() == Kind::Money);
        match text {
            "event.id" => Ok(Column::Id),
            "event.type" => Ok(Column::Type),
            "event.at" => Ok(Column::At),
            path => match (Field::parse(path), path.strip_suffix(".currency").and_then(money)) {
                (Some(field), _) if field.is_of_the_moment() => {
                    Err(format!("\"{path}\" is asked by conditions only; event.at says when it happened"))
                }
                (Some(field), _) => Ok(Column::Fact(field)),
                (None, Some(field)) => Ok(Column::Currency(field)),
                (None, None) => {
                    let near = nearest(path, Field::ALL.iter().map(|field| field.path()));
                    let near = near.map(|near| format!(", did you mean \"{near}\"?")).unwrap_or_default();
                    Err(format!("\"{path}\" is no column{near}"))
                }
            },
        }
    }

    fn of(&self, event: &Published) -> String {
        match self {
            Column::Id => event.id.to_string(),
            Column::Type => event.event.name().to_owned(),
            Column::At => event.at.to_string(),
            Column::Currency(field) => match event.fact(*field) {
                Some(Value::Money(money)) => money.currency().to_string(),
                _ => String::new(),
            },
            Column::Fact(field) => match event.fact(*field) {
                None => String::new(),
                Some(Value::Text(text)) => guarded(text),
                Some(Value::Money(money)) => money.decimal(),
                Some(Value::Number(number)) => number.to_string(),
                Some(Value::Truth(truth)) => truth.to_string(),
                Some(Value::Date(date)) => date.to_string(),
                Some(Value::Instant(at)) => at.to_string(),
                Some(Value::Words(words)) => guarded(&words.join(" ")),
            },
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Column::Id => f.write_str("event.id"),
            Column::Type => f.write_str("event.type"),
            Column::At => f.write_str("event.at"),
            Column::Fact(field) => f.write_str(field.path()),
            Column::Currency(field) => write!(f, "{}.currency", field.path()),
        }
    }
}
