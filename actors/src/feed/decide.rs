//! What a feed decides.

use std::sync::Arc;

use smol_str::SmolStr;

use super::apply::apply;
use super::command::{Command, Rejection};
use super::event::{Event, Outcome};
use super::expectation::Expectation;
use super::state::Feed;
use crate::machine::{Context, Decision, Effect, Machine, Purpose};
use crate::partition::FileRecord;
use crate::values::Timestamp;

/// How long after it was seen that a deadline had passed while nothing ran a file is still in time.
const GRACE_MS: i64 = 15 * 60_000;
/// A deadline seen so much later passed while nothing ran.
const LATE_MS: i64 = 60_000;

impl Machine for Feed {
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: &Command, context: &Context<'_>) -> Result<Decision<Event>, Rejection> {
        Ok(match command {
            Command::Watch { name } => watch(self, name, context),
            Command::ReadFile { name, file, duplicate } => read_file(self, name, file, *duplicate, context),
            Command::ReportFailing { .. } if self.failing_since.is_some() => Decision::default(),
            Command::ReportFailing { way, name, since, error } => {
                let (way, name, error) = (way.clone(), name.clone(), error.clone());
                Decision::of(Event::Failing { way, name, since: *since, error })
            }
            Command::ReportWell { way, name } => self.failing_since.map_or_else(Decision::default, |since| {
                Decision::of(Event::Well { way: way.clone(), name: name.clone(), since })
            }),
            Command::FileDue { generation, due } => file_due(self, *generation, *due, context),
        })
    }

    fn apply(&mut self, event: &Event) {
        apply(self, event);
    }
}

/// Sets what is expected of the feed, when the configuration says something else than it knows.
fn watch(state: &Feed, name: &SmolStr, context: &Context<'_>) -> Decision<Event> {
    let expectation = configured(name, context);
    let known = state.name == *name && state.expectation == expectation;
    if known && state.due.is_some() == expectation.is_some() {
        return Decision::default();
    }
    let mut decision = Decision::of(Event::Watched { name: name.clone(), expectation });
    if let Some(expectation) = expectation {
        expect(&mut decision, state, next(expectation, context.now, context));
    } else if let Some(since) = state.stalled_since {
        decision.push(Event::Recovered { name: name.clone(), since });
    }
    decision
}

fn read_file(
    state: &Feed, name: &SmolStr, file: &Arc<FileRecord>, duplicate: bool, context: &Context<'_>,
) -> Decision<Event> {
    if !duplicate && state.digests.contains(&file.digest) {
        return Decision::default(); // It was told of before a crash let it be read again.
    }
    let outcome = match file {
        _ if duplicate => Outcome::Duplicate,
        file if (file.rejected || file.refused > 0) && file.accepted + file.known == 0 => Outcome::Rejected,
        file if file.rejected || file.refused > 0 => Outcome::PartlyAccepted,
        _ => Outcome::Accepted,
    };
    let (name, at) = (name.clone(), context.now);
    let mut decision = Decision::of(Event::FileRead { name: name.clone(), at, file: Arc::clone(file), outcome });
    if !matches!(outcome, Outcome::Accepted | Outcome::PartlyAccepted) {
        return decision; // Nothing came that could be used.
    }
    if let Some(since) = state.stalled_since {
        decision.push(Event::Recovered { name, since });
    }
    if let Some(every @ Expectation::Every(_)) = state.expectation {
        expect(&mut decision, state, next(every, at, context));
    }
    decision
}

fn file_due(state: &Feed, generation: u32, due: Timestamp, context: &Context<'_>) -> Decision<Event> {
    let (Some(expectation), Some(deadline)) = (state.expectation, state.due) else { return Decision::default() };
    if generation != state.generation || due != state.delayed_until.unwrap_or(deadline) {
        return Decision::default();
    }
    crate::check!(crate::invariants::TIMER_NOT_EARLY, context.now >= due);
    if configured(&state.name, context) != Some(expectation) {
        return watch(state, &state.name, context);
    }
    let mut decision = Decision::default();
    let (calendar, zone) = (&context.policies.calendar, &context.policies.zone);
    let counts = |at: &Timestamp| state.delayed_until.is_some() || state.late_file_at != Some(*at);
    if expectation.is_missed(deadline, state.last_file_at.filter(counts), calendar, zone) {
        if state.delayed_until.is_none() && context.now > deadline.plus_millis(LATE_MS) {
            let until = context.now.plus_millis(GRACE_MS);
            decision.push(Event::Delayed { until });
            decision.effect(Effect::ArmTimer { purpose: Purpose::File, due: until, generation });
            return decision;
        }
        let (name, missed) = (state.name.clone(), state.missed.saturating_add(1));
        decision.push(Event::Stalled { name, due: deadline, last_file_at: state.last_file_at, missed });
    }
    expect(&mut decision, state, next(expectation, context.now, context));
    decision
}

fn configured(name: &SmolStr, context: &Context<'_>) -> Option<Expectation> {
    context.policies.expectations.get(name.as_str()).copied()
}

fn next(expectation: Expectation, after: Timestamp, context: &Context<'_>) -> Timestamp {
    expectation.after(after, &context.policies.calendar, &context.policies.zone)
}

fn expect(decision: &mut Decision<Event>, state: &Feed, due: Timestamp) {
    decision.push(Event::Expected { due });
    let generation = state.generation.saturating_add(1);
    decision.effect(Effect::ArmTimer { purpose: Purpose::File, due, generation });
}

#[cfg(test)]
mod tests {
    use super::super::state::DIGESTS_MAX;
    use super::*;
    use crate::policies::Policies;
    use crate::values::{Calendar, TenantId, Zone};

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    /// Policies that expect a file by ten o'clock, UTC, with Wednesday the 4th as a holiday or not.
    fn by_ten(holiday: bool) -> Policies {
        let holidays = if holiday { vec![(3, 4)] } else { Vec::new() };
        let calendar = Calendar::new("week", 1, vec![6, 7], holidays, vec![], vec![]).unwrap();
        let expectations = [("bank".to_owned(), Expectation::BusinessDaysBy(10, 0))].into();
        Policies { expectations, ..Policies::quiet(Zone::parse("UTC").unwrap(), calendar) }
    }

    /// What a feed decides at a moment; it is carried out.
    fn told(state: &mut Feed, command: &Command, moment: &str, policies: &Policies) -> Decision<Event> {
        let context = Context { tenant: &TenantId::parse("t").unwrap(), now: at(moment), policies };
        let decision = state.decide(command, &context).unwrap();
        decision.events.iter().for_each(|event| state.apply(event));
        decision
    }

    fn watched(moment: &str) -> Feed {
        let mut state = Feed::default();
        told(&mut state, &Command::Watch { name: "bank".into() }, moment, &by_ten(false));
        state
    }

    fn file(digest: u8) -> Command {
        let record = FileRecord {
            digest: [digest; 32],
            name: "a.sta".to_owned(),
            feed: "bank".to_owned(),
            rows: 1,
            accepted: 1,
            known: 0,
            refused: 0,
            rejected: false,
        };
        Command::ReadFile { name: "bank".into(), file: Arc::new(record), duplicate: false }
    }

    fn due(state: &Feed) -> Command {
        let due = state.delayed_until.or(state.due).unwrap();
        Command::FileDue { generation: state.generation, due }
    }

    #[test]
    fn a_deadline_that_passed_while_nothing_ran_is_put_off_once_and_stays_the_deadline() {
        let policies = by_ten(false);
        let mut state = watched("2026-03-02T09:00:00Z");
        let first = due(&state);
        // Two minutes late: the service was stopped, files may lie in the directory.
        let delayed = told(&mut state, &first, "2026-03-02T10:02:00Z", &policies);
        assert_eq!(delayed.events, [Event::Delayed { until: at("2026-03-02T10:17:00Z") }]);
        assert!(matches!(delayed.effects[..], [Effect::ArmTimer { due, .. }] if due == at("2026-03-02T10:17:00Z")));
        assert_eq!(told(&mut state, &first, "2026-03-02T10:03:00Z", &policies), Decision::default());
        assert_eq!(state.due, Some(at("2026-03-02T10:00:00Z")), "people are told the deadline that was");
        // Late again, and still nothing there.
        let last = due(&state);
        let stalled = told(&mut state, &last, "2026-03-02T11:00:00Z", &policies);
        let expected =
            Event::Stalled { name: "bank".into(), due: at("2026-03-02T10:00:00Z"), last_file_at: None, missed: 1 };
        assert_eq!(stalled.events, [expected, Event::Expected { due: at("2026-03-03T10:00:00Z") }]);
        assert_eq!(state.stalled_since, Some(at("2026-03-02T10:00:00Z")));
    }

    #[test]
    fn a_late_file_is_not_the_next_one() {
        let policies = by_ten(false);
        let mut state = watched("2026-03-02T09:00:00Z");
        let timer = due(&state);
        told(&mut state, &timer, "2026-03-02T10:02:00Z", &policies);
        told(&mut state, &file(1), "2026-03-02T10:05:00Z", &policies);
        let timer = due(&state);
        let decision = told(&mut state, &timer, "2026-03-02T10:17:00Z", &policies);
        assert_eq!(decision.events, [Event::Expected { due: at("2026-03-03T10:00:00Z") }]);
        let timer = due(&state);
        told(&mut state, &timer, "2026-03-03T10:00:00Z", &policies);
        assert_eq!(state.missed, 1, "nothing came on Tuesday");
        // Tuesday's comes late, and Wednesday's the evening before.
        told(&mut state, &file(2), "2026-03-03T11:00:00Z", &policies);
        told(&mut state, &file(3), "2026-03-03T20:00:00Z", &policies);
        let timer = due(&state);
        told(&mut state, &timer, "2026-03-04T10:00:00Z", &policies);
        assert_eq!((state.missed, state.stalled_since), (0, None));
    }

    #[test]
    fn a_file_before_a_changed_deadline_counts_and_one_read_again_is_not_told_twice() {
        let policies = by_ten(false);
        let mut state = watched("2026-03-02T07:00:00Z");
        told(&mut state, &file(1), "2026-03-02T08:00:00Z", &policies);
        assert_eq!(told(&mut state, &file(1), "2026-03-02T08:01:00Z", &policies), Decision::default());
        let mut by_nine = by_ten(false);
        by_nine.expectations = [("bank".to_owned(), Expectation::BusinessDaysBy(9, 0))].into();
        told(&mut state, &Command::Watch { name: "bank".into() }, "2026-03-02T08:30:00Z", &by_nine);
        let timer = due(&state);
        let decision = told(&mut state, &timer, "2026-03-02T09:00:00Z", &by_nine);
        assert_eq!(decision.events, [Event::Expected { due: at("2026-03-03T09:00:00Z") }]);
        let timer = due(&state);
        told(&mut state, &timer, "2026-03-03T09:00:00Z", &by_nine);
        assert_eq!(state.missed, 1, "the file of the day before does not count twice");
        // Many files later the first is forgotten.
        (2..=18).for_each(|digest| drop(told(&mut state, &file(digest), "2026-03-03T09:30:00Z", &by_nine)));
        assert_eq!(state.digests.len(), DIGESTS_MAX);
    }

    #[test]
    fn nothing_is_missing_on_a_holiday_or_from_a_feed_that_is_watched_no_more() {
        let mut state = watched("2026-03-03T12:00:00Z");
        assert_eq!(state.due, Some(at("2026-03-04T10:00:00Z")));
        let timer = due(&state);
        let decision = told(&mut state, &timer, "2026-03-04T10:00:00Z", &by_ten(true));
        assert_eq!(decision.events, [Event::Expected { due: at("2026-03-05T10:00:00Z") }]);
        let mut gone = by_ten(true);
        gone.expectations.clear();
        let timer = due(&state);
        let decision = told(&mut state, &timer, "2026-03-05T10:00:00Z", &gone);
        assert_eq!(decision.events, [Event::Watched { name: "bank".into(), expectation: None }]);
        assert!(state.due.is_none() && decision.effects.is_empty());
    }
}
