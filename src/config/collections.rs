//! `collections.toml` and `codes/`: how failed collections are tried again, what each reason code
//! allows, and how often the schemes let one instrument be tried. Both are optional.

use std::collections::BTreeMap;
use std::path::Path;

use quittance_actors::collection::{Cap, Caps, CardScheme, Method, Reason, ReasonClass, ReasonTable, RetryPolicy};
use quittance_actors::payment_request::{LateTerms, THOUSANDTHS_OF_ALL};
use quittance_actors::policies::{BankGate, Contact, Payouts};
use quittance_actors::values::Date;
use smol_str::SmolStr;

use super::automation::Reference;
use super::reader::Section;
use super::retry_policy;
use super::scenario::local_time;
use super::sources::Sources;
use crate::diagnostics::Findings;

/// Policies, codes and caps.
#[derive(Debug, Clone, Default)]
pub struct Retries {
    /// Policies by name.
    pub policies: BTreeMap<String, RetryPolicy>,
    /// Policies that are only tried out, by name.
    pub tried_out: BTreeMap<String, RetryPolicy>,
    /// What each code allows.
    pub reasons: ReasonTable,
    /// The caps in force.
    pub caps: Caps,
    /// Connectors that policies name, with their places.
    pub(super) references: Vec<Reference>,
}

impl Retries {
    pub(super) fn load(sources: &Sources, findings: &mut Findings) -> Option<Self> {
        let folder = sources.folder();
        let mut shared = Self::default();
        let mut whole = true;
        for path in sources.files(&folder.join("codes"), "toml") {
            whole &= sources.toml(&path, findings, |root| read_codes(root, &mut shared.reasons)).is_some();
        }
        let path = folder.join("collections.toml");
        if sources.exists(&path) {
            whole &= shared.read(sources, &path, findings).is_some();
        }
        whole.then_some(shared)
    }

    /// The same with a tenant's own policies: one of a name that is known takes its place. Codes and caps are everybody's.
    pub(super) fn with_own(&self, sources: &Sources, folder: &Path, findings: &mut Findings) -> Option<Self> {
        let path = folder.join("collections.toml");
        let mut own = Self { references: Vec::new(), ..self.clone() };
        if sources.exists(&path) {
            let file = path.display().to_string();
            sources.toml(&path, findings, |root| own.read_policies(root, &file))?;
        }
        Some(own)
    }

    fn read(&mut self, sources: &Sources, path: &Path, findings: &mut Findings) -> Option<()> {
        let file = path.display().to_string();
        sources.toml(path, findings, |root| {
            self.read_policies(root, &file)?;
            let configured = root.each("cap", read_cap);
            match Caps::new(&configured) {
                Ok(checked) => self.caps = checked,
                Err(error) => root.file().report("Q0111", 0..0, error.to_string(), "", None),
            }
            Some(())
        })
    }

    fn read_policies(&mut self, root: &Section<'_, '_>, file: &str) -> Option<()> {
        let mut read = BTreeMap::new();
        let (reasons, references) = (&self.reasons, &mut self.references);
        for policy in root.each("retry_policy", |section| retry_policy::read(section, file, reasons, references)) {
            let name = policy.name.to_string();
            if read.insert(name.clone(), policy).is_some() {
                root.file().report("Q0107", 0..0, format!("retry policy \"{name}\" stands twice"), "", None);
            }
        }
        // One of a name that is known takes its place.
        for (name, policy) in read {
            if policy.shadow_of.is_some() && self.policies.contains_key(&name) {
                let message = format!("retry policy \"{name}\" is everybody's, and would not be in use any more");
                let help = Some("a policy that is tried out has a name of its own".to_owned());
                root.file().report("Q0107", 0..0, message, "", help);
                continue;
            }
            self.tried_out.remove(&name);
            let of = if policy.shadow_of.is_some() { &mut self.tried_out } else { &mut self.policies };
            of.insert(name, policy);
        }
        Some(())
    }
}

fn read_codes(root: &Section<'_, '_>, reasons: &mut ReasonTable) -> Option<()> {
    let method = root.choice("method", &[("card", Method::Card), ("direct_debit", Method::DirectDebit)])?;
    let _ = (root.text("name"), root.integer("version", 1..=9_999));
    root.each("code", |section| {
        let code = section.required("code")?;
        let words = ReasonClass::ALL.map(|class| (class.name(), class));
        let class = section.choice("class", &words)?;
        let countries = section
            .texts("countries")
            .into_iter()
            .map(|(country, _)| SmolStr::from(country.to_ascii_uppercase()))
            .collect();
        let text = section.text("text").unwrap_or_default().to_owned();
        let hours = section.has("after_hours").then(|| section.integer("after_hours", 1..=2_160)).flatten();
        let after_hours = hours.and_then(|hours| u16::try_from(hours).ok());
        if let Some(hours) = after_hours.filter(|_| class != ReasonClass::Retry) {
            let why = format!("{hours} hours until a new attempt, but {} makes none by itself", class.name());
            section.refuse("after_hours", section.span(), why, None);
        }
        if let Err(error) = reasons.add(method, code, Reason { class, countries, after_hours, text }) {
            section.refuse("class", section.span(), error, None);
        }
        Some(())
    });
    Some(())
}

fn read_cap(section: &Section<'_, '_>) -> Option<Cap> {
    let words = CardScheme::ALL.map(|scheme| (scheme.name(), scheme));
    let scheme = section.choice("scheme", &words)?;
    let small = |key, range| section.integer(key, range).and_then(|value| u16::try_from(value).ok());
    let (attempts, days) = (small("attempts", 1..=1_000), small("days", 1..=366));
    let from = section.has("from").then(|| section.parsed("from", Date::parse));
    Some(Cap { scheme, attempts: attempts?, days: days?, from: from.map_or(Some(None), |from| from.map(Some))? })
}

/// How far the bank's statements must have been read before somebody late is reminded.
fn read_bank_gate(section: &Section<'_, '_>) -> Option<BankGate> {
    let small = |key: &'static str, range| {
        let value = section.has(key).then(|| section.integer(key, range)).flatten();
        value.and_then(|value| u16::try_from(value).ok())
    };
    let (behind, wait_hours) = (small("bank_behind_business_days", 0..=10), small("bank_wait_hours", 1..=240));
    let words = [("skip", false), ("send", true)];
    let stale = section.has("bank_stale").then(|| section.choice("bank_stale", &words)).flatten();
    let business_days = behind?;
    Some(BankGate { business_days, wait_hours: wait_hours.unwrap_or(24), sends_when_stale: stale.unwrap_or(false) })
}

/// The longest pause between two reminders, in hours: what was sent is remembered a week.
const GAP_HOURS_MAX: i64 = 168;

/// `[tenant.contact]`: when people may be written to by reminders.
pub(super) fn read_contact(section: &Section<'_, '_>) -> Contact {
    let count = |key: &'static str| {
        let value = section.has(key).then(|| section.integer(key, 1..=50)).flatten();
        value.and_then(|value| u16::try_from(value).ok())
    };
    let hours = section.optional("hours", |text| {
        let wrong = "expected two local times of one day, as in 08:00-20:00";
        let (from, to) = text.split_once('-').ok_or(wrong)?;
        let (from, to) = (local_time(from.trim()).map_err(|_| wrong)?, local_time(to.trim()).map_err(|_| wrong)?);
        if from < to { Ok((from, to)) } else { Err(wrong) }
    });
    let weekdays = section.integers("quiet_weekdays");
    let mut quiet_weekdays = Vec::new();
    for (day, span) in weekdays {
        match i8::try_from(day) {
            Ok(day @ 1..=7) => quiet_weekdays.push(day),
            _ => section.refuse("quiet_weekdays", span, "expected 1 (Monday) to 7 (Sunday)", None),
        }
    }
    if quiet_weekdays.len() >= 7 {
        section.refuse("quiet_weekdays", section.span(), "no day is left to write to people", None);
    }
    let gap = section.has("gap_hours").then(|| section.integer("gap_hours", 1..=GAP_HOURS_MAX)).flatten();
    let gap_hours = gap.and_then(|hours| u16::try_from(hours).ok());
    let least = section.has("open_minor_min").then(|| section.integer("open_minor_min", 0..=1_000_000)).flatten();
    let contact = Contact {
        bank: read_bank_gate(section),
        hours,
        quiet_weekdays,
        business_days: section.flag("business_days", false),
        per_day: count("per_day"),
        per_week: count("per_week"),
        gap_hours,
        open_minor_min: least.unwrap_or(0),
    };
    section.close();
    contact
}

/// `[tenant.payouts]`: how money is given back.
pub(super) fn read_payouts(section: &Section<'_, '_>) -> Payouts {
    let connector = section.required("connector").map(SmolStr::new);
    let above = section.has("four_eyes_above_minor").then(|| section.integer("four_eyes_above_minor", 0..=i64::MAX));
    let payouts = Payouts { connector, four_eyes_above_minor: above.flatten().unwrap_or(0) };
    section.close();
    payouts
}

/// `[tenant.late_charges]`: what late business payers owe beside the amount.
pub(super) fn read_late_terms(section: &Section<'_, '_>) -> Option<LateTerms> {
    let indemnity = section.has("indemnity_minor").then(|| section.integer("indemnity_minor", 0..=100_000));
    let points = section.parsed("points", percent);
    let mut reference_rates = section.each("reference_rate", |rate| {
        let (from, percent) = (rate.parsed("from", Date::parse), rate.parsed("percent", percent));
        Some((from?, percent?))
    });
    reference_rates.sort_unstable();
    let twice = reference_rates.windows(2).find_map(|pair| match pair {
        [(from, _), (other, _)] if from == other => Some(*from),
        _ => None,
    });
    if let Some(from) = twice {
        section.refuse("reference_rate", section.span(), format!("two rates from {from} on"), None);
    }
    if reference_rates.is_empty() {
        section.refuse(
            "reference_rate",
            section.span(),
            "there is none, so no interest is owed",
            Some("[[tenant.late_charges.reference_rate]] with `from` and `percent`".to_owned()),
        );
    }
    let basis = match section.has("basis") {
        true => section.integer("basis", 360..=366).and_then(|days| u16::try_from(days).ok()),
        false => Some(365),
    };
    section.close();
    Some(LateTerms {
        indemnity_minor: indemnity.flatten().unwrap_or(4_000),
        points: points?,
        reference_rates,
        basis: basis?,
    })
}

/// A rate of a year such as `2.15`, in thousandths of a percent.
fn percent(text: &str) -> Result<i64, String> {
    let expected =
        || format!("\"{text}\" is not a rate from 0 to 100 percent with at most three decimals, such as 2.15");
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(decimals) || decimals.len() > 3 || text.ends_with('.') {
        return Err(expected());
    }
    let rate: i64 = format!("{whole}{decimals:0<3}").parse().map_err(|_| expected())?;
    if rate > THOUSANDTHS_OF_ALL { Err(expected()) } else { Ok(rate) }
}
