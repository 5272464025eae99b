//! What a bank's file says of orders of ours: which collections an entry is the money of, and what was refused.

use std::io;

use quittance_actors::partition::{StatusLevel, StatusReport};
use quittance_actors::payment_request::attempt_named;
use quittance_actors::payout::payout_named;
use quittance_actors::runtime::{BankEntry, Intake, OrderReturned, PayoutReturned};

use super::Watched;
use crate::formats::bank::pacs004::RETURNED;

/// The status of an order that a bank refuses. Source: ISO 20022 external code list.
const REFUSED: &str = "RJCT";
/// Reasons that say that an order is there twice. Source: ISO 20022 external code list.
const DUPLICATES: [&str; 7] = ["AM05", "DUPL", "DU01", "DU02", "DU03", "DU04", "DU05"];
/// The reason of a refusal that gives none. Source: EPC guidance on reason codes.
const NO_REASON: &str = "MS03";

impl Watched {
    /// Names the collections of ours that an entry is the money of, when a bank books a batch as one.
    pub(super) fn name_collected(&self, entry: &mut BankEntry) -> io::Result<()> {
        let batch = &entry.particulars.payment_information_id;
        if let Some((message, _)) = batch.rsplit_once('-').filter(|_| entry.details.end_to_end_id.is_none()) {
            let ordered = self.orders.ordered(&self.feed.tenant, message, Some(batch))?;
            entry.collected = ordered.iter().filter_map(|id| attempt_named(id)).collect();
            entry.paid_out = ordered.iter().filter_map(|id| payout_named(id)).collect();
        }
        Ok(())
    }

    /// The orders of ours that a report says are refused: one, or all of a batch or file.
    pub(super) fn returned(&self, report: &StatusReport) -> io::Result<Vec<Intake>> {
        if report.status != REFUSED && report.status != RETURNED {
            return Ok(Vec::new());
        }
        let reason_code = report.reasons.iter().map(|reason| reason.code.clone()).find(|code| !code.is_empty());
        let reason_code = reason_code.unwrap_or_else(|| NO_REASON.into());
        let named = |end_to_end_id: &str| {
            let reason_code = reason_code.clone();
            // The bank has it already: this copy of it is refused, and the first one stands.
            let duplicate = DUPLICATES.contains(&reason_code.as_str());
            if let Some(payout) = payout_named(end_to_end_id) {
                if duplicate {
                    return None;
                }
                return Some(Intake::PayoutReturned(Box::new(PayoutReturned {
                    payout,
                    reason_code,
                    amount: report.amount,
                })));
            }
            let (request, attempt) = attempt_named(end_to_end_id)?;
            Some(Intake::OrderReturned(Box::new(OrderReturned { request, attempt, reason_code })))
        };
        let batch = match report.level {
            StatusLevel::Transaction => return Ok(named(&report.original_end_to_end).into_iter().collect()),
            StatusLevel::Batch => Some(report.original_batch.as_str()),
            StatusLevel::Group => None,
        };
        let tenant = &self.feed.tenant;
        // A ledger that cannot be read is our side: the file is read again.
        let ordered = self.orders.ordered(tenant, &report.original_message, batch)?;
        Ok(ordered.iter().filter_map(|id| named(id)).collect())
    }
}
