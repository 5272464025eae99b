//! Invoices as PDF: the XML that Factur-X, ZUGFeRD and XRechnung attach to the page that people read.
//! Source: Factur-X 1.0 §6, ISO 19005-3 (PDF/A-3) associated files, ISO 32000 §7.11.

use std::io::{BufRead, Read as _};

use lopdf::{Dictionary, Document, LoadOptions, Object};

use crate::formats::FieldError;

/// Bytes of a PDF, and of what is attached to it.
const PDF_BYTES_MAX: u64 = 16 << 20;
const XML_BYTES_MAX: usize = 4 << 20;
/// The names under which the invoice is attached, in lower case.
const NAMES: [&str; 3] = ["factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml"];
/// How deep one object may lie in another.
const DEPTH_MAX: usize = 8;

/// The invoice XML attached to a PDF.
pub(super) fn attached_invoice(source: impl BufRead) -> Result<Vec<u8>, FieldError> {
    let refused = |why: String| FieldError::wrong(0, 0, "", why);
    let mut bytes = Vec::new();
    source.take(PDF_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| refused(error.to_string()))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > PDF_BYTES_MAX) {
        return Err(refused(format!("a PDF is at most {} MiB", PDF_BYTES_MAX >> 20)));
    }
    let options = LoadOptions::with_max_decompressed_size(XML_BYTES_MAX);
    let document = Document::load_mem_with_options(&bytes, options)
        .map_err(|error| refused(format!("the PDF cannot be read: {error}")))?;
    if document.is_encrypted() {
        return Err(refused("the PDF is encrypted: expected one that can be read without a password".to_owned()));
    }
    let mut names = Vec::new();
    for object in document.objects.values() {
        if let Some(xml) = invoice_in(&document, object, &mut names, DEPTH_MAX).map_err(refused)? {
            return Ok(xml);
        }
    }
    let expected = NAMES.join(", ");
    Err(refused(match names.as_slice() {
        [] => format!("no invoice is attached to the PDF: expected one of {expected}"),
        names => format!("no invoice is attached to the PDF, only {}: expected one of {expected}", names.join(", ")),
    }))
}

/// The invoice that a file specification in `object` names.
fn invoice_in(
    document: &Document, object: &Object, names: &mut Vec<String>, depth: usize,
) -> Result<Option<Vec<u8>>, String> {
    let Some(depth) = depth.checked_sub(1) else { return Ok(None) };
    match object {
        Object::Dictionary(dictionary) => {
            if let Some(xml) = named_invoice(document, dictionary, names)? {
                return Ok(Some(xml));
            }
            for (_, inner) in dictionary.iter() {
                if let Some(xml) = invoice_in(document, inner, names, depth)? {
                    return Ok(Some(xml));
                }
            }
        }
        Object::Array(objects) => {
            for inner in objects {
                if let Some(xml) = invoice_in(document, inner, names, depth)? {
                    return Ok(Some(xml));
                }
            }
        }
        _ => {}
    }
    Ok(None)
}

/// The attachment of a file specification with a name of an invoice.
fn named_invoice(
    document: &Document, specification: &Dictionary, names: &mut Vec<String>,
) -> Result<Option<Vec<u8>>, String> {
    let Ok(embedded) = specification.get(b"EF").and_then(|object| resolved(document, object).as_dict()) else {
        return Ok(None);
    };
    let name = [&b"UF"[..], b"F"].iter().find_map(|key| {
        let text = lopdf::decode_text_string(resolved(document, specification.get(key).ok()?)).ok()?;
        Some(text.rsplit(['/', '\\']).next().unwrap_or_default().to_lowercase())
    });
    let name = name.unwrap_or_default();
    if !NAMES.contains(&name.as_str()) {
        if names.len() < NAMES.len() && !names.contains(&name) {
            names.push(name);
        }
        return Ok(None);
    }
    let stream = [&b"F"[..], b"UF"].iter().find_map(|key| embedded.get(key).ok());
    let stream = stream.and_then(|object| resolved(document, object).as_stream().ok());
    let stream = stream.ok_or_else(|| format!("\"{name}\" is named in the PDF and not there"))?;
    let plain = stream.dict.get(b"Filter").is_err();
    let xml = match plain {
        true => Ok(stream.content.clone()),
        false => stream.decompressed_content_with_limit(XML_BYTES_MAX),
    };
    xml.map(Some).map_err(|error| format!("\"{name}\" in the PDF cannot be read: {error}"))
}

fn resolved<'a>(document: &'a Document, object: &'a Object) -> &'a Object {
    document.dereference(object).map_or(object, |(_, found)| found)
}
