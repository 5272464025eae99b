//! The directory: entries of the store, and above them what has been learned or reserved since.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use quittance_actors::partition::{DirectoryEntry, DirectoryKey, DirectoryValue};
use quittance_actors::ports::{Directory, Found, PortError};
use quittance_actors::values::{AccountPool, TenantId};

use super::{Store, keys};

/// Lookups over every partition.
pub struct StoreDirectory {
    store: Arc<Store>,
    recent: Mutex<Recent>,
}

#[derive(Default)]
struct Recent {
    /// Learned since the last checkpoint.
    entries: HashMap<DirectoryKey, DirectoryValue>,
    /// Reserved, and by how many callers.
    reserved: HashMap<DirectoryKey, (DirectoryValue, usize)>,
    pools: HashMap<(TenantId, AccountPool), u64>,
}

impl StoreDirectory {
    /// A directory over `store`.
    pub fn new(store: Arc<Store>) -> Self {
        Self { store, recent: Mutex::default() }
    }

    fn stored(&self, key: &DirectoryKey) -> Result<Option<DirectoryValue>, PortError> {
        self.store.meaning(&keys::directory(key))
    }
}

impl Directory for StoreDirectory {
    fn find(&self, key: &DirectoryKey) -> Result<Option<DirectoryValue>, PortError> {
        let recent = self.recent.lock().entries.get(key).copied();
        match recent {
            Some(value) => Ok(Some(value)),
            None => self.stored(key),
        }
    }

    fn find_or_reserve(&self, key: &DirectoryKey, value: &DirectoryValue) -> Result<Found, PortError> {
        // Under the lock from the first look to the last: an entry that moves into the store in
        // between must not be reserved a second time.
        let mut recent = self.recent.lock();
        if let Some(known) = recent.entries.get(key) {
            return Ok(Found::Known(*known));
        }
        if let Some(known) = self.stored(key)? {
            return Ok(Found::Known(known));
        }
        let (value, holders) = recent.reserved.entry(key.clone()).or_insert((*value, 0));
        *holders += 1;
        Ok(Found::Reserved(*value))
    }

    fn release(&self, key: &DirectoryKey) {
        let mut recent = self.recent.lock();
        if let Some((_, holders)) = recent.reserved.get_mut(key) {
            *holders -= 1;
            if *holders == 0 {
                recent.reserved.remove(key);
            }
        }
    }

    fn learn(&self, entries: &[DirectoryEntry]) {
        if entries.is_empty() {
            return;
        }
        let mut recent = self.recent.lock();
        for (key, value) in entries {
            let mut value = *value;
            if key.may_be_shared() {
                // A store that cannot be read stops the checkpoints, and says so there.
                let known = recent.entries.get(key).copied().or_else(|| self.stored(key).ok().flatten());
                value = key.learned(known, value);
            }
            recent.entries.insert(key.clone(), value);
        }
    }

    fn checkpointed(&self, entries: &[DirectoryEntry]) {
        let mut recent = self.recent.lock();
        for (key, _) in entries {
            // What was learned while this was being written is not in the store yet.
            let newer = key.may_be_shared() && recent.entries.get(key).copied() != self.stored(key).ok().flatten();
            if !newer {
                recent.entries.remove(key);
            }
        }
        // After a great import the table would stay as large as it once had to be.
        if recent.entries.len() < recent.entries.capacity() / 8 {
            recent.entries.shrink_to(1_024);
        }
    }

    fn next_pool_index(&self, tenant: &TenantId, pool: &AccountPool) -> u64 {
        let mut recent = self.recent.lock();
        let next = self.drawn(&mut recent, tenant, pool);
        let index = *next;
        *next += 1;
        index
    }

    fn drawn_of_pool(&self, tenant: &TenantId, pool: &AccountPool) -> u64 {
        *self.drawn(&mut self.recent.lock(), tenant, pool)
    }
}

impl StoreDirectory {
    /// How far a range was drawn. Numbers given before are skipped one by one by the caller; their count is a start.
    fn drawn<'a>(&self, recent: &'a mut Recent, tenant: &TenantId, pool: &AccountPool) -> &'a mut u64 {
        let Recent { entries, pools, .. } = recent;
        pools.entry((tenant.clone(), pool.clone())).or_insert_with(|| {
            let prefix = keys::virtual_ibans(tenant);
            let of_pool = |key: &[u8]| {
                let iban = key.get(prefix.len()..).and_then(|iban| std::str::from_utf8(iban).ok());
                iban.is_some_and(|iban| pool.holds_written(iban))
            };
            let stored = self.store.directory.prefix(&prefix).filter_map(|row| row.key().ok());
            let stored = stored.filter(|key| of_pool(key));
            let learned = entries
                .keys()
                .filter(|key| matches!(key, DirectoryKey::VirtualIban(of, iban) if of == tenant && pool.holds(iban)));
            u64::try_from(stored.count().max(learned.count())).unwrap_or(0)
        })
    }
}

#[cfg(test)]
mod tests {
    use quittance_actors::values::{CustomerId, Timestamp};

    use super::*;
    use crate::journal::codec;

    #[test]
    fn a_name_that_a_second_customer_takes_while_a_checkpoint_is_written_stays_nobodys() {
        let folder = std::env::temp_dir().join(format!("quittance-directory-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let store = Arc::new(Store::open(&folder).unwrap());
        let directory = StoreDirectory::new(Arc::clone(&store));
        let key = DirectoryKey::Name(TenantId::parse("shop").unwrap(), 7);
        let customer = |number| DirectoryValue::Customer(CustomerId::new(Timestamp::default(), number, 1));
        directory.learn(&[(key.clone(), customer(1))]);
        assert_eq!(directory.find(&key).unwrap(), Some(customer(1)));
        // The checkpoint has the first one; the second comes before it has been told of.
        store.directory.insert(keys::directory(&key), codec::encode_value(&customer(1)).unwrap()).unwrap();
        directory.learn(&[(key.clone(), customer(2))]);
        directory.checkpointed(&[(key.clone(), customer(1))]);
        let both = [1, 2, 2].map(|number| CustomerId::new(Timestamp::default(), number, 1));
        assert_eq!(directory.find(&key).unwrap(), Some(DirectoryValue::Customers(both, 2)));
        // The same customer again changes nothing.
        directory.learn(&[(key.clone(), customer(2))]);
        assert_eq!(directory.find(&key).unwrap(), Some(DirectoryValue::Customers(both, 2)));
        drop((directory, store));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
