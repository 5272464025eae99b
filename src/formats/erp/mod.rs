//! Files of ERPs: invoices, customers, credit notes, cancellations, mandates and plans.
//!
//! | File | Reads |
//! |---|---|
//! | `csv` | rows of separated columns, by a mapping |
//! | `jsonl` | one JSON object a line |
//! | `invoice_xml` | UBL and Cross Industry Invoice (Factur-X) |
//! | `pdf` | the invoice XML that Factur-X attaches to a PDF |
//! | `rows` | the fields of a row, from any of them, as what it asks for |
//! | `plan_row` | those of a row that says what was agreed for a plan |
//! | `written` | dates and amounts as people write them |
//! | `guess` | proposes a mapping for a file; used by a person once, never while reading |

pub mod csv;
mod fields;
pub mod guess;
mod invoice_xml;
mod jsonl;
mod pdf;
mod plan_row;
mod preamble;
mod rows;
mod written;

use std::collections::BTreeSet;
use std::io::{self, BufRead, Write};

use super::{Format, HEAD_BYTES, Reader, peek, plain};
use crate::config::Mapping;

pub use fields::FIELDS;

/// Opens a file of an ERP as what its first bytes say it is: XML, a PDF that carries it, JSON lines,
/// or else columns by the mapping.
pub fn open<'a>(source: impl BufRead + Send + 'a, mapping: &Mapping) -> Box<dyn Reader + 'a> {
    let (head, whole) = match peek(source) {
        Ok(peeked) => peeked,
        Err(error) => return Box::new(super::Unreadable::new(error)),
    };
    let start = plain(&head);
    match start.first() {
        Some(b'%') if is_pdf(&start) => match pdf::attached_invoice(whole) {
            Ok(xml) => Box::new(invoice_xml::reader(io::Cursor::new(xml), mapping)),
            Err(error) => Box::new(super::Unreadable::new(error)),
        },
        Some(b'<') => Box::new(invoice_xml::reader(whole, mapping)),
        Some(b'{') => Box::new(jsonl::reader(whole, mapping)),
        _ => Box::new(csv::reader(whole, mapping)),
    }
}

/// Writes the rows of some numbers as they stand in a file, ready to be fixed and read again.
pub type CopyRows<'a> = Box<dyn FnOnce(&BTreeSet<u64>, &mut dyn Write) -> io::Result<()> + 'a>;

/// How the rows of a file are copied; `None` when it has none of its own.
pub fn copies_rows<'a>(source: impl BufRead + Send + 'a, mapping: &'a Mapping) -> io::Result<Option<CopyRows<'a>>> {
    let (head, whole) = peek(source).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(match plain(&head).first() {
        Some(b'<') => None,
        Some(b'%') if is_pdf(&plain(&head)) => None,
        Some(b'{') => Some(Box::new(move |rows, to| jsonl::copy_rows(whole, rows, to))),
        _ => Some(Box::new(move |rows, mut to| csv::copy_rows(whole, mapping, rows, &mut to))),
    })
}

/// What a file is, in words, by its first bytes.
pub fn name_of(head: &[u8]) -> &'static str {
    let start = plain(head.get(..HEAD_BYTES).unwrap_or(head));
    if let Some(Format { name, .. }) =
        super::detect(head).filter(|format| !(format.name == "camt" && is_invoice(&start)))
    {
        return name;
    }
    match start.first() {
        Some(b'<') => "invoice XML",
        Some(b'%') if is_pdf(&start) => "invoice PDF",
        Some(b'{') => "JSON lines",
        _ => "columns",
    }
}

fn is_pdf(start: &[u8]) -> bool {
    start.starts_with(b"%PDF-")
}

fn is_invoice(start: &[u8]) -> bool {
    ["CrossIndustryInvoice", "oasis:names:specification:ubl"]
        .iter()
        .any(|name| memchr::memmem::find(start, name.as_bytes()).is_some())
}
