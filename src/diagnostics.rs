//! Findings about what a person wrote: file, line, column, a caret, and what was expected.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It cannot be used.
    Error,
    /// It can, but is probably a mistake.
    Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A stable code, such as `Q0104`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The file, as the person named it.
    pub file: String,
    /// The bytes concerned.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What stands beside the caret.
    pub label: String,
    /// How to mend it.
    pub help: Option<String>,
}

/// Findings of several files, with their text.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    findings: Vec<Finding>,
    sources: Vec<(String, String)>,
}

impl Findings {
    /// Remembers the text of a file, so that findings can show it.
    pub fn source(&mut self, file: &str, text: &str) {
        if !self.sources.iter().any(|(known, _)| known == file) {
            self.sources.push((file.to_owned(), text.to_owned()));
        }
    }

    /// Adds a finding, once: what all tenants share is looked at for each of them.
    pub fn push(&mut self, finding: Finding) {
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    /// Keeps the findings that `fits` accepts.
    pub fn retain(&mut self, fits: impl FnMut(&Finding) -> bool) {
        self.findings.retain(fits);
    }

    /// Takes over the findings of another.
    pub fn append(&mut self, other: Findings) {
        other.findings.into_iter().for_each(|finding| self.push(finding));
        for (file, text) in other.sources {
            self.source(&file, &text);
        }
    }

    /// Every finding.
    pub fn all(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// Line and column of a finding, both from 1; the column counts characters.
    pub fn place(&self, finding: &Finding) -> (usize, usize) {
        let text = self.text(&finding.file);
        let before = text.get(..whole(text, &finding.span).start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }

    fn text(&self, file: &str) -> &str {
        self.sources.iter().find(|(known, _)| known == file).map_or("", |(_, text)| text)
    }

    /// Every finding drawn for a terminal, and a last line that counts them.
    pub fn render(&self, colours: bool) -> String {
        let mut drawn = String::new();
        let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        for finding in &self.findings {
            let level = match finding.severity {
                Severity::Error => Level::ERROR,
                Severity::Warning => Level::WARNING,
            };
            let text = self.text(&finding.file);
            let span = whole(text, &finding.span);
            let mark = AnnotationKind::Primary.span(span).label(finding.label.as_str());
            let snippet = Snippet::source(text).path(finding.file.as_str()).annotation(mark);
            let mut group = level.primary_title(finding.message.as_str()).id(finding.code).element(snippet);
            if let Some(help) = &finding.help {
                group = group.element(Level::HELP.message(help.as_str()));
            }
            let _ = writeln!(drawn, "{}\n", renderer.render(&[group]));
        }
        let errors = self.findings.iter().filter(|f| f.severity == Severity::Error).count();
        let warnings = self.findings.len() - errors;
        let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        let _ = write!(drawn, "{}, {}", plural(errors, "error"), plural(warnings, "warning"));
        drawn
    }
}

/// A span of whole characters of a text.
fn whole(text: &str, span: &Range<usize>) -> Range<usize> {
    let mut end = span.end.min(text.len());
    let mut start = span.start.min(end);
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

/// The byte at a line and a column, both from 1; the column counts characters.
pub fn byte_at(text: &str, line: usize, column: usize) -> usize {
    let mut lines = text.split_inclusive('\n');
    let before: usize = lines.by_ref().take(line.saturating_sub(1)).map(str::len).sum();
    let line = lines.next().unwrap_or_default();
    before + line.char_indices().nth(column.saturating_sub(1)).map_or(line.len(), |(at, _)| at)
}

/// The nearest of `known` to `word`, if one is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().max(word.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_in_the_middle_of_a_character_is_drawn_around_it() {
        let mut findings = Findings::default();
        let text = "Bien à vous,\n{{é}}";
        findings.source("t.hbs", text);
        for start in 0..text.len() + 2 {
            let (code, severity, file) = ("Q0201", Severity::Error, "t.hbs".to_owned());
            let (message, label) = ("wrong".to_owned(), "here".to_owned());
            findings.push(Finding { code, severity, file, span: start..start + 1, message, label, help: None });
        }
        assert!(findings.render(false).contains("t.hbs:2:3"));
        assert_eq!(byte_at(text, 1, 7), "Bien à".len());
        assert_eq!((byte_at(text, 2, 3), byte_at(text, 9, 9)), ("Bien à vous,\n{{".len(), text.len()));
    }

    #[test]
    fn a_finding_is_drawn_with_place_caret_and_help() {
        let mut findings = Findings::default();
        let text = "[[rule]]\nname = \"late\"\ntemplte = \"x\"\n";
        findings.source("rules.toml", text);
        let start = text.find("templte").unwrap();
        findings.push(Finding {
            code: "Q0104",
            severity: Severity::Error,
            file: "rules.toml".into(),
            span: start..start + 7,
            message: "unknown key `templte`".into(),
            label: "did you mean `template`?".into(),
            help: Some("keys: name, template".into()),
        });
        let drawn = findings.render(false);
        for part in [
            "error[Q0104]: unknown key `templte`",
            "rules.toml:3:1",
            "^^^^^^^ did you mean `template`?",
            "help: keys",
            "1 error, 0 warnings",
        ] {
            assert!(drawn.contains(part), "{part} in\n{drawn}");
        }
        assert_eq!(findings.place(&findings.all()[0]), (3, 1));
    }

    #[test]
    fn only_near_words_are_suggested() {
        assert_eq!(nearest("templte", ["name", "template"]), Some("template"));
        assert_eq!(nearest("colour", ["name", "template"]), None);
    }
}
