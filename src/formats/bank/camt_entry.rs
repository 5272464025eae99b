//! What the elements of a camt entry add up to.

use quittance_actors::limits;
use quittance_actors::transfer::ReturnReason;
use quittance_actors::values::{Currency, Date, DecimalMark, Iban, Money, MoneyError};
use smol_str::SmolStr;

use super::camt_paths::{detail, entry};
use super::text::{ADDITIONAL_CHARACTERS_MAX, REFERENCE_CHARACTERS_MAX, append, joined, reference, short};
use super::{Booking, Detail, Entry};

/// Transactions of one batched entry.
const DETAILS_MAX: usize = 40_000;
/// Structured references of one transaction.
const STRUCTURED_MAX: usize = 1_000;
/// Characters of one piece of unstructured remittance information.
const USTRD_CHARACTERS: usize = 140;

type Expected = Result<(), String>;

/// The text of an element, the currency beside it, and that of the account.
pub(super) struct Given<'a> {
    /// The text.
    pub text: &'a str,
    /// The attribute `Ccy`.
    pub currency: Option<&'a str>,
    /// The account's currency.
    pub of: Option<Currency>,
}

impl Given<'_> {
    fn money(&self) -> Result<Money, String> {
        money(self.text, self.currency, self.of)
    }

    /// An amount of money that moved: its sign is in `CdtDbtInd`, never here.
    fn booked(&self) -> Result<Money, String> {
        let amount = self.money()?;
        if (0..=limits::AMOUNT_MINOR_MAX).contains(&amount.minor()) {
            Ok(amount)
        } else {
            Err("an amount without a sign, below ten thousand million".to_owned())
        }
    }

    /// A bank's own reference.
    fn reference(&self) -> Result<SmolStr, String> {
        if self.text.len() > REFERENCE_CHARACTERS_MAX && self.text.chars().count() > REFERENCE_CHARACTERS_MAX {
            return Err(format!("at most {REFERENCE_CHARACTERS_MAX} characters"));
        }
        Ok(reference(self.text).into())
    }

    fn short(&self) -> SmolStr {
        short(self.text, REFERENCE_CHARACTERS_MAX)
    }

    fn additional(&self) -> SmolStr {
        short(self.text, ADDITIONAL_CHARACTERS_MAX)
    }
}

pub(super) fn money(text: &str, currency: Option<&str>, of: Option<Currency>) -> Result<Money, String> {
    let currency = match currency {
        Some(code) => Currency::parse(code).map_err(|_| {
            let code: String = code.chars().take(12).collect();
            format!("an ISO 4217 currency in the attribute Ccy, not \"{code}\"")
        })?,
        None => of.ok_or("a currency in the attribute Ccy")?,
    };
    Money::parse(text, currency, DecimalMark::Point).map_err(|error| match error {
        MoneyError::NotAnAmount(_) => "an amount with a decimal point, as in 1250.00".to_owned(),
        other => format!("an amount: {other}"),
    })
}

pub(super) fn date(text: &str) -> Result<Date, String> {
    // `Dt` holds a date, `DtTm` an instant; banks write either into either.
    let day = text.get(..10).unwrap_or(text);
    Date::parse(day).map_err(|_| "a date that exists, written YYYY-MM-DD".to_owned())
}

pub(super) fn direction(text: &str) -> Result<bool, String> {
    match text {
        "CRDT" => Ok(false),
        "DBIT" => Ok(true),
        _ => Err("CRDT or DBIT".to_owned()),
    }
}

/// Booked is said by the code, or by nothing; every other status has moved no money yet.
fn booking(text: &str) -> Booking {
    match text {
        "BOOK" => Booking::Booked,
        "PDNG" => Booking::Pending,
        "INFO" => Booking::Information,
        _ => Booking::Other,
    }
}

/// An entry under way.
#[derive(Default)]
pub(super) struct Collecting {
    entry: Entry,
    code: Code,
}

/// A bank transaction code: of the domain, or the bank's own.
#[derive(Default)]
struct Code {
    domain: SmolStr,
    family: SmolStr,
    sub_family: SmolStr,
}

impl Code {
    fn take(&mut self) -> SmolStr {
        let Code { domain, family, sub_family } = std::mem::take(self);
        if domain.is_empty() { domain } else { joined(&[&domain, &family, &sub_family], '/') }
    }
}

impl Collecting {
    pub(super) fn open(&mut self, line: u64) {
        self.entry = Entry { line, ..Entry::default() };
        self.code = Code::default();
    }

    pub(super) fn open_detail(&mut self) -> Expected {
        self.end_detail();
        if self.entry.details.len() >= DETAILS_MAX {
            return Err(format!("at most {DETAILS_MAX} transactions in one entry"));
        }
        if self.entry.details.is_empty() {
            self.entry.details.reserve_exact(1); // Most entries are one transaction.
        }
        self.entry.details.push(Detail::default());
        Ok(())
    }

    /// The code under way belongs to the last transaction, or to the entry before the first.
    fn end_detail(&mut self) {
        let code = self.code.take();
        if code.is_empty() {
            return;
        }
        match self.entry.details.last_mut() {
            Some(detail) => detail.particulars.code = code,
            None => self.entry.particulars.code = code,
        }
    }

    pub(super) fn close(&mut self) -> Entry {
        self.end_detail();
        std::mem::take(&mut self.entry)
    }

    pub(super) fn entry_value(&mut self, path: u64, given: &Given<'_>) -> Expected {
        let own = &mut self.entry;
        match path {
            entry::AMOUNT => own.amount = Some(given.booked()?),
            entry::DIRECTION => own.debit = Some(direction(given.text)?),
            entry::REVERSAL => own.reversal = matches!(given.text, "true" | "1"),
            entry::STATUS | entry::STATUS_CODE | entry::STATUS_OWN => own.booking = booking(given.text),
            entry::BOOKED | entry::BOOKED_TIME => own.booked_on = Some(date(given.text)?),
            entry::VALUED | entry::VALUED_TIME => own.particulars.valued_on = date(given.text).ok(),
            entry::SERVICER_REFERENCE => own.servicer_reference = given.reference()?.into(),
            entry::ADDITIONAL => own.particulars.additional = given.additional(),
            entry::DOMAIN => self.code.domain = given.short(),
            entry::FAMILY => self.code.family = given.short(),
            entry::SUB_FAMILY => self.code.sub_family = given.short(),
            entry::OWN_CODE => own.particulars.code = given.short(),
            entry::BATCH => own.particulars.payment_information_id = given.short(),
            entry::CHARGES | entry::CHARGE | entry::OLD_CHARGE => {
                own.particulars.charges = own.particulars.charges.or(given.money().ok());
            }
            entry::INSTRUCTED => own.particulars.instructed = given.money().ok(),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn detail_value(&mut self, path: u64, given: &Given<'_>) -> Expected {
        let Some(own) = self.entry.details.last_mut() else { return Ok(()) };
        match path {
            detail::AMOUNT => own.amount = Some(given.booked()?),
            detail::TRANSACTION_AMOUNT | detail::SETTLED_AMOUNT if own.amount.is_none() => {
                own.amount = Some(given.booked()?);
            }
            detail::DIRECTION => own.debit = Some(direction(given.text)?),
            detail::END_TO_END => given.text.clone_into(&mut own.end_to_end),
            detail::PAYER | detail::PAYER_8 => given.text.clone_into(&mut own.payer_name),
            detail::PAYER_IBAN => own.payer_iban = Iban::parse(given.text).ok(),
            detail::PAYEE_IBAN | detail::RELATED_IBAN => own.payee_iban = Iban::parse(given.text).ok(),
            detail::UNSTRUCTURED | detail::STRUCTURED_TEXT | detail::DOCUMENT_NUMBER => {
                append(&mut own.unstructured, given.text, USTRD_CHARACTERS);
            }
            detail::STRUCTURED | detail::STRUCTURED_OLD if own.structured.len() >= STRUCTURED_MAX => {
                return Err(format!("at most {STRUCTURED_MAX} references"));
            }
            detail::STRUCTURED | detail::STRUCTURED_OLD => own.structured.push(given.text.to_owned()),
            detail::DOMAIN => self.code.domain = given.short(),
            detail::FAMILY => self.code.family = given.short(),
            detail::SUB_FAMILY => self.code.sub_family = given.short(),
            _ => return more_of_detail(own, path, given),
        }
        Ok(())
    }
}

/// The particulars of a transaction.
fn more_of_detail(own: &mut Detail, path: u64, given: &Given<'_>) -> Expected {
    let more = &mut own.particulars;
    match path {
        detail::INSTRUCTION => more.instruction_id = given.reference()?,
        detail::TRANSACTION => more.transaction_id = given.reference()?,
        detail::UETR => more.uetr = given.reference()?,
        detail::SERVICER_REFERENCE => more.servicer_reference = given.reference()?,
        detail::BATCH => more.payment_information_id = given.reference()?,
        detail::MANDATE => more.mandate_id = given.reference()?,
        detail::OWN_CODE => more.code = given.short(),
        detail::PAYER_ACCOUNT => more.payer_account = given.short(),
        detail::PAYER_AGENT | detail::PAYER_AGENT_8 => more.payer_agent = given.short(),
        detail::ULTIMATE_PAYER | detail::ULTIMATE_PAYER_8 => more.ultimate_payer = given.short(),
        detail::PAYEE | detail::PAYEE_8 => more.payee = given.short(),
        detail::PAYEE_ACCOUNT => {
            more.payee_account = given.short();
            own.payee_iban = own.payee_iban.take().or_else(|| Iban::parse(given.text).ok());
        }
        detail::ULTIMATE_PAYEE | detail::ULTIMATE_PAYEE_8 => more.ultimate_payee = given.short(),
        // Some banks name the virtual account of the payee as an id of the ultimate creditor.
        detail::ULTIMATE_PAYEE_ID
        | detail::ULTIMATE_PAYEE_ID_8
        | detail::ULTIMATE_PAYEE_PERSON
        | detail::ULTIMATE_PAYEE_PERSON_8
            if own.payee_iban.is_none() =>
        {
            own.payee_iban = Iban::parse(given.text).ok();
        }
        detail::CREDITOR_ID | detail::CREDITOR_ID_8 => more.creditor_id = given.short(),
        detail::CLEARING | detail::OWN_REFERENCE if own.payee_iban.is_none() && given.text.len() >= 15 => {
            own.payee_iban = Iban::parse(given.text).ok();
        }
        detail::PURPOSE | detail::PURPOSE_OWN => more.purpose = given.short(),
        detail::RETURN_CODE | detail::RETURN_OWN => {
            more.returned.get_or_insert_with(ReturnReason::default).code = given.short();
        }
        detail::RETURN_TEXT => more.returned.get_or_insert_with(ReturnReason::default).text = given.additional(),
        detail::ADDITIONAL => more.additional = given.additional(),
        detail::INSTRUCTED => more.instructed = given.money().ok(),
        detail::CHARGE | detail::OLD_CHARGE => {
            let one = given.money().ok();
            let sum = more.charges.zip(one).and_then(|(known, one)| known.checked_add(one).ok());
            more.charges = sum.or(more.charges).or(one);
        }
        _ => {}
    }
    Ok(())
}
