//! What a late business payer owes beside the amount: an indemnity for the costs of recovery, and
//! interest for every day on what was open that day. A consumer owes neither: that is no
//! matter of configuration (N14).
//! Source: directive 2011/7/EU, articles 3 and 6; code de commerce, L441-10 and D441-5.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::customer::Kind;
use crate::values::{AttemptId, Currency, Date, Money, Timestamp, TransferId};

/// Rates are in thousandths of a percent a year.
pub const THOUSANDTHS_OF_ALL: i64 = 100_000;

/// What late business payers owe, as a merchant's terms say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateTerms {
    /// The indemnity of each late request, in cents.
    pub indemnity_minor: i64,
    /// What is added to the reference rate, in thousandths of a percent.
    pub points: i64,
    /// Reference rates, each from a day on, the earliest first; before the first there is no interest.
    pub reference_rates: Vec<(Date, i64)>,
    /// Days of a year.
    pub basis: u16,
}

/// What was open from the end of a day on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// The day.
    pub on: Date,
    /// What was open at its end, in cents.
    pub minor: i64,
}

/// Days of one balance and one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first day that counts.
    pub from: Date,
    /// The last day that counts.
    pub to: Date,
    /// What was open.
    pub balance: Money,
    /// The rate, in thousandths of a percent a year; none when no reference rate is known.
    pub rate: Option<i64>,
}

/// Where money came from, as far as it says when it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payment {
    /// A transfer: the day the bank booked it.
    Transfer(TransferId),
    /// A collection: the day it was to be collected, when it was ordered here.
    Attempt(AttemptId),
    /// A credit note: it was never owed.
    CreditNote,
    /// Credit, and what else is counted when it is recorded.
    Other,
}

/// What changes what is open, or says when it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A collection is ordered for a day.
    Ordered(AttemptId, Date),
    /// A payment is counted: where it came from, and how much.
    Counted(Payment, i64),
    /// It is counted no longer.
    TakenBack(Payment, i64),
    /// What was left is given up.
    GivenUp(i64),
    /// It is asked for again.
    AskedAgain(i64),
}

/// What was open of a request, change by change, each on the day it counts.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    ordered: BTreeMap<AttemptId, Date>,
    /// When the last payment was recorded, and the day it counts on.
    last: Option<(Timestamp, Date)>,
    changes: Vec<(Date, i64)>,
}

impl Changes {
    /// Takes over what was recorded at `at`, which is `today`, of a request issued on `issued_on`. `booked_on`
    /// is the day on which the bank booked a transfer, if it is known.
    pub fn take(
        &mut self, change: Change, (at, today): (Timestamp, Date), issued_on: Date,
        booked_on: impl Fn(TransferId) -> Option<Date>,
    ) {
        let day = |from| match from {
            Payment::Transfer(id) => booked_on(id).unwrap_or(today),
            Payment::Attempt(id) => self.ordered.get(&id).copied().unwrap_or(today),
            Payment::CreditNote => issued_on,
            Payment::Other => today,
        };
        // What is given up beside a payment counts on the day of that payment.
        let beside = self.last.filter(|(recorded, _)| *recorded == at).map_or(today, |(_, day)| day);
        let (on, minor) = match change {
            Change::Ordered(attempt, collects_on) => {
                self.ordered.insert(attempt, collects_on);
                return;
            }
            Change::Counted(from, minor) => (day(from), -minor),
            // A bank that takes a collection back had given the money until then; any other payment that is
            // taken back is as if it had never been: it was another's, or goes to another request.
            Change::TakenBack(Payment::Attempt(_) | Payment::Other, minor) => (today, minor),
            Change::TakenBack(from, minor) => (day(from), minor),
            Change::GivenUp(minor) => (beside, -minor),
            Change::AskedAgain(minor) => (beside, minor),
        };
        if matches!(change, Change::Counted(..) | Change::TakenBack(..)) {
            self.last = Some((at, on));
        }
        self.changes.push((on, minor));
    }

    /// The last day on which something changed.
    pub fn last_day(&self) -> Option<Date> {
        self.changes.iter().map(|(on, _)| *on).max()
    }

    /// What was open of `asked` after each change.
    pub fn balances(&self, asked: Money, issued_on: Date) -> Vec<Balance> {
        let mut changes = self.changes.clone();
        changes.sort_by_key(|(on, _)| *on);
        let mut minor = asked.minor();
        let mut balances =
            vec![Balance { on: issued_on.min(changes.first().map_or(issued_on, |(on, _)| *on)), minor }];
        for (on, change) in changes {
            minor = minor.saturating_add(change);
            balances.push(Balance { on, minor });
        }
        balances
    }
}

impl Span {
    /// How many days.
    pub fn days(&self) -> i64 {
        i64::from(self.to.days_since(self.from)) + 1
    }
}

/// What is owed beside the amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateCharges {
    /// The last day that was counted.
    pub until: Date,
    /// Days on which something was open after the deadline.
    pub days: i64,
    /// The indemnity.
    pub indemnity: Money,
    /// The interest, rounded once, half a cent up.
    pub interest: Money,
    /// What the interest is made of.
    pub spans: Vec<Span>,
}

impl LateCharges {
    /// Everything.
    pub fn total(&self) -> Money {
        self.indemnity.checked_add(self.interest).unwrap_or(self.indemnity)
    }

    /// What is owed of a request in euro that was due on `due_on`, by the end of `until`: nothing by consumers,
    /// nothing of what was paid in time. `balances` are in order, the first of them what was asked for. The day of
    /// a payment still counts.
    pub fn of(kind: Kind, terms: &LateTerms, due_on: Date, balances: &[Balance], until: Date) -> Option<Self> {
        match kind {
            Kind::Consumer => return None,
            Kind::Business => {}
        }
        let mut changes: Vec<Date> = balances.iter().map(|balance| balance.on.plus_days(1)).collect();
        changes.extend(terms.reference_rates.iter().map(|(from, _)| *from));
        changes.extend([due_on.plus_days(1), until.plus_days(1)]);
        changes.retain(|day| (due_on.plus_days(1)..=until.plus_days(1)).contains(day));
        changes.sort_unstable();
        changes.dedup();
        let at_start_of =
            |day: Date| balances.iter().rev().find(|balance| balance.on < day).map_or(0, |found| found.minor);
        let mut spans = Vec::new();
        for pair in changes.windows(2) {
            let [from, next] = *pair else { continue };
            let minor = at_start_of(from);
            if minor > 0 {
                let balance = Money::from_minor(minor, Currency::EUR);
                spans.push(Span { from, to: next.plus_days(-1), balance, rate: terms.rate_on(from) });
            }
        }
        if spans.is_empty() {
            return None;
        }
        let owed = |span: &Span| {
            i128::from(span.balance.minor()) * i128::from(span.days()) * i128::from(span.rate.unwrap_or(0))
        };
        let whole = i128::from(THOUSANDTHS_OF_ALL) * i128::from(terms.basis.max(1));
        let rounded = (2 * spans.iter().map(owed).sum::<i128>() + whole) / (2 * whole);
        let interest = i64::try_from(rounded).unwrap_or(i64::MAX);
        Some(Self {
            until,
            days: spans.iter().map(Span::days).sum(),
            indemnity: Money::from_minor(terms.indemnity_minor, Currency::EUR),
            interest: Money::from_minor(interest, Currency::EUR),
            spans,
        })
    }
}

impl LateTerms {
    /// What is owed beside an amount in euro that was due on `due_on` and is still open on `on`, before any interest is
    /// counted: the indemnity, and the rate of a year in thousandths of a percent. Nothing by consumers, nothing in time.
    pub fn owed(&self, kind: Kind, due_on: Date, on: Date) -> Option<(Money, Option<i64>)> {
        match kind {
            Kind::Consumer => None,
            Kind::Business if on <= due_on => None,
            Kind::Business => Some((Money::from_minor(self.indemnity_minor, Currency::EUR), self.rate_on(on))),
        }
    }

    fn rate_on(&self, day: Date) -> Option<i64> {
        let known = self.reference_rates.iter().rev().find(|(from, _)| from.cmp(&day) != Ordering::Greater);
        known.map(|(_, rate)| rate.saturating_add(self.points))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    fn terms() -> LateTerms {
        let reference_rates = vec![(day("2026-01-01"), 2_150), (day("2026-07-01"), 2_400)];
        LateTerms { indemnity_minor: 4_000, points: 8_000, reference_rates, basis: 365 }
    }

    fn balances_of(of: &[(&str, i64)]) -> Vec<Balance> {
        of.iter().map(|(on, minor)| Balance { on: day(on), minor: *minor }).collect()
    }

    fn charges(due_on: &str, of: &[(&str, i64)], until: &str) -> Option<(i64, i64, i64)> {
        let found = LateCharges::of(Kind::Business, &terms(), day(due_on), &balances_of(of), day(until))?;
        Some((found.days, found.indemnity.minor(), found.interest.minor()))
    }

    #[test]
    fn interest_is_of_every_day_on_what_was_open_that_day() {
        let asked = ("2026-03-01", 100_000);
        for (due_on, of, until, expected) in [
            // 1,000.00 for 30 days at 10.15 %: 8.342… .
            ("2026-03-31", vec![asked], "2026-04-30", Some((30, 4_000, 834))),
            // Paid on the tenth day: that day counts, the next ones do not.
            ("2026-03-31", vec![asked, ("2026-04-10", 0)], "2026-04-30", Some((10, 4_000, 278))),
            // A part on the tenth day: 10 days of 1,000.00 and 20 of 400.00, 2.7808 + 2.2247 = 5.0055.
            ("2026-03-31", vec![asked, ("2026-04-10", 40_000)], "2026-04-30", Some((30, 4_000, 501))),
            // The rate changes on 1 July: 10 days at 10.15 % and 10 at 10.40 %, 2.7808 + 2.8493 = 5.6301.
            ("2026-06-20", vec![asked], "2026-07-10", Some((20, 4_000, 563))),
            // Paid back by the bank, and open again from the next day on: 5 + 10 days.
            (
                "2026-03-31",
                vec![asked, ("2026-04-05", 0), ("2026-04-20", 100_000)],
                "2026-04-30",
                Some((15, 4_000, 417)),
            ),
            // In time, on the last day, and before any deadline.
            ("2026-03-31", vec![asked, ("2026-03-31", 0)], "2026-04-30", None),
            ("2026-03-31", vec![asked], "2026-03-31", None),
            ("2026-03-31", vec![asked], "2026-02-01", None),
            // One day late.
            ("2026-03-31", vec![asked, ("2026-04-01", 0)], "2026-12-31", Some((1, 4_000, 28))),
            // Before the first known rate there is an indemnity and no interest.
            ("2025-11-30", vec![("2025-11-01", 100_000), ("2025-12-31", 0)], "2026-01-31", Some((31, 4_000, 0))),
            // A leap day counts.
            ("2028-02-28", vec![("2028-02-01", 100_000)], "2028-03-01", Some((2, 4_000, 57))),
        ] {
            assert_eq!(charges(due_on, &of, until), expected, "{due_on} {of:?} {until}");
        }
    }

    #[test]
    fn n14_a_consumer_owes_nothing_whatever_is_configured() {
        let (due_on, of, until) = (day("2026-03-31"), balances_of(&[("2026-03-01", 100_000)]), day("2027-03-31"));
        let greedy = LateTerms { indemnity_minor: 1_000_000, points: 90_000, ..terms() };
        assert_eq!(LateCharges::of(Kind::Consumer, &greedy, due_on, &of, until), None);
        assert_eq!(greedy.owed(Kind::Consumer, due_on, until), None);
        assert_eq!(terms().owed(Kind::Business, due_on, due_on), None);
        let late = terms().owed(Kind::Business, due_on, due_on.plus_days(1));
        assert_eq!(late, Some((Money::from_minor(4_000, Currency::EUR), Some(10_150))));
        assert!(LateCharges::of(Kind::Business, &greedy, due_on, &of, until).is_some());
    }

    #[test]
    fn every_change_counts_on_its_day() {
        let (transfer, other) =
            (TransferId::new(Timestamp::default(), 1, 7), TransferId::new(Timestamp::default(), 2, 7));
        let attempt = AttemptId::new(Timestamp::default(), 3, 7);
        let booked = |id: TransferId| (id == transfer).then(|| day("2026-03-11"));
        let of_transfer = |minor| Change::Counted(Payment::Transfer(transfer), minor);
        for (what, changes, expected) in [
            // Known two days later, with the last cent given up beside it.
            (
                "a transfer and a cent",
                vec![("2026-03-13", of_transfer(99_999)), ("2026-03-13", Change::GivenUp(1))],
                None,
            ),
            // Matched to it by mistake for six weeks: as if it had never been.
            (
                "a mistake",
                vec![
                    ("2026-03-13", of_transfer(100_000)),
                    ("2026-04-20", Change::TakenBack(Payment::Transfer(transfer), 100_000)),
                ],
                Some(49),
            ),
            (
                "matched, taken back and matched again",
                vec![
                    ("2026-03-13", of_transfer(100_000)),
                    ("2026-04-20", Change::TakenBack(Payment::Transfer(transfer), 100_000)),
                    ("2026-04-21", of_transfer(100_000)),
                ],
                None,
            ),
            // Presumed paid on the 16th, collected on the 12th.
            (
                "a direct debit in time",
                vec![
                    ("2026-03-10", Change::Ordered(attempt, day("2026-03-12"))),
                    ("2026-03-16", Change::Counted(Payment::Attempt(attempt), 100_000)),
                ],
                None,
            ),
            (
                "one that comes back",
                vec![
                    ("2026-03-10", Change::Ordered(attempt, day("2026-03-12"))),
                    ("2026-03-16", Change::Counted(Payment::Attempt(attempt), 100_000)),
                    ("2026-03-20", Change::TakenBack(Payment::Attempt(attempt), 100_000)),
                ],
                Some(41),
            ),
            ("a credit note", vec![("2026-03-22", Change::Counted(Payment::CreditNote, 100_000))], None),
            (
                "a transfer of which nothing is known",
                vec![("2026-03-22", Change::Counted(Payment::Transfer(other), 100_000))],
                Some(10),
            ),
        ] {
            let mut open = Changes::default();
            for (on, change) in changes {
                let at = day(on).at(9, 0, &crate::values::Zone::utc());
                open.take(change, (at, day(on)), day("2026-03-01"), booked);
            }
            let balances = open.balances(Money::from_minor(100_000, Currency::EUR), day("2026-03-01"));
            let found = LateCharges::of(Kind::Business, &terms(), day("2026-03-12"), &balances, day("2026-04-30"));
            assert_eq!(found.map(|charges| charges.days), expected, "{what}");
        }
    }

    #[test]
    fn spans_add_up_to_every_day() {
        let of = balances_of(&[("2026-03-01", 100_000), ("2026-06-25", 60_000), ("2026-07-05", 0)]);
        let found = LateCharges::of(Kind::Business, &terms(), day("2026-06-20"), &of, day("2026-07-31")).unwrap();
        let shown: Vec<String> = found
            .spans
            .iter()
            .map(|span| format!("{} {} {} {:?}", span.from, span.to, span.balance, span.rate))
            .collect();
        assert_eq!(
            shown,
            [
                "2026-06-21 2026-06-25 1000.00 EUR Some(10150)",
                "2026-06-26 2026-06-30 600.00 EUR Some(10150)",
                "2026-07-01 2026-07-05 600.00 EUR Some(10400)",
            ]
        );
        assert_eq!(found.days, 15);
    }
}
