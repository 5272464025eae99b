//! What a payout is.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::values::{CustomerId, Date, Iban, Money, PayoutId, Timestamp, TransferId};

/// Whose money it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// Credit of a customer.
    Credit(CustomerId),
    /// A transfer that is given back.
    Transfer(TransferId),
}

/// What was asked for. It never changes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// Its id.
    pub id: PayoutId,
    /// Whose money it is.
    pub source: Source,
    /// How much.
    pub amount: Money,
    /// Who is paid: personal data, for the order only.
    pub creditor: SmolStr,
    /// On which account.
    pub iban: Iban,
    /// Who asked for it.
    pub by: SmolStr,
    /// Why.
    pub reason: SmolStr,
    /// When, in the tenant's clock.
    pub at: Timestamp,
}

impl fmt::Debug for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Details")
            .field("id", &self.id)
            .field("source", &self.source)
            .field("amount", &self.amount)
            .finish_non_exhaustive()
    }
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Another person must approve it.
    #[default]
    AwaitsApproval,
    /// It is with the bank, or on its way there.
    Ordered,
    /// The bank has booked it.
    Executed,
    /// A person did not approve it.
    Rejected,
    /// The bank refused it, or it came back.
    Failed,
}

/// The state of a payout.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Payout {
    /// What was asked for; set when requested.
    pub details: Option<Arc<Details>>,
    /// Where it stands.
    pub status: Status,
    /// Who approved or rejected it.
    pub decided_by: Option<SmolStr>,
    /// The day it is to be executed, or was.
    pub on: Option<Date>,
    /// Why it was rejected, or failed.
    pub reason: Option<SmolStr>,
}

/// The end-to-end id of a payout: the bank gives it back with what it says of it.
pub fn end_to_end_id(id: PayoutId) -> String {
    format!("{}-R", id.to_string().trim_start_matches("out_"))
}

/// The payout that an end-to-end id names, if it can be one of ours.
pub fn payout_named(end_to_end_id: &str) -> Option<PayoutId> {
    let id = end_to_end_id.trim().strip_suffix("-R")?;
    PayoutId::parse(&format!("out_{id}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payment_request::attempt_named;

    #[test]
    fn an_end_to_end_id_names_its_payout_and_nothing_else() {
        let id = PayoutId::new(Timestamp::from_unix_millis(1_772_000_000_000), u64::MAX, 200);
        let text = end_to_end_id(id);
        assert!(text.len() <= 35, "{text}");
        assert_eq!((payout_named(&text), attempt_named(&text)), (Some(id), None));
        for other in ["NOTPROVIDED", "", "-R", "01J-R", "01J0000000000000000000000A-1"] {
            assert_eq!(payout_named(other), None, "{other}");
        }
    }
}
