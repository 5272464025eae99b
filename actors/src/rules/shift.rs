//! How far a date or an instant of a condition is moved before it is compared.

use std::fmt;

use super::fields::{Kind, Value};
use crate::values::Calendar;

/// How far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shift {
    /// Days, of a date; nothing at 0.
    Days(i32),
    /// Days on which the tenant's calendar is open, of a date.
    BusinessDays(i32),
    /// Milliseconds, of an instant.
    Millis(i64),
}

impl Shift {
    /// Nothing.
    pub const NONE: Shift = Shift::Days(0);

    /// As far the other way.
    #[must_use]
    pub fn back(self) -> Self {
        match self {
            Shift::Days(days) => Shift::Days(-days),
            Shift::BusinessDays(days) => Shift::BusinessDays(-days),
            Shift::Millis(millis) => Shift::Millis(-millis),
        }
    }

    /// Whether values of a kind can be moved so.
    pub(super) fn fits(self, kind: Kind) -> bool {
        match self {
            Shift::Days(0) => true,
            Shift::Days(_) | Shift::BusinessDays(_) => kind == Kind::Date,
            Shift::Millis(_) => kind == Kind::Instant,
        }
    }

    /// A value so far from another one; nothing when no calendar is known that says which days are open.
    pub(super) fn of(self, value: Value, calendar: Option<&Calendar>) -> Option<Value> {
        Some(match (value, self) {
            (Value::Date(date), Shift::Days(days)) => Value::Date(date.plus_days(days)),
            (Value::Date(date), Shift::BusinessDays(days)) => Value::Date(match days {
                ..0 => calendar?.minus_business_days(date, days.unsigned_abs()),
                _ => calendar?.plus_business_days(date, days.unsigned_abs()),
            }),
            (Value::Instant(at), Shift::Millis(millis)) => Value::Instant(at.plus_millis(millis)),
            (value, _) => value,
        })
    }
}

/// As it is written behind a field: ` + days(7)`.
impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = |back: bool| if back { '-' } else { '+' };
        match self {
            Shift::Days(0) => Ok(()),
            Shift::Days(days) => write!(f, " {} days({})", sign(*days < 0), days.unsigned_abs()),
            Shift::BusinessDays(days) => {
                write!(f, " {} business_days({})", sign(*days < 0), days.unsigned_abs())
            }
            Shift::Millis(millis) => {
                write!(f, " {} duration(\"{}s\")", sign(*millis < 0), millis.unsigned_abs() / 1_000)
            }
        }
    }
}
