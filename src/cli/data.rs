//! Which data directory a command works on.

use std::path::PathBuf;

use clap::Args;

use crate::assemble;

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
