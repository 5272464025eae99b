//! What a statement's elements add up to: entries, their details, and the balance equation.

use quittance_actors::limits;
use quittance_actors::runtime::BankEntry;
use quittance_actors::transfer::Details;
use quittance_actors::values::{
    Currency, Date, DecimalMark, EndToEndId, Iban, Money, MoneyError, RemittanceInformation, Timestamp, TransferId,
};

use super::FieldError;

/// Transactions of one batched entry.
const DETAILS_MAX: usize = 100_000;
/// Structured references of one transaction.
const STRUCTURED_MAX: usize = 1_000;
/// Characters of a bank's own reference.
const REFERENCE_CHARACTERS_MAX: usize = 140;

/// A statement or notification being read.
#[derive(Default)]
pub(super) struct Statement {
    account: Option<Iban>,
    account_text: String,
    currency: Option<Currency>,
    opening: Option<i64>,
    closing: Option<i64>,
    balance: Balance,
    booked: i64,
    /// Twice the reversals: what the sum changes by if they keep the original's direction.
    reversed: i64,
    entry: Option<Entry>,
}

#[derive(Default)]
struct Balance {
    code: String,
    amount: Option<Money>,
    debit: bool,
}

#[derive(Default)]
struct Entry {
    line: u64,
    amount: Option<Money>,
    debit: Option<bool>,
    reversal: bool,
    status: String,
    booked_on: Option<Date>,
    bank_ref: String,
    details: Vec<Detail>,
}

#[derive(Default, Clone)]
struct Detail {
    amount: Option<Money>,
    debit: Option<bool>,
    end_to_end: String,
    transaction: String,
    uetr: String,
    bank_ref: String,
    payer_name: String,
    payer_iban: Option<Iban>,
    creditor_iban: Option<Iban>,
    unstructured: String,
    structured: Vec<String>,
}

/// What an entry came to.
pub(super) enum Collected {
    /// Money received: one transfer, or one per detail of a batch.
    Credits(Vec<BankEntry>),
    /// Nothing to do, and why.
    Passed(&'static str),
    /// It cannot be used.
    Refused(Vec<FieldError>),
}

type Expected = Result<(), String>;

fn money(text: &str, currency: Option<&str>, fallback: Option<Currency>) -> Result<Money, String> {
    let currency = match currency {
        Some(code) => Currency::parse(code).map_err(|_| {
            let code: String = code.chars().take(12).collect();
            format!("an ISO 4217 currency in the attribute Ccy, not \"{code}\"")
        })?,
        None => fallback.ok_or("a currency in the attribute Ccy")?,
    };
    Money::parse(text, currency, DecimalMark::Point).map_err(|error| match error {
        MoneyError::NotAnAmount(_) => "an amount with a decimal point, as in 1250.00".to_owned(),
        other => format!("an amount: {other}"),
    })
}

/// An amount of money that moved: its sign is in `CdtDbtInd`, never here.
fn booked_amount(text: &str, currency: Option<&str>, fallback: Option<Currency>) -> Result<Money, String> {
    let amount = money(text, currency, fallback)?;
    if (0..=limits::AMOUNT_MINOR_MAX).contains(&amount.minor()) {
        Ok(amount)
    } else {
        Err("an amount without a sign, below ten thousand million".to_owned())
    }
}

/// A bank's own reference: the standard allows 35 characters, some banks write more.
fn reference(text: &str) -> Result<String, String> {
    if text.chars().count() <= REFERENCE_CHARACTERS_MAX {
        Ok(text.to_owned())
    } else {
        Err(format!("at most {REFERENCE_CHARACTERS_MAX} characters"))
    }
}

fn date(text: &str) -> Result<Date, String> {
    // `Dt` holds a date, `DtTm` an instant; banks write either into either.
    let day = text.get(..10).unwrap_or(text);
    Date::parse(day).map_err(|_| "a date that exists, written YYYY-MM-DD".to_owned())
}

fn direction(text: &str) -> Result<bool, String> {
    match text {
        "CRDT" => Ok(false),
        "DBIT" => Ok(true),
        _ => Err("CRDT or DBIT".to_owned()),
    }
}

impl Statement {
    pub(super) fn open_entry(&mut self, line: u64) {
        self.entry = Some(Entry { line, ..Entry::default() });
    }

    pub(super) fn open_detail(&mut self) -> Expected {
        if let Some(entry) = &mut self.entry {
            if entry.details.len() >= DETAILS_MAX {
                return Err(format!("at most {DETAILS_MAX} transactions in one entry"));
            }
            entry.details.push(Detail::default());
        }
        Ok(())
    }

    /// Takes the text of the element at `path`, counted from the statement.
    pub(super) fn value(&mut self, path: &[&str], text: &str, currency: Option<&str>) -> Expected {
        match path {
            ["Acct", "Id", "IBAN"] => {
                self.account = Iban::parse(text).ok();
                self.account_text = text.to_owned();
            }
            ["Acct", "Id", "Othr", "Id"] => self.account_text = text.to_owned(),
            ["Acct", "Ccy"] => self.currency = Currency::parse(text).ok(),
            ["Bal", rest @ ..] => return self.balance_value(rest, text, currency),
            ["Ntry", rest @ ..] => {
                let fallback = self.currency;
                if let Some(entry) = &mut self.entry {
                    return entry.value(rest, text, currency, fallback);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn balance_value(&mut self, path: &[&str], text: &str, currency: Option<&str>) -> Expected {
        match path {
            [] => {
                let balance = std::mem::take(&mut self.balance);
                let Some(amount) = balance.amount else { return Ok(()) };
                let signed = if balance.debit { -amount.minor() } else { amount.minor() };
                match balance.code.as_str() {
                    "OPBD" => self.opening = Some(signed),
                    // The close of the day before; some banks send it instead of an opening.
                    "PRCD" => self.opening = self.opening.or(Some(signed)),
                    "CLBD" => self.closing = Some(signed),
                    _ => {}
                }
            }
            ["Tp", "CdOrPrtry", "Cd"] => self.balance.code = text.to_owned(),
            ["Amt"] => {
                let amount = money(text, currency, self.currency)?;
                self.currency = self.currency.or(Some(amount.currency()));
                self.balance.amount = Some(amount);
            }
            ["CdtDbtInd"] => self.balance.debit = direction(text)?,
            _ => {}
        }
        Ok(())
    }

    /// Ends an entry.
    pub(super) fn close_entry(&mut self) -> Collected {
        let Some(entry) = self.entry.take() else { return Collected::Passed("no entry") };
        let Some(amount) = entry.amount else {
            let error = FieldError::expected(entry.line, 0, "Ntry/Amt", "", "an amount");
            return Collected::Refused(vec![error]);
        };
        let Some(debit) = entry.debit else {
            let error = FieldError::expected(entry.line, 0, "Ntry/CdtDbtInd", "", "CRDT or DBIT");
            return Collected::Refused(vec![error]);
        };
        // Booked is said by the code, or by nothing; every other status has moved no money yet.
        let booked = matches!(entry.status.as_str(), "" | "BOOK");
        if booked {
            let signed = if debit { -amount.minor() } else { amount.minor() };
            self.booked = self.booked.saturating_add(signed);
            if entry.reversal {
                self.reversed = self.reversed.saturating_add(signed.saturating_mul(2));
            }
        }
        match entry.status.as_str() {
            "PDNG" => return Collected::Passed("not booked yet"),
            "INFO" => return Collected::Passed("for information only"),
            _ if !booked => return Collected::Passed("in a state other than booked"),
            _ => {}
        }
        if debit {
            return Collected::Passed("money paid out");
        }
        if entry.reversal {
            return Collected::Passed("a reversal");
        }
        if amount.is_zero() {
            return Collected::Passed("nothing");
        }
        let Some(booked_on) = entry.booked_on else {
            let error = FieldError::expected(entry.line, 0, "Ntry/BookgDt", "", "a booking date");
            return Collected::Refused(vec![error]);
        };
        self.credits(&entry, amount, booked_on)
    }

    fn credits(&self, entry: &Entry, amount: Money, booked_on: Date) -> Collected {
        let mut parts: Vec<(Detail, Money)> = Vec::new();
        if makes_up(&entry.details, amount) {
            parts.extend(entry.details.iter().filter_map(|detail| Some((detail.clone(), detail.amount?))));
        } else {
            // One transfer of what was booked: the account was credited with that and nothing else.
            parts.push((merged(&entry.details), amount));
        }
        let mut credits = Vec::with_capacity(parts.len());
        let mut errors = Vec::new();
        for (index, (detail, amount)) in parts.into_iter().enumerate() {
            match self.transfer(entry, index, detail, amount, booked_on) {
                Ok(credit) => credits.push(credit),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Collected::Credits(credits) } else { Collected::Refused(errors) }
    }

    fn transfer(
        &self, entry: &Entry, index: usize, detail: Detail, amount: Money, booked_on: Date,
    ) -> Result<BankEntry, FieldError> {
        let key = self.key(entry, index, &detail, amount, booked_on);
        let refused =
            |field: &str, value: &str, error: String| FieldError::expected(entry.line, 0, field, value, error);
        let end_to_end_id = EndToEndId::parse(&detail.end_to_end)
            .map_err(|error| refused("TxDtls/Refs/EndToEndId", &detail.end_to_end, error.to_string()))?;
        let remittance = RemittanceInformation::new(&detail.structured, &detail.unstructured)
            .map_err(|error| refused("TxDtls/RmtInf/Ustrd", &detail.unstructured, error.to_string()))?;
        let name = detail.payer_name.trim().to_owned();
        Ok(BankEntry {
            details: Details {
                id: TransferId::new(Timestamp::default(), 0, 0),
                entry_key: key,
                account: detail.creditor_iban.or_else(|| self.account.clone()),
                amount,
                booked_on,
                payer_name: (!name.is_empty()).then_some(name),
                payer_iban: detail.payer_iban,
                end_to_end_id,
                remittance,
            },
        })
    }

    /// What makes it the same entry in another file: never the statement's id, which recurs.
    fn key(&self, entry: &Entry, index: usize, detail: &Detail, amount: Money, booked_on: Date) -> String {
        if !detail.uetr.is_empty() {
            return format!("uetr:{}", detail.uetr);
        }
        let account: String = self.account_text.chars().filter(|c| !c.is_whitespace()).collect();
        let bank_ref = [&detail.bank_ref, &entry.bank_ref].into_iter().find(|text| !text.is_empty());
        let own = match bank_ref {
            Some(reference) => format!("ref:{reference}/{index}"),
            None => {
                let text = [
                    detail.end_to_end.as_str(),
                    detail.transaction.as_str(),
                    detail.payer_name.as_str(),
                    detail.unstructured.as_str(),
                ];
                let hash = xxhash_rust::xxh3::xxh3_64(text.join("\u{1f}").as_bytes());
                format!("text:{hash:016x}")
            }
        };
        format!("{account}|{booked_on}|{}|{}|{own}", amount.minor(), amount.currency())
    }

    /// Ends the statement: opening and entries must make up the closing balance.
    pub(super) fn balance(&self, line: u64, number: u64) -> Result<(), FieldError> {
        let (Some(opening), Some(closing)) = (self.opening, self.closing) else { return Ok(()) };
        let found = opening.saturating_add(self.booked);
        if found == closing || found.saturating_sub(self.reversed) == closing {
            return Ok(());
        }
        let currency = self.currency.unwrap_or(Currency::EUR);
        let show = |minor| Money::from_minor(minor, currency).to_string();
        let what = format!(
            "statement {number} does not close: opening {} and entries {} make {}, the closing balance is {}, the difference {}",
            show(opening),
            show(self.booked),
            show(found),
            show(closing),
            show(closing.saturating_sub(found)),
        );
        Err(FieldError::wrong(line, 0, "Stmt/Bal", what))
    }
}

impl Entry {
    fn value(&mut self, path: &[&str], text: &str, currency: Option<&str>, fallback: Option<Currency>) -> Expected {
        match path {
            ["Amt"] => self.amount = Some(booked_amount(text, currency, fallback)?),
            ["CdtDbtInd"] => self.debit = Some(direction(text)?),
            ["RvslInd"] => self.reversal = matches!(text, "true" | "1"),
            ["Sts"] | ["Sts", "Cd" | "Prtry"] if !text.is_empty() => self.status = text.to_owned(),
            ["BookgDt", "Dt" | "DtTm"] => self.booked_on = Some(date(text)?),
            ["AcctSvcrRef"] => self.bank_ref = reference(text)?,
            ["NtryDtls", "TxDtls", rest @ ..] => {
                if let Some(detail) = self.details.last_mut() {
                    return detail.value(rest, text, currency, fallback);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Detail {
    fn value(&mut self, path: &[&str], text: &str, currency: Option<&str>, fallback: Option<Currency>) -> Expected {
        match path {
            ["Amt"] => self.amount = Some(booked_amount(text, currency, fallback)?),
            ["AmtDtls", "TxAmt", "Amt"] if self.amount.is_none() => {
                self.amount = Some(booked_amount(text, currency, fallback)?);
            }
            ["CdtDbtInd"] => self.debit = Some(direction(text)?),
            ["Refs", "EndToEndId"] => self.end_to_end = text.to_owned(),
            ["Refs", "TxId"] => self.transaction = text.to_owned(),
            ["Refs", "UETR"] => self.uetr = reference(text)?,
            ["Refs", "AcctSvcrRef"] => self.bank_ref = reference(text)?,
            ["RltdPties", "Dbtr", "Nm"] | ["RltdPties", "Dbtr", "Pty", "Nm"] => {
                self.payer_name = text.to_owned();
            }
            ["RltdPties", "DbtrAcct", "Id", "IBAN"] => self.payer_iban = Iban::parse(text).ok(),
            ["RltdPties", "CdtrAcct", "Id", "IBAN"] => self.creditor_iban = Iban::parse(text).ok(),
            ["RmtInf", "Ustrd"] => self.add_text(text),
            ["RmtInf", "Strd", "CdtrRefInf", "Ref"] if self.structured.len() >= STRUCTURED_MAX => {
                return Err(format!("at most {STRUCTURED_MAX} references"));
            }
            ["RmtInf", "Strd", "CdtrRefInf", "Ref"] => self.structured.push(text.to_owned()),
            ["RmtInf", "Strd", "AddtlRmtInf"] => self.add_text(text),
            _ => {}
        }
        Ok(())
    }

    /// Joins pieces of free text: one that fills its 140 characters was cut and goes on.
    fn add_text(&mut self, text: &str) {
        let full = self.unstructured.chars().count().is_multiple_of(140);
        if !self.unstructured.is_empty() && !full {
            self.unstructured.push(' ');
        }
        let room =
            RemittanceInformation::UNSTRUCTURED_CHARACTERS_MAX.saturating_sub(self.unstructured.chars().count());
        self.unstructured.extend(text.chars().take(room));
    }
}

/// Whether the transactions of a batch are credits that make up what was booked.
fn makes_up(details: &[Detail], booked: Money) -> bool {
    let sum = details.iter().try_fold(0_i64, |sum, detail| {
        let part = detail.amount.filter(|part| part.currency() == booked.currency() && part.is_positive())?;
        if detail.debit == Some(true) { None } else { sum.checked_add(part.minor()) }
    });
    details.len() > 1 && sum == Some(booked.minor())
}

/// All details as one, for a batch whose parts do not make up its sum. What they do not agree
/// on names nobody: several payers in one amount are for a person to part.
fn merged(details: &[Detail]) -> Detail {
    let mut parts = details.iter();
    let mut one = parts.next().cloned().unwrap_or_default();
    // A debit inside a credit entry was netted by the bank: its references are not the credit's.
    let netted = details.iter().any(|detail| detail.debit == Some(true));
    if netted {
        one.structured.clear();
        one.end_to_end.clear();
        one.payer_iban = None;
        one.creditor_iban = None;
    }
    for other in parts {
        let agreed = |one: &mut String, other: &String| {
            if one != other {
                one.clear();
            }
        };
        agreed(&mut one.end_to_end, &other.end_to_end);
        agreed(&mut one.transaction, &other.transaction);
        agreed(&mut one.payer_name, &other.payer_name);
        one.payer_iban = one.payer_iban.filter(|iban| Some(iban) == other.payer_iban.as_ref());
        one.creditor_iban = one.creditor_iban.filter(|iban| Some(iban) == other.creditor_iban.as_ref());
        if !netted {
            one.structured.extend(other.structured.iter().cloned());
        }
        one.add_text(&other.unstructured);
        one.uetr.clear();
    }
    one
}
