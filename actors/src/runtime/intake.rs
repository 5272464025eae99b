//! From a row or a call to a command: ids are found or reserved, references computed, and the
//! lane chosen, before admission. What is looked up here becomes a fact of the record.

use std::hash::Hasher;
use std::sync::Arc;

use thiserror::Error;

use super::{Priority, Router, SubmitError};
use crate::customer::{self, Profile};
use crate::machine::Tell;
use crate::partition::{DirectoryKey, DirectoryValue, Origin, Receipt};
use crate::payment_request::{self, Terms};
use crate::ports::PortError;
use crate::values::{
    CommandId, CreditorReference, CustomerId, Date, EntityId, FrenchPool, IbanError, Money, PaymentRequestId,
    ShortReference, TenantId, Timestamp, VirtualIban,
};

/// What a file or a call brings.
#[derive(Debug, Clone, PartialEq)]
pub enum Intake {
    /// A pending invoice.
    Invoice(Box<InvoiceRow>),
    /// An entry of a bank statement.
    Entry(Box<BankEntry>),
}

/// A customer as a row or a call describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomerRow {
    /// Who it is.
    pub profile: Profile,
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
}

/// An entry of a bank statement, or a transfer reported by a call.
#[derive(Debug, Clone, PartialEq)]
pub struct BankEntry {
    /// What the bank said; its id is filled in here.
    pub details: crate::transfer::Details,
}

/// Why an intake was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IntakeError {
    /// The customer is not known and the row does not describe it.
    #[error("customer '{0}' is not known, and the row does not describe it")]
    UnknownCustomer(String),
    /// The invoice number is taken.
    #[error("invoice '{0}' already belongs to another customer")]
    OtherCustomer(String),
    /// The pool of account numbers is used up.
    #[error(transparent)]
    Pool(#[from] IbanError),
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
    let [.., last] = hash(&[tenant.as_str(), key]).to_be_bytes();
    last
}

/// FNV-1a over the parts, with a separator: stable over versions, unlike the standard hasher.
fn hash(parts: &[&str]) -> u64 {
    struct Fnv(u64);
    impl Hasher for Fnv {
        fn finish(&self) -> u64 {
            // A last mix, so that every bit of the input reaches the last byte.
            (self.0 ^ (self.0 >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ (self.0 >> 32)
        }
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    let mut state = Fnv(0xcbf2_9ce4_8422_2325);
    for part in parts {
        state.write(part.as_bytes());
        state.write(&[0]);
    }
    state.finish()
}

/// Makes a customer known, or brings it up to date; gives its id.
pub async fn admit_customer(
    router: &Arc<Router>, tenant: &TenantId, row: &CustomerRow, pool: Option<&FrenchPool>, command: CommandId,
    origin: Origin, priority: Priority,
) -> Result<(CustomerId, Receipt), IntakeError> {
    let ports = router.ports();
    let profile = &row.profile;
    let key = DirectoryKey::CustomerExternalRef(tenant.clone(), profile.external_ref.clone());
    let known = ports.directory.find(&key)?;
    let fresh = || {
        let partition = partition_of(tenant, &profile.external_ref);
        DirectoryValue::Customer(CustomerId::new(ports.clock.now(tenant), ports.clock.random(), partition))
    };
    let value = match known {
        Some(value) => value,
        None => ports.directory.find_or_reserve(&key, &fresh())?,
    };
    let DirectoryValue::Customer(id) = value else {
        return Err(IntakeError::UnknownCustomer(profile.external_ref.clone()));
    };
    let virtual_iban = match (known, pool) {
        (None, Some(pool)) => Some(next_virtual_iban(router, tenant, pool)?),
        _ => None,
    };
    let fingerprint = fingerprint_of_profile(profile);
    let register = customer::Command::Register { id, profile: profile.clone(), virtual_iban };
    let tell = Tell::Customer(id, register);
    let receipt = router.submit(tenant, tell, command, fingerprint, origin, priority).await?;
    Ok((id, receipt))
}

fn next_virtual_iban(router: &Arc<Router>, tenant: &TenantId, pool: &FrenchPool) -> Result<VirtualIban, IntakeError> {
    let directory = &router.ports().directory;
    loop {
        let number = pool.at(directory.next_pool_index(tenant))?;
        let key = DirectoryKey::VirtualIban(tenant.clone(), number.iban().clone());
        if directory.find(&key)?.is_none() {
            return Ok(number);
        }
    }
}

fn fingerprint_of_profile(profile: &Profile) -> u64 {
    let email = profile.email.as_ref().map_or("", |email| email.as_str());
    let phone = profile.phone.as_ref().map_or("", |phone| phone.as_str());
    hash(&["customer", &profile.external_ref, &profile.name, email, phone, profile.language.code()])
}

/// Issues a payment request for an invoice; gives its id.
pub async fn admit_invoice(
    router: &Arc<Router>, tenant: &TenantId, row: &InvoiceRow, pool: Option<&FrenchPool>, command: CommandId,
    origin: Origin, priority: Priority,
) -> Result<(PaymentRequestId, Receipt), IntakeError> {
    let customer = customer_of(router, tenant, row, pool, &origin, priority).await?;
    let ports = router.ports();
    let now = ports.clock.now(tenant);
    let id = request_id(router, tenant, &row.external_ref, customer, now)?;
    let policies = ports.tenants.policies(tenant).ok_or(SubmitError::UnknownTenant)?;
    let (short_reference, creditor_reference) = references(router, tenant, id, customer)?;
    let terms = Terms {
        id,
        customer,
        external_ref: row.external_ref.clone(),
        amount: row.amount,
        issued_on: row.issued_on.unwrap_or_else(|| now.date_in(&policies.zone)),
        created_at: now,
        due_on: row.due_on,
        description: row.description.clone(),
        short_reference,
        creditor_reference,
        scenario: row.scenario.clone().or_else(|| policies.default_scenario.clone()),
    };
    let fingerprint = hash(&[
        "request",
        &row.external_ref,
        &row.customer_ref,
        &row.amount.to_string(),
        &row.due_on.to_string(),
        &row.description,
    ]);
    let tell = Tell::PaymentRequest(id, payment_request::Command::Issue(terms));
    let receipt = router.submit(tenant, tell, command, fingerprint, origin, priority).await?;
    Ok((id, receipt))
}

async fn customer_of(
    router: &Arc<Router>, tenant: &TenantId, row: &InvoiceRow, pool: Option<&FrenchPool>, origin: &Origin,
    priority: Priority,
) -> Result<CustomerId, IntakeError> {
    if let Some(customer) = &row.customer {
        // The row's own command is the request; the customer's is derived from the row as well.
        let partition = partition_of(tenant, &row.customer_ref);
        let ports = router.ports();
        let command = CommandId::new(ports.clock.now(tenant), ports.clock.random(), partition);
        let origin = match origin {
            Origin::Api => Origin::System,
            other => other.clone(),
        };
        let (id, _) = admit_customer(router, tenant, customer, pool, command, origin, priority).await?;
        return Ok(id);
    }
    let key = DirectoryKey::CustomerExternalRef(tenant.clone(), row.customer_ref.clone());
    match router.ports().directory.find(&key)? {
        Some(DirectoryValue::Customer(id)) => Ok(id),
        _ => Err(IntakeError::UnknownCustomer(row.customer_ref.clone())),
    }
}

fn request_id(
    router: &Arc<Router>, tenant: &TenantId, external_ref: &str, customer: CustomerId, now: Timestamp,
) -> Result<PaymentRequestId, IntakeError> {
    let ports = router.ports();
    let key = DirectoryKey::RequestExternalRef(tenant.clone(), external_ref.to_owned());
    let id = PaymentRequestId::new(now, ports.clock.random(), customer.partition());
    let fresh = DirectoryValue::Request(id, customer);
    match ports.directory.find_or_reserve(&key, &fresh)? {
        DirectoryValue::Request(id, owner) if owner == customer => Ok(id),
        _ => Err(IntakeError::OtherCustomer(external_ref.to_owned())),
    }
}

/// The references of a request: drawn from its id, moved on while another request has them.
fn references(
    router: &Arc<Router>, tenant: &TenantId, id: PaymentRequestId, customer: CustomerId,
) -> Result<(ShortReference, CreditorReference), IntakeError> {
    let ports = router.ports();
    let reference_key = ports.tenants.reference_key(tenant);
    let mut index = hash(&["reference", &id.to_string()]);
    loop {
        let short = ShortReference::of(index, reference_key);
        let key = DirectoryKey::ShortReference(tenant.clone(), short);
        let fresh = DirectoryValue::Request(id, customer);
        let owner = match ports.directory.find(&key)? {
            Some(owner) => owner,
            None => ports.directory.find_or_reserve(&key, &fresh)?,
        };
        if matches!(owner, DirectoryValue::Request(owner, _) if owner == id) {
            let creditor = CreditorReference::of(&short.compact())
                .map_err(|error| SubmitError::Quarantined(format!("creditor reference of {short}: {error}")))?;
            return Ok((short, creditor));
        }
        index = index.wrapping_add(1);
    }
}

/// The entity a transfer with `entry_key` is, in the lane of its payer if that is known.
pub(super) fn transfer_id(
    router: &Arc<Router>, tenant: &TenantId, entry_key: &str, lane: Option<u8>,
) -> Result<EntityId, IntakeError> {
    let ports = router.ports();
    let partition = lane.unwrap_or_else(|| partition_of(tenant, entry_key));
    let id = crate::values::TransferId::new(ports.clock.now(tenant), ports.clock.random(), partition);
    let key = DirectoryKey::TransferEntry(tenant.clone(), entry_key.to_owned());
    match ports.directory.find_or_reserve(&key, &DirectoryValue::Transfer(id))? {
        DirectoryValue::Transfer(id) => Ok(EntityId::Transfer(id)),
        _ => Ok(EntityId::Transfer(id)),
    }
}

/// What distinguishes another content under the same entry key.
pub(super) fn fingerprint_of_entry(entry: &BankEntry) -> u64 {
    hash(&["transfer", &entry.details.entry_key, &entry.details.amount.to_string()])
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
