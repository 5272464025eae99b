//! DKIM signatures of e-mail: RSA and Ed25519, one for each key of the sender's domain.
//! Source: RFC 6376; RFC 8463.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::Message as Mime;
use lettre::message::dkim::{
    DkimCanonicalization, DkimCanonicalizationType, DkimConfig, DkimSigningAlgorithm, DkimSigningKey,
};
use lettre::message::header::HeaderName;
use quittance_actors::values::EmailAddress;
use rsa::RsaPrivateKey;
use rsa::pkcs1::{EncodeRsaPrivateKey, LineEnding};
use rsa::pkcs8::DecodePrivateKey;
use rsa::traits::PublicKeyParts;
use thiserror::Error;

use crate::config::Dkim;

/// The headers that are signed. The type of the content is not among them: lettre keeps it with the body,
/// whose hash covers every part.
/// Headers that are not there are signed too: nobody adds them.
const SIGNED: [&str; 9] = [
    "From",
    "Subject",
    "To",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Auto-Submitted",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
];
/// Receivers trust no RSA key that is shorter. Source: RFC 8301 §3.2.
const RSA_BITS_MIN: usize = 1_024;
/// How an Ed25519 key begins in PKCS #8. Source: RFC 8410 §7.
const ED25519_PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Why a key was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum KeyError {
    #[error("a DKIM key is an RSA or Ed25519 private key in PEM, as `openssl genpkey` writes it")]
    Form,
    #[error("an RSA key of {0} bits is too short: receivers want {RSA_BITS_MIN} at least")]
    Short(usize),
}

/// Signs what leaves for a domain.
#[derive(Debug)]
pub struct Signer {
    domain: String,
    config: DkimConfig,
}

impl Signer {
    /// Reads the key of a domain: PKCS #8 of either kind, or PKCS #1 of RSA.
    pub fn new(dkim: &Dkim) -> Result<Self, KeyError> {
        let key = signing_key(dkim.key.reveal())?;
        let headers = SIGNED.map(HeaderName::new_from_ascii_str).to_vec();
        let relaxed = DkimCanonicalizationType::Relaxed;
        let canonicalization = DkimCanonicalization { header: relaxed, body: relaxed };
        let config = DkimConfig::new(dkim.selector.clone(), dkim.domain.clone(), key, headers, canonicalization);
        Ok(Self { domain: dkim.domain.to_ascii_lowercase(), config })
    }

    /// Whether it signs for a sender: of the domain itself, or of one below it.
    fn signs_for(&self, from: &EmailAddress) -> bool {
        let domain = from.as_str().rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
        let below = domain.strip_suffix(&self.domain).is_some_and(|rest| rest.ends_with('.'));
        domain == self.domain || below
    }
}

/// The bytes of a mail, signed by every key of its sender's domain.
pub fn signed(mime: &Mime, from: &EmailAddress, signers: &[Signer]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for signer in signers.iter().filter(|signer| signer.signs_for(from)) {
        let mut copy = mime.clone();
        copy.sign(&signer.config);
        bytes.extend_from_slice(signature_of(&copy.formatted()));
    }
    bytes.extend_from_slice(&mime.formatted());
    bytes
}

/// The header with the signature, with the lines on which it goes on.
fn signature_of(mail: &[u8]) -> &[u8] {
    const NAME: &[u8] = b"\r\nDKIM-Signature:";
    let start = match memchr::memmem::find(mail, NAME) {
        Some(at) => at + 2,
        None if mail.starts_with(b"DKIM-Signature:") => 0,
        None => return &[],
    };
    let rest = mail.get(start..).unwrap_or_default();
    let mut end = 0;
    for line in rest.split_inclusive(|byte| *byte == b'\n') {
        if end > 0 && !line.starts_with(b" ") && !line.starts_with(b"\t") {
            break;
        }
        end += line.len();
    }
    rest.get(..end).unwrap_or_default()
}

fn signing_key(pem: &str) -> Result<DkimSigningKey, KeyError> {
    use rsa::pkcs1::DecodeRsaPrivateKey as _;
    let pem = pem.trim();
    let body = |label: &str| {
        let inside = pem.strip_prefix(&format!("-----BEGIN {label}-----"))?;
        let inside = inside.strip_suffix(&format!("-----END {label}-----"))?;
        STANDARD.decode(inside.split_whitespace().collect::<String>()).ok()
    };
    let refused = |_| KeyError::Form;
    if let Some(der) = body("PRIVATE KEY")
        && let Some(seed) = der.strip_prefix(ED25519_PKCS8.as_slice())
    {
        return DkimSigningKey::new(&STANDARD.encode(seed), DkimSigningAlgorithm::Ed25519).map_err(refused);
    }
    let key = match RsaPrivateKey::from_pkcs8_pem(pem) {
        Ok(key) => key,
        Err(_) => RsaPrivateKey::from_pkcs1_pem(pem).map_err(|_| KeyError::Form)?,
    };
    let bits = key.size() * 8;
    if bits < RSA_BITS_MIN {
        return Err(KeyError::Short(bits));
    }
    let pem = key.to_pkcs1_pem(LineEnding::LF).map_err(|_| KeyError::Form)?;
    DkimSigningKey::new(&pem, DkimSigningAlgorithm::Rsa).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    const ED25519: &str = include_str!("../../fixtures/dkim/ed25519.pem");
    const RSA: &str = include_str!("../../fixtures/dkim/rsa.pem");

    fn signer(key: &str) -> Result<Signer, KeyError> {
        let (domain, selector) = ("shop.example".to_owned(), "q1".to_owned());
        Signer::new(&Dkim { domain, selector, key: Secret::new(key) })
    }

    #[test]
    fn keys_are_read_as_openssl_writes_them() {
        assert!(signer(RSA).is_ok() && signer(ED25519).is_ok());
        let old = RsaPrivateKey::from_pkcs8_pem(RSA).unwrap().to_pkcs1_pem(LineEnding::CRLF).unwrap();
        assert!(signer(&old).is_ok(), "PKCS #1 as well");
        for wrong in ["", "hunter2", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"] {
            assert_eq!(signer(wrong).err(), Some(KeyError::Form), "{wrong}");
        }
    }

    #[test]
    fn a_key_signs_for_its_domain_and_those_below() {
        let signer = signer(ED25519).unwrap();
        for (from, signs) in
            [("a@shop.example", true), ("a@mail.Shop.example", true), ("a@myshop.example", false), ("a@x.org", false)]
        {
            assert_eq!(signer.signs_for(&EmailAddress::parse(from).unwrap()), signs, "{from}");
        }
    }
}
