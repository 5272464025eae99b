//! `quittance generate`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::recon::generate::{Size, generate};

#[derive(Args)]
pub(super) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Customers, open invoices and transfers with what they truly pay, for `quittance bench recon`.
    Recon {
        /// The same seed is the same set.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Customers.
        #[arg(long, default_value_t = 2_000)]
        customers: usize,
        /// Transfers.
        #[arg(long, default_value_t = 6_000)]
        transfers: usize,
        /// Many open invoices, catalogue prices, few virtual IBANs, names that are nearly the same.
        #[arg(long)]
        hard: bool,
        /// The directory to write into.
        folder: PathBuf,
    },
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    let What::Recon { seed, customers, transfers, hard, folder } = &options.what;
    anyhow::ensure!(*customers >= 2, "a set has two customers or more");
    let set = generate(Size { seed: *seed, customers: *customers, transfers: *transfers, hard: *hard })?;
    set.write(folder)?;
    println!("{}: {} customers, {} invoices, {transfers} transfers", folder.display(), customers, set.invoices.len());
    Ok(0)
}
