//! A payment request: one amount owed, its deadline, its reminders and what has been paid.
//!
//! ```text
//! Issue ─► open ─► Allocate (transfer | attempt) ─► partially paid ─► settled
//!            │  ReminderDue ─► Remind (to its customer) ─► next step ─► … ─► scenario completed
//!            │  OverdueDue ─► overdue        ReportAttempt ─► attempt failed | allocated
//!            │  settled by card or debit ─► FinalityDue ─► finalised, unless it comes back before
//!            └─ Cancel ─► cancelled          InitiateRefund ─► refund initiated
//! ```
//!
//! It holds no personal data (N10). Invariants: INV-01, INV-03, INV-10.

mod again;
mod apply;
mod approval;
mod attempts;
mod bank;
mod collecting;
mod collection;
mod command;
mod decide;
mod event;
mod finality;
mod following;
pub(crate) mod gate;
mod inquiring;
mod late;
mod membership;
mod moments;
mod own_number;
mod planning;
mod promise;
mod refunding;
mod rejection;
mod reminders;
mod scenario;
mod state;
mod writing_off;

pub use collection::{Collection, Stage, attempt_named, attempt_of, end_to_end_id};
pub use command::{AttemptAnswer, AttemptNews, AttemptReport, AttemptResult, Command, RefundOrder};
pub use event::Event;
pub use finality::Finality;
pub use gate::Gate;
pub use late::{Balance, Change, Changes, LateCharges, LateTerms, Payment, Span, THOUSANDTHS_OF_ALL};
pub use moments::{Anchor, Moments, Offset};
pub use rejection::Rejection;
pub use scenario::{OnReopen, Scenario, ScenarioError, Step};
pub use state::{
    Attempt, AttemptStatus, Membership, PaymentRequest, Promise, Rare, RefundOrdered, Reminders, Source, Status,
    Terms,
};
