//! Configuration: one TOML file for the service, and beside it rules, scenarios, calendars,
//! mappings and templates. Findings name file, line and column; nothing half right is used.

mod automation;
mod collections;
mod endpoints;
mod expression;
mod mapping;
mod reader;
mod rule_test;
mod service;
mod service_reading;
mod sms;
mod transports;

pub use automation::{Automation, Reference, Target};
pub use collections::Retries;
pub use endpoints::{Credentials, Endpoint};
pub use expression::compile as compile_condition;
pub use mapping::{Column, ConstantOrColumn, Mapping};
pub use reader::{File, Section};
pub use service::{
    Connector, ConnectorKind, Data, Dkim, EmailTransport, Feed, FeedFormat, Hooks, Outgoing, Ready, Secret, Server,
    Service, Smtp, SmtpTls, Tenant,
};
pub use sms::{Ovh, Smpp, SmsAnswer, SmsBody, SmsCall, SmsProvider};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use quittance_actors::policies::{Acceptances, Collections, Policies};
use smol_str::SmolStr;

use crate::diagnostics::{Finding, Findings, Severity};

/// Everything that was configured.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of the configuration; relative paths count from here.
    pub folder: PathBuf,
    /// The service.
    pub service: Service,
    /// Rules, scenarios and calendars.
    pub automation: Automation,
    /// Column mappings by name.
    pub mappings: BTreeMap<String, Mapping>,
    /// How failed collections are tried again.
    pub retries: Retries,
    /// Which transfers are kept for a person whatever they pay.
    pub acceptance: Acceptances,
}

impl Config {
    /// Reads the file at `path` and what stands beside it; gives the configuration unless
    /// something is wrong, and every finding in any case.
    pub fn load(path: &Path) -> (Option<Config>, Findings) {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let mut findings = Findings::default();
        let service = read_file(path, &mut findings, Service::read);
        let automation = Automation::load(&folder, &mut findings);
        let mappings = mapping::load(&folder.join("mappings"), &mut findings);
        let retries = Retries::load(&folder, &mut findings);
        let acceptance = collections::load_acceptance(&folder, &mut findings);
        let (Some(service), Some(automation), Some(retries), Some(acceptance)) =
            (service, automation, retries, acceptance)
        else {
            return (None, findings);
        };
        let config = Config { folder, service, automation, mappings, retries, acceptance };
        config.cross_check(path, &mut findings);
        let usable = !findings.has_errors();
        (usable.then_some(config), findings)
    }

    /// A path of the configuration, from its folder.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// The policies of a tenant.
    pub fn policies(&self, tenant: &Tenant) -> Option<Policies> {
        let calendar = self.automation.calendars.get(&tenant.calendar)?.clone();
        let mut policies = Policies::quiet(tenant.zone.clone(), calendar);
        policies.scenarios.clone_from(&self.automation.scenarios);
        policies.default_scenario.clone_from(&tenant.default_scenario);
        policies.rules = self.automation.rules.clone();
        for endpoint in self.service.endpoints.iter().filter(|endpoint| endpoint.tenant == tenant.id) {
            policies.subscriptions.add(&endpoint.name, &endpoint.events);
        }
        policies.card_notices_days.clone_from(&tenant.card_notices_days);
        policies.matching = tenant.matching.clone();
        policies.status_export = tenant.status_export.is_some();
        policies.contact = tenant.contact.clone();
        policies.acceptance = self.acceptance.clone();
        policies.payouts = tenant.payouts.clone();
        policies.task_business_days = tenant.task_business_days;
        policies.account_numbers.clone_from(&tenant.virtual_ibans);
        let of_tenant = |name: &SmolStr| {
            let connectors = &self.service.connectors;
            connectors.iter().any(|known| known.tenant == tenant.id && known.name == *name)
        };
        let feeds = self.service.feeds.iter().filter(|feed| feed.tenant == tenant.id);
        policies.expectations = feeds.filter_map(|feed| Some((feed.name.clone(), feed.expectation?))).collect();
        // A policy that names another tenant's connector collects nothing for this one.
        let policies_of_tenant = self.retries.policies.iter().map(|(name, policy)| {
            let mut policy = policy.clone();
            policy.card_connector = policy.card_connector.filter(&of_tenant);
            policy.debit_connector = policy.debit_connector.filter(&of_tenant);
            (name.clone(), policy)
        });
        policies.collections = Collections {
            policies: policies_of_tenant.collect(),
            default_policy: tenant.default_retry_policy.clone(),
            reasons: self.retries.reasons.clone(),
            caps: self.retries.caps.clone(),
        };
        Some(policies)
    }

    /// Names that one file uses and another must define.
    fn cross_check(&self, path: &Path, findings: &mut Findings) {
        let file = path.display().to_string();
        let mut missing = |what: &str, name: &str, known: Vec<&str>| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let start = text.find(&format!("\"{name}\"")).unwrap_or(0);
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
            if !self.automation.calendars.contains_key(&tenant.calendar) {
                let known = self.automation.calendars.keys().map(String::as_str).collect();
                missing("calendar", &tenant.calendar, known);
            }
            if let Some(name) = &tenant.default_scenario
                && !self.automation.scenarios.contains_key(name)
            {
                missing("scenario", name, self.automation.scenarios.keys().map(String::as_str).collect());
            }
        }
        for tenant in &self.service.tenants {
            if let Some(name) = &tenant.default_retry_policy
                && !self.retries.policies.contains_key(name)
            {
                missing("retry policy", name, self.retries.policies.keys().map(String::as_str).collect());
            }
        }
        for connector in &self.service.connectors {
            let initiator = self.service.tenant(&connector.tenant).and_then(|tenant| tenant.initiator.as_ref());
            let complete = initiator.is_some_and(|initiator| initiator.creditor_id.is_some());
            if matches!(connector.kind, ConnectorKind::CreditTransferFile { .. }) && initiator.is_none() {
                missing("[tenant.initiator] for connector", &connector.name, Vec::new());
            }
            if matches!(connector.kind, ConnectorKind::DirectDebitFile { .. }) && !complete {
                missing("creditor_id in [tenant.initiator] for connector", &connector.name, Vec::new());
            }
        }
        for tenant in &self.service.tenants {
            let Some(name) = &tenant.payouts.connector else { continue };
            let pays = |kind: &ConnectorKind| {
                matches!(kind, ConnectorKind::CreditTransferFile { .. } | ConnectorKind::Simulator)
            };
            let of_tenant =
                self.service.connectors.iter().filter(|known| known.tenant == tenant.id && pays(&known.kind));
            let known: Vec<&str> = of_tenant.map(|known| known.name.as_str()).collect();
            if !known.contains(&name.as_str()) {
                missing("[[connector]] that pays out (kind pain.001) of the tenant", name, known);
            }
        }
        for feed in &self.service.feeds {
            if let FeedFormat::Invoices { mapping } = &feed.format
                && !self.mappings.contains_key(mapping)
            {
                missing("mapping", mapping, self.mappings.keys().map(String::as_str).collect());
            }
        }
        self.automation.check_recipients(&self.service, &self.retries.references, findings);
    }
}

/// Reads one file of the configuration.
fn read_file<T>(path: &Path, findings: &mut Findings, read: impl FnOnce(&Section<'_, '_>) -> Option<T>) -> Option<T> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let (value, found) = File::read(&name, &text, read);
            findings.append(found);
            value
        }
        Err(error) => {
            findings.push(Finding {
                code: "Q0100",
                severity: Severity::Error,
                file: name,
                span: 0..0,
                message: format!("cannot be read: {error}"),
                label: String::new(),
                help: None,
            });
            None
        }
    }
}
