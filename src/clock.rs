//! The system clock and the random source: the only caller of either (N3).

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use quittance_actors::ports::Clock;
use quittance_actors::values::{TenantId, Timestamp};

/// The system's clock, and the test clocks of sandbox tenants.
#[derive(Default)]
pub struct Clocks {
    tests: Mutex<BTreeMap<TenantId, Timestamp>>,
}

/// The system's time.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub fn system_now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_millis(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
}

/// Random bytes of the system's generator.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness ids would collide and secrets be guessed: better no service.
    getrandom::fill(&mut bytes).expect("the system has a random generator");
    bytes
}

impl Clocks {
    /// Clocks in which the given tenants have a test clock.
    pub fn new(tests: impl IntoIterator<Item = (TenantId, Timestamp)>) -> Self {
        Self { tests: Mutex::new(tests.into_iter().collect()) }
    }

    /// Takes over how far a test clock had been moved.
    pub fn restore(&self, tenant: &TenantId, at: Timestamp) {
        if let Some(test) = self.tests.lock().get_mut(tenant) {
            *test = at.max(*test);
        }
    }

    /// The test clock of a tenant, if it has one.
    pub fn test_clock(&self, tenant: &TenantId) -> Option<Timestamp> {
        self.tests.lock().get(tenant).copied()
    }
}

impl Clock for Clocks {
    fn now(&self, tenant: &TenantId) -> Timestamp {
        self.test_clock(tenant).unwrap_or_else(system_now)
    }

    fn system_now(&self) -> Timestamp {
        system_now()
    }

    fn advance(&self, tenant: &TenantId, to: Timestamp) -> bool {
        match self.tests.lock().get_mut(tenant) {
            Some(test) => {
                *test = to.max(*test);
                true
            }
            None => false,
        }
    }

    fn random(&self) -> u64 {
        u64::from_be_bytes(random_bytes())
    }
}
