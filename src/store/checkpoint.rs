//! Writing checkpoints and reading snapshots back.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fjall::{Keyspace, PersistMode};
use quittance_actors::partition::{
    ArmedTimer, Checkpoint, DirectoryEntry, DirectoryKey, DirectoryValue, Entity, Receipt, Saved, SystemFact,
};
use quittance_actors::payment_request;
use quittance_actors::payout;
use quittance_actors::plan;
use quittance_actors::ports::{PortError, Round, Snapshots};
use quittance_actors::transfer;
use quittance_actors::values::{CommandId, EntityId, TenantId, Timestamp, name_key, name_words};

use super::{List, Store, behind, failed, keys, number_words, tries};
use crate::journal::codec;

/// Rows of one batch: a batch holds the store's journal while it is applied.
const BATCH_ROWS: usize = 16_384;
/// Lanes whose states are encoded and written together.
const LANES_AT_ONCE: usize = 16;
/// Rows of a round above which commands wait for the store as it waits for them: what is not written yet
/// is in memory.
const URGENT_ROWS: usize = 1_500_000;
/// Free space below which no checkpoint is begun: a store that meets a full disk is lost until
/// the next start, the log is not.
const FREE_BYTES_MIN: u64 = 192 << 20;

/// Rows of a keyspace: a key, and its value unless the row goes.
pub(super) type Rows = Vec<(Vec<u8>, Option<Vec<u8>>)>;

pub(super) fn value<T: serde::Serialize>(of: &T) -> Result<Option<Vec<u8>>, PortError> {
    codec::encode_value(of).map(Some).map_err(failed)
}

impl Store {
    /// Writes rows in the order of their keys, in batches.
    pub(super) fn write_rows(&self, keyspace: &Keyspace, mut rows: Rows) -> Result<(), PortError> {
        rows.sort_by(|(a, _), (b, _)| a.cmp(b)); // Stable: of the same key the last one holds.
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let mut batch = self.database.batch();
            for (key, value) in rows.by_ref().take(BATCH_ROWS) {
                match value {
                    Some(value) => batch.insert(keyspace, key, value),
                    None => batch.remove(keyspace, key),
                }
            }
            batch.commit().map_err(failed)?;
        }
        Ok(())
    }

    /// States and what only ever grows: replay passes over what is there already.
    fn write_states(&self, checkpoints: &[Checkpoint]) -> Result<(), PortError> {
        // A few lanes at a time: rows of all of them at once would double the memory of a round.
        checkpoints.chunks(LANES_AT_ONCE).try_for_each(|lanes| self.write_states_of(lanes))
    }

    fn write_states_of(&self, checkpoints: &[Checkpoint]) -> Result<(), PortError> {
        let (mut snapshots, mut lists) = (Rows::new(), Rows::new());
        let (mut directory, mut seen, mut files) = (Rows::new(), Rows::new(), Rows::new());
        let (mut statements, mut orders) = (Rows::new(), Rows::new());
        let mut shared: HashMap<Vec<u8>, DirectoryValue> = HashMap::new();
        for checkpoint in checkpoints {
            let named: BTreeSet<EntityId> = checkpoint.directory.iter().filter_map(renamed).collect();
            for (id, saved, new) in &checkpoint.entities {
                list(&saved.tenant, *id, &saved.entity, *new, &mut lists);
                if *new || named.contains(id) || has_no_key(&saved.entity) {
                    words(&saved.tenant, *id, &saved.entity, &mut lists);
                }
                snapshots.push((keys::snapshot(*id), value(saved)?));
            }
            for (key, meaning) in &checkpoint.directory {
                let row = keys::directory(key);
                let mut meaning = *meaning;
                if key.may_be_shared() {
                    let known = match shared.get(&row) {
                        Some(known) => Some(*known),
                        None => self.meaning(&row)?,
                    };
                    meaning = key.learned(known, meaning);
                    shared.insert(row.clone(), meaning);
                }
                directory.push((row, value(&meaning)?));
            }
            for (command, receipt) in &checkpoint.receipts {
                seen.push((keys::seen(*command), value(receipt)?));
            }
            for (tenant, at, fact) in &checkpoint.facts {
                match fact {
                    SystemFact::FileFinished(file) => {
                        files.push((keys::file(tenant, *at, &file.digest), value(file)?));
                    }
                    SystemFact::StatementsRead { feed, statements: read, .. } => {
                        for statement in read {
                            let stored = (feed.clone(), statement.clone());
                            statements.push((keys::statement(tenant, statement), value(&stored)?));
                        }
                    }
                    SystemFact::OrdersReported { feed, reports, .. } => {
                        for report in reports {
                            let stored = (feed.clone(), *at, report.clone());
                            orders.push((keys::order(tenant, report), value(&stored)?));
                        }
                    }
                    _ => {}
                }
            }
        }
        // States last: what is stored tells a replay that everything about it is.
        self.write_rows(&self.lists, lists)?;
        self.write_rows(&self.directory, directory)?;
        self.write_rows(&self.seen, seen)?;
        self.write_rows(&self.files, files)?;
        self.write_rows(&self.statements, statements)?;
        self.write_rows(&self.orders, orders)?;
        self.write_rows(&self.snapshots, snapshots)
    }

    /// What a row of the directory means.
    pub(super) fn meaning(&self, row: &[u8]) -> Result<Option<DirectoryValue>, PortError> {
        let bytes = self.directory.get(row).map_err(failed)?;
        bytes.map(|bytes| codec::decode_value(&bytes).map_err(failed)).transpose()
    }

    /// Timers packed by tenant and hour: one row per hour in which something was armed.
    fn timer_rows(&self, round: &Round<'_>) -> Result<Rows, PortError> {
        let fired: BTreeMap<&TenantId, Timestamp> = round.fired_before.iter().map(|(of, at)| (of, *at)).collect();
        let mut packed: BTreeMap<(&TenantId, i64), Vec<ArmedTimer>> = BTreeMap::new();
        for (tenant, timer) in round.checkpoints.iter().flat_map(|checkpoint| &checkpoint.armed) {
            if fired.get(tenant).is_none_or(|before| timer.due >= *before) {
                packed.entry((tenant, keys::hour(timer.due))).or_default().push(*timer);
            }
        }
        let mut rows = Rows::new();
        for ((tenant, hour), mut timers) in packed {
            // Two rounds can name one position: the second one adds to the first one's row.
            let key = keys::timers(tenant, hour, round.position);
            if let Some(bytes) = self.timers.get(&key).map_err(failed)? {
                timers.extend(codec::decode_value::<Vec<ArmedTimer>>(&bytes).map_err(failed)?);
                timers.sort_unstable();
                timers.dedup();
            }
            rows.push((key, value(&timers)?));
        }
        // Hours that have fired whole.
        for (tenant, before) in fired {
            let range = keys::timers_from(tenant, i64::MIN)..keys::timers_from(tenant, keys::hour(before));
            for guard in self.timers.range(range) {
                rows.push((guard.key().map_err(failed)?.to_vec(), None));
            }
        }
        Ok(rows)
    }

    /// Log time never goes back, whichever lane wrote last.
    fn time_rows(&self, times: BTreeMap<&TenantId, Timestamp>) -> Result<Rows, PortError> {
        let mut rows = Rows::new();
        for (tenant, at) in times {
            let key = keys::time(tenant);
            let stored = self.meta.get(&key).map_err(failed)?;
            let stored = stored.map(|bytes| codec::decode_value::<(TenantId, Timestamp)>(&bytes)).transpose();
            let at = stored.map_err(failed)?.map_or(at, |(_, stored)| at.max(stored));
            rows.push((key, value(&(tenant, at))?));
        }
        Ok(rows)
    }
}

/// The latest time of each tenant.
fn times_of(checkpoints: &[Checkpoint]) -> BTreeMap<&TenantId, Timestamp> {
    let mut times: BTreeMap<&TenantId, Timestamp> = BTreeMap::new();
    for (tenant, at) in checkpoints.iter().flat_map(|checkpoint| &checkpoint.times) {
        let newest = times.entry(tenant).or_insert(*at);
        *newest = (*newest).max(*at);
    }
    times
}

/// The customer whose name a directory entry tells.
fn renamed((key, meaning): &DirectoryEntry) -> Option<EntityId> {
    match (key, meaning) {
        (DirectoryKey::Name(..), DirectoryValue::Customer(id)) => Some(EntityId::Customer(*id)),
        _ => None,
    }
}

/// Whether it is a customer of so short a name that no directory entry tells of it.
fn has_no_key(state: &Entity) -> bool {
    let profile = state.as_customer().and_then(|customer| customer.profile.as_ref());
    profile.is_some_and(|profile| name_key(&profile.name).is_none())
}

/// Words of a name that it is found by.
const WORDS_MAX: usize = 8;

/// What people look for an entity by. Rows of a former name stay: whoever reads looks at the name as it is.
fn words(tenant: &TenantId, id: EntityId, state: &Entity, rows: &mut Rows) {
    let (kind, words) = match state {
        Entity::Customer(customer) => {
            (keys::NAMES, customer.profile.as_ref().map(|profile| name_words(&profile.name)))
        }
        Entity::PaymentRequest(request) => {
            (keys::NUMBERS, request.terms.as_ref().map(|terms| number_words(&terms.external_ref)))
        }
        _ => return,
    };
    for word in words.into_iter().flatten().take(WORDS_MAX) {
        rows.push((keys::word(tenant, kind, &word, id), Some(Vec::new())));
    }
}

fn list(tenant: &TenantId, id: EntityId, state: &Entity, new: bool, rows: &mut Rows) {
    let list = match state {
        Entity::Customer(customer) => {
            if customer.rare.tasks_opened > 0 {
                let waits = !customer.rare.tasks.is_empty();
                rows.push((keys::list(tenant, List::CustomerTasks, id), waits.then(Vec::new)));
            }
            if customer.rare.is_said() {
                rows.push((keys::list(tenant, List::KeptBack, id), customer.is_kept_back().then(Vec::new)));
            }
            List::Customers
        }
        Entity::PaymentRequest(request) => {
            if request.collection.is_some() {
                let open = request.status == payment_request::Status::Open;
                rows.push((keys::list(tenant, List::Collections, id), open.then(Vec::new)));
            }
            if request.rare.approval_asked {
                let waits = request.awaits_approval().is_some();
                rows.push((keys::list(tenant, List::Reminders, id), waits.then(Vec::new)));
            }
            let is_open = request.status == payment_request::Status::Open;
            if request.overdue || !is_open {
                let late = is_open && request.overdue;
                rows.push((keys::list(tenant, List::Late, id), late.then(Vec::new)));
            }
            if request.rare.is_said() {
                let agreed = is_open && (request.rare.promise.is_some() || request.rare.dispute.is_some());
                rows.push((keys::list(tenant, List::Agreed, id), agreed.then(Vec::new)));
            }
            List::PaymentRequests
        }
        Entity::Transfer(transfer) => {
            let doubtful = transfer.status == transfer::Status::NeedsDecision;
            rows.push((keys::list(tenant, List::Tasks, id), doubtful.then(Vec::new)));
            List::Transfers
        }
        Entity::Feed(_) => return,
        Entity::Payout(payout) => {
            let awaits = payout.status == payout::Status::AwaitsApproval;
            rows.push((keys::list(tenant, List::Approvals, id), awaits.then(Vec::new)));
            List::Payouts
        }
        Entity::Plan(plan) => {
            let behind = matches!(plan.status(), plan::Status::PastDue | plan::Status::Suspended);
            let attention = behind || plan.question.is_some();
            rows.push((keys::list(tenant, List::PlansAttention, id), attention.then(Vec::new)));
            List::Plans
        }
    };
    if new {
        rows.push((keys::list(tenant, list, id), Some(Vec::new())));
    }
}

impl Snapshots for Store {
    fn load(&self, entity: EntityId) -> Result<Option<Saved>, PortError> {
        let bytes = self.snapshots.get(keys::snapshot(entity)).map_err(failed)?;
        bytes.map(|bytes| codec::decode_value(&bytes).map_err(failed)).transpose()
    }

    fn receipt(&self, command: CommandId) -> Result<Option<Receipt>, PortError> {
        let bytes = self.seen.get(keys::seen(command)).map_err(failed)?;
        bytes.map(|bytes| codec::decode_value(&bytes).map_err(failed)).transpose()
    }

    fn is_full(&self) -> bool {
        fs4::available_space(&self.folder).is_ok_and(|bytes| bytes < FREE_BYTES_MIN)
    }

    fn timers(&self, tenant: &TenantId, from: Timestamp, until: Timestamp) -> Result<Vec<ArmedTimer>, PortError> {
        let range = keys::timers_from(tenant, keys::hour(from))..keys::timers_until(tenant, keys::hour(until));
        let mut timers = Vec::new();
        for guard in self.timers.range(range) {
            let packed: Vec<ArmedTimer> = codec::decode_value(&guard.value().map_err(failed)?).map_err(failed)?;
            timers.extend(packed.into_iter().filter(|timer| timer.due >= from && timer.due < until));
        }
        Ok(timers)
    }

    fn write(&self, round: &Round<'_>) -> Result<(), PortError> {
        let rows = |of: &Checkpoint| of.entities.len() + of.directory.len() + of.receipts.len() + of.armed.len();
        let urgent = round.checkpoints.iter().map(rows).sum::<usize>() > URGENT_ROWS;
        behind(urgent, || self.write_round(round))
    }
}

impl Store {
    fn write_round(&self, round: &Round<'_>) -> Result<(), PortError> {
        self.write_states(round.checkpoints)?;
        // The rest is all or nothing, with the position that it belongs to.
        let times = times_of(round.checkpoints);
        self.write_rows(&self.tries, tries::packed(round.checkpoints)?)?;
        self.write_rows(&self.tries, self.old_tries(&times)?)?;
        let (mut outbox, mut dead, mut meta) = (Rows::new(), Rows::new(), self.time_rows(times)?);
        for checkpoint in round.checkpoints {
            for (id, row) in &checkpoint.outbox {
                outbox.push((keys::outbox(*id), value(row)?));
            }
            outbox.extend(checkpoint.ended.iter().map(|id| (keys::outbox(*id), None)));
            for (tenant, id, row) in &checkpoint.dead {
                dead.push((keys::dead(tenant, *id), row.as_ref().map_or(Ok(None), value)?));
            }
            let sequence = checkpoint.sequence.to_be_bytes().to_vec();
            meta.push((keys::sequence(checkpoint.partition), Some(sequence)));
        }
        meta.push((keys::POSITION.to_vec(), Some(round.position.to_be_bytes().to_vec())));
        if let Some((position, remembered)) = &round.remembered {
            meta.push((keys::REMEMBERED.to_vec(), value(&(position, remembered))?));
        }
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        let timers = self.timer_rows(round)?;
        for (keyspace, mut rows) in
            [(&self.timers, timers), (&self.outbox, outbox), (&self.dead, dead), (&self.meta, meta)]
        {
            rows.sort_by(|(a, _), (b, _)| a.cmp(b));
            for (key, value) in rows {
                match value {
                    Some(value) => batch.insert(keyspace, key, value),
                    None => batch.remove(keyspace, key),
                }
            }
        }
        batch.commit().map_err(failed)
    }
}
