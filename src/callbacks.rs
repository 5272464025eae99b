//! Addresses that others call about one thing: what became of a message, that somebody wants no more.
//!
//! Who has such an address may use it: it ends with a code that only we can make. Each says what it is about.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use quittance_actors::values::{CustomerId, DeliveryId, PaymentRequestId, TenantId};
use subtle::ConstantTimeEq as _;

use crate::config::Secret;
use crate::digest;

/// Characters of a code.
const CODE_CHARACTERS: usize = 32;

/// Characters of a code in the id of a mail.
const MAIL_CODE_CHARACTERS: usize = 16;

/// Characters of a code of a payment page: 96 bits.
const PAYMENT_CODE_CHARACTERS: usize = 16;
/// What stands before the id of a request, and is left out.
const REQUEST_PREFIX: &str = "prq_";

/// What an address is for.
#[derive(Debug, Clone, Copy)]
pub enum About {
    /// What became of a message to a customer.
    Message(CustomerId, DeliveryId),
    /// SMS that come in for a tenant.
    Incoming,
    /// What mail servers write back about a tenant's mail.
    Mail,
    /// That a customer wants no more mail.
    Unsubscribe(CustomerId),
}

/// What makes and knows addresses.
#[derive(Debug, Clone)]
pub struct Callbacks {
    base: String,
    key: Secret,
}

impl Callbacks {
    /// Addresses below `base`, with codes by `key`.
    pub fn new(base: &str, key: Secret) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), key }
    }

    /// The address, with its code.
    pub fn address(&self, tenant: &TenantId, about: About) -> String {
        let path = path(tenant, about);
        format!("{}{path}?code={}", self.base, self.code(&path))
    }

    /// Whether a code is the one of a path.
    pub fn knows(&self, path: &str, code: &str) -> bool {
        self.code(path).as_bytes().ct_eq(code.as_bytes()).into()
    }

    /// What stands behind a delivery in the id of its mail: who writes back about a mail has seen it.
    pub fn of_mail(&self, delivery: &str) -> String {
        let mut code = self.code(&format!("mail {delivery}"));
        code.truncate(MAIL_CODE_CHARACTERS);
        code
    }

    /// The delivery of a mail's id, if it is one of ours.
    pub fn mailed(&self, message_id: &str) -> Option<String> {
        let (delivery, code) = message_id.split_once('@')?.0.split_once('.')?;
        bool::from(self.of_mail(delivery).as_bytes().ct_eq(code.as_bytes())).then(|| delivery.to_owned())
    }

    /// The page on which a payer sees what is to be paid, and answers.
    pub fn payment_page(&self, request: PaymentRequestId) -> String {
        format!("{}/p/{}", self.base, self.payment_token(request))
    }

    /// What names a request and shows that we said so: short enough for an SMS.
    pub fn payment_token(&self, request: PaymentRequestId) -> String {
        let id = request.to_string();
        let id = id.strip_prefix(REQUEST_PREFIX).unwrap_or(&id);
        format!("{id}{}", self.of_payment(id))
    }

    /// The request of such a token, if it is one of ours.
    pub fn payment_of(&self, token: &str) -> Option<PaymentRequestId> {
        let (id, code) = token.split_at_checked(token.len().checked_sub(PAYMENT_CODE_CHARACTERS)?)?;
        let known = bool::from(self.of_payment(id).as_bytes().ct_eq(code.as_bytes()));
        known.then(|| PaymentRequestId::parse(&format!("{REQUEST_PREFIX}{id}")).ok()).flatten()
    }

    fn of_payment(&self, id: &str) -> String {
        let mut code = URL_SAFE_NO_PAD.encode(self.mac(&format!("pay {id}")));
        code.truncate(PAYMENT_CODE_CHARACTERS);
        code
    }

    fn code(&self, path: &str) -> String {
        let mut code = digest::hex(&self.mac(path));
        code.truncate(CODE_CHARACTERS);
        code
    }

    fn mac(&self, text: &str) -> Vec<u8> {
        digest::keyed(self.key.reveal().as_bytes(), text.as_bytes()).to_vec()
    }
}

fn path(tenant: &TenantId, about: About) -> String {
    match about {
        About::Message(customer, delivery) => format!("/callbacks/{tenant}/messages/{customer}/{delivery}"),
        About::Incoming => format!("/callbacks/{tenant}/sms"),
        About::Mail => format!("/callbacks/{tenant}/mail"),
        About::Unsubscribe(customer) => format!("/callbacks/{tenant}/unsubscribe/{customer}"),
    }
}

#[cfg(test)]
mod tests {
    use quittance_actors::values::Timestamp;

    use super::*;

    #[test]
    fn an_address_is_known_by_its_code_and_no_other_is() {
        let callbacks = Callbacks::new("https://pay.example/", Secret::new("k"));
        let tenant = TenantId::parse("shop").unwrap();
        let address = callbacks.address(&tenant, About::Unsubscribe(CustomerId::new(Timestamp::default(), 1, 7)));
        let rest = address.strip_prefix("https://pay.example").unwrap();
        let (path, code) = rest.split_once("?code=").unwrap();
        assert!(path.starts_with("/callbacks/shop/unsubscribe/cus_") && code.len() == CODE_CHARACTERS, "{address}");
        assert!(callbacks.knows(path, code));
        assert!(!callbacks.knows("/callbacks/shop/sms", code) && !callbacks.knows(path, ""));
        assert!(!Callbacks::new("https://pay.example", Secret::new("l")).knows(path, code));
        let id = format!("dlv_1.{}@shop.example", callbacks.of_mail("dlv_1"));
        assert_eq!(callbacks.mailed(&id).as_deref(), Some("dlv_1"));
        assert_eq!(callbacks.mailed(&id.replace("dlv_1", "dlv_2")), None);
        assert_eq!(callbacks.mailed("dlv_1@shop.example"), None);
        let request = PaymentRequestId::new(Timestamp::default(), 9, 3);
        let page = callbacks.payment_page(request);
        let token = page.strip_prefix("https://pay.example/p/").unwrap();
        assert_eq!((token.len(), callbacks.payment_of(token)), (42, Some(request)), "{page}");
        for wrong in
            ["", "é", &token[1..], &token.replace(&token[..2], "7Z"), &format!("{}A", &token[..41]), &token[..26]]
        {
            assert_ne!(wrong, token);
            assert!(callbacks.payment_of(wrong).is_none(), "{wrong}");
        }
        assert_eq!(Callbacks::new("https://pay.example", Secret::new("l")).payment_of(token), None);
    }
}
