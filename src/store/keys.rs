//! Keys of the store, big-endian, starting with a tenant or a partition.

use quittance_actors::partition::{DirectoryKey, StatementRecord, StatusReport};
use quittance_actors::values::{CommandId, DeliveryId, EntityId, TenantId, Timestamp};

use super::List;

pub(super) const POSITION: &[u8] = b"position";
pub(super) const BOOTS: &[u8] = b"boots";
pub(super) const TIMES: &[u8] = b"time/";
pub(super) const REMEMBERED: &[u8] = b"remembered";
pub(super) const FORMAT: &[u8] = b"format";

/// By which scenarios what a tenant's requests have armed was planned.
pub(super) fn edition(of: &TenantId) -> Vec<u8> {
    join(&[b"edition/", of.as_str().as_bytes()])
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// A tenant's prefix: tenants are words without a zero byte.
pub(super) fn tenant(tenant: &TenantId) -> Vec<u8> {
    join(&[tenant.as_str().as_bytes(), &[0]])
}

fn millis(at: Timestamp) -> [u8; 8] {
    // Shifted so that instants before 1970 sort first.
    (at.unix_millis() ^ i64::MIN).to_be_bytes()
}

pub(super) fn sequence(partition: u8) -> Vec<u8> {
    join(&[b"sequence/", &[partition]])
}

pub(super) fn time(of: &TenantId) -> Vec<u8> {
    join(&[TIMES, of.as_str().as_bytes()])
}

pub(super) fn snapshot(id: EntityId) -> Vec<u8> {
    join(&[&[id.partition()], &id.to_key()])
}

/// The hour of an instant, since 1970.
pub(super) fn hour(at: Timestamp) -> i64 {
    at.unix_millis().div_euclid(3_600_000)
}

/// The row of timers armed by the checkpoint at `position`, for one hour.
pub(super) fn timers(of: &TenantId, hour: i64, position: u64) -> Vec<u8> {
    join(&[&timers_from(of, hour), &position.to_be_bytes()])
}

/// Before every row of this hour and later ones.
pub(super) fn timers_from(of: &TenantId, hour: i64) -> Vec<u8> {
    // Shifted so that hours before 1970 sort first.
    join(&[&tenant(of), &(hour ^ i64::MIN).to_be_bytes()])
}

/// After every row of this hour and earlier ones.
pub(super) fn timers_until(of: &TenantId, hour: i64) -> Vec<u8> {
    join(&[&timers_from(of, hour), &[0xff; 9]])
}

pub(super) fn outbox(id: DeliveryId) -> Vec<u8> {
    join(&[&[id.partition()], &id.to_bytes()])
}

pub(super) fn dead(of: &TenantId, id: DeliveryId) -> Vec<u8> {
    join(&[&tenant(of), &id.to_bytes()])
}

/// Tries of deliveries: by the last of them, the first, and the position of a record that tells of a try.
pub(super) fn tries(of: &TenantId, last: DeliveryId, first: DeliveryId, position: u64) -> Vec<u8> {
    join(&[&tries_until(of, last), &first.to_bytes(), &position.to_be_bytes()])
}

/// Before every row of tries that ends with this delivery or a later one.
pub(super) fn tries_until(of: &TenantId, last: DeliveryId) -> Vec<u8> {
    join(&[&tenant(of), &last.to_bytes()])
}

/// The first delivery of a row of tries.
pub(super) fn first_tried(key: &[u8]) -> Option<DeliveryId> {
    let (key, _) = key.split_last_chunk::<8>()?;
    key.last_chunk::<16>().copied().map(DeliveryId::from_bytes)
}

/// The last delivery of a row of tries.
pub(super) fn last_tried(key: &[u8]) -> Option<DeliveryId> {
    let (key, _) = key.split_last_chunk::<24>()?;
    key.last_chunk::<16>().copied().map(DeliveryId::from_bytes)
}

/// Not by lane: a key of the API belongs to one request, whichever lane that is in.
pub(super) fn seen(command: CommandId) -> Vec<u8> {
    command.to_bytes().to_vec()
}

/// Words stand behind every list: of names, and of numbers.
pub(super) const NAMES: u8 = 200;
pub(super) const NUMBERS: u8 = 201;

pub(super) fn list_prefix(of: &TenantId, list: List) -> Vec<u8> {
    join(&[&tenant(of), &[list.number()]])
}

pub(super) fn list(of: &TenantId, list: List, id: EntityId) -> Vec<u8> {
    join(&[&list_prefix(of, list), &id.to_key()])
}

/// What an entity is found by, as far as it is typed.
pub(super) fn word_prefix(of: &TenantId, kind: u8, start: &str) -> Vec<u8> {
    join(&[&tenant(of), &[kind], start.as_bytes()])
}

/// A word of an entity: capitals and digits, so that nothing in it ends it.
pub(super) fn word(of: &TenantId, kind: u8, word: &str, id: EntityId) -> Vec<u8> {
    join(&[&word_prefix(of, kind, word), &[0], &id.to_key()])
}

pub(super) fn file(of: &TenantId, at: Timestamp, digest: &[u8; 32]) -> Vec<u8> {
    join(&[&tenant(of), &millis(at), digest])
}

/// A statement: days sort as they are written.
pub(super) fn statement(of: &TenantId, statement: &StatementRecord) -> Vec<u8> {
    let day = statement.closed_on.or(statement.opened_on).map(|day| day.to_string()).unwrap_or_default();
    let (account, number) = (without_zero(&statement.account), without_zero(&statement.statement));
    let kind = [0, u8::from(statement.interim)];
    join(&[&tenant(of), &account, &[0], day.as_bytes(), &kind, &number])
}

/// The reports of an order: by its end-to-end id, empty for those of a batch or message.
pub(super) fn orders(of: &TenantId, end_to_end_id: &str) -> Vec<u8> {
    join(&[&tenant(of), &without_zero(end_to_end_id), &[0]])
}

pub(super) fn order(of: &TenantId, report: &StatusReport) -> Vec<u8> {
    let of = orders(of, &report.original_end_to_end);
    join(&[&of, &without_zero(&report.message), &[0], &report.row.to_be_bytes()])
}

fn without_zero(text: &str) -> Vec<u8> {
    text.bytes().filter(|byte| *byte != 0).collect()
}

pub(super) fn directory(key: &DirectoryKey) -> Vec<u8> {
    match key {
        DirectoryKey::CustomerExternalRef(of, text) => join(&[&[1], &tenant(of), text.as_bytes()]),
        DirectoryKey::RequestExternalRef(of, text) => join(&[&[2], &tenant(of), text.as_bytes()]),
        DirectoryKey::VirtualIban(of, iban) => join(&[&[3], &tenant(of), iban.electronic().as_bytes()]),
        DirectoryKey::CreditorReference(of, text) => join(&[&[4], &tenant(of), text.as_bytes()]),
        DirectoryKey::ShortReference(of, short) => join(&[&[5], &tenant(of), short.compact().as_bytes()]),
        DirectoryKey::TransferEntry(of, text) => join(&[&[6], &tenant(of), text.as_bytes()]),
        DirectoryKey::FileDigest(of, digest) => join(&[&[7], &tenant(of), digest]),
        DirectoryKey::InvoiceNumber(of, text) => join(&[&[8], &tenant(of), text.as_bytes()]),
        DirectoryKey::Name(of, key) => join(&[&[9], &tenant(of), &key.to_be_bytes()]),
        DirectoryKey::Amount(of, currency, minor) => {
            join(&[&[11], &tenant(of), currency.code().as_bytes(), &minor.to_be_bytes()])
        }
        DirectoryKey::NumberTail(of, digits) => join(&[&[12], &tenant(of), digits.as_bytes()]),
        DirectoryKey::AwaitedNumber(of, number) => join(&[&[13], &tenant(of), number.as_bytes()]),
        DirectoryKey::Received(of, hash) => join(&[&[14], &tenant(of), &hash.to_be_bytes()]),
        DirectoryKey::Order(of, text) => join(&[&[18], &tenant(of), text.as_bytes()]),
        DirectoryKey::Message(of, hash) => join(&[&[19], &tenant(of), &hash.to_be_bytes()]),
        DirectoryKey::Said(of, hash) => join(&[&[15], &tenant(of), &hash.to_be_bytes()]),
        DirectoryKey::Phone(of, hash) => join(&[&[16], &tenant(of), &hash.to_be_bytes()]),
        DirectoryKey::PlanExternalRef(of, text) => join(&[&[17], &tenant(of), text.as_bytes()]),
        DirectoryKey::PayerIban(of, iban) => join(&[&[10], &tenant(of), iban.electronic().as_bytes()]),
    }
}

/// The prefix under which a tenant's virtual IBANs stand.
pub(super) fn virtual_ibans(of: &TenantId) -> Vec<u8> {
    join(&[&[3], &tenant(of)])
}
