//! What the directory learns from a record.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::commit::{Commit, SystemFact};
use super::entity::Event;
use crate::customer;
use crate::limits;
use crate::payment_request;
use crate::plan;
use crate::transfer::{self, Details, Doubt, Identification, Particulars, awaited_numbers, references};
use crate::values::{
    Currency, CustomerId, EntityId, Iban, Money, PaymentRequestId, PhoneNumber, PlanId, ShortReference, TenantId,
    TransferId, canonical_number, name_key, stable_hash, tail,
};

/// What can be looked up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DirectoryKey {
    /// A customer by the ERP's key.
    CustomerExternalRef(TenantId, SmolStr),
    /// A request by the ERP's key.
    RequestExternalRef(TenantId, SmolStr),
    /// A customer or a request by its own account number.
    VirtualIban(TenantId, Iban),
    /// A request by its ISO 11649 reference.
    CreditorReference(TenantId, SmolStr),
    /// A request by its short reference.
    ShortReference(TenantId, ShortReference),
    /// A transfer by its entry key.
    TransferEntry(TenantId, SmolStr),
    /// A file by its digest.
    FileDigest(TenantId, [u8; 32]),
    /// A request by its invoice's number without separators.
    InvoiceNumber(TenantId, SmolStr),
    /// A customer by the key of its name.
    Name(TenantId, u64),
    /// A customer by an account it has paid from.
    PayerIban(TenantId, Iban),
    /// A request by what was asked for, in minor units.
    Amount(TenantId, Currency, i64),
    /// A request by the last digits of its number.
    NumberTail(TenantId, SmolStr),
    /// A transfer of nobody that names a number nobody had asked for yet.
    AwaitedNumber(TenantId, SmolStr),
    /// Money received, by a hash of its amount and of a reference that its return would carry.
    Received(TenantId, u64),
    /// Customers by a hash of their phone number.
    Phone(TenantId, u64),
    /// A plan by the ERP's key.
    PlanExternalRef(TenantId, SmolStr),
    /// The newest money received of which the bank says all this but the amount, by a hash.
    Said(TenantId, u64),
    /// A customer by the number of an order of its, without separators. Buyers number their orders themselves: two
    /// customers may have the same.
    Order(TenantId, SmolStr),
    /// A file by a hash of its feed and of what its sender calls the message.
    Message(TenantId, u64),
}

impl DirectoryKey {
    /// Whether several may have it; then it means none of them.
    pub fn may_be_shared(&self) -> bool {
        use DirectoryKey as K;
        let of_one = matches!(
            self,
            K::InvoiceNumber(..)
                | K::Name(..)
                | K::PayerIban(..)
                | K::AwaitedNumber(..)
                | K::Received(..)
                | K::Order(..)
        );
        of_one || self.holds_some()
    }

    /// Money received, by its amount and a reference of it.
    pub fn received(tenant: &TenantId, amount: Money, reference: &str) -> Self {
        let minor = amount.minor().to_string();
        DirectoryKey::Received(tenant.clone(), stable_hash(&[amount.currency().code(), &minor, reference]))
    }

    /// Money received, by everything that the bank says of it but its amount; `None` without any reference, and of a
    /// part of a batch.
    pub fn restated(tenant: &TenantId, details: &Details, said: &Particulars) -> Option<Self> {
        let end_to_end = details.end_to_end_id.as_ref().map_or("", |id| id.as_str());
        if said.is_part() {
            return None;
        }
        // Without a reference of the bank's the payer's own says that it is the same.
        let own = [said.servicer_reference.as_str(), said.transaction_id.as_str(), end_to_end];
        let reference = own.into_iter().find(|reference| !reference.is_empty())?;
        let account = details.account.as_ref().map_or("", Iban::electronic);
        let payer = details.payer_iban.as_ref().map_or("", Iban::electronic);
        let (day, currency) = (details.booked_on.to_string(), details.amount.currency());
        let name = details.payer_name.as_deref().unwrap_or_default();
        let said = ["entry", account, &day, currency.code(), reference, end_to_end, name, payer];
        let text =
            details.remittance.structured().iter().map(String::as_str).chain([details.remittance.unstructured()]);
        let all: Vec<&str> = said.into_iter().chain(text).collect();
        Some(DirectoryKey::Said(tenant.clone(), stable_hash(&all)))
    }

    /// Whether it means up to three requests or customers, for a person to look at.
    fn holds_some(&self) -> bool {
        use DirectoryKey as K;
        matches!(self, K::Amount(..) | K::NumberTail(..) | K::Name(..) | K::PayerIban(..) | K::Phone(..))
    }

    /// Customers by their phone number.
    pub fn phone(tenant: &TenantId, phone: &PhoneNumber) -> Self {
        DirectoryKey::Phone(tenant.clone(), stable_hash(&["phone", phone.as_str()]))
    }

    /// What a key that may be shared means after `new` was learned over `known`. The same again
    /// changes nothing.
    pub fn learned(&self, known: Option<DirectoryValue>, new: DirectoryValue) -> DirectoryValue {
        use DirectoryValue as V;
        match (known, new) {
            (None, new) => new,
            (Some(known), new) if known == new => new,
            (Some(V::Request(known, _)), V::Request(new, _)) if self.holds_some() => {
                // In one order, whichever was learned first.
                let (first, second) = (known.min(new), known.max(new));
                V::Requests([first, second, second], 2)
            }
            // Of one customer whatever it pays: an ERP may print a number of the customer on every invoice.
            (Some(V::Request(_, known)), V::Request(_, new)) if known == new => V::Customer(new),
            (Some(V::Customer(known)), V::Request(_, new)) if known == new => V::Customer(new),
            (Some(V::Requests(known, count)), V::Request(new, _)) => {
                with_a_third(known, count, new).map_or(V::Several, |(all, count)| V::Requests(all, count))
            }
            (Some(V::Customer(known)), V::Customer(new)) if self.holds_some() => {
                let (first, second) = (known.min(new), known.max(new));
                V::Customers([first, second, second], 2)
            }
            (Some(V::Customers(known, count)), V::Customer(new)) => {
                with_a_third(known, count, new).map_or(V::Several, |(all, count)| V::Customers(all, count))
            }
            _ => V::Several,
        }
    }
}

/// Two or three with another one, in one order whichever was learned first; `None` when they are more than three.
fn with_a_third<T: Ord + Copy>(known: [T; 3], count: u8, new: T) -> Option<([T; 3], u8)> {
    let [first, second, _] = known;
    match count {
        _ if known.contains(&new) => Some((known, count)),
        2 => {
            let mut all = [first, second, new];
            all.sort_unstable();
            Some((all, 3))
        }
        _ => None,
    }
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
    /// Several have it.
    Several,
    /// Two or three requests have it, so many of these.
    Requests([PaymentRequestId; 3], u8),
    /// Two or three customers have it, so many of these.
    Customers([CustomerId; 3], u8),
    /// A plan.
    Plan(PlanId),
}

/// An entry.
pub type DirectoryEntry = (DirectoryKey, DirectoryValue);

/// A customer by its name, if that says anything.
fn named(tenant: &TenantId, name: &str, id: CustomerId) -> Option<DirectoryEntry> {
    let key = name_key(name)?;
    Some((DirectoryKey::Name(tenant.clone(), key), DirectoryValue::Customer(id)))
}

/// A customer by its phone number, if it has one.
fn phoned(tenant: &TenantId, profile: &customer::Profile, id: CustomerId) -> Option<DirectoryEntry> {
    let phone = profile.phone.as_ref()?;
    Some((DirectoryKey::phone(tenant, phone), DirectoryValue::Customer(id)))
}

/// Whether nothing says who paid a transfer.
fn is_of_nobody(commit: &Commit, id: TransferId) -> bool {
    commit.changes.iter().any(|change| match &change.event {
        Event::Transfer(transfer::Event::TaskOpened { doubt: Doubt::UnknownPayer, .. }) => {
            change.entity == EntityId::Transfer(id)
        }
        _ => false,
    })
}

/// Whether a transfer found its place by what says surely who paid: from then on its payer's account
/// is known.
fn surely_paid(commit: &Commit, id: TransferId) -> bool {
    let of = |event: fn(&transfer::Event) -> bool| {
        commit.changes.iter().any(|change| match &change.event {
            Event::Transfer(found) => change.entity == EntityId::Transfer(id) && event(found),
            _ => false,
        })
    };
    of(|event| matches!(event, transfer::Event::Matched { .. }))
        && of(|event| match event {
            transfer::Event::Weighed(weighed) => {
                matches!(weighed.identified_by, Identification::VirtualIban | Identification::Reference)
            }
            _ => false,
        })
}

/// What else the bank said of a transfer that is received in a record.
fn described(commit: &Commit, id: TransferId) -> Option<&Particulars> {
    commit.changes.iter().find_map(|change| match &change.event {
        Event::Transfer(transfer::Event::Described(said)) if change.entity == EntityId::Transfer(id) => Some(&**said),
        _ => None,
    })
}

/// The entries of a record.
pub fn entries_of(commit: &Commit) -> Vec<DirectoryEntry> {
    let tenant = &commit.tenant;
    let mut entries = Vec::new();
    for change in &commit.changes {
        match &change.event {
            Event::Customer(customer::Event::Registered { id, profile }) => {
                let key = DirectoryKey::CustomerExternalRef(tenant.clone(), profile.external_ref.clone());
                entries.push((key, DirectoryValue::Customer(*id)));
                entries.extend(named(tenant, &profile.name, *id));
                entries.extend(phoned(tenant, profile, *id));
            }
            Event::Customer(customer::Event::ProfileChanged { profile }) => {
                if let EntityId::Customer(id) = change.entity {
                    entries.extend(named(tenant, &profile.name, id));
                    entries.extend(phoned(tenant, profile, id));
                }
            }
            Event::PaymentRequest(payment_request::Event::Issued { terms }) => {
                let value = DirectoryValue::Request(terms.id, terms.customer);
                let external = terms.external_ref.clone();
                let creditor = terms.creditor_reference.as_str().into();
                let number = canonical_number(&external);
                if !number.is_empty() {
                    entries.push((DirectoryKey::InvoiceNumber(tenant.clone(), number), value));
                }
                let (currency, minor) = (terms.amount.currency(), terms.amount.minor());
                entries.push((DirectoryKey::Amount(tenant.clone(), currency, minor), value));
                let tail = tail(&external);
                if tail.len() >= limits::TELLING_TAIL_DIGITS_MIN {
                    entries.push((DirectoryKey::NumberTail(tenant.clone(), tail.into()), value));
                }
                entries.push((DirectoryKey::RequestExternalRef(tenant.clone(), external), value));
                entries.push((DirectoryKey::CreditorReference(tenant.clone(), creditor), value));
                entries.push((DirectoryKey::ShortReference(tenant.clone(), terms.short_reference), value));
            }
            Event::PaymentRequest(payment_request::Event::ReferenceGiven { reference, customer }) => {
                if let EntityId::PaymentRequest(id) = change.entity {
                    // It is found where invoice numbers are, whatever the payer puts between its digits.
                    let key = DirectoryKey::InvoiceNumber(tenant.clone(), canonical_number(reference));
                    entries.push((key, DirectoryValue::Request(id, *customer)));
                }
            }
            Event::PaymentRequest(payment_request::Event::OrderJoined { order, customer }) => {
                let key = DirectoryKey::Order(tenant.clone(), canonical_number(order));
                entries.push((key, DirectoryValue::Customer(*customer)));
            }
            Event::PaymentRequest(payment_request::Event::NumberGiven { virtual_iban, customer, .. }) => {
                if let EntityId::PaymentRequest(id) = change.entity {
                    let key = DirectoryKey::VirtualIban(tenant.clone(), virtual_iban.iban().clone());
                    entries.push((key, DirectoryValue::Request(id, *customer)));
                }
            }
            Event::Plan(plan::Event::Created { terms }) => {
                let key = DirectoryKey::PlanExternalRef(tenant.clone(), terms.external_ref.clone());
                entries.push((key, DirectoryValue::Plan(terms.id)));
            }
            Event::Transfer(transfer::Event::Received { details, customer }) => {
                let key = DirectoryKey::TransferEntry(tenant.clone(), details.entry_key.as_str().into());
                entries.push((key, DirectoryValue::Transfer(details.id)));
                let said = described(commit, details.id);
                let restated = said.and_then(|said| DirectoryKey::restated(tenant, details, said));
                entries.extend(restated.map(|key| (key, DirectoryValue::Transfer(details.id))));
                if let Some(reference) = references(details, said).next() {
                    let key = DirectoryKey::received(tenant, details.amount, reference);
                    entries.push((key, DirectoryValue::Transfer(details.id)));
                }
                if customer.is_none() && is_of_nobody(commit, details.id) {
                    let awaited = awaited_numbers(details).into_iter();
                    let of = |number| {
                        (DirectoryKey::AwaitedNumber(tenant.clone(), number), DirectoryValue::Transfer(details.id))
                    };
                    entries.extend(awaited.map(of));
                }
                if let (Some(customer), Some(iban)) = (customer, &details.payer_iban)
                    && surely_paid(commit, details.id)
                {
                    let key = DirectoryKey::PayerIban(tenant.clone(), iban.clone());
                    entries.push((key, DirectoryValue::Customer(*customer)));
                }
            }
            Event::Transfer(transfer::Event::PayerRemembered { iban, customer, .. }) => {
                let key = DirectoryKey::PayerIban(tenant.clone(), iban.clone());
                entries.push((key, DirectoryValue::Customer(*customer)));
            }
            Event::Transfer(transfer::Event::PayerDoubted { iban }) => {
                let key = DirectoryKey::PayerIban(tenant.clone(), iban.clone());
                entries.push((key, DirectoryValue::Several));
            }
            Event::Transfer(transfer::Event::Noted { details, .. }) => {
                let key = DirectoryKey::TransferEntry(tenant.clone(), details.entry_key.as_str().into());
                entries.push((key, DirectoryValue::Transfer(details.id)));
            }
            Event::Transfer(transfer::Event::Described(particulars)) => {
                if let EntityId::Transfer(id) = change.entity {
                    let key = |other: &str| DirectoryKey::TransferEntry(tenant.clone(), other.into());
                    entries.extend(particulars.other_keys().map(|other| (key(other), DirectoryValue::Transfer(id))));
                }
            }
            Event::Customer(
                customer::Event::VirtualIbanAssigned { virtual_iban }
                | customer::Event::VirtualIbanGiven { virtual_iban, .. },
            ) => {
                if let EntityId::Customer(id) = change.entity {
                    let key = DirectoryKey::VirtualIban(tenant.clone(), virtual_iban.iban().clone());
                    entries.push((key, DirectoryValue::Customer(id)));
                }
            }
            _ => {}
        }
    }
    for fact in &commit.facts {
        if let SystemFact::MessageRead { message, .. } = fact {
            entries.push((DirectoryKey::Message(tenant.clone(), *message), DirectoryValue::File));
        }
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
