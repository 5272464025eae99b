//! `rules.toml`, `scenarios.toml` and `calendars/`: what happens by itself.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use quittance_actors::delivery::Channel;
use quittance_actors::payment_request::Scenario;
use quittance_actors::rules::{EventType, Rule, RuleBook, RuleError};
use quittance_actors::values::{Calendar, Date, TenantId};

use super::Conduct;
use super::reader::Section;
use super::rule::read_rule;
use super::scenario::read_scenario;
use super::service::Service;
use super::sources::Sources;
use crate::diagnostics::{Finding, Findings, Severity, nearest};
use crate::export::Tells;

/// Where the first earlier form of a scenario stands, and each with the day that it is for requests before.
type Earlier = (Range<usize>, Vec<(Date, Scenario)>);

/// What happens by itself.
#[derive(Debug, Clone, Default)]
pub struct Automation {
    /// Rules.
    pub rules: RuleBook,
    /// How many tests the rules have, all of them passed.
    pub rule_tests: usize,
    /// Messages of a rule in an hour at most, by what its deliveries name as their cause.
    pub limits: BTreeMap<String, u32>,
    /// Scenarios by name.
    pub scenarios: BTreeMap<String, Scenario>,
    /// Calendars by name.
    pub calendars: BTreeMap<String, Calendar>,
    /// Where templates and recipients are named: file, place, what.
    pub references: Vec<Reference>,
}

/// A name used in a file, with its place.
#[derive(Debug, Clone)]
pub struct Reference {
    /// The file.
    pub file: String,
    /// The place.
    pub span: Range<usize>,
    /// What is named.
    pub target: Target,
}

/// What can be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A template for a channel, that tells of one of these events.
    Template(String, Channel, Vec<EventType>),
    /// A template for a channel, of one message that tells a customer of all requests.
    TemplateOfAll(String, Channel),
    /// A template of what a system is told of one of these events.
    Body(String, Vec<EventType>),
    /// A directory into which each event is written as a file of its own.
    WholeFiles(String),
    /// An endpoint that is told facts, since a template tells them.
    WholeEvents(String),
    /// A list of addresses.
    List(String),
    /// A hook endpoint.
    Endpoint(String),
    /// A directory written.
    Feed(String),
    /// A connector that collects.
    Connector(String),
    /// A scenario.
    Scenario(String),
    /// A policy of new attempts.
    Policy(String),
}

impl Automation {
    /// What every tenant of the folder shares.
    pub(super) fn load(sources: &Sources, findings: &mut Findings) -> Option<Self> {
        let folder = sources.folder();
        let mut shared = Self::default();
        let rules = shared.read_rules(sources, &folder.join("rules.toml"), findings);
        let scenarios = shared.read_scenarios(sources, &folder.join("scenarios.toml"), findings);
        for path in sources.files(&folder.join("calendars"), "toml") {
            let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
            if let Some(calendar) = sources.toml(&path, findings, |root| read_calendar(&name, root)) {
                shared.calendars.insert(name, calendar);
            }
        }
        (rules.is_some() && scenarios.is_some()).then_some(shared)
    }

    /// The same with what a tenant has of its own in a folder: a rule or scenario of a name that is known takes its place.
    /// Its `references` are those of its own files.
    pub(super) fn with_own(&self, sources: &Sources, folder: &Path, findings: &mut Findings) -> Option<Self> {
        let mut own = Self { references: Vec::new(), ..self.clone() };
        let (rules, scenarios) = (folder.join("rules.toml"), folder.join("scenarios.toml"));
        let mut whole = true;
        if sources.exists(&rules) {
            whole &= own.read_rules(sources, &rules, findings).is_some();
        }
        if sources.exists(&scenarios) {
            whole &= own.read_scenarios(sources, &scenarios, findings).is_some();
        }
        whole.then_some(own)
    }

    fn read_rules(&mut self, sources: &Sources, path: &Path, findings: &mut Findings) -> Option<()> {
        let file = path.display().to_string();
        sources.toml(path, findings, |root| {
            let mut limits = BTreeMap::new();
            let read = root.each("rule", |section| {
                let most = section.integer("most_per_hour", 1..=1_000_000).and_then(|most| u32::try_from(most).ok());
                let (rule, tests) = read_rule(section, &file, most, &mut self.references)?;
                limits.extend(most.map(|most| (rule.cause.to_string(), most)));
                Some((rule, tests))
            });
            let (read, tests): (Vec<Rule>, Vec<usize>) = read.into_iter().unzip();
            let anew = |known: &&Rule| !read.iter().any(|rule| rule.name == known.name);
            let kept: Vec<Rule> = self.rules.all().iter().filter(anew).cloned().collect();
            self.limits.retain(|cause, _| kept.iter().any(|rule| *rule.cause == **cause));
            self.limits.extend(limits);
            self.rule_tests += tests.iter().sum::<usize>();
            let book = RuleBook::new(kept.into_iter().chain(read).collect()).inspect_err(|error| {
                let code = if matches!(error, RuleError::Loop { .. }) { "Q0115" } else { "Q0107" };
                root.file().report(code, 0..0, error.to_string(), "", None);
            });
            self.rules = book.ok()?;
            Some(())
        })
    }

    fn read_scenarios(&mut self, sources: &Sources, path: &Path, findings: &mut Findings) -> Option<()> {
        let file = path.display().to_string();
        sources.toml(path, findings, |root| {
            let read = root.each("scenario", |section| read_scenario(section, &file, &mut self.references));
            let count = read.len();
            let mut earlier: BTreeMap<String, Earlier> = BTreeMap::new();
            let mut named: BTreeMap<String, Scenario> = BTreeMap::new();
            for (scenario, before, span) in read {
                let name = scenario.name().to_owned();
                let same = match before {
                    Some(day) => {
                        earlier.get(&name).is_some_and(|(_, of_name)| of_name.iter().any(|(of, _)| *of == day))
                    }
                    None => named.contains_key(&name),
                };
                if same {
                    let help = "with created_before = \"2026-04-01\" it is for requests that came in before that day";
                    let message = format!("scenario \"{name}\" stands twice");
                    root.file().report("Q0107", span, message, "for the same requests", Some(help.to_owned()));
                    continue;
                }
                match before {
                    Some(day) => earlier.entry(name).or_insert((span, Vec::new())).1.push((day, scenario)),
                    None => drop(named.insert(name, scenario)),
                }
            }
            for (name, scenario) in named {
                let before = earlier.remove(&name).map(|(_, before)| before);
                self.scenarios.insert(name, scenario.after(before.unwrap_or_default()));
            }
            // One that cannot be read is told of itself.
            let whole = count == root.count("scenario");
            for (name, (span, _)) in earlier.into_iter().filter(|_| whole) {
                let message = format!("scenario \"{name}\" has only an earlier form");
                let label = "what do later requests follow?";
                root.file().report("Q0107", span, message, label, None);
            }
            Some(())
        })
    }
}

/// Reports recipients that no tenant defines; with `only`, that this one does not.
pub(super) fn check_recipients(
    (references, conduct): (&[Reference], &Conduct), service: &Service, only: Option<&TenantId>,
    findings: &mut Findings,
) {
    let scenarios = &conduct.automation.scenarios;
    if service.incomplete {
        return; // What is missing may be in what could not be read.
    }
    let counts = |tenant: &TenantId| only.is_none_or(|only| only == tenant);
    for reference in references {
        let (what, name, known): (_, _, Vec<&str>) = match &reference.target {
            // A directory that is not there is told of as such.
            Target::WholeFiles(name) => {
                let of_many = |known: &&super::service::Outgoing| known.name == *name && known.batch.is_some();
                let counted = service.outgoing.iter().filter(|outgoing| counts(&outgoing.tenant));
                if counted.clone().any(|known| of_many(&known)) {
                    findings.push(Finding {
                        code: "Q0106",
                        severity: Severity::Error,
                        file: reference.file.clone(),
                        span: reference.span.clone(),
                        message: format!("\"{name}\" has files of many events, which are written in one form"),
                        label: "no template of its own".to_owned(),
                        help: Some("an [[outgoing]] without `format` writes a file for each event".to_owned()),
                    });
                }
                continue;
            }
            Target::WholeEvents(name) => {
                let counted = service.endpoints.iter().filter(|endpoint| counts(&endpoint.tenant));
                if counted.clone().any(|known| known.name == *name && known.tells == Tells::Ids) {
                    findings.push(Finding {
                        code: "Q0106",
                        severity: Severity::Error,
                        file: reference.file.clone(),
                        span: reference.span.clone(),
                        message: format!(
                            "endpoint \"{name}\" is told ids only, and a template tells what is asked of it"
                        ),
                        label: "no template of its own".to_owned(),
                        help: Some("an [[endpoint]] without payload = \"thin\" is told facts".to_owned()),
                    });
                }
                continue;
            }
            Target::Template(..) | Target::TemplateOfAll(..) | Target::Body(..) => continue, // Templates are checked with their text.
            Target::List(name) => {
                let tenants = service.tenants.iter().filter(|tenant| counts(&tenant.id));
                ("list", name, tenants.flat_map(|tenant| tenant.lists.keys()).map(String::as_str).collect())
            }
            Target::Endpoint(name) => {
                let known = service.endpoints.iter().filter(|endpoint| counts(&endpoint.tenant));
                ("endpoint", name, known.map(|endpoint| endpoint.name.as_str()).collect())
            }
            Target::Scenario(name) if scenarios.get(name).is_some_and(Scenario::is_tried_out) => {
                let message = format!("scenario \"{name}\" is only tried out: no reminder would leave any more");
                findings.push(Finding {
                    code: "Q0118",
                    severity: Severity::Error,
                    file: reference.file.clone(),
                    span: reference.span.clone(),
                    message,
                    label: "it has shadow = true".to_owned(),
                    help: None,
                });
                continue;
            }
            Target::Scenario(name) => ("scenario", name, scenarios.keys().map(String::as_str).collect()),
            Target::Policy(name) => {
                ("retry policy", name, conduct.retries.policies.keys().map(String::as_str).collect())
            }
            Target::Connector(name) => {
                let known = service.connectors.iter().filter(|connector| counts(&connector.tenant));
                ("[[connector]]", name, known.map(|connector| connector.name.as_str()).collect())
            }
            Target::Feed(name) => {
                let known = service.outgoing.iter().filter(|outgoing| counts(&outgoing.tenant));
                ("[[outgoing]]", name, known.map(|outgoing| outgoing.name.as_str()).collect())
            }
        };
        if known.contains(&name.as_str()) {
            continue;
        }
        let label = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "not defined".to_owned(),
        };
        findings.push(Finding {
            code: "Q0106",
            severity: Severity::Error,
            file: reference.file.clone(),
            span: reference.span.clone(),
            message: format!("there is no {what} \"{name}\""),
            label,
            help: None,
        });
    }
}

fn read_calendar(name: &str, root: &Section<'_, '_>) -> Option<Calendar> {
    let title = root.text("name").unwrap_or(name).to_owned();
    let version = root.integer("version", 1..=9_999).and_then(|v| u32::try_from(v).ok()).unwrap_or(1);
    let small = |(number, _): (i64, Range<usize>)| i8::try_from(number).ok();
    let weekend = root.integers("weekend").into_iter().filter_map(small).collect();
    let mut fixed = Vec::new();
    for (text, span) in root.texts("fixed") {
        let parts = text.split_once('-').and_then(|(m, d)| Some((m.parse().ok()?, d.parse().ok()?)));
        match parts {
            Some(day) => fixed.push(day),
            None => root.refuse("fixed", span, "expected a month and a day, as in 12-25", None),
        }
    }
    let easter = root.integers("easter").into_iter().filter_map(|(days, _)| i32::try_from(days).ok()).collect();
    let mut dates = Vec::new();
    for (text, span) in root.texts("dates") {
        match Date::parse(text) {
            Ok(date) => dates.push(date),
            Err(error) => root.refuse("dates", span, error, None),
        }
    }
    Calendar::new(&title, version, weekend, fixed, easter, dates)
        .inspect_err(|error| root.refuse("fixed", 0..0, error, None))
        .ok()
}
