//! camt.053 (statement) and camt.054 (notification), versions 001.02 to 001.13, by streaming.
//!
//! Elements are matched by their local names, so that prefixes, old and missing namespaces do
//! not matter; schema validity is not asked for, the balance equation decides: a statement
//! whose opening balance and entries do not make up its closing balance is refused with the
//! difference. Document types and entities are refused.
//! Source: ISO 20022 BankToCustomerStatement, BankToCustomerDebitCreditNotification.

use std::io::{BufRead, BufReader};

use encoding_rs_io::DecodeReaderBytesBuilder;
use quick_xml::events::Event;

use super::camt_entry::{Collected, Statement};
use super::{FieldError, Item, Located, Reader};

/// Depth of elements; real files stay below 20.
const DEPTH_MAX: usize = 64;
/// Bytes of one text.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// Reads entries one by one.
pub struct Camt<R: BufRead> {
    xml: quick_xml::Reader<Located<R>>,
    buffer: Vec<u8>,
    path: Vec<String>,
    text: String,
    attribute: Option<String>,
    statement: Option<Statement>,
    statements: u64,
    recognised: bool,
    row: u64,
    ready: std::collections::VecDeque<Result<Item, FieldError>>,
    ended: bool,
    keys: std::collections::HashMap<String, u32>,
}

/// A reader of `source`, in the encoding its declaration names.
pub fn reader(mut source: impl BufRead + Send) -> Camt<impl BufRead + Send> {
    let head = source.fill_buf().map(|bytes| bytes.get(..200).unwrap_or(bytes).to_vec());
    let encoding = head.ok().and_then(|head| declared_encoding(&head)).unwrap_or(encoding_rs::UTF_8);
    let decoded = DecodeReaderBytesBuilder::new().encoding(Some(encoding)).bom_override(true).build(source);
    let mut xml = quick_xml::Reader::from_reader(Located::new(BufReader::new(decoded), b'>'));
    xml.config_mut().check_end_names = true;
    Camt {
        xml,
        buffer: Vec::new(),
        path: Vec::new(),
        text: String::new(),
        attribute: None,
        statement: None,
        statements: 0,
        recognised: false,
        row: 0,
        ready: std::collections::VecDeque::new(),
        ended: false,
        keys: std::collections::HashMap::new(),
    }
}

/// The encoding that an XML declaration names.
fn declared_encoding(head: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let at = memchr::memmem::find(head, b"encoding=")? + "encoding=".len();
    let quote = *head.get(at)?;
    let rest = head.get(at + 1..)?;
    encoding_rs::Encoding::for_label(rest.get(..memchr::memchr(quote, rest)?)?)
}

impl<R: BufRead + Send> Reader for Camt<R> {
    fn next(&mut self) -> Option<Result<Item, FieldError>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            if self.ended {
                return None;
            }
            if let Err(error) = self.step() {
                self.ended = true;
                self.ready.push_back(Err(error));
            }
        }
    }

    fn bytes_read(&self) -> u64 {
        self.xml.get_ref().place().bytes
    }
}

impl<R: BufRead> Camt<R> {
    fn wrong(&self, what: impl Into<String>) -> FieldError {
        let place = self.xml.get_ref().place();
        FieldError::wrong(place.line, place.column, &self.field(), what)
    }

    /// The path from the statement on, which is what a person looks for.
    fn field(&self) -> String {
        let from = self.path.iter().position(|name| is_statement(name)).unwrap_or(0);
        self.path.get(from..).unwrap_or_default().join("/")
    }

    fn step(&mut self) -> Result<(), FieldError> {
        self.buffer.clear();
        let mut buffer = std::mem::take(&mut self.buffer);
        self.xml.get_ref().pace().record();
        let event = self.xml.read_event_into(&mut buffer).map_err(|error| {
            self.wrong(match error {
                quick_xml::Error::Io(error) => error.to_string(),
                other => format!("not well-formed XML: {other}"),
            })
        })?;
        let result = match event {
            Event::Start(start) => {
                let name = local_name(start.name().as_ref());
                let currency = attribute(&start, "Ccy");
                self.open(name, currency)
            }
            Event::Empty(start) => {
                let name = local_name(start.name().as_ref());
                let currency = attribute(&start, "Ccy");
                self.open(name, currency).and_then(|()| self.close())
            }
            Event::End(_) => self.close(),
            Event::Text(text) => self.append(&text),
            Event::CData(data) => self.append(&data),
            Event::GeneralRef(reference) => self.reference(&reference),
            Event::DocType(_) => Err(self.wrong("a document type declaration is not accepted: bank files have none")),
            Event::Eof => self.finish(),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => Ok(()),
        };
        self.buffer = buffer;
        result
    }

    fn reference(&mut self, reference: &quick_xml::events::BytesRef<'_>) -> Result<(), FieldError> {
        match reference.resolve_char_ref() {
            Ok(Some(character)) => return self.append(character.encode_utf8(&mut [0; 4])),
            Ok(None) => {}
            Err(error) => return Err(self.wrong(format!("not a character reference: {error}"))),
        }
        let name: &str = reference;
        match quick_xml::escape::resolve_predefined_entity(name) {
            Some(text) => self.append(text),
            None => Err(self.wrong(format!("entity \"&{name};\" is not accepted"))),
        }
    }

    fn append(&mut self, text: &str) -> Result<(), FieldError> {
        if self.text.len() + text.len() > TEXT_BYTES_MAX {
            return Err(self.wrong(format!("a text is longer than {} KiB", TEXT_BYTES_MAX >> 10)));
        }
        if text.contains('\u{fffd}') {
            return Err(self.wrong("a text is not in the encoding that the file declares"));
        }
        self.text.push_str(text);
        Ok(())
    }

    fn open(&mut self, name: String, currency: Option<String>) -> Result<(), FieldError> {
        if self.path.len() >= DEPTH_MAX {
            return Err(self.wrong(format!("elements are nested more than {DEPTH_MAX} deep")));
        }
        let parent = self.path.last().map(String::as_str);
        if !self.recognised && parent == Some("Document") {
            if !is_message(&name) {
                let place = self.xml.get_ref().place();
                let expected = "a camt.053 statement or a camt.054 notification";
                return Err(FieldError::expected(place.line, 0, "Document", &name, expected));
            }
            self.recognised = true;
        }
        if self.path.is_empty() && name != "Document" {
            let place = self.xml.get_ref().place();
            return Err(FieldError::expected(place.line, 0, "", &name, "an ISO 20022 Document"));
        }
        self.path.push(name);
        self.text.clear();
        self.attribute = currency;
        match self.relative().as_slice() {
            [one] if is_statement(one) => {
                self.statements += 1;
                self.statement = Some(Statement::default());
            }
            [_, "Ntry"] => {
                let line = self.xml.get_ref().place().line;
                if let Some(statement) = &mut self.statement {
                    statement.open_entry(line);
                }
            }
            [_, "Ntry", "NtryDtls", "TxDtls"] => {
                if let Some(Err(expected)) = self.statement.as_mut().map(Statement::open_detail) {
                    return Err(self.wrong(expected));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The path from the statement on.
    fn relative(&self) -> Vec<&str> {
        let from = self.path.iter().position(|name| is_statement(name));
        let rest = from.and_then(|from| self.path.get(from..)).unwrap_or_default();
        rest.iter().map(String::as_str).collect()
    }

    fn close(&mut self) -> Result<(), FieldError> {
        let place = self.xml.get_ref().place();
        let field = self.field();
        let path: Vec<String> = self.relative().into_iter().map(str::to_owned).collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let text = std::mem::take(&mut self.text);
        let text = text.trim();
        let currency = self.attribute.take();
        match (path.as_slice(), &mut self.statement) {
            ([_, "Ntry"], Some(statement)) => {
                self.row += 1;
                let collected = statement.close_entry();
                self.collect(collected);
            }
            ([one], Some(_)) if is_statement(one) => {
                if let Some(statement) = self.statement.take() {
                    statement.balance(place.line, self.statements)?;
                }
            }
            ([_, rest @ ..], Some(statement)) => {
                statement
                    .value(rest, text, currency.as_deref())
                    .map_err(|expected| FieldError::expected(place.line, 0, &field, text, expected))?;
            }
            _ => {}
        }
        self.path.pop();
        Ok(())
    }

    fn collect(&mut self, collected: Collected) {
        match collected {
            Collected::Credits(entries) => {
                for mut entry in entries {
                    // Two genuine twins of one file differ by their ordinal; the same file again does not.
                    let ordinal = self.keys.entry(entry.details.entry_key.clone()).or_default();
                    *ordinal += 1;
                    if *ordinal > 1 {
                        entry.details.entry_key = format!("{}#{ordinal}", entry.details.entry_key);
                    }
                    let intake = quittance_actors::runtime::Intake::Entry(Box::new(entry));
                    self.ready.push_back(Ok(Item::Row(self.row, intake)));
                }
            }
            Collected::Passed(why) => self.ready.push_back(Ok(Item::Passed(self.row, why))),
            Collected::Refused(errors) => self.ready.push_back(Ok(Item::Refused(self.row, errors))),
        }
    }

    fn finish(&mut self) -> Result<(), FieldError> {
        self.ended = true;
        if !self.path.is_empty() {
            let open = self.path.join("/");
            return Err(self.wrong(format!("the file ends inside {open}: it is cut short")));
        }
        if !self.recognised || self.statements == 0 {
            return Err(self.wrong("the file holds no statement and no notification"));
        }
        Ok(())
    }
}

fn is_statement(name: &str) -> bool {
    matches!(name, "Stmt" | "Ntfctn")
}

fn is_message(name: &str) -> bool {
    name.starts_with("BkToCstmrStmt") || name.starts_with("BkToCstmrDbtCdtNtfctn")
}

fn local_name(name: &str) -> String {
    name.rsplit(':').next().unwrap_or_default().to_owned()
}

fn attribute(start: &quick_xml::events::BytesStart<'_>, wanted: &str) -> Option<String> {
    let attribute = start.attributes().with_checks(false).flatten().find(|a| a.key.as_ref() == wanted)?;
    Some(attribute.value.as_ref().to_owned())
}
