//! `[[retry_policy]]` of collections.toml: how often, when and by whom a failed collection is tried again.

use std::ops::{Range, RangeInclusive};

use quittance_actors::collection::{ByReason, OnExhausted, ReasonClass, ReasonTable, RetryPolicy, Roll, Schedule};
use smol_str::SmolStr;

use super::automation::{Reference, Target};
use super::reader::Section;
use super::scenario::local_time;
use crate::diagnostics::nearest;

/// What a policy may do when the last attempt has failed.
const ENDS: [&str; 5] = ["alert", "suspend", "review", "scenario", "write_off"];
const ROLLS: [(&str, Roll); 3] =
    [("following", Roll::Following), ("modified_following", Roll::ModifiedFollowing), ("preceding", Roll::Preceding)];

pub(super) fn read(
    section: &Section<'_, '_>, file: &str, reasons: &ReasonTable, references: &mut Vec<Reference>,
) -> Option<RetryPolicy> {
    let name = section.required("name");
    let when = schedule(section);
    if let Some(None) = when {
        let why = "a policy has one of gaps_days, spread_over_days and days_of_month";
        section.refuse("gaps_days", section.span(), why, None);
    }
    let mut refer = |span: Range<usize>, target| references.push(Reference { file: file.to_owned(), span, target });
    let on_exhausted = on_exhausted(section, &mut refer);
    let mut connector = |key| {
        let (name, span): (&str, Range<usize>) = section.text_at(key)?;
        refer(span, Target::Connector(name.to_owned()));
        Some(SmolStr::from(name))
    };
    let (card_connector, debit_connector) = (connector("card"), connector("direct_debit"));
    let roll = if section.has("roll") { section.choice("roll", &ROLLS) } else { Some(Roll::Following) };
    let retries = small(section, "new_attempts", 0..=100).unwrap_or(3);
    let known = Known { retries, reasons };
    let mut codes: Vec<SmolStr> = Vec::new();
    let by_reason = section.each("by_reason", |section| {
        let rule = by_reason(section, known)?;
        if let Some(twice) = rule.codes.iter().find(|code| codes.contains(*code)) {
            section.refuse(
                "codes",
                section.span(),
                format!("{twice} stands above already: the first one counts"),
                None,
            );
        }
        codes.extend(rule.codes.iter().cloned());
        Some(rule)
    });
    let shadow_of = section.text_at("shadow_of").map(|(name, span)| {
        refer(span, Target::Policy(name.to_owned()));
        SmolStr::from(name)
    });
    let (at, lead) = (section.optional("at", local_time), small(section, "lead_business_days", 1..=10));
    let presumed = small(section, "presumed_paid_after_business_days", 1..=10);
    let wait_days = small(section, "wait_days", 1..=365);
    let policy = RetryPolicy {
        name: name?.into(),
        retries,
        schedule: when??,
        by_reason,
        at: at.unwrap_or((6, 0)),
        roll: roll?,
        lead_days: lead.unwrap_or(2),
        presumed_after_days: presumed.unwrap_or(2),
        wait_days: wait_days.unwrap_or(30),
        on_exhausted: on_exhausted?,
        card_connector,
        debit_connector,
        shadow_of,
    };
    policy.checked().inspect_err(|error| section.refuse("name", section.span(), error, None)).ok()
}

/// What what is different by reason is checked against.
#[derive(Clone, Copy)]
struct Known<'a> {
    retries: u16,
    reasons: &'a ReasonTable,
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
fn by_reason(section: &Section<'_, '_>, known: Known<'_>) -> Option<ByReason> {
    let treat_as = if section.has("treat_as") { section.choice("treat_as", &may_be()).map(Some) } else { Some(None) };
    let codes = codes(section, known.reasons, treat_as != Some(None));
    let mut classes = Vec::new();
    for (word, span) in section.texts("classes") {
        match may_be().into_iter().find(|(known, _)| *known == word) {
            Some((_, class)) => classes.push(class),
            None => {
                let known: Vec<&str> = may_be().iter().map(|(word, _)| *word).collect();
                section.refuse("classes", span, format!("\"{word}\" is none of {}", known.join(", ")), None);
            }
        }
    }
    let retries = small(section, "new_attempts", 0..=100);
    let (when, wait_days) = (schedule(section), small(section, "wait_days", 1..=365));
    section.close();
    let refuse = |key, why: String| section.refuse(key, section.span(), why, None);
    if codes.is_empty() == classes.is_empty() {
        refuse("codes", "what is different by reason names codes or classes, one of the two".to_owned());
        return None;
    }
    if let Some(more) = retries.filter(|retries| *retries > known.retries) {
        refuse("new_attempts", format!("{more}, but its policy has {} for all reasons", known.retries));
        return None;
    }
    let (treat_as, schedule) = (treat_as?, when?);
    if treat_as.is_none() && retries.is_none() && schedule.is_none() && wait_days.is_none() {
        refuse("codes", "nothing is different: new_attempts, a schedule, wait_days or treat_as".to_owned());
        return None;
    }
    Some(ByReason { codes, classes, treat_as, retries, schedule, wait_days })
}

/// What a policy may treat a reason as: what a scheme forbids and who has died are not its to decide.
fn may_be() -> [(&'static str, ReasonClass); 6] {
    [
        ReasonClass::Retry,
        ReasonClass::Correct,
        ReasonClass::Renew,
        ReasonClass::Authenticate,
        ReasonClass::Stop,
        ReasonClass::Technical,
    ]
    .map(|class| (class.name(), class))
}

/// Codes that the table has, or that the policy says what to treat as.
fn codes(section: &Section<'_, '_>, reasons: &ReasonTable, treated: bool) -> Vec<SmolStr> {
    let mut codes = Vec::new();
    for (text, span) in section.texts("codes") {
        let code = text.to_ascii_uppercase();
        let of_table = reasons.codes().find(|(_, known, _)| *known == code).map(|(.., reason)| reason.class);
        match of_table {
            Some(class @ (ReasonClass::Never | ReasonClass::Deceased)) => {
                let why = format!("{code}: {}, whatever a policy says", class.text());
                section.refuse("codes", span, why, None);
            }
            None if !treated => {
                let near = nearest(&code, reasons.codes().map(|(_, code, _)| code));
                let help = near.map(|near| format!("did you mean \"{near}\"?"));
                section.refuse("codes", span, format!("{code} is in no table of codes, and stops"), help);
            }
            _ => codes.push(code.into()),
        }
    }
    codes
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
