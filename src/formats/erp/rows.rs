//! The fields of a row as what it asks for, and everything wrong with them.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::sync::Arc;

use quittance_actors::collection::{Instrument, Mandate, MandateKind, NOTICE_DAYS_MAX};
use quittance_actors::customer::{Gives, Kind as CustomerKind, Profile};
use quittance_actors::limits;
use quittance_actors::runtime::{CancellationRow, CreditNoteRow, CustomerRow, Intake, InvoiceRow, MandateRow};
use quittance_actors::values::{
    Currency, Date, DecimalMark, EmailAddress, Iban, Language, Money, PaymentReference, PhoneNumber, Zone, bic,
    sepa_identifier,
};
use smol_str::SmolStr;

use super::fields::{FIELDS, Key};
use super::written::{Written, has_at_most, parse_amount, parse_date};
use crate::config::{ConstantOrColumn, Mapping};
use crate::formats::{FieldError, Item};

/// What a row asks for, as a column or a constant says it.
const KINDS: [&str; 6] = ["invoice", "customer", "credit_note", "cancellation", "mandate", "plan"];

/// Telephone numbers remembered: the same customers come again and again, and each is checked
/// against the numbering plan of its country.
const PHONES_MAX: usize = 4_096;
/// Bytes of a number that is remembered.
const PHONE_BYTES_MAX: usize = 40;

/// A value and where it stands.
pub(super) struct Cell<'a> {
    /// The column, from 1; 0 when there is none.
    pub column: u64,
    /// What the file calls it.
    pub name: Cow<'a, str>,
    /// The value, trimmed.
    pub text: Cow<'a, str>,
}

/// A row of any file.
pub(super) trait Row {
    /// The line it begins at.
    fn line(&self) -> u64;

    /// A field, if the file has it.
    fn cell(&self, field: Key) -> Option<Cell<'_>>;

    /// The currency of a column, when the mapping names one.
    fn currency(&self) -> Option<Cell<'_>>;
}

/// How an amount may be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// Above zero.
    Plus,
    /// Below as well: ERPs write credit notes either way.
    Either,
}

/// How values are written, and what was read before.
pub(super) struct Rows {
    mapping: Arc<Mapping>,
    /// What the mapping says of each field: a constant, and what words mean.
    given: Vec<Given>,
    phones: HashMap<String, Option<PhoneNumber>>,
}

/// What a mapping says of a field.
#[derive(Default)]
struct Given {
    constant: Option<String>,
    meanings: BTreeMap<String, String>,
}

impl Rows {
    pub(super) fn new(mapping: &Mapping) -> Self {
        let given = |(name, _): &(&str, bool)| Given {
            constant: mapping.constants.get(*name).cloned(),
            meanings: mapping.lookups.get(*name).cloned().unwrap_or_default(),
        };
        Self { mapping: Arc::new(mapping.clone()), given: FIELDS.iter().map(given).collect(), phones: HashMap::new() }
    }

    pub(super) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// A row as what it asks for.
    pub(super) fn item(&mut self, number: u64, row: &impl Row) -> Item {
        let mut fields = Fields { rows: self, row, errors: Vec::new() };
        let intake = fields.intake();
        let errors = fields.errors;
        match intake {
            Some(intake) if errors.is_empty() => Item::Row(number, intake),
            _ => Item::Refused(number, errors),
        }
    }
}

/// The fields of one row, and everything wrong with them.
pub(super) struct Fields<'a, R: Row> {
    rows: &'a mut Rows,
    pub(super) row: &'a R,
    pub(super) errors: Vec<FieldError>,
}

impl<'a, R: Row> Fields<'a, R> {
    pub(super) fn cell(&self, field: Key) -> Option<Cell<'a>> {
        let given = self.rows.given.get(field.place())?;
        let constant = || Some(Cell { column: 0, name: field.name().into(), text: given.constant.clone()?.into() });
        let mut cell = self.row.cell(field).or_else(constant)?;
        if !given.meanings.is_empty()
            && let Some(meaning) = given.meanings.get(cell.text.as_ref())
        {
            cell.text = meaning.clone().into();
        }
        Some(cell)
    }

    fn refuse(&mut self, cell: &Cell<'_>, expected: impl Display) {
        let expected = expected.to_string();
        self.errors.push(FieldError::expected(self.row.line(), cell.column, &cell.name, &cell.text, expected));
    }

    /// A field that must be there.
    pub(super) fn parse<T>(
        &mut self, field: Key, expected: impl Display, parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        match self.cell(field) {
            Some(cell) => self.parse_cell(&cell, expected, parse),
            None => {
                let expected = expected.to_string();
                self.errors.push(FieldError::expected(self.row.line(), 0, field.name(), "", expected));
                None
            }
        }
    }

    fn parse_cell<T>(
        &mut self, cell: &Cell<'_>, expected: impl Display, parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        if cell.text.contains('\u{fffd}') {
            let encoding = self.rows.mapping.encoding.name();
            self.refuse(cell, format_args!("text in {encoding}, the encoding of the mapping"));
            return None;
        }
        let parsed = parse(&cell.text);
        if parsed.is_none() {
            self.refuse(cell, expected);
        }
        parsed
    }

    /// A field that may be missing or empty.
    pub(super) fn optional<T>(
        &mut self, field: Key, expected: impl Display, parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let cell = self.cell(field).filter(|cell| !cell.text.is_empty())?;
        self.parse_cell(&cell, expected, parse)
    }

    pub(super) fn text(&mut self, field: Key, characters_max: usize) -> Option<String> {
        self.parse(field, format_args!("1 to {characters_max} characters"), |value| {
            let fits = !value.is_empty() && has_at_most(value, characters_max);
            (fits && !value.chars().any(char::is_control)).then(|| value.to_owned())
        })
    }

    pub(super) fn reference(&mut self, field: Key) -> Option<String> {
        self.text(field, limits::EXTERNAL_REFERENCE_CHARACTERS_MAX)
    }

    fn intake(&mut self) -> Option<Intake> {
        let kind = match self.cell(const { Key::of("kind") }).filter(|cell| !cell.text.is_empty()) {
            None => "invoice",
            Some(cell) => match KINDS.iter().find(|kind| cell.text.eq_ignore_ascii_case(kind)) {
                Some(kind) => kind,
                None => {
                    self.refuse(&cell, format_args!("one of {}; a lookup translates others", KINDS.join(", ")));
                    return None;
                }
            },
        };
        match kind {
            "customer" => {
                let reference = self.reference(const { Key::of("customer") });
                let customer = self.customer(reference.as_deref());
                if customer.is_none() && reference.is_some() {
                    let expected = format_args!("1 to {} characters", limits::NAME_CHARACTERS_MAX);
                    self.parse(const { Key::of("name") }, expected, |name| (!name.is_empty()).then_some(()));
                }
                Some(Intake::Customer(Box::new(customer?)))
            }
            "credit_note" => self.credit_note(),
            "plan" => self.plan().map(|row| Intake::Plan(Box::new(row))),
            "mandate" => self.mandate().map(|row| Intake::Mandate(Box::new(row))),
            "cancellation" => {
                let invoice = self.reference(const { Key::of("invoice") });
                let reason = self.optional(const { Key::of("reason") }, "at most 200 characters", |text| {
                    (has_at_most(text, 200)).then(|| text.to_owned())
                });
                let reason = reason.unwrap_or_else(|| "cancelled by the ERP".to_owned());
                Some(Intake::Cancellation(Box::new(CancellationRow { invoice: invoice?, reason })))
            }
            _ => self.invoice().map(|invoice| Intake::Invoice(Box::new(invoice))),
        }
    }

    fn mandate(&mut self) -> Option<MandateRow> {
        let customer_ref = self.reference(const { Key::of("customer") });
        let reference = self.parse(
            const { Key::of("mandate") },
            "1 to 35 of the SEPA characters, the mandate's unique reference",
            |text| sepa_identifier(text).ok(),
        );
        let iban =
            self.parse(const { Key::of("iban") }, "an IBAN whose check digits agree", |text| Iban::parse(text).ok());
        let bank =
            self.optional(const { Key::of("bic") }, "a BIC of 8 or 11 letters and digits", |text| bic(text).ok());
        let signed_on = self.date(const { Key::of("signed_on") }, true);
        let kind = self.optional(
            const { Key::of("mandate_kind") },
            "core_recurrent, core_one_off, b2b_recurrent or b2b_one_off",
            |text| MandateKind::parse(text).ok(),
        );
        let notice_days = self.whole(const { Key::of("notice_days") }, 0..=NOTICE_DAYS_MAX);
        let mandate = Mandate {
            kind: kind.unwrap_or(MandateKind::CoreRecurrent),
            iban: iban?,
            bic: bank.map(Into::into),
            signed_on: signed_on?,
            notice_days: notice_days.unwrap_or(Mandate::NOTICE_DAYS),
        };
        Some(MandateRow { customer_ref: customer_ref?, reference: reference?, mandate })
    }

    fn invoice(&mut self) -> Option<InvoiceRow> {
        let external_ref = self.reference(const { Key::of("invoice") });
        let customer_ref = self.reference(const { Key::of("customer") });
        let amount = self.amount(const { Key::of("amount") }, Sign::Plus);
        let due_on = self.date(const { Key::of("due_on") }, true);
        let issued_on = self.date(const { Key::of("issued_on") }, false);
        let description = self.description();
        let scenario =
            self.optional(const { Key::of("scenario") }, "the name of a scenario", |value| Some(value.to_owned()));
        let collect_from = self.collect_from();
        let payment_reference = self.optional(
            const { Key::of("payment_reference") },
            "a reference whose check digits are right (RF…, Belgian, Swiss QRR, Finnish, Estonian, KID, SI…)",
            |value| PaymentReference::parse(value).ok().filter(PaymentReference::can_be_found),
        );
        let order =
            self.optional(const { Key::of("order") }, "the number of an order, of at most 64 characters", |value| {
                let fits = has_at_most(value, limits::EXTERNAL_REFERENCE_CHARACTERS_MAX)
                    && !value.contains(char::is_control);
                fits.then(|| value.into())
            });
        let customer = self.customer(customer_ref.as_deref());
        let number_range = self.number_range(const { Key::of("request_virtual_iban_range") });
        Some(InvoiceRow {
            order,
            number_range,
            collect_from,
            payment_reference,
            customer,
            customer_ref: customer_ref?,
            external_ref: external_ref?,
            amount: amount?,
            issued_on,
            due_on: due_on?,
            description: description.unwrap_or_default(),
            scenario,
        })
    }

    /// A credit note: of an invoice when it names one, else of the customer.
    fn credit_note(&mut self) -> Option<Intake> {
        let number = self.reference(const { Key::of("credit_note") });
        let customer = self.reference(const { Key::of("customer") });
        let invoice = match self.cell(const { Key::of("invoice") }) {
            Some(cell) if !cell.text.is_empty() => self.reference(const { Key::of("invoice") }),
            _ => None,
        };
        let amount = self.amount(const { Key::of("amount") }, Sign::Either);
        let row = CreditNoteRow { number: number?, customer_ref: customer?, invoice, amount: amount? };
        Some(Intake::CreditNote(Box::new(row)))
    }

    pub(super) fn description(&mut self) -> Option<String> {
        self.optional(const { Key::of("description") }, "at most 500 characters", |value| {
            (has_at_most(value, limits::DESCRIPTION_CHARACTERS_MAX)).then(|| value.to_owned())
        })
    }

    pub(super) fn collect_from(&mut self) -> Option<Instrument> {
        self.optional(const { Key::of("collect_from") }, "card:TOKEN or mandate:REFERENCE", |value| {
            Instrument::parse(value).ok()
        })
    }

    /// A whole number that may be missing.
    pub(super) fn whole(&mut self, field: Key, within: RangeInclusive<u16>) -> Option<u16> {
        let expected = format!("a whole number from {} to {}", within.start(), within.end());
        self.optional(field, expected, |text| text.parse().ok().filter(|number| within.contains(number)))
    }

    pub(super) fn date(&mut self, field: Key, needed: bool) -> Option<Date> {
        let mapping = Arc::clone(&self.rows.mapping);
        let expected = Written(&mapping.date);
        let parse = |value: &str| parse_date(&mapping.date, value);
        if needed { self.parse(field, expected, parse) } else { self.optional(field, expected, parse) }
    }

    /// An amount above zero.
    pub(super) fn amount(&mut self, field: Key, sign: Sign) -> Option<Money> {
        let currency = match self.rows.mapping.currency.clone() {
            ConstantOrColumn::Constant(currency) => match self.row.currency() {
                Some(cell) if !cell.text.is_empty() => self.currency(&cell),
                _ => Some(currency),
            },
            ConstantOrColumn::Column(_) => match self.row.currency() {
                Some(cell) => self.currency(&cell),
                None => None,
            },
        }?;
        let decimal = self.rows.mapping.decimal;
        let thousands = self.rows.mapping.thousands;
        let expected = match decimal {
            DecimalMark::Comma => "an amount above zero, written 1250,00",
            DecimalMark::Point => "an amount above zero, written 1250.00",
        };
        self.parse(field, expected, |value| {
            let money = parse_amount(value, currency, decimal, thousands)?;
            let minor = match sign {
                Sign::Plus => money.minor(),
                Sign::Either => money.minor().checked_abs()?,
            };
            (minor > 0 && minor <= limits::AMOUNT_MINOR_MAX).then(|| Money::from_minor(minor, currency))
        })
    }

    fn currency(&mut self, cell: &Cell<'_>) -> Option<Currency> {
        let currency = Currency::parse(&cell.text).ok();
        if currency.is_none() {
            self.refuse(cell, "an ISO 4217 code such as EUR");
        }
        currency
    }

    /// The customer, if the row describes one.
    fn customer(&mut self, external_ref: Option<&str>) -> Option<CustomerRow> {
        let name = self.optional(const { Key::of("name") }, "at most 140 characters", |value| {
            (has_at_most(value, limits::NAME_CHARACTERS_MAX)).then(|| value.to_owned())
        })?;
        let email = self.optional(const { Key::of("email") }, "an e-mail address, name@domain", |value| {
            EmailAddress::parse(value).ok()
        });
        let phone = self.phone();
        let language = self.optional(const { Key::of("language") }, "fr or en", |value| Language::parse(value).ok());
        let kind = self.optional(const { Key::of("customer_kind") }, "business or consumer", |value| match value {
            "business" => Some(CustomerKind::Business),
            "consumer" => Some(CustomerKind::Consumer),
            _ => None,
        });
        let gives = Gives {
            kind: kind.is_some(),
            email: email.is_some(),
            phone: phone.is_some(),
            language: language.is_some(),
        };
        let expected = "a time zone, as in Europe/Paris";
        let zone = self.optional(const { Key::of("zone") }, expected, |value| {
            Zone::parse(value).ok().map(|zone| zone.name().into())
        });
        let number_range = self.number_range(const { Key::of("virtual_iban_range") });
        Some(CustomerRow {
            gives,
            zone,
            number_range,
            profile: Profile {
                external_ref: external_ref?.into(),
                kind: kind.unwrap_or(CustomerKind::Business),
                name: name.into(),
                email,
                phone,
                language: language.unwrap_or_default(),
            },
        })
    }

    /// The range that an account number is of.
    fn number_range(&mut self, field: Key) -> Option<SmolStr> {
        self.optional(field, "the name of a range of account numbers", |value| {
            has_at_most(value, limits::NAME_CHARACTERS_MAX).then(|| value.into())
        })
    }

    fn phone(&mut self) -> Option<PhoneNumber> {
        let cell = self.cell(const { Key::of("phone") }).filter(|cell| !cell.text.is_empty())?;
        if let Some(Some(known)) = self.rows.phones.get(cell.text.as_ref()) {
            return Some(known.clone());
        }
        let mapping = Arc::clone(&self.rows.mapping);
        let country = mapping.phone_country.as_deref();
        let phone = self.parse_cell(&cell, "a phone number", |value| PhoneNumber::parse(value, country).ok());
        if self.rows.phones.len() >= PHONES_MAX {
            self.rows.phones.clear();
        }
        if cell.text.len() <= PHONE_BYTES_MAX {
            self.rows.phones.insert(cell.text.into_owned(), phone.clone());
        }
        phone
    }
}
