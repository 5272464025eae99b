//! What a template sees: the facts of the event as words, and who it is about.

use quittance_actors::customer::{OpenRequest, Profile};
use quittance_actors::delivery::Channel;
use quittance_actors::payment_request::LateTerms;
use quittance_actors::rules::{EventType, Field, Published, Value};
use quittance_actors::values::{Currency, Date, Language, Money, Zone};
use serde_json::{Map, Value as Json, json};

use super::scan::Transfer;
use super::words;
use crate::examples;

/// Whom and what a message is about.
pub struct Subject<'a> {
    /// What happened.
    pub event: &'a Published,
    /// The customer, if one is concerned.
    pub customer: Option<&'a Profile>,
    /// The account number to pay to.
    pub virtual_iban: Option<&'a str>,
    /// The merchant's name.
    pub merchant: &'a str,
    /// The identifier under which it collects by direct debit, if it has one.
    pub creditor_id: Option<&'a str>,
    /// The merchant's zone.
    pub zone: &'a Zone,
    /// The page on which the payer sees what is to be paid, and answers.
    pub link: Option<&'a str>,
    /// For how many days after the request came in that page can be opened.
    pub link_days: u16,
    /// What the customer has open, by deadline.
    pub open: &'a [OpenRequest],
    /// Whether the message tells of all of it, and of no request alone.
    pub of_all: bool,
    /// What the merchant's terms say that late business payers owe beside the amount.
    pub late_terms: Option<&'a LateTerms>,
}

/// The data of a template.
pub fn context(subject: &Subject<'_>, language: Language, channel: Channel) -> Json {
    let mut data = Map::new();
    for (field, value) in &subject.event.facts {
        insert(&mut data, field.path(), in_words(value, language, channel, subject.zone));
    }
    insert(&mut data, "event.type", Json::String(subject.event.event.name().to_owned()));
    insert(&mut data, "event.id", Json::String(subject.event.id.to_string()));
    let on = subject.event.at.date_in(subject.zone);
    insert(&mut data, "event.date", in_words(&Value::Date(on), language, channel, subject.zone));
    insert(&mut data, "merchant.name", Json::String(subject.merchant.to_owned()));
    // Empty where there is none: a template asks with {{#if merchant.creditor_id}}.
    insert(&mut data, "merchant.creditor_id", Json::String(subject.creditor_id.unwrap_or_default().to_owned()));
    if let Some(customer) = subject.customer {
        insert(&mut data, "customer.name", Json::String(one_line(&customer.name)));
        let words = (language, channel);
        list(&mut data, subject.open, on, words);
    }
    if subject.event.request.is_some() && subject.customer.is_some() {
        // Empty where there is no such page: a template asks with {{#if payment.link}}.
        insert(&mut data, "payment.link", Json::String(subject.link.unwrap_or_default().to_owned()));
        // Empty where there is no such page.
        insert(&mut data, "payment.link_until", Json::String(String::new()));
        if let Some(request) = subject.event.request.filter(|_| subject.link.is_some()) {
            let until = request.made_at().date_in(subject.zone).plus_days(i32::from(subject.link_days));
            insert(&mut data, "payment.link_until", in_words(&Value::Date(until), language, channel, subject.zone));
        }
    }
    if subject.event.customer.is_some() {
        owed_late(&mut data, subject, on, (language, channel));
    }
    if let Some(iban) = subject.virtual_iban {
        insert(&mut data, "payment.iban", Json::String(iban.to_owned()));
        if let Some(scan) = scan(subject, iban) {
            insert(&mut data, "payment.scan", Json::String(scan));
        }
    }
    if subject.of_all { of_all(Json::Object(data)) } else { Json::Object(data) }
}

/// The same without what is of one request: for a message that tells of all.
pub(super) fn of_all(mut data: Json) -> Json {
    if let Some(data) = data.as_object_mut() {
        data.remove("request");
        if let Some(payment) = data.get_mut("payment").and_then(Json::as_object_mut) {
            payment.remove("scan");
        }
    }
    data
}

/// What a customer has open on a day, for a template to list: `customer.open`, those that are late as `customer.late`, and
/// what each comes to.
fn list(data: &mut Map<String, Json>, open: &[OpenRequest], on: Date, (language, channel): (Language, Channel)) {
    let words = |value: Value| in_words(&value, language, channel, &Zone::utc());
    let line = |of: &OpenRequest| {
        let late = on.days_since(of.due_on).max(0);
        json!({
            "number": of.number.as_str(), "due_on": words(Value::Date(of.due_on)),
            "outstanding": words(Value::Money(of.outstanding)), "days_late": (late > 0).then_some(late),
        })
    };
    let late: Vec<&OpenRequest> = open.iter().filter(|of| of.due_on < on).collect();
    let total = |of: &[&OpenRequest]| {
        let mut sums: Vec<Money> = Vec::new();
        for of in of {
            match sums.iter_mut().find(|sum| sum.currency() == of.outstanding.currency()) {
                Some(sum) => *sum = sum.checked_add(of.outstanding).unwrap_or(*sum),
                None => sums.push(of.outstanding),
            }
        }
        let sums: Vec<String> =
            sums.into_iter().map(|sum| words(Value::Money(sum)).as_str().unwrap_or_default().to_owned()).collect();
        Json::String(sums.join(" + "))
    };
    let all: Vec<&OpenRequest> = open.iter().collect();
    insert(data, "customer.open", Json::Array(open.iter().map(line).collect()));
    insert(data, "customer.open_total", total(&all));
    insert(data, "customer.late", Json::Array(late.iter().map(|of| line(of)).collect()));
    insert(data, "customer.late_total", total(&late));
}

/// What a late business payer owes beside each invoice: `late.indemnity` and the rate of a year, `late.rate`; empty where
/// nothing is owed, so that a template asks with `{{#if late.indemnity}}`.
fn owed_late(
    data: &mut Map<String, Json>, subject: &Subject<'_>, on: Date, (language, channel): (Language, Channel),
) {
    let euro = |amount: &Money| amount.currency() == Currency::EUR && amount.is_positive();
    let due_on = match subject.of_all {
        true => subject.open.iter().filter(|of| euro(&of.outstanding)).map(|of| of.due_on).min(),
        false => match (subject.event.fact(Field::RequestDueOn), subject.event.fact(Field::RequestOutstanding)) {
            (Some(Value::Date(due_on)), Some(Value::Money(open))) if euro(open) => Some(*due_on),
            _ => None,
        },
    };
    let kind = subject.customer.map(|customer| customer.kind);
    let owed = subject.late_terms.zip(kind).zip(due_on).and_then(|((terms, kind), due)| terms.owed(kind, due, on));
    let words = |value: Value| in_words(&value, language, channel, subject.zone);
    let none = || Json::String(String::new());
    let indemnity = owed.map_or_else(none, |(indemnity, _)| words(Value::Money(indemnity)));
    let rate = owed.and_then(|(_, rate)| rate).map(|rate| Json::String(words::percent(rate, language)));
    insert(data, "late.indemnity", indemnity);
    insert(data, "late.rate", rate.unwrap_or_else(none));
}

/// The text of a QR code that asks for what is open.
fn scan(subject: &Subject<'_>, iban: &str) -> Option<String> {
    let Some(Value::Money(amount)) = subject.event.fact(Field::RequestOutstanding) else { return None };
    let Some(Value::Text(reference)) = subject.event.fact(Field::RequestCreditorReference) else { return None };
    Transfer { name: subject.merchant, iban, amount: *amount, reference }.text()
}

/// An example of every fact, to try templates with.
pub fn example(language: Language, channel: Channel) -> Json {
    example_with(language, channel, |field| !field.is_of_the_moment())
}

/// An example of everything that an event may tell.
pub(super) fn example_of(event: EventType, language: Language, channel: Channel) -> Json {
    let told = event.fields();
    example_with(language, channel, |field| told.contains(&field))
}

fn example_with(language: Language, channel: Channel, is_told: impl Fn(Field) -> bool) -> Json {
    let day = examples::day();
    let mut data = Map::new();
    for field in Field::ALL.iter().copied().filter(|field| is_told(*field)) {
        insert(&mut data, field.path(), in_words(&examples::value(field), language, channel, &Zone::utc()));
    }
    let (today, event) = (in_words(&Value::Date(day), language, channel, &Zone::utc()), "payment_request.overdue");
    insert(&mut data, "event.date", today);
    let always = [
        ("event.type", event),
        ("event.id", "evt_42_1_0"),
        ("merchant.name", examples::MERCHANT),
        ("merchant.creditor_id", examples::CREDITOR_ID),
    ];
    // Whom it concerns, with the account number to pay to.
    let of_customer = [("customer.name", examples::CUSTOMER), ("payment.iban", examples::IBAN)];
    for (name, text) in always.into_iter().chain(of_customer.into_iter().filter(|_| is_told(Field::CustomerId))) {
        insert(&mut data, name, Json::String(text.to_owned()));
    }
    if is_told(Field::CustomerId) {
        let open = |number: &str, due_on: Date| OpenRequest {
            outstanding: Money::from_minor(156_025, Currency::EUR),
            due_on,
            number: number.into(),
            reference: None,
            disputed: false,
        };
        let lines =
            [open("F-101", day.plus_days(-10)), open("F-102", day.plus_days(-3)), open("F-103", day.plus_days(4))];
        list(&mut data, &lines, day, (language, channel));
        let indemnity = Value::Money(Money::from_minor(4_000, Currency::EUR));
        insert(&mut data, "late.indemnity", in_words(&indemnity, language, channel, &Zone::utc()));
        insert(&mut data, "late.rate", Json::String(words::percent(12_150, language)));
    }
    if is_told(Field::CustomerId) && is_told(Field::RequestId) {
        let link = "https://pay.example/p/01KJPRZB00FTEABRTSRZAGR02MexampleOfAPage0";
        insert(&mut data, "payment.link", Json::String(link.to_owned()));
        let until = in_words(&Value::Date(day.plus_days(30)), language, channel, &Zone::utc());
        insert(&mut data, "payment.link_until", until);
    }
    if is_told(Field::CustomerId) && is_told(Field::RequestOutstanding) {
        let (amount, reference) = (Money::from_minor(312_050, Currency::EUR), "RF18539007547034");
        let example = Transfer { name: examples::MERCHANT, iban: "FR7630006000011234567890189", amount, reference };
        if let Some(text) = example.text() {
            insert(&mut data, "payment.scan", Json::String(text));
        }
    }
    Json::Object(data)
}

/// Every name a template can use.
pub(super) fn names(example: &Json) -> Vec<String> {
    let mut names = Vec::new();
    for (group, value) in example.as_object().into_iter().flatten() {
        match value.as_object() {
            Some(fields) => names.extend(fields.keys().map(|name| format!("{group}.{name}"))),
            None => names.push(group.clone()),
        }
    }
    names
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn in_words(value: &Value, language: Language, channel: Channel, zone: &Zone) -> Json {
    let plain = channel == Channel::Sms;
    match value {
        Value::Text(text) => Json::String(one_line(text)),
        Value::Number(number) => Json::from(*number),
        Value::Truth(truth) => Json::Bool(*truth),
        Value::Money(amount) if plain => Json::String(words::money_plain(*amount, language)),
        Value::Money(amount) => Json::String(words::money(*amount, language)),
        Value::Date(date) if plain => Json::String(words::date_plain(*date)),
        Value::Date(date) => Json::String(words::date(*date, language)),
        Value::Instant(at) if plain => Json::String(words::instant_plain(*at, zone)),
        Value::Instant(at) => Json::String(words::instant(*at, zone, language)),
        Value::Words(words) => words.iter().map(|word| one_line(word)).collect(),
    }
}

/// Puts a value at a dotted path.
pub(crate) fn insert(data: &mut Map<String, Json>, path: &str, value: Json) {
    match path.split_once('.') {
        None => {
            data.insert(path.to_owned(), value);
        }
        Some((group, rest)) => {
            let group = data.entry(group).or_insert_with(|| Json::Object(Map::new()));
            if let Some(group) = group.as_object_mut() {
                insert(group, rest, value);
            }
        }
    }
}
