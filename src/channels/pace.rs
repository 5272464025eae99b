//! How much may leave in how long: of one rule in an hour, so that a mistake in it is a trickle and not a flood, and to the
//! mailboxes of one domain in a minute, so that their host takes it.
//!
//! What is too much waits, in turn, and is lost never. The count is of this process: after a restart an hour begins anew.

use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;
use quittance_actors::delivery::{Channel, Recipient};
use quittance_actors::ports::Prepared;
use quittance_actors::values::{TenantId, Timestamp};
use tracing::warn;

use crate::config::{Config, EmailTransport};

const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;
/// Windows that are remembered; those that have passed leave first.
const WINDOWS_MAX: usize = 10_000;

/// The most that may leave.
#[derive(Debug, Default)]
pub struct Limits {
    /// Mails to the mailboxes of a domain in a minute.
    pub domains: BTreeMap<String, u32>,
}

impl Limits {
    /// As they are configured.
    pub fn of(config: &Config) -> Self {
        let domains = match &config.service.email {
            EmailTransport::Catch => BTreeMap::new(),
            EmailTransport::Smtp(relay) => relay.per_minute.clone(),
        };
        Self { domains }
    }
}

/// What has left lately.
#[derive(Debug, Default)]
pub struct Pace {
    limits: Limits,
    windows: Mutex<HashMap<(TenantId, String), Window>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Timestamp,
    /// What has left in it, and what waits for a later one.
    taken: u32,
}

impl Pace {
    /// A pace within `limits`.
    pub fn new(limits: Limits) -> Self {
        Self { limits, windows: Mutex::default() }
    }

    /// Until when a delivery waits that is too much now, and why; so much of its rule may leave in an hour. What may leave is
    /// counted as having left; a mail that was not taken is not counted a second time for its rule.
    pub fn holds_back(
        &self, prepared: &Prepared, most_per_hour: Option<u32>, now: Timestamp,
    ) -> Option<(Timestamp, String)> {
        let Prepared { delivery, attempt, .. } = prepared;
        if !delivery.channel.reaches_people() {
            return None;
        }
        let of_cause = most_per_hour.filter(|_| *attempt <= 1);
        let cause = of_cause.map(|most| Bound { of: delivery.cause.to_string(), most, length_ms: HOUR_MS });
        let domain = domain_of(prepared).and_then(|of| {
            let most = *self.limits.domains.get(&of)?;
            Some(Bound { of, most, length_ms: MINUTE_MS })
        });
        let bounds: Vec<Bound> = cause.into_iter().chain(domain).collect();
        let Full { bound, until, is_first } = self.take(&delivery.tenant, &bounds, now)?;
        let Bound { of, most, length_ms } = bound;
        Some((
            until,
            match length_ms {
                HOUR_MS => {
                    if is_first {
                        warn!(tenant = %delivery.tenant, cause = %of, most, "a rule has reached its limit of an hour");
                    }
                    format!("the {of} has sent {most} messages in an hour, its limit")
                }
                _ => format!("{of} takes {most} mails in a minute"),
            },
        ))
    }

    /// Takes a place in the windows of all bounds; or, when one is full, a place of its later windows, and none of the others.
    fn take(&self, tenant: &TenantId, bounds: &[Bound], now: Timestamp) -> Option<Full> {
        let mut windows = self.windows.lock();
        if windows.len() >= WINDOWS_MAX {
            windows.retain(|_, window| window.began.plus_millis(HOUR_MS) > now);
        }
        for bound in bounds {
            let key = (tenant.clone(), bound.of.clone());
            windows.entry(key).or_insert(Window { began: now, taken: 0 }).move_to(now, bound.length_ms);
        }
        let taken = |bound: &Bound, windows: &HashMap<(TenantId, String), Window>| {
            windows.get(&(tenant.clone(), bound.of.clone())).map_or(0, |window| window.taken)
        };
        let full = bounds.iter().position(|bound| taken(bound, &windows) >= bound.most.max(1));
        let counted = match full {
            Some(full) => bounds.get(full..=full).unwrap_or_default(),
            None => bounds,
        };
        let mut found = None;
        for bound in counted {
            let Some(window) = windows.get_mut(&(tenant.clone(), bound.of.clone())) else { continue };
            let (place, most) = (window.taken, bound.most.max(1));
            window.taken = window.taken.saturating_add(1);
            if full.is_some() {
                let later = i64::from(place / most);
                let until = window.began.plus_millis(bound.length_ms.saturating_mul(later));
                found = Some(Full { bound: bound.clone(), until, is_first: place == most });
            }
        }
        found
    }
}

/// What may leave of something, in a window.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bound {
    of: String,
    most: u32,
    length_ms: i64,
}

/// A window that is full.
#[derive(Debug, PartialEq, Eq)]
struct Full {
    bound: Bound,
    until: Timestamp,
    /// Whether this is the first that finds it so.
    is_first: bool,
}

impl Window {
    /// Windows follow each other without a gap: who was told when its place comes is let through then.
    fn move_to(&mut self, now: Timestamp, length_ms: i64) {
        let passed = now.unix_millis().saturating_sub(self.began.unix_millis());
        if passed < 0 {
            *self = Self { began: now, taken: 0 }; // The clock was set back.
        } else if passed >= length_ms {
            let whole = passed - passed % length_ms;
            *self = Self { began: self.began.plus_millis(whole), taken: 0 };
        }
    }
}

/// The domain of the mailbox that a mail to a customer goes to.
fn domain_of(prepared: &Prepared) -> Option<String> {
    let delivery = &prepared.delivery;
    if delivery.channel != Channel::Email || !matches!(delivery.recipient, Recipient::Customer(_)) {
        return None;
    }
    let address = prepared.customer.as_ref()?.email.as_ref()?.as_str();
    Some(address.rsplit('@').next()?.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_waits_for_the_windows_that_follow_and_the_next_window_begins_anew() {
        let pace = Pace::new(Limits::default());
        let tenant = TenantId::parse("shop").unwrap();
        let at = |seconds: i64| Timestamp::from_unix_millis(seconds * 1_000);
        let bound = |of: &str, length_ms| Bound { of: of.to_owned(), most: 2, length_ms };
        let told = |full: Option<Full>| full.map(|full| (full.until.unix_millis() / 1_000, full.is_first));
        let take = |of: &str, now: i64| told(pace.take(&tenant, &[bound(of, MINUTE_MS)], at(now)));
        assert_eq!((take("a", 0), take("a", 10)), (None, None));
        assert_eq!(take("a", 20), Some((60, true)), "and people are told once");
        assert_eq!((take("a", 21), take("a", 22)), (Some((60, false)), Some((120, false))));
        assert_eq!(take("b", 22), None, "others have a window of their own");
        // The next window begins where this one ends, however late somebody comes.
        assert_eq!((take("a", 75), take("a", 76)), (None, None));
        assert_eq!(take("a", 77), Some((120, true)));
        assert_eq!(take("a", 120), None);
        // A clock that was set back begins anew as well.
        assert_eq!(take("a", 5), None);
        // Where two bounds hold, what one of them keeps back takes nothing of the other.
        let both = |now: i64| told(pace.take(&tenant, &[bound("rule", HOUR_MS), bound("host", MINUTE_MS)], at(now)));
        assert_eq!((both(1_000), told(pace.take(&tenant, &[bound("host", MINUTE_MS)], at(1_001)))), (None, None));
        assert_eq!((both(1_002), both(1_003)), (Some((1_060, true)), Some((1_060, false))));
        assert_eq!(both(1_060), None, "one place of the rule was left");
        assert_eq!(both(1_061), Some((4_600, true)), "and now none");
    }
}
