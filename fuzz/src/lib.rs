//! What the targets share: every reader takes any bytes to their end, without a panic, and gives a
//! bounded number of items; what people write in templates, conditions and addresses is taken or refused.

use std::collections::BTreeSet;

use quittance::channels::{Policy, Vetted};
use quittance::config::{Column, Mapping, compile_condition};
use quittance::diagnostics::Findings;
use quittance::formats::bank::ledger::Ledger;
use quittance::formats::{FORMATS, Reader, erp};
use quittance::render::Templates;
use quittance_actors::values::{EmailAddress, Iban, PhoneNumber};

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

/// Loads text as a message and two pieces, parted by lines of three plus signs, which renders it as well.
pub fn template(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.split("\n+++\n");
    let mut named = |name: &str| (name.to_owned(), parts.next().unwrap_or_default().to_owned());
    let texts = vec![named("m.en.sms.hbs"), named("a.en.partial.hbs"), named("b.en.partial.hbs")];
    let mut findings = Findings::default();
    Templates::of(texts, &mut findings);
    let _ = findings.render(false);
}

/// Compiles text as a condition; what is wrong lies in it.
pub fn expression(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Err(fault) = compile_condition(&text) {
        assert!(fault.span.start <= fault.span.end && fault.span.end <= text.len() + 1, "{:?}", fault.span);
    }
}

/// Mail that mail servers write back.
pub fn mail_report(data: &[u8]) {
    let _ = quittance::mail_report::read(data);
}

/// Reads text as every kind of address. What is taken reads back as itself, and no private address is called.
pub fn address(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(email) = EmailAddress::parse(&text) {
        assert!(!email.as_str().contains(['\r', '\n']), "a header could be made");
        assert_eq!(EmailAddress::parse(email.as_str()).as_ref(), Ok(&email));
    }
    if let Ok(phone) = PhoneNumber::parse(&text, Some("FR")) {
        assert_eq!(PhoneNumber::parse(phone.as_str(), None).as_ref(), Ok(&phone));
    }
    if let Ok(iban) = Iban::parse(&text) {
        assert_eq!(Iban::parse(&iban.printed()).as_ref(), Ok(&iban));
    }
    if let Ok(url) = url::Url::parse(&text)
        && let Some(url::Host::Ipv4(host)) = url.host()
        && (host.is_private() || host.is_loopback() || host.is_link_local())
    {
        assert!(Vetted::new(Policy::new(Vec::new())).check_literal(&url).is_err(), "{url}");
    }
}
