//! From pieces to records: every statement must close, every entry gets the key that makes it
//! the same in another file, and batches are parted into their transactions.
//!
//! opening + entries = closing decides, and nothing else does: between readings of a dialect
//! (which direction a reversal is booked in) and between a statement to be used and one to be
//! put aside, with the difference shown.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;

use quittance_actors::partition::StatementRecord;
use quittance_actors::runtime::{BankEntry, Intake};
use quittance_actors::transfer::{Details, Nature, Particulars, parts_of};
use quittance_actors::values::{Currency, Date, EndToEndId, Money, RemittanceInformation, Timestamp, TransferId};
use smol_str::SmolStr;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::keys::{self, Hashed};
use super::parts::{divide, merged, netted};
use super::seen::Seen;
use super::text::{REFERENCE_CHARACTERS_MAX, cut};
use super::{Booking, Detail, Entry, Kind, Piece, Statement, Statements};
use crate::formats::{FieldError, Item, Reader};

/// Characters of an end-to-end id; what banks write beyond is cut.
const END_TO_END_CHARACTERS: usize = 35;
/// Statements of a file that are known again.
const STATEMENTS_KNOWN_MAX: usize = 100_000;
/// What sets repeated statements apart from numbered reports.
const REPEATED: u64 = 0x9e37_79b9_7f4a_7c15;

/// Checks, keys and converts what a bank file says.
pub struct Ledger<S> {
    statements: S,
    current: Option<Running>,
    number: u64,
    keys: Seen,
    /// How often each statement has begun: account, id, day and balance.
    begun: HashMap<u64, u64, Hashed>,
    ready: VecDeque<Item>,
    /// Nothing follows an error: what a file says after it is not to be believed.
    ended: bool,
}

/// A statement under way.
struct Running {
    statement: Statement,
    account: SmolStr,
    /// How the keys of the entries of a day begin.
    key_head: Option<(Date, String)>,
    /// How often the same statement stood in the file before.
    repeats: u64,
    entries: u64,
    credits: i64,
    debits: i64,
    /// Twice the reversals: what the sum changes by if they keep the original's direction.
    reversed: i64,
    pending: u64,
}

impl<S: Statements> Ledger<S> {
    /// A ledger of what `statements` gives.
    pub fn new(statements: S) -> Self {
        Self {
            statements,
            current: None,
            number: 0,
            keys: Seen::default(),
            begun: HashMap::default(),
            ready: VecDeque::new(),
            ended: false,
        }
    }

    fn piece(&mut self, piece: Piece) -> Result<(), FieldError> {
        match piece {
            Piece::Opened(statement) => self.open(*statement),
            Piece::Entry(mut entry) => self.entry(&mut entry),
            Piece::Closed(statement) => return self.close(&statement),
            Piece::Status(report) => self.ready.push_back(Item::Status(report)),
            Piece::Refused(row, errors) => self.ready.push_back(Item::Refused(row, errors)),
            Piece::Note(note) => self.ready.push_back(Item::Note(note)),
            Piece::Message(name) => self.ready.push_back(Item::Message(name)),
        }
        let unread =
            |error| FieldError::wrong(0, 0, "", format!("the temporary file of its keys cannot be read: {error}"));
        match self.keys.failure().map(unread) {
            None => Ok(()),
            Some(error) => {
                self.ready.clear();
                Err(error)
            }
        }
    }

    fn open(&mut self, mut statement: Statement) {
        self.number += 1;
        // Both go into every entry.
        let account =
            statement.account.chars().filter(|c| !c.is_whitespace()).take(REFERENCE_CHARACTERS_MAX).collect();
        statement.id = cut(&statement.id, REFERENCE_CHARACTERS_MAX);
        let repeats = self.repeats(&statement, &account);
        self.current = Some(Running {
            statement,
            account,
            key_head: None,
            repeats,
            entries: 0,
            credits: 0,
            debits: 0,
            reversed: 0,
            pending: 0,
        });
    }

    /// How often a statement has begun before: files are put together from others, and some twice. One without a
    /// number or a balance is not known again.
    fn repeats(&mut self, statement: &Statement, account: &SmolStr) -> u64 {
        let (Some(opening), false) = (statement.opening, statement.id.is_empty()) else { return 0 };
        if self.begun.len() >= STATEMENTS_KNOWN_MAX {
            return 0;
        }
        let opened_on = statement.opened_on.map(|day| day.to_string()).unwrap_or_default();
        let (opening, page) = (opening.to_string(), statement.page.to_string());
        let closing = statement.closing.map(|closing| closing.to_string()).unwrap_or_default();
        let said = [account.as_str(), &statement.id, &opened_on, &opening, &closing, &page].join("\u{1f}");
        let begun = self.begun.entry(xxh3_64(said.as_bytes())).or_default();
        *begun += 1;
        *begun - 1
    }

    fn entry(&mut self, entry: &mut Entry) {
        let Some(running) = &mut self.current else { return };
        let row = entry.row;
        let missing = |field: &str, expected: &str| FieldError::expected(entry.line, 0, field, "", expected);
        let (amount, debit) = match (entry.amount, entry.debit) {
            (Some(amount), Some(debit)) => (amount, debit),
            (None, _) => {
                return self.ready.push_back(Item::Refused(row, vec![missing("Ntry/Amt", "an amount")]));
            }
            (_, None) => {
                return self.ready.push_back(Item::Refused(row, vec![missing("Ntry/CdtDbtInd", "CRDT or DBIT")]));
            }
        };
        // What is not booked moves no balance, in whatever currency it is told.
        let opened_in = running.statement.opened_in().filter(|_| entry.booking == Booking::Booked);
        if let Some(expected) = opened_in.filter(|known| *known != amount.currency()) {
            // Balances and entries of two currencies add up to nothing.
            let expected = format!("the currency of the balances, {expected}");
            let code = amount.currency().code();
            let error = FieldError::expected(entry.line, 0, "Ntry/Amt/@Ccy", code, expected);
            return self.ready.push_back(Item::Refused(row, vec![error]));
        }
        running.entries += 1;
        if entry.booking == Booking::Booked {
            let sum = if debit { &mut running.debits } else { &mut running.credits };
            *sum = sum.saturating_add(amount.minor());
            if entry.reversal {
                let signed = if debit { -amount.minor() } else { amount.minor() };
                running.reversed = running.reversed.saturating_add(signed.saturating_mul(2));
            }
        } else {
            running.pending += 1;
        }
        let passed = match entry.booking {
            Booking::Pending => Some("not booked yet"),
            Booking::Information => Some("for information only"),
            Booking::Other => Some("in a state other than booked"),
            Booking::Booked if amount.is_zero() => Some("nothing"),
            Booking::Booked => None,
        };
        if let Some(why) = passed {
            return self.ready.push_back(Item::Passed(row, why));
        }
        // The day of booking may be missing where the day of value or of the statement says enough.
        let statement = &running.statement;
        let day = entry.booked_on.or(entry.particulars.valued_on).or(statement.closed_on).or(statement.opened_on);
        let Some(booked_on) = day else {
            return self.ready.push_back(Item::Refused(row, vec![missing("Ntry/BookgDt", "a booking date")]));
        };
        self.parts(entry, Booked { amount, debit, on: booked_on });
    }

    /// How the keys of the statement under way begin.
    fn key_head(&mut self, on: Date) -> &str {
        let Some(running) = &mut self.current else { return "" };
        if running.key_head.as_ref().is_none_or(|(day, _)| *day != on) {
            running.key_head = Some((on, keys::head(&running.account, on)));
        }
        running.key_head.as_ref().map_or("", |(_, head)| head.as_str())
    }

    /// Converts an entry: one record, or one per transaction of a batch.
    fn parts(&mut self, entry: &mut Entry, booked: Booked) {
        let mut details = std::mem::take(&mut entry.details);
        let row = entry.row;
        if details.len() < 2 {
            if details.is_empty() {
                details.push(Detail::default());
            }
            let Some(detail) = details.first_mut() else { return };
            netted(detail, booked.debit);
            let undivided = self.is_undivided(entry, detail);
            let item = match self.record(entry, 0, detail, booked) {
                Ok(mut record) => {
                    self.counted(&mut record, entry, &booked, undivided);
                    Item::Row(row, Intake::Entry(record))
                }
                Err(error) => Item::Refused(row, vec![error]),
            };
            return self.ready.push_back(item);
        }
        let Some(charges) = divide(&details, &booked) else {
            // One record of what was booked: the account moved by that and nothing else.
            entry.details.push(merged(details, booked.debit));
            return self.parts(entry, booked);
        };
        let undivided = keys::of_undivided(self.key_head(booked.on), entry, &booked).map(|key| self.told_apart(key));
        let charged = charges.is_positive().then(|| (Detail::default(), charges));
        let parts = details.into_iter().filter_map(|detail| detail.amount.map(|amount| (detail, amount)));
        let mut errors = Vec::new();
        let mut rows = Vec::new();
        for (index, (mut detail, amount)) in parts.chain(charged).enumerate() {
            if let Some(undivided) = &undivided {
                detail.particulars.part_of = parts_of(undivided);
            }
            match self.record(entry, index, &mut detail, Booked { amount, ..booked }) {
                Ok(mut record) => {
                    // The same money may stand undivided in a statement.
                    record.counted_as.extend(undivided.iter().map(Into::into));
                    rows.push(Item::Row(row, Intake::Entry(record)));
                }
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            self.ready.extend(rows);
        } else {
            self.ready.push_back(Item::Refused(row, errors));
        }
    }

    /// Names the keys under which another file may hold the money of a single record: as one amount
    /// without its transaction, or divided.
    fn counted(&mut self, record: &mut BankEntry, entry: &Entry, booked: &Booked, is_undivided: bool) {
        if is_undivided {
            return record.counted_as.push(parts_of(&record.details.entry_key));
        }
        let Some(undivided) = keys::of_undivided(self.key_head(booked.on), entry, booked) else { return };
        let undivided = self.told_apart(undivided);
        record.counted_as.push(parts_of(&undivided));
        record.counted_as.push(undivided.as_str().into());
        record.particulars.name_whole(&undivided);
    }

    /// Whether the key of an entry's only transaction is the entry's own.
    fn is_undivided(&self, entry: &Entry, detail: &Detail) -> bool {
        let own = detail.particulars.servicer_reference.as_str();
        !entry.servicer_reference.is_empty()
            && detail.particulars.uetr.is_empty()
            && (own.is_empty() || own == entry.servicer_reference)
    }

    /// A key with its ordinal, from the second on.
    fn told_apart(&mut self, mut key: String) -> String {
        let ordinal = self.ordinal(&key);
        if ordinal > 1 {
            let _ = write!(key, "#{ordinal}"); // A string takes everything.
        }
        key
    }

    fn record(
        &mut self, entry: &Entry, index: usize, detail: &mut Detail, booked: Booked,
    ) -> Result<Box<BankEntry>, FieldError> {
        let key = keys::of_transaction(self.key_head(booked.on), entry, index, detail, &booked);
        let key = self.told_apart(key);
        let content = keys::of_content(self.key_head(booked.on), entry, detail, &booked);
        let content = content.map(|content| self.told_apart(content));
        let content = keys::short(content.as_deref().unwrap_or(&key));
        let refused =
            |field: &str, value: &str, error: String| FieldError::expected(entry.line, 0, field, value, error);
        let end_to_end = fitting(&detail.end_to_end);
        let end_to_end_id =
            EndToEndId::parse(&end_to_end).map_err(|error| refused("EndToEndId", &end_to_end, error.to_string()))?;
        let (structured, unstructured) =
            (std::mem::take(&mut detail.structured), std::mem::take(&mut detail.unstructured));
        let remittance = RemittanceInformation::new(structured, unstructured)
            .map_err(|error| FieldError::wrong(entry.line, 0, "RmtInf/Ustrd", error.to_string()))?;
        let account = match booked.debit {
            false => detail.payee_iban.take(),
            true => None,
        };
        let account = account.or_else(|| self.current.as_ref()?.statement.iban.clone());
        let mut particulars = self.particulars(entry, std::mem::take(&mut detail.particulars), booked.debit);
        particulars.name_beside(&content);
        let name = detail.payer_name.trim();
        let payer_name = match name.len() == detail.payer_name.len() {
            true => std::mem::take(&mut detail.payer_name),
            false => name.to_owned(),
        };
        let details = Details {
            id: TransferId::new(Timestamp::default(), 0, 0),
            entry_key: key,
            account,
            amount: booked.amount,
            booked_on: booked.on,
            payer_name: (!payer_name.is_empty()).then_some(payer_name),
            payer_iban: detail.payer_iban.take(),
            end_to_end_id,
            remittance,
        };
        let same_as = Some(content.into());
        let (counted_as, collected, paid_out) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Box::new(BankEntry {
            details,
            particulars,
            counted_as,
            same_as,
            collected,
            paid_out,
            debit: booked.debit,
        }))
    }

    /// What a transaction says, completed by what is said of its entry.
    fn particulars(&self, entry: &Entry, mut own: Particulars, debit: bool) -> Particulars {
        let whole = &entry.particulars;
        let fill = |own: &mut SmolStr, whole: &SmolStr| {
            if own.is_empty() && !whole.is_empty() {
                own.clone_from(whole);
            }
        };
        fill(&mut own.code, &whole.code);
        fill(&mut own.payment_information_id, &whole.payment_information_id);
        fill(&mut own.additional, &whole.additional);
        fill(&mut own.payee, &whole.payee);
        fill(&mut own.mandate_id, &whole.mandate_id);
        if own.servicer_reference.is_empty() && !entry.servicer_reference.is_empty() {
            own.servicer_reference = entry.servicer_reference.as_str().into();
        }
        own.valued_on = own.valued_on.or(whole.valued_on);
        own.charges = own.charges.or(whole.charges);
        if own.returned.is_none() && whole.returned.is_some() {
            own.returned.clone_from(&whole.returned);
        }
        if let Some(running) = &self.current {
            own.statement = running.statement.id.as_str().into();
        }
        own.nature = match (own.returned.is_some(), entry.reversal, debit) {
            (true, ..) => Nature::Returned,
            (_, true, _) => Nature::Reversed,
            (_, _, true) => Nature::PaidOut,
            (_, _, false) => Nature::Received,
        };
        own
    }

    /// The place of a key among equal ones of its account and day: two genuine twins of one file
    /// differ by it, the same file again does not.
    fn ordinal(&mut self, key: &str) -> u32 {
        // A report repeats the day so far, and its statement repeats it once more.
        let seed = match self.current.as_ref().map(|running| running.statement.kind) {
            Some(Kind::Report) => self.number,
            Some(Kind::Notification) => u64::MAX,
            // The same statement again names the same entries.
            _ => self.current.as_ref().map_or(0, |running| running.repeats.wrapping_mul(REPEATED)),
        };
        self.keys.count(xxh3_64_with_seed(key.as_bytes(), seed))
    }

    /// Ends the statement: opening and entries must make up the closing balance.
    fn close(&mut self, statement: &Statement) -> Result<(), FieldError> {
        let Some(running) = self.current.take() else { return Ok(()) };
        let sum = running.credits.saturating_sub(running.debits);
        self.balance(statement, sum, running.reversed)?;
        self.ready.push_back(Item::Statement(Box::new(StatementRecord {
            account: running.account,
            statement: statement.id.as_str().into(),
            interim: statement.kind == Kind::Report,
            currency: statement.currency,
            opening: statement.opening,
            closing: statement.closing,
            opened_on: statement.opened_on,
            closed_on: statement.closed_on,
            entries: running.entries,
            credits: running.credits,
            debits: running.debits,
        })));
        Ok(())
    }

    fn balance(&self, statement: &Statement, sum: i64, reversed: i64) -> Result<(), FieldError> {
        let currency = statement.currency.unwrap_or(Currency::EUR);
        let show = |minor| Money::from_minor(minor, currency).to_string();
        let closes = |found: i64, wanted: i64| found == wanted || found.saturating_sub(reversed) == wanted;
        if let Some(total) = statement.total.filter(|total| !closes(sum, *total)) {
            let what = format!(
                "statement {} does not add up: its entries make {}, its total is {}, the difference {}",
                self.number,
                show(sum),
                show(total),
                show(total.saturating_sub(sum)),
            );
            return Err(FieldError::wrong(statement.line, 0, "total", what));
        }
        let (Some(opening), Some(closing)) = (statement.opening, statement.closing) else { return Ok(()) };
        let found = opening.saturating_add(sum);
        if closes(found, closing) {
            return Ok(());
        }
        let what = format!(
            "statement {} does not close: opening {} and entries {} make {}, the closing balance is {}, the difference {}",
            self.number,
            show(opening),
            show(sum),
            show(found),
            show(closing),
            show(closing.saturating_sub(found)),
        );
        Err(FieldError::wrong(statement.line, 0, "balance", what))
    }
}

impl<S: Statements> Reader for Ledger<S> {
    fn next(&mut self) -> Option<Result<Item, FieldError>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(Ok(item));
            }
            if self.ended {
                return None;
            }
            if let Err(error) = self.statements.next()?.and_then(|piece| self.piece(piece)) {
                self.ended = true;
                return Some(Err(error));
            }
        }
    }

    fn bytes_read(&self) -> u64 {
        self.statements.bytes_read()
    }
}

/// An end-to-end id as it is kept: cut, and without control characters.
fn fitting(text: &str) -> Cow<'_, str> {
    if text.len() <= END_TO_END_CHARACTERS && !text.bytes().any(|byte| byte.is_ascii_control() || !byte.is_ascii()) {
        return text.into();
    }
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(END_TO_END_CHARACTERS).map(plain).collect()
}

/// What was booked, and when.
#[derive(Clone, Copy)]
pub(super) struct Booked {
    /// The amount, without sign.
    pub amount: Money,
    /// Whether it is a debit.
    pub debit: bool,
    /// The day.
    pub on: Date,
}
