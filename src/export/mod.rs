//! What systems outside read: events as JSON, and files that the record log tells.
//!
//! ```text
//! record log ─► told (whose, which period, what names mean) ─► accounting │ notification │ statuses │ late charges
//! ```
//!
//! A file of a period is a function of the log and of the tenant's zone and accounts: once its last day is
//! over, the same period gives the same bytes, however often and on whichever machine it is asked for. Names are those of the moment told of.

mod accounting;
mod catalogue;
mod cloud_event;
mod event_rows;
mod hook;
mod late_charges;
mod notification;
mod published;
mod statuses;
mod told;

use std::path::Path;

use quittance_actors::payment_request::LateTerms;
use quittance_actors::values::{Date, TenantId, Zone};

pub use accounting::Accounts;
pub use catalogue::event_type_json;
pub use event_rows::{Column, Layout};
pub use hook::{Format, HookBody, hook_body};
pub use published::{API_VERSION, Tells, event_json};
pub(crate) use published::{fact, facts_of};
pub(crate) use statuses::write as write_statuses;
pub use statuses::{Control, Row as StatusRow, StatusFormat};
pub use told::Failure;

use told::Reader;

/// What can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Export {
    /// The journal of receipts for an accounting system: the columns of a French FEC.
    Accounting,
    /// Reconciled transfers with the invoices they paid: camt.054.001.08.
    Transfers,
    /// What became of payment requests: the columns of the status file.
    Statuses,
    /// What late business payers owe beside the amount, of requests settled in the period.
    LateCharges,
}

impl Export {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Export::Accounting => "accounting",
            Export::Transfers => "transfers",
            Export::Statuses => "statuses",
            Export::LateCharges => "late-charges",
        }
    }

    /// What its bytes are.
    pub fn media_type(self, format: StatusFormat) -> &'static str {
        match (self, format) {
            (Export::Accounting, _) => "text/tab-separated-values; charset=utf-8",
            (Export::Transfers, _) => "application/xml",
            (Export::Statuses, StatusFormat::Csv) | (Export::LateCharges, _) => "text/csv; charset=utf-8",
            (Export::Statuses, StatusFormat::JsonLines) => "application/x-ndjson",
        }
    }
}

/// Days recorded, the first and the last included, in the tenant's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first.
    pub from: Date,
    /// The last.
    pub to: Date,
}

/// Whose export, of when, and how it is written.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// Whose.
    pub tenant: &'a TenantId,
    /// Its zone, which says where a day ends.
    pub zone: &'a Zone,
    /// Its accounts.
    pub accounts: &'a Accounts,
    /// What late business payers owe it.
    pub late_terms: Option<&'a LateTerms>,
    /// Of when.
    pub period: Period,
    /// How statuses are written.
    pub format: StatusFormat,
}

/// A file that is ready.
#[derive(Debug)]
pub struct Exported {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What it holds, to be checked by who reads it.
    pub control: Control,
}

/// Reads the log in `folder` and writes what it tells of the period.
pub fn export(folder: &Path, export: Export, wanted: &Wanted<'_>) -> Result<Exported, Failure> {
    if wanted.period.from > wanted.period.to {
        return Err(Failure::Reversed);
    }
    let mut reader = Reader::new(wanted);
    let (bytes, mut control, ending) = match export {
        Export::Accounting => {
            let (bytes, control) = accounting::write(folder, &mut reader, wanted)?;
            (bytes, control, "txt")
        }
        Export::Transfers => {
            let (bytes, control) = notification::write(folder, &mut reader, wanted)?;
            (bytes, control, "xml")
        }
        Export::LateCharges => {
            let (bytes, control) = late_charges::write(folder, &mut reader, wanted.late_terms)?;
            (bytes, control, "csv")
        }
        Export::Statuses => {
            let rows = statuses::told(folder, &mut reader)?;
            (
                statuses::write(&rows, wanted.format).map_err(Failure::Written)?,
                Control::of(&rows),
                wanted.format.ending(),
            )
        }
    };
    let Period { from, to } = wanted.period;
    let name = format!("{}-{}-{from}-{to}.{ending}", export.name(), wanted.tenant);
    control.sealed(&name, &bytes);
    Ok(Exported { name, bytes, control })
}
