//! Invoices as XML: UBL 2 invoices and credit notes, and UN/CEFACT Cross Industry Invoices, which
//! Factur-X and ZUGFeRD carry. Only the fields that a payment request needs are read.
//! Source: EN 16931-1, semantic model; OASIS UBL 2.1; UN/CEFACT CII D16B.

use std::collections::VecDeque;
use std::io::BufRead;

use serde_json::{Map, Value};

use super::jsonl::{Members, as_published};
use super::rows::Rows;
use quittance_actors::values::PaymentReference;

use crate::config::Mapping;
use crate::formats::xml::{Document, Handler, Place, Start};
use crate::formats::{FieldError, Item, Reader};

/// Reads invoices of an XML document.
pub(super) struct InvoiceXml<R> {
    document: Document<R>,
    building: Building,
    ended: bool,
}

/// A reader of `source`; of the mapping it takes the country of telephone numbers, the constants
/// and the lookups.
pub(super) fn reader<R: BufRead + Send>(source: R, mapping: &Mapping) -> InvoiceXml<R> {
    let building = Building {
        rows: Rows::new(&as_published(mapping)),
        path: Vec::new(),
        members: Map::new(),
        line: 1,
        row: 0,
        ready: VecDeque::new(),
    };
    InvoiceXml { document: Document::new(source).with_embedded(), building, ended: false }
}

impl<R: BufRead + Send> Reader for InvoiceXml<R> {
    fn next(&mut self) -> Option<Result<Item, FieldError>> {
        loop {
            if let Some(item) = self.building.ready.pop_front() {
                return Some(Ok(item));
            }
            if self.ended {
                return None;
            }
            match self.document.read(&mut self.building) {
                Ok(ended) => self.ended = ended,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
    }

    fn bytes_read(&self) -> u64 {
        self.document.bytes_read()
    }
}

struct Building {
    rows: Rows,
    path: Vec<String>,
    members: Map<String, Value>,
    line: u64,
    row: u64,
    ready: VecDeque<Item>,
}

/// Codes of documents that credit. Source: UNTDID 1001, as EN 16931 uses it.
const CREDITS: [&str; 10] = ["81", "83", "261", "262", "296", "308", "381", "396", "458", "532"];

/// Where a field stands, the first that is given wins.
const UBL: &[(&str, &str)] = &[
    ("ID", "invoice"),
    ("InvoiceTypeCode", "type"),
    ("CreditNoteTypeCode", "type"),
    ("PaymentMeans/PaymentID", "payment_reference"),
    ("OrderReference/ID", "order"),
    ("IssueDate", "issued_on"),
    ("DueDate", "due_on"),
    ("PaymentMeans/PaymentDueDate", "due_on"),
    ("DocumentCurrencyCode", "currency"),
    ("BillingReference/InvoiceDocumentReference/ID", "referenced"),
    ("AccountingCustomerParty/CustomerAssignedAccountID", "customer"),
    ("AccountingCustomerParty/Party/PartyIdentification/ID", "customer"),
    ("AccountingCustomerParty/Party/EndpointID", "customer"),
    ("AccountingCustomerParty/Party/PartyLegalEntity/RegistrationName", "name"),
    ("AccountingCustomerParty/Party/PartyName/Name", "name"),
    ("AccountingCustomerParty/Party/Contact/ElectronicMail", "email"),
    ("AccountingCustomerParty/Party/Contact/Telephone", "phone"),
    ("LegalMonetaryTotal/PayableAmount", "amount"),
];

const CII: &[(&str, &str)] = &[
    ("SupplyChainTradeTransaction/ApplicableHeaderTradeSettlement/PaymentReference", "payment_reference"),
    (
        "SupplyChainTradeTransaction/ApplicableHeaderTradeAgreement/BuyerOrderReferencedDocument/IssuerAssignedID",
        "order",
    ),
    ("ExchangedDocument/ID", "invoice"),
    ("ExchangedDocument/TypeCode", "type"),
    ("ExchangedDocument/IssueDateTime/DateTimeString", "issued_on"),
    ("SupplyChainTradeTransaction/ApplicableHeaderTradeAgreement/BuyerTradeParty/ID", "customer"),
    ("SupplyChainTradeTransaction/ApplicableHeaderTradeAgreement/BuyerTradeParty/GlobalID", "customer"),
    (
        "SupplyChainTradeTransaction/ApplicableHeaderTradeAgreement/BuyerTradeParty/SpecifiedLegalOrganization/ID",
        "customer",
    ),
    ("SupplyChainTradeTransaction/ApplicableHeaderTradeAgreement/BuyerTradeParty/Name", "name"),
    (
        "SupplyChainTradeTransaction/ApplicableHeaderTradeAgreement/BuyerTradeParty/DefinedTradeContact/EmailURIUniversalCommunication/URIID",
        "email",
    ),
    (
        "SupplyChainTradeTransaction/ApplicableHeaderTradeAgreement/BuyerTradeParty/DefinedTradeContact/TelephoneUniversalCommunication/CompleteNumber",
        "phone",
    ),
    ("SupplyChainTradeTransaction/ApplicableHeaderTradeSettlement/InvoiceCurrencyCode", "currency"),
    (
        "SupplyChainTradeTransaction/ApplicableHeaderTradeSettlement/SpecifiedTradePaymentTerms/DueDateDateTime/DateTimeString",
        "due_on",
    ),
    (
        "SupplyChainTradeTransaction/ApplicableHeaderTradeSettlement/SpecifiedTradeSettlementHeaderMonetarySummation/DuePayableAmount",
        "amount",
    ),
    (
        "SupplyChainTradeTransaction/ApplicableHeaderTradeSettlement/SpecifiedTradeSettlementHeaderMonetarySummation/GrandTotalAmount",
        "grand_total",
    ),
    (
        "SupplyChainTradeTransaction/ApplicableHeaderTradeSettlement/InvoiceReferencedDocument/IssuerAssignedID",
        "referenced",
    ),
];

impl Handler for Building {
    fn open(&mut self, place: &mut Place<'_>, name: &str, _: &Start<'_>) -> Result<(), FieldError> {
        if self.path.is_empty() {
            if !matches!(name, "Invoice" | "CreditNote" | "CrossIndustryInvoice") {
                return Err(place.expected(name, "a UBL Invoice or CreditNote, or a CrossIndustryInvoice"));
            }
            self.line = place.line();
        }
        self.path.push(name.to_owned());
        Ok(())
    }

    fn close(&mut self, _: &mut Place<'_>, text: &str) -> Result<(), FieldError> {
        if self.path.len() == 1 {
            self.finish();
        } else if !text.is_empty() {
            let root = self.path.first().map(String::as_str).unwrap_or_default();
            let path = self.path.get(1..).unwrap_or_default().join("/");
            let table = if root == "CrossIndustryInvoice" { CII } else { UBL };
            if let Some((_, field)) = table.iter().find(|(known, _)| *known == path)
                && !self.members.contains_key(*field)
            {
                let value = if field.ends_with("_on") { iso(text) } else { text.to_owned() };
                self.members.insert((*field).to_owned(), Value::String(value));
            }
        }
        self.path.pop();
        Ok(())
    }

    fn full(&self) -> bool {
        !self.ready.is_empty()
    }
}

/// A date of format 102, `YYYYMMDD`, as ISO 8601; any other as it is.
fn iso(text: &str) -> String {
    match (text.len(), text.get(..4), text.get(4..6), text.get(6..8)) {
        (8, Some(year), Some(month), Some(day)) => format!("{year}-{month}-{day}"),
        _ => text.get(..10).unwrap_or(text).to_owned(),
    }
}

impl Building {
    fn finish(&mut self) {
        self.row += 1;
        let mut members = std::mem::take(&mut self.members);
        let root = self.path.first().map(String::as_str).unwrap_or_default();
        let credit = root == "CreditNote"
            || members.remove("type").is_some_and(|code| CREDITS.iter().any(|credit| code == *credit));
        let referenced = members.remove("referenced");
        // What is left to pay, when it is said; a deposit may be taken off the total.
        if let Some(total) = members.remove("grand_total") {
            members.entry("amount").or_insert(total);
        }
        // A text that no country checks says nothing that its invoice's number does not say.
        let checked = |value: &Value| value.as_str().is_some_and(|text| PaymentReference::parse(text).is_ok());
        if credit || !members.get("payment_reference").is_some_and(checked) {
            members.remove("payment_reference");
        }
        if credit {
            members.insert("kind".to_owned(), Value::String("credit_note".to_owned()));
            if let Some(number) = members.remove("invoice") {
                members.insert("credit_note".to_owned(), number);
            }
            if let Some(referenced) = referenced {
                members.insert("invoice".to_owned(), referenced);
            }
        } else if let (false, Some(issued)) = (members.contains_key("due_on"), members.get("issued_on").cloned()) {
            members.insert("due_on".to_owned(), issued); // Without a term it is due at once.
        }
        let row = Members { line: self.line, members };
        let item = self.rows.item(self.row, &row);
        self.ready.push_back(item);
    }
}
