//! Channels: carry one rendered message out, and say what came of it. One file each.
//!
//! | File | Carries |
//! |---|---|
//! | `email` | e-mail by SMTP, signed by `dkim`, over the connections of `relay` |
//! | `sms` | SMS by an HTTP provider |
//! | `smpp` | SMS by SMPP, and what an SMSC tells |
//! | `hook` | events by signed HTTP call, with `credentials` where the other side asks for them |
//! | `file` | events as JSON files, statuses as CSV files |
//! | `archive` | nothing: it keeps what left, and what a sandbox shows instead of sending |
//! | `pace` | nothing: how much may leave in how long |
//! | `collect` | orders to connectors: payment providers, files for banks, a simulator |
//!
//! A new channel is a file here and a line in `assemble`'s dispatch. A channel never decides
//! whether a message is wanted, and never tries twice: that is the delivery lane's.

pub mod archive;
pub mod collect;
pub mod credentials;
pub mod dkim;
pub mod email;
pub mod file;
pub mod hook;
pub mod pace;
mod relay;
pub mod smpp;
pub mod sms;
mod tls;
mod vetting;

pub use vetting::{Policy, Vetted};

use quittance_actors::delivery::{Fault, Verdict};
use quittance_actors::values::{CustomerId, DeliveryId, PhoneNumber, TenantId};

use crate::gsm::segments;

/// Messages that one text may become on the way; more is no SMS.
const SEGMENTS_MAX: usize = 10;

/// A message to a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Of which tenant.
    pub tenant: TenantId,
    /// To whom.
    pub customer: CustomerId,
    /// Which.
    pub delivery: DeliveryId,
}

/// An SMS about to leave.
pub struct Sms<'a> {
    /// The delivery's id, sent along where the provider has a field for it.
    pub id: String,
    /// The sender.
    pub from: &'a str,
    /// The recipient.
    pub to: &'a PhoneNumber,
    /// What it says.
    pub text: &'a str,
    /// Where the provider says what became of it, if it may.
    pub status_url: Option<String>,
    /// To which customer of whom it goes, if it is one.
    pub about: Option<About>,
}

impl Sms<'_> {
    /// Why it is too long to be sent, if it is.
    pub fn too_long(&self) -> Option<Verdict> {
        let count = segments(self.text);
        (count > SEGMENTS_MAX)
            .then(|| never(Fault::Content, format!("it would be {count} messages, the most is {SEGMENTS_MAX}")))
    }
}

/// It arrived.
fn accepted(detail: &str) -> Verdict {
    Verdict::Accepted { detail: detail.to_owned() }
}

/// A failure that may pass.
pub(crate) fn later(fault: Fault, error: impl Into<String>) -> Verdict {
    Verdict::Later { fault, error: error.into(), retry_after_ms: None }
}

/// A failure that stays.
pub(crate) fn never(fault: Fault, error: impl Into<String>) -> Verdict {
    Verdict::Never { fault, error: error.into() }
}

/// What an answer means, by its status alone. Source: Standard Webhooks 1.0.0, "Delivery".
fn by_status(status: reqwest::StatusCode, retry_after: Option<&str>, now_unix_s: i64) -> Verdict {
    let code = status.as_u16();
    match code {
        200..=299 => Verdict::Accepted { detail: code.to_string() },
        410 => Verdict::Declined { error: "410, the receiver says that it is gone".to_owned() },
        300..=399 => later(Fault::Status, format!("{code}, redirects are not followed")),
        _ => Verdict::Later {
            fault: if matches!(code, 429 | 503) { Fault::Busy } else { Fault::Status },
            error: code.to_string(),
            retry_after_ms: retry_after.and_then(|text| retry_after_ms(text, now_unix_s)),
        },
    }
}

/// A `Retry-After` in milliseconds: whole seconds, or a date. Source: RFC 9110 §10.2.3.
fn retry_after_ms(text: &str, now_unix_s: i64) -> Option<i64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<i64>() {
        return (seconds >= 0).then(|| seconds.saturating_mul(1_000));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Some((date.timestamp().as_second() - now_unix_s).max(0).saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        for (text, expected) in [
            ("120", Some(120_000)),
            (" 0 ", Some(0)),
            ("-1", None),
            ("soon", None),
            ("Thu, 01 Jan 1970 00:01:00 GMT", Some(50_000)),
            ("Thu, 01 Jan 1970 00:00:01 GMT", Some(0)),
        ] {
            assert_eq!(retry_after_ms(text, 10), expected, "{text}");
        }
    }

    #[test]
    fn only_2xx_is_success_and_410_is_the_end() {
        let verdict = |code| by_status(reqwest::StatusCode::from_u16(code).unwrap(), None, 0);
        assert!(matches!(verdict(204), Verdict::Accepted { .. }));
        assert!(matches!(verdict(302), Verdict::Later { .. }));
        assert!(matches!(verdict(400), Verdict::Later { .. }));
        assert!(matches!(verdict(410), Verdict::Declined { .. }));
        assert!(matches!(verdict(503), Verdict::Later { .. }));
    }
}
