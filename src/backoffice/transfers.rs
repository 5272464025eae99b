//! A transfer as a row of a list.

use quittance_actors::partition::Entity;
use quittance_actors::transfer::Status;
use serde_json::{Value as Json, json};

use super::words;

/// A transfer as a row.
pub(super) fn row(entity: &Entity) -> Option<Json> {
    let Entity::Transfer(state) = entity else { return None };
    let details = state.details.as_ref()?;
    let (tone, icon) = match state.status {
        Status::Matched => ("ok", "circle-check"),
        Status::NeedsDecision => ("warn", "triangle-alert"),
        Status::Noted => ("mute", "arrow-left-right"),
        Status::SetAside => ("mute", "ban"),
        Status::GivenBack => ("mute", "undo-2"),
        Status::Recalled => ("bad", "undo-2"),
        Status::Divided => ("mute", "link-2"),
        Status::Received => ("mute", "clock"),
    };
    let remittance = &details.remittance;
    let text = remittance.structured().first().map_or(remittance.unstructured(), String::as_str);
    let why = if state.explanation.is_empty() { "received" } else { state.explanation.as_str() };
    // The first words are what a list has room for.
    let why = if state.status == Status::Matched { why.split(',').next().unwrap_or(why) } else { why };
    Some(json!({
        "booked_on": words::day(details.booked_on),
        "payer": details.payer_name.as_deref().unwrap_or("unknown"),
        "remittance": text.chars().take(60).collect::<String>(),
        "why": why, "tone": tone, "status_icon": icon,
        "amount": words::money(details.amount),
        "unallocated": state.unallocated().map(words::money),
    }))
}
