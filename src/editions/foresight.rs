//! What a draft would have done with the events of the last days, and which reminders it would move.

use std::collections::BTreeMap;
use std::path::Path;

use quittance_actors::collection::{Method, RetryPolicy};
use quittance_actors::payment_request::{Stage, Status};
use quittance_actors::policies::Policies;
use quittance_actors::ports::PortError;
use quittance_actors::rules::Rule;
use quittance_actors::values::{EntityId, TenantId, Timestamp, Zone};
use serde::Serialize;

use super::changes::{Change, How, changes};
use crate::export::Period;
use crate::in_use::OfTenant;
use crate::simulate::policy;
use crate::simulate::rule::{Asked, simulate};
use crate::store::{List, Store};

/// Requests looked at side by side.
const PAGE: usize = 500;
/// Within so many milliseconds a message is said to leave soon.
const SOON_MS: i64 = 24 * 3_600_000;

/// What a draft comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Foreseen {
    /// What it changes.
    pub changes: Vec<Change>,
    /// Rules that change, tried on what happened.
    pub rules: Vec<Replayed>,
    /// Scenarios that change, and the open requests they move.
    pub scenarios: Vec<Moved>,
    /// Retry policies that change, and what they do otherwise.
    pub policies: Vec<Recollected>,
}

/// A retry policy as it is and as it would be: what is collected by it, and the reasons after which something else follows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Recollected {
    /// The policy.
    pub policy: String,
    /// Open requests that are collected by it.
    pub collections: u64,
    /// Those of which an attempt is planned: it stays as it is, and what follows it would be otherwise.
    pub planned: u64,
    /// Those of which an attempt is under way.
    pub in_flight: u64,
    /// What of it is otherwise whatever the reason is, in words.
    pub otherwise: Vec<String>,
    /// After which reasons something else follows; of a policy that is new or goes, none is named.
    pub reasons: Vec<AfterReason>,
}

/// What follows when every attempt fails for a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AfterReason {
    /// `card` or `direct_debit`.
    pub method: &'static str,
    /// The code.
    pub code: String,
    /// New attempts as it is; none when the policy is not there.
    pub retries_now: Option<u16>,
    /// And as it would be.
    pub would_retry: Option<u16>,
    /// Days from the deadline to the last attempt, as it is.
    pub days_now: Option<i32>,
    /// And as it would be.
    pub would_take: Option<i32>,
    /// What follows, in words, as it is.
    pub now: String,
    /// And as it would be.
    pub then: String,
}

/// A rule on the events of a period, as it is and as it would be; zero where it is not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// The rule.
    pub rule: String,
    /// How often it fires, as it is.
    pub fires_now: u64,
    /// And as it would be.
    pub would_fire: u64,
    /// Messages, and events handed to systems, as it is.
    pub messages_now: u64,
    /// And as it would be.
    pub would_send: u64,
    /// Customers who would be written to.
    pub customers: u64,
}

/// Open requests of a scenario, by where their next step is and where it would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// The scenario.
    pub scenario: String,
    /// Requests of it that are open and have a step to come.
    pub requests: u64,
    /// Those whose next step stays as it is.
    pub stay: u64,
    /// Those whose next message would leave within a day, and would not now.
    pub soon: u64,
    /// Those that move: from a step, to a step or to none, and how many.
    pub moves: Vec<Move>,
}

/// A step that requests move from and to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    /// The step that is next now.
    pub from: String,
    /// The step that would be next; `None` when the scenario would end.
    pub to: Option<String>,
    /// How many requests.
    pub requests: u64,
}

/// Whose draft, and on which days it is tried.
pub struct OfWhom<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// Its zone.
    pub zone: &'a Zone,
    /// Its clock.
    pub now: Timestamp,
    /// The days of events that rules are tried on.
    pub period: Period,
}

/// Compares what is in use with what would be. Nothing leaves, nothing is recorded.
pub fn foresee(
    data: &Path, store: &Store, before: &OfTenant, after: &OfTenant, of: &OfWhom<'_>,
) -> Result<Foreseen, String> {
    let changes = changes(before, after);
    let named = |what: &str| -> Vec<&Change> { changes.iter().filter(|change| change.what == what).collect() };
    let rules = replayed(data, before, after, &named("rule"), of)?;
    let scenarios = moved(store, before, after, &named("scenario"), of).map_err(|error| error.to_string())?;
    let policies =
        recollected(store, before, after, &named("retry policy"), of).map_err(|error| error.to_string())?;
    Ok(Foreseen { rules, scenarios, policies, changes })
}

fn replayed(
    data: &Path, before: &OfTenant, after: &OfTenant, changed: &[&Change], of: &OfWhom<'_>,
) -> Result<Vec<Replayed>, String> {
    if changed.is_empty() {
        return Ok(Vec::new());
    }
    let rule_of =
        |of: &OfTenant, name: &str| of.policies.rules.all().iter().find(|rule| *rule.name == *name).cloned();
    let mut tried: Vec<Rule> = Vec::new();
    let mut places = Vec::new();
    for change in changed {
        let mut add = |rule: Option<Rule>| {
            rule.filter(|rule| !rule.paused).map(|rule| {
                tried.push(rule);
                tried.len() - 1
            })
        };
        // What is tried out sends nothing.
        let in_use = |of| rule_of(of, &change.name).filter(|rule| !rule.shadow);
        places.push((add(in_use(before)), add(in_use(after))));
    }
    let asked = Asked { tenant: of.tenant, policies: &after.policies, period: of.period, examples: 0 };
    let found = simulate(data, &tried, &asked)?;
    let figures = |place: Option<usize>| place.and_then(|place| found.get(place));
    let replayed = changed.iter().zip(places).map(|(change, (before, after))| {
        let (now, then) = (figures(before), figures(after));
        Replayed {
            rule: change.name.clone(),
            fires_now: now.map_or(0, |now| now.fires),
            would_fire: then.map_or(0, |then| then.fires),
            messages_now: now.map_or(0, |now| now.messages),
            would_send: then.map_or(0, |then| then.messages),
            customers: then.map_or(0, |then| {
                u64::try_from(then.customers.values().filter(|count| **count > 0).count()).unwrap_or(0)
            }),
        }
    });
    Ok(replayed.collect())
}

/// How many requests move from a step to another, or to none.
type Moves = BTreeMap<(String, Option<String>), u64>;

fn moved(
    store: &Store, before: &OfTenant, after: &OfTenant, changed: &[&Change], of: &OfWhom<'_>,
) -> Result<Vec<Moved>, PortError> {
    let names: Vec<&str> =
        changed.iter().filter(|change| change.how != How::Added).map(|change| change.name.as_str()).collect();
    let mut found: BTreeMap<&str, (Moved, Moves)> = names
        .iter()
        .map(|name| (*name, (Moved { scenario: (*name).to_owned(), ..Moved::default() }, Moves::new())))
        .collect();
    let mut last: Option<EntityId> = None;
    while !found.is_empty() {
        let page = store.page(of.tenant, List::PaymentRequests, last, PAGE)?;
        for (_, entity) in &page.entities {
            let Some(state) = entity.as_payment_request().filter(|state| state.status == Status::Open) else {
                continue;
            };
            let Some(terms) = &state.terms else { continue };
            let named = terms.scenario.as_deref().and_then(|name| found.get_mut(name));
            let Some((moved, moves)) = named else { continue };
            let next = |policies| state.next_step(of.tenant, policies, of.now);
            let Some((from, due)) = next(&before.policies) else { continue };
            moved.requests += 1;
            // What is tried out sends nothing.
            let is_live = |of: &OfTenant| of.policies.scenario_of(terms).is_some_and(|known| !known.shadow);
            let (was_live, is_live) = (is_live(before), is_live(after));
            match next(&after.policies) {
                Some((to, at)) => {
                    let soon = |at: Timestamp| at.unix_millis() - of.now.unix_millis() <= SOON_MS;
                    moved.soon += u64::from(is_live && soon(at) && !(was_live && soon(due)));
                    if (&to, at, is_live) == (&from, due, was_live) {
                        moved.stay += 1;
                    } else {
                        *moves.entry((from.to_string(), Some(to.to_string()))).or_default() += 1;
                    }
                }
                None => *moves.entry((from.to_string(), None)).or_default() += 1,
            }
        }
        last = page.entities.last().map(|(id, _)| *id);
        if !page.has_more {
            break;
        }
    }
    let whole = found.into_values().map(|(mut moved, moves)| {
        moved.moves = moves.into_iter().map(|((from, to), requests)| Move { from, to, requests }).collect();
        moved
    });
    Ok(whole.collect())
}

fn recollected(
    store: &Store, before: &OfTenant, after: &OfTenant, changed: &[&Change], of: &OfWhom<'_>,
) -> Result<Vec<Recollected>, PortError> {
    let mut found: Vec<Recollected> = changed
        .iter()
        .map(|change| {
            let reasons = after_reasons(&before.policies, &after.policies, &change.name, of);
            let otherwise = otherwise(&before.policies, &after.policies, change, reasons.is_empty());
            Recollected { policy: change.name.clone(), reasons, otherwise, ..Recollected::default() }
        })
        .collect();
    let mut last: Option<EntityId> = None;
    while !found.is_empty() {
        let page = store.page(of.tenant, List::Collections, last, PAGE)?;
        for (_, entity) in &page.entities {
            let state = entity.as_payment_request().filter(|state| state.status == Status::Open);
            let Some((state, collection)) = state.and_then(|state| Some((state, state.collection.as_ref()?))) else {
                continue;
            };
            if let Some(of) = found.iter_mut().find(|of| *of.policy == *collection.policy) {
                of.collections += 1;
                of.planned += u64::from(matches!(collection.stage, Stage::Planned { .. }));
                of.in_flight += u64::from(state.in_flight().is_some());
            }
        }
        last = page.entities.last().map(|(id, _)| *id);
        if !page.has_more {
            break;
        }
    }
    Ok(found)
}

/// The reasons after which a policy does something else than before.
fn after_reasons(before: &Policies, after: &Policies, name: &str, of: &OfWhom<'_>) -> Vec<AfterReason> {
    let due_on = of.now.date_in(of.zone);
    let methods = [(Method::Card, "card"), (Method::DirectDebit, "direct_debit")];
    let mut codes: Vec<(Method, &str)> =
        after.collections.reasons.codes().map(|(method, code, _)| (method, code)).collect();
    codes.sort_unstable_by_key(|(method, code)| (*method == Method::DirectDebit, *code));
    let foreseen = |policies: &Policies, method: Method, code: &str| {
        let policy: &RetryPolicy = policies.collections.policies.get(name)?;
        policy.connector(method)?;
        let asked = policy::Asked::new(policy, policies, Some(method), (Some(code), None), due_on);
        let found = asked.foresee(policy, policies);
        let days = found.attempts.last().map(|attempt| attempt.collects_on.days_since(due_on));
        let retries = u16::try_from(found.attempts.len().saturating_sub(1)).unwrap_or(u16::MAX);
        let words = policy::outcome(&found, policy);
        Some((retries, days, words, found.attempts))
    };
    // All of it is new, or goes.
    if [before, after].iter().any(|policies| !policies.collections.policies.contains_key(name)) {
        return Vec::new();
    }
    let compared = codes.into_iter().filter_map(|(method, code)| {
        let (now, then) = (foreseen(before, method, code), foreseen(after, method, code));
        let says = |of: Option<&String>| of.cloned().unwrap_or_else(|| "nothing is collected".to_owned());
        (now != then).then(|| AfterReason {
            method: methods.iter().find(|(of, _)| *of == method).map_or("", |(_, name)| *name),
            code: code.to_owned(),
            retries_now: now.as_ref().map(|(retries, ..)| *retries),
            would_retry: then.as_ref().map(|(retries, ..)| *retries),
            days_now: now.as_ref().and_then(|(_, days, ..)| *days),
            would_take: then.as_ref().and_then(|(_, days, ..)| *days),
            now: says(now.as_ref().map(|(_, _, words, _)| words)),
            then: says(then.as_ref().map(|(_, _, words, _)| words)),
        })
    });
    compared.collect()
}

/// What of a policy is otherwise whatever the reason of a failure is.
fn otherwise(before: &Policies, after: &Policies, change: &Change, same_reasons: bool) -> Vec<String> {
    let of = |policies: &Policies| policies.collections.policies.get(&change.name).cloned();
    let (Some(now), Some(then)) = (of(before), of(after)) else {
        return vec![if change.how == How::Added { "it is new" } else { "it goes" }.to_owned()];
    };
    let mut said = Vec::new();
    for (method, words) in [(Method::Card, "cards are"), (Method::DirectDebit, "direct debits are")] {
        let by = |policy: &RetryPolicy| policy.connector(method).map_or("nobody", |name| name).to_owned();
        if by(&now) != by(&then) {
            said.push(format!("{words} collected by {} instead of {}", by(&then), by(&now)));
        }
    }
    if said.is_empty() && same_reasons {
        said.push("new attempts stay as they are, and something else of it changes".to_owned());
    }
    said
}
