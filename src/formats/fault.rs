//! What is wrong with a file, and where.

use std::fmt;

use serde::Serialize;

/// One thing wrong with a file: line, column, field, value, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1: the field of a CSV row, the byte of another line. 0 for a whole line.
    pub column: u64,
    /// The field: a header, or a path of elements.
    pub field: String,
    /// The value, cut to what a person can read.
    pub value: String,
    /// What was expected, or what is wrong.
    pub fault: Fault,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "text", rename_all = "snake_case")]
pub enum Fault {
    /// The value is not what was expected.
    Expected(String),
    /// Something else is wrong.
    Wrong(String),
}

impl FieldError {
    /// Characters of a value that are shown.
    pub const VALUE_CHARACTERS_MAX: usize = 60;

    /// A value that is not what was expected.
    pub fn expected(line: u64, column: u64, field: &str, value: &str, expected: impl Into<String>) -> Self {
        Self::of(line, column, field, value, Fault::Expected(expected.into()))
    }

    /// Something wrong with a place rather than a value.
    pub fn wrong(line: u64, column: u64, field: &str, what: impl Into<String>) -> Self {
        Self::of(line, column, field, "", Fault::Wrong(what.into()))
    }

    fn of(line: u64, column: u64, field: &str, value: &str, fault: Fault) -> Self {
        let plain = |c: char| if c.is_control() { '·' } else { c };
        let shown: String = value.chars().take(Self::VALUE_CHARACTERS_MAX).map(plain).collect();
        Self { line, column, field: field.to_owned(), value: shown, fault }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str("the file")?, // It is no matter of one place.
            line => write!(f, "line {line}")?,
        }
        if self.column > 0 {
            write!(f, ", column {}", self.column)?;
        }
        if !self.field.is_empty() {
            write!(f, ", {}", self.field)?;
        }
        match &self.fault {
            Fault::Expected(expected) => write!(f, ": \"{}\": expected {expected}", self.value),
            Fault::Wrong(what) => write!(f, ": {what}"),
        }
    }
}
