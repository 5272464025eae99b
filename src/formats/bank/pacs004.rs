//! pacs.004, payment return: orders of ours that came back after they were settled, as some banks and
//! payment providers tell their customers beside the statement.
//! Source: ISO 20022 PaymentReturn, versions 001.02 to 001.13.

use std::io::BufRead;

use smol_str::SmolStr;

use super::iso20022::{Message, pieces};
use super::pain002::reason;
use super::text::{REFERENCE_CHARACTERS_MAX, money, short};
use super::{Found, Piece, Statements, StatusLevel, StatusReport};
use crate::formats::FieldError;
use crate::formats::xml::{Handler, Place, Start};

/// The status of what came back.
pub const RETURNED: &str = "RTRN";
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

/// The return under way.
#[derive(Default)]
struct Building {
    path: Vec<String>,
    message: SmolStr,
    original_message: SmolStr,
    /// Reasons that stand for every return of the message.
    group: StatusReport,
    transaction: StatusReport,
    currency: Option<SmolStr>,
    row: u64,
    ready: Found,
}

impl Handler for Building {
    fn open(&mut self, place: &mut Place<'_>, name: &str, start: &Start<'_>) -> Result<(), FieldError> {
        match self.path.len() {
            0 if name != "Document" => return Err(place.expected(name, "an ISO 20022 Document")),
            1 if !(name == "PmtRtr" || name.starts_with("pacs.004")) => {
                return Err(place.expected(name, "a pacs.004 payment return"));
            }
            2 if name == "TxInf" => {
                let (line, level, status) = (place.line(), StatusLevel::Transaction, RETURNED.into());
                self.transaction = StatusReport { line, level, status, ..StatusReport::default() };
            }
            _ => {}
        }
        self.path.push(name.to_owned());
        if let Some(currency) = start.attribute("Ccy") {
            self.currency = Some(currency.into());
        }
        Ok(())
    }

    fn close(&mut self, place: &mut Place<'_>, text: &str) -> Result<(), FieldError> {
        let path: Vec<&str> = self.path.iter().skip(2).map(String::as_str).collect();
        let kept = || short(text, REFERENCE_CHARACTERS_MAX);
        let report = &mut self.transaction;
        match path.as_slice() {
            ["GrpHdr", "MsgId"] => self.message = kept(),
            ["OrgnlGrpInf", "OrgnlMsgId"] => self.original_message = kept(),
            ["TxInf", "OrgnlGrpInf", "OrgnlMsgId"] => report.original_message = kept(),
            ["TxInf", "OrgnlInstrId"] => report.original_instruction = kept(),
            ["TxInf", "OrgnlEndToEndId"] => report.original_end_to_end = kept(),
            ["TxInf", "RtrdIntrBkSttlmAmt"] => report.amount = money(text, self.currency.as_deref()),
            ["TxInf", "OrgnlTxRef", "MndtRltdInf", "MndtId"]
            | ["TxInf", "OrgnlTxRef", "MndtRltdInf", _, "MndtId"] => report.mandate_id = kept(),
            ["OrgnlGrpInf", "RtrRsnInf", rest @ ..] => reason(&mut self.group, rest, text),
            ["TxInf", "RtrRsnInf", rest @ ..] => reason(report, rest, text),
            ["TxInf"] => self.end_return(place)?,
            [] if self.path.len() == 2 && self.row == 0 => {
                return Err(place.wrong("the message returns no payment"));
            }
            _ => {}
        }
        self.path.pop();
        Ok(())
    }

    fn full(&self) -> bool {
        self.ready.len() >= PIECES_MAX
    }
}

impl Building {
    fn end_return(&mut self, place: &mut Place<'_>) -> Result<(), FieldError> {
        let mut report = std::mem::take(&mut self.transaction);
        if report.original_end_to_end.is_empty() && report.original_instruction.is_empty() {
            return Err(place.wrong("a return names no payment: expected OrgnlEndToEndId"));
        }
        if report.reasons.is_empty() {
            report.reasons.clone_from(&self.group.reasons);
        }
        self.row += 1;
        report.row = self.row;
        report.message = self.message.clone();
        if report.original_message.is_empty() {
            report.original_message = self.original_message.clone();
        }
        self.ready.push_back(Ok(Piece::Status(Box::new(report))));
        Ok(())
    }
}
