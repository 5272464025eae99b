//! What screens and exports list, newest first, by keyset pages.

use std::collections::BTreeSet;
use std::sync::Arc;

use fjall::{Guard, Keyspace};
use quittance_actors::partition::{Entity, FileRecord, Row, Saved, StatementRecord, StatusReport};
use quittance_actors::ports::PortError;
use quittance_actors::values::{
    CustomerId, DeliveryId, EntityId, FeedId, PaymentRequestId, PayoutId, PlanId, TenantId, Timestamp, TransferId,
};

use super::{Store, failed, keys};
use crate::journal::codec;

/// A list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// Customers.
    Customers,
    /// Payment requests.
    PaymentRequests,
    /// Transfers.
    Transfers,
    /// Transfers that wait for a person.
    Tasks,
    /// Open payment requests that are collected.
    Collections,
    /// Payouts.
    Payouts,
    /// Payouts that wait for a second person.
    Approvals,
    /// Plans.
    Plans,
    /// Plans that are behind, suspended or wait for a person.
    PlansAttention,
    /// Payment requests of which a reminder waits for a person.
    Reminders,
    /// Customers about whom a person is to do something.
    CustomerTasks,
    /// Open payment requests that are late.
    Late,
    /// Open payment requests that are promised to be paid, or disputed.
    Agreed,
    /// Customers who are on hold, of whom nothing recurring is collected, or whose messages do not arrive.
    KeptBack,
}

impl List {
    pub(super) fn number(self) -> u8 {
        match self {
            List::Customers => 1,
            List::PaymentRequests => 2,
            List::Transfers => 3,
            List::Tasks => 4,
            List::Collections => 5,
            List::Payouts => 6,
            List::Approvals => 7,
            List::Plans => 8,
            List::PlansAttention => 9,
            List::Reminders => 10,
            List::CustomerTasks => 11,
            List::Late => 12,
            List::Agreed => 13,
            List::KeptBack => 14,
        }
    }
}

/// What is found by words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// Customers, by their names.
    Names,
    /// Payment requests, by their numbers.
    Numbers,
}

/// Rows looked at for a word that is begun.
const WORDS_LOOKED_AT_MAX: usize = 50_000;

/// The words by which a number is found: without marks, whole and from its last part on.
pub fn number_words(number: &str) -> Vec<String> {
    let folded =
        |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    let last = number.rsplit(|c: char| !c.is_ascii_alphanumeric()).find(|part| !part.is_empty()).unwrap_or_default();
    let mut words = vec![folded(number), folded(last)];
    words.retain(|word| word.len() >= 2);
    words.dedup();
    words
}

/// A page of a list.
#[derive(Debug)]
pub struct Page {
    /// Entities, in the order asked for.
    pub entities: Vec<(EntityId, Arc<Entity>)>,
    /// Whether others follow.
    pub has_more: bool,
}

impl Store {
    /// A page of `list`: `limit` entities older than `before`, newest first.
    pub fn page(
        &self, tenant: &TenantId, list: List, before: Option<EntityId>, limit: usize,
    ) -> Result<Page, PortError> {
        let start = keys::list_prefix(tenant, list);
        let end = match before {
            Some(id) => keys::list(tenant, list, id),
            None => after_prefix(start.clone()),
        };
        self.listed(self.lists.range(start..end).rev(), limit)
    }

    /// Of `list` the `limit` oldest entities after `after`, the oldest first, and whether newer ones follow.
    pub fn oldest(
        &self, tenant: &TenantId, list: List, after: Option<EntityId>, limit: usize,
    ) -> Result<Page, PortError> {
        let all = keys::list_prefix(tenant, list);
        // The first key after that of an entity is it with a byte more.
        let behind = |id| [keys::list(tenant, list, id).as_slice(), &[0]].concat();
        let start = after.map_or_else(|| all.clone(), behind);
        self.listed(self.lists.range(start..after_prefix(all)), limit)
    }

    /// Entities of which some word starts with each of these: customers by words of their names, payment requests by their
    /// numbers, whole and from the last part on. A name may be one that it was before.
    pub fn found(
        &self, tenant: &TenantId, of: Words, starts: &[&str], limit: usize,
    ) -> Result<Vec<(EntityId, Arc<Entity>)>, PortError> {
        let kind = match of {
            Words::Names => keys::NAMES,
            Words::Numbers => keys::NUMBERS,
        };
        let mut ids: Option<BTreeSet<EntityId>> = None;
        for start in starts {
            let mut with_it = BTreeSet::new();
            for guard in self.lists.prefix(keys::word_prefix(tenant, kind, start)).take(WORDS_LOOKED_AT_MAX) {
                with_it.extend(entity_of(&guard.key().map_err(failed)?));
            }
            ids = Some(ids.map_or_else(|| with_it.clone(), |known| known.intersection(&with_it).copied().collect()));
        }
        let mut found: Vec<(EntityId, Arc<Entity>)> = Vec::new();
        // The newest first.
        for id in ids.into_iter().flatten().rev().take(limit) {
            if let Some(bytes) = self.snapshots.get(keys::snapshot(id)).map_err(failed)? {
                let stored: Saved = codec::decode_value(&bytes).map_err(failed)?;
                found.push((id, stored.entity));
            }
        }
        Ok(found)
    }

    /// The entities that these keys of lists name, so many at most, and whether others follow.
    fn listed(&self, listed: impl Iterator<Item = Guard>, limit: usize) -> Result<Page, PortError> {
        let (mut entities, mut has_more) = (Vec::new(), false);
        for guard in listed {
            if entities.len() == limit {
                has_more = true;
                break;
            }
            let key = guard.key().map_err(failed)?;
            let Some(id) = entity_of(&key) else { continue };
            if let Some(bytes) = self.snapshots.get(keys::snapshot(id)).map_err(failed)? {
                let stored: Saved = codec::decode_value(&bytes).map_err(failed)?;
                entities.push((id, stored.entity));
            }
        }
        Ok(Page { entities, has_more })
    }

    /// Files read, newest first.
    pub fn files(&self, tenant: &TenantId, limit: usize) -> Result<Vec<FileRecord>, PortError> {
        let prefix = keys::tenant(tenant);
        newest(&self.files, prefix.clone()..after_prefix(prefix), limit)
    }

    /// Bank statements read, by account, the newest of each first, with the feed they came by.
    pub fn statements(&self, tenant: &TenantId, limit: usize) -> Result<Vec<(String, StatementRecord)>, PortError> {
        let prefix = keys::tenant(tenant);
        newest(&self.statements, prefix.clone()..after_prefix(prefix), limit)
    }

    /// What banks reported of orders, of one end-to-end id or of all, with the feed and the time.
    pub fn orders(
        &self, tenant: &TenantId, end_to_end_id: Option<&str>, limit: usize,
    ) -> Result<Vec<(String, Timestamp, StatusReport)>, PortError> {
        let prefix = end_to_end_id.map_or_else(|| keys::tenant(tenant), |id| keys::orders(tenant, id));
        newest(&self.orders, prefix.clone()..after_prefix(prefix), limit)
    }

    /// Deliveries given up, older than `before`, newest first.
    pub fn dead(
        &self, tenant: &TenantId, before: Option<DeliveryId>, limit: usize,
    ) -> Result<Vec<(DeliveryId, Row)>, PortError> {
        let start = keys::tenant(tenant);
        let end = before.map_or_else(|| after_prefix(start.clone()), |before| keys::dead(tenant, before));
        let mut rows = Vec::new();
        for guard in self.dead.range(start..end).rev().take(limit) {
            let (key, value) = guard.into_inner().map_err(failed)?;
            let Some((_, id)) = key.split_last_chunk::<16>() else { continue };
            rows.push((DeliveryId::from_bytes(*id), codec::decode_value(&value).map_err(failed)?));
        }
        Ok(rows)
    }

    /// A delivery that was given up.
    pub fn dead_one(&self, tenant: &TenantId, id: DeliveryId) -> Result<Option<Row>, PortError> {
        let bytes = self.dead.get(keys::dead(tenant, id)).map_err(failed)?;
        bytes.map(|bytes| codec::decode_value(&bytes).map_err(failed)).transpose()
    }
}

fn newest<T: serde::de::DeserializeOwned>(
    keyspace: &Keyspace, range: std::ops::Range<Vec<u8>>, limit: usize,
) -> Result<Vec<T>, PortError> {
    let mut values = Vec::new();
    for guard in keyspace.range(range).rev().take(limit) {
        values.push(codec::decode_value(&guard.value().map_err(failed)?).map_err(failed)?);
    }
    Ok(values)
}

/// The first key after every key that starts with `prefix`, which never ends in 0xff here.
pub(super) fn after_prefix(mut prefix: Vec<u8>) -> Vec<u8> {
    if let Some(last) = prefix.last_mut() {
        *last = last.saturating_add(1);
    }
    prefix
}

pub(super) fn entity_of(key: &[u8]) -> Option<EntityId> {
    let (_, id) = key.split_last_chunk::<17>()?;
    let (kind, bytes) = id.split_first()?;
    let bytes: [u8; 16] = bytes.try_into().ok()?;
    match kind {
        1 => Some(EntityId::Customer(CustomerId::from_bytes(bytes))),
        2 => Some(EntityId::PaymentRequest(PaymentRequestId::from_bytes(bytes))),
        3 => Some(EntityId::Transfer(TransferId::from_bytes(bytes))),
        4 => Some(EntityId::Feed(FeedId::from_bytes(bytes))),
        5 => Some(EntityId::Payout(PayoutId::from_bytes(bytes))),
        6 => Some(EntityId::Plan(PlanId::from_bytes(bytes))),
        _ => None,
    }
}
