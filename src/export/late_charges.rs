//! What late business payers owe beside what they paid: a row for every request settled in the
//! period after its deadline, for the ERP to invoice.
//!
//! A request that was opened again and settled again stands in the later file with everything: its row
//! replaces the earlier one, with zeros when nothing is owed any more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use quittance_actors::customer::Kind;
use quittance_actors::partition::{Event, StoredChange};
use quittance_actors::payment_request::{
    Change, Changes, Event as Request, LateCharges, LateTerms, Payment, Source, Terms,
};
use quittance_actors::values::{Currency, Date, EntityId, Money, PaymentRequestId};

use super::statuses::{Control, Sums};
use super::told::{Failure, Names, Reader, When};

/// The columns.
const HEADER: [&str; 9] =
    ["invoice", "customer", "due_on", "settled_on", "days_late", "indemnity", "interest", "total", "currency"];

/// What a change of a request says of what is open.
fn change(event: &Request) -> Option<Change> {
    let from = |source: &Source| match source {
        Source::Transfer(id) => Payment::Transfer(*id),
        Source::Attempt(id) => Payment::Attempt(*id),
        Source::CreditNote(_) => Payment::CreditNote,
        Source::Credit(_) => Payment::Other,
    };
    Some(match event {
        Request::AttemptOrdered { attempt, collects_on, .. } => Change::Ordered(*attempt, *collects_on),
        Request::AmountAllocated { source, amount, .. } => Change::Counted(from(source), amount.minor()),
        Request::AllocationReversed { source, amount, .. } => Change::TakenBack(from(source), amount.minor()),
        Request::WrittenOff { amount, .. } => Change::GivenUp(amount.minor()),
        Request::WriteOffReversed { amount, .. } => Change::AskedAgain(amount.minor()),
        _ => return None,
    })
}

/// A request that was settled late.
struct Row {
    columns: [String; 9],
    owed: [Money; 2],
}

impl Row {
    fn of(names: &Names, terms: &Terms, settled_on: Date, charges: Option<&LateCharges>) -> Self {
        let zero = Money::zero(Currency::EUR);
        let owed = charges.map_or([zero, zero], |charges| [charges.indemnity, charges.interest]);
        let [indemnity, interest] = owed.map(Money::decimal);
        let columns = [
            super::statuses::guarded(&terms.external_ref),
            super::statuses::guarded(names.customer(terms.customer)),
            terms.due_on.to_string(),
            settled_on.to_string(),
            charges.map_or(0, |charges| charges.days).to_string(),
            indemnity,
            interest,
            charges.map_or(zero, LateCharges::total).decimal(),
            Currency::EUR.code().to_owned(),
        ];
        Self { columns, owed }
    }
}

pub(super) fn write(
    folder: &Path, reader: &mut Reader<'_>, late_terms: Option<&LateTerms>,
) -> Result<(Vec<u8>, Control), Failure> {
    let late_terms = late_terms.ok_or_else(|| {
        Failure::Written("the tenant has no [tenant.late_charges]: nothing is owed beside the amount".to_owned())
    })?;
    let (zone, last_day) = (reader.zone(), reader.last_day());
    let mut open: BTreeMap<PaymentRequestId, Changes> = BTreeMap::new();
    let mut rows: BTreeMap<PaymentRequestId, Row> = BTreeMap::new();
    // Those that an earlier file told of.
    let mut told: BTreeSet<PaymentRequestId> = BTreeSet::new();
    reader.read(folder, |names, commit, when| {
        let today = commit.at.date_in(zone);
        if today > last_day {
            return rows.len();
        }
        for StoredChange { entity, event, .. } in &commit.changes {
            let (EntityId::PaymentRequest(id), Event::PaymentRequest(event)) = (entity, event) else { continue };
            let Some(terms) = names.request(*id).filter(|terms| terms.amount.currency() == Currency::EUR) else {
                continue;
            };
            if let Some(change) = change(event) {
                let booked_on = |id| names.transfer(id).map(|details| details.booked_on);
                open.entry(*id).or_default().take(change, (commit.at, today), terms.issued_on, booked_on);
            }
            match event {
                // What it owes is told when it is settled again.
                Request::Reopened { .. } => drop(rows.remove(id)),
                Request::Settled { .. } | Request::SettledUntil { .. } => {
                    let changes = open.entry(*id).or_default();
                    let kind = names.kind(terms.customer).unwrap_or(Kind::Consumer);
                    let balances = changes.balances(terms.amount, terms.issued_on);
                    let charges = LateCharges::of(kind, late_terms, terms.due_on, &balances, today);
                    let settled_on = changes.last_day().unwrap_or(today);
                    if when == When::Within && (charges.is_some() || told.contains(id)) {
                        rows.insert(*id, Row::of(names, terms, settled_on, charges.as_ref()));
                    } else if charges.is_some() {
                        told.insert(*id);
                    }
                }
                _ => {}
            }
        }
        rows.len()
    })?;
    let mut sums = Sums::default();
    for row in rows.values() {
        for (column, amount) in ["indemnity", "interest"].into_iter().zip(row.owed) {
            sums.add("EUR", column, amount.minor());
        }
    }
    let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
    let written = writer
        .write_record(HEADER)
        .and_then(|()| rows.values().try_for_each(|row| writer.write_record(&row.columns)));
    written.map_err(|error| Failure::Written(error.to_string()))?;
    let bytes = writer.into_inner().map_err(|error| Failure::Written(error.to_string()))?;
    Ok((bytes, Control::with(rows.len(), sums)))
}
