//! How many calls a key makes in a minute, where the configuration says so: what is above is answered with 429, and when
//! to come again. The count is of this process.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use quittance_actors::values::TenantId;

use super::Problem;
use crate::config::Config;

/// The calls of keys.
pub struct Rates {
    limiters: BTreeMap<(TenantId, String), DefaultDirectRateLimiter>,
    clock: DefaultClock,
}

impl Rates {
    /// Those of a configuration.
    pub fn of(config: &Config) -> Self {
        let keys = config.service.tenants.iter().flat_map(|tenant| {
            let limited = tenant.api_keys.iter().filter_map(|key| Some((key, NonZeroU32::new(key.per_minute?)?)));
            limited.map(|(key, most)| {
                ((tenant.id.clone(), key.id.clone()), RateLimiter::direct(Quota::per_minute(most)))
            })
        });
        Self { limiters: keys.collect(), clock: DefaultClock::default() }
    }

    /// Counts a call of a key, if that is not too many.
    pub(super) fn take(&self, tenant: &TenantId, key: &str) -> Result<(), Problem> {
        let Some(limiter) = self.limiters.get(&(tenant.clone(), key.to_owned())) else { return Ok(()) };
        limiter.check().map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            // A second that has begun is waited for whole.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            Problem::too_many(format!("the key \"{key}\" makes more calls than its per_minute"), seconds)
        })
    }
}
