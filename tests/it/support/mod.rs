//! What the tests share: golden files, a running binary, real peers on loopback.

pub mod certificates;
pub mod collection_events;
pub mod feed_events;
pub mod golden;
pub mod http;
pub mod kills;
pub mod noted_events;
pub mod payout_events;

pub mod peers;
pub mod plan_events;
pub mod running;
pub mod schema;
pub mod scratch;
pub mod statement;
