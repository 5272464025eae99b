//! pain.002, customer payment status report: what became of the orders of a file of ours.
//!
//! A status stands at the level of the group, the batch or the transaction; the lower level
//! wins, and a level without lower ones speaks for everything below it.
//! Source: ISO 20022 CustomerPaymentStatusReport, versions 001.02 to 001.15.

use std::io::BufRead;

use quittance_actors::transfer::ReturnReason;
use smol_str::SmolStr;

use super::iso20022::{Message, pieces};
use super::text::{ADDITIONAL_CHARACTERS_MAX, REFERENCE_CHARACTERS_MAX, money, short};
use super::{Found, Piece, Statements, StatusLevel, StatusReport};
use crate::formats::FieldError;
use crate::formats::xml::{Handler, Place, Start};

/// Reasons kept of one status.
const REASONS_MAX: usize = 16;
/// The status of what a bank refuses.
const REFUSED: &str = "RJCT";
/// Reports held before they are taken.
const PIECES_MAX: usize = 256;

/// The pieces of `source`.
pub fn statements(source: impl BufRead + Send) -> impl Statements {
    pieces::<Building>(source)
}

impl Message for Building {
    fn found(&mut self) -> &mut Found {
        &mut self.ready
    }
}

/// The report of each level under way.
#[derive(Default)]
struct Building {
    path: Vec<String>,
    message: SmolStr,
    group: StatusReport,
    batch: StatusReport,
    transaction: StatusReport,
    batches: u64,
    transactions: u64,
    currency: Option<SmolStr>,
    row: u64,
    ready: Found,
}

impl Handler for Building {
    fn open(&mut self, place: &mut Place<'_>, name: &str, start: &Start<'_>) -> Result<(), FieldError> {
        match self.path.len() {
            0 if name != "Document" => return Err(place.expected(name, "an ISO 20022 Document")),
            1 if !(name.starts_with("CstmrPmtStsRpt") || name.starts_with("pain.002")) => {
                return Err(place.expected(name, "a pain.002 status report"));
            }
            2 if matches!(name, "OrgnlPmtInfAndSts") => {
                self.batch =
                    StatusReport { line: place.line(), level: StatusLevel::Batch, ..StatusReport::default() };
                self.batches += 1;
                self.transactions = 0;
            }
            _ => {}
        }
        if name == "TxInfAndSts" {
            self.transaction =
                StatusReport { line: place.line(), level: StatusLevel::Transaction, ..StatusReport::default() };
            self.transactions += 1;
        }
        self.path.push(name.to_owned());
        if let Some(currency) = start.attribute("Ccy") {
            self.currency = Some(currency.into());
        }
        Ok(())
    }

    fn close(&mut self, place: &mut Place<'_>, text: &str) -> Result<(), FieldError> {
        let path: Vec<String> = self.path.iter().skip(2).cloned().collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["GrpHdr", "MsgId"] => self.message = short(text, REFERENCE_CHARACTERS_MAX),
            ["OrgnlGrpInfAndSts", rest @ ..] => value(&mut self.group, rest, text, self.currency.as_deref()),
            ["OrgnlPmtInfAndSts"] => self.end_batch(),
            ["OrgnlPmtInfAndSts" | "TxInfAndSts", "TxInfAndSts"] | ["TxInfAndSts"] => self.end_transaction(),
            ["OrgnlPmtInfAndSts", "TxInfAndSts", rest @ ..] | ["TxInfAndSts", rest @ ..] => {
                value(&mut self.transaction, rest, text, self.currency.as_deref());
            }
            ["OrgnlPmtInfAndSts", rest @ ..] => value(&mut self.batch, rest, text, self.currency.as_deref()),
            [] if self.path.len() == 2 => self.end_message(place)?,
            _ => {}
        }
        self.path.pop();
        Ok(())
    }

    fn full(&self) -> bool {
        self.ready.len() >= PIECES_MAX
    }
}

fn value(report: &mut StatusReport, path: &[&str], text: &str, currency: Option<&str>) {
    if text.is_empty() {
        return;
    }
    let kept = || short(text, REFERENCE_CHARACTERS_MAX);
    match path {
        ["OrgnlMsgId"] => report.original_message = kept(),
        ["OrgnlPmtInfId"] => report.original_batch = kept(),
        ["OrgnlInstrId"] => report.original_instruction = kept(),
        ["OrgnlEndToEndId"] => report.original_end_to_end = kept(),
        ["GrpSts" | "PmtInfSts" | "TxSts"] => report.status = kept(),
        ["StsRsnInf", rest @ ..] => reason(report, rest, text),
        ["OrgnlTxRef", "Amt", "InstdAmt"] | ["OrgnlTxRef", "IntrBkSttlmAmt"] => {
            report.amount = money(text, currency).or(report.amount);
        }
        ["OrgnlTxRef", "MndtRltdInf", "MndtId"] | ["OrgnlTxRef", "MndtRltdInf", _, "MndtId"] => {
            report.mandate_id = kept();
        }
        _ => {}
    }
}

/// A part of a reason: its code, or more words about it.
pub(super) fn reason(report: &mut StatusReport, path: &[&str], text: &str) {
    match path {
        ["Rsn", "Cd" | "Prtry"] if report.reasons.len() < REASONS_MAX => {
            let code = short(text, REFERENCE_CHARACTERS_MAX);
            report.reasons.push(ReturnReason { code, text: SmolStr::default() });
        }
        ["AddtlInf"] => {
            let more = short(text, ADDITIONAL_CHARACTERS_MAX);
            match report.reasons.last_mut() {
                Some(reason) if reason.text.is_empty() => reason.text = more,
                Some(_) => {}
                None => report.reasons.push(ReturnReason { code: SmolStr::default(), text: more }),
            }
        }
        _ => {}
    }
}

impl Building {
    fn give(&mut self, mut report: StatusReport) {
        self.row += 1;
        report.row = self.row;
        report.message = self.message.clone();
        if report.original_message.is_empty() {
            report.original_message = self.group.original_message.clone();
        }
        self.ready.push_back(Ok(Piece::Status(Box::new(report))));
    }

    fn end_transaction(&mut self) {
        let mut report = std::mem::take(&mut self.transaction);
        if report.original_batch.is_empty() {
            report.original_batch = self.batch.original_batch.clone();
        }
        if report.original_end_to_end.is_empty() {
            report.original_end_to_end = report.original_instruction.clone();
        }
        if report.status.is_empty() {
            let above = if self.batch.status.is_empty() { &self.group } else { &self.batch };
            report.status = above.status.clone();
        }
        if report.reasons.is_empty() && report.status == self.batch.status {
            report.reasons.clone_from(&self.batch.reasons);
        }
        let refused_above = self.batch.status == REFUSED || self.group.status == REFUSED;
        if report.original_end_to_end.is_empty() && report.status == REFUSED && !refused_above {
            // Nobody would hear of it otherwise.
            self.row += 1;
            let expected = "the end-to-end id of the order that is refused";
            let error = FieldError::expected(report.line, 0, "TxInfAndSts/OrgnlEndToEndId", "", expected);
            return self.ready.push_back(Ok(Piece::Refused(self.row, vec![error])));
        }
        self.give(report);
    }

    fn end_batch(&mut self) {
        // A batch that is refused as a whole is, whichever of its orders are named as the cause.
        if self.transactions == 0 || self.batch.status == REFUSED {
            let mut report = std::mem::take(&mut self.batch);
            if report.status.is_empty() {
                report.status = self.group.status.clone();
            }
            if report.reasons.is_empty() {
                report.reasons.clone_from(&self.group.reasons);
            }
            self.give(report);
        }
    }

    fn end_message(&mut self, place: &mut Place<'_>) -> Result<(), FieldError> {
        if self.batches == 0 && self.row == 0 || self.group.status == REFUSED {
            let report = std::mem::take(&mut self.group);
            if report.original_message.is_empty() && report.status.is_empty() {
                return Err(place.wrong("the report names neither a message of ours nor a status"));
            }
            self.give(StatusReport { level: StatusLevel::Group, line: place.line(), ..report });
        }
        Ok(())
    }
}
