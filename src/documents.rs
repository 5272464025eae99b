//! Invoices as payers were sent them: the PDF of a payment request, by the number of the invoice. It is attached to mails
//! whose template asks for it, and a click away on the payer's page.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use quittance_actors::values::TenantId;
use thiserror::Error;

use crate::{digest, whole_file};

/// The name of the folder, below the data directory.
pub const FOLDER: &str = "documents";
/// Bytes of a document.
pub const BYTES_MAX: usize = 5 << 20;
/// How a PDF begins. Source: ISO 32000-1, 7.5.2.
const BEGINS: [u8; 5] = *b"%PDF-";

/// Why a document was not taken.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum Refusal {
    #[error("it is no PDF: it does not begin with %PDF-")]
    NoPdf,
    #[error("a document has at most {max} MiB", max = BYTES_MAX >> 20)]
    TooLarge,
    #[error("it cannot be kept: {0}")]
    Io(#[from] io::Error),
}

/// The documents of a data directory.
#[derive(Debug, Clone)]
pub struct Documents(PathBuf);

impl Documents {
    /// The documents below the data directory.
    pub fn of(data: &Path) -> Self {
        Self(data.join(FOLDER))
    }

    /// Where the document of an invoice is: numbers may hold what no file name may.
    fn place(&self, tenant: &TenantId, number: &str) -> (PathBuf, String) {
        let name = digest::hex(&digest::sha256(number.as_bytes()));
        let (shelf, rest) = name.split_at_checked(2).unwrap_or(("", &name));
        (self.0.join(tenant.as_str()).join(shelf), format!("{rest}.pdf"))
    }

    /// Keeps the document of an invoice; a later one takes the place of an earlier one. Durable when this returns.
    pub fn put(&self, tenant: &TenantId, number: &str, bytes: &[u8]) -> Result<(), Refusal> {
        if bytes.len() > BYTES_MAX {
            return Err(Refusal::TooLarge);
        }
        if !bytes.starts_with(&BEGINS) {
            return Err(Refusal::NoPdf);
        }
        let (folder, name) = self.place(tenant, number);
        whole_file::write(&folder, &name, bytes)?;
        // The folders may be as new as the file in them.
        for above in folder.ancestors().skip(1).take(3).filter(|above| above.starts_with(&self.0)) {
            std::fs::File::open(above)?.sync_all()?;
        }
        Ok(())
    }

    /// Keeps a file as the document of an invoice, if it is a PDF; whether it is.
    pub fn put_file(&self, tenant: &TenantId, number: &str, path: &Path) -> Result<bool, Refusal> {
        let mut start = [0; BEGINS.len()];
        let mut file = std::fs::File::open(path)?;
        if file.read(&mut start)? < start.len() || start != BEGINS {
            return Ok(false);
        }
        if file.metadata()?.len() > BYTES_MAX as u64 {
            return Err(Refusal::TooLarge);
        }
        self.put(tenant, number, &std::fs::read(path)?).map(|()| true)
    }

    /// The document of an invoice, if there is one.
    pub fn get(&self, tenant: &TenantId, number: &str) -> io::Result<Option<Vec<u8>>> {
        let (folder, name) = self.place(tenant, number);
        match std::fs::read(folder.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether there is one.
    pub fn has(&self, tenant: &TenantId, number: &str) -> bool {
        let (folder, name) = self.place(tenant, number);
        folder.join(name).is_file()
    }
}

/// The name of an invoice's document for people: no character of it means anything to a header or a file system.
pub fn file_name(number: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    let name: String = number.chars().take(60).map(plain).collect();
    let name = name.trim_matches('.');
    format!("{}.pdf", if name.is_empty() { "invoice" } else { name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_kept_by_its_invoice_and_by_nobody_elses() {
        let data = tempfile::tempdir().unwrap();
        let documents = Documents::of(data.path());
        let (shop, other) = (TenantId::parse("shop").unwrap(), TenantId::parse("other").unwrap());
        let number = "../../F/2026 é";
        assert!(!documents.has(&shop, number));
        documents.put(&shop, number, b"%PDF-1.7 one").unwrap();
        documents.put(&shop, number, b"%PDF-1.7 two").unwrap();
        assert_eq!(documents.get(&shop, number).unwrap().unwrap(), b"%PDF-1.7 two");
        assert!(documents.has(&shop, number) && !documents.has(&other, number) && !documents.has(&shop, "F/2026"));
        assert!(matches!(documents.put(&shop, "a", b"<html>"), Err(Refusal::NoPdf)));
        let large = [b"%PDF-1.7".as_slice(), &vec![b' '; BYTES_MAX]].concat();
        assert!(matches!(documents.put(&shop, "a", &large), Err(Refusal::TooLarge)));
        let below = |path: &Path| path.starts_with(data.path().join(FOLDER).join("shop"));
        assert!(
            walkdir::WalkDir::new(data.path())
                .into_iter()
                .flatten()
                .filter(|e| e.file_type().is_file())
                .all(|e| below(e.path()))
        );
        assert_eq!((file_name(number).as_str(), file_name("...").as_str()), ("_.._F_2026__.pdf", "invoice.pdf"));
    }
}
