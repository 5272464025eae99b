//! Which rules may fire on an event, found by what they ask to be equal: of a thousand rules on one type of event few
//! are looked at.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::condition::{Condition, Operator};
use super::fields::{Fact, Facts, Field, Value};

/// Rules of one event type below which each is looked at.
const WORTH_IT: usize = 8;

/// A value that a rule asks a field to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Text(SmolStr),
    Number(i64),
    Truth(bool),
}

impl Key {
    fn of_literal(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(Key::Text(text.as_str().into())),
            Value::Number(number) => Some(Key::Number(*number)),
            Value::Truth(truth) => Some(Key::Truth(*truth)),
            Value::Money(_) | Value::Date(_) | Value::Instant(_) | Value::Words(_) => None,
        }
    }

    fn of_fact(fact: &Fact<'_>) -> Option<Self> {
        match fact {
            Fact::Text(text) => Some(Key::Text(text.as_ref().into())),
            Fact::Number(number) => Some(Key::Number(*number)),
            Fact::Truth(truth) => Some(Key::Truth(*truth)),
            Fact::Money(_) | Fact::Date(_) | Fact::Instant(_) | Fact::Words(_) => None,
        }
    }
}

/// A field, and what it is asked to be one of.
type Asked = (Field, Vec<Key>);

/// Places of rules in the book, in its order, those of one event type.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    /// All of them.
    pub all: Vec<usize>,
    /// Those that ask nothing to be equal.
    others: Vec<usize>,
    /// By a field and what it is asked to be.
    equal: Vec<(Field, FxHashMap<Key, Vec<usize>>)>,
}

impl Index {
    /// An index over the conditions of these places.
    pub fn new<'a>(all: Vec<usize>, when: impl Fn(usize) -> Option<&'a Condition>) -> Self {
        if all.len() < WORTH_IT {
            return Self { others: all.clone(), all, equal: Vec::new() };
        }
        let asked: Vec<(usize, Vec<Asked>)> =
            all.iter().map(|at| (*at, when(*at).map(asks).unwrap_or_default())).collect();
        // The more values a field is asked to be, the fewer rules each of them leaves.
        let mut values: BTreeMap<Field, FxHashSet<Key>> = BTreeMap::new();
        for (field, keys) in asked.iter().flat_map(|(_, asked)| asked) {
            values.entry(*field).or_default().extend(keys.iter().cloned());
        }
        let mut index = Self { all, ..Self::default() };
        for (at, asked) in asked {
            let best = asked.into_iter().max_by_key(|(field, keys)| {
                (values.get(field).map_or(0, FxHashSet::len), std::cmp::Reverse(keys.len()), *field)
            });
            let Some((field, keys)) = best else {
                index.others.push(at);
                continue;
            };
            let place = index.equal.iter().position(|(known, _)| *known == field);
            let place = place.unwrap_or_else(|| {
                index.equal.push((field, FxHashMap::default()));
                index.equal.len() - 1
            });
            if let Some((_, by_key)) = index.equal.get_mut(place) {
                for key in keys {
                    by_key.entry(key).or_default().push(at);
                }
            }
        }
        index
    }

    /// All places, where so few are not looked up.
    pub fn few(&self) -> Option<&[usize]> {
        self.equal.is_empty().then_some(self.all.as_slice())
    }

    /// The places of rules that may fire, in the order of the book. What is left out cannot: what it asks to be equal is
    /// something else, or not known.
    pub fn may_fire(&self, facts: &impl Facts) -> Vec<usize> {
        let mut places = self.others.clone();
        for (field, by_key) in &self.equal {
            let key = facts.fact(*field).as_ref().and_then(Key::of_fact);
            places.extend(key.and_then(|key| by_key.get(&key)).into_iter().flatten());
        }
        if !self.equal.is_empty() {
            places.sort_unstable();
            places.dedup();
        }
        places
    }
}

/// What must be equal for a condition to hold.
fn asks(condition: &Condition) -> Vec<Asked> {
    match condition {
        Condition::All(parts) => parts.iter().flat_map(asks).collect(),
        Condition::Compare(field, Operator::Equal, value) => {
            Key::of_literal(value).map(|key| (*field, vec![key])).into_iter().collect()
        }
        Condition::OneOf(field, values) => {
            let keys: Option<Vec<Key>> = values.iter().map(Key::of_literal).collect();
            keys.map(|keys| (*field, keys)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::condition::Truth;
    use super::*;

    struct Known(BTreeMap<Field, Value>);

    impl Facts for Known {
        fn fact(&self, field: Field) -> Option<Fact<'_>> {
            self.0.get(&field).map(Fact::from)
        }

        fn calendar(&self) -> Option<&crate::values::Calendar> {
            None
        }
    }

    /// A condition of a few fields and values, as `seed` says.
    fn condition(seed: &mut u64, depth: u32) -> Condition {
        let mut draw = |below: u64| {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (*seed >> 33) % below
        };
        let text = |number: u64| Value::Text(["a", "b", "c"][usize::try_from(number).unwrap()].to_owned());
        let days = |number: u64| Value::Number(i64::try_from(number).unwrap());
        let (what, first, second) = (draw(if depth == 0 { 5 } else { 8 }), draw(3), draw(3));
        match what {
            0 | 1 => Condition::Compare(Field::CustomerKind, Operator::Equal, text(first)),
            2 => Condition::Compare(Field::RequestDaysOverdue, Operator::Equal, days(first)),
            3 => Condition::OneOf(Field::CustomerLanguage, vec![text(first), text(second)]),
            4 => Condition::Compare(Field::RequestDaysOverdue, Operator::GreaterOrEqual, days(first)),
            5 => Condition::Not(Box::new(condition(seed, depth - 1))),
            6 => Condition::Any(vec![condition(seed, depth - 1), condition(seed, depth - 1)]),
            _ => Condition::All(vec![condition(seed, depth - 1), condition(seed, depth - 1)]),
        }
    }

    #[test]
    fn what_the_index_leaves_out_does_not_fire() {
        let mut seed = 20_261_130;
        let mut left_out = 0;
        for round in 0..200 {
            let rules: Vec<Condition> = (0..40).map(|_| condition(&mut seed, 3)).collect();
            let index = Index::new((0..rules.len()).collect(), |at| rules.get(at));
            for kind in [None, Some("a"), Some("b"), Some("z")] {
                for days in [None, Some(0), Some(2), Some(9)] {
                    let mut facts = BTreeMap::new();
                    facts.extend(kind.map(|kind| (Field::CustomerKind, Value::from(kind))));
                    facts.extend(kind.map(|kind| (Field::CustomerLanguage, Value::from(kind))));
                    facts.extend(days.map(|days| (Field::RequestDaysOverdue, Value::Number(days))));
                    let facts = Known(facts);
                    let fires = |at: &usize| rules[*at].evaluate(&facts, None) == Truth::True;
                    let every: Vec<usize> = (0..rules.len()).filter(fires).collect();
                    let found = index.may_fire(&facts);
                    left_out += rules.len() - found.len();
                    assert_eq!(found.into_iter().filter(fires).collect::<Vec<_>>(), every, "round {round}");
                }
            }
        }
        assert!(left_out > 30_000, "only {left_out} left out");
    }
}
