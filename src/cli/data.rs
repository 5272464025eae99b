//! Which data directory a command works on, and whose days.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use quittance_actors::values::{Date, TenantId};

use crate::assemble;
use crate::config::{Config, Tenant};
use crate::export::Period;

/// Days of a tenant.
#[derive(Args)]
pub(super) struct Days {
    /// Whose.
    #[arg(long)]
    tenant: String,
    /// The first day, in the tenant's zone.
    #[arg(long)]
    from: String,
    /// The last day.
    #[arg(long)]
    to: String,
}

impl Days {
    /// The tenant and the days.
    pub(super) fn of<'a>(&self, config: &'a Config) -> anyhow::Result<(&'a Tenant, Period)> {
        let id = TenantId::parse(&self.tenant)?;
        let tenant = config.service.tenant(&id).with_context(|| format!("there is no tenant \"{id}\""))?;
        let day = |name: &str, text: &str| Date::parse(text).with_context(|| format!("--{name} {text}"));
        Ok((tenant, Period { from: day("from", &self.from)?, to: day("to", &self.to)? }))
    }
}

/// The data directory, by the configuration or by name.
#[derive(Args)]
pub(super) struct Data {
    /// The configuration file that names the data directory.
    #[arg(short, long, default_value = "config/quittance.toml")]
    config: PathBuf,
    /// The data directory itself.
    #[arg(long, conflicts_with = "config")]
    data: Option<PathBuf>,
}

impl Data {
    pub(super) fn folder(&self) -> anyhow::Result<PathBuf> {
        if let Some(data) = &self.data {
            return Ok(data.clone());
        }
        let (loaded, findings) = assemble::load(&self.config);
        let (config, _) = loaded.ok_or_else(|| anyhow::Error::msg(findings.render(false)))?;
        Ok(config.path(&config.service.data.dir))
    }
}
