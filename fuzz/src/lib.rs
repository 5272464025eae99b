//! What the targets share: every reader takes any bytes to their end, without a panic, and gives a
//! bounded number of items.

use std::collections::BTreeSet;

use quittance::config::{Column, Mapping};
use quittance::formats::bank::ledger::Ledger;
use quittance::formats::{FORMATS, Reader, erp};

/// Items that any input may give, for each of its bytes.
const ITEMS_PER_BYTE: usize = 2;

fn drain(mut reader: impl Reader, bytes: usize) {
    let mut items = 0;
    while let Some(item) = reader.next() {
        items += 1;
        assert!(items <= 16 + bytes * ITEMS_PER_BYTE, "more items than the input can hold");
        if item.is_err() {
            assert!(reader.next().is_none(), "something follows an error that ends the file");
            break;
        }
    }
}

/// Reads bytes as a bank format.
pub fn bank(name: &str, data: &[u8]) {
    let format = FORMATS.iter().find(|format| format.name == name).expect("the format is in the table");
    drain(Ledger::new((format.statements)(Box::new(data))), data.len());
}

/// Reads bytes that begin as JSON lines, XML or PDF as rows of an ERP.
pub fn rows(start: &[u8], data: &[u8]) {
    let whole = [start, data].concat();
    drain(erp::open(whole.as_slice(), &Mapping::published()), whole.len());
}

fn mapping() -> Mapping {
    let fields = ["invoice", "customer", "amount", "due_on", "issued_on", "name", "email", "phone", "kind"];
    let columns = fields.into_iter().zip("abcdefghi".chars());
    Mapping {
        columns: columns.map(|(field, name)| (field, Column(name.to_string()))).collect(),
        thousands: Some('.'),
        ..Mapping::published()
    }
}

/// Reads bytes as columns, and copies its rows.
pub fn columns(data: &[u8]) {
    let mapping = mapping();
    let whole = [b"a,b,c,d,e,f,g,h,i\n".as_slice(), data].concat();
    drain(erp::csv::reader(whole.as_slice(), &mapping), whole.len());
    let _ = erp::csv::copy_rows(whole.as_slice(), &mapping, &BTreeSet::from([1, 3]), &mut Vec::new());
}

/// Proposes a mapping for bytes, and reads them by it.
pub fn guess(data: &[u8]) {
    if let Ok(found) = erp::guess::guess(data) {
        drain(erp::csv::reader(data, &found.mapping), data.len());
    }
}
