//! The retry ladder: when a failed delivery is tried again, and when it is given up.

use super::{Fault, Outcome};
use crate::limits;
use crate::values::Timestamp;

/// What a try came to, as the transport saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It arrived.
    Accepted {
        /// What the other side said.
        detail: String,
    },
    /// It may work later.
    Later {
        /// What went wrong.
        fault: Fault,
        /// What of it can be told.
        error: String,
        /// How long the other side asked to wait, in milliseconds.
        retry_after_ms: Option<i64>,
    },
    /// The other side wants nothing more, this or another: it is left alone for a while, and nothing is lost.
    Declined {
        /// What it said.
        error: String,
    },
    /// It will never work.
    Never {
        /// What went wrong.
        fault: Fault,
        /// What of it can be told.
        error: String,
    },
}

/// Waits between tries, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    waits_ms: Vec<i64>,
}

impl Default for Ladder {
    /// 5 s, 30 s, 2 min, 10 min, 1 h, 4 h, 10 h, 24 h, 24 h: ten tries in about 63 hours.
    fn default() -> Self {
        const S: i64 = 1_000;
        const H: i64 = 3_600 * S;
        Self::new(vec![5 * S, 30 * S, 120 * S, 600 * S, H, 4 * H, 10 * H, 24 * H, 24 * H])
    }
}

impl Ladder {
    /// A ladder of these waits; one try more than waits.
    pub fn new(waits_ms: Vec<i64>) -> Self {
        Self { waits_ms }
    }

    /// What follows try number `attempt` (1 for the first) that ended with `verdict`.
    ///
    /// The wait is the rung, up to a quarter longer by `spread` (so that many failures do not
    /// return together, and none comes sooner than promised), and at least what the other side
    /// asked for, at most a day.
    pub fn outcome(&self, verdict: Verdict, attempt: u32, spread: u64, now: Timestamp) -> Outcome {
        match verdict {
            Verdict::Accepted { detail } => Outcome::Delivered { detail },
            Verdict::Never { fault, error } => Outcome::Dead { error: format!("{fault}: {error}") },
            Verdict::Declined { error } => {
                let retry_after_ms = Some(limits::BREAKER_DECLINED_MS);
                let verdict = Verdict::Later { fault: Fault::Declined, error, retry_after_ms };
                self.outcome_without_end(verdict, attempt, spread, now)
            }
            Verdict::Later { fault, error, retry_after_ms } => {
                let rung = usize::try_from(attempt).unwrap_or(usize::MAX).saturating_sub(1);
                match self.waits_ms.get(rung) {
                    None => Outcome::Dead { error: format!("{fault}: {error}; given up after {attempt} tries") },
                    Some(wait_ms) => {
                        let share = i64::try_from(spread % 251).unwrap_or(0);
                        let jittered = wait_ms + wait_ms / 1_000 * share;
                        let asked = retry_after_ms.unwrap_or(0).clamp(0, 86_400_000);
                        Outcome::RetryAt {
                            at: now.plus_millis(jittered.max(asked)),
                            error: format!("{fault}: {error}"),
                        }
                    }
                }
            }
        }
    }

    /// Like [`Ladder::outcome`] for what is never given up: the last wait recurs, a minute if
    /// there is none.
    pub fn outcome_without_end(&self, verdict: Verdict, attempt: u32, spread: u64, now: Timestamp) -> Outcome {
        match u32::try_from(self.waits_ms.len()) {
            Ok(0) => Self::new(vec![60_000]).outcome(verdict, 1, spread, now),
            waits => self.outcome(verdict, attempt.min(waits.unwrap_or(u32::MAX)), spread, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn later(retry_after_ms: Option<i64>) -> Verdict {
        Verdict::Later { fault: Fault::Busy, error: "503".into(), retry_after_ms }
    }

    #[test]
    fn ten_tries_then_dead() {
        let ladder = Ladder::default();
        let now = Timestamp::from_unix_millis(0);
        for attempt in 1..=9 {
            assert!(matches!(ladder.outcome(later(None), attempt, 0, now), Outcome::RetryAt { .. }));
        }
        let last = ladder.outcome(later(None), 10, 0, now);
        assert_eq!(last, Outcome::Dead { error: "busy: 503; given up after 10 tries".into() });
    }

    #[test]
    fn what_is_never_given_up_waits_again_however_short_the_ladder() {
        let now = Timestamp::from_unix_millis(0);
        for waits in [vec![], vec![100], vec![100, 200]] {
            let ladder = Ladder::new(waits);
            for attempt in [1, 2, 3, 99] {
                let outcome = ladder.outcome_without_end(later(None), attempt, 0, now);
                assert!(matches!(outcome, Outcome::RetryAt { .. }), "{ladder:?}, try {attempt}: {outcome:?}");
            }
        }
    }

    #[test]
    fn never_sooner_than_promised_and_as_late_as_asked() {
        let ladder = Ladder::default();
        let now = Timestamp::from_unix_millis(1_000);
        for spread in 0..600 {
            let Outcome::RetryAt { at, .. } = ladder.outcome(later(None), 1, spread, now) else { panic!() };
            assert!((6_000..=7_250).contains(&at.unix_millis()), "{at:?}");
        }
        let Outcome::RetryAt { at, .. } = ladder.outcome(later(Some(60_000)), 1, 0, now) else { panic!() };
        assert_eq!(at.unix_millis(), 61_000);
        let Outcome::RetryAt { at, .. } = ladder.outcome(later(Some(i64::MAX)), 1, 0, now) else { panic!() };
        assert_eq!(at.unix_millis(), 86_401_000);
    }
}
