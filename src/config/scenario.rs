//! `[[scenario]]`: its steps, when each is due, how it leaves and what it says.

use std::ops::Range;

use quittance_actors::payment_request::{Anchor, Offset, OnReopen, Scenario, Step};
use quittance_actors::rules::{Condition, EventType, Field};
use quittance_actors::values::Date;

use super::automation::{Reference, Target};
use super::reader::Section;
use super::rule::{channel, condition};

pub(super) fn read_scenario(
    section: &Section<'_, '_>, file: &str, references: &mut Vec<Reference>,
) -> Option<(Scenario, Option<Date>, Range<usize>)> {
    let name = section.required("name")?.to_owned();
    let late_hours = section.integer("late_within_hours", 0..=24 * 31).unwrap_or(24);
    let (shadow, together) = (section.flag("shadow", false), section.flag("together", false));
    let rests =
        section.has("rest_after_part_days").then(|| section.integer("rest_after_part_days", 1..=60)).flatten();
    let rests = rests.and_then(|days| u16::try_from(days).ok()).unwrap_or(0);
    let on_reopen = match section.text_at("on_reopen") {
        None | Some(("go_on", _)) => OnReopen::GoOn,
        Some(("stop", _)) => OnReopen::Stop,
        Some((other, span)) => {
            references.push(Reference { file: file.to_owned(), span, target: Target::Scenario(other.to_owned()) });
            OnReopen::Follow(other.into())
        }
    };
    let created_before = section.optional("created_before", Date::parse);
    if section.has("created_before") && created_before.is_none() {
        return None; // Told already; it is no second scenario of all requests.
    }
    let entry = step_condition(section);
    let steps = section.each("step", |step| {
        let own = step_condition(step);
        let for_team = step.has("audience") && step.choice("audience", &[("customer", false), ("team", true)])?;
        let (template, span) = match for_team {
            true => {
                let foreign = ["template", "channels", "approval"].into_iter().find(|key| step.has(key));
                if let Some(key) = foreign {
                    let help = "rules on reminder.escalated say what is done".to_owned();
                    step.refuse(key, step.span(), "a step for the team writes to nobody", Some(help));
                }
                ("", step.span())
            }
            false => step.text_at("template").filter(|(name, _)| !name.is_empty()).or_else(|| {
                step.refuse("template", step.span(), "a step needs a template", None);
                None
            })?,
        };
        let mut channels = Vec::new();
        for (text, at) in step.texts("channels") {
            match channel(text) {
                Ok(channel) => channels.push(channel),
                Err(why) => step.refuse("channels", at, why, None),
            }
        }
        let offset = match step.has("offset") {
            true => step.optional("offset", Offset::parse),
            false => {
                let days = step.integer("offset_days", -365..=3_650).and_then(|days| i32::try_from(days).ok());
                Some(Offset::Days(days.unwrap_or(0)))
            }
        };
        let anchor = step.choice("anchor", &Anchor::ALL.map(|anchor| (anchor.name(), anchor)))?;
        let of_all = together && !matches!(anchor, Anchor::Created | Anchor::Issued);
        for channel in &channels {
            let target = match of_all {
                true => Target::TemplateOfAll(template.to_owned(), *channel),
                false => Target::Template(template.to_owned(), *channel, vec![EventType::ReminderSent]),
            };
            references.push(Reference { file: file.to_owned(), span: span.clone(), target });
        }
        let first = Step {
            name: step.required("name")?.into(),
            anchor,
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
        .map(|scenario| {
            let scenario =
                scenario.tried_out(shadow).once_for_all(together).resting_after_part(rests).reopening(on_reopen);
            (scenario, created_before, section.span())
        })
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
        // What counts from the step before it is as far from that each time.
        let further = match first.anchor {
            Anchor::Previous => Some(every),
            _ => first.offset.further(every, time),
        };
        match further {
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

#[cfg(test)]
mod tests {
    use super::super::reader::File;
    use super::*;
    use crate::diagnostics::Findings;

    fn scenario(step: &str) -> (Vec<Scenario>, Findings) {
        let text = format!(
            "[[scenario]]\nname = \"s\"\n[[scenario.step]]\nname = \"late\"\nanchor = \"due\"\n{step}\nchannels = [\"email\"]\ntemplate = \"t\"\n"
        );
        let (read, findings) = File::read("scenarios.toml", &text, |root| {
            let mut references = Vec::new();
            Some(root.each("scenario", |section| read_scenario(section, "scenarios.toml", &mut references)))
        });
        (read.unwrap_or_default().into_iter().map(|(scenario, ..)| scenario).collect(), findings)
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
