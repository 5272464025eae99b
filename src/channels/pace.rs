//! How much may leave in how long: of one rule in an hour, so that a mistake in it is a trickle and not a flood, and to the
//! mailboxes of one domain in a minute, so that their host takes it.
//!
//! What is too much waits, in turn, and is lost never. The count is of this process: after a restart an hour begins anew.

use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;
use quittance_actors::delivery::{Channel, Delivery, Recipient};
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
    /// Messages of a rule in an hour, by what its deliveries name as their cause.
    pub causes: BTreeMap<String, u32>,
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
        Self { causes: config.automation.limits.clone(), domains }
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

    /// Until when a delivery waits that is too much now, and why. What may leave is counted as having left.
    pub fn holds_back(&self, prepared: &Prepared, now: Timestamp) -> Option<(Timestamp, String)> {
        let delivery = &prepared.delivery;
        if !delivery.channel.reaches_people() {
            return None;
        }
        self.of_cause(delivery, now).or_else(|| self.of_domain(prepared, now))
    }

    fn of_cause(&self, delivery: &Delivery, now: Timestamp) -> Option<(Timestamp, String)> {
        let most = *self.limits.causes.get(&*delivery.cause)?;
        let (until, first) = self.take((&delivery.tenant, &delivery.cause), most, HOUR_MS, now)?;
        if first {
            warn!(tenant = %delivery.tenant, cause = %delivery.cause, most, "a rule has reached its limit of an hour");
        }
        Some((until, format!("the {} has sent {most} messages in an hour, its limit", delivery.cause)))
    }

    fn of_domain(&self, prepared: &Prepared, now: Timestamp) -> Option<(Timestamp, String)> {
        let delivery = &prepared.delivery;
        if delivery.channel != Channel::Email || !matches!(delivery.recipient, Recipient::Customer(_)) {
            return None;
        }
        let address = prepared.customer.as_ref()?.email.as_ref()?.as_str();
        let domain = address.rsplit('@').next()?.to_ascii_lowercase();
        let most = *self.limits.domains.get(&domain)?;
        let (until, _) = self.take((&delivery.tenant, &domain), most, MINUTE_MS, now)?;
        Some((until, format!("{domain} takes {most} mails in a minute")))
    }

    /// Takes a place in a window, or says when there is one, each later than the one before; and whether it is the first that
    /// finds the window full.
    fn take(
        &self, (tenant, of): (&TenantId, &str), most: u32, length_ms: i64, now: Timestamp,
    ) -> Option<(Timestamp, bool)> {
        let most = most.max(1);
        let mut windows = self.windows.lock();
        if windows.len() >= WINDOWS_MAX {
            windows.retain(|_, window| window.began.plus_millis(HOUR_MS) > now);
        }
        let window = windows.entry((tenant.clone(), of.to_owned())).or_insert(Window { began: now, taken: 0 });
        // What waits for the next window has its place there already: it is counted when it comes.
        if now >= window.began.plus_millis(length_ms) || now < window.began {
            *window = Window { began: now, taken: 0 };
        }
        let place = window.taken;
        window.taken = window.taken.saturating_add(1);
        if place < most {
            return None;
        }
        let windows_later = i64::from(place / most);
        Some((window.began.plus_millis(length_ms.saturating_mul(windows_later)), place == most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_waits_for_the_windows_that_follow_and_the_next_window_begins_anew() {
        let pace = Pace::new(Limits::default());
        let tenant = TenantId::parse("shop").unwrap();
        let at = |seconds: i64| Timestamp::from_unix_millis(seconds * 1_000);
        let take = |of: &str, now: i64| pace.take((&tenant, of), 2, MINUTE_MS, at(now));
        assert_eq!((take("a", 0), take("a", 10)), (None, None));
        assert_eq!(take("a", 20), Some((at(60), true)), "and people are told once");
        assert_eq!((take("a", 21), take("a", 22)), (Some((at(60), false)), Some((at(120), false))));
        assert_eq!(take("b", 22), None, "others have a window of their own");
        assert_eq!((take("a", 60), take("a", 61)), (None, None));
        assert_eq!(take("a", 62), Some((at(120), true)));
        // A clock that was set back begins anew as well.
        assert_eq!(take("a", 5), None);
    }
}
