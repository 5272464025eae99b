//! What is in use: what happens by itself for each tenant, and what messages say. It changes while the service runs,
//! whole and a tenant at a time; a batch of commands, and a message, sees the one or the other.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use parking_lot::RwLock;
use quittance_actors::policies::Policies;
use quittance_actors::ports::Tenants;
use quittance_actors::values::{ReferenceKey, TenantId};

use crate::config::{Conduct, Config, Sources, Tenant, own_folder};
use crate::diagnostics::{Finding, Findings, Severity};
use crate::render::Templates;

/// Where templates stand, below a folder of configuration.
pub const TEMPLATES: &str = "templates";

/// What messages say.
#[derive(Default)]
pub struct Wording {
    /// The texts that all share, each with the name of its file.
    texts: Vec<(String, String)>,
    shared: Arc<Templates>,
    /// Of tenants that have templates of their own.
    own: BTreeMap<TenantId, Arc<Templates>>,
}

impl Wording {
    /// Reads the templates beside a configuration, and checks that they fit what names them.
    pub fn load(config: &Config, sources: &Sources, findings: &mut Findings) -> Self {
        let texts = Templates::texts(sources, &sources.folder().join(TEMPLATES), findings);
        let shared = Templates::of(texts.clone(), findings);
        shared.check_references(&config.shared.automation.references, findings);
        let mut wording = Self { texts, shared: Arc::new(shared), own: BTreeMap::new() };
        for tenant in &config.service.tenants {
            let has_own = config.own.contains_key(&tenant.id);
            if let Some(own) = wording.own(sources, &config.shared, config.conduct(&tenant.id), &tenant.id, findings)
                && has_own
            {
                wording.own.insert(tenant.id.clone(), Arc::new(own));
            }
        }
        wording
    }

    /// Reads the templates of a folder whose configuration cannot be used, for what is wrong with them too.
    pub fn check(sources: &Sources, findings: &mut Findings) {
        let texts = Templates::texts(sources, &sources.folder().join(TEMPLATES), findings);
        Templates::of(texts, findings);
    }

    /// The templates of a tenant with its own files; `None` when it has neither templates, rules nor scenarios of its own.
    /// What messages of a tenant say.
    pub fn of(&self, tenant: &TenantId) -> &Arc<Templates> {
        self.own.get(tenant).unwrap_or(&self.shared)
    }

    fn own(
        &self, sources: &Sources, shared: &Conduct, conduct: &Conduct, tenant: &TenantId, findings: &mut Findings,
    ) -> Option<Templates> {
        let folder = own_folder(sources.folder(), tenant);
        let mut found = Findings::default();
        let texts = Templates::texts(sources, &folder.join(TEMPLATES), &mut found);
        let references = &conduct.automation.references;
        if texts.is_empty() && references.is_empty() {
            return None;
        }
        let templates = Templates::with_own(&self.texts, texts, &mut found);
        templates.check_references(&shared.automation.references, &mut found);
        templates.check_references(references, &mut found);
        // What is only doubtful of the files that all share was said of them.
        found.retain(|finding| finding.severity == Severity::Error || Path::new(&finding.file).starts_with(&folder));
        findings.append(found);
        Some(templates)
    }
}

/// What is in use for a tenant.
#[derive(Clone)]
pub struct OfTenant {
    /// What happens by itself.
    pub conduct: Arc<Conduct>,
    /// The same as the machines read it.
    pub policies: Arc<Policies>,
    /// What messages say.
    pub templates: Arc<Templates>,
}

/// What all tenants share.
struct Shared {
    conduct: Arc<Conduct>,
    wording: Wording,
}

struct Slot {
    key: ReferenceKey,
    current: RwLock<Arc<OfTenant>>,
}

/// What is in use.
pub struct InUse {
    shared: RwLock<Shared>,
    tenants: BTreeMap<TenantId, Slot>,
}

impl InUse {
    /// What was configured at the start.
    pub fn new(config: &Config, wording: Wording, key: impl Fn(&Tenant) -> ReferenceKey) -> Self {
        let shared = Arc::new(config.shared.clone());
        let tenants = config.service.tenants.iter().filter_map(|tenant| {
            let conduct = config.own.get(&tenant.id).map_or_else(|| Arc::clone(&shared), |own| Arc::new(own.clone()));
            let templates = wording.of(&tenant.id);
            let of_tenant =
                OfTenant { policies: Arc::new(config.policies(tenant)?), templates: Arc::clone(templates), conduct };
            Some((tenant.id.clone(), Slot { key: key(tenant), current: RwLock::new(Arc::new(of_tenant)) }))
        });
        let tenants = tenants.collect();
        Self { shared: RwLock::new(Shared { conduct: shared, wording }), tenants }
    }

    /// What is in use for a tenant.
    pub fn of(&self, tenant: &TenantId) -> Option<Arc<OfTenant>> {
        self.tenants.get(tenant).map(|slot| Arc::clone(&slot.current.read()))
    }

    /// What would be in use for a tenant with these files of its own beside what all share now; with every finding.
    pub fn tried(&self, config: &Config, tenant: &Tenant, sources: &Sources) -> (Option<OfTenant>, Findings) {
        let shared = self.shared.read();
        let mut findings = Findings::default();
        let conduct = shared.conduct.with_own(sources, &config.service, tenant, &mut findings);
        let Some(conduct) = conduct else { return (None, findings) };
        let folder = own_folder(sources.folder(), &tenant.id);
        let mut missing = |what: &str, name: &str, file: &str| {
            let message = format!("there is no {what} \"{name}\", which the tenant's requests have without another");
            let (code, severity, file) = ("Q0106", Severity::Error, folder.join(file).display().to_string());
            findings.push(Finding { code, severity, file, span: 0..0, message, label: String::new(), help: None });
        };
        if let Some(name) =
            tenant.default_scenario.as_ref().filter(|name| !conduct.automation.scenarios.contains_key(*name))
        {
            missing("scenario", name, "scenarios.toml");
        }
        if let Some(name) =
            tenant.default_retry_policy.as_ref().filter(|name| !conduct.retries.policies.contains_key(*name))
        {
            missing("retry policy", name, "collections.toml");
        }
        let wording = &shared.wording;
        let templates = wording.own(sources, &shared.conduct, &conduct, &tenant.id, &mut findings);
        let templates = templates.map_or_else(|| Arc::clone(&wording.shared), Arc::new);
        let policies = config.policies_by(&conduct, tenant).map(Arc::new);
        let usable = policies.filter(|_| !findings.has_errors());
        let of_tenant = usable.map(|policies| OfTenant { conduct: Arc::new(conduct), policies, templates });
        (of_tenant, findings)
    }

    /// Takes it into use.
    pub fn take(&self, tenant: &TenantId, of_tenant: OfTenant) {
        if let Some(slot) = self.tenants.get(tenant) {
            *slot.current.write() = Arc::new(of_tenant);
        }
    }

    /// Takes another configuration into use, as far as it can while the service runs: of the tenants there are, what
    /// happens by itself, and what messages say.
    pub fn take_all(&self, config: &Config, anew: &Config, wording: Wording) {
        let shared = Arc::new(anew.shared.clone());
        for tenant in &config.service.tenants {
            let own = anew.own.get(&tenant.id);
            let conduct = own.map_or_else(|| Arc::clone(&shared), |own| Arc::new(own.clone()));
            let Some(policies) = config.policies_by(&conduct, tenant) else { continue };
            let templates = Arc::clone(wording.own.get(&tenant.id).unwrap_or(&wording.shared));
            self.take(&tenant.id, OfTenant { policies: Arc::new(policies), conduct, templates });
        }
        *self.shared.write() = Shared { conduct: shared, wording };
    }
}

impl Tenants for InUse {
    fn policies(&self, tenant: &TenantId) -> Option<Arc<Policies>> {
        self.of(tenant).map(|of| Arc::clone(&of.policies))
    }

    fn reference_key(&self, tenant: &TenantId) -> ReferenceKey {
        self.tenants.get(tenant).map_or(ReferenceKey::from_seed(0), |slot| slot.key)
    }

    fn all(&self) -> Vec<TenantId> {
        self.tenants.keys().cloned().collect()
    }
}
