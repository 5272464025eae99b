//! Templates of CentralPay, whose facts are tags such as `#MERCHANT_NAME#`, as templates of ours.
//!
//! Source: the tags that its documentation of payment request templates lists.

use quittance_actors::delivery::Channel;

use crate::diagnostics::{Finding, Findings, Severity, nearest};

/// What a tag becomes.
#[derive(Clone, Copy)]
enum Becomes {
    /// A fact.
    Fact(&'static str),
    /// Nothing, and so does the blank before it: what stands beside it says it already.
    Nothing,
    /// The button of the payment box; the page's address in what has no box.
    Button,
    /// Nothing here tells it, and why.
    Unknown(&'static str),
}

const TAGS: [(&str, Becomes); 20] = [
    ("CUSTOMER_FIRSTNAME", Becomes::Fact("customer.name")),
    ("CUSTOMER_LASTNAME", Becomes::Fact("customer.name")),
    ("FORM_PAYMENT_REQUEST_URL", Becomes::Fact("payment.link")),
    ("MERCHANT_NAME", Becomes::Fact("merchant.name")),
    ("POINT_OF_SALE_NAME", Becomes::Fact("merchant.name")),
    ("MERCHANT_PAYMENT_REQUEST_ID", Becomes::Fact("request.external_ref")),
    ("PAYMENT_REQUEST_CURRENCY", Becomes::Nothing),
    ("PAYMENT_REQUEST_BREAKDOWN_AMOUNT_LEFT", Becomes::Fact("request.outstanding")),
    ("PAYMENT_REQUEST_BREAKDOWN_AMOUNT_PAID", Becomes::Fact("request.paid")),
    ("PAYMENT_REQUEST_BREAKDOWN_UUID", Becomes::Fact("request.id")),
    ("PAYMENT_REQUEST_BREAKDOWN_LIST", Becomes::Unknown("a payment request has one payer")),
    ("PAYMENT_REQUEST_DEADLINE", Becomes::Fact("request.due_on")),
    ("PAYMENT_REQUEST_DESCRIPTION", Becomes::Fact("request.description")),
    ("PAYMENT_REQUEST_LINK_EXPIRATION_DATE", Becomes::Fact("payment.link_until")),
    ("PAYMENT_REQUEST_TOTAL_AMOUNT", Becomes::Fact("request.amount")),
    ("PAYMENT_REQUEST_TOTAL_AMOUNT_LEFT", Becomes::Fact("request.outstanding")),
    ("PAYMENT_REQUEST_TOTAL_AMOUNT_PAID", Becomes::Fact("request.paid")),
    ("PAYMENT_REQUEST_UUID", Becomes::Fact("request.id")),
    ("PAYMENT_LINK_BUTTON", Becomes::Button),
    ("LOGO", Becomes::Unknown("the merchant's mark stands in no message")),
];

/// A template that was brought over.
pub struct Imported {
    /// As a file of ours.
    pub text: String,
    /// What could not be brought over, with its place.
    pub findings: Findings,
}

/// Brings a template over: its text, and the subject of a mail.
pub fn import(file: &str, text: &str, subject: &str, channel: Channel) -> Imported {
    let mut findings = Findings::default();
    findings.source(file, text);
    let mut has_button = false;
    let subject = replaced(file, subject, channel, &mut has_button, &mut findings);
    let body = replaced(file, text, channel, &mut has_button, &mut findings);
    if let Some(at) = body.find("</") {
        findings.push(Finding {
            code: "Q0208",
            severity: Severity::Warning,
            file: file.to_owned(),
            span: text.find("</").unwrap_or(at)..text.find("</").unwrap_or(at) + 2,
            message: "it is written in HTML".to_owned(),
            label: "would be read as it stands".to_owned(),
            help: Some("a mail is written as plain text, and its HTML is made of it".to_owned()),
        });
    }
    let body = body.trim();
    let text = match channel {
        Channel::Email => {
            let subject = subject.trim().replace('\\', "\\\\").replace('"', "\\\"");
            let button = if has_button { "payment_box = true\n" } else { "" };
            format!("+++\nsubject = \"{subject}\"\n{button}+++\n{body}\n")
        }
        _ => format!("{body}\n"),
    };
    Imported { text, findings }
}

/// A text with its tags replaced; what is not known is left as it is, and reported.
fn replaced(file: &str, text: &str, channel: Channel, has_button: &mut bool, findings: &mut Findings) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let plain = |out: &mut String, text: &str| out.push_str(&text.replace("{{", "\\{{"));
    while let Some(start) = rest.find('#') {
        let (before, from) = rest.split_at(start);
        let name: &str = from.get(1..).and_then(|from| from.split('#').next()).unwrap_or_default();
        let is_tag = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
            && from.as_bytes().get(name.len() + 1) == Some(&b'#');
        plain(&mut out, before);
        if !is_tag {
            out.push('#');
            rest = from.get(1..).unwrap_or_default();
            continue;
        }
        rest = from.get(name.len() + 2..).unwrap_or_default();
        match TAGS.iter().find(|(known, _)| *known == name).map(|(_, becomes)| *becomes) {
            Some(Becomes::Fact(path)) => {
                let written = format!("{{{{{path}}}}}");
                // First and last name are one here.
                if name == "CUSTOMER_LASTNAME" && out.trim_end().ends_with(&written) {
                    out.truncate(out.trim_end().len());
                } else {
                    out.push_str(&written);
                }
            }
            Some(Becomes::Nothing) => out.truncate(out.trim_end_matches([' ', '\u{a0}', '\u{202f}']).len()),
            Some(Becomes::Button) if channel == Channel::Email => *has_button = true,
            Some(Becomes::Button) => out.push_str("{{payment.link}}"),
            unknown => {
                let span = text.len() - from.len()..text.len() - rest.len();
                let why = match unknown {
                    Some(Becomes::Unknown(why)) => why.to_owned(),
                    _ => "it is no tag that is known".to_owned(),
                };
                let near = nearest(name, TAGS.iter().map(|(known, _)| *known)).filter(|near| *near != name);
                findings.push(Finding {
                    code: "Q0209",
                    severity: Severity::Error,
                    file: file.to_owned(),
                    span,
                    message: format!("#{name}# cannot be brought over"),
                    label: why,
                    help: near.map(|near| format!("did you mean #{near}#?")),
                });
                out.push_str(&format!("#{name}#"));
            }
        }
    }
    plain(&mut out, rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_facts_and_what_cannot_is_found_with_its_place() {
        let text = "Bonjour #CUSTOMER_FIRSTNAME# #CUSTOMER_LASTNAME#,\n\n\
                    Il reste #PAYMENT_REQUEST_TOTAL_AMOUNT_LEFT# #PAYMENT_REQUEST_CURRENCY# de #MERCHANT_PAYMENT_REQUEST_ID#, \
                    n° #1, {{ainsi}}.\n#PAYMENT_LINK_BUTTON#\n#MERCHANT_NAM# ##\n";
        let Imported { text: mail, findings } =
            import("relance.txt", text, "Rappel \"#MERCHANT_NAME#\"", Channel::Email);
        let expected = "+++\nsubject = \"Rappel \\\"{{merchant.name}}\\\"\"\npayment_box = true\n+++\n\
                        Bonjour {{customer.name}},\n\nIl reste {{request.outstanding}} de {{request.external_ref}}, \
                        n° #1, \\{{ainsi}}.\n\n#MERCHANT_NAM# ##\n";
        assert_eq!(mail, expected);
        let [finding] = findings.all() else { panic!("{:?}", findings.all()) };
        assert_eq!(
            (findings.place(finding), finding.help.as_deref()),
            ((5, 1), Some("did you mean #MERCHANT_NAME#?"))
        );
        let sms = import("r.txt", "#MERCHANT_NAME# : #PAYMENT_LINK_BUTTON#", "", Channel::Sms);
        assert_eq!(sms.text, "{{merchant.name}} : {{payment.link}}\n");
    }
}
