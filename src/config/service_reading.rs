//! Reading `quittance.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use quittance_actors::account_numbers::{AccountNumbers, AccountRange};
use quittance_actors::feed::Expectation;
use quittance_actors::limits::PROMISE_DAYS_MAX;
use quittance_actors::payment_request::Finality;
use quittance_actors::values::{AccountPool, EmailAddress, Iban, Language, TenantId, Timestamp, Zone};

use super::collections::{read_contact, read_late_terms, read_payouts};
use super::endpoints::read_endpoint;
use super::reader::Section;
use super::scenario::local_time;
use super::service::{ApiKey, Data, EmailTransport, Feed, FeedFormat, Portal, Ready, Server, Service, Smtp, Tenant};
use super::sms::{SmsProvider, read_sms};
use super::sms_price::SmsPrice;
use super::transports::{milliseconds, read_email, read_hooks, read_secret};
use super::{connector, outgoing, person};
use crate::export::{Accounts, StatusFormat};
use crate::formats::orders::{Initiator, creditor_id};

/// Entities kept in memory unless the configuration says otherwise: measured at 1.3 kB each, some 650 MB.
const RESIDENT_ENTITIES: usize = 500_000;

impl Service {
    pub(super) fn read(root: &Section<'_, '_>) -> Option<Self> {
        let server = read_server(root)?;
        let data = root.section("data").map(|section| {
            let data = Data {
                dir: section.text("dir").unwrap_or("data").to_owned(),
                checkpoint_every_ms: milliseconds(&section, "checkpoint_every_ms", 50, 60_000, 1_000),
                resident_entities: section
                    .integer("resident_entities", 1_000..=100_000_000)
                    .and_then(|count| usize::try_from(count).ok())
                    .unwrap_or(RESIDENT_ENTITIES),
            };
            section.close();
            data
        });
        let data = data.unwrap_or(Data {
            dir: "data".to_owned(),
            checkpoint_every_ms: 1_000,
            resident_entities: RESIDENT_ENTITIES,
        });
        let email = root.section("email").map_or(Some(EmailTransport::Catch), |section| {
            let email = read_email(&section);
            section.close();
            // Without it no mail shows that it is ours, and whoever writes back could say anything of it.
            let asks = |smtp: &Smtp| smtp.verp || smtp.bounces_maildir.is_some();
            if server.callback_key.is_none() && matches!(&email, Some(EmailTransport::Smtp(smtp)) if asks(smtp)) {
                let why = "verp and bounces_maildir need the callback_key of [server]";
                section.refuse("bounces_maildir", section.span(), why, None);
            }
            email
        });
        let mut sms_price = None;
        let sms = root.section("sms").map_or(Some(SmsProvider::Catch), |section| {
            sms_price = section.optional("price", SmsPrice::parse);
            let sms = read_sms(&section);
            section.close();
            sms
        });
        let hooks = read_hooks(root);
        let tenants = root.each("tenant", read_tenant);
        // A tenant that could not be read must not make everything that names it wrong as well.
        let known = Known { tenants: &tenants, complete: root.count("tenant") == tenants.len() };
        if !root.has("tenant") {
            let help = "a tenant is a merchant: id, name, zone, email_from".to_owned();
            root.file().report("Q0105", 0..0, "there is no [[tenant]]", "add one", Some(help));
        }
        let mut named = Vec::new();
        let endpoints = root.each("endpoint", |section| {
            let endpoint = read_endpoint(section, &known)?;
            let name = (endpoint.tenant.clone(), endpoint.name.clone());
            if named.contains(&name) {
                section.refuse("name", section.span(), format!("endpoint \"{}\" stands twice", name.1), None);
            }
            named.push(name);
            Some(endpoint)
        });
        let feeds = root.each("feed", |section| read_feed(section, &known));
        let mut named = Vec::new();
        let outgoing = root.each("outgoing", |section| {
            let read = outgoing::read(section, &known)?;
            let name = (read.tenant.clone(), read.name.clone());
            if named.contains(&name) {
                let why = format!("outgoing directory \"{}\" stands twice", name.1);
                section.refuse("name", section.span(), why, None);
            }
            named.push(name);
            Some(read)
        });
        let mut named = Vec::new();
        let connectors = root.each("connector", |section| {
            let connector = connector::read(section, &known)?;
            let name = (connector.tenant.clone(), connector.name.clone());
            if named.contains(&name) {
                section.refuse("name", section.span(), format!("connector \"{}\" stands twice", name.1), None);
            }
            named.push(name);
            Some(connector)
        });
        let people = person::read_all(root, &known);
        Some(Self {
            server,
            data,
            email: email?,
            sms: sms?,
            sms_price,
            hooks,
            endpoints,
            feeds,
            outgoing,
            connectors,
            people,
            incomplete: !known.complete,
            tenants,
        })
    }
}

fn read_server(root: &Section<'_, '_>) -> Option<Server> {
    let default = SocketAddr::from(([127, 0, 0, 1], 8080));
    let Some(section) = root.section("server") else {
        return Some(Server { listen: default, public_url: None, callback_key: None, behind_tls_proxy: false });
    };
    let listen = section.optional("listen", |text| {
        text.parse::<SocketAddr>().map_err(|_| "expected an address and a port, as in 127.0.0.1:8080")
    });
    let behind_tls_proxy = section.flag("behind_tls_proxy", false);
    let public_url = section.optional("public_url", url::Url::parse).map(|url| url.to_string());
    let listen = listen.unwrap_or(default);
    if !listen.ip().is_loopback() && !behind_tls_proxy {
        let help = "listen on 127.0.0.1, or set behind_tls_proxy = true when a proxy with TLS stands in front";
        let why = "it would be reachable without TLS";
        section.refuse("listen", section.span(), why, Some(help.to_owned()));
    }
    let callback_key = section.has("callback_key").then(|| read_secret(&section, "callback_key")).flatten();
    if callback_key.is_some() && public_url.is_none() {
        let why = "others call us at `public_url`, which is missing";
        section.refuse("callback_key", section.span(), why, None);
    }
    section.close();
    Some(Server { listen, public_url, callback_key, behind_tls_proxy })
}

fn read_tenant(section: &Section<'_, '_>) -> Option<Tenant> {
    let id = section.parsed("id", TenantId::parse);
    let name = section.required("name").map(str::to_owned);
    let zone = section.parsed("zone", Zone::parse);
    let email_from = section.parsed("email_from", EmailAddress::parse);
    let test_clock = section.optional("test_clock", Timestamp::parse);
    let language = section.optional("language", Language::parse).unwrap_or_default();
    let mut card_notices_days: Vec<i32> =
        section.integers("card_notices_days").into_iter().filter_map(|(days, _)| i32::try_from(days).ok()).collect();
    card_notices_days.sort_unstable_by(|a, b| b.cmp(a));
    let reference_seed = section.integer("reference_seed", 0..=i64::MAX);
    let virtual_ibans = read_numbers(section);
    let initiator = section.section("initiator").and_then(|initiator| read_initiator(&initiator));
    let accounts = section.section("accounting").map(|accounts| read_accounts(&accounts)).unwrap_or_default();
    let own_accounts =
        section.section("reconciliation").map(|section| read_own_accounts(&section)).unwrap_or_default();
    let days = |key, range| section.has(key).then(|| section.integer(key, range)).flatten();
    let task_business_days = days("task_business_days", 0..=60).and_then(|days| u16::try_from(days).ok());
    let keep_messages_days = days("keep_messages_days", 1..=36_500).and_then(|days| u16::try_from(days).ok());
    let finality = section.section("finality").map(|finality| read_finality(&finality)).unwrap_or_default();
    let late_terms = section.section("late_charges").and_then(|section| read_late_terms(&section));
    let portal = section.section("portal").map(|portal| read_portal(&portal)).unwrap_or_default();
    let payouts = section.section("payouts").map(|payouts| read_payouts(&payouts)).unwrap_or_default();
    let formats = [("csv", StatusFormat::Csv), ("jsonl", StatusFormat::JsonLines)];
    let status_format = section.has("status_format").then(|| section.choice("status_format", &formats)).flatten();
    let lists = section.section("lists").map(|lists| read_lists(&lists)).unwrap_or_default();
    let api_keys = section.each("api_key", |key| {
        let (id, sha256) = (key.required("id")?.to_owned(), key.required("sha256")?.to_owned());
        let approves = key.has("approves").then(|| key.flag("approves", false));
        let (configures, reads_only) = (key.flag("configures", false), key.flag("reads_only", false));
        if reads_only && (configures || approves == Some(true)) {
            key.refuse("reads_only", key.span(), "what only looks neither configures nor approves", None);
        }
        let most = key.has("per_minute").then(|| key.integer("per_minute", 1..=10_000_000)).flatten();
        let per_minute = most.and_then(|most| u32::try_from(most).ok());
        Some(ApiKey { id, sha256, configures, approves, reads_only, per_minute })
    });
    Some(Tenant {
        calendar: section.text("calendar").unwrap_or("target").to_owned(),
        sms_from: section.text("sms_from").unwrap_or("QUITTANCE").to_owned(),
        default_scenario: section.text("default_scenario").map(str::to_owned),
        default_retry_policy: section.text("default_retry_policy").map(str::to_owned),
        contact: section.section("contact").map(|contact| read_contact(&contact)).unwrap_or_default(),
        status_export: section.text("status_export").map(str::to_owned),
        id: id?,
        name: name?,
        zone: zone?,
        language,
        test_clock,
        email_from: email_from?,
        card_notices_days,
        reference_seed: reference_seed.and_then(|seed| u64::try_from(seed).ok()).unwrap_or(0),
        virtual_ibans,
        initiator,
        status_format: status_format.unwrap_or_default(),
        accounts,
        own_accounts,
        payouts,
        finality,
        task_business_days,
        keep_messages_days,
        late_terms,
        lists,
        api_keys,
        portal,
    })
}

fn read_finality(section: &Section<'_, '_>) -> Finality {
    let default = Finality::default();
    let days = |key, default| {
        let days = section.has(key).then(|| section.integer(key, 0..=540)).flatten();
        days.and_then(|days| u16::try_from(days).ok()).unwrap_or(default)
    };
    let read = Finality {
        card_days: days("card_days", default.card_days),
        debit_days: days("debit_days", default.debit_days),
    };
    section.close();
    read
}

fn read_initiator(section: &Section<'_, '_>) -> Option<Initiator> {
    let name = section.required("name").map(str::to_owned);
    let iban = section.parsed("iban", Iban::parse);
    let bic = section.optional("bic", quittance_actors::values::bic);
    let creditor_id = section.optional("creditor_id", creditor_id);
    section.close();
    Some(Initiator { name: name?, iban: iban?, bic, creditor_id })
}

/// `[tenant.reconciliation]`: which accounts are the merchant's.
fn read_own_accounts(section: &Section<'_, '_>) -> Vec<Iban> {
    if let Some(moved) = ["auto_at", "min_margin", "equal_amounts", "parts", "excess", "credit"]
        .into_iter()
        .find(|key| section.has(key))
    {
        let help = "[matching] of acceptance.toml says it".to_owned();
        section.refuse(moved, section.span(), "how transfers are placed does not stand here", Some(help));
    }
    let accounts = read_ibans(section, "accounts");
    section.close();
    accounts
}

/// A list of IBANs; whatever is none is refused at its place.
fn read_ibans(section: &Section<'_, '_>, key: &'static str) -> Vec<Iban> {
    let read = |(text, span): (&str, std::ops::Range<usize>)| match Iban::parse(text) {
        Ok(iban) => Some(iban),
        Err(error) => {
            section.refuse(key, span, error, None);
            None
        }
    };
    section.texts(key).into_iter().filter_map(read).collect()
}

/// `[tenant.portal]`: what payers may do on the page of a request.
fn read_portal(section: &Section<'_, '_>) -> Portal {
    let default = Portal::default();
    let small = |key: &'static str, range, default: u16| {
        let value = section.has(key).then(|| section.integer(key, range)).flatten();
        value.and_then(|value| u16::try_from(value).ok()).unwrap_or(default)
    };
    let portal = Portal {
        days: small("days", 1..=3_650, default.days),
        promise_days: small("promise_days", 0..=i64::from(PROMISE_DAYS_MAX), default.promise_days),
        most_promises: small("most_promises", 0..=100, default.most_promises),
        disputes: section.flag("disputes", default.disputes),
    };
    section.close();
    portal
}

fn read_accounts(section: &Section<'_, '_>) -> Accounts {
    let mut accounts = Accounts::default();
    for (key, account) in [
        ("journal", &mut accounts.journal),
        ("bank", &mut accounts.bank),
        ("cheques", &mut accounts.cheques),
        ("cash", &mut accounts.cash),
        ("customers", &mut accounts.customers),
        ("advances", &mut accounts.advances),
        ("suspense", &mut accounts.suspense),
        ("provider", &mut accounts.provider),
        ("write_offs", &mut accounts.write_offs),
    ] {
        let number = section.optional(key, |text| {
            let fine = (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if fine { Ok(text.to_owned()) } else { Err("expected up to 20 letters and digits") }
        });
        if let Some(number) = number {
            *account = number;
        }
    }
    section.close();
    accounts
}

/// `[tenant.virtual_ibans]`, the only range, or `[[tenant.virtual_ibans]]`, each with a name.
fn read_numbers(tenant: &Section<'_, '_>) -> Option<AccountNumbers> {
    let several = tenant.count("virtual_ibans") > 0;
    if !several {
        let section = tenant.section("virtual_ibans")?;
        let range = read_range(&section, false);
        section.close();
        return range.map(|range| AccountNumbers { ranges: vec![range] });
    }
    let mut ranges: Vec<AccountRange> = Vec::new();
    tenant.each("virtual_ibans", |section| {
        let range = read_range(section, true)?;
        if let Some(known) = ranges.iter().find(|known| known.name == range.name) {
            section.refuse("name", section.span(), format!("`{}` is another range's name", known.name), None);
        } else if let Some(known) = ranges.iter().find(|known| known.pool.overlaps(&range.pool)) {
            let why = format!("it has numbers in common with the range `{}`", known.name);
            section.refuse("virtual_ibans", section.span(), why, None);
        } else {
            ranges.push(range);
        }
        Some(())
    });
    Some(AccountNumbers { ranges })
}

/// A range: a French one by its parts, or one of any country by a template.
fn read_range(section: &Section<'_, '_>, named: bool) -> Option<AccountRange> {
    let name = if named { section.required("name")? } else { section.text("name").unwrap_or_default() };
    let account = section.optional("account", Iban::parse);
    let pool = match section.text("template") {
        Some(template) => {
            for part in ["bank", "branch", "prefix", "width"].into_iter().filter(|part| section.has(part)) {
                section.refuse(part, section.span(), "the template says it already", None);
            }
            AccountPool::parse(template)
        }
        None => {
            let (bank, branch) = (section.required("bank")?, section.required("branch")?);
            let prefix = section.required("prefix")?;
            let width = section.integer("width", 3..=10).and_then(|width| u32::try_from(width).ok())?;
            AccountPool::french(bank, branch, prefix, width)
        }
    };
    let owners =
        [("customer", (true, false)), ("request", (false, true)), ("both", (true, true)), ("asked", (false, false))];
    let given_to = section.has("given_to").then(|| section.choice("given_to", &owners)).flatten();
    let (to_customers, to_requests) = given_to.unwrap_or((true, false));
    match pool {
        Ok(pool) => Some(AccountRange { name: name.into(), pool, account, to_customers, to_requests }),
        Err(error) => {
            section.refuse("virtual_ibans", section.span(), error, None);
            None
        }
    }
}

fn read_lists(section: &Section<'_, '_>) -> BTreeMap<String, Vec<EmailAddress>> {
    let mut lists = BTreeMap::new();
    for (name, value) in section.entries() {
        let mut addresses = Vec::new();
        for item in value.get_ref().as_array().into_iter().flat_map(|array| array.iter()) {
            match item.get_ref().as_str().map(EmailAddress::parse) {
                Some(Ok(address)) => addresses.push(address),
                _ => section.refuse(name, item.span(), "not an e-mail address: expected name@domain", None),
            }
        }
        if addresses.is_empty() {
            section.refuse(name, value.span(), "a list has at least one e-mail address", None);
        }
        lists.insert(name.to_owned(), addresses);
    }
    lists
}

/// The tenants read so far.
pub(super) struct Known<'a> {
    tenants: &'a [Tenant],
    complete: bool,
}

impl Known<'_> {
    /// The tenant that a section names.
    pub(super) fn tenant(&self, section: &Section<'_, '_>) -> Option<TenantId> {
        if !self.complete {
            let named = TenantId::parse(section.text("tenant")?).ok();
            return named.filter(|id| self.tenants.iter().any(|tenant| tenant.id == *id));
        }
        section.parsed("tenant", |text| self.find(text))
    }

    /// The tenants that a list of a section names.
    pub(super) fn tenants(&self, section: &Section<'_, '_>) -> BTreeSet<TenantId> {
        let mut named = BTreeSet::new();
        for (text, span) in section.texts("tenants") {
            match self.find(text) {
                Ok(tenant) => drop(named.insert(tenant)),
                Err(why) if self.complete => section.refuse("tenants", span, why, None),
                Err(_) => {}
            }
        }
        named
    }

    fn find(&self, text: &str) -> Result<TenantId, String> {
        let found = self.tenants.iter().find(|tenant| tenant.id.as_str() == text);
        found.map(|tenant| tenant.id.clone()).ok_or_else(|| {
            let names = self.tenants.iter().map(|tenant| tenant.id.as_str());
            let near = crate::diagnostics::nearest(text, names);
            let near = near.map(|near| format!(", did you mean \"{near}\"?")).unwrap_or_default();
            format!("there is no tenant \"{text}\"{near}")
        })
    }
}

fn read_feed(section: &Section<'_, '_>, known: &Known<'_>) -> Option<Feed> {
    let tenant = known.tenant(section);
    let name = section.required("name").map(str::to_owned);
    let dir = section.required("dir").map(str::to_owned);
    let is_csv =
        section.choice("format", &[("bank", false), ("camt", false), ("invoices", true), ("invoices_csv", true)])?;
    let format = if is_csv {
        FeedFormat::Invoices { mapping: section.required("mapping")?.to_owned() }
    } else {
        FeedFormat::Bank
    };
    let words = [("stable", 0), ("rename", 1), ("marker", 2), ("manifest", 3)];
    let ready = section.choice("ready", &words)?;
    let stable_ms = milliseconds(section, "stable_ms", 10, 600_000, 2_000);
    let marker = section.optional("marker", |text| match text.starts_with('.') && (2..=20).contains(&text.len()) {
        true => Ok(text.to_owned()),
        false => Err("expected an ending such as .done"),
    });
    let ready = match ready {
        0 => Ready::Stable(stable_ms),
        1 => Ready::Rename,
        2 => Ready::Marker(marker.unwrap_or_else(|| ".done".to_owned())),
        _ => Ready::Manifest,
    };
    // A statement that does not close is refused as a whole; an invoice file row by row.
    let default = if is_csv { "row_by_row" } else { "all_or_nothing" };
    let words = [("row_by_row", false), ("all_or_nothing", true)];
    let all_or_nothing = match section.has("atomicity") {
        true => section.choice("atomicity", &words)?,
        false => default == "all_or_nothing",
    };
    let expectation = read_expectation(section);
    Some(Feed { tenant: tenant?, name: name?, dir: dir?, format, ready, all_or_nothing, expectation })
}

/// When files of a feed are expected: on business days by a local time, or within so long of the last.
fn read_expectation(section: &Section<'_, '_>) -> Option<Expectation> {
    let by = section.optional("expect_by", |text| {
        local_time(text).map(|(hour, minute)| Expectation::BusinessDaysBy(hour, minute))
    });
    let minutes = section.integer("expect_every_minutes", 5..=60 * 24 * 31).and_then(|some| u32::try_from(some).ok());
    if by.is_some() && minutes.is_some() {
        section.refuse("expect_by", section.span(), "expect_by or expect_every_minutes, not both", None);
    }
    by.or(minutes.map(Expectation::Every))
}
