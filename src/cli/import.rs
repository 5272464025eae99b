//! `quittance import`.

use std::io::{BufReader, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value as Json;

use quittance_actors::runtime::Intake;

use super::client::{self, Client, Connection};
use super::exit;
use crate::config::Mapping;
use crate::formats::{self, Item, Reader, erp};

#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    connection: Connection,
    /// The feed that reads it.
    #[arg(long, required_unless_present = "guess")]
    feed: Option<String>,
    /// Proposes a mapping of columns for the file and shows its first rows; nothing is sent.
    #[arg(long)]
    guess: bool,
    /// The file.
    file: PathBuf,
    /// Prints the report as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    if options.guess {
        return guess(&options.file);
    }
    client::run(import(options))
}

async fn import(options: &Options) -> anyhow::Result<u8> {
    let bytes = std::fs::read(&options.file).with_context(|| options.file.display().to_string())?;
    let name = options.file.file_name().and_then(|name| name.to_str()).unwrap_or("import");
    let client = Client::new(options.connection.clone())?;
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("feed", options.feed.as_deref().unwrap_or_default())
        .append_pair("name", name)
        .finish();
    let bar = ProgressBar::new(u64::try_from(bytes.len())?);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:32} {percent:>3} %  {msg}  {elapsed}, {eta} left")
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar.set_message(format!("{name}: uploading {} bytes", bytes.len()));
    let uploaded = client.upload(&format!("/v1/files?{query}"), bytes).await?;
    let sha256 = uploaded.get("sha256").and_then(Json::as_str).unwrap_or_default().to_owned();
    let mut quiet = 0;
    let report = loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let state = client.get(&format!("/v1/files/{sha256}")).await.unwrap_or_default();
        match state.get("state").and_then(Json::as_str) {
            Some("finished") => break state.get("report").cloned().unwrap_or_default(),
            Some("reading") => {
                let count = |key: &str| state.get(key).and_then(Json::as_u64).unwrap_or(0);
                let rows = count("rows");
                bar.set_position(count("bytes"));
                bar.set_message(format!("{name}: {rows} rows read"));
            }
            _ => bar.set_message(format!("{name}: waiting until it rests")),
        }
        quiet += 1;
        if !std::io::stderr().is_terminal() && quiet % 25 == 0 {
            eprintln!("{}", bar.message());
        }
    };
    bar.finish_and_clear();
    show(&report, options.json)
}

/// Rows that a proposal shows.
const PREVIEW_ROWS: usize = 5;

/// Says what a file is; of columns, proposes a mapping with its evidence and the first rows.
fn guess(path: &Path) -> anyhow::Result<u8> {
    let shown = || path.display().to_string();
    let mut head = Vec::new();
    let length = u64::try_from(erp::guess::GUESS_BYTES)?;
    std::fs::File::open(path).with_context(shown)?.take(length).read_to_end(&mut head).with_context(shown)?;
    let container: &[(&[u8], &str)] = &[
        (b"", "is empty"),
        (b"\x1f\x8b", "is packed with gzip: a feed reads the file in it, and a proposal needs it unpacked"),
        (b"PK\x03\x04", "is an archive or a workbook: unpack it, or save its sheet as CSV"),
        (b"\xd0\xcf\x11\xe0", "is an Excel workbook: save its sheet as CSV"),
    ];
    let is = |(magic, _): &&(&[u8], &str)| if magic.is_empty() { head.is_empty() } else { head.starts_with(magic) };
    if let Some((_, what)) = container.iter().find(is) {
        anyhow::bail!("{} {what}", path.display());
    }
    let name = erp::name_of(&head);
    let file = || std::fs::File::open(path).map(BufReader::new).with_context(shown);
    if name != "columns" {
        println!("{}: {name}; it needs no mapping of columns", path.display());
        return match formats::FORMATS.iter().any(|format| format.name == name) {
            true => preview(formats::open_bank(file()?).map_err(|error| anyhow::anyhow!("{error}"))?),
            false => preview(erp::open(file()?, &Mapping::published())),
        };
    }
    let found = erp::guess::guess(&head).map_err(|why| anyhow::anyhow!("{}: {why}", path.display()))?;
    println!("# a proposal for {}; save it as config/mappings/NAME.toml", path.display());
    print!("{}", found.toml);
    if !found.doubts.is_empty() {
        println!("\n# To be decided before it can be used:");
        for doubt in &found.doubts {
            println!("#  - {doubt}");
        }
        return Ok(exit::FINDINGS);
    }
    println!("\n# The first rows, as they would be read:");
    preview(erp::csv::reader(file()?, &found.mapping))
}

/// Shows what a reader makes of the first rows.
fn preview(mut reader: impl Reader) -> anyhow::Result<u8> {
    let (mut shown, mut code) = (0, 0);
    while shown < PREVIEW_ROWS {
        match reader.next() {
            None => break,
            Some(Err(error)) => {
                println!("#  refused: {error}");
                return Ok(exit::FINDINGS);
            }
            Some(Ok(Item::Row(row, intake))) => {
                println!("#  {row}: {}", in_words(&intake));
                shown += 1;
            }
            Some(Ok(Item::Refused(row, errors))) => {
                for error in errors {
                    println!("#  {row}: refused: {error}");
                }
                (shown, code) = (shown + 1, exit::FINDINGS);
            }
            Some(Ok(Item::Passed(row, why))) => println!("#  {row}: passed over: {why}"),
            Some(Ok(Item::Message(_))) => {}
            Some(Ok(Item::Note(note))) => println!("#  note: {note}"),
            Some(Ok(Item::Status(report))) => {
                println!("#  {}: order {}: {}", report.row, report.original_end_to_end, report.status);
                shown += 1;
            }
            Some(Ok(Item::Statement(_))) => {}
        }
    }
    Ok(code)
}

fn in_words(intake: &Intake) -> String {
    match intake {
        Intake::Invoice(row) => format!(
            "invoice {} of {}: {}, due {}{}",
            row.external_ref,
            row.customer_ref,
            row.amount,
            row.due_on,
            row.customer.as_ref().map_or_else(String::new, |customer| format!(", {}", customer.profile.name)),
        ),
        Intake::Customer(row) => format!("customer {}: {}", row.profile.external_ref, row.profile.name),
        Intake::CreditNote(row) => format!("credit note {} of {}: {}", row.number, row.customer_ref, row.amount),
        Intake::Mandate(row) => {
            format!("mandate {} of {}: {}", row.reference, row.customer_ref, row.mandate.iban.masked())
        }
        Intake::Plan(row) => format!(
            "plan {} of {}: {} every {}, from {}",
            row.external_ref, row.customer_ref, row.amounts.each, row.every, row.starts_on
        ),
        Intake::PayoutReturned(row) => format!("payout {}: {}", row.payout, row.reason_code),
        Intake::OrderReturned(row) => format!("order {}: {}", row.attempt, row.reason_code),
        Intake::Cancellation(row) => format!("cancellation of {}: {}", row.invoice, row.reason),
        Intake::Entry(entry) => {
            let details = &entry.details;
            let who = details.payer_name.as_deref().unwrap_or_default();
            let text = details.remittance.unstructured();
            format!("{} {} {}: {who} {text}", details.booked_on, entry.particulars.nature.text(), details.amount)
        }
    }
}

fn show(report: &Json, as_json: bool) -> anyhow::Result<u8> {
    let text = |key: &str| report.get(key).and_then(Json::as_str).unwrap_or_default();
    if as_json {
        println!("{}", serde_json::to_string_pretty(report)?);
    } else {
        println!("{}: {}: {}", text("file"), text("outcome").replace('_', " "), text("summary"));
        let errors = report.get("errors").and_then(Json::as_array).cloned().unwrap_or_default();
        for error in errors.iter().take(20) {
            println!("  {}", error.get("message").and_then(Json::as_str).unwrap_or_default());
        }
        if errors.len() > 20 {
            println!("  … and {} more in the report", errors.len() - 20);
        }
    }
    Ok(if matches!(text("outcome"), "accepted" | "duplicate") { 0 } else { exit::FINDINGS })
}
