//! The transactions of one entry: parted when they make up what was booked, else one.

use quittance_actors::values::{Money, RemittanceInformation};
use smol_str::SmolStr;

use super::Detail;
use super::ledger::Booked;
use super::text::push_bounded;

/// Whether the transactions of a batch make up what was booked, each in its direction; gives
/// the charges that the bank booked with them.
pub(super) fn divide(details: &[Detail], booked: &Booked) -> Option<Money> {
    if details.len() < 2 {
        return None;
    }
    let currency = booked.amount.currency();
    let mut sum = 0_i64;
    let mut charges = 0_i64;
    for detail in details {
        let part = detail.amount.filter(|part| part.currency() == currency && part.is_positive())?;
        if detail.debit.is_some_and(|debit| debit != booked.debit) {
            return None;
        }
        sum = sum.checked_add(part.minor())?;
        let own = detail.particulars.charges.filter(|charge| charge.currency() == currency);
        charges = charges.checked_add(own.map_or(0, Money::minor))?;
    }
    if sum == booked.amount.minor() {
        return Some(Money::zero(currency));
    }
    // Collections that came back, and what the bank asks for each: booked in one amount.
    let with_charges = booked.debit && charges > 0 && sum.checked_add(charges)? == booked.amount.minor();
    with_charges.then(|| Money::from_minor(charges, currency))
}

/// A transaction that goes the other way than its entry was netted by the bank: its references
/// are not the entry's.
pub(super) fn netted(detail: &mut Detail, debit: bool) {
    if detail.debit.is_some_and(|own| own != debit) {
        detail.structured.clear();
        detail.end_to_end.clear();
        detail.payer_iban = None;
        detail.payee_iban = None;
    }
}

/// All details as one, for a batch whose parts do not make up its sum. What they do not agree
/// on names nobody: several payers in one amount are for a person to part.
pub(super) fn merged(details: Vec<Detail>, debit: bool) -> Detail {
    let any_netted = details.iter().any(|detail| detail.debit.is_some_and(|own| own != debit));
    let mut parts = details.into_iter();
    let mut one = parts.next().unwrap_or_default();
    if any_netted {
        one.debit = Some(!debit);
        netted(&mut one, debit);
    }
    for other in parts {
        let agreed = |one: &mut String, other: &String| {
            if one != other {
                one.clear();
            }
        };
        agreed(&mut one.end_to_end, &other.end_to_end);
        agreed(&mut one.payer_name, &other.payer_name);
        one.payer_iban = one.payer_iban.filter(|iban| Some(iban) == other.payer_iban.as_ref());
        one.payee_iban = one.payee_iban.filter(|iban| Some(iban) == other.payee_iban.as_ref());
        if !any_netted {
            one.structured.extend(other.structured);
        }
        if !one.unstructured.is_empty() {
            one.unstructured.push(' ');
        }
        push_bounded(&mut one.unstructured, &other.unstructured, RemittanceInformation::UNSTRUCTURED_CHARACTERS_MAX);
        let (mine, theirs) = (&mut one.particulars, &other.particulars);
        let agreed = |mine: &mut SmolStr, theirs: &SmolStr| {
            if mine != theirs {
                *mine = SmolStr::default();
            }
        };
        agreed(&mut mine.transaction_id, &theirs.transaction_id);
        agreed(&mut mine.instruction_id, &theirs.instruction_id);
        agreed(&mut mine.mandate_id, &theirs.mandate_id);
        agreed(&mut mine.ultimate_payer, &theirs.ultimate_payer);
        agreed(&mut mine.payee_account, &theirs.payee_account);
        if mine.returned != theirs.returned {
            mine.returned = None;
        }
        mine.uetr = SmolStr::default();
        mine.servicer_reference = SmolStr::default();
        mine.charges = match (mine.charges, theirs.charges) {
            (Some(mine), Some(theirs)) => mine.checked_add(theirs).ok(),
            (mine, theirs) => mine.or(theirs),
        };
    }
    one
}
