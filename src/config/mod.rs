//! Configuration: one TOML file for the service, and beside it rules, scenarios, calendars,
//! mappings and templates. Findings name file, line and column; nothing half right is used.

mod acceptance;
mod automation;
mod collections;
mod connector;
mod endpoints;
mod expression;
mod mapping;
mod outgoing;
mod person;
mod reader;
mod retry_policy;
mod rule;
mod rule_test;
mod scenario;
mod service;
mod service_reading;
mod sms;
mod sms_price;
mod sources;
mod transports;

pub use acceptance::Receipts;
pub use automation::{Automation, Reference, Target};
pub use collections::Retries;
pub use endpoints::{Credentials, Endpoint};
pub use expression::compile as compile_condition;
pub(crate) use expression::value as written_value;
pub use mapping::{Column, ConstantOrColumn, Mapping};
pub use person::{DUTIES, Duty, Person};
pub use reader::{File, Section};
pub use service::{
    ApiKey, AskedBy, Connector, ConnectorKind, Data, Dkim, EmailTransport, Feed, FeedFormat, Hooks, Outgoing, Portal,
    Ready, Secret, Server, Service, Smtp, SmtpTls, Tenant,
};
pub use sms::{Ovh, Smpp, SmsAnswer, SmsBody, SmsCall, SmsProvider};
pub use sms_price::SmsPrice;
pub use sources::Sources;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use quittance_actors::collection::RetryPolicy;
use quittance_actors::policies::{Collections, Matching, Policies, TRIED_AHEAD_DAYS};
use quittance_actors::rules::{Action, Deed};
use quittance_actors::values::TenantId;
use smol_str::SmolStr;

use crate::diagnostics::{Finding, Findings, Severity};
use crate::digest;

/// Where tenants have files of their own: a folder for each.
const TENANTS: &str = "tenants";

/// Everything that was configured.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file of the service.
    pub file: PathBuf,
    /// SHA-256 of what it says.
    pub sha256: Vec<u8>,
    /// The folder of the configuration; relative paths count from here.
    pub folder: PathBuf,
    /// The service.
    pub service: Service,
    /// What happens by itself for tenants that have no files of their own.
    pub shared: Conduct,
    /// What happens by itself for the others.
    pub own: BTreeMap<TenantId, Conduct>,
    /// Column mappings by name.
    pub mappings: BTreeMap<String, Mapping>,
}

/// What happens by itself.
#[derive(Debug, Clone)]
pub struct Conduct {
    /// Rules, scenarios and calendars.
    pub automation: Automation,
    /// How failed collections are tried again.
    pub retries: Retries,
    /// What becomes of money that comes in.
    pub receipts: Receipts,
}

impl Conduct {
    fn load(sources: &Sources, findings: &mut Findings) -> Option<Self> {
        let automation = Automation::load(sources, findings);
        let retries = Retries::load(sources, findings);
        let receipts = acceptance::load(sources, sources.folder(), &Receipts::default(), findings);
        Some(Self { automation: automation?, retries: retries?, receipts: receipts? })
    }

    /// The same with a tenant's own files, which are checked by what the service has.
    pub fn with_own(
        &self, sources: &Sources, service: &Service, tenant: &Tenant, findings: &mut Findings,
    ) -> Option<Self> {
        let folder = own_folder(sources.folder(), &tenant.id);
        let automation = self.automation.with_own(sources, &folder, findings);
        let retries = self.retries.with_own(sources, &folder, findings);
        let receipts = acceptance::load(sources, &folder, &self.receipts, findings);
        let own = Self { automation: automation?, retries: retries?, receipts: receipts? };
        for references in [&own.automation.references, &own.retries.references] {
            automation::check_recipients((references, &own), service, Some(&tenant.id), findings);
        }
        Some(own)
    }
}

/// What tenants have of their own.
fn own_of(
    shared: &Conduct, sources: &Sources, service: &Service, findings: &mut Findings,
) -> BTreeMap<TenantId, Conduct> {
    let with_files = service.tenants.iter().filter(|tenant| own_folder(sources.folder(), &tenant.id).is_dir());
    let own = with_files
        .filter_map(|tenant| Some((tenant.id.clone(), shared.with_own(sources, service, tenant, findings)?)));
    own.collect()
}

/// The data directory that a configuration names, whatever else is wrong with it.
pub fn data_folder(sources: &Sources, path: &Path) -> Option<PathBuf> {
    let service = sources.toml(path, &mut Findings::default(), Service::read)?;
    Some(sources.folder().join(&service.data.dir))
}

/// Where a tenant has files of its own, below the folder of the configuration.
pub fn own_folder(folder: &Path, tenant: &TenantId) -> PathBuf {
    folder.join(TENANTS).join(tenant.as_str())
}

impl Config {
    /// Reads the file at `path` and what stands beside it; gives the configuration unless
    /// something is wrong, and every finding in any case.
    pub fn load(path: &Path) -> (Option<Config>, Findings) {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let sources = Sources::of(&folder);
        let mut findings = Findings::default();
        let service = sources.toml(path, &mut findings, Service::read);
        let shared = Conduct::load(&sources, &mut findings);
        let mappings = mapping::load(&sources, &folder.join("mappings"), &mut findings);
        let (Some(service), Some(shared)) = (service, shared) else {
            return (None, findings);
        };
        let own = own_of(&shared, &sources, &service, &mut findings);
        let sha256 = digest::sha256(sources.read(path).unwrap_or_default().as_bytes()).to_vec();
        let config = Config { file: path.to_owned(), sha256, folder, service, shared, own, mappings };
        config.cross_check(path, &mut findings);
        let usable = !findings.has_errors();
        (usable.then_some(config), findings)
    }

    /// Reads again what may change while the service runs, and checks it by what the service has: its own file counts from
    /// the next start.
    pub fn again(&self) -> (Option<Config>, Findings) {
        let sources = Sources::of(&self.folder);
        let mut findings = Findings::default();
        let Some(shared) = Conduct::load(&sources, &mut findings) else { return (None, findings) };
        let own = own_of(&shared, &sources, &self.service, &mut findings);
        let config = Config { shared, own, ..self.clone() };
        config.cross_check(&self.file, &mut findings);
        let usable = !findings.has_errors();
        (usable.then_some(config), findings)
    }

    /// A path of the configuration, from its folder.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// What happens by itself for a tenant.
    pub fn conduct(&self, tenant: &TenantId) -> &Conduct {
        self.own.get(tenant).unwrap_or(&self.shared)
    }

    /// The policies of a tenant.
    pub fn policies(&self, tenant: &Tenant) -> Option<Policies> {
        self.policies_by(self.conduct(&tenant.id), tenant)
    }

    /// The policies of a tenant by what would happen by itself.
    pub fn policies_by(&self, conduct: &Conduct, tenant: &Tenant) -> Option<Policies> {
        let Conduct { automation, retries, receipts } = conduct;
        let calendar = automation.calendars.get(&tenant.calendar)?.clone();
        let mut policies = Policies::quiet(tenant.zone.clone(), calendar);
        policies.scenarios.clone_from(&automation.scenarios);
        policies.default_scenario.clone_from(&tenant.default_scenario);
        policies.rules = automation.rules.clone();
        for endpoint in self.service.endpoints.iter().filter(|endpoint| endpoint.tenant == tenant.id) {
            policies.subscriptions.add(&endpoint.name, &endpoint.events);
        }
        policies.card_notices_days.clone_from(&tenant.card_notices_days);
        policies.matching = Matching { own_accounts: tenant.own_accounts.clone(), ..receipts.matching.clone() };
        policies.status_export = tenant.status_export.is_some();
        policies.contact = tenant.contact.clone();
        policies.acceptance = receipts.acceptances.clone();
        policies.payouts = tenant.payouts.clone();
        policies.finality = tenant.finality;
        policies.link_days = tenant.portal.days;
        policies.task_business_days = tenant.task_business_days;
        if tenant.test_clock.is_some() {
            policies.booked_ahead_days = TRIED_AHEAD_DAYS;
        }
        policies.account_numbers.clone_from(&tenant.virtual_ibans);
        let of_tenant = |name: &SmolStr| {
            let connectors = &self.service.connectors;
            connectors.iter().any(|known| known.tenant == tenant.id && known.name == *name)
        };
        let feeds = self.service.feeds.iter().filter(|feed| feed.tenant == tenant.id);
        policies.expectations = feeds.filter_map(|feed| Some((feed.name.clone(), feed.expectation?))).collect();
        // A policy that names another tenant's connector collects nothing for this one.
        let policy_of_tenant = |(name, policy): (&String, &RetryPolicy)| {
            let mut policy = policy.clone();
            policy.card_connector = policy.card_connector.filter(&of_tenant);
            policy.debit_connector = policy.debit_connector.filter(&of_tenant);
            (name.clone(), policy)
        };
        policies.collections = Collections {
            policies: retries.policies.iter().map(policy_of_tenant).collect(),
            tried_out: retries.tried_out.iter().map(policy_of_tenant).collect(),
            default_policy: tenant.default_retry_policy.clone(),
            reasons: retries.reasons.clone(),
            caps: retries.caps.clone(),
            asked: connector::asked(&self.service, &tenant.id),
        };
        Some(policies)
    }

    /// Names that one file uses and another must define.
    fn cross_check(&self, path: &Path, findings: &mut Findings) {
        let file = path.display().to_string();
        let mut missing = |what: &str, key: &str, name: &str, known: Vec<&str>| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let start = place_of(&text, key, name);
            let label = match crate::diagnostics::nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "not defined".to_owned(),
            };
            findings.push(Finding {
                code: "Q0106",
                severity: Severity::Error,
                file: file.clone(),
                span: start..start + name.len() + 2,
                message: format!("there is no {what} \"{name}\""),
                label,
                help: Some(format!("defined: {}", known.join(", "))),
            });
        };
        for tenant in &self.service.tenants {
            let automation = &self.conduct(&tenant.id).automation;
            if !automation.calendars.contains_key(&tenant.calendar) {
                let known = automation.calendars.keys().map(String::as_str).collect();
                missing("calendar", "calendar", &tenant.calendar, known);
            }
            if let Some(name) = &tenant.default_scenario
                && !automation.scenarios.contains_key(name)
            {
                missing(
                    "scenario",
                    "default_scenario",
                    name,
                    automation.scenarios.keys().map(String::as_str).collect(),
                );
            }
        }
        for tenant in &self.service.tenants {
            let retries = &self.conduct(&tenant.id).retries;
            if let Some(name) = &tenant.default_retry_policy
                && !retries.policies.contains_key(name)
            {
                missing(
                    "retry policy",
                    "default_retry_policy",
                    name,
                    retries.policies.keys().map(String::as_str).collect(),
                );
            }
        }
        for tenant in self.service.tenants.iter().filter(|tenant| tenant.default_retry_policy.is_none()) {
            let by_default = |action: &Action| matches!(action, Action::Do(Deed::Collect(None)));
            let mut rules = self.conduct(&tenant.id).automation.rules.all().iter();
            if let Some(rule) = rules.find(|rule| rule.then.iter().any(by_default)) {
                let what = format!("default_retry_policy, by which rule \"{}\" collects, of tenant", rule.name);
                missing(&what, "id", tenant.id.as_str(), Vec::new());
            }
        }
        for connector in &self.service.connectors {
            let initiator = self.service.tenant(&connector.tenant).and_then(|tenant| tenant.initiator.as_ref());
            let complete = initiator.is_some_and(|initiator| initiator.creditor_id.is_some());
            if matches!(connector.kind, ConnectorKind::CreditTransferFile { .. }) && initiator.is_none() {
                missing("[tenant.initiator] for connector", "name", &connector.name, Vec::new());
            }
            if matches!(connector.kind, ConnectorKind::DirectDebitFile { .. }) && !complete {
                missing("creditor_id in [tenant.initiator] for connector", "name", &connector.name, Vec::new());
            }
        }
        for tenant in &self.service.tenants {
            let Some(name) = &tenant.payouts.connector else { continue };
            let of_tenant =
                self.service.connectors.iter().filter(|known| known.tenant == tenant.id && known.kind.pays_out());
            let known: Vec<&str> = of_tenant.map(|known| known.name.as_str()).collect();
            if !known.contains(&name.as_str()) {
                missing(
                    "[[connector]] that pays out (kind pain.001, or http with refund_url) of the tenant",
                    "connector",
                    name,
                    known,
                );
            }
        }
        for feed in &self.service.feeds {
            if let FeedFormat::Invoices { mapping } = &feed.format
                && !self.mappings.contains_key(mapping)
            {
                missing("mapping", "mapping", mapping, self.mappings.keys().map(String::as_str).collect());
            }
        }
        for references in [&self.shared.automation.references, &self.shared.retries.references] {
            automation::check_recipients((references, &self.shared), &self.service, None, findings);
        }
    }
}

/// Where a key of a file is given a name; the first place of the name when no line says it so.
fn place_of(text: &str, key: &str, name: &str) -> usize {
    let quoted = format!("\"{name}\"");
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        let value = line.trim_start().strip_prefix(key).map(str::trim_start).and_then(|rest| rest.strip_prefix('='));
        if let (Some(value), Some(at)) = (value, line.find(&quoted))
            && value.trim_start().starts_with(&quoted)
        {
            return line_start + at;
        }
        line_start += line.len();
    }
    text.find(&quoted).unwrap_or(0)
}
