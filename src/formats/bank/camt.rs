//! camt.052 (report), camt.053 (statement) and camt.054 (notification), versions 001.01 to
//! 001.13, by streaming.
//!
//! Elements are matched by their local names, so that prefixes, old and missing namespaces do
//! not matter; schema validity is not asked for, the balance equation decides.
//! Source: ISO 20022 BankToCustomerAccountReport, BankToCustomerStatement,
//! BankToCustomerDebitCreditNotification.

use std::io::BufRead;

use quittance_actors::values::Iban;
use smol_str::SmolStr;

use super::camt_entry::{self, Collecting};
use super::camt_paths::{Tag, statement as paths};
use super::iso20022::{Message, pieces};
use super::{Found, Kind, Piece, Statement, Statements};
use crate::formats::FieldError;
use crate::formats::xml::{Handler, Place, Start};

/// Pieces held before the ledger takes them.
const PIECES_MAX: usize = 256;

/// The pieces of `source`.
pub fn statements(source: impl BufRead + Send) -> impl Statements {
    pieces::<Building>(source)
}

impl Message for Building {
    fn found(&mut self) -> &mut Found {
        &mut self.ready
    }

    fn end(&self) -> Result<(), FieldError> {
        if self.statements == 0 {
            let what = "the file holds no report, no statement and no notification";
            return Err(FieldError::wrong(1, 0, "", what));
        }
        Ok(())
    }
}

/// Which part of the message is under way; paths count from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Part {
    #[default]
    Message,
    Statement,
    Entry,
    Transaction,
}

/// What stands around an element.
#[derive(Clone, Copy, Default)]
struct Level {
    part: Part,
    path: u64,
}

#[derive(Default)]
struct Balance {
    code: String,
    amount: Option<i64>,
    debit: bool,
    on: Option<quittance_actors::values::Date>,
}

/// The statement and entry under way.
#[derive(Default)]
struct Building {
    recognised: bool,
    kind: Kind,
    level: Level,
    levels: Vec<Level>,
    currency: Option<SmolStr>,
    statement: Statement,
    opened: bool,
    balance: Balance,
    entry: Collecting,
    statements: u64,
    row: u64,
    ready: Found,
    header: Header,
    /// Which value of the header is open.
    of_header: Option<Named>,
}

/// What the message is called. Source: ISO 20022 GroupHeader.
#[derive(Default)]
struct Header {
    id: String,
    made_at: String,
    page: String,
}

/// A value of the header.
#[derive(Clone, Copy)]
enum Named {
    Id,
    MadeAt,
    Page,
}

/// The kind of document a message is, by its name; version 001.01 ends it in `V01`.
fn message(name: &str) -> Option<Kind> {
    if name.starts_with("BkToCstmrStmt") {
        Some(Kind::Statement)
    } else if name.starts_with("BkToCstmrDbtCdtNtfctn") {
        Some(Kind::Notification)
    } else if name.starts_with("BkToCstmrAcctRpt") {
        Some(Kind::Report)
    } else {
        None
    }
}

impl Handler for Building {
    fn open(&mut self, place: &mut Place<'_>, name: &str, start: &Start<'_>) -> Result<(), FieldError> {
        let depth = self.levels.len();
        self.levels.push(self.level);
        match depth {
            0 if name != "Document" => return Err(place.expected(name, "an ISO 20022 Document")),
            0 => return Ok(()),
            1 => {
                let Some(kind) = message(name) else {
                    return Err(
                        place.expected(name, "a camt.052 report, camt.053 statement or camt.054 notification")
                    );
                };
                (self.kind, self.recognised) = (kind, true);
                return Ok(());
            }
            _ => {}
        }
        if self.level.part == Part::Message {
            if matches!(name, "Stmt" | "Rpt" | "Ntfctn") && depth == 2 {
                self.level = Level { part: Part::Statement, path: 0 };
                self.statements += 1;
                self.opened = false;
                self.statement = Statement { kind: self.kind, line: place.line(), ..Statement::default() };
            }
            self.of_header = match (depth, name) {
                (3, "MsgId") => Some(Named::Id),
                (3, "CreDtTm") => Some(Named::MadeAt),
                (4, "PgNb") => Some(Named::Page),
                _ => None,
            };
            return Ok(());
        }
        let tag = Tag::of(name);
        match (self.level.part, self.level.path, tag) {
            (Part::Statement, 0, Tag::Ntry) => {
                self.announce();
                self.level = Level { part: Part::Entry, path: 0 };
                self.entry.open(place.line());
            }
            (Part::Entry, NTRY_DTLS, Tag::TxDtls) => {
                self.level = Level { part: Part::Transaction, path: 0 };
                self.entry.open_detail().map_err(|what| place.wrong(what))?;
            }
            _ => self.level.path = (self.level.path << 8) | u64::from(tag as u8),
        }
        if matches!(tag, Tag::Amt | Tag::TtlChrgsAndTaxAmt) {
            self.currency = start.attribute("Ccy").map(Into::into);
        }
        Ok(())
    }

    fn close(&mut self, place: &mut Place<'_>, text: &str) -> Result<(), FieldError> {
        let Level { part, path } = self.level;
        let outer = self.levels.pop().unwrap_or_default();
        match (part, path) {
            (Part::Message, _) => match self.of_header.take() {
                Some(Named::Id) => text.clone_into(&mut self.header.id),
                Some(Named::MadeAt) => text.clone_into(&mut self.header.made_at),
                Some(Named::Page) => text.clone_into(&mut self.header.page),
                None => {}
            },
            (Part::Statement, 0) => {
                self.announce();
                let mut statement = std::mem::take(&mut self.statement);
                statement.line = place.line();
                self.ready.push_back(Ok(Piece::Closed(Box::new(statement))));
            }
            (Part::Statement, path) => self.statement_value(path, text).map_err(|what| place.expected(text, what))?,
            (Part::Entry, 0) => {
                self.row += 1;
                let mut entry = self.entry.close();
                entry.row = self.row;
                self.ready.push_back(Ok(Piece::Entry(Box::new(entry))));
            }
            (Part::Transaction, 0) => {}
            (Part::Entry | Part::Transaction, _) if text.is_empty() => {}
            (Part::Entry, path) => {
                let given =
                    camt_entry::Given { text, currency: self.currency.as_deref(), of: self.statement.currency };
                self.entry.entry_value(path, &given).map_err(|what| place.expected(text, what))?;
            }
            (Part::Transaction, path) => {
                let given =
                    camt_entry::Given { text, currency: self.currency.as_deref(), of: self.statement.currency };
                self.entry.detail_value(path, &given).map_err(|what| place.expected(text, what))?;
            }
        }
        self.level = outer;
        Ok(())
    }

    fn full(&self) -> bool {
        self.ready.len() >= PIECES_MAX
    }
}

/// The path of the details of an entry.
const NTRY_DTLS: u64 = super::camt_paths::path([Tag::NtryDtls]);

impl Building {
    /// Gives what the message is called, before its first statement, whose account and id are of the name: banks send a file
    /// for each account under one id. One without an id or a moment is called nothing.
    fn name_message(&mut self) {
        let Header { id, made_at, page } = std::mem::take(&mut self.header);
        if !id.is_empty() && !made_at.is_empty() {
            self.ready.push_back(Ok(Piece::Message(format!(
                "{:?} {id} {made_at} {page} {} {}",
                self.kind, self.statement.account, self.statement.id
            ))));
        }
    }

    /// Gives the head of the statement once its account is known.
    fn announce(&mut self) {
        if !self.opened {
            self.opened = true;
            self.name_message();
            self.ready.push_back(Ok(Piece::Opened(Box::new(self.statement.clone()))));
        }
    }

    fn statement_value(&mut self, path: u64, text: &str) -> Result<(), String> {
        let statement = &mut self.statement;
        match path {
            paths::ID => text.clone_into(&mut statement.id),
            paths::IBAN => {
                statement.iban = Iban::parse(text).ok();
                text.clone_into(&mut statement.account);
            }
            paths::ACCOUNT => text.clone_into(&mut statement.account),
            paths::CURRENCY => statement.currency = quittance_actors::values::Currency::parse(text).ok(),
            paths::BALANCE => {
                let Balance { code, amount, debit, on } = std::mem::take(&mut self.balance);
                let Some(amount) = amount else { return Ok(()) };
                let signed = if debit { -amount } else { amount };
                match code.as_str() {
                    "OPBD" => (statement.opening, statement.opened_on) = (Some(signed), on),
                    // The close of the day before; some banks send it instead of an opening.
                    "PRCD" if statement.opening.is_none() => {
                        (statement.opening, statement.opened_on) = (Some(signed), on);
                    }
                    "CLBD" => (statement.closing, statement.closed_on) = (Some(signed), on),
                    _ => {}
                }
            }
            paths::BALANCE_CODE => text.clone_into(&mut self.balance.code),
            paths::BALANCE_AMOUNT => {
                let amount = camt_entry::money(text, self.currency.as_deref(), statement.currency)?;
                statement.currency = statement.currency.or(Some(amount.currency()));
                self.balance.amount = Some(amount.minor());
            }
            paths::BALANCE_DIRECTION => self.balance.debit = camt_entry::direction(text)?,
            paths::BALANCE_DATE | paths::BALANCE_TIME => self.balance.on = camt_entry::date(text).ok(),
            _ => {}
        }
        Ok(())
    }
}
