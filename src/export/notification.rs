//! Reconciled transfers as a bank would notify them, with the invoices that each one paid.
//!
//! One notification per account, one entry per transfer, one transaction per part: the invoice's
//! number stands in `RfrdDocInf`, our creditor reference in `CdtrRefInf`.
//! Source: ISO 20022 camt.054.001.08, `BkToCstmrDbtCdtNtfctn`.

use std::collections::BTreeMap;
use std::path::Path;

use quittance_actors::partition::{Event, StoredChange};
use quittance_actors::transfer;
use quittance_actors::values::{CreditorReference, EntityId, Money, Timestamp, TransferId};

use super::Wanted;
use super::statuses::{Control, Sums};
use super::told::{Failure, Names, Reader, When};
use crate::digest;
use crate::formats::xml::Writer;

/// A part of a transfer.
struct Part {
    amount: Money,
    /// The invoice's number and reference; none for what is kept as credit.
    invoice: Option<(String, CreditorReference)>,
}

/// A transfer that found its place.
struct Matched {
    id: TransferId,
    at: Timestamp,
    details: transfer::Details,
    parts: Vec<Part>,
    explanation: String,
    /// Whether it takes an earlier entry back.
    taken_back: bool,
}

/// Writes the transfers matched within the period.
pub(super) fn write(
    folder: &Path, reader: &mut Reader<'_>, wanted: &Wanted<'_>,
) -> Result<(Vec<u8>, Control), Failure> {
    // By account; those that came without one under the empty one.
    let mut accounts: BTreeMap<String, Vec<Matched>> = BTreeMap::new();
    let (mut count, mut sums, mut last) = (0, Sums::default(), Timestamp::default());
    reader.read(folder, |names, commit, when| {
        if when == When::Outside {
            return count;
        }
        for StoredChange { entity, event, .. } in &commit.changes {
            if let (EntityId::Transfer(id), Event::Transfer(event)) = (entity, event)
                && let Some(matched) = matched(names, *id, event, commit.at)
            {
                count += 1;
                last = last.max(commit.at);
                let amount = matched.details.amount;
                let signed = if matched.taken_back { -amount.minor() } else { amount.minor() };
                sums.add(amount.currency().code(), "amount", signed);
                let account = matched.details.account.as_ref().map_or("", |iban| iban.electronic());
                accounts.entry(account.to_owned()).or_default().push(matched);
            }
        }
        count
    })?;
    Ok((document(wanted, &accounts, last), Control::with(count, sums)))
}

fn matched(names: &Names, id: TransferId, event: &transfer::Event, at: Timestamp) -> Option<Matched> {
    use transfer::Event as E;
    let (allocations, credit, explanation, taken_back) = match event {
        E::Matched { allocations, credit, explanation } => (allocations, credit, explanation.clone(), false),
        // What was put aside had paid nothing: nothing of it was told.
        E::TakenBack { allocations, credit, reason, .. } if !allocations.is_empty() || credit.is_positive() => {
            (allocations, credit, format!("taken back: {reason}"), true)
        }
        E::Recalled { allocations, credit, recall } if !allocations.is_empty() || credit.is_positive() => {
            (allocations, credit, format!("taken back by the bank: {}", recall.reason), true)
        }
        _ => return None,
    };
    let details = names.transfer(id)?.clone();
    let part = |(request, amount): &(_, Money)| {
        let terms = names.request(*request);
        let invoice = terms.map(|terms| (terms.external_ref.to_string(), terms.creditor_reference.clone()));
        Part { amount: *amount, invoice }
    };
    let mut parts: Vec<Part> = allocations.iter().map(part).collect();
    if credit.is_positive() {
        parts.push(Part { amount: *credit, invoice: None });
    }
    Some(Matched { id, at, details, parts, explanation, taken_back })
}

fn document(wanted: &Wanted<'_>, accounts: &BTreeMap<String, Vec<Matched>>, last: Timestamp) -> Vec<u8> {
    let period = wanted.period;
    let seed = format!("{} {} {}", wanted.tenant, period.from, period.to);
    let id = format!("QT-{}", digest::hex(&digest::sha256(seed.as_bytes())).get(..24).unwrap_or_default());
    let mut xml = Writer::new("camt.054.001.08", "BkToCstmrDbtCdtNtfctn");
    xml.open("GrpHdr");
    xml.leaf(&["MsgId"], &id);
    // When the last of it was recorded: the same period is the same file.
    xml.leaf(&["CreDtTm"], &last.to_string());
    xml.close(1);
    if accounts.is_empty() {
        xml.open("Ntfctn");
        xml.leaf(&["Id"], &format!("{id}-0"));
        xml.leaf(&["Acct", "Id", "Othr", "Id"], "NOTPROVIDED");
        xml.close(1);
    }
    for (number, (account, transfers)) in (1_u32..).zip(accounts) {
        xml.open("Ntfctn");
        xml.leaf(&["Id"], &format!("{id}-{number}"));
        match account.as_str() {
            "" => xml.leaf(&["Acct", "Id", "Othr", "Id"], "NOTPROVIDED"),
            iban => xml.leaf(&["Acct", "Id", "IBAN"], iban),
        }
        transfers.iter().for_each(|matched| entry(&mut xml, matched));
        xml.close(1);
    }
    xml.finish()
}

fn entry(xml: &mut Writer, matched: &Matched) {
    let Matched { id, at, details, parts, explanation, taken_back } = matched;
    let direction = if *taken_back { "DBIT" } else { "CRDT" };
    xml.open("Ntry");
    xml.leaf(&["NtryRef"], &id.to_string());
    amount(xml, details.amount);
    xml.leaf(&["CdtDbtInd"], direction);
    if *taken_back {
        xml.leaf(&["RvslInd"], "true");
    }
    xml.leaf(&["Sts", "Cd"], "BOOK");
    xml.leaf(&["BookgDt", "Dt"], &details.booked_on.to_string());
    xml.open("BkTxCd");
    xml.open("Domn");
    xml.leaf(&["Cd"], "PMNT");
    xml.open("Fmly");
    xml.leaf(&["Cd"], "RCDT");
    xml.leaf(&["SubFmlyCd"], "ESCT");
    xml.close(3);
    xml.open("NtryDtls");
    parts.iter().for_each(|part| transaction(xml, details, part, direction));
    xml.close(1);
    xml.leaf(&["AddtlNtryInf"], &plain(&format!("{explanation}. {at}"), 500));
    xml.close(1);
}

fn amount(xml: &mut Writer, amount: Money) {
    xml.leaf(&[&format!("Amt Ccy=\"{}\"", amount.currency())], &amount.decimal());
}

fn transaction(xml: &mut Writer, details: &transfer::Details, part: &Part, direction: &str) {
    xml.open("TxDtls");
    xml.open("Refs");
    xml.leaf(&["EndToEndId"], details.end_to_end_id.as_ref().map_or("NOTPROVIDED", |id| id.as_str()));
    xml.close(1);
    amount(xml, part.amount);
    xml.leaf(&["CdtDbtInd"], direction);
    let name = details.payer_name.as_ref().map(|name| plain(name, 140)).filter(|name| !name.is_empty());
    if name.is_some() || details.payer_iban.is_some() {
        xml.open("RltdPties");
        if let Some(name) = &name {
            xml.leaf(&["Dbtr", "Pty", "Nm"], name);
        }
        if let Some(iban) = &details.payer_iban {
            xml.leaf(&["DbtrAcct", "Id", "IBAN"], iban.electronic());
        }
        xml.close(1);
    }
    let text = plain(details.remittance.unstructured(), 140);
    if !text.is_empty() || part.invoice.is_some() {
        xml.open("RmtInf");
        if !text.is_empty() {
            xml.leaf(&["Ustrd"], &text);
        }
        if let Some((number, reference)) = &part.invoice {
            xml.open("Strd");
            xml.open("RfrdDocInf");
            xml.leaf(&["Tp", "CdOrPrtry", "Cd"], "CINV");
            // A number is told whole or not at all: a part of one is another.
            if number.chars().count() <= 35 {
                xml.leaf(&["Nb"], &plain(number, 35));
            }
            xml.close(1);
            xml.open("CdtrRefInf");
            xml.leaf(&["Tp", "CdOrPrtry", "Cd"], "SCOR");
            xml.leaf(&["Ref"], reference.as_str());
            xml.close(1);
            if number.chars().count() > 35 {
                xml.leaf(&["AddtlRmtInf"], &plain(number, 140));
            }
            xml.close(1);
        }
        xml.close(1);
    }
    if part.invoice.is_none() {
        xml.leaf(&["AddtlTxInf"], "kept as the credit of the customer");
    }
    xml.close(1);
}

/// As it was written, as far as XML and the length allow: this file is for an ERP, not for a bank.
fn plain(text: &str, characters_max: usize) -> String {
    text.chars().filter(|character| !character.is_control()).take(characters_max).collect()
}
