//! What one edition has that another has not: by name, and line by line.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use quittance_actors::policies::{Matching, Policies};
use serde::Serialize;
use similar::TextDiff;

use crate::in_use::OfTenant;

/// How long two texts are compared; after it what is left is told as replaced.
const COMPARED_FOR: Duration = Duration::from_millis(200);
/// Lines around a difference.
const CONTEXT_LINES: usize = 3;

/// Something that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `rule`, `scenario`, `retry policy`, `rule of acceptance`, `rule of matching` or `template`.
    pub what: &'static str,
    /// Its name.
    pub name: String,
    /// What became of it.
    pub how: How,
}

/// What became of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It is new.
    Added,
    /// It says something else.
    Changed,
    /// It is there no more, or all tenants' counts again.
    Removed,
}

/// Compares what is in use with what would be.
pub fn changes(before: &OfTenant, after: &OfTenant) -> Vec<Change> {
    let mut found = Vec::new();
    compare(&mut found, "rule", &rules(before), &rules(after));
    let scenarios =
        |of: &'_ Policies| of.scenarios.iter().map(|(name, of)| (name.clone(), format!("{of:?}"))).collect();
    compare(&mut found, "scenario", &scenarios(&before.policies), &scenarios(&after.policies));
    let policies = |of: &Policies| {
        of.collections
            .policies
            .iter()
            .chain(&of.collections.tried_out)
            .map(|(name, of)| (name.clone(), format!("{of:?}")))
            .collect()
    };
    compare(&mut found, "retry policy", &policies(&before.policies), &policies(&after.policies));
    let acceptance = |of: &Policies| {
        // Their order counts: the first that fits.
        let rules = of.acceptance.rules.iter().enumerate();
        let rules = rules.map(|(place, rule)| (rule.name.to_string(), format!("{place} {rule:?}")));
        let blocked = (!of.acceptance.blocked.is_empty()).then(|| format!("{:?}", of.acceptance.blocked));
        rules.chain(blocked.map(|blocked| ("blocked_ibans".to_owned(), blocked))).collect()
    };
    compare(&mut found, "rule of acceptance", &acceptance(&before.policies), &acceptance(&after.policies));
    let matching = |of: &Policies| {
        let never = of.matching.never_auto.iter().map(|rule| (rule.name.to_string(), format!("{rule:?}")));
        let rest = Matching { never_auto: Vec::new(), ..of.matching.clone() };
        never.chain([("matching".to_owned(), format!("{rest:?}"))]).collect()
    };
    compare(&mut found, "rule of matching", &matching(&before.policies), &matching(&after.policies));
    let templates = |of: &OfTenant| {
        let all = of.templates.all();
        all.map(|template| (template.file_name(), template.edition.to_owned())).collect()
    };
    compare(&mut found, "template", &templates(before), &templates(after));
    found
}

/// Rules by name, as one text that says everything of them.
fn rules(of: &OfTenant) -> BTreeMap<String, String> {
    let limits = &of.conduct.automation.limits;
    let told = of.policies.rules.all().iter();
    told.map(|rule| (rule.name.to_string(), format!("{rule:?} {:?}", limits.get(&*rule.cause)))).collect()
}

fn compare(
    found: &mut Vec<Change>, what: &'static str, before: &BTreeMap<String, String>, after: &BTreeMap<String, String>,
) {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    found.extend(names.into_iter().filter_map(|name| {
        let how = match (before.get(name), after.get(name)) {
            (None, _) => How::Added,
            (_, None) => How::Removed,
            (Some(before), Some(after)) if before != after => How::Changed,
            _ => return None,
        };
        Some(Change { what, name: name.clone(), how })
    }));
}

/// The differences of files line by line, as a unified diff; empty when there is none.
pub fn differences(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> String {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut text = String::new();
    for name in names {
        let of = |files: &BTreeMap<String, String>| files.get(name).cloned().unwrap_or_default();
        let (old, new) = (of(before), of(after));
        let diff = TextDiff::configure().timeout(COMPARED_FOR).diff_lines(&old, &new);
        let side = |there: bool| if there { name.clone() } else { "/dev/null".to_owned() };
        let (from, to) = (side(before.contains_key(name)), side(after.contains_key(name)));
        text.push_str(&diff.unified_diff().context_radius(CONTEXT_LINES).header(&from, &to).to_string());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_told_by_file_and_line() {
        let files = |of: &[(&str, &str)]| -> BTreeMap<String, String> {
            of.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
        };
        let before = files(&[("rules.toml", "a\nb\n"), ("scenarios.toml", "s\n"), ("same.toml", "x\n")]);
        let after = files(&[("rules.toml", "a\nc\n"), ("acceptance.toml", "n\n"), ("same.toml", "x\n")]);
        assert_eq!(
            differences(&before, &after),
            "--- /dev/null\n+++ acceptance.toml\n@@ -0,0 +1 @@\n+n\n\
             --- rules.toml\n+++ rules.toml\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n\
             --- scenarios.toml\n+++ /dev/null\n@@ -1 +0,0 @@\n-s\n"
        );
        assert_eq!(differences(&after, &after), "");
    }
}
