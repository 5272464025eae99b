//! What mail servers and mailbox providers write back about a mail: that it did not arrive, that it waits, that its
//! reader complained. Sources: RFC 3464 (delivery status), RFC 5965 (abuse feedback), RFC 3463 (status codes).

use std::panic::catch_unwind;

use mail_parser::{Message, MessageParser, MimeHeaders as _, PartType};

/// Bytes of a report; what is longer returns more than it needs to.
pub const REPORT_BYTES_MAX: usize = 1 << 20;

/// Bytes of a report that are judged.
const JUDGED_BYTES_MAX: usize = 64 << 10;
/// Stack for judging one: some 2,400 mails within each other, a few kilobytes for each.
const STACK_BYTES: usize = 32 << 20;

/// Codes of addresses that nobody has. Source: RFC 3463 §3.2, RFC 7505.
const OF_NOBODY: [&str; 6] = ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"];

/// A report about a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailReport {
    /// What may be the id of the mail it is about, without its brackets: as the mail says it that came back, and as the
    /// address says it that it came back to (`bounces+ID@…`).
    pub about: Vec<String>,
    /// The address that it is about, if it says so.
    pub recipient: Option<String>,
    /// What it says.
    pub said: Said,
}

/// What a report says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It arrived.
    Arrived,
    /// It waits, and is tried again.
    Waits,
    /// It did not arrive.
    Failed {
        /// The status code.
        status: String,
        /// Whether nobody has the address.
        lasting: bool,
    },
    /// Its reader complained.
    Complaint,
}

/// Reads a mail as a report; `None` when it is another mail, or does not say which mail it is about.
pub fn read(bytes: &[u8]) -> Option<MailReport> {
    // What came back stands behind what is said of it; a mail within a mail within a mail is put together and taken apart one
    // within the other, which takes stack for each.
    let bytes = bytes.get(..JUDGED_BYTES_MAX).unwrap_or(bytes);
    std::thread::scope(|scope| {
        let judge = std::thread::Builder::new().stack_size(STACK_BYTES);
        // The library asserts, where it is built with assertions, what some broken mails do not hold: such a mail is no report.
        let judging = judge.spawn_scoped(scope, || catch_unwind(|| judged(bytes)).ok().flatten());
        judging.ok().and_then(|judging| judging.join().ok()).flatten()
    })
}

fn judged(bytes: &[u8]) -> Option<MailReport> {
    let report = MessageParser::default().parse(bytes)?;
    let (mut said, mut about, mut recipient) = (None, None, None);
    for (at, part) in report.parts.iter().enumerate() {
        let kind = part.content_type().map(|kind| (kind.ctype(), kind.subtype().unwrap_or_default()));
        let is = |main: &str, sub: &str| {
            kind.is_some_and(|(ctype, subtype)| ctype.eq_ignore_ascii_case(main) && subtype.eq_ignore_ascii_case(sub))
        };
        if is("message", "delivery-status") {
            let fields = unfolded(&text(&part.body));
            said = said.or_else(|| status(&fields, &report));
            recipient = recipient.or_else(|| recipient_of(&fields));
        } else if is("message", "feedback-report") {
            let kind = field(&text(&part.body), "Feedback-Type").unwrap_or_default().to_ascii_lowercase();
            // Others tell that a mail is wanted, or of signatures. Sources: RFC 6430, RFC 6591.
            if ["", "abuse", "fraud", "opt-out", "opt-out-list"].contains(&kind.as_str()) {
                said = Some(Said::Complaint);
            }
        } else if is("text", "rfc822-headers") {
            about = about.or_else(|| id_of(MessageParser::default().parse(text(&part.body).as_bytes()).as_ref()));
        } else if let PartType::Message(original) = &part.body
            && at > 0
        {
            about = about.or_else(|| id_of(Some(original)));
        }
    }
    let about: Vec<String> = about.into_iter().chain(addressed(&report)).collect();
    (!about.is_empty()).then_some(MailReport { about, recipient, said: said? })
}

fn text(body: &PartType<'_>) -> String {
    match body {
        PartType::Text(text) | PartType::Html(text) => text.to_string(),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        PartType::Message(message) => String::from_utf8_lossy(message.raw_message()).into_owned(),
        PartType::Multipart(_) => String::new(),
    }
}

/// Headers in which a mail server says where it delivers, and the one in which the sender did.
const ADDRESSED: [&str; 5] = ["Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To"];

/// What stands after the + of the addresses that a report came to, as the id of a mail.
fn addressed(report: &Message<'_>) -> Vec<String> {
    let values = ADDRESSED.iter().filter_map(|name| report.header_raw(*name));
    let words =
        values.flat_map(|value| value.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';')));
    let tagged = words.filter_map(|word| {
        let (local, domain) = word.rsplit_once('@')?;
        let (_, tag) = local.split_once('+')?;
        // Mail servers may write addresses in small letters; ids are in capitals, and their codes are not.
        let (id, code) = tag.split_once('.')?;
        let (prefix, symbols) = id.split_once('_')?;
        Some(format!(
            "{}_{}.{}@{domain}",
            prefix.to_ascii_lowercase(),
            symbols.to_ascii_uppercase(),
            code.to_ascii_lowercase()
        ))
    });
    tagged.take(ADDRESSES_MAX).collect()
}

/// Addresses of a report that are looked at.
const ADDRESSES_MAX: usize = 8;

fn id_of(original: Option<&Message<'_>>) -> Option<String> {
    original?.message_id().map(str::to_owned)
}

/// Fields of one line each: what begins with a space goes on with the line before.
fn unfolded(fields: &str) -> String {
    let mut plain = String::with_capacity(fields.len());
    for line in fields.lines() {
        match line.strip_prefix([' ', '\t']) {
            Some(rest) if !rest.trim().is_empty() && !plain.is_empty() => plain.push(' '),
            _ if !plain.is_empty() => plain.push('\n'),
            _ => {}
        }
        plain.push_str(line.trim());
    }
    plain
}

/// The value of a field, the last of its name.
fn field(fields: &str, name: &str) -> Option<String> {
    let of_name =
        |line: &&str| line.split_once(':').is_some_and(|(known, _)| known.trim().eq_ignore_ascii_case(name));
    let line = fields.lines().rfind(of_name)?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

/// The address as it was written to, before anybody handed it on.
fn recipient_of(fields: &str) -> Option<String> {
    let named = field(fields, "Original-Recipient").or_else(|| field(fields, "Final-Recipient"))?;
    let address = named.split_once(';').map_or(named.as_str(), |(_, address)| address).trim();
    let address = address.trim_start_matches('<').trim_end_matches('>');
    (!address.is_empty()).then(|| address.to_owned())
}

/// What the fields of a delivery status say of its last recipient.
fn status(fields: &str, report: &Message<'_>) -> Option<Said> {
    let field = |name: &str| field(fields, name);
    let action = field("Action")?.to_ascii_lowercase();
    // Some say more behind it: 5.1.1 (user unknown).
    let mut status =
        field("Status").and_then(|said| said.split_whitespace().next().map(str::to_owned)).unwrap_or_default();
    // Some servers say more in words than in their fields.
    if status.is_empty() || status.ends_with(".0.0") {
        let words =
            [field("Diagnostic-Code").unwrap_or_default(), report.body_text(0).unwrap_or_default().into_owned()];
        status = words.iter().find_map(|words| code_in(words)).unwrap_or(status);
    }
    Some(match action.as_str() {
        "delivered" | "relayed" | "expanded" => Said::Arrived,
        "delayed" => Said::Waits,
        _ => {
            let lasting = OF_NOBODY.contains(&status.as_str());
            let status = status.chars().take(20).collect();
            Said::Failed { status, lasting }
        }
    })
}

/// The first status code in words that says more than that something failed.
fn code_in(words: &str) -> Option<String> {
    let is_code = |word: &&str| {
        let parts: Vec<&str> = word.split('.').collect();
        let numbers =
            parts.iter().all(|part| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()));
        parts.len() == 3 && numbers && ["2", "4", "5"].contains(&parts.first().copied().unwrap_or_default())
    };
    let mut words = words.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '<' | '>' | ';' | ',' | '-'));
    words.find(|word| is_code(word) && !word.ends_with(".0.0")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        std::fs::read(format!("{}/fixtures/mail/{name}.eml", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    #[test]
    fn reports_say_what_became_of_which_mail() {
        let failed = |status: &str, lasting| Said::Failed { status: status.to_owned(), lasting };
        for (name, recipient, said) in [
            ("opensmtpd_unknown", Some("nouser@example.org"), failed("5.1.1", true)),
            ("opensmtpd_full", Some("full@example.org"), failed("5.2.2", false)),
            ("refused", Some("user@example.net"), failed("5.1.1", true)),
            ("delayed", Some("user@example.net"), Said::Waits),
            ("complaint", None, Said::Complaint),
        ] {
            let recipient = recipient.map(str::to_owned);
            let about = vec!["dlv_01KJPRZB00FX98K3AKA8MP2043.0123456789abcdef@maison-dupre.example".to_owned()];
            assert_eq!(read(&fixture(name)), Some(MailReport { about, recipient, said }), "{name}");
        }
    }

    #[test]
    fn codes_are_read_however_servers_write_them() {
        let report = |fields: &str| {
            format!(
                "To: bounces+dlv_01KJPRZB00FX98K3AKA8MP2043.0123456789abcdef@shop.example\r\nContent-Type: multipart/report; \
                 boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n{fields}\r\n\r\n--b--\r\n"
            )
        };
        for fields in [
            "Final-Recipient: rfc822; a@example.org\r\nAction: failed\r\nStatus: 5.1.1 (user unknown)",
            "Final-Recipient: rfc822;\r\n a@example.org\r\nAction: failed\r\nStatus: 5.1.1",
            "Final-Recipient: rfc822; a@example.org\r\nAction: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 550-5.1.1 The email\r\n 550 account does not exist",
        ] {
            let told = read(report(fields).as_bytes()).unwrap();
            assert_eq!(told.said, Said::Failed { status: "5.1.1".to_owned(), lasting: true }, "{fields}");
            assert_eq!(told.recipient.as_deref(), Some("a@example.org"), "{fields}");
        }
    }

    #[test]
    fn a_mail_within_a_mail_a_thousand_times_over_is_no_report_and_no_end() {
        let nested = "Content-Type:message/rfc822\n\n".repeat(40_000);
        assert_eq!(read(nested.as_bytes()), None);
        use base64::Engine as _;
        let inner = base64::engine::general_purpose::STANDARD.encode(&nested);
        let encoded = format!("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n{inner}");
        assert_eq!(read(encoded.as_bytes()), None);
    }

    #[test]
    fn the_address_that_a_report_came_to_says_which_mail_it_is_about() {
        let text = String::from_utf8(fixture("opensmtpd_unknown")).unwrap();
        let to = "To: bounces+DLV_01kjprzb00fx98k3aka8mp2043.0123456789ABCDEF@maison-dupre.example";
        let text = text.replace("To: bounces@maison-dupre.example", to);
        // What came back of it says nothing.
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("Message-ID: <dlv_")).collect();
        let text = lines.join("\n");
        let about = read(text.as_bytes()).unwrap().about;
        assert_eq!(about, ["dlv_01KJPRZB00FX98K3AKA8MP2043.0123456789abcdef@maison-dupre.example"]);
    }

    #[test]
    fn a_report_that_a_mail_is_wanted_or_of_its_signature_is_no_complaint() {
        let complaint = String::from_utf8(fixture("complaint")).unwrap();
        for kind in ["not-spam", "auth-failure"] {
            assert_eq!(
                read(complaint.replace("Feedback-Type: abuse", &format!("Feedback-Type: {kind}")).as_bytes()),
                None
            );
        }
    }

    #[test]
    fn other_mails_and_broken_ones_are_no_reports() {
        for other in [
            &b""[..],
            b"From: a@example.org\r\nSubject: Re: Facture\r\nMessage-ID: <x@y>\r\n\r\nStatus: 5.1.1\r\nAction: failed\r\n",
            b"Content-Type: multipart/report; boundary=\"x\"\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\nAction",
            b"Content-Type: message/delivery-status\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n",
        ] {
            assert_eq!(read(other), None, "{}", String::from_utf8_lossy(other));
        }
        assert_eq!(read(&fixture("parts_without_end")), None);
        let whole = fixture("refused");
        for end in (0..whole.len()).step_by(7) {
            let _ = read(&whole[..end]);
        }
    }
}
