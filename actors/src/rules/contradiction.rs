//! Whether a condition asks of a field for what excludes itself, so that it never holds.

use std::cmp::Ordering;

use super::condition::{Condition, Operator, compare};
use super::fields::{Fact, Field, Value};
use crate::values::Money;

/// What a condition asks of a field.
enum Asked<'a> {
    Compares(Operator, &'a Value),
    IsOneOf(&'a [Value]),
    IsNoneOf(&'a [Value]),
}

impl Asked<'_> {
    fn holds(&self, value: &Value) -> bool {
        let fact = Fact::from(value);
        let is = |literal: &Value| compare(&fact, literal) == Some(Ordering::Equal);
        match self {
            Asked::Compares(operator, literal) => compare(&fact, literal).is_some_and(|found| operator.holds(found)),
            Asked::IsOneOf(literals) => literals.iter().any(is),
            Asked::IsNoneOf(literals) => !literals.iter().any(is),
        }
    }

    fn literals(&self) -> &[Value] {
        match self {
            Asked::Compares(_, literal) => std::slice::from_ref(*literal),
            Asked::IsOneOf(literals) | Asked::IsNoneOf(literals) => literals,
        }
    }
}

impl Condition {
    /// A field that this asks about in a way no value can meet: `a > 3 && a < 2`, `b && !b`, two currencies.
    pub fn contradiction(&self) -> Option<Field> {
        let mut asked = Vec::new();
        if let Some(field) = self.gather(false, &mut asked) {
            return Some(field);
        }
        let fields = asked.iter().map(|(field, _)| *field);
        fields.into_iter().find(|field| {
            let of_field: Vec<&Asked<'_>> =
                asked.iter().filter(|(of, _)| of == field).map(|(_, asked)| asked).collect();
            !can_hold(&of_field)
        })
    }

    /// Collects what must hold for this to hold, or not to when `negated`. Of alternatives nothing must, unless
    /// each contradicts itself: then this gives a field of theirs.
    fn gather<'a>(&'a self, negated: bool, asked: &mut Vec<(Field, Asked<'a>)>) -> Option<Field> {
        match (self, negated) {
            (Condition::All(parts), false) | (Condition::Any(parts), true) => {
                parts.iter().find_map(|part| part.gather(negated, asked))
            }
            (Condition::Any(parts), false) => {
                let fields: Option<Vec<Field>> = parts.iter().map(Condition::contradiction).collect();
                fields?.first().copied()
            }
            (Condition::Not(part), _) => part.gather(!negated, asked),
            (Condition::Compare(field, operator, value), _) => {
                let operator = if negated { operator.negated() } else { *operator };
                asked.push((*field, Asked::Compares(operator, value)));
                None
            }
            (Condition::OneOf(field, values), _) => {
                asked.push((*field, if negated { Asked::IsNoneOf(values) } else { Asked::IsOneOf(values) }));
                None
            }
            (Condition::All(_), true)
            | (
                Condition::Always(_)
                | Condition::Known(_)
                | Condition::Has(..)
                | Condition::Matches(..)
                | Condition::CompareFields(..),
                _,
            ) => None,
        }
    }
}

/// Whether some value meets everything that is asked. Where one does, one does that is asked about or stands
/// next to such a one; of texts there are always others.
fn can_hold(asked: &[&Asked<'_>]) -> bool {
    let literals = || asked.iter().flat_map(|asked| asked.literals());
    let others = |asked: &&Asked<'_>| matches!(asked, Asked::Compares(Operator::NotEqual, _) | Asked::IsNoneOf(_));
    let of_texts = literals().all(|literal| matches!(literal, Value::Text(_)));
    (of_texts && asked.iter().all(others))
        || literals().flat_map(around).any(|value| asked.iter().all(|asked| asked.holds(&value)))
}

/// A value and those beside it.
fn around(value: &Value) -> Vec<Value> {
    match value {
        Value::Text(_) | Value::Words(_) => vec![value.clone()],
        Value::Truth(_) => vec![Value::Truth(false), Value::Truth(true)],
        Value::Number(number) => [-1, 0, 1].map(|step| Value::Number(number.saturating_add(step))).to_vec(),
        Value::Money(money) => [-1, 0, 1]
            .map(|step| Value::Money(Money::from_minor(money.minor().saturating_add(step), money.currency())))
            .to_vec(),
        Value::Date(date) => [-1, 0, 1].map(|days| Value::Date(date.plus_days(days))).to_vec(),
        Value::Instant(at) => [-1, 0, 1].map(|millis| Value::Instant(at.plus_millis(millis))).to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Currency;

    const DAYS: Field = Field::RequestDaysOverdue;

    fn days(operator: Operator, number: i64) -> Condition {
        Condition::Compare(DAYS, operator, Value::Number(number))
    }

    fn amount(operator: Operator, minor: i64, currency: Currency) -> Condition {
        Condition::Compare(Field::TransferAmount, operator, Value::Money(Money::from_minor(minor, currency)))
    }

    fn kind(operator: Operator, text: &str) -> Condition {
        Condition::Compare(Field::CustomerKind, operator, text.into())
    }

    #[test]
    fn what_excludes_itself_is_found_and_nothing_else() {
        use Operator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        let usd = Currency::parse("USD").unwrap();
        let not = |part: Condition| Condition::Not(Box::new(part));
        let one_of =
            |texts: &[&str]| Condition::OneOf(Field::CustomerKind, texts.iter().map(|t| (*t).into()).collect());
        let truth = || Condition::Compare(Field::MethodBacksRecurring, Equal, Value::Truth(true));
        for parts in [
            vec![days(Greater, 3), days(Less, 4)],
            vec![days(Equal, 3), days(NotEqual, 3)],
            vec![not(days(Less, 10)), Condition::All(vec![days(LessOrEqual, 9)])],
            vec![kind(Equal, "business"), kind(Equal, "consumer")],
            vec![one_of(&["a", "b"]), not(one_of(&["b", "a"]))],
            vec![truth(), not(truth())],
            vec![amount(Greater, 1, Currency::EUR), amount(Less, 9, usd)],
            vec![not(Condition::Any(vec![days(Less, 5), days(Greater, 4)]))],
            vec![Condition::Any(vec![Condition::All(vec![truth(), not(truth())])])],
        ] {
            assert!(Condition::All(parts.clone()).contradiction().is_some(), "{parts:?}");
        }
        for parts in [
            vec![days(Greater, 3), days(Less, 5)],
            vec![days(Greater, 3), days(NotEqual, 4), days(NotEqual, 5)],
            vec![days(GreaterOrEqual, 3), days(LessOrEqual, 3)],
            vec![kind(NotEqual, "business"), kind(NotEqual, "consumer")],
            vec![one_of(&["a", "b"]), kind(NotEqual, "a")],
            vec![truth(), days(Equal, 1), kind(Equal, "a")],
            vec![amount(Greater, 1, Currency::EUR), amount(Less, 3, Currency::EUR)],
            vec![Condition::Any(vec![days(Less, 5), days(Greater, 4)])],
            vec![not(Condition::All(vec![truth(), not(truth())]))],
            vec![not(Condition::OneOf(
                Field::TransferAmount,
                vec![Value::Money(Money::from_minor(10, Currency::EUR)), Value::Money(Money::from_minor(10, usd))],
            ))],
        ] {
            assert_eq!(Condition::All(parts.clone()).contradiction(), None, "{parts:?}");
        }
    }
}
