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

/// Facts that are money: they are written with their currency.
const AMOUNTS: [&str; 3] = ["request.amount", "request.outstanding", "request.paid"];
/// How places in the subject are named.
const SUBJECT: &str = "--subject";

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
    findings.source(SUBJECT, subject);
    let subject: String = subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let subject = replaced(SUBJECT, &subject, channel, &mut has_button, &mut findings);
    let body = replaced(file, text, channel, &mut has_button, &mut findings);
    let is_markup = |(at, _): &(usize, &str)| {
        text.get(at + 1..).and_then(|rest| rest.chars().next()).is_some_and(|c| c.is_ascii_alphabetic() || c == '/')
    };
    if let Some((at, _)) = text.match_indices('<').find(is_markup) {
        findings.push(Finding {
            code: "Q0208",
            severity: Severity::Warning,
            file: file.to_owned(),
            span: at..at + 2,
            message: "it is written in HTML".to_owned(),
            label: "would be read as it stands".to_owned(),
            help: Some("a mail is written as plain text, and its HTML is made of it".to_owned()),
        });
    }
    let body = body.trim();
    if channel != Channel::Email && body.starts_with("+++") {
        let at = text.find("+++").unwrap_or(0);
        let label = "it would be read as the head of the file, not as its text";
        findings.push(refused(file, at..at + 3, "it begins with +++", label, None));
    }
    let text = match channel {
        Channel::Email => {
            let subject = toml::Value::String(subject.trim().to_owned());
            let button = if has_button { "payment_box = true\n" } else { "" };
            format!("+++\nsubject = {subject}\n{button}+++\n{body}\n")
        }
        _ => format!("{body}\n"),
    };
    Imported { text, findings }
}

/// A text with its tags replaced; what is not known is left as it is, and reported.
fn replaced(file: &str, text: &str, channel: Channel, has_button: &mut bool, findings: &mut Findings) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut after_amount = false;
    while let Some(start) = rest.find('#') {
        let (before, from) = rest.split_at(start);
        let name: &str = from.get(1..).and_then(|from| from.split('#').next()).unwrap_or_default();
        let is_tag = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
            && from.as_bytes().get(name.len() + 1) == Some(&b'#');
        after_amount &= before.trim().is_empty();
        plain(&mut out, before, file, text.len() - rest.len(), findings);
        if !is_tag {
            out.push('#');
            rest = from.get(1..).unwrap_or_default();
            continue;
        }
        rest = from.get(name.len() + 2..).unwrap_or_default();
        let span = text.len() - from.len()..text.len() - rest.len();
        if out.ends_with(['\\', '{']) {
            let label = "together with what stands before it, it would not be a fact";
            findings.push(refused(
                file,
                span.clone(),
                &format!("#{name}# stands right behind \\ or {{"),
                label,
                None,
            ));
        }
        match TAGS.iter().find(|(known, _)| *known == name).map(|(_, becomes)| *becomes) {
            Some(Becomes::Fact(path)) => {
                let written = format!("{{{{{path}}}}}");
                after_amount = AMOUNTS.contains(&path);
                // First and last name are one here.
                if path == "customer.name" && out.trim_end().ends_with(&written) {
                    out.truncate(out.trim_end().len());
                } else {
                    out.push_str(&written);
                }
            }
            Some(Becomes::Nothing) if after_amount => {
                out.truncate(out.trim_end_matches([' ', '\u{a0}', '\u{202f}']).len())
            }
            Some(Becomes::Button) if channel == Channel::Email => *has_button = true,
            Some(Becomes::Button) => out.push_str("{{payment.link}}"),
            unknown => {
                let why = match unknown {
                    Some(Becomes::Nothing) => {
                        "an amount says its currency, and here stands none before it".to_owned()
                    }
                    Some(Becomes::Unknown(why)) => why.to_owned(),
                    _ => "it is no tag that is known".to_owned(),
                };
                let near = nearest(name, TAGS.iter().map(|(known, _)| *known)).filter(|near| *near != name);
                let help = near.map(|near| format!("did you mean #{near}#?"));
                findings.push(refused(file, span, &format!("#{name}# cannot be brought over"), &why, help));
                out.push_str(&format!("#{name}#"));
            }
        }
    }
    plain(&mut out, rest, file, text.len() - rest.len(), findings);
    out
}

/// Text as it stands; what would begin an expression is written so that it does not.
fn plain(out: &mut String, text: &str, file: &str, at: usize, findings: &mut Findings) {
    if let Some(place) = text.find("\\{{") {
        let label = "a backslash before two braces means something here";
        findings.push(refused(
            file,
            at + place..at + place + 3,
            "it cannot be brought over as it stands",
            label,
            None,
        ));
    }
    out.push_str(&text.replace("{{", "\\{{"));
}

fn refused(file: &str, span: std::ops::Range<usize>, message: &str, label: &str, help: Option<String>) -> Finding {
    let (message, label) = (message.to_owned(), label.to_owned());
    Finding { code: "Q0209", severity: Severity::Error, file: file.to_owned(), span, message, label, help }
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
        let expected = "+++\nsubject = 'Rappel \"{{merchant.name}}\"'\npayment_box = true\n+++\n\
                        Bonjour {{customer.name}},\n\nIl reste {{request.outstanding}} de {{request.external_ref}}, \
                        n° #1, \\{{ainsi}}.\n\n#MERCHANT_NAM# ##\n";
        assert_eq!(mail, expected);
        let [finding] = findings.all() else { panic!("{:?}", findings.all()) };
        assert_eq!(
            (findings.place(finding), finding.help.as_deref()),
            ((5, 1), Some("did you mean #MERCHANT_NAME#?"))
        );
        for (wrong, said) in [
            ("C:\\#MERCHANT_NAME#", "stands right behind"),
            ("{#MERCHANT_NAME#", "stands right behind"),
            ("\\{{x}}", "as it stands"),
            ("Devise : #PAYMENT_REQUEST_CURRENCY#", "cannot be brought over"),
            ("<p>Bonjour<br>", "written in HTML"),
        ] {
            let found = import("w.txt", wrong, "", Channel::Email).findings;
            assert!(found.all().iter().any(|finding| finding.message.contains(said)), "{wrong}: {:?}", found.all());
        }
        let turned =
            import("r.txt", "#CUSTOMER_LASTNAME# #CUSTOMER_FIRSTNAME#,", "Rappel\n\"1\"", Channel::Email).text;
        assert!(
            turned.contains("\n{{customer.name}},\n") && turned.contains("subject = 'Rappel \"1\"'\n"),
            "{turned}"
        );
        let in_subject = import("r.txt", "Bonjour", "#MERCHANT_NAM#", Channel::Email).findings;
        assert_eq!(in_subject.all()[0].file, "--subject");
        let sms = import("r.txt", "#MERCHANT_NAME# : #PAYMENT_LINK_BUTTON#", "", Channel::Sms);
        assert_eq!(sms.text, "{{merchant.name}} : {{payment.link}}\n");
    }
}
