//! `acceptance.toml`: which transfers are kept for a person whatever they pay, and when one is placed without a person.

use std::path::Path;

use quittance_actors::policies::{Acceptances, Excess, Matching, WriteOff};
use quittance_actors::rules::{Condition, Field, Value};
use quittance_actors::transfer::{Acceptance, AcceptanceRule, NeverAuto, Rung};
use quittance_actors::values::Iban;

use super::reader::Section;
use super::sources::Sources;
use crate::diagnostics::{Findings, nearest};

/// The most that is sent back by itself of what is paid above, in minor units.
const REFUND_MINOR_MAX: i64 = 50_000;

/// What becomes of money that comes in.
#[derive(Debug, Clone, Default)]
pub struct Receipts {
    /// Which transfers are kept for a person whatever they pay. The first rule that fits counts.
    pub acceptances: Acceptances,
    /// When one is placed without a person; whose accounts it may be on is the tenant's.
    pub matching: Matching,
}

/// Reads the file, if it is there. What it says nothing of, how transfers are placed and what a person decides, stays as `shared`
/// has it.
pub(super) fn load(sources: &Sources, folder: &Path, shared: &Receipts, findings: &mut Findings) -> Option<Receipts> {
    let path = folder.join("acceptance.toml");
    if !sources.exists(&path) {
        return Some(shared.clone());
    }
    sources.toml(&path, findings, |root| {
        let rules = root.each("acceptance", |section| {
            let name = section.required("name")?.into();
            let when = condition(section, ("a rule of acceptance", &AcceptanceRule::FIELDS))?;
            let words = [("accept", Acceptance::Accept), ("hold", Acceptance::Hold), ("return", Acceptance::Return)];
            Some(AcceptanceRule { name, when, then: section.choice("then", &words)? })
        });
        let (mut blocked, mut place) = (Vec::new(), 0..0);
        for (text, span) in root.texts("blocked_ibans") {
            place = span.clone();
            match Iban::parse(text) {
                Ok(iban) => blocked.push(iban),
                Err(error) => root.refuse("blocked_ibans", span, error, None),
            }
        }
        let asked = |rule: &AcceptanceRule| rule.when.fields().contains(&Field::TransferPayerBlocked);
        if !blocked.is_empty() && !rules.iter().any(asked) {
            let help = "add a rule with when = 'transfer.payer_blocked'".to_owned();
            root.refuse("blocked_ibans", place, "no rule says what is done with these payers", Some(help));
        }
        let matching = root.section("matching").map(|section| read_matching(&section));
        let never_auto = root.has("never_auto").then(|| {
            root.each("never_auto", |section| {
                let name = section.required("name")?.into();
                let when = condition(section, ("a rule of matching", &NeverAuto::FIELDS))?;
                known_steps(section, &when);
                Some(NeverAuto { name, when })
            })
        });
        let never_auto = never_auto.unwrap_or_else(|| shared.matching.never_auto.clone());
        let matching = Matching { never_auto, ..matching.unwrap_or_else(|| shared.matching.clone()) };
        Some(Receipts { acceptances: Acceptances { rules, blocked }, matching })
    })
}

/// Refuses a step of the ladder that there is not: a rule that asks for it would leave nothing to a person.
fn known_steps(section: &Section<'_, '_>, when: &Condition) {
    for literal in when.literals(Field::MatchStep) {
        let Value::Text(word) = literal else { continue };
        if Rung::ALL.iter().all(|rung| rung.name() != word.as_str())
            && let Some((_, span)) = section.text_at("when")
        {
            let near = nearest(word, Rung::ALL.iter().map(|rung| rung.name()));
            let help = near.map(|near| format!("did you mean \"{near}\"?"));
            section.refuse("when", span, format!("there is no step \"{word}\""), help);
        }
    }
}

/// A condition over what is known of a transfer.
fn condition(section: &Section<'_, '_>, (who, known): (&str, &[Field])) -> Option<Condition> {
    let when = super::rule::condition(section)?;
    let foreign = when.fields().into_iter().find(|field| !known.contains(field));
    if let (Some(field), Some((_, span))) = (foreign, section.text_at("when")) {
        let known = known.iter().map(|field| field.path()).collect::<Vec<_>>().join(", ");
        let why = format!("{} is not known when a transfer comes in", field.path());
        section.refuse("when", span, why, Some(format!("{who} can ask about {known}")));
    }
    Some(when)
}

/// `[matching]`: when a transfer is placed without a person.
fn read_matching(section: &Section<'_, '_>) -> Matching {
    let default = Matching::default();
    // Below a bound it would be a guess, whatever a configuration says.
    let per_mille = |key: &'static str, default: u16, least: i64| {
        let value = section.has(key).then(|| section.integer(key, least..=1_000)).flatten();
        value.and_then(|value| u16::try_from(value).ok()).unwrap_or(default)
    };
    let words = [("task", false), ("oldest", true)];
    let oldest = section.has("equal_amounts").then(|| section.choice("equal_amounts", &words)).flatten();
    let limit = section.has("auto_minor_max").then(|| section.integer("auto_minor_max", 0..=i64::MAX)).flatten();
    let disposition = |key: &'static str, taken: &'static str| {
        section.has(key).then(|| section.choice(key, &[(taken, true), ("task", false)])).flatten().unwrap_or(true)
    };
    let minor_max = section.has("write_off_minor_max").then(|| section.integer("write_off_minor_max", 1..=10_000));
    let minor_max = minor_max.flatten();
    let words = [("keep", false), ("net", true)];
    let nets = section.has("credit").then(|| section.choice("credit", &words)).flatten();
    let matching = Matching {
        auto_at: per_mille("auto_at", default.auto_at, 850),
        min_margin: per_mille("min_margin", default.min_margin, 50),
        oldest_of_equal: oldest.unwrap_or(default.oldest_of_equal),
        auto_minor_max: limit,
        accepts_parts: disposition("parts", "accept"),
        excess: read_excess(section, nets.unwrap_or(false)),
        write_off: minor_max
            .map(|minor_max| WriteOff { minor_max, per_mille_max: per_mille("write_off_per_mille", 10, 0) }),
        nets_credit: nets.unwrap_or(false),
        propose_at: per_mille("propose_at", default.propose_at, 0),
        ..default
    };
    section.close();
    matching
}

/// `excess`, and the most that is refunded by itself.
fn read_excess(section: &Section<'_, '_>, nets: bool) -> Excess {
    let minor_max =
        section.has("refund_minor_max").then(|| section.integer("refund_minor_max", 1..=1_000_000)).flatten();
    let words = [
        ("credit", Excess::Credit),
        ("task", Excess::Task),
        ("oldest", Excess::Oldest),
        ("refund", Excess::Refund { minor_max: minor_max.unwrap_or(REFUND_MINOR_MAX) }),
    ];
    let excess = section.has("excess").then(|| section.choice("excess", &words)).flatten().unwrap_or_default();
    if matches!(excess, Excess::Refund { .. }) && nets {
        section.refuse("excess", section.span(), "credit = \"net\" uses it already: one of the two", None);
    }
    excess
}
