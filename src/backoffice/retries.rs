//! Retry policies as they are in use: what each does about a collection that keeps failing, day by day.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use quittance_actors::collection::{Answer, Foresight, Method, RetryPolicy};
use quittance_actors::policies::Policies;
use quittance_actors::ports::Clock as _;
use quittance_actors::values::Date;
use serde_json::{Value as Json, json};

use super::{SharedPages, enter, words};
use crate::api::{Problem, Shared};
use crate::simulate::policy::{Asked, end, method_in_words, outcome, roll};

/// How wide a day stands on the strip, in the units of the picture.
const DAY: usize = 34;
/// Days of a strip at most: what comes later is only told.
const DAYS_MAX: usize = 120;
/// Reasons of which the table tells.
const REASONS_MAX: usize = 200;

/// What is failing, as the address asks.
fn asked(query: &BTreeMap<String, String>, policy: &RetryPolicy, policies: &Policies, today: Date) -> Asked {
    let said = |key: &str| query.get(key).map(String::as_str).filter(|text| !text.is_empty());
    let method = match said("method") {
        Some("direct_debit") => Some(Method::DirectDebit),
        Some("card") => Some(Method::Card),
        _ => None,
    };
    let due_on = said("due").and_then(|day| Date::parse(day).ok()).unwrap_or(today);
    Asked::new(policy, policies, method, (said("code"), said("advice")), due_on)
}

/// The days on a strip, with what is done on each.
fn strip(found: &Foresight, policies: &Policies) -> Json {
    let orders: Vec<Date> = found.attempts.iter().map(|attempt| attempt.due.date_in(&policies.zone)).collect();
    let collects: Vec<Date> = found.attempts.iter().map(|attempt| attempt.collects_on).collect();
    let Some(first) = orders.iter().chain(&collects).min().copied() else { return Json::Null };
    let last = orders.iter().chain(&collects).max().copied().unwrap_or(first);
    let from = first.plus_days(1 - i32::from(first.weekday()));
    let count = usize::try_from(last.days_since(from)).unwrap_or(0) / 7 * 7 + 7;
    let days: Vec<Json> = (0..count.min(DAYS_MAX))
        .map(|at| {
            let day = from.plus_days(i32::try_from(at).unwrap_or(0));
            let collected = collects.iter().position(|on| *on == day);
            let ordered = orders.iter().position(|on| *on == day).filter(|_| collected.is_none());
            let (.., of_month) = day.parts();
            let month = (at == 0 || of_month == 1).then(|| words::month(day));
            let x = at * DAY;
            json!({
                "x": x, "middle": x + DAY / 2, "day": of_month, "month": month,
                "closed": !policies.calendar.is_business_day(day),
                "number": collected.map(|at| at + 1), "first": collected == Some(0),
                "ordered": ordered.is_some(),
            })
        })
        .collect();
    let told: Vec<String> = found.attempts.iter().map(|attempt| words::day(attempt.collects_on)).collect();
    json!({ "width": days.len() * DAY, "days": days, "label": format!("Attempts on {}", told.join(", ")) })
}

/// What the policy answers to each code of a method.
fn reasons(asked: &Asked, policy: &RetryPolicy, policies: &Policies, href: impl Fn(&str) -> String) -> Vec<Json> {
    policies
        .collections
        .reasons
        .codes()
        .filter(|(method, ..)| *method == asked.method)
        .take(REASONS_MAX)
        .map(|(_, code, reason)| {
            let plain = Asked { advice: None, code: code.to_owned(), ..*asked };
            let found = plain.foresee(policy, policies);
            let answer = policy.answer(code, reason.class);
            let own = answer != Answer { class: reason.class, ..policy.anyway() };
            let when = match (found.class.waits(), found.exhausted, reason.after_hours) {
                (true, ..) => format!("waits {} days for a new or corrected one", answer.wait_days),
                (_, false, _) => "no new attempt by itself".to_owned(),
                (.., Some(hours)) => format!("{hours} hours after the failure, {} times", found.retries),
                _ => format!("{}, {} times", answer.schedule, found.retries),
            };
            json!({
                "code": code, "text": reason.text, "class": found.class.name(), "when": when, "own": own,
                "countries": reason.countries.join(", "), "href": href(code), "current": code == asked.code,
                "tone": match (found.class.waits(), found.exhausted) { (true, _) => "warn", (_, true) => "info", _ => "mute" },
            })
        })
        .collect()
}

pub(super) async fn page(app: Shared, pages: SharedPages, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let frame = match enter(&app, &pages, &request) {
        Ok(frame) => frame,
        Err(answer) => return Ok(answer),
    };
    let query = web::Query::<BTreeMap<String, String>>::from_query(request.query_string());
    let query = query.map(web::Query::into_inner).unwrap_or_default();
    let policies = app.service.router.ports().tenants.policies(&frame.tenant);
    let policies = policies.ok_or_else(|| Problem::not_found("the merchant is not configured any more"))?;
    let (in_use, tried_out) = (&policies.collections.policies, &policies.collections.tried_out);
    let all: BTreeMap<&str, &RetryPolicy> =
        in_use.iter().chain(tried_out).map(|(name, policy)| (name.as_str(), policy)).collect();
    let usual = policies.collections.default_policy.as_deref();
    let named = query.get("name").map(String::as_str).or(usual);
    let open = named.and_then(|name| all.get(name)).or_else(|| all.values().next()).copied();
    let now = app.service.clocks.now(&frame.tenant);
    let shown = open.map(|policy| {
        let asked = asked(&query, policy, &policies, now.date_in(&policies.zone));
        let found = asked.foresee(policy, &policies);
        let (name, due) = (words::encoded(&policy.name), asked.due_on);
        let word = if asked.method == Method::Card { "card" } else { "direct_debit" };
        let href = |code: &str| {
            let code = words::encoded(code);
            format!("/bo/collections/policies?name={name}&method={word}&due={due}&code={code}")
        };
        let text =
            policies.collections.reasons.codes().find(|(of, code, _)| *of == asked.method && *code == asked.code);
        let methods: Vec<Json> = [(Method::DirectDebit, "direct_debit"), (Method::Card, "card")]
            .into_iter()
            .filter(|(method, _)| policy.connector(*method).is_some())
            .map(|(method, word)| {
                let href = format!("/bo/collections/policies?name={name}&method={word}&due={due}");
                json!({ "href": href, "label": method_in_words(method), "current": method == asked.method })
            })
            .collect();
        let (hour, minute) = policy.at;
        let attempts: Vec<Json> = found
            .attempts
            .iter()
            .zip(1..)
            .map(|(attempt, number): (_, u16)| {
                json!({
                    "number": number, "collects_on": words::day(attempt.collects_on),
                    "due": words::instant(attempt.due, &policies.zone),
                })
            })
            .collect();
        json!({
            "name": policy.name, "usual": usual == Some(policy.name.as_str()),
            "shadow_of": policy.shadow_of, "new_attempts": policy.retries,
            "schedule": policy.schedule.to_string(), "at": format!("{hour:02}:{minute:02}"),
            "roll": roll(policy.roll),
            "lead_days": policy.lead_days, "presumed_days": policy.presumed_after_days, "wait_days": policy.wait_days,
            "card": policy.card_connector, "direct_debit": policy.debit_connector, "end": end(policy),
            "method": method_in_words(asked.method), "methods": methods, "method_word": word,
            "code": asked.code, "text": text.map(|(.., reason)| reason.text.clone()), "advice": asked.advice,
            "due": due, "attempts": attempts, "strip": strip(&found, &policies), "outcome": outcome(&found, policy),
            "reasons": reasons(&asked, policy, &policies, href), "is_card": asked.method == Method::Card,
        })
    });
    let filters: Vec<Json> = all
        .keys()
        .map(|name| {
            let href = format!("/bo/collections/policies?name={}", words::encoded(name));
            json!({ "href": href, "label": name, "current": open.is_some_and(|open| open.name == **name) })
        })
        .collect();
    let calendar = policies.calendar.label();
    let own = json!({ "filters": filters, "open": shown, "calendar": calendar });
    pages.page("retries", &frame.data(&app, "Retry policies", "/bo/collections", own))
}
