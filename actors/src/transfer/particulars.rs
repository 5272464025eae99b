//! What else a bank says of an entry: everything that is not needed to place the money, and
//! that a person, an ERP or a later rule may ask for.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::state::Details;
use crate::values::{Date, Money};

/// What an entry of a statement is to the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nature {
    /// Money received, to be placed.
    #[default]
    Received,
    /// Money paid out, charges and interest included.
    PaidOut,
    /// A collection or payment that came back: an R-transaction with a reason.
    Returned,
    /// The correction of an earlier entry by the bank.
    Reversed,
}

impl Nature {
    /// The nature in words, for a person.
    pub fn text(self) -> &'static str {
        match self {
            Nature::Received => "received",
            Nature::PaidOut => "paid out",
            Nature::Returned => "returned",
            Nature::Reversed => "reversed by the bank",
        }
    }
}

/// Why a collection or payment came back. Source: ISO 20022 `RtrInf`, `StsRsnInf`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReturnReason {
    /// The code, such as `AM04`.
    pub code: SmolStr,
    /// What the bank wrote beside it.
    pub text: SmolStr,
}

/// What else the bank said. Texts are empty when it said nothing; all are hostile until escaped.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Particulars {
    /// What the entry is to the account.
    pub nature: Nature,
    /// The statement it stands in: the bank's id or number of it.
    pub statement: SmolStr,
    /// The day its money counts.
    pub valued_on: Option<Date>,
    /// The bank's reference of the entry (`AcctSvcrRef`).
    pub servicer_reference: SmolStr,
    /// The initiator's instruction (`InstrId`).
    pub instruction_id: SmolStr,
    /// The clearing's transaction (`TxId`).
    pub transaction_id: SmolStr,
    /// The unique end-to-end transaction reference, an UUID.
    pub uetr: SmolStr,
    /// The mandate of a direct debit.
    pub mandate_id: SmolStr,
    /// The creditor of a direct debit (`CdtrSchmeId`).
    pub creditor_id: SmolStr,
    /// The batch of ours it answers (`PmtInfId`).
    pub payment_information_id: SmolStr,
    /// The bank transaction code: `PMNT/RCDT/ESCT`, or the bank's own.
    pub code: SmolStr,
    /// The purpose (`Purp`).
    pub purpose: SmolStr,
    /// The payer's account when it is no IBAN.
    pub payer_account: SmolStr,
    /// The payer's bank, a BIC.
    pub payer_agent: SmolStr,
    /// On whose behalf the payer paid.
    pub ultimate_payer: SmolStr,
    /// Who was paid.
    pub payee: SmolStr,
    /// The account paid when the bank names one.
    pub payee_account: SmolStr,
    /// On whose behalf the payee received.
    pub ultimate_payee: SmolStr,
    /// What the bank adds (`AddtlNtryInf`, `AddtlTxInf`).
    pub additional: SmolStr,
    /// What the bank kept.
    pub charges: Option<Money>,
    /// What was instructed, when it differs in amount or currency.
    pub instructed: Option<Money>,
    /// Why it came back.
    pub returned: Option<ReturnReason>,
    /// Other keys under which its money is counted, a line each: first that of the entry it is a part of, if it is one.
    pub part_of: SmolStr,
}

/// What a return of a transfer names it by, the surest first: the ids that its parties and the clearing gave it, then
/// the bank's own reference.
pub fn references<'a>(details: &'a Details, said: Option<&'a Particulars>) -> impl Iterator<Item = &'a str> {
    let of_parties = details.end_to_end_id.as_ref().map_or("", |id| id.as_str());
    let of_banks = said.map_or(["", ""], |said| [said.transaction_id.as_str(), said.servicer_reference.as_str()]);
    std::iter::once(of_parties).chain(of_banks).filter(|reference| !reference.is_empty())
}

/// The key under which the parts of an undivided entry say that its money is counted.
pub fn parts_of(undivided: &str) -> SmolStr {
    let mut key = String::with_capacity(undivided.len() + 6);
    key.push_str(undivided);
    key.push_str("#parts");
    key.into()
}

impl Particulars {
    /// Whether the bank said nothing of it.
    pub fn is_empty(&self) -> bool {
        *self == Particulars::default()
    }

    /// Its money stands as a part of a whole entry elsewhere.
    pub fn name_whole(&mut self, whole: &str) {
        let beside = self.part_of.split_once('\n').map(|(_, beside)| format!("\n{beside}"));
        self.part_of = format!("{whole}{}", beside.unwrap_or_default()).into();
    }

    /// Its money may stand under another key elsewhere.
    pub fn name_beside(&mut self, key: &str) {
        self.part_of = format!("{}\n{key}", self.part_of).into();
    }

    /// Whether it is a part of an entry that may stand undivided.
    pub fn is_part(&self) -> bool {
        self.part_of.split('\n').next().is_some_and(|whole| !whole.is_empty())
    }

    /// Every other key under which its money is counted.
    pub fn other_keys(&self) -> impl Iterator<Item = &str> {
        self.part_of.split('\n').filter(|key| !key.is_empty())
    }

    /// Whether what a bank says of an entry in another file may be said of this one: no id that both have differs.
    pub fn may_be(&self, other: &Particulars) -> bool {
        let ids = |of: &Particulars| [of.uetr.clone(), of.servicer_reference.clone(), of.transaction_id.clone()];
        ids(self).iter().zip(ids(other)).all(|(own, others)| own.is_empty() || others.is_empty() || *own == others)
    }
}

impl fmt::Debug for Particulars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Particulars")
            .field("nature", &self.nature)
            .field("statement", &self.statement)
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}
