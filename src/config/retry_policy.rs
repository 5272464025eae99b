//! `[[retry_policy]]` of collections.toml: how often, when and by whom a failed collection is tried again.

use std::ops::{Range, RangeInclusive};

use quittance_actors::collection::{ByReason, OnExhausted, ReasonClass, RetryPolicy, Roll, Schedule};
use smol_str::SmolStr;

use super::automation::{Reference, Target};
use super::reader::Section;
use super::scenario::local_time;

/// What a policy may do when the last attempt has failed.
const ENDS: [&str; 5] = ["alert", "suspend", "review", "scenario", "write_off"];
const ROLLS: [(&str, Roll); 3] =
    [("following", Roll::Following), ("modified_following", Roll::ModifiedFollowing), ("preceding", Roll::Preceding)];

pub(super) fn read(section: &Section<'_, '_>, file: &str, references: &mut Vec<Reference>) -> Option<RetryPolicy> {
    let name = section.required("name")?;
    let Some(schedule) = schedule(section)? else {
        let why = "a policy has one of gaps_days, spread_over_days and days_of_month";
        section.refuse("gaps_days", section.span(), why, None);
        return None;
    };
    let mut refer = |span: Range<usize>, target| references.push(Reference { file: file.to_owned(), span, target });
    let on_exhausted = on_exhausted(section, &mut refer)?;
    let mut connector = |key| {
        let (name, span): (&str, Range<usize>) = section.text_at(key)?;
        refer(span, Target::Connector(name.to_owned()));
        Some(SmolStr::from(name))
    };
    let (card_connector, debit_connector) = (connector("card"), connector("direct_debit"));
    let roll = if section.has("roll") { section.choice("roll", &ROLLS)? } else { Roll::Following };
    let policy = RetryPolicy {
        name: name.into(),
        retries: small(section, "new_attempts", 0..=100).unwrap_or(3),
        schedule,
        by_reason: section.each("by_reason", by_reason),
        at: section.optional("at", local_time).unwrap_or((6, 0)),
        roll,
        lead_days: small(section, "lead_business_days", 1..=10).unwrap_or(2),
        presumed_after_days: small(section, "presumed_paid_after_business_days", 1..=10).unwrap_or(2),
        wait_days: small(section, "wait_days", 1..=365).unwrap_or(30),
        on_exhausted,
        card_connector,
        debit_connector,
    };
    policy.checked().inspect_err(|error| section.refuse("name", section.span(), error, None)).ok()
}

fn small(section: &Section<'_, '_>, key: &'static str, range: RangeInclusive<i64>) -> Option<u16> {
    section.has(key).then(|| section.integer(key, range)).flatten().and_then(|value| u16::try_from(value).ok())
}

fn numbers(section: &Section<'_, '_>, key: &'static str, range: RangeInclusive<i64>) -> Vec<i16> {
    let mut numbers = Vec::new();
    for (number, span) in section.integers(key) {
        match i16::try_from(number) {
            Ok(fits) if range.contains(&number) => numbers.push(fits),
            _ => {
                let why = format!("{number} is not a number from {} to {}", range.start(), range.end());
                section.refuse(key, span, why, None);
            }
        }
    }
    numbers
}

/// The schedule of a section, or that it has none; nothing when it has several.
fn schedule(section: &Section<'_, '_>) -> Option<Option<Schedule>> {
    let gaps = numbers(section, "gaps_days", 1..=90);
    let gaps: Vec<u16> = gaps.into_iter().filter_map(|days| u16::try_from(days).ok()).collect();
    let days = numbers(section, "days_of_month", 1..=31);
    let days: Vec<i8> = days.into_iter().filter_map(|day| i8::try_from(day).ok()).collect();
    let window = small(section, "spread_over_days", 1..=365);
    match (gaps.is_empty(), days.is_empty(), window) {
        (false, true, None) if section.flag("paydays", false) => Some(Some(Schedule::Paydays(gaps))),
        _ if section.flag("paydays", false) => {
            let why = "paydays are learned: until some are known, gaps_days counts";
            section.refuse("paydays", section.span(), why, None);
            None
        }
        (false, true, None) => Some(Some(Schedule::Gaps(gaps))),
        (true, false, None) => Some(Some(Schedule::DaysOfMonth(days))),
        (true, true, Some(window)) => Some(Some(Schedule::Even(window))),
        (true, true, None) => Some(None),
        _ => {
            let why = "one of gaps_days, spread_over_days and days_of_month says when";
            section.refuse("gaps_days", section.span(), why, None);
            None
        }
    }
}

/// `[[retry_policy.by_reason]]`.
fn by_reason(section: &Section<'_, '_>) -> Option<ByReason> {
    let codes =
        section.texts("codes").into_iter().map(|(code, _)| SmolStr::from(code.to_ascii_uppercase())).collect();
    let words = ReasonClass::ALL.map(|class| (class.name(), class));
    let mut classes = Vec::new();
    for (word, span) in section.texts("classes") {
        match words.iter().find(|(known, _)| *known == word) {
            Some((_, class)) => classes.push(*class),
            None => {
                let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                section.refuse("classes", span, format!("\"{word}\" is none of {}", known.join(", ")), None);
            }
        }
    }
    let treat_as = if section.has("treat_as") { Some(section.choice("treat_as", &words)?) } else { None };
    let rule = ByReason {
        codes,
        classes,
        treat_as,
        retries: small(section, "new_attempts", 0..=100),
        schedule: schedule(section)?,
        wait_days: small(section, "wait_days", 1..=365),
    };
    section.close();
    Some(rule)
}

/// `on_exhausted`: one word or several.
fn on_exhausted(section: &Section<'_, '_>, refer: &mut impl FnMut(Range<usize>, Target)) -> Option<OnExhausted> {
    let words = section.word_or_words("on_exhausted");
    let mut ends = OnExhausted::default();
    let scenario = section.text_at("scenario");
    let most = section.has("write_off_minor_max").then(|| section.integer("write_off_minor_max", 1..=100_000));
    for (word, span) in words {
        match word {
            "alert" => {}
            "suspend" => ends.suspends = true,
            "review" => ends.asks = true,
            "scenario" => match &scenario {
                Some((name, span)) => {
                    refer(span.clone(), Target::Scenario((*name).to_owned()));
                    ends.scenario = Some((*name).into());
                }
                None => section.refuse("on_exhausted", span, "`scenario` names the reminders that follow", None),
            },
            "write_off" => match most {
                Some(most) => ends.gives_up_minor_max = most,
                None => {
                    let why = "`write_off_minor_max` says up to how much, in cents";
                    section.refuse("on_exhausted", span, why, None);
                }
            },
            _ => section.refuse("on_exhausted", span, format!("\"{word}\" is none of {}", ENDS.join(", ")), None),
        }
    }
    if ends.suspends && ends.asks {
        let why = "recurring payments are suspended at once or after a review, not both";
        section.refuse("on_exhausted", section.span(), why, None);
    }
    if scenario.is_some() && ends.scenario.is_none() || most.is_some() && ends.gives_up_minor_max.is_none() {
        let why = "`scenario` and `write_off_minor_max` count only beside the words \"scenario\" and \"write_off\"";
        section.refuse("on_exhausted", section.span(), why, None);
    }
    Some(ends)
}
