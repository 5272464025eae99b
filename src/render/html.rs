//! A plain text as an HTML mail: paragraphs, and a receipt box with what to pay and where.
//!
//! Everything is escaped; styles stand inline because mail readers drop the rest.

use quittance_actors::values::Language;
use serde_json::Value as Json;

fn escape(text: &str) -> String {
    handlebars::html_escape(text)
}

/// The value at a dotted path, as text.
fn at<'a>(data: &'a Json, group: &str, name: &str) -> Option<&'a str> {
    data.get(group)?.get(name)?.as_str()
}

/// Lines of the box: label and value.
fn rows(data: &Json, language: Language) -> Vec<(&'static str, String)> {
    let label = |fr, en| if language == Language::Fr { fr } else { en };
    let row = |name, group, field| at(data, group, field).map(|value: &str| (name, value.to_owned()));
    [
        row(label("Montant dû", "Amount due"), "request", "outstanding"),
        row(label("Facture", "Invoice"), "request", "external_ref"),
        row(label("Échéance", "Due date"), "request", "due_on"),
        row("IBAN", "payment", "iban"),
        row(label("Référence", "Reference"), "request", "creditor_reference"),
        row(label("Référence courte", "Short reference"), "request", "short_reference"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What to pay and where, as lines of plain text.
pub(super) fn payment_lines(data: &Json, language: Language) -> String {
    let (told, colon) = match language {
        Language::Fr => ("Payer ou répondre", " :"),
        Language::En => ("Pay or answer", ":"),
    };
    let lines: Vec<String> =
        rows(data, language).into_iter().map(|(label, value)| format!("{label}{colon} {value}")).collect();
    let link = link(data).map(|link| format!("{told}{colon} {link}"));
    lines.into_iter().chain(link).collect::<Vec<_>>().join("\n")
}

/// The page on which the payer answers, if there is one.
fn link(data: &Json) -> Option<&str> {
    at(data, "payment", "link").filter(|link| !link.is_empty())
}

/// The text of the QR code, if there is one.
pub(super) fn scan(data: &Json) -> Option<&str> {
    at(data, "payment", "scan")
}

/// What a mail shows beside its text.
#[derive(Clone, Copy)]
pub(super) struct Shown {
    /// What to pay and where.
    pub payment_box: bool,
    /// A code that says the same to a banking application.
    pub scan: bool,
}

/// The whole page.
pub(super) fn page(subject: &str, text: &str, data: &Json, language: Language, shown: Shown) -> String {
    let paragraphs: String = text
        .split("\n\n")
        .map(|paragraph| {
            let lines: Vec<String> = paragraph.trim().lines().map(escape).collect();
            format!("<p style=\"margin:0 0 16px\">{}</p>", lines.join("<br>"))
        })
        .collect();
    let receipt = if shown.payment_box { receipt(data, language, shown.scan) } else { String::new() };
    let merchant = escape(at(data, "merchant", "name").unwrap_or_default());
    let title = escape(subject);
    let code = language.code();
    format!(
        "<!doctype html><html lang=\"{code}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{title}</title></head>\
         <body style=\"margin:0;background:#f7f6f3;color:#1a1c23;font:16px/1.5 Helvetica,Arial,sans-serif\">\
         <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\"><tr><td align=\"center\" style=\"padding:32px 16px\">\
         <table role=\"presentation\" width=\"560\" cellpadding=\"0\" cellspacing=\"0\" style=\"max-width:560px;width:100%;background:#ffffff;border:1px solid #e2dfd8;border-radius:12px\">\
         <tr><td style=\"padding:20px 28px;border-bottom:1px dashed #e2dfd8;font-weight:bold\">{merchant}</td></tr>\
         <tr><td style=\"padding:24px 28px 8px\">{paragraphs}</td></tr>{receipt}\
         </table></td></tr></table></body></html>"
    )
}

fn receipt(data: &Json, language: Language, scan: bool) -> String {
    let rows: String = rows(data, language)
        .into_iter()
        .enumerate()
        .map(|(at, (label, value))| {
            let size = if at == 0 { "font-size:22px;font-weight:bold" } else { "font-weight:bold" };
            format!(
                "<tr><td style=\"padding:8px 16px;color:#50535e;border-bottom:1px dashed #e2dfd8\">{label}</td>\
                 <td align=\"right\" style=\"padding:8px 16px;border-bottom:1px dashed #e2dfd8;{size}\">{}</td></tr>",
                escape(&value)
            )
        })
        .collect();
    let scan = if scan { scan_row(language) } else { String::new() };
    let button = link(data).map(|link| button(link, language)).unwrap_or_default();
    format!(
        "<tr><td style=\"padding:0 28px 28px\"><table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" \
         style=\"background:#f7f6f3;border:1px solid #e2dfd8;border-radius:8px\">{rows}{scan}{button}</table></td></tr>"
    )
}

/// What leads to the page on which the payer answers.
fn button(link: &str, language: Language) -> String {
    let told = match language {
        Language::Fr => "Payer ou répondre",
        Language::En => "Pay or answer",
    };
    format!(
        "<tr><td colspan=\"2\" align=\"center\" style=\"padding:16px\"><a href=\"{}\" style=\"display:inline-block;padding:12px 22px;\
         background:#2a45b8;color:#ffffff;text-decoration:none;font-weight:bold;border-radius:8px\">{told}</a></td></tr>",
        escape(link)
    )
}

/// The code, white around it whatever the reader's colours.
fn scan_row(language: Language) -> String {
    let (alt, told) = match language {
        Language::Fr => ("QR code de virement", "À scanner avec votre application bancaire : tout est déjà rempli."),
        Language::En => ("Credit transfer QR code", "Scan it with your banking app: everything is filled in."),
    };
    format!(
        "<tr><td colspan=\"2\" align=\"center\" style=\"padding:16px\">\
         <img src=\"cid:{}\" width=\"164\" height=\"164\" alt=\"{alt}\" style=\"display:block;background:#ffffff;border-radius:8px\">\
         <span style=\"display:block;padding-top:8px;color:#50535e;font-size:13px\">{told}</span></td></tr>",
        super::SCAN
    )
}
