//! Which endpoints hear of which events, without a rule.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use smol_str::SmolStr;
use thiserror::Error;

use super::published::EventType;

/// Why a list of event types was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no event type {0}")]
pub struct NoSuchEvent(pub String);

/// The event types that patterns name: a type, `payment_request.*`, or `*` for all; what begins with `!` takes out what
/// stands before it.
pub fn event_types<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<BTreeSet<EventType>, NoSuchEvent> {
    let mut named = BTreeSet::new();
    for pattern in patterns {
        let (out, wanted) = match pattern.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, pattern),
        };
        let fits = |event: &EventType| match wanted.strip_suffix('*') {
            Some(beginning) => {
                beginning.is_empty() || beginning.ends_with('.') && event.name().starts_with(beginning)
            }
            None => event.name() == wanted,
        };
        let found: Vec<EventType> = EventType::ALL.iter().copied().filter(fits).collect();
        if found.is_empty() {
            return Err(NoSuchEvent(wanted.to_owned()));
        }
        for event in found {
            if out {
                named.remove(&event)
            } else {
                named.insert(event)
            };
        }
    }
    Ok(named)
}

/// An endpoint that hears of an event, and what its deliveries name as their cause.
pub type Hearer = (SmolStr, Arc<str>);

/// The endpoints of a tenant by the events they hear of.
#[derive(Debug, Clone, Default)]
pub struct Subscriptions {
    by_type: BTreeMap<EventType, Vec<Hearer>>,
}

impl Subscriptions {
    /// Has an endpoint hear of events.
    pub fn add(&mut self, endpoint: &str, hears: &BTreeSet<EventType>) {
        let cause: Arc<str> = format!("endpoint {endpoint}").into();
        for event in hears {
            self.by_type.entry(*event).or_default().push((endpoint.into(), Arc::clone(&cause)));
        }
    }

    /// The endpoints that hear of events of this type.
    pub fn on(&self, event: EventType) -> &[Hearer] {
        self.by_type.get(&event).map(Vec::as_slice).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_types_and_take_some_out() {
        let names = |patterns: &[&str]| -> Vec<&str> {
            event_types(patterns.iter().copied()).unwrap().into_iter().map(EventType::name).collect()
        };
        assert_eq!(names(&["refund.*"]), ["refund.initiated", "refund.completed", "refund.failed"]);
        let requests = names(&["payment_request.*", "!payment_request.issued"]);
        assert!(requests.contains(&"payment_request.settled") && !requests.contains(&"payment_request.issued"));
        assert_eq!(names(&["*"]).len(), EventType::ALL.len());
        // What is named again after it was taken out is named.
        assert_eq!(names(&["*", "!*", "transfer.received"]), ["transfer.received"]);
        for wrong in ["payment", "payment_request", "payment*", "transfers.*", "", "!payment_request.payd"] {
            assert!(event_types([wrong]).is_err(), "{wrong}");
        }
    }
}
