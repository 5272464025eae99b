//! Sets of transfers with what they truly pay: made by a seed, or by others in the same shape.
//!
//! A set is a folder: `set.json` (the seed of its short references), `customers.jsonl`,
//! `invoices.jsonl`, `transfers.jsonl` in the order of booking, and `truth.jsonl`.

pub(super) mod generate;
mod payers;
pub(super) mod peers;
mod random;
mod words;
mod writing;

use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// Who the set is of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct About {
    /// The version of the shape.
    pub shape: u32,
    /// The seed of the short references' constants, as [`ReferenceKey::from_seed`] takes it.
    ///
    /// [`ReferenceKey::from_seed`]: quittance_actors::values::ReferenceKey::from_seed
    pub reference_seed: u64,
    /// The currency of every amount.
    pub currency: String,
}

/// A customer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Customer {
    pub customer: String,
    pub name: String,
    /// The account number of its own, if it has one.
    pub virtual_iban: Option<String>,
}

/// An invoice, open when the transfers begin. Amounts are minor units.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Invoice {
    pub invoice: String,
    pub customer: String,
    pub amount: i64,
    pub issued_on: String,
    pub due_on: String,
    /// Its short reference, nine symbols.
    pub reference: String,
}

/// What a bank says of a transfer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Transfer {
    pub transfer: String,
    /// The account credited, when it is a virtual one.
    pub account: Option<String>,
    pub payer_name: Option<String>,
    pub payer_iban: Option<String>,
    pub amount: i64,
    pub booked_on: String,
    pub end_to_end_id: Option<String>,
    pub structured: Vec<String>,
    pub text: String,
}

/// A part of a transfer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Pays {
    pub invoice: String,
    pub amount: i64,
}

/// What a transfer truly pays.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Truth {
    pub transfer: String,
    /// The class of the case.
    pub class: String,
    pub customer: Option<String>,
    pub pays: Vec<Pays>,
    pub credit: i64,
    /// Whether it can be known without a person.
    pub auto: bool,
}

/// A set.
#[derive(Debug)]
pub(super) struct Set {
    pub about: About,
    pub customers: Vec<Customer>,
    pub invoices: Vec<Invoice>,
    pub transfers: Vec<Transfer>,
    /// One of each transfer, in the same order.
    pub truth: Vec<Truth>,
}

fn lines<T: for<'a> Deserialize<'a>>(folder: &Path, name: &str) -> anyhow::Result<Vec<T>> {
    let path = folder.join(name);
    let file = std::fs::File::open(&path).with_context(|| path.display().to_string())?;
    let mut items = Vec::new();
    for (number, line) in (1_u64..).zip(BufReader::new(file).lines()) {
        let at = || format!("{} line {number}", path.display());
        items.push(serde_json::from_str(&line.with_context(at)?).with_context(at)?);
    }
    Ok(items)
}

fn write_lines<T: Serialize>(folder: &Path, name: &str, items: &[T]) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    for item in items {
        serde_json::to_writer(&mut bytes, item)?;
        bytes.push(b'\n');
    }
    crate::whole_file::write(folder, name, &bytes)?;
    Ok(())
}

impl Set {
    /// Reads a set.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("set.json");
        let about = std::fs::read(&path).with_context(|| path.display().to_string())?;
        let set = Self {
            about: serde_json::from_slice(&about).with_context(|| path.display().to_string())?,
            customers: lines(folder, "customers.jsonl")?,
            invoices: lines(folder, "invoices.jsonl")?,
            transfers: lines(folder, "transfers.jsonl")?,
            truth: lines(folder, "truth.jsonl")?,
        };
        let agree = set.transfers.len() == set.truth.len()
            && set.transfers.iter().zip(&set.truth).all(|(transfer, truth)| transfer.transfer == truth.transfer);
        anyhow::ensure!(set.about.shape == 1, "the set is of shape {}, this program reads 1", set.about.shape);
        anyhow::ensure!(agree, "truth.jsonl does not follow transfers.jsonl");
        Ok(set)
    }

    /// Writes a set.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let about = serde_json::to_vec_pretty(&self.about)?;
        crate::whole_file::write(folder, "set.json", &about)?;
        write_lines(folder, "customers.jsonl", &self.customers)?;
        write_lines(folder, "invoices.jsonl", &self.invoices)?;
        write_lines(folder, "transfers.jsonl", &self.transfers)?;
        write_lines(folder, "truth.jsonl", &self.truth)
    }
}
