//! pain.001.001.09, customer credit transfer initiation: one batch per day.
//! Source: EPC132-08, customer to bank implementation guidelines.

use std::collections::BTreeMap;

use quittance_actors::values::Date;

use super::text::{account, amount, sepa};
use super::xml::Writer;
use super::{CreditTransfer, Envelope};

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
    totals(&mut xml, orders.iter());
    xml.leaf(&["InitgPty", "Nm"], &name);
    xml.close(1);
    for (number, (day, orders)) in (1_u32..).zip(&batches) {
        xml.open("PmtInf");
        xml.leaf(&["PmtInfId"], &super::read::batch_id(message_id, number));
        xml.leaf(&["PmtMtd"], "TRF");
        xml.leaf(&["BtchBookg"], "true");
        totals(&mut xml, orders.iter().copied());
        xml.leaf(&["PmtTpInf", "SvcLvl", "Cd"], "SEPA");
        xml.leaf(&["ReqdExctnDt", "Dt"], &day.to_string());
        xml.leaf(&["Dbtr", "Nm"], &name);
        xml.leaf(&["DbtrAcct", "Id", "IBAN"], account(&initiator.iban));
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
            xml.leaf(&["CdtrAcct", "Id", "IBAN"], account(&order.iban));
            if !order.remittance.is_empty() {
                xml.leaf(&["RmtInf", "Ustrd"], &sepa(&order.remittance, 140));
            }
            xml.close(1);
        }
        xml.close(1);
    }
    xml.finish()
}

fn totals<'a>(xml: &mut Writer, orders: impl Iterator<Item = &'a CreditTransfer>) {
    let (mut count, mut sum, mut like) = (0_u64, 0_i64, None);
    for order in orders {
        count += 1;
        sum = sum.saturating_add(order.amount.minor());
        like = Some(order.amount);
    }
    xml.leaf(&["NbOfTxs"], &count.to_string());
    if let Some(like) = like {
        xml.leaf(&["CtrlSum"], &amount(sum, like));
    }
}
