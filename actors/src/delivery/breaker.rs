//! The breaker of a lane: after many failures in a row it waits instead of trying, and then
//! lets one delivery probe. Waiting uses up no tries.

use crate::limits::{BREAKER_DECLINED_MS, BREAKER_FAILURES, BREAKER_OPEN_MS, BREAKER_OPEN_MS_MAX};
use crate::values::Timestamp;

/// The breaker of one lane.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Breaker {
    failures: u32,
    open_until: Option<Timestamp>,
    wait_ms: i64,
}

impl Breaker {
    /// How many deliveries may be tried now, `limit` at most.
    pub fn allowance(&self, limit: usize, now: Timestamp) -> usize {
        match self.open_until {
            None => limit,
            Some(until) if now >= until => 1,
            Some(_) => 0,
        }
    }

    /// When it will next let one through, if it is open.
    pub fn opens_at(&self) -> Option<Timestamp> {
        self.open_until
    }

    /// A try succeeded.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// The other side wants nothing more for now.
    pub fn declined(&mut self, now: Timestamp) {
        self.failures = BREAKER_FAILURES;
        self.open_until = Some(now.plus_millis(BREAKER_DECLINED_MS));
    }

    /// A try failed.
    pub fn failed(&mut self, now: Timestamp) {
        // What was under way when it opened says nothing new.
        if self.open_until.is_some_and(|until| now < until) {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures >= BREAKER_FAILURES {
            self.wait_ms = (self.wait_ms * 2).clamp(BREAKER_OPEN_MS, BREAKER_OPEN_MS_MAX);
            self.open_until = Some(now.plus_millis(self.wait_ms));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_probes_once_and_closes_on_success() {
        let mut breaker = Breaker::default();
        let at = Timestamp::from_unix_millis;
        for _ in 0..BREAKER_FAILURES - 1 {
            breaker.failed(at(0));
        }
        assert_eq!(breaker.allowance(16, at(0)), 16);
        breaker.failed(at(0));
        assert_eq!(breaker.allowance(16, at(29_999)), 0);
        assert_eq!(breaker.allowance(16, at(30_000)), 1);
        breaker.failed(at(30_000));
        assert_eq!(breaker.opens_at(), Some(at(90_000)));
        // The others that were under way when it opened do not make it wait longer.
        (0..15).for_each(|_| breaker.failed(at(30_001)));
        assert_eq!(breaker.opens_at(), Some(at(90_000)));
        breaker.succeeded();
        assert_eq!(breaker.allowance(16, at(30_001)), 16);
        // Who says that it wants nothing more is asked again in an hour, once.
        breaker.declined(at(0));
        assert_eq!((breaker.allowance(16, at(3_599_999)), breaker.allowance(16, at(3_600_000))), (0, 1));
    }
}
