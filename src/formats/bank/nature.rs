//! What an entry is to its account.

use quittance_actors::transfer::{Nature, Particulars};

/// By what the bank says of it: a reason why it came back, that it corrects another, the direction.
pub(super) fn nature(returned: bool, reversal: bool, debit: bool) -> Nature {
    match (returned, reversal, debit) {
        (true, ..) => Nature::Returned,
        (_, true, _) => Nature::Reversed,
        (_, _, true) => Nature::PaidOut,
        (_, _, false) => Nature::Received,
    }
}

/// Sub-families of charges and interest that stand in every family. Source: ISO 20022 external code list of bank
/// transactions.
const CHARGES: [&str; 9] = ["CHRG", "COMM", "COME", "COMI", "COMT", "FEES", "INTR", "RIMB", "TAXE"];

/// Whether a debit takes money back that had come in: it says so, or is booked as a credit transfer received. Source:
/// ISO 20022 external code list of bank transactions.
pub(super) fn takes_back(said: &Particulars) -> bool {
    let mut code = said.code.split('/');
    let family = (code.next(), code.next());
    let charged = code.next().is_some_and(|code| CHARGES.contains(&code));
    let received = matches!(family, (Some("PMNT"), Some("RCDT" | "RRCT")));
    !charged && (received || matches!(said.nature, Nature::Returned | Nature::Reversed))
}
