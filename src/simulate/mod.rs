//! What configuration would lead to, tried on what the log tells. Nothing leaves, nothing is recorded;
//! the same log and the same configuration give the same answer.
//!
//! | File | Tries |
//! |---|---|
//! | `rule` | rules on the events of a period, beside what left for them |
//! | `scenario` | reminder scenarios on the requests open at a moment, by a clock that runs on from there |

pub mod policy;
pub mod rule;
pub mod scenario;
