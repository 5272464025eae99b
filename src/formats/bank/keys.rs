//! Keys of entries, and a map of hashes that hashes nothing again.

use std::fmt::Write as _;

use quittance_actors::values::{Date, Iban};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::ledger::Booked;
use super::{Detail, Entry};

/// How a key by the id of the clearing goes on after its amount.
const CLEARING: &str = "clearing:";

/// What makes it the same transaction in another file: never the statement's id, which recurs.
pub(super) fn of_transaction(head: &str, entry: &Entry, index: usize, detail: &Detail, booked: &Booked) -> String {
    let mut key = String::with_capacity(96);
    if !detail.particulars.uetr.is_empty() {
        let _ = write!(key, "uetr:{}", detail.particulars.uetr); // A string takes everything.
        // A return carries the id of what it returns.
        if booked.debit {
            key.push_str("/debit");
        }
        return key;
    }
    push_amount(&mut key, head, booked);
    let own = detail.particulars.servicer_reference.as_str();
    let reference = if own.is_empty() { entry.servicer_reference.as_str() } else { own };
    if reference.is_empty() {
        push_content(&mut key, detail);
    } else {
        key.push_str("ref:");
        key.push_str(reference);
        key.push('/');
        push_number(&mut key, i64::try_from(index).unwrap_or(i64::MAX));
    }
    key
}

/// The key that the same transaction has in a file that gives it no reference of the bank's, or another one: the id of
/// the clearing, or everything that is said of it. `None` when that is its key already.
pub(super) fn of_content(head: &str, entry: &Entry, detail: &Detail, booked: &Booked) -> Option<String> {
    let own = &detail.particulars;
    let mut key = String::with_capacity(96);
    push_amount(&mut key, head, booked);
    if !own.transaction_id.is_empty() {
        let _ = write!(key, "{CLEARING}{}", own.transaction_id); // A string takes everything.
        return Some(key);
    }
    let is_known_by_more =
        !own.uetr.is_empty() || !own.servicer_reference.is_empty() || !entry.servicer_reference.is_empty();
    push_content(&mut key, detail);
    is_known_by_more.then_some(key)
}

/// A key that nobody reads, as it is kept beside another.
pub(super) fn short(key: &str) -> String {
    format!("~{:032x}", xxh3_128(key.as_bytes()))
}

/// Without a reference of the bank's everything it says of the transaction tells two apart.
fn push_content(key: &mut String, detail: &Detail) {
    let text = [
        detail.end_to_end.as_str(),
        detail.particulars.transaction_id.as_str(),
        detail.payer_name.as_str(),
        detail.unstructured.as_str(),
    ];
    let accounts = [&detail.payer_iban, &detail.payee_iban].into_iter().flatten().map(Iban::electronic);
    let structured = detail.structured.iter().map(String::as_str);
    let said: Vec<&str> = text.into_iter().chain(structured).chain(accounts).collect();
    let _ = write!(key, "text:{:016x}", xxh3_64(said.join("\u{1f}").as_bytes())); // A string takes everything.
}

/// The key of an entry as one amount, if the bank gave it a reference.
pub(super) fn of_undivided(head: &str, entry: &Entry, booked: &Booked) -> Option<String> {
    if entry.servicer_reference.is_empty() {
        return None;
    }
    let mut key = String::with_capacity(96);
    push_amount(&mut key, head, booked);
    let _ = write!(key, "ref:{}/0", entry.servicer_reference); // A string takes everything.
    Some(key)
}

/// How the keys of an account's day begin: account and day, each followed by a bar.
pub(super) fn head(account: &str, on: Date) -> String {
    format!("{account}|{on}|")
}

/// Then signed amount and currency, each followed by a bar.
fn push_amount(key: &mut String, head: &str, booked: &Booked) {
    let minor = if booked.debit { -booked.amount.minor() } else { booked.amount.minor() };
    key.push_str(head);
    push_number(key, minor);
    key.push('|');
    key.push_str(booked.amount.currency().code());
    key.push('|');
}

/// The keys of the map are hashes already.
pub(super) type Hashed = std::hash::BuildHasherDefault<AsItIs>;

#[derive(Default)]
pub(super) struct AsItIs(u64);

impl std::hash::Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        debug_assert!(false, "keys are u64");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// A number as decimal digits.
fn push_number(text: &mut String, number: i64) {
    let mut digits = [0_u8; 20];
    let mut rest = number.unsigned_abs();
    let mut from = digits.len();
    loop {
        from -= 1;
        if let Some(digit) = digits.get_mut(from) {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        }
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        text.push('-');
    }
    text.push_str(std::str::from_utf8(digits.get(from..).unwrap_or_default()).unwrap_or_default());
}
