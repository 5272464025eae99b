//! How far the statements of an account are complete: each opens with the balance at which the one before it closed.
//!
//! A statement that opens with another balance says that one between them was not read: the day up to which everything
//! is known stays before the gap until it is filled, or until two weeks of later statements have passed it.

use quittance_actors::partition::StatementRecord;
use quittance_actors::values::Date;
use serde::{Deserialize, Serialize};

/// Statements kept that wait for one before them.
const LATER_MAX: usize = 64;
/// Days of later statements after which nobody waits for the missing one any more.
const WAITED_FOR_DAYS: i32 = 14;

/// The statements of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermark {
    /// The day up to which everything was read.
    pub complete_to: Date,
    /// The balance at its end, in minor units, if the bank says it.
    closing: Option<i64>,
    /// What was read beyond a gap.
    later: Vec<Later>,
}

/// A statement beyond a gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Later {
    closed_on: Date,
    opening: Option<i64>,
    closing: Option<i64>,
}

/// What was not read: something between the end of a day and the opening of a later statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The last day of which everything is known.
    pub after: Date,
    /// The balance at its end, in minor units.
    pub closing: Option<i64>,
    /// The day on which the next statement that was read closes.
    pub before: Date,
    /// The balance it opens with, in minor units.
    pub opening: Option<i64>,
}

impl Watermark {
    /// Follows an account from its first statement on, which closes on a day.
    pub fn from(first: &StatementRecord, closed_on: Date) -> Self {
        Self { complete_to: closed_on, closing: first.closing, later: Vec::new() }
    }

    /// Takes another statement into account, in whatever order they come.
    pub fn take(&mut self, statement: &StatementRecord, closed_on: Date) {
        let later = Later { closed_on, opening: statement.opening, closing: statement.closing };
        if !self.joins(&later) {
            if closed_on > self.complete_to && !self.later.contains(&later) && self.later.len() < LATER_MAX {
                self.later.push(later);
                self.later.sort_by_key(|later| later.closed_on);
            }
        } else {
            self.advance(&later);
        }
        self.close_up();
    }

    /// What is missing, if something is.
    pub fn gap(&self) -> Option<Gap> {
        let next = self.later.first()?;
        let (after, closing) = (self.complete_to, self.closing);
        Some(Gap { after, closing, before: next.closed_on, opening: next.opening })
    }

    fn joins(&self, later: &Later) -> bool {
        later.closed_on >= self.complete_to
            && self.closing.zip(later.opening).is_none_or(|(closing, opening)| closing == opening)
    }

    fn advance(&mut self, to: &Later) {
        self.complete_to = to.closed_on;
        self.closing = to.closing.or(self.closing);
    }

    fn close_up(&mut self) {
        loop {
            self.later.retain(|later| later.closed_on > self.complete_to);
            let waited = self.later.last().map_or(0, |newest| newest.closed_on.days_since(self.complete_to));
            let next = match self.later.iter().position(|later| self.joins(later)) {
                Some(next) => next,
                // So long ago that its money is known otherwise, or never will be.
                None if waited > WAITED_FOR_DAYS || self.later.len() >= LATER_MAX => 0,
                None => return,
            };
            let next = self.later.remove(next);
            self.advance(&next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(opening: i64, closing: i64) -> StatementRecord {
        StatementRecord {
            account: "A".into(),
            statement: "S".into(),
            interim: false,
            currency: None,
            opening: Some(opening),
            closing: Some(closing),
            opened_on: None,
            closed_on: None,
            entries: 1,
            credits: 0,
            debits: 0,
        }
    }

    fn day(day: i8) -> Date {
        Date::new(2026, 3, day).unwrap()
    }

    fn read(all: &[(i8, i64, i64)]) -> Watermark {
        let mut days = all.iter().map(|(on, opening, closing)| (day(*on), statement(*opening, *closing)));
        let (on, first) = days.next().unwrap();
        let mut mark = Watermark::from(&first, on);
        days.for_each(|(on, statement)| mark.take(&statement, on));
        mark
    }

    #[test]
    fn a_missing_statement_holds_the_watermark_until_it_comes() {
        assert_eq!(read(&[(2, 0, 10), (3, 10, 30), (4, 30, 5)]).complete_to, day(4));
        let held = read(&[(2, 0, 10), (4, 30, 5), (5, 5, 7)]);
        let gap = Gap { after: day(2), closing: Some(10), before: day(4), opening: Some(30) };
        assert_eq!((held.complete_to, held.gap()), (day(2), Some(gap)));
        let filled = read(&[(2, 0, 10), (4, 30, 5), (5, 5, 7), (3, 10, 30)]);
        assert_eq!((filled.complete_to, filled.gap()), (day(5), None));
    }

    #[test]
    fn what_comes_again_or_of_the_same_day_or_without_balances_holds_nothing() {
        assert_eq!(read(&[(2, 0, 10), (3, 10, 30), (2, 0, 10), (3, 10, 30)]).complete_to, day(3));
        assert_eq!(read(&[(2, 0, 10), (2, 10, 30), (3, 30, 31)]).complete_to, day(3));
        let mut mark = read(&[(2, 0, 10)]);
        mark.take(&StatementRecord { opening: None, closing: None, ..statement(0, 0) }, day(3));
        mark.take(&statement(10, 12), day(4));
        assert_eq!((mark.complete_to, mark.gap()), (day(4), None));
    }

    #[test]
    fn nobody_waits_for_ever() {
        let statements: Vec<(i8, i64, i64)> =
            (0..20).map(|at| (at + 1, i64::from(at) * 10 + i64::from(at > 0), i64::from(at) * 10 + 10)).collect();
        assert!(read(&statements).complete_to >= day(6), "{:?}", read(&statements));
    }
}
