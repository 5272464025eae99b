//! What machines are told in a form of their own: a template `NAME.json.hbs` that becomes the body of a hook or a file.
//!
//! It sees the facts at their paths as [`event_json`](crate::export::event_json) has them, `event.id`, `event.type`, `event.at`,
//! `event.subject`, `event.key` and `event.key_seq`, `tenant.id` and `merchant.name`. A value stands between quotes
//! with everything escaped that would end them; `{{json PATH}}` writes any value as JSON, `null` for what is not known, and
//! `{{decimal PATH}}` an amount as `3120.50`. What it makes is JSON, or nothing leaves.

use std::collections::BTreeMap;

use handlebars::{Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderErrorReason};
use quittance_actors::rules::{EventType, Field, Published};
use quittance_actors::values::{Money, Timestamp};
use serde::de::IgnoredAny;
use serde_json::{Map, Value as Json, json};

use super::bounds::{self, Fault};
use super::{Bounded, EDITION_CHARACTERS, Error, insert, place, plain, report, unknown_name};
use crate::diagnostics::Findings;
use crate::export::{fact, facts_of};
use crate::{digest, examples};

/// How the name of such a template's file ends, without `.hbs`.
pub(super) const ENDING: &str = "json";

/// A template of a body.
struct Body {
    file: String,
    edition: String,
    /// What it writes as JSON or decimals.
    paths: Vec<String>,
}

/// Templates of bodies.
pub(super) struct Bodies {
    engine: Handlebars<'static>,
    known: BTreeMap<String, Body>,
}

impl Default for Bodies {
    fn default() -> Self {
        let mut engine = Handlebars::new();
        engine.set_strict_mode(true);
        engine.register_escape_fn(between_quotes);
        // It would write what it is given into the log of the service.
        engine.unregister_helper("log");
        engine.register_helper("json", Box::new(as_json));
        engine.register_helper("decimal", Box::new(as_decimal));
        Self { engine, known: BTreeMap::new() }
    }
}

impl Bodies {
    /// Takes a template; says what is wrong with it, once rendered with an example of every fact.
    pub(super) fn add(&mut self, name: &str, file: &str, text: &str, findings: &mut Findings) {
        let is_raw = |at: &usize| {
            let tag = text.get(at + 2..).unwrap_or_default();
            tag.trim_start_matches(|c: char| c == '~' || c.is_whitespace()).starts_with(['{', '&'])
        };
        if let Some(at) = text.match_indices("{{").map(|(at, _)| at).find(is_raw) {
            let message = "what is written as it is may end the text that it stands in".to_owned();
            let help = "{{json PATH}} writes any value with its quotes";
            return report(findings, file, "Q0208", at..at + 3, message, Some(help));
        }
        let nested = |at: &usize| {
            let inner = text.get(at + 1..).unwrap_or_default().trim_start();
            ["json", "decimal"].iter().any(|name| inner.starts_with(name))
        };
        if let Some(at) = text.match_indices('(').map(|(at, _)| at).find(nested) {
            let message = "json and decimal stand by themselves, and not within another tag".to_owned();
            return report(findings, file, "Q0208", at..at + 1, message, None);
        }
        let shape = bounds::shape(text, false).and_then(|shape| bounds::ends(&shape, &BTreeMap::new()));
        if let Err(Fault { at, message }) = shape {
            return report(findings, file, "Q0205", at..at + 1, message, None);
        }
        if let Err(error) = self.engine.register_template_string(name, text) {
            let at = place(text, error.pos());
            return report(findings, file, "Q0201", at..at + 1, plain(&error.reason().to_string()), None);
        }
        let whole = example(|field| !field.is_of_the_moment());
        if let Some((at, unknown)) = written(text).find(|(_, path)| !is_told(&whole, path)) {
            let message = format!("unknown variable `{unknown}`");
            return report(findings, file, "Q0202", at..at + unknown.len(), message, None);
        }
        match self.run(name, &whole) {
            Ok(text) if text.contains("[object]") => {
                let message = "an amount stands where a text is meant".to_owned();
                let help = "{{decimal PATH}} writes it as 3120.50, {{json PATH}} with its currency";
                return report(findings, file, "Q0208", 0..1, message, Some(help));
            }
            Ok(_) => {}
            Err(Failure::Unknown(unknown)) => {
                let at = text.find(&unknown).unwrap_or(0);
                let message = format!("unknown variable `{unknown}`");
                return report(findings, file, "Q0202", at..at + unknown.len(), message, None);
            }
            Err(failure) => {
                let message = format!("with an example of every fact {failure}");
                return report(findings, file, "Q0208", 0..1, message, None);
            }
        }
        let mut edition = digest::hex(&digest::sha256(text.as_bytes()));
        edition.truncate(EDITION_CHARACTERS);
        let paths = written(text).map(|(_, path)| path.to_owned()).collect();
        self.known.insert(name.to_owned(), Body { file: file.to_owned(), edition, paths });
    }

    /// Names and editions.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.known.iter().map(|(name, body)| (name.as_str(), body.edition.as_str()))
    }

    /// The file of a template that is there.
    pub(super) fn file(&self, name: &str) -> Option<&str> {
        self.known.get(name).map(|body| body.file.as_str())
    }

    /// Why a template never tells of such an event, if it does not.
    pub(super) fn never_tells(&self, name: &str, event: EventType) -> Option<String> {
        let told = event.fields();
        let data = example(|field| told.contains(&field));
        let unknown = self.known.get(name).and_then(|body| body.paths.iter().find(|path| !is_told(&data, path)));
        match unknown {
            Some(unknown) => Some(Failure::Unknown(unknown.clone()).to_string()),
            None => self.run(name, &data).err().map(|failure| failure.to_string()),
        }
    }

    /// What a template makes of an event, or of an example of every fact.
    pub(super) fn render(&self, name: &str, event: Option<(&Published, &str)>) -> Result<String, Error> {
        if !self.known.contains_key(name) {
            return Err(Error::Missing(name.to_owned(), "json"));
        }
        let data = match event {
            Some((event, merchant)) => of_event(event, merchant),
            None => example(|field| !field.is_of_the_moment()),
        };
        self.run(name, &data)
            .map_err(|failure| Error::Render { name: format!("{name}.{ENDING}"), detail: failure.to_string() })
    }

    fn run(&self, name: &str, data: &Json) -> Result<String, Failure> {
        let mut bounded = Bounded(Vec::new());
        self.engine.render_to_write(name, data, &mut bounded).map_err(|error| match unknown_name(&error) {
            Some(unknown) => Failure::Unknown(unknown),
            None => Failure::Other(plain(&error.to_string())),
        })?;
        let text = String::from_utf8_lossy(&bounded.0).trim().to_owned();
        match serde_json::from_str::<IgnoredAny>(&text) {
            Ok(_) => Ok(text),
            Err(error) => Err(Failure::NotJson(error.to_string())),
        }
    }
}

/// The paths that `json` and `decimal` write, each with its place. A path that is not known they write as `null`: the
/// strictness of the engine does not see it.
fn written(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices("{{").filter_map(|(at, _)| {
        let tag = text.get(at + 2..)?;
        let tag = tag.get(..tag.find("}}")?)?;
        let inner = tag.trim_start_matches(|c: char| c == '~' || c.is_whitespace());
        let path = inner.strip_prefix("json").or_else(|| inner.strip_prefix("decimal"))?;
        let path = path.strip_prefix(char::is_whitespace)?.trim_matches(|c: char| c == '~' || c.is_whitespace());
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let is_path = path.contains('.') && !path.starts_with('.') && path.chars().all(plain);
        is_path.then(|| (at + 2 + tag.find(path).unwrap_or(0), path))
    })
}

fn is_told(data: &Json, path: &str) -> bool {
    path.split('.').try_fold(data, |of, name| of.get(name)).is_some()
}

/// Why there is no body.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("variable `{0}` is missing")]
    Unknown(String),
    #[error("it is not JSON: {0}")]
    NotJson(String),
    #[error("{0}")]
    Other(String),
}

/// A text as it stands between the quotes of JSON.
fn between_quotes(text: &str) -> String {
    let quoted = Json::String(text.to_owned()).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

fn as_json(
    helper: &Helper<'_>, _: &Handlebars<'_>, _: &Context, _: &mut RenderContext<'_, '_>, out: &mut dyn Output,
) -> HelperResult {
    let value = helper.param(0).ok_or(RenderErrorReason::ParamNotFoundForIndex("json", 0))?;
    out.write(&value.value().to_string())?;
    Ok(())
}

fn as_decimal(
    helper: &Helper<'_>, _: &Handlebars<'_>, _: &Context, _: &mut RenderContext<'_, '_>, out: &mut dyn Output,
) -> HelperResult {
    let value = helper.param(0).ok_or(RenderErrorReason::ParamNotFoundForIndex("decimal", 0))?;
    let text = match serde_json::from_value::<Money>(value.value().clone()) {
        Ok(amount) => amount.decimal(),
        Err(_) if value.value().is_null() => "null".to_owned(),
        Err(_) => return Err(RenderErrorReason::Other("decimal writes an amount of money".to_owned()).into()),
    };
    out.write(&text)?;
    Ok(())
}

/// The data of a template.
fn of_event(event: &Published, merchant: &str) -> Json {
    let mut data = facts_of(event);
    let told = [
        ("event.id", json!(event.id.to_string())),
        ("event.type", json!(event.event.name())),
        ("event.at", json!(event.at)),
        ("event.subject", json!(event.entity.to_string())),
        ("event.key", json!(event.key.to_string())),
        ("event.key_seq", json!(event.key_seq)),
        ("merchant.name", json!(merchant)),
        ("tenant.id", json!(event.tenant.as_str())),
    ];
    for (path, value) in told {
        insert(&mut data, path, value);
    }
    Json::Object(data)
}

fn example(is_told: impl Fn(Field) -> bool) -> Json {
    let mut data = Map::new();
    for field in Field::ALL.iter().copied().filter(|field| is_told(*field)) {
        insert(&mut data, field.path(), fact(&examples::value(field)));
    }
    let told = [
        ("event.id", json!("evt_010000000000420000")),
        ("event.type", json!("payment_request.overdue")),
        ("event.at", json!(Timestamp::default())),
        ("event.subject", json!("prq_01KJPRZB00FTEABRTSRZAGR02M")),
        ("event.key", json!("cus_01KJPRZB00FTEABRTSRZAGR02M")),
        ("event.key_seq", json!(7)),
        ("merchant.name", json!(examples::MERCHANT)),
        ("tenant.id", json!("maison-dupre")),
    ];
    for (path, value) in told {
        insert(&mut data, path, value);
    }
    Json::Object(data)
}
