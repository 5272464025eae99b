//! `quittance export`.

use std::path::PathBuf;

use clap::Args;

use super::data::Days;
use super::exit;
use crate::assemble;
use crate::export::{self, Export, StatusFormat, Wanted};

#[derive(Args)]
pub(super) struct Options {
    /// What is exported.
    export: Export,
    #[command(flatten)]
    days: Days,
    /// How statuses are written.
    #[arg(long, default_value = "csv")]
    format: StatusFormat,
    /// The directory to write into.
    #[arg(long, default_value = ".")]
    out: PathBuf,
    /// The configuration.
    #[arg(short, long, default_value = "config/quittance.toml")]
    config: PathBuf,
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    let (loaded, findings) = assemble::load(&options.config);
    let (config, _) = loaded.ok_or_else(|| anyhow::Error::msg(findings.render(false)))?;
    let (tenant, period) = options.days.of(&config)?;
    let wanted = Wanted {
        tenant: &tenant.id,
        zone: &tenant.zone,
        accounts: &tenant.accounts,
        late_terms: tenant.late_terms.as_ref(),
        period,
        format: options.format,
    };
    let log = config.path(&config.service.data.dir).join("log");
    let exported = match export::export(&log, options.export, &wanted) {
        Ok(exported) => exported,
        Err(error) => {
            eprintln!("quittance: {error}");
            return Ok(exit::FINDINGS);
        }
    };
    let export::Exported { name, bytes, control } = exported;
    let sum = format!("{}  {name}\n", control.sha256);
    crate::whole_file::write(&options.out, &format!("{name}.sha256"), sum.as_bytes())?;
    crate::whole_file::write(&options.out, &format!("{name}.control.json"), &control.json())?;
    let path = crate::whole_file::write(&options.out, &name, &bytes)?;
    println!("{}: {} lines", path.display(), control.rows);
    for (currency, columns) in &control.totals {
        let columns: Vec<String> = columns.iter().map(|(column, sum)| format!("{column} {sum}")).collect();
        println!("  {currency}: {}", columns.join(", "));
    }
    Ok(0)
}
