//! pain.008.001.08, customer direct debit initiation: one batch per day, sequence and scheme.
//! Source: EPC130-08 (Core) and EPC131-08 (B2B), customer to bank implementation guidelines.

use std::collections::{BTreeMap, BTreeSet};

use super::text::sepa;
use super::{DirectDebit, Envelope, Scheme, Sequence};
use crate::formats::xml::Writer;
use quittance_actors::values::Date;

/// Whether banks take an order as it is, or why not.
pub fn check(order: &DirectDebit) -> Result<(), String> {
    if sepa(&order.debtor, 70).trim().is_empty() {
        return Err("the payer's name has no character that banks accept".to_owned());
    }
    let max = super::read::AMOUNT_MINOR_MAX;
    match order.amount.minor() {
        minor if (1..=max).contains(&minor) => Ok(()),
        _ => Err(format!("{} is no amount that banks collect at once", order.amount)),
    }
}

/// What the orders of a batch have in common.
type Batch = (Date, Sequence, Scheme);

fn batch(envelope: &Envelope<'_>, order: &DirectDebit) -> Batch {
    (envelope.calendar.following(order.due_on), order.sequence, order.scheme)
}

/// The id of the batch that each order stands in, in order.
pub fn batches_of(envelope: &Envelope<'_>, orders: &[DirectDebit]) -> Vec<String> {
    let all: BTreeSet<Batch> = orders.iter().map(|order| batch(envelope, order)).collect();
    let number = |order| (1_u32..).zip(&all).find(|(_, known)| **known == batch(envelope, order));
    let id = |order| number(order).map(|(number, _)| super::read::batch_id(&envelope.message_id, number));
    orders.iter().map(|order| id(order).unwrap_or_default()).collect()
}

/// The file of `orders`. The same orders in the same envelope are the same bytes.
pub fn write(envelope: &Envelope<'_>, orders: &[DirectDebit]) -> Vec<u8> {
    let Envelope { message_id, created_at, initiator, .. } = envelope;
    let mut batches: BTreeMap<Batch, Vec<&DirectDebit>> = BTreeMap::new();
    for order in orders {
        batches.entry(batch(envelope, order)).or_default().push(order);
    }
    let name = sepa(&initiator.name, 70);
    let mut xml = Writer::new("pain.008.001.08", "CstmrDrctDbtInitn");
    xml.open("GrpHdr");
    xml.leaf(&["MsgId"], message_id);
    xml.leaf(&["CreDtTm"], &created_at.to_string());
    xml.totals(orders.iter().map(|order| order.amount));
    xml.leaf(&["InitgPty", "Nm"], &name);
    xml.close(1);
    for (number, ((day, sequence, scheme), orders)) in (1_u32..).zip(&batches) {
        xml.open("PmtInf");
        xml.leaf(&["PmtInfId"], &super::read::batch_id(message_id, number));
        xml.leaf(&["PmtMtd"], "DD");
        xml.leaf(&["BtchBookg"], "true");
        xml.totals(orders.iter().map(|order| order.amount));
        xml.open("PmtTpInf");
        xml.leaf(&["SvcLvl", "Cd"], "SEPA");
        xml.leaf(&["LclInstrm", "Cd"], scheme.code());
        xml.leaf(&["SeqTp"], sequence.code());
        xml.close(1);
        xml.leaf(&["ReqdColltnDt"], &day.to_string());
        xml.leaf(&["Cdtr", "Nm"], &name);
        xml.leaf(&["CdtrAcct", "Id", "IBAN"], initiator.iban.electronic());
        xml.agent("CdtrAgt", initiator.bic.as_deref());
        xml.leaf(&["ChrgBr"], "SLEV");
        for name in ["CdtrSchmeId", "Id", "PrvtId", "Othr"] {
            xml.open(name);
        }
        xml.leaf(&["Id"], initiator.creditor_id.as_deref().unwrap_or_default());
        xml.leaf(&["SchmeNm", "Prtry"], "SEPA");
        xml.close(4);
        for order in orders {
            transaction(&mut xml, order);
        }
        xml.close(1);
    }
    xml.finish()
}

fn transaction(xml: &mut Writer, order: &DirectDebit) {
    xml.open("DrctDbtTxInf");
    xml.leaf(&["PmtId", "EndToEndId"], &order.end_to_end_id);
    xml.leaf(&["InstdAmt Ccy=\"EUR\""], &order.amount.decimal());
    xml.open("DrctDbtTx");
    xml.open("MndtRltdInf");
    xml.leaf(&["MndtId"], &order.mandate_id);
    xml.leaf(&["DtOfSgntr"], &order.signed_on.to_string());
    if order.amended {
        // Same mandate, new debtor account. Source: EPC130-08 AT-24, from November 2016 on.
        xml.leaf(&["AmdmntInd"], "true");
        for name in ["AmdmntInfDtls", "OrgnlDbtrAcct", "Id", "Othr"] {
            xml.open(name);
        }
        xml.leaf(&["Id"], "SMNDA");
        xml.close(4);
    }
    xml.close(2);
    xml.agent("DbtrAgt", order.bic.as_deref());
    xml.leaf(&["Dbtr", "Nm"], &sepa(&order.debtor, 70));
    xml.leaf(&["DbtrAcct", "Id", "IBAN"], order.iban.electronic());
    let remittance = sepa(&order.remittance, 140);
    if !remittance.is_empty() {
        xml.leaf(&["RmtInf", "Ustrd"], &remittance);
    }
    xml.close(1);
}
