//! Formats: bytes to records or located errors. No path, no clock, no store; what tells the twins of a huge
//! file apart is kept in a temporary file without a name (`bank/seen.rs`).
//!
//! | Folder | Reads |
//! |---|---|
//! | `bank` | statements, notifications and status reports of banks |
//! | `erp` | invoices, customers, credit notes and cancellations of ERPs |
//! | `orders` | and writes direct debits and credit transfers for banks |
//!
//! A new bank format is a file in `bank` and a line in [`FORMATS`]; its first bytes say what a
//! file is, never its name.

pub mod bank;
pub mod erp;
mod fault;
mod guard;
mod lines;
pub mod orders;
pub(crate) mod xml;

use std::io::BufRead;

pub use fault::{Fault, FieldError};
pub use guard::{Located, Pace, Place};

use quittance_actors::partition::{StatementRecord, StatusReport};
use quittance_actors::runtime::Intake;

use bank::ledger::Ledger;
use bank::{Statements, bai2, camt, cfonb120, cfonb240, mt940, norma43, ofx, pacs004, pain002};

/// What a reader gives next.
#[derive(Debug)]
pub enum Item {
    /// A row or entry.
    Row(u64, Intake),
    /// A row or entry that is read and needs nothing, with why.
    Passed(u64, &'static str),
    /// A row that cannot be used, with everything wrong about it.
    Refused(u64, Vec<FieldError>),
    /// A statement has ended, and closes.
    Statement(Box<StatementRecord>),
    /// What became of an order of ours.
    Status(Box<StatusReport>),
    /// Something a person should know; the row or file goes on.
    Note(FieldError),
    /// By what the sender calls the message that the file is, with the moment at which it was made.
    Message(String),
}

/// Reads a file piece by piece, in constant memory.
pub trait Reader: Send {
    /// The next item; `None` at the end. An error ends the file: nothing after it can be read.
    fn next(&mut self) -> Option<Result<Item, FieldError>>;

    /// Bytes read so far, after decoding.
    fn bytes_read(&self) -> u64;
}

impl<R: Reader + ?Sized> Reader for Box<R> {
    fn next(&mut self) -> Option<Result<Item, FieldError>> {
        (**self).next()
    }

    fn bytes_read(&self) -> u64 {
        (**self).bytes_read()
    }
}

/// Bytes at the start of a file that say what it is.
pub const HEAD_BYTES: usize = 4 << 10;

/// A bank format.
pub struct Format {
    /// Its name, in configuration and reports.
    pub name: &'static str,
    /// Whether a file is of it, by its first [`HEAD_BYTES`].
    pub recognises: fn(&[u8]) -> bool,
    /// Reads its pieces.
    pub statements: for<'a> fn(Box<dyn BufRead + Send + 'a>) -> Box<dyn Statements + 'a>,
}

/// Every bank format, the most distinctive first.
pub const FORMATS: &[Format] = &[
    Format { name: "camt", recognises: is_camt, statements: |source| Box::new(camt::statements(source)) },
    Format { name: "pain.002", recognises: is_pain002, statements: |source| Box::new(pain002::statements(source)) },
    Format { name: "pacs.004", recognises: is_pacs004, statements: |source| Box::new(pacs004::statements(source)) },
    Format { name: "ofx", recognises: is_ofx, statements: |source| Box::new(ofx::statements(source)) },
    Format { name: "mt940", recognises: is_mt940, statements: |source| Box::new(mt940::statements(source)) },
    Format { name: "cfonb120", recognises: is_cfonb120, statements: |source| Box::new(cfonb120::statements(source)) },
    Format { name: "cfonb240", recognises: is_cfonb240, statements: |source| Box::new(cfonb240::statements(source)) },
    Format { name: "norma43", recognises: is_norma43, statements: |source| Box::new(norma43::statements(source)) },
    Format { name: "bai2", recognises: is_bai2, statements: |source| Box::new(bai2::statements(source)) },
];

/// The format of a file by its first bytes.
pub fn detect(head: &[u8]) -> Option<&'static Format> {
    let text = plain(head);
    FORMATS.iter().find(|format| (format.recognises)(&text))
}

/// Opens a bank file as what its first bytes say it is; what is none of them is refused.
pub fn open_bank<'a>(source: impl BufRead + Send + 'a) -> Result<Box<dyn Reader + 'a>, FieldError> {
    statements(source).map(|(_, pieces)| Box::new(Ledger::new(pieces)) as Box<dyn Reader + 'a>)
}

/// The pieces of a bank file and its format, by its first bytes.
pub fn statements<'a>(
    source: impl BufRead + Send + 'a,
) -> Result<(&'static Format, Box<dyn Statements + 'a>), FieldError> {
    let (head, whole) = peek(source)?;
    let Some(format) = detect(&head) else {
        let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
        let start: String = String::from_utf8_lossy(&head).chars().take(40).collect();
        let expected = format!("the start of a bank file: {}", names.join(", "));
        return Err(match head.iter().all(u8::is_ascii_whitespace) {
            true => FieldError::wrong(1, 0, "", "the file is empty"),
            false => FieldError::expected(1, 1, "", &start, expected),
        });
    };
    Ok((format, (format.statements)(Box::new(whole))))
}

/// A file of which the first bytes were looked at.
type Peeked<S> = std::io::Chain<std::io::Cursor<Vec<u8>>, S>;

/// The first bytes of a file, and the whole of it still to be read.
fn peek<S: BufRead>(mut source: S) -> Result<(Vec<u8>, Peeked<S>), FieldError> {
    let mut head = Vec::new();
    while head.len() < HEAD_BYTES {
        let more = source.fill_buf().map_err(|error| FieldError::wrong(1, 0, "", error.to_string()))?;
        if more.is_empty() {
            break;
        }
        let taken = more.len().min(HEAD_BYTES - head.len());
        head.extend_from_slice(more.get(..taken).unwrap_or_default());
        source.consume(taken);
    }
    let whole = std::io::Read::chain(std::io::Cursor::new(head.clone()), source);
    Ok((head, whole))
}

/// A file that no reader takes: its one error ends it.
pub struct Unreadable(Option<FieldError>);

impl Unreadable {
    /// A file that is refused for `error`.
    pub fn new(error: FieldError) -> Self {
        Self(Some(error))
    }
}

impl Reader for Unreadable {
    fn next(&mut self) -> Option<Result<Item, FieldError>> {
        self.0.take().map(Err)
    }

    fn bytes_read(&self) -> u64 {
        0
    }
}

/// The first bytes without byte order marks, blanks before them and the zeros of UTF-16.
fn plain(head: &[u8]) -> Vec<u8> {
    let wide = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let head = if wide { head.get(2..).unwrap_or_default() } else { head };
    let kept = head.iter().copied().filter(|byte| !wide || *byte != 0);
    kept.skip_while(u8::is_ascii_whitespace).collect()
}

fn finds(head: &[u8], needle: &str) -> bool {
    memchr::memmem::find(head, needle.as_bytes()).is_some()
}

fn is_camt(head: &[u8]) -> bool {
    head.starts_with(b"<") && !is_pain002(head) && !is_pacs004(head) && !is_ofx(head)
}

fn is_pain002(head: &[u8]) -> bool {
    head.starts_with(b"<") && ["CstmrPmtStsRpt", "pain.002."].iter().any(|name| finds(head, name))
}

fn is_pacs004(head: &[u8]) -> bool {
    head.starts_with(b"<") && ["<PmtRtr>", "pacs.004."].iter().any(|name| finds(head, name))
}

fn is_ofx(head: &[u8]) -> bool {
    head.starts_with(b"OFXHEADER") || ["<OFX>", "<?OFX "].iter().any(|tag| finds(head, tag))
}

/// A tag of two digits at the start of a line, among the first lines.
fn is_mt940(head: &[u8]) -> bool {
    let field = |line: &[u8]| {
        matches!(line, [b':', b'2', b'0' | b'5' | b'8', b':' | b'C', ..] | [b':', b'6', b'0' | b'1' | b'2', _, ..])
    };
    head.starts_with(b"{1:") || head.split(|byte| matches!(byte, b'\n' | b'\r')).take(12).any(field)
}

fn is_cfonb120(head: &[u8]) -> bool {
    matches!(head, [b'0', b'1' | b'4' | b'5' | b'7', rest @ ..] if rest.len() > 60 && !rest.iter().take(60).any(|byte| *byte == b','))
}

fn is_cfonb240(head: &[u8]) -> bool {
    head.starts_with(b"31")
        && head.len() >= 240
        && head.get(2..8).is_some_and(|number| number.iter().all(u8::is_ascii_digit))
}

/// An account in digits, two days, a side.
fn is_norma43(head: &[u8]) -> bool {
    head.starts_with(b"11") && head.get(2..50).is_some_and(|number| number.iter().all(u8::is_ascii_digit))
}

fn is_bai2(head: &[u8]) -> bool {
    head.starts_with(b"01,")
}
