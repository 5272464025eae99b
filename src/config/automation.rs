//! `rules.toml`, `scenarios.toml` and `calendars/`: what happens by itself.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use quittance_actors::collection::Hold;
use quittance_actors::delivery::{Channel, Recipient};
use quittance_actors::payment_request::{Anchor, Offset, Scenario, Step};
use quittance_actors::rules::{Action, Condition, Deed, EventType, Field, Once, Per, Rule, RuleBook, RuleError};
use quittance_actors::values::{Calendar, Date};

use super::reader::Section;
use super::service::Service;
use super::{expression, mapping, read_file, rule_test};
use crate::diagnostics::{Finding, Findings, Severity, nearest};

/// What happens by itself.
#[derive(Debug, Clone)]
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
    /// A list of addresses.
    List(String),
    /// A hook endpoint.
    Endpoint(String),
    /// A directory written.
    Feed(String),
    /// A connector that collects.
    Connector(String),
}

impl Automation {
    pub(super) fn load(folder: &Path, findings: &mut Findings) -> Option<Self> {
        let mut references = Vec::new();
        let mut limits = BTreeMap::new();
        let rules_path = folder.join("rules.toml");
        let rules = read_file(&rules_path, findings, |root| {
            let file = rules_path.display().to_string();
            let read = root.each("rule", |section| {
                let (rule, tests) = read_rule(section, &file, &mut references)?;
                let most = section.integer("most_per_hour", 1..=1_000_000).and_then(|most| u32::try_from(most).ok());
                limits.extend(most.map(|most| (rule.cause.to_string(), most)));
                Some((rule, tests))
            });
            let (rules, tests): (Vec<Rule>, Vec<usize>) = read.into_iter().unzip();
            RuleBook::new(rules)
                .inspect_err(|error| {
                    let code = if matches!(error, RuleError::Loop { .. }) { "Q0115" } else { "Q0107" };
                    root.file().report(code, 0..0, error.to_string(), "", None);
                })
                .ok()
                .map(|rules| (rules, tests.iter().sum()))
        });
        let scenarios_path = folder.join("scenarios.toml");
        let scenarios = read_file(&scenarios_path, findings, |root| {
            let file = scenarios_path.display().to_string();
            let scenarios = root.each("scenario", |section| read_scenario(section, &file, &mut references));
            Some(scenarios.into_iter().map(|scenario| (scenario.name().to_owned(), scenario)).collect())
        });
        let mut calendars = BTreeMap::new();
        for path in mapping::toml_files(&folder.join("calendars")) {
            let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
            if let Some(calendar) = read_file(&path, findings, |root| read_calendar(&name, root)) {
                calendars.insert(name, calendar);
            }
        }
        let (rules, rule_tests) = rules?;
        Some(Self { rules, rule_tests, limits, scenarios: scenarios?, calendars, references })
    }

    /// Reports recipients that no tenant defines.
    pub(super) fn check_recipients(&self, service: &Service, also: &[Reference], findings: &mut Findings) {
        if service.incomplete {
            return; // What is missing may be in what could not be read.
        }
        for reference in self.references.iter().chain(also) {
            let (what, name, known): (_, _, Vec<&str>) = match &reference.target {
                Target::Template(..) => continue, // Templates are checked with their text.
                Target::List(name) => {
                    let lists = service.tenants.iter().flat_map(|tenant| tenant.lists.keys());
                    ("list", name, lists.map(String::as_str).collect())
                }
                Target::Endpoint(name) => {
                    let names = service.endpoints.iter().map(|endpoint| endpoint.name.as_str());
                    ("endpoint", name, names.collect())
                }
                Target::Connector(name) => {
                    let names = service.connectors.iter().map(|connector| connector.name.as_str());
                    ("[[connector]]", name, names.collect())
                }
                Target::Feed(name) => {
                    let names = service.outgoing.iter().map(|outgoing| outgoing.name.as_str());
                    ("[[outgoing]]", name, names.collect())
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
}

const CHANNELS: [(&str, Channel); 4] =
    [("email", Channel::Email), ("sms", Channel::Sms), ("hook", Channel::Hook), ("file", Channel::File)];

fn channel(text: &str) -> Result<Channel, String> {
    CHANNELS
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, channel)| *channel)
        .ok_or_else(|| format!("\"{text}\" is not a channel: email, sms"))
}

fn read_rule(section: &Section<'_, '_>, file: &str, references: &mut Vec<Reference>) -> Option<(Rule, usize)> {
    let name = section.required("name")?.to_owned();
    let mut on = Vec::new();
    for (text, span) in section.texts("on") {
        match EventType::parse(text) {
            Some(event) => on.push(event),
            None => {
                let near = nearest(text, EventType::ALL.iter().map(|event| event.name()));
                let help = near.map(|near| format!("did you mean \"{near}\"?"));
                section.refuse("on", span, format!("there is no event type \"{text}\""), help);
            }
        }
    }
    if on.is_empty() {
        section.refuse("on", section.span(), "a rule names at least one event type", None);
    }
    let when = condition(section);
    let mut then = Vec::new();
    // What the condition asks for is never known of the others: the rule does not fire on them.
    let fires = |event: &EventType| {
        let told = event.fields();
        when.as_ref().is_none_or(|when| when.fields().iter().all(|field| told.contains(field)))
    };
    let fires_on: Vec<EventType> = on.iter().copied().filter(fires).collect();
    for action in section.each("then", |action| read_action(action, file, &fires_on, references)) {
        then.push(action);
    }
    if then.is_empty() {
        section.refuse("then", section.span(), "a rule has at least one [[rule.then]]", None);
    }
    let tests = rule_test::run(section, &on, when.as_ref());
    let when = when?;
    for field in when.fields() {
        let told = |event: &EventType| event.fields().contains(&field);
        if !on.is_empty() && !on.iter().any(told) {
            let span = section.text_at("when").map_or_else(|| section.span(), |(_, span)| span);
            let names: Vec<&str> = on.iter().map(|event| event.name()).collect();
            let message = format!("{} is never known of {}", field.path(), names.join(", "));
            let help = format!("`quittance events {}` lists what is", names.first().copied().unwrap_or_default());
            section.file().warn("Q0112", span, message, "what asks for it never holds", Some(help));
        }
    }
    let once = once(section, &on);
    let paused = section.flag("paused", false);
    Some((Rule::new(&name, on, when, then).at_most(once).paused(paused), tests))
}

/// How seldom a rule fires: `once_within_hours`, and `once_per` customer or request.
fn once(section: &Section<'_, '_>, on: &[EventType]) -> Option<Once> {
    let named = section.text_at("once_per").map(|(_, span)| span);
    if !section.has("once_within_hours") {
        if let Some(span) = named {
            section.refuse("once_per", span, "it needs once_within_hours beside it", None);
        }
        return None;
    }
    let hours = section.integer("once_within_hours", 1..=24 * 366)?;
    let words = [("customer", Per::Customer), ("request", Per::Request)];
    let per = section.choice("once_per", &words)?;
    let (field, what) = match per {
        Per::Customer => (Field::CustomerId, "customer"),
        Per::Request => (Field::RequestId, "payment request"),
    };
    if let Some(event) = on.iter().find(|event| !event.fields().contains(&field)) {
        let span = named.unwrap_or_else(|| section.span());
        section.refuse("once_per", span, format!("{} concerns no {}", event.name(), what), None);
        return None;
    }
    Some(Once { per, within_ms: hours.saturating_mul(3_600_000) })
}

/// The condition of a section: `when`, or always.
pub(super) fn condition(section: &Section<'_, '_>) -> Option<Condition> {
    match section.text_at("when") {
        None => Some(Condition::Always(true)),
        Some((text, span)) => match expression::compile(text) {
            Ok(condition) => {
                if let Some(field) = condition.contradiction() {
                    let message = format!("no {} can be what this asks for", field.path());
                    section.file().warn("Q0114", span, message, "this never holds", None);
                }
                Some(condition)
            }
            Err(fault) => {
                // The text starts after its quote; escapes inside would move it, and are rare.
                let start = span.start + 1;
                let span = start + fault.span.start..start + fault.span.end.max(fault.span.start + 1);
                section.file().report("Q0110", span, fault.message, "in this condition", fault.help);
                None
            }
        },
    }
}

fn read_action(
    section: &Section<'_, '_>, file: &str, on: &[EventType], references: &mut Vec<Reference>,
) -> Option<Action> {
    let mut refer = |span: Range<usize>, target| references.push(Reference { file: file.to_owned(), span, target });
    if let Some((name, span)) = section.text_at("hook") {
        refer(span, Target::Endpoint(name.to_owned()));
        let recipient = Recipient::Endpoint(name.into());
        return Some(Action::Tell { channel: Channel::Hook, template: None, recipient });
    }
    if let Some((name, span)) = section.text_at("file") {
        refer(span, Target::Feed(name.to_owned()));
        let recipient = Recipient::Feed(name.into());
        return Some(Action::Tell { channel: Channel::File, template: None, recipient });
    }
    if section.has("do") {
        return read_deed(section, on).map(Action::Do);
    }
    let Some((whom, span)) = section.text_at("notify") else {
        section.refuse("then", section.span(), "an action is notify, hook, file or do", None);
        return None;
    };
    let channel = section.parsed("channel", channel)?;
    let (template, template_span) = section.text_at("template").or_else(|| {
        section.refuse("template", section.span(), "a message needs a template", None);
        None
    })?;
    if !channel.reaches_people() {
        section.refuse("channel", span, "people are reached by email or sms", None);
        return None;
    }
    refer(template_span, Target::Template(template.to_owned(), channel, on.to_vec()));
    let template = template.into();
    match whom.split_once(':') {
        None if whom == "customer" => Some(Action::NotifyCustomer { channel, template }),
        Some(("list", list)) if channel == Channel::Email => {
            refer(span, Target::List(list.to_owned()));
            let recipient = Recipient::List(list.into());
            Some(Action::Tell { channel, template: Some(template), recipient })
        }
        _ => {
            let why = format!("\"{whom}\" is nobody: expected customer, or list:NAME by email");
            section.refuse("notify", span, why, None);
            None
        }
    }
}

/// What a rule does: `do`, with `hold` and `days` where it places or lifts one.
fn read_deed(section: &Section<'_, '_>, on: &[EventType]) -> Option<Deed> {
    let words = [
        ("place_hold", 0),
        ("lift_hold", 1),
        ("suspend_recurring", 2),
        ("resume_recurring", 3),
        ("stop_reminders", 4),
        ("suspend_plan", 5),
        ("resume_plan", 6),
        ("cancel_plan", 7),
    ];
    let hold = || {
        let hold = section.parsed("hold", Hold::parse)?;
        if hold == Hold::Deceased {
            let why = "who has died is told by a bank or a person, and stays so";
            section.refuse("hold", section.span(), why, None);
            return None;
        }
        Some(hold)
    };
    let deed = match section.choice("do", &words)? {
        0 => {
            let days = section.has("days").then(|| section.integer("days", 1..=365)).flatten();
            Deed::PlaceHold { hold: hold()?, days: days.and_then(|days| u16::try_from(days).ok()) }
        }
        1 => Deed::LiftHold { hold: hold()? },
        2 => Deed::SuspendRecurring,
        3 => Deed::ResumeRecurring,
        4 => Deed::StopReminders,
        5 => Deed::SuspendPlan,
        6 => Deed::ResumePlan,
        _ => Deed::CancelPlan,
    };
    let (fields, what): (&[Field], _) = match (deed.is_of_request(), deed.is_of_plan()) {
        (true, _) => (&[Field::RequestId], "payment request"),
        (_, true) => (&[Field::PlanId, Field::RequestPlan], "plan"),
        _ => (&[Field::CustomerId], "customer"),
    };
    let concerns = |event: &&EventType| event.fields().iter().any(|field| fields.contains(field));
    if let Some(event) = on.iter().find(|event| !concerns(event)) {
        section.refuse("do", section.span(), format!("{} concerns no {what}", event.name()), None);
        return None;
    }
    // Who paid a transfer, or whom a payout is of, may be kept elsewhere than the transfer.
    let elsewhere =
        |event: &&EventType| ["transfer.", "task.", "payout."].iter().any(|of| event.name().starts_with(of));
    if let Some(event) = on.iter().find(elsewhere) {
        let why = format!("nothing is done on {}: what it concerns may be elsewhere", event.name());
        section.refuse("do", section.span(), why, Some("payment_request.* tells what a transfer pays".to_owned()));
        return None;
    }
    Some(deed)
}

fn read_scenario(section: &Section<'_, '_>, file: &str, references: &mut Vec<Reference>) -> Option<Scenario> {
    let name = section.required("name")?.to_owned();
    let late_hours = section.integer("late_within_hours", 0..=24 * 31).unwrap_or(24);
    let entry = step_condition(section);
    let steps = section.each("step", |step| {
        let own = step_condition(step);
        let (template, span) = step.text_at("template").or_else(|| {
            step.refuse("template", step.span(), "a step needs a template", None);
            None
        })?;
        let mut channels = Vec::new();
        for (text, at) in step.texts("channels") {
            match channel(text) {
                Ok(channel) => channels.push(channel),
                Err(why) => step.refuse("channels", at, why, None),
            }
        }
        for channel in &channels {
            let target = Target::Template(template.to_owned(), *channel, vec![EventType::ReminderSent]);
            references.push(Reference { file: file.to_owned(), span: span.clone(), target });
        }
        let offset = match step.has("offset") {
            true => step.optional("offset", Offset::parse),
            false => {
                let days = step.integer("offset_days", -365..=3_650).and_then(|days| i32::try_from(days).ok());
                Some(Offset::Days(days.unwrap_or(0)))
            }
        };
        let first = Step {
            name: step.required("name")?.into(),
            anchor: step.choice(
                "anchor",
                &[("due", Anchor::Due), ("created", Anchor::Created), ("issued", Anchor::Issued)],
            )?,
            offset: offset?,
            at: step.optional("at", local_time).unwrap_or((9, 0)),
            channels,
            template: template.into(),
            approval: step.flag("approval", false),
            when: match (entry.clone()?, own?) {
                (Condition::Always(true), own) => own,
                (entry, Condition::Always(true)) => entry,
                (entry, own) => Condition::All(vec![entry, own]),
            },
        };
        Some(repeated(step, first))
    });
    let steps = steps.into_iter().flatten().collect();
    Scenario::new(&name, steps, late_hours * 3_600_000)
        .inspect_err(|error| section.refuse("step", section.span(), error, None))
        .ok()
}

/// The condition of a scenario or a step, which asks for what is known when a step leaves.
fn step_condition(section: &Section<'_, '_>) -> Option<Condition> {
    let when = condition(section)?;
    if let Some(field) = when.fields().into_iter().find(|field| !Step::FIELDS.contains(field)) {
        let span = section.text_at("when").map_or_else(|| section.span(), |(_, span)| span);
        let help = Step::FIELDS.map(Field::path).join(", ");
        section.refuse("when", span, format!("{} is not known when a step leaves", field.path()), Some(help));
        return None;
    }
    Some(when)
}

/// A step, and what follows it at `repeat_every`, `repeat_times` more: `late_10`, `late_10_2`, …
fn repeated(section: &Section<'_, '_>, first: Step) -> Vec<Step> {
    let every = section.optional("repeat_every", Offset::parse);
    let times = section.has("repeat_times").then(|| section.integer("repeat_times", 1..=20)).flatten();
    let (Some(every), Some(times)) = (every, times) else {
        if every.is_some() != times.is_some() {
            let why = "repeat_every and repeat_times go together";
            section.refuse("repeat_every", section.span(), why, None);
        }
        return vec![first];
    };
    let mut steps = vec![first.clone()];
    for time in 1..=i32::try_from(times).unwrap_or(0) {
        match first.offset.further(every, time) {
            Some(offset) => {
                let name = smol_str::format_smolstr!("{}_{}", first.name, time + 1);
                steps.push(Step { name, offset, ..first.clone() });
            }
            None => {
                let why = "it is counted in the unit of the step's offset";
                section.refuse("repeat_every", section.span(), why, None);
                break;
            }
        }
    }
    steps
}

/// Reads `09:30`.
pub(super) fn local_time(text: &str) -> Result<(i8, i8), &'static str> {
    let wrong = "expected a local time, as in 09:30";
    let (hour, minute) = text.split_once(':').ok_or(wrong)?;
    let (hour, minute): (i8, i8) = (hour.parse().map_err(|_| wrong)?, minute.parse().map_err(|_| wrong)?);
    if (0..24).contains(&hour) && (0..60).contains(&minute) { Ok((hour, minute)) } else { Err(wrong) }
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

#[cfg(test)]
mod tests {
    use super::super::reader::File;
    use super::*;

    fn scenario(step: &str) -> (Vec<Scenario>, Findings) {
        let text = format!(
            "[[scenario]]\nname = \"s\"\n[[scenario.step]]\nname = \"late\"\nanchor = \"due\"\n{step}\nchannels = [\"email\"]\ntemplate = \"t\"\n"
        );
        let (read, findings) = File::read("scenarios.toml", &text, |root| {
            let mut references = Vec::new();
            Some(root.each("scenario", |section| read_scenario(section, "scenarios.toml", &mut references)))
        });
        (read.unwrap_or_default(), findings)
    }

    #[test]
    fn a_step_is_repeated_in_the_unit_of_its_offset() {
        let (read, findings) = scenario("offset = \"+2bd\"\nrepeat_every = \"5bd\"\nrepeat_times = 2");
        assert!(!findings.has_errors(), "{}", findings.render(false));
        let steps: Vec<(String, Offset)> =
            read[0].steps().iter().map(|step| (step.name.to_string(), step.offset)).collect();
        let expected = [("late", 2), ("late_2", 7), ("late_3", 12)];
        let expected: Vec<(String, Offset)> =
            expected.iter().map(|(name, days)| ((*name).to_owned(), Offset::BusinessDays(*days))).collect();
        assert_eq!(steps, expected);
    }

    #[test]
    fn mistakes_in_offsets_are_found() {
        for (step, part) in [
            ("offset = \"3 days\"", "as in -3d, +1bd or 2w"),
            ("offset = \"3d\"\nrepeat_every = \"1m\"\nrepeat_times = 2", "the unit of the step's offset"),
            ("offset = \"3d\"\nrepeat_every = \"7d\"", "go together"),
        ] {
            let (_, findings) = scenario(step);
            assert!(findings.render(false).contains(part), "{step}: {}", findings.render(false));
        }
    }
}
