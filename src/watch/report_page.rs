//! A report as a page that opens anywhere: no script, no address, nothing to load.

use std::fmt::Write as _;

use super::Report;

/// Errors shown on the page; the JSON beside it lists more.
const SHOWN_MAX: usize = 500;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem;color:#1c2430;background:#fff}\
h1{font-size:1.35rem;margin:0 0 .25rem}p{margin:.25rem 0 1rem}.muted{color:#5b6675}\
.badge{display:inline-block;padding:.1rem .6rem;border-radius:1rem;font-size:.85rem;font-weight:600}\
.accepted,.duplicate{background:#e2f4e8;color:#14532d}.partly_accepted{background:#fdf0d5;color:#7a4a00}.rejected{background:#fbe3e4;color:#7f1d1d}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #e3e7ec;vertical-align:top}\
th{font-size:.8rem;color:#5b6675;font-weight:600}td.n{font-variant-numeric:tabular-nums;white-space:nowrap}code{font-family:ui-monospace,monospace;font-size:.9em}\
dl{display:flex;flex-wrap:wrap;gap:1.5rem;margin:1rem 0}dt{font-size:.8rem;color:#5b6675}dd{margin:0;font-size:1.2rem;font-variant-numeric:tabular-nums}\
@media(prefers-color-scheme:dark){body{background:#12161c;color:#e6e9ee}th,td{border-color:#2a313b}.muted,th,dt{color:#9aa5b1}}";

/// The page of a report.
pub(super) fn page(report: &Report) -> Vec<u8> {
    let mut page = String::new();
    // A string takes everything: the results of writing to it are of no interest.
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{name}</title><style>{STYLE}</style></head><body>\n\
         <h1>{name} <span class=\"badge {outcome}\">{words}</span></h1>\n<p class=\"muted\">feed {feed} of {tenant}, {at}</p>\n\
         <dl><div><dt>Read</dt><dd>{rows}</dd></div><div><dt>New</dt><dd>{accepted}</dd></div><div><dt>Already known</dt><dd>{known}</dd></div>\
         <div><dt>Passed over</dt><dd>{passed}</dd></div><div><dt>Refused</dt><dd>{refused}</dd></div></dl>\n",
        name = escaped(&report.file),
        outcome = escaped(&report.outcome),
        words = escaped(&report.outcome.replace('_', " ")),
        feed = escaped(&report.feed),
        tenant = escaped(&report.tenant),
        at = report.finished_at,
        rows = report.rows,
        accepted = report.accepted,
        known = report.known,
        passed = report.passed,
        refused = report.refused,
    );
    if !report.summary.is_empty() {
        let _ = writeln!(page, "<p>{}</p>", escaped(&report.summary));
    }
    for note in &report.notes {
        let _ = writeln!(page, "<p class=\"muted\">{}</p>", escaped(note));
    }
    if !report.errors.is_empty() {
        page.push_str("<table><thead><tr><th>Row</th><th>Line</th><th>Column</th><th>Field</th><th>What is wrong</th></tr></thead><tbody>\n");
        for error in report.errors.iter().take(SHOWN_MAX) {
            let number = |number: u64| if number == 0 { String::new() } else { number.to_string() };
            let _ = writeln!(
                page,
                "<tr><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td><code>{}</code></td><td>{}</td></tr>",
                number(error.row),
                number(error.line),
                number(error.column),
                escaped(&error.field),
                escaped(&error.message),
            );
        }
        page.push_str("</tbody></table>\n");
        if let Some(more) = report.errors.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
            let _ = writeln!(page, "<p class=\"muted\">and {more} more, in the JSON beside this page</p>");
        }
    }
    page.push_str("</body></html>\n");
    page.into_bytes()
}

/// A text from a file, which is hostile until this.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}
