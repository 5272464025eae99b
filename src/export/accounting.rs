//! The journal of receipts: what came in and what it paid, in double entry.
//!
//! The columns are those of the French "fichier des écritures comptables", separated by tabs, so
//! that most accounting systems take it. Entries are numbered from the beginning of the log; an
//! entry balances. Money that waits for a person stands on the suspense account until its match.
//! Source: Livre des procédures fiscales, article A47 A-1.

use std::fmt::Write as _;
use std::path::Path;

use quittance_actors::partition::{Commit, Event, StoredChange};
use quittance_actors::payment_request::{self, Source};
use quittance_actors::payout;
use quittance_actors::transfer::{self, Details, Means};
use quittance_actors::values::{AttemptId, Date, EntityId, Money, PaymentRequestId, PayoutId, TransferId, Zone};

use super::Wanted;
use super::statuses::{Control, Sums};
use super::told::{Failure, Names, Reader, When};

/// The columns.
const HEADER: &str = "JournalCode\tJournalLib\tEcritureNum\tEcritureDate\tCompteNum\tCompteLib\tCompAuxNum\t\
                      CompAuxLib\tPieceRef\tPieceDate\tEcritureLib\tDebit\tCredit\tEcritureLet\tDateLet\tValidDate\t\
                      Montantdevise\tIdevise\r\n";

/// The accounts of a tenant's books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accounts {
    /// The code of the journal.
    pub journal: String,
    /// Money at the bank.
    pub bank: String,
    /// Cheques that are there and not yet at the bank.
    pub cheques: String,
    /// Money in the till.
    pub cash: String,
    /// What customers owe.
    pub customers: String,
    /// What customers paid too much.
    pub advances: String,
    /// Money that waits for a person.
    pub suspense: String,
    /// Money collected by a payment provider, on its way to the bank.
    pub provider: String,
    /// What is given up.
    pub write_offs: String,
}

impl Default for Accounts {
    /// The numbers of the French "plan comptable général".
    fn default() -> Self {
        let account = |number: &str| number.to_owned();
        Self {
            journal: account("BQ"),
            bank: account("512000"),
            cheques: account("511200"),
            cash: account("530000"),
            customers: account("411000"),
            advances: account("419100"),
            suspense: account("471000"),
            provider: account("511500"),
            write_offs: account("658000"),
        }
    }
}

#[derive(Clone, Copy)]
enum Side {
    Debit,
    Credit,
}

/// A line of an entry.
struct Line<'a> {
    account: (&'a str, &'static str),
    customer: &'a str,
    piece: (String, Date),
    side: Side,
    amount: Money,
}

/// One entry: what it tells, and its lines.
struct Entry<'a> {
    text: &'static str,
    lines: Vec<Line<'a>>,
}

struct Books<'a> {
    accounts: &'a Accounts,
    names: &'a Names,
    zone: &'a Zone,
}

/// Writes the journal of the period.
pub(super) fn write(
    folder: &Path, reader: &mut Reader<'_>, wanted: &Wanted<'_>,
) -> Result<(Vec<u8>, Control), Failure> {
    let (mut text, mut lines, mut number, mut sums) = (HEADER.to_owned(), 0, 0_u64, Sums::default());
    let zone = reader.zone();
    reader.read(folder, |names, commit, when| {
        let books = Books { accounts: wanted.accounts, names, zone: wanted.zone };
        for entry in books.entries(commit) {
            let foreign = entry.lines.iter().find(|line| line.amount.currency().code() != "EUR");
            if let Some(line) = foreign {
                if when == When::Within {
                    sums.add(line.amount.currency().code(), "left_out", line.amount.minor());
                }
                continue;
            }
            number += 1;
            if when == When::Within {
                lines += entry.lines.len();
                let day = compact(commit.at.date_in(zone));
                entry
                    .lines
                    .iter()
                    .for_each(|line| print(&mut text, &mut sums, wanted, number, &day, entry.text, line));
            }
        }
        lines
    })?;
    Ok((text.into_bytes(), Control::with(lines, sums)))
}

fn compact(day: Date) -> String {
    day.to_string().replace('-', "")
}

/// What would end a column or a line becomes a blank.
fn column(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

fn print(
    text: &mut String, sums: &mut Sums, wanted: &Wanted<'_>, number: u64, day: &str, told: &str, line: &Line<'_>,
) {
    let Line { account: (account, label), customer, piece: (piece, piece_on), side, amount } = line;
    let decimal = amount.decimal().replace('.', ",");
    let (debit, credit) = match side {
        Side::Debit => (decimal.as_str(), "0,00"),
        Side::Credit => ("0,00", decimal.as_str()),
    };
    let name = match side {
        Side::Debit => "debit",
        Side::Credit => "credit",
    };
    sums.add(amount.currency().code(), name, amount.minor());
    let (customer, piece, piece_on) = (column(customer), column(piece), compact(*piece_on));
    let journal = &wanted.accounts.journal;
    let _ = write!(
        text,
        "{journal}\tEncaissements\t{number}\t{day}\t{account}\t{label}\t{customer}\t{customer}\t{piece}\t{piece_on}\t\
         {told}\t{debit}\t{credit}\t\t\t{day}\t\t\r\n"
    ); // A string takes everything.
}

impl<'a> Books<'a> {
    /// The entries that a record makes, in the order of its changes.
    fn entries(&self, commit: &'a Commit) -> Vec<Entry<'a>> {
        let mut entries = Vec::new();
        for StoredChange { entity, event, .. } in &commit.changes {
            let entry = match (entity, event) {
                (EntityId::Transfer(id), Event::Transfer(event)) => self.of_transfer(*id, event, commit),
                (EntityId::PaymentRequest(id), Event::PaymentRequest(event)) => self.of_request(*id, event, commit),
                (EntityId::Payout(id), Event::Payout(event)) => self.of_payout(*id, event),
                _ => None,
            };
            entries.extend(entry);
        }
        entries
    }

    fn of_transfer(&self, id: TransferId, event: &'a transfer::Event, commit: &'a Commit) -> Option<Entry<'a>> {
        use transfer::Event as E;
        let details = self.names.transfer(id)?;
        let matched = commit.changes.iter().find_map(|change| match &change.event {
            Event::Transfer(E::Matched { allocations, credit, .. }) if change.entity == EntityId::Transfer(id) => {
                Some((allocations, *credit))
            }
            _ => None,
        });
        let received = commit.changes.iter().any(|change| {
            change.entity == EntityId::Transfer(id) && matches!(change.event, Event::Transfer(E::Received { .. }))
        });
        match (event, matched) {
            (E::Received { .. }, Some((allocations, credit))) => {
                let mut lines = vec![self.bank(details, Side::Debit)];
                self.parts(details, allocations, credit, Side::Credit, &mut lines);
                Some(Entry { text: received_text(details), lines })
            }
            (E::Received { .. }, None) => {
                let lines = vec![self.bank(details, Side::Debit), self.suspense(details, Side::Credit)];
                Some(Entry { text: unidentified_text(details), lines })
            }
            (E::Matched { allocations, credit, .. }, _) if !received => {
                let mut lines = vec![self.suspense(details, Side::Debit)];
                self.parts(details, allocations, *credit, Side::Credit, &mut lines);
                Some(Entry { text: "Virement identifié", lines })
            }
            (E::TakenBack { allocations, credit, .. }, _) if !allocations.is_empty() || credit.is_positive() => {
                let mut lines = Vec::new();
                self.parts(details, allocations, *credit, Side::Debit, &mut lines);
                lines.push(self.suspense(details, Side::Credit));
                Some(Entry { text: "Rapprochement annulé", lines })
            }
            (E::Recalled { allocations, credit, .. }, _) => {
                let mut lines = Vec::new();
                match allocations.is_empty() && !credit.is_positive() {
                    true => lines.push(self.suspense(details, Side::Debit)),
                    false => self.parts(details, allocations, *credit, Side::Debit, &mut lines),
                }
                lines.push(self.bank(details, Side::Credit));
                Some(Entry { text: "Virement repris par la banque", lines })
            }
            _ => None,
        }
    }

    fn of_request(
        &self, id: PaymentRequestId, event: &payment_request::Event, commit: &'a Commit,
    ) -> Option<Entry<'a>> {
        use payment_request::Event as E;
        let terms = self.names.request(id)?;
        let piece = (terms.external_ref.to_string(), terms.issued_on);
        let customer = self.names.customer(terms.customer);
        // What the customer owes becomes less, or more again, on account of another account.
        let moved = |text, (account, label), auxiliary, amount, less: bool| {
            let (own, other) = if less { (Side::Credit, Side::Debit) } else { (Side::Debit, Side::Credit) };
            let customers = (self.accounts.customers.as_str(), "Clients");
            let line = |account, customer, side| Line { account, customer, piece: piece.clone(), side, amount };
            Some(Entry {
                text,
                lines: vec![line((account, label), auxiliary, other), line(customers, customer, own)],
            })
        };
        let write_offs = (self.accounts.write_offs.as_str(), "Écarts de règlement");
        let advances = (self.accounts.advances.as_str(), "Clients, avances");
        let (text, attempt, amount, came) = match event {
            E::AttemptSucceeded { attempt, amount } => ("Encaissement par prestataire", attempt, amount, true),
            E::AttemptReversed { attempt, amount, .. } => ("Encaissement repris", attempt, amount, false),
            E::WrittenOff { amount, .. } => return moved("Écart de règlement", write_offs, "", *amount, true),
            E::WriteOffReversed { amount, .. } => {
                return moved("Écart de règlement annulé", write_offs, "", *amount, false);
            }
            E::AmountAllocated { source: Source::Credit(_), amount, .. } => {
                return moved("Avance imputée", advances, customer, *amount, true);
            }
            E::AllocationReversed { source: Source::Credit(_), amount, .. } => {
                return moved("Avance rendue", advances, customer, *amount, false);
            }
            _ => return None,
        };
        let counted = counted(commit, id, *attempt).unwrap_or_else(|| Money::zero(amount.currency()));
        let line = |account, customer, side, amount| Line { account, customer, piece: piece.clone(), side, amount };
        let (provided, owed) = if came { (Side::Debit, Side::Credit) } else { (Side::Credit, Side::Debit) };
        let provider = (self.accounts.provider.as_str(), "Prestataire de paiement");
        let mut lines = vec![line(provider, "", provided, *amount)];
        if counted.is_positive() {
            lines.push(line((self.accounts.customers.as_str(), "Clients"), customer, owed, counted));
        }
        if let Some(excess) = amount.checked_sub(counted).ok().filter(|excess| excess.is_positive()) {
            lines.push(line(advances, customer, owed, excess));
        }
        Some(Entry { text, lines })
    }

    /// Money that was given back, once the bank has booked it.
    fn of_payout(&self, id: PayoutId, event: &payout::Event) -> Option<Entry<'a>> {
        let details = self.names.payout(id)?;
        let (text, paid) = match event {
            payout::Event::Executed { .. } | payout::Event::Contradicted { .. } => ("Remboursement", true),
            payout::Event::Failed { was_executed: true, .. } => ("Remboursement revenu", false),
            _ => return None,
        };
        let (other, customer) = match details.source {
            payout::Source::Credit(customer) => {
                ((self.accounts.advances.as_str(), "Clients, avances"), self.names.customer(customer))
            }
            payout::Source::Transfer(_) => ((self.accounts.suspense.as_str(), "Compte d'attente"), ""),
            // Until a credit note of the merchant's takes it off.
            payout::Source::Request(request) => {
                let customer = self.names.request(request).map_or("", |terms| self.names.customer(terms.customer));
                ((self.accounts.customers.as_str(), "Clients"), customer)
            }
        };
        let (own, bank) = if paid { (Side::Debit, Side::Credit) } else { (Side::Credit, Side::Debit) };
        let (piece, amount) = ((id.to_string(), details.at.date_in(self.zone)), details.amount);
        let of_bank = match details.to {
            payout::Destination::Account(_) => (self.accounts.bank.as_str(), "Banque"),
            payout::Destination::Collected { .. } => (self.accounts.provider.as_str(), "Prestataire de paiement"),
        };
        let line = |account, customer, side| Line { account, customer, piece: piece.clone(), side, amount };
        Some(Entry { text, lines: vec![line(other, customer, own), line(of_bank, "", bank)] })
    }

    fn bank(&self, details: &Details, side: Side) -> Line<'a> {
        let account: (&'a str, _) = match Means::of(details) {
            Means::Transfer => (&self.accounts.bank, "Banque"),
            Means::Cheque => (&self.accounts.cheques, "Chèques à encaisser"),
            Means::Cash => (&self.accounts.cash, "Caisse"),
        };
        self.line(account, details, side)
    }

    fn suspense(&self, details: &Details, side: Side) -> Line<'a> {
        self.line((&self.accounts.suspense, "Compte d'attente"), details, side)
    }

    fn line(&self, account: (&'a str, &'static str), details: &Details, side: Side) -> Line<'a> {
        let piece = (details.id.to_string(), details.booked_on);
        Line { account, customer: "", piece, side, amount: details.amount }
    }

    /// What a transfer paid or had paid: each request, and what was too much.
    fn parts(
        &self, details: &Details, allocations: &[(PaymentRequestId, Money)], credit: Money, side: Side,
        lines: &mut Vec<Line<'a>>,
    ) {
        let mut payer = self.names.payer(details.id);
        for (request, amount) in allocations {
            let Some(terms) = self.names.request(*request) else { continue };
            payer = self.names.customer(terms.customer);
            let account = (self.accounts.customers.as_str(), "Clients");
            let piece = (terms.external_ref.to_string(), terms.issued_on);
            lines.push(Line { account, customer: payer, piece, side, amount: *amount });
        }
        if credit.is_positive() {
            let account = (self.accounts.advances.as_str(), "Clients, avances");
            let piece = (details.id.to_string(), details.booked_on);
            lines.push(Line { account, customer: payer, piece, side, amount: credit });
        }
    }
}

fn received_text(details: &Details) -> &'static str {
    match Means::of(details) {
        Means::Transfer => "Virement reçu",
        Means::Cheque => "Chèque reçu",
        Means::Cash => "Espèces reçues",
    }
}

fn unidentified_text(details: &Details) -> &'static str {
    match Means::of(details) {
        Means::Transfer => "Virement reçu, à identifier",
        Means::Cheque => "Chèque reçu, à identifier",
        Means::Cash => "Espèces reçues, à identifier",
    }
}

/// What of a collected amount was counted towards a request, or counts no more.
fn counted(commit: &Commit, id: PaymentRequestId, attempt: AttemptId) -> Option<Money> {
    commit.changes.iter().find_map(|change| match &change.event {
        Event::PaymentRequest(
            payment_request::Event::AmountAllocated { source, amount, .. }
            | payment_request::Event::AllocationReversed { source, amount, .. },
        ) if change.entity == EntityId::PaymentRequest(id) && *source == Source::Attempt(attempt) => Some(*amount),
        _ => None,
    })
}
