//! What systems outside read: events as JSON, statuses as CSV.

mod published;
mod statuses;

pub use published::{API_VERSION, event_json};
pub use statuses::{HEADER, row as status_row};
