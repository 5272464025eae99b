//! E-mail by SMTP. The Message-ID comes from the delivery, so a second try is recognised.

use lettre::Message as Mime;
use lettre::address::{Address, Envelope};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use quittance_actors::delivery::{Fault, Verdict};
use quittance_actors::values::{EmailAddress, Timestamp};

use super::dkim::{Signer, signed};
use super::relay::{self, Failure, Relay, plain};
use super::{later, never};
use crate::config::Smtp;
use crate::render::{Message, SCAN};

/// An e-mail about to leave.
pub struct Mail<'a> {
    /// The delivery's id.
    pub id: String,
    /// What stands before the @ of the mail's id: the delivery's id, and what shows that somebody has seen the mail.
    pub message_id: String,
    /// The sender's name.
    pub from_name: &'a str,
    /// The sender.
    pub from: &'a EmailAddress,
    /// The recipients.
    pub to: Vec<EmailAddress>,
    /// What it is about: mails about the same stand together, as answers to one that never was.
    pub thread: Option<String>,
    /// When the event happened: the date of the mail, so that every try has the same bytes.
    pub at: Timestamp,
    /// What it says.
    pub message: &'a Message,
    /// Where the recipient asks for no more mail, if there is such a place.
    pub unsubscribe_url: Option<String>,
    /// A PDF that goes with it, and its name.
    pub attached: Option<(&'a str, Vec<u8>)>,
}

/// A mail as it leaves.
pub struct Written {
    envelope: Envelope,
    /// Byte for byte.
    pub bytes: Vec<u8>,
}

/// Sends by one relay.
pub struct Email {
    relay: Relay,
    signers: Vec<Signer>,
    /// Who is told when a mail does not arrive, if not the sender.
    bounces_to: Option<Address>,
    /// Whether that address says of which mail each is.
    verp: bool,
}

impl Email {
    /// A sender over `relay`.
    pub fn new(relay: &Smtp) -> Result<Self, String> {
        let signer = |dkim| Signer::new(dkim).map_err(|error| error.to_string());
        let signers = relay.dkim.iter().map(signer).collect::<Result<_, _>>()?;
        let bounces_to = relay.bounces_to.as_ref().map(|address| address.as_str().parse::<Address>());
        let bounces_to = bounces_to.transpose().map_err(|error| format!("bounces_to: {error}"))?;
        Ok(Self { relay: Relay::new(relay)?, signers, bounces_to, verp: relay.verp })
    }

    /// Who is told when a mail does not arrive; the sender with `None`.
    fn returns_to(&self, message_id: &str) -> Option<Result<Address, String>> {
        let address = self.bounces_to.as_ref()?;
        if !self.verp {
            return Some(Ok(address.clone()));
        }
        let local = format!("{}+{message_id}", address.user());
        Some(Address::new(local, address.domain()).map_err(|error| format!("bounces_to: {error}")))
    }

    /// The mail as it leaves, signed, or why it never can.
    pub fn write(&self, mail: &Mail<'_>) -> Result<Written, Verdict> {
        let mime = mime(mail).map_err(|error| never(Fault::Content, error))?;
        let bytes = signed(&mime, mail.from, &self.signers);
        let returned =
            self.returns_to(&mail.message_id).transpose().map_err(|error| never(Fault::Settings, error))?;
        let envelope = match returned {
            None => mime.envelope().clone(),
            Some(address) => Envelope::new(Some(address), mime.envelope().to().to_vec())
                .map_err(|error| never(Fault::Settings, error.to_string()))?,
        };
        Ok(Written { envelope, bytes })
    }

    /// Sends once.
    pub async fn send(&self, Written { envelope, bytes }: &Written) -> Verdict {
        match self.relay.send(envelope, bytes).await {
            Ok(relay::Said { response, left_out: 0 }) => {
                Verdict::Accepted { detail: format!("relay answered {}", response.code()) }
            }
            Ok(relay::Said { response, left_out }) => {
                let of = envelope.to().len();
                let detail = format!("relay answered {}; {left_out} of {of} addresses were refused", response.code());
                Verdict::Accepted { detail }
            }
            Err(Failure::Nobody(error)) => {
                never(Fault::Unreachable, format!("nobody is at the address, {}", plain(&error)))
            }
            Err(Failure::Refused(error)) if error.is_permanent() => {
                never(Fault::Refused, format!("by the relay, {}", plain(&error)))
            }
            Err(Failure::Refused(error)) => later(Fault::Busy, format!("relay, {}", plain(&error))),
            Err(Failure::Unreachable(why)) => later(Fault::Connection, format!("relay, {why}")),
            Err(Failure::Silent) => later(Fault::Timeout, "the relay did not answer in time"),
        }
    }
}

/// A client with nothing around it, to measure ours against.
pub struct BareClient(Relay);

/// The client of a relay on this machine.
pub fn bare_client(port: u16) -> Result<BareClient, String> {
    Relay::on_this_machine(port).map(BareClient)
}

impl BareClient {
    /// Sends a mail; says whether it was taken.
    pub async fn send(&self, mail: &[u8]) -> bool {
        let address = || Address::new("bench", "example.org").ok();
        let envelope = Envelope::new(address(), address().into_iter().collect());
        match envelope {
            Ok(envelope) => self.0.send(&envelope, mail).await.is_ok(),
            Err(_) => false,
        }
    }
}

fn mailbox(name: Option<&str>, address: &EmailAddress) -> Result<Mailbox, String> {
    let address = address.as_str().parse().map_err(|error| format!("address: {error}"))?;
    // Control characters in a name would make a header of their own.
    let name = name.map(|name| name.chars().filter(|c| !c.is_control()).take(100).collect());
    Ok(Mailbox::new(name, address))
}

/// The message as it goes over the wire.
pub fn mime(mail: &Mail<'_>) -> Result<Mime, String> {
    let from = mailbox(Some(mail.from_name), mail.from)?;
    let domain = mail.from.as_str().rsplit('@').next().unwrap_or("localhost").to_owned();
    let millis = u64::try_from(mail.at.unix_millis()).unwrap_or(0);
    let mut builder = Mime::builder()
        .from(from)
        .subject(mail.message.subject.clone())
        .message_id(Some(format!("<{}@{domain}>", mail.message_id)))
        .date(std::time::UNIX_EPOCH + std::time::Duration::from_millis(millis));
    if let Some(thread) = &mail.thread {
        let thread = format!("<{thread}@{domain}>");
        builder = builder.in_reply_to(thread.clone()).references(thread);
    }
    for to in &mail.to {
        builder = builder.to(mailbox(None, to)?);
    }
    builder = builder
        .raw_header(raw("Auto-Submitted", "auto-generated")?)
        .raw_header(raw("X-Auto-Response-Suppress", "All")?);
    if let Some(url) = &mail.unsubscribe_url {
        // Source: RFC 8058.
        builder = builder
            .raw_header(raw("List-Unsubscribe", &format!("<{url}>"))?)
            .raw_header(raw("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")?);
    }
    let said = said(mail)?;
    let built = match (&mail.attached, said) {
        (None, Said::Plain(text)) => builder.singlepart(text),
        (None, Said::Parts(parts)) => builder.multipart(parts),
        (Some((name, bytes)), said) => {
            let kind = ContentType::parse("application/pdf").map_err(|error| error.to_string())?;
            let document = Attachment::new((*name).to_owned()).body(bytes.clone(), kind);
            let mixed = MultiPart::mixed().boundary(format!("with-{}", mail.id));
            builder.multipart(match said {
                Said::Plain(text) => mixed.singlepart(text).singlepart(document),
                Said::Parts(parts) => mixed.multipart(parts).singlepart(document),
            })
        }
    };
    built.map_err(|error| error.to_string())
}

/// What a mail says.
enum Said {
    /// Text alone.
    Plain(SinglePart),
    /// Text, and the same as HTML.
    Parts(MultiPart),
}

fn said(mail: &Mail<'_>) -> Result<Said, String> {
    let text = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(mail.message.text.clone());
    let Some(html) = &mail.message.html else { return Ok(Said::Plain(text)) };
    let html = SinglePart::builder().header(ContentType::TEXT_HTML).body(html.clone());
    let parts = MultiPart::alternative().boundary(format!("part-{}", mail.id)).singlepart(text);
    Ok(Said::Parts(match mail.message.scan_picture() {
        None => parts.singlepart(html),
        Some(picture) => {
            let kind = ContentType::parse("image/png").map_err(|error| error.to_string())?;
            let picture = Attachment::new_inline(SCAN.to_owned()).body(picture, kind);
            let related = MultiPart::related().boundary(format!("shown-{}", mail.id));
            parts.multipart(related.singlepart(html).singlepart(picture))
        }
    }))
}

fn raw(name: &'static str, value: &str) -> Result<HeaderValue, String> {
    let name = HeaderName::new_from_ascii(name.to_owned()).map_err(|error| error.to_string())?;
    Ok(HeaderValue::new(name, value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(from_name: &str, subject: &str) -> String {
        let from = EmailAddress::parse("no-reply@shop.example").unwrap();
        let message = Message {
            subject: subject.to_owned(),
            text: "Bonjour é".to_owned(),
            html: Some("<p>Bonjour é</p>".to_owned()),
            scan: None,
            attached: None,
            edition: String::new(),
        };
        let mail = Mail {
            id: "dlv_1".to_owned(),
            message_id: "dlv_1".to_owned(),
            thread: Some("prq_1".to_owned()),
            from_name,
            from: &from,
            to: vec![EmailAddress::parse("jean@example.org").unwrap()],
            at: Timestamp::from_unix_millis(1_773_478_800_000),
            message: &message,
            unsubscribe_url: Some("https://pay.example/callbacks/shop/unsubscribe/cus_1?code=2".to_owned()),
            attached: Some(("F-1.pdf", b"%PDF-1.7 x".to_vec())),
        };
        String::from_utf8(mime(&mail).unwrap().formatted()).unwrap()
    }

    #[test]
    fn every_try_has_the_same_bytes_and_a_stable_id() {
        let first = rendered("Maison Dupré", "Échéance");
        assert_eq!(first, rendered("Maison Dupré", "Échéance"));
        assert!(first.contains("Message-ID: <dlv_1@shop.example>"), "{first}");
        assert!(first.contains("References: <prq_1@shop.example>\r\n"), "{first}");
        assert!(first.contains("In-Reply-To: <prq_1@shop.example>\r\n"), "{first}");
        assert!(
            first.contains("List-Unsubscribe: <https://pay.example/callbacks/shop/unsubscribe/cus_1?code=2>\r\n")
        );
        assert!(first.contains("multipart/alternative; boundary=\"part-dlv_1\""), "{first}");
        assert!(
            first.contains("multipart/mixed; boundary=\"with-dlv_1\"") && first.contains("filename=\"F-1.pdf\""),
            "{first}"
        );
    }

    #[test]
    fn hostile_names_and_subjects_add_no_header() {
        let mail = rendered("Bob\r\nBcc: x@y.example\0", "Hello\r\nBcc: x@y.example");
        let headers = mail.split("\r\n\r\n").next().unwrap();
        assert!(!headers.lines().any(|line| line.starts_with("Bcc")), "{headers}");
    }
}
