//! A plan: a subscription, or an amount in instalments. Each cycle becomes a payment request of its own.
//!
//! ```text
//! created ─► cycle planned ─► due ─► its payment request is issued ─► the next is planned … ─► completed
//!                              └─► refused: suspended
//! a cycle fails ─► past due ─► paid: recovered
//!      └─► can no longer be collected ─► goes on │ is asked for and not collected │ suspended │ cancelled │ a person
//! running ◄─► paused │ suspended          running ─► cancelled
//! ```
//!
//! A cycle is asked for once, however often its timer comes back, and never while the plan rests. What a request needs
//! from outside the lane, an id and references that nobody else has, is reserved before and comes with the timer.
//! What fell into a rest is left out: the count of the cycles goes on with the next date, so that no part of an
//! amount is lost, unless it is caught up with when the plan is resumed. The plan never collects: its requests do,
//! and tell it where they stand (`payment_request/membership.rs`).

mod amounts;
mod apply;
mod command;
mod decide;
mod event;
mod state;

pub use amounts::{Amounts, CYCLES_MAX};
pub use command::{Change, Command, Rejection, Reserved};
pub use event::Event;
pub use state::{
    Cycle, Interval, Kind, Next, OnExhausted, Phase, Plan, Standing, Status, SuspendedBy, Terms, ahead_days,
};
