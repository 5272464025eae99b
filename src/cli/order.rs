//! `quittance order`.

use std::io::BufReader;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use quittance_actors::values::{TenantId, Timestamp};

use super::exit;
use crate::formats::orders::{self, Envelope, pain001, pain008};
use crate::{assemble, clock, digest};

/// The file a bank is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Message {
    /// SEPA direct debits, Core and B2B.
    #[value(name = "pain.008")]
    DirectDebits,
    /// SEPA credit transfers.
    #[value(name = "pain.001")]
    CreditTransfers,
}

#[derive(Args)]
pub(super) struct Options {
    /// The message.
    message: Message,
    /// The orders, a JSON object a line.
    orders: PathBuf,
    /// Whose orders; its `[tenant.initiator]` gives name, account and creditor identifier.
    #[arg(long)]
    tenant: String,
    /// The directory to write into.
    #[arg(long, default_value = ".")]
    out: PathBuf,
    /// When the file is made; the same moment and orders are the same bytes. Now by default.
    #[arg(long)]
    at: Option<String>,
    /// The configuration.
    #[arg(short, long, default_value = "config/quittance.toml")]
    config: PathBuf,
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    let (loaded, findings) = assemble::load(&options.config);
    let (config, _) = loaded.ok_or_else(|| anyhow::Error::msg(findings.render(false)))?;
    let id = TenantId::parse(&options.tenant)?;
    let tenant = config.service.tenant(&id).with_context(|| format!("there is no tenant \"{id}\""))?;
    let initiator = tenant.initiator.clone();
    let initiator = initiator.with_context(|| format!("tenant \"{id}\" has no [tenant.initiator]"))?;
    let policies = config.policies(tenant).context("the tenant's calendar is missing")?;
    let created_at = match &options.at {
        Some(text) => Timestamp::parse(text)?,
        None => clock::system_now(),
    };
    let bytes = std::fs::read(&options.orders).with_context(|| options.orders.display().to_string())?;
    let seed = [bytes.as_slice(), created_at.to_string().as_bytes(), id.as_str().as_bytes()].concat();
    let message_id = format!("QT-{}", digest::hex(&digest::sha256(&seed)).get(..24).unwrap_or_default());
    let envelope = Envelope { message_id, created_at, initiator, calendar: &policies.calendar };
    let written = match options.message {
        Message::DirectDebits if envelope.initiator.creditor_id.is_none() => {
            anyhow::bail!("[tenant.initiator] has no creditor_id, which direct debits need")
        }
        Message::DirectDebits => orders::direct_debits(BufReader::new(bytes.as_slice()))
            .map(|orders| (pain008::write(&envelope, &orders), orders.len())),
        Message::CreditTransfers => orders::credit_transfers(BufReader::new(bytes.as_slice()))
            .map(|orders| (pain001::write(&envelope, &orders), orders.len())),
    };
    let (xml, count) = match written {
        Ok(written) => written,
        Err(errors) => {
            for error in &errors {
                println!("{}: {error}", options.orders.display());
            }
            println!("nothing was written: {} things to mend", errors.len());
            return Ok(exit::FINDINGS);
        }
    };
    let name = format!("{}.xml", envelope.message_id);
    let sum = format!("{}  {name}\n", digest::hex(&digest::sha256(&xml)));
    crate::whole_file::write(&options.out, &format!("{name}.sha256"), sum.as_bytes())?;
    let path = crate::whole_file::write(&options.out, &name, &xml)?;
    println!("{}: {count} orders", path.display());
    Ok(0)
}
