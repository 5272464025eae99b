//! What the directory learns from a record.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::commit::{Commit, SystemFact};
use super::entity::Event;
use crate::customer;
use crate::payment_request;
use crate::transfer;
use crate::values::{CustomerId, EntityId, Iban, PaymentRequestId, ShortReference, TenantId, TransferId};

/// What can be looked up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DirectoryKey {
    /// A customer by the ERP's key.
    CustomerExternalRef(TenantId, SmolStr),
    /// A request by the ERP's key.
    RequestExternalRef(TenantId, SmolStr),
    /// A customer by its account number.
    VirtualIban(TenantId, Iban),
    /// A request by its ISO 11649 reference.
    CreditorReference(TenantId, SmolStr),
    /// A request by its short reference.
    ShortReference(TenantId, ShortReference),
    /// A transfer by its entry key.
    TransferEntry(TenantId, SmolStr),
    /// A file by its digest.
    FileDigest(TenantId, [u8; 32]),
}

/// What a key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DirectoryValue {
    /// A customer.
    Customer(CustomerId),
    /// A request and whose it is.
    Request(PaymentRequestId, CustomerId),
    /// A transfer.
    Transfer(TransferId),
    /// A file that was read to its end.
    File,
}

/// An entry.
pub type DirectoryEntry = (DirectoryKey, DirectoryValue);

/// The entries of a record.
pub fn entries_of(commit: &Commit) -> Vec<DirectoryEntry> {
    let tenant = &commit.tenant;
    let mut entries = Vec::new();
    for change in &commit.changes {
        match &change.event {
            Event::Customer(customer::Event::Registered { id, profile }) => {
                let key = DirectoryKey::CustomerExternalRef(tenant.clone(), profile.external_ref.clone());
                entries.push((key, DirectoryValue::Customer(*id)));
            }
            Event::PaymentRequest(payment_request::Event::Issued { terms }) => {
                let value = DirectoryValue::Request(terms.id, terms.customer);
                let external = terms.external_ref.clone();
                let creditor = terms.creditor_reference.as_str().into();
                entries.push((DirectoryKey::RequestExternalRef(tenant.clone(), external), value));
                entries.push((DirectoryKey::CreditorReference(tenant.clone(), creditor), value));
                entries.push((DirectoryKey::ShortReference(tenant.clone(), terms.short_reference), value));
            }
            Event::Transfer(transfer::Event::Received { details, .. }) => {
                let key = DirectoryKey::TransferEntry(tenant.clone(), details.entry_key.as_str().into());
                entries.push((key, DirectoryValue::Transfer(details.id)));
            }
            Event::Transfer(transfer::Event::Noted { details, .. }) => {
                let key = DirectoryKey::TransferEntry(tenant.clone(), details.entry_key.as_str().into());
                entries.push((key, DirectoryValue::Transfer(details.id)));
            }
            Event::Transfer(transfer::Event::Described(particulars)) if !particulars.part_of.is_empty() => {
                if let EntityId::Transfer(id) = change.entity {
                    let other = particulars.part_of.clone();
                    entries.push((DirectoryKey::TransferEntry(tenant.clone(), other), DirectoryValue::Transfer(id)));
                }
            }
            Event::Customer(customer::Event::VirtualIbanAssigned { virtual_iban }) => {
                if let EntityId::Customer(id) = change.entity {
                    let key = DirectoryKey::VirtualIban(tenant.clone(), virtual_iban.iban().clone());
                    entries.push((key, DirectoryValue::Customer(id)));
                }
            }
            _ => {}
        }
    }
    for fact in &commit.facts {
        // A file of which something was refused may come again once what was wrong is repaired.
        if let SystemFact::FileFinished(file) = fact
            && !file.rejected
            && file.refused == 0
        {
            entries.push((DirectoryKey::FileDigest(tenant.clone(), file.digest), DirectoryValue::File));
        }
    }
    entries
}
