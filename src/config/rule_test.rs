//! Tests of a rule, which stand beside it in `rules.toml`: what is known of an event, and whether the rule
//! fires. They are run whenever the configuration is read; a rule that fails one is not used.
//!
//! ```toml
//! [[rule.test]]
//! name = "a card of recurring payments, a month before its end"
//! given = { method.backs_recurring = true, method.days_to_expiry = 30 }
//! fires = true
//! ```

use std::collections::BTreeMap;

use quittance_actors::rules::{Condition, EventType, Fact, Facts, Field, Kind, Leaf, Truth, Value};
use quittance_actors::values::Calendar;
use toml::Spanned;
use toml::de::DeValue;

use super::expression;
use super::reader::Section;
use crate::diagnostics::nearest;

/// The facts of a test.
struct Given {
    facts: BTreeMap<&'static str, Value>,
    /// Mondays to Fridays: a rule is read before it is known whose it is.
    calendar: Option<Calendar>,
}

impl Facts for Given {
    fn fact(&self, field: Field) -> Option<Fact<'_>> {
        self.facts.get(field.path()).map(Fact::from)
    }

    fn calendar(&self) -> Option<&Calendar> {
        self.calendar.as_ref()
    }
}

/// Runs the tests of a rule on these events, and reports what they find; gives how many there are.
pub(super) fn run(rule: &Section<'_, '_>, on: &[EventType], when: Option<&Condition>) -> usize {
    let read = rule.each("test", |test| {
        let name = test.required("name").unwrap_or_default();
        let fires = test.flag("fires", true);
        let span = test.text_at("name").map_or_else(|| test.span(), |(_, span)| span);
        let weekdays = Calendar::new("weekdays", 1, vec![6, 7], Vec::new(), Vec::new(), Vec::new());
        let mut given = Given { facts: BTreeMap::new(), calendar: weekdays.ok() };
        let mut whole = true;
        if let Some(section) = test.section("given") {
            for (key, value) in section.entries() {
                whole &= known(&section, on, key, value, &mut given);
            }
        }
        let Some(when) = when.filter(|_| whole) else { return Some(()) };
        let mut leaves = Vec::new();
        let truth = when.evaluate(&given, Some(&mut leaves));
        if (truth == Truth::True) != fires {
            let does = if fires { "it does not fire" } else { "it fires" };
            let message = format!("the rule fails its test \"{name}\": {does}");
            let seen: Vec<String> = leaves.iter().map(Leaf::to_string).collect();
            rule.file().report("Q0113", span, message, seen.join(", "), None);
        }
        Some(())
    });
    read.len()
}

/// Takes a fact, or each of a table of them; false when one cannot be used.
fn known(
    section: &Section<'_, '_>, on: &[EventType], path: &str, value: &Spanned<DeValue<'_>>, given: &mut Given,
) -> bool {
    if let Some(table) = value.get_ref().as_table() {
        let mut whole = true;
        for (key, value) in table.iter() {
            whole &= known(section, on, &format!("{path}.{}", key.get_ref()), value, given);
        }
        return whole;
    }
    let Some(field) = Field::parse(path) else {
        let near = nearest(path, Field::ALL.iter().map(|field| field.path()));
        let help = near.map(|near| format!("did you mean `{near}`?"));
        section.refuse(path, value.span(), "there is no such field", help);
        return false;
    };
    if !on.is_empty() && !on.iter().any(|event| event.tells(field)) {
        let names: Vec<&str> = on.iter().map(|event| event.name()).collect();
        section.refuse(path, value.span(), format!("it is never known of {}", names.join(", ")), None);
        return false;
    }
    match read(value.get_ref(), field.kind()) {
        Ok(value) => {
            given.facts.insert(field.path(), value);
            true
        }
        Err(why) => {
            section.refuse(path, value.span(), why, None);
            false
        }
    }
}

fn read(value: &DeValue<'_>, kind: Kind) -> Result<Value, String> {
    let wrong = || format!("expected {}, this is {}", kind.name(), value.type_str());
    match (value, kind) {
        (DeValue::Boolean(truth), Kind::Truth) => Ok(Value::Truth(*truth)),
        (DeValue::Integer(number), Kind::Number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map(Value::Number).map_err(|error| error.to_string())
        }
        (DeValue::Datetime(at), Kind::Date | Kind::Instant) => expression::value(&at.to_string(), kind),
        (DeValue::String(text), Kind::Text | Kind::Money | Kind::Date | Kind::Instant) => {
            expression::value(text, kind)
        }
        (DeValue::Array(items), Kind::Words) => {
            let texts = items.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
            texts.collect::<Option<_>>().map(Value::Words).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}
