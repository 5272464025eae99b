//! Reading a JSON body: every wrong field is named, unknown ones included, in one answer.

use std::collections::BTreeMap;

use quittance_actors::limits;
use quittance_actors::values::{Currency, Money};
use serde_json::{Map, Value as Json};

use super::problem::{Detail, Problem};
use crate::diagnostics::nearest;

/// The bytes of a body, or why they did not come.
pub type Received = Result<actix_web::web::Bytes, actix_web::Error>;

/// The bytes, or a problem that says why they did not come.
pub fn received(bytes: Received) -> Result<actix_web::web::Bytes, Problem> {
    bytes.map_err(|error| match error.as_response_error().status_code().as_u16() {
        413 => Problem::too_large(),
        _ => Problem::bad_request(error.to_string()),
    })
}

/// A JSON object being read.
pub struct Body {
    at: String,
    object: Map<String, Json>,
    asked: Vec<&'static str>,
    errors: Vec<Detail>,
}

impl Body {
    /// Reads bytes as a JSON object.
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        match serde_json::from_slice(bytes) {
            Ok(Json::Object(object)) => Ok(Self::of(String::new(), object)),
            Ok(_) => Err(Problem::bad_request("the body must be a JSON object")),
            Err(error) => Err(Problem::bad_request(format!("the body is not JSON: {error}"))),
        }
    }

    fn of(at: String, object: Map<String, Json>) -> Self {
        Self { at, object, asked: Vec::new(), errors: Vec::new() }
    }

    fn pointer(&self, key: &str) -> String {
        format!("{}/{}", self.at, key.replace('~', "~0").replace('/', "~1"))
    }

    fn wrong(&mut self, key: &str, detail: impl Into<String>) {
        let pointer = self.pointer(key);
        self.errors.push(Detail { pointer, detail: detail.into() });
    }

    fn take(&mut self, key: &'static str) -> Option<Json> {
        self.asked.push(key);
        self.object.get(key).filter(|value| !value.is_null()).cloned()
    }

    /// A text that, if it is there, `parse` must accept.
    pub fn optional<T, E: std::fmt::Display>(
        &mut self, key: &'static str, parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.take(key)?;
        let Some(text) = value.as_str() else {
            self.wrong(key, "expected a text");
            return None;
        };
        match parse(text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(key, error.to_string());
                None
            }
        }
    }

    /// A text that must be there and that `parse` accepts.
    pub fn required<T, E: std::fmt::Display>(
        &mut self, key: &'static str, parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if self.object.get(key).is_none_or(Json::is_null) {
            self.asked.push(key);
            self.wrong(key, "is missing");
            return None;
        }
        self.optional(key, parse)
    }

    /// A text of 1 to `characters_max` characters that must be there.
    pub fn text(&mut self, key: &'static str, characters_max: usize) -> Option<String> {
        self.required(key, bounded(characters_max))
    }

    /// A text of at most `characters_max` characters.
    pub fn optional_text(&mut self, key: &'static str, characters_max: usize) -> Option<String> {
        self.optional(key, bounded(characters_max))
    }

    /// True or false, `default` if it is not there.
    pub fn flag(&mut self, key: &'static str, default: bool) -> bool {
        match self.take(key) {
            None => default,
            Some(Json::Bool(flag)) => flag,
            Some(_) => {
                self.wrong(key, "expected true or false");
                default
            }
        }
    }

    /// A whole number within `range` that must be there.
    pub fn integer(&mut self, key: &'static str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        match self.take(key).map(|value| value.as_i64()) {
            None => {
                self.wrong(key, "is missing");
                None
            }
            Some(Some(number)) if range.contains(&number) => Some(number),
            Some(_) => {
                self.wrong(key, format!("expected a whole number from {} to {}", range.start(), range.end()));
                None
            }
        }
    }

    /// A whole number of a range, if it is there.
    pub fn optional_integer(&mut self, key: &'static str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        match self.take(key) {
            Some(_) => self.integer(key, range),
            None => None,
        }
    }

    /// Money above zero, `{"amount": minor units, "currency": code}`, that must be there.
    pub fn money(&mut self, key: &'static str) -> Option<Money> {
        let mut inner = self.object_at(key, true)?;
        let amount = inner.integer("amount", 1..=limits::AMOUNT_MINOR_MAX);
        let currency = inner.required("currency", Currency::parse);
        self.errors.append(&mut inner.finish_errors());
        Some(Money::from_minor(amount?, currency?))
    }

    /// A nested object.
    pub fn object_at(&mut self, key: &'static str, required: bool) -> Option<Body> {
        match self.take(key) {
            Some(Json::Object(object)) => Some(Body::of(self.pointer(key), object)),
            Some(_) => {
                self.wrong(key, "expected an object");
                None
            }
            None => {
                if required {
                    self.wrong(key, "is missing");
                }
                None
            }
        }
    }

    /// A list of at most `items_max` objects; empty if it is not there.
    pub fn objects(&mut self, key: &'static str, items_max: usize) -> Vec<Body> {
        let items = match self.take(key) {
            None => return Vec::new(),
            Some(Json::Array(items)) if items.len() <= items_max => items,
            Some(_) => {
                self.wrong(key, format!("expected a list of at most {items_max} objects"));
                return Vec::new();
            }
        };
        let pointer = self.pointer(key);
        let mut bodies = Vec::with_capacity(items.len());
        for (at, item) in items.into_iter().enumerate() {
            match item {
                Json::Object(object) => bodies.push(Body::of(format!("{pointer}/{at}"), object)),
                _ => self
                    .errors
                    .push(Detail { pointer: format!("{pointer}/{at}"), detail: "expected an object".to_owned() }),
            }
        }
        bodies
    }

    /// Money above zero, if it is there.
    pub fn optional_money(&mut self, key: &'static str) -> Option<Money> {
        let there = self.object.get(key).is_some_and(|value| !value.is_null());
        if there {
            self.money(key)
        } else {
            self.asked.push(key);
            None
        }
    }

    /// Texts by name, any number of lines each; `None` for null.
    pub fn texts(&mut self, key: &'static str) -> BTreeMap<String, Option<String>> {
        let Some(inner) = self.object_at(key, false) else { return BTreeMap::new() };
        let mut texts = BTreeMap::new();
        for (name, value) in &inner.object {
            match value {
                Json::String(text) => texts.insert(name.clone(), Some(text.clone())),
                Json::Null => texts.insert(name.clone(), None),
                _ => {
                    let (pointer, detail) = (inner.pointer(name), "expected a text, or null".to_owned());
                    self.errors.push(Detail { pointer, detail });
                    None
                }
            };
        }
        texts
    }

    /// Takes over what was wrong with a nested object.
    pub fn close(&mut self, inner: Body) {
        let mut inner = inner;
        self.errors.append(&mut inner.finish_errors());
    }

    fn finish_errors(&mut self) -> Vec<Detail> {
        let unknown: Vec<String> =
            self.object.keys().filter(|key| !self.asked.contains(&key.as_str())).cloned().collect();
        for key in unknown {
            let near = nearest(&key, self.asked.iter().copied());
            let detail = match near {
                Some(near) => format!("unknown field, did you mean \"{near}\"?"),
                None => format!("unknown field; known are {}", self.asked.join(", ")),
            };
            self.wrong(&key, detail);
        }
        std::mem::take(&mut self.errors)
    }

    /// Ends reading: a problem that names everything wrong, unknown fields included.
    pub fn finish(mut self) -> Result<(), Problem> {
        let errors = self.finish_errors();
        if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
    }

    /// As [`Body::finish`], for a body that others write: what else they say does not matter here.
    pub fn finish_with_others(mut self) -> Result<(), Problem> {
        self.object.clear();
        self.finish()
    }
}

fn bounded(characters_max: usize) -> impl FnOnce(&str) -> Result<String, String> {
    move |text| {
        let fits = (1..=characters_max).contains(&text.chars().count());
        if fits && !text.chars().any(char::is_control) {
            Ok(text.to_owned())
        } else {
            Err(format!("expected 1 to {characters_max} characters on one line"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quittance_actors::values::Date;

    #[test]
    fn every_wrong_field_is_named_with_its_pointer() {
        let json = br#"{"amont": 5, "due_on": "2026-02-30", "amount": {"amount": 0, "currency": "EURO", "x": 1}}"#;
        let mut body = Body::parse(json).unwrap();
        body.text("external_ref", 64);
        body.required("due_on", Date::parse);
        body.money("amount");
        let problem = body.finish().unwrap_err();
        let text = serde_json::to_value(&problem).unwrap();
        let found: Vec<(&str, &str)> = text["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| (e["pointer"].as_str().unwrap(), e["detail"].as_str().unwrap()))
            .collect();
        for (pointer, part) in [
            ("/external_ref", "is missing"),
            ("/due_on", "not a date"),
            ("/amount/amount", "expected a whole number"),
            ("/amount/currency", "unknown currency"),
            ("/amount/x", "unknown field"),
            ("/amont", "did you mean \"amount\"?"),
        ] {
            assert!(found.iter().any(|(p, d)| *p == pointer && d.contains(part)), "{pointer}: {found:?}");
        }
        assert_eq!(found.len(), 6, "{found:?}");
    }
}
