//! From a row or a call to a command: ids are found or reserved, references computed, and the
//! lane chosen, before admission. What is looked up here becomes a fact of the record.

use std::sync::Arc;

use smol_str::SmolStr;
use thiserror::Error;

use super::numbers::number_given;
use super::orders::OrderReturned;
use super::payouts::PayoutReturned;
use super::plans::PlanRow;
use super::recalls::takes_back;
use super::reconciliation::tell_awaited;
use super::reserving::{Held, references, request_id};
use super::{Priority, Router, SubmitError};
use crate::account_numbers::Owner;
use crate::collection::{Instrument, Mandate};
use crate::customer::{self, Gives, Kind, Profile};
use crate::machine::Tell;
use crate::partition::{DirectoryKey, DirectoryValue, Origin, Receipt, Rejection};
use crate::payment_request::{self, Terms};
use crate::ports::PortError;
use crate::transfer::Particulars;
use crate::values::{
    AttemptId, CommandId, CustomerId, Date, IbanError, Money, PaymentReference, PaymentRequestId, PayoutId, TenantId,
    TransferId, stable_hash,
};

/// What a file or a call brings.
#[derive(Debug, Clone, PartialEq)]
pub enum Intake {
    /// A pending invoice.
    Invoice(Box<InvoiceRow>),
    /// An entry of a bank statement.
    Entry(Box<BankEntry>),
    /// A customer.
    Customer(Box<CustomerRow>),
    /// A credit note.
    CreditNote(Box<CreditNoteRow>),
    /// An invoice is no longer asked for.
    Cancellation(Box<CancellationRow>),
    /// A bank refuses an order of ours, or takes it back.
    OrderReturned(Box<OrderReturned>),
    /// A bank refuses a payout of ours, or sends it back.
    PayoutReturned(Box<PayoutReturned>),
    /// A mandate to collect by direct debit.
    Mandate(Box<MandateRow>),
    /// A subscription, or an amount in instalments.
    Plan(Box<PlanRow>),
}

impl Intake {
    /// In which turn rows that stand together are admitted: what others name comes first.
    pub(super) fn turn(&self) -> usize {
        match self {
            Intake::Customer(_) => 0,
            Intake::Invoice(row) if row.customer.is_some() && row.collect_from.is_none() => 0,
            Intake::Mandate(_) => 1,
            // What the bank takes back may have come in beside it.
            Intake::Entry(entry) if takes_back(entry) => 3,
            Intake::Invoice(_) | Intake::Entry(_) => 2,
            // An invoice may describe its customer.
            Intake::Plan(_)
            | Intake::CreditNote(_)
            | Intake::Cancellation(_)
            | Intake::OrderReturned(_)
            | Intake::PayoutReturned(_) => 3,
        }
    }
}

/// A customer as a row or a call describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomerRow {
    /// Who it is.
    pub profile: Profile,
    /// What of it is known; the rest stays as it was recorded.
    pub gives: Gives,
    /// The time zone where it lives, if it is known.
    pub zone: Option<SmolStr>,
    /// The range that its account number is of when it is new; `None` for the tenant's usual one.
    pub number_range: Option<SmolStr>,
}

/// A pending invoice.
#[derive(Debug, Clone, PartialEq)]
pub struct InvoiceRow {
    /// Who owes; `None` when the customer is already known by `customer_ref`.
    pub customer: Option<CustomerRow>,
    /// The ERP's key of the customer.
    pub customer_ref: String,
    /// The invoice number.
    pub external_ref: String,
    /// The amount.
    pub amount: Money,
    /// The date of the invoice; `None` for today.
    pub issued_on: Option<Date>,
    /// The payment deadline.
    pub due_on: Date,
    /// What it is for.
    pub description: String,
    /// The reminder scenario; `None` for the tenant's default.
    pub scenario: Option<String>,
    /// The card or mandate of the customer that it is collected from.
    pub collect_from: Option<Instrument>,
    /// The reference that is printed on it, if not ours.
    pub payment_reference: Option<PaymentReference>,
    /// The order that it is of: who pays may name that.
    pub order: Option<SmolStr>,
    /// The range that an account number of its own is of; `None` for the tenant's usual one, if requests have any.
    pub number_range: Option<SmolStr>,
}

/// A direct debit mandate of a customer that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MandateRow {
    /// The ERP's key of the customer.
    pub customer_ref: String,
    /// The mandate's unique reference.
    pub reference: String,
    /// What it says.
    pub mandate: Mandate,
}

/// A credit note of an ERP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditNoteRow {
    /// Its number: the same number again is the same note.
    pub number: String,
    /// The ERP's key of the customer.
    pub customer_ref: String,
    /// The invoice it is about; `None` for the customer's credit.
    pub invoice: Option<String>,
    /// What is credited, above zero.
    pub amount: Money,
}

/// An invoice that an ERP no longer asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancellationRow {
    /// The invoice number.
    pub invoice: String,
    /// Why.
    pub reason: String,
}

/// An entry of a bank statement, or a transfer reported by a call.
#[derive(Debug, Clone, PartialEq)]
pub struct BankEntry {
    /// What the bank said; its id is filled in here.
    pub details: crate::transfer::Details,
    /// What else it said, and what the entry is to the account.
    pub particulars: Particulars,
    /// Keys under which the same money may already be counted, divided or undivided.
    pub counted_as: Vec<SmolStr>,
    /// A key under which the same money may stand that has no reference of the bank's there, or none here.
    pub same_as: Option<SmolStr>,
    /// The collections of ours that it is the money of.
    pub collected: Vec<(PaymentRequestId, AttemptId)>,
    /// The payouts of ours that it books as one.
    pub paid_out: Vec<PayoutId>,
    /// Whether its money leaves the account.
    pub debit: bool,
}

/// Why an intake was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IntakeError {
    /// The customer is not known and the row does not describe it.
    #[error("customer '{0}' is not known, and the row does not describe it")]
    UnknownCustomer(String),
    /// The invoice is not known.
    #[error("invoice '{0}' is not known")]
    UnknownInvoice(String),
    /// The invoice number is taken.
    #[error("invoice '{0}' already belongs to another customer")]
    OtherCustomer(String),
    /// The plan's reference is taken.
    #[error("plan '{0}' already belongs to another customer")]
    OtherPlan(String),
    /// The pool of account numbers is used up.
    #[error(transparent)]
    Pool(#[from] IbanError),
    /// The tenant has no account numbers to give.
    #[error("the tenant has no [tenant.virtual_ibans]")]
    NoRange,
    /// No range of account numbers has that name.
    #[error("no range of account numbers is named '{0}'; there are: {1}")]
    UnknownRange(String, String),
    /// It was not recorded.
    #[error(transparent)]
    Submit(#[from] SubmitError),
}

impl From<PortError> for IntakeError {
    fn from(error: PortError) -> Self {
        IntakeError::Submit(SubmitError::Port(error))
    }
}

/// The lane of a customer: a hash of tenant and key, the same for ever.
pub(super) fn partition_of(tenant: &TenantId, key: &str) -> u8 {
    let [.., last] = stable_hash(&[tenant.as_str(), key]).to_be_bytes();
    last
}

/// The id of a command that another one brings with it.
fn derived(command: CommandId, part: &str) -> CommandId {
    derived_from(&[&command.to_string(), part])
}

/// The id of a command that follows from these words: the same words, the same command.
pub(super) fn derived_from(words: &[&str]) -> CommandId {
    let halves = ["1", "2"].map(|half| stable_hash(&[words, &[half]].concat()));
    let mut bytes = [0; 16];
    for (target, byte) in bytes.iter_mut().zip(halves.iter().flat_map(|half| half.to_be_bytes())) {
        *target = byte;
    }
    CommandId::from_bytes(bytes)
}

/// Makes a customer known, or brings it up to date; gives its id.
pub async fn admit_customer(
    router: &Arc<Router>, tenant: &TenantId, row: &CustomerRow, command: CommandId, origin: Origin,
    priority: Priority,
) -> Result<(CustomerId, Receipt), IntakeError> {
    let ports = router.ports();
    let profile = &row.profile;
    let key = DirectoryKey::CustomerExternalRef(tenant.clone(), profile.external_ref.clone());
    let partition = partition_of(tenant, &profile.external_ref);
    let fresh = DirectoryValue::Customer(CustomerId::new(ports.clock.now(tenant), ports.clock.random(), partition));
    // Held until the command is recorded or refused: then others may take the key.
    let mut held = Held::find_or_reserve(router, key, fresh)?;
    let DirectoryValue::Customer(id) = held.value else {
        return Err(IntakeError::UnknownCustomer(profile.external_ref.to_string()));
    };
    let range = row.number_range.as_deref();
    let virtual_iban = match held.value == fresh {
        true => number_given(router, tenant, Owner::Customer, range).await?,
        false => None,
    };
    let fingerprint = fingerprint_of_customer(row);
    let (profile, gives) = (Arc::new(profile.clone()), row.gives);
    let zone = row.zone.clone();
    let register = customer::Command::Register { id, profile, gives, zone, virtual_iban };
    let tell = Tell::Customer(id, register);
    let receipt = held.until(router.submit(tenant, tell, command, fingerprint, origin, priority)).await?;
    Ok((id, receipt))
}

fn fingerprint_of_customer(row: &CustomerRow) -> u64 {
    let profile = &row.profile;
    let email = profile.email.as_ref().map_or("", |email| email.as_str());
    let phone = profile.phone.as_ref().map_or("", |phone| phone.as_str());
    let kind = match profile.kind {
        Kind::Business => "business",
        Kind::Consumer => "consumer",
    };
    let language = profile.language.code();
    let mut parts = vec!["customer", &profile.external_ref, kind, &profile.name, email, phone, language];
    parts.extend(row.zone.as_deref());
    parts.extend(row.number_range.as_deref());
    stable_hash(&parts)
}

/// Issues a payment request for an invoice; gives its id.
pub async fn admit_invoice(
    router: &Arc<Router>, tenant: &TenantId, row: &InvoiceRow, command: CommandId, origin: Origin, priority: Priority,
) -> Result<(PaymentRequestId, Receipt), IntakeError> {
    let customer = customer_of(router, tenant, row, command, &origin, priority).await?;
    let collected = origin.clone();
    let ports = router.ports();
    let now = ports.clock.now(tenant);
    let mut number = request_id(router, tenant, &row.external_ref, customer, now)?;
    let DirectoryValue::Request(id, _) = number.value else {
        return Err(IntakeError::OtherCustomer(row.external_ref.clone()));
    };
    let policies = ports.tenants.policies(tenant).ok_or(SubmitError::UnknownTenant)?;
    let (mut reference, short_reference, creditor_reference) = references(router, tenant, id, customer)?;
    let today = now.date_in(&policies.zone);
    let terms = Terms {
        id,
        customer,
        external_ref: row.external_ref.as_str().into(),
        amount: row.amount,
        issued_on: row.issued_on.unwrap_or_else(|| today.min(row.due_on)),
        created_at: now,
        due_on: row.due_on,
        description: row.description.as_str().into(),
        short_reference,
        creditor_reference,
        scenario: row.scenario.as_ref().or(policies.default_scenario.as_ref()).map(Into::into),
    };
    let fingerprint = stable_hash(&[
        "request",
        &row.external_ref,
        &row.customer_ref,
        &row.amount.to_string(),
        &row.due_on.to_string(),
        &row.description,
        &row.issued_on.map(|day| day.to_string()).unwrap_or_default(),
        row.scenario.as_deref().unwrap_or_default(),
    ]);
    let own = match number.is_reserved() {
        true => number_given(router, tenant, Owner::Request, row.number_range.as_deref()).await?,
        false => None,
    };
    let issue = payment_request::Command::Issue { terms, dated: row.issued_on.is_some(), number: own };
    let tell = Tell::PaymentRequest(id, issue);
    let submitted = router.submit(tenant, tell, command, fingerprint, origin, priority);
    let receipt = number.until(reference.until(submitted)).await?;
    tell_awaited(router, tenant, (id, customer), &row.external_ref).await;
    if let Some(reference) = &row.payment_reference {
        let command = derived(command, "reference");
        let fingerprint = stable_hash(&["reference", reference.as_str()]);
        let give = Tell::PaymentRequest(id, payment_request::Command::GiveReference(reference.clone()));
        router.submit(tenant, give, command, fingerprint, collected.clone(), priority).await?;
        // Its money may have come before it.
        tell_awaited(router, tenant, (id, customer), reference.as_str()).await;
    }
    if let Some(order) = &row.order {
        let command = derived(command, "order");
        let fingerprint = stable_hash(&["order", order]);
        let join = Tell::PaymentRequest(id, payment_request::Command::JoinOrder(order.clone()));
        router.submit(tenant, join, command, fingerprint, collected.clone(), priority).await?;
    }
    if let Some(instrument) = &row.collect_from {
        // The same again when the row comes again: what is agreed already is not agreed twice.
        let command = derived(command, "collect");
        let fingerprint = stable_hash(&["collect", &instrument.to_string()]);
        let collect =
            customer::Command::Collect { request: id, instrument: instrument.clone(), policy: None, again: false };
        let submitted =
            router.submit(tenant, Tell::Customer(customer, collect), command, fingerprint, collected, priority);
        match submitted.await {
            // It is paid or cancelled meanwhile: there is nothing to collect.
            Err(SubmitError::Rejected(Rejection::Customer(customer::Rejection::NotOpen { .. }))) => {}
            other => drop(other?),
        }
    }
    Ok((id, receipt))
}

/// Keeps a mandate of a customer.
pub(super) async fn admit_mandate(
    router: &Arc<Router>, tenant: &TenantId, row: &MandateRow, command: CommandId, origin: Origin, priority: Priority,
) -> Result<Receipt, IntakeError> {
    let MandateRow { customer_ref, reference, mandate } = row;
    let customer = known_customer(router, tenant, customer_ref)?;
    let iban = mandate.iban.electronic();
    let fingerprint = stable_hash(&["mandate", reference, iban, &mandate.signed_on.to_string()]);
    let sign = customer::Command::SignMandate { reference: reference.into(), mandate: mandate.clone() };
    Ok(router.submit(tenant, Tell::Customer(customer, sign), command, fingerprint, origin, priority).await?)
}

pub(super) fn known_customer(
    router: &Arc<Router>, tenant: &TenantId, reference: &str,
) -> Result<CustomerId, IntakeError> {
    let key = DirectoryKey::CustomerExternalRef(tenant.clone(), reference.into());
    match router.ports().directory.find(&key)? {
        Some(DirectoryValue::Customer(id)) => Ok(id),
        _ => Err(IntakeError::UnknownCustomer(reference.to_owned())),
    }
}

/// Takes a credit note off the invoice it names, or adds it to its customer's credit.
pub async fn admit_credit_note(
    router: &Arc<Router>, tenant: &TenantId, row: &CreditNoteRow, command: CommandId, origin: Origin,
    priority: Priority,
) -> Result<Receipt, IntakeError> {
    let (note, amount) = (stable_hash(&["credit note", &row.number]), row.amount);
    let customer = known_customer(router, tenant, &row.customer_ref)?;
    let request = match &row.invoice {
        Some(invoice) => match known_request(router, tenant, invoice)? {
            (request, owner) if owner == customer => Some(request),
            _ => return Err(IntakeError::OtherCustomer(invoice.clone())),
        },
        None => None,
    };
    let taken = customer::CreditNote { note, amount, request };
    let tell = Tell::Customer(customer, customer::Command::TakeCreditNote(taken));
    let invoice = row.invoice.as_deref().unwrap_or_default();
    let fingerprint = stable_hash(&["credit note", &row.number, invoice, &row.customer_ref, &amount.to_string()]);
    Ok(router.submit(tenant, tell, command, fingerprint, origin, priority).await?)
}

/// Asks no longer for an invoice.
pub async fn admit_cancellation(
    router: &Arc<Router>, tenant: &TenantId, row: &CancellationRow, command: CommandId, origin: Origin,
    priority: Priority,
) -> Result<Receipt, IntakeError> {
    let (id, _) = known_request(router, tenant, &row.invoice)?;
    let fingerprint = stable_hash(&["cancellation", &row.invoice, &row.reason]);
    let cancel = payment_request::Command::Cancel { reason: row.reason.as_str().into() };
    Ok(router.submit(tenant, Tell::PaymentRequest(id, cancel), command, fingerprint, origin, priority).await?)
}

fn known_request(
    router: &Arc<Router>, tenant: &TenantId, invoice: &str,
) -> Result<(PaymentRequestId, CustomerId), IntakeError> {
    let key = DirectoryKey::RequestExternalRef(tenant.clone(), invoice.into());
    match router.ports().directory.find(&key)? {
        Some(DirectoryValue::Request(id, customer)) => Ok((id, customer)),
        _ => Err(IntakeError::UnknownInvoice(invoice.to_owned())),
    }
}

async fn customer_of(
    router: &Arc<Router>, tenant: &TenantId, row: &InvoiceRow, command: CommandId, origin: &Origin,
    priority: Priority,
) -> Result<CustomerId, IntakeError> {
    if let Some(customer) = &row.customer {
        // The call's own command is the request; the customer's follows from it, so that a
        // replay of the call is one of the customer's command as well.
        let command = derived(command, "customer");
        let (id, _) = admit_customer(router, tenant, customer, command, origin.clone(), priority).await?;
        return Ok(id);
    }
    known_customer(router, tenant, &row.customer_ref)
}

/// The id of the transfer with `entry_key`, in the lane of its payer if that is known.
pub(super) fn transfer_id<'a>(
    router: &'a Arc<Router>, tenant: &TenantId, entry_key: &str, lane: Option<u8>,
) -> Result<Held<'a>, PortError> {
    let ports = router.ports();
    let partition = lane.unwrap_or_else(|| partition_of(tenant, entry_key));
    let id = TransferId::new(ports.clock.now(tenant), ports.clock.random(), partition);
    let key = DirectoryKey::TransferEntry(tenant.clone(), entry_key.into());
    Held::find_or_reserve(router, key, DirectoryValue::Transfer(id))
}

/// What distinguishes another content under the same entry key.
pub(super) fn fingerprint_of_entry(entry: &BankEntry) -> u64 {
    let details = &entry.details;
    stable_hash(&["transfer", &details.entry_key, &details.amount.to_string(), &details.booked_on.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_used_evenly_and_never_move() {
        let tenant = TenantId::parse("shop").unwrap();
        let mut lanes = [0_u32; 256];
        for number in 0..25_600 {
            lanes[usize::from(partition_of(&tenant, &format!("C-{number}")))] += 1;
        }
        assert!(lanes.iter().all(|count| (50..=170).contains(count)), "{lanes:?}");
        // A lane that moved would part a customer from its requests.
        let known = ["C-1", "C-2", "411DUPONT"].map(|key| partition_of(&tenant, key));
        assert_eq!(known, [partition_of(&tenant, "C-1"), known[1], known[2]]);
    }
}
