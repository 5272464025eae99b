//! Identities. Each is 128 bits in UUIDv7 order whose last byte is its partition, so an id
//! routes itself without a lookup. Source: RFC 9562 §5.7; DESIGN §3.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::hash::stable_hash;
use super::time::Timestamp;

/// How many ordered lanes a data directory has, for ever.
pub const PARTITIONS: usize = 256;

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Why an id was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum IdError {
    #[error("not an id '{text}': expected {prefix}_ and 26 letters or digits")]
    Form { prefix: &'static str, text: String },
    #[error("not a tenant '{0}': expected 1 to 32 lower-case letters, digits or hyphens")]
    Tenant(String),
}

fn encode(bytes: [u8; 16]) -> String {
    let mut value = u128::from_be_bytes(bytes);
    let mut text = [b'0'; 26];
    for place in text.iter_mut().rev() {
        let digit = usize::try_from(value & 31).unwrap_or(0);
        *place = CROCKFORD.get(digit).copied().unwrap_or(b'0');
        value >>= 5;
    }
    text.iter().map(|byte| char::from(*byte)).collect()
}

fn decode(text: &str) -> Option<[u8; 16]> {
    if text.len() != 26 || text.as_bytes().first().is_none_or(|first| *first > b'7') {
        return None;
    }
    let value = text.bytes().try_fold(0_u128, |value, byte| {
        let digit = CROCKFORD.iter().position(|symbol| *symbol == byte)?;
        Some((value << 5) | u128::try_from(digit).ok()?)
    })?;
    Some(value.to_be_bytes())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        impl $name {
            /// What the printed form starts with.
            pub const PREFIX: &'static str = $prefix;

            /// An id of `partition`, ordered by `at`; the same input gives the same id.
            pub fn new(at: Timestamp, random: u64, partition: u8) -> Self {
                let millis = u64::try_from(at.unix_millis()).unwrap_or(0).to_be_bytes();
                let random = random.to_be_bytes();
                let mut bytes = [0; 16];
                for (place, byte) in bytes.iter_mut().zip(millis.iter().skip(2)) {
                    *place = *byte;
                }
                for (place, byte) in bytes.iter_mut().skip(6).zip(random) {
                    *place = byte;
                }
                let [.., version, _, variant, _, _, _, _, _, _, last] = &mut bytes;
                *version = (*version & 0x0f) | 0x70;
                *variant = (*variant & 0x3f) | 0x80;
                *last = partition;
                Self(bytes)
            }

            /// When it was made, by the clock of whoever made it.
            pub fn made_at(self) -> Timestamp {
                let [a, b, c, d, e, f, ..] = self.0;
                Timestamp::from_unix_millis(i64::from_be_bytes([0, 0, a, b, c, d, e, f]))
            }

            /// The lane this id lives in.
            pub fn partition(self) -> u8 {
                let [.., last] = self.0;
                last
            }

            /// Sixteen bytes, big-endian in time.
            pub fn to_bytes(self) -> [u8; 16] {
                self.0
            }

            /// Takes the bytes of a stored id.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Reads the printed form.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_")).and_then(decode).map(Self).ok_or_else(
                    || IdError::Form { prefix: $prefix, text: text.chars().take(40).collect() },
                )
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = String::deserialize(deserializer)?;
                    Self::parse(&text).map_err(serde::de::Error::custom)
                } else {
                    <[u8; 16]>::deserialize(deserializer).map(Self)
                }
            }
        }
    };
}

id!(
    /// A customer: who owes.
    CustomerId, "cus");
id!(
    /// A payment request: one amount owed.
    PaymentRequestId, "prq");
id!(
    /// A credit transfer: one entry of money received.
    TransferId, "trf");
id!(
    /// A collection attempt reported by a payment provider.
    AttemptId, "att");
id!(
    /// A feed: a directory that files come in by.
    FeedId, "fed");
id!(
    /// A payout: money that leaves by credit transfer.
    PayoutId, "out");
id!(
    /// A plan: a subscription, or an amount in instalments.
    PlanId, "plan");
id!(
    /// One message that must leave.
    DeliveryId, "dlv");
id!(
    /// One command; the same id twice gives one set of events (INV-09).
    CommandId, "cmd");

/// The merchant whose data this is, such as `maison-dupre`. Cheap to copy around.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(Arc<str>);

impl TenantId {
    /// Reads 1 to 32 lower-case letters, digits and hyphens, a letter first.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let fits = (1..=32).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && text.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
        if fits { Ok(Self(text.into())) } else { Err(IdError::Tenant(text.chars().take(40).collect())) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TenantId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        Self::parse(&text)
    }
}

impl From<TenantId> for String {
    fn from(tenant: TenantId) -> String {
        tenant.0.as_ref().to_owned()
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One virtual actor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum EntityId {
    /// A customer.
    Customer(CustomerId),
    /// A payment request.
    PaymentRequest(PaymentRequestId),
    /// A transfer.
    Transfer(TransferId),
    /// A feed.
    Feed(FeedId),
    /// A payout.
    Payout(PayoutId),
    /// A plan.
    Plan(PlanId),
}

impl FeedId {
    /// The id of the feed of this name: the same for ever.
    pub fn of(tenant: &TenantId, name: &str) -> Self {
        let [.., partition] = stable_hash(&[tenant.as_str(), name, "feed"]).to_be_bytes();
        Self::new(Timestamp::default(), stable_hash(&[name, tenant.as_str()]), partition)
    }
}

impl EntityId {
    /// The lane the entity lives in.
    pub fn partition(self) -> u8 {
        match self {
            EntityId::Customer(id) => id.partition(),
            EntityId::PaymentRequest(id) => id.partition(),
            EntityId::Transfer(id) => id.partition(),
            EntityId::Feed(id) => id.partition(),
            EntityId::Payout(id) => id.partition(),
            EntityId::Plan(id) => id.partition(),
        }
    }

    /// A kind byte and the id, for keys of the store.
    pub fn to_key(self) -> [u8; 17] {
        let (kind, bytes) = match self {
            EntityId::Customer(id) => (1, id.to_bytes()),
            EntityId::PaymentRequest(id) => (2, id.to_bytes()),
            EntityId::Transfer(id) => (3, id.to_bytes()),
            EntityId::Feed(id) => (4, id.to_bytes()),
            EntityId::Payout(id) => (5, id.to_bytes()),
            EntityId::Plan(id) => (6, id.to_bytes()),
        };
        let mut key = [kind; 17];
        for (place, byte) in key.iter_mut().skip(1).zip(bytes) {
            *place = byte;
        }
        key
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EntityId::Customer(id) => id.fmt(f),
            EntityId::PaymentRequest(id) => id.fmt(f),
            EntityId::Transfer(id) => id.fmt(f),
            EntityId::Feed(id) => id.fmt(f),
            EntityId::Payout(id) => id.fmt(f),
            EntityId::Plan(id) => id.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_carries_its_partition_and_reads_back() {
        for partition in [0, 1, 127, 255] {
            let id = PaymentRequestId::new(Timestamp::from_unix_millis(1_772_000_000_000), u64::MAX, partition);
            assert_eq!(id.partition(), partition);
            assert_eq!(PaymentRequestId::parse(&id.to_string()), Ok(id));
            assert!(id.to_string().starts_with("prq_01"), "{id}");
            assert_eq!(id.to_bytes()[6] >> 4, 7, "version of RFC 9562");
        }
        assert!(PaymentRequestId::parse("cus_01J00000000000000000000000").is_err());
        assert!(PaymentRequestId::parse("prq_U1J00000000000000000000000").is_err());
        assert!(PaymentRequestId::parse("prq_").is_err());
    }

    #[test]
    fn ids_order_by_time() {
        let early = CustomerId::new(Timestamp::from_unix_millis(1_000), u64::MAX, 255);
        let late = CustomerId::new(Timestamp::from_unix_millis(1_001), 0, 0);
        assert!(early < late && early.to_string() < late.to_string());
    }

    #[test]
    fn tenants_are_plain_words() {
        assert!(TenantId::parse("maison-dupre").is_ok());
        for text in ["", "Maison", "1st", "a/b", &"x".repeat(33)] {
            assert!(TenantId::parse(text).is_err(), "{text}");
        }
    }
}
