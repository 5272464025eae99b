//! Idempotency keys: the same key and body twice is one set of events, wherever it is heard.
//!
//! The lanes keep a receipt per command, which is durable. What is here is the memory of this
//! process: it tells a replay, a key used with another body, and two calls at once.

use std::collections::{HashMap, VecDeque};

use actix_web::HttpRequest;
use parking_lot::Mutex;
use quittance_actors::values::{CommandId, TenantId};

use super::problem::Problem;
use crate::digest;

/// Keys remembered.
const KEYS_MAX: usize = 100_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    UnderWay,
    Done,
}

/// Keys under way and done.
#[derive(Default)]
pub struct Keys {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    keys: HashMap<[u8; 32], ([u8; 32], State, u64)>,
    /// Keys in the order they were first held, each with its number: a key that was given up and
    /// held again stands twice, and only the later one counts.
    order: VecDeque<([u8; 32], u64)>,
    next: u64,
}

/// A write that holds its key until it ends.
pub struct Held<'a> {
    keys: &'a Keys,
    key: [u8; 32],
    /// The command's id.
    pub command: CommandId,
    /// Whether the same request was answered before.
    pub replayed: bool,
    done: bool,
}

/// What tells another request under the same key, in the lane's receipt.
pub(super) fn fingerprint(request: &HttpRequest, body: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(&[request.path().as_bytes(), &[0], body].concat())
}

impl Keys {
    /// Takes the key of a write.
    pub fn hold(&self, request: &HttpRequest, tenant: &TenantId, body: &[u8]) -> Result<Held<'_>, Problem> {
        let shown = request.headers().get("Idempotency-Key").and_then(|value| value.to_str().ok());
        let shown = shown.filter(|key| (1..=255).contains(&key.len())).ok_or_else(|| {
            Problem::bad_request("every write needs the header Idempotency-Key, 1 to 255 characters")
        })?;
        let key = digest::sha256(format!("{tenant}\u{1f}{shown}").as_bytes());
        let content = digest::sha256(&[request.path().as_bytes(), &[0], body].concat());
        let mut known = self.known.lock();
        let replayed = match known.keys.get(&key) {
            Some((before, ..)) if *before != content => return Err(Problem::key_reused()),
            Some((_, State::UnderWay, _)) => {
                return Err(Problem::conflict("under_way", "the same request is under way"));
            }
            Some((_, State::Done, _)) => true,
            None => false,
        };
        let number = known.keys.get(&key).map_or(known.next, |(.., number)| *number);
        known.keys.insert(key, (content, State::UnderWay, number));
        if !replayed {
            known.next += 1;
            known.order.push_back((key, number));
        }
        while known.order.len() > KEYS_MAX {
            if let Some((oldest, number)) = known.order.pop_front()
                && known.keys.get(&oldest).is_some_and(|(.., held)| *held == number)
            {
                known.keys.remove(&oldest);
            }
        }
        let [bytes @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = key;
        Ok(Held { keys: self, key, command: CommandId::from_bytes(bytes), replayed, done: false })
    }
}

impl Held<'_> {
    /// The write was recorded.
    pub fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut known = self.keys.known.lock();
        if self.done || self.replayed {
            if let Some((_, state, _)) = known.keys.get_mut(&self.key) {
                *state = State::Done;
            }
        } else {
            // Refused or broken off: the caller may mend it and use the key again.
            known.keys.remove(&self.key);
        }
    }
}
