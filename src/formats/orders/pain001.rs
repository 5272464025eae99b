//! pain.001.001.09, customer credit transfer initiation: one batch per day.
//! Source: EPC132-08, customer to bank implementation guidelines.

use std::collections::{BTreeMap, BTreeSet};

use quittance_actors::values::Date;

use super::read::{AMOUNT_MINOR_MAX, batch_id};
use super::text::sepa;
use super::{CreditTransfer, Envelope};
use crate::formats::xml::Writer;

/// Why a bank would refuse an order, if it would.
pub fn check(order: &CreditTransfer) -> Result<(), String> {
    if sepa(&order.creditor, 70).trim().is_empty() {
        return Err("the payee's name has no character that banks accept".to_owned());
    }
    match order.amount.minor() {
        minor if (1..=AMOUNT_MINOR_MAX).contains(&minor) => Ok(()),
        _ => Err(format!("{} is no amount that banks pay at once", order.amount)),
    }
}

/// The id of the batch that each order stands in, in order.
pub fn batches_of(envelope: &Envelope<'_>, orders: &[CreditTransfer]) -> Vec<String> {
    let day = |order: &CreditTransfer| envelope.calendar.following(order.on);
    let days: BTreeSet<Date> = orders.iter().map(day).collect();
    let number = |order| (1_u32..).zip(&days).find(|(_, known)| **known == day(order));
    let id = |order| number(order).map(|(number, _)| batch_id(&envelope.message_id, number));
    orders.iter().map(|order| id(order).unwrap_or_default()).collect()
}

/// The file of `orders`. The same orders in the same envelope are the same bytes.
pub fn write(envelope: &Envelope<'_>, orders: &[CreditTransfer]) -> Vec<u8> {
    let Envelope { message_id, created_at, initiator, calendar } = envelope;
    let mut batches: BTreeMap<Date, Vec<&CreditTransfer>> = BTreeMap::new();
    for order in orders {
        batches.entry(calendar.following(order.on)).or_default().push(order);
    }
    let name = sepa(&initiator.name, 70);
    let mut xml = Writer::new("pain.001.001.09", "CstmrCdtTrfInitn");
    xml.open("GrpHdr");
    xml.leaf(&["MsgId"], message_id);
    xml.leaf(&["CreDtTm"], &created_at.to_string());
    xml.totals(orders.iter().map(|order| order.amount));
    xml.leaf(&["InitgPty", "Nm"], &name);
    xml.close(1);
    for (number, (day, orders)) in (1_u32..).zip(&batches) {
        xml.open("PmtInf");
        xml.leaf(&["PmtInfId"], &batch_id(message_id, number));
        xml.leaf(&["PmtMtd"], "TRF");
        xml.leaf(&["BtchBookg"], "true");
        xml.totals(orders.iter().map(|order| order.amount));
        xml.leaf(&["PmtTpInf", "SvcLvl", "Cd"], "SEPA");
        xml.leaf(&["ReqdExctnDt", "Dt"], &day.to_string());
        xml.leaf(&["Dbtr", "Nm"], &name);
        xml.leaf(&["DbtrAcct", "Id", "IBAN"], initiator.iban.electronic());
        xml.agent("DbtrAgt", initiator.bic.as_deref());
        xml.leaf(&["ChrgBr"], "SLEV");
        for order in orders {
            xml.open("CdtTrfTxInf");
            xml.leaf(&["PmtId", "EndToEndId"], &order.end_to_end_id);
            xml.leaf(&["Amt", "InstdAmt Ccy=\"EUR\""], &order.amount.decimal());
            if let Some(bic) = &order.bic {
                xml.agent("CdtrAgt", Some(bic));
            }
            xml.leaf(&["Cdtr", "Nm"], &sepa(&order.creditor, 70));
            xml.leaf(&["CdtrAcct", "Id", "IBAN"], order.iban.electronic());
            if !order.remittance.is_empty() {
                xml.leaf(&["RmtInf", "Ustrd"], &sepa(&order.remittance, 140));
            }
            xml.close(1);
        }
        xml.close(1);
    }
    xml.finish()
}
