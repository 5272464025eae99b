//! Reading TOML with its places: every key is either asked for or reported as unknown.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostics::{Finding, Findings, Severity, nearest};

/// A file being read; collects every finding instead of stopping at the first.
pub struct File<'a> {
    name: &'a str,
    findings: RefCell<Findings>,
}

/// A table of the file.
pub struct Section<'a, 'f> {
    file: &'f File<'a>,
    what: String,
    span: Range<usize>,
    table: &'f DeTable<'a>,
    asked: RefCell<Vec<&'static str>>,
    closed: Cell<bool>,
    discreet: Cell<bool>,
}

impl<'a> File<'a> {
    /// Reads `text` and gives its root to `read`, with everything found wrong.
    pub fn read<T>(
        name: &'a str, text: &'a str, read: impl FnOnce(&Section<'a, '_>) -> Option<T>,
    ) -> (Option<T>, Findings) {
        let mut findings = Findings::default();
        findings.source(name, text);
        let file = File { name, findings: RefCell::new(findings) };
        let parsed = match DeTable::parse(text) {
            Ok(parsed) => parsed,
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                file.report("Q0101", span, error.message().replace('\n', ", "), "here", None);
                return (None, file.findings.into_inner());
            }
        };
        let value = {
            let root = Section::new(&file, "the file", 0..0, parsed.get_ref());
            let value = read(&root);
            root.close();
            value
        };
        (value, file.findings.into_inner())
    }

    /// Reports something wrong at `span`.
    pub fn report(
        &self, code: &'static str, span: Range<usize>, message: impl Into<String>, label: impl Into<String>,
        help: Option<String>,
    ) {
        self.find(Severity::Error, (code, span), message.into(), label.into(), help);
    }

    /// Reports something at `span` that can be used and is probably not meant.
    pub fn warn(
        &self, code: &'static str, span: Range<usize>, message: impl Into<String>, label: impl Into<String>,
        help: Option<String>,
    ) {
        self.find(Severity::Warning, (code, span), message.into(), label.into(), help);
    }

    fn find(
        &self, severity: Severity, (code, span): (&'static str, Range<usize>), message: String, label: String,
        help: Option<String>,
    ) {
        let file = self.name.to_owned();
        self.findings.borrow_mut().push(Finding { code, severity, file, span, message, label, help });
    }
}

impl<'a, 'f> Section<'a, 'f> {
    fn new(file: &'f File<'a>, what: &str, span: Range<usize>, table: &'f DeTable<'a>) -> Self {
        let (asked, closed, discreet) = (RefCell::default(), Cell::new(false), Cell::new(false));
        Self { file, what: what.to_owned(), span, table, asked, closed, discreet }
    }

    /// The file.
    pub fn file(&self) -> &'f File<'a> {
        self.file
    }

    /// Where the section starts.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// What is wrong in it is shown at its start, and not with what stands there: it may be a secret.
    pub fn keep_to_itself(&self) {
        self.discreet.set(true);
    }

    fn shown_at(&self, span: Range<usize>) -> Range<usize> {
        if self.discreet.get() { self.span.clone() } else { span }
    }

    /// Reports keys that nobody asked for. Call it when everything has been read.
    pub fn close(&self) {
        if self.closed.replace(true) {
            return;
        }
        let mut asked = self.asked.borrow().clone();
        let mut seen = std::collections::BTreeSet::new();
        asked.retain(|key| seen.insert(*key));
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if asked.contains(&name) {
                continue;
            }
            let label = match nearest(name, asked.iter().copied()) {
                Some(known) => format!("did you mean `{known}`?"),
                None => "not a key here".to_owned(),
            };
            let help = format!("keys: {}", asked.join(", "));
            let message = format!("unknown key `{name}` in {}", self.what);
            self.file.report("Q0104", self.shown_at(key.span()), message, label, Some(help));
        }
    }

    fn value(&self, key: &'static str) -> Option<&'f Spanned<DeValue<'a>>> {
        self.asked.borrow_mut().push(key);
        self.table.iter().find(|(name, _)| name.get_ref().as_ref() == key).map(|(_, value)| value)
    }

    fn wrong_type(&self, key: &str, value: &Spanned<DeValue<'a>>, wanted: &str) {
        let message = format!("`{key}` must be {wanted}");
        let label = format!("this is {}", article(value.get_ref().type_str()));
        self.file.report("Q0102", self.shown_at(value.span()), message, label, None);
    }

    /// Reports a value of `key` that is not usable.
    pub fn refuse(&self, key: &str, span: Range<usize>, why: impl std::fmt::Display, help: Option<String>) {
        self.file.report("Q0103", span, format!("`{key}`: {why}"), "not usable", help);
    }

    fn missing(&self, key: &str) {
        let message = format!("`{key}` is missing in {}", self.what);
        self.file.report("Q0105", self.span.clone(), message, "add it here", None);
    }

    /// A text with its place, if it is there.
    pub fn text_at(&self, key: &'static str) -> Option<(&'f str, Range<usize>)> {
        let value = self.value(key)?;
        match value.get_ref().as_str() {
            Some(text) => Some((text, value.span())),
            None => {
                self.wrong_type(key, value, "a text");
                None
            }
        }
    }

    /// A text, if it is there.
    pub fn text(&self, key: &'static str) -> Option<&'f str> {
        self.text_at(key).map(|(text, _)| text)
    }

    /// A text that must be there.
    pub fn required(&self, key: &'static str) -> Option<&'f str> {
        let known = self.has(key);
        let text = self.text(key);
        if !known {
            self.missing(key);
        }
        text
    }

    /// A text that must be there and that `parse` accepts.
    pub fn parsed<T, E: std::fmt::Display>(
        &self, key: &'static str, parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if !self.has(key) {
            self.missing(key);
        }
        self.optional(key, parse)
    }

    /// A text that, if it is there, `parse` must accept.
    pub fn optional<T, E: std::fmt::Display>(
        &self, key: &'static str, parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let (text, span) = self.text_at(key)?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(key, span, error, None);
                None
            }
        }
    }

    /// One of several words; the first is the default.
    pub fn choice<T: Copy>(&self, key: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        let Some((text, span)) = self.text_at(key) else {
            return words.first().filter(|_| !self.has(key)).map(|(_, value)| *value);
        };
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let label = match nearest(text, known.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "not one of them".to_owned(),
            };
            let message = format!("`{key}` must be one of {}", known.join(", "));
            self.file.report("Q0103", span, message, label, None);
        }
        found
    }

    /// How many `[[key]]` there are.
    pub fn count(&self, key: &str) -> usize {
        let value = self.table.iter().find(|(name, _)| name.get_ref().as_ref() == key);
        value.and_then(|(_, value)| value.get_ref().as_array()).map_or(0, |array| array.iter().count())
    }

    /// Whether a key is there.
    pub fn has(&self, key: &'static str) -> bool {
        self.asked.borrow_mut().push(key);
        self.table.keys().any(|name| name.get_ref().as_ref() == key)
    }

    /// A whole number within `range`, if it is there.
    pub fn integer(&self, key: &'static str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let value = self.value(key)?;
        let read = value
            .get_ref()
            .as_integer()
            .and_then(|integer| i64::from_str_radix(integer.as_str(), integer.radix()).ok());
        match read {
            None => {
                self.wrong_type(key, value, "a whole number");
                None
            }
            Some(number) if range.contains(&number) => Some(number),
            Some(number) => {
                let why = format!("{number} is not between {} and {}", range.start(), range.end());
                self.refuse(key, value.span(), why, None);
                None
            }
        }
    }

    /// True or false, `default` if it is not there.
    pub fn flag(&self, key: &'static str, default: bool) -> bool {
        let Some(value) = self.value(key) else { return default };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.wrong_type(key, value, "true or false");
            default
        })
    }

    /// A list of texts with their places; empty if it is not there.
    pub fn texts(&self, key: &'static str) -> Vec<(&'f str, Range<usize>)> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(key, value, "a list of texts");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in array.iter() {
            match item.get_ref().as_str() {
                Some(text) => texts.push((text, item.span())),
                None => self.wrong_type(key, item, "a list of texts"),
            }
        }
        texts
    }

    /// One text, or a list of texts.
    pub fn word_or_words(&self, key: &'static str) -> Vec<(&'f str, Range<usize>)> {
        match self.value(key).map(|value| (value.get_ref().as_str(), value.span())) {
            Some((Some(word), span)) => vec![(word, span)],
            Some((None, _)) => self.texts(key),
            None => Vec::new(),
        }
    }

    /// A list of whole numbers; empty if it is not there.
    pub fn integers(&self, key: &'static str) -> Vec<(i64, Range<usize>)> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(key, value, "a list of whole numbers");
            return Vec::new();
        };
        let mut numbers = Vec::new();
        for item in array.iter() {
            let number = item.get_ref().as_integer();
            match number.and_then(|n| i64::from_str_radix(n.as_str(), n.radix()).ok()) {
                Some(number) => numbers.push((number, item.span())),
                None => self.wrong_type(key, item, "a list of whole numbers"),
            }
        }
        numbers
    }

    /// A table, if it is there; close it after reading.
    pub fn section(&self, key: &'static str) -> Option<Section<'a, 'f>> {
        let value = self.value(key)?;
        match value.get_ref().as_table() {
            Some(table) => Some(Section::new(self.file, &format!("[{key}]"), value.span(), table)),
            None => {
                self.wrong_type(key, value, "a table");
                None
            }
        }
    }

    /// Reads every `[[key]]`.
    pub fn each<T>(&self, key: &'static str, mut read: impl FnMut(&Section<'a, 'f>) -> Option<T>) -> Vec<T> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(key, value, &format!("a list of tables, written [[{key}]]"));
            return Vec::new();
        };
        let mut items = Vec::new();
        for item in array.iter() {
            match item.get_ref().as_table() {
                Some(table) => {
                    let section = Section::new(self.file, &format!("[[{key}]]"), item.span(), table);
                    items.extend(read(&section));
                    section.close();
                }
                None => self.wrong_type(key, item, "a table"),
            }
        }
        items
    }

    /// Reads every `name = "text"` of a table whose names `known` accepts.
    pub fn words(&self, known: impl Fn(&str) -> bool) -> std::collections::BTreeMap<String, String> {
        let mut words = std::collections::BTreeMap::new();
        for (name, value) in self.entries() {
            match value.get_ref().as_str() {
                _ if !known(name) => self.refuse(name, value.span(), "there is no such field", None),
                Some(text) => {
                    words.insert(name.to_owned(), text.to_owned());
                }
                None => self.wrong_type(name, value, "a text"),
            }
        }
        words
    }

    /// Reads every `name = …` of a table of texts or lists.
    pub fn entries(&self) -> Vec<(&'f str, &'f Spanned<DeValue<'a>>)> {
        self.closed.set(true);
        self.table.iter().map(|(key, value)| (key.get_ref().as_ref(), value)).collect()
    }
}

fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}
