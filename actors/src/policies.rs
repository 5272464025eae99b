//! What a tenant configured, as the machines read it. Built and checked by the service's
//! configuration; versions are part of the names.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::account_numbers::AccountNumbers;
use crate::collection::{Caps, ReasonTable, RetryPolicy};
use crate::feed::Expectation;
use crate::payment_request::{Finality, Scenario, Terms, gate};
use crate::rules::{RuleBook, Subscriptions};
use crate::transfer::{AcceptanceRule, NeverAuto};
use crate::values::{Calendar, Date, Iban, Timestamp, Zone};
use smol_str::SmolStr;

/// The policies of one tenant.
#[derive(Debug, Clone)]
pub struct Policies {
    /// The tenant's zone: local dates and times are of here, unless the customer lives in another.
    pub zone: Zone,
    /// Business days.
    pub calendar: Calendar,
    /// Reminder scenarios by name.
    pub scenarios: BTreeMap<String, Scenario>,
    /// The scenario of requests that name none.
    pub default_scenario: Option<String>,
    /// Notification rules.
    pub rules: RuleBook,
    /// Endpoints that hear of events without a rule.
    pub subscriptions: Subscriptions,
    /// Days before a card's last day at which its expiry is announced, largest first.
    pub card_notices_days: Vec<i32>,
    /// Whether status changes are written to the ERP's status file.
    pub status_export: bool,
    /// When a transfer is placed without a person.
    pub matching: Matching,
    /// Which transfers are kept for a person whatever they pay.
    pub acceptance: Acceptances,
    /// When people may be written to.
    pub contact: Contact,
    /// How failed collections are tried again.
    pub collections: Collections,
    /// When files are expected, by the name of their feed.
    pub expectations: BTreeMap<String, Expectation>,
    /// How money is given back.
    pub payouts: Payouts,
    /// How long a payment may come back.
    pub finality: Finality,
    /// For how many days after its creation the page of a request can be opened by its payer.
    pub link_days: u16,
    /// How many days ahead an entry may be booked.
    pub booked_ahead_days: i32,
    /// Within how many business days a task should be decided.
    pub task_business_days: Option<u16>,
    /// The account numbers that are given out.
    pub account_numbers: Option<AccountNumbers>,
}

/// How far ahead banks book entries, weekends and holidays included.
pub const BOOKED_AHEAD_DAYS: i32 = 10;
/// For how many days the page of a request can be opened when nothing says it.
pub const LINK_DAYS: u16 = 365;
/// The same for files that are tried out beside a test clock.
pub const TRIED_AHEAD_DAYS: i32 = 366;

/// How money is given back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Payouts {
    /// Who is ordered to pay; nothing is paid out without one.
    pub connector: Option<SmolStr>,
    /// Above it, in minor units, a second person approves.
    pub four_eyes_above_minor: i64,
}

/// Which transfers are kept for a person whatever they pay.
#[derive(Debug, Clone, Default)]
pub struct Acceptances {
    /// Rules; the first that fits counts, and what fits none is accepted.
    pub rules: Vec<AcceptanceRule>,
    /// Accounts of payers from whom nothing is taken.
    pub blocked: Vec<Iban>,
}

/// How failed collections are tried again.
#[derive(Debug, Clone, Default)]
pub struct Collections {
    /// Policies by name.
    pub policies: BTreeMap<String, RetryPolicy>,
    /// Policies that are only tried out, by name.
    pub tried_out: BTreeMap<String, RetryPolicy>,
    /// The policy of requests that name none.
    pub default_policy: Option<String>,
    /// What each reason code allows.
    pub reasons: ReasonTable,
    /// How often the schemes let one instrument be tried.
    pub caps: Caps,
    /// What connectors can be asked of an attempt that they have; nothing those that are not here.
    pub asked: BTreeMap<SmolStr, Asked>,
}

/// What a connector can be asked about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// What became of it.
    pub inquires: bool,
    /// To collect it no more.
    pub cancels: bool,
    /// To give back what it has collected.
    pub refunds: bool,
}

/// When people may be written to by reminders.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contact {
    /// Local hours and minutes between which a reminder may leave; any time when `None`.
    pub hours: Option<((i8, i8), (i8, i8))>,
    /// Weekdays without reminders, 1 Monday to 7 Sunday.
    pub quiet_weekdays: Vec<i8>,
    /// Whether reminders leave on business days only.
    pub business_days: bool,
    /// Reminders of one customer in a day at most, over all requests.
    pub per_day: Option<u16>,
    /// Reminders of one customer in seven days at most.
    pub per_week: Option<u16>,
    /// Hours between two reminders of one customer at least, over all requests: at most a week.
    pub gap_hours: Option<u16>,
    /// The least that must be open, in minor units.
    pub open_minor_min: i64,
    /// How far the bank's statements must have been read before somebody late is reminded.
    pub bank: Option<BankGate>,
}

/// How far the bank's statements must have been read before somebody late is reminded (N13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BankGate {
    /// Business days that they may be behind: 1 for yesterday's.
    pub business_days: u16,
    /// Hours that a step waits for them.
    pub wait_hours: u16,
    /// Whether it leaves all the same after that; otherwise it is passed over.
    pub sends_when_stale: bool,
}

impl Contact {
    /// When a customer may be written to who was written to at `before`: now (`None`), or later, and why.
    pub fn allows(
        &self, before: &[Timestamp], now: Timestamp, calendar: &Calendar, zone: &Zone,
    ) -> Option<(Timestamp, &'static str)> {
        let capped = [(self.per_day, 1, gate::ENOUGH_OF_DAY), (self.per_week, 7, gate::ENOUGH_OF_WEEK)];
        let capped = capped.into_iter().filter_map(|(most, days, why)| {
            let most = usize::from(most?).max(1);
            let within: Vec<Timestamp> = before.iter().copied().filter(|at| at.plus_days(days) > now).collect();
            let oldest = within.get(within.len().checked_sub(most)?)?;
            Some((oldest.plus_days(days), why))
        });
        let gap_ms = self.gap_hours.map(|hours| i64::from(hours) * 3_600_000);
        let last = gap_ms.and_then(|gap| Some(before.last()?.plus_millis(gap))).filter(|again| *again > now);
        let capped = capped.chain(last.map(|again| (again, gate::TOO_SOON)));
        let (at, why) = capped.max().map_or((now, ""), |(at, why)| (at.max(now), why));
        match self.open_at(at, calendar, zone) {
            open if open > at => Some((open, if why.is_empty() { gate::QUIET } else { why })),
            _ => (at > now).then_some((at, why)),
        }
    }

    /// The first moment from `at` on at which people may be written to.
    fn open_at(&self, at: Timestamp, calendar: &Calendar, zone: &Zone) -> Timestamp {
        let closed = |day: Date| {
            self.quiet_weekdays.contains(&day.weekday()) || self.business_days && !calendar.is_business_day(day)
        };
        let first = at.date_in(zone);
        let ((from_hour, from_minute), (to_hour, to_minute)) = self.hours.unwrap_or(((0, 0), (24, 0)));
        let days = (0..31).map(|days| first.plus_days(days)).filter(|day| !closed(*day));
        let opens = days.filter_map(|day| {
            let from = day.at(from_hour, from_minute, zone).max(at);
            let until =
                if to_hour >= 24 { day.plus_days(1).at(0, 0, zone) } else { day.at(to_hour, to_minute, zone) };
            (from < until).then_some(from)
        });
        // A calendar that is closed for a month: nobody is kept silent for ever.
        opens.into_iter().next().unwrap_or(at)
    }
}

/// When a transfer is placed without a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    /// How sure the best way of placing it must be, of 1,000.
    pub auto_at: u16,
    /// How far the next best must be behind, of 1,000.
    pub min_margin: u16,
    /// How sure a way of placing it must be that is shown to a person, of 1,000.
    pub propose_at: u16,
    /// What a person decides however sure it is.
    pub never_auto: Vec<NeverAuto>,
    /// Whether of several requests of one customer that are equal in amount the oldest is meant.
    pub oldest_of_equal: bool,
    /// The amount above which a person decides in any case, in minor units.
    pub auto_minor_max: Option<i64>,
    /// Whether a part of what a request asks for is placed without a person.
    pub accepts_parts: bool,
    /// What becomes of what is paid above.
    pub excess: Excess,
    /// Which small differences are given up.
    pub write_off: Option<WriteOff>,
    /// Whether credit of a customer pays the next requests.
    pub nets_credit: bool,
    /// The merchant's own accounts; what is booked to any other is for a person. All are its own when none is named.
    pub own_accounts: Vec<Iban>,
}

/// What becomes of what a payer sends above what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Excess {
    /// It is the customer's credit.
    #[default]
    Credit,
    /// A person decides about the transfer.
    Task,
    /// It pays what else is open, those due first; what is left then is credit.
    Oldest,
    /// It goes back to the account it came from, up to so much in minor units, where payouts have a connector; it is
    /// credit otherwise.
    Refund {
        /// The most that goes back by itself.
        minor_max: i64,
    },
}

/// Which small differences are given up: both bounds hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteOff {
    /// At most so much, in minor units.
    pub minor_max: i64,
    /// At most so much of the request's amount, of 1,000.
    pub per_mille_max: u16,
}

impl WriteOff {
    /// Whether so much, left of so much, is given up.
    pub fn covers(self, left_minor: i64, amount_minor: i64) -> bool {
        let within = i128::from(left_minor) * 1_000 <= i128::from(amount_minor) * i128::from(self.per_mille_max);
        left_minor > 0 && left_minor <= self.minor_max && within
    }
}

impl Default for Matching {
    fn default() -> Self {
        Self {
            auto_at: 850,
            min_margin: 100,
            propose_at: 0,
            never_auto: Vec::new(),
            oldest_of_equal: false,
            auto_minor_max: None,
            accepts_parts: true,
            excess: Excess::Credit,
            write_off: None,
            nets_credit: false,
            own_accounts: Vec::new(),
        }
    }
}

impl Policies {
    /// The scenario that the reminders of a request are of, as it is for when it came in.
    pub fn scenario_of(&self, terms: &Terms) -> Option<&Scenario> {
        let named = self.scenarios.get(terms.scenario.as_deref()?)?;
        Some(named.on(terms.created_at.date_in(&self.zone)))
    }

    /// The time zone of a name, the tenant's without one, or when it is none any more.
    pub fn zone_of(&self, name: Option<&str>) -> Cow<'_, Zone> {
        let named = name.and_then(|name| Zone::parse(name).ok());
        named.map_or(Cow::Borrowed(&self.zone), Cow::Owned)
    }

    /// Policies that do nothing on their own: no scenario, no rule.
    pub fn quiet(zone: Zone, calendar: Calendar) -> Self {
        Self {
            zone,
            calendar,
            scenarios: BTreeMap::new(),
            default_scenario: None,
            rules: RuleBook::default(),
            subscriptions: Subscriptions::default(),
            card_notices_days: Vec::new(),
            status_export: false,
            matching: Matching::default(),
            acceptance: Acceptances::default(),
            contact: Contact::default(),
            collections: Collections::default(),
            expectations: BTreeMap::new(),
            payouts: Payouts::default(),
            finality: Finality::default(),
            task_business_days: None,
            account_numbers: None,
            link_days: LINK_DAYS,
            booked_ahead_days: BOOKED_AHEAD_DAYS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paris() -> (Calendar, Zone) {
        let calendar = Calendar::new("week", 1, vec![6, 7], vec![(5, 1)], vec![], vec![]).unwrap();
        (calendar, Zone::parse("Europe/Paris").unwrap())
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn people_are_written_to_in_their_hours_and_on_open_days() {
        let (calendar, zone) = paris();
        let contact = Contact {
            hours: Some(((8, 0), (20, 0))),
            quiet_weekdays: vec![7],
            business_days: true,
            ..Contact::default()
        };
        let allows = |now: &str| contact.allows(&[], at(now), &calendar, &zone).map(|(at, _)| at);
        assert_eq!(allows("2026-04-30T10:00:00+02:00"), None);
        // Thursday evening, then a holiday and a weekend.
        assert_eq!(allows("2026-04-30T20:00:00+02:00"), Some(at("2026-05-04T08:00:00+02:00")));
        assert_eq!(allows("2026-05-04T07:59:00+02:00"), Some(at("2026-05-04T08:00:00+02:00")));
        // The night in which the clock goes forward.
        assert_eq!(allows("2026-03-29T03:30:00+02:00"), Some(at("2026-03-30T08:00:00+02:00")));
    }

    #[test]
    fn nobody_is_written_to_more_often_than_the_cap() {
        let (calendar, zone) = paris();
        let contact = Contact { per_day: Some(1), per_week: Some(2), ..Contact::default() };
        let now = at("2026-03-04T09:00:00Z");
        let allows = |before: &[&str]| {
            let before: Vec<Timestamp> = before.iter().map(|text| at(text)).collect();
            contact.allows(&before, now, &calendar, &zone)
        };
        assert_eq!(allows(&["2026-03-01T09:00:00Z"]), None);
        assert_eq!(allows(&["2026-03-03T10:00:00Z"]), Some((at("2026-03-04T10:00:00Z"), "enough for a day")));
        let two = ["2026-03-01T09:00:00Z", "2026-03-02T09:00:00Z"];
        assert_eq!(allows(&two), Some((at("2026-03-08T09:00:00Z"), "enough for a week")));
        assert_eq!(allows(&["2026-02-24T09:00:00Z", "2026-02-25T09:00:00Z"]), None);
    }

    #[test]
    fn two_reminders_keep_the_pause_between_them() {
        let (calendar, zone) = paris();
        let contact = Contact { gap_hours: Some(48), hours: Some(((8, 0), (20, 0))), ..Contact::default() };
        let before = [at("2026-02-20T09:00:00Z"), at("2026-03-02T21:00:00+01:00")];
        let allows = |now: &str| contact.allows(&before, at(now), &calendar, &zone);
        // Its end is at night.
        let morning = Some((at("2026-03-05T08:00:00+01:00"), "too soon after the last one"));
        assert_eq!(allows("2026-03-04T09:00:00+01:00"), morning);
        assert_eq!(allows("2026-03-05T09:00:00+01:00"), None);
    }
}
