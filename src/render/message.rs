//! A message as it leaves.

use base64::Engine as _;

use super::scan;

/// A message ready to leave.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Message {
    /// The subject, for e-mail.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same as HTML, for e-mail.
    pub html: Option<String>,
    /// The text of the QR code beside what is to be paid, for e-mail; the HTML shows it as `cid:` [`SCAN`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan: Option<String>,
    /// Whether the invoice itself goes with it, if there is a document of it; then the name under which it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attached: Option<String>,
    /// Which edition of its template: a digest of the template's text and of the pieces it may take in.
    pub edition: String,
}

/// The content id of the QR code in a mail.
pub const SCAN: &str = "scan-to-pay@mail";

impl Message {
    /// The HTML as a page shows it: with the picture of the QR code in it.
    pub fn page(&self) -> Option<String> {
        let html = self.html.as_ref()?;
        Some(match self.scan_picture() {
            Some(picture) => {
                let data =
                    format!("data:image/png;base64,{}", base64::engine::general_purpose::STANDARD.encode(picture));
                html.replace(&format!("cid:{SCAN}"), &data)
            }
            None => html.clone(),
        })
    }

    /// The picture of the QR code, if it shows one.
    pub fn scan_picture(&self) -> Option<Vec<u8>> {
        self.scan.as_deref().and_then(scan::picture)
    }
}
