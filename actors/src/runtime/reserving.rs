//! Keys of the directory that are found, or reserved while the command that records them is under way.

use std::sync::Arc;

use super::intake::IntakeError;
use super::{Router, SubmitError};
use crate::partition::{DirectoryKey, DirectoryValue};
use crate::ports::{Found, PortError};
use crate::values::{
    CreditorReference, CustomerId, PaymentRequestId, ShortReference, TenantId, Timestamp, stable_hash,
};

/// A key of the directory that is found, or reserved until this is dropped.
pub(super) struct Held<'a> {
    router: &'a Arc<Router>,
    key: DirectoryKey,
    pub(super) value: DirectoryValue,
    reserved: bool,
    /// A command that will record it is under way.
    under_way: bool,
}

impl<'a> Held<'a> {
    pub(super) fn find_or_reserve(
        router: &'a Arc<Router>, key: DirectoryKey, fresh: DirectoryValue,
    ) -> Result<Self, PortError> {
        let (value, reserved) = match router.ports().directory.find_or_reserve(&key, &fresh)? {
            Found::Known(value) => (value, false),
            Found::Reserved(value) => (value, true),
        };
        Ok(Self { router, key, value, reserved, under_way: false })
    }

    /// Whether nothing of this key was recorded yet.
    pub(super) fn is_reserved(&self) -> bool {
        self.reserved
    }

    /// A command that will record it is under way: whoever goes away meanwhile leaves it reserved.
    pub(super) fn leave(&mut self) {
        self.under_way = true;
    }

    /// The command has ended.
    pub(super) fn come_back(&mut self) {
        self.under_way = false;
    }

    /// Waits for the command that records it. A caller that goes away meanwhile leaves it
    /// reserved: its command may still be recorded.
    pub(super) async fn until<T>(&mut self, submitted: impl Future<Output = T>) -> T {
        self.leave();
        let result = submitted.await;
        self.come_back();
        result
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.reserved && !self.under_way {
            self.router.ports().directory.release(&self.key);
        }
    }
}

/// The id of the request with this number: the one it has, or a fresh one.
pub(super) fn request_id<'a>(
    router: &'a Arc<Router>, tenant: &TenantId, external_ref: &str, customer: CustomerId, now: Timestamp,
) -> Result<Held<'a>, IntakeError> {
    let ports = router.ports();
    let key = DirectoryKey::RequestExternalRef(tenant.clone(), external_ref.into());
    let id = PaymentRequestId::new(now, ports.clock.random(), customer.partition());
    let held = Held::find_or_reserve(router, key, DirectoryValue::Request(id, customer))?;
    match held.value {
        DirectoryValue::Request(_, owner) if owner == customer => Ok(held),
        _ => Err(IntakeError::OtherCustomer(external_ref.to_owned())),
    }
}

/// The references of a request: drawn from its id, moved on while another request has them.
pub(super) fn references<'a>(
    router: &'a Arc<Router>, tenant: &TenantId, id: PaymentRequestId, customer: CustomerId,
) -> Result<(Held<'a>, ShortReference, CreditorReference), IntakeError> {
    let ports = router.ports();
    let reference_key = ports.tenants.reference_key(tenant);
    let mut index = stable_hash(&["reference", &id.to_string()]);
    loop {
        let short = ShortReference::of(index, reference_key);
        let key = DirectoryKey::ShortReference(tenant.clone(), short);
        let held = Held::find_or_reserve(router, key, DirectoryValue::Request(id, customer))?;
        if matches!(held.value, DirectoryValue::Request(owner, _) if owner == id) {
            let creditor = CreditorReference::of(&short.compact())
                .map_err(|error| SubmitError::Quarantined(format!("creditor reference of {short}: {error}")))?;
            return Ok((held, short, creditor));
        }
        index = index.wrapping_add(1);
    }
}
