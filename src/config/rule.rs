//! `[[rule]]`: on what it may fire, when, and what it leads to.

use std::ops::Range;
use std::sync::Arc;

use quittance_actors::collection::Hold;
use quittance_actors::customer::{person, short_name, task_text};
use quittance_actors::delivery::{Channel, Recipient};
use quittance_actors::rules::{Action, Condition, Deed, EventType, Field, Once, Per, Rule, Value, WEEKDAYS};

use super::automation::{Reference, Target};
use super::reader::Section;
use super::{expression, rule_test};
use crate::diagnostics::nearest;

/// What one rule leads to at most.
const ACTIONS_MAX: usize = 20;

const CHANNELS: [(&str, Channel); 4] =
    [("email", Channel::Email), ("sms", Channel::Sms), ("hook", Channel::Hook), ("file", Channel::File)];

pub(super) fn channel(text: &str) -> Result<Channel, String> {
    CHANNELS
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, channel)| *channel)
        .ok_or_else(|| format!("\"{text}\" is not a channel: email, sms"))
}

pub(super) fn read_rule(
    section: &Section<'_, '_>, file: &str, most_per_hour: Option<u32>, references: &mut Vec<Reference>,
) -> Option<(Rule, usize)> {
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
    let fires =
        |event: &EventType| when.as_ref().is_none_or(|when| when.fields().iter().all(|field| event.tells(*field)));
    let fires_on: Vec<EventType> = on.iter().copied().filter(fires).collect();
    for action in section.each("then", |action| read_action(action, file, &fires_on, references)) {
        then.push(action);
    }
    if then.is_empty() || then.len() > ACTIONS_MAX {
        let why = format!("a rule has 1 to {ACTIONS_MAX} [[rule.then]]");
        section.refuse("then", section.span(), why, None);
    }
    let tests = rule_test::run(section, &on, when.as_ref());
    let when = when?;
    for field in when.fields() {
        let told = |event: &EventType| event.tells(field);
        if !on.is_empty() && !on.iter().any(told) {
            let span = section.text_at("when").map_or_else(|| section.span(), |(_, span)| span);
            let names: Vec<&str> = on.iter().map(|event| event.name()).collect();
            let message = format!("{} is never known of {}", field.path(), names.join(", "));
            let help = format!("`quittance events {}` lists what is", names.first().copied().unwrap_or_default());
            section.file().warn("Q0112", span, message, "what asks for it never holds", Some(help));
        }
    }
    let once = once(section, &on);
    check_contacts(section, &on, &then, most_per_hour);
    let (paused, shadow) = (section.flag("paused", false), section.flag("shadow", false));
    Some((Rule::new(&name, on, when, then).at_most(once).paused(paused).tried_out(shadow), tests))
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
    let per = section.optional("once_per", |text| match text {
        "customer" => Ok(Per::Customer),
        "request" => Ok(Per::Request),
        path => {
            Field::ALL.iter().find(|field| field.path() == path).map(|field| Per::Fact(*field)).ok_or_else(|| {
                let near = nearest(path, Field::ALL.iter().map(|field| field.path()));
                let near = near.map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
                format!("\"{path}\" is not customer, request or a fact{near}")
            })
        }
    });
    let per = match named.is_some() {
        true => per?,
        false => Per::Customer,
    };
    // The customer is who remembers.
    let asked: &[(Field, &str)] = match per {
        Per::Customer => &[(Field::CustomerId, "concerns no customer")],
        Per::Request => &[(Field::RequestId, "concerns no payment request")],
        Per::Fact(field) => &[(Field::CustomerId, "concerns no customer"), (field, "does not tell that fact")],
    };
    for event in on {
        let Some((_, why)) = asked.iter().find(|(field, _)| !event.tells(*field)) else { continue };
        let span = named.unwrap_or_else(|| section.span());
        section.refuse("once_per", span, format!("{} {why}", event.name()), None);
        return None;
    }
    Some(Once { per, within_ms: hours.saturating_mul(3_600_000) })
}

/// A customer is written to as often as something happens that may happen any number of times.
fn check_contacts(section: &Section<'_, '_>, on: &[EventType], then: &[Action], most_per_hour: Option<u32>) {
    let writes = then.iter().any(|action| matches!(action, Action::NotifyCustomer { .. }));
    let Some(event) = on.iter().find(|event| writes && event.comes_often()) else { return };
    if most_per_hour.is_some() || section.has("once_within_hours") || section.flag("paused", false) {
        return;
    }
    let message = format!("a customer is written to as often as {} happens", event.name());
    let help = "once_per = \"customer\" with once_within_hours = 24 bounds it, or most_per_hour for all together";
    section.file().warn("Q0119", section.span(), message, "nothing bounds how often", Some(help.to_owned()));
}

/// Words and numbers of the moment that it never has.
fn check_moment(section: &Section<'_, '_>, span: Range<usize>, condition: &Condition) {
    for literal in condition.literals(Field::NowWeekday) {
        if let Value::Text(word) = literal
            && !WEEKDAYS.contains(&word.as_str())
        {
            let near = nearest(&word.to_lowercase(), WEEKDAYS).map(|near| format!("did you mean \"{near}\"?"));
            section.refuse("when", span.clone(), format!("there is no day of the week \"{word}\""), near);
        }
    }
    for literal in condition.literals(Field::NowHour) {
        if let Value::Number(hour) = literal
            && !(0..=23).contains(hour)
        {
            let why = format!("{hour} is no hour of a day");
            section.refuse("when", span.clone(), why, Some("0 to 23".to_owned()));
        }
    }
}

/// The condition of a section: `when`, or always.
pub(super) fn condition(section: &Section<'_, '_>) -> Option<Condition> {
    match section.text_at("when") {
        None => Some(Condition::Always(true)),
        Some((text, span)) => match expression::compile(text) {
            Ok(condition) => {
                check_moment(section, span.clone(), &condition);
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
        refer(span.clone(), Target::Endpoint(name.to_owned()));
        let recipient = Recipient::Endpoint(name.into());
        let template = body(section, on, &mut refer);
        if template.is_some() {
            refer(span, Target::WholeEvents(name.to_owned()));
        }
        return Some(Action::Tell { channel: Channel::Hook, template, recipient });
    }
    if let Some((name, span)) = section.text_at("file") {
        refer(span.clone(), Target::Feed(name.to_owned()));
        let recipient = Recipient::Feed(name.into());
        let template = body(section, on, &mut refer);
        if template.is_some() {
            refer(span, Target::WholeFiles(name.to_owned()));
        }
        return Some(Action::Tell { channel: Channel::File, template, recipient });
    }
    if section.has("do") {
        return read_deed(section, on, refer).map(Action::Do);
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

/// The template of what a system is told, if it is not the event itself.
fn body(
    section: &Section<'_, '_>, on: &[EventType], mut refer: impl FnMut(Range<usize>, Target),
) -> Option<Arc<str>> {
    let (name, span) = section.text_at("template")?;
    refer(span, Target::Body(name.to_owned(), on.to_vec()));
    Some(name.into())
}

/// What a rule does: `do`, with `hold` and `days` where it places or lifts one.
fn read_deed(
    section: &Section<'_, '_>, on: &[EventType], mut refer: impl FnMut(Range<usize>, Target),
) -> Option<Deed> {
    let words = [
        ("place_hold", 0),
        ("lift_hold", 1),
        ("suspend_recurring", 2),
        ("resume_recurring", 3),
        ("stop_reminders", 4),
        ("suspend_plan", 5),
        ("resume_plan", 6),
        ("cancel_plan", 7),
        ("use_scenario", 8),
        ("write_off", 9),
        ("cancel_request", 10),
        ("create_task", 11),
        ("tag", 12),
        ("untag", 13),
        ("emit", 14),
        ("stop_collection", 15),
        ("collect", 16),
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
        7 => Deed::CancelPlan,
        8 => {
            let (name, span) = section.text_at("scenario").or_else(|| {
                section.refuse("scenario", section.span(), "which scenario its reminders are of from then on", None);
                None
            })?;
            refer(span, Target::Scenario(name.to_owned()));
            Deed::FollowScenario(name.into())
        }
        9 => Deed::WriteOff,
        10 => Deed::CancelRequest,
        11 => {
            let text = section.parsed("text", task_text)?;
            let days = section.has("days").then(|| section.integer("days", 0..=365)).flatten();
            let assigned_to = section.optional("assign_to", person);
            Deed::CreateTask { text, days: days.and_then(|days| u16::try_from(days).ok()), assigned_to }
        }
        12 => Deed::Tag(section.parsed("tag", short_name)?),
        13 => Deed::Untag(section.parsed("tag", short_name)?),
        14 => Deed::Emit(section.parsed("event", short_name)?),
        15 => Deed::StopCollection,
        _ => Deed::Collect(section.text_at("policy").map(|(name, span)| {
            refer(span, Target::Policy(name.to_owned()));
            name.into()
        })),
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
