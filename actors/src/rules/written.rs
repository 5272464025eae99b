//! A condition as it is written, in CEL syntax.

use std::fmt;

use super::condition::Condition;
use super::fields::Value;

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::Always(truth) => write!(f, "{truth}"),
            Condition::All(parts) => joined(f, parts, " && "),
            Condition::Any(parts) => joined(f, parts, " || "),
            Condition::Not(part) => write!(f, "!({part})"),
            Condition::Compare(field, operator, value) => {
                write!(f, "{} {} {value}", field.path(), operator.symbol())
            }
            Condition::OneOf(field, values) => {
                write!(f, "{} in [", field.path())?;
                for (at, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Condition::Has(field, text) => write!(f, "{text:?} in {}", field.path()),
            Condition::Matches(field, how, text) => write!(f, "{}.{}({text:?})", field.path(), how.name()),
            Condition::CompareFields(field, operator, other, shift) => {
                write!(f, "{} {} {}{shift}", field.path(), operator.symbol(), other.path())
            }
            Condition::Known(field) => write!(f, "has({})", field.path()),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Condition], by: &str) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        f.write_str(if at == 0 { "" } else { by })?;
        within(f, part)?;
    }
    Ok(())
}

/// A part of another condition, in parentheses where it has parts itself.
fn within(f: &mut fmt::Formatter<'_>, part: &Condition) -> fmt::Result {
    match part {
        Condition::All(_) | Condition::Any(_) => write!(f, "({part})"),
        Condition::Always(_)
        | Condition::Not(_)
        | Condition::Compare(..)
        | Condition::OneOf(..)
        | Condition::Has(..)
        | Condition::Matches(..)
        | Condition::CompareFields(..)
        | Condition::Known(_) => write!(f, "{part}"),
    }
}

/// As a literal of a condition.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => write!(f, "{text:?}"),
            Value::Number(number) => write!(f, "{number}"),
            Value::Truth(truth) => write!(f, "{truth}"),
            Value::Money(amount) => {
                let printed = amount.to_string();
                let number = printed.split(' ').next().unwrap_or_default();
                write!(f, "\"{} {number}\"", amount.currency().code())
            }
            Value::Date(day) => write!(f, "\"{day}\""),
            Value::Instant(at) => write!(f, "\"{at}\""),
            Value::Words(words) => write!(f, "{words:?}"),
        }
    }
}
