//! One of every event of a feed, for stored formats.

use std::sync::Arc;

use quittance_actors::feed::{Event, Expectation, Outcome};
use quittance_actors::partition::FileRecord;
use quittance_actors::values::Timestamp;

const AT: Timestamp = Timestamp::from_unix_millis(1_772_443_800_123);

/// One of every event of a feed. The names' match below fails to compile when one is added.
pub fn feed_events() -> Vec<Event> {
    let file = FileRecord {
        digest: [7; 32],
        name: "2026-03-02.sta".to_owned(),
        feed: "bank".to_owned(),
        rows: 12,
        accepted: 9,
        known: 2,
        refused: 1,
        rejected: false,
    };
    vec![
        Event::Watched { name: "bank".into(), expectation: Some(Expectation::BusinessDaysBy(10, 30)) },
        Event::Watched { name: "erp".into(), expectation: Some(Expectation::Every(90)) },
        Event::Expected { due: AT },
        Event::FileRead { name: "bank".into(), at: AT, file: Arc::new(file), outcome: Outcome::PartlyAccepted },
        Event::Stalled { name: "bank".into(), due: AT, last_file_at: Some(AT), missed: 2 },
        Event::Recovered { name: "bank".into(), since: AT },
        Event::Delayed { until: AT },
        Event::Failing { way: "hook".into(), name: "erp".into(), since: AT, error: "timeout: no answer".into() },
        Event::Well { way: "hook".into(), name: "erp".into(), since: AT },
    ]
}

/// The name of an event's fixture.
pub fn feed_event_name(event: &Event) -> &'static str {
    match event {
        Event::Watched { expectation: Some(Expectation::Every(_)), .. } => "feed.watched_every",
        Event::Watched { .. } => "feed.watched",
        Event::Expected { .. } => "feed.expected",
        Event::FileRead { .. } => "feed.file_read",
        Event::Stalled { .. } => "feed.stalled",
        Event::Recovered { .. } => "feed.recovered",
        Event::Delayed { .. } => "feed.delayed",
        Event::Failing { .. } => "feed.failing",
        Event::Well { .. } => "feed.well",
    }
}
