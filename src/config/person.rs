//! `[[person]]`: who signs in to the back office, and what each may do there.

use std::collections::BTreeSet;

use quittance_actors::payout::letters;
use quittance_actors::values::TenantId;

use super::reader::Section;
use super::service::Secret;
use super::service_reading::Known;
use crate::password;

/// What somebody may do in the back office; whoever signs in sees everything of their merchants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Duty {
    /// Decide what transfers pay.
    Reconcile,
    /// Decide about payment requests, reminders, collections, plans and customers.
    Collect,
    /// Ask for money to be given back.
    Refund,
    /// Decide about money that another person wants given back.
    Approve,
    /// Publish rules, scenarios, policies and templates.
    Configure,
    /// Send again what was not delivered, and move a test clock.
    Operate,
}

/// Every duty, as a configuration names it.
pub const DUTIES: [(&str, Duty); 6] = [
    ("reconcile", Duty::Reconcile),
    ("collect", Duty::Collect),
    ("refund", Duty::Refund),
    ("approve", Duty::Approve),
    ("configure", Duty::Configure),
    ("operate", Duty::Operate),
];

impl Duty {
    /// As a configuration names it.
    pub fn name(self) -> &'static str {
        DUTIES.iter().find(|(_, duty)| *duty == self).map_or("", |(name, _)| name)
    }
}

/// Somebody who signs in to the back office.
#[derive(Debug, Clone)]
pub struct Person {
    /// With what they sign in.
    pub id: String,
    /// How what they do is signed.
    pub name: String,
    /// The hash of their password, in the PHC string format.
    pub password: Secret,
    /// Whose pages they see; every merchant's with `None`.
    pub tenants: Option<BTreeSet<TenantId>>,
    /// What they may do.
    pub duties: BTreeSet<Duty>,
}

impl Person {
    /// Whether they see the pages of a merchant.
    pub fn sees(&self, tenant: &TenantId) -> bool {
        self.tenants.as_ref().is_none_or(|tenants| tenants.contains(tenant))
    }

    /// Whether they may have the files of every merchant read again.
    pub fn reloads(&self) -> bool {
        self.tenants.is_none() && self.duties.contains(&Duty::Configure)
    }

    /// Whether a name that somebody writes is theirs, however it is written.
    pub fn is_named(&self, name: &str) -> bool {
        letters(&self.name) == letters(name)
    }
}

/// Characters of a name.
const NAME_CHARACTERS_MAX: usize = 64;

pub(super) fn read_all(root: &Section<'_, '_>, known: &Known<'_>) -> Vec<Person> {
    let (mut ids, mut names) = (BTreeSet::new(), BTreeSet::new());
    root.each("person", |section| {
        let person = read(section, known)?;
        // Two who sign in the same way would be one person in the eyes of the four-eyes rule.
        if !ids.insert(person.id.clone()) {
            section.refuse("id", section.span(), format!("person \"{}\" stands twice", person.id), None);
        }
        if !names.insert(letters(&person.name)) {
            let why = format!("there is another person of the name \"{}\"", person.name);
            section.refuse("name", section.span(), why, Some("what each does is signed with the name".to_owned()));
        }
        Some(person)
    })
}

fn read(section: &Section<'_, '_>, known: &Known<'_>) -> Option<Person> {
    section.keep_to_itself();
    let id = section.parsed("id", |text| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.@".contains(&byte);
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(plain);
        if fits { Ok(text.to_owned()) } else { Err("expected up to 64 small letters, digits, - _ . and @") }
    });
    let name = section.parsed("name", |text| {
        let fits = (1..=NAME_CHARACTERS_MAX).contains(&text.chars().count()) && text.trim() == text;
        let fits = fits && !text.chars().any(char::is_control) && !letters(text).is_empty();
        if fits { Ok(text.to_owned()) } else { Err("expected 1 to 64 characters on one line, letters among them") }
    });
    let hash = section.required("password").filter(|text| {
        let is_hash = password::is_hash(text);
        if !is_hash {
            // At the section and not at the value: what stands there may be a password.
            let why = "expected a hash as `quittance password` prints it, $argon2id$…";
            section.refuse("password", section.span(), why, None);
        }
        is_hash
    });
    let tenants = section.has("tenants").then(|| known.tenants(section));
    let mut duties = BTreeSet::new();
    for (word, span) in section.texts("may") {
        match DUTIES.iter().find(|(name, _)| *name == word) {
            Some((_, duty)) => drop(duties.insert(*duty)),
            None if word == "all" => duties.extend(DUTIES.map(|(_, duty)| duty)),
            None => {
                let names: Vec<&str> = DUTIES.iter().map(|(name, _)| *name).collect();
                let help = format!("expected {} or all", names.join(", "));
                section.refuse("may", span, format!("\"{word}\" is nothing that a person may do"), Some(help));
            }
        }
    }
    Some(Person { id: id?, name: name?, password: Secret::new(hash?), tenants, duties })
}
