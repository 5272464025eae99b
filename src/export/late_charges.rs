//! What late business payers owe beside what they paid: a row for every request settled in the
//! period after its deadline, for the ERP to invoice.
//!
//! A request that was opened again and settled again stands in the later file with everything: its row
//! replaces the earlier one.

use std::collections::BTreeMap;
use std::path::Path;

use quittance_actors::customer::Kind;
use quittance_actors::partition::{Event, StoredChange};
use quittance_actors::payment_request::{Event as Request, LateCharges, LateTerms, Source, Status, balances};
use quittance_actors::values::{Currency, Date, EntityId, PaymentRequestId};

use super::statuses::{Control, Sums};
use super::told::{Failure, Names, Reader, When};

/// The columns.
const HEADER: [&str; 9] =
    ["invoice", "customer", "due_on", "settled_on", "days_late", "indemnity", "interest", "total", "currency"];

/// What became of requests so far: what changed of what is open, and when.
#[derive(Default)]
struct Open(BTreeMap<PaymentRequestId, Vec<(Date, i64)>>);

impl Open {
    /// Takes a change over; says whether it settles the request.
    fn take(&mut self, names: &Names, id: PaymentRequestId, event: &Request, on: Date) -> Option<Status> {
        let booked = |source: &Source| match source {
            Source::Transfer(transfer) => names.transfer(*transfer).map_or(on, |details| details.booked_on),
            Source::Attempt(_) | Source::CreditNote(_) | Source::Credit(_) => on,
        };
        let (on, change) = match event {
            Request::AmountAllocated { source, amount, .. } => (booked(source), -amount.minor()),
            Request::WrittenOff { amount, .. } => (on, -amount.minor()),
            Request::AllocationReversed { amount, .. } | Request::WriteOffReversed { amount, .. } => {
                (on, amount.minor())
            }
            Request::Settled { .. } => return Some(Status::Settled),
            _ => return None,
        };
        self.0.entry(id).or_default().push((on, change));
        None
    }
}

pub(super) fn write(
    folder: &Path, reader: &mut Reader<'_>, late_terms: Option<&LateTerms>,
) -> Result<(Vec<u8>, Control), Failure> {
    let late_terms = late_terms.ok_or_else(|| {
        Failure::Written("the tenant has no [tenant.late_charges]: nothing is owed beside the amount".to_owned())
    })?;
    let zone = reader.zone();
    let (mut open, mut rows, mut sums) = (Open::default(), Vec::<[String; 9]>::new(), Sums::default());
    reader.read(folder, |names, commit, when| {
        let today = commit.at.date_in(zone);
        for StoredChange { entity, event, .. } in &commit.changes {
            let (EntityId::PaymentRequest(id), Event::PaymentRequest(event)) = (entity, event) else { continue };
            let settled = open.take(names, *id, event, today).is_some();
            let terms = names.request(*id).filter(|terms| terms.amount.currency() == Currency::EUR);
            let Some(terms) = terms.filter(|_| settled && when == When::Within) else { continue };
            let kind = names.kind(terms.customer).unwrap_or(Kind::Consumer);
            let changes = open.0.get(id).cloned().unwrap_or_default();
            let settled_on = changes.iter().map(|(on, _)| *on).max().unwrap_or(today);
            let balances = balances(terms.amount, terms.issued_on, changes);
            let Some(charges) = LateCharges::of(kind, late_terms, terms.due_on, &balances, today) else { continue };
            for (column, amount) in [("indemnity", charges.indemnity), ("interest", charges.interest)] {
                sums.add("EUR", column, amount.minor());
            }
            rows.push([
                super::statuses::guarded(&terms.external_ref),
                super::statuses::guarded(names.customer(terms.customer)),
                terms.due_on.to_string(),
                settled_on.to_string(),
                charges.days.to_string(),
                charges.indemnity.decimal(),
                charges.interest.decimal(),
                charges.total().decimal(),
                Currency::EUR.code().to_owned(),
            ]);
        }
        rows.len()
    })?;
    let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
    let written = writer.write_record(HEADER).and_then(|()| rows.iter().try_for_each(|row| writer.write_record(row)));
    written.map_err(|error| Failure::Written(error.to_string()))?;
    let bytes = writer.into_inner().map_err(|error| Failure::Written(error.to_string()))?;
    Ok((bytes, Control::with(rows.len(), sums)))
}
