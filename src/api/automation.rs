//! What happens by itself, as it is configured: rules and scenarios.

use actix_web::{HttpRequest, HttpResponse};
use quittance_actors::collection::{RetryPolicy, Roll, Schedule};
use quittance_actors::delivery::Recipient;
use quittance_actors::payment_request::{Offset, OnReopen, Scenario, Step};
use quittance_actors::rules::{Action, Deed, Rule};
use serde_json::{Value as Json, json};

use super::{Problem, Shared, in_use, tenant};
use crate::steps::channels;

fn offset(of: Offset) -> String {
    match of {
        Offset::Hours(far) => format!("{far:+}h"),
        Offset::Days(far) => format!("{far:+}d"),
        Offset::BusinessDays(far) => format!("{far:+}bd"),
        Offset::Months(far) => format!("{far:+}m"),
    }
}

fn step(of: &Step) -> Json {
    let (hour, minute) = of.at;
    json!({
        "name": of.name, "anchor": of.anchor.name(), "offset": offset(of.offset), "at": format!("{hour:02}:{minute:02}"),
        "audience": if of.is_for_team() { "team" } else { "customer" }, "channels": channels(of), "template": of.template, "when": of.when.to_string(), "approval": of.approval,
    })
}

/// How reminders go on of what was paid and is open again, as the file says it.
fn on_reopen(of: &OnReopen) -> &str {
    match of {
        OnReopen::GoOn => "go_on",
        OnReopen::Stop => "stop",
        OnReopen::Follow(other) => other,
    }
}

fn scenario(of: &Scenario) -> Json {
    let steps: Vec<Json> = of.steps().iter().map(step).collect();
    let earlier = of.earlier().iter().map(|(day, earlier)| {
        let mut shown = scenario(earlier);
        if let Some(shown) = shown.as_object_mut() {
            shown.insert("created_before".to_owned(), json!(day));
        }
        shown
    });
    json!({
        "name": of.name(), "late_within_hours": of.late_within_ms / 3_600_000, "rest_after_part_days": of.rests_after_part_days, "on_reopen": on_reopen(&of.on_reopen), "shadow": of.shadow,
        "together": of.together, "steps": steps, "earlier": earlier.collect::<Vec<_>>(),
    })
}

/// What a rule does, as its file says it.
pub(crate) fn action(of: &Action) -> Json {
    match of {
        Action::NotifyCustomer { channel, template } => {
            json!({ "notify": "customer", "channel": channel, "template": template })
        }
        Action::Tell { channel, template, recipient } => match recipient {
            Recipient::Endpoint(name) => in_words_of(json!({ "hook": name }), template.as_deref()),
            Recipient::Feed(name) => in_words_of(json!({ "file": name }), template.as_deref()),
            Recipient::List(name) => {
                json!({ "notify": format!("list:{name}"), "channel": channel, "template": template })
            }
            Recipient::Customer(_)
            | Recipient::StatusExport
            | Recipient::DecidedCustomer
            | Recipient::Connector(_) => Json::Null,
        },
        Action::Do(deed) => match deed {
            Deed::PlaceHold { hold, days } => json!({ "do": "place_hold", "hold": hold, "days": days }),
            Deed::LiftHold { hold } => json!({ "do": "lift_hold", "hold": hold }),
            Deed::SuspendRecurring => json!({ "do": "suspend_recurring" }),
            Deed::ResumeRecurring => json!({ "do": "resume_recurring" }),
            Deed::StopReminders => json!({ "do": "stop_reminders" }),
            Deed::SuspendPlan => json!({ "do": "suspend_plan" }),
            Deed::ResumePlan => json!({ "do": "resume_plan" }),
            Deed::CancelPlan => json!({ "do": "cancel_plan" }),
            Deed::FollowScenario(scenario) => json!({ "do": "use_scenario", "scenario": scenario }),
            Deed::CreateTask { text, days, assigned_to } => {
                json!({ "do": "create_task", "text": text, "days": days, "assign_to": assigned_to })
            }
            Deed::Tag(tag) => json!({ "do": "tag", "tag": tag }),
            Deed::Untag(tag) => json!({ "do": "untag", "tag": tag }),
            Deed::Emit(name) => json!({ "do": "emit", "event": name }),
            Deed::WriteOff => json!({ "do": "write_off" }),
            Deed::StopCollection => json!({ "do": "stop_collection" }),
            Deed::Collect(policy) => json!({ "do": "collect", "policy": policy }),
            Deed::CancelRequest => json!({ "do": "cancel_request" }),
        },
    }
}

/// An action, with the template of what a system is told where it is not the event itself.
fn in_words_of(mut action: Json, template: Option<&str>) -> Json {
    if let (Some(template), Some(action)) = (template, action.as_object_mut()) {
        action.insert("template".to_owned(), json!(template));
    }
    action
}

/// A rule, with how much it sends in an hour at most.
fn rule(of: &Rule, most_per_hour: Option<u32>) -> Json {
    let once = of.once.map(|once| json!({ "within_hours": once.within_ms / 3_600_000, "per": once.per.name() }));
    json!({
        "name": of.name,
        "on": of.on.iter().map(|event| event.name()).collect::<Vec<_>>(),
        "when": of.when.to_string(),
        "then": of.then.iter().map(action).collect::<Vec<_>>(),
        "once": once,
        "most_per_hour": most_per_hour,
        "paused": of.paused,
        "shadow": of.shadow,
    })
}

/// `GET /v1/scenarios`: as they are in use.
pub(super) async fn scenarios(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let in_use = in_use(&app, &tenant)?;
    let known = in_use.policies.scenarios.values();
    Ok(HttpResponse::Ok().json(json!({ "data": known.map(scenario).collect::<Vec<_>>() })))
}

/// `GET /v1/rules`: as they are in use.
pub(super) async fn rules(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let in_use = in_use(&app, &tenant)?;
    let limits = &in_use.conduct.automation.limits;
    let data: Vec<Json> =
        in_use.policies.rules.all().iter().map(|of| rule(of, limits.get(&*of.cause).copied())).collect();
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}

/// `GET /v1/retry-policies`: as they are in use.
pub(super) async fn retry_policies(app: Shared, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&app, &request)?;
    let in_use = in_use(&app, &tenant)?;
    let collections = &in_use.policies.collections;
    let data: Vec<Json> = collections
        .policies
        .values()
        .map(|policy| retry_policy(policy, collections.default_policy.as_deref() == Some(policy.name.as_str())))
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}

fn retry_policy(policy: &RetryPolicy, is_default: bool) -> Json {
    let by_reason: Vec<Json> = policy
        .by_reason
        .iter()
        .map(|rule| {
            json!({
                "codes": rule.codes, "classes": rule.classes, "treat_as": rule.treat_as,
                "new_attempts": rule.retries, "schedule": rule.schedule.as_ref().map(schedule),
                "wait_days": rule.wait_days,
            })
        })
        .collect();
    let ends = &policy.on_exhausted;
    let (hour, minute) = policy.at;
    json!({
        "name": policy.name, "default": is_default, "new_attempts": policy.retries,
        "schedule": schedule(&policy.schedule), "by_reason": by_reason, "at": format!("{hour:02}:{minute:02}"),
        "roll": match policy.roll {
            Roll::Following => "following",
            Roll::ModifiedFollowing => "modified_following",
            Roll::Preceding => "preceding",
        },
        "lead_business_days": policy.lead_days, "presumed_paid_after_business_days": policy.presumed_after_days,
        "wait_days": policy.wait_days, "card": policy.card_connector, "direct_debit": policy.debit_connector,
        "on_exhausted": {
            "suspend": ends.suspends, "review": ends.asks, "scenario": ends.scenario,
            "write_off_minor_max": ends.gives_up_minor_max,
        },
    })
}

fn schedule(of: &Schedule) -> Json {
    match of {
        Schedule::Gaps(gaps) => json!({ "gaps_days": gaps }),
        Schedule::Even(window) => json!({ "spread_over_days": window }),
        Schedule::DaysOfMonth(days) => json!({ "days_of_month": days }),
        Schedule::Paydays(gaps) => json!({ "paydays": true, "gaps_days": gaps }),
    }
}
