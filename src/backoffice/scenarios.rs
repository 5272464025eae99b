//! Reminder scenarios as they are in use: each on a line of days, and its steps in words.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::delivery::Channel;
use quittance_actors::payment_request::{Anchor, Offset, Scenario, Step};
use quittance_actors::policies::Policies;
use quittance_actors::rules::Condition;
use quittance_actors::values::Date;
use serde_json::{Value as Json, json};

use super::{SharedPages, enter, words};
use crate::api::{Problem, Shared};

/// How wide a step stands on the line, in the units of the picture.
const SLOT: usize = 176;
/// Characters of a line on a card.
const CARD_CHARACTERS: usize = 24;

fn number(far: i32) -> String {
    if far < 0 { format!("−{}", far.unsigned_abs()) } else { format!("+{far}") }
}

/// A place on the line of days: `D−3`.
fn place(step: &Step) -> String {
    let from = match step.anchor {
        Anchor::Created => "In",
        Anchor::Issued => "Issue",
        Anchor::Due => "D",
        Anchor::Previous => "Then",
        Anchor::Chosen => "Start",
        Anchor::LinkExpiry => "Link",
    };
    match step.offset {
        Offset::Hours(far) => format!("{from} {}h", number(far)),
        Offset::Days(0) => from.to_owned(),
        Offset::Days(far) => format!("{from}{}", number(far)),
        Offset::BusinessDays(far) => format!("{from} {} bd", number(far)),
        Offset::Months(far) => format!("{from} {} m", number(far)),
    }
}

/// When a step is due, in words.
fn when(step: &Step) -> String {
    let (far, unit) = match step.offset {
        Offset::Hours(far) => (far, "hour"),
        Offset::Days(far) => (far, "day"),
        Offset::BusinessDays(far) => (far, "business day"),
        Offset::Months(far) => (far, "month"),
    };
    let anchor = match step.anchor {
        Anchor::Created => "the request came in",
        Anchor::Issued => "the date of issue",
        Anchor::Due => "the deadline",
        Anchor::Previous => "the step before",
        Anchor::Chosen => "the scenario was chosen",
        Anchor::LinkExpiry => "the payment page closes",
    };
    let many = if far.unsigned_abs() == 1 { "" } else { "s" };
    let place = match far {
        0 if matches!(step.anchor, Anchor::Created | Anchor::Chosen) => "on the day on which".to_owned(),
        0 => "on".to_owned(),
        ..0 => format!("{} {unit}{many} before", far.unsigned_abs()),
        _ => format!("{far} {unit}{many} after"),
    };
    let (hour, minute) = step.at;
    let at = if matches!(
        (step.anchor, step.offset),
        (Anchor::Created | Anchor::Previous | Anchor::Chosen, Offset::Hours(_))
    ) {
        String::new()
    } else {
        format!(", {hour:02}:{minute:02}")
    };
    format!("{place} {anchor}{at}")
}

fn channel(channel: Channel) -> &'static str {
    if channel == Channel::Sms { "SMS" } else { "e-mail" }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= CARD_CHARACTERS {
        return text.to_owned();
    }
    text.chars().take(CARD_CHARACTERS - 1).chain(['…']).collect()
}

/// A mark on the line: a step, or the deadline between steps.
fn marks(scenario: &Scenario) -> Vec<Json> {
    let is_after_deadline = |step: &Step| {
        let (Offset::Hours(far) | Offset::Days(far) | Offset::BusinessDays(far) | Offset::Months(far)) = step.offset;
        step.anchor == Anchor::Due && far >= 0
    };
    let deadline = scenario.steps().iter().position(is_after_deadline).unwrap_or(scenario.steps().len());
    let mut marks = Vec::new();
    for (at, step) in scenario.steps().iter().enumerate() {
        let x = (at + usize::from(at >= deadline)) * SLOT + SLOT / 2;
        let preferred = step.channels.first().copied().map_or("the team", channel);
        let others = step.channels.len().saturating_sub(1);
        let ways =
            if others == 0 { preferred.to_owned() } else { format!("{preferred}, else {}", channel_after(step)) };
        let note = match (step.approval, &step.when) {
            (true, _) => "a person approves it",
            (false, Condition::Always(true)) => "",
            (false, _) => "on a condition",
        };
        marks.push(json!({
            "x": x, "left": x - 78, "text": x - 66, "name": cut(&step.name), "ways": cut(&ways), "note": note,
            "place": place(step), "tone": if step.approval { "warn" } else { "plain" },
        }));
    }
    let x = deadline * SLOT + SLOT / 2;
    marks.push(json!({ "x": x, "deadline": true }));
    marks
}

fn channel_after(step: &Step) -> &'static str {
    step.channels.get(1).copied().map(channel).unwrap_or_default()
}

fn shown(scenario: &Scenario) -> Json {
    let steps: Vec<Json> = scenario
        .steps()
        .iter()
        .map(|step| {
            let ways: Vec<&str> = match step.is_for_team() {
                true => vec!["the team"],
                false => step.channels.iter().copied().map(channel).collect(),
            };
            let preferred = step.channels.first().map(|channel| channel.name()).unwrap_or_default();
            let template = words::encoded(&step.template);
            json!({
                "name": step.name, "when": when(step), "ways": ways.join(", else "), "template": step.template,
                "preview": (!step.is_for_team()).then(|| format!("/bo/templates?name={template}&channel={preferred}")),
                "only": (step.when != Condition::Always(true)).then(|| step.when.to_string()),
                "approval": step.approval,
            })
        })
        .collect();
    let width = (scenario.steps().len() + 1) * SLOT;
    let label: Vec<String> = scenario.steps().iter().map(|step| format!("{}: {}", step.name, when(step))).collect();
    json!({
        "name": scenario.name(), "steps": steps, "marks": marks(scenario), "width": width, "end": width - 20,
        "label": label.join("; "), "late_hours": scenario.late_within_ms / 3_600_000, "shadow": scenario.shadow,
    })
}

/// When people may be written to, and how often.
fn contact(policies: &Policies) -> String {
    let contact = &policies.contact;
    let mut said = vec![policies.zone.name().to_owned()];
    if let Some(((from_hour, from_minute), (to_hour, to_minute))) = contact.hours {
        said.push(format!("{from_hour:02}:{from_minute:02}–{to_hour:02}:{to_minute:02}"));
    }
    if contact.business_days {
        said.push("business days".to_owned());
    }
    said.extend(contact.per_day.map(|most| format!("at most {most} a day")));
    said.extend(contact.per_week.map(|most| format!("{most} a week")));
    said.extend(contact.gap_hours.map(|hours| format!("{hours} hours between two")));
    said.join(" · ")
}

pub(super) async fn page(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let query = web::Query::<BTreeMap<String, String>>::from_query(request.query_string());
    let query = query.map(web::Query::into_inner).unwrap_or_default();
    let policies = app.service.router.ports().tenants.policies(&frame.tenant);
    let missing = || Problem::not_found("the merchant is not configured any more");
    let policies = policies.ok_or_else(missing)?;
    let named = query.get("name").and_then(|name| policies.scenarios.get(name.as_str()));
    let before = query.get("before").and_then(|day| Date::parse(day).ok());
    let earlier = named.zip(before).and_then(|(now, before)| now.earlier().iter().find(|(day, _)| *day == before));
    let open = earlier.map(|(_, earlier)| earlier).or(named).or_else(|| policies.scenarios.values().next());
    let forms = policies.scenarios.values().flat_map(|now| {
        let earlier = now.earlier().iter().map(|(day, earlier)| (Some(*day), earlier));
        std::iter::once((None, now)).chain(earlier)
    });
    let filters: Vec<Json> = forms
        .map(|(before, form)| {
            let name = form.name();
            let current = open.is_some_and(|open| std::ptr::eq(open, form));
            let href = format!("/bo/scenarios?name={}", words::encoded(name));
            match before {
                None => json!({ "href": href, "label": name, "current": current }),
                Some(day) => json!({
                    "href": format!("{href}&before={day}"), "current": current,
                    "label": format!("{name}, of requests before {}", words::day(day)),
                }),
            }
        })
        .collect();
    let own = json!({ "filters": filters, "open": open.map(shown), "contact": contact(&policies) });
    pages.page("scenarios", &frame.data(&app, "Scenarios", "/bo/scenarios", own))
}
