//! What a payout is.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::values::{CustomerId, Date, Iban, Money, PaymentRequestId, PayoutId, Timestamp, TransferId};

/// Whose money it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// Credit of a customer.
    Credit(CustomerId),
    /// A transfer that is given back.
    Transfer(TransferId),
    /// What a request was paid with.
    Request(PaymentRequestId),
}

/// Where the money goes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Destination {
    /// To an account, by credit transfer.
    Account(Iban),
    /// To what an attempt has collected from, by who has collected it.
    Collected {
        /// The request.
        request: PaymentRequestId,
        /// The attempt's number.
        number: u16,
        /// Who has collected it.
        connector: SmolStr,
    },
}

impl Destination {
    /// For people who are not to read a whole account number.
    pub fn masked(&self) -> String {
        match self {
            Destination::Account(iban) => iban.masked(),
            Destination::Collected { number, .. } => format!("the card of attempt {number}"),
        }
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// An account number by itself, since payouts went nowhere else once; or `prq_…#number@connector`.
impl From<Destination> for String {
    fn from(destination: Destination) -> Self {
        match destination {
            Destination::Account(iban) => iban.into(),
            Destination::Collected { request, number, connector } => format!("{request}#{number}@{connector}"),
        }
    }
}

impl TryFrom<String> for Destination {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let Some((request, rest)) = text.split_once('#') else {
            return Iban::try_from(text).map(Destination::Account).map_err(|error| error.to_string());
        };
        let (number, connector) = rest.split_once('@').ok_or("an attempt without who collected it")?;
        let request = PaymentRequestId::parse(request).map_err(|error| error.to_string())?;
        let number = number.parse().map_err(|_| "the number of an attempt is not one")?;
        Ok(Destination::Collected { request, number, connector: connector.into() })
    }
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
    /// Where to.
    pub to: Destination,
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
    fn a_destination_is_written_and_read() {
        let request = PaymentRequestId::new(Timestamp::from_unix_millis(1_772_000_000_000), 7, 200);
        let card = Destination::Collected { request, number: 3, connector: "psp-1".into() };
        let account = Destination::Account(Iban::parse("DE89370400440532013000").unwrap());
        for destination in [card, account] {
            assert_eq!(Destination::try_from(String::from(destination.clone())), Ok(destination));
        }
        for wrong in ["DE00", "prq_1#1@psp", &format!("{request}#1"), &format!("{request}#x@psp")] {
            assert!(Destination::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

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
