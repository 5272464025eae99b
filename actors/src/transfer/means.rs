//! By what money came in that no bank's file tells of: a person or a system reports it.

use super::returning::TOLD_BY_CALL;
use super::state::Details;

/// By what money came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// By credit transfer.
    Transfer,
    /// By cheque, before the bank has cashed it.
    Cheque,
    /// In cash.
    Cash,
}

impl Means {
    /// All of them.
    pub const ALL: [Means; 3] = [Means::Transfer, Means::Cheque, Means::Cash];

    /// The word in calls.
    pub fn name(self) -> &'static str {
        match self {
            Means::Transfer => "transfer",
            Means::Cheque => "cheque",
            Means::Cash => "cash",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        Means::ALL.into_iter().find(|means| means.name() == text).ok_or("expected transfer, cheque or cash")
    }

    /// The key of an entry that was reported, by its reporter's own.
    pub fn entry_key(self, own: &str) -> String {
        match self {
            Means::Transfer => format!("{TOLD_BY_CALL}{own}"),
            Means::Cheque | Means::Cash => format!("{TOLD_BY_CALL}{}:{own}", self.name()),
        }
    }

    /// By what an entry came in.
    pub fn of(details: &Details) -> Self {
        let told = details.entry_key.strip_prefix(TOLD_BY_CALL).and_then(|own| own.split_once(':'));
        match told {
            Some((word, _)) if word == Means::Cheque.name() => Means::Cheque,
            Some((word, _)) if word == Means::Cash.name() => Means::Cash,
            _ => Means::Transfer,
        }
    }

    /// The bank transaction code. Source: ISO 20022 external code list, `PMNT`.
    pub fn code(self) -> &'static str {
        match self {
            Means::Transfer => "",
            Means::Cheque => "PMNT/RCHQ/CCHQ",
            Means::Cash => "PMNT/CNTR/CDPT",
        }
    }
}
