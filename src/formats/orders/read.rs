//! Orders as JSON lines, each checked before any is written.

use std::collections::BTreeMap;
use std::io::BufRead;

use quittance_actors::values::{Currency, Date, DecimalMark, Iban, Money, bic, sepa_identifier};
use serde_json::{Map, Value};

use super::{CreditTransfer, DirectDebit, Scheme, Sequence};
use crate::diagnostics::nearest;
use crate::formats::FieldError;
use crate::formats::lines::{Lines, text};

/// The largest amount of one order, in cents. Source: EPC rulebooks, 999 999 999.99 EUR.
pub(super) const AMOUNT_MINOR_MAX: i64 = 99_999_999_999;
/// Characters that a message's id leaves for the number of a batch.
const MESSAGE_ID_CHARACTERS: usize = 30;

/// The id of a batch: the message's and its number.
pub(super) fn batch_id(message_id: &str, number: u32) -> String {
    let head: String = message_id.chars().take(MESSAGE_ID_CHARACTERS).collect();
    format!("{head}-{number}")
}

/// One line, and what is wrong with it.
struct Order {
    line: u64,
    members: Map<String, Value>,
    asked: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl Order {
    fn text(&mut self, name: &'static str) -> Option<String> {
        self.asked.push(name);
        match self.members.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(text.trim().to_owned()),
            other => Some(other.to_string()),
        }
    }

    fn refuse(&mut self, name: &str, value: &str, expected: impl Into<String>) {
        self.errors.push(FieldError::expected(self.line, 0, name, value, expected));
    }

    fn needed<T>(&mut self, name: &'static str, expected: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let value = self.text(name).unwrap_or_default();
        let parsed = parse(&value);
        if parsed.is_none() {
            self.refuse(name, &value, expected);
        }
        parsed
    }

    fn id(&mut self, name: &'static str) -> Option<String> {
        let value = self.text(name).unwrap_or_default();
        sepa_identifier(&value).map_err(|expected| self.refuse(name, &value, expected)).ok()
    }

    fn bic(&mut self) -> Option<String> {
        let value = self.text("bic")?;
        bic(&value).map_err(|expected| self.refuse("bic", &value, expected)).ok()
    }

    fn amount(&mut self) -> Option<Money> {
        self.needed("amount", "euros above zero and below a thousand million, written 120.00", |value| {
            let money = Money::parse(value, Currency::EUR, DecimalMark::Point).ok()?;
            (1..=AMOUNT_MINOR_MAX).contains(&money.minor()).then_some(money)
        })
    }

    fn day(&mut self, name: &'static str) -> Option<Date> {
        self.needed(name, "a date that exists, written YYYY-MM-DD", |value| Date::parse(value).ok())
    }

    fn name(&mut self, name: &'static str) -> Option<String> {
        self.needed(name, "a name of 1 to 140 characters", |value| {
            (1..=140).contains(&value.chars().count()).then(|| value.to_owned())
        })
    }

    fn iban(&mut self) -> Option<Iban> {
        self.needed("iban", "an IBAN whose check digits agree", |value| Iban::parse(value).ok())
    }

    fn direct_debit(&mut self) -> Option<DirectDebit> {
        let end_to_end_id = self.id("end_to_end_id");
        let amount = self.amount();
        let due_on = self.day("due_on");
        let scheme = match self.text("scheme").as_deref() {
            None | Some("core") => Some(Scheme::Core),
            Some("b2b") => Some(Scheme::B2b),
            Some(other) => {
                let other = other.to_owned();
                self.refuse("scheme", &other, "core or b2b");
                None
            }
        };
        let sequence = self.needed("sequence", "first, recurrent, one_off or final", |value| match value {
            "first" => Some(Sequence::First),
            "recurrent" => Some(Sequence::Recurrent),
            "one_off" => Some(Sequence::OneOff),
            "final" => Some(Sequence::Final),
            _ => None,
        });
        let mandate_id = self.id("mandate_id");
        let signed_on = self.day("signed_on");
        let amended = match self.text("amended").as_deref() {
            None | Some("" | "false") => Some(false),
            Some("true") => Some(true),
            Some(other) => {
                self.refuse("amended", other, "true or false, or nothing".to_owned());
                None
            }
        };
        let (debtor, iban, bic) = (self.name("debtor"), self.iban(), self.bic());
        let remittance = self.text("remittance").unwrap_or_default();
        if let (Some(signed_on), Some(due_on)) = (signed_on, due_on)
            && signed_on > due_on
        {
            self.refuse("signed_on", &signed_on.to_string(), format!("a day not after the collection, {due_on}"));
        }
        Some(DirectDebit {
            end_to_end_id: end_to_end_id?,
            amount: amount?,
            due_on: due_on?,
            scheme: scheme?,
            sequence: sequence?,
            mandate_id: mandate_id?,
            signed_on: signed_on?,
            amended: amended?,
            debtor: debtor?,
            iban: iban?,
            bic,
            remittance,
        })
    }

    fn credit_transfer(&mut self) -> Option<CreditTransfer> {
        let (end_to_end_id, amount, on) = (self.id("end_to_end_id"), self.amount(), self.day("on"));
        let (creditor, iban, bic) = (self.name("creditor"), self.iban(), self.bic());
        let remittance = self.text("remittance").unwrap_or_default();
        Some(CreditTransfer {
            end_to_end_id: end_to_end_id?,
            amount: amount?,
            on: on?,
            creditor: creditor?,
            iban: iban?,
            bic,
            remittance,
        })
    }
}

/// Every order of `source`, or everything that is wrong with it.
fn orders<T>(
    source: impl BufRead, read: impl Fn(&mut Order) -> Option<T>, id: impl Fn(&T) -> &str,
) -> Result<Vec<T>, Vec<FieldError>> {
    let mut lines = Lines::new(source);
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    while let Some(line) = lines.next() {
        let (line, bytes) = match line {
            Ok(line) => line,
            Err(error) => return Err(vec![error]),
        };
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let members = match serde_json::from_slice(bytes) {
            Ok(members) => members,
            Err(error) => {
                let column = u64::try_from(error.column()).unwrap_or(0);
                errors.push(FieldError::expected(line, column, "", &text(bytes), "a JSON object"));
                continue;
            }
        };
        let mut order = Order { line, members, asked: Vec::new(), errors: Vec::new() };
        let read = read(&mut order);
        let unknown: Vec<String> =
            order.members.keys().filter(|name| !order.asked.contains(&name.as_str())).cloned().collect();
        for name in unknown {
            let near = nearest(&name, order.asked.iter().copied());
            let near = near.map(|near| format!(", did you mean \"{near}\"?")).unwrap_or_default();
            order.errors.push(FieldError::wrong(line, 0, &name, format!("there is no such member{near}")));
        }
        if let Some(read) = read {
            if let Some(first) = seen.insert(id(&read).to_owned(), line) {
                order.refuse("end_to_end_id", id(&read), format!("an id of its own; line {first} has the same"));
            }
            found.push(read);
        }
        errors.extend(order.errors);
    }
    if found.is_empty() && errors.is_empty() {
        errors.push(FieldError::wrong(1, 0, "", "there is no order"));
    }
    if errors.is_empty() { Ok(found) } else { Err(errors) }
}

/// Reads direct debits.
pub fn direct_debits(source: impl BufRead) -> Result<Vec<DirectDebit>, Vec<FieldError>> {
    orders(source, Order::direct_debit, |order| &order.end_to_end_id)
}

/// Reads credit transfers.
pub fn credit_transfers(source: impl BufRead) -> Result<Vec<CreditTransfer>, Vec<FieldError>> {
    orders(source, Order::credit_transfer, |order| &order.end_to_end_id)
}
