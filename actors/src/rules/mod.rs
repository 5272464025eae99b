//! Rules: who is told what, when something happened.
//!
//! A rule names event types, a condition over the facts of the event, and actions. Facts are
//! typed fields of a published catalogue; they hold no personal data (N10). Evaluation is
//! total and uses three-valued logic: a missing fact is unknown, and only *true* fires.

mod book;
mod catalogue;
mod condition;
mod contradiction;
mod deed;
mod fields;
mod index;
mod known;
mod moment;
mod published;
mod shift;
mod subscription;
mod written;

pub use book::{Action, Once, Per, Rule, RuleBook, RuleError};
pub use condition::{Condition, ConditionError, Leaf, Operator, TextMatch, Truth};
pub use deed::{Concerned, Deed};
pub use fields::{Fact, Facts, Field, Kind, Value};
pub use known::{RequestFigures, of_customer, of_request};
pub use moment::{Moment, Then, WEEKDAYS};
pub use published::{EventId, EventType, Published};
pub use shift::Shift;
pub use subscription::{Hearer, NoSuchEvent, Subscriptions, event_types};
