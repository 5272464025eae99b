//! What a draft would do: rules on what happened, scenarios on what is open, retry policies by reason.

use serde_json::{Value as Json, json};

use crate::editions::Foreseen;

/// What a draft comes to, on the events of so many days.
pub(super) fn shown(found: &Foreseen, days: i64) -> Json {
    let scenarios: Vec<Json> = found
        .scenarios
        .iter()
        .map(|moved| {
            let moves: Vec<String> = moved
                .moves
                .iter()
                .map(|of| {
                    let to = of.to.as_deref().unwrap_or("the end");
                    match of.to.as_deref() == Some(of.from.as_str()) {
                        true => format!("{} requests: {} at another time", of.requests, of.from),
                        false => format!("{} requests: {} → {to}", of.requests, of.from),
                    }
                })
                .collect();
            json!({
                "scenario": moved.scenario, "requests": moved.requests, "stay": moved.stay, "soon": moved.soon,
                "moves": moves,
            })
        })
        .collect();
    let policies: Vec<Json> = found
        .policies
        .iter()
        .map(|of| {
            let times = |times: Option<u16>| times.map_or_else(|| "–".to_owned(), |times| times.to_string());
            let day = |days: Option<i32>| days.map_or_else(|| "–".to_owned(), |days| format!("D+{days}"));
            // Reasons after which the same follows stand in one row.
            let mut rows: Vec<(String, [String; 4])> = Vec::new();
            for reason in &of.reasons {
                let method = if reason.method == "card" { "Card" } else { "Debit" };
                let says = [
                    format!("{} → {}", times(reason.retries_now), times(reason.would_retry)),
                    format!("{} → {}", day(reason.days_now), day(reason.would_take)),
                    // The words differ by the number that stands in a column of its own.
                    if reason.retries_now == reason.would_retry { reason.now.clone() } else { reason.then.clone() },
                    reason.then.clone(),
                ];
                match rows.iter_mut().find(|(codes, known)| codes.starts_with(method) && *known == says) {
                    Some((codes, _)) => codes.push_str(&format!(", {}", reason.code)),
                    None => rows.push((format!("{method} {}", reason.code), says)),
                }
            }
            let reasons: Vec<Json> = rows
                .into_iter()
                .map(|(reason, [retries, until, now, then])| {
                    let now = (now != then).then_some(now);
                    json!({ "reason": reason, "retries": retries, "until": until, "now": now, "then": then })
                })
                .collect();
            let collections = match of.collections {
                1 => "1 open request is".to_owned(),
                many => format!("{many} open requests are"),
            };
            json!({ "policy": of.policy, "collections": collections, "planned": of.planned, "otherwise": of.otherwise, "reasons": reasons })
        })
        .collect();
    let nothing = found.rules.is_empty() && scenarios.is_empty() && policies.is_empty();
    json!({ "days": days, "rules": found.rules, "scenarios": scenarios, "policies": policies, "nothing": nothing })
}
